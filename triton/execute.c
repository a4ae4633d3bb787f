#define _POSIX_C_SOURCE 199309L  // clock_gettime
#include "execute.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bytes.h"
#include "gather.h"
#include "types.h"

struct instance {
  TRITONBACKEND_ModelInstance *handle;
  served_model_t *model;
  room_t *rooms;  // one for each input
  tftrt_tensor *inputs, *outputs;
};

typedef struct times {
  uint64_t exec_start, compute_start, compute_end;
} times_t;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

instance_t *instance_create(TRITONBACKEND_ModelInstance *handle, served_model_t *model) {
  instance_t *i = get_memory(1, sizeof *i);
  i->handle = handle;
  i->model = model;
  i->rooms = get_memory((size_t)model->signature.n_inputs, sizeof *i->rooms);
  i->inputs = get_memory((size_t)model->signature.n_inputs, sizeof *i->inputs);
  i->outputs = get_memory((size_t)model->signature.n_outputs, sizeof *i->outputs);
  return i;
}

void instance_destroy(instance_t *i) {
  if (!i) return;
  for (int k = 0; k < i->model->signature.n_inputs; k++) room_free(&i->rooms[k]);
  free(i->rooms);
  free(i->inputs);
  free(i->outputs);
  free(i);
}

// ------------------------------------------------------------------ answers

static fault_t output_room(TRITONBACKEND_Response *response, const tensor_spec_t *spec,
                           const tftrt_tensor *t, int64_t rows, size_t size, void **room) {
  int64_t shape[TFTRT_MAX_RANK];
  TRITONBACKEND_Output *output;
  TRITONSERVER_MemoryType memory = TRITONSERVER_MEMORY_CPU;
  int64_t memory_id = 0;
  memcpy(shape, t->dims, sizeof shape);
  if (t->rank == 0) shape[0] = 1;  // a scalar is [1]: see config.c
  if (rows >= 0) shape[0] = rows;
  CHECK(TRITONBACKEND_ResponseOutput(response, &output, spec->name, triton_type(t->dtype), shape,
                                     t->rank ? (uint32_t)t->rank : 1));
  CHECK(TRITONBACKEND_OutputBuffer(output, room, size, &memory, &memory_id));
  if (memory == TRITONSERVER_MEMORY_GPU)
    return REFUSE(UNSUPPORTED,
                  "output '%s' is asked for in a GPU's memory, which tftrt does not write",
                  spec->name);
  return NULL;
}

// A call's rows of an output; rows -1: all of it.
static fault_t add_output(TRITONBACKEND_Response *response, const tensor_spec_t *spec,
                          const tftrt_tensor *t, int64_t first, int64_t rows) {
  size_t element = tftrt_dtype_size(t->dtype), elements = t->bytes / element, at = 0;
  if (rows >= 0) {
    size_t row = t->dims[0] ? elements / (size_t)t->dims[0] : 0;
    at = row * (size_t)first;
    elements = row * (size_t)rows;
  }
  void *room;
  if (t->dtype == TFTRT_STRING) {
    const tftrt_string *strings = (const tftrt_string *)t->data + at;
    size_t size;
    if (!bytes_size(strings, elements, &size))
      return REFUSE(UNSUPPORTED, "output '%s' has a string of 4 GiB or more", spec->name);
    CHECK(output_room(response, spec, t, rows, size, &room));
    bytes_write(strings, elements, room);
    return NULL;
  }
  CHECK(output_room(response, spec, t, rows, elements * element, &room));
  if (elements) memcpy(room, (const char *)t->data + at * element, elements * element);
  return NULL;
}

// The k-th output that a request wants, as an index of the signature's outputs.
static fault_t wanted_output(const instance_t *i, const call_t *c, uint32_t k, int *out) {
  const char *name;
  const signature_t *s = &i->model->signature;
  CHECK(TRITONBACKEND_RequestOutputName(c->request, k, &name));
  *out = spec_index(s->outputs, s->n_outputs, name);
  return *out >= 0 ? NULL : REFUSE(NOT_FOUND, "the model has no output '%s'", name);
}

static fault_t add_outputs(const instance_t *i, const call_t *c, TRITONBACKEND_Response *response,
                           int64_t first, int64_t rows) {
  uint32_t n;
  CHECK(TRITONBACKEND_RequestOutputCount(c->request, &n));
  for (uint32_t k = 0; k < n; k++) {
    int at;
    CHECK(wanted_output(i, c, k, &at));
    CHECK(add_output(response, &i->model->signature.outputs[at], &i->outputs[at], first, rows));
  }
  return NULL;
}

// Sends what a call gets, an error when there is one, and releases its request.
static void answer(instance_t *i, call_t *c, fault_t f, int64_t first, int64_t rows,
                   const times_t *t) {
  TRITONBACKEND_Response *response = NULL;
  fault_t unsent = TRITONBACKEND_ResponseNew(&response, c->request);
  if (!f && !unsent) f = add_outputs(i, c, response, first, rows);
  bool success = !f && !unsent;
  if (!unsent)
    unsent = TRITONBACKEND_ResponseSend(response, TRITONSERVER_RESPONSE_COMPLETE_FINAL, f);
  if (f) TRITONSERVER_ErrorDelete(f);
  drop_error(unsent);
  drop_error(TRITONBACKEND_ModelInstanceReportStatistics(
      i->handle, c->request, success, t->exec_start, t->compute_start, t->compute_end, now()));
  drop_error(TRITONBACKEND_RequestRelease(c->request, TRITONSERVER_REQUEST_RELEASE_ALL));
  c->answered = true;
}

// ------------------------------------------------------------------ runs

static fault_t gather(instance_t *i, call_t *const *calls, int n) {
  const served_model_t *m = i->model;
  for (int k = 0; k < m->signature.n_inputs; k++)
    CHECK(gather_input(calls, n, k, &m->signature.inputs[k], m->max_batch_size > 0, &i->rooms[k],
                       &i->inputs[k]));
  return NULL;
}

static fault_t run(instance_t *i, call_t *const *calls, int n, times_t *t) {
  const signature_t *s = &i->model->signature;
  tftrt_error e = TFTRT_ERROR_INIT;
  CHECK(gather(i, calls, n));
  t->compute_start = now();
  tftrt_code code =
      tftrt_model_run(i->model->m, s->key, i->inputs, s->n_inputs, i->outputs, s->n_outputs, &e);
  t->compute_end = now();
  return library_error(code, &e);
}

static void release_outputs(instance_t *i) {
  for (int k = 0; k < i->model->signature.n_outputs; k++) tftrt_tensor_release(&i->outputs[k]);
}

// Whether the outputs that calls want can be split among them.
static bool splits(const instance_t *i, call_t *const *calls, int n, int64_t rows) {
  for (int c = 0; c < n; c++) {
    uint32_t wanted = 0;
    drop_error(TRITONBACKEND_RequestOutputCount(calls[c]->request, &wanted));
    for (uint32_t k = 0; k < wanted; k++) {
      int at = -1;
      fault_t f = wanted_output(i, calls[c], k, &at);
      if (f) TRITONSERVER_ErrorDelete(f);  // told when the call is answered
      if (at < 0 || (i->outputs[at].rank > 0 && i->outputs[at].dims[0] == rows)) continue;
      if (!atomic_exchange(&i->model->rows_are_no_batch, true))
        log_line(TRITONSERVER_LOG_WARN,
                 "%s: the first dim of output '%s' is not the batch: requests are run one by one; "
                 "configure max_batch_size 0",
                 i->model->name, i->model->signature.outputs[at].name);
      return false;
    }
  }
  return true;
}

static void report_batch(instance_t *i, int64_t rows, const times_t *t) {
  drop_error(TRITONBACKEND_ModelInstanceReportBatchStatistics(
      i->handle, (uint64_t)rows, t->exec_start, t->compute_start, t->compute_end, now()));
}

static void run_alone(instance_t *i, call_t *c, uint64_t exec_start) {
  times_t t = {exec_start, exec_start, exec_start};
  fault_t f = run(i, &c, 1, &t);
  bool ran = !f;
  answer(i, c, f, 0, -1, &t);
  if (ran) report_batch(i, c->rows, &t);
  release_outputs(i);
}

static void run_together(instance_t *i, call_t *const *calls, int n, uint64_t exec_start) {
  times_t t = {exec_start, exec_start, exec_start};
  int64_t rows = 0, first = 0;
  for (int c = 0; c < n; c++) rows += calls[c]->rows;
  fault_t f = n > 1 ? run(i, calls, n, &t) : NULL;
  if (n == 1 || f || !splits(i, calls, n, rows)) {
    if (f) TRITONSERVER_ErrorDelete(f);
    release_outputs(i);
    for (int c = 0; c < n; c++) run_alone(i, calls[c], exec_start);
    return;
  }
  for (int c = 0; c < n; c++) {
    answer(i, calls[c], NULL, first, calls[c]->rows, &t);
    first += calls[c]->rows;
  }
  report_batch(i, rows, &t);
  release_outputs(i);
}

// Whether a request is to be run; else it is answered here.
static bool read_call(instance_t *i, call_t *c, uint64_t exec_start) {
  times_t t = {exec_start, exec_start, exec_start};
  bool cancelled = false;
  fault_t f = TRITONBACKEND_RequestIsCancelled(c->request, &cancelled);
  if (!f && cancelled) f = REFUSE(CANCELLED, "the request was cancelled");
  if (!f) f = call_read(c, &i->model->signature, i->model->max_batch_size > 0);
  if (f) answer(i, c, f, 0, -1, &t);
  return !f;
}

static int collect(instance_t *i, call_t *calls, int n, int first, call_t **group) {
  int size = 0;
  bool one = i->model->max_batch_size <= 0 || atomic_load(&i->model->rows_are_no_batch);
  for (int c = first; c < n && !(one && size); c++)
    if (!calls[c].answered && calls_fit(&calls[first], &calls[c], i->model->signature.n_inputs))
      group[size++] = &calls[c];
  return size;
}

void execute(instance_t *i, TRITONBACKEND_Request **requests, uint32_t n_requests) {
  uint64_t exec_start = now();
  int n = (int)n_requests;
  int n_inputs = i->model->signature.n_inputs;
  call_t *calls = get_memory(n_requests, sizeof *calls);
  call_t **group = get_memory(n_requests, sizeof(call_t *));
  input_part_t *parts = get_memory(n_requests, (size_t)n_inputs * sizeof *parts);
  for (int c = 0; c < n; c++) {
    calls[c] = (call_t){.request = requests[c], .inputs = parts + (size_t)c * (size_t)n_inputs};
    read_call(i, &calls[c], exec_start);
  }
  for (int c = 0; c < n; c++)
    if (!calls[c].answered) run_together(i, group, collect(i, calls, n, c, group), exec_start);
  free(parts);
  free(group);
  free(calls);
}
