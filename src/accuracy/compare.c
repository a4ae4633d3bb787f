#include "accuracy/compare.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "formats/npz.h"

typedef struct recorded {
  const char *name;
  tensor_t value;
  bool whole;    // compared at once
  int64_t rows;  // compared so far, otherwise
} recorded_t;

struct side {
  char *path;
  model_t *model;
  const signature_t *signature;
  npz_t *file;
  VEC(recorded_t) recorded;  // in the order of names
};

model_t *side_model(const side_t *s) { return s->model; }
const signature_t *side_signature(const side_t *s) { return s->signature; }

static int by_name(const void *a, const void *b) {
  return strcmp(((const recorded_t *)a)->name, ((const recorded_t *)b)->name);
}

static status_t read_recorded(side_t *s) {
  TRY(npz_open(s->path, &s->file));
  for (size_t i = 0; i < npz_count(s->file); i++) {
    recorded_t r = {.name = npz_name(s->file, i)};
    TRY(status_prefix(npz_read(s->file, i, &r.value), "%s", s->path));
    vec_push(&s->recorded, r);
  }
  if (s->recorded.n) qsort(s->recorded.v, s->recorded.n, sizeof *s->recorded.v, by_name);
  return NULL;
}

static status_t open_model(side_t *s, const compare_options_t *o) {
  model_options_t m = {.struct_size = sizeof m,
                       .tags = o->tags,
                       .n_tags = o->n_tags,
                       .threads = o->threads,
                       .backend = o->backend,
                       .simplify = true};
  TRY(model_open(s->path, &m, &s->model));
  return status_prefix(
      meta_graph_signature(model_meta_graph(s->model), o->signature, &s->signature), "%s", s->path);
}

static bool is_file(const char *path) {
  struct stat info;
  size_t n = strlen(path);
  if (stat(path, &info) == 0) return S_ISREG(info.st_mode);
  return n > 4 && strcmp(path + n - 4, ".npz") == 0;
}

status_t side_open(const char *path, const compare_options_t *o, side_t **out) {
  side_t *s = mem_calloc(1, sizeof *s);
  s->path = mem_strdup(path);
  status_t st = is_file(path) ? read_recorded(s) : open_model(s, o);
  if (st) {
    side_close(s);
    s = NULL;
  }
  *out = s;
  return st;
}

void side_close(side_t *s) {
  if (!s) return;
  for (size_t i = 0; i < s->recorded.n; i++) tensor_unref(&s->recorded.v[i].value);
  vec_free(&s->recorded);
  npz_close(s->file);
  model_close(s->model);
  mem_free(s->path);
  mem_free(s);
}

const signature_t *compare_signature(const side_t *a, const side_t *b) {
  return a->signature ? a->signature : b->signature;
}

// ---- the names of both -----------------------------------------------------------------------

static int n_outputs(const side_t *s) {
  return s->model ? s->signature->n_outputs : (int)s->recorded.n;
}

static const char *output_name(const side_t *s, int i) {
  return s->model ? s->signature->outputs[i].key : s->recorded.v[i].name;
}

static bool has_output(const side_t *s, const char *name) {
  for (int i = 0; i < n_outputs(s); i++)
    if (strcmp(output_name(s, i), name) == 0) return true;
  return false;
}

static status_t check_outputs(const side_t *a, const side_t *b) {
  for (int i = 0; i < n_outputs(a); i++) {
    if (has_output(b, output_name(a, i))) continue;
    text_t names = {0};
    for (int k = 0; k < n_outputs(b); k++)
      text_printf(&names, "%s%s", k ? ", " : "", output_name(b, k));
    status_t st = FAIL(INVALID_ARGUMENT, "output '%s' of %s is not in %s, which has %s",
                       output_name(a, i), a->path, b->path, names.n ? names.v : "none");
    text_free(&names);
    return st;
  }
  return NULL;
}

static status_t check_inputs(const side_t *a, const side_t *b) {
  const signature_t *x = a->signature, *y = b->signature;
  if (!x || !y) return NULL;
  bool same = x->n_inputs == y->n_inputs;
  for (int i = 0; same && i < x->n_inputs; i++)
    same =
        strcmp(x->inputs[i].key, y->inputs[i].key) == 0 && x->inputs[i].dtype == y->inputs[i].dtype;
  if (same) return NULL;
  return FAIL(INVALID_ARGUMENT, "signature '%s' of %s and '%s' of %s do not take the same inputs",
              x->key, a->path, y->key, b->path);
}

// ---- outputs of one set of inputs ------------------------------------------------------------

// The recorded output of a set of inputs for which a model gives `like` (NULL: it is the only set).
static status_t take_recorded(side_t *s, int i, const tensor_t *like, tensor_t *out) {
  recorded_t *r = &s->recorded.v[i];
  tensor_t *all = &r->value;
  if (like && like->dtype == DT_BFLOAT16 && all->dtype == DT_UINT16) all->dtype = DT_BFLOAT16;
  if (r->whole)
    return FAIL(INVALID_ARGUMENT, "output '%s': %s has it for one set of inputs alone", r->name,
                s->path);
  *out = tensor_ref(all);
  int rank = all->shape.rank;
  r->whole = !like || rank < 1 || like->shape.rank != rank;
  r->whole |= like && !r->rows && shape_equal(&like->shape, &all->shape);
  if (r->whole) return NULL;
  int64_t n = like->shape.d[0], left = all->shape.d[0] - r->rows;
  if (n > left)
    return FAIL(INVALID_ARGUMENT, "output '%s': %s has %lld rows, the inputs give more", r->name,
                s->path, (long long)all->shape.d[0]);
  size_t row = all->shape.d[0] ? tensor_bytes(all) / (size_t)all->shape.d[0] : 0;
  out->shape.d[0] = n;
  out->data = (char *)all->data + row * (size_t)r->rows;
  r->rows += n;
  return NULL;
}

static status_t check_all_taken(const side_t *s) {
  for (size_t i = 0; i < s->recorded.n; i++) {
    const recorded_t *r = &s->recorded.v[i];
    if (!r->whole && r->rows != r->value.shape.d[0])
      return FAIL(INVALID_ARGUMENT, "output '%s': %s has %lld rows, the inputs give %lld", r->name,
                  s->path, (long long)r->value.shape.d[0], (long long)r->rows);
  }
  return NULL;
}

static int index_of(const side_t *s, const char *name) {
  int i = 0;
  while (strcmp(output_name(s, i), name) != 0) i++;
  return i;
}

// ran: the outputs of a model; NULL for recorded ones.
static status_t output_of(side_t *s, const char *name, const tensor_t *ran, const tensor_t *like,
                          tensor_t *out) {
  int i = index_of(s, name);
  if (!s->model) return take_recorded(s, i, like, out);
  *out = tensor_ref(&ran[i]);
  return NULL;
}

static status_t add_output(output_difference_t *o, side_t *a, side_t *b, const tensor_t *ran_a,
                           const tensor_t *ran_b) {
  const tensor_t *like = a->model   ? &ran_a[index_of(a, o->name)]
                         : b->model ? &ran_b[index_of(b, o->name)]
                                    : NULL;
  tensor_t want = {0}, got = {0};
  status_t st = output_of(a, o->name, ran_a, like, &want);
  if (!st) st = output_of(b, o->name, ran_b, like, &got);
  o->dtype = want.dtype;
  if (!st) st = status_prefix(difference_add(&o->d, &want, &got), "output '%s'", o->name);
  tensor_unref(&want);
  tensor_unref(&got);
  return st;
}

static status_t run_side(const side_t *s, const tensor_t *in, tensor_t **out) {
  *out = NULL;
  if (!s->model) return NULL;
  *out = mem_calloc((size_t)s->signature->n_outputs + 1, sizeof **out);
  return status_prefix(model_run(s->model, s->signature->key, in, *out), "%s", s->path);
}

static void free_outputs(const side_t *s, tensor_t *out) {
  for (int i = 0; out && i < s->signature->n_outputs; i++) tensor_unref(&out[i]);
  mem_free(out);
}

// Once with its engines in FP32, once as planned.
static status_t run_observed(const side_t *s, layer_watch_t *w, const tensor_t *in,
                             tensor_t **out) {
  engine_watch_t watch = layer_watch_reference(w);
  model_watch_engines(s->model, &watch);
  status_t st = run_side(s, in, out);
  free_outputs(s, *out);
  *out = NULL;
  watch = layer_watch_planned(w);
  model_watch_engines(s->model, &watch);
  if (!st) st = run_side(s, in, out);
  model_watch_engines(s->model, NULL);
  return st;
}

static status_t compare_set(side_t *a, side_t *b, layer_watch_t *w, const tensor_t *in,
                            comparison_t *c) {
  tensor_t *of_a = NULL, *of_b = NULL;
  status_t st = run_side(a, in, &of_a);
  if (!st) st = w ? run_observed(b, w, in, &of_b) : run_side(b, in, &of_b);
  for (size_t i = 0; i < c->outputs.n && !st; i++)
    st = add_output(&c->outputs.v[i], a, b, of_a, of_b);
  free_outputs(a, of_a);
  free_outputs(b, of_b);
  c->sets++;
  return st;
}

// What engines did not serve was compared natively, which tells nothing of their precision.
static void warn_of_native_runs(const side_t *s, comparison_t *c) {
  int n = s->model ? model_engine_stats(s->model, NULL, 0) : 0;
  engine_stats_t *stats = mem_calloc((size_t)n + 1, sizeof *stats);
  int now = n ? model_engine_stats(s->model, stats, n) : 0;
  for (int i = 0; i < n && i < now; i++)
    if (stats[i].fallbacks)
      vec_push(&c->warnings,
               mem_printf("%s: %s did not serve %lld of %lld runs, its native segment ran: %s",
                          s->path, stats[i].name, (long long)stats[i].fallbacks,
                          (long long)stats[i].runs, stats[i].last_fallback_reason));
  mem_free(stats);
}

static status_t no_layers(const side_t *b, const comparison_t *c) {
  if (c->warnings.n)
    return FAIL(FAILED_PRECONDITION, "there is no layer to observe: %s",
                c->warnings.v[c->warnings.n - 1]);
  return FAIL(FAILED_PRECONDITION,
              "%s: signature '%s' has no engines whose layers could be observed", b->path,
              b->signature->key);
}

static status_t compare_all(side_t *a, side_t *b, const compare_options_t *o, layer_watch_t *w,
                            comparison_t *c) {
  TRY(check_outputs(a, b));
  TRY(check_outputs(b, a));
  TRY(check_inputs(a, b));
  for (int i = 0; i < n_outputs(a); i++) {
    output_difference_t d = {.name = mem_strdup(output_name(a, i))};
    vec_push(&c->outputs, d);
  }
  if (w && !b->model)
    return FAIL(INVALID_ARGUMENT, "%s holds recorded outputs: it has no layers to observe",
                b->path);
  if (!a->model && !b->model) return compare_set(a, b, NULL, NULL, c);
  if (!o->inputs.next) return FAIL(INVALID_ARGUMENT, "there are no inputs to run the models on");
  for (;;) {
    const tensor_t *in = NULL;
    bool end = false;
    TRY(o->inputs.next(o->inputs.self, &in, &end));
    if (end) break;
    TRY(compare_set(a, b, w, in, c));
  }
  if (!c->sets) return FAIL(INVALID_ARGUMENT, "there are no inputs to run the models on");
  TRY(check_all_taken(a));
  TRY(check_all_taken(b));
  warn_of_native_runs(a, c);
  warn_of_native_runs(b, c);
  return NULL;
}

status_t compare_sides(side_t *a, side_t *b, const compare_options_t *o, comparison_t **out) {
  comparison_t *c = mem_calloc(1, sizeof *c);
  layer_watch_t *w = o->per_layer ? layer_watch_create() : NULL;
  status_t st = compare_all(a, b, o, w, c);
  if (!st && w) c->layers = layer_watch_errors(w, false);
  if (!st && w && !c->layers->n) st = no_layers(b, c);
  layer_watch_destroy(w);
  if (st) {
    comparison_destroy(c);
    c = NULL;
  }
  *out = c;
  return st;
}

void comparison_destroy(comparison_t *c) {
  if (!c) return;
  for (size_t i = 0; i < c->outputs.n; i++) mem_free(c->outputs.v[i].name);
  vec_free(&c->outputs);
  for (size_t i = 0; i < c->warnings.n; i++) mem_free(c->warnings.v[i]);
  vec_free(&c->warnings);
  layer_errors_destroy(c->layers);
  mem_free(c);
}
