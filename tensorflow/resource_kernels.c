// The ops around an engine's resource. TensorFlow's resource manager cannot be reached from C, nor
// is it needed: a handle is a name, and our own table (engines.h) has what belongs to it.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines.h"
#include "kernels.h"

static const char container[] = "TF-TRT";

// ---------------------------------------------------------------- handles

// A resource handle is a C++ object that only TensorFlow can make: an eager context of our own has
// VarHandleOp make one of this name. It stays as long as the process.
static TFE_Context *context(TF_Status *s) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static TFE_Context *made;
  pthread_mutex_lock(&lock);
  if (!made) {
    TFE_ContextOptions *o = tf.TFE_NewContextOptions();
    made = tf.TFE_NewContext(o, s);
    tf.TFE_DeleteContextOptions(o);
  }
  TFE_Context *c = made;
  pthread_mutex_unlock(&lock);
  return c;
}

static TF_Tensor *make_handle(const char *name, TF_Status *s) {
  TFE_Context *c = context(s);
  if (!c || tf.TF_GetCode(s)) return NULL;
  TFE_Op *op = tf.TFE_NewOp(c, "VarHandleOp", s);
  if (tf.TF_GetCode(s)) return NULL;
  TFE_TensorHandle *out = NULL;
  int n = 1;
  tf.TFE_OpSetAttrString(op, "container", container, sizeof container - 1);
  tf.TFE_OpSetAttrString(op, "shared_name", name, strlen(name));
  tf.TFE_OpSetAttrType(op, "dtype", TFTRT_UINT8);
  tf.TFE_OpSetAttrShape(op, "shape", NULL, 0, s);
  if (!tf.TF_GetCode(s)) tf.TFE_Execute(op, &out, &n, s);
  TF_Tensor *t = tf.TF_GetCode(s) ? NULL : tf.TFE_TensorHandleResolve(out, s);
  if (out) tf.TFE_DeleteTensorHandle(out);
  tf.TFE_DeleteOp(op);
  return t;
}

void create_handle_compute(void *node, TF_OpKernelContext *c) {
  TF_Status *s = tf.TF_NewStatus();
  TF_Tensor *t = make_handle(((node_t *)node)->key, s);
  if (t) {
    tf.TF_SetOutput(c, 0, t, s);
    tf.TF_DeleteTensor(t);
  }
  if (tf.TF_GetCode(s)) tf.TF_OpKernelContext_Failure(c, s);
  tf.TF_DeleteStatus(s);
}

// ---------------------------------------------------------------- inputs

// free() it; NULL, and c is told, when there is none.
static char *handle_input(TF_OpKernelContext *c, int i) {
  TF_Status *s = tf.TF_NewStatus();
  TF_Buffer *b = tf.TF_NewBuffer();
  char *key = NULL;
  tf.TF_GetSerializedResourceHandleProto(c, i, b, s);
  if (tf.TF_GetCode(s))
    tf.TF_OpKernelContext_Failure(c, s);
  else
    key = engine_key((bytes_view_t){0}, resource_handle_name((bytes_view_t){b->data, b->length}));
  tf.TF_DeleteBuffer(b);
  tf.TF_DeleteStatus(s);
  return key;
}

static char *string_input(TF_OpKernelContext *c, int i, const char *what) {
  TF_Status *s = tf.TF_NewStatus();
  TF_Tensor *t = NULL;
  char *text = NULL;
  tf.TF_GetInput(c, i, &t, s);
  if (tf.TF_GetCode(s)) {
    tf.TF_OpKernelContext_Failure(c, s);
  } else if (tf.TF_TensorType(t) != TFTRT_STRING || tf.TF_TensorByteSize(t) != TF_TSTRING_SIZE) {
    fail(c, TFTRT_INVALID_ARGUMENT, "%s must be a scalar string.", what);
  } else {
    const TF_TString *v = tf.TF_TensorData(t);
    size_t n = tf.TF_StringGetSize(v);
    if (!n) fail(c, TFTRT_INVALID_ARGUMENT, "%s cannot be empty.", what);
    text = n ? malloc(n + 1) : NULL;
    if (text) {
      memcpy(text, tf.TF_StringGetDataPointer(v), n);
      text[n] = '\0';
    }
  }
  if (t) tf.TF_DeleteTensor(t);
  tf.TF_DeleteStatus(s);
  return text;
}

// ---------------------------------------------------------------- ops

void initialize_compute(void *node, TF_OpKernelContext *c) {
  (void)node;
  char *file = string_input(c, 1, "filename");
  char *key = file ? handle_input(c, 0) : NULL;
  FILE *f = key ? fopen(file, "rb") : NULL;
  if (f) {
    fclose(f);
    engine_announce(key, file, strlen(file));
  } else if (key) {
    fail(c, TFTRT_NOT_FOUND, "%s; No such file or directory", file);
  }
  free(file);
  free(key);
}

// The engine that input 0 names; NULL, and c is told, when there is none, or more than one.
static engine_t *engine_input(TF_OpKernelContext *c) {
  int n;
  char *name = string_input(c, 0, "resource_name");
  engine_t *e = name ? engine_named(name, &n) : NULL;
  if (name && !e) {
    fail(c, TFTRT_NOT_FOUND, "Resource %s/%s does not exist.", container, name);
  } else if (e && n > 1) {
    fail(c, TFTRT_FAILED_PRECONDITION, "%d models have run engines named %s: which one?", n, name);
    engine_give(e);
    e = NULL;
  }
  free(name);
  return e;
}

static tftrt_code write_nothing(const char *file, tftrt_error *err) {
  FILE *f = fopen(file, "wb");
  if (f && !fclose(f)) return TFTRT_OK;
  snprintf(err->message, sizeof err->message, "%s cannot be written", file);
  return err->code = TFTRT_UNKNOWN;
}

// What has run in this process.
void serialize_compute(void *node, TF_OpKernelContext *c) {
  bytes_view_t def = ((node_t *)node)->node_def;
  tftrt_error err = TFTRT_ERROR_INIT;
  engine_t *e = engine_input(c);
  char *file = e ? string_input(c, 1, "filename") : NULL;
  if (file) {
    if (node_def_bool(def, "save_gpu_specific_engines", true)
            ? tftrt_engine_op_save(engine_op(e), file, &err)
            : write_nothing(file, &err))
      fail(c, (int)err.code, "%s", err.message);
    else if (node_def_bool(def, "delete_resource", false))
      engine_delete(e);
  }
  free(file);
  engine_give(e);
}

static void give_text(TF_OpKernelContext *c, const char *text) {
  TF_Status *s = tf.TF_NewStatus();
  TF_Tensor *out = tf.TF_AllocateOutput(c, 0, TFTRT_STRING, NULL, 0, TF_TSTRING_SIZE, s);
  if (tf.TF_GetCode(s)) {
    tf.TF_OpKernelContext_Failure(c, s);
  } else {
    TF_TString *string = tf.TF_TensorData(out);
    tf.TF_StringInit(string);
    tf.TF_StringCopy(string, text, strlen(text));
  }
  if (out) tf.TF_DeleteTensor(out);
  tf.TF_DeleteStatus(s);
}

void calibration_compute(void *node, TF_OpKernelContext *c) {
  (void)node;
  tftrt_error err = TFTRT_ERROR_INIT;
  char *table = NULL, *name = string_input(c, 0, "resource_name");
  if (!name) return;
  if (engine_calibration(name, &table, &err))
    fail(c, (int)err.code, "%s", err.message);
  else
    give_text(c, table);
  free(table);
  free(name);
}
