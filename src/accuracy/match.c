#include "accuracy/match.h"

#include "accuracy/values.h"
#include "base/map.h"

// Layers that leave the numbers as they are, but for rounding.
static bool only_rounds(const layer_t *l) {
  return l->type == LAYER_QUANTIZE || l->type == LAYER_DEQUANTIZE ||
         (l->type == LAYER_CAST && tensor_is_real(l->in[0]) && tensor_is_real(l->out[0]));
}

// What a tensor is called by: both networks went through the same passes before precision was
// assigned, so tensors of real numbers that share a name and the kind of layer that makes them come
// in the same order. Elementwise layers are one kind, as they are joined after that.
static void put_key(char **keys, map_t *counts, const net_tensor_t *t, const layer_t *l) {
  if (!tensor_is_real(t)) return;
  bool elementwise = l && (l->type == LAYER_UNARY || l->type == LAYER_BINARY ||
                           l->type == LAYER_SELECT || l->type == LAYER_FUSED);
  char *key = mem_printf("%s %s", t->name,
                         !l            ? "input"
                         : elementwise ? "elementwise"
                                       : layer_type_name(l->type));
  uintptr_t before = (uintptr_t)map_get(counts, key);
  map_put(counts, key, (void *)(before + 1));
  keys[t->id] = mem_printf("%s %d", key, (int)before);
  mem_free(key);
}

static char **keys_of(const network_t *n) {
  char **keys = mem_calloc((size_t)n->n_tensors + 1, sizeof *keys);
  map_t *counts = map_create();
  for (int i = 0; i < n->n_inputs; i++) put_key(keys, counts, n->inputs[i], NULL);
  for (int i = 0; i < n->n_layers; i++) {
    const layer_t *l = n->layers[i];
    for (int o = 0; o < l->n_out && !l->dead && !only_rounds(l); o++)
      put_key(keys, counts, l->out[o], l);
  }
  map_destroy(counts);
  return keys;
}

static void free_keys(char **keys, const network_t *n) {
  for (int i = 0; i < n->n_tensors; i++) mem_free(keys[i]);
  mem_free(keys);
}

const net_tensor_t **match_tensors(const network_t *planned, const network_t *reference) {
  const net_tensor_t **match = mem_calloc((size_t)planned->n_tensors + 1, sizeof *match);
  char **of_planned = keys_of(planned), **of_reference = keys_of(reference);
  map_t *known = map_create();
  for (int i = 0; i < reference->n_tensors; i++)
    if (of_reference[i]) map_put(known, of_reference[i], reference->tensors[i]);
  for (int i = 0; i < planned->n_tensors; i++)
    if (of_planned[i]) match[i] = map_get(known, of_planned[i]);
  for (int i = 0; i < planned->n_layers; i++) {
    const layer_t *l = planned->layers[i];
    if (!l->dead && only_rounds(l)) match[l->out[0]->id] = match[l->in[0]->id];
  }
  map_destroy(known);
  free_keys(of_planned, planned);
  free_keys(of_reference, reference);
  return match;
}
