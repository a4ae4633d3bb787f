// The JSON dump, with the field names of TensorRT's engine inspector, so that tools written for it
// read ours; TfNodes is added.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "network/network.h"

typedef VEC(char) json_t;

static void put(json_t *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(json_t *j, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  if (n < 0) n = 0;
  vec_reserve(j, j->n + (size_t)n + 1 > j->cap ? 2 * (j->n + (size_t)n) + 256 : j->cap);
  vsnprintf(j->v + j->n, (size_t)n + 1, fmt, again);
  j->n += (size_t)n;
  va_end(again);
  va_end(ap);
}

static void put_string(json_t *j, const char *s) {
  put(j, "\"");
  for (; *s; s++) {
    if (*s == '"' || *s == '\\')
      put(j, "\\%c", *s);
    else if ((unsigned char)*s < 0x20)
      put(j, "\\u%04x", (unsigned)*s);
    else
      put(j, "%c", *s);
  }
  put(j, "\"");
}

static const char *format_name(dtype_t t) {
  switch (t) {
    case DT_FLOAT: return "FP32";
    case DT_HALF: return "FP16";
    case DT_BFLOAT16: return "BF16";
    case DT_INT8: return "Int8";
    case DT_UINT8: return "UInt8";
    case DT_INT32: return "Int32";
    case DT_INT64: return "Int64";
    case DT_BOOL: return "Bool";
    default: return dtype_name(t);
  }
}

static void put_tensor(json_t *j, const net_tensor_t *t) {
  put(j, "{\"Name\": ");
  put_string(j, t->name);
  put(j, ", \"Location\": \"Host\", \"Dimensions\": ");
  if (t->shape.rank < 0) put(j, "null");
  for (int i = 0; i < t->shape.rank; i++)
    put(j, "%s%" PRId64, i ? ", " : "[", t->shape.d[i] < 0 ? -1 : t->shape.d[i]);
  if (t->shape.rank >= 0) put(j, t->shape.rank ? "]" : "[]");
  put(j, ", \"Format/Datatype\": \"Row major linear %s\"", format_name(t->dtype));
  if (t->n_channel_scales)
    put(j, ", \"ChannelScales\": %" PRId64, t->n_channel_scales);
  else if (t->scale > 0)
    put(j, ", \"Scale\": %.9g", (double)t->scale);
  if (t->zero_point) put(j, ", \"ZeroPoint\": %d", t->zero_point);
  put(j, "}");
}

// Constants are weights to TensorRT: they are not among a layer's inputs, but for layers that have
// nothing else.
static void put_tensors(json_t *j, const char *key, net_tensor_t *const *t, int n, bool constants) {
  bool any = false;
  put(j, ",\n     \"%s\": [", key);
  for (int i = 0; i < n; i++) {
    if (t[i]->is_const && !constants) continue;
    put(j, any ? ",\n       " : "");
    put_tensor(j, t[i]);
    any = true;
  }
  put(j, "]");
}

static void put_activation(json_t *j, const activation_t *a) {
  if (a->on) put(j, ",\n     \"Activation\": \"%s\"", unary_op_name(a->op));
}

static void put_dims(json_t *j, const char *key, const int64_t *v, int n) {
  put(j, ",\n     \"%s\": [", key);
  for (int i = 0; i < n && i < 3; i++) put(j, "%s%" PRId64, i ? ", " : "", v[i]);
  put(j, "]");
}

static void put_flag(json_t *j, const char *key, bool on) { put(j, ",\n     \"%s\": %d", key, on); }

static void put_parameters(json_t *j, const layer_t *l) {
  const layer_params_t *p = &l->p;
  const char *op = NULL;
  switch (l->type) {
    case LAYER_UNARY: op = unary_op_name(p->unary.op); break;
    case LAYER_BINARY: op = binary_op_name(p->binary.op); break;
    case LAYER_REDUCE: op = reduce_op_name(p->reduce.op); break;
    case LAYER_CONV:
    case LAYER_DECONV: {
      const shape_t *w = &l->in[1]->shape;
      if (w->rank == p->conv.spatial + 2) {
        put_dims(j, "Kernel", w->d, p->conv.spatial);
        bool depthwise = p->conv.depthwise;
        int64_t maps = l->type == LAYER_DECONV ? w->d[p->conv.spatial] : w->d[w->rank - 1];
        put(j, ",\n     \"OutMaps\": %" PRId64, depthwise ? maps * w->d[w->rank - 2] : maps);
      }
      put_dims(j, "Stride", p->conv.strides, p->conv.spatial);
      put_dims(j, "Dilation", p->conv.dilations, p->conv.spatial);
      put(j, ",\n     \"PaddingMode\": \"%s\"",
          p->conv.same ? "kSAME_UPPER" : "kEXPLICIT_ROUND_DOWN");
      put_dims(j, "PrePadding", p->conv.pad_begin, p->conv.spatial);
      put_dims(j, "PostPadding", p->conv.pad_end, p->conv.spatial);
      put(j, ",\n     \"Groups\": %d", layer_conv_groups(l));
      put_flag(j, "HasBias", p->conv.has_bias);
      put_flag(j, "HasResidual", p->conv.has_residual);
      put_activation(j, &p->conv.act);
      break;
    }
    case LAYER_MATMUL:
      put_flag(j, "TransposeA", p->matmul.transpose_a);
      put_flag(j, "TransposeB", p->matmul.transpose_b);
      put_flag(j, "HasBias", p->matmul.has_bias);
      put_flag(j, "HasResidual", p->matmul.has_residual);
      put_activation(j, &p->matmul.act);
      break;
    case LAYER_POOL:
      put(j, ",\n     \"PoolingType\": \"%s\"", p->pool.max ? "MAX" : "AVERAGE");
      put_dims(j, "WindowSize", p->pool.window, p->pool.spatial);
      put_dims(j, "Stride", p->pool.strides, p->pool.spatial);
      break;
    case LAYER_NORM: put_activation(j, &p->norm.act); break;
    case LAYER_FUSED:
      put(j, ",\n     \"Operations\": [");
      for (int i = 0; i < p->fused.n; i++)
        put(j, "%s\"%s\"", i ? ", " : "", fused_step_name(&p->fused.step[i]));
      put(j, "]");
      break;
    default: break;
  }
  if (op) put(j, ",\n     \"Operation\": \"%s\"", op);
}

char *network_to_json(const network_t *n) {
  json_t j = {0};
  put(&j, "{\"Name\": ");
  put_string(&j, n->name);
  put(&j, ",\n \"Layers\": [");
  bool first = true;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (l->dead) continue;
    put(&j, "%s\n    {\"Name\": ", first ? "" : ",");
    first = false;
    put_string(&j, l->name);
    put(&j, ",\n     \"LayerType\": \"%s\"", layer_type_name(l->type));
    put_tensors(&j, "Inputs", l->in, l->n_in, false);
    put_tensors(&j, "Outputs", l->out, l->n_out, true);
    put_parameters(&j, l);
    put(&j, ",\n     \"TfNodes\": [");
    for (int k = 0; k < l->n_tf_nodes; k++) {
      if (k) put(&j, ", ");
      put_string(&j, l->tf_nodes[k]);
    }
    put(&j, "]}");
  }
  put(&j, "],\n \"Bindings\": [");
  for (int i = 0; i < n->n_inputs + n->n_outputs; i++) {
    if (i) put(&j, ", ");
    put_string(&j, i < n->n_inputs ? n->inputs[i]->name : n->outputs[i - n->n_inputs]->name);
  }
  put(&j, "]}\n");
  return j.v;
}
