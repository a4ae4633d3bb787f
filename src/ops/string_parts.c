// Ops that take strings apart (splits, n-grams) and that turn numbers into text and back.
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "ops/elements.h"
#include "ops/text.h"

// ---------------------------------------------------------------- StringSplit, StringSplitV2

typedef struct part {
  int64_t row;
  const char *p;
  size_t n;
} part_t;
typedef VEC(part_t) parts_t;

// Splits at any byte of `delimiters`; without delimiters every byte is a part.
static void split_any(int64_t row, const str_t *s, const str_t *delimiters, bool skip_empty,
                      parts_t *out) {
  if (!delimiters->n) {
    for (size_t i = 0; i < s->n; i++) vec_push(out, ((part_t){row, s->p + i, 1}));
    return;
  }
  size_t begin = 0;
  for (size_t i = 0; i <= s->n; i++) {
    if (i < s->n && !memchr(delimiters->p, s->p[i], delimiters->n)) continue;
    if (i > begin || !skip_empty) vec_push(out, ((part_t){row, s->p + begin, i - begin}));
    begin = i + 1;
  }
}

// Python's str.split: at `sep`, or at runs of blanks when it is empty; at most maxsplit times when
// >= 0.
static void split_v2(int64_t row, const str_t *s, const str_t *sep, int64_t maxsplit,
                     parts_t *out) {
  size_t at = 0;
  for (int64_t splits = 0;; splits++) {
    if (!sep->n)
      while (at < s->n && is_space(s->p[at])) at++;
    if (!sep->n && at >= s->n) return;
    size_t end = at;
    bool last = maxsplit >= 0 && splits >= maxsplit, found = false;
    for (; !last && end + (sep->n ? sep->n : 1) <= s->n && !found; end += !found)
      found = sep->n ? memcmp(s->p + end, sep->p, sep->n) == 0 : is_space(s->p[end]);
    if (!found) end = s->n;
    vec_push(out, ((part_t){row, s->p + at, end - at}));
    if (!found) return;
    at = end + (sep->n ? sep->n : 1);
  }
}

static status_t split_infer(infer_ctx_t *c) {
  shape_t indices = SHAPE(-1, 2), values = SHAPE(-1), shape = SHAPE(2);
  infer_out(c, 0, &indices);
  infer_out(c, 1, &values);
  infer_out(c, 2, &shape);
  return NULL;
}

static status_t split_put(op_ctx_t *c, int64_t rows, const parts_t *parts) {
  int64_t n = (int64_t)parts->n, column = 0, widest = 0;
  tensor_t *indices, *values;
  shape_t is = SHAPE(n, 2), vs = SHAPE(n);
  TRY(op_out(c, 0, &is, &indices));
  TRY(op_out(c, 1, &vs, &values));
  for (int64_t i = 0; i < n; i++) {
    const part_t *p = &parts->v[i];
    column = i && parts->v[i - 1].row == p->row ? column + 1 : 0;
    if (column + 1 > widest) widest = column + 1;
    TENSOR_DATA(int64_t, indices)[2 * i] = p->row;
    TENSOR_DATA(int64_t, indices)[2 * i + 1] = column;
    TRY(str_set(TENSOR_DATA(str_t, values) + i, p->p, p->n));
  }
  return op_out_ints(c, 2, 1, 2, (int64_t[]){rows, widest});
}

static status_t split_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0], *by = &c->in[1];
  bool v2 = strcmp(c->node->op, "StringSplitV2") == 0;
  if (in->shape.rank != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "input must be a vector, got %d dimensions",
                   in->shape.rank);
  if (by->shape.rank != 0) return OP_FAIL(c, INVALID_ARGUMENT, "the separator must be a scalar");
  parts_t parts = {0};
  for (int64_t i = 0; i < in->shape.d[0]; i++) {
    if (v2)
      split_v2(i, str_at(in, i), str_at(by, 0), node_int(c->node, "maxsplit", -1), &parts);
    else
      split_any(i, str_at(in, i), str_at(by, 0), node_bool(c->node, "skip_empty", true), &parts);
  }
  status_t st = split_put(c, in->shape.d[0], &parts);
  vec_free(&parts);
  return st;
}

// ---------------------------------------------------------------- StringNGrams

typedef struct ngrams {
  const tensor_t *data;
  const char *separator, *left, *right;
  int64_t pad;  // -1: as wide as the n-gram less one
  const int64_t *widths;
  int n_widths;
  bool keep_short;
} ngrams_t;

static int64_t ngram_pad(const ngrams_t *g, int64_t width) {
  return g->pad < 0 || g->pad > width - 1 ? width - 1 : g->pad;
}

static int64_t ngram_count(const ngrams_t *g, int64_t length, int64_t width) {
  int64_t n = length + 2 * ngram_pad(g, width) - width + 1;
  return n > 0 ? n : 0;
}

// The n-grams of one width of tokens [begin, begin + length).
static status_t ngram_row(const ngrams_t *g, int64_t begin, int64_t length, int64_t width,
                          int64_t count, text_t *text, str_t *out) {
  int64_t pad = ngram_pad(g, width);
  for (int64_t i = 0; i < count; i++) {
    for (int64_t k = i - pad; k < i - pad + width; k++) {
      if (k > i - pad) text_add_c(text, g->separator);
      if (k < 0)
        text_add_c(text, g->left);
      else if (k >= length)
        text_add_c(text, g->right);
      else
        text_add_str(text, str_at(g->data, begin + k));
    }
    TRY(text_take(text, out + i));
  }
  return NULL;
}

static status_t ngrams_infer(infer_ctx_t *c) {
  shape_t s = SHAPE(-1);
  infer_out(c, 0, &s);
  infer_out(c, 1, infer_in(c, 1));
  return NULL;
}

static status_t ngrams_kernel(op_ctx_t *c) {
  const tensor_t *splits = &c->in[1];
  ngrams_t g = {.data = &c->in[0],
                .separator = node_string(c->node, "separator"),
                .left = node_string(c->node, "left_pad"),
                .right = node_string(c->node, "right_pad"),
                .pad = node_int(c->node, "pad_width", 0),
                .keep_short = node_bool(c->node, "preserve_short_sequences", false)};
  g.n_widths = node_ints(c->node, "ngram_widths", &g.widths);
  int64_t n = tensor_elements(g.data), rows = tensor_elements(splits) - 1;
  if (g.data->shape.rank != 1 || splits->shape.rank != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "data and data_splits must be vectors");
  for (int i = 0; i < g.n_widths; i++)
    if (g.widths[i] < 1) return OP_FAIL(c, INVALID_ARGUMENT, "ngram_widths must be positive");
  for (int64_t r = 0; r <= rows; r++) {
    int64_t at = index_at(splits, r), before = r ? index_at(splits, r - 1) : 0;
    if (r == 0 ? at != 0 : at < before || at > n)
      return OP_FAIL(c, INVALID_ARGUMENT,
                     "invalid split value %" PRId64 ", must be in [%" PRId64 ", %" PRId64 "]", at,
                     r ? before : 0, r ? n : 0);
  }
  if (rows >= 0 && index_at(splits, rows) != n)
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "last split value must be the data size; got %" PRId64 ", expected %" PRId64,
                   index_at(splits, rows), n);
  tensor_t *ends, *out = NULL;
  TRY(op_out(c, 1, &splits->shape, &ends));
  if (rows >= 0) index_set(ends, 0, 0);
  int64_t total = 0;
  for (int64_t r = 0; r < rows; r++) {
    int64_t length = index_at(splits, r + 1) - index_at(splits, r), here = 0;
    for (int i = 0; i < g.n_widths; i++) here += ngram_count(&g, length, g.widths[i]);
    if (here == 0 && g.keep_short && length > 0) {
      if (g.pad < 0)
        return OP_FAIL(c, INVALID_ARGUMENT,
                       "pad_width should be >= 0 when short sequences are preserved");
      here = 1;
    }
    total = dim_add(total, here);
    index_set(ends, r + 1, total);
  }
  shape_t s = SHAPE(total);
  TRY(op_out(c, 0, &s, &out));
  text_t text = {0};
  status_t st = NULL;
  for (int64_t r = 0; r < rows && !st; r++) {
    int64_t begin = index_at(splits, r), length = index_at(splits, r + 1) - begin,
            at = index_at(ends, r);
    for (int i = 0; i < g.n_widths && !st; i++) {
      int64_t count = ngram_count(&g, length, g.widths[i]);
      st = ngram_row(&g, begin, length, g.widths[i], count, &text, TENSOR_DATA(str_t, out) + at);
      at += count;
    }
    if (!st && at < index_at(ends, r + 1))  // too short for any width: one n-gram of all tokens
      st = ngram_row(&g, begin, length, length + 2 * g.pad, 1, &text, TENSOR_DATA(str_t, out) + at);
  }
  vec_free(&text);
  return st;
}

// ---------------------------------------------------------------- AsString

static status_t as_string_kernel(op_ctx_t *c) {
  const tensor_t *in = &c->in[0];
  int64_t precision = node_int(c->node, "precision", -1), width = node_int(c->node, "width", -1);
  bool scientific = node_bool(c->node, "scientific", false),
       shortest = node_bool(c->node, "shortest", false);
  const char *fill = node_string(c->node, "fill");
  bool real = dtype_is_float(in->dtype);
  if (!real && (scientific || shortest || precision >= 0) && !dtype_is_complex(in->dtype))
    return OP_FAIL(c, INVALID_ARGUMENT,
                   "scientific, shortest and precision are for floating point numbers only");
  if (scientific && shortest)
    return OP_FAIL(c, INVALID_ARGUMENT, "cannot select both scientific and shortest notation");
  if (strlen(fill) > 1 || (*fill && !strchr(" +-0#", *fill)))
    return OP_FAIL(c, INVALID_ARGUMENT, "fill argument not supported: '%s'", fill);
  if (in->dtype != DT_BOOL && !real && !dtype_is_int(in->dtype))
    return OP_FAIL(c, UNIMPLEMENTED, "elements of data type %s", dtype_name(in->dtype));
  if (width > 1000 || precision > 1000)
    return OP_FAIL(c, INVALID_ARGUMENT, "width and precision of at most 1000");
  char format[64], number[32] = "", digits[32] = "", text[2400];
  if (width >= 0) snprintf(number, sizeof number, "%" PRId64, width);
  if (precision >= 0) snprintf(digits, sizeof digits, ".%" PRId64, precision);
  const char *kind = real                     ? (shortest     ? "g"
                                                 : scientific ? "e"
                                                              : "f")
                     : in->dtype == DT_UINT64 ? PRIu64
                     : in->dtype == DT_BOOL   ? "s"
                                              : PRId64;
  snprintf(format, sizeof format, "%%%s%s%s%s", fill, number, digits, kind);
  tensor_t *out;
  TRY(op_out(c, 0, &in->shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    int len;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (in->dtype == DT_BOOL) {
      len = snprintf(text, sizeof text, "%s", TENSOR_DATA(uint8_t, in)[i] ? "true" : "false");
    } else if (real) {
      len = snprintf(text, sizeof text, format, tensor_number_at(in, i));
    } else {
      int64_t v;
      TRY(tensor_int_at(in, i, &v));
      len = snprintf(text, sizeof text, format, v);
    }
#pragma GCC diagnostic pop
    if (len < 0 || (size_t)len >= sizeof text)
      return OP_FAIL(c, INTERNAL, "cannot format element %" PRId64, i);
    TRY(str_set(TENSOR_DATA(str_t, out) + i, text, (size_t)len));
  }
  return NULL;
}

// ---------------------------------------------------------------- StringToNumber

static bool parse_number(const char *text, tensor_t *out, int64_t i) {
  char *end = NULL;
  errno = 0;
  if (!*text) return false;
  switch (out->dtype) {
    case DT_FLOAT: TENSOR_DATA(float, out)[i] = strtof(text, &end); break;
    case DT_DOUBLE: TENSOR_DATA(double, out)[i] = strtod(text, &end); break;
    case DT_UINT32:
    case DT_UINT64: {
      unsigned long long v = strtoull(text, &end, 10);
      if (errno || *text == '-' || (out->dtype == DT_UINT32 && v > UINT32_MAX)) return false;
      if (out->dtype == DT_UINT32)
        TENSOR_DATA(uint32_t, out)[i] = (uint32_t)v;
      else
        TENSOR_DATA(uint64_t, out)[i] = v;
      break;
    }
    default: {
      long long v = strtoll(text, &end, 10);
      if (errno || (out->dtype == DT_INT32 && (v > INT32_MAX || v < INT32_MIN))) return false;
      index_set(out, i, v);
    }
  }
  return end != text && *end == '\0';
}

bool str_to_number(const char *p, size_t n, tensor_t *out, int64_t i) {
  size_t b = 0;
  while (b < n && is_space(p[b])) b++;
  while (n > b && is_space(p[n - 1])) n--;
  if (n == b || memchr(p + b, '\0', n - b)) return false;
  char *text = mem_strndup(p + b, n - b);
  bool ok = !strpbrk(text, "xX(") && parse_number(text, out, i);
  mem_free(text);
  return ok;
}

static status_t to_number_kernel(op_ctx_t *c) {
  tensor_t *out;
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  for (int64_t i = 0, n = tensor_elements(out); i < n; i++) {
    const str_t *s = str_at(&c->in[0], i);
    if (!str_to_number(s->p, s->n, out, i))
      return OP_FAIL(c, INVALID_ARGUMENT, "could not correctly convert string: '%.*s'", (int)s->n,
                     s->p ? s->p : "");
  }
  return NULL;
}

// ---------------------------------------------------------------- StringFormat

// A tensor as nested brackets, of each dim at most the first and last `ends` (all when < 0).
static void format_dim(text_t *text, const tensor_t *t, int dim, int64_t at, int64_t ends) {
  int rank = t->shape.rank;
  if (dim == rank) {
    tensor_t one = {.dtype = t->dtype, .data = element_at(t->dtype, t->data, at)};
    char *value = elements_text(&one, 1);
    if (t->dtype == DT_STRING) text_add_c(text, "\"");
    text_add_c(text, value);
    if (t->dtype == DT_STRING) text_add_c(text, "\"");
    mem_free(value);
    return;
  }
  int64_t n = t->shape.d[dim], step = dims_product(&t->shape, dim + 1, rank);
  text_add_c(text, "[");
  for (int64_t i = 0; i < n; i++) {
    bool gap = ends >= 0 && n > 2 * ends && i == ends;
    if (i > 0) {
      for (int k = dim; k < rank - 1; k++) text_add_c(text, "\n");
      for (int k = 0; k <= dim && dim < rank - 1; k++) text_add_c(text, " ");
      if (dim == rank - 1) text_add_c(text, " ");
    }
    if (gap) {
      text_add_c(text, "...");
      i = n - ends - 1;
      if (ends == 0) break;
      continue;
    }
    format_dim(text, t, dim + 1, at + i * step, ends);
  }
  text_add_c(text, "]");
}

static status_t format_kernel(op_ctx_t *c) {
  const char *template = node_string(c->node, "template"),
             *holder = node_string(c->node, "placeholder");
  int64_t summarize = node_int(c->node, "summarize", 3);
  size_t step = strlen(holder);
  tensor_t *out;
  text_t text = {0};
  TRY(op_out(c, 0, &SHAPE_SCALAR, &out));
  int used = 0;
  const char *at = template;
  for (const char *next; step && (next = strstr(at, holder)); at = next + step) {
    text_add(&text, at, (size_t)(next - at));
    if (used < c->n_in) format_dim(&text, &c->in[used], 0, 0, summarize);
    used++;
  }
  text_add_c(&text, at);
  status_t st = used == c->n_in
                    ? text_take(&text, TENSOR_DATA(str_t, out))
                    : OP_FAIL(c, INVALID_ARGUMENT,
                              "num placeholders in template and num inputs must match: %d vs. %d",
                              used, c->n_in);
  vec_free(&text);
  return st;
}

const op_def_t ops_string_parts[] = {
    {.name = "StringSplit",
     .sig = "input: string, delimiter: string -> indices: int64, values: string, shape: int64",
     .attrs = "skip_empty: bool = true",
     .infer = split_infer,
     .kernel = split_kernel},
    {.name = "StringSplitV2",
     .sig = "input: string, sep: string -> indices: int64, values: string, shape: int64",
     .attrs = "maxsplit: int = -1",
     .infer = split_infer,
     .kernel = split_kernel},
    {.name = "StringNGrams",
     .sig = "data: string, data_splits: Tsplits -> ngrams: string, ngrams_splits: Tsplits",
     .attrs = "separator: string; ngram_widths: list(int); left_pad: string; right_pad: string; "
              "pad_width: int; preserve_short_sequences: bool; Tsplits: type = int64",
     .infer = ngrams_infer,
     .kernel = ngrams_kernel},
    {.name = "AsString",
     .sig = "input: T -> output: string",
     .attrs = "T: type; precision: int = -1; scientific: bool = false; shortest: bool = false; "
              "width: int = -1; fill: string = ''",
     .infer = infer_same,
     .kernel = as_string_kernel},
    {.name = "StringToNumber",
     .sig = "string_tensor: string -> output: out_type",
     .attrs = "out_type: type = float",
     .infer = infer_same,
     .kernel = to_number_kernel},
    {.name = "StringFormat",
     .sig = "inputs: T -> output: string",
     .attrs =
         "T: list(type); template: string = '%s'; placeholder: string = '%s'; summarize: int = 3",
     .infer = infer_scalar,
     .kernel = format_kernel},
    {0},
};
