// Shapes of what functions return: the body is inferred, in a copy, for the shapes of the
// arguments at hand.
#ifndef TFTRT_OPS_FUNCTIONAL_INFER_H
#define TFTRT_OPS_FUNCTIONAL_INFER_H

#include "ops/op.h"

status_t infer_call(infer_ctx_t *c);
status_t infer_if(infer_ctx_t *c);     // what both branches say
status_t infer_case(infer_ctx_t *c);   // what all branches say
status_t infer_while(infer_ctx_t *c);  // the shapes that the body leaves as they are

#endif
