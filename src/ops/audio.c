// TF1's audio front end: WAV bytes, spectrograms, mel-frequency cepstral coefficients.
#include <complex.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "formats/wav.h"
#include "kernels/fft.h"
#include "ops/array.h"

// ---------------------------------------------------------------- DecodeWav

static status_t wav_infer(infer_ctx_t *c) {
  shape_t s =
      SHAPE(node_int(c->node, "desired_samples", -1), node_int(c->node, "desired_channels", -1));
  for (int i = 0; i < 2; i++)
    if (s.d[i] < 0) s.d[i] = -1;
  infer_out(c, 0, &s);
  infer_out(c, 1, &SHAPE_SCALAR);
  return NULL;
}

static status_t wav_kernel(op_ctx_t *c) {
  wav_t w;
  if (tensor_elements(&c->in[0]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "contents must be a scalar");
  const str_t *s = TENSOR_DATA(str_t, &c->in[0]);
  TRY(status_prefix(wav_parse(s->p, s->n, &w), "%s '%s'", c->node->op, c->node->name));
  int64_t channels = node_int(c->node, "desired_channels", -1),
          samples = node_int(c->node, "desired_samples", -1);
  if (channels < 0) channels = w.channels;
  if (samples < 0) samples = w.count;
  tensor_t *y;
  shape_t shape = SHAPE(samples, channels);
  TRY(op_out(c, 0, &shape, &y));
  for (int64_t i = 0; i < samples; i++)
    for (int64_t k = 0; k < channels; k++)  // the last channel stands for those that are not there
      TENSOR_DATA(float, y)
  [i * channels + k] =
      i < w.count ? wav_sample(&w, i, (int)(k < w.channels ? k : w.channels - 1)) : 0;
  return op_out_ints(c, 1, 0, 1, (int64_t[]){w.rate});
}

// ---------------------------------------------------------------- AudioSpectrogram

static int64_t next_power(int64_t n) {
  int64_t p = 1;
  while (p < n) p *= 2;
  return p;
}

static status_t spectrogram_size(const node_t *n, int64_t *window, int64_t *stride) {
  *window = node_int(n, "window_size", 0);
  *stride = node_int(n, "stride", 0);
  if (*window < 2 || *window > 1 << 24 || *stride < 1)
    return FAIL(INVALID_ARGUMENT, "%s '%s': window_size %" PRId64 ", stride %" PRId64, n->op,
                n->name, *window, *stride);
  return NULL;
}

static int64_t frames_of(int64_t samples, int64_t window, int64_t stride) {
  return samples < 0 ? -1 : samples < window ? 0 : 1 + (samples - window) / stride;
}

static status_t spectrogram_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0);
  int64_t window, stride;
  TRY(infer_rank(c, 0, 2));
  TRY(spectrogram_size(c->node, &window, &stride));
  shape_t s =
      SHAPE(x->rank == 2 ? x->d[1] : -1, x->rank == 2 ? frames_of(x->d[0], window, stride) : -1,
            next_power(window) / 2 + 1);
  infer_out(c, 0, &s);
  return NULL;
}

static status_t spectrogram_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  bool squared = node_bool(c->node, "magnitude_squared", false);
  int64_t window, stride;
  TRY(spectrogram_size(c->node, &window, &stride));
  if (x->shape.rank != 2) return OP_FAIL(c, INVALID_ARGUMENT, "input must be 2-dimensional");
  int64_t samples = x->shape.d[0], channels = x->shape.d[1], n = next_power(window);
  int64_t frames = frames_of(samples, window, stride), bins = n / 2 + 1;
  tensor_t *y;
  shape_t s = SHAPE(channels, frames, bins);
  TRY(op_out(c, 0, &s, &y));
  fft_t *fft = fft_create(n);
  if (!fft) return OP_FAIL(c, RESOURCE_EXHAUSTED, "no memory for a transform of %" PRId64, n);
  fft_complex_t *buffer = mem_calloc((size_t)n + fft_scratch(fft) + 1, sizeof *buffer);
  double *hann = mem_calloc((size_t)window, sizeof *hann);
  for (int64_t i = 0; i < window; i++)
    hann[i] = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)window);
  float *to = TENSOR_DATA(float, y);
  for (int64_t k = 0; k < channels; k++)
    for (int64_t f = 0; f < frames; f++, to += bins) {
      for (int64_t i = 0; i < n; i++)
        buffer[i] = i < window
                        ? (double)TENSOR_DATA(float, x)[(f * stride + i) * channels + k] * hann[i]
                        : 0.0;
      fft_run(fft, buffer, false, buffer + n);
      for (int64_t i = 0; i < bins; i++) {
        double re = creal(buffer[i]), im = cimag(buffer[i]), v = re * re + im * im;
        to[i] = (float)(squared ? v : sqrt(v));
      }
    }
  mem_free(hann);
  mem_free(buffer);
  fft_destroy(fft);
  return NULL;
}

// ---------------------------------------------------------------- Mfcc

static double mel(double hertz) { return 1127.0 * log1p(hertz / 700.0); }

// Triangles of equal width on the mel scale: bin i belongs to band[i] with weight[i], and to the
// next one with the rest. Bins outside [first, last] count for nothing.
typedef struct filters {
  int64_t bins, bands, first, last;
  int64_t *band;
  double *weight;
} filters_t;

static void filters_make(filters_t *f, double rate, double low, double high) {
  double spacing = (mel(high) - mel(low)) / (double)(f->bands + 1);
  double hertz = 0.5 * rate / (double)(f->bins - 1);
  f->first = (int64_t)(1.5 + low / hertz);
  f->last = (int64_t)(high / hertz);
  if (f->last > f->bins - 1) f->last = f->bins - 1;
  int64_t at = 0;
  for (int64_t i = f->first; i <= f->last; i++) {
    double here = mel((double)i * hertz);
    while (at < f->bands && mel(low) + spacing * (double)(at + 1) < here) at++;
    f->band[i] = at - 1;
    f->weight[i] = (mel(low) + spacing * (double)(at + 1) - here) / spacing;
  }
}

static void filters_run(const filters_t *f, const float *x, double *out) {
  for (int64_t b = 0; b < f->bands; b++) out[b] = 0;
  for (int64_t i = f->first; i <= f->last; i++) {
    double v = sqrt((double)x[i]), w = v * f->weight[i];
    int64_t b = f->band[i];
    if (b >= 0) out[b] += w;
    if (b + 1 < f->bands) out[b + 1] += v - w;
  }
}

static status_t mfcc_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0);
  TRY(infer_rank(c, 0, 3));
  shape_t s = SHAPE(x->rank == 3 ? x->d[0] : -1, x->rank == 3 ? x->d[1] : -1,
                    node_int(c->node, "dct_coefficient_count", 13));
  infer_out(c, 0, &s);
  return NULL;
}

static status_t mfcc_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  int64_t rate, bands = node_int(c->node, "filterbank_channel_count", 40),
                n = node_int(c->node, "dct_coefficient_count", 13);
  double low = (double)node_float(c->node, "lower_frequency_limit", 20),
         high = (double)node_float(c->node, "upper_frequency_limit", 4000);
  TRY(op_int(c, 1, &rate));
  if (x->shape.rank != 3 || x->shape.d[2] < 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "the spectrogram must have 3 dimensions and 2 bins");
  if (rate < 1 || bands < 1 || bands > 1 << 20 || n < 0 || n > bands || !(low >= 0) ||
      !(high > low))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "sample rate %" PRId64 ", %" PRId64 " bands of %g to %g Hz, %" PRId64
                   " coefficients",
                   rate, bands, low, high, n);
  int64_t rows = x->shape.d[0] * x->shape.d[1], bins = x->shape.d[2];
  tensor_t *y;
  shape_t s = SHAPE(x->shape.d[0], x->shape.d[1], n);
  TRY(op_out(c, 0, &s, &y));
  filters_t f = {.bins = bins, .bands = bands};
  f.band = mem_calloc((size_t)bins, sizeof *f.band);
  f.weight = mem_calloc((size_t)bins, sizeof *f.weight);
  double *log_mel = mem_calloc((size_t)bands, sizeof *log_mel);
  filters_make(&f, (double)rate, low, high);
  for (int64_t r = 0; r < rows; r++) {
    filters_run(&f, TENSOR_DATA(float, x) + r * bins, log_mel);
    for (int64_t b = 0; b < bands; b++) log_mel[b] = log(log_mel[b] < 1e-12 ? 1e-12 : log_mel[b]);
    for (int64_t k = 0; k < n; k++) {
      double sum = 0;
      for (int64_t b = 0; b < bands; b++)
        sum += log_mel[b] * cos((double)k * M_PI / (double)bands * ((double)b + 0.5));
      TENSOR_DATA(float, y)[r * n + k] = (float)(sum * sqrt(2.0 / (double)bands));
    }
  }
  mem_free(log_mel);
  mem_free(f.weight);
  mem_free(f.band);
  return NULL;
}

const op_def_t ops_audio[] = {
    {.name = "DecodeWav",
     .sig = "contents: string -> audio: float, sample_rate: int32",
     .attrs = "desired_channels: int = -1; desired_samples: int = -1",
     .infer = wav_infer,
     .kernel = wav_kernel,
     .note = "16-bit PCM"},
    {.name = "AudioSpectrogram",
     .sig = "input: float -> spectrogram: float",
     .attrs = "window_size: int; stride: int; magnitude_squared: bool = false",
     .infer = spectrogram_infer,
     .kernel = spectrogram_kernel},
    {.name = "Mfcc",
     .sig = "spectrogram: float, sample_rate: int32 -> output: float",
     .attrs = "upper_frequency_limit: float = 4000; lower_frequency_limit: float = 20; "
              "filterbank_channel_count: int = 40; dct_coefficient_count: int = 13",
     .infer = mfcc_infer,
     .kernel = mfcc_kernel},
    {0},
};
