// The fused recurrent cells of TF1: LSTMBlockCell, BlockLSTM, GRUBlockCell.
#include <math.h>
#include <string.h>

#include "ops/array.h"

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

static status_t need_shape(const op_ctx_t *c, int i, const shape_t *s) {
  char a[128], b[128];
  if (c->in[i].dtype != DT_FLOAT)
    return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(c->in[i].dtype));
  if (shape_equal(&c->in[i].shape, s)) return NULL;
  return OP_FAIL(c, INVALID_ARGUMENT, "input %d has shape %s, expected %s", i,
                 shape_format(&c->in[i].shape, a, sizeof a), shape_format(s, b, sizeof b));
}

// y [rows, n] = [x, h] w + b, with w [x + h, n].
static void gates(const float *x, int64_t nx, const float *h, int64_t nh, const float *w,
                  const float *b, float *y, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) {
    float *to = y + r * n;
    memcpy(to, b, (size_t)n * sizeof *to);
    for (int64_t i = 0; i < nx + nh; i++) {
      float v = i < nx ? x[r * nx + i] : h[r * nh + i - nx];
      const float *row = w + i * n;
      for (int64_t k = 0; k < n; k++) to[k] += v * row[k];
    }
  }
}

// ---------------------------------------------------------------- LSTM

typedef struct lstm {
  int64_t rows, nx, nh;
  const float *w, *wci, *wcf, *wco, *b;
  float forget, clip;
  bool peephole;
  int place[4];  // of the gates i, c, f, o in the product
  float *product;
} lstm_t;

enum { OUT_I, OUT_CS, OUT_F, OUT_O, OUT_CI, OUT_CO, OUT_H, OUTS };

static float clipped(const lstm_t *l, float v) {
  return l->clip <= 0 ? v : v > l->clip ? l->clip : v < -l->clip ? -l->clip : v;
}

// One step; out[] are [rows, nh].
static void lstm_step(const lstm_t *l, const float *x, const float *cs, const float *h,
                      float *const out[OUTS]) {
  int64_t n = l->nh;
  gates(x, l->nx, h, n, l->w, l->b, l->product, l->rows, 4 * n);
  for (int64_t r = 0; r < l->rows; r++)
    for (int64_t k = 0; k < n; k++) {
      const float *g = l->product + r * 4 * n + k;
      int64_t at = r * n + k;
      float before = cs[at], gi = g[l->place[0] * n], gc = g[l->place[1] * n],
            gf = g[l->place[2] * n] + l->forget, go = g[l->place[3] * n];
      if (l->peephole) gi += before * l->wci[k], gf += before * l->wcf[k];
      float i = sigmoid(gi), f = sigmoid(gf), ci = tanhf(gc);
      float now = clipped(l, ci * i + before * f);
      if (l->peephole) go += now * l->wco[k];
      float o = sigmoid(go), co = tanhf(now);
      out[OUT_I][at] = i;
      out[OUT_CS][at] = now;
      out[OUT_F][at] = f;
      out[OUT_O][at] = o;
      out[OUT_CI][at] = ci;
      out[OUT_CO][at] = co;
      out[OUT_H][at] = co * o;
    }
}

// Inputs cs, h, w, wci, wcf, wco, b from `first` on, for x of [..., rows, nx].
static status_t lstm_make(op_ctx_t *c, int first, int x, lstm_t *l, tensor_t *scratch) {
  const shape_t *xs = &c->in[x].shape, *cs = &c->in[first].shape;
  if (xs->rank < 2 || cs->rank != 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "x and cs_prev must have a batch and a width");
  l->rows = xs->d[xs->rank - 2];
  l->nx = xs->d[xs->rank - 1];
  l->nh = cs->d[1];
  shape_t state = SHAPE(l->rows, l->nh), w = SHAPE(l->nx + l->nh, 4 * l->nh), one = SHAPE(l->nh),
          b = SHAPE(4 * l->nh);
  TRY(need_shape(c, first, &state));
  TRY(need_shape(c, first + 1, &state));
  TRY(need_shape(c, first + 2, &w));
  l->peephole = node_bool(c->node, "use_peephole", false);
  for (int i = 3; i < 6 && l->peephole; i++) TRY(need_shape(c, first + i, &one));
  TRY(need_shape(c, first + 6, &b));
  l->w = c->in[first + 2].data;
  l->wci = c->in[first + 3].data;
  l->wcf = c->in[first + 4].data;
  l->wco = c->in[first + 5].data;
  l->b = c->in[first + 6].data;
  l->clip = node_float(c->node, "cell_clip", 0);
  l->forget = node_float(c->node, "forget_bias", 0);
  memcpy(l->place, (int[]){0, 1, 2, 3}, sizeof l->place);
  shape_t product = SHAPE(l->rows, 4 * l->nh);
  TRY(op_temp(c, DT_FLOAT, &product, scratch));
  l->product = scratch->data;
  return NULL;
}

static status_t cell_infer(infer_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, infer_in(c, 1));
  return NULL;
}

static status_t cell_kernel(op_ctx_t *c) {
  lstm_t l;
  tensor_t scratch = {0}, *y;
  float *out[OUTS];
  if (c->in[0].dtype != DT_FLOAT)
    return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(c->in[0].dtype));
  TRY(lstm_make(c, 1, 0, &l, &scratch));
  status_t st = NULL;
  for (int i = 0; i < OUTS && !st; i++) {
    st = op_out(c, i, &c->in[1].shape, &y);
    if (!st) out[i] = y->data;
  }
  if (!st) lstm_step(&l, c->in[0].data, c->in[1].data, c->in[2].data, out);
  tensor_unref(&scratch);
  return st;
}

static status_t block_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 1), *cs = infer_in(c, 2);
  shape_t s = x->rank == 3 && cs->rank == 2 ? SHAPE(x->d[0], x->d[1], cs->d[1]) : SHAPE(-1, -1, -1);
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, &s);
  return NULL;
}

static status_t block_kernel(op_ctx_t *c) {
  bool v2 = strcmp(c->node->op, "BlockLSTMV2") == 0;
  const tensor_t *x = &c->in[1];
  lstm_t l;
  tensor_t scratch = {0}, *y;
  char *all[OUTS];
  int64_t steps;
  TRY(op_int(c, 0, &steps));
  if (x->shape.rank != 3 || x->dtype != DT_FLOAT || steps < 0 || steps > x->shape.d[0])
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "x must be [time, batch, width] of float, seq_len_max <= time");
  TRY(lstm_make(c, 2, 1, &l, &scratch));
  if (v2) memcpy(l.place, (int[]){0, 2, 1, 3}, sizeof l.place);
  if (!v2) l.forget = node_float(c->node, "forget_bias", 1);
  shape_t s = SHAPE(x->shape.d[0], l.rows, l.nh);
  status_t st = NULL;
  for (int i = 0; i < OUTS && !st; i++) {
    st = op_out(c, i, &s, &y);
    if (st) break;
    memset(y->data, 0, tensor_bytes(y));
    all[i] = y->data;
  }
  const float *cs = c->in[2].data, *h = c->in[3].data;
  size_t step = (size_t)(l.rows * l.nh) * sizeof(float);
  for (int64_t t = 0; t < steps && !st; t++) {
    float *out[OUTS];
    for (int i = 0; i < OUTS; i++) out[i] = (float *)(void *)(all[i] + (size_t)t * step);
    lstm_step(&l, TENSOR_DATA(float, x) + t * l.rows * l.nx, cs, h, out);
    cs = out[OUT_CS];
    h = out[OUT_H];
  }
  tensor_unref(&scratch);
  return st;
}

// ---------------------------------------------------------------- GRUBlockCell

static status_t gru_infer(infer_ctx_t *c) {
  for (int i = 0; i < 4; i++) infer_out(c, i, infer_in(c, 1));
  return NULL;
}

static status_t gru_kernel(op_ctx_t *c) {
  const shape_t *xs = &c->in[0].shape, *hs = &c->in[1].shape;
  if (xs->rank != 2 || hs->rank != 2 || xs->d[0] != hs->d[0] || c->in[0].dtype != DT_FLOAT ||
      c->in[1].dtype != DT_FLOAT)
    return OP_FAIL(c, INVALID_ARGUMENT, "x and h_prev must be matrices of float with one batch");
  int64_t rows = xs->d[0], nx = xs->d[1], n = hs->d[1];
  shape_t wru = SHAPE(nx + n, 2 * n), wc = SHAPE(nx + n, n), bru = SHAPE(2 * n), bc = SHAPE(n);
  TRY(need_shape(c, 2, &wru));
  TRY(need_shape(c, 3, &wc));
  TRY(need_shape(c, 4, &bru));
  TRY(need_shape(c, 5, &bc));
  tensor_t scratch, *y;
  float *out[4];
  shape_t s = SHAPE(rows, 3 * n);
  for (int i = 0; i < 4; i++) {
    TRY(op_out(c, i, hs, &y));
    out[i] = y->data;
  }
  TRY(op_temp(c, DT_FLOAT, &s, &scratch));
  float *ru = scratch.data, *hr = ru + 2 * rows * n;
  const float *x = c->in[0].data, *h = c->in[1].data;
  gates(x, nx, h, n, c->in[2].data, c->in[4].data, ru, rows, 2 * n);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < n; k++) {
      out[0][i * n + k] = sigmoid(ru[i * 2 * n + k]);
      out[1][i * n + k] = sigmoid(ru[i * 2 * n + n + k]);
      hr[i * n + k] = h[i * n + k] * out[0][i * n + k];
    }
  gates(x, nx, hr, n, c->in[3].data, c->in[5].data, out[2], rows, n);
  for (int64_t i = 0; i < rows * n; i++) {
    out[2][i] = tanhf(out[2][i]);
    out[3][i] = out[1][i] * h[i] + (1 - out[1][i]) * out[2][i];
  }
  tensor_unref(&scratch);
  return NULL;
}

#define LSTM_IN "cs_prev: T, h_prev: T, w: T, wci: T, wcf: T, wco: T, b: T -> "
#define LSTM_OUT "i: T, cs: T, f: T, o: T, ci: T, co: T, h: T"

const op_def_t ops_cells[] = {
    {.name = "LSTMBlockCell",
     .sig = "x: T, " LSTM_IN LSTM_OUT,
     .attrs = "forget_bias: float = 1; cell_clip: float = 3; use_peephole: bool = false; T: type",
     .infer = cell_infer,
     .kernel = cell_kernel},
    {.name = "BlockLSTM",
     .sig = "seq_len_max: int64, x: T, " LSTM_IN LSTM_OUT,
     .attrs = "forget_bias: float = 1; cell_clip: float = 3; use_peephole: bool = false; T: type",
     .infer = block_infer,
     .kernel = block_kernel},
    {.name = "BlockLSTMV2",
     .sig = "seq_len_max: int64, x: T, " LSTM_IN LSTM_OUT,
     .attrs = "cell_clip: float = 0; use_peephole: bool = false; T: type",
     .infer = block_infer,
     .kernel = block_kernel},
    {.name = "GRUBlockCell",
     .sig = "x: T, h_prev: T, w_ru: T, w_c: T, b_ru: T, b_c: T -> r: T, u: T, c: T, h: T",
     .attrs = "T: type",
     .infer = gru_infer,
     .kernel = gru_kernel},
    {0},
};
