// Weights in the layout that 8-bit kernels want. Products with a constant second operand that is
// transposed, x w' with w [n, k], get it as [k, n], with scales per output channel; quantized
// filters to which dims of one are added (those of convolutions along a line) have them at once.
#include <string.h>

#include "network/passes/pass.h"
#include "network/passes/quantize.h"

// [n, k] as [k, n]; elements of 1 or 4 bytes.
static bool transpose(const tensor_t *from, tensor_t *to) {
  int64_t rows = from->shape.d[0], cols = from->shape.d[1];
  size_t size = dtype_size(from->dtype);
  shape_t s = SHAPE(cols, rows);
  status_t st = tensor_alloc(from->dtype, &s, to);
  if (st) {
    status_free(st);
    return false;
  }
  const char *x = from->data;
  char *y = to->data;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      memcpy(y + (size_t)(j * rows + i) * size, x + (size_t)(i * cols + j) * size, size);
  return true;
}

static net_tensor_t *transposed_constant(network_t *n, const net_tensor_t *w) {
  tensor_t value;
  if (!transpose(&w->value, &value)) return NULL;
  net_tensor_t *t = network_add_constant(n, w->name, &value, NULL);
  tensor_unref(&value);
  return t;
}

// EXPAND_DIMS(DQ(constant)) as DQ(constant of that shape).
static void expand_constant(network_t *n, layer_t *l) {
  const layer_t *e = made_by(l->in[1], LAYER_EXPAND_DIMS);
  const layer_t *d = e ? made_by(e->in[0], LAYER_DEQUANTIZE) : NULL;
  if (!d || !d->in[0]->is_const || !d->in[1]->is_const || l->n_in > 8) return;
  tensor_t value = tensor_ref(&d->in[0]->value);
  int at = e->p.axes[0] < 0 ? e->p.axes[0] + value.shape.rank + 1 : e->p.axes[0];
  layer_params_t p = d->p;
  value.shape = e->out[0]->shape;
  if (p.quantize.axis >= at) p.quantize.axis++;
  if (shape_known(&value.shape)) {
    net_tensor_t *q = network_add_constant(n, d->in[0]->name, &value, NULL), *in[8];
    for (int i = 0; i < l->n_in; i++) in[i] = l->in[i];
    in[1] = net_layer1(n, LAYER_DEQUANTIZE, 2, (net_tensor_t *[]){q, d->in[1]}, DT_FLOAT, &p);
    inherit_nodes(n, l, e);
    set_inputs(n, l, l->n_in, in);
  }
  tensor_unref(&value);
}

void straighten_weights(network_t *n, layer_t *l) {
  expand_constant(n, l);
  if (l->type != LAYER_MATMUL || !l->p.matmul.transpose_b || l->in[1]->shape.rank != 2) return;
  const layer_t *d = made_by(l->in[1], LAYER_DEQUANTIZE);
  net_tensor_t *in[8], *w = NULL;
  if (l->in[1]->is_const && n->implicit_ranges) {
    w = transposed_constant(n, l->in[1]);
  } else if (d && d->in[0]->is_const && d->in[0]->dtype == DT_INT8 && d->in[1]->is_const) {
    net_tensor_t *q = transposed_constant(n, d->in[0]);
    layer_params_t p = d->p;
    if (p.quantize.axis >= 0) p.quantize.axis = 1 - p.quantize.axis;
    if (q) w = net_layer1(n, LAYER_DEQUANTIZE, 2, (net_tensor_t *[]){q, d->in[1]}, DT_FLOAT, &p);
  }
  if (!w || l->n_in > 8) return;
  for (int i = 0; i < l->n_in; i++) in[i] = l->in[i];
  in[1] = w;
  set_inputs(n, l, l->n_in, in);
  l->p.matmul.transpose_b = false;
}
