// What is known of the elements of small int tensors before the run: shape arithmetic. An element
// that is not known may still be known to equal a symbolic dim (tensor/shape.h), so a shape that
// goes through Shape, StridedSlice, Pack and Reshape comes out with all that it had.
#ifndef TFTRT_NETWORK_KNOWN_H
#define TFTRT_NETWORK_KNOWN_H

#include "network/network.h"

enum { KNOWN_MAX = 256 };  // longer tensors are not shape arithmetic

typedef struct known {
  int n;
  int64_t v[];  // an element, or known_from_dim() of a dim that is not known
} known_t;

// Values near INT64_MIN stand for unknown ones: INT64_MIN + 1 for -1, INT64_MIN + k for symbol -k.
static inline bool known_is_unknown(int64_t v) { return v < INT64_MIN + ((int64_t)1 << 40); }
static inline int64_t known_from_dim(int64_t d) { return d >= 0 ? d : INT64_MIN - d; }
// Unknown ones and negative numbers become -1 or the symbol.
static inline int64_t known_to_dim(int64_t v) {
  return known_is_unknown(v) ? INT64_MIN - v : v < 0 ? -1 : v;
}
#define KNOWN_UNKNOWN (INT64_MIN + 1)

// A symbol for a (+, *, /) b of dims where at least one is a symbol: equal for equal operands, so
// that sizes computed twice are known to be equal. -1 when one is not known at all. The symbol is a
// 38-bit hash, far from the symbols that are counted.
enum { DERIVED_ADD = 1, DERIVED_MUL = 2, DERIVED_DIV = 3, DERIVED_WINDOW = 4 };
int64_t dim_derived(int how, int64_t a, int64_t b);

known_t *known_alloc(arena_t *a, int n);
// From an int or bool tensor of at most KNOWN_MAX elements; NULL otherwise.
known_t *known_from_tensor(arena_t *a, const tensor_t *t);
bool known_all(const known_t *k);  // no element unknown; false for NULL
// Values of a layer's outputs from those of its inputs and the shapes: out[i] is NULL when nothing
// is known.
void known_eval(arena_t *a, const layer_t *l, const shape_t *in_shapes, const known_t *const *in,
                const shape_t *out_shapes, const known_t **out);

// The rules of network/infer.c on partly known values.
status_t infer_shapes(const layer_t *l, const shape_t *in, const known_t *const *values,
                      const tensor_t *const *tensors, shape_t *out);

// TF's StridedSlice or Slice of x, resolved: what each dim of x contributes.
typedef struct slice_dim {
  bool known;                    // begin and count hold
  int64_t begin, stride, count;  // count -1 or a symbol when unknown
} slice_dim_t;
typedef struct slice_plan {
  int rank;  // of x
  slice_dim_t d[SHAPE_MAX_RANK];
  shape_t out;  // with new and without shrunk axes
} slice_plan_t;
// n_spec: length of begin, -1 when unknown; unknown begin/end/strides are NULL. false: the reason
// is in `why`.
bool slice_resolve(const layer_t *l, const shape_t *x, int n_spec, const known_t *begin,
                   const known_t *end, const known_t *strides, slice_plan_t *out, char *why,
                   size_t why_size);

// Axis in [-rank, rank) to [0, rank); -1 when outside.
static inline int axis_resolve(int axis, int rank) {
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? axis : -1;
}

#endif
