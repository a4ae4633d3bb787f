#define EW_TABLE ew_isa_avx2
#include "kernels/elementwise_loops.h"
