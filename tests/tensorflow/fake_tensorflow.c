#include "fake_tensorflow.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))
enum { MOST = 32, DT_STRING_ = 7, DT_RESOURCE_ = 20 };

static atomic_int alive;

static void *make(size_t n) {
  void *p = calloc(1, n);
  if (!p) abort();
  atomic_fetch_add(&alive, 1);
  return p;
}

static void drop(void *p) {
  if (p) atomic_fetch_sub(&alive, 1);
  free(p);
}

int fake_tensors(void) { return atomic_load(&alive); }

// ---------------------------------------------------------------- status, buffer

struct TF_Status {
  int code;
  char message[256];
};

API TF_Status *TF_NewStatus(void) { return make(sizeof(TF_Status)); }
API void TF_DeleteStatus(TF_Status *s) { drop(s); }
API int TF_GetCode(const TF_Status *s) { return s->code; }
API const char *TF_Message(const TF_Status *s) { return s->message; }
API void TF_SetStatus(TF_Status *s, int code, const char *message) {
  s->code = code;
  snprintf(s->message, sizeof s->message, "%s", message);
}

API TF_Buffer *TF_NewBuffer(void) { return make(sizeof(TF_Buffer)); }
API void TF_DeleteBuffer(TF_Buffer *b) {
  if (b && b->data_deallocator) b->data_deallocator((void *)(uintptr_t)b->data, b->length);
  drop(b);
}

static void free_data(void *data, size_t n) {
  (void)n;
  free(data);
}

static void fill_buffer(TF_Buffer *b, const void *data, size_t n) {
  uint8_t *copy = malloc(n + 1);
  if (!copy) abort();
  if (n) memcpy(copy, data, n);
  *b = (TF_Buffer){copy, n, free_data};
}

// ---------------------------------------------------------------- tensors

struct TF_Tensor {
  atomic_int refs;
  int dtype, rank;
  int64_t dims[16];
  void *data;
  size_t size;
  void (*deallocator)(void *, size_t, void *);
  void *arg;
};

union TF_TString {
  struct {
    const char *text;
    size_t n, unused;
  } is;
};

API TF_Tensor *TF_NewTensor(int dtype, const int64_t *dims, int rank, void *data, size_t size,
                            void (*deallocator)(void *, size_t, void *), void *arg) {
  TF_Tensor *t = make(sizeof *t);
  t->refs = 1;
  t->dtype = dtype;
  t->rank = rank;
  for (int i = 0; i < rank; i++) t->dims[i] = dims[i];
  t->data = data;
  t->size = size;
  t->deallocator = deallocator;
  t->arg = arg;
  return t;
}

API void TF_DeleteTensor(TF_Tensor *t) {
  if (!t || atomic_fetch_sub(&t->refs, 1) > 1) return;
  if (t->deallocator) t->deallocator(t->data, t->size, t->arg);
  drop(t);
}

static TF_Tensor *share(const TF_Tensor *t) {
  TF_Tensor *mine = (TF_Tensor *)(uintptr_t)t;
  atomic_fetch_add(&mine->refs, 1);
  return mine;
}

API int TF_TensorType(const TF_Tensor *t) { return t->dtype; }
API int TF_NumDims(const TF_Tensor *t) { return t->rank; }
API int64_t TF_Dim(const TF_Tensor *t, int i) { return t->dims[i]; }
API void *TF_TensorData(const TF_Tensor *t) { return t->data; }
API size_t TF_TensorByteSize(const TF_Tensor *t) { return t->size; }
API const char *TF_StringGetDataPointer(const TF_TString *s) { return s->is.text; }
API size_t TF_StringGetSize(const TF_TString *s) { return s->is.n; }

API void TF_StringInit(TF_TString *s) { memset(s, 0, sizeof *s); }
API void TF_StringCopy(TF_TString *s, const char *text, size_t n) { /* until the process ends */
  static char kept[1 << 16];
  static atomic_size_t used;
  char *copy = kept + atomic_fetch_add(&used, n);
  if (copy + n > kept + sizeof kept) abort();
  memcpy(copy, text, n);
  s->is.text = copy;
  s->is.n = n;
}

static void free_tensor_data(void *data, size_t n, void *arg) {
  (void)n;
  (void)arg;
  free(data);
}

TF_Tensor *fake_string(const char *text) {
  _Static_assert(sizeof(TF_TString) == TF_TSTRING_SIZE, "as TensorFlow's");
  TF_TString *s = calloc(1, sizeof *s);
  if (!s) abort();
  s->is.text = text;
  s->is.n = strlen(text);
  return TF_NewTensor(DT_STRING_, NULL, 0, s, sizeof *s, free_tensor_data, NULL);
}

const char *fake_handle_name(const TF_Tensor *t) {
  return t->dtype == DT_RESOURCE_ ? t->data : NULL;
}

// ---------------------------------------------------------------- ops

struct TF_OpDefinitionBuilder {
  char name[64], text[4096];
  bool stateful;
  void (*shapes)(TF_ShapeInferenceContext *, TF_Status *);
};
struct TF_ShapeInferenceContext {
  char said[32];
};

static TF_OpDefinitionBuilder registered[MOST];
static int n_ops;
static TF_Buffer op_list;

void fake_set_op_list(const void *data, size_t size) { op_list = (TF_Buffer){data, size, NULL}; }

API TF_Buffer *TF_GetAllOpList(void) {
  TF_Buffer *b = TF_NewBuffer();
  fill_buffer(b, op_list.data, op_list.length);
  return b;
}

API TF_OpDefinitionBuilder *TF_NewOpDefinitionBuilder(const char *name) {
  TF_OpDefinitionBuilder *b = make(sizeof *b);
  snprintf(b->name, sizeof b->name, "%s", name);
  return b;
}

static void add_line(TF_OpDefinitionBuilder *b, const char *kind, const char *spec) {
  size_t n = strlen(b->text);
  snprintf(b->text + n, sizeof b->text - n, "%s %s\n", kind, spec);
}

API void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder *b, const char *spec) {
  add_line(b, "attr", spec);
}
API void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder *b, const char *spec) {
  add_line(b, "input", spec);
}
API void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder *b, const char *spec) {
  add_line(b, "output", spec);
}
API void TF_OpDefinitionBuilderSetIsStateful(TF_OpDefinitionBuilder *b, bool is) {
  if (is) add_line(b, "is", "stateful");
}
API void TF_OpDefinitionBuilderSetShapeInferenceFunction(TF_OpDefinitionBuilder *b,
                                                         void (*f)(TF_ShapeInferenceContext *,
                                                                   TF_Status *)) {
  b->shapes = f;
}
API void TF_RegisterOpDefinition(TF_OpDefinitionBuilder *b, TF_Status *s) {
  TF_SetStatus(s, 0, "");
  if (fake_op_text(b->name)) TF_SetStatus(s, 6, "registered twice");
  registered[n_ops++] = *b;
  drop(b);
}

static const TF_OpDefinitionBuilder *find_op(const char *op) {
  for (int i = 0; i < n_ops; i++)
    if (strcmp(registered[i].name, op) == 0) return &registered[i];
  return NULL;
}

int fake_ops(void) { return n_ops; }

const char *fake_op_text(const char *op) {
  const TF_OpDefinitionBuilder *b = find_op(op);
  return b ? b->text : NULL;
}

const char *fake_op_shape(const char *op) {
  static TF_ShapeInferenceContext c;
  TF_Status s = {0};
  c = (TF_ShapeInferenceContext){""};
  find_op(op)->shapes(&c, &s);
  return s.code ? "failed" : c.said;
}

API void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext *c, TF_Status *s) {
  TF_SetStatus(s, 0, "");
  strcpy(c->said, "unknown");
}
API TF_ShapeHandle *TF_ShapeInferenceContextScalar(TF_ShapeInferenceContext *c) {
  (void)c;
  return make(1);
}
API void TF_ShapeInferenceContextSetOutput(TF_ShapeInferenceContext *c, int i, TF_ShapeHandle *h,
                                           TF_Status *s) {
  TF_SetStatus(s, 0, "");
  if (i == 0 && h) strcpy(c->said, "scalar");
}
API void TF_DeleteShapeHandle(TF_ShapeHandle *h) { drop(h); }

// ---------------------------------------------------------------- kernels

struct TF_KernelBuilder {
  char op[64], device[16];
  void *(*create)(TF_OpKernelConstruction *);
  void (*compute)(void *, TF_OpKernelContext *);
  void (*destroy)(void *);
};
struct TF_OpKernelConstruction {
  const void *node_def;
  size_t size;
  TF_Status failure;
};
struct TF_OpKernelContext {
  TF_Tensor *const *in;
  TF_Tensor **out;
  int n_in, n_out;
  const void *library;
  size_t library_size;
  TF_Status failure;
};
struct fake_kernel {
  const TF_KernelBuilder *kind;
  void *kernel;
};

static TF_KernelBuilder kernels[MOST];
static int n_kernels;

API TF_KernelBuilder *TF_NewKernelBuilder(const char *op, const char *device,
                                          void *(*create)(TF_OpKernelConstruction *),
                                          void (*compute)(void *, TF_OpKernelContext *),
                                          void (*destroy)(void *)) {
  TF_KernelBuilder *b = make(sizeof *b);
  snprintf(b->op, sizeof b->op, "%s", op);
  snprintf(b->device, sizeof b->device, "%s", device);
  b->create = create;
  b->compute = compute;
  b->destroy = destroy;
  return b;
}
API void TF_RegisterKernelBuilder(const char *name, TF_KernelBuilder *b, TF_Status *s) {
  (void)name;
  TF_SetStatus(s, 0, "");
  kernels[n_kernels++] = *b;
  drop(b);
}

int fake_kernels(void) { return n_kernels; }

API TF_Buffer *TF_OpKernelConstruction_GetNodeDef(TF_OpKernelConstruction *c, TF_Status *s) {
  TF_SetStatus(s, 0, "");
  TF_Buffer *b = TF_NewBuffer();
  fill_buffer(b, c->node_def, c->size);
  return b;
}
API void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction *c, TF_Status *s) {
  c->failure = *s;
}

fake_kernel_t *fake_kernel_create(const char *op, const void *node_def, size_t size,
                                  const char **message) {
  static TF_OpKernelConstruction c;
  for (int i = 0; i < n_kernels; i++) {
    if (strcmp(kernels[i].op, op) != 0) continue;
    c = (TF_OpKernelConstruction){node_def, size, {0}};
    void *kernel = kernels[i].create(&c);
    if (message) *message = c.failure.message;
    if (c.failure.code) return NULL;
    fake_kernel_t *k = make(sizeof *k);
    *k = (fake_kernel_t){&kernels[i], kernel};
    return k;
  }
  return NULL;
}

void fake_kernel_destroy(fake_kernel_t *k) {
  if (k) k->kind->destroy(k->kernel);
  drop(k);
}

API int TF_NumInputs(TF_OpKernelContext *c) { return c->n_in; }
API int TF_NumOutputs(TF_OpKernelContext *c) { return c->n_out; }
API void TF_GetInput(TF_OpKernelContext *c, int i, TF_Tensor **t, TF_Status *s) {
  TF_SetStatus(s, i < c->n_in ? 0 : 11, i < c->n_in ? "" : "no such input");
  if (i < c->n_in) *t = share(c->in[i]);
}
API void TF_SetOutput(TF_OpKernelContext *c, int i, const TF_Tensor *t, TF_Status *s) {
  TF_SetStatus(s, i < c->n_out ? 0 : 11, i < c->n_out ? "" : "no such output");
  if (i < c->n_out) c->out[i] = share(t);
}
API TF_Tensor *TF_AllocateOutput(TF_OpKernelContext *c, int i, int dtype, const int64_t *dims,
                                 int rank, size_t size, TF_Status *s) {
  void *data = calloc(1, size + 1);
  if (!data) abort();
  TF_Tensor *t = TF_NewTensor(dtype, dims, rank, data, size, free_tensor_data, NULL);
  TF_SetOutput(c, i, t, s);
  return t;
}
API void TF_OpKernelContext_Failure(TF_OpKernelContext *c, TF_Status *s) { c->failure = *s; }
API void TF_GetSerializedFunctionDefLibrary(TF_OpKernelContext *c, TF_Buffer *b, TF_Status *s) {
  TF_SetStatus(s, 0, "");
  fill_buffer(b, c->library, c->library_size);
}
API void TF_GetSerializedResourceHandleProto(TF_OpKernelContext *c, int i, TF_Buffer *b,
                                             TF_Status *s) {
  enum { RESOURCE_HANDLE_NAME = 3 << 3 | 2 };
  const char *name = i < c->n_in ? fake_handle_name(c->in[i]) : NULL;
  TF_SetStatus(s, name ? 0 : 3, name ? "" : "not a resource");
  if (!name) return;
  size_t n = strlen(name);
  uint8_t proto[128] = {RESOURCE_HANDLE_NAME, (uint8_t)n};
  if (n > 120) abort();
  memcpy(proto + 2, name, n);
  fill_buffer(b, proto, n + 2);
}

int fake_run(fake_kernel_t *k, TF_Tensor *const *in, int n_in, TF_Tensor **out, int n_out,
             const void *library, size_t library_size, char *message) {
  TF_OpKernelContext c = {in, out, n_in, n_out, library, library_size, {0}};
  for (int i = 0; i < n_out; i++) out[i] = NULL;
  k->kind->compute(k->kernel, &c);
  if (message) snprintf(message, 256, "%s", c.failure.message);
  return c.failure.code;
}

// ---------------------------------------------------------------- eager

struct TFE_Op {
  char name[128];
  bool in_container;
};
struct TFE_TensorHandle {
  char name[128];
};

API TFE_ContextOptions *TFE_NewContextOptions(void) { return make(1); }
API void TFE_DeleteContextOptions(TFE_ContextOptions *o) { drop(o); }
API TFE_Context *TFE_NewContext(const TFE_ContextOptions *o, TF_Status *s) {
  static char it;  // stays as long as the process
  TF_SetStatus(s, o ? 0 : 3, "");
  return (TFE_Context *)&it;
}
API TFE_Op *TFE_NewOp(TFE_Context *c, const char *op, TF_Status *s) {
  bool known = c && strcmp(op, "VarHandleOp") == 0;
  TF_SetStatus(s, known ? 0 : 5, known ? "" : "no such op");
  return known ? make(sizeof(TFE_Op)) : NULL;
}
API void TFE_DeleteOp(TFE_Op *op) { drop(op); }
API void TFE_OpSetAttrString(TFE_Op *op, const char *name, const void *value, size_t n) {
  if (strcmp(name, "container") == 0) op->in_container = n == 6 && !memcmp(value, "TF-TRT", 6);
  if (strcmp(name, "shared_name") == 0 && n < sizeof op->name) memcpy(op->name, value, n);
}
API void TFE_OpSetAttrType(TFE_Op *op, const char *name, int dtype) {
  (void)op;
  (void)name;
  (void)dtype;
}
API void TFE_OpSetAttrShape(TFE_Op *op, const char *name, const int64_t *dims, int rank,
                            TF_Status *s) {
  (void)op;
  (void)name;
  (void)dims;
  TF_SetStatus(s, rank == 0 ? 0 : 3, "");
}
API void TFE_Execute(TFE_Op *op, TFE_TensorHandle **out, int *n, TF_Status *s) {
  bool fine = op->in_container && *n == 1;
  TF_SetStatus(s, fine ? 0 : 3, fine ? "" : "expected container TF-TRT and one result");
  if (!fine) return;
  *out = make(sizeof **out);
  memcpy((*out)->name, op->name, sizeof op->name);
}
API TF_Tensor *TFE_TensorHandleResolve(TFE_TensorHandle *h, TF_Status *s) {
  TF_SetStatus(s, 0, "");
  return TF_NewTensor(DT_RESOURCE_, NULL, 0, strdup(h->name), sizeof h->name, free_tensor_data,
                      NULL);
}
API void TFE_DeleteTensorHandle(TFE_TensorHandle *h) { drop(h); }
