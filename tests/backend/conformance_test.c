// One suite for the layer interface: ref against TensorFlow's numbers, every other backend against
// ref, in every float type, with static and dynamic shapes, on one thread and several.
#include "backend/cases.h"
#include "network/network.h"

// What a backend may differ from ref by, relative to max(1, |ref|), for kernels that round once per
// step: float32 sums of up to a few hundred products; half and bfloat16 inputs, float accumulation.
static double tolerance(dtype_t f) { return f == DT_HALF ? 4e-3 : f == DT_BFLOAT16 ? 3e-2 : 2e-5; }

typedef struct expected {
  const char *name;
  int port;
  shape_t shape;
  const double *numbers;
} expected_t;

#define DIMS(...)                                                              \
  {                                                                            \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ } \
  }
#define NUMBERS(...) ((const double[]){__VA_ARGS__})
#define EXPECTED(name, port, dims, numbers) {name, port, dims, numbers},
static const expected_t expectations[] = {
#include "backend/expected.inc"
};

static void build_case(const layer_case_t *k, dtype_t f, bool dynamic, case_ctx_t *c) {
  *c = (case_ctx_t){.n = network_create(k->name), .f = f, .dynamic = dynamic};
  k->build(c);
  assert_ok(network_infer(c->n));
  network_compact(c->n);
}

static void ref_is_tensorflow(void **state) {
  (void)state;
  const backend_t *ref = backend_find("ref");
  int checked = 0;
  for (int i = 0; i < N_LAYER_CASES; i++) {
    tensor_t got[4];
    case_ctx_t c;
    build_case(&layer_cases[i], DT_FLOAT, i % 2, &c);
    assert_ok(run_network(ref, c.n, c.shapes, 1, got));
    for (size_t e = 0; e < sizeof expectations / sizeof *expectations; e++) {
      const expected_t *x = &expectations[e];
      if (strcmp(x->name, layer_cases[i].name) != 0) continue;
      checked++;
      assert_true(x->port < c.n->n_outputs);
      const tensor_t *t = &got[x->port];
      if (!shape_equal(&t->shape, &x->shape)) fail_msg("%s: shape", x->name);
      int64_t n = tensor_elements(t);
      for (int64_t j = 0; j < n; j++)
        if (!(fabs(tensor_number_at(t, j) - x->numbers[j]) <=
              2e-6 * fmax(1, fabs(x->numbers[j])) + 2e-6))
          fail_msg("%s:%d[%d]: %.9g, TensorFlow has %.9g", x->name, x->port, (int)j,
                   tensor_number_at(t, j), x->numbers[j]);
    }
    for (int o = 0; o < c.n->n_outputs; o++) tensor_unref(&got[o]);
    network_destroy(c.n);
  }
  assert_true(checked >= N_LAYER_CASES);
}

static bool all_supported(const backend_t *b, const network_t *n) {
  char why[256] = "";
  for (int i = 0; i < n->n_layers; i++)
    if (!b->supports(n->layers[i], why, sizeof why)) {
      print_message("%s does not take %s: %s\n", b->name, n->name, why);
      return false;
    }
  return true;
}

static void compare_built(const backend_t *b, const layer_case_t *k, case_ctx_t *c, dtype_t f,
                          bool dynamic, int threads) {
  tensor_t want[4], got[4];
  status_t st = run_network(backend_find("ref"), c->n, c->shapes, 1, want);
  if (st) fail_msg("%s %s: ref: %s", k->name, dtype_name(f), status_message(st));
  if (all_supported(b, c->n)) {
    st = run_network(b, c->n, c->shapes, threads, got);
    if (st) fail_msg("%s %s: %s: %s", k->name, dtype_name(f), b->name, status_message(st));
    for (int o = 0; o < c->n->n_outputs; o++) {
      int64_t at = differs_at(&got[o], &want[o], tolerance(f));
      if (at >= 0)
        fail_msg("%s %s%s, %d threads: %s has %.9g at %d:%d, ref %.9g", k->name, dtype_name(f),
                 dynamic ? " dynamic" : "", threads, b->name, tensor_number_at(&got[o], at), o,
                 (int)at, tensor_number_at(&want[o], at));
      tensor_unref(&got[o]);
    }
  }
  for (int o = 0; o < c->n->n_outputs; o++) tensor_unref(&want[o]);
  network_destroy(c->n);
}

static void compare(const backend_t *b, const layer_case_t *k, dtype_t f, bool dynamic,
                    int threads) {
  case_ctx_t c;
  build_case(k, f, dynamic, &c);
  compare_built(b, k, &c, f, dynamic, threads);
}

// A float32 network in mode BF16: which tensors are in 16 bits is the network's, so both backends
// compute the same; numbers that decide (indices, comparisons) are not asked for their last bits.
static void compare_in_bf16(const backend_t *b, const layer_case_t *k, int threads) {
  case_ctx_t c;
  build_case(k, DT_FLOAT, threads > 1, &c);
  c.n->half = HALF_BFLOAT16;
  compare_built(b, k, &c, DT_BFLOAT16, threads > 1, threads);
}

static void backends_agree_with_ref(void **state) {
  (void)state;
  const backend_t *b;
  for (int i = 0; (b = backend_at(i)); i++) {
    status_t st = b->probe();
    bool absent = st != NULL;
    status_free(st);
    if (absent || strcmp(b->name, "ref") == 0) continue;
    print_message("%s: %d cases against ref\n", b->name, (int)N_LAYER_CASES);
    for (int k = 0; k < N_LAYER_CASES; k++) {
      static const dtype_t types[] = {DT_FLOAT, DT_HALF, DT_BFLOAT16};
      for (int t = 0; t < 3; t++) compare(b, &layer_cases[k], types[t], false, 1);
      compare(b, &layer_cases[k], DT_FLOAT, true, 2);
      for (int threads = 1; threads <= 2; threads++) compare_in_bf16(b, &layer_cases[k], threads);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ref_is_tensorflow),
      cmocka_unit_test(backends_agree_with_ref),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
