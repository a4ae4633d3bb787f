// CPU features, found once.
// TFTRT_CPU_ISA=generic|avx2|avx2_vnni|avx512|avx512_vnni|avx512_bf16|avx512_fp16|amx lowers (never
// raises) what is reported, so that every code path a machine has can be tested on it. oneDNN is
// limited to the same level.
#ifndef TFTRT_BASE_CPU_H
#define TFTRT_BASE_CPU_H

#include <stdbool.h>

typedef enum cpu_isa {
  CPU_GENERIC = 0,
  CPU_AVX2 = 1,       // AVX2 + FMA + F16C
  CPU_AVX2_VNNI = 2,  // and AVX-VNNI. CPUs of the levels above need not have it: ask cpu_isa() ==
  CPU_AVX512 = 3,     // F, BW, DQ, VL, CD
  CPU_AVX512_VNNI = 4,
  CPU_AVX512_BF16 = 5,
  CPU_AVX512_FP16 = 6,
  CPU_AMX = 7,
} cpu_isa_t;

cpu_isa_t cpu_isa(void);
const char *cpu_isa_name(cpu_isa_t isa);
const char *cpu_model_name(void);  // from /proc/cpuinfo, "unknown" elsewhere
int cpu_count(void);               // CPUs this process may run on, at least 1
int cpu_threads(int asked);        // asked, 0 or less: cpu_count; at most 1024

// How this thread's floating-point unit treats subnormal numbers, and the way to set it: TensorFlow
// runs kernels with subnormals flushed to zero (inputs and results). 0 where it cannot be set.
unsigned cpu_float_mode(void);
unsigned cpu_float_mode_flushing(void);
void cpu_set_float_mode(unsigned mode);
static inline bool cpu_has(cpu_isa_t isa) { return cpu_isa() >= isa; }

#endif
