// Decompositions and solutions of systems, on batches of small matrices. Everything is computed in
// complex double and rounded once.
#include "kernels/linalg.h"

#include <complex.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ops/math.h"

static la_t load(const tensor_t *t, int64_t i) {
  switch (t->dtype) {
    case DT_COMPLEX64:
      return CMPLX((double)TENSOR_DATA(float, t)[2 * i], (double)TENSOR_DATA(float, t)[2 * i + 1]);
    case DT_COMPLEX128: return TENSOR_DATA(la_t, t)[i];
    default: return tensor_number_at(t, i);
  }
}

static void store(tensor_t *t, int64_t i, la_t v) {
  switch (t->dtype) {
    case DT_COMPLEX64:
      TENSOR_DATA(float, t)[2 * i] = (float)creal(v);
      TENSOR_DATA(float, t)[2 * i + 1] = (float)cimag(v);
      break;
    case DT_COMPLEX128: TENSOR_DATA(la_t, t)[i] = v; break;
    default: tensor_set_number(t, i, creal(v));
  }
}

static void load_matrix(const tensor_t *t, int64_t matrix, int64_t elements, la_t *out) {
  for (int64_t i = 0; i < elements; i++) out[i] = load(t, matrix * elements + i);
}
static void store_matrix(tensor_t *t, int64_t matrix, int64_t elements, const la_t *v) {
  for (int64_t i = 0; i < elements; i++) store(t, matrix * elements + i, v[i]);
}

// A batch of matrices.
typedef struct {
  int64_t count, rows, cols;
} batch_t;

static status_t batch_of(const op_ctx_t *c, int in, bool square, batch_t *b) {
  const tensor_t *t = &c->in[in];
  const shape_t *s = &t->shape;
  char text[128];
  if (!dtype_is_float(t->dtype) && !dtype_is_complex(t->dtype)) return math_no_kernel(c, in);
  if (s->rank < 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d must have rank >= 2, got %s", in,
                   shape_format(s, text, sizeof text));
  *b = (batch_t){1, s->d[s->rank - 2], s->d[s->rank - 1]};
  for (int i = 0; i < s->rank - 2; i++) b->count *= s->d[i];
  if (square && b->rows != b->cols)
    return OP_FAIL(c, INVALID_ARGUMENT, "Input matrix must be square, got %s",
                   shape_format(s, text, sizeof text));
  return NULL;
}

static shape_t with_matrix(const shape_t *s, int64_t rows, int64_t cols) {
  shape_t r = *s;
  r.d[r.rank - 2] = rows;
  r.d[r.rank - 1] = cols;
  return r;
}

static status_t room_for(op_ctx_t *c, int64_t a, int64_t b, int64_t times, tensor_t *room) {
  shape_t s = SHAPE(times, a, b);
  return op_temp(c, DT_COMPLEX128, &s, room);
}

// ---------------------------------------------------------------- square matrices

static status_t infer_square(infer_ctx_t *c) {
  const shape_t *s = infer_in(c, 0);
  if (s->rank == 0 || s->rank == 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must have rank >= 2");
  infer_out(c, 0, s);
  return NULL;
}

static status_t kernel_cholesky(op_ctx_t *c) {
  batch_t b = {0};
  tensor_t *y, room;
  TRY(batch_of(c, 0, true, &b));
  TRY(op_out(c, 0, &c->in[0].shape, &y));
  TRY(room_for(c, b.rows, b.cols, 1, &room));
  la_t *a = room.data;
  int64_t size = b.rows * b.cols;
  for (int64_t m = 0; m < b.count; m++) {
    load_matrix(&c->in[0], m, size, a);
    if (!la_cholesky(b.rows, a))  // as TensorFlow: NaN in the lower triangle
      for (int64_t i = 0; i < size; i++) a[i] = i % b.cols <= i / b.cols ? NAN : 0;
    store_matrix(y, m, size, a);
  }
  tensor_unref(&room);
  return NULL;
}

// Solves a x = b (or adjoint(a) x = b) by elimination; b NULL: the identity.
static status_t solve(op_ctx_t *c, const tensor_t *rhs) {
  batch_t b = {0}, r = {0};
  tensor_t *y, room, perms;
  bool adjoint = node_bool(c->node, "adjoint", false);
  TRY(batch_of(c, 0, true, &b));
  int64_t n = b.rows, m = n, size = n * n;
  if (rhs) {
    TRY(batch_of(c, 1, false, &r));
    if (r.count != b.count || r.rows != n || rhs->shape.rank != c->in[0].shape.rank)
      return OP_FAIL(c, INVALID_ARGUMENT, "Input matrix and rhs are incompatible.");
    m = r.cols;
  }
  shape_t out = with_matrix(&c->in[0].shape, n, m);
  TRY(op_out(c, 0, &out, &y));
  TRY(room_for(c, n, n + n + m + m, 1, &room));
  shape_t ps = SHAPE(n);
  status_t st = op_temp(c, DT_INT64, &ps, &perms);
  la_t *a = room.data, *t = a + size, *right = t + size, *x = right + n * m;
  for (int64_t i = 0; i < b.count && !st; i++) {
    int sign;
    load_matrix(&c->in[0], i, size, t);
    if (adjoint)
      la_adjoint(n, n, t, a);
    else
      memcpy(a, t, (size_t)size * sizeof *a);
    if (rhs)
      load_matrix(rhs, i, n * m, right);
    else
      for (int64_t k = 0; k < size; k++) right[k] = k / n == k % n;
    if (!la_lu(n, a, perms.data, &sign)) {
      st = OP_FAIL(c, INVALID_ARGUMENT, "%s is not invertible.", rhs ? "Input matrix" : "Input");
      break;
    }
    la_lu_solve(n, m, a, perms.data, right, x);
    store_matrix(y, i, n * m, x);
  }
  tensor_unref(&perms);
  tensor_unref(&room);
  return st;
}
static status_t kernel_inverse(op_ctx_t *c) { return solve(c, NULL); }
static status_t kernel_solve(op_ctx_t *c) { return solve(c, &c->in[1]); }

static status_t infer_solve(infer_ctx_t *c) {
  const shape_t *a = infer_in(c, 0), *b = infer_in(c, 1);
  shape_t out = SHAPE_UNKNOWN;
  if (a->rank >= 2 && b->rank == a->rank) {
    out = *a;
    out.d[out.rank - 1] = b->d[b->rank - 1];
  }
  infer_out(c, 0, &out);
  return NULL;
}

// Matrix dims of each and the batch dims of both broadcast together.
static status_t infer_triangular(infer_ctx_t *c) {
  shape_t a = *infer_in(c, 0), b = *infer_in(c, 1), out = SHAPE_UNKNOWN;
  if (a.rank >= 2 && b.rank >= 2) {
    int64_t rows = b.d[b.rank - 2], cols = b.d[b.rank - 1];
    if (rows < 0) rows = a.d[a.rank - 1];
    a.rank -= 2, b.rank -= 2;
    if (!shape_broadcast(&a, &b, &out))
      return OP_FAIL(c, INVALID_ARGUMENT, "the batch dims cannot be broadcast together");
    out.rank += 2;
    out.d[out.rank - 2] = rows;
    out.d[out.rank - 1] = cols;
  }
  infer_out(c, 0, &out);
  return NULL;
}

// Which matrix of a batch of shape s goes with matrix i of the broadcast batch.
static int64_t batch_index(const shape_t *s, const shape_t *all, int64_t i) {
  int64_t index = 0, step = 1;
  for (int k = 1; k <= all->rank; k++) {
    int64_t at = i % all->d[all->rank - k];
    i /= all->d[all->rank - k];
    if (k > s->rank) continue;
    int64_t d = s->d[s->rank - k];
    if (d > 1) index += at * step;
    step *= d;
  }
  return index;
}

static status_t kernel_triangular(op_ctx_t *c) {
  batch_t a = {0}, b = {0};
  TRY(batch_of(c, 0, true, &a));
  TRY(batch_of(c, 1, false, &b));
  if (a.rows != b.rows)
    return OP_FAIL(c, INVALID_ARGUMENT, "Input matrix and rhs are incompatible.");
  shape_t sa = c->in[0].shape, sb = c->in[1].shape, out;
  sa.rank -= 2, sb.rank -= 2;
  if (!shape_broadcast(&sa, &sb, &out))
    return OP_FAIL(c, INVALID_ARGUMENT, "the batch dims cannot be broadcast together");
  shape_t batch = out;
  out.rank += 2;
  out = with_matrix(&out, b.rows, b.cols);
  tensor_t *y, room;
  TRY(op_out(c, 0, &out, &y));
  TRY(room_for(c, a.rows, a.cols + b.cols, 1, &room));
  la_t *m = room.data, *x = m + a.rows * a.cols;
  int64_t count = shape_elements(&batch);
  status_t st = NULL;
  for (int64_t i = 0; i < count && !st; i++) {
    load_matrix(&c->in[0], batch_index(&sa, &batch, i), a.rows * a.cols, m);
    load_matrix(&c->in[1], batch_index(&sb, &batch, i), b.rows * b.cols, x);
    if (!la_triangular_solve(a.rows, b.cols, m, x, node_bool(c->node, "lower", true),
                             node_bool(c->node, "adjoint", false)))
      st = OP_FAIL(c, INVALID_ARGUMENT, "Input matrix is not invertible.");
    store_matrix(y, i, b.rows * b.cols, x);
  }
  tensor_unref(&room);
  return st;
}

static status_t infer_determinant(infer_ctx_t *c) {
  shape_t s = *infer_in(c, 0);
  if (s.rank == 0 || s.rank == 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must have rank >= 2");
  if (s.rank > 0) s.rank -= 2;
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, &s);
  return NULL;
}

static status_t kernel_determinant(op_ctx_t *c) {
  batch_t b = {0};
  tensor_t *y, *log_y = NULL, room, perms;
  bool with_log = c->n_out == 2;
  TRY(batch_of(c, 0, true, &b));
  shape_t out = c->in[0].shape;
  out.rank -= 2;
  TRY(op_out(c, 0, &out, &y));
  if (with_log) TRY(op_out(c, 1, &out, &log_y));
  TRY(room_for(c, b.rows, b.cols, 1, &room));
  shape_t ps = SHAPE(b.rows);
  status_t st = op_temp(c, DT_INT64, &ps, &perms);
  for (int64_t i = 0; i < b.count && !st; i++) {
    int sign;
    la_t *a = room.data;
    load_matrix(&c->in[0], i, b.rows * b.cols, a);
    la_lu(b.rows, a, perms.data, &sign);
    la_t product = sign;
    double logs = 0;
    for (int64_t k = 0; k < b.rows; k++) {
      la_t d = a[k * b.cols + k];
      double size = cabs(d);
      product *= with_log ? (size > 0 ? d / size : 0) : d;
      logs += log(size);
    }
    store(y, i, product);
    if (with_log) store(log_y, i, logs);
  }
  tensor_unref(&perms);
  tensor_unref(&room);
  return st;
}

// ---------------------------------------------------------------- spectra

static status_t infer_eigh(infer_ctx_t *c) {
  shape_t s = *infer_in(c, 0), w = s;
  if (s.rank == 0 || s.rank == 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must have rank >= 2");
  if (s.rank > 0) w.rank--;
  infer_out(c, 0, &w);
  infer_out(c, 1, node_bool(c->node, "compute_v", true) ? &s : &SHAPE_UNKNOWN);
  return NULL;
}

static status_t kernel_eigh(op_ctx_t *c) {
  batch_t b = {0};
  tensor_t *w, *v, room, values;
  bool vectors = node_bool(c->node, "compute_v", true);
  TRY(batch_of(c, 0, true, &b));
  shape_t ws = c->in[0].shape, none = SHAPE_SCALAR;  // what TensorFlow gives in place of vectors

  ws.rank--;
  TRY(op_out(c, 0, &ws, &w));
  TRY(op_out(c, 1, vectors ? &c->in[0].shape : &none, &v));
  TRY(room_for(c, b.rows, b.cols, 2, &room));
  shape_t vs = SHAPE(b.rows);
  status_t st = op_temp(c, DT_DOUBLE, &vs, &values);
  int64_t size = b.rows * b.cols;
  la_t *a = room.data;
  if (!vectors) store(v, 0, 0);
  for (int64_t i = 0; i < b.count && !st; i++) {
    load_matrix(&c->in[0], i, size, a);
    la_eigh(b.rows, a, values.data, a + size);
    for (int64_t k = 0; k < b.rows; k++) store(w, i * b.rows + k, TENSOR_DATA(double, &values)[k]);
    if (vectors) store_matrix(v, i, size, a + size);
  }
  tensor_unref(&values);
  tensor_unref(&room);
  return st;
}

static void svd_shapes(const shape_t *in, bool uv, bool full, shape_t out[3]) {
  int64_t m = in->d[in->rank - 2], n = in->d[in->rank - 1];
  int64_t k = m < 0 || n < 0 ? -1 : m < n ? m : n;
  out[0] = out[1] = out[2] = *in;
  out[0].rank--;
  out[0].d[out[0].rank - 1] = k;
  if (!uv) {
    out[1] = out[2] = SHAPE_SCALAR;  // as TensorFlow, though its shape function says [0]
    return;
  }
  out[1].d[in->rank - 1] = full ? m : k;
  out[2].d[in->rank - 2] = n;
  out[2].d[in->rank - 1] = full ? n : k;
}

static status_t infer_svd(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t out[3] = {SHAPE_UNKNOWN, SHAPE_UNKNOWN, SHAPE_UNKNOWN};
  if (in->rank == 0 || in->rank == 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must have rank >= 2");
  if (in->rank >= 2)
    svd_shapes(in, node_bool(c->node, "compute_uv", true),
               node_bool(c->node, "full_matrices", false), out);
  for (int i = 0; i < 3; i++) infer_out(c, i, &out[i]);
  return NULL;
}

// Columns [0, k) of from [rows, k] and, when full, an orthonormal rest: element (i, j) of matrix
// `at` of t [rows, cols].
static void store_basis(tensor_t *t, int64_t at, int64_t rows, int64_t k, int64_t cols,
                        const la_t *from, la_t *wide) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < k; j++) wide[i * cols + j] = from[i * k + j];
  la_complete(rows, k, cols, wide);
  store_matrix(t, at, rows * cols, wide);
}

static status_t kernel_svd(op_ctx_t *c) {
  batch_t b = {0};
  bool uv = node_bool(c->node, "compute_uv", true),
       full = node_bool(c->node, "full_matrices", false);
  TRY(batch_of(c, 0, false, &b));
  shape_t shapes[3];
  tensor_t *out[3], room, values;
  svd_shapes(&c->in[0].shape, uv, full, shapes);
  for (int i = 0; i < 3; i++) TRY(op_out(c, i, &shapes[i], &out[i]));
  if (!uv) store(out[1], 0, 0), store(out[2], 0, 0);
  bool turned = b.rows < b.cols;  // then the adjoint is decomposed
  int64_t m = turned ? b.cols : b.rows, n = turned ? b.rows : b.cols, size = m * n;
  TRY(room_for(c, m, m + n + n + n, 1, &room));
  shape_t vs = SHAPE(n);
  status_t st = op_temp(c, DT_DOUBLE, &vs, &values);
  la_t *a = room.data, *t = a + size, *v = t + size, *wide = v + n * n;
  for (int64_t i = 0; i < b.count && !st; i++) {
    load_matrix(&c->in[0], i, size, turned ? t : a);
    if (turned) la_adjoint(b.rows, b.cols, t, a);
    la_svd(m, n, a, values.data, v);
    for (int64_t k = 0; k < n; k++) store(out[0], i * n + k, TENSOR_DATA(double, &values)[k]);
    if (!uv) continue;
    store_basis(out[turned ? 2 : 1], i, m, n, full ? m : n, a, wide);
    store_basis(out[turned ? 1 : 2], i, n, n, n, v, wide);
  }
  tensor_unref(&values);
  tensor_unref(&room);
  return st;
}

static status_t infer_qr(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  shape_t q = *in, r = *in;
  if (in->rank == 0 || in->rank == 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must have rank >= 2");
  if (in->rank >= 2) {
    int64_t m = in->d[in->rank - 2], n = in->d[in->rank - 1],
            k = m < 0 || n < 0 ? -1
                : m < n        ? m
                               : n;
    if (node_bool(c->node, "full_matrices", false)) k = m;
    q.d[q.rank - 1] = k;
    r.d[r.rank - 2] = k;
  }
  infer_out(c, 0, &q);
  infer_out(c, 1, &r);
  return NULL;
}

static status_t kernel_qr(op_ctx_t *c) {
  batch_t b = {0};
  TRY(batch_of(c, 0, false, &b));
  int64_t m = b.rows, n = b.cols, k = m < n ? m : n;
  if (node_bool(c->node, "full_matrices", false)) k = m;
  shape_t qs = with_matrix(&c->in[0].shape, m, k), rs = with_matrix(&c->in[0].shape, k, n);
  tensor_t *q, *r, room;
  TRY(op_out(c, 0, &qs, &q));
  TRY(op_out(c, 1, &rs, &r));
  TRY(room_for(c, m, m + n, 1, &room));
  la_t *a = room.data, *basis = a + m * n;
  for (int64_t i = 0; i < b.count; i++) {
    load_matrix(&c->in[0], i, m * n, a);
    la_qr(m, n, a, basis);
    for (int64_t x = 0; x < m; x++)
      for (int64_t y = 0; y < k; y++) store(q, (i * m + x) * k + y, basis[x * m + y]);
    store_matrix(r, i, k * n, a);  // the first k rows
  }
  tensor_unref(&room);
  return NULL;
}

const op_def_t ops_linalg[] = {
    {.name = "Cholesky",
     .sig = "input: T -> output: T",
     .attrs = "T: type",
     .infer = infer_square,
     .kernel = kernel_cholesky},
    {.name = "MatrixInverse",
     .sig = "input: T -> output: T",
     .attrs = "adjoint: bool = false; T: type",
     .infer = infer_square,
     .kernel = kernel_inverse},
    {.name = "MatrixSolve",
     .sig = "matrix: T, rhs: T -> output: T",
     .attrs = "adjoint: bool = false; T: type",
     .infer = infer_solve,
     .kernel = kernel_solve},
    {.name = "MatrixTriangularSolve",
     .sig = "matrix: T, rhs: T -> output: T",
     .attrs = "lower: bool = true; adjoint: bool = false; T: type",
     .infer = infer_triangular,
     .kernel = kernel_triangular},
    {.name = "MatrixDeterminant",
     .sig = "input: T -> output: T",
     .attrs = "T: type",
     .infer = infer_determinant,
     .kernel = kernel_determinant},
    {.name = "LogMatrixDeterminant",
     .sig = "input: T -> sign: T, log_abs_determinant: T",
     .attrs = "T: type",
     .infer = infer_determinant,
     .kernel = kernel_determinant},
    {.name = "SelfAdjointEigV2",
     .sig = "input: T -> e: T, v: T",
     .attrs = "compute_v: bool = true; T: type",
     .infer = infer_eigh,
     .kernel = kernel_eigh},
    {.name = "Svd",
     .sig = "input: T -> s: T, u: T, v: T",
     .attrs = "compute_uv: bool = true; full_matrices: bool = false; T: type",
     .infer = infer_svd,
     .kernel = kernel_svd},
    {.name = "Qr",
     .sig = "input: T -> q: T, r: T",
     .attrs = "full_matrices: bool = false; T: type",
     .infer = infer_qr,
     .kernel = kernel_qr},
    {0},
};
