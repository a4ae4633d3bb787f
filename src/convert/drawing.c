// TF_TRT_EXPORT_GRAPH_VIZ_PATH: the converted graph as a drawing.
#include "convert/drawing.h"

#include <stdio.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "convert/state.h"
#include "runtime/segment_build.h"

// Inside quotes: an identifier's backslashes are doubled as a label's are, so that no name ends in
// an escape.
static void add_escaped(text_t *t, const char *s, bool label) {
  for (; *s; s++) {
    if (*s == '"' || *s == '\\')
      text_printf(t, "\\%c", *s);
    else if (label && *s == '&')  // what would be an HTML entity
      text_add(t, "&amp;");
    else if (label && *s == '\n')
      text_add(t, "\\n");
    else
      text_add_n(t, s, 1);
  }
}

static void add_id(text_t *t, const char *prefix, const char *kind, const char *name) {
  text_add(t, "\"");
  add_escaped(t, prefix, false);
  text_add(t, kind);
  add_escaped(t, name, false);
  text_add(t, "\"");
}

static void add_label(text_t *t, const char *text) {
  text_add(t, "label=\"");
  add_escaped(t, text, true);
  text_add(t, "\"");
}

// A name, in lines that end at scopes, and what it is.
static void add_node_label(text_t *t, const char *name, const char *what) {
  enum { WIDTH = 32 };
  text_t lines = {0};
  size_t begin = 0;
  while (*name) {
    size_t scope = strcspn(name, "/");
    scope += name[scope] == '/';
    if (lines.n > begin && lines.n - begin + scope > WIDTH) {
      text_add(&lines, "\n");
      begin = lines.n;
    }
    text_add_n(&lines, name, scope);
    name += scope;
  }
  text_printf(&lines, "\n%s", what);
  add_label(t, lines.v);
  text_free(&lines);
}

static void draw_engine(text_t *t, const graph_t *g, const node_t *n) {
  func_ref_t f = node_native_segment(n);
  graph_t *body = NULL;
  if (f.name) status_free(library_body(g->library, f.name, &body));
  const char *own = node_string(n, ATTR_PRECISION);
  text_t about = {0};
  text_printf(&about, "TRTEngineOp, %s", *own ? own : node_string(n, "precision_mode"));
  if (body) text_printf(&about, ", %d nodes", count_segment(body));
  add_node_label(t, n->name, about.v);
  text_add(t, ", shape=box, style=filled, fillcolor=\"#c5e1a5\"");
  text_free(&about);
}

static const char *argument_name(const graph_t *g, const node_t *n) {
  for (int i = 0; i < g->n_args; i++)
    if (g->args[i] == n) return g->arg_names ? g->arg_names[i] : n->name;
  return NULL;
}

static void draw_node(text_t *t, const graph_t *g, const node_t *n) {
  const char *argument = argument_name(g, n);
  if (strcmp(n->op, "TRTEngineOp") == 0) {
    draw_engine(t, g, n);
  } else if (argument) {
    char *what = mem_printf("input %s", argument);
    add_node_label(t, n->name, what);
    text_add(t, ", shape=parallelogram");
    mem_free(what);
  } else {
    add_node_label(t, n->name, n->op);
    if (strcmp(n->op, "Const") == 0) text_add(t, ", shape=plaintext");
  }
  for (int i = 0; i < g->n_control_rets; i++)
    if (g->control_rets[i] == n) text_add(t, ", peripheries=2");
}

// What flows along an edge: the output's number where it is not the first, dtype and shape.
static void draw_flow(text_t *t, const input_t *from) {
  const node_t *n = from->src;
  text_t flow = {0};
  if (from->port > 0) text_printf(&flow, ":%d ", from->port);
  if (from->port < n->n_out && n->out_dtype[from->port] != DT_INVALID) {
    const shape_t *shape = &n->out_shape[from->port];
    char dims[512];
    text_add(&flow, dtype_name(n->out_dtype[from->port]));
    if (shape->rank >= 0) text_printf(&flow, " %s", shape_format(shape, dims, sizeof dims));
  }
  if (flow.n) {
    text_add(t, " [");
    add_label(t, flow.v);
    text_add(t, "]");
  }
  text_free(&flow);
}

static void draw_edges(text_t *t, const char *prefix, const node_t *n) {
  for (int i = 0; i < n->n_in + n->n_control; i++) {
    bool control = i >= n->n_in;
    const node_t *from = control ? n->control[i - n->n_in] : n->in[i].src;
    text_add(t, "  ");
    add_id(t, prefix, "", from->name);
    text_add(t, " -> ");
    add_id(t, prefix, "", n->name);
    if (control)
      text_add(t, " [style=dashed]");
    else
      draw_flow(t, &n->in[i]);
    text_add(t, ";\n");
  }
}

static void draw_graph(text_t *t, const char *prefix, const graph_t *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    if (g->nodes[i]->dead) continue;
    text_add(t, "  ");
    add_id(t, prefix, "", g->nodes[i]->name);
    text_add(t, " [");
    draw_node(t, g, g->nodes[i]);
    text_add(t, "];\n");
  }
  for (int i = 0; i < g->n_rets; i++) {
    text_add(t, "  ");
    add_id(t, prefix, "output ", g->ret_names[i]);
    text_add(t, " [");
    add_node_label(t, g->ret_names[i], "output");
    text_add(t, ", shape=parallelogram];\n");
  }
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->dead) draw_edges(t, prefix, g->nodes[i]);
  for (int i = 0; i < g->n_rets; i++) {
    text_add(t, "  ");
    add_id(t, prefix, "", g->rets[i].src->name);
    text_add(t, " -> ");
    add_id(t, prefix, "output ", g->ret_names[i]);
    draw_flow(t, &g->rets[i]);
    text_add(t, ";\n");
  }
}

void draw_graphs(text_t *t, const char *title, const drawn_graph_t *graphs, size_t n) {
  text_add(t, "digraph ");
  add_id(t, "", "", title);
  text_add(t, " {\n  ");
  add_label(t, title);
  text_add(t,
           ";\n  labelloc=t;\n  node [fontname=\"sans-serif\"];\n"
           "  edge [fontname=\"sans-serif\", fontsize=10];\n");
  if (n == 1) draw_graph(t, "", graphs->graph);
  for (size_t i = 0; i < n && n > 1; i++) {
    char *prefix = mem_printf("%s: ", graphs[i].key);
    text_add(t, "  subgraph ");
    add_id(t, "", "cluster ", graphs[i].key);
    text_add(t, " {\n  ");
    add_label(t, graphs[i].key);
    text_add(t, ";\n");
    draw_graph(t, prefix, graphs[i].graph);
    text_add(t, "  }\n");
    mem_free(prefix);
  }
  text_add(t, "}\n");
}

void export_drawing(converter_t *c) {
  const char *path = env_text("TF_TRT_EXPORT_GRAPH_VIZ_PATH");
  if (!*path) return;
  VEC(drawn_graph_t) graphs = {0};
  for (size_t i = 0; i <= c->others.n; i++) {
    const converter_t *one = i ? c->others.v[i - 1] : c;
    drawn_graph_t g = {one->signature->key, one->graph};
    vec_push(&graphs, g);
  }
  text_t t = {0};
  draw_graphs(&t, c->o.dir ? c->o.dir : "GraphDef", graphs.v, graphs.n);
  status_t st = file_write(path, t.v, t.n);
  if (st) converter_warn(c, "TF_TRT_EXPORT_GRAPH_VIZ_PATH: %s", status_message(st));
  status_free(st);
  text_free(&t);
  vec_free(&graphs);
}
