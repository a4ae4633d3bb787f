// FunctionDef <-> function_t and its body.
#include <string.h>

#include "formats/tf_fields.h"
#include "graph/proto.h"
#include "ops/op.h"

// ---------------------------------------------------------------- signatures

static status_t parse_arg(arena_t *arena, const wire_field_t *f, arg_def_t *out) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  wire_field_t x;
  status_t st = NULL;
  int64_t type = 0;
  out->name = "";
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_ARG_DEF_NAME) TRY(wire_get_string(&x, arena, &out->name));
    if (x.number == TF_ARG_DEF_TYPE) TRY(wire_get_i64(&x, &type));
  }
  out->dtype = type > 0 && type < DT_MAX ? (dtype_t)type : DT_INVALID;
  return st;
}

typedef VEC(arg_def_t) args_t;

static arg_def_t *keep_args(arena_t *arena, args_t *v, int *n) {
  arg_def_t *out = arena_alloc(arena, v->n * sizeof *out);
  if (v->n) memcpy(out, v->v, v->n * sizeof *out);
  *n = (int)v->n;
  vec_free(v);
  return out;
}

static status_t parse_signature(arena_t *arena, const wire_field_t *f, function_t *out) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  args_t in = {0}, rets = {0};
  wire_field_t x;
  status_t st = NULL;
  while (!st && wire_next(&w, &x, &st)) {
    arg_def_t arg;
    switch (x.number) {
      case TF_OP_DEF_NAME: st = wire_get_string(&x, arena, &out->name); break;
      case TF_OP_DEF_IS_STATEFUL: st = wire_get_bool(&x, &out->stateful); break;
      case TF_OP_DEF_INPUT_ARG:
        st = parse_arg(arena, &x, &arg);
        vec_push(&in, arg);
        break;
      case TF_OP_DEF_OUTPUT_ARG:
        st = parse_arg(arena, &x, &arg);
        vec_push(&rets, arg);
        break;
    }
  }
  out->args = keep_args(arena, &in, &out->n_args);
  out->rets = keep_args(arena, &rets, &out->n_rets);
  return st;
}

static void keep_arg_attrs(arena_t *arena, function_t *f, const wire_field_t *x) {
  uint8_t *all = arena_alloc(arena, f->arg_attrs_size + x->raw_size);
  if (f->arg_attrs_size) memcpy(all, f->arg_attrs, f->arg_attrs_size);
  memcpy(all + f->arg_attrs_size, x->raw, x->raw_size);
  f->arg_attrs = all;
  f->arg_attrs_size += x->raw_size;
}

status_t function_parse(library_t *l, const wire_field_t *f) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  function_t *out = arena_alloc(l->arena, sizeof *out);
  attr_t **link = &out->attrs;
  out->name = "";
  wire_field_t x;
  status_t st = NULL;
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_FUNCTION_SIGNATURE) TRY(parse_signature(l->arena, &x, out));
    if (x.number == TF_FUNCTION_ATTR) TRY(attr_parse_entry(l->arena, &x, &link));
    if (x.number == TF_FUNCTION_ARG_ATTR) keep_arg_attrs(l->arena, out, &x);
  }
  if (st) return status_prefix(st, "function '%s'", out->name);
  TRY(wire_get_bytes(f, &out->raw, &out->raw_size));
  const function_t *there = library_find(l, out->name);
  if (!there) {
    map_put(l->functions, out->name, out);
    return NULL;
  }
  attrs_release(out->attrs);
  bool same = there->raw && there->raw_size == out->raw_size &&
              memcmp(there->raw, out->raw, out->raw_size) == 0;
  return same ? NULL : FAIL(INVALID_ARGUMENT, "two functions are called '%s'", out->name);
}

// ---------------------------------------------------------------- bodies

// Ports of an op that is not in the table are numbered as its outputs are met.
static status_t unknown_port(graph_t *g, node_t *n, const char *out, int index, int *port) {
  int at = 0;
  while (at < n->n_unknown_outs && strcmp(n->unknown_outs[at], out) != 0) at++;
  if (at == n->n_unknown_outs) {
    const char **more = arena_alloc(g->arena, ((size_t)at + 1) * sizeof *more);
    if (at) memcpy(more, n->unknown_outs, (size_t)at * sizeof *more);
    more[at] = arena_strdup(g->arena, out);
    n->unknown_outs = more;
    n->n_unknown_outs++;
  }
  if (index && at)
    return FAIL(UNIMPLEMENTED,
                "op %s of node '%s' is not known here, and its outputs '%s' and '%s' cannot be "
                "told apart",
                n->op, n->name, n->unknown_outs[0], out);
  *port = at + index;
  return NULL;
}

// The output of a node that "<out>:<index>" means.
static status_t output_port(graph_t *g, node_t *n, const char *out, int index, int *port) {
  if (n->def || n->foreign) {
    *port = op_output_index(n, out, index);
    if (*port >= 0) return NULL;
    return FAIL(INVALID_ARGUMENT, "op %s of node '%s' has no output '%s:%d'", n->op, n->name, out,
                index);
  }
  const function_t *f = library_find(g->library, n->op);
  for (int i = 0; f && i < f->n_rets; i++) {
    if (strcmp(f->rets[i].name, out) != 0) continue;
    *port = i;
    return NULL;
  }
  if (f)
    return FAIL(INVALID_ARGUMENT, "function '%s' of node '%s' has no result '%s'", n->op, n->name,
                out);
  return unknown_port(g, n, out, index, port);
}

// "arg", "node:out:index" or "node:out"; text is a copy to be cut.
static status_t find_in_text(graph_t *g, char *text, const char *ref, size_t n, input_t *out) {
  char *name = strchr(text, ':'), *index = NULL;
  if (name) {
    *name++ = 0;
    index = strchr(name, ':');
    if (index) *index++ = 0;
  }
  *out = (input_t){graph_find(g, text), 0};
  if (!out->src) return FAIL(INVALID_ARGUMENT, "'%s' is no argument or node", text);
  if (!name || strcmp(out->src->op, "_Arg") == 0) return NULL;
  int i = 0;
  for (const char *p = index ? index : ""; *p; p++) {
    if (*p < '0' || *p > '9' || i > 100000)
      return FAIL(INVALID_ARGUMENT, "'%.*s' is no output", (int)n, ref);
    i = 10 * i + (*p - '0');
  }
  return output_port(g, out->src, name, i, &out->port);
}

static status_t find_body_input(graph_t *g, const char *ref, size_t n, input_t *out) {
  char *text = mem_strndup(ref, n);  // names of calls inside calls may be long
  status_t st = find_in_text(g, text, ref, n, out);
  mem_free(text);
  return st;
}

static void add_args(graph_t *g, const function_t *f) {
  g->n_args = f->n_args;
  g->args = arena_alloc(g->arena, (size_t)f->n_args * sizeof *g->args);
  g->arg_names = arena_alloc(g->arena, (size_t)f->n_args * sizeof *g->arg_names);
  for (int i = 0; i < f->n_args; i++) {
    node_t *n = graph_add_node(g, "_Arg", f->args[i].name);
    node_set_type(g, n, "T", f->args[i].dtype);
    node_set_int(g, n, "index", i);
    node_set_outputs(g, n, 1);
    n->out_dtype[0] = f->args[i].dtype;
    g->args[i] = n;
    g->arg_names[i] = f->args[i].name;
  }
}

static status_t parse_map_entry(arena_t *arena, const wire_field_t *f, const char **key,
                                const char **value) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  wire_field_t x;
  status_t st = NULL;
  *key = *value = "";
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_MAP_KEY) TRY(wire_get_string(&x, arena, key));
    if (x.number == TF_MAP_VALUE) TRY(wire_get_string(&x, arena, value));
  }
  return st;
}

static status_t parse_ret(graph_t *g, const function_t *f, const wire_field_t *entry) {
  const char *key, *value;
  TRY(parse_map_entry(g->arena, entry, &key, &value));
  for (int i = 0; i < f->n_rets; i++)
    if (strcmp(f->rets[i].name, key) == 0)
      return status_prefix(find_body_input(g, value, strlen(value), &g->rets[i]), "result '%s'",
                           key);
  return NULL;
}

static status_t parse_control_ret(graph_t *g, const wire_field_t *entry) {
  const char *key, *value;
  TRY(parse_map_entry(g->arena, entry, &key, &value));
  node_t *n = graph_find(g, value);
  if (!n) return FAIL(INVALID_ARGUMENT, "control result '%s': no node '%s'", key, value);
  node_t **more = arena_alloc(g->arena, ((size_t)g->n_control_rets + 1) * sizeof *more);
  if (g->n_control_rets) memcpy(more, g->control_rets, (size_t)g->n_control_rets * sizeof *more);
  more[g->n_control_rets++] = n;
  g->control_rets = more;
  return NULL;
}

// Unknown ops have as many outputs as functions' results ask for, too.
static void widen_unknown(graph_t *g) {
  for (int i = 0; i < g->n_rets; i++) {
    node_t *n = g->rets[i].src;
    if (n && !n->def && g->rets[i].port >= n->n_out) node_set_outputs(g, n, g->rets[i].port + 1);
  }
}

static status_t parse_body(const function_t *f, graph_t *g) {
  wire_t w = wire_open(f->raw, f->raw_size);
  wire_field_t x;
  status_t st = NULL;
  add_args(g, f);
  while (wire_next(&w, &x, &st)) {
    node_t *n;
    if (x.number == TF_FUNCTION_NODE_DEF) TRY(node_parse(g, &x, &n));
  }
  if (st) return st;
  TRY(graph_connect(g, find_body_input));
  g->n_rets = f->n_rets;
  g->rets = arena_alloc(g->arena, (size_t)f->n_rets * sizeof *g->rets);
  g->ret_names = arena_alloc(g->arena, (size_t)f->n_rets * sizeof *g->ret_names);
  w = wire_open(f->raw, f->raw_size);
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_FUNCTION_RET) TRY(parse_ret(g, f, &x));
    if (x.number == TF_FUNCTION_CONTROL_RET) TRY(parse_control_ret(g, &x));
  }
  for (int i = 0; i < f->n_rets && !st; i++) {
    g->ret_names[i] = f->rets[i].name;
    if (!g->rets[i].src) st = FAIL(INVALID_ARGUMENT, "result '%s' is not given", f->rets[i].name);
  }
  widen_unknown(g);
  if (st) return st;
  node_t **order;
  TRY(graph_topological_order(g, &order));  // who follows edges comes to an end
  mem_free(order);
  return NULL;
}

status_t library_body(library_t *l, const char *name, graph_t **out) {
  *out = NULL;
  function_t *f = l ? library_find(l, name) : NULL;
  if (!f) return FAIL(NOT_FOUND, "function '%s' is not in the library", name);
  if (!f->body) {
    graph_t *g = graph_create(l->arena, l);
    status_t st = parse_body(f, g);
    if (st) {
      graph_destroy(g);
      return status_prefix(st, "function '%s'", name);
    }
    f->body = g;
  }
  *out = f->body;
  return NULL;
}

// ---------------------------------------------------------------- writing

static char *body_ref(const graph_t *g, const input_t *in) {
  if (strcmp(in->src->op, "_Arg") == 0) return mem_strdup(in->src->name);
  const char *name;
  int i = in->port;
  const function_t *f = in->src->def || !g->library ? NULL : library_find(g->library, in->src->op);
  if (f && in->port < f->n_rets) {
    name = f->rets[in->port].name;
    i = 0;
  } else {
    op_output_name(in->src, in->port, &name, &i);
  }
  return mem_printf("%s:%s:%d", in->src->name, name, i);
}

static void write_arg(const arg_def_t *a, wire_out_t *w, uint32_t field) {
  size_t at = wire_begin(w, field);
  wire_put_string(w, TF_ARG_DEF_NAME, a->name);
  wire_put_i64(w, TF_ARG_DEF_TYPE, a->dtype);
  wire_end(w, at);
}

static void write_map_entry(wire_out_t *w, uint32_t field, const char *key, const char *value) {
  size_t at = wire_begin(w, field);
  wire_put_string(w, TF_MAP_KEY, key);
  wire_put_string(w, TF_MAP_VALUE, value);
  wire_end(w, at);
}

status_t function_write(const function_t *f, wire_out_t *w, uint32_t field) {
  if (f->raw) {
    wire_put_bytes(w, field, f->raw, f->raw_size);
    return wire_out_status(w);
  }
  const graph_t *g = f->body;
  if (!g || g->n_rets != f->n_rets)
    return FAIL(INTERNAL, "function '%s' has no body, or not its results", f->name);
  size_t at = wire_begin(w, field);
  size_t sig = wire_begin(w, TF_FUNCTION_SIGNATURE);
  wire_put_string(w, TF_OP_DEF_NAME, f->name);
  for (int i = 0; i < f->n_args; i++) write_arg(&f->args[i], w, TF_OP_DEF_INPUT_ARG);
  for (int i = 0; i < f->n_rets; i++) write_arg(&f->rets[i], w, TF_OP_DEF_OUTPUT_ARG);
  if (f->stateful) wire_put_u64(w, TF_OP_DEF_IS_STATEFUL, 1);
  for (int i = 0; i < g->n_control_rets; i++)
    wire_put_string(w, TF_OP_DEF_CONTROL_OUTPUT, g->control_rets[i]->name);
  wire_end(w, sig);
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->dead && strcmp(g->nodes[i]->op, "_Arg") != 0)
      TRY(status_prefix(node_write(g, g->nodes[i], body_ref, w, TF_FUNCTION_NODE_DEF),
                        "function '%s'", f->name));
  for (int i = 0; i < f->n_rets; i++) {
    char *ref = body_ref(g, &g->rets[i]);
    write_map_entry(w, TF_FUNCTION_RET, f->rets[i].name, ref);
    mem_free(ref);
  }
  TRY(attr_write_entries(f->attrs, NULL, w, TF_FUNCTION_ATTR));
  if (f->arg_attrs_size) wire_put_raw(w, f->arg_attrs, f->arg_attrs_size);
  for (int i = 0; i < g->n_control_rets; i++)
    write_map_entry(w, TF_FUNCTION_CONTROL_RET, g->control_rets[i]->name, g->control_rets[i]->name);
  wire_end(w, at);
  return wire_out_status(w);
}
