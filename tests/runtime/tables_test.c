// Tables and lists through the executor: filled in one run, read in another.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/executor.h"
#include "test.h"

typedef struct world {
  arena_t *arena;
  library_t *library;
  graph_t *g;
  exec_services_t services;
} world_t;

static world_t world_create(void) {
  world_t w = {.arena = arena_create()};
  w.library = library_create(w.arena);
  w.services = (exec_services_t){.resources = resources_create(), .threads = 1};
  return w;
}

static void world_destroy(world_t *w) {
  library_destroy(w->library);
  resources_destroy(w->services.resources);
  arena_destroy(w->arena);
}

static tensor_t strings(int n, const char *const *v) {
  tensor_t t;
  shape_t s = SHAPE(n);
  assert_ok(tensor_alloc(DT_STRING, &s, &t));
  for (int i = 0; i < n; i++) assert_ok(str_set(TENSOR_DATA(str_t, &t) + i, v[i], strlen(v[i])));
  return t;
}

static tensor_t ints(dtype_t dtype, int rank, int n, const int64_t *v) {
  tensor_t t;
  shape_t s = rank ? SHAPE(n) : SHAPE_SCALAR;
  assert_ok(tensor_from_ints(dtype, &s, v, &t));
  return t;
}

static node_t *constant(graph_t *g, tensor_t t) {
  node_t *n = graph_add_const(g, "const", &t);
  tensor_unref(&t);
  assert_ok(node_resolve(g, n));
  return n;
}

static node_t *table(graph_t *g, const char *op) {
  node_t *n = graph_add_node(g, op, "table");
  node_set_string(g, n, "shared_name", "words", 5);
  node_set_type(g, n, "key_dtype", DT_STRING);
  node_set_type(g, n, "value_dtype", DT_INT64);
  assert_ok(node_resolve(g, n));
  return n;
}

// Runs one op on the table in a graph of its own; *out receives output 0, when there is one.
static status_t on_table(world_t *w, const char *handle, const char *op, const char *key_attr,
                         const char *value_attr, const tensor_t *a, const tensor_t *b,
                         tensor_t *out) {
  graph_t *g = graph_create(w->arena, w->library);
  node_t *n = graph_add_node(g, op, "op");
  node_add_input(g, n, table(g, handle), 0);
  if (a) node_add_input(g, n, constant(g, tensor_ref(a)), 0);
  if (b) node_add_input(g, n, constant(g, tensor_ref(b)), 0);
  if (key_attr) node_set_type(g, n, key_attr, DT_STRING);
  if (value_attr) node_set_type(g, n, value_attr, DT_INT64);
  if (strcmp(op, "InitializeTableFromTextFileV2") == 0) {
    node_set_int(g, n, "key_index", 0);
    node_set_int(g, n, "value_index", 1);
    node_set_string(g, n, "delimiter", ",", 1);
  }
  assert_ok(node_resolve(g, n));
  input_t ret = {n, 0};
  if (out) {
    g->rets = &ret;
    g->n_rets = 1;
  } else {
    g->control_rets = &n;
    g->n_control_rets = 1;
  }
  executable_t *x = NULL;
  tensor_t none;
  status_t st = executable_create(g, &w->services, &x);
  if (!st) st = executable_run(x, &none, out ? out : &none);
  executable_destroy(x);
  graph_destroy(g);
  return st;
}

static void check_ints(tensor_t *t, int n, const int64_t *want) {
  assert_int_equal(tensor_elements(t), n);
  for (int i = 0; i < n; i++) assert_int_equal(TENSOR_DATA(int64_t, t)[i], want[i]);
  tensor_unref(t);
}

static void words_are_found(void **state) {
  (void)state;
  world_t w = world_create();
  tensor_t keys = strings(3, (const char *[]){"one", "two", ""});
  tensor_t values = ints(DT_INT64, 1, 3, (int64_t[]){1, 2, 0});
  tensor_t ask = strings(4, (const char *[]){"two", "ten", "", "one"}), out;
  tensor_t none = ints(DT_INT64, 0, 1, (int64_t[]){-1});
  assert_fails(on_table(&w, "HashTableV2", "LookupTableFindV2", "Tin", "Tout", &ask, &none, &out),
               FAILED_PRECONDITION, "not initialised");
  for (int i = 0; i < 2; i++)  // a second initialisation changes nothing
    assert_ok(
        on_table(&w, "HashTableV2", "InitializeTableV2", "Tkey", "Tval", &keys, &values, NULL));
  assert_ok(on_table(&w, "HashTableV2", "LookupTableFindV2", "Tin", "Tout", &ask, &none, &out));
  check_ints(&out, 4, (int64_t[]){2, -1, 0, 1});
  assert_ok(on_table(&w, "HashTableV2", "LookupTableSizeV2", NULL, NULL, NULL, NULL, &out));
  check_ints(&out, 1, (int64_t[]){3});
  assert_fails(on_table(&w, "HashTableV2", "LookupTableFindV2", "Tin", "Tout", &none, &none, &out),
               INVALID_ARGUMENT, "int64");
  tensor_unref(&keys);
  tensor_unref(&values);
  tensor_unref(&ask);
  tensor_unref(&none);
  world_destroy(&w);
}

static void mutable_tables_change(void **state) {
  (void)state;
  world_t w = world_create();
  const char *t = "MutableHashTableV2";
  tensor_t keys = strings(2, (const char *[]){"a", "b"}), one = strings(1, (const char *[]){"a"});
  tensor_t values = ints(DT_INT64, 1, 2, (int64_t[]){1, 2}), out;
  tensor_t others = ints(DT_INT64, 1, 2, (int64_t[]){7, 8});
  tensor_t none = ints(DT_INT64, 0, 1, (int64_t[]){-1});
  assert_ok(on_table(&w, t, "LookupTableInsertV2", "Tin", "Tout", &keys, &values, NULL));
  assert_ok(on_table(&w, t, "LookupTableInsertV2", "Tin", "Tout", &keys, &others, NULL));
  assert_ok(on_table(&w, t, "LookupTableFindV2", "Tin", "Tout", &keys, &none, &out));
  check_ints(&out, 2, (int64_t[]){7, 8});
  assert_ok(on_table(&w, t, "LookupTableRemoveV2", "Tin", NULL, &one, NULL, NULL));
  assert_ok(on_table(&w, t, "LookupTableFindV2", "Tin", "Tout", &keys, &none, &out));
  check_ints(&out, 2, (int64_t[]){-1, 8});
  assert_ok(on_table(&w, t, "LookupTableImportV2", "Tin", "Tout", &keys, &values, NULL));
  assert_ok(on_table(&w, t, "LookupTableFindV2", "Tin", "Tout", &keys, &none, &out));
  check_ints(&out, 2, (int64_t[]){1, 2});
  tensor_unref(&keys);
  tensor_unref(&one);
  tensor_unref(&values);
  tensor_unref(&others);
  tensor_unref(&none);
  world_destroy(&w);
}

static void text_files_fill_tables(void **state) {
  (void)state;
  char path[] = "/tmp/tftrt-words-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  const char text[] = "red,10\r\ngreen,-20\nblue,9007199254740993";
  assert_ok(file_write(path, text, strlen(text)));
  world_t w = world_create();
  tensor_t name = strings(1, (const char *[]){path}), out;
  tensor_t none = ints(DT_INT64, 0, 1, (int64_t[]){-1});
  tensor_t ask = strings(3, (const char *[]){"blue", "green", "red"});
  assert_ok(
      on_table(&w, "HashTableV2", "InitializeTableFromTextFileV2", NULL, NULL, &name, NULL, NULL));
  assert_ok(on_table(&w, "HashTableV2", "LookupTableFindV2", "Tin", "Tout", &ask, &none, &out));
  check_ints(&out, 3, (int64_t[]){9007199254740993, -20, 10});
  world_destroy(&w);
  w = world_create();
  assert_ok(file_write(path, "red\n", 4));
  assert_fails(
      on_table(&w, "HashTableV2", "InitializeTableFromTextFileV2", NULL, NULL, &name, NULL, NULL),
      INVALID_ARGUMENT, "no column 1");
  world_destroy(&w);
  unlink(path);
  w = world_create();
  assert_fails(
      on_table(&w, "HashTableV2", "InitializeTableFromTextFileV2", NULL, NULL, &name, NULL, NULL),
      NOT_FOUND, path);
  world_destroy(&w);
  tensor_unref(&name);
  tensor_unref(&none);
  tensor_unref(&ask);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_found),
      cmocka_unit_test(mutable_tables_change),
      cmocka_unit_test(text_files_fill_tables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
