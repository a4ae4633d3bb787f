#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "types.h"

fault_t config_parse(const char *text, size_t size, json_t **out) {
  json_error_t e;
  *out = json_loadb(text, size, 0, &e);
  if (json_is_object(*out)) return NULL;
  const char *why = *out ? "it is no object" : e.text;
  json_decref(*out);
  *out = NULL;
  return REFUSE(INTERNAL, "the configuration cannot be read: %s", why);
}

// 64-bit numbers are texts in protobuf's JSON.
static int64_t number_of(const json_t *v) {
  if (json_is_string(v)) return strtoll(json_string_value(v), NULL, 10);
  return json_integer_value(v);
}

static json_t *find_io(const json_t *list, const char *name) {
  size_t i;
  json_t *io;
  json_array_foreach(list, i, io) {
    const char *other = json_string_value(json_object_get(io, "name"));
    if (other && strcmp(other, name) == 0) return io;
  }
  return NULL;
}

static bool has_dims(const json_t *io) { return json_array_size(json_object_get(io, "dims")) > 0; }

static bool has_type(const json_t *io) {
  const char *type = json_string_value(json_object_get(io, "data_type"));
  return type && strcmp(type, "TYPE_INVALID") != 0;
}

// Whether the listed shapes speak against a batch: as many dims as the signature's.
static bool listed_in_full(const json_t *list, const tensor_spec_t *specs, int n) {
  for (int i = 0; i < n; i++) {
    const json_t *io = find_io(list, specs[i].name);
    if (io && has_dims(io) && (int)json_array_size(json_object_get(io, "dims")) == specs[i].rank)
      return true;
  }
  return false;
}

static bool can_be_served(const tensor_spec_t *t) {
  return config_type(t->dtype) != NULL && t->rank >= 0;
}

static bool may_batch(const json_t *outputs, const signature_t *s) {
  for (int i = 0; i < s->n_inputs; i++)
    if (!spec_may_batch(&s->inputs[i])) return false;
  for (int i = 0; i < s->n_outputs; i++) {
    const tensor_spec_t *t = &s->outputs[i];
    bool served = json_array_size(outputs) ? find_io(outputs, t->name) != NULL : can_be_served(t);
    if (served && !spec_may_batch(t)) return false;
  }
  return s->n_inputs > 0;
}

// Triton knows no rank 0: a scalar is called [1]. With a batch it is reshaped, without one it
// cannot be, and execute() sees to it.
static void set_dims(json_t *io, const tensor_spec_t *t, bool batch) {
  json_t *dims = json_array();
  for (int i = batch; i < t->rank; i++)
    json_array_append_new(dims, json_integer(t->dims[i] ? t->dims[i] : -1));
  if (!json_array_size(dims)) {
    json_array_append_new(dims, json_integer(1));
    if (batch) json_object_set_new(io, "reshape", json_pack("{s:[]}", "shape"));
  }
  json_object_set_new(io, "dims", dims);
}

static fault_t complete_io(json_t *list, const tensor_spec_t *t, bool batch, bool *changed) {
  json_t *io = find_io(list, t->name);
  if (!io) {
    io = json_pack("{s:s}", "name", t->name);
    json_array_append_new(list, io);
  }
  if (!has_type(io)) {
    if (!config_type(t->dtype))
      return REFUSE(UNSUPPORTED, "'%s' is %s, which Triton has no type for", t->name,
                    tftrt_dtype_name(t->dtype));
    json_object_set_new(io, "data_type", json_string(config_type(t->dtype)));
    *changed = true;
  }
  if (!has_dims(io)) {
    if (t->rank < 0)
      return REFUSE(INVALID_ARG, "the model does not tell the rank of '%s': list it with its dims",
                    t->name);
    set_dims(io, t, batch);
    *changed = true;
  }
  return NULL;
}

static json_t *list_of(json_t *config, const char *key) {
  json_t *list = json_object_get(config, key);
  if (!json_is_array(list)) {
    list = json_array();
    json_object_set_new(config, key, list);
  }
  return list;
}

static bool has_scheduler(const json_t *config) {
  return json_object_get(config, "dynamic_batching") ||
         json_object_get(config, "sequence_batching") ||
         json_object_get(config, "ensemble_scheduling");
}

fault_t config_complete(json_t *config, const signature_t *s, int64_t default_max_batch_size,
                        const char *name, bool *changed) {
  json_t *inputs = list_of(config, "input"), *outputs = list_of(config, "output");
  int64_t max_batch_size = number_of(json_object_get(config, "max_batch_size"));
  bool all_outputs = !json_array_size(outputs);
  *changed = false;
  if (max_batch_size <= 0 && default_max_batch_size > 0 && may_batch(outputs, s) &&
      !listed_in_full(inputs, s->inputs, s->n_inputs) &&
      !listed_in_full(outputs, s->outputs, s->n_outputs)) {
    max_batch_size = default_max_batch_size;
    json_object_set_new(config, "max_batch_size", json_integer(max_batch_size));
    if (max_batch_size > 1 && !has_scheduler(config))
      json_object_set_new(config, "dynamic_batching", json_object());
    *changed = true;
  }
  bool batch = max_batch_size > 0;
  for (int i = 0; i < s->n_inputs; i++) CHECK(complete_io(inputs, &s->inputs[i], batch, changed));
  for (int i = 0; i < s->n_outputs; i++) {
    const tensor_spec_t *t = &s->outputs[i];
    if (!all_outputs && !find_io(outputs, t->name)) continue;
    if (all_outputs && !can_be_served(t)) {
      log_line(TRITONSERVER_LOG_WARN, "%s: output '%s' (%s) is not served: %s", name, t->name,
               tftrt_dtype_name(t->dtype),
               t->rank < 0 ? "the model does not tell its rank; list the outputs with their dims"
                           : "Triton has no such type");
      continue;
    }
    CHECK(complete_io(outputs, t, batch, changed));
  }
  return NULL;
}

// The shape that the model sees: what it is reshaped to, with a batch before it.
static int io_shape(const json_t *io, bool batch, int64_t *dims) {
  const json_t *reshape = json_object_get(io, "reshape");
  const json_t *list = reshape ? json_object_get(reshape, "shape") : json_object_get(io, "dims");
  int rank = 0;
  if (batch) dims[rank++] = -1;
  for (size_t i = 0; i < json_array_size(list); i++) {
    if (rank == TFTRT_MAX_RANK) return TFTRT_MAX_RANK + 1;
    dims[rank++] = number_of(json_array_get(list, i));
  }
  return rank;
}

static fault_t check_io(const json_t *io, const char *side, const tensor_spec_t *t, bool batch) {
  char ours[256], theirs[256];
  int64_t dims[TFTRT_MAX_RANK];
  const char *type = json_string_value(json_object_get(io, "data_type"));
  const char *right = config_type(t->dtype);
  if (!right)
    return REFUSE(UNSUPPORTED, "%s '%s' is %s, which Triton has no type for", side, t->name,
                  tftrt_dtype_name(t->dtype));
  if (!type || strcmp(type, right) != 0)
    return REFUSE(INVALID_ARG, "%s '%s' is configured as %s, the model has %s", side, t->name,
                  type ? type : "nothing", right);
  int rank = io_shape(io, batch, dims);
  if (t->rank == 0 && rank == 1 && dims[0] == 1) return NULL;
  bool fits = rank <= TFTRT_MAX_RANK && (t->rank < 0 || rank == t->rank);
  for (int i = 0; fits && i < rank && i < t->rank; i++)
    fits = dims[i] == t->dims[i] || t->dims[i] < 0 || (dims[i] < 0 && !(batch && i == 0));
  if (fits) return NULL;
  if (rank > TFTRT_MAX_RANK) rank = TFTRT_MAX_RANK;
  return REFUSE(INVALID_ARG, "%s '%s' is configured as %s%s, the model has %s", side, t->name,
                shape_text(dims, rank, ours, sizeof ours), batch ? " (the batch is its first)" : "",
                shape_text(t->dims, t->rank, theirs, sizeof theirs));
}

static fault_t check_side(const json_t *list, const char *side, const tensor_spec_t *specs, int n,
                          bool batch) {
  size_t i;
  json_t *io;
  json_array_foreach(list, i, io) {
    const char *name = json_string_value(json_object_get(io, "name"));
    int k = name ? spec_index(specs, n, name) : -1;
    if (k < 0) return REFUSE(INVALID_ARG, "the model has no %s '%s'", side, name ? name : "");
    CHECK(check_io(io, side, &specs[k], batch));
  }
  return NULL;
}

fault_t config_check(const json_t *config, const signature_t *s, int64_t *max_batch_size) {
  const json_t *inputs = json_object_get(config, "input");
  *max_batch_size = number_of(json_object_get(config, "max_batch_size"));
  bool batch = *max_batch_size > 0;
  for (int i = 0; i < s->n_inputs; i++)
    if (!find_io(inputs, s->inputs[i].name))
      return REFUSE(INVALID_ARG, "the model's input '%s' is not configured", s->inputs[i].name);
  CHECK(check_side(inputs, "input", s->inputs, s->n_inputs, batch));
  return check_side(json_object_get(config, "output"), "output", s->outputs, s->n_outputs, batch);
}

int config_instances(const json_t *config) {
  enum { MOST = 4096 };
  size_t i;
  json_t *group;
  int64_t n = 0;
  json_array_foreach(json_object_get(config, "instance_group"), i, group) {
    int64_t count = number_of(json_object_get(group, "count"));
    n += count < 1 ? 1 : count > MOST ? MOST : count;
  }
  return n < 1 ? 1 : n > MOST ? MOST : (int)n;
}
