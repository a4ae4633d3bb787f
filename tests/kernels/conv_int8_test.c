// Convolutions and products of 8-bit numbers against their definition: sums in 64 bits, finished in
// float32 as kernels/int8_finish.h says. Every result must be equal, on every instruction set.
#include "kernels/conv_int8.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/isa.h"
#include "tensor/tensor.h"
#include "test.h"

static unsigned seed = 1;
static unsigned next(void) {
  seed = seed * 1664525u + 1013904223u;
  return seed >> 8;
}

static void *random_bytes(int64_t n) {
  uint8_t *p = mem_alloc((size_t)n + 1);
  // Extremes often, so that whatever saturates is seen.
  for (int64_t i = 0; i < n; i++) {
    unsigned r = next();
    p[i] = (uint8_t)(r % 5 == 0 ? 0x80 : r % 5 == 1 ? 0x7f : r % 5 == 2 ? 0xff : r >> 4);
  }
  return p;
}

typedef struct conv_case {
  const char *name;
  bool depthwise;
  conv_shape_t s;
  bool is_signed;
  int zero;
} conv_case_t;

#define CASE2(NAME, DW, B, C, M, G, H, W, OH, OW, KH, KW, SH, SW, DH, DW_, PH, PW, SIGNED, ZERO) \
  {                                                                                              \
    NAME, DW,                                                                                    \
        {.spatial = 2,                                                                           \
         .channels_last = true,                                                                  \
         .batch = B,                                                                             \
         .in_c = C,                                                                              \
         .out_c = M,                                                                             \
         .groups = G,                                                                            \
         .in = {H, W},                                                                           \
         .out = {OH, OW},                                                                        \
         .kernel = {KH, KW},                                                                     \
         .stride = {SH, SW},                                                                     \
         .dilation = {DH, DW_},                                                                  \
         .pad = {PH, PW}},                                                                       \
        SIGNED, ZERO                                                                             \
  }

static const conv_case_t cases[] = {
    CASE2("1x1", false, 2, 64, 48, 1, 5, 7, 5, 7, 1, 1, 1, 1, 1, 1, 0, 0, false, 0),
    CASE2("1x1, odd", false, 1, 37, 33, 1, 5, 7, 5, 7, 1, 1, 1, 1, 1, 1, 0, 0, true, 0),
    CASE2("1x1, few channels", false, 1, 3, 1, 1, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0, true, 5),
    CASE2("1x1, stride", false, 2, 20, 17, 1, 7, 7, 4, 4, 1, 1, 2, 2, 1, 1, 0, 0, false, 9),
    CASE2("1x1, many rows", false, 4, 1024, 8, 1, 9, 9, 9, 9, 1, 1, 1, 1, 1, 1, 0, 0, false, 0),
    CASE2("3x3", false, 2, 16, 40, 1, 8, 9, 8, 9, 3, 3, 1, 1, 1, 1, 1, 1, false, 0),
    CASE2("3x3, zero point", false, 1, 5, 9, 1, 8, 9, 8, 9, 3, 3, 1, 1, 1, 1, 1, 1, false, 113),
    CASE2("3x3, negative zero point", false, 1, 18, 66, 1, 6, 6, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1, true,
          -77),
    CASE2("first layer", false, 1, 3, 32, 1, 15, 17, 8, 9, 3, 3, 2, 2, 1, 1, 1, 1, true, 0),
    CASE2("7x7", false, 1, 3, 24, 1, 19, 19, 10, 10, 7, 7, 2, 2, 1, 1, 3, 3, false, 0),
    CASE2("dilated", false, 1, 7, 8, 1, 11, 12, 11, 12, 3, 3, 1, 1, 2, 3, 2, 3, true, 0),
    CASE2("groups", false, 2, 24, 36, 3, 6, 5, 6, 5, 3, 3, 1, 1, 1, 1, 1, 1, true, 3),
    CASE2("deep", false, 1, 512, 64, 1, 4, 4, 4, 4, 3, 3, 1, 1, 1, 1, 1, 1, false, 255),
    CASE2("depthwise 3x3", true, 2, 32, 32, 32, 9, 13, 9, 13, 3, 3, 1, 1, 1, 1, 1, 1, false, 0),
    CASE2("depthwise 3x3, stride", true, 1, 96, 96, 96, 14, 14, 7, 7, 3, 3, 2, 2, 1, 1, 0, 0, false,
          0),
    CASE2("depthwise 3x3, odd", true, 2, 37, 37, 37, 7, 6, 7, 6, 3, 3, 1, 1, 1, 1, 1, 1, true, 0),
    CASE2("depthwise 5x5", true, 1, 48, 48, 48, 8, 11, 8, 11, 5, 5, 1, 1, 1, 1, 2, 2, true, -9),
    CASE2("depthwise 5x5, stride", true, 1, 24, 24, 24, 9, 15, 5, 8, 5, 5, 2, 2, 1, 1, 2, 2, false,
          31),
    CASE2("depthwise 7x7", true, 1, 19, 19, 19, 9, 9, 9, 9, 7, 7, 1, 1, 1, 1, 3, 3, false, 0),
    CASE2("depthwise 2x4", true, 1, 16, 16, 16, 5, 6, 4, 3, 2, 4, 1, 1, 1, 1, 0, 0, false, 0),
    CASE2("depthwise, dilated", true, 1, 33, 33, 33, 13, 12, 13, 12, 3, 3, 1, 1, 3, 2, 3, 2, true,
          20),
    CASE2("depthwise, all padding", true, 1, 5, 5, 5, 1, 1, 3, 3, 3, 3, 1, 1, 1, 1, 2, 2, false,
          200),
    CASE2("depthwise, one channel", true, 3, 1, 1, 1, 4, 30, 4, 30, 3, 3, 1, 1, 1, 1, 1, 1, true,
          0),
    CASE2("depthwise, strides apart", true, 1, 8, 8, 8, 9, 9, 5, 9, 3, 3, 2, 1, 1, 1, 1, 1, false,
          0),
};
enum { N_CASES = sizeof cases / sizeof *cases };

// ---------------------------------------------------------------- the definition

static int number(const void *p, int64_t i, bool is_signed) {
  return is_signed ? ((const int8_t *)p)[i] : ((const uint8_t *)p)[i];
}

static int64_t sum_at(const conv_case_t *k, const void *x, const int8_t *w, int64_t at) {
  const conv_shape_t *s = &k->s;
  int64_t m = at % s->out_c, ox = at / s->out_c % s->out[1];
  int64_t oy = at / s->out_c / s->out[1] % s->out[0], b = at / s->out_c / s->out[1] / s->out[0];
  int64_t own = s->in_c / s->groups, group = m / (s->out_c / s->groups), sum = 0;
  for (int64_t ky = 0; ky < s->kernel[0]; ky++)
    for (int64_t kx = 0; kx < s->kernel[1]; kx++) {
      int64_t iy = oy * s->stride[0] - s->pad[0] + ky * s->dilation[0];
      int64_t ix = ox * s->stride[1] - s->pad[1] + kx * s->dilation[1];
      if (iy < 0 || iy >= s->in[0] || ix < 0 || ix >= s->in[1]) continue;
      for (int64_t c = 0; c < own; c++) {
        int64_t from = ((b * s->in[0] + iy) * s->in[1] + ix) * s->in_c + group * own + c;
        int64_t weight = ((ky * s->kernel[1] + kx) * own + c) * s->out_c + m;
        sum += (int64_t)(number(x, from, k->is_signed) - k->zero) * w[weight];
      }
    }
  return sum;
}

typedef struct finish_case {
  dtype_t residual, y;  // DT_INVALID: none
  bool nan, act;        // nan: a bias is none
  int y_zero;
  bool saturates;
} finish_case_t;

static const finish_case_t finishes[] = {
    {DT_INVALID, DT_UINT8, true, false, 0, false}, {DT_INVALID, DT_INT8, false, false, 11, false},
    {DT_INVALID, DT_FLOAT, true, false, 0, false}, {DT_INT8, DT_UINT8, true, false, 128, false},
    {DT_UINT8, DT_INT8, true, true, -3, false},    {DT_FLOAT, DT_FLOAT, false, true, 0, false},
    {DT_FLOAT, DT_INT8, true, false, 0, false},    {DT_INVALID, DT_UINT8, true, true, 0, false},
    {DT_INVALID, DT_UINT8, false, false, 0, true}, {DT_INVALID, DT_INT8, false, false, -77, true},
    {DT_INT8, DT_INT8, false, false, 0, true},     {DT_INVALID, DT_UINT8, false, false, 130, true},
};
enum { N_FINISHES = sizeof finishes / sizeof *finishes };

static void bend(float *x, int64_t n, const void *arg) {
  for (int64_t i = 0; i < n; i++) x[i] = x[i] < 0 ? x[i] * *(const float *)arg : x[i];
}

static const float slope = 0.125f;

static float finished(const int8_finish_t *e, int64_t sum, int64_t channel, int64_t at) {
  float v = fmaf((float)(int32_t)sum, e->scale[channel], e->bias[channel]);
  if (e->residual && e->residual_type == DT_FLOAT)
    v = v + ((const float *)e->residual)[at] * e->residual_scale;
  else if (e->residual)
    v = v + (float)(number(e->residual, at, e->residual_type == DT_INT8) - e->residual_zero) *
                e->residual_scale;
  if (e->act) {
    if (v < 0) v *= slope;
    v *= e->by;
  }
  if (e->clamp && v < e->lo) v = e->lo;
  if (e->clamp && v > e->hi) v = e->hi;
  if (e->type == DT_FLOAT) return v;
  return v == v ? rintf(v) + (float)e->zero : 0;
}

static float value(const int8_finish_t *e, const void *y, int64_t at) {
  if (e->type == DT_FLOAT) return ((const float *)y)[at];
  return (float)number(y, at, e->type == DT_INT8);
}

// ---------------------------------------------------------------- trying

static int8_finish_t make_finish(const finish_case_t *f, int64_t channels, int64_t elements,
                                 double spread) {
  float *scale = mem_calloc((size_t)channels + INT8_PADDING, sizeof *scale);
  float *bias = mem_calloc((size_t)channels + INT8_PADDING, sizeof *bias);
  for (int64_t m = 0; m < channels; m++) {
    scale[m] = (float)((0.5 + next() % 1000 * 1e-3) / spread);
    bias[m] = (float)((int)(next() % 200) - 100) * 0.37f;
  }
  if (f->nan && channels > 3) bias[3] = NAN;
  int8_finish_t e = {.scale = scale, .bias = bias, .by = 1, .type = f->y};
  e.saturates = f->saturates;
  if (f->residual == DT_FLOAT) {
    float *r = mem_alloc((size_t)elements * sizeof *r);
    for (int64_t i = 0; i < elements; i++) r[i] = (float)((int)(next() % 2000) - 1000) * 0.1f;
    if (elements > 5) r[5] = NAN, r[4] = INFINITY;
    e.residual = r;
  } else if (f->residual) {
    e.residual = random_bytes(elements);
  }
  e.residual_type = f->residual;
  e.residual_scale = 0.43f;
  e.residual_zero = f->residual == DT_UINT8 ? 77 : f->residual == DT_INT8 ? -5 : 0;
  if (f->act) e.act = bend, e.act_arg = &slope, e.by = 0.7f;
  e.clamp = f->y != DT_FLOAT || f->nan;
  e.zero = f->y == DT_FLOAT ? 0 : f->y_zero;
  e.lo = f->y == DT_FLOAT ? -20 : (float)((f->y == DT_UINT8 ? 0 : -128) - e.zero);
  e.hi = f->y == DT_FLOAT ? 33 : (float)((f->y == DT_UINT8 ? 255 : 127) - e.zero);
  return e;
}

static void run(const conv_case_t *k, bool plain, const void *x, const int8_t *w, void *y,
                const int8_finish_t *e, int threads) {
  conv_int8_t c = {k->s, k->is_signed, k->zero};
  if (plain) {
    assert_ok(conv_int8_plain(&c, x, w, y, e, threads));
    return;
  }
  size_t bytes = k->depthwise ? depthwise_int8_packed_bytes(&c) : conv_int8_packed_bytes(&c);
  assert_true(bytes > 0 && bytes % 4 == 0);
  void *packed = mem_try_alloc(bytes);
  if (k->depthwise) {
    size_t scratch_bytes = depthwise_int8_scratch(&c, threads);
    void *scratch = mem_try_alloc(scratch_bytes);
    memset(scratch, 0x55, scratch_bytes);
    depthwise_int8_pack(&c, w, packed);
    depthwise_int8_run(&c, x, packed, y, e, scratch, threads);
    mem_aligned_free(scratch);
  } else {
    conv_int8_pack(&c, w, packed, threads);
    conv_int8_run(&c, x, packed, y, e, threads);
  }
  mem_aligned_free(packed);
}

static void try_case(const conv_case_t *k, const finish_case_t *f, bool plain, int threads) {
  const conv_shape_t *s = &k->s;
  int64_t n = s->batch * s->out[0] * s->out[1] * s->out_c;
  void *x = random_bytes(s->batch * s->in[0] * s->in[1] * s->in_c);
  int8_t *w = random_bytes(s->kernel[0] * s->kernel[1] * s->in_c / s->groups * s->out_c);
  int64_t products = s->kernel[0] * s->kernel[1] * (s->in_c / s->groups);
  int8_finish_t e = make_finish(f, s->out_c, n, 60 * sqrt((double)products));
  size_t bytes = (size_t)n * dtype_size(f->y);
  uint8_t *y = mem_alloc(bytes + 8);
  memset(y, 0xa5, bytes + 8);
  run(k, plain, x, w, y, &e, threads);
  for (int64_t at = 0; at < n; at++) {
    float want = finished(&e, sum_at(k, x, w, at), at % s->out_c, at), got = value(&e, y, at);
    if (got != want && !(got != got && want != want))
      fail_msg("%s to %s, %d threads: %g, not %g, at %d", k->name, dtype_name(f->y), threads,
               (double)got, (double)want, (int)at);
  }
  for (int i = 0; i < 8; i++) assert_int_equal(y[bytes + (size_t)i], 0xa5);  // not a byte further
  mem_free(x);
  mem_free(w);
  mem_free(y);
  mem_free((void *)e.scale);
  mem_free((void *)e.bias);
  mem_free((void *)e.residual);
}

static void kernels_equal_definition(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++)
    for (int j = 0; j < N_FINISHES; j++)
      for (int threads = 1; threads <= 3; threads += 2)
        try_case(&cases[i], &finishes[j], false, threads);
}

static void plain_loops_equal_definition(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) try_case(&cases[i], &finishes[i % N_FINISHES], true, 2);
  conv_case_t twice = CASE2("depthwise, multiplier 2", false, 1, 6, 12, 6, 5, 5, 5, 5, 3, 3, 1, 1,
                            1, 1, 1, 1, true, 4);
  try_case(&twice, &finishes[0], true, 1);
}

static void three_dims(void **state) {
  (void)state;
  // [2, 3, 4, 5] through a 2 x 1 x 1 kernel is the sum of two 1 x 1 ones.
  conv_int8_t c = {.s = {.spatial = 3,
                         .batch = 1,
                         .in_c = 5,
                         .out_c = 4,
                         .groups = 1,
                         .in = {3, 4, 2},
                         .out = {2, 4, 2},
                         .kernel = {2, 1, 1},
                         .stride = {1, 1, 1},
                         .dilation = {1, 1, 1}}};
  uint8_t *x = random_bytes(3 * 4 * 2 * 5);
  int8_t *w = random_bytes(2 * 5 * 4);
  float scale[4 + INT8_PADDING] = {1, 1, 1, 1}, bias[4 + INT8_PADDING] = {0}, y[2 * 4 * 2 * 4];
  int8_finish_t e = {.scale = scale, .bias = bias, .type = DT_FLOAT};
  void *packed = mem_try_alloc(conv_int8_packed_bytes(&c));
  conv_int8_pack(&c, w, packed, 1);
  conv_int8_run(&c, x, packed, y, &e, 1);
  for (int64_t at = 0; at < 64; at++) {
    int64_t point = at / 4, m = at % 4, sum = 0;
    for (int64_t k = 0; k < 2; k++)
      for (int64_t i = 0; i < 5; i++)
        sum += (int64_t)x[(point + k * 8) * 5 + i] * w[(k * 5 + i) * 4 + m];
    assert_true(y[at] == (float)sum);
  }
  mem_aligned_free(packed);
  mem_free(x);
  mem_free(w);
}

// What cannot be summed in 32 bits, or whose packed form has no size, is refused.
static void refused(void **state) {
  (void)state;
  conv_int8_t c = {.s = {.spatial = 2,
                         .batch = 1,
                         .in_c = 70000,
                         .out_c = 4,
                         .groups = 1,
                         .in = {1, 1},
                         .out = {1, 1},
                         .kernel = {1, 1},
                         .stride = {1, 1},
                         .dilation = {1, 1}}};
  assert_int_equal(conv_int8_packed_bytes(&c), 0);
  c.s.in_c = 4, c.s.out_c = INT64_MAX / 2;
  assert_int_equal(conv_int8_packed_bytes(&c), 0);
  c.s.out_c = c.s.groups = 4, c.s.kernel[0] = 300, c.s.kernel[1] = 300;
  assert_int_equal(depthwise_int8_packed_bytes(&c), 0);
}

int main(int argc, char **argv) {
  (void)argc;
  run_for_each_isa(argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_equal_definition),
      cmocka_unit_test(plain_loops_equal_definition),
      cmocka_unit_test(three_dims),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
