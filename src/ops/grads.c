// What a serving function that differentiates leaves in its graph (saliency maps, energy models):
// gradients of activations and pools, cross entropies with theirs.
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "ops/array.h"
#include "ops/math.h"

// ---------------------------------------------------------------- activations

typedef double (*grad_fn)(double a, double dy);

// Of the features x (Relu, Softplus, ...) or of the result y (Sigmoid, Tanh, ...), as TensorFlow's
// ops are defined.
static double relu_grad(double x, double dy) { return x > 0 ? dy : 0; }
static double relu6_grad(double x, double dy) { return x > 0 && x < 6 ? dy : 0; }
static double elu_grad(double y, double dy) { return y < 0 ? dy * (y + 1) : dy; }
static double selu_grad(double y, double dy) {
  const double scale = 1.0507009873554804934193349852946, alpha = 1.7580993408473768599402175208123;
  return y < 0 ? dy * (y + alpha) : dy * scale;
}
static double softplus_grad(double x, double dy) { return dy / (exp(-x) + 1); }
static double softsign_grad(double x, double dy) { return dy / ((1 + fabs(x)) * (1 + fabs(x))); }
static double sigmoid_grad(double y, double dy) { return dy * y * (1 - y); }
static double tanh_grad(double y, double dy) { return dy * (1 - y * y); }
static double sqrt_grad(double y, double dy) { return dy * 0.5 / y; }
static double rsqrt_grad(double y, double dy) { return -0.5 * dy * y * y * y; }
static double reciprocal_grad(double y, double dy) { return -dy * y * y; }

static const struct {
  const char *op;
  grad_fn f;
  bool gradient_first;  // inputs (gradients, features) instead of (y, dy)
} grads[] = {{"ReluGrad", relu_grad, true},
             {"Relu6Grad", relu6_grad, true},
             {"EluGrad", elu_grad, true},
             {"SeluGrad", selu_grad, true},
             {"SoftplusGrad", softplus_grad, true},
             {"SoftsignGrad", softsign_grad, true},
             {"SigmoidGrad", sigmoid_grad, false},
             {"TanhGrad", tanh_grad, false},
             {"SqrtGrad", sqrt_grad, false},
             {"RsqrtGrad", rsqrt_grad, false},
             {"ReciprocalGrad", reciprocal_grad, false},
             {"InvGrad", reciprocal_grad, false}};

static status_t grad_kernel(op_ctx_t *c) {
  size_t k = 0;
  while (strcmp(grads[k].op, c->node->op) != 0) k++;
  const tensor_t *a = &c->in[grads[k].gradient_first], *dy = &c->in[!grads[k].gradient_first];
  dtype_t t = a->dtype;
  char x[128], z[128];
  if (t != DT_FLOAT && t != DT_DOUBLE && t != DT_HALF && t != DT_BFLOAT16)
    return math_no_kernel(c, 0);
  if (!shape_equal(&a->shape, &dy->shape))
    return OP_FAIL(c, INVALID_ARGUMENT, "shapes %s and %s differ",
                   shape_format(&a->shape, x, sizeof x), shape_format(&dy->shape, z, sizeof z));
  tensor_t *y;
  TRY(op_out(c, 0, &a->shape, &y));
  for (int64_t i = 0, n = tensor_elements(y); i < n; i++)
    tensor_set_number(y, i, grads[k].f(tensor_number_at(a, i), tensor_number_at(dy, i)));
  return NULL;
}

// ---------------------------------------------------------------- cross entropies

static status_t entropy_infer(infer_ctx_t *c) {
  const shape_t *x = infer_in(c, 0);
  TRY(infer_rank(c, 0, 2));
  shape_t rows = SHAPE(x->rank == 2 ? x->d[0] : -1);
  if (strncmp(c->node->op, "Sparse", 6) == 0) {
    infer_out(c, 0, &rows);
    infer_out(c, 1, x);
  } else {
    infer_out(c, 0, &SHAPE_UNKNOWN);
    infer_out(c, 1, &SHAPE_UNKNOWN);
  }
  return NULL;
}

// p = softmax of a row of n; gives log of the sum, with the largest logit back in.
static double softmax_row(const tensor_t *x, int64_t at, int64_t n, double *p) {
  double top = -INFINITY, sum = 0;
  for (int64_t k = 0; k < n; k++) top = fmax(top, tensor_number_at(x, at + k));
  for (int64_t k = 0; k < n; k++) sum += p[k] = exp(tensor_number_at(x, at + k) - top);
  for (int64_t k = 0; k < n; k++) p[k] /= sum;
  return log(sum) + top;
}

static status_t entropy_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0], *labels = &c->in[1];
  bool sparse = strncmp(c->node->op, "Sparse", 6) == 0;
  dtype_t t = x->dtype;
  if (t != DT_FLOAT && t != DT_DOUBLE && t != DT_HALF && t != DT_BFLOAT16)
    return math_no_kernel(c, 0);
  int64_t rows = x->shape.rank == 2 ? x->shape.d[0] : -1;
  bool fits = sparse ? labels->shape.rank == 1 && labels->shape.d[0] == rows
                     : shape_equal(&labels->shape, &x->shape);
  if (rows < 0 || !fits || (x->shape.d[1] < 1 && rows))
    return OP_FAIL(c, INVALID_ARGUMENT, "logits must be a matrix, with labels for every row");
  int64_t n = x->shape.d[1];
  tensor_t *loss, *back;
  shape_t s = SHAPE(rows);
  TRY(op_out(c, 0, &s, &loss));
  TRY(op_out(c, 1, &x->shape, &back));
  double *p = mem_calloc((size_t)n + 1, sizeof *p);
  status_t st = NULL;
  for (int64_t r = 0; r < rows && !st; r++) {
    double all = softmax_row(x, r * n, n, p), sum = 0;
    int64_t label = sparse ? index_at(labels, r) : 0;
    if (sparse && (label < 0 || label >= n))
      st = OP_FAIL(c, INVALID_ARGUMENT, "label %" PRId64 " is outside [0, %" PRId64 ")", label, n);
    for (int64_t k = 0; k < n; k++) {
      double want = sparse ? k == label : tensor_number_at(labels, r * n + k);
      if (want != 0) sum += want * (all - tensor_number_at(x, r * n + k));
      tensor_set_number(back, r * n + k, p[k] - want);
    }
    tensor_set_number(loss, r, sum);
  }
  mem_free(p);
  return st;
}

// ---------------------------------------------------------------- MaxPoolGrad

static status_t pool_infer(infer_ctx_t *c) {
  infer_out(c, 0, infer_in(c, 0));
  return NULL;
}

// Where an output's window begins in a padded input, and how the padding is split.
static int64_t pad_before(int64_t in, int64_t out, int64_t window, int64_t stride, bool same) {
  int64_t total = (out - 1) * stride + window - in;
  return same && total > 0 ? total / 2 : 0;
}

static status_t pool_kernel(op_ctx_t *c) {
  const tensor_t *x = &c->in[0], *y = &c->in[1], *dy = &c->in[2];
  const int64_t *window, *stride;
  int n_window = node_ints(c->node, "ksize", &window),
      n_stride = node_ints(c->node, "strides", &stride);
  bool same = node_string_is(c->node, "padding", "SAME");
  if (x->dtype != DT_FLOAT) return math_no_kernel(c, 0);
  if (!node_string_is(c->node, "data_format", "NHWC") ||
      (!same && !node_string_is(c->node, "padding", "VALID")))
    return OP_FAIL(c, UNIMPLEMENTED, "only NHWC with SAME or VALID padding");
  if (x->shape.rank != 4 || y->shape.rank != 4 || !shape_equal(&y->shape, &dy->shape) ||
      n_window != 4 || n_stride != 4 || window[0] != 1 || window[3] != 1 || window[1] < 1 ||
      window[2] < 1 || stride[1] < 1 || stride[2] < 1 || y->shape.d[0] != x->shape.d[0] ||
      y->shape.d[3] != x->shape.d[3])
    return OP_FAIL(c, INVALID_ARGUMENT, "shapes or windows do not fit a pool over images");
  int64_t h = x->shape.d[1], w = x->shape.d[2], k = x->shape.d[3], oh = y->shape.d[1],
          ow = y->shape.d[2];
  int64_t top = pad_before(h, oh, window[1], stride[1], same),
          left = pad_before(w, ow, window[2], stride[2], same);
  tensor_t *dx;
  TRY(op_out(c, 0, &x->shape, &dx));
  memset(dx->data, 0, tensor_bytes(dx));
  const float *from = x->data, *grad = dy->data;
  for (int64_t at = 0, n = tensor_elements(y); at < n; at++) {
    int64_t ch = at % k, ox = at / k % ow, oy = at / k / ow % oh, b = at / k / ow / oh, best = -1;
    for (int64_t i = 0; i < window[1] * window[2]; i++) {
      int64_t yy = oy * stride[1] - top + i / window[2], xx = ox * stride[2] - left + i % window[2];
      if (yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
      int64_t here = ((b * h + yy) * w + xx) * k + ch;
      if (best < 0 || from[here] > from[best]) best = here;
    }
    if (best >= 0) TENSOR_DATA(float, dx)[best] += grad[at];
  }
  return NULL;
}

#define FEATURES(NAME)                                                                    \
  {                                                                                       \
    .name = NAME, .sig = "gradients: T, features: T -> backprops: T", .attrs = "T: type", \
    .infer = infer_same, .kernel = grad_kernel                                            \
  }
#define OUTPUTS(NAME)                                                                    \
  {                                                                                      \
    .name = NAME, .sig = "gradients: T, outputs: T -> backprops: T", .attrs = "T: type", \
    .infer = infer_same, .kernel = grad_kernel                                           \
  }
#define RESULT(NAME)                                                                     \
  {                                                                                      \
    .name = NAME, .sig = "y: T, dy: T -> z: T", .attrs = "T: type", .infer = infer_same, \
    .kernel = grad_kernel                                                                \
  }

const op_def_t ops_grads[] = {
    FEATURES("ReluGrad"),
    FEATURES("Relu6Grad"),
    OUTPUTS("EluGrad"),
    OUTPUTS("SeluGrad"),
    FEATURES("SoftplusGrad"),
    FEATURES("SoftsignGrad"),
    RESULT("SigmoidGrad"),
    RESULT("TanhGrad"),
    RESULT("SqrtGrad"),
    RESULT("RsqrtGrad"),
    RESULT("ReciprocalGrad"),
    RESULT("InvGrad"),
    {.name = "SoftmaxCrossEntropyWithLogits",
     .sig = "features: T, labels: T -> loss: T, backprop: T",
     .attrs = "T: type",
     .infer = entropy_infer,
     .kernel = entropy_kernel},
    {.name = "SparseSoftmaxCrossEntropyWithLogits",
     .sig = "features: T, labels: Tlabels -> loss: T, backprop: T",
     .attrs = "T: type; Tlabels: type = int64",
     .infer = entropy_infer,
     .kernel = entropy_kernel},
    {.name = "MaxPoolGrad",
     .sig = "orig_input: T, orig_output: T, grad: T -> output: T",
     .attrs = "ksize: list(int); strides: list(int); padding: string; explicit_paddings: "
              "list(int) = []; data_format: string = 'NHWC'; T: type = float",
     .infer = pool_infer,
     .kernel = pool_kernel,
     .note = "NHWC, SAME or VALID"},
    {0},
};
