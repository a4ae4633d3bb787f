// Means, transposed convolutions and products of activations between QUANTIZE and DEQUANTIZE: the
// passes must make one layer on 8-bit tensors of each, ref gives what the loops here give, and
// every other backend what ref gives. Where a mean's steps are its input's it often lies in the
// middle between two: there all must agree.
#include "backend/int8_agreement.h"
#include "network/network.h"

enum { MEAN, DECONV, PRODUCT };

typedef struct steps {
  dtype_t type;
  float scale;
  int zero;
} steps_t;

typedef struct layer_case {
  const char *name;
  int kind;
  shape_t x, b;  // b: of a product's second operand, or a filter
  steps_t from, to;
  layer_params_t p;
  bool reduce;
  shape_t y;  // of a transposed convolution
} layer_case_t;

#define DIMS(...)                                                            \
  {                                                                          \
    .rank = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .d = { __VA_ARGS__ } \
  }
#define U8(s, z) \
  { DT_UINT8, s, z }
#define S8(s) \
  { DT_INT8, s, 0 }
#define FLOATS \
  { DT_FLOAT, 0, 0 }

#define POOL(last, w, s, is_same, counted)        \
  .p.pool = {.spatial = 2,                        \
             .channels_last = last,               \
             .window = {w, w},                    \
             .strides = {s, s},                   \
             .pad_begin = {(counted) ? 1 : 0, 0}, \
             .pad_end = {0, (counted) ? 1 : 0},   \
             .same = is_same,                     \
             .count_padding = counted}
#define MEAN_OVER(keep, n, ...) \
  .reduce = true, .p.reduce = {REDUCE_MEAN, keep}, .p.n_axes = n, .p.axes = {__VA_ARGS__}
#define WINDOW(sp, last, is_same, sx, sy, sz, pad, bias, ...) \
  .p.conv = {.spatial = sp,                                   \
             .channels_last = last,                           \
             .strides = {sx, sy, sz},                         \
             .dilations = {1, 1, 1},                          \
             .pad_begin = {pad, pad, pad},                    \
             .same = is_same,                                 \
             .groups = 1,                                     \
             .has_bias = bias,                                \
             .act = {__VA_ARGS__}}

static const float B_SCALE = 0.013f;

static const layer_case_t cases[] = {
    {.name = "average, same steps",
     .x = DIMS(2, 9, 8, 70),
     .from = U8(0.031f, 7),
     .to = U8(0.031f, 7),
     POOL(true, 2, 2, false, false)},
    {.name = "average of 6, same steps, signed",
     .x = DIMS(2, 9, 8, 19),
     .from = S8(0.031f),
     .to = S8(0.031f),
     POOL(true, 3, 1, true, false)},
    {.name = "average",
     .x = DIMS(3, 17, 21, 130),
     .from = U8(0.031f, 0),
     .to = U8(0.023f, 11),
     POOL(true, 3, 1, true, false)},
    {.name = "average, padding counts",
     .x = DIMS(2, 7, 80, 64),
     .from = U8(0.031f, 200),
     .to = S8(0.017f),
     POOL(true, 3, 2, false, true)},
    {.name = "average to floats",
     .x = DIMS(2, 7, 6, 65),
     .from = S8(0.031f),
     .to = FLOATS,
     POOL(true, 3, 2, true, false)},
    {.name = "average, channels first",
     .x = DIMS(2, 11, 9, 8),
     .from = U8(0.031f, 90),
     .to = U8(0.041f, 77),
     POOL(false, 3, 2, true, false)},
    {.name = "average of a large window",
     .x = DIMS(1, 40, 41, 67),
     .from = U8(0.031f, 0),
     .to = U8(0.011f, 3),
     POOL(true, 39, 1, false, false)},
    {.name = "mean of images",
     .x = DIMS(2, 9, 70, 129),
     .from = U8(0.031f, 3),
     .to = S8(0.016f),
     MEAN_OVER(false, 2, 1, 2)},
    {.name = "mean of images, few channels",
     .x = DIMS(2, 9, 7, 5),
     .from = S8(0.031f),
     .to = U8(0.016f, 127),
     MEAN_OVER(true, 2, 2, 1)},
    {.name = "mean, channels first",
     .x = DIMS(2, 23, 9, 7),
     .from = U8(0.031f, 3),
     .to = U8(0.016f, 9),
     MEAN_OVER(false, 2, -1, -2)},
    {.name = "mean of all",
     .x = DIMS(5, 77),
     .from = S8(0.031f),
     .to = FLOATS,
     MEAN_OVER(false, 2, 0, 1)},
    {.name = "transposed",
     .kind = DECONV,
     .x = DIMS(2, 5, 4, 9),
     .b = DIMS(3, 3, 34, 9),
     .y = DIMS(2, 10, 8, 34),
     .from = U8(0.031f, 0),
     .to = U8(0.029f, 120),
     WINDOW(2, true, true, 2, 2, 1, 0, true, true, UNARY_RELU, 0, 0)},
    {.name = "transposed, zero point, stride 1",
     .kind = DECONV,
     .x = DIMS(1, 6, 7, 16),
     .b = DIMS(4, 3, 7, 16),
     .y = DIMS(1, 6, 7, 7),
     .from = U8(0.031f, 77),
     .to = S8(0.05f),
     WINDOW(2, true, true, 1, 1, 1, 0, false, false)},
    {.name = "transposed, gaps, strides of their own",
     .kind = DECONV,
     .x = DIMS(2, 4, 3, 5),
     .b = DIMS(2, 1, 12, 5),
     .y = DIMS(2, 13, 6, 12),
     .from = S8(0.031f),
     .to = FLOATS,
     WINDOW(2, true, false, 3, 2, 1, 0, true, false)},
    {.name = "transposed, padded, gelu",
     .kind = DECONV,
     .x = DIMS(2, 5, 5, 8),
     .b = DIMS(4, 4, 8, 8),
     .y = DIMS(2, 11, 11, 8),
     .from = U8(0.031f, 3),
     .to = U8(0.02f, 9),
     WINDOW(2, true, false, 2, 2, 1, 1, true, true, UNARY_GELU_ERF, 0, 0)},
    {.name = "transposed, channels first",
     .kind = DECONV,
     .x = DIMS(2, 6, 4, 5),
     .b = DIMS(3, 3, 11, 6),
     .y = DIMS(2, 11, 8, 10),
     .from = U8(0.031f, 60),
     .to = S8(0.05f),
     WINDOW(2, false, true, 2, 2, 1, 0, true, false)},
    {.name = "transposed along a line",
     .kind = DECONV,
     .x = DIMS(2, 9, 6),
     .b = DIMS(5, 4, 6),
     .y = DIMS(2, 18, 4),
     .from = S8(0.031f),
     .to = S8(0.05f),
     WINDOW(1, true, true, 2, 1, 1, 0, false, false)},
    {.name = "transposed volume",
     .kind = DECONV,
     .x = DIMS(1, 3, 2, 4, 5),
     .b = DIMS(3, 2, 3, 6, 5),
     .y = DIMS(1, 6, 4, 4, 6),
     .from = U8(0.031f, 0),
     .to = U8(0.05f, 128),
     WINDOW(3, true, true, 2, 2, 1, 0, true, false)},
    {.name = "transposed volume, gaps",
     .kind = DECONV,
     .x = DIMS(1, 5, 6, 2, 2),
     .b = DIMS(2, 5, 3, 11, 2),
     .y = DIMS(1, 18, 11, 5, 11),
     .from = U8(0.031f, 89),
     .to = U8(0.038f, 217),
     WINDOW(3, true, true, 4, 2, 4, 0, false, false)},
    {.name = "transposed, gaps between rows, relu",
     .kind = DECONV,
     .x = DIMS(2, 4, 3, 66),
     .b = DIMS(1, 4, 16, 66),
     .y = DIMS(2, 10, 9, 16),
     .from = S8(0.031f),
     .to = FLOATS,
     WINDOW(2, true, true, 3, 3, 1, 0, true, true, UNARY_RELU, 0, 0)},
    {.name = "transposed to one channel along a line",
     .kind = DECONV,
     .x = DIMS(1, 16, 4),
     .b = DIMS(1, 1, 16),
     .y = DIMS(1, 1, 4),
     .from = S8(0.031f),
     .to = FLOATS,
     WINDOW(1, false, false, 1, 1, 1, 0, true, true, UNARY_GELU_ERF, 0, 0)},
    {.name = "transposed, stride beyond the image",
     .kind = DECONV,
     .x = DIMS(2, 1, 1, 3),
     .b = DIMS(2, 3, 4, 3),
     .y = DIMS(2, 2, 3, 4),
     .from = U8(0.031f, 12),
     .to = FLOATS,
     WINDOW(2, true, false, 1 << 15, 1 << 15, 1, 0, true, false)},
    {.name = "product",
     .kind = PRODUCT,
     .x = DIMS(2, 3, 10, 37),
     .b = DIMS(2, 3, 37, 21),
     .from = U8(0.031f, 0),
     .to = U8(0.09f, 100)},
    {.name = "product, both transposed",
     .kind = PRODUCT,
     .x = DIMS(4, 37, 10),
     .b = DIMS(4, 65, 37),
     .from = S8(0.031f),
     .to = S8(0.09f),
     .p.matmul = {.transpose_a = true, .transpose_b = true, .scale = 0.7f}},
    {.name = "product, one second operand, zero point",
     .kind = PRODUCT,
     .x = DIMS(3, 1, 40, 16),
     .b = DIMS(2, 16, 33),
     .from = U8(0.031f, 131),
     .to = FLOATS},
    {.name = "product of two matrices, relu",
     .kind = PRODUCT,
     .x = DIMS(40, 64),
     .b = DIMS(50, 64),
     .from = S8(0.031f),
     .to = U8(0.09f, 0),
     .p.matmul = {.transpose_b = true, .act = {true, UNARY_RELU, 0, 0}}},
};
enum { N_CASES = sizeof cases / sizeof *cases };

// ---------------------------------------------------------------- numbers

static int x_number(const layer_case_t *k, int64_t i) {
  double low = k->from.type == DT_INT8 ? -128 : 0;
  return (int)floor(low + random_unit(3, (uint32_t)i) * 256);
}
static int x_steps(const layer_case_t *k, int64_t i) { return x_number(k, i) - k->from.zero; }
static int b_number(int64_t i) { return (int)floor(-127 + random_unit(4, (uint32_t)i) * 254); }
static float map_scale(int64_t m) { return 0.004f + 0.0003f * (float)(m % 7); }
static float bias_at(int64_t m) { return 0.3f * (float)(m % 5) - 0.5f; }

// ---------------------------------------------------------------- the network

static net_tensor_t *convert(network_t *n, layer_type_t type, net_tensor_t *x, net_tensor_t *scale,
                             dtype_t to, int axis, int zero) {
  layer_params_t p = {.quantize = {.axis = axis, .zero_point = zero}};
  return net_layer1(n, type, 2, (net_tensor_t *[]){x, scale}, to, &p);
}

static net_tensor_t *numbers(network_t *n, int seed, const steps_t *s, const shape_t *shape) {
  int low = s->type == DT_INT8 ? seed == 4 ? -127 : -128 : 0, high = low + (seed == 4 ? 254 : 256);
  return convert(n, LAYER_DEQUANTIZE, random_input(n, seed, s->type, shape, low, high),
                 network_const_scalar(n, "scale", DT_FLOAT, (double)s->scale), DT_FLOAT, -1,
                 s->zero);
}

static net_tensor_t *filter(network_t *n, const layer_case_t *k) {
  int64_t maps = k->b.d[k->b.rank - 2];
  shape_t v = SHAPE(maps);
  tensor_t w, scale;
  assert_ok(tensor_alloc(DT_INT8, &k->b, &w));
  assert_ok(tensor_alloc(DT_FLOAT, &v, &scale));
  for (int64_t i = 0; i < tensor_elements(&w); i++)
    TENSOR_DATA(int8_t, &w)[i] = (int8_t)b_number(i);
  for (int64_t m = 0; m < maps; m++) TENSOR_DATA(float, &scale)[m] = map_scale(m);
  net_tensor_t *t =
      convert(n, LAYER_DEQUANTIZE, network_add_constant(n, "w", &w, NULL),
              network_add_constant(n, "scales", &scale, NULL), DT_FLOAT, k->b.rank - 2, 0);
  tensor_unref(&w);
  tensor_unref(&scale);
  return t;
}

static net_tensor_t *bias(network_t *n, int64_t maps) {
  shape_t v = SHAPE(maps);
  tensor_t b;
  assert_ok(tensor_alloc(DT_FLOAT, &v, &b));
  for (int64_t m = 0; m < maps; m++) TENSOR_DATA(float, &b)[m] = bias_at(m);
  net_tensor_t *t = network_add_constant(n, "bias", &b, NULL);
  tensor_unref(&b);
  return t;
}

static network_t *build(const layer_case_t *k, shape_t *shapes) {
  static const steps_t second = {DT_INT8, B_SCALE, 0};
  network_t *n = network_create(k->name);
  net_tensor_t *in[4];
  layer_type_t type = k->reduce           ? LAYER_REDUCE
                      : k->kind == MEAN   ? LAYER_POOL
                      : k->kind == DECONV ? LAYER_DECONV
                                          : LAYER_MATMUL;
  int count = 1;
  n->int8 = true;
  shapes[0] = k->x;
  shapes[1] = k->b;
  in[0] = numbers(n, 3, &k->from, &k->x);
  if (k->kind == PRODUCT) in[count++] = numbers(n, 4, &second, &k->b);
  if (k->kind == DECONV) {
    int spatial = k->p.conv.spatial;
    in[count++] = filter(n, k);
    in[count++] = network_const_ints(n, "size", DT_INT32, spatial,
                                     k->y.d + (k->p.conv.channels_last ? 1 : 2));
    if (k->p.conv.has_bias) in[count++] = bias(n, k->b.d[k->b.rank - 2]);
  }
  net_tensor_t *y = net_layer1(n, type, count, in, DT_FLOAT, &k->p);
  if (k->to.type != DT_FLOAT)
    y = convert(n, LAYER_QUANTIZE, y,
                network_const_scalar(n, "scale", DT_FLOAT, (double)k->to.scale), k->to.type, -1,
                k->to.zero);
  network_mark_output(n, y);
  assert_ok(network_infer(n));
  network_compact(n);
  return n;
}

// ---------------------------------------------------------------- what it must give

static void index_of(const shape_t *s, int64_t at, int64_t *index) {
  for (int i = s->rank - 1; i >= 0; i--) index[i] = at % s->d[i], at /= s->d[i];
}
static int64_t place(const shape_t *s, const int64_t *index) {
  int64_t at = 0;
  for (int i = 0; i < s->rank; i++) at = at * s->d[i] + index[i];
  return at;
}

// In steps of the input.
static double pool_at(const layer_case_t *k, const shape_t *y, int64_t at) {
  int first = k->p.pool.channels_last ? 1 : 2;
  int64_t o[SHAPE_MAX_RANK], i[SHAPE_MAX_RANK], before[2], unused, sum = 0, count = 0;
  index_of(y, at, o);
  memcpy(i, o, sizeof i);
  for (int d = 0; d < 2; d++)
    conv_geometry(k->x.d[first + d], k->p.pool.window[d], k->p.pool.strides[d], 1, k->p.pool.same,
                  k->p.pool.pad_begin[d], k->p.pool.pad_end[d], &unused, &before[d]);
  for (int64_t a = 0; a < k->p.pool.window[0]; a++)
    for (int64_t b = 0; b < k->p.pool.window[1]; b++) {
      i[first] = o[first] * k->p.pool.strides[0] + a - before[0];
      i[first + 1] = o[first + 1] * k->p.pool.strides[1] + b - before[1];
      bool inside = i[first] >= 0 && i[first] < k->x.d[first] && i[first + 1] >= 0 &&
                    i[first + 1] < k->x.d[first + 1];
      count += inside || k->p.pool.count_padding;
      if (inside) sum += x_steps(k, place(&k->x, i));
    }
  return (double)sum / (double)count;
}

static double mean_at(const layer_case_t *k, int64_t at) {
  bool reduced[SHAPE_MAX_RANK] = {false};
  shape_t kept = k->x;
  int64_t i[SHAPE_MAX_RANK], sum = 0, count = 0, n = shape_elements(&k->x);
  for (int a = 0; a < k->p.n_axes; a++)
    reduced[k->p.axes[a] < 0 ? k->p.axes[a] + k->x.rank : k->p.axes[a]] = true;
  for (int d = 0; d < k->x.rank; d++)
    if (reduced[d]) kept.d[d] = 1;
  for (int64_t e = 0; e < n; e++) {
    index_of(&k->x, e, i);
    for (int d = 0; d < k->x.rank; d++)
      if (reduced[d]) i[d] = 0;
    if (place(&kept, i) != at) continue;
    sum += x_steps(k, e);
    count++;
  }
  return (double)sum / (double)count;
}

// Every input point adds its window: what the layer is the gradient of.
static double *deconv_all(const layer_case_t *k) {
  const conv_params_t *p = &k->p.conv;
  const int sp = p->spatial, first = p->channels_last ? 1 : 2, ch = p->channels_last ? sp + 1 : 1;
  int64_t maps = k->b.d[sp], taps = 1, points = 1;
  double *y = mem_calloc((size_t)shape_elements(&k->y), sizeof *y);
  for (int d = 0; d < sp; d++) taps *= k->b.d[d], points *= k->x.d[first + d];
  for (int64_t b = 0; b < k->x.d[0]; b++)
    for (int64_t point = 0; point < points; point++)
      for (int64_t tap = 0; tap < taps; tap++) {
        int64_t i[SHAPE_MAX_RANK] = {b}, o[SHAPE_MAX_RANK] = {b}, a = point, t = tap;
        bool inside = true;
        for (int d = sp - 1; d >= 0; d--) {
          int64_t unused, before;
          conv_geometry(k->y.d[first + d], k->b.d[d], p->strides[d], 1, p->same, p->pad_begin[d],
                        p->pad_end[d], &unused, &before);
          i[first + d] = a % k->x.d[first + d], a /= k->x.d[first + d];
          o[first + d] = i[first + d] * p->strides[d] + t % k->b.d[d] - before, t /= k->b.d[d];
          inside = inside && o[first + d] >= 0 && o[first + d] < k->y.d[first + d];
        }
        for (int64_t m = 0; m < maps && inside; m++)
          for (int64_t c = 0; c < k->x.d[ch]; c++) {
            i[ch] = c, o[ch] = m;
            y[place(&k->y, o)] +=
                x_steps(k, place(&k->x, i)) * b_number((tap * maps + m) * k->x.d[ch] + c);
          }
      }
  for (int64_t e = 0; e < shape_elements(&k->y); e++) {
    int64_t o[SHAPE_MAX_RANK];
    index_of(&k->y, e, o);
    y[e] *= (double)k->from.scale * (double)map_scale(o[ch]);
    if (p->has_bias) y[e] += (double)bias_at(o[ch]);
    if (p->act.on) y[e] = unary_eval(p->act.op, y[e], p->act.alpha, p->act.beta);
  }
  return y;
}

static double product_at(const layer_case_t *k, const shape_t *y, int64_t at) {
  bool ta = k->p.matmul.transpose_a, tb = k->p.matmul.transpose_b;
  int64_t o[SHAPE_MAX_RANK], a[SHAPE_MAX_RANK] = {0}, b[SHAPE_MAX_RANK] = {0};
  int ra = k->x.rank, rb = k->b.rank;
  index_of(y, at, o);
  for (int d = 0; d < y->rank - 2; d++) {
    int da = d - (y->rank - ra), db = d - (y->rank - rb);
    if (da >= 0) a[da] = k->x.d[da] == 1 ? 0 : o[d];
    if (db >= 0) b[db] = k->b.d[db] == 1 ? 0 : o[d];
  }
  int64_t sum = 0, depth = k->x.d[ta ? ra - 2 : ra - 1];
  a[ta ? ra - 1 : ra - 2] = o[y->rank - 2];
  b[tb ? rb - 2 : rb - 1] = o[y->rank - 1];
  for (int64_t i = 0; i < depth; i++) {
    a[ta ? ra - 2 : ra - 1] = b[tb ? rb - 1 : rb - 2] = i;
    sum += x_steps(k, place(&k->x, a)) * b_number(place(&k->b, b));
  }
  double v = (double)sum * (double)k->from.scale * (double)B_SCALE;
  if (k->p.matmul.scale != 0) v *= (double)k->p.matmul.scale;
  return k->p.matmul.act.on ? unary_eval(k->p.matmul.act.op, v, 0, 0) : v;
}

static bool exact(const layer_case_t *k) {
  return k->kind == MEAN && k->to.type != DT_FLOAT && k->from.scale == k->to.scale;
}

// In steps of the output; of float outputs, the value.
static double *expected(const layer_case_t *k, const shape_t *y) {
  int64_t n = shape_elements(y);
  double *v = k->kind == DECONV ? deconv_all(k) : mem_calloc((size_t)n, sizeof *v);
  double from = k->kind == MEAN ? (double)k->from.scale : 1;
  double to = k->to.type == DT_FLOAT ? 1 : (double)k->to.scale;
  for (int64_t i = 0; i < n; i++) {
    if (k->kind == PRODUCT) v[i] = product_at(k, y, i);
    if (k->kind == MEAN) v[i] = k->reduce ? mean_at(k, i) : pool_at(k, y, i);
    if (!exact(k)) v[i] = v[i] * from / to;
  }
  return v;
}

static void ref_sums_exactly(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const layer_case_t *k = &cases[i];
    shape_t shapes[2];
    tensor_t got[1];
    network_t *n = build(k, shapes);
    assert_ok(run_network(backend_find("ref"), n, shapes, 1, got));
    int64_t middles = 0;
    double *want = expected(k, &got[0].shape), low = k->to.type == DT_INT8 ? -128 : 0;
    for (int64_t at = 0; at < tensor_elements(&got[0]); at++) {
      double v = tensor_number_at(&got[0], at), edge = fabs(want[at] - floor(want[at]) - 0.5);
      double q = rint(want[at]) + k->to.zero;
      q = q < low ? low : q > low + 255 ? low + 255 : q;
      middles += edge == 0;
      if (k->to.type == DT_FLOAT) {
        if (!(fabs(v - want[at]) <= 1e-5 * fmax(1, fabs(want[at]))))
          fail_msg("%s[%d]: %.9g, not %.9g", k->name, (int)at, v, want[at]);
      } else if (v != q && (edge > 1e-5 || exact(k))) {
        fail_msg("%s[%d]: %g, not %g", k->name, (int)at, v, q);
      }
    }
    if (exact(k)) assert_true(middles > 10);
    mem_free(want);
    tensor_unref(&got[0]);
    network_destroy(n);
  }
}

static void passes_make_one_layer(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    const layer_case_t *k = &cases[i];
    shape_t shapes[2];
    network_t *n = build(k, shapes);
    network_options_t o = {.struct_size = sizeof o, .fuse = true};
    assert_ok(network_optimize(n, &o));
    if (n->n_layers != 1) fail_msg("%s: %d layers", k->name, n->n_layers);
    assert_int_equal(n->layers[0]->in[0]->dtype, k->from.type);
    assert_int_equal(n->layers[0]->out[0]->dtype, k->to.type);
    network_destroy(n);
  }
}

static void backends_agree_with_ref(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++) {
    shape_t shapes[2];
    network_t *n = build(&cases[i], shapes);
    agreement_t how = {.exact = exact(&cases[i]), .one_off = 200};
    assert_backends_agree(cases[i].name, n, shapes, how);
    network_destroy(n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ref_sums_exactly),
      cmocka_unit_test(passes_make_one_layer),
      cmocka_unit_test(backends_agree_with_ref),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
