// Registers TF-TRT's ops, where TensorFlow lacks them, and CPU kernels for them, when TensorFlow
// loads this file (tf.load_op_library, TF_LoadLibrary).
#include <stdio.h>

#include "engines.h"
#include "kernels.h"

// ---------------------------------------------------------------- ops

// TF-TRT's first, then what our engines take besides.
static const char in_types[] =
    "InT: list({bool, int8, half, float, int32, resource, uint8, int16, uint16, uint32, int64, "
    "uint64, double, bfloat16, complex64, complex128}) >= 1";
static const char out_types[] =
    "OutT: list({bool, int8, half, float, int32, uint8, int16, uint16, uint32, int64, uint64, "
    "double, bfloat16, complex64, complex128}) >= 1";

// The C API lets a shape function see attributes of type `type` only, so output_shapes is out of
// its reach.
static void unknown_shapes(TF_ShapeInferenceContext *c, TF_Status *s) {
  tf.TF_ShapeInferenceContextSetUnknownShape(c, s);
}

static void scalar(TF_ShapeInferenceContext *c, TF_Status *s) {
  TF_ShapeHandle *h = tf.TF_ShapeInferenceContextScalar(c);
  tf.TF_ShapeInferenceContextSetOutput(c, 0, h, s);
  tf.TF_DeleteShapeHandle(h);
}

static void nothing(TF_ShapeInferenceContext *c, TF_Status *s) {
  (void)c;
  tf.TF_SetStatus(s, TFTRT_OK, "");
}

enum { MOST = 20 };
typedef struct op {
  const char *name;
  const char *attrs[MOST], *inputs[MOST], *outputs[MOST];
  bool stateful;
  void (*shapes)(TF_ShapeInferenceContext *, TF_Status *);
  void *(*create)(TF_OpKernelConstruction *);
  void (*compute)(void *, TF_OpKernelContext *);
  void (*destroy)(void *);
} op_t;

static const op_t ops[] = {
    {.name = "TRTEngineOp",
     .attrs = {"serialized_segment: string", "segment_func: func = {}", in_types, out_types,
               "input_shapes: list(shape) = []", "output_shapes: list(shape) = []",
               "max_cached_engines_count: int = 1", "max_batch_size: int = 1",
               "workspace_size_bytes: int", "precision_mode: {'FP32', 'FP16', 'INT8'}",
               "calibration_data: string = ''", "use_calibration: bool = true",
               "segment_funcdef_name: string = ''", "cached_engine_batches: list(int) >= 0 = []",
               "fixed_input_size: bool = true", "static_engine: bool = true",
               "profile_strategy: string = ''", "use_explicit_precision: bool = false"},
     .inputs = {"in_tensor: InT"},
     .outputs = {"out_tensor: OutT"},
     .shapes = unknown_shapes,
     .create = node_create,
     .compute = engine_compute,
     .destroy = engine_destroy},
    {.name = "CreateTRTResourceHandle",
     .attrs = {"resource_name: string"},
     .outputs = {"resource_handle: resource"},
     .stateful = true,
     .shapes = scalar,
     .create = named_node_create,
     .compute = create_handle_compute,
     .destroy = node_destroy},
    {.name = "InitializeTRTResource",
     .attrs = {"max_cached_engines_count: int = 1"},
     .inputs = {"resource_handle: resource", "filename: string"},
     .stateful = true,
     .shapes = nothing,
     .create = node_create,
     .compute = initialize_compute,
     .destroy = node_destroy},
    {.name = "SerializeTRTResource",
     .attrs = {"delete_resource: bool = false", "save_gpu_specific_engines: bool = true"},
     .inputs = {"resource_name: string", "filename: string"},
     .stateful = true,
     .shapes = nothing,
     .create = node_create,
     .compute = serialize_compute,
     .destroy = node_destroy},
    {.name = "GetCalibrationDataOp",
     .inputs = {"resource_name: string"},
     .outputs = {"serialized_resource: string"},
     .stateful = true,
     .shapes = scalar,
     .create = node_create,
     .compute = calibration_compute,
     .destroy = node_destroy}};

static void complain(const op_t *o, const char *what, const TF_Status *s) {
  fprintf(stderr, "tftrt: %s of %s cannot be registered: %s\n", what, o->name, tf.TF_Message(s));
}

static void register_op(const op_t *o, TF_Status *s) {
  TF_OpDefinitionBuilder *b = tf.TF_NewOpDefinitionBuilder(o->name);
  for (int i = 0; i < MOST && o->attrs[i]; i++) tf.TF_OpDefinitionBuilderAddAttr(b, o->attrs[i]);
  for (int i = 0; i < MOST && o->inputs[i]; i++) tf.TF_OpDefinitionBuilderAddInput(b, o->inputs[i]);
  for (int i = 0; i < MOST && o->outputs[i]; i++)
    tf.TF_OpDefinitionBuilderAddOutput(b, o->outputs[i]);
  tf.TF_OpDefinitionBuilderSetIsStateful(b, o->stateful);
  tf.TF_OpDefinitionBuilderSetShapeInferenceFunction(b, o->shapes);
  tf.TF_RegisterOpDefinition(b, s);  // takes the builder
  if (tf.TF_GetCode(s)) complain(o, "the op", s);
}

static void register_kernel(const op_t *o, TF_Status *s) {
  TF_KernelBuilder *b = tf.TF_NewKernelBuilder(o->name, "CPU", o->create, o->compute, o->destroy);
  tf.TF_RegisterKernelBuilder(o->name, b, s);  // takes the builder
  if (tf.TF_GetCode(s)) complain(o, "the CPU kernel", s);
}

__attribute__((constructor)) static void register_all(void) {
  static bool done;  // a second copy of the file is another library, with its own
  if (done) return;
  done = true;
  const char *missing = tf_resolve();
  if (missing) {
    fprintf(stderr,
            "tftrt: this process has no %s of TensorFlow's C API: the TRTEngineOp plug-in is not "
            "registered\n",
            missing);
    return;
  }
  TF_Status *s = tf.TF_NewStatus();
  TF_Buffer *known = tf.TF_GetAllOpList();
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    if (!op_list_has((bytes_view_t){known->data, known->length}, ops[i].name))
      register_op(&ops[i], s);
    register_kernel(&ops[i], s);
  }
  tf.TF_DeleteBuffer(known);
  tf.TF_DeleteStatus(s);
}
