// The resource ops around TRTEngineOp: engines are loaded with the model, and saved.
#include <string.h>

#include "base/file.h"
#include "ops/variables.h"
#include "runtime/engines_internal.h"

// A name: the cache is made when it is first needed.
static status_t create_handle(op_ctx_t *c) {
  const char *name = node_string(c->node, "resource_name");
  return op_out_object(c, 0, named_handle_create(engine_container, name));
}

static status_t string_input(const op_ctx_t *c, int i, char **out) {
  const tensor_t *t = &c->in[i];
  if (t->dtype != DT_STRING || tensor_elements(t) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d is no scalar string", i);
  const str_t *s = TENSOR_DATA(str_t, t);
  *out = mem_strndup(s->p ? s->p : "", s->n);
  return NULL;
}

static status_t filename_input(const op_ctx_t *c, int i, char **out) {
  TRY(string_input(c, i, out));
  if (**out) return NULL;
  mem_free(*out);
  return FAIL(INVALID_ARGUMENT, "filename cannot be empty.");
}

static status_t initialize(engines_t *e, op_ctx_t *c) {
  object_t *o = NULL;
  char *path = NULL;
  TRY(op_object(c, 0, &named_handle_type, &o));
  TRY(filename_input(c, 1, &path));
  engine_cache_t *cache = engine_cache_of(e, ((named_handle_t *)o)->name,
                                          node_int(c->node, "max_cached_engines_count", 1));
  // A second meta graph, or a second run of the init op, finds the engines there.
  status_t st = engine_cache_entries(cache) == 0 ? engine_cache_load(cache, path) : NULL;
  object_unref(&cache->base);
  mem_free(path);
  return st;
}

static status_t find_cache(engines_t *e, const op_ctx_t *c, engine_cache_t **out) {
  char *name = NULL;
  TRY(string_input(c, 0, &name));
  *out = (engine_cache_t *)resources_get(e->resources, engine_container, name, NULL, NULL);
  mem_free(name);
  return *out ? NULL : FAIL(NOT_FOUND, "TRTEngineCacheResource not yet created");
}

static status_t serialize(engines_t *e, op_ctx_t *c) {
  char *path = NULL;
  engine_cache_t *cache = NULL;
  TRY(filename_input(c, 1, &path));
  status_t st = find_cache(e, c, &cache);
  if (!st && node_bool(c->node, "save_gpu_specific_engines", true))
    st = engine_cache_save(cache, path);
  else if (!st)
    st = file_write(path, "", 0);
  if (!st && node_bool(c->node, "delete_resource", false))
    resources_remove(e->resources, engine_container, cache->name, NULL);
  if (cache) object_unref(&cache->base);
  mem_free(path);
  return st;
}

static status_t calibration_data(engines_t *e, op_ctx_t *c) {
  engine_cache_t *cache = NULL;
  TRY(find_cache(e, c, &cache));
  object_unref(&cache->base);
  // Calibration is the converter's; nothing is calibrated at run time.
  return FAIL(UNKNOWN, "Calibration table is empty.");
}

status_t engine_resource_op(engines_t *e, op_ctx_t *c) {
  if (strcmp(c->node->op, "CreateTRTResourceHandle") == 0) return create_handle(c);
  if (strcmp(c->node->op, "InitializeTRTResource") == 0) return initialize(e, c);
  if (strcmp(c->node->op, "SerializeTRTResource") == 0) return serialize(e, c);
  return calibration_data(e, c);
}
