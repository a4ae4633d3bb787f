// Reductions, softmax, normalisation, arg, top-k, cumulative sums.
#include <math.h>
#include <stdlib.h>

#include "network/eval/eval_internal.h"

// Elements of x that reduce to one output: by a mask of axes.
typedef struct fold {
  shape_t kept, folded;  // x's dims, 1 where they belong to the other
  int64_t kept_strides[SHAPE_MAX_RANK], folded_strides[SHAPE_MAX_RANK], count;
} fold_t;

static fold_t fold_of(const shape_t *x, const int *axes, int n_axes) {
  fold_t f = {.kept = *x, .folded = *x};
  unsigned mask = 0;
  for (int i = 0; i < n_axes; i++) mask |= 1u << axis_resolve(axes[i], x->rank);
  for (int i = 0; i < x->rank; i++) *(mask >> i & 1 ? &f.kept.d[i] : &f.folded.d[i]) = 1;
  shape_strides(x, f.kept_strides);
  shape_strides(x, f.folded_strides);
  f.count = shape_elements(&f.folded);
  return f;
}

static bool reduce_exact(reduce_op_t op, const tensor_t *x, const fold_t *f, int64_t base,
                         int64_t *out) {
  uint64_t r = op == REDUCE_PROD || op == REDUCE_ALL ? 1 : 0;
  int64_t coord[SHAPE_MAX_RANK] = {0};
  for (int64_t i = 0; i < f->count; i++, eval_next(&f->folded, coord)) {
    int64_t v = eval_int(x, base + eval_offset(coord, f->folded_strides, x->shape.rank));
    switch (op) {
      case REDUCE_SUM:
      case REDUCE_MEAN: r += (uint64_t)v; break;
      case REDUCE_PROD: r *= (uint64_t)v; break;
      case REDUCE_MAX: r = i == 0 || v > (int64_t)r ? (uint64_t)v : r; break;
      case REDUCE_MIN: r = i == 0 || v < (int64_t)r ? (uint64_t)v : r; break;
      case REDUCE_ALL: r = r && v; break;
      case REDUCE_ANY: r = r || v; break;
      case REDUCE_SUM_SQUARE: r += (uint64_t)v * (uint64_t)v; break;
      case REDUCE_L2: return false;
    }
  }
  if (op == REDUCE_MEAN) {
    if (f->count == 0) return false;
    r = (uint64_t)((int64_t)r / f->count);
  }
  *out = (int64_t)r;
  return true;
}

static double reduce_real(reduce_op_t op, const tensor_t *x, const fold_t *f, int64_t base) {
  double r = op == REDUCE_PROD ? 1 : op == REDUCE_MAX ? -INFINITY : op == REDUCE_MIN ? INFINITY : 0;
  int64_t coord[SHAPE_MAX_RANK] = {0};
  for (int64_t i = 0; i < f->count; i++, eval_next(&f->folded, coord)) {
    double v = tensor_number_at(x, base + eval_offset(coord, f->folded_strides, x->shape.rank));
    switch (op) {
      case REDUCE_PROD: r *= v; break;
      case REDUCE_MAX: r = binary_eval(BINARY_MAX, r, v); break;
      case REDUCE_MIN: r = binary_eval(BINARY_MIN, r, v); break;
      case REDUCE_L2:
      case REDUCE_SUM_SQUARE: r += v * v; break;
      default: r += v; break;
    }
  }
  return op == REDUCE_MEAN ? r / (double)f->count : op == REDUCE_L2 ? sqrt(r) : r;
}

status_t eval_reduce(const layer_t *l, const tensor_t *in, tensor_t *out) {
  fold_t f = fold_of(&in->shape, l->p.axes, l->p.n_axes);
  reduce_op_t op = l->p.reduce.op;
  int64_t coord[SHAPE_MAX_RANK] = {0}, n = tensor_elements(out);
  for (int64_t i = 0; i < n; i++, eval_next(&f.kept, coord)) {
    int64_t base = eval_offset(coord, f.kept_strides, in->shape.rank), v;
    if (!eval_exact(in->dtype))
      tensor_set_number(out, i, reduce_real(op, in, &f, base));
    else if (reduce_exact(op, in, &f, base, &v))
      eval_set_int(out, i, v);
    else
      return EVAL_BAD(l, "%s of %s", reduce_op_name(op), dtype_name(in->dtype));
  }
  return NULL;
}

status_t eval_softmax(const layer_t *l, const tensor_t *in, tensor_t *out) {
  eval_axis_t a = eval_axis_of(&in->shape, axis_resolve(l->p.softmax.axis, in->shape.rank));
  double scale = l->p.softmax.scale != 0 ? (double)l->p.softmax.scale : 1;
  for (int64_t row = 0; row < a.outer * a.inner; row++) {
    int64_t base = row / a.inner * a.dim * a.inner + row % a.inner;
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < a.dim; i++)
      most = fmax(most, tensor_number_at(in, base + i * a.inner) * scale);
    for (int64_t i = 0; i < a.dim; i++)
      sum += exp(tensor_number_at(in, base + i * a.inner) * scale - most);
    for (int64_t i = 0; i < a.dim; i++) {
      double x = tensor_number_at(in, base + i * a.inner) * scale - most;
      tensor_set_number(out, base + i * a.inner, l->p.softmax.log ? x - log(sum) : exp(x) / sum);
    }
  }
  return NULL;
}

// Scale and offset broadcast to x.
status_t eval_norm(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *x = &in->shape;
  fold_t f = fold_of(x, l->p.axes, l->p.n_axes);
  bool has_offset = l->p.norm.has_offset;
  if (l->n_in < 2 + has_offset) return EVAL_BAD(l, "%d inputs", l->n_in);
  int64_t strides[2][SHAPE_MAX_RANK];
  for (int k = 0; k < 1 + has_offset; k++) {
    shape_t both;
    if (!shape_broadcast(&in[1 + k].shape, x, &both) || !shape_equal(&both, x))
      return EVAL_BAD(l, "input %d does not broadcast to the input", 1 + k);
    eval_broadcast_strides(&in[1 + k].shape, x, strides[k]);
  }
  int64_t kept[SHAPE_MAX_RANK] = {0}, n = shape_elements(&f.kept);
  for (int64_t row = 0; row < n; row++, eval_next(&f.kept, kept)) {
    int64_t base = eval_offset(kept, f.kept_strides, x->rank);
    double mean = reduce_real(REDUCE_SUM, in, &f, base) / (double)f.count, variance = 0;
    int64_t coord[SHAPE_MAX_RANK] = {0};
    for (int64_t i = 0; i < f.count; i++, eval_next(&f.folded, coord)) {
      double v = tensor_number_at(in, base + eval_offset(coord, f.folded_strides, x->rank)) - mean;
      variance += v * v;
    }
    double by = 1 / sqrt(variance / (double)f.count + (double)l->p.norm.epsilon);
    for (int64_t i = 0; i < f.count; i++, eval_next(&f.folded, coord)) {
      int64_t at = base + eval_offset(coord, f.folded_strides, x->rank), extra[2] = {0, 0};
      for (int k = 0; k < 1 + has_offset; k++)
        extra[k] = eval_offset(coord, strides[k], x->rank) + eval_offset(kept, strides[k], x->rank);
      double v = (tensor_number_at(in, at) - mean) * by * tensor_number_at(&in[1], extra[0]);
      if (has_offset) v += tensor_number_at(&in[2], extra[1]);
      tensor_set_number(out, at, eval_activate(&l->p.norm.act, v));
    }
  }
  return NULL;
}

typedef struct ranked {
  double value;
  int64_t exact, index;
} ranked_t;

static int by_value(const void *pa, const void *pb) {  // largest first, then the lower index
  const ranked_t *a = pa, *b = pb;
  if (a->value != b->value) return a->value > b->value ? -1 : 1;
  if (a->exact != b->exact) return a->exact > b->exact ? -1 : 1;
  return a->index < b->index ? -1 : a->index > b->index;
}

status_t eval_topk(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *x = &in->shape;
  int64_t last = x->d[x->rank - 1], k = out->shape.d[x->rank - 1];
  int64_t rows = last ? tensor_elements(in) / last : 0;
  ranked_t *all = mem_try_alloc((size_t)(last + 1) * sizeof *all);
  if (!all) return EVAL_MEMORY(l);
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t i = 0; i < last; i++)
      all[i] = (ranked_t){tensor_number_at(in, row * last + i), eval_int(in, row * last + i), i};
    qsort(all, (size_t)last, sizeof *all, by_value);
    for (int64_t i = 0; i < k; i++) {
      if (eval_exact(in->dtype))
        eval_set_int(out, row * k + i, all[i].exact);
      else
        tensor_set_number(out, row * k + i, all[i].value);
      if (l->n_out > 1) eval_set_int(&out[1], row * k + i, all[i].index);
    }
  }
  mem_aligned_free(all);
  return NULL;
}

status_t eval_arg(const layer_t *l, const tensor_t *in, tensor_t *out) {
  eval_axis_t a = eval_axis_of(&in->shape, axis_resolve(l->p.axis, in->shape.rank));
  if (a.dim == 0) return EVAL_BAD(l, "axis %d is empty", l->p.axis);
  for (int64_t row = 0; row < a.outer * a.inner; row++) {
    int64_t base = row / a.inner * a.dim * a.inner + row % a.inner, best = 0;
    for (int64_t i = 1; i < a.dim; i++) {
      int64_t p = base + best * a.inner, q = base + i * a.inner;
      double d = tensor_number_at(in, q) - tensor_number_at(in, p);
      if (in->dtype == DT_INT64)
        d = (double)((eval_int(in, q) > eval_int(in, p)) - (eval_int(in, q) < eval_int(in, p)));
      if (l->p.arg.max ? d > 0 : d < 0) best = i;
    }
    eval_set_int(out, row, best);
  }
  return NULL;
}

status_t eval_cumulative(const layer_t *l, const tensor_t *in, tensor_t *out) {
  eval_axis_t a = eval_axis_of(&in->shape, axis_resolve(l->p.axis, in->shape.rank));
  bool prod = l->p.cumulative.prod, exclusive = l->p.cumulative.exclusive;
  bool exact = eval_exact(in->dtype);
  for (int64_t row = 0; row < a.outer * a.inner; row++) {
    int64_t base = row / a.inner * a.dim * a.inner + row % a.inner;
    double f = prod;
    uint64_t e = prod;
    for (int64_t i = 0; i < a.dim; i++) {
      int64_t at = base + (l->p.cumulative.reverse ? a.dim - 1 - i : i) * a.inner;
      double before_f = f;
      uint64_t before_e = e, v = exact ? (uint64_t)eval_int(in, at) : 0;
      double x = exact ? 0 : tensor_number_at(in, at);
      f = prod ? f * x : f + x;
      e = prod ? e * v : e + v;
      if (exact)
        eval_set_int(out, at, (int64_t)(exclusive ? before_e : e));
      else
        tensor_set_number(out, at, exclusive ? before_f : f);
    }
  }
  return NULL;
}
