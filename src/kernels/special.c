#include "kernels/special.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

double special_lgamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

// Abramowitz & Stegun 26.2.23 (error below 4.5e-4) for 0 < p <= 1/2, then Halley's method on the
// distribution function, whose ratio of derivatives is known.
static double lower_quantile(double p) {
  double t = sqrt(-2 * log(p));
  double x = (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
             t;
  for (int i = 0; i < 3; i++) {
    double u = (0.5 * erfc(-x * M_SQRT1_2) / p - 1) * p * sqrt(2 * PI) * exp(0.5 * x * x);
    x -= u / (1 + 0.5 * x * u);
  }
  return x;
}

double special_ndtri(double p) {
  if (!(p >= 0 && p <= 1)) return NAN;
  if (p == 0) return -INFINITY;
  if (p == 1) return INFINITY;
  return p <= 0.5 ? lower_quantile(p) : -lower_quantile(1 - p);
}

double special_erfinv(double x) {
  double a = fabs(x);
  if (!(a <= 1)) return NAN;
  if (a == 1) return x * INFINITY;
  if (a >= 0.5) return copysign(-lower_quantile((1 - a) / 2) * M_SQRT1_2, x);
  double y = x * 0.5 * sqrt(PI) * (1 + PI / 12 * x * x);
  for (int i = 0; i < 3; i++) {
    double u = (erf(y) - x) * 0.5 * sqrt(PI) * exp(y * y);
    y -= u / (1 + y * u);
  }
  return y;
}

// Reflection to x > 0, the recurrence up to 10, the asymptotic series there.
double special_digamma(double x) {
  double extra = 0;
  if (x <= 0) {
    if (x == floor(x)) return x == 0 ? -copysign(INFINITY, x) : NAN;
    double r = x - floor(x);
    extra = -PI / tan(PI * r);
    x = 1 - x;
  }
  while (x < 10) {
    extra -= 1 / x;
    x += 1;
  }
  if (isinf(x)) return x;
  double z = 1 / (x * x);
  double series =
      z * (1.0 / 12 - z * (1.0 / 120 -
                           z * (1.0 / 252 -
                                z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12))))));
  return log(x) - 0.5 / x - series + extra;
}

// Power series below 20, the asymptotic one (DLMF 10.40.1) above; order 0 or 1.
static double bessel_ie(int order, double x) {
  double a = fabs(x);
  if (isnan(x)) return x;
  double sum = 1, term = 1;
  if (a < 20) {
    double q = a * a / 4;
    for (int k = 1; k < 200 && term > sum * 1e-17; k++) {
      term *= q / ((double)k * (k + order));
      sum += term;
    }
    return sum * exp(-a) * (order ? a / 2 : 1);
  }
  if (isinf(a)) return 0;
  double mu = 4.0 * order * order;
  for (int k = 1; k < 40 && fabs(term) > 1e-17; k++) {
    term *= -(mu - (2.0 * k - 1) * (2.0 * k - 1)) / (8.0 * a * k);
    sum += term;
  }
  return sum / sqrt(2 * PI * a);
}

double special_i0e(double x) { return bessel_ie(0, x); }
double special_i1e(double x) { return copysign(1, x) * bessel_ie(1, x); }

enum { MAX_TERMS = 20000 };

// x^a e^-x / gamma(a)
static double gamma_front(double a, double x) { return exp(a * log(x) - x - special_lgamma(a)); }

static double igamma_series(double a, double x) {
  double term = 1 / a, sum = term;
  for (int n = 1; n < MAX_TERMS && term > sum * 1e-17; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * gamma_front(a, x);
}

// Legendre's continued fraction, evaluated by Lentz's method.
static double igammac_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int n = 1; n < MAX_TERMS; n++) {
    double an = -n * (n - a);
    b += 2;
    d = an * d + b;
    c = b + an / c;
    if (fabs(d) < 1e-300) d = 1e-300;
    if (fabs(c) < 1e-300) c = 1e-300;
    d = 1 / d;
    h *= d * c;
    if (fabs(d * c - 1) < 1e-16) break;
  }
  return h * gamma_front(a, x);
}

static int igamma_edge(double a, double x, double *lower) {
  if (!(x >= 0 && a > 0)) {
    *lower = a == 0 && x > 0 ? 1 : NAN;
    return 1;
  }
  if (x == 0 || isinf(x) || isinf(a)) {
    *lower = isinf(a) ? (isinf(x) ? NAN : 0) : x == 0 ? 0 : 1;
    return 1;
  }
  return 0;
}

double special_igamma(double a, double x) {
  double lower;
  if (igamma_edge(a, x, &lower)) return lower;
  return x > 1 && x > a ? 1 - igammac_fraction(a, x) : igamma_series(a, x);
}

double special_igammac(double a, double x) {
  double lower;
  if (igamma_edge(a, x, &lower)) return 1 - lower;
  return x > 1 && x > a ? igammac_fraction(a, x) : 1 - igamma_series(a, x);
}

// DLMF 8.17.22 by Lentz's method; converges fast for x < (a + 1) / (a + b + 2).
static double betainc_fraction(double a, double b, double x) {
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (fabs(d) < 1e-300) d = 1e-300;
  d = 1 / d;
  double h = d;
  for (int m = 1; m < MAX_TERMS; m++) {
    double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (int k = 0; k < 2; k++) {
      double f = k ? odd : even;
      d = 1 + f * d;
      c = 1 + f / c;
      if (fabs(d) < 1e-300) d = 1e-300;
      if (fabs(c) < 1e-300) c = 1e-300;
      d = 1 / d;
      change = c * d;
      h *= change;
    }
    if (fabs(change - 1) < 1e-16) break;
  }
  double front = exp(special_lgamma(a + b) - special_lgamma(a) - special_lgamma(b) + a * log(x) +
                     b * log1p(-x));
  return front * h / a;
}

double special_betainc(double a, double b, double x) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1)) return NAN;
  if (x == 0 || x == 1) return x;
  if (x < (a + 1) / (a + b + 2)) return betainc_fraction(a, b, x);
  return 1 - betainc_fraction(b, a, 1 - x);
}

// Euler-Maclaurin: ten terms, the integral, and Bernoulli corrections.
double special_zeta(double x, double q) {
  static const double bernoulli[] = {
      1.0 / 12,          -1.0 / 720,
      1.0 / 30240,       -1.0 / 1209600,
      1.0 / 47900160,    -691.0 / 1307674368000,
      1.0 / 74724249600, -3617.0 / 10670622842880000.0,
  };
  if (x == 1) return INFINITY;
  if (!(x >= 1) || isnan(q)) return NAN;
  if (q <= 0) {
    if (q == floor(q)) return INFINITY;
    if (x != floor(x)) return NAN;
  }
  double sum = 0, a = q;
  for (int i = 0; i < 10 || (a <= 9 && i < 1000000); i++, a += 1) sum += pow(a, -x);
  double power = pow(a, -x);
  sum += power * a / (x - 1) + power / 2;
  double factor = x * power / a;  // x (x+1) ... (x+2k) a^(-x-2k-1)
  for (int k = 0; k < 8; k++) {
    sum += bernoulli[k] * factor;
    factor *= (x + 2 * k + 1) * (x + 2 * k + 2) / (a * a);
  }
  return sum;
}

double special_polygamma(double n, double x) {
  if (!(n >= 0) || n != floor(n)) return NAN;
  if (n == 0) return special_digamma(x);
  double value = exp(special_lgamma(n + 1)) * special_zeta(n + 1, x);
  return fmod(n, 2) == 0 ? -value : value;
}
