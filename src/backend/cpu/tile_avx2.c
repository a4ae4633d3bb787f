#define TILE_TABLE tile_ops_avx2
#define TILE_NAME "avx2"
#include "backend/cpu/tile_impl.h"
