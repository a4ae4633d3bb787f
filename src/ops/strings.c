// Ops on strings one by one: hashes, lengths, case, parts, joins.
#include "kernels/hash.h"
#include "ops/text.h"

// ---------------------------------------------------------------- hashes and lengths

static status_t hash_kernel(op_ctx_t *c) {
  int64_t buckets = node_int(c->node, "num_buckets", 0);
  const int64_t *key = NULL;
  uint64_t words[2] = {0};
  bool fast = strcmp(c->node->op, "StringToHashBucketFast") == 0;
  bool strong = strcmp(c->node->op, "StringToHashBucketStrong") == 0;
  if (buckets < 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "num_buckets must be positive, not %" PRId64, buckets);
  if (strong) {
    if (node_ints(c->node, "key", &key) != 2)
      return OP_FAIL(c, INVALID_ARGUMENT, "key must have 2 elements");
    words[0] = (uint64_t)key[0];
    words[1] = (uint64_t)key[1];
  }
  tensor_t *out;
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    const str_t *s = str_at(&c->in[0], i);
    uint64_t h = fast     ? fingerprint64(s->p, s->n)
                 : strong ? siphash24(words, s->p, s->n)
                          : murmur64(s->p, s->n);
    TENSOR_DATA(int64_t, out)[i] = (int64_t)(h % (uint64_t)buckets);
  }
  return NULL;
}

// BYTE or UTF8_CHAR.
static status_t unit_utf8(const op_ctx_t *c, bool *utf8) {
  *utf8 = node_string_is(c->node, "unit", "UTF8_CHAR");
  if (!*utf8 && !node_string_is(c->node, "unit", "BYTE"))
    return OP_FAIL(c, INVALID_ARGUMENT, "unit must be BYTE or UTF8_CHAR, not '%s'",
                   node_string(c->node, "unit"));
  return NULL;
}

static int64_t characters(const str_t *s) {
  int64_t n = 0;
  for (size_t i = 0; i < s->n; i++) n += ((unsigned char)s->p[i] & 0xC0) != 0x80;
  return n;
}

static status_t length_kernel(op_ctx_t *c) {
  bool utf8;
  tensor_t *out;
  TRY(unit_utf8(c, &utf8));
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    const str_t *s = str_at(&c->in[0], i);
    index_set(out, i, utf8 ? characters(s) : (int64_t)s->n);
  }
  return NULL;
}

// ---------------------------------------------------------------- case and blanks

static status_t case_kernel(op_ctx_t *c) {
  bool upper = strcmp(c->node->op, "StringUpper") == 0,
       ascii = node_string_is(c->node, "encoding", "");
  tensor_t *out;
  if (!ascii && !node_string_is(c->node, "encoding", "utf-8"))
    return OP_FAIL(c, INVALID_ARGUMENT, "encoding must be '' or 'utf-8', not '%s'",
                   node_string(c->node, "encoding"));
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    const str_t *s = str_at(&c->in[0], i);
    str_t *to = TENSOR_DATA(str_t, out) + i;
    TRY(str_set(to, s->p, s->n));
    for (size_t k = 0; k < to->n; k++) {
      char x = to->p[k];
      if (!ascii && (unsigned char)x >= 0x80)
        return OP_FAIL(c, UNIMPLEMENTED, "the case of letters outside ASCII (encoding utf-8)");
      if (upper ? x >= 'a' && x <= 'z' : x >= 'A' && x <= 'Z') to->p[k] = (char)(x ^ 0x20);
    }
  }
  return NULL;
}

static status_t strip_kernel(op_ctx_t *c) {
  tensor_t *out;
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    const str_t *s = str_at(&c->in[0], i);
    size_t b = 0, e = s->n;
    while (b < e && is_space(s->p[b])) b++;
    while (e > b && is_space(s->p[e - 1])) e--;
    TRY(str_set(TENSOR_DATA(str_t, out) + i, s->p + b, e - b));
  }
  return NULL;
}

// ---------------------------------------------------------------- Substr

// The element of t (broadcast to `shape`) at flat position i.
static int64_t broadcast_at(const shape_t *shape, const shape_t *t, int64_t i) {
  int64_t at = 0, step = 1;
  for (int d = shape->rank - 1, k = t->rank - 1; k >= 0; d--, k--) {
    if (t->d[k] != 1) at += i % shape->d[d] * step;
    step *= t->d[k];
    i /= shape->d[d];
  }
  return at;
}

static status_t substr_one(const op_ctx_t *c, const str_t *s, int64_t pos, int64_t len, bool utf8,
                           str_t *to) {
  int64_t n = utf8 ? characters(s) : (int64_t)s->n;
  if (len < 0 || pos > n || pos < -n)
    return OP_FAIL(c, INVALID_ARGUMENT, "pos %" PRId64 " out of range for string '%.*s'", pos,
                   s->n > 80 ? 80 : (int)s->n, s->n ? s->p : "");
  if (pos < 0) pos += n;
  if (len > n - pos) len = n - pos;
  size_t b = (size_t)pos, e = (size_t)(pos + len);
  if (utf8) {
    size_t at = 0;
    for (int64_t k = 0; k < pos; k++) at += utf8_length(s->p + at, s->n - at);
    b = e = at;
    for (int64_t k = 0; k < len; k++) e += utf8_length(s->p + e, s->n - e);
  }
  return str_set(to, s->p + b, e - b);
}

static status_t substr_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0], *pos = &c->in[1], *len = &c->in[2];
  shape_t s;
  bool utf8;
  tensor_t *out;
  char a[128], b[128];
  TRY(unit_utf8(c, &utf8));
  if (!shape_equal(&pos->shape, &len->shape) || !shape_broadcast(&in->shape, &pos->shape, &s))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "pos and len must have one shape that fits the input: %s and %s",
                   shape_format(&pos->shape, a, sizeof a), shape_format(&in->shape, b, sizeof b));
  TRY(op_out(c, 0, &s, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    int64_t k = broadcast_at(&s, &pos->shape, i);
    TRY(substr_one(c, str_at(in, broadcast_at(&s, &in->shape, i)), index_at(pos, k),
                   index_at(len, k), utf8, TENSOR_DATA(str_t, out) + i));
  }
  return NULL;
}

// ---------------------------------------------------------------- StringJoin, ReduceJoin,
// UnsortedSegmentJoin

static status_t join_infer(infer_ctx_t *c) {
  shape_t out = SHAPE_SCALAR;
  char a[128], b[128];
  bool unknown = false;
  for (int i = 0; i < c->node->n_in; i++) {
    const shape_t *s = infer_in(c, i);
    shape_t both;
    unknown |= s->rank < 0;
    if (s->rank <= 0) continue;
    if (out.rank == 0) out = *s;
    if (!shape_merge(&out, s, &both))
      return OP_FAIL(c, INVALID_ARGUMENT, "input shapes do not match: %s vs. %s",
                     shape_format(&out, a, sizeof a), shape_format(s, b, sizeof b));
    out = both;
  }
  if (unknown && out.rank == 0) out = SHAPE_UNKNOWN;
  infer_out(c, 0, &out);
  return NULL;
}

static status_t join_kernel(op_ctx_t *c) {
  shape_t s = SHAPE_SCALAR;
  char a[128], b[128];
  for (int i = 0; i < c->n_in; i++) {
    const shape_t *x = &c->in[i].shape;
    if (x->rank == 0) continue;
    if (s.rank > 0 && !shape_equal(&s, x))
      return OP_FAIL(c, INVALID_ARGUMENT, "input shapes do not match: %s vs. %s",
                     shape_format(&s, a, sizeof a), shape_format(x, b, sizeof b));
    s = *x;
  }
  tensor_t *out;
  text_t text = {0};
  const char *separator = node_string(c->node, "separator");
  TRY(op_out(c, 0, &s, &out));
  status_t st = NULL;
  for (int64_t k = 0, n = tensor_elements(out); k < n && !st; k++) {
    for (int i = 0; i < c->n_in; i++) {
      if (i) text_add_c(&text, separator);
      text_add_str(&text, str_at(&c->in[i], c->in[i].shape.rank ? k : 0));
    }
    st = text_take(&text, TENSOR_DATA(str_t, out) + k);
  }
  vec_free(&text);
  return st;
}

// The axes to join over, in the order in which they are walked; none given: all, from the first.
static status_t join_axes(const node_t *node, const int64_t *v, int n, int rank, int *axes,
                          int *n_axes, shape_t *shape) {
  bool gone[SHAPE_MAX_RANK] = {0}, keep = node_bool(node, "keep_dims", false);
  shape_t out = {0};
  *n_axes = n;
  for (int i = 0; i < n; i++) {
    if (!axis_ok(v[i], rank, &axes[i]))
      return FAIL(INVALID_ARGUMENT,
                  "ReduceJoin '%s': axis %" PRId64 " is out of range for %d dimensions", node->name,
                  v[i], rank);
    if (gone[axes[i]])
      return FAIL(INVALID_ARGUMENT, "ReduceJoin '%s': duplicate reduction dimension %d", node->name,
                  axes[i]);
    gone[axes[i]] = true;
  }
  for (int i = 0; i < rank; i++) {
    if (!gone[i])
      out.d[out.rank++] = shape->d[i];
    else if (keep)
      out.d[out.rank++] = 1;
  }
  *shape = out;
  return NULL;
}

static status_t reduce_join_infer(infer_ctx_t *c) {
  int64_t v[SHAPE_MAX_RANK];
  int n, axes[SHAPE_MAX_RANK], n_axes;
  shape_t s = *infer_in(c, 0);
  if (s.rank < 0 || !infer_ints(c, 1, v, SHAPE_MAX_RANK, &n)) return NULL;
  TRY(join_axes(c->node, v, n, s.rank, axes, &n_axes, &s));
  infer_out(c, 0, &s);
  return NULL;
}

static status_t reduce_join_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  int64_t v[SHAPE_MAX_RANK], stride[SHAPE_MAX_RANK], index[SHAPE_MAX_RANK] = {0};
  int n, axes[SHAPE_MAX_RANK], n_axes;
  shape_t s = in->shape;
  TRY(op_ints(c, 1, v, SHAPE_MAX_RANK, &n));
  TRY(join_axes(c->node, v, n, s.rank, axes, &n_axes, &s));
  tensor_t *out;
  text_t text = {0};
  const char *separator = node_string(c->node, "separator");
  TRY(op_out(c, 0, &s, &out));
  shape_strides(&in->shape, stride);
  bool joined[SHAPE_MAX_RANK] = {0};
  int64_t parts = 1;
  for (int i = 0; i < n_axes; i++) {
    joined[axes[i]] = true;
    parts *= in->shape.d[axes[i]];
  }
  status_t st = NULL;
  for (int64_t k = 0, total = tensor_elements(out); k < total && !st; k++) {
    int64_t start = 0, rest = k;
    for (int d = in->shape.rank - 1; d >= 0; d--) {
      if (joined[d]) continue;
      start += rest % in->shape.d[d] * stride[d];
      rest /= in->shape.d[d];
    }
    memset(index, 0, sizeof index);
    for (int64_t p = 0; p < parts; p++) {
      int64_t at = start;
      for (int i = 0; i < n_axes; i++) at += index[i] * stride[axes[i]];
      if (p) text_add_c(&text, separator);
      text_add_str(&text, str_at(in, at));
      // The axis that is named first is joined first: it runs fastest.
      for (int i = 0; i < n_axes && ++index[i] == in->shape.d[axes[i]]; i++) index[i] = 0;
    }
    st = text_take(&text, TENSOR_DATA(str_t, out) + k);
  }
  vec_free(&text);
  return st;
}

static status_t segment_join_infer(infer_ctx_t *c) {
  const shape_t *in = infer_in(c, 0), *ids = infer_in(c, 1);
  int64_t n = -1;
  if (in->rank < 0 || ids->rank < 0 || ids->rank > in->rank) return NULL;
  if (!infer_int(c, 2, &n)) n = -1;
  shape_t out = SHAPE(n), rest = shape_range(in, ids->rank, in->rank);
  out = shape_join(&out, &rest);
  infer_out(c, 0, &out);
  return NULL;
}

static status_t segment_join_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0], *ids = &c->in[1];
  int64_t segments;
  TRY(op_int(c, 2, &segments));
  if (segments < 0) return OP_FAIL(c, INVALID_ARGUMENT, "number of segments must be non-negative");
  shape_t lead = shape_range(&in->shape, 0,
                             ids->shape.rank < in->shape.rank ? ids->shape.rank : in->shape.rank);
  if (!shape_equal(&lead, &ids->shape))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "the input's shape must start with the shape of segment_ids");
  shape_t s = SHAPE(segments), rest = shape_range(&in->shape, ids->shape.rank, in->shape.rank);
  s = shape_join(&s, &rest);
  int64_t n = tensor_elements(ids), inner = shape_elements(&rest);
  for (int64_t i = 0; i < n; i++)
    if (index_at(ids, i) < 0 || index_at(ids, i) >= segments)
      return OP_FAIL(c, INVALID_ARGUMENT, "segment id %" PRId64 " is not in [0, %" PRId64 ")",
                     index_at(ids, i), segments);
  tensor_t *out;
  text_t text = {0};
  const char *separator = node_string(c->node, "separator");
  TRY(op_out(c, 0, &s, &out));
  status_t st = NULL;
  for (int64_t k = 0, total = tensor_elements(out); k < total && !st; k++) {
    bool first = true;
    for (int64_t i = 0; i < n; i++) {
      if (index_at(ids, i) != k / inner) continue;
      if (!first) text_add_c(&text, separator);
      text_add_str(&text, str_at(in, i * inner + k % inner));
      first = false;
    }
    st = text_take(&text, TENSOR_DATA(str_t, out) + k);
  }
  vec_free(&text);
  return st;
}

// ---------------------------------------------------------------- Base64 (RFC 4648, the web-safe
// alphabet)

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static status_t encode_kernel(op_ctx_t *c) {
  bool pad = node_bool(c->node, "pad", false);
  tensor_t *out;
  text_t text = {0};
  status_t st = NULL;
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n && !st; i++) {
    const str_t *s = str_at(&c->in[0], i);
    for (size_t k = 0; k < s->n; k += 3) {
      unsigned char b[3] = {0};
      size_t have = s->n - k < 3 ? s->n - k : 3;
      memcpy(b, s->p + k, have);
      unsigned v = (unsigned)b[0] << 16 | (unsigned)b[1] << 8 | b[2];
      for (size_t j = 0; j < 4; j++) {
        if (j <= have)
          text_add(&text, &base64[v >> (18 - 6 * j) & 63], 1);
        else if (pad)
          text_add(&text, "=", 1);
      }
    }
    st = text_take(&text, TENSOR_DATA(str_t, out) + i);
  }
  vec_free(&text);
  return st;
}

static status_t decode_one(const op_ctx_t *c, const str_t *s, text_t *text) {
  size_t n = s->n;
  while (n > 0 && s->n - n < 2 && s->p[n - 1] == '=') n--;
  if (n % 4 == 1 || (n < s->n && s->n % 4))
    return OP_FAIL(c, INVALID_ARGUMENT, "a base64 string of %zu characters cannot be", s->n);
  unsigned v = 0;
  int bits = 0;
  for (size_t k = 0; k < n; k++) {
    const char *at = s->p[k] ? strchr(base64, s->p[k]) : NULL;
    if (!at) return OP_FAIL(c, INVALID_ARGUMENT, "invalid character found in base64");
    v = v << 6 | (unsigned)(at - base64);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    char byte = (char)(v >> bits & 0xff);
    text_add(text, &byte, 1);
  }
  return NULL;
}

static status_t decode_kernel(op_ctx_t *c) {
  tensor_t *out;
  text_t text = {0};
  status_t st = NULL;
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n && !st; i++) {
    st = decode_one(c, str_at(&c->in[0], i), &text);
    if (!st) st = text_take(&text, TENSOR_DATA(str_t, out) + i);
  }
  vec_free(&text);
  return st;
}

// ---------------------------------------------------------------- DecodeRaw

static status_t raw_infer(infer_ctx_t *c) {
  if (infer_in(c, 0)->rank < 0) return NULL;
  shape_t out = shape_insert(infer_in(c, 0), infer_in(c, 0)->rank, -1);
  infer_out(c, 0, &out);
  return NULL;
}

static status_t raw_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  dtype_t dtype = c->node->out_dtype[0];
  int64_t n = tensor_elements(in);
  size_t size = dtype_size(dtype), width = n ? str_at(in, 0)->n : 0;
  // The parts of a complex number are swapped one by one.
  size_t word = dtype_is_complex(dtype) ? size / 2 : size;
  tensor_t *out;
  if (!dtype_is_plain(dtype))
    return OP_FAIL(c, INVALID_ARGUMENT, "cannot decode to %s", dtype_name(dtype));
  for (int64_t i = 0; i < n; i++)
    if (str_at(in, i)->n != width)
      return OP_FAIL(
          c, INVALID_ARGUMENT,
          "DecodeRaw requires input strings to all be the same size, but element %" PRId64
          " has size %zu != %zu",
          i, str_at(in, i)->n, width);
  if (width % size)
    return OP_FAIL(
        c, INVALID_ARGUMENT,
        "input to DecodeRaw has length %zu that is not a multiple of %zu, the size of %s", width,
        size, dtype_name(dtype));
  if (in->shape.rank >= SHAPE_MAX_RANK)
    return OP_FAIL(c, INVALID_ARGUMENT, "more than %d dimensions", SHAPE_MAX_RANK);
  shape_t s = shape_insert(&in->shape, in->shape.rank, (int64_t)(width / size));
  TRY(op_out(c, 0, &s, &out));
  bool swap = !node_bool(c->node, "little_endian", true) && word > 1;
  for (int64_t i = 0; i < n; i++) {
    char *to = (char *)out->data + (size_t)i * width;
    if (width) memcpy(to, str_at(in, i)->p, width);
    for (size_t k = 0; swap && k < width; k += word)
      for (size_t j = 0; j < word / 2; j++) {
        char t = to[k + j];
        to[k + j] = to[k + word - 1 - j];
        to[k + word - 1 - j] = t;
      }
  }
  return NULL;
}

#define HASH .infer = infer_same, .kernel = hash_kernel

const op_def_t ops_strings[] = {
    {.name = "StringToHashBucketFast",
     .sig = "input: string -> output: int64",
     .attrs = "num_buckets: int",
     HASH},
    {.name = "StringToHashBucket",
     .sig = "string_tensor: string -> output: int64",
     .attrs = "num_buckets: int",
     HASH},
    {.name = "StringToHashBucketStrong",
     .sig = "input: string -> output: int64",
     .attrs = "num_buckets: int; key: list(int)",
     HASH},
    {.name = "StringLength",
     .sig = "input: string -> output: int32",
     .attrs = "unit: string = 'BYTE'",
     .infer = infer_same,
     .kernel = length_kernel},
    {.name = "StringLower",
     .sig = "input: string -> output: string",
     .attrs = "encoding: string = ''",
     .infer = infer_same,
     .kernel = case_kernel},
    {.name = "StringUpper",
     .sig = "input: string -> output: string",
     .attrs = "encoding: string = ''",
     .infer = infer_same,
     .kernel = case_kernel},
    {.name = "StringStrip",
     .sig = "input: string -> output: string",
     .attrs = "",
     .infer = infer_same,
     .kernel = strip_kernel},
    {.name = "Substr",
     .sig = "input: string, pos: T, len: T -> output: string",
     .attrs = "T: type; unit: string = 'BYTE'",
     .infer = infer_broadcast,
     .kernel = substr_kernel},
    {.name = "StringJoin",
     .sig = "inputs: N * string -> output: string",
     .attrs = "N: int; separator: string = ''",
     .infer = join_infer,
     .kernel = join_kernel},
    {.name = "ReduceJoin",
     .sig = "inputs: string, reduction_indices: int32 -> output: string",
     .attrs = "keep_dims: bool = false; separator: string = ''",
     .infer = reduce_join_infer,
     .kernel = reduce_join_kernel},
    {.name = "UnsortedSegmentJoin",
     .sig = "inputs: string, segment_ids: Tindices, num_segments: Tnumsegments -> output: string",
     .attrs = "separator: string = ''; Tindices: type; Tnumsegments: type = int32",
     .infer = segment_join_infer,
     .kernel = segment_join_kernel},
    {.name = "EncodeBase64",
     .sig = "input: string -> output: string",
     .attrs = "pad: bool = false",
     .infer = infer_same,
     .kernel = encode_kernel},
    {.name = "DecodeBase64",
     .sig = "input: string -> output: string",
     .attrs = "",
     .infer = infer_same,
     .kernel = decode_kernel},
    {.name = "DecodeRaw",
     .sig = "bytes: string -> output: out_type",
     .attrs = "out_type: type; little_endian: bool = true",
     .infer = raw_infer,
     .kernel = raw_kernel},
    {0},
};
