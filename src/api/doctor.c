// tftrt_doctor: what this machine has, and what was tried to find it.
#include <dlfcn.h>
#include <jansson.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/cpu.h"
#include "base/environment.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/backend.h"
#include "ops/op.h"

static int count_ops(bool engines) {
  int n = 0;
  const op_def_t *d;
  for (int i = 0; (d = op_at(i)); i++) n += engines ? d->lower != NULL : d->kernel != NULL;
  return n;
}

static bool library_there(const char *name) {
  void *h = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  if (h) dlclose(h);
  return h != NULL;
}

// Every variable that is looked at, with its value here.
static json_t *list_environment(text_t *t) {
  json_t *list = json_array();
  const env_var_t *v;
  text_add(t, "environment:\n");
  for (int i = 0; (v = env_at(i)); i++) {
    const char *value = getenv(v->name);
    text_printf(t, "  %s%s%s%s%s: %s", v->name, value ? "=" : "", value ? value : "",
                !value && *v->fallback ? ", by default " : "", value ? "" : v->fallback, v->what);
    text_printf(t, "%s%s\n", v->ignored ? "; without effect here: " : "",
                v->ignored ? v->ignored : "");
    json_array_append_new(
        list, json_pack("{s:s, s:s?, s:s, s:s, s:b, s:s}", "name", v->name, "value", value,
                        "default", v->fallback, "what", v->what, "honoured", !v->ignored, "why_not",
                        v->ignored ? v->ignored : ""));
  }
  return list;
}

tftrt_code tftrt_doctor(int json, char **out, tftrt_error *err) {
  (void)err;
  json_t *backends = json_array();
  text_t t = {0};
  text_printf(&t, "tftrt %s\nCPU: %s, %d usable, instruction set %s\n", tftrt_version(),
              cpu_model_name(), cpu_count(), cpu_isa_name(cpu_isa()));
  const backend_t *b;
  for (int i = 0; (b = backend_at(i)); i++) {
    status_t s = b->probe ? b->probe() : NULL;
    char *notes = b->describe ? b->describe() : mem_strdup("");
    text_printf(&t, "backend %s: %s%s%s\n", b->name, s ? status_message(s) : "ready",
                *notes ? "; " : "", notes);
    json_array_append_new(
        backends, json_pack("{s:s, s:b, s:s, s:s}", "name", b->name, "ready", s == NULL, "message",
                            status_message(s), "notes", notes));
    status_free(s);
    mem_free(notes);
  }
  bool snappy = library_there("libsnappy.so.1");
  text_printf(&t, "libsnappy.so.1: %s\n",
              snappy ? "found" : "not found (only needed for compressed indexes)");
  text_printf(&t, "ops: %d run natively, %d in engines\n", count_ops(false), count_ops(true));
  json_t *environment = list_environment(&t);
  if (json) {
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:b, s:i, s:i, s:o}", "schema",
                  "tftrt.report/1", "command", "doctor", "version", tftrt_version(), "cpu",
                  cpu_model_name(), "cpus", cpu_count(), "isa", cpu_isa_name(cpu_isa()), "backends",
                  backends, "snappy", snappy, "ops_native", count_ops(false), "ops_in_engines",
                  count_ops(true), "environment", environment);
    char *dumped = json_dumps(root, JSON_INDENT(1));
    text_clear(&t);
    text_printf(&t, "%s\n", dumped ? dumped : "{}");
    free(dumped);
    json_decref(root);
  } else {
    json_decref(backends);
    json_decref(environment);
  }
  *out = text_take(&t);
  return TFTRT_OK;
}
