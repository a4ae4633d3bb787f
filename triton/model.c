#define _GNU_SOURCE  // sched_getaffinity
#include "model.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "convert.h"
#include "parameters.h"

static int cpus(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

static fault_t read_json(TRITONSERVER_Message *message, json_t **out) {
  const char *base;
  size_t size;
  CHECK(TRITONSERVER_MessageSerializeToJson(message, &base, &size));
  return config_parse(base, size, out);
}

static fault_t read_config(TRITONBACKEND_Model *model, json_t **out) {
  TRITONSERVER_Message *message;
  CHECK(TRITONBACKEND_ModelConfig(model, 1, &message));
  fault_t f = read_json(message, out);
  drop_error(TRITONSERVER_MessageDelete(message));
  return f;
}

static fault_t write_config(TRITONBACKEND_Model *model, const json_t *config) {
  TRITONSERVER_Message *message;
  char *text = json_dumps(config, JSON_COMPACT);
  if (!text) return REFUSE(INTERNAL, "the completed configuration cannot be written");
  fault_t f = TRITONSERVER_MessageNewFromSerializedJson(&message, text, strlen(text));
  if (!f) {
    f = TRITONBACKEND_ModelSetConfig(model, 1, message);
    drop_error(TRITONSERVER_MessageDelete(message));
  }
  free(text);
  return f;
}

// What --backend-config=tftrt,default-max-batch-size=... or =default-max-batch-size=... says.
static fault_t default_max_batch_size(TRITONBACKEND_Model *model, int64_t *out) {
  TRITONBACKEND_Backend *backend;
  TRITONSERVER_Message *message;
  json_t *config;
  *out = 0;
  CHECK(TRITONBACKEND_ModelBackend(model, &backend));
  CHECK(TRITONBACKEND_BackendConfig(backend, &message));
  CHECK(read_json(message, &config));
  const json_t *value =
      json_object_get(json_object_get(config, "cmdline"), "default-max-batch-size");
  if (json_is_string(value)) *out = strtoll(json_string_value(value), NULL, 10);
  json_decref(config);
  return NULL;
}

static fault_t model_dir(TRITONBACKEND_Model *model, const json_t *config, char **out) {
  TRITONBACKEND_ArtifactType type;
  const char *location;
  uint64_t version;
  CHECK(TRITONBACKEND_ModelRepository(model, &type, &location));
  CHECK(TRITONBACKEND_ModelVersion(model, &version));
  if (type != TRITONBACKEND_ARTIFACT_FILESYSTEM)
    return REFUSE(UNSUPPORTED, "the model is not in a file system");
  const char *file = json_string_value(json_object_get(config, "default_model_filename"));
  if (!file || !*file) file = "model.savedmodel";
  *out = format_text("%s/%" PRIu64 "/%s", location, version, file);
  return NULL;
}

static fault_t open_model(served_model_t *m, const char *dir, const parameters_t *p, int threads) {
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_model_options o;
  tftrt_model_options_init(&o);
  o.tags = (const char *const *)p->tags;
  o.n_tags = p->n_tags;
  o.threads = threads;
  o.on_fallback = p->on_fallback;
  CHECK(library_error(tftrt_model_open(dir, &o, &m->m, &e), &e));
  return signature_read(m->m, p->signature, &m->signature);
}

static void close_model(served_model_t *m) {
  signature_free(&m->signature);
  tftrt_model_close(m->m);
  m->m = NULL;
}

static fault_t complete(TRITONBACKEND_Model *model, served_model_t *m, json_t *config) {
  bool wanted, changed;
  int64_t batch;
  CHECK(TRITONBACKEND_ModelAutoCompleteConfig(model, &wanted));
  if (wanted) {
    CHECK(default_max_batch_size(model, &batch));
    CHECK(config_complete(config, &m->signature, batch, m->name, &changed));
    if (changed) CHECK(write_config(model, config));
  }
  return config_check(config, &m->signature, &m->max_batch_size);
}

static fault_t convert(served_model_t *m, const char *dir, const parameters_t *p, int threads) {
  load_conversion_t c = {.dir = dir,
                         .tags = (const char *const *)p->tags,
                         .n_tags = p->n_tags,
                         .signature = m->signature.key,
                         .precision_mode = p->precision_mode,
                         .batch = m->max_batch_size > 0 ? m->max_batch_size : 1,
                         .threads = threads,
                         .name = m->name};
  CHECK(convert_when_loading(&c, &m->converted));
  close_model(m);
  return open_model(m, m->converted, p, threads);
}

static fault_t load(TRITONBACKEND_Model *model, served_model_t *m, json_t *config,
                    const parameters_t *p) {
  char *dir = NULL;
  int instances = config_instances(config);
  int share = cpus() / instances;
  int threads = p->threads >= 0 ? p->threads : share > 0 ? share : 1;
  CHECK(model_dir(model, config, &dir));
  fault_t f = open_model(m, dir, p, threads);
  if (!f) f = complete(model, m, config);
  if (!f && p->precision_mode) f = convert(m, dir, p, threads);
  free(dir);
  CHECK(f);
  tftrt_error e = TFTRT_ERROR_INIT;
  CHECK(library_error(tftrt_model_prepare(m->m, m->signature.key, &e), &e));
  log_line(
      TRITONSERVER_LOG_INFO,
      "%s: signature '%s', %d engines, max_batch_size %lld, %d instances of %d threads "
      "(0: all)%s",
      m->name, m->signature.key, tftrt_model_engine_count(m->m), (long long)m->max_batch_size,
      instances, threads,
      tftrt_model_engine_count(m->m) ? "" : "; not converted: see the parameter precision_mode");
  return NULL;
}

fault_t served_model_load(TRITONBACKEND_Model *model, served_model_t **out) {
  const char *name;
  uint64_t version;
  json_t *config;
  parameters_t p;
  *out = NULL;
  CHECK(TRITONBACKEND_ModelName(model, &name));
  CHECK(TRITONBACKEND_ModelVersion(model, &version));
  CHECK(read_config(model, &config));
  fault_t f = parameters_read(config, &p);
  if (!f) {
    served_model_t *m = get_memory(1, sizeof *m);
    m->name = format_text("%s/%" PRIu64, name, version);
    f = load(model, m, config, &p);
    if (f)
      served_model_unload(m);
    else
      *out = m;
    parameters_free(&p);
  }
  json_decref(config);
  return f;
}

static void log_fallbacks(const served_model_t *m) {
  for (int i = 0; i < tftrt_model_engine_count(m->m); i++) {
    tftrt_engine_stats s = TFTRT_ENGINE_STATS_INIT;
    if (!tftrt_model_engine_stats(m->m, i, &s, NULL) && s.fallbacks)
      log_line(TRITONSERVER_LOG_WARN, "%s: %s ran natively in %lld of %lld runs, lastly because %s",
               m->name, s.name, (long long)s.fallbacks, (long long)s.runs, s.last_fallback_reason);
  }
}

void served_model_unload(served_model_t *m) {
  if (!m) return;
  if (m->m) log_fallbacks(m);
  close_model(m);
  if (m->converted) remove_folder(m->converted);
  free(m->converted);
  free(m->name);
  free(m);
}
