// Bands and diagonals of matrices: MatrixBandPart, MatrixDiag*, MatrixDiagPart*, MatrixSetDiag*;
// and Cross.
#include <inttypes.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "ops/math.h"

// Diagonals lo..hi of a rows x cols matrix as they lie in a [hi - lo + 1, width] array: diagonal d
// in row hi - d, shifted to one end of the row as the alignment says.
typedef struct {
  int64_t rows, cols, lo, hi, width;
  bool super_left, sub_left;
} band_t;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t diagonal_length(const band_t *b, int64_t d) {
  return min64(b->rows + min64(d, 0), b->cols - max64(d, 0));
}

static int64_t diagonal_offset(const band_t *b, int64_t d) {
  bool left = (d >= 0 && b->super_left) || (d <= 0 && b->sub_left);
  return left ? 0 : b->width - diagonal_length(b, d);
}

static bool is_v1(const char *op) { return op[strlen(op) - 2] != 'V'; }

// k is one number or two, low and high.
static status_t read_k(const op_ctx_t *c, int in, band_t *b) {
  int64_t k[2] = {0, 0};
  int n = 1;
  if (in >= 0) TRY(op_ints(c, in, k, 2, &n));
  if (n < 1) return OP_FAIL(c, INVALID_ARGUMENT, "k must have one or two elements");
  b->lo = k[0];
  b->hi = n == 2 ? k[1] : k[0];
  if (b->lo > b->hi)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "lower_diag_index must not be larger than "
                   "upper_diag_index: %" PRId64 " > %" PRId64,
                   b->lo, b->hi);
  const char *align = node_string(c->node, "align");
  size_t length = strlen(c->node->op);
  bool v3 = c->node->op[length - 1] == '3' && !is_v1(c->node->op);
  b->super_left = !v3 || strncmp(align, "LEFT_", 5) == 0;
  b->sub_left = !v3 || strstr(align, "_LEFT") != NULL;
  return NULL;
}

static status_t check_k(const op_ctx_t *c, const band_t *b) {
  bool ok = (b->lo > -b->rows && b->lo < b->cols) || b->lo == 0;
  ok = ok && ((b->hi > -b->rows && b->hi < b->cols) || b->hi == 0);
  if (ok) return NULL;
  return OP_FAIL(c, INVALID_ARGUMENT,
                 "diagonals %" PRId64 " to %" PRId64 " are not all inside a %" PRId64 " x %" PRId64
                 " matrix",
                 b->lo, b->hi, b->rows, b->cols);
}

static int64_t outer_of(const shape_t *s, int inner_dims) {
  int64_t n = 1;
  for (int i = 0; i < s->rank - inner_dims; i++) n *= s->d[i];
  return n;
}

static status_t check_plain(const op_ctx_t *c) {
  return dtype_is_plain(c->in[0].dtype) ? NULL : math_no_kernel(c, 0);
}

// ---------------------------------------------------------------- MatrixDiag

static status_t kernel_diag(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  band_t b = {0};
  int64_t rows = -1, cols = -1;
  const void *padding = NULL;
  TRY(check_plain(c));
  TRY(read_k(c, c->n_in > 1 ? 1 : -1, &b));
  if (c->n_in > 1) {
    TRY(op_int(c, 2, &rows));
    TRY(op_int(c, 3, &cols));
    if (tensor_elements(&c->in[4]) != 1 || c->in[4].dtype != x->dtype)
      return OP_FAIL(c, INVALID_ARGUMENT, "padding_value must be a scalar");
    padding = c->in[4].data;
  }
  bool many = b.lo != b.hi;
  int64_t count = b.hi - b.lo + 1;
  if (x->shape.rank < (many ? 2 : 1))
    return OP_FAIL(c, INVALID_ARGUMENT, "the diagonal must be at least %d-dim", many ? 2 : 1);
  if (many && x->shape.d[x->shape.rank - 2] != count)
    return OP_FAIL(c, INVALID_ARGUMENT, "the number of diagonals is %" PRId64 ", expected %" PRId64,
                   x->shape.d[x->shape.rank - 2], count);
  b.width = x->shape.d[x->shape.rank - 1];
  int64_t least_rows = b.width - min64(b.hi, 0), least_cols = b.width + max64(b.lo, 0);
  if (rows == -1 && cols == -1) rows = cols = max64(least_rows, least_cols);
  if (rows == -1) rows = least_rows;
  if (cols == -1) cols = least_cols;
  if (rows < least_rows || cols < least_cols || (rows != least_rows && cols != least_cols))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "the number of rows or columns is not consistent with the "
                   "diagonals: %" PRId64 " x %" PRId64,
                   rows, cols);
  b.rows = rows, b.cols = cols;
  TRY(check_k(c, &b));
  shape_t out = x->shape;
  if (!many && out.rank == SHAPE_MAX_RANK)
    return OP_FAIL(c, INVALID_ARGUMENT, "the rank is too large");
  if (!many) out.rank++;
  out.d[out.rank - 2] = rows;
  out.d[out.rank - 1] = cols;
  tensor_t *y;
  TRY(op_out(c, 0, &out, &y));
  size_t e = dtype_size(x->dtype);
  static const char zero[16] = {0};
  if (!padding) padding = zero;
  const char *from = x->data;
  char *to = y->data;
  int64_t outer = outer_of(&out, 2);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++, to += e) {
        int64_t d = j - i;
        const char *v = padding;
        if (d >= b.lo && d <= b.hi)
          v = from + (size_t)((o * count + b.hi - d) * b.width + j - max64(d, 0) +
                              diagonal_offset(&b, d)) *
                         e;
        memcpy(to, v, e);
      }
  return NULL;
}

static status_t infer_diag(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t out = SHAPE_UNKNOWN, k;
  bool v1 = c->node->n_in == 1;
  if (v1 && in->rank >= 1 && in->rank < SHAPE_MAX_RANK) {
    out = *in;
    out.d[out.rank++] = in->d[in->rank - 1];
  } else if (!v1 && in->rank >= 1 && in->rank < SHAPE_MAX_RANK && infer_value(c, 1) &&
             infer_dims(c, 1, &k) && k.rank <= 2) {
    int64_t lo = 0, hi;
    if (k.rank) status_free(tensor_int_at(infer_value(c, 1), 0, &lo));
    hi = lo;
    if (k.rank == 2) status_free(tensor_int_at(infer_value(c, 1), 1, &hi));
    out = *in;
    if (lo == hi) out.rank++;
    if (out.rank < 2) return OP_FAIL(c, INVALID_ARGUMENT, "the diagonal must be at least 2-dim");
    for (int i = 2; i < 4; i++) {
      shape_t n;
      int64_t size = infer_dims(c, i, &n) && n.rank == 1 ? n.d[0] : -1;
      out.d[out.rank - 4 + i] = size;
    }
  }
  infer_out(c, 0, &out);
  return NULL;
}

// ---------------------------------------------------------------- MatrixDiagPart, MatrixSetDiag

static status_t matrix_size(const op_ctx_t *c, band_t *b) {
  const shape_t *s = &c->in[0].shape;
  if (s->rank < 2) return OP_FAIL(c, INVALID_ARGUMENT, "the input must be at least 2-dim");
  b->rows = s->d[s->rank - 2];
  b->cols = s->d[s->rank - 1];
  TRY(check_k(c, b));
  b->width = min64(b->rows + min64(b->hi, 0), b->cols - max64(b->lo, 0));
  return NULL;
}

static status_t kernel_diag_part(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  band_t b = {0};
  static const char zero[16] = {0};
  const void *padding = zero;
  TRY(check_plain(c));
  TRY(read_k(c, c->n_in > 1 ? 1 : -1, &b));
  TRY(matrix_size(c, &b));
  if (c->n_in > 1) {
    if (tensor_elements(&c->in[2]) != 1 || c->in[2].dtype != x->dtype)
      return OP_FAIL(c, INVALID_ARGUMENT, "padding_value must be a scalar");
    padding = c->in[2].data;
  }
  shape_t out = x->shape;
  out.rank -= b.lo == b.hi ? 1 : 0;
  if (b.lo != b.hi) out.d[out.rank - 2] = b.hi - b.lo + 1;
  out.d[out.rank - 1] = b.width;
  tensor_t *y;
  TRY(op_out(c, 0, &out, &y));
  size_t e = dtype_size(x->dtype);
  char *to = y->data;
  int64_t outer = outer_of(&x->shape, 2);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t d = b.hi; d >= b.lo; d--) {
      int64_t length = diagonal_length(&b, d), offset = diagonal_offset(&b, d);
      for (int64_t p = 0; p < b.width; p++, to += e) {
        int64_t i = p - offset, row = i - min64(d, 0), col = i + max64(d, 0);
        bool inside = i >= 0 && i < length;
        const char *from = x->data;
        memcpy(to, inside ? from + (size_t)((o * b.rows + row) * b.cols + col) * e : padding, e);
      }
    }
  return NULL;
}

static status_t infer_diag_part(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t out = SHAPE_UNKNOWN;
  const tensor_t *k = c->node->n_in > 1 ? infer_value(c, 1) : NULL;
  if (in->rank >= 0 && in->rank < 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must be at least 2-dim");
  if (in->rank >= 2 && (c->node->n_in == 1 || k)) {
    int64_t lo = 0, hi;
    if (k) status_free(tensor_int_at(k, 0, &lo));
    hi = lo;
    if (k && tensor_elements(k) == 2) status_free(tensor_int_at(k, 1, &hi));
    int64_t rows = in->d[in->rank - 2], cols = in->d[in->rank - 1];
    out = *in;
    out.rank -= lo == hi ? 1 : 0;
    if (lo != hi) out.d[out.rank - 2] = hi - lo + 1;
    out.d[out.rank - 1] =
        rows < 0 || cols < 0 ? -1 : max64(min64(rows + min64(hi, 0), cols - max64(lo, 0)), 0);
  }
  infer_out(c, 0, &out);
  return NULL;
}

static status_t kernel_set_diag(op_ctx_t *c) {
  const tensor_t *x = &c->in[0], *diag = &c->in[1];
  band_t b = {0};
  char text[128];
  TRY(check_plain(c));
  TRY(read_k(c, c->n_in > 2 ? 2 : -1, &b));
  TRY(matrix_size(c, &b));
  shape_t want = x->shape;
  want.rank -= b.lo == b.hi ? 1 : 0;
  if (b.lo != b.hi) want.d[want.rank - 2] = b.hi - b.lo + 1;
  want.d[want.rank - 1] = b.width;
  if (!shape_equal(&want, &diag->shape))
    return OP_FAIL(c, INVALID_ARGUMENT, "the diagonal must have shape %s",
                   shape_format(&want, text, sizeof text));
  tensor_t *y;
  TRY(op_out_like(c, 0, 0, &y));
  if (y->data != x->data) memcpy(y->data, x->data, tensor_bytes(x));
  size_t e = dtype_size(x->dtype);
  int64_t outer = outer_of(&x->shape, 2), count = b.hi - b.lo + 1;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t d = b.lo; d <= b.hi; d++) {
      int64_t length = diagonal_length(&b, d), offset = diagonal_offset(&b, d);
      for (int64_t i = 0; i < length; i++) {
        int64_t row = i - min64(d, 0), col = i + max64(d, 0);
        memcpy(
            (char *)y->data + (size_t)((o * b.rows + row) * b.cols + col) * e,
            (const char *)diag->data + (size_t)((o * count + b.hi - d) * b.width + i + offset) * e,
            e);
      }
    }
  return NULL;
}

// ---------------------------------------------------------------- MatrixBandPart, Cross

static status_t kernel_band_part(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int64_t lower, upper;
  TRY(check_plain(c));
  if (x->shape.rank < 2) return OP_FAIL(c, INVALID_ARGUMENT, "the input must be at least 2-dim");
  int64_t rows = x->shape.d[x->shape.rank - 2], cols = x->shape.d[x->shape.rank - 1];
  TRY(op_int(c, 1, &lower));
  TRY(op_int(c, 2, &upper));
  if (lower > rows || upper > cols)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "num_lower and num_upper must be negative or at most the "
                   "number of rows (%" PRId64 ") and columns (%" PRId64 ")",
                   rows, cols);
  tensor_t *y;
  TRY(op_out(c, 0, &x->shape, &y));
  size_t e = dtype_size(x->dtype);
  int64_t outer = outer_of(&x->shape, 2);
  for (int64_t r = 0; r < outer * rows; r++) {
    int64_t i = r % rows;
    int64_t from = lower < 0 ? 0 : min64(max64(i - lower, 0), cols);
    int64_t to = upper < 0 ? cols : max64(min64(i + upper + 1, cols), from);
    char *line = (char *)y->data + (size_t)(r * cols) * e;
    memset(line, 0, (size_t)cols * e);
    memcpy(line + (size_t)from * e, (const char *)x->data + (size_t)(r * cols + from) * e,
           (size_t)(to - from) * e);
  }
  return NULL;
}

static status_t infer_cross(infer_ctx_t *c) {
  shape_t out;
  if (!shape_merge(infer_in(c, 0), infer_in(c, 1), &out))
    return OP_FAIL(c, INVALID_ARGUMENT, "both inputs must be of the same shape");
  if (out.rank == 0 || (out.rank > 0 && out.d[out.rank - 1] >= 0 && out.d[out.rank - 1] != 3))
    return OP_FAIL(c, INVALID_ARGUMENT, "cross-products are only defined for 3-element vectors");
  infer_out(c, 0, &out);
  return NULL;
}

// a1 b2 - a2 b1 and so on, each product and difference in the tensors' own dtype.
static status_t kernel_cross(op_ctx_t *c) {
  const tensor_t *a = &c->in[0], *b = &c->in[1];
  if (!shape_equal(&a->shape, &b->shape) || a->shape.rank < 1 || a->shape.d[a->shape.rank - 1] != 3)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "both inputs must be of the same shape, with 3 elements in "
                   "the last dimension");
  if (!ew_binary_has(EW_Mul, a->dtype) || dtype_is_complex(a->dtype)) return math_no_kernel(c, 0);
  tensor_t *y;
  TRY(op_out(c, 0, &a->shape, &y));
  bcast_t plan;
  shape_t one = SHAPE(1), out;
  bcast_plan(2, (const shape_t *[]){&one, &one}, &plan, &out);
  size_t e = dtype_size(a->dtype);
  int64_t n = tensor_elements(a);
  for (int64_t v = 0; v < n; v += 3)
    for (int64_t i = 0; i < 3; i++) {
      const char *pa = (const char *)a->data + (size_t)v * e,
                 *pb = (const char *)b->data + (size_t)v * e;
      size_t j = (size_t)((i + 1) % 3) * e, k = (size_t)((i + 2) % 3) * e;
      char p[16], q[16];
      ew_binary(EW_Mul, a->dtype, pa + j, pb + k, p, &plan, 1);
      ew_binary(EW_Mul, a->dtype, pa + k, pb + j, q, &plan, 1);
      ew_binary(EW_Sub, a->dtype, p, q, (char *)y->data + (size_t)(v + i) * e, &plan, 1);
    }
  return NULL;
}

#define ALIGN "; align: string = 'RIGHT_LEFT'"
#define DIAG(NAME, MORE)                                                                \
  {                                                                                     \
    .name = NAME,                                                                       \
    .sig =                                                                              \
        "diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T -> " \
        "output: T",                                                                    \
    .attrs = "T: type" MORE, .infer = infer_diag, .kernel = kernel_diag                 \
  }
#define PART(NAME, MORE)                                                          \
  {                                                                               \
    .name = NAME, .sig = "input: T, k: int32, padding_value: T -> diagonal: T",   \
    .attrs = "T: type" MORE, .infer = infer_diag_part, .kernel = kernel_diag_part \
  }
#define SET(NAME, MORE)                                                                           \
  {                                                                                               \
    .name = NAME, .sig = "input: T, diagonal: T, k: int32 -> output: T", .attrs = "T: type" MORE, \
    .infer = infer_same, .kernel = kernel_set_diag                                                \
  }

const op_def_t ops_matrix_diag[] = {
    {.name = "MatrixBandPart",
     .sig = "input: T, num_lower: Tindex, num_upper: Tindex -> band: T",
     .attrs = "T: type; Tindex: type = int64",
     .infer = infer_same,
     .kernel = kernel_band_part},
    {.name = "MatrixDiag",
     .sig = "diagonal: T -> output: T",
     .attrs = "T: type",
     .infer = infer_diag,
     .kernel = kernel_diag},
    DIAG("MatrixDiagV2", ""),
    DIAG("MatrixDiagV3", ALIGN),
    {.name = "MatrixDiagPart",
     .sig = "input: T -> diagonal: T",
     .attrs = "T: type",
     .infer = infer_diag_part,
     .kernel = kernel_diag_part},
    PART("MatrixDiagPartV2", ""),
    PART("MatrixDiagPartV3", ALIGN),
    {.name = "MatrixSetDiag",
     .sig = "input: T, diagonal: T -> output: T",
     .attrs = "T: type",
     .infer = infer_same,
     .kernel = kernel_set_diag},
    SET("MatrixSetDiagV2", ""),
    SET("MatrixSetDiagV3", ALIGN),
    {.name = "Cross",
     .sig = "a: T, b: T -> product: T",
     .attrs = "T: type",
     .infer = infer_cross,
     .kernel = kernel_cross},
    {0},
};
