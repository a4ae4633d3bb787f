#include "runtime/engine_observer.h"

#include "base/map.h"
#include "network/channel_histogram.h"
#include "network/equalise.h"
#include "network/ranges.h"
#include "runtime/engine_inputs.h"
#include "runtime/segment_build.h"

typedef struct context {  // for one set of input shapes
  shape_t *shapes;
  backend_context_t *run;
} context_t;

enum { MOST_CONTEXTS = 16 };  // that are kept; inputs of other shapes get one of their own
// Of the counts by channel; tensors that come after are not equalised.
static const size_t MOST_CHANNEL_BYTES = (size_t)64 << 20;

struct engine_observer {
  const backend_t *backend;
  int threads;
  network_t *net;  // as lowered
  bytes_t plan;
  backend_engine_t *engine;
  bool *shape_input;   // [n_inputs]: shapes depend on its values
  const char **names;  // [engine's n_tensors]: what a tensor with a range goes by; NULL: none
  VEC(context_t) contexts;
  histogram_t **seen;              // [engine's n_tensors]; NULL: none yet, or not of interest
  map_t *by_channel;               // names of tensors whose channels are of interest
  channel_histogram_t **channels;  // [engine's n_tensors]; as seen
  size_t channel_bytes;
};

// ---------------------------------------------------------------- names

// From now on a tensor's name is the last one that TensorFlow has for it, and "" where it has none.
static void name_tensors(network_t *n) {
  for (int i = 0; i < n->n_tensors; i++) n->tensors[i]->name = "";
  for (int i = 0; i < n->n_names; i++) {
    net_tensor_t *t = n->names[i].tensor;
    bool input = !t->producer && !t->is_const;
    if (!input || !*t->name) t->name = n->names[i].name;
  }
}

static bool is_view(const net_tensor_t *t) {
  if (!t->producer) return false;
  layer_type_t type = t->producer->type;
  return type == LAYER_IDENTITY || type == LAYER_RESHAPE || type == LAYER_SQUEEZE ||
         type == LAYER_EXPAND_DIMS;
}

// Layers that only give another shape have no step of their own, so what they read is observed for
// them: it may have no name itself, as inside of what an Einsum becomes.
static void name_observed(const network_t *n, const char **names) {
  for (int i = 0; i < n->n_tensors; i++) {
    const net_tensor_t *t = n->tensors[i];
    if (!*t->name) continue;
    names[t->id] = t->name;
    while (is_view(t)) {
      t = t->producer->in[0];
      if (!*t->name) names[t->id] = n->tensors[i]->name;
    }
  }
}

// By names, as fusing makes another network of it.
static status_t name_equalisable(const network_t *lowered, map_t *names) {
  network_t *n = network_clone(lowered);
  network_options_t options = {.struct_size = sizeof options, .fuse = true};
  status_t st = network_optimize(n, &options);
  bool *wanted = mem_calloc((size_t)n->n_tensors + 1, sizeof *wanted);
  if (!st) network_equalisable(n, wanted);
  for (int i = 0; i < n->n_tensors && !st; i++)
    if (wanted[i] && *n->tensors[i]->name) map_put(names, n->tensors[i]->name, names);
  mem_free(wanted);
  network_destroy(n);
  return st;
}

// ---------------------------------------------------------------- made and destroyed

static status_t start(engine_observer_t *o, graph_t *body, const char *engine_name) {
  build_options_t options = {
      .struct_size = sizeof options, .threads = o->threads, .keep_layers = true};
  TRY(segment_lower(body, engine_name, NULL, &o->net));
  name_tensors(o->net);
  o->by_channel = map_create();
  TRY(name_equalisable(o->net, o->by_channel));
  weight_source_t weights = lowered_weights(o->net);
  TRY(o->backend->build(o->net, &options, &o->plan));
  TRY(o->backend->load(o->plan.data, o->plan.size, &weights, &o->engine));
  const network_t *n = o->backend->network(o->engine);
  o->seen = mem_calloc((size_t)n->n_tensors + 1, sizeof *o->seen);
  o->channels = mem_calloc((size_t)n->n_tensors + 1, sizeof *o->channels);
  o->names = mem_calloc((size_t)n->n_tensors + 1, sizeof *o->names);
  name_observed(n, o->names);
  o->shape_input = mem_calloc((size_t)n->n_inputs + 1, sizeof *o->shape_input);
  network_shape_inputs(n, o->shape_input);
  return NULL;
}

status_t engine_observer_create(graph_t *body, const char *engine_name, const backend_t *backend,
                                int threads, engine_observer_t **out) {
  *out = NULL;
  engine_observer_t *o = mem_calloc(1, sizeof *o);
  o->backend = backend->observe ? backend : backend_find("cpu");
  o->threads = threads;
  status_t st = start(o, body, engine_name);
  if (st)
    engine_observer_destroy(o);
  else
    *out = o;
  return st;
}

void engine_observer_destroy(engine_observer_t *o) {
  if (!o) return;
  const network_t *n = o->engine ? o->backend->network(o->engine) : NULL;
  for (int i = 0; n && o->seen && i < n->n_tensors; i++) mem_free(o->seen[i]);
  for (int i = 0; n && o->channels && i < n->n_tensors; i++)
    channel_histogram_destroy(o->channels[i]);
  for (size_t i = 0; i < o->contexts.n; i++) {
    o->backend->context_destroy(o->contexts.v[i].run);
    mem_free(o->contexts.v[i].shapes);
  }
  vec_free(&o->contexts);
  mem_free(o->seen);
  mem_free(o->channels);
  map_destroy(o->by_channel);
  mem_free(o->names);
  mem_free(o->shape_input);
  if (o->engine) o->backend->unload(o->engine);
  mem_free(o->plan.data);
  network_destroy(o->net);
  mem_free(o);
}

// ---------------------------------------------------------------- runs

static status_t see_channels(engine_observer_t *o, const net_tensor_t *t, const tensor_t *value) {
  channel_histogram_t **h = &o->channels[t->id];
  int64_t n = value->shape.rank ? value->shape.d[value->shape.rank - 1] : 0;
  if (value->dtype != DT_FLOAT || n < 2 || !*t->name || !map_has(o->by_channel, t->name))
    return NULL;
  if (!*h) {
    size_t bytes = channel_histogram_bytes(n);
    if (bytes > MOST_CHANNEL_BYTES - o->channel_bytes) return NULL;
    *h = channel_histogram_create(n);
    if (!*h) return FAIL(RESOURCE_EXHAUSTED, "no memory to observe the channels of %s", t->name);
    o->channel_bytes += bytes;
  }
  channel_histogram_add(*h, value);
  return NULL;
}

static status_t see(void *user, const net_tensor_t *t, const tensor_t *value) {
  engine_observer_t *o = user;
  const char *name = o->names[t->id];
  if (!name || (t->dtype != DT_FLOAT && t->dtype != DT_HALF && t->dtype != DT_BFLOAT16))
    return NULL;
  histogram_t **h = &o->seen[t->id];
  if (!*h) *h = mem_calloc(1, sizeof **h);
  if (histogram_add(*h, value)) return see_channels(o, t, value);
  return FAIL(INVALID_ARGUMENT, "tensor '%s' has a value that is NaN or infinite", name);
}

static status_t context_for(engine_observer_t *o, const tensor_t *in, int n_in,
                            backend_context_t **out, bool *once) {
  *once = false;
  for (int i = 0; i < n_in; i++) *once = *once || o->shape_input[i];
  for (size_t i = 0; !*once && i < o->contexts.n; i++) {
    bool same = true;
    for (int j = 0; j < n_in; j++)
      same = same && shape_equal(&o->contexts.v[i].shapes[j], &in[j].shape);
    if (!same) continue;
    *out = o->contexts.v[i].run;
    return NULL;
  }
  *once = *once || o->contexts.n == MOST_CONTEXTS;
  context_t made = {.shapes = mem_calloc((size_t)n_in + 1, sizeof(shape_t))};
  tensor_t *values = mem_calloc((size_t)n_in + 1, sizeof *values);
  for (int i = 0; i < n_in; i++) {
    made.shapes[i] = in[i].shape;
    if (o->shape_input[i]) values[i] = in[i];
  }
  status_t st = o->backend->context_create(o->engine, made.shapes, values, o->threads, &made.run);
  mem_free(values);
  if (st || *once) {
    mem_free(made.shapes);
  } else {
    vec_push(&o->contexts, made);
  }
  if (st) return st;
  o->backend->observe(made.run, see, o);
  *out = made.run;
  return NULL;
}

static status_t observe(engine_observer_t *o, const tensor_t *in, int n_in, tensor_t *out,
                        int n_out) {
  backend_context_t *context = NULL;
  bool once;
  const network_t *n = o->backend->network(o->engine);
  TRY(context_for(o, in, n_in, &context, &once));
  status_t st = NULL;
  for (int i = 0; i < n->n_inputs && !st; i++) st = see(o, n->inputs[i], &in[i]);
  const shape_t *shapes = o->backend->output_shapes(context);
  for (int i = 0; i < n_out && !st; i++)
    st = tensor_alloc(n->outputs[i]->dtype, &shapes[i], &out[i]);
  if (!st) st = o->backend->run(context, in, out);
  if (once) o->backend->context_destroy(context);
  return st;
}

status_t engine_observer_run(engine_observer_t *o, const tensor_t *in, int n_in, tensor_t *out,
                             int n_out) {
  engine_inputs_t inputs = engine_inputs(in, n_in);
  status_t st = observe(o, inputs.v, n_in, out, n_out);
  engine_inputs_free(&inputs);
  return st;
}

// ---------------------------------------------------------------- tables

static const histogram_t *histogram_of(const engine_observer_t *o, const net_tensor_t *t) {
  while (!o->seen[t->id] && is_view(t)) t = t->producer->in[0];
  return o->seen[t->id];
}

bool engine_observer_saw_no_values(const engine_observer_t *o) {
  const network_t *n = o->backend->network(o->engine);
  bool any = false;
  for (int i = 0; i < n->n_tensors; i++) {
    if (o->seen[i] && o->seen[i]->count) return false;
    any = any || o->seen[i];
  }
  return any;
}

static void put_range(const engine_observer_t *o, const net_tensor_t *t, const histogram_t *h,
                      calibrator_t how, ranges_t *r) {
  range_t range = {.scale = histogram_range(h, how) / 127.0f, .least = h->least, .most = h->most};
  const channel_histogram_t *by = o->channels[t->id];
  channel_range_t *channels = NULL;
  if (by) {
    range.n_channels = channel_histogram_count(by);
    channels = mem_calloc((size_t)range.n_channels, sizeof *channels);
    channel_histogram_ranges(by, how, channels);
    range.channels = channels;
  }
  ranges_put(r, t->name, range);
  mem_free(channels);
}

char *engine_observer_table(const engine_observer_t *o, calibrator_t how) {
  const network_t *n = o->backend->network(o->engine);
  ranges_t *r = ranges_create();
  for (int i = 0; i < n->n_tensors; i++) {
    const net_tensor_t *t = n->tensors[i];
    const histogram_t *h = *t->name ? histogram_of(o, t) : NULL;
    if (h && h->count) put_range(o, t, h, how, r);
  }
  char *text = ranges_format(r);
  ranges_destroy(r);
  return text;
}
