// Elementwise functions on dense buffers, for every dtype that TensorFlow's CPU kernels take.
// Signed and unsigned integers wrap; half and bfloat16 are computed in float and rounded once.
// Safe to call from any number of threads; y may be x where both have the same element size.
#ifndef TFTRT_KERNELS_ELEMENTWISE_H
#define TFTRT_KERNELS_ELEMENTWISE_H

#include <stdbool.h>

#include "kernels/broadcast.h"
#include "tensor/dtype.h"

// Names are TensorFlow's. LeakyRelu has alpha in p[0].
// (clang-format never settles on such lists.)
// clang-format off
#define EW_UNARY_OPS(X)                                                                          \
  X(Abs)                                                                                         \
  X(Neg)                                                                                         \
  X(Exp)                                                                                         \
  X(Expm1)                                                                                       \
  X(Log)                                                                                         \
  X(Log1p)                                                                                       \
  X(Sqrt)                                                                                        \
  X(Rsqrt)                                                                                       \
  X(Reciprocal) X(Square) X(Sin) X(Cos) X(Tan) X(Asin) X(Acos) X(Atan) X(Sinh) X(Cosh) X(Asinh)  \
      X(Acosh) X(Atanh) X(Erf) X(Erfc) X(Erfinv) X(Ndtri) X(Lgamma) X(Digamma) X(BesselI0e)      \
          X(BesselI1e) X(Ceil) X(Floor) X(Round) X(Rint) X(Sign) X(LogicalNot) X(Invert) X(Relu) \
              X(Relu6) X(LeakyRelu) X(Elu) X(Selu) X(Sigmoid) X(Tanh) X(Softsign) X(Softplus)    \
                  X(Conj) X(IsNan) X(IsInf) X(IsFinite)
#define EW_BINARY_OPS(X)                                                                       \
  X(Add)                                                                                       \
  X(Sub)                                                                                       \
  X(Mul)                                                                                       \
  X(Div)                                                                                       \
  X(TruncateDiv)                                                                               \
  X(FloorDiv)                                                                                  \
  X(FloorMod)                                                                                  \
  X(TruncateMod)                                                                               \
  X(Minimum) X(Maximum) X(Pow) X(SquaredDifference) X(Atan2) X(DivNoNan) X(MulNoNan) X(Xdivy)  \
      X(Xlogy) X(Xlog1py) X(Igamma) X(Igammac) X(Zeta) X(Polygamma) X(NextAfter) X(BitwiseAnd) \
          X(BitwiseOr) X(BitwiseXor) X(LeftShift) X(RightShift) X(LogicalAnd) X(LogicalOr)     \
              X(Greater) X(Less) X(GreaterEqual) X(LessEqual) X(Equal) X(NotEqual)
// clang-format on

#define EW_ENUM(name) EW_##name,
typedef enum ew_unary { EW_UNARY_OPS(EW_ENUM) EW_UNARY_COUNT } ew_unary_t;
typedef enum ew_binary { EW_BINARY_OPS(EW_ENUM) EW_BINARY_COUNT } ew_binary_t;
#undef EW_ENUM

// One dense run; p holds the op's parameters (may be NULL when it has none).
typedef void (*ew_unary_loop)(const void *x, void *y, int64_t n, const float *p);
// sa and sb are 0 (one value for all) or 1.
typedef void (*ew_binary_loop)(const void *a, int64_t sa, const void *b, int64_t sb, void *y,
                               int64_t n);

// False when there is no kernel for the dtype. The result has x's dtype (bool for IsNan, IsInf,
// IsFinite).
bool ew_unary_has(ew_unary_t op, dtype_t t);
bool ew_unary(ew_unary_t op, dtype_t t, const void *x, void *y, int64_t n, const float *p,
              int threads);

// The result has the operands' dtype (bool for comparisons). Integer division by zero and integer
// powers with negative exponents are the caller's to refuse (ew_binary_check).
bool ew_binary_has(ew_binary_t op, dtype_t t);
bool ew_binary(ew_binary_t op, dtype_t t, const void *a, const void *b, void *y,
               const bcast_t *plan, int threads);
bool ew_binary_compares(ew_binary_t op);
// What is wrong with the n elements of b as second operand, in TensorFlow's words; NULL when
// nothing is.
const char *ew_binary_check(ew_binary_t op, dtype_t t, const void *b, int64_t n);

// y = cond ? a : b on elements of `size` bytes (1, 2, 4, 8 or 16). Operand order in the plan:
// cond, a, b.
bool ew_select(size_t size, const uint8_t *cond, const void *a, const void *b, void *y,
               const bcast_t *plan, int threads);
// y = min(max(x, lo), hi), lo and hi scalars or broadcast. Operand order in the plan: x, lo, hi.
bool ew_clip(dtype_t t, const void *x, const void *lo, const void *hi, void *y, const bcast_t *plan,
             int threads);

// Runs of float16 and bfloat16 to float and back, vectorised.
void ew_half_to_float(const uint16_t *x, float *y, int64_t n);
void ew_float_to_half(const float *x, uint16_t *y, int64_t n);
void ew_bfloat16_to_float(const uint16_t *x, float *y, int64_t n);
void ew_float_to_bfloat16(const float *x, uint16_t *y, int64_t n);

#endif
