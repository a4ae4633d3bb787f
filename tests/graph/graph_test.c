#include "graph/graph.h"

#include "test.h"

typedef struct fixture {
  arena_t *arena;
  graph_t *g;
} fixture_t;

static int setup(void **state) {
  fixture_t *f = mem_calloc(1, sizeof *f);
  f->arena = arena_create();
  f->g = graph_create(f->arena, NULL);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture_t *f = *state;
  graph_destroy(f->g);
  arena_destroy(f->arena);
  mem_free(f);
  return 0;
}

static void names_are_unique(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  assert_string_equal(graph_add_node(g, "NoOp", "a")->name, "a");
  node_t *b = graph_add_node(g, "NoOp", "a");
  assert_string_equal(b->name, "a_1");
  assert_ptr_equal(graph_find(g, "a_1"), b);
  graph_remove_node(g, b);
  assert_null(graph_find(g, "a_1"));
  graph_compact(g);
  assert_int_equal(g->n_nodes, 1);
}

static void edges_and_redirect(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  node_t *a = graph_add_node(g, "A", "a"), *b = graph_add_node(g, "B", "b");
  node_t *c = graph_add_node(g, "C", "c");
  node_add_input(g, c, a, 1);
  node_insert_input(g, c, 0, b, 0);
  node_add_control(g, c, a);
  node_add_control(g, c, a);
  assert_int_equal(c->n_in, 2);
  assert_int_equal(c->n_control, 1);
  assert_ptr_equal(c->in[0].src, b);
  readers_t r = graph_readers(g);
  assert_int_equal(r.begin[a->id + 1] - r.begin[a->id], 2);
  assert_int_equal(r.list[r.begin[a->id]].input, 1);
  assert_int_equal(r.list[r.begin[a->id] + 1].input, -1);
  assert_int_equal(r.begin[b->id + 1] - r.begin[b->id], 1);
  assert_int_equal(r.begin[c->id + 1] - r.begin[c->id], 0);
  readers_free(&r);
  input_t ret = {a, 1};
  g->rets = &ret;
  g->n_rets = 1;
  graph_redirect(g, a, 1, b, 3);
  assert_ptr_equal(c->in[1].src, b);
  assert_int_equal(c->in[1].port, 3);
  assert_ptr_equal(g->rets[0].src, b);
  graph_redirect_control(g, a, NULL);
  assert_int_equal(c->n_control, 0);
  node_remove_input(c, 0);
  assert_int_equal(c->n_in, 1);
  assert_int_equal(c->in[0].port, 3);
  g->n_rets = 0;
}

static void order_and_cycles(void **state) {
  graph_t *g = ((fixture_t *)*state)->g;
  node_t *merge = graph_add_node(g, "Merge", "merge"), *body = graph_add_node(g, "X", "body");
  node_t *next = graph_add_node(g, "NextIteration", "next");
  node_t *enter = graph_add_node(g, "Enter", "enter");
  node_add_input(g, merge, enter, 0);
  node_add_input(g, merge, next, 0);
  node_add_input(g, body, merge, 0);
  node_add_input(g, next, body, 0);
  node_t **order;
  assert_ok(graph_topological_order(g, &order));
  assert_ptr_equal(order[0], enter);
  assert_ptr_equal(order[1], merge);
  assert_ptr_equal(order[2], body);
  assert_ptr_equal(order[3], next);
  mem_free(order);
  node_add_control(g, enter, body);
  assert_fails(graph_topological_order(g, &order), INVALID_ARGUMENT, "cycle through node");
}

static void attributes(void **state) {
  fixture_t *f = *state;
  node_t *n = graph_add_node(f->g, "X", "x");
  node_set_int(f->g, n, "i", 7);
  node_set_int(f->g, n, "i", 8);
  node_set_string(f->g, n, "s", "text", 4);
  node_set_ints(f->g, n, "list", (int64_t[]){1, 2, 3}, 3);
  node_set_types(f->g, n, "types", (dtype_t[]){DT_HALF}, 1);
  assert_int_equal(node_int(n, "i", 0), 8);
  assert_int_equal(node_int(n, "none", -5), -5);
  assert_true(node_string_is(n, "s", "text"));
  assert_string_equal(node_string(n, "i"), "");  // another kind
  const int64_t *v;
  const dtype_t *t;
  assert_int_equal(node_ints(n, "list", &v), 3);
  assert_int_equal(v[2], 3);
  assert_int_equal(node_types(n, "types", &t), 1);
  assert_int_equal(t[0], DT_HALF);
  assert_int_equal(node_types(n, "list", &t), 0);
  node_remove_attr(n, "i");
  assert_null(node_attr(n, "i"));
}

static void clones_share_tensors(void **state) {
  fixture_t *f = *state;
  tensor_t t;
  assert_ok(tensor_from_ints(DT_INT32, &(shape_t){1, {2}}, (int64_t[]){4, 5}, &t));
  node_t *c = graph_add_const(f->g, "c", &t);
  node_t *n = graph_add_node(f->g, "Identity", "n");
  node_add_input(f->g, n, c, 0);
  tensor_unref(&t);
  graph_t *copy = graph_clone(f->g, f->arena);
  node_set_int(copy, copy->nodes[1], "only_here", 1);
  assert_null(node_attr(n, "only_here"));
  node_remove_attr(c, "value");
  assert_null(input_value(&n->in[0]));
  const tensor_t *v = input_value(&(input_t){graph_find(copy, "n"), 0});
  assert_non_null(v);
  assert_int_equal(TENSOR_DATA(int32_t, v)[1], 5);
  graph_destroy(copy);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(names_are_unique), TEST(edges_and_redirect),   TEST(order_and_cycles),
      TEST(attributes),       TEST(clones_share_tensors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
