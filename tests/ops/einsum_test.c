// Expected numbers are TensorFlow 2.21's.
#include "ops/lower_run.h"

static void test_products(void **state) {
  (void)state;
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 3.5, -2, -2.5, -0.5, 3, 0);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2), 3, 1, 0, -0.5, -1, -2);
    node_set_string(c.g, c.node, "equation", "ij,jk->ik", 9);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2), 1e-6, 13, 9.5, -1.5, -2);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 4, -0.5, 2, -4, 1.5, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 2, -1.5, 4, -4, -3, 0.5);
    node_set_string(c.g, c.node, "equation", "ij,kj->ki", 9);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2), 1e-6, 16.75, -14.25, -13.5, 11);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 3), 3, -1, -2, 3, 0.5, -2.5, -2.5, 0, 4, -3.5, -4, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 1), 2, -0.5, 1, 0.5, -2.5, -4);
    node_set_string(c.g, c.node, "equation", "bij,bjk->bik", 12);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 1), 1e-6, 4.5, 3.25, -17.25, -7.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 1, 3), -0.5, -4, -2, -2.5, -3.5, -2.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2, 2), -3.5, -2, -3.5, -1.5, 0.5, -3, -2.5, 1.5, 3.5, 4, 2, 1.5);
    node_set_string(c.g, c.node, "equation", "abc,cde->abde", 13);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 1, 2, 2), 1e-6, -7.25, 5, 7.75, -8.25, -1.75, 5.5, 12.5,
             -5.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 2), 0.5, 0.5, 2, -2.5, 3, 3, 3.5, -2.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 2, 2), 4, -2, 1.5, 0, 1.5, 3.5, 2.5, -0.5, -2.5, 2, 2, 3.5);
    node_set_string(c.g, c.node, "equation", "BTNH,BFNH->BNFT", 15);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 3, 2), 1e-6, 1, 6, 2.5, 15, -0.25, -1.5, 3, 5.25, 6.25,
             10, -4.75, -1.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 3, 2), 0, -1, -1, 2, -0.5, 1, 3.5, -1.5, -2, 0.5, 0.5, -4);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 2), -3, 2, -1, 0, -3, 1, 3, -1);
    node_set_string(c.g, c.node, "equation", "BNFT,BTNH->BFNH", 15);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 2, 2), 1e-6, 3, -1, -8, 1.5, -3, 0, 3.5, -0.5, -1.5, 0,
             -12.5, 4);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 2), 1, -1.5, 3.5, 2, 0.5, 0, 3.5, -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 3), 0.5, -2, 2, 0.5, 1.5, -1, -3.5, 1.5, 2, 2, 2.5, -2);
    node_set_string(c.g, c.node, "equation", "abcd,cde->abe", 13);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 3), 1e-6, -8.5, 6, 6.5, -15, 0.5, 11);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2), -0.5, 0.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -1, 3.5, 1.5);
    node_set_string(c.g, c.node, "equation", "i,j->ij", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 1e-6, 0.5, -1.75, -0.75, -0.5, 1.75, 0.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 4, -1.5, -2.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 2.5, -4, -3.5);
    node_set_string(c.g, c.node, "equation", "i,i->", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE_SCALAR, 1e-6, 24.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 2.5, 0, 3, 2.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2), 0.5, 1, -4, -3);
    node_set_string(c.g, c.node, "equation", "ij,ij->ij", 9);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2), 1e-6, 1.25, 0, -12, -7.5);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 4, -1, 0.5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "equation", "i,->i", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3), 1e-6, 2, -0.5, 0.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
}

static void test_ellipsis(void **state) {
  (void)state;
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 3), 2.5, 1.5, -3.5, 3, 4, 4, 3, -3.5, -4, 2.5, 1, 0);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2), -3.5, -2, 2, 1, -0.5, 3.5);
    node_set_string(c.g, c.node, "equation", "...d,df->...f", 13);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 2), 1e-6, -4, -15.75, -4.5, 12, -15.5, -23.5, -6.75, -4);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 1, 2, 2), -4, -0.5, 2, 4, -4, 2, 0.5, 3);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 2, 1), -3, 4, 1.5, -1.5, 4, 0.5);
    node_set_string(c.g, c.node, "equation", "...ij,...jk->...ik", 18);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 1), 1e-6, 10, 10, -5.25, -3, -16.25, 10, 20, 10.5, -9,
             -3.75, -15, 3.5);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 1.5, 1, -4, 0, -2, -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 1.5, 3, 1, 4, -0.5, 3.5);
    node_set_string(c.g, c.node, "equation", "b...,b...->b...", 15);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 1e-6, 2.25, 3, -4, 0, 1, -5.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 3), 4, 3, 3.5, 2.5, 0.5, 2.5, -2.5, -0.5, 1, -4, -3.5, 1.5);
    node_set_string(c.g, c.node, "equation", "...ij->...ji", 12);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2), 1e-6, 4, 2.5, 3, 0.5, 3.5, 2.5, -2.5, -4, -0.5, -3.5,
             1, 1.5);
    op_case_end(&c);
  }
}

static void test_single(void **state) {
  (void)state;
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), -2, -1, 3, 2, 1.5, 2);
    node_set_string(c.g, c.node, "equation", "ij->ji", 6);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 2), 1e-6, -2, 2, -1, 1.5, 3, 2);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 4, -4, 1.5, -3.5, 0, -3.5);
    node_set_string(c.g, c.node, "equation", "ij->", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE_SCALAR, 1e-6, -5.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 3), 3.5, -3, 2, -2, 2, 1.5, -1.5, -0.5, -1.5);
    node_set_string(c.g, c.node, "equation", "ii->i", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3), 1e-6, 3.5, 2, -1.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 3), -1.5, -1, 4, 1, 3, -2, 3, -1, 2.5, -3, 2, 4);
    node_set_string(c.g, c.node, "equation", "iij->j", 6);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3), 1e-6, -4.5, 1, 8);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 3), 3, -1.5, 0, 0.5, 2, -0.5, 3, -1, -3);
    node_set_string(c.g, c.node, "equation", "ii->", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE_SCALAR, 1e-6, 2);
    op_case_end(&c);
  }
}

static void test_sums(void **state) {
  (void)state;
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2), -1.5, 3, 0.5, -2.5, 3.5, -4, -2.5, -1, -4, -3.5, -3, 1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 3.5, 1.5);
    node_set_string(c.g, c.node, "equation", "ijk,k->i", 8);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2), 1e-6, 3.5, -37.75);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 2), -2, 0, 2.5, 1.5, -0.5, -0.5, -0.5, 2.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), -2.5, -3.5, 0, 3.5, 1, -0.5);
    node_set_string(c.g, c.node, "equation", "iij,jk->k", 9);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3), 1e-6, 15, 11.25, -1.25);
    op_case_end(&c);
  }
}

static void test_dtypes(void **state) {
  (void)state;
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_DOUBLE, SHAPE(2, 3), -4, 0, 2.5, 2, -3, -2.5);
    CASE_IN(&c, DT_DOUBLE, SHAPE(3, 2), -4, 1.5, -3.5, -1.5, -1.5, 4);
    node_set_string(c.g, c.node, "equation", "ij,jk->ik", 9);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(2, 2), 1e-6, 12.25, 4, 6.25, -2.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_HALF, SHAPE(2, 3), 0.5, 1.5, -3, 3.5, 0, 4);
    CASE_IN(&c, DT_HALF, SHAPE(3, 2), 1, -4, 2.5, -3, -2.5, 0.5);
    node_set_string(c.g, c.node, "equation", "ij,jk->ki", 9);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(2, 2), 1e-6, 11.75, -6.5, -8, -12);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Einsum");
    CASE_IN(&c, DT_DOUBLE, SHAPE(2, 3), 3.5, 2.5, -1, 0.5, 0.5, 0.5);
    node_set_string(c.g, c.node, "equation", "ij->i", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(2), 1e-6, 5, 1.5);
    op_case_end(&c);
  }
}

static void einsum_fails(const char *equation, shape_t a, code_t code, const char *part) {
  op_case_t c = op_case("Einsum");
  tensor_t t;
  assert_ok(tensor_alloc(DT_FLOAT, &a, &t));
  case_in_tensor(&c, t);
  node_set_string(c.g, c.node, "equation", equation, strlen(equation));
  case_deduce_attrs(&c);
  status_t st = case_infer(&c, KNOWS_VALUES);
  if (!st) st = case_kernel(&c);
  if (status_code(st) != code || !strstr(status_message(st), part))
    fail_msg("%s: %s", equation, status_message(st));
  status_free(st);
  op_case_end(&c);
}

static void test_refusals(void **state) {
  (void)state;
  einsum_fails("ij", SHAPE(2, 2), CODE_INVALID_ARGUMENT, "'->'");
  einsum_fails("ij,j->i", SHAPE(2, 2), CODE_INVALID_ARGUMENT, "1 operands");
  einsum_fails("i?->i", SHAPE(2, 2), CODE_INVALID_ARGUMENT, "invalid character");
  einsum_fails("ijk->i", SHAPE(2, 2), CODE_INVALID_ARGUMENT, "rank 2");
  einsum_fails("ii->i", SHAPE(2, 3), CODE_INVALID_ARGUMENT, "sizes 2 and 3");
  einsum_fails("ij->k", SHAPE(2, 2), CODE_INVALID_ARGUMENT, "in no input");
  einsum_fails("i...j...->ij", SHAPE(2, 2), CODE_INVALID_ARGUMENT, "two ellipses");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_products), cmocka_unit_test(test_ellipsis),
      cmocka_unit_test(test_single),   cmocka_unit_test(test_sums),
      cmocka_unit_test(test_dtypes),   cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
