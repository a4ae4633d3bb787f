// What the test and the library that it loads (openmp_loops.c) tell each other.
#ifndef TFTRT_TESTS_BACKEND_CPU_OPENMP_LOOPS_H
#define TFTRT_TESTS_BACKEND_CPU_OPENMP_LOOPS_H

#include <stdbool.h>

enum { LOOPS_MOST = 64 };

typedef struct loops {
  int set;                     // threads that it sets before; 0: none
  int threads;                 // 0: as many as the runtime says
  bool by_start;               // the region begins and ends by two calls
  long from, to, step, chunk;  // a loop over [from, to), which lies in [0, LOOPS_MOST]
  bool (*is_ours)(void);       // is this thread in a region of our pool?
  // By iteration, and by thread:
  int visits[LOOPS_MOST];
  int teams[LOOPS_MOST], inside[LOOPS_MOST], came[LOOPS_MOST];
  int missed[LOOPS_MOST];  // threads that had not come when it was past the barrier
  int most, after;         // what the runtime says before, and the sum of what it says afterwards
} loops_t;

typedef void (*run_loops_fn)(loops_t *l);

#endif
