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

void philox_skip(philox_t *p, uint64_t n) {
  uint64_t low = (uint64_t)p->counter[1] << 32 | p->counter[0], sum = low + n;
  p->counter[0] = (uint32_t)sum;
  p->counter[1] = (uint32_t)(sum >> 32);
  if (sum < low && ++p->counter[2] == 0) p->counter[3]++;
}

uint32_t philox_word(philox_words_t *w) {
  if (!w->left) {
    philox_next(&w->p, w->word);
    w->left = 4;
  }
  return w->word[4 - w->left--];
}

double philox_word_double(philox_words_t *w) {
  uint32_t high = philox_word(w), low = philox_word(w);
  return unit_double(low, high);
}

// Two normal numbers out of two uniform ones.
static void box_muller(double v[2]) {
  double least = 1e-7, u = v[0] < least ? least : v[0], angle = 2 * M_PI * v[1];
  double radius = sqrt(-2 * log(u));
  v[0] = sin(angle) * radius;
  v[1] = cos(angle) * radius;
}

static void put(dtype_t t, void *y, int64_t i, double v) {
  if (t == DT_FLOAT)
    ((float *)y)[i] = (float)v;
  else if (t == DT_DOUBLE)
    ((double *)y)[i] = v;
  else if (t == DT_HALF)
    ((uint16_t *)y)[i] = float_to_half((float)v);
  else
    ((uint16_t *)y)[i] = float_to_bfloat16((float)v);
}

// A word's low bits as the mantissa of a number in [1, 2), less 1.
static double unit_of(dtype_t t, uint32_t x) {
  if (t == DT_HALF) return (double)(x & 0x3ff) / 1024;
  if (t == DT_BFLOAT16) return (double)(x & 0x7f) / 128;
  return (double)unit_float(x);
}

static void fill_bits(philox_t p, bool wide, void *y, int64_t n) {
  int each = wide ? 2 : 4;
  for (int64_t at = 0; at < n; at += each) {
    uint32_t x[4];
    philox_next(&p, x);
    for (int i = 0; i < each && at + i < n; i++)
      if (wide)
        ((uint64_t *)y)[at + i] = (uint64_t)x[2 * i + 1] << 32 | x[2 * i];
      else
        ((uint32_t *)y)[at + i] = x[i];
  }
}

// Each group of numbers has words of its own, enough for any number of rejections.
static void fill_truncated(philox_t p, dtype_t t, void *y, int64_t n) {
  int each = t == DT_DOUBLE ? 2 : 4;
  for (int64_t at = 0, group = 0; at < n; at += each, group++) {
    philox_words_t w = {.p = p};
    philox_skip(&w.p, (uint64_t)group * (uint64_t)(each * 256 / 4));
    for (int have = 0; have < each;) {
      double v[2];
      if (t == DT_DOUBLE) {
        for (int i = 0; i < 2; i++) v[i] = philox_word_double(&w);
      } else {
        for (int i = 0; i < 2; i++) v[i] = (double)unit_float(philox_word(&w));
      }
      box_muller(v);
      for (int i = 0; i < 2 && have < each; i++) {
        if (!(fabs(v[i]) < 2)) continue;
        if (at + have < n) put(t, y, at + have, v[i]);
        have++;
      }
    }
  }
}

bool philox_fill(philox_t p, philox_kind_t kind, dtype_t t, void *y, int64_t n) {
  if (kind == PHILOX_BITS) {
    bool wide = t == DT_INT64 || t == DT_UINT64;
    if (!wide && t != DT_INT32 && t != DT_UINT32) return false;
    fill_bits(p, wide, y, n);
    return true;
  }
  if (t != DT_FLOAT && t != DT_DOUBLE && t != DT_HALF && t != DT_BFLOAT16) return false;
  if (kind == PHILOX_TRUNCATED) {
    fill_truncated(p, t, y, n);
    return true;
  }
  int each = t == DT_DOUBLE ? 2 : 4;
  for (int64_t at = 0; at < n; at += each) {
    uint32_t x[4];
    double v[4] = {0};
    philox_next(&p, x);
    if (t == DT_DOUBLE)
      v[0] = unit_double(x[1], x[0]), v[1] = unit_double(x[3], x[2]);
    else
      for (int i = 0; i < 4; i++) v[i] = unit_of(kind == PHILOX_NORMAL ? DT_FLOAT : t, x[i]);
    for (int i = 0; kind == PHILOX_NORMAL && i < each; i += 2) box_muller(v + i);
    for (int i = 0; i < each && at + i < n; i++) put(t, y, at + i, v[i]);
  }
  return true;
}
