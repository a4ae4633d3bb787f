// Elementwise layers, single or fused: a small program whose values are tiles of the output that
// stay in the first-level cache. Operands are read where they lie when their elements are the
// output's, else (broadcast) copied into a tile, once only where every tile would get the same.
// Numbers of 16 bits become float32 on their way into a tile and are rounded on their way out.
#include "kernels/elementwise.h"

#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/parallel.h"
#include "kernels/quantize.h"

enum { TILE = 1024, MAX_INPUTS = 16, MAX_VALUES = MAX_INPUTS + NET_MAX_STEPS, MAX_DIMS = 12 };

typedef enum operand_kind {
  OPERAND_DIRECT,  // element i of the output has element i of the input
  OPERAND_SAME,    // all tiles get the same elements: filled once per thread
  OPERAND_GATHER,  // copied tile by tile
} operand_kind_t;

typedef struct operand {
  operand_kind_t kind;
  int slot;       // tile that holds its elements, unless they are read where they lie
  dtype_t dtype;  // of the input
  size_t size;
  int64_t stride[MAX_DIMS];  // along the collapsed output dims, elements
} operand_t;

typedef enum instr_kind {
  I_UNARY,
  I_DEFINITION,
  I_BINARY,
  I_DEFINITION2,
  I_COMPARE,
  I_LOGIC,
  I_NOT,
  I_SELECT,
  I_TO_FLOAT,
  I_TO_BOOL,
  I_DEQUANTIZE,
  I_QUANTIZE
} instr_kind_t;

typedef struct instr {
  instr_kind_t kind;
  int op, a, b, c;  // values
  float alpha, beta;
  union {
    tile_unary_fn unary;
    tile_binary_fn binary;
    tile_compare_fn compare;
    tile_logic_fn logic;
  } f;
  quantize_how_t how;
  int slot;  // of the result; -1: the output
  dtype_t from;
} instr_t;

typedef struct program {
  int n_in, n_instr, n_slots, rank;
  int64_t dims[MAX_DIMS], total, tile;
  operand_t in[MAX_INPUTS];
  instr_t instr[NET_MAX_STEPS];
  dtype_t out_type;
  size_t out_size;
  const tile_ops_t *ops;
  char *scratch;  // of the run: per thread n_slots tiles
  const void *src[MAX_INPUTS];
  char *dst;
} program_t;

static size_t thread_bytes(const program_t *p) { return (size_t)p->n_slots * TILE * sizeof(float); }

// ---- making

// Merges output dims over which every operand runs on evenly.
static void collapse(program_t *p, const backend_context_t *c, const layer_t *l) {
  const shape_t *out = out_shape(c, l, 0);
  int64_t st[MAX_INPUTS][SHAPE_MAX_RANK];
  for (int i = 0; i < p->n_in; i++) {
    const shape_t *in = in_shape(c, l, i);
    int64_t own[SHAPE_MAX_RANK];
    shape_strides(in, own);
    for (int d = 0; d < out->rank; d++) {
      int from = d - (out->rank - in->rank);
      st[i][d] = from < 0 || in->d[from] == 1 ? 0 : own[from];
    }
  }
  p->rank = 0;
  for (int d = 0; d < out->rank; d++) {
    if (out->d[d] == 1) continue;
    bool merge = p->rank > 0;
    for (int i = 0; i < p->n_in && merge; i++)
      merge = p->in[i].stride[p->rank - 1] == st[i][d] * out->d[d];
    if (!merge) {
      p->dims[p->rank++] = out->d[d];
    } else {
      p->dims[p->rank - 1] *= out->d[d];
    }
    for (int i = 0; i < p->n_in; i++) p->in[i].stride[p->rank - 1] = st[i][d];
  }
  if (p->rank == 0) {
    p->dims[p->rank++] = 1;
    for (int i = 0; i < p->n_in; i++) p->in[i].stride[0] = 1;
  }
}

// Elements after which the operand repeats itself: the product of the inner dims along which it
// moves like a dense array; 0 when it does not repeat so.
static int64_t period(const program_t *p, const operand_t *o) {
  int64_t n = 1;
  int d = p->rank - 1;
  while (d >= 0 && o->stride[d] == n) n *= p->dims[d--];
  for (; d >= 0; d--)
    if (o->stride[d] != 0) return 0;
  return n;
}

static void choose_operands(program_t *p) {
  // A tile that is a multiple of the common period makes periodic operands the same in every tile.
  int64_t common = 1;
  for (int i = 0; i < p->n_in; i++) {
    int64_t n = period(p, &p->in[i]);
    if (n == 0 || n == p->total || n > TILE) continue;
    int64_t a = common, b = n;
    while (b) {
      int64_t r = a % b;
      a = b, b = r;
    }
    int64_t lcm = common / a * n;
    if (lcm <= TILE) common = lcm;
  }
  p->tile = TILE / common * common;
  for (int i = 0; i < p->n_in; i++) {
    int64_t n = period(p, &p->in[i]);
    p->in[i].kind = n == p->total           ? OPERAND_DIRECT
                    : n && p->tile % n == 0 ? OPERAND_SAME
                                            : OPERAND_GATHER;
  }
}

// What an element is inside a tile.
static dtype_t tile_type(dtype_t t) { return dtype_is_16bit_float(t) ? DT_FLOAT : t; }
static bool is_tile_type(dtype_t t) { return t == DT_FLOAT || t == DT_BOOL; }

static bool read_in_place(const operand_t *o) {
  return o->kind == OPERAND_DIRECT && !dtype_is_16bit_float(o->dtype);
}

static void widen(dtype_t t, const void *x, float *y, int64_t n) {
  (t == DT_HALF ? ew_half_to_float : ew_bfloat16_to_float)(x, y, n);
}
static void narrow(dtype_t t, const float *x, void *y, int64_t n) {
  (t == DT_HALF ? ew_float_to_half : ew_float_to_bfloat16)(x, y, n);
}

// One step as an instruction; false when there is no fast form.
static bool translate(program_t *p, const fused_step_t *st, const dtype_t *types, dtype_t result,
                      instr_t *i) {
  const tile_ops_t *ops = p->ops;
  *i = (instr_t){.op = st->op,
                 .a = st->a,
                 .b = st->b,
                 .c = st->c,
                 .alpha = st->alpha,
                 .beta = st->beta,
                 .from = types[st->a]};
  bool a_float = types[st->a] == DT_FLOAT;
  switch (st->kind) {
    case STEP_UNARY:
      if (st->op == UNARY_NOT && types[st->a] == DT_BOOL && result == DT_BOOL) {
        i->kind = I_NOT;
        return true;
      }
      if (!a_float || result != DT_FLOAT) return false;
      i->f.unary = ops->unary[st->op];
      i->kind = i->f.unary ? I_UNARY : I_DEFINITION;
      return true;
    case STEP_BINARY:
      if (types[st->b] != types[st->a]) return false;
      if (a_float && result == DT_FLOAT) {
        i->f.binary = ops->binary[st->op];
        i->kind = i->f.binary ? I_BINARY : I_DEFINITION2;
        return true;
      }
      if (a_float && result == DT_BOOL && (i->f.compare = ops->compare[st->op])) {
        i->kind = I_COMPARE;
        return true;
      }
      if (types[st->a] == DT_BOOL && result == DT_BOOL && (i->f.logic = ops->logic[st->op])) {
        i->kind = I_LOGIC;
        return true;
      }
      return false;
    case STEP_SELECT:
      i->kind = I_SELECT;
      return types[st->a] == DT_BOOL && types[st->b] == DT_FLOAT && types[st->c] == DT_FLOAT &&
             result == DT_FLOAT;
    case STEP_DEQUANTIZE:
      i->kind = I_DEQUANTIZE;
      return (types[st->a] == DT_INT8 || types[st->a] == DT_UINT8) && result == DT_FLOAT;
    case STEP_QUANTIZE: {
      float least = (result == DT_UINT8 ? 0.0f : -128.0f) - st->beta;
      i->kind = I_QUANTIZE;
      i->how = (quantize_how_t){.by = (float)(1 / (double)st->alpha),
                                .least = least,
                                .most = least + 255,
                                .start = st->beta};
      return a_float && dtype_is_8bit_int(result);
    }
    case STEP_CAST:
      if (a_float && result == DT_FLOAT) {
        i->kind = I_UNARY;
        i->op = UNARY_IDENTITY;
        i->f.unary = ops->unary[UNARY_IDENTITY];
        return true;
      }
      i->kind = result == DT_FLOAT ? I_TO_FLOAT : I_TO_BOOL;
      return (result == DT_FLOAT && (types[st->a] == DT_BOOL || types[st->a] == DT_INT32 ||
                                     types[st->a] == DT_INT64 || types[st->a] == DT_UINT8)) ||
             (result == DT_BOOL && a_float);
  }
  return false;
}

static int operands_of(const instr_t *i, int *v) {
  v[0] = i->a, v[1] = i->b, v[2] = i->c;
  if (i->kind == I_SELECT) return 3;
  return i->kind == I_BINARY || i->kind == I_DEFINITION2 || i->kind == I_COMPARE ||
                 i->kind == I_LOGIC
             ? 2
             : 1;
}

// Gives every value that needs one a tile; a tile is free again after its value's last reader.
static void assign_slots(program_t *p) {
  int last[MAX_VALUES], of[MAX_VALUES];
  bool used[MAX_VALUES] = {false};
  for (int v = 0; v < p->n_in + p->n_instr; v++) last[v] = -1, of[v] = -1;
  for (int k = 0; k < p->n_instr; k++) {
    int v[3], n = operands_of(&p->instr[k], v);
    for (int j = 0; j < n; j++) last[v[j]] = k;
  }
  p->n_slots = 0;
  for (int i = 0; i < p->n_in; i++)  // never shared: filled before or kept over tiles
    if (!read_in_place(&p->in[i])) {
      // 64-bit inputs take two tiles, and 16-bit ones that are copied before they are widened.
      bool twice = p->in[i].kind != OPERAND_DIRECT && dtype_is_16bit_float(p->in[i].dtype);
      p->in[i].slot = p->n_slots;
      p->n_slots += twice || p->in[i].size > sizeof(float) ? 2 : 1;
    }
  int base = p->n_slots;
  for (int k = 0; k < p->n_instr; k++) {
    instr_t *i = &p->instr[k];
    int v[3], n = operands_of(i, v);
    for (int j = 0; j < n; j++)
      if (of[v[j]] >= 0 && last[v[j]] == k) used[of[v[j]]] = false;
    i->slot = -1;
    if (k == p->n_instr - 1 && !dtype_is_16bit_float(p->out_type)) break;
    int s = 0;
    // Results of another element size must not overwrite an operand that is still being read.
    while (used[s]) s++;
    bool sizes_differ = i->kind == I_COMPARE || i->kind == I_TO_FLOAT || i->kind == I_TO_BOOL ||
                        i->kind == I_SELECT || i->kind == I_DEQUANTIZE || i->kind == I_QUANTIZE;
    if (sizes_differ)
      for (bool again = true; again;) {
        again = false;
        for (int j = 0; j < n; j++)
          if (of[v[j]] == s) again = true;
        if (again || used[s]) s++, again = true;
      }
    used[s] = true;
    of[p->n_in + k] = s;
    i->slot = base + s;
    if (base + s + 1 > p->n_slots) p->n_slots = base + s + 1;
  }
}

// A lone layer as a program of one step.
static bool as_step(const layer_t *l, fused_step_t *st) {
  *st = (fused_step_t){.a = 0, .b = 1, .c = 2, .dtype = l->out[0]->dtype};
  switch (l->type) {
    case LAYER_UNARY:
      st->kind = STEP_UNARY, st->op = l->p.unary.op;
      st->alpha = l->p.unary.alpha, st->beta = l->p.unary.beta;
      return true;
    case LAYER_BINARY: st->kind = STEP_BINARY, st->op = l->p.binary.op; return true;
    case LAYER_SELECT: st->kind = STEP_SELECT; return true;
    case LAYER_CAST: st->kind = STEP_CAST; return !l->p.cast.truncate;
    default: return false;
  }
}

// ---- running

static void gather(const program_t *p, const operand_t *o, const char *src, int64_t at, int64_t n,
                   char *dst) {
  int64_t inner = p->dims[p->rank - 1], index[MAX_DIMS], from = 0, left = at;
  for (int d = p->rank - 1; d >= 0; d--) {
    index[d] = left % p->dims[d];
    left /= p->dims[d];
    from += index[d] * o->stride[d];
  }
  int64_t step = o->stride[p->rank - 1];
  while (n > 0) {
    int64_t run = inner - index[p->rank - 1];
    if (run > n) run = n;
    const char *s = src + from * (int64_t)o->size;
    if (step == 1) {
      memcpy(dst, s, (size_t)run * o->size);
    } else if (step == 0 && o->size == sizeof(float)) {
      float v;
      memcpy(&v, s, sizeof v);
      for (int64_t i = 0; i < run; i++) ((float *)dst)[i] = v;
    } else if (step == 0 && o->size == 1) {
      memset(dst, *s, (size_t)run);
    } else {
      for (int64_t i = 0; i < run; i++)
        memcpy(dst + i * (int64_t)o->size, s + i * step * (int64_t)o->size, o->size);
    }
    dst += run * (int64_t)o->size;
    n -= run;
    from += run * step;
    index[p->rank - 1] += run;
    for (int d = p->rank - 1; d >= 0 && index[d] == p->dims[d]; d--) {
      from -= p->dims[d] * o->stride[d];
      index[d] = 0;
      if (d == 0) break;
      index[d - 1]++;
      from += o->stride[d - 1];
    }
  }
}

static void to_float(dtype_t from, int64_t n, const void *x, float *y) {
#define CONVERT(T) \
  for (int64_t i = 0; i < n; i++) y[i] = (float)((const T *)x)[i]
  if (from == DT_INT32) {
    CONVERT(int32_t);
  } else if (from == DT_INT64) {
    CONVERT(int64_t);
  } else if (from == DT_UINT8) {
    CONVERT(uint8_t);
  } else {
    for (int64_t i = 0; i < n; i++) y[i] = ((const uint8_t *)x)[i] ? 1.0f : 0.0f;
  }
#undef CONVERT
}

static void execute(const program_t *p, const instr_t *i, int64_t n, void *const *v, void *y) {
  const float *a = v[i->a];
  switch (i->kind) {
    case I_UNARY: i->f.unary(n, a, y, i->alpha, i->beta); break;
    case I_DEFINITION:
      for (int64_t k = 0; k < n; k++)
        ((float *)y)[k] = (float)unary_eval((unary_op_t)i->op, a[k], i->alpha, i->beta);
      break;
    case I_BINARY: i->f.binary(n, a, v[i->b], y); break;
    case I_DEFINITION2:
      for (int64_t k = 0; k < n; k++)
        ((float *)y)[k] = (float)binary_eval((binary_op_t)i->op, a[k], ((const float *)v[i->b])[k]);
      break;
    case I_COMPARE: i->f.compare(n, a, v[i->b], y); break;
    case I_LOGIC: i->f.logic(n, v[i->a], v[i->b], y); break;
    case I_NOT:
      for (int64_t k = 0; k < n; k++) ((uint8_t *)y)[k] = !((const uint8_t *)v[i->a])[k];
      break;
    case I_SELECT: p->ops->select(n, v[i->a], v[i->b], v[i->c], y); break;
    case I_DEQUANTIZE:
      dequantize_numbers(v[i->a], i->from == DT_UINT8, i->beta, i->alpha, y, n);
      break;
    case I_QUANTIZE: quantize_floats(&i->how, a, y, n); break;
    case I_TO_FLOAT: to_float(i->from, n, v[i->a], y); break;
    case I_TO_BOOL:
      for (int64_t k = 0; k < n; k++) ((uint8_t *)y)[k] = a[k] != 0.0f;
      break;
  }
}

// The operand's elements [at, at + n) in its tile.
static void fetch(const program_t *p, const operand_t *o, const char *src, int64_t at, int64_t n,
                  char *tile) {
  bool wide = dtype_is_16bit_float(o->dtype);
  const char *from = src + at * (int64_t)o->size;
  if (o->kind != OPERAND_DIRECT) {
    char *to = wide ? tile + TILE * sizeof(float) : tile;
    gather(p, o, src, at, n, to);
    from = to;
  }
  if (wide) widen(o->dtype, from, (float *)tile, n);
}

static void run_tiles(void *ctx, int64_t begin, int64_t end, int thread) {
  const program_t *p = ctx;
  char *tiles = p->scratch + (size_t)thread * thread_bytes(p);
  void *v[MAX_VALUES];
  for (int i = 0; i < p->n_in; i++) {
    const operand_t *o = &p->in[i];
    if (read_in_place(o)) continue;
    v[i] = tiles + (size_t)o->slot * TILE * sizeof(float);
    int64_t n = p->tile < p->total ? p->tile : p->total;
    if (o->kind == OPERAND_SAME) fetch(p, o, p->src[i], 0, n, v[i]);
  }
  for (int64_t t = begin; t < end; t++) {
    int64_t at = t * p->tile, n = p->total - at < p->tile ? p->total - at : p->tile;
    for (int i = 0; i < p->n_in; i++) {
      const operand_t *o = &p->in[i];
      if (read_in_place(o))
        v[i] = (char *)p->src[i] + at * (int64_t)o->size;
      else if (o->kind != OPERAND_SAME)
        fetch(p, o, p->src[i], at, n, v[i]);
    }
    for (int k = 0; k < p->n_instr; k++) {
      const instr_t *i = &p->instr[k];
      void *y = i->slot < 0 ? p->dst + at * (int64_t)p->out_size
                            : tiles + (size_t)i->slot * TILE * sizeof(float);
      bool copy =
          i->kind == I_UNARY && i->op == UNARY_IDENTITY && i->slot >= 0 && k == p->n_instr - 1;
      if (!copy) execute(p, i, n, v, y);
      v[p->n_in + k] = copy ? v[i->a] : y;
    }
    if (dtype_is_16bit_float(p->out_type))
      narrow(p->out_type, v[p->n_in + p->n_instr - 1], p->dst + at * (int64_t)p->out_size, n);
  }
}

static status_t run(step_t *s, backend_context_t *c) {
  program_t *p = s->state;
  for (int i = 0; i < p->n_in; i++) p->src[i] = step_in(s, c, i);
  p->dst = step_out(s, c, 0);
  p->scratch = c->scratch;
  int64_t tiles = (p->total + p->tile - 1) / p->tile;
  parallel_for(c->threads, tiles, 4, run_tiles, p);
  return NULL;
}

status_t make_elementwise_step(backend_context_t *c, const layer_t *l, step_t *s) {
  fused_step_t lone;
  const fused_step_t *steps = &lone;
  int n = 1;
  if (l->type == LAYER_FUSED) {
    steps = l->p.fused.step;
    n = l->p.fused.n;
  } else if (!as_step(l, &lone)) {
    return NULL;
  }
  if (n < 1 || n > NET_MAX_STEPS || l->n_in > MAX_INPUTS || out_shape(c, l, 0)->rank > MAX_DIMS)
    return NULL;
  dtype_t types[MAX_VALUES];
  program_t *p = mem_calloc(1, sizeof *p);
  p->n_in = l->n_in;
  p->n_instr = n;
  p->ops = tile_ops();
  p->total = shape_elements(out_shape(c, l, 0));
  p->out_type = l->out[0]->dtype;
  p->out_size = dtype_size(p->out_type);
  for (int i = 0; i < l->n_in; i++) {
    types[i] = tile_type(l->in[i]->dtype);
    p->in[i].dtype = l->in[i]->dtype;
    p->in[i].size = dtype_size(l->in[i]->dtype);
  }
  bool ok = true;
  for (int k = 0; k < n && ok; k++) {
    dtype_t result = tile_type(k == n - 1 ? p->out_type : steps[k].dtype);
    ok = (is_tile_type(result) || steps[k].kind == STEP_QUANTIZE) &&
         translate(p, &steps[k], types, result, &p->instr[k]);
    types[l->n_in + k] = result;
  }
  if (!ok) {
    mem_free(p);
    return NULL;
  }
  collapse(p, c, l);
  choose_operands(p);
  assign_slots(p);
  *s = (step_t){.layer = l,
                .run = run,
                .state = p,
                .destroy = mem_free,
                .scratch = thread_bytes(p) * (size_t)c->threads,
                .reuse = -1,
                .reuse_any = true,
                .tactic = p->ops->name};
  return NULL;
}
