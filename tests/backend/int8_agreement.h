// What every backend gives for a network on 8-bit tensors, beside ref.
#ifndef TFTRT_TESTS_INT8_AGREEMENT_H
#define TFTRT_TESTS_INT8_AGREEMENT_H

#include "backend/run_network.h"

// Of an output that is compared with ref's.
typedef struct agreement {
  bool exact;   // numbers are ref's
  int one_off;  // else at most one of so many may be a step off: where a sum lies on the edge
                // between two steps, float32 may fall to the other side
} agreement_t;

static inline void assert_like_ref(const char *name, const char *backend, const tensor_t *got,
                                   const tensor_t *want, agreement_t how) {
  int64_t off = 0, count = tensor_elements(want);
  bool numbers = want->dtype != DT_FLOAT;
  assert_int_equal(got->dtype, want->dtype);
  assert_true(shape_equal(&got->shape, &want->shape));
  for (int64_t at = 0; at < count; at++) {
    double x = tensor_number_at(got, at), y = tensor_number_at(want, at);
    double most = !numbers ? 2e-5 * fmax(1, fabs(y)) : how.exact ? 0 : 1;
    if (!(fabs(x - y) <= most))
      fail_msg("%s: %s has %.9g at %d, ref %.9g", name, backend, x, (int)at, y);
    off += numbers && x != y;
  }
  if (off * how.one_off > count) fail_msg("%s: %d of %d are off", name, (int)off, (int)count);
}

// The network's one output, by each backend on 1 to 3 threads.
static inline void assert_backends_agree(const char *name, const network_t *n,
                                         const shape_t *shapes, agreement_t how) {
  tensor_t want[1], got[1];
  const backend_t *b;
  assert_ok(run_network(backend_find("ref"), n, shapes, 1, want));
  for (int i = 0; (b = backend_at(i)); i++)
    for (int threads = 1; threads <= 3 && strcmp(b->name, "ref") != 0; threads++) {
      assert_ok(run_network(b, n, shapes, threads, got));
      assert_like_ref(name, b->name, &got[0], &want[0], how);
      tensor_unref(&got[0]);
    }
  tensor_unref(&want[0]);
}

#endif
