// Execution contexts: a network's steps for concrete shapes, and running them.
#include "backend/cpu/context.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/parallel.h"
#include "base/work.h"

static const struct {
  layer_type_t type;
  status_t (*make)(backend_context_t *, const layer_t *, step_t *);
} makers[] = {
    {LAYER_CONV, make_conv_step},          {LAYER_DECONV, make_deconv_step},
    {LAYER_MATMUL, make_matmul_step},      {LAYER_POOL, make_pool_step},
    {LAYER_SOFTMAX, make_softmax_step},    {LAYER_NORM, make_norm_step},
    {LAYER_REDUCE, make_reduce_step},      {LAYER_UNARY, make_elementwise_step},
    {LAYER_BINARY, make_elementwise_step}, {LAYER_SELECT, make_elementwise_step},
    {LAYER_CAST, make_elementwise_step},   {LAYER_FUSED, make_elementwise_step},
    {LAYER_CONCAT, make_move_step},        {LAYER_PACK, make_move_step},
    {LAYER_SPLIT, make_move_step},         {LAYER_UNPACK, make_move_step},
    {LAYER_TRANSPOSE, make_move_step},     {LAYER_SLICE, make_move_step},
    {LAYER_BROADCAST, make_move_step},     {LAYER_TILE, make_move_step},
    {LAYER_QUANTIZE, make_quantize_step},  {LAYER_DEQUANTIZE, make_quantize_step},
    {LAYER_PAD, make_move_step},           {LAYER_GATHER, make_move_step},
    {LAYER_RESIZE, make_resize_step},
};

bool layer_is_float(const layer_t *l, int n) {
  for (int i = 0; i < n; i++)
    if (l->in[i]->dtype != DT_FLOAT) return false;
  return l->out[0]->dtype == DT_FLOAT;
}

bool onednn_computes(dtype_t t) {
  return !dtype_is_16bit_float(t) || cpu_has(t == DT_HALF ? CPU_AVX512_FP16 : CPU_AVX512_BF16);
}

bool layer_is_half(const layer_t *l, int n, int bias) {
  dtype_t t = l->in[0]->dtype, y = l->out[0]->dtype;
  if (!dtype_is_16bit_float(t) || (y != t && y != DT_FLOAT)) return false;
  for (int i = 0; i < n; i++)
    if (l->in[i]->dtype != t) return false;
  return bias < 0 || l->in[bias]->dtype == DT_FLOAT;
}

static int dn_type_of(dtype_t t) {
  return t == DT_HALF ? DN_F16 : t == DT_BFLOAT16 ? DN_BF16 : DN_F32;
}

void dn_types(const layer_t *l, int residual, dn_problem_t *p) {
  p->type = dn_type_of(l->in[0]->dtype);
  p->dst_type = dn_type_of(l->out[0]->dtype);
  if (residual < 0) return;
  bool same = l->in[residual]->dtype == l->out[0]->dtype;
  p->residual = same ? DN_RESIDUAL_SUM : DN_RESIDUAL_BINARY;
  p->residual_type = dn_type_of(l->in[residual]->dtype);
}

// Layers whose output is the input's elements under another shape.
static bool is_view(const layer_t *l) {
  return l->type == LAYER_IDENTITY || l->type == LAYER_RESHAPE || l->type == LAYER_SQUEEZE ||
         l->type == LAYER_EXPAND_DIMS;
}

static status_t run_copy(step_t *s, backend_context_t *c) {
  const layer_t *l = s->layer;
  size_t bytes = (size_t)shape_elements(out_shape(c, l, 0)) * dtype_size(l->out[0]->dtype);
  if (step_out(s, c, 0) != step_in(s, c, 0)) memcpy(step_out(s, c, 0), step_in(s, c, 0), bytes);
  return NULL;
}

static bool is_empty(const backend_context_t *c, const layer_t *l) {
  for (int i = 0; i < l->n_out; i++)
    if (shape_elements(out_shape(c, l, i)) != 0) return false;
  return true;
}

bool cpu_is_step(const backend_context_t *c, const layer_t *l) {
  return !is_empty(c, l) && !is_view(l);
}

bool cpu_has_choice(const layer_t *l) {
  return l->type == LAYER_CONV || l->type == LAYER_DECONV || l->type == LAYER_MATMUL;
}

static status_t make_step(backend_context_t *c, const layer_t *l, step_t *s) {
  *s = (step_t){0};
  for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
    if (makers[i].type == l->type) {
      TRY(makers[i].make(c, l, s));
      if (!s->run) TRY(make_wide_step(c, l, makers[i].make, s));
    }
  return s->run ? NULL : make_ref_step(c, l, s);
}

static bool within(const backend_context_t *c, const step_t *s) {
  int64_t most = c->engine->max_workspace;
  return most <= 0 || s->scratch + s->inner <= (uint64_t)most;
}

static void destroy_step(step_t *s) {
  if (s->destroy) s->destroy(s->state);
  *s = (step_t){0};
}

// The other tactic may do with less scratch memory.
static status_t make_other(backend_context_t *c, const layer_t *l, step_t *s) {
  tactic_t asked = c->tactic;
  c->tactic = prefers_own(c, l) ? TACTIC_ONEDNN : TACTIC_OWN;
  status_t st = make_step(c, l, s);
  c->tactic = asked;
  return st;
}

status_t cpu_make_step(backend_context_t *c, const layer_t *l, step_t *s) {
  TRY(make_step(c, l, s));
  if (within(c, s)) return NULL;
  size_t least = s->scratch + s->inner;
  destroy_step(s);
  if (cpu_has_choice(l)) {
    TRY(make_other(c, l, s));
    s->limited = true;
    if (within(c, s)) return NULL;
    if (s->scratch + s->inner < least) least = s->scratch + s->inner;
    destroy_step(s);
  }
  return FAIL(RESOURCE_EXHAUSTED, "it takes %zu bytes of scratch memory; the workspace is %" PRId64,
              least, c->engine->max_workspace);
}

// What owns a tensor's memory, as far as making steps is concerned.
enum owner { OWNER_ARENA, OWNER_INPUT, OWNER_VALUE, OWNER_OUTPUT };

static status_t make_steps(backend_context_t *c, uint8_t *owner) {
  const specialized_t *sp = c->spec;
  c->steps = mem_calloc((size_t)sp->n_layers + 1, sizeof *c->steps);
  for (int k = 0; k < sp->n_layers; k++) {
    const layer_t *l = sp->layers[k];
    if (is_empty(c, l)) continue;
    if (is_view(l)) {
      int from = c->root[l->in[0]->id], to = l->out[0]->id;
      bool result = owner[to] == OWNER_OUTPUT;
      if (!result || owner[from] == OWNER_ARENA) {
        if (result) owner[from] = OWNER_OUTPUT;
        c->root[to] = from;
        continue;
      }
      c->steps[c->n_steps++] = (step_t){.layer = l, .run = run_copy, .reuse = -1, .tactic = "copy"};
      continue;
    }
    step_t *s = &c->steps[c->n_steps];
    status_t e = work_check();
    if (!e) e = cpu_make_step(c, l, s);
    if (e) return status_prefix(e, "layer %s", l->name);
    c->n_steps++;
    if (s->scratch > c->scratch_bytes) c->scratch_bytes = s->scratch;
  }
  return NULL;
}

static status_t begin(backend_context_t *c, const shape_t *shapes, const tensor_t *values) {
  const network_t *n = c->net;
  TRY(specialize(n, shapes, values, &c->spec));
  c->at = mem_calloc((size_t)n->n_tensors + 1, sizeof *c->at);
  for (int i = 0; i < n->n_tensors; i++) {
    const tensor_t *v = spec_value(c->spec, n->tensors[i]);
    if (v) c->at[i] = v->data;
  }
  return NULL;
}

static status_t create(backend_context_t *c, const shape_t *shapes, const tensor_t *values) {
  const network_t *n = c->net;
  TRY(begin(c, shapes, values));
  c->root = mem_alloc(((size_t)n->n_tensors + 1) * sizeof *c->root);
  uint8_t *owner = mem_calloc((size_t)n->n_tensors + 1, 1);
  for (int i = 0; i < n->n_tensors; i++) {
    c->root[i] = i;
    if (spec_value(c->spec, n->tensors[i])) owner[i] = OWNER_VALUE;
  }
  for (int i = 0; i < n->n_inputs; i++)
    if (owner[n->inputs[i]->id] == OWNER_ARENA) owner[n->inputs[i]->id] = OWNER_INPUT;
  c->output_shapes = mem_calloc((size_t)n->n_outputs + 1, sizeof *c->output_shapes);
  for (int i = 0; i < n->n_outputs; i++) {
    int id = n->outputs[i]->id;
    if (owner[id] == OWNER_ARENA) owner[id] = OWNER_OUTPUT;
    c->output_shapes[i] = c->spec->shapes[id];
  }
  status_t e = make_steps(c, owner);
  mem_free(owner);
  TRY(e);
  TRY(plan_memory(c));
  if (c->scratch_bytes) {
    c->scratch = mem_try_alloc(c->scratch_bytes);
    if (!c->scratch)
      return FAIL(RESOURCE_EXHAUSTED, "no memory for %zu bytes of scratch", c->scratch_bytes);
  }
  return NULL;
}

static backend_context_t *new_context(backend_engine_t *e, int threads) {
  backend_context_t *c = mem_calloc(1, sizeof *c);
  c->engine = e;
  c->net = e->net;
  c->threads = threads > 0 ? threads : 1;
  return c;
}

status_t cpu_context_create(backend_engine_t *e, const shape_t *shapes, const tensor_t *values,
                            int threads, backend_context_t **out) {
  backend_context_t *c = new_context(e, threads);
  // Primitives split their work for the number of threads that they are made under.
  int before = parallel_set_threads(c->threads);
  status_t s = create(c, shapes, values);
  parallel_set_threads(before);
  if (s) {
    cpu_context_destroy(c);
    return s;
  }
  *out = c;
  return NULL;
}

status_t cpu_context_begin(backend_engine_t *e, const shape_t *shapes, int threads,
                           backend_context_t **out) {
  backend_context_t *c = new_context(e, threads);
  status_t s = begin(c, shapes, NULL);
  if (s) {
    cpu_context_destroy(c);
    return s;
  }
  *out = c;
  return NULL;
}

void cpu_context_destroy(backend_context_t *c) {
  if (!c) return;
  for (int k = 0; k < c->n_steps; k++)
    if (c->steps[k].destroy) c->steps[k].destroy(c->steps[k].state);
  weights_free(c->packed);
  mem_free(c->steps);
  mem_free(c->at);
  mem_free(c->root);
  mem_free(c->output_shapes);
  mem_aligned_free(c->arena);
  mem_aligned_free(c->scratch);
  specialized_free(c->spec);
  mem_free(c);
}

static status_t check_tensor(const net_tensor_t *t, const tensor_t *given, const shape_t *shape,
                             const char *what) {
  char want[128], got[128];
  if (given->dtype == t->dtype && shape_equal(&given->shape, shape)) return NULL;
  return FAIL(INVALID_ARGUMENT, "%s %s is %s %s; the context was made for %s %s", what, t->name,
              dtype_name(given->dtype), shape_format(&given->shape, got, sizeof got),
              dtype_name(t->dtype), shape_format(shape, want, sizeof want));
}

static status_t bind(backend_context_t *c, const tensor_t *in, tensor_t *out) {
  const network_t *n = c->net;
  for (int i = 0; i < n->n_inputs; i++) {
    const net_tensor_t *t = n->inputs[i];
    TRY(check_tensor(t, &in[i], spec_shape(c->spec, t), "input"));
    if (!spec_value(c->spec, t)) c->at[t->id] = in[i].data;
  }
  for (int i = 0; i < n->n_outputs; i++) {
    const net_tensor_t *t = n->outputs[i];
    TRY(check_tensor(t, &out[i], &c->output_shapes[i], "output"));
    int root = c->root[t->id];
    const net_tensor_t *r = n->tensors[root];
    if (!spec_value(c->spec, r) && r->producer) c->at[root] = out[i].data;
  }
  for (int i = 0; i < n->n_tensors; i++)
    if (c->root[i] != i) c->at[i] = c->at[c->root[i]];
  return NULL;
}

static status_t show_outputs(backend_context_t *c, const layer_t *l) {
  for (int i = 0; i < l->n_out; i++) {
    const net_tensor_t *t = l->out[i];
    const shape_t *s = spec_shape(c->spec, t);
    size_t bytes = (size_t)shape_elements(s) * dtype_size(t->dtype);
    if (!c->at[t->id]) continue;
    tensor_t value = tensor_borrow(t->dtype, s, c->at[t->id], bytes, NULL, NULL);
    status_t st = c->observe(c->observer, t, &value);
    tensor_unref(&value);
    TRY(st);
  }
  return NULL;
}

static status_t run_steps(backend_context_t *c) {
  int64_t t = c->profile ? clock_ns() : 0;
  for (int k = 0; k < c->n_steps; k++) {
    step_t *s = &c->steps[k];
    status_t e = s->run(s, c);
    if (e) return status_prefix(e, "layer %s", s->layer->name);
    if (c->observe) TRY(show_outputs(c, s->layer));
    if (c->profile) {
      int64_t end = clock_ns();
      s->ns += end - t;
      if (!s->least_ns || end - t < s->least_ns) s->least_ns = end - t;
      t = end;
    }
  }
  return NULL;
}

status_t cpu_context_run(backend_context_t *c, const tensor_t *in, tensor_t *out) {
  TRY(bind(c, in, out));
  int before = parallel_set_threads(c->threads);
  status_t s = run_steps(c);
  parallel_set_threads(before);
  TRY(s);
  c->runs++;
  // Outputs that are inputs, values, or asked for twice.
  for (int i = 0; i < c->net->n_outputs; i++) {
    const void *from = c->at[c->net->outputs[i]->id];
    if (from != out[i].data) memcpy(out[i].data, from, tensor_bytes(&out[i]));
  }
  return NULL;
}
