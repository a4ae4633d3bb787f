// The server's side of Triton's backend API, as much of it as the backend calls, over plain structs
// that a test fills and looks into. Memory is freed by fake_... functions.
#ifndef TESTS_TRITON_FAKE_TRITON_H
#define TESTS_TRITON_FAKE_TRITON_H

#include <jansson.h>
#include <stdatomic.h>

#include "triton_api.h"

enum { FAKE_MAX = 8 };

struct TRITONSERVER_Error {
  TRITONSERVER_Error_Code code;
  char message[1024];
};
struct TRITONSERVER_Message {
  char *json;
};
struct TRITONBACKEND_Backend {
  TRITONSERVER_Message config;
};
struct TRITONBACKEND_Model {
  TRITONBACKEND_Backend *backend;
  const char *name, *repository;
  char *config;  // as JSON; set anew when it is completed
  bool auto_complete;
  void *state;
};
struct TRITONBACKEND_ModelInstance {
  TRITONBACKEND_Model *model;
  TRITONSERVER_InstanceGroupKind kind;
  void *state;
  int succeeded, failed, runs;  // as reported
  uint64_t rows;
};
struct TRITONBACKEND_Input {
  const char *name;
  TRITONSERVER_DataType type;
  int64_t shape[FAKE_MAX];
  uint32_t rank;
  uint64_t bytes;  // that it says it has
  struct {
    const void *data;
    uint64_t size;
  } buffers[FAKE_MAX];
  uint32_t n_buffers;
  TRITONSERVER_MemoryType memory;
};
struct TRITONBACKEND_Output {
  char name[64];
  TRITONSERVER_DataType type;
  int64_t shape[FAKE_MAX];
  uint32_t rank;
  void *data;
  uint64_t size;
};
struct TRITONBACKEND_Response {
  TRITONBACKEND_Output outputs[FAKE_MAX];
  int n_outputs;
  char error[1024];  // "": none
  TRITONSERVER_Error_Code code;
};
struct TRITONBACKEND_Request {
  TRITONBACKEND_Input inputs[FAKE_MAX];
  int n_inputs;
  const char *outputs[FAKE_MAX];  // wanted
  uint32_t n_outputs;
  bool cancelled;
  TRITONBACKEND_Response *response;  // once it was sent
  bool released;
};

extern atomic_int fake_errors;  // error objects that nobody has deleted
extern TRITONSERVER_MemoryType fake_output_memory;
void fake_request_free(TRITONBACKEND_Request *r);  // the answer, not r
const TRITONBACKEND_Output *fake_output(const TRITONBACKEND_Request *r, const char *name);

#endif
