// Depthwise rows for any machine: vectors of one float.
#define V_WIDTH 1
#include "kernels/depthwise_vectors.h"
#define DEPTHWISE_ROWS depthwise_rows_generic
#include "kernels/depthwise_inner.h"
