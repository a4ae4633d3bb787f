// Optimisation profiles: TF-TRT's four strategies, finding one, in plans, in words.
#include "engine/profile.h"

#include "engine/backend.h"
#include "engine/plan.h"
#include "test.h"

#define S(...) ((shape_t[]){SHAPE(__VA_ARGS__)})
enum { N = 2 };

static shape_sets_t *sets_of(const shape_t (*shapes)[N], int count) {
  shape_sets_t *s = shape_sets_create(N);
  for (int i = 0; i < count; i++) {
    shape_set_t set = {(shape_t *)(uintptr_t)shapes[i], (shape_values_t[N]){{0}}};
    shape_sets_add(s, &set);
  }
  return s;
}

static int find(const profiles_t *p, shape_t a, shape_t b) {
  shape_t shapes[N] = {a, b};
  shape_set_t set = {shapes, (shape_values_t[N]){{0}}};
  return profiles_find(p, &set);
}

static profiles_t *make(const shape_sets_t *sets, profile_strategy_t strategy,
                        const shape_t *partial) {
  profiles_t *p;
  assert_ok(profiles_from_sets(sets, strategy, partial, &p));
  return p;
}

static void check(const shape_set_t *set, int i, shape_t want) {
  assert_true(shape_equal(&set->shapes[i], &want));
}

// What TF-TRT's trt_shape_optimization_profiles_test goes through: three sets of two inputs, the
// number of profiles of each strategy, which sets are served and by which.
static const shape_t three[3][N] = {
    {{2, {1, 16}}, {2, {2, 16}}}, {{2, {2, 32}}, {2, {4, 32}}}, {{2, {4, 32}}, {2, {8, 32}}}};

static void counts_and_what_is_served(void **state) {
  (void)state;
  static const int counts[] = {[PROFILE_RANGE] = 1,
                               [PROFILE_OPTIMAL] = 3,
                               [PROFILE_RANGE_OPTIMAL] = 4,
                               [PROFILE_IMPLICIT_BATCH] = 3};
  shape_sets_t *sets = sets_of(three, 3);
  for (int s = 0; s < PROFILE_STRATEGY_COUNT; s++) {
    bool range = s == PROFILE_RANGE || s == PROFILE_RANGE_OPTIMAL;
    profiles_t *p = make(sets, (profile_strategy_t)s, NULL);
    assert_int_equal(p->list.n, counts[s]);
    for (int i = 0; i < 3; i++)
      assert_int_equal(find(p, three[i][0], three[i][1]), s == PROFILE_RANGE ? 0 : i);
    // not seen, between what was seen
    assert_int_equal(find(p, SHAPE(3, 20), SHAPE(5, 20)), range ? (int)p->list.n - 1 : -1);
    // beyond it
    assert_int_equal(find(p, SHAPE(5, 32), SHAPE(8, 32)), -1);
    assert_int_equal(find(p, SHAPE(4, 32), SHAPE(8, 32, 1)), -1);
    // smaller batches of what was seen
    int smaller = find(p, SHAPE(1, 32), SHAPE(3, 32));
    assert_int_equal(smaller, range ? (int)p->list.n - 1 : s == PROFILE_IMPLICIT_BATCH ? 1 : -1);
    profiles_destroy(p);
  }
  shape_sets_destroy(sets);
}

static void range_has_its_optimum_at_the_top(void **state) {
  (void)state;
  shape_sets_t *sets = sets_of(three, 3);
  profiles_t *p = make(sets, PROFILE_RANGE, NULL);
  check(&p->list.v[0].min, 0, SHAPE(1, 16));
  check(&p->list.v[0].min, 1, SHAPE(2, 16));
  check(&p->list.v[0].opt, 0, SHAPE(4, 32));
  check(&p->list.v[0].max, 1, SHAPE(8, 32));
  profiles_destroy(p);
  p = make(sets, PROFILE_RANGE_OPTIMAL, NULL);  // Range comes last
  check(&p->list.v[0].min, 0, SHAPE(1, 16));
  check(&p->list.v[0].max, 0, SHAPE(1, 16));
  check(&p->list.v[3].min, 0, SHAPE(1, 16));
  check(&p->list.v[3].opt, 1, SHAPE(8, 32));
  profiles_destroy(p);
  shape_sets_destroy(sets);
}

static void sets_are_kept_once_in_their_order(void **state) {
  (void)state;
  static const shape_t seen[4][N] = {
      {{1, {8}}, {1, {8}}}, {{1, {4}}, {1, {4}}}, {{1, {8}}, {1, {8}}}, {{1, {6}}, {1, {6}}}};
  shape_sets_t *sets = sets_of(seen, 4);
  assert_int_equal(sets->sets.n, 3);
  profiles_t *p = make(sets, PROFILE_OPTIMAL, NULL);
  assert_int_equal(p->list.n, 3);
  check(&p->list.v[0].opt, 0, SHAPE(8));
  check(&p->list.v[1].opt, 0, SHAPE(4));
  check(&p->list.v[2].opt, 0, SHAPE(6));
  profiles_destroy(p);
  // The first that fits serves, not the nearest.
  p = make(sets, PROFILE_IMPLICIT_BATCH, NULL);
  assert_int_equal(find(p, SHAPE(3), SHAPE(3)), 0);
  check(&p->list.v[0].min, 0, SHAPE(1));
  profiles_destroy(p);
  shape_sets_destroy(sets);
}

// A static network: its dims hold in every profile, and one profile is left.
static void static_dims_hold(void **state) {
  (void)state;
  static const shape_t seen[1][N] = {{{2, {4, 3}}, {2, {4, 5}}}};
  shape_sets_t *sets = sets_of(seen, 1);
  shape_t partial[N] = {SHAPE(4, 3), SHAPE(-1, 5)};
  profiles_t *p = make(sets, PROFILE_IMPLICIT_BATCH, partial);
  check(&p->list.v[0].min, 0, SHAPE(4, 3));
  check(&p->list.v[0].min, 1, SHAPE(1, 5));
  profiles_destroy(p);
  for (int s = 0; s < PROFILE_STRATEGY_COUNT; s++) {
    p = make(sets, (profile_strategy_t)s, (shape_t[]){SHAPE(4, 3), SHAPE(4, 5)});
    assert_int_equal(p->list.n, 1);  // Range and Optimal are the same here
    check(&p->list.v[0].min, 1, SHAPE(4, 5));
    assert_int_equal(find(p, SHAPE(4, 3), SHAPE(4, 5)), 0);
    profiles_destroy(p);
  }
  shape_sets_destroy(sets);
  assert_int_equal(profiles_find(NULL, NULL), 0);  // no profiles: one engine for all
}

static void ranks_must_agree_in_a_range(void **state) {
  (void)state;
  static const shape_t seen[2][N] = {{{2, {4, 3}}, {1, {4}}}, {{2, {4, 3}}, {2, {4, 1}}}};
  shape_sets_t *sets = sets_of(seen, 2);
  profiles_t *p;
  assert_fails(profiles_from_sets(sets, PROFILE_RANGE, NULL, &p), INVALID_ARGUMENT,
               "input 1 was [4], then [4,1]");
  assert_null(p);
  p = make(sets, PROFILE_OPTIMAL, NULL);
  assert_int_equal(p->list.n, 2);
  assert_int_equal(find(p, SHAPE(4, 3), SHAPE(4, 1)), 1);
  profiles_destroy(p);
  shape_sets_destroy(sets);
}

static tensor_t ints(dtype_t dtype, const shape_t *shape, const int64_t *v) {
  tensor_t t;
  assert_ok(tensor_from_ints(dtype, shape, v, &t));
  return t;
}

static void values_of_shape_tensors(void **state) {
  (void)state;
  static const bool is_shape[N] = {false, true};
  tensor_t x = ints(DT_INT32, S(2), (int64_t[]){7, 7});
  tensor_t a = ints(DT_INT32, S(2), (int64_t[]){4, 6}), b = ints(DT_INT64, S(2), (int64_t[]){8, 3}),
           c = ints(DT_INT32, S(2), (int64_t[]){4, 7}), d = ints(DT_INT32, S(1), (int64_t[]){4});
  shape_sets_t *sets = shape_sets_create(N);
  assert_true(shape_sets_add_tensors(sets, (tensor_t[]){x, a}, is_shape));
  assert_true(shape_sets_add_tensors(sets, (tensor_t[]){x, b}, is_shape));
  assert_false(shape_sets_add_tensors(sets, (tensor_t[]){a, a}, is_shape));  // x is no such input
  profiles_t *p = make(sets, PROFILE_OPTIMAL, NULL);
  assert_int_equal(p->list.n, 2);
  assert_int_equal(profiles_find_tensors(p, (tensor_t[]){x, b}), 1);
  assert_int_equal(profiles_find_tensors(p, (tensor_t[]){x, c}), -1);
  profiles_destroy(p);
  p = make(sets, PROFILE_RANGE, NULL);
  const profile_t *q = &p->list.v[0];
  assert_null(q->min.values[0].v);
  assert_memory_equal(q->min.values[1].v, ((int64_t[]){4, 3}), 2 * sizeof(int64_t));
  assert_memory_equal(q->opt.values[1].v, ((int64_t[]){8, 6}), 2 * sizeof(int64_t));
  assert_int_equal(profiles_find_tensors(p, (tensor_t[]){x, a}), 0);
  assert_int_equal(profiles_find_tensors(p, (tensor_t[]){x, c}), -1);
  assert_int_equal(profiles_find_tensors(p, (tensor_t[]){x, d}), -1);
  profiles_destroy(p);
  p = make(sets, PROFILE_IMPLICIT_BATCH, NULL);
  q = &p->list.v[0];  // the first of the values is a batch size too
  assert_memory_equal(q->min.values[1].v, ((int64_t[]){1, 6}), 2 * sizeof(int64_t));
  assert_memory_equal(q->max.values[1].v, ((int64_t[]){4, 6}), 2 * sizeof(int64_t));
  profiles_destroy(p);
  shape_sets_destroy(sets);

  // -1 (all the rest) stays what it is; a scalar counts as one value.
  tensor_t rest = ints(DT_INT32, S(2), (int64_t[]){-1, 6});
  tensor_t five = ints(DT_INT32, (shape_t[]){SHAPE_SCALAR}, (int64_t[]){5});
  sets = shape_sets_create(N);
  shape_sets_add_tensors(sets, (tensor_t[]){five, rest}, (bool[]){true, true});
  p = make(sets, PROFILE_IMPLICIT_BATCH, NULL);
  assert_int_equal(p->list.v[0].min.values[1].v[0], -1);
  assert_int_equal(p->list.v[0].min.values[0].v[0], 1);
  assert_int_equal(profiles_find_tensors(p, (tensor_t[]){five, rest}), 0);
  profiles_destroy(p);
  shape_sets_destroy(sets);
  tensor_t *all[] = {&x, &a, &b, &c, &d, &rest, &five};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) tensor_unref(all[i]);
}

static void given_by_a_user(void **state) {
  (void)state;
  profiles_t *p = profiles_create(1);
  shape_values_t none[1] = {{0}};
  shape_set_t min = {S(1, 3, 32, 32), none}, opt = {S(8, 3, 224, 224), none},
              max = {S(16, 3, 512, 512), none};
  assert_ok(profiles_add(p, &min, &opt, &max));
  assert_ok(profiles_add(p, &min, &opt, &max));  // the same: not twice
  assert_int_equal(p->list.n, 1);
  assert_fails(profiles_add(p, &opt, &min, &max), INVALID_ARGUMENT, "min [8,3,224,224]");
  assert_fails(profiles_add(p, &min, &opt, &(shape_set_t){S(16, 3), none}), INVALID_ARGUMENT,
               "max [16,3]");
  shape_set_t with = {S(1, 3, 32, 32), (shape_values_t[]){{1, (int64_t[]){4}}}};
  assert_fails(profiles_add(p, &with, &opt, &max), INVALID_ARGUMENT, "values");
  profiles_destroy(p);
}

static void strategies_by_name(void **state) {
  (void)state;
  for (int i = 0; i < PROFILE_STRATEGY_COUNT; i++) {
    profile_strategy_t s = PROFILE_STRATEGY_COUNT;
    assert_true(profile_strategy_parse(profile_strategy_name((profile_strategy_t)i), &s));
    assert_int_equal(s, i);
  }
  profile_strategy_t s;
  assert_true(profile_strategy_parse("range+OPTIMAL", &s));
  assert_int_equal(s, PROFILE_RANGE_OPTIMAL);
  assert_false(profile_strategy_parse("Range +Optimal", &s));
  assert_false(profile_strategy_parse("", &s));
}

static void in_words(void **state) {
  (void)state;
  profiles_t *p = profiles_create(N);
  int64_t four[] = {4, 6};
  shape_values_t values[N] = {{0}, {2, four}};
  shape_set_t set = {(shape_t[]){SHAPE(1, 16), SHAPE(2)}, values};
  assert_ok(profiles_add(p, &set, &set, &set));
  text_t t = {0};
  profiles_text(p, (const char *[]){"x", NULL}, &t);
  assert_string_equal(t.v,
                      "profile 0: x min [1,16] opt [1,16] max [1,16]\n"
                      "profile 0: TensorRTInputPH_1 min [2] of [4,6] opt [2] of [4,6] max [2] of "
                      "[4,6]\n");
  text_clear(&t);
  profiles_json(p, NULL, &t);
  assert_string_equal(
      t.v,
      "[{\"inputs\": [{\"name\": \"TensorRTInputPH_0\", \"min\": [1, 16], \"opt\": [1, 16], "
      "\"max\": [1, 16]}, {\"name\": \"TensorRTInputPH_1\", \"min\": [2], \"opt\": [2], "
      "\"max\": [2], \"values\": {\"min\": [4, 6], \"opt\": [4, 6], \"max\": [4, 6]}}]}]");
  text_free(&t);
  profiles_destroy(p);
}

static network_t *adder(void) {
  network_t *n = network_create("adder");
  net_tensor_t *in[] = {network_add_input(n, "x", DT_FLOAT, S(-1, -1)),
                        network_add_input(n, "y", DT_FLOAT, S(-1, -1))};
  network_mark_output(n, net_binary(n, BINARY_ADD, in[0], in[1]));
  assert_ok(network_infer(n));
  network_compact(n);
  return n;
}

static void kept_in_plans(void **state) {
  (void)state;
  shape_sets_t *sets = sets_of(three, 3);
  profiles_t *p = make(sets, PROFILE_RANGE_OPTIMAL, NULL), *read;
  p->ignored[1] = true;
  network_t *n = adder();
  static const char *const names[] = {"ref", "cpu"};
  for (int i = 0; i < 2; i++) {
    bytes_t plan;
    build_options_t o = {.struct_size = sizeof o, .threads = 1, .profiles = p};
    assert_ok(backend_find(names[i])->build(n, &o, &plan));
    assert_ok(plan_profiles(plan.data, plan.size, &read));
    text_t a = {0}, b = {0};
    profiles_text(p, NULL, &a);
    profiles_text(read, NULL, &b);
    assert_string_equal(a.v, b.v);
    assert_true(read->ignored[1] && !read->ignored[0]);
    text_free(&a);
    text_free(&b);
    profiles_destroy(read);
    plan_t *whole;
    assert_ok(plan_read(plan.data, plan.size, NULL, &whole));
    assert_int_equal(whole->profiles->list.n, 4);
    plan_free(whole);
    mem_free(plan.data);
    // An older plan has none.
    assert_ok(backend_find(names[i])->build(n, NULL, &plan));
    assert_ok(plan_profiles(plan.data, plan.size, &read));
    assert_null(read);
    mem_free(plan.data);
  }
  // Profiles of another network are damage.
  profiles_t *other = profiles_create(1);
  shape_set_t set = {S(1), (shape_values_t[1]){{0}}};
  assert_ok(profiles_add(other, &set, &set, &set));
  bytes_t plan;
  assert_ok(plan_write(n, "ref", NULL, 0, other, &plan));
  plan_t *whole;
  assert_fails(plan_read(plan.data, plan.size, NULL, &whole), DATA_LOSS, "its profiles");
  mem_free(plan.data);
  profiles_destroy(other);
  network_destroy(n);
  profiles_destroy(p);
  shape_sets_destroy(sets);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_and_what_is_served),
      cmocka_unit_test(range_has_its_optimum_at_the_top),
      cmocka_unit_test(sets_are_kept_once_in_their_order),
      cmocka_unit_test(static_dims_hold),
      cmocka_unit_test(ranks_must_agree_in_a_range),
      cmocka_unit_test(values_of_shape_tensors),
      cmocka_unit_test(given_by_a_user),
      cmocka_unit_test(strategies_by_name),
      cmocka_unit_test(in_words),
      cmocka_unit_test(kept_in_plans),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
