#include "accuracy/layers.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy/match.h"
#include "accuracy/single_layer.h"
#include "accuracy/values.h"
#include "engine/specialize.h"
#include "runtime/segment_build.h"

// The engines of one TRTEngineOp that have the same layers, and their network in FP32.
typedef struct watched {
  char *name;
  const backend_t *backend;
  network_t *lowered;
  bytes_t plan;
  backend_engine_t *reference;
  shape_t *shapes;  // of the inputs of this run
  int n_in;
  layer_error_t *layers;  // [n_layers of the planned network]
  int n_layers;
  bool has_kernels;
} watched_t;

// What a run of an engine in FP32 leaves for the run as planned.
typedef struct kept {
  const watched_t *w;
  tensor_t *want;  // [n_tensors of the planned network] float32; empty: nothing
  int n;
  bool used;
} kept_t;

struct layer_watch {
  pthread_mutex_t lock;  // runs of engines come one at a time
  arena_t *arena;        // texts of layers
  VEC(watched_t *) engines;
  VEC(kept_t) kept;
};

layer_watch_t *layer_watch_create(void) {
  layer_watch_t *w = mem_calloc(1, sizeof *w);
  pthread_mutex_init(&w->lock, NULL);
  w->arena = arena_create();
  return w;
}

static void forget_kept(layer_watch_t *w) {
  for (size_t i = 0; i < w->kept.n; i++) {
    for (int k = 0; k < w->kept.v[i].n; k++) tensor_unref(&w->kept.v[i].want[k]);
    mem_free(w->kept.v[i].want);
  }
  w->kept.n = 0;
}

static void drop_reference(watched_t *e) {
  if (e->reference) e->backend->unload(e->reference);
  mem_free(e->plan.data);
  network_destroy(e->lowered);
  mem_free(e->shapes);
  e->reference = NULL;
  e->plan = (bytes_t){0};
  e->lowered = NULL;
  e->shapes = NULL;
}

void layer_watch_destroy(layer_watch_t *w) {
  if (!w) return;
  forget_kept(w);
  vec_free(&w->kept);
  for (size_t i = 0; i < w->engines.n; i++) {
    drop_reference(w->engines.v[i]);
    mem_free(w->engines.v[i]->layers);
    mem_free(w->engines.v[i]->name);
    mem_free(w->engines.v[i]);
  }
  vec_free(&w->engines);
  arena_destroy(w->arena);
  pthread_mutex_destroy(&w->lock);
  mem_free(w);
}

// ---- an engine that is met for the first time -------------------------------------------------

static bool is_view(const layer_t *l) {
  return l->type == LAYER_IDENTITY || l->type == LAYER_RESHAPE || l->type == LAYER_SQUEEZE ||
         l->type == LAYER_EXPAND_DIMS;
}

static layer_error_t facts_of(layer_watch_t *w, const watched_t *e, const layer_t *l) {
  const char **nodes = arena_alloc(w->arena, ((size_t)l->n_tf_nodes + 1) * sizeof *nodes);
  for (int i = 0; i < l->n_tf_nodes; i++) nodes[i] = arena_strdup(w->arena, l->tf_nodes[i]);
  return (layer_error_t){.engine = arena_strdup(w->arena, e->name),
                         .name = arena_strdup(w->arena, l->name),
                         .type = layer_type_name(l->type),
                         .precision = layer_precision(l),
                         .kernel = "",
                         .why = l->why ? arena_strdup(w->arena, l->why) : NULL,
                         .nodes = nodes,
                         .n_nodes = l->n_tf_nodes,
                         .moves = is_view(l),
                         .heavy = l->type == LAYER_CONV || l->type == LAYER_DECONV ||
                                  l->type == LAYER_MATMUL || l->type == LAYER_ATTENTION};
}

static bool has_layers(const watched_t *e, const network_t *n) {
  bool same = e->n_layers == n->n_layers;
  for (int i = 0; i < n->n_layers && same; i++)
    same = strcmp(e->layers[i].name, n->layers[i]->name) == 0 &&
           strcmp(e->layers[i].type, layer_type_name(n->layers[i]->type)) == 0 &&
           strcmp(e->layers[i].precision, layer_precision(n->layers[i])) == 0;
  return same;
}

static watched_t *find_watched(layer_watch_t *w, const engine_served_t *by) {
  const network_t *n = by->backend->network(by->engine);
  for (size_t i = 0; i < w->engines.n; i++)
    if (strcmp(w->engines.v[i]->name, by->name) == 0 && has_layers(w->engines.v[i], n))
      return w->engines.v[i];
  watched_t *e = mem_calloc(1, sizeof *e);
  e->name = mem_strdup(by->name);
  e->backend = by->backend;
  e->n_layers = n->n_layers;
  e->layers = mem_calloc((size_t)n->n_layers + 1, sizeof *e->layers);
  for (int i = 0; i < n->n_layers; i++) e->layers[i] = facts_of(w, e, n->layers[i]);
  vec_push(&w->engines, e);
  return e;
}

static void note_shapes(watched_t *e, const tensor_t *in, int n_in) {
  e->shapes = mem_realloc(e->shapes, ((size_t)n_in + 1) * sizeof *e->shapes);
  for (int i = 0; i < n_in; i++) e->shapes[i] = in[i].shape;
}

// Of an input. Dims that are not known, but known to be equal, are so by symbols that mean nothing
// elsewhere: those of the first dims that have them are counted.
static shape_t partial_shape(const network_t *n, int input) {
  enum { FIRST_SYMBOL = -500000 };
  shape_t s = n->inputs[input]->shape;
  for (int d = 0; d < s.rank; d++) {
    int count = 0;
    bool found = s.d[d] >= 0;
    for (int i = 0; i < n->n_inputs && !found; i++)
      for (int k = 0; k < n->inputs[i]->shape.rank && !found; k++, count++)
        if (n->inputs[i]->shape.d[k] == s.d[d]) {
          s.d[d] = FIRST_SYMBOL - count;
          found = true;
        }
  }
  return s;
}

// The native segment as an FP32 engine. It is lowered for the shapes that the planned network is
// for, as what is fused depends on what is known of shapes.
static status_t make_reference(watched_t *e, const engine_served_t *by, const tensor_t *in,
                               int n_in) {
  const network_t *planned = by->backend->network(by->engine);
  if (!by->segment || by->segment->n_args != n_in || planned->n_inputs != n_in)
    return FAIL(NOT_FOUND,
                "%s: its native segment is not in the model, so there is nothing to compare its "
                "layers with",
                by->name);
  note_shapes(e, in, n_in);
  if (e->reference) return NULL;
  arena_t *arena = arena_create();
  graph_t *body = graph_clone(by->segment, arena);
  for (int i = 0; i < n_in; i++) body->args[i]->out_shape[0] = partial_shape(planned, i);
  build_options_t o = {.struct_size = sizeof o, .threads = by->threads};
  status_t st = segment_lower(body, by->name, NULL, &e->lowered);
  weight_source_t weights = lowered_weights(e->lowered);
  if (!st) st = by->backend->build(e->lowered, &o, &e->plan);
  if (!st) st = by->backend->load(e->plan.data, e->plan.size, &weights, &e->reference);
  graph_destroy(body);
  arena_destroy(arena);
  return st;
}

// ---- running with every tensor seen -----------------------------------------------------------

typedef struct seen {
  const network_t *net;
  specialized_t *spec;
  tensor_t *values;  // [n_tensors]; empty: not seen
} seen_t;

static status_t see(void *user, const net_tensor_t *t, const tensor_t *value) {
  seen_t *s = user;
  if (!tensor_is_real(t)) return NULL;
  tensor_unref(&s->values[t->id]);
  return tensor_copy(value, &s->values[t->id]);
}

// Tensors that share their input's memory are not shown.
static void fill_views(seen_t *s) {
  for (int i = 0; i < s->net->n_layers; i++) {
    const layer_t *l = s->net->layers[i];
    tensor_t *from = l->n_in ? &s->values[l->in[0]->id] : NULL, *to = &s->values[l->out[0]->id];
    if (!is_view(l) || tensor_empty(from) || !tensor_empty(to)) continue;
    const shape_t *shape = spec_shape(s->spec, l->out[0]);
    if (shape_known(shape) && shape_elements(shape) == tensor_elements(from))
      *to = tensor_reshaped(from, shape);
  }
}

static status_t run_seen(const backend_t *b, backend_context_t *c, seen_t *s, const tensor_t *in,
                         tensor_t *out, int n_out) {
  if (!b->observe) return FAIL(UNIMPLEMENTED, "backend %s does not show its layers", b->name);
  const shape_t *shapes = b->output_shapes(c);
  for (int i = 0; i < n_out; i++) TRY(tensor_alloc(s->net->outputs[i]->dtype, &shapes[i], &out[i]));
  for (int i = 0; i < s->net->n_inputs; i++) s->values[s->net->inputs[i]->id] = tensor_ref(&in[i]);
  b->observe(c, see, s);
  status_t st = b->run(c, in, out);
  b->observe(c, NULL, NULL);
  fill_views(s);
  return st;
}

static tensor_t *shape_values(const network_t *n, const tensor_t *in) {
  bool *wanted = mem_calloc((size_t)n->n_inputs + 1, sizeof *wanted);
  tensor_t *values = mem_calloc((size_t)n->n_inputs + 1, sizeof *values);
  network_shape_inputs(n, wanted);
  for (int i = 0; i < n->n_inputs; i++)
    if (wanted[i]) values[i] = in[i];
  mem_free(wanted);
  return values;
}

static status_t seen_begin(const network_t *n, const shape_t *shapes, const tensor_t *in,
                           seen_t *s) {
  *s = (seen_t){n, NULL, mem_calloc((size_t)n->n_tensors + 1, sizeof(tensor_t))};
  tensor_t *values = shape_values(n, in);
  status_t st = specialize(n, shapes, values, &s->spec);
  mem_free(values);
  return st;
}

static void seen_end(seen_t *s) {
  for (int i = 0; i < s->net->n_tensors; i++) tensor_unref(&s->values[i]);
  mem_free(s->values);
  specialized_free(s->spec);
}

static status_t run_reference(const watched_t *e, int threads, seen_t *s, const tensor_t *in,
                              tensor_t *out, int n_out) {
  backend_context_t *c = NULL;
  tensor_t *values = shape_values(s->net, in);
  status_t st = e->backend->context_create(e->reference, e->shapes, values, threads, &c);
  if (!st) st = run_seen(e->backend, c, s, in, out, n_out);
  if (c) e->backend->context_destroy(c);
  mem_free(values);
  return st;
}

// ---- each layer's own error -------------------------------------------------------------------

typedef struct alone {  // the planned network, layer by layer
  watched_t *e;
  const engine_served_t *by;
  const specialized_t *spec;
  const tensor_t *want;  // [n_tensors] float32
  tensor_t *now;         // [n_tensors] what layers read
} alone_t;

// What the layer made is compared and replaced by what should have come out.
static status_t settle_output(alone_t *a, const layer_t *l, int o, tensor_t *made) {
  const net_tensor_t *t = l->out[o];
  const tensor_t *want = &a->want[t->id];
  if (tensor_empty(want) || !shape_equal(&want->shape, &made->shape)) {
    a->now[t->id] = *made;
    return NULL;
  }
  tensor_t real;
  status_t st = real_values(t, made, &real);
  tensor_unref(made);
  TRY(st);
  st = difference_add(&a->e->layers[l->id].own, want, &real);
  tensor_unref(&real);
  return st ? st : rounded_values(t, want, &a->now[t->id]);
}

static status_t run_alone(alone_t *a, const layer_t *l) {
  size_t n = (size_t)l->n_in + 1;
  tensor_t *in = mem_calloc(n, sizeof *in);
  tensor_t *out = mem_calloc((size_t)l->n_out + 1, sizeof *out);
  bool *fixed = mem_calloc(n, sizeof *fixed), ready = true;
  for (int i = 0; i < l->n_in; i++) {
    const tensor_t *value = spec_value(a->spec, l->in[i]);
    fixed[i] = value != NULL;
    in[i] = value ? *value : a->now[l->in[i]->id];
    ready = ready && !tensor_empty(&in[i]);
  }
  status_t st = NULL;
  if (ready) st = single_layer_run(a->by->backend, a->spec->net, l, in, fixed, a->by->threads, out);
  for (int o = 0; o < l->n_out && ready && !st; o++) st = settle_output(a, l, o, &out[o]);
  mem_free(fixed);
  mem_free(out);
  mem_free(in);
  return st;
}

static status_t run_all_alone(alone_t *a, const tensor_t *in) {
  const network_t *n = a->spec->net;
  status_t st = NULL;
  for (int i = 0; i < n->n_inputs; i++) a->now[n->inputs[i]->id] = tensor_ref(&in[i]);
  for (int i = 0; i < a->spec->n_layers && !st; i++) st = run_alone(a, a->spec->layers[i]);
  for (int i = 0; i < n->n_tensors; i++) tensor_unref(&a->now[i]);
  return st;
}

static status_t measure_own(watched_t *e, const engine_served_t *by, const tensor_t *want,
                            const tensor_t *in) {
  const network_t *n = by->backend->network(by->engine);
  specialized_t *spec = NULL;
  tensor_t *values = shape_values(n, in);
  alone_t a = {.e = e, .by = by, .want = want};
  status_t st = specialize(n, e->shapes, values, &spec);
  a.spec = spec;
  a.now = mem_calloc((size_t)n->n_tensors + 1, sizeof *a.now);
  if (!st) st = run_all_alone(&a, in);
  mem_free(a.now);
  specialized_free(spec);
  mem_free(values);
  return st;
}

// ---- the two runs of a set of inputs ----------------------------------------------------------

static status_t keep_values(const network_t *planned, const seen_t *s, kept_t *k) {
  const net_tensor_t **match = match_tensors(planned, s->net);
  status_t st = NULL;
  k->n = planned->n_tensors;
  k->want = mem_calloc((size_t)k->n + 1, sizeof *k->want);
  for (int i = 0; i < k->n && !st; i++) {
    const tensor_t *value = match[i] ? &s->values[match[i]->id] : NULL;
    if (value && !tensor_empty(value)) st = real_values(match[i], value, &k->want[i]);
  }
  mem_free(match);
  return st;
}

static status_t run_as_reference(layer_watch_t *w, const engine_served_t *by, const tensor_t *in,
                                 int n_in, tensor_t *out, int n_out) {
  watched_t *e = find_watched(w, by);
  TRY(make_reference(e, by, in, n_in));
  seen_t s;
  kept_t k = {.w = e};
  status_t st = seen_begin(e->backend->network(e->reference), e->shapes, in, &s);
  if (!st) st = run_reference(e, by->threads, &s, in, out, n_out);
  if (!st) st = keep_values(by->backend->network(by->engine), &s, &k);
  seen_end(&s);
  if (!st) st = measure_own(e, by, k.want, in);
  vec_push(&w->kept, k);
  return st;
}

// From the backend's times per layer: how each is run.
static void note_kernels(layer_watch_t *w, watched_t *e, const engine_served_t *by) {
  char *text = by->backend->profile(by->context);
  json_t *list = text ? json_loads(text, 0, NULL) : NULL, *item;
  mem_free(text);
  size_t at;
  json_array_foreach(list, at, item) {
    const char *name = json_string_value(json_object_get(item, "layer"));
    const char *type = json_string_value(json_object_get(item, "type"));
    const char *tactic = json_string_value(json_object_get(item, "tactic"));
    for (int i = 0; i < e->n_layers && name && type && tactic; i++) {
      layer_error_t *l = &e->layers[i];
      if (*l->kernel || strcmp(l->name, name) != 0 || strcmp(l->type, type) != 0) continue;
      l->kernel = arena_strdup(w->arena, tactic);
      break;
    }
  }
  json_decref(list);
  e->has_kernels = true;
}

static status_t add_accumulated(watched_t *e, const seen_t *s, const kept_t *k) {
  for (int i = 0; i < k->n; i++) {
    const net_tensor_t *t = s->net->tensors[i];
    const tensor_t *value = &s->values[i];
    if (!t->producer || tensor_empty(value) || tensor_empty(&k->want[i]) ||
        !shape_equal(&value->shape, &k->want[i].shape))
      continue;
    tensor_t real;
    TRY(real_values(t, value, &real));
    status_t st = difference_add(&e->layers[t->producer->id].accumulated, &k->want[i], &real);
    tensor_unref(&real);
    TRY(st);
  }
  return NULL;
}

static status_t run_as_planned(layer_watch_t *w, const engine_served_t *by, const tensor_t *in,
                               int n_in, tensor_t *out, int n_out) {
  watched_t *e = find_watched(w, by);
  note_shapes(e, in, n_in);
  if (!e->has_kernels) note_kernels(w, e, by);
  kept_t *k = NULL;
  for (size_t i = 0; i < w->kept.n && !k; i++)
    if (w->kept.v[i].w == e && !w->kept.v[i].used) k = &w->kept.v[i];
  seen_t s;
  status_t st = seen_begin(by->backend->network(by->engine), e->shapes, in, &s);
  if (!st) st = run_seen(by->backend, by->context, &s, in, out, n_out);
  if (!st && k) st = add_accumulated(e, &s, k);
  if (k) k->used = true;
  seen_end(&s);
  return st;
}

static status_t stand_in_reference(void *self, const engine_served_t *by, const tensor_t *in,
                                   int n_in, tensor_t *out, int n_out) {
  layer_watch_t *w = self;
  pthread_mutex_lock(&w->lock);
  status_t st = run_as_reference(w, by, in, n_in, out, n_out);
  pthread_mutex_unlock(&w->lock);
  return status_prefix(st, "%s", by->name);
}

static status_t stand_in_planned(void *self, const engine_served_t *by, const tensor_t *in,
                                 int n_in, tensor_t *out, int n_out) {
  layer_watch_t *w = self;
  pthread_mutex_lock(&w->lock);
  status_t st = run_as_planned(w, by, in, n_in, out, n_out);
  pthread_mutex_unlock(&w->lock);
  return status_prefix(st, "%s", by->name);
}

engine_watch_t layer_watch_reference(layer_watch_t *w) {
  forget_kept(w);
  return (engine_watch_t){w, stand_in_reference};
}

engine_watch_t layer_watch_planned(layer_watch_t *w) {
  return (engine_watch_t){w, stand_in_planned};
}

// ---- the ranking ------------------------------------------------------------------------------

static int by_own_error(const void *a, const void *b) {
  double x = difference_relative_l2(&((const layer_error_t *)a)->own);
  double y = difference_relative_l2(&((const layer_error_t *)b)->own);
  if (x != y) return x > y ? -1 : 1;
  return ((const layer_error_t *)a)->order - ((const layer_error_t *)b)->order;
}

layer_errors_t *layer_watch_errors(const layer_watch_t *w, bool with_heavy) {
  layer_errors_t *all = mem_calloc(1, sizeof *all);
  int most = 1;
  all->arena = arena_create();
  for (size_t i = 0; i < w->engines.n; i++) most += w->engines.v[i]->n_layers;
  all->v = arena_alloc(all->arena, (size_t)most * sizeof *all->v);
  for (size_t i = 0; i < w->engines.n; i++) {
    for (int k = 0; k < w->engines.v[i]->n_layers; k++) {
      layer_error_t l = w->engines.v[i]->layers[k];
      bool known = l.own.count || l.accumulated.count || (l.heavy && with_heavy);
      if (!known || l.moves) continue;
      const char **nodes = arena_alloc(all->arena, ((size_t)l.n_nodes + 1) * sizeof *nodes);
      for (int j = 0; j < l.n_nodes; j++) nodes[j] = arena_strdup(all->arena, l.nodes[j]);
      l.nodes = nodes;
      l.engine = arena_strdup(all->arena, l.engine);
      l.name = arena_strdup(all->arena, l.name);
      l.kernel = arena_strdup(all->arena, l.kernel);
      if (l.why) l.why = arena_strdup(all->arena, l.why);
      l.order = all->n;
      all->v[all->n++] = l;
    }
  }
  qsort(all->v, (size_t)all->n, sizeof *all->v, by_own_error);
  return all;
}

void layer_errors_destroy(layer_errors_t *e) {
  if (!e) return;
  arena_destroy(e->arena);
  mem_free(e);
}
