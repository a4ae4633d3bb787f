#include "kernels/linalg.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static double norm2(la_t z) { return creal(z) * creal(z) + cimag(z) * cimag(z); }

void la_adjoint(int64_t rows, int64_t cols, const la_t *a, la_t *out) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) out[j * rows + i] = conj(a[i * cols + j]);
}

bool la_cholesky(int64_t n, la_t *a) {
  for (int64_t j = 0; j < n; j++) {
    double d = creal(a[j * n + j]);
    for (int64_t k = 0; k < j; k++) d -= norm2(a[j * n + k]);
    if (!(d > 0)) return false;
    d = sqrt(d);
    a[j * n + j] = d;
    for (int64_t i = j + 1; i < n; i++) {
      la_t s = a[i * n + j];
      for (int64_t k = 0; k < j; k++) s -= a[i * n + k] * conj(a[j * n + k]);
      a[i * n + j] = s / d;
    }
    for (int64_t i = 0; i < j; i++) a[i * n + j] = 0;
  }
  return true;
}

bool la_lu(int64_t n, la_t *a, int64_t *perm, int *sign) {
  bool regular = true;
  *sign = 1;
  for (int64_t i = 0; i < n; i++) perm[i] = i;
  for (int64_t k = 0; k < n; k++) {
    int64_t best = k;
    for (int64_t i = k + 1; i < n; i++)
      if (cabs(a[i * n + k]) > cabs(a[best * n + k])) best = i;
    if (best != k) {
      for (int64_t j = 0; j < n; j++) {
        la_t t = a[k * n + j];
        a[k * n + j] = a[best * n + j];
        a[best * n + j] = t;
      }
      int64_t t = perm[k];
      perm[k] = perm[best];
      perm[best] = t;
      *sign = -*sign;
    }
    if (a[k * n + k] == 0) {
      regular = false;
      continue;
    }
    for (int64_t i = k + 1; i < n; i++) {
      la_t f = a[i * n + k] /= a[k * n + k];
      for (int64_t j = k + 1; j < n; j++) a[i * n + j] -= f * a[k * n + j];
    }
  }
  return regular;
}

void la_lu_solve(int64_t n, int64_t m, const la_t *lu, const int64_t *perm, const la_t *b,
                 la_t *x) {
  for (int64_t i = 0; i < n; i++) {
    memcpy(x + i * m, b + perm[i] * m, (size_t)m * sizeof *x);
    for (int64_t k = 0; k < i; k++)
      for (int64_t j = 0; j < m; j++) x[i * m + j] -= lu[i * n + k] * x[k * m + j];
  }
  la_triangular_solve(n, m, lu, x, false, false);
}

bool la_triangular_solve(int64_t n, int64_t m, const la_t *a, la_t *b, bool lower, bool adjoint) {
  bool down = lower != adjoint;  // the triangle of op(a)
  for (int64_t step = 0; step < n; step++) {
    int64_t i = down ? step : n - 1 - step;
    if (a[i * n + i] == 0) return false;
    for (int64_t k = down ? 0 : i + 1; k < (down ? i : n); k++) {
      la_t f = adjoint ? conj(a[k * n + i]) : a[i * n + k];
      for (int64_t j = 0; j < m; j++) b[i * m + j] -= f * b[k * m + j];
    }
    la_t d = adjoint ? conj(a[i * n + i]) : a[i * n + i];
    for (int64_t j = 0; j < m; j++) b[i * m + j] /= d;
  }
  return true;
}

// The rotation that makes [[a, z], [conj z, b]] diagonal: columns p, q become c p - s q e' and
// s p + c q e', where e' is the conjugate phase of z.
typedef struct {
  double c, s;
  la_t phase;
} rotation_t;

static rotation_t rotation(double a, double b, la_t z) {
  double r = cabs(z), tau = (b - a) / (2 * r);
  double t = (tau < 0 ? -1 : 1) / (fabs(tau) + sqrt(1 + tau * tau));
  double c = 1 / sqrt(1 + t * t);
  return (rotation_t){c, c * t, conj(z) / r};
}

static void rotate_columns(rotation_t r, int64_t rows, int64_t cols, la_t *a, int64_t p,
                           int64_t q) {
  for (int64_t i = 0; i < rows; i++) {
    la_t x = a[i * cols + p], y = a[i * cols + q] * r.phase;
    a[i * cols + p] = r.c * x - r.s * y;
    a[i * cols + q] = r.s * x + r.c * y;
  }
}

enum { MAX_SWEEPS = 60 };

void la_eigh(int64_t n, la_t *a, double *w, la_t *v) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      v[i * n + j] = i == j;
      if (j > i) a[i * n + j] = conj(a[j * n + i]);
      if (i == j) a[i * n + j] = creal(a[i * n + j]);
    }
  for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    bool changed = false;
    for (int64_t p = 0; p < n; p++)
      for (int64_t q = p + 1; q < n; q++) {
        la_t z = a[p * n + q];
        double x = creal(a[p * n + p]), y = creal(a[q * n + q]);
        if (!(cabs(z) > 1e-17 * (fabs(x) + fabs(y)) && cabs(z) > 1e-300)) continue;
        rotation_t r = rotation(x, y, z);
        rotate_columns(r, n, n, a, p, q);
        for (int64_t j = 0; j < n; j++) {  // the rows, conjugated
          la_t u = a[p * n + j], t = a[q * n + j] * conj(r.phase);
          a[p * n + j] = r.c * u - r.s * t;
          a[q * n + j] = r.s * u + r.c * t;
        }
        a[p * n + q] = a[q * n + p] = 0;
        rotate_columns(r, n, n, v, p, q);
        changed = true;
      }
    if (!changed) break;
  }
  for (int64_t i = 0; i < n; i++) w[i] = creal(a[i * n + i]);
  for (int64_t i = 0; i < n; i++) {
    int64_t least = i;
    for (int64_t j = i + 1; j < n; j++)
      if (w[j] < w[least]) least = j;
    if (least == i) continue;
    double t = w[i];
    w[i] = w[least];
    w[least] = t;
    for (int64_t k = 0; k < n; k++) {
      la_t u = v[k * n + i];
      v[k * n + i] = v[k * n + least];
      v[k * n + least] = u;
    }
  }
}

static la_t dot(int64_t m, int64_t ld, const la_t *a, int64_t p, int64_t q) {
  la_t sum = 0;
  for (int64_t i = 0; i < m; i++) sum += conj(a[i * ld + p]) * a[i * ld + q];
  return sum;
}

void la_complete(int64_t m, int64_t have, int64_t want, la_t *q) {
  for (int64_t j = have; j < want; j++) {
    double best = -1;
    int64_t pick = 0;
    for (int64_t e = 0; e < m; e++) {  // the unit vector that sticks out furthest
      double inside = 0;
      for (int64_t k = 0; k < j; k++) inside += norm2(q[e * want + k]);
      if (1 - inside > best) best = 1 - inside, pick = e;
    }
    for (int64_t i = 0; i < m; i++) q[i * want + j] = i == pick;
    for (int round = 0; round < 2; round++)
      for (int64_t k = 0; k < j; k++) {
        la_t f = dot(m, want, q, k, j);
        for (int64_t i = 0; i < m; i++) q[i * want + j] -= f * q[i * want + k];
      }
    double length = sqrt(creal(dot(m, want, q, j, j)));
    for (int64_t i = 0; i < m; i++) q[i * want + j] /= length;
  }
}

void la_svd(int64_t m, int64_t n, la_t *a, double *s, la_t *v) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) v[i * n + j] = i == j;
  for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    bool changed = false;
    for (int64_t p = 0; p < n; p++)
      for (int64_t q = p + 1; q < n; q++) {
        double x = creal(dot(m, n, a, p, p)), y = creal(dot(m, n, a, q, q));
        la_t z = dot(m, n, a, p, q);
        if (!(cabs(z) > 1e-15 * sqrt(x * y) && cabs(z) > 1e-300)) continue;
        rotation_t r = rotation(x, y, z);
        rotate_columns(r, m, n, a, p, q);
        rotate_columns(r, n, n, v, p, q);
        changed = true;
      }
    if (!changed) break;
  }
  for (int64_t j = 0; j < n; j++) s[j] = sqrt(creal(dot(m, n, a, j, j)));
  for (int64_t i = 0; i < n; i++) {
    int64_t most = i;
    for (int64_t j = i + 1; j < n; j++)
      if (s[j] > s[most]) most = j;
    if (most == i) continue;
    double t = s[i];
    s[i] = s[most];
    s[most] = t;
    for (int64_t k = 0; k < m + n; k++) {
      la_t *row = k < m ? a + k * n : v + (k - m) * n;
      la_t u = row[i];
      row[i] = row[most];
      row[most] = u;
    }
  }
  int64_t rank = 0;
  while (rank < n && s[rank] > 1e-300 && s[rank] > 1e-16 * s[0]) rank++;
  for (int64_t j = 0; j < rank; j++)
    for (int64_t i = 0; i < m; i++) a[i * n + j] /= s[j];
  la_complete(m, rank, n, a);
}

void la_qr(int64_t m, int64_t n, la_t *a, la_t *q) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < m; j++) q[i * m + j] = i == j;
  int64_t steps = m < n ? m : n;
  for (int64_t k = 0; k < steps; k++) {
    double tail = 0;
    for (int64_t i = k + 1; i < m; i++) tail += norm2(a[i * n + k]);
    la_t head = a[k * n + k];
    if (tail == 0 && cimag(head) == 0) continue;
    double beta = sqrt(norm2(head) + tail);
    if (creal(head) >= 0) beta = -beta;
    // H = 1 - tau v v^H with v = (1, a[k+1..] / (head - beta)); H makes the column beta e_1.
    la_t tau = conj((beta - head) / beta), scale = 1 / (head - beta);
    for (int64_t i = k + 1; i < m; i++) a[i * n + k] *= scale;
    for (int64_t j = k + 1; j < n; j++) {
      la_t f = a[k * n + j];
      for (int64_t i = k + 1; i < m; i++) f += conj(a[i * n + k]) * a[i * n + j];
      f *= tau;
      a[k * n + j] -= f;
      for (int64_t i = k + 1; i < m; i++) a[i * n + j] -= f * a[i * n + k];
    }
    for (int64_t r = 0; r < m; r++) {  // q = q H^H
      la_t f = q[r * m + k];
      for (int64_t i = k + 1; i < m; i++) f += q[r * m + i] * a[i * n + k];
      f *= conj(tau);
      q[r * m + k] -= f;
      for (int64_t i = k + 1; i < m; i++) q[r * m + i] -= f * conj(a[i * n + k]);
    }
    a[k * n + k] = beta;
    for (int64_t i = k + 1; i < m; i++) a[i * n + k] = 0;
  }
}
