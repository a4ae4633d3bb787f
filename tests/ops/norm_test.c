// Expected numbers are TensorFlow 2.21's.
#include "ops/lower_run.h"

static void test_bias(void **state) {
  (void)state;
  {
    op_case_t c = op_case("BiasAdd");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 1.75, -1, -1.25, -0.25, 1.5, 0);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 0.5, 0);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 1e-6, 3.25, -0.5, -1.25, 1.25, 2, 0);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BiasAdd");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 3), -0.25, -0.5, -1, 2, -0.25, 1, -2, 0.75, -0.5, 1, -0.75,
            2);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -2, -1.5, 0.25);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 3), 1e-6, -2.25, -2, -0.75, 0, -1.75, 1.25, -4, -0.75,
             -0.25, -1, -2.25, 2.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BiasAdd");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 3), 1.5, -0.5, -1, 1.5, 0.25, -1.25, -1.25, 0, 2, -1.75,
            -2, 2);
    CASE_IN(&c, DT_FLOAT, SHAPE(2), 1, -0.25);
    node_set_string(c.g, c.node, "data_format", "NCHW", 4);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 3), 1e-6, 2.5, 0.5, 0, 2.5, 1.25, -0.25, -1.5, -0.25,
             1.75, -2, -2.25, 1.75);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BiasAdd");
    CASE_IN(&c, DT_INT32, SHAPE(2, 3), 2, 5, 4, -2, -5, 8);
    CASE_IN(&c, DT_INT32, SHAPE(3), 2, 2, 7);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_INT32, SHAPE(2, 3), 0, 4, 7, 11, 0, -3, 15);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BiasAdd");
    CASE_IN(&c, DT_HALF, SHAPE(2, 3), -2, -1, -1.25, -1.75, -1.25, -1.75);
    CASE_IN(&c, DT_HALF, SHAPE(3), -1, -1.75, -0.75);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(2, 3), 1e-6, -3, -2.75, -2, -2.75, -3, -2.5);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("BiasAddV1");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 3), 0.25, -1.5, -1.25, 0.75, 1.75, 2);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1, 0.75, 0.25);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 3), 1e-6, 1.25, -0.75, -1, 1.75, 2.5, 2.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
}

static void test_batch_norm_inference(void **state) {
  (void)state;
  {
    op_case_t c = op_case("FusedBatchNorm");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 3), 1.75, 1.25, -0.25, -1.25, 1, 1, 1.75, 0, -0.5, -0.5, 1,
            -0.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 0.25, 1, -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 1.5, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -1.25, 2, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.25, 0.5, 1.25);
    node_set_bool(c.g, c.node, "is_training", false);
    node_set_float(c.g, c.node, "epsilon", 0.001f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 3), 1e-6, 2.17055225, 0.440398932, 0.911809802, 1.5,
             0.0871984959, -0.485173941, 2.17055225, -1.32560301, 1.19120646, 1.66763806,
             0.0871984959, 0.911809802);
    CASE_OUT(&c, 1, DT_FLOAT, SHAPE(3), 1e-6, -1.25, 2, -1);
    CASE_OUT(&c, 2, DT_FLOAT, SHAPE(3), 1e-6, 1.25, 0.5, 1.25);
    CASE_OUT(&c, 3, DT_FLOAT, SHAPE(3), 1e-6, -1.25, 2, -1);
    CASE_OUT(&c, 4, DT_FLOAT, SHAPE(3), 1e-6, 1.25, 0.5, 1.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("FusedBatchNormV2");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 3), 0.5, 1.75, -0.75, -1, 0.25, 0.25, -2, -1.5, 1, -0.5, 0,
            -1.5);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 0.25, 1, -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 1.5, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -1.25, 2, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.25, 0.5, 1.25);
    node_set_bool(c.g, c.node, "is_training", false);
    node_set_float(c.g, c.node, "epsilon", 0.001f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 3), 1e-6, 1.89115548, 1.14679956, 1.47060323,
             1.55587935, -0.972402573, 0.353016257, 1.33236194, -3.44480515, -0.485173941,
             1.66763806, -1.32560301, 2.30879354);
    CASE_OUT(&c, 1, DT_FLOAT, SHAPE(3), 1e-6, -1.25, 2, -1);
    CASE_OUT(&c, 2, DT_FLOAT, SHAPE(3), 1e-6, 1.25, 0.5, 1.25);
    CASE_OUT(&c, 3, DT_FLOAT, SHAPE(3), 1e-6, -1.25, 2, -1);
    CASE_OUT(&c, 4, DT_FLOAT, SHAPE(3), 1e-6, 1.25, 0.5, 1.25);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("FusedBatchNormV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 3), 0.5, 1.5, -0.5, 0.5, -0.75, 1.75, 1, 0.25, 0, 1.75,
            -0.75, 0.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 0.25, 1, -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 1.5, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -1.25, 2, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.25, 0.5, 1.25);
    node_set_bool(c.g, c.node, "is_training", false);
    node_set_float(c.g, c.node, "epsilon", 0.001f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 3), 1e-6, 1.89115548, 0.793599248, 1.19120646,
             1.89115548, -2.38520408, -1.32336426, 2.00291419, -0.972402573, 0.63241303, 2.17055225,
             -2.38520408, 0.353016257);
    CASE_OUT(&c, 1, DT_FLOAT, SHAPE(3), 1e-6, -1.25, 2, -1);
    CASE_OUT(&c, 2, DT_FLOAT, SHAPE(3), 1e-6, 1.25, 0.5, 1.25);
    CASE_OUT(&c, 3, DT_FLOAT, SHAPE(3), 1e-6, -1.25, 2, -1);
    CASE_OUT(&c, 4, DT_FLOAT, SHAPE(3), 1e-6, 1.25, 0.5, 1.25);
    CASE_OUT_EMPTY(&c, 5, DT_FLOAT, SHAPE(0));
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("FusedBatchNormV3");
    CASE_IN(&c, DT_HALF, SHAPE(1, 2, 2, 3), -1, 1, 0.25, 0.75, -0.5, -1.75, 0.75, 1, 1, 1.25, -1,
            -0.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 0.25, 1, -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 1.5, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -1.25, 2, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.25, 0.5, 1.25);
    node_set_bool(c.g, c.node, "is_training", false);
    node_set_float(c.g, c.node, "epsilon", 0.001f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(1, 2, 2, 3), 1e-3, 1.55566406, 0.0872192383, 0.353027344,
             1.94726562, -2.03125, 2.58789062, 1.94726562, 0.0872192383, -0.485107422, 2.05859375,
             -2.73828125, 0.911621094);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("FusedBatchNormV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 2, 1, 3), 0.25, -0.5, 1.75, 0.75, 2, -0.75, -1.25, 1.25, -2,
            -1.75, 1.25, 0);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 0.25, 1, -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 1.5, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -1.25, 2, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.25, 0.5, 1.25);
    node_set_bool(c.g, c.node, "is_training", false);
    node_set_float(c.g, c.node, "epsilon", 0.001f);
    node_set_string(c.g, c.node, "data_format", "NDHWC", 5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 2, 1, 3), 1e-6, 1.83527613, -2.03200388, -1.32336426,
             1.94703484, 1.5, 1.47060323, 1.5, 0.440398932, 2.86758709, 1.38824129, 0.440398932,
             0.63241303);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
}

static void test_batch_norm_training(void **state) {
  (void)state;
  {
    op_case_t c = op_case("FusedBatchNormV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 2, 3), 1.5, 1.25, 0.25, 0.5, -2, -1.5, 2, -0.5, 0.25, 0.25,
            1.25, 0.75, -1.75, 1.5, 2, 2, 1.5, -1.75, -2, 1.25, 0.5, 0, -1.75, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 0.25, 1, -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 1.5, 1.75);
    CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0));
    CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0));
    node_set_bool(c.g, c.node, "is_training", true);
    node_set_float(c.g, c.node, "epsilon", 0.001f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 2, 3), 1e-5, 1.70454836, 2.16864681, 1.42025518,
             1.53229713, -0.149328709, 3.26682615, 1.79067409, 0.92050612, 1.42025518, 1.48923433,
             2.16864681, 0.892663479, 1.14473176, 2.34695244, -0.426315784, 1.79067409, 2.34695244,
             3.53062201, 1.10166883, 2.16864681, 1.15645933, 1.44617152, 0.0289771557, 2.73923445);
    CASE_OUT(&c, 1, DT_FLOAT, SHAPE(3), 1e-5, 0.3125, 0.3125, -0.0625);
    CASE_OUT(&c, 2, DT_FLOAT, SHAPE(3), 1e-5, 2.40625, 2.24553585, 1.60267866);
    CASE_OUT(&c, 3, DT_FLOAT, SHAPE(3), 1e-5, 0.3125, 0.3125, -0.0625);
    CASE_OUT(&c, 4, DT_FLOAT, SHAPE(3), 1e-5, 2.10546875, 1.96484375, 1.40234375);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("FusedBatchNormV3");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 2, 2, 3), 1, 0.5, -0.25, 1.75, -2, -0.25, 1, 2, -2, 1, 0.25, 1.5,
            -1.5, 2, 0.75, -0.75, 2, 0.25, 0.75, 0.5, -2, 0, -1, -0.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 0.25, 1, -1.25);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.5, 1.5, 1.75);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), -1.25, 2, -1);
    CASE_IN(&c, DT_FLOAT, SHAPE(3), 1.25, 0.5, 1.25);
    node_set_bool(c.g, c.node, "is_training", true);
    node_set_float(c.g, c.node, "epsilon", 0.001f);
    node_set_float(c.g, c.node, "exponential_avg_factor", 0.25f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 2, 2, 3), 1e-5, 1.64728951, 1.47741246, 1.64831471,
             1.83333945, -0.329592228, 1.64831471, 1.64728951, 2.56161523, 3.54643941, 1.64728951,
             1.29671192, -0.249809861, 1.02712309, 2.56161523, 0.563672066, 1.21317303, 2.56161523,
             1.10599351, 1.58527291, 1.47741246, 3.54643941, 1.39922297, 0.393209696, 2.19063616);
    CASE_OUT(&c, 1, DT_FLOAT, SHAPE(3), 1e-5, -0.8359375, 1.6328125, -0.8359375);
    CASE_OUT(&c, 2, DT_FLOAT, SHAPE(3), 1e-5, 1.22739959, 0.921595991, 1.31668532);
    op_case_end(&c);
  }
}

static void test_softmax(void **state) {
  (void)state;
  {
    op_case_t c = op_case("Softmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 5), 0.75, 1.5, 0.5, 2, -0.25, 1.75, 2, 1.5, 1.75, 1.25);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 5), 1e-6, 0.128965303, 0.273019552, 0.100438282, 0.450133175,
             0.0474436842, 0.21416226, 0.274989784, 0.166789725, 0.21416226, 0.12989597);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Softmax");
    CASE_IN(&c, DT_DOUBLE, SHAPE(2, 5), 0.25, 1.25, -1.25, -0.25, 0.5, -2, -1.75, 0.75, -1, -0.5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(2, 5), 1e-12, 0.17146870299240122, 0.46610025949368539,
             0.03825983915913804, 0.10400102554605072, 0.22017017280872458, 0.039798415929639661,
             0.051102177597567619, 0.6225519699611638, 0.1081833108229945, 0.17836412568863441);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Softmax");
    CASE_IN(&c, DT_HALF, SHAPE(2, 5), 1.5, 1, 0.75, 1, 2, -2, 0.75, -1.75, 0, -1.75);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(2, 5), 2e-3, 0.230712891, 0.139892578, 0.109008789, 0.139892578,
             0.380371094, 0.0375976562, 0.588378906, 0.0483093262, 0.278076172, 0.0483093262);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Softmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 37), 9.75, -4.5, 4, 3.25, -1.5, -7, -9, 1, 3.75, -5, 0.75,
            2.25, -5.5, 4, -4.75, 2.5, -4.5, -5.5, 7.25, -8.75, -8.75, 7.5, -2.75, -6, 0.5, 1.5, 7,
            9.25, 6.5, -7, 3.5, 3.75, -6, -8.75, 8.25, 1, 3.75, -0.25, 9.5, 7.5, 5.5, -9.5, -0.75,
            1.5, -7.75, -1.25, -6.25, -5, -2, -4.75, 7.5, -10, -1.75, -4.75, 6.5, -7.25, 1.75,
            -7.25, -1, 8, 0.75, 7.75, 3.25, -8.25, -4.75, -5.25, 1.25, 2.5, -1.75, -8, 9.75, 8.5,
            -5.5, 4.75);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 2, 37), 1e-6, 0.467472464, 3.02732957e-07, 0.00148786232,
             0.000702816469, 6.08055325e-06, 2.48498324e-08, 3.36305916e-09, 7.40763135e-05,
             0.0011587484, 1.83616805e-07, 5.76906823e-05, 0.000258551678, 1.11369225e-07,
             0.00148786232, 2.35768653e-07, 0.000331986987, 3.02732957e-07, 1.11369225e-07,
             0.0383724794, 4.31825331e-09, 4.31825331e-09, 0.0492712297, 1.74210788e-06,
             6.75488465e-08, 4.49295512e-05, 0.000122131169, 0.0298845135, 0.283536345,
             0.0181258749, 2.48498324e-08, 0.000902434171, 0.0011587484, 6.75488465e-08,
             4.31825331e-09, 0.104307204, 7.40763135e-05, 0.0011587484, 1.71432512e-05, 0.294079214,
             0.0397992916, 0.0053862487, 1.647666e-09, 1.03979064e-05, 9.86525847e-05,
             9.48166257e-09, 6.30664908e-06, 4.24938662e-08, 1.48318165e-07, 2.97905035e-06,
             1.90444297e-07, 0.0397992916, 9.99359928e-10, 3.82517646e-06, 1.90444297e-07,
             0.0146413427, 1.56326205e-08, 0.000126672443, 1.56326205e-08, 8.09789799e-06,
             0.0656179413, 4.66001839e-05, 0.0511033051, 0.000567706476, 5.75091974e-09,
             1.90444297e-07, 1.15510318e-07, 7.68307073e-05, 0.000268165575, 3.82517646e-06,
             7.38432782e-09, 0.3776052, 0.108185694, 8.99595207e-08, 0.00254428363);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("LogSoftmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(2, 5), -0.25, -2, 0, 1.25, 1, -1.5, -1.25, -2, 0.75, -1.75);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(2, 5), 1e-6, -2.34467006, -4.0946703, -2.09467006, -0.844670117,
             -1.09467006, -2.57696104, -2.32696104, -3.07696104, -0.326960981, -2.82696104);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("LogSoftmax");
    CASE_IN(&c, DT_DOUBLE, SHAPE(2, 5), -0.75, -0.75, 2, 0.25, 0.75, -1.5, 1.75, 0, 2, 0.5);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_DOUBLE, SHAPE(2, 5), 1e-12, -3.2125600334997588, -3.2125600334997588,
             -0.46256003349975877, -2.2125600334997588, -1.7125600334997588, -4.2735576405483551,
             -1.0235576405483551, -2.7735576405483551, -0.77355764054835496, -2.2735576405483551);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("LogSoftmax");
    CASE_IN(&c, DT_HALF, SHAPE(2, 5), -2, 1.25, -1.5, -1.25, 0.25, 1.75, 1.25, -0.5, 0.25, 0.25);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_HALF, SHAPE(2, 5), 2e-3, -3.68945312, -0.439941406, -3.18945312, -2.93945312,
             -1.43945312, -0.769042969, -1.26953125, -3.01953125, -2.26953125, -2.26953125);
    CASE_LAYERS(&c, 0, 5e-3);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("LogSoftmax");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 2, 37), 0.25, -1, 0, -7, -1, 7.25, 4.75, 9.75, -9.25, -0.75, 1.5,
            -6.5, -5.25, 2.5, -0.75, 4.25, 7.25, -7.25, -3.5, -1.5, 10, 0.25, -1.5, 5.75, 8.5, 7,
            6.75, -9, -8.25, 4.5, -9.5, -0.25, 4, 8.5, 8, -9, -10, 3, -5, -2.25, 2.25, -4.5, -2.5,
            6, -1.5, 9.75, -5, -5.75, -7.5, -10, -10, -1.25, -3, 0.25, -1.25, 1.25, 5, -7.25, -7.25,
            -4.5, -3, -1, 6.5, 3.5, 0.5, -8, -0.5, -5.75, -6, 7.75, 4, -9, 1.5, 6.75);
    CASE_RUN(&c);
    CASE_OUT(
        &c, 0, DT_FLOAT, SHAPE(1, 2, 37), 1e-6, -10.7082481, -11.9582481, -10.9582481, -17.9582481,
        -11.9582481, -3.70824838, -6.20824814, -1.20824838, -20.2082481, -11.7082481, -9.45824814,
        -17.4582481, -16.2082481, -8.45824814, -11.7082481, -6.70824814, -3.70824838, -18.2082481,
        -14.4582481, -12.4582481, -0.958248377, -10.7082481, -12.4582481, -5.20824814, -2.45824838,
        -3.95824838, -4.20824814, -19.9582481, -19.2082481, -6.45824814, -20.4582481, -11.2082481,
        -6.95824814, -2.45824838, -2.95824838, -19.9582481, -20.9582481, -6.98401356, -14.9840136,
        -12.2340136, -7.73401356, -14.4840136, -12.4840136, -3.98401356, -11.4840136, -0.234013557,
        -14.9840136, -15.7340136, -17.4840126, -19.9840126, -19.9840126, -11.2340136, -12.9840136,
        -9.73401356, -11.2340136, -8.73401356, -4.98401356, -17.2340126, -17.2340126, -14.4840136,
        -12.9840136, -10.9840136, -3.48401356, -6.48401356, -9.48401356, -17.9840126, -10.4840136,
        -15.7340136, -15.9840136, -2.23401356, -5.98401356, -18.9840126, -8.48401356, -3.23401356);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("Softmax");
    CASE_IN_EMPTY(&c, DT_FLOAT, SHAPE(0, 3));
    CASE_RUN(&c);
    CASE_OUT_EMPTY(&c, 0, DT_FLOAT, SHAPE(0, 3));
    op_case_end(&c);
  }
}

static void test_lrn(void **state) {
  (void)state;
  {
    op_case_t c = op_case("LRN");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 1, 2, 7), 2, 1.5, 1, -1, 2, 0, -2, -0.25, 0.75, -0.75, 1, -1.75,
            -0.5, 0.75);
    node_set_int(c.g, c.node, "depth_radius", 2);
    node_set_float(c.g, c.node, "bias", 1.5f);
    node_set_float(c.g, c.node, "alpha", 0.25f);
    node_set_float(c.g, c.node, "beta", 0.75f);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 2, 7), 1e-6, 0.81454128, 0.578462362, 0.320330203,
             -0.385641575, 0.707106769, 0, -0.781589925, -0.161083698, 0.438271046, -0.34533605,
             0.454775095, -0.795856416, -0.236152753, 0.380805671);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
  {
    op_case_t c = op_case("LRN");
    CASE_IN(&c, DT_FLOAT, SHAPE(1, 1, 2, 4), -0.75, -1, -2, -1.5, 0.5, 1.25, -1.25, -1.75);
    CASE_RUN(&c);
    CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1, 2, 4), 1e-6, -0.252645582, -0.336860776, -0.673721552,
             -0.505291164, 0.1833397, 0.458349258, -0.458349258, -0.641688943);
    CASE_LAYERS(&c, 0, 1e-5);
    op_case_end(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bias),
      cmocka_unit_test(test_batch_norm_inference),
      cmocka_unit_test(test_batch_norm_training),
      cmocka_unit_test(test_softmax),
      cmocka_unit_test(test_lrn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
