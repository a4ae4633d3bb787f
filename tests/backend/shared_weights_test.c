// Weights of equal contents are in a plan once, whatever their shapes and who reads them: each
// layer has them packed as it needs them.
#include "backend/run_network.h"
#include "network/network.h"

enum { SIDE = 9 };

static net_tensor_t *weight(network_t *n, dtype_t dtype, shape_t s) {
  tensor_t w =
      random_tensor(dtype, &s, 7, dtype == DT_INT8 ? -127 : -1, dtype == DT_INT8 ? 128 : 1);
  net_tensor_t *t = network_add_constant(n, "w", &w, NULL);
  tensor_unref(&w);
  return t;
}

static net_tensor_t *input(network_t *n, int64_t channels, shape_t *s) {
  *s = SHAPE(1, SIDE, SIDE, channels);
  return random_input(n, 3, DT_FLOAT, s, -1, 1);
}

static layer_params_t window(int64_t sy, int64_t sx, bool depthwise) {
  return (layer_params_t){.conv = {.spatial = 2,
                                   .channels_last = true,
                                   .strides = {sy, sx},
                                   .dilations = {1, 1},
                                   .same = true,
                                   .depthwise = depthwise}};
}

static net_tensor_t *through_8_bits(network_t *n, net_tensor_t *x) {
  layer_params_t p = {.quantize = {.axis = -1}};
  dtype_t to[] = {DT_INT8, DT_FLOAT};
  net_tensor_t *in[] = {x, network_const_scalar(n, "step", DT_FLOAT, 1.0 / 127)};
  in[0] = net_layer1(n, LAYER_QUANTIZE, 2, in, to[0], &p);
  return net_layer1(n, LAYER_DEQUANTIZE, 2, in, to[1], &p);
}

static net_tensor_t *dequantized(network_t *n, net_tensor_t *w) {
  layer_params_t p = {.quantize = {.axis = -1}};
  net_tensor_t *in[] = {w, network_const_scalar(n, "step", DT_FLOAT, 0.01)};
  return net_layer1(n, LAYER_DEQUANTIZE, 2, in, DT_FLOAT, &p);
}

// Within a share of the largest value.
static void check(network_t *n, const shape_t *shape, double tolerance) {
  tensor_t want[2], got[2];
  assert_ok(network_infer(n));
  network_compact(n);
  half_mode_t half = n->half;
  n->half = HALF_NONE;
  assert_ok(run_network(backend_find("ref"), n, shape, 1, want));
  n->half = half;
  assert_ok(run_network(backend_find("cpu"), n, shape, 2, got));
  for (int o = 0; o < 2; o++) {
    double top = 0;
    for (int64_t i = 0; i < tensor_elements(&want[o]); i++)
      top = fmax(top, fabs(tensor_number_at(&want[o], i)));
    for (int64_t i = 0; i < tensor_elements(&want[o]); i++) {
      double g = tensor_number_at(&got[o], i), w = tensor_number_at(&want[o], i);
      if (!(fabs(g - w) <= tolerance * top))
        fail_msg("output %d: [%d] is %g, not %g", o, (int)i, g, w);
    }
    tensor_unref(&want[o]);
    tensor_unref(&got[o]);
  }
  network_destroy(n);
}

// Filters along rows and along columns.
static void filters_of_other_shapes(void **state) {
  (void)state;
  for (int bits = 32; bits >= 16; bits -= 16) {
    shape_t s;
    network_t *n = network_create("lines");
    net_tensor_t *x = input(n, 23, &s);
    layer_params_t p = window(1, 1, false);
    n->half = bits == 16 ? HALF_FASTER : HALF_NONE;
    for (int i = 0; i < 2; i++) {
      net_tensor_t *in[] = {x, weight(n, DT_FLOAT, i ? SHAPE(5, 1, 23, 40) : SHAPE(1, 5, 23, 40))};
      network_mark_output(n, net_layer1(n, LAYER_CONV, 2, in, DT_FLOAT, &p));
    }
    check(n, &s, bits == 16 ? 1e-2 : 1e-5);
  }
}

static void depthwise_filters_of_8_bits(void **state) {
  (void)state;
  shape_t s;
  network_t *n = network_create("depthwise");
  net_tensor_t *x = through_8_bits(n, input(n, 24, &s));
  layer_params_t p = window(1, 1, true);
  n->int8 = true;
  for (int i = 0; i < 2; i++) {
    net_tensor_t *w = weight(n, DT_INT8, i ? SHAPE(4, 2, 24, 1) : SHAPE(2, 4, 24, 1));
    net_tensor_t *in[] = {x, dequantized(n, w)};
    network_mark_output(n, net_layer1(n, LAYER_CONV, 2, in, DT_FLOAT, &p));
  }
  check(n, &s, 1e-5);
}

// One filter, read by two layers whose strides take it apart otherwise.
static void transposed_convolutions_of_other_strides(void **state) {
  (void)state;
  shape_t s;
  network_t *n = network_create("strides");
  net_tensor_t *x = through_8_bits(n, input(n, 8, &s)), *w = weight(n, DT_INT8, SHAPE(2, 2, 6, 8));
  n->int8 = true;
  for (int i = 0; i < 2; i++) {
    int64_t sy = i ? 2 : 1, sx = i ? 1 : 2, size[] = {SIDE * sy, SIDE * sx};
    layer_params_t p = window(sy, sx, false);
    net_tensor_t *in[] = {x, dequantized(n, w), network_const_ints(n, "size", DT_INT32, 2, size)};
    network_mark_output(n, net_layer1(n, LAYER_DECONV, 3, in, DT_FLOAT, &p));
  }
  check(n, &s, 1e-5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(filters_of_other_shapes),
      cmocka_unit_test(depthwise_filters_of_8_bits),
      cmocka_unit_test(transposed_convolutions_of_other_strides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
