// Functional control flow (If, Case, While) lowered to Switch, Merge, Enter, Exit and
// NextIteration, and calls inlined, as TensorFlow's function optimizer does it when variables are
// frozen:
// tensorflow/core/common_runtime/{lower_while_op,lower_if_op,lower_case_op,inline_function_utils}.cc.
//
// TensorFlow takes names from one counter per graph ("<prefix>/_<n>"), and TF-TRT's engines carry
// them: so nodes are visited in the same order and names are taken in the same order here. Nodes
// made on the way are appended and visited in their turn.
#include <string.h>

#include "graph/calls.h"
#include "graph/passes.h"
#include "graph/rewrite.h"
#include "ops/op.h"

enum { MAX_CALLS = 200000 };

typedef struct lowering {
  graph_t *g;
  stays_fn *stays;  // NULL: no function
  int counter, calls;
  VEC(node_t *) control_rets;
} lowering_t;

static char *fresh_name(lowering_t *x, const char *prefix, const char *infix) {
  return mem_printf("%s/%s/_%d", prefix, infix, x->counter++);
}

// A node of op named "<prefix>/<infix>/_<n>" with one output of dtype (none: DT_INVALID).
static node_t *add(lowering_t *x, const char *op, const char *prefix, const char *infix,
                   dtype_t dtype) {
  char *name = fresh_name(x, prefix, infix);
  node_t *n = graph_add_node(x->g, op, name);
  mem_free(name);
  if (dtype) node_set_type(x->g, n, "T", dtype);
  return n;
}

static dtype_t dtype_of(const input_t *in) {
  return in->port < in->src->n_out ? in->src->out_dtype[in->port] : DT_INVALID;
}

static status_t resolve(lowering_t *x, node_t *n, int n_out) {
  TRY(node_resolve(x->g, n));
  if (n->n_out >= 0) return NULL;
  node_set_outputs(x->g, n, n_out);
  dtype_t dtype = node_type(n, "T");
  for (int i = 0; i < n_out; i++) n->out_dtype[i] = dtype;
  return NULL;
}

// One-input node of the input's dtype.
static status_t add_unary(lowering_t *x, const char *op, const char *prefix, const char *infix,
                          input_t in, int n_out, node_t **out) {
  *out = add(x, op, prefix, infix, dtype_of(&in));
  node_add_input(x->g, *out, in.src, in.port);
  return resolve(x, *out, n_out);
}

// The call of a branch or a body by the function's name, with a name taken before.
static node_t *add_call(lowering_t *x, const char *function, const char *name) {
  return graph_add_node(x->g, function, name);
}

// ---------------------------------------------------------------- order

// TensorFlow makes a graph of node definitions in the order in which they become ready, the first
// in the list first. next[i]: the node at place i.
static void ready_order(const graph_t *g, node_t **order) {
  int n = g->n_nodes, done = 0;
  readers_t r = graph_readers(g);
  int *pending = mem_calloc((size_t)n + 1, sizeof *pending);
  bool *made = mem_calloc((size_t)n + 1, sizeof *made);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < g->nodes[i]->n_in + g->nodes[i]->n_control; k++) pending[i]++;
  // Back edges of loops never become ready: such Merges wait for their first input only.
  for (int i = 0; i < n; i++)
    for (int k = 0; k < g->nodes[i]->n_in; k++)
      if (rewrite_is(g->nodes[i]->in[k].src, "NextIteration")) pending[i]--;
  // A binary heap would be faster; `first` remembers where the smallest ready one can be.
  for (int first = 0; done < n;) {
    while (first < n && (made[first] || pending[first] > 0)) first++;
    if (first == n) break;  // a cycle: the rest in the order of the list
    made[first] = true;
    order[done++] = g->nodes[first];
    int next = first + 1;
    for (int e = r.begin[first]; e < r.begin[first + 1]; e++) {
      const reader_t *use = &r.list[e];
      int id = use->node->id;
      bool back = use->input >= 0 && rewrite_is(g->nodes[first], "NextIteration");
      if (!back && --pending[id] == 0 && id < next) next = id;
    }
    first = next;
  }
  for (int i = 0; i < n; i++)
    if (!made[i]) order[done++] = g->nodes[i];
  readers_free(&r);
  mem_free(pending);
  mem_free(made);
}

// ---------------------------------------------------------------- calls

typedef struct inlined {
  node_t *call, *control_in;
  node_t **copies;
  input_t *args;  // the Identity that each argument became
} inlined_t;

static status_t add_inputs(lowering_t *x, inlined_t *c, int n_args, const char *prefix) {
  graph_t *g = x->g;
  if (c->call->n_control) {
    c->control_in = add(x, "NoOp", prefix, "input_control_node", DT_INVALID);
    node_set_outputs(g, c->control_in, 0);
    for (int i = 0; i < c->call->n_control; i++)
      node_add_control(g, c->control_in, c->call->control[i]);
  }
  for (int i = 0; i < n_args; i++) {
    node_t *id;
    TRY(add_unary(x, "Identity", prefix, "input", c->call->in[i], 1, &id));
    if (c->control_in) node_add_control(g, id, c->control_in);
    c->args[i] = (input_t){id, 0};
  }
  return NULL;
}

static input_t inlined_input(const inlined_t *c, const input_t *in) {
  if (rewrite_is(in->src, "_Arg")) return c->args[node_int(in->src, "index", 0)];
  return (input_t){c->copies[in->src->id], in->port};
}

static void prefix_frame(graph_t *g, node_t *n, const char *call) {
  if (!rewrite_is(n, "Enter")) return;
  char *frame = mem_printf("%s/%s", call, node_string(n, "frame_name"));
  node_set_string(g, n, "frame_name", frame, strlen(frame));
  mem_free(frame);
}

static void copy_body(lowering_t *x, inlined_t *c, const graph_t *body) {
  graph_t *g = x->g;
  node_t **order = mem_alloc(((size_t)body->n_nodes + 1) * sizeof *order);
  ready_order(body, order);
  for (int i = 0; i < body->n_nodes; i++) {
    if (rewrite_is(order[i], "_Arg")) continue;
    char *name = mem_printf("%s/%s", c->call->name, order[i]->name);
    node_t *n = rewrite_copy_node(g, order[i], name);
    mem_free(name);
    prefix_frame(g, n, c->call->name);
    c->copies[order[i]->id] = n;
  }
  for (int i = 0; i < body->n_nodes; i++) {
    const node_t *from = order[i];
    node_t *n = c->copies[from->id];
    if (!n) continue;
    for (int k = 0; k < from->n_in; k++) {
      input_t in = inlined_input(c, &from->in[k]);
      node_add_input(g, n, in.src, in.port);
    }
    for (int k = 0; k < from->n_control; k++) {
      input_t in = inlined_input(c, &(input_t){from->control[k], 0});
      node_add_control(g, n, in.src);
    }
    bool calls = call_of(g, from).kind == CALL_PLAIN;
    if (c->control_in && ((!from->n_in && !from->n_control) || (calls && !from->n_control)))
      node_add_control(g, n, c->control_in);
  }
  mem_free(order);
}

static bool has_control_readers(const graph_t *g, const node_t *n) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int k = 0; !g->nodes[i]->dead && k < g->nodes[i]->n_control; k++)
      if (g->nodes[i]->control[k] == n) return true;
  return false;
}

static status_t add_outputs(lowering_t *x, inlined_t *c, const graph_t *body, const char *prefix,
                            bool multi_device) {
  graph_t *g = x->g;
  node_t **outs = mem_calloc((size_t)body->n_rets + 1, sizeof *outs);
  status_t st = NULL;
  for (int i = 0; i < body->n_rets && !st; i++)
    st = add_unary(x, "Identity", prefix, "output", inlined_input(c, &body->rets[i]), 1, &outs[i]);
  for (int i = 0; i < body->n_rets && !st; i++) graph_redirect(g, c->call, i, outs[i], 0);
  if (!st && has_control_readers(g, c->call)) {
    node_t *after = add(x, "NoOp", prefix, "output_control_node", DT_INVALID);
    node_set_outputs(g, after, 0);
    for (int i = 0; multi_device && i < body->n_control_rets; i++) {
      input_t in = inlined_input(c, &(input_t){body->control_rets[i], 0});
      node_add_control(g, after, in.src);
    }
    for (int i = 0; !multi_device && i < body->n_rets; i++) node_add_control(g, after, outs[i]);
    if (!after->n_control && c->control_in) node_add_control(g, after, c->control_in);
    graph_redirect_control(g, c->call, after);
  }
  mem_free(outs);
  for (int i = 0; i < body->n_control_rets; i++)
    vec_push(&x->control_rets, inlined_input(c, &(input_t){body->control_rets[i], 0}).src);
  return st;
}

static status_t inline_call(lowering_t *x, node_t *call, const char *function) {
  graph_t *g = x->g, *body;
  TRY(call_inlinable(g, call, function, &body));
  if (++x->calls > MAX_CALLS)
    return FAIL(RESOURCE_EXHAUSTED, "node '%s': too many calls are inlined", call->name);
  inlined_t c = {.call = call,
                 .copies = mem_calloc((size_t)body->n_nodes + 1, sizeof(node_t *)),
                 .args = mem_calloc((size_t)body->n_args + 1, sizeof(input_t))};
  char *prefix = mem_printf("Func/%s", call->name);
  status_t st = add_inputs(x, &c, body->n_args, prefix);
  if (!st) {
    copy_body(x, &c, body);
    st = add_outputs(x, &c, body, prefix, strstr(call->op, "PartitionedCall") != NULL);
  }
  mem_free(prefix);
  mem_free(c.copies);
  mem_free(c.args);
  if (!st) graph_remove_node(g, call);
  return st;
}

// ---------------------------------------------------------------- If and Case

// What a branch op waits for: its control inputs and, so that it stays strict, its data inputs.
static void wait_for_inputs(lowering_t *x, node_t *n, node_t *first) {
  for (int i = 0; i < n->n_control; i++) node_add_control(x->g, first, n->control[i]);
  for (int i = 0; i < n->n_in; i++) node_add_control(x->g, first, n->in[i].src);
}

static status_t add_switch(lowering_t *x, const char *prefix, const char *infix, input_t data,
                           input_t which, int branches, bool many, node_t **out) {
  *out = add(x, many ? "_SwitchN" : "Switch", prefix, infix, dtype_of(&data));
  if (many) node_set_int(x->g, *out, "num_outs", branches);
  node_add_input(x->g, *out, data.src, data.port);
  node_add_input(x->g, *out, which.src, which.port);
  return resolve(x, *out, branches);
}

static status_t add_merge(lowering_t *x, const char *prefix, const char *infix, input_t *in, int n,
                          node_t **out) {
  *out = add(x, "Merge", prefix, infix, dtype_of(&in[0]));
  node_set_int(x->g, *out, "N", n);
  for (int i = 0; i < n; i++) node_add_input(x->g, *out, in[i].src, in[i].port);
  return resolve(x, *out, 2);
}

typedef struct branches {
  int n;
  bool many;  // Case, else If with then at index 1 of the Switch and else at index 0
  node_t *pivot[CALL_MAX_FUNCTIONS], *call[CALL_MAX_FUNCTIONS];
} branches_t;

static int switch_port(const branches_t *b, int i) { return b->many ? i : 1 - i; }

static status_t add_pivots(lowering_t *x, node_t *n, branches_t *b) {
  node_t *first;
  TRY(add_switch(x, n->name, b->many ? "branch_index" : "switch_pred", n->in[0], n->in[0], b->n,
                 b->many, &first));
  for (int k = 0; k < b->n; k++) {
    int i = b->many ? k : 1 - k;  // If makes pivot_f first
    char infix[32];
    memcpy(infix, i ? "pivot_f" : "pivot_t", 8);
    char *numbered = mem_printf("pivot_%d", i);
    status_t st = add_unary(x, "Identity", n->name, b->many ? numbered : infix,
                            (input_t){first, switch_port(b, i)}, 1, &b->pivot[i]);
    mem_free(numbered);
    TRY(st);
  }
  wait_for_inputs(x, n, first);
  return NULL;
}

static status_t lower_branches(lowering_t *x, node_t *n, const call_t *c) {
  graph_t *g = x->g;
  branches_t b = {.n = c->n_functions, .many = c->kind == CALL_CASE};
  for (int i = 0; i < b.n; i++) {
    char *infix = b.many ? mem_printf("branch%d", i) : mem_strdup(i ? "else" : "then");
    char *name = fresh_name(x, n->name, infix);
    b.call[i] = add_call(x, c->function[i], name);
    mem_free(infix);
    mem_free(name);
    TRY(resolve(x, b.call[i], n->n_out));
  }
  TRY(add_pivots(x, n, &b));
  for (int i = 1; i < n->n_in; i++) {
    node_t *s;
    TRY(add_switch(x, n->name, n->in[i].src->name, n->in[i], n->in[0], b.n, b.many, &s));
    for (int k = 0; k < b.n; k++) node_add_input(g, b.call[k], s, switch_port(&b, k));
  }
  for (int k = 0; k < b.n; k++) node_add_control(g, b.call[k], b.pivot[k]);
  input_t in[CALL_MAX_FUNCTIONS];
  for (int i = 0; i < n->n_out; i++) {
    node_t *m;
    for (int k = 0; k < b.n; k++) in[k] = (input_t){b.call[k], i};
    TRY(add_merge(x, n->name, b.many ? "merge" : "output", in, b.n, &m));
    graph_redirect(g, n, i, m, 0);
  }
  node_t *executed;
  for (int k = 0; k < b.n; k++) in[k] = (input_t){b.pivot[k], 0};
  TRY(add_merge(x, n->name, "branch_executed", in, b.n, &executed));
  for (int k = 0; k < b.n; k++) node_add_control(g, executed, b.call[k]);
  graph_redirect_control(g, n, executed);
  graph_remove_node(g, n);
  return NULL;
}

// ---------------------------------------------------------------- While

typedef struct loop {
  node_t *op, *cond, *body, *test;
  node_t **merge, **enter, **fork;
  int n;
} loop_t;

static status_t enter_loop(lowering_t *x, loop_t *l) {
  graph_t *g = x->g;
  node_t *n = l->op;
  for (int i = 0; i < l->n; i++) {
    TRY(add_unary(x, "Enter", n->name, "enter", n->in[i], 1, &l->enter[i]));
    node_set_string(g, l->enter[i], "frame_name", n->name, strlen(n->name));
    int64_t parallel = node_int(n, "parallel_iterations", 10);
    node_set_int(g, l->enter[i], "parallel_iterations", parallel);
    if (dtype_of(&n->in[i]) == DT_RESOURCE) node_set_bool(g, l->enter[i], "is_constant", true);
  }
  bool strict = rewrite_is(n, "While");  // waits for all its inputs, as its effects may need
  if (!n->n_control && !strict) return NULL;
  node_t *wait = add(x, "NoOp", n->name, "LoopControlInputs", DT_INVALID);
  node_set_outputs(g, wait, 0);
  if (strict) wait_for_inputs(x, n, wait);
  for (int k = 0; k < n->n_control; k++) node_add_control(g, wait, n->control[k]);
  for (int i = 0; i < l->n; i++) node_add_control(g, l->enter[i], wait);
  return NULL;
}

// Handles of resources do not go round: their Enter is read in every round.
static bool goes_round(const loop_t *l, int i) { return dtype_of(&l->op->in[i]) != DT_RESOURCE; }

static status_t test_and_fork(lowering_t *x, loop_t *l) {
  graph_t *g = x->g;
  const char *name = l->op->name;
  node_t *first = NULL;
  for (int i = 0; i < l->n; i++) {
    if (!goes_round(l, i)) continue;
    input_t in[2] = {{l->enter[i], 0}, {l->enter[i], 0}};
    TRY(add_merge(x, name, "merge", in, 2, &l->merge[i]));
    if (!first) first = l->merge[i];
  }
  for (int i = 0; i < l->n; i++)
    node_add_input(g, l->cond, goes_round(l, i) ? l->merge[i] : l->enter[i], 0);
  if (!first) return FAIL(UNIMPLEMENTED, "node '%s': a loop over resources only", name);
  node_add_control(g, l->cond, first);
  l->test = add(x, "LoopCond", name, "LoopCond", DT_INVALID);
  node_add_input(g, l->test, l->cond, 0);
  TRY(resolve(x, l->test, 1));
  l->test->out_dtype[0] = DT_BOOL;
  for (int i = 0; i < l->n; i++) {
    if (!goes_round(l, i)) continue;
    char *infix = mem_printf("%s_switch", l->op->in[i].src->name);
    status_t st = add_switch(x, name, infix, (input_t){l->merge[i], 0}, (input_t){l->test, 0}, 2,
                             false, &l->fork[i]);
    mem_free(infix);
    TRY(st);
  }
  return NULL;
}

static status_t run_body(lowering_t *x, loop_t *l) {
  graph_t *g = x->g;
  const char *name = l->op->name;
  int first = 0;
  while (!goes_round(l, first)) first++;
  for (int i = 0; i < l->n; i++)
    node_add_input(g, l->body, goes_round(l, i) ? l->fork[i] : l->enter[i], goes_round(l, i));
  node_t *pivot;
  TRY(add_unary(x, "Identity", name, "loop_body_control", (input_t){l->fork[first], 1}, 1, &pivot));
  node_add_control(g, l->body, pivot);
  VEC(node_t *) exits = {0};
  status_t st = NULL;
  for (int i = 0; i < l->n && !st; i++) {
    node_t *e;
    if (!goes_round(l, i)) {
      if (i < l->op->n_out) graph_redirect(g, l->op, i, l->op->in[i].src, l->op->in[i].port);
      continue;
    }
    st = add_unary(x, "Exit", name, "exit", (input_t){l->fork[i], 0}, 1, &e);
    if (st) break;
    vec_push(&exits, e);
    graph_redirect(g, l->op, i, e, 0);
  }
  node_t *executed = add(x, "NoOp", name, "LoopExecuted", DT_INVALID);
  node_set_outputs(g, executed, 0);
  for (size_t i = 0; i < exits.n; i++) node_add_control(g, executed, exits.v[i]);
  vec_free(&exits);
  graph_redirect_control(g, l->op, executed);
  for (int i = 0; i < l->n && !st; i++) {
    node_t *next;
    if (!goes_round(l, i)) continue;
    st = add_unary(x, "NextIteration", name, "next_iteration", (input_t){l->body, i}, 1, &next);
    if (!st) node_set_input(l->merge[i], 1, next, 0);
  }
  return st;
}

static status_t lower_while(lowering_t *x, node_t *n, const call_t *c) {
  loop_t l = {.op = n, .n = n->n_in};
  node_t ***arrays[] = {&l.merge, &l.enter, &l.fork};
  for (int i = 0; i < 3; i++) *arrays[i] = arena_alloc(x->g->arena, (size_t)l.n * sizeof(node_t *));
  char *cond = fresh_name(x, n->name, "cond"), *body = fresh_name(x, n->name, "body");
  l.cond = add_call(x, c->function[0], cond);
  l.body = add_call(x, c->function[1], body);
  mem_free(cond);
  mem_free(body);
  TRY(resolve(x, l.cond, 1));
  TRY(resolve(x, l.body, n->n_out));
  TRY(enter_loop(x, &l));
  TRY(test_and_fork(x, &l));
  TRY(run_body(x, &l));
  graph_remove_node(x->g, n);
  return NULL;
}

// ---------------------------------------------------------------- the pass

static status_t lower_node(lowering_t *x, node_t *n) {
  call_t c = call_of(x->g, n);
  if (c.kind == CALL_NONE) return NULL;
  if (c.kind == CALL_PLAIN) {
    const function_t *f = x->stays ? library_find(x->g->library, c.function[0]) : NULL;
    return f && x->stays(f) ? NULL : inline_call(x, n, c.function[0]);
  }
  if (!node_bool(n, "_lower_using_switch_merge", false) || !c.n_functions) return NULL;
  return c.kind == CALL_WHILE ? lower_while(x, n, &c) : lower_branches(x, n, &c);
}

static void order_nodes(graph_t *g) {
  node_t **order = mem_alloc(((size_t)g->n_nodes + 1) * sizeof *order);
  ready_order(g, order);
  for (int i = 0; i < g->n_nodes; i++) {
    g->nodes[i] = order[i];
    order[i]->id = i;
  }
  mem_free(order);
}

status_t graph_lower_control_flow(graph_t *g, stays_fn *stays) {
  TRY(graph_prune(g));
  order_nodes(g);
  lowering_t x = {.g = g, .stays = stays};
  status_t st = NULL;
  for (int i = 0; i < g->n_nodes && !st; i++)
    if (!g->nodes[i]->dead) st = lower_node(&x, g->nodes[i]);
  size_t extra = x.control_rets.n;
  if (!st && extra) {
    node_t **all = arena_alloc(g->arena, ((size_t)g->n_control_rets + extra) * sizeof *all);
    int n = 0;
    for (int i = 0; i < g->n_control_rets; i++)
      if (!g->control_rets[i]->dead) all[n++] = g->control_rets[i];
    for (size_t i = 0; i < extra; i++)
      if (!x.control_rets.v[i]->dead) all[n++] = x.control_rets.v[i];
    g->control_rets = all;
    g->n_control_rets = n;
  }
  vec_free(&x.control_rets);
  return st ? st : graph_prune(g);
}
