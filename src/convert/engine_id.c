// What tells engines of one name apart, in a process that loads several converted models:
// TensorFlow finds an engine's resource by the node's name, and every model has a
// TRTEngineOp_000_000.
#include <stdio.h>
#include <string.h>

#include "convert/state.h"
#include "formats/wire.h"
#include "graph/proto.h"
#include "saved_model/writer.h"

static uint64_t mix(uint64_t h, const void *data, size_t n) {
  return hash_bytes(data, n, h * 31 + n);
}

static uint64_t mix_text(uint64_t h, const char *s) { return mix(h, s, strlen(s)); }

// Weights by their key, which is a hash of the contents.
static status_t mix_attrs(uint64_t *h, const node_t *n) {
  const char *weight = node_string(n, WEIGHT_ATTR);
  wire_out_t w = {0};
  status_t st = NULL;
  *h = mix_text(*h, weight);
  if (!*weight) st = attr_write_entries(n->attrs, n->def, &w, 1);
  if (!st) st = wire_out_status(&w);
  *h = mix(*h, w.data, w.size);
  wire_out_free(&w);
  return st;
}

static status_t mix_node(uint64_t *h, const node_t *n) {
  *h = mix_text(mix_text(*h, n->op), n->name);
  for (int i = 0; i < n->n_in; i++) {
    *h = mix_text(*h, n->in[i].src->name);
    *h = mix(*h, &n->in[i].port, sizeof n->in[i].port);
  }
  return mix_attrs(h, n);
}

status_t mark_engine_id(converter_t *c, engine_node_t *e) {
  uint64_t h = 1;
  const graph_t *body = e->function->body;
  node_remove_attr(e->node, ENGINE_ID_ATTR);
  TRY(mix_attrs(&h, e->node));
  for (int i = 0; i < body->n_nodes; i++) TRY(mix_node(&h, body->nodes[i]));
  for (int i = 0; i < body->n_rets; i++) {
    h = mix_text(h, body->rets[i].src->name);
    h = mix(h, &body->rets[i].port, sizeof body->rets[i].port);
  }
  char id[20];
  snprintf(id, sizeof id, "%016llx", (unsigned long long)h);
  node_set_string(c->graph, e->node, ENGINE_ID_ATTR, id, strlen(id));
  return NULL;
}

bool has_external_weights(const engine_node_t *e) {
  const graph_t *body = e->function->body;
  for (int i = 0; i < body->n_nodes; i++)
    if (*node_string(body->nodes[i], WEIGHT_ATTR)) return true;
  return false;
}
