// A model that was converted before, by TF-TRT or here, as the source: native segments take their
// places again, and what the engines were calibrated with is kept for those that follow.
#include "convert/restore.h"

#include <stdlib.h>
#include <string.h>

#include "engine/plan.h"
#include "graph/passes.h"
#include "saved_model/writer.h"

const char *canonical_name(const char *node) {
  const char *slash = strrchr(node, '/');
  return slash ? slash + 1 : node;
}

static bool has_asset(const meta_graph_t *g, const char *engine) {
  char *file = mem_printf("trt-serialized-engine.%s", engine);
  bool found = false;
  for (int i = 0; i < g->n_assets && !found; i++) found = strcmp(g->assets[i].filename, file) == 0;
  mem_free(file);
  return found;
}

status_t check_engine(const converter_t *c, const node_t *engine, bool has_segment) {
  if (has_segment || has_asset(c->meta, canonical_name(engine->name))) return NULL;
  const attr_value_t *plan = node_attr(engine, "serialized_segment");
  bool has_plan = plan && plan->s.n;
  char backend[64];
  status_t st = has_plan
                    ? plan_backend((const uint8_t *)plan->s.p, plan->s.n, backend, sizeof backend)
                    : NULL;
  if (has_plan && !st) return NULL;
  status_free(st);
  return FAIL(NOT_FOUND, "%s/saved_model.pb: node %s (TRTEngineOp) has %s",
              saved_model_dir(c->model), engine->name,
              has_plan
                  ? "an engine of TensorRT's, and no native segment that could run in its place"
                  : "neither an engine nor a native segment");
}

// The name under which tables have what a node reads.
static const char *tensor_name(converter_t *c, const input_t *in) {
  return in->port ? arena_printf(c->own, "%s:%d", in->src->name, in->port) : in->src->name;
}

// Entries of an old table, by the names that the tensors have in the whole graph.
static status_t keep_ranges(converter_t *c, const node_t *engine) {
  const attr_value_t *data = node_attr(engine, "calibration_data");
  if (!data || data->kind != ATTR_STRING || !data->s.n) return NULL;
  char *what = mem_printf("%s/saved_model.pb: calibration_data of %s", saved_model_dir(c->model),
                          engine->name);
  ranges_t *table = NULL;
  status_t st = ranges_parse(data->s.p, data->s.n, what, &table);
  mem_free(what);
  if (st) {  // its engines can be calibrated again
    converter_warn(c, "%s", status_message(st));
    status_free(st);
    return NULL;
  }
  if (!c->old_ranges) c->old_ranges = ranges_create();
  size_t at_entry = 0;
  const char *name;
  range_t range;
  while (ranges_next(table, &at_entry, &name, &range)) {
    if (strncmp(name, "TensorRTInputPH_", 16) == 0) {
      int at = atoi(name + 16);
      if (at < 0 || at >= engine->n_in) continue;
      name = tensor_name(c, &engine->in[at]);
    }
    ranges_put(c->old_ranges, arena_strdup(c->own, name), range);
  }
  ranges_destroy(table);
  return NULL;
}

static status_t see_engine(void *self, const node_t *engine, bool has_segment) {
  converter_t *c = self;
  TRY(check_engine(c, engine, has_segment));
  if (!has_segment) return NULL;
  vec_push(&c->restored, arena_strdup(c->own, canonical_name(engine->name)));
  return keep_ranges(c, engine);
}

status_t restore_engines(converter_t *c, graph_t *g) {
  size_t before = c->restored.n;
  TRY(graph_restore_segments(g, see_engine, c));
  if (c->restored.n > before && c->o.op_set == OP_SET_TF_TRT)
    TRY(graph_lower_control_flow(g, functions_that_stay(c)));
  else if (c->restored.n > before)
    TRY(graph_inline_calls_unless(g, functions_that_stay(c), NULL));
  TRY(weights_load(c->model, g));
  // Which weights are engines' is decided anew: nodes that stay native are TensorFlow's too, which
  // finds none of ours.
  for (int i = 0; i < g->n_nodes; i++) node_remove_attr(g->nodes[i], "_tftrt_weight");
  return NULL;
}

status_t take_old_ranges(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    node_t *n = c->engines.v[i].node;
    if (!node_bool(n, "use_calibration", false)) continue;
    ranges_t *r = ranges_create();
    size_t at = 0;
    const char *name;
    range_t range;
    while (ranges_next(c->old_ranges, &at, &name, &range)) ranges_put(r, name, range);
    for (int k = 0; k < n->n_in; k++) {
      range = ranges_find(c->old_ranges, tensor_name(c, &n->in[k]));
      if (range.scale > 0) ranges_put(r, arena_printf(c->own, "TensorRTInputPH_%d", k), range);
    }
    char *text = ranges_format(r);
    node_set_string(c->graph, n, "calibration_data", text, strlen(text));
    mem_free(text);
    ranges_destroy(r);
  }
  c->calibrated = true;
  return NULL;
}
