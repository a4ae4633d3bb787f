// Softmax, layer normalisation and reductions of floats, row by row. They compute in float32; rows
// of 16-bit numbers are widened on their way in and rounded on their way out.
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/parallel.h"
#include "kernels/elementwise.h"

static int resolve_axis(int axis, int rank) { return axis < 0 ? axis + rank : axis; }

static int64_t product(const shape_t *s, int begin, int end) {
  int64_t n = 1;
  for (int i = begin; i < end; i++) n *= s->d[i];
  return n;
}

// The array as [outer, n, inner], where the work is along n.
typedef struct rows {
  int64_t outer, n, inner;
  const tile_ops_t *ops;
  dtype_t x_type, y_type;
  const void *x;
  const float *scale, *offset;
  void *y;
  float *wide;   // scratch memory: two rows a thread where types are not float32
  float factor;  // softmax scale, epsilon, or what a sum is multiplied by
  bool log, has_offset;
  reduce_op_t op;
  tile_unary_fn act;
  float alpha, beta;
} rows_t;

static status_t make(backend_context_t *c, const layer_t *l, const rows_t *r, step_fn run,
                     bool in_place, step_t *s) {
  rows_t *state = mem_alloc(sizeof *state);
  *state = *r;
  state->ops = tile_ops();
  state->x_type = l->in[0]->dtype;
  state->y_type = l->out[0]->dtype;
  bool wide = state->x_type != DT_FLOAT || state->y_type != DT_FLOAT;
  *s = (step_t){.layer = l,
                .run = run,
                .state = state,
                .destroy = mem_free,
                .scratch = wide ? (size_t)c->threads * 2 * (size_t)r->n * sizeof(float) : 0,
                .reuse = in_place && state->x_type == state->y_type ? 0 : -1,
                .tactic = state->ops->name};
  return NULL;
}

static int64_t grain(int64_t row) {  // rows that are worth a thread
  int64_t n = 4096 / (row > 0 ? row : 1);
  return n > 0 ? n : 1;
}

static bool bind(step_t *s, backend_context_t *c) {
  rows_t *r = s->state;
  r->x = step_in(s, c, 0);
  r->y = step_out(s, c, 0);
  r->wide = c->scratch;
  return true;
}

static bool is_real(dtype_t t) { return t == DT_FLOAT || dtype_is_16bit_float(t); }

static float *thread_rows(const rows_t *r, int thread) {
  return r->wide ? r->wide + 2 * thread * r->n : NULL;
}

// n elements from `at`: where they are, or widened into `wide`.
static const float *read(const rows_t *r, int64_t at, int64_t n, float *wide) {
  const char *x = (const char *)r->x + at * (int64_t)dtype_size(r->x_type);
  if (r->x_type == DT_FLOAT) return (const float *)x;
  (r->x_type == DT_HALF ? ew_half_to_float : ew_bfloat16_to_float)((const uint16_t *)x, wide, n);
  return wide;
}

// Where results are to be written, and what then brings them to their place.
static float *writes(const rows_t *r, int64_t at, float *wide) {
  return r->y_type == DT_FLOAT ? (float *)r->y + at : wide;
}
static void written(const rows_t *r, int64_t at, int64_t n, const float *wide) {
  if (r->y_type == DT_HALF) ew_float_to_half(wide, (uint16_t *)r->y + at, n);
  if (r->y_type == DT_BFLOAT16) ew_float_to_bfloat16(wide, (uint16_t *)r->y + at, n);
}

// ---- softmax

static void softmax_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  const rows_t *r = ctx;
  float *in = thread_rows(r, thread), *out = in ? in + r->n : NULL;
  for (int64_t i = begin; i < end; i++) {
    float *y = writes(r, i * r->n, out);
    r->ops->softmax(r->n, read(r, i * r->n, r->n, in), y, r->factor, r->log);
    written(r, i * r->n, r->n, y);
  }
}

static status_t run_softmax(step_t *s, backend_context_t *c) {
  bind(s, c);
  rows_t *r = s->state;
  parallel_for(c->threads, r->outer, grain(r->n), softmax_rows, r);
  return NULL;
}

status_t make_softmax_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0);
  int axis = resolve_axis(l->p.softmax.axis, x->rank);
  if (!is_real(l->in[0]->dtype) || !is_real(l->out[0]->dtype) || x->rank == 0 ||
      product(x, axis + 1, x->rank) != 1)
    return NULL;
  rows_t r = {.outer = product(x, 0, axis),
              .n = x->d[axis],
              .inner = 1,
              .factor = l->p.softmax.scale != 0.0f ? l->p.softmax.scale : 1.0f,
              .log = l->p.softmax.log};
  return make(c, l, &r, run_softmax, true, s);
}

// ---- layer normalisation over the trailing axes

static void norm_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  const rows_t *r = ctx;
  float *in = thread_rows(r, thread), *out = in ? in + r->n : NULL;
  for (int64_t i = begin; i < end; i++) {
    float *y = writes(r, i * r->n, out);
    r->ops->norm(r->n, read(r, i * r->n, r->n, in), r->scale, r->offset, r->factor, y);
    if (r->act) r->act(r->n, y, y, r->alpha, r->beta);
    written(r, i * r->n, r->n, y);
  }
}

static status_t run_norm(step_t *s, backend_context_t *c) {
  bind(s, c);
  rows_t *r = s->state;
  r->scale = step_in(s, c, 1);
  r->offset = r->has_offset ? step_in(s, c, 2) : NULL;
  parallel_for(c->threads, r->outer, grain(r->n), norm_rows, r);
  return NULL;
}

status_t make_norm_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0);
  if (!is_real(l->in[0]->dtype) || !is_real(l->out[0]->dtype)) return NULL;
  for (int i = 1; i < l->n_in; i++)
    if (l->in[i]->dtype != DT_FLOAT) return NULL;
  bool reduced[SHAPE_MAX_RANK] = {false};
  for (int i = 0; i < l->p.n_axes; i++) {
    int a = resolve_axis(l->p.axes[i], x->rank);
    if (a < 0 || a >= x->rank) return NULL;
    reduced[a] = true;
  }
  int first = x->rank - l->p.n_axes;
  for (int d = first; d < x->rank; d++)
    if (d < 0 || !reduced[d]) return NULL;
  rows_t r = {.outer = product(x, 0, first),
              .n = product(x, first, x->rank),
              .inner = 1,
              .factor = l->p.norm.epsilon,
              .has_offset = l->p.norm.has_offset};
  for (int i = 1; i < 2 + r.has_offset; i++)
    if (shape_elements(in_shape(c, l, i)) != r.n) return NULL;
  const activation_t *act = &l->p.norm.act;
  if (act->on) {
    r.act = tile_ops()->unary[act->op];
    r.alpha = act->alpha, r.beta = act->beta;
    if (!r.act) return NULL;
  }
  return make(c, l, &r, run_norm, true, s);
}

// ---- reductions over adjacent axes

static float reduce_row(const rows_t *r, const float *x) {
  switch (r->op) {
    case REDUCE_MAX: return r->ops->max(r->n, x);
    case REDUCE_MIN: return r->ops->min(r->n, x);
    case REDUCE_SUM_SQUARE: return r->ops->sum_square(r->n, x);
    case REDUCE_L2: return sqrtf(r->ops->sum_square(r->n, x));
    default: return r->ops->sum(r->n, x) * r->factor;
  }
}

// Rows that are not worth a call each.
enum { SHORT_ROW = 8 };

static bool sums_short_rows(const rows_t *r) {
  return r->n <= SHORT_ROW && r->x_type == DT_FLOAT && r->y_type == DT_FLOAT &&
         (r->op == REDUCE_SUM || r->op == REDUCE_MEAN);
}

static void sum_short_rows(const rows_t *r, int64_t begin, int64_t end) {
  const float *x = (const float *)r->x + begin * r->n;
  for (int64_t i = begin; i < end; i++, x += r->n) {
    float sum = x[0];
    for (int64_t k = 1; k < r->n; k++) sum += x[k];
    ((float *)r->y)[i] = sum * r->factor;
  }
}

static void reduce_rows(void *ctx, int64_t begin, int64_t end, int thread) {
  const rows_t *r = ctx;
  if (sums_short_rows(r)) {
    sum_short_rows(r, begin, end);
    return;
  }
  float *in = thread_rows(r, thread);
  for (int64_t i = begin; i < end; i++) {
    float result = reduce_row(r, read(r, i * r->n, r->n, in));
    if (r->y_type == DT_FLOAT) ((float *)r->y)[i] = result;
    written(r, i, 1, &result);
  }
}

enum { COLUMNS = 256 };  // kept in the first-level cache while the rows go by

static void reduce_columns(void *ctx, int64_t begin, int64_t end, int thread) {
  const rows_t *r = ctx;
  (void)thread;
  const tile_ops_t *ops = r->ops;
  int64_t blocks = (r->inner + COLUMNS - 1) / COLUMNS;
  for (int64_t i = begin; i < end; i++) {
    int64_t o = i / blocks, at = i % blocks * COLUMNS;
    int64_t w = r->inner - at < COLUMNS ? r->inner - at : COLUMNS;
    int64_t from = o * r->n * r->inner + at, to = o * r->inner + at;
    float in[COLUMNS], out[COLUMNS], *y = writes(r, to, out);
    bool squares = r->op == REDUCE_SUM_SQUARE || r->op == REDUCE_L2;
    int64_t first = squares ? 0 : 1;
    if (squares)
      memset(y, 0, (size_t)w * sizeof *y);
    else
      memcpy(y, read(r, from, w, in), (size_t)w * sizeof *y);
    tile_binary_fn fold = r->op == REDUCE_MAX   ? ops->binary[BINARY_MAX]
                          : r->op == REDUCE_MIN ? ops->binary[BINARY_MIN]
                                                : ops->binary[BINARY_ADD];
    for (int64_t k = first; k < r->n; k++) {
      const float *x = read(r, from + k * r->inner, w, in);
      if (squares)
        ops->add_square(w, x, y);
      else
        fold(w, y, x, y);
    }
    if (r->op == REDUCE_MEAN)
      for (int64_t k = 0; k < w; k++) y[k] *= r->factor;
    if (r->op == REDUCE_L2) ops->unary[UNARY_SQRT](w, y, y, 0, 0);
    written(r, to, w, y);
  }
}

static status_t run_reduce(step_t *s, backend_context_t *c) {
  bind(s, c);
  rows_t *r = s->state;
  if (r->inner == 1) {
    parallel_for(c->threads, r->outer, grain(r->n), reduce_rows, r);
  } else {
    int64_t blocks = (r->inner + COLUMNS - 1) / COLUMNS;
    parallel_for(c->threads, r->outer * blocks, grain(r->n * COLUMNS), reduce_columns, r);
  }
  return NULL;
}

status_t make_reduce_step(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0);
  reduce_op_t op = l->p.reduce.op;
  const bool numbers = dtype_is_8bit_int(l->in[0]->dtype);
  if (numbers && layer_averages(l)) return make_average_int8_step(c, l, s);
  bool known = op == REDUCE_SUM || op == REDUCE_MEAN || op == REDUCE_MAX || op == REDUCE_MIN ||
               op == REDUCE_L2 || op == REDUCE_SUM_SQUARE;
  if (!is_real(l->in[0]->dtype) || !is_real(l->out[0]->dtype) || !known || l->p.n_axes == 0)
    return NULL;
  bool reduced[SHAPE_MAX_RANK] = {false};
  for (int i = 0; i < l->p.n_axes; i++) {
    int a = resolve_axis(l->p.axes[i], x->rank);
    if (a < 0 || a >= x->rank) return NULL;
    reduced[a] = true;
  }
  int begin = 0;
  while (!reduced[begin]) begin++;
  int end = begin;
  while (end < x->rank && (reduced[end] || x->d[end] == 1)) end++;
  for (int d = end; d < x->rank; d++)
    if (reduced[d] && x->d[d] != 1) return NULL;
  rows_t r = {.outer = product(x, 0, begin),
              .n = product(x, begin, end),
              .inner = product(x, end, x->rank),
              .op = op};
  if (r.n == 0) return NULL;
  r.factor = op == REDUCE_MEAN ? 1.0f / (float)r.n : 1.0f;
  return make(c, l, &r, run_reduce, false, s);
}
