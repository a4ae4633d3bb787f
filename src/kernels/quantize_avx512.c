#define NAME(f) f##_avx512
#include "kernels/quantize_loops.h"
