#include "kernels/conv.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/conv_inner.h"
#include "kernels/gemm_tile.h"

static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

conv_shape_t conv_widen(const conv_shape_t *s) {
  conv_shape_t w = *s;
  int shift = 3 - s->spatial;
  w.spatial = 3;
  if (w.groups < 1) w.groups = 1;
  for (int i = 0; i < 3; i++) {
    bool real = i >= shift;
    int from = real ? i - shift : 0;
    w.in[i] = real ? s->in[from] : 1;
    w.out[i] = real ? s->out[from] : 1;
    w.kernel[i] = real ? s->kernel[from] : 1;
    w.stride[i] = real ? s->stride[from] : 1;
    w.dilation[i] = real ? s->dilation[from] : 1;
    w.pad[i] = real ? s->pad[from] : 0;
  }
  return w;
}

// ---------------------------------------------------------------- channels first

typedef struct swap_job {
  const float *x;
  int64_t a, b;
  float *y;
} swap_job_t;

enum { SWAP_BLOCK = 16 };

static void swap_blocks(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const swap_job_t *j = ctx;
  int64_t blocks = (j->a + SWAP_BLOCK - 1) / SWAP_BLOCK;
  for (int64_t i = begin; i < end; i++) {
    const float *x = j->x + i / blocks * j->a * j->b;
    float *y = j->y + i / blocks * j->a * j->b;
    int64_t a0 = i % blocks * SWAP_BLOCK, a1 = min64(a0 + SWAP_BLOCK, j->a);
    for (int64_t b0 = 0; b0 < j->b; b0 += SWAP_BLOCK)
      for (int64_t b = b0; b < min64(b0 + SWAP_BLOCK, j->b); b++)
        for (int64_t a = a0; a < a1; a++) y[b * j->a + a] = x[a * j->b + b];
  }
}

void swap_axes(const float *x, int64_t n, int64_t a, int64_t b, float *y, int threads) {
  swap_job_t j = {x, a, b, y};
  int64_t blocks = (a + SWAP_BLOCK - 1) / SWAP_BLOCK;
  parallel_for(threads, n * blocks, 16384 / (b * SWAP_BLOCK + 1) + 1, swap_blocks, &j);
}

typedef status_t (*conv_fn)(const conv_shape_t *s, const float *x, const float *w, float *y,
                            const gemm_epilogue_t *ep, int threads);

// Runs fn on channels-last copies of x, the residual and y. x_c, x_n and y_c, y_n: channels and
// pixels of either side.
static status_t channels_first(conv_fn fn, const conv_shape_t *s, const float *x, int64_t x_c,
                               int64_t x_n, const float *w, float *y, int64_t y_c, int64_t y_n,
                               const gemm_epilogue_t *ep, int threads) {
  int64_t x_len = s->batch * x_c * x_n, y_len = s->batch * y_c * y_n;
  float *xt = mem_try_alloc((size_t)max64(x_len, 1) * sizeof *xt);
  float *yt = mem_try_alloc((size_t)max64(y_len, 1) * sizeof *yt);
  status_t st = NULL;
  if (!xt || !yt) {
    st = FAIL(RESOURCE_EXHAUSTED, "convolution: no room for channels-last copies (%lld floats)",
              (long long)(x_len + y_len));
  } else {
    conv_shape_t last = *s;
    last.channels_last = true;
    gemm_epilogue_t e = ep ? *ep : (gemm_epilogue_t){0};
    if (e.residual) {
      swap_axes(e.residual, s->batch, y_c, y_n, yt, threads);
      e.residual = yt;
    }
    swap_axes(x, s->batch, x_c, x_n, xt, threads);
    st = fn(&last, xt, w, yt, &e, threads);
    if (!st) swap_axes(yt, s->batch, y_n, y_c, y, threads);
  }
  mem_aligned_free(xt);
  mem_aligned_free(yt);
  return st;
}

size_t conv_scratch(const conv_shape_t *shape) {
  conv_shape_t s = conv_widen(shape);
  if (s.channels_last) return 0;
  int64_t in = s.in_c * s.in[0] * s.in[1] * s.in[2], out = s.out_c * s.out[0] * s.out[1] * s.out[2];
  return (size_t)(s.batch * (in + out)) * sizeof(float);
}

// ---------------------------------------------------------------- convolution

size_t conv_packed_floats(const conv_shape_t *shape) {
  conv_shape_t s = conv_widen(shape);
  int64_t k = s.kernel[0] * s.kernel[1] * s.kernel[2] * (s.in_c / s.groups);
  size_t total;
  if (!size_mul(gemm_packed_floats(k, s.out_c / s.groups), (size_t)s.groups, &total)) return 0;
  return total;
}

void conv_pack(const conv_shape_t *shape, const float *w, float *packed, int threads) {
  conv_shape_t s = conv_widen(shape);
  int64_t k = s.kernel[0] * s.kernel[1] * s.kernel[2] * (s.in_c / s.groups);
  int64_t n = s.out_c / s.groups;
  size_t each = gemm_packed_floats(k, n);
  for (int64_t g = 0; g < s.groups; g++)
    gemm_pack_b(k, n, w + g * n, s.out_c, 1, packed + (size_t)g * each, threads);
}

// Rows of the implicit im2col matrix: one per output pixel, [kernel..., in_c / groups] each.
typedef struct patches {
  const conv_shape_t *s;
  const float *x;  // at the group's first channel
  int64_t c;       // channels of the group
  // A run of adjacent input floats: all taps along w when they touch, else one tap's channels.
  bool merged;
  int64_t run;
} patches_t;

// Short runs are the rule (3 input channels), where a call of memcpy costs more than the copy.
static inline void copy_floats(float *d, const float *s, int64_t n) {
  if (n >= 128) {
    memcpy(d, s, (size_t)n * sizeof *d);
  } else if (n >= 8) {
    for (int64_t i = 0; i < n - 8; i += 8) memcpy(d + i, s + i, 8 * sizeof *d);
    memcpy(d + n - 8, s + n - 8, 8 * sizeof *d);  // overlaps the one before
  } else {
    for (int64_t i = 0; i < n; i++) d[i] = s[i];
  }
}

static void pack_patches(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t kc,
                         float *dst, int64_t ld) {
  const patches_t *p = ctx;
  const conv_shape_t *s = p->s;
  const int64_t *in = s->in, *kn = s->kernel;
  const int64_t taps_w = p->merged ? 1 : kn[2];
  int64_t ox = row % s->out[2], oy = row / s->out[2] % s->out[1];
  int64_t oz = row / s->out[2] / s->out[1] % s->out[0];
  int64_t b = row / s->out[2] / s->out[1] / s->out[0];
  for (int64_t r = 0; r < n_rows; r++, dst += ld) {
    int64_t x0 = ox * s->stride[2] - s->pad[2], y0 = oy * s->stride[1] - s->pad[1];
    int64_t z0 = oz * s->stride[0] - s->pad[0];
    int64_t seg = k / p->run, at = k % p->run;  // the run, and where in it this block begins
    int64_t kx = seg % taps_w, ky = seg / taps_w % kn[1], kz = seg / taps_w / kn[1];
    float *d = dst;
    for (int64_t left = kc; left > 0;) {
      int64_t take = min64(left, p->run - at);
      int64_t y = y0 + ky * s->dilation[1], z = z0 + kz * s->dilation[0];
      int64_t x = x0 + kx * s->dilation[2];
      // Elements [lo, hi) of the run lie inside the row; the rest is padding.
      int64_t lo = 0, hi = p->run;
      if (y < 0 || y >= in[1] || z < 0 || z >= in[0]) {
        hi = 0;
      } else if (p->merged) {
        lo = max64(0, -x) * p->c;
        hi = min64(kn[2], in[2] - x) * p->c;
      } else if (x < 0 || x >= in[2]) {
        hi = 0;
      }
      lo = min64(max64(lo, at), at + take);
      hi = max64(min64(hi, at + take), lo);
      if (hi > lo) {
        const float *src = p->x + (((b * in[0] + z) * in[1] + y) * in[2] + x) * s->in_c;
        for (int64_t i = at; i < lo; i++) d[i - at] = 0;
        copy_floats(d + (lo - at), src + lo, hi - lo);
        for (int64_t i = hi; i < at + take; i++) d[i - at] = 0;
      } else {
        for (int64_t i = 0; i < take; i++) d[i] = 0;
      }
      d += take, left -= take, at = 0;
      if (++kx == taps_w) {
        kx = 0;
        if (++ky == kn[1]) ky = 0, kz++;
      }
    }
    if (++ox == s->out[2]) {
      ox = 0;
      if (++oy == s->out[1]) {
        oy = 0;
        if (++oz == s->out[0]) oz = 0, b++;
      }
    }
  }
}

status_t conv_run(const conv_shape_t *shape, const float *x, const float *packed, float *y,
                  const gemm_epilogue_t *ep, int threads) {
  conv_shape_t s = conv_widen(shape);
  int64_t in = s.in[0] * s.in[1] * s.in[2], out = s.out[0] * s.out[1] * s.out[2];
  if (!s.channels_last)
    return channels_first(conv_run, &s, x, s.in_c, in, packed, y, s.out_c, out, ep, threads);
  int64_t c = s.in_c / s.groups, n = s.out_c / s.groups;
  int64_t k = s.kernel[0] * s.kernel[1] * s.kernel[2] * c;
  bool pointwise = true;
  for (int i = 0; i < 3; i++)
    pointwise &= s.kernel[i] == 1 && s.stride[i] == 1 && s.pad[i] == 0 && s.out[i] == s.in[i];
  size_t each = gemm_packed_floats(k, n);
  for (int64_t g = 0; g < s.groups; g++) {
    patches_t p = {.s = &s, .x = x + g * c, .c = c};
    p.merged = s.dilation[2] == 1 && s.groups == 1;
    p.run = p.merged ? s.kernel[2] * c : c;
    gemm_rows_t rows = {.a = p.x, .rs = s.in_c, .cs = 1};
    if (!pointwise) rows.pack = pack_patches, rows.ctx = &p;
    gemm_epilogue_t e = ep ? *ep : (gemm_epilogue_t){0};
    e.ld_residual = s.out_c;
    if (e.bias) e.bias += g * n;
    if (e.residual) e.residual += g * n;
    gemm_packed(s.batch * out, n, k, &rows, packed + (size_t)g * each, y + g * n, s.out_c, false,
                ep ? &e : NULL, threads);
  }
  return NULL;
}

// ---------------------------------------------------------------- transposed convolution

// Output pixels whose coordinate is `phase` modulo the stride see the same taps of the filter.
typedef struct phase {
  int64_t p[3];
  int64_t taps[3];            // how many along each dim
  int64_t first[3], step[3];  // which: first, first + step, ...
} phase_t;

static bool phase_at(const conv_shape_t *s, int64_t index, phase_t *f) {
  if (index >= s->stride[0] * s->stride[1] * s->stride[2]) return false;
  f->p[2] = index % s->stride[2];
  f->p[1] = index / s->stride[2] % s->stride[1];
  f->p[0] = index / s->stride[2] / s->stride[1];
  for (int i = 0; i < 3; i++) {
    f->taps[i] = 0, f->step[i] = 1, f->first[i] = 0;
    for (int64_t k = 0; k < s->kernel[i]; k++) {
      if ((f->p[i] + s->pad[i] - k * s->dilation[i]) % s->stride[i] != 0) continue;
      if (f->taps[i] == 0) f->first[i] = k;
      if (f->taps[i] == 1) f->step[i] = k - f->first[i];
      f->taps[i]++;
    }
  }
  return true;
}

static int64_t phase_k(const conv_shape_t *s, const phase_t *f) {
  return f->taps[0] * f->taps[1] * f->taps[2] * s->out_c;
}

size_t deconv_packed_floats(const conv_shape_t *shape) {
  conv_shape_t s = conv_widen(shape);
  size_t total = 0;
  phase_t f;
  for (int64_t i = 0; phase_at(&s, i, &f); i++)
    if (!size_add(total, gemm_packed_floats(phase_k(&s, &f), s.in_c), &total)) return 0;
  return total;
}

status_t deconv_pack(const conv_shape_t *shape, const float *w, float *packed, int threads) {
  conv_shape_t s = conv_widen(shape);
  size_t all;
  if (!size_mul((size_t)(s.kernel[0] * s.kernel[1] * s.kernel[2]), (size_t)(s.in_c * s.out_c),
                &all) ||
      !size_mul(all, sizeof(float), &all))
    return FAIL(RESOURCE_EXHAUSTED, "transposed convolution: the filter is too large");
  float *b = mem_try_alloc(all + 1);
  if (!b) return FAIL(RESOURCE_EXHAUSTED, "transposed convolution: no room for %zu bytes", all);
  phase_t f;
  for (int64_t i = 0; phase_at(&s, i, &f); i++) {
    float *d = b;
    for (int64_t z = 0; z < f.taps[0]; z++)
      for (int64_t y = 0; y < f.taps[1]; y++)
        for (int64_t x = 0; x < f.taps[2]; x++) {
          int64_t kz = f.first[0] + z * f.step[0], ky = f.first[1] + y * f.step[1];
          int64_t kx = f.first[2] + x * f.step[2];
          const float *tap = w + ((kz * s.kernel[1] + ky) * s.kernel[2] + kx) * s.in_c * s.out_c;
          swap_axes(tap, 1, s.in_c, s.out_c, d, threads);  // [C, M] -> [M, C]
          d += s.in_c * s.out_c;
        }
    int64_t k = phase_k(&s, &f);
    if (k > 0) gemm_pack_b(k, s.in_c, b, s.in_c, 1, packed, threads);
    packed += gemm_packed_floats(k, s.in_c);
  }
  mem_aligned_free(b);
  return NULL;
}

// One row of output pixels of a phase, as rows of a product.
typedef struct deconv_row {
  const conv_shape_t *s;
  const phase_t *f;
  const float *x;  // of the image
  int64_t z, y;    // output coordinates
} deconv_row_t;

// The gradient's coordinate that tap k contributes to output o from; false when there is none.
static inline bool deconv_source(const conv_shape_t *s, int dim, int64_t o, int64_t k,
                                 int64_t *at) {
  *at = (o + s->pad[dim] - k * s->dilation[dim]) / s->stride[dim];  // exact within the phase
  return o + s->pad[dim] >= k * s->dilation[dim] && *at < s->out[dim];
}

static void pack_deconv(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t kc,
                        float *dst, int64_t ld) {
  const deconv_row_t *d = ctx;
  const conv_shape_t *s = d->s;
  const phase_t *f = d->f;
  int64_t m = s->out_c;
  for (int64_t r = 0; r < n_rows; r++, dst += ld) {
    int64_t ox = f->p[2] + (row + r) * s->stride[2];
    float *out = dst;
    for (int64_t i = k; i < k + kc;) {
      int64_t tap = i / m, at = i % m, take = min64(m - at, k + kc - i), iz, iy, ix;
      int64_t kx = f->first[2] + tap % f->taps[2] * f->step[2];
      int64_t ky = f->first[1] + tap / f->taps[2] % f->taps[1] * f->step[1];
      int64_t kz = f->first[0] + tap / f->taps[2] / f->taps[1] * f->step[0];
      if (deconv_source(s, 0, d->z, kz, &iz) && deconv_source(s, 1, d->y, ky, &iy) &&
          deconv_source(s, 2, ox, kx, &ix))
        copy_floats(out, d->x + ((iz * s->out[1] + iy) * s->out[2] + ix) * m + at, take);
      else
        for (int64_t q = 0; q < take; q++) out[q] = 0;
      out += take, i += take;
    }
  }
}

typedef struct deconv_job {
  const conv_shape_t *s;
  const float *x, *packed;
  float *y;
  const gemm_epilogue_t *ep;
} deconv_job_t;

static void deconv_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const deconv_job_t *j = ctx;
  const conv_shape_t *s = j->s;
  for (int64_t r = begin; r < end; r++) {  // (image, z, y)
    int64_t y = r % s->in[1], z = r / s->in[1] % s->in[0], b = r / s->in[1] / s->in[0];
    phase_t f;
    const float *packed = j->packed;
    for (int64_t i = 0; phase_at(s, i, &f); i++) {
      int64_t k = phase_k(s, &f);
      if (f.p[0] == z % s->stride[0] && f.p[1] == y % s->stride[1] && f.p[2] < s->in[2]) {
        deconv_row_t row = {s, &f, j->x + b * s->out[0] * s->out[1] * s->out[2] * s->out_c, z, y};
        gemm_rows_t rows = {.pack = pack_deconv, .ctx = &row};
        int64_t at = (r * s->in[2] + f.p[2]) * s->in_c, ld = s->stride[2] * s->in_c;
        gemm_epilogue_t e = j->ep ? *j->ep : (gemm_epilogue_t){0};
        e.ld_residual = ld;
        if (e.residual) e.residual += at;
        int64_t pixels = (s->in[2] - f.p[2] + s->stride[2] - 1) / s->stride[2];
        gemm_packed(pixels, s->in_c, k, &rows, packed, j->y + at, ld, false, &e, 1);
      }
      packed += gemm_packed_floats(k, s->in_c);
    }
  }
}

status_t deconv_run(const conv_shape_t *shape, const float *x, const float *packed, float *y,
                    const gemm_epilogue_t *ep, int threads) {
  conv_shape_t s = conv_widen(shape);
  int64_t in = s.in[0] * s.in[1] * s.in[2], out = s.out[0] * s.out[1] * s.out[2];
  if (!s.channels_last)
    return channels_first(deconv_run, &s, x, s.out_c, out, packed, y, s.in_c, in, ep, threads);
  deconv_job_t j = {&s, x, packed, y, ep};
  parallel_for(threads, s.batch * s.in[0] * s.in[1], 1, deconv_rows, &j);
  return NULL;
}

// ---------------------------------------------------------------- depthwise

static void depthwise_multiplied(const depthwise_job_t *j, int64_t begin, int64_t end) {
  const conv_shape_t *s = &j->s;
  int64_t mult = s->out_c / s->in_c;
  for (int64_t r = begin; r < end; r++) {
    int64_t b = r / s->out[1], oy = r % s->out[1];
    for (int64_t ox = 0; ox < s->out[2]; ox++) {
      int64_t at = (r * s->out[2] + ox) * s->out_c;
      float *y = j->y + at;
      gemm_tile_t t = {.c = y, .rows = 1, .cols = (int)s->out_c, .ep = j->ep};
      const float *residual = j->ep ? j->ep->residual : NULL;
      float sums[64];
      for (int64_t m0 = 0; m0 < s->out_c; m0 += 64) {
        int64_t n = min64(64, s->out_c - m0);
        for (int64_t m = 0; m < n; m++) sums[m] = 0;
        for (int64_t ky = 0; ky < s->kernel[1]; ky++)
          for (int64_t kx = 0; kx < s->kernel[2]; kx++) {
            int64_t iy = oy * s->stride[1] - s->pad[1] + ky * s->dilation[1];
            int64_t ix = ox * s->stride[2] - s->pad[2] + kx * s->dilation[2];
            if (iy < 0 || iy >= s->in[1] || ix < 0 || ix >= s->in[2]) continue;
            const float *x = j->x + ((b * s->in[1] + iy) * s->in[2] + ix) * s->in_c;
            const float *w = j->w + (ky * s->kernel[2] + kx) * s->out_c + m0;
            for (int64_t m = 0; m < n; m++) sums[m] += x[(m0 + m) / mult] * w[m];
          }
        t.c = y + m0, t.cols = (int)n;
        t.bias = j->ep && j->ep->bias ? j->ep->bias + m0 : NULL;
        t.residual = residual ? residual + at + m0 : NULL;
        gemm_finish(&t, sums, 0);
        gemm_act(&t);
      }
    }
  }
}

typedef struct depthwise_rows {
  depthwise_job_t j;
  depthwise_rows_fn fn;
} depthwise_rows_t;

static void depthwise_piece(void *ctx, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const depthwise_rows_t *d = ctx;
  d->fn(&d->j, begin, end);
}

status_t depthwise_run(const conv_shape_t *shape, const float *x, const float *w, float *y,
                       const gemm_epilogue_t *ep, int threads) {
  conv_shape_t s = conv_widen(shape);
  if (!s.channels_last)
    return channels_first(depthwise_run, &s, x, s.in_c, s.in[1] * s.in[2], w, y, s.out_c,
                          s.out[1] * s.out[2], ep, threads);
  depthwise_rows_t d = {{s, x, w, y, ep}, depthwise_rows_generic};
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512))
    d.fn = depthwise_rows_avx512;
  else if (cpu_has(CPU_AVX2))
    d.fn = depthwise_rows_avx2;
#endif
  if (s.out_c != s.in_c) d.fn = depthwise_multiplied;
  double row = (double)s.out[2] * (double)s.out_c * (double)(s.kernel[1] * s.kernel[2]);
  parallel_for(threads, s.batch * s.out[1], (int64_t)(32768 / (row + 1)) + 1, depthwise_piece, &d);
  return NULL;
}
