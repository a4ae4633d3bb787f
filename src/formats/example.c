#include "formats/example.h"

#include <string.h>

#include "formats/tf_fields.h"

// One record of a repeated scalar: how many values it has.
static status_t count_scalars(const wire_field_t *f, wire_type_t type, int64_t *n) {
  wire_t items;
  status_t st = NULL;
  uint64_t u;
  uint32_t v;
  TRY(wire_get_repeated(f, type, &items));
  if (type == WIRE_FIXED32)
    while (wire_item_fixed32(&items, &v, &st)) ++*n;
  else
    while (wire_item_varint(&items, &u, &st)) ++*n;
  return st;
}

static status_t count_values(feature_t *f) {
  wire_t w = wire_open(f->list, f->size);
  wire_field_t v;
  status_t st = NULL;
  f->count = 0;
  while (wire_next(&w, &v, &st)) {
    if (v.number != TF_VALUE_LIST_VALUE) continue;
    const uint8_t *bytes;
    size_t n;
    if (f->dtype == DT_STRING) {
      TRY(wire_get_bytes(&v, &bytes, &n));
      f->count++;
    } else {
      TRY(count_scalars(&v, f->dtype == DT_FLOAT ? WIRE_FIXED32 : WIRE_VARINT, &f->count));
    }
  }
  return st;
}

static status_t put_scalars(const wire_field_t *v, tensor_t *t, int64_t *at) {
  wire_t items;
  status_t st = NULL;
  uint64_t u;
  uint32_t bits;
  if (t->dtype == DT_FLOAT) {
    TRY(wire_get_repeated(v, WIRE_FIXED32, &items));
    while (wire_item_fixed32(&items, &bits, &st))
      memcpy(TENSOR_DATA(float, t) + (*at)++, &bits, sizeof bits);
  } else {
    TRY(wire_get_repeated(v, WIRE_VARINT, &items));
    while (wire_item_varint(&items, &u, &st)) TENSOR_DATA(int64_t, t)[(*at)++] = (int64_t)u;
  }
  return st;
}

status_t feature_values(const feature_t *f, tensor_t *t, int64_t at) {
  wire_t w = wire_open(f->list, f->size);
  wire_field_t v;
  status_t st = NULL;
  while (wire_next(&w, &v, &st)) {
    if (v.number != TF_VALUE_LIST_VALUE) continue;
    if (t->dtype == DT_STRING) {
      const uint8_t *bytes;
      size_t n;
      TRY(wire_get_bytes(&v, &bytes, &n));
      TRY(str_set(TENSOR_DATA(str_t, t) + at++, (const char *)bytes, n));
    } else {
      TRY(put_scalars(&v, t, &at));
    }
  }
  return st;
}

// A Feature: the last of its lists counts, as in any oneof.
static status_t read_feature(const uint8_t *data, size_t size, feature_t *f) {
  static const dtype_t kinds[] = {[TF_FEATURE_BYTES_LIST] = DT_STRING,
                                  [TF_FEATURE_FLOAT_LIST] = DT_FLOAT,
                                  [TF_FEATURE_INT64_LIST] = DT_INT64};
  wire_t w = wire_open(data, size);
  wire_field_t v;
  status_t st = NULL;
  f->dtype = DT_INVALID;
  f->count = 0;
  while (wire_next(&w, &v, &st)) {
    if (v.number < TF_FEATURE_BYTES_LIST || v.number > TF_FEATURE_INT64_LIST) continue;
    TRY(wire_get_bytes(&v, &f->list, &f->size));
    f->dtype = kinds[v.number];
  }
  TRY(st);
  return f->dtype == DT_INVALID ? NULL : count_values(f);
}

// A map entry: its key into f, its value's bytes (empty when it has none).
static status_t read_entry(const wire_field_t *e, feature_t *f, const uint8_t **value, size_t *n) {
  wire_t w;
  wire_field_t v;
  status_t st = NULL;
  *f = (feature_t){.key = ""};
  *value = (const uint8_t *)"";
  *n = 0;
  TRY(wire_get_message(e, &w));
  while (wire_next(&w, &v, &st)) {
    if (v.number == TF_MAP_KEY) {
      const uint8_t *key;
      TRY(wire_get_bytes(&v, &key, &f->key_size));
      f->key = (const char *)key;
    } else if (v.number == TF_MAP_VALUE) {
      TRY(wire_get_bytes(&v, value, n));
    }
  }
  return st;
}

status_t example_features(const void *data, size_t size, feature_fn each, void *self) {
  wire_t w = wire_open(data, size), features;
  wire_field_t part, entry;
  status_t st = NULL;
  while (wire_next(&w, &part, &st)) {
    if (part.number != TF_EXAMPLE_FEATURES) continue;
    TRY(wire_get_message(&part, &features));
    while (wire_next(&features, &entry, &st)) {
      if (entry.number != TF_FEATURES_FEATURE) continue;
      feature_t f;
      const uint8_t *value;
      size_t n;
      TRY(read_entry(&entry, &f, &value, &n));
      TRY(read_feature(value, n, &f));
      TRY(each(self, &f));
    }
    TRY(st);
  }
  return st;
}

static status_t read_list(const uint8_t *data, size_t size, feature_t *f, step_fn each,
                          void *self) {
  wire_t w = wire_open(data, size);
  wire_field_t v;
  status_t st = NULL;
  int64_t step = 0;
  while (wire_next(&w, &v, &st)) {
    const uint8_t *one;
    size_t n;
    if (v.number != TF_FEATURE_LIST_FEATURE) continue;
    TRY(wire_get_bytes(&v, &one, &n));
    TRY(read_feature(one, n, f));
    TRY(each(self, f, step++));
  }
  TRY(st);
  if (step) return NULL;
  f->dtype = DT_INVALID;
  f->count = 0;
  return each(self, f, -1);
}

status_t example_feature_lists(const void *data, size_t size, step_fn each, void *self) {
  wire_t w = wire_open(data, size), lists;
  wire_field_t part, entry;
  status_t st = NULL;
  while (wire_next(&w, &part, &st)) {
    if (part.number != TF_SEQUENCE_EXAMPLE_FEATURE_LISTS) continue;
    TRY(wire_get_message(&part, &lists));
    while (wire_next(&lists, &entry, &st)) {
      if (entry.number != TF_FEATURE_LISTS_FEATURE_LIST) continue;
      feature_t f;
      const uint8_t *value;
      size_t n;
      TRY(read_entry(&entry, &f, &value, &n));
      TRY(read_list(value, n, &f, each, self));
    }
    TRY(st);
  }
  return st;
}
