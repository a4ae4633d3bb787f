// Inside gemm_int8: one register tile, and one table of them per instruction set.
#ifndef TFTRT_KERNELS_GEMM_INT8_TILE_H
#define TFTRT_KERNELS_GEMM_INT8_TILE_H

#include "kernels/gemm_int8.h"

typedef struct gemm_int8_tile {
  int64_t groups;    // of K
  const uint8_t *a;  // rows lda bytes apart, of groups of 4 bytes
  int64_t lda;
  const int8_t *b;        // a panel: `groups` rows of nr groups
  const int32_t *sums_b;  // [nr] of B's columns
  int zero;               // what A's numbers are too large by
  int rows, cols;         // rows <= mr, cols <= nr
  const int8_finish_t *finish;
  int64_t channel;  // of the first column
  void *c;
  int64_t at, ldc;  // the first element's index in c
} gemm_int8_tile_t;

// A group of A is 4 bytes: four unsigned bytes, or (wide) two 16-bit numbers.
typedef struct gemm_int8_isa {
  int mr, nr, group;
  bool wide;
  void (*tile)(const gemm_int8_tile_t *t);
  // k numbers of a row as groups, the last one filled up with zeros; `flip` (0 or 0x80) makes
  // signed numbers unsigned, 128 too large.
  void (*groups)(const uint8_t *row, int64_t k, uint8_t flip, uint8_t *dst);
} gemm_int8_isa_t;

extern const gemm_int8_isa_t gemm_int8_avx2, gemm_int8_avx2vnni, gemm_int8_avx512,
    gemm_int8_avx512vnni;
const gemm_int8_isa_t *gemm_int8_isa(void);  // the best one here

#endif
