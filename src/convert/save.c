// save(): the converted SavedModel, with the engines that were built.
#include "convert/state.h"
#include "formats/wire.h"
#include "saved_model/writer.h"

static status_t write_engine(const converter_t *c, saved_model_writer_t *w, const engine_node_t *e,
                             bool with_plans) {
  if (!e->built.n) return NULL;
  wire_out_t records = {0};
  for (size_t i = 0; with_plans && i < e->built.n; i++)
    saved_engine_record(e->built.v[i].shapes, e->n_inputs, e->built.v[i].plan.data,
                        e->built.v[i].plan.size, &records);
  saved_engine_t engine = {.name = e->node->name,
                           .records = records.data,
                           .size = records.size,
                           .max_cached_engines = c->o.maximum_cached_engines};
  status_t st = saved_model_writer_engine(w, c->meta, &engine);
  wire_out_free(&records);
  return st;
}

static status_t write_all(converter_t *c, saved_model_writer_t *w, bool with_plans) {
  TRY(saved_model_writer_signature(w, c->meta, c->signature->key, c->graph));
  for (size_t i = 0; i < c->engines.n; i++) {
    TRY(report_progress(c, "saving", (int64_t)i, (int64_t)c->engines.n));
    TRY(write_engine(c, w, &c->engines.v[i], with_plans));
  }
  return report_progress(c, "saving", (int64_t)c->engines.n, (int64_t)c->engines.n);
}

status_t converter_save(converter_t *c, const char *dir, bool save_gpu_specific_engines) {
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "Need to call convert() before save()");
  for (size_t i = 0; !c->o.allow_build_at_runtime && i < c->engines.n; i++)
    node_set_bool(c->graph, c->engines.v[i].node, "_allow_build_at_runtime", false);
  saved_model_writer_t *w;
  TRY(saved_model_writer_create(c->model, dir, &w));
  status_t st = write_all(c, w, save_gpu_specific_engines);
  if (st) {
    saved_model_writer_abandon(w);
    return st;
  }
  return saved_model_writer_finish(w);
}
