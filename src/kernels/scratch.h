// Per-thread scratch memory of the kernels: it grows to the largest block asked for and stays with
// the thread until the thread ends, so that steady-state runs allocate nothing. For sizes that the
// kernels' own blocking decides (packing panels), never for sizes of a model.
#ifndef TFTRT_KERNELS_SCRATCH_H
#define TFTRT_KERNELS_SCRATCH_H

#include <stddef.h>

typedef enum scratch_slot {
  SCRATCH_GEMM_A,  // row block of A
  SCRATCH_GEMM_B,  // packed B of small products
  SCRATCH_KERNEL,  // rows of other kernels
  SCRATCH_SLOTS
} scratch_slot_t;

// 64-byte aligned, contents undefined; valid until the same thread asks for the same slot again.
void *scratch_get(scratch_slot_t slot, size_t bytes);

#endif
