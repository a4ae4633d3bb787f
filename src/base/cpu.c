#define _GNU_SOURCE
#include "base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"

static const char *const isa_names[] = {"generic",     "avx2",        "avx2_vnni",   "avx512",
                                        "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx"};

static cpu_isa_t found_isa;
static char found_model[128];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool has_avx_vnni(void) {
#if defined(__x86_64__)
  unsigned a = 7, b, c = 1, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return a >> 4 & 1;
#else
  return false;
#endif
}

static cpu_isa_t probe_isa(void) {
  cpu_isa_t isa = CPU_GENERIC;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return isa;
  isa = CPU_AVX2;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512cd"))
    return has_avx_vnni() ? CPU_AVX2_VNNI : isa;
  isa = CPU_AVX512;
  if (!__builtin_cpu_supports("avx512vnni")) return isa;
  isa = CPU_AVX512_VNNI;
  if (!__builtin_cpu_supports("avx512bf16")) return isa;
  isa = CPU_AVX512_BF16;
  unsigned a = 7, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if (!(d >> 23 & 1)) return isa;
  isa = CPU_AVX512_FP16;
  if ((d >> 24 & 1) && (d >> 25 & 1) && (d >> 22 & 1)) isa = CPU_AMX;
#endif
  return isa;
}

static void probe(void) {
  found_isa = probe_isa();
  const char *limit = env_text("TFTRT_CPU_ISA");
  for (int i = 0; i < (int)(sizeof isa_names / sizeof *isa_names); i++)
    if (strcmp(limit, isa_names[i]) == 0 && (cpu_isa_t)i < found_isa) found_isa = (cpu_isa_t)i;
  if (found_isa == CPU_AVX2_VNNI && !has_avx_vnni()) found_isa = CPU_AVX2;
  strcpy(found_model, "unknown");
  FILE *f = fopen("/proc/cpuinfo", "r");
  if (!f) return;
  char line[256];
  while (fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !colon) continue;
    snprintf(found_model, sizeof found_model, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    break;
  }
  fclose(f);
}

cpu_isa_t cpu_isa(void) {
  pthread_once(&once, probe);
  return found_isa;
}

const char *cpu_isa_name(cpu_isa_t isa) { return isa_names[isa]; }

const char *cpu_model_name(void) {
  pthread_once(&once, probe);
  return found_model;
}

int cpu_threads(int asked) {
  enum { MOST = 1024 };
  return asked <= 0 ? cpu_count() : asked < MOST ? asked : MOST;
}

int cpu_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  return 1;
}

#if defined(__SSE2__)
#include <immintrin.h>

enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };

unsigned cpu_float_mode(void) { return _mm_getcsr(); }
unsigned cpu_float_mode_flushing(void) { return _mm_getcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO; }
void cpu_set_float_mode(unsigned mode) { _mm_setcsr(mode); }
#else
unsigned cpu_float_mode(void) { return 0; }
unsigned cpu_float_mode_flushing(void) { return 0; }
void cpu_set_float_mode(unsigned mode) { (void)mode; }
#endif
