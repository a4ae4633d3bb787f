// What precision mode AUTO chose, for people and as JSON.
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "convert/auto_precision.h"

static json_t *measured_json(const measured_t *m) {
  return json_pack("{s:o, s:f, s:f}", "max_error",
                   isfinite(m->max_abs) ? json_real(m->max_abs) : json_null(), "cosine", m->cosine,
                   "ms", 1e3 * m->seconds);
}

static json_t *own_json(double v) { return isfinite(v) ? json_real(v) : json_null(); }

json_t *precision_json(const converter_t *c) {
  const precision_choice_t *p = c->choice;
  json_t *bound = json_object(), *kept = json_array();
  if (c->o.bounds_error) json_object_set_new(bound, "max_error", json_real(c->o.max_error));
  if (c->o.bounds_cosine) json_object_set_new(bound, "min_cosine", json_real(c->o.min_cosine));
  for (int i = 0; i < p->n_kept; i++) {
    const kept_layer_t *k = &p->kept[i];
    json_t *item = NULL;
    json_array_append_new(
        kept, item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "engine", k->engine,
                               "layer", k->layer, "type", k->type, "node", k->node, "was", k->was,
                               "is", k->is, "own_error_before", own_json(k->own_before),
                               "own_error_after", own_json(k->own_after)));
    if (isfinite(k->costs)) json_object_set_new(item, "costs_ms", json_real(1e3 * k->costs));
  }
  json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:i, s:o, s:i, s:i}", "bound", bound, "fastest",
                        measured_json(&p->fastest), "chosen", measured_json(&p->chosen), "fp32",
                        measured_json(&p->fp32), "candidates", p->candidates, "kept", kept,
                        "builds", p->builds, "input_sets", p->chosen.sets);
  if (p->because) json_object_set_new(o, "because", json_string(p->because));
  return o;
}

static void put_measured(text_t *t, const char *what, const measured_t *m) {
  text_printf(t, "  %-8s largest error %-10.3g cosine %.8f  %.3f ms\n", what, m->max_abs, m->cosine,
              1e3 * m->seconds);
}

static char *precision_text(const converter_t *c) {
  enum { MOST = 20 };
  const precision_choice_t *p = c->choice;
  text_t t = {0};
  text_add(&t, "Precision AUTO:");
  if (c->o.bounds_error) text_printf(&t, " largest error at most %g,", c->o.max_error);
  if (c->o.bounds_cosine) text_printf(&t, " cosine at least %.9g,", c->o.min_cosine);
  text_printf(&t, " over %d sets of inputs, %d builds\n", p->chosen.sets, p->builds);
  put_measured(&t, "fastest", &p->fastest);
  put_measured(&t, "chosen", &p->chosen);
  put_measured(&t, "fp32", &p->fp32);
  text_printf(&t, "  %d of %d layers are kept in higher precision%s%s%s\n", p->n_kept,
              p->candidates, p->n_kept ? ", the worst first" : "", p->because ? ": " : "",
              p->because ? p->because : "");
  for (int i = 0; i < p->n_kept && i < MOST; i++) {
    const kept_layer_t *k = &p->kept[i];
    text_printf(&t, "    %s -> %s  own error %.3g -> %.3g", k->was, k->is, k->own_before,
                k->own_after);
    if (isfinite(k->costs)) text_printf(&t, ", costs %.3f ms", 1e3 * k->costs);
    text_printf(&t, "  %s %s\n", k->type, k->layer);
  }
  if (p->n_kept > MOST) text_printf(&t, "    and %d more, which --json tells\n", p->n_kept - MOST);
  return text_take(&t);
}

status_t converter_precision(converter_t *c, const char *signature, bool json, char **out) {
  *out = NULL;
  TRY(find_converter(c, signature, &c));
  if (!c->choice)
    return FAIL(FAILED_PRECONDITION, c->automatic
                                         ? "precision AUTO has not chosen yet: call build()"
                                         : "the precision mode is not AUTO: nothing was chosen");
  if (!json) {
    *out = precision_text(c);
    return NULL;
  }
  json_t *o = precision_json(c);
  json_object_set_new(o, "schema", json_string("tftrt.report/1"));
  json_object_set_new(o, "command", json_string("precision"));
  char *dumped = json_dumps(o, JSON_INDENT(1));
  *out = mem_printf("%s\n", dumped ? dumped : "{}");
  free(dumped);
  json_decref(o);
  return NULL;
}
