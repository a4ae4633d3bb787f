// Copies of the corpus model mnist_cnn of which some layers cannot be computed well in 8 bits.
#ifndef TFTRT_TESTS_SPOIL_H
#define TFTRT_TESTS_SPOIL_H

#include "base/file.h"
#include "base/mem.h"
#include "formats/bundle.h"

// The second convolution: an input channel is always 1 and has large weights, whose sum the bias
// takes off again. The other weights, or the other channels, would need more steps than there are.
// What the model computes in float does not depend on that channel.
static inline void spoil_convolution(tensor_t *t) {
  const shape_t first = SHAPE(3, 3, 1, 16), bias = SHAPE(16), second = SHAPE(3, 3, 16, 32),
                last = SHAPE(32);
  float *v = t->data;
  for (int64_t i = 0; i < tensor_elements(t); i++) {
    if (shape_equal(&t->shape, &first) && i % 16 == 0) v[i] = 0;
    if (shape_equal(&t->shape, &bias) && i == 0) v[i] = 1;
    if (shape_equal(&t->shape, &second) && i / 32 % 16 == 0) v[i] = 256;
    if (shape_equal(&t->shape, &last)) v[i] -= 9 * 256;
  }
}

// The second convolution is so in its first output channel alone, which the dense layer does not
// read. Another channel is always 1, with weights in the dense layer some times its others, so that
// these lose digits; the bias takes off what it adds. The convolution is off by more, and only the
// dense layer does harm.
static inline void spoil_harmlessly(tensor_t *t) {
  const shape_t first = SHAPE(3, 3, 1, 16), bias = SHAPE(16), second = SHAPE(3, 3, 16, 32),
                second_bias = SHAPE(32), dense = SHAPE(5 * 5 * 32, 10), dense_bias = SHAPE(10);
  float *v = t->data;
  for (int64_t i = 0; i < tensor_elements(t); i++) {
    if (shape_equal(&t->shape, &first) && i % 16 == 0) v[i] = 0;
    if (shape_equal(&t->shape, &bias) && i == 0) v[i] = 1;
    if (shape_equal(&t->shape, &second) && i % 32 == 1) v[i] = 0;
    if (shape_equal(&t->shape, &second) && i % 32 == 0 && i / 32 % 16 == 0) v[i] = 256;
    if (shape_equal(&t->shape, &second_bias) && i == 0) v[i] -= 9 * 256;
    if (shape_equal(&t->shape, &second_bias) && i == 1) v[i] = 1;
    if (shape_equal(&t->shape, &dense) && i / 10 % 32 == 0) v[i] = 0;
    if (shape_equal(&t->shape, &dense) && i / 10 % 32 == 1) v[i] = 4;
    if (shape_equal(&t->shape, &dense_bias)) v[i] -= 5 * 5 * 4;
  }
}

static inline status_t copy_variables(const char *from, const char *to, void (*spoil)(tensor_t *)) {
  bundle_t *b;
  bundle_writer_t *w;
  TRY(bundle_open(from, &b));
  status_t st = bundle_writer_create(to, &w);
  for (size_t i = 0; i < bundle_count(b) && !st; i++) {
    const bundle_entry_t *e = bundle_entry(b, i);
    tensor_t t, copy = {0};
    st = bundle_read(b, e->key, &t);
    if (!st) st = tensor_copy(&t, &copy);
    if (!st && e->dtype == DT_FLOAT) spoil(&copy);
    if (!st) st = bundle_writer_add(w, e->key, &copy);
    tensor_unref(&copy);
    tensor_unref(&t);
  }
  if (!st) st = bundle_writer_finish(w);
  bundle_close(b);
  return st;
}

static inline status_t spoil_model(const char *from, const char *to, void (*spoil)(tensor_t *)) {
  char *pb = mem_printf("%s/saved_model.pb", from), *new_pb = mem_printf("%s/saved_model.pb", to);
  char *dir = mem_printf("%s/variables", to);
  char *old = mem_printf("%s/variables/variables", from), *new = mem_printf("%s/variables", dir);
  file_map_t *m;
  TRY(file_make_dirs(dir));
  TRY(file_map_open(pb, &m));
  TRY(file_write(new_pb, m->data, m->size));
  file_map_unref(m);
  TRY(copy_variables(old, new, spoil));
  mem_free(pb);
  mem_free(new_pb);
  mem_free(dir);
  mem_free(old);
  mem_free(new);
  return NULL;
}

#endif
