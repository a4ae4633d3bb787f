// Constants, arguments, identities; and shapes that flow through several ops at conversion time.
#include "ops/lower_case.h"

static node_t *add(graph_t *g, const char *op, int n_in, node_t *const *in) {
  node_t *n = graph_add_node(g, op, op);
  for (int i = 0; i < n_in; i++) node_add_input(g, n, in[i], 0);
  return n;
}

static void run_infer(graph_t *g, node_t *n) {
  assert_ok(node_resolve(g, n));
  infer_ctx_t c = {g, n};
  if (n->def->infer) assert_ok(n->def->infer(&c));
}

static node_t *ints(graph_t *g, int rank, int n, const int64_t *v) {
  tensor_t t;
  shape_t s = rank ? SHAPE(n) : SHAPE_SCALAR;
  assert_ok(tensor_from_ints(DT_INT32, &s, v, &t));
  node_t *c = graph_add_const(g, "const", &t);
  tensor_unref(&t);
  run_infer(g, c);
  return c;
}

static node_t *strided(graph_t *g, node_t *x, int64_t begin, int64_t end, int64_t shrink) {
  node_t *n = add(
      g, "StridedSlice", 4,
      (node_t *[]){x, ints(g, 1, 1, &begin), ints(g, 1, 1, &end), ints(g, 1, 1, (int64_t[]){1})});
  node_set_type(g, n, "T", DT_INT32);
  node_set_type(g, n, "Index", DT_INT32);
  node_set_int(g, n, "shrink_axis_mask", shrink);
  run_infer(g, n);
  return n;
}

static void assert_shape(const shape_t *got, shape_t want) {
  if (shape_equal(got, &want)) return;
  char a[128], b[128];
  fail_msg("%s, expected %s", shape_format(got, a, sizeof a), shape_format(&want, b, sizeof b));
}

// x [B,7,7,64] -> Shape -> [0] -> Pack with 3136 -> Reshape: the batch keeps its symbol.
static void shape_arithmetic_keeps_symbols(void **state) {
  (void)state;
  arena_t *arena = arena_create();
  graph_t *g = graph_create(arena, NULL);
  node_t *x = add(g, "Placeholder", 0, NULL);
  node_set_type(g, x, "dtype", DT_FLOAT);
  run_infer(g, x);
  x->out_shape[0] = SHAPE(-5, 7, 7, 64);
  node_t *shape = add(g, "Shape", 1, &x);
  node_set_type(g, shape, "T", DT_FLOAT);
  run_infer(g, shape);
  node_t *batch = strided(g, shape, 0, 1, 1);
  assert_shape(&batch->out_dims[0], SHAPE(-5));
  assert_int_equal(batch->out_shape[0].rank, 0);

  node_t *pack = add(g, "Pack", 2, (node_t *[]){batch, ints(g, 0, 1, (int64_t[]){3136})});
  node_set_type(g, pack, "T", DT_INT32);
  node_set_int(g, pack, "N", 2);
  run_infer(g, pack);
  assert_shape(&pack->out_dims[0], SHAPE(-5, 3136));

  node_t *reshape = add(g, "Reshape", 2, (node_t *[]){x, pack});
  node_set_type(g, reshape, "T", DT_FLOAT);
  run_infer(g, reshape);
  assert_shape(&reshape->out_shape[0], SHAPE(-5, 3136));

  // The same by -1: the known dims cancel, so the one that is left is the batch.
  node_t *flat = add(g, "Reshape", 2, (node_t *[]){x, ints(g, 1, 2, (int64_t[]){-1, 3136})});
  node_set_type(g, flat, "T", DT_FLOAT);
  run_infer(g, flat);
  assert_shape(&flat->out_shape[0], SHAPE(-5, 3136));

  // shape[1:3] + [9], gathered and split.
  node_t *part = strided(g, shape, 1, 3, 0);
  assert_shape(&part->out_dims[0], SHAPE(7, 7));
  node_t *concat = add(g, "ConcatV2", 3, (node_t *[]){batch, part, ints(g, 0, 1, (int64_t[]){0})});
  node_t *vector = add(g, "ExpandDims", 2, (node_t *[]){batch, ints(g, 0, 1, (int64_t[]){0})});
  node_set_type(g, vector, "T", DT_INT32);
  run_infer(g, vector);
  node_set_input(concat, 0, vector, 0);
  node_set_type(g, concat, "T", DT_INT32);
  node_set_int(g, concat, "N", 2);
  run_infer(g, concat);
  assert_shape(&concat->out_dims[0], SHAPE(-5, 7, 7));
  node_t *gather =
      add(g, "GatherV2", 3,
          (node_t *[]){concat, ints(g, 1, 2, (int64_t[]){2, 0}), ints(g, 0, 1, (int64_t[]){0})});
  node_set_type(g, gather, "Tparams", DT_INT32);
  node_set_type(g, gather, "Tindices", DT_INT32);
  node_set_type(g, gather, "Taxis", DT_INT32);
  run_infer(g, gather);
  assert_shape(&gather->out_dims[0], SHAPE(7, -5));

  // Fill of a known shape, Range up to a symbol, Transpose of symbols.
  node_t *zero = ints(g, 0, 1, (int64_t[]){0}), *one = ints(g, 0, 1, (int64_t[]){1});
  node_t *fill = add(g, "Fill", 2, (node_t *[]){gather, one});
  node_set_type(g, fill, "T", DT_INT32);
  run_infer(g, fill);
  assert_shape(&fill->out_shape[0], SHAPE(7, -5));
  node_t *range = add(g, "Range", 3, (node_t *[]){zero, batch, one});
  run_infer(g, range);
  assert_shape(&range->out_shape[0], SHAPE(-5));
  node_t *transpose =
      add(g, "Transpose", 2, (node_t *[]){x, ints(g, 1, 4, (int64_t[]){0, 3, 1, 2})});
  node_set_type(g, transpose, "T", DT_FLOAT);
  run_infer(g, transpose);
  assert_shape(&transpose->out_shape[0], SHAPE(-5, 64, 7, 7));

  // An engine may compute the shape itself, as it follows from shapes; not one made of data.
  char reason[128] = "";
  lower_ctx_t l = {.graph = g, .node = reshape, .n_in = 2, .n_out = 1};
  assert_true(reshape->def->accept(&l, reason, sizeof reason));
  node_t *data = add(g, "Placeholder", 0, NULL);
  node_set_type(g, data, "dtype", DT_INT32);
  run_infer(g, data);
  data->out_shape[0] = SHAPE(2);
  node_set_input(reshape, 1, data, 0);
  assert_false(reshape->def->accept(&l, reason, sizeof reason));
  assert_string_equal(reason, "the shape is computed from data, not from constants and shapes");
  graph_destroy(g);
  arena_destroy(arena);
}

static void constants_and_identities(void **state) {
  (void)state;
  op_case_t c = op_case("Const");
  tensor_t t = case_tensor(DT_FLOAT, SHAPE(2), (double[]){1, 2}, 2);
  node_set_type(c.g, c.node, "dtype", DT_FLOAT);
  node_set_tensor(c.g, c.node, "value", &t);
  tensor_unref(&t);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2), 0, 1, 2);
  assert_false(tensor_empty(&c.node->out_value[0]));
  op_case_end(&c);

  c = op_case("IdentityN");
  CASE_IN(&c, DT_FLOAT, SHAPE(2), 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 7);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2), 0, 1, 2);
  CASE_OUT(&c, 1, DT_INT32, SHAPE_SCALAR, 0, 7);
  assert_ptr_equal(c.out[0].data, c.in[0].data);  // handed on, not copied
  CASE_LOWERS(&c, 0);
  op_case_end(&c);

  c = op_case("Identity");
  CASE_IN_STRINGS(&c, SHAPE(1), "a");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(1), "a");
  CASE_REFUSED(&c, "data type string is not supported by engines");
  op_case_end(&c);
}

static void shapes_are_ensured(void **state) {
  (void)state;
  op_case_t c = op_case("EnsureShape");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 2), 1, 2);
  node_set_shape(c.g, c.node, "shape", (shape_t[]){SHAPE(-1, 2)});
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2), 0, 1, 2);
  op_case_end(&c);

  c = op_case("EnsureShape");
  CASE_IN(&c, DT_FLOAT, SHAPE(1, 2), 1, 2);
  node_set_shape(c.g, c.node, "shape", (shape_t[]){SHAPE(-1, 3)});
  CASE_FAILS(&c, INVALID_ARGUMENT, "is not compatible with expected shape [?,3]");
  op_case_end(&c);

  c = op_case("Empty");
  CASE_IN(&c, DT_INT32, SHAPE(2), 2, 1);
  node_set_type(c.g, c.node, "dtype", DT_INT64);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2, 1), 0, 0, 0);
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shape_arithmetic_keeps_symbols),
      cmocka_unit_test(constants_and_identities),
      cmocka_unit_test(shapes_are_ensured),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
