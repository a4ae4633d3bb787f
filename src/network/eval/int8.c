// Layers on 8-bit tensors that stand for real values - convolutions, products, means: what the real
// layer gives on those values, to the output's nearest step.
#include <math.h>

#include "network/eval/eval_internal.h"

bool eval_is_int8(const layer_t *l) {
  if (l->n_in < 1 || !dtype_is_8bit_int(l->in[0]->dtype) || !(l->in[0]->scale > 0)) return false;
  if (l->type != LAYER_CONV && l->type != LAYER_DECONV && l->type != LAYER_MATMUL)
    return layer_averages(l);
  return l->n_in >= 2 && l->in[1]->dtype == DT_INT8;
}

// In units of `unit`.
static status_t real_values(const layer_t *l, const net_tensor_t *t, const tensor_t *from,
                            double unit, tensor_t *out) {
  int64_t n = tensor_elements(from), scales = t->n_channel_scales;
  if (!dtype_is_8bit_int(from->dtype)) {
    *out = tensor_ref(from);
    return NULL;
  }
  int64_t run = 1;  // elements in a row that have one scale
  if (scales) {
    int rank = from->shape.rank;
    int64_t last = rank ? from->shape.d[rank - 1] : 1;
    if (l->type == LAYER_CONV && l->p.conv.depthwise && rank > 1) last *= from->shape.d[rank - 2];
    if (l->type == LAYER_DECONV && rank > 1) run = last, last = from->shape.d[rank - 2];
    if (scales != last) return EVAL_BAD(l, "%d scales of %d channels", (int)scales, (int)last);
  }
  TRY(tensor_alloc(DT_DOUBLE, &from->shape, out));
  double *v = out->data;
  for (int64_t i = 0; i < n; i++) {
    double scale = (double)(scales ? t->channel_scale[i / run % scales] : t->scale);
    v[i] = ((double)eval_int(from, i) - t->zero_point) * (scale / unit);
  }
  return NULL;
}

static void to_steps(const net_tensor_t *t, const tensor_t *real, double unit, tensor_t *out) {
  bool is_unsigned = out->dtype == DT_UINT8;
  double lo = is_unsigned ? 0 : -128, hi = is_unsigned ? 255 : 127;
  double scale = (double)t->scale / unit;
  int64_t n = tensor_elements(out);
  for (int64_t i = 0; i < n; i++) {
    double q = rint(TENSOR_DATA(double, real)[i] / scale) + t->zero_point;
    eval_set_int(out, i, (int64_t)(q < lo ? lo : q > hi ? hi : isnan(q) ? 0 : q));
  }
}

static status_t evaluate(const layer_t *l, const tensor_t *real, tensor_t *out) {
  switch (l->type) {
    case LAYER_CONV: return eval_conv(l, real, out);
    case LAYER_DECONV: return eval_deconv(l, real, out);
    case LAYER_MATMUL: return eval_matmul(l, real, out);
    case LAYER_POOL: return eval_pool(l, real, out);
    default: return eval_reduce(l, real, out);
  }
}

status_t eval_int8(const layer_t *l, const tensor_t *in, tensor_t *out) {
  tensor_t real[4] = {{0}}, result = {0};
  const net_tensor_t *y = l->out[0];
  status_t st = NULL;
  if (l->n_in > 4) return EVAL_BAD(l, "%d inputs", l->n_in);
  if (dtype_is_8bit_int(out->dtype) && !(y->scale > 0))
    return EVAL_BAD(l, "%s", "its output has no scale");
  // Means lie in the middle between two steps often, where the output's steps are the input's:
  // counted in steps of the output they do so exactly.
  bool mean = layer_averages(l);
  double unit = mean && dtype_is_8bit_int(out->dtype) ? (double)y->scale : 1;
  for (int i = 0; i < l->n_in && !st; i++) st = real_values(l, l->in[i], &in[i], unit, &real[i]);
  if (!st) st = tensor_alloc(DT_DOUBLE, &out->shape, &result);
  if (!st) st = evaluate(l, real, &result);
  int64_t n = st ? 0 : tensor_elements(out);
  if (!st && dtype_is_8bit_int(out->dtype))
    to_steps(y, &result, unit, out);
  else
    for (int64_t i = 0; i < n; i++) tensor_set_number(out, i, TENSOR_DATA(double, &result)[i]);
  for (int i = 0; i < l->n_in; i++) tensor_unref(&real[i]);
  tensor_unref(&result);
  return st;
}
