// The parser of the sig and attrs strings of op_def_t, and what a signature says of one node.
//
//   sig   = args "->" args;  args = [ arg { "," arg } ];  arg = name ":" type
//   type  = dtype | attr | number "*" ( dtype | attr ) | "Ref(" type ")"
//   attrs = [ attr { ";" attr } ];  attr = name ":" kind [ "=" value ]
//   kind  = string | int | float | bool | type | shape | tensor | func | "list(" kind ")"
//   value = 'text' | 3 | 0.5 | true | float | "unknown" | "[2,?]" | "[" value { "," value } "]"
//
// A word is a dtype when it is not the name of an attribute.
#ifndef TFTRT_OPS_SIGNATURE_H
#define TFTRT_OPS_SIGNATURE_H

#include "ops/op.h"

// INVALID_ARGUMENT shows the text from where it could not be read. Everything lives in the arena.
status_t signature_parse(arena_t *arena, const char *sig, const char *attrs,
                         const op_signature_t **out);
// The default of an attribute, NULL when it has none or the op is not in the table.
const attr_value_t *signature_default(const op_def_t *d, const char *attr);
// What is known of the node's op: by our table, or by the model that it comes from; NULL: nothing.
const op_signature_t *node_signature(const node_t *n);
const attr_value_t *signature_node_default(const node_t *n, const char *attr);
// How many tensors stand for an argument of this node; -1 when its attribute is absent or absurd.
int64_t signature_arg_count(const node_t *n, const op_arg_t *a);
// The dtype of tensor i of an argument; DT_INVALID when the attribute is absent.
dtype_t signature_arg_dtype(const node_t *n, const op_arg_t *a, int i);

#endif
