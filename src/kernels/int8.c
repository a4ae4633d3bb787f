#include "kernels/int8.h"

#include <string.h>

#include "base/mem.h"
#include "base/parallel.h"

typedef struct job {
  const int8_conv_t *g;
  const uint8_t *x;
  const int8_t *w;
  int8_done_fn done;
  void *user;
  int32_t *sums;  // [threads][c_out]
} job_t;

static int number(const int8_conv_t *g, uint8_t v) {
  return (g->is_unsigned ? (int)v : (int)(int8_t)v) - g->zero_point;
}

static void add_tap(const int8_conv_t *g, const uint8_t *x, const int8_t *w, int32_t *sums) {
  int64_t own = g->c_in / g->groups, per = g->c_out / g->groups;
  if (own == 1 && per == 1) {
    for (int64_t m = 0; m < g->c_out; m++) sums[m] += number(g, x[m]) * w[m];
    return;
  }
  for (int64_t c = 0; c < g->c_in; c++) {
    int v = number(g, x[c]);
    if (v == 0) continue;
    // A filter has `own` rows of all output channels; a group uses its part of each row.
    int64_t first = c / own * per;
    const int8_t *row = w + c % own * g->c_out + first;
    int32_t *to = sums + first;
    for (int64_t m = 0; m < per; m++) to[m] += v * row[m];
  }
}

static void piece(void *ctx, int64_t begin, int64_t end, int thread) {
  const job_t *j = ctx;
  const int8_conv_t *g = j->g;
  int32_t *sums = j->sums + thread * g->c_out;
  int64_t own = g->c_in / g->groups, points = g->out[0] * g->out[1] * g->out[2];
  for (int64_t point = begin; point < end; point++) {
    int64_t n = point / points, rest = point % points, o[3];
    for (int i = 2; i >= 0; i--) o[i] = rest % g->out[i], rest /= g->out[i];
    memset(sums, 0, (size_t)g->c_out * sizeof *sums);
    for (int64_t a = 0; a < g->window[0]; a++)
      for (int64_t b = 0; b < g->window[1]; b++)
        for (int64_t c = 0; c < g->window[2]; c++) {
          int64_t k[] = {a, b, c}, at = n;
          bool inside = true;
          for (int i = 0; i < 3; i++) {
            int64_t p = o[i] * g->stride[i] + k[i] * g->dilation[i] - g->before[i];
            inside = inside && p >= 0 && p < g->in[i];
            at = at * g->in[i] + p;
          }
          int64_t tap = (a * g->window[1] + b) * g->window[2] + c;
          if (inside) add_tap(g, j->x + at * g->c_in, j->w + tap * own * g->c_out, sums);
        }
    j->done(j->user, point, sums);
  }
}

bool int8_conv_run(const int8_conv_t *g, const void *x, const int8_t *w, int8_done_fn done,
                   void *user, int threads) {
  int n = threads > 0 ? threads : 1;
  size_t bytes;
  if (!size_mul((size_t)n * sizeof(int32_t), (size_t)g->c_out, &bytes)) return false;
  job_t j = {g, x, w, done, user, mem_try_alloc(bytes ? bytes : 1)};
  if (!j.sums) return false;
  parallel_for(n, g->batch * g->out[0] * g->out[1] * g->out[2], 8, piece, &j);
  mem_aligned_free(j.sums);
  return true;
}
