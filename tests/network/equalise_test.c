// Equalisation: the network in float stays what it was, and channels come to have equal ranges.
#include "network/equalise.h"

#include <math.h>

#include "engine/backend.h"
#include "test.h"

enum { CHANNELS = 8, SIDE = 6 };

static float size_of(int64_t channel) { return exp2f(-(float)channel); }

static net_tensor_t *constant(network_t *n, shape_t s, bool sized, float factor) {
  tensor_t w;
  assert_ok(tensor_alloc(DT_FLOAT, &s, &w));
  int64_t last = s.d[s.rank - 1];
  for (int64_t i = 0; i < tensor_elements(&w); i++) TENSOR_DATA(float, &w)
  [i] = factor * sinf(3.7f * (float)i + 1) * (sized ? size_of(i % last) : 1);
  net_tensor_t *t = network_add_constant(n, "w", &w, NULL);
  tensor_unref(&w);
  return t;
}

static net_tensor_t *conv_with(network_t *n, net_tensor_t *x, net_tensor_t *w, bool depthwise,
                               int64_t outputs, net_tensor_t *residual) {
  net_tensor_t *in[4] = {x, w, constant(n, SHAPE(outputs), true, 0.5f), residual};
  layer_params_t p = {.conv = {.spatial = 2,
                               .channels_last = true,
                               .strides = {1, 1},
                               .dilations = {1, 1},
                               .same = true,
                               .depthwise = depthwise,
                               .has_bias = true,
                               .has_residual = residual != NULL}};
  return net_layer1(n, LAYER_CONV, residual ? 4 : 3, in, DT_FLOAT, &p);
}

static net_tensor_t *conv(network_t *n, net_tensor_t *x, int64_t outputs, net_tensor_t *residual) {
  int64_t inputs = x->shape.d[x->shape.rank - 1];
  return conv_with(n, x, constant(n, SHAPE(1, 1, inputs, outputs), true, 1), false, outputs,
                   residual);
}

static net_tensor_t *depthwise(network_t *n, net_tensor_t *x) {
  return conv_with(n, x, constant(n, SHAPE(3, 3, CHANNELS, 1), false, 1), true, CHANNELS, NULL);
}

static net_tensor_t *act(net_tensor_t *y, unary_op_t op, float beta) {
  y->producer->p.conv.act = (activation_t){true, op, 0, beta};
  return y;
}

static network_t *begin(net_tensor_t **x) {
  network_t *n = network_create("equalise");
  n->int8 = n->implicit_ranges = true;
  shape_t s = SHAPE(1, SIDE, SIDE, 4);
  *x = network_add_input(n, "x", DT_FLOAT, &s);
  (*x)->scale = 1 / 127.0f;
  return n;
}

// The last output, in float.
static float *answers(network_t *n, int64_t *count) {
  const backend_t *b = backend_find("ref");
  build_options_t o = {.struct_size = sizeof o, .threads = 1, .keep_layers = true};
  network_t *f = network_clone(n);
  f->int8 = f->implicit_ranges = false;
  bytes_t plan;
  backend_engine_t *e;
  backend_context_t *c;
  shape_t s = SHAPE(1, SIDE, SIDE, 4);
  tensor_t in, out[2], none = {0};
  assert_ok(b->build(f, &o, &plan));
  assert_ok(b->load(plan.data, plan.size, NULL, &e));
  assert_ok(b->context_create(e, &s, &none, 1, &c));
  assert_ok(tensor_alloc(DT_FLOAT, &s, &in));
  for (int64_t i = 0; i < tensor_elements(&in); i++)
    TENSOR_DATA(float, &in)[i] = sinf((float)(i * i));
  for (int i = 0; i < n->n_outputs; i++)
    assert_ok(tensor_alloc(DT_FLOAT, &b->output_shapes(c)[i], &out[i]));
  assert_ok(b->run(c, &in, out));
  const tensor_t *last = &out[n->n_outputs - 1];
  *count = tensor_elements(last);
  float *y = mem_alloc((size_t)*count * sizeof *y);
  memcpy(y, last->data, (size_t)*count * sizeof *y);
  tensor_unref(&in);
  for (int i = 0; i < n->n_outputs; i++) tensor_unref(&out[i]);
  b->context_destroy(c);
  b->unload(e);
  mem_free(plan.data);
  network_destroy(f);
  return y;
}

// What calibration would say of t.
static void see(network_t *n, net_tensor_t *t) {
  int64_t channels = t->shape.d[t->shape.rank - 1], count;
  network_t *until = network_clone(n);
  until->outputs[0] = until->tensors[t->id];
  until->n_outputs = 1;
  float *y = answers(until, &count);
  channel_range_t *r = arena_alloc(n->arena, (size_t)channels * sizeof *r);
  for (int64_t i = 0; i < count; i++) {
    channel_range_t *c = &r[i % channels];
    c->least = fminf(c->least, y[i]);
    c->most = fmaxf(c->most, y[i]);
    c->rms += y[i] * y[i];
    t->scale = fmaxf(t->scale, fabsf(y[i]) / 127);
  }
  int64_t rows = count / channels;
  for (int64_t i = 0; i < channels; i++) r[i].rms = sqrtf(r[i].rms / (float)rows);
  t->channels = r;
  t->n_channels = channels;
  mem_free(y);
  network_destroy(until);
}

// Sees what is wanted, equalises so many groups, and compares answers.
static void equalises(network_t *n, net_tensor_t *y, int groups) {
  network_mark_output(n, y);
  assert_ok(network_infer(n));
  bool *wanted = mem_calloc((size_t)n->n_tensors, sizeof *wanted);
  network_equalisable(n, wanted);
  for (int i = 0, count = n->n_tensors; i < count; i++)
    if (wanted[i]) see(n, n->tensors[i]);
  mem_free(wanted);
  int64_t count, again;
  float *before = answers(n, &count), most = 0;
  assert_int_equal(pass_equalise(n), groups);
  float *after = answers(n, &again);
  assert_int_equal(count, again);
  for (int64_t i = 0; i < count; i++) most = fmaxf(most, fabsf(before[i]));
  assert_true(most > 0);
  for (int64_t i = 0; i < count; i++)
    if (!(fabsf(after[i] - before[i]) <= 2e-6f * most))
      fail_msg("%g instead of %g", (double)after[i], (double)before[i]);
  mem_free(before);
  mem_free(after);
}

static double spread(const channel_range_t *c, const float *factor, int64_t n) {
  double least = INFINITY, most = 0;
  for (int64_t i = 0; i < n; i++) {
    double range = (double)fmaxf(-c[i].least, c[i].most) / (factor ? (double)factor[i] : 1);
    least = fmin(least, range);
    most = fmax(most, range);
  }
  return most / least;
}

// What a depthwise convolution reads comes to have channels of equal ranges, at no cost, also where
// the function before it is cut at 6 or elsewhere.
static void depthwise_inputs_are_equal(void **state) {
  (void)state;
  static const struct {
    unary_op_t op;
    float beta;
  } acts[] = {{UNARY_RELU, 0}, {UNARY_RELU6, 0}, {UNARY_CLIP, 0.7f}};
  for (size_t i = 0; i < 3; i++) {
    net_tensor_t *x;
    network_t *n = begin(&x);
    net_tensor_t *a = act(conv(n, x, CHANNELS, NULL), acts[i].op, acts[i].beta);
    net_tensor_t *b = conv(n, act(depthwise(n, a), UNARY_RELU, 0), 4, NULL);
    const channel_range_t *seen;
    network_mark_output(n, b);
    assert_ok(network_infer(n));
    see(n, a);
    seen = a->channels;
    n->n_outputs = 0;
    assert_true(spread(seen, NULL, CHANNELS) > 3);
    float scale = a->scale;
    equalises(n, b, 2);
    assert_int_equal(a->n_channel_factors, CHANNELS);
    assert_true(spread(seen, a->channel_factor, CHANNELS) < 1.01);
    assert_float_equal(a->scale, scale, 1e-6);  // the largest channel is as it was
    network_destroy(n);
  }
}

static bool has_factors(const network_t *n) {
  for (int i = 0; i < n->n_tensors; i++)
    if (n->tensors[i]->n_channel_factors) return true;
  return false;
}

// A stream of residuals has one factor per channel all along, through sums, pools and paddings.
static void streams_are_equalised_as_a_whole(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n = begin(&x);
  net_tensor_t *a = conv(n, x, CHANNELS, NULL);
  net_tensor_t *b = conv(n, act(conv(n, a, 4, NULL), UNARY_SWISH, 0), CHANNELS, a);
  act(b, UNARY_LEAKY_RELU, 0)->producer->p.conv.act.alpha = 0.1f;
  net_tensor_t *sum = net_binary(n, BINARY_ADD, b, a);
  layer_params_t p = {
      .pool = {.spatial = 2, .channels_last = true, .window = {2, 2}, .strides = {2, 2}}};
  net_tensor_t *pooled = net_layer1(n, LAYER_POOL, 1, &sum, DT_FLOAT, &p);
  equalises(n, conv(n, pooled, 4, NULL), 1);
  assert_int_equal(a->n_channel_factors, CHANNELS);
  assert_ptr_equal(a->channel_factor, b->channel_factor);
  assert_ptr_equal(a->channel_factor, pooled->channel_factor);
  network_destroy(n);
}

static void what_cannot_be_is_left(void **state) {
  (void)state;
  net_tensor_t *x;
  network_t *n =
      begin(&x);  // a function that is not homogeneous, and one that is cut before a mean
  net_tensor_t *a = depthwise(n, act(conv(n, x, CHANNELS, NULL), UNARY_SWISH, 0));
  net_tensor_t *mean = net_reduce(n, REDUCE_MEAN, act(a, UNARY_RELU6, 0), (int[]){1, 2}, 2, false);
  net_tensor_t *w = constant(n, SHAPE(CHANNELS, 3), false, 1);
  equalises(n, net_matmul(n, mean, w, false, false), 0);
  assert_false(has_factors(n));
  network_destroy(n);
  n = begin(&x);  // what the network returns
  a = act(conv(n, x, CHANNELS, NULL), UNARY_RELU, 0);
  network_mark_output(n, a);
  equalises(n, depthwise(n, a), 0);
  assert_false(has_factors(n));
  network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(depthwise_inputs_are_equal),
      cmocka_unit_test(streams_are_equalised_as_a_whole),
      cmocka_unit_test(what_cannot_be_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
