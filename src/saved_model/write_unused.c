// Nodes of the main graph that only made the outputs of a signature that is made by a function now:
// they go, and with them a frozen model's weights, which are the engines' now. (Of TF1 models; in
// TF2 models they are in functions that the object graph names.)
#include <string.h>

#include "formats/tf_fields.h"
#include "saved_model/writer_internal.h"

typedef struct marks {
  const graph_t *g;
  uint8_t *cone;    // [n_nodes] made outputs of signatures that were changed
  uint8_t *needed;  // [n_nodes] for anything else
  VEC(const node_t *) stack;
} marks_t;

static void mark(marks_t *m, uint8_t *which, const node_t *n) {
  if (!n || which[n->id]) return;
  which[n->id] = 1;
  vec_push(&m->stack, n);
  while (m->stack.n) {
    const node_t *v = m->stack.v[--m->stack.n];
    for (int k = 0; k < v->n_in + v->n_control; k++) {
      const node_t *from = k < v->n_in ? v->in[k].src : v->control[k - v->n_in];
      if (which[from->id]) continue;
      which[from->id] = 1;
      vec_push(&m->stack, from);
    }
  }
}

// "node", "node:3", "^node"
static const node_t *node_of(const graph_t *g, const char *tensor, size_t n) {
  if (n && *tensor == '^') tensor++, n--;
  const char *colon = memchr(tensor, ':', n);
  return map_getn(g->by_name, tensor, colon ? (size_t)(colon - tensor) : n);
}

static void need_text(marks_t *m, const char *tensor) {
  mark(m, m->needed, node_of(m->g, tensor, strlen(tensor)));
}

// Whatever in a message, however deep, is the name of a node: collections hold messages of many
// kinds (VariableDef, WhileContextDef, ...) that do.
static void need_all_in(marks_t *m, wire_t w, int depth) {
  wire_field_t f;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.type != WIRE_BYTES || !f.size) continue;
    mark(m, m->needed, node_of(m->g, (const char *)f.data, f.size));
    if (depth < 8) need_all_in(m, wire_open(f.data, f.size), depth + 1);
  }
  status_free(st);  // it was a text
}

static void mark_signature(marks_t *m, const signature_t *s, bool changed) {
  for (int i = 0; i < s->n_inputs; i++) need_text(m, s->inputs[i].tensor);
  for (int i = 0; i < s->n_outputs; i++) {
    const char *tensor = s->outputs[i].tensor;
    mark(m, changed ? m->cone : m->needed, node_of(m->g, tensor, strlen(tensor)));
  }
}

static status_t mark_all(marks_t *m, const graph_edit_t *e) {
  const meta_graph_t *source = e->source;
  for (int i = 0; i < source->n_signatures; i++)
    mark_signature(m, &source->signatures[i], map_has(e->signatures, source->signatures[i].key));
  if (source->init_op) need_text(m, source->init_op);
  if (source->restore_op) need_text(m, source->restore_op);
  for (int i = 0; i < source->n_assets; i++) need_text(m, source->assets[i].tensor);
  size_t at = 0;
  const char *name;
  while (map_next(e->kept, &at, &name, NULL)) need_text(m, name);
  wire_t w = wire_open(source->raw, source->raw_size), sub;
  wire_field_t f;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_META_GRAPH_DEF_COLLECTION_DEF && f.number != TF_META_GRAPH_DEF_SAVER_DEF)
      continue;
    TRY(wire_get_message(&f, &sub));
    need_all_in(m, sub, 0);
  }
  TRY(st);
  // What made no output of these signatures is somebody else's.
  for (int i = 0; i < m->g->n_nodes; i++)
    if (!m->cone[m->g->nodes[i]->id]) mark(m, m->needed, m->g->nodes[i]);
  return NULL;
}

status_t writer_drop_unused(graph_edit_t *e) {
  if (!map_count(e->signatures)) return NULL;
  size_t n = (size_t)e->graph->n_nodes + 1;
  marks_t m = {.g = e->graph, .cone = mem_calloc(n, 1), .needed = mem_calloc(n, 1)};
  status_t st = mark_all(&m, e);
  for (int i = 0; !st && i < e->graph->n_nodes; i++) {
    const node_t *v = e->graph->nodes[i];
    if (m.cone[v->id] && !m.needed[v->id]) map_put(e->dropped, v->name, e);
  }
  vec_free(&m.stack);
  mem_free(m.cone);
  mem_free(m.needed);
  return st;
}
