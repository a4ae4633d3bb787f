// Element types; the numbers are TensorFlow's DataType enum (types.proto), so they are read and
// written as they are.
#ifndef TFTRT_TENSOR_DTYPE_H
#define TFTRT_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dtype {
  DT_INVALID = 0,
  DT_FLOAT = 1,
  DT_DOUBLE = 2,
  DT_INT32 = 3,
  DT_UINT8 = 4,
  DT_INT16 = 5,
  DT_INT8 = 6,
  DT_STRING = 7,
  DT_COMPLEX64 = 8,
  DT_INT64 = 9,
  DT_BOOL = 10,
  DT_QINT8 = 11,
  DT_QUINT8 = 12,
  DT_QINT32 = 13,
  DT_BFLOAT16 = 14,
  DT_QINT16 = 15,
  DT_QUINT16 = 16,
  DT_UINT16 = 17,
  DT_COMPLEX128 = 18,
  DT_HALF = 19,
  DT_RESOURCE = 20,
  DT_VARIANT = 21,
  DT_UINT32 = 22,
  DT_UINT64 = 23,
  DT_MAX = 24,
} dtype_t;

// Bytes of one element; strings: sizeof(str_t); resource and variant: sizeof(object_t *); 0 for an
// unknown number.
size_t dtype_size(dtype_t t);
const char *dtype_name(dtype_t t);       // "float32", as tf.DType.name
const char *dtype_tf_name(dtype_t t);    // "float", "half": as in OpDefs and TF-TRT's messages
dtype_t dtype_from_name(const char *s);  // either spelling; DT_INVALID when unknown
bool dtype_is_float(dtype_t t);          // half, bfloat16, float, double
static inline bool dtype_is_8bit_int(dtype_t t) { return t == DT_INT8 || t == DT_UINT8; }
static inline bool dtype_is_16bit_float(dtype_t t) { return t == DT_HALF || t == DT_BFLOAT16; }
bool dtype_is_int(dtype_t t);  // signed and unsigned integers, without bool and quantized
bool dtype_is_complex(dtype_t t);
bool dtype_is_plain(dtype_t t);  // bytes can be copied: not string, resource, variant

// float16 and bfloat16 conversions, round to nearest even; subnormals, infinities and NaN kept.
float half_to_float(uint16_t h);
uint16_t float_to_half(float f);
static inline float bfloat16_to_float(uint16_t b) {
  union {
    uint32_t u;
    float f;
  } v = {(uint32_t)b << 16};
  return v.f;
}
uint16_t float_to_bfloat16(float f);

#endif
