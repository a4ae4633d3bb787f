#if defined(__AVX512F__)
#define DEPTHWISE_INT8_ISA depthwise_int8_avx512
#include "kernels/depthwise_int8_vectors.h"
#endif
