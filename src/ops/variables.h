// Variables: resources with a value that outlives a run, for resource handles (VarHandleOp) and for
// TF1's reference variables (VariableV2) alike.
#ifndef TFTRT_OPS_VARIABLES_H
#define TFTRT_OPS_VARIABLES_H

#include "ops/op.h"

// The value now: a new reference. FAILED_PRECONDITION while it has none. Any thread.
status_t variable_read(object_t *variable, tensor_t *out);

// TF1's references: VariableV2, Assign and friends hand on the variable itself (a DT_RESOURCE
// scalar); whoever else reads such an output gets the value of that moment. An executor asks here
// which inputs to replace.
bool op_makes_ref(const char *op);
bool op_takes_ref(const char *op, int input);
bool op_reads_variable(const char *op);  // whose output is the variable's value, to other ops

// A handle that is no more than the name of a resource, which may not be there yet.
typedef struct named_handle {
  object_t base;
  const char *container;  // outlives the handle
  char *name;
} named_handle_t;
extern const object_type_t named_handle_type;
object_t *named_handle_create(const char *container, const char *name);

// The object in a scalar resource or variant tensor, borrowed; INVALID_ARGUMENT when it is not one
// of `type`.
status_t op_object(const op_ctx_t *c, int i, const object_type_t *type, object_t **out);
// Output i becomes a scalar resource or variant that holds o (takes the reference, on errors too).
status_t op_out_object(op_ctx_t *c, int i, object_t *o);

#endif
