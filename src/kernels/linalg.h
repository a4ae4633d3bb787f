// Dense linear algebra on small row-major matrices of complex doubles (real ones have zero
// imaginary parts, and keep them). Textbook algorithms: Golub & Van Loan, "Matrix Computations".
#ifndef TFTRT_KERNELS_LINALG_H
#define TFTRT_KERNELS_LINALG_H

#include <stdbool.h>
#include <stdint.h>

typedef double _Complex la_t;

// a = l l^H in the lower triangle, zeros above. False when a is not positive definite.
bool la_cholesky(int64_t n, la_t *a);
// a = l u with rows permuted (partial pivoting): perm[i] is the row that came to i. *sign: of the
// permutation. False when singular (the factorisation is still complete).
bool la_lu(int64_t n, la_t *a, int64_t *perm, int *sign);
// Solves a x = b for m columns from la_lu's result; x must not overlap b.
void la_lu_solve(int64_t n, int64_t m, const la_t *lu, const int64_t *perm, const la_t *b, la_t *x);
// Solves op(a) x = b in place of b; op is the adjoint when asked. Only the lower or upper triangle
// of a is read. False when the diagonal has a zero.
bool la_triangular_solve(int64_t n, int64_t m, const la_t *a, la_t *b, bool lower, bool adjoint);
// Eigenvalues w (ascending) and eigenvectors (columns of v) of a Hermitian matrix of which the
// lower triangle is read; a is destroyed. Jacobi's method.
void la_eigh(int64_t n, la_t *a, double *w, la_t *v);
// a [m, n] = u diag(s) v^H for m >= n: u [m, n] overwrites a, v is [n, n], s descending. One-sided
// Jacobi.
void la_svd(int64_t m, int64_t n, la_t *a, double *s, la_t *v);
// Makes columns [have, want) of q [m, want] orthonormal to those before.
void la_complete(int64_t m, int64_t have, int64_t want, la_t *q);
// a [m, n] = q r by Householder reflections: r overwrites a (zeros below the diagonal), q is [m,
// m].
void la_qr(int64_t m, int64_t n, la_t *a, la_t *q);
void la_adjoint(int64_t rows, int64_t cols, const la_t *a, la_t *out);

#endif
