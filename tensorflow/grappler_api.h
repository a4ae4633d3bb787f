/* The part of TensorFlow's C API for graph optimizers that the plug-in uses, as it has been from
 * TensorFlow 2.17 to 2.21: TensorFlow's tensorflow/c/experimental/grappler/grappler.h and
 * TF_LoadPluggableDeviceLibrary of tensorflow/c/c_api_experimental.h. Looked up in the process when
 * it is first needed: a TensorFlow without it runs converted models all the same.
 */
#ifndef TFTRT_TENSORFLOW_GRAPPLER_API_H
#define TFTRT_TENSORFLOW_GRAPPLER_API_H

#include "c_api.h"

typedef struct TF_GrapplerItem TF_GrapplerItem;
typedef struct TF_Library TF_Library;

/* Which of TensorFlow's own optimizers are to be off or on: 0, as they are. */
typedef struct TP_OptimizerConfigs {
  size_t struct_size;
  void *ext;
  int optimizers[19];
} TP_OptimizerConfigs;

typedef struct TP_Optimizer {
  size_t struct_size;
  void *ext;
  void *(*create_func)(void);
  void (*optimize_func)(void *optimizer, const TF_Buffer *graph_def, const TF_GrapplerItem *,
                        TF_Buffer *optimized, TF_Status *);
  void (*destroy_func)(void *optimizer);
} TP_Optimizer;

typedef struct TP_OptimizerRegistrationParams {
  size_t struct_size;
  void *ext;
  int32_t major_version, minor_version, patch_version;
  const char *device_type;
  TP_OptimizerConfigs *optimizer_configs;
  TP_Optimizer *optimizer;
} TP_OptimizerRegistrationParams;

/* return type, name, arguments */
#define TF_GRAPPLER_FUNCTIONS(X)                                                    \
  X(TF_Library *, TF_LoadPluggableDeviceLibrary, (const char *path, TF_Status *))   \
  X(void, TF_GetNodesToPreserveListSize,                                            \
    (const TF_GrapplerItem *, int *n, size_t *storage_size, TF_Status *))           \
  X(void, TF_GetNodesToPreserveList,                                                \
    (const TF_GrapplerItem *, char **values, size_t *lengths, int n, void *storage, \
     size_t storage_size, TF_Status *))                                             \
  X(void, TF_GetFetchNodesListSize,                                                 \
    (const TF_GrapplerItem *, int *n, size_t *storage_size, TF_Status *))           \
  X(void, TF_GetFetchNodesList,                                                     \
    (const TF_GrapplerItem *, char **values, size_t *lengths, int n, void *storage, \
     size_t storage_size, TF_Status *))

#endif
