// The text dump: one line per tensor that matters, one per layer.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "network/network.h"

typedef VEC(char) text_t;

static void put(text_t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(text_t *t, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  vec_reserve(t, 2 * (t->n + (size_t)n) + 1);
  t->n += (size_t)vsnprintf(t->v + t->n, (size_t)n + 1, fmt, again);
  va_end(again);
  va_end(ap);
}

static void put_tensor(text_t *t, const net_tensor_t *x) {
  put(t, "%%%d:%s%s", x->id, dtype_name(x->dtype), shape_format(&x->shape, (char[160]){0}, 160));
  if (x->is_const) put(t, "*");
  if (x->n_channel_scales)
    put(t, " scales[%lld]", (long long)x->n_channel_scales);
  else if (x->scale > 0)
    put(t, " scale %.6g", (double)x->scale);
  if (x->zero_point) put(t, " zero %d", x->zero_point);
}

static void put_op(text_t *t, const layer_t *l) {
  const layer_params_t *p = &l->p;
  const activation_t *act = NULL;
  switch (l->type) {
    case LAYER_UNARY: put(t, " %s", unary_op_name(p->unary.op)); break;
    case LAYER_BINARY: put(t, " %s", binary_op_name(p->binary.op)); break;
    case LAYER_REDUCE: put(t, " %s", reduce_op_name(p->reduce.op)); break;
    case LAYER_CONV:
    case LAYER_DECONV:
      act = &p->conv.act;
      put(t, "%s%s%s%s", p->conv.channels_last ? "" : " nchw",
          p->conv.depthwise ? " depthwise" : "", p->conv.has_bias ? " +bias" : "",
          p->conv.has_residual ? " +residual" : "");
      break;
    case LAYER_MATMUL:
      act = &p->matmul.act;
      put(t, "%s%s%s%s", p->matmul.transpose_a ? " ta" : "", p->matmul.transpose_b ? " tb" : "",
          p->matmul.has_bias ? " +bias" : "", p->matmul.has_residual ? " +residual" : "");
      break;
    case LAYER_NORM: act = &p->norm.act; break;
    case LAYER_POOL: put(t, p->pool.max ? " MAX" : " AVERAGE"); break;
    case LAYER_FUSED:
      for (int i = 0; i < p->fused.n; i++)
        put(t, "%s%s", i ? "," : " ", fused_step_name(&p->fused.step[i]));
      break;
    default: break;
  }
  if (act && act->on) put(t, " +%s", unary_op_name(act->op));
}

char *network_to_text(const network_t *n) {
  text_t t = {0};
  put(&t, "network %s\n", n->name);
  for (int i = 0; i < n->n_inputs; i++) {
    put(&t, "  input ");
    put_tensor(&t, n->inputs[i]);
    put(&t, " %s\n", n->inputs[i]->name);
  }
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (l->dead) continue;
    put(&t, "  ");
    for (int o = 0; o < l->n_out; o++) {
      if (o) put(&t, ", ");
      put_tensor(&t, l->out[o]);
    }
    put(&t, " = %s", layer_type_name(l->type));
    put_op(&t, l);
    put(&t, " (");
    for (int k = 0; k < l->n_in; k++) {
      if (k) put(&t, ", ");
      put_tensor(&t, l->in[k]);
    }
    put(&t, ") %s", l->name);
    if (l->n_tf_nodes > 1) put(&t, " [%d nodes]", l->n_tf_nodes);
    put(&t, "\n");
  }
  for (int i = 0; i < n->n_outputs; i++) {
    put(&t, "  output ");
    put_tensor(&t, n->outputs[i]);
    put(&t, " %s\n", n->outputs[i]->name);
  }
  return t.v;
}
