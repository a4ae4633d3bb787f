#include "backend/cpu/tactics.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/cpu/context.h"
#include "backend/cpu/least_time.h"
#include "base/cpu.h"
#include "base/map.h"
#include "base/parallel.h"
#include "base/text.h"
#include "base/work.h"
#include "engine/plan_io.h"
#include "engine/timing_cache.h"
#include "engine/turns.h"

// So many rounds at least; then until enough_seconds are over and the least times are settled, but
// no longer than most_seconds.
enum { MIN_ROUNDS = 3, MAX_ROUNDS = 24, MAX_UNSETTLED_ROUNDS = 200 };
static const double enough_seconds = 0.03, most_seconds = 0.3;
// Our own kernels replace oneDNN's only when they are clearly faster: the clock is not that good.
static const double clearly = 0.92;

static const struct {
  tactic_t tactic;
  const char *name;  // in timing caches
} tactics[] = {{TACTIC_ONEDNN, "onednn"}, {TACTIC_OWN, "own"}};
enum { N_TACTICS = sizeof tactics / sizeof *tactics };

// Of the thread itself where it works alone, so that others' work on the machine does not count.
static double seconds(const backend_context_t *c) {
  struct timespec t;
  clock_gettime(c->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct chooser {
  backend_context_t *c;  // no steps: they are made one at a time
  const build_options_t *o;
  timing_cache_t *times;
  char *machine;
  const bool *which;  // [n_layers] to time; NULL: all
  int64_t *ns;        // [n_layers] of the tactic that was chosen; NULL: not asked
} chooser_t;

// ---- what is the same layer ------------------------------------------------------------------

static void add_tensor(text_t *t, const backend_context_t *c, const net_tensor_t *x) {
  char shape[160];
  text_printf(t, " %s%s%s", spec_value(c->spec, x) ? "c" : "", dtype_name(x->dtype),
              shape_format(spec_shape(c->spec, x), shape, sizeof shape));
}

static char *layer_key(const backend_context_t *c, const layer_t *l) {
  text_t t = {0};
  text_printf(&t, "%s", layer_type_name(l->type));
  for (int i = 0; i < l->n_in; i++) add_tensor(&t, c, l->in[i]);
  text_add(&t, " ->");
  for (int i = 0; i < l->n_out; i++) add_tensor(&t, c, l->out[i]);
  if (c->engine->short_sums) text_add(&t, " short sums");
  plan_writer_t params = {0};
  plan_write_params(&params, &l->p);
  text_printf(&t, " %016llx", (unsigned long long)hash_bytes(params.v, params.n, PLAN_VERSION));
  vec_free(&params);
  return text_take(&t);
}

static char *machine_key(const onednn_t *dn, int threads) {
  const dn_version_t *v = dn->version();
  return mem_printf("%s, %s, oneDNN %d.%d.%d, tftrt kernels 3, %d threads", cpu_model_name(),
                    cpu_isa_name(cpu_isa()), v->major, v->minor, v->patch, threads);
}

// ---- timing ----------------------------------------------------------------------------------

// Memory for what a layer reads and writes; values that are known are where they are.
typedef struct operands {
  VEC(void *) blocks;
} operands_t;

static status_t place(operands_t *m, backend_context_t *c, const net_tensor_t *t) {
  if (spec_value(c->spec, t)) return NULL;
  size_t bytes = (size_t)shape_elements(spec_shape(c->spec, t)) * dtype_size(t->dtype);
  void *p = mem_try_alloc(bytes);
  if (!p) return FAIL(RESOURCE_EXHAUSTED, "no memory for %zu bytes of tensor %s", bytes, t->name);
  vec_push(&m->blocks, p);
  c->at[t->id] = p;
  memset(p, 0, bytes);
  for (size_t k = 0; t->dtype == DT_FLOAT && k < bytes / sizeof(float); k++)
    ((float *)p)[k] = (float)(k % 17) * 0.05f - 0.4f;
  return NULL;
}

static status_t place_all(operands_t *m, backend_context_t *c, const layer_t *l) {
  for (int i = 0; i < l->n_in; i++) TRY(place(m, c, l->in[i]));
  for (int i = 0; i < l->n_out; i++) TRY(place(m, c, l->out[i]));
  return NULL;
}

static void free_operands(operands_t *m, backend_context_t *c, const layer_t *l) {
  for (size_t i = 0; i < m->blocks.n; i++) mem_aligned_free(m->blocks.v[i]);
  vec_free(&m->blocks);
  for (int i = 0; i < l->n_in + l->n_out; i++) {
    const net_tensor_t *t = i < l->n_in ? l->in[i] : l->out[i - l->n_in];
    if (!spec_value(c->spec, t)) c->at[t->id] = NULL;
  }
}

static status_t run_once(chooser_t *ch, step_t *s, least_time_t *time) {
  backend_context_t *c = ch->c;
  const layer_t *l = s->layer;
  void *out = c->at[l->out[0]->id];
  // In a run the output would be where that input is.
  if (s->reuse >= 0 && !spec_value(c->spec, l->in[s->reuse]))
    c->at[l->out[0]->id] = c->at[l->in[s->reuse]->id];
  double start = seconds(c);
  status_t st = s->run(s, c);
  int64_t ns = (int64_t)((seconds(c) - start) * 1e9);
  c->at[l->out[0]->id] = out;
  least_time_add(time, ns);
  return st;
}

static bool rounds_suffice(int rounds, double took, const step_t *steps,
                           const least_time_t *times) {
  bool settled = true;
  for (int i = 0; i < N_TACTICS; i++) settled &= !steps[i].run || least_time_settled(&times[i]);
  if (rounds < MIN_ROUNDS) return false;
  if (settled) return rounds >= MAX_ROUNDS || took > enough_seconds;
  return rounds >= MAX_UNSETTLED_ROUNDS || took > most_seconds;
}

// In turns, so that whatever else the machine does meets all alike.
static status_t run_rounds(chooser_t *ch, step_t *steps, int64_t *best) {
  least_time_t times[N_TACTICS] = {{0}};
  status_t st = NULL;
  turns_alone();
  double start = seconds(ch->c);
  for (int r = 0; !st && !rounds_suffice(r, seconds(ch->c) - start, steps, times); r++) {
    for (int i = 0; !st && i < N_TACTICS; i++) {
      st = work_check();
      if (!st && steps[i].run) st = run_once(ch, &steps[i], &times[i]);
    }
  }
  turns_together();
  for (int i = 0; i < N_TACTICS; i++) best[i] = times[i].least;
  return st;
}

static status_t time_layer(chooser_t *ch, const layer_t *l, int64_t *best, bool *limited) {
  backend_context_t *c = ch->c;
  step_t steps[N_TACTICS] = {{0}};
  operands_t memory = {0};
  status_t st = NULL;
  for (int i = 0; !st && i < N_TACTICS; i++) {
    c->tactic = tactics[i].tactic;
    st = cpu_make_step(c, l, &steps[i]);
    *limited |= steps[i].limited;
  }
  c->tactic = TACTIC_DEFAULT;
  size_t scratch = 0;
  for (int i = 0; i < N_TACTICS; i++)
    if (steps[i].scratch > scratch) scratch = steps[i].scratch;
  c->scratch = scratch && !st ? mem_try_alloc(scratch) : NULL;
  if (!st && scratch && !c->scratch)
    st = FAIL(RESOURCE_EXHAUSTED, "no memory for %zu bytes of scratch", scratch);
  if (!st) st = place_all(&memory, c, l);
  if (!st) st = run_rounds(ch, steps, best);
  free_operands(&memory, c, l);
  for (int i = 0; i < N_TACTICS; i++)
    if (steps[i].destroy) steps[i].destroy(steps[i].state);
  mem_aligned_free(c->scratch);
  c->scratch = NULL;
  return st;
}

// Weights are packed for one layer's trials at a time.
static void forget_weights(backend_context_t *c) {
  weights_free(c->packed);
  weights_free(c->engine->packed);
  c->packed = c->engine->packed = NULL;
}

// Can it be run within the workspace?
static status_t try_step(chooser_t *ch, const layer_t *l, tactic_t t) {
  step_t s = {0};
  ch->c->tactic = t;
  status_t st = cpu_make_step(ch->c, l, &s);
  ch->c->tactic = TACTIC_DEFAULT;
  if (s.destroy) s.destroy(s.state);
  forget_weights(ch->c);
  return st;
}

static status_t choose(chooser_t *ch, const layer_t *l, uint8_t *chosen) {
  int64_t best[N_TACTICS] = {0};
  char *key = layer_key(ch->c, l);
  bool known = true, limited = false;  // a tactic's workspace was too large: no time to keep
  for (int i = 0; i < N_TACTICS; i++)
    known &= timing_cache_get(ch->times, ch->machine, key, tactics[i].name, &best[i]);
  status_t st = known ? NULL : time_layer(ch, l, best, &limited);
  forget_weights(ch->c);
  for (int i = 0; !st && !known && !limited && i < N_TACTICS; i++)
    timing_cache_put(ch->times, ch->machine, key, tactics[i].name, best[i]);
  mem_free(key);
  tactic_t t = (double)best[1] < clearly * (double)best[0] ? TACTIC_OWN : TACTIC_ONEDNN;
  if (!st && ch->c->engine->max_workspace) st = try_step(ch, l, t);
  if (ch->ns) ch->ns[l->id] = best[t == TACTIC_OWN];
  *chosen = (uint8_t)t;
  return st;
}

static bool is_fatal(status_t st) {
  return status_code(st) == CODE_RESOURCE_EXHAUSTED || status_code(st) == CODE_CANCELLED;
}

static status_t choose_all(chooser_t *ch, uint8_t *chosen) {
  const specialized_t *sp = ch->c->spec;
  for (int k = 0; k < sp->n_layers; k++) {
    const layer_t *l = sp->layers[k];
    TRY(work_check());
    status_t st = NULL;
    if (cpu_is_step(ch->c, l) && (!ch->which || ch->which[l->id])) {
      if (cpu_has_choice(l) && ch->times)
        st = choose(ch, l, &chosen[l->id]);
      else if (ch->c->engine->max_workspace)
        st = try_step(ch, l, TACTIC_DEFAULT);
    }
    // Made-up inputs may be no sensible ones (indices, shapes): no reason not to build.
    if (st && is_fatal(st)) return status_prefix(st, "layer %s", l->name);
    status_free(st);
    work_fraction((double)(k + 1) / sp->n_layers);
  }
  return NULL;
}

// *out stays NULL where nothing was timed.
static status_t run_chooser(chooser_t *ch, network_t *n, int64_t max_workspace, bool short_sums,
                            uint8_t **out) {
  *out = NULL;
  const build_options_t *o = ch->o;
  const onednn_t *dn = NULL;
  status_free(onednn_get(&dn));
  backend_engine_t e = {.net = n, .max_workspace = max_workspace, .short_sums = short_sums};
  pthread_mutex_init(&e.lock, NULL);
  timing_cache_t *own = NULL;
  status_t s = cpu_context_begin(&e, o->opt_shapes, o->threads, &ch->c);
  if (s && !is_fatal(s)) {  // shapes that depend on inputs' values
    status_free(s);
    pthread_mutex_destroy(&e.lock);
    return NULL;
  }
  if (!s) {
    bool timed = o->time_tactics && dn;
    if (timed) {
      ch->machine = machine_key(dn, ch->c->threads);
      ch->times = o->timing ? o->timing : (own = timing_cache_create());
    }
    uint8_t *chosen = mem_calloc((size_t)n->n_layers + 1, 1);
    int before = parallel_set_threads(ch->c->threads);
    s = choose_all(ch, chosen);
    parallel_set_threads(before);
    if (s || !timed)
      mem_free(chosen);
    else
      *out = chosen;
    forget_weights(ch->c);
  }
  timing_cache_destroy(own);
  mem_free(ch->machine);
  cpu_context_destroy(ch->c);
  pthread_mutex_destroy(&e.lock);
  return s;
}

status_t choose_tactics(network_t *n, const build_options_t *o, int64_t max_workspace,
                        bool short_sums, uint8_t **out) {
  chooser_t ch = {.o = o};
  return run_chooser(&ch, n, max_workspace, short_sums, out);
}

status_t time_layers(network_t *n, const build_options_t *o, int64_t max_workspace,
                     const bool *which, int64_t *ns, bool *timed) {
  chooser_t ch = {.o = o, .which = which, .ns = ns};
  uint8_t *chosen = NULL;
  status_t st = run_chooser(&ch, n, max_workspace, true, &chosen);
  *timed = chosen != NULL;
  mem_free(chosen);
  return st;
}
