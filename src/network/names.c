// Names of layers and elementwise functions, in TensorRT's words where it has one.
#include "network/network.h"

#define NAME_OF(table, i, count) ((unsigned)(i) < (unsigned)(count) ? table[i] : "UNKNOWN")

static const char *const layer_names[LAYER_TYPE_COUNT] = {
    [LAYER_IDENTITY] = "IDENTITY",
    [LAYER_UNARY] = "UNARY",
    [LAYER_BINARY] = "ELEMENTWISE",
    [LAYER_SELECT] = "SELECT",
    [LAYER_CAST] = "CAST",
    [LAYER_CONV] = "CONVOLUTION",
    [LAYER_DECONV] = "DECONVOLUTION",
    [LAYER_MATMUL] = "MATRIX_MULTIPLY",
    [LAYER_POOL] = "POOLING",
    [LAYER_SOFTMAX] = "SOFTMAX",
    [LAYER_REDUCE] = "REDUCE",
    [LAYER_NORM] = "NORMALIZATION",
    [LAYER_CONCAT] = "CONCATENATION",
    [LAYER_SPLIT] = "SPLIT",
    [LAYER_SLICE] = "SLICE",
    [LAYER_PAD] = "PADDING",
    [LAYER_GATHER] = "GATHER",
    [LAYER_GATHER_ND] = "GATHER_ND",
    [LAYER_TRANSPOSE] = "TRANSPOSE",
    [LAYER_RESHAPE] = "RESHAPE",
    [LAYER_SQUEEZE] = "SQUEEZE",
    [LAYER_EXPAND_DIMS] = "EXPAND_DIMS",
    [LAYER_BROADCAST] = "BROADCAST",
    [LAYER_TILE] = "TILE",
    [LAYER_PACK] = "PACK",
    [LAYER_UNPACK] = "UNPACK",
    [LAYER_RESIZE] = "RESIZE",
    [LAYER_TOPK] = "TOPK",
    [LAYER_ARG] = "ARG_REDUCE",
    [LAYER_SHAPE] = "SHAPE",
    [LAYER_SIZE] = "SIZE",
    [LAYER_RANK] = "RANK",
    [LAYER_FILL] = "FILL",
    [LAYER_RANGE] = "RANGE",
    [LAYER_CUMULATIVE] = "CUMULATIVE",
    [LAYER_ONE_HOT] = "ONE_HOT",
    [LAYER_REVERSE] = "REVERSE",
    [LAYER_DEPTH_TO_SPACE] = "DEPTH_TO_SPACE",
    [LAYER_SPACE_TO_DEPTH] = "SPACE_TO_DEPTH",
    [LAYER_SPACE_TO_BATCH] = "SPACE_TO_BATCH",
    [LAYER_BATCH_TO_SPACE] = "BATCH_TO_SPACE",
    [LAYER_LRN] = "LRN",
    [LAYER_NMS] = "NMS",
    [LAYER_QUANTIZE] = "QUANTIZE",
    [LAYER_DEQUANTIZE] = "DEQUANTIZE",
    [LAYER_FUSED] = "FUSED_ELEMENTWISE",
    [LAYER_ATTENTION] = "ATTENTION",
};

const char *layer_type_name(layer_type_t t) { return NAME_OF(layer_names, t, LAYER_TYPE_COUNT); }

static const char *const unary_names[UNARY_COUNT] = {
    [UNARY_ABS] = "ABS",
    [UNARY_NEG] = "NEG",
    [UNARY_EXP] = "EXP",
    [UNARY_EXPM1] = "EXPM1",
    [UNARY_LOG] = "LOG",
    [UNARY_LOG1P] = "LOG1P",
    [UNARY_SQRT] = "SQRT",
    [UNARY_RSQRT] = "RSQRT",
    [UNARY_RECIPROCAL] = "RECIP",
    [UNARY_SQUARE] = "SQUARE",
    [UNARY_SIN] = "SIN",
    [UNARY_COS] = "COS",
    [UNARY_TAN] = "TAN",
    [UNARY_ASIN] = "ASIN",
    [UNARY_ACOS] = "ACOS",
    [UNARY_ATAN] = "ATAN",
    [UNARY_SINH] = "SINH",
    [UNARY_COSH] = "COSH",
    [UNARY_ASINH] = "ASINH",
    [UNARY_ACOSH] = "ACOSH",
    [UNARY_ATANH] = "ATANH",
    [UNARY_ERF] = "ERF",
    [UNARY_ERFC] = "ERFC",
    [UNARY_CEIL] = "CEIL",
    [UNARY_FLOOR] = "FLOOR",
    [UNARY_ROUND] = "ROUND",
    [UNARY_SIGN] = "SIGN",
    [UNARY_NOT] = "NOT",
    [UNARY_RELU] = "RELU",
    [UNARY_RELU6] = "RELU6",
    [UNARY_SIGMOID] = "SIGMOID",
    [UNARY_TANH] = "TANH",
    [UNARY_ELU] = "ELU",
    [UNARY_SELU] = "SELU",
    [UNARY_SOFTSIGN] = "SOFTSIGN",
    [UNARY_SOFTPLUS] = "SOFTPLUS",
    [UNARY_LEAKY_RELU] = "LEAKY_RELU",
    [UNARY_CLIP] = "CLIP",
    [UNARY_SWISH] = "SWISH",
    [UNARY_GELU_ERF] = "GELU_ERF",
    [UNARY_GELU_TANH] = "GELU_TANH",
    [UNARY_HARD_SIGMOID] = "HARD_SIGMOID",
    [UNARY_HARD_SWISH] = "HARD_SWISH",
    [UNARY_MISH] = "MISH",
    [UNARY_ISNAN] = "ISNAN",
    [UNARY_ISINF] = "ISINF",
    [UNARY_ISFINITE] = "ISFINITE",
    [UNARY_IDENTITY] = "IDENTITY",
};

const char *unary_op_name(unary_op_t op) { return NAME_OF(unary_names, op, UNARY_COUNT); }

static const char *const binary_names[BINARY_COUNT] = {
    [BINARY_ADD] = "SUM",
    [BINARY_SUB] = "SUB",
    [BINARY_MUL] = "PROD",
    [BINARY_DIV] = "DIV",
    [BINARY_FLOORDIV] = "FLOOR_DIV",
    [BINARY_FLOORMOD] = "FLOOR_MOD",
    [BINARY_TRUNCATEMOD] = "TRUNCATE_MOD",
    [BINARY_MIN] = "MIN",
    [BINARY_MAX] = "MAX",
    [BINARY_POW] = "POW",
    [BINARY_SQUARED_DIFFERENCE] = "SQUARED_DIFFERENCE",
    [BINARY_DIV_NO_NAN] = "DIV_NO_NAN",
    [BINARY_MUL_NO_NAN] = "MUL_NO_NAN",
    [BINARY_ATAN2] = "ATAN2",
    [BINARY_GREATER] = "GREATER",
    [BINARY_LESS] = "LESS",
    [BINARY_EQUAL] = "EQUAL",
    [BINARY_GREATER_EQUAL] = "GREATER_EQUAL",
    [BINARY_LESS_EQUAL] = "LESS_EQUAL",
    [BINARY_NOT_EQUAL] = "NOT_EQUAL",
    [BINARY_AND] = "AND",
    [BINARY_OR] = "OR",
    [BINARY_XOR] = "XOR",
    [BINARY_PRELU] = "PRELU",
};

const char *binary_op_name(binary_op_t op) { return NAME_OF(binary_names, op, BINARY_COUNT); }

static const char *const reduce_names[] = {
    [REDUCE_SUM] = "SUM", [REDUCE_PROD] = "PROD", [REDUCE_MAX] = "MAX",
    [REDUCE_MIN] = "MIN", [REDUCE_MEAN] = "AVG",  [REDUCE_ALL] = "ALL",
    [REDUCE_ANY] = "ANY", [REDUCE_L2] = "L2",     [REDUCE_SUM_SQUARE] = "SUM_SQUARE",
};

const char *reduce_op_name(reduce_op_t op) {
  return NAME_OF(reduce_names, op, sizeof reduce_names / sizeof *reduce_names);
}

const char *layer_precision(const layer_t *l) {
  const net_tensor_t *t = l->type == LAYER_QUANTIZE || !l->n_in ? l->out[0] : l->in[0];
  if (t->dtype == DT_BOOL) t = l->out[0];  // conditions of a SELECT
  switch (t->dtype) {
    case DT_INT8:
    case DT_UINT8: return t->scale > 0 ? "int8" : dtype_name(t->dtype);
    case DT_HALF: return "fp16";
    case DT_BFLOAT16: return "bf16";
    case DT_FLOAT: return "fp32";
    case DT_DOUBLE: return "fp64";
    default: return dtype_name(t->dtype);
  }
}

const char *fused_step_name(const fused_step_t *s) {
  switch (s->kind) {
    case STEP_UNARY: return unary_op_name((unary_op_t)s->op);
    case STEP_BINARY: return binary_op_name((binary_op_t)s->op);
    case STEP_SELECT: return "SELECT";
    case STEP_CAST: return "CAST";
    case STEP_DEQUANTIZE: return "DEQUANTIZE";
    case STEP_QUANTIZE: return "QUANTIZE";
  }
  return "?";
}
