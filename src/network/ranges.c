#include "network/ranges.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"

struct ranges {
  map_t *map;  // name -> entry
  arena_t *arena;
};

// ---------------------------------------------------------------- channels

enum { CODES_PER_OCTAVE = 24, LARGEST_CODE = 255 };

static double largest_of(const range_t *r) { return 4 * 127 * (double)r->scale; }

static unsigned code_of(const range_t *r, float magnitude, bool up) {
  if (!(magnitude > 0)) return 0;
  double k = LARGEST_CODE + CODES_PER_OCTAVE * log2((double)magnitude / largest_of(r));
  k = up ? ceil(k - 1e-3) : rint(k);  // a decoded one is its own code
  return k < 1 ? 1 : k > LARGEST_CODE ? LARGEST_CODE : (unsigned)k;
}

static float decoded(const range_t *r, unsigned k) {
  if (!k) return 0;
  double v = largest_of(r) * exp2(((double)k - LARGEST_CODE) / CODES_PER_OCTAVE);
  return (float)fmin(v, (double)FLT_MAX);
}

typedef struct codes {
  unsigned least, most, rms;
} codes_t;

static codes_t codes_of(const range_t *r, const channel_range_t *c) {
  return (codes_t){code_of(r, -c->least, true), code_of(r, c->most, true),
                   code_of(r, c->rms, false)};
}

static channel_range_t channel_of(const range_t *r, codes_t k) {
  return (channel_range_t){-decoded(r, k.least), decoded(r, k.most), decoded(r, k.rms)};
}

static void put_channels(ranges_t *r, range_t *to, const range_t *from) {
  channel_range_t *c = arena_alloc(r->arena, (size_t)from->n_channels * sizeof *c);
  for (int64_t i = 0; i < from->n_channels; i++)
    c[i] = channel_of(from, codes_of(from, &from->channels[i]));
  to->channels = c;
  to->n_channels = from->n_channels;
}

ranges_t *ranges_create(void) {
  ranges_t *r = mem_alloc(sizeof *r);
  *r = (ranges_t){map_create(), arena_create()};
  return r;
}

void ranges_destroy(ranges_t *r) {
  if (!r) return;
  map_destroy(r->map);
  arena_destroy(r->arena);
  mem_free(r);
}

void ranges_put(ranges_t *r, const char *tensor, range_t range) {
  range_t *v = map_get(r->map, tensor);
  if (!v) map_put(r->map, tensor, v = arena_alloc(r->arena, sizeof *v));
  *v = range;
  v->channels = NULL;
  v->n_channels = 0;
  if (range.n_channels > 0) put_channels(r, v, &range);
}

range_t ranges_find(const ranges_t *r, const char *tensor) {
  const range_t *v = map_get(r->map, tensor);
  return v ? *v : (range_t){0};
}

int ranges_count(const ranges_t *r) { return (int)map_count(r->map); }

bool ranges_next(const ranges_t *r, size_t *at, const char **tensor, range_t *range) {
  void *value;
  if (!map_next(r->map, at, tensor, &value)) return false;
  *range = *(const range_t *)value;
  return true;
}

static range_t with_bounds(float scale, float least, float most) {
  float all = 127 * scale;
  range_t r = {.scale = scale, .least = -all, .most = all};
  if (least == 0 && most == 0) return r;
  r.least = fminf(fmaxf(least, -all), 0);
  r.most = fmaxf(fminf(most, all), 0);
  return r;
}

// ---------------------------------------------------------------- text

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "TRT-8601-EntropyCalibration2"
static bool is_header(const char *p, size_t n) {
  size_t i = 4;
  if (n < 6 || memcmp(p, "TRT-", 4) != 0) return false;
  while (i < n && is_digit(p[i])) i++;
  if (i == 4 || i + 1 >= n || p[i] != '-') return false;
  for (i++; i < n; i++)
    if (!is_digit(p[i]) && !((p[i] | 32) >= 'a' && (p[i] | 32) <= 'z')) return false;
  return true;
}

static bool hex_digits(const char *p, int n, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < n; i++) {
    char c = p[i], low = (char)(c | 32);
    uint32_t d = is_digit(c)                ? (uint32_t)(c - '0')
                 : low >= 'a' && low <= 'f' ? (uint32_t)(low - 'a' + 10)
                                            : 16;
    if (d == 16) return false;
    *out = *out << 4 | d;
  }
  return true;
}

typedef enum kind { SCALE, LEAST, MOST, CHANNELS } kind_t;
static const char *const suffix[] = {"", "#least", "#most"};
static const char channels_mark[] = "#channels ";

typedef struct line {
  char *name;
  kind_t kind;
  float value;
  const char *codes;  // of CHANNELS: behind the name
} line_t;

static bool take_suffix(char *name, const char *end) {
  size_t n = strlen(name), k = strlen(end);
  if (n <= k || strcmp(name + n - k, end) != 0) return false;
  name[n - k] = 0;
  return true;
}

// "<name>: <8 digits>"; names may have colons.
static const char *parse_line(const char *p, size_t n, line_t *out) {
  uint32_t bits;
  if (n < 11 || p[n - 10] != ':' || p[n - 9] != ' ' || !hex_digits(p + n - 8, 8, &bits))
    return "it is not '<tensor>: <8 hex digits>'";
  memcpy(&out->value, &bits, sizeof bits);
  if (memchr(p, 0, n)) return "the name has a zero byte";
  out->name = mem_strndup(p, n - 10);
  out->kind = SCALE;
  for (int k = LEAST; k <= MOST; k++)
    if (take_suffix(out->name, suffix[k])) out->kind = (kind_t)k;
  const char *wrong = NULL;
  char *mark = strstr(out->name, channels_mark);
  if (mark && out->kind == SCALE) {
    out->kind = CHANNELS;
    out->codes = mark + sizeof channels_mark - 1;
    *mark = 0;
    size_t digits = strlen(out->codes);
    if (!digits || digits % 6 || strspn(out->codes, "0123456789abcdefABCDEF") != digits)
      wrong = "what stands behind #channels is not six hex digits for each channel";
  }
  if (out->kind == SCALE && (!(out->value >= 0) || isinf(out->value)))
    wrong = "the scale is negative or no number";
  if ((out->kind == LEAST || out->kind == MOST) && !isfinite(out->value))
    wrong = "the bound is no number";
  if (wrong) mem_free(out->name);
  return wrong;
}

static void parse_channels(ranges_t *r, const char *codes, range_t *to) {
  int64_t n = (int64_t)(strlen(codes) / 6);
  channel_range_t *c = arena_alloc(r->arena, (size_t)n * sizeof *c);
  for (int64_t i = 0; i < n; i++, codes += 6) {
    uint32_t k = 0;
    hex_digits(codes, 6, &k);
    c[i] = channel_of(to, (codes_t){k >> 16, k >> 8 & 255, k & 255});
  }
  to->channels = c;
  to->n_channels = n;
}

static void put_line(ranges_t *r, const line_t *l) {
  range_t *had = map_get(r->map, l->name);
  if (l->kind == CHANNELS) {
    if (had) parse_channels(r, l->codes, had);
  } else if (l->kind == SCALE) {
    if (l->value > 0) ranges_put(r, l->name, with_bounds(l->value, 0, 0));
  } else if (had) {
    range_t v = with_bounds(had->scale, l->kind == LEAST ? l->value : had->least,
                            l->kind == MOST ? l->value : had->most);
    had->least = v.least;
    had->most = v.most;
  }
}

status_t ranges_parse(const char *text, size_t size, const char *what, ranges_t **out) {
  ranges_t *r = ranges_create();
  status_t st = NULL;
  *out = NULL;
  long line = 0;
  for (size_t at = 0; at < size && !st;) {
    const char *p = text + at, *nl = memchr(p, '\n', size - at);
    size_t n = nl ? (size_t)(nl - p) : size - at;
    at += n + (nl != NULL);
    if (n && p[n - 1] == '\r') n--;
    line++;
    if (line == 1) {
      if (!is_header(p, n))
        st = FAIL(INVALID_ARGUMENT,
                  "%s is no calibration table: its first line is not "
                  "'TRT-<version>-<calibrator>'",
                  what);
      continue;
    }
    if (!n) continue;
    line_t l;
    const char *wrong = parse_line(p, n, &l);
    if (wrong) {
      st = FAIL(INVALID_ARGUMENT, "%s, line %ld: %s", what, line, wrong);
      continue;
    }
    put_line(r, &l);
    mem_free(l.name);
  }
  if (!st && !line) st = FAIL(INVALID_ARGUMENT, "%s is no calibration table: it is empty", what);
  if (st) {
    ranges_destroy(r);
    return st;
  }
  *out = r;
  return NULL;
}

static void format_line(text_t *t, const char *name, kind_t kind, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  text_printf(t, "%s%s: %08x\n", name, suffix[kind], (unsigned)bits);
}

static void format_channels(text_t *t, const char *name, const range_t *r) {
  text_printf(t, "%s%s", name, channels_mark);
  for (int64_t i = 0; i < r->n_channels; i++) {
    codes_t k = codes_of(r, &r->channels[i]);
    text_printf(t, "%02x%02x%02x", k.least, k.most, k.rms);
  }
  text_add(t, ": 00000000\n");
}

char *ranges_format(const ranges_t *r) {
  text_t t = {0};
  text_add(&t, "TRT-8601-EntropyCalibration2\n");  // TensorFlow 2.17's TensorRT reads it
  size_t at = 0;
  const char *name;
  range_t v;
  while (ranges_next(r, &at, &name, &v)) {
    range_t all = with_bounds(v.scale, 0, 0), bounds = with_bounds(v.scale, v.least, v.most);
    format_line(&t, name, SCALE, v.scale);
    if (bounds.least > all.least) format_line(&t, name, LEAST, bounds.least);
    if (bounds.most < all.most) format_line(&t, name, MOST, bounds.most);
    if (v.n_channels) format_channels(&t, name, &v);
  }
  return text_take(&t);
}

// ---------------------------------------------------------------- networks

static void apply_channels(network_t *n, const range_t *r, net_tensor_t *t) {
  const shape_t *s = &t->shape;
  if (!r->n_channels || s->rank < 2 || s->d[s->rank - 1] != r->n_channels) return;
  channel_range_t *c = arena_alloc(n->arena, (size_t)r->n_channels * sizeof *c);
  memcpy(c, r->channels, (size_t)r->n_channels * sizeof *c);
  t->channels = c;
  t->n_channels = r->n_channels;
}

static void apply_range(network_t *n, const ranges_t *r, const char *name, net_tensor_t *t) {
  range_t range = ranges_find(r, name);
  if (!(range.scale > 0) || t->scale > 0) return;
  t->scale = range.scale;
  t->least = range.least;
  t->most = range.most;
  apply_channels(n, &range, t);
}

void network_apply_ranges(network_t *n, const ranges_t *r) {
  for (int i = 0; i < n->n_names; i++) apply_range(n, r, n->names[i].name, n->names[i].tensor);
  for (int i = 0; i < n->n_outputs; i++) {
    char name[40];
    snprintf(name, sizeof name, "TensorRTOutputPH_%d", i);
    apply_range(n, r, name, n->outputs[i]);
  }
}

static bool only_moves(const layer_t *l) {
  switch (l->type) {
    case LAYER_IDENTITY:
    case LAYER_SPLIT:
    case LAYER_SLICE:
    case LAYER_GATHER:
    case LAYER_TRANSPOSE:
    case LAYER_RESHAPE:
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS:
    case LAYER_BROADCAST:
    case LAYER_TILE:
    case LAYER_UNPACK:
    case LAYER_REVERSE:
    case LAYER_DEPTH_TO_SPACE:
    case LAYER_SPACE_TO_DEPTH:
    case LAYER_SPACE_TO_BATCH:
    case LAYER_BATCH_TO_SPACE: return true;
    case LAYER_PAD: return l->n_in < 3;
    case LAYER_POOL: return l->p.pool.max;
    default: return false;
  }
}

range_t network_range_of(const net_tensor_t *t) {
  for (; t; t = t->producer->in[0]) {
    if (t->dtype != DT_FLOAT) break;
    if (t->scale > 0) return with_bounds(t->scale, t->least, t->most);
    if (!t->producer || !only_moves(t->producer)) break;
  }
  return (range_t){0};
}

// A constant, or what layers make of constants and shapes alone.
static bool is_fixed(const net_tensor_t *t, int depth) {
  if (t->is_const) return true;
  if (!t->producer || depth > 16) return false;
  layer_type_t type = t->producer->type;
  if (type == LAYER_SHAPE || type == LAYER_SIZE || type == LAYER_RANK) return true;
  if (type == LAYER_FILL) return is_fixed(t->producer->in[1], depth + 1);
  for (int i = 0; i < t->producer->n_in; i++)
    if (!is_fixed(t->producer->in[i], depth + 1)) return false;
  return t->producer->n_in > 0;
}

bool layer_takes_int8(const layer_t *l) {
  bool kind = l->type == LAYER_CONV || l->type == LAYER_DECONV || l->type == LAYER_MATMUL;
  return kind && l->in[0]->dtype == DT_FLOAT && l->in[1]->dtype == DT_FLOAT &&
         is_fixed(l->in[1], 0) && !is_fixed(l->in[0], 0);
}

// NULL: a tensor inside what one TensorFlow node was lowered to.
static const char *name_of(const network_t *n, const net_tensor_t *t) {
  for (int i = 0; i < n->n_names; i++)
    if (n->names[i].tensor == t) return n->names[i].name;
  return NULL;
}

// Where the values of t come from: the nearest tensor that has a name, or that is not moved into.
static const net_tensor_t *source_of(const network_t *n, const net_tensor_t *t) {
  while (!name_of(n, t) && t->producer && only_moves(t->producer)) t = t->producer->in[0];
  return t;
}

status_t network_check_ranges(const network_t *n) {
  enum { MOST = 8 };
  text_t names = {0};
  int missing = 0;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (l->dead || !layer_takes_int8(l) || network_range_of(l->in[0]).scale > 0) continue;
    bool again = false;  // read by an earlier layer too
    for (int k = 0; k < i && !again; k++)
      again = layer_takes_int8(n->layers[k]) && n->layers[k]->in[0] == l->in[0];
    const char *name = name_of(n, source_of(n, l->in[0]));
    if (again || !name) continue;
    if (missing++ < MOST) text_printf(&names, "%s'%s'", names.n ? ", " : "", name);
  }
  if (missing > MOST) text_printf(&names, " and %d more", missing - MOST);
  status_t st = NULL;
  if (missing)
    st =
        FAIL(FAILED_PRECONDITION,
             "INT8 needs a range for every tensor that is computed on in 8 bits; there is none for "
             "%s. Calibrate, or give the model quantization nodes.",
             names.v);
  text_free(&names);
  return st;
}
