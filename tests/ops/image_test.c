// Expected numbers are TensorFlow 2.21's.
#include "ops/op_case.h"

static void test_crop(void **state) {
  (void)state;
  {
    op_case_t c = op_case("CropAndResize");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 4, 5, 2), 1.75, -1, -1.25, -0.25, 1.5, 0, 1.5, 0.5, 0, -0.25,
            -0.5, -1, 2, -0.25, 1, -2, 0.75, -0.5, 1, -0.75, 2, -2, -1.5, 0.25, 1.5, -0.5, -1, 1.5,
            0.25, -1.25, -1.25, 0, 2, -1.75, -2, 2, 1, -0.25, 0.5, 0.25, -1.25, -2, -0.25, -2, -1,
            -1.25, -1.75, -1.25, -1.75, -1, -1.75, -0.75, 0.25, -1.5, -1.25, 0.75, 1.75, 2, 1, 0.75,
            0.25, 0.25, 1, -1.25, 1.5, 1.5, 1.75, -1.25, 2, -1, 0.75, 0, 0.75, 1.75, 1.25, -0.25,
            -1.25, 1, 1, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 4), 0, 0, 1, 1, 0.25, 0.100000001, 0.699999988, 0.899999976,
            -0.200000003, 0.300000012, 1.29999995, 0.5);
    CASE_IN(&c, DT_INT32, SHAPE(3), 0, 1, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 2);
    node_set_string(c.g, c.node, "method", "bilinear", 8);
    node_set_float(c.g, c.node, "extrapolation_value", 7.5f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 3, 2, 2), 1e-6, 1.75, -1, 0, -0.25, 0.75, -1.5, 0.625, -1,
             -1.25, 0, 0.5, 0.25, -0.925000012, -1.2874999, 0.537500143, 0.662500024, -0.31250006,
             -0.752500057, 1.55500007, 0.251250148, 0.569999993, -0.245000124, 1.72000015,
             -0.845000267, 7.5, 7.5, 7.5, 7.5, 0.0450001955, -0.14500007, 1.32500005, -1.0250001,
             7.5, 7.5, 7.5, 7.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("CropAndResize");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 4, 5, 2), 1.75, -1, -1.25, -0.25, 1.5, 0, 1.5, 0.5, 0, -0.25,
            -0.5, -1, 2, -0.25, 1, -2, 0.75, -0.5, 1, -0.75, 2, -2, -1.5, 0.25, 1.5, -0.5, -1, 1.5,
            0.25, -1.25, -1.25, 0, 2, -1.75, -2, 2, 1, -0.25, 0.5, 0.25, -1.25, -2, -0.25, -2, -1,
            -1.25, -1.75, -1.25, -1.75, -1, -1.75, -0.75, 0.25, -1.5, -1.25, 0.75, 1.75, 2, 1, 0.75,
            0.25, 0.25, 1, -1.25, 1.5, 1.5, 1.75, -1.25, 2, -1, 0.75, 0, 0.75, 1.75, 1.25, -0.25,
            -1.25, 1, 1, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3, 4), 0, 0, 1, 1, 0.25, 0.100000001, 0.699999988, 0.899999976,
            -0.200000003, 0.300000012, 1.29999995, 0.5);
    CASE_IN(&c, DT_INT32, SHAPE(3), 0, 1, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 2);
    node_set_string(c.g, c.node, "method", "nearest", 7);
    node_set_float(c.g, c.node, "extrapolation_value", 7.5f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(3, 3, 2, 2), 1e-6, 1.75, -1, 0, -0.25, 2, -2, 0.25, -1.25,
             -1.25, 0, 0.5, 0.25, -1.75, -0.75, 1, 0.75, -1.75, -0.75, 1, 0.75, 0.25, 0.25, 2, -1,
             7.5, 7.5, 7.5, 7.5, -1.5, 0.25, 1.5, -0.5, 7.5, 7.5, 7.5, 7.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("CropAndResize");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 4, 5, 2), 1.75, -1, -1.25, -0.25, 1.5, 0, 1.5, 0.5, 0, -0.25,
            -0.5, -1, 2, -0.25, 1, -2, 0.75, -0.5, 1, -0.75, 2, -2, -1.5, 0.25, 1.5, -0.5, -1, 1.5,
            0.25, -1.25, -1.25, 0, 2, -1.75, -2, 2, 1, -0.25, 0.5, 0.25, -1.25, -2, -0.25, -2, -1,
            -1.25, -1.75, -1.25, -1.75, -1, -1.75, -0.75, 0.25, -1.5, -1.25, 0.75, 1.75, 2, 1, 0.75,
            0.25, 0.25, 1, -1.25, 1.5, 1.5, 1.75, -1.25, 2, -1, 0.75, 0, 0.75, 1.75, 1.25, -0.25,
            -1.25, 1, 1, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4), 0.100000001, 0, 0.899999976, 1);
    CASE_IN(&c, DT_INT32, SHAPE(1), 1);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 3);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 3, 2), 1e-6, -0.75, -0.25, 0.125, 1.125, 1.5, -0.125);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("CropAndResize");
    CASE_IN(&c, DT_UINT8, SHAPE(1, 3, 3, 1), 29, 136, 54, 166, 117, 198, 149, 44, 219);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4), 1, 1, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(1), 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 1), 1e-6, 219, 149, 54, 29);
    op_case_end(&c);
  }
}

static void test_patches(void **state) {
  (void)state;
  {
    op_case_t c = op_case("ExtractImagePatches");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 5, 4, 2), -0.25, 0.5, 1.75, -0.75, -1, 0.25, 0.25, -2, -1.5, 1,
            -0.5, 0, -1.5, 0.5, 1.5, -0.5, 0.5, -0.75, 1.75, 1, 0.25, 0, 1.75, -0.75, 0.25, -1, 1,
            0.25, 0.75, -0.5, -1.75, 0.75, 1, 1, 1.25, -1, -0.25, 0.25, -0.5, 1.75);
    node_set_ints(c.g, c.node, "ksizes", (const int64_t[]){1, 2, 3, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 1, 1}, 4);
    node_set_ints(c.g, c.node, "rates", (const int64_t[]){1, 1, 1, 1}, 4);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 12), 1e-6, 0, 0, -0.25, 0.5, 1.75, -0.75, 0, 0, -1.5,
             1, -0.5, 0, -0.25, 0.5, 1.75, -0.75, -1, 0.25, -1.5, 1, -0.5, 0, -1.5, 0.5, 1.75,
             -0.75, -1, 0.25, 0.25, -2, -0.5, 0, -1.5, 0.5, 1.5, -0.5, -1, 0.25, 0.25, -2, 0, 0,
             -1.5, 0.5, 1.5, -0.5, 0, 0, 0, 0, 0.5, -0.75, 1.75, 1, 0, 0, 0.25, -1, 1, 0.25, 0.5,
             -0.75, 1.75, 1, 0.25, 0, 0.25, -1, 1, 0.25, 0.75, -0.5, 1.75, 1, 0.25, 0, 1.75, -0.75,
             1, 0.25, 0.75, -0.5, -1.75, 0.75, 0.25, 0, 1.75, -0.75, 0, 0, 0.75, -0.5, -1.75, 0.75,
             0, 0, 0, 0, 1, 1, 1.25, -1, 0, 0, 0, 0, 0, 0, 1, 1, 1.25, -1, -0.25, 0.25, 0, 0, 0, 0,
             0, 0, 1.25, -1, -0.25, 0.25, -0.5, 1.75, 0, 0, 0, 0, 0, 0, -0.25, 0.25, -0.5, 1.75, 0,
             0, 0, 0, 0, 0, 0, 0);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ExtractImagePatches");
    CASE_IN(&c, DT_INT32, SHAPE(1, 5, 5, 1), 6, 6, -3, 7, -5, 0, -2, 8, -5, 0, 2, -4, 8, 3, -1, 6,
            9, 8, 4, 5, -5, -3, -5, 2, 1);
    node_set_ints(c.g, c.node, "ksizes", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "rates", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_INT32, SHAPE(1, 3, 3, 4), 0, 0, 0, 0, -2, 0, 0, -2, -5, 0, 0, -5, 0, 0, -2,
             0, 9, -2, -5, 9, 4, -5, 0, 4, 0, 0, 9, 0, 0, 9, 4, 0, 0, 4, 0, 0, 0);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ExtractImagePatches");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 5, 4, 2), 0.25, 0.25, 1.25, 0.75, -1.75, 1.5, 2, 2, 1.5, -1.75,
            -2, 1.25, 0.5, 0, -1.75, -1, 1, 0.5, -0.25, 1.75, -2, -0.25, 1, 2, -2, 1, 0.25, 1.5,
            -1.5, 2, 0.75, -0.75, 2, 0.25, 0.75, 0.5, -2, 0, -1, -0.75);
    node_set_ints(c.g, c.node, "ksizes", (const int64_t[]){1, 2, 3, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 1, 1}, 4);
    node_set_ints(c.g, c.node, "rates", (const int64_t[]){1, 1, 1, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 12), 1e-6, 0.25, 0.25, 1.25, 0.75, -1.75, 1.5, 1.5,
             -1.75, -2, 1.25, 0.5, 0, 1.25, 0.75, -1.75, 1.5, 2, 2, -2, 1.25, 0.5, 0, -1.75, -1, 1,
             0.5, -0.25, 1.75, -2, -0.25, -2, 1, 0.25, 1.5, -1.5, 2, -0.25, 1.75, -2, -0.25, 1, 2,
             0.25, 1.5, -1.5, 2, 0.75, -0.75);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ExtractImagePatches");
    CASE_IN(&c, DT_INT32, SHAPE(1, 5, 5, 1), 7, 6, 8, -4, 8, 9, 5, -1, -5, 2, 7, 5, -3, -5, 9, 9, 9,
            8, -2, 4, 8, 3, -2, 2, -4);
    node_set_ints(c.g, c.node, "ksizes", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_ints(c.g, c.node, "rates", (const int64_t[]){1, 2, 2, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_INT32, SHAPE(1, 2, 2, 4), 0, 7, 8, 7, -3, 8, 8, -3, 9, 7, -3, 8, -2, -3, 9,
             -2, -4);
    op_case_end(&c);
  }
}

static void test_project(void **state) {
  (void)state;
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 0.5, -2, -1.75, 0.75, -1, -0.5, 1.5, 1, 0.75, 1, 2,
            -2);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "CONSTANT", 8);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, 0.5, 0.5, 0.5, -2, -1.75, 0.5, 0.75, 1, 1.5,
             1.5, 0.5, 0.5, 0.5, 0.5, -2, 0.5, 0.5, 0.5, 0.5, 0.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 0.75, -1.75, 0, -1.75, 1.75, -1.5, 1, -1, 1, 0.75,
            -0.75, -0.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "CONSTANT", 8);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5,
             0.5, 0.5, 0.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), -0.75, -0.75, -0.5, 2, 0.5, 1.5, -1, 1.5, -0.5, 1.25,
            -1.5, 1);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "CONSTANT", 8);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, 0.5, 0.118787348, -0.0675700903,
             -0.292581707, -0.0673074722, 0.5, 0.00831544399, 0.962500095, -0.11332196,
             -0.00980389118, 0.494791687, 0.28350544, 0.710641503, -0.21212104, 0.350000083, 0.5,
             0.5, 0.5, 0.5, 0.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 2, 1.5, -0.75, 0, 0.25, 1, -0.25, 1.5, -0.5, -1.5,
            -0.75, 1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "CONSTANT", 8);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5,
             0.5, 0.5, 0.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 0.25, -1.25, 1.75, -2, -1.25, -0.5, -2, -1.75, -1.5,
            0.75, 1.75, 0.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "REFLECT", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, -1.25, 0.25, 0.25, -1.25, 1.75, -1.5, -1.5,
             0.75, -2, -2, -1.5, -1.5, 0.75, 1.75, 0.75, -1.25, -1.25, -0.5, -2, -1.75);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), -1, 0, 1.25, 0.75, -0.25, -0.25, -0.25, 1.25, -1.25,
            -1.75, 0, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "REFLECT", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, 0.75, 0.75, 1.25, 0, 1.25, 1.25, -0.25,
             -0.25, 1.75, 1.75, 0, -1.75);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 0.5, -0.25, -2, 0, 1.25, 1, -1.5, -1.25, -2, 0.75,
            -1.75, -0.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "REFLECT", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, 0.814999998, 0.871287167, 0.522587478,
             -0.593034089, -1.55195987, -0.898480177, -0.752525151, 0.500000119, -0.556930423,
             -1.36303341, -2, -2, 0.52551049, -1.29545426, -1.04999995, 1.1382978, 1.19736791,
             0.598958015, -1.54330969, -1.05903804);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), -0.75, 2, 0.25, 0.75, -1.5, 1.75, 0, 2, 0.5, -2, 1.25,
            -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "REFLECT", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, 0.75, 0.75, 0.25, 2, 2, 2, 0, 1.75, -1.5,
             -1.5, 1.25, -2);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), -1.25, 0.25, 1.75, 1.25, -0.5, 0.25, 0.25, 0.25, -1, 0,
            1, -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "WRAP", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, 0.25, 1.25, -1.25, 0.25, 1.75, -1.5, -1.5, 0,
             0.25, 0.25, 1.25, -1.25, 0.25, 1.75, 1.25, 1.25, -1.25, 0.25, 0.25, 0.25);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), -1, -0.75, 1.75, -1.25, -0.75, 1.5, 1.5, -1, 1, -0.75,
            1.5, -0.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "WRAP", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, -1.25, -1.25, -1.25, 1.75, -1.25, -1.25,
             -1.25, 1.75, -1.25, -1.25, -1.25, 1.75);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 0.75, -1.5, 2, 0.25, -1.5, 0.5, -1, -1.25, -1, 0,
            -0.25, 0.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "WRAP", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, -0.395000041, -0.492574275, -0.418300629,
             -0.183335021, 1.11390507, -0.0236359537, -0.171717227, -0.199999928, -0.287349135,
             -0.783064008, 0.25, 0.75, -1.31632674, 1.36363614, 0.774999917, 0.25, 0.276315719,
             0.0959204137, -0.176267803, -0.570699513);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 2, -1.5, -0.25, 0.5, 0, -1, -2, 2, 2, 0.5, -2, -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "WRAP", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, 0.5, 0.5, 0.5, -0.25, 0.5, 0.5, 0.5, -0.25,
             0.5, 0.5, 0.5, -0.25);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 1.75, 0.5, -2, -2, -1.5, -1.25, 0.25, -1.25, -0.5,
            1.25, 0.75, 0.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "NEAREST", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, -1.5, 1.75, 1.75, 0.5, -2, -0.5, -0.5, 1.25,
             0.25, 0.25, -0.5, -0.5, 1.25, 0.75, 0.75, -0.5, -0.5, 1.25, 0.75, 0.75);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), -1, -1.5, -0.25, 0.25, 0.5, 0, -0.5, 2, -0.25, -1, 1.5,
            -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    node_set_string(c.g, c.node, "fill_mode", "NEAREST", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25,
             -0.25, -0.25, -0.25, -0.25, -0.25, -0.25);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), 2, 1.5, 1, -1, 2, 0, -2, -0.25, 0.75, -0.75, 1, -1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 0.899999976, 0.200000003, -1.29999995, -0.100000001,
            1.10000002, 0.600000024, 0.00999999978, -0.0199999996);
    CASE_IN(&c, DT_INT32, SHAPE(2), 4, 5);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "NEAREST", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 5, 1), 1e-5, 2, 2, 1.46655118, 0.726552904, 0.152551621,
             1.08163261, 1.22979808, 0.149999917, -0.612047672, -0.944348156, 0.75, 0.75,
             -0.627551198, 0.681818068, -0.925000191, 0.75, 0.434210479, -0.494791389, 0.829897881,
             -1.63775444);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 1), -0.5, 0.75, -0.75, -1, -2, -1.5, 0.5, 1.25, -1.25,
            -1.75, -0.5, -0.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 8), 1, 0, -5, 0, 1, 6, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.5);
    node_set_string(c.g, c.node, "interpolation", "BILINEAR", 8);
    node_set_string(c.g, c.node, "fill_mode", "NEAREST", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 1e-5, -1.25, -1.25, -1.25, -1.25, -1.25, -1.25,
             -1.25, -1.25, -1.25, -1.25, -1.25, -1.25);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ImageProjectiveTransformV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 3, 1), 2, 2, -1, -2, 0.25, -0.5, -1.5, 1.5, 1.5, -1.5, 0,
            1.25, 0.25, -0.25, 1.75, 1.25, -1.75, -2);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 8), 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, -1, 0, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 3);
    node_set_string(c.g, c.node, "interpolation", "NEAREST", 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 3, 1), 1e-6, 2, -1, 0, 0.25, -0.5, 0, 1.5, 1.5, 0, 0, 0,
             0, -1.5, 0, 1.25, 0.25, -0.25, 1.75);
    op_case_end(&c);
  }
}

static void test_colours(void **state) {
  (void)state;
  {
    op_case_t c = op_case("RGBToHSV");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2, 3), 0.125, 1, 0.875, 0.5, 0.75, 0.125, 0.5, 1, 0.875,
            0.375, 0.375, 0.75, 0.5, 0.625, 0.875, 0.875, 0.75, 1, 1, 0.75, 0.25, 0.25, 0.25, 0.625,
            0.125, 0.5, 0.125, 0.5, 0.625, 0.375, 0.625, 1, 0.875, 0, 1, 0.625);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 3), 1e-6, 0.476190507, 0.875, 1, 0.233333334,
             0.833333313, 0.75, 0.458333343, 0.5, 1, 0.666666687, 0.5, 0.75, 0.611111104,
             0.428571433, 0.875, 0.75, 0.25, 1, 0.111111119, 0.75, 1, 0.666666687, 0.600000024,
             0.625, 0.333333343, 0.75, 0.5, 0.25, 0.400000006, 0.625, 0.444444478, 0.375, 1, 0.4375,
             1, 1);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("HSVToRGB");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2, 3), 0.125, 1, 0.875, 0.5, 0.75, 0.125, 0.5, 1, 0.875,
            0.375, 0.375, 0.75, 0.5, 0.625, 0.875, 0.875, 0.75, 1, 1, 0.75, 0.25, 0.25, 0.25, 0.625,
            0.125, 0.5, 0.125, 0.5, 0.625, 0.375, 0.625, 1, 0.875, 0, 1, 0.625);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 3), 1e-6, 0.875, 0.65625, 0, 0.03125, 0.125, 0.125, 0,
             0.875, 0.875, 0.46875, 0.75, 0.5390625, 0.328125, 0.875, 0.875, 1, 0.25, 0.8125, 0.25,
             0.0625, 0.0625, 0.546875, 0.625, 0.46875, 0.125, 0.109375, 0.0625, 0.140625, 0.375,
             0.375, 0, 0.21875, 0.875, 0.625, 0, 0);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AdjustHue");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2, 3), 0.125, 1, 0.875, 0.5, 0.75, 0.125, 0.5, 1, 0.875,
            0.375, 0.375, 0.75, 0.5, 0.625, 0.875, 0.875, 0.75, 1, 1, 0.75, 0.25, 0.25, 0.25, 0.625,
            0.125, 0.5, 0.125, 0.5, 0.625, 0.375, 0.625, 1, 0.875, 0, 1, 0.625);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.300000012);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 3), 3e-6, 0.700000226, 0.125, 1, 0.125, 0.625, 0.75,
             0.775000095, 0.5, 1, 0.75, 0.375, 0.449999928, 0.875, 0.5, 0.699999988, 1, 0.825000048,
             0.75, 0.25, 1, 0.600000024, 0.625, 0.25, 0.324999928, 0.125, 0.199999928, 0.5, 0.375,
             0.549999952, 0.625, 0.800000012, 0.625, 1, 0.425000191, 0, 1);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AdjustHue");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2, 3), 0.125, 1, 0.875, 0.5, 0.75, 0.125, 0.5, 1, 0.875,
            0.375, 0.375, 0.75, 0.5, 0.625, 0.875, 0.875, 0.75, 1, 1, 0.75, 0.25, 0.25, 0.25, 0.625,
            0.125, 0.5, 0.125, 0.5, 0.625, 0.375, 0.625, 1, 0.875, 0, 1, 0.625);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, -0.699999988);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 3), 3e-6, 0.700000226, 0.125, 1, 0.125, 0.624999821,
             0.75, 0.775000095, 0.5, 1, 0.75, 0.375, 0.449999928, 0.875, 0.5, 0.699999988, 1,
             0.825000048, 0.75, 0.25, 1, 0.600000203, 0.625, 0.25, 0.324999928, 0.125, 0.199999928,
             0.5, 0.375, 0.549999952, 0.625, 0.800000191, 0.625, 1, 0.425000191, 0, 1);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AdjustSaturation");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2, 3), 0.125, 1, 0.875, 0.5, 0.75, 0.125, 0.5, 1, 0.875,
            0.375, 0.375, 0.75, 0.5, 0.625, 0.875, 0.875, 0.75, 1, 1, 0.75, 0.25, 0.25, 0.25, 0.625,
            0.125, 0.5, 0.125, 0.5, 0.625, 0.375, 0.625, 1, 0.875, 0, 1, 0.625);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 1.70000005);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 3), 3e-6, 0, 1, 0.857142925, 0.450000107, 0.75, 0,
             0.149999976, 1, 0.787500024, 0.112499952, 0.112499952, 0.75, 0.237499952, 0.450000048,
             0.875, 0.787500024, 0.574999988, 1, 1, 0.666666687, 0, 0, 0, 0.625, 0, 0.5, 0,
             0.412499994, 0.625, 0.199999988, 0.362499952, 1, 0.787500024, 0, 1, 0.625);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AdjustSaturation");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2, 3), 0.125, 1, 0.875, 0.5, 0.75, 0.125, 0.5, 1, 0.875,
            0.375, 0.375, 0.75, 0.5, 0.625, 0.875, 0.875, 0.75, 1, 1, 0.75, 0.25, 0.25, 0.25, 0.625,
            0.125, 0.5, 0.125, 0.5, 0.625, 0.375, 0.625, 1, 0.875, 0, 1, 0.625);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 0.300000012);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 3), 3e-6, 0.737499952, 1, 0.962499976, 0.675000012,
             0.75, 0.5625, 0.850000024, 1, 0.962500036, 0.637499988, 0.637499988, 0.75, 0.762499988,
             0.800000012, 0.875, 0.962500036, 0.925000012, 1, 1, 0.924999952, 0.774999976,
             0.512499988, 0.512499988, 0.625, 0.387499988, 0.5, 0.387499988, 0.587500036, 0.625,
             0.550000012, 0.887499988, 1, 0.962499976, 0.699999988, 1, 0.887499988);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("AdjustContrastv2");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3, 2, 3), 0.125, 1, 0.875, 0.5, 0.75, 0.125, 0.5, 1, 0.875,
            0.375, 0.375, 0.75, 0.5, 0.625, 0.875, 0.875, 0.75, 1, 1, 0.75, 0.25, 0.25, 0.25, 0.625,
            0.125, 0.5, 0.125, 0.5, 0.625, 0.375, 0.625, 1, 0.875, 0, 1, 0.625);
    CASE_IN(&c, DT_FLOAT, SHAPE_SCALAR, 1.60000002);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3, 2, 3), 3e-6, -0.0875000358, 1.14999998, 0.949999988,
             0.512499988, 0.75, -0.25, 0.512499988, 1.14999998, 0.949999988, 0.3125, 0.149999976,
             0.75, 0.512499988, 0.550000012, 0.949999988, 1.11249995, 0.75, 1.14999998, 1.35000002,
             0.787500024, 0.112499982, 0.149999976, -0.0124999881, 0.712499976, -0.0500000119,
             0.387499988, -0.0875000358, 0.550000012, 0.587499976, 0.3125, 0.75, 1.1875, 1.11249995,
             -0.25, 1.1875, 0.712499976);
    op_case_end(&c);
  }
}

static void test_dilation(void **state) {
  (void)state;
  {
    op_case_t c = op_case("Dilation2D");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 2), -1, 1, 1.25, -2, -2, 0.75, 0.75, -1.75, -2, -0.25,
            -0.5, 2, -1.25, -0.5, -1, 0, 1.5, 0.25, -1.5, 1, 0.5, -1.75, -0.75, 1, 1.25, 1.5, -1.5,
            0, 1.25, 1.75, -0.75, 0, -1.75, 1.25, -2, -0.25, -1, 1, -1, -2);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 2), -0.75, -1.5, 1.75, 0.25, 0.75, 0.5, 0, 0.75);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 1, 2, 1}, 4);
    node_set_ints(c.g, c.node, "rates", (const int64_t[]){1, 2, 1, 1}, 4);
    node_set_string(c.g, c.node, "padding", "SAME", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 4, 3, 2), 1e-6, 0.25, 2.5, 1.5, 1, -0.75, 1.5, 3, 1.75, 2.5,
             2, 2, 2.25, 0.5, 2, 3.25, 1.75, -0.25, -0.5, 1, 1.25, 0.5, 0.25, 0.5, 0.25);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Dilation2D");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 2), -0.25, -1.25, 1.75, -0.25, 2, 2, -0.5, -0.25, 1.25, 2,
            -1.5, -0.25, -1, -1.5, -0.75, 1.25, -2, -1.25, 0.75, 1.75, 1.75, -1, 1.5, 1, 0.5, -2,
            1.25, -1.25, -0.75, -2, 1.25, 0.5, -0.25, -0.25, -1.5, 1, -1.5, -0.25, -0.75, -0.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 2), 0.25, -1.25, -2, 0.25, -0.75, -1.25, 1.75, 0);
    node_set_ints(c.g, c.node, "strides", (const int64_t[]){1, 1, 2, 1}, 4);
    node_set_ints(c.g, c.node, "rates", (const int64_t[]){1, 2, 1, 1}, 4);
    node_set_string(c.g, c.node, "padding", "VALID", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 1e-6, 3.25, 1, 3, 0.75, 1.5, -0.25, 0.25, 0);
    op_case_end(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_crop),     cmocka_unit_test(test_patches),
      cmocka_unit_test(test_project),  cmocka_unit_test(test_colours),
      cmocka_unit_test(test_dilation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
