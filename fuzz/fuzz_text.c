// Texts with a grammar of their own; the first byte says which: a regular expression with the text
// it is looked for in, an op's signature with its attributes, an equation of Einsum.
#include "fuzz.h"
#include "graph/passes.h"
#include "kernels/regex.h"
#include "ops/signature.h"

// Two texts in one input, parted by the first zero byte.
static char *second(char *text, size_t size, size_t *n) {
  char *zero = memchr(text, 0, size);
  *n = zero ? size - (size_t)(zero - text) - 1 : 0;
  return zero ? zero + 1 : text + size;
}

static void regex(char *text, size_t size) {
  size_t n;
  const char *in = second(text, size, &n);
  regex_t *r = NULL;
  status_t st = regex_compile(text, strlen(text), &r);
  regex_scratch_t *scratch = regex_scratch_create();
  for (int full = 0; full < 2 && !st; full++) {
    bool found;
    long begin[REGEX_GROUPS], end[REGEX_GROUPS];
    st = regex_search(r, scratch, in, n, 0, full, &found, begin, end);
    for (int g = 0; !st && found && g <= regex_groups(r) && g < REGEX_GROUPS; g++)
      if (begin[g] > end[g] || end[g] > (long)n) abort();
  }
  status_free(st);
  regex_scratch_free(scratch);
  regex_free(r);
}

static void signature(char *text, size_t size) {
  size_t n;
  const char *attrs = second(text, size, &n);
  arena_t *arena = arena_create();
  const op_signature_t *sig;
  status_free(signature_parse(arena, text, attrs, &sig));
  arena_destroy(arena);
}

// With constant operands, so that the kernel runs too.
static void einsum(const char *text, int n_in) {
  arena_t *arena = arena_create();
  library_t *library = library_create(arena);
  graph_t *g = graph_create(arena, library);
  node_t *node = graph_add_node(g, "Einsum", "e");
  node_set_string(g, node, "equation", text, strlen(text));
  static float zeros[24];
  const shape_t shapes[] = {SHAPE(2, 3, 4), SHAPE(4, 3)};
  node_set_type(g, node, "T", DT_FLOAT);
  node_set_int(g, node, "N", n_in);
  for (int i = 0; i < n_in; i++) {
    tensor_t v = tensor_borrow(DT_FLOAT, &shapes[i], zeros,
                               sizeof(float) * (size_t)shape_elements(&shapes[i]), NULL, NULL);
    node_t *constant = graph_add_const(g, i ? "b" : "a", &v);
    tensor_unref(&v);
    node_add_input(g, node, constant, 0);
  }
  status_t st = node_resolve(g, node);
  g->rets = arena_alloc(arena, sizeof *g->rets);
  g->rets[0] = (input_t){node, 0};
  g->n_rets = 1;
  if (!st) st = graph_infer_shapes(g);
  if (!st) st = graph_fold_constants(g);
  status_free(st);
  graph_destroy(g);
  library_destroy(library);
  arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > 4096) return 0;
  char *text = malloc(size);
  memcpy(text, data + 1, size - 1);
  text[size - 1] = 0;
  switch (data[0] % 4) {
    case 0: regex(text, size - 1); break;
    case 1: signature(text, size - 1); break;
    case 2: einsum(text, 1); break;
    default: einsum(text, 2); break;
  }
  free(text);
  return 0;
}
