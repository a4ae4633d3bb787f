// The dumps of a small network: the JSON is exactly what TensorRT's inspector's readers expect.
#include "network/network.h"
#include "test.h"

#define S(...) ((shape_t[]){SHAPE(__VA_ARGS__)})

static network_t *small(void) {
  network_t *n = network_create("engine \"0\"");
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, S(-1, 4));
  tensor_t w;
  assert_ok(tensor_alloc(DT_FLOAT, S(4, 2), &w));
  memset(w.data, 0, tensor_bytes(&w));
  net_tensor_t *weights = network_add_constant(n, "w", &w, NULL);
  tensor_unref(&w);
  n->tf_node = "dense/MatMul";
  net_tensor_t *y = net_matmul(n, x, weights, false, false);
  n->tf_node = "dense/Relu";
  network_mark_output(n, net_unary(n, UNARY_RELU, y));
  assert_ok(network_optimize(n, NULL));
  return n;
}

static void json(void **state) {
  (void)state;
  network_t *n = small();
  char *text = network_to_json(n);
  assert_string_equal(
      text,
      "{\"Name\": \"engine \\\"0\\\"\",\n"
      " \"Layers\": [\n"
      "    {\"Name\": \"dense/Relu\",\n"
      "     \"LayerType\": \"MATRIX_MULTIPLY\",\n"
      "     \"Inputs\": [{\"Name\": \"x\", \"Location\": \"Host\", \"Dimensions\": [-1, 4], "
      "\"Format/Datatype\": \"Row major linear FP32\"}],\n"
      "     \"Outputs\": [{\"Name\": \"dense/Relu\", \"Location\": \"Host\", \"Dimensions\": [-1, "
      "2], "
      "\"Format/Datatype\": \"Row major linear FP32\"}],\n"
      "     \"TransposeA\": 0,\n"
      "     \"TransposeB\": 0,\n"
      "     \"HasBias\": 0,\n"
      "     \"HasResidual\": 0,\n"
      "     \"Activation\": \"RELU\",\n"
      "     \"TfNodes\": [\"dense/MatMul\", \"dense/Relu\"]}],\n"
      " \"Bindings\": [\"x\", \"dense/Relu\"]}\n");
  mem_free(text);
  network_destroy(n);
}

static void text(void **state) {
  (void)state;
  network_t *n = small();
  char *t = network_to_text(n);
  assert_non_null(strstr(t, "input %0:float32[?,4] x\n"));
  assert_non_null(strstr(t, "= MATRIX_MULTIPLY +RELU (%0:float32[?,4], "));
  mem_free(t);
  network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(json), cmocka_unit_test(text)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
