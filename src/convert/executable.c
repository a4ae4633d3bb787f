// The converted graph as a program, for build() and calibration: with the model's tables filled.
#include <string.h>

#include "convert/state.h"
#include "ops/variables.h"
#include "runtime/initialise.h"
#include "saved_model/writer.h"

typedef struct initialising {
  const converter_t *c;
} initialising_t;

static status_t read_variable(void *self, const char *name, tensor_t *out) {
  const converter_t *c = ((initialising_t *)self)->c;
  return saved_model_variable(c->model, c->meta, name, out);
}

static status_t prepare_body(void *self, graph_t *body) {
  return weights_load(((initialising_t *)self)->c->model, body);
}

static void nothing_destroy(object_t *o) { mem_free(o); }

static const object_type_t nothing_type = {"TRTResourceHandle", nothing_destroy};

// Engines of an earlier conversion are not loaded: their native segments run.
static status_t no_engines(void *self, op_env_t *env, const node_t *node, const tensor_t *in,
                           int n_in, tensor_t *out, int n_out) {
  (void)self;
  if (strcmp(node->op, "CreateTRTResourceHandle") != 0 || n_out != 1) return NULL;
  op_ctx_t c = {.node = node, .in = in, .n_in = n_in, .out = out, .n_out = n_out, .env = env};
  object_t *nothing = mem_calloc(1, sizeof *nothing);
  nothing->type = &nothing_type;
  atomic_init(&nothing->refs, 1);
  return op_out_object(&c, 0, nothing);
}

status_t converter_executable(converter_t *c, const exec_services_t *services, executable_t **out) {
  initialising_t self = {c};
  exec_services_t first = *services;
  first.self = &self;
  first.variable = read_variable;
  first.prepare_body = prepare_body;
  first.run_engine = no_engines;
  *out = NULL;
  char *undone;  // a table that the signature needs says so itself
  TRY(run_init_op(c->model, c->meta, &first, &undone));
  mem_free(undone);
  return executable_create(c->graph, services, out);
}
