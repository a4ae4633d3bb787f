#include "tensor/dtype.h"

#include <string.h>

#include "tensor/tensor.h"

typedef struct {
  const char *name, *tf_name;
  size_t size;
} dtype_info_t;

static const dtype_info_t infos[DT_MAX] = {
    [DT_INVALID] = {"invalid", "invalid", 0},
    [DT_FLOAT] = {"float32", "float", 4},
    [DT_DOUBLE] = {"float64", "double", 8},
    [DT_INT32] = {"int32", "int32", 4},
    [DT_UINT8] = {"uint8", "uint8", 1},
    [DT_INT16] = {"int16", "int16", 2},
    [DT_INT8] = {"int8", "int8", 1},
    [DT_STRING] = {"string", "string", sizeof(str_t)},
    [DT_COMPLEX64] = {"complex64", "complex64", 8},
    [DT_INT64] = {"int64", "int64", 8},
    [DT_BOOL] = {"bool", "bool", 1},
    [DT_QINT8] = {"qint8", "qint8", 1},
    [DT_QUINT8] = {"quint8", "quint8", 1},
    [DT_QINT32] = {"qint32", "qint32", 4},
    [DT_BFLOAT16] = {"bfloat16", "bfloat16", 2},
    [DT_QINT16] = {"qint16", "qint16", 2},
    [DT_QUINT16] = {"quint16", "quint16", 2},
    [DT_UINT16] = {"uint16", "uint16", 2},
    [DT_COMPLEX128] = {"complex128", "complex128", 16},
    [DT_HALF] = {"float16", "half", 2},
    [DT_RESOURCE] = {"resource", "resource", sizeof(object_t *)},
    [DT_VARIANT] = {"variant", "variant", sizeof(object_t *)},
    [DT_UINT32] = {"uint32", "uint32", 4},
    [DT_UINT64] = {"uint64", "uint64", 8},
};

static const dtype_info_t *info(dtype_t t) { return &infos[(unsigned)t < DT_MAX ? t : DT_INVALID]; }

size_t dtype_size(dtype_t t) { return info(t)->size; }
const char *dtype_name(dtype_t t) { return info(t)->name; }
const char *dtype_tf_name(dtype_t t) { return info(t)->tf_name; }

dtype_t dtype_from_name(const char *s) {
  for (int i = 1; i < DT_MAX; i++)
    if (strcmp(infos[i].name, s) == 0 || strcmp(infos[i].tf_name, s) == 0) return (dtype_t)i;
  return DT_INVALID;
}

bool dtype_is_float(dtype_t t) {
  return t == DT_FLOAT || t == DT_DOUBLE || t == DT_HALF || t == DT_BFLOAT16;
}

bool dtype_is_int(dtype_t t) {
  return t == DT_INT32 || t == DT_INT64 || t == DT_UINT8 || t == DT_INT8 || t == DT_INT16 ||
         t == DT_UINT16 || t == DT_UINT32 || t == DT_UINT64;
}

bool dtype_is_complex(dtype_t t) { return t == DT_COMPLEX64 || t == DT_COMPLEX128; }
bool dtype_is_plain(dtype_t t) {
  return info(t)->size && t != DT_STRING && t != DT_RESOURCE && t != DT_VARIANT;
}

typedef union {
  uint32_t u;
  float f;
} bits_t;

float half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = h >> 10 & 31u, man = h & 0x3ffu;
  if (exp == 31) return (bits_t){.u = sign | 0x7f800000u | man << 13}.f;
  if (exp) return (bits_t){.u = sign | (exp + 112) << 23 | man << 13}.f;
  float tiny = (float)man * 0x1p-24f;  // zero and subnormals are exact in float
  return sign ? -tiny : tiny;
}

uint16_t float_to_half(float f) {
  uint32_t u = (bits_t){.f = f}.u, sign = u >> 16 & 0x8000u, abs = u & 0x7fffffffu;
  if (abs > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (abs >> 13 & 0x3ffu));
  if (abs >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);  // rounds to 65536 or more
  if (abs < 0x38800000u) {  // below the smallest normal: add lets the FPU round
    bits_t v = {.f = (bits_t){.u = abs}.f + 0.5f};
    return (uint16_t)(sign | (v.u - 0x3f000000u));
  }
  uint32_t rounded = abs + 0xfffu + (abs >> 13 & 1u) - 0x38000000u;
  return (uint16_t)(sign | rounded >> 13);
}

uint16_t float_to_bfloat16(float f) {
  uint32_t u = (bits_t){.f = f}.u;
  if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);
  return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}
