// Dispatch: infers the output shapes, allocates, evaluates.
#include <math.h>
#include <string.h>

#include "network/eval/eval_internal.h"

int64_t eval_int(const tensor_t *t, int64_t i) {
  switch (t->dtype) {
    case DT_INT64: return TENSOR_DATA(int64_t, t)[i];
    case DT_INT32: return TENSOR_DATA(int32_t, t)[i];
    case DT_INT16: return TENSOR_DATA(int16_t, t)[i];
    case DT_INT8: return TENSOR_DATA(int8_t, t)[i];
    case DT_UINT8: return TENSOR_DATA(uint8_t, t)[i];
    case DT_UINT16: return TENSOR_DATA(uint16_t, t)[i];
    case DT_UINT32: return TENSOR_DATA(uint32_t, t)[i];
    case DT_UINT64: return (int64_t)TENSOR_DATA(uint64_t, t)[i];
    case DT_BOOL: return TENSOR_DATA(uint8_t, t)[i] != 0;
    default: return 0;
  }
}

void eval_set_int(tensor_t *t, int64_t i, int64_t v) {
  switch (t->dtype) {
    case DT_INT64:
    case DT_UINT64: TENSOR_DATA(int64_t, t)[i] = v; break;
    case DT_INT32:
    case DT_UINT32: TENSOR_DATA(uint32_t, t)[i] = (uint32_t)v; break;
    case DT_INT16:
    case DT_UINT16: TENSOR_DATA(uint16_t, t)[i] = (uint16_t)v; break;
    case DT_INT8:
    case DT_UINT8: TENSOR_DATA(uint8_t, t)[i] = (uint8_t)v; break;
    case DT_BOOL: TENSOR_DATA(uint8_t, t)[i] = v != 0; break;
    default: tensor_set_number(t, i, (double)v); break;
  }
}

double *eval_doubles(const tensor_t *t) {
  size_t bytes;
  int64_t n = tensor_elements(t);
  if (n < 0 || !size_mul((size_t)n, sizeof(double), &bytes)) return NULL;
  double *d = mem_try_alloc(bytes ? bytes : sizeof(double));
  if (!d) return NULL;
  if (t->dtype == DT_FLOAT)
    for (int64_t i = 0; i < n; i++) d[i] = (double)TENSOR_DATA(float, t)[i];
  else
    for (int64_t i = 0; i < n; i++) d[i] = tensor_number_at(t, i);
  return d;
}

void eval_broadcast_strides(const shape_t *s, const shape_t *to, int64_t *strides) {
  int64_t own[SHAPE_MAX_RANK];
  shape_strides(s, own);
  for (int i = 0; i < to->rank; i++) {
    int d = i - (to->rank - s->rank);
    strides[i] = d < 0 || s->d[d] == 1 ? 0 : own[d];
  }
}

eval_axis_t eval_axis_of(const shape_t *s, int axis) {
  eval_axis_t a = {1, s->d[axis], 1};
  for (int i = 0; i < axis; i++) a.outer *= s->d[i];
  for (int i = axis + 1; i < s->rank; i++) a.inner *= s->d[i];
  return a;
}

static const eval_fn evaluators[LAYER_TYPE_COUNT] = {
    [LAYER_IDENTITY] = eval_copy,
    [LAYER_UNARY] = eval_elementwise,
    [LAYER_BINARY] = eval_elementwise,
    [LAYER_SELECT] = eval_elementwise,
    [LAYER_CAST] = eval_cast,
    [LAYER_CONV] = eval_conv,
    [LAYER_DECONV] = eval_deconv,
    [LAYER_MATMUL] = eval_matmul,
    [LAYER_POOL] = eval_pool,
    [LAYER_SOFTMAX] = eval_softmax,
    [LAYER_REDUCE] = eval_reduce,
    [LAYER_NORM] = eval_norm,
    [LAYER_CONCAT] = eval_join,
    [LAYER_SPLIT] = eval_split,
    [LAYER_SLICE] = eval_slice,
    [LAYER_PAD] = eval_pad,
    [LAYER_GATHER] = eval_gather,
    [LAYER_GATHER_ND] = eval_gather_nd,
    [LAYER_TRANSPOSE] = eval_transpose,
    [LAYER_RESHAPE] = eval_copy,
    [LAYER_SQUEEZE] = eval_copy,
    [LAYER_EXPAND_DIMS] = eval_copy,
    [LAYER_BROADCAST] = eval_broadcast,
    [LAYER_TILE] = eval_tile,
    [LAYER_PACK] = eval_join,
    [LAYER_UNPACK] = eval_split,
    [LAYER_RESIZE] = eval_resize,
    [LAYER_TOPK] = eval_topk,
    [LAYER_ARG] = eval_arg,
    [LAYER_SHAPE] = eval_shape,
    [LAYER_SIZE] = eval_shape,
    [LAYER_RANK] = eval_shape,
    [LAYER_FILL] = eval_fill,
    [LAYER_RANGE] = eval_range,
    [LAYER_CUMULATIVE] = eval_cumulative,
    [LAYER_ONE_HOT] = eval_one_hot,
    [LAYER_REVERSE] = eval_reverse,
    [LAYER_DEPTH_TO_SPACE] = eval_depth_space,
    [LAYER_SPACE_TO_DEPTH] = eval_depth_space,
    [LAYER_SPACE_TO_BATCH] = eval_space_batch,
    [LAYER_BATCH_TO_SPACE] = eval_space_batch,
    [LAYER_LRN] = eval_lrn,
    [LAYER_NMS] = eval_nms,
    [LAYER_QUANTIZE] = eval_quantize,
    [LAYER_DEQUANTIZE] = eval_quantize,
    [LAYER_FUSED] = eval_fused,
    [LAYER_ATTENTION] = eval_attention,
};

status_t layer_eval(const layer_t *l, const tensor_t *in, tensor_t *out) {
  size_t n_in = (size_t)l->n_in + 1;
  shape_t *in_shapes = mem_alloc(n_in * sizeof *in_shapes);
  shape_t *out_shapes = mem_alloc(((size_t)l->n_out + 1) * sizeof *out_shapes);
  const tensor_t **values = mem_alloc(n_in * sizeof *values);
  for (int i = 0; i < l->n_out; i++) out[i] = (tensor_t){0};
  status_t st = NULL;
  // Such a layer's input may have a shape and no memory (engine/specialize.c).
  bool shape_only = l->type == LAYER_SHAPE || l->type == LAYER_SIZE || l->type == LAYER_RANK;
  for (int i = 0; i < l->n_in; i++) {
    in_shapes[i] = in[i].shape;
    values[i] = shape_only ? NULL : &in[i];
    if (!dtype_is_plain(in[i].dtype) || dtype_is_complex(in[i].dtype) || tensor_empty(&in[i]))
      TRY_GOTO(st, done,
               FAIL(UNIMPLEMENTED, "layer %s (%s): no engine takes input %d of dtype %s", l->name,
                    layer_type_name(l->type), i, dtype_name(in[i].dtype)));
  }
  TRY_GOTO(st, done, layer_infer(l, in_shapes, values, out_shapes));
  for (int i = 0; i < l->n_out; i++) {
    if (!shape_known(&out_shapes[i]))
      TRY_GOTO(st, done, EVAL_BAD(l, "the shape of output %d does not follow from its inputs", i));
    TRY_GOTO(st, done, tensor_alloc(l->out[i]->dtype, &out_shapes[i], &out[i]));
  }
  st = eval_is_int8(l) ? eval_int8(l, in, out) : evaluators[l->type](l, in, out);
done:
  if (st)
    for (int i = 0; i < l->n_out; i++) tensor_unref(&out[i]);
  mem_free(in_shapes);
  mem_free(out_shapes);
  mem_free(values);
  return st;
}

bool layer_shape_operand(const layer_t *l, int i) {
  switch (l->type) {
    case LAYER_DECONV: return i == 2;
    case LAYER_SPLIT:
    case LAYER_PAD:
    case LAYER_RESHAPE:
    case LAYER_BROADCAST:
    case LAYER_TILE:
    case LAYER_RESIZE:
    case LAYER_TOPK:
    case LAYER_ONE_HOT: return i == 1;
    case LAYER_SLICE:
    case LAYER_SPACE_TO_BATCH:
    case LAYER_BATCH_TO_SPACE: return i >= 1;
    case LAYER_FILL: return i == 0;
    case LAYER_RANGE: return true;
    case LAYER_NMS: return i == 2 || i == 3;
    default: return false;
  }
}
