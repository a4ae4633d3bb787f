// How threads share a matrix product: the tiles of C are cut into a grid of pieces, one for each
// thread.
#ifndef TFTRT_KERNELS_PRODUCT_GRID_H
#define TFTRT_KERNELS_PRODUCT_GRID_H

#include <stdint.h>

typedef struct product_grid {
  int64_t tiles_m, tiles_n;  // of C, in rows and in columns
  int64_t m, n;              // pieces in either direction
} product_grid_t;

// The grid whose largest piece is smallest. Of equals that with most pieces of rows: pieces beside
// each other would pack the same rows of A.
static inline product_grid_t product_grid(int64_t tiles_m, int64_t tiles_n, int threads) {
  product_grid_t g = {tiles_m, tiles_n, 1, 1};
  int64_t most = threads < 1 ? 1 : threads, best = INT64_MAX;
  for (int64_t m = most < tiles_m ? most : tiles_m; m >= 1; m--) {
    int64_t n = most / m < tiles_n ? most / m : tiles_n;
    int64_t cost = ((tiles_m + m - 1) / m) * ((tiles_n + n - 1) / n);
    if (cost < best) best = cost, g.m = m, g.n = n;
  }
  return g;
}

static inline int64_t product_pieces(const product_grid_t *g) { return g->m * g->n; }

// The tiles [m0, m1) x [n0, n1) of a piece.
typedef struct product_piece {
  int64_t m0, m1, n0, n1;
} product_piece_t;

static inline product_piece_t product_piece(const product_grid_t *g, int64_t i) {
  int64_t m = i / g->n, n = i % g->n;
  return (product_piece_t){g->tiles_m * m / g->m, g->tiles_m * (m + 1) / g->m,
                           g->tiles_n * n / g->n, g->tiles_n * (n + 1) / g->n};
}

#endif
