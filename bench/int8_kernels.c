// Times of 8-bit convolutions on the layer shapes of MobileNetV2, EfficientNetB0 and ResNet50: our
// kernels, oneDNN's on the same numbers, and our own in float32. They take turns, and the least
// time of each counts, as other work on the machine only adds.
//
//   ninja -C build bench_int8_kernels && build/bin/bench_int8_kernels [THREADS [BATCH]]
//
// TFTRT_CPU_ISA lowers the instruction set. "differ" counts results in which oneDNN's differ from
// ours: without VNNI its sums of pairs saturate, which is why it is not used there.
#include <stdio.h>
#include <stdlib.h>

#include "backend/cpu/dn_op.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "kernels/conv_int8.h"

enum { ROUNDS = 16, OURS = 0, ONEDNN = 1, FLOATS = 2, WAYS = 3 };

typedef struct problem {
  bool depthwise;
  int size, in_c, out_c, kernel, stride;
} problem_t;

static const problem_t layers[] = {
    // MobileNetV2
    {false, 224, 3, 32, 3, 2},
    {true, 112, 32, 32, 3, 1},
    {false, 112, 16, 96, 1, 1},
    {true, 112, 96, 96, 3, 2},
    {false, 56, 24, 144, 1, 1},
    {true, 56, 144, 144, 3, 1},
    {false, 56, 144, 24, 1, 1},
    {true, 56, 144, 144, 3, 2},
    {true, 28, 192, 192, 3, 1},
    {true, 28, 192, 192, 3, 2},
    {true, 14, 384, 384, 3, 1},
    {false, 14, 384, 64, 1, 1},
    {true, 14, 576, 576, 3, 1},
    {true, 14, 576, 576, 3, 2},
    {true, 7, 960, 960, 3, 1},
    // EfficientNetB0
    {true, 56, 144, 144, 5, 2},
    {true, 28, 240, 240, 5, 1},
    {true, 14, 480, 480, 5, 1},
    {true, 14, 672, 672, 5, 2},
    {true, 7, 1152, 1152, 5, 1},
    // ResNet50
    {false, 56, 64, 64, 3, 1},
    {false, 56, 64, 256, 1, 1},
    {false, 28, 128, 128, 3, 1},
    {false, 28, 512, 128, 1, 1},
    {false, 14, 256, 256, 3, 1},
    {false, 14, 256, 1024, 1, 1},
    {false, 7, 512, 512, 3, 1},
    {false, 7, 2048, 512, 1, 1},
};

static void check(status_t st, const char *what) {
  if (!st) return;
  fprintf(stderr, "%s: %s\n", what, status_message(st));
  exit(1);
}

static void *room(size_t bytes) {
  void *p = mem_try_alloc(bytes + 64);
  if (!p) check(FAIL(RESOURCE_EXHAUSTED, "no memory for %zu bytes", bytes), "bench");
  return p;
}

typedef struct trial {
  conv_int8_t conv;
  bool depthwise;
  int threads;
  uint8_t *x, *y, *dn_y;
  int8_t *w;
  float *fx, *fw, *fy, *scale, *bias;
  void *packed, *float_packed, *scratch, *dn_packed, *dn_scratch;
  const void *dn_weights;
  dn_op_t *op;  // NULL: oneDNN has none
  int8_finish_t finish;
  int64_t n_x, n_w, n_y;
} trial_t;

// NHWC in oneDNN's order of dims.
static dn_tensor_t pixels(int64_t n, int64_t size, int64_t c) {
  return (dn_tensor_t){4, {n, c, size, size}, {size * size * c, 1, size * c, c}};
}

static void make_onednn(trial_t *t) {
  const conv_shape_t *s = &t->conv.s;
  int64_t k = s->kernel[0], c = s->in_c, m = s->out_c;
  dn_problem_t p = {.kind = DN_OP_CONV,
                    .src = pixels(s->batch, s->in[0], c),
                    .dst = pixels(s->batch, s->out[0], m),
                    .weights = {4, {m, c, k, k}, {1, m, k * c * m, c * m}},
                    .pack = true,
                    .bias = true,
                    .act = {true, UNARY_RELU, 0, 0},
                    .quant = {.on = true,
                              .src_type = DN_U8,
                              .dst_type = DN_U8,
                              .weight_scale = t->scale,
                              .n_weight_scales = m,
                              .dst_scale = 1}};
  if (t->depthwise) p.weights = (dn_tensor_t){5, {c, 1, 1, k, k}, {1, 1, c, k * c, c}};
  for (int i = 0; i < 2; i++) {
    p.stride[i] = s->stride[i], p.dilation[i] = 1, p.kernel[i] = k, p.pad_begin[i] = s->pad[i];
    int64_t after = (s->out[i] - 1) * s->stride[i] + k - s->in[i] - s->pad[i];
    p.pad_end[i] = after > 0 ? after : 0;
  }
  status_t st = dn_op_create(&p, &t->op);
  if (st) {
    status_free(st);
    return;
  }
  t->dn_packed = room(dn_op_packed_bytes(t->op));
  t->dn_scratch = room(dn_op_scratch_bytes(t->op));
  t->dn_weights = dn_op_packed_bytes(t->op) ? t->dn_packed : t->w;
  if (t->dn_weights == t->dn_packed) check(dn_op_pack(t->op, t->w, t->dn_packed), "oneDNN");
}

static void make(trial_t *t, const problem_t *l, int threads, int batch) {
  int64_t out = (l->size + l->stride - 1) / l->stride;
  int64_t pad = ((out - 1) * l->stride + l->kernel - l->size) / 2;
  *t = (trial_t){.depthwise = l->depthwise, .threads = threads};
  t->conv.s = (conv_shape_t){.spatial = 2,
                             .channels_last = true,
                             .batch = batch,
                             .in_c = l->in_c,
                             .out_c = l->out_c,
                             .groups = l->depthwise ? l->in_c : 1};
  conv_shape_t *s = &t->conv.s;
  for (int i = 0; i < 2; i++) {
    s->in[i] = l->size, s->out[i] = out, s->kernel[i] = l->kernel;
    s->stride[i] = l->stride, s->dilation[i] = 1, s->pad[i] = pad > 0 ? pad : 0;
  }
  t->n_x = batch * s->in[0] * s->in[1] * s->in_c;
  t->n_y = batch * s->out[0] * s->out[1] * s->out_c;
  t->n_w = s->kernel[0] * s->kernel[1] * s->in_c / s->groups * s->out_c;
  t->x = room((size_t)t->n_x), t->y = room((size_t)t->n_y), t->dn_y = room((size_t)t->n_y);
  t->w = room((size_t)t->n_w);
  t->fx = room((size_t)t->n_x * sizeof(float)), t->fy = room((size_t)t->n_y * sizeof(float));
  t->fw = room((size_t)t->n_w * sizeof(float));
  for (int64_t i = 0; i < t->n_x; i++) t->x[i] = (uint8_t)rand(), t->fx[i] = t->x[i];
  for (int64_t i = 0; i < t->n_w; i++) t->w[i] = (int8_t)rand(), t->fw[i] = t->w[i];
  size_t floats = (size_t)s->out_c + INT8_PADDING;
  t->scale = mem_calloc(floats, sizeof(float));
  t->bias = mem_calloc(floats, sizeof(float));
  for (int64_t m = 0; m < s->out_c; m++) t->scale[m] = 0.003f, t->bias[m] = 1;
  t->finish = (int8_finish_t){.scale = t->scale,
                              .bias = t->bias,
                              .clamp = true,
                              .hi = 255,
                              .type = DT_UINT8,
                              .saturates = true};
  if (l->depthwise) {
    t->packed = room(depthwise_int8_packed_bytes(&t->conv));
    t->scratch = room(depthwise_int8_scratch(&t->conv, threads));
    depthwise_int8_pack(&t->conv, t->w, t->packed);
  } else {
    t->packed = room(conv_int8_packed_bytes(&t->conv));
    t->float_packed = room(conv_packed_floats(s) * sizeof(float));
    conv_int8_pack(&t->conv, t->w, t->packed, threads);
    conv_pack(s, t->fw, t->float_packed, threads);
  }
  make_onednn(t);
}

static void run(trial_t *t, int way) {
  const conv_shape_t *s = &t->conv.s;
  gemm_epilogue_t ep = {.bias = t->bias, .clamp = true, .hi = 255};
  dn_buffers_t b = {.src = t->x,
                    .weights = t->dn_weights,
                    .bias = t->bias,
                    .dst = t->dn_y,
                    .scratch = t->dn_scratch};
  if (way == ONEDNN)
    check(dn_op_run(t->op, &b), "oneDNN");
  else if (way == OURS && t->depthwise)
    depthwise_int8_run(&t->conv, t->x, t->packed, t->y, &t->finish, t->scratch, t->threads);
  else if (way == OURS)
    conv_int8_run(&t->conv, t->x, t->packed, t->y, &t->finish, t->threads);
  else if (t->depthwise)
    check(depthwise_run(s, t->fx, t->fw, t->fy, &ep, t->threads), "float");
  else
    check(conv_run(s, t->fx, t->float_packed, t->fy, &ep, t->threads), "float");
}

static void finish(trial_t *t) {
  void *aligned[] = {t->x,         t->y,         t->dn_y,   t->w,       t->fx,
                     t->fw,        t->fy,        t->packed, t->scratch, t->float_packed,
                     t->dn_packed, t->dn_scratch};
  for (size_t i = 0; i < sizeof aligned / sizeof *aligned; i++) mem_aligned_free(aligned[i]);
  mem_free(t->scale);
  mem_free(t->bias);
  dn_op_destroy(t->op);
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1, batch = argc > 2 ? atoi(argv[2]) : 8;
  if (threads < 1 || batch < 1) {
    fprintf(stderr, "usage: bench_int8_kernels [THREADS [BATCH]]\n");
    return 2;
  }
  parallel_set_threads(threads);
  printf("microseconds:                    ours   oneDNN ours/f32   ours G/s  differ\n");
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    const problem_t *l = &layers[i];
    trial_t t;
    int64_t best[WAYS] = {0}, differ = 0;
    make(&t, l, threads, batch);
    for (int r = 0; r < ROUNDS; r++)
      for (int way = 0; way < WAYS; way++) {
        if (way == ONEDNN && !t.op) continue;
        int64_t start = clock_ns();
        run(&t, way);
        int64_t ns = clock_ns() - start;
        if (!best[way] || ns < best[way]) best[way] = ns;
      }
    for (int64_t k = 0; t.op && k < t.n_y; k++) differ += t.y[k] != t.dn_y[k];
    double sums = (double)t.n_y * l->kernel * l->kernel * (l->depthwise ? 1 : l->in_c);
    printf("%-9s %3d %4d->%-4d k%d s%d %8.1f %8.1f %8.1f %10.1f %7lld  %s\n",
           l->depthwise ? "depthwise" : "conv", l->size, l->in_c, l->out_c, l->kernel, l->stride,
           (double)best[OURS] / 1000, (double)best[ONEDNN] / 1000, (double)best[FLOATS] / 1000,
           sums / (double)best[OURS], (long long)differ, t.op ? dn_op_name(t.op) : "no oneDNN");
    finish(&t);
  }
  return 0;
}
