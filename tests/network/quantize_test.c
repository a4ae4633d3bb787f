// Which tensors of an implicit network end up in 8 bits.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "network/network.h"
#include "test.h"

static net_tensor_t *conv(network_t *n, net_tensor_t *x, int c_in, int c_out, float range) {
  shape_t s = SHAPE(1, 1, c_in, c_out);
  tensor_t w;
  assert_ok(tensor_alloc(DT_FLOAT, &s, &w));
  for (int64_t i = 0; i < tensor_elements(&w); i++)
    TENSOR_DATA(float, &w)[i] = sinf((float)i) * (float)(1 + i % c_out);
  net_tensor_t *in[] = {x, network_add_constant(n, "w", &w, NULL)};
  tensor_unref(&w);
  layer_params_t p = {
      .conv = {.spatial = 2, .channels_last = true, .strides = {1, 1}, .dilations = {1, 1}}};
  net_tensor_t *y = net_layer1(n, LAYER_CONV, 2, in, DT_FLOAT, &p);
  y->scale = range / 127;
  return y;
}

static net_tensor_t *relu(network_t *n, net_tensor_t *x, float range) {
  net_tensor_t *y = net_unary(n, UNARY_RELU, x);
  y->scale = range / 127;
  return y;
}

static net_tensor_t *pool_of(network_t *n, net_tensor_t *x, bool max) {
  layer_params_t p = {
      .pool = {
          .max = max, .spatial = 2, .channels_last = true, .window = {2, 2}, .strides = {2, 2}}};
  net_tensor_t *y = net_layer1(n, LAYER_POOL, 1, &x, DT_FLOAT, &p);
  y->scale = 5 / 127.0f;
  return y;
}

static net_tensor_t *pool(network_t *n, net_tensor_t *x) { return pool_of(n, x, true); }

static int count(const network_t *n, layer_type_t type, dtype_t out) {
  int k = 0;
  for (int i = 0; i < n->n_layers; i++)
    k += n->layers[i]->type == type && (!out || n->layers[i]->out[0]->dtype == out);
  return k;
}

static network_t *start(net_tensor_t **x) {
  network_t *n = network_create("implicit");
  n->int8 = n->implicit_ranges = true;
  shape_t s = SHAPE(1, 8, 8, 4);
  *x = network_add_input(n, "x", DT_FLOAT, &s);
  (*x)->scale = 1 / 127.0f;
  return n;
}

static void optimize(network_t *n, net_tensor_t *out) {
  network_mark_output(n, out);
  assert_ok(network_infer(n));
  network_options_t o = {.struct_size = sizeof o, .fuse = true};
  assert_ok(network_optimize(n, &o));
}

// conv, relu, pool, then a block with a residual, which stays float: 8 bits from convolution to
// convolution, unsigned after every relu, and a QUANTIZE where a block begins.
static void stays_in_8_bits(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(&x);
  net_tensor_t *a = pool(n, relu(n, conv(n, x, 4, 8, 6), 5));
  net_tensor_t *b = relu(n, conv(n, a, 8, 8, 9), 8);
  net_tensor_t *sum = net_binary(n, BINARY_ADD, conv(n, b, 8, 8, 9), a);
  sum->scale = 12 / 127.0f;
  net_tensor_t *c = relu(n, sum, 11);
  optimize(n, conv(n, c, 8, 4, 20));
  assert_int_equal(count(n, LAYER_QUANTIZE, DT_INT8), 1);
  assert_int_equal(count(n, LAYER_QUANTIZE, DT_UINT8), 1);
  assert_int_equal(count(n, LAYER_DEQUANTIZE, DT_INVALID), 0);
  assert_int_equal(count(n, LAYER_POOL, DT_FLOAT), 1);
  assert_int_equal(count(n, LAYER_CONV, DT_UINT8), 2);
  assert_int_equal(count(n, LAYER_CONV, DT_FLOAT), 2);  // the residual's, and the output
  assert_int_equal(n->n_layers, 7);
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (l->type != LAYER_CONV) continue;
    assert_int_equal(l->in[1]->dtype, DT_INT8);
    assert_int_equal(l->in[1]->n_channel_scales, l->in[1]->shape.d[3]);
    if (l->p.conv.has_residual) assert_int_equal(l->in[2]->dtype, DT_FLOAT);
  }
  network_destroy(n);
}

// Weights: 127 steps to the largest of each channel, to one of the two nearest steps
// (network/rounding.h).
static void weights_have_a_scale_per_channel(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(&x);
  optimize(n, conv(n, x, 4, 6, 3));
  const net_tensor_t *w = NULL;
  for (int i = 0; i < n->n_layers; i++)
    if (n->layers[i]->type == LAYER_CONV) w = n->layers[i]->in[1];
  assert_non_null(w);
  for (int m = 0; m < 6; m++) {
    float most = 0;
    int largest = 0;
    for (int c = 0; c < 4; c++) {
      float v = sinf((float)(c * 6 + m)) * (float)(1 + (c * 6 + m) % 6);
      int q = TENSOR_DATA(int8_t, &w->value)[c * 6 + m];
      most = fmaxf(most, fabsf(v));
      largest = abs(q) > largest ? abs(q) : largest;
      assert_true(fabsf((float)q * w->channel_scale[m] - v) <= w->channel_scale[m] * 1.0001f);
    }
    assert_int_equal(largest, 127);
    assert_true(w->channel_scale[m] == most / 127);
  }
  network_destroy(n);
}

// What the convolution reads that ends the network.
static net_tensor_t *input_of(const network_t *n) {
  for (int i = n->n_layers - 1; i >= 0; i--)
    if (n->layers[i]->type == LAYER_CONV) return n->layers[i]->in[0];
  fail_msg("no convolution");
  return NULL;
}

// 255 steps from the least to the largest value: by what is known of the function, or by what
// calibration saw.
static void steps_between_bounds(void **state) {
  (void)state;
  static const struct {
    unary_op_t op;
    float range, seen_least, seen_most, least, most;
  } cases[] = {
      {UNARY_GELU_ERF, 4, 0, 0, -0.169971f, 4},
      {UNARY_GELU_TANH, 4, 0, 0, -0.170041f, 4},
      {UNARY_SWISH, 5, 0, 0, -0.278465f, 5},
      {UNARY_HARD_SWISH, 5, 0, 0, -0.375f, 5},
      {UNARY_MISH, 5, 0, 0, -0.308844f, 5},
      {UNARY_ELU, 5, 0, 0, -1, 5},
      {UNARY_RELU, 4, 0, 0, 0, 4},
      {UNARY_SWISH, 0.2f, -0.2f, 0.1f, -0.2f, 0.1f},
      {UNARY_SIN, 2, -0.5f, 1.5f, -0.5f, 1.5f},
      {UNARY_SIN, 2, -2, 0.25f, -2, 0.25f},
      {UNARY_TANH, 0.5f, 0, 0, -0.5f, 0.5f},
      {UNARY_SIN, 1, -0.99f, 1, -1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    net_tensor_t *x;
    network_t *n = start(&x);
    net_tensor_t *y = net_unary(n, cases[i].op, conv(n, x, 4, 8, 6));
    y->scale = cases[i].range / 127;
    y->least = cases[i].seen_least;
    y->most = cases[i].seen_most;
    optimize(n, conv(n, y, 8, 4, 9));
    const net_tensor_t *q = input_of(n);
    float least = cases[i].least, most = cases[i].most;
    if (least == -most) {
      assert_int_equal(q->dtype, DT_INT8);
      assert_int_equal(q->zero_point, 0);
      assert_true(fabsf(q->scale * 127 - most) < 1e-5f);
    } else {
      assert_int_equal(q->dtype, DT_UINT8);
      assert_true(fabsf(q->scale * 255 - (most - least)) < 1e-5f);
      assert_int_equal(q->zero_point, lrintf(-least / q->scale));
    }
    network_destroy(n);
  }
}

// The least values that the pass knows are those of the functions.
static void least_values(void **state) {
  (void)state;
  static const struct {
    unary_op_t op;
    double least;
  } known[] = {{UNARY_GELU_ERF, -0.169971}, {UNARY_GELU_TANH, -0.170041}, {UNARY_SWISH, -0.278465},
               {UNARY_MISH, -0.308844},     {UNARY_HARD_SWISH, -0.375},   {UNARY_SELU, -1.7581}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    double least = 0;
    for (int k = -20000; k <= 0; k++) least = fmin(least, unary_eval(known[i].op, k * 1e-3, 0, 0));
    assert_true(fabs(least - known[i].least) < 2e-6);
  }
}

// Concats have one scale for all that they join, and what joins them is made with it.
static void concat_shares_a_scale(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(&x);
  net_tensor_t *parts[] = {relu(n, conv(n, x, 4, 8, 6), 5), relu(n, conv(n, x, 4, 8, 3), 2)};
  layer_params_t p = {.axis = 3};
  net_tensor_t *both = net_layer1(n, LAYER_CONCAT, 2, parts, DT_FLOAT, &p);
  both->scale = 5 / 127.0f;
  optimize(n, conv(n, both, 16, 4, 9));
  assert_int_equal(count(n, LAYER_CONCAT, DT_UINT8), 1);
  assert_int_equal(count(n, LAYER_CONV, DT_UINT8), 2);
  assert_int_equal(count(n, LAYER_QUANTIZE, DT_INVALID), 1);
  for (int i = 0; i < n->n_layers; i++)
    if (n->layers[i]->type == LAYER_CONCAT)
      for (int k = 0; k < 2; k++)
        assert_true(n->layers[i]->in[k]->scale == n->layers[i]->out[0]->scale);
  network_destroy(n);
}

// Without a range, or without permission, a layer stays as it is.
static void stays_float(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    net_tensor_t *x;
    network_t *n = start(&x);
    if (k == 0) x->scale = 0;
    if (k == 1) n->int8 = false;
    optimize(n, conv(n, x, 4, 8, 6));
    assert_int_equal(n->n_layers, 1);
    assert_int_equal(n->layers[0]->in[1]->dtype, DT_FLOAT);
    if (k == 0) assert_string_equal(n->layers[0]->why, "no range is known of its input");
    network_destroy(n);
  }
}

// A spectrum: linear layers, powers, a logarithm. What comes behind it is in 8 bits.
static void what_becomes_a_logarithm_stays_float(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(&x);
  net_tensor_t *y = conv(n, conv(n, x, 4, 8, 6), 8, 8, 5);
  y = net_unary(n, UNARY_LOG, net_binary(n, BINARY_MUL, y, y));
  y->scale = 8 / 127.0f;
  optimize(n, conv(n, relu(n, conv(n, y, 8, 8, 9), 8), 8, 4, 20));
  for (int i = 0, k = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (l->type != LAYER_CONV) continue;
    assert_int_equal(l->in[1]->dtype, k < 2 ? DT_FLOAT : DT_INT8);
    if (k++ < 2)
      assert_string_equal(l->why, "a logarithm is taken of what it computes");
    else
      assert_null(l->why);
  }
  assert_int_equal(count(n, LAYER_CONV, DT_INVALID), 4);
  network_destroy(n);
}

// A layer whose TensorFlow node is kept stays float, says so, and its neighbours do not.
static void kept_layers(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    net_tensor_t *x;
    network_t *n = start(&x);
    n->tf_node = "first";
    net_tensor_t *a = relu(n, conv(n, x, 4, 8, 6), 5);
    n->tf_node = "second";
    net_tensor_t *b = relu(n, conv(n, a, 8, 8, 9), 8);
    n->tf_node = "third";
    net_tensor_t *c = conv(n, b, 8, 4, 20);
    network_keep(n, "nothing", DT_FLOAT);
    if (k) network_keep(n, "second", DT_HALF);
    network_t *copy = network_clone(n);
    optimize(n, c);
    assert_int_equal(copy->n_keep, 1 + k);
    network_destroy(copy);
    for (int i = 0; i < n->n_layers; i++) {
      const layer_t *l = n->layers[i];
      if (l->type != LAYER_CONV) continue;
      bool second = strcmp(l->tf_nodes[0], "second") == 0;
      assert_int_equal(network_kept(n, l), k && second ? DT_HALF : DT_INVALID);
      assert_int_equal(l->in[1]->dtype, k && second ? DT_FLOAT : DT_INT8);
      if (k && second)
        assert_string_equal(l->why, "it is kept in higher precision");
      else
        assert_null(l->why);
    }
    assert_int_equal(count(n, LAYER_QUANTIZE, DT_INVALID), 1 + k);
    network_destroy(n);
  }
}

// x w' with w [n, k]: the 8-bit weights are [k, n], each column with the scale of its row.
static void transposed_weights(void **state) {
  (void)state;
  enum { K = 5, CHANNELS = 3 };
  network_t *n = network_create("implicit");
  n->int8 = n->implicit_ranges = true;
  shape_t xs = SHAPE(4, K), ws = SHAPE(CHANNELS, K);
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, &xs);
  x->scale = 1 / 127.0f;
  tensor_t w;
  assert_ok(tensor_alloc(DT_FLOAT, &ws, &w));
  float *v = w.data;
  for (int i = 0; i < CHANNELS * K; i++) {
    int channel = i / K;
    v[i] = sinf((float)i) * (float)(1 + channel * 10);
  }
  net_tensor_t *in[] = {x, network_add_constant(n, "w", &w, NULL)};
  layer_params_t p = {.matmul = {.transpose_b = true}};
  optimize(n, net_layer1(n, LAYER_MATMUL, 2, in, DT_FLOAT, &p));
  const layer_t *l = NULL;
  for (int i = 0; i < n->n_layers; i++)
    if (n->layers[i]->type == LAYER_MATMUL) l = n->layers[i];
  assert_non_null(l);
  assert_false(l->p.matmul.transpose_b);
  assert_int_equal(l->in[1]->dtype, DT_INT8);
  assert_true(shape_equal(&l->in[1]->shape, (shape_t[]){SHAPE(K, CHANNELS)}));
  assert_int_equal(l->in[1]->n_channel_scales, CHANNELS);
  for (int m = 0; m < CHANNELS; m++) {
    float scale = l->in[1]->channel_scale[m], most = 0;
    for (int k = 0; k < K; k++) {
      most = fmaxf(most, fabsf(v[m * K + k]));
      float got = (float)TENSOR_DATA(int8_t, &l->in[1]->value)[k * CHANNELS + m] * scale;
      assert_true(fabsf(got - v[m * K + k]) <= scale * 0.5001f);
    }
    assert_true(fabsf(scale * 127 - most) <= 1e-6f * most);
  }
  tensor_unref(&w);
  network_destroy(n);
}

static const layer_t *only(const network_t *n, layer_type_t type) {
  const layer_t *found = NULL;
  assert_int_equal(count(n, type, DT_INVALID), 1);
  for (int i = 0; i < n->n_layers; i++)
    if (n->layers[i]->type == type) found = n->layers[i];
  return found;
}

// An average reads what there is for another layer, and writes numbers where only such are read.
static void averages_take_numbers(void **state) {
  (void)state;
  for (int shared = 0; shared < 2; shared++) {
    net_tensor_t *x;
    network_t *n = start(&x);
    net_tensor_t *a = relu(n, conv(n, x, 4, 8, 6), 5), *y = pool_of(n, a, false);
    if (shared) {
      network_mark_output(n, net_unary(n, UNARY_EXP, y));  // a reader that needs floats
      network_mark_output(n, conv(n, a, 8, 4, 9));
    }
    optimize(n, shared ? conv(n, a, 8, 4, 8) : conv(n, y, 8, 4, 8));
    const layer_t *l = only(n, LAYER_POOL);
    assert_int_equal(l->in[0]->dtype, DT_UINT8);
    assert_int_equal(l->out[0]->dtype, shared ? DT_FLOAT : DT_UINT8);
    assert_int_equal(count(n, LAYER_QUANTIZE, DT_INVALID), 1);  // of the input
    network_destroy(n);
  }
}

// Whose result only floats are made of, and whose input is nobody else's: it stays as it is.
static void averages_of_floats(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = start(&x);
  optimize(n, net_unary(n, UNARY_EXP, pool_of(n, relu(n, conv(n, x, 4, 8, 6), 5), false)));
  assert_int_equal(only(n, LAYER_POOL)->in[0]->dtype, DT_FLOAT);
  network_destroy(n);
}

// Products over no inputs, whose results are 0, and transposed convolutions of images without
// channels.
static void sums_of_nothing_stay_float(void **state) {
  (void)state;
  for (int transposed = 0; transposed < 2; transposed++) {
    static const int64_t size[] = {8, 8};
    network_t *n = network_create("nothing");
    shape_t xs = transposed ? SHAPE(1, 4, 4, 0) : SHAPE(4, 0);
    shape_t ws = transposed ? SHAPE(2, 2, 5, 0) : SHAPE(0, 5);
    tensor_t w;
    n->int8 = n->implicit_ranges = true;
    assert_ok(tensor_alloc(DT_FLOAT, &ws, &w));
    net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, &xs);
    net_tensor_t *in[] = {x, network_add_constant(n, "w", &w, NULL),
                          network_const_ints(n, "size", DT_INT32, 2, size)};
    tensor_unref(&w);
    x->scale = 1 / 127.0f;
    layer_params_t p = {
        .conv = {.spatial = 2, .channels_last = true, .strides = {2, 2}, .dilations = {1, 1}}};
    optimize(n, transposed ? net_layer1(n, LAYER_DECONV, 3, in, DT_FLOAT, &p)
                           : net_matmul(n, x, in[1], false, false));
    for (int i = 0; i < n->n_layers; i++) assert_int_equal(n->layers[i]->in[0]->dtype, DT_FLOAT);
    network_destroy(n);
  }
}

// softmax(a b') c in 8 bits but for what weighs by the softmax.
static void products_of_activations(void **state) {
  (void)state;
  for (int length = 16; length <= 128; length += 112) {
    network_t *n = network_create("attention");
    n->int8 = n->implicit_ranges = true;
    shape_t s = SHAPE(2, length, 64);
    net_tensor_t *in[3];
    for (int i = 0; i < 3; i++) {
      char name[8];
      snprintf(name, sizeof name, "x%d", i);
      in[i] = network_add_input(n, arena_printf(n->arena, "%s", name), DT_FLOAT, &s);
      in[i]->scale = 3 / 127.0f;
      in[i]->least = -1, in[i]->most = 3;
    }
    layer_params_t p = {.softmax = {.axis = -1}};
    net_tensor_t *scores = net_matmul(n, in[0], in[1], false, true);
    net_tensor_t *weights = net_layer1(n, LAYER_SOFTMAX, 1, &scores, DT_FLOAT, &p);
    weights->scale = 1 / 127.0f;
    optimize(n, net_matmul(n, weights, in[2], false, false));
    int numbers = 0;
    for (int i = 0; i < n->n_layers; i++) {
      const layer_t *l = n->layers[i];
      if (l->type != LAYER_MATMUL) continue;
      bool is_8bit = l->in[0]->dtype == DT_UINT8 && l->in[1]->dtype == DT_INT8;
      numbers += is_8bit;
      if (is_8bit)
        assert_int_equal(l->in[1]->zero_point, 0);
      else
        assert_non_null(strstr(l->why, l->in[0]->producer ? "softmax" : "too small"));
    }
    assert_int_equal(numbers, length == 128);
    network_destroy(n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transposed_weights),
      cmocka_unit_test(stays_in_8_bits),
      cmocka_unit_test(weights_have_a_scale_per_channel),
      cmocka_unit_test(steps_between_bounds),
      cmocka_unit_test(least_values),
      cmocka_unit_test(concat_shares_a_scale),
      cmocka_unit_test(stays_float),
      cmocka_unit_test(averages_take_numbers),
      cmocka_unit_test(averages_of_floats),
      cmocka_unit_test(products_of_activations),
      cmocka_unit_test(sums_of_nothing_stay_float),
      cmocka_unit_test(kept_layers),
      cmocka_unit_test(what_becomes_a_logarithm_stays_float),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
