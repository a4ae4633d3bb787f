#include "kernels/order.h"

#include <string.h>

static uint64_t float_key(double v) {
  uint64_t u;
  if (v == 0) v = 0;  // no negative zero
  memcpy(&u, &v, sizeof u);
  return u >> 63 ? ~u : u | (uint64_t)1 << 63;
}

static uint64_t int_key(int64_t v) { return (uint64_t)v ^ (uint64_t)1 << 63; }

#define KEYS(T, EXPR)                                     \
  do {                                                    \
    const T *p = src;                                     \
    for (int64_t i = 0; i < n; i++) keys[i] = EXPR(p[i]); \
    return true;                                          \
  } while (0)

static uint64_t single_key(float v) {
  uint32_t u;
  if (v == 0) v = 0;
  memcpy(&u, &v, sizeof u);
  return u >> 31 ? (uint32_t)~u : u | (uint32_t)1 << 31;
}
static uint64_t half_key(uint16_t v) { return single_key(half_to_float(v)); }
static uint64_t bfloat16_key(uint16_t v) { return single_key(bfloat16_to_float(v)); }

bool order_keys(dtype_t dtype, const void *src, int64_t n, uint64_t *keys) {
  switch (dtype) {
    case DT_FLOAT: KEYS(float, single_key);
    case DT_DOUBLE: KEYS(double, float_key);
    case DT_HALF: KEYS(uint16_t, half_key);
    case DT_BFLOAT16: KEYS(uint16_t, bfloat16_key);
    case DT_INT64: KEYS(int64_t, int_key);
    case DT_INT32: KEYS(int32_t, int_key);
    case DT_INT16: KEYS(int16_t, int_key);
    case DT_INT8: KEYS(int8_t, int_key);
    case DT_UINT64: KEYS(uint64_t, );
    case DT_UINT32: KEYS(uint32_t, );
    case DT_UINT16: KEYS(uint16_t, );
    case DT_BOOL:
    case DT_UINT8: KEYS(uint8_t, );
    default: return false;
  }
}

static bool before(const ranked_t *a, const ranked_t *b) {
  return a->key > b->key || (a->key == b->key && a->index < b->index);
}

// The heap's root is the element that comes last of those in it.
static void sift_down(ranked_t *h, int64_t n, int64_t i) {
  for (;;) {
    int64_t worst = i, l = 2 * i + 1, r = l + 1;
    if (l < n && before(&h[worst], &h[l])) worst = l;
    if (r < n && before(&h[worst], &h[r])) worst = r;
    if (worst == i) return;
    ranked_t t = h[i];
    h[i] = h[worst];
    h[worst] = t;
    i = worst;
  }
}

void top_k(const uint64_t *keys, int64_t n, int64_t k, ranked_t *out) {
  if (k <= 0) return;
  if (k == 1) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
      if (keys[i] > keys[best]) best = i;
    out[0] = (ranked_t){keys[best], best};
    return;
  }
  for (int64_t i = 0; i < k; i++) out[i] = (ranked_t){keys[i], i};
  for (int64_t i = k / 2 - 1; i >= 0; i--) sift_down(out, k, i);
  for (int64_t i = k; i < n; i++) {
    if (keys[i] <= out[0].key) continue;  // an equal one comes later
    out[0] = (ranked_t){keys[i], i};
    sift_down(out, k, 0);
  }
  for (int64_t i = k - 1; i > 0; i--) {
    ranked_t t = out[0];
    out[0] = out[i];
    out[i] = t;
    sift_down(out, i, 0);
  }
}
