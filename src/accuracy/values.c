#include "accuracy/values.h"

#include <math.h>

#include "kernels/convert.h"

bool tensor_is_real(const net_tensor_t *t) {
  if (dtype_is_8bit_int(t->dtype)) return t->scale > 0;
  return t->dtype == DT_FLOAT || t->dtype == DT_HALF || t->dtype == DT_BFLOAT16 ||
         t->dtype == DT_DOUBLE;
}

// By which a value is multiplied to be TensorFlow's; 1 each where it is that.
static float factor_of(const net_tensor_t *t, const shape_t *s, int64_t i) {
  int64_t n = t->n_channel_factors;
  return n && s->rank && s->d[s->rank - 1] == n ? t->channel_factor[i % n] : 1;
}

status_t real_values(const net_tensor_t *t, const tensor_t *value, tensor_t *out) {
  if (value->dtype == DT_FLOAT && !t->n_channel_factors) {
    *out = tensor_ref(value);
    return NULL;
  }
  TRY(tensor_alloc(DT_FLOAT, &value->shape, out));
  int64_t n = tensor_elements(value);
  float *y = out->data;
  if (value->dtype == DT_INT8)
    for (int64_t i = 0; i < n; i++)
      y[i] = (float)(TENSOR_DATA(int8_t, value)[i] - t->zero_point) * t->scale;
  else if (value->dtype == DT_UINT8)
    for (int64_t i = 0; i < n; i++)
      y[i] = (float)(TENSOR_DATA(uint8_t, value)[i] - t->zero_point) * t->scale;
  else
    convert(value->dtype, DT_FLOAT, value->data, y, n, false, 1);
  for (int64_t i = 0; i < n && t->n_channel_factors; i++) y[i] *= factor_of(t, &value->shape, i);
  return NULL;
}

static status_t without_factors(const net_tensor_t *t, const tensor_t *real, tensor_t *out) {
  TRY(tensor_alloc(DT_FLOAT, &real->shape, out));
  const float *x = real->data;
  float *y = out->data;
  for (int64_t i = 0, n = tensor_elements(real); i < n; i++)
    y[i] = x[i] / factor_of(t, &real->shape, i);
  return NULL;
}

static status_t round_to(const net_tensor_t *t, const tensor_t *real, tensor_t *out) {
  if (t->dtype == DT_FLOAT) {
    *out = tensor_ref(real);
    return NULL;
  }
  TRY(tensor_alloc(t->dtype, &real->shape, out));
  int64_t n = tensor_elements(real);
  const float *x = real->data;
  if (!dtype_is_8bit_int(t->dtype)) {
    convert(DT_FLOAT, t->dtype, x, out->data, n, false, 1);
    return NULL;
  }
  float least = t->dtype == DT_INT8 ? -128 : 0, most = t->dtype == DT_INT8 ? 127 : 255;
  for (int64_t i = 0; i < n; i++) {
    float q = rintf(x[i] / t->scale) + (float)t->zero_point;
    q = q < least ? least : q > most ? most : q;
    if (t->dtype == DT_INT8)
      TENSOR_DATA(int8_t, out)[i] = (int8_t)q;
    else
      TENSOR_DATA(uint8_t, out)[i] = (uint8_t)q;
  }
  return NULL;
}

status_t rounded_values(const net_tensor_t *t, const tensor_t *real, tensor_t *out) {
  if (!t->n_channel_factors) return round_to(t, real, out);
  tensor_t scaled;
  TRY(without_factors(t, real, &scaled));
  status_t st = round_to(t, &scaled, out);
  tensor_unref(&scaled);
  return st;
}
