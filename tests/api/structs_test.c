// Programs compiled with an older (shorter) or a newer (longer) public header than the library.
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"
#include "tftrt/tftrt.h"

#define MNIST TESTS_DIR "/models/small/mnist_cnn/saved_model"

static tftrt_error e = TFTRT_ERROR_INIT;

// A struct of fewer or more bytes than ours, and a guard behind them.
enum { ROOM = 8192, GUARD = 1024 };

static void *room(void) {
  unsigned char *p = malloc(ROOM);
  assert_non_null(p);
  memset(p, 0xa5, ROOM);
  return p;
}

static void release(void *p, size_t bytes) {
  for (int i = 0; i < GUARD; i++) assert_int_equal(((unsigned char *)p)[bytes + i], 0xa5);
  free(p);
}

static tftrt_code open_with(const tftrt_model_options *o) {
  tftrt_model *m;
  tftrt_code code = tftrt_model_open(MNIST, o, &m, &e);
  assert_true(!m == (code != TFTRT_OK));
  tftrt_model_close(m);
  return code;
}

// As of a header in which compat was not there yet.
static void shorter_model_options(void **state) {
  (void)state;
  const size_t bytes = offsetof(tftrt_model_options, compat);
  tftrt_model_options *o = room();
  tftrt_model_options_init_sized(o, (uint32_t)bytes);
  assert_int_equal(o->struct_size, bytes);
  assert_string_equal(o->backend, "cpu");
  assert_int_equal(o->on_fallback, TFTRT_FALLBACK_NATIVE);
  assert_int_equal(open_with(o), TFTRT_OK);  // what is behind it would be no compat to be had
  o->on_fallback = (tftrt_fallback)7;        // its last field is read
  assert_int_equal(open_with(o), TFTRT_INVALID_ARGUMENT);
  assert_string_equal(e.message, "on_fallback: there is no policy 7");
  release(o, bytes);
}

static void longer_model_options(void **state) {
  (void)state;
  const size_t bytes = sizeof(tftrt_model_options) + 16;
  tftrt_model_options *o = room();
  tftrt_model_options_init_sized(o, (uint32_t)bytes);
  assert_int_equal(o->struct_size, bytes);
  assert_string_equal(o->backend, "cpu");
  for (size_t i = sizeof *o; i < bytes; i++) assert_int_equal(((char *)o)[i], 0);
  assert_int_equal(open_with(o), TFTRT_OK);
  ((char *)o)[bytes - 1] = 1;
  assert_int_equal(open_with(o), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "tftrt_model_options: the program sets an option that this"));
  release(o, bytes);
}

static void sizes_that_no_struct_has(void **state) {
  (void)state;
  static const uint32_t sizes[] = {0, 4, 8, 43, sizeof(tftrt_model_options) + 4, 0xa5a5a5a0};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    tftrt_model_options o;
    tftrt_model_options_init(&o);
    o.struct_size = sizes[i];
    assert_int_equal(open_with(&o), TFTRT_INVALID_ARGUMENT);
    assert_non_null(strstr(e.message, "tftrt_model_options: struct_size is "));
  }
  uint32_t less = 0xa5a5a5a5;
  tftrt_model_options_init_sized((tftrt_model_options *)(void *)&less, 0);
  assert_int_equal(less, 0xa5a5a5a5);
}

static tftrt_code create(const tftrt_converter_options *o) {
  tftrt_converter *c;
  tftrt_code code = tftrt_converter_create(o, &c, &e);
  tftrt_converter_destroy(c);
  return code;
}

static void converter_options(void **state) {
  (void)state;
  const size_t older = offsetof(tftrt_converter_options, signature_keys);
  const size_t newer = sizeof(tftrt_converter_options) + 8;
  tftrt_converter_options *o = room();
  tftrt_converter_options_init_sized(o, (uint32_t)older);
  assert_int_equal(o->minimum_segment_size, 3);
  assert_null(o->conversion_params);
  o->input_saved_model_dir = MNIST;
  assert_int_equal(create(o), TFTRT_OK);
  o->precision_mode = "FP8";
  assert_int_equal(create(o), TFTRT_INVALID_ARGUMENT);
  release(o, older);

  o = room();
  tftrt_converter_options_init_sized(o, (uint32_t)newer);
  o->input_saved_model_dir = MNIST;
  assert_int_equal(create(o), TFTRT_OK);
  ((char *)o)[sizeof *o] = 1;
  assert_int_equal(create(o), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "tftrt_converter_options: the program sets an option"));
  release(o, newer);
}

// The fields that shorter conversion params leave out have their defaults, not the options' values.
static void conversion_params(void **state) {
  (void)state;
  const size_t older = offsetof(tftrt_conversion_params, minimum_segment_size);
  tftrt_conversion_params *p = room();
  tftrt_conversion_params_init_sized(p, (uint32_t)older);
  assert_string_equal(p->precision_mode, "FP32");
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = MNIST;
  o.minimum_segment_size = -2;
  assert_int_equal(create(&o), TFTRT_INVALID_ARGUMENT);
  o.conversion_params = p;
  assert_int_equal(create(&o), TFTRT_OK);
  p->struct_size = 0;
  assert_int_equal(create(&o), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "tftrt_conversion_params: struct_size is 0"));
  release(p, older);
}

// Params from a file know more fields than the program.
static void params_of_a_file(void **state) {
  (void)state;
  const size_t older = offsetof(tftrt_converter_options, signature_keys);
  static const char *const texts[] = {
      "{\"minimum_segment_size\": 5}",
      "{\"minimum_segment_size\": 6, \"timing_cache_file\": \"t\"}"};
  char path[] = "/tmp/tftrt_structs_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  tftrt_converter_options *o = room();
  tftrt_converter_options_init_sized(o, (uint32_t)older);
  for (int i = 0; i < 2; i++) {
    tftrt_params *p;
    assert_ok(file_write(path, texts[i], strlen(texts[i])));
    assert_int_equal(tftrt_params_load(path, &p, &e), TFTRT_OK);
    assert_int_equal(tftrt_params_apply(p, o, &e), i ? TFTRT_INVALID_ARGUMENT : TFTRT_OK);
    assert_int_equal(o->minimum_segment_size, 5);
    tftrt_params_destroy(p);
  }
  assert_string_equal(e.message,
                      "'timing_cache_file' is newer than the program, whose options end before it");
  release(o, older);
  unlink(path);
}

static void structs_that_are_filled(void **state) {
  (void)state;
  const size_t older = offsetof(tftrt_tensor_info, dims);
  const size_t newer = sizeof(tftrt_tensor_info) + 8;
  tftrt_model *m;
  assert_int_equal(tftrt_model_open(MNIST, NULL, &m, &e), TFTRT_OK);
  tftrt_tensor_info *info = room();
  info->struct_size = (uint32_t)older;
  assert_int_equal(tftrt_model_input(m, NULL, 0, info, &e), TFTRT_OK);
  assert_int_equal(info->struct_size, older);
  assert_int_equal(info->dtype, TFTRT_FLOAT);
  assert_int_equal(info->rank, 4);
  assert_int_equal(tftrt_model_input(m, NULL, 1, info, &e), TFTRT_OUT_OF_RANGE);
  assert_int_equal(info->rank, 0);
  release(info, older);

  info = room();
  memset(info, 0, newer);
  info->struct_size = (uint32_t)newer;
  assert_int_equal(tftrt_model_input(m, NULL, 0, info, &e), TFTRT_OK);
  assert_int_equal(info->dims[1], 28);
  for (size_t i = sizeof *info; i < newer; i++) assert_int_equal(((char *)info)[i], 0);
  info->struct_size = 0;
  assert_int_equal(tftrt_model_input(m, NULL, 0, info, &e), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(e.message, "tftrt_tensor_info: struct_size is 0"));
  release(info, newer);

  tftrt_engine_stats stats = TFTRT_ENGINE_STATS_INIT;
  assert_int_equal(tftrt_model_engine_stats(m, 0, &stats, &e), TFTRT_OUT_OF_RANGE);
  stats.struct_size = 0;
  assert_int_equal(tftrt_model_engine_stats(m, 0, &stats, &e), TFTRT_INVALID_ARGUMENT);
  tftrt_model_close(m);
}

static void errors(void **state) {
  (void)state;
  const size_t older = offsetof(tftrt_error, file), newer = sizeof(tftrt_error) + 8;
  tftrt_error *err = room();
  err->struct_size = (uint32_t)older;
  tftrt_model *m;
  assert_int_equal(tftrt_model_open(NULL, NULL, &m, err), TFTRT_INVALID_ARGUMENT);
  assert_int_equal(err->code, TFTRT_INVALID_ARGUMENT);
  assert_string_equal(err->message, "the model's directory is NULL");
  release(err, older);
  err = room();
  err->struct_size = (uint32_t)newer;
  assert_int_equal(tftrt_model_open(NULL, NULL, &m, err), TFTRT_INVALID_ARGUMENT);
  assert_non_null(strstr(err->file, "model.c"));
  assert_int_equal(err->struct_size, newer);
  release(err, newer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shorter_model_options),    cmocka_unit_test(longer_model_options),
      cmocka_unit_test(sizes_that_no_struct_has), cmocka_unit_test(converter_options),
      cmocka_unit_test(conversion_params),        cmocka_unit_test(params_of_a_file),
      cmocka_unit_test(structs_that_are_filled),  cmocka_unit_test(errors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
