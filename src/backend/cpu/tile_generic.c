#define TILE_TABLE tile_ops_generic
#define TILE_NAME "generic"
#include "backend/cpu/tile_impl.h"
