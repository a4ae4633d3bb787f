// Inside kernels/pool_int8: the loops of each instruction set.
#ifndef TFTRT_KERNELS_POOL_INT8_ISA_H
#define TFTRT_KERNELS_POOL_INT8_ISA_H

#include "kernels/pool_int8.h"

enum { AVERAGE_CHANNELS = 64 };                              // that are summed side by side
enum { AVERAGE_ROW_WINDOW = 32, AVERAGE_ROW_PIXELS = 257 };  // the most that rows are for

typedef struct average_job {
  const average_int8_t *a;
  conv_shape_t s;  // three spatial dims
  const uint8_t *x;
  void *y;
  int64_t blocks;  // of AVERAGE_CHANNELS in a pixel
  bool rows;       // items are whole rows: at least AVERAGE_CHANNELS channels, and small windows
} average_job_t;

// Items [begin, end) of output pixels, or rows, * blocks.
void average_generic(const average_job_t *j, int64_t begin, int64_t end);
void average_avx2(const average_job_t *j, int64_t begin, int64_t end);
void average_avx512(const average_job_t *j, int64_t begin, int64_t end);

#endif
