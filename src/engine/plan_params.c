// layer_params_t as tagged fields. A field's tag never changes its meaning; new fields get new
// tags; fields that are zero are not written, so an older plan reads with zeros for what it did not
// know.
#include "engine/plan_io.h"

typedef struct field {
  uint16_t tag;
  uint8_t kind, count;
  uint16_t offset;
} field_t;

enum { F_BOOL, F_INT, F_I64, F_FLOAT };

#define AT(member) offsetof(layer_params_t, member)
#define BOOL_(tag, member) \
  { tag, F_BOOL, 1, AT(member) }
#define INT_(tag, member) \
  { tag, F_INT, 1, AT(member) }
#define I64_(tag, member, n) \
  { tag, F_I64, n, AT(member) }
#define FLOAT_(tag, member) \
  { tag, F_FLOAT, 1, AT(member) }
#define ACTIVATION_(tag, member)                                                      \
  BOOL_(tag, member.on), INT_((tag) + 1, member.op), FLOAT_((tag) + 2, member.alpha), \
      FLOAT_((tag) + 3, member.beta)

static const field_t fields[] = {
    INT_(1, unary.op),
    FLOAT_(2, unary.alpha),
    FLOAT_(3, unary.beta),
    INT_(4, binary.op),
    INT_(10, conv.spatial),
    BOOL_(11, conv.channels_last),
    I64_(12, conv.strides, 3),
    I64_(13, conv.dilations, 3),
    I64_(14, conv.pad_begin, 3),
    I64_(15, conv.pad_end, 3),
    BOOL_(16, conv.same),
    I64_(17, conv.groups, 1),
    BOOL_(18, conv.depthwise),
    BOOL_(19, conv.has_bias),
    BOOL_(20, conv.has_residual),
    ACTIVATION_(21, conv.act),
    BOOL_(30, matmul.transpose_a),
    BOOL_(31, matmul.transpose_b),
    BOOL_(32, matmul.has_bias),
    BOOL_(33, matmul.has_residual),
    ACTIVATION_(34, matmul.act),
    FLOAT_(38, matmul.scale),
    BOOL_(40, pool.max),
    INT_(41, pool.spatial),
    BOOL_(42, pool.channels_last),
    I64_(43, pool.window, 3),
    I64_(44, pool.strides, 3),
    I64_(45, pool.pad_begin, 3),
    I64_(46, pool.pad_end, 3),
    BOOL_(47, pool.same),
    BOOL_(48, pool.count_padding),
    INT_(50, softmax.axis),
    BOOL_(51, softmax.log),
    FLOAT_(52, softmax.scale),
    INT_(53, reduce.op),
    BOOL_(54, reduce.keep_dims),
    FLOAT_(55, norm.epsilon),
    BOOL_(56, norm.has_offset),
    ACTIVATION_(57, norm.act),
    I64_(61, slice.begin_mask, 1),
    I64_(62, slice.end_mask, 1),
    I64_(63, slice.ellipsis_mask, 1),
    I64_(64, slice.new_axis_mask, 1),
    I64_(65, slice.shrink_axis_mask, 1),
    BOOL_(66, slice.size_mode),
    INT_(67, pad.mode),
    INT_(68, gather.batch_dims),
    INT_(69, transpose.n),
    {70, F_INT, SHAPE_MAX_RANK, AT(transpose.perm)},
    INT_(71, resize.mode),
    BOOL_(72, resize.align_corners),
    BOOL_(73, resize.half_pixel_centers),
    BOOL_(74, topk.sorted),
    BOOL_(75, arg.max),
    BOOL_(76, cumulative.prod),
    BOOL_(77, cumulative.exclusive),
    BOOL_(78, cumulative.reverse),
    I64_(79, lrn.radius, 1),
    FLOAT_(80, lrn.bias),
    FLOAT_(81, lrn.alpha),
    FLOAT_(82, lrn.beta),
    BOOL_(83, nms.pad_per_class),
    BOOL_(84, nms.clip_boxes),
    INT_(85, quantize.axis),
    INT_(86, quantize.zero_point),
    BOOL_(87, quantize.narrow),
    INT_(97, quantize.rounding),
    FLOAT_(98, quantize.multiplier),
    FLOAT_(99, quantize.base),
    FLOAT_(88, attention.scale),
    BOOL_(89, attention.causal),
    INT_(90, attention.layout),
    BOOL_(91, cast.truncate),
    INT_(92, axis),
    INT_(93, block),
    BOOL_(94, channels_last),
    INT_(95, n_axes),
    {96, F_INT, NET_MAX_AXES, AT(axes)},
};
enum { TAG_FUSED_STEP = 100, STEP_NUMBERS = 8 };

static int64_t get_number(const void *at, int kind, int i) {
  switch (kind) {
    case F_BOOL: return ((const bool *)at)[i];
    case F_INT: return ((const int *)at)[i];
    default: return ((const int64_t *)at)[i];
  }
}

static uint32_t float_bits(float f) {
  union {
    float f;
    uint32_t u;
  } v = {f};
  return v.u;
}

static float bits_float(uint32_t u) {
  union {
    uint32_t u;
    float f;
  } v = {u};
  return v.f;
}

void plan_write_params(plan_writer_t *w, const layer_params_t *p) {
  for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
    const void *at = (const char *)p + fields[f].offset;
    int64_t numbers[SHAPE_MAX_RANK];
    bool any = false;
    for (int i = 0; i < fields[f].count; i++) {
      numbers[i] = fields[f].kind == F_FLOAT ? (int64_t)float_bits(*(const float *)at)
                                             : get_number(at, fields[f].kind, i);
      any = any || numbers[i] != 0;
    }
    if (any) plan_put_ints(w, fields[f].tag, numbers, fields[f].count);
  }
  for (int i = 0; i < p->fused.n; i++) {
    const fused_step_t *s = &p->fused.step[i];
    int64_t numbers[STEP_NUMBERS] = {
        s->kind, s->op, s->a, s->b, s->c, float_bits(s->alpha), float_bits(s->beta), s->dtype};
    plan_put_ints(w, TAG_FUSED_STEP, numbers, STEP_NUMBERS);
  }
}

static bool read_step(plan_field_t *f, layer_params_t *p) {
  int64_t v[STEP_NUMBERS] = {0};
  if (p->fused.n == NET_MAX_STEPS || !plan_ints(f, v, STEP_NUMBERS)) return false;
  fused_step_t *s = &p->fused.step[p->fused.n++];
  for (int i = 0; i < 5; i++)
    if (v[i] < 0 || v[i] > 100000) return false;
  if (v[0] > STEP_QUANTIZE || v[7] < 0 || v[7] >= DT_MAX) return false;
  if (v[1] >= (v[0] == STEP_UNARY ? (int)UNARY_COUNT : (int)BINARY_COUNT)) return false;
  s->kind = (int)v[0];
  s->op = (int)v[1];
  s->a = (int)v[2];
  s->b = (int)v[3];
  s->c = (int)v[4];
  s->alpha = bits_float((uint32_t)v[5]);
  s->beta = bits_float((uint32_t)v[6]);
  s->dtype = (dtype_t)v[7];
  if (s->kind != STEP_DEQUANTIZE && s->kind != STEP_QUANTIZE) return true;
  bool to_number = dtype_is_8bit_int(s->dtype);
  return s->alpha > 0 && s->beta >= -255 && s->beta <= 255 &&
         (s->kind == STEP_DEQUANTIZE || to_number);
}

static bool read_field(plan_field_t *f, const field_t *k, layer_params_t *p) {
  int64_t v[SHAPE_MAX_RANK] = {0};
  void *at = (char *)p + k->offset;
  if (!plan_ints(f, v, k->count)) return false;
  for (int i = 0; i < k->count; i++) {
    // No real parameter is anywhere near this; arithmetic on what passes cannot overflow.
    if (k->kind != F_FLOAT && (v[i] > INT32_MAX || v[i] < INT32_MIN)) return false;
    switch (k->kind) {
      case F_BOOL: ((bool *)at)[i] = v[i] != 0; break;
      case F_INT: ((int *)at)[i] = (int)v[i]; break;
      case F_I64: ((int64_t *)at)[i] = v[i]; break;
      default: *(float *)at = bits_float((uint32_t)v[i]); break;
    }
  }
  return true;
}

static bool in_range(int v, int count) { return v >= 0 && v < count; }

// What code indexes tables or shifts by must be inside.
static bool params_sane(const layer_params_t *p, int n_in) {
  for (int i = 0; i < p->fused.n; i++) {
    const fused_step_t *s = &p->fused.step[i];
    if (s->a >= n_in + i || s->b >= n_in + i || s->c >= n_in + i) return false;
  }
  for (int i = 0; i < 3; i++)
    if (p->conv.strides[i] < 0 || p->conv.dilations[i] < 0 || p->pool.strides[i] < 0 ||
        p->pool.window[i] < 0)
      return false;
  return in_range((int)p->unary.op, UNARY_COUNT) && in_range((int)p->binary.op, BINARY_COUNT) &&
         in_range((int)p->conv.act.op, UNARY_COUNT) &&
         in_range((int)p->matmul.act.op, UNARY_COUNT) &&
         in_range((int)p->norm.act.op, UNARY_COUNT) && in_range(p->conv.spatial, 4) &&
         in_range(p->pool.spatial, 4) && in_range((int)p->reduce.op, REDUCE_SUM_SQUARE + 1) &&
         in_range((int)p->pad.mode, PAD_SYMMETRIC + 1) &&
         in_range((int)p->resize.mode, RESIZE_BICUBIC + 1) &&
         in_range(p->transpose.n, SHAPE_MAX_RANK + 1) && in_range(p->n_axes, NET_MAX_AXES + 1) &&
         p->conv.groups >= 0 && p->lrn.radius >= 0;
}

bool plan_read_params(const uint8_t *data, size_t size, int n_in, layer_params_t *p) {
  plan_reader_t r = {data, data + size, false};
  plan_field_t f;
  while (plan_next(&r, &f)) {
    if (f.tag == TAG_FUSED_STEP) {
      if (!read_step(&f, p)) return false;
      continue;
    }
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
      if (fields[k].tag == f.tag && !read_field(&f, &fields[k], p)) return false;
  }
  return !r.bad && params_sane(p, n_in);
}
