// Layers that only move elements: each is a few strided copies, known before the run.
#include <string.h>

#include "backend/cpu/cpu.h"
#include "kernels/slice.h"
#include "kernels/strided_copy.h"

typedef struct move {
  int in, out;
  strided_t s;
} move_t;

typedef struct moves {
  dtype_t dtype;
  int fill;  // input whose scalar the output is filled with first; -1: none; -2: zeros
  int n;
  move_t m[];
} moves_t;

static moves_t *moves_alloc(const layer_t *l, int n) {
  moves_t *ms = mem_calloc(1, sizeof *ms + (size_t)n * sizeof *ms->m);
  ms->dtype = l->out[0]->dtype;
  ms->fill = -1;
  return ms;
}

static status_t run(step_t *s, backend_context_t *c) {
  const moves_t *ms = s->state;
  if (ms->fill != -1) {
    int64_t n = shape_elements(out_shape(c, s->layer, 0));
    static const char zero[16];
    TRY(fill_elements(ms->dtype, ms->fill >= 0 ? step_in(s, c, ms->fill) : zero, step_out(s, c, 0),
                      n, c->threads));
  }
  for (int i = 0; i < ms->n; i++)
    TRY(strided_copy(ms->dtype, &ms->m[i].s, step_in(s, c, ms->m[i].in),
                     step_out(s, c, ms->m[i].out), c->threads));
  return NULL;
}

static status_t finish(const layer_t *l, moves_t *ms, step_t *s) {
  *s = (step_t){
      .layer = l, .run = run, .state = ms, .destroy = mem_free, .reuse = -1, .tactic = "copy"};
  return NULL;
}

static int64_t product(const shape_t *s, int begin, int end) {
  int64_t n = 1;
  for (int i = begin; i < end; i++) n *= s->d[i];
  return n;
}

// Blocks [outer, n * inner] between arrays whose rows are that far apart.
static void block(strided_t *s, int64_t outer, int64_t run, int64_t src_row, int64_t dst_row) {
  strided_dim(s, outer, src_row, dst_row);
  strided_dim(s, run, 1, 1);
}

// Parts of a tensor along an axis: concat and pack (many inputs) or split and unpack (many
// outputs).
static status_t make_parts(backend_context_t *c, const layer_t *l, bool join, bool new_axis,
                           step_t *s) {
  const shape_t *whole = join ? out_shape(c, l, 0) : in_shape(c, l, 0);
  int axis = l->p.axis < 0 ? l->p.axis + whole->rank : l->p.axis;
  if (axis < 0 || axis >= whole->rank) return NULL;
  int n = join ? l->n_in : l->n_out;
  moves_t *ms = moves_alloc(l, n);
  int64_t outer = product(whole, 0, axis), inner = product(whole, axis + 1, whole->rank);
  int64_t row = whole->d[axis] * inner, at = 0;
  for (int i = 0; i < n; i++) {
    const shape_t *part = join ? in_shape(c, l, i) : out_shape(c, l, i);
    int64_t run = (new_axis ? 1 : part->d[axis]) * inner;
    move_t *m = &ms->m[ms->n++];
    *m = (move_t){.in = join ? i : 0, .out = join ? 0 : i};
    if (join) {
      m->s.dst_start = at;
      block(&m->s, outer, run, run, row);
    } else {
      m->s.src_start = at;
      block(&m->s, outer, run, row, run);
    }
    at += run;
  }
  return finish(l, ms, s);
}

static status_t make_transpose(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0);
  int64_t from[SHAPE_MAX_RANK], to[SHAPE_MAX_RANK];
  shape_strides(x, from);
  shape_strides(y, to);
  if (l->p.transpose.n != x->rank) return NULL;
  moves_t *ms = moves_alloc(l, 1);
  ms->n = 1;
  for (int i = 0; i < y->rank; i++)
    strided_dim(&ms->m[0].s, y->d[i], from[l->p.transpose.perm[i]], to[i]);
  return finish(l, ms, s);
}

static status_t make_slice(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0);
  int64_t v[3][SHAPE_MAX_RANK];
  const tensor_t *begin = in_value(c, l, 1);
  if (!begin || l->n_in < 3 || begin->shape.rank != 1) return NULL;
  int n = (int)begin->shape.d[0];
  if (n > SHAPE_MAX_RANK || (!l->p.slice.size_mode && l->n_in < 4)) return NULL;
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < n; i++) {
      v[k][i] = 1;
      if (k == 2 && l->p.slice.size_mode) continue;
      const tensor_t *t = in_value(c, l, 1 + k);
      if (!t || t->shape.rank != 1 || t->shape.d[0] != n) return NULL;
      TRY(tensor_int_at(t, i, &v[k][i]));
      if (k == 1 && l->p.slice.size_mode)
        v[k][i] = v[k][i] < 0 && i < x->rank ? x->d[i] : v[0][i] + v[k][i];
    }
  slice_spec_t spec = {.n = n, .begin = v[0], .end = v[1], .strides = v[2]};
  if (!l->p.slice.size_mode) {
    spec.begin_mask = l->p.slice.begin_mask;
    spec.end_mask = l->p.slice.end_mask;
    spec.ellipsis_mask = l->p.slice.ellipsis_mask;
    spec.new_axis_mask = l->p.slice.new_axis_mask;
    spec.shrink_axis_mask = l->p.slice.shrink_axis_mask;
  }
  slice_dims_t d;
  TRY(slice_spec_resolve(&spec, x, &d));
  int64_t from[SHAPE_MAX_RANK], to[SHAPE_MAX_RANK];
  shape_strides(x, from);
  shape_strides(&d.box, to);
  moves_t *ms = moves_alloc(l, 1);
  ms->n = 1;
  for (int i = 0; i < x->rank; i++) {
    ms->m[0].s.src_start += d.start[i] * from[i];
    strided_dim(&ms->m[0].s, d.box.d[i], d.step[i] * from[i], to[i]);
  }
  return finish(l, ms, s);
}

static status_t make_broadcast(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0);
  int64_t from[SHAPE_MAX_RANK], to[SHAPE_MAX_RANK];
  shape_strides(x, from);
  shape_strides(y, to);
  moves_t *ms = moves_alloc(l, 1);
  ms->n = 1;
  for (int i = 0; i < y->rank; i++) {
    int k = i - (y->rank - x->rank);
    strided_dim(&ms->m[0].s, y->d[i], k < 0 || x->d[k] == 1 ? 0 : from[k], to[i]);
  }
  return finish(l, ms, s);
}

static status_t make_tile(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0);
  if (x->rank != y->rank || shape_elements(x) == 0) return NULL;
  int64_t from[SHAPE_MAX_RANK], to[SHAPE_MAX_RANK];
  shape_strides(x, from);
  shape_strides(y, to);
  moves_t *ms = moves_alloc(l, 1);
  ms->n = 1;
  for (int i = 0; i < y->rank; i++) {
    strided_dim(&ms->m[0].s, y->d[i] / x->d[i], 0, x->d[i] * to[i]);
    strided_dim(&ms->m[0].s, x->d[i], from[i], to[i]);
  }
  return finish(l, ms, s);
}

// REFLECT and SYMMETRIC: each padded dim is the input and a mirrored piece on either side, the
// result all products of such pieces.
static status_t make_mirror(const layer_t *l, const shape_t *x, const shape_t *y,
                            const tensor_t *paddings, step_t *s) {
  enum { MAX_BOXES = 81 };
  int64_t from[SHAPE_MAX_RANK], to[SHAPE_MAX_RANK];
  piece_t pieces[SHAPE_MAX_RANK][3];
  int count[SHAPE_MAX_RANK], boxes = 1;
  shape_strides(x, from);
  shape_strides(y, to);
  for (int i = 0; i < x->rank; i++) {
    int64_t n = x->d[i], b, a, edge = l->p.pad.mode == PAD_REFLECT;
    TRY(tensor_int_at(paddings, 2 * i, &b));
    TRY(tensor_int_at(paddings, 2 * i + 1, &a));
    if (b < 0 || a < 0 || b > n - edge || a > n - edge || b + n + a != y->d[i]) return NULL;
    count[i] = 0;
    pieces[i][count[i]++] = (piece_t){0, b, n, 1, 1};
    if (b) pieces[i][count[i]++] = (piece_t){b - 1 + edge, 0, b, -1, 1};
    if (a) pieces[i][count[i]++] = (piece_t){n - 1 - edge, b + n, a, -1, 1};
    boxes *= count[i];
    if (boxes > MAX_BOXES) return NULL;
  }
  moves_t *ms = moves_alloc(l, boxes);
  for (; ms->n < boxes; ms->n++) {
    strided_t *copy = &ms->m[ms->n].s;
    for (int i = 0, k = ms->n; i < x->rank; k /= count[i++]) {
      const piece_t *p = &pieces[i][k % count[i]];
      copy->src_start += p->src * from[i];
      copy->dst_start += p->dst * to[i];
      strided_dim(copy, p->n, p->src_step * from[i], to[i]);
    }
  }
  return finish(l, ms, s);
}

static status_t make_pad(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0), *y = out_shape(c, l, 0);
  const tensor_t *paddings = in_value(c, l, 1);
  if (!paddings || tensor_elements(paddings) != 2 * x->rank) return NULL;
  if (l->p.pad.mode != PAD_CONSTANT) return make_mirror(l, x, y, paddings, s);
  int64_t from[SHAPE_MAX_RANK], to[SHAPE_MAX_RANK];
  shape_strides(x, from);
  shape_strides(y, to);
  strided_t copy = {0};
  for (int i = 0; i < x->rank; i++) {
    int64_t before;
    TRY(tensor_int_at(paddings, 2 * i, &before));
    if (before < 0 || before + x->d[i] > y->d[i]) return NULL;
    copy.dst_start += before * to[i];
    strided_dim(&copy, x->d[i], from[i], to[i]);
  }
  moves_t *ms = moves_alloc(l, 1);
  ms->n = 1;
  ms->m[0].s = copy;
  ms->fill = l->n_in > 2 ? 2 : -2;
  return finish(l, ms, s);
}

// ---- gather

typedef struct gather {
  int64_t outer, row, count, limit;  // bytes of a row
  dtype_t index;
} gather_t;

static status_t run_gather(step_t *s, backend_context_t *c) {
  const gather_t *g = s->state;
  const char *x = step_in(s, c, 0);
  const void *index = step_in(s, c, 1);
  char *y = step_out(s, c, 0);
  for (int64_t i = 0; i < g->count; i++) {
    int64_t at = g->index == DT_INT64 ? ((const int64_t *)index)[i] : ((const int32_t *)index)[i];
    if (at < 0 || at >= g->limit)
      return FAIL(INVALID_ARGUMENT, "%s: indices[%lld] = %lld is not in [0, %lld)", s->layer->name,
                  (long long)i, (long long)at, (long long)g->limit);
    for (int64_t o = 0; o < g->outer; o++)
      memcpy(y + (o * g->count + i) * g->row, x + (o * g->limit + at) * g->row, (size_t)g->row);
  }
  return NULL;
}

static status_t make_gather(backend_context_t *c, const layer_t *l, step_t *s) {
  const shape_t *x = in_shape(c, l, 0);
  dtype_t index = l->in[1]->dtype;
  int axis = l->p.axis < 0 ? l->p.axis + x->rank : l->p.axis;
  if (l->p.gather.batch_dims != 0 || axis < 0 || axis >= x->rank) return NULL;
  if ((index != DT_INT32 && index != DT_INT64) || !dtype_is_plain(l->in[0]->dtype)) return NULL;
  gather_t *g = mem_calloc(1, sizeof *g);
  *g = (gather_t){.outer = product(x, 0, axis),
                  .row = product(x, axis + 1, x->rank) * (int64_t)dtype_size(l->in[0]->dtype),
                  .count = shape_elements(in_shape(c, l, 1)),
                  .limit = x->d[axis],
                  .index = index};
  *s = (step_t){.layer = l,
                .run = run_gather,
                .state = g,
                .destroy = mem_free,
                .reuse = -1,
                .tactic = "copy"};
  return NULL;
}

status_t make_move_step(backend_context_t *c, const layer_t *l, step_t *s) {
  if (!dtype_is_plain(l->out[0]->dtype)) return NULL;
  switch (l->type) {
    case LAYER_CONCAT: return make_parts(c, l, true, false, s);
    case LAYER_PACK: return make_parts(c, l, true, true, s);
    case LAYER_SPLIT: return make_parts(c, l, false, false, s);
    case LAYER_UNPACK: return make_parts(c, l, false, true, s);
    case LAYER_TRANSPOSE: return make_transpose(c, l, s);
    case LAYER_SLICE: return make_slice(c, l, s);
    case LAYER_BROADCAST: return make_broadcast(c, l, s);
    case LAYER_TILE: return make_tile(c, l, s);
    case LAYER_PAD: return make_pad(c, l, s);
    case LAYER_GATHER: return make_gather(c, l, s);
    default: return NULL;
  }
}
