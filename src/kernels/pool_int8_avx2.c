#define NAME(f) f##_avx2
#include "kernels/pool_int8_loops.h"
