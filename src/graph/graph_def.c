// GraphDef and NodeDef <-> graph.
#include <string.h>

#include "formats/tf_fields.h"
#include "graph/proto.h"
#include "ops/op.h"
#include "ops/signature.h"

enum { MAX_PORT = 1 << 20 };

status_t node_parse(graph_t *g, const wire_field_t *f, node_t **out) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  const char *name = "", *op = "", *device = "";
  attr_t *attrs = NULL, **link = &attrs;
  wire_field_t x;
  status_t st = NULL;
  while (wire_next(&w, &x, &st)) {
    switch (x.number) {
      case TF_NODE_DEF_NAME: TRY(wire_get_string(&x, g->arena, &name)); break;
      case TF_NODE_DEF_OP: TRY(wire_get_string(&x, g->arena, &op)); break;
      case TF_NODE_DEF_DEVICE: TRY(wire_get_string(&x, g->arena, &device)); break;
      case TF_NODE_DEF_ATTR:
        TRY(status_prefix(attr_parse_entry(g->arena, &x, &link), "node '%s'", name));
        break;
    }
  }
  if (st) return status_prefix(st, "node '%s'", name);
  if (!*name || !*op) return FAIL(INVALID_ARGUMENT, "node '%s': no name or no op", name);
  if (graph_find(g, name)) return FAIL(INVALID_ARGUMENT, "two nodes are called '%s'", name);
  node_t *n = graph_add_node(g, op, name);
  n->device = device;
  n->attrs = attrs;
  TRY(wire_get_bytes(f, &n->raw, &n->raw_size));
  *out = n;
  return NULL;
}

static status_t connect_node(graph_t *g, node_t *n, find_input_fn find) {
  const uint8_t *raw = n->raw;
  size_t raw_size = n->raw_size;
  if (!raw) return NULL;
  wire_t w = wire_open(raw, raw_size);
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_NODE_DEF_INPUT) continue;
    const uint8_t *data;
    size_t size;
    TRY(wire_get_bytes(&f, &data, &size));
    const char *ref = (const char *)data;
    if (size && ref[0] == '^') {
      node_t *src = map_getn(g->by_name, ref + 1, size - 1);
      if (!src)
        return FAIL(INVALID_ARGUMENT, "node '%s': control input '%.*s' is not there", n->name,
                    (int)size, ref);
      node_add_control(g, n, src);
    } else {
      input_t in = {0};
      TRY(status_prefix(find(g, ref, size, &in), "node '%s'", n->name));
      node_add_input(g, n, in.src, in.port);
    }
  }
  n->raw = raw;
  n->raw_size = raw_size;
  return st;
}

// Kernels, shape functions and lowerings count on the inputs that the op is defined with.
static status_t check_inputs(const node_t *n) {
  if (!n->def || (!n->n_in && n->def->flags & OP_LATE_INPUTS)) return NULL;
  const op_signature_t *s = node_signature(n);
  int64_t total = 0;
  for (int a = 0; a < s->n_in; a++) {
    int64_t items = signature_arg_count(n, &s->in[a]);
    if (items < 0)
      return FAIL(INVALID_ARGUMENT, "%s '%s': attribute '%s' is absent or out of range", n->op,
                  n->name, s->in[a].number_attr ? s->in[a].number_attr : s->in[a].list_attr);
    total += items;
  }
  if (n->n_in == total) return NULL;
  return FAIL(INVALID_ARGUMENT, "%s '%s' has %d inputs, it takes %lld", n->op, n->name, n->n_in,
              (long long)total);
}

status_t graph_connect(graph_t *g, find_input_fn find) {
  for (int i = 0; i < g->n_nodes; i++) TRY(node_resolve(g, g->nodes[i]));
  for (int i = 0; i < g->n_nodes; i++) {
    TRY(connect_node(g, g->nodes[i], find));
    TRY(check_inputs(g->nodes[i]));
  }
  // An op that is not in the table has the outputs that are read.
  int *ports = mem_calloc((size_t)g->n_nodes + 1, sizeof *ports);
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; k < g->nodes[i]->n_in; k++) {
      const input_t *in = &g->nodes[i]->in[k];
      if (in->port + 1 > ports[in->src->id]) ports[in->src->id] = in->port + 1;
    }
  status_t st = NULL;
  for (int i = 0; i < g->n_nodes && !st; i++) {
    node_t *n = g->nodes[i];
    if (n->n_out < 0)
      node_set_outputs(g, n, ports[i] ? ports[i] : 1);
    else if (ports[i] > n->n_out)
      st = FAIL(INVALID_ARGUMENT, "node '%s': output %d is read, %s has %d", n->name, ports[i] - 1,
                n->op, n->n_out);
  }
  mem_free(ports);
  return st;
}

// "node" or "node:port".
static status_t find_graph_input(graph_t *g, const char *ref, size_t n, input_t *out) {
  size_t name = n;
  int64_t port = 0, unit = 1;
  while (name > 0 && ref[name - 1] >= '0' && ref[name - 1] <= '9' && n - name < 9) name--;
  if (name > 0 && name < n && ref[name - 1] == ':') {
    for (size_t i = n; i-- > name; unit *= 10) port += unit * (ref[i] - '0');
    name--;
  } else {
    name = n;
  }
  out->src = map_getn(g->by_name, ref, name);
  out->port = (int)port;
  if (!out->src || port >= MAX_PORT)
    return FAIL(INVALID_ARGUMENT, "input '%.*s' is not in the graph", (int)n, ref);
  return NULL;
}

static status_t parse_library(library_t *l, const wire_field_t *f) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  wire_field_t x;
  status_t st = NULL;
  while (wire_next(&w, &x, &st))
    if (x.number == TF_LIBRARY_FUNCTION) TRY(function_parse(l, &x));
  return st;
}

status_t graph_parse(const uint8_t *data, size_t size, graph_t *g) {
  wire_t w = wire_open(data, size);
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
    node_t *n;
    if (f.number == TF_GRAPH_DEF_NODE)
      TRY(node_parse(g, &f, &n));
    else if (f.number == TF_GRAPH_DEF_LIBRARY && g->library)
      TRY(parse_library(g->library, &f));
  }
  return st ? st : graph_connect(g, find_graph_input);
}

// ---------------------------------------------------------------- writing

// Control inputs, device and attributes.
static status_t write_tail(const node_t *n, wire_out_t *w) {
  for (int i = 0; i < n->n_control; i++) {
    char *s = mem_printf("^%s", n->control[i]->name);
    wire_put_string(w, TF_NODE_DEF_INPUT, s);
    mem_free(s);
  }
  if (n->device && *n->device) wire_put_string(w, TF_NODE_DEF_DEVICE, n->device);
  const struct op_def *defaults = n->with_defaults ? NULL : n->def;
  return status_prefix(attr_write_entries(n->attrs, defaults, w, TF_NODE_DEF_ATTR), "node '%s'",
                       n->name);
}

status_t node_write(const graph_t *g, const node_t *n, name_input_fn name_input, wire_out_t *w,
                    uint32_t field) {
  if (n->raw) {
    wire_put_bytes(w, field, n->raw, n->raw_size);
    return NULL;
  }
  size_t at = wire_begin(w, field);
  wire_put_string(w, TF_NODE_DEF_NAME, n->name);
  wire_put_string(w, TF_NODE_DEF_OP, n->op);
  for (int i = 0; i < n->n_in; i++) {
    char *name = name_input(g, &n->in[i]);
    wire_put_string(w, TF_NODE_DEF_INPUT, name);
    mem_free(name);
  }
  TRY(write_tail(n, w));
  wire_end(w, at);
  return NULL;
}

static char *graph_input_name(const graph_t *g, const input_t *in) {
  (void)g;
  return in->port ? mem_printf("%s:%d", in->src->name, in->port) : mem_strdup(in->src->name);
}

status_t graph_write_nodes(const graph_t *g, wire_out_t *w, uint32_t field) {
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->dead) TRY(node_write(g, g->nodes[i], graph_input_name, w, field));
  return wire_out_status(w);
}
