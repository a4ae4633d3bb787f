#define NAME(f) f##_avx512
#include "kernels/pool_int8_loops.h"
