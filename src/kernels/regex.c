#include "kernels/regex.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_CODE = 20000, MAX_REPEAT = 1000, MAX_DEPTH = 200 };

typedef enum op {
  OP_SET,
  OP_SPLIT,
  OP_JUMP,
  OP_SAVE,
  OP_BEGIN,
  OP_END,
  OP_LINE_BEGIN,
  OP_LINE_END,
  OP_WORD,
  OP_NOT_WORD,
  OP_MATCH
} op_t;

typedef struct range {
  uint32_t lo, hi;
} range_t;

typedef struct inst {
  op_t op;
  int x, y;  // SPLIT: relative targets, x is tried first; JUMP: x; SAVE: slot; SET: index
} inst_t;

typedef struct set {
  range_t *r;
  int n;
} set_t;

struct regex {
  VEC(inst_t) code;
  VEC(set_t) sets;
  int groups;
};

typedef struct parser {
  const unsigned char *p, *end;
  regex_t *re;
  int depth;
  bool fold, dot_all, multi_line;
} parser_t;

// ---------------------------------------------------------------- characters

// Bytes that are no UTF-8: one at a time, and no set has them.
#define STRAY UINT32_MAX

static const unsigned char *decode(const unsigned char *p, const unsigned char *end, uint32_t *c) {
  int more = *p >= 0xF0 && *p < 0xF8 ? 3 : *p >= 0xE0 ? 2 : *p >= 0xC0 ? 1 : 0;
  bool stray = *p >= 0x80 && (!more || more >= end - p);
  if (stray) more = 0;
  uint32_t v = stray ? STRAY : more == 3 ? *p & 7 : more == 2 ? *p & 15 : more == 1 ? *p & 31 : *p;
  for (int i = 1; i <= more; i++) {
    if ((p[i] & 0xC0) != 0x80) {
      more = 0;
      v = STRAY;
      break;
    }
    v = v << 6 | (p[i] & 63);
  }
  *c = v;
  return p + 1 + more;
}

typedef VEC(range_t) ranges_t;

static void add_range(ranges_t *s, uint32_t lo, uint32_t hi) { vec_push(s, ((range_t){lo, hi})); }

static void fold_ranges(ranges_t *s) {
  for (size_t i = 0, n = s->n; i < n; i++) {
    for (uint32_t c = s->v[i].lo; c <= s->v[i].hi && c < 128; c++)
      if ((c | 32) >= 'a' && (c | 32) <= 'z') add_range(s, c ^ 32, c ^ 32);
  }
}

// Sorted, merged, and turned around when asked to.
static void finish_ranges(ranges_t *s, bool negate) {
  for (size_t i = 1; i < s->n; i++)
    for (size_t k = i; k > 0 && s->v[k].lo < s->v[k - 1].lo; k--) {
      range_t t = s->v[k];
      s->v[k] = s->v[k - 1];
      s->v[k - 1] = t;
    }
  ranges_t out = {0};
  uint32_t next = 0;
  for (size_t i = 0; i < s->n; i++) {
    range_t r = s->v[i];
    if (negate && r.lo > next) add_range(&out, next, r.lo - 1);
    if (!negate && out.n && r.lo <= out.v[out.n - 1].hi + 1) {
      if (r.hi > out.v[out.n - 1].hi) out.v[out.n - 1].hi = r.hi;
    } else if (!negate) {
      vec_push(&out, r);
    }
    if (r.hi + 1 > next) next = r.hi + 1;
  }
  if (negate && next <= 0x10FFFF) add_range(&out, next, 0x10FFFF);
  vec_free(s);
  *s = out;
}

static bool in_set(const set_t *s, uint32_t c) {
  int lo = 0, hi = s->n;
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    if (c > s->r[mid].hi)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < s->n && c >= s->r[lo].lo;
}

typedef struct class_name {
  const char *name, *ranges;  // pairs of characters
} class_name_t;

static const class_name_t classes[] = {
    {"alnum", "09AZaz"},
    {"alpha", "AZaz"},
    {"ascii", "\001\177"},
    {"blank", "\t\t  "},
    {"cntrl", "\001\037\177\177"},
    {"digit", "09"},
    {"graph", "!~"},
    {"lower", "az"},
    {"print", " ~"},
    {"punct", "!/:@[`{~"},
    {"space", "\t\r  "},
    {"upper", "AZ"},
    {"word", "09AZaz__"},
    {"xdigit", "09AFaf"},
    {"d", "09"},
    {"w", "09AZaz__"},
    {"s", "\t\n\f\r  "},
};

// False when there is no class of that name.
static bool add_class(ranges_t *s, const char *name, size_t n, bool negate) {
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
    if (strlen(classes[i].name) != n || memcmp(classes[i].name, name, n) != 0) continue;
    ranges_t c = {0};
    for (const char *p = classes[i].ranges; *p; p += 2)
      add_range(&c, (unsigned char)p[0], (unsigned char)p[1]);
    if (n > 1 && (strncmp(name, "ascii", 5) == 0 || strncmp(name, "cntrl", 5) == 0))
      add_range(&c, 0, 0);
    finish_ranges(&c, negate);
    for (size_t k = 0; k < c.n; k++) vec_push(s, c.v[k]);
    vec_free(&c);
    return true;
  }
  return false;
}

// ---------------------------------------------------------------- the compiler

static void emit(parser_t *p, op_t op, int x, int y) {
  vec_push(&p->re->code, ((inst_t){op, x, y}));
}

static void insert(parser_t *p, size_t at, op_t op, int x, int y) {
  emit(p, op, x, y);
  inst_t *c = p->re->code.v, last = c[p->re->code.n - 1];
  memmove(c + at + 1, c + at, (p->re->code.n - 1 - at) * sizeof *c);
  c[at] = last;
}

// Takes the ranges.
static void emit_set(parser_t *p, ranges_t *s, bool negate) {
  if (p->fold) fold_ranges(s);
  finish_ranges(s, negate);
  emit(p, OP_SET, (int)p->re->sets.n, 0);
  vec_push(&p->re->sets, ((set_t){s->v, (int)s->n}));
  *s = (ranges_t){0};
}

static void emit_char(parser_t *p, uint32_t c) {
  ranges_t s = {0};
  add_range(&s, c, c);
  emit_set(p, &s, false);
}

static int hex_digit(unsigned char c) {
  return c >= '0' && c <= '9'                 ? c - '0'
         : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                              : -1;
}

// An escape that stands for one character; p is behind the backslash.
static status_t parse_escape(parser_t *p, uint32_t *c) {
  unsigned char e = *p->p++;
  static const char from[] = "ntrfva", to[] = "\n\t\r\f\v\a";
  const char *at = strchr(from, e);
  if (e && at) {
    *c = (unsigned char)to[at - from];
  } else if (e == 'x') {
    uint32_t v = 0;
    int digits = 0;
    bool brace = p->p < p->end && *p->p == '{';
    if (brace) p->p++;
    while (p->p < p->end && hex_digit(*p->p) >= 0 && digits < (brace ? 6 : 2)) {
      v = v * 16 + (uint32_t)hex_digit(*p->p++);
      digits++;
    }
    if (!digits || (brace && (p->p >= p->end || *p->p++ != '}')) || v > 0x10FFFF)
      return FAIL(INVALID_ARGUMENT, "invalid escape sequence \\x in regular expression");
    *c = v;
  } else if (e == '0') {
    uint32_t v = 0;
    for (int i = 0; i < 2 && p->p < p->end && *p->p >= '0' && *p->p <= '7'; i++)
      v = v * 8 + (*p->p++ - '0');
    *c = v;
  } else if (e >= 0x80 ||
             (e > 0 && !((e | 32) >= 'a' && (e | 32) <= 'z') && !(e >= '0' && e <= '9'))) {
    p->p--;
    p->p = decode(p->p, p->end, c);
  } else if (e == 'p' || e == 'P' || e == 'C' || e == 'Q' || e == 'E') {
    return FAIL(UNIMPLEMENTED, "escape sequence \\%c in regular expressions", e);
  } else {
    return FAIL(INVALID_ARGUMENT, "invalid escape sequence \\%c in regular expression", e);
  }
  return NULL;
}

static status_t class_item(parser_t *p, ranges_t *s) {
  uint32_t lo, hi;
  if (p->end - p->p > 3 && p->p[0] == '[' && p->p[1] == ':') {
    const unsigned char *name = p->p + 2;
    bool negate = *name == '^';
    name += negate;
    const unsigned char *stop = name;
    while (stop + 1 < p->end && !(stop[0] == ':' && stop[1] == ']')) stop++;
    if (stop + 1 >= p->end || stop - name < 2 ||
        !add_class(s, (const char *)name, (size_t)(stop - name), negate))
      return FAIL(INVALID_ARGUMENT, "invalid character class range in regular expression");
    p->p = stop + 2;
    return NULL;
  }
  for (int i = 0; i < 2; i++) {
    uint32_t *c = i ? &hi : &lo;
    if (*p->p == '\\' && p->p + 1 < p->end) {
      char e = (char)p->p[1], lower = (char)(e | 32);
      p->p++;
      if (i == 0 && (lower == 'd' || lower == 'w' || lower == 's')) {
        p->p++;
        (void)add_class(s, &lower, 1, e != lower);
        return NULL;
      }
      TRY(parse_escape(p, c));
    } else {
      p->p = decode(p->p, p->end, c);
    }
    if (i == 0 && !(p->end - p->p > 1 && p->p[0] == '-' && p->p[1] != ']')) {
      add_range(s, lo, lo);
      return NULL;
    }
    if (i == 0) p->p++;
  }
  if (hi < lo) return FAIL(INVALID_ARGUMENT, "invalid character class range in regular expression");
  add_range(s, lo, hi);
  return NULL;
}

static status_t parse_class(parser_t *p) {  // behind the [
  bool negate = p->p < p->end && *p->p == '^', first = true;
  ranges_t s = {0};
  p->p += negate;
  status_t st = NULL;
  for (; !st && p->p < p->end && (*p->p != ']' || first); first = false) st = class_item(p, &s);
  if (!st && p->p >= p->end) st = FAIL(INVALID_ARGUMENT, "missing ] in regular expression");
  if (st) {
    vec_free(&s);
    return st;
  }
  p->p++;
  emit_set(p, &s, negate);
  return NULL;
}

static status_t parse_alternatives(parser_t *p);

static status_t parse_group(parser_t *p) {  // behind the (
  bool fold = p->fold, dot_all = p->dot_all, multi_line = p->multi_line, capture = true;
  if (p->end - p->p > 1 && *p->p == '?') {
    capture = false;
    p->p++;
    if (*p->p == 'P') p->p++;
    if (p->p < p->end && *p->p == '<') {
      while (p->p < p->end && *p->p != '>') p->p++;
      p->p += p->p < p->end;
      capture = true;
    } else {
      bool on = true;
      for (; p->p < p->end && *p->p != ':' && *p->p != ')'; p->p++) {
        if (*p->p == '-')
          on = false;
        else if (*p->p == 'i')
          p->fold = on;
        else if (*p->p == 's')
          p->dot_all = on;
        else if (*p->p == 'm')
          p->multi_line = on;
        else
          return FAIL(INVALID_ARGUMENT, "invalid or unsupported group (?%c in regular expression",
                      *p->p);
      }
      if (p->p < p->end && *p->p == ')') {  // flags for the rest of the enclosing group
        p->p++;
        return NULL;
      }
      p->p += p->p < p->end;
    }
  }
  int slot = capture ? ++p->re->groups : 0;
  if (capture && slot < REGEX_GROUPS) emit(p, OP_SAVE, 2 * slot, 0);
  TRY(parse_alternatives(p));
  if (p->p >= p->end || *p->p != ')')
    return FAIL(INVALID_ARGUMENT, "missing ) in regular expression");
  p->p++;
  if (capture && slot < REGEX_GROUPS) emit(p, OP_SAVE, 2 * slot + 1, 0);
  p->fold = fold;
  p->dot_all = dot_all;
  p->multi_line = multi_line;
  return NULL;
}

static status_t parse_atom(parser_t *p) {
  uint32_t c;
  ranges_t s = {0};
  switch (*p->p) {
    case '(': p->p++; return parse_group(p);
    case '[': p->p++; return parse_class(p);
    case '.':
      p->p++;
      if (!p->dot_all) add_range(&s, '\n', '\n');
      emit_set(p, &s, true);
      return NULL;
    case '^':
      p->p++;
      emit(p, p->multi_line ? OP_LINE_BEGIN : OP_BEGIN, 0, 0);
      return NULL;
    case '$':
      p->p++;
      emit(p, p->multi_line ? OP_LINE_END : OP_END, 0, 0);
      return NULL;
    case '*':
    case '+':
    case '?':
      return FAIL(INVALID_ARGUMENT, "no argument for repetition operator %c in regular expression",
                  *p->p);
    case '\\': {
      if (++p->p >= p->end) return FAIL(INVALID_ARGUMENT, "trailing \\ in regular expression");
      char e = (char)*p->p, lower = (char)(e | 32);
      op_t zero = e == 'b'   ? OP_WORD
                  : e == 'B' ? OP_NOT_WORD
                  : e == 'A' ? OP_BEGIN
                  : e == 'z' ? OP_END
                             : OP_MATCH;
      if (zero != OP_MATCH) {
        p->p++;
        emit(p, zero, 0, 0);
        return NULL;
      }
      if (lower == 'd' || lower == 'w' || lower == 's') {
        p->p++;
        (void)add_class(&s, &lower, 1, e != lower);
        emit_set(p, &s, false);
        return NULL;
      }
      TRY(parse_escape(p, &c));
      emit_char(p, c);
      return NULL;
    }
    default:
      p->p = decode(p->p, p->end, &c);
      emit_char(p, c);
      return NULL;
  }
}

// "{m}", "{m,}" or "{m,n}" at p; false (and p is not moved) when it is not one: then { is a
// literal.
static bool parse_counts(parser_t *p, int *lo, int *hi) {
  const unsigned char *q = p->p + 1;
  int v[2] = {0, -1}, i = 0, digits = 0;
  for (; q < p->end; q++) {
    if (*q >= '0' && *q <= '9') {
      if (v[i] < 0) v[i] = 0;
      if (v[i] <= MAX_REPEAT) v[i] = v[i] * 10 + (*q - '0');
      digits += i == 0;
    } else if (*q == ',' && i == 0) {
      i = 1;
    } else {
      break;
    }
  }
  if (q >= p->end || *q != '}' || !digits) return false;
  *lo = v[0];
  *hi = i == 0 ? v[0] : v[1];
  p->p = q + 1;
  return true;
}

static void emit_split(parser_t *p, size_t at, bool insert_it, int to_body, int past, bool lazy) {
  int x = lazy ? past : to_body, y = lazy ? to_body : past;
  if (insert_it)
    insert(p, at, OP_SPLIT, x, y);
  else
    emit(p, OP_SPLIT, x, y);
}

static status_t repeat(parser_t *p, size_t start, int lo, int hi, bool lazy) {
  size_t len = p->re->code.n - start;
  if (lo > MAX_REPEAT || hi > MAX_REPEAT || (hi >= 0 && hi < lo) ||
      (len + 2) * (size_t)((hi > lo ? hi : lo) + 1) > MAX_CODE)
    return FAIL(INVALID_ARGUMENT, "invalid repetition size in regular expression");
  if (lo == 0 && hi < 0) {  // *
    emit_split(p, start, true, 1, (int)len + 2, lazy);
    emit(p, OP_JUMP, -(int)len - 1, 0);
    return NULL;
  }
  if (lo == 1 && hi < 0) {  // +
    emit_split(p, 0, false, -(int)len, 1, lazy);
    return NULL;
  }
  inst_t *body = mem_alloc((len + 1) * sizeof *body);
  if (len) memcpy(body, p->re->code.v + start, len * sizeof *body);
  p->re->code.n = start;
  for (int i = 0; i < lo; i++)
    for (size_t k = 0; k < len; k++) vec_push(&p->re->code, body[k]);
  if (hi < 0) {
    emit_split(p, 0, false, -(int)len, 1, lazy);
  } else {  // each of the optional ones may leave for the end
    int left = hi - lo;
    for (int i = 0; i < left; i++) {
      emit_split(p, 0, false, 1, (left - i) * ((int)len + 1), lazy);
      for (size_t k = 0; k < len; k++) vec_push(&p->re->code, body[k]);
    }
  }
  mem_free(body);
  return NULL;
}

static status_t parse_repeated(parser_t *p) {
  size_t start = p->re->code.n;
  TRY(parse_atom(p));
  while (p->p < p->end) {
    int lo, hi;
    if (*p->p == '*' || *p->p == '+' || *p->p == '?') {
      lo = *p->p == '+';
      hi = *p->p == '?' ? 1 : -1;
      p->p++;
    } else if (*p->p != '{' || !parse_counts(p, &lo, &hi)) {
      break;
    }
    bool lazy = p->p < p->end && *p->p == '?';
    p->p += lazy;
    TRY(repeat(p, start, lo, hi, lazy));
    if (p->p < p->end && (*p->p == '*' || *p->p == '+' || *p->p == '?'))
      return FAIL(INVALID_ARGUMENT, "bad repetition operator in regular expression");
  }
  return p->re->code.n > MAX_CODE ? FAIL(INVALID_ARGUMENT, "regular expression too big") : NULL;
}

static status_t parse_alternatives(parser_t *p) {
  if (++p->depth > MAX_DEPTH) return FAIL(INVALID_ARGUMENT, "regular expression nests too deeply");
  // a|b|c as a, else (b, else c): the jumps to the end are chained from the last one.
  size_t start = p->re->code.n;
  VEC(size_t) ends = {0};
  status_t st = NULL;
  for (;;) {
    while (!st && p->p < p->end && *p->p != '|' && *p->p != ')') st = parse_repeated(p);
    if (st || p->p >= p->end || *p->p != '|') break;
    p->p++;
    insert(p, start, OP_SPLIT, 1, (int)(p->re->code.n - start) + 2);
    emit(p, OP_JUMP, 0, 0);
    vec_push(&ends, p->re->code.n - 1);
    start = p->re->code.n;
  }
  for (size_t i = 0; i < ends.n; i++) p->re->code.v[ends.v[i]].x = (int)(p->re->code.n - ends.v[i]);
  vec_free(&ends);
  p->depth--;
  return st;
}

status_t regex_compile(const char *pattern, size_t n, regex_t **out) {
  regex_t *r = mem_calloc(1, sizeof *r);
  parser_t p = {
      .p = (const unsigned char *)pattern, .end = (const unsigned char *)pattern + n, .re = r};
  *out = NULL;
  emit(&p, OP_SAVE, 0, 0);
  status_t st = NULL;
  uint32_t c = 0;
  for (const unsigned char *at = p.p; at < p.end && !st;) {
    at = decode(at, p.end, &c);
    if (c == STRAY) st = FAIL(INVALID_ARGUMENT, "invalid UTF-8 in regular expression");
  }
  if (!st) st = parse_alternatives(&p);
  if (!st && p.p < p.end) st = FAIL(INVALID_ARGUMENT, "unexpected ) in regular expression");
  emit(&p, OP_SAVE, 1, 0);
  emit(&p, OP_MATCH, 0, 0);
  if (st) {
    regex_free(r);
    return status_prefix(st, "'%.*s'", n > 200 ? 200 : (int)n, pattern ? pattern : "");
  }
  *out = r;
  return NULL;
}

void regex_free(regex_t *r) {
  if (!r) return;
  for (size_t i = 0; i < r->sets.n; i++) mem_free(r->sets.v[i].r);
  vec_free(&r->sets);
  vec_free(&r->code);
  mem_free(r);
}

int regex_groups(const regex_t *r) { return r->groups; }

// ---------------------------------------------------------------- the matcher

typedef struct job {
  int pc;    // -1 - slot: put the group's bound back
  long pos;  // or the old bound
} job_t;

struct regex_scratch {
  VEC(job_t) jobs;
  uint64_t *seen;  // [positions, words]: instruction was tried there
  uint32_t *turn;  // [positions]: the search that `seen` of that position is of
  size_t cap, words;
  uint32_t search;
};

regex_scratch_t *regex_scratch_create(void) { return mem_calloc(1, sizeof(regex_scratch_t)); }

void regex_scratch_free(regex_scratch_t *s) {
  if (!s) return;
  vec_free(&s->jobs);
  mem_aligned_free(s->seen);
  mem_aligned_free(s->turn);
  mem_free(s);
}

static status_t reserve(regex_scratch_t *s, size_t positions, size_t words) {
  if (positions > s->cap || words != s->words) {
    size_t cap = positions > s->cap ? positions + positions / 2 : s->cap, bytes;
    mem_aligned_free(s->seen);
    mem_aligned_free(s->turn);
    bool ok = size_mul(cap, words * sizeof *s->seen, &bytes) && bytes <= (size_t)1 << 31;
    s->seen = ok ? mem_try_alloc(bytes) : NULL;
    s->turn = ok ? mem_try_alloc(cap * sizeof *s->turn) : NULL;
    s->cap = s->seen && s->turn ? cap : 0;
    s->words = words;
    if (!s->cap)
      return FAIL(RESOURCE_EXHAUSTED, "a text of %zu bytes is too long for the pattern", positions);
    memset(s->turn, 0, cap * sizeof *s->turn);
    s->search = 0;
  }
  if (++s->search == 0) {
    memset(s->turn, 0, s->cap * sizeof *s->turn);
    s->search = 1;
  }
  return NULL;
}

static bool is_word(const char *text, size_t n, long at) {
  if (at < 0 || (size_t)at >= n) return false;
  unsigned char c = (unsigned char)text[at];
  return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}

static bool holds(op_t op, const char *text, size_t n, long pos) {
  switch (op) {
    case OP_BEGIN: return pos == 0;
    case OP_END: return (size_t)pos == n;
    case OP_LINE_BEGIN: return pos == 0 || text[pos - 1] == '\n';
    case OP_LINE_END: return (size_t)pos == n || text[pos] == '\n';
    default: return (is_word(text, n, pos - 1) != is_word(text, n, pos)) == (op == OP_WORD);
  }
}

// Runs from one start; true when it matches.
static bool run(const regex_t *r, regex_scratch_t *s, const char *text, size_t n, size_t from,
                size_t start, bool full, long *slots) {
  s->jobs.n = 0;
  vec_push(&s->jobs, ((job_t){0, (long)start}));
  while (s->jobs.n) {
    job_t j = s->jobs.v[--s->jobs.n];
    if (j.pc < 0) {
      slots[-1 - j.pc] = j.pos;
      continue;
    }
    for (int pc = j.pc;;) {
      size_t row = (size_t)j.pos - from;
      uint64_t *seen = s->seen + row * s->words;
      if (s->turn[row] != s->search) {
        memset(seen, 0, s->words * sizeof *seen);
        s->turn[row] = s->search;
      }
      if (seen[pc / 64] >> (pc % 64) & 1) break;
      seen[pc / 64] |= (uint64_t)1 << (pc % 64);
      const inst_t *i = &r->code.v[pc];
      if (i->op == OP_MATCH) {
        if (full && (size_t)j.pos != n) break;
        return true;
      }
      if (i->op == OP_SET) {
        uint32_t c;
        if ((size_t)j.pos >= n) break;
        const unsigned char *at = (const unsigned char *)text + j.pos;
        const unsigned char *next = decode(at, (const unsigned char *)text + n, &c);
        if (!in_set(&r->sets.v[i->x], c)) break;
        j.pos += next - at;
        pc++;
      } else if (i->op == OP_SPLIT) {
        vec_push(&s->jobs, ((job_t){pc + i->y, j.pos}));
        pc += i->x;
      } else if (i->op == OP_JUMP) {
        pc += i->x;
      } else if (i->op == OP_SAVE) {
        vec_push(&s->jobs, ((job_t){-1 - i->x, slots[i->x]}));
        slots[i->x] = j.pos;
        pc++;
      } else {
        if (!holds(i->op, text, n, j.pos)) break;
        pc++;
      }
    }
  }
  return false;
}

status_t regex_search(const regex_t *r, regex_scratch_t *s, const char *text, size_t n, size_t from,
                      bool full, bool *found, long begin[REGEX_GROUPS], long end[REGEX_GROUPS]) {
  long slots[2 * REGEX_GROUPS];
  *found = false;
  TRY(reserve(s, n - from + 1, r->code.n / 64 + 1));
  for (size_t start = from; start <= n && !*found; start++) {
    if (full && start > from) break;
    for (int i = 0; i < 2 * REGEX_GROUPS; i++) slots[i] = -1;
    *found = run(r, s, text, n, from, start, full, slots);
  }
  for (int i = 0; i < REGEX_GROUPS; i++) {
    begin[i] = *found ? slots[2 * i] : -1;
    end[i] = *found ? slots[2 * i + 1] : -1;
  }
  return NULL;
}
