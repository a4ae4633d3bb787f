#if defined(__AVX512F__)
#define V_WIDTH 16
#include "kernels/depthwise_vectors.h"
#define DEPTHWISE_ROWS depthwise_rows_avx512
#include "kernels/depthwise_inner.h"
#endif
