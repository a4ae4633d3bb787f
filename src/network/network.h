// The network: what one engine computes, as typed layers over typed tensors, with TensorRT's words.
// It knows nothing of TensorFlow. ops/ lowers segments to it, network/ passes fuse and assign
// precision, engine/ and backends run it.
//
// Layout: tensors are row-major in the order the model has them; convolutions and pools say which
// axis is channels. Dims are -1 where only the run tells. Shape arithmetic is ordinary layers on
// int tensors: when an execution context is made for concrete input shapes, everything that depends
// on shapes alone is computed there, once (context_infer).
//
// Memory: a network owns an arena; layers, tensors and strings live in it. Constant tensors are
// reference-counted.
#ifndef TFTRT_NETWORK_NETWORK_H
#define TFTRT_NETWORK_NETWORK_H

#include "base/mem.h"
#include "base/status.h"
#include "tensor/tensor.h"

typedef struct network network_t;
typedef struct layer layer_t;
typedef struct net_tensor net_tensor_t;

typedef enum unary_op {
  UNARY_ABS,
  UNARY_NEG,
  UNARY_EXP,
  UNARY_EXPM1,
  UNARY_LOG,
  UNARY_LOG1P,
  UNARY_SQRT,
  UNARY_RSQRT,
  UNARY_RECIPROCAL,
  UNARY_SQUARE,
  UNARY_SIN,
  UNARY_COS,
  UNARY_TAN,
  UNARY_ASIN,
  UNARY_ACOS,
  UNARY_ATAN,
  UNARY_SINH,
  UNARY_COSH,
  UNARY_ASINH,
  UNARY_ACOSH,
  UNARY_ATANH,
  UNARY_ERF,
  UNARY_ERFC,
  UNARY_CEIL,
  UNARY_FLOOR,
  UNARY_ROUND /* half to even */,
  UNARY_SIGN,
  UNARY_NOT /* bool */,
  UNARY_RELU,
  UNARY_RELU6,
  UNARY_SIGMOID,
  UNARY_TANH,
  UNARY_ELU,
  UNARY_SELU,
  UNARY_SOFTSIGN,
  UNARY_SOFTPLUS,
  UNARY_LEAKY_RELU /* alpha */,
  UNARY_CLIP /* alpha = lo, beta = hi */,
  UNARY_SWISH /* x*sigmoid(x) */,
  UNARY_GELU_ERF,
  UNARY_GELU_TANH,
  UNARY_HARD_SIGMOID /* max(0,min(1,alpha*x+beta)) */,
  UNARY_HARD_SWISH,
  UNARY_MISH,
  UNARY_ISNAN,
  UNARY_ISINF,
  UNARY_ISFINITE,
  UNARY_IDENTITY,
  UNARY_COUNT
} unary_op_t;

typedef enum binary_op {
  BINARY_ADD,
  BINARY_SUB,
  BINARY_MUL,
  BINARY_DIV /* ints truncate, as TF's Div */,
  BINARY_FLOORDIV,
  BINARY_FLOORMOD,
  BINARY_TRUNCATEMOD,
  BINARY_MIN,
  BINARY_MAX,
  BINARY_POW,
  BINARY_SQUARED_DIFFERENCE,
  BINARY_DIV_NO_NAN,
  BINARY_MUL_NO_NAN,
  BINARY_ATAN2,
  BINARY_GREATER,
  BINARY_LESS,
  BINARY_EQUAL,
  BINARY_GREATER_EQUAL,
  BINARY_LESS_EQUAL,
  BINARY_NOT_EQUAL,
  BINARY_AND,
  BINARY_OR,
  BINARY_XOR /* bool */,
  BINARY_PRELU /* x > 0 ? x : x*y */,
  BINARY_COUNT
} binary_op_t;

typedef enum reduce_op {
  REDUCE_SUM,
  REDUCE_PROD,
  REDUCE_MAX,
  REDUCE_MIN,
  REDUCE_MEAN,
  REDUCE_ALL,
  REDUCE_ANY,
  REDUCE_L2 /* sqrt(sum x^2) */,
  REDUCE_SUM_SQUARE
} reduce_op_t;

typedef enum layer_type {
  LAYER_IDENTITY,  // in: x. A copy; removed by passes where it can be
  LAYER_UNARY,     // in: x. p.unary
  LAYER_BINARY,    // in: a, b (broadcast). p.binary
  LAYER_SELECT,    // in: cond(bool), a, b (broadcast all three)
  LAYER_CAST,      // in: x. to the dtype of out[0]; TensorFlow's Cast (truncate, saturation as C);
                   // p.cast
  // Convolutions and products take 8-bit tensors that stand for real values (net_tensor.scale):
  // then x and w both are, w signed with zero point 0 and fixed, residual and output may be. So do
  // means (layer_averages), whose output may be.
  LAYER_CONV,  // in: x, w, [bias], [residual]. p.conv; w is [spatial..., C/groups, M] (TF's HWIO),
               // 1-3 spatial dims
  LAYER_DECONV,     // in: x, w, output size of the spatial dims (int), [bias]. p.conv; w is
                    // [spatial..., M, C]
  LAYER_MATMUL,     // in: a, b, [bias], [residual]. p.matmul; batch dims broadcast
  LAYER_POOL,       // in: x. p.pool
  LAYER_SOFTMAX,    // in: x. p.softmax
  LAYER_REDUCE,     // in: x. p.reduce
  LAYER_NORM,       // in: x, scale, [offset]: (x-mean)/sqrt(var+eps)*scale+offset over p.norm axes
                    // (fusion makes it)
  LAYER_CONCAT,     // in: n tensors. p.axis
  LAYER_SPLIT,      // in: x, [sizes (int)]. p.axis; equal parts when sizes is absent
  LAYER_SLICE,      // in: x, begin, end, strides (ints). p.slice; TF's StridedSlice with its masks
  LAYER_PAD,        // in: x, paddings [r,2] (int), [value scalar]. p.pad
  LAYER_GATHER,     // in: params, indices (int). p.gather; TF's GatherV2
  LAYER_GATHER_ND,  // in: params, indices
  LAYER_TRANSPOSE,  // in: x. p.transpose
  LAYER_RESHAPE,    // in: x, shape (int; one -1 allowed)
  LAYER_SQUEEZE,    // in: x. p.axes (none: all 1-dims)
  LAYER_EXPAND_DIMS,     // in: x. p.axes[0]
  LAYER_BROADCAST,       // in: x, shape (int)
  LAYER_TILE,            // in: x, multiples (int)
  LAYER_PACK,            // in: n tensors. p.axis
  LAYER_UNPACK,          // in: x. p.axis
  LAYER_RESIZE,          // in: x [N,H,W,C], size (int [2]). p.resize
  LAYER_TOPK,            // in: x, k (int scalar); out: values, indices. p.topk
  LAYER_ARG,             // in: x; out: indices. p.arg
  LAYER_SHAPE,           // in: x; out: int vector
  LAYER_SIZE,            // in: x; out: int scalar
  LAYER_RANK,            // in: x; out: int scalar
  LAYER_FILL,            // in: dims (int), value (scalar)
  LAYER_RANGE,           // in: start, limit, delta (scalars)
  LAYER_CUMULATIVE,      // in: x. p.cumulative
  LAYER_ONE_HOT,         // in: indices, depth, on, off. p.axis
  LAYER_REVERSE,         // in: x. p.axes
  LAYER_DEPTH_TO_SPACE,  // in: x. p.block
  LAYER_SPACE_TO_DEPTH,  // in: x. p.block
  LAYER_SPACE_TO_BATCH,  // in: x, block shape (int), paddings (int)
  LAYER_BATCH_TO_SPACE,  // in: x, block shape (int), crops (int)
  LAYER_LRN,             // in: x. p.lrn
  LAYER_NMS,             // in: boxes, scores, max per class, max total, iou, score threshold;
                         // CombinedNonMaxSuppression. p.nms
  LAYER_QUANTIZE,        // in: x, scale (scalar or per channel). p.quantize; out: int8 or uint8
  LAYER_DEQUANTIZE,      // in: q, scale. p.quantize
  LAYER_FUSED,      // in: n tensors (broadcast). p.fused: a chain of elementwise steps in one pass
  LAYER_ATTENTION,  // in: q, k, v [.., T, H, D]-like, [mask]. p.attention (fusion makes it)
  LAYER_TYPE_COUNT
} layer_type_t;

enum { NET_MAX_AXES = 8, NET_MAX_STEPS = 32 };

typedef struct activation {  // fused behind conv, matmul, norm
  bool on;
  unary_op_t op;
  float alpha, beta;
} activation_t;

typedef struct conv_params {
  int spatial;         // 1, 2 or 3
  bool channels_last;  // NHWC-like, else NCHW-like
  int64_t strides[3], dilations[3];
  int64_t pad_begin[3], pad_end[3];
  bool same;  // TF's SAME: pads follow from the input size; pad_* unused
  int64_t
      groups;  // depthwise: groups == C; 0: derived from the input's channels / w's input channels
  bool depthwise;               // w is TF's depthwise filter [h, w, C, multiplier]
  bool has_bias, has_residual;  // residual is added before the activation
  activation_t act;
} conv_params_t;

// One step of LAYER_FUSED. Values are numbered: 0 .. n_in-1 are the layer's inputs, then one per
// step.
typedef struct fused_step {
  enum {
    STEP_UNARY,
    STEP_BINARY,
    STEP_SELECT,
    STEP_CAST,
    STEP_DEQUANTIZE,  // of one 8-bit number, as LAYER_DEQUANTIZE
    STEP_QUANTIZE     // to one, to the nearest (half to even)
  } kind;
  int op;             // unary_op_t or binary_op_t
  int a, b, c;        // operands
  float alpha, beta;  // of a (DE)QUANTIZE: what one step is, and the number that stands for 0
  dtype_t dtype;      // of the result
} fused_step_t;

typedef enum quantize_rounding {
  QUANTIZE_HALF_EVEN,
  QUANTIZE_HALF_UP,
  QUANTIZE_HALF_AWAY
} quantize_rounding_t;

typedef struct layer_params {
  struct {
    unary_op_t op;
    float alpha, beta;
  } unary;
  struct {
    binary_op_t op;
  } binary;
  conv_params_t conv;
  struct {
    bool transpose_a, transpose_b;
    bool has_bias, has_residual;
    activation_t act;
    float scale; /* 0 or 1: none */
  } matmul;
  struct {
    bool max;  // else average
    int spatial;
    bool channels_last;
    int64_t window[3], strides[3], pad_begin[3], pad_end[3];
    bool same;           // as in conv; the average leaves padding out of the count
    bool count_padding;  // average: padding counts (fused Pad)
  } pool;
  struct {
    int axis;
    bool log;
    float scale;
  } softmax;  // axis may be negative
  struct {
    reduce_op_t op;
    bool keep_dims;
  } reduce;  // over axes
  struct {
    float epsilon;
    bool has_offset;
    activation_t act;
  } norm;  // over axes
  struct {
    int64_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask;
    bool size_mode; /* in[2] is TF Slice's size, no strides */
  } slice;
  struct {
    enum { PAD_CONSTANT, PAD_REFLECT, PAD_SYMMETRIC } mode;
  } pad;
  struct {
    int batch_dims;
  } gather;  // axis in `axis`
  struct {
    int n;
    int perm[SHAPE_MAX_RANK];
  } transpose;
  struct {
    enum { RESIZE_NEAREST, RESIZE_BILINEAR, RESIZE_BICUBIC } mode;
    bool align_corners, half_pixel_centers;
  } resize;
  struct {
    bool sorted;
  } topk;
  struct {
    bool max;
  } arg;  // axis in `axis`
  struct {
    bool prod, exclusive, reverse;
  } cumulative;  // axis in `axis`
  struct {
    int64_t radius;
    float bias, alpha, beta;
  } lrn;
  struct {
    bool pad_per_class, clip_boxes;
  } nms;
  struct {
    int axis;
    int zero_point;
    bool narrow;  // the lowest number is not used
    quantize_rounding_t rounding;
    // As the graph computes it, for sums that fall between two steps: the number is round((x -
    // base) * multiplier), counted from zero_point, or, where base is not 0, from the lowest
    // number. multiplier 0: 1 / scale.
    float multiplier, base;
  } quantize;  // axis -1: per tensor
  struct {
    int n;
    fused_step_t step[NET_MAX_STEPS];
  } fused;  // the result is the last step's value
  struct {
    float scale;
    bool causal;
    int layout;
  } attention;
  struct {
    bool truncate;
  } cast;
  int axis, block;
  bool channels_last;  // depth/space
  int n_axes;
  int axes[NET_MAX_AXES];
} layer_params_t;

// What calibration saw of one channel; least <= 0, most >= 0, as far as 8 bits had better cover
// them.
typedef struct channel_range {
  float least, most;
  float rms;  // root of the mean square
} channel_range_t;

// Factors on a stored weight (network/weight_scale.h); n is 0 when there are none.
typedef struct weight_scale {
  const double *factor;  // [n], in the network's arena
  int64_t n, inner;      // element i takes factor[(i / inner) % n]
} weight_scale_t;

struct net_tensor {
  int id;
  const char *name;  // the TensorFlow node (":port" when not 0)
  dtype_t dtype;
  shape_t shape;      // -1 where unknown until run time
  layer_t *producer;  // NULL: network input or constant
  int port;
  bool is_const;
  tensor_t value;          // constant's value; may be mapped from a file
  const char *weight_key;  // where the value is stored outside the plan (variables bundle); NULL:
                           // inside the plan
  weight_scale_t weight_scale;  // value = what is stored under the key, times this
  // Of an FP16 constant the float32 one that it was rounded from, where that is kept: kernels may
  // have finer weights (weight_unrounded). stored_weight: it is not yet times weight_scale.
  tensor_t unrounded;
  bool stored_weight;
  int n_readers;  // layers' inputs + network outputs
  // Precision. scale: the real value of one 8-bit step. On a float tensor the range that is known
  // of it, 127 steps to either side; 0: none. On an INT8 or UINT8 tensor that stands for real
  // values: (number - zero_point) * scale. A constant may have one scale per channel of its last
  // axis instead (depthwise filters: of the last two; of LAYER_DECONV: the last but one), in the
  // network's arena.
  // least, most: on a float tensor with a scale, what its values lie between inside that range, 0
  // included; both 0: the whole range.
  float scale, least, most;
  int zero_point;
  const float *channel_scale;
  int64_t n_channel_scales;
  // Of a float tensor with a scale: the ranges of its channels, the last axis; both lists are in
  // the network's arena, as long as that axis, or not there (NULL, 0).
  const channel_range_t *channels;
  int64_t n_channels;
  // Equalised (network/equalise.h): what TensorFlow has in this place is the value of the tensor
  // times its channel's factor.
  const float *channel_factor;
  int64_t n_channel_factors;
  const struct known *known;  // elements of a small int tensor, as far as known (network/known.h)
};

struct layer {
  int id;
  layer_type_t type;
  const char *name;       // "<tf node>"; fused ones keep the last node's name
  const char **tf_nodes;  // every TensorFlow node this layer computes
  int n_tf_nodes;
  net_tensor_t **in, **out;
  int n_in, n_out;
  layer_params_t p;
  const char *why;  // a sentence: why it computes in more bits than the mode allows; NULL
  bool dead;
};

// What TensorFlow calls a tensor: "node", "node:1", "TensorRTInputPH_0". A tensor may have several
// names (Identity is no layer). Kept while lowering; copies of the network have none.
typedef struct net_name {
  const char *name;
  net_tensor_t *tensor;
} net_name_t;

// Layers that compute a TensorFlow node have at least so many bits, whatever the mode.
typedef struct net_keep {
  const char *node;
  dtype_t at_least;  // DT_FLOAT, or DT_HALF: 16 bits of either type
} net_keep_t;

// Precision modes FP16 and BF16 (network/half.h).
typedef enum half_mode {
  HALF_NONE,
  HALF_FASTER,   // layers may compute on FP16 or BF16 tensors, whichever the machine does faster
  HALF_BFLOAT16  // layers compute on BF16 tensors wherever they can
} half_mode_t;

struct network {
  arena_t *arena;
  const char *name;
  layer_t **layers;  // in an order in which producers come first
  int n_layers, cap_layers;
  net_tensor_t **tensors;
  int n_tensors, cap_tensors;
  net_tensor_t **inputs, **outputs;
  int n_inputs, n_outputs;
  const char *tf_node;  // while lowering: recorded in the layers made
  int64_t next_symbol;  // for unknown dims of inputs
  // Precision mode INT8: layers may compute in 8 bits where ranges are known. False again once it
  // is decided which do.
  bool int8;
  bool implicit_ranges;  // ranges of tensors decide; quantization nodes only give ranges
  half_mode_t half;      // HALF_NONE again once it is decided which layers do; of an engine's
                         // network, whether the mode was one of those
  net_keep_t *keep;      // in the arena
  int n_keep;
  net_name_t *names;
  int n_names, cap_names;
};

network_t *network_create(const char *name);
void network_destroy(network_t *n);            // NULL is fine
network_t *network_clone(const network_t *n);  // constants share their buffers

// A dim of -1 becomes a symbol of its own (<= -2, see tensor/shape.h), so that equal dims further
// on are known to be equal.
net_tensor_t *network_add_input(network_t *n, const char *name, dtype_t dtype,
                                const shape_t *shape);
void network_mark_output(network_t *n, net_tensor_t *t);
void network_name_tensor(network_t *n, net_tensor_t *t, const char *name);
void network_keep(network_t *n, const char *node, dtype_t at_least);
// The most that any of the layer's nodes asks for: DT_FLOAT, DT_HALF, or DT_INVALID for nothing.
dtype_t network_kept(const network_t *n, const layer_t *l);
// Takes a reference on the value. weight_key may be NULL.
net_tensor_t *network_add_constant(network_t *n, const char *name, const tensor_t *value,
                                   const char *weight_key);
net_tensor_t *network_const_ints(network_t *n, const char *name, dtype_t dtype, int count,
                                 const int64_t *v);  // vector
net_tensor_t *network_const_scalar(network_t *n, const char *name, dtype_t dtype, double v);

// Adds a layer whose params are set by the caller afterwards (l->p...). Outputs get dtype and,
// after network_infer_layer, a shape. n_out outputs.
layer_t *network_add_layer(network_t *n, layer_type_t type, const char *name, int n_in,
                           net_tensor_t *const *in, int n_out, const dtype_t *out_dtypes);
// Short forms for lowering; each returns output 0 with its shape inferred. Shapes that cannot be
// leave the output's shape unknown; network_infer, which ends every lowering, then says what is
// wrong.
net_tensor_t *net_unary(network_t *n, unary_op_t op, net_tensor_t *x);
net_tensor_t *net_unary2(network_t *n, unary_op_t op, net_tensor_t *x, float alpha, float beta);
net_tensor_t *net_binary(network_t *n, binary_op_t op, net_tensor_t *a,
                         net_tensor_t *b);  // bool result for comparisons
net_tensor_t *net_select(network_t *n, net_tensor_t *cond, net_tensor_t *a, net_tensor_t *b);
net_tensor_t *net_cast(network_t *n, net_tensor_t *x, dtype_t to);
net_tensor_t *net_reduce(network_t *n, reduce_op_t op, net_tensor_t *x, const int *axes, int n_axes,
                         bool keep_dims);
net_tensor_t *net_reshape(network_t *n, net_tensor_t *x, net_tensor_t *shape);
net_tensor_t *net_reshape_to(network_t *n, net_tensor_t *x, const int64_t *dims, int rank);
net_tensor_t *net_transpose(network_t *n, net_tensor_t *x, const int *perm, int rank);
net_tensor_t *net_matmul(network_t *n, net_tensor_t *a, net_tensor_t *b, bool ta, bool tb);
net_tensor_t *net_expand_dims(network_t *n, net_tensor_t *x, int axis);
net_tensor_t *net_squeeze(network_t *n, net_tensor_t *x, const int *axes, int n_axes);
net_tensor_t *net_layer1(network_t *n, layer_type_t type, int n_in, net_tensor_t *const *in,
                         dtype_t dtype,
                         const layer_params_t *p);  // any layer with one output

// What a layer computes on: "int8" (of either sign), "fp16", "bf16", "fp32", "fp64", or the name of
// another dtype.
const char *layer_precision(const layer_t *l);
const char *layer_type_name(layer_type_t t);  // "CONVOLUTION"-like, TensorRT's where it has one
const char *unary_op_name(unary_op_t op);
const char *binary_op_name(binary_op_t op);
const char *reduce_op_name(reduce_op_t op);
// The elementwise function itself, in double precision: the definition that every backend is held
// to.
double unary_eval(unary_op_t op, double x, float alpha, float beta);
double binary_eval(binary_op_t op, double a, double b);
// The same on integers, wrapping on overflow. false: division by zero, or a negative power.
bool binary_eval_int(binary_op_t op, int64_t a, int64_t b, int64_t *out);
// Bool results: comparisons and logic.
bool binary_op_compares(binary_op_t op);
// Is the result a mean of the input's elements, and nothing else?
bool layer_averages(const layer_t *l);
// Which input the bias (of LAYER_NORM: the offset) is, and the residual; -1: there is none.
int layer_bias_at(const layer_t *l);
int layer_residual_at(const layer_t *l);
int layer_conv_groups(
    const layer_t *l);  // as the convolution will run; 0 while channels are unknown

// The 8-bit number that QUANTIZE makes of x.
const char *fused_step_name(const fused_step_t *s);
double quantize_number(const layer_params_t *p, float scale, bool is_unsigned, double x);

// Shapes (network/infer.c). in_values[i] may be NULL; outs are written, -1 where unknown. Fails
// with INVALID_ARGUMENT naming the layer when the shapes cannot be.
status_t layer_infer(const layer_t *l, const shape_t *in_shapes, const tensor_t *const *in_values,
                     shape_t *out_shapes);
// The same for a layer in its network: shapes and known values of its outputs from its inputs'.
// Every dim that is not known becomes a symbol.
status_t network_infer_layer(network_t *n, layer_t *l);
status_t network_infer(
    network_t *n);  // fills every tensor's shape from the inputs' (partial) shapes
// TF's SAME/VALID/explicit padding for one spatial dim: output size and pad before.
void conv_geometry(int64_t in, int64_t window, int64_t stride, int64_t dilation, bool same,
                   int64_t pad_begin, int64_t pad_end, int64_t *out, int64_t *before);

// Passes (network/passes/<name>.c), in the order network_optimize runs them.
typedef struct network_options {
  size_t struct_size;
  bool fuse;  // false: leave layers as lowered (ref backend, debugging)
} network_options_t;
status_t network_optimize(network_t *n, const network_options_t *o);
void network_compact(network_t *n);  // drops dead layers, unread tensors; recounts readers; sorts

// Text and JSON dumps; mem_free the result.
char *network_to_text(const network_t *n);
char *network_to_json(const network_t *n);

#endif
