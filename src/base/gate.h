// A number that threads wait for, until another one changes it. What is waited for here comes
// within microseconds (the next layer, the other half of this one), while a thread that sleeps
// takes some 50 us to wake on a virtual machine, longer than many a layer. So a waiting thread
// turns for a while before it sleeps, and lets others have its CPU as it does; where any took it,
// there are more threads than CPUs, maybe the very one that is waited for, and it sleeps at once
// for some time.
#ifndef TFTRT_BASE_GATE_H
#define TFTRT_BASE_GATE_H

#include <stdatomic.h>

typedef struct gate {
  _Alignas(64) atomic_uint value;
  atomic_uint asleep;  // threads that may have to be woken
} gate_t;

// Waits while the value is `value`; returns the new one. What was written before gate_open is seen.
unsigned gate_wait(gate_t *g, unsigned value);
// Sets another value and wakes who waits.
void gate_open(gate_t *g, unsigned value);

#endif
