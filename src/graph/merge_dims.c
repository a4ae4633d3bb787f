// Dims that must be equal, or an op would fail: Grappler merges them over the whole graph once
// every shape is inferred (SymbolicShapeManager in
// tensorflow/core/grappler/costs/graph_properties.cc), so that what a bias knows of its channels is
// known of the sum's input, too. Only the ops whose shape functions in TensorFlow 2.17 merge dims
// count here.
#include <string.h>

#include "graph/rewrite.h"
#include "graph/simplify.h"
#include "ops/op.h"

typedef struct merger {
  int64_t *of;  // by -symbol: a dim that is known (>= 0), or a symbol; its own: not merged
  int64_t n;
} merger_t;

static int64_t find(merger_t *m, int64_t d) {
  while (d < -1 && -d < m->n && m->of[-d] != d) d = m->of[-d];
  return d;
}

static void merge(merger_t *m, int64_t a, int64_t b) {
  a = find(m, a);
  b = find(m, b);
  if (a == b || a == -1 || b == -1 || (a >= 0 && b >= 0)) return;
  bool keep_a = a >= 0 || (b < 0 && a > b);  // the older symbol stays
  int64_t gone = keep_a ? b : a;
  if (-gone < m->n) m->of[-gone] = keep_a ? a : b;
}

static bool channels_first(const node_t *n) {
  return strncmp(node_string(n, "data_format"), "NC", 2) == 0;
}

// Dim `at` of input i with dim `at2` of input k.
static void merge_dims(merger_t *m, const node_t *n, int i, int at, int k, int at2) {
  const shape_t *a = input_shape(&n->in[i]), *b = input_shape(&n->in[k]);
  if (at >= 0 && at2 >= 0 && at < a->rank && at2 < b->rank) merge(m, a->d[at], b->d[at2]);
}

static void merge_shapes(merger_t *m, const node_t *n, int i, int k, int but) {
  int rank = input_shape(&n->in[i])->rank;
  if (input_shape(&n->in[k])->rank != rank) return;
  for (int d = 0; d < rank; d++)
    if (d != but) merge_dims(m, n, i, d, k, d);
}

static void merge_product(merger_t *m, const node_t *n, const char *transpose_a,
                          const char *transpose_b) {
  int a = input_shape(&n->in[0])->rank, b = input_shape(&n->in[1])->rank;
  merge_dims(m, n, 0, a - (node_bool(n, transpose_a, false) ? 2 : 1), 1,
             b - (node_bool(n, transpose_b, false) ? 1 : 2));
}

// The product of the known dims; *unknown: where the only unknown one is, -1 when all are known, -2
// when that cannot be said.
static int64_t known_elements(const shape_t *s, int *unknown) {
  int64_t n = 1;
  *unknown = s->rank < 0 ? -2 : -1;
  for (int i = 0; i < s->rank; i++) {
    if (s->d[i] >= 0)
      n *= s->d[i] ? s->d[i] : 1;
    else
      *unknown = *unknown == -1 ? i : -2;
    if (s->d[i] == 0 || n > INT32_MAX) *unknown = -2;  // nothing follows
  }
  return n;
}

// A Reshape keeps the number of elements: one unknown dim follows from the others.
static void merge_reshape(merger_t *m, const node_t *n) {
  const shape_t *in = input_shape(&n->in[0]), *out = &n->out_shape[0];
  int a, b;
  int64_t had = known_elements(in, &a), has = known_elements(out, &b);
  if (a >= 0 && b == -1 && has % had == 0) merge(m, in->d[a], has / had);
  if (a >= 0 && b >= 0 && had == has) merge(m, in->d[a], out->d[b]);
}

// The first dim of an output shape that is a constant is the batch size.
static void merge_sizes(merger_t *m, const node_t *n) {
  const tensor_t *sizes = input_value(&n->in[0]);
  const shape_t *in = input_shape(&n->in[2]);
  if (sizes && in->rank > 0 && tensor_elements(sizes) == in->rank)
    merge(m, in->d[0], (int64_t)tensor_number_at(sizes, 0));
}

static void merge_node(merger_t *m, const node_t *n) {
  static const char *const products[] = {"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", NULL};
  static const char *const norms[] = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3",
                                      NULL};
  static const char *const alike[] = {"Pack", "AddN", NULL};
  int rank = n->n_in ? input_shape(&n->in[0])->rank : -1;
  int channel = channels_first(n) ? 1 : rank - 1;
  if (rewrite_is(n, "BiasAdd") && n->n_in == 2) {
    merge_dims(m, n, 0, channel, 1, 0);
  } else if (rewrite_is(n, "MatMul") && n->n_in == 2) {
    merge_product(m, n, "transpose_a", "transpose_b");
  } else if (rewrite_is_any(n, products) && n->n_in == 2) {
    merge_product(m, n, "adj_x", "adj_y");
  } else if (rewrite_is(n, "DepthwiseConv2dNative") && n->n_in == 2) {
    merge_dims(m, n, 0, channel, 1, 2);
  } else if (rewrite_is_any(n, norms) && n->n_in == 5) {
    for (int i = 1; i < 5; i++) merge_dims(m, n, 0, channel, i, 0);
  } else if (rewrite_is_any(n, alike)) {
    for (int i = 1; i < n->n_in; i++) merge_shapes(m, n, 0, i, -1);
  } else if (rewrite_is(n, "Reshape") && n->n_in == 2) {
    merge_reshape(m, n);
  } else if (rewrite_is(n, "Conv2DBackpropInput") && n->n_in == 3) {
    merge_sizes(m, n);
  } else if (rewrite_is(n, "Select") && n->n_in == 3) {
    merge_shapes(m, n, 1, 2, -1);
  } else if (rewrite_is(n, "ConcatV2") && n->n_in > 2) {
    const tensor_t *axis = input_value(&n->in[n->n_in - 1]);
    if (!axis || tensor_elements(axis) != 1) return;
    int at = (int)tensor_number_at(axis, 0);
    for (int i = 1; i < n->n_in - 1; i++) merge_shapes(m, n, 0, i, at < 0 ? at + rank : at);
  }
}

void simplify_merge_dims(graph_t *g) {
  merger_t m = {.n = -g->next_symbol + 1};
  m.of = mem_alloc((size_t)m.n * sizeof *m.of);
  for (int64_t i = 0; i < m.n; i++) m.of[i] = -i;
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i]->dead) merge_node(&m, g->nodes[i]);
  for (int i = 0; i < g->n_nodes; i++) {
    node_t *n = g->nodes[i];
    for (int k = 0; !n->dead && k < n->n_out; k++)
      for (int d = 0; d < n->out_shape[k].rank; d++)
        n->out_shape[k].d[d] = find(&m, n->out_shape[k].d[d]);
  }
  mem_free(m.of);
}
