// save(): the converted SavedModel, with the engines that were built.
#include "base/environment.h"
#include "base/file.h"
#include "base/text.h"
#include "convert/calibrate.h"
#include "formats/wire.h"
#include "runtime/segment_build.h"
#include "saved_model/writer.h"

// TF_TRT_EXPORT_TRT_ENGINES_PATH: the plans as they are, and the shapes that each is for, in the
// form of trtexec's --shapes; unknown dims, of an engine for all shapes, as 1. Further engines of
// the same TRTEngineOp get a number.
static status_t export_engine(const engine_node_t *e, const char *dir) {
  status_t st = e->built.n ? file_make_dirs(dir) : NULL;
  for (size_t i = 0; i < e->built.n && !st; i++) {
    const built_engine_t *b = &e->built.v[i];
    text_t name = {0}, dims = {0};
    text_add(&name, e->node->name);
    if (i) text_printf(&name, ".%zu", i);
    for (int k = 0; k < e->n_inputs; k++) {
      text_printf(&dims, "%sTensorRTInputPH_%d:", k ? "," : "", k);
      for (int d = 0; d < b->shapes[k].rank; d++)
        text_printf(&dims, "%s%lld", d ? "x" : "",
                    (long long)(b->shapes[k].d[d] < 0 ? 1 : b->shapes[k].d[d]));
    }
    text_add(&dims, "\n");
    char *path = file_join(dir, name.v), *dims_name = mem_printf("dims-%s", name.v);
    char *dims_path = file_join(dir, dims_name);
    st = file_write(path, b->plan.data, b->plan.size);
    if (!st) st = file_write(dims_path, dims.v, dims.n);
    mem_free(path);
    mem_free(dims_name);
    mem_free(dims_path);
    text_free(&name);
    text_free(&dims);
  }
  return status_prefix(st, "TF_TRT_EXPORT_TRT_ENGINES_PATH");
}

// An asset without engines is written too where weights are in the bundle: it tells TensorFlow's
// plug-in where that is.
static status_t write_engine(const converter_t *c, saved_model_writer_t *w, const engine_node_t *e,
                             bool with_plans) {
  if (!e->built.n && !has_external_weights(e)) return NULL;
  wire_out_t records = {0};
  for (size_t i = 0; with_plans && i < e->built.n; i++)
    saved_engine_record(e->built.v[i].shapes, e->n_inputs, e->built.v[i].plan.data,
                        e->built.v[i].plan.size, &records);
  saved_engine_t engine = {.name = e->node->name,
                           .id = node_string(e->node, ENGINE_ID_ATTR),
                           .records = records.data,
                           .size = records.size,
                           .max_cached_engines = node_int(e->node, "max_cached_engines_count", 1),
                           .built = e->built.n > 0};
  status_t st = saved_model_writer_engine(w, c->meta, &engine);
  wire_out_free(&records);
  return st;
}

// Without a segment the node itself says which values engines hold of variables.
static void remove_segment(converter_t *c, const engine_node_t *e) {
  attr_value_t *variables = node_attr(e->node, ATTR_VARIABLES);
  node_remove_attr(e->node, "segment_func");
  if (!variables) return;
  const char **keys = arena_alloc(c->graph->arena, variables->n_list * sizeof *keys);
  for (size_t i = 0; i < variables->n_list; i++)
    keys[i] = node_string(graph_find(e->function->body, variables->list[i].s.p), WEIGHT_ATTR);
  node_set_strings(c->graph, e->node, ATTR_VARIABLES, keys, (int)variables->n_list);
}

// The experimental feature remove_native_segments: the file gets TRTEngineOps without them. The
// weights in them stay, for the plans.
static status_t write_without_segments(converter_t *c, saved_model_writer_t *w) {
  status_t st = NULL;
  attr_value_t *names = mem_calloc(c->engines.n + 1, sizeof *names);
  for (size_t i = 0; i < c->engines.n && !st; i++) {
    const engine_node_t *e = &c->engines.v[i];
    const attr_value_t *variables = node_attr(e->node, ATTR_VARIABLES);
    if (variables) names[i] = *variables;
    remove_segment(c, e);
    st = saved_model_writer_weights(w, e->function->body);
  }
  if (!st) st = saved_model_writer_signature(w, c->meta, c->signature->key, c->graph);
  for (size_t i = 0; i < c->engines.n; i++) {
    node_t *n = c->engines.v[i].node;
    node_set_func(c->graph, n, "segment_func", c->engines.v[i].function->name);
    if (names[i].n_list) *node_attr(n, ATTR_VARIABLES) = names[i];
  }
  mem_free(names);
  return st;
}

// TF-TRT's engines have no id; those that get plans here do.
static status_t identify(converter_t *c, saved_model_writer_t *w, engine_node_t *e) {
  if (!e->built.n || *node_string(e->node, ENGINE_ID_ATTR)) return NULL;
  TRY(mark_engine_id(c, e));
  return saved_model_writer_identify(w, c->meta, e->node->name,
                                     node_string(e->node, ENGINE_ID_ATTR));
}

static status_t write_all(converter_t *c, saved_model_writer_t *w, bool with_plans) {
  const char *export = env_text("TF_TRT_EXPORT_TRT_ENGINES_PATH");
  bool without = env_list_has(env_text("TF_TRT_EXPERIMENTAL_FEATURES"), "remove_native_segments");
  for (size_t i = 0; i < c->restored.n; i++)
    TRY(saved_model_writer_forget(w, c->meta, c->restored.v[i]));
  if (!c->reopened)
    TRY(without ? write_without_segments(c, w)
                : saved_model_writer_signature(w, c->meta, c->signature->key, c->graph));
  for (size_t i = 0; i < c->engines.n; i++) {
    if (c->reopened) TRY(identify(c, w, &c->engines.v[i]));
    TRY(write_engine(c, w, &c->engines.v[i], with_plans));
    if (*export) TRY(export_engine(&c->engines.v[i], export));
  }
  for (size_t i = 0; i < c->others.n; i++) TRY(write_all(c->others.v[i], w, with_plans));
  return NULL;
}

status_t mark_nodes(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    node_t *n = c->engines.v[i].node;
    if (!c->o.allow_build_at_runtime) node_set_bool(c->graph, n, "_allow_build_at_runtime", false);
    if (c->o.compat_2_17) node_set_string(c->graph, n, "_tftrt_compat", "2.17", 4);
    TRY(mark_engine_id(c, &c->engines.v[i]));
  }
  for (size_t i = 0; i < c->others.n; i++) TRY(mark_nodes(c->others.v[i]));
  return NULL;
}

static status_t save(converter_t *c, const char *dir, bool save_gpu_specific_engines) {
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "Need to call convert() before save()");
  if (c->o.graph_def)
    return FAIL(INVALID_ARGUMENT, "Not able to save to a SavedModel since input is a GraphDef");
  TRY(check_calibrated(c));
  if (!c->reopened) TRY(mark_nodes(c));
  saved_model_writer_t *w;
  TRY(saved_model_writer_create(c->model, dir, &w));
  status_t st = write_all(c, w, save_gpu_specific_engines);
  if (!st) st = report_progress(c, "saving", 0, saved_model_writer_bytes(w));
  if (st) {
    saved_model_writer_abandon(w);
    return st;
  }
  TRY(saved_model_writer_finish(w));
  // There is nothing left to be cancelled.
  status_free(report_progress(c, "saving", c->work.total, c->work.total));
  return NULL;
}

status_t converter_save(converter_t *c, const char *dir, bool save_gpu_specific_engines) {
  work_place_t before = converter_begin(c);
  return converter_end(c, &before, save(c, dir, save_gpu_specific_engines));
}
