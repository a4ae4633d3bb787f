// Convolution, its transpose, matrix multiplication, attention. In double, rounded at the end.
#include <math.h>
#include <string.h>

#include "network/eval/eval_internal.h"

// Spatial dims brought to three (leading ones), so that one loop serves all.
typedef struct geometry {
  int64_t batch, in[3], out[3], window[3], stride[3], dilation[3], before[3];
  int64_t c_in, c_out;
  // element strides of x and y for batch, spatial, channel
  int64_t x[5], y[5];
} geometry_t;

static void tensor_strides(const shape_t *s, int spatial, bool channels_last, int64_t *to) {
  int64_t own[SHAPE_MAX_RANK];
  shape_strides(s, own);
  memset(to, 0, 5 * sizeof *to);
  to[0] = own[0];
  for (int i = 0; i < spatial; i++) to[1 + 3 - spatial + i] = own[channels_last ? 1 + i : 2 + i];
  to[4] = own[channels_last ? spatial + 1 : 1];
}

// big: the side that the window slides over; small: the side with one point per window.
static geometry_t geometry(const conv_params_t *p, const shape_t *big, const shape_t *small,
                           const shape_t *w) {
  int s = p->spatial, skip = 3 - s;
  geometry_t g = {.batch = big->d[0],
                  .c_in = big->d[p->channels_last ? s + 1 : 1],
                  .c_out = small->d[p->channels_last ? s + 1 : 1]};
  for (int i = 0; i < 3; i++) {
    bool real = i >= skip;
    int k = i - skip, axis = p->channels_last ? 1 + k : 2 + k;
    int64_t unused;
    g.in[i] = real ? big->d[axis] : 1;
    g.out[i] = real ? small->d[axis] : 1;
    g.window[i] = real ? w->d[k] : 1;
    g.stride[i] = real && p->strides[k] > 0 ? p->strides[k] : 1;
    g.dilation[i] = real && p->dilations[k] > 0 ? p->dilations[k] : 1;
    if (real)
      conv_geometry(g.in[i], g.window[i], g.stride[i], g.dilation[i], p->same, p->pad_begin[k],
                    p->pad_end[k], &unused, &g.before[i]);
  }
  tensor_strides(big, s, p->channels_last, g.x);
  tensor_strides(small, s, p->channels_last, g.y);
  return g;
}

// in: x, w, [bias], [residual]. acc is one output point's channels, then written with what follows.
static void finish_point(const conv_params_t *p, double *acc, int64_t channels, int64_t at,
                         int64_t channel_stride, const tensor_t *bias, const tensor_t *residual,
                         tensor_t *out) {
  for (int64_t m = 0; m < channels; m++) {
    int64_t o = at + m * channel_stride;
    double v = acc[m];
    if (bias) v += tensor_number_at(bias, m);
    if (residual) v += tensor_number_at(residual, o);
    tensor_set_number(out, o, eval_activate(&p->act, v));
  }
}

status_t eval_conv(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const conv_params_t *p = &l->p.conv;
  geometry_t g = geometry(p, &in[0].shape, &out->shape, &in[1].shape);
  int64_t w_in = in[1].shape.d[p->spatial];
  int64_t groups = p->depthwise ? w_in : w_in ? g.c_in / w_in : 0;
  int64_t per = groups ? g.c_out / groups : 0;  // output channels of a group
  int64_t own = p->depthwise ? 1 : w_in;        // input channels of a group
  const tensor_t *bias = p->has_bias ? &in[2] : NULL;
  const tensor_t *residual = p->has_residual ? &in[2 + p->has_bias] : NULL;
  if (l->n_in < 2 + p->has_bias + p->has_residual) return EVAL_BAD(l, "%d inputs", l->n_in);
  if (bias && tensor_elements(bias) != g.c_out)
    return EVAL_BAD(l, "%d biases", (int)tensor_elements(bias));
  if (residual && !shape_equal(&residual->shape, &out->shape))
    return EVAL_BAD(l, "%s", "the residual's shape is not the output's");
  double *x = eval_doubles(&in[0]), *w = eval_doubles(&in[1]);
  double *acc = mem_try_alloc((size_t)(g.c_out + 1) * sizeof *acc);
  status_t st = x && w && acc ? NULL : EVAL_MEMORY(l);
  int64_t points = st ? 0 : g.batch * g.out[0] * g.out[1] * g.out[2];
  for (int64_t point = 0; point < points; point++) {
    int64_t o[3], rest = point;
    for (int i = 2; i >= 0; i--) {
      o[i] = rest % g.out[i];
      rest /= g.out[i];
    }
    memset(acc, 0, (size_t)g.c_out * sizeof *acc);
    int64_t taps = g.window[0] * g.window[1] * g.window[2];
    for (int64_t tap = 0; tap < taps; tap++) {
      int64_t k[3] = {tap / (g.window[1] * g.window[2]), tap / g.window[2] % g.window[1],
                      tap % g.window[2]};
      int64_t from = rest * g.x[0];
      bool inside = true;
      for (int i = 0; i < 3; i++) {
        int64_t at = o[i] * g.stride[i] + k[i] * g.dilation[i] - g.before[i];
        inside = inside && at >= 0 && at < g.in[i];
        from += at * g.x[1 + i];
      }
      if (!inside) continue;
      const double *wt = w + tap * own * g.c_out;
      for (int64_t c = 0; c < g.c_in && per; c++) {
        // The filter has `own` rows of all output channels; a group uses its part of each row.
        int64_t group = c / own, first = group * per;
        const double *row = wt + (p->depthwise ? 0 : c % own) * g.c_out + first;
        double v = x[from + c * g.x[4]];
        for (int64_t m = 0; m < per; m++) acc[first + m] += v * row[m];
      }
    }
    int64_t to = rest * g.y[0] + o[0] * g.y[1] + o[1] * g.y[2] + o[2] * g.y[3];
    finish_point(p, acc, g.c_out, to, g.y[4], bias, residual, out);
  }
  mem_aligned_free(x);
  mem_aligned_free(w);
  mem_aligned_free(acc);
  return st;
}

// The gradient of a convolution: every input point adds its window to the output. in: x, w
// [spatial..., M, C], output size, [bias].
status_t eval_deconv(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const conv_params_t *p = &l->p.conv;
  geometry_t g = geometry(p, &out->shape, &in[0].shape, &in[1].shape);
  const tensor_t *bias = p->has_bias ? &in[3] : NULL;
  if (bias && (l->n_in < 4 || tensor_elements(bias) != g.c_in))
    return EVAL_BAD(l, "%s", "the bias is not one number per channel");
  int64_t n = tensor_elements(out);
  double *x = eval_doubles(&in[0]), *w = eval_doubles(&in[1]);
  double *acc = mem_try_alloc((size_t)(n + 1) * sizeof *acc);
  status_t st = x && w && acc ? NULL : EVAL_MEMORY(l);
  if (!st) memset(acc, 0, (size_t)n * sizeof *acc);
  int64_t points = st ? 0 : g.batch * g.out[0] * g.out[1] * g.out[2];
  int64_t taps = g.window[0] * g.window[1] * g.window[2];
  for (int64_t point = 0; point < points; point++) {
    int64_t o[3], rest = point;
    for (int i = 2; i >= 0; i--) {
      o[i] = rest % g.out[i];
      rest /= g.out[i];
    }
    int64_t from = rest * g.y[0] + o[0] * g.y[1] + o[1] * g.y[2] + o[2] * g.y[3];
    for (int64_t tap = 0; tap < taps; tap++) {
      int64_t k[3] = {tap / (g.window[1] * g.window[2]), tap / g.window[2] % g.window[1],
                      tap % g.window[2]};
      int64_t to = rest * g.x[0];
      bool inside = true;
      for (int i = 0; i < 3; i++) {
        int64_t at = o[i] * g.stride[i] + k[i] * g.dilation[i] - g.before[i];
        inside = inside && at >= 0 && at < g.in[i];
        to += at * g.x[1 + i];
      }
      if (!inside) continue;
      for (int64_t m = 0; m < g.c_in; m++) {
        const double *row = w + (tap * g.c_in + m) * g.c_out;
        double sum = 0;
        for (int64_t c = 0; c < g.c_out; c++) sum += row[c] * x[from + c * g.y[4]];
        acc[to + m * g.x[4]] += sum;
      }
    }
  }
  for (int64_t i = 0; !st && i < n; i++) {
    double b = bias ? tensor_number_at(bias, i / g.x[4] % g.c_in) : 0;
    tensor_set_number(out, i, eval_activate(&p->act, acc[i] + b));
  }
  mem_aligned_free(x);
  mem_aligned_free(w);
  mem_aligned_free(acc);
  return st;
}

// ---- matrices -------------------------------------------------------------------------------

typedef struct matrix {
  int64_t rows, cols, row_stride, col_stride;
} matrix_t;

static matrix_t matrix_of(const shape_t *s, bool transposed) {
  int64_t r = s->d[s->rank - 2], c = s->d[s->rank - 1];
  return transposed ? (matrix_t){c, r, 1, c} : (matrix_t){r, c, c, 1};
}

static status_t matmul_ints(const tensor_t *in, matrix_t a, matrix_t b, int64_t from_a,
                            int64_t from_b, int64_t to, tensor_t *out) {
  for (int64_t i = 0; i < a.rows; i++)
    for (int64_t j = 0; j < b.cols; j++) {
      uint64_t sum = 0;
      for (int64_t k = 0; k < a.cols; k++)
        sum += (uint64_t)eval_int(&in[0], from_a + i * a.row_stride + k * a.col_stride) *
               (uint64_t)eval_int(&in[1], from_b + k * b.row_stride + j * b.col_stride);
      eval_set_int(out, to + i * b.cols + j, (int64_t)sum);
    }
  return NULL;
}

status_t eval_matmul(const layer_t *l, const tensor_t *in, tensor_t *out) {
  int rank = out->shape.rank, n_extra = l->p.matmul.has_bias + l->p.matmul.has_residual;
  matrix_t a = matrix_of(&in[0].shape, l->p.matmul.transpose_a);
  matrix_t b = matrix_of(&in[1].shape, l->p.matmul.transpose_b);
  if (l->n_in < 2 + n_extra) return EVAL_BAD(l, "%d inputs", l->n_in);
  const tensor_t *bias = l->p.matmul.has_bias ? &in[2] : NULL;
  const tensor_t *residual = l->p.matmul.has_residual ? &in[2 + l->p.matmul.has_bias] : NULL;
  if (bias && tensor_elements(bias) != b.cols)
    return EVAL_BAD(l, "%d biases", (int)tensor_elements(bias));
  if (residual && !shape_equal(&residual->shape, &out->shape))
    return EVAL_BAD(l, "%s", "the residual's shape is not the output's");
  bool exact = eval_exact(in[0].dtype) && eval_exact(out->dtype);
  double scale = l->p.matmul.scale != 0 ? (double)l->p.matmul.scale : 1;

  shape_t batch = shape_of(rank - 2, out->shape.d);
  shape_t batch_a = shape_of(in[0].shape.rank - 2, in[0].shape.d);
  shape_t batch_b = shape_of(in[1].shape.rank - 2, in[1].shape.d);
  int64_t sa[SHAPE_MAX_RANK], sb[SHAPE_MAX_RANK], coord[SHAPE_MAX_RANK] = {0};
  eval_broadcast_strides(&batch_a, &batch, sa);
  eval_broadcast_strides(&batch_b, &batch, sb);
  double *xa = exact ? NULL : eval_doubles(&in[0]), *xb = exact ? NULL : eval_doubles(&in[1]);
  double *acc = mem_try_alloc((size_t)(b.cols + 1) * sizeof *acc);
  status_t st = acc && (exact || (xa && xb)) ? NULL : EVAL_MEMORY(l);
  int64_t n_batch = st ? 0 : shape_elements(&batch), block = a.rows * b.cols;
  for (int64_t n = 0; n < n_batch; n++, eval_next(&batch, coord)) {
    int64_t from_a = eval_offset(coord, sa, batch.rank) * a.rows * a.cols;
    int64_t from_b = eval_offset(coord, sb, batch.rank) * b.rows * b.cols;
    if (exact) {
      st = matmul_ints(in, a, b, from_a, from_b, n * block, out);
      continue;
    }
    for (int64_t i = 0; i < a.rows; i++) {
      memset(acc, 0, (size_t)b.cols * sizeof *acc);
      for (int64_t k = 0; k < a.cols; k++) {
        double v = xa[from_a + i * a.row_stride + k * a.col_stride];
        const double *row = xb + from_b + k * b.row_stride;
        for (int64_t j = 0; j < b.cols; j++) acc[j] += v * row[j * b.col_stride];
      }
      for (int64_t j = 0; j < b.cols; j++) {
        int64_t at = n * block + i * b.cols + j;
        double v = acc[j] * scale;
        if (bias) v += tensor_number_at(bias, j);
        if (residual) v += tensor_number_at(residual, at);
        tensor_set_number(out, at, eval_activate(&l->p.matmul.act, v));
      }
    }
  }
  mem_aligned_free(xa);
  mem_aligned_free(xb);
  mem_aligned_free(acc);
  return st;
}

// softmax(q k^T * scale + mask) v for each head. Layout 0 is [B, T, H, D], 1 is [B, H, T, D]; the
// mask broadcasts to [B, H, Tq, Tk].
status_t eval_attention(const layer_t *l, const tensor_t *in, tensor_t *out) {
  const shape_t *q = &in[0].shape, *k = &in[1].shape, *v = &in[2].shape;
  if (q->rank != 4 || k->rank != 4 || v->rank != 4)
    return EVAL_BAD(l, "%s", "queries, keys and values must have rank 4");
  int ta = l->p.attention.layout ? 2 : 1, ha = 3 - ta;
  if (k->d[3] != q->d[3] || k->d[ta] != v->d[ta] || k->d[ha] != q->d[ha] || v->d[ha] != q->d[ha] ||
      k->d[0] != q->d[0] || v->d[0] != q->d[0])
    return EVAL_BAD(l, "%s", "queries, keys and values do not fit");
  int64_t sq[4], sk[4], sv[4], so[4], sm[4] = {0}, tq = q->d[ta], tk = k->d[ta];
  shape_strides(q, sq);
  shape_strides(k, sk);
  shape_strides(v, sv);
  shape_strides(&out->shape, so);
  const tensor_t *mask = l->n_in > 3 ? &in[3] : NULL;
  shape_t grid = SHAPE(q->d[0], q->d[ha], tq, tk), merged;
  if (mask && (!shape_broadcast(&mask->shape, &grid, &merged) || !shape_equal(&merged, &grid)))
    return EVAL_BAD(l, "%s", "the mask does not broadcast to the scores");
  if (mask) eval_broadcast_strides(&mask->shape, &grid, sm);
  double scale = l->p.attention.scale != 0 ? (double)l->p.attention.scale : 1;
  double *score = mem_try_alloc((size_t)(tk + 1) * sizeof *score);
  if (!score) return EVAL_MEMORY(l);
  for (int64_t b = 0; b < q->d[0]; b++)
    for (int64_t h = 0; h < q->d[ha]; h++)
      for (int64_t i = 0; i < tq; i++) {
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < tk; j++) {
          double dot = 0;
          for (int64_t d = 0; d < q->d[3]; d++)
            dot += tensor_number_at(&in[0], b * sq[0] + h * sq[ha] + i * sq[ta] + d) *
                   tensor_number_at(&in[1], b * sk[0] + h * sk[ha] + j * sk[ta] + d);
          score[j] = dot * scale;
          if (mask)
            score[j] += tensor_number_at(mask, b * sm[0] + h * sm[1] + i * sm[2] + j * sm[3]);
          if (l->p.attention.causal && j > i + tk - tq) score[j] = -INFINITY;
          if (score[j] > most) most = score[j];
        }
        for (int64_t j = 0; j < tk; j++) sum += score[j] = exp(score[j] - most);
        for (int64_t d = 0; d < v->d[3]; d++) {
          double y = 0;
          for (int64_t j = 0; j < tk; j++)
            y += score[j] * tensor_number_at(&in[2], b * sv[0] + h * sv[ha] + j * sv[ta] + d);
          tensor_set_number(out, b * so[0] + h * so[ha] + i * so[ta] + d, y / sum);
        }
      }
  mem_aligned_free(score);
  return NULL;
}
