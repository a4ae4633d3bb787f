#if defined(__AVX2__)
#define V_WIDTH 8
#include "kernels/depthwise_vectors.h"
#define DEPTHWISE_ROWS depthwise_rows_avx2
#include "kernels/depthwise_inner.h"
#endif
