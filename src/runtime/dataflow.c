// Runs TF1 control flow as TensorFlow's executor does: values flow along edges into a frame and an
// iteration of it; Enter makes a frame, NextIteration the next iteration, Exit leaves; a branch
// that is not taken passes on dead values. One thread; iterations overlap up to
// parallel_iterations. After "Implementation of Control Flow in TensorFlow" (Yu et al., 2017).
#include <string.h>

#include "ops/variables.h"
#include "runtime/program.h"

typedef enum kind { KIND_PLAIN, KIND_MERGE, KIND_ENTER, KIND_EXIT, KIND_NEXT } kind_t;

typedef struct edge {
  int to;     // index into nodes
  int input;  // of that node; -1: control
} edge_t;

typedef struct flow_node {
  const node_t *node;
  kind_t kind;
  int frame;        // static frame in which it runs
  int local;        // index among that frame's nodes
  int in0;          // index of its first input among that frame's values
  int child;        // Enter: the static frame that it opens
  bool invariant;   // Enter with is_constant
  int arg;          // >= 0: argument of the graph
  bool *deref;      // [n_in]
  edge_t *out;      // by port: out[port_begin[p]] .. out[port_begin[p + 1]]
  int *port_begin;  // [n_out + 2]; the last range is control edges
} flow_node_t;

typedef struct static_frame {
  const char *name;
  int parent;  // -1: the root
  int n_nodes, n_values, n_enters;
  int parallel;    // iterations at a time
  VEC(int) first;  // nodes that wait for nothing
  int *pending;    // [n_nodes] at the start of an iteration
} static_frame_t;

struct dataflow {
  const graph_t *graph;
  arena_t *arena;
  flow_node_t *nodes;
  int n_nodes;
  VEC(static_frame_t) frames;  // 0: the root
  int *ret_node;               // [n_rets]
  int max_in, max_out;
  bool *all_true;  // [max_in]
};

static bool is_op(const node_t *n, const char *op) {
  const char *name = strncmp(n->op, "Ref", 3) == 0 ? n->op + 3 : n->op;
  return strcmp(name, op) == 0;
}

static kind_t kind_of(const node_t *n) {
  if (is_op(n, "Merge")) return KIND_MERGE;
  if (is_op(n, "Enter")) return KIND_ENTER;
  if (is_op(n, "Exit")) return KIND_EXIT;
  if (is_op(n, "NextIteration")) return KIND_NEXT;
  return KIND_PLAIN;
}

bool dataflow_needed(node_t *const *order, int n) {
  for (int i = 0; i < n; i++)
    if (kind_of(order[i]) != KIND_PLAIN || is_op(order[i], "Switch") || is_op(order[i], "_SwitchN"))
      return true;
  return false;
}

// ---------------------------------------------------------------- preparing

static int frame_child(dataflow_t *d, int parent, const node_t *enter) {
  const char *name = node_string(enter, "frame_name");
  for (size_t i = 1; i < d->frames.n; i++)
    if (d->frames.v[i].parent == parent && strcmp(d->frames.v[i].name, name) == 0) return (int)i;
  int64_t parallel = node_int(enter, "parallel_iterations", 10);
  static_frame_t f = {.name = name,
                      .parent = parent,
                      .parallel = parallel < 1      ? 1
                                  : parallel > 1000 ? 1000
                                                    : (int)parallel};
  vec_push(&d->frames, f);
  return (int)d->frames.n - 1;
}

// The frame that a node's outputs are in.
static int frame_after(const dataflow_t *d, const flow_node_t *n) {
  if (n->kind == KIND_ENTER) return n->child;
  return n->kind == KIND_EXIT ? d->frames.v[n->frame].parent : n->frame;
}

// Each node runs where its inputs come from. Back edges into a Merge are not looked at: they come
// from the frame itself.
static status_t find_frames(dataflow_t *d, const int *index_of) {
  for (int i = 0; i < d->n_nodes; i++) {
    flow_node_t *n = &d->nodes[i];
    const node_t *v = n->node;
    int frame = -1;
    for (int k = 0; k < v->n_in + v->n_control && n->arg < 0; k++) {
      const node_t *src = k < v->n_in ? v->in[k].src : v->control[k - v->n_in];
      int s = index_of[src->id];
      if (n->kind == KIND_MERGE && kind_of(src) == KIND_NEXT) continue;
      int after = frame_after(d, &d->nodes[s]);
      if (after < 0) return FAIL(INVALID_ARGUMENT, "Exit '%s' is in no loop", src->name);
      if (frame >= 0 && frame != after)
        return FAIL(INVALID_ARGUMENT, "node '%s' has inputs from different loops", v->name);
      frame = after;
    }
    n->frame = frame < 0 ? 0 : frame;
    if (n->kind == KIND_ENTER) {
      n->child = frame_child(d, n->frame, v);
      d->frames.v[n->child].n_enters++;
      n->invariant = node_bool(v, "is_constant", false);
    }
    static_frame_t *f = &d->frames.v[n->frame];
    n->local = f->n_nodes++;
    n->in0 = f->n_values;
    f->n_values += v->n_in;
  }
  return NULL;
}

static int real_inputs(const flow_node_t *n) { return n->arg >= 0 ? 0 : n->node->n_in; }
static int real_controls(const flow_node_t *n) { return n->arg >= 0 ? 0 : n->node->n_control; }

static void find_pending(dataflow_t *d) {
  for (size_t i = 0; i < d->frames.n; i++)
    d->frames.v[i].pending =
        arena_alloc(d->arena, ((size_t)d->frames.v[i].n_nodes + 1) * sizeof(int));
  for (int i = 0; i < d->n_nodes; i++) {
    const flow_node_t *n = &d->nodes[i];
    static_frame_t *f = &d->frames.v[n->frame];
    // A Merge waits for its controls and for one input.
    int data = n->kind == KIND_MERGE ? 1 : real_inputs(n);
    f->pending[n->local] = data + real_controls(n);
    if (!f->pending[n->local]) vec_push(&f->first, i);
  }
}

static status_t add_edges(dataflow_t *d, const int *index_of) {
  // Count, then fill: one range per output port and one for control.
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < d->n_nodes; i++) {
      const flow_node_t *n = &d->nodes[i];
      for (int k = 0; k < real_inputs(n) + real_controls(n); k++) {
        bool data = k < n->node->n_in;
        const node_t *v = data ? n->node->in[k].src : n->node->control[k - n->node->n_in];
        flow_node_t *src = &d->nodes[index_of[v->id]];
        int n_out = v->n_out > 0 ? v->n_out : 0, port = data ? n->node->in[k].port : n_out;
        if (port < 0 || port > n_out || (data && port == n_out))
          return FAIL(INVALID_ARGUMENT, "'%s' reads output %d of '%s', which has %d", n->node->name,
                      port, v->name, n_out);
        if (pass == 0)
          src->port_begin[port]++;
        else
          src->out[--src->port_begin[port]] = (edge_t){i, data ? k : -1};
      }
    }
    for (int i = 0; i < d->n_nodes && pass == 0; i++) {
      flow_node_t *n = &d->nodes[i];
      int ports = n->node->n_out > 0 ? n->node->n_out : 0;
      for (int p = 1; p <= ports + 1; p++) n->port_begin[p] += n->port_begin[p - 1];
      n->out = arena_alloc(d->arena, ((size_t)n->port_begin[ports + 1] + 1) * sizeof *n->out);
    }
  }
  return NULL;
}

status_t dataflow_create(const graph_t *g, node_t *const *order, int n, dataflow_t **out) {
  dataflow_t *d = mem_calloc(1, sizeof *d);
  d->graph = g;
  d->arena = arena_create();
  d->nodes = arena_alloc(d->arena, ((size_t)n + 1) * sizeof *d->nodes);
  d->n_nodes = n;
  int *index_of = mem_calloc((size_t)g->n_nodes + 1, sizeof *index_of);
  status_t st = NULL;
  vec_push(&d->frames, ((static_frame_t){.name = "", .parent = -1, .parallel = 1}));
  for (int i = 0; i < n; i++) {
    flow_node_t *f = &d->nodes[i];
    const node_t *v = order[i];
    index_of[v->id] = i;
    *f = (flow_node_t){.node = v, .kind = kind_of(v), .arg = -1};
    program_is_arg(g, v, &f->arg);
    if (!st && f->kind >= KIND_ENTER && v->n_out != 1)
      st = FAIL(INVALID_ARGUMENT, "%s '%s' has not one output", v->op, v->name);
    int ports = v->n_out > 0 ? v->n_out : 0;
    f->port_begin = arena_alloc(d->arena, ((size_t)ports + 2) * sizeof(int));
    f->deref = arena_alloc(d->arena, (size_t)v->n_in + 1);
    for (int k = 0; k < v->n_in; k++)
      f->deref[k] = op_makes_ref(v->in[k].src->op) && !op_takes_ref(v->op, k);
    if (v->n_in > d->max_in) d->max_in = v->n_in;
    if (ports > d->max_out) d->max_out = ports;
  }
  if (!st) st = find_frames(d, index_of);
  if (!st) st = add_edges(d, index_of);
  if (!st) {
    find_pending(d);
    d->all_true = arena_alloc(d->arena, (size_t)d->max_in + 1);
    memset(d->all_true, 1, (size_t)d->max_in + 1);
    d->ret_node = arena_alloc(d->arena, ((size_t)g->n_rets + 1) * sizeof(int));
    for (int i = 0; i < g->n_rets; i++) d->ret_node[i] = index_of[g->rets[i].src->id];
  }
  mem_free(index_of);
  if (st)
    dataflow_destroy(d);
  else
    *out = d;
  return st;
}

void dataflow_destroy(dataflow_t *d) {
  if (!d) return;
  for (size_t i = 0; i < d->frames.n; i++) vec_free(&d->frames.v[i].first);
  vec_free(&d->frames);
  arena_destroy(d->arena);
  mem_free(d);
}

// ---------------------------------------------------------------- running

typedef struct live_frame live_frame_t;

typedef struct iteration {
  live_frame_t *frame;
  tensor_t *values;  // [n_values] inputs as they arrive
  int *pending;      // [n_nodes]
  int *dead;         // [n_nodes] dead inputs so far
  int busy;          // nodes that are ready, child frames that live
  live_frame_t *children;
  struct iteration *next;  // the following one
} iteration_t;

typedef struct arrival {
  int node;  // index of the Enter or NextIteration whose output it is
  tensor_t value;
} arrival_t;

struct live_frame {
  const static_frame_t *f;
  int id;
  iteration_t *parent;  // the iteration it was entered from
  live_frame_t *sibling;
  iteration_t *oldest, *newest;
  int n_iterations, pending_enters;
  VEC(arrival_t) invariants;  // for each new iteration
  VEC(arrival_t) waiting;     // for an iteration that may not begin yet
  VEC(int) dead_exits;
};

typedef struct ready {
  int node;
  iteration_t *at;
  bool dead;
} ready_t;

typedef struct flow {
  dataflow_t *d;
  run_t *run;
  const tensor_t *args;
  tensor_t *rets;
  VEC(ready_t) queue;
  size_t head;
  tensor_t *in, *out;  // of the node at work
} flow_t;

static void make_ready(flow_t *f, int node, iteration_t *at, bool dead) {
  at->busy++;
  vec_push(&f->queue, ((ready_t){node, at, dead}));
}

// One value, or dead when it is empty, for one input of a node; control edges carry nothing but
// deadness. Takes a reference of its own.
static void deliver(flow_t *f, edge_t e, iteration_t *at, const tensor_t *value, bool dead,
                    bool from_enter) {
  const flow_node_t *n = &f->d->nodes[e.to];
  int *pending = &at->pending[n->local];
  if (n->kind != KIND_MERGE || e.input < 0) {
    if (dead && n->kind != KIND_MERGE) at->dead[n->local]++;
    if (e.input >= 0 && !dead) at->values[n->in0 + e.input] = tensor_ref(value);
    if (--*pending == 0)
      make_ready(
          f, e.to, at,
          n->kind == KIND_MERGE ? at->dead[n->local] == n->node->n_in : at->dead[n->local] > 0);
    return;
  }
  // A Merge goes on with the first value that comes, or when all its inputs are dead. A loop's
  // Merge is dead as soon as its Enter is.
  if (dead) {
    at->dead[n->local] = from_enter ? n->node->n_in : at->dead[n->local] + 1;
    if (at->dead[n->local] < n->node->n_in) return;
  } else {
    at->values[n->in0 + e.input] = tensor_ref(value);
  }
  if (--*pending == 0) make_ready(f, e.to, at, dead);
}

static void deliver_port(flow_t *f, const flow_node_t *n, int port, iteration_t *to,
                         const tensor_t *value, bool dead) {
  for (int i = n->port_begin[port]; i < n->port_begin[port + 1]; i++)
    deliver(f, n->out[i], to, value, dead, n->kind == KIND_ENTER);
}

// Output 0 and the control edges of an Enter, NextIteration or Exit.
static void deliver_moved(flow_t *f, int node, iteration_t *to, const tensor_t *value, bool dead) {
  const flow_node_t *n = &f->d->nodes[node];
  deliver_port(f, n, 0, to, value, dead);
  deliver_port(f, n, 1, to, NULL, dead);
}

static iteration_t *iteration_begin(flow_t *f, live_frame_t *frame) {
  const static_frame_t *s = frame->f;
  iteration_t *it = mem_calloc(1, sizeof *it);
  it->frame = frame;
  it->values = mem_calloc((size_t)s->n_values + 1, sizeof *it->values);
  it->pending = mem_calloc((size_t)s->n_nodes + 1, sizeof(int));
  it->dead = mem_calloc((size_t)s->n_nodes + 1, sizeof(int));
  memcpy(it->pending, s->pending, (size_t)s->n_nodes * sizeof(int));
  if (frame->newest)
    frame->newest->next = it;
  else
    frame->oldest = it;
  frame->newest = it;
  frame->n_iterations++;
  frame->dead_exits.n = 0;  // they were dead because the loop goes on
  for (size_t i = 0; i < frame->invariants.n; i++) {
    arrival_t a = frame->invariants.v[i];
    deliver_moved(f, a.node, it, &a.value, false);
  }
  return it;
}

static void iteration_free(iteration_t *it) {
  for (int i = 0; i < it->frame->f->n_values; i++) tensor_unref(&it->values[i]);
  mem_free(it->values);
  mem_free(it->pending);
  mem_free(it->dead);
  mem_free(it);
}

static live_frame_t *frame_begin(flow_t *f, int id, iteration_t *parent) {
  live_frame_t *l = mem_calloc(1, sizeof *l);
  l->f = &f->d->frames.v[id];
  l->id = id;
  l->parent = parent;
  l->pending_enters = l->f->n_enters;
  if (parent) {
    l->sibling = parent->children;
    parent->children = l;
    parent->busy++;
  }
  iteration_begin(f, l);
  return l;
}

static void frame_free(live_frame_t *l) {
  while (l->oldest) {
    iteration_t *it = l->oldest;
    l->oldest = it->next;
    while (it->children) {
      live_frame_t *c = it->children;
      it->children = c->sibling;
      frame_free(c);
    }
    iteration_free(it);
  }
  for (size_t i = 0; i < l->invariants.n; i++) tensor_unref(&l->invariants.v[i].value);
  for (size_t i = 0; i < l->waiting.n; i++) tensor_unref(&l->waiting.v[i].value);
  vec_free(&l->invariants);
  vec_free(&l->waiting);
  vec_free(&l->dead_exits);
  mem_free(l);
}

static live_frame_t *child_frame(flow_t *f, iteration_t *at, int id) {
  for (live_frame_t *c = at->children; c; c = c->sibling)
    if (c->id == id) return c;
  return frame_begin(f, id, at);
}

// The iteration after the newest, with what has waited for it.
static iteration_t *advance(flow_t *f, live_frame_t *l) {
  iteration_t *to = iteration_begin(f, l);
  for (size_t i = 0; i < l->waiting.n; i++) {
    deliver_moved(f, l->waiting.v[i].node, to, &l->waiting.v[i].value, false);
    tensor_unref(&l->waiting.v[i].value);
  }
  l->waiting.n = 0;
  return to;
}

static void next_iteration(flow_t *f, live_frame_t *l, iteration_t *from, int node,
                           const tensor_t *value) {
  if (!from->next && l->n_iterations >= l->f->parallel) {
    vec_push(&l->waiting, ((arrival_t){node, tensor_ref(value)}));
    return;
  }
  iteration_t *to = from->next ? from->next : advance(f, l);
  deliver_moved(f, node, to, value, false);
}

// Frees iterations, oldest first, and then frames that have nothing left to do, outwards.
static void clean_up(flow_t *f, live_frame_t *l) {
  while (l->parent) {
    while (l->oldest && l->oldest->busy == 0 && l->pending_enters == 0) {
      iteration_t *it = l->oldest;
      l->oldest = it->next;
      if (!l->oldest) l->newest = NULL;
      l->n_iterations--;
      iteration_free(it);
      if (l->waiting.n) advance(f, l);
    }
    if (l->oldest) return;
    iteration_t *parent = l->parent;
    for (live_frame_t **c = &parent->children; *c; c = &(*c)->sibling)
      if (*c == l) {
        *c = l->sibling;
        break;
      }
    for (size_t i = 0; i < l->dead_exits.n; i++)
      deliver_moved(f, l->dead_exits.v[i], parent, NULL, true);
    frame_free(l);
    parent->busy--;
    l = parent->frame;
  }
}

// Where the outputs of a node that has run go.
static void propagate(flow_t *f, int node, iteration_t *at, bool dead) {
  const flow_node_t *n = &f->d->nodes[node];
  live_frame_t *l = at->frame;
  int ports = n->node->n_out > 0 ? n->node->n_out : 0;
  if (n->kind == KIND_ENTER) {
    live_frame_t *child = child_frame(f, at, n->child);
    child->pending_enters--;
    if (n->invariant && !dead) {
      vec_push(&child->invariants, ((arrival_t){node, tensor_ref(&f->out[0])}));
      for (iteration_t *it = child->oldest; it; it = it->next)
        deliver_moved(f, node, it, &f->out[0], false);
    } else {
      deliver_moved(f, node, child->oldest, &f->out[0], dead);
    }
    clean_up(f, child);
  } else if (n->kind == KIND_EXIT) {
    if (dead && at == l->newest)
      vec_push(&l->dead_exits, node);
    else if (!dead)
      deliver_moved(f, node, l->parent, &f->out[0], false);
  } else if (n->kind == KIND_NEXT) {
    if (!dead) next_iteration(f, l, at, node, &f->out[0]);
  } else {
    for (int p = 0; p < ports; p++)
      deliver_port(f, n, p, at, &f->out[p], dead || tensor_empty(&f->out[p]));
    deliver_port(f, n, ports, at, NULL, dead);
  }
}

static status_t compute(flow_t *f, const flow_node_t *n, iteration_t *at) {
  const node_t *v = n->node;
  if (n->arg >= 0) {
    f->out[0] = tensor_ref(&f->args[n->arg]);
    return NULL;
  }
  if (strcmp(v->op, "Const") == 0) {
    const tensor_t *value;
    TRY(program_const_value(v, &value));
    f->out[0] = tensor_ref(value);
    return NULL;
  }
  if (strcmp(v->op, "NoOp") == 0) return NULL;
  status_t st = NULL;
  for (int k = 0; k < v->n_in; k++) {
    f->in[k] = at->values[n->in0 + k];
    at->values[n->in0 + k] = (tensor_t){0};
    if (!st && n->deref[k] && !tensor_empty(&f->in[k])) st = program_dereference(&f->in[k]);
  }
  // Every input is a reference of this node's own, so the count tells whether it may be
  // overwritten.
  if (!st) st = program_run_node(f->run, v, f->in, v->n_in, f->d->all_true, f->out);
  for (int k = 0; k < v->n_in; k++) tensor_unref(&f->in[k]);
  return st;
}

static status_t keep_results(flow_t *f, int node) {
  const graph_t *g = f->d->graph;
  for (int i = 0; i < g->n_rets; i++) {
    if (f->d->ret_node[i] != node || tensor_empty(&f->out[g->rets[i].port])) continue;
    f->rets[i] = tensor_ref(&f->out[g->rets[i].port]);
    if (op_makes_ref(g->rets[i].src->op)) TRY(program_dereference(&f->rets[i]));
  }
  return NULL;
}

static status_t run_one(flow_t *f, ready_t r) {
  const flow_node_t *n = &f->d->nodes[r.node];
  int ports = n->node->n_out > 0 ? n->node->n_out : 0;
  status_t st = r.dead ? NULL : compute(f, n, r.at);
  bool in_root = f->d->frames.v[n->frame].parent < 0;
  bool leaves_to_root = n->kind == KIND_EXIT && f->d->frames.v[n->frame].parent == 0;
  if (!st && !r.dead && ((in_root && n->kind != KIND_ENTER) || leaves_to_root))
    st = keep_results(f, r.node);
  if (!st) propagate(f, r.node, r.at, r.dead);
  for (int p = 0; p < ports; p++) tensor_unref(&f->out[p]);
  if (st) return st;
  live_frame_t *l = r.at->frame;
  r.at->busy--;
  clean_up(f, l);
  return NULL;
}

status_t dataflow_run(dataflow_t *d, run_t *run, const tensor_t *in, tensor_t *out) {
  flow_t f = {.d = d, .run = run, .args = in, .rets = out};
  f.in = mem_calloc((size_t)d->max_in + 1, sizeof *f.in);
  f.out = mem_calloc((size_t)d->max_out + 1, sizeof *f.out);
  live_frame_t *root = frame_begin(&f, 0, NULL);
  const static_frame_t *s = root->f;
  for (size_t i = 0; i < s->first.n; i++) make_ready(&f, s->first.v[i], root->oldest, false);
  status_t st = NULL;
  while (f.head < f.queue.n && !st) {
    st = run_one(&f, f.queue.v[f.head++]);
    if (f.head < 4096 && f.head < f.queue.n) continue;
    f.queue.n -= f.head;  // what is done makes room
    memmove(f.queue.v, f.queue.v + f.head, f.queue.n * sizeof *f.queue.v);
    f.head = 0;
  }
  const graph_t *g = d->graph;
  for (int i = 0; i < g->n_rets && !st; i++)
    if (tensor_empty(&out[i]))
      st = FAIL(INVALID_ARGUMENT, "the result from '%s' has no value: its branch was not taken",
                g->rets[i].src->name);
  frame_free(root);
  vec_free(&f.queue);
  mem_free(f.in);
  mem_free(f.out);
  return st;
}
