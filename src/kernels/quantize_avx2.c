#define NAME(f) f##_avx2
#include "kernels/quantize_loops.h"
