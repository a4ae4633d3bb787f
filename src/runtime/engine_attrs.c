// What a TRTEngineOp node says of itself, and whether inputs are what it says.
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "runtime/engines_internal.h"
#include "runtime/segment_build.h"
#include "saved_model/writer.h"

static bool known_precision(const char *p) {
  static const char *const modes[] = {"FP32", "FP16", "INT8"};
  for (int i = 0; i < 3; i++)
    if (strcasecmp(p, modes[i]) == 0) return true;
  return false;
}

static const char *why_no_build(const engines_t *e, const node_t *n) {
  if (!node_bool(n, "_allow_build_at_runtime", true)) return "allow_build_at_runtime=False";
  if (e->old_run_natively && e->policy != FALLBACK_BUILD && !*node_string(n, ENGINE_ID_ATTR))
    return "TF-TRT converted the model, and engines are not asked for";
  return NULL;
}

status_t engine_attrs(const engines_t *e, const node_t *n, engine_attrs_t *out) {
  const attr_value_t *plan = node_attr(n, "serialized_segment");
  const attr_value_t *shapes = node_shapes(n, "input_shapes");
  const char *precision = node_string(n, "precision_mode");
  const func_ref_t *f = node_func(n, "segment_func");
  *out = (engine_attrs_t){.implicit = node_bool(n, "_use_implicit_batch", true),
                          .no_build = why_no_build(e, n),
                          .is_static = node_bool(n, "static_engine", true) && plan && plan->s.n,
                          .generates_profiles = node_bool(n, "_profile_generation_mode", false),
                          .calibrates = node_bool(n, "use_calibration", true) &&
                                        strcasecmp(precision, "INT8") == 0 &&
                                        !*node_string(n, "calibration_data"),
                          .compat_2_17 = node_string_is(n, "_tftrt_compat", "2.17"),
                          .input_shapes = shapes,
                          .segment = f && f->name && *f->name ? f : NULL};
  if (out->is_static) out->plan = plan;
  if (node_attr(n, "serialized_engine"))
    return FAIL(UNIMPLEMENTED,
                "it is TensorFlow 1.7's: an engine of TensorRT's, and no native segment that could "
                "run in its place");
  const attr_value_t *variables = node_strings(n, ATTR_VARIABLES);
  if (variables) {
    out->variables = variables;
    out->n_variables = variables->n_list > (size_t)n->n_in ? n->n_in : (int)variables->n_list;
  }
  if (!known_precision(precision))
    return FAIL(INVALID_ARGUMENT, "Invalid precision mode name: %s", precision);
  if (out->implicit) {
    if (!out->generates_profiles) return NULL;
    return FAIL(INVALID_ARGUMENT,
                "profile_generation_mode_=true is only supported if use_implicit_batch=false");
  }
  if (!out->input_shapes)
    return FAIL(INVALID_ARGUMENT, "Explicit batch mode requires attribute input_shapes to be set.");
  const char *strategy = node_string(n, "profile_strategy");
  out->strategy = PROFILE_RANGE;
  if (*strategy && !profile_strategy_parse(strategy, &out->strategy))
    return FAIL(INVALID_ARGUMENT, "Invalid profile strategy: %s", strategy);
  return NULL;
}

static void add_shape(text_t *t, const shape_t *s, int i) {
  char buf[160];
  text_printf(t, "%s%s", i ? ", " : "[", shape_format(s, buf, sizeof buf));
}

static void add_actual(text_t *t, const op_ctx_t *c) {
  for (int i = 0; i < c->n_in; i++) add_shape(t, &c->in[i].shape, i);
  text_add(t, "]");
}

static bool match(const op_ctx_t *c, const attr_value_t *partial) {
  if ((int)partial->n_list != c->n_in) return false;
  for (int i = 0; i < c->n_in; i++)
    if (!shape_compatible(&partial->list[i].shape, &c->in[i].shape)) return false;
  return true;
}

// TensorRT's implicit batch mode wants the batch in front of every input. Our engines take others
// too, so this is looked at only where TF 2.17 is to be matched.
static const char *check_batch(const op_ctx_t *c) {
  const shape_t *first = &c->in[0].shape;
  if (first->rank < 1) return "Input shapes contain scalar";
  if (first->d[0] < 1) return "Incorrect batch dimension";
  for (int i = 1; i < c->n_in; i++)
    if (c->in[i].shape.rank < 1 || c->in[i].shape.d[0] != first->d[0])
      return "Input shapes are inconsistent on the batch dimension";
  return NULL;
}

char *engine_verify_shapes(const op_ctx_t *c, const engine_attrs_t *a) {
  text_t t = {0};
  if (!c->n_in) {
    text_printf(&t, "Input shapes are empty, for %s", c->node->name);
  } else if (a->input_shapes && !match(c, a->input_shapes)) {
    text_printf(&t, "Input shapes do not match input partial shapes stored in graph, for %s: ",
                c->node->name);
    add_actual(&t, c);
    text_add(&t, " != ");
    for (size_t i = 0; i < a->input_shapes->n_list; i++)
      add_shape(&t, &a->input_shapes->list[i].shape, (int)i);
    text_add(&t, "]");
  } else if (a->implicit && a->compat_2_17) {
    const char *what = check_batch(c);
    if (!what) return NULL;
    text_printf(&t, "%s, for %s: ", what, c->node->name);
    add_actual(&t, c);
  } else {
    return NULL;
  }
  return text_take(&t);
}
