// The converted signature as a function, before it is saved: what TF-TRT's convert() returns.
#include <string.h>

#include "base/map.h"
#include "convert/state.h"
#include "runtime/engines.h"
#include "saved_model/writer.h"

struct runner {
  const converter_t *c;
  map_t *constants;  // of the native segments, by the keys that plans name
  weight_source_t weights;
  engines_t *engines;
  converter_executable_t *executable;
};

void runner_destroy(runner_t *r) {
  if (!r) return;
  engines_destroy(r->engines);
  converter_executable_destroy(r->executable);
  map_destroy(r->constants);
  mem_free(r);
}

static status_t run_engine(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  return engines_run(((runner_t *)self)->engines, env, node, in, n_in, out, n_out);
}

static status_t read_weight(void *self, const char *key, tensor_t *out) {
  const runner_t *r = self;
  node_t *n = map_get(r->constants, key);
  if (!n) return saved_model_bundle_tensor(r->c->model, key, out);
  const tensor_t *value = input_value(&(input_t){n, 0});
  if (!value) return FAIL(NOT_FOUND, "node %s has no value", n->name);
  *out = tensor_ref(value);
  return NULL;
}

static void list_constants(map_t *constants, const graph_t *body) {
  for (int i = 0; i < body->n_nodes; i++) {
    node_t *n = body->nodes[i];
    bool holds = strcmp(n->op, "Const") == 0 || !tensor_empty(&n->pinned);
    const char *key = holds ? node_string(n, WEIGHT_ATTR) : "";
    if (*key) map_put(constants, key, n);
  }
}

static status_t add_engines(converter_t *c, runner_t *r) {
  for (size_t i = 0; i < c->engines.n; i++) {
    const engine_node_t *e = &c->engines.v[i];
    list_constants(r->constants, e->function->body);
    for (size_t k = 0; k < e->built.n; k++)
      TRY(engines_add(r->engines, e->node, e->built.v[k].shapes, e->n_inputs,
                      e->built.v[k].plan.data, e->built.v[k].plan.size));
  }
  return NULL;
}

static status_t start(converter_t *c, runner_t *r) {
  r->c = c;
  r->constants = map_create();
  r->weights = (weight_source_t){read_weight, r};
  TRY(converter_executable_create(c, run_engine, r, &r->executable));
  r->engines = engines_create(backend_find(c->o.backend), &r->weights,
                              converter_executable_resources(r->executable), c->o.threads);
  if (c->o.compat_2_17) engines_set_compat(r->engines);
  engines_set_build_cache(r->engines, converter_top(c)->cache);
  engines_add_library(r->engines, c->library);
  return add_engines(c, r);
}

void stop_runner(converter_t *c) {
  runner_destroy(c->runner);
  c->runner = NULL;
}

status_t restart_runner(converter_t *c) {
  stop_runner(c);
  runner_t *r = mem_calloc(1, sizeof *r);
  status_t st = start(c, r);
  if (st)
    runner_destroy(r);
  else
    c->runner = r;
  return st;
}

engines_t *runner_engines(runner_t *r) { return r->engines; }

status_t run_converted(converter_t *c, const tensor_t *in, tensor_t *out) {
  return converter_executable_run(c->runner->executable, in, out);
}

status_t converter_run(converter_t *c, const char *signature, const tensor_t *in, tensor_t *out) {
  if (!c->converted) return FAIL(FAILED_PRECONDITION, "Need to call convert() before running");
  TRY(find_converter(c, signature, &c));
  if (!c->runner) TRY(restart_runner(c));
  return run_converted(c, in, out);
}
