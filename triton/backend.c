// The functions that Triton calls. State of a model: served_model_t; of an instance: instance_t.
#include "execute.h"
#include "model.h"

TRITONSERVER_Error *TRITONBACKEND_Initialize(TRITONBACKEND_Backend *backend) {
  (void)backend;
  uint32_t major, minor;
  CHECK(TRITONBACKEND_ApiVersion(&major, &minor));
  if (major != TRITONBACKEND_API_VERSION_MAJOR || minor < TRITONBACKEND_API_VERSION_MINOR)
    return REFUSE(UNSUPPORTED,
                  "tftrt needs Triton's backend API %d.%d or a later %d, this is %u.%u",
                  TRITONBACKEND_API_VERSION_MAJOR, TRITONBACKEND_API_VERSION_MINOR,
                  TRITONBACKEND_API_VERSION_MAJOR, major, minor);
  log_line(TRITONSERVER_LOG_INFO, "tftrt %s, backend API %u.%u", tftrt_version(), major, minor);
  return NULL;
}

TRITONSERVER_Error *TRITONBACKEND_Finalize(TRITONBACKEND_Backend *backend) {
  (void)backend;
  return NULL;
}

// One instance on the CPU where a configuration says nothing, with GPUs about, too.
TRITONSERVER_Error *TRITONBACKEND_GetBackendAttribute(TRITONBACKEND_Backend *backend,
                                                      TRITONBACKEND_BackendAttribute *attributes) {
  (void)backend;
  CHECK(TRITONBACKEND_BackendAttributeAddPreferredInstanceGroup(
      attributes, TRITONSERVER_INSTANCEGROUPKIND_CPU, 0, NULL, 0));
  return TRITONBACKEND_BackendAttributeSetParallelModelInstanceLoading(attributes, true);
}

TRITONSERVER_Error *TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model *model) {
  served_model_t *m;
  CHECK(served_model_load(model, &m));
  fault_t f = TRITONBACKEND_ModelSetState(model, m);
  if (f) served_model_unload(m);
  return f;
}

TRITONSERVER_Error *TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model *model) {
  void *m;
  CHECK(TRITONBACKEND_ModelState(model, &m));
  served_model_unload(m);
  return NULL;
}

TRITONSERVER_Error *TRITONBACKEND_ModelInstanceInitialize(TRITONBACKEND_ModelInstance *instance) {
  TRITONBACKEND_Model *model;
  TRITONSERVER_InstanceGroupKind kind;
  void *m;
  CHECK(TRITONBACKEND_ModelInstanceModel(instance, &model));
  CHECK(TRITONBACKEND_ModelState(model, &m));
  CHECK(TRITONBACKEND_ModelInstanceKind(instance, &kind));
  if (kind == TRITONSERVER_INSTANCEGROUPKIND_GPU)
    return REFUSE(INVALID_ARG, "tftrt runs on CPUs: instance_group must be of KIND_CPU");
  instance_t *i = instance_create(instance, m);
  fault_t f = TRITONBACKEND_ModelInstanceSetState(instance, i);
  if (f) instance_destroy(i);
  return f;
}

TRITONSERVER_Error *TRITONBACKEND_ModelInstanceFinalize(TRITONBACKEND_ModelInstance *instance) {
  void *i;
  CHECK(TRITONBACKEND_ModelInstanceState(instance, &i));
  instance_destroy(i);
  return NULL;
}

TRITONSERVER_Error *TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance *instance,
                                                       TRITONBACKEND_Request **requests,
                                                       uint32_t n) {
  void *i;
  CHECK(TRITONBACKEND_ModelInstanceState(instance, &i));
  execute(i, requests, n);
  return NULL;
}
