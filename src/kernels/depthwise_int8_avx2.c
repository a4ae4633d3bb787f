#if defined(__AVX2__)
#define DEPTHWISE_INT8_ISA depthwise_int8_avx2
#include "kernels/depthwise_int8_vectors.h"
#endif
