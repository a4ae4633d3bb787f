#include "accuracy/values.h"

#include <math.h>

#include "kernels/convert.h"

static bool is_8bit(dtype_t t) { return t == DT_INT8 || t == DT_UINT8; }

bool tensor_is_real(const net_tensor_t *t) {
  if (is_8bit(t->dtype)) return t->scale > 0;
  return t->dtype == DT_FLOAT || t->dtype == DT_HALF || t->dtype == DT_BFLOAT16 ||
         t->dtype == DT_DOUBLE;
}

status_t real_values(const net_tensor_t *t, const tensor_t *value, tensor_t *out) {
  if (value->dtype == DT_FLOAT) {
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
  return NULL;
}

status_t rounded_values(const net_tensor_t *t, const tensor_t *real, tensor_t *out) {
  if (t->dtype == DT_FLOAT) {
    *out = tensor_ref(real);
    return NULL;
  }
  TRY(tensor_alloc(t->dtype, &real->shape, out));
  int64_t n = tensor_elements(real);
  if (!is_8bit(t->dtype)) {
    convert(DT_FLOAT, t->dtype, real->data, out->data, n, false, 1);
    return NULL;
  }
  const float *x = real->data;
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
