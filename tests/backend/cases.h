// Layer cases: one network each, small, with the shapes where kernels go wrong (odd sizes, one
// channel, empty windows at the border, broadcasting on both sides). make_expected.py has the same
// cases in TensorFlow, in the same order.
#ifndef TFTRT_TESTS_CASES_H
#define TFTRT_TESTS_CASES_H

#include "backend/run_network.h"

typedef struct case_ctx {
  network_t *n;
  dtype_t f;     // the float type to build with
  bool dynamic;  // inputs with unknown dims
  shape_t shapes[8];
} case_ctx_t;

static net_tensor_t *in(case_ctx_t *c, int seed, dtype_t dtype, shape_t s, double lo, double hi) {
  c->shapes[c->n->n_inputs] = s;
  shape_t declared = c->dynamic ? shape_unknown_dims(s.rank) : s;
  return random_input(c->n, seed, dtype, &declared, lo, hi);
}
static net_tensor_t *fin(case_ctx_t *c, int seed, shape_t s) { return in(c, seed, c->f, s, -2, 2); }
static void out(case_ctx_t *c, net_tensor_t *t) { network_mark_output(c->n, t); }
static net_tensor_t *konst(case_ctx_t *c, shape_t s, uint32_t seed) {
  tensor_t v = random_tensor(c->f, &s, seed, -1, 1);
  net_tensor_t *t = network_add_constant(c->n, "const", &v, NULL);
  tensor_unref(&v);
  return t;
}
static net_tensor_t *ivec(case_ctx_t *c, int n, const int64_t *v) {
  return network_const_ints(c->n, "ints", DT_INT32, n, v);
}
#define IVEC(c, ...) \
  ivec(c, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})
static net_tensor_t *scalar(case_ctx_t *c, dtype_t t, double v) {
  return network_const_scalar(c->n, "scalar", t, v);
}
static net_tensor_t *layer(case_ctx_t *c, layer_type_t type, dtype_t dtype, layer_params_t p, int n,
                           net_tensor_t *const *list) {
  return net_layer1(c->n, type, n, list, dtype, &p);
}
#define LIST(...)                                                                               \
  (int)(sizeof((net_tensor_t *[]){__VA_ARGS__}) / sizeof(net_tensor_t *)), (net_tensor_t *[]) { \
    __VA_ARGS__                                                                                 \
  }
#define P(...) ((layer_params_t){__VA_ARGS__})

static layer_params_t conv2d(int64_t stride, int64_t dilation, bool same) {
  return P(.conv = {.spatial = 2,
                    .channels_last = true,
                    .strides = {stride, stride},
                    .dilations = {dilation, dilation},
                    .same = same});
}

#define UNARY_CASE(name, op, lo, hi)                                  \
  static void name(case_ctx_t *c) {                                   \
    out(c, net_unary(c->n, op, in(c, 1, c->f, SHAPE(3, 7), lo, hi))); \
  }
UNARY_CASE(u_abs, UNARY_ABS, -2, 2)
UNARY_CASE(u_exp, UNARY_EXP, -2, 2)
UNARY_CASE(u_log, UNARY_LOG, 0.1, 3)
UNARY_CASE(u_log1p, UNARY_LOG1P, -0.5, 3)
UNARY_CASE(u_expm1, UNARY_EXPM1, -1, 1)
UNARY_CASE(u_sqrt, UNARY_SQRT, 0, 3)
UNARY_CASE(u_rsqrt, UNARY_RSQRT, 0.1, 3)
UNARY_CASE(u_sin, UNARY_SIN, -5, 5)
UNARY_CASE(u_atan, UNARY_ATAN, -5, 5)
UNARY_CASE(u_asinh, UNARY_ASINH, -5, 5)
UNARY_CASE(u_erf, UNARY_ERF, -3, 3)
UNARY_CASE(u_erfc, UNARY_ERFC, -3, 3)
UNARY_CASE(u_floor, UNARY_FLOOR, -5, 5)
UNARY_CASE(u_round, UNARY_ROUND, -5, 5)
UNARY_CASE(u_sign, UNARY_SIGN, -5, 5)
UNARY_CASE(u_relu, UNARY_RELU, -2, 2)
UNARY_CASE(u_relu6, UNARY_RELU6, -4, 12)
UNARY_CASE(u_sigmoid, UNARY_SIGMOID, -9, 9)
UNARY_CASE(u_tanh, UNARY_TANH, -4, 4)
UNARY_CASE(u_elu, UNARY_ELU, -4, 4)
UNARY_CASE(u_selu, UNARY_SELU, -4, 4)
UNARY_CASE(u_softsign, UNARY_SOFTSIGN, -4, 4)
UNARY_CASE(u_softplus, UNARY_SOFTPLUS, -9, 9)
UNARY_CASE(u_swish, UNARY_SWISH, -9, 9)
UNARY_CASE(u_gelu_erf, UNARY_GELU_ERF, -4, 4)
UNARY_CASE(u_gelu_tanh, UNARY_GELU_TANH, -4, 4)
UNARY_CASE(u_hard_swish, UNARY_HARD_SWISH, -5, 5)
UNARY_CASE(u_mish, UNARY_MISH, -5, 5)
static void u_leaky(case_ctx_t *c) {
  out(c, net_unary2(c->n, UNARY_LEAKY_RELU, fin(c, 1, SHAPE(33)), 0.2f, 0));
}
static void u_clip(case_ctx_t *c) {
  out(c, net_unary2(c->n, UNARY_CLIP, fin(c, 1, SHAPE(33)), -0.5f, 1.25f));
}

static void b_add(case_ctx_t *c) {
  out(c, net_binary(c->n, BINARY_ADD, fin(c, 1, SHAPE(2, 3, 5)), fin(c, 2, SHAPE(5))));
}
static void b_mul_both(case_ctx_t *c) {
  out(c, net_binary(c->n, BINARY_MUL, fin(c, 1, SHAPE(2, 1, 5)), fin(c, 2, SHAPE(3, 1))));
}
static void b_div(case_ctx_t *c) {
  out(c, net_binary(c->n, BINARY_DIV, fin(c, 1, SHAPE(4, 4)), in(c, 2, c->f, SHAPE(4, 4), 0.5, 2)));
}
static void b_pow(case_ctx_t *c) {
  out(c, net_binary(c->n, BINARY_POW, in(c, 1, c->f, SHAPE(9), 0.2, 2), fin(c, 2, SHAPE(9))));
}
static void b_floormod(case_ctx_t *c) {
  out(c, net_binary(c->n, BINARY_FLOORMOD, in(c, 1, DT_INT32, SHAPE(9), -20, 20),
                    in(c, 2, DT_INT32, SHAPE(9), 1, 5)));
}
static void b_floordiv(case_ctx_t *c) {
  out(c, net_binary(c->n, BINARY_FLOORDIV, in(c, 1, DT_INT64, SHAPE(9), -20, 20),
                    in(c, 2, DT_INT64, SHAPE(9), 1, 5)));
}
static void b_squared_difference(case_ctx_t *c) {
  out(c,
      net_binary(c->n, BINARY_SQUARED_DIFFERENCE, fin(c, 1, SHAPE(2, 6)), fin(c, 2, SHAPE(2, 1))));
}
static void b_greater(case_ctx_t *c) {
  out(c, net_binary(c->n, BINARY_GREATER, fin(c, 1, SHAPE(4, 3)), fin(c, 2, SHAPE(4, 3))));
}
static void select_(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(4, 3)), *y = fin(c, 2, SHAPE(3));
  out(c, net_select(c->n, net_binary(c->n, BINARY_LESS, x, y), x, y));
}
static void cast_int(case_ctx_t *c) {
  out(c, net_cast(c->n, in(c, 1, c->f, SHAPE(12), -9, 9), DT_INT32));
}
static void cast_bool(case_ctx_t *c) {
  out(c, net_cast(c->n, in(c, 1, DT_INT32, SHAPE(12), 0, 3), DT_BOOL));
}
static void cast_float(case_ctx_t *c) {
  out(c, net_cast(c->n, in(c, 1, DT_INT64, SHAPE(12), -9, 9), c->f));
}

static void conv_same(case_ctx_t *c) {
  out(c, layer(c, LAYER_CONV, c->f, conv2d(2, 1, true),
               LIST(fin(c, 1, SHAPE(2, 7, 6, 3)), konst(c, SHAPE(3, 3, 3, 5), 50))));
}
static void conv_valid_dilated(case_ctx_t *c) {
  out(c, layer(c, LAYER_CONV, c->f, conv2d(1, 2, false),
               LIST(fin(c, 1, SHAPE(1, 8, 9, 2)), konst(c, SHAPE(3, 2, 2, 4), 51))));
}
static void conv_1x1(case_ctx_t *c) {
  out(c, layer(c, LAYER_CONV, c->f, conv2d(1, 1, false),
               LIST(fin(c, 1, SHAPE(3, 5, 5, 16)), konst(c, SHAPE(1, 1, 16, 17), 52))));
}
static void conv_grouped(case_ctx_t *c) {
  out(c, layer(c, LAYER_CONV, c->f, conv2d(1, 1, true),
               LIST(fin(c, 1, SHAPE(1, 5, 4, 6)), konst(c, SHAPE(3, 3, 2, 9), 53))));
}
static void conv_depthwise(case_ctx_t *c) {
  layer_params_t p = conv2d(2, 1, true);
  p.conv.depthwise = true;
  out(c, layer(c, LAYER_CONV, c->f, p,
               LIST(fin(c, 1, SHAPE(2, 6, 7, 4)), konst(c, SHAPE(3, 3, 4, 2), 54))));
}
static void conv_fused(case_ctx_t *c) {  // relu(conv + bias + residual)
  layer_params_t p = conv2d(1, 1, true);
  p.conv.has_bias = p.conv.has_residual = true;
  p.conv.act = (activation_t){.on = true, .op = UNARY_RELU};
  out(c, layer(c, LAYER_CONV, c->f, p,
               LIST(fin(c, 1, SHAPE(1, 5, 5, 3)), konst(c, SHAPE(3, 3, 3, 8), 55),
                    konst(c, SHAPE(8), 56), fin(c, 2, SHAPE(1, 5, 5, 8)))));
}
static void conv_nchw(case_ctx_t *c) {
  layer_params_t p = conv2d(1, 1, false);
  p.conv.channels_last = false;
  p.conv.pad_begin[0] = p.conv.pad_end[0] = p.conv.pad_end[1] = 1;
  out(c, layer(c, LAYER_CONV, c->f, p,
               LIST(fin(c, 1, SHAPE(2, 3, 6, 5)), konst(c, SHAPE(3, 3, 3, 4), 57))));
}
static void conv_1d(case_ctx_t *c) {
  layer_params_t p = conv2d(2, 1, true);
  p.conv.spatial = 1;
  out(c, layer(c, LAYER_CONV, c->f, p,
               LIST(fin(c, 1, SHAPE(2, 11, 3)), konst(c, SHAPE(4, 3, 5), 58))));
}
static void conv_3d(case_ctx_t *c) {
  layer_params_t p = conv2d(1, 1, true);
  p.conv.spatial = 3;
  p.conv.strides[2] = p.conv.dilations[2] = 1;
  out(c, layer(c, LAYER_CONV, c->f, p,
               LIST(fin(c, 1, SHAPE(1, 4, 3, 5, 2)), konst(c, SHAPE(3, 3, 3, 2, 3), 59))));
}
static void deconv_same(case_ctx_t *c) {
  out(c, layer(c, LAYER_DECONV, c->f, conv2d(2, 1, true),
               LIST(fin(c, 1, SHAPE(2, 4, 3, 5)), konst(c, SHAPE(3, 3, 2, 5), 60), IVEC(c, 8, 6))));
}
static void deconv_valid(case_ctx_t *c) {
  out(c, layer(c, LAYER_DECONV, c->f, conv2d(2, 1, false),
               LIST(fin(c, 1, SHAPE(1, 3, 4, 2)), konst(c, SHAPE(2, 3, 4, 2), 61), IVEC(c, 6, 9))));
}
static void matmul_plain(case_ctx_t *c) {
  out(c, net_matmul(c->n, fin(c, 1, SHAPE(5, 7)), konst(c, SHAPE(7, 3), 62), false, false));
}
static void matmul_transposed(case_ctx_t *c) {
  out(c, net_matmul(c->n, fin(c, 1, SHAPE(7, 5)), fin(c, 2, SHAPE(3, 7)), true, true));
}
static void matmul_batched(case_ctx_t *c) {
  out(c, net_matmul(c->n, fin(c, 1, SHAPE(2, 1, 4, 6)), fin(c, 2, SHAPE(3, 5, 6)), false, true));
}
static void matmul_fused(case_ctx_t *c) {
  layer_params_t p = {0};
  p.matmul.has_bias = p.matmul.has_residual = true;
  p.matmul.act = (activation_t){.on = true, .op = UNARY_GELU_ERF};
  out(c, layer(c, LAYER_MATMUL, c->f, p,
               LIST(fin(c, 1, SHAPE(2, 3, 8)), konst(c, SHAPE(8, 6), 63), konst(c, SHAPE(6), 64),
                    fin(c, 2, SHAPE(2, 3, 6)))));
}
static void matmul_vector(case_ctx_t *c) {
  out(c, net_matmul(c->n, fin(c, 1, SHAPE(1, 33)), konst(c, SHAPE(33, 1), 65), false, false));
}

static layer_params_t pool2d(bool max, int64_t window, int64_t stride, bool same) {
  return P(.pool = {.max = max,
                    .spatial = 2,
                    .channels_last = true,
                    .window = {window, window},
                    .strides = {stride, stride},
                    .same = same});
}
static void pool_max(case_ctx_t *c) {
  out(c, layer(c, LAYER_POOL, c->f, pool2d(true, 3, 2, true), LIST(fin(c, 1, SHAPE(2, 7, 6, 3)))));
}
static void pool_avg(case_ctx_t *c) {
  out(c, layer(c, LAYER_POOL, c->f, pool2d(false, 3, 2, true), LIST(fin(c, 1, SHAPE(2, 7, 6, 3)))));
}
static void pool_avg_valid(case_ctx_t *c) {
  out(c,
      layer(c, LAYER_POOL, c->f, pool2d(false, 2, 2, false), LIST(fin(c, 1, SHAPE(1, 7, 6, 17)))));
}
static void softmax_last(case_ctx_t *c) {
  out(c, layer(c, LAYER_SOFTMAX, c->f, P(.softmax = {.axis = -1}), LIST(fin(c, 1, SHAPE(3, 11)))));
}
static void log_softmax(case_ctx_t *c) {
  out(c, layer(c, LAYER_SOFTMAX, c->f, P(.softmax = {.axis = 1, .log = true}),
               LIST(fin(c, 1, SHAPE(3, 11)))));
}
static void reduce_mean(case_ctx_t *c) {
  out(c, net_reduce(c->n, REDUCE_MEAN, fin(c, 1, SHAPE(2, 5, 3, 4)), (int[]){1, 2}, 2, false));
}
static void reduce_max(case_ctx_t *c) {
  out(c, net_reduce(c->n, REDUCE_MAX, fin(c, 1, SHAPE(2, 5, 3)), (int[]){0, -1}, 2, true));
}
static void reduce_sum_int(case_ctx_t *c) {
  out(c,
      net_reduce(c->n, REDUCE_SUM, in(c, 1, DT_INT32, SHAPE(4, 5), -9, 9), (int[]){0}, 1, false));
}
static void reduce_prod(case_ctx_t *c) {
  out(c, net_reduce(c->n, REDUCE_PROD, fin(c, 1, SHAPE(4, 5)), (int[]){1}, 1, false));
}
static void reduce_l2(case_ctx_t *c) {
  out(c, net_reduce(c->n, REDUCE_L2, fin(c, 1, SHAPE(4, 5)), (int[]){-1}, 1, false));
}
static void norm_last(case_ctx_t *c) {
  out(c, layer(c, LAYER_NORM, c->f,
               P(.norm = {.epsilon = 1e-3f, .has_offset = true}, .n_axes = 1, .axes = {-1}),
               LIST(fin(c, 1, SHAPE(2, 3, 9)), konst(c, SHAPE(9), 66), konst(c, SHAPE(9), 67))));
}

static void concat(case_ctx_t *c) {
  out(c,
      layer(c, LAYER_CONCAT, c->f, P(.axis = -1),
            LIST(fin(c, 1, SHAPE(2, 3, 2)), fin(c, 2, SHAPE(2, 3, 1)), fin(c, 3, SHAPE(2, 3, 4)))));
}
static void split_sizes(case_ctx_t *c) {
  dtype_t t[] = {c->f, c->f};
  layer_t *l = network_add_layer(c->n, LAYER_SPLIT, "split",
                                 LIST(fin(c, 1, SHAPE(3, 5)), IVEC(c, 2, -1)), 2, t);
  l->p.axis = 1;
  out(c, l->out[1]);
}
static void slice_strided(case_ctx_t *c) {
  out(c, layer(c, LAYER_SLICE, c->f, P(.slice = {.end_mask = 1, .shrink_axis_mask = 4}),
               LIST(fin(c, 1, SHAPE(5, 6, 4)), IVEC(c, 1, 5, -2), IVEC(c, 0, 0, 0),
                    IVEC(c, 2, -2, 1))));
}
static void pad_constant(case_ctx_t *c) {
  net_tensor_t *paddings = network_const_ints(c->n, "p", DT_INT32, 4, (int64_t[]){1, 2, 0, 3});
  paddings = net_reshape_to(c->n, paddings, (int64_t[]){2, 2}, 2);
  out(c, layer(c, LAYER_PAD, c->f, P(.axis = 0),
               LIST(fin(c, 1, SHAPE(2, 3)), paddings, scalar(c, c->f, 0.5))));
}
static void pad_reflect(case_ctx_t *c) {
  net_tensor_t *paddings = network_const_ints(c->n, "p", DT_INT32, 4, (int64_t[]){1, 2, 0, 3});
  paddings = net_reshape_to(c->n, paddings, (int64_t[]){2, 2}, 2);
  out(c,
      layer(c, LAYER_PAD, c->f, P(.pad = {PAD_REFLECT}), LIST(fin(c, 1, SHAPE(3, 4)), paddings)));
}
static void gather(case_ctx_t *c) {
  out(c, layer(c, LAYER_GATHER, c->f, P(.axis = 1),
               LIST(fin(c, 1, SHAPE(2, 5, 3)), in(c, 2, DT_INT32, SHAPE(2, 2), 0, 5))));
}
static void gather_batch(case_ctx_t *c) {
  out(c, layer(c, LAYER_GATHER, c->f, P(.axis = 1, .gather = {1}),
               LIST(fin(c, 1, SHAPE(2, 5, 3)), in(c, 2, DT_INT64, SHAPE(2, 4), 0, 5))));
}
static void gather_nd(case_ctx_t *c) {
  out(c, layer(c, LAYER_GATHER_ND, c->f, P(.axis = 0),
               LIST(fin(c, 1, SHAPE(4, 4, 2)), in(c, 2, DT_INT32, SHAPE(3, 2), 0, 4))));
}
static void transpose(case_ctx_t *c) {
  out(c, net_transpose(c->n, fin(c, 1, SHAPE(2, 3, 4, 5)), (int[]){0, 2, 3, 1}, 4));
}
static void tile(case_ctx_t *c) {
  out(c, layer(c, LAYER_TILE, c->f, P(.axis = 0), LIST(fin(c, 1, SHAPE(2, 3)), IVEC(c, 2, 3))));
}
static void broadcast_to(case_ctx_t *c) {
  out(c, layer(c, LAYER_BROADCAST, c->f, P(.axis = 0),
               LIST(fin(c, 1, SHAPE(3, 1)), IVEC(c, 2, 3, 4))));
}
static void pack(case_ctx_t *c) {
  out(c, layer(c, LAYER_PACK, c->f, P(.axis = 1),
               LIST(fin(c, 1, SHAPE(2, 3)), fin(c, 2, SHAPE(2, 3)))));
}
static void resize_nearest(case_ctx_t *c) {
  out(c, layer(c, LAYER_RESIZE, c->f, P(.resize = {RESIZE_NEAREST, .half_pixel_centers = true}),
               LIST(fin(c, 1, SHAPE(1, 3, 4, 2)), IVEC(c, 7, 6))));
}
static void resize_bilinear(case_ctx_t *c) {
  out(c, layer(c, LAYER_RESIZE, c->f, P(.resize = {RESIZE_BILINEAR, .half_pixel_centers = true}),
               LIST(fin(c, 1, SHAPE(1, 3, 4, 2)), IVEC(c, 7, 6))));
}
static void resize_bilinear_corners(case_ctx_t *c) {
  out(c, layer(c, LAYER_RESIZE, c->f, P(.resize = {RESIZE_BILINEAR, .align_corners = true}),
               LIST(fin(c, 1, SHAPE(2, 5, 4, 1)), IVEC(c, 3, 9))));
}
static void resize_bicubic(case_ctx_t *c) {
  out(c, layer(c, LAYER_RESIZE, c->f, P(.resize = {RESIZE_BICUBIC, .half_pixel_centers = true}),
               LIST(fin(c, 1, SHAPE(1, 5, 4, 2)), IVEC(c, 7, 9))));
}
static void topk(case_ctx_t *c) {
  dtype_t t[] = {c->f, DT_INT32};
  layer_t *l = network_add_layer(c->n, LAYER_TOPK, "topk",
                                 LIST(fin(c, 1, SHAPE(3, 9)), scalar(c, DT_INT32, 4)), 2, t);
  l->p.topk.sorted = true;
  out(c, l->out[0]);
  out(c, l->out[1]);
}
static void argmax(case_ctx_t *c) {
  out(c,
      layer(c, LAYER_ARG, DT_INT64, P(.arg = {true}, .axis = 1), LIST(fin(c, 1, SHAPE(3, 5, 2)))));
}
static void cumsum(case_ctx_t *c) {
  out(c, layer(c, LAYER_CUMULATIVE, c->f,
               P(.cumulative = {.exclusive = true, .reverse = true}, .axis = 1),
               LIST(fin(c, 1, SHAPE(3, 5)))));
}
static void one_hot(case_ctx_t *c) {
  out(c, layer(c, LAYER_ONE_HOT, c->f, P(.axis = -1),
               LIST(in(c, 1, DT_INT32, SHAPE(2, 3), -1, 5), scalar(c, DT_INT32, 4),
                    scalar(c, c->f, 2), scalar(c, c->f, -1))));
}
static void reverse(case_ctx_t *c) {
  out(c, layer(c, LAYER_REVERSE, c->f, P(.n_axes = 2, .axes = {0, -1}),
               LIST(fin(c, 1, SHAPE(3, 2, 4)))));
}
static void depth_to_space(case_ctx_t *c) {
  out(c, layer(c, LAYER_DEPTH_TO_SPACE, c->f, P(.block = 2, .channels_last = true),
               LIST(fin(c, 1, SHAPE(1, 2, 3, 8)))));
}
static void space_to_depth(case_ctx_t *c) {
  out(c, layer(c, LAYER_SPACE_TO_DEPTH, c->f, P(.block = 2, .channels_last = true),
               LIST(fin(c, 1, SHAPE(2, 4, 2, 3)))));
}
static void space_to_batch(case_ctx_t *c) {
  net_tensor_t *pad = net_reshape_to(c->n, IVEC(c, 1, 1, 0, 2), (int64_t[]){2, 2}, 2);
  out(c, layer(c, LAYER_SPACE_TO_BATCH, c->f, P(.axis = 0),
               LIST(fin(c, 1, SHAPE(2, 4, 4, 1)), IVEC(c, 2, 3), pad)));
}
static void batch_to_space(case_ctx_t *c) {
  net_tensor_t *crops = net_reshape_to(c->n, IVEC(c, 1, 0, 0, 2), (int64_t[]){2, 2}, 2);
  out(c, layer(c, LAYER_BATCH_TO_SPACE, c->f, P(.axis = 0),
               LIST(fin(c, 1, SHAPE(6, 3, 2, 2)), IVEC(c, 2, 3), crops)));
}
static void lrn(case_ctx_t *c) {
  out(c, layer(c, LAYER_LRN, c->f, P(.lrn = {.radius = 2, .bias = 1, .alpha = 0.5f, .beta = 0.75f}),
               LIST(fin(c, 1, SHAPE(1, 2, 2, 7)))));
}
static void nms(case_ctx_t *c) {
  dtype_t t[] = {DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_INT32};
  layer_t *l = network_add_layer(
      c->n, LAYER_NMS, "nms",
      LIST(in(c, 1, DT_FLOAT, SHAPE(2, 8, 1, 4), 0, 1.2), in(c, 2, DT_FLOAT, SHAPE(2, 8, 3), 0, 1),
           scalar(c, DT_INT32, 3), scalar(c, DT_INT32, 6), scalar(c, DT_FLOAT, 0.3),
           scalar(c, DT_FLOAT, 0.2)),
      4, t);
  l->p.nms.clip_boxes = true;
  for (int i = 0; i < 4; i++) out(c, l->out[i]);
}
static void range_fill(case_ctx_t *c) {  // range(0, rows of x) + fill([rows], 7)
  net_tensor_t *x = fin(c, 1, SHAPE(4, 3));
  net_tensor_t *shape = layer(c, LAYER_SHAPE, DT_INT32, P(.axis = 0), LIST(x));
  net_tensor_t *rows = layer(c, LAYER_SLICE, DT_INT32, P(.slice = {.shrink_axis_mask = 1}),
                             LIST(shape, IVEC(c, 0), IVEC(c, 1), IVEC(c, 1)));
  net_tensor_t *range = layer(c, LAYER_RANGE, DT_INT32, P(.axis = 0),
                              LIST(scalar(c, DT_INT32, 0), rows, scalar(c, DT_INT32, 1)));
  net_tensor_t *dims = layer(c, LAYER_PACK, DT_INT32, P(.axis = 0), LIST(rows));
  net_tensor_t *fill =
      layer(c, LAYER_FILL, DT_INT32, P(.axis = 0), LIST(dims, scalar(c, DT_INT32, 7)));
  out(c, net_binary(c->n, BINARY_ADD, range, fill));
}
static void fused_chain(case_ctx_t *c) {  // tanh(a * b + a) with b broadcast
  layer_params_t p = {0};
  p.fused.n = 3;
  p.fused.step[0] = (fused_step_t){STEP_BINARY, BINARY_MUL, 0, 1, 0, 0, 0, c->f};
  p.fused.step[1] = (fused_step_t){STEP_BINARY, BINARY_ADD, 2, 0, 0, 0, 0, c->f};
  p.fused.step[2] = (fused_step_t){STEP_UNARY, UNARY_TANH, 3, 0, 0, 0, 0, c->f};
  out(c, layer(c, LAYER_FUSED, c->f, p, LIST(fin(c, 1, SHAPE(2, 3, 5)), fin(c, 2, SHAPE(3, 1)))));
}

typedef struct layer_case {
  const char *name;
  void (*build)(case_ctx_t *c);
} layer_case_t;

#define CASE(f) \
  { #f, f }
static const layer_case_t layer_cases[] = {
    CASE(u_abs),
    CASE(u_exp),
    CASE(u_log),
    CASE(u_log1p),
    CASE(u_expm1),
    CASE(u_sqrt),
    CASE(u_rsqrt),
    CASE(u_sin),
    CASE(u_atan),
    CASE(u_asinh),
    CASE(u_erf),
    CASE(u_erfc),
    CASE(u_floor),
    CASE(u_round),
    CASE(u_sign),
    CASE(u_relu),
    CASE(u_relu6),
    CASE(u_sigmoid),
    CASE(u_tanh),
    CASE(u_elu),
    CASE(u_selu),
    CASE(u_softsign),
    CASE(u_softplus),
    CASE(u_swish),
    CASE(u_gelu_erf),
    CASE(u_gelu_tanh),
    CASE(u_hard_swish),
    CASE(u_mish),
    CASE(u_leaky),
    CASE(u_clip),
    CASE(b_add),
    CASE(b_mul_both),
    CASE(b_div),
    CASE(b_pow),
    CASE(b_floormod),
    CASE(b_floordiv),
    CASE(b_squared_difference),
    CASE(b_greater),
    CASE(select_),
    CASE(cast_int),
    CASE(cast_bool),
    CASE(cast_float),
    CASE(conv_same),
    CASE(conv_valid_dilated),
    CASE(conv_1x1),
    CASE(conv_grouped),
    CASE(conv_depthwise),
    CASE(conv_fused),
    CASE(conv_nchw),
    CASE(conv_1d),
    CASE(conv_3d),
    CASE(deconv_same),
    CASE(deconv_valid),
    CASE(matmul_plain),
    CASE(matmul_transposed),
    CASE(matmul_batched),
    CASE(matmul_fused),
    CASE(matmul_vector),
    CASE(pool_max),
    CASE(pool_avg),
    CASE(pool_avg_valid),
    CASE(softmax_last),
    CASE(log_softmax),
    CASE(reduce_mean),
    CASE(reduce_max),
    CASE(reduce_sum_int),
    CASE(reduce_prod),
    CASE(reduce_l2),
    CASE(norm_last),
    CASE(concat),
    CASE(split_sizes),
    CASE(slice_strided),
    CASE(pad_constant),
    CASE(pad_reflect),
    CASE(gather),
    CASE(gather_batch),
    CASE(gather_nd),
    CASE(transpose),
    CASE(tile),
    CASE(broadcast_to),
    CASE(pack),
    CASE(resize_nearest),
    CASE(resize_bilinear),
    CASE(resize_bilinear_corners),
    CASE(resize_bicubic),
    CASE(topk),
    CASE(argmax),
    CASE(cumsum),
    CASE(one_hot),
    CASE(reverse),
    CASE(depth_to_space),
    CASE(space_to_depth),
    CASE(space_to_batch),
    CASE(batch_to_space),
    CASE(lrn),
    CASE(nms),
    CASE(range_fill),
    CASE(fused_chain),
};
enum { N_LAYER_CASES = sizeof layer_cases / sizeof *layer_cases };

#endif
