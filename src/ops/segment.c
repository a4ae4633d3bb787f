// Sums and other reductions over groups of rows, and counting: segments, histograms, buckets.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/elementwise.h"
#include "ops/math.h"

typedef enum { SEG_SUM, SEG_MEAN, SEG_PROD, SEG_MAX, SEG_MIN, SEG_SQRT_N } seg_t;

static seg_t seg_of(const char *op) {
  const char *tail = strstr(op, "Segment") + 7;
  switch (tail[0]) {
    case 'P': return SEG_PROD;
    case 'S': return tail[1] == 'u' ? SEG_SUM : SEG_SQRT_N;
    default: return tail[1] == 'e' ? SEG_MEAN : tail[1] == 'a' ? SEG_MAX : SEG_MIN;
  }
}

static ew_binary_t combine_of(seg_t s) {
  return s == SEG_PROD ? EW_Mul : s == SEG_MAX ? EW_Maximum : s == SEG_MIN ? EW_Minimum : EW_Add;
}

static int64_t int_at(const tensor_t *t, int64_t i) {
  return t->dtype == DT_INT64   ? TENSOR_DATA(int64_t, t)[i]
         : t->dtype == DT_INT16 ? TENSOR_DATA(int16_t, t)[i]
                                : TENSOR_DATA(int32_t, t)[i];
}

// One row of `inner` elements.
static bcast_t row_plan(int64_t inner) {
  shape_t s = SHAPE(inner), out;
  bcast_t plan;
  bcast_plan(2, (const shape_t *[]){&s, &s}, &plan, &out);
  return plan;
}

// Adds row `from` of x to row `to` of y, or copies it when it is the first one.
static void take_row(seg_t seg, const bcast_t *plan, const tensor_t *x, int64_t from, tensor_t *y,
                     int64_t to, bool first) {
  size_t bytes = (size_t)plan->inner * dtype_size(x->dtype);
  const char *src = (const char *)x->data + (size_t)from * bytes;
  char *dst = (char *)y->data + (size_t)to * bytes;
  if (first)
    memcpy(dst, src, bytes);
  else
    ew_binary(combine_of(seg), x->dtype, dst, src, dst, plan, 1);
}

// Row `to` divided by the number of rows in it, or by its root. x is float, double or complex, or
// an integer (truncated).
static void divide_row(seg_t seg, tensor_t *y, int64_t to, int64_t inner, int64_t count) {
  double by = seg == SEG_MEAN ? (double)count : sqrt((double)count);
  for (int64_t i = to * inner; i < (to + 1) * inner; i++) {
    switch (y->dtype) {
      case DT_FLOAT: TENSOR_DATA(float, y)[i] /= (float)by; break;
      case DT_DOUBLE: TENSOR_DATA(double, y)[i] /= by; break;
      case DT_COMPLEX64:
        TENSOR_DATA(float, y)[2 * i] /= (float)by;
        TENSOR_DATA(float, y)[2 * i + 1] /= (float)by;
        break;
      case DT_COMPLEX128:
        TENSOR_DATA(double, y)[2 * i] /= by;
        TENSOR_DATA(double, y)[2 * i + 1] /= by;
        break;
      case DT_INT64: TENSOR_DATA(int64_t, y)[i] /= count; break;
      default: tensor_set_number(y, i, trunc(tensor_number_at(y, i) / by));
    }
  }
}

static void fill_one(tensor_t *y, int64_t from, int64_t n) {
  for (int64_t i = from; i < from + n; i++)
    if (y->dtype == DT_COMPLEX64)
      TENSOR_DATA(float, y)[2 * i] = 1;
    else if (y->dtype == DT_COMPLEX128)
      TENSOR_DATA(double, y)[2 * i] = 1;
    else
      tensor_set_number(y, i, 1);
}

static int64_t inner_elements(const shape_t *s, int from) {
  int64_t n = 1;
  for (int i = from; i < s->rank; i++) n *= s->d[i];
  return n;
}

// The data in the dtype that is computed in, and an output of zeros, for products of ones.
static status_t begin(op_ctx_t *c, seg_t seg, const shape_t *shape, tensor_t *x, tensor_t *y) {
  dtype_t as = math_compute_dtype(c->in[0].dtype);
  *y = (tensor_t){0};
  if (!ew_binary_has(combine_of(seg), as)) return math_no_kernel(c, 0);
  TRY(math_wide(c, &c->in[0], as, x));
  status_t st = math_out(c, 0, shape, as, y);
  if (st) {
    tensor_unref(x);
    return st;
  }
  memset(y->data, 0, tensor_bytes(y));
  if (seg == SEG_PROD) fill_one(y, 0, tensor_elements(y));
  return NULL;
}

static status_t end(op_ctx_t *c, tensor_t *x, tensor_t *y) {
  tensor_unref(x);
  return math_narrow(c, 0, y);
}

// ---------------------------------------------------------------- sorted segments

static status_t infer_segment(infer_ctx_t *c) {
  shape_t out = *infer_in(c, 0);
  if (out.rank == 0) return OP_FAIL(c, INVALID_ARGUMENT, "the data must be at least a vector");
  if (out.rank > 0) out.d[0] = -1;
  infer_out(c, 0, &out);
  return NULL;
}

// Rows index[i] of the data (row i without an index input) go to segment ids[i]; ids are sorted.
static status_t run_sorted(op_ctx_t *c, const tensor_t *index, const tensor_t *ids) {
  const tensor_t *data = &c->in[0];
  seg_t seg = seg_of(c->node->op);
  int64_t n = tensor_elements(ids);
  if (data->shape.rank < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the data must be at least a vector");
  if (ids->shape.rank != 1) return OP_FAIL(c, INVALID_ARGUMENT, "segment_ids should be a vector");
  if (index ? tensor_elements(index) != n : n != data->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT, "segment_ids should be the same size as the %s",
                   index ? "indices" : "dimension 0 of the data");
  for (int64_t i = 0; i < n; i++) {
    int64_t id = int_at(ids, i);
    if (id < (i ? int_at(ids, i - 1) : 0) || id > INT32_MAX)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "segment ids are not increasing or out of range: %" PRId64, id);
    if (index && (int_at(index, i) < 0 || int_at(index, i) >= data->shape.d[0]))
      return OP_FAIL(c, INVALID_ARGUMENT, "index %" PRId64 " out of range [0, %" PRId64 ")",
                     int_at(index, i), data->shape.d[0]);
  }
  shape_t out = data->shape;
  out.d[0] = n ? int_at(ids, n - 1) + 1 : 0;
  int64_t inner = inner_elements(&out, 1);
  bcast_t plan = row_plan(inner);
  tensor_t x, y;
  TRY(begin(c, seg, &out, &x, &y));
  for (int64_t i = 0, first = 0; i < n && inner; i++) {
    int64_t id = int_at(ids, i);
    take_row(seg, &plan, &x, index ? int_at(index, i) : i, &y, id, i == first);
    if (i + 1 < n && int_at(ids, i + 1) == id) continue;
    if (seg == SEG_MEAN || seg == SEG_SQRT_N) divide_row(seg, &y, id, inner, i + 1 - first);
    first = i + 1;
  }
  return end(c, &x, &y);
}

static status_t kernel_segment(op_ctx_t *c) { return run_sorted(c, NULL, &c->in[1]); }
static status_t kernel_sparse(op_ctx_t *c) { return run_sorted(c, &c->in[1], &c->in[2]); }

// ---------------------------------------------------------------- unsorted segments

static status_t infer_unsorted(infer_ctx_t *c) {
  const shape_t *data = infer_in(c, 0), *ids = infer_in(c, 1);
  shape_t out = SHAPE_UNKNOWN, count;
  if (data->rank >= 0 && ids->rank >= 0) {
    if (ids->rank > data->rank)
      return OP_FAIL(c, INVALID_ARGUMENT, "segment_ids has more dimensions than the data");
    out = (shape_t){.rank = 1 + data->rank - ids->rank};
    if (out.rank > SHAPE_MAX_RANK) return OP_FAIL(c, INVALID_ARGUMENT, "the rank is too large");
    out.d[0] = infer_dims(c, 2, &count) && count.rank == 1 ? count.d[0] : -1;
    for (int i = 1; i < out.rank; i++) out.d[i] = data->d[ids->rank + i - 1];
  }
  infer_out(c, 0, &out);
  return NULL;
}

static void fill_extreme(tensor_t *y, bool lowest) {
  int64_t n = tensor_elements(y);
  bool is_signed =
      y->dtype == DT_INT8 || y->dtype == DT_INT16 || y->dtype == DT_INT32 || y->dtype == DT_INT64;
  if (y->dtype == DT_FLOAT || y->dtype == DT_DOUBLE) {
    double v = y->dtype == DT_FLOAT ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
    for (int64_t i = 0; i < n; i++) tensor_set_number(y, i, lowest ? -v : v);
    return;
  }
  // 00..0 and ff..f for unsigned; for signed the top bit is the other way round.
  size_t size = dtype_size(y->dtype);
  memset(y->data, lowest ? 0 : 0xff, tensor_bytes(y));
  if (is_signed)
    for (int64_t i = 0; i < n; i++) TENSOR_DATA(uint8_t, y)[(size_t)(i + 1) * size - 1] ^= 0x80;
}

static status_t kernel_unsorted(op_ctx_t *c) {
  const tensor_t *data = &c->in[0], *ids = &c->in[1];
  seg_t seg = seg_of(c->node->op);
  int64_t segments, n = tensor_elements(ids);
  TRY(op_int(c, 2, &segments));
  if (segments < 0) return OP_FAIL(c, INVALID_ARGUMENT, "num_segments is negative");
  shape_t prefix = ids->shape;
  for (int i = 0; i < prefix.rank; i++)
    if (i >= data->shape.rank || prefix.d[i] != data->shape.d[i])
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "the data's shape does not start with segment_ids' shape");
  for (int64_t i = 0; i < n; i++)
    if (int_at(ids, i) >= segments)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "segment_ids[%" PRId64 "] = %" PRId64 " is out of range [0, %" PRId64 ")", i,
                     int_at(ids, i), segments);
  shape_t out = {.rank = 1 + data->shape.rank - prefix.rank};
  if (out.rank > SHAPE_MAX_RANK) return OP_FAIL(c, INVALID_ARGUMENT, "the rank is too large");
  out.d[0] = segments;
  for (int i = 1; i < out.rank; i++) out.d[i] = data->shape.d[prefix.rank + i - 1];
  int64_t inner = inner_elements(&out, 1);
  bcast_t plan = row_plan(inner);
  tensor_t x, y;
  TRY(begin(c, seg, &out, &x, &y));
  if (seg == SEG_MAX || seg == SEG_MIN) fill_extreme(&y, seg == SEG_MAX);
  for (int64_t i = 0; i < n && inner; i++)
    if (int_at(ids, i) >= 0) take_row(seg, &plan, &x, i, &y, int_at(ids, i), false);
  if ((seg == SEG_MAX || seg == SEG_MIN) && y.dtype != data->dtype)
    for (int64_t i = 0; i < tensor_elements(&y); i++) {  // the lowest finite 16-bit number
      float *v = &TENSOR_DATA(float, &y)[i], most = data->dtype == DT_HALF ? 65504.0f : 0x1.fep127f;
      if (isfinite(*v)) *v = *v > most ? most : *v < -most ? -most : *v;
    }
  return end(c, &x, &y);
}

// ---------------------------------------------------------------- counting

static status_t infer_bincount(infer_ctx_t *c) {
  shape_t size, out = SHAPE(-1);
  const shape_t *in = infer_in(c, 0);
  bool dense = c->node->op[0] == 'D';
  if (dense && in->rank < 0) {
    out = SHAPE_UNKNOWN;
  } else if (dense && in->rank > 2) {
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must be a vector or a matrix");
  } else {
    int64_t bins = infer_dims(c, 1, &size) && size.rank == 1 ? size.d[0] : -1;
    out = dense && in->rank == 2 ? SHAPE(in->d[0], bins) : SHAPE(bins);
  }
  infer_out(c, 0, &out);
  return NULL;
}

static void count_up(tensor_t *y, int64_t at, const tensor_t *weights, int64_t i, bool binary) {
  bool one = binary || tensor_elements(weights) == 0;
  switch (y->dtype) {
    case DT_INT32:
      TENSOR_DATA(int32_t, y)
      [at] =
          binary ? 1 : TENSOR_DATA(int32_t, y)[at] + (one ? 1 : TENSOR_DATA(int32_t, weights)[i]);
      break;
    case DT_INT64:
      TENSOR_DATA(int64_t, y)
      [at] =
          binary ? 1 : TENSOR_DATA(int64_t, y)[at] + (one ? 1 : TENSOR_DATA(int64_t, weights)[i]);
      break;
    case DT_FLOAT:
      TENSOR_DATA(float, y)
      [at] = binary ? 1 : TENSOR_DATA(float, y)[at] + (one ? 1 : TENSOR_DATA(float, weights)[i]);
      break;
    default:
      TENSOR_DATA(double, y)
      [at] = binary ? 1 : TENSOR_DATA(double, y)[at] + (one ? 1 : TENSOR_DATA(double, weights)[i]);
  }
}

static status_t kernel_bincount(op_ctx_t *c) {
  const tensor_t *x = &c->in[0], *weights = &c->in[2];
  bool dense = c->node->op[0] == 'D', binary = node_bool(c->node, "binary_output", false);
  int64_t bins, n = tensor_elements(x);
  dtype_t t = weights->dtype;
  TRY(op_int(c, 1, &bins));
  if (bins < 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "size (%" PRId64 ") must be non-negative", bins);
  if (t != DT_INT32 && t != DT_INT64 && t != DT_FLOAT && t != DT_DOUBLE)
    return math_no_kernel(c, 2);
  if (dense && x->shape.rank > 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must be a vector or a matrix");
  if (tensor_elements(weights) && tensor_elements(weights) != n)
    return OP_FAIL(c, INVALID_ARGUMENT, "weights must be empty or of the input's size");
  for (int64_t i = 0; i < n; i++)
    if (int_at(x, i) < 0) return OP_FAIL(c, INVALID_ARGUMENT, "Input arr must be non-negative!");
  bool matrix = dense && x->shape.rank == 2;
  shape_t out = matrix ? SHAPE(x->shape.d[0], bins) : SHAPE(bins);
  tensor_t *y;
  TRY(op_out(c, 0, &out, &y));
  memset(y->data, 0, tensor_bytes(y));
  int64_t row = matrix ? x->shape.d[1] : n;
  for (int64_t i = 0; i < n; i++)
    if (int_at(x, i) < bins)
      count_up(y, (row ? i / row : 0) * bins + int_at(x, i), weights, i, binary);
  return NULL;
}

static status_t kernel_bucketize(op_ctx_t *c) {
  const float *bounds;
  const tensor_t *x = &c->in[0];
  int n_bounds = node_floats(c->node, "boundaries", &bounds);
  for (int i = 1; i < n_bounds; i++)
    if (bounds[i] < bounds[i - 1])
      return OP_FAIL(c, INVALID_ARGUMENT, "Expected sorted boundaries");
  tensor_t *y;
  TRY(op_out(c, 0, &x->shape, &y));
  int64_t n = tensor_elements(x);
  for (int64_t i = 0; i < n; i++) {
    double v = tensor_number_at(x, i);
    int lo = 0, hi = n_bounds;  // the first boundary above v
    while (lo < hi) {
      int mid = (lo + hi) / 2;
      if (v < (double)bounds[mid])
        hi = mid;
      else
        lo = mid + 1;
    }
    TENSOR_DATA(int32_t, y)[i] = lo;
  }
  return NULL;
}

static status_t infer_histogram(infer_ctx_t *c) {
  shape_t bins;
  shape_t out = SHAPE(infer_dims(c, 2, &bins) && bins.rank == 1 ? bins.d[0] : -1);
  infer_out(c, 0, &out);
  return NULL;
}

static status_t kernel_histogram(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int64_t bins, n = tensor_elements(x);
  TRY(op_int(c, 2, &bins));
  if (bins <= 0) return OP_FAIL(c, INVALID_ARGUMENT, "nbins should be a positive number");
  if (tensor_elements(&c->in[1]) != 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "value_range should have 2 elements");
  double lo = tensor_number_at(&c->in[1], 0), hi = tensor_number_at(&c->in[1], 1);
  if (!(lo < hi))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "value_range should satisfy value_range[0] < value_range[1]");
  double step = (hi - lo) / (double)bins;
  tensor_t *y;
  shape_t out = SHAPE(bins);
  TRY(op_out(c, 0, &out, &y));
  memset(y->data, 0, tensor_bytes(y));
  for (int64_t i = 0; i < n; i++) {
    double v = tensor_number_at(x, i);
    if (isnan(v)) return OP_FAIL(c, INVALID_ARGUMENT, "values must not contain NaN");
    double at = (v - lo) / step;
    int64_t bin = at < 0 ? 0 : at >= (double)bins ? bins - 1 : (int64_t)at;
    if (y->dtype == DT_INT64)
      TENSOR_DATA(int64_t, y)[bin]++;
    else
      TENSOR_DATA(int32_t, y)[bin]++;
  }
  return NULL;
}

#define SORTED(NAME)                                                                     \
  {                                                                                      \
    .name = NAME, .sig = "data: T, segment_ids: Tindices -> output: T",                  \
    .attrs = "T: type; Tindices: type", .infer = infer_segment, .kernel = kernel_segment \
  }
#define UNSORTED(NAME)                                                                       \
  {                                                                                          \
    .name = NAME,                                                                            \
    .sig = "data: T, segment_ids: Tindices, num_segments: Tnumsegments -> output: T",        \
    .attrs = "T: type; Tindices: type; Tnumsegments: type = int32", .infer = infer_unsorted, \
    .kernel = kernel_unsorted                                                                \
  }
#define SPARSE(NAME)                                                                      \
  {                                                                                       \
    .name = NAME, .sig = "data: T, indices: Tidx, segment_ids: Tsegmentids -> output: T", \
    .attrs =                                                                              \
        "T: type; Tidx: type = int32; Tsegmentids: type = int32; "                        \
        "sparse_gradient: bool = false",                                                  \
    .infer = infer_segment, .kernel = kernel_sparse                                       \
  }

const op_def_t ops_segment[] = {
    SORTED("SegmentSum"),
    SORTED("SegmentMean"),
    SORTED("SegmentMax"),
    SORTED("SegmentMin"),
    SORTED("SegmentProd"),
    UNSORTED("UnsortedSegmentSum"),
    UNSORTED("UnsortedSegmentMax"),
    UNSORTED("UnsortedSegmentMin"),
    UNSORTED("UnsortedSegmentProd"),
    SPARSE("SparseSegmentSum"),
    SPARSE("SparseSegmentMean"),
    SPARSE("SparseSegmentSqrtN"),
    {.name = "Bincount",
     .sig = "arr: int32, size: int32, weights: T -> bins: T",
     .attrs = "T: type",
     .infer = infer_bincount,
     .kernel = kernel_bincount},
    {.name = "DenseBincount",
     .sig = "input: Tidx, size: Tidx, weights: T -> output: T",
     .attrs = "Tidx: type; T: type; binary_output: bool = false",
     .infer = infer_bincount,
     .kernel = kernel_bincount},
    {.name = "Bucketize",
     .sig = "input: T -> output: int32",
     .attrs = "T: type; boundaries: list(float)",
     .infer = infer_same,
     .kernel = kernel_bucketize},
    {.name = "HistogramFixedWidth",
     .sig = "values: T, value_range: T, nbins: int32 -> out: dtype",
     .attrs = "T: type; dtype: type = int32",
     .infer = infer_histogram,
     .kernel = kernel_histogram},
    {0},
};
