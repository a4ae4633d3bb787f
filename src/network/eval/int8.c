// Convolutions and products on 8-bit tensors that stand for real values: what the real layer gives
// on those values, to the output's nearest step.
#include <math.h>

#include "network/eval/eval_internal.h"

static bool is_8bit(dtype_t t) { return t == DT_INT8 || t == DT_UINT8; }

bool eval_is_int8(const layer_t *l) {
  if (l->type != LAYER_CONV && l->type != LAYER_MATMUL) return false;
  return l->n_in >= 2 && is_8bit(l->in[0]->dtype) && l->in[1]->dtype == DT_INT8 &&
         l->in[0]->scale > 0;
}

static status_t real_values(const layer_t *l, const net_tensor_t *t, const tensor_t *from,
                            tensor_t *out) {
  int64_t n = tensor_elements(from), scales = t->n_channel_scales;
  if (!is_8bit(from->dtype)) {
    *out = tensor_ref(from);
    return NULL;
  }
  if (scales) {
    int64_t last = from->shape.rank ? from->shape.d[from->shape.rank - 1] : 1;
    if (l->type == LAYER_CONV && l->p.conv.depthwise && from->shape.rank > 1)
      last *= from->shape.d[from->shape.rank - 2];
    if (scales != last) return EVAL_BAD(l, "%d scales of %d channels", (int)scales, (int)last);
  }
  TRY(tensor_alloc(DT_DOUBLE, &from->shape, out));
  double *v = out->data;
  for (int64_t i = 0; i < n; i++) {
    double scale = (double)(scales ? t->channel_scale[i % scales] : t->scale);
    v[i] = ((double)eval_int(from, i) - t->zero_point) * scale;
  }
  return NULL;
}

static void to_steps(const net_tensor_t *t, const tensor_t *real, tensor_t *out) {
  bool is_unsigned = out->dtype == DT_UINT8;
  double lo = is_unsigned ? 0 : -128, hi = is_unsigned ? 255 : 127, scale = (double)t->scale;
  int64_t n = tensor_elements(out);
  for (int64_t i = 0; i < n; i++) {
    double q = rint(TENSOR_DATA(double, real)[i] / scale) + t->zero_point;
    eval_set_int(out, i, (int64_t)(q < lo ? lo : q > hi ? hi : isnan(q) ? 0 : q));
  }
}

status_t eval_int8(const layer_t *l, const tensor_t *in, tensor_t *out) {
  tensor_t real[4] = {{0}}, result = {0};
  const net_tensor_t *y = l->out[0];
  status_t st = NULL;
  if (l->n_in > 4) return EVAL_BAD(l, "%d inputs", l->n_in);
  if (is_8bit(out->dtype) && !(y->scale > 0)) return EVAL_BAD(l, "%s", "its output has no scale");
  for (int i = 0; i < l->n_in && !st; i++) st = real_values(l, l->in[i], &in[i], &real[i]);
  if (!st) st = tensor_alloc(DT_DOUBLE, &out->shape, &result);
  if (!st) st = l->type == LAYER_CONV ? eval_conv(l, real, &result) : eval_matmul(l, real, &result);
  int64_t n = st ? 0 : tensor_elements(out);
  if (!st && is_8bit(out->dtype))
    to_steps(y, &result, out);
  else
    for (int64_t i = 0; i < n; i++) tensor_set_number(out, i, TENSOR_DATA(double, &result)[i]);
  for (int i = 0; i < l->n_in; i++) tensor_unref(&real[i]);
  tensor_unref(&result);
  return st;
}
