// A model's configuration as Triton tells it, in JSON: completed for a signature, checked, its
// parameters read.
#include "../triton/config.h"
#include "../triton/parameters.h"
#include "fuzz.h"

// ---- what the server has for the backend: errors, and a log that nobody reads

struct TRITONSERVER_Error {
  char message[1024];
};

fault_t TRITONSERVER_ErrorNew(TRITONSERVER_Error_Code code, const char *message) {
  fault_t e = calloc(1, sizeof *e);
  (void)code;
  if (!e) abort();
  snprintf(e->message, sizeof e->message, "%s", message);
  return e;
}
void TRITONSERVER_ErrorDelete(fault_t e) { free(e); }
const char *TRITONSERVER_ErrorMessage(fault_t e) { return e->message; }
fault_t TRITONSERVER_LogMessage(TRITONSERVER_LogLevel level, const char *file, int line,
                                const char *message) {
  (void)level, (void)file, (void)line, (void)message;
  return NULL;
}

// ----

static void drop(fault_t f) {
  if (f) TRITONSERVER_ErrorDelete(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tensor_spec_t inputs[] = {{"image", TFTRT_FLOAT, 4, {-1, 28, 28, 1}},
                            {"text", TFTRT_STRING, 1, {-1}}};
  tensor_spec_t outputs[] = {{"classes", TFTRT_FLOAT, 2, {-1, 10}},
                             {"sum", TFTRT_INT64, 0, {0}},
                             {"any", TFTRT_FLOAT, -1, {0}},
                             {"complex", TFTRT_COMPLEX64, 1, {-1}}};
  if (!size) return 0;
  const signature_t s = {"serving_default", 1 + (data[0] & 1), 1 + (data[0] >> 1) % 4, inputs,
                         outputs};
  json_t *config;
  parameters_t p;
  int64_t batch;
  bool changed;
  fault_t f = config_parse((const char *)data + 1, size - 1, &config);
  if (!f) {
    drop(parameters_read(config, &p));
    parameters_free(&p);
    config_instances(config);
    drop(config_check(config, &s, &batch));
    f = config_complete(config, &s, (data[0] >> 3) % 9, "model/1", &changed);
    if (!f) f = config_check(config, &s, &batch);
    json_decref(config);
  }
  drop(f);
  return 0;
}
