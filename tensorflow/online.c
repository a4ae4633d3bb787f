#define _GNU_SOURCE  // dladdr
#include "online.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grappler_api.h"
#include "message.h"

static struct { TF_GRAPPLER_FUNCTIONS(TF_POINTER) } grappler;

static _Thread_local const tftrt_converter_options *asked;

const tftrt_converter_options *tftrt_tensorflow_convert_online(const tftrt_converter_options *o) {
  const tftrt_converter_options *before = asked;
  asked = o;
  return before;
}

// ---------------------------------------------------------------- the item

typedef struct names {
  char **v;
  int n;
} names_t;

typedef void size_fn(const TF_GrapplerItem *, int *n, size_t *storage_size, TF_Status *);
typedef void list_fn(const TF_GrapplerItem *, char **values, size_t *lengths, int n, void *storage,
                     size_t storage_size, TF_Status *);

static void free_names(names_t *l) {
  for (int i = 0; i < l->n; i++) free(l->v[i]);
  free(l->v);
}

static names_t take_names(const TF_GrapplerItem *item, size_fn *size, list_fn *list, TF_Status *s) {
  names_t out = {0};
  int n = 0;
  size_t bytes = 0;
  size(item, &n, &bytes, s);
  if (tf.TF_GetCode(s) || n <= 0) return out;
  char **values = calloc((size_t)n, sizeof *values);
  size_t *lengths = calloc((size_t)n, sizeof *lengths);
  char *storage = malloc(bytes + 1);
  out.v = calloc((size_t)n, sizeof *out.v);
  if (!values || !lengths || !storage || !out.v) abort();
  list(item, values, lengths, n, storage, bytes, s);
  for (int i = 0; i < n && !tf.TF_GetCode(s); i++) {
    const char *colon = memchr(values[i], ':', lengths[i]);  // "node:port"
    out.v[i] = strndup(values[i], colon ? (size_t)(colon - values[i]) : lengths[i]);
    if (!out.v[i]) abort();
    out.n = i + 1;
  }
  free(storage);
  free(lengths);
  free(values);
  return out;
}

static bool has_name(const names_t *l, const char *name) {
  for (int i = 0; i < l->n; i++)
    if (strcmp(l->v[i], name) == 0) return true;
  return false;
}

// What is preserved and not fetched is fed.
static void drop_fetched(names_t *preserved, const names_t *fetched) {
  int kept = 0;
  for (int i = 0; i < preserved->n; i++) {
    if (has_name(fetched, preserved->v[i]))
      free(preserved->v[i]);
    else
      preserved->v[kept++] = preserved->v[i];
  }
  preserved->n = kept;
}

// ---------------------------------------------------------------- the graph

static bool has_op(bytes_view_t graph_def, const char *op) {
  enum { GRAPH_DEF_NODE = 1, NODE_DEF_OP = 2 };
  for (bytes_view_t node; message_next(&graph_def, GRAPH_DEF_NODE, &node);) {
    bytes_view_t its = message_field(node, NODE_DEF_OP);
    if (its.size == strlen(op) && memcmp(its.data, op, its.size) == 0) return true;
  }
  return false;
}

// Bodies of functions are optimized too: as in TF-TRT, they are left alone.
static bool is_function(bytes_view_t graph_def) {
  return has_op(graph_def, "_Arg") || has_op(graph_def, "_Retval");
}

static void free_graph(void *data, size_t size) {
  (void)size;
  tftrt_free(data);
}

// By the convention of Grappler's optimizers.
static void leave_unchanged(TF_Status *s) { tf.TF_SetStatus(s, TFTRT_ABORTED, "Nothing to do."); }

static tftrt_code convert(const TF_Buffer *graph_def, const names_t *fetched, const names_t *fed,
                          void **out, size_t *size, tftrt_error *err) {
  tftrt_converter_options o = *asked;
  tftrt_converter *c;
  o.input_saved_model_dir = NULL;
  o.library_stays = 1;    // a plug-in's optimizer is shown it without bodies, and cannot change it
  o.device_type = "CPU";  // where TensorFlow has placed nodes, and our kernel is
  o.graph_def = graph_def->data;
  o.graph_def_size = graph_def->length;
  o.kept_nodes = (const char *const *)fetched->v;
  o.n_kept_nodes = fetched->n;
  o.fed_nodes = (const char *const *)fed->v;
  o.n_fed_nodes = fed->n;
  tftrt_code code = tftrt_converter_create(&o, &c, err);
  if (code) return code;
  code = tftrt_converter_convert(c, NULL, NULL, err);
  if (!code) code = tftrt_converter_graph_def(c, out, size, err);
  tftrt_converter_destroy(c);
  return code;
}

static void optimize(void *self, const TF_Buffer *graph_def, const TF_GrapplerItem *item,
                     TF_Buffer *optimized, TF_Status *s) {
  (void)self;
  bytes_view_t graph = {graph_def->data, graph_def->length};
  if (!asked || is_function(graph)) {
    leave_unchanged(s);
    return;
  }
  names_t fetched =
      take_names(item, grappler.TF_GetFetchNodesListSize, grappler.TF_GetFetchNodesList, s);
  names_t fed = {0};
  if (!tf.TF_GetCode(s))
    fed = take_names(item, grappler.TF_GetNodesToPreserveListSize,
                     grappler.TF_GetNodesToPreserveList, s);
  drop_fetched(&fed, &fetched);
  void *data = NULL;
  size_t size = 0;
  tftrt_error err = TFTRT_ERROR_INIT;
  if (!tf.TF_GetCode(s)) {
    if (!fetched.n) {
      leave_unchanged(s);
    } else if (convert(graph_def, &fetched, &fed, &data, &size, &err)) {
      fprintf(stderr, "tftrt: a session's graph is not converted: %s\n", err.message);
      tf.TF_SetStatus(s, (int)err.code, err.message);
    } else if (!has_op((bytes_view_t){data, size}, "TRTEngineOp")) {
      leave_unchanged(s);
    } else {
      optimized->data = data;
      optimized->length = size;
      optimized->data_deallocator = free_graph;
      data = NULL;
    }
  }
  tftrt_free(data);
  free_names(&fetched);
  free_names(&fed);
}

// ---------------------------------------------------------------- registration

static void *create(void) {
  static char one;
  return &one;
}

static void destroy(void *self) { (void)self; }

/* TensorFlow calls it when it loads this file as a pluggable device's. */
TFTRT_API void TF_InitGraph(TP_OptimizerRegistrationParams *p, TF_Status *s);
void TF_InitGraph(TP_OptimizerRegistrationParams *p, TF_Status *s) {
  p->struct_size = sizeof *p;
  p->device_type = "CPU";
  p->optimizer_configs->struct_size = sizeof *p->optimizer_configs;
  p->optimizer->struct_size = sizeof *p->optimizer;
  p->optimizer->create_func = create;
  p->optimizer->optimize_func = optimize;
  p->optimizer->destroy_func = destroy;
  tf.TF_SetStatus(s, TFTRT_OK, "");
}

static const char *resolve(void) {
  void *at;
#define FIND(type, name, args)              \
  if (!(at = tf_find(#name))) return #name; \
  memcpy(&grappler.name, &at, sizeof at);
  TF_GRAPPLER_FUNCTIONS(FIND)
#undef FIND
  return NULL;
}

static tftrt_code report(tftrt_error *err, tftrt_code code, const char *text) {
  if (err) {
    err->code = code;
    snprintf(err->message, sizeof err->message, "%s", text);
  }
  return code;
}

static tftrt_code load(tftrt_error *err) {
  Dl_info self;
  char text[200];
  const char *missing = tf.TF_NewStatus ? resolve() : "TF_NewStatus";
  if (missing) {
    snprintf(text, sizeof text, "online conversion: TensorFlow's C API has no %s here", missing);
    return report(err, TFTRT_UNIMPLEMENTED, text);
  }
  void *here;
  void (*function)(TP_OptimizerRegistrationParams *, TF_Status *) = TF_InitGraph;
  memcpy(&here, &function, sizeof here);
  if (!dladdr(here, &self))
    return report(err, TFTRT_INTERNAL, "online conversion: the plug-in's own file is not known");
  TF_Status *s = tf.TF_NewStatus();
  grappler.TF_LoadPluggableDeviceLibrary(self.dli_fname, s);
  tftrt_code code = (tftrt_code)tf.TF_GetCode(s);
  if (code) report(err, code, tf.TF_Message(s));
  tf.TF_DeleteStatus(s);
  return code;
}

tftrt_code tftrt_tensorflow_enable_online(tftrt_error *err) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static bool done;
  pthread_mutex_lock(&lock);
  tftrt_code code = done ? TFTRT_OK : load(err);
  done |= !code;
  pthread_mutex_unlock(&lock);
  return code;
}
