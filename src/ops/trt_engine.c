// TRTEngineOp and the ops around its engine cache, with the OpDefs of TensorFlow 2.17's TF-TRT.
// What they do is the runtime's business (runtime/trt_engine_op.c): it has the engines.
#include "ops/env.h"
#include "ops/op.h"

static status_t run(op_ctx_t *c) {
  if (!c->env || !c->env->run_engine) return OP_FAIL(c, UNAVAILABLE, "engines cannot be run here");
  return c->env->run_engine(c->env, c->node, c->in, c->n_in, c->out, c->n_out);
}

// Output i has the i-th of the shapes that the converter wrote down.
static status_t infer(infer_ctx_t *c) {
  const attr_value_t *a = node_shapes(c->node, "output_shapes");
  for (int i = 0; a && i < (int)a->n_list && i < c->node->n_out; i++)
    infer_out(c, i, &a->list[i].shape);
  return NULL;
}

const op_def_t ops_trt_engine[] = {
    {.name = "TRTEngineOp",
     .sig = "in_tensor: InT -> out_tensor: OutT",
     .attrs = "serialized_segment: string; segment_func: func; InT: list(type); OutT: "
              "list(type); input_shapes: list(shape) = []; output_shapes: list(shape) = []; "
              "max_cached_engines_count: int = 1; max_batch_size: int = 1; workspace_size_bytes: "
              "int; precision_mode: string; calibration_data: string = ''; use_calibration: bool "
              "= true; segment_funcdef_name: string = ''; cached_engine_batches: list(int) = []; "
              "fixed_input_size: bool = true; static_engine: bool = true; profile_strategy: "
              "string = ''; use_explicit_precision: bool = false",
     .infer = infer,
     .kernel = run,
     .flags = OP_NO_FOLD | OP_CALLS | OP_LATE_INPUTS},
    {.name = "CreateTRTResourceHandle",
     .sig = "-> resource_handle: resource",
     .attrs = "resource_name: string",
     .infer = infer_scalar,
     .kernel = run,
     .flags = OP_STATEFUL},
    {.name = "InitializeTRTResource",
     .sig = "resource_handle: resource, filename: string ->",
     .attrs = "max_cached_engines_count: int = 1",
     .kernel = run,
     .flags = OP_STATEFUL},
    {.name = "SerializeTRTResource",
     .sig = "resource_name: string, filename: string ->",
     .attrs = "delete_resource: bool = false; save_gpu_specific_engines: bool = true",
     .kernel = run,
     .flags = OP_STATEFUL},
    {.name = "GetCalibrationDataOp",
     .sig = "resource_name: string -> serialized_resource: string",
     .attrs = "",
     .infer = infer_scalar,
     .kernel = run,
     .flags = OP_STATEFUL},
    {0},
};
