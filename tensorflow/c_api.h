/* The part of TensorFlow's C API that the plug-in uses, as it has been from TensorFlow 2.17
 * to 2.21: types, and the functions by pointer. They are looked up in the process that loads the
 * plug-in, so that one file serves all these versions and none is needed to build it.
 *
 * What each function does: TensorFlow's tensorflow/c/{c_api,ops,kernels,tf_tensor,tf_buffer,
 * tf_status,tf_tstring}.h and tensorflow/c/eager/c_api.h.
 */
#ifndef TFTRT_TENSORFLOW_C_API_H
#define TFTRT_TENSORFLOW_C_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TF_Status TF_Status;
typedef struct TF_Tensor TF_Tensor;
typedef struct TF_OpDefinitionBuilder TF_OpDefinitionBuilder;
typedef struct TF_ShapeInferenceContext TF_ShapeInferenceContext;
typedef struct TF_ShapeHandle TF_ShapeHandle;
typedef struct TF_KernelBuilder TF_KernelBuilder;
typedef struct TF_OpKernelConstruction TF_OpKernelConstruction;
typedef struct TF_OpKernelContext TF_OpKernelContext;
typedef struct TFE_ContextOptions TFE_ContextOptions;
typedef struct TFE_Context TFE_Context;
typedef struct TFE_Op TFE_Op;
typedef struct TFE_TensorHandle TFE_TensorHandle;
typedef union TF_TString TF_TString; /* 24 bytes; read through functions only */
enum { TF_TSTRING_SIZE = 24 };

typedef struct TF_Buffer {
  const void *data;
  size_t length;
  void (*data_deallocator)(void *data, size_t length);
} TF_Buffer;

/* return type, name, arguments */
#define TF_FUNCTIONS(X)                                                                         \
  X(TF_Status *, TF_NewStatus, (void))                                                          \
  X(void, TF_DeleteStatus, (TF_Status *))                                                       \
  X(void, TF_SetStatus, (TF_Status *, int code, const char *message))                           \
  X(int, TF_GetCode, (const TF_Status *))                                                       \
  X(const char *, TF_Message, (const TF_Status *))                                              \
  X(TF_Buffer *, TF_NewBuffer, (void))                                                          \
  X(void, TF_DeleteBuffer, (TF_Buffer *))                                                       \
  X(TF_Tensor *, TF_NewTensor,                                                                  \
    (int dtype, const int64_t *dims, int rank, void *data, size_t size,                         \
     void (*deallocator)(void *data, size_t size, void *arg), void *arg))                       \
  X(void, TF_DeleteTensor, (TF_Tensor *))                                                       \
  X(TF_Tensor *, TF_AllocateOutput,                                                             \
    (TF_OpKernelContext *, int i, int dtype, const int64_t *dims, int rank, size_t size,        \
     TF_Status *))                                                                              \
  X(int, TF_TensorType, (const TF_Tensor *))                                                    \
  X(int, TF_NumDims, (const TF_Tensor *))                                                       \
  X(int64_t, TF_Dim, (const TF_Tensor *, int i))                                                \
  X(void *, TF_TensorData, (const TF_Tensor *))                                                 \
  X(size_t, TF_TensorByteSize, (const TF_Tensor *))                                             \
  X(const char *, TF_StringGetDataPointer, (const TF_TString *))                                \
  X(size_t, TF_StringGetSize, (const TF_TString *))                                             \
  X(void, TF_StringInit, (TF_TString *))                                                        \
  X(void, TF_StringCopy, (TF_TString *, const char *text, size_t n))                            \
  X(TF_OpDefinitionBuilder *, TF_NewOpDefinitionBuilder, (const char *name))                    \
  X(void, TF_OpDefinitionBuilderAddAttr, (TF_OpDefinitionBuilder *, const char *spec))          \
  X(void, TF_OpDefinitionBuilderAddInput, (TF_OpDefinitionBuilder *, const char *spec))         \
  X(void, TF_OpDefinitionBuilderAddOutput, (TF_OpDefinitionBuilder *, const char *spec))        \
  X(void, TF_OpDefinitionBuilderSetIsStateful, (TF_OpDefinitionBuilder *, bool))                \
  X(void, TF_OpDefinitionBuilderSetShapeInferenceFunction,                                      \
    (TF_OpDefinitionBuilder *, void (*)(TF_ShapeInferenceContext *, TF_Status *)))              \
  X(void, TF_RegisterOpDefinition, (TF_OpDefinitionBuilder *, TF_Status *))                     \
  X(void, TF_ShapeInferenceContextSetUnknownShape, (TF_ShapeInferenceContext *, TF_Status *))   \
  X(TF_ShapeHandle *, TF_ShapeInferenceContextScalar, (TF_ShapeInferenceContext *))             \
  X(void, TF_ShapeInferenceContextSetOutput,                                                    \
    (TF_ShapeInferenceContext *, int i, TF_ShapeHandle *, TF_Status *))                         \
  X(void, TF_DeleteShapeHandle, (TF_ShapeHandle *))                                             \
  X(TF_KernelBuilder *, TF_NewKernelBuilder,                                                    \
    (const char *op, const char *device, void *(*create)(TF_OpKernelConstruction *),            \
     void (*compute)(void *, TF_OpKernelContext *), void (*destroy)(void *)))                   \
  X(void, TF_RegisterKernelBuilder, (const char *name, TF_KernelBuilder *, TF_Status *))        \
  X(TF_Buffer *, TF_OpKernelConstruction_GetNodeDef, (TF_OpKernelConstruction *, TF_Status *))  \
  X(void, TF_OpKernelConstruction_Failure, (TF_OpKernelConstruction *, TF_Status *))            \
  X(int, TF_NumInputs, (TF_OpKernelContext *))                                                  \
  X(int, TF_NumOutputs, (TF_OpKernelContext *))                                                 \
  X(void, TF_GetInput, (TF_OpKernelContext *, int i, TF_Tensor **, TF_Status *))                \
  X(void, TF_SetOutput, (TF_OpKernelContext *, int i, const TF_Tensor *, TF_Status *))          \
  X(void, TF_OpKernelContext_Failure, (TF_OpKernelContext *, TF_Status *))                      \
  X(void, TF_GetSerializedFunctionDefLibrary, (TF_OpKernelContext *, TF_Buffer *, TF_Status *)) \
  X(void, TF_GetSerializedResourceHandleProto,                                                  \
    (TF_OpKernelContext *, int i, TF_Buffer *, TF_Status *))                                    \
  X(TF_Buffer *, TF_GetAllOpList, (void))                                                       \
  X(TFE_ContextOptions *, TFE_NewContextOptions, (void))                                        \
  X(void, TFE_DeleteContextOptions, (TFE_ContextOptions *))                                     \
  X(TFE_Context *, TFE_NewContext, (const TFE_ContextOptions *, TF_Status *))                   \
  X(TFE_Op *, TFE_NewOp, (TFE_Context *, const char *op, TF_Status *))                          \
  X(void, TFE_DeleteOp, (TFE_Op *))                                                             \
  X(void, TFE_OpSetAttrString, (TFE_Op *, const char *name, const void *value, size_t n))       \
  X(void, TFE_OpSetAttrType, (TFE_Op *, const char *name, int dtype))                           \
  X(void, TFE_OpSetAttrShape,                                                                   \
    (TFE_Op *, const char *name, const int64_t *dims, int rank, TF_Status *))                   \
  X(void, TFE_Execute, (TFE_Op *, TFE_TensorHandle * *out, int *n_out, TF_Status *))            \
  X(TF_Tensor *, TFE_TensorHandleResolve, (TFE_TensorHandle *, TF_Status *))                    \
  X(void, TFE_DeleteTensorHandle, (TFE_TensorHandle *))

/* tf.TF_NewStatus() is TensorFlow's TF_NewStatus(). */
#define TF_POINTER(type, name, args) type(*name) args;
typedef struct tf_functions {
  TF_FUNCTIONS(TF_POINTER)
} tf_functions_t;
extern tf_functions_t tf;

/* A function of TensorFlow's, wherever this process has it; NULL: it has none of this name. */
void *tf_find(const char *name);

/* Finds all of them, once, before any is used. NULL, or the name of one that this process does not
 * have. */
const char *tf_resolve(void);

#endif
