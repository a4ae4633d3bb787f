// The CPU backend's table: building plans, loading them, and describing what ran.
#include <stdio.h>
#include <string.h>

#include "backend/cpu/context.h"
#include "backend/cpu/half.h"
#include "backend/cpu/onednn.h"
#include "backend/cpu/tactics.h"
#include "base/cpu.h"
#include "base/parallel.h"
#include "base/text.h"
#include "engine/timing_cache.h"

static status_t probe(void) { return NULL; }

static bool supports(const layer_t *l, char *reason, size_t n) {
  for (int i = 0; i < l->n_in + l->n_out; i++) {
    const net_tensor_t *t = i < l->n_in ? l->in[i] : l->out[i - l->n_in];
    if (dtype_is_plain(t->dtype) && !dtype_is_complex(t->dtype)) continue;
    snprintf(reason, n, "tensor %s is of type %s, which engines do not take", t->name,
             dtype_name(t->dtype));
    return false;
  }
  return true;
}

#define TACTICS "tactics"        // the plan's blob: a byte (tactic_t) per layer
#define WORKSPACE "workspace"    // where there is a limit: int64, bytes
#define SHORT_SUMS "short sums"  // empty: backend_engine_t.short_sums
enum { MAX_BLOBS = 3 };
static const int64_t boundless = (int64_t)1 << 60;  // of workspaces: TF-TRT's default is above

static int count_half_layers(const network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    bool heavy = l->type == LAYER_CONV || l->type == LAYER_DECONV || l->type == LAYER_MATMUL ||
                 l->type == LAYER_ATTENTION;
    count += heavy && !l->dead && dtype_is_16bit_float(l->in[0]->dtype);
  }
  return count;
}

static status_t build(const network_t *n, const build_options_t *o, bytes_t *out_plan) {
  network_t *copy = network_clone(n);
  network_options_t options = {.struct_size = sizeof options, .fuse = !o || !o->keep_layers};
  plan_blob_t blobs[MAX_BLOBS];
  int n_blobs = 0;
  int64_t workspace = o && o->max_workspace < boundless ? o->max_workspace : 0;
  uint8_t *chosen = NULL;
  const bool asked = copy->half != HALF_NONE, int8 = copy->int8;
  bool short_sums = asked;
  build_options_t shared;  // times are asked for twice: to choose types, then kernels
  timing_cache_t *times = o && copy->half && !o->timing ? timing_cache_create() : NULL;
  if (times) {
    shared = *o;
    shared.timing = times;
    o = &shared;
  }
  status_t s = network_optimize(copy, &options);
  int own_half_layers = s ? 0 : count_half_layers(copy);
  if (!s && options.fuse) s = cpu_assign_half(copy, o, workspace);
  // INT8 only allows 16 bits: where they are not used, the model's own layers stay as they are.
  if (!s && int8) short_sums = asked && count_half_layers(copy) > own_half_layers;
  if (!s && o && o->opt_shapes && (o->time_tactics || workspace > 0))
    s = choose_tactics(copy, o, workspace, short_sums, &chosen);
  if (chosen) blobs[n_blobs++] = (plan_blob_t){TACTICS, chosen, (size_t)copy->n_layers};
  if (workspace > 0) blobs[n_blobs++] = (plan_blob_t){WORKSPACE, &workspace, sizeof workspace};
  if (short_sums) blobs[n_blobs++] = (plan_blob_t){SHORT_SUMS, "", 0};
  if (!s) s = plan_write(copy, "cpu", blobs, n_blobs, o ? o->profiles : NULL, out_plan);
  mem_free(chosen);
  timing_cache_destroy(times);
  network_destroy(copy);
  return s;
}

static status_t load(const uint8_t *data, size_t size, const weight_source_t *weights,
                     backend_engine_t **out) {
  plan_t *plan;
  TRY(plan_read(data, size, weights, &plan));
  backend_engine_t *e = mem_calloc(1, sizeof *e);
  e->plan = plan;
  e->net = plan->net;
  const plan_blob_t *tactics = plan_blob(plan, TACTICS);
  if (tactics && tactics->size == (size_t)e->net->n_layers) e->tactics = tactics->data;
  const plan_blob_t *workspace = plan_blob(plan, WORKSPACE);
  if (workspace && workspace->size == sizeof e->max_workspace)
    memcpy(&e->max_workspace, workspace->data, sizeof e->max_workspace);
  e->short_sums = plan_blob(plan, SHORT_SUMS) != NULL;
  if (e->short_sums) plan->net->half = HALF_FASTER;
  pthread_mutex_init(&e->lock, NULL);
  *out = e;
  return NULL;
}

static void unload(backend_engine_t *e) {
  if (!e) return;
  weights_free(e->packed);
  pthread_mutex_destroy(&e->lock);
  plan_free(e->plan);
  mem_free(e);
}

static const network_t *network(const backend_engine_t *e) { return e->net; }
static void observe(backend_context_t *c, observe_fn fn, void *user) {
  c->observe = fn;
  c->observer = user;
}

static const shape_t *output_shapes(const backend_context_t *c) { return c->output_shapes; }
static size_t context_bytes(const backend_context_t *c) {
  return c->arena_bytes + c->scratch_bytes;
}

// [{"layer": name, "type": type, "tactic": how, "us": mean time of a run, "least_us": of the
// fastest run}, ...]. The first call starts the measuring and tells only the tactics.
static char *profile(backend_context_t *c) {
  text_t t = {0};
  text_add(&t, "[");
  for (int k = 0; k < c->n_steps; k++) {
    const step_t *s = &c->steps[k];
    double us = c->profile && c->runs ? (double)s->ns / 1000.0 / (double)c->runs : 0.0;
    text_add(&t, k ? ",\n {\"layer\": " : "{\"layer\": ");
    text_quoted(&t, s->layer->name);
    text_printf(&t, ", \"type\": \"%s\", \"tactic\": ", layer_type_name(s->layer->type));
    text_quoted(&t, s->tactic);
    text_printf(&t, ", \"us\": %.2f, \"least_us\": %.2f}", us, (double)s->least_ns / 1000.0);
  }
  text_add(&t, "]");
  if (!c->profile) c->runs = 0;
  c->profile = true;
  return text_take(&t);
}

static char *describe(void) {
  const onednn_t *dn = NULL;
  status_t st = onednn_get(&dn);
  text_t t = {0};
  if (st) {
    text_add(&t, status_message(st));
  } else {
    const dn_version_t *v = dn->version();
    text_printf(&t, "oneDNN %d.%d.%d from %s", v->major, v->minor, v->patch, dn->path);
  }
  status_free(st);
  return text_take(&t);
}

const backend_t backend_cpu = {
    .abi_major = 1,
    .abi_minor = 0,
    .name = "cpu",
    .probe = probe,
    .supports = supports,
    .build = build,
    .load = load,
    .unload = unload,
    .network = network,
    .context_create = cpu_context_create,
    .context_destroy = cpu_context_destroy,
    .output_shapes = output_shapes,
    .run = cpu_context_run,
    .observe = observe,
    .profile = profile,
    .context_bytes = context_bytes,
    .half_note = cpu_half_note,
    .describe = describe,
};
