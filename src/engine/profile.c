#include "engine/profile.h"

#include <inttypes.h>
#include <strings.h>

// ---------------------------------------------------------------- sets

static bool same_values(const shape_values_t *a, const shape_values_t *b) {
  if (!a->v || !b->v) return !a->v == !b->v;
  return a->n == b->n && (!a->n || memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v) == 0);
}

static bool same_set(const shape_set_t *a, const shape_set_t *b, int n) {
  for (int i = 0; i < n; i++)
    if (!shape_equal(&a->shapes[i], &b->shapes[i]) || !same_values(&a->values[i], &b->values[i]))
      return false;
  return true;
}

static shape_set_t set_alloc(arena_t *a, int n) {
  return (shape_set_t){arena_alloc(a, ((size_t)n + 1) * sizeof(shape_t)),
                       arena_alloc(a, ((size_t)n + 1) * sizeof(shape_values_t))};
}

static shape_set_t set_copy(arena_t *a, const shape_set_t *set, int n) {
  shape_set_t copy = set_alloc(a, n);
  for (int i = 0; i < n; i++) {
    const shape_values_t *from = &set->values[i];
    copy.shapes[i] = set->shapes[i];
    if (!from->v) continue;
    int64_t *v = arena_alloc(a, ((size_t)from->n + 1) * sizeof *v);
    if (from->n) memcpy(v, from->v, (size_t)from->n * sizeof *v);
    copy.values[i] = (shape_values_t){from->n, v};
  }
  return copy;
}

static bool has_values(const tensor_t *t) {
  return (t->dtype == DT_INT32 || t->dtype == DT_INT64) && tensor_elements(t) >= 0 &&
         tensor_elements(t) <= SHAPE_VALUES_MAX;
}

bool shape_values_candidate(const tensor_t *t) {
  enum { FEW = 2 * SHAPE_MAX_RANK };
  return has_values(t) && t->shape.rank <= 1 && tensor_elements(t) <= FEW;
}

static int64_t value_at(const tensor_t *t, int64_t i) {
  return t->dtype == DT_INT32 ? TENSOR_DATA(int32_t, t)[i] : TENSOR_DATA(int64_t, t)[i];
}

shape_set_t shape_set_of(arena_t *a, const tensor_t *in, int n_inputs, const bool *is_shape) {
  shape_set_t set = set_alloc(a, n_inputs);
  for (int i = 0; i < n_inputs; i++) {
    set.shapes[i] = in[i].shape;
    if (!is_shape || !is_shape[i] || !has_values(&in[i])) continue;
    int n = (int)tensor_elements(&in[i]);
    int64_t *v = arena_alloc(a, ((size_t)n + 1) * sizeof *v);
    for (int k = 0; k < n; k++) v[k] = value_at(&in[i], k);
    set.values[i] = (shape_values_t){n, v};
  }
  return set;
}

shape_sets_t *shape_sets_create(int n_inputs) {
  shape_sets_t *s = mem_calloc(1, sizeof *s);
  s->arena = arena_create();
  s->n_inputs = n_inputs;
  return s;
}

void shape_sets_destroy(shape_sets_t *s) {
  if (!s) return;
  vec_free(&s->sets);
  arena_destroy(s->arena);
  mem_free(s);
}

int shape_sets_find(const shape_sets_t *s, const shape_set_t *set) {
  for (size_t i = 0; i < s->sets.n; i++)
    if (same_set(&s->sets.v[i], set, s->n_inputs)) return (int)i;
  return -1;
}

bool shape_sets_add(shape_sets_t *s, const shape_set_t *set) {
  if (shape_sets_find(s, set) >= 0) return false;
  vec_push(&s->sets, set_copy(s->arena, set, s->n_inputs));
  return true;
}

bool shape_sets_add_tensors(shape_sets_t *s, const tensor_t *in, const bool *is_shape) {
  arena_t *scratch = arena_create();
  shape_set_t set = shape_set_of(scratch, in, s->n_inputs, is_shape);
  bool added = shape_sets_add(s, &set);
  arena_destroy(scratch);
  return added;
}

static bool dim_fits(int64_t want, int64_t have, bool batch) {
  return have < 0 || (batch ? want <= have : want == have);
}

bool batch_fits(const shape_t *want, const shape_t *have, int n) {
  for (int i = 0; i < n; i++) {
    if (have[i].rank < 0) continue;
    if (want[i].rank != have[i].rank) return false;
    for (int d = 0; d < want[i].rank; d++)
      if (!dim_fits(want[i].d[d], have[i].d[d], d == 0)) return false;
  }
  return true;
}

// ---------------------------------------------------------------- strategies

static const char *const strategy_names[PROFILE_STRATEGY_COUNT] = {
    [PROFILE_RANGE] = "Range",
    [PROFILE_OPTIMAL] = "Optimal",
    [PROFILE_RANGE_OPTIMAL] = "Range+Optimal",
    [PROFILE_IMPLICIT_BATCH] = "ImplicitBatchModeCompatible"};

const char *profile_strategy_name(profile_strategy_t s) { return strategy_names[s]; }

bool profile_strategy_parse(const char *text, profile_strategy_t *out) {
  for (int i = 0; i < PROFILE_STRATEGY_COUNT; i++)
    if (strcasecmp(text, strategy_names[i]) == 0) {
      *out = (profile_strategy_t)i;
      return true;
    }
  return false;
}

profiles_t *profiles_create(int n_inputs) {
  profiles_t *p = mem_calloc(1, sizeof *p);
  p->arena = arena_create();
  p->n_inputs = n_inputs;
  p->ignored = arena_alloc(p->arena, (size_t)n_inputs + 1);
  return p;
}

void profiles_destroy(profiles_t *p) {
  if (!p) return;
  vec_free(&p->list);
  arena_destroy(p->arena);
  mem_free(p);
}

static bool known_already(const profiles_t *p, const profile_t *q) {
  for (size_t i = 0; i < p->list.n; i++) {
    const profile_t *r = &p->list.v[i];
    if (same_set(&r->min, &q->min, p->n_inputs) && same_set(&r->opt, &q->opt, p->n_inputs) &&
        same_set(&r->max, &q->max, p->n_inputs))
      return true;
  }
  return false;
}

// The three must already be the profiles' own.
static void add_own(profiles_t *p, const profile_t *q) {
  if (!known_already(p, q)) vec_push(&p->list, *q);
}

static bool ordered(const int64_t *a, const int64_t *b, const int64_t *c, int n) {
  for (int i = 0; i < n; i++)
    if (a[i] > b[i] || b[i] > c[i]) return false;
  return true;
}

static status_t check_input(const shape_set_t *min, const shape_set_t *opt, const shape_set_t *max,
                            int i) {
  const shape_t *a = &min->shapes[i], *b = &opt->shapes[i], *c = &max->shapes[i];
  char x[160], y[160], z[160];
  bool ok = a->rank == b->rank && b->rank == c->rank && a->rank >= 0 &&
            ordered(a->d, b->d, c->d, a->rank) && shape_known(a);
  if (!ok)
    return FAIL(INVALID_ARGUMENT, "profile, input %d: min %s, opt %s, max %s are no range", i,
                shape_format(a, x, sizeof x), shape_format(b, y, sizeof y),
                shape_format(c, z, sizeof z));
  const shape_values_t *u = &min->values[i], *v = &opt->values[i], *w = &max->values[i];
  if (!u->v && !v->v && !w->v) return NULL;
  if (!u->v || !v->v || !w->v || u->n != v->n || v->n != w->n || !ordered(u->v, v->v, w->v, u->n))
    return FAIL(INVALID_ARGUMENT, "profile, input %d: its values for min, opt, max are no range",
                i);
  return NULL;
}

status_t profiles_add(profiles_t *p, const shape_set_t *min, const shape_set_t *opt,
                      const shape_set_t *max) {
  for (int i = 0; i < p->n_inputs; i++)
    if (!p->ignored[i]) TRY(check_input(min, opt, max, i));
  profile_t q = {set_copy(p->arena, min, p->n_inputs), set_copy(p->arena, opt, p->n_inputs),
                 set_copy(p->arena, max, p->n_inputs)};
  add_own(p, &q);
  return NULL;
}

static int64_t *own_values(const shape_values_t *s) { return (int64_t *)(uintptr_t)s->v; }

// The set's first numbers become 1: TensorRT's implicit batch, which every input has in front.
static void first_to_one(shape_set_t *set, int n) {
  for (int i = 0; i < n; i++) {
    if (set->shapes[i].rank > 0 && set->shapes[i].d[0] > 1) set->shapes[i].d[0] = 1;
    shape_values_t *v = &set->values[i];
    if (v->v && v->n > 0 && v->v[0] > 1) own_values(v)[0] = 1;
  }
}

static void widen(int64_t *min, int64_t *max, const int64_t *by, int n) {
  for (int i = 0; i < n; i++) {
    if (by[i] < min[i]) min[i] = by[i];
    if (by[i] > max[i]) max[i] = by[i];
  }
}

static status_t range_of(profiles_t *p, const shape_sets_t *sets, profile_t *out) {
  int n = p->n_inputs;
  shape_set_t min = set_copy(p->arena, &sets->sets.v[0], n),
              max = set_copy(p->arena, &sets->sets.v[0], n);
  char x[160], y[160];
  for (size_t k = 1; k < sets->sets.n; k++)
    for (int i = 0; i < n; i++) {
      const shape_set_t *set = &sets->sets.v[k];
      const shape_t *s = &set->shapes[i];
      if (s->rank != min.shapes[i].rank)
        return FAIL(INVALID_ARGUMENT, "one profile cannot span ranks: input %d was %s, then %s", i,
                    shape_format(&sets->sets.v[0].shapes[i], x, sizeof x),
                    shape_format(s, y, sizeof y));
      const shape_values_t *v = &set->values[i];
      if (!v->v != !min.values[i].v || (v->v && v->n != min.values[i].n))
        return FAIL(INVALID_ARGUMENT,
                    "one profile cannot span lengths: input %d had %d values, then %d", i,
                    min.values[i].n, v->n);
      widen(min.shapes[i].d, max.shapes[i].d, s->d, s->rank);
      if (v->v) widen(own_values(&min.values[i]), own_values(&max.values[i]), v->v, v->n);
    }
  *out = (profile_t){min, max, max};
  return NULL;
}

static void set_static_dims(shape_set_t *set, const shape_t *partial, int n) {
  for (int i = 0; partial && i < n; i++)
    for (int d = 0; d < set->shapes[i].rank && partial[i].rank == set->shapes[i].rank; d++)
      if (partial[i].d[d] >= 0) set->shapes[i].d[d] = partial[i].d[d];
}

static void add_with_static_dims(profiles_t *p, profile_t *q, const shape_t *partial) {
  set_static_dims(&q->min, partial, p->n_inputs);
  set_static_dims(&q->opt, partial, p->n_inputs);
  set_static_dims(&q->max, partial, p->n_inputs);
  add_own(p, q);
}

status_t profiles_from_sets(const shape_sets_t *sets, profile_strategy_t strategy,
                            const shape_t *partial, profiles_t **out) {
  *out = NULL;
  if (!sets->sets.n) return FAIL(FAILED_PRECONDITION, "no shapes to make profiles from");
  profiles_t *p = profiles_create(sets->n_inputs);
  for (size_t k = 0; k < sets->sets.n && strategy != PROFILE_RANGE; k++) {
    profile_t q = {set_copy(p->arena, &sets->sets.v[k], p->n_inputs),
                   set_copy(p->arena, &sets->sets.v[k], p->n_inputs),
                   set_copy(p->arena, &sets->sets.v[k], p->n_inputs)};
    if (strategy == PROFILE_IMPLICIT_BATCH) first_to_one(&q.min, p->n_inputs);
    add_with_static_dims(p, &q, partial);
  }
  if (strategy == PROFILE_RANGE || strategy == PROFILE_RANGE_OPTIMAL) {
    profile_t q;
    status_t st = range_of(p, sets, &q);
    if (st) {
      profiles_destroy(p);
      return st;
    }
    add_with_static_dims(p, &q, partial);
  }
  *out = p;
  return NULL;
}

profiles_t *profiles_copy(const profiles_t *p) {
  if (!p) return NULL;
  profiles_t *copy = profiles_create(p->n_inputs);
  memcpy(copy->ignored, p->ignored, (size_t)p->n_inputs * sizeof *p->ignored);
  for (size_t i = 0; i < p->list.n; i++) {
    const profile_t *q = &p->list.v[i];
    profile_t own = {set_copy(copy->arena, &q->min, p->n_inputs),
                     set_copy(copy->arena, &q->opt, p->n_inputs),
                     set_copy(copy->arena, &q->max, p->n_inputs)};
    vec_push(&copy->list, own);
  }
  return copy;
}

void profiles_keep_values(profiles_t *p, const bool *is_shape) {
  for (size_t k = 0; k < p->list.n; k++)
    for (int i = 0; i < p->n_inputs; i++)
      if (!is_shape[i])
        p->list.v[k].min.values[i] = p->list.v[k].opt.values[i] = p->list.v[k].max.values[i] =
            (shape_values_t){0};
}

bool profiles_widen_last(profiles_t *p, const shape_set_t *by) {
  profile_t *q = &p->list.v[p->list.n - 1];
  for (int i = 0; i < p->n_inputs; i++) {
    const shape_values_t *v = &by->values[i], *w = &q->min.values[i];
    if (by->shapes[i].rank != q->min.shapes[i].rank || (v->v && w->v && v->n != w->n)) return false;
  }
  // A profile may share its sets (opt is max in a range): bounds of its own first.
  q->min = set_copy(p->arena, &q->min, p->n_inputs);
  q->max = set_copy(p->arena, &q->max, p->n_inputs);
  for (int i = 0; i < p->n_inputs; i++) {
    const shape_values_t *v = &by->values[i];
    widen(q->min.shapes[i].d, q->max.shapes[i].d, by->shapes[i].d, by->shapes[i].rank);
    if (v->v && q->min.values[i].v)
      widen(own_values(&q->min.values[i]), own_values(&q->max.values[i]), v->v, v->n);
  }
  return true;
}

// ---------------------------------------------------------------- finding

static bool within(const int64_t *min, const int64_t *v, const int64_t *max, int n) {
  for (int i = 0; i < n; i++)
    if (v[i] < min[i] || v[i] > max[i]) return false;
  return true;
}

static bool shape_within(const profile_t *q, int i, const shape_t *s) {
  return s->rank == q->min.shapes[i].rank &&
         within(q->min.shapes[i].d, s->d, q->max.shapes[i].d, s->rank);
}

static bool set_within(const profiles_t *p, const profile_t *q, const shape_set_t *set) {
  for (int i = 0; i < p->n_inputs; i++) {
    if (p->ignored[i]) continue;
    if (!shape_within(q, i, &set->shapes[i])) return false;
    const shape_values_t *v = &set->values[i], *min = &q->min.values[i], *max = &q->max.values[i];
    if (v->v && min->v && (v->n != min->n || !within(min->v, v->v, max->v, v->n))) return false;
  }
  return true;
}

int profiles_find(const profiles_t *p, const shape_set_t *set) {
  if (!p || !p->list.n) return 0;
  for (size_t i = 0; i < p->list.n; i++)
    if (set_within(p, &p->list.v[i], set)) return (int)i;
  return -1;
}

static bool values_within(const profile_t *q, int i, const tensor_t *t) {
  const shape_values_t *min = &q->min.values[i], *max = &q->max.values[i];
  if (!min->v) return true;
  if (!has_values(t) || tensor_elements(t) != min->n) return false;
  for (int k = 0; k < min->n; k++) {
    int64_t v = value_at(t, k);
    if (v < min->v[k] || v > max->v[k]) return false;
  }
  return true;
}

int profiles_find_tensors(const profiles_t *p, const tensor_t *in) {
  if (!p || !p->list.n) return 0;
  for (size_t k = 0; k < p->list.n; k++) {
    const profile_t *q = &p->list.v[k];
    bool ok = true;
    for (int i = 0; i < p->n_inputs && ok; i++)
      ok = p->ignored[i] || (shape_within(q, i, &in[i].shape) && values_within(q, i, &in[i]));
    if (ok) return (int)k;
  }
  return -1;
}
