// Plans: written, read back, run; damaged ones are refused.
#include "engine/plan.h"

#include "engine/specialize.h"
#include "network/weight_scale.h"
#include "test.h"

#define S(...) ((shape_t[]){SHAPE(__VA_ARGS__)})

static tensor_t floats(const shape_t *s, const float *v) {
  tensor_t t;
  assert_ok(tensor_alloc(DT_FLOAT, s, &t));
  if (v) memcpy(t.data, v, tensor_bytes(&t));
  return t;
}

// y = relu(reshape(x, [batch, 6]) . w), with the batch read from x's shape
static network_t *small_network(const char *weight_key) {
  static const float w[12] = {1, 0, 0, 1, 1, 1, -1, 2, 0.5f, 0, 3, -2};
  network_t *n = network_create("small");
  n->tf_node = "model/flat";
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, S(-1, 2, 3));
  net_tensor_t *shape = net_layer1(n, LAYER_SHAPE, 1, &x, DT_INT32, NULL);
  net_tensor_t *zero = network_const_ints(n, "c", DT_INT32, 1, (int64_t[]){0});
  net_tensor_t *one = network_const_ints(n, "c", DT_INT32, 1, (int64_t[]){1});
  layer_params_t p = {.slice.shrink_axis_mask = 1};
  net_tensor_t *batch =
      net_layer1(n, LAYER_SLICE, 4, (net_tensor_t *[]){shape, zero, one, one}, DT_INT32, &p);
  net_tensor_t *packed = net_layer1(
      n, LAYER_PACK, 2, (net_tensor_t *[]){batch, network_const_scalar(n, "c", DT_INT32, 6)},
      DT_INT32, &(layer_params_t){0});
  tensor_t value = floats(S(6, 2), w);
  net_tensor_t *weight = network_add_constant(n, "w", &value, weight_key);
  tensor_unref(&value);
  n->tf_node = "model/dense";
  net_tensor_t *y = net_matmul(n, net_reshape(n, x, packed), weight, false, false);
  network_mark_output(n, net_unary(n, UNARY_RELU, y));
  assert_ok(network_infer(n));
  network_compact(n);
  return n;
}

static void run_and_check(const backend_t *b, const bytes_t *plan, const weight_source_t *source) {
  static const float x[12] = {1, 2, 3, 4, 5, 6, -1, 0, 1, 0, -1, 0};
  static const float expected[4] = {20.5f, 1, 0, 1};  // numpy: maximum(x @ w, 0)
  backend_engine_t *e;
  backend_context_t *c;
  assert_ok(b->load(plan->data, plan->size, source, &e));
  assert_ok(b->context_create(e, S(2, 2, 3), NULL, 1, &c));
  assert_true(shape_equal(b->output_shapes(c), S(2, 2)));
  tensor_t in = floats(S(2, 2, 3), x), out = floats(S(2, 2), NULL);
  for (int run = 0; run < 2; run++) {
    assert_ok(b->run(c, &in, &out));
    for (int i = 0; i < 4; i++) assert_float_equal(TENSOR_DATA(float, &out)[i], expected[i], 1e-6);
  }
  tensor_unref(&in);
  tensor_unref(&out);
  b->context_destroy(c);
  b->unload(e);
}

static void runs_after_a_round_trip(void **state) {
  (void)state;
  const backend_t *b = backend_find("ref");
  assert_non_null(b);
  network_t *n = small_network(NULL);
  bytes_t plan;
  assert_ok(b->build(n, NULL, &plan));
  run_and_check(b, &plan, NULL);
  char name[16];
  assert_ok(plan_backend(plan.data, plan.size, name, sizeof name));
  assert_string_equal(name, "ref");
  plan_t *p;
  assert_ok(plan_read(plan.data, plan.size, NULL, &p));
  char *before = network_to_text(n), *after = network_to_text(p->net);
  assert_string_equal(before, after);
  assert_string_equal(p->net->layers[0]->tf_nodes[0], "model/flat");
  mem_free(before);
  mem_free(after);
  plan_free(p);
  mem_free(plan.data);
  network_destroy(n);
}

static status_t read_weight(void *self, const char *key, tensor_t *out) {
  if (strcmp(key, "dense/kernel") != 0) return FAIL(NOT_FOUND, "no weight %s", key);
  *out = tensor_ref(self);
  return NULL;
}

static void weights_outside(void **state) {
  (void)state;
  const backend_t *b = backend_find("ref");
  network_t *n = small_network("dense/kernel");
  bytes_t plan;
  assert_ok(b->build(n, NULL, &plan));
  tensor_t *value = NULL;
  for (int i = 0; i < n->n_tensors; i++)
    if (n->tensors[i]->weight_key) value = &n->tensors[i]->value;
  assert_non_null(value);
  for (size_t i = 0; i + tensor_bytes(value) <= plan.size; i++)
    assert_memory_not_equal(plan.data + i, value->data, tensor_bytes(value));
  weight_source_t source = {read_weight, value};
  run_and_check(b, &plan, &source);
  backend_engine_t *e;
  assert_fails(b->load(plan.data, plan.size, NULL, &e), FAILED_PRECONDITION, "dense/kernel");
  tensor_t other = floats(S(3, 2), NULL);
  source.self = &other;
  assert_fails(b->load(plan.data, plan.size, &source, &e), DATA_LOSS, "dense/kernel");
  tensor_unref(&other);
  mem_free(plan.data);
  network_destroy(n);
}

static void assert_unrounded(const net_tensor_t *t, const float *want, int n) {
  tensor_t got;
  assert_ok(weight_unrounded(t, &got));
  assert_non_null(got.buf);
  assert_int_equal(got.dtype, DT_FLOAT);
  assert_true(shape_equal(&got.shape, &t->shape));
  assert_memory_equal(got.data, want, (size_t)n * sizeof *want);
  tensor_unref(&got);
}

// A 16-bit constant has the key of the float32 weight that it was rounded from, and factors.
static void weights_outside_are_rounded(void **state) {
  (void)state;
  network_t *n = small_network("dense/kernel");
  net_tensor_t *w = NULL;
  for (int i = 0; i < n->n_tensors; i++)
    if (n->tensors[i]->weight_key) w = n->tensors[i];
  assert_non_null(w);
  static const float given[12] = {1, 1.001953125f, 3.0048828125f, -65520, 1e-8f, 0};
  tensor_t stored = floats(S(6, 2), given);
  static const double factor[2] = {1, 3};
  w->dtype = DT_HALF;
  bytes_t plan;
  assert_ok(plan_write(n, "ref", NULL, 0, NULL, &plan));
  weight_source_t source = {read_weight, &stored};
  plan_t *p;
  assert_ok(plan_read(plan.data, plan.size, &source, &p));
  const tensor_t *got = &p->net->tensors[w->id]->value;
  assert_int_equal(got->dtype, DT_HALF);
  // numpy: array(given).astype(float16).view(uint16)
  static const uint16_t expected[6] = {0x3c00, 0x3c02, 0x4202, 0xfc00, 0, 0};
  assert_memory_equal(got->data, expected, sizeof expected);
  assert_unrounded(p->net->tensors[w->id], given, 12);
  plan_free(p);
  mem_free(plan.data);
  w->weight_scale = (weight_scale_t){.factor = factor, .n = 2, .inner = 1};
  assert_ok(plan_write(n, "ref", NULL, 0, NULL, &plan));
  assert_ok(plan_read(plan.data, plan.size, &source, &p));
  float scaled[12];
  for (int i = 0; i < 12; i++) scaled[i] = given[i] * (float)factor[i % 2];
  assert_unrounded(p->net->tensors[w->id], scaled, 12);
  plan_free(p);
  tensor_unref(&stored);
  mem_free(plan.data);
  network_destroy(n);
}

// One in the plan is there as it was, too, for kernels that have finer weights.
static void weights_inside_are_rounded(void **state) {
  (void)state;
  network_t *n = small_network(NULL);
  const layer_t *product = n->layers[n->n_layers - 2];
  assert_int_equal(product->type, LAYER_MATMUL);
  net_tensor_t *w = product->in[1];
  static const float given[12] = {1.0001f, 2, 3, 0.33333f};
  tensor_t rounded;
  assert_ok(tensor_alloc(DT_HALF, S(6, 2), &rounded));
  for (int i = 0; i < 12; i++) tensor_set_number(&rounded, i, given[i]);
  tensor_unref(&w->value);
  w->dtype = DT_HALF, w->value = rounded, w->unrounded = floats(S(6, 2), given);
  network_t *copy = network_clone(n);  // has it as well
  network_destroy(n);
  bytes_t plan;
  assert_ok(plan_write(copy, "ref", NULL, 0, NULL, &plan));
  plan_t *p;
  assert_ok(plan_read(plan.data, plan.size, NULL, &p));
  const net_tensor_t *got = p->net->tensors[copy->layers[copy->n_layers - 2]->in[1]->id];
  assert_int_equal(got->value.dtype, DT_HALF);
  assert_int_equal(TENSOR_DATA(uint16_t, &got->value)[3], float_to_half(0.33333f));
  assert_unrounded(got, given, 12);
  plan_free(p);
  mem_free(plan.data);
  network_destroy(copy);
}

static void blobs_are_aligned_in_place(void **state) {
  (void)state;
  network_t *n = small_network(NULL);
  plan_blob_t blobs[] = {{"tactics", "abc", 3}, {"packed", "0123456789", 10}, {"none", NULL, 0}};
  bytes_t bytes;
  assert_ok(plan_write(n, "ref", blobs, 3, NULL, &bytes));
  plan_t *p;
  assert_ok(plan_read(bytes.data, bytes.size, NULL, &p));
  assert_int_equal(p->n_blobs, 3);
  const plan_blob_t *b = plan_blob(p, "packed");
  assert_memory_equal(b->data, "0123456789", 10);
  assert_int_equal((uintptr_t)b->data % 64, 0);
  assert_null(plan_blob(p, "nothing"));
  for (int i = 0; i < p->net->n_tensors; i++) {  // constants are not copied
    const net_tensor_t *t = p->net->tensors[i];
    if (t->is_const)
      assert_in_range((uintptr_t)t->value.data, (uintptr_t)bytes.data,
                      (uintptr_t)bytes.data + bytes.size);
  }
  plan_free(p);
  mem_free(bytes.data);
  network_destroy(n);
}

static void damage_is_found(void **state) {
  (void)state;
  network_t *n = small_network(NULL);
  bytes_t plan;
  assert_ok(plan_write(n, "ref", NULL, 0, NULL, &plan));
  plan_t *p;
  for (size_t size = 0; size < plan.size; size += 7)
    assert_fails(plan_read(plan.data, size, NULL, &p), DATA_LOSS, "not a whole plan");
  for (size_t bit = 0; bit < 8 * plan.size; bit++) {
    plan.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    status_t st = plan_read(plan.data, plan.size, NULL, &p);
    assert_non_null(st);
    bool version = bit / 8 >= 8 && bit / 8 < 16;  // may be a newer version
    assert_true(status_code(st) == CODE_DATA_LOSS ||
                (version && status_code(st) == CODE_UNIMPLEMENTED));
    status_free(st);
    plan.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_ok(plan_read(plan.data, plan.size, NULL, &p));
  plan_free(p);
  mem_free(plan.data);
  network_destroy(n);
}

static void specialisation_leaves_only_the_work(void **state) {
  (void)state;
  network_t *n = small_network(NULL);
  bool flags[1];
  network_shape_inputs(n, flags);
  assert_false(flags[0]);
  specialized_t *s;
  assert_ok(specialize(n, S(5, 2, 3), NULL, &s));
  assert_int_equal(s->n_layers, 3);  // reshape, matmul, relu
  assert_true(shape_equal(spec_shape(s, n->outputs[0]), S(5, 2)));
  specialized_free(s);
  assert_fails(specialize(n, S(5, 2, 4), NULL, &s), INVALID_ARGUMENT, "input 0 (x)");
  network_destroy(n);
}

static void shape_inputs_need_values(void **state) {
  (void)state;
  network_t *n = network_create("t");
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, S(-1));
  net_tensor_t *dims = network_add_input(n, "dims", DT_INT64, S(2));
  network_mark_output(n, net_reshape(n, x, dims));
  bool flags[2];
  network_shape_inputs(n, flags);
  assert_false(flags[0]);
  assert_true(flags[1]);
  shape_t shapes[] = {SHAPE(6), SHAPE(2)};
  specialized_t *s;
  assert_fails(specialize(n, shapes, NULL, &s), FAILED_PRECONDITION, "RESHAPE");
  tensor_t values[2] = {{0}};
  assert_ok(tensor_from_ints(DT_INT64, S(2), (int64_t[]){3, -1}, &values[1]));
  assert_ok(specialize(n, shapes, values, &s));
  assert_true(shape_equal(spec_shape(s, n->outputs[0]), S(3, 2)));
  specialized_free(s);
  tensor_unref(&values[1]);
  network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_after_a_round_trip),
      cmocka_unit_test(weights_outside),
      cmocka_unit_test(weights_outside_are_rounded),
      cmocka_unit_test(weights_inside_are_rounded),
      cmocka_unit_test(blobs_are_aligned_in_place),
      cmocka_unit_test(damage_is_found),
      cmocka_unit_test(specialisation_leaves_only_the_work),
      cmocka_unit_test(shape_inputs_need_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
