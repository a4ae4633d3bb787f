// Random inputs that Python can make too (tests/backend/make_expected.py), and running a network on
// a backend.
#ifndef TFTRT_TESTS_RUN_NETWORK_H
#define TFTRT_TESTS_RUN_NETWORK_H

#include <stdio.h>
#include <stdlib.h>

#include "engine/backend.h"
#include "test.h"

#define S(...) ((shape_t[]){SHAPE(__VA_ARGS__)})

// Element i of the input made with this seed, in [0, 1).
static inline double random_unit(uint32_t seed, uint32_t i) {
  uint32_t h = (i + 1) * 2654435761u + seed * 40503u;
  h ^= h >> 15;
  h *= 2246822519u;
  h ^= h >> 13;
  return (h >> 8) / 16777216.0;
}

// Floats in [lo, hi), integers too.
static inline tensor_t random_tensor(dtype_t dtype, const shape_t *s, uint32_t seed, double lo,
                                     double hi) {
  tensor_t t;
  assert_ok(tensor_alloc(dtype, s, &t));
  int64_t n = tensor_elements(&t);
  for (int64_t i = 0; i < n; i++) {
    double v = lo + random_unit(seed, (uint32_t)i) * (hi - lo);
    tensor_set_number(&t, i, dtype_is_float(dtype) ? v : floor(v));
  }
  return t;
}

// Inputs are named "<seed> <lo> <hi>": how their random values are made.
static inline net_tensor_t *random_input(network_t *n, int seed, dtype_t dtype, const shape_t *s,
                                         double lo, double hi) {
  char name[64];
  snprintf(name, sizeof name, "%d %g %g", seed, lo, hi);
  return network_add_input(n, name, dtype, s);
}

// Runs it; shapes and out are [n_inputs], [n_outputs]; out is allocated here. NULL on success.
static inline status_t run_network(const backend_t *b, const network_t *n, const shape_t *shapes,
                                   int threads, tensor_t *out) {
  bytes_t plan = {0};
  backend_engine_t *e = NULL;
  backend_context_t *c = NULL;
  tensor_t in[8] = {{0}}, values[8] = {{0}};
  bool is_shape[8] = {0};
  build_options_t options = {.struct_size = sizeof options, .threads = threads};
  status_t st = NULL;
  assert_true(n->n_inputs <= 8);
  network_shape_inputs(n, is_shape);
  for (int i = 0; i < n->n_inputs; i++) {
    int seed = 0;
    double lo = -2, hi = 2;
    sscanf(n->inputs[i]->name, "%d %lf %lf", &seed, &lo, &hi);
    in[i] = random_tensor(n->inputs[i]->dtype, &shapes[i], (uint32_t)seed, lo, hi);
    if (is_shape[i]) values[i] = in[i];
  }
  st = b->build(n, &options, &plan);
  if (!st) st = b->load(plan.data, plan.size, NULL, &e);
  if (!st) st = b->context_create(e, shapes, values, threads, &c);
  for (int i = 0; i < n->n_outputs; i++) out[i] = (tensor_t){0};
  if (!st) {
    const network_t *made = b->network(e);
    for (int i = 0; i < n->n_outputs; i++)
      assert_ok(tensor_alloc(made->outputs[i]->dtype, &b->output_shapes(c)[i], &out[i]));
    for (int run = 0; run < 2 && !st; run++) st = b->run(c, in, out);
  }
  if (c) b->context_destroy(c);
  if (e) b->unload(e);
  mem_free(plan.data);
  for (int i = 0; i < n->n_inputs; i++) tensor_unref(&in[i]);
  return st;
}

// |a - b| <= tolerance * max(1, |b|), NaN equals NaN. Returns the worst excess position, -1 if
// none.
static inline int64_t differs_at(const tensor_t *a, const tensor_t *b, double tolerance) {
  if (a->dtype != b->dtype || !shape_equal(&a->shape, &b->shape)) return 0;
  int64_t n = tensor_elements(b);
  for (int64_t i = 0; i < n; i++) {
    double x = tensor_number_at(a, i), y = tensor_number_at(b, i);
    if (isnan(x) && isnan(y)) continue;
    if (x == y) continue;
    if (!(fabs(x - y) <= tolerance * fmax(1, fabs(y)))) return i;
  }
  return -1;
}

#endif
