#include "accuracy/difference.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/convert.h"

enum { PIECE = 2048 };

static int bin_of(double error) {
  static const double edges[] = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100};
  int k = 0;
  if (error == 0) return 0;
  while (k < DIFFERENCE_BINS - 2 && error >= edges[k]) k++;
  return k + 1;
}

static void add_number(difference_t *d, double want, double got) {
  bool finite = isfinite(want) && isfinite(got);
  if (!finite) {
    if ((isnan(want) && isnan(got)) || want == got) {
      d->histogram[0]++;
      return;
    }
    d->not_finite++;
    d->unequal++;
    d->histogram[DIFFERENCE_BINS - 1]++;
    d->max_abs = INFINITY;
    return;
  }
  double error = fabs(got - want);
  d->unequal += want != got;
  d->histogram[bin_of(error)]++;
  if (error > d->max_abs) d->max_abs = error;
  d->sum_abs += error;
  d->sum_square_error += error * error;
  d->sum_square_want += want * want;
  d->sum_square_got += got * got;
  d->sum_product += want * got;
}

static void add_strings(difference_t *d, const tensor_t *want, const tensor_t *got) {
  const str_t *a = want->data, *b = got->data;
  for (int64_t i = 0; i < tensor_elements(want); i++) {
    bool same = a[i].n == b[i].n && (!a[i].n || memcmp(a[i].p, b[i].p, a[i].n) == 0);
    d->unequal += !same;
    d->histogram[same ? 0 : DIFFERENCE_BINS - 1]++;
    if (!same) d->max_abs = INFINITY;
  }
}

// ---- numbers, converted to double a piece at a time --------------------------------------------

static bool is_complex(dtype_t t) { return t == DT_COMPLEX64 || t == DT_COMPLEX128; }

static bool to_doubles(const tensor_t *t, int64_t from, int64_t n, double *out) {
  dtype_t real = t->dtype == DT_COMPLEX64    ? DT_FLOAT
                 : t->dtype == DT_COMPLEX128 ? DT_DOUBLE
                                             : t->dtype;
  const char *at = (const char *)t->data + (size_t)from * dtype_size(real);
  return convert(real, DT_DOUBLE, at, out, n, false, 1);
}

static bool add_numbers(difference_t *d, const tensor_t *want, const tensor_t *got) {
  double a[PIECE], b[PIECE];
  int64_t total = tensor_elements(want) * (is_complex(want->dtype) ? 2 : 1);
  for (int64_t from = 0; from < total; from += PIECE) {
    int64_t n = total - from < PIECE ? total - from : PIECE;
    if (!to_doubles(want, from, n, a) || !to_doubles(got, from, n, b)) return false;
    for (int64_t i = 0; i < n; i++) add_number(d, a[i], b[i]);
  }
  return true;
}

// ---- classes ----------------------------------------------------------------------------------

static int64_t largest(const double *v, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; i++)
    if (v[i] > v[best]) best = i;
  return best;
}

// How many come before element i in the order of size, equals in that of place.
static int64_t rank_of(const double *v, int64_t n, int64_t i) {
  int64_t before = 0;
  for (int64_t k = 0; k < n; k++) before += v[k] > v[i] || (v[k] == v[i] && k < i);
  return before;
}

static bool has_classes(const tensor_t *t) {
  int r = t->shape.rank;
  bool is_float = t->dtype == DT_FLOAT || t->dtype == DT_DOUBLE || t->dtype == DT_HALF ||
                  t->dtype == DT_BFLOAT16;
  return is_float && (r == 2 || r == 3) && t->shape.d[r - 1] > 1;
}

static status_t add_classes(difference_t *d, const tensor_t *want, const tensor_t *got) {
  int64_t classes = want->shape.d[want->shape.rank - 1], rows = tensor_elements(want) / classes;
  size_t bytes;
  double *v = size_mul((size_t)classes, 2 * sizeof *v, &bytes) ? mem_try_alloc(bytes) : NULL;
  if (!v) return FAIL(RESOURCE_EXHAUSTED, "no memory for %lld classes", (long long)classes);
  d->classes = classes;
  d->rows += rows;
  for (int64_t r = 0; r < rows; r++) {
    to_doubles(want, r * classes, classes, v);
    to_doubles(got, r * classes, classes, v + classes);
    int64_t best = largest(v, classes);
    d->top1 += largest(v + classes, classes) == best;
    d->top5 += rank_of(v + classes, classes, best) < 5;
  }
  mem_aligned_free(v);
  return NULL;
}

status_t difference_add(difference_t *d, const tensor_t *want, const tensor_t *got) {
  char a[160], b[160];
  if (want->dtype != got->dtype)
    return FAIL(INVALID_ARGUMENT, "its dtypes are %s and %s", dtype_name(want->dtype),
                dtype_name(got->dtype));
  if (!shape_equal(&want->shape, &got->shape))
    return FAIL(INVALID_ARGUMENT, "its shapes are %s and %s",
                shape_format(&want->shape, a, sizeof a), shape_format(&got->shape, b, sizeof b));
  d->count += tensor_elements(want) * (is_complex(want->dtype) ? 2 : 1);
  if (want->dtype == DT_STRING) {
    add_strings(d, want, got);
    return NULL;
  }
  if (!add_numbers(d, want, got))
    return FAIL(UNIMPLEMENTED, "tensors of dtype %s are not compared", dtype_name(want->dtype));
  return has_classes(want) ? add_classes(d, want, got) : NULL;
}

double difference_mean_abs(const difference_t *d) {
  if (isinf(d->max_abs)) return INFINITY;
  return d->count ? d->sum_abs / (double)d->count : 0;
}

double difference_relative_l2(const difference_t *d) {
  if (isinf(d->max_abs)) return INFINITY;
  if (d->sum_square_error == 0) return 0;
  return sqrt(d->sum_square_error / d->sum_square_want);
}

double difference_cosine(const difference_t *d) {
  if (isinf(d->max_abs)) return 0;
  if (d->sum_square_want == 0 && d->sum_square_got == 0) return 1;
  double norms = sqrt(d->sum_square_want) * sqrt(d->sum_square_got);
  return norms > 0 ? d->sum_product / norms : 0;
}
