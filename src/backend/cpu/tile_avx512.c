#define TILE_TABLE tile_ops_avx512
#define TILE_NAME "avx512"
#include "backend/cpu/tile_impl.h"
