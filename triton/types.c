#include "types.h"

static const struct {
  tftrt_dtype dtype;
  TRITONSERVER_DataType type;
  const char *name;
} types[] = {{TFTRT_FLOAT, TRITONSERVER_TYPE_FP32, "TYPE_FP32"},
             {TFTRT_DOUBLE, TRITONSERVER_TYPE_FP64, "TYPE_FP64"},
             {TFTRT_HALF, TRITONSERVER_TYPE_FP16, "TYPE_FP16"},
             {TFTRT_BFLOAT16, TRITONSERVER_TYPE_BF16, "TYPE_BF16"},
             {TFTRT_INT8, TRITONSERVER_TYPE_INT8, "TYPE_INT8"},
             {TFTRT_INT16, TRITONSERVER_TYPE_INT16, "TYPE_INT16"},
             {TFTRT_INT32, TRITONSERVER_TYPE_INT32, "TYPE_INT32"},
             {TFTRT_INT64, TRITONSERVER_TYPE_INT64, "TYPE_INT64"},
             {TFTRT_UINT8, TRITONSERVER_TYPE_UINT8, "TYPE_UINT8"},
             {TFTRT_UINT16, TRITONSERVER_TYPE_UINT16, "TYPE_UINT16"},
             {TFTRT_UINT32, TRITONSERVER_TYPE_UINT32, "TYPE_UINT32"},
             {TFTRT_UINT64, TRITONSERVER_TYPE_UINT64, "TYPE_UINT64"},
             {TFTRT_BOOL, TRITONSERVER_TYPE_BOOL, "TYPE_BOOL"},
             {TFTRT_STRING, TRITONSERVER_TYPE_BYTES, "TYPE_STRING"}};
enum { N_TYPES = sizeof types / sizeof *types };

TRITONSERVER_DataType triton_type(tftrt_dtype dtype) {
  for (int i = 0; i < N_TYPES; i++)
    if (types[i].dtype == dtype) return types[i].type;
  return TRITONSERVER_TYPE_INVALID;
}

const char *config_type(tftrt_dtype dtype) {
  for (int i = 0; i < N_TYPES; i++)
    if (types[i].dtype == dtype) return types[i].name;
  return NULL;
}
