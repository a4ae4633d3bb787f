// Constant folding: layers whose inputs are all constants, and shape arithmetic that is known.
#include "base/work.h"
#include "network/eval.h"
#include "network/passes/pass.h"

enum { FOLD_MAX_GROWTH = 64 * 1024 };  // elements that a fold may add to the plan

static int64_t elements_of(net_tensor_t *const *t, int n) {
  int64_t sum = 0;
  for (int i = 0; i < n; i++) {
    int64_t k = shape_elements(&t[i]->shape);
    if (k < 0 || __builtin_add_overflow(sum, k, &sum)) return -1;
  }
  return sum;
}

static bool foldable(const network_t *n, const layer_t *l) {
  if (l->n_in == 0) return false;
  if (l->type == LAYER_DEQUANTIZE && n->int8) return false;  // 8-bit layers want such weights
  for (int i = 0; i < l->n_in; i++)
    if (!l->in[i]->is_const) return false;
  int64_t in = elements_of(l->in, l->n_in), out = elements_of(l->out, l->n_out);
  return out >= 0 && in >= 0 && out <= in + FOLD_MAX_GROWTH;
}

static bool moves_nothing(layer_type_t t) {
  return t == LAYER_RESHAPE || t == LAYER_SQUEEZE || t == LAYER_EXPAND_DIMS || t == LAYER_IDENTITY;
}

static bool fold(network_t *n, layer_t *l) {
  tensor_t *in = mem_alloc((size_t)l->n_in * sizeof *in + 1);
  tensor_t *out = mem_alloc((size_t)l->n_out * sizeof *out + 1);
  const net_tensor_t *same = NULL;
  for (int i = 0; i < l->n_in; i++) in[i] = l->in[i]->value;
  status_t st = NULL;
  if (moves_nothing(l->type)) {  // the same bytes under another shape: still that stored weight
    out[0] = tensor_reshaped(&in[0], &l->out[0]->shape);
    same = l->in[0];
  } else {
    st = layer_eval(l, in, out);
  }
  for (int o = 0; o < l->n_out && !st; o++) {
    net_tensor_t *c =
        network_add_constant(n, l->out[o]->name, &out[o], same ? same->weight_key : NULL);
    if (same) c->weight_scale = same->weight_scale;
    redirect(n, l->out[o], c);
    tensor_unref(&out[o]);
  }
  l->dead = !st;  // a layer that cannot be computed says so when it runs
  status_free(st);
  mem_free(in);
  mem_free(out);
  return l->dead;
}

static bool fold_known(network_t *n, net_tensor_t *t) {
  if (!known_all(t->known) || !shape_known(&t->shape) || t->n_readers == 0) return false;
  if (t->dtype != DT_INT32 && t->dtype != DT_INT64) return false;
  tensor_t v;
  status_t st = tensor_from_ints(t->dtype, &t->shape, t->known->v, &v);
  if (!st) {
    redirect(n, t, network_add_constant(n, t->name, &v, NULL));
    tensor_unref(&v);
  }
  status_free(st);
  return !st;
}

int pass_fold_constants(network_t *n) {
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (work_stopped()) break;  // who waits for the network asks work_check
    if (l->dead) continue;
    for (int o = 0; o < l->n_out; o++) count += fold_known(n, l->out[o]);
    if (foldable(n, l)) count += fold(n, l);
  }
  return count;
}
