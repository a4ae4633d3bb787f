#include "runtime/executor.h"

#include <pthread.h>

#include "test.h"

// ---------------------------------------------------------------- building graphs by hand

typedef struct world {
  arena_t *arena;
  library_t *library;
  graph_t *g;  // at work
  exec_services_t services;
} world_t;

static world_t world_create(void) {
  world_t w = {.arena = arena_create()};
  w.library = library_create(w.arena);
  w.g = graph_create(w.arena, w.library);
  w.services = (exec_services_t){.resources = resources_create(), .threads = 1};
  return w;
}

static void world_destroy(world_t *w) {
  graph_destroy(w->g);
  library_destroy(w->library);
  resources_destroy(w->services.resources);
  arena_destroy(w->arena);
}

static input_t at(node_t *n, int port) { return (input_t){n, port}; }

static tensor_t floats(shape_t s, const float *v) {
  tensor_t t;
  assert_ok(tensor_alloc(DT_FLOAT, &s, &t));
  memcpy(t.data, v, tensor_bytes(&t));
  return t;
}

static tensor_t number(dtype_t dtype, double v) {
  tensor_t t;
  assert_ok(tensor_alloc(dtype, &SHAPE_SCALAR, &t));
  tensor_set_number(&t, 0, v);
  return t;
}

static input_t constant(graph_t *g, dtype_t dtype, double v) {
  tensor_t t = number(dtype, v);
  node_t *n = graph_add_const(g, "const", &t);
  tensor_unref(&t);
  assert_ok(node_resolve(g, n));
  return at(n, 0);
}

static input_t arg(graph_t *g, dtype_t dtype) {
  node_t *n = graph_add_node(g, "_Arg", "arg");
  node_set_type(g, n, "T", dtype);
  node_set_outputs(g, n, 1);
  n->out_dtype[0] = dtype;
  node_t **more = arena_alloc(g->arena, (size_t)(g->n_args + 1) * sizeof *more);
  if (g->n_args) memcpy(more, g->args, (size_t)g->n_args * sizeof *more);
  more[g->n_args++] = n;
  g->args = more;
  return at(n, 0);
}

static void ret(graph_t *g, input_t r) {
  input_t *more = arena_alloc(g->arena, (size_t)(g->n_rets + 1) * sizeof *more);
  if (g->n_rets) memcpy(more, g->rets, (size_t)g->n_rets * sizeof *more);
  more[g->n_rets++] = r;
  g->rets = more;
}

static node_t *op_node(graph_t *g, const char *op, int n, const input_t *in) {
  node_t *v = graph_add_node(g, op, op);
  for (int i = 0; i < n; i++) node_add_input(g, v, in[i].src, in[i].port);
  return v;
}
#define OP(g, op, ...) \
  op_node(g, op, sizeof((input_t[]){__VA_ARGS__}) / sizeof(input_t), (input_t[]){__VA_ARGS__})

static input_t typed(graph_t *g, node_t *n, dtype_t t) {
  node_set_type(g, n, "T", t);
  assert_ok(node_resolve(g, n));
  return at(n, 0);
}
#define TYPED(g, t, op, ...) typed(g, OP(g, op, __VA_ARGS__), t)

static double run_number(executable_t *x, const tensor_t *in) {
  tensor_t out = {0};
  assert_ok(executable_run(x, in, &out));
  double v = tensor_number_at(&out, 0);
  tensor_unref(&out);
  return v;
}

// ---------------------------------------------------------------- static schedule

static void arguments_and_constants_are_left_alone(void **state) {
  (void)state;
  world_t w = world_create();
  input_t x = arg(w.g, DT_FLOAT), one = constant(w.g, DT_FLOAT, 1);
  input_t a = TYPED(w.g, DT_FLOAT, "Neg", x);         // may not write into the argument
  input_t b = TYPED(w.g, DT_FLOAT, "Neg", a);         // may write into a's buffer
  input_t c = TYPED(w.g, DT_FLOAT, "Mul", b, b);      // reads b twice
  input_t d = TYPED(w.g, DT_FLOAT, "AddV2", c, one);  // may not write into the constant
  ret(w.g, TYPED(w.g, DT_FLOAT, "AddV2", d, x));
  ret(w.g, x);
  ret(w.g, one);
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  const float v[] = {1, 2, 3};
  tensor_t in = floats(SHAPE(3), v), out[3];
  for (int round = 0; round < 3; round++) {
    assert_ok(executable_run(e, &in, out));
    for (int i = 0; i < 3; i++) {
      assert_float_equal(TENSOR_DATA(float, &out[0])[i], v[i] * v[i] + 1 + v[i], 0);
      assert_float_equal(TENSOR_DATA(float, &out[1])[i], v[i], 0);
    }
    assert_float_equal(TENSOR_DATA(float, &out[2])[0], 1, 0);
    for (int i = 0; i < 3; i++) tensor_unref(&out[i]);
  }
  tensor_unref(&in);
  executable_destroy(e);
  world_destroy(&w);
}

static void steady_runs_allocate_nothing(void **state) {
  (void)state;
  world_t w = world_create();
  input_t x = arg(w.g, DT_FLOAT), y = x;
  for (int i = 0; i < 20; i++) {
    input_t a = TYPED(w.g, DT_FLOAT, "Neg", y);
    y = TYPED(w.g, DT_FLOAT, "AddV2", a, x);
  }
  ret(w.g, y);
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  float v[1000] = {0};
  tensor_t in = floats(SHAPE(1000), v), out;
  int64_t warm = 0;
  for (int i = 0; i < 10; i++) {
    assert_ok(executable_run(e, &in, &out));
    tensor_unref(&out);
    if (i == 0) warm = executable_system_allocations(e);
  }
  assert_in_range(warm, 1, 3);  // 40 values in turn share very few buffers
  assert_int_equal(executable_system_allocations(e), warm);
  tensor_unref(&in);
  executable_destroy(e);
  world_destroy(&w);
}

static void missing_ops_are_listed_together(void **state) {
  (void)state;
  world_t w = world_create();
  input_t x = arg(w.g, DT_FLOAT);
  for (int i = 0; i < 3; i++) {
    node_t *n = OP(w.g, i < 2 ? "FancyOp" : "OtherOp", x);
    node_set_outputs(w.g, n, 1);
    x = at(n, 0);
  }
  ret(w.g, x);
  executable_t *e;
  assert_fails(executable_create(w.g, &w.services, &e), UNIMPLEMENTED, "FancyOp (2)");
  assert_fails(executable_create(w.g, &w.services, &e), UNIMPLEMENTED, "OtherOp (1)");
  world_destroy(&w);
}

static void errors_name_the_node(void **state) {
  (void)state;
  world_t w = world_create();
  input_t yes = arg(w.g, DT_BOOL), data = constant(w.g, DT_INT32, 42);
  node_t *n = OP(w.g, "Assert", yes, data);
  dtype_t t = DT_INT32;
  node_set_types(w.g, n, "T", &t, 1);
  assert_ok(node_resolve(w.g, n));
  graph_rename_node(w.g, n, "check_it");
  w.g->control_rets = &n;
  w.g->n_control_rets = 1;
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  tensor_t in = number(DT_BOOL, 1);
  assert_ok(executable_run(e, &in, NULL));
  tensor_set_number(&in, 0, 0);
  assert_fails(executable_run(e, &in, NULL), INVALID_ARGUMENT, "check_it");
  assert_fails(executable_run(e, &in, NULL), INVALID_ARGUMENT, "42");
  tensor_unref(&in);
  executable_destroy(e);
  world_destroy(&w);
}

// ---------------------------------------------------------------- functions

static graph_t *function(world_t *w, const char *name) {
  return library_add(w->library, name)->body;
}

// while i < n: i += 1; s += i; list[i - 1] = s     -> i, s, list stacked
static executable_t *summing_loop(world_t *w) {
  dtype_t t[] = {DT_INT32, DT_INT32, DT_FLOAT, DT_VARIANT};
  graph_t *cond = function(w, "cond"), *body = function(w, "body");
  input_t c[4], b[4];
  for (int i = 0; i < 4; i++) c[i] = arg(cond, t[i]), b[i] = arg(body, t[i]);
  ret(cond, TYPED(cond, DT_INT32, "Less", c[0], c[1]));
  input_t next = TYPED(body, DT_INT32, "AddV2", b[0], constant(body, DT_INT32, 1));
  node_t *cast = OP(body, "Cast", next);
  node_set_type(body, cast, "SrcT", DT_INT32);
  node_set_type(body, cast, "DstT", DT_FLOAT);
  assert_ok(node_resolve(body, cast));
  input_t sum = TYPED(body, DT_FLOAT, "AddV2", b[2], at(cast, 0));
  node_t *set = OP(body, "TensorListSetItem", b[3], b[0], sum);
  node_set_type(body, set, "element_dtype", DT_FLOAT);
  assert_ok(node_resolve(body, set));
  ret(body, next);
  ret(body, b[1]);
  ret(body, sum);
  ret(body, at(set, 0));

  graph_t *g = w->g;
  input_t n = arg(g, DT_INT32), shape = constant(g, DT_INT32, -1);
  node_t *list = OP(g, "TensorListReserve", shape, n);
  node_set_type(g, list, "element_dtype", DT_FLOAT);
  node_set_type(g, list, "shape_type", DT_INT32);
  assert_ok(node_resolve(g, list));
  node_t *loop =
      OP(g, "StatelessWhile", constant(g, DT_INT32, 0), n, constant(g, DT_FLOAT, 0), at(list, 0));
  node_set_types(g, loop, "T", t, 4);
  node_set_func(g, loop, "cond", "cond");
  node_set_func(g, loop, "body", "body");
  assert_ok(node_resolve(g, loop));
  node_t *stack = OP(g, "TensorListStack", at(loop, 3), shape);
  node_set_type(g, stack, "element_dtype", DT_FLOAT);
  assert_ok(node_resolve(g, stack));
  ret(g, at(loop, 2));
  ret(g, at(stack, 0));
  executable_t *e;
  assert_ok(executable_create(g, &w->services, &e));
  return e;
}

static float sum_to(int n) { return (float)(n * (n + 1)) / 2; }

static void check_sums(executable_t *e, int n) {
  tensor_t in = number(DT_INT32, n), out[2];
  assert_ok(executable_run(e, &in, out));
  assert_float_equal(TENSOR_DATA(float, &out[0])[0], sum_to(n), 0);
  assert_int_equal(out[1].shape.rank, 1);
  assert_int_equal(out[1].shape.d[0], n);
  for (int i = 0; i < n; i++) assert_float_equal(TENSOR_DATA(float, &out[1])[i], sum_to(i + 1), 0);
  tensor_unref(&in);
  for (int i = 0; i < 2; i++) tensor_unref(&out[i]);
}

static void while_threads_a_list_through_its_state(void **state) {
  (void)state;
  world_t w = world_create();
  executable_t *e = summing_loop(&w);
  check_sums(e, 10);
  check_sums(e, 1);
  int64_t warm = 0;
  for (int i = 0; i < 5; i++) {
    check_sums(e, 200);
    if (i == 0) warm = executable_system_allocations(e);
  }
  assert_int_equal(executable_system_allocations(e), warm);
  executable_destroy(e);
  world_destroy(&w);
}

static void *sums_again_and_again(void *e) {
  for (int i = 0; i < 200; i++) check_sums(e, 5 + i % 20);
  return NULL;
}

static void runs_go_on_side_by_side(void **state) {
  (void)state;
  world_t w = world_create();
  executable_t *e = summing_loop(&w);
  pthread_t t[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&t[i], NULL, sums_again_and_again, e), 0);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  executable_destroy(e);
  world_destroy(&w);
}

static void branches_are_chosen(void **state) {
  (void)state;
  world_t w = world_create();
  for (int i = 0; i < 2; i++) {
    graph_t *f = function(&w, i ? "double_it" : "negate");
    input_t x = arg(f, DT_FLOAT);
    ret(f, i ? TYPED(f, DT_FLOAT, "AddV2", x, x) : TYPED(f, DT_FLOAT, "Neg", x));
  }
  input_t c = arg(w.g, DT_BOOL), x = arg(w.g, DT_FLOAT);
  node_t *n = OP(w.g, "StatelessIf", c, x);
  dtype_t t = DT_FLOAT;
  node_set_type(w.g, n, "Tcond", DT_BOOL);
  node_set_types(w.g, n, "Tin", &t, 1);
  node_set_types(w.g, n, "Tout", &t, 1);
  node_set_func(w.g, n, "then_branch", "double_it");
  node_set_func(w.g, n, "else_branch", "negate");
  assert_ok(node_resolve(w.g, n));
  ret(w.g, at(n, 0));
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  tensor_t in[] = {number(DT_BOOL, 1), number(DT_FLOAT, 21)};
  assert_float_equal(run_number(e, in), 42, 0);
  tensor_set_number(&in[0], 0, 0);
  assert_float_equal(run_number(e, in), -21, 0);
  for (int i = 0; i < 2; i++) tensor_unref(&in[i]);
  executable_destroy(e);
  world_destroy(&w);
}

static void endless_recursion_is_an_error(void **state) {
  (void)state;
  world_t w = world_create();
  dtype_t t = DT_FLOAT;
  for (int i = 0; i < 2; i++) {
    graph_t *g = i ? w.g : function(&w, "f");
    node_t *n = OP(g, "PartitionedCall", arg(g, DT_FLOAT));
    node_set_types(g, n, "Tin", &t, 1);
    node_set_types(g, n, "Tout", &t, 1);
    node_set_func(g, n, "f", "f");
    assert_ok(node_resolve(g, n));
    ret(g, at(n, 0));
  }
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  tensor_t in = number(DT_FLOAT, 1), out;
  assert_fails(executable_run(e, &in, &out), RESOURCE_EXHAUSTED, "deep");
  tensor_unref(&in);
  executable_destroy(e);
  world_destroy(&w);
}

// ---------------------------------------------------------------- variables

static status_t three(void *self, const char *name, tensor_t *out) {
  (void)self;
  if (strcmp(name, "v") != 0) return FAIL(NOT_FOUND, "no '%s'", name);
  *out = number(DT_FLOAT, 3);
  return NULL;
}

static void variables_outlive_runs(void **state) {
  (void)state;
  world_t w = world_create();
  w.services.variable = three;
  node_t *handle = graph_add_node(w.g, "VarHandleOp", "handle");
  node_set_string(w.g, handle, "shared_name", "v", 1);
  node_set_type(w.g, handle, "dtype", DT_FLOAT);
  assert_ok(node_resolve(w.g, handle));
  node_t *add = OP(w.g, "AssignAddVariableOp", at(handle, 0), arg(w.g, DT_FLOAT));
  node_set_type(w.g, add, "dtype", DT_FLOAT);
  assert_ok(node_resolve(w.g, add));
  node_t *read = OP(w.g, "ReadVariableOp", at(handle, 0));
  node_set_type(w.g, read, "dtype", DT_FLOAT);
  node_add_control(w.g, read, add);
  assert_ok(node_resolve(w.g, read));
  ret(w.g, at(read, 0));
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  tensor_t in = number(DT_FLOAT, 10);
  assert_float_equal(run_number(e, &in), 13, 0);
  assert_float_equal(run_number(e, &in), 23, 0);
  tensor_unref(&in);
  executable_destroy(e);
  world_destroy(&w);
}

// A TF1 reference is read at the moment of its use: assigned before, the new value is seen.
static void references_are_read_when_used(void **state) {
  (void)state;
  world_t w = world_create();
  w.services.variable = three;
  node_t *v = graph_add_node(w.g, "VariableV2", "v");
  node_set_type(w.g, v, "dtype", DT_FLOAT);
  node_set_shape(w.g, v, "shape", &SHAPE_SCALAR);
  assert_ok(node_resolve(w.g, v));
  input_t x = arg(w.g, DT_FLOAT);
  node_t *before = TYPED(w.g, DT_FLOAT, "AddV2", at(v, 0), x).src;
  node_t *assign = TYPED(w.g, DT_FLOAT, "Assign", at(v, 0), at(before, 0)).src;
  node_t *after = TYPED(w.g, DT_FLOAT, "Neg", at(v, 0)).src;
  node_add_control(w.g, after, assign);
  ret(w.g, at(after, 0));
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  tensor_t in = number(DT_FLOAT, 10);
  assert_float_equal(run_number(e, &in), -13, 0);
  assert_float_equal(run_number(e, &in), -23, 0);
  tensor_unref(&in);
  executable_destroy(e);
  world_destroy(&w);
}

// ---------------------------------------------------------------- TF1 control flow

static node_t *enter(graph_t *g, input_t x, dtype_t t, const char *frame, bool invariant,
                     int parallel) {
  node_t *n = OP(g, "Enter", x);
  node_set_string(g, n, "frame_name", frame, strlen(frame));
  node_set_bool(g, n, "is_constant", invariant);
  node_set_int(g, n, "parallel_iterations", parallel);
  typed(g, n, t);
  return n;
}

// One loop: while x < limit: x += step; returns Exit. limit and step are loop invariants.
static input_t v1_loop(graph_t *g, input_t x, input_t limit, input_t step, const char *frame,
                       int parallel) {
  node_t *first = enter(g, x, DT_FLOAT, frame, false, parallel);
  node_t *most = enter(g, limit, DT_FLOAT, frame, true, parallel);
  node_t *by = enter(g, step, DT_FLOAT, frame, true, parallel);
  node_t *merge = OP(g, "Merge", at(first, 0), at(first, 0));  // input 1: the back edge, below
  node_set_int(g, merge, "N", 2);
  typed(g, merge, DT_FLOAT);
  input_t less = TYPED(g, DT_FLOAT, "Less", at(merge, 0), at(most, 0));
  node_t *test = OP(g, "LoopCond", less);
  assert_ok(node_resolve(g, test));
  node_t *sw = TYPED(g, DT_FLOAT, "Switch", at(merge, 0), at(test, 0)).src;
  input_t sum = TYPED(g, DT_FLOAT, "AddV2", at(sw, 1), at(by, 0));
  input_t next = TYPED(g, DT_FLOAT, "NextIteration", sum);
  node_set_input(merge, 1, next.src, 0);
  return TYPED(g, DT_FLOAT, "Exit", at(sw, 0));
}

static void v1_loops_run(void **state) {
  (void)state;
  for (int parallel = 1; parallel <= 10; parallel += 3) {
    world_t w = world_create();
    input_t x = arg(w.g, DT_FLOAT), step = constant(w.g, DT_FLOAT, 3);
    ret(w.g, v1_loop(w.g, x, constant(w.g, DT_FLOAT, 100), step, "loop", parallel));
    executable_t *e;
    assert_ok(executable_create(w.g, &w.services, &e));
    tensor_t in = number(DT_FLOAT, 0);
    assert_float_equal(run_number(e, &in), 102, 0);
    tensor_set_number(&in, 0, 500);  // not once
    assert_float_equal(run_number(e, &in), 500, 0);
    tensor_unref(&in);
    executable_destroy(e);
    world_destroy(&w);
  }
}

// if p: a loop, else: -x. The loop on the branch that is not taken is dead from Enter to Exit.
static void v1_branches_run(void **state) {
  (void)state;
  world_t w = world_create();
  graph_t *g = w.g;
  input_t p = arg(g, DT_BOOL), x = arg(g, DT_FLOAT);
  node_t *sw = TYPED(g, DT_FLOAT, "Switch", x, p).src;
  node_t *limit = TYPED(g, DT_FLOAT, "Switch", constant(g, DT_FLOAT, 10), p).src;
  node_t *step = TYPED(g, DT_FLOAT, "Switch", constant(g, DT_FLOAT, 4), p).src;
  input_t yes = v1_loop(g, at(sw, 1), at(limit, 1), at(step, 1), "inner", 10);
  input_t no = TYPED(g, DT_FLOAT, "Neg", at(sw, 0));
  node_t *merge = OP(g, "Merge", no, yes);
  node_set_int(g, merge, "N", 2);
  typed(g, merge, DT_FLOAT);
  ret(g, at(merge, 0));
  ret(g, at(merge, 1));
  executable_t *e;
  assert_ok(executable_create(g, &w.services, &e));
  tensor_t in[] = {number(DT_BOOL, 1), number(DT_FLOAT, 1)}, out[2];
  for (int taken = 0; taken < 2; taken++) {
    tensor_set_number(&in[0], 0, taken);
    assert_ok(executable_run(e, in, out));
    assert_float_equal(TENSOR_DATA(float, &out[0])[0], taken ? 13 : -1, 0);
    assert_int_equal(TENSOR_DATA(int32_t, &out[1])[0], taken);
    for (int i = 0; i < 2; i++) tensor_unref(&out[i]);
  }
  for (int i = 0; i < 2; i++) tensor_unref(&in[i]);
  executable_destroy(e);
  world_destroy(&w);
}

static void a_dead_result_is_an_error(void **state) {
  (void)state;
  world_t w = world_create();
  input_t p = arg(w.g, DT_BOOL), x = arg(w.g, DT_FLOAT);
  ret(w.g, at(TYPED(w.g, DT_FLOAT, "Switch", x, p).src, 1));
  executable_t *e;
  assert_ok(executable_create(w.g, &w.services, &e));
  tensor_t in[] = {number(DT_BOOL, 0), number(DT_FLOAT, 1)}, out;
  assert_fails(executable_run(e, in, &out), INVALID_ARGUMENT, "branch");
  for (int i = 0; i < 2; i++) tensor_unref(&in[i]);
  executable_destroy(e);
  world_destroy(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arguments_and_constants_are_left_alone),
      cmocka_unit_test(steady_runs_allocate_nothing),
      cmocka_unit_test(missing_ops_are_listed_together),
      cmocka_unit_test(errors_name_the_node),
      cmocka_unit_test(while_threads_a_list_through_its_state),
      cmocka_unit_test(runs_go_on_side_by_side),
      cmocka_unit_test(branches_are_chosen),
      cmocka_unit_test(endless_recursion_is_an_error),
      cmocka_unit_test(variables_outlive_runs),
      cmocka_unit_test(references_are_read_when_used),
      cmocka_unit_test(v1_loops_run),
      cmocka_unit_test(v1_branches_run),
      cmocka_unit_test(a_dead_result_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
