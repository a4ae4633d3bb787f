#define _GNU_SOURCE
#include "base/gate.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/clock.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

// Looks at the number before others are let have the CPU, and between two times of that. A pause is
// 10 to 60 ns.
enum { FIRST_LOOKS = 100, LOOKS = 20 };
// How long a thread turns before it sleeps: three times what waking takes, as one that comes late
// makes the others wait in turn.
static const int64_t most_ns = 150000;
// Letting others have the CPU takes less than this where nobody wants it.
static const int64_t alone_ns = 20000;
// How long there are taken to be too many threads after that was seen.
static const int64_t crowded_ns = 5000000;

static _Thread_local int64_t crowded_until;

static inline void cpu_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static bool opens(const gate_t *g, unsigned value, int looks) {
  for (int i = 0; i < looks; i++) {
    if (atomic_load_explicit(&g->value, memory_order_acquire) != value) return true;
    cpu_pause();
  }
  return false;
}

// How often this thread's CPU was given to another one while it could have gone on.
static long switches(void) {
#if defined(RUSAGE_THREAD)
  struct rusage u;
  return getrusage(RUSAGE_THREAD, &u) ? 0 : u.ru_nivcsw;
#else
  return 0;
#endif
}

// Does the gate open before it is time to sleep?
static bool opens_soon(const gate_t *g, unsigned value) {
  if (opens(g, value, FIRST_LOOKS)) return true;
  int64_t start = clock_ns(), t = start;
  if (t < crowded_until) return false;
  long before = switches();
  while (t - start < most_ns) {
    sched_yield();
    int64_t now = clock_ns();
    bool crowded = now - t > alone_ns && switches() != before;
    if (crowded) crowded_until = now + crowded_ns;
    if (opens(g, value, LOOKS)) return true;
    if (crowded) return false;
    t = clock_ns();
  }
  return false;
}

static void sleep_on(gate_t *g, unsigned value) {
#if defined(__linux__)
  syscall(SYS_futex, &g->value, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
  (void)g, (void)value;
  sched_yield();
#endif
}

unsigned gate_wait(gate_t *g, unsigned value) {
  if (!opens_soon(g, value)) {
    atomic_fetch_add(&g->asleep, 1);
    while (atomic_load(&g->value) == value) sleep_on(g, value);
    atomic_fetch_sub(&g->asleep, 1);
  }
  return atomic_load(&g->value);
}

void gate_open(gate_t *g, unsigned value) {
  atomic_store(&g->value, value);
#if defined(__linux__)
  if (atomic_load(&g->asleep))
    syscall(SYS_futex, &g->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#endif
}
