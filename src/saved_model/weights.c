// Constants that live in the bundle.
#include <string.h>

#include "base/stream.h"
#include "formats/tensor_shape.h"
#include "formats/tf_fields.h"
#include "saved_model/writer_internal.h"

static bool is_const(const node_t *n) { return !n->dead && strcmp(n->op, "Const") == 0; }

// What a Const holds, or a variable that engines take for constant; NULL: neither, or elsewhere.
static status_t held_value(const node_t *n, const tensor_t **out) {
  bool pinned = !n->dead && !tensor_empty(&n->pinned);
  *out = pinned ? &n->pinned : NULL;
  attr_value_t *value = !pinned && is_const(n) ? node_attr(n, "value") : NULL;
  shape_t shape;
  dtype_t dtype;
  bool stripped;
  if (!value) return NULL;
  status_t st = weight_header(value, &dtype, &shape, &stripped);
  if (!st && !stripped) st = attr_tensor(value, out);
  return status_prefix(st, "node %s", n->name);
}

static const char *key_of(const node_t *n) {
  return is_const(n) || !tensor_empty(&n->pinned) ? node_string(n, WEIGHT_ATTR) : "";
}

status_t weights_assign_key(graph_t *g, node_t *n, size_t min_bytes) {
  if (*node_string(n, WEIGHT_ATTR)) return NULL;
  const tensor_t *t;
  TRY(held_value(n, &t));
  bool all = !tensor_empty(&n->pinned);  // whether a variable has changed is seen by its key
  if (!t || !dtype_is_plain(t->dtype) || (!all && tensor_bytes(t) < min_bytes)) return NULL;
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

status_t weights_pin(const saved_model_t *m, graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    const char *key = n->dead || is_const(n) ? "" : node_string(n, WEIGHT_ATTR);
    if (!*key) continue;
    tensor_unref(&n->pinned);
    TRY(status_prefix(saved_model_bundle_tensor(m, key, &n->pinned), "node %s", n->name));
  }
  return NULL;
}

status_t weights_each(const graph_t *g, weight_fn each, void *user) {
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    const char *key = key_of(n);
    const tensor_t *t;
    if (!*key) continue;
    TRY(held_value(n, &t));
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

static status_t add_weight(void *user, const char *key, const tensor_t *t) {
  return t ? writer_add_weight(user, key, t)
           : NULL;  // else in the source's bundle, which is copied
}

status_t saved_model_writer_weights(saved_model_writer_t *w, const graph_t *g) {
  return weights_each(g, add_weight, w);
}

static status_t strip(graph_t *g, node_t *n, const tensor_t *t) {
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
  return NULL;
}

status_t weights_strip(saved_model_writer_t *w, graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    const char *key = key_of(n);
    const tensor_t *t;
    if (!*key) continue;
    TRY(held_value(n, &t));
    if (!t) {  // of a converted model: its bundle has it, which is copied
      if (w->source->bundle && bundle_find(w->source->bundle, key)) continue;
      return FAIL(NOT_FOUND, "node %s: the model has no tensor \"%s\"", n->name, key);
    }
    TRY(status_prefix(writer_add_weight(w, key, t), "node %s", n->name));
    if (is_const(n)) TRY(strip(g, n, t));
  }
  return NULL;
}
