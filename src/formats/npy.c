#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "formats/bytes.h"
#include "formats/npz.h"

// The header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
typedef struct header {
  char order, kind;  // '<', '>', '|' or '='; a letter
  size_t item;       // bytes; for U, characters of 4 bytes
  bool fortran;
  shape_t shape;
} header_t;

static const struct {
  char kind;
  size_t size;
  dtype_t dtype;
} KINDS[] = {{'b', 1, DT_BOOL},      {'i', 1, DT_INT8},        {'i', 2, DT_INT16},
             {'i', 4, DT_INT32},     {'i', 8, DT_INT64},       {'u', 1, DT_UINT8},
             {'u', 2, DT_UINT16},    {'u', 4, DT_UINT32},      {'u', 8, DT_UINT64},
             {'f', 2, DT_HALF},      {'f', 4, DT_FLOAT},       {'f', 8, DT_DOUBLE},
             {'c', 8, DT_COMPLEX64}, {'c', 16, DT_COMPLEX128}, {'V', 2, DT_UINT16}};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static const char *after_key(const char *text, const char *key) {
  const char *p = strstr(text, key);
  if (!p) return NULL;
  p += strlen(key);
  while (*p == ' ' || *p == ':') p++;
  return p;
}

static bool parse_shape(const char *p, shape_t *out) {
  *out = SHAPE_SCALAR;
  if (*p++ != '(') return false;
  while (*p == ' ' || *p == ',') p++;
  while (*p != ')') {
    char *end;
    long long v = strtoll(p, &end, 10);
    if (end == p || v < 0 || out->rank == SHAPE_MAX_RANK) return false;
    out->d[out->rank++] = v;
    for (p = end; *p == ' ' || *p == ',' || *p == 'L'; p++) {
    }
  }
  return true;
}

static bool parse_header(const char *text, header_t *h) {
  const char *descr = after_key(text, "'descr'"), *fortran = after_key(text, "'fortran_order'"),
             *shape = after_key(text, "'shape'");
  if (!descr || !fortran || !shape || *descr++ != '\'') return false;
  h->order = *descr ? *descr++ : 0;
  h->kind = *descr ? *descr++ : 0;
  char *end;
  unsigned long long item = strtoull(descr, &end, 10);
  if (end == descr || *end != '\'' || !strchr("<>|=", h->order) || item > (1u << 30)) return false;
  h->item = (size_t)item;
  h->fortran = strncmp(fortran, "True", 4) == 0;
  return parse_shape(shape, &h->shape);
}

static void put_utf8(str_t *s, uint32_t c) {
  char *p = s->p + s->n;
  if (c < 0x80) {
    p[0] = (char)c;
    s->n += 1;
  } else if (c < 0x800) {
    p[0] = (char)(0xc0 | c >> 6);
    p[1] = (char)(0x80 | (c & 0x3f));
    s->n += 2;
  } else if (c < 0x10000) {
    p[0] = (char)(0xe0 | c >> 12);
    p[1] = (char)(0x80 | (c >> 6 & 0x3f));
    p[2] = (char)(0x80 | (c & 0x3f));
    s->n += 3;
  } else {
    p[0] = (char)(0xf0 | c >> 18);
    p[1] = (char)(0x80 | (c >> 12 & 0x3f));
    p[2] = (char)(0x80 | (c >> 6 & 0x3f));
    p[3] = (char)(0x80 | (c & 0x3f));
    s->n += 4;
  }
}

static status_t parse_string(const header_t *h, const uint8_t *p, str_t *out) {
  size_t n = h->item;
  if (h->kind == 'S') {
    while (n && !p[n - 1]) n--;
    return str_set(out, (const char *)p, n);
  }
  uint32_t c = 0;
  while (n && !bytes_get32(p + 4 * (n - 1))) n--;
  if (!n) return NULL;
  out->p = mem_try_alloc(4 * n);
  if (!out->p) return FAIL(RESOURCE_EXHAUSTED, "no memory for a string of %zu characters", n);
  for (size_t i = 0; i < n; i++) {
    c = bytes_get32(p + 4 * i);
    if (h->order == '>') c = __builtin_bswap32(c);
    if (c > 0x10ffff) return FAIL(DATA_LOSS, "a character is not Unicode");
    put_utf8(out, c);
  }
  return NULL;
}

// Moves element i (row-major) from its place in a Fortran-ordered array.
static size_t fortran_index(const shape_t *s, int64_t i) {
  size_t index = 0, stride[SHAPE_MAX_RANK], n = 1;
  for (int d = 0; d < s->rank; d++) {
    stride[d] = n;
    n *= (size_t)s->d[d];
  }
  for (int d = s->rank - 1; d >= 0; d--) {
    index += (size_t)(i % s->d[d]) * stride[d];
    i /= s->d[d];
  }
  return index;
}

static void swap_bytes(uint8_t *p, size_t n) {
  for (size_t i = 0; i < n / 2; i++) {
    uint8_t b = p[i];
    p[i] = p[n - 1 - i];
    p[n - 1 - i] = b;
  }
}

static status_t fill(const header_t *h, const uint8_t *data, size_t unit, tensor_t *t) {
  int64_t n = tensor_elements(t);
  bool reorder = h->fortran && h->shape.rank > 1;
  if (t->dtype == DT_STRING) {
    for (int64_t i = 0; i < n; i++) {
      size_t at = reorder ? fortran_index(&h->shape, i) : (size_t)i;
      TRY(parse_string(h, data + at * unit, TENSOR_DATA(str_t, t) + i));
    }
    return NULL;
  }
  uint8_t *to = t->data;
  if (n && !reorder) memcpy(to, data, (size_t)n * unit);
  for (int64_t i = 0; i < n && reorder; i++)
    memcpy(to + (size_t)i * unit, data + fortran_index(&h->shape, i) * unit, unit);
  size_t part = dtype_is_complex(t->dtype) ? unit / 2 : unit;
  if (h->order == '>' && part > 1)
    for (size_t i = 0; i < (size_t)n * unit; i += part) swap_bytes(to + i, part);
  if (t->dtype == DT_BOOL)
    for (int64_t i = 0; i < n; i++) to[i] = to[i] != 0;
  return NULL;
}

static status_t parse(const uint8_t *data, size_t size, tensor_t *out) {
  if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0)
    return FAIL(DATA_LOSS, "not an array in numpy's format");
  size_t length = data[6] == 1 ? bytes_get16(data + 8)
                  : size < 12  ? SIZE_MAX
                               : bytes_get32(data + 8);
  size_t start = data[6] == 1 ? 10 : 12;
  if (start > size || length > size - start || length > 1 << 20)
    return FAIL(DATA_LOSS, "the array's header is cut off");
  char *text = mem_strndup((const char *)data + start, length);
  header_t h;
  bool good = parse_header(text, &h);
  status_t st =
      good ? NULL : FAIL(UNIMPLEMENTED, "the array's header is not understood: %.200s", text);
  mem_free(text);
  TRY(st);
  bool text_kind = h.kind == 'S' || h.kind == 'U';
  dtype_t dtype = text_kind ? DT_STRING : DT_INVALID;
  for (int i = 0; i < N_KINDS; i++)
    if (KINDS[i].kind == h.kind && KINDS[i].size == h.item) dtype = KINDS[i].dtype;
  if (!dtype)
    return FAIL(UNIMPLEMENTED, "arrays of numpy's type %c%zu are not read", h.kind, h.item);
  size_t unit = h.kind == 'U' ? 4 * h.item : h.item, bytes;
  int64_t n = shape_elements(&h.shape);
  if (n < 0 || !size_mul((size_t)n, unit, &bytes) || bytes > size - start - length)
    return FAIL(DATA_LOSS, "the array is cut off");
  // Strings of no bytes need no file: without this, a small file could ask for any memory.
  if (text_kind && !unit && n > (int64_t)size) return FAIL(DATA_LOSS, "too many empty strings");
  TRY(tensor_alloc(dtype, &h.shape, out));
  st = fill(&h, data + start + length, unit, out);
  if (st) tensor_unref(out);
  return st;
}

status_t npy_parse(const uint8_t *data, size_t size, const char *name, tensor_t *out) {
  *out = (tensor_t){0};
  return status_prefix(parse(data, size, out), "%s", name);
}

status_t npy_read(const char *path, tensor_t *out) {
  *out = (tensor_t){0};
  file_map_t *m;
  TRY(file_map_open(path, &m));
  status_t st = npy_parse(m->data, m->size, path, out);
  file_map_unref(m);
  return st;
}

static status_t put_strings(const tensor_t *t, size_t width, wire_out_t *out) {
  const str_t *s = TENSOR_DATA(str_t, t);
  static const char zeros[64];
  for (int64_t i = 0; i < tensor_elements(t); i++) {
    wire_put_raw(out, s[i].p, s[i].n);
    for (size_t left = width - s[i].n; left; left -= left < 64 ? left : 64)
      wire_put_raw(out, zeros, left < 64 ? left : 64);
  }
  return wire_out_status(out);
}

status_t npy_write(const tensor_t *t, wire_out_t *out) {
  static const dtype_t SAME[][2] = {{DT_BFLOAT16, DT_UINT16}, {DT_QINT8, DT_INT8},
                                    {DT_QUINT8, DT_UINT8},    {DT_QINT16, DT_INT16},
                                    {DT_QUINT16, DT_UINT16},  {DT_QINT32, DT_INT32}};
  dtype_t dtype = t->dtype;
  for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++)
    if (SAME[i][0] == dtype) dtype = SAME[i][1];
  char descr[32] = "";
  size_t width = 1;  // numpy has no S0 in files
  if (dtype == DT_STRING) {
    for (int64_t i = 0; i < tensor_elements(t); i++) {
      size_t n = TENSOR_DATA(str_t, t)[i].n;
      if (n > width) width = n;
    }
    snprintf(descr, sizeof descr, "|S%zu", width);
  }
  for (int i = 0; i < N_KINDS; i++)
    if (KINDS[i].dtype == dtype && KINDS[i].kind != 'V')
      snprintf(descr, sizeof descr, "%c%c%zu", KINDS[i].size == 1 ? '|' : '<', KINDS[i].kind,
               KINDS[i].size);
  if (!*descr)
    return FAIL(UNIMPLEMENTED, "%s tensors cannot be written for numpy", dtype_name(t->dtype));
  char head[512];
  int n = snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (int d = 0; d < t->shape.rank; d++)
    n += snprintf(head + n, sizeof head - (size_t)n, "%s%" PRId64 "%s", d ? " " : "", t->shape.d[d],
                  d + 1 < t->shape.rank || !d ? "," : "");
  n += snprintf(head + n, sizeof head - (size_t)n, "), }");
  while ((10 + n + 1) % 64) head[n++] = ' ';
  head[n++] = '\n';
  uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)n, (uint8_t)(n >> 8)};
  wire_put_raw(out, start, sizeof start);
  wire_put_raw(out, head, (size_t)n);
  if (dtype == DT_STRING) return put_strings(t, width, out);
  wire_put_raw(out, t->data, tensor_bytes(t));
  return wire_out_status(out);
}
