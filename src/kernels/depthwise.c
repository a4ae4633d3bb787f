// Depthwise rows for any machine: vectors of one float.
#define V float
#define V_WIDTH 1
#define MASK int
#define MASK_OF(n) ((int)(n))
#define V_LOAD(p, m, full) ((void)(m), (void)(full), *(p))
#define V_STORE(p, m, full, v) (*(p) = (v))
#define V_ZERO 0.0f
#define V_SET(x) (x)
#define V_FMA(a, b, c) ((a) * (b) + (c))
#define V_ADD(a, b) ((a) + (b))
#define V_MUL(a, b) ((a) * (b))
#define V_MIN(a, b) ((b) > (a) ? (a) : (b))
#define V_MAX(a, b) ((b) < (a) ? (a) : (b))
#define DEPTHWISE_ROWS depthwise_rows_generic
#include "kernels/depthwise_inner.h"
