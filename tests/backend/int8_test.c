// Layers on 8-bit tensors: ref against sums written out here, every other backend against ref.
#include "backend/int8_agreement.h"
#include "network/network.h"

enum { N = 2, H = 7, W = 6 };

typedef struct int8_case {
  const char *name;
  bool product, transposed, depthwise, channels_first, same;
  int c_in, c_out, groups, window, stride, dilation;
  dtype_t x, y;  // DT_INT8, DT_UINT8; y: or DT_FLOAT
  int x_zero, y_zero;
  bool bias;
  dtype_t residual;  // DT_INVALID: none
  activation_t act;
} int8_case_t;

#define RELU \
  { true, UNARY_RELU, 0, 0 }
static const int8_case_t cases[] = {
    {.name = "s8 to float", .c_in = 5, .c_out = 9, .window = 3, .x = DT_INT8, .y = DT_FLOAT},
    {.name = "u8 to u8, bias, relu",
     .c_in = 16,
     .c_out = 32,
     .window = 3,
     .same = true,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .bias = true,
     .act = RELU},
    {.name = "u8 to s8, stride",
     .c_in = 8,
     .c_out = 7,
     .window = 3,
     .stride = 2,
     .same = true,
     .x = DT_UINT8,
     .y = DT_INT8,
     .bias = true},
    {.name = "zero points",
     .c_in = 8,
     .c_out = 16,
     .window = 3,
     .same = true,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .x_zero = 113,
     .y_zero = 7,
     .bias = true},
    {.name = "1x1, residual s8",
     .c_in = 16,
     .c_out = 16,
     .window = 1,
     .x = DT_INT8,
     .y = DT_INT8,
     .bias = true,
     .residual = DT_INT8},
    {.name = "residual u8, relu",
     .c_in = 16,
     .c_out = 16,
     .window = 3,
     .same = true,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .bias = true,
     .residual = DT_UINT8,
     .act = RELU},
    {.name = "residual s8 under u8",
     .c_in = 8,
     .c_out = 8,
     .window = 1,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .bias = true,
     .residual = DT_INT8,
     .act = RELU},
    {.name = "residual float",
     .c_in = 8,
     .c_out = 8,
     .window = 1,
     .x = DT_INT8,
     .y = DT_INT8,
     .residual = DT_FLOAT},
    {.name = "residual s8 to float",
     .c_in = 8,
     .c_out = 8,
     .window = 1,
     .x = DT_INT8,
     .y = DT_FLOAT,
     .residual = DT_INT8},
    {.name = "dilated",
     .c_in = 4,
     .c_out = 8,
     .window = 3,
     .dilation = 2,
     .same = true,
     .x = DT_INT8,
     .y = DT_INT8},
    {.name = "groups",
     .c_in = 16,
     .c_out = 32,
     .groups = 4,
     .window = 3,
     .same = true,
     .x = DT_UINT8,
     .y = DT_INT8,
     .bias = true},
    {.name = "depthwise",
     .c_in = 16,
     .c_out = 16,
     .depthwise = true,
     .window = 3,
     .same = true,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .bias = true,
     .act = {true, UNARY_RELU6, 0, 0}},
    {.name = "depthwise, zero point",
     .c_in = 5,
     .c_out = 5,
     .depthwise = true,
     .window = 3,
     .stride = 2,
     .same = true,
     .x = DT_UINT8,
     .y = DT_INT8,
     .x_zero = 40,
     .bias = true},
    {.name = "depthwise 5x5, residual, swish",
     .c_in = 35,
     .c_out = 35,
     .depthwise = true,
     .window = 5,
     .same = true,
     .x = DT_INT8,
     .y = DT_INT8,
     .bias = true,
     .residual = DT_INT8,
     .act = {true, UNARY_SWISH, 0, 0}},
    {.name = "depthwise to float, dilated",
     .c_in = 16,
     .c_out = 16,
     .depthwise = true,
     .window = 3,
     .dilation = 2,
     .x = DT_UINT8,
     .y = DT_FLOAT,
     .act = RELU},
    {.name = "limits inside the range",
     .c_in = 40,
     .c_out = 33,
     .window = 1,
     .x = DT_UINT8,
     .y = DT_INT8,
     .bias = true,
     .act = {true, UNARY_CLIP, -1.5f, 2.75f}},
    {.name = "product",
     .product = true,
     .c_in = 37,
     .c_out = 24,
     .x = DT_INT8,
     .y = DT_FLOAT,
     .bias = true,
     .act = {true, UNARY_GELU_ERF, 0, 0}},
    {.name = "product to s8",
     .product = true,
     .c_in = 64,
     .c_out = 64,
     .x = DT_INT8,
     .y = DT_INT8,
     .bias = true,
     .residual = DT_INT8},
    {.name = "product u8, zero points",
     .product = true,
     .c_in = 31,
     .c_out = 12,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .x_zero = 128,
     .y_zero = 128},
    {.name = "product u8, zero point, bias, gelu",
     .product = true,
     .c_in = 70,
     .c_out = 33,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .x_zero = 9,
     .y_zero = 10,
     .bias = true,
     .act = {true, UNARY_GELU_TANH, 0, 0}},
    {.name = "1x1, zero point, residual",
     .c_in = 24,
     .c_out = 20,
     .window = 1,
     .x = DT_UINT8,
     .y = DT_FLOAT,
     .x_zero = 77,
     .bias = true,
     .residual = DT_FLOAT},
    {.name = "groups without padding, negative zero point",
     .c_in = 16,
     .c_out = 32,
     .groups = 2,
     .window = 3,
     .x = DT_INT8,
     .y = DT_INT8,
     .x_zero = -100},
    {.name = "depthwise without padding, zero point",
     .c_in = 21,
     .c_out = 21,
     .depthwise = true,
     .window = 3,
     .x = DT_UINT8,
     .y = DT_UINT8,
     .x_zero = 200,
     .y_zero = 3,
     .bias = true,
     .act = {true, UNARY_SWISH, 0, 0}},
    {.name = "product with transposed weights",
     .product = true,
     .transposed = true,
     .c_in = 35,
     .c_out = 20,
     .x = DT_INT8,
     .y = DT_INT8,
     .bias = true},
    {.name = "channels first",
     .channels_first = true,
     .c_in = 8,
     .c_out = 8,
     .window = 3,
     .same = true,
     .x = DT_INT8,
     .y = DT_INT8,
     .bias = true},
    {.name = "nothing to sum",
     .product = true,
     .c_in = 0,
     .c_out = 3,
     .x = DT_INT8,
     .y = DT_FLOAT,
     .bias = true},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static bool last(const int8_case_t *k) { return k->product || !k->channels_first; }
static int stride(const int8_case_t *k) { return k->stride ? k->stride : 1; }
static int dilation(const int8_case_t *k) { return k->dilation ? k->dilation : 1; }
static int groups(const int8_case_t *k) {
  return k->depthwise ? k->c_in : k->groups ? k->groups : 1;
}
static int64_t out_dim(const int8_case_t *k, int64_t in, int64_t *before) {
  int64_t out;
  conv_geometry(in, k->window, stride(k), dilation(k), k->same, 0, 0, &out, before);
  return out;
}

static const float x_scale = 0.031f, y_scale = 0.07f, r_scale = 0.05f;

static shape_t image(const int8_case_t *k, int64_t h, int64_t w, int64_t c) {
  if (k->product) return SHAPE(N * H, c);
  return last(k) ? SHAPE(N, h, w, c) : SHAPE(N, c, h, w);
}
static shape_t out_shape(const int8_case_t *k) {
  int64_t before;
  return k->product ? image(k, 0, 0, k->c_out)
                    : image(k, out_dim(k, H, &before), out_dim(k, W, &before), k->c_out);
}

// ---------------------------------------------------------------- the network

static net_tensor_t *steps(network_t *n, layer_type_t type, net_tensor_t *x, dtype_t dtype,
                           float scale, int zero) {
  net_tensor_t *in[] = {x, network_const_scalar(n, "scale", DT_FLOAT, (double)scale)};
  layer_params_t p = {.quantize = {.axis = -1, .zero_point = zero}};
  return net_layer1(n, type, 2, in, dtype, &p);
}
static net_tensor_t *through_steps(network_t *n, net_tensor_t *x, dtype_t t, float scale,
                                   int zero) {
  net_tensor_t *q = steps(n, LAYER_QUANTIZE, x, t, scale, zero);
  return steps(n, LAYER_DEQUANTIZE, q, DT_FLOAT, scale, zero);
}

static shape_t weight_shape(const int8_case_t *k) {
  if (k->transposed) return SHAPE(k->c_out, k->c_in);
  if (k->product) return SHAPE(k->c_in, k->c_out);
  if (k->depthwise) return SHAPE(k->window, k->window, k->c_in, 1);
  return SHAPE(k->window, k->window, k->c_in / groups(k), k->c_out);
}
static int8_t weight_at(int64_t i) { return (int8_t)(random_unit(11, (uint32_t)i) * 254 - 127); }
static float weight_scale(int64_t m) { return 0.002f + 0.0003f * (float)(m % 7); }
static float bias_at(int64_t m) { return 0.3f * (float)(m % 5) - 0.5f; }

static net_tensor_t *weights(network_t *n, const int8_case_t *k) {
  shape_t s = weight_shape(k), v = SHAPE(k->c_out);
  tensor_t w, scale;
  assert_ok(tensor_alloc(DT_INT8, &s, &w));
  assert_ok(tensor_alloc(DT_FLOAT, &v, &scale));
  for (int64_t i = 0; i < tensor_elements(&w); i++) TENSOR_DATA(int8_t, &w)[i] = weight_at(i);
  for (int64_t m = 0; m < k->c_out; m++) TENSOR_DATA(float, &scale)[m] = weight_scale(m);
  net_tensor_t *in[] = {network_add_constant(n, "w", &w, NULL),
                        network_add_constant(n, "scales", &scale, NULL)};
  tensor_unref(&w);
  tensor_unref(&scale);
  layer_params_t p = {.quantize = {.axis = s.rank - (k->depthwise || k->transposed ? 2 : 1)}};
  return net_layer1(n, LAYER_DEQUANTIZE, 2, in, DT_FLOAT, &p);
}

static net_tensor_t *bias(network_t *n, const int8_case_t *k) {
  shape_t v = SHAPE(k->c_out);
  tensor_t b;
  assert_ok(tensor_alloc(DT_FLOAT, &v, &b));
  for (int64_t m = 0; m < k->c_out; m++) TENSOR_DATA(float, &b)[m] = bias_at(m);
  net_tensor_t *t = network_add_constant(n, "bias", &b, NULL);
  tensor_unref(&b);
  return t;
}

static network_t *build(const int8_case_t *k, shape_t *shapes) {
  network_t *n = network_create(k->name);
  n->int8 = true;
  shapes[0] = image(k, H, W, k->c_in);
  shapes[1] = out_shape(k);
  net_tensor_t *in[4], *x = random_input(n, 3, DT_FLOAT, &shapes[0], -3, 4);
  int count = 2;
  in[0] = through_steps(n, x, k->x, x_scale, k->x_zero);
  in[1] = weights(n, k);
  if (k->bias) in[count++] = bias(n, k);
  if (k->residual) {
    net_tensor_t *r = random_input(n, 4, DT_FLOAT, &shapes[1], -4, 4);
    in[count++] = k->residual == DT_FLOAT ? r : through_steps(n, r, k->residual, r_scale, 0);
  }
  layer_params_t p = {0};
  if (k->product) {
    p.matmul.has_bias = k->bias;
    p.matmul.transpose_b = k->transposed;
    p.matmul.has_residual = k->residual != DT_INVALID;
    p.matmul.act = k->act;
  } else {
    p.conv = (conv_params_t){.spatial = 2,
                             .channels_last = last(k),
                             .strides = {stride(k), stride(k)},
                             .dilations = {dilation(k), dilation(k)},
                             .same = k->same,
                             .groups = k->depthwise ? 0 : groups(k),
                             .depthwise = k->depthwise,
                             .has_bias = k->bias,
                             .has_residual = k->residual != DT_INVALID,
                             .act = k->act};
  }
  net_tensor_t *y = net_layer1(n, k->product ? LAYER_MATMUL : LAYER_CONV, count, in, DT_FLOAT, &p);
  if (k->y != DT_FLOAT) y = steps(n, LAYER_QUANTIZE, y, k->y, y_scale, k->y_zero);
  network_mark_output(n, y);
  assert_ok(network_infer(n));
  network_compact(n);
  return n;
}

// ---------------------------------------------------------------- what it must give

static int number(double real, dtype_t t, double scale, int zero) {
  double q = rint(real / scale) + zero, lo = t == DT_INT8 ? -128 : 0, hi = t == DT_INT8 ? 127 : 255;
  return (int)(q < lo ? lo : q > hi ? hi : q);
}

static double input_at(const int8_case_t *k, int64_t i, int seed, double lo, double hi) {
  (void)k;
  return (double)(float)(lo + random_unit((uint32_t)seed, (uint32_t)i) * (hi - lo));
}

static double sum_at(const int8_case_t *k, const shape_t *y, int64_t at, int64_t *channel) {
  int64_t sum = 0;
  if (k->product) {
    *channel = at % k->c_out;
    for (int64_t c = 0; c < k->c_in; c++) {
      double x = input_at(k, at / k->c_out * k->c_in + c, 3, -3, 4);
      sum += (number(x, k->x, (double)x_scale, k->x_zero) - k->x_zero) *
             weight_at(k->transposed ? *channel * k->c_in + c : c * k->c_out + *channel);
    }
    return (double)sum;
  }
  int64_t before_h, before_w, oh = out_dim(k, H, &before_h), ow = out_dim(k, W, &before_w);
  (void)y;
  int64_t n, i, j, m;
  if (last(k))
    m = at % k->c_out, j = at / k->c_out % ow, i = at / k->c_out / ow % oh,
    n = at / k->c_out / ow / oh;
  else
    j = at % ow, i = at / ow % oh, m = at / ow / oh % k->c_out, n = at / ow / oh / k->c_out;
  *channel = m;
  int64_t own = k->c_in / groups(k), per = k->c_out / groups(k);
  for (int64_t a = 0; a < k->window; a++)
    for (int64_t b = 0; b < k->window; b++)
      for (int64_t c = 0; c < own; c++) {
        int64_t h = i * stride(k) + a * dilation(k) - before_h;
        int64_t w = j * stride(k) + b * dilation(k) - before_w, ch = m / per * own + c;
        if (h < 0 || h >= H || w < 0 || w >= W) continue;
        int64_t from =
            last(k) ? ((n * H + h) * W + w) * k->c_in + ch : ((n * k->c_in + ch) * H + h) * W + w;
        int64_t weight = ((a * k->window + b) * own + c) * k->c_out + m;
        sum += (number(input_at(k, from, 3, -3, 4), k->x, (double)x_scale, k->x_zero) - k->x_zero) *
               weight_at(weight);
      }
  return (double)sum;
}

static double real_at(const int8_case_t *k, const shape_t *y, int64_t at) {
  int64_t m = 0;
  double v = sum_at(k, y, at, &m) * (double)x_scale * (double)weight_scale(m);
  if (k->bias) v += (double)bias_at(m);
  if (k->residual) {
    double r = input_at(k, at, 4, -4, 4);
    v += k->residual == DT_FLOAT ? r : number(r, k->residual, (double)r_scale, 0) * (double)r_scale;
  }
  return k->act.on ? unary_eval(k->act.op, v, k->act.alpha, k->act.beta) : v;
}

static void ref_sums_exactly(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const int8_case_t *k = &cases[i];
    shape_t shapes[2];
    network_t *n = build(k, shapes);
    tensor_t got[1];
    assert_ok(run_network(backend_find("ref"), n, shapes, 1, got));
    assert_int_equal(got[0].dtype, k->y);
    for (int64_t at = 0; at < tensor_elements(&got[0]); at++) {
      double want = real_at(k, &got[0].shape, at), v = tensor_number_at(&got[0], at);
      double step = k->y == DT_FLOAT ? 0 : (double)y_scale;
      if (k->y != DT_FLOAT) {
        int q = number(want, k->y, step, k->y_zero);
        double edge = fabs(want / step - floor(want / step) - 0.5);
        if (v != q && edge > 1e-5) fail_msg("%s[%d]: %g, not %d", k->name, (int)at, v, q);
      } else if (!(fabs(v - want) <= 1e-5 * fmax(1, fabs(want)))) {
        fail_msg("%s[%d]: %.9g, not %.9g", k->name, (int)at, v, want);
      }
    }
    tensor_unref(&got[0]);
    network_destroy(n);
  }
}

// The passes must have made one layer on 8-bit tensors of it, with 8-bit output where that is
// asked.
static void passes_make_one_layer(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const int8_case_t *k = &cases[i];
    shape_t shapes[2];
    network_t *n = build(k, shapes);
    network_options_t o = {.struct_size = sizeof o, .fuse = true};
    assert_ok(network_optimize(n, &o));
    int heavy = 0, quantizes = 0, others = 0;
    for (int j = 0; j < n->n_layers; j++) {
      const layer_t *l = n->layers[j];
      if (l->type == LAYER_CONV || l->type == LAYER_MATMUL) {
        heavy++;
        assert_int_equal(l->in[0]->dtype, k->x);
        assert_int_equal(l->in[1]->dtype, DT_INT8);
        assert_int_equal(l->out[0]->dtype, k->y);
        if (k->residual) assert_int_equal(l->in[2 + k->bias]->dtype, k->residual);
      } else if (l->type == LAYER_QUANTIZE) {
        quantizes++;
      } else {
        others++;
      }
    }
    if (heavy != 1 || others || quantizes != 1 + (k->residual && k->residual != DT_FLOAT))
      fail_msg("%s: %d layers, %d QUANTIZE, %d others", k->name, heavy, quantizes, others);
    network_destroy(n);
  }
}

static void backends_agree_with_ref(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    shape_t shapes[2];
    network_t *n = build(&cases[i], shapes);
    assert_backends_agree(cases[i].name, n, shapes, (agreement_t){.one_off = 500});
    network_destroy(n);
  }
}

// The largest number of a window, without a float in between; which is what the largest value's
// nearest step is.
static void pools_take_numbers(void **state) {
  (void)state;
  const backend_t *b;
  for (int i = 0; i < 4; i++) {
    bool channels_last = i & 1, same = i & 2;
    dtype_t t = i % 3 ? DT_INT8 : DT_UINT8;
    shape_t shapes[] = {channels_last ? SHAPE(2, 9, 8, 19) : SHAPE(2, 19, 9, 8)};
    network_t *n = network_create("pool");
    n->int8 = true;
    net_tensor_t *in[] = {through_steps(n, random_input(n, 3, DT_FLOAT, &shapes[0], -3, 4), t,
                                        x_scale, t == DT_UINT8 ? 90 : -4)};
    layer_params_t p = {.pool = {.spatial = 2,
                                 .channels_last = channels_last,
                                 .max = true,
                                 .window = {3, 2},
                                 .strides = {2, 2},
                                 .same = same}};
    net_tensor_t *y = net_layer1(n, LAYER_POOL, 1, in, DT_FLOAT, &p);
    network_mark_output(n, through_steps(n, y, t, x_scale, t == DT_UINT8 ? 90 : -4));
    assert_ok(network_infer(n));
    network_compact(n);
    network_options_t o = {.struct_size = sizeof o, .fuse = true};
    network_t *fused = network_clone(n);
    assert_ok(network_optimize(fused, &o));
    for (int k = 0; k < fused->n_layers; k++)
      if (fused->layers[k]->type == LAYER_POOL)
        assert_int_equal(fused->layers[k]->out[0]->dtype, t);
    tensor_t want[1], got[1];
    assert_ok(run_network(backend_find("ref"), n, shapes, 1, want));
    for (int k = 0; (b = backend_at(k)); k++) {
      assert_ok(run_network(b, n, shapes, 2, got));
      assert_true(tensor_bytes(&got[0]) == tensor_bytes(&want[0]));
      assert_memory_equal(got[0].data, want[0].data, tensor_bytes(&got[0]));
      tensor_unref(&got[0]);
    }
    tensor_unref(&want[0]);
    network_destroy(fused);
    network_destroy(n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ref_sums_exactly),
      cmocka_unit_test(passes_make_one_layer),
      cmocka_unit_test(backends_agree_with_ref),
      cmocka_unit_test(pools_take_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
