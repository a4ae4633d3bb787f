#include "runtime/program.h"

#include <string.h>

#include "base/work.h"
#include "ops/variables.h"

// ---------------------------------------------------------------- scheduling

bool program_is_arg(const graph_t *g, const node_t *n, int *index) {
  for (int i = 0; i < g->n_args; i++)
    if (g->args[i] == n) {
      *index = i;
      return true;
    }
  return false;
}

status_t program_const_value(const node_t *n, const tensor_t **out) {
  attr_value_t *a = node_attr(n, "value");
  if (!a) return FAIL(INVALID_ARGUMENT, "Const '%s' has no value", n->name);
  return status_prefix(attr_tensor(a, out), "Const '%s'", n->name);
}

typedef VEC(node_t *) nodes_t;

static void need(uint8_t *needed, nodes_t *stack, node_t *n) {
  if (!n || needed[n->id]) return;
  needed[n->id] = 1;
  vec_push(stack, n);
}

status_t program_order(const graph_t *g, node_t ***order, int *n) {
  uint8_t *needed = mem_calloc((size_t)g->n_nodes + 1, 1);
  nodes_t stack = {0};
  for (int i = 0; i < g->n_rets; i++) need(needed, &stack, g->rets[i].src);
  for (int i = 0; i < g->n_control_rets; i++) need(needed, &stack, g->control_rets[i]);
  while (stack.n) {
    node_t *v = stack.v[--stack.n];
    int arg;
    if (program_is_arg(g, v, &arg)) continue;  // what feeds an argument does not matter
    for (int i = 0; i < v->n_in; i++) need(needed, &stack, v->in[i].src);
    for (int i = 0; i < v->n_control; i++) need(needed, &stack, v->control[i]);
  }
  vec_free(&stack);
  status_t st = graph_topological_order(g, order);
  *n = 0;
  for (int i = 0; !st && i < g->n_nodes; i++)
    if (needed[(*order)[i]->id]) (*order)[(*n)++] = (*order)[i];
  mem_free(needed);
  return st;
}

// Where the outputs of each node start.
static int assign_slots(node_t *const *order, int n, int *slot_of) {
  int slots = 0;
  for (int i = 0; i < n; i++) {
    slot_of[order[i]->id] = slots;
    slots += order[i]->n_out > 0 ? order[i]->n_out : 0;
  }
  return slots;
}

static bool is_op(const node_t *n, const char *op) { return strcmp(n->op, op) == 0; }

static status_t check_port(const graph_t *g, const input_t *in, const char *reader) {
  (void)g;
  if (in->port < 0 || in->port >= in->src->n_out)
    return FAIL(INVALID_ARGUMENT, "'%s' reads output %d of '%s' (%s), which has %d", reader,
                in->port, in->src->name, in->src->op, in->src->n_out);
  return NULL;
}

static status_t add_steps(program_t *p, node_t *const *order, int n, const int *slot_of) {
  const graph_t *g = p->graph;
  int inputs = 0;
  for (int i = 0; i < n; i++) inputs += order[i]->n_in;
  p->in_slot = mem_calloc((size_t)inputs + 1, sizeof *p->in_slot);
  p->last_use = mem_calloc((size_t)inputs + 1, sizeof *p->last_use);
  p->release = mem_calloc((size_t)inputs + 1, sizeof *p->release);
  p->deref = mem_calloc((size_t)inputs + 1, sizeof *p->deref);
  p->steps = mem_calloc((size_t)n + 1, sizeof *p->steps);
  for (int i = 0; i < n; i++) {
    node_t *v = order[i];
    int arg, slot = slot_of[v->id];
    if (program_is_arg(g, v, &arg)) {
      p->arg_slot[arg] = slot;
    } else if (is_op(v, "Const")) {
      const tensor_t *value;
      TRY(program_const_value(v, &value));
      p->constants[slot] = tensor_ref(value);
    } else if (!is_op(v, "NoOp")) {
      step_t *s = &p->steps[p->n_steps++];
      *s = (step_t){.node = v,
                    .in0 = p->n_inputs,
                    .n_in = v->n_in,
                    .out0 = slot,
                    .n_out = v->n_out > 0 ? v->n_out : 0};
      for (int k = 0; k < v->n_in; k++) {
        TRY(check_port(g, &v->in[k], v->name));
        p->in_slot[p->n_inputs + k] = slot_of[v->in[k].src->id] + v->in[k].port;
        p->deref[p->n_inputs + k] = op_makes_ref(v->in[k].src->op) && !op_takes_ref(v->op, k);
      }
      p->n_inputs += v->n_in;
      if (v->n_in > p->max_in) p->max_in = v->n_in;
    }
  }
  return NULL;
}

static status_t add_rets(program_t *p, const int *slot_of) {
  const graph_t *g = p->graph;
  for (int i = 0; i < g->n_rets; i++) {
    const input_t *r = &g->rets[i];
    if (!r->src) return FAIL(INVALID_ARGUMENT, "result %d has no source", i);
    TRY(check_port(g, r, "a result"));
    p->ret_slot[i] = slot_of[r->src->id] + r->port;
    p->ret_deref[i] = op_makes_ref(r->src->op);
  }
  return NULL;
}

// From the end: the first reader that one meets is the last.
static void find_last_uses(program_t *p) {
  bool *read = mem_calloc((size_t)p->n_slots + 1, sizeof *read);
  for (int i = 0; i < p->graph->n_rets; i++) read[p->ret_slot[i]] = true;
  for (int i = p->n_steps - 1; i >= 0; i--) {
    const step_t *s = &p->steps[i];
    for (int k = s->n_in - 1; k >= 0; k--) {
      int at = s->in0 + k, slot = p->in_slot[at];
      bool constant = !tensor_empty(&p->constants[slot]);
      p->release[at] = !read[slot] && !constant;
      p->last_use[at] = p->release[at];
      read[slot] = true;
      for (int other = k + 1; other < s->n_in; other++)  // x * x: neither may be overwritten
        if (p->in_slot[s->in0 + other] == slot) p->last_use[s->in0 + other] = false;
    }
  }
  for (int i = 0; i < p->n_slots; i++) p->unread[i] = !read[i];
  mem_free(read);
}

status_t program_create(graph_t *g, program_t **out) {
  *out = NULL;
  node_t **order = NULL;
  int n = 0;
  TRY(program_order(g, &order, &n));
  program_t *p = mem_calloc(1, sizeof *p);
  pthread_mutex_init(&p->lock, NULL);
  p->graph = g;
  int *slot_of = NULL;
  status_t st = NULL;
  if (dataflow_needed(order, n)) {
    st = dataflow_create(g, order, n, &p->dataflow);
  } else {
    slot_of = mem_calloc((size_t)g->n_nodes + 1, sizeof *slot_of);
    p->n_slots = assign_slots(order, n, slot_of);
    p->constants = mem_calloc((size_t)p->n_slots + 1, sizeof *p->constants);
    p->unread = mem_calloc((size_t)p->n_slots + 1, sizeof *p->unread);
    p->arg_slot = mem_calloc((size_t)g->n_args + 1, sizeof *p->arg_slot);
    for (int i = 0; i < g->n_args; i++) p->arg_slot[i] = -1;
    p->ret_slot = mem_calloc((size_t)g->n_rets + 1, sizeof *p->ret_slot);
    p->ret_deref = mem_calloc((size_t)g->n_rets + 1, sizeof *p->ret_deref);
    st = add_steps(p, order, n, slot_of);
    if (!st) st = add_rets(p, slot_of);
    if (!st) find_last_uses(p);
  }
  mem_free(slot_of);
  mem_free(order);
  if (st)
    program_destroy(p);
  else
    *out = p;
  return st;
}

void program_destroy(program_t *p) {
  if (!p) return;
  dataflow_destroy(p->dataflow);
  while (p->frames) {
    frame_t *f = p->frames;
    p->frames = f->next;
    mem_free(f->slots);
    mem_free(f->in);
    mem_free(f);
  }
  for (int i = 0; i < p->n_slots; i++) tensor_unref(&p->constants[i]);
  mem_free(p->constants);
  mem_free(p->steps);
  mem_free(p->in_slot);
  mem_free(p->last_use);
  mem_free(p->release);
  mem_free(p->deref);
  mem_free(p->unread);
  mem_free(p->arg_slot);
  mem_free(p->ret_slot);
  mem_free(p->ret_deref);
  pthread_mutex_destroy(&p->lock);
  mem_free(p);
}

// ---------------------------------------------------------------- running

static frame_t *frame_take(program_t *p) {
  pthread_mutex_lock(&p->lock);
  frame_t *f = p->frames;
  if (f) p->frames = f->next;
  pthread_mutex_unlock(&p->lock);
  if (f) return f;
  f = mem_calloc(1, sizeof *f);
  f->slots = mem_calloc((size_t)p->n_slots + 1, sizeof *f->slots);
  // Constants stay in the frame without a reference of its own: the program holds one.
  memcpy(f->slots, p->constants, (size_t)p->n_slots * sizeof *f->slots);
  f->in = mem_calloc((size_t)p->max_in + 1, sizeof *f->in);
  return f;
}

static void frame_give(program_t *p, frame_t *f) {
  pthread_mutex_lock(&p->lock);
  f->next = p->frames;
  p->frames = f;
  pthread_mutex_unlock(&p->lock);
}

static void frame_clear(program_t *p, frame_t *f) {
  for (int i = 0; i < p->n_slots; i++)
    if (tensor_empty(&p->constants[i])) tensor_unref(&f->slots[i]);
}

status_t program_dereference(tensor_t *t) {
  if (t->dtype != DT_RESOURCE) return NULL;
  tensor_t value;
  TRY(variable_read(TENSOR_DATA(object_t *, t)[0], &value));
  tensor_unref(t);
  *t = value;
  return NULL;
}

status_t program_run_node(run_t *run, const node_t *n, const tensor_t *in, int n_in,
                          const bool *last_use, tensor_t *out) {
  TRY(work_check());
  op_ctx_t c = {.node = n,
                .in = in,
                .n_in = n_in,
                .out = out,
                .n_out = n->n_out > 0 ? n->n_out : 0,
                .threads = run->env.threads,
                .last_use = last_use,
                .env = &run->env};
  func_ref_t function = {.name = n->op};  // an op that is no op but a function of the library
  status_t st =
      n->def ? n->def->kernel(&c)
             : run->env.call(&run->env, &function, (tensor_t *)in, n_in, false, out, c.n_out);
  if (!st) return NULL;
  for (int i = 0; i < c.n_out; i++) tensor_unref(&out[i]);
  // Most kernels name their node; those that come from deeper may not.
  return strstr(status_message(st), n->name) ? st : status_prefix(st, "%s '%s'", n->op, n->name);
}

static status_t run_step(const program_t *p, run_t *run, frame_t *f, const step_t *s) {
  status_t st = NULL;
  bool any_deref = false;
  for (int k = 0; k < s->n_in; k++) {
    int at = s->in0 + k;
    f->in[k] = f->slots[p->in_slot[at]];
    if (tensor_empty(&f->in[k]))
      return FAIL(INTERNAL, "%s '%s': input %d has no value", s->node->op, s->node->name, k);
    any_deref |= p->deref[at];
  }
  for (int k = 0; any_deref && k < s->n_in && !st; k++)
    if (p->deref[s->in0 + k]) {
      f->in[k] = tensor_ref(&f->in[k]);
      st = program_dereference(&f->in[k]);
    }
  if (!st)
    st = program_run_node(run, s->node, f->in, s->n_in, any_deref ? NULL : p->last_use + s->in0,
                          f->slots + s->out0);
  for (int k = 0; any_deref && k < s->n_in; k++)
    if (p->deref[s->in0 + k] && f->in[k].dtype != DT_RESOURCE) tensor_unref(&f->in[k]);
  if (st) return st;
  for (int k = 0; k < s->n_in; k++)
    if (p->release[s->in0 + k]) tensor_unref(&f->slots[p->in_slot[s->in0 + k]]);
  for (int k = 0; k < s->n_out; k++)
    if (p->unread[s->out0 + k]) tensor_unref(&f->slots[s->out0 + k]);
  return NULL;
}

static status_t run_static(program_t *p, run_t *run, tensor_t *in, bool take, tensor_t *out) {
  frame_t *f = frame_take(p);
  const graph_t *g = p->graph;
  for (int i = 0; i < g->n_args; i++) {
    if (p->arg_slot[i] < 0) continue;
    // Not taken: the caller's reference and ours make two, so nobody writes into it.
    f->slots[p->arg_slot[i]] = take ? in[i] : tensor_ref(&in[i]);
    if (take) in[i] = (tensor_t){0};
  }
  status_t st = NULL;
  for (int i = 0; i < p->n_steps && !st; i++) st = run_step(p, run, f, &p->steps[i]);
  for (int i = 0; i < g->n_rets && !st; i++) {
    tensor_t *t = &f->slots[p->ret_slot[i]];
    if (tensor_empty(t))
      st = FAIL(INTERNAL, "result %d ('%s') has no value", i, g->rets[i].src->name);
    else
      out[i] = tensor_ref(t);
    if (!st && p->ret_deref[i]) st = program_dereference(&out[i]);
  }
  frame_clear(p, f);
  frame_give(p, f);
  return st;
}

status_t program_run(program_t *p, run_t *run, tensor_t *in, int n_in, bool take, tensor_t *out,
                     int n_out) {
  const graph_t *g = p->graph;
  status_t st = NULL;
  for (int i = 0; i < n_out; i++) out[i] = (tensor_t){0};
  if (n_in != g->n_args || n_out != g->n_rets)
    st =
        FAIL(INVALID_ARGUMENT, "a function of %d arguments and %d results is called with %d and %d",
             g->n_args, g->n_rets, n_in, n_out);
  else if (p->dataflow)
    st = dataflow_run(p->dataflow, run, in, out);
  else
    st = run_static(p, run, in, take, out);
  for (int i = 0; take && i < n_in; i++) tensor_unref(&in[i]);
  for (int i = 0; st && i < n_out; i++) tensor_unref(&out[i]);
  return st;
}
