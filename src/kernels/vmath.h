// Elementary functions of float as straight-line code without branches, tables or calls, so that a
// plain loop over them is vectorised by the compiler for whatever instruction set the file is built
// for. Where the set has no fused multiply-add the results may differ in the last bit.
//
// Errors are at most about 2 units in the last place (tests/kernels/vmath_test.c measures them
// against double precision); NaN, infinities, signed zeros and subnormal results as in C's
// <math.h>. The polynomials are our own minimax fits (iteratively reweighted least squares at
// Chebyshev nodes, in double precision) on the reduced ranges that each function names.
#ifndef TFTRT_KERNELS_VMATH_H
#define TFTRT_KERNELS_VMATH_H

#include <math.h>
#include <stdint.h>

#ifdef __FMA__
#define VM_FMA(a, b, c) __builtin_fmaf(a, b, c)
#else
#define VM_FMA(a, b, c) ((a) * (b) + (c))
#endif

typedef union vm_bits {
  float f;
  uint32_t u;
} vm_bits_t;

static inline uint32_t vm_u(float f) { return (vm_bits_t){.f = f}.u; }
static inline float vm_f(uint32_t u) { return (vm_bits_t){.u = u}.f; }
static inline float vm_abs(float x) { return vm_f(vm_u(x) & 0x7fffffffu); }
// |mag| with the sign of s.
static inline float vm_copysign(float mag, float s) {
  return vm_f((vm_u(mag) & 0x7fffffffu) | (vm_u(s) & 0x80000000u));
}

// Adding this to |t| < 2^22 leaves the nearest integer (ties to even) in the low mantissa bits.
#define VM_ROUNDER 12582912.0f

// e^x = 2^n * e^r with r in [-ln2/2, ln2/2]. 2^n is applied in two halves, so that results go
// gradually to zero and to infinity.
static inline float vm_exp(float x) {
  float c = x > 89.0f ? 89.0f : x;
  c = c < -104.0f ? -104.0f : c;
  float t = VM_FMA(c, 0x1.715476p+0f, VM_ROUNDER);
  float n = t - VM_ROUNDER;
  uint32_t k = vm_u(t) - vm_u(VM_ROUNDER);
  float r = VM_FMA(n, -0x1.62e4p-1f, c);
  r = VM_FMA(n, -0x1.7f7d1cp-20f, r);
  float p = 0.0013814219273626804f;
  p = VM_FMA(p, r, 0.00836889911442995f);
  p = VM_FMA(p, r, 0.04166840761899948f);
  p = VM_FMA(p, r, 0.1666651964187622f);
  p = VM_FMA(p, r, 0.4999999403953552f);
  p = VM_FMA(p, r * r, r) + 1.0f;
  uint32_t half = (uint32_t)((int32_t)k >> 1), rest = k - half;
  return p * vm_f((half + 127u) << 23) * vm_f((rest + 127u) << 23);
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)); log(m) from a polynomial in m - 1.
static inline float vm_log(float x) {
  float tiny = x < 0x1p-126f ? 0x1p23f : 1.0f;
  float shift = x < 0x1p-126f ? -23.0f : 0.0f;
  uint32_t u = vm_u(x * tiny) - 0x3f3504f3u;  // bits of sqrt(1/2)
  float e = (float)((int32_t)u >> 23) + shift;
  float f = vm_f((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float z = f * f;
  float p = 0.06915368139743805f;
  p = VM_FMA(p, f, -0.11789807677268982f);
  p = VM_FMA(p, f, 0.11872976273298264f);
  p = VM_FMA(p, f, -0.1238434836268425f);
  p = VM_FMA(p, f, 0.14218658208847046f);
  p = VM_FMA(p, f, -0.16669251024723053f);
  p = VM_FMA(p, f, 0.20002226531505585f);
  p = VM_FMA(p, f, -0.24999986588954926f);
  p = VM_FMA(p, f, 0.3333331048488617f);
  p = p * f * z;
  p = VM_FMA(e, 0x1.7f7d1cp-20f, p);
  p = VM_FMA(-0.5f, z, p);
  float y = VM_FMA(e, 0x1.62e4p-1f, f + p);
  y = x == 0.0f ? -INFINITY : y;
  y = x < 0.0f ? NAN : y;
  return x < INFINITY ? y : x;  // +inf and NaN
}

// log(1 + x): log(u) of u = 1 + x rounded, corrected by what the rounding lost.
static inline float vm_log1p(float x) {
  float u = 1.0f + x;
  float lost = x - (u - 1.0f);
  float y = vm_log(u) + lost / u;
  y = vm_abs(x) < 0x1p-13f ? VM_FMA(-0.5f * x, x, x) : y;
  y = x < INFINITY ? y : x;
  return x == -1.0f ? -INFINITY : y;
}

static inline float vm_sigmoid(float x) {
  float e = vm_exp(-vm_abs(x));
  float s = 1.0f / (1.0f + e);
  return x < 0.0f ? e * s : s;
}

static inline float vm_tanh(float x) {
  float a = vm_abs(x), z = x * x;
  float p = -0.005717036779969931f;
  p = VM_FMA(p, z, 0.020650578662753105f);
  p = VM_FMA(p, z, -0.05374349653720856f);
  p = VM_FMA(p, z, 0.13331490755081177f);
  p = VM_FMA(p, z, -0.3333328366279602f);
  float small = VM_FMA(p * z, x, x);
  float large = 1.0f - 2.0f / (vm_exp(2.0f * a) + 1.0f);
  return vm_copysign(a < 0.625f ? small : large, x);
}

// |x| < 1: x + x P(x^2); above: 1 - exp(-g(x)) where g is a polynomial fit of -log(erfc(x)).
static inline float vm_erf(float x) {
  float a = vm_abs(x), z = x * x;
  float p = 7.889119297033176e-05f;
  p = VM_FMA(p, z, -0.0008020841050893068f);
  p = VM_FMA(p, z, 0.005189535208046436f);
  p = VM_FMA(p, z, -0.026854444295167923f);
  p = VM_FMA(p, z, 0.11283600330352783f);
  p = VM_FMA(p, z, -0.3761262595653534f);
  p = VM_FMA(p, z, 0.12837916612625122f);
  float small = VM_FMA(p, x, x);
  float c = a > 4.0f ? 4.0f : a;
  float g = -2.5132672476502194e-07f;
  g = VM_FMA(g, c, 2.5314810045529157e-05f);
  g = VM_FMA(g, c, -0.0004637880192603916f);
  g = VM_FMA(g, c, 0.004282382782548666f);
  g = VM_FMA(g, c, -0.025373555719852448f);
  g = VM_FMA(g, c, 0.10863899439573288f);
  g = VM_FMA(g, c, 0.6330395936965942f);
  g = VM_FMA(g, c, 1.129661202430725f);
  g = VM_FMA(g, c, -0.0002043598797172308f);
  float large = vm_copysign(1.0f - vm_exp(-g), x);
  return a < 1.0f ? small : a == a ? large : x;
}

static inline float vm_softplus(float x) {
  float e = vm_exp(-vm_abs(x));
  return (x > 0.0f ? x : x == x ? 0.0f : x) + vm_log1p(e);
}

// x Phi(x) (GELU) for results that are rounded to 16 bits: relative error below 2^-12 up to where
// f16 ends (|x| = 5.6), zero below -8. Phi(-|x|) = 2^-h(|x|), h and 2^r fitted for that.
static inline float vm_gelu_half(float x) {
  float a = vm_abs(x), c = a > 8.0f ? 8.0f : a;
  float h = 1.9806792387422627e-05f;
  h = VM_FMA(h, c, -0.0005579427164872626f);
  h = VM_FMA(h, c, 0.006864716181458433f);
  h = VM_FMA(h, c, -0.0502434328160802f);
  h = VM_FMA(h, c, -0.46247283698150393f);
  h = VM_FMA(h, c, -1.1496200793273297f);
  h = VM_FMA(h, c, -1.0001059227195974f);
  float t = h + VM_ROUNDER, r = h - (t - VM_ROUNDER);
  float p = 0.05517165384858017f;
  p = VM_FMA(p, r, 0.24261112104754082f);
  p = VM_FMA(p, r, 0.6932609882696894f);
  p = VM_FMA(p, r, 0.9999280736805531f);
  float tail = vm_f(vm_u(p) + ((vm_u(t) - vm_u(VM_ROUNDER)) << 23));
  tail = a < 8.0f ? tail : 0.0f;
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

// 2^n (e^r - 1) + (2^n - 1), with n and r as in vm_exp; far from zero e^x - 1 loses nothing.
static inline float vm_expm1(float x) {
  float c = vm_abs(x) < 17.0f ? x : 0.0f;
  float t = VM_FMA(c, 0x1.715476p+0f, VM_ROUNDER);
  float n = t - VM_ROUNDER;
  float scale = vm_f((vm_u(t) - vm_u(VM_ROUNDER) + 127u) << 23);
  float r = VM_FMA(n, -0x1.62e4p-1f, c);
  r = VM_FMA(n, -0x1.7f7d1cp-20f, r);
  float p = 0.0013814219273626804f;
  p = VM_FMA(p, r, 0.00836889911442995f);
  p = VM_FMA(p, r, 0.04166840761899948f);
  p = VM_FMA(p, r, 0.1666651964187622f);
  p = VM_FMA(p, r, 0.4999999403953552f);
  p = VM_FMA(p, r * r, r);
  float near = VM_FMA(p, scale, scale - 1.0f);
  near = x == 0.0f ? x : near;
  return vm_abs(x) < 17.0f ? near : vm_exp(x) - 1.0f;
}

// Argument in quarter turns: x = q * pi/2 + r, r in [-pi/4, pi/4]; valid for |x| <= VM_TRIG_MAX
// (pi/2 in four parts; beyond, callers use libm).
#define VM_TRIG_MAX 6000.0f
static inline float vm_trig(float x, uint32_t quarter) {
  float t = VM_FMA(x, 0x1.45f306p-1f, VM_ROUNDER);
  float n = t - VM_ROUNDER;
  uint32_t q = vm_u(t) - vm_u(VM_ROUNDER) + quarter;
  float r = VM_FMA(n, -0x1.92p+0f, x);
  r = VM_FMA(n, -0x1.fap-12f, r);
  r = VM_FMA(n, -0x1.54p-20f, r);
  r = VM_FMA(n, -0x1.10b462p-30f, r);
  float z = r * r;
  float s = 2.7179398878937e-06f;
  s = VM_FMA(s, z, -0.00019839295418933034f);
  s = VM_FMA(s, z, 0.008333329111337662f);
  s = VM_FMA(s, z, -0.1666666716337204f);
  s = VM_FMA(s * z, r, r);
  float c = 2.4434844817733392e-05f;
  c = VM_FMA(c, z, -0.0013887337408959866f);
  c = VM_FMA(c, z, 0.04166664555668831f);
  c = VM_FMA(c, z, -0.5f);
  c = VM_FMA(c, z, 1.0f);
  float y = (q & 1u) ? c : s;
  return vm_f(vm_u(y) ^ ((q & 2u) << 30));
}
static inline float vm_sin(float x) {
  float y = vm_trig(x, 0);
  return x == 0.0f ? x : y;
}
static inline float vm_cos(float x) { return vm_trig(x, 1); }

#endif
