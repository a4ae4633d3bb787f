#include "runtime/executor.h"

#include <string.h>

#include "base/cpu.h"
#include "runtime/program.h"

enum { MAX_CALL_DEPTH = 256 };

struct executable {
  exec_services_t services;
  library_t *library;
  program_t *main;
  map_t *functions;  // name -> program_t *; complete after executable_create
  VEC(program_t *) programs;
  pthread_mutex_t lock;  // guards runs and n_allocations of runs that are gone
  run_t *runs;
};

// ---------------------------------------------------------------- preparing

typedef struct missing {
  const char *op;
  int count;
} missing_t;
typedef VEC(missing_t) missing_list_t;

static void note_missing(missing_list_t *m, const char *op) {
  for (size_t i = 0; i < m->n; i++)
    if (strcmp(m->v[i].op, op) == 0) {
      m->v[i].count++;
      return;
    }
  vec_push(m, ((missing_t){op, 1}));
}

static status_t missing_status(const missing_list_t *m) {
  if (!m->n) return NULL;
  char *list = mem_strdup("");
  for (size_t i = 0; i < m->n; i++) {
    char *more = mem_printf("%s%s%s (%d)", list, i ? ", " : "", m->v[i].op, m->v[i].count);
    mem_free(list);
    list = more;
  }
  status_t st = FAIL(UNIMPLEMENTED, "these ops have no native kernel: %s", list);
  mem_free(list);
  return st;
}

static bool is_op(const node_t *n, const char *op) { return strcmp(n->op, op) == 0; }

static status_t add_function(executable_t *x, const char *name, missing_list_t *missing);

static status_t add_called(executable_t *x, const node_t *n, missing_list_t *missing) {
  for (const attr_t *a = n->attrs; a; a = a->next) {
    const attr_value_t *v = a->value;
    if (v->kind == ATTR_FUNC && v->func.name && *v->func.name)
      TRY(add_function(x, v->func.name, missing));
    for (size_t i = 0; v->kind == ATTR_LIST && v->list && i < v->n_list; i++)
      if (v->list[i].kind == ATTR_FUNC) TRY(add_function(x, v->list[i].func.name, missing));
  }
  return NULL;
}

static status_t check_graph(executable_t *x, graph_t *g, missing_list_t *missing) {
  node_t **order = NULL;
  int n = 0;
  TRY(program_order(g, &order, &n));
  status_t st = NULL;
  for (int i = 0; i < n && !st; i++) {
    const node_t *v = order[i];
    int arg;
    if (program_is_arg(g, v, &arg) || is_op(v, "Const") || is_op(v, "NoOp")) continue;
    if (is_op(v, "Placeholder") || is_op(v, "_Arg"))
      st = FAIL(INVALID_ARGUMENT, "%s '%s' is needed, but is no input", v->op, v->name);
    else if (!v->def && x->library && library_find(x->library, v->op))
      st = add_function(x, v->op, missing);  // a call by the function's name
    else if (!v->def || !v->def->kernel)
      note_missing(missing, v->op);
    else if (v->def->flags & OP_CALLS)
      st = add_called(x, v, missing);
  }
  mem_free(order);
  return st;
}

static status_t add_program(executable_t *x, graph_t *g, program_t **out) {
  TRY(program_create(g, out));
  vec_push(&x->programs, *out);
  return NULL;
}

static status_t add_function(executable_t *x, const char *name, missing_list_t *missing) {
  graph_t *body = NULL;
  if (map_has(x->functions, name)) return NULL;
  map_put(x->functions, name, NULL);  // being made: it may call itself
  if (!x->library) return FAIL(NOT_FOUND, "function '%s': the graph has no library", name);
  TRY(library_body(x->library, name, &body));
  status_t st = NULL;
  if (x->services.prepare_body) st = x->services.prepare_body(x->services.self, body);
  if (!st) st = check_graph(x, body, missing);
  program_t *p = NULL;
  if (!st && !missing->n) st = add_program(x, body, &p);
  if (p) map_put(x->functions, name, p);
  return status_prefix(st, "function '%s'", name);
}

status_t executable_create(graph_t *g, const exec_services_t *services, executable_t **out) {
  *out = NULL;
  executable_t *x = mem_calloc(1, sizeof *x);
  x->services = *services;
  x->library = g->library;
  x->functions = map_create();
  pthread_mutex_init(&x->lock, NULL);
  missing_list_t missing = {0};
  status_t st = check_graph(x, g, &missing);
  if (!st) st = missing_status(&missing);
  if (!st) st = add_program(x, g, &x->main);
  vec_free(&missing);
  if (st)
    executable_destroy(x);
  else
    *out = x;
  return st;
}

void executable_destroy(executable_t *x) {
  if (!x) return;
  while (x->runs) {
    run_t *r = x->runs;
    x->runs = r->next;
    pool_release(r->pool);
    mem_free(r);
  }
  for (size_t i = 0; i < x->programs.n; i++) program_destroy(x->programs.v[i]);
  vec_free(&x->programs);
  map_destroy(x->functions);
  pthread_mutex_destroy(&x->lock);
  mem_free(x);
}

// ---------------------------------------------------------------- what kernels see

static status_t env_alloc(op_env_t *env, dtype_t dtype, const shape_t *shape, tensor_t *out) {
  return pool_alloc(((run_t *)env)->pool, dtype, shape, out);
}

static status_t env_call(op_env_t *env, const func_ref_t *f, tensor_t *in, int n_in, bool take,
                         tensor_t *out, int n_out) {
  run_t *run = (run_t *)env;
  program_t *p = map_get(run->executable->functions, f->name);
  status_t st = NULL;
  if (!p) {
    st = FAIL(NOT_FOUND, "function '%s' is not in the library", f->name);
  } else if (run->depth >= MAX_CALL_DEPTH) {
    st = FAIL(RESOURCE_EXHAUSTED, "functions call each other more than %d deep", MAX_CALL_DEPTH);
  } else {
    run->depth++;
    st = program_run(p, run, in, n_in, take, out, n_out);
    run->depth--;
    return status_prefix(st, "in function '%s'", f->name);
  }
  for (int i = 0; take && i < n_in; i++) tensor_unref(&in[i]);
  for (int i = 0; i < n_out; i++) out[i] = (tensor_t){0};
  return st;
}

static object_t *env_resource(op_env_t *env, const char *container, const char *name,
                              object_t *(*make)(void *arg), void *arg) {
  resources_t *r = ((run_t *)env)->executable->services.resources;
  return r ? resources_get(r, container, name, make, arg) : NULL;
}

static bool env_resource_remove(op_env_t *env, const char *container, const char *name,
                                const object_t *o) {
  resources_t *r = ((run_t *)env)->executable->services.resources;
  return r && resources_remove(r, container, name, o);
}

static status_t env_variable(op_env_t *env, const char *name, tensor_t *out) {
  const exec_services_t *s = &((run_t *)env)->executable->services;
  return s->variable(s->self, name, out);
}

static void env_print(op_env_t *env, const char *text, size_t n) {
  const exec_services_t *s = &((run_t *)env)->executable->services;
  s->print(s->self, text, n);
}

static status_t env_run_engine(op_env_t *env, const node_t *node, const tensor_t *in, int n_in,
                               tensor_t *out, int n_out) {
  const exec_services_t *s = &((run_t *)env)->executable->services;
  return s->run_engine(s->self, env, node, in, n_in, out, n_out);
}

// ---------------------------------------------------------------- running

static run_t *run_take(executable_t *x) {
  pthread_mutex_lock(&x->lock);
  run_t *r = x->runs;
  if (r) x->runs = r->next;
  pthread_mutex_unlock(&x->lock);
  if (r) return r;
  const exec_services_t *s = &x->services;
  r = mem_calloc(1, sizeof *r);
  r->env = (op_env_t){.threads = s->threads > 0 ? s->threads : 1,
                      .alloc = env_alloc,
                      .call = env_call,
                      .resource = env_resource,
                      .resource_remove = env_resource_remove,
                      .variable = s->variable ? env_variable : NULL,
                      .print = s->print ? env_print : NULL,
                      .run_engine = s->run_engine ? env_run_engine : NULL};
  r->executable = x;
  r->pool = pool_create();
  return r;
}

static void run_give(executable_t *x, run_t *r) {
  pthread_mutex_lock(&x->lock);
  r->next = x->runs;
  x->runs = r;
  pthread_mutex_unlock(&x->lock);
}

status_t executable_run(executable_t *x, const tensor_t *in, tensor_t *out) {
  run_t *r = run_take(x);
  const graph_t *g = x->main->graph;
  unsigned mode = cpu_float_mode();
  cpu_set_float_mode(cpu_float_mode_flushing());
  status_t st = program_run(x->main, r, (tensor_t *)in, g->n_args, false, out, g->n_rets);
  cpu_set_float_mode(mode);
  run_give(x, r);
  return st;
}

int64_t executable_system_allocations(executable_t *x) {
  int64_t n = 0;
  pthread_mutex_lock(&x->lock);
  for (run_t *r = x->runs; r; r = r->next) n += pool_system_allocations(r->pool);
  pthread_mutex_unlock(&x->lock);
  return n;
}
