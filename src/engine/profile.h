// Optimisation profiles: for which shapes (and values of inputs that shapes depend on) an engine is
// made. They are TF-TRT's, made from the shape sets that runs showed, or given by a user. An engine
// without profiles serves whatever its network takes.
#ifndef TFTRT_ENGINE_PROFILE_H
#define TFTRT_ENGINE_PROFILE_H

#include "base/mem.h"
#include "base/text.h"
#include "engine/plan_io.h"
#include "tensor/tensor.h"

// The values of one input that shapes depend on. v NULL: it is no such input (an empty one has
// n 0 and some v).
typedef struct shape_values {
  int n;
  const int64_t *v;
} shape_values_t;

// What one run's inputs looked like.
typedef struct shape_set {
  shape_t *shapes;         // [n_inputs]
  shape_values_t *values;  // [n_inputs]
} shape_set_t;

// Sets in the order in which they were first seen, none twice.
typedef struct shape_sets {
  arena_t *arena;
  int n_inputs;
  VEC(shape_set_t) sets;
} shape_sets_t;

enum { SHAPE_VALUES_MAX = 1 << 16 };  // elements of one input that are looked at

shape_sets_t *shape_sets_create(int n_inputs);
void shape_sets_destroy(shape_sets_t *s);  // NULL is fine
// Adds a copy; false when an equal one is there.
bool shape_sets_add(shape_sets_t *s, const shape_set_t *set);
// The same of tensors: is_shape [n_inputs] says whose values count (NULL: none). Values of other
// types than int32 and int64, and very long ones, are left out.
bool shape_sets_add_tensors(shape_sets_t *s, const tensor_t *in, const bool *is_shape);
// Could these be values that shapes depend on? Before the network is known.
bool shape_values_candidate(const tensor_t *t);
int shape_sets_find(const shape_sets_t *s, const shape_set_t *set);  // -1: it is not there

// A copy of the inputs' shapes and values in the arena.
shape_set_t shape_set_of(arena_t *a, const tensor_t *in, int n_inputs, const bool *is_shape);

// Implicit batch mode: would an engine for `have` serve `want`, which is a smaller batch of
// otherwise the same? Unknown dims of `have` take all.
bool batch_fits(const shape_t *want, const shape_t *have, int n);

typedef enum profile_strategy {
  PROFILE_RANGE,
  PROFILE_OPTIMAL,
  PROFILE_RANGE_OPTIMAL,
  PROFILE_IMPLICIT_BATCH,
  PROFILE_STRATEGY_COUNT
} profile_strategy_t;
const char *profile_strategy_name(profile_strategy_t s);  // "Range+Optimal"
// In any case; false for other words.
bool profile_strategy_parse(const char *text, profile_strategy_t *out);

typedef struct profile {
  shape_set_t min, opt, max;
} profile_t;

typedef struct profiles {
  arena_t *arena;
  int n_inputs;
  bool *ignored;  // [n_inputs] an input that no engine has, whatever its shape
  VEC(profile_t) list;
} profiles_t;

profiles_t *profiles_create(int n_inputs);  // none in it yet
void profiles_destroy(profiles_t *p);       // NULL is fine
// Adds copies; profiles equal to one that is there are left out. INVALID_ARGUMENT names the input
// whose ranks or lengths differ, or whose bounds are not min <= opt <= max.
status_t profiles_add(profiles_t *p, const shape_set_t *min, const shape_set_t *opt,
                      const shape_set_t *max);
// TF-TRT's profiles from collected sets. partial [n_inputs]: what the graph knows of the inputs;
// dims known there hold in every profile (NULL: nothing is known). INVALID_ARGUMENT when one
// profile should span sets of different ranks or lengths.
status_t profiles_from_sets(const shape_sets_t *sets, profile_strategy_t strategy,
                            const shape_t *partial, profiles_t **out);

profiles_t *profiles_copy(const profiles_t *p);  // NULL gives NULL
// Values of inputs that no shape depends on are forgotten.
void profiles_keep_values(profiles_t *p, const bool *is_shape);
// Makes the last profile reach these shapes and values as well; false when ranks or lengths differ.
bool profiles_widen_last(profiles_t *p, const shape_set_t *by);

// The first profile that has these shapes and values (an input with v NULL in either is taken as it
// is); -1: none has. Without profiles: 0.
int profiles_find(const profiles_t *p, const shape_set_t *set);
// The same of tensors, without allocating.
int profiles_find_tensors(const profiles_t *p, const tensor_t *in);

// One line for every profile and input; name: of input i, NULL: TensorRTInputPH_<i>.
void profiles_text(const profiles_t *p, const char *const *names, text_t *out);
// [{"inputs": [{"name", "min": [1, 16], "opt", "max", "values": {"min": [], ...}}]}, ...]
void profiles_json(const profiles_t *p, const char *const *names, text_t *out);

// As fields of a plan's metadata (docs/plan-format.md). Reading adds; false: it is no profile of so
// many inputs.
void profiles_write(const profiles_t *p, uint16_t tag, plan_writer_t *w);
bool profiles_read(profiles_t *p, const plan_field_t *f);
int profiles_inputs(const plan_field_t *f);  // of how many inputs it tells

#endif
