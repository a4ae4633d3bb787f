// Runs the whole test program once per instruction set that the machine has: each a child process
// with TFTRT_CPU_ISA set, as the level is found once per process.
#ifndef TFTRT_TESTS_KERNELS_ISA_H
#define TFTRT_TESTS_KERNELS_ISA_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"

// Call first in main: returns in the children (and runs the tests there); the parent exits with
// what failed.
static inline void run_for_each_isa(char **argv) {
  if (getenv("TFTRT_TEST_CHILD")) {
    fprintf(stderr, "instruction set: %s\n", cpu_isa_name(cpu_isa()));
    return;
  }
  int failed = 0;
  // Levels with kernels of our own; the others differ in oneDNN's alone.
  static const cpu_isa_t levels[] = {CPU_GENERIC, CPU_AVX2,        CPU_AVX2_VNNI,
                                     CPU_AVX512,  CPU_AVX512_VNNI, CPU_AVX512_FP16};
  for (size_t k = 0; k < sizeof levels / sizeof *levels && cpu_has(levels[k]); k++) {
    cpu_isa_t i = levels[k];
    pid_t pid = fork();
    if (pid == 0) {
      setenv("TFTRT_TEST_CHILD", "1", 1);
      setenv("TFTRT_CPU_ISA", cpu_isa_name(i), 1);
      execv("/proc/self/exe", argv);
      _exit(127);
    }
    int code = 1;
    if (pid < 0 || waitpid(pid, &code, 0) != pid || code != 0) failed = 1;
  }
  exit(failed);
}

#endif
