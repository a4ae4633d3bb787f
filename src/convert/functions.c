// Functions that are converted by themselves, in place: TF-TRT's attributes _tftrt_... of a
// function ask for it, and tell how.
#include <string.h>

#include "convert/state.h"
#include "engine/profile.h"
#include "graph/calls.h"

#define ASKS "_tftrt_convert_function"

typedef struct asking_function {
  function_t *f;
  part_t how;  // without its graph
  bool calls_known;
  shape_t *shapes;  // of its arguments: what all calls have in common
} asking_function_t;

struct asking {
  VEC(asking_function_t) list;
};

// ---------------------------------------------------------------- which

static bool asks(const function_t *f) {
  const attr_value_t *v = function_attr(f, ASKS);
  return v && (v->kind != ATTR_BOOL || v->b);  // of another type: it is told that it cannot be
}

// Of SavedModels TensorFlow inlines all functions, before TF-TRT sees them, that do not forbid it.
static bool asks_not_inlined(const function_t *f) {
  const attr_value_t *v = function_attr(f, "_noinline");
  return asks(f) && v && v->kind == ATTR_BOOL && v->b;
}

stays_fn *functions_that_stay(const converter_t *c) {
  return c->o.graph_def ? asks : asks_not_inlined;
}

// ---------------------------------------------------------------- how

static const char *kind_name(attr_kind_t kind) {
  return kind == ATTR_BOOL ? "bool" : kind == ATTR_INT ? "int" : "string";
}

static status_t find_attr(const function_t *f, const char *name, attr_kind_t kind,
                          const attr_value_t **out) {
  *out = function_attr(f, name);
  if (!*out) return FAIL(NOT_FOUND, "it has no attribute '%s'", name);
  if ((*out)->kind == kind) return NULL;
  return FAIL(INVALID_ARGUMENT, "its attribute '%s' is no %s", name, kind_name(kind));
}

static status_t read_bool(const function_t *f, const char *name, bool *out) {
  const attr_value_t *v;
  TRY(find_attr(f, name, ATTR_BOOL, &v));
  *out = v->b;
  return NULL;
}

static status_t read_int(const function_t *f, const char *name, int64_t *out) {
  const attr_value_t *v;
  TRY(find_attr(f, name, ATTR_INT, &v));
  *out = v->i;
  return NULL;
}

static status_t read_small(const function_t *f, const char *name, int *out) {
  int64_t v;
  TRY(read_int(f, name, &v));
  *out = v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int)v;
  return NULL;
}

static status_t read_string(const function_t *f, const char *name, const char **out) {
  const attr_value_t *v;
  TRY(find_attr(f, name, ATTR_STRING, &v));
  *out = v->s.p ? v->s.p : "";
  return NULL;
}

static status_t check_precision(const part_t *p) {
  static const char *const modes[] = {"FP32", "FP16", "INT8"};
  bool known = false;
  for (int i = 0; i < 3; i++) known |= strcmp(p->precision_mode, modes[i]) == 0;
  if (!known)
    return FAIL(INVALID_ARGUMENT,
                "its attribute '_tftrt_precision_mode': Invalid precision mode name: %s",
                p->precision_mode);
  if (p->use_calibration && strcmp(p->precision_mode, "INT8") != 0)
    return FAIL(INVALID_ARGUMENT,
                "its attribute '_tftrt_use_calibration': Calibration with FP32 or FP16 is not "
                "supported.");
  return NULL;
}

static status_t read_how(const function_t *f, part_t *p) {
  bool convert, dynamic_op, implicit_batch;
  int64_t max_batch;
  const char *logger, *strategy;
  TRY(read_bool(f, ASKS, &convert));
  TRY(read_string(f, "_tftrt_trt_logger_name", &logger));
  TRY(read_int(f, "_tftrt_max_batch_size", &max_batch));
  TRY(read_int(f, "_tftrt_max_workspace_size_bytes", &p->max_workspace_bytes));
  TRY(read_string(f, "_tftrt_precision_mode", &p->precision_mode));
  TRY(read_small(f, "_tftrt_minimum_segment_size", &p->minimum_segment_size));
  TRY(read_bool(f, "_tftrt_is_dyn_op", &dynamic_op));
  TRY(read_small(f, "_tftrt_max_cached_engines", &p->maximum_cached_engines));
  TRY(read_bool(f, "_tftrt_use_calibration", &p->use_calibration));
  TRY(read_bool(f, "_tftrt_use_implicit_batch", &implicit_batch));
  TRY(read_string(f, "_tftrt_profile_strategy", &strategy));
  TRY(read_bool(f, "_tftrt_allow_build_at_runtime", &p->allow_build_at_runtime));
  TRY(check_precision(p));
  profile_strategy_t parsed;
  if (!profile_strategy_parse(strategy, &parsed))
    return FAIL(INVALID_ARGUMENT,
                "its attribute '_tftrt_profile_strategy': Invalid profile strategy: %s", strategy);
  p->function = f;
  p->dynamic_shape = !implicit_batch;
  p->strategy = implicit_batch ? "" : profile_strategy_name(parsed);
  p->max_batch = max_batch;
  p->static_batch = !dynamic_op && implicit_batch && max_batch > 0 ? max_batch : 0;
  if (p->minimum_segment_size < 1) p->minimum_segment_size = 1;  // as in TF-TRT: all
  return NULL;
}

// ---------------------------------------------------------------- finding them

static status_t fold_arguments(converter_t *c, const asking_t *asking, const functions_t *called) {
  graph_t **callers = mem_alloc((called->n + 1) * sizeof *callers);
  callers[0] = c->graph;
  for (size_t i = 0; i < called->n; i++) callers[i + 1] = called->v[i]->body;
  status_t st = NULL;
  for (size_t i = 0; i < asking->list.n && !st; i++)
    if (asking->list.v[i].calls_known)
      st = graph_fold_arguments(callers, (int)called->n + 1, asking->list.v[i].f);
  mem_free(callers);
  if (!st) st = graph_prune(c->graph);
  return st ? st : graph_infer_shapes(c->graph);
}

static void note_shapes(converter_t *c, asking_function_t *a) {
  const graph_t *body = a->f->body;
  a->shapes = arena_alloc(c->arena, ((size_t)body->n_args + 1) * sizeof *a->shapes);
  for (int i = 0; i < body->n_args; i++) {
    bool known = a->calls_known && body->args[i]->n_out > 0;
    a->shapes[i] = known ? body->args[i]->out_shape[0] : SHAPE_UNKNOWN;
  }
}

static bool has_function(const functions_t *list, const function_t *f) {
  for (size_t i = 0; i < list->n; i++)
    if (list->v[i] == f) return true;
  return false;
}

static void find_known_calls(converter_t *c, asking_t *asking, const functions_t *called) {
  functions_t named = {0};
  status_t st = asking->list.n ? graph_named_functions(c->graph, called, &named) : NULL;
  for (size_t i = 0; i < asking->list.n; i++) {
    asking_function_t *a = &asking->list.v[i];
    a->calls_known = !st && !has_function(&named, a->f);
  }
  status_free(st);  // of a function that is not ours to read
  vec_free(&named);
}

static bool calls_changed(const function_t *f) {
  const graph_t *body = f->body;
  for (int i = 0; i < body->n_nodes; i++) {
    call_t call = body->nodes[i]->dead ? (call_t){0} : call_of(body, body->nodes[i]);
    for (int k = 0; k < call.n_functions; k++) {
      const function_t *callee = library_find(body->library, call.function[k]);
      if (callee && !callee->raw) return true;
    }
  }
  return false;
}

// A function that is changed may be written under another name, so what calls it changes too.
static void mark_changed(const asking_t *asking, const functions_t *called) {
  for (size_t i = 0; i < asking->list.n; i++) asking->list.v[i].f->raw = NULL;
  for (bool more = asking->list.n > 0; more;) {
    more = false;
    for (size_t i = 0; i < called->n; i++) {
      if (!called->v[i]->raw || !calls_changed(called->v[i])) continue;
      called->v[i]->raw = NULL;
      more = true;
    }
  }
}

static status_t find_asking(converter_t *c, asking_t *out, functions_t *called) {
  stays_fn *stays = functions_that_stay(c);
  TRY(graph_called_functions(c->graph, called));
  for (size_t i = 0; i < called->n; i++) {
    if (!stays(called->v[i])) continue;
    asking_function_t a = {.f = called->v[i]};
    status_t st = read_how(a.f, &a.how);
    if (st)
      converter_warn(
          c, "Function %s asks to be converted by itself (" ASKS "), and stays as it is: %s",
          a.f->name, status_message(st));
    else
      vec_push(&out->list, a);
    status_free(st);
  }
  find_known_calls(c, out, called);
  mark_changed(out, called);
  if (c->o.op_set == OP_SET_ALL && out->list.n) TRY(fold_arguments(c, out, called));
  for (size_t i = 0; i < out->list.n; i++) note_shapes(c, &out->list.v[i]);
  return NULL;
}

status_t find_asking_functions(converter_t *c, asking_t **out) {
  functions_t called = {0};
  *out = mem_calloc(1, sizeof **out);
  status_t st = find_asking(c, *out, &called);
  vec_free(&called);
  return st;
}

void asking_destroy(asking_t *a) {
  if (!a) return;
  vec_free(&a->list);
  mem_free(a);
}

// ---------------------------------------------------------------- converting them

status_t convert_asking_functions(converter_t *c, asking_t *asking, convert_part_fn *convert) {
  for (size_t i = 0; i < asking->list.n; i++) {
    asking_function_t *a = &asking->list.v[i];
    part_t *p = mem_alloc(sizeof *p);
    *p = a->how;
    p->graph = a->f->body;
    vec_push(&c->parts, p);
    for (int k = 0; k < p->graph->n_args; k++)
      if (p->graph->args[k]->n_out > 0) p->graph->args[k]->out_shape[0] = a->shapes[k];
    TRY(status_prefix(convert(c, p), "function '%s'", a->f->name));
  }
  return NULL;
}
