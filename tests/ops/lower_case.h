// Lowering of the op of an op_case_t: an engine takes it, and the layers' shapes and dtypes are
// those that the kernel gave.
//
//   CASE_RUN(&c);
//   CASE_LOWERS(&c, 0);  // input 0 comes from outside, the others are constants; -1: all are
//   constants CASE_REFUSED(&c, "data type string");   // instead: no engine takes it, with this
//   reason
#ifndef TFTRT_TESTS_OPS_LOWER_CASE_H
#define TFTRT_TESTS_OPS_LOWER_CASE_H

#include "ops/op_case.h"

static inline void case_lower(op_case_t *c, int data, const char *refused, const char *file,
                              int line) {
  const op_def_t *d = c->node->def;
  char reason[256] = "", a[128], b[128];
  if (!d->lower) fail_msg("%s has no lowering (%s:%d)", d->name, file, line);
  lower_ctx_t l = {.graph = c->g, .node = c->node, .n_in = c->n_in, .n_out = c->n_out};
  bool taken = !d->accept || d->accept(&l, reason, sizeof reason);
  if (refused) {
    if (taken || !strstr(reason, refused))
      fail_msg("%s: expected a refusal with '%s', got '%s' (%s:%d)", d->name, refused,
               taken ? "taken" : reason, file, line);
    return;
  }
  if (!taken) fail_msg("%s is refused: %s (%s:%d)", d->name, reason, file, line);
  l.net = network_create("case");
  for (int i = 0; i < c->n_in; i++)
    l.in[i] = i == data ? network_add_input(l.net, "in", c->in[i].dtype, &c->in[i].shape)
                        : network_add_constant(l.net, "constant", &c->in[i], NULL);
  assert_ok(d->lower(&l));
  for (int i = 0; i < c->n_out; i++)
    if (l.out[i]) network_mark_output(l.net, l.out[i]);
  assert_ok(network_infer(l.net));
  for (int i = 0; i < c->n_out; i++) {
    if (!l.out[i]) fail_msg("%s: output %d was not lowered (%s:%d)", d->name, i, file, line);
    if (l.out[i]->dtype != c->out[i].dtype || !shape_equal(&l.out[i]->shape, &c->out[i].shape))
      fail_msg("%s: output %d is lowered to %s %s, the kernel gives %s %s (%s:%d)", d->name, i,
               dtype_name(l.out[i]->dtype), shape_format(&l.out[i]->shape, a, sizeof a),
               dtype_name(c->out[i].dtype), shape_format(&c->out[i].shape, b, sizeof b), file,
               line);
  }
  network_destroy(l.net);
}
#define CASE_LOWERS(c, data) case_lower(c, data, NULL, __FILE__, __LINE__)
#define CASE_REFUSED(c, part) case_lower(c, 0, part, __FILE__, __LINE__)

#endif
