// The activation that one of our own kernels applies to its float results while they are hot: a
// limit that the kernel itself knows (its epilogue's clamp), or a function.
#ifndef TFTRT_BACKEND_CPU_OWN_ACT_H
#define TFTRT_BACKEND_CPU_OWN_ACT_H

#include "backend/cpu/tile.h"

typedef struct own_act {
  bool clamp;  // to 0 .. hi
  float hi;
  tile_unary_fn fn;  // NULL: none
  float alpha, beta;
} own_act_t;

// out_type: of the results, which may be rounded to 16 bits. False: there is no such function.
bool own_act_of(const activation_t *act, dtype_t out_type, own_act_t *out);
// fn, as the kernels' epilogues want it; arg is the own_act_t.
void own_act_apply(float *x, int64_t n, const void *arg);

#endif
