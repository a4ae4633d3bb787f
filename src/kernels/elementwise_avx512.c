#define EW_TABLE ew_isa_avx512
#include "kernels/elementwise_loops.h"
