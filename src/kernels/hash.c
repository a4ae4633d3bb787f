#include "kernels/hash.h"

#include <string.h>

static uint64_t load64(const char *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static uint64_t load32(const char *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static uint64_t rotr(uint64_t v, int k) { return v >> k | v << (64 - k); }
static uint64_t fold(uint64_t v) { return v ^ v >> 47; }

// ---------------------------------------------------------------- FarmHash

#define K0 0xc3a5c85c97cb3127u
#define K1 0xb492b66fbe98f273u
#define K2 0x9ae16a3b2f90404fu

typedef struct two {
  uint64_t a, b;
} two_t;

static uint64_t mix2(uint64_t u, uint64_t v, uint64_t mul) {
  uint64_t a = fold((u ^ v) * mul);
  return fold((v ^ a) * mul) * mul;
}

static uint64_t farm_to_16(const char *s, size_t n) {
  uint64_t mul = K2 + 2 * n;
  if (n >= 8) {
    uint64_t first = load64(s) + K2, last = load64(s + n - 8);
    return mix2(rotr(last, 37) * mul + first, (rotr(first, 25) + last) * mul, mul);
  }
  if (n >= 4) return mix2(n + (load32(s) << 3), load32(s + n - 4), mul);
  if (n == 0) return K2;
  const unsigned char *u = (const unsigned char *)s;
  uint32_t y = u[0] + ((uint32_t)u[n >> 1] << 8), z = (uint32_t)n + ((uint32_t)u[n - 1] << 2);
  return fold(y * K2 ^ z * K0) * K2;
}

static uint64_t farm_to_32(const char *s, size_t n) {
  uint64_t mul = K2 + 2 * n, a = load64(s) * K1, b = load64(s + 8);
  uint64_t c = load64(s + n - 8) * mul, d = load64(s + n - 16) * K2;
  return mix2(rotr(a + b, 43) + rotr(c, 30) + d, a + rotr(b + K2, 18) + c, mul);
}

static uint64_t farm_to_64(const char *s, size_t n) {
  uint64_t mul = K2 + 2 * n, a = load64(s) * K2, b = load64(s + 8);
  uint64_t c = load64(s + n - 8) * mul, d = load64(s + n - 16) * K2;
  uint64_t y = rotr(a + b, 43) + rotr(c, 30) + d, z = mix2(y, a + rotr(b + K2, 18) + c, mul);
  uint64_t e = load64(s + 16) * mul, f = load64(s + 24);
  uint64_t g = (y + load64(s + n - 32)) * mul, h = (z + load64(s + n - 24)) * mul;
  return mix2(rotr(e + f, 43) + rotr(g, 30) + h, e + rotr(f + a, 18) + g, mul);
}

// 32 bytes and two seeds into two words.
static two_t weak(const char *s, uint64_t a, uint64_t b) {
  uint64_t w = load64(s), x = load64(s + 8), y = load64(s + 16), z = load64(s + 24);
  a += w;
  b = rotr(b + a + z, 21);
  uint64_t c = a;
  a += x + y;
  b += rotr(a, 44);
  return (two_t){a + z, b + c};
}

typedef struct farm {
  uint64_t x, y, z;
  two_t v, w;
} farm_t;

// One block of 64 bytes. `scale` is 1 but in the last round.
static void farm_round(farm_t *h, const char *s, uint64_t mul, uint64_t scale) {
  h->x = rotr(h->x + h->y + h->v.a + load64(s + 8), 37) * mul;
  h->y = rotr(h->y + h->v.b + load64(s + 48), 42) * mul;
  h->x ^= h->w.b * scale;
  h->y += h->v.a * scale + load64(s + 40);
  h->z = rotr(h->z + h->w.a, 33) * mul;
  h->v = weak(s, h->v.b * mul, h->x + h->w.a);
  h->w = weak(s + 32, h->z + h->w.b, h->y + load64(s + 16));
  uint64_t t = h->z;
  h->z = h->x;
  h->x = t;
}

uint64_t fingerprint64(const char *s, size_t n) {
  if (n <= 16) return farm_to_16(s, n);
  if (n <= 32) return farm_to_32(s, n);
  if (n <= 64) return farm_to_64(s, n);
  const uint64_t seed = 81;
  farm_t h = {.x = seed * K2 + load64(s), .y = seed * K1 + 113};
  h.z = fold(h.y * K2 + 113) * K2;
  size_t blocks = (n - 1) / 64, rest = (n - 1) & 63;
  for (size_t i = 0; i < blocks; i++) farm_round(&h, s + 64 * i, K1, 1);
  uint64_t mul = K1 + ((h.z & 0xff) << 1);
  h.w.a += rest;
  h.v.a += h.w.a;
  h.w.a += h.v.a;
  farm_round(&h, s + n - 64, mul, 9);
  return mix2(mix2(h.v.a, h.w.a, mul) + fold(h.y) * K0 + h.z, mix2(h.v.b, h.w.b, mul) + h.x, mul);
}

// ---------------------------------------------------------------- MurmurHash64A

uint64_t murmur64(const char *s, size_t n) {
  const uint64_t m = 0xc6a4a7935bd1e995u;
  uint64_t h = 0xDECAFCAFFEu ^ n * m;
  for (; n >= 8; n -= 8, s += 8) {
    uint64_t k = load64(s) * m;
    h = (h ^ (k ^ k >> 47) * m) * m;
  }
  if (n) {
    uint64_t k = 0;
    memcpy(&k, s, n);
    h = (h ^ k) * m;
  }
  return fold(fold(h) * m);
}

// ---------------------------------------------------------------- SipHash-2-4

static void sip_rounds(uint64_t v[4], int rounds) {
  while (rounds-- > 0) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotr(v[1], 64 - 13) ^ v[0];
    v[3] = rotr(v[3], 64 - 16) ^ v[2];
    v[0] = rotr(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotr(v[1], 64 - 17) ^ v[2];
    v[3] = rotr(v[3], 64 - 21) ^ v[0];
    v[2] = rotr(v[2], 32);
  }
}

uint64_t siphash24(const uint64_t key[2], const char *s, size_t n) {
  uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                   key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
  uint64_t tail = (uint64_t)n << 56;
  for (; n >= 8; n -= 8, s += 8) {
    uint64_t m = load64(s);
    v[3] ^= m;
    sip_rounds(v, 2);
    v[0] ^= m;
  }
  for (size_t i = 0; i < n; i++) tail |= (uint64_t)(unsigned char)s[i] << (8 * i);
  v[3] ^= tail;
  sip_rounds(v, 2);
  v[0] ^= tail;
  v[2] ^= 0xff;
  sip_rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
