// Convolutions of other dtypes: 16-bit floats through float, double and int32 by plain loops.
#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/conv.h"
#include "kernels/conv_inner.h"
#include "kernels/to_float.h"

typedef struct plain_job {
  conv_kind_t kind;
  conv_shape_t s;  // widened
  const void *x, *w;
  void *y;
  int64_t mult;            // depthwise: outputs per channel
  int64_t xc, xp, yc, yp;  // strides of x and y along channels and pixels
} plain_job_t;

// One pixel of the side with o_dims (y), summing over the other. `acc` is the type of the sum.
#define PLAIN(NAME, T, ACC)                                                                  \
  static void NAME(void *ctx, int64_t begin, int64_t end, int thread) {                      \
    (void)thread;                                                                            \
    const plain_job_t *j = ctx;                                                              \
    const conv_shape_t *s = &j->s;                                                           \
    bool back = j->kind == CONV_TRANSPOSED;                                                  \
    const int64_t *xd = back ? s->out : s->in, *yd = back ? s->in : s->out, *kn = s->kernel; \
    int64_t y_c = back ? s->in_c : s->out_c, x_c = back ? s->out_c : s->in_c;                \
    int64_t pixels = yd[0] * yd[1] * yd[2], sources = xd[0] * xd[1] * xd[2];                 \
    int64_t cg = j->kind == CONV_DEPTHWISE ? 1 : back ? x_c : s->in_c / s->groups;           \
    for (int64_t r = begin; r < end; r++) {                                                  \
      int64_t b = r / pixels, p = r % pixels;                                                \
      int64_t o[3] = {p / yd[2] / yd[1], p / yd[2] % yd[1], p % yd[2]};                      \
      T *y = (T *)j->y + b * pixels * y_c + p * j->yp;                                       \
      for (int64_t m = 0; m < y_c; m++) {                                                    \
        ACC sum = 0;                                                                         \
        int64_t c0 = j->kind == CONV_DEPTHWISE ? m / j->mult                                 \
                     : back                    ? 0                                           \
                                               : m / (s->out_c / s->groups) * cg;                               \
        for (int64_t k = 0; k < kn[0] * kn[1] * kn[2]; k++) {                                \
          int64_t kk[3] = {k / kn[2] / kn[1], k / kn[2] % kn[1], k % kn[2]}, at = 0;         \
          bool inside = true;                                                                \
          for (int d = 0; d < 3 && inside; d++) {                                            \
            int64_t q = back ? o[d] + s->pad[d] - kk[d] * s->dilation[d]                     \
                             : o[d] * s->stride[d] - s->pad[d] + kk[d] * s->dilation[d];     \
            if (back) inside = q >= 0 && q % s->stride[d] == 0, q /= s->stride[d];           \
            inside = inside && q >= 0 && q < xd[d];                                          \
            at = at * xd[d] + q;                                                             \
          }                                                                                  \
          if (!inside) continue;                                                             \
          const T *x = (const T *)j->x + b * sources * x_c + at * j->xp + c0 * j->xc;        \
          const T *w = (const T *)j->w + (back ? (k * y_c + m) * x_c : k * cg * y_c + m);    \
          int64_t ws = back ? 1 : y_c;                                                       \
          for (int64_t c = 0; c < cg; c++) sum += (ACC)x[c * j->xc] * (ACC)w[c * ws];        \
        }                                                                                    \
        y[m * j->yc] = (T)sum;                                                               \
      }                                                                                      \
    }                                                                                        \
  }
PLAIN(plain_double, double, double)
PLAIN(plain_int32, int32_t, uint32_t)

static int64_t product(const int64_t *d) { return d[0] * d[1] * d[2]; }

static status_t run_float(conv_kind_t kind, const conv_shape_t *s, const float *x, const float *w,
                          float *y, int threads) {
  if (kind == CONV_DEPTHWISE) return depthwise_run(s, x, w, y, NULL, threads);
  bool back = kind == CONV_TRANSPOSED;
  size_t n = back ? deconv_packed_floats(s) : conv_packed_floats(s), bytes;
  if (!size_mul(n, sizeof(float), &bytes)) bytes = SIZE_MAX;
  float *packed = bytes == SIZE_MAX ? NULL : mem_try_alloc(bytes + 1);
  if (!packed) return FAIL(RESOURCE_EXHAUSTED, "convolution: no room to pack the filter");
  status_t st = NULL;
  if (back)
    st = deconv_pack(s, w, packed, threads);
  else if (n)
    conv_pack(s, w, packed, threads);
  if (!st) st = (back ? deconv_run : conv_run)(s, x, packed, y, NULL, threads);
  mem_aligned_free(packed);
  return st;
}

status_t conv_any(conv_kind_t kind, const conv_shape_t *shape, dtype_t dtype, const void *x,
                  const void *w, void *y, int threads) {
  if (dtype == DT_FLOAT) return run_float(kind, shape, x, w, y, threads);
  conv_shape_t s = conv_widen(shape);
  bool back = kind == CONV_TRANSPOSED;
  int64_t ni = s.batch * product(s.in) * s.in_c, no = s.batch * product(s.out) * s.out_c;
  int64_t nx = back ? no : ni, ny = back ? ni : no;
  if (dtype == DT_HALF || dtype == DT_BFLOAT16) {
    int64_t cg = kind == CONV_DEPTHWISE ? 1 : s.in_c / s.groups;
    int64_t nw = product(s.kernel) * cg * s.out_c;
    float *f = mem_try_alloc((size_t)(nx + nw + ny + 1) * sizeof *f);
    if (!f) return FAIL(RESOURCE_EXHAUSTED, "convolution: no room for the tensors as floats");
    floats_from(dtype, x, nx, f);
    floats_from(dtype, w, nw, f + nx);
    status_t st = run_float(kind, shape, f, f + nx, f + nx + nw, threads);
    if (!st) floats_to(dtype, f + nx + nw, ny, y);
    mem_aligned_free(f);
    return st;
  }
  if (dtype != DT_DOUBLE && dtype != DT_INT32)
    return FAIL(UNIMPLEMENTED, "convolution of %s is not supported", dtype_name(dtype));
  plain_job_t j = {.kind = kind, .s = s, .x = x, .w = w, .y = y};
  int64_t xn = product(back ? s.out : s.in), yn = product(back ? s.in : s.out);
  int64_t x_c = back ? s.out_c : s.in_c, y_c = back ? s.in_c : s.out_c;
  j.mult = s.in_c ? s.out_c / s.in_c : 1;
  j.xc = s.channels_last ? 1 : xn, j.xp = s.channels_last ? x_c : 1;
  j.yc = s.channels_last ? 1 : yn, j.yp = s.channels_last ? y_c : 1;
  parallel_for(threads, s.batch * yn, 16, dtype == DT_DOUBLE ? plain_double : plain_int32, &j);
  return NULL;
}
