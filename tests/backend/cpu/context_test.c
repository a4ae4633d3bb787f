// Contexts of the CPU backend: whole networks against the definition of each layer
// (network/eval.h), with memory shared between tensors, views, several outputs, threads, and every
// choice of kernels.
#include "backend/cpu/context.h"

#include <stdio.h>

#include "backend/cpu/tactics.h"
#include "engine/timing_cache.h"
#include "network/eval.h"
#include "test.h"

typedef struct rig {
  backend_engine_t engine;
  uint32_t seed;
} rig_t;

static float random_float(rig_t *r) {
  r->seed = r->seed * 1664525u + 1013904223u;
  return (float)(r->seed >> 8) / (float)(1 << 24) * 2.0f - 1.0f;
}

static tensor_t random_tensor(rig_t *r, const shape_t *s) {
  tensor_t t;
  assert_ok(tensor_alloc(DT_FLOAT, s, &t));
  for (int64_t i = 0; i < tensor_elements(&t); i++) TENSOR_DATA(float, &t)[i] = random_float(r);
  return t;
}

static net_tensor_t *constant(rig_t *r, shape_t s) {
  tensor_t t = random_tensor(r, &s);
  net_tensor_t *c = network_add_constant(r->engine.net, "w", &t, NULL);
  tensor_unref(&t);
  return c;
}

static void setup(rig_t *r) {
  *r = (rig_t){.seed = 1};
  r->engine.net = network_create("test");
  pthread_mutex_init(&r->engine.lock, NULL);
}

static void teardown(rig_t *r) {
  weights_free(r->engine.packed);
  pthread_mutex_destroy(&r->engine.lock);
  network_destroy(r->engine.net);
}

static net_tensor_t *input(rig_t *r, shape_t s) {
  return network_add_input(r->engine.net, "x", DT_FLOAT, &s);
}

static net_tensor_t *conv(rig_t *r, net_tensor_t *x, int64_t k, int64_t c, int64_t m, int stride,
                          net_tensor_t *residual, activation_t act) {
  layer_params_t p = {0};
  p.conv.spatial = 2;
  p.conv.channels_last = p.conv.same = p.conv.has_bias = true;
  for (int i = 0; i < 2; i++) p.conv.strides[i] = stride, p.conv.dilations[i] = 1;
  p.conv.has_residual = residual != NULL;
  p.conv.act = act;
  net_tensor_t *in[] = {x, constant(r, SHAPE(k, k, c, m)), constant(r, SHAPE(m)), residual};
  return net_layer1(r->engine.net, LAYER_CONV, residual ? 4 : 3, in, DT_FLOAT, &p);
}

static net_tensor_t *dense(rig_t *r, net_tensor_t *x, int64_t k, int64_t m, net_tensor_t *residual,
                           activation_t act) {
  layer_params_t p = {0};
  p.matmul.has_bias = true;
  p.matmul.has_residual = residual != NULL;
  p.matmul.act = act;
  net_tensor_t *in[] = {x, constant(r, SHAPE(k, m)), constant(r, SHAPE(m)), residual};
  return net_layer1(r->engine.net, LAYER_MATMUL, residual ? 4 : 3, in, DT_FLOAT, &p);
}

// Every layer by its definition.
static void define(const network_t *n, const tensor_t *in, tensor_t *values) {
  for (int i = 0; i < n->n_tensors; i++)
    if (n->tensors[i]->is_const) values[i] = tensor_ref(&n->tensors[i]->value);
  for (int i = 0; i < n->n_inputs; i++) values[n->inputs[i]->id] = tensor_ref(&in[i]);
  for (int k = 0; k < n->n_layers; k++) {
    const layer_t *l = n->layers[k];
    tensor_t a[16], b[16];
    for (int i = 0; i < l->n_in; i++) a[i] = values[l->in[i]->id];
    assert_ok(layer_eval(l, a, b));
    for (int i = 0; i < l->n_out; i++) values[l->out[i]->id] = b[i];
  }
}

static void compare(const tensor_t *got, const tensor_t *want, const char *what) {
  double top = 0;
  for (int64_t i = 0; i < tensor_elements(want); i++)
    top = fmax(top, fabs(tensor_number_at(want, i)));
  for (int64_t i = 0; i < tensor_elements(want); i++) {
    double g = tensor_number_at(got, i), w = tensor_number_at(want, i);
    if (!(fabs(g - w) <= 1e-5 * top + 1e-6))
      fail_msg("%s: [%d] is %g, want %g", what, (int)i, g, w);
  }
}

// Runs the rig's network with every tactic (the default ones chosen by the clock) and 1 and 3
// threads, twice each.
static void check(rig_t *r) {
  network_t *n = r->engine.net;
  assert_ok(network_infer(n));
  network_compact(n);
  shape_t shapes[4];
  tensor_t in[4], *values = mem_calloc((size_t)n->n_tensors + 1, sizeof *values);
  for (int i = 0; i < n->n_inputs; i++) {
    shapes[i] = n->inputs[i]->shape;
    in[i] = random_tensor(r, &shapes[i]);
  }
  define(n, in, values);
  uint8_t *chosen, *all = mem_alloc((size_t)n->n_layers + 1);
  build_options_t o = {
      .struct_size = sizeof o, .threads = 1, .opt_shapes = shapes, .time_tactics = true};
  assert_ok(choose_tactics(n, &o, 0, true, &chosen));
  for (int k = 0; chosen && k < n->n_layers; k++) assert_in_range(chosen[k], 0, TACTIC_OWN);
  for (int t = 0; t < 6; t++) {
    backend_context_t *c;
    memset(all, t % 3, (size_t)n->n_layers);
    r->engine.tactics = t % 3 == TACTIC_DEFAULT ? chosen : all;
    assert_ok(cpu_context_create(&r->engine, shapes, NULL, t < 3 ? 1 : 3, &c));
    for (int round = 0; round < 2; round++) {
      tensor_t out[4];
      for (int i = 0; i < n->n_outputs; i++) {
        assert_ok(tensor_alloc(n->outputs[i]->dtype, &c->output_shapes[i], &out[i]));
        memset(out[i].data, 0xff, tensor_bytes(&out[i]));
      }
      assert_ok(cpu_context_run(c, in, out));
      for (int i = 0; i < n->n_outputs; i++) {
        compare(&out[i], &values[n->outputs[i]->id], n->outputs[i]->name);
        tensor_unref(&out[i]);
      }
    }
    cpu_context_destroy(c);
  }
  for (int i = 0; i < n->n_inputs; i++) tensor_unref(&in[i]);
  for (int i = 0; i < n->n_tensors; i++) tensor_unref(&values[i]);
  r->engine.tactics = NULL;
  mem_free(values);
  mem_free(chosen);
  mem_free(all);
}

static void residual_blocks(void **state) {
  (void)state;
  rig_t r;
  setup(&r);
  activation_t relu = {.on = true, .op = UNARY_RELU}, none = {0};
  activation_t mish = {.on = true, .op = UNARY_MISH}, sin = {.on = true, .op = UNARY_SELU};
  net_tensor_t *x = conv(&r, input(&r, SHAPE(2, 13, 11, 3)), 3, 3, 16, 2, NULL, relu);
  for (int i = 0; i < 3; i++) {
    net_tensor_t *y = conv(&r, x, 1, 16, 20, 1, NULL, i == 1 ? mish : relu);
    y = conv(&r, y, 3, 20, 20, 1, NULL, i == 2 ? sin : none);
    x = conv(&r, y, 1, 20, 16, 1, x, i ? relu : none);
  }
  network_mark_output(r.engine.net, x);
  check(&r);
  teardown(&r);
}

static void attention(void **state) {
  (void)state;
  rig_t r;
  setup(&r);
  network_t *n = r.engine.net;
  activation_t gelu = {.on = true, .op = UNARY_GELU_ERF}, none = {0};
  net_tensor_t *x = input(&r, SHAPE(2, 5, 24)), *mask = input(&r, SHAPE(2, 1, 1, 5)), *h[3];
  for (int i = 0; i < 3; i++) {
    h[i] = net_reshape_to(n, dense(&r, x, 24, 24, NULL, none), (int64_t[]){2, 5, 3, 8}, 4);
    h[i] = net_transpose(n, h[i], (int[]){0, 2, 1, 3}, 4);
  }
  layer_params_t p = {0};
  p.matmul.transpose_b = true;
  p.matmul.scale = 0.35f;
  net_tensor_t *s = net_layer1(n, LAYER_MATMUL, 2, (net_tensor_t *[]){h[0], h[1]}, DT_FLOAT, &p);
  s = net_binary(n, BINARY_ADD, s, mask);
  p = (layer_params_t){.softmax = {.axis = -1}};
  s = net_layer1(n, LAYER_SOFTMAX, 1, &s, DT_FLOAT, &p);
  net_tensor_t *y = net_matmul(n, s, h[2], false, false);
  y = net_reshape_to(n, net_transpose(n, y, (int[]){0, 2, 1, 3}, 4), (int64_t[]){2, 5, 24}, 3);
  y = dense(&r, y, 24, 24, x, none);
  p = (layer_params_t){.norm = {.epsilon = 1e-5f, .has_offset = true}, .n_axes = 1, .axes = {2}};
  y = net_layer1(n, LAYER_NORM, 3,
                 (net_tensor_t *[]){y, constant(&r, SHAPE(24)), constant(&r, SHAPE(24))}, DT_FLOAT,
                 &p);
  y = dense(&r, dense(&r, y, 24, 700, NULL, gelu), 700, 24, y, none);
  network_mark_output(n, y);
  check(&r);
  teardown(&r);
}

static void views_and_outputs(void **state) {
  (void)state;
  rig_t r;
  setup(&r);
  network_t *n = r.engine.net;
  net_tensor_t *x = input(&r, SHAPE(3, 4));
  net_tensor_t *y = net_unary(n, UNARY_TANH, x);
  net_tensor_t *flat = net_reshape_to(n, y, (int64_t[]){12}, 1);
  network_mark_output(n, flat);                                        // a view of a made tensor
  network_mark_output(n, net_reshape_to(n, x, (int64_t[]){2, 6}, 2));  // a view of an input
  network_mark_output(n, net_unary(n, UNARY_NEG, y));                  // reads what an output holds
  network_mark_output(n, net_expand_dims(n, flat, 0));                 // the same memory, again
  check(&r);
  teardown(&r);

  setup(&r);
  n = r.engine.net;
  x = input(&r, SHAPE(6));
  y = net_unary(n, UNARY_EXP, x);
  network_mark_output(n, x);  // an input
  network_mark_output(n, y);
  network_mark_output(n, y);  // twice
  network_mark_output(n, constant(&r, SHAPE(2, 2)));
  check(&r);
  teardown(&r);
}

static void broadcasts(void **state) {
  (void)state;
  static const int64_t shapes[][2][4] = {
      {{2, 3, 5, 7}, {1, 1, 1, 7}},     {{2, 3, 5, 7}, {2, 1, 1, 7}},
      {{2, 3, 5, 7}, {1, 3, 1, 1}},     {{2, 3, 5, 1}, {1, 3, 1, 7}},
      {{1, 1, 1, 1}, {2, 3, 5, 700}},   {{2, 40, 40, 16}, {2, 1, 1, 16}},
      {{1, 40, 40, 96}, {1, 1, 1, 96}}, {{1, 3, 5, 1500}, {1, 3, 1, 1500}},
      {{4, 1, 33, 1}, {1, 9, 1, 41}},   {{1, 1, 1, 1}, {1, 1, 1, 1}},
  };
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    rig_t r;
    setup(&r);
    network_t *n = r.engine.net;
    net_tensor_t *a = input(&r, shape_of(4, shapes[k][0])),
                 *b = input(&r, shape_of(4, shapes[k][1]));
    fused_step_t steps[] = {
        {.kind = STEP_BINARY, .op = BINARY_MUL, .a = 0, .b = 1, .dtype = DT_FLOAT},
        {.kind = STEP_UNARY, .op = UNARY_SIN, .a = 2, .dtype = DT_FLOAT},
        {.kind = STEP_BINARY, .op = BINARY_GREATER, .a = 3, .b = 1, .dtype = DT_BOOL},
        {.kind = STEP_CAST, .a = 4, .dtype = DT_FLOAT},
        {.kind = STEP_BINARY, .op = BINARY_ADD, .a = 5, .b = 0, .dtype = DT_FLOAT},
        {.kind = STEP_UNARY, .op = UNARY_LEAKY_RELU, .a = 6, .alpha = 0.3f, .dtype = DT_FLOAT},
        {.kind = STEP_SELECT, .a = 4, .b = 7, .c = 1, .dtype = DT_FLOAT},
    };
    layer_params_t p = {0};
    p.fused.n = sizeof steps / sizeof *steps;
    memcpy(p.fused.step, steps, sizeof steps);
    net_tensor_t *y = net_layer1(n, LAYER_FUSED, 2, (net_tensor_t *[]){a, b}, DT_FLOAT, &p);
    network_mark_output(n, net_binary(n, BINARY_SQUARED_DIFFERENCE, y, b));
    check(&r);
    teardown(&r);
  }
}

typedef struct worker {
  rig_t *r;
  const tensor_t *in, *want;
  bool ok;
} worker_t;

static void *work(void *arg) {
  worker_t *w = arg;
  backend_context_t *c;
  shape_t shape = w->in->shape;
  status_t s = cpu_context_create(&w->r->engine, &shape, NULL, 1, &c);
  if (s) return NULL;
  tensor_t out;
  s = tensor_alloc(DT_FLOAT, &c->output_shapes[0], &out);
  w->ok = !s;
  for (int i = 0; i < 20 && !s; i++) {
    s = cpu_context_run(c, w->in, &out);
    w->ok = w->ok && !s && memcmp(out.data, w->want->data, tensor_bytes(&out)) == 0;
  }
  tensor_unref(&out);
  cpu_context_destroy(c);
  return NULL;
}

static void contexts_run_side_by_side(void **state) {
  (void)state;
  rig_t r;
  setup(&r);
  activation_t relu = {.on = true, .op = UNARY_RELU};
  net_tensor_t *x = input(&r, SHAPE(1, 9, 9, 8));
  net_tensor_t *y = conv(&r, x, 3, 8, 32, 1, NULL, relu);
  network_mark_output(r.engine.net, conv(&r, y, 1, 32, 8, 1, x, relu));
  assert_ok(network_infer(r.engine.net));
  network_compact(r.engine.net);
  tensor_t in = random_tensor(&r, &x->shape), want;
  backend_context_t *c;
  assert_ok(cpu_context_create(&r.engine, &x->shape, NULL, 1, &c));
  assert_ok(tensor_alloc(DT_FLOAT, &c->output_shapes[0], &want));
  assert_ok(cpu_context_run(c, &in, &want));
  cpu_context_destroy(c);
  worker_t w[4];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    w[i] = (worker_t){&r, &in, &want, false};
    assert_int_equal(pthread_create(&threads[i], NULL, work, &w[i]), 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 4; i++) assert_true(w[i].ok);
  tensor_unref(&in);
  tensor_unref(&want);
  teardown(&r);
}

static void wrong_tensors_are_refused(void **state) {
  (void)state;
  rig_t r;
  setup(&r);
  net_tensor_t *x = input(&r, SHAPE(2, 3));
  network_mark_output(r.engine.net, net_unary(r.engine.net, UNARY_EXP, x));
  assert_ok(network_infer(r.engine.net));
  network_compact(r.engine.net);
  backend_context_t *c;
  assert_ok(cpu_context_create(&r.engine, &x->shape, NULL, 1, &c));
  shape_t other = SHAPE(3, 3);
  tensor_t good = random_tensor(&r, &x->shape), bad = random_tensor(&r, &other);
  assert_fails(cpu_context_run(c, &bad, &good), INVALID_ARGUMENT,
               "input x is float32 [3,3]; the context was made for float32 [2,3]");
  assert_fails(cpu_context_run(c, &good, &bad), INVALID_ARGUMENT, "output");
  tensor_unref(&good);
  tensor_unref(&bad);
  cpu_context_destroy(c);
  teardown(&r);
}

// Larger than the image, or with paddings that are wider than they.
static void windows_beyond_the_image(void **state) {
  (void)state;
  static const struct {
    shape_t x, w;
    conv_params_t p;
  } cases[] = {
      {{4, {3, 17, 1, 1}},
       {4, {3, 2, 1, 17}},
       {.spatial = 2, .channels_last = true, .strides = {1, 3}, .dilations = {1, 1}, .same = true}},
      {{5, {1, 1, 4, 2, 1}},
       {5, {1, 3, 4, 1, 9}},
       {.spatial = 3,
        .channels_last = true,
        .strides = {2, 1, 2},
        .dilations = {1, 1, 1},
        .same = true}},
      {{3, {2, 96, 1}},
       {3, {1, 96, 31}},
       {.spatial = 1, .strides = {1}, .dilations = {1}, .pad_begin = {1}, .pad_end = {2}}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rig_t r;
    setup(&r);
    layer_params_t p = {.conv = cases[i].p};
    net_tensor_t *in[] = {input(&r, cases[i].x), constant(&r, cases[i].w)};
    network_mark_output(r.engine.net, net_layer1(r.engine.net, LAYER_CONV, 2, in, DT_FLOAT, &p));
    check(&r);
    teardown(&r);
  }
}

// Fewer products than threads, of long rows: oneDNN may sum parts of them on several threads.
static void long_sums(void **state) {
  (void)state;
  rig_t r;
  setup(&r);
  network_t *n = r.engine.net;
  net_tensor_t *x = input(&r, SHAPE(3, 2, 20000));
  network_mark_output(n, net_matmul(n, x, x, false, true));
  assert_ok(network_infer(n));
  network_compact(n);
  tensor_t in = random_tensor(&r, &x->shape), *values, got;
  values = mem_calloc((size_t)n->n_tensors + 1, sizeof *values);
  define(n, &in, values);
  backend_context_t *c;
  assert_ok(cpu_context_create(&r.engine, &x->shape, NULL, 8, &c));
  assert_ok(tensor_alloc(DT_FLOAT, &c->output_shapes[0], &got));
  memset(got.data, 0xff, tensor_bytes(&got));
  assert_ok(cpu_context_run(c, &in, &got));
  compare(&got, &values[n->outputs[0]->id], "long sums");
  cpu_context_destroy(c);
  for (int i = 0; i < n->n_tensors; i++) tensor_unref(&values[i]);
  mem_free(values);
  tensor_unref(&got);
  tensor_unref(&in);
  teardown(&r);
}

// A product of two activations: our own kernel packs one of them.
static void build_product(rig_t *r) {
  setup(r);
  layer_params_t p = {0};
  net_tensor_t *in[] = {input(r, SHAPE(1, 64, 500)), input(r, SHAPE(1, 500, 300))};
  network_mark_output(r->engine.net, net_layer1(r->engine.net, LAYER_MATMUL, 2, in, DT_FLOAT, &p));
  assert_ok(network_infer(r->engine.net));
  network_compact(r->engine.net);
}

// A convolution with the channels first: our own kernel turns them around.
static void build_turned(rig_t *r) {
  setup(r);
  layer_params_t p = {0};
  p.conv.spatial = 2;
  p.conv.same = true;
  for (int i = 0; i < 2; i++) p.conv.strides[i] = p.conv.dilations[i] = 1;
  net_tensor_t *in[] = {input(r, SHAPE(1, 8, 30, 30)), constant(r, SHAPE(3, 3, 8, 16))};
  network_mark_output(r->engine.net, net_layer1(r->engine.net, LAYER_CONV, 2, in, DT_FLOAT, &p));
  assert_ok(network_infer(r->engine.net));
  network_compact(r->engine.net);
}

static void (*const scratchy[])(rig_t *) = {build_product, build_turned};
static const size_t own_scratch[] = {500 * 304 * 4, (8 + 16) * 30 * 30 * 4};

// Bytes that a tactic takes for the only layer.
static size_t need(rig_t *r, tactic_t t) {
  uint8_t tactic = (uint8_t)t;
  shape_t shapes[] = {r->engine.net->inputs[0]->shape,
                      r->engine.net->inputs[1 % r->engine.net->n_inputs]->shape};
  backend_context_t *c;
  r->engine.tactics = &tactic;
  assert_ok(cpu_context_create(&r->engine, shapes, NULL, 1, &c));
  assert_int_equal(c->n_steps, 1);
  size_t bytes = c->steps[0].scratch + c->steps[0].inner;
  r->engine.tactics = NULL;
  cpu_context_destroy(c);
  return bytes;
}

// What a kernel says it allocates is what it allocates.
static void own_scratch_is_known(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    rig_t r;
    scratchy[i](&r);
    network_t *n = r.engine.net;
    uint8_t own = TACTIC_OWN;
    shape_t shapes[2];
    tensor_t in[2], out;
    r.engine.tactics = &own;
    for (int k = 0; k < n->n_inputs; k++) {
      shapes[k] = n->inputs[k]->shape;
      in[k] = random_tensor(&r, &shapes[k]);
    }
    backend_context_t *c;
    assert_ok(cpu_context_create(&r.engine, shapes, NULL, 1, &c));
    assert_ok(tensor_alloc(DT_FLOAT, &c->output_shapes[0], &out));
    assert_ok(cpu_context_run(c, in, &out));
    size_t bytes = c->steps[0].inner;
    assert_true(bytes >= own_scratch[i] && bytes < own_scratch[i] + own_scratch[i] / 8);
    mem_set_limit(mem_held() + bytes + (64 << 10));
    assert_ok(cpu_context_run(c, in, &out));
    mem_set_limit(mem_held() + bytes / 4);
    assert_fails(cpu_context_run(c, in, &out), RESOURCE_EXHAUSTED, "no room");
    mem_set_limit(0);
    for (int k = 0; k < n->n_inputs; k++) tensor_unref(&in[k]);
    tensor_unref(&out);
    cpu_context_destroy(c);
    r.engine.tactics = NULL;
    teardown(&r);
  }
}

// Tactics above the workspace are not chosen; where none is left the layer is named.
static void workspace_bounds_tactics(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    rig_t r;
    scratchy[i](&r);
    network_t *n = r.engine.net;
    size_t onednn = need(&r, TACTIC_ONEDNN), own = need(&r, TACTIC_OWN);
    size_t least = onednn < own ? onednn : own, most = onednn < own ? own : onednn;
    shape_t shapes[] = {n->inputs[0]->shape, n->inputs[1 % n->n_inputs]->shape};
    build_options_t o = {
        .struct_size = sizeof o, .threads = 1, .opt_shapes = shapes, .time_tactics = true};
    uint8_t *chosen = NULL;
    if (most > least) {
      assert_ok(choose_tactics(n, &o, (int64_t)most - 1, true, &chosen));
      mem_free(chosen);
      r.engine.max_workspace = (int64_t)most - 1;
      assert_true(need(&r, TACTIC_ONEDNN) <= least);
      assert_true(need(&r, TACTIC_OWN) <= least);
    }
    if (least > 1) {
      char text[160];
      snprintf(text, sizeof text, "it takes %zu bytes of scratch memory; the workspace is %zu",
               least, least - 1);
      assert_fails(choose_tactics(n, &o, (int64_t)least - 1, true, &chosen), RESOURCE_EXHAUSTED,
                   text);
      o.time_tactics = false;
      assert_fails(choose_tactics(n, &o, (int64_t)least - 1, true, &chosen), RESOURCE_EXHAUSTED,
                   "layer ");
      backend_context_t *c;
      r.engine.max_workspace = (int64_t)least - 1;
      assert_fails(cpu_context_create(&r.engine, shapes, NULL, 1, &c), RESOURCE_EXHAUSTED, text);
    }
    teardown(&r);
  }
}

// Equal layers are timed once, and what a timing cache knows not at all.
static void known_times_are_not_measured_again(void **state) {
  (void)state;
  rig_t r;
  setup(&r);
  activation_t relu = {.on = true, .op = UNARY_RELU};
  net_tensor_t *x = input(&r, SHAPE(1, 9, 9, 8));
  net_tensor_t *y = conv(&r, x, 3, 8, 8, 1, NULL, relu);
  y = conv(&r, y, 3, 8, 8, 1, NULL, relu);
  y = conv(&r, y, 3, 8, 8, 2, NULL, relu);
  network_mark_output(r.engine.net, conv(&r, y, 1, 8, 8, 1, NULL, relu));
  network_t *n = r.engine.net;
  assert_ok(network_infer(n));
  network_compact(n);
  timing_cache_t *times = timing_cache_create();
  build_options_t o = {.struct_size = sizeof o,
                       .threads = 1,
                       .opt_shapes = &x->shape,
                       .time_tactics = true,
                       .timing = times};
  uint8_t *first, *second;
  assert_ok(choose_tactics(n, &o, 0, true, &first));
  if (first) {
    assert_int_equal(timing_cache_count(times), 2 * 3);  // two of the four are equal
    assert_int_equal(first[0], first[1]);
    // The same answer again, and other answers where other times are believed.
    assert_ok(choose_tactics(n, &o, 0, true, &second));
    assert_memory_equal(first, second, (size_t)n->n_layers);
    mem_free(second);
    for (int own = 0; own < 2; own++) {
      timing_cache_each(times, own ? "own" : "onednn", 1);
      timing_cache_each(times, own ? "onednn" : "own", 1000);
      assert_ok(choose_tactics(n, &o, 0, true, &second));
      for (int k = 0; k < n->n_layers; k++)
        assert_int_equal(second[k], own ? TACTIC_OWN : TACTIC_ONEDNN);
      mem_free(second);
    }
  }
  mem_free(first);
  timing_cache_destroy(times);
  teardown(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(residual_blocks),
      cmocka_unit_test(attention),
      cmocka_unit_test(views_and_outputs),
      cmocka_unit_test(broadcasts),
      cmocka_unit_test(windows_beyond_the_image),
      cmocka_unit_test(long_sums),
      cmocka_unit_test(contexts_run_side_by_side),
      cmocka_unit_test(wrong_tensors_are_refused),
      cmocka_unit_test(own_scratch_is_known),
      cmocka_unit_test(workspace_bounds_tactics),
      cmocka_unit_test(known_times_are_not_measured_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
