// Strided copies against the definition, element by element: every path (runs, rows, squares, cuts
// for threads) for every element size.
#include "kernels/strided_copy.h"

#include <stdlib.h>

#include "kernels/slice.h"
#include "test.h"

static void check(dtype_t dtype, const strided_t *s, int64_t n_src, int64_t n_dst, int threads) {
  size_t size = dtype_size(dtype);
  unsigned char *src = malloc((size_t)n_src * size), *dst = calloc((size_t)n_dst, size),
                *want = calloc((size_t)n_dst, size);
  for (size_t i = 0; i < (size_t)n_src * size; i++) src[i] = (unsigned char)(i * 31 + i / 251);
  int64_t index[STRIDED_MAX_RANK] = {0}, total = 1;
  for (int i = 0; i < s->rank; i++) total *= s->dims[i];
  for (int64_t k = 0; k < total; k++) {
    int64_t from = s->src_start, to = s->dst_start, rest = k;
    for (int i = s->rank - 1; i >= 0; i--) {
      index[i] = rest % s->dims[i];
      rest /= s->dims[i];
      from += index[i] * s->src_stride[i];
      to += index[i] * s->dst_stride[i];
    }
    memcpy(want + (size_t)to * size, src + (size_t)from * size, size);
  }
  assert_ok(strided_copy(dtype, s, src, dst, threads));
  assert_memory_equal(dst, want, (size_t)n_dst * size);
  free(src);
  free(dst);
  free(want);
}

static const dtype_t dtypes[] = {DT_UINT8, DT_HALF, DT_FLOAT, DT_INT64, DT_COMPLEX128};

static void transposes(void **state) {
  (void)state;
  static const struct {
    shape_t shape;
    int perm[4];
  } cases[] = {
      {{2, {70, 133}}, {1, 0}},
      {{2, {64, 64}}, {1, 0}},
      {{3, {3, 37, 70}}, {0, 2, 1}},
      {{3, {5, 66, 31}}, {2, 0, 1}},
      {{4, {2, 17, 19, 64}}, {0, 3, 1, 2}},
      {{4, {2, 64, 17, 19}}, {0, 2, 3, 1}},
      {{4, {2, 9, 5, 33}}, {0, 2, 1, 3}},
      {{3, {300, 300, 3}}, {2, 0, 1}},
      {{4, {4, 3, 2, 5}}, {3, 2, 1, 0}},
      {{3, {1, 1, 7}}, {2, 1, 0}},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
      for (int threads = 1; threads <= 3; threads++) {
        int64_t in[SHAPE_MAX_RANK], n = shape_elements(&cases[c].shape), step = n;
        strided_t s = {0};
        shape_strides(&cases[c].shape, in);
        for (int i = 0; i < cases[c].shape.rank; i++) {
          int64_t dim = cases[c].shape.d[cases[c].perm[i]];
          step /= dim;
          strided_dim(&s, dim, in[cases[c].perm[i]], step);
        }
        check(dtypes[d], &s, n, n, threads);
      }
}

static void slices_reversals_and_broadcasts(void **state) {
  (void)state;
  for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
    for (int threads = 1; threads <= 2; threads++) {
      // rows 3.. of a [40, 50] array, every third column backwards, into a [37, 20] at column 2
      strided_t s = {.src_start = 3 * 50 + 49, .dst_start = 2};
      strided_dim(&s, 37, 50, 20);
      strided_dim(&s, 16, -3, 1);
      check(dtypes[d], &s, 2000, 37 * 20, threads);
      // [1, 30, 1] broadcast to [50, 30, 40]
      s = (strided_t){0};
      strided_dim(&s, 50, 0, 1200);
      strided_dim(&s, 30, 1, 40);
      strided_dim(&s, 40, 0, 1);
      check(dtypes[d], &s, 30, 60000, threads);
      // one long run, cut for the threads; and a scatter with steps in the destination
      s = (strided_t){0};
      strided_dim(&s, 99999, 1, 1);
      check(dtypes[d], &s, 99999, 99999, threads);
      s = (strided_t){0};
      strided_dim(&s, 1000, 1, 7);
      check(dtypes[d], &s, 1000, 7000, threads);
      s = (strided_t){0};
      strided_dim(&s, 5, 1, 1);
      strided_dim(&s, 0, 1, 1);
      check(dtypes[d], &s, 5, 5, threads);
    }
}

static void fills(void **state) {
  (void)state;
  static unsigned char out[16 * 70001];
  for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
    size_t size = dtype_size(dtypes[d]);
    unsigned char value[16];
    for (size_t i = 0; i < size; i++) value[i] = (unsigned char)(i + 1);
    memset(out, 0, sizeof out);
    assert_ok(fill_elements(dtypes[d], value, out, 70000, 2));
    for (size_t i = 0; i < 70000; i++) assert_memory_equal(out + i * size, value, size);
    assert_int_equal(out[70000 * size], 0);
  }
}

// With unknown dims only what is certain is told.
static void slices_of_unknown_dims(void **state) {
  (void)state;
  const int64_t zero[] = {0, 0}, two[] = {2, 2}, one[] = {1, 1}, minus[] = {-1, -1};
  shape_t in = SHAPE(-7, 5);
  slice_dims_t r;
  slice_spec_t s = {
      .n = 1, .begin = zero, .end = zero, .strides = one, .begin_mask = 1, .end_mask = 1};
  assert_ok(slice_spec_resolve(&s, &in, &r));
  assert_true(r.final.rank == 2 && r.final.d[0] == -7 &&
              r.final.d[1] == 5);  // [:] keeps the symbol
  s = (slice_spec_t){.n = 1, .begin = zero, .end = two, .strides = one};
  assert_ok(slice_spec_resolve(&s, &in, &r));
  assert_int_equal(r.final.d[0], -1);  // [0:2] of an unknown size may be shorter
  s = (slice_spec_t){
      .n = 2, .begin = minus, .end = zero, .strides = one, .shrink_axis_mask = 1, .end_mask = 2};
  assert_ok(slice_spec_resolve(&s, &in, &r));
  assert_true(r.final.rank == 1 && r.final.d[0] == 1);  // [-1, -1:]
  s = (slice_spec_t){.n = 1, .begin = two, .end = one, .strides = one};
  assert_ok(slice_spec_resolve(&s, &in, &r));
  assert_int_equal(r.final.d[0], 0);  // [2:1] is empty whatever the size
  s = (slice_spec_t){.n = 2, .begin = zero, .end = two, .strides = one, .end_unknown = 2};
  assert_ok(slice_spec_resolve(&s, &(shape_t){.rank = 2, .d = {5, 5}}, &r));
  assert_true(r.final.d[0] == 2 && r.final.d[1] == -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transposes),
      cmocka_unit_test(slices_reversals_and_broadcasts),
      cmocka_unit_test(fills),
      cmocka_unit_test(slices_of_unknown_dims),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
