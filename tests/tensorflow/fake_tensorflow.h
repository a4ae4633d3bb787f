// A small TensorFlow for the plug-in's tests: the functions of the C API that tensorflow/c_api.h
// lists, exported by the test's program, where the plug-in finds them. It keeps what is registered,
// and runs one kernel at a time for a thread, as TensorFlow's executor does for many.
#ifndef TFTRT_TESTS_FAKE_TENSORFLOW_H
#define TFTRT_TESTS_FAKE_TENSORFLOW_H

#include "../../tensorflow/c_api.h"

#define FAKE_DECLARATION(type, name, args) type name args;
TF_FUNCTIONS(FAKE_DECLARATION)
#undef FAKE_DECLARATION

// Ops that TensorFlow is to have before the plug-in is loaded: a serialised OpList.
void fake_set_op_list(const void *data, size_t size);
// What was registered: counts, and an op's attributes, inputs and outputs, one a line.
int fake_ops(void);
int fake_kernels(void);
const char *fake_op_text(const char *op);  // NULL: not registered
// What its shape function says: "unknown", "scalar", "" (nothing).
const char *fake_op_shape(const char *op);

typedef struct fake_kernel fake_kernel_t;
// A kernel of the node, or NULL, and *message.
fake_kernel_t *fake_kernel_create(const char *op, const void *node_def, size_t size,
                                  const char **message);
void fake_kernel_destroy(fake_kernel_t *k);
// One run: the inputs stay the caller's, the outputs become its. 0, or TensorFlow's code, and the
// message in `message` (256 bytes). Any thread.
int fake_run(fake_kernel_t *k, TF_Tensor *const *in, int n_in, TF_Tensor **out, int n_out,
             const void *library, size_t library_size, char *message);

TF_Tensor *fake_string(const char *text);  // of a DT_STRING scalar
const char *fake_handle_name(const TF_Tensor *resource);
int fake_tensors(void);  // that are alive, with buffers, statuses, ops and handles

#endif
