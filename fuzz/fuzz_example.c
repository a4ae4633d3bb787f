// tf.train.Example and SequenceExample: all values of all features, written where they belong.
#include "formats/example.h"
#include "fuzz.h"

static int64_t budget;

static status_t take(void *self, const feature_t *f) {
  (void)self;
  tensor_t t;
  shape_t s = SHAPE(f->count);
  if (f->dtype == DT_INVALID) return NULL;
  if ((budget -= f->count + 1) < 0) return FAIL(CANCELLED, "enough");
  TRY(tensor_alloc(f->dtype, &s, &t));
  status_t st = feature_values(f, &t, 0);
  tensor_unref(&t);
  return st;
}

static status_t take_step(void *self, const feature_t *f, int64_t step) {
  (void)step;
  return take(self, f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  budget = 1 << 20;
  status_free(example_features(data, size, take, NULL));
  status_free(example_feature_lists(data, size, take_step, NULL));
  return 0;
}
