// Several signatures in one converter: the first is its own, each other one has a converter that
// shares the model.
#include <string.h>

#include "base/text.h"
#include "convert/state.h"

static bool taken(const converter_t *c, const signature_t *s) {
  if (c->signature == s) return true;
  for (size_t i = 0; i < c->others.n; i++)
    if (c->others.v[i]->signature == s) return true;
  return false;
}

static void add_other(converter_t *c, const signature_t *s) {
  if (taken(c, s)) return;
  converter_t *other = mem_calloc(1, sizeof *other);
  other->own = arena_create();
  other->o = c->o;  // its strings stay the owner's
  other->o.signature = s->key;
  other->strategy = c->strategy;
  other->automatic = c->automatic;
  other->bf16 = c->bf16;
  other->owner = c;
  other->model = c->model;
  other->meta = c->meta;
  other->signature = s;
  vec_push(&c->others, other);
}

status_t find_signatures(converter_t *c) {
  const char *key = c->o.signature;
  if (!key && c->o.n_signatures) key = c->o.signatures[0];
  if (!key && !c->o.all_signatures) key = "serving_default";
  if (!key)  // all: the default one first, when there is one
    for (int i = 0; i < c->meta->n_signatures && !key; i++)
      if (strcmp(c->meta->signatures[i].key, "serving_default") == 0) key = "serving_default";
  for (int i = 0; i < c->meta->n_signatures && !key; i++)
    if (strcmp(c->meta->signatures[i].key, "__saved_model_init_op") != 0)
      key = c->meta->signatures[i].key;
  TRY(meta_graph_signature(c->meta, key, &c->signature));
  for (int i = 0; i < c->o.n_signatures; i++) {
    const signature_t *s;
    TRY(meta_graph_signature(c->meta, c->o.signatures[i], &s));
    add_other(c, s);
  }
  for (int i = 0; c->o.all_signatures && i < c->meta->n_signatures; i++)
    if (strcmp(c->meta->signatures[i].key, "__saved_model_init_op") != 0)
      add_other(c, &c->meta->signatures[i]);
  return NULL;
}

int converter_n_signatures(const converter_t *c) { return c->signature ? 1 + (int)c->others.n : 0; }

const signature_t *converter_signature(const converter_t *c, int i) {
  if (i == 0) return c->signature;
  return i > 0 && (size_t)i <= c->others.n ? c->others.v[i - 1]->signature : NULL;
}

bool converter_built(const converter_t *c, int i) {
  return i ? c->others.v[i - 1]->built : c->built;
}

void converter_set_calibration(converter_t *c, const char *key, const input_source_t *source) {
  calibration_t x = {arena_strdup(c->own, key), *source};
  vec_push(&c->calibrations, x);
}

void converter_measure_with(converter_t *c, const char *key, const input_source_t *source) {
  calibration_t x = {key ? arena_strdup(c->own, key) : NULL, *source};
  vec_push(&c->measures, x);
}

const input_source_t *measure_inputs_of(const converter_t *c) {
  const converter_t *top = c->owner ? c->owner : c;
  for (size_t i = 0; i < top->measures.n; i++) {
    const char *key = top->measures.v[i].signature;
    if (key ? strcmp(key, c->signature->key) == 0 : c == top) return &top->measures.v[i].source;
  }
  return NULL;
}

status_t find_converter(converter_t *c, const char *key, converter_t **out) {
  *out = c;
  if (!key) return NULL;
  text_t keys = {0};
  for (int i = 0; i < converter_n_signatures(c); i++) {
    *out = i ? c->others.v[i - 1] : c;
    if (strcmp((*out)->signature->key, key) == 0) {
      text_free(&keys);
      return NULL;
    }
    text_printf(&keys, "%s'%s'", i ? ", " : "", (*out)->signature->key);
  }
  *out = NULL;
  status_t st = FAIL(NOT_FOUND, "signature '%s' is not converted; converted are: %s", key,
                     keys.v ? keys.v : "none");
  text_free(&keys);
  return st;
}
