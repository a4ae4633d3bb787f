// Each pattern is fused into what it should be, computes the same on ref before and after, with
// dynamic shapes, and keeps the names of all TensorFlow nodes that it stands for.
#include "backend/cases.h"
#include "network/network.h"

static int next_node;

// Layers made from here on come from a new TensorFlow node.
static void node(case_ctx_t *c) {
  c->n->tf_node = arena_printf(c->n->arena, "node%d", next_node++);
}
static net_tensor_t *un(case_ctx_t *c, unary_op_t op, net_tensor_t *x) {
  node(c);
  return net_unary(c->n, op, x);
}
static net_tensor_t *bin(case_ctx_t *c, binary_op_t op, net_tensor_t *a, net_tensor_t *b) {
  node(c);
  return net_binary(c->n, op, a, b);
}
static net_tensor_t *num(case_ctx_t *c, double v) { return scalar(c, c->f, v); }
static net_tensor_t *conv(case_ctx_t *c, net_tensor_t *x, net_tensor_t *w, int stride, bool same) {
  node(c);
  return layer(c, LAYER_CONV, c->f, conv2d(stride, 1, same), LIST(x, w));
}
#define ADD(a, b) bin(c, BINARY_ADD, a, b)
#define SUB(a, b) bin(c, BINARY_SUB, a, b)
#define MUL(a, b) bin(c, BINARY_MUL, a, b)

// relu(batch_norm(conv + bias)) with the arithmetic of constants that Keras leaves in the graph
static void batch_norm(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(2, 6, 5, 3)), *one = num(c, 1);
  net_tensor_t *variance =
      bin(c, BINARY_ADD, net_unary(c->n, UNARY_SQUARE, konst(c, SHAPE(1, 1, 1, 4), 70)), one);
  net_tensor_t *m = MUL(un(c, UNARY_RSQRT, variance), konst(c, SHAPE(4), 71));
  net_tensor_t *shift = SUB(konst(c, SHAPE(4), 72), MUL(konst(c, SHAPE(4), 73), m));
  net_tensor_t *y =
      ADD(conv(c, x, konst(c, SHAPE(3, 3, 3, 4), 74), 1, true), konst(c, SHAPE(4), 75));
  out(c, un(c, UNARY_RELU, ADD(MUL(y, m), shift)));
}
static void batch_norm_depthwise(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(1, 5, 5, 4));
  node(c);
  layer_params_t p = conv2d(1, 1, true);
  p.conv.depthwise = true;
  net_tensor_t *y = layer(c, LAYER_CONV, c->f, p, LIST(x, konst(c, SHAPE(3, 3, 4, 2), 76)));
  out(c, ADD(MUL(y, konst(c, SHAPE(8), 77)), konst(c, SHAPE(1, 1, 1, 8), 78)));
}
static void batch_norm_nchw(case_ctx_t *c) {
  node(c);
  layer_params_t p = conv2d(1, 1, true);
  p.conv.channels_last = false;
  net_tensor_t *y = layer(c, LAYER_CONV, c->f, p,
                          LIST(fin(c, 1, SHAPE(2, 3, 4, 4)), konst(c, SHAPE(1, 1, 3, 5), 79)));
  out(c, ADD(MUL(y, konst(c, SHAPE(5, 1, 1), 80)), konst(c, SHAPE(1, 5, 1, 1), 81)));
}
static void deconv_scale_bias(case_ctx_t *c) {
  node(c);
  net_tensor_t *y =
      layer(c, LAYER_DECONV, c->f, conv2d(2, 1, true),
            LIST(fin(c, 1, SHAPE(1, 3, 3, 2)), konst(c, SHAPE(3, 3, 4, 2), 82), IVEC(c, 6, 6)));
  out(c, un(c, UNARY_RELU, ADD(MUL(y, konst(c, SHAPE(4), 83)), konst(c, SHAPE(4), 84))));
}
static void residual_block(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(1, 4, 4, 3)), *w = konst(c, SHAPE(3, 3, 3, 3), 85);
  net_tensor_t *y = ADD(conv(c, x, w, 1, true), konst(c, SHAPE(3), 86));
  out(c, un(c, UNARY_RELU, ADD(x, y)));
}
// Both sides are convolutions: one takes the other in.
static void projection_block(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(1, 4, 4, 3));
  net_tensor_t *a = conv(c, x, konst(c, SHAPE(1, 1, 3, 5), 87), 1, true);
  net_tensor_t *b = conv(c, x, konst(c, SHAPE(3, 3, 3, 5), 88), 1, true);
  out(c, un(c, UNARY_RELU, ADD(a, b)));
}
// The convolution's result is read elsewhere, too: nothing may be taken in.
static void two_readers(case_ctx_t *c) {
  net_tensor_t *y = conv(c, fin(c, 1, SHAPE(1, 4, 4, 3)), konst(c, SHAPE(1, 1, 3, 5), 89), 1, true);
  out(c, un(c, UNARY_RELU, y));
  out(c, y);
}
static void pad_conv(case_ctx_t *c) {
  net_tensor_t *paddings = IVEC(c, 0, 0, 1, 2, 3, 0, 0, 0);
  paddings = net_reshape_to(c->n, paddings, (int64_t[]){4, 2}, 2);
  node(c);
  net_tensor_t *x =
      layer(c, LAYER_PAD, c->f, P(.axis = 0), LIST(fin(c, 1, SHAPE(2, 5, 5, 2)), paddings));
  out(c, conv(c, x, konst(c, SHAPE(3, 3, 2, 4), 90), 2, false));
}
static void pad_max_pool(case_ctx_t *c) {
  net_tensor_t *paddings = IVEC(c, 0, 0, 1, 1, 1, 1, 0, 0);
  paddings = net_reshape_to(c->n, paddings, (int64_t[]){4, 2}, 2);
  net_tensor_t *x = un(c, UNARY_RELU, fin(c, 1, SHAPE(2, 5, 5, 2)));
  node(c);
  x = layer(c, LAYER_PAD, c->f, P(.axis = 0), LIST(x, paddings));
  node(c);
  out(c, layer(c, LAYER_POOL, c->f, pool2d(true, 3, 2, false), LIST(x)));
}
static void pad_avg_pool(case_ctx_t *c) {
  net_tensor_t *paddings = IVEC(c, 0, 0, 1, 1, 0, 1, 0, 0);
  paddings = net_reshape_to(c->n, paddings, (int64_t[]){4, 2}, 2);
  node(c);
  net_tensor_t *x =
      layer(c, LAYER_PAD, c->f, P(.axis = 0), LIST(fin(c, 1, SHAPE(2, 6, 5, 2)), paddings));
  node(c);
  out(c, layer(c, LAYER_POOL, c->f, pool2d(false, 3, 2, false), LIST(x)));
}
// Numbers may be negative: a maximum would see the zeros.
static void pad_max_pool_signed(case_ctx_t *c) {
  net_tensor_t *paddings = IVEC(c, 0, 0, 1, 1, 1, 1, 0, 0);
  paddings = net_reshape_to(c->n, paddings, (int64_t[]){4, 2}, 2);
  node(c);
  net_tensor_t *x = layer(c, LAYER_PAD, c->f, P(.axis = 0),
                          LIST(in(c, 1, c->f, SHAPE(1, 5, 5, 2), -2, -1), paddings));
  node(c);
  out(c, layer(c, LAYER_POOL, c->f, pool2d(true, 3, 2, false), LIST(x)));
}

static void swish(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(3, 7));
  out(c, MUL(x, un(c, UNARY_SIGMOID, MUL(num(c, 1), x))));
}
static void gelu_erf(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(3, 7));
  net_tensor_t *e = un(c, UNARY_ERF, bin(c, BINARY_DIV, x, num(c, 1.41421356)));
  out(c, MUL(MUL(num(c, 0.5), x), ADD(num(c, 1), e)));
}
static void gelu_erfc(case_ctx_t *c) {  // Keras 3
  net_tensor_t *x = fin(c, 1, SHAPE(3, 7));
  net_tensor_t *e = un(c, UNARY_ERFC, MUL(un(c, UNARY_NEG, x), num(c, 0.70710678)));
  out(c, MUL(MUL(num(c, 0.5), x), e));
}
static void gelu_tanh(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(3, 7));
  net_tensor_t *cube = MUL(num(c, 0.044715), bin(c, BINARY_POW, x, num(c, 3)));
  net_tensor_t *t = un(c, UNARY_TANH, MUL(num(c, 0.7978845608), ADD(x, cube)));
  out(c, MUL(num(c, 0.5), MUL(x, ADD(num(c, 1), t))));
}
static void hard_swish(case_ctx_t *c) {
  net_tensor_t *x = in(c, 1, c->f, SHAPE(3, 7), -5, 5);
  net_tensor_t *gate = MUL(un(c, UNARY_RELU6, ADD(x, num(c, 3))), num(c, 1.0 / 6));
  out(c, MUL(x, gate));
}
static void mish(case_ctx_t *c) {
  net_tensor_t *x = in(c, 1, c->f, SHAPE(3, 7), -5, 5);
  net_tensor_t *s = un(c, UNARY_LOG, ADD(un(c, UNARY_EXP, x), num(c, 1)));
  out(c, MUL(x, un(c, UNARY_TANH, s)));
}
static void leaky(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(3, 7));
  out(c, bin(c, BINARY_MAX, x, MUL(x, num(c, 0.25))));
}
static void clamp(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(3, 7));
  out(c, bin(c, BINARY_MIN, bin(c, BINARY_MAX, x, num(c, -0.5)), num(c, 0.75)));
}
static void not_quite_swish(case_ctx_t *c) {  // x * sigmoid(2 x) stays what it is
  net_tensor_t *x = fin(c, 1, SHAPE(3, 7));
  out(c, MUL(x, un(c, UNARY_SIGMOID, MUL(num(c, 2), x))));
}

static net_tensor_t *mean(case_ctx_t *c, net_tensor_t *x) {
  node(c);
  return net_reduce(c->n, REDUCE_MEAN, x, (int[]){-1}, 1, true);
}
static void layer_norm_keras(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3, 8)), *mu = mean(c, x);
  net_tensor_t *var = mean(c, bin(c, BINARY_SQUARED_DIFFERENCE, x, mu));
  net_tensor_t *m = MUL(un(c, UNARY_RSQRT, ADD(var, num(c, 1e-3))), konst(c, SHAPE(1, 1, 8), 91));
  net_tensor_t *shift = ADD(MUL(un(c, UNARY_NEG, mu), m), konst(c, SHAPE(1, 1, 8), 92));
  out(c, ADD(MUL(x, m), shift));
}
static void layer_norm_tf(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3, 8)), *mu = mean(c, x);
  net_tensor_t *var = mean(c, bin(c, BINARY_SQUARED_DIFFERENCE, x, mu));
  net_tensor_t *m = MUL(un(c, UNARY_RSQRT, ADD(var, num(c, 1e-3))), konst(c, SHAPE(8), 91));
  out(c, ADD(MUL(x, m), SUB(konst(c, SHAPE(8), 92), MUL(mu, m))));
}
static void layer_norm_centered(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3, 8)), *mu = mean(c, x), *d = SUB(x, mu);
  net_tensor_t *var = mean(c, un(c, UNARY_SQUARE, d));
  net_tensor_t *y = MUL(d, un(c, UNARY_RSQRT, ADD(var, num(c, 1e-3))));
  out(c, ADD(MUL(y, konst(c, SHAPE(8), 91)), konst(c, SHAPE(8), 92)));
}

// tf.tensordot of [batch, time, 6] with a matrix, bias, gelu: every number from the shape
static void tensordot(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3, 6));
  node(c);
  net_tensor_t *shape = layer(c, LAYER_SHAPE, DT_INT32, P(.axis = 0), LIST(x));
  net_tensor_t *free_dims =
      layer(c, LAYER_GATHER, DT_INT32, P(.axis = 0), LIST(shape, IVEC(c, 0, 1)));
  net_tensor_t *rows = net_reduce(c->n, REDUCE_PROD, free_dims, (int[]){0}, 1, false);
  net_tensor_t *flat =
      layer(c, LAYER_PACK, DT_INT32, P(.axis = 0), LIST(rows, scalar(c, DT_INT32, 6)));
  net_tensor_t *y = net_reshape(c->n, net_transpose(c->n, x, (int[]){0, 1, 2}, 3), flat);
  node(c);
  y = net_matmul(c->n, y, konst(c, SHAPE(6, 4), 93), false, false);
  net_tensor_t *back = layer(c, LAYER_CONCAT, DT_INT32, P(.axis = 0), LIST(free_dims, IVEC(c, 4)));
  node(c);
  y = net_reshape(c->n, y, back);
  out(c, un(c, UNARY_GELU_ERF, ADD(y, konst(c, SHAPE(4), 94))));
}
// The projection of an attention head: [b, t, 6] x [6, 2*3] -> [b, t, 2, 3] + bias [2, 3]
static void split_heads(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3, 6));
  node(c);
  net_tensor_t *y = net_matmul(c->n, x, konst(c, SHAPE(6, 6), 95), false, false);
  node(c);
  y = net_reshape_to(c->n, y, (int64_t[]){-1, 3, 2, 3}, 4);
  out(c, ADD(y, konst(c, SHAPE(2, 3), 96)));
}
static void attention_scores(case_ctx_t *c) {  // softmax(0.5 q k^T)
  net_tensor_t *q = fin(c, 1, SHAPE(2, 4, 3, 5)), *k = fin(c, 2, SHAPE(2, 4, 3, 5));
  node(c);
  net_tensor_t *kt = net_transpose(c->n, k, (int[]){0, 1, 3, 2}, 4);
  node(c);
  net_tensor_t *s = net_matmul(c->n, q, kt, false, false);
  s = MUL(s, num(c, 0.5));
  node(c);
  out(c, layer(c, LAYER_SOFTMAX, c->f, P(.softmax = {.axis = -1}), LIST(s)));
}
static void scaled_query(case_ctx_t *c) {
  net_tensor_t *q = MUL(fin(c, 1, SHAPE(2, 3, 5)), num(c, 0.125));
  node(c);
  out(c, net_matmul(c->n, q, fin(c, 2, SHAPE(2, 3, 5)), false, true));
}

// ResNet's end of a stage: the next stage's two 1x1 convolutions stride over the sum.
static void strides_move_back(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(1, 7, 6, 3));
  net_tensor_t *y = un(c, UNARY_RELU, conv(c, x, konst(c, SHAPE(3, 3, 3, 4), 97), 1, true));
  y = un(c, UNARY_RELU, ADD(conv(c, y, konst(c, SHAPE(1, 1, 4, 3), 98), 1, false), x));
  net_tensor_t *a = conv(c, y, konst(c, SHAPE(1, 1, 3, 5), 99), 2, false);
  net_tensor_t *b = conv(c, y, konst(c, SHAPE(1, 1, 3, 5), 100), 2, true);
  out(c, un(c, UNARY_TANH, a));
  out(c, un(c, UNARY_TANH, b));
}

static void chain(case_ctx_t *c) {  // 1 - tanh(x * y) where x > z, else z; y and z broadcast
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3, 5)), *y = fin(c, 2, SHAPE(5)),
               *z = fin(c, 3, SHAPE(3, 1));
  net_tensor_t *a = SUB(num(c, 1), un(c, UNARY_TANH, MUL(x, y)));
  net_tensor_t *m = bin(c, BINARY_GREATER, x, z);
  node(c);
  out(c, net_select(c->n, m, a, z));
}
static void filled_mask(
    case_ctx_t *c) {  // select(and(ones_like(x), mask), x, -9), the mask smaller
  net_tensor_t *x = fin(c, 1, SHAPE(2, 4, 3)),
               *mask = net_cast(c->n, in(c, 2, DT_INT32, SHAPE(2, 1, 3), 0, 2), DT_BOOL);
  net_tensor_t *shape = layer(c, LAYER_SHAPE, DT_INT32, P(.axis = 0), LIST(x));
  net_tensor_t *ones =
      layer(c, LAYER_FILL, DT_BOOL, P(.axis = 0), LIST(shape, scalar(c, DT_BOOL, 1)));
  node(c);
  out(c, net_select(c->n, net_binary(c->n, BINARY_AND, ones, mask), x, num(c, -9)));
}
static void moves(case_ctx_t *c) {  // transposes that undo each other, reshapes in a row, x + 0
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3, 4));
  x = net_transpose(c->n, x, (int[]){0, 2, 1}, 3);
  x = net_transpose(c->n, x, (int[]){0, 2, 1}, 3);
  x = net_reshape_to(c->n, x, (int64_t[]){-1, 12}, 2);
  x = net_reshape_to(c->n, x, (int64_t[]){-1, 4, 3}, 3);
  node(c);
  out(c, net_layer1(c->n, LAYER_IDENTITY, 1, (net_tensor_t *[]){ADD(x, num(c, 0))}, c->f, NULL));
}
static void concats(case_ctx_t *c) {
  net_tensor_t *x = fin(c, 1, SHAPE(2, 3)), *y = fin(c, 2, SHAPE(2, 1));
  net_tensor_t *z = layer(c, LAYER_CONCAT, c->f, P(.axis = 1), LIST(x, y));
  out(c, layer(c, LAYER_CONCAT, c->f, P(.axis = -1), LIST(z, y, x)));
}

static const struct {
  const char *name;
  void (*build)(case_ctx_t *c);
  const char *becomes;
} patterns[] = {
    {"batch_norm", batch_norm, "CONVOLUTION+bias+RELU"},
    {"batch_norm_depthwise", batch_norm_depthwise, "CONVOLUTION+bias"},
    {"batch_norm_nchw", batch_norm_nchw, "CONVOLUTION+bias"},
    {"deconv_scale_bias", deconv_scale_bias, "DECONVOLUTION+bias+RELU"},
    {"residual_block", residual_block, "CONVOLUTION+bias+residual+RELU"},
    {"projection_block", projection_block, "CONVOLUTION CONVOLUTION+residual+RELU"},
    {"two_readers", two_readers, "CONVOLUTION UNARY:RELU"},
    {"pad_conv", pad_conv, "CONVOLUTION"},
    {"pad_max_pool", pad_max_pool, "UNARY:RELU POOLING"},
    {"pad_avg_pool", pad_avg_pool, "POOLING"},
    {"pad_max_pool_signed", pad_max_pool_signed, "PADDING POOLING"},
    {"swish", swish, "UNARY:SWISH"},
    {"gelu_erf", gelu_erf, "UNARY:GELU_ERF"},
    {"gelu_erfc", gelu_erfc, "UNARY:GELU_ERF"},
    {"gelu_tanh", gelu_tanh, "UNARY:GELU_TANH"},
    {"hard_swish", hard_swish, "UNARY:HARD_SWISH"},
    {"mish", mish, "UNARY:MISH"},
    {"leaky", leaky, "UNARY:LEAKY_RELU"},
    {"clamp", clamp, "UNARY:CLIP"},
    {"not_quite_swish", not_quite_swish, "FUSED_ELEMENTWISE"},
    {"layer_norm_keras", layer_norm_keras, "NORMALIZATION"},
    {"layer_norm_tf", layer_norm_tf, "NORMALIZATION"},
    {"layer_norm_centered", layer_norm_centered, "NORMALIZATION"},
    {"tensordot", tensordot, "MATRIX_MULTIPLY+bias+GELU_ERF"},
    {"split_heads", split_heads, "MATRIX_MULTIPLY+bias RESHAPE"},
    {"attention_scores", attention_scores, "MATRIX_MULTIPLY SOFTMAX"},
    {"scaled_query", scaled_query, "MATRIX_MULTIPLY"},
    {"strides_move_back", strides_move_back,
     "CONVOLUTION+RELU SLICE CONVOLUTION+residual+RELU CONVOLUTION+TANH CONVOLUTION+TANH"},
    {"chain", chain, "FUSED_ELEMENTWISE"},
    {"filled_mask", filled_mask, "CAST SELECT"},
    {"moves", moves, "RESHAPE"},
    {"concats", concats, "CONCATENATION"},
};

static void describe(const network_t *n, char *to, size_t size) {
  to[0] = 0;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    const activation_t *a = l->type == LAYER_CONV || l->type == LAYER_DECONV ? &l->p.conv.act
                            : l->type == LAYER_MATMUL                        ? &l->p.matmul.act
                                                                             : NULL;
    bool conv = a == &l->p.conv.act, bias = a && (conv ? l->p.conv.has_bias : l->p.matmul.has_bias);
    bool residual = a && (conv ? l->p.conv.has_residual : l->p.matmul.has_residual);
    size_t at = strlen(to);
    snprintf(to + at, size - at, "%s%s%s%s%s%s%s%s", i ? " " : "", layer_type_name(l->type),
             l->type == LAYER_UNARY ? ":" : "",
             l->type == LAYER_UNARY ? unary_op_name(l->p.unary.op) : "", bias ? "+bias" : "",
             residual ? "+residual" : "", a && a->on ? "+" : "",
             a && a->on ? unary_op_name(a->op) : "");
  }
}

static bool names_node(const network_t *n, const char *node_name) {
  for (int i = 0; i < n->n_layers; i++)
    for (int k = 0; k < n->layers[i]->n_tf_nodes; k++)
      if (strcmp(n->layers[i]->tf_nodes[k], node_name) == 0) return true;
  return false;
}

// Does the layer's result depend on an input? Constants' arithmetic may lose its name.
static bool depends_on_input(const net_tensor_t *t) {
  if (t->is_const) return false;
  if (!t->producer) return true;
  for (int i = 0; i < t->producer->n_in; i++)
    if (depends_on_input(t->producer->in[i])) return true;
  return false;
}

static void check_pattern(int i, bool dynamic_batch, int64_t batch) {
  case_ctx_t c = {.n = network_create(patterns[i].name), .f = DT_FLOAT}, d = c;
  d.n = network_create(patterns[i].name);
  next_node = 0;
  patterns[i].build(&c);
  next_node = 0;
  patterns[i].build(&d);
  if (dynamic_batch) {
    for (int k = 0; k < c.n->n_inputs; k++) {
      if (c.shapes[k].rank < 2 || strcmp(patterns[i].name, "chain") == 0) continue;
      c.shapes[k].d[0] = batch;
      c.n->inputs[k]->shape.d[0] = d.n->inputs[k]->shape.d[0] = -7;
    }
  }
  assert_ok(network_infer(c.n));
  assert_ok(network_infer(d.n));
  network_compact(c.n);
  assert_ok(network_optimize(d.n, NULL));
  char got[1024];
  describe(d.n, got, sizeof got);
  if (strcmp(got, patterns[i].becomes) != 0)
    fail_msg("%s%s became %s, not %s\n%s", patterns[i].name, dynamic_batch ? " (dynamic)" : "", got,
             patterns[i].becomes, network_to_text(d.n));
  for (int k = 0; k < c.n->n_layers; k++) {
    const layer_t *l = c.n->layers[k];
    for (int t = 0; t < l->n_tf_nodes; t++)
      if (depends_on_input(l->out[0]) && dtype_is_float(l->out[0]->dtype) &&
          !names_node(d.n, l->tf_nodes[t]))
        fail_msg("%s: lost %s", patterns[i].name, l->tf_nodes[t]);
  }
  tensor_t want[4], have[4];
  assert_ok(run_network(backend_find("ref"), c.n, c.shapes, 1, want));
  assert_ok(run_network(backend_find("ref"), d.n, c.shapes, 1, have));
  for (int o = 0; o < c.n->n_outputs; o++) {
    int64_t at = differs_at(&have[o], &want[o], 1e-5);
    if (at >= 0)
      fail_msg("%s: %.9g at %d, before %.9g", patterns[i].name, tensor_number_at(&have[o], at),
               (int)at, tensor_number_at(&want[o], at));
    tensor_unref(&want[o]);
    tensor_unref(&have[o]);
  }
  network_destroy(c.n);
  network_destroy(d.n);
}

static void patterns_fuse_and_agree(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    check_pattern((int)i, false, 0);
    check_pattern((int)i, true, 3);
  }
}

// Whatever the passes do to the single layers of the conformance suite, the results stay.
static void single_layers_survive(void **state) {
  (void)state;
  for (int i = 0; i < N_LAYER_CASES; i++)
    for (int dynamic = 0; dynamic < 2; dynamic++) {
      case_ctx_t c = {.n = network_create("before"), .f = DT_FLOAT, .dynamic = dynamic}, d = c;
      d.n = network_create("after");
      layer_cases[i].build(&c);
      layer_cases[i].build(&d);
      network_compact(c.n);
      assert_ok(network_optimize(d.n, NULL));
      tensor_t want[4], have[4];
      assert_ok(run_network(backend_find("ref"), c.n, c.shapes, 1, want));
      assert_ok(run_network(backend_find("ref"), d.n, c.shapes, 1, have));
      for (int o = 0; o < c.n->n_outputs; o++) {
        if (differs_at(&have[o], &want[o], 2e-6) >= 0) fail_msg("%s", layer_cases[i].name);
        tensor_unref(&want[o]);
        tensor_unref(&have[o]);
      }
      network_destroy(c.n);
      network_destroy(d.n);
    }
}

static void stride_saves_work(void **state) {
  (void)state;
  case_ctx_t c = {.n = network_create("strides"), .f = DT_FLOAT};
  next_node = 0;
  strides_move_back(&c);
  assert_ok(network_optimize(c.n, NULL));
  // The 3x3 convolution, two steps before the strided ones, computes 4 x 3 positions, not 7 x 6.
  assert_true(shape_equal(&c.n->layers[0]->out[0]->shape, S(1, 4, 3, 4)));
  network_destroy(c.n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_fuse_and_agree),
      cmocka_unit_test(single_layers_survive),
      cmocka_unit_test(stride_saves_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
