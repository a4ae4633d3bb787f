#include "fake_triton.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef TRITONSERVER_Error *result_t;

atomic_int fake_errors;
TRITONSERVER_MemoryType fake_output_memory = TRITONSERVER_MEMORY_CPU;

result_t TRITONSERVER_ErrorNew(TRITONSERVER_Error_Code code, const char *message) {
  result_t e = calloc(1, sizeof *e);
  e->code = code;
  snprintf(e->message, sizeof e->message, "%s", message);
  fake_errors++;
  return e;
}

void TRITONSERVER_ErrorDelete(result_t error) {
  fake_errors--;
  free(error);
}

const char *TRITONSERVER_ErrorMessage(result_t error) { return error->message; }

result_t TRITONSERVER_LogMessage(TRITONSERVER_LogLevel level, const char *file, int line,
                                 const char *message) {
  (void)level, (void)file, (void)line;
  printf("log: %s\n", message);
  return NULL;
}

result_t TRITONSERVER_MessageNewFromSerializedJson(TRITONSERVER_Message **message, const char *base,
                                                   size_t bytes) {
  *message = calloc(1, sizeof **message);
  (*message)->json = strndup(base, bytes);
  return NULL;
}

result_t TRITONSERVER_MessageSerializeToJson(TRITONSERVER_Message *message, const char **base,
                                             size_t *bytes) {
  *base = message->json;
  *bytes = strlen(message->json);
  return NULL;
}

result_t TRITONSERVER_MessageDelete(TRITONSERVER_Message *message) {
  free(message->json);
  free(message);
  return NULL;
}

// ------------------------------------------------------------------ backend, model, instance

result_t TRITONBACKEND_ApiVersion(uint32_t *major, uint32_t *minor) {
  *major = TRITONBACKEND_API_VERSION_MAJOR;
  *minor = TRITONBACKEND_API_VERSION_MINOR;
  return NULL;
}

result_t TRITONBACKEND_BackendConfig(TRITONBACKEND_Backend *backend,
                                     TRITONSERVER_Message **config) {
  *config = &backend->config;
  return NULL;
}

result_t TRITONBACKEND_BackendAttributeAddPreferredInstanceGroup(
    TRITONBACKEND_BackendAttribute *attributes, TRITONSERVER_InstanceGroupKind kind, uint64_t count,
    const uint64_t *device_ids, uint64_t n_device_ids) {
  (void)attributes, (void)kind, (void)count, (void)device_ids, (void)n_device_ids;
  return NULL;
}

result_t TRITONBACKEND_BackendAttributeSetParallelModelInstanceLoading(
    TRITONBACKEND_BackendAttribute *attributes, bool enabled) {
  (void)attributes, (void)enabled;
  return NULL;
}

result_t TRITONBACKEND_ModelName(TRITONBACKEND_Model *model, const char **name) {
  *name = model->name;
  return NULL;
}

result_t TRITONBACKEND_ModelVersion(TRITONBACKEND_Model *model, uint64_t *version) {
  (void)model;
  *version = 1;
  return NULL;
}

result_t TRITONBACKEND_ModelRepository(TRITONBACKEND_Model *model, TRITONBACKEND_ArtifactType *type,
                                       const char **location) {
  *type = TRITONBACKEND_ARTIFACT_FILESYSTEM;
  *location = model->repository;
  return NULL;
}

result_t TRITONBACKEND_ModelConfig(TRITONBACKEND_Model *model, uint32_t config_version,
                                   TRITONSERVER_Message **config) {
  (void)config_version;
  return TRITONSERVER_MessageNewFromSerializedJson(config, model->config, strlen(model->config));
}

result_t TRITONBACKEND_ModelAutoCompleteConfig(TRITONBACKEND_Model *model, bool *auto_complete) {
  *auto_complete = model->auto_complete;
  return NULL;
}

result_t TRITONBACKEND_ModelSetConfig(TRITONBACKEND_Model *model, uint32_t config_version,
                                      TRITONSERVER_Message *config) {
  (void)config_version;
  free(model->config);
  model->config = strdup(config->json);
  return NULL;
}

result_t TRITONBACKEND_ModelBackend(TRITONBACKEND_Model *model, TRITONBACKEND_Backend **backend) {
  *backend = model->backend;
  return NULL;
}

result_t TRITONBACKEND_ModelState(TRITONBACKEND_Model *model, void **state) {
  *state = model->state;
  return NULL;
}

result_t TRITONBACKEND_ModelSetState(TRITONBACKEND_Model *model, void *state) {
  model->state = state;
  return NULL;
}

result_t TRITONBACKEND_ModelInstanceKind(TRITONBACKEND_ModelInstance *instance,
                                         TRITONSERVER_InstanceGroupKind *kind) {
  *kind = instance->kind;
  return NULL;
}

result_t TRITONBACKEND_ModelInstanceModel(TRITONBACKEND_ModelInstance *instance,
                                          TRITONBACKEND_Model **model) {
  *model = instance->model;
  return NULL;
}

result_t TRITONBACKEND_ModelInstanceState(TRITONBACKEND_ModelInstance *instance, void **state) {
  *state = instance->state;
  return NULL;
}

result_t TRITONBACKEND_ModelInstanceSetState(TRITONBACKEND_ModelInstance *instance, void *state) {
  instance->state = state;
  return NULL;
}

result_t TRITONBACKEND_ModelInstanceReportStatistics(TRITONBACKEND_ModelInstance *instance,
                                                     TRITONBACKEND_Request *request, bool success,
                                                     uint64_t exec_start, uint64_t compute_start,
                                                     uint64_t compute_end, uint64_t exec_end) {
  bool ordered = exec_start && exec_start <= compute_start && compute_start <= compute_end &&
                 compute_end <= exec_end;
  if (request->released || !ordered)
    return TRITONSERVER_ErrorNew(TRITONSERVER_ERROR_INTERNAL, "statistics make no sense");
  *(success ? &instance->succeeded : &instance->failed) += 1;
  return NULL;
}

result_t TRITONBACKEND_ModelInstanceReportBatchStatistics(TRITONBACKEND_ModelInstance *instance,
                                                          uint64_t batch_size, uint64_t exec_start,
                                                          uint64_t compute_start,
                                                          uint64_t compute_end, uint64_t exec_end) {
  (void)exec_start, (void)compute_start, (void)compute_end, (void)exec_end;
  instance->runs++;
  instance->rows += batch_size;
  return NULL;
}

// ------------------------------------------------------------------ requests and responses

result_t TRITONBACKEND_RequestIsCancelled(TRITONBACKEND_Request *request, bool *is_cancelled) {
  *is_cancelled = request->cancelled;
  return NULL;
}

result_t TRITONBACKEND_RequestInput(TRITONBACKEND_Request *request, const char *name,
                                    TRITONBACKEND_Input **input) {
  for (int i = 0; i < request->n_inputs; i++) {
    *input = &request->inputs[i];
    if (strcmp(request->inputs[i].name, name) == 0) return NULL;
  }
  return TRITONSERVER_ErrorNew(TRITONSERVER_ERROR_INVALID_ARG, name);
}

result_t TRITONBACKEND_RequestOutputCount(TRITONBACKEND_Request *request, uint32_t *count) {
  *count = request->n_outputs;
  return NULL;
}

result_t TRITONBACKEND_RequestOutputName(TRITONBACKEND_Request *request, uint32_t index,
                                         const char **name) {
  *name = request->outputs[index];
  return NULL;
}

result_t TRITONBACKEND_RequestRelease(TRITONBACKEND_Request *request, uint32_t flags) {
  if (flags != TRITONSERVER_REQUEST_RELEASE_ALL || request->released)
    return TRITONSERVER_ErrorNew(TRITONSERVER_ERROR_INTERNAL, "released twice");
  request->released = true;
  return NULL;
}

result_t TRITONBACKEND_InputProperties(TRITONBACKEND_Input *input, const char **name,
                                       TRITONSERVER_DataType *datatype, const int64_t **shape,
                                       uint32_t *dims_count, uint64_t *byte_size,
                                       uint32_t *buffer_count) {
  if (name) *name = input->name;
  *datatype = input->type;
  *shape = input->shape;
  *dims_count = input->rank;
  *byte_size = input->bytes;
  *buffer_count = input->n_buffers;
  return NULL;
}

result_t TRITONBACKEND_InputBuffer(TRITONBACKEND_Input *input, uint32_t index, const void **buffer,
                                   uint64_t *buffer_byte_size, TRITONSERVER_MemoryType *memory_type,
                                   int64_t *memory_type_id) {
  *buffer = input->buffers[index].data;
  *buffer_byte_size = input->buffers[index].size;
  *memory_type = input->memory;
  *memory_type_id = 0;
  return NULL;
}

result_t TRITONBACKEND_ResponseNew(TRITONBACKEND_Response **response,
                                   TRITONBACKEND_Request *request) {
  if (request->response)
    return TRITONSERVER_ErrorNew(TRITONSERVER_ERROR_INTERNAL, "answered twice");
  *response = request->response = calloc(1, sizeof **response);
  return NULL;
}

result_t TRITONBACKEND_ResponseOutput(TRITONBACKEND_Response *response,
                                      TRITONBACKEND_Output **output, const char *name,
                                      TRITONSERVER_DataType datatype, const int64_t *shape,
                                      uint32_t dims_count) {
  TRITONBACKEND_Output *o = *output = &response->outputs[response->n_outputs++];
  snprintf(o->name, sizeof o->name, "%s", name);
  o->type = datatype;
  o->rank = dims_count;
  memcpy(o->shape, shape, dims_count * sizeof *shape);
  return NULL;
}

result_t TRITONBACKEND_OutputBuffer(TRITONBACKEND_Output *output, void **buffer,
                                    uint64_t buffer_byte_size, TRITONSERVER_MemoryType *memory_type,
                                    int64_t *memory_type_id) {
  *buffer = output->data = malloc(buffer_byte_size + 1);
  output->size = buffer_byte_size;
  *memory_type = fake_output_memory;
  *memory_type_id = 0;
  return NULL;
}

result_t TRITONBACKEND_ResponseSend(TRITONBACKEND_Response *response, uint32_t flags,
                                    result_t error) {
  (void)flags;
  if (!error) return NULL;
  response->code = error->code;
  memcpy(response->error, error->message, sizeof response->error);
  return NULL;
}

void fake_request_free(TRITONBACKEND_Request *r) {
  if (!r->response) return;
  for (int i = 0; i < r->response->n_outputs; i++) free(r->response->outputs[i].data);
  free(r->response);
  r->response = NULL;
  r->released = false;
}

const TRITONBACKEND_Output *fake_output(const TRITONBACKEND_Request *r, const char *name) {
  for (int i = 0; r->response && i < r->response->n_outputs; i++)
    if (strcmp(r->response->outputs[i].name, name) == 0) return &r->response->outputs[i];
  return NULL;
}
