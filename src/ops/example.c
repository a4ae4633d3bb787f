// ParseExample and its kin: tf.train.Example records into dense, sparse and ragged tensors.
#include "formats/example.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "ops/elements.h"
#include "ops/text.h"

typedef enum column_kind { COLUMN_SPARSE, COLUMN_DENSE, COLUMN_RAGGED } column_kind_t;

// One feature that the op asks for.
typedef struct column {
  column_kind_t kind;
  dtype_t dtype;
  const char *key;
  size_t key_size;
  int index;                 // among those of its kind
  shape_t shape;             // dense: of one record; d[0] < 0: of any length
  const tensor_t *fallback;  // dense: default_value, may have no elements
  VEC(feature_t) found;      // one per record; dtype DT_INVALID: absent
} column_t;

typedef struct parse {
  op_ctx_t *c;
  column_t *columns;
  int n;
  map_t *by_key;  // to the column plus one, so that 0 is "absent"; later columns of a key by `next`
  int *next;
  size_t record;
  bool scalar;  // one record, without a batch dimension
} parse_t;

static int64_t step_elements(const column_t *k) {
  int64_t n = 1;
  for (int i = 0; i < k->shape.rank; i++) n = dim_mul(n, k->shape.d[i] < 0 ? 1 : k->shape.d[i]);
  return n;
}

static bool any_length(const column_t *k) { return k->shape.rank > 0 && k->shape.d[0] < 0; }

// ---------------------------------------------------------------- what is asked for

static status_t add_column(parse_t *p, column_kind_t kind, int index, dtype_t dtype,
                           const char *key, size_t size) {
  if (dtype != DT_FLOAT && dtype != DT_INT64 && dtype != DT_STRING)
    return OP_FAIL(p->c, INVALID_ARGUMENT, "a feature cannot be of type %s", dtype_name(dtype));
  p->columns[p->n++] =
      (column_t){.kind = kind, .dtype = dtype, .key = key, .key_size = size, .index = index};
  return NULL;
}

// Keys as the strings of one vector input, or one scalar input each, or an attribute.
typedef struct keys {
  const tensor_t *one, *each;
  const attr_value_t *list;
} keys_t;

static status_t key_at(const op_ctx_t *c, const keys_t *k, int i, const char **key, size_t *n) {
  const str_t *s = NULL;
  if (k->one && i < tensor_elements(k->one)) s = str_at(k->one, i);
  if (k->each && tensor_elements(&k->each[i]) == 1) s = str_at(&k->each[i], 0);
  if (k->list && k->list->list_kind == ATTR_STRING && (size_t)i < k->list->n_list) {
    *key = k->list->list[i].s.p;
    *n = k->list->list[i].s.n;
    return NULL;
  }
  if (!s) return OP_FAIL(c, INVALID_ARGUMENT, "there is no key %d", i);
  *key = s->p ? s->p : "";
  *n = s->n;
  return NULL;
}

static status_t add_columns(parse_t *p, column_kind_t kind, const char *types_attr, keys_t keys) {
  const dtype_t *types;
  int n = node_types(p->c->node, types_attr, &types);
  for (int i = 0; i < n; i++) {
    const char *key;
    size_t size;
    TRY(key_at(p->c, &keys, i, &key, &size));
    TRY(add_column(p, kind, i, types[i], key, size));
  }
  return NULL;
}

static status_t dense_details(parse_t *p, const tensor_t *defaults, int n_defaults) {
  const attr_value_t *shapes = node_shapes(p->c->node, "dense_shapes");
  for (int i = 0; i < p->n; i++) {
    column_t *k = &p->columns[i];
    if (k->kind != COLUMN_DENSE) continue;
    if (!shapes || (size_t)k->index >= shapes->n_list || k->index >= n_defaults)
      return OP_FAIL(p->c, INVALID_ARGUMENT, "feature %.*s has no shape or default",
                     (int)k->key_size, k->key);
    k->shape = attr_item(shapes, (size_t)k->index).shape;
    k->fallback = &defaults[k->index];
    for (int d = 1; d < k->shape.rank; d++)
      if (k->shape.d[d] < 0) k->shape.rank = -1;
    if (k->shape.rank < 0 || step_elements(k) < 0)
      return OP_FAIL(p->c, INVALID_ARGUMENT, "the shape of feature %.*s is not known",
                     (int)k->key_size, k->key);
    if (k->fallback->dtype != k->dtype)
      return OP_FAIL(p->c, INVALID_ARGUMENT, "the default of feature %.*s is %s", (int)k->key_size,
                     k->key, dtype_name(k->fallback->dtype));
    int64_t have = tensor_elements(k->fallback);
    if (have && have != (any_length(k) ? 1 : step_elements(k)))
      return OP_FAIL(p->c, INVALID_ARGUMENT, "the default of feature %.*s has %" PRId64 " elements",
                     (int)k->key_size, k->key, have);
  }
  return NULL;
}

// ---------------------------------------------------------------- records

static status_t take_feature(void *self, const feature_t *f) {
  parse_t *p = self;
  intptr_t at = (intptr_t)map_getn(p->by_key, f->key, f->key_size);
  for (; at; at = p->next[at - 1]) p->columns[at - 1].found.v[p->record] = *f;
  return NULL;
}

static status_t read_records(parse_t *p, const tensor_t *serialized, const tensor_t *names) {
  int64_t n = tensor_elements(serialized);
  for (int i = 0; i < p->n; i++) {
    column_t *k = &p->columns[i];
    char *key = mem_strndup(k->key, k->key_size);
    p->next[i] = (int)(intptr_t)map_get(p->by_key, key);
    map_put(p->by_key, key, (void *)(intptr_t)(i + 1));
    mem_free(key);
    vec_reserve(&k->found, n ? n : 1);
    for (int64_t r = 0; r < n; r++) vec_push(&k->found, (feature_t){.dtype = DT_INVALID});
  }
  for (int64_t r = 0; r < n; r++) {
    const str_t *s = str_at(serialized, r);
    p->record = (size_t)r;
    status_t st = example_features(s->p, s->n, take_feature, p);
    if (!st) continue;
    bool named = names && tensor_elements(names) == n;
    return status_prefix(st, "%s '%s': could not parse example %" PRId64 "%s%.*s", p->c->node->op,
                         p->c->node->name, r, named ? ", " : "",
                         named ? (int)str_at(names, r)->n : 0, named ? str_at(names, r)->p : "");
  }
  for (int i = 0; i < p->n; i++)
    for (int64_t r = 0; r < n; r++) {
      const feature_t *f = &p->columns[i].found.v[r];
      if (f->dtype != DT_INVALID && f->dtype != p->columns[i].dtype)
        return OP_FAIL(p->c, INVALID_ARGUMENT,
                       "example %" PRId64
                       ", feature %.*s: data types don't match: it holds %s, "
                       "expected %s",
                       r, (int)f->key_size, f->key, dtype_name(f->dtype),
                       dtype_name(p->columns[i].dtype));
    }
  return NULL;
}

// ---------------------------------------------------------------- results

static status_t put_dense(parse_t *p, const column_t *k, int out) {
  int64_t n = (int64_t)k->found.n, step = step_elements(k), most = 0;
  shape_t s = k->shape;
  for (int64_t r = 0; r < n; r++) {
    const feature_t *f = &k->found.v[r];
    if (any_length(k)) {
      if (step ? f->count % step : f->count)
        return OP_FAIL(p->c, INVALID_ARGUMENT,
                       "example %" PRId64 ", feature %.*s: %" PRId64
                       " values are no multiple of %" PRId64,
                       r, (int)k->key_size, k->key, f->count, step);
      if (step && f->count / step > most) most = f->count / step;
    } else if (f->dtype == DT_INVALID && !tensor_elements(k->fallback) && step) {
      return OP_FAIL(p->c, INVALID_ARGUMENT,
                     "example %" PRId64
                     ": feature %.*s (data type: %s) is required but could not "
                     "be found",
                     r, (int)k->key_size, k->key, dtype_name(k->dtype));
    } else if (f->dtype != DT_INVALID && f->count != step) {
      char text[128];
      return OP_FAIL(p->c, INVALID_ARGUMENT,
                     "example %" PRId64 ", feature %.*s: number of values %" PRId64
                     " does not fit the shape %s",
                     r, (int)k->key_size, k->key, f->count,
                     shape_format(&k->shape, text, sizeof text));
    }
  }
  if (any_length(k)) s.d[0] = most;
  int64_t row = step * (any_length(k) ? most : 1);
  if (!p->scalar) s = shape_insert(&s, 0, n);
  if (s.rank < 0) return OP_FAIL(p->c, INVALID_ARGUMENT, "too many dimensions");
  tensor_t *y;
  TRY(op_out(p->c, out, &s, &y));
  TRY(op_zero(p->c, y));
  for (int64_t r = 0; r < n; r++) {
    const feature_t *f = &k->found.v[r];
    int64_t from = r * row;
    if (f->dtype != DT_INVALID) TRY(feature_values(f, y, from));
    if (f->dtype == DT_INVALID && !any_length(k)) {
      TRY(elements_copy(y, from, k->fallback, 0, step));
    } else if (any_length(k) && tensor_elements(k->fallback) == 1) {
      for (int64_t i = f->count; i < row; i++) TRY(elements_copy(y, from + i, k->fallback, 0, 1));
    }
  }
  return NULL;
}

static int64_t count_all(const column_t *k) {
  int64_t n = 0;
  for (size_t r = 0; r < k->found.n; r++) n = dim_add(n, k->found.v[r].count);
  return n;
}

// All values, record after record.
static status_t put_values(parse_t *p, const column_t *k, int out) {
  tensor_t *y;
  shape_t s = SHAPE(count_all(k));
  int64_t at = 0;
  TRY(op_out(p->c, out, &s, &y));
  for (size_t r = 0; r < k->found.n; r++) {
    const feature_t *f = &k->found.v[r];
    if (f->dtype != DT_INVALID) TRY(feature_values(f, y, at));
    at += f->count;
  }
  return NULL;
}

static status_t put_sparse(parse_t *p, const column_t *k, int indices, int values, int shape) {
  int64_t total = count_all(k), most = 0, at = 0;
  int rank = p->scalar ? 1 : 2;
  tensor_t *y;
  shape_t s = SHAPE(total, rank);
  TRY(op_out(p->c, indices, &s, &y));
  int64_t *to = TENSOR_DATA(int64_t, y);
  for (size_t r = 0; r < k->found.n; r++) {
    int64_t n = k->found.v[r].count;
    if (n > most) most = n;
    for (int64_t i = 0; i < n; i++) {
      if (!p->scalar) to[at++] = (int64_t)r;
      to[at++] = i;
    }
  }
  TRY(put_values(p, k, values));
  int64_t dims[2] = {(int64_t)k->found.n, most};
  return op_out_ints(p->c, shape, 1, rank, p->scalar ? dims + 1 : dims);
}

static status_t put_ragged(parse_t *p, const column_t *k, int values, int splits) {
  TRY(put_values(p, k, values));
  tensor_t *y;
  int64_t n = p->scalar ? -1 : (int64_t)k->found.n, at = 0;
  shape_t s = SHAPE(n + 1);
  TRY(op_out(p->c, splits, &s, &y));
  for (int64_t r = 0; r <= n; r++) {
    index_set(y, r, at);
    if (r < n) at += k->found.v[r].count;
  }
  return NULL;
}

static status_t put_results(parse_t *p) {
  int n[3] = {0};
  for (int i = 0; i < p->n; i++) n[p->columns[i].kind]++;
  int sparse = n[COLUMN_SPARSE], dense = n[COLUMN_DENSE], ragged = n[COLUMN_RAGGED];
  if (3 * sparse + dense + 2 * ragged != p->c->n_out)
    return OP_FAIL(p->c, INVALID_ARGUMENT, "%d outputs do not fit the features", p->c->n_out);
  for (int i = 0; i < p->n; i++) {
    const column_t *k = &p->columns[i];
    int at = k->index;
    if (k->kind == COLUMN_SPARSE)
      TRY(put_sparse(p, k, at, sparse + at, 2 * sparse + at));
    else if (k->kind == COLUMN_DENSE)
      TRY(put_dense(p, k, 3 * sparse + at));
    else
      TRY(put_ragged(p, k, 3 * sparse + dense + at, 3 * sparse + dense + ragged + at));
  }
  return NULL;
}

static status_t run(parse_t *p, const tensor_t *serialized, const tensor_t *names) {
  if (serialized->shape.rank > 1)
    return OP_FAIL(p->c, INVALID_ARGUMENT, "serialized must be a vector or a scalar");
  p->scalar = serialized->shape.rank == 0;
  TRY(read_records(p, serialized, names));
  return put_results(p);
}

static void parse_begin(parse_t *p, op_ctx_t *c) {
  const dtype_t *unused;
  int n = node_types(c->node, "sparse_types", &unused) + node_types(c->node, "Tdense", &unused) +
          node_types(c->node, "ragged_value_types", &unused);
  *p = (parse_t){.c = c, .by_key = map_create()};
  p->columns = mem_calloc((size_t)n + 1, sizeof *p->columns);
  p->next = mem_calloc((size_t)n + 1, sizeof *p->next);
}

static status_t parse_end(parse_t *p, status_t st) {
  for (int i = 0; i < p->n; i++) vec_free(&p->columns[i].found);
  map_destroy(p->by_key);
  mem_free(p->columns);
  mem_free(p->next);
  return st;
}

// serialized, names, Nsparse keys, Ndense keys, defaults
static status_t v1(parse_t *p, op_ctx_t *c) {
  int64_t sparse = node_int(c->node, "Nsparse", 0), dense = node_int(c->node, "Ndense", 0);
  if (sparse < 0 || dense < 0 || 2 + sparse + 2 * dense != c->n_in)
    return OP_FAIL(c, INVALID_ARGUMENT, "%d inputs do not fit the features", c->n_in);
  const tensor_t *in = c->in + 2;
  TRY(add_columns(p, COLUMN_SPARSE, "sparse_types", (keys_t){.each = in}));
  TRY(add_columns(p, COLUMN_DENSE, "Tdense", (keys_t){.each = in + sparse}));
  TRY(dense_details(p, in + sparse + dense, (int)dense));
  return run(p, &c->in[0], &c->in[1]);
}

static status_t v1_kernel(op_ctx_t *c) {
  parse_t p;
  parse_begin(&p, c);
  return parse_end(&p, v1(&p, c));
}

// serialized, names, sparse keys, dense keys, ragged keys, defaults
static status_t v2(parse_t *p, op_ctx_t *c) {
  TRY(add_columns(p, COLUMN_SPARSE, "sparse_types", (keys_t){.one = &c->in[2]}));
  TRY(add_columns(p, COLUMN_DENSE, "Tdense", (keys_t){.one = &c->in[3]}));
  TRY(add_columns(p, COLUMN_RAGGED, "ragged_value_types", (keys_t){.one = &c->in[4]}));
  TRY(dense_details(p, c->in + 5, c->n_in - 5));
  return run(p, &c->in[0], &c->in[1]);
}

static status_t v2_kernel(op_ctx_t *c) {
  parse_t p;
  parse_begin(&p, c);
  return parse_end(&p, v2(&p, c));
}

// serialized, defaults; keys are attributes
static status_t single(parse_t *p, op_ctx_t *c) {
  if (c->in[0].shape.rank != 0) return OP_FAIL(c, INVALID_ARGUMENT, "serialized must be a scalar");
  TRY(add_columns(p, COLUMN_SPARSE, "sparse_types",
                  (keys_t){.list = node_attr(c->node, "sparse_keys")}));
  TRY(add_columns(p, COLUMN_DENSE, "Tdense", (keys_t){.list = node_attr(c->node, "dense_keys")}));
  TRY(dense_details(p, c->in + 1, c->n_in - 1));
  return run(p, &c->in[0], NULL);
}

static status_t single_kernel(op_ctx_t *c) {
  parse_t p;
  parse_begin(&p, c);
  return parse_end(&p, single(&p, c));
}

// ---------------------------------------------------------------- shapes

static status_t infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0);
  const dtype_t *unused;
  int sparse = node_types(c->node, "sparse_types", &unused),
      dense = node_types(c->node, "Tdense", &unused);
  const attr_value_t *shapes = node_shapes(c->node, "dense_shapes");
  if (in->rank < 0) return NULL;
  int64_t rank = in->rank + 1;
  for (int i = 0; i < sparse; i++) {
    shape_t s = SHAPE(-1, rank);
    infer_out(c, i, &s);
    s = SHAPE(-1);
    infer_out(c, sparse + i, &s);
    s = SHAPE(rank);
    infer_out(c, 2 * sparse + i, &s);
  }
  for (int i = 0; i < dense && shapes; i++) {
    if ((size_t)i >= shapes->n_list) break;
    shape_t s = attr_item(shapes, (size_t)i).shape;
    if (in->rank == 1 && s.rank >= 0) s = shape_insert(&s, 0, in->d[0]);
    infer_out(c, 3 * sparse + i, &s);
  }
  shape_t any = SHAPE(-1);
  for (int i = 3 * sparse + dense; i < c->node->n_out; i++) infer_out(c, i, &any);
  return NULL;
}

const op_def_t ops_example[] = {
    {.name = "ParseExample",
     .sig = "serialized: string, names: string, sparse_keys: Nsparse * string, dense_keys: Ndense "
            "* string, dense_defaults: Tdense -> sparse_indices: Nsparse * int64, sparse_values: "
            "sparse_types, sparse_shapes: Nsparse * int64, dense_values: Tdense",
     .attrs = "Nsparse: int; Ndense: int; sparse_types: list(type); Tdense: list(type); "
              "dense_shapes: list(shape)",
     .infer = infer,
     .kernel = v1_kernel},
    {.name = "ParseExampleV2",
     .sig = "serialized: string, names: string, sparse_keys: string, dense_keys: string, "
            "ragged_keys: string, dense_defaults: Tdense -> sparse_indices: num_sparse * int64, "
            "sparse_values: sparse_types, sparse_shapes: num_sparse * int64, dense_values: Tdense, "
            "ragged_values: ragged_value_types, ragged_row_splits: ragged_split_types",
     .attrs = "Tdense: list(type); num_sparse: int; sparse_types: list(type); ragged_value_types: "
              "list(type); ragged_split_types: list(type); dense_shapes: list(shape)",
     .infer = infer,
     .kernel = v2_kernel},
    {.name = "ParseSingleExample",
     .sig = "serialized: string, dense_defaults: Tdense -> sparse_indices: num_sparse * int64, "
            "sparse_values: sparse_types, sparse_shapes: num_sparse * int64, dense_values: Tdense",
     .attrs = "num_sparse: int; sparse_keys: list(string); dense_keys: list(string); sparse_types: "
              "list(type); Tdense: list(type); dense_shapes: list(shape)",
     .infer = infer,
     .kernel = single_kernel},
    {0},
};
