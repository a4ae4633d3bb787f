// The converted graph as a program: for build(), calibration and running it before it is saved.
#include <string.h>

#include "convert/state.h"
#include "ops/variables.h"
#include "runtime/initialise.h"
#include "saved_model/writer.h"

struct converter_executable {
  const converter_t *c;
  run_engine_fn *run_engine;
  void *self;
  exec_services_t services;
  executable_t *executable;
};

static status_t read_variable(void *self, const char *name, tensor_t *out) {
  const converter_t *c = ((converter_executable_t *)self)->c;
  return saved_model_variable(c->model, c->meta, name, out);
}

static status_t prepare_body(void *self, graph_t *body) {
  return weights_load(((converter_executable_t *)self)->c->model, body);
}

static status_t run_engine(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  const converter_executable_t *x = self;
  return x->run_engine(x->self, env, node, in, n_in, out, n_out);
}

// Engines of an earlier conversion are not loaded: their native segments run.
static status_t no_engines(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  (void)self;
  if (strcmp(node->op, "CreateTRTResourceHandle") != 0 || n_out != 1) return NULL;
  op_ctx_t c = {.node = node, .in = in, .n_in = n_in, .out = out, .n_out = n_out, .env = env};
  return op_out_object(&c, 0, named_handle_create("", node->name));
}

static status_t start(converter_t *c, converter_executable_t *x) {
  exec_services_t first = x->services;
  first.run_engine = no_engines;
  char *undone;  // a table that the signature needs says so itself
  TRY(run_init_op(c->model, c->meta, &first, &undone));
  mem_free(undone);
  return executable_create(c->graph, &x->services, &x->executable);
}

status_t converter_executable_create(converter_t *c, run_engine_fn *run, void *self,
                                     converter_executable_t **out) {
  converter_executable_t *x = *out = mem_calloc(1, sizeof *x);
  *x = (converter_executable_t){.c = c, .run_engine = run, .self = self};
  x->services = (exec_services_t){.self = x,
                                  .resources = resources_create(),
                                  .threads = c->o.threads,
                                  .variable = read_variable,
                                  .prepare_body = prepare_body,
                                  .run_engine = run_engine};
  status_t st = start(c, x);
  if (st) {
    converter_executable_destroy(x);
    *out = NULL;
  }
  return st;
}

void converter_executable_destroy(converter_executable_t *x) {
  if (!x) return;
  executable_destroy(x->executable);
  resources_destroy(x->services.resources);
  mem_free(x);
}

status_t converter_executable_run(converter_executable_t *x, const tensor_t *in, tensor_t *out) {
  return executable_run(x->executable, in, out);
}

resources_t *converter_executable_resources(const converter_executable_t *x) {
  return x->services.resources;
}
