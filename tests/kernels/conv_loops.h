// What convolutions are held to: their definition, in double, and shapes to try.
#ifndef TFTRT_TESTS_KERNELS_CONV_LOOPS_H
#define TFTRT_TESTS_KERNELS_CONV_LOOPS_H

#include "base/mem.h"
#include "kernels/conv.h"

static unsigned seed = 1;
static inline float *randoms(int64_t n) {
  float *p = mem_alloc((size_t)(n + 1) * sizeof *p);
  for (int64_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    p[i] = (float)(int)(seed >> 8) / (float)(1 << 23) - 1.0f;
  }
  return p;
}

static inline int64_t volume(const conv_shape_t *s, const int64_t *d) {
  int64_t n = 1;
  for (int i = 0; i < s->spatial; i++) n *= d[i];
  return n;
}

// The definition: every (input pixel, tap, output pixel) triple, in double. For CONV_TRANSPOSED the
// roles of input and output are exchanged.
static inline double *expected(conv_kind_t kind, const conv_shape_t *s, const float *x,
                               const float *w) {
  bool back = kind == CONV_TRANSPOSED;
  int64_t ni = volume(s, s->in), no = volume(s, s->out), nk = volume(s, s->kernel);
  int64_t y_len = s->batch * (back ? ni * s->in_c : no * s->out_c);
  double *y = mem_calloc((size_t)y_len + 1, sizeof *y);
  int64_t cg = kind == CONV_DEPTHWISE ? 1 : s->in_c / s->groups;
  int64_t mg = kind == CONV_DEPTHWISE ? s->out_c / s->in_c : s->out_c / s->groups;
  for (int64_t b = 0; b < s->batch; b++)
    for (int64_t o = 0; o < no; o++)
      for (int64_t k = 0; k < nk; k++) {
        int64_t oo = o, kk = k, at = 0, step = 1;
        bool inside = true;
        for (int d = s->spatial - 1; d >= 0; d--) {
          int64_t i =
              oo % s->out[d] * s->stride[d] - s->pad[d] + kk % s->kernel[d] * s->dilation[d];
          if (i < 0 || i >= s->in[d]) inside = false;
          at += i * step, step *= s->in[d];
          oo /= s->out[d], kk /= s->kernel[d];
        }
        if (!inside) continue;
        for (int64_t m = 0; m < s->out_c; m++)
          for (int64_t ci = 0; ci < cg; ci++) {
            int64_t c = m / mg * cg + ci;
            int64_t xi =
                s->channels_last ? (b * ni + at) * s->in_c + c : (b * s->in_c + c) * ni + at;
            int64_t yi =
                s->channels_last ? (b * no + o) * s->out_c + m : (b * s->out_c + m) * no + o;
            double wv = (double)w[(k * cg + ci) * s->out_c + m];
            if (back)
              y[xi] += (double)x[yi] * wv;
            else
              y[yi] += (double)x[xi] * wv;
          }
      }
  return y;
}

// A two-dimensional shape; SAME when same, else VALID.
static inline conv_shape_t shape2(int64_t h, int64_t w, int64_t c, int64_t m, int64_t k,
                                  int64_t stride, int64_t dilation, bool same) {
  conv_shape_t s = {
      .spatial = 2, .channels_last = true, .batch = 2, .in_c = c, .out_c = m, .groups = 1};
  int64_t in[2] = {h, w}, window = (k - 1) * dilation + 1;
  for (int d = 0; d < 2; d++) {
    s.in[d] = in[d], s.kernel[d] = k, s.stride[d] = stride, s.dilation[d] = dilation;
    s.out[d] = same ? (in[d] + stride - 1) / stride : (in[d] - window) / stride + 1;
    int64_t pad = (s.out[d] - 1) * stride + window - in[d];
    s.pad[d] = same && pad > 0 ? pad / 2 : 0;
  }
  return s;
}

#endif
