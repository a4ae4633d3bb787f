#include "kernels/fft.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_FACTORS = 64, MAX_RADIX = 31 };

struct fft {
  int64_t n;
  int n_factors;
  int factor[MAX_FACTORS];
  fft_complex_t *root;  // root[k] = exp(-2 pi i k / n)
  // Bluestein: x[k] chirp[k] convolved with the conjugate chirp, whose transform is `filter`.
  fft_t *inner;
  fft_complex_t *chirp, *filter;
};

static fft_complex_t unit(int64_t k, int64_t n) {  // exp(-2 pi i k / n)
  double angle = -2 * 3.14159265358979323846 * (double)k / (double)n;
  return CMPLX(cos(angle), sin(angle));
}

static fft_complex_t *alloc(int64_t n) {
  size_t bytes;
  return n > 0 && size_mul((size_t)n, sizeof(fft_complex_t), &bytes) ? mem_try_alloc(bytes) : NULL;
}

void fft_destroy(fft_t *f) {
  if (!f) return;
  fft_destroy(f->inner);
  mem_aligned_free(f->root);
  mem_aligned_free(f->chirp);
  mem_aligned_free(f->filter);
  mem_free(f);
}

static bool make_bluestein(fft_t *f) {
  int64_t n = f->n, m = 1;
  while (m < 2 * n - 1) m *= 2;
  f->inner = fft_create(m);
  f->chirp = alloc(n);
  f->filter = alloc(m);
  fft_complex_t *scratch = f->inner ? alloc((int64_t)fft_scratch(f->inner)) : NULL;
  if (!f->inner || !f->chirp || !f->filter || !scratch) {
    mem_aligned_free(scratch);
    return false;
  }
  for (int64_t k = 0, square = 0; k < n; k++) {  // exp(-pi i k^2 / n), k^2 modulo 2n
    f->chirp[k] = unit(square, 2 * n);
    square = (square + 2 * k + 1) % (2 * n);
  }
  memset(f->filter, 0, (size_t)m * sizeof *f->filter);
  for (int64_t k = 0; k < n; k++) {
    f->filter[k] = conj(f->chirp[k]);
    if (k) f->filter[m - k] = conj(f->chirp[k]);
  }
  fft_run(f->inner, f->filter, false, scratch);
  mem_aligned_free(scratch);
  return true;
}

fft_t *fft_create(int64_t n) {
  if (n < 1 || n > INT64_C(1) << 40) return NULL;
  fft_t *f = mem_calloc(1, sizeof *f);
  f->n = n;
  int64_t rest = n;
  static const int radices[] = {4, 2, 3, 5};
  for (int i = 0; i < 4; i++)
    for (; rest % radices[i] == 0; rest /= radices[i]) f->factor[f->n_factors++] = radices[i];
  for (int p = 7; p <= MAX_RADIX; p += 2)
    for (; rest % p == 0; rest /= p) f->factor[f->n_factors++] = p;
  if (rest > 1) {
    if (make_bluestein(f)) return f;
    fft_destroy(f);
    return NULL;
  }
  f->root = alloc(n);
  if (!f->root) {
    fft_destroy(f);
    return NULL;
  }
  for (int64_t k = 0; k < n; k++) f->root[k] = unit(k, n);
  return f;
}

size_t fft_scratch(const fft_t *f) {
  return f->inner ? (size_t)f->inner->n + fft_scratch(f->inner) : (size_t)f->n;
}

// Products without the NaN recovery of C's complex multiplication.
static inline fft_complex_t mul(fft_complex_t a, fft_complex_t b) {
  return CMPLX(creal(a) * creal(b) - cimag(a) * cimag(b),
               creal(a) * cimag(b) + cimag(a) * creal(b));
}
static inline fft_complex_t times_minus_i(fft_complex_t a) { return CMPLX(cimag(a), -creal(a)); }

// One Stockham pass of radix r: `done` is the product of the radices before, s = n / (done r).
// x is [r][s][done]-like (element j of a butterfly is n/r apart), y gets them interleaved.
static void pass(const fft_t *f, int r, int64_t done, const fft_complex_t *x, fft_complex_t *y) {
  int64_t s = f->n / (done * r), step = f->n / r;
  for (int64_t q = 0; q < s; q++) {
    for (int64_t k = 0; k < done; k++) {
      const fft_complex_t *a = x + q * done + k;
      fft_complex_t *b = y + q * done * r + k;
      // Twiddles of this butterfly: root^(k * s * j).
      if (r == 2) {
        fft_complex_t u = a[0], v = mul(a[step], f->root[k * s]);
        b[0] = u + v;
        b[done] = u - v;
      } else if (r == 4) {
        fft_complex_t a0 = a[0], a1 = mul(a[step], f->root[k * s]),
                      a2 = mul(a[2 * step], f->root[2 * k * s]),
                      a3 = mul(a[3 * step], f->root[3 * k * s]);
        fft_complex_t p = a0 + a2, m = a0 - a2, t = a1 + a3, d = times_minus_i(a1 - a3);
        b[0] = p + t;
        b[done] = m + d;
        b[2 * done] = p - t;
        b[3 * done] = m - d;
      } else {
        fft_complex_t v[MAX_RADIX];
        for (int j = 0; j < r; j++) v[j] = mul(a[j * step], f->root[j * k * s]);
        for (int i = 0; i < r; i++) {
          fft_complex_t sum = v[0];
          for (int j = 1; j < r; j++) sum += mul(v[j], f->root[(int64_t)(i * j % r) * step]);
          b[i * done] = sum;
        }
      }
    }
  }
}

static void forward(const fft_t *f, fft_complex_t *x, fft_complex_t *scratch) {
  if (f->inner) {
    int64_t n = f->n, m = f->inner->n;
    fft_complex_t *a = scratch;
    for (int64_t k = 0; k < n; k++) a[k] = mul(x[k], f->chirp[k]);
    memset(a + n, 0, (size_t)(m - n) * sizeof *a);
    fft_run(f->inner, a, false, scratch + m);
    for (int64_t k = 0; k < m; k++) a[k] = mul(a[k], f->filter[k]);
    fft_run(f->inner, a, true, scratch + m);
    for (int64_t k = 0; k < n; k++) x[k] = mul(a[k], f->chirp[k]) / (double)m;
    return;
  }
  fft_complex_t *from = x, *to = scratch;
  int64_t done = 1;
  for (int i = 0; i < f->n_factors; i++) {
    pass(f, f->factor[i], done, from, to);
    done *= f->factor[i];
    fft_complex_t *t = from;
    from = to;
    to = t;
  }
  if (from != x) memcpy(x, from, (size_t)f->n * sizeof *x);
}

void fft_run(const fft_t *f, fft_complex_t *x, bool inverse, fft_complex_t *scratch) {
  // The inverse is the forward transform between two conjugations.
  if (inverse)
    for (int64_t k = 0; k < f->n; k++) x[k] = conj(x[k]);
  forward(f, x, scratch);
  if (inverse)
    for (int64_t k = 0; k < f->n; k++) x[k] = conj(x[k]);
}
