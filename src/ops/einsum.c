// Einsum for one or two operands: sums and diagonals within an operand, then one batched product.
#include <string.h>

#include "base/mem.h"
#include "kernels/gemm.h"
#include "ops/window.h"

enum { ELLIPSIS = 256, LABELS = ELLIPSIS + SHAPE_MAX_RANK };

// Labels of each operand (in[0], in[1]) and of the output, ellipses expanded: a letter is its code,
// the k-th ellipsis dim from the right is ELLIPSIS + k.
typedef struct einsum {
  int n_in;
  int rank[3], label[3][SHAPE_MAX_RANK];  // [2] is the output
  int64_t size[LABELS];                   // -1 or a symbol: unknown; 0 labels unused
  bool broadcast[LABELS];                 // an ellipsis dim that is 1 in one operand only
} einsum_t;

static status_t einsum_term(const node_t *n, const char *p, size_t len, int rank, int ellipsis,
                            int *label, int *out_rank, int *out_ellipsis) {
  struct {
    const node_t *node;
  } c = {n};
  int letters = 0, dots = 0;
  for (size_t i = 0; i < len; i++) {
    bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z');
    if (letter)
      letters++;
    else if (i + 2 < len && !strncmp(p + i, "...", 3))
      dots++, i += 2;
    else if (p[i] != ' ')
      return OP_FAIL(&c, INVALID_ARGUMENT, "equation '%s' has an invalid character '%c'",
                     node_string(n, "equation"), p[i]);
  }
  if (dots > 1)
    return OP_FAIL(&c, INVALID_ARGUMENT, "equation '%s' has two ellipses in one term",
                   node_string(n, "equation"));
  int hidden = !dots ? 0 : rank >= 0 ? rank - letters : ellipsis;
  if (hidden < 0 || (rank >= 0 && letters + hidden != rank))
    return OP_FAIL(&c, INVALID_ARGUMENT, "equation '%s' does not fit an input of rank %d",
                   node_string(n, "equation"), rank);
  if (letters + hidden > SHAPE_MAX_RANK)
    return OP_FAIL(&c, INVALID_ARGUMENT, "more than %d dimensions", SHAPE_MAX_RANK);
  int r = 0;
  for (size_t i = 0; i < len; i++) {
    if (p[i] == '.') {
      for (int k = hidden - 1; k >= 0; k--) label[r++] = ELLIPSIS + k;
      i += 2;
    } else if (p[i] != ' ') {
      label[r++] = (unsigned char)p[i];
    }
  }
  *out_rank = r;
  *out_ellipsis = hidden;
  return NULL;
}

// shapes of unknown rank are allowed where there is no ellipsis; *known is false when the output's
// rank cannot be told.
static status_t einsum_parse(const node_t *n, const shape_t *const *in, einsum_t *e, bool *known) {
  struct {
    const node_t *node;
  } c = {n};
  const char *eq = node_string(n, "equation"), *arrow = strstr(eq, "->");
  *e = (einsum_t){.n_in = n->n_in};
  for (int i = 0; i < LABELS; i++) e->size[i] = -1;
  *known = true;
  if (!arrow || n->n_in < 1 || n->n_in > 2)
    return OP_FAIL(&c, INVALID_ARGUMENT,
                   "equation '%s' with %d inputs: expected one or two inputs and '->'", eq,
                   n->n_in);
  int most = 0, hidden;
  const char *p = eq;
  for (int i = 0; i < n->n_in; i++) {
    const char *comma = memchr(p, ',', (size_t)(arrow - p)), *end = comma ? comma : arrow;
    if ((comma != NULL) != (i + 1 < n->n_in))
      return OP_FAIL(&c, INVALID_ARGUMENT, "equation '%s' does not have %d operands", eq, n->n_in);
    if (in[i]->rank < 0 && memchr(p, '.', (size_t)(end - p))) {
      *known = false;
      return NULL;
    }
    TRY(einsum_term(n, p, (size_t)(end - p), in[i]->rank, 0, e->label[i], &e->rank[i], &hidden));
    if (hidden > most) most = hidden;
    p = end + 1;
  }
  p = arrow + 2;
  TRY(einsum_term(n, p, strlen(p), -1, most, e->label[2], &e->rank[2], &hidden));
  for (int i = 0; i < n->n_in; i++)
    for (int d = 0; d < e->rank[i]; d++) {
      int l = e->label[i][d];
      int64_t size = in[i]->rank < 0 ? -1 : in[i]->d[d], *to = &e->size[l];
      bool seen = false;
      for (int k = 0; k <= i && !seen; k++)
        for (int q = 0; q < (k < i ? e->rank[k] : d); q++) seen |= e->label[k][q] == l;
      if (!seen) {
        *to = size;
      } else if (l >= ELLIPSIS && (size == 1 || *to == 1)) {
        e->broadcast[l] = size != *to;
        if (*to == 1) *to = size;
      } else if (!dim_merge(*to, size, to)) {
        return OP_FAIL(&c, INVALID_ARGUMENT,
                       "equation '%s': one label stands for the sizes %" PRId64 " and %" PRId64, eq,
                       *to, size);
      }
    }
  for (int d = 0; d < e->rank[2]; d++) {
    bool found = false;
    for (int i = 0; i < e->n_in; i++)
      for (int q = 0; q < e->rank[i]; q++) found |= e->label[i][q] == e->label[2][d];
    if (!found)
      return OP_FAIL(&c, INVALID_ARGUMENT, "equation '%s': an output label is in no input", eq);
  }
  return NULL;
}

static bool has_label(const einsum_t *e, int term, int label) {
  for (int d = 0; d < e->rank[term]; d++)
    if (e->label[term][d] == label) return true;
  return false;
}

static status_t einsum_infer(infer_ctx_t *c) {
  einsum_t e;
  bool known;
  const shape_t *in[2] = {infer_in(c, 0), c->node->n_in > 1 ? infer_in(c, 1) : NULL};
  TRY(einsum_parse(c->node, in, &e, &known));
  shape_t out = SHAPE_UNKNOWN;
  if (known) {
    out.rank = e.rank[2];
    for (int d = 0; d < out.rank; d++) out.d[d] = e.size[e.label[2][d]];
  }
  infer_out(c, 0, &out);
  return NULL;
}

// ---------------------------------------------------------------- native

#define SUM_CASE(DT, T)                                                                    \
  case DT: {                                                                               \
    T sum = 0;                                                                             \
    for (int64_t k = 0; k < dropped; k++) sum = (T)(sum + ((const T *)x)[base + skip[k]]); \
    ((T *)y)[i] = sum;                                                                     \
    break;                                                                                 \
  }

// Operand i with its repeated labels made one (the diagonal) and labels that nobody else knows
// summed away; the term's labels are changed to what is left. A reference when nothing is to do.
static status_t einsum_reduce(op_ctx_t *c, einsum_t *e, int i, tensor_t *out) {
  const tensor_t *x_in = &c->in[i];
  int64_t strides[SHAPE_MAX_RANK], stride[LABELS] = {0};
  int keep[SHAPE_MAX_RANK], drop[SHAPE_MAX_RANK], kept = 0, drops = 0;
  shape_strides(&x_in->shape, strides);
  for (int d = 0; d < e->rank[i]; d++) {
    int l = e->label[i][d];
    bool wanted = has_label(e, 2, l) || (e->n_in > 1 && has_label(e, !i, l)), again = false;
    for (int q = 0; q < d; q++) again |= e->label[i][q] == l;
    stride[l] += strides[d];
    if (again) continue;
    if (wanted)
      keep[kept++] = l;
    else
      drop[drops++] = l;
  }
  if (kept == e->rank[i]) {
    *out = tensor_ref(x_in);
    return NULL;
  }
  // Sizes as this operand has them: an ellipsis dim of 1 stays 1.
  int64_t size[LABELS];
  for (int d = 0; d < e->rank[i]; d++) size[e->label[i][d]] = x_in->shape.d[d];
  shape_t s = {.rank = kept};
  for (int d = 0; d < kept; d++) s.d[d] = size[keep[d]];
  int64_t dropped = 1;
  for (int d = 0; d < drops; d++) dropped *= size[drop[d]];
  tensor_t offsets;
  shape_t so = SHAPE(dropped);
  TRY(op_temp(c, DT_INT64, &so, &offsets));
  int64_t *skip = TENSOR_DATA(int64_t, &offsets);
  for (int64_t k = 0; k < dropped; k++) {
    int64_t rest = k;
    skip[k] = 0;
    for (int d = drops - 1; d >= 0; d--) {
      skip[k] += rest % size[drop[d]] * stride[drop[d]];
      rest /= size[drop[d]];
    }
  }
  status_t st = op_temp(c, x_in->dtype, &s, out);
  int64_t n = st ? 0 : tensor_elements(out);
  const void *x = x_in->data;
  void *y = out->data;
  for (int64_t i_out = 0; i_out < n && !st; i_out++) {
    int64_t rest = i_out, base = 0, i = i_out;
    for (int d = kept - 1; d >= 0; d--) {
      base += rest % s.d[d] * stride[keep[d]];
      rest /= s.d[d];
    }
    switch (x_in->dtype) {
      SUM_CASE(DT_FLOAT, float)
      SUM_CASE(DT_DOUBLE, double)
      SUM_CASE(DT_INT32, uint32_t)
      SUM_CASE(DT_INT64, uint64_t)
      case DT_HALF:
      case DT_BFLOAT16: {
        double sum = 0;
        for (int64_t k = 0; k < dropped; k++) sum += tensor_number_at(x_in, base + skip[k]);
        tensor_set_number(out, i, sum);
        break;
      }
      default:
        st = OP_FAIL(c, UNIMPLEMENTED, "sums and diagonals of %s are not supported",
                     dtype_name(x_in->dtype));
    }
  }
  tensor_unref(&offsets);
  if (st) {
    tensor_unref(out);
    return st;
  }
  e->rank[i] = kept;
  memcpy(e->label[i], keep, sizeof keep);
  return NULL;
}

// The tensor with its dims in the order of `want` (labels).
static status_t einsum_order(op_ctx_t *c, const tensor_t *t, const int *have, const int *want,
                             int rank, tensor_t *out) {
  int perm[SHAPE_MAX_RANK];
  bool same = true;
  shape_t s = {.rank = rank};
  for (int d = 0; d < rank; d++) {
    for (int q = 0; q < rank; q++)
      if (have[q] == want[d]) perm[d] = q;
    same &= perm[d] == d;
    s.d[d] = t->shape.d[perm[d]];
  }
  if (same) {
    *out = tensor_ref(t);
    return NULL;
  }
  TRY(op_temp(c, t->dtype, &s, out));
  status_t st = transpose_copy(t->dtype, &t->shape, perm, t->data, out->data, c->threads);
  if (st) tensor_unref(out);
  return st;
}

// Labels of two operands by the part they play: in both and the output, in both only, in one.
typedef struct roles {
  int batch[SHAPE_MAX_RANK], sum[SHAPE_MAX_RANK], free[2][SHAPE_MAX_RANK];
  int n_batch, n_sum, n_free[2];
} roles_t;

static roles_t roles_of(const einsum_t *e) {
  roles_t r = {0};
  for (int d = 0; d < e->rank[2]; d++) {  // in the order of the output
    int l = e->label[2][d];
    bool a = has_label(e, 0, l), b = has_label(e, 1, l);
    if (a && b)
      r.batch[r.n_batch++] = l;
    else
      r.free[!a][r.n_free[!a]++] = l;
  }
  for (int d = 0; d < e->rank[0]; d++)
    if (!has_label(e, 2, e->label[0][d])) r.sum[r.n_sum++] = e->label[0][d];
  return r;
}

static int join_labels(int *to, const int *a, int na, const int *b, int nb, const int *c, int nc) {
  memcpy(to, a, (size_t)na * sizeof *a);
  memcpy(to + na, b, (size_t)nb * sizeof *b);
  memcpy(to + na + nb, c, (size_t)nc * sizeof *c);
  return na + nb + nc;
}

static status_t einsum_product(op_ctx_t *c, const einsum_t *e, const tensor_t *a, const tensor_t *b,
                               int *labels, tensor_t *out) {
  roles_t r = roles_of(e);
  for (int i = 0; i < r.n_sum; i++)
    if (e->broadcast[r.sum[i]])
      return OP_FAIL(c, UNIMPLEMENTED,
                     "summing over broadcast ellipsis dimensions is not supported");
  int want[2][SHAPE_MAX_RANK];
  join_labels(want[0], r.batch, r.n_batch, r.free[0], r.n_free[0], r.sum, r.n_sum);
  join_labels(want[1], r.batch, r.n_batch, r.sum, r.n_sum, r.free[1], r.n_free[1]);
  int rank =
      join_labels(labels, r.batch, r.n_batch, r.free[0], r.n_free[0], r.free[1], r.n_free[1]);
  // Where an operand already lies the other way round, the product reads it transposed.
  int swapped[2][SHAPE_MAX_RANK];
  bool flip[2];
  join_labels(swapped[0], r.batch, r.n_batch, r.sum, r.n_sum, r.free[0], r.n_free[0]);
  join_labels(swapped[1], r.batch, r.n_batch, r.free[1], r.n_free[1], r.sum, r.n_sum);
  tensor_t in[2] = {{0}, {0}};
  const tensor_t *src[2] = {a, b};
  status_t st = NULL;
  for (int i = 0; i < 2; i++) {
    flip[i] = memcmp(e->label[i], swapped[i], (size_t)e->rank[i] * sizeof(int)) == 0;
    const int *to = flip[i] ? swapped[i] : want[i];
    TRY_GOTO(st, done, einsum_order(c, src[i], e->label[i], to, e->rank[i], &in[i]));
  }
  shape_t s = {.rank = rank}, batch = {.rank = r.n_batch};
  gemm_batch_t g = {.batch = 1, .m = 1, .n = 1, .k = 1};
  for (int d = 0; d < rank; d++) s.d[d] = e->size[labels[d]];
  for (int d = 0; d < r.n_batch; d++) batch.d[d] = e->size[r.batch[d]], g.batch *= batch.d[d];
  for (int d = 0; d < r.n_free[0]; d++) g.m *= e->size[r.free[0][d]];
  for (int d = 0; d < r.n_free[1]; d++) g.n *= e->size[r.free[1][d]];
  for (int d = 0; d < r.n_sum; d++) g.k *= e->size[r.sum[d]];
  g.a_rs = flip[0] ? 1 : g.k, g.a_cs = flip[0] ? g.m : 1;
  g.b_rs = flip[1] ? 1 : g.n, g.b_cs = flip[1] ? g.k : 1;
  TRY_GOTO(st, done, op_temp(c, a->dtype, &s, out));
  tensor_t offsets = {0};
  shape_t so = SHAPE(2, g.batch);
  TRY_GOTO(st, done, op_temp(c, DT_INT64, &so, &offsets));
  int64_t *at = TENSOR_DATA(int64_t, &offsets);
  for (int i = 0; i < 2; i++) {
    int64_t strides[SHAPE_MAX_RANK];
    shape_strides(&in[i].shape, strides);
    for (int64_t k = 0; k < g.batch; k++) {
      int64_t rest = k, sum = 0;
      for (int d = r.n_batch - 1; d >= 0; d--) {
        if (in[i].shape.d[d] != 1) sum += rest % batch.d[d] * strides[d];
        rest /= batch.d[d];
      }
      at[i * g.batch + k] = sum;
    }
  }
  g.a_at = at, g.b_at = at + g.batch;
  if (tensor_elements(out) > 0)
    st = gemm_batch_any(&g, a->dtype, in[0].data, tensor_elements(&in[0]), in[1].data,
                        tensor_elements(&in[1]), out->data, false, false, c->threads);
  tensor_unref(&offsets);
done:
  tensor_unref(&in[0]);
  tensor_unref(&in[1]);
  if (st) tensor_unref(out);
  return st;
}

static status_t einsum_kernel(op_ctx_t *c) {
  einsum_t e;
  bool known;
  const shape_t *shapes[2] = {&c->in[0].shape, c->n_in > 1 ? &c->in[1].shape : NULL};
  TRY(einsum_parse(c->node, shapes, &e, &known));
  for (int d = 0; d < e.rank[2]; d++)
    for (int q = 0; q < d; q++)
      if (e.label[2][d] == e.label[2][q])
        return OP_FAIL(c, UNIMPLEMENTED, "repeated labels in the output are not supported");
  tensor_t in[2] = {{0}, {0}}, product = {0}, out = {0};
  int labels[SHAPE_MAX_RANK];
  status_t st = NULL;
  for (int i = 0; i < e.n_in; i++) TRY_GOTO(st, done, einsum_reduce(c, &e, i, &in[i]));
  if (e.n_in == 1) {
    product = tensor_ref(&in[0]);
    memcpy(labels, e.label[0], sizeof labels);
  } else {
    TRY_GOTO(st, done, einsum_product(c, &e, &in[0], &in[1], labels, &product));
  }
  TRY_GOTO(st, done, einsum_order(c, &product, labels, e.label[2], e.rank[2], &out));
  op_out_take(c, 0, out);
done:
  tensor_unref(&in[0]);
  tensor_unref(&in[1]);
  tensor_unref(&product);
  return st;
}

// ---------------------------------------------------------------- engines

static bool einsum_accept(lower_ctx_t *c, char *reason, size_t n) {
  einsum_t e;
  bool known;
  const shape_t *in[2] = {lower_shape(c, 0), c->node->n_in > 1 ? lower_shape(c, 1) : NULL};
  if (c->node->n_in != 2) REFUSE("engines take Einsum of two operands");
  if (!accept_engine_float(c, lower_dtype(c, 0), reason, n)) return false;
  if (in[0]->rank < 0 || in[1]->rank < 0) REFUSE("the rank of an operand is not known");
  if (!accept_status(einsum_parse(c->node, in, &e, &known), reason, n)) return false;
  for (int t = 0; t < 3; t++)
    for (int d = 0; d < e.rank[t]; d++) {
      int l = e.label[t][d];
      for (int q = 0; q < d; q++)
        if (e.label[t][q] == l) REFUSE("the equation repeats a label within a term");
      if (t < 2 && !has_label(&e, 2, l) && !has_label(&e, !t, l))
        REFUSE("the equation sums a label of a single operand");
      if (l >= ELLIPSIS && t < 2 && has_label(&e, !t, l) && e.size[l] < 0 && in[t]->d[d] == -1)
        REFUSE("the ellipsis stands for dimensions that are not known");
      if (e.broadcast[l] && !has_label(&e, 2, l))
        REFUSE("the equation sums over broadcast ellipsis dimensions");
    }
  return true;
}

// Dim d of operand t as a one-element int vector.
static net_tensor_t *dim_tensor(lower_ctx_t *c, net_tensor_t **shape, int t, int d) {
  layer_params_t p = {0};
  if (!shape[t]) shape[t] = net_layer1(c->net, LAYER_SHAPE, 1, &c->in[t], DT_INT32, &p);
  int64_t from = d, to = d + 1, one = 1;
  net_tensor_t *in[] = {shape[t], network_const_ints(c->net, c->node->name, DT_INT32, 1, &from),
                        network_const_ints(c->net, c->node->name, DT_INT32, 1, &to),
                        network_const_ints(c->net, c->node->name, DT_INT32, 1, &one)};
  return net_layer1(c->net, LAYER_SLICE, 4, in, DT_INT32, &p);
}

typedef struct merged_dim {
  const int *label;
  int n;
} merged_dim_t;

// Reshapes x so that entry i of the result is the product of the sizes of group i's labels. With at
// most one unknown entry that is a constant shape; otherwise the shape is computed from the
// operands'.
static net_tensor_t *reshape_groups(lower_ctx_t *c, const einsum_t *e, net_tensor_t *x,
                                    const merged_dim_t *group, int n, const int64_t *size,
                                    net_tensor_t **shape) {
  int64_t dims[SHAPE_MAX_RANK];
  int unknown = 0;
  for (int i = 0; i < n; i++) {
    dims[i] = 1;
    for (int k = 0; k < group[i].n; k++) dims[i] = dim_mul(dims[i], size[group[i].label[k]]);
    if (dims[i] < 0) dims[i] = -1, unknown++;
  }
  if (unknown <= 1) return net_reshape_to(c->net, x, dims, n);
  net_tensor_t *part[SHAPE_MAX_RANK];
  for (int i = 0; i < n; i++) {
    part[i] = NULL;
    int64_t known = 1;
    for (int k = 0; k < group[i].n; k++) {
      int l = group[i].label[k];
      if (size[l] >= 0) {
        known *= size[l];
        continue;
      }
      for (int t = 0, found = 0; t < 2 && !found; t++)
        for (int d = 0; d < e->rank[t] && !found; d++) {
          if (e->label[t][d] != l || lower_shape(c, t)->d[d] == 1) continue;
          net_tensor_t *dim = dim_tensor(c, shape, t, d);
          part[i] = part[i] ? net_binary(c->net, BINARY_MUL, part[i], dim) : dim;
          found = 1;
        }
    }
    net_tensor_t *constant = known != 1 || !part[i]
                                 ? network_const_ints(c->net, c->node->name, DT_INT32, 1, &known)
                                 : NULL;
    part[i] = !part[i]   ? constant
              : constant ? net_binary(c->net, BINARY_MUL, part[i], constant)
                         : part[i];
  }
  layer_params_t p = {0};
  return net_reshape(c->net, x, net_layer1(c->net, LAYER_CONCAT, n, part, DT_INT32, &p));
}

static net_tensor_t *ordered(lower_ctx_t *c, net_tensor_t *x, const int *have, const int *want,
                             int rank) {
  int perm[SHAPE_MAX_RANK];
  bool same = true;
  for (int d = 0; d < rank; d++) {
    for (int q = 0; q < rank; q++)
      if (have[q] == want[d]) perm[d] = q;
    same &= perm[d] == d;
  }
  return same ? x : net_transpose(c->net, x, perm, rank);
}

static status_t einsum_lower(lower_ctx_t *c) {
  einsum_t e;
  bool known;
  const shape_t *shapes[2] = {lower_shape(c, 0), lower_shape(c, 1)};
  TRY(einsum_parse(c->node, shapes, &e, &known));
  roles_t r = roles_of(&e);
  net_tensor_t *shape[2] = {NULL, NULL}, *in[2];
  bool flip[2];
  for (int t = 0; t < 2; t++) {
    // [batch..., free, sum] and [batch..., sum, free], or the other way round when it lies so.
    int order[2][SHAPE_MAX_RANK];
    const merged_dim_t f = {r.free[t], r.n_free[t]}, s = {r.sum, r.n_sum};
    const merged_dim_t *last[2][2] = {{t ? &s : &f, t ? &f : &s}, {t ? &f : &s, t ? &s : &f}};
    for (int v = 0; v < 2; v++)
      join_labels(order[v], r.batch, r.n_batch, last[v][0]->label, last[v][0]->n, last[v][1]->label,
                  last[v][1]->n);
    flip[t] = memcmp(order[1], e.label[t], (size_t)e.rank[t] * sizeof(int)) == 0;
    in[t] = ordered(c, c->in[t], e.label[t], order[flip[t]], e.rank[t]);
    if (r.n_free[t] == 1 && r.n_sum == 1) continue;
    merged_dim_t group[SHAPE_MAX_RANK + 2];
    int64_t size[LABELS];  // as this operand has them
    for (int d = 0; d < e.rank[t]; d++) size[e.label[t][d]] = shapes[t]->d[d];
    for (int d = 0; d < r.n_batch; d++) group[d] = (merged_dim_t){&r.batch[d], 1};
    group[r.n_batch] = *last[flip[t]][0], group[r.n_batch + 1] = *last[flip[t]][1];
    in[t] = reshape_groups(c, &e, in[t], group, r.n_batch + 2, size, shape);
  }
  net_tensor_t *y = net_matmul(c->net, in[0], in[1], flip[0], flip[1]);
  int labels[SHAPE_MAX_RANK];
  int rank =
      join_labels(labels, r.batch, r.n_batch, r.free[0], r.n_free[0], r.free[1], r.n_free[1]);
  if (r.n_free[0] != 1 || r.n_free[1] != 1) {
    merged_dim_t group[SHAPE_MAX_RANK];
    for (int d = 0; d < rank; d++) group[d] = (merged_dim_t){&labels[d], 1};
    y = reshape_groups(c, &e, y, group, rank, e.size, shape);
  }
  c->out[0] = ordered(c, y, labels, e.label[2], rank);
  return NULL;
}

const op_def_t ops_einsum[] = {
    {.name = "Einsum",
     .sig = "inputs: N * T -> output: T",
     .attrs = "equation: string; N: int; T: type",
     .infer = einsum_infer,
     .kernel = einsum_kernel,
     .accept = einsum_accept,
     .lower = einsum_lower},
    {0},
};
