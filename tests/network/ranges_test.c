// Calibration tables as text, and the ranges of a network's tensors.
#include "network/ranges.h"

#include "test.h"

static status_t parse(const char *text, ranges_t **out) {
  return ranges_parse(text, strlen(text), "table", out);
}

static void reads_and_writes(void **state) {
  (void)state;
  // struct.pack('>f', 1 / 127.) is 3c010204 in Python.
  static const char text[] =
      "TRT-8601-EntropyCalibration2\n"
      "TensorRTInputPH_0: 3c010204\n"
      "model/conv1/Relu: 3f800000\n"
      "split:1: 40490fdb\n";
  ranges_t *r;
  assert_ok(parse(text, &r));
  assert_int_equal(ranges_count(r), 3);
  assert_true(ranges_find(r, "TensorRTInputPH_0").scale == 1 / 127.0f);
  assert_true(ranges_find(r, "model/conv1/Relu").scale == 1);
  assert_true(ranges_find(r, "split:1").scale == 3.14159274f);
  assert_true(ranges_find(r, "split").scale == 0);
  char *again = ranges_format(r);
  assert_string_equal(again, text);
  mem_free(again);
  ranges_destroy(r);
  // Line ends of Windows, an empty line, no end of the last line, a tensor that was 0 throughout.
  assert_ok(parse("TRT-7000-MinMaxCalibration\r\na: 3F800000\r\n\r\nb: 00000000\nc: 40000000", &r));
  assert_int_equal(ranges_count(r), 2);
  assert_true(ranges_find(r, "a").scale == 1 && ranges_find(r, "c").scale == 2);
  ranges_destroy(r);
}

static void is_range(const ranges_t *r, const char *name, float scale, float least, float most) {
  range_t v = ranges_find(r, name);
  if (v.scale != scale || v.least != least || v.most != most)
    fail_msg("%s: %g, %g .. %g", name, (double)v.scale, (double)v.least, (double)v.most);
}

// What values lie between inside 127 steps, in lines behind the scale's.
static void bounds(void **state) {
  (void)state;
  static const char text[] =
      "TRT-8601-EntropyCalibration2\n"
      "gelu: 3f800000\n"           // 1
      "gelu#least: be000000\n"     // -0.125
      "negative: 40000000\n"       // 2
      "negative#most: 00000000\n"  // 0
      "split:1: 3f000000\n"        // 0.5
      "split:1#least: c1800000\n"  // -16
      "split:1#most: 41000000\n";  // 8
  ranges_t *r;
  assert_ok(parse(text, &r));
  assert_int_equal(ranges_count(r), 3);
  is_range(r, "gelu", 1, -0.125f, 127);
  is_range(r, "negative", 2, -254, 0);
  is_range(r, "split:1", 0.5f, -16, 8);
  char *again = ranges_format(r);
  assert_string_equal(again, text);
  mem_free(again);
  ranges_destroy(r);
  // Beyond the range, on the wrong side of 0, and of a tensor that is not there.
  assert_ok(
      parse("TRT-1-A\na: 3f800000\na#least: c4000000\na#most: bf800000\nb#most: 3f800000\n", &r));
  assert_int_equal(ranges_count(r), 1);
  is_range(r, "a", 1, -127, 0);
  ranges_destroy(r);
}

// 24 numbers per octave, ff is four times 127 steps: cf is 127 steps, b7 half of that.
static void channels(void **state) {
  (void)state;
  static const char text[] =
      "TRT-8601-EntropyCalibration2\n"
      "a: 3f800000\n"        // 1
      "a#least: c2000000\n"  // -32
      "a#channels 9fcfb7000000010101ffffff: 00000000\n"
      "b: 40000000\n";
  ranges_t *r;
  assert_ok(parse(text, &r));
  assert_int_equal(ranges_count(r), 2);
  range_t a = ranges_find(r, "a");
  assert_int_equal(a.n_channels, 4);
  static const channel_range_t want[] = {
      {-31.75f, 127, 63.5f}, {0, 0, 0}, {0, 0, 0}, {-508, 508, 508}};
  for (int i = 0; i < 4; i++) {
    if (i == 2) continue;
    assert_float_equal(a.channels[i].least, want[i].least, 1e-3);
    assert_float_equal(a.channels[i].most, want[i].most, 1e-3);
    assert_float_equal(a.channels[i].rms, want[i].rms, 1e-3);
  }
  assert_true(a.channels[2].most > 0.3f && a.channels[2].most < 0.35f);  // the least that there is
  assert_int_equal(ranges_find(r, "b").n_channels, 0);
  char *again = ranges_format(r);
  assert_string_equal(again, text);
  mem_free(again);
  ranges_destroy(r);
  // Rounded so that nothing is left out, and as the text has it at once.
  r = ranges_create();
  static const channel_range_t seen[] = {{-1, 100, 30}, {0, 126.9f, 1e-9f}, {-700, 0, 700}};
  ranges_put(r, "t", (range_t){.scale = 1, .channels = seen, .n_channels = 3});
  range_t put = ranges_find(r, "t");
  for (int i = 0; i < 2; i++) {
    assert_true(put.channels[i].most >= seen[i].most &&
                put.channels[i].most < 1.03f * seen[i].most);
    assert_true(put.channels[i].least <= seen[i].least);
  }
  assert_true(put.channels[2].least == -508);
  again = ranges_format(r);
  ranges_t *read;
  assert_ok(parse(again, &read));
  range_t got = ranges_find(read, "t");
  assert_memory_equal(got.channels, put.channels, sizeof seen);
  mem_free(again);
  ranges_destroy(read);
  ranges_destroy(r);
  // Of the largest scale: what it formats can be read again.
  assert_ok(parse("TRT-1-A\na: 7f7fffff\na#channels ff01ff: 00000000\n", &r));
  again = ranges_format(r);
  assert_true(isfinite(ranges_find(r, "a").channels[0].most));
  ranges_destroy(r);
  assert_ok(parse(again, &r));
  assert_int_equal(ranges_find(r, "a").n_channels, 1);
  mem_free(again);
  ranges_destroy(r);
  // Of a tensor that is not there.
  assert_ok(parse("TRT-1-A\na#channels 010203: 00000000\n", &r));
  assert_int_equal(ranges_count(r), 0);
  ranges_destroy(r);
}

static void refused(const char *text, const char *why) {
  ranges_t *r;
  status_t st = parse(text, &r);
  assert_non_null(st);
  assert_null(r);
  if (!strstr(status_message(st), why)) fail_msg("'%s': %s", text, status_message(st));
  status_free(st);
}

static void refuses(void **state) {
  (void)state;
  refused("", "it is empty");
  refused("a: 3f800000\n", "first line");
  refused("TRT-\n", "first line");
  refused("TRT-8601\n", "first line");
  refused("TRT-8601-\n", "first line");
  refused("TRT-8601-Entropy Calibration\n", "first line");
  refused("TRT-8601-EntropyCalibration2\na 3f800000\n", "line 2: it is not");
  refused("TRT-8601-EntropyCalibration2\na: 3f80000\n", "line 2: it is not");
  refused("TRT-8601-EntropyCalibration2\nb: 3f800000\n: 3f800000\n", "line 3: it is not");
  refused("TRT-8601-EntropyCalibration2\na: 3g800000\n", "line 2: it is not");
  refused("TRT-8601-EntropyCalibration2\na: bf800000\n", "line 2: the scale");
  refused("TRT-8601-EntropyCalibration2\na: 7fc00000\n", "line 2: the scale");
  refused("TRT-8601-EntropyCalibration2\na: 7f800000\n", "line 2: the scale");
  refused("TRT-8601-EntropyCalibration2\na: 3f800000\na#least: ff800000\n", "line 3: the bound");
  refused("TRT-8601-EntropyCalibration2\na: 3f800000\na#most: 7fc00000\n", "line 3: the bound");
  static const char six[] = "what stands behind #channels is not six hex digits";
  refused("TRT-1-A\na: 3f800000\na#channels 12345: 00000000\n", six);
  refused("TRT-1-A\na: 3f800000\na#channels : 00000000\n", six);
  refused("TRT-1-A\na: 3f800000\na#channels 12345g: 00000000\n", six);
}

// x -> relu -> reshape -> matmul with a constant
static network_t *small_network(net_tensor_t **relu) {
  network_t *n = network_create("small");
  shape_t s = SHAPE(2, 2, 4);
  net_tensor_t *x = network_add_input(n, "TensorRTInputPH_0", DT_FLOAT, &s);
  network_name_tensor(n, x, "TensorRTInputPH_0");
  *relu = net_unary(n, UNARY_RELU, x);
  network_name_tensor(n, *relu, "relu");
  network_name_tensor(n, *relu, "alias");
  net_tensor_t *flat = net_reshape_to(n, *relu, (int64_t[]){4, 4}, 2);
  network_name_tensor(n, flat, "flat");
  shape_t ws = SHAPE(4, 3);
  static float zeros[12];
  tensor_t w = tensor_borrow(DT_FLOAT, &ws, zeros, sizeof zeros, NULL, NULL);
  net_tensor_t *y = net_matmul(n, flat, network_add_constant(n, "w", &w, NULL), false, false);
  tensor_unref(&w);
  network_name_tensor(n, y, "y");
  network_mark_output(n, y);
  assert_ok(network_infer(n));
  return n;
}

static void tensors_get_ranges(void **state) {
  (void)state;
  net_tensor_t *relu;
  network_t *n = small_network(&relu);
  status_t st = network_check_ranges(n);
  assert_non_null(st);
  assert_non_null(strstr(status_message(st), "'flat'"));
  assert_null(strstr(status_message(st), "'y'"));  // nothing computes on it
  status_free(st);
  ranges_t *r = ranges_create();
  ranges_put(r, "alias", (range_t){.scale = 0.5f, .least = -1, .most = 63.5f});
  ranges_put(r, "TensorRTOutputPH_0", (range_t){.scale = 2});
  static const channel_range_t four[] = {{0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {0, 4, 1}};
  ranges_put(r, "alias", (range_t){0.5f, -1, 63.5f, four, 4});
  ranges_put(r, "flat", (range_t){.scale = 1, .channels = four, .n_channels = 3});
  network_apply_ranges(n, r);
  assert_int_equal(relu->n_channels, 4);
  assert_float_equal(relu->channels[2].most, 3, 0.1);
  for (int i = 0; i < n->n_names; i++)  // another number of channels than it has
    if (strcmp(n->names[i].name, "flat") == 0) assert_int_equal(n->names[i].tensor->n_channels, 0);
  assert_true(relu->scale == 0.5f && relu->least == -1 && relu->most == 63.5f);
  assert_true(n->outputs[0]->scale == 2);
  assert_ok(network_check_ranges(n));  // a reshape has its input's range
  ranges_destroy(r);
  network_destroy(n);
}

// What TensorFlow has no name for, and what depends on shapes alone, no table can have.
static void some_need_none(void **state) {
  (void)state;
  network_t *n = network_create("unnamed");
  shape_t s = SHAPE(-1, 4), ws = SHAPE(4, 3);
  static float zeros[12];
  tensor_t v = tensor_borrow(DT_FLOAT, &ws, zeros, sizeof zeros, NULL, NULL);
  net_tensor_t *w = network_add_constant(n, "w", &v, NULL);
  tensor_unref(&v);
  net_tensor_t *x = network_add_input(n, "x", DT_FLOAT, &s);
  net_tensor_t *inside = net_unary(n, UNARY_EXP, x);
  net_tensor_t *dims = net_layer1(n, LAYER_SHAPE, 1, &x, DT_INT32, NULL);
  net_tensor_t *fill[] = {dims, network_const_scalar(n, "zero", DT_FLOAT, 0)};
  net_tensor_t *state0 = net_layer1(n, LAYER_FILL, 2, fill, DT_FLOAT, NULL);
  network_name_tensor(n, state0, "zeros");
  network_mark_output(n, net_matmul(n, inside, w, false, false));
  network_mark_output(n, net_matmul(n, state0, w, false, false));
  assert_ok(network_infer(n));
  assert_ok(network_check_ranges(n));
  network_name_tensor(n, inside, "exp");
  status_t st = network_check_ranges(n);
  assert_non_null(st);
  assert_non_null(strstr(status_message(st), "'exp'"));
  status_free(st);
  network_destroy(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_and_writes),   cmocka_unit_test(bounds),
      cmocka_unit_test(channels),           cmocka_unit_test(refuses),
      cmocka_unit_test(tensors_get_ranges), cmocka_unit_test(some_need_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
