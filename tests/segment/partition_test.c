// Examples of TF-TRT's own tests (tensorflow/compiler/tf2tensorrt/segment) as its behaviour is
// specified: which nodes end up together, and that no group makes a cycle.
#include "segment/partition.h"

#include "test.h"

typedef struct sketch {
  arena_t *arena;
  graph_t *g;
  bool ok[32];
  batch_info_t batch[32];
  int group[32];
} sketch_t;

static void begin(sketch_t *s) {
  *s = (sketch_t){0};
  s->arena = arena_create();
  s->g = graph_create(s->arena, NULL);
}

static node_t *add(sketch_t *s, const char *name, bool candidate, node_t *a, node_t *b) {
  node_t *n = graph_add_node(s->g, "Test", name);
  node_set_outputs(s->g, n, 1);
  if (a) node_add_input(s->g, n, a, 0);
  if (b) node_add_input(s->g, n, b, 0);
  s->ok[n->id] = candidate;
  return n;
}

static void end(sketch_t *s) {
  graph_destroy(s->g);
  arena_destroy(s->arena);
}

static void run(sketch_t *s, bool with_batch) {
  partition_input_t in = {.graph = s->g, .candidate = s->ok, .batch = with_batch ? s->batch : NULL};
  partition_graph(&in, s->group);
}

#define same(s, a, b) assert_int_equal((s)->group[(a)->id], (s)->group[(b)->id])
#define differ(s, a, b) assert_int_not_equal((s)->group[(a)->id], (s)->group[(b)->id])

static void joins_a_chain_and_its_branches(void **state) {
  (void)state;
  sketch_t s;
  begin(&s);
  node_t *feed = add(&s, "feed", false, NULL, NULL);
  node_t *a = add(&s, "add0", true, feed, feed), *b = add(&s, "add1", true, feed, feed);
  node_t *c = add(&s, "add2", true, a, b), *d = add(&s, "add3", true, a, c);
  node_t *e = add(&s, "add4", true, c, d);
  run(&s, false);
  same(&s, a, c), same(&s, c, d), same(&s, d, e), same(&s, b, c);
  assert_int_equal(s.group[feed->id], -1);
  end(&s);
}

// A -> B -> D and A -> C -> D with C refused: joining A, B and D would put C into a cycle.
static void never_makes_a_cycle(void **state) {
  (void)state;
  sketch_t s;
  begin(&s);
  node_t *feed = add(&s, "feed", false, NULL, NULL);
  node_t *a = add(&s, "a", true, feed, NULL), *b = add(&s, "b", true, a, NULL);
  node_t *c = add(&s, "c", false, a, NULL), *d = add(&s, "d", true, b, c);
  run(&s, false);
  same(&s, b, d), differ(&s, a, b);  // grown from the outputs: B and D join, A is left
  end(&s);
}

static void control_edges_block_but_do_not_join(void **state) {
  (void)state;
  sketch_t s;
  begin(&s);
  node_t *feed = add(&s, "feed", false, NULL, NULL);
  node_t *a = add(&s, "a", true, feed, NULL);
  node_t *x = add(&s, "x", false, a, NULL);
  node_t *b = add(&s, "b", true, a, NULL);
  node_add_control(s.g, b, x);  // a -> x -^> b: joining a and b would be a cycle
  node_t *c = add(&s, "c", true, feed, NULL);
  node_add_control(s.g, c, b);
  run(&s, false);
  differ(&s, a, b), differ(&s, b, c);
  end(&s);
}

static void batch_sizes_keep_nodes_apart(void **state) {
  (void)state;
  sketch_t s;
  begin(&s);
  node_t *feed = add(&s, "feed", false, NULL, NULL);
  node_t *constant = add(&s, "const", true, NULL, NULL);
  node_t *a = add(&s, "a", true, feed, constant), *b = add(&s, "b", true, a, NULL);
  node_t *c = add(&s, "c", true, b, NULL);
  s.batch[a->id] = (batch_info_t){.has_batch = true, .batch = -2};
  s.batch[b->id] = (batch_info_t){.has_batch = true, .batch = -2};
  s.batch[c->id] = (batch_info_t){.has_batch = true, .batch = -3};
  run(&s, true);
  same(&s, a, b), same(&s, constant, a), differ(&s, b, c);
  assert_int_equal(s.group[a->id], constant->id);  // the root is the most upstream node
  end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(joins_a_chain_and_its_branches),
                                     cmocka_unit_test(never_makes_a_cycle),
                                     cmocka_unit_test(control_edges_block_but_do_not_join),
                                     cmocka_unit_test(batch_sizes_keep_nodes_apart)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
