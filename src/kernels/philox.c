#include "kernels/philox.h"

#include <math.h>

philox_t philox_make(uint64_t key, uint64_t counter_low, uint64_t counter_high) {
  return (philox_t){{(uint32_t)key, (uint32_t)(key >> 32)},
                    {(uint32_t)counter_low, (uint32_t)(counter_low >> 32), (uint32_t)counter_high,
                     (uint32_t)(counter_high >> 32)}};
}

void philox_next(philox_t *p, uint32_t out[4]) {
  uint32_t c[4] = {p->counter[0], p->counter[1], p->counter[2], p->counter[3]};
  uint32_t k0 = p->key[0], k1 = p->key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    c[0] = (uint32_t)(b >> 32) ^ c[1] ^ k0;
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c[3] ^ k1;
    c[3] = (uint32_t)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < 4; i++) out[i] = c[i];
  for (int i = 0; i < 4 && ++p->counter[i] == 0; i++) continue;
}

static float unit_float(uint32_t x) {  // the low 23 bits as a mantissa
  union {
    uint32_t u;
    float f;
  } v = {(x & 0x7fffffu) | 0x3f800000u};
  return v.f - 1.0f;
}

static double unit_double(uint32_t low, uint32_t high) {
  union {
    uint64_t u;
    double f;
  } v = {(uint64_t)(high & 0xfffffu) << 32 | low | UINT64_C(0x3ff) << 52};
  return v.f - 1.0;
}

bool philox_fill(philox_t p, bool normal, dtype_t t, void *y, int64_t n) {
  if (t != DT_FLOAT && t != DT_DOUBLE) return false;
  int each = t == DT_FLOAT ? 4 : 2;
  for (int64_t at = 0; at < n; at += each) {
    uint32_t x[4];
    double v[4] = {0};
    philox_next(&p, x);
    for (int i = 0; i < each; i += 2) {
      if (t == DT_FLOAT)
        v[i] = (double)unit_float(x[i]), v[i + 1] = (double)unit_float(x[i + 1]);
      else
        v[0] = unit_double(x[1], x[0]), v[1] = unit_double(x[3], x[2]);
      if (!normal) continue;
      double least = 1e-7, u = v[i] < least ? least : v[i], angle = 2 * M_PI * v[i + 1];
      double radius = sqrt(-2 * log(u));
      v[i] = sin(angle) * radius;
      v[i + 1] = cos(angle) * radius;
    }
    for (int i = 0; i < each && at + i < n; i++) {
      if (t == DT_FLOAT)
        ((float *)y)[at + i] = (float)v[i];
      else
        ((double *)y)[at + i] = v[i];
    }
  }
  return true;
}
