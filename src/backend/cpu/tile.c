#include "backend/cpu/tile.h"

#include "base/cpu.h"

const tile_ops_t *tile_ops(void) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512)) return &tile_ops_avx512;
  if (cpu_has(CPU_AVX2)) return &tile_ops_avx2;
#endif
  return &tile_ops_generic;
}
