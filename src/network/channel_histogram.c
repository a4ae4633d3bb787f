#include "network/channel_histogram.h"

#include <math.h>
#include <string.h>

enum { BINS = 64, WIDER = HISTOGRAM_BINS / BINS };

typedef struct counts {
  uint32_t bins[BINS];  // of |x|, without zeros
  uint32_t zeros;
  float width;  // of a bin; 0 before the first value that is not 0
  float least, most;
  double squares, count;
} counts_t;

struct channel_histogram {
  int64_t n;
  counts_t *channels;
};

size_t channel_histogram_bytes(int64_t channels) { return (size_t)channels * sizeof(counts_t); }

channel_histogram_t *channel_histogram_create(int64_t channels) {
  counts_t *c = mem_try_alloc(channel_histogram_bytes(channels));
  if (!c) return NULL;
  memset(c, 0, channel_histogram_bytes(channels));
  channel_histogram_t *h = mem_alloc(sizeof *h);
  *h = (channel_histogram_t){channels, c};
  return h;
}

void channel_histogram_destroy(channel_histogram_t *h) {
  if (!h) return;
  mem_aligned_free(h->channels);
  mem_free(h);
}

int64_t channel_histogram_count(const channel_histogram_t *h) { return h->n; }

// The sum, or the most that there can be of it.
static uint32_t add_counts(uint32_t a, uint32_t b) {
  uint32_t sum;
  return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

static void grow(counts_t *c, float max) {
  if (c->width <= 0) c->width = fmaxf(max / BINS, 1e-36f);
  while (max > c->width * BINS) {
    for (int i = 0; i < BINS / 2; i++) c->bins[i] = add_counts(c->bins[2 * i], c->bins[2 * i + 1]);
    memset(&c->bins[BINS / 2], 0, sizeof c->bins / 2);
    c->width *= 2;
  }
}

static void add_value(counts_t *c, float x) {
  float a = fabsf(x);
  c->count++;
  if (a == 0) {
    c->zeros = add_counts(c->zeros, 1);
    return;
  }
  c->least = x < c->least ? x : c->least;
  c->most = x > c->most ? x : c->most;
  c->squares += (double)a * (double)a;
  if (a > c->width * BINS) grow(c, a);
  int bin = (int)(a / c->width);
  bin = bin < BINS ? bin : BINS - 1;
  c->bins[bin] = add_counts(c->bins[bin], 1);
}

void channel_histogram_add(channel_histogram_t *h, const tensor_t *t) {
  const float *x = t->data;
  int64_t rank = t->shape.rank, rows = tensor_elements(t) / h->n;
  if (!rank || t->shape.d[rank - 1] != h->n) return;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < h->n; c++) add_value(&h->channels[c], *x++);
}

// Each bin as several: its values spread evenly.
static void spread(const counts_t *c, histogram_t *h) {
  *h = (histogram_t){.zeros = (int64_t)c->zeros * WIDER,
                     .count = (int64_t)(c->count * WIDER),
                     .width = c->width / WIDER,
                     .max = fmaxf(-c->least, c->most),
                     .least = c->least,
                     .most = c->most};
  for (int i = 0; i < HISTOGRAM_BINS; i++) h->bins[i] = c->bins[i / WIDER];
}

void channel_histogram_ranges(const channel_histogram_t *h, calibrator_t how,
                              channel_range_t *out) {
  histogram_t *wide = mem_alloc(sizeof *wide);
  for (int64_t i = 0; i < h->n; i++) {
    const counts_t *c = &h->channels[i];
    spread(c, wide);
    float range = wide->max > 0 ? histogram_quick_range(wide, how) : 0;
    out[i] = (channel_range_t){fmaxf(c->least, -range), fminf(c->most, range),
                               c->count > 0 ? (float)sqrt(c->squares / c->count) : 0};
  }
  mem_free(wide);
}
