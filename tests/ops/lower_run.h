// As lower_case.h, and the layers are run by the ref backend: their values must be the kernel's.
// Once with the data input's shape known, once with all its dims unknown (when the op is taken
// then, too).
#ifndef TFTRT_TESTS_OPS_LOWER_RUN_H
#define TFTRT_TESTS_OPS_LOWER_RUN_H

#include "engine/backend.h"
#include "ops/op_case.h"

// Engines have no quantized dtypes: int8 and uint8 stand for qint8 and quint8.
static inline dtype_t engine_dtype_of(dtype_t t) {
  return t == DT_QINT8 ? DT_INT8 : t == DT_QUINT8 ? DT_UINT8 : t;
}

// int8: with permission for 8-bit layers. Returns whether the op was taken.
static inline bool lower_run_mode(op_case_t *c, int data, bool dynamic, bool must, bool int8,
                                  double tolerance, const char *file, int line) {
  const op_def_t *d = c->node->def;
  const backend_t *b = backend_find("ref");
  char reason[256] = "", x[128], y[128];
  lower_ctx_t l = {.graph = c->g, .node = c->node, .n_in = c->n_in, .n_out = c->n_out};
  shape_t shape = c->in[data].shape;
  node_t *source = c->node->in[data].src;
  assert_ok(case_infer(c, KNOWS_VALUES));
  if (dynamic) {
    shape = shape_unknown_dims(shape.rank);
    source->out_shape[0] = shape;
  }
  if (source->out_value) tensor_unref(source->out_value);
  source->out_value = NULL;
  infer_ctx_t again = {c->g, c->node};
  assert_ok(d->infer(&again));
  if (!d->lower) fail_msg("%s has no lowering (%s:%d)", d->name, file, line);
  if (d->accept && !d->accept(&l, reason, sizeof reason)) {
    if (must) fail_msg("%s is refused: %s (%s:%d)", d->name, reason, file, line);
    return false;
  }
  l.net = network_create("case");
  l.net->int8 = int8;
  tensor_t given = c->in[data];
  given.dtype = engine_dtype_of(given.dtype);
  for (int i = 0; i < c->n_in; i++)
    l.in[i] = i == data ? network_add_input(l.net, "in", given.dtype, &shape)
                        : network_add_constant(l.net, "constant", &c->in[i], NULL);
  assert_ok(d->lower(&l));
  int outputs = 0;
  for (; outputs < c->n_out && l.out[outputs] && !l.out[outputs]->is_const; outputs++)
    network_mark_output(l.net, l.out[outputs]);
  assert_true(outputs > 0);
  assert_ok(network_infer(l.net));
  bytes_t plan = {0};
  backend_engine_t *e = NULL;
  backend_context_t *run = NULL;
  tensor_t out[CASE_MAX] = {{0}}, values[1] = {{0}};
  build_options_t options = {.struct_size = sizeof options, .threads = 1};
  assert_ok(b->build(l.net, &options, &plan));
  assert_ok(b->load(plan.data, plan.size, NULL, &e));
  assert_ok(b->context_create(e, &c->in[data].shape, values, 1, &run));
  for (int i = 0; i < outputs; i++) {
    const tensor_t *want = &c->out[i];
    assert_ok(tensor_alloc(engine_dtype_of(want->dtype), &b->output_shapes(run)[i], &out[i]));
    if (!shape_equal(&out[i].shape, &want->shape))
      fail_msg("%s: output %d has shape %s, the kernel gives %s (%s:%d)", d->name, i,
               shape_format(&out[i].shape, x, sizeof x), shape_format(&want->shape, y, sizeof y),
               file, line);
  }
  assert_ok(b->run(run, &given, out));
  for (int i = 0; i < outputs; i++) {
    for (int64_t k = 0; k < tensor_elements(&c->out[i]); k++) {
      double got = tensor_number_at(&out[i], k), want = tensor_number_at(&c->out[i], k);
      if (!(got == want || fabs(got - want) <= tolerance * (1 + fabs(want))))
        fail_msg("%s: output %d element %lld: layers give %.9g, the kernel %.9g (%s:%d)", d->name,
                 i, (long long)k, got, want, file, line);
    }
    tensor_unref(&out[i]);
  }
  b->context_destroy(run);
  b->unload(e);
  mem_free(plan.data);
  network_destroy(l.net);
  return true;
}
static inline void lower_run(op_case_t *c, int data, bool dynamic, bool must, double tolerance,
                             const char *file, int line) {
  lower_run_mode(c, data, dynamic, must, false, tolerance, file, line);
}
#define CASE_LAYERS(c, data, tolerance)                             \
  do {                                                              \
    lower_run(c, data, false, true, tolerance, __FILE__, __LINE__); \
    lower_run(c, data, true, false, tolerance, __FILE__, __LINE__); \
  } while (0)

#endif
