// Inside the half-precision kernels: where rows of A lie, one register tile, and the loop over
// tiles.
#ifndef TFTRT_KERNELS_GEMM_HALF_INNER_H
#define TFTRT_KERNELS_GEMM_HALF_INNER_H

#include <string.h>

#include "kernels/gemm_half.h"

// Terms k .. of all rows of a tile: 16-bit integers, or f16 where the product is `raw`. The rows
// are two runs: those of the first half (rounded up) stand `stride` apart from `first` on, the
// others from `second` on. k adjacent; k even.
typedef struct half_segment {
  const uint16_t *first, *second;
  int64_t stride, k;
  const float *scale;  // [HALF_MR], what a row's integers are multiples of; adjacent segments that
                       // point to the same are summed together
} half_segment_t;

static inline int half_first_rows(int rows) { return (rows + 1) / 2; }

typedef struct half_tile {
  int rows, cols, segments;   // rows <= HALF_MR, cols <= HALF_NR
  const half_segment_t *seg;  // [segments]
  const uint16_t *b;          // a panel: k/2 x HALF_NR pairs of k
  const uint16_t *soon;       // memory that will be read next: a cache line per two k
  const float *scale;         // [HALF_NR], what a column's integers are multiples of
  void *c;                    // of ep->out_type
  int64_t ldc;
  const half_epilogue_t *ep;  // never NULL
  const float *bias;          // at the tile's first column, or NULL
  const void *residual;       // at the tile's first element, or NULL
  bool raw_b;                 // b is f16
} half_tile_t;

// B as it lies, for one panel of columns.
typedef struct half_panel {
  int64_t runs, run, together, rs, cs;
  dtype_t type;
  const void *b;  // at the panel's first column
  int cols;
  bool raw;     // f16 stays as it is
  bool strict;  // columns that lose too much become NaN
  uint16_t *packed;
  float *scale;  // [HALF_NR]; NaN: the column is not finite, or loses too much
} half_panel_t;

// |a| <= 2^14 and, over a chain, sum |b| < 2^17: no sum of a chain is beyond 2^31. Of b's share
// half a unit for each rounding is taken off, and what a sum of floats may be off by.
enum { HALF_BITS_A = 14 };
#define HALF_LARGEST_B 32760.0f
#define HALF_SUM_B (131071.0f - HALF_TERMS)
// A column loses too much when one in HALF_FEW of its elements that are not 0 is below HALF_SMALL,
// and one more.
#define HALF_SMALL 4.0f
enum { HALF_FEW = 4 };

typedef struct half_isa {
  void (*tile)(const half_tile_t *t);  // not of raw A or B
  void (*pack)(const half_panel_t *p);
  // n f16 values become integers times *scale, a power of two; false: something is not finite. d
  // may be x.
  bool (*make_ints)(const uint16_t *x, int64_t n, uint16_t *d, float *scale);
} half_isa_t;
extern const half_isa_t half_generic, half_avx512vnni;
const half_isa_t *half_isa(void);  // the best one here

static inline float power_of_two(int e) {  // -126 .. 127
  uint32_t bits = (uint32_t)(e + 127) << 23;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}
// floor(log2(x)) of a finite positive f16.
static inline int half_exponent(uint16_t x) {
  float f = half_to_float(x);  // never subnormal
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return (int)(bits >> 23) - 127;
}

typedef struct half_rows {
  int64_t m0;  // the tile's first row in C
  int rows;
} half_rows_t;

// A as tiles of rows.
typedef struct half_source {
  int64_t tiles;
  int64_t block;  // tiles that are prepared together
  int segments;   // of every tile
  int groups;     // of them, each of one scale per row
  size_t copies;  // bytes that a block may need for copies
  // Tiles [t0, t1), at most `block`: fills rows[i], seg[i * segments ..] and the scales they point
  // to, HALF_MR for each tile and group. raw: f16 and no scales; else false where that is needed.
  bool (*prepare)(const void *ctx, int64_t t0, int64_t t1, bool raw, half_rows_t *rows,
                  half_segment_t *seg, float *scales, void *copies);
  const void *ctx;
} half_source_t;

// Tiles of HALF_MR rows of k terms that stay in the second-level cache together.
int64_t half_block(int64_t tiles, int64_t k);
size_t half_product_scratch(const half_source_t *s, int threads);
// k: with the padding of runs. raw_b: B was packed raw.
void half_product(const half_source_t *s, int64_t n, int64_t k, const void *packed, bool raw_b,
                  void *c, int64_t ldc, const half_epilogue_t *ep, void *scratch, int threads);

#endif
