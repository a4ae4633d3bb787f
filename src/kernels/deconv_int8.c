#include "kernels/deconv_int8.h"

#include <string.h>

#include "base/mem.h"
#include "kernels/conv_inner.h"
#include "kernels/strided_copy.h"

// The output points first + i * stride of each dim, i in [0, conv.out).
typedef struct phase {
  conv_int8_t conv;
  int64_t tap[3], taps[3];  // those that they see: tap + k * stride, k in [0, taps); or none
  int64_t first[3];
} phase_t;

static int64_t count_phases(const conv_shape_t *s) {
  return s->stride[0] * s->stride[1] * s->stride[2];
}

// s is widened.
static phase_t phase_of(const conv_int8_t *c, const conv_shape_t *s, int64_t index) {
  phase_t p = {.conv = {.is_signed = c->is_signed, .zero = c->zero}};
  p.conv.s = (conv_shape_t){.spatial = 3,
                            .channels_last = true,
                            .batch = s->batch,
                            .in_c = s->out_c,
                            .out_c = s->in_c,
                            .groups = 1};
  for (int d = 2; d >= 0; d--) {
    conv_shape_t *f = &p.conv.s;
    const int64_t stride = s->stride[d], r = index % stride;
    index /= stride;
    p.tap[d] = r;
    p.taps[d] = r < s->kernel[d] ? (s->kernel[d] - r + stride - 1) / stride : 0;
    p.first[d] = ((r - s->pad[d]) % stride + stride) % stride;
    f->in[d] = s->out[d];
    f->out[d] = p.first[d] < s->in[d] ? (s->in[d] - p.first[d] + stride - 1) / stride : 0;
    f->kernel[d] = p.taps[d] ? p.taps[d] : 1;  // of zeros
    f->stride[d] = f->dilation[d] = 1;
    f->pad[d] = f->kernel[d] - 1 - (p.first[d] + s->pad[d] - r) / stride;
  }
  return p;
}

size_t deconv_int8_packed_bytes(const conv_int8_t *c) {
  const conv_shape_t s = conv_widen(&c->s);
  size_t total = 0;
  for (int64_t i = 0; i < count_phases(&s); i++) {
    phase_t p = phase_of(c, &s, i);
    size_t bytes = conv_int8_packed_bytes(&p.conv);
    if (bytes == 0 || bytes > SIZE_MAX - total) return 0;
    total += bytes;
  }
  return total;
}

// [taps..., out_c, in_c] of the phase, its taps in the opposite order: nearer input points come
// with later taps.
static void phase_filter(const phase_t *p, const conv_shape_t *s, const int8_t *w, int8_t *to) {
  const conv_shape_t *f = &p->conv.s;
  const int64_t rows = s->in_c, cols = s->out_c;
  if (!p->taps[0] || !p->taps[1] || !p->taps[2]) {
    memset(to, 0, (size_t)(f->kernel[0] * f->kernel[1] * f->kernel[2] * rows * cols));
    return;
  }
  for (int64_t z = f->kernel[0] - 1; z >= 0; z--)
    for (int64_t y = f->kernel[1] - 1; y >= 0; y--)
      for (int64_t x = f->kernel[2] - 1; x >= 0; x--, to += rows * cols) {
        int64_t at = p->tap[0] + z * s->stride[0];
        at = at * s->kernel[1] + p->tap[1] + y * s->stride[1];
        at = at * s->kernel[2] + p->tap[2] + x * s->stride[2];
        const int8_t *from = w + at * rows * cols;
        for (int64_t m = 0; m < rows; m++)
          for (int64_t k = 0; k < cols; k++) to[k * rows + m] = from[m * cols + k];
      }
}

status_t deconv_int8_pack(const conv_int8_t *c, const int8_t *w, void *packed, int threads) {
  const conv_shape_t s = conv_widen(&c->s);
  size_t taps = 1;
  for (int d = 0; d < 3; d++) taps *= (size_t)((s.kernel[d] + s.stride[d] - 1) / s.stride[d]);
  int8_t *part = mem_try_alloc(taps * (size_t)(s.in_c * s.out_c));
  if (!part) return FAIL(RESOURCE_EXHAUSTED, "no memory for a part of the filter");
  uint8_t *to = packed;
  for (int64_t i = 0; i < count_phases(&s); i++) {
    phase_t p = phase_of(c, &s, i);
    phase_filter(&p, &s, w, part);
    conv_int8_pack(&p.conv, part, to, threads);
    to += conv_int8_packed_bytes(&p.conv);
  }
  mem_aligned_free(part);
  return NULL;
}

static int64_t phase_elements(const phase_t *p) {
  const conv_shape_t *f = &p->conv.s;
  return f->batch * f->out[0] * f->out[1] * f->out[2] * f->out_c;
}

size_t deconv_int8_scratch(const conv_int8_t *c, dtype_t y) {
  const conv_shape_t s = conv_widen(&c->s);
  int64_t most = 0;
  if (count_phases(&s) == 1) return 0;
  for (int64_t i = 0; i < count_phases(&s); i++) {
    phase_t p = phase_of(c, &s, i);
    if (phase_elements(&p) > most) most = phase_elements(&p);
  }
  return (size_t)most * dtype_size(y);
}

// What a phase computed, to its places.
static status_t spread(const phase_t *p, const conv_shape_t *s, dtype_t type, const void *from,
                       void *y, int threads) {
  const conv_shape_t *f = &p->conv.s;
  strided_t copy = {0};
  int64_t to[3] = {s->in[1] * s->in[2] * s->in_c, s->in[2] * s->in_c, s->in_c};
  int64_t own[3] = {f->out[1] * f->out[2] * f->out_c, f->out[2] * f->out_c, f->out_c};
  strided_dim(&copy, s->batch, f->out[0] * own[0], s->in[0] * to[0]);
  for (int d = 0; d < 3; d++) {
    copy.dst_start += p->first[d] * to[d];
    strided_dim(&copy, f->out[d], own[d], s->stride[d] * to[d]);
  }
  strided_dim(&copy, f->out_c, 1, 1);
  return strided_copy(type, &copy, from, y, threads);
}

status_t deconv_int8_run(const conv_int8_t *c, const void *x, const void *packed, void *y,
                         const int8_finish_t *finish, void *scratch, int threads) {
  const conv_shape_t s = conv_widen(&c->s);
  const int64_t phases = count_phases(&s);
  const uint8_t *w = packed;
  for (int64_t i = 0; i < phases; i++) {
    phase_t p = phase_of(c, &s, i);
    if (phase_elements(&p) > 0) {
      conv_int8_run(&p.conv, x, w, phases > 1 ? scratch : y, finish, threads);
      if (phases > 1) TRY(spread(&p, &s, finish->type, scratch, y, threads));
    }
    w += conv_int8_packed_bytes(&p.conv);
  }
  return NULL;
}
