// Inside the half-precision kernels: where rows of A lie, one register tile, and the loop over
// tiles.
#ifndef TFTRT_KERNELS_GEMM_HALF_INNER_H
#define TFTRT_KERNELS_GEMM_HALF_INNER_H

#include "kernels/gemm_half.h"

// Terms k .. of all rows of a tile. The rows are two runs: those of the first half (rounded up)
// stand `stride` apart from `first` on, the others from `second` on. k adjacent; k even.
typedef struct half_segment {
  const uint16_t *first, *second;
  int64_t stride, k;
} half_segment_t;

static inline int half_first_rows(int rows) { return (rows + 1) / 2; }

typedef struct half_tile {
  int rows, cols, segments;   // rows <= HALF_MR, cols <= HALF_NR
  const half_segment_t *seg;  // [segments]
  const uint16_t *b;          // a panel: k/2 x HALF_NR pairs of k
  const uint16_t *soon;       // memory that will be read next: a cache line per two k
  const float *scale;         // [HALF_NR] that undo the columns' scaling
  void *c;                    // of ep->out_type
  int64_t ldc;
  const half_epilogue_t *ep;  // never NULL
  const float *bias;          // at the tile's first column, or NULL
  const void *residual;       // at the tile's first element, or NULL
} half_tile_t;

// B as it lies, for one panel of columns.
typedef struct half_panel {
  int64_t runs, run, rs, cs;
  dtype_t type;
  const void *b;  // at the panel's first column
  int cols;
  float a_max;
  bool quick;  // packed once for one product: rather soon than with the best of scales
  uint16_t *packed;
  float *scale;  // [HALF_NR]
} half_panel_t;

typedef struct half_isa {
  void (*tile)(const half_tile_t *t);
  void (*pack)(const half_panel_t *p);
} half_isa_t;
extern const half_isa_t half_generic, half_avx512fp16;
const half_isa_t *half_isa(void);  // the best one here

// The power of two by which a column is multiplied, given the largest sum of |b| of a chain.
float half_column_scale(float largest, float a_max);

typedef struct half_rows {
  int64_t m0;  // the tile's first row in C
  int rows;
} half_rows_t;

// A as tiles of rows.
typedef struct half_source {
  int64_t tiles;
  int64_t block;  // tiles that are prepared together
  int segments;   // of every tile
  size_t copies;  // bytes that a block may need for copies
  // Tiles [t0, t1), at most `block`: fills rows[i] and seg[i * segments ..].
  void (*prepare)(const void *ctx, int64_t t0, int64_t t1, half_rows_t *rows, half_segment_t *seg,
                  void *copies);
  const void *ctx;
} half_source_t;

// Tiles of HALF_MR rows of k terms that stay in the second-level cache together.
int64_t half_block(int64_t tiles, int64_t k);
size_t half_product_scratch(const half_source_t *s, int threads);
// k: with the padding of runs.
void half_product(const half_source_t *s, int64_t n, int64_t k, const void *packed, void *c,
                  int64_t ldc, const half_epilogue_t *ep, void *scratch, int threads);

#endif
