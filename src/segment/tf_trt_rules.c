// TF-TRT 2.17's rules, op by op: what its converters (built for TensorRT 8.6) take.
#include <string.h>

#include "ops/op.h"
#include "segment/tf_trt.h"

static const char *op_of(const check_t *c) { return c->node->op; }
static bool is_op(const check_t *c, const char *op) { return strcmp(c->node->op, op) == 0; }

static bool channels_last(const check_t *c) {
  const char *f = node_string(c->node, "data_format");
  return f[0] && f[strlen(f) - 1] == 'C';
}

// ---------------------------------------------------------------- elementwise

static bool unary(check_t *c) {
  if (trt_rank(c, 0) < 1 && !is_op(c, "LogicalNot"))
    return reject(c, "At least 1 dimension is required for UNARY operation '%s'", op_of(c));
  return true;
}

static bool both_weights(const check_t *c) {
  return c->kind[0] == KIND_WEIGHTS && c->kind[1] == KIND_WEIGHTS;
}

static bool binary(check_t *c) {
  if (both_weights(c))
    return reject(c,
                  "Constant folding is falled back to TensorFlow, binary op '%s' received both "
                  "input as constant",
                  op_of(c));
  return check_broadcast(c, 0, 1);
}

static bool boolean_binary(check_t *c) {
  if (c->kind[0] != KIND_TENSOR || c->kind[1] != KIND_TENSOR)
    return reject(c, "Both inputs  of '%s' are expected to be tensors", op_of(c));
  return check_broadcast(c, 0, 1);
}

static bool squared_difference(check_t *c) { return check_broadcast(c, 0, 1); }

static bool select(check_t *c) {
  if (c->kind[0] == KIND_WEIGHTS)
    return reject(c,
                  "The boolean parameter '%s' of the '%s' operation at the node '%s' cannot be "
                  "passed as a weight in TRT version 8.4.",
                  c->node->in[0].src->name, op_of(c), c->node->name);
  if (check_dtype(c, 0) != DT_BOOL)
    return reject(c, "'%s' is expected to be of type kBOOL type, got %s", c->node->in[0].src->name,
                  dtype_tf_name(check_dtype(c, 0)));
  if (is_op(c, "SelectV2"))
    return check_broadcast(c, 0, 1) && check_broadcast(c, 0, 2) && check_broadcast(c, 1, 2);
  const shape_t *cond = check_shape(c, 0), *a = check_shape(c, 1), *b = check_shape(c, 2);
  if (!shape_compatible(a, b)) return reject(c, "The shapes of 'then' and 'else' are not the same");
  bool vector =
      cond->rank == 1 && a->rank >= 1 && (cond->d[0] < 0 || a->d[0] < 0 || cond->d[0] == a->d[0]);
  if (!vector && !shape_compatible(cond, a))
    return reject(c,
                  "The shapes of the 'cond' and 'then' parameters of the '%s' operation must be "
                  "the same OR 'cond' must be a vector with N elements, where N is the batch size "
                  "(first shape dimension) for `then`",
                  op_of(c));
  return true;
}

static bool add_n(check_t *c) {
  if (c->node->n_in < 2) return reject(c, "AddN requires at least two inputs");
  for (int i = 0; i < c->node->n_in; i++)
    if (c->kind[i] == KIND_WEIGHTS && (check_shape(c, i)->rank < 1 || check_shape(c, i)->d[0] != 1))
      return reject(c, "Weights input to AddN is required to have batch dimension 1.");
  return true;
}

static bool bias_add(check_t *c) {
  if (both_weights(c))
    return reject(c, "All inputs are weights, but Grappler is expected to fold them.");
  return true;
}

static bool cast(check_t *c) {
  dtype_t from = check_dtype(c, 0), to = node_type(c->node, "DstT");
  if (from != DT_FLOAT && from != DT_HALF)
    return reject(c, "Cast op is not supported - Allowed input dtypes: [float, half]. Received: %s",
                  dtype_tf_name(from));
  if (to != DT_FLOAT && to != DT_HALF)
    return reject(c,
                  "Cast op is not supported - Allowed output dtypes: [float, half]. Received: %s",
                  dtype_tf_name(to));
  return true;
}

static bool softmax(check_t *c) {
  if (trt_rank(c, 0) < 1)
    return reject(c, "TensorRT %s cannot apply on the batch dimension", op_of(c));
  return true;
}

// ---------------------------------------------------------------- reductions

static bool reduce(check_t *c) {
  int64_t axes[SHAPE_MAX_RANK];
  int n, axis;
  if (node_type(c->node, "Tidx") != DT_INT32) return reject(c, "Tidx supports only DT_INT32");
  if (!check_ints(c, 1, axes, SHAPE_MAX_RANK, &n)) return reject(c, "too many reduction axes");
  if (n == 0) return reject(c, "TRT cannot support reduce on all (batch) dimensions");
  for (int i = 0; i < n; i++)
    if (!check_axis(c, axes[i], check_shape(c, 0)->rank, &axis)) return false;
  return true;
}

static bool arg_min_max(check_t *c) {
  int64_t v[1];
  int n, axis;
  if (node_type(c->node, "output_type") != DT_INT32)
    return reject(c, "Output type %s is not supported",
                  dtype_tf_name(node_type(c->node, "output_type")));
  if (!check_ints(c, 1, v, 1, &n) || n != 1) return reject(c, "the axis should be a scalar");
  return check_axis(c, v[0], check_shape(c, 0)->rank, &axis);
}

static bool top_k(check_t *c) {
  const tensor_t *k = check_value(c, 1);
  if (!node_bool(c->node, "sorted", true)) return reject(c, "Only sorted=True is supported");
  if (trt_rank(c, 0) < 1) return reject(c, "TensorRT TopK cannot apply on batch dimension");
  if (!k || tensor_elements(k) != 1) return reject(c, "k value of TopK should be a scalar");
  return true;
}

// ---------------------------------------------------------------- products

static bool mat_mul(check_t *c) {
  if (!c->implicit) return true;
  bool ta = node_bool(c->node, "transpose_a", false);
  bool ok = trt_rank(c, 1) >= 2 || c->kind[1] == KIND_WEIGHTS;
  if (c->kind[0] == KIND_TENSOR && trt_rank(c, 0) == 1)
    ok = !ta && c->kind[1] == KIND_WEIGHTS;
  else if (c->kind[0] == KIND_WEIGHTS)
    ok = false;
  if (!ok)
    return reject(c,
                  "MatMul with 2D tensors requires explicit batch mode, or that tensor A is not "
                  "transposed and B is a constant tensor.");
  return true;
}

static bool batch_mat_mul(check_t *c) {
  if (both_weights(c))
    return reject(c, "All inputs are weights, but Grappler is expected to fold them.");
  for (int i = 0; i < 2; i++) {
    const shape_t *s = check_shape(c, i);
    if (c->implicit && c->kind[i] == KIND_WEIGHTS && s->rank > trt_rank(c, 1 - i) && s->d[0] != 1)
      return reject(c, "TensorRT does not support batched constants in implicit batch mode.");
  }
  return true;
}

// The labels of one einsum operand; false when a label occurs twice or it has an ellipsis.
static bool einsum_labels(const char *text, size_t n, uint64_t *seen) {
  *seen = 0;
  for (size_t i = 0; i < n; i++) {
    int letter = text[i] >= 'a' && text[i] <= 'z'   ? text[i] - 'a'
                 : text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 26
                                                    : -1;
    if (text[i] == ' ') continue;
    if (letter < 0 || (*seen >> letter & 1)) return false;
    *seen |= (uint64_t)1 << letter;
  }
  return true;
}

static bool einsum(check_t *c) {
  const char *eq = node_string(c->node, "equation"), *arrow = strstr(eq, "->");
  bool ok = arrow && c->node->n_in <= 2;
  if (ok) {
    uint64_t in[2] = {0, 0}, out = 0;
    const char *comma = memchr(eq, ',', (size_t)(arrow - eq));
    size_t n0 = (size_t)((comma ? comma : arrow) - eq);
    ok = einsum_labels(eq, n0, &in[0]) &&
         (!comma || einsum_labels(comma + 1, (size_t)(arrow - comma - 1), &in[1])) &&
         einsum_labels(arrow + 2, strlen(arrow + 2), &out) && out;
    uint64_t both = in[0] | in[1];
    if (ok && comma && __builtin_popcountll(both) == 2 && (out & both) == both) ok = false;
  }
  return ok ? true : reject(c, "No conversion for einsum equation.");
}

// ---------------------------------------------------------------- convolution, pooling, norm

// strides or dilations: 1 for batch and channels.
static bool ones_for_batch_and_channel(const check_t *c, const char *attr, int rank) {
  const int64_t *v;
  int n = node_ints(c->node, attr, &v);
  if (!n) return true;
  int channel = channels_last(c) ? rank - 1 : 1;
  return n == rank && v[0] == 1 && v[channel] == 1;
}

static bool channel_static(const check_t *c, int rank) {
  const shape_t *s = check_shape(c, 0);
  return s->rank == rank && s->d[channels_last(c) ? rank - 1 : 1] >= 0;
}

// A kernel that is a tensor, in explicit precision mode, loses a dim in implicit batch mode.
static int kernel_rank(const check_t *c) {
  return c->kind[1] == KIND_WEIGHTS ? check_shape(c, 1)->rank : trt_rank(c, 1);
}

static bool convolution(check_t *c) {
  if (kernel_rank(c) != 4)
    return reject(c, "Conv2D expects kernel of dimension 4, at %s", c->node->name);
  if (!ones_for_batch_and_channel(c, "dilations", 4))
    return reject(c, "Dilation rate must be 1 for batch and channel dimensions, at %s",
                  c->node->name);
  if (!ones_for_batch_and_channel(c, "strides", 4))
    return reject(c, "Stride must be 1 for batch and channel dimensions, at %s", c->node->name);
  if (!c->implicit && !channel_static(c, 4)) return reject(c, "Channel dimension must be static");
  if (node_string_is(c->node, "padding", "EXPLICIT"))
    return reject(c, "EXPLICIT padding type not implemented, only VALID and SAME are supported");
  return true;
}

static bool any_dilation(const check_t *c) {
  const int64_t *v;
  int n = node_ints(c->node, "dilations", &v);
  for (int i = 0; i < n; i++)
    if (v[i] != 1) return true;
  return false;
}

static bool conv2d_backprop(check_t *c) {
  const shape_t *s = check_shape(c, 2);
  if (kernel_rank(c) != 4)
    return reject(c, "Conv2D expects kernel of dimension 4, at %s", c->node->name);
  if (s->rank != 4)
    return reject(c, c->implicit ? "In implicit batch mode, input nbDims should be 3"
                                 : "In explicit batch mode, input nbDims should be 4");
  if (!ones_for_batch_and_channel(c, "strides", 4))
    return reject(c, "Stride must be 1 for batch and channel dimensions, at %s", c->node->name);
  if (any_dilation(c))
    return reject(c, "Dilation with Conv2DBackpropInput (conv2d_transpose) is not supported");
  // The converter looks at the NCHW positions of the spatial dims in both layouts.
  if (s->d[2] < 0 || s->d[3] < 0)
    return reject(c, "Conv2dBackpropInput does not support input with unknown spatial shape");
  if (node_string_is(c->node, "padding", "EXPLICIT"))
    return reject(c, "EXPLICIT padding type not implemented, only VALID and SAME are supported");
  int64_t sizes[8];
  int n;
  if (!check_ints(c, 0, sizes, 8, &n) || (n != 2 && n != 4))
    return reject(c, "input_sizes should have 2 or 4 values");
  return true;
}

static bool conv3d(check_t *c) {
  bool back = is_op(c, "Conv3DBackpropInputV2");
  if (check_shape(c, 1)->rank != 5)
    return reject(c, "Conv3D expects kernel of dimension 5, at %s", c->node->name);
  if (!ones_for_batch_and_channel(c, "dilations", 5))
    return reject(c, "Dilation rate must be 1 for batch and channel dimensions, at %s",
                  c->node->name);
  if (!ones_for_batch_and_channel(c, "strides", 5))
    return reject(c, "Stride must be 1 for batch and channel dimensions, at %s", c->node->name);
  if (back && any_dilation(c))
    return reject(c, "Dilation with Conv3DBackpropInputV2 (conv3d_transpose) is not supported");
  const shape_t *s = check_shape(c, back ? 2 : 0);
  if (s->rank != 5 || s->d[channels_last(c) ? 4 : 1] < 0)
    return reject(c, "Channel dimension must be static");
  return true;
}

static bool pool(check_t *c) {
  const char *padding = node_string(c->node, "padding");
  bool is3d = strstr(op_of(c), "3D") != NULL;
  const int64_t *k;
  int n = node_ints(c->node, "ksize", &k);
  if (strcmp(padding, "SAME") != 0 && strcmp(padding, "VALID") != 0)
    return reject(c, "Unsupported padding type: %s", padding);
  if (n != (is3d ? 5 : 4)) return reject(c, "ksize must have %d values", is3d ? 5 : 4);
  int first = channels_last(c) ? 1 : 2;
  int64_t window = 1;
  for (int i = 0; i < n - 2; i++) window *= k[first + i];
  if (is3d && !ones_for_batch_and_channel(c, "strides", 5))
    return reject(c, "stride must be 1 for batch and channel dimensions, at %s", c->node->name);
  if (is3d && !ones_for_batch_and_channel(c, "ksize", 5))
    return reject(c, "ksize must be 1 for batch and channel dimensions, at %s", c->node->name);
  if (window >= (is3d ? 31622776 : 100000))
    return reject(c, "Window dimensions are not within bounds");
  return true;
}

static bool batch_norm(check_t *c) {
  if (node_bool(c->node, "is_training", true))
    return reject(c, "%s only supports is_training=false", op_of(c));
  if (!c->implicit && !channel_static(c, check_shape(c, 0)->rank))
    return reject(c, "Channel dimension must be static");
  for (int i = 2; i < 5; i++)
    if (check_dtype(c, i) != check_dtype(c, 1))
      return reject(c, "Inconsistent parameter type for batchnorm");
  int64_t most = 0;
  for (int i = 1; i < 5; i++) {
    int64_t n = shape_elements(check_shape(c, i));
    if (n > most) most = n;
  }
  for (int i = 1; i < 5; i++) {
    int64_t n = shape_elements(check_shape(c, i));
    if (n != 1 && n != most) return reject(c, "Inconsistent batchnorm parameter count");
  }
  return true;
}

static bool fused_conv(check_t *c) {
  if (node_float(c->node, "conv_input_scale", 1) != 1.0f)
    return reject(c, "conv_input_scale should be 1");
  return convolution(c);
}

// ---------------------------------------------------------------- shapes

static bool reshape(check_t *c) {
  const shape_t *in = check_shape(c, 0);
  const tensor_t *shape = check_value(c, 1);
  if (!shape) {
    if (c->implicit)
      return reject(c,
                    "The input \"shape\" for Reshape must be a constant in implicit batch mode.");
    if (check_dtype(c, 1) != DT_INT32) return reject(c, "Expected a shape tensor with INT32 type");
    if (check_shape(c, 1)->rank > 1) return reject(c, "Expected a 0D or 1D shape tensor");
    return true;
  }
  int64_t want[SHAPE_MAX_RANK];
  int n;
  if (!check_ints(c, 1, want, SHAPE_MAX_RANK, &n)) return reject(c, "too many dims in shape");
  if (n > 8) return reject(c, "dims of TensorShape exceed MAX_DIMS");
  shape_t out = shape_of(n, want);
  if (c->implicit) {
    if (n == 0) return reject(c, "Reshape to shape=[] is not supported");
    bool same;
    if (in->d[0] >= 0 && out.d[0] >= 0) {
      same = in->d[0] == out.d[0];
    } else {
      shape_t a = *in, b = out;
      a.d[0] = b.d[0] = 1;
      int64_t va = shape_elements(&a), vb = shape_elements(&b);
      same = va >= 0 && va == vb;
    }
    if (!same) return reject(c, "Reshape on batch dimension is not supported");
    return true;
  }
  int64_t va = shape_elements(in), vb = shape_elements(&out);
  if (va >= 0 && vb >= 0 && va != vb) return reject(c, "Incompatible shapes: volumes differ");
  return true;
}

static bool transpose(check_t *c) {
  int64_t perm[SHAPE_MAX_RANK];
  int n;
  if (!check_ints(c, 1, perm, SHAPE_MAX_RANK, &n) || n != check_shape(c, 0)->rank)
    return reject(c, "Rank of perm for transpose does not match with that of the input.");
  if (c->implicit && perm[0] != 0)
    return reject(c, "Transpose at batch dimension is not supported.");
  return true;
}

static bool expand_dims(check_t *c) {
  int64_t v[1];
  int n, axis;
  if (!check_ints(c, 1, v, 1, &n) || n != 1) return reject(c, "ExpandDims axis must be a scalar");
  return check_axis(c, v[0], check_shape(c, 0)->rank + 1, &axis);
}

static bool squeeze(check_t *c) {
  const int64_t *dims;
  const shape_t *in = check_shape(c, 0);
  int n = node_ints(c->node, "squeeze_dims", &dims), axis;
  if (!n && (c->implicit || !shape_known(in)))
    return reject(c, "Squeeze is not implemented for empty squeeze_dims");
  for (int i = 0; i < n; i++) {
    if (!check_axis(c, dims[i], in->rank, &axis)) return false;
    if (in->d[axis] >= 0 && in->d[axis] != 1)
      return reject(c, "Dimension %d with size %d cannot be squeezed because it must be size 1",
                    axis, (int)in->d[axis]);
  }
  return true;
}

static bool pack(check_t *c) {
  int axis;
  for (int i = 0; i < c->node->n_in; i++) {
    if (c->implicit && c->kind[i] != KIND_TENSOR)
      return reject(c, "The input \"values_%d\" for Pack must be a tensor", i);
    if (!shape_compatible(check_shape(c, 0), check_shape(c, i)))
      return reject(c, "Received inputs with inconsistent shape, at %s", c->node->name);
  }
  return check_axis(c, node_int(c->node, "axis", 0), check_shape(c, 0)->rank + 1, &axis);
}

static bool all_static(check_t *c, int in) {
  const shape_t *s = check_shape(c, in);
  for (int i = 0; i < s->rank; i++)
    if (s->d[i] < 0)
      return reject(c,
                    "The argument `strided_slice_spec` is `std::nullopt` with "
                    "`dynamic_input_size_indices` non empty.");
  return true;
}

static bool divisible(check_t *c, int in, int64_t axis_value, int64_t parts, bool exactly) {
  const shape_t *s = check_shape(c, in);
  int axis;
  if (!check_axis(c, axis_value, s->rank, &axis)) return false;
  if (!all_static(c, in)) return false;
  if (exactly ? s->d[axis] != parts : s->d[axis] % parts != 0)
    return reject(c, "Dimension %d of size %d is not %s by num_split = %d", axis, (int)s->d[axis],
                  exactly ? "equal to" : "evenly divisible", (int)parts);
  return true;
}

static bool unpack(check_t *c) {
  if (check_shape(c, 0)->rank == 0)
    return reject(c, "Input \"value\" for Unpack must be rank 2 or greater");
  return divisible(c, 0, node_int(c->node, "axis", 0), node_int(c->node, "num", 1), true);
}

static bool split(check_t *c) {
  int64_t axis[1], parts = node_int(c->node, "num_split", 1);
  int n;
  if (!check_ints(c, 0, axis, 1, &n) || n != 1 || parts < 1)
    return reject(c, "the split axis should be a scalar");
  return divisible(c, 1, axis[0], parts, false);
}

static bool concat(check_t *c) {
  int n_values = c->node->n_in - 1, n, axis;
  int64_t v[1];
  for (int i = 0; i < n_values; i++)
    if (c->implicit && c->kind[i] != KIND_TENSOR)
      return reject(c, "The input \"values_%d\" for ConcatV2 must be a tensor", i);
  if (c->kind[n_values] != KIND_WEIGHTS)
    return reject(c, "The input \"axis\" for ConcatV2 must be a constant");
  if (!check_ints(c, n_values, v, 1, &n) || n != 1)
    return reject(c, "Axis for ConcatV2 must be a scalar");
  if (!check_axis(c, v[0], check_shape(c, 0)->rank, &axis)) return false;
  for (int i = 1; i < n_values; i++) {
    const shape_t *a = check_shape(c, 0), *b = check_shape(c, i);
    bool same = a->rank == b->rank;
    if (!same) return reject(c, "Received inputs with inconsistent rank, at %s", c->node->name);
    for (int d = 0; same && d < a->rank; d++)
      same = d == axis || a->d[d] < 0 || b->d[d] < 0 || a->d[d] == b->d[d];
    if (!same) return reject(c, "Received inputs with inconsistent shape, at %s", c->node->name);
  }
  return true;
}

static bool implicit_dims_known(check_t *c) {
  const shape_t *in = check_shape(c, 0);
  for (int i = 0; i < in->rank; i++)
    if (c->implicit && in->d[i] < 0)
      return reject(c, "In implicit batch mode, dynamic input size is not supported.");
  return true;
}

static bool slice(check_t *c) {
  const shape_t *in = check_shape(c, 0);
  int64_t begin[SHAPE_MAX_RANK], size[SHAPE_MAX_RANK];
  int nb, ns;
  if (!check_ints(c, 1, begin, SHAPE_MAX_RANK, &nb) ||
      !check_ints(c, 2, size, SHAPE_MAX_RANK, &ns) || nb != in->rank || ns != in->rank)
    return reject(c, "Length of begin and size arguments must equal rank of input for Slice");
  for (int i = 0; i < nb; i++) {
    if (begin[i] < 0) return reject(c, "\"begin\" in Slice is out of range");
    if (size[i] < -1) return reject(c, "\"size\" in Slice is out of range");
    if (in->d[i] >= 0 && (begin[i] > in->d[i] || (size[i] >= 0 && begin[i] + size[i] > in->d[i])))
      return reject(c, "\"begin\" + \"size\" for dimension %d in Slice is out of range", i);
  }
  if (c->implicit && (begin[0] != 0 || (size[0] != -1 && size[0] != in->d[0])))
    return reject(c,
                  "TensorRT does not allow modifications to the batch dimension in implicit batch "
                  "mode");
  return implicit_dims_known(c);
}

static bool strided_slice(check_t *c) {
  const shape_t *in = check_shape(c, 0);
  const node_t *n = c->node;
  int64_t begin[SHAPE_MAX_RANK], end[SHAPE_MAX_RANK], step[SHAPE_MAX_RANK];
  int nb, ne, ns;
  if (node_int(n, "new_axis_mask", 0))
    return reject(c, "new_axis_mask is not supported for StridedSlice");
  if (!check_ints(c, 1, begin, SHAPE_MAX_RANK, &nb) ||
      !check_ints(c, 2, end, SHAPE_MAX_RANK, &ne) || !check_ints(c, 3, step, SHAPE_MAX_RANK, &ns) ||
      nb != ne || nb != ns || nb > in->rank)
    return reject(c, "Length of begin, end and stride must be equal for StridedSlice");
  int64_t bm = node_int(n, "begin_mask", 0), em = node_int(n, "end_mask", 0),
          el = node_int(n, "ellipsis_mask", 0), sm = node_int(n, "shrink_axis_mask", 0);
  int dim = 0;
  for (int i = 0; i < nb; i++) {
    if (el >> i & 1) {
      dim += in->rank - (nb - 1);
      continue;
    }
    if (dim >= in->rank) return reject(c, "too many indices for StridedSlice");
    int64_t size = in->d[dim], b = begin[i], e = end[i];
    bool shrink = sm >> i & 1, all = (bm >> i & 1) && (em >> i & 1);
    if (c->implicit && dim == 0) {
      bool whole =
          (all || ((bm >> i & 1 || b == 0) && (em >> i & 1 || (size >= 0 && e >= size)))) &&
          step[i] == 1 && !shrink;
      if (!whole)
        return reject(c,
                      "TensorRT does not allow modifications to the batch dimension in implicit "
                      "batch mode");
    }
    if (!(bm >> i & 1) || shrink) {
      if (b < 0 && size >= 0) b = b + size < 0 ? 0 : b + size;
      if (b < 0) return reject(c, "Negative values in begin weight tensor are unsupported");
    } else {
      b = 0;
    }
    if (size >= 0 && !shrink && step[i] > 0) {
      e = em >> i & 1 ? size : e < 0 ? e + size : e > size ? size : e;
      if (e < b) return reject(c, "\"size\" cannot be negative for StridedSlice");
    }
    dim++;
  }
  return implicit_dims_known(c);
}

static bool tile(check_t *c) {
  const shape_t *in = check_shape(c, 0);
  const tensor_t *m = check_value(c, 1);
  if (node_type(c->node, "Tmultiples") != DT_INT32)
    return reject(c, "Tmultiples must be int32 for Tile");
  if (!m) {
    const shape_t *s = check_shape(c, 1);
    if (c->implicit)
      return reject(c,
                    "Conversion for Tile is not implemented for multiples passed as a tensor in "
                    "implicit batch mode.");
    if (s->rank != 1 || (s->d[0] >= 0 && s->d[0] != in->rank))
      return reject(c, "The length of the replication vector does not match the rank of the input");
    return true;
  }
  int64_t v[SHAPE_MAX_RANK];
  int n;
  if (!check_ints(c, 1, v, SHAPE_MAX_RANK, &n) || n != in->rank)
    return reject(c,
                  "The length of the replication vector (%d) of the Tile operation does not match "
                  "the rank of the input",
                  n);
  for (int i = 0; i < n; i++)
    if (v[i] <= 0) return reject(c, "All replications of the Tile operation should be positive");
  if (c->implicit && v[0] != 1)
    return reject(c, "The Tile operation along \"batch dimension\" is not implemented.");
  return true;
}

static bool pad(check_t *c) {
  int64_t v[2 * SHAPE_MAX_RANK];
  int n, padded = 0;
  if (check_shape(c, 0)->rank < 4) return reject(c, "Convertpad requires at least 4D input");
  if (check_dtype(c, 1) != DT_INT32) return reject(c, "Tpaddings supports only DT_INT32");
  if (!check_ints(c, 1, v, 2 * SHAPE_MAX_RANK, &n) || n != 2 * check_shape(c, 0)->rank)
    return reject(c, "Pad at paddings must have a row for each dimension");
  for (int i = 0; i < n / 2; i++) {
    if (!v[2 * i] && !v[2 * i + 1]) continue;
    padded++;
    if (c->implicit && i == 0) return reject(c, "Padding layer does not support padding on batch");
  }
  if (padded > 2) return reject(c, "Padding layer does not support padding on > 2");
  return true;
}

static bool depth_space(check_t *c) {
  int64_t b = node_int(c->node, "block_size", 0);
  const shape_t *s = check_shape(c, 0);
  if (b < 2) return reject(c, "Block size must be 2 or greater");
  if (s->rank != 4) return reject(c, "%s requires 4D input", op_of(c));
  bool last = channels_last(c);
  int64_t channels = s->d[last ? 3 : 1], h = s->d[last ? 1 : 2], w = s->d[last ? 2 : 3];
  if (is_op(c, "DepthToSpace") && channels >= 0 && channels % (b * b) != 0)
    return reject(c, "Number of channels must be divisible by block_size*block_size");
  if (is_op(c, "SpaceToDepth") && ((h >= 0 && h % b != 0) || (w >= 0 && w % b != 0)))
    return reject(c, "Width and height must be divisible by block_size");
  return true;
}

static bool gather(check_t *c) {
  int64_t v[1];
  int n, axis;
  if (node_type(c->node, "Tindices") != DT_INT32)
    return reject(c, "Data type %s is not supported for %s",
                  dtype_tf_name(node_type(c->node, "Tindices")), op_of(c));
  if (c->kind[2] != KIND_WEIGHTS)
    return reject(c, "The input \"axis\" for GatherV2 must be a constant");
  if (!check_ints(c, 2, v, 1, &n) || n != 1) return reject(c, "Axis for GatherV2 must be a scalar");
  int rank = check_shape(c, 0)->rank;
  bool params_weights = c->kind[0] == KIND_WEIGHTS;
  if (c->implicit && params_weights) {
    if (v[0] != 0) return reject(c, "The input axis must be zero when params is a weight.");
  } else if (!check_axis(c, v[0], rank, &axis)) {
    return false;
  }
  if (c->implicit && params_weights == (c->kind[1] == KIND_WEIGHTS)) {
    const shape_t *s = check_shape(c, 1);
    if (s->rank < 1 || s->d[0] != 1)
      return reject(c,
                    "Params and indices must have a batch size of 1 when params and indices are "
                    "both tensors or both constants");
  }
  int64_t batch_dims = node_int(c->node, "batch_dims", 0);
  if (batch_dims > (c->implicit ? 0 : 1)) return reject(c, "batch_dims is not supported here");
  if (rank + check_shape(c, 1)->rank - 1 - (int)batch_dims > (c->implicit ? 9 : 8))
    return reject(c, "Result of gather has dimension greater than 8");
  return true;
}

static bool resize(check_t *c) {
  if (is_op(c, "ResizeBilinear") && !node_bool(c->node, "align_corners", false))
    return reject(c, "Cannot Convert Bilinear Resize when align_corners=False");
  if (check_value(c, 1)) {
    if (tensor_elements(check_value(c, 1)) != 2)
      return reject(c, "Resize requires 2D values for the size");
  } else if (c->implicit) {
    return reject(c, "Resize with a size that is a tensor is not supported in implicit batch mode");
  }
  return true;
}

static bool range(check_t *c) {
  static const char *const what[] = {"start", "limit", "delta"};
  bool tensors = false;
  for (int i = 0; i < 3; i++) {
    const shape_t *s = check_shape(c, i);
    if (c->kind[i] == KIND_TENSOR) tensors = true;
    if (s->rank != 1 || (s->d[0] >= 0 && s->d[0] != 1))
      return reject(c, "Dimension for '%s' of Range operator should be equal to 1", what[i]);
  }
  if (tensors && node_type(c->node, "Tidx") != DT_INT32)
    return reject(c, "Range with tensor inputs supports only int32");
  return true;
}

static bool fill(check_t *c) {
  return check_dtype(c, 0) == DT_INT32 ? true : reject(c, "the dims of Fill must be int32");
}

static bool shape_op(check_t *c) {
  return c->implicit ? reject(c, "Shape is only supported for explicit batch mode.") : true;
}

static bool nms(check_t *c) {
  if (c->implicit)
    return reject(c, "Implict batch mode not supported with CombinedNMS '%s'", c->node->name);
  const shape_t *boxes = check_shape(c, 0), *scores = check_shape(c, 1);
  if (boxes->rank != 4)
    return reject(c, "NMS TRT Plugin input boxes must be 4-D including batch, at %s",
                  c->node->name);
  if (scores->rank == 3 && boxes->d[2] >= 0 && scores->d[2] >= 0 && boxes->d[2] != 1 &&
      boxes->d[2] != scores->d[2])
    return reject(c, "NMS TRT Plugin third dimension of boxes must be either 1 or num_classes");
  for (int i = 2; i < 6; i++) {
    const tensor_t *v = check_value(c, i);
    if (!v || tensor_elements(v) != 1)
      return reject(c, "NMS TRT Plugin parameter %d must be a scalar", i);
    double x = tensor_number_at(v, 0);
    if (i < 4 ? x <= 0 : i == 4 && (x < 0 || x > 1))
      return reject(c, "NMS TRT Plugin parameter %d is out of range", i);
  }
  return true;
}

static bool vec_permute(check_t *c) {
  const shape_t *s = check_shape(c, 0);
  if (s->rank != 1 && s->rank != 2) return reject(c, "Input must be a vector or matrix");
  if (s->rank == 2 && s->d[1] >= 0 && s->d[1] != 2)
    return reject(c, "Second dimension of the input must be of size 2");
  return true;
}

static bool variable(check_t *c) {
  return !tensor_empty(&c->node->pinned) ||
         reject(c,
                "The variable of '%s' is assigned while the model runs, may change its shape or "
                "has no value",
                c->node->name);
}

static bool constant(check_t *c) {
  dtype_t t = node_type(c->node, "dtype");
  return t == DT_FLOAT || t == DT_HALF || t == DT_BOOL || dtype_is_int(t)
             ? true
             : reject(c, "Unsupported tensorflow data type %s", dtype_tf_name(t));
}

static bool fake(check_t *c) { return reject(c, "Op type FakeOp is not supported."); }

#define UNARY(op) \
  { op, "T", "f", NULL, false, unary }
#define BINARY(op) \
  { op, "B", "fi", NULL, false, binary }
#define COMPARE(op) \
  { op, "B", "fi", NULL, true, binary }
#define REDUCE(op) \
  { op, "TW", "fi", NULL, false, reduce }
#define PASS(op) \
  { op, "B", NULL, NULL, false, NULL }

const rule_t tf_trt_rules[] = {
    UNARY("Exp"),
    UNARY("Log"),
    UNARY("Sqrt"),
    UNARY("Rsqrt"),
    UNARY("Reciprocal"),
    UNARY("Abs"),
    UNARY("Neg"),
    UNARY("Sin"),
    UNARY("Cos"),
    UNARY("Tan"),
    UNARY("Sinh"),
    UNARY("Cosh"),
    UNARY("Asin"),
    UNARY("Acos"),
    UNARY("Atan"),
    UNARY("Asinh"),
    UNARY("Acosh"),
    UNARY("Atanh"),
    UNARY("Ceil"),
    UNARY("Floor"),
    UNARY("Erf"),
    UNARY("Relu"),
    UNARY("Relu6"),
    UNARY("Sigmoid"),
    UNARY("Tanh"),
    UNARY("Elu"),
    UNARY("Selu"),
    UNARY("Softsign"),
    UNARY("Softplus"),
    UNARY("LeakyRelu"),
    {"Round", "T", "f", NULL, true, unary},
    {"Sign", "T", "fi", NULL, true, unary},
    {"LogicalNot", "T", NULL, NULL, true, NULL},
    {"Square", "T", "fi", NULL, false, NULL},
    {"ClipByValue", "TWW", "f", NULL, false, NULL},
    {"Softmax", "T", "f", NULL, false, softmax},
    {"LogSoftmax", "T", "f", NULL, false, softmax},
    {"Cast", "B", NULL, NULL, false, cast},
    BINARY("Add"),
    BINARY("AddV2"),
    BINARY("Mul"),
    BINARY("Sub"),
    BINARY("Div"),
    BINARY("FloorDiv"),
    BINARY("RealDiv"),
    BINARY("Minimum"),
    BINARY("Maximum"),
    BINARY("Pow"),
    COMPARE("Greater"),
    COMPARE("Less"),
    COMPARE("Equal"),
    COMPARE("GreaterEqual"),
    COMPARE("LessEqual"),
    {"LogicalAnd", "B", NULL, NULL, true, boolean_binary},
    {"LogicalOr", "B", NULL, NULL, true, boolean_binary},
    {"Select", "B", "fi", NULL, true, select},
    {"SelectV2", "B", "fi", NULL, true, select},
    {"SquaredDifference", "TT", "f", NULL, false, squared_difference},
    {"AddN", "B", "f", NULL, false, add_n},
    {"BiasAdd", "B", "f", NULL, false, bias_add},
    REDUCE("Sum"),
    REDUCE("Prod"),
    REDUCE("Max"),
    REDUCE("Min"),
    REDUCE("Mean"),
    {"ArgMin", "TW", "f", NULL, false, arg_min_max},
    {"ArgMax", "TW", "f", NULL, false, arg_min_max},
    {"TopKV2", "TW", "f", NULL, false, top_k},
    {"MatMul", "B", "f", NULL, false, mat_mul},
    {"BatchMatMul", "B", "f", NULL, false, batch_mat_mul},
    {"BatchMatMulV2", "B", "f", NULL, false, batch_mat_mul},
    {"Einsum", "B", "f", NULL, true, einsum},
    {"Conv2D", "TW", "f", NULL, false, convolution},
    {"DepthwiseConv2dNative", "TW", "f", NULL, false, convolution},
    {"Conv2DBackpropInput", "WWT", "f", NULL, false, conv2d_backprop},
    {"Conv3D", "TW", "f", NULL, false, conv3d},
    {"Conv3DBackpropInputV2", "WWT", "f", NULL, false, conv3d},
    {"FusedConv2DBiasActivation", "TW", "f", NULL, false, fused_conv},
    {"MaxPool", "T", "f", NULL, false, pool},
    {"AvgPool", "T", "f", NULL, false, pool},
    {"MaxPool3D", "T", "f", NULL, false, pool},
    {"AvgPool3D", "T", "f", NULL, false, pool},
    {"FusedBatchNorm", "TW", "f", NULL, false, batch_norm},
    {"FusedBatchNormV2", "TW", "f", NULL, false, batch_norm},
    {"FusedBatchNormV3", "TW", "f", NULL, false, batch_norm},
    {"Reshape", "TB", "fi", NULL, false, reshape},
    {"Transpose", "TW", "fi", NULL, false, transpose},
    {"ExpandDims", "TW", "fi", NULL, false, expand_dims},
    {"Squeeze", "T", "fi", NULL, false, squeeze},
    {"Pack", "B", "fi", NULL, false, pack},
    {"Unpack", "T", "fi", NULL, false, unpack},
    {"Split", "WT", "fi", NULL, false, split},
    {"ConcatV2", "B", "fi", NULL, false, concat},
    {"Slice", "TWW", "fi", NULL, false, slice},
    {"StridedSlice", "TWWW", "fi", NULL, false, strided_slice},
    {"Tile", "B", "fi", NULL, false, tile},
    {"Pad", "TW", "f", NULL, false, pad},
    {"Shape", "B", NULL, NULL, false, shape_op},
    {"DepthToSpace", "T", "fi", NULL, false, depth_space},
    {"SpaceToDepth", "T", "fi", NULL, false, depth_space},
    {"GatherV2", "B", "fi", "Tparams", false, gather},
    {"ResizeBilinear", "TB", "f", NULL, false, resize},
    {"ResizeNearestNeighbor", "TB", "f", NULL, false, resize},
    {"DataFormatVecPermute", "B", "i", NULL, true, vec_permute},
    {"Fill", "B", "fi", NULL, true, fill},
    {"Range", "B", "fi", "Tidx", true, range},
    {"ZerosLike", "B", "fi", NULL, true, NULL},
    {"OnesLike", "B", "fi", NULL, true, NULL},
    {"zeros_like", "B", "fi", NULL, true, NULL},
    {"ones_like", "B", "fi", NULL, true, NULL},
    PASS("Identity"),
    PASS("IdentityN"),
    PASS("Snapshot"),
    PASS("StopGradient"),
    PASS("_CopyFromHostToGpu"),
    {"Const", NULL, NULL, NULL, false, constant},
    {"VariableV2", NULL, "f", "dtype", false, variable},
    {"ReadVariableOp", "R", "f", "dtype", true, variable},
    {"CombinedNonMaxSuppression", "TTWWWW", NULL, NULL, false, nms},
    {"QuantizeAndDequantizeV2", "BWW", NULL, NULL, false, NULL},
    {"QuantizeAndDequantizeV3", "BWWW", NULL, NULL, false, NULL},
    {"FakeQuantWithMinMaxVars", "BWW", NULL, NULL, false, NULL},
    {"FakeQuantWithMinMaxArgs", "B", NULL, NULL, false, NULL},
    {"FakeOp", NULL, NULL, NULL, false, fake},
    {0},
};
