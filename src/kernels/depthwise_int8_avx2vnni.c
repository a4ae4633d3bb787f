#if defined(__AVXVNNI__)
#define DEPTHWISE_INT8_ISA depthwise_int8_avx2vnni
#include "kernels/depthwise_int8_vectors.h"
#endif
