// Every model of the corpus, run natively, against what TensorFlow computed for it.
//
//   models_test [<corpus folder> [<model> ...]]      TFTRT_TEST_SIMPLIFY=1: with graph_simplify
//
// Without arguments also the models that TensorFlow's own TF-TRT converted and saved.
//
// A float element may differ by 1e-5 of the tensor's peak (of 1, when the peak is less) +
// 1e-4*|golden|, in a model that computes in 16 bits by two units in the last place of that type,
// and by twice the difference between TensorFlow with and without oneDNN ("noise" in the manifest):
// what is less than its own noise cannot be asked. All else must be equal.
#include "npz.h"
#include "runtime/runtime.h"

typedef struct corpus_model {
  char *name, *saved;
  char *dir;  // where golden/ and manifest.json are
} corpus_model_t;

typedef struct score {
  double worst;  // difference / tolerance
  char where[128];
} score_t;

// The manifest's noise of one output of one case: "file": "golden/<case>" ... "noise": {...
// "<out>":
// {"max_abs": x ...
static double noise_of(const char *manifest, const char *file, const char *out) {
  char key[256];
  snprintf(key, sizeof key, "\"golden/%s\"", file);
  const char *p = manifest;
  for (const char *at; (at = strstr(p, key)); p = at + 1) {
    const char *noise = strstr(at, "\"noise\"");
    const char *next = strstr(at + 1, "\"golden/");
    if (!noise || (next && noise > next)) continue;
    snprintf(key, sizeof key, "\"%s\":", out);
    const char *o = strstr(noise, key);
    const char *v = o && (!next || o < next) ? strstr(o, "\"max_abs\":") : NULL;
    return v ? strtod(v + strlen("\"max_abs\":"), NULL) : 0;
  }
  return 0;
}

// What a model that computes in 16 bits owes, relative to a value: two units in the last place.
static double precision_of(const char *manifest) {
  if (strstr(manifest, "\"bf16\"")) return 0x1p-6;
  return strstr(manifest, "\"fp16\"") ? 0x1p-9 : 0;
}

static void note(score_t *s, double ratio, const char *where, int64_t i) {
  if (ratio <= s->worst) return;
  s->worst = ratio;
  snprintf(s->where, sizeof s->where, "%s[%lld]", where, (long long)i);
}

static void compare_numbers(score_t *s, const char *where, int64_t i, double a, double b,
                            double tolerance) {
  if (isnan(a) && isnan(b)) return;
  if (a == b) return;
  double d = fabs(a - b);
  note(s, isnan(d) || isinf(d) ? 1e30 : d / tolerance, where, i);
}

// The largest element; huge ones, which the op zoos have as special values, are no measure.
static double peak_of(const tensor_t *t) {
  double peak = 1;
  for (int64_t i = 0; i < tensor_elements(t); i++) {
    double v = fabs(tensor_number_at(t, i));
    if (v > peak && !isinf(v) && v < 1e6) peak = v;
  }
  return peak;
}

static void compare(score_t *s, const char *where, const tensor_t *a, const tensor_t *b,
                    double noise, double precision) {
  char x[128], y[128];
  if (a->dtype != b->dtype || !shape_equal(&a->shape, &b->shape)) {
    printf("    %s is %s %s, expected %s %s\n", where, dtype_name(a->dtype),
           shape_format(&a->shape, x, sizeof x), dtype_name(b->dtype),
           shape_format(&b->shape, y, sizeof y));
    note(s, 1e30, where, -1);
    return;
  }
  bool complex = a->dtype == DT_COMPLEX64;
  double floor = 1e-5 * (dtype_is_float(b->dtype) ? peak_of(b) : 1);
  for (int64_t i = 0; i < tensor_elements(b) * (complex ? 2 : 1); i++) {
    if (a->dtype == DT_STRING) {
      const str_t *p = TENSOR_DATA(str_t, a) + i, *q = TENSOR_DATA(str_t, b) + i;
      if (p->n != q->n || (p->n && memcmp(p->p, q->p, p->n) != 0)) note(s, 1e30, where, i);
    } else if (complex) {
      double v = (double)TENSOR_DATA(float, b)[i];
      compare_numbers(s, where, i, (double)TENSOR_DATA(float, a)[i], v,
                      floor + 1e-4 * fabs(v) + 2 * noise);
    } else if (dtype_is_float(a->dtype)) {
      double v = tensor_number_at(b, i);
      compare_numbers(s, where, i, tensor_number_at(a, i), v,
                      floor + (1e-4 + precision) * fabs(v) + 2 * noise);
    } else if (tensor_number_at(a, i) != tensor_number_at(b, i)) {
      note(s, 1e30, where, i);
    }
  }
}

// The arrays have the names of Python's keyword arguments: "other.input" is "other_input".
static tensor_t input_array(const npz_t *z, const tensor_info_t *info) {
  tensor_t t = npz_get(z, "in.", info->key, info->dtype);
  if (!tensor_empty(&t)) return t;
  char *name = mem_strdup(info->key);
  for (char *p = name; *p; p++)
    if (*p == '.' || *p == '-' || *p == '/') *p = '_';
  t = npz_get(z, "in.", name, info->dtype);
  mem_free(name);
  return t;
}

static status_t run_case(model_t *m, const char *signature, const char *path, const char *manifest,
                         score_t *score) {
  const signature_t *s;
  TRY(meta_graph_signature(model_meta_graph(m), signature, &s));
  TRY(model_prepare(m, signature));
  npz_t z = npz_open(path);
  tensor_t *in = mem_calloc((size_t)s->n_inputs + 1, sizeof *in);
  tensor_t *out = mem_calloc((size_t)s->n_outputs + 1, sizeof *out);
  for (int i = 0; i < s->n_inputs; i++) in[i] = input_array(&z, &s->inputs[i]);
  status_t st = model_run(m, signature, in, out);
  for (int i = 0; i < s->n_outputs && !st; i++) {
    tensor_t golden = npz_get(&z, "out.", s->outputs[i].key, s->outputs[i].dtype);
    if (tensor_empty(&golden)) {
      st = FAIL(NOT_FOUND, "%s has no output '%s'", path, s->outputs[i].key);
      break;
    }
    compare(score, s->outputs[i].key, &out[i], &golden,
            noise_of(manifest, strrchr(path, '/') + 1, s->outputs[i].key), precision_of(manifest));
    tensor_unref(&golden);
  }
  for (int i = 0; i < s->n_inputs; i++) tensor_unref(&in[i]);
  for (int i = 0; i < s->n_outputs; i++) tensor_unref(&out[i]);
  mem_free(in);
  mem_free(out);
  npz_close(&z);
  return st;
}

// "<tag>+<tag>.<signature>.<k>.npz" or "<signature>.<k>.npz"
typedef struct case_name {
  char tags[64], signature[128];
} case_name_t;

static case_name_t parse_case(const char *file) {
  case_name_t c = {0};
  const char *dot = strchr(file, '.');
  if (dot && memchr(file, '+', (size_t)(dot - file))) {
    memcpy(c.tags, file, (size_t)(dot - file));
    file = dot + 1;
  }
  size_t n = strlen(file) - strlen(".npz");
  while (n && file[n - 1] != '.') n--;  // the number
  memcpy(c.signature, file, n - 1);
  return c;
}

static status_t open_with_tags(const char *dir, const char *tags, model_t **out) {
  char list[64];
  const char *tag[8];
  int n = 0;
  char *save = NULL;
  strcpy(list, tags);
  for (char *t = strtok_r(list, "+", &save); t && n < 8; t = strtok_r(NULL, "+", &save))
    tag[n++] = t;
  model_options_t o = {.struct_size = sizeof o,
                       .tags = tag,
                       .n_tags = n,
                       .threads = 2,
                       .simplify = getenv("TFTRT_TEST_SIMPLIFY") != NULL};
  return model_open(dir, &o, out);
}

// How often the engines of a converted model served, and why not.
static void print_engines(model_t *m) {
  engine_stats_t stats[64];
  int n = m ? model_engine_stats(m, stats, 64) : 0;
  int64_t runs = 0, hits = 0;
  const char *reason = NULL;
  for (int i = 0; i < n && i < 64; i++) {
    runs += stats[i].runs;
    hits += stats[i].hits;
    if (stats[i].fallbacks) reason = stats[i].last_fallback_reason;
  }
  if (n) printf("    %d engines served %lld of %lld runs", n, (long long)hits, (long long)runs);
  if (n) printf("%s%s\n", reason ? "; native: " : "", reason ? reason : "");
}

static void model_matches_tensorflow(void **state) {
  const corpus_model_t *cm = *state;
  char *golden = file_join(cm->dir, "golden");
  char *manifest_path = file_join(cm->dir, "manifest.json"), **files;
  file_map_t *map;
  size_t n_files;
  assert_ok(file_list_dir(golden, &files, &n_files));
  assert_ok(file_map_open(manifest_path, &map));
  char *manifest = mem_strndup((const char *)map->data, map->size);
  file_map_unref(map);
  model_t *m = NULL;
  case_name_t open = {0};
  score_t score = {0};
  status_t st = NULL;
  for (size_t i = 0; i < n_files && !st; i++) {
    case_name_t c = parse_case(files[i]);
    if (!m || strcmp(c.tags, open.tags) != 0) {
      model_close(m);
      m = NULL;
      st = open_with_tags(cm->saved, c.tags, &m);
      open = c;
    }
    char *path = file_join(golden, files[i]);
    if (!st) st = status_prefix(run_case(m, c.signature, path, manifest, &score), "%s", files[i]);
    mem_free(path);
  }
  print_engines(m);
  model_close(m);
  for (size_t i = 0; i < n_files; i++) mem_free(files[i]);
  mem_free(files);
  mem_free(manifest);
  mem_free(manifest_path);
  mem_free(golden);
  printf("    %-26s %2zu cases  %s %.3g %s\n", cm->name, n_files,
         st ? "failed" : "difference / tolerance", score.worst, score.where);
  if (st) fail_msg("%s: %s", code_name(status_code(st)), status_message(st));
  if (score.worst > 1) fail_msg("differs from TensorFlow at %s", score.where);
}

typedef VEC(corpus_model_t) models_t;

// The folders below `folder`: of the corpus, or (golden not NULL) bare SavedModels whose golden
// results are below `golden`.
static void add_models(models_t *models, const char *folder, const char *golden, int n_wanted,
                       char **wanted) {
  char **names;
  size_t n;
  assert_ok(file_list_dir(folder, &names, &n));
  for (size_t i = 0; i < n; i++) {
    bool take = n_wanted == 0;
    for (int k = 0; k < n_wanted; k++) take |= strcmp(wanted[k], names[i]) == 0;
    char *dir = file_join(folder, names[i]);
    if (!take || !file_is_dir(dir)) {
      mem_free(dir);
    } else if (golden) {
      corpus_model_t m = {mem_printf("%s (by TF-TRT)", names[i]), dir, file_join(golden, names[i])};
      vec_push(models, m);
    } else {
      corpus_model_t m = {mem_strdup(names[i]), file_join(dir, "saved_model"), dir};
      vec_push(models, m);
    }
    mem_free(names[i]);
  }
  mem_free(names);
}

int main(int argc, char **argv) {
  models_t models = {0};
  const char *small = TESTS_DIR "/models/small";
  add_models(&models, argc > 1 ? argv[1] : small, NULL, argc > 2 ? argc - 2 : 0, argv + 2);
  if (argc == 1) add_models(&models, TESTS_DIR "/models/tf-trt-saved", small, 0, NULL);
  struct CMUnitTest *tests = mem_calloc(models.n + 1, sizeof *tests);
  for (size_t i = 0; i < models.n; i++)
    tests[i] = (struct CMUnitTest){.name = models.v[i].name,
                                   .test_func = model_matches_tensorflow,
                                   .initial_state = &models.v[i]};
  int failed = _cmocka_run_group_tests("models", tests, models.n, NULL, NULL);
  for (size_t i = 0; i < models.n; i++) {
    mem_free(models.v[i].name);
    mem_free(models.v[i].saved);
    mem_free(models.v[i].dir);
  }
  vec_free(&models);
  mem_free(tests);
  return failed;
}
