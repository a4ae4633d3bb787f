// Ops with regular expressions.
#include "kernels/regex.h"
#include "ops/text.h"

// The pattern: an attribute of the static ops, else input 1.
static status_t pattern(const op_ctx_t *c, regex_t **out) {
  status_t st;
  if (strncmp(c->node->op, "Static", 6) == 0) {
    const attr_value_t *a = node_attr(c->node, "pattern");
    st = regex_compile(a ? a->s.p : "", a ? a->s.n : 0, out);
  } else {
    if (tensor_elements(&c->in[1]) != 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "pattern must be a scalar");
    st = regex_compile(str_at(&c->in[1], 0)->p, str_at(&c->in[1], 0)->n, out);
  }
  return st ? status_prefix(st, "%s '%s': pattern", c->node->op, c->node->name) : NULL;
}

// \0 to \9 are groups, \\ is a backslash.
// A rewrite that asks for more changes nothing, as in TensorFlow.
static bool rewrite_ok(const str_t *rewrite, int groups) {
  for (size_t i = 0; i < rewrite->n; i++) {
    if (rewrite->p[i] != '\\') continue;
    char e = ++i < rewrite->n ? rewrite->p[i] : 0;
    if (e != '\\' && !(e >= '0' && e <= '9' && e - '0' <= groups)) return false;
  }
  return true;
}

static void add_rewrite(text_t *out, const str_t *rewrite, const char *text, const long *begin,
                        const long *end) {
  for (size_t i = 0; i < rewrite->n; i++) {
    char e = rewrite->p[i];
    bool group = e == '\\' && rewrite->p[++i] != '\\';
    int g = group ? rewrite->p[i] - '0' : 0;
    if (!group)
      text_add(out, &e, 1);
    else if (begin[g] >= 0)
      text_add(out, text + begin[g], (size_t)(end[g] - begin[g]));
  }
}

static status_t replace_one(const regex_t *re, regex_scratch_t *scratch, const str_t *s,
                            const str_t *rewrite, bool global, text_t *out) {
  size_t at = 0;
  long last = -1, begin[REGEX_GROUPS], end[REGEX_GROUPS];
  while (at <= s->n) {
    bool found;
    TRY(regex_search(re, scratch, s->p, s->n, at, false, &found, begin, end));
    if (!found) break;
    text_add(out, s->p + at, (size_t)begin[0] - at);
    if (begin[0] == last && end[0] == begin[0]) {  // not empty right behind the last one: one on
      size_t step =
          (size_t)begin[0] < s->n ? utf8_length(s->p + begin[0], s->n - (size_t)begin[0]) : 1;
      if ((size_t)begin[0] < s->n) text_add(out, s->p + begin[0], step);
      at = (size_t)begin[0] + step;
      continue;
    }
    add_rewrite(out, rewrite, s->p, begin, end);
    at = (size_t)end[0];
    last = end[0];
    if (!global) break;
  }
  if (at < s->n) text_add(out, s->p + at, s->n - at);
  return NULL;
}

static status_t replace_kernel(op_ctx_t *c) {
  regex_t *re = NULL;
  tensor_t *out;
  str_t rewrite = {0};
  if (c->n_in > 2) {
    if (tensor_elements(&c->in[2]) != 1)
      return OP_FAIL(c, INVALID_ARGUMENT, "rewrite must be a scalar");
    rewrite = *str_at(&c->in[2], 0);
  } else {
    const attr_value_t *a = node_attr(c->node, "rewrite");
    if (a) rewrite = (str_t){(char *)(uintptr_t)a->s.p, a->s.n};
  }
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  TRY(pattern(c, &re));
  regex_scratch_t *scratch = regex_scratch_create();
  text_t text = {0};
  bool global = node_bool(c->node, "replace_global", true);
  bool ok = rewrite_ok(&rewrite, regex_groups(re));
  status_t st = NULL;
  for (int64_t i = 0, n = tensor_elements(out); i < n && !st; i++) {
    const str_t *s = str_at(&c->in[0], i);
    if (ok)
      st = replace_one(re, scratch, s, &rewrite, global, &text);
    else
      text_add_str(&text, s);
    if (!st) st = text_take(&text, TENSOR_DATA(str_t, out) + i);
  }
  vec_free(&text);
  regex_scratch_free(scratch);
  regex_free(re);
  return st;
}

static status_t match_kernel(op_ctx_t *c) {
  regex_t *re = NULL;
  tensor_t *out;
  TRY(op_out(c, 0, &c->in[0].shape, &out));
  TRY(pattern(c, &re));
  regex_scratch_t *scratch = regex_scratch_create();
  status_t st = NULL;
  for (int64_t i = 0, n = tensor_elements(out); i < n && !st; i++) {
    const str_t *s = str_at(&c->in[0], i);
    bool found = false;
    long begin[REGEX_GROUPS], end[REGEX_GROUPS];
    st = regex_search(re, scratch, s->p, s->n, 0, true, &found, begin, end);
    TENSOR_DATA(uint8_t, out)[i] = found;
  }
  regex_scratch_free(scratch);
  regex_free(re);
  return st;
}

#define REPLACE .infer = infer_same, .kernel = replace_kernel
#define MATCH .infer = infer_same, .kernel = match_kernel

const op_def_t ops_string_regex[] = {
    {.name = "RegexReplace",
     .sig = "input: string, pattern: string, rewrite: string -> output: string",
     .attrs = "replace_global: bool = true",
     REPLACE},
    {.name = "StaticRegexReplace",
     .sig = "input: string -> output: string",
     .attrs = "pattern: string; rewrite: string; replace_global: bool = true",
     REPLACE},
    {.name = "RegexFullMatch",
     .sig = "input: string, pattern: string -> output: bool",
     .attrs = "",
     MATCH},
    {.name = "StaticRegexFullMatch",
     .sig = "input: string -> output: bool",
     .attrs = "pattern: string",
     MATCH},
    {0},
};
