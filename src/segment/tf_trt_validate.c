// The part of TF-TRT's validator that is the same for every op: kinds, dtypes and ranks of inputs.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops/op.h"
#include "segment/candidates.h"
#include "segment/tf_trt.h"

bool reject(check_t *c, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(c->reason, c->size, fmt, ap);
  va_end(ap);
  return false;
}

static const input_t *past_identities(const input_t *in) {
  while (strcmp(in->src->op, "Identity") == 0 && in->src->n_in) in = &in->src->in[0];
  return in;
}

static input_kind_t kind_of(const input_t *in) {
  const node_t *src = past_identities(in)->src;
  if (strcmp(src->op, "Const") == 0 || !tensor_empty(&src->pinned)) return KIND_WEIGHTS;
  if (strcmp(src->op, "VarHandleOp") == 0 ||
      (strcmp(src->op, "Placeholder") == 0 && src->n_out && src->out_dtype[0] == DT_RESOURCE))
    return KIND_RESOURCE;
  return KIND_TENSOR;
}

const shape_t *check_shape(const check_t *c, int in) {
  static const shape_t unknown = {.rank = -1}, scalar = {.rank = 0};
  const input_t *i = &c->node->in[in];
  const tensor_t *v = check_value(c, in);
  if (v && tensor_elements(v) == 0) return &scalar;  // weights of nothing have no dims
  return i->port < i->src->n_out ? &i->src->out_shape[i->port] : &unknown;
}

dtype_t check_dtype(const check_t *c, int in) {
  const input_t *i = &c->node->in[in];
  return i->port < i->src->n_out ? i->src->out_dtype[i->port] : DT_INVALID;
}

const tensor_t *check_value(const check_t *c, int in) {
  if (c->kind[in] != KIND_WEIGHTS) return NULL;
  return input_value(past_identities(&c->node->in[in]));
}

int trt_rank(const check_t *c, int in) {
  int rank = check_shape(c, in)->rank;
  return c->implicit && c->kind[in] == KIND_TENSOR ? rank - 1 : rank;
}

bool check_ints(const check_t *c, int in, int64_t *v, int max, int *n) {
  const tensor_t *t = check_value(c, in);
  if (!t || tensor_elements(t) > max) return false;
  *n = (int)tensor_elements(t);
  for (int i = 0; i < *n; i++) {
    status_t s = tensor_int_at(t, i, &v[i]);
    if (s) {
      status_free(s);
      return false;
    }
  }
  return true;
}

bool check_axis(check_t *c, int64_t axis, int rank, int *out) {
  if (axis < -rank || axis >= rank)
    return reject(c, "Axis value of %d is out of bounds, must be in range [%d, %d), at %s",
                  (int)axis, -rank, rank, c->node->name);
  *out = (int)(axis < 0 ? axis + rank : axis);
  if (c->implicit && *out == 0)
    return reject(c, "TensorRT does not allow manipulation of the batch dimension");
  return true;
}

bool check_broadcast(check_t *c, int a, int b) {
  shape_t s[2] = {*check_shape(c, a), *check_shape(c, b)};
  int index[2] = {a, b};
  int rank = s[0].rank > s[1].rank ? s[0].rank : s[1].rank;
  shape_t padded[2];
  for (int k = 0; k < 2; k++) {
    bool tensor = c->kind[index[k]] == KIND_TENSOR;
    padded[k] = shape_unknown_dims(rank);
    int shift = rank - s[k].rank;
    if (c->implicit && tensor && shift > 0)
      return reject(c,
                    "Broadcasting beyond batch dimension is not supported (tensor #dims %d vs "
                    "broadcast #dims %d)",
                    s[k].rank, rank);
    for (int i = 0; i < rank; i++) padded[k].d[i] = i < shift ? 1 : s[k].d[i - shift];
    if (c->implicit && tensor) padded[k].d[0] = -1;
  }
  for (int i = 0; i < rank; i++) {
    int64_t x = padded[0].d[i], y = padded[1].d[i];
    if (x == y || x == 1 || y == 1) continue;
    if (!c->implicit && (x < 0 || y < 0)) continue;
    if (x < 0 && y < 0) continue;
    char l[128], r[128];
    return reject(c, "Infeasible broadcast scheme (batch_dim: %d, %s vs %s)", c->implicit ? -1 : 1,
                  shape_format(&padded[0], l, sizeof l), shape_format(&padded[1], r, sizeof r));
  }
  return true;
}

// Can this input be a TensorRT tensor or weights at all?
static bool input_usable(check_t *c, int i) {
  static const char wrap[] = "Failed to convert at least one input to a TRT_TensorOrWeights: ";
  dtype_t t = check_dtype(c, i);
  const shape_t *s = check_shape(c, i);
  if (c->kind[i] == KIND_RESOURCE) return true;
  if (c->kind[i] == KIND_WEIGHTS) {
    bool integer = dtype_is_int(t);
    if (t != DT_FLOAT && t != DT_HALF && t != DT_BOOL && !integer)
      return reject(c, "%sUnsupported tensorflow data type %s", wrap, dtype_tf_name(t));
    const tensor_t *v = check_value(c, i);
    for (int64_t k = 0; v && integer && t != DT_INT32 && k < tensor_elements(v); k++) {
      int64_t x = 0;
      status_free(tensor_int_at(v, k, &x));
      if (x < INT32_MIN || x > INT32_MAX)
        return reject(c, "%sValue at index %d is outside the range of int32", wrap, (int)k);
    }
    return true;
  }
  if (t == DT_INVALID) return reject(c, "%sShape and data type are unknown", wrap);
  if (t != DT_FLOAT && t != DT_HALF && t != DT_INT32 && t != DT_BOOL && t != DT_UINT8)
    return reject(c, "%sUnsupported tensorflow data type %s", wrap, dtype_tf_name(t));
  if (s->rank < 0) return reject(c, "%sInput tensor rank is unknown.", wrap);
  if (c->implicit && s->rank == 0)
    return reject(c,
                  "%sScalar input tensor is not supported since the first dimension is treated as "
                  "batch dimension by TRT",
                  wrap);
  if (s->rank > 8) return reject(c, "%sdims of TensorShape exceed MAX_DIMS", wrap);
  for (int d = c->implicit ? 1 : 0; d < s->rank; d++) {
    char text[128];
    if (s->d[d] == 0)
      return reject(
          c, "%sInput tensor with shape %s is an empty tensor, which is not supported by TRT", wrap,
          shape_format(s, text, sizeof text));
  }
  return true;
}

static bool kinds_match(check_t *c, const char *kinds) {
  const char *what[] = {"tensor", "constant", "resource handle"};
  for (int i = 0; i < c->node->n_in && kinds && *kinds; i++) {
    char k = *kinds;
    if (kinds[1]) kinds++;
    if (k == 'B' && c->kind[i] != KIND_RESOURCE) continue;
    input_kind_t want = k == 'W' ? KIND_WEIGHTS : k == 'R' ? KIND_RESOURCE : KIND_TENSOR;
    if (c->kind[i] == want) continue;
    return reject(c, "The input \"input_%d\" for %s must be a %s, at %s", i, c->node->op,
                  what[want], c->node->name);
  }
  return true;
}

static bool dtype_allowed(check_t *c, const rule_t *r) {
  if (!r->dtypes) return true;
  dtype_t t = node_type(c->node, r->dtype_attr ? r->dtype_attr : "T");
  bool ints = strchr(r->dtypes, 'i') != NULL;
  if (t == DT_FLOAT || t == DT_HALF || (ints && t == DT_INT32)) return true;
  return reject(c, "Data type %s is not supported for %s, must be one of [float, half%s]",
                dtype_tf_name(t), c->node->op, ints ? ", int32" : "");
}

static bool is_quantize(const char *op) {
  return strcmp(op, "QuantizeAndDequantizeV2") == 0 || strcmp(op, "QuantizeAndDequantizeV3") == 0 ||
         strcmp(op, "FakeQuantWithMinMaxVars") == 0 || strcmp(op, "FakeQuantWithMinMaxArgs") == 0;
}

// In explicit precision mode a filter comes out of a quantization node, and may not be a constant.
static const char *kinds_of(const rule_t *r, bool explicit_precision) {
  static const char *const convs[] = {"Conv2D", "DepthwiseConv2dNative",
                                      "FusedConv2DBiasActivation"};
  if (!explicit_precision) return r->kinds;
  for (size_t i = 0; i < sizeof convs / sizeof *convs; i++)
    if (strcmp(r->op, convs[i]) == 0) return "TTW";
  return strcmp(r->op, "Conv2DBackpropInput") == 0 ? "WTT" : r->kinds;
}

const rule_t *tf_trt_rule(const char *op) {
  for (const rule_t *r = tf_trt_rules; r->op; r++)
    if (strcmp(r->op, op) == 0) return r;
  return NULL;
}

bool tf_trt_accepts(const graph_t *g, const node_t *n, const segment_options_t *o, char *reason,
                    size_t size) {
  check_t c = {
      .graph = g, .node = n, .implicit = o->implicit_batch, .reason = reason, .size = size};
  c.int8 = o->precision_mode && (strcmp(o->precision_mode, "INT8") == 0);
  bool explicit_precision = o->explicit_precision;
  c.int8 |= explicit_precision;
  const rule_t *r = tf_trt_rule(n->op);
  if (!r || (is_quantize(n->op) && !c.int8))
    return reject(&c, "Op type %s is not supported.", n->op);
  if (n->n_in > TF_TRT_MAX_INPUTS) return reject(&c, "%s has %d inputs", n->op, n->n_in);
  for (int i = 0; i < n->n_in; i++) c.kind[i] = kind_of(&n->in[i]);
  for (int i = 0; i < n->n_in; i++)
    if (!input_usable(&c, i)) return false;
  if (r->explicit_only && c.implicit) {
    int tensors = n->n_in;
    return reject(&c, "Convertion for %sop: '%s' is not supported in implicit batch mode, at %s",
                  tensors == 1   ? "Unary "
                  : tensors == 2 ? "Binary "
                                 : "",
                  n->op, n->name);
  }
  if (explicit_precision && strncmp(n->op, "FakeQuant", 9) == 0) return reject(&c, "%s", "");
  if (explicit_precision && strcmp(n->op, "QuantizeAndDequantizeV3") == 0)
    return reject(&c, "No attr named 'round_mode' in NodeDef:\n\t [[{{node %s}}]]", n->name);
  return dtype_allowed(&c, r) && kinds_match(&c, kinds_of(r, explicit_precision)) &&
         (!r->check || r->check(&c));
}

bool tf_trt_leading_shape(const node_t *n, shape_t *out) {
  static const char *const all_inputs[] = {
      "Add",         "AddV2",        "Mul",     "Sub", "Div",     "FloorDiv",
      "RealDiv",     "Minimum",      "Maximum", "Pow", "BiasAdd", "SquaredDifference",
      "BatchMatMul", "BatchMatMulV2"};
  int first = 0, last = 1;
  for (size_t i = 0; i < sizeof all_inputs / sizeof *all_inputs; i++)
    if (strcmp(n->op, all_inputs[i]) == 0) last = n->n_in;
  if (strcmp(n->op, "Conv2DBackpropInput") == 0 || strcmp(n->op, "Conv3DBackpropInputV2") == 0)
    first = 2, last = 3;
  if (last > n->n_in) last = n->n_in;
  const shape_t *best[TF_TRT_MAX_INPUTS];
  int n_best = 0, rank = -1;
  for (int i = first; i < last && n_best < TF_TRT_MAX_INPUTS; i++) {
    const input_t *in = &n->in[i];
    if (in->port >= in->src->n_out || in->src->out_shape[in->port].rank < 0) return false;
    const shape_t *s = &in->src->out_shape[in->port];
    if (s->rank > rank) rank = s->rank, n_best = 0;
    if (s->rank == rank) best[n_best++] = s;
  }
  if (!n_best) return false;
  *out = *best[0];
  if (rank < 1) return true;
  const shape_t *unknown = NULL, *largest = best[0];
  for (int i = 0; i < n_best; i++) {
    if (best[i]->d[0] < 0 && !unknown) unknown = best[i];
    if (best[i]->d[0] > largest->d[0]) largest = best[i];
  }
  if (!unknown) {
    *out = *largest;
    return true;
  }
  for (int i = 0; i < n_best; i++)
    if (best[i]->d[0] > 1) return false;
  *out = *unknown;
  return true;
}
