// Layers on f16 tensors by our own kernels (own_half.c): against their definition, and that it is
// these kernels that run where the CPU has AVX512-VNNI. Each test program runs again with
// TFTRT_CPU_ISA lowered (tests/CMakeLists.txt).
#include "backend/cpu/context.h"
#include "kernels/gemm_half.h"
#include "network/eval.h"
#include "test.h"

typedef struct rig {
  backend_engine_t engine;
  uint32_t seed;
  net_tensor_t *x;  // the network's first input
} rig_t;

static tensor_t random_tensor(rig_t *r, dtype_t dtype, const shape_t *s) {
  tensor_t t;
  assert_ok(tensor_alloc(dtype, s, &t));
  for (int64_t i = 0; i < tensor_elements(&t); i++) {
    r->seed = r->seed * 1664525u + 1013904223u;
    tensor_set_number(&t, i, (double)(r->seed >> 8) / (1 << 23) - 1);
  }
  return t;
}

static net_tensor_t *constant(rig_t *r, dtype_t dtype, shape_t s) {
  tensor_t t = random_tensor(r, dtype, &s);
  net_tensor_t *c = network_add_constant(r->engine.net, "w", &t, NULL);
  tensor_unref(&t);
  return c;
}

static void setup(rig_t *r, shape_t x) {
  *r = (rig_t){.seed = 1};
  r->engine.net = network_create("test");
  pthread_mutex_init(&r->engine.lock, NULL);
  r->engine.short_sums = true;
  r->x = network_add_input(r->engine.net, "x", DT_HALF, &x);
}

// Runs the network of one heavy layer, which is its last, by default and when our own kernels are
// asked for, on 1 and 3 threads. tactic: what is to run it here.
static void check(rig_t *r, net_tensor_t *y, const char *tactic) {
  network_t *n = r->engine.net;
  network_mark_output(n, y);
  assert_ok(network_infer(n));
  shape_t shapes[4];
  tensor_t in[4], out, *values = mem_calloc((size_t)n->n_tensors, sizeof *values);
  for (int i = 0; i < n->n_tensors; i++)
    if (n->tensors[i]->is_const) values[i] = tensor_ref(&n->tensors[i]->value);
  for (int i = 0; i < n->n_inputs; i++) {
    shapes[i] = n->inputs[i]->shape;
    in[i] = random_tensor(r, n->inputs[i]->dtype, &shapes[i]);
    values[n->inputs[i]->id] = tensor_ref(&in[i]);
  }
  for (int k = 0; k < n->n_layers; k++) {
    const layer_t *l = n->layers[k];
    tensor_t a[4];
    for (int i = 0; i < l->n_in; i++) a[i] = values[l->in[i]->id];
    assert_ok(layer_eval(l, a, &values[l->out[0]->id]));
  }
  const tensor_t *want = &values[y->id];
  double top = 0;
  for (int64_t i = 0; i < tensor_elements(want); i++)
    top = fmax(top, fabs(tensor_number_at(want, i)));
  uint8_t own[4] = {TACTIC_OWN, TACTIC_OWN, TACTIC_OWN, TACTIC_OWN};
  for (int way = 0; way < 4; way++) {
    backend_context_t *c;
    r->engine.tactics = way % 2 ? own : NULL;
    assert_ok(cpu_context_create(&r->engine, shapes, NULL, way < 2 ? 1 : 3, &c));
    const char *used = c->steps[c->n_steps - 1].tactic;
    if (gemm_half_is_fast() && strcmp(used, tactic) != 0)
      fail_msg("%s runs it, not %s", used, tactic);
    for (int round = 0; round < 2; round++) {
      assert_ok(tensor_alloc(y->dtype, &c->output_shapes[0], &out));
      memset(out.data, 0xff, tensor_bytes(&out));
      assert_ok(cpu_context_run(c, in, &out));
      for (int64_t i = 0; i < tensor_elements(want); i++) {
        double g = tensor_number_at(&out, i), w = tensor_number_at(want, i);
        if (!(fabs(g - w) <= 4e-3 * top)) fail_msg("%s: [%d] is %g, want %g", used, (int)i, g, w);
      }
      tensor_unref(&out);
    }
    cpu_context_destroy(c);
  }
  // A model's own f16 layers, in mode FP32.
  backend_context_t *c;
  r->engine.tactics = NULL;
  r->engine.short_sums = false;
  assert_ok(cpu_context_create(&r->engine, shapes, NULL, 1, &c));
  assert_string_not_equal(c->steps[c->n_steps - 1].tactic, "gemm f16");
  cpu_context_destroy(c);
  for (int i = 0; i < n->n_inputs; i++) tensor_unref(&in[i]);
  for (int i = 0; i < n->n_tensors; i++) tensor_unref(&values[i]);
  mem_free(values);
  weights_free(r->engine.packed);
  pthread_mutex_destroy(&r->engine.lock);
  network_destroy(n);
}

static layer_params_t conv2d(int stride, activation_t act) {
  layer_params_t p = {0};
  p.conv.spatial = 2;
  p.conv.channels_last = p.conv.same = true;
  for (int i = 0; i < 2; i++) p.conv.strides[i] = stride, p.conv.dilations[i] = 1;
  p.conv.act = act;
  return p;
}

static void convolutions(void **state) {
  (void)state;
  static const struct {
    int64_t kernel, groups;
    int stride;
    bool residual;
    dtype_t residual_type, out;
    unary_op_t act;
  } cases[] = {{3, 1, 1, false, DT_HALF, DT_HALF, UNARY_RELU},
               {1, 1, 1, true, DT_HALF, DT_HALF, UNARY_RELU6},
               {1, 1, 2, true, DT_FLOAT, DT_HALF, UNARY_RELU},
               {3, 2, 1, false, DT_HALF, DT_FLOAT, UNARY_MISH},
               {5, 1, 2, true, DT_HALF, DT_FLOAT, UNARY_GELU_ERF},
               {3, 1, 2, false, DT_HALF, DT_HALF, UNARY_SWISH}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    rig_t r;
    setup(&r, SHAPE(2, 9, 11, 24));
    int64_t h = cases[k].stride == 1 ? 9 : 5, w = cases[k].stride == 1 ? 11 : 6;
    layer_params_t p = conv2d(cases[k].stride, (activation_t){.on = true, .op = cases[k].act});
    p.conv.has_bias = true;
    p.conv.has_residual = cases[k].residual;
    int64_t s = cases[k].kernel;
    net_tensor_t *in[4] = {r.x, constant(&r, DT_HALF, SHAPE(s, s, 24 / cases[k].groups, 40)),
                           constant(&r, DT_FLOAT, SHAPE(40))};
    shape_t rs = SHAPE(2, h, w, 40);
    if (cases[k].residual)
      in[3] = network_add_input(r.engine.net, "r", cases[k].residual_type, &rs);
    check(&r, net_layer1(r.engine.net, LAYER_CONV, in[3] ? 4 : 3, in, cases[k].out, &p),
          "gemm f16");
  }
}

static void depthwise(void **state) {
  (void)state;
  for (int stride = 1; stride <= 2; stride++) {
    rig_t r;
    setup(&r, SHAPE(2, 9, 11, 24));
    layer_params_t p = conv2d(stride, (activation_t){.on = true, .op = UNARY_SWISH});
    p.conv.depthwise = p.conv.has_bias = true;
    net_tensor_t *in[] = {r.x, constant(&r, DT_HALF, SHAPE(3, 3, 24, 1)),
                          constant(&r, DT_FLOAT, SHAPE(24))};
    check(&r, net_layer1(r.engine.net, LAYER_CONV, 3, in, DT_HALF, &p), "depthwise f16");
  }
}

static void dense(void **state) {
  (void)state;
  for (int way = 0; way < 4; way++) {
    rig_t r;
    setup(&r, SHAPE(2, 19, 70));
    layer_params_t p = {0};
    p.matmul.transpose_b = way & 1;
    p.matmul.has_bias = true;
    p.matmul.has_residual = way & 2;
    p.matmul.act = (activation_t){.on = true, .op = way ? UNARY_GELU_ERF : UNARY_SOFTPLUS};
    net_tensor_t *in[4] = {r.x, constant(&r, DT_HALF, way & 1 ? SHAPE(45, 70) : SHAPE(70, 45)),
                           constant(&r, DT_FLOAT, SHAPE(45))};
    shape_t rs = SHAPE(2, 19, 45);
    if (way & 2) in[3] = network_add_input(r.engine.net, "r", DT_FLOAT, &rs);
    check(
        &r,
        net_layer1(r.engine.net, LAYER_MATMUL, in[3] ? 4 : 3, in, way & 2 ? DT_FLOAT : DT_HALF, &p),
        "gemm f16");
  }
}

// Queries times keys, and probabilities, of which it is known that they are at most one, times
// values that the largest half is not far from.
static void products_of_activations(void **state) {
  (void)state;
  for (int way = 0; way < 2; way++) {
    rig_t r;
    setup(&r, SHAPE(2, 3, 19, 24));
    layer_params_t p = {0}, soft = {0};
    shape_t bs = way ? SHAPE(2, 3, 24, 21) : SHAPE(2, 3, 19, 24);
    net_tensor_t *in[] = {r.x, network_add_input(r.engine.net, "b", DT_HALF, &bs)};
    p.matmul.transpose_b = !way;
    p.matmul.scale = way ? 30000 : 0.125f;
    soft.softmax.axis = -1;
    soft.softmax.scale = 1;
    if (way) in[0] = net_layer1(r.engine.net, LAYER_SOFTMAX, 1, in, DT_HALF, &soft);
    check(&r, net_layer1(r.engine.net, LAYER_MATMUL, 2, in, DT_HALF, &p), "gemm f16");
  }
}

// The relative error of random products, w being what weights really are, where what lies in the
// network is that rounded to f16; `known`: and that is known.
static double error_of_weights(bool known) {
  enum { M = 28, K = 256, N = 64 };
  rig_t r;
  shape_t a = SHAPE(M, K), b = SHAPE(K, N);
  setup(&r, a);
  tensor_t w = random_tensor(&r, DT_FLOAT, &b), x = random_tensor(&r, DT_HALF, &a);
  tensor_t rounded, out;
  assert_ok(tensor_alloc(DT_HALF, &w.shape, &rounded));
  for (int i = 0; i < K * N; i++) tensor_set_number(&rounded, i, tensor_number_at(&w, i));
  net_tensor_t *in[] = {r.x, network_add_constant(r.engine.net, "w", &rounded, NULL)};
  if (known) in[1]->unrounded = tensor_ref(&w);
  layer_params_t p = {0};
  network_mark_output(r.engine.net, net_layer1(r.engine.net, LAYER_MATMUL, 2, in, DT_FLOAT, &p));
  assert_ok(network_infer(r.engine.net));
  backend_context_t *c;
  assert_ok(cpu_context_create(&r.engine, &a, NULL, 1, &c));
  assert_string_equal(c->steps[c->n_steps - 1].tactic, "gemm f16");
  assert_ok(tensor_alloc(DT_FLOAT, &c->output_shapes[0], &out));
  assert_ok(cpu_context_run(c, &x, &out));
  double off = 0, all = 0;
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < K; k++)
        sum += tensor_number_at(&x, i * K + k) * (double)TENSOR_DATA(float, &w)[k * N + j];
      double e = (double)TENSOR_DATA(float, &out)[i * N + j] - sum;
      off += e * e, all += sum * sum;
    }
  cpu_context_destroy(c);
  tensor_unref(&w), tensor_unref(&x), tensor_unref(&rounded), tensor_unref(&out);
  weights_free(r.engine.packed);
  pthread_mutex_destroy(&r.engine.lock);
  network_destroy(r.engine.net);
  return sqrt(off / all);
}

// Integers are made of the weights before they were rounded: no error but their own.
static void weights_are_not_rounded_twice(void **state) {
  (void)state;
  if (!gemm_half_is_fast()) skip();
  double once = error_of_weights(true), twice = error_of_weights(false);
  if (!(once < 3e-4 && once < 0.85 * twice)) fail_msg("errors are %g and %g", once, twice);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(convolutions),
      cmocka_unit_test(depthwise),
      cmocka_unit_test(dense),
      cmocka_unit_test(products_of_activations),
      cmocka_unit_test(weights_are_not_rounded_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
