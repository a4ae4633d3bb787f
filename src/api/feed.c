#include "api/feed.h"

#include <string.h>

#include "base/mem.h"

void feed_drop(feed_t *f) {
  for (int i = 0; i < f->n; i++) tensor_unref(&f->tensors[i]);
}

void feed_free(feed_t *f) {
  feed_drop(f);
  mem_free(f->given);
  mem_free(f->tensors);
}

static status_t check_input(const tensor_info_t *want, const tensor_t *t) {
  char a[160], b[160];
  if (t->dtype == want->dtype && shape_compatible(&t->shape, &want->shape)) return NULL;
  return FAIL(INVALID_ARGUMENT, "input '%s': the signature wants %s %s, got %s %s", want->key,
              dtype_name(want->dtype), shape_format(&want->shape, a, sizeof a),
              dtype_name(t->dtype), shape_format(&t->shape, b, sizeof b));
}

status_t feed_next(void *self, const tensor_t **inputs, bool *end) {
  feed_t *f = self;
  const signature_t *s = f->signature;
  if (!f->given) {
    f->n = s->n_inputs;
    f->given = mem_calloc((size_t)f->n + 1, sizeof *f->given);
    f->tensors = mem_calloc((size_t)f->n + 1, sizeof *f->tensors);
  }
  feed_drop(f);
  memset(f->given, 0, (size_t)f->n * sizeof *f->given);
  int more = f->fn(f->user, f->given, f->n);
  if (more < 0) return FAIL(INVALID_ARGUMENT, "Failed to convert input to tensor.");
  *end = more == 0;
  *inputs = f->tensors;
  for (int i = 0; i < f->n && more; i++) {
    TRY(api_tensor_in(&f->given[i], s->inputs[i].key, &f->tensors[i]));
    TRY(check_input(&s->inputs[i], &f->tensors[i]));
  }
  return NULL;
}
