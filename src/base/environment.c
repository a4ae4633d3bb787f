#include "base/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char of_tensorrt[] = "it is a matter of TensorRT's, which builds no engines here";

static const env_var_t table[] = {
    {"TF_TRT_OP_DENYLIST", ENV_TEXT, "", "comma list of op types that no engine takes", NULL},
    {"TF_TRT_MAX_ALLOWED_ENGINES", ENV_NUMBER, "20",
     "only so many segments, the largest, become engines; 0 or less: all", NULL},
    {"TF_TRT_SHOW_DETAILED_REPORT", ENV_TEXT, "",
     "1: why nodes stay native, as a message of convert(); other text: also as CSV in the file of "
     "that name",
     NULL},
    {"TF_TRT_EXPORT_TRT_ENGINES_PATH", ENV_TEXT, "",
     "folder into which save() also writes each engine's plan and the input shapes it is for",
     NULL},
    {"TF_TRT_EXPORT_GRAPH_VIZ_PATH", ENV_TEXT, "",
     "file into which convert() draws the converted graph, in Graphviz's dot language", NULL},
    {"TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION", ENV_FLAG, "true",
     "false: where no engine serves, fail instead of running the native segment", NULL},
    {"TF_TRT_ABORT_CUDA_ENGINE_BUILD", ENV_FLAG, "false", "true: every build of an engine fails",
     NULL},
    {"TF_TRT_EXPERIMENTAL_FEATURES", ENV_TEXT, "",
     "comma list; remove_native_segments: save() leaves the native segments out", NULL},
    {"TF_TRT_OP_FAKELIST", ENV_TEXT, "",
     "in TF-TRT, op types that are accepted and then fail to build",
     "what cannot be built is not accepted here"},
    {"TF_TRT_ENABLE_LAYOUT_OPTIMIZER", ENV_FLAG, "true", "in TF-TRT, engines are laid out as NCHW",
     "the backend chooses layouts"},
    {"TF_TRT_SPARSE_MODE", ENV_NUMBER, "1", "in TF-TRT, kernels for structured sparsity",
     of_tensorrt},
    {"TF_TRT_FIXED_ALGORITHM_ID", ENV_NUMBER, "", "in TF-TRT, the tactic to take", of_tensorrt},
    {"TF_TRT_ALLOW_NMS_TOPK_OVERRIDE", ENV_FLAG, "false",
     "in TF-TRT, CombinedNonMaxSuppression may return fewer", of_tensorrt},
    {"TF_DEBUG_TRT_ALLOW_INEFFICIENT_TRANSPOSE", ENV_FLAG, "false",
     "in TF-TRT, transposes that TensorRT does slowly", of_tensorrt},
    {"TFTRT_CACHE", ENV_TEXT, "",
     "folder of finished engines that conversions take up again; off: none; else the user's cache",
     NULL},
    {"TFTRT_CACHE_SIZE", ENV_NUMBER, "4294967296", "bytes that this folder may take", NULL},
    {"TFTRT_THREADS", ENV_NUMBER, "0",
     "CPUs that a run of an engine inside TensorFlow may use; 0: all that the process may", NULL},
    {"TFTRT_ON_FALLBACK", ENV_TEXT, "native",
     "what a TRTEngineOp inside TensorFlow does where no engine serves: native, build or fail",
     NULL},
    {"TFTRT_CPU_ISA", ENV_TEXT, "", "the best instruction set to use: generic, avx2, avx512, ...",
     NULL},
    {"TFTRT_ONEDNN", ENV_FLAG, "true", "0: engines do without oneDNN", NULL},
    {"TFTRT_ONEDNN_PATH", ENV_TEXT, "", "the file of libdnnl.so.3", NULL},
};
enum { VARIABLES = sizeof table / sizeof *table };

const env_var_t *env_at(int i) { return i >= 0 && i < VARIABLES ? &table[i] : NULL; }

static const env_var_t *find(const char *name) {
  for (int i = 0; i < VARIABLES; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  abort();  // a variable that is not in the table is a mistake of ours
}

static bool parse_flag(const char *text, bool *out) {
  bool yes = strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0;
  *out = yes;
  return yes || strcmp(text, "0") == 0 || strcasecmp(text, "false") == 0;
}

static bool parse_number(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return end != text && !*end && !errno;
}

bool env_flag(const char *name) {
  const env_var_t *v = find(name);
  const char *text = getenv(name);
  bool value;
  if (!text || !parse_flag(text, &value)) parse_flag(v->fallback, &value);
  return value;
}

int64_t env_number(const char *name) {
  const env_var_t *v = find(name);
  const char *text = getenv(name);
  int64_t value;
  if (!text || !parse_number(text, &value)) parse_number(v->fallback, &value);
  return value;
}

const char *env_text(const char *name) {
  const env_var_t *v = find(name);
  const char *text = getenv(name);
  return text ? text : v->fallback;
}

bool env_list_has(const char *list, const char *item) {
  size_t n = strlen(item);
  for (const char *p = list; *p;) {
    size_t length = strcspn(p, ",");
    if (length == n && memcmp(p, item, n) == 0) return true;
    p += length;
    p += *p == ',';
  }
  return false;
}

static void check_value(const env_var_t *v, const char *text, char *out, size_t size) {
  bool flag;
  int64_t number;
  const char *kind = NULL;
  if (v->kind == ENV_FLAG && !parse_flag(text, &flag)) kind = "bool";
  if (v->kind == ENV_NUMBER && !parse_number(text, &number)) kind = "int64";
  if (kind)
    snprintf(out, size, "Failed to parse the env-var ${%s} into %s: %s. Use the default value: %s",
             v->name, kind, text, v->fallback);
}

static bool feature_is(const char *p, size_t n, const char *name) {
  return n == strlen(name) && memcmp(p, name, n) == 0;
}

// The experimental features are a list of their own.
static void check_features(const char *text, char *out, size_t size) {
  size_t at = 0;
  for (const char *p = text; *p;) {
    size_t n = strcspn(p, ",");
    bool known = feature_is(p, n, "remove_native_segments") ||
                 feature_is(p, n, "disable_graph_freezing");  // the converter tells
    if (n && !known && at < size)
      at += (size_t)snprintf(out + at, size - at, "%s%.*s", at ? ", " : "", (int)n, p);
    p += n;
    p += *p == ',';
  }
  if (!at) return;
  char list[256];
  snprintf(list, sizeof list, "%s", out);
  snprintf(out, size,
           "TF_TRT_EXPERIMENTAL_FEATURES: only remove_native_segments is known here, %s "
           "has no effect",
           list);
}

void env_check(void (*warn)(void *user, const char *sentence), void *user) {
  for (int i = 0; i < VARIABLES; i++) {
    const env_var_t *v = &table[i];
    const char *text = getenv(v->name);
    char sentence[1024] = "";
    if (!text || !*text) continue;
    if (v->ignored)
      snprintf(sentence, sizeof sentence, "%s is set and has no effect: %s", v->name, v->ignored);
    else if (strcmp(v->name, "TF_TRT_EXPERIMENTAL_FEATURES") == 0)
      check_features(text, sentence, sizeof sentence);
    else
      check_value(v, text, sentence, sizeof sentence);
    if (*sentence) warn(user, sentence);
  }
}
