// Special functions in double precision, relative error about 1e-13 away from their zeros. Each
// gives NaN outside its domain, as TensorFlow's ops do.
#ifndef TFTRT_KERNELS_SPECIAL_H
#define TFTRT_KERNELS_SPECIAL_H

double special_erfinv(double x);   // |x| <= 1
double special_ndtri(double p);    // quantile of the normal distribution, 0 <= p <= 1
double special_lgamma(double x);   // log |gamma(x)|, without the C library's global sign
double special_digamma(double x);  // infinite (or NaN) at 0, -1, -2, ...
double special_i0e(double x);      // exp(-|x|) I0(x)
double special_i1e(double x);
double special_igamma(double a, double x);   // lower regularised incomplete gamma, a > 0, x >= 0
double special_igammac(double a, double x);  // its complement
double special_betainc(double a, double b, double x);  // a, b > 0, 0 <= x <= 1
double special_zeta(double x, double q);               // Hurwitz, x > 1
double special_polygamma(double n, double x);          // n = 0, 1, 2, ...

#endif
