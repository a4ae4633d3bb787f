// Discrete Fourier transforms of any length in double precision: Stockham's mixed-radix algorithm,
// and Bluestein's (as a convolution of power-of-two length) where a prime factor is large.
#ifndef TFTRT_KERNELS_FFT_H
#define TFTRT_KERNELS_FFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef double _Complex fft_complex_t;
typedef struct fft fft_t;

fft_t *fft_create(int64_t n);        // n >= 1; NULL when there is no memory
void fft_destroy(fft_t *f);          // NULL is fine
size_t fft_scratch(const fft_t *f);  // elements that fft_run needs
// Transforms n elements in place, unscaled; inverse: with the conjugate exponents. Threads may
// share f but not the scratch.
void fft_run(const fft_t *f, fft_complex_t *x, bool inverse, fft_complex_t *scratch);

#endif
