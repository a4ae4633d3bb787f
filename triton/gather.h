// The inputs of requests as the tensors of one run.
#ifndef TFTRT_TRITON_GATHER_H
#define TFTRT_TRITON_GATHER_H

#include "signature.h"

// One request while it is executed.
typedef struct input_part {
  TRITONBACKEND_Input *handle;
  const int64_t *shape;
  int rank;
  size_t elements, bytes;
  uint32_t n_buffers;
} input_part_t;

typedef struct call {
  TRITONBACKEND_Request *request;
  input_part_t *inputs;  // in the signature's order
  int64_t rows;          // of the batch; 1 without one
  bool answered;
} call_t;

// Memory for one input of a run: grown as needed, kept for the next.
typedef struct room {
  void *data, *strings;
  size_t size, strings_size;
} room_t;
void room_free(room_t *r);

// Reads what inputs a request has. INVALID_ARG names one that is missing, of another dtype, of a
// size that is not its shape's, or of another batch than the first.
fault_t call_read(call_t *c, const signature_t *s, bool batch);
// Whether both can be of one run: equal shapes behind the first dim.
bool calls_fit(const call_t *a, const call_t *b, int n_inputs);
// Input k of n calls as one tensor: the memory of the only call where it is in one piece, else a
// copy in *r.
fault_t gather_input(call_t *const *calls, int n, int k, const tensor_spec_t *spec, bool batch,
                     room_t *r, tftrt_tensor *out);

#endif
