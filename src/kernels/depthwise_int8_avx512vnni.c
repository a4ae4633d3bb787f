#if defined(__AVX512VNNI__)
#define DEPTHWISE_INT8_ISA depthwise_int8_avx512vnni
#include "kernels/depthwise_int8_vectors.h"
#endif
