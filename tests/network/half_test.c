// Which tensors of a network end up in 16 bits.
#include "network/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static net_tensor_t *constant(network_t *n, shape_t s, float size, const char *key) {
  tensor_t w;
  assert_ok(tensor_alloc(DT_FLOAT, &s, &w));
  for (int64_t i = 0; i < tensor_elements(&w); i++)
    TENSOR_DATA(float, &w)[i] = size * sinf((float)i + 1);
  net_tensor_t *t = network_add_constant(n, "w", &w, key);
  tensor_unref(&w);
  return t;
}

static net_tensor_t *conv(network_t *n, net_tensor_t *x, int c_in, int c_out, float size) {
  net_tensor_t *in[] = {x, constant(n, SHAPE(1, 1, c_in, c_out), size, NULL)};
  layer_params_t p = {
      .conv = {.spatial = 2, .channels_last = true, .strides = {1, 1}, .dilations = {1, 1}}};
  n->tf_node = "convolution";
  net_tensor_t *y = net_layer1(n, LAYER_CONV, 2, in, DT_FLOAT, &p);
  n->tf_node = NULL;
  return y;
}

static net_tensor_t *product(network_t *n, net_tensor_t *x, int rows, int columns) {
  return net_matmul(n, x, constant(n, SHAPE(rows, columns), 1, NULL), false, false);
}

static net_tensor_t *norm(network_t *n, net_tensor_t *x, int channels) {
  net_tensor_t *in[] = {x, constant(n, SHAPE(channels), 1, NULL)};
  layer_params_t p = {.n_axes = 1, .axes = {1}, .norm = {.epsilon = 1e-3f}};
  return net_layer1(n, LAYER_NORM, 2, in, DT_FLOAT, &p);
}

static network_t *start(shape_t s, net_tensor_t **x) {
  network_t *n = network_create("half");
  n->half = HALF_BFLOAT16;
  *x = network_add_input(n, "x", DT_FLOAT, &s);
  return n;
}

// Every layer that may, on `to` tensors.
static void assign(network_t *n, net_tensor_t *out, dtype_t to) {
  network_mark_output(n, out);
  assert_ok(network_infer(n));
  network_options_t o = {.struct_size = sizeof o, .fuse = true};
  assert_ok(network_optimize(n, &o));
  dtype_t *type = mem_alloc(((size_t)n->n_layers + 1) * sizeof *type);
  for (int i = 0; i < n->n_layers; i++) type[i] = to;
  assert_ok(network_assign_half(n, type));
  mem_free(type);
  assert_int_equal(n->half, HALF_NONE);
  for (int i = 0; i < n->n_inputs; i++) assert_int_equal(n->inputs[i]->dtype, DT_FLOAT);
  for (int i = 0; i < n->n_outputs; i++) assert_int_equal(n->outputs[i]->dtype, DT_FLOAT);
}

static const layer_t *find(const network_t *n, layer_type_t type, int skip) {
  for (int i = 0; i < n->n_layers; i++)
    if (n->layers[i]->type == type && skip-- == 0) return n->layers[i];
  fail_msg("there is no such %s", layer_type_name(type));
  return NULL;
}

static int count(const network_t *n, layer_type_t type) {
  int k = 0;
  for (int i = 0; i < n->n_layers; i++) k += n->layers[i]->type == type;
  return k;
}

static void runs_of_layers_stay_in_16_bits(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(SHAPE(1, 8, 8, 16), &x);
  layer_params_t p = {
      .pool = {
          .max = true, .spatial = 2, .channels_last = true, .window = {2, 2}, .strides = {2, 2}}};
  net_tensor_t *y = net_unary(n, UNARY_RELU, conv(n, x, 16, 8, 1));
  y = net_layer1(n, LAYER_POOL, 1, &y, DT_FLOAT, &p);
  y = net_unary(n, UNARY_CEIL, conv(n, net_unary(n, UNARY_SIN, y), 8, 8, 1));
  assign(n, y, DT_HALF);
  // The second one's result is rounded to whole numbers.
  assert_int_equal(find(n, LAYER_CONV, 0)->in[0]->dtype, DT_HALF);
  assert_int_equal(find(n, LAYER_CONV, 0)->in[1]->dtype, DT_HALF);
  assert_int_equal(find(n, LAYER_CONV, 1)->in[0]->dtype, DT_FLOAT);
  assert_string_equal(find(n, LAYER_CONV, 1)->why, "what it computes is rounded to steps");
  assert_null(find(n, LAYER_CONV, 0)->why);
  network_destroy(n);

  n = start(SHAPE(1, 8, 8, 16), &x);
  y = net_unary(n, UNARY_RELU, conv(n, x, 16, 8, 1));
  y = net_layer1(n, LAYER_POOL, 1, &y, DT_FLOAT, &p);
  y = conv(n, net_unary(n, UNARY_TANH, y), 8, 8, 1);
  assign(n, y, DT_BFLOAT16);
  assert_int_equal(count(n, LAYER_CAST), 1);  // of the input: the last one writes float32 itself
  assert_int_equal(find(n, LAYER_POOL, 0)->in[0]->dtype, DT_BFLOAT16);
  assert_int_equal(find(n, LAYER_POOL, 0)->out[0]->dtype, DT_BFLOAT16);
  assert_int_equal(find(n, LAYER_CONV, 1)->in[0]->dtype, DT_BFLOAT16);
  network_destroy(n);
}

// Sums, exponents and statistics read what was computed in float32.
static void layers_at_risk_stay_in_float32(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(SHAPE(4, 16), &x);
  layer_params_t p = {.softmax = {.axis = 1}};
  net_tensor_t *y = product(n, x, 16, 32);
  y = net_layer1(n, LAYER_SOFTMAX, 1, &y, DT_FLOAT, &p);
  y = product(n, y, 32, 16);
  y = net_binary(n, BINARY_ADD, net_unary(n, UNARY_EXP, y),
                 network_const_scalar(n, "one", DT_FLOAT, 1));
  assign(n, product(n, y, 16, 8), DT_HALF);
  assert_int_equal(find(n, LAYER_SOFTMAX, 0)->in[0]->dtype, DT_FLOAT);
  assert_int_equal(find(n, LAYER_SOFTMAX, 0)->out[0]->dtype, DT_HALF);
  assert_int_equal(find(n, LAYER_FUSED, 0)->in[0]->dtype, DT_FLOAT);
  assert_int_equal(find(n, LAYER_FUSED, 0)->out[0]->dtype, DT_HALF);
  network_destroy(n);
}

// Along a transformer's residual stream roundings would add up.
static void sums_that_are_normalised_stay_in_float32(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(SHAPE(4, 16), &x);
  net_tensor_t *stream = norm(n, x, 16);
  for (int i = 0; i < 2; i++) {
    net_tensor_t *y = product(n, net_unary(n, UNARY_RELU, product(n, stream, 16, 32)), 32, 16);
    stream = norm(n, net_binary(n, BINARY_ADD, y, stream), 16);
  }
  assign(n, stream, DT_BFLOAT16);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(find(n, LAYER_NORM, i)->in[0]->dtype, DT_FLOAT);
    assert_int_equal(find(n, LAYER_NORM, i)->out[0]->dtype, DT_FLOAT);
  }
  for (int i = 0; i < 4; i++) {
    assert_int_equal(find(n, LAYER_MATMUL, i)->in[0]->dtype, DT_BFLOAT16);
    assert_int_equal(find(n, LAYER_MATMUL, i)->out[0]->dtype, i % 2 ? DT_FLOAT : DT_BFLOAT16);
  }
  network_destroy(n);
}

// A spectrum: linear layers, powers, a logarithm. What comes behind it may be in 16 bits.
static void what_becomes_a_logarithm_stays_in_float32(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(SHAPE(4, 16), &x);
  net_tensor_t *y = product(n, product(n, x, 16, 32), 32, 16);
  y = net_unary(n, UNARY_LOG, net_binary(n, BINARY_MUL, y, y));
  assign(n, product(n, net_unary(n, UNARY_RELU, product(n, y, 16, 32)), 32, 8), DT_HALF);
  static const dtype_t want[] = {DT_FLOAT, DT_FLOAT, DT_HALF, DT_HALF};
  for (int i = 0; i < 4; i++) {
    const layer_t *l = find(n, LAYER_MATMUL, i);
    assert_int_equal(l->in[0]->dtype, want[i]);
    if (i < 2) assert_string_equal(l->why, "a logarithm is taken of what it computes");
  }
  network_destroy(n);
}

// Steps that the graph asks for must come out as they are; those of a calibrated range are a
// choice.
static void calibrated_steps_do_not_keep_float32(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(SHAPE(4, 16), &x);
  n->int8 = n->implicit_ranges = true;
  net_tensor_t *y = product(n, x, 16, 32);  // no range of x is known
  y->scale = 0.1f;
  network_mark_output(n, product(n, y, 32, 8));
  assert_ok(network_infer(n));
  network_options_t o = {.struct_size = sizeof o, .fuse = true};
  assert_ok(network_optimize(n, &o));
  const layer_t *first = find(n, LAYER_MATMUL, 0), *second = find(n, LAYER_MATMUL, 1);
  assert_int_equal(second->in[0]->dtype, DT_INT8);
  assert_int_equal(second->in[0]->producer->type, LAYER_QUANTIZE);
  assert_false(layer_has_half(second));
  assert_null(layer_refuses_half(n, first, DT_HALF));
  n->implicit_ranges = false;
  assert_string_equal(layer_refuses_half(n, first, DT_HALF),
                      "what it computes is rounded to steps");
  network_destroy(n);
}

static const char *reason_of(int channels, float size, float range, const char *keep, dtype_t to) {
  static char why[128];
  net_tensor_t *x;
  network_t *n = start(SHAPE(1, 4, 4, channels), &x);
  x->scale = range / 127;
  if (keep) network_keep(n, keep, DT_FLOAT);
  assign(n, conv(n, x, channels, 8, size), to);
  const layer_t *l = find(n, LAYER_CONV, 0);
  assert_int_equal(l->in[0]->dtype, l->why ? DT_FLOAT : to);
  snprintf(why, sizeof why, "%s", l->why ? l->why : "");
  network_destroy(n);
  return why;
}

static const char *reason(float size, float range, const char *keep, dtype_t to) {
  return reason_of(16, size, range, keep, to);
}

static void what_does_not_fit_stays_in_float32(void **state) {
  (void)state;
  static const char measured[] = "values of its input were measured that FP16 has not";
  static const char weights[] = "its weights are too large or too small for FP16";
  assert_string_equal(reason(1, 60000, NULL, DT_HALF), "");
  assert_string_equal(reason(1, 70000, NULL, DT_HALF), measured);
  assert_string_equal(reason(1, 70000, NULL, DT_BFLOAT16), "");
  assert_string_equal(reason(1e5f, 1, NULL, DT_HALF), weights);
  assert_string_equal(reason(1e-6f, 1, NULL, DT_HALF), weights);
  assert_string_equal(reason(1e-6f, 1, NULL, DT_BFLOAT16), "");
  assert_string_equal(reason_of(3, 1, 1, NULL, DT_HALF), "");
  assert_string_equal(reason_of(3, 1, 1, NULL, DT_BFLOAT16),
                      "BF16 is no faster for so few channels");
  assert_string_equal(reason(1, 1, "convolution", DT_HALF), "it is kept in higher precision");
}

static void constants_are_rounded_and_keep_their_key(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(SHAPE(4, 16), &x);
  net_tensor_t *w = constant(n, SHAPE(16, 8), 1, "variable/w");
  float first = TENSOR_DATA(float, &w->value)[0];
  assign(n, net_matmul(n, x, w, false, false), DT_HALF);
  const net_tensor_t *rounded = find(n, LAYER_MATMUL, 0)->in[1];
  assert_int_equal(rounded->dtype, DT_HALF);
  assert_string_equal(rounded->weight_key, "variable/w");
  assert_int_equal(TENSOR_DATA(uint16_t, &rounded->value)[0], float_to_half(first));
  assert_int_equal(rounded->unrounded.dtype, DT_FLOAT);
  assert_true(TENSOR_DATA(float, &rounded->unrounded)[0] == first);
  network_destroy(n);
}

// What moves between layers costs less when it is in 16 bits, and more when it is cast for one.
static void traffic_tells_what_casts_cost(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(SHAPE(1, 8, 8, 16), &x);
  net_tensor_t *y = conv(n, x, 16, 16, 1);
  for (int i = 0; i < 2; i++) y = conv(n, y, 16, 16, 1);
  network_mark_output(n, y);
  assert_ok(network_infer(n));
  network_compact(n);
  int64_t sizes[16] = {0};
  for (int i = 0; i < n->n_tensors; i++)
    if (!n->tensors[i]->is_const) sizes[i] = 100;
  dtype_t type[3] = {DT_FLOAT, DT_FLOAT, DT_FLOAT};
  assert_int_equal(network_half_traffic(n, type, sizes), 0);
  type[1] = DT_HALF;  // its input is cast; it writes float32 itself
  assert_int_equal(network_half_traffic(n, type, sizes), 600);
  type[0] = DT_HALF;
  assert_int_equal(network_half_traffic(n, type, sizes), 600);
  type[1] = DT_FLOAT, type[2] = DT_HALF;
  assert_int_equal(network_half_traffic(n, type, sizes), 1200);
  network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_of_layers_stay_in_16_bits),
      cmocka_unit_test(layers_at_risk_stay_in_float32),
      cmocka_unit_test(sums_that_are_normalised_stay_in_float32),
      cmocka_unit_test(what_becomes_a_logarithm_stays_in_float32),
      cmocka_unit_test(calibrated_steps_do_not_keep_float32),
      cmocka_unit_test(what_does_not_fit_stays_in_float32),
      cmocka_unit_test(constants_are_rounded_and_keep_their_key),
      cmocka_unit_test(traffic_tells_what_casts_cost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
