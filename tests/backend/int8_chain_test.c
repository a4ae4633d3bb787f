// Elementwise chains between 8-bit tensors: residual adds of different scales, changes of scale,
// factors per image. Each must be one layer that reads and writes 8-bit numbers, and give what the
// loops here give.
#include "backend/run_network.h"
#include "network/network.h"

enum { N = 2, H = 5, W = 7, C = 19, ELEMENTS = N * H * W * C };

typedef struct steps {
  dtype_t type;
  float scale;
  int zero;
} steps_t;

static const steps_t from_a = {DT_UINT8, 0.031f, 7}, from_b = {DT_INT8, 0.05f, 0};
static const steps_t to_u8 = {DT_UINT8, 0.04f, 12};

static net_tensor_t *convert(network_t *n, layer_type_t type, net_tensor_t *x, steps_t s) {
  net_tensor_t *in[] = {x, network_const_scalar(n, "scale", DT_FLOAT, (double)s.scale)};
  layer_params_t p = {.quantize = {.axis = -1, .zero_point = s.zero}};
  return net_layer1(n, type, 2, in, type == LAYER_QUANTIZE ? s.type : DT_FLOAT, &p);
}

static net_tensor_t *numbers(network_t *n, int seed, steps_t s, const shape_t *shape) {
  bool is_unsigned = s.type == DT_UINT8;
  net_tensor_t *q =
      random_input(n, seed, s.type, shape, is_unsigned ? 0 : -128, is_unsigned ? 256 : 128);
  return convert(n, LAYER_DEQUANTIZE, q, s);
}

static double number_at(int seed, steps_t s, int64_t i) {
  double lo = s.type == DT_UINT8 ? 0 : -128;
  return (floor(lo + random_unit((uint32_t)seed, (uint32_t)i) * 256) - s.zero) * (double)s.scale;
}

typedef struct chain_case {
  const char *name;
  steps_t to;  // DT_INVALID: floats
  int n_layers;
  void (*make)(network_t *n, steps_t to, shape_t *shapes);
  double (*value)(int64_t i);
} chain_case_t;

static void finish(network_t *n, net_tensor_t *y, steps_t to) {
  network_mark_output(n, to.type ? convert(n, LAYER_QUANTIZE, y, to) : y);
  assert_ok(network_infer(n));
  network_compact(n);
}

static void make_add(network_t *n, steps_t to, shape_t *shapes) {
  shapes[0] = shapes[1] = SHAPE(N, H, W, C);
  net_tensor_t *a = numbers(n, 3, from_a, &shapes[0]), *b = numbers(n, 4, from_b, &shapes[1]);
  finish(n, net_unary(n, UNARY_RELU, net_binary(n, BINARY_ADD, a, b)), to);
}
static double add_value(int64_t i) {
  double v = number_at(3, from_a, i) + number_at(4, from_b, i);
  return v < 0 ? 0 : v;
}

static void make_rescale(network_t *n, steps_t to, shape_t *shapes) {
  shapes[0] = SHAPE(N, H, W, C);
  finish(n, numbers(n, 3, from_a, &shapes[0]), to);
}
static double rescale_value(int64_t i) { return number_at(3, from_a, i); }

static void make_excite(network_t *n, steps_t to, shape_t *shapes) {
  shapes[0] = SHAPE(N, H, W, C);
  shapes[1] = SHAPE(N, 1, 1, C);
  net_tensor_t *x = numbers(n, 4, from_b, &shapes[0]);
  net_tensor_t *g = random_input(n, 5, DT_FLOAT, &shapes[1], 0, 1);
  finish(n, net_binary(n, BINARY_MUL, x, g), to);
}
static double excite_value(int64_t i) {
  int64_t image = i / (H * W * C);
  double g = (double)(float)random_unit(5, (uint32_t)(image * C + i % C));
  return number_at(4, from_b, i) * g;
}

// One DEQUANTIZE for two chains: both read the numbers.
static void make_shared(network_t *n, steps_t to, shape_t *shapes) {
  shapes[0] = SHAPE(N, H, W, C);
  net_tensor_t *a = numbers(n, 4, from_b, &shapes[0]);
  network_mark_output(n, convert(n, LAYER_QUANTIZE, net_unary(n, UNARY_ABS, a), to_u8));
  finish(n, net_unary(n, UNARY_TANH, a), to);
}
static double shared_value(int64_t i) { return fabs(number_at(4, from_b, i)); }

static const chain_case_t cases[] = {
    {"add to u8", {DT_UINT8, 0.04f, 12}, 1, make_add, add_value},
    {"add to s8", {DT_INT8, 0.09f, -20}, 1, make_add, add_value},
    {"add to float", {DT_INVALID, 0, 0}, 1, make_add, add_value},
    {"rescale", {DT_INT8, 0.09f, -20}, 1, make_rescale, rescale_value},
    {"excite", {DT_UINT8, 0.04f, 12}, 1, make_excite, excite_value},
    {"two readers", {DT_INT8, 0.01f, 0}, 2, make_shared, shared_value},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static void one_layer_on_numbers(void **state) {
  (void)state;
  for (int k = 0; k < N_CASES; k++) {
    shape_t shapes[2];
    network_t *n = network_create(cases[k].name);
    n->int8 = true;
    cases[k].make(n, cases[k].to, shapes);
    network_options_t o = {.struct_size = sizeof o, .fuse = true};
    assert_ok(network_optimize(n, &o));
    if (n->n_layers != cases[k].n_layers)
      fail_msg("%s: %d layers:\n%s", cases[k].name, n->n_layers, network_to_text(n));
    for (int i = 0; i < n->n_layers; i++) {
      assert_int_equal(n->layers[i]->type, LAYER_FUSED);
      dtype_t t = n->layers[i]->in[0]->dtype;
      assert_true(t == DT_INT8 || t == DT_UINT8);
    }
    network_destroy(n);
  }
}

static void backends_give_what_loops_give(void **state) {
  (void)state;
  const backend_t *b;
  for (int k = 0; k < N_CASES; k++)
    for (int j = 0; (b = backend_at(j)); j++)
      for (int threads = 1; threads < 3; threads++) {
        shape_t shapes[2];
        network_t *n = network_create(cases[k].name);
        n->int8 = true;
        cases[k].make(n, cases[k].to, shapes);
        tensor_t got[2] = {{0}};
        assert_ok(run_network(b, n, shapes, threads, got));
        steps_t to = n->n_outputs > 1 ? to_u8 : cases[k].to;
        assert_int_equal(tensor_elements(&got[0]), ELEMENTS);
        for (int64_t i = 0; i < ELEMENTS; i++) {
          double v = cases[k].value(i), want = v, edge = 1;
          if (to.type) {
            double lo = to.type == DT_UINT8 ? 0 : -128, q = v / (double)to.scale;
            edge = fabs(q - floor(q) - 0.5);  // float32 may fall to the other side of it
            want = fmin(fmax(rint(q) + to.zero, lo), lo + 255);
          }
          double off = fabs(tensor_number_at(&got[0], i) - want);
          if (to.type ? off != 0 && (off > 1 || edge > 1e-4) : off > 1e-5)
            fail_msg("%s, %s: %g at %d, not %g", cases[k].name, b->name,
                     tensor_number_at(&got[0], i), (int)i, want);
        }
        for (int i = 0; i < n->n_outputs; i++) tensor_unref(&got[i]);
        network_destroy(n);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_layer_on_numbers),
      cmocka_unit_test(backends_give_what_loops_give),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
