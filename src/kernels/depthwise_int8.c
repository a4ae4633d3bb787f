#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/conv_inner.h"
#include "kernels/depthwise_int8_inner.h"

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ---------------------------------------------------------------- any machine

enum { GENERIC_LANES = 16, GENERIC_GROUP = 4 };

static void generic_interleave(const uint8_t *const *rows, int64_t n, uint8_t flip, int32_t *line) {
  uint8_t *to = (uint8_t *)line;
  for (int64_t i = 0; i < n; i++)
    for (int g = 0; g < GENERIC_GROUP; g++) to[GENERIC_GROUP * i + g] = rows[g][i] ^ flip;
}

static void generic_outputs(const depthwise_int8_t *j, const int32_t *line, int64_t b, int64_t oy,
                            int rows) {
  const conv_shape_t *s = &j->s;
  const int64_t C = s->in_c, kw = s->kernel[2];
  const int64_t each = GENERIC_LANES * (1 + j->groups * kw * j->rows);
  for (int r = 0; r < rows; r++)
    for (int64_t ox = 0; ox < s->out[2]; ox++)
      for (int64_t c0 = 0; c0 < C; c0 += GENERIC_LANES) {
        const int32_t *packed = j->packed + c0 / GENERIC_LANES * each;
        int64_t n = min64(GENERIC_LANES, C - c0);
        union {  // as in gemm_int8.c
          uint32_t u[GENERIC_LANES];
          int32_t i[GENERIC_LANES];
        } sum;
        for (int64_t c = 0; c < n; c++) sum.u[c] = (uint32_t)-j->zero * (uint32_t)packed[c];
        for (int64_t g = 0; g < j->groups; g++)
          for (int64_t k = 0; k < kw; k++) {
            int64_t column = ox * s->stride[2] + k * s->dilation[2];
            const uint8_t *x = (const uint8_t *)(line + (g * j->columns + column) * C + c0);
            const int8_t *w = (const int8_t *)(packed + GENERIC_LANES +
                                               ((g * kw + k) * j->rows + r) * GENERIC_LANES);
            for (int64_t i = 0; i < n * GENERIC_GROUP; i++)
              sum.u[i / GENERIC_GROUP] += (uint32_t)(x[i] * w[i]);
          }
        int64_t at = ((b * s->out[1] + oy + r) * s->out[2] + ox) * C + c0;
        int8_finish_sums(j->finish, j->y, at, sum.i, c0, n);
      }
}

static const depthwise_int8_isa_t generic = {GENERIC_LANES, GENERIC_GROUP, generic_interleave,
                                             generic_outputs};

const depthwise_int8_isa_t *depthwise_int8_isa(void) {
#if defined(__x86_64__)
  if (cpu_has(CPU_AVX512_VNNI)) return &depthwise_int8_avx512vnni;
  if (cpu_has(CPU_AVX512)) return &depthwise_int8_avx512;
#if defined(TFTRT_AVXVNNI)
  if (cpu_isa() == CPU_AVX2_VNNI) return &depthwise_int8_avx2vnni;
#endif
  if (cpu_has(CPU_AVX2)) return &depthwise_int8_avx2;
#endif
  return &generic;
}

// ---------------------------------------------------------------- packing

static depthwise_int8_t job_of(const conv_int8_t *c) {
  const depthwise_int8_isa_t *isa = depthwise_int8_isa();
  depthwise_int8_t j = {.s = conv_widen(&c->s), .flip = c->is_signed ? 0x80 : 0};
  const conv_shape_t *s = &j.s;
  // With a stride or dilation the rows that two outputs need are different ones.
  j.rows = s->stride[1] == 1 && s->dilation[1] == 1 && s->out[1] > 1 ? 2 : 1;
  j.groups = ceil_div(s->kernel[1] + j.rows - 1, isa->group);
  j.columns = (s->out[2] - 1) * s->stride[2] + (s->kernel[2] - 1) * s->dilation[2] + 1;
  j.vectors = ceil_div(s->in_c, isa->lanes);
  j.zero = c->zero + (c->is_signed ? 128 : 0);
  return j;
}

size_t depthwise_int8_packed_bytes(const conv_int8_t *c) {
  depthwise_int8_t j = job_of(c);
  const conv_shape_t *s = &j.s;
  const size_t lanes = (size_t)depthwise_int8_isa()->lanes;
  size_t taps, total;
  if (s->kernel[1] < 1 || s->kernel[2] < 1 || s->in_c < 1 ||
      !size_mul((size_t)s->kernel[1], (size_t)s->kernel[2], &taps) ||
      taps > CONV_INT8_MOST_PRODUCTS)
    return 0;
  taps = 1 + (size_t)(j.groups * s->kernel[2] * j.rows);
  if (!size_mul(taps * lanes * sizeof(int32_t), (size_t)j.vectors, &total)) return 0;
  return total;
}

void depthwise_int8_pack(const conv_int8_t *c, const int8_t *w, void *packed) {
  const depthwise_int8_isa_t *isa = depthwise_int8_isa();
  depthwise_int8_t j = job_of(c);
  const conv_shape_t *s = &j.s;
  const int64_t kh = s->kernel[1], kw = s->kernel[2];
  int32_t *to = packed;
  memset(packed, 0, depthwise_int8_packed_bytes(c));
  for (int64_t v = 0; v < j.vectors; v++) {
    int64_t c0 = v * isa->lanes, n = min64(isa->lanes, s->in_c - c0);
    int32_t *sums = to;
    to += isa->lanes;
    for (int64_t i = 0; i < kh * kw; i++)
      for (int64_t k = 0; k < n; k++) sums[k] += w[i * s->in_c + c0 + k];
    for (int64_t g = 0; g < j.groups; g++)
      for (int64_t x = 0; x < kw; x++)
        for (int r = 0; r < j.rows; r++, to += isa->lanes)
          for (int64_t i = 0; i < isa->group; i++) {
            int64_t y = g * isa->group + i - r;  // the kernel's row that is there
            if (y < 0 || y >= kh) continue;
            const int8_t *from = w + (y * kw + x) * s->in_c + c0;
            if (isa->group == 4)
              for (int64_t k = 0; k < n; k++) ((int8_t *)(to + k))[i] = from[k];
            else
              for (int64_t k = 0; k < n; k++) ((int16_t *)(void *)(to + k))[i] = from[k];
          }
  }
}

// ---------------------------------------------------------------- running

enum { MOST_GROUP = 4, ROOM = 64 };  // of 4 bytes behind a line, for vectors that are read whole

// Of one thread, in units of 4 bytes: the lines, and a row of what lies outside.
static bool thread_units(const depthwise_int8_t *j, size_t *lines, size_t *outside) {
  const conv_shape_t *s = &j->s;
  size_t row;
  if (!size_mul((size_t)(j->groups * j->columns), (size_t)s->in_c, lines) ||
      !size_mul((size_t)s->in[2], (size_t)s->in_c, &row))
    return false;
  *outside = row / 4 + 1 + 16;
  *lines += ROOM;
  *lines += (16 - *lines % 16) % 16;
  *outside += (16 - *outside % 16) % 16;
  return true;
}

size_t depthwise_int8_scratch(const conv_int8_t *c, int threads) {
  depthwise_int8_t j = job_of(c);
  size_t lines, outside, total;
  if (!thread_units(&j, &lines, &outside)) return 0;
  return size_mul((lines + outside) * sizeof(int32_t), (size_t)max64(threads, 1), &total) ? total
                                                                                          : 0;
}

typedef struct run {
  depthwise_int8_t j;
  const uint8_t *x;
  int outside;  // what padding is
  int32_t *scratch;
  size_t lines, thread;  // in units of 4 bytes
} run_t;

static void fill(int32_t *line, int64_t n, int32_t value) {
  for (int64_t i = 0; i < n; i++) line[i] = value;
}

static void row_pairs(void *ctx, int64_t begin, int64_t end, int thread) {
  const run_t *r = ctx;
  const depthwise_int8_t *j = &r->j;
  const conv_shape_t *s = &j->s;
  const depthwise_int8_isa_t *isa = depthwise_int8_isa();
  const int64_t C = s->in_c, line = j->columns * C, pieces = ceil_div(s->out[1], j->rows);
  int32_t *lines = r->scratch + (size_t)thread * r->thread;
  uint8_t *outside = (uint8_t *)(lines + r->lines);
  // Columns [left, right) of a line are the input's, from its column `from` on.
  int64_t left = min64(max64(s->pad[2], 0), j->columns), from = left - s->pad[2];
  int64_t right = max64(left, min64(j->columns, s->pad[2] + s->in[2]));
  uint8_t u = (uint8_t)(r->outside ^ j->flip);
  int32_t padding = (int32_t)(isa->group == 4 ? u * 0x01010101u : u * 0x00010001u);
  memset(outside, r->outside, (size_t)(s->in[2] * C));
  fill(lines + j->groups * line, ROOM, 0);
  for (int64_t g = 0; g < j->groups; g++) {
    fill(lines + g * line, left * C, padding);
    fill(lines + g * line + right * C, (j->columns - right) * C, padding);
  }
  for (int64_t p = begin; p < end; p++) {
    int64_t b = p / pieces, oy = p % pieces * j->rows;
    int rows = (int)min64(j->rows, s->out[1] - oy);
    for (int64_t g = 0; g < j->groups; g++) {
      const uint8_t *in[MOST_GROUP];
      for (int i = 0; i < isa->group; i++) {
        int64_t k = g * isa->group + i;
        int64_t y = oy * s->stride[1] - s->pad[1] + k * s->dilation[1];
        bool inside = k < s->kernel[1] + j->rows - 1 && y >= 0 && y < s->in[1];
        in[i] = inside ? r->x + ((b * s->in[1] + y) * s->in[2] + from) * C : outside;
      }
      isa->interleave(in, (right - left) * C, j->flip, lines + g * line + left * C);
    }
    isa->outputs(j, lines, b, oy, rows);
  }
}

void depthwise_int8_run(const conv_int8_t *c, const void *x, const void *packed, void *y,
                        const int8_finish_t *finish, void *scratch, int threads) {
  run_t r = {.j = job_of(c), .x = x, .outside = c->zero, .scratch = scratch};
  size_t outside;
  if (!thread_units(&r.j, &r.lines, &outside)) return;
  r.thread = r.lines + outside;
  r.j.packed = packed;
  r.j.y = y;
  r.j.finish = finish;
  const conv_shape_t *s = &r.j.s;
  double work = (double)r.j.rows * (double)s->out[2] * (double)s->in_c * (double)s->kernel[1] *
                (double)s->kernel[2];
  parallel_for(threads, s->batch * ceil_div(s->out[1], r.j.rows), (int64_t)(65536 / (work + 1)) + 1,
               row_pairs, &r);
}
