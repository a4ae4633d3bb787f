// Which 16-bit type FP16 mode takes, by what the layers' times are said to be.
#include "backend/cpu/half.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "engine/timing_cache.h"
#include "test.h"

enum { LAYERS = 3, WIDTH = 64 };

static network_t *chain(void) {
  network_t *n = network_create("chain");
  shape_t s = SHAPE(16, WIDTH), square = SHAPE(WIDTH, WIDTH);
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, &s);
  for (int i = 0; i < LAYERS; i++) {
    tensor_t w;
    assert_ok(tensor_alloc(DT_FLOAT, &square, &w));
    for (int64_t k = 0; k < tensor_elements(&w); k++)
      TENSOR_DATA(float, &w)[k] = (float)(k % 13) / 13 - 0.5f;
    net_tensor_t *weight = network_add_constant(n, "w", &w, NULL);
    tensor_unref(&w);
    x = net_unary(n, UNARY_RELU, net_matmul(n, x, weight, false, false));
  }
  network_mark_output(n, x);
  assert_ok(network_infer(n));
  network_options_t o = {.struct_size = sizeof o, .fuse = true};
  assert_ok(network_optimize(n, &o));
  n->half = HALF_FASTER;
  return n;
}

static network_t *assigned(timing_cache_t *times) {
  network_t *n = chain();
  shape_t s = SHAPE(16, WIDTH);
  build_options_t o = {.struct_size = sizeof o,
                       .threads = 1,
                       .opt_shapes = &s,
                       .time_tactics = true,
                       .timing = times};
  assert_ok(cpu_assign_half(n, &o, 0));
  assert_int_equal(n->half, HALF_NONE);
  return n;
}

// The cache's text with other times, by the type of what a layer reads.
static timing_cache_t *retimed(const char *text, int64_t fp32, int64_t fp16, int64_t bf16) {
  timing_cache_t *times = timing_cache_create();
  size_t n = strlen(text), out = 0;
  char *changed = malloc(2 * n + 1), line[1024];
  int64_t now = fp32;
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, "\n");
    snprintf(line, sizeof line, "%.*s", (int)length, at);
    at += length + (at[length] == '\n');
    if (strstr(line, "MATRIX_MULTIPLY"))
      now = strstr(line, "MATRIX_MULTIPLY bfloat16") ? bf16
            : strstr(line, "MATRIX_MULTIPLY float16") || strstr(line, "MATRIX_MULTIPLY half")
                ? fp16
                : fp32;
    char *tactic = strstr(line, "\"onednn\": ");
    if (!tactic) tactic = strstr(line, "\"own\": ");
    char *number = tactic ? strchr(tactic, ':') + 1 : NULL;
    const char *comma = number && strchr(number, ',') ? "," : "";
    if (number)
      snprintf(number, sizeof line - (size_t)(number - line), " %" PRId64 "%s", now, comma);
    out += (size_t)sprintf(changed + out, "%s\n", line);
  }
  assert_ok(timing_cache_parse(times, changed, out, "changed"));
  free(changed);
  return times;
}

static void expect(const char *text, int64_t fp32, int64_t fp16, int64_t bf16, dtype_t want) {
  timing_cache_t *times = retimed(text, fp32, fp16, bf16);
  network_t *n = assigned(times);
  int found = 0;
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    if (l->type != LAYER_MATMUL) continue;
    found++;
    if (l->in[0]->dtype != want)
      fail_msg("%s for times %d, %d, %d", dtype_name(l->in[0]->dtype), (int)fp32, (int)fp16,
               (int)bf16);
    assert_true(!l->why == (want != DT_FLOAT));
  }
  assert_int_equal(found, LAYERS);
  network_destroy(n);
  timing_cache_destroy(times);
}

// Without times: products of activations whose matrices have size * size elements.
static dtype_t untimed_product(int64_t size) {
  network_t *n = network_create("product");
  shape_t s = SHAPE(-1, size, size);
  net_tensor_t *a = network_add_input(n, "a", DT_FLOAT, &s),
               *b = network_add_input(n, "b", DT_FLOAT, &s);
  network_mark_output(n, net_matmul(n, a, b, false, false));
  assert_ok(network_infer(n));
  n->half = HALF_FASTER;
  build_options_t o = {.struct_size = sizeof o, .threads = 1};
  assert_ok(cpu_assign_half(n, &o, 0));
  dtype_t found = DT_INVALID;
  for (int i = 0; i < n->n_layers; i++)
    if (n->layers[i]->type == LAYER_MATMUL) found = n->layers[i]->in[0]->dtype;
  network_destroy(n);
  return found;
}

static void small_products_stay_in_fp32(void **state) {
  (void)state;
  assert_int_equal(untimed_product(12), DT_FLOAT);
  dtype_t fast = cpu_has(CPU_AMX) ? DT_BFLOAT16 : cpu_has(CPU_AVX512_VNNI) ? DT_HALF : DT_FLOAT;
  assert_int_equal(untimed_product(128), fast);
}

static void the_faster_type_is_taken(void **state) {
  (void)state;
  timing_cache_t *times = timing_cache_create();
  network_destroy(assigned(times));
  char path[] = "/tmp/tftrt_half_XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  assert_ok(timing_cache_save(times, path));
  file_map_t *map;
  assert_ok(file_map_open(path, &map));
  char *text = strndup((const char *)map->data, map->size);
  file_map_unref(map);
  unlink(path);
  bool timed = timing_cache_count(times) > 0;
  timing_cache_destroy(times);
  if (timed) {  // not without oneDNN
    expect(text, 1000000, 500000, 900000, DT_HALF);
    expect(text, 1000000, 980000, 980000, DT_FLOAT);  // no clear gain
    expect(text, 1000000, 3000000, 3000000, DT_FLOAT);
    // A little is not enough for fewer bits.
    expect(text, 1000000, 900000, 890000, DT_HALF);
    expect(text, 1000000, 500000, 420000, DT_HALF);  // as on AMD's Zen 4
    if (cpu_has(CPU_AVX512_BF16)) {
      expect(text, 1000000, 900000, 500000, DT_BFLOAT16);
      expect(text, 1000000, 980000, 800000, DT_BFLOAT16);
      expect(text, 1000000, 500000, 350000, DT_BFLOAT16);
    }
  }
  free(text);
}

// Without shapes there are no times: what the CPU is known for decides, or the mode.
static void without_times_the_cpu_decides(void **state) {
  (void)state;
  dtype_t want = cpu_has(CPU_AMX) ? DT_BFLOAT16 : cpu_has(CPU_AVX512_VNNI) ? DT_HALF : DT_FLOAT;
  for (int mode = HALF_FASTER; mode <= HALF_BFLOAT16; mode++) {
    network_t *n = chain();
    n->half = (half_mode_t)mode;
    assert_ok(cpu_assign_half(n, NULL, 0));
    dtype_t got = DT_INVALID;
    for (int i = 0; i < n->n_layers; i++)
      if (n->layers[i]->type == LAYER_MATMUL) got = n->layers[i]->in[0]->dtype;
    assert_int_equal(got, mode == HALF_BFLOAT16 ? DT_BFLOAT16 : want);
    assert_true((cpu_half_note((half_mode_t)mode) == NULL) ==
                (mode == HALF_BFLOAT16 ? cpu_has(CPU_AVX512_BF16) : want != DT_FLOAT));
    network_destroy(n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_faster_type_is_taken),
      cmocka_unit_test(small_products_stay_in_fp32),
      cmocka_unit_test(without_times_the_cpu_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
