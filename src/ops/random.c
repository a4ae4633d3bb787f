// Random numbers: the same as TensorFlow's for the same seed, or key and counter.
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "kernels/philox.h"
#include "ops/array.h"
#include "ops/elements.h"
#include "ops/env.h"
#include "ops/math.h"

static status_t infer_shape_input(infer_ctx_t *c) {
  shape_t s;
  if (!infer_dims(c, 0, &s)) s = SHAPE_UNKNOWN;
  infer_out(c, 0, &s);
  return NULL;
}

static uint64_t word(const tensor_t *t, int64_t i) {
  return t->dtype == DT_INT32 ? (uint64_t)(int64_t)TENSOR_DATA(int32_t, t)[i]
                              : TENSOR_DATA(uint64_t, t)[i];
}

// A seed of two numbers, scrambled (under a key of TensorFlow's choice) into a key and the
// counter's upper half.
static status_t scramble(const op_ctx_t *c, int in, uint64_t *key, uint64_t *high) {
  const tensor_t *seed = &c->in[in];
  if (tensor_elements(seed) != 2 || (seed->dtype != DT_INT32 && seed->dtype != DT_INT64))
    return OP_FAIL(c, INVALID_ARGUMENT, "seed must have shape [2]");
  philox_t p = philox_make(UINT64_C(0x02461e293ec8f720), word(seed, 0), word(seed, 1));
  uint32_t mix[4];
  philox_next(&p, mix);
  *key = (uint64_t)mix[1] << 32 | mix[0];
  *high = (uint64_t)mix[3] << 32 | mix[2];
  return NULL;
}

// What an op's name says: ...Uniform, ...Normal, TruncatedNormal, UniformInt, UniformFullInt.
static philox_kind_t kind_of(const op_ctx_t *c) {
  const char *op = c->node->op;
  if (strstr(op, "FullInt")) return PHILOX_BITS;
  if (strstr(op, "Truncated")) return PHILOX_TRUNCATED;
  return strstr(op, "Normal") ? PHILOX_NORMAL : PHILOX_UNIFORM;
}

static status_t out_of_shape(op_ctx_t *c, tensor_t **y) {
  shape_t s;
  TRY(op_dims(c, 0, "dimension", &s));
  return op_out(c, 0, &s, y);
}

static status_t fill(op_ctx_t *c, philox_t p) {
  tensor_t *y;
  TRY(out_of_shape(c, &y));
  if (!philox_fill(p, kind_of(c), y->dtype, y->data, tensor_elements(y)))
    return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(y->dtype));
  return NULL;
}

// Integers in [minval, maxval), inputs `low` and low + 1.
static status_t fill_range(op_ctx_t *c, philox_t p, int low) {
  tensor_t *y;
  int64_t from, to;
  TRY(op_int(c, low, &from));
  TRY(op_int(c, low + 1, &to));
  TRY(out_of_shape(c, &y));
  if (from >= to && tensor_elements(y))
    return OP_FAIL(c, INVALID_ARGUMENT, "need minval < maxval, got %" PRId64 " >= %" PRId64, from,
                   to);
  if (!philox_fill(p, PHILOX_BITS, y->dtype, y->data, tensor_elements(y)))
    return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(y->dtype));
  uint64_t range = (uint64_t)to - (uint64_t)from;
  for (int64_t i = 0, n = tensor_elements(y); i < n; i++)
    if (dtype_size(y->dtype) == 8)
      TENSOR_DATA(uint64_t, y)[i] = (uint64_t)from + TENSOR_DATA(uint64_t, y)[i] % range;
    else
      TENSOR_DATA(uint32_t, y)
  [i] = (uint32_t)((uint64_t)from + TENSOR_DATA(uint32_t, y)[i] % (uint32_t)range);
  return NULL;
}

static status_t v1_generator(const op_ctx_t *c, int seed, philox_t *p) {
  uint64_t key = 0, high = 0;
  TRY(scramble(c, seed, &key, &high));
  *p = philox_make(key, 0, high);
  return NULL;
}

static status_t kernel_v1(op_ctx_t *c) {
  philox_t p;
  TRY(v1_generator(c, 1, &p));
  return fill(c, p);
}

static status_t kernel_v1_range(op_ctx_t *c) {
  philox_t p;
  TRY(v1_generator(c, 1, &p));
  return fill_range(c, p, 2);
}

// Inputs key, counter, alg from `first` on.
static status_t v2_generator(const op_ctx_t *c, int first, philox_t *p) {
  int64_t alg;
  const tensor_t *key = &c->in[first], *counter = &c->in[first + 1];
  TRY(op_int(c, first + 2, &alg));
  if (alg != 1 && alg != 3)  // Philox, or "choose for me": Philox on CPUs
    return OP_FAIL(c, UNIMPLEMENTED, "random algorithm %" PRId64 " is not supported", alg);
  if (tensor_elements(key) != 1 || tensor_elements(counter) < 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "the key must have shape [1] and the counter shape [2]");
  *p = philox_make(word(key, 0), word(counter, 0), word(counter, 1));
  return NULL;
}

static status_t kernel_v2(op_ctx_t *c) {
  philox_t p;
  TRY(v2_generator(c, 1, &p));
  return fill(c, p);
}

static status_t kernel_v2_range(op_ctx_t *c) {
  philox_t p;
  TRY(v2_generator(c, 1, &p));
  return fill_range(c, p, 4);
}

// ---------------------------------------------------------------- drawing classes

static status_t infer_multinomial(infer_ctx_t *c) {
  const shape_t *s = infer_in(c, 0);
  int64_t n;
  shape_t out = SHAPE(s->rank == 2 ? s->d[0] : -1, infer_int(c, 1, &n) && n >= 0 ? n : -1);
  TRY(infer_rank(c, 0, 2));
  infer_out(c, 0, &out);
  return NULL;
}

static status_t multinomial(op_ctx_t *c, philox_t p) {
  const tensor_t *x = &c->in[0];
  int64_t samples;
  TRY(op_int(c, 1, &samples));
  if (x->shape.rank != 2 || samples < 0)
    return OP_FAIL(c, INVALID_ARGUMENT, "logits must be a matrix, num_samples not negative");
  int64_t rows = x->shape.d[0], classes = x->shape.d[1];
  if (rows && !classes) return OP_FAIL(c, INVALID_ARGUMENT, "there are no classes");
  tensor_t *y, sums;
  shape_t s = SHAPE(rows, samples), width = SHAPE(classes);
  TRY(op_out(c, 0, &s, &y));
  TRY(op_temp(c, DT_DOUBLE, &width, &sums));
  double *cdf = TENSOR_DATA(double, &sums);
  philox_words_t w = {.p = p};
  for (int64_t r = 0; r < rows; r++) {
    double top = -INFINITY, total = 0;
    for (int64_t k = 0; k < classes; k++) {
      double v = tensor_number_at(x, r * classes + k);
      if (isfinite(v) && v > top) top = v;
    }
    for (int64_t k = 0; k < classes; k++) {
      double v = tensor_number_at(x, r * classes + k);
      if (isfinite(v)) total += exp(v - top);
      cdf[k] = total;
    }
    for (int64_t i = 0; i < samples; i++) {
      double find = philox_word_double(&w) * total;
      int64_t low = 0, high = classes;  // the first sum above it
      while (low < high) {
        int64_t mid = (low + high) / 2;
        if (find < cdf[mid])
          high = mid;
        else
          low = mid + 1;
      }
      index_set(y, r * samples + i, low);
    }
  }
  tensor_unref(&sums);
  return NULL;
}

static status_t kernel_stateless_multinomial(op_ctx_t *c) {
  philox_t p;
  TRY(v1_generator(c, 2, &p));
  return multinomial(c, p);
}

// ---------------------------------------------------------------- generators with a state

typedef struct generator {
  object_t base;
  pthread_mutex_t lock;
  philox_t p;
} generator_t;

static void generator_destroy(object_t *o) {
  pthread_mutex_destroy(&((generator_t *)o)->lock);
  mem_free(o);
}

static const object_type_t generator_type = {"Generator", generator_destroy};

// Seeds that are both 0 ask for numbers that nobody foresees.
static object_t *generator_make(void *arg) {
  const node_t *n = arg;
  uint64_t seed[2] = {(uint64_t)node_int(n, "seed", 0), (uint64_t)node_int(n, "seed2", 0)};
  if (!seed[0] && !seed[1] && getrandom(seed, sizeof seed, 0) != sizeof seed)
    seed[0] = (uint64_t)(uintptr_t)n;
  generator_t *g = mem_calloc(1, sizeof *g);
  g->base.type = &generator_type;
  atomic_init(&g->base.refs, 1);
  pthread_mutex_init(&g->lock, NULL);
  g->p = philox_make(seed[0], 0, seed[1]);
  return &g->base;
}

// The generator of this node, which then moves on by `words128` calls.
static status_t take_generator(op_ctx_t *c, uint64_t words128, philox_t *p) {
  if (!c->env || !c->env->resource)
    return OP_FAIL(c, FAILED_PRECONDITION, "there is no state outside a run");
  char *name = mem_printf("%s/%" PRId64 "/%" PRId64, c->node->name, node_int(c->node, "seed", 0),
                          node_int(c->node, "seed2", 0));
  object_t *o = c->env->resource(c->env, "_tftrt_random", name, generator_make, (void *)c->node);
  mem_free(name);
  generator_t *g = (generator_t *)o;
  if (!o) return OP_FAIL(c, INTERNAL, "there is no generator");
  pthread_mutex_lock(&g->lock);
  *p = g->p;
  philox_skip(&g->p, words128);
  pthread_mutex_unlock(&g->lock);
  object_unref(o);
  return NULL;
}

static status_t take_for_shape(op_ctx_t *c, philox_t *p) {
  shape_t s;
  TRY(op_dims(c, 0, "dimension", &s));
  int64_t n = shape_elements(&s);
  return take_generator(c, 256 * (uint64_t)(n < 0 ? 0 : n), p);
}

static status_t kernel_stateful(op_ctx_t *c) {
  philox_t p;
  TRY(take_for_shape(c, &p));
  return fill(c, p);
}

static status_t kernel_stateful_range(op_ctx_t *c) {
  philox_t p;
  TRY(take_for_shape(c, &p));
  return fill_range(c, p, 1);
}

static status_t kernel_multinomial(op_ctx_t *c) {
  philox_t p;
  int64_t n;
  TRY(op_int(c, 1, &n));
  int64_t rows = c->in[0].shape.rank > 0 ? c->in[0].shape.d[0] : 0;
  n = dim_mul(dim_mul(rows, n < 0 ? 0 : (n + 3) / 4 * 4), 512);
  TRY(take_generator(c, (uint64_t)(n < 0 ? 0 : n), &p));
  return multinomial(c, p);
}

static status_t kernel_shuffle(op_ctx_t *c) {
  const tensor_t *x = &c->in[0];
  tensor_t *y, order;
  philox_words_t w = {0};
  if (x->shape.rank < 1 || x->shape.d[0] < 2) {
    op_forward(c, 0, 0, &x->shape);
    return NULL;
  }
  int64_t n = x->shape.d[0], inner = elements_per_row(x);
  shape_t s = SHAPE(n);
  TRY(take_generator(c, (uint64_t)(n - 1 + 3) / 4, &w.p));
  TRY(op_out(c, 0, &x->shape, &y));
  TRY(op_temp(c, DT_INT64, &s, &order));
  int64_t *at = TENSOR_DATA(int64_t, &order);
  for (int64_t i = 0; i < n; i++) at[i] = i;
  for (int64_t i = 0; i + 1 < n; i++) {
    int64_t k = i + philox_word(&w) % (uint32_t)(n - i), t = at[i];
    at[i] = at[k];
    at[k] = t;
  }
  status_t st = NULL;
  for (int64_t i = 0; i < n && !st; i++) st = elements_copy(y, i * inner, x, at[i] * inner, inner);
  tensor_unref(&order);
  return st;
}

// ---------------------------------------------------------------- keys and counters

static status_t infer_key_counter(infer_ctx_t *c) {
  infer_out(c, 0, &(shape_t){.rank = 1, .d = {1}});
  infer_out(c, 1, &(shape_t){.rank = 1, .d = {2}});
  return NULL;
}

static status_t kernel_key_counter(op_ctx_t *c) {
  uint64_t key = 0, high = 0;
  TRY(scramble(c, 0, &key, &high));
  shape_t one = SHAPE(1), two = SHAPE(2);
  tensor_t *k, *counter;
  TRY(op_out(c, 0, &one, &k));
  TRY(op_out(c, 1, &two, &counter));
  TENSOR_DATA(uint64_t, k)[0] = key;
  TENSOR_DATA(uint64_t, counter)[0] = 0;
  TENSOR_DATA(uint64_t, counter)[1] = high;
  return NULL;
}

static status_t kernel_key_counter_alg(op_ctx_t *c) {
  TRY(kernel_key_counter(c));
  return op_out_ints(c, 2, 0, 1, (int64_t[]){1});
}

static status_t kernel_alg(op_ctx_t *c) {
  tensor_t *y;
  TRY(op_out(c, 0, &SHAPE_SCALAR, &y));
  *TENSOR_DATA(int32_t, y) = 1;
  return NULL;
}

#define V1(NAME)                                                          \
  {                                                                       \
    .name = NAME, .sig = "shape: T, seed: Tseed -> output: dtype",        \
    .attrs = "dtype: type = float; T: type = int32; Tseed: type = int64", \
    .infer = infer_shape_input, .kernel = kernel_v1                       \
  }
#define V2(NAME)                                                                      \
  {                                                                                   \
    .name = NAME,                                                                     \
    .sig =                                                                            \
        "shape: Tshape, key: uint64, counter: uint64, alg: int32 -> "                 \
        "output: dtype",                                                              \
    .attrs = "dtype: type = float; Tshape: type = int32", .infer = infer_shape_input, \
    .kernel = kernel_v2                                                               \
  }

#define V1_RANGE                                                                              \
  {                                                                                           \
    .name = "StatelessRandomUniformInt",                                                      \
    .sig = "shape: T, seed: Tseed, minval: dtype, maxval: dtype -> output: dtype",            \
    .attrs = "dtype: type; T: type = int32; Tseed: type = int64", .infer = infer_shape_input, \
    .kernel = kernel_v1_range                                                                 \
  }
#define V2_RANGE                                                                   \
  {                                                                                \
    .name = "StatelessRandomUniformIntV2",                                         \
    .sig =                                                                         \
        "shape: Tshape, key: uint64, counter: uint64, alg: int32, minval: dtype, " \
        "maxval: dtype -> output: dtype",                                          \
    .attrs = "dtype: type; Tshape: type = int32", .infer = infer_shape_input,      \
    .kernel = kernel_v2_range                                                      \
  }
#define STATEFUL(NAME)                                                                          \
  {                                                                                             \
    .name = NAME, .sig = "shape: T -> output: dtype",                                           \
    .attrs = "seed: int = 0; seed2: int = 0; dtype: type; T: type", .infer = infer_shape_input, \
    .kernel = kernel_stateful, .flags = OP_STATEFUL, .note = SEEDED                             \
  }
#define SEEDED "with seeds: TensorFlow's numbers from a fresh load on"

const op_def_t ops_random[] = {
    V1("StatelessRandomUniform"),
    V1("StatelessRandomNormal"),
    V2("StatelessRandomUniformV2"),
    V2("StatelessRandomNormalV2"),
    {.name = "StatelessRandomGetKeyCounter",
     .sig = "seed: Tseed -> key: uint64, counter: uint64",
     .attrs = "Tseed: type = int64",
     .infer = infer_key_counter,
     .kernel = kernel_key_counter},
    {.name = "StatelessRandomGetKeyCounterAlg",
     .sig = "seed: Tseed -> key: uint64, counter: uint64, alg: int32",
     .attrs = "Tseed: type = int64",
     .infer = infer_key_counter,
     .kernel = kernel_key_counter_alg},
    V1("StatelessTruncatedNormal"),
    V1("StatelessRandomUniformFullInt"),
    V2("StatelessTruncatedNormalV2"),
    V2("StatelessRandomUniformFullIntV2"),
    V1_RANGE,
    V2_RANGE,
    {.name = "StatelessMultinomial",
     .sig = "logits: T, num_samples: int32, seed: Tseed -> output: output_dtype",
     .attrs = "T: type; Tseed: type = int64; output_dtype: type = int64",
     .infer = infer_multinomial,
     .kernel = kernel_stateless_multinomial},
    STATEFUL("RandomUniform"),
    STATEFUL("RandomStandardNormal"),
    STATEFUL("TruncatedNormal"),
    {.name = "RandomUniformInt",
     .sig = "shape: T, minval: Tout, maxval: Tout -> output: Tout",
     .attrs = "seed: int = 0; seed2: int = 0; Tout: type; T: type",
     .infer = infer_shape_input,
     .kernel = kernel_stateful_range,
     .flags = OP_STATEFUL,
     .note = SEEDED},
    {.name = "Multinomial",
     .sig = "logits: T, num_samples: int32 -> output: output_dtype",
     .attrs = "seed: int = 0; seed2: int = 0; T: type; output_dtype: type = int64",
     .infer = infer_multinomial,
     .kernel = kernel_multinomial,
     .flags = OP_STATEFUL,
     .note = SEEDED},
    {.name = "RandomShuffle",
     .sig = "value: T -> output: T",
     .attrs = "seed: int = 0; seed2: int = 0; T: type",
     .infer = infer_same,
     .kernel = kernel_shuffle,
     .flags = OP_STATEFUL,
     .note = SEEDED},
    {.name = "StatelessRandomGetAlg",
     .sig = "-> alg: int32",
     .attrs = "",
     .infer = infer_scalar,
     .kernel = kernel_alg,
     .flags = OP_STATEFUL},
    {0},
};
