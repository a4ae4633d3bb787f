#include "kernels/broadcast.h"

#include <string.h>

#include "base/parallel.h"

enum { GRAIN = 32768 };  // elements that are worth another thread

bool bcast_plan(int n_in, const shape_t *const *in, bcast_t *b, shape_t *out) {
  shape_t s = *in[0];
  for (int k = 1; k < n_in; k++)
    if (!shape_broadcast(&s, in[k], &s)) return false;
  if (s.rank < 0 || shape_elements(&s) < 0) return false;
  *out = s;
  *b = (bcast_t){.n_in = n_in};
  int64_t stride[BCAST_MAX_IN][SHAPE_MAX_RANK];
  for (int k = 0; k < n_in; k++) {
    int64_t step = 1;
    for (int i = s.rank - 1; i >= 0; i--) {
      int j = i - (s.rank - in[k]->rank);
      int64_t dim = j < 0 ? 1 : in[k]->d[j];
      stride[k][i] = dim == 1 ? 0 : step;
      step *= dim;
    }
  }
  int r = 0;
  for (int i = 0; i < s.rank; i++) {
    if (s.d[i] == 1) continue;
    bool merge = r > 0;
    for (int k = 0; k < n_in && merge; k++) merge = b->stride[k][r - 1] == stride[k][i] * s.d[i];
    if (!merge) r++;
    b->d[r - 1] = merge ? b->d[r - 1] * s.d[i] : s.d[i];
    for (int k = 0; k < n_in; k++) b->stride[k][r - 1] = stride[k][i];
  }
  if (!r) b->d[r++] = 1;
  b->rank = r;
  b->inner = b->d[r - 1];
  b->rows = 1;
  for (int i = 0; i < r - 1; i++) b->rows *= b->d[i];
  return true;
}

typedef struct {
  const bcast_t *b;
  bcast_row_fn fn;
  void *ctx;
} run_t;

static void run_pieces(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const run_t *r = arg;
  int64_t at[BCAST_MAX_IN], step[BCAST_MAX_IN];
  for (int k = 0; k < r->b->n_in; k++) {
    step[k] = r->b->stride[k][0];
    at[k] = begin * step[k];
  }
  r->fn(r->ctx, at, step, begin, end - begin);
}

static void run_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const run_t *r = arg;
  const bcast_t *b = r->b;
  int outer = b->rank - 1;
  int64_t index[SHAPE_MAX_RANK], at[BCAST_MAX_IN] = {0}, step[BCAST_MAX_IN];
  int64_t rest = begin;
  for (int i = outer - 1; i >= 0; i--) {
    index[i] = rest % b->d[i];
    rest /= b->d[i];
    for (int k = 0; k < b->n_in; k++) at[k] += index[i] * b->stride[k][i];
  }
  for (int k = 0; k < b->n_in; k++) step[k] = b->stride[k][outer];
  for (int64_t row = begin; row < end; row++) {
    r->fn(r->ctx, at, step, row * b->inner, b->inner);
    for (int i = outer - 1; i >= 0; i--) {
      bool carry = ++index[i] == b->d[i];
      for (int k = 0; k < b->n_in; k++)
        at[k] += b->stride[k][i] - (carry ? b->d[i] * b->stride[k][i] : 0);
      if (!carry) break;
      index[i] = 0;
    }
  }
}

void bcast_run(const bcast_t *b, int threads, bcast_row_fn fn, void *ctx) {
  run_t r = {b, fn, ctx};
  if (b->inner == 0 || b->rows == 0) return;
  if (b->rank == 1)
    parallel_for(threads, b->inner, GRAIN, run_pieces, &r);
  else
    parallel_for(threads, b->rows, GRAIN / b->inner + 1, run_rows, &r);
}
