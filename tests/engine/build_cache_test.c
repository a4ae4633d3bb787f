// The cache of finished engines: what is the same engine, files that are damaged, the size bound.
#include "engine/build_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

static char folder[64];

static int make(void **state) {
  (void)state;
  strcpy(folder, "/tmp/tftrt_engines_XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int clean(void **state) {
  (void)state;
  status_free(file_remove_tree(folder));
  return 0;
}

// x[2, 3] * w[3, n], relu or not.
static network_t *network(const char *name, float weight, const char *key, bool relu) {
  network_t *n = network_create(name);
  tensor_t w;
  shape_t of_w = SHAPE(3, 4), of_x = SHAPE(2, 3);
  assert_ok(tensor_alloc(DT_FLOAT, &of_w, &w));
  for (int i = 0; i < 12; i++) TENSOR_DATA(float, &w)[i] = weight + (float)i;
  net_tensor_t *in[] = {network_add_input(n, "x", DT_FLOAT, &of_x),
                        network_add_constant(n, "w", &w, key)};
  tensor_unref(&w);
  net_tensor_t *y = net_layer1(n, LAYER_MATMUL, 2, in, DT_FLOAT, NULL);
  network_mark_output(n, relu ? net_unary(n, UNARY_RELU, y) : y);
  assert_ok(network_infer(n));
  return n;
}

static build_key_t key_of(network_t *n, const build_options_t *o, const char *backend) {
  build_key_t k;
  assert_ok(build_key(n, o, backend_find(backend), &k));
  network_destroy(n);
  return k;
}

#define SAME(a, b) (memcmp(&(a), &(b), sizeof(build_key_t)) == 0)

static void keys_tell_engines_apart(void **state) {
  (void)state;
  shape_t shape = SHAPE(2, 3), other = SHAPE(1, 3);
  build_options_t o = {.struct_size = sizeof o, .threads = 2, .opt_shapes = &shape};
  build_key_t k = key_of(network("e", 1, NULL, true), &o, "cpu");
  build_key_t again = key_of(network("e", 1, NULL, true), &o, "cpu");
  assert_true(SAME(k, again));
  build_key_t different[8];
  different[0] = key_of(network("f", 1, NULL, true), &o, "cpu");
  different[1] = key_of(network("e", 2, NULL, true), &o, "cpu");
  different[2] = key_of(network("e", 1, NULL, false), &o, "cpu");
  different[3] = key_of(network("e", 1, NULL, true), &o, "ref");
  // A weight outside the plan counts by its content too, not by its key alone.
  different[4] = key_of(network("e", 1, "tftrt/key", true), &o, "cpu");
  different[5] = key_of(network("e", 2, "tftrt/key", true), &o, "cpu");
  o.threads = 3;
  different[6] = key_of(network("e", 1, NULL, true), &o, "cpu");
  o.threads = 2;
  o.opt_shapes = &other;
  different[7] = key_of(network("e", 1, NULL, true), &o, "cpu");
  for (int i = 0; i < 8; i++) {
    assert_false(SAME(k, different[i]));
    for (int j = 0; j < i; j++) assert_false(SAME(different[j], different[i]));
  }
}

static bytes_t plan_of(float weight) {
  network_t *n = network("e", weight, NULL, true);
  bytes_t plan;
  assert_ok(backend_find("ref")->build(n, NULL, &plan));
  network_destroy(n);
  return plan;
}

static void expect(build_cache_t *c, const build_key_t *k, const bytes_t *plan) {
  bytes_t got;
  assert_true(build_cache_get(c, k, &got));
  assert_int_equal(got.size, plan->size);
  assert_memory_equal(got.data, plan->data, plan->size);
  mem_free(got.data);
}

static char *file_of(const char *dir, const build_key_t *k) {
  return mem_printf("%s/%016llx%016llx.engine", dir, (unsigned long long)k->h[0],
                    (unsigned long long)k->h[1]);
}

static void engines_come_back(void **state) {
  (void)state;
  char *dir = file_join(folder, "made/when/needed");
  build_cache_t *c = build_cache_open(dir, 0);
  bytes_t plan = plan_of(1), got;
  build_key_t k = {{1, 2}}, other = {{1, 3}};
  assert_false(build_cache_get(c, &k, &got));
  assert_null(got.data);
  build_cache_put(c, &k, &plan);
  expect(c, &k, &plan);
  assert_false(build_cache_get(c, &other, &got));
  build_cache_put(c, &k, &plan);  // again, in its place
  expect(c, &k, &plan);
  build_cache_close(c);
  mem_free(plan.data);
  mem_free(dir);
}

// Cut anywhere, one byte changed anywhere, another key's: absent, and gone after.
static void damaged_engines_are_absent(void **state) {
  (void)state;
  char *dir = file_join(folder, "damaged");
  build_cache_t *c = build_cache_open(dir, 0);
  bytes_t plan = plan_of(1), got;
  build_key_t k = {{7, 8}}, other = {{7, 9}};
  char *path = file_of(dir, &k), *wrong = file_of(dir, &other);
  build_cache_put(c, &k, &plan);
  file_map_t *m;
  assert_ok(file_map_open(path, &m));
  size_t size = m->size;
  uint8_t *copy = mem_alloc(size);
  memcpy(copy, m->data, size);
  file_map_unref(m);
  for (size_t at = 0; at < size; at += at < 72 ? 1 : 37) {
    if (at >= 48 && at < 64) continue;  // padding of the header
    assert_ok(file_write(path, copy, at));
    assert_false(build_cache_get(c, &k, &got));
    assert_false(file_exists(path));
    copy[at] ^= 0x40;
    assert_ok(file_write(path, copy, size));
    copy[at] ^= 0x40;
    assert_false(build_cache_get(c, &k, &got));
    assert_false(file_exists(path));
  }
  assert_ok(file_write(wrong, copy, size));
  assert_false(build_cache_get(c, &other, &got));
  assert_ok(file_write(path, copy, size));
  expect(c, &k, &plan);
  mem_free(copy);
  mem_free(path);
  mem_free(wrong);
  mem_free(plan.data);
  build_cache_close(c);
  mem_free(dir);
}

static void set_age(const char *path, int seconds) {
  struct timespec t[2] = {{.tv_sec = 1000000000 - seconds}, {.tv_sec = 1000000000 - seconds}};
  assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

typedef struct listed {
  int n, whole;
  char names[8][64];
} listed_t;

static void take(void *user, const build_cache_entry_t *e) {
  listed_t *l = user;
  snprintf(l->names[l->n++], sizeof l->names[0], "%s", e->name);
  l->whole += e->whole;
}

static void the_least_used_go_first(void **state) {
  (void)state;
  char *dir = file_join(folder, "bounded");
  bytes_t plan = plan_of(1), got;
  int64_t each = (int64_t)plan.size + 64;
  build_cache_t *c = build_cache_open(dir, 3 * each);
  build_key_t k[4] = {{{1, 0}}, {{2, 0}}, {{3, 0}}, {{4, 0}}};
  char *path[4];
  for (int i = 0; i < 4; i++) path[i] = file_of(dir, &k[i]);
  for (int i = 0; i < 3; i++) {
    build_cache_put(c, &k[i], &plan);
    set_age(path[i], 100 - i);
  }
  expect(c, &k[0], &plan);  // used now: the second is the oldest
  build_cache_put(c, &k[3], &plan);
  assert_false(build_cache_get(c, &k[1], &got));
  expect(c, &k[0], &plan);
  expect(c, &k[2], &plan);
  expect(c, &k[3], &plan);
  // What is not ours stays, whatever its size.
  char *mine = file_join(dir, "mine.engine"), *left = mem_printf("%s.77-1.tmp", path[0]);
  assert_ok(file_write(mine, plan.data, plan.size));
  assert_ok(file_write(left, plan.data, plan.size));
  set_age(path[0], 10);
  set_age(path[2], 30);
  set_age(path[3], 20);
  assert_ok(file_write(path[2], "short", 5));
  set_age(path[2], 30);
  listed_t l = {0};
  assert_ok(build_cache_list(dir, take, &l));
  assert_int_equal(l.n, 3);
  assert_int_equal(l.whole, 2);
  assert_string_equal(l.names[0], strrchr(path[0], '/') + 1);
  assert_string_equal(l.names[2], strrchr(path[2], '/') + 1);
  int64_t engines, bytes;
  assert_ok(build_cache_clear(dir, &engines, &bytes));
  assert_int_equal(engines, 3);
  assert_int_equal(bytes, 2 * each + 5 + (int64_t)plan.size);
  assert_true(file_exists(mine));
  assert_false(file_exists(left));
  assert_fails(build_cache_list("/no/such/folder", take, &l), NOT_FOUND, "/no/such/folder");
  for (int i = 0; i < 4; i++) mem_free(path[i]);
  mem_free(mine);
  mem_free(left);
  mem_free(plan.data);
  build_cache_close(c);
  mem_free(dir);
}

static void a_folder_that_cannot_be_written_is_no_failure(void **state) {
  (void)state;
  char *file = file_join(folder, "a file"), *dir = file_join(file, "below");
  assert_ok(file_write(file, "x", 1));
  build_cache_t *c = build_cache_open(dir, 0);
  bytes_t plan = plan_of(1), got;
  build_key_t k = {{1, 2}};
  build_cache_put(c, &k, &plan);
  assert_false(build_cache_get(c, &k, &got));
  build_cache_close(c);
  mem_free(plan.data);
  mem_free(dir);
  mem_free(file);
}

static void where_it_is(void **state) {
  (void)state;
  setenv("TFTRT_CACHE", "off", 1);
  assert_null(build_cache_default_dir());
  setenv("TFTRT_CACHE", "/somewhere", 1);
  char *dir = build_cache_default_dir();
  assert_string_equal(dir, "/somewhere");
  mem_free(dir);
  unsetenv("TFTRT_CACHE");
  setenv("XDG_CACHE_HOME", "/x", 1);
  assert_string_equal(dir = build_cache_default_dir(), "/x/tftrt/engines");
  mem_free(dir);
  unsetenv("XDG_CACHE_HOME");
  setenv("HOME", "/h", 1);
  assert_string_equal(dir = build_cache_default_dir(), "/h/.cache/tftrt/engines");
  mem_free(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_tell_engines_apart),
      cmocka_unit_test(engines_come_back),
      cmocka_unit_test(damaged_engines_are_absent),
      cmocka_unit_test(the_least_used_go_first),
      cmocka_unit_test(a_folder_that_cannot_be_written_is_no_failure),
      cmocka_unit_test(where_it_is)};
  return cmocka_run_group_tests(tests, make, clean);
}
