#include "kernels/conv_int8.h"

#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/conv_inner.h"
#include "kernels/gemm_int8.h"

static int64_t product_k(const conv_shape_t *s) {
  return s->kernel[0] * s->kernel[1] * s->kernel[2] * (s->in_c / s->groups);
}

size_t conv_int8_packed_bytes(const conv_int8_t *c) {
  conv_shape_t s = conv_widen(&c->s);
  size_t total, each = gemm_int8_packed_bytes(product_k(&s), s.out_c / s.groups);
  return size_mul(each, (size_t)s.groups, &total) ? total : 0;
}

void conv_int8_pack(const conv_int8_t *c, const int8_t *w, void *packed, int threads) {
  conv_shape_t s = conv_widen(&c->s);
  int64_t k = product_k(&s), n = s.out_c / s.groups;
  size_t each = gemm_int8_packed_bytes(k, n);
  for (int64_t g = 0; g < s.groups; g++)
    gemm_int8_pack(k, n, w + g * n, s.out_c, (uint8_t *)packed + (size_t)g * each, threads);
}

// Rows of the implicit im2col matrix: one per output pixel, [kernel..., in_c / groups] each.
typedef struct patches {
  const conv_shape_t *s;
  const uint8_t *x;  // at the group's first channel
  int64_t c;         // channels of the group
  int outside;       // what padding is
} patches_t;

// Short runs are the rule, where a call of memcpy costs more than the copy. Pieces may overlap.
static inline void copy_bytes(uint8_t *d, const uint8_t *s, int64_t n) {
  if (n > 256) {
    memcpy(d, s, (size_t)n);
  } else if (n >= 16) {
    for (int64_t i = 0; i < n - 16; i += 16) memcpy(d + i, s + i, 16);
    memcpy(d + n - 16, s + n - 16, 16);
  } else if (n >= 8) {
    memcpy(d, s, 8);
    memcpy(d + n - 8, s + n - 8, 8);
  } else if (n >= 4) {
    memcpy(d, s, 4);
    memcpy(d + n - 4, s + n - 4, 4);
  } else {
    for (int64_t i = 0; i < n; i++) d[i] = s[i];
  }
}

// The taps of one output pixel, whose window begins at x0, y0, z0 of image b.
static inline void patch(const patches_t *p, int64_t b, int64_t z0, int64_t y0, int64_t x0,
                         uint8_t *dst) {
  const conv_shape_t *s = p->s;
  const int64_t line = s->kernel[2] * p->c;
  const bool merged = s->dilation[2] == 1 && p->c == s->in_c;  // taps along w touch
  const bool inside = merged && x0 >= 0 && x0 + s->kernel[2] <= s->in[2];
  for (int64_t kz = 0; kz < s->kernel[0]; kz++) {
    int64_t z = z0 + kz * s->dilation[0];
    for (int64_t ky = 0; ky < s->kernel[1]; ky++, dst += line) {
      int64_t y = y0 + ky * s->dilation[1];
      if (z < 0 || z >= s->in[0] || y < 0 || y >= s->in[1]) {
        memset(dst, p->outside, (size_t)line);
        continue;
      }
      const uint8_t *from = p->x + ((b * s->in[0] + z) * s->in[1] + y) * s->in[2] * s->in_c;
      if (inside) {
        copy_bytes(dst, from + x0 * s->in_c, line);
        continue;
      }
      for (int64_t kx = 0; kx < s->kernel[2]; kx++) {
        int64_t x = x0 + kx * s->dilation[2];
        if (x < 0 || x >= s->in[2])
          memset(dst + kx * p->c, p->outside, (size_t)p->c);
        else
          copy_bytes(dst + kx * p->c, from + x * s->in_c, p->c);
      }
    }
  }
}

static void write_patches(const void *ctx, int64_t row, int64_t n, uint8_t *dst, int64_t ld) {
  const patches_t *p = ctx;
  const conv_shape_t *s = p->s;
  int64_t b = row, o[3];
  for (int i = 2; i >= 0; i--) o[i] = b % s->out[i], b /= s->out[i];
  for (int64_t r = 0; r < n; r++, dst += ld) {
    patch(p, b, o[0] * s->stride[0] - s->pad[0], o[1] * s->stride[1] - s->pad[1],
          o[2] * s->stride[2] - s->pad[2], dst);
    for (int i = 2; i >= 0 && ++o[i] == s->out[i]; i--) {
      o[i] = 0;
      if (i == 0) b++;
    }
  }
}

void conv_int8_run(const conv_int8_t *c, const void *x, const void *packed, void *y,
                   const int8_finish_t *finish, int threads) {
  conv_shape_t s = conv_widen(&c->s);
  int64_t k = product_k(&s), n = s.out_c / s.groups;
  bool pointwise = true;
  for (int i = 0; i < 3; i++)
    pointwise &= s.kernel[i] == 1 && s.stride[i] == 1 && s.pad[i] == 0 && s.out[i] == s.in[i];
  size_t each = gemm_int8_packed_bytes(k, n);
  for (int64_t g = 0; g < s.groups; g++) {
    patches_t p = {&s, (const uint8_t *)x + g * (s.in_c / s.groups), s.in_c / s.groups, c->zero};
    gemm_int8_rows_t rows = {.a = p.x, .rs = s.in_c, .is_signed = c->is_signed, .zero = c->zero};
    if (!pointwise) rows.write = write_patches, rows.ctx = &p;
    gemm_int8(s.batch * s.out[0] * s.out[1] * s.out[2], n, k, &rows,
              (const uint8_t *)packed + (size_t)g * each, y, s.out_c, finish, g * n, threads);
  }
}

// ---------------------------------------------------------------- plain loops

typedef struct job {
  const conv_int8_t *c;
  conv_shape_t s;
  const uint8_t *x;
  const int8_t *w;
  void *y;
  const int8_finish_t *finish;
  int32_t *sums;  // [threads][out_c]
} job_t;

static void add_tap(const job_t *j, const uint8_t *x, const int8_t *w, int32_t *sums) {
  const conv_shape_t *s = &j->s;
  int64_t own = s->in_c / s->groups, per = s->out_c / s->groups;
  for (int64_t i = 0; i < s->in_c; i++) {
    int v = (j->c->is_signed ? (int)(int8_t)x[i] : (int)x[i]) - j->c->zero;
    if (v == 0) continue;
    // A filter has `own` rows of all output channels; a group uses its part of each row.
    int64_t first = i / own * per;
    const int8_t *row = w + i % own * s->out_c + first;
    for (int64_t m = 0; m < per; m++) sums[first + m] += v * row[m];
  }
}

static void points(void *ctx, int64_t begin, int64_t end, int thread) {
  const job_t *j = ctx;
  const conv_shape_t *s = &j->s;
  int32_t *sums = j->sums + thread * s->out_c;
  int64_t own = s->in_c / s->groups, taps = s->kernel[0] * s->kernel[1] * s->kernel[2];
  for (int64_t point = begin; point < end; point++) {
    int64_t n = point, o[3];
    for (int i = 2; i >= 0; i--) o[i] = n % s->out[i], n /= s->out[i];
    memset(sums, 0, (size_t)s->out_c * sizeof *sums);
    for (int64_t tap = 0; tap < taps; tap++) {
      int64_t left = tap, k[3], at = n;
      bool inside = true;
      for (int i = 2; i >= 0; i--) k[i] = left % s->kernel[i], left /= s->kernel[i];
      for (int i = 0; i < 3; i++) {
        int64_t p = o[i] * s->stride[i] + k[i] * s->dilation[i] - s->pad[i];
        inside = inside && p >= 0 && p < s->in[i];
        at = at * s->in[i] + p;
      }
      if (inside) add_tap(j, j->x + at * s->in_c, j->w + tap * own * s->out_c, sums);
    }
    int8_finish_sums(j->finish, j->y, point * s->out_c, sums, 0, s->out_c);
  }
}

status_t conv_int8_plain(const conv_int8_t *c, const void *x, const int8_t *w, void *y,
                         const int8_finish_t *finish, int threads) {
  job_t j = {c, conv_widen(&c->s), x, w, y, finish, NULL};
  const conv_shape_t *s = &j.s;
  size_t bytes;
  if (threads < 1) threads = 1;
  if (size_mul((size_t)threads * sizeof(int32_t), (size_t)s->out_c, &bytes))
    j.sums = mem_try_alloc(bytes ? bytes : 1);
  if (!j.sums)
    return FAIL(RESOURCE_EXHAUSTED, "no memory for sums of %lld channels", (long long)s->out_c);
  parallel_for(threads, s->batch * s->out[0] * s->out[1] * s->out[2], 8, points, &j);
  mem_aligned_free(j.sums);
  return NULL;
}
