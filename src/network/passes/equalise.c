#include "network/equalise.h"

#include <math.h>
#include <string.h>

#include "network/passes/logarithm.h"
#include "network/passes/pass.h"
#include "network/passes/quantize.h"
#include "network/ranges.h"
#include "network/weight_scale.h"

enum { MOST_TENSORS = 256 };
// The least factor: a channel has 8 more bits than the largest then.
static const float LEAST_FACTOR = 1 / 256.0f;
// Less than this share of the error saved is not worth it.
static const double LEAST_GAIN = 0.02;
// Errors of weights are the same in all places and for all inputs, so they do not cancel in what
// comes after as those of inputs do. They count more: of 1, 4 and 16, 4 had the least error for
// MobileNetV2 among those that did not make ResNet50's grow.
static const double WEIGHT_ERROR = 4;

// Tensors that take the same factors, since layers between them compute channel by channel.
typedef struct group {
  network_t *n;
  int64_t channels;
  VEC(net_tensor_t *) tensors;
  VEC(layer_t *) makers;    // whose output channels are divided
  VEC(layer_t *) readers;   // whose input channels are multiplied
  VEC(net_tensor_t *) cut;  // made by a function that has an upper bound
  const bool *logarithms;
} group_t;

static int64_t last_dim(const net_tensor_t *t) {
  return t->shape.rank > 0 ? t->shape.d[t->shape.rank - 1] : -1;
}

static bool is_output(const network_t *n, const net_tensor_t *t) {
  for (int i = 0; i < n->n_outputs; i++)
    if (n->outputs[i] == t) return true;
  return false;
}

static bool in_group(const group_t *g, const net_tensor_t *t) {
  for (size_t i = 0; i < g->tensors.n; i++)
    if (g->tensors.v[i] == t) return true;
  return false;
}

static activation_t *activation_of(layer_t *l) {
  return l->type == LAYER_CONV     ? &l->p.conv.act
         : l->type == LAYER_MATMUL ? &l->p.matmul.act
                                   : &l->p.norm.act;
}

// 0 up to this; 0: another function.
static float upper_bound(unary_op_t op, float alpha, float beta) {
  return op == UNARY_RELU6 ? 6 : op == UNARY_CLIP && alpha == 0 && beta > 0 ? beta : 0;
}

static float upper_bound_of(layer_t *l) {
  if (l->type == LAYER_UNARY) return upper_bound(l->p.unary.op, l->p.unary.alpha, l->p.unary.beta);
  const activation_t *a = activation_of(l);
  return a->on ? upper_bound(a->op, a->alpha, a->beta) : 0;
}

// f(s x) = s f(x) for s > 0, but for an upper bound.
static bool homogeneous(group_t *g, layer_t *l, unary_op_t op) {
  if (upper_bound_of(l) > 0) {
    vec_push(&g->cut, l->out[0]);
    return true;
  }
  return op == UNARY_RELU || op == UNARY_LEAKY_RELU || op == UNARY_IDENTITY;
}

static bool has_depthwise_weights(const layer_t *l) {
  return l->type == LAYER_CONV && l->p.conv.depthwise;
}

// Its weights are floats that we may change, channels are the last axis.
static bool takes_factors(const layer_t *l) {
  if (l->type != LAYER_CONV && l->type != LAYER_MATMUL) return false;
  const net_tensor_t *w = l->in[1];
  if (!w->is_const || w->dtype != DT_FLOAT || l->out[0]->dtype != DT_FLOAT) return false;
  if (l->type == LAYER_CONV) return l->p.conv.channels_last && w->shape.rank >= 3;
  return w->shape.rank == 2 && l->in[0]->shape.rank >= 2;
}

static bool is_normalisation(const layer_t *l) {
  if (l->type != LAYER_NORM || l->p.n_axes != 1) return false;
  int axis = l->p.axes[0], rank = l->in[0]->shape.rank;
  return l->in[1]->is_const && (axis == -1 || axis == rank - 1) && rank > 1;
}

static int64_t outputs_of(const layer_t *l) {
  const shape_t *w = &l->in[1]->shape;
  int r = w->rank;
  if (l->type == LAYER_NORM) return shape_elements(w);
  if (l->type == LAYER_MATMUL) return w->d[l->p.matmul.transpose_b ? 0 : 1];
  return has_depthwise_weights(l) ? w->d[r - 2] * w->d[r - 1] : w->d[r - 1];
}

static int64_t inputs_of(const layer_t *l) {
  const shape_t *w = &l->in[1]->shape;
  if (l->type == LAYER_MATMUL) return w->d[l->p.matmul.transpose_b ? 1 : 0];
  return w->d[w->rank - 2];
}

// One output whose channels are made of the same channel of input 0 (of both inputs: a sum) alone,
// linearly or by a homogeneous function.
static bool by_channel(group_t *g, layer_t *l) {
  switch (l->type) {
    case LAYER_IDENTITY: return true;
    case LAYER_UNARY: return homogeneous(g, l, l->p.unary.op);
    case LAYER_BINARY:
      return l->p.binary.op == BINARY_ADD && surely_same_shape(&l->in[0]->shape, &l->in[1]->shape);
    case LAYER_POOL: return l->p.pool.channels_last;
    case LAYER_PAD: return l->n_in < 3;
    case LAYER_RESHAPE:  // of equal last dims
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS: return true;
    case LAYER_REDUCE: {
      reduce_op_t op = l->p.reduce.op;
      int rank = l->in[0]->shape.rank;
      for (int i = 0; i < l->p.n_axes; i++)
        if (l->p.axes[i] == -1 || l->p.axes[i] == rank - 1) return false;
      return l->p.n_axes > 0 && (op == REDUCE_MEAN || op == REDUCE_SUM || op == REDUCE_MAX);
    }
    default: return false;
  }
}

static bool add_tensor(group_t *g, net_tensor_t *t);

static bool add_all(group_t *g, layer_t *l) {
  if (l->n_out != 1 || !by_channel(g, l) || !add_tensor(g, l->in[0])) return false;
  return l->type != LAYER_BINARY || add_tensor(g, l->in[1]);
}

static bool add_maker(group_t *g, layer_t *l) {
  bool norm = is_normalisation(l);
  if (!norm && !takes_factors(l)) return l->type != LAYER_NORM && add_all(g, l);
  const activation_t *a = activation_of(l);
  int bias = layer_bias_at(l), residual = layer_residual_at(l);
  if (outputs_of(l) != g->channels || (a->on && !homogeneous(g, l, a->op))) return false;
  if (bias > 0 && (!l->in[bias]->is_const || shape_elements(&l->in[bias]->shape) != g->channels))
    return false;
  vec_push(&g->makers, l);
  return residual < 0 || add_tensor(g, l->in[residual]);
}

static bool add_reader(group_t *g, layer_t *l, int at) {
  if (at == layer_residual_at(l) && takes_factors(l)) return add_tensor(g, l->out[0]);
  if (l->type != LAYER_CONV && l->type != LAYER_MATMUL)
    return l->n_out == 1 && by_channel(g, l) && add_tensor(g, l->out[0]);
  if (at != 0 || !takes_factors(l) || inputs_of(l) != g->channels) return false;
  if (l->type == LAYER_CONV && !l->p.conv.depthwise && layer_conv_groups(l) != 1) return false;
  if (l->type == LAYER_MATMUL && l->p.matmul.transpose_a) return false;
  vec_push(&g->readers, l);
  return true;
}

// False: what t is part of cannot be given factors.
static bool add_tensor(group_t *g, net_tensor_t *t) {
  if (in_group(g, t)) return true;
  if (g->tensors.n == MOST_TENSORS) return false;
  vec_push(&g->tensors, t);  // also where it turns out that it cannot, so as not to ask again
  if (t->dtype != DT_FLOAT || !t->producer || last_dim(t) != g->channels || t->shape.rank < 2 ||
      is_output(g->n, t) || !add_maker(g, t->producer))
    return false;
  for (int i = 0; i < g->n->n_layers; i++) {
    layer_t *l = g->n->layers[i];
    for (int k = 0; k < l->n_in && !l->dead; k++)
      if (l->in[k] == t && !add_reader(g, l, k)) return false;
  }
  return true;
}

static void free_group(group_t *g) {
  vec_free(&g->tensors);
  vec_free(&g->makers);
  vec_free(&g->readers);
  vec_free(&g->cut);
}

// ---------------------------------------------------------------- what is expected of factors

// Where the values of t come from: the nearest tensor whose channels were observed.
static const net_tensor_t *observed_source(const group_t *g, const net_tensor_t *t) {
  while (!t->n_channels && t->producer && in_group(g, t->producer->in[0])) {
    layer_type_t type = t->producer->type;
    bool same = type == LAYER_IDENTITY || type == LAYER_PAD || type == LAYER_RESHAPE ||
                type == LAYER_SQUEEZE || type == LAYER_EXPAND_DIMS ||
                (type == LAYER_POOL && t->producer->p.pool.max);
    if (!same) break;
    t = t->producer->in[0];
  }
  return t->n_channels == g->channels ? t : NULL;
}

typedef struct reader {
  const channel_range_t *x;  // [channels]
  float *w;                  // [channels, outputs] largest magnitudes; NULL: depthwise
  float *square;             // [channels] sums of squares of weights
  double signal;             // mean square of what comes out, inputs taken as independent
  double step;               // of the input as it is
  int64_t outputs, positions;
} reader_t;

static reader_t reader_of(const layer_t *l, const channel_range_t *x, int64_t channels) {
  range_t now = network_range_of(l->in[0]);
  const float *v = l->in[1]->value.data;
  bool rows = l->type == LAYER_MATMUL && l->p.matmul.transpose_b;
  bool depthwise = has_depthwise_weights(l);
  int64_t count = tensor_elements(&l->in[1]->value), outputs = count / channels, positions = 1;
  if (l->type == LAYER_CONV) outputs = l->in[1]->shape.d[l->in[1]->shape.rank - 1];
  if (outputs > 0) positions = count / channels / outputs;
  reader_t r = {.x = x, .outputs = outputs, .positions = positions};
  r.step = (double)(now.most - now.least) / 255;
  r.square = mem_calloc((size_t)channels, sizeof *r.square);
  if (!depthwise) r.w = mem_calloc((size_t)(channels * outputs) + 1, sizeof *r.w);
  for (int64_t p = 0; p < positions; p++)
    for (int64_t c = 0; c < channels; c++)
      for (int64_t o = 0; o < outputs; o++) {
        float a = v[rows ? o * channels + c : (p * channels + c) * outputs + o];
        float *most = r.w ? &r.w[c * outputs + o] : NULL;
        r.square[c] += a * a;
        if (most) *most = fmaxf(*most, fabsf(a));
      }
  for (int64_t c = 0; c < channels; c++) r.signal += (double)(r.square[c] * x[c].rms * x[c].rms);
  return r;
}

static void free_reader(reader_t *r) {
  mem_free(r->w);
  mem_free(r->square);
}

static range_t range_with(const channel_range_t *x, const float *factor, int64_t channels) {
  range_t r = {0};
  for (int64_t c = 0; c < channels; c++) {
    r.least = fminf(r.least, x[c].least / factor[c]);
    r.most = fmaxf(r.most, x[c].most / factor[c]);
  }
  r.scale = fmaxf(-r.least, r.most) / 127;
  return r;
}

// The mean square of the error that a reader's output gets, over that of the output: inputs are off
// by up to half a step of the tensor, weights by up to half a step of their output channel, which
// counts more.
static double expected_error(const reader_t *r, const float *factor, double step,
                             int64_t channels) {
  double error = 0, inverse = 0, steps = 0;
  for (int64_t c = 0; c < channels; c++) {
    float rms = r->x[c].rms / factor[c];
    error += (double)(factor[c] * factor[c] * r->square[c]);
    inverse += (double)(rms * rms);
  }
  error *= step * step / 12;
  float *most = mem_calloc((size_t)r->outputs + 1, sizeof *most);
  for (int64_t c = 0; c < channels && r->w; c++)
    for (int64_t o = 0; o < r->outputs; o++)
      most[o] = fmaxf(most[o], factor[c] * r->w[c * r->outputs + o]);
  for (int64_t o = 0; o < r->outputs; o++) steps += (double)(most[o] * most[o]) / (127.0 * 127);
  mem_free(most);
  error += WEIGHT_ERROR * steps / 12 * (double)r->positions * inverse;
  return r->signal > 0 ? error / r->signal : 0;
}

// A function with an upper bound keeps it, on values that were divided: it ends at the bound times
// the factor. Where all that read it do so in 8 bits, they see nothing beyond a channel's range in
// any case; so that is how small a factor may be. False: somebody else reads it.
static bool note_cut(const group_t *g, const net_tensor_t *t, float *floor) {
  float bound = upper_bound_of(t->producer);
  if (t->n_channels != g->channels) return false;
  for (int i = 0; i < g->n->n_layers; i++) {
    const layer_t *l = g->n->layers[i];
    for (int k = 0; k < l->n_in && !l->dead; k++)
      if (l->in[k] == t && (k || !becomes_int8(g->n, l, g->logarithms))) return false;
  }
  for (int64_t c = 0; c < g->channels; c++)
    floor[c] = fmaxf(floor[c], fminf(t->channels[c].most / bound, 1));
  return true;
}

typedef struct choice {
  int64_t channels;
  VEC(reader_t) readers;
  float *x, *w;  // [channels] magnitudes of inputs and weights, over the largest
  float *floor;  // [channels] no factor is less
  float *factor, *best;
  double least;
} choice_t;

static void normalise(float *v, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; i++) most = fmaxf(most, v[i]);
  for (int64_t i = 0; i < n; i++) v[i] = most > 0 ? fmaxf(v[i] / most, LEAST_FACTOR) : 1;
}

static void note_magnitudes(choice_t *k, const reader_t *r) {
  float *x = mem_calloc((size_t)k->channels, sizeof *x),
        *w = mem_calloc((size_t)k->channels, sizeof *w);
  for (int64_t c = 0; c < k->channels; c++) {
    x[c] = fmaxf(-r->x[c].least, r->x[c].most);
    for (int64_t o = 0; o < r->outputs && r->w; o++) w[c] = fmaxf(w[c], r->w[c * r->outputs + o]);
  }
  normalise(x, k->channels);
  normalise(w, k->channels);
  for (int64_t c = 0; c < k->channels; c++) {
    k->x[c] = fmaxf(k->x[c], x[c]);
    if (r->w) k->w[c] = fmaxf(k->w[c], w[c]);
  }
  mem_free(x);
  mem_free(w);
}

static void consider(choice_t *k) {
  double error = 0;
  for (size_t i = 0; i < k->readers.n; i++) {
    const reader_t *r = &k->readers.v[i];
    range_t range = range_with(r->x, k->factor, k->channels);
    double step = (double)(range.most - range.least) / 255;
    error += expected_error(r, k->factor, step, k->channels);
  }
  if (!(error < k->least)) return;
  k->least = error;
  memcpy(k->best, k->factor, (size_t)k->channels * sizeof *k->best);
}

// x^a and x^a / w^(1 - a), 1 at most. No channel comes to have larger values than the largest.
static void choose(choice_t *k) {
  double as_it_is = 0;
  for (int64_t c = 0; c < k->channels; c++) k->factor[c] = 1;
  for (size_t i = 0; i < k->readers.n; i++) {
    const reader_t *r = &k->readers.v[i];
    as_it_is += expected_error(r, k->factor, r->step, k->channels);
  }
  k->least = as_it_is * (1 - LEAST_GAIN);
  for (int eighths = 2; eighths <= 8; eighths++) {
    float a = (float)eighths / 8;
    for (int with_weights = 0; with_weights < 2 && (!with_weights || eighths < 8); with_weights++) {
      for (int64_t c = 0; c < k->channels; c++)
        k->factor[c] = powf(k->x[c], a) / (with_weights && k->w[c] > 0 ? powf(k->w[c], 1 - a) : 1);
      normalise(k->factor, k->channels);
      for (int64_t c = 0; c < k->channels; c++)
        k->factor[c] = fmaxf(k->factor[c], fmaxf(k->x[c], k->floor[c]));
      consider(k);
    }
  }
  if (!(k->least < as_it_is * (1 - LEAST_GAIN))) k->least = HUGE_VAL;
}

static bool choose_factors(const group_t *g, float *factor) {
  size_t n = (size_t)g->channels;
  choice_t k = {.channels = g->channels, .best = factor};
  k.x = mem_calloc(n, sizeof *k.x);
  k.w = mem_calloc(n, sizeof *k.w);
  k.factor = mem_calloc(n, sizeof *k.factor);
  k.floor = mem_calloc(n, sizeof *k.floor);
  for (size_t i = 0; i < g->readers.n; i++) {
    const layer_t *l = g->readers.v[i];
    const net_tensor_t *x = observed_source(g, l->in[0]);
    if (!x || !becomes_int8(g->n, l, g->logarithms)) continue;
    reader_t r = reader_of(l, x->channels, g->channels);
    note_magnitudes(&k, &r);
    vec_push(&k.readers, r);
  }
  bool any = k.readers.n > 0;
  for (size_t i = 0; i < g->cut.n && any; i++) any = note_cut(g, g->cut.v[i], k.floor);
  if (any) choose(&k);
  for (size_t i = 0; i < k.readers.n; i++) free_reader(&k.readers.v[i]);
  vec_free(&k.readers);
  mem_free(k.floor);
  mem_free(k.factor);
  mem_free(k.w);
  mem_free(k.x);
  return any && isfinite(k.least);
}

// ---------------------------------------------------------------- giving a group its factors

typedef struct change {
  layer_t *l;
  int at;
  net_tensor_t *to;
} change_t;
typedef VEC(change_t) changes_t;

static bool multiply(network_t *n, changes_t *all, layer_t *l, int at, const double *by,
                     int64_t count, int64_t inner) {
  change_t *c = NULL;
  for (size_t i = 0; i < all->n && !c; i++)
    if (all->v[i].l == l && all->v[i].at == at) c = &all->v[i];
  net_tensor_t *to = weight_scale_constant(n, c ? c->to : l->in[at], by, count, inner);
  if (!to) return false;
  if (c)
    c->to = to;
  else
    vec_push(all, ((change_t){l, at, to}));
  return true;
}

static bool multiply_all(const group_t *g, const double *factor, const double *inverse,
                         changes_t *all) {
  for (size_t i = 0; i < g->makers.n; i++) {
    layer_t *l = g->makers.v[i];
    bool rows = l->type == LAYER_MATMUL && l->p.matmul.transpose_b;
    int64_t inner = rows ? inputs_of(l) : 1;
    if (!multiply(g->n, all, l, 1, inverse, g->channels, inner)) return false;
    int bias = layer_bias_at(l);
    if (bias > 0 && !multiply(g->n, all, l, bias, inverse, g->channels, 1)) return false;
  }
  for (size_t i = 0; i < g->readers.n; i++) {
    layer_t *l = g->readers.v[i];
    const shape_t *w = &l->in[1]->shape;
    bool rows = l->type == LAYER_MATMUL && l->p.matmul.transpose_b;
    int64_t inner = rows ? 1 : w->d[w->rank - 1];
    if (!multiply(g->n, all, l, 1, factor, g->channels, inner)) return false;
  }
  return true;
}

static void make_changes(network_t *n, const changes_t *all) {
  for (size_t i = 0; i < all->n; i++) {
    const change_t *c = &all->v[i];
    net_tensor_t *in[5];
    for (int k = 0; k < c->l->n_in; k++) in[k] = k == c->at ? c->to : c->l->in[k];
    set_inputs(n, c->l, c->l->n_in, in);
  }
}

static void set_ranges(const group_t *g, const float *factor) {
  for (size_t i = 0; i < g->tensors.n; i++) {
    net_tensor_t *t = g->tensors.v[i];
    t->channel_factor = factor;
    t->n_channel_factors = g->channels;
    const net_tensor_t *seen = t->scale > 0 ? observed_source(g, t) : NULL;
    if (seen) {
      range_t r = range_with(seen->channels, factor, g->channels);
      t->scale = r.scale;
      t->least = r.least;
      t->most = r.most;
    } else {  // it is not known any more
      t->scale = t->least = t->most = 0;
    }
  }
  for (size_t i = 0; i < g->tensors.n; i++) {
    g->tensors.v[i]->channels = NULL;  // they are equal now, as far as they should be
    g->tensors.v[i]->n_channels = 0;
  }
}

static bool equalise(group_t *g) {
  network_t *n = g->n;
  size_t count = (size_t)g->channels;
  float *factor = arena_alloc(n->arena, count * sizeof *factor);
  double *by = mem_alloc(count * sizeof *by), *inverse = mem_alloc(count * sizeof *inverse);
  changes_t changes = {0};
  bool ok = choose_factors(g, factor);
  for (size_t c = 0; c < count && ok; c++) {
    by[c] = (double)factor[c];
    inverse[c] = 1 / by[c];
  }
  ok = ok && multiply_all(g, by, inverse, &changes);
  if (ok) {
    make_changes(n, &changes);
    set_ranges(g, factor);
  }
  vec_free(&changes);
  mem_free(inverse);
  mem_free(by);
  return ok;
}

// ---------------------------------------------------------------- all groups

static int64_t channels_read(const layer_t *l) {
  return (l->type == LAYER_CONV || l->type == LAYER_MATMUL) && !l->dead && l->n_in >= 2 &&
                 l->n_in <= 4 && l->in[0]->producer && takes_factors(l)
             ? inputs_of(l)
             : 0;
}

// Calls what for each group that can be given factors; counts where it returns true.
static int each_group(network_t *n, bool (*what)(group_t *g, void *user), void *user) {
  int count = 0;
  bool *logarithms = tensors_of_logarithms(n);
  bool *done = mem_calloc((size_t)n->n_tensors + 1, sizeof *done);
  for (int i = 0, first = n->n_tensors; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    group_t g = {.n = n, .channels = channels_read(l), .logarithms = logarithms};
    if (g.channels < 2 || l->in[0]->id >= first || done[l->in[0]->id]) continue;
    bool can = add_tensor(&g, l->in[0]);
    for (size_t k = 0; k < g.tensors.n; k++) done[g.tensors.v[k]->id] |= can;
    done[l->in[0]->id] = true;
    if (can && what(&g, user)) count++;
    free_group(&g);
  }
  mem_free(done);
  mem_free(logarithms);
  return count;
}

static bool equalise_one(group_t *g, void *user) {
  (void)user;
  return equalise(g);
}

int pass_equalise(network_t *n) {
  if (!n->int8 || !n->implicit_ranges) return 0;
  return each_group(n, equalise_one, NULL);
}

static bool want(group_t *g, void *user) {
  bool *wanted = user;
  for (size_t i = 0; i < g->tensors.n; i++) wanted[g->tensors.v[i]->id] = true;
  return true;
}

void network_equalisable(network_t *n, bool *wanted) { each_group(n, want, wanted); }
