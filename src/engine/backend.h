// What a backend implements: engines from networks, execution contexts from engines. One table per
// backend, registered once (engine/backends.c). Contexts are made for concrete input shapes (and
// values of shape inputs).
#ifndef TFTRT_ENGINE_BACKEND_H
#define TFTRT_ENGINE_BACKEND_H

#include "engine/profile.h"
#include "network/network.h"

typedef struct build_options {
  size_t struct_size;
  int threads;
  int64_t max_workspace;  // bytes of scratch that a tactic may take; 0 or less: no limit
  const shape_t
      *opt_shapes;  // [n_inputs] concrete shapes to time tactics at; NULL: heuristics only
  bool time_tactics;
  struct timing_cache *timing;  // engine/timing_cache.h: asked first, told after; NULL: none
  const profiles_t *profiles;   // the engine will be used for; kept in the plan. NULL: none
  bool keep_layers;             // leave the network as it was lowered, in float: for observing it
} build_options_t;

typedef struct bytes {  // mem_free data
  uint8_t *data;
  size_t size;
} bytes_t;

// Finds weights stored outside the plan, by weight_key: mapped, new reference.
typedef struct weight_source {
  status_t (*read)(void *self, const char *key, tensor_t *out);
  void *self;
} weight_source_t;

// Sees a tensor that a layer has just made; value is valid until it returns. t is the engine's.
typedef status_t (*observe_fn)(void *user, const net_tensor_t *t, const tensor_t *value);

typedef struct backend_engine backend_engine_t;
typedef struct backend_context backend_context_t;

typedef struct backend {
  uint32_t abi_major, abi_minor;
  const char *name;
  // OK when it can be used here; else UNAVAILABLE with what was tried.
  status_t (*probe)(void);
  // Can this layer run? false writes the reason.
  bool (*supports)(const layer_t *l, char *reason, size_t n);
  // Optimises a copy of the network, chooses tactics and makes the plan. The network stays the
  // caller's, unchanged.
  status_t (*build)(const network_t *n, const build_options_t *o, bytes_t *out_plan);
  // plan must stay valid as long as the engine (it is mapped). weights may be NULL when the plan
  // has all.
  status_t (*load)(const uint8_t *plan, size_t size, const weight_source_t *weights,
                   backend_engine_t **out);
  void (*unload)(backend_engine_t *e);
  const network_t *(*network)(const backend_engine_t *e);
  // Any thread. shapes: [n_inputs] concrete. values: [n_inputs], host values of inputs that shapes
  // depend on (empty tensors elsewhere). threads: how many a run may use.
  status_t (*context_create)(backend_engine_t *e, const shape_t *shapes, const tensor_t *values,
                             int threads, backend_context_t **out);
  void (*context_destroy)(backend_context_t *c);
  const shape_t *(*output_shapes)(const backend_context_t *c);  // [n_outputs], concrete
  // One thread at a time per context. in: [n_inputs], out: [n_outputs] caller-allocated of
  // output_shapes.
  status_t (*run)(backend_context_t *c, const tensor_t *in, tensor_t *out);
  // From now on every run shows each layer's outputs to fn as they come (not those that share
  // their input's memory, nor what depends on shapes alone), and fails when fn does. fn NULL: no
  // more. NULL when the backend cannot.
  void (*observe)(backend_context_t *c, observe_fn fn, void *user);
  // Time per layer of the last runs, as JSON; NULL when not supported. mem_free the result.
  char *(*profile)(backend_context_t *c);
  size_t (*context_bytes)(const backend_context_t *c);  // scratch memory held
  // What whoever asks for this mode should know of this machine, in a sentence that lives as long
  // as the program; NULL: nothing. NULL when the backend has nothing to say.
  const char *(*half_note)(half_mode_t mode);
  // Libraries found and tried, in a line, for `tftrt doctor`; NULL: nothing to tell. mem_free it.
  char *(*describe)(void);
} backend_t;

const backend_t *backend_find(const char *name);  // "cpu", "ref", ...; NULL when there is none
const backend_t *backend_at(int i);

// Which inputs' values shapes depend on (must be passed in `values` to context_create). One flag
// per input.
void network_shape_inputs(const network_t *n, bool *out);

#endif
