// One op, run by itself: a node with attributes and input tensors; its shape function and its
// kernel are run and the results compared with expected arrays.
//
//   op_case_t c = op_case("Sum");
//   CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
//   CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
//   node_set_bool(c.g, c.node, "keep_dims", true);
//   CASE_RUN(&c);
//   CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 1), 0, 6, 15);  // 0: the tolerance, |a-b| <= tol*(1+|b|)
//   op_case_end(&c);
//
// Type and number attributes (T, Tidx, N, Tin) follow from the inputs when they are not set.
// CASE_RUN also runs the shape function with all inputs known, with values unknown, and with
// unknown dims, and checks that what it says is true of the results.
#ifndef TFTRT_TESTS_OPS_OP_CASE_H
#define TFTRT_TESTS_OPS_OP_CASE_H

#include <stdio.h>

#include "ops/env.h"
#include "ops/op.h"
#include "ops/signature.h"
#include "test.h"

enum { CASE_MAX = 16 };

typedef struct op_case {
  arena_t *arena;
  graph_t *g;
  node_t *node;
  tensor_t in[CASE_MAX], out[CASE_MAX];
  int n_in, n_out;
  int threads;    // 2 unless set
  op_env_t *env;  // NULL unless set
} op_case_t;

static inline op_case_t op_case(const char *op) {
  op_case_t c = {.arena = arena_create(), .threads = 2};
  c.g = graph_create(c.arena, NULL);
  c.node = graph_add_node(c.g, op, "node");
  if (!c.node->def) fail_msg("no op '%s' in the table", op);
  return c;
}

static inline void op_case_end(op_case_t *c) {
  for (int i = 0; i < CASE_MAX; i++) {
    tensor_unref(&c->in[i]);
    tensor_unref(&c->out[i]);
  }
  graph_destroy(c->g);
  arena_destroy(c->arena);
}

// Takes the reference.
static inline void case_in_tensor(op_case_t *c, tensor_t t) {
  assert_true(c->n_in < CASE_MAX);
  c->in[c->n_in++] = t;
  char name[16];
  snprintf(name, sizeof name, "in%d", c->n_in);
  node_t *p = graph_add_node(c->g, "Placeholder", name);
  node_set_outputs(c->g, p, 1);
  p->out_dtype[0] = t.dtype;
  p->out_shape[0] = t.shape;
  node_add_input(c->g, c->node, p, 0);
}

static inline tensor_t case_tensor(dtype_t dtype, shape_t shape, const double *v, size_t n) {
  tensor_t t;
  assert_ok(tensor_alloc(dtype, &shape, &t));
  if (tensor_elements(&t) != (int64_t)n)
    fail_msg("%zu values for %lld elements", n, (long long)tensor_elements(&t));
  for (size_t i = 0; i < n; i++) {
    if (dtype == DT_COMPLEX64)
      ((float *)t.data)[2 * i] = (float)v[i], ((float *)t.data)[2 * i + 1] = 0;
    else
      tensor_set_number(&t, (int64_t)i, v[i]);
  }
  return t;
}

static inline void case_in_strings(op_case_t *c, shape_t shape, const char *const *v, size_t n) {
  tensor_t t;
  assert_ok(tensor_alloc(DT_STRING, &shape, &t));
  assert_int_equal(tensor_elements(&t), n);
  for (size_t i = 0; i < n; i++) assert_ok(str_set(TENSOR_DATA(str_t, &t) + i, v[i], strlen(v[i])));
  case_in_tensor(c, t);
}

#define CASE_VALUES_(...) \
  (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double)
#define CASE_STRINGS_(...) \
  (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define CASE_IN(c, dtype, shape, ...) \
  case_in_tensor(c, case_tensor(dtype, shape, CASE_VALUES_(__VA_ARGS__)))
#define CASE_IN_EMPTY(c, dtype, shape) case_in_tensor(c, case_tensor(dtype, shape, NULL, 0))
#define CASE_IN_STRINGS(c, shape, ...) case_in_strings(c, shape, CASE_STRINGS_(__VA_ARGS__))

// Sets the type, number and list attributes that follow from the inputs.
static inline void case_deduce_attrs(op_case_t *c) {
  const op_signature_t *s = op_signature(c->node->def);
  if (!s) fail_msg("%s: sig or attrs do not parse", c->node->op);
  int at = 0;
  for (int a = 0; a < s->n_in; a++) {
    const op_arg_t *arg = &s->in[a];
    int rest = s->n_in - a - 1, items = 1;
    if (arg->number_attr || arg->list_attr) items = c->n_in - at - rest;
    if (arg->number_attr && node_attr(c->node, arg->number_attr))
      items = (int)node_int(c->node, arg->number_attr, 0);
    else if (arg->number_attr)
      node_set_int(c->g, c->node, arg->number_attr, items);
    if (at + items > c->n_in) fail_msg("%s: too few inputs", c->node->op);
    if (arg->type_attr && !node_attr(c->node, arg->type_attr) && items)
      node_set_type(c->g, c->node, arg->type_attr, c->in[at].dtype);
    if (arg->list_attr && !node_attr(c->node, arg->list_attr)) {
      dtype_t types[CASE_MAX];
      for (int i = 0; i < items; i++) types[i] = c->in[at + i].dtype;
      node_set_types(c->g, c->node, arg->list_attr, types, items);
    }
    at += items;
  }
  if (at != c->n_in) fail_msg("%s: %d inputs given, %d expected", c->node->op, c->n_in, at);
}

typedef enum case_knows { KNOWS_VALUES, KNOWS_SHAPES, KNOWS_RANKS, KNOWS_NOTHING } case_knows_t;

static inline status_t case_infer(op_case_t *c, case_knows_t knows) {
  TRY(node_resolve(c->g, c->node));
  for (int i = 0; i < c->n_in; i++) {
    node_t *p = c->node->in[i].src;
    node_set_outputs(c->g, p, 1);
    p->out_dtype[0] = c->in[i].dtype;
    if (knows <= KNOWS_SHAPES)
      p->out_shape[0] = c->in[i].shape;
    else if (knows == KNOWS_RANKS)
      p->out_shape[0] = shape_unknown_dims(c->in[i].shape.rank);
    if (knows == KNOWS_VALUES) {
      p->out_value = arena_alloc(c->arena, sizeof(tensor_t));
      p->out_value[0] = tensor_ref(&c->in[i]);
    }
  }
  infer_ctx_t x = {c->g, c->node};
  return c->node->def->infer ? c->node->def->infer(&x) : NULL;
}

static inline status_t case_kernel(op_case_t *c) {
  if (!c->node->def->kernel) fail_msg("%s has no kernel", c->node->op);
  assert_true(c->node->n_out <= CASE_MAX);
  c->n_out = c->node->n_out;
  for (int i = 0; i < CASE_MAX; i++) tensor_unref(&c->out[i]);
  op_ctx_t x = {.node = c->node,
                .in = c->in,
                .n_in = c->n_in,
                .out = c->out,
                .n_out = c->n_out,
                .threads = c->threads,
                .env = c->env};
  return c->node->def->kernel(&x);
}

static inline void case_check_inferred(op_case_t *c, case_knows_t knows) {
  for (int i = 0; i < c->n_out; i++) {
    const tensor_t *t = &c->out[i];
    const shape_t *s = &c->node->out_shape[i];
    char a[128], b[128];
    if (t->dtype != c->node->out_dtype[i])
      fail_msg("%s: output %d is %s, declared %s", c->node->op, i, dtype_name(t->dtype),
               dtype_name(c->node->out_dtype[i]));
    if (!shape_compatible(s, &t->shape))
      fail_msg("%s: output %d has shape %s, inferred (level %d) %s", c->node->op, i,
               shape_format(&t->shape, a, sizeof a), (int)knows, shape_format(s, b, sizeof b));
    if (!c->node->out_dims || c->node->out_dims[i].rank < 0) continue;
    assert_int_equal(c->node->out_dims[i].rank, tensor_elements(t));
    for (int k = 0; k < c->node->out_dims[i].rank; k++) {
      int64_t v;
      assert_ok(tensor_int_at(t, k, &v));
      if (c->node->out_dims[i].d[k] >= 0) assert_int_equal(c->node->out_dims[i].d[k], v);
    }
  }
}

static inline void case_run(op_case_t *c, const char *file, int line) {
  case_deduce_attrs(c);
  status_t st = case_infer(c, KNOWS_VALUES);
  if (!st) st = case_kernel(c);
  if (st) fail_msg("%s: %s (%s:%d)", c->node->op, status_message(st), file, line);
  case_check_inferred(c, KNOWS_VALUES);
  for (case_knows_t k = KNOWS_SHAPES; k <= KNOWS_NOTHING; k++) {
    assert_ok(case_infer(c, k));
    case_check_inferred(c, k);
  }
  assert_ok(case_infer(c, KNOWS_VALUES));  // what the test may look at afterwards
}
#define CASE_RUN(c) case_run(c, __FILE__, __LINE__)

// The shape function or the kernel refuses, with this code and message part.
#define CASE_FAILS(c, CODE, part)                               \
  do {                                                          \
    case_deduce_attrs(c);                                       \
    status_t infer_ = case_infer(c, KNOWS_VALUES);              \
    assert_fails(infer_ ? infer_ : case_kernel(c), CODE, part); \
  } while (0)

static inline void case_check_shape(op_case_t *c, int i, dtype_t dtype, const shape_t *shape,
                                    const char *file, int line) {
  char a[128], b[128];
  if (i >= c->n_out || tensor_empty(&c->out[i])) fail_msg("no output %d (%s:%d)", i, file, line);
  if (c->out[i].dtype != dtype || !shape_equal(&c->out[i].shape, shape))
    fail_msg("output %d is %s %s, expected %s %s (%s:%d)", i, dtype_name(c->out[i].dtype),
             shape_format(&c->out[i].shape, a, sizeof a), dtype_name(dtype),
             shape_format(shape, b, sizeof b), file, line);
}

static inline void case_check(op_case_t *c, int i, dtype_t dtype, shape_t shape, double tol,
                              const double *v, size_t n, const char *file, int line) {
  case_check_shape(c, i, dtype, &shape, file, line);
  assert_int_equal(n, tensor_elements(&c->out[i]));
  for (size_t k = 0; k < n; k++) {
    double got = dtype == DT_COMPLEX64 ? (double)((float *)c->out[i].data)[2 * k]
                                       : tensor_number_at(&c->out[i], (int64_t)k);
    bool same =
        got == v[k] || (isnan(got) && isnan(v[k])) || fabs(got - v[k]) <= tol * (1 + fabs(v[k]));
    if (!same)
      fail_msg("%s: output %d element %zu is %.9g, expected %.9g (%s:%d)", c->node->op, i, k, got,
               v[k], file, line);
  }
}

static inline void case_check_strings(op_case_t *c, int i, shape_t shape, const char *const *v,
                                      size_t n, const char *file, int line) {
  case_check_shape(c, i, DT_STRING, &shape, file, line);
  assert_int_equal(n, tensor_elements(&c->out[i]));
  for (size_t k = 0; k < n; k++) {
    const str_t *s = TENSOR_DATA(str_t, &c->out[i]) + k;
    if (s->n != strlen(v[k]) || (s->n && memcmp(s->p, v[k], s->n) != 0))
      fail_msg("output %d element %zu is '%.*s', expected '%s' (%s:%d)", i, k, (int)s->n, s->p,
               v[k], file, line);
  }
}

#define CASE_OUT(c, i, dtype, shape, tol, ...) \
  case_check(c, i, dtype, shape, tol, CASE_VALUES_(__VA_ARGS__), __FILE__, __LINE__)
#define CASE_OUT_EMPTY(c, i, dtype, shape) \
  case_check(c, i, dtype, shape, 0, NULL, 0, __FILE__, __LINE__)
#define CASE_OUT_STRINGS(c, i, shape, ...) \
  case_check_strings(c, i, shape, CASE_STRINGS_(__VA_ARGS__), __FILE__, __LINE__)

#endif
