#include "network/histogram.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 128 };  // magnitudes that a signed 8-bit number has, 0 included
// A cut may not cost more square error than finer steps save, and what is cut off counts twice: it
// does not cancel in sums as rounding does. Of 1, 2, 8 and 32 this had the least error for BERT,
// and nearly the least in logarithms of probabilities of MobileNetV2 and EfficientNetB0.
enum { CUT_WEIGHT = 2 };

bool calibrator_from_name(const char *name, calibrator_t *out) {
  static const char *const names[] = {"entropy", "minmax", "percentile", "mse"};
  for (int i = 0; i < 4; i++)
    if (strcmp(name, names[i]) == 0) {
      *out = (calibrator_t)i;
      return true;
    }
  return false;
}

// ---------------------------------------------------------------- counting

static void grow(histogram_t *h, float max) {
  // The least width keeps max / width finite and width normal.
  if (h->width <= 0) h->width = fmaxf(max / HISTOGRAM_BINS, 1e-36f);
  while (max > h->width * HISTOGRAM_BINS) {
    for (int i = 0; i < HISTOGRAM_BINS / 2; i++) h->bins[i] = h->bins[2 * i] + h->bins[2 * i + 1];
    memset(&h->bins[HISTOGRAM_BINS / 2], 0, sizeof h->bins / 2);
    h->width *= 2;
  }
  if (max > h->max) h->max = max;
}

static void count(histogram_t *h, const float *x, int64_t n) {
  float inverse = 1.0f / h->width;
  for (int64_t i = 0; i < n; i++) {
    float a = fabsf(x[i]);
    int bin = (int)(a * inverse);
    if (a == 0)
      h->zeros++;
    else
      h->bins[bin < HISTOGRAM_BINS ? bin : HISTOGRAM_BINS - 1]++;
  }
}

static bool extremes(const float *x, int64_t n, float *least, float *most) {
  float lo = 0, hi = 0, sum = 0;
  for (int64_t i = 0; i < n; i++) {
    lo = x[i] < lo ? x[i] : lo;
    hi = x[i] > hi ? x[i] : hi;
    sum += x[i] - x[i];  // 0, or NaN from then on
  }
  *least = lo;
  *most = hi;
  return sum == 0;
}

static bool add_floats(histogram_t *h, const float *x, int64_t n) {
  float least, most;
  if (!extremes(x, n, &least, &most)) return false;
  h->least = fminf(h->least, least);
  h->most = fmaxf(h->most, most);
  float max = fmaxf(-least, most);
  if (max > 0) grow(h, max);
  if (h->width > 0)
    count(h, x, n);
  else
    h->zeros += n;
  h->count += n;
  return true;
}

bool histogram_add(histogram_t *h, const tensor_t *t) {
  int64_t n = tensor_elements(t);
  if (t->dtype == DT_FLOAT) return add_floats(h, t->data, n);
  float part[256];
  for (int64_t i = 0; i < n;) {
    int64_t k = 0;
    for (; k < 256 && i < n; i++, k++) part[k] = (float)tensor_number_at(t, i);
    if (!add_floats(h, part, k)) return false;
  }
  return true;
}

// ---------------------------------------------------------------- choosing

// Magnitudes to the first m bins are kept: T. 255 steps cover what lies between the bounds and
// within T to either side.
static double magnitude(const histogram_t *h, int m) {
  return fmin(m * (double)h->width, (double)h->max);
}

static double steps_width(const histogram_t *h, double t) {
  return fmin(t, (double)h->most) + fmin(t, -(double)h->least);
}

// The cut of least square error: what is kept is rounded, which is a twelfth of a step squared;
// what is cut off counts `weight` times.
static int mse_bins(const histogram_t *h, double weight) {
  int best = HISTOGRAM_BINS;
  double least = HUGE_VAL, kept = 0;
  for (int i = 0; i < HISTOGRAM_BINS; i++) kept += (double)h->bins[i];
  double n = 0, x1 = 0, x2 = 0;  // sums over what is cut off, of bins' middles
  for (int m = HISTOGRAM_BINS; m >= LEVELS; m--) {
    double t = magnitude(h, m), step = steps_width(h, t) / 255;
    double cut = fmax(x2 - 2 * t * x1 + t * t * n, 0), sum = kept * step * step / 12 + weight * cut;
    if (sum < least) least = sum, best = m;
    double k = (double)h->bins[m - 1], x = fmin((m - 0.5) * (double)h->width, (double)h->max);
    kept -= k;
    n += k, x1 += k * x, x2 += k * x * x;
  }
  return best;
}

// S. Migacz, "8-bit Inference with TensorRT", GTC 2017: of all cuts at a bin's edge, the one whose
// version with as many levels as 8 bits give the magnitudes has the least divergence from what was
// seen. What is cut off counts as the last level. Levels spread what they hold evenly over their
// bins that are not empty.
typedef struct sums {  // of the first i bins
  double n[HISTOGRAM_BINS + 1], nlogn[HISTOGRAM_BINS + 1];
  int used[HISTOGRAM_BINS + 1];
} sums_t;

static double xlogx(double x) { return x > 0 ? x * log(x) : 0; }

// The divergence when the first m bins are kept; infinite when the version gives 0 to what was
// seen.
static double divergence(const double *bins, const sums_t *s, int m, int levels) {
  double cut = s->n[HISTOGRAM_BINS] - s->n[m], kept = s->n[m], total = kept + cut;
  double last = bins[m - 1];
  if (kept <= 0 || (cut > 0 && last <= 0)) return HUGE_VAL;
  // sum p log(p / q), with p = seen / total and q = version / kept
  double sum = s->nlogn[m] - xlogx(last) + xlogx(last + cut);
  for (int g = 0; g < levels; g++) {
    int from = g * m / levels, to = (g + 1) * m / levels;
    double n = s->n[to] - s->n[from];
    int used = s->used[to] - s->used[from];
    if (n > 0) sum -= (n + (to == m ? cut : 0)) * log(n / used);
  }
  return sum / total + log(kept / total);
}

int histogram_levels(const histogram_t *h) {
  double width = (double)h->most - (double)h->least;
  return width > 0 ? (int)(2 * LEVELS * (double)h->max / width) : LEVELS;
}

static int entropy_bins(const histogram_t *h) {
  double bins[HISTOGRAM_BINS];
  sums_t s;
  for (int i = 0; i < HISTOGRAM_BINS; i++) bins[i] = (double)h->bins[i];
  s.n[0] = s.nlogn[0] = 0;
  s.used[0] = 0;
  for (int i = 0; i < HISTOGRAM_BINS; i++) {
    s.n[i + 1] = s.n[i] + bins[i];
    s.nlogn[i + 1] = s.nlogn[i] + xlogx(bins[i]);
    s.used[i + 1] = s.used[i] + (bins[i] > 0);
  }
  int best = HISTOGRAM_BINS, levels = histogram_levels(h);
  double least = divergence(bins, &s, HISTOGRAM_BINS, levels);
  // What is left when nearly all is cut off has little divergence from itself.
  int first = mse_bins(h, CUT_WEIGHT);
  if (first < levels) first = levels;
  for (int m = HISTOGRAM_BINS - 1; m >= first; m--) {
    double d = divergence(bins, &s, m, levels);
    if (d < least) least = d, best = m;
  }
  return best;
}

static int percentile_bins(const histogram_t *h, double share) {
  double wanted = share * (double)h->count, seen = (double)h->zeros;
  for (int i = 0; i < HISTOGRAM_BINS; i++) {
    seen += (double)h->bins[i];
    if (seen >= wanted) return i + 1;
  }
  return HISTOGRAM_BINS;
}

static float range_of(const histogram_t *h, calibrator_t how, bool quick) {
  if (h->max <= 0) return 1;
  int bins = HISTOGRAM_BINS;
  switch (how) {
    case CALIBRATOR_ENTROPY: bins = quick ? mse_bins(h, CUT_WEIGHT) : entropy_bins(h); break;
    case CALIBRATOR_MINMAX: return h->max;
    case CALIBRATOR_PERCENTILE: bins = percentile_bins(h, 0.9999); break;
    case CALIBRATOR_MSE: bins = mse_bins(h, 1); break;
  }
  float range = (float)bins * h->width;
  return range < h->max ? range : h->max;
}

float histogram_range(const histogram_t *h, calibrator_t how) { return range_of(h, how, false); }

float histogram_quick_range(const histogram_t *h, calibrator_t how) {
  return range_of(h, how, true);
}
