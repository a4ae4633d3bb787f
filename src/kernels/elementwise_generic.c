#define EW_TABLE ew_isa_generic
#include "kernels/elementwise_loops.h"
