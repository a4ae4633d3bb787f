#include <stdbool.h>
#include <stdint.h>
#define SOFTMAX_ROW softmax_row_avx512
#include "kernels/softmax_inner.h"
