// NumPy's .npz files as numpy.savez writes them (a ZIP of stored .npy members), for golden results.
#ifndef TFTRT_TESTS_NPZ_H
#define TFTRT_TESTS_NPZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "tensor/tensor.h"
#include "test.h"

typedef struct npz {
  file_map_t *map;
} npz_t;

static inline uint64_t npz_le(const uint8_t *p, int n) {
  uint64_t v = 0;
  for (int i = n; i-- > 0;) v = v << 8 | p[i];
  return v;
}

static inline npz_t npz_open(const char *path) {
  npz_t z = {0};
  assert_ok(file_map_open(path, &z.map));
  return z;
}

static inline void npz_close(npz_t *z) { file_map_unref(z->map); }

// Walks the central directory: calls for each member with its name and bytes.
static inline bool npz_member(const npz_t *z, int index, char *name, size_t cap,
                              const uint8_t **data, size_t *size) {
  const uint8_t *p = z->map->data, *end = p + z->map->size;
  const uint8_t *tail = end - 22;
  while (tail > p && npz_le(tail, 4) != 0x06054b50) tail--;
  if (index >= (int)npz_le(tail + 10, 2)) return false;
  const uint8_t *entry = p + npz_le(tail + 16, 4);
  for (int i = 0; i < index; i++)
    entry += 46 + npz_le(entry + 28, 2) + npz_le(entry + 30, 2) + npz_le(entry + 32, 2);
  if (npz_le(entry, 4) != 0x02014b50 || npz_le(entry + 10, 2) != 0)
    fail_msg("%s: no stored member %d", z->map->path, index);
  size_t n = npz_le(entry + 28, 2);
  if (n > 4 && memcmp(entry + 46 + n - 4, ".npy", 4) == 0) n -= 4;
  assert_true(n < cap);
  memcpy(name, entry + 46, n);
  name[n] = '\0';
  const uint8_t *local = p + npz_le(entry + 42, 4);
  *data = local + 30 + npz_le(local + 26, 2) + npz_le(local + 28, 2);
  *size = npz_le(entry + 20, 4);
  return true;
}

// One array. uint16 becomes bfloat16 when that is what `want` says.
static inline tensor_t npz_array(const uint8_t *p, size_t size, dtype_t want) {
  static const struct {
    const char *descr;
    dtype_t dtype;
  } types[] = {{"f4", DT_FLOAT},     {"f8", DT_DOUBLE},     {"f2", DT_HALF},   {"i4", DT_INT32},
               {"i8", DT_INT64},     {"i1", DT_INT8},       {"i2", DT_INT16},  {"u1", DT_UINT8},
               {"u2", DT_UINT16},    {"u4", DT_UINT32},     {"u8", DT_UINT64}, {"b1", DT_BOOL},
               {"c8", DT_COMPLEX64}, {"c16", DT_COMPLEX128}};
  size_t head = p[6] == 1 ? 10 + npz_le(p + 8, 2) : 12 + npz_le(p + 8, 4);
  char *header = mem_strndup((const char *)p + 10, head - 10);
  char *descr = strstr(header, "'descr': '");
  char *dims = strstr(header, "'shape': (");
  assert_non_null(descr);
  assert_non_null(dims);
  assert_null(strstr(header, "'fortran_order': True"));
  descr += strlen("'descr': '") + 1;  // behind the byte order
  shape_t s = SHAPE_SCALAR;
  for (char *d = dims + strlen("'shape': ("); *d != ')';) {
    if (*d >= '0' && *d <= '9')
      s.d[s.rank++] = strtoll(d, &d, 10);
    else
      d++;
  }
  tensor_t t = {0};
  const uint8_t *data = p + head;
  if (*descr == 'S') {
    size_t width = strtoul(descr + 1, NULL, 10);
    assert_ok(tensor_alloc(DT_STRING, &s, &t));
    for (int64_t i = 0; i < tensor_elements(&t); i++) {
      size_t n = width;
      while (n && data[(size_t)i * width + n - 1] == 0) n--;
      assert_ok(str_set(TENSOR_DATA(str_t, &t) + i, (const char *)data + (size_t)i * width, n));
    }
  } else {
    dtype_t dtype = DT_INVALID;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
      if (strncmp(descr, types[i].descr, strlen(types[i].descr)) == 0 &&
          descr[strlen(types[i].descr)] == '\'')
        dtype = types[i].dtype;
    if (dtype == DT_UINT16 && want == DT_BFLOAT16) dtype = want;
    if (!dtype) fail_msg("npy dtype %.8s", descr);
    assert_ok(tensor_alloc(dtype, &s, &t));
    assert_true(tensor_bytes(&t) <= size - head);
    memcpy(t.data, data, tensor_bytes(&t));
  }
  mem_free(header);
  return t;
}

// The array of that name; an empty tensor when there is none.
static inline tensor_t npz_get(const npz_t *z, const char *prefix, const char *name, dtype_t want) {
  char member[512], full[512];
  const uint8_t *data;
  size_t size;
  snprintf(full, sizeof full, "%s%s", prefix, name);
  for (int i = 0; npz_member(z, i, member, sizeof member, &data, &size); i++)
    if (strcmp(member, full) == 0) return npz_array(data, size, want);
  return (tensor_t){0};
}

#endif
