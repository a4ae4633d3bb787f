// oneDNN 3.x as a kernel library, opened at run time. Only the part of its public C API that the
// CPU backend calls is declared here (names shortened: dnnl_memory_create is dn->memory_create).
//
// Source of the numbers: oneDNN's C API reference, version 3 (dnnl_types.h, dnnl_common_types.h).
#ifndef TFTRT_BACKEND_CPU_ONEDNN_H
#define TFTRT_BACKEND_CPU_ONEDNN_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { DN_MAX_DIMS = 12 };
typedef int64_t dn_dims_t[DN_MAX_DIMS];
typedef struct dnnl_engine *dn_engine_t;
typedef struct dnnl_stream *dn_stream_t;
typedef struct dnnl_memory_desc *dn_md_t;
typedef struct dnnl_memory *dn_memory_t;
typedef struct dnnl_primitive_desc *dn_pd_t;
typedef struct dnnl_primitive *dn_prim_t;
typedef struct dnnl_primitive_attr *dn_attr_t;
typedef struct dnnl_post_ops *dn_post_ops_t;

typedef struct dn_version {
  int major, minor, patch;
  const char *hash;
  unsigned cpu_runtime, gpu_runtime;
} dn_version_t;

typedef struct dn_arg {
  int arg;
  dn_memory_t memory;
} dn_arg_t;

enum dn_status { DN_SUCCESS = 0, DN_OUT_OF_MEMORY = 1, DN_UNIMPLEMENTED = 3 };
enum dn_type { DN_F16 = 1, DN_BF16 = 2, DN_F32 = 3, DN_S32 = 4, DN_S8 = 5, DN_U8 = 6 };
enum dn_engine_kind { DN_CPU = 1 };
enum dn_tag { DN_TAG_ANY = 1 };
enum dn_prop { DN_FORWARD_INFERENCE = 96 };
enum dn_scratchpad { DN_SCRATCHPAD_USER = 1 };
enum dn_query {
  DN_QUERY_IMPL = 8,
  DN_QUERY_SRC_MD = 129,
  DN_QUERY_WEIGHTS_MD = 131,
  DN_QUERY_DST_MD = 133,
  DN_QUERY_SCRATCHPAD_MD = 136
};
enum dn_alg {
  DN_CONV_DIRECT = 1,
  DN_CONV_AUTO = 3,
  DN_DECONV_DIRECT = 0xa,
  DN_ELT_RELU = 0x20,
  DN_ELT_TANH,
  DN_ELT_ELU,
  DN_ELT_SQUARE,
  DN_ELT_ABS,
  DN_ELT_SQRT,
  DN_ELT_LINEAR,
  DN_ELT_SOFT_RELU,
  DN_ELT_HARD_SIGMOID,
  DN_ELT_LOGISTIC,
  DN_ELT_EXP,
  DN_ELT_GELU_TANH,
  DN_ELT_SWISH,
  DN_ELT_LOG,
  DN_ELT_CLIP,
  DN_ELT_CLIP_V2,
  DN_ELT_POW,
  DN_ELT_GELU_ERF,
  DN_ELT_ROUND,
  DN_ELT_MISH,
  DN_ELT_HARD_SWISH,
  DN_POOL_MAX = 0x1ff,
  DN_POOL_AVG_INCLUDE = 0x2ff,
  DN_POOL_AVG_EXCLUDE = 0x3ff,
  DN_BINARY_ADD = 0x1fff0
};
enum dn_exec_arg {
  DN_ARG_SRC = 1,
  DN_ARG_DST = 17,
  DN_ARG_WEIGHTS = 33,
  DN_ARG_BIAS = 41,
  DN_ARG_SCRATCHPAD = 80,
  DN_ARG_SCALES = 4096,
  DN_ARG_ZERO_POINTS = 8192,
  DN_ARG_POST_OP_BASE = 32768,
  DN_ARG_SRC_1 = 2
};
#define DN_ARG_POST_OP(i) (DN_ARG_POST_OP_BASE * ((i) + 1))

// X(result, name, arguments): every function taken from the library.
#define ONEDNN_FUNCTIONS(X)                                                                        \
  X(const dn_version_t *, version, (void))                                                         \
  X(int, set_max_cpu_isa, (int isa))                                                               \
  X(int, engine_create, (dn_engine_t *, int kind, size_t index))                                   \
  X(int, engine_destroy, (dn_engine_t))                                                            \
  X(int, stream_create, (dn_stream_t *, dn_engine_t, unsigned flags))                              \
  X(int, stream_wait, (dn_stream_t))                                                               \
  X(int, stream_destroy, (dn_stream_t))                                                            \
  X(int, memory_desc_create_with_strides,                                                          \
    (dn_md_t *, int ndims, const dn_dims_t dims, int type, const dn_dims_t strides))               \
  X(int, memory_desc_create_with_tag,                                                              \
    (dn_md_t *, int ndims, const dn_dims_t dims, int type, int tag))                               \
  X(int, memory_desc_clone, (dn_md_t *, dn_md_t))                                                  \
  X(int, memory_desc_destroy, (dn_md_t))                                                           \
  X(int, memory_desc_equal, (dn_md_t, dn_md_t))                                                    \
  X(size_t, memory_desc_get_size, (dn_md_t))                                                       \
  X(int, memory_create, (dn_memory_t *, dn_md_t, dn_engine_t, void *handle))                       \
  X(int, memory_destroy, (dn_memory_t))                                                            \
  X(int, memory_set_data_handle, (dn_memory_t, void *handle))                                      \
  X(int, primitive_desc_destroy, (dn_pd_t))                                                        \
  X(dn_md_t, primitive_desc_query_md, (dn_pd_t, int what, int index))                              \
  X(int, primitive_desc_query, (dn_pd_t, int what, int index, void *result))                       \
  X(int, primitive_create, (dn_prim_t *, dn_pd_t))                                                 \
  X(int, primitive_destroy, (dn_prim_t))                                                           \
  X(int, primitive_execute, (dn_prim_t, dn_stream_t, int nargs, const dn_arg_t *args))             \
  X(int, primitive_attr_create, (dn_attr_t *))                                                     \
  X(int, primitive_attr_destroy, (dn_attr_t))                                                      \
  X(int, primitive_attr_set_post_ops, (dn_attr_t, dn_post_ops_t))                                  \
  X(int, primitive_attr_set_scales_mask, (dn_attr_t, int arg, int mask))                           \
  X(int, primitive_attr_set_zero_points_mask, (dn_attr_t, int arg, int mask))                      \
  X(int, primitive_attr_set_scratchpad_mode, (dn_attr_t, int mode))                                \
  X(int, post_ops_create, (dn_post_ops_t *))                                                       \
  X(int, post_ops_destroy, (dn_post_ops_t))                                                        \
  X(int, post_ops_append_sum, (dn_post_ops_t, float scale, int32_t zero_point, int type))          \
  X(int, post_ops_append_eltwise, (dn_post_ops_t, int alg, float alpha, float beta))               \
  X(int, post_ops_append_binary, (dn_post_ops_t, int alg, dn_md_t src1))                           \
  X(int, convolution_forward_primitive_desc_create,                                                \
    (dn_pd_t *, dn_engine_t, int prop, int alg, dn_md_t src, dn_md_t weights, dn_md_t bias,        \
     dn_md_t dst, const dn_dims_t strides, const dn_dims_t dilates, const dn_dims_t padding_l,     \
     const dn_dims_t padding_r, dn_attr_t))                                                        \
  X(int, deconvolution_forward_primitive_desc_create,                                              \
    (dn_pd_t *, dn_engine_t, int prop, int alg, dn_md_t src, dn_md_t weights, dn_md_t bias,        \
     dn_md_t dst, const dn_dims_t strides, const dn_dims_t dilates, const dn_dims_t padding_l,     \
     const dn_dims_t padding_r, dn_attr_t))                                                        \
  X(int, pooling_forward_primitive_desc_create,                                                    \
    (dn_pd_t *, dn_engine_t, int prop, int alg, dn_md_t src, dn_md_t dst, const dn_dims_t strides, \
     const dn_dims_t kernel, const dn_dims_t dilation, const dn_dims_t padding_l,                  \
     const dn_dims_t padding_r, dn_attr_t))                                                        \
  X(int, matmul_primitive_desc_create,                                                             \
    (dn_pd_t *, dn_engine_t, dn_md_t src, dn_md_t weights, dn_md_t bias, dn_md_t dst, dn_attr_t))  \
  X(int, reorder_primitive_desc_create,                                                            \
    (dn_pd_t *, dn_md_t src, dn_engine_t, dn_md_t dst, dn_engine_t, dn_attr_t))

typedef struct onednn {
#define X(result, name, args) result(*name) args;
  ONEDNN_FUNCTIONS(X)
#undef X
  dn_engine_t engine;  // the CPU; shared by everyone, thread-safe
  const char *path;    // of the library that was opened
} onednn_t;

// The library, opened once per process: TFTRT_ONEDNN_PATH (a file; nothing else is tried then),
// next to libtftrt, in ../lib of it, then the system's libdnnl.so.3. TFTRT_ONEDNN=0 turns it off.
// oneDNN's instruction set is limited to cpu_isa(). UNAVAILABLE, with every place tried and what
// was wrong there, when there is no oneDNN 3.1 or newer. Any thread. *out lives as long as the
// process.
status_t onednn_get(const onednn_t **out);

#endif
