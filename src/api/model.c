// tftrt_model: a loaded SavedModel.
#include "api/model.h"

#include <string.h>

#include "api/api.h"
#include "base/cpu.h"
#include "base/mem.h"

static const tftrt_model_options defaults = {.struct_size = sizeof defaults, .backend = "cpu"};

void tftrt_model_options_init_sized(tftrt_model_options *o, uint32_t struct_size) {
  api_init_options(o, struct_size, &defaults, sizeof defaults);
}

status_t api_fallback_policy(tftrt_fallback asked, fallback_policy_t *out) {
  switch (asked) {
    case TFTRT_FALLBACK_NATIVE: *out = FALLBACK_NATIVE; return NULL;
    case TFTRT_FALLBACK_BUILD: *out = FALLBACK_BUILD; return NULL;
    case TFTRT_FALLBACK_FAIL: *out = FALLBACK_FAIL; return NULL;
  }
  return FAIL(INVALID_ARGUMENT, "on_fallback: there is no policy %d", (int)asked);
}

tftrt_code tftrt_model_open(const char *dir, const tftrt_model_options *options, tftrt_model **out,
                            tftrt_error *err) {
  *out = NULL;
  tftrt_model_options o = defaults;
  status_t s = options ? api_read_options(options, "tftrt_model_options", &o, sizeof o) : NULL;
  if (!s && !dir) s = FAIL(INVALID_ARGUMENT, "the model's directory is NULL");
  if (s) return api_report(s, err);
  model_options_t m = {.struct_size = sizeof m,
                       .tags = o.tags,
                       .n_tags = o.tags ? o.n_tags : 0,
                       .threads = cpu_threads(o.threads),
                       .backend = o.backend,
                       .compat_2_17 = o.compat != NULL,
                       .simplify = true};
  model_t *model;
  s = api_fallback_policy(o.fail_on_fallback ? TFTRT_FALLBACK_FAIL : o.on_fallback, &m.on_fallback);
  if (!s && o.compat && strcmp(o.compat, "2.17") != 0)
    s = FAIL(INVALID_ARGUMENT, "compat is \"2.17\" or nothing, not \"%s\"", o.compat);
  char *cache_dir = api_engine_cache_dir(o.engine_cache_dir);
  m.engine_cache_dir = cache_dir;
  if (!s) s = model_open(dir, &m, &model);
  mem_free(cache_dir);
  if (s) return api_report(s, err);
  *out = mem_alloc(sizeof **out);
  (*out)->model = model;
  return TFTRT_OK;
}

void tftrt_model_close(tftrt_model *m) {
  if (!m) return;
  model_close(m->model);
  mem_free(m);
}

int tftrt_model_signature_count(const tftrt_model *m) {
  return model_meta_graph(m->model)->n_signatures;
}

const char *tftrt_model_signature(const tftrt_model *m, int i) {
  const meta_graph_t *g = model_meta_graph(m->model);
  return i >= 0 && i < g->n_signatures ? g->signatures[i].key : NULL;
}

static status_t find(const tftrt_model *m, const char *key, const signature_t **out) {
  return meta_graph_signature(model_meta_graph(m->model), key, out);
}

static int count(const tftrt_model *m, const char *key, bool output) {
  const signature_t *s;
  status_t st = find(m, key, &s);
  if (st) {
    status_free(st);
    return -1;
  }
  return output ? s->n_outputs : s->n_inputs;
}

int tftrt_model_input_count(const tftrt_model *m, const char *signature) {
  return count(m, signature, false);
}

int tftrt_model_output_count(const tftrt_model *m, const char *signature) {
  return count(m, signature, true);
}

static status_t info(const tftrt_model *m, const char *key, int i, bool output,
                     tftrt_tensor_info *out) {
  const signature_t *s;
  TRY(api_tensor_info(NULL, out));
  TRY(find(m, key, &s));
  int n = output ? s->n_outputs : s->n_inputs;
  if (i < 0 || i >= n)
    return FAIL(OUT_OF_RANGE, "signature '%s' has %d %s, not %d", s->key, n,
                output ? "outputs" : "inputs", i + 1);
  return api_tensor_info(output ? &s->outputs[i] : &s->inputs[i], out);
}

tftrt_code tftrt_model_input(const tftrt_model *m, const char *signature, int i,
                             tftrt_tensor_info *out, tftrt_error *err) {
  return api_report(info(m, signature, i, false, out), err);
}

tftrt_code tftrt_model_output(const tftrt_model *m, const char *signature, int i,
                              tftrt_tensor_info *out, tftrt_error *err) {
  return api_report(info(m, signature, i, true, out), err);
}

tftrt_code tftrt_model_prepare(tftrt_model *m, const char *signature, tftrt_error *err) {
  const signature_t *s;
  status_t st = find(m, signature, &s);
  if (!st) st = model_prepare(m->model, s->key);
  return api_report(st, err);
}

static status_t run_model(void *self, const signature_t *s, const tensor_t *in, tensor_t *out) {
  return model_run(self, s->key, in, out);
}

tftrt_code tftrt_model_run(tftrt_model *m, const char *signature, const tftrt_tensor *inputs,
                           int n_inputs, tftrt_tensor *outputs, int n_outputs, tftrt_error *err) {
  const signature_t *s;
  for (int i = 0; i < n_outputs; i++) outputs[i] = (tftrt_tensor){0};
  status_t st = find(m, signature, &s);
  if (!st) st = api_run(s, (api_run_fn){run_model, m->model}, inputs, n_inputs, outputs, n_outputs);
  return api_report(st, err);
}
