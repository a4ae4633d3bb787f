#include "convert/auto_precision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert/build_jobs.h"
#include "runtime/segment_build.h"

typedef enum level { LEVEL_FASTEST, LEVEL_16BIT, LEVEL_FP32 } level_t;

enum { N_LEVELS = LEVEL_FP32 + 1 };

typedef struct candidate {
  kept_layer_t l;
  level_t level;
  double own;                // its own error in the engines that were ranked last
  double seconds[N_LEVELS];  // what it takes at each level; 0: not known
} candidate_t;

typedef struct search {
  converter_t *c;
  status_t (*build)(converter_t *, engine_node_t *);
  measure_t *measure;
  // All layers whose precision is chosen: first those in less than FP32, the worst first; what is
  // in FP32 now need not be in another assignment.
  VEC(candidate_t) all;
  size_t n_open;  // in less than FP32
  precision_choice_t *out;
} search_t;

static bool within(const converter_t *c, const measured_t *m) {
  if (c->o.bounds_error && !(m->max_abs <= c->o.max_error)) return false;
  return !c->o.bounds_cosine || m->cosine >= c->o.min_cosine;
}

// ---- assignments -----------------------------------------------------------------------------

static void write_names(search_t *s, const engine_node_t *e, const char *attribute, level_t level) {
  VEC(const char *) names = {0};
  for (size_t i = 0; i < s->all.n; i++)
    if (s->all.v[i].level == level && strcmp(s->all.v[i].l.engine, e->node->name) == 0)
      vec_push(&names, s->all.v[i].l.node);
  if (names.n)
    node_set_strings(s->c->graph, e->node, attribute, names.v, (int)names.n);
  else
    node_remove_attr(e->node, attribute);
  vec_free(&names);
}

static void drop_plans(engine_node_t *e) {
  for (size_t i = 0; i < e->built.n; i++) mem_free(e->built.v[i].plan.data);
  e->built.n = e->failed.n = 0;
  e->next = 0;
}

// Builds what the candidates' levels say, and measures it.
static status_t try_assignment(search_t *s, measured_t *m) {
  stop_runner(s->c);  // it has the plans
  for (size_t i = 0; i < s->c->engines.n; i++) {
    engine_node_t *e = &s->c->engines.v[i];
    if (e->part->function) continue;  // which says its precision itself
    write_names(s, e, ATTR_KEEP_FP32, LEVEL_FP32);
    write_names(s, e, ATTR_KEEP_16BIT, LEVEL_16BIT);
    drop_plans(e);
  }
  s->out->builds++;
  TRY(build_all(s->c, s->build));
  return measure_engines(s->measure, m);
}

// The n worst at one level, the others in less than FP32 at another, the rest as it is.
static status_t try_worst(search_t *s, size_t n, level_t worst, level_t others, measured_t *m) {
  for (size_t i = 0; i < s->n_open; i++) s->all.v[i].level = i < n ? worst : others;
  return try_assignment(s, m);
}

static void set_all(search_t *s, level_t level) {
  for (size_t i = 0; i < s->all.n; i++) s->all.v[i].level = level;
}

// ---- layers ----------------------------------------------------------------------------------

static const char *node_of(const layer_error_t *l) {
  for (int i = 0; i < l->n_nodes; i++)
    if (strcmp(l->nodes[i], l->name) == 0) return l->name;
  return l->n_nodes ? l->nodes[l->n_nodes - 1] : NULL;
}

// A function that is converted by itself says its precision.
static bool may_choose(const search_t *s, const layer_error_t *l) {
  for (size_t i = 0; i < s->c->engines.n; i++)
    if (strcmp(s->c->engines.v[i].node->name, l->engine) == 0)
      return !s->c->engines.v[i].part->function;
  return true;
}

static bool is_reduced(const layer_error_t *l) {
  return strcmp(l->precision, "int8") == 0 || strcmp(l->precision, "fp16") == 0 ||
         strcmp(l->precision, "bf16") == 0;
}

static candidate_t *find_candidate(const search_t *s, size_t n, const char *engine,
                                   const char *layer, const char *type) {
  for (size_t i = 0; i < n; i++) {
    candidate_t *k = &s->all.v[i];
    if (strcmp(k->l.engine, engine) == 0 && strcmp(k->l.layer, layer) == 0 && k->l.type == type)
      return k;
  }
  return NULL;
}

static candidate_t candidate_of(const search_t *s, const layer_error_t *l, const char *node,
                                const candidate_t *before) {
  arena_t *own = s->c->own;
  if (before) return *before;
  return (candidate_t){.l = {.engine = arena_strdup(own, l->engine),
                             .layer = arena_strdup(own, l->name),
                             .type = l->type,
                             .node = arena_strdup(own, node),
                             .was = l->precision,
                             .is = l->precision,
                             .own_before = difference_relative_l2(&l->own)}};
}

// From the engines as they are built now; levels stay.
static status_t rank_layers(search_t *s) {
  layer_errors_t *errors;
  VEC(candidate_t) ranked = {0};
  TRY(measure_layers(s->measure, &errors));
  for (int reduced = 1; reduced >= 0; reduced--) {
    for (int i = 0; i < errors->n; i++) {
      const layer_error_t *l = &errors->v[i];
      const char *node = node_of(l);
      if (!l->heavy || !node || is_reduced(l) != (bool)reduced || !may_choose(s, l)) continue;
      candidate_t *before = find_candidate(s, s->all.n, l->engine, l->name, l->type);
      candidate_t k = candidate_of(s, l, node, before);
      k.own = difference_relative_l2(&l->own);
      vec_push(&ranked, k);
      if (before) before->l.engine = "";  // it has moved
    }
    if (reduced) s->n_open = ranked.n;
  }
  for (size_t i = 0; i < s->all.n; i++)  // what is not observed in these engines
    if (*s->all.v[i].l.engine) vec_push(&ranked, s->all.v[i]);
  vec_free(&s->all);
  s->all.v = ranked.v;
  s->all.n = ranked.n;
  s->all.cap = ranked.cap;
  layer_errors_destroy(errors);
  return NULL;
}

// ---- times -----------------------------------------------------------------------------------

double precision_worth(double own, double faster, double slower) {
  static const double tick = 1e-7;
  double more = slower - faster, square = own * own;
  if (!(faster > 0) || !(slower > 0)) more = tick;
  return square / (more > tick ? more : tick);
}

static bool timed(const search_t *s) { return !s->c->o.rule_tactics; }

// Of the engines as they are built and measured now, whose candidates are at this level.
static status_t note_times(search_t *s, level_t level) {
  layer_times_t times;
  if (!timed(s)) return NULL;
  TRY(measure_layer_times(s->measure, &times));
  for (size_t i = 0; i < times.v.n; i++) {
    const layer_time_t *t = &times.v.v[i];
    for (size_t k = 0; k < s->all.n; k++) {
      candidate_t *c = &s->all.v[k];
      if (strcmp(c->l.engine, t->engine) == 0 && strcmp(c->l.layer, t->layer) == 0 &&
          strcmp(c->l.type, t->type) == 0)
        c->seconds[level] = t->seconds;
    }
  }
  layer_times_free(&times);
  return NULL;
}

static double worth(const candidate_t *k, level_t from, level_t to) {
  return precision_worth(k->own, k->seconds[from], k->seconds[to]);
}

// Those in less than FP32: what is worth most to put from one level to another first.
static void sort_by_worth(search_t *s, level_t from, level_t to) {
  candidate_t *v = s->all.v;
  for (size_t i = 1; timed(s) && i < s->n_open; i++) {  // equals stay in the order of their errors
    candidate_t k = v[i];
    size_t at = i;
    for (; at > 0 && worth(&v[at - 1], from, to) < worth(&k, from, to); at--) v[at] = v[at - 1];
    v[at] = k;
  }
}

static int by_error_before(const void *a, const void *b) {
  double x = ((const kept_layer_t *)a)->own_before, y = ((const kept_layer_t *)b)->own_before;
  return x > y ? -1 : x < y;
}

// What became of the candidates in the engines as they are now.
static status_t note_kept(search_t *s) {
  layer_errors_t *errors;
  precision_choice_t *out = s->out;
  TRY(measure_layers(s->measure, &errors));
  for (int j = 0; j < errors->n; j++) {
    const layer_error_t *l = &errors->v[j];
    candidate_t *k = find_candidate(s, s->all.n, l->engine, l->name, l->type);
    if (!k) continue;
    k->l.is = l->precision;
    k->l.own_after = difference_relative_l2(&l->own);
  }
  layer_errors_destroy(errors);
  for (size_t i = 0; i < s->all.n; i++) {
    candidate_t *k = &s->all.v[i];
    double was = k->seconds[LEVEL_FASTEST], is = k->seconds[k->level];
    k->l.costs = was > 0 && is > 0 ? is - was : (double)NAN;
  }
  out->kept = arena_alloc(s->c->own, (s->all.n + 1) * sizeof *out->kept);
  for (size_t i = 0; i < s->all.n; i++)
    if (s->all.v[i].level != LEVEL_FASTEST && strcmp(s->all.v[i].l.was, "fp32") != 0)
      out->kept[out->n_kept++] = s->all.v[i].l;
  if (out->n_kept) qsort(out->kept, (size_t)out->n_kept, sizeof *out->kept, by_error_before);
  return NULL;
}

// ---- the search ------------------------------------------------------------------------------

// What a layer takes more at one level than at another; where that is not known, nothing.
static double saved(const candidate_t *k, level_t slow, level_t fast) {
  double most = k->seconds[slow], least = k->seconds[fast];
  return most > 0 && least > 0 ? most - least : 0;
}

// The first n candidates, those first whose return to `others` saves most time; of equals, as of
// all where nothing is timed, those of the smallest error.
static candidate_t **by_saving(search_t *s, size_t n, level_t worst, level_t others) {
  candidate_t **v = mem_alloc((n + 1) * sizeof *v);
  for (size_t i = 0; i < n; i++) {
    candidate_t *k = &s->all.v[i];
    const double mine = saved(k, worst, others);
    size_t at = i;
    for (; at > 0; at--) {
      const double its = saved(v[at - 1], worst, others);
      if (its > mine || (its == mine && v[at - 1]->own <= k->own)) break;
      v[at] = v[at - 1];
    }
    v[at] = k;
  }
  return v;
}

// Of the first n layers, which do at `worst`, those that need not be there return to `others`: an
// order by worth says of a layer what it does alone, not what the ones before it have made
// needless. The last one is needed, as without it n was too few. Each try is a build and a
// measurement.
static status_t thin(search_t *s, size_t n, level_t worst, level_t others) {
  enum { MOST_TRIES = 16 };
  candidate_t **v = by_saving(s, n ? n - 1 : 0, worst, others);
  candidate_t *returned[MOST_TRIES];
  int tries = 0, n_returned = 0;
  bool does = true;
  measured_t m;
  status_t st = NULL;
  for (size_t i = 0; i + 1 < n && tries < MOST_TRIES && !st; i++) {
    if (timed(s) && !(saved(v[i], worst, others) > 0)) break;  // gains nothing; nor do the rest
    v[i]->level = others;
    tries++;
    st = try_assignment(s, &m);
    does = !st && within(s->c, &m);
    if (does)
      returned[n_returned++] = v[i], s->out->chosen = m;
    else
      v[i]->level = worst;
  }
  // What is chosen is built and measured last; kernels may have been chosen otherwise.
  while (!st && !does) {
    st = try_assignment(s, &m);
    does = !st && within(s->c, &m);
    if (does)
      s->out->chosen = m;
    else if (n_returned)
      returned[--n_returned]->level = worst;
    else if (n < s->n_open)
      s->all.v[n++].level = worst;
    else
      break;
  }
  if (!st && !does) s->out->chosen = m;
  mem_free(v);
  return st;
}

// The fewest of the first layers that do at `worst`, where all of them do, less those of them that
// may return. Errors need not fall with every layer: what is chosen was built and measured last.
static status_t bisect(search_t *s, level_t worst, level_t others) {
  size_t fails = 0, does = s->n_open;
  measured_t m;
  while (does - fails > 1) {
    size_t middle = fails + (does - fails) / 2;
    TRY(try_worst(s, middle, worst, others, &m));
    if (within(s->c, &m))
      does = middle;
    else
      fails = middle;
  }
  TRY(try_worst(s, does, worst, others, &m));
  while (!within(s->c, &m) && does < s->n_open)  // kernels may have been chosen otherwise
    TRY(try_worst(s, ++does, worst, others, &m));
  s->out->chosen = m;
  return within(s->c, &m) ? thin(s, does, worst, others) : NULL;
}

static status_t cannot_be_met(const search_t *s) {
  const converter_t *c = s->c;
  const measured_t *m = &s->out->fp32;
  if (c->o.bounds_error && !(m->max_abs <= c->o.max_error))
    return FAIL(
        FAILED_PRECONDITION,
        "precision AUTO: a largest error of %g cannot be met: with all layers in FP32 it is "
        "%g",
        c->o.max_error, m->max_abs);
  return FAIL(FAILED_PRECONDITION,
              "precision AUTO: a cosine of %.9g cannot be met: with all layers in FP32 it is %.17g",
              c->o.min_cosine, m->cosine);
}

static status_t put_layers_back(search_t *s) {
  measured_t m;
  TRY(try_worst(s, s->n_open, LEVEL_16BIT, LEVEL_16BIT, &m));
  TRY(note_times(s, LEVEL_16BIT));
  if (within(s->c, &m)) {
    sort_by_worth(s, LEVEL_FASTEST, LEVEL_16BIT);
    return bisect(s, LEVEL_16BIT, LEVEL_FASTEST);
  }
  TRY(rank_layers(s));  // in 16 bits
  sort_by_worth(s, LEVEL_16BIT, LEVEL_FP32);
  for (size_t i = s->n_open; i < s->all.n; i++)  // in FP32, with all others in 16 bits
    if (s->all.v[i].level == LEVEL_FASTEST) s->all.v[i].level = LEVEL_FP32;
  return bisect(s, LEVEL_FP32, LEVEL_16BIT);
}

// Fewer bits are of no use where FP32 is faster, by more than clocks are wrong.
static bool fp32_is_faster(const search_t *s) {
  static const double margin = 0.95;
  return !s->c->o.rule_tactics && s->out->fp32.seconds < margin * s->out->chosen.seconds;
}

static status_t search_within(search_t *s) {
  precision_choice_t *out = s->out;
  set_all(s, LEVEL_FP32);
  TRY(try_assignment(s, &out->fp32));
  TRY(note_times(s, LEVEL_FP32));
  if (!within(s->c, &out->fp32)) return cannot_be_met(s);
  set_all(s, LEVEL_FASTEST);
  if (within(s->c, &out->fastest))
    TRY(try_assignment(s, &out->chosen));
  else
    TRY(put_layers_back(s));
  bool does = within(s->c, &out->chosen);
  if (does && !fp32_is_faster(s)) return NULL;
  out->because = does ? "FP32 is faster here" : "nothing else does";
  set_all(s, LEVEL_FP32);
  return try_assignment(s, &out->chosen);
}

static status_t search(search_t *s) {
  precision_choice_t *out = s->out;
  TRY(measure_begin(s->c, &s->measure));
  out->builds = 1;
  TRY(measure_engines(s->measure, &out->fastest));
  out->chosen = out->fp32 = out->fastest;
  TRY(rank_layers(s));
  TRY(note_times(s, LEVEL_FASTEST));
  out->candidates = (int)s->n_open;
  if (s->n_open)
    TRY(search_within(s));
  else if (!within(s->c, &out->fp32))
    return cannot_be_met(s);
  return note_kept(s);
}

// Where nothing is in less than FP32, the nodes say that.
static void mark_fp32(search_t *s) {
  for (size_t i = 0; i < s->all.n; i++)
    if (s->all.v[i].level != LEVEL_FP32) return;
  for (size_t i = 0; i < s->c->engines.n; i++) {
    node_t *n = s->c->engines.v[i].node;
    bool asks = s->c->engines.v[i].part->function != NULL;
    if (asks || node_bool(n, "use_explicit_precision", false)) continue;
    node_set_string(s->c->graph, n, "precision_mode", "FP32", 4);
    node_set_string(s->c->graph, n, "calibration_data", "", 0);
    node_set_bool(s->c->graph, n, "use_calibration", false);
    node_remove_attr(n, ATTR_PRECISION);
    node_remove_attr(n, ATTR_KEEP_FP32);
    node_remove_attr(n, ATTR_KEEP_16BIT);
  }
}

static status_t read_inputs(converter_t *c) {
  const input_source_t *source = measure_inputs_of(c);
  if (source) forget_inputs(c);
  for (bool end = false; source && !end;) {
    const tensor_t *in = NULL;
    TRY(source->next(source->self, &in, &end));
    if (!end) TRY(keep_inputs(c, in));
  }
  if (c->inputs.n) return NULL;
  return FAIL(
      INVALID_ARGUMENT,
      "precision AUTO needs inputs to measure errors over: those of calibration, of build(), "
      "or others");
}

status_t choose_precision(converter_t *c, status_t (*build)(converter_t *, engine_node_t *)) {
  if (!c->automatic || c->choice) return NULL;
  precision_choice_t *out = arena_alloc(c->own, sizeof *out);
  search_t s = {.c = c, .build = build, .out = out};
  status_t st = read_inputs(c);
  if (!st) st = search(&s);
  if (!st) mark_fp32(&s);
  measure_end(s.measure);
  vec_free(&s.all);
  stop_runner(c);
  forget_inputs(c);
  if (!st) c->choice = out;
  c->choice_failed = st != NULL;
  return c->owner || c->others.n ? status_prefix(st, "signature '%s'", c->signature->key) : st;
}
