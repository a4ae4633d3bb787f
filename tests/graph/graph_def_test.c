// Graphs of real models, read and written back.
#include <stdlib.h>

#include "base/file.h"
#include "base/map.h"
#include "formats/tf_fields.h"
#include "formats/wire.h"
#include "graph/graph.h"
#include "ops/signature.h"
#include "test.h"

static const uint8_t *field_of(const uint8_t *data, size_t size, uint32_t number,
                               size_t *out_size) {
  wire_t w = wire_open(data, size);
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
    if (f.number != number || f.type != WIRE_BYTES) continue;
    *out_size = f.size;
    return f.data;
  }
  assert_ok(st);
  return NULL;
}

// Everything is taken as changed, so that every node and function is written anew.
static void forget_raw(graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    g->nodes[i]->raw = NULL;
    for (attr_t *a = g->nodes[i]->attrs; a; a = a->next) {
      const tensor_t *t;
      if (a->value->kind == ATTR_TENSOR && a->value->tensor_size < 100000) {
        assert_ok(attr_tensor(a->value, &t));
        if (a->value->tensor.dtype != DT_RESOURCE) a->value->tensor_raw = NULL;
      }
      a->value->raw = NULL;
    }
  }
}

static void write_graph(graph_t *g, bool anew, wire_out_t *w) {
  if (anew) forget_raw(g);
  assert_ok(graph_write_nodes(g, w, TF_GRAPH_DEF_NODE));
  size_t at = wire_begin(w, TF_GRAPH_DEF_LIBRARY), i = 0;
  void *v;
  while (map_next(g->library->functions, &i, NULL, &v)) {
    function_t *f = v;
    graph_t *body;
    assert_ok(library_body(g->library, f->name, &body));
    if (anew) {
      forget_raw(body);
      f->raw = NULL;
    }
    assert_ok(function_write(f, w, TF_LIBRARY_FUNCTION));
  }
  wire_end(w, at);
  assert_ok(wire_out_status(w));
}

static void same_nodes(const graph_t *a, const graph_t *b) {
  for (int i = 0; i < a->n_nodes; i++) {
    const node_t *n = a->nodes[i], *m = graph_find(b, n->name);
    if (!m) fail_msg("node '%s' was lost", n->name);
    assert_string_equal(n->op, m->op);
    assert_string_equal(n->device, m->device);
    assert_int_equal(n->n_in, m->n_in);
    assert_int_equal(n->n_control, m->n_control);
    assert_int_equal(n->n_out, m->n_out);
    for (int k = 0; k < n->n_in; k++) {
      assert_string_equal(n->in[k].src->name, m->in[k].src->name);
      assert_int_equal(n->in[k].port, m->in[k].port);
    }
    for (int k = 0; k < n->n_control; k++)
      assert_string_equal(n->control[k]->name, m->control[k]->name);
    for (attr_t *x = n->attrs; x; x = x->next) {
      attr_value_t *y = node_attr(m, x->name);
      const attr_value_t *d = signature_default(m->def, x->name);
      attr_value_t copy;
      if (!y && d) copy = *d, y = &copy;
      if (!y || !attr_equal(x->value, y))
        fail_msg("attribute '%s' of '%s' is another", x->name, n->name);
    }
  }
}

typedef struct parsed {
  arena_t *arena;
  library_t *library;
  graph_t *g;
} parsed_t;

static parsed_t parse(const uint8_t *data, size_t size) {
  parsed_t p = {.arena = arena_create()};
  p.library = library_create(p.arena);
  p.g = graph_create(p.arena, p.library);
  assert_ok(graph_parse(data, size, p.g));
  return p;
}

static void release(parsed_t *p) {
  graph_destroy(p->g);
  library_destroy(p->library);
  arena_destroy(p->arena);
}

static void round_trip(const char *path) {
  file_map_t *file;
  assert_ok(file_map_open(path, &file));
  size_t meta_size, size;
  const uint8_t *meta = field_of(file->data, file->size, TF_SAVED_MODEL_META_GRAPHS, &meta_size);
  const uint8_t *def = field_of(meta, meta_size, TF_META_GRAPH_DEF_GRAPH_DEF, &size);
  assert_non_null(def);
  parsed_t a = parse(def, size);
  wire_out_t same = {0}, anew = {0};
  write_graph(a.g, false, &same);
  // Untouched: node for node the same bytes.
  parsed_t b = parse(same.data, same.size);
  for (int i = 0; i < a.g->n_nodes; i++) {
    assert_int_equal(a.g->nodes[i]->raw_size, b.g->nodes[i]->raw_size);
    assert_memory_equal(a.g->nodes[i]->raw, b.g->nodes[i]->raw, b.g->nodes[i]->raw_size);
  }
  write_graph(a.g, true, &anew);
  const char *dump = getenv("GRAPH_DEF_DUMP");
  if (dump) assert_ok(file_write(dump, anew.data, anew.size));
  parsed_t c = parse(anew.data, anew.size);
  same_nodes(a.g, c.g);
  assert_int_equal(map_count(a.library->functions), map_count(c.library->functions));
  size_t i = 0;
  const char *name;
  void *v;
  while (map_next(a.library->functions, &i, &name, &v)) {
    graph_t *body;
    assert_ok(library_body(c.library, name, &body));
    const graph_t *want = ((function_t *)v)->body;
    same_nodes(want, body);
    assert_int_equal(want->n_rets, body->n_rets);
    for (int k = 0; k < body->n_rets; k++) {
      assert_string_equal(want->rets[k].src->name, body->rets[k].src->name);
      assert_int_equal(want->rets[k].port, body->rets[k].port);
    }
    assert_int_equal(want->n_control_rets, body->n_control_rets);
  }
  release(&a);
  release(&b);
  release(&c);
  wire_out_free(&same);
  wire_out_free(&anew);
  file_map_unref(file);
}

static char **given;  // paths on the command line, instead of the models in the tree
static int n_given;

static void models_survive(void **state) {
  (void)state;
  for (int i = 0; i < n_given; i++) round_trip(given[i]);
  if (n_given) return;
  char **names;
  size_t n;
  assert_ok(file_list_dir(TESTS_DIR "/models/small", &names, &n));
  for (size_t i = 0; i < n; i++) {
    char *path = mem_printf("%s/models/small/%s/saved_model/saved_model.pb", TESTS_DIR, names[i]);
    if (file_exists(path)) round_trip(path);
    mem_free(path);
    mem_free(names[i]);
  }
  mem_free(names);
}

// A node of op with n inputs, through a GraphDef.
static status_t with_inputs(const char *op, int n) {
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library), *again = graph_create(arena, library);
  const dtype_t two[] = {DT_FLOAT, DT_FLOAT};
  node_t *x = graph_add_node(g, "Placeholder", "x"), *node = graph_add_node(g, op, "node");
  node_set_type(g, x, "dtype", DT_FLOAT);
  node_set_type(g, node, "T", DT_FLOAT);
  node_set_int(g, node, "N", 2);
  node_set_types(g, node, "InT", two, 2);
  node_set_types(g, node, "OutT", two, 1);
  for (int i = 0; i < n; i++) node_add_input(g, node, x, 0);
  wire_out_t w = {0};
  assert_ok(graph_write_nodes(g, &w, TF_GRAPH_DEF_NODE));
  status_t st = graph_parse(w.data, w.size, again);
  wire_out_free(&w);
  graph_destroy(again);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  return st;
}

static void inputs_are_counted(void **state) {
  (void)state;
  assert_ok(with_inputs("AddV2", 2));
  assert_fails(with_inputs("AddV2", 1), INVALID_ARGUMENT, "AddV2 'node' has 1 inputs, it takes 2");
  assert_fails(with_inputs("AddV2", 3), INVALID_ARGUMENT, "AddV2 'node' has 3 inputs, it takes 2");
  assert_ok(with_inputs("AddN", 2));  // N
  assert_fails(with_inputs("AddN", 0), INVALID_ARGUMENT, "AddN 'node' has 0 inputs, it takes 2");
  assert_ok(with_inputs("TRTEngineOp", 2));  // InT
  assert_ok(with_inputs("TRTEngineOp", 0));  // of an op that is hosted
  assert_fails(with_inputs("TRTEngineOp", 1), INVALID_ARGUMENT, "has 1 inputs, it takes 2");
  assert_ok(with_inputs("NotOneOfOurs", 7));
}

// f(x) = Identity(input), in a library.
static void put_function(wire_out_t *w, const char *input) {
  size_t library = wire_begin(w, TF_GRAPH_DEF_LIBRARY), f = wire_begin(w, TF_LIBRARY_FUNCTION);
  size_t signature = wire_begin(w, TF_FUNCTION_SIGNATURE);
  wire_put_string(w, TF_OP_DEF_NAME, "f");
  for (int i = 0; i < 2; i++) {
    size_t arg = wire_begin(w, i ? TF_OP_DEF_OUTPUT_ARG : TF_OP_DEF_INPUT_ARG);
    wire_put_string(w, TF_ARG_DEF_NAME, i ? "y" : "x");
    wire_put_i64(w, TF_ARG_DEF_TYPE, DT_FLOAT);
    wire_end(w, arg);
  }
  wire_end(w, signature);
  size_t node = wire_begin(w, TF_FUNCTION_NODE_DEF);
  wire_put_string(w, TF_NODE_DEF_NAME, "z");
  wire_put_string(w, TF_NODE_DEF_OP, "Identity");
  wire_put_string(w, TF_NODE_DEF_INPUT, input);
  wire_end(w, node);
  size_t ret = wire_begin(w, TF_FUNCTION_RET);
  wire_put_string(w, TF_MAP_KEY, "y");
  wire_put_string(w, TF_MAP_VALUE, "z:output:0");
  wire_end(w, ret);
  wire_end(w, f);
  wire_end(w, library);
}

// Parses libraries with f of these inputs, then f's body.
static status_t with_functions(const char *input, const char *another) {
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library), *body;
  wire_out_t w = {0};
  put_function(&w, input);
  if (another) put_function(&w, another);
  status_t st = graph_parse(w.data, w.size, g);
  if (!st) st = library_body(library, "f", &body);
  wire_out_free(&w);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
  return st;
}

static void functions_are_what_can_run(void **state) {
  (void)state;
  assert_ok(with_functions("x", NULL));
  assert_fails(with_functions("z:output:0", NULL), INVALID_ARGUMENT,
               "function 'f': the graph has a cycle through node 'z'");
  assert_ok(with_functions("x", "x"));
  assert_fails(with_functions("x", "z:output:0"), INVALID_ARGUMENT, "two functions are called 'f'");
}

int main(int argc, char **argv) {
  given = argv + 1;
  n_given = argc - 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(models_survive),
                                     cmocka_unit_test(inputs_are_counted),
                                     cmocka_unit_test(functions_are_what_can_run)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
