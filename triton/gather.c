#include "gather.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "types.h"

enum { ALIGNMENT = 64 };  // with which engines read a tensor where it is

void room_free(room_t *r) {
  free(r->data);
  free(r->strings);
  *r = (room_t){0};
}

static fault_t grow(void **data, size_t *have, size_t want) {
  if (want <= *have && *data) return NULL;
  if (want > SIZE_MAX - ALIGNMENT) return REFUSE(UNAVAILABLE, "a batch is too large");
  size_t size = (want + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
  free(*data);
  *have = 0;
  *data = aligned_alloc(ALIGNMENT, size);
  if (!*data) return REFUSE(UNAVAILABLE, "there is no memory for a batch of %zu bytes", size);
  *have = size;
  return NULL;
}

static bool count_elements(const int64_t *shape, int rank, size_t size, size_t *elements) {
  size_t n = 1, bytes;
  for (int i = 0; i < rank; i++)
    if (shape[i] < 0 || __builtin_mul_overflow(n, (size_t)shape[i], &n)) return false;
  *elements = n;
  return !__builtin_mul_overflow(n, size, &bytes);
}

static fault_t read_input(call_t *c, const tensor_spec_t *spec, input_part_t *p) {
  char text[256];
  TRITONSERVER_DataType type;
  uint32_t rank;
  uint64_t bytes;
  CHECK(TRITONBACKEND_RequestInput(c->request, spec->name, &p->handle));
  CHECK(TRITONBACKEND_InputProperties(p->handle, NULL, &type, &p->shape, &rank, &bytes,
                                      &p->n_buffers));
  if (type != triton_type(spec->dtype))
    return REFUSE(INVALID_ARG, "input '%s': the model wants %s, the request has another data type",
                  spec->name, tftrt_dtype_name(spec->dtype));
  if (rank > TFTRT_MAX_RANK)
    return REFUSE(INVALID_ARG, "input '%s' has %u dims, more than %d", spec->name, rank,
                  TFTRT_MAX_RANK);
  // A scalar comes as [1]: see config.c.
  p->rank = spec->rank == 0 && rank == 1 && p->shape[0] == 1 ? 0 : (int)rank;
  p->bytes = (size_t)bytes;
  bool text_type = spec->dtype == TFTRT_STRING;
  size_t size = text_type ? 4 : tftrt_dtype_size(spec->dtype);
  if (!count_elements(p->shape, p->rank, size, &p->elements) ||
      (text_type ? p->bytes < p->elements * size : p->bytes != p->elements * size))
    return REFUSE(INVALID_ARG, "input '%s' of shape %s has %zu bytes, which is not its size",
                  spec->name, shape_text(p->shape, p->rank, text, sizeof text), p->bytes);
  return NULL;
}

fault_t call_read(call_t *c, const signature_t *s, bool batch) {
  c->rows = 1;
  for (int k = 0; k < s->n_inputs; k++) {
    input_part_t *p = &c->inputs[k];
    CHECK(read_input(c, &s->inputs[k], p));
    if (!batch) continue;
    if (p->rank < 1 || (k && p->shape[0] != c->rows))
      return REFUSE(INVALID_ARG, "input '%s' has another batch size than '%s'", s->inputs[k].name,
                    s->inputs[0].name);
    c->rows = p->shape[0];
  }
  return NULL;
}

bool calls_fit(const call_t *a, const call_t *b, int n_inputs) {
  for (int k = 0; k < n_inputs; k++) {
    const input_part_t *p = &a->inputs[k], *q = &b->inputs[k];
    if (p->rank != q->rank) return false;
    for (int d = 1; d < p->rank; d++)
      if (p->shape[d] != q->shape[d]) return false;
  }
  return true;
}

static fault_t read_buffer(const input_part_t *p, const char *name, uint32_t i, const void **buffer,
                           size_t *size) {
  TRITONSERVER_MemoryType type = TRITONSERVER_MEMORY_CPU;
  int64_t id = 0;
  uint64_t bytes;
  CHECK(TRITONBACKEND_InputBuffer(p->handle, i, buffer, &bytes, &type, &id));
  if (type == TRITONSERVER_MEMORY_GPU)
    return REFUSE(UNSUPPORTED, "input '%s' is in a GPU's memory, which tftrt does not read", name);
  *size = (size_t)bytes;
  return NULL;
}

static fault_t copy_input(const input_part_t *p, const char *name, char *to) {
  size_t at = 0;
  for (uint32_t i = 0; i < p->n_buffers; i++) {
    const void *buffer;
    size_t size;
    CHECK(read_buffer(p, name, i, &buffer, &size));
    if (size > p->bytes - at)
      return REFUSE(INTERNAL, "input '%s' has more bytes than it says", name);
    if (size) memcpy(to + at, buffer, size);
    at += size;
  }
  return at == p->bytes ? NULL : REFUSE(INTERNAL, "input '%s' has fewer bytes than it says", name);
}

static fault_t gather_bytes(call_t *const *calls, int n, int k, const char *name, room_t *r,
                            const void **out, size_t *total) {
  const input_part_t *only = &calls[0]->inputs[k];
  *total = 0;
  for (int i = 0; i < n; i++)
    if (__builtin_add_overflow(*total, calls[i]->inputs[k].bytes, total))
      return REFUSE(INVALID_ARG, "input '%s': the batch is too large", name);
  if (n == 1 && only->n_buffers == 1) {
    size_t size;
    CHECK(read_buffer(only, name, 0, out, &size));
    if (size == only->bytes) return NULL;
    return REFUSE(INTERNAL, "input '%s' has other bytes than it says", name);
  }
  CHECK(grow(&r->data, &r->size, *total));
  char *to = r->data;
  for (int i = 0; i < n; i++) {
    CHECK(copy_input(&calls[i]->inputs[k], name, to));
    to += calls[i]->inputs[k].bytes;
  }
  *out = r->data;
  return NULL;
}

// The gathered bytes of a string input as strings.
static fault_t parse_strings(call_t *const *calls, int n, int k, const char *name, const char *from,
                             room_t *r, tftrt_tensor *t) {
  size_t elements = 0;
  for (int i = 0; i < n; i++) elements += calls[i]->inputs[k].elements;
  t->bytes = elements * sizeof(tftrt_string);
  CHECK(grow(&r->strings, &r->strings_size, t->bytes));
  tftrt_string *to = t->data = r->strings;
  for (int i = 0; i < n; i++) {
    const input_part_t *p = &calls[i]->inputs[k];
    if (!bytes_parse(from, p->bytes, p->elements, to))
      return REFUSE(INVALID_ARG, "input '%s': its %zu bytes are not %zu strings", name, p->bytes,
                    p->elements);
    from += p->bytes;
    to += p->elements;
  }
  return NULL;
}

fault_t gather_input(call_t *const *calls, int n, int k, const tensor_spec_t *spec, bool batch,
                     room_t *r, tftrt_tensor *out) {
  const input_part_t *first = &calls[0]->inputs[k];
  const void *data = NULL;
  *out = (tftrt_tensor){.dtype = spec->dtype, .rank = first->rank};
  for (int d = 0; d < first->rank; d++) out->dims[d] = first->shape[d];
  for (int i = 1; batch && i < n; i++) out->dims[0] += calls[i]->rows;
  CHECK(gather_bytes(calls, n, k, spec->name, r, &data, &out->bytes));
  if (spec->dtype == TFTRT_STRING) return parse_strings(calls, n, k, spec->name, data, r, out);
  out->data = (void *)(uintptr_t)data;
  return NULL;
}
