// Expected numbers are TensorFlow 2.21's.
#include "ops/lower_run.h"

static void test_bilinear(void **state) {
  (void)state;
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.75, -1, -1.25, -0.25, 1.5, 0, 1.5, 0.5, 0, -0.25,
            -0.5, -1, 2, -0.25, 1, -2, 0.75, -0.5, 1, -0.75, 2, -2, -1.5, 0.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 1.75, -1, -0.333333254, -0.166666657, 1.5,
             0.333333373, 0.699999928, -0.549999952, 0.0666667819, -0.516666651, 1.39999998,
             -0.716666698, 0.150000036, -0.300000012, 0.53333348, -0.833333373, 0.999999821,
             -1.23333335, 0.600000024, -0.450000018, 1.13333344, -1.08333349, -2.38418579e-07,
             -0.683333099, 0.75, -0.5, 1.33333337, -1.16666675, -0.333333492, -0.499999762);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.5, -0.5, -1, 1.5, 0.25, -1.25, -1.25, 0, 2, -1.75,
            -2, 2, 1, -0.25, 0.5, 0.25, -1.25, -2, -0.25, -2, -1, -1.25, -1.75, -1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, 1.5, -0.5, 0.25, -1.25, 0.375, -1.875, 0,
             -0.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -1.75, -1, -1.75, -0.75, 0.25, -1.5, -1.25, 0.75, 1.75,
            2, 1, 0.75, 0.25, 0.25, 1, -1.25, 1.5, 1.5, 1.75, -1.25, 2, -1, 0.75, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -1.75, -1, -1.75, -0.857142866, -1.46428561,
             -0.857142925, -0.321428299, -1.28571439, -0.178571582, -0.857142627, -1.03571439,
             0.428571582, -1.25, 0.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 0.75, 1.75, 1.25, -0.25, -1.25, 1, 1, 1.75, 0, -0.5,
            -0.5, 1, -0.25, 0.5, 1.75, -0.75, -1, 0.25, 0.25, -2, -1.5, 1, -0.5, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 0.75, 1.75, 0, 0.375, 1, 1.75, 0.375, 0.625,
             -0.1875, 0.5625, 1.375, 0.5, 0, -0.5, -0.375, 0.75, 1.75, -0.75, -0.5, -0.125, -0.5,
             0.125, 0.625, -0.375, -1, 0.25, -0.625, -0.5, -0.5, 0);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -1.5, 0.5, 1.5, -0.5, 0.5, -0.75, 1.75, 1, 0.25, 0,
            1.75, -0.75, 0.25, -1, 1, 0.25, 0.75, -0.5, -1.75, 0.75, 1, 1, 1.25, -1);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, -1.5, 0.5, 1.75, 1, 0.75, -0.5, 1.25, -1);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.25, 0.25, -0.5, 1.75, 0.75, 2, -0.75, -1.25, 1.25,
            -2, -1.75, 1.25, 0, 1.5, 1.25, 0.25, 0.5, -2, -1.5, 2, -0.5, 0.25, 0.25, 1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -0.25, 0.25, -0.375, 1, -0.5, 1.75, 0.125,
             1.875, 0.75, 2, 0, 0.375, -0.75, -1.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 0.75, -1.75, 1.5, 2, 2, 1.5, -1.75, -2, 1.25, 0.5, 0,
            -1.75, -1, 1, 0.5, -0.25, 1.75, -2, -0.25, 1, 2, -2, 1, 0.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 0.875, -1.125, 1.75, 1.75, -1.12500048,
             -1.41666722, 0.941666663, -0.62499994, 0.849999905, 0.899999917, -0.575000167,
             -0.866667032, 1.04166663, 0.12499994, -0.5, -0.375, 0.250000238, -0.0416668653,
             1.26666665, -0.850000322, 0.325000167, -0.450000018, 0.800000131, -0.091666542,
             1.41666663, -1.5, 0.875, -0.5, 1.16666651, -0.124999642);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.5, -1.5, 2, 0.75, -0.75, 2, 0.25, 0.75, 0.5, -2, 0,
            -1, -0.75, 0.75, 1.5, 0.5, 2, -0.25, 1.75, 2, 1.5, 1.75, 1.25, 0.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, 1.375, -0.65625, -0.09375, 1.1875, 1.46875,
             0.28125, 1.125, 0.90625);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.25, -1.25, -0.25, 0.5, -2, -1.75, 0.75, -1, -0.5,
            1.5, 1, 0.75, 1, 2, -2, 0.75, -1.75, 0, -1.75, 1.75, -1.5, 1, -1, 1);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -0.5, 1.5, 0.0357143879, 1.23214281,
             0.892857194, 0.803571403, 1, 1.375, 0.785713673, 1.91071403, -0.928571939, 1.1964283,
             -2, 0.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_UINT8, SHAPE(1, 2, 3, 1), 55, 20, 43, 177, 18, 184);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 2e-6, 55, 28.75, 31.5, 43, 136.333344, 48.0833359,
             77.8333359, 137, 177, 57.75, 101, 184);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBilinear");
    CASE_IN(&c, DT_HALF, SHAPE(1, 2, 3, 1), -0.75, -0.25, -0.75, -0.75, -0.5, 2);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 2e-6, -0.75, -0.375, -0.5, -0.75, -0.75, -0.5,
             0.333333373, 1.08333337, -0.75, -0.5625, 0.75, 2);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
}

static void test_nearest(void **state) {
  (void)state;
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 0.5, 1.5, -1, 1.5, -0.5, 1.25, -1.5, 1, 2, 1.5, -0.75,
            0, 0.25, 1, -0.25, 1.5, -0.5, -1.5, -0.75, 1.5, 0.25, -1.25, 1.75, -2);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 0.5, 1.5, -1, 1.5, -0.5, 1.25, 0.5, 1.5, -1,
             1.5, -0.5, 1.25, 2, 1.5, -0.75, 0, 0.25, 1, 2, 1.5, -0.75, 0, 0.25, 1, -0.5, -1.5,
             -0.75, 1.5, 0.25, -1.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -1.25, -0.5, -2, -1.75, -1.5, 0.75, 1.75, 0.75, -1, 0,
            1.25, 0.75, -0.25, -0.25, -0.25, 1.25, -1.25, -1.75, 0, 1.75, 0.5, -0.25, -2, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, -1.25, -0.5, -1.5, 0.75, -1, 0, -0.25,
             -0.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.25, 1, -1.5, -1.25, -2, 0.75, -1.75, -0.75, -0.75, 2,
            0.25, 0.75, -1.5, 1.75, 0, 2, 0.5, -2, 1.25, -1.5, -1.25, 0.25, 1.75, 1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, 1.25, 1, 1.25, 1, -1.5, -1.25, -1.5, -1.25,
             -2, 0.75, -2, 0.75, -1.75, -0.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.5, 0.25, 0.25, 0.25, -1, 0, 1, -1.5, -1, -0.75,
            1.75, -1.25, -0.75, 1.5, 1.5, -1, 1, -0.75, 1.5, -0.75, 0.75, -1.5, 2, 0.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, -0.5, 0.25, -1, 0, 1, -1.5, -1, -0.75, -0.75,
             1.5, 1.5, -1, -1, -0.75, -0.75, 1.5, 1.5, -1, 1, -0.75, 0.75, -1.5, 2, 0.25, 1, -0.75,
             0.75, -1.5, 2, 0.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -1.5, 0.5, -1, -1.25, -1, 0, -0.25, 0.5, 2, -1.5,
            -0.25, 0.5, 0, -1, -2, 2, 2, 0.5, -2, -1.5, 1.75, 0.5, -2, -2);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, -1.5, 0.5, -0.25, 0.5, 2, 0.5, -2, -2);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -1.5, -1.25, 0.25, -1.25, -0.5, 1.25, 0.75, 0.75, -1,
            -1.5, -0.25, 0.25, 0.5, 0, -0.5, 2, -0.25, -1, 1.5, -1.25, 2, 1.5, 1, -1);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -1.5, -1.25, 0.25, -1.25, 0.25, -1.25, -0.5,
             1.25, -0.5, 1.25, 0.75, 0.75, 0.75, 0.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 2, 0, -2, -0.25, 0.75, -0.75, 1, -1.75, -0.5, 0.75,
            -0.75, -1, -2, -1.5, 0.5, 1.25, -1.25, -1.75, -0.5, -0.25, 2, 2, -1, -2);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 2, 0, 0.75, -0.75, 1, -1.75, 2, 0, 0.75,
             -0.75, 1, -1.75, -0.5, 0.75, -2, -1.5, 0.5, 1.25, -1.25, -1.75, 2, 2, -1, -2, -1.25,
             -1.75, 2, 2, -1, -2);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 0.25, -0.5, -1.5, 1.5, 1.5, -1.5, 0, 1.25, 0.25, -0.25,
            1.75, 1.25, -1.75, -2, -1.75, -0.25, -1, 0.5, 1.75, 0.75, -1.75, 0, 1.5, -1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, -1.5, 1.5, 0, 1.25, 1.75, 0.75, 1.5, -1.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.5, 1.5, 0.5, 1, 1.5, 1.25, -0.5, -1.5, 0.75, -0.75,
            -1, 0.75, -0.75, -1.25, 1.25, -0.75, -0.25, -2, 0.5, 1, 1.75, -1, 1, 1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, 0.75, -0.75, 0.75, -0.75, -1, 0.75, -0.75,
             -1.25, -0.75, -1.25, 1.25, -0.75, 1.25, -0.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_UINT8, SHAPE(1, 2, 3, 1), 96, 116, 55, 250, 224, 182);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_UINT8, SHAPE(1, 3, 4, 1), 0, 96, 96, 116, 55, 96, 96, 116, 55, 250, 250, 224,
             182);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeNearestNeighbor");
    CASE_IN(&c, DT_HALF, SHAPE(1, 2, 3, 1), 0.75, 0.75, -1.75, -2, -0.25, -0.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(1, 3, 4, 1), 2e-6, 0.75, 0.75, 0.75, -1.75, 0.75, 0.75, 0.75,
             -1.75, -2, -2, -0.25, -0.5);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
}

static void test_bicubic(void **state) {
  (void)state;
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 2, -1.25, -0.5, -1, 0, 1.5, 0.25, -1.5, 1, 0.5, -1.75,
            -0.75, 1, 1.25, 1.5, -1.5, 0, 1.25, 1.75, -0.75, 0, -1.75, 1.25, -2);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 2, -1.25, -0.63441503, -0.0196442381,
             0.199121535, -0.417927951, 1.49639833, -0.260732383, -1.26622319, 0.0525035784,
             1.07124066, -0.32614243, 0.727759778, 0.800226986, -0.826507926, -0.321176827,
             1.49023223, -0.790430069, 0.152152345, 1.15992665, 0.862635255, -1.06958902,
             0.920591176, -1.72348094, -0.107964754, 1.33097339, 1.59938097, -1.39863837,
             0.680436373, -2.13368583);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.25, -1, 1, -1, -2, -0.75, -1.5, 1.75, 0.25, 0.75,
            0.5, 0, 0.75, -0.25, -1.25, 1.75, -0.25, 2, 2, -0.5, -0.25, 1.25, 2, -1.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, -0.25, -1, -2, -0.75, 0.046875, 1.5390625,
             0.5078125, 0.546875);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.25, -1, -1.5, -0.75, 1.25, -2, -1.25, 0.75, 1.75,
            1.75, -1, 1.5, 1, 0.5, -2, 1.25, -1.25, -0.75, -2, 1.25, 0.5, -0.25, -0.25, -1.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -0.25, -1, -1.26360655, -0.723821282,
             -1.23357713, -0.917209446, 0.741811693, -1.95942187, 0.890017509, -1.40990293,
             -0.912223458, 0.401649594, -1.51234794, 1.0385828);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1, -1.5, -0.25, -0.75, -0.25, 0.25, -1.25, -2, 0.25,
            -0.75, -1.25, 1.75, 0, -1, 0, -1.75, -1.5, 1.5, 0.75, 1.25, 0, 0.75, -2, 0.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 1, -1.5, -0.2734375, 0.03125, -1.25, -2,
             0.7890625, -1.3359375, -0.663818359, 0.325439453, -0.4375, -2.0859375, 0.25, -0.75,
             -0.765625, 0.6796875, 0, -1.75, -0.6953125, 0.4453125, -0.0422363281, 0.900634766,
             -0.8828125, -0.6015625, -1.5, 1.5, 0.7734375, 1, -2, 0.5);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 0.25, -1.75, 0.75, -1, -1.75, 0.25, 1.5, -1.5, 0.25,
            0.75, -1.75, -1.5, -0.75, 1.75, -0.5, 1.5, 2, 2, -0.75, -0.25, -1.5, -1, 1.5, -1.75);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, 0.25, -1.75, 1.5, -1.5, 2, 2, 1.5, -1.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.25, -2, 0.5, 2, 0.25, -2, 0.75, 1, -2, 1, 1.25, 2,
            1.5, 1.75, 0.5, 0.5, 1.75, 1, 0.75, -2, -2, -0.25, 2, 1.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -0.25, -2, 0.1484375, 0.375, 0.5, 2,
             0.3984375, 0.09375, 0.25, -2, 0.4765625, -0.875, 0.75, 1);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.75, -0.25, 1.5, 2, -1.5, -1.75, 1.5, -1.5, 1.75,
            0.25, 2, -1, 1.25, 1, -1, 2, -0.75, -0.25, 1.25, -1.75, -2, 1.75, 1.25, 0.75);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, -0.630147219, 0.0449617207, -0.184945136,
             0.279502153, 1.26660478, -1.83233154, 0.430685848, 0.085467115, 0.695338905,
             0.107909173, 0.394342929, -0.30328539, 1.78674912, 0.085467048, 1.78125, -0.140625,
             -0.75159806, 1.90789688, 0.412810564, -0.266430259, 0.413548946, -0.0871761814,
             0.199250773, 1.41150355, -0.657863915, -0.500676274, -0.621877551, -0.0229893997,
             0.964102626, 0.826551616);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.25, 0.75, -1.75, -0.75, -2, -0.5, 2, -1.75, 1, 0.5,
            0.5, 2, 0, -1.5, -0.25, 1.75, 1.25, -0.5, 0, -0.25, 0.5, 0.25, -0.75, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, -0.608308315, 0.331687421, 0.0520609617,
             -0.929476261, 0.70105201, -0.0354229361, -0.143731207, 0.147380859);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -0.5, 1.5, -2, -2, -0.25, -2, -1.25, 2, -2, 0, -1.5,
            -0.5, -1.5, 2, 1.25, 1.25, -1, 1.75, -0.25, 1.5, 2, -0.25, -0.25, -1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    node_set_bool(c.g, c.node, "half_pixel_centers", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -2.039608, 0.0396081991, -1.84881806,
             -0.246742532, -1.52257931, -0.554098547, -1.640625, 0.765625, -1.37581325, 2.04280877,
             0.418498963, 1.57233357, 1.46784508, 1.19058764);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_UINT8, SHAPE(1, 2, 3, 1), 112, 192, 149, 93, 158, 73);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 2e-6, 112, 178.410156, 178, 144.464844, 98.9747772,
             160.468338, 139.33139, 89.3272629, 90.8888931, 149.330292, 115.326393, 55.0985336);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeBicubic");
    CASE_IN(&c, DT_HALF, SHAPE(1, 2, 3, 1), 1.25, 2, 0.25, -1.75, 2, 1.75);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 2e-6, 1.25, 2.01464844, 1.1953125, 0.0654296875,
             -0.806613445, 1.44024277, 1.90227354, 1.20219064, -2.08333325, 1.08365893, 2.34114575,
             1.90787745);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
}

static void test_area(void **state) {
  (void)state;
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.5, 0.5, -1.25, -1.5, -0.75, 1.25, -1.5, -2, 0, -0.5,
            0.75, -2, 0.75, -1.75, 1.5, -1.25, 0.5, -1.5, -0.5, 0.5, 1.5, 1.5, 1.5, -0.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 0.812499881, -4.470348e-08, -0.99999994,
             -0.124999881, -1.3125, -1.1875, 0.604166567, -0.291666776, -0.416666448, -0.708333313,
             -0.437499762, -1.25, 0.187500015, -0.875, 0.74999994, -1.87499976, 1.3125, -1.37499988,
             0.229166657, -0.958333194, 0.583333373, 0.0416671447, 1.43749988, -0.333333135,
             0.249999925, -0.999999702, 0.49999997, 0.999999821, 1.49999952, 0.187499866);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 0.5, 1.25, 1, 0, 0.25, 0.5, 1.5, -1.25, 1.75, 0.5,
            -1.75, 0.5, 0.5, 2, 1, 0, 0.75, 2, 0, -1, 2, -0.75, 0.5, 1);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, 0.5, 0.583333373, 0.833333373, 0.0833333358,
             0.25, 0.5, 1.08333337, 0.416666687);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1, -1.25, 1, -0.5, 1, -1.5, 2, -0.75, 2, -1.25, -1,
            1.25, 0, -1, -1.75, -1.25, 1.5, -1.25, -0.5, -0.25, -1.75, 1.25, -0.5, -1);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, 1.50000012, -1.24999988, 1.08333325,
             -0.895833194, -0.166666672, 0.166666657, -0.208333328, -0.125000104, -0.24999997,
             -0.416666657, -0.125, -0.854167044, -0.0833332911, -0.999999464);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 2, -1, 0.75, 0, -1.5, 1.75, 0, -1.25, -1.5, -1.75,
            0.25, 0.75, 0.25, 0.75, -0.25, 0.5, 1.75, 1.75, -1, -1, -0.75, -1, 1.75, 2);
    CASE_IN(&c, DT_INT32, SHAPE(2), 5, 3);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 5, 3, 2), 2e-6, 1.58333337, -0.666666687, -0.75, 1.16666675,
             0, -1.25, 1.58333337, -0.666666687, -0.75, 1.16666675, 0, -1.25, -0.916666687,
             -0.916666687, 0.25, 0.75, -0.25, 0.5, -0.916666687, -0.916666687, 0.25, 0.75, -0.25,
             0.5, 0.833333373, 0.833333373, -0.833333373, -1, 1.75, 2);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), 1.25, -1.5, -1, 1.5, 1.25, -0.25, 1.5, 1.5, -1.5, 1.75,
            0, -0.25, -0.5, 1.25, 1.25, 1.5, 2, -0.5, -0.5, -1, 1.75, 1.5, -0.25, 0.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 2, 2);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 2), 2e-6, -0.0833333358, 0.416666687, 1.375, 1.5,
             1.08333337, 0, -0.25, 0.5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 3, 4, 2), -1.25, 0.75, -1, 2, -1.5, 0.5, 0, 1.25, 0, -1.5, 0.75,
            -0.75, -0.5, 0, -2, -0.25, -0.25, 0.75, -0.75, 2, -1.75, 0.5, 1.5, -1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 1, 7);
    node_set_bool(c.g, c.node, "align_corners", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 7, 2), 2e-6, -0.5, 0, -0.5, 0, -0.333333343, 1.08333337,
             -0.333333343, 1.08333337, -1.25, 0.333333343, -1.25, 0.333333343, -0.166666672,
             -0.0833333358);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_UINT8, SHAPE(1, 2, 3, 1), 26, 105, 22, 102, 93, 26);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 2e-6, 26, 78.6666718, 77.3333359, 22, 64.0000076,
             87.3333435, 74, 24, 101.999992, 95.9999924, 70.6666641, 25.9999981);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ResizeArea");
    CASE_IN(&c, DT_HALF, SHAPE(1, 2, 3, 1), 0.25, -1.5, -0.25, 0.75, -1.25, 1.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 4, 1), 2e-6, 0.25, -0.916666687, -1.08333337, -0.25,
             0.50000006, -0.75, -0.708333313, 0.625000119, 0.74999994, -0.583333313, -0.333333313,
             1.49999988);
    op_case_end(&c);
  }
}

static void test_scale_and_translate(void **state) {
  (void)state;
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), -2, 1.75, 1, 0.5, -1, 1.75, 1.75, 0.75, 0.25, -1.25, 2,
            -2, 1, 1.5, 0.75, -1.25, 2, 1.25, -1.5, 0.5);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "lanczos1", 8);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, -1.07870996, 1.74522495, 1.04496777,
             0.699271142, 0.270002753, -1.0507288, 1.66776705, -0.421398908, 0.753807604,
             0.914056063, 0.802470982, -0.0214823429, -0.907346725, 1.76019537, 1.29856515,
             -0.0441176891, -1.10383773, 0.514705896);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), -0.25, -0.5, 1.75, -1.25, 1.25, 0.25, 1.5, 1.25, 0.25,
            0, 0, -0.5, -0.25, 0, 2, -2, -1.25, -0.75, -1.75, 0);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "lanczos3", 8);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, -0.0599233657, 0.190930352, 1.84850764,
             0.514418244, -0.672364652, 0.835974395, -0.0828004554, 0.186929688, 0.364461064,
             -0.0517941713, 0.166270584, 1.02086449, -1.88267791, -1.5321784, -0.891413867,
             -1.54025567, -1.18634284, 0.473725498);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), 1.25, 1.75, 1.5, 2, -0.25, 0.75, 2, -0.5, -1.75, 1, 0,
            0.75, -1.75, 0.25, -1.75, -1.75, 1, -0.5, 1.75, -1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "lanczos5", 8);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, 1.51595771, 2.00404549, 1.4726721,
             0.924794078, 0.664310873, 0.461620659, 0.401832163, 1.29665852, -0.580469906,
             -1.06722713, -0.216817722, -0.637403369, -1.2768923, 0.737262011, -0.747294426,
             0.884541273, 1.41814423, -1.94546282);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), 0.5, 1.25, 2, -0.5, -2, -0.5, 2, 1.25, 1.5, -1.75,
            -1.5, -1.75, -2, 0.5, -0.75, 0, -1.75, 1.25, 1.75, 1.75);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "gaussian", 8);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, 0.397862315, 1.24252892, 1.50536025,
             0.89260155, -0.348661065, -1.6632359, -0.683072627, -0.29796207, -0.141221851,
             0.399815679, 0.423470378, -0.659713686, -0.65245527, -1.32280028, -0.0649564713,
             0.985612869, 1.33802533, 1.15892684);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), 0.25, -1.75, -1.5, -0.5, -2, -2, 0, -0.5, 2, -2, -1.75,
            -0.25, -1, -0.75, 1.75, -0.75, -1.75, -0.75, -2, -0.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "box", 3);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, 0.25, -1.75, -1.5, -1, -0.5, -2, -1.875,
             -0.125, -0.75, -0.0625, 0.625, -0.125, -0.75, -1.75, -0.75, -1.375, -2, -0.25);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), 2, 2, 1, -1.25, -1, -0.5, -0.75, 1.5, -0.5, -0.25,
            -0.5, 1.75, -0.75, -1.75, 1.5, 0.75, 2, 1.75, 1.25, 0.75);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "triangle", 8);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, 1.27197814, 1.21703303, 1.16208792,
             0.0535713434, -0.968406618, -0.785714269, -0.115384594, 0.798077166, 0.524038374,
             -0.250000179, -0.460336506, 0.750000179, 0.778846204, 1.89423084, 1.43846154,
             0.950000167, 0.717307806, 0.899999976);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), 1.75, 1.75, -1.75, -0.25, -1.75, 1.75, 1.5, 1.5, -1.25,
            2, 0, 1, 2, -0.25, 2, -0.75, -0.25, 2, 2, 1.25);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "keyscubic", 9);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, 1.88272965, 1.78117132, -0.377453566,
             -0.925689042, -0.613440454, -0.78468436, 0.667595863, 1.05457413, 1.81426799,
             0.585515261, -0.0104102194, 1.97189713, -0.74791342, -0.219864935, 1.57246578,
             2.11755919, 1.7140007, 1.31169534);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), 0.75, 0.25, 1, 0.25, -1.5, -1.75, -1, -1.5, -0.75,
            -1.5, 0, -1.5, 1.5, -0.5, 0.5, -0.25, -1.5, 0.25, -0.75, 0.75);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "mitchellcubic", 13);
    node_set_bool(c.g, c.node, "antialias", true);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, -0.0690639466, -0.108824156, 0.107051104,
             0.122332022, -0.469168007, -1.47992003, -0.784821033, -1.15574014, -0.156230405,
             -0.152418911, -0.533768535, -0.294245094, -0.4200674, -1.33395445, 0.0419459119,
             -0.0402990878, -0.329322278, 0.719732821);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("ScaleAndTranslate");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 4, 5, 1), 1.75, 0, -1.5, -1.25, 0.25, -1.25, 0, -0.5, -0.75, -2,
            0.75, 1.25, 0.5, -1, 2, -1.5, -0.75, 1.75, 2, -1.75);
    CASE_IN(&c, DT_INT32, SHAPE(2), 3, 6);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.600000024, 1.29999995);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 0.200000003, -0.400000006);
    node_set_string(c.g, c.node, "kernel_type", "triangle", 8);
    node_set_bool(c.g, c.node, "antialias", false);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 3, 6, 1), 1e-5, 1.41346145, 0.0673077404, -1.09615409,
             -1.375, -0.846153736, 0.25, 0.227564275, 0.804487228, 0.346153796, -0.37499997,
             -0.49038443, 0.666666985, -1.35576916, -0.778846204, 1.07692361, 1.875, 0.99038434,
             -1.75);
    op_case_end(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bilinear),
      cmocka_unit_test(test_nearest),
      cmocka_unit_test(test_bicubic),
      cmocka_unit_test(test_area),
      cmocka_unit_test(test_scale_and_translate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
