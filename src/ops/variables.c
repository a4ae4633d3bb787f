#include "ops/variables.h"

#include <pthread.h>
#include <string.h>

#include "ops/elements.h"
#include "ops/env.h"

typedef struct variable {
  object_t base;
  pthread_mutex_t lock;  // guards value
  tensor_t value;        // empty: not initialised
  tensor_t checkpoint;   // what it began with; held so that mapped memory is never a value's only
                         // owner, which may write to it
  char *name;
} variable_t;

static void variable_destroy(object_t *o) {
  variable_t *v = (variable_t *)o;
  tensor_unref(&v->value);
  tensor_unref(&v->checkpoint);
  pthread_mutex_destroy(&v->lock);
  mem_free(v->name);
  mem_free(v);
}

static const object_type_t variable_type = {"Variable", variable_destroy};

status_t op_object(const op_ctx_t *c, int i, const object_type_t *type, object_t **out) {
  const tensor_t *t = &c->in[i];
  if ((t->dtype != DT_RESOURCE && t->dtype != DT_VARIANT) || tensor_elements(t) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d is no scalar handle but a %s", i,
                   dtype_name(t->dtype));
  *out = TENSOR_DATA(object_t *, t)[0];
  if (!*out || (*out)->type != type)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d holds %s, not a %s", i,
                   *out ? (*out)->type->name : "nothing", type->name);
  return NULL;
}

status_t op_out_object(op_ctx_t *c, int i, object_t *o) {
  tensor_t *t;
  // References (VariableV2) have the value's dtype in the graph, but hold the variable.
  dtype_t dtype = c->node->out_dtype[i] == DT_VARIANT ? DT_VARIANT : DT_RESOURCE;
  status_t st = op_out_typed(c, i, dtype, &SHAPE_SCALAR, &t);
  if (st) {
    object_unref(o);
    return st;
  }
  TENSOR_DATA(object_t *, t)[0] = o;
  return NULL;
}

status_t variable_read(object_t *o, tensor_t *out) {
  *out = (tensor_t){0};
  if (!o || o->type != &variable_type)
    return FAIL(INVALID_ARGUMENT, "a handle of %s is read as a variable",
                o ? o->type->name : "nothing");
  variable_t *v = (variable_t *)o;
  pthread_mutex_lock(&v->lock);
  *out = tensor_ref(&v->value);
  pthread_mutex_unlock(&v->lock);
  if (tensor_empty(out))
    return FAIL(FAILED_PRECONDITION, "variable '%s' is read before it has a value", v->name);
  return NULL;
}

static bool is_one_of(const char *op, const char *const *names) {
  for (; *names; names++)
    if (strcmp(op, *names) == 0) return true;
  return false;
}

bool op_makes_ref(const char *op) {
  static const char *const names[] = {"VariableV2", "Variable",         "Assign",   "AssignAdd",
                                      "AssignSub",  "RefSwitch",        "RefEnter", "RefExit",
                                      "RefMerge",   "RefNextIteration", NULL};
  return is_one_of(op, names);
}

bool op_reads_variable(const char *op) {
  static const char *const names[] = {"ReadVariableOp", "VariableV2", "Variable", NULL};
  return is_one_of(op, names);
}

bool op_takes_ref(const char *op, int input) {
  static const char *const names[] = {
      "Assign",  "AssignAdd",        "AssignSub", "IsVariableInitialized", "RefSwitch", "RefEnter",
      "RefExit", "RefNextIteration", NULL};
  return (input == 0 && is_one_of(op, names)) || strcmp(op, "RefMerge") == 0;
}

// ---------------------------------------------------------------- making them

typedef struct make_args {
  op_ctx_t *c;
  const char *name;
  status_t error;
} make_args_t;

static object_t *make_variable(void *arg) {
  make_args_t *a = arg;
  variable_t *v = mem_calloc(1, sizeof *v);
  v->base.type = &variable_type;
  atomic_init(&v->base.refs, 1);
  pthread_mutex_init(&v->lock, NULL);
  v->name = mem_strdup(a->name);
  if (a->c->env->variable) {
    a->error = a->c->env->variable(a->c->env, a->name, &v->value);
    if (status_code(a->error) == CODE_NOT_FOUND) {  // not in the checkpoint: somebody assigns it
      status_free(a->error);
      a->error = NULL;
    }
  }
  v->checkpoint = tensor_ref(&v->value);
  if (!a->error) return &v->base;
  object_unref(&v->base);
  return NULL;
}

static status_t variable_handle(op_ctx_t *c) {
  if (!c->env) return OP_FAIL(c, FAILED_PRECONDITION, "there are no variables here");
  const char *shared = node_string(c->node, "shared_name");
  make_args_t a = {.c = c, .name = *shared ? shared : c->node->name};
  object_t *o =
      c->env->resource(c->env, node_string(c->node, "container"), a.name, make_variable, &a);
  if (!o) {
    if (a.error) return status_prefix(a.error, "%s '%s'", c->node->op, c->node->name);
    return OP_FAIL(c, INTERNAL, "the variable '%s' could not be made", a.name);
  }
  return op_out_object(c, 0, o);
}

// ---------------------------------------------------------------- reading and writing

static status_t variable_at(const op_ctx_t *c, int i, variable_t **out) {
  object_t *o = NULL;
  TRY(op_object(c, i, &variable_type, &o));
  *out = (variable_t *)o;
  return NULL;
}

static status_t value_of(op_ctx_t *c, int i, tensor_t *out) {
  variable_t *v = NULL;
  TRY(variable_at(c, i, &v));
  return status_prefix(variable_read(&v->base, out), "%s '%s'", c->node->op, c->node->name);
}

static status_t read_kernel(op_ctx_t *c) {
  tensor_t value;
  TRY(value_of(c, 0, &value));
  dtype_t want = c->node->out_dtype[0];
  if (want != DT_INVALID && value.dtype != want) {
    status_t st = OP_FAIL(c, INVALID_ARGUMENT, "the variable holds %s, not %s",
                          dtype_name(value.dtype), dtype_name(want));
    tensor_unref(&value);
    return st;
  }
  op_out_take(c, 0, value);
  return NULL;
}

static status_t is_initialized(op_ctx_t *c) {
  variable_t *v = NULL;
  TRY(variable_at(c, 0, &v));
  tensor_t *out;
  TRY(op_out_typed(c, 0, DT_BOOL, &SHAPE_SCALAR, &out));
  pthread_mutex_lock(&v->lock);
  TENSOR_DATA(uint8_t, out)[0] = !tensor_empty(&v->value);
  pthread_mutex_unlock(&v->lock);
  return NULL;
}

// Values are shared and copied when written to: there is nothing to switch off.
static status_t no_effect(op_ctx_t *c) {
  (void)c;
  return NULL;
}

static status_t shape_kernel(op_ctx_t *c) {
  tensor_t value, *out;
  TRY(value_of(c, 0, &value));
  shape_t s = value.shape;
  tensor_unref(&value);
  shape_t vector = SHAPE(s.rank);
  TRY(op_out(c, 0, &vector, &out));
  for (int i = 0; i < s.rank; i++) tensor_set_number(out, i, (double)s.d[i]);
  return NULL;
}

static bool writes_ref(const op_ctx_t *c) { return c->n_out == 1; }

// Assign and friends hand the reference on.
static status_t finish_write(op_ctx_t *c, variable_t *v) {
  return writes_ref(c) ? op_out_object(c, 0, object_ref(&v->base)) : NULL;
}

// Memory of our own: neither mapped nor lent by the caller of the run.
static bool is_ours(const tensor_t *t) {
  return t->buf->pooled || (t->buf->release && !t->buf->owner);
}

static object_t *resource_input(const op_ctx_t *c) {  // NULL: input 0 is none
  const tensor_t *t = &c->in[0];
  return t->dtype == DT_RESOURCE && tensor_elements(t) == 1 ? TENSOR_DATA(object_t *, t)[0] : NULL;
}

// In models that TensorFlow has saved after `import tftrt.tensorflow` the place of an engine's
// cache in its table of resources is taken by a variable.
static bool is_engine_handle(const op_ctx_t *c) {
  const object_t *o = resource_input(c);
  return o && o->type == &named_handle_type;
}

static status_t assign(op_ctx_t *c) {
  variable_t *v = NULL;
  if (!writes_ref(c) && is_engine_handle(c)) return NULL;
  TRY(variable_at(c, 0, &v));
  tensor_t value = tensor_ref(&c->in[1]), old;
  if (!is_ours(&value)) {  // it may go before the variable does
    tensor_unref(&value);
    TRY(tensor_copy(&c->in[1], &value));
  }
  pthread_mutex_lock(&v->lock);
  old = v->value;
  bool wrong_dtype = !tensor_empty(&old) && old.dtype != value.dtype;
  if (!wrong_dtype) v->value = value;
  pthread_mutex_unlock(&v->lock);
  if (wrong_dtype) {
    tensor_unref(&value);
    return OP_FAIL(c, INVALID_ARGUMENT, "a %s cannot be assigned to the variable",
                   dtype_name(c->in[1].dtype));
  }
  tensor_unref(&old);
  return finish_write(c, v);
}

// (clang-format never settles on such lists.)
// clang-format off
#define ADD_CASES(X)                                                                \
  X(DT_FLOAT, float)                                                                \
  X(DT_DOUBLE, double)                                                              \
  X(DT_INT32, int32_t)                                                              \
  X(DT_INT64, int64_t) X(DT_INT8, int8_t) X(DT_UINT8, uint8_t) X(DT_INT16, int16_t) \
      X(DT_UINT16, uint16_t) X(DT_UINT32, uint32_t) X(DT_UINT64, uint64_t)
// clang-format on

typedef enum change { CHANGE_ADD, CHANGE_SUB, CHANGE_SET } change_t;

// dst[to + i] (+ or -)= src[from + i]
static status_t add_elements(tensor_t *dst, int64_t to, const tensor_t *src, int64_t from,
                             int64_t n, change_t change) {
  bool sub = change == CHANGE_SUB;
  if (change == CHANGE_SET) return elements_copy(dst, to, src, from, n);
  switch (dst->dtype) {
#define ADD_CASE(DT, T)                                                          \
  case DT: {                                                                     \
    T *d = TENSOR_DATA(T, dst) + to;                                             \
    const T *s = TENSOR_DATA(T, src) + from;                                     \
    for (int64_t i = 0; i < n; i++) d[i] = (T)(sub ? d[i] - s[i] : d[i] + s[i]); \
    return NULL;                                                                 \
  }
    ADD_CASES(ADD_CASE)
    case DT_HALF:
    case DT_BFLOAT16:
      for (int64_t i = 0; i < n; i++) {
        double a = tensor_number_at(dst, to + i), b = tensor_number_at(src, from + i);
        tensor_set_number(dst, to + i, sub ? a - b : a + b);
      }
      return NULL;
    default: return FAIL(INVALID_ARGUMENT, "%s values cannot be added", dtype_name(dst->dtype));
  }
}

// Runs under the variable's lock: makes v->value a buffer of its own.
static status_t own_value(variable_t *v) {
  if (tensor_empty(&v->value))
    return FAIL(FAILED_PRECONDITION, "variable '%s' has no value yet", v->name);
  if (tensor_unique(&v->value) && is_ours(&v->value)) return NULL;
  tensor_t copy;
  TRY(tensor_copy(&v->value, &copy));
  tensor_unref(&v->value);
  v->value = copy;
  return NULL;
}

static status_t add_locked(variable_t *v, const tensor_t *x, change_t change) {
  TRY(own_value(v));
  if (v->value.dtype != x->dtype || !shape_equal(&v->value.shape, &x->shape))
    return FAIL(INVALID_ARGUMENT, "variable and value differ in dtype or shape");
  return add_elements(&v->value, 0, x, 0, tensor_elements(x), change);
}

static status_t add_to(op_ctx_t *c, change_t change) {
  variable_t *v = NULL;
  TRY(variable_at(c, 0, &v));
  pthread_mutex_lock(&v->lock);
  status_t st = add_locked(v, &c->in[1], change);
  pthread_mutex_unlock(&v->lock);
  if (st) return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
  return finish_write(c, v);
}
static status_t assign_add(op_ctx_t *c) { return add_to(c, CHANGE_ADD); }
static status_t assign_sub(op_ctx_t *c) { return add_to(c, CHANGE_SUB); }

// ---------------------------------------------------------------- rows

static status_t row_index(const tensor_t *indices, int64_t i, int64_t limit, int64_t *out) {
  TRY(tensor_int_at(indices, i, out));
  if (*out < 0 || *out >= limit)
    return FAIL(INVALID_ARGUMENT, "indices[%lld] = %lld is not in [0, %lld)", (long long)i,
                (long long)*out, (long long)limit);
  return NULL;
}

static status_t scatter_locked(variable_t *v, const tensor_t *indices, const tensor_t *x,
                               change_t change) {
  TRY(own_value(v));
  if (v->value.shape.rank < 1 || v->value.dtype != x->dtype)
    return FAIL(INVALID_ARGUMENT, "rows of the variable cannot be updated with these values");
  int64_t rows = v->value.shape.d[0], width = elements_per_row(&v->value);
  int64_t n = tensor_elements(indices), have = tensor_elements(x);
  bool scalar = have == 1 && x->shape.rank == 0;
  if (!scalar && have != n * width)
    return FAIL(INVALID_ARGUMENT, "%lld updates for %lld rows of %lld", (long long)have,
                (long long)n, (long long)width);
  for (int64_t i = 0; i < n; i++) {
    int64_t row;
    TRY(row_index(indices, i, rows, &row));
    if (!scalar) {
      TRY(add_elements(&v->value, row * width, x, i * width, width, change));
    } else {
      for (int64_t k = 0; k < width; k++)
        TRY(add_elements(&v->value, row * width + k, x, 0, 1, change));
    }
  }
  return NULL;
}

static status_t scatter(op_ctx_t *c, change_t change) {
  variable_t *v = NULL;
  TRY(variable_at(c, 0, &v));
  pthread_mutex_lock(&v->lock);
  status_t st = scatter_locked(v, &c->in[1], &c->in[2], change);
  pthread_mutex_unlock(&v->lock);
  return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
}
static status_t scatter_add(op_ctx_t *c) { return scatter(c, CHANGE_ADD); }
static status_t scatter_sub(op_ctx_t *c) { return scatter(c, CHANGE_SUB); }
static status_t scatter_update(op_ctx_t *c) { return scatter(c, CHANGE_SET); }

static int64_t product(const int64_t *d, int n) {
  int64_t p = 1;
  for (int i = 0; i < n; i++) p *= d[i];
  return p;
}

static bool gather_shape(const shape_t *params, const shape_t *indices, int batch, shape_t *out) {
  if (params->rank < batch + 1 || indices->rank < batch ||
      indices->rank + params->rank - batch - 1 > SHAPE_MAX_RANK)
    return false;
  *out = *indices;
  for (int i = batch + 1; i < params->rank; i++) out->d[out->rank++] = params->d[i];
  return true;
}

static status_t gather_rows(op_ctx_t *c, const tensor_t *p) {
  const tensor_t *indices = &c->in[1];
  int64_t batch_dims = node_int(c->node, "batch_dims", 0);
  if (batch_dims < 0) batch_dims += indices->shape.rank;
  shape_t s;
  if (batch_dims < 0 || batch_dims > SHAPE_MAX_RANK ||
      !gather_shape(&p->shape, &indices->shape, (int)batch_dims, &s))
    return FAIL(INVALID_ARGUMENT, "variable and indices do not fit batch_dims %lld",
                (long long)batch_dims);
  int b = (int)batch_dims;
  for (int i = 0; i < b; i++)
    if (p->shape.d[i] != indices->shape.d[i])
      return FAIL(INVALID_ARGUMENT, "batch dim %d of variable and indices differ", i);
  tensor_t *out;
  TRY(op_out_typed(c, 0, p->dtype, &s, &out));
  int64_t batches = product(p->shape.d, b), rows = p->shape.d[b];
  int64_t width = product(p->shape.d + b + 1, p->shape.rank - b - 1);
  int64_t n = product(indices->shape.d + b, indices->shape.rank - b);
  for (int64_t i = 0; i < batches; i++)
    for (int64_t k = 0; k < n; k++) {
      int64_t row;
      TRY(row_index(indices, i * n + k, rows, &row));
      TRY(elements_copy(out, (i * n + k) * width, p, (i * rows + row) * width, width));
    }
  return NULL;
}

static status_t gather_nd(op_ctx_t *c, const tensor_t *p) {
  const tensor_t *indices = &c->in[1];
  int r = indices->shape.rank;
  if (r < 1 || indices->shape.d[r - 1] > p->shape.rank)
    return FAIL(INVALID_ARGUMENT, "indices do not fit the variable's rank %d", p->shape.rank);
  int depth = (int)indices->shape.d[r - 1];
  if (r - 1 + p->shape.rank - depth > SHAPE_MAX_RANK)
    return FAIL(INVALID_ARGUMENT, "the result's rank is too large");
  shape_t s = shape_of(r - 1, indices->shape.d);
  for (int i = depth; i < p->shape.rank; i++) s.d[s.rank++] = p->shape.d[i];
  int64_t n = product(indices->shape.d, r - 1);
  int64_t width = product(p->shape.d + depth, p->shape.rank - depth);
  tensor_t *out;
  TRY(op_out_typed(c, 0, p->dtype, &s, &out));
  for (int64_t i = 0; i < n; i++) {
    int64_t at = 0;
    for (int k = 0; k < depth; k++) {
      int64_t v;
      TRY(row_index(indices, i * depth + k, p->shape.d[k], &v));
      at = at * p->shape.d[k] + v;
    }
    TRY(elements_copy(out, i * width, p, at * width, width));
  }
  return NULL;
}

static status_t with_value(op_ctx_t *c, status_t (*f)(op_ctx_t *, const tensor_t *)) {
  tensor_t p;
  TRY(value_of(c, 0, &p));
  status_t st = f(c, &p);
  tensor_unref(&p);
  return status_prefix(st, "%s '%s'", c->node->op, c->node->name);
}
static status_t resource_gather(op_ctx_t *c) { return with_value(c, gather_rows); }
static status_t resource_gather_nd(op_ctx_t *c) { return with_value(c, gather_nd); }

static void named_handle_destroy(object_t *o) {
  mem_free(((named_handle_t *)o)->name);
  mem_free(o);
}

const object_type_t named_handle_type = {"ResourceHandle", named_handle_destroy};

object_t *named_handle_create(const char *container, const char *name) {
  named_handle_t *h = mem_calloc(1, sizeof *h);
  h->base.type = &named_handle_type;
  atomic_init(&h->base.refs, 1);
  h->container = container;
  h->name = mem_strdup(name);
  return &h->base;
}

static status_t destroy_resource(op_ctx_t *c) {
  object_t *o = resource_input(c);
  const named_handle_t *h = o && o->type == &named_handle_type ? (const named_handle_t *)o : NULL;
  bool was = o && c->env &&
             (h ? c->env->resource_remove(c->env, h->container, h->name, NULL)
                : c->env->resource_remove(c->env, NULL, NULL, o));
  if (was || node_bool(c->node, "ignore_lookup_error", true)) return NULL;
  if (h) return OP_FAIL(c, NOT_FOUND, "Resource %s/%s does not exist.", h->container, h->name);
  return OP_FAIL(c, NOT_FOUND, "the resource does not exist");
}

// ---------------------------------------------------------------- shapes

static status_t infer_from_attr(infer_ctx_t *c) {
  shape_t s = node_shape(c->node, "shape");
  infer_out(c, 0, &s);
  return NULL;
}

// The variable that a handle comes from, when that is plain to see.
static shape_t variable_shape(const infer_ctx_t *c) {
  const node_t *n = c->node->n_in ? c->node->in[0].src : NULL;
  while (n && n->n_in && strcmp(n->op, "Identity") == 0) n = n->in[0].src;
  return n && strcmp(n->op, "VarHandleOp") == 0 ? node_shape(n, "shape") : SHAPE_UNKNOWN;
}

static status_t infer_read(infer_ctx_t *c) {
  shape_t s = variable_shape(c);
  if (s.rank < 0) s = node_shape(c->node, "_shape");
  infer_out(c, 0, &s);
  return NULL;
}

static status_t infer_resource_gather(infer_ctx_t *c) {
  shape_t p = variable_shape(c), s;
  int64_t batch = node_int(c->node, "batch_dims", 0);
  if (p.rank >= 0 && infer_in(c, 1)->rank >= 0 && batch >= 0 && batch < SHAPE_MAX_RANK &&
      gather_shape(&p, infer_in(c, 1), (int)batch, &s))
    infer_out(c, 0, &s);
  return NULL;
}

static status_t infer_rank(infer_ctx_t *c) {
  shape_t s = variable_shape(c);
  shape_t vector = SHAPE(s.rank);
  infer_out(c, 0, &vector);
  if (s.rank >= 0) infer_out_dims(c, 0, &s);
  return NULL;
}

#define VARIABLE_ATTRS "shape: shape; dtype: type; container: string = ''; shared_name: string = ''"
#define ROWS_SIG "resource: resource, indices: Tindices, updates: dtype ->"
#define ROWS_ATTRS "dtype: type; Tindices: type"

const op_def_t ops_variables[] = {
    {.name = "VarHandleOp",
     .sig = "-> resource: resource",
     .attrs = "container: string = ''; shared_name: string = ''; debug_name: string = ''; dtype: "
              "type; shape: shape; allowed_devices: list(string) = []",
     .infer = infer_scalar,
     .kernel = variable_handle,
     .flags = OP_STATEFUL},
    {.name = "ReadVariableOp",
     .sig = "resource: resource -> value: dtype",
     .attrs = "dtype: type",
     .infer = infer_read,
     .kernel = read_kernel,
     .flags = OP_STATEFUL},
    {.name = "AssignVariableOp",
     .sig = "resource: resource, value: dtype ->",
     .attrs = "dtype: type; validate_shape: bool = false",
     .kernel = assign,
     .flags = OP_STATEFUL},
    {.name = "AssignAddVariableOp",
     .sig = "resource: resource, value: dtype ->",
     .attrs = "dtype: type",
     .kernel = assign_add,
     .flags = OP_STATEFUL},
    {.name = "AssignSubVariableOp",
     .sig = "resource: resource, value: dtype ->",
     .attrs = "dtype: type",
     .kernel = assign_sub,
     .flags = OP_STATEFUL},
    {.name = "VarIsInitializedOp",
     .sig = "resource: resource -> is_initialized: bool",
     .attrs = "",
     .infer = infer_scalar,
     .kernel = is_initialized,
     .flags = OP_STATEFUL},
    {.name = "DisableCopyOnRead",
     .sig = "resource: resource ->",
     .attrs = "",
     .kernel = no_effect,
     .flags = OP_STATEFUL},
    {.name = "VariableShape",
     .sig = "input: resource -> output: out_type",
     .attrs = "out_type: type = int32",
     .infer = infer_rank,
     .kernel = shape_kernel,
     .flags = OP_STATEFUL},
    {.name = "ResourceGather",
     .sig = "resource: resource, indices: Tindices -> output: dtype",
     .attrs = "batch_dims: int = 0; validate_indices: bool = true; dtype: type; Tindices: type",
     .infer = infer_resource_gather,
     .kernel = resource_gather,
     .flags = OP_STATEFUL},
    {.name = "ResourceGatherNd",
     .sig = "resource: resource, indices: Tindices -> output: dtype",
     .attrs = ROWS_ATTRS,
     .kernel = resource_gather_nd,
     .flags = OP_STATEFUL},
    {.name = "ResourceScatterAdd",
     .sig = ROWS_SIG,
     .attrs = ROWS_ATTRS,
     .kernel = scatter_add,
     .flags = OP_STATEFUL},
    {.name = "ResourceScatterSub",
     .sig = ROWS_SIG,
     .attrs = ROWS_ATTRS,
     .kernel = scatter_sub,
     .flags = OP_STATEFUL},
    {.name = "ResourceScatterUpdate",
     .sig = ROWS_SIG,
     .attrs = ROWS_ATTRS,
     .kernel = scatter_update,
     .flags = OP_STATEFUL},
    {.name = "DestroyResourceOp",
     .sig = "resource: resource ->",
     .attrs = "ignore_lookup_error: bool = true",
     .kernel = destroy_resource,
     .flags = OP_STATEFUL},
    {.name = "VariableV2",
     .sig = "-> ref: dtype",
     .attrs = VARIABLE_ATTRS,
     .infer = infer_from_attr,
     .kernel = variable_handle,
     .flags = OP_STATEFUL},
    {.name = "Variable",
     .sig = "-> ref: dtype",
     .attrs = VARIABLE_ATTRS,
     .infer = infer_from_attr,
     .kernel = variable_handle,
     .flags = OP_STATEFUL},
    // Not stateful in TensorFlow's OpDef, yet never to be folded or merged.
    {.name = "Assign",
     .sig = "ref: T, value: T -> output_ref: T",
     .attrs = "T: type; validate_shape: bool = true; use_locking: bool = true",
     .infer = infer_same,
     .kernel = assign,
     .flags = OP_STATEFUL},
    {.name = "AssignAdd",
     .sig = "ref: T, value: T -> output_ref: T",
     .attrs = "T: type; use_locking: bool = false",
     .infer = infer_same,
     .kernel = assign_add,
     .flags = OP_STATEFUL},
    {.name = "AssignSub",
     .sig = "ref: T, value: T -> output_ref: T",
     .attrs = "T: type; use_locking: bool = false",
     .infer = infer_same,
     .kernel = assign_sub,
     .flags = OP_STATEFUL},
    {.name = "IsVariableInitialized",
     .sig = "ref: dtype -> is_initialized: bool",
     .attrs = "dtype: type",
     .infer = infer_scalar,
     .kernel = is_initialized,
     .flags = OP_STATEFUL},
    {0},
};
