// The insides of the CPU backend. An engine holds the optimised network and the weights packed so
// far; a context holds a network specialised to concrete shapes, one step per layer that does
// something at run time, and one planned block of memory for everything between the steps.
#ifndef TFTRT_BACKEND_CPU_CPU_H
#define TFTRT_BACKEND_CPU_CPU_H

#include <pthread.h>

#include "backend/cpu/dn_op.h"
#include "backend/cpu/tile.h"
#include "engine/plan.h"
#include "engine/specialize.h"
#include "kernels/conv.h"

typedef struct packed_weights {  // one constant in one layout
  const void *source;            // the constant's data, and its shape: equal ones may share data
  shape_t shape;
  dn_packing_t *packing;  // oneDNN's layout; NULL: the layout that `key` stands for
  int64_t key[4];
  void *data;
  struct packed_weights *next;
} packed_weights_t;

// Which kernels a heavy layer had better use: a choice of the builder's, kept in the plan.
typedef enum tactic { TACTIC_DEFAULT, TACTIC_ONEDNN, TACTIC_OWN } tactic_t;

struct backend_engine {
  plan_t *plan;
  network_t *net;          // the plan's
  const uint8_t *tactics;  // [net->n_layers] of tactic_t; NULL: all default
  int64_t max_workspace;   // bytes of scratch memory that a step may take; 0: no limit
  bool short_sums;         // f16 products may be summed as kernels/gemm_half.h does: the mode asked
                           // for 16 bits; a model's own f16 layers have float32 sums otherwise
  pthread_mutex_t lock;    // for packed
  packed_weights_t *packed;
};

typedef struct step step_t;
typedef status_t (*step_fn)(step_t *s, struct backend_context *c);

struct step {
  const layer_t *layer;
  step_fn run;
  void *state;
  void (*destroy)(void *state);
  size_t scratch;      // bytes of the context's shared scratch memory that run() uses
  size_t inner;        // bytes that its kernels allocate while they run, beside their fixed panels
  bool limited;        // the workspace did not allow the tactic that was asked for
  int reuse;           // input whose memory output 0 had better take; -1: none
  bool reuse_any;      // elementwise: any input of the output's size will do
  const char *tactic;  // how it runs, for profiles
  int64_t ns;          // time of all runs
  int64_t least_ns;    // of the fastest
};

struct backend_context {
  backend_engine_t *engine;
  const network_t *net;  // the engine's
  specialized_t *spec;   // its shapes and values here
  int threads;
  tactic_t tactic;  // of every heavy layer; TACTIC_DEFAULT: the engine's choice
  step_t *steps;
  int n_steps;
  void **at;    // [net->n_tensors]: where each tensor's elements are in this run
  int *root;    // [net->n_tensors]: the tensor whose memory it is (views: of their source)
  void *arena;  // planned intermediates
  size_t arena_bytes;
  void *scratch;  // shared by the steps, one at a time
  size_t scratch_bytes;
  shape_t *output_shapes;
  observe_fn observe;
  void *observer;
  bool profile;
  int64_t runs;
  packed_weights_t *packed;   // of constants that are this context's own
  const net_tensor_t *packs;  // whose packed form was asked for last
};

// ---- making steps. A maker fills s, or leaves s->run NULL when it has nothing for the layer (the
// reference implementation runs it then). The network's shapes are concrete.
status_t make_conv_step(backend_context_t *c, const layer_t *l, step_t *s);
// With the kernels of kernels/conv.h, where oneDNN does not take the layer (convolutions and
// transposed ones).
status_t make_own_conv_step(backend_context_t *c, const layer_t *l, step_t *s);
// Convolutions and products of f16 tensors with the kernels of kernels/gemm_half.h.
status_t make_own_half_conv_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_own_half_matmul_step(backend_context_t *c, const layer_t *l, const dn_problem_t *p,
                                   step_t *s);
status_t make_deconv_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_matmul_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_pool_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_own_pool_step(backend_context_t *c, const layer_t *l, step_t *s);
// Means (layer_averages) of 8-bit tensors that stand for real values.
status_t make_average_int8_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_elementwise_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_softmax_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_norm_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_reduce_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_move_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_resize_step(backend_context_t *c, const layer_t *l, step_t *s);
status_t make_quantize_step(backend_context_t *c, const layer_t *l, step_t *s);
// Convolutions and products on 8-bit tensors that stand for real values (int8.c).
bool layer_is_int8(const layer_t *l);
status_t make_int8_step(backend_context_t *c, const layer_t *l, step_t *s);
// Any layer of these on 16-bit tensors: the step of its float32 twin, between conversions.
status_t make_wide_step(backend_context_t *c, const layer_t *l,
                        status_t (*make)(backend_context_t *, const layer_t *, step_t *),
                        step_t *s);
status_t make_ref_step(backend_context_t *c, const layer_t *l, step_t *s);

// The layer as a problem of oneDNN's, in float32. False: oneDNN has no such problem.
bool conv_problem(const backend_context_t *c, const layer_t *l, dn_problem_t *p);
bool deconv_problem(const backend_context_t *c, const layer_t *l, dn_problem_t *p);
bool matmul_problem(const backend_context_t *c, const layer_t *l, dn_problem_t *p);

// A convolution as our own kernels have it. `large` and `small` are the tensors on both sides of
// the window: input and output, or the other way round for a transposed convolution.
void conv_layer_shape(const layer_t *l, const shape_t *large, const shape_t *small,
                      const shape_t *w, conv_shape_t *s);
// The same of a pool.
void pool_layer_shape(const layer_t *l, const shape_t *x, const shape_t *y, conv_shape_t *s);
// A product as our own kernels have it; frees with matmul_batch_free what it allocates.
void matmul_batch(const dn_problem_t *p, gemm_batch_t *g);
void matmul_batch_free(gemm_batch_t *g);

static inline const shape_t *in_shape(const backend_context_t *c, const layer_t *l, int i) {
  return spec_shape(c->spec, l->in[i]);
}
static inline const shape_t *out_shape(const backend_context_t *c, const layer_t *l, int i) {
  return spec_shape(c->spec, l->out[i]);
}
// The input's value when it does not depend on the run; else NULL.
static inline const tensor_t *in_value(const backend_context_t *c, const layer_t *l, int i) {
  return spec_value(c->spec, l->in[i]);
}
static inline const void *step_in(const step_t *s, const backend_context_t *c, int i) {
  return c->at[s->layer->in[i]->id];
}
static inline void *step_out(const step_t *s, const backend_context_t *c, int i) {
  return c->at[s->layer->out[i]->id];
}
static inline tactic_t layer_tactic(const backend_context_t *c, const layer_t *l) {
  tactic_t t = c->tactic;
  return t == TACTIC_DEFAULT && c->engine->tactics ? (tactic_t)c->engine->tactics[l->id] : t;
}
static inline bool prefers_own(const backend_context_t *c, const layer_t *l) {
  return layer_tactic(c, l) == TACTIC_OWN;
}
// Is output 0 a plain float layer's, and all inputs [0, n) float too?
bool layer_is_float(const layer_t *l, int n);
// Are inputs [0, n) of one 16-bit type, the bias (an input's index; -1: none) float32, the rest and
// the output of either type?
bool layer_is_half(const layer_t *l, int n, int bias);
// Does oneDNN compute with this float type by instructions of this CPU? Elsewhere it has plain
// loops for 16-bit ones at best, or none.
bool onednn_computes(dtype_t t);
// Writes the types of such a layer, or of a float one, into its problem, and how its residual (an
// input's index; -1: none) is read.
void dn_types(const layer_t *l, int residual, dn_problem_t *p);

// ---- weights (weights.c): a constant in the layout that a kernel wants, packed once per engine
// (or per context when the constant came about in the context's specialisation); lives as long. As
// `op` wants it. Where t is the float32 twin (make_wide_step) of a 16-bit constant, its values are
// widened first.
status_t weights_for_op(backend_context_t *c, const net_tensor_t *t, const dn_op_t *op,
                        const void **out);
// As one of our own kernels wants it. Equal keys mean equal layouts of equal shapes. pack() gets
// the constant as it is, or `in_float` of an FP16 one, before it was rounded where that is known.
typedef struct packer {
  int64_t key[4];
  bool in_float;
  size_t floats;
  status_t (*pack)(const void *self, const float *w, float *packed, int threads);
  const void *self;
} packer_t;
status_t weights_for_kernel(backend_context_t *c, const net_tensor_t *t, const packer_t *packer,
                            const float **out);
// A 16-bit constant, of which t is the float32 twin, in float32.
status_t weights_wide(backend_context_t *c, const net_tensor_t *t, const void **out);
void weights_free(packed_weights_t *list);

// ---- memory (memory.c): gives every intermediate tensor its place; needs the steps' wishes.
status_t plan_memory(backend_context_t *c);

#endif
