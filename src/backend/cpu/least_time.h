// What a piece of work takes when nothing disturbs it, from repeated timings on a machine that does
// other things, too: the least of them. It is believed once another came near it; one that stands
// alone may have been disturbed as well, only less than the rest.
#ifndef TFTRT_BACKEND_CPU_LEAST_TIME_H
#define TFTRT_BACKEND_CPU_LEAST_TIME_H

#include <stdbool.h>
#include <stdint.h>

typedef struct least_time {
  int64_t least, next;  // the two least, nanoseconds; 0: not timed
} least_time_t;

static inline void least_time_add(least_time_t *t, int64_t ns) {
  if (ns < 1) ns = 1;
  if (!t->least || ns < t->least) {
    t->next = t->least;
    t->least = ns;
  } else if (!t->next || ns < t->next) {
    t->next = ns;
  }
}

// Was the least seen twice, as well as clocks can tell (within 4 %, or a microsecond)?
static inline bool least_time_settled(const least_time_t *t) {
  return t->next && t->next - t->least <= t->least / 25 + 1000;
}

#endif
