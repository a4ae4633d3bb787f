// Ragged tensors packed into variants, as loops over their rows pass them on (tf.map_fn).
#include "base/mem.h"
#include "ops/elements.h"
#include "ops/ragged.h"
#include "ops/variables.h"

enum { MAX_SPLITS = 8 };

typedef struct ragged {
  object_t base;
  tensor_t splits[MAX_SPLITS], values;
  int n;
} ragged_t;

static void ragged_destroy(object_t *o) {
  ragged_t *r = (ragged_t *)o;
  for (int i = 0; i < r->n; i++) tensor_unref(&r->splits[i]);
  tensor_unref(&r->values);
  mem_free(r);
}

static const object_type_t ragged_type = {"RaggedTensor", ragged_destroy};

static ragged_t *ragged_create(int n) {
  ragged_t *r = mem_calloc(1, sizeof *r);
  r->base.type = &ragged_type;
  atomic_init(&r->base.refs, 1);
  r->n = n;
  return r;
}

// Rows [from, to) of t, sharing its buffer.
static tensor_t rows_between(const tensor_t *t, int64_t from, int64_t to) {
  shape_t s = t->shape;
  int64_t inner = elements_per_row(t);
  s.d[0] = to - from;
  tensor_t r = tensor_ref(t);
  r.shape = s;
  r.data = (char *)t->data + (size_t)(from * inner) * dtype_size(t->dtype);
  return r;
}

// Splits [from, to] of t, counted from the first.
static status_t splits_between(op_ctx_t *c, const tensor_t *t, int64_t from, int64_t to,
                               tensor_t *out) {
  shape_t s = SHAPE(to - from + 1);
  (void)c;
  TRY(tensor_alloc(t->dtype, &s, out));
  for (int64_t k = from; k <= to; k++) index_set(out, k - from, index_at(t, k) - index_at(t, from));
  return NULL;
}

static status_t pack_row(op_ctx_t *c, int64_t row, ragged_t *r) {
  int64_t from = index_at(&c->in[0], row), to = index_at(&c->in[0], row + 1);
  for (int i = 1; i < c->n_in - 1; i++) {
    TRY(splits_between(c, &c->in[i], from, to, &r->splits[i - 1]));
    from = index_at(&c->in[i], from);
    to = index_at(&c->in[i], to);
  }
  r->values = rows_between(&c->in[c->n_in - 1], from, to);
  return NULL;
}

static status_t to_variant_infer(infer_ctx_t *c) {
  bool batched = node_bool(c->node, "batched_input", true);
  const shape_t *first = infer_in(c, 0);
  shape_t s = SHAPE(-1);
  if (c->node->n_in > 1 && first->rank == 1 && first->d[0] > 0) s.d[0] = first->d[0] - 1;
  if (c->node->n_in == 1 && first->rank > 0) s.d[0] = first->d[0];
  infer_out(c, 0, batched ? &s : &SHAPE_SCALAR);
  return NULL;
}

static status_t to_variant_kernel(op_ctx_t *c) {
  int n = c->n_in - 1;
  const tensor_t *values = &c->in[n];
  bool batched = node_bool(c->node, "batched_input", true);
  if (n > MAX_SPLITS) return OP_FAIL(c, UNIMPLEMENTED, "a ragged rank above %d", MAX_SPLITS);
  if ((n || batched) && values->shape.rank < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the values of a ragged tensor must be at least a vector");
  if (n) TRY(op_nested_splits(c, 0, n, values->shape.d[0]));
  if (!batched) {
    ragged_t *r = ragged_create(n);
    for (int i = 0; i < n; i++) r->splits[i] = tensor_ref(&c->in[i]);
    r->values = tensor_ref(values);
    return op_out_object(c, 0, &r->base);
  }
  int64_t rows = n ? tensor_elements(&c->in[0]) - 1 : values->shape.d[0];
  shape_t s = SHAPE(rows);
  tensor_t *y;
  TRY(op_out(c, 0, &s, &y));
  for (int64_t i = 0; i < rows; i++) {
    ragged_t *r = ragged_create(n ? n - 1 : 0);
    TENSOR_DATA(object_t *, y)[i] = &r->base;
    if (n)
      TRY(pack_row(c, i, r));
    else
      r->values = elements_row(values, i);
  }
  return NULL;
}

// ---------------------------------------------------------------- RaggedTensorFromVariant

static status_t from_variant_infer(infer_ctx_t *c) {
  shape_t s = SHAPE(-1);
  for (int i = 0; i + 1 < c->node->n_out; i++) infer_out(c, i, &s);
  return NULL;
}

static int64_t component_rows(const ragged_t *r) {
  return r->n ? tensor_elements(&r->splits[0]) - 1 : r->values.shape.d[0];
}

// Output `to`: the components' splits of level `level` behind each other.
static status_t join_splits(op_ctx_t *c, int to, ragged_t *const *v, int64_t n, int level) {
  int64_t total = 0, at = 0, k = 0;
  for (int64_t i = 0; i < n; i++) total += tensor_elements(&v[i]->splits[level]) - 1;
  shape_t s = SHAPE(total + 1);
  tensor_t *y;
  TRY(op_out(c, to, &s, &y));
  index_set(y, k++, 0);
  for (int64_t i = 0; i < n; i++) {
    const tensor_t *one = &v[i]->splits[level];
    int64_t count = tensor_elements(one);
    for (int64_t j = 1; j < count; j++) index_set(y, k++, at + index_at(one, j));
    at += index_at(one, count - 1);
  }
  return NULL;
}

static status_t join_values(op_ctx_t *c, ragged_t *const *v, int64_t n) {
  shape_t s = n ? v[0]->values.shape : SHAPE(0);
  tensor_t *y;
  int64_t at = 0;
  s.d[0] = 0;
  for (int64_t i = 0; i < n; i++) {
    shape_t a = shape_range(&s, 1, s.rank), b = v[i]->values.shape;
    s.d[0] += b.d[0];
    b = shape_range(&b, 1, b.rank);
    if (!shape_equal(&a, &b))
      return OP_FAIL(c, INVALID_ARGUMENT, "components have values of different shapes");
  }
  TRY(op_out(c, c->n_out - 1, &s, &y));
  for (int64_t i = 0; i < n; i++) {
    int64_t count = tensor_elements(&v[i]->values);
    TRY(elements_copy(y, at, &v[i]->values, 0, count));
    at += count;
  }
  return NULL;
}

static status_t from_variant_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int splits = c->n_out - 1, rank = x->shape.rank;
  int64_t n = tensor_elements(x), inner = node_int(c->node, "input_ragged_rank", -1);
  if (inner < 0) inner = splits - rank;
  if (inner < 0 || inner > MAX_SPLITS || inner + rank != splits)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "variants of shape rank %d and ragged rank %" PRId64 " do not make %d splits",
                   rank, inner, splits);
  ragged_t *const *v = (ragged_t *const *)x->data;
  for (int64_t i = 0; i < n; i++) {
    if (!v[i] || v[i]->base.type != &ragged_type || v[i]->n != inner)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "component %" PRId64 " is no ragged tensor of ragged rank %" PRId64, i, inner);
    if (v[i]->values.dtype != c->node->out_dtype[splits])
      return OP_FAIL(c, INVALID_ARGUMENT, "component %" PRId64 " holds %s", i,
                     dtype_name(v[i]->values.dtype));
    for (int k = 0; k < inner; k++)
      if (v[i]->splits[k].dtype != c->node->out_dtype[0])
        return OP_FAIL(c, INVALID_ARGUMENT, "component %" PRId64 " has splits of another type", i);
    if (rank && v[i]->values.shape.rank < 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "component %" PRId64 " is a scalar", i);
  }
  if (rank == 0) {
    for (int i = 0; i < splits; i++) op_out_take(c, i, tensor_ref(&v[0]->splits[i]));
    op_out_take(c, splits, tensor_ref(&v[0]->values));
    return NULL;
  }
  tensor_t *y;
  int64_t prefix = 1;
  for (int i = 0; i + 1 < rank; i++) {  // uniform rows
    prefix *= x->shape.d[i];
    shape_t s = SHAPE(prefix + 1);
    TRY(op_out(c, i, &s, &y));
    for (int64_t k = 0; k <= prefix; k++) index_set(y, k, k * x->shape.d[i + 1]);
  }
  shape_t s = SHAPE(n + 1);
  TRY(op_out(c, rank - 1, &s, &y));
  index_set(y, 0, 0);
  for (int64_t i = 0, at = 0; i < n; i++) index_set(y, i + 1, at += component_rows(v[i]));
  for (int k = 0; k < inner; k++) TRY(join_splits(c, rank + k, v, n, k));
  return join_values(c, v, n);
}

const op_def_t ops_ragged_variant[] = {
    {.name = "RaggedTensorToVariant",
     .sig = "rt_nested_splits: RAGGED_RANK * Tsplits, rt_dense_values: Tvalues -> "
            "encoded_ragged: variant",
     .attrs = "RAGGED_RANK: int; Tvalues: type; Tsplits: type = int64; batched_input: bool",
     .infer = to_variant_infer,
     .kernel = to_variant_kernel,
     .flags = OP_NO_FOLD},
    {.name = "RaggedTensorFromVariant",
     .sig = "encoded_ragged: variant -> output_nested_splits: output_ragged_rank * Tsplits, "
            "output_dense_values: Tvalues",
     .attrs = "input_ragged_rank: int; output_ragged_rank: int; Tvalues: type; "
              "Tsplits: type = int64",
     .infer = from_variant_infer,
     .kernel = from_variant_kernel},
    {0},
};
