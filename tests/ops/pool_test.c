// Expected numbers are TensorFlow 2.21's.
#include "ops/lower_run.h"

static void test_pool_2d(void **state) {
  (void)state;
  {
    op_case_t c = op_case("MaxPool");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 5, 4, 2), 1.75, 0.25, 1.25, -1.75, 0.5, -2, 0, -1.25, -1.75,
            -1.5, 0.25, 0, -0.75, 0.75, -1, -2, -0.75, 1.75, -0.5, -1.5, -0.75, 0, 0, 1.25, 0.5, -1,
            1.25, 0.5, -1.25, 1.25, 1.25, -0.75, 0.75, -1, -2, 1.5, -0.5, -1.5, -1.75, 0);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 3, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 2, 2), 1e-6, 1.75, 0.25, 0.5, 0.75, 1.25, 1.75, 1.25,
             1.25, 1.25, 1.5, 1.25, 1.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AvgPool");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 5, 4, 2), -1.75, -0.75, -1, -1.25, -1.25, -1.75, 0.75, 0.75,
            -0.25, -0.5, 1.5, 0.25, -1, -2, -2, 0.75, -0.25, 1.75, -1.75, -1.5, -1.25, -1, 0, -1.75,
            -1, -0.5, -0.25, 0.75, 0.25, 0, 0.5, -0.5, 0, -1, 0.5, -0.75, 1.25, 0.75, -1.5, 0.25);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 3, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 2, 2), 1e-6, -0.375, -0.5625, -0.875, -0.5625,
             -0.333333343, 0.0416666679, -0.583333313, -0.75, -0.1875, -0.375, 0.125, 0.125);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPool");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 5, 4, 2), 0.75, 0.75, 0.5, 0, 1.25, 0.25, -2, 0.75, 0.5, -0.5,
            -2, 0, 0.5, 0.25, 0.5, -1, 0.25, 0, 0.25, 1, 1, -1.5, 0, 0, -0.5, -1.5, -1, 0, 1.25,
            1.5, 1, -0.75, -0.5, 0, 1.25, 1, 1.25, -1.25, 1.75, -2);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 3, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 1e-6, 0.75, 1, 1.25, 0.75, 1.25, 1, 1.75, 1.5);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AvgPool");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 5, 4, 2), 1.75, -0.25, 1.5, 0.25, 0.75, -0.5, -1.25, 0, 0.5,
            -1.5, 1.25, 1, -2, -1, -1.25, 1, -1.25, -0.25, 0.75, 2, 0.75, 2, -0.5, -1, -1.25, 1.5,
            -1.25, 1, -0.5, 0.25, 1.25, 1.25, -0.5, 1.75, 1.75, -1.5, 1.25, -1, 0.75, 1);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 3, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 1e-6, 0.75, 0.208333328, -0.583333313,
             0.0833333358, -0.291666657, 0.75, 0.5, 0.416666657);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPool");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 4, 1), 0.25, -0.75, -0.75, 1.25, -2, 1.25, 0, -1.25, 0.5,
            0.25, -0.5, 1.5, -0.25, -0.25, 0.5, 2);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 3, 3, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 1, 1, 1}, 4);
    node_set_string(c.g, c.node, "padding", "EXPLICIT", 8);
    node_set_ints(c.g, c.node, "explicit_paddings", (const int64_t[]){0, 0, 1, 1, 0, 1, 0, 0}, 8);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 3, 1), 1e-6, 1.25, 1.25, 1.25, 1.25, 1.5, 1.5, 1.25, 2, 2,
             0.5, 2, 2);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPool");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 4), 1, -1.75, 1.25, -0.25, -2, 1.25, -1.75, 1, -1.75, 2,
            0.25, 1, 2, -1.25, 1, -0.25);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 1, 1, 2}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 1, 1, 2}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 1e-6, 1, 1.25, 1.25, 1, 2, 1, 2, 1);
    op_case_end(&c);
  }
}

static void test_pool_3d(void **state) {
  (void)state;
  {
    op_case_t c = op_case("MaxPool3D");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 3, 4, 1), -1.5, 1.25, -0.5, 0, 2, -0.5, -0.75, 1, 1.75, -1.75,
            0, 0, -0.5, 0.25, -0.75, 1.25, -2, 0.5, -2, 1.25, -0.5, 0.5, -0.5, 2, 0, 1.25, -0.25, 0,
            -1.5, -2, -0.75, 0.25, -1, 1.75, -1.75, 1.25);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 2, 1}, 5);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 1, 2, 1}, 5);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 3, 2, 1), 1e-6, 2, 1.25, 2, 2, 1.75, 2, 1.25, 0.25, 1.75,
             1.25, 1.75, 1.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AvgPool3D");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 3, 4, 1), 1.5, 2, 1, 1, 1.75, -2, -0.25, 1.75, -1.5, 0.25,
            -1.75, 1.5, -0.5, 1.25, 0.75, 1.25, -1.25, -0.25, 1.25, -1.5, -0.5, -0.75, -0.25, -1.25,
            1.25, 1.5, -0.25, 0.75, 1.25, -0.5, 2, 2, -0.25, 1.75, -1.5, 1.75);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 2, 1}, 5);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 1, 2, 1}, 5);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 3, 2, 1), 1e-6, 0.3125, 0.65625, -0.53125, -0.0625,
             -0.625, -0.4375, 0.875, 1.125, 0.5625, 1.0625, 0.75, 0.125);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPool3D");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 3, 4, 1), -0.75, 1, 0, 0, 0.25, -1.25, -1, -0.5, -0.75, 1, -1,
            -1, 1, -1, -0.5, 0.75, 0.75, 0, -1.25, -0.5, -0.25, -1, 0.5, 0.25, -2, -1.75, 0.25, 1.5,
            0.25, -0.75, 1, 0.5, -2, -0.75, -1, 1);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 2, 1}, 5);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 1, 2, 1}, 5);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 2, 2, 1), 1e-6, 1, 0.75, 1, 0.5);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AvgPool3D");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 3, 4, 1), -1.75, -1.25, 2, 1.75, 0.25, -1.25, 0, -0.5, -1.5,
            -2, 2, 2, -1, -0.5, 0, -1.75, 0.75, -1.75, -1.25, 1.75, -1.25, 1.5, 1.25, 2, 1.5, 0.25,
            0.25, -0.5, 0.5, 1.75, 0.75, 0.5, -1.5, -1, 1.25, 1.5);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 2, 1}, 5);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 1, 2, 1}, 5);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 2, 2, 1), 1e-6, -0.8125, 0.25, -0.65625, 0.90625);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
}

static void test_argmax(void **state) {
  (void)state;
  {
    op_case_t c = op_case("MaxPoolWithArgmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 4, 3, 2), -2, 2, 1.75, 0.25, 0.75, -0.25, -2, -1.5, -1, 0.25,
            1.5, 0.25, 1.5, 1, -2, -2, -0.5, 0.5, -0.5, -0.75, 0.5, -1.75, 1.25, 0, 0.25, -0.75,
            0.75, 2, -0.75, 1.5, 1.75, -2, 1, 0.25, 0.25, -0.5, 1.75, -1.75, 0.75, 0.5, 1.25, -1.75,
            1, 0.5, 0.5, 0.5, 1, -0.25);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    node_set_bool(c.g, c.node, "include_batch_in_index", false);
    node_set_type(c.g, c.node, "Targmax", DT_INT64);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 2, 2), 1e-6, 1.75, 2, 1.5, 0.25, 1.5, 1, 1.25, 0.5, 1.75,
             2, 0.25, 1.5, 1.75, 0.5, 1.25, -0.25);
    CASE_OUT(&c, 1, DT_INT64, SHAPE(2, 2, 2, 2), 0, 2, 1, 10, 11, 12, 13, 22, 17, 6, 3, 10, 5, 12,
             15, 16, 23);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPoolWithArgmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 4, 3, 2), 0.25, 0.25, -1.25, 0.75, 0.25, -0.75, 1.5, -1.5, 0.5,
            -1.5, 1.5, 2, -0.25, -1.25, -1.25, -2, 2, 1.75, 1.75, -1.25, 0.25, -1.5, 0.25, -1.5,
            -0.5, 0, -1.5, -1.75, 2, 1, -1.75, 0.75, 1.75, -1.75, 0.5, 2, -0.5, -1.5, -1.5, -0.5,
            1.75, 1.25, -0.75, -0.25, -1.5, 0, 0, -1.25);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    node_set_bool(c.g, c.node, "include_batch_in_index", true);
    node_set_type(c.g, c.node, "Targmax", DT_INT32);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 2, 2), 1e-6, 1.5, 0.75, 1.5, 2, 1.75, -1.25, 2, 1.75,
             1.75, 0.75, 2, 2, -0.5, 0, 1.75, 1.25);
    CASE_OUT(&c, 1, DT_INT32, SHAPE(2, 2, 2, 2), 0, 6, 3, 10, 11, 18, 13, 16, 17, 32, 31, 28, 35,
             36, 45, 40, 41);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPoolWithArgmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 4, 3, 2), 1.25, -0.5, -1.75, 0, 0.75, -1.75, -0.5, 1, 2, 0.5,
            -1.75, 2, -1.25, -1.25, 0.25, 1, 2, -0.75, 2, 1.75, -1, -1.75, -0.25, 0.25, 0, 1.25, 2,
            1.5, 0.25, 1.5, 2, -0.75, -2, -1.5, -2, -0.25, 0.75, 1.75, 0.5, -1.25, -0.25, 0, 0.75,
            -2, -0.75, 0.75, -2, -1.75);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    node_set_bool(c.g, c.node, "include_batch_in_index", false);
    node_set_type(c.g, c.node, "Targmax", DT_INT64);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 1, 2), 1e-6, 2, 1, 2, 1.75, 2, 1.5, 0.75, 1.75);
    CASE_OUT(&c, 1, DT_INT64, SHAPE(2, 2, 1, 2), 0, 8, 7, 18, 19, 2, 3, 12, 13);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPoolWithArgmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 4, 3, 2), -0.5, -2, 1.75, 0.5, -1, -1.75, 1, 1.5, 0.5, 0.5, 0,
            -0.25, 1.25, -2, 1.5, -1.75, -1.25, -0.5, -2, 0.5, -1, 1, -1, -0.25, -1, -1.75, -0.25,
            1, 0, 1.75, 1, 1, 1.25, 0.75, -1.25, -0.5, -2, 1.25, -2, 0.25, 0.5, 0.25, 0.5, 1, 1.25,
            1.25, 1.25, -1);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    node_set_bool(c.g, c.node, "include_batch_in_index", true);
    node_set_type(c.g, c.node, "Targmax", DT_INT32);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 1, 2), 1e-6, 1.75, 1.5, 1.5, 1, 1.25, 1, 1.25, 1.25);
    CASE_OUT(&c, 1, DT_INT32, SHAPE(2, 2, 1, 2), 0, 2, 7, 14, 21, 32, 27, 44, 37);
    op_case_end(&c);
  }
}

static void test_pool_dtypes(void **state) {
  (void)state;
  {
    op_case_t c = op_case("MaxPool");
    CASE_IN(&c, DT_HALF, SHAPE(1, 4, 4, 1), 1.5, 1.75, -0.25, -0.25, -1.75, 1.25, -2, -0.75, -0.25,
            0, 2, 0.75, 0, 0.5, 1.5, 1);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(1, 2, 2, 1), 1e-6, 1.75, -0.25, 0.5, 2);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AvgPool");
    CASE_IN(&c, DT_HALF, SHAPE(1, 4, 4, 1), -1.75, -1, -1, 0, -1.25, 0.75, -2, 0.25, -2, -2, 0.5,
            1.75, 1.5, 1, 1, -0.25);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(1, 2, 2, 1), 1e-6, -0.8125, -0.6875, -0.375, 0.75);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AvgPool");
    CASE_IN(&c, DT_DOUBLE, SHAPE(1, 4, 4, 1), 0.25, 1.5, -0.25, 0, 1.25, -1.25, -1.5, 0.5, -2, 1,
            -1.5, 0.5, 2, 0.25, 2, -0.5);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(1, 2, 2, 1), 1e-6, 0.4375, -0.3125, 0.3125, 0.125);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPool");
    CASE_IN(&c, DT_INT32, SHAPE(1, 4, 4, 1), 6, 2, -3, 0, 8, 2, -1, -1, -4, 0, 7, 3, -1, -3, 1, -1);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_INT32, SHAPE(1, 2, 2, 1), 0, 8, 0, 0, 7);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("MaxPool");
    CASE_IN(&c, DT_UINT8, SHAPE(1, 4, 4, 1), 9, 58, 133, 36, 144, 191, 47, 23, 94, 139, 5, 107, 25,
            73, 131, 122);
    node_set_ints(c.g, c.node, "ksize", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_UINT8, SHAPE(1, 2, 2, 1), 0, 191, 133, 139, 131);
    op_case_end(&c);
  }
}

static void test_pool_v2(void **state) {
  (void)state;
  {
    op_case_t c = op_case("MaxPoolV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 4, 1), -0.25, 0.5, 1.5, -0.25, -0.75, -0.75, -2, -2, 0.5,
            1.25, 0.75, 0.5, 1.75, 2, 0.5, -1.5);
    CASE_IN(&c, DT_INT32, SHAPE(4), 1, 2, 2, 1);
    CASE_IN(&c, DT_INT32, SHAPE(4), 1, 2, 2, 1);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 1), 1e-6, 0.5, 1.5, 2, 0.75);
    op_case_end(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pool_2d), cmocka_unit_test(test_pool_3d),
      cmocka_unit_test(test_argmax),  cmocka_unit_test(test_pool_dtypes),
      cmocka_unit_test(test_pool_v2),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
