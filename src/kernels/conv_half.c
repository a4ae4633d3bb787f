#include "kernels/conv_half.h"

#include <string.h>

#include "base/mem.h"
#include "kernels/conv_inner.h"
#include "kernels/gemm_half_inner.h"

static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t even(int64_t k) { return (k + 1) / 2 * 2; }

// How the rows of A, one per output pixel, come about. A window's terms lie in segments: of one tap
// each, or of all taps along a row.
typedef enum way {
  POINTWISE,  // the product itself
  PADDED,     // a segment per tap, in copies of input rows with the padding written out
  UNROLLED,   // few or odd channels, or one tap along a row: a segment per row of taps, in copies
              // of input rows that hold every pixel's taps along the row
} way_t;

typedef struct plan {
  conv_shape_t s;  // widened
  way_t way;
  const uint16_t *x;         // the group's first channel
  int64_t c;                 // channels of the group
  int64_t taps, run;         // segments per window, terms of each; padded to even ones
  int64_t row_tiles;         // tiles of a row of outputs, or
  bool two_rows;             // of two rows that fill one tile together
  int64_t groups_y;          // tile rows of an image
  int64_t copy_w, copy_row;  // of copies: elements per pixel and per row,
  int64_t copy_step;         // from one row to the next; between them is the row's scale, a float
  int64_t span;              // rows of input under one tile row
  int64_t step;              // input rows from one tile row to the next
} plan_t;

static bool rows_collide(int64_t stride) { return stride * (int64_t)sizeof(uint16_t) % 4096 == 0; }

static plan_t make_plan(const conv_shape_t *shape) {
  plan_t p = {.s = conv_widen(shape)};
  const conv_shape_t *s = &p.s;
  const int64_t *kn = s->kernel, *in = s->in, *out = s->out;
  p.c = s->in_c / s->groups;
  bool pointwise = true;
  for (int i = 1; i < 3; i++)
    pointwise &= kn[i] == 1 && s->stride[i] == 1 && s->pad[i] == 0 && out[i] == in[i];
  enum { FEW = 16 };
  if (pointwise)
    p.way = POINTWISE;
  else if (p.c % 2 || p.c < FEW || kn[2] == 1)
    p.way = UNROLLED;
  else
    p.way = PADDED;
  p.taps = p.way == UNROLLED ? kn[1] : kn[1] * kn[2];
  p.run = p.way == UNROLLED ? kn[2] * p.c : p.c;
  p.two_rows = 2 * out[2] <= HALF_MR && out[1] > 1;
  p.row_tiles = p.two_rows ? 1 : ceil_div(out[2], HALF_MR);
  p.groups_y = p.two_rows ? (out[1] + 1) / 2 : out[1];
  p.step = s->stride[1] * (p.two_rows ? 2 : 1);
  p.span = (kn[1] - 1) * s->dilation[1] + 1 + (p.two_rows ? s->stride[1] : 0);
  enum { APART = 32 };  // between the pixels of copies that would collide
  if (p.way == UNROLLED) {
    p.copy_w = even(p.run) + (rows_collide(even(p.run)) ? APART : 0);
    p.copy_row = out[2] * p.copy_w;
  } else if (p.way == PADDED) {
    p.copy_w = p.c + (rows_collide(s->stride[2] * p.c) ? APART : 0);
    p.copy_row = ((out[2] - 1) * s->stride[2] + (kn[2] - 1) * s->dilation[2] + 1) * p.copy_w;
  }
  p.copy_step = p.copy_row + (int64_t)(sizeof(float) / sizeof(uint16_t));
  return p;
}

// ---------------------------------------------------------------- copies of input rows

static void copy_halves(uint16_t *d, const uint16_t *s, int64_t n) {
  if (n >= 64) {
    memcpy(d, s, (size_t)n * sizeof *d);
  } else if (n >= 8) {
    for (int64_t i = 0; i < n - 8; i += 8) memcpy(d + i, s + i, 8 * sizeof *d);
    memcpy(d + n - 8, s + n - 8, 8 * sizeof *d);  // overlaps the one before
  } else {
    for (int64_t i = 0; i < n; i++) d[i] = s[i];
  }
}

// n pixels of an input row from x0 on, which may lie outside, each `pixel` elements after the last.
static void copy_pixels(const plan_t *p, const uint16_t *row, int64_t x0, int64_t n, uint16_t *d,
                        int64_t pixel) {
  const int64_t in_c = p->s.in_c, w = p->s.in[2];
  int64_t lo = min64(max64(0, -x0), n), hi = max64(min64(n, w - x0), lo);
  if (!row) lo = hi = 0;
  if (pixel == p->c && in_c == p->c) {
    memset(d, 0, (size_t)(lo * pixel) * sizeof *d);
    if (hi > lo) copy_halves(d + lo * pixel, row + (x0 + lo) * in_c, (hi - lo) * pixel);
    memset(d + hi * pixel, 0, (size_t)((n - hi) * pixel) * sizeof *d);
    return;
  }
  for (int64_t i = 0; i < n; i++, d += pixel) {
    const int64_t there = i >= lo && i < hi ? p->c : 0;
    if (there) copy_halves(d, row + (x0 + i) * in_c, p->c);
    memset(d + there, 0, (size_t)(pixel - there) * sizeof *d);
  }
}

// row: NULL outside of the image.
static void copy_row(const plan_t *p, const uint16_t *row, uint16_t *d) {
  const conv_shape_t *s = &p->s;
  if (p->way == PADDED) {
    copy_pixels(p, row, -s->pad[2], p->copy_row / p->copy_w, d, p->copy_w);
    return;
  }
  const bool together = s->dilation[2] == 1 && s->in_c == p->c;
  for (int64_t ox = 0; ox < s->out[2]; ox++, d += p->copy_w) {
    int64_t x0 = ox * s->stride[2] - s->pad[2];
    if (together && row && x0 >= 0 && x0 + s->kernel[2] <= s->in[2]) {
      copy_halves(d, row + x0 * p->c, p->run);
    } else if (s->dilation[2] == 1) {
      copy_pixels(p, row, x0, s->kernel[2], d, p->c);
    } else {
      for (int64_t k = 0; k < s->kernel[2]; k++)
        copy_pixels(p, row, x0 + k * s->dilation[2], 1, d + k * p->c, p->c);
    }
    for (int64_t k = p->run; k < p->copy_w; k++) d[k] = 0;
  }
}

// ---------------------------------------------------------------- tiles

static float scale_of(const plan_t *p, const uint16_t *copy) {
  float scale;
  memcpy(&scale, copy + p->copy_row, sizeof scale);
  return scale;
}

// Tiles are numbered along rows, then down the images. Consecutive tile rows of an image share
// copies of input rows; a new image begins anew. A row of the input has one scale, so that results
// do not depend on what else is computed with them.
static bool prepare(const void *ctx, int64_t t0, int64_t t1, bool raw, half_rows_t *rows,
                    half_segment_t *seg, float *scales, void *copies) {
  const plan_t *p = ctx;
  const conv_shape_t *s = &p->s;
  const int64_t *in = s->in, *out = s->out;
  uint16_t *end = copies;                   // of the copies made so far
  uint16_t *first_row = NULL;               // copy of input row `first`
  int64_t image = -1, first = 0, next = 0;  // of the image; [first, next): rows that are copied
  const int64_t pixel = p->copy_w, row = p->copy_step;
  const int64_t stride = p->way == UNROLLED ? pixel : s->stride[2] * pixel;
  const int64_t taps_w = p->way == UNROLLED ? 1 : s->kernel[2];
  for (int64_t t = t0; t < t1; t++, rows++) {
    int64_t tile = t % p->row_tiles, g = t / p->row_tiles % p->groups_y;
    int64_t b = t / p->row_tiles / p->groups_y;
    int64_t oy = p->two_rows ? 2 * g : g;
    bool two = p->two_rows && oy + 1 < out[1];
    int64_t ox = out[2] * tile / p->row_tiles, n = out[2] * (tile + 1) / p->row_tiles - ox;
    *rows = (half_rows_t){(b * out[1] + oy) * out[2] + ox, (int)(two ? 2 * n : n)};
    int64_t y0 = oy * s->stride[1] - s->pad[1];
    if (b != image || y0 > next) {
      image = b, first = next = y0, first_row = end;
    }
    for (; next < y0 + p->span; next++, end += row) {
      float scale = 1;
      const bool outside = next < 0 || next >= in[1];
      copy_row(p, outside ? NULL : p->x + (b * in[1] + next) * in[2] * s->in_c, end);
      if (!raw && !half_isa()->make_ints(end, p->copy_row, end, &scale)) return false;
      memcpy(end + p->copy_row, &scale, sizeof scale);
    }
    const int64_t apart = two ? s->stride[1] * row : 0;  // the second half's rows of input
    const int64_t second = two ? apart : half_first_rows(rows->rows) * stride;
    for (int64_t ky = 0; ky < s->kernel[1]; ky++, scales += HALF_MR) {
      const uint16_t *copy = first_row + (y0 - first + ky * s->dilation[1]) * row;
      for (int i = 0; i < rows->rows; i++)
        scales[i] = scale_of(p, i < half_first_rows(rows->rows) ? copy : copy + apart);
      for (int64_t kx = 0; kx < taps_w; kx++, seg++) {
        const uint16_t *a = copy + ox * stride + kx * s->dilation[2] * pixel;
        *seg = (half_segment_t){a, a + second, stride, even(p->run), scales};
      }
    }
  }
  return true;
}

static half_source_t source(const plan_t *p) {
  half_source_t r = {.tiles = p->s.batch * p->groups_y * p->row_tiles,
                     .segments = (int)p->taps,
                     .groups = (int)p->s.kernel[1],
                     .prepare = prepare,
                     .ctx = p};
  // Taps share what they read.
  r.block = half_block(r.tiles, even(p->run) * (p->way == UNROLLED ? 1 : p->s.stride[2]) *
                                    min64(p->taps, p->s.stride[1] * 2));
  int64_t tile_rows = ceil_div(r.block, p->row_tiles) + 1;  // that a block may touch
  tile_rows = min64(tile_rows, p->s.batch * p->groups_y);
  int64_t images = ceil_div(tile_rows, p->groups_y) + 1;
  int64_t shared = tile_rows * p->step + images * p->span, apart = tile_rows * p->span;
  r.copies = (size_t)(min64(shared, apart) * p->copy_step) * sizeof(uint16_t);
  return r;
}

// ---------------------------------------------------------------- what is offered

bool conv_half_supports(const conv_shape_t *s) { return s->channels_last && s->spatial <= 2; }

static size_t group_bytes(const plan_t *p) {
  return gemm_half_packed_bytes(p->taps, p->run, p->s.out_c / p->s.groups);
}

size_t conv_half_packed_bytes(const conv_shape_t *shape) {
  plan_t p = make_plan(shape);
  size_t total;
  return size_mul(group_bytes(&p), (size_t)p.s.groups, &total) ? total : 0;
}

void conv_half_pack(const conv_shape_t *shape, dtype_t type, const void *w, void *packed,
                    int threads) {
  plan_t p = make_plan(shape);
  const int64_t together = p.taps / p.s.kernel[1];
  int64_t n = p.s.out_c / p.s.groups;
  size_t size = type == DT_FLOAT ? sizeof(float) : sizeof(uint16_t);
  for (int64_t g = 0; g < p.s.groups; g++)
    gemm_half_pack_b(p.taps, p.run, together, n, type, (const char *)w + (size_t)(g * n) * size,
                     p.s.out_c, 1, (char *)packed + (size_t)g * group_bytes(&p), threads);
}

bool conv_half_fits(const conv_shape_t *shape, const void *packed) {
  plan_t p = make_plan(shape);
  for (int64_t g = 0; g < p.s.groups; g++)
    if (!gemm_half_fits((const char *)packed + (size_t)g * group_bytes(&p), p.s.out_c / p.s.groups))
      return false;
  return true;
}

size_t conv_half_scratch(const conv_shape_t *shape, int threads) {
  plan_t p = make_plan(shape);
  int64_t pixels = p.s.batch * p.s.out[1] * p.s.out[2];
  if (p.way == POINTWISE) return gemm_half_scratch(pixels, p.c, threads);
  half_source_t s = source(&p);
  return half_product_scratch(&s, threads);
}

void conv_half_run(const conv_shape_t *shape, const uint16_t *x, const void *packed, void *y,
                   const half_epilogue_t *ep, void *scratch, int threads) {
  plan_t p = make_plan(shape);
  const int64_t n = p.s.out_c / p.s.groups, pixels = p.s.batch * p.s.out[1] * p.s.out[2];
  for (int64_t g = 0; g < p.s.groups; g++) {
    half_epilogue_t e = ep ? *ep : (half_epilogue_t){0};
    size_t y_size = e.out_type == DT_FLOAT ? sizeof(float) : sizeof(uint16_t);
    size_t r_size = e.residual_type == DT_FLOAT ? sizeof(float) : sizeof(uint16_t);
    e.ld_residual = p.s.out_c;
    if (e.bias) e.bias += g * n;
    if (e.residual) e.residual = (const char *)e.residual + (size_t)(g * n) * r_size;
    const void *b = (const char *)packed + (size_t)g * group_bytes(&p);
    void *c = (char *)y + (size_t)(g * n) * y_size;
    p.x = x + g * p.c;
    if (p.way == POINTWISE) {
      half_matrix_t a = {p.x, p.s.in_c, 1};
      gemm_half_packed(pixels, n, p.c, &a, b, c, p.s.out_c, &e, scratch, threads);
    } else {
      half_source_t s = source(&p);
      half_product(&s, n, p.taps * even(p.run), b, false, c, p.s.out_c, &e, scratch, threads);
    }
  }
}
