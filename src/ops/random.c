// Stateless random numbers: the same as TensorFlow's for the same seed, or key and counter.
#include <inttypes.h>
#include <string.h>

#include "kernels/philox.h"
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

static status_t fill(op_ctx_t *c, philox_t p) {
  int64_t d[SHAPE_MAX_RANK];
  int n;
  TRY(op_ints(c, 0, d, SHAPE_MAX_RANK, &n));
  for (int i = 0; i < n; i++)
    if (d[i] < 0) return OP_FAIL(c, INVALID_ARGUMENT, "dimension %" PRId64 " must be >= 0", d[i]);
  shape_t s = shape_of(n, d);
  tensor_t *y;
  TRY(op_out(c, 0, &s, &y));
  bool normal = strstr(c->node->op, "Normal") != NULL;
  if (!philox_fill(p, normal, y->dtype, y->data, tensor_elements(y)))
    return OP_FAIL(c, UNIMPLEMENTED, "no kernel for %s", dtype_name(y->dtype));
  return NULL;
}

static status_t kernel_v1(op_ctx_t *c) {
  uint64_t key = 0, high = 0;
  TRY(scramble(c, 1, &key, &high));
  return fill(c, philox_make(key, 0, high));
}

static status_t kernel_v2(op_ctx_t *c) {
  int64_t alg;
  TRY(op_int(c, 3, &alg));
  if (alg != 1 && alg != 3)  // Philox, or "choose for me": Philox on CPUs
    return OP_FAIL(c, UNIMPLEMENTED, "random algorithm %" PRId64 " is not supported", alg);
  if (tensor_elements(&c->in[1]) != 1 || tensor_elements(&c->in[2]) < 2)
    return OP_FAIL(c, INVALID_ARGUMENT, "the key must have shape [1] and the counter shape [2]");
  return fill(c, philox_make(word(&c->in[1], 0), word(&c->in[2], 0), word(&c->in[2], 1)));
}

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
    {.name = "StatelessRandomGetAlg",
     .sig = "-> alg: int32",
     .attrs = "",
     .infer = infer_scalar,
     .kernel = kernel_alg,
     .flags = OP_STATEFUL},
    {0},
};
