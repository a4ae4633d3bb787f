// What the plug-in for TensorFlow is told of a node: its NodeDef (whose size the first two bytes
// are) and the function library, as the plug-in looks at them and as the library makes an engine's
// op of them.
#include "../tensorflow/message.h"
#include "fuzz.h"
#include "tftrt/engine_op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  size_t n = (size_t)data[0] | (size_t)data[1] << 8;
  if (n > size - 2) n = size - 2;
  bytes_view_t node = {data + 2, n}, library = {data + 2 + n, size - 2 - n};
  node_def_name(node);
  node_def_string(node, "segment_func");
  resource_handle_name(node);
  op_list_has(library, "TRTEngineOp");

  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_engine_op *op;
  tftrt_engine_op_options o;
  tftrt_engine_op_options_init(&o);
  o.node_def = node.data;
  o.node_def_size = node.size;
  o.function_library = library.data;
  o.function_library_size = library.size;
  o.threads = 1;
  o.engine_cache_dir = "off";
  if (!tftrt_engine_op_create(&o, &op, &e)) tftrt_engine_op_destroy(op);
  return 0;
}
