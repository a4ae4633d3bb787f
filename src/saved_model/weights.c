// Constants that live in the bundle.
#include <string.h>

#include "base/stream.h"
#include "formats/tensor_shape.h"
#include "formats/tf_fields.h"
#include "saved_model/writer_internal.h"

static bool is_const(const node_t *n) { return !n->dead && strcmp(n->op, "Const") == 0; }

status_t weights_assign_key(graph_t *g, node_t *n, size_t min_bytes) {
  if (!is_const(n) || *node_string(n, WEIGHT_ATTR)) return NULL;
  attr_value_t *value = node_attr(n, "value");
  const tensor_t *t;
  if (!value) return NULL;
  TRY(status_prefix(attr_tensor(value, &t), "node %s", n->name));
  if (!dtype_is_plain(t->dtype) || tensor_bytes(t) < min_bytes) return NULL;
  uint64_t a = 1;
  TRY(stream_pass(t->data, tensor_bytes(t), t->buf->mapped, stream_hash, &a));
  uint64_t b =
      hash_bytes(t->shape.d, sizeof t->shape.d[0] * (size_t)t->shape.rank, a + (uint64_t)t->dtype);
  char *key = mem_printf("tftrt/%016llx%016llx", (unsigned long long)a, (unsigned long long)b);
  node_set_string(g, n, WEIGHT_ATTR, key, strlen(key));
  mem_free(key);
  return NULL;
}

status_t weights_assign_keys(graph_t *g, size_t min_bytes) {
  for (int i = 0; i < g->n_nodes; i++) TRY(weights_assign_key(g, g->nodes[i], min_bytes));
  return NULL;
}

status_t weights_load(const saved_model_t *m, graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    const char *key = is_const(n) ? node_string(n, WEIGHT_ATTR) : "";
    if (!*key) continue;
    tensor_t t;
    shape_t shape;
    dtype_t dtype;
    bool stripped;
    TRY(status_prefix(weight_header(node_attr(n, "value"), &dtype, &shape, &stripped), "node %s",
                      n->name));
    if (!stripped) continue;
    TRY(status_prefix(saved_model_bundle_tensor(m, key, &t), "node %s", n->name));
    if (t.dtype == dtype && shape_equal(&t.shape, &shape)) {
      node_set_tensor(g, n, "value", &t);
      tensor_unref(&t);
      continue;
    }
    tensor_unref(&t);
    return FAIL(DATA_LOSS, "node %s: tensor \"%s\" of the bundle has another dtype or shape",
                n->name, key);
  }
  return NULL;
}

status_t weights_each(const graph_t *g, weight_fn each, void *user) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    const char *key = is_const(n) ? node_string(n, WEIGHT_ATTR) : "";
    attr_value_t *value = *key ? node_attr(n, "value") : NULL;
    if (!value) continue;
    const tensor_t *t = NULL;
    shape_t shape;
    dtype_t dtype;
    bool stripped;
    status_t st = weight_header(value, &dtype, &shape, &stripped);
    if (!st && !stripped) st = attr_tensor(value, &t);
    TRY(status_prefix(st, "node %s", n->name));
    TRY(each(user, key, t));
  }
  return NULL;
}

status_t weight_header(const attr_value_t *value, dtype_t *dtype, shape_t *shape, bool *stripped) {
  *stripped = false;
  *dtype = DT_INVALID;
  *shape = SHAPE_SCALAR;
  if (!value || value->kind != ATTR_TENSOR || !value->tensor_raw) return NULL;
  wire_t w = wire_open(value->tensor_raw, value->tensor_size), sub;
  wire_field_t f;
  status_t st;
  bool only = true;
  while (wire_next(&w, &f, &st)) {
    if (f.number == TF_TENSOR_DTYPE) {
      int32_t v;
      TRY(wire_get_i32(&f, &v));
      *dtype = (dtype_t)v;
    } else if (f.number == TF_TENSOR_TENSOR_SHAPE) {
      TRY(wire_get_message(&f, &sub));
      TRY(tensor_shape_parse(sub, shape));
    } else {
      only = false;
    }
  }
  *stripped = only && shape_elements(shape) > 0;
  return st;
}

status_t saved_model_writer_weights(saved_model_writer_t *w, const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    const char *key = is_const(n) ? node_string(n, WEIGHT_ATTR) : "";
    attr_value_t *value = *key ? node_attr(n, "value") : NULL;
    const tensor_t *t;
    shape_t shape;
    dtype_t dtype;
    bool stripped;
    if (!value) continue;
    TRY(weight_header(value, &dtype, &shape, &stripped));
    if (stripped) continue;  // in the source's bundle, which is copied
    TRY(status_prefix(attr_tensor(value, &t), "node %s", n->name));
    TRY(status_prefix(writer_add_weight(w, key, t), "node %s", n->name));
  }
  return NULL;
}

status_t weights_strip(saved_model_writer_t *w, graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    const char *key = is_const(n) ? node_string(n, WEIGHT_ATTR) : "";
    if (!*key) continue;
    shape_t shape;
    dtype_t dtype;
    bool stripped;
    attr_value_t *value = node_attr(n, "value");
    if (!value) continue;
    TRY(weight_header(value, &dtype, &shape, &stripped));
    if (stripped) {  // of a converted model: its bundle has it, which is copied
      if (w->source->bundle && bundle_find(w->source->bundle, key)) continue;
      return FAIL(NOT_FOUND, "node %s: the model has no tensor \"%s\"", n->name, key);
    }
    const tensor_t *t;
    TRY(status_prefix(attr_tensor(value, &t), "node %s", n->name));
    TRY(status_prefix(writer_add_weight(w, key, t), "node %s", n->name));
    wire_out_t proto = {0};
    wire_put_i64(&proto, TF_TENSOR_DTYPE, t->dtype);
    tensor_shape_write(&proto, TF_TENSOR_TENSOR_SHAPE, &t->shape);
    TRY(wire_out_status(&proto));
    uint8_t *kept = arena_alloc(g->arena, proto.size);
    memcpy(kept, proto.data, proto.size);
    attr_value_t *a = node_set_attr(g, n, "value");
    a->kind = ATTR_TENSOR;
    a->tensor_raw = kept;
    a->tensor_size = proto.size;
    wire_out_free(&proto);
  }
  return NULL;
}
