/* A converted model in TensorFlow, from C: run PLUGIN DIR 1x28x28x1 [VALUE].
 *
 * Loads the op plug-in (libtftrt_tensorflow.so), loads the SavedModel, feeds the default
 * signature's input, a float tensor of that shape, with VALUE (0.5), and prints the numbers of its
 * output.
 *
 *   cc run.c -I$TF/include -L$TF -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 \
 *      -Wl,-rpath,$TF -o run
 *
 * where $TF is the folder of TensorFlow's Python package.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

static void check(const char *what, const TF_Status *s) {
  if (TF_GetCode(s) == TF_OK) return;
  fprintf(stderr, "%s: %s\n", what, TF_Message(s));
  exit(1);
}

/* "1x28x28x1"; the number of elements. */
static int64_t parse_shape(const char *text, int64_t *dims, int *rank) {
  int64_t n = 1;
  *rank = 0;
  for (char *p = (char *)text; *p && *rank < 8; p += *p == 'x') {
    char *end;
    dims[*rank] = strtoll(p, &end, 10);
    n *= dims[(*rank)++];
    if (end == p) return -1;
    p = end;
  }
  return n;
}

/* The graph's node that a signature's "name:0" means: what a converted TF2 model serves is called
 * serving_default_<input> and StatefulPartitionedCall or PartitionedCall. */
static TF_Output find(TF_Graph *graph, int is_input) {
  size_t at = 0;
  TF_Output found = {NULL, 0};
  for (TF_Operation *op; (op = TF_GraphNextOperation(graph, &at));) {
    const char *name = TF_OperationName(op), *type = TF_OperationOpType(op);
    if (is_input && strcmp(type, "Placeholder") == 0 && !strncmp(name, "serving_default_", 16))
      found.oper = op;
    if (!is_input && strstr(type, "PartitionedCall") && TF_OperationNumOutputs(op) == 1 &&
        TF_OperationOutputType((TF_Output){op, 0}) == TF_FLOAT)
      found.oper = op;
  }
  return found;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: %s PLUGIN DIR 1x28x28x1 [VALUE]\n", argv[0]);
    return 2;
  }
  TF_Status *s = TF_NewStatus();
  TF_Library *plugin = TF_LoadLibrary(argv[1], s);
  check(argv[1], s);

  /* Models that TF-TRT converted with a GPU name it. ConfigProto.allow_soft_placement = true: field
   * 7. */
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_SetConfig(options, "\x38\x01", 2, s);
  check("options", s);
  TF_Graph *graph = TF_NewGraph();
  const char *tags[] = {"serve"};
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, argv[2], tags, 1, graph, NULL, s);
  check(argv[2], s);

  int64_t dims[8];
  int rank;
  int64_t n = parse_shape(argv[3], dims, &rank);
  TF_Output input = find(graph, 1), output = find(graph, 0);
  if (n < 1 || !input.oper || !output.oper) {
    fprintf(stderr, "%s\n", n < 1 ? "no shape" : "the model has no such input or output");
    return 1;
  }
  TF_Tensor *in = TF_AllocateTensor(TF_FLOAT, dims, rank, (size_t)n * sizeof(float)), *out = NULL;
  float value = argc > 4 ? strtof(argv[4], NULL) : 0.5f, *data = TF_TensorData(in);
  for (int64_t i = 0; i < n; i++) data[i] = value;
  TF_SessionRun(session, NULL, &input, &in, 1, &output, &out, 1, NULL, 0, NULL, s);
  check("run", s);
  const float *answer = TF_TensorData(out);
  for (int64_t i = 0; i < TF_TensorElementCount(out); i++) printf("%.9g\n", (double)answer[i]);

  TF_DeleteTensor(in);
  TF_DeleteTensor(out);
  TF_CloseSession(session, s);
  TF_DeleteSession(session, s);
  TF_DeleteGraph(graph);
  TF_DeleteSessionOptions(options);
  TF_DeleteLibraryHandle(plugin);
  TF_DeleteStatus(s);
  return 0;
}
