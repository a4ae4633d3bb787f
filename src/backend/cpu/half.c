#include "backend/cpu/half.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/tactics.h"
#include "base/cpu.h"
#include "engine/specialize.h"
#include "network/half.h"

// What casts and elementwise layers read and write, about, on one thread.
static const double bytes_per_ns = 8;
// The whole must be that much faster than in FP32, as clocks are not exact: BF16, with an eighth of
// FP16's precision, by more, and by much more than in FP16 where that is worth it, too. (On AMD's
// Zen 4 BF16 takes 0.84 to 0.9 of FP16's time: no error should depend on which of these it was.)
static const double worth_half = 0.95, worth_bfloat16 = 0.85, worth_bfloat16_of_half = 0.75;

typedef struct choice {
  const network_t *n;
  const build_options_t *o;
  int64_t max_workspace;
  int64_t *sizes;  // [n_tensors], elements
  int64_t *ns[2];  // [n_layers]: on FP32 tensors, on those of `to`; 0: not known
  dtype_t to;
} choice_t;

static void set_all(const network_t *n, dtype_t to, dtype_t *type) {
  for (int i = 0; i < n->n_layers; i++)
    type[i] =
        layer_has_half(n->layers[i]) && !layer_refuses_half(n, n->layers[i], to) ? to : DT_FLOAT;
}

// The 16-bit type that the CPU multiplies faster than float32, as far as its name tells.
static dtype_t fast_type(void) {
  if (cpu_has(CPU_AMX)) return DT_BFLOAT16;
  return cpu_has(CPU_AVX512_VNNI) ? DT_HALF : DT_FLOAT;  // see gemm_half.h
}

// What is small gains less than its casts cost. Weights' sizes are known for sure; of a product of
// two activations the second one's matrices often are.
static bool is_small(const layer_t *l) {
  enum { LEAST = 4096 };
  const net_tensor_t *b = l->in[1];
  if (b->is_const) return tensor_elements(&b->value) < LEAST;
  int rank = b->shape.rank;
  if (rank < 2 || b->shape.d[rank - 2] < 0 || b->shape.d[rank - 1] < 0) return false;
  return b->shape.d[rank - 2] * b->shape.d[rank - 1] < LEAST;
}

static void choose_by_name(const network_t *n, dtype_t *type) {
  set_all(n, fast_type(), type);
  for (int i = 0; i < n->n_layers; i++)
    if (layer_has_half(n->layers[i]) && is_small(n->layers[i])) type[i] = DT_FLOAT;
}

// ---- times

static double cost(const choice_t *ch, const dtype_t *type) {
  double bytes = (double)network_half_traffic(ch->n, type, ch->sizes), ns = 0;
  for (int i = 0; i < ch->n->n_layers; i++) ns += (double)ch->ns[type[i] == ch->to][i];
  int threads = ch->o->threads > 0 ? ch->o->threads : cpu_count();
  return ns + bytes / (bytes_per_ns * threads);
}

// One layer at a time takes the other type for as long as that makes the whole faster.
static double descend(const choice_t *ch, const dtype_t *may, dtype_t *type) {
  enum { MOST_ROUNDS = 4 };
  double best = cost(ch, type);
  for (int round = 0, changed = 1; changed && round < MOST_ROUNDS; round++) {
    changed = 0;
    for (int i = 0; i < ch->n->n_layers; i++) {
      if (may[i] != ch->to) continue;
      dtype_t before = type[i];
      type[i] = before == ch->to ? DT_FLOAT : ch->to;
      double now = cost(ch, type);
      if (now < best) {
        best = now;
        changed = 1;
      } else {
        type[i] = before;
      }
    }
  }
  return best;
}

static status_t time_in(choice_t *ch, const dtype_t *type, int64_t *ns, bool *timed) {
  network_t *copy = network_clone(ch->n);
  int n = copy->n_layers;
  layer_t **layers = mem_alloc(((size_t)n + 1) * sizeof *layers);
  memcpy(layers, copy->layers, (size_t)n * sizeof *layers);
  status_t st = type ? network_assign_half(copy, type) : NULL;
  bool *which = mem_calloc((size_t)copy->n_layers + 1, sizeof *which);
  int64_t *times = mem_calloc((size_t)copy->n_layers + 1, sizeof *times);
  for (int i = 0; i < n; i++)
    if (layer_has_half(ch->n->layers[i]) && !layers[i]->dead) which[layers[i]->id] = true;
  if (!st) st = time_layers(copy, ch->o, ch->max_workspace, which, times, timed);
  for (int i = 0; i < n && !st; i++)
    if (!layers[i]->dead) ns[i] = times[layers[i]->id];
  mem_free(which);
  mem_free(times);
  mem_free(layers);
  network_destroy(copy);
  return st;
}

// From both ends: all layers that may be in 16 bits, and none.
static double search(const choice_t *ch, const dtype_t *may, dtype_t *type) {
  size_t bytes = (size_t)ch->n->n_layers * sizeof *type;
  dtype_t *other = mem_calloc((size_t)ch->n->n_layers + 1, sizeof *other);
  memcpy(type, may, bytes);
  set_all(ch->n, DT_FLOAT, other);
  double a = descend(ch, may, type), b = descend(ch, may, other);
  if (b < a) memcpy(type, other, bytes);
  mem_free(other);
  return b < a ? b : a;
}

static double fp32_cost(const choice_t *ch) {
  dtype_t *none = mem_calloc((size_t)ch->n->n_layers + 1, sizeof *none);
  set_all(ch->n, DT_FLOAT, none);
  double ns = cost(ch, none);
  mem_free(none);
  return ns;
}

static status_t choose_by_times(choice_t *ch, dtype_t *type, bool *timed) {
  const network_t *n = ch->n;
  static const dtype_t types[] = {DT_HALF, DT_BFLOAT16};
  size_t count = (size_t)n->n_layers + 1;
  dtype_t *may = mem_calloc(count, sizeof *may), *found = mem_calloc(count, sizeof *found);
  for (int i = 0; i < 2; i++) ch->ns[i] = mem_calloc(count, sizeof *ch->ns[i]);
  status_t st = time_in(ch, NULL, ch->ns[0], timed);
  double fp32 = fp32_cost(ch), half = HUGE_VAL;
  for (int k = 0; k < 2 && !st && *timed; k++) {
    // Without instructions for it BF16 has nothing that FP16 has not.
    if (types[k] == DT_BFLOAT16 && !cpu_has(CPU_AVX512_BF16)) continue;
    ch->to = types[k];
    set_all(n, ch->to, may);
    memset(ch->ns[1], 0, count * sizeof *ch->ns[1]);
    st = time_in(ch, may, ch->ns[1], timed);
    for (int i = 0; i < n->n_layers; i++)  // one without the other tells nothing
      if (!ch->ns[0][i] || !ch->ns[1][i]) may[i] = DT_FLOAT;
    if (st) break;
    double most = types[k] == DT_HALF ? worth_half * fp32
                                      : fmin(worth_bfloat16 * fp32, worth_bfloat16_of_half * half);
    double now = search(ch, may, found);
    if (!(now < most)) continue;
    half = now;
    memcpy(type, found, (size_t)n->n_layers * sizeof *type);
  }
  for (int i = 0; i < 2; i++) mem_free(ch->ns[i]);
  mem_free(may);
  mem_free(found);
  return st;
}

// Elements of every tensor at the shapes that are timed; false: they depend on values.
static bool find_sizes(choice_t *ch) {
  specialized_t *sp = NULL;
  status_t st = specialize(ch->n, ch->o->opt_shapes, NULL, &sp);
  if (st) {
    status_free(st);
    return false;
  }
  ch->sizes = mem_calloc((size_t)ch->n->n_tensors + 1, sizeof *ch->sizes);
  for (int i = 0; i < ch->n->n_tensors; i++) {
    int64_t k = shape_known(&sp->shapes[i]) ? shape_elements(&sp->shapes[i]) : 0;
    ch->sizes[i] = k > 0 ? k : 0;
  }
  specialized_free(sp);
  return true;
}

static status_t choose(const network_t *n, const build_options_t *o, int64_t max_workspace,
                       dtype_t *type) {
  bool timed = false;
  if (o && o->opt_shapes && o->time_tactics) {
    choice_t ch = {.n = n, .o = o, .max_workspace = max_workspace};
    status_t st = find_sizes(&ch) ? choose_by_times(&ch, type, &timed) : NULL;
    mem_free(ch.sizes);
    TRY(st);
  }
  if (!timed) choose_by_name(n, type);
  return NULL;
}

status_t cpu_assign_half(network_t *n, const build_options_t *o, int64_t max_workspace) {
  if (n->half == HALF_NONE) return NULL;
  dtype_t *type = mem_calloc((size_t)n->n_layers + 1, sizeof *type);
  status_t st = NULL;
  if (n->half == HALF_BFLOAT16)
    set_all(n, DT_BFLOAT16, type);
  else
    st = choose(n, o, max_workspace, type);
  if (!st) st = network_assign_half(n, type);
  mem_free(type);
  return st;
}

const char *cpu_half_note(half_mode_t mode) {
  if (mode == HALF_FASTER && fast_type() == DT_FLOAT)
    return "Precision mode FP16: this CPU has no 16-bit arithmetic, computing is in FP32. Tensors "
           "are in 16 bits only where that was timed to be faster.";
  if (mode == HALF_BFLOAT16 && !cpu_has(CPU_AVX512_BF16))
    return "Precision mode BF16: this CPU has no BF16 arithmetic. Tensors and weights are in BF16, "
           "computing is in FP32.";
  return NULL;
}
