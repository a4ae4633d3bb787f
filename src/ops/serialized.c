// Tensors and records inside strings: serialised tensors, CSV lines, padded raw bytes.
#include "base/file.h"
#include "base/mem.h"
#include "formats/wire.h"
#include "ops/elements.h"
#include "ops/text.h"

// ---------------------------------------------------------------- ParseTensor, SerializeTensor

static status_t scalar_string(const op_ctx_t *c, int i, const str_t **out) {
  if (tensor_elements(&c->in[i]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input %d must be a scalar", i);
  *out = str_at(&c->in[i], 0);
  return NULL;
}

static status_t parse_tensor_kernel(op_ctx_t *c) {
  const str_t *s;
  tensor_t t;
  TRY(scalar_string(c, 0, &s));
  status_t st = tensor_parse_proto((const uint8_t *)s->p, s->n, &t);
  if (st)
    return status_prefix(st, "%s '%s': could not parse the serialized tensor", c->node->op,
                         c->node->name);
  if (t.dtype != c->node->out_dtype[0]) {
    st = OP_FAIL(c, INVALID_ARGUMENT, "type mismatch between parsed tensor (%s) and dtype (%s)",
                 dtype_name(t.dtype), dtype_name(c->node->out_dtype[0]));
    tensor_unref(&t);
    return st;
  }
  op_out_take(c, 0, t);
  return NULL;
}

static status_t serialize_kernel(op_ctx_t *c) {
  tensor_t *y;
  wire_out_t w = {0};
  wire_field_t f = {0};
  TRY(op_out(c, 0, &SHAPE_SCALAR, &y));
  status_t st = tensor_write_proto(&c->in[0], &w, 1);
  if (!st) st = wire_out_status(&w);
  wire_t r = wire_open(w.data, w.size);
  if (!st && wire_next(&r, &f, &st))
    st = str_set(TENSOR_DATA(str_t, y), (const char *)f.data, f.size);
  wire_out_free(&w);
  return st;
}

// ---------------------------------------------------------------- ReadFile

static status_t read_file_kernel(op_ctx_t *c) {
  const str_t *s;
  tensor_t *y;
  TRY(scalar_string(c, 0, &s));
  char *path = mem_strndup(s->p ? s->p : "", s->n);
  file_map_t *file = NULL;
  status_t st = status_prefix(file_map_open(path, &file), "%s '%s'", c->node->op, c->node->name);
  mem_free(path);
  if (!st) st = op_out(c, 0, &SHAPE_SCALAR, &y);
  if (!st) st = str_set(TENSOR_DATA(str_t, y), (const char *)file->data, file->size);
  file_map_unref(file);
  return st;
}

// ---------------------------------------------------------------- DecodeCSV

typedef VEC(text_t) fields_t;

// The fields of one line. Quoted ones may hold the delimiter, line ends and doubled quotes.
static status_t split_line(const op_ctx_t *c, const str_t *s, char delimiter, bool quotes,
                           fields_t *out) {
  size_t i = 0;
  for (;;) {
    text_t field = {0};
    vec_push(out, field);
    text_t *t = &out->v[out->n - 1];
    if (quotes && i < s->n && s->p[i] == '"') {
      for (i++; i < s->n && (s->p[i] != '"' || (i + 1 < s->n && s->p[i + 1] == '"')); i++) {
        i += s->p[i] == '"';
        text_add(t, s->p + i, 1);
      }
      if (i >= s->n || (i + 1 < s->n && s->p[i + 1] != delimiter))
        return OP_FAIL(c, INVALID_ARGUMENT,
                       "a quoted field has to end with a quote and a delimiter");
      i++;
    } else {
      for (; i < s->n && s->p[i] != delimiter; i++) {
        if ((quotes && s->p[i] == '"') || s->p[i] == '\n' || s->p[i] == '\r')
          return OP_FAIL(c, INVALID_ARGUMENT,
                         "unquoted fields cannot have quotes or line ends inside");
        text_add(t, s->p + i, 1);
      }
    }
    if (i >= s->n) return NULL;
    i++;
  }
}

static status_t put_field(op_ctx_t *c, const text_t *t, int column, int64_t record) {
  const tensor_t *fallback = &c->in[column + 1];
  tensor_t *y = &c->out[column];
  const char *na = node_string(c->node, "na_value");
  if (!t->n || (t->n == strlen(na) && memcmp(t->v, na, t->n) == 0)) {
    if (!tensor_elements(fallback))
      return OP_FAIL(c, INVALID_ARGUMENT, "field %d is required but missing in record %" PRId64 "!",
                     column, record);
    return elements_copy(y, record, fallback, 0, 1);
  }
  if (y->dtype == DT_STRING) return str_set(TENSOR_DATA(str_t, y) + record, t->v, t->n);
  if (str_to_number(t->v, t->n, y, record)) return NULL;
  return OP_FAIL(c, INVALID_ARGUMENT, "field %d in record %" PRId64 " is not a valid %s: %.*s",
                 column, record, dtype_name(y->dtype), (int)t->n, t->v);
}

static status_t put_line(op_ctx_t *c, const fields_t *f, int64_t record) {
  const int64_t *cols;
  int n = node_ints(c->node, "select_cols", &cols);
  if (!n && (int)f->n != c->n_out)
    return OP_FAIL(c, INVALID_ARGUMENT, "expect %d fields but have %zu in record %" PRId64,
                   c->n_out, f->n, record);
  if (n && n != c->n_out)
    return OP_FAIL(c, INVALID_ARGUMENT, "%d columns are selected for %d outputs", n, c->n_out);
  for (int k = 0; k < c->n_out; k++) {
    int64_t at = n ? cols[k] : k;
    if (at < 0 || at >= (int64_t)f->n)
      return OP_FAIL(c, INVALID_ARGUMENT, "record %" PRId64 " has no field %" PRId64, record, at);
    TRY(put_field(c, &f->v[at], k, record));
  }
  return NULL;
}

static status_t csv_infer(infer_ctx_t *c) {
  for (int i = 0; i < c->node->n_out; i++) infer_out(c, i, infer_in(c, 0));
  return NULL;
}

static status_t csv_kernel(op_ctx_t *c) {
  const char *delimiter = node_string(c->node, "field_delim");
  bool quotes = node_bool(c->node, "use_quote_delim", true);
  tensor_t *y;
  if (strlen(delimiter) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "field_delim should be only 1 char");
  if (c->n_in != c->n_out + 1) return OP_FAIL(c, INVALID_ARGUMENT, "one default per output");
  for (int i = 0; i < c->n_out; i++) {
    if (tensor_elements(&c->in[i + 1]) > 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "default %d must have at most one element", i);
    TRY(op_out(c, i, &c->in[0].shape, &y));
  }
  status_t st = NULL;
  for (int64_t r = 0, n = tensor_elements(&c->in[0]); r < n && !st; r++) {
    fields_t fields = {0};
    st = split_line(c, str_at(&c->in[0], r), *delimiter, quotes, &fields);
    if (!st) st = put_line(c, &fields, r);
    for (size_t k = 0; k < fields.n; k++) vec_free(&fields.v[k]);
    vec_free(&fields);
  }
  return st;
}

// ---------------------------------------------------------------- DecodePaddedRaw

static status_t padded_infer(infer_ctx_t *c) {
  if (infer_in(c, 0)->rank < 0) return NULL;
  const tensor_t *v = infer_value(c, 1);
  dtype_t dtype = c->node->out_dtype[0];
  int64_t n = -1;
  if (v && dtype_is_plain(dtype) && !tensor_int_at(v, 0, &n) && n > 0)
    n /= (int64_t)dtype_size(dtype);
  shape_t s = shape_insert(infer_in(c, 0), infer_in(c, 0)->rank, n > 0 ? n : -1);
  infer_out(c, 0, &s);
  return NULL;
}

static status_t padded_kernel(op_ctx_t *c) {
  dtype_t dtype = c->node->out_dtype[0];
  int64_t length;
  TRY(op_int(c, 1, &length));
  if (!dtype_is_plain(dtype))
    return OP_FAIL(c, INVALID_ARGUMENT, "cannot decode to %s", dtype_name(dtype));
  size_t size = dtype_size(dtype), width = (size_t)length;
  if (length <= 0 || width % size)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "fixed_length (%" PRId64 ") must be a positive multiple of %zu, the size of %s",
                   length, size, dtype_name(dtype));
  shape_t s = shape_insert(&c->in[0].shape, c->in[0].shape.rank, (int64_t)(width / size));
  tensor_t *y;
  if (s.rank < 0) return OP_FAIL(c, INVALID_ARGUMENT, "too many dimensions");
  TRY(op_out(c, 0, &s, &y));
  memset(y->data, 0, tensor_bytes(y));
  bool swap = !node_bool(c->node, "little_endian", true) && size > 1;
  for (int64_t i = 0, n = tensor_elements(&c->in[0]); i < n; i++) {
    const str_t *from = str_at(&c->in[0], i);
    char *to = (char *)y->data + (size_t)i * width;
    if (from->n) memcpy(to, from->p, from->n < width ? from->n : width);
    for (size_t k = 0; swap && k < width; k += size)
      for (size_t j = 0; j < size / 2; j++) {
        char t = to[k + j];
        to[k + j] = to[k + size - 1 - j];
        to[k + size - 1 - j] = t;
      }
  }
  return NULL;
}

const op_def_t ops_serialized[] = {
    {.name = "ParseTensor",
     .sig = "serialized: string -> output: out_type",
     .attrs = "out_type: type",
     .kernel = parse_tensor_kernel},
    {.name = "SerializeTensor",
     .sig = "tensor: T -> serialized: string",
     .attrs = "T: type",
     .infer = infer_scalar,
     .kernel = serialize_kernel},
    {.name = "ReadFile",
     .sig = "filename: string -> contents: string",
     .attrs = "",
     .infer = infer_scalar,
     .kernel = read_file_kernel,
     .flags = OP_STATEFUL},
    {.name = "DecodeCSV",
     .sig = "records: string, record_defaults: OUT_TYPE -> output: OUT_TYPE",
     .attrs = "OUT_TYPE: list(type); field_delim: string = ','; use_quote_delim: bool = true; "
              "na_value: string = ''; select_cols: list(int) = []",
     .infer = csv_infer,
     .kernel = csv_kernel},
    {.name = "DecodePaddedRaw",
     .sig = "input_bytes: string, fixed_length: int32 -> output: out_type",
     .attrs = "out_type: type; little_endian: bool = true",
     .infer = padded_infer,
     .kernel = padded_kernel},
    {0},
};
