// Ops that every graph has: constants, identities, arguments.
#include "ops/op.h"

const op_def_t ops_core[] = {
    {.name = "NoOp", .sig = "->", .attrs = ""},
    {0},
};
