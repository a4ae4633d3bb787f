// The order of the passes. Moves and constants first, so that patterns stand bare; then patterns;
// then what a kernel takes in; last what is left of elementwise work.
#include "network/equalise.h"
#include "network/passes/pass.h"
#include "network/passes/quantize.h"

static status_t settle(network_t *n) {
  network_compact(n);
  return network_infer(n);
}

// Runs a pass until it finds nothing more; each round settles shapes.
static status_t repeat(network_t *n, int (*pass)(network_t *), int most, int *found) {
  for (int i = 0; i < most; i++) {
    int count = pass(n);
    if (!count) break;
    *found += count;
    TRY(settle(n));
  }
  return NULL;
}

static status_t simplify(network_t *n) {
  for (int found = 1, i = 0; found && i < 8; i++) {
    found = 0;
    TRY(repeat(n, pass_fold_constants, 4, &found));
    TRY(repeat(n, pass_cleanup, 4, &found));
    TRY(repeat(n, pass_joins, 2, &found));
  }
  return NULL;
}

// Precision: after what a kernel takes in is known, before the rest becomes elementwise chains.
static status_t assign_int8(network_t *n) {
  if (!n->int8) return NULL;
  int found = 0;
  TRY(repeat(n, pass_equalise, 1, &found));
  TRY(repeat(n, pass_int8_implicit, 1, &found));
  for (int i = 0, before = -1; i < 16 && before != found; i++) {
    before = found;
    TRY(repeat(n, pass_int8_moves, 64, &found));
    TRY(repeat(n, pass_int8_explicit, 1, &found));
    TRY(repeat(n, pass_int8_means, 1, &found));
    TRY(repeat(n, pass_int8_outputs, 4, &found));
  }
  note_float_layers(n);
  n->int8 = false;  // decided; what is left of dequantized constants is folded
  return simplify(n);
}

status_t network_optimize(network_t *n, const network_options_t *o) {
  int found = 0;
  TRY(settle(n));
  if (o && !o->fuse) return NULL;
  TRY(simplify(n));
  TRY(repeat(n, pass_activations, 3, &found));
  TRY(repeat(n, pass_layer_norm, 2, &found));
  TRY(repeat(n, pass_scales, 3, &found));
  TRY(repeat(n, pass_tensordot, 3, &found));
  TRY(simplify(n));
  TRY(repeat(n, pass_epilogue, 6, &found));
  TRY(repeat(n, pass_padding, 2, &found));
  TRY(repeat(n, pass_strides, 4, &found));
  TRY(assign_int8(n));
  TRY(repeat(n, pass_elementwise, 2, &found));
  return settle(n);
}
