// Inputs of a signature from npz files or made up for given shapes.
#ifndef TFTRT_CLI_INPUTS_H
#define TFTRT_CLI_INPUTS_H

#include "cli.h"

enum { MAX_INPUTS = 256 };

// One input, by its name.
tftrt_code input_from_arrays(const tftrt_arrays *a, const tftrt_tensor_info *info,
                             tftrt_tensor *input, tftrt_error *e);
// Takes each input of the signature by name from the arrays. Tensors are borrowed.
tftrt_code inputs_from_arrays(const tftrt_model *m, const char *signature, const tftrt_arrays *a,
                              tftrt_tensor *inputs, int *n, tftrt_error *e);
// Inputs with shapes "NAME=1x224x224x3" (others: unknown dims are 1), filled with small
// pseudo-random numbers, ints with 0 and 1. free_inputs when done.
tftrt_code inputs_made_up(const tftrt_model *m, const char *signature, const list_t *shapes,
                          tftrt_tensor *inputs, int *n, tftrt_error *e);
void free_made_up(tftrt_tensor *inputs, int n);

#endif
