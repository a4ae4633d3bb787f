// Text in one encoding as code points, and in another.
#include "ops/ragged.h"
#include "ops/text.h"

typedef enum encoding { UTF8, UTF16_BE, UTF16_LE, UTF32_BE, UTF32_LE, ASCII, LATIN1 } encoding_t;

static status_t encoding_of(const op_ctx_t *c, const char *attr, encoding_t *out) {
  static const struct {
    const char *name;
    encoding_t e;
  } names[] = {{"UTF-8", UTF8},         {"utf-8", UTF8},         {"UTF8", UTF8},
               {"UTF-16-BE", UTF16_BE}, {"UTF-16BE", UTF16_BE},  {"UTF-16-LE", UTF16_LE},
               {"UTF-16LE", UTF16_LE},  {"UTF-32-BE", UTF32_BE}, {"UTF-32BE", UTF32_BE},
               {"UTF-32-LE", UTF32_LE}, {"UTF-32LE", UTF32_LE},  {"US-ASCII", ASCII},
               {"ASCII", ASCII},        {"ISO-8859-1", LATIN1},  {"latin1", LATIN1}};
  const char *name = node_string(c->node, attr);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i].name) == 0) return *out = names[i].e, NULL;
  return OP_FAIL(c, UNIMPLEMENTED, "encoding '%s' is not known here", name);
}

enum { BAD = -1 };

static int32_t utf8_next(const uint8_t *p, size_t n, size_t *used) {
  *used = 1;
  if (p[0] < 0x80) return p[0];
  int more = p[0] >= 0xF0 ? 3 : p[0] >= 0xE0 ? 2 : 1;
  if (p[0] < 0xC2 || p[0] > 0xF4) return BAD;
  int32_t v = p[0] & (0x3F >> more);
  for (int i = 1; i <= more; i++) {
    // The second byte's range keeps out what is overlong, a surrogate or above U+10FFFF.
    uint8_t low = 0x80, high = 0xBF;
    if (i == 1) {
      if (p[0] == 0xE0) low = 0xA0;
      if (p[0] == 0xED) high = 0x9F;
      if (p[0] == 0xF0) low = 0x90;
      if (p[0] == 0xF4) high = 0x8F;
    }
    if ((size_t)i >= n || p[i] < low || p[i] > high) return BAD;
    *used = (size_t)i + 1;
    v = v << 6 | (p[i] & 0x3F);
  }
  return v;
}

static int32_t utf16_next(const uint8_t *p, size_t n, bool big, size_t *used) {
  *used = n < 2 ? n : 2;
  if (n < 2) return BAD;
  int32_t a = big ? p[0] << 8 | p[1] : p[1] << 8 | p[0];
  if (a < 0xD800 || a > 0xDFFF) return a;
  if (a > 0xDBFF || n < 4) return BAD;
  int32_t b = big ? p[2] << 8 | p[3] : p[3] << 8 | p[2];
  if (b < 0xDC00 || b > 0xDFFF) return BAD;
  *used = 4;
  return 0x10000 + ((a - 0xD800) << 10) + (b - 0xDC00);
}

// The next code point of [p, p + n), n > 0; BAD for a malformed piece of *used bytes.
static int32_t next_char(encoding_t e, const uint8_t *p, size_t n, size_t *used) {
  *used = 1;
  switch (e) {
    case UTF8: return utf8_next(p, n, used);
    case UTF16_BE:
    case UTF16_LE: return utf16_next(p, n, e == UTF16_BE, used);
    case UTF32_BE:
    case UTF32_LE: {
      *used = n < 4 ? n : 4;
      if (n < 4) return BAD;
      uint32_t v = 0;
      for (int i = 0; i < 4; i++) v = v << 8 | p[e == UTF32_BE ? i : 3 - i];
      return v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF) ? BAD : (int32_t)v;
    }
    case ASCII: return p[0] < 0x80 ? p[0] : BAD;
    default: return p[0];
  }
}

static void put_char(encoding_t e, int32_t v, text_t *t) {
  char b[4];
  size_t n = 0;
  switch (e) {
    case UTF16_BE:
    case UTF16_LE: {
      int32_t unit[2] = {v, 0};
      int units = v > 0xFFFF ? 2 : 1;
      if (units == 2) unit[0] = 0xD800 + ((v - 0x10000) >> 10), unit[1] = 0xDC00 + (v & 0x3FF);
      for (int i = 0; i < units; i++) {
        b[n++] = (char)(e == UTF16_BE ? unit[i] >> 8 : unit[i] & 0xFF);
        b[n++] = (char)(e == UTF16_BE ? unit[i] & 0xFF : unit[i] >> 8);
      }
      break;
    }
    case UTF32_BE:
    case UTF32_LE:
      for (n = 0; n < 4; n++) b[n] = (char)(v >> (e == UTF32_BE ? 24 - 8 * (int)n : 8 * (int)n));
      break;
    default:
      if (v < 0x80) {
        b[n++] = (char)v;
      } else if (v < 0x800) {
        b[n++] = (char)(0xC0 | v >> 6);
      } else if (v < 0x10000) {
        b[n++] = (char)(0xE0 | v >> 12);
        b[n++] = (char)(0x80 | (v >> 6 & 0x3F));
      } else {
        b[n++] = (char)(0xF0 | v >> 18);
        b[n++] = (char)(0x80 | (v >> 12 & 0x3F));
        b[n++] = (char)(0x80 | (v >> 6 & 0x3F));
      }
      if (v >= 0x80) b[n++] = (char)(0x80 | (v & 0x3F));
  }
  text_add(t, b, n);
}

// What to do with malformed input.
typedef struct policy {
  enum { STRICT, REPLACE, IGNORE } errors;
  int32_t replacement;
  bool control;  // C0 characters are replaced too
} policy_t;

static bool valid_char(int64_t v) {
  return v >= 0 && v <= 0x10FFFF && !(v >= 0xD800 && v <= 0xDFFF);
}

static status_t policy_of(const op_ctx_t *c, policy_t *p) {
  const char *e = node_string(c->node, "errors");
  int64_t replacement = node_int(c->node, "replacement_char", 0xFFFD);
  p->errors = strcmp(e, "strict") == 0 ? STRICT : strcmp(e, "ignore") == 0 ? IGNORE : REPLACE;
  p->control = node_bool(c->node, "replace_control_characters", false);
  if (!valid_char(replacement))
    return OP_FAIL(c, INVALID_ARGUMENT, "replacement_char %" PRId64 " is no code point",
                   replacement);
  p->replacement = (int32_t)replacement;
  return NULL;
}

typedef struct points {
  VEC(int32_t) chars;
  VEC(int64_t) starts;
} points_t;

static status_t decode(const op_ctx_t *c, encoding_t e, const policy_t *p, const str_t *s,
                       points_t *out) {
  for (size_t at = 0, used; at < s->n; at += used) {
    int32_t v = next_char(e, (const uint8_t *)s->p + at, s->n - at, &used);
    if (v == BAD && p->errors == STRICT)
      return OP_FAIL(c, INVALID_ARGUMENT, "invalid formatting on input string");
    if (v == BAD && p->errors == IGNORE) continue;
    if (v == BAD || (p->control && v < 0x20)) v = p->replacement;
    vec_push(&out->chars, v);
    vec_push(&out->starts, (int64_t)at);
  }
  return NULL;
}

static void points_free(points_t *p) {
  vec_free(&p->chars);
  vec_free(&p->starts);
}

// ---------------------------------------------------------------- UnicodeDecode(WithOffsets)

static status_t decode_infer(infer_ctx_t *c) {
  shape_t s = SHAPE(-1);
  const shape_t *in = infer_in(c, 0);
  int64_t n = in->rank >= 0 ? shape_elements(in) : -1;
  shape_t splits = SHAPE(n >= 0 ? n + 1 : -1);
  infer_out(c, 0, &splits);
  for (int i = 1; i < c->node->n_out; i++) infer_out(c, i, &s);
  return NULL;
}

static status_t decode_kernel(op_ctx_t *c) {
  encoding_t e;
  policy_t policy;
  TRY(encoding_of(c, "input_encoding", &e));
  TRY(policy_of(c, &policy));
  int64_t n = tensor_elements(&c->in[0]);
  tensor_t *splits, *y;
  shape_t s = SHAPE(n + 1);
  TRY(op_out(c, 0, &s, &splits));
  index_set(splits, 0, 0);
  points_t points = {0};
  status_t st = NULL;
  for (int64_t i = 0; i < n && !st; i++) {
    st = decode(c, e, &policy, str_at(&c->in[0], i), &points);
    index_set(splits, i + 1, (int64_t)points.chars.n);
  }
  s = SHAPE((int64_t)points.chars.n);
  if (!st) st = op_out(c, 1, &s, &y);
  if (!st && points.chars.n) memcpy(y->data, points.chars.v, tensor_bytes(y));
  if (!st && c->n_out > 2) {
    st = op_out(c, 2, &s, &y);
    if (!st && points.starts.n) memcpy(y->data, points.starts.v, tensor_bytes(y));
  }
  points_free(&points);
  return st;
}

// ---------------------------------------------------------------- UnicodeEncode

static status_t output_encoding(const op_ctx_t *c, encoding_t *e) {
  TRY(encoding_of(c, "output_encoding", e));
  if (*e == ASCII || *e == LATIN1)
    return OP_FAIL(c, INVALID_ARGUMENT, "output_encoding '%s' is none of UTF-8, UTF-16, UTF-32",
                   node_string(c->node, "output_encoding"));
  return NULL;
}

static status_t encode_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 1);
  shape_t s = SHAPE(in->rank == 1 && in->d[0] > 0 ? in->d[0] - 1 : -1);
  infer_out(c, 0, &s);
  return NULL;
}

static status_t encode_kernel(op_ctx_t *c) {
  const tensor_t *values = &c->in[0];
  encoding_t e;
  policy_t policy;
  int64_t rows;
  TRY(output_encoding(c, &e));
  TRY(policy_of(c, &policy));
  TRY(op_splits(c, 1, tensor_elements(values), &rows));
  tensor_t *y;
  shape_t s = SHAPE(rows);
  TRY(op_out(c, 0, &s, &y));
  text_t text = {0};
  status_t st = NULL;
  for (int64_t r = 0; r < rows && !st; r++) {
    for (int64_t i = index_at(&c->in[1], r); i < index_at(&c->in[1], r + 1) && !st; i++) {
      int32_t v = TENSOR_DATA(int32_t, values)[i];
      if (valid_char(v))
        put_char(e, v, &text);
      else if (policy.errors == STRICT)
        st = OP_FAIL(c, INVALID_ARGUMENT, "code point %" PRId32 " is out of range for Unicode", v);
      else if (policy.errors == REPLACE)
        put_char(e, policy.replacement, &text);
    }
    if (!st) st = text_take(&text, TENSOR_DATA(str_t, y) + r);
  }
  vec_free(&text);
  return st;
}

// ---------------------------------------------------------------- UnicodeTranscode

static status_t transcode_kernel(op_ctx_t *c) {
  encoding_t from, to;
  policy_t policy;
  TRY(encoding_of(c, "input_encoding", &from));
  TRY(output_encoding(c, &to));
  TRY(policy_of(c, &policy));
  tensor_t *y;
  TRY(op_out(c, 0, &c->in[0].shape, &y));
  text_t text = {0};
  points_t points = {0};
  status_t st = NULL;
  for (int64_t i = 0, n = tensor_elements(y); i < n && !st; i++) {
    points.chars.n = points.starts.n = 0;
    st = decode(c, from, &policy, str_at(&c->in[0], i), &points);
    for (size_t k = 0; k < points.chars.n; k++) put_char(to, points.chars.v[k], &text);
    if (!st) st = text_take(&text, TENSOR_DATA(str_t, y) + i);
  }
  points_free(&points);
  vec_free(&text);
  return st;
}

#define POLICY                                                  \
  "errors: string = 'replace'; replacement_char: int = 65533; " \
  "replace_control_characters: bool = false"
#define ENCODINGS \
  "UTF-8, UTF-16 and UTF-32 of both byte orders, US-ASCII, ISO-8859-1; not ICU's others"

const op_def_t ops_unicode[] = {
    {.name = "UnicodeDecode",
     .sig = "input: string -> row_splits: Tsplits, char_values: int32",
     .attrs = "input_encoding: string; Tsplits: type = int64; " POLICY,
     .infer = decode_infer,
     .kernel = decode_kernel,
     .note = ENCODINGS},
    {.name = "UnicodeDecodeWithOffsets",
     .sig = "input: string -> row_splits: Tsplits, char_values: int32, char_to_byte_starts: int64",
     .attrs = "input_encoding: string; Tsplits: type = int64; " POLICY,
     .infer = decode_infer,
     .kernel = decode_kernel,
     .note = ENCODINGS},
    {.name = "UnicodeEncode",
     .sig = "input_values: int32, input_splits: Tsplits -> output: string",
     .attrs = "errors: string = 'replace'; output_encoding: string; "
              "replacement_char: int = 65533; Tsplits: type = int64",
     .infer = encode_infer,
     .kernel = encode_kernel},
    {.name = "UnicodeTranscode",
     .sig = "input: string -> output: string",
     .attrs = "input_encoding: string; output_encoding: string; " POLICY,
     .infer = infer_same,
     .kernel = transcode_kernel,
     .note = ENCODINGS},
    {0},
};
