// Shapes that the layers infer. Expected shapes are TensorFlow's for the same operation.
#include "network/known.h"
#include "network/network.h"
#include "test.h"

#define S(...) ((shape_t[]){SHAPE(__VA_ARGS__)})
#define assert_shape(t, expected)                                            \
  do {                                                                       \
    char a_[128];                                                            \
    assert_string_equal(shape_format(&(t)->shape, a_, sizeof a_), expected); \
  } while (0)

static net_tensor_t *ints(network_t *n, int count, const int64_t *v) {
  return network_const_ints(n, "c", DT_INT32, count, v);
}
#define INTS(n, ...) \
  ints(n, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static net_tensor_t *slice(network_t *n, net_tensor_t *x, int64_t begin, int64_t end, bool shrink) {
  layer_params_t p = {0};
  p.slice.shrink_axis_mask = shrink;
  net_tensor_t *in[] = {x, INTS(n, begin), INTS(n, end), INTS(n, 1)};
  return net_layer1(n, LAYER_SLICE, 4, in, x->dtype, &p);
}

// Flatten as Keras writes it: the batch is read from the shape, packed with known numbers.
static void shape_chain_keeps_known_dims(void **state) {
  (void)state;
  network_t *n = network_create("t");
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, S(-1, 7, 7, 64));
  net_tensor_t *shape = net_layer1(n, LAYER_SHAPE, 1, &x, DT_INT32, NULL);
  assert_shape(shape, "[4]");
  net_tensor_t *batch = slice(n, shape, 0, 1, true);
  assert_shape(batch, "[]");
  layer_params_t p = {.axis = 0};
  net_tensor_t *parts[] = {batch, network_const_scalar(n, "c", DT_INT32, 49 * 64)};
  net_tensor_t *packed = net_layer1(n, LAYER_PACK, 2, parts, DT_INT32, &p);
  net_tensor_t *flat = net_reshape(n, x, packed);
  assert_shape(flat, "[?,3136]");
  assert_int_equal(flat->shape.d[0], x->shape.d[0]);  // the same symbol
  // prod(shape[1:]) with the batch cancelled by -1
  net_tensor_t *rest = slice(n, shape, 1, 4, false);
  net_tensor_t *count = net_reduce(n, REDUCE_PROD, rest, (int[]){0}, 1, false);
  net_tensor_t *parts2[] = {network_const_scalar(n, "c", DT_INT32, -1), count};
  net_tensor_t *flat2 = net_reshape(n, x, net_layer1(n, LAYER_PACK, 2, parts2, DT_INT32, &p));
  assert_int_equal(flat2->shape.d[0], x->shape.d[0]);
  assert_int_equal(flat2->shape.d[1], 3136);
  // adding both keeps the symbol
  assert_int_equal(net_binary(n, BINARY_ADD, flat, flat2)->shape.d[0], x->shape.d[0]);
  network_mark_output(n, flat);
  assert_ok(network_infer(n));
  network_compact(n);
  assert_int_equal(n->n_layers, 4);
  network_destroy(n);
}

static void reshape_cancels_symbols(void **state) {
  (void)state;
  network_t *n = network_create("t");
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, S(-1, -1, 12, 64));
  assert_shape(net_reshape_to(n, x, (int64_t[]){-1, 768}, 2), "[?,768]");
  assert_shape(net_reshape_to(n, x, (int64_t[]){2, -1, 768}, 3), "[2,?,768]");
  net_tensor_t *y = network_add_input(n, "y", DT_FLOAT, S(4, 6));
  assert_shape(net_reshape_to(n, y, (int64_t[]){3, -1, 2}, 3), "[3,4,2]");
  assert_int_equal(net_reshape_to(n, y, (int64_t[]){5, -1}, 2)->shape.rank, -1);
  assert_fails(network_infer(n), INVALID_ARGUMENT, "cannot reshape [4,6] to [5,?]");
  network_destroy(n);
}

static void convolution_shapes(void **state) {
  (void)state;
  network_t *n = network_create("t");
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, S(-1, 224, 224, 3));
  tensor_t w, dw;
  assert_ok(tensor_alloc(DT_FLOAT, S(7, 7, 3, 64), &w));
  assert_ok(tensor_alloc(DT_FLOAT, S(3, 3, 3, 2), &dw));
  net_tensor_t *in[] = {x, network_add_constant(n, "w", &w, NULL)};
  layer_params_t p = {.conv = {.spatial = 2,
                               .channels_last = true,
                               .strides = {2, 2},
                               .dilations = {1, 1},
                               .same = true}};
  assert_shape(net_layer1(n, LAYER_CONV, 2, in, DT_FLOAT, &p), "[?,112,112,64]");
  p.conv.same = false;
  assert_shape(net_layer1(n, LAYER_CONV, 2, in, DT_FLOAT, &p), "[?,109,109,64]");
  in[1] = network_add_constant(n, "dw", &dw, NULL);
  p.conv.depthwise = true;
  p.conv.pad_begin[0] = p.conv.pad_end[1] = 1;
  net_tensor_t *y = net_layer1(n, LAYER_CONV, 2, in, DT_FLOAT, &p);
  assert_shape(y, "[?,112,112,6]");
  assert_int_equal(layer_conv_groups(y->producer), 3);
  layer_params_t pool = {
      .pool = {
          .spatial = 2, .channels_last = true, .window = {3, 3}, .strides = {2, 2}, .same = true}};
  assert_shape(net_layer1(n, LAYER_POOL, 1, &y, DT_FLOAT, &pool), "[?,56,56,6]");
  net_tensor_t *z = network_add_input(n, "z", DT_FLOAT, S(1, 2, 2, 3));
  pool.pool.same = false;
  net_layer1(n, LAYER_POOL, 1, &z, DT_FLOAT, &pool);
  assert_fails(network_infer(n), INVALID_ARGUMENT, "a window of 3 does not fit");
  network_destroy(n);
  tensor_unref(&w);
  tensor_unref(&dw);
}

static void strided_slice_masks(void **state) {
  (void)state;
  static const struct {
    int64_t begin[3], end[3], strides[3], b, e, ell, nw, sh;
    const char *expected;
  } cases[] = {
      // tf.zeros([5, 6, 7])[...] written by Python's own slicing
      {{1, 0, 0}, {3, 0, 0}, {1, 1, 1}, 6, 6, 0, 0, 0, "[2,6,7]"},     // [1:3, :, :]
      {{0, 0, 1}, {0, 0, 2}, {1, 1, 1}, 3, 3, 0, 0, 4, "[5,6]"},       // [:, :, 1]
      {{0, 0, -3}, {0, 0, 0}, {1, 1, 2}, 0, 4, 1, 2, 0, "[5,6,1,2]"},  // [..., newaxis, -3::2]
      {{-1, 0, 0}, {0, 0, 0}, {-2, 1, -1}, 7, 7, 0, 0, 0, "[3,6,7]"},  // [::-2, :, ::-1]
      {{4, 5, 9}, {1, 5, 99}, {-1, 1, 1}, 0, 0, 0, 0, 0, "[3,0,0]"},   // [4:1:-1, 5:5, 9:99]
      {{2, 0, -1}, {3, 0, 0}, {1, 1, 1}, 0, 0, 2, 0, 5, "[6]"},        // [2, ..., -1]
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    network_t *n = network_create("t");
    layer_params_t p = {.slice = {.begin_mask = cases[i].b,
                                  .end_mask = cases[i].e,
                                  .ellipsis_mask = cases[i].ell,
                                  .new_axis_mask = cases[i].nw,
                                  .shrink_axis_mask = cases[i].sh}};
    net_tensor_t *in[] = {network_add_input(n, "x", DT_FLOAT, S(5, 6, 7)),
                          ints(n, 3, cases[i].begin), ints(n, 3, cases[i].end),
                          ints(n, 3, cases[i].strides)};
    assert_shape(net_layer1(n, LAYER_SLICE, 4, in, DT_FLOAT, &p), cases[i].expected);
    assert_ok(network_infer(n));
    network_destroy(n);
  }
}

static void bad_shapes_name_the_layer(void **state) {
  (void)state;
  network_t *n = network_create("t");
  n->tf_node = "model/dense/MatMul";
  net_matmul(n, network_add_input(n, "a", DT_FLOAT, S(-1, 8)),
             network_add_input(n, "b", DT_FLOAT, S(7, 4)), false, false);
  assert_fails(network_infer(n), INVALID_ARGUMENT,
               "layer model/dense/MatMul (MATRIX_MULTIPLY): shapes [?,8] and [7,4]");
  network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shape_chain_keeps_known_dims), cmocka_unit_test(reshape_cancels_symbols),
      cmocka_unit_test(convolution_shapes),           cmocka_unit_test(strided_slice_masks),
      cmocka_unit_test(bad_shapes_name_the_layer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
