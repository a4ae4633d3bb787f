// A layer alone is computed as in its engine: by the same kernels, from the same weights.
#include "accuracy/single_layer.h"

#include "backend/run_network.h"

enum { ROWS = 5, IN = 96, OUT = 70 };

static void as_in_its_engine(void **state) {
  (void)state;
  const backend_t *b = backend_find("cpu");
  build_options_t o = {.struct_size = sizeof o, .threads = 1};
  shape_t xs = SHAPE(ROWS, IN), ws = SHAPE(IN, OUT);
  tensor_t w = random_tensor(DT_FLOAT, &ws, 3, -1, 1), x = random_tensor(DT_FLOAT, &xs, 4, -1, 1);
  network_t *n = network_create("16 bits");
  net_tensor_t *in[] = {network_add_input(n, "x", DT_FLOAT, &xs),
                        network_add_constant(n, "w", &w, NULL)};
  layer_params_t p = {.matmul = {.act = {true, UNARY_RELU, 0, 0}}};
  n->half = HALF_FASTER;
  network_mark_output(n, net_layer1(n, LAYER_MATMUL, 2, in, DT_FLOAT, &p));
  assert_ok(network_infer(n));
  bytes_t plan;
  backend_engine_t *e;
  backend_context_t *c;
  tensor_t want, none = {0};
  assert_ok(b->build(n, &o, &plan));
  assert_ok(b->load(plan.data, plan.size, NULL, &e));
  assert_ok(b->context_create(e, &xs, &none, 1, &c));
  assert_ok(tensor_alloc(DT_FLOAT, &b->output_shapes(c)[0], &want));
  assert_ok(b->run(c, &x, &want));
  const network_t *made = b->network(e);
  tensor_t *now = mem_calloc((size_t)made->n_tensors, sizeof *now);
  for (int i = 0; i < made->n_tensors; i++)
    if (made->tensors[i]->is_const) now[i] = tensor_ref(&made->tensors[i]->value);
  now[made->inputs[0]->id] = tensor_ref(&x);
  for (int k = 0; k < made->n_layers; k++) {
    const layer_t *l = made->layers[k];
    tensor_t given[4];
    bool fixed[4];
    for (int i = 0; i < l->n_in; i++) given[i] = now[l->in[i]->id], fixed[i] = l->in[i]->is_const;
    assert_ok(single_layer_run(b, made, l, given, fixed, 1, &now[l->out[0]->id]));
  }
  const tensor_t *got = &now[made->outputs[0]->id];
  assert_int_equal(got->dtype, DT_FLOAT);
  assert_memory_equal(got->data, want.data, tensor_bytes(&want));
  for (int i = 0; i < made->n_tensors; i++) tensor_unref(&now[i]);
  mem_free(now);
  tensor_unref(&want), tensor_unref(&x), tensor_unref(&w);
  b->context_destroy(c);
  b->unload(e);
  mem_free(plan.data);
  network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_in_its_engine)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
