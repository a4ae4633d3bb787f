// Convolutions and products on 8-bit tensors by our own kernels.
#include <math.h>
#include <string.h>

#include "backend/cpu/int8.h"
#include "kernels/conv_int8.h"
#include "kernels/deconv_int8.h"
#include "kernels/gemm_int8_batch.h"
#include "kernels/strided_copy.h"

typedef enum kind { PRODUCT, DEPTHWISE, LOOPS, TRANSPOSED, BATCH } kind_t;

typedef struct own_int8 {
  kind_t kind;
  conv_int8_t conv;    // TRANSPOSED: that of which the layer is the gradient
  gemm_batch_t batch;  // BATCH
  const void *packed;
  int bias, residual;  // inputs' indexes; -1: none (or known, and in scaled_bias)
  int8_finish_t finish;
  float *scale, *scaled_bias;  // in steps of the output, [channels] and padding
  int64_t channels, in_channels;
  float by;  // what turns real values into what `scale` gives
  activation_t act;
  tile_unary_fn act_fn;
  bool channels_first;  // the kernels work on copies with the channels last, in the scratch memory
  int64_t x_points, y_points;  // of an image
  size_t x_at, y_at, residual_at;
} own_int8_t;

static void destroy(void *p) {
  own_int8_t *st = p;
  matmul_batch_free(&st->batch);
  mem_free(st->scale);
  mem_free(st->scaled_bias);
  mem_free(st);
}

static void apply_act(float *x, int64_t n, const void *arg) {
  const own_int8_t *st = arg;
  if (st->act_fn) {
    st->act_fn(n, x, x, st->act.alpha, st->act.beta);
    return;
  }
  for (int64_t i = 0; i < n; i++)
    x[i] = (float)unary_eval(st->act.op, (double)x[i], st->act.alpha, st->act.beta);
}

static void scale_bias(own_int8_t *st, const float *bias) {
  for (int64_t m = 0; m < st->channels; m++) st->scaled_bias[m] = bias[m] * st->by;
}

static status_t run_kernel(own_int8_t *st, const void *x, const int8_t *w, void *y, void *scratch,
                           int threads) {
  const gemm_int8_batch_t batch = {&st->batch, st->conv.is_signed, st->conv.zero};
  switch (st->kind) {
    case BATCH: gemm_int8_batch(&batch, x, w, y, &st->finish, scratch, threads); return NULL;
    case PRODUCT: conv_int8_run(&st->conv, x, st->packed, y, &st->finish, threads); return NULL;
    case DEPTHWISE:
      depthwise_int8_run(&st->conv, x, st->packed, y, &st->finish, scratch, threads);
      return NULL;
    case TRANSPOSED:
      return deconv_int8_run(&st->conv, x, st->packed, y, &st->finish, scratch, threads);
    default: return conv_int8_plain(&st->conv, x, w, y, &st->finish, threads);
  }
}

// [n, a, b] to [n, b, a]
static status_t swap(dtype_t t, int64_t n, int64_t a, int64_t b, const void *x, void *y,
                     int threads) {
  shape_t s = SHAPE(n, a, b);
  const int perm[] = {0, 2, 1};
  return transpose_copy(t, &s, perm, x, y, threads);
}

static status_t run(step_t *s, backend_context_t *c) {
  own_int8_t *st = s->state;
  const layer_t *l = s->layer;
  const conv_shape_t *g = &st->conv.s;
  const void *x = step_in(s, c, 0);
  char *scratch = c->scratch;
  void *y = step_out(s, c, 0), *to = y;
  if (st->bias >= 0) scale_bias(st, step_in(s, c, st->bias));
  if (st->residual >= 0) st->finish.residual = step_in(s, c, st->residual);
  if (st->channels_first) {
    TRY(swap(DT_INT8, g->batch, st->in_channels, st->x_points, x, scratch + st->x_at, c->threads));
    x = scratch + st->x_at;
    to = scratch + st->y_at;
    if (st->residual >= 0) {
      TRY(swap(l->in[st->residual]->dtype, g->batch, st->channels, st->y_points,
               st->finish.residual, scratch + st->residual_at, c->threads));
      st->finish.residual = scratch + st->residual_at;
    }
  }
  TRY(run_kernel(st, x, step_in(s, c, 1), to, scratch, c->threads));
  if (to == y) return NULL;
  return swap(l->out[0]->dtype, g->batch, st->y_points, st->channels, to, y, c->threads);
}

// ---------------------------------------------------------------- what to compute

// As the kernels see it, which have channels last: other layers are swapped around them.
static bool conv_shape(const backend_context_t *c, const layer_t *l, conv_shape_t *s) {
  const shape_t *x = in_shape(c, l, 0), *w = in_shape(c, l, 1), *y = out_shape(c, l, 0);
  const bool transposed = l->type == LAYER_DECONV;
  if (shape_elements(x) == 0 || shape_elements(w) == 0) return false;
  conv_layer_shape(l, transposed ? y : x, transposed ? x : y, w, s);
  s->channels_last = true;
  // A stride beyond the image has more places than there are points, most of them empty.
  for (int i = 0; i < s->spatial && transposed; i++)
    if (s->dilation[i] != 1 || s->stride[i] > s->in[i]) return false;
  if (transposed) return s->groups == 1 && w->d[s->spatial + 1] == s->out_c;
  return s->groups > 0 && s->in_c % s->groups == 0 && s->out_c % s->groups == 0;
}

// A product is a 1 x 1 convolution of so many pixels.
static bool product_shape(const backend_context_t *c, const layer_t *l, conv_shape_t *s) {
  const shape_t *x = in_shape(c, l, 0), *w = in_shape(c, l, 1);
  int64_t k = x->d[x->rank - 1];
  if (k < 1) return false;
  *s = (conv_shape_t){.spatial = 1,
                      .channels_last = true,
                      .batch = shape_elements(x) / k,
                      .in_c = k,
                      .out_c = w->d[1],
                      .groups = 1,
                      .in = {1},
                      .out = {1},
                      .kernel = {1},
                      .stride = {1},
                      .dilation = {1}};
  return true;
}

static bool sums_fit(const conv_shape_t *s, int64_t taps) {
  for (int i = 0; i < s->spatial; i++) {
    if (s->kernel[i] < 1 || s->kernel[i] > CONV_INT8_MOST_PRODUCTS) return false;
    taps *= s->kernel[i];
    if (taps > CONV_INT8_MOST_PRODUCTS) return false;
  }
  return true;
}

// ---------------------------------------------------------------- finishing

// Activations that only limit; what they limit to is in real values.
static bool limits_of(const activation_t *a, float *lo, float *hi) {
  *lo = -INFINITY, *hi = INFINITY;
  if (!a->on) return true;
  switch (a->op) {
    case UNARY_RELU: *lo = 0; return true;
    case UNARY_RELU6: *lo = 0, *hi = 6; return true;
    case UNARY_CLIP: *lo = a->alpha, *hi = a->beta; return a->alpha <= a->beta;
    default: return false;
  }
}

// Are all values numbers below 2^30, whatever x is?
static bool stay_small(const own_int8_t *st) {
  const conv_shape_t *s = &st->conv.s;
  const int64_t channels = st->in_channels / s->groups;
  float products = (float)channels;
  for (int i = 0; i < s->spatial; i++) products *= (float)s->kernel[i];
  for (int64_t m = 0; m < st->channels; m++) {
    float most = products * (512 * 128) * fabsf(st->scale[m]) + fabsf(st->scaled_bias[m]);
    if (!(most < 1 << 30)) return false;
  }
  return true;
}

static void make_finish(const backend_context_t *c, const layer_t *l, const int8_layer_t *i,
                        own_int8_t *st) {
  const net_tensor_t *y = l->out[0];
  int8_finish_t *f = &st->finish;
  float lo, hi, step = dtype_is_8bit_int(y->dtype) ? y->scale : 1;
  bool only_limits = limits_of(&i->act, &lo, &hi);
  size_t floats = (size_t)i->channels + INT8_PADDING;
  st->by = only_limits ? 1 / step : 1;
  st->channels = i->channels;
  st->scale = mem_calloc(floats, sizeof *st->scale);
  for (int64_t m = 0; m < i->channels; m++) st->scale[m] = i->scale[m] * st->by;
  st->scaled_bias = mem_calloc(floats, sizeof *st->scaled_bias);
  *f = (int8_finish_t){.scale = st->scale, .bias = st->scaled_bias, .by = 1 / step};
  f->type = y->dtype;
  st->bias = i->bias;
  const tensor_t *known = i->bias >= 0 ? in_value(c, l, i->bias) : NULL;
  if (known) {
    scale_bias(st, known->data);
    st->bias = -1;
  }
  st->residual = i->residual;
  if (i->residual >= 0) {
    const net_tensor_t *r = l->in[i->residual];
    f->residual_type = r->dtype;
    f->residual_scale = (dtype_is_8bit_int(r->dtype) ? r->scale : 1) * st->by;
    f->residual_zero = r->zero_point;
  }
  if (!only_limits) {
    st->act = i->act;
    st->act_fn = tile_ops()->unary[i->act.op];
    f->act = apply_act;
    f->act_arg = st;
  }
  f->clamp = dtype_is_8bit_int(y->dtype) || (only_limits && i->act.on);
  f->lo = only_limits ? lo * st->by : -INFINITY;
  f->hi = only_limits ? hi * st->by : INFINITY;
  if (!dtype_is_8bit_int(y->dtype)) return;
  f->zero = y->zero_point;
  float least = (float)((y->dtype == DT_UINT8 ? 0 : -128) - f->zero), most = least + 255;
  // Limits may be rounded first: rounding keeps order.
  f->lo = fmaxf(only_limits ? rintf(f->lo) : f->lo, least);
  f->hi = fminf(only_limits ? rintf(f->hi) : f->hi, most);
  f->saturates = only_limits && f->lo == least && f->hi == most && st->bias < 0 &&
                 i->residual < 0 && stay_small(st);
}

// ---------------------------------------------------------------- the step

static status_t pack(const void *self, const float *w, float *packed, int threads) {
  const own_int8_t *st = self;
  const void *numbers = w;
  if (st->kind == TRANSPOSED) return deconv_int8_pack(&st->conv, numbers, (void *)packed, threads);
  if (st->kind == DEPTHWISE)
    depthwise_int8_pack(&st->conv, numbers, packed);
  else
    conv_int8_pack(&st->conv, numbers, packed, threads);
  return NULL;
}

static status_t pack_weights(backend_context_t *c, const layer_t *l, own_int8_t *st) {
  const conv_shape_t *s = &st->conv.s;
  bool depthwise = l->type == LAYER_CONV && l->p.conv.depthwise;
  st->kind = LOOPS;
  if (!in_value(c, l, 1)) return NULL;
  if (depthwise && s->spatial <= 2 && s->out_c == s->in_c) st->kind = DEPTHWISE;
  if (!depthwise) st->kind = l->type == LAYER_DECONV ? TRANSPOSED : PRODUCT;
  if (st->kind == LOOPS) return NULL;
  size_t bytes = st->kind == DEPTHWISE    ? depthwise_int8_packed_bytes(&st->conv)
                 : st->kind == TRANSPOSED ? deconv_int8_packed_bytes(&st->conv)
                                          : conv_int8_packed_bytes(&st->conv);
  if (bytes == 0) {
    st->kind = LOOPS;
    return NULL;
  }
  // How a depthwise filter is packed depends on the stride, too, and so does its size.
  packer_t packer = {.key = {st->kind, s->groups, (int64_t)bytes},
                     .floats = bytes / sizeof(float),
                     .pack = pack,
                     .self = st};
  for (int i = 0; i < 3 && st->kind == TRANSPOSED; i++) packer.key[1 + i] = s->stride[i];
  const float *packed;
  TRY(weights_for_kernel(c, l->in[1], &packer, &packed));
  st->packed = packed;
  return NULL;
}

static size_t whole_lines(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

// Room for copies with the channels last, behind the kernel's own.
static void place_copies(const backend_context_t *c, const layer_t *l, own_int8_t *st, step_t *s) {
  const conv_shape_t *g = &st->conv.s;
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0);
  size_t n = (size_t)shape_elements(y);
  st->channels_first = true;
  st->x_points = shape_elements(x) / (g->batch * st->in_channels);
  st->y_points = shape_elements(y) / (g->batch * st->channels);
  st->x_at = whole_lines(s->scratch);
  st->y_at = st->x_at + whole_lines((size_t)shape_elements(x));
  st->residual_at = st->y_at + whole_lines(n * dtype_size(l->out[0]->dtype));
  s->scratch = st->residual_at;
  if (st->residual >= 0) s->scratch += whole_lines(n * dtype_size(l->in[st->residual]->dtype));
  s->reuse = -1;
}

// Products of which no matrix is known, or not one for all.
static status_t make_batch(backend_context_t *c, const layer_t *l, const int8_layer_t *i,
                           step_t *s) {
  dn_problem_t p;
  if (i->residual >= 0 || !matmul_problem(c, l, &p)) return NULL;
  own_int8_t *st = mem_calloc(1, sizeof *st);
  st->kind = BATCH;
  st->conv.is_signed = l->in[0]->dtype == DT_INT8;
  st->conv.zero = l->in[0]->zero_point;
  matmul_batch(&p, &st->batch);
  // For what is asked of its sizes: as many pixels, summed over k channels.
  st->conv.s = (conv_shape_t){.spatial = 0, .groups = 1};
  st->in_channels = st->batch.k;
  make_finish(c, l, i, st);
  const gemm_int8_batch_t batch = {&st->batch, st->conv.is_signed, st->conv.zero};
  size_t scratch = gemm_int8_batch_scratch(&batch, c->threads);
  if (st->batch.k > GEMM_INT8_MOST_K || st->batch.n != i->channels || !scratch) {
    destroy(st);
    return NULL;
  }
  *s = (step_t){.layer = l,
                .run = run,
                .state = st,
                .destroy = destroy,
                .scratch = scratch,
                .reuse = -1,
                .tactic = "gemm_int8_batch"};
  return NULL;
}

status_t make_own_int8_step(backend_context_t *c, const layer_t *l, const int8_layer_t *i,
                            step_t *s) {
  const bool one_matrix = in_shape(c, l, 1)->rank == 2 && !l->p.matmul.transpose_a &&
                          !l->p.matmul.transpose_b && in_value(c, l, 1);
  if (l->type == LAYER_MATMUL && !one_matrix) return make_batch(c, l, i, s);
  own_int8_t *st = mem_calloc(1, sizeof *st);
  conv_shape_t *shape = &st->conv.s;
  const bool product = l->type == LAYER_MATMUL, transposed = l->type == LAYER_DECONV;
  bool known = product ? product_shape(c, l, shape) : conv_shape(c, l, shape);
  st->in_channels = transposed ? shape->out_c : shape->in_c;
  if (!known || !sums_fit(shape, st->in_channels / shape->groups) ||
      (transposed ? shape->in_c : shape->out_c) != i->channels) {
    mem_free(st);
    return NULL;
  }
  st->conv.is_signed = l->in[0]->dtype == DT_INT8;
  st->conv.zero = l->in[0]->zero_point;
  make_finish(c, l, i, st);
  status_t e = pack_weights(c, l, st);
  if (e) {
    destroy(st);
    return e;
  }
  if (transposed && st->kind != TRANSPOSED) {  // the filter is not known
    destroy(st);
    return NULL;
  }
  static const char *const names[] = {"gemm_int8", "depthwise_int8", "int8", "deconv_int8"};
  bool in_place =
      i->residual >= 0 && dtype_size(l->in[i->residual]->dtype) == dtype_size(l->out[0]->dtype);
  *s = (step_t){.layer = l,
                .run = run,
                .state = st,
                .destroy = destroy,
                .reuse = in_place ? i->residual : -1,
                .tactic = names[st->kind]};
  if (st->kind == DEPTHWISE) s->scratch = depthwise_int8_scratch(&st->conv, c->threads);
  if (transposed) s->scratch = deconv_int8_scratch(&st->conv, l->out[0]->dtype);
  if (!product && !l->p.conv.channels_last) place_copies(c, l, st, s);
  if (st->kind == LOOPS) s->inner = (size_t)c->threads * (size_t)i->channels * sizeof(int32_t);
  return NULL;
}
