// Shape arithmetic on partly known values.
#include "network/known.h"

#include <string.h>

#include "base/map.h"

int64_t dim_derived(int how, int64_t a, int64_t b) {
  if (a == -1 || b == -1) return -1;
  bool swap = how != DERIVED_DIV && how != DERIVED_WINDOW && b < a;
  int64_t key[3] = {how, swap ? b : a, swap ? a : b};
  return -((int64_t)1 << 38) - (int64_t)(hash_bytes(key, sizeof key, 0) >> 26);
}

known_t *known_alloc(arena_t *a, int n) {
  known_t *k = arena_alloc(a, sizeof *k + (size_t)n * sizeof(int64_t));
  k->n = n;
  for (int i = 0; i < n; i++) k->v[i] = KNOWN_UNKNOWN;
  return k;
}

known_t *known_from_tensor(arena_t *a, const tensor_t *t) {
  int64_t n = tensor_empty(t) ? -1 : tensor_elements(t);
  if (n < 0 || n > KNOWN_MAX) return NULL;
  if (t->dtype != DT_INT32 && t->dtype != DT_INT64 && t->dtype != DT_BOOL) return NULL;
  known_t *k = known_alloc(a, (int)n);
  for (int i = 0; i < (int)n; i++) status_free(tensor_int_at(t, i, &k->v[i]));
  return k;
}

bool known_all(const known_t *k) {
  for (int i = 0; k && i < k->n; i++)
    if (known_is_unknown(k->v[i])) return false;
  return k != NULL;
}

// ---- arithmetic -----------------------------------------------------------------------------

// Of an unknown and something else, both at least 0.
static int64_t derive(int how, int64_t a, int64_t b) {
  bool negative = (!known_is_unknown(a) && a < 0) || (!known_is_unknown(b) && b < 0);
  if (negative || (how == DERIVED_DIV && (known_is_unknown(b) || b < 1))) return KNOWN_UNKNOWN;
  return known_from_dim(dim_derived(how, known_to_dim(a), known_to_dim(b)));
}

static int64_t eval_binary(binary_op_t op, int64_t a, int64_t b) {
  bool ua = known_is_unknown(a), ub = known_is_unknown(b);
  int64_t r;
  if (!ua && !ub) return binary_eval_int(op, a, b, &r) && !known_is_unknown(r) ? r : KNOWN_UNKNOWN;
  bool symbol = a == b && a != KNOWN_UNKNOWN;
  switch (op) {
    case BINARY_ADD: return b == 0 ? a : a == 0 ? b : derive(DERIVED_ADD, a, b);
    case BINARY_SUB: return b == 0 ? a : symbol ? 0 : KNOWN_UNKNOWN;
    case BINARY_MUL:
      return b == 1 ? a : a == 1 ? b : a == 0 || b == 0 ? 0 : derive(DERIVED_MUL, a, b);
    case BINARY_DIV:
    case BINARY_FLOORDIV: return b == 1 ? a : derive(DERIVED_DIV, a, b);
    case BINARY_MAX:  // dims are at least 0
      return symbol || (b <= 0 && !ub && a != KNOWN_UNKNOWN) ? a
             : (a <= 0 && !ua && b != KNOWN_UNKNOWN)         ? b
                                                             : KNOWN_UNKNOWN;
    case BINARY_MIN: return symbol ? a : KNOWN_UNKNOWN;
    case BINARY_EQUAL:
    case BINARY_GREATER_EQUAL:
    case BINARY_LESS_EQUAL: return symbol ? 1 : KNOWN_UNKNOWN;
    case BINARY_NOT_EQUAL:
    case BINARY_GREATER:
    case BINARY_LESS: return symbol ? 0 : KNOWN_UNKNOWN;
    default: return KNOWN_UNKNOWN;
  }
}

static int64_t eval_unary(unary_op_t op, int64_t x) {
  if (op == UNARY_IDENTITY) return x;
  if (known_is_unknown(x)) return KNOWN_UNKNOWN;
  switch (op) {
    case UNARY_NEG: return -x;
    case UNARY_ABS: return x < 0 ? -x : x;
    case UNARY_SQUARE: return eval_binary(BINARY_MUL, x, x);
    case UNARY_SIGN: return x > 0 ? 1 : x < 0 ? -1 : 0;
    case UNARY_NOT: return !x;
    case UNARY_RELU: return x < 0 ? 0 : x;
    default: return KNOWN_UNKNOWN;
  }
}

static int64_t at(const known_t *k, int i) { return k->v[k->n == 1 ? 0 : i]; }

static bool eval_reduce(const layer_t *l, const known_t *x, known_t *out) {
  static const binary_op_t ops[] = {
      [REDUCE_SUM] = BINARY_ADD, [REDUCE_PROD] = BINARY_MUL,   [REDUCE_MAX] = BINARY_MAX,
      [REDUCE_MIN] = BINARY_MIN, [REDUCE_MEAN] = BINARY_COUNT, [REDUCE_ALL] = BINARY_AND,
      [REDUCE_ANY] = BINARY_OR};
  if (l->p.reduce.op > REDUCE_ANY || ops[l->p.reduce.op] == BINARY_COUNT) return false;
  if (out->n != 1 || l->p.n_axes == 0 || x->n < 1) return false;
  out->v[0] = x->v[0];
  for (int i = 1; i < x->n; i++) out->v[0] = eval_binary(ops[l->p.reduce.op], out->v[0], x->v[i]);
  return true;
}

// ---- moving elements ------------------------------------------------------------------------

static int64_t span(const shape_t *s, int from, int to) {
  int64_t n = 1;
  for (int i = from; i < to; i++) n *= s->d[i];
  return n;
}

// Concat and Pack: input i gives rows of elements to each of `outer` rows of the result. Of an
// input of which nothing is known only the number of elements counts.
static bool eval_concat(const layer_t *l, const shape_t *shapes, const known_t *const *in,
                        const shape_t *out_shape, known_t *out) {
  int axis = axis_resolve(l->p.axis, out_shape->rank);
  if (axis < 0) return false;
  int outer = (int)span(out_shape, 0, axis), to = 0;
  for (int o = 0; o < outer; o++)
    for (int i = 0; i < l->n_in; i++) {
      int64_t n = in[i] ? in[i]->n : shape_elements(&shapes[i]);
      if (n < 0 || n > out->n) return false;
      for (int k = 0, row = (int)n / outer; k < row && to < out->n; k++, to++)
        if (in[i]) out->v[to] = in[i]->v[o * row + k];
    }
  return to == out->n;
}

// Split and Unpack, the other way round.
static bool eval_split(const layer_t *l, const shape_t *in_shape, const known_t *x,
                       const shape_t *out_shapes, int port, known_t *out) {
  int axis = axis_resolve(l->p.axis, in_shape->rank);
  if (axis < 0) return false;
  int outer = (int)span(in_shape, 0, axis), before = 0;
  if (outer == 0) return false;
  int row = x->n / outer, own = out->n / outer;
  for (int i = 0; i < port; i++) {
    int64_t n = shape_elements(&out_shapes[i]);
    if (n < 0) return false;
    before += (int)n / outer;
  }
  if (before + own > row) return false;
  for (int o = 0; o < outer; o++)
    for (int k = 0; k < own; k++) out->v[o * own + k] = x->v[o * row + before + k];
  return true;
}

static bool eval_slice(const layer_t *l, const shape_t *shapes, const known_t *const *in,
                       known_t *out) {
  slice_plan_t plan;
  char why[256];
  int n = in[1] ? in[1]->n : -1;
  if (!in[0] || !slice_resolve(l, &shapes[0], n, in[1], in[2], l->n_in > 3 ? in[3] : NULL, &plan,
                               why, sizeof why))
    return false;
  int64_t strides[SHAPE_MAX_RANK];
  shape_strides(&shapes[0], strides);
  for (int d = 0; d < plan.rank; d++)
    if (!plan.d[d].known) return false;
  for (int i = 0; i < out->n; i++) {
    int64_t from = 0, left = i;
    for (int d = plan.rank - 1; d >= 0; d--) {
      from += (plan.d[d].begin + left % plan.d[d].count * plan.d[d].stride) * strides[d];
      left /= plan.d[d].count;
    }
    out->v[i] = in[0]->v[from];
  }
  return true;
}

static bool eval_gather(const layer_t *l, const shape_t *shapes, const known_t *const *in,
                        known_t *out) {
  if (!in[0] || !in[1] || shapes[0].rank < 1 || axis_resolve(l->p.axis, shapes[0].rank) != 0 ||
      l->p.gather.batch_dims)
    return false;
  int inner = (int)span(&shapes[0], 1, shapes[0].rank);
  for (int i = 0; i < in[1]->n; i++) {
    int64_t row = in[1]->v[i];
    if (known_is_unknown(row)) continue;  // its elements stay unknown
    if (row < 0 || row >= shapes[0].d[0]) return false;
    for (int k = 0; k < inner; k++) out->v[i * inner + k] = in[0]->v[row * inner + k];
  }
  return true;
}

static bool eval_range(const known_t *const *in, known_t *out) {
  if (!known_all(in[0]) || !known_all(in[2]) || in[0]->n != 1 || in[2]->n != 1) return false;
  for (int i = 0; i < out->n; i++) out->v[i] = in[0]->v[0] + i * in[2]->v[0];
  return true;
}

static bool eval_one(const layer_t *l, const shape_t *shapes, const known_t *const *in,
                     const shape_t *out_shapes, int port, known_t *out) {
  const known_t *x = l->n_in ? in[0] : NULL;
  switch (l->type) {
    case LAYER_SHAPE:
      for (int i = 0; i < out->n; i++) out->v[i] = known_from_dim(shapes[0].d[i]);
      return true;
    case LAYER_RANK: out->v[0] = shapes[0].rank; return shapes[0].rank >= 0;
    case LAYER_SIZE:
      if (shapes[0].rank < 0) return false;
      out->v[0] = 1;
      for (int i = 0; i < shapes[0].rank; i++)
        out->v[0] = eval_binary(BINARY_MUL, out->v[0], known_from_dim(shapes[0].d[i]));
      return true;
    case LAYER_IDENTITY:
    case LAYER_RESHAPE:
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS:
    case LAYER_CAST:
      if (!x || x->n != out->n) return false;
      memcpy(out->v, x->v, (size_t)out->n * sizeof *out->v);
      return true;
    case LAYER_TILE:
    case LAYER_BROADCAST:
      if (!x || (x->n != 1 && x->n != out->n)) return false;
      for (int i = 0; i < out->n; i++) out->v[i] = at(x, i);
      return true;
    case LAYER_FILL:
      if (!in[1] || in[1]->n != 1) return false;
      for (int i = 0; i < out->n; i++) out->v[i] = in[1]->v[0];
      return true;
    case LAYER_UNARY:
      if (!x || x->n != out->n) return false;
      for (int i = 0; i < out->n; i++) out->v[i] = eval_unary(l->p.unary.op, x->v[i]);
      return true;
    case LAYER_BINARY:
    case LAYER_SELECT:
      for (int k = 0; k < l->n_in; k++)
        if (!in[k] || (in[k]->n != 1 && in[k]->n != out->n)) return false;
      for (int i = 0; i < out->n; i++) {
        if (l->type == LAYER_BINARY)
          out->v[i] = eval_binary(l->p.binary.op, at(in[0], i), at(in[1], i));
        else if (!known_is_unknown(at(in[0], i)))
          out->v[i] = at(in[0], i) ? at(in[1], i) : at(in[2], i);
      }
      return true;
    case LAYER_REDUCE: return x && eval_reduce(l, x, out);
    case LAYER_CONCAT:
    case LAYER_PACK: return eval_concat(l, shapes, in, &out_shapes[0], out);
    case LAYER_SPLIT:
    case LAYER_UNPACK: return x && eval_split(l, &shapes[0], x, out_shapes, port, out);
    case LAYER_SLICE: return eval_slice(l, shapes, in, out);
    case LAYER_GATHER: return eval_gather(l, shapes, in, out);
    case LAYER_RANGE: return eval_range(in, out);
    default: return false;
  }
}

void known_eval(arena_t *a, const layer_t *l, const shape_t *in_shapes, const known_t *const *in,
                const shape_t *out_shapes, const known_t **out) {
  for (int i = 0; i < l->n_out; i++) {
    out[i] = NULL;
    dtype_t t = l->out[i]->dtype;
    int64_t n = shape_elements(&out_shapes[i]);
    if ((t != DT_INT32 && t != DT_INT64 && t != DT_BOOL) || n < 1 || n > KNOWN_MAX) continue;
    known_t *k = known_alloc(a, (int)n);
    bool any = false;
    if (!eval_one(l, in_shapes, in, out_shapes, i, k)) continue;
    for (int e = 0; e < k->n; e++) any = any || k->v[e] != KNOWN_UNKNOWN;
    if (any) out[i] = k;
  }
}
