// TF-TRT 2.17's validator (op set "tf-trt"): shared by the rule table and the per-op checks.
// Source: the behaviour of tensorflow/compiler/tf2tensorrt/convert as described by its own
// messages.
#ifndef TFTRT_SEGMENT_TF_TRT_H
#define TFTRT_SEGMENT_TF_TRT_H

#include "segment/segment.h"

typedef enum input_kind { KIND_TENSOR, KIND_WEIGHTS, KIND_RESOURCE } input_kind_t;

enum { TF_TRT_MAX_INPUTS = 256 };

typedef struct check {
  const graph_t *graph;
  const node_t *node;
  bool implicit;  // implicit batch mode
  bool int8;
  input_kind_t kind[TF_TRT_MAX_INPUTS];
  char *reason;
  size_t size;
} check_t;

// Writes the reason; always false, so that checks can `return reject(c, ...)`.
bool reject(check_t *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const shape_t *check_shape(const check_t *c, int in);  // TF's, with the batch dim
dtype_t check_dtype(const check_t *c, int in);
const tensor_t *check_value(const check_t *c, int in);  // constants only
int trt_rank(const check_t *c, int in);                 // without the batch dim in implicit mode
// The values of a constant integer input; false when there are more than max or it is no constant.
bool check_ints(const check_t *c, int in, int64_t *v, int max, int *n);
// Normalises an axis of the TF rank; rejects one out of range, and the batch axis in implicit mode.
bool check_axis(check_t *c, int64_t axis, int rank, int *out);
bool check_broadcast(check_t *c, int a, int b);

typedef struct rule {
  const char *op;
  const char *kinds;   // one letter an input: T, W, R, B (both); the last one repeats; NULL: any
  const char *dtypes;  // 'f' float and half, 'i' int32; NULL: not checked
  const char *dtype_attr;  // NULL: "T"
  bool explicit_only;      // refused in implicit batch mode
  bool (*check)(check_t *c);
} rule_t;

const rule_t *tf_trt_rule(const char *op);
extern const rule_t tf_trt_rules[];  // ended by an empty one

#endif
