// Two models over the same inputs, or what was recorded of them: how far the outputs of the second
// are from those of the first.
#ifndef TFTRT_ACCURACY_COMPARE_H
#define TFTRT_ACCURACY_COMPARE_H

#include "accuracy/layers.h"
#include "runtime/runtime.h"

typedef struct compare_options {
  const char *const *tags;  // of the meta graphs; NULL: {"serve"}, or the only one
  int n_tags;
  const char *signature;  // NULL: "serving_default"
  int threads;
  const char *backend;    // of engines; NULL: "cpu"
  input_source_t inputs;  // next NULL: none, for two files of recorded outputs
  bool per_layer;         // observe the layers of b's engines
} compare_options_t;

typedef struct output_difference {
  char *name;
  dtype_t dtype;
  difference_t d;
} output_difference_t;

typedef struct comparison {
  VEC(output_difference_t) outputs;  // in alphabetical order of their names
  int sets;                          // of inputs
  layer_errors_t *layers;            // NULL: not observed
  VEC(char *) warnings;              // engines that did not serve, in sentences
} comparison_t;

// One side: the directory of a SavedModel, converted or not, or an .npz file of recorded outputs,
// named as the signature's. Of several sets of inputs a file has the outputs' rows one after the
// other.
typedef struct side side_t;
status_t side_open(const char *path, const compare_options_t *o, side_t **out);
void side_close(side_t *s);                          // NULL is fine
model_t *side_model(const side_t *s);                // NULL: recorded outputs
const signature_t *side_signature(const side_t *s);  // of a model; else NULL

// The signature that inputs are for: of the first that is a model; NULL for two files.
const signature_t *compare_signature(const side_t *a, const side_t *b);
// Runs both. INVALID_ARGUMENT, naming the output, where the two do not have the same outputs,
// dtypes or shapes.
status_t compare_sides(side_t *a, side_t *b, const compare_options_t *o, comparison_t **out);
void comparison_destroy(comparison_t *c);  // NULL is fine

#endif
