// The corpus (tests/models): its models, golden cases and tolerances, for the tests that run them.
//
// A float element may differ by 1e-5 +
// 1e-4*|golden|, in a model that computes in 16 bits by two units in the last place of that type,
// and by twice the difference between TensorFlow with and without oneDNN ("noise" in the manifest):
// what is less than its own noise cannot be asked. All else must be equal.
#ifndef TFTRT_TESTS_CORPUS_H
#define TFTRT_TESTS_CORPUS_H

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
static inline double noise_of(const char *manifest, const char *file, const char *out) {
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
static inline double precision_of(const char *manifest) {
  if (strstr(manifest, "\"bf16\"")) return 0x1p-6;
  return strstr(manifest, "\"fp16\"") ? 0x1p-9 : 0;
}

static inline void note(score_t *s, double ratio, const char *where, int64_t i) {
  if (ratio <= s->worst) return;
  s->worst = ratio;
  snprintf(s->where, sizeof s->where, "%s[%lld]", where, (long long)i);
}

static inline void compare_numbers(score_t *s, const char *where, int64_t i, double a, double b,
                                   double tolerance) {
  if (isnan(a) && isnan(b)) return;
  if (a == b) return;
  double d = fabs(a - b);
  note(s, isnan(d) || isinf(d) ? 1e30 : d / tolerance, where, i);
}

static inline void compare(score_t *s, const char *where, const tensor_t *a, const tensor_t *b,
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
  double floor = 1e-5;
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
static inline tensor_t input_array(const npz_t *z, const tensor_info_t *info) {
  tensor_t t = npz_get(z, "in.", info->key, info->dtype);
  if (!tensor_empty(&t)) return t;
  char *name = mem_strdup(info->key);
  for (char *p = name; *p; p++)
    if (*p == '.' || *p == '-' || *p == '/') *p = '_';
  t = npz_get(z, "in.", name, info->dtype);
  mem_free(name);
  return t;
}

// One file of golden/: "<tag>+<tag>.<signature>.<k>.npz" or "<signature>.<k>.npz".
typedef struct golden_case {
  char *file, *path;
  char tags[64], signature[128];  // tags: "" is serve
} golden_case_t;

typedef struct golden {
  char *manifest;
  // Sorted by file: the order in which stateful models want them. Behind the last: one without
  // file.
  VEC(golden_case_t) cases;
  double noise, precision;  // more that a float element may differ, absolute (half) and relative
} golden_t;

// Runs one case and compares. The model is that of the case's tags.
static inline status_t run_case(model_t *m, const golden_t *g, const golden_case_t *c,
                                score_t *score) {
  const char *signature = c->signature;
  const signature_t *s;
  TRY(meta_graph_signature(model_meta_graph(m), signature, &s));
  TRY(model_prepare(m, signature));
  npz_t z = npz_open(c->path);
  tensor_t *in = mem_calloc((size_t)s->n_inputs + 1, sizeof *in);
  tensor_t *out = mem_calloc((size_t)s->n_outputs + 1, sizeof *out);
  for (int i = 0; i < s->n_inputs; i++) in[i] = input_array(&z, &s->inputs[i]);
  status_t st = model_run(m, signature, in, out);
  for (int i = 0; i < s->n_outputs && !st; i++) {
    tensor_t golden = npz_get(&z, "out.", s->outputs[i].key, s->outputs[i].dtype);
    if (tensor_empty(&golden)) {
      st = FAIL(NOT_FOUND, "%s has no output '%s'", c->file, s->outputs[i].key);
      break;
    }
    compare(score, s->outputs[i].key, &out[i], &golden,
            noise_of(g->manifest, c->file, s->outputs[i].key) + g->noise,
            precision_of(g->manifest) + g->precision);
    tensor_unref(&golden);
  }
  for (int i = 0; i < s->n_inputs; i++) tensor_unref(&in[i]);
  for (int i = 0; i < s->n_outputs; i++) tensor_unref(&out[i]);
  mem_free(in);
  mem_free(out);
  npz_close(&z);
  return st;
}

static inline golden_case_t golden_case(const char *dir, const char *file) {
  golden_case_t c = {.file = mem_strdup(file), .path = file_join(dir, file)};
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

static inline void golden_load(const corpus_model_t *m, golden_t *out) {
  char *dir = file_join(m->dir, "golden"), *path = file_join(m->dir, "manifest.json"), **files;
  size_t n;
  file_map_t *map;
  *out = (golden_t){0};
  assert_ok(file_map_open(path, &map));
  out->manifest = mem_strndup((const char *)map->data, map->size);
  file_map_unref(map);
  assert_ok(file_list_dir(dir, &files, &n));
  for (size_t i = 0; i < n; i++) {
    golden_case_t c = golden_case(dir, files[i]);
    vec_push(&out->cases, c);
    mem_free(files[i]);
  }
  vec_push(&out->cases, ((golden_case_t){0}));
  out->cases.n--;
  mem_free(files);
  mem_free(path);
  mem_free(dir);
}

static inline void golden_free(golden_t *g) {
  for (size_t i = 0; i < g->cases.n; i++) {
    mem_free(g->cases.v[i].file);
    mem_free(g->cases.v[i].path);
  }
  vec_free(&g->cases);
  mem_free(g->manifest);
}

// "a+b" as a list.
typedef struct tag_list {
  char text[64];
  const char *tag[8];
  int n;
} tag_list_t;

static inline void split_tags(const char *tags, tag_list_t *out) {
  char *save = NULL;
  out->n = 0;
  strcpy(out->text, tags);
  for (char *t = strtok_r(out->text, "+", &save); t && out->n < 8; t = strtok_r(NULL, "+", &save))
    out->tag[out->n++] = t;
}

static inline status_t open_with_policy(const char *dir, const char *tags, bool simplify,
                                        fallback_policy_t policy, model_t **out) {
  tag_list_t t;
  split_tags(tags, &t);
  model_options_t o = {.struct_size = sizeof o,
                       .tags = t.tag,
                       .n_tags = t.n,
                       .threads = 2,
                       .simplify = simplify,
                       .on_fallback = policy};
  return model_open(dir, &o, out);
}

static inline status_t open_with_tags(const char *dir, const char *tags, bool simplify,
                                      model_t **out) {
  return open_with_policy(dir, tags, simplify, FALLBACK_NATIVE, out);
}

// The corpus models below `folder` (only the wanted ones, if any are named), appended to *out.
typedef VEC(corpus_model_t) corpus_t;

static inline const corpus_model_t *corpus_model(const corpus_t *list, const char *name) {
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->v[i].name, name) == 0) return &list->v[i];
  fail_msg("no model %s", name);
  return NULL;
}

static inline void corpus_list(const char *folder, int n_wanted, char **wanted, corpus_t *out) {
  char **names;
  size_t n;
  assert_ok(file_list_dir(folder, &names, &n));
  for (size_t i = 0; i < n; i++) {
    bool take = n_wanted == 0;
    for (int k = 0; k < n_wanted; k++) take |= strcmp(wanted[k], names[i]) == 0;
    char *dir = file_join(folder, names[i]);
    if (take && file_is_dir(dir)) {
      corpus_model_t m = {mem_strdup(names[i]), file_join(dir, "saved_model"), dir};
      vec_push(out, m);
    } else {
      mem_free(dir);
    }
    mem_free(names[i]);
  }
  mem_free(names);
}

static inline void corpus_free(corpus_t *c) {
  for (size_t i = 0; i < c->n; i++) {
    mem_free(c->v[i].name);
    mem_free(c->v[i].saved);
    mem_free(c->v[i].dir);
  }
  vec_free(c);
}

// One cmocka test for each model, whose state it is.
static inline int corpus_run(const char *group, corpus_t *c, CMUnitTestFunction each) {
  struct CMUnitTest *tests = mem_calloc(c->n + 1, sizeof *tests);
  for (size_t i = 0; i < c->n; i++)
    tests[i] =
        (struct CMUnitTest){.name = c->v[i].name, .test_func = each, .initial_state = &c->v[i]};
  int failed = _cmocka_run_group_tests(group, tests, c->n, NULL, NULL);
  mem_free(tests);
  return failed;
}

#endif
