// One oneDNN primitive, on floats of 32 or 16 bits or on 8-bit numbers with scales, made for one
// problem: convolution, deconvolution, matrix product or pooling, with bias, residual and
// activation behind it.
#ifndef TFTRT_BACKEND_CPU_DN_OP_H
#define TFTRT_BACKEND_CPU_DN_OP_H

#include "backend/cpu/onednn.h"
#include "network/network.h"

typedef struct dn_tensor {  // dims in oneDNN's logical order; strides in elements
  int rank;
  dn_dims_t dims, strides;
} dn_tensor_t;

typedef enum dn_kind { DN_OP_CONV, DN_OP_DECONV, DN_OP_MATMUL, DN_OP_POOL } dn_kind_t;
typedef enum dn_residual { DN_RESIDUAL_NONE, DN_RESIDUAL_SUM, DN_RESIDUAL_BINARY } dn_residual_t;

// Types of what a problem reads and writes; real values are (number - zero) * scale. Bias is
// float32.
typedef struct dn_quant {
  bool on;                 // false: all is float32
  int src_type, dst_type;  // dn_type; weights are DN_S8
  int32_t src_zero, dst_zero;
  const float *weight_scale;  // [n] per output channel, that of src among them; copied
  int64_t n_weight_scales;
  float dst_scale;    // 0: dst is float32
  int residual_type;  // SUM: what dst holds
  int32_t residual_zero;
  float residual_scale;
} dn_quant_t;

typedef struct dn_problem {
  dn_kind_t kind;
  int type, dst_type;             // dn_type of src and weights, and of dst; 0: float32
  dn_tensor_t src, weights, dst;  // convolutions: N C spatial / [G] O I spatial; products: as is
  bool pack;                      // the weights are constant: oneDNN may choose their layout
  bool bias;                      // [channels], or [N] of a product; dense
  dn_residual_t residual;         // added before the activation; SUM: it is in dst already;
                                  // BINARY: residual_type, 0: float32
  int residual_type;
  float scale;  // of a product, before the bias; 0 or 1: none
  activation_t act;
  dn_quant_t quant;
  int pool_alg;
  dn_dims_t stride, dilation, kernel, pad_begin, pad_end;  // dilation 1: dense
} dn_problem_t;

typedef struct dn_op dn_op_t;

// What a run reads and writes; unused ones NULL.
typedef struct dn_buffers {
  const void *src, *weights, *bias, *residual;
  void *dst, *scratch;
} dn_buffers_t;

// Can oneDNN do this activation behind a primitive?
bool dn_activation_supported(const activation_t *act);
// UNIMPLEMENTED when oneDNN has nothing for the problem, UNAVAILABLE without oneDNN. The primitive
// splits its work for the caller's current number of OpenMP threads.
status_t dn_op_create(const dn_problem_t *p, dn_op_t **out);
// NULL where e, which is freed then, is one of these two; else e.
status_t dn_op_refused(status_t e);
void dn_op_destroy(dn_op_t *op);            // NULL is fine
const char *dn_op_name(const dn_op_t *op);  // oneDNN's implementation
size_t dn_op_scratch_bytes(const dn_op_t *op);
// Packed weights: 0 when the weights are used as they are.
size_t dn_op_packed_bytes(const dn_op_t *op);
status_t dn_op_pack(const dn_op_t *op, const void *weights, void *packed);
// The packed layout, kept for as long as weights packed so are kept.
typedef struct dn_packing dn_packing_t;
dn_packing_t *dn_packing_of(const dn_op_t *op);
bool dn_packing_fits(const dn_packing_t *p, const dn_op_t *op);
void dn_packing_free(dn_packing_t *p);  // NULL is fine
// One thread at a time per op.
status_t dn_op_run(dn_op_t *op, const dn_buffers_t *b);

#endif
