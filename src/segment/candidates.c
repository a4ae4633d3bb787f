#include "segment/candidates.h"

#include <stdio.h>
#include <string.h>

#include "base/environment.h"
#include "ops/op.h"

bool engine_io_dtype(dtype_t t) {
  return t == DT_FLOAT || t == DT_HALF || t == DT_INT32 || t == DT_INT8 || t == DT_BOOL;
}

static void refuse(candidates_t *c, arena_t *arena, const node_t *n, const char *code,
                   const char *reason) {
  c->ok[n->id] = false;
  c->code[n->id] = code;
  c->reason[n->id] = arena_strdup(arena, reason);
}

// A device that names another type (TF-TRT: than GPU) keeps the node out.
static bool device_refused(const char *device, const char *wanted) {
  if (!device || !*device) return false;
  const char *type = strstr(device, "device:");
  bool cpu = strstr(device, "/cpu:") || strstr(device, "/CPU:");
  if (!type) return cpu && strcmp(wanted, "CPU") != 0;
  return strncmp(type + 7, wanted, strlen(wanted)) != 0 && type[7] != '*';
}

static bool engines_take(const graph_t *g, const node_t *n, const char **code, char *reason,
                         size_t size) {
  const op_def_t *d = n->def;
  *code = "op-unsupported";
  if (!d || !d->lower) {
    snprintf(reason, size, "no engine has a layer for op type %s", n->op);
    return false;
  }
  for (int i = 0; i < n->n_in; i++) {
    const input_t *in = &n->in[i];
    if (in->port >= in->src->n_out) continue;
    if (in->src->out_shape[in->port].rank < 0) {
      *code = "unknown-rank";
      snprintf(reason, size, "the rank of input %d ('%s') is not known", i, in->src->name);
      return false;
    }
  }
  *code = "node-unsupported";
  if (!d->accept) return true;
  lower_ctx_t c = {.graph = (graph_t *)(uintptr_t)g, .node = n, .n_in = n->n_in, .n_out = n->n_out};
  if (n->n_in > 64 || n->n_out > 64) {
    snprintf(reason, size, "more than 64 inputs or outputs");
    return false;
  }
  return d->accept(&c, reason, size);
}

static void find_ours(const graph_t *g, const segment_options_t *o, arena_t *arena,
                      candidates_t *c) {
  char reason[512];
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    const char *code = NULL;
    reason[0] = 0;
    if (n->dead) continue;
    if (o->denylist && env_list_has(o->denylist, n->op)) {
      refuse(c, arena, n, "denylist", "Denylisted with the env var TF_TRT_OP_DENYLIST");
    } else if (!tensor_empty(&n->pinned)) {
      refuse(c, arena, n, "variable", "a variable; engines hold a copy of its value");
    } else if (!engines_take(g, n, &code, reason, sizeof reason)) {
      refuse(c, arena, n, code, reason);
    } else {
      c->ok[i] = true;
    }
  }
  for (int i = 0; i < g->n_args; i++)
    refuse(c, arena, g->args[i], "input-or-output", "it is an input of the signature");
}

static bool is_variable(const node_t *n) {
  return strcmp(n->op, "VariableV2") == 0 || strcmp(n->op, "ReadVariableOp") == 0;
}

// Of the first output, as in TF-TRT.
static bool dynamic_beside_batch(const node_t *n) {
  if (n->n_out < 1) return false;
  const shape_t *s = &n->out_shape[0];
  if (s->rank < 0) return true;
  for (int d = 1; d < s->rank; d++)
    if (s->d[d] < 0) return true;
  return false;
}

// Of a node that is taken. What it is annotated with goes before the shape that it reads.
static batch_info_t batch_of(const node_t *n, const shape_t *leading) {
  if (!n->n_in) return (batch_info_t){.has_batch = false};
  const attr_value_t *told = node_attr(n, MAX_BATCH_ATTR);
  int64_t batch = told && told->kind == ATTR_INT ? told->i : leading->d[0];
  return (batch_info_t){true, batch, batch >= 0, batch >= 0 ? batch : 0};
}

static void find_theirs(const graph_t *g, const segment_options_t *o, arena_t *arena,
                        candidates_t *c) {
  char reason[512];
  const char *device_type = o->device_type ? o->device_type : "GPU";
  bool *excluded = mem_calloc((size_t)g->n_nodes + 1, sizeof *excluded);
  for (int i = 0; i < g->n_args; i++) excluded[g->args[i]->id] = true;
  for (int i = 0; !o->function_body && i < g->n_rets; i++) excluded[g->rets[i].src->id] = true;
  for (int i = 0; i < g->n_control_rets; i++) excluded[g->control_rets[i]->id] = true;
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    shape_t leading = SHAPE_UNKNOWN;
    if (n->dead) continue;
    reason[0] = 0;
    bool has_leading = o->implicit_batch && tf_trt_leading_shape(n, &leading);
    if (device_refused(n->device, device_type)) {
      refuse(c, arena, n, "device", "node can't be placed on GPU");
    } else if (excluded[i]) {
      refuse(c, arena, n, "input-or-output",
             "excluded by segmenter option. Most likely an input or output node.");
    } else if (o->implicit_batch && n->n_in && (!has_leading || leading.rank < 2)) {
      refuse(c, arena, n, "implicit-batch",
             "implicit batch mode requires input shape with at least two dimensions");
    } else if (o->static_engines && dynamic_beside_batch(n)) {
      refuse(c, arena, n, "dynamic", "dynamic non-batch dimensions not allowed");
    } else if (o->live_variables && is_variable(n)) {
      refuse(c, arena, n, "variable", "a variable that has a value in a session only");
    } else if (!tf_trt_accepts(g, n, o, reason, sizeof reason)) {
      refuse(c, arena, n, "node-unsupported", reason);
    } else if (o->denylist && env_list_has(o->denylist, n->op)) {
      refuse(c, arena, n, "denylist", "Denylisted with the env var TF_TRT_OP_DENYLIST");
    } else {
      c->ok[i] = true;
      if (has_leading) c->batch[i] = batch_of(n, &leading);
    }
  }
  mem_free(excluded);
}

void find_candidates(const graph_t *g, const segment_options_t *o, arena_t *arena,
                     candidates_t *out) {
  size_t n = (size_t)g->n_nodes + 1;
  *out = (candidates_t){.ok = arena_alloc(arena, n * sizeof *out->ok),
                        .code = arena_alloc(arena, n * sizeof *out->code),
                        .reason = arena_alloc(arena, n * sizeof *out->reason)};
  if (o->op_set == OP_SET_TF_TRT) {
    if (o->implicit_batch) out->batch = arena_alloc(arena, n * sizeof *out->batch);
    find_theirs(g, o, arena, out);
  } else {
    find_ours(g, o, arena, out);
  }
}
