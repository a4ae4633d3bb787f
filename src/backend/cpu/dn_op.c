#include "backend/cpu/dn_op.h"

#include <stdio.h>
#include <string.h>

#include "base/parallel.h"

enum { SLOT_SRC, SLOT_WEIGHTS, SLOT_DST, SLOT_BIAS, SLOT_RESIDUAL, SLOT_SCRATCH, SLOTS };
enum { MOST_FACTORS = 4 };  // scales and zero points, which stay where they are

struct dn_op {
  dn_prim_t prim;
  dn_stream_t stream;
  dn_md_t plain, packed;  // weights as given and as wanted; NULL when they are the same
  size_t packed_bytes, scratch_bytes;
  dn_memory_t memory[SLOTS];
  dn_memory_t factor[MOST_FACTORS];
  float *scales;  // [n]: of weights; then of dst
  int32_t zeros[2];
  int n_factors;
  dn_arg_t args[SLOTS + MOST_FACTORS];
  int n_args;
  char name[64];
};

#define DN(expr) dn_check((expr), #expr)
static status_t dn_check(int code, const char *what) {
  if (code == DN_SUCCESS) return NULL;
  if (code == DN_OUT_OF_MEMORY) return FAIL(RESOURCE_EXHAUSTED, "oneDNN: out of memory");
  if (code == DN_UNIMPLEMENTED) return FAIL(UNIMPLEMENTED, "oneDNN has no implementation");
  return FAIL(INTERNAL, "oneDNN failed with code %d in %.60s", code, what);
}

// oneDNN's form of an activation: alg(x, alpha, beta).
typedef struct eltwise {
  int alg;
  float alpha, beta;
} eltwise_t;

static bool eltwise_of(const activation_t *act, eltwise_t *e) {
  *e = (eltwise_t){0, 0.0f, 0.0f};
  switch (act->op) {
    case UNARY_RELU: e->alg = DN_ELT_RELU; return true;
    case UNARY_LEAKY_RELU: *e = (eltwise_t){DN_ELT_RELU, act->alpha, 0}; return true;
    case UNARY_RELU6: *e = (eltwise_t){DN_ELT_CLIP, 0, 6}; return true;
    case UNARY_CLIP: *e = (eltwise_t){DN_ELT_CLIP, act->alpha, act->beta}; return true;
    case UNARY_TANH: e->alg = DN_ELT_TANH; return true;
    case UNARY_ELU: *e = (eltwise_t){DN_ELT_ELU, 1, 0}; return true;
    case UNARY_SIGMOID: e->alg = DN_ELT_LOGISTIC; return true;
    case UNARY_SWISH: *e = (eltwise_t){DN_ELT_SWISH, 1, 0}; return true;
    case UNARY_GELU_ERF: e->alg = DN_ELT_GELU_ERF; return true;
    case UNARY_GELU_TANH: e->alg = DN_ELT_GELU_TANH; return true;
    case UNARY_SOFTPLUS: *e = (eltwise_t){DN_ELT_SOFT_RELU, 1, 0}; return true;
    case UNARY_SQUARE: e->alg = DN_ELT_SQUARE; return true;
    case UNARY_ABS: e->alg = DN_ELT_ABS; return true;
    case UNARY_HARD_SIGMOID:
      *e = (eltwise_t){DN_ELT_HARD_SIGMOID, act->alpha, act->beta};
      return true;
    case UNARY_HARD_SWISH: *e = (eltwise_t){DN_ELT_HARD_SWISH, 1.0f / 6.0f, 0.5f}; return true;
    default: return false;
  }
}

bool dn_activation_supported(const activation_t *act) {
  eltwise_t e;
  return !act->on || eltwise_of(act, &e);
}

static status_t make_md(const onednn_t *dn, const dn_tensor_t *t, int type, dn_md_t *out) {
  return DN(dn->memory_desc_create_with_strides(out, t->rank, t->dims, type, t->strides));
}

static int or_f32(int type) { return type ? type : DN_F32; }
static int src_type(const dn_problem_t *p) {
  return p->quant.on ? p->quant.src_type : or_f32(p->type);
}
static int dst_type(const dn_problem_t *p) {
  return p->quant.on ? p->quant.dst_type : or_f32(p->dst_type);
}
static int weights_type(const dn_problem_t *p) { return p->quant.on ? DN_S8 : or_f32(p->type); }

typedef struct descs {
  dn_md_t src, weights, dst, bias, residual;
  dn_attr_t attr;
  dn_post_ops_t post;
  dn_pd_t pd;
  int residual_arg;  // where the residual goes in; 0: nowhere
  int bias_arg;
} descs_t;

static void descs_free(const onednn_t *dn, descs_t *d) {
  dn_md_t mds[] = {d->src, d->weights, d->dst, d->bias, d->residual};
  for (int i = 0; i < 5; i++)
    if (mds[i]) dn->memory_desc_destroy(mds[i]);
  if (d->post) dn->post_ops_destroy(d->post);
  if (d->attr) dn->primitive_attr_destroy(d->attr);
  if (d->pd) dn->primitive_desc_destroy(d->pd);
}

// Groups and output channels of the weights have scales of their own.
static status_t set_factors(const onednn_t *dn, const dn_problem_t *p, descs_t *d) {
  const dn_quant_t *q = &p->quant;
  bool grouped = p->kind == DN_OP_CONV && p->weights.rank > p->src.rank;
  int mask = p->kind == DN_OP_MATMUL ? 1 << (p->weights.rank - 1) : grouped ? 3 : 1;
  if (!q->on) return NULL;
  if (p->kind == DN_OP_POOL) return NULL;
  TRY(DN(dn->primitive_attr_set_scales_mask(d->attr, DN_ARG_WEIGHTS, mask)));
  if (q->dst_scale > 0) TRY(DN(dn->primitive_attr_set_scales_mask(d->attr, DN_ARG_DST, 0)));
  if (q->src_zero) TRY(DN(dn->primitive_attr_set_zero_points_mask(d->attr, DN_ARG_SRC, 0)));
  if (q->dst_zero) TRY(DN(dn->primitive_attr_set_zero_points_mask(d->attr, DN_ARG_DST, 0)));
  return NULL;
}

static status_t make_attr(const onednn_t *dn, const dn_problem_t *p, descs_t *d) {
  TRY(DN(dn->primitive_attr_create(&d->attr)));
  TRY(set_factors(dn, p, d));
  TRY(DN(dn->primitive_attr_set_scratchpad_mode(d->attr, DN_SCRATCHPAD_USER)));
  TRY(DN(dn->post_ops_create(&d->post)));
  int n = 0;
  bool scaled = p->scale != 0.0f && p->scale != 1.0f;
  if (scaled) {
    TRY(DN(dn->post_ops_append_eltwise(d->post, DN_ELT_LINEAR, p->scale, 0.0f)));
    n++;
    if (p->bias) {  // behind the scale, so not as the primitive's own bias
      TRY(DN(dn->post_ops_append_binary(d->post, DN_BINARY_ADD, d->bias)));
      d->bias_arg = DN_ARG_POST_OP(n++) | DN_ARG_SRC_1;
    }
  }
  if (p->residual == DN_RESIDUAL_SUM) {
    const dn_quant_t *q = &p->quant;
    TRY(DN(q->on ? dn->post_ops_append_sum(d->post, q->residual_scale, q->residual_zero,
                                           q->residual_type)
                 : dn->post_ops_append_sum(d->post, 1.0f, 0, 0)));
    n++;
  } else if (p->residual == DN_RESIDUAL_BINARY) {
    TRY(make_md(dn, &p->dst, or_f32(p->residual_type), &d->residual));
    TRY(DN(dn->post_ops_append_binary(d->post, DN_BINARY_ADD, d->residual)));
    d->residual_arg = DN_ARG_POST_OP(n++) | DN_ARG_SRC_1;
  }
  if (p->act.on) {
    eltwise_t e;
    if (!eltwise_of(&p->act, &e))
      return FAIL(UNIMPLEMENTED, "oneDNN has no activation %s", unary_op_name(p->act.op));
    TRY(DN(dn->post_ops_append_eltwise(d->post, e.alg, e.alpha, e.beta)));
  }
  return DN(dn->primitive_attr_set_post_ops(d->attr, d->post));
}

static status_t make_pd(const onednn_t *dn, const dn_problem_t *p, descs_t *d) {
  TRY(make_md(dn, &p->src, src_type(p), &d->src));
  TRY(make_md(dn, &p->dst, dst_type(p), &d->dst));
  if (p->kind != DN_OP_POOL) {
    if (p->pack)
      TRY(DN(dn->memory_desc_create_with_tag(&d->weights, p->weights.rank, p->weights.dims,
                                             weights_type(p), DN_TAG_ANY)));
    else
      TRY(make_md(dn, &p->weights, weights_type(p), &d->weights));
  }
  if (p->bias) {
    dn_tensor_t b = {.rank = 1, .dims = {p->dst.dims[1]}, .strides = {1}};
    if (p->kind == DN_OP_MATMUL) {
      b.rank = p->dst.rank;
      for (int i = 0; i < b.rank; i++) b.dims[i] = 1, b.strides[i] = p->dst.dims[b.rank - 1];
      b.dims[b.rank - 1] = p->dst.dims[b.rank - 1];
      b.strides[b.rank - 1] = 1;
    }
    TRY(make_md(dn, &b, DN_F32, &d->bias));
    d->bias_arg = DN_ARG_BIAS;
  }
  TRY(make_attr(dn, p, d));
  dn_md_t own_bias = d->bias_arg == DN_ARG_BIAS ? d->bias : NULL;
  dn_dims_t skip;  // oneDNN counts the elements left out
  for (int i = 0; i < 3; i++) skip[i] = p->dilation[i] - 1;
  switch (p->kind) {
    case DN_OP_CONV:
      return DN(dn->convolution_forward_primitive_desc_create(
          &d->pd, dn->engine, DN_FORWARD_INFERENCE, DN_CONV_DIRECT, d->src, d->weights, own_bias,
          d->dst, p->stride, skip, p->pad_begin, p->pad_end, d->attr));
    case DN_OP_DECONV:
      return DN(dn->deconvolution_forward_primitive_desc_create(
          &d->pd, dn->engine, DN_FORWARD_INFERENCE, DN_DECONV_DIRECT, d->src, d->weights, own_bias,
          d->dst, p->stride, skip, p->pad_begin, p->pad_end, d->attr));
    case DN_OP_POOL:
      return DN(dn->pooling_forward_primitive_desc_create(
          &d->pd, dn->engine, DN_FORWARD_INFERENCE, p->pool_alg, d->src, d->dst, p->stride,
          p->kernel, skip, p->pad_begin, p->pad_end, d->attr));
    case DN_OP_MATMUL:
      return DN(dn->matmul_primitive_desc_create(&d->pd, dn->engine, d->src, d->weights, own_bias,
                                                 d->dst, d->attr));
  }
  return FAIL(INTERNAL, "unknown oneDNN problem %d", (int)p->kind);
}

static status_t add_arg(const onednn_t *dn, dn_op_t *op, int slot, int arg, dn_md_t md) {
  // A buffer is set before every run; none yet.
  TRY(DN(dn->memory_create(&op->memory[slot], md, dn->engine, NULL)));
  op->args[op->n_args++] = (dn_arg_t){arg, op->memory[slot]};
  return NULL;
}

static status_t add_factor(const onednn_t *dn, dn_op_t *op, int arg, int type, int64_t n,
                           void *values) {
  dn_tensor_t vector = {.rank = 1, .dims = {n}, .strides = {1}};
  dn_md_t md = NULL;
  TRY(make_md(dn, &vector, type, &md));
  status_t st = DN(dn->memory_create(&op->factor[op->n_factors], md, dn->engine, values));
  dn->memory_desc_destroy(md);
  TRY(st);
  op->args[op->n_args++] = (dn_arg_t){arg, op->factor[op->n_factors++]};
  return NULL;
}

static status_t add_factors(const onednn_t *dn, const dn_quant_t *q, dn_op_t *op) {
  size_t n = (size_t)q->n_weight_scales;
  op->scales = mem_alloc((n + 1) * sizeof *op->scales);
  memcpy(op->scales, q->weight_scale, n * sizeof *op->scales);
  op->scales[n] = q->dst_scale;
  op->zeros[0] = q->src_zero;
  op->zeros[1] = q->dst_zero;
  TRY(add_factor(dn, op, DN_ARG_SCALES | DN_ARG_WEIGHTS, DN_F32, q->n_weight_scales, op->scales));
  if (q->dst_scale > 0)
    TRY(add_factor(dn, op, DN_ARG_SCALES | DN_ARG_DST, DN_F32, 1, &op->scales[n]));
  if (q->src_zero)
    TRY(add_factor(dn, op, DN_ARG_ZERO_POINTS | DN_ARG_SRC, DN_S32, 1, &op->zeros[0]));
  if (q->dst_zero)
    TRY(add_factor(dn, op, DN_ARG_ZERO_POINTS | DN_ARG_DST, DN_S32, 1, &op->zeros[1]));
  return NULL;
}

static status_t finish(const onednn_t *dn, const dn_problem_t *p, descs_t *d, dn_op_t *op) {
  TRY(DN(dn->primitive_create(&op->prim, d->pd)));
  TRY(DN(dn->stream_create(&op->stream, dn->engine, 1)));
  const char *name = NULL;
  if (dn->primitive_desc_query(d->pd, DN_QUERY_IMPL, 0, (void *)&name) == DN_SUCCESS && name)
    snprintf(op->name, sizeof op->name, "onednn:%s", name);
  // Made of other layers: slow loops in oneDNN 3.2, and wrong in 3.7 (one output channel).
  if (p->kind == DN_OP_DECONV && p->quant.on && name && strncmp(name, "conv:any", 8) == 0)
    return FAIL(UNIMPLEMENTED, "oneDNN has no 8-bit kernel for it");
  dn_md_t scratch = dn->primitive_desc_query_md(d->pd, DN_QUERY_SCRATCHPAD_MD, 0);
  op->scratch_bytes = scratch ? dn->memory_desc_get_size(scratch) : 0;
  TRY(add_arg(dn, op, SLOT_SRC, DN_ARG_SRC, d->src));
  TRY(add_arg(dn, op, SLOT_DST, DN_ARG_DST, d->dst));
  if (p->kind != DN_OP_POOL) {
    dn_md_t wanted = dn->primitive_desc_query_md(d->pd, DN_QUERY_WEIGHTS_MD, 0);
    TRY(add_arg(dn, op, SLOT_WEIGHTS, DN_ARG_WEIGHTS, wanted));
    if (p->pack) {
      TRY(make_md(dn, &p->weights, weights_type(p), &op->plain));
      if (!dn->memory_desc_equal(op->plain, wanted)) {
        TRY(DN(dn->memory_desc_clone(&op->packed, wanted)));
        op->packed_bytes = dn->memory_desc_get_size(wanted);
      }
    }
  }
  if (d->bias) TRY(add_arg(dn, op, SLOT_BIAS, d->bias_arg, d->bias));
  if (d->residual_arg) TRY(add_arg(dn, op, SLOT_RESIDUAL, d->residual_arg, d->residual));
  if (p->quant.on && p->kind != DN_OP_POOL) TRY(add_factors(dn, &p->quant, op));
  if (op->scratch_bytes) TRY(add_arg(dn, op, SLOT_SCRATCH, DN_ARG_SCRATCHPAD, scratch));
  return NULL;
}

// Is it of batches whose sums are so long that oneDNN deals them out among threads? 3.7 writes no
// results then.
static bool sums_in_parts(const dn_problem_t *p) {
  enum { LONG = 16384 };
  int64_t batch = 1;
  for (int i = 0; i < p->dst.rank - 2; i++) batch *= p->dst.dims[i];
  return p->kind == DN_OP_MATMUL && batch > 1 && p->src.dims[p->src.rank - 1] > LONG;
}

status_t dn_op_create(const dn_problem_t *p, dn_op_t **out) {
  const onednn_t *dn;
  TRY(onednn_get(&dn));
  if (sums_in_parts(p)) return FAIL(UNIMPLEMENTED, "sums of batches are too long");
  descs_t d = {0};
  dn_op_t *op = mem_calloc(1, sizeof *op);
  status_t s = make_pd(dn, p, &d);
  if (!s) s = finish(dn, p, &d, op);
  descs_free(dn, &d);
  if (s) {
    dn_op_destroy(op);
    return s;
  }
  *out = op;
  return NULL;
}

status_t dn_op_refused(status_t e) {
  if (status_code(e) != CODE_UNIMPLEMENTED && status_code(e) != CODE_UNAVAILABLE) return e;
  status_free(e);
  return NULL;
}

// The library, which is there when an op is.
static const onednn_t *library(void) {
  const onednn_t *dn = NULL;
  status_free(onednn_get(&dn));
  return dn;
}

void dn_op_destroy(dn_op_t *op) {
  if (!op) return;
  const onednn_t *dn = library();
  for (int i = 0; i < SLOTS; i++)
    if (op->memory[i]) dn->memory_destroy(op->memory[i]);
  for (int i = 0; i < MOST_FACTORS; i++)
    if (op->factor[i]) dn->memory_destroy(op->factor[i]);
  mem_free(op->scales);
  if (op->prim) dn->primitive_destroy(op->prim);
  if (op->stream) dn->stream_destroy(op->stream);
  if (op->plain) dn->memory_desc_destroy(op->plain);
  if (op->packed) dn->memory_desc_destroy(op->packed);
  mem_free(op);
}

const char *dn_op_name(const dn_op_t *op) { return op->name; }
size_t dn_op_scratch_bytes(const dn_op_t *op) { return op->scratch_bytes; }
size_t dn_op_packed_bytes(const dn_op_t *op) { return op->packed_bytes; }

struct dn_packing {
  dn_md_t md;
};

dn_packing_t *dn_packing_of(const dn_op_t *op) {
  dn_packing_t *p = mem_calloc(1, sizeof *p);
  library()->memory_desc_clone(&p->md, op->packed);
  return p;
}

bool dn_packing_fits(const dn_packing_t *p, const dn_op_t *op) {
  return p && op->packed && library()->memory_desc_equal(p->md, op->packed);
}

void dn_packing_free(dn_packing_t *p) {
  if (!p) return;
  library()->memory_desc_destroy(p->md);
  mem_free(p);
}

status_t dn_op_pack(const dn_op_t *op, const void *weights, void *packed) {
  const onednn_t *dn;
  TRY(onednn_get(&dn));
  dn_pd_t pd = NULL;
  dn_prim_t prim = NULL;
  dn_memory_t from = NULL, to = NULL;
  status_t s;
  TRY_GOTO(s, out, DN(dn->memory_create(&from, op->plain, dn->engine, (void *)weights)));
  TRY_GOTO(s, out, DN(dn->memory_create(&to, op->packed, dn->engine, packed)));
  TRY_GOTO(s, out,
           DN(dn->reorder_primitive_desc_create(&pd, op->plain, dn->engine, op->packed, dn->engine,
                                                NULL)));
  TRY_GOTO(s, out, DN(dn->primitive_create(&prim, pd)));
  dn_arg_t args[] = {{DN_ARG_SRC, from}, {DN_ARG_DST, to}};
  TRY_GOTO(s, out, DN(dn->primitive_execute(prim, op->stream, 2, args)));
  s = DN(dn->stream_wait(op->stream));
out:
  if (prim) dn->primitive_destroy(prim);
  if (pd) dn->primitive_desc_destroy(pd);
  if (from) dn->memory_destroy(from);
  if (to) dn->memory_destroy(to);
  return s;
}

status_t dn_op_run(dn_op_t *op, const dn_buffers_t *b) {
  const onednn_t *dn;
  TRY(onednn_get(&dn));
  const void *const at[SLOTS] = {b->src, b->weights, b->dst, b->bias, b->residual, b->scratch};
  for (int i = 0; i < SLOTS; i++)
    if (op->memory[i]) dn->memory_set_data_handle(op->memory[i], (void *)at[i]);
  parallel_lacked();
  TRY(DN(dn->primitive_execute(op->prim, op->stream, op->n_args, op->args)));
  // Its work is cut for a number of threads; of some kinds nobody does the others' part.
  if (parallel_lacked())
    return FAIL(RESOURCE_EXHAUSTED, "%d threads are needed, and no more can be started",
                parallel_threads());
  return NULL;
}
