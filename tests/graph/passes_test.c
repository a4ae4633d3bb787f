// Passes over small graphs made by hand. What they do to real models is compared with TensorFlow's
// own in tf_trt_graph_test.c and by running the corpus.
#include "graph/passes.h"

#include <stdio.h>

#include "test.h"

typedef struct fixture {
  arena_t *arena;
  library_t *library;
  graph_t *g;
} fixture_t;

static int setup(void **state) {
  fixture_t *f = mem_calloc(1, sizeof *f);
  f->arena = arena_create();
  f->library = library_create(f->arena);
  f->g = graph_create(f->arena, f->library);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture_t *f = *state;
  graph_destroy(f->g);
  library_destroy(f->library);
  arena_destroy(f->arena);
  mem_free(f);
  return 0;
}

static node_t *add(graph_t *g, const char *op, const char *name, dtype_t dtype, node_t *a,
                   node_t *b) {
  node_t *n = graph_add_node(g, op, name);
  node_set_type(g, n, "T", dtype);
  node_set_types(g, n, "Tin", &dtype, 1);
  node_set_types(g, n, "Tout", &dtype, 1);
  if (a) node_add_input(g, n, a, 0);
  if (b) node_add_input(g, n, b, 0);
  assert_ok(node_resolve(g, n));
  if (n->n_out < 0) node_set_outputs(g, n, 1);
  if (n->n_out > 0 && !n->out_dtype[0]) n->out_dtype[0] = dtype;
  return n;
}

static node_t *ints(graph_t *g, const char *name, int n, const int64_t *v) {
  tensor_t t;
  shape_t s = {.rank = 1, .d = {n}};
  assert_ok(tensor_from_ints(DT_INT32, &s, v, &t));
  node_t *c = graph_add_const(g, name, &t);
  tensor_unref(&t);
  return c;
}

static node_t *placeholder(graph_t *g, const char *name, shape_t shape) {
  node_t *n = graph_add_node(g, "Placeholder", name);
  node_set_type(g, n, "dtype", DT_FLOAT);
  node_set_shape(g, n, "shape", &shape);
  assert_ok(node_resolve(g, n));
  return n;
}

static void set_args(graph_t *g, node_t *arg) {
  g->args = arena_alloc(g->arena, sizeof *g->args);
  g->args[0] = arg;
  g->n_args = 1;
}

static void set_ret(graph_t *g, node_t *ret) {
  g->rets = arena_alloc(g->arena, sizeof *g->rets);
  g->rets[0] = (input_t){ret, 0};
  g->n_rets = 1;
}

// f(x) = relu(x); effects: a stateful node that f's callers must run.
static void make_function(fixture_t *f, const char *name, const char *inner_call) {
  function_t *fn = library_add(f->library, name);
  fn->n_args = fn->n_rets = 1;
  fn->args = arena_alloc(f->arena, sizeof *fn->args);
  fn->rets = arena_alloc(f->arena, sizeof *fn->rets);
  fn->args[0] = (arg_def_t){"x", DT_FLOAT};
  fn->rets[0] = (arg_def_t){"y", DT_FLOAT};
  graph_t *g = fn->body;
  node_t *arg = graph_add_node(g, "_Arg", "x");
  node_set_type(g, arg, "T", DT_FLOAT);
  node_set_int(g, arg, "index", 0);
  node_set_outputs(g, arg, 1);
  arg->out_dtype[0] = DT_FLOAT;
  set_args(g, arg);
  node_t *n = add(g, inner_call ? "PartitionedCall" : "Relu", inner_call ? "call" : "relu",
                  DT_FLOAT, arg, NULL);
  if (inner_call) {
    node_set_func(g, n, "f", inner_call);
    node_set_outputs(g, n, 1);
  }
  node_t *effect = graph_add_node(g, "Effect", "effect");
  node_set_outputs(g, effect, 0);
  g->control_rets = arena_alloc(g->arena, sizeof *g->control_rets);
  g->control_rets[0] = effect;
  g->n_control_rets = 1;
  set_ret(g, n);
}

static void nested_calls_are_inlined(void **state) {
  fixture_t *f = *state;
  graph_t *g = f->g;
  make_function(f, "inner", NULL);
  make_function(f, "outer", "inner");
  node_t *x = placeholder(g, "x", SHAPE(2));
  node_t *call = add(g, "outer", "a", DT_FLOAT, x, NULL);
  node_set_outputs(g, call, 1);
  node_t *before = graph_add_node(g, "Before", "before");
  node_set_outputs(g, before, 0);
  node_add_control(g, call, before);
  node_t *out = add(g, "Identity", "out", DT_FLOAT, call, NULL);
  node_t *after = graph_add_node(g, "After", "after");
  node_set_outputs(g, after, 0);
  node_add_control(g, after, call);
  node_add_control(g, out, after);
  set_args(g, x);
  set_ret(g, out);
  assert_ok(graph_inline_calls(g));
  node_t *relu = graph_find(g, "a/call/relu");
  assert_non_null(relu);
  assert_null(graph_find(g, "a"));
  assert_null(graph_find(g, "a/call"));
  assert_ptr_equal(out->in[0].src, relu);
  assert_ptr_equal(relu->in[0].src, x);
  node_t *effect = graph_find(g, "a/effect");
  assert_non_null(effect);
  assert_non_null(graph_find(g, "a/call/effect"));
  assert_int_equal(g->n_control_rets, 2);
  assert_int_equal(after->n_control, 1);
  assert_ptr_equal(after->control[0], effect);
  assert_int_equal(effect->n_control, 1);
  assert_ptr_equal(effect->control[0], before);
}

// A node that reads nothing runs where the call did: in a loop, though the call waits for nothing.
static void constants_of_calls_in_loops_are_in_the_loops(void **state) {
  fixture_t *f = *state;
  graph_t *g = f->g;
  make_function(f, "inner", NULL);
  graph_t *body = library_find(f->library, "inner")->body;
  const int64_t one = 1;
  node_t *c = ints(body, "one", 1, &one);
  node_t *sum = add(body, "AddV2", "sum", DT_FLOAT, body->args[0], c);
  body->rets[0].src = sum;
  node_t *x = placeholder(g, "x", SHAPE(2));
  node_t *enter = add(g, "Enter", "enter", DT_FLOAT, x, NULL);
  node_t *inside = add(g, "inner", "inside", DT_FLOAT, enter, NULL);
  node_t *exit = add(g, "Exit", "exit", DT_FLOAT, inside, NULL);
  node_t *outside = add(g, "inner", "outside", DT_FLOAT, exit, NULL);
  set_args(g, x);
  set_ret(g, outside);
  assert_ok(graph_inline_calls(g));
  const node_t *in_loop = graph_find(g, "inside/one"), *out_of_loop = graph_find(g, "outside/one");
  assert_non_null(in_loop);
  assert_int_equal(in_loop->n_control, 1);
  assert_string_equal(in_loop->control[0]->op, "Identity");
  assert_ptr_equal(in_loop->control[0]->in[0].src, enter);
  assert_non_null(out_of_loop);
  assert_int_equal(out_of_loop->n_control, 0);
}

static void recursion_is_left(void **state) {
  fixture_t *f = *state;
  make_function(f, "loop", "loop");
  node_t *x = placeholder(f->g, "x", SHAPE(2));
  node_t *call = add(f->g, "loop", "a", DT_FLOAT, x, NULL);
  node_set_outputs(f->g, call, 1);
  set_args(f->g, x);
  set_ret(f->g, call);
  assert_ok(graph_inline_calls(f->g));
  node_t *left = graph_find(f->g, "a/call");
  assert_non_null(left);
  assert_string_equal(left->op, "PartitionedCall");
}

static status_t read_seven(void *self, const char *key, tensor_t *out) {
  (void)self;
  if (strcmp(key, "v") != 0) return FAIL(NOT_FOUND, "no '%s'", key);
  TRY(tensor_alloc(DT_FLOAT, &SHAPE_SCALAR, out));
  *(float *)out->data = 7;
  return NULL;
}

static node_t *variable(graph_t *g, const char *node, const char *shared) {
  node_t *v = graph_add_node(g, "VarHandleOp", node);
  node_set_string(g, v, "shared_name", shared, strlen(shared));
  node_set_type(g, v, "dtype", DT_FLOAT);
  shape_t scalar = SHAPE_SCALAR;
  node_set_shape(g, v, "shape", &scalar);
  assert_ok(node_resolve(g, v));
  return v;
}

static node_t *read_variable(graph_t *g, const char *name, node_t *v) {
  node_t *n = graph_add_node(g, "ReadVariableOp", name);
  node_set_type(g, n, "dtype", DT_FLOAT);
  node_add_input(g, n, v, 0);
  assert_ok(node_resolve(g, n));
  return n;
}

static void read_only_variables_are_frozen(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  variable_source_t source = {read_seven, NULL};
  node_t *read = read_variable(g, "read", variable(g, "var", "v"));
  node_t *lost = read_variable(g, "lost", variable(g, "var2", "none"));
  assert_ok(graph_freeze(g, &source));
  assert_string_equal(graph_find(g, "var")->op, "Const");
  assert_string_equal(read->op, "Identity");
  assert_float_equal(*(float *)input_value(&(input_t){read, 0})->data, 7, 0);
  assert_string_equal(lost->op, "ReadVariableOp");
}

static void assigned_variables_stay(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  variable_source_t source = {read_seven, NULL};
  node_t *read = read_variable(g, "read", variable(g, "var", "v"));
  // The same variable under another handle.
  node_t *assign = graph_add_node(g, "AssignAddVariableOp", "assign");
  node_add_input(g, assign, variable(g, "var_again", "v"), 0);
  node_add_input(g, assign, read, 0);
  node_set_outputs(g, assign, 0);
  assert_ok(graph_freeze(g, &source));
  assert_string_equal(read->op, "ReadVariableOp");
  assert_string_equal(graph_find(g, "var")->op, "VarHandleOp");
}

static void equal_nodes_become_one(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  node_t *x = placeholder(g, "x", SHAPE(2, 3));
  node_t *p = ints(g, "p", 2, (int64_t[]){1, 0}), *q = ints(g, "q", 2, (int64_t[]){1, 0});
  node_t *a = add(g, "Transpose", "a", DT_FLOAT, x, p),
         *b = add(g, "Transpose", "b", DT_FLOAT, x, q);
  node_t *sum = add(g, "Add", "sum", DT_FLOAT, a, b);
  set_args(g, x);
  set_ret(g, sum);
  assert_ok(graph_eliminate_common(g));
  assert_ptr_equal(sum->in[0].src, a);
  assert_ptr_equal(sum->in[1].src, a);
}

static void nothing_doers_go(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  node_t *x = placeholder(g, "x", SHAPE(-1, 3));
  node_t *i = add(g, "Identity", "i", DT_FLOAT, x, NULL);
  node_t *t = add(g, "Transpose", "t", DT_FLOAT, i, ints(g, "p", 2, (int64_t[]){1, 0}));
  node_t *u = add(g, "Transpose", "u", DT_FLOAT, t, ints(g, "q", 2, (int64_t[]){1, 0}));
  node_t *r = add(g, "Relu", "r", DT_FLOAT, u, NULL);
  node_t *out = add(g, "Identity", "out", DT_FLOAT, r, NULL);
  set_args(g, x);
  set_ret(g, out);
  assert_ok(graph_simplify(g));
  assert_ptr_equal(graph_find(g, "r")->in[0].src, x);
  assert_int_equal(g->n_nodes, 3);
  assert_ptr_equal(g->rets[0].src, out);
}

static void shapes_meet_in_loops(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  node_t *x = placeholder(g, "x", SHAPE(2, 3));
  node_t *enter = add(g, "Enter", "enter", DT_FLOAT, x, NULL);
  node_t *merge = graph_add_node(g, "Merge", "merge");
  node_set_type(g, merge, "T", DT_FLOAT);
  node_set_int(g, merge, "N", 2);
  node_add_input(g, merge, enter, 0);
  assert_ok(node_resolve(g, merge));
  // Grows along its first axis in every round.
  node_t *pair = graph_add_node(g, "ConcatV2", "pair");
  node_set_type(g, pair, "T", DT_FLOAT);
  node_set_type(g, pair, "Tidx", DT_INT32);
  node_set_int(g, pair, "N", 2);
  tensor_t zero;
  assert_ok(tensor_from_ints(DT_INT32, &(shape_t){0}, (int64_t[]){0}, &zero));
  node_add_input(g, pair, merge, 0);
  node_add_input(g, pair, merge, 0);
  node_add_input(g, pair, graph_add_const(g, "axis", &zero), 0);
  tensor_unref(&zero);
  assert_ok(node_resolve(g, pair));
  node_t *next = add(g, "NextIteration", "next", DT_FLOAT, pair, NULL);
  node_add_input(g, merge, next, 0);
  assert_ok(graph_infer_shapes(g));
  assert_int_equal(merge->out_shape[0].rank, 2);
  assert_true(merge->out_shape[0].d[0] < 0);
  assert_int_equal(merge->out_shape[0].d[1], 3);
}

static void known_arithmetic_is_folded(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  node_t *x = placeholder(g, "x", SHAPE(4, 5));
  node_t *shape = add(g, "Shape", "shape", DT_FLOAT, x, NULL);
  node_t *both = graph_add_node(g, "ConcatV2", "both");
  node_set_type(g, both, "T", DT_INT32);
  node_set_type(g, both, "Tidx", DT_INT32);
  node_set_int(g, both, "N", 2);
  tensor_t zero;
  assert_ok(tensor_from_ints(DT_INT32, &(shape_t){0}, (int64_t[]){0}, &zero));
  node_add_input(g, both, shape, 0);
  node_add_input(g, both, ints(g, "more", 1, (int64_t[]){7}), 0);
  node_add_input(g, both, graph_add_const(g, "axis", &zero), 0);
  tensor_unref(&zero);
  assert_ok(node_resolve(g, both));
  set_args(g, x);
  set_ret(g, both);
  assert_ok(graph_simplify(g));
  const tensor_t *v = input_value(&g->rets[0]);
  assert_non_null(v);
  assert_int_equal(tensor_elements(v), 3);
  assert_int_equal(TENSOR_DATA(int32_t, v)[1], 5);
  assert_int_equal(TENSOR_DATA(int32_t, v)[2], 7);
  assert_string_equal(g->rets[0].src->name, "both");
  assert_string_equal(g->rets[0].src->op, "Const");
}

// Each calls the next twice, and the last is called from here, too: with other shapes.
static void nested_functions_are_inferred_once(void **state) {
  enum { DEPTH = 40 };
  fixture_t *f = *state;
  graph_t *g = f->g;
  make_function(f, "0", NULL);
  for (int i = 1; i < DEPTH; i++) {
    char name[16], inner[16];
    snprintf(name, sizeof name, "%d", i);
    snprintf(inner, sizeof inner, "%d", i - 1);
    make_function(f, name, inner);
    graph_t *body = library_find(f->library, name)->body;
    node_t *again = add(body, "PartitionedCall", "again", DT_FLOAT, body->rets[0].src, NULL);
    node_set_func(body, again, "f", inner);
    node_set_outputs(body, again, 1);
    again->out_dtype[0] = DT_FLOAT;
    body->rets[0].src = again;
  }
  add(g, "39", "deep", DT_FLOAT, placeholder(g, "x", SHAPE(2, 5)), NULL);
  add(g, "0", "direct", DT_FLOAT, placeholder(g, "y", SHAPE(3, 5)), NULL);
  assert_ok(graph_infer_shapes(g));
  const shape_t *shape = &library_find(f->library, "0")->body->args[0]->out_shape[0];
  assert_true(shape->rank < 0 || shape->d[0] < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(nested_calls_are_inlined),
      TEST(recursion_is_left),
      TEST(constants_of_calls_in_loops_are_in_the_loops),
      TEST(read_only_variables_are_frozen),
      TEST(assigned_variables_stay),
      TEST(equal_nodes_become_one),
      TEST(nothing_doers_go),
      TEST(shapes_meet_in_loops),
      TEST(known_arithmetic_is_folded),
      TEST(nested_functions_are_inferred_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
