// Building networks: tensors, layers, and the short forms that lowering uses.
#include "network/network.h"

#include <string.h>

#include "network/known.h"

network_t *network_create(const char *name) {
  arena_t *arena = arena_create();
  network_t *n = arena_alloc(arena, sizeof *n);
  n->arena = arena;
  n->name = arena_strdup(arena, name ? name : "");
  n->next_symbol = -1000000;  // out of the way of symbols that come with input shapes
  return n;
}

void network_destroy(network_t *n) {
  if (!n) return;
  for (int i = 0; i < n->n_tensors; i++) {
    tensor_unref(&n->tensors[i]->value);
    tensor_unref(&n->tensors[i]->unrounded);
  }
  mem_free(n->layers);
  mem_free(n->tensors);
  mem_free(n->inputs);
  mem_free(n->outputs);
  mem_free(n->names);
  arena_destroy(n->arena);
}

static net_tensor_t *add_tensor(network_t *n, const char *name, dtype_t dtype,
                                const shape_t *shape) {
  if (n->n_tensors == n->cap_tensors) {
    n->cap_tensors = n->cap_tensors ? 2 * n->cap_tensors : 64;
    n->tensors = mem_realloc(n->tensors, (size_t)n->cap_tensors * sizeof(net_tensor_t *));
  }
  net_tensor_t *t = arena_alloc(n->arena, sizeof *t);
  t->id = n->n_tensors;
  t->name = arena_strdup(n->arena, name ? name : "");
  t->dtype = dtype;
  t->shape = *shape;
  n->tensors[n->n_tensors++] = t;
  return t;
}

static void append(net_tensor_t ***list, int *count, net_tensor_t *t) {
  *list = mem_realloc(*list, (size_t)(*count + 1) * sizeof(net_tensor_t *));
  (*list)[(*count)++] = t;
}

net_tensor_t *network_add_input(network_t *n, const char *name, dtype_t dtype,
                                const shape_t *shape) {
  net_tensor_t *t = add_tensor(n, name, dtype, shape);
  for (int i = 0; i < t->shape.rank; i++)
    if (t->shape.d[i] == -1) t->shape.d[i] = n->next_symbol--;
  append(&n->inputs, &n->n_inputs, t);
  return t;
}

void network_mark_output(network_t *n, net_tensor_t *t) {
  append(&n->outputs, &n->n_outputs, t);
  t->n_readers++;
}

void network_name_tensor(network_t *n, net_tensor_t *t, const char *name) {
  if (n->n_names == n->cap_names) {
    n->cap_names = n->cap_names ? 2 * n->cap_names : 64;
    n->names = mem_realloc(n->names, (size_t)n->cap_names * sizeof *n->names);
  }
  n->names[n->n_names++] = (net_name_t){arena_strdup(n->arena, name), t};
}

void network_keep(network_t *n, const char *node, dtype_t at_least) {
  net_keep_t *grown = arena_alloc(n->arena, (size_t)(n->n_keep + 1) * sizeof *grown);
  if (n->n_keep) memcpy(grown, n->keep, (size_t)n->n_keep * sizeof *grown);
  grown[n->n_keep++] = (net_keep_t){arena_strdup(n->arena, node), at_least};
  n->keep = grown;
}

dtype_t network_kept(const network_t *n, const layer_t *l) {
  dtype_t kept = DT_INVALID;
  for (int i = 0; i < n->n_keep; i++)
    for (int k = 0; k < l->n_tf_nodes; k++)
      if (strcmp(n->keep[i].node, l->tf_nodes[k]) == 0 && kept != DT_FLOAT)
        kept = n->keep[i].at_least;
  return kept;
}

net_tensor_t *network_add_constant(network_t *n, const char *name, const tensor_t *value,
                                   const char *weight_key) {
  net_tensor_t *t = add_tensor(n, name, value->dtype, &value->shape);
  t->is_const = true;
  t->value = tensor_ref(value);
  t->weight_key = weight_key ? arena_strdup(n->arena, weight_key) : NULL;
  t->known = known_from_tensor(n->arena, value);
  return t;
}

static void free_small(buffer_t *b) { mem_free(b->data); }

// The constants made here have at most KNOWN_MAX elements, so their memory is the program's own. It
// is not the network's: clones share it.
static net_tensor_t *add_small_constant(network_t *n, const char *name, dtype_t dtype,
                                        const shape_t *shape, const int64_t *ints, double number) {
  size_t bytes = (size_t)shape_elements(shape) * dtype_size(dtype);
  tensor_t value = tensor_borrow(dtype, shape, mem_alloc(bytes), bytes, free_small, NULL);
  int64_t count = tensor_elements(&value);
  for (int64_t i = 0; i < count; i++) {
    if (dtype == DT_INT64)
      TENSOR_DATA(int64_t, &value)[i] = ints ? ints[i] : (int64_t)number;
    else if (dtype == DT_INT32)
      TENSOR_DATA(int32_t, &value)[i] = (int32_t)(ints ? ints[i] : (int64_t)number);
    else
      tensor_set_number(&value, i, ints ? (double)ints[i] : number);
  }
  net_tensor_t *t = network_add_constant(n, name, &value, NULL);
  tensor_unref(&value);
  return t;
}

net_tensor_t *network_const_ints(network_t *n, const char *name, dtype_t dtype, int count,
                                 const int64_t *v) {
  shape_t shape = SHAPE(count);
  return add_small_constant(n, name, dtype, &shape, v, 0);
}

net_tensor_t *network_const_scalar(network_t *n, const char *name, dtype_t dtype, double v) {
  return add_small_constant(n, name, dtype, &SHAPE_SCALAR, NULL, v);
}

layer_t *network_add_layer(network_t *n, layer_type_t type, const char *name, int n_in,
                           net_tensor_t *const *in, int n_out, const dtype_t *out_dtypes) {
  if (n->n_layers == n->cap_layers) {
    n->cap_layers = n->cap_layers ? 2 * n->cap_layers : 64;
    n->layers = mem_realloc(n->layers, (size_t)n->cap_layers * sizeof(layer_t *));
  }
  layer_t *l = arena_alloc(n->arena, sizeof *l);
  l->id = n->n_layers;
  l->type = type;
  if (!name) name = n->tf_node ? n->tf_node : layer_type_name(type);
  l->name = arena_strdup(n->arena, name);
  if (n->tf_node) {
    l->tf_nodes = arena_alloc(n->arena, sizeof(char *));
    l->tf_nodes[l->n_tf_nodes++] = arena_strdup(n->arena, n->tf_node);
  }
  l->in = arena_alloc(n->arena, (size_t)n_in * sizeof(net_tensor_t *) + 1);
  l->n_in = n_in;
  for (int i = 0; i < n_in; i++) {
    l->in[i] = in[i];
    in[i]->n_readers++;
  }
  l->out = arena_alloc(n->arena, (size_t)n_out * sizeof(net_tensor_t *) + 1);
  l->n_out = n_out;
  for (int i = 0; i < n_out; i++) {
    const char *tensor_name = i ? arena_printf(n->arena, "%s:%d", name, i) : name;
    net_tensor_t *t = add_tensor(n, tensor_name, out_dtypes[i], &SHAPE_UNKNOWN);
    t->producer = l;
    t->port = i;
    l->out[i] = t;
  }
  n->layers[n->n_layers++] = l;
  return l;
}

net_tensor_t *net_layer1(network_t *n, layer_type_t type, int n_in, net_tensor_t *const *in,
                         dtype_t dtype, const layer_params_t *p) {
  layer_t *l = network_add_layer(n, type, NULL, n_in, in, 1, &dtype);
  if (p) l->p = *p;
  status_free(network_infer_layer(n, l));  // network_infer reports it
  return l->out[0];
}

net_tensor_t *net_unary2(network_t *n, unary_op_t op, net_tensor_t *x, float alpha, float beta) {
  bool test = op == UNARY_ISNAN || op == UNARY_ISINF || op == UNARY_ISFINITE;
  layer_params_t p = {.unary = {op, alpha, beta}};
  return net_layer1(n, LAYER_UNARY, 1, &x, test ? DT_BOOL : x->dtype, &p);
}

net_tensor_t *net_unary(network_t *n, unary_op_t op, net_tensor_t *x) {
  return net_unary2(n, op, x, 0, 0);
}

net_tensor_t *net_binary(network_t *n, binary_op_t op, net_tensor_t *a, net_tensor_t *b) {
  layer_params_t p = {.binary = {op}};
  net_tensor_t *in[] = {a, b};
  return net_layer1(n, LAYER_BINARY, 2, in, binary_op_compares(op) ? DT_BOOL : a->dtype, &p);
}

net_tensor_t *net_select(network_t *n, net_tensor_t *cond, net_tensor_t *a, net_tensor_t *b) {
  net_tensor_t *in[] = {cond, a, b};
  return net_layer1(n, LAYER_SELECT, 3, in, a->dtype, NULL);
}

net_tensor_t *net_cast(network_t *n, net_tensor_t *x, dtype_t to) {
  return net_layer1(n, LAYER_CAST, 1, &x, to, NULL);
}

static void set_axes(layer_params_t *p, const int *axes, int n_axes) {
  p->n_axes = n_axes < NET_MAX_AXES ? n_axes : NET_MAX_AXES;
  for (int i = 0; i < p->n_axes; i++) p->axes[i] = axes[i];
}

net_tensor_t *net_reduce(network_t *n, reduce_op_t op, net_tensor_t *x, const int *axes, int n_axes,
                         bool keep_dims) {
  layer_params_t p = {.reduce = {op, keep_dims}};
  set_axes(&p, axes, n_axes);
  return net_layer1(n, LAYER_REDUCE, 1, &x, x->dtype, &p);
}

net_tensor_t *net_reshape(network_t *n, net_tensor_t *x, net_tensor_t *shape) {
  net_tensor_t *in[] = {x, shape};
  return net_layer1(n, LAYER_RESHAPE, 2, in, x->dtype, NULL);
}

net_tensor_t *net_reshape_to(network_t *n, net_tensor_t *x, const int64_t *dims, int rank) {
  const char *name = n->tf_node ? n->tf_node : "reshape";
  net_tensor_t *shape =
      network_const_ints(n, arena_printf(n->arena, "%s/shape", name), DT_INT64, rank, dims);
  return net_reshape(n, x, shape);
}

net_tensor_t *net_transpose(network_t *n, net_tensor_t *x, const int *perm, int rank) {
  layer_params_t p = {0};
  p.transpose.n = rank < SHAPE_MAX_RANK ? rank : SHAPE_MAX_RANK;
  memcpy(p.transpose.perm, perm, (size_t)p.transpose.n * sizeof *perm);
  return net_layer1(n, LAYER_TRANSPOSE, 1, &x, x->dtype, &p);
}

net_tensor_t *net_matmul(network_t *n, net_tensor_t *a, net_tensor_t *b, bool ta, bool tb) {
  layer_params_t p = {0};
  p.matmul.transpose_a = ta;
  p.matmul.transpose_b = tb;
  net_tensor_t *in[] = {a, b};
  return net_layer1(n, LAYER_MATMUL, 2, in, a->dtype, &p);
}

net_tensor_t *net_expand_dims(network_t *n, net_tensor_t *x, int axis) {
  layer_params_t p = {0};
  set_axes(&p, &axis, 1);
  return net_layer1(n, LAYER_EXPAND_DIMS, 1, &x, x->dtype, &p);
}

net_tensor_t *net_squeeze(network_t *n, net_tensor_t *x, const int *axes, int n_axes) {
  layer_params_t p = {0};
  set_axes(&p, axes, n_axes);
  return net_layer1(n, LAYER_SQUEEZE, 1, &x, x->dtype, &p);
}

bool layer_averages(const layer_t *l) {
  if (l->type == LAYER_POOL) return !l->p.pool.max;
  return l->type == LAYER_REDUCE && l->p.reduce.op == REDUCE_MEAN;
}

static int operands(const layer_t *l) { return l->type == LAYER_DECONV ? 3 : 2; }

int layer_bias_at(const layer_t *l) {
  switch (l->type) {
    case LAYER_CONV:
    case LAYER_DECONV: return l->p.conv.has_bias ? operands(l) : -1;
    case LAYER_MATMUL: return l->p.matmul.has_bias ? operands(l) : -1;
    case LAYER_NORM: return l->p.norm.has_offset ? operands(l) : -1;
    default: return -1;
  }
}

int layer_residual_at(const layer_t *l) {
  switch (l->type) {
    case LAYER_CONV:
    case LAYER_DECONV: return l->p.conv.has_residual ? operands(l) + l->p.conv.has_bias : -1;
    case LAYER_MATMUL: return l->p.matmul.has_residual ? operands(l) + l->p.matmul.has_bias : -1;
    default: return -1;
  }
}

int layer_conv_groups(const layer_t *l) {
  const conv_params_t *c = &l->p.conv;
  const shape_t *x = &l->in[0]->shape, *w = &l->in[1]->shape;
  if (l->type == LAYER_DECONV) return c->groups > 0 ? (int)c->groups : 1;
  if (!c->depthwise && c->groups > 0) return (int)c->groups;
  if (w->rank != c->spatial + 2) return 0;
  int64_t w_in = w->d[c->spatial];
  if (c->depthwise) return w_in > 0 ? (int)w_in : 0;
  if (x->rank != c->spatial + 2) return 0;
  int64_t channels = x->d[c->channels_last ? c->spatial + 1 : 1];
  return channels > 0 && w_in > 0 && channels % w_in == 0 ? (int)(channels / w_in) : 0;
}
