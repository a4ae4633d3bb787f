// Dead layers and tensors out, producers before readers, readers counted anew.
#include <string.h>

#include "network/network.h"

// Layers in an order in which producers come first, near the order that they have: a depth-first
// walk from every layer, with a stack of its own so that deep networks cannot overflow ours.
static void sort_layers(network_t *n) {
  layer_t **sorted = mem_alloc((size_t)(n->n_layers + 1) * sizeof *sorted);
  uint8_t *done = mem_calloc((size_t)n->n_layers + 1, 1);
  struct frame {
    layer_t *l;
    int next;
  } *stack = mem_alloc((size_t)(n->n_layers + 1) * sizeof *stack);
  int count = 0;
  for (int i = 0; i < n->n_layers; i++) n->layers[i]->id = i;
  for (int i = 0; i < n->n_layers; i++) {
    int depth = 0;
    if (!done[i]) {
      done[i] = 1;
      stack[depth++] = (struct frame){n->layers[i], 0};
    }
    while (depth) {
      struct frame *f = &stack[depth - 1];
      if (f->next == f->l->n_in) {
        sorted[count++] = f->l;
        depth--;
        continue;
      }
      layer_t *p = f->l->in[f->next++]->producer;
      if (p && !p->dead && !done[p->id]) {
        done[p->id] = 1;
        stack[depth++] = (struct frame){p, 0};
      }
    }
  }
  memcpy(n->layers, sorted, (size_t)count * sizeof *sorted);
  mem_free(sorted);
  mem_free(done);
  mem_free(stack);
}

void network_compact(network_t *n) {
  int kept = 0;
  for (int i = 0; i < n->n_layers; i++)
    if (!n->layers[i]->dead) n->layers[kept++] = n->layers[i];
  n->n_layers = kept;
  sort_layers(n);

  for (int i = 0; i < n->n_tensors; i++) n->tensors[i]->n_readers = 0;
  for (int i = 0; i < n->n_outputs; i++) n->outputs[i]->n_readers++;
  for (int i = n->n_layers - 1; i >= 0; i--) {  // readers come before their producers
    layer_t *l = n->layers[i];
    bool read = false;
    for (int o = 0; o < l->n_out; o++) read = read || l->out[o]->n_readers > 0;
    l->dead = !read;
    for (int j = 0; read && j < l->n_in; j++) l->in[j]->n_readers++;
  }
  kept = 0;
  for (int i = 0; i < n->n_layers; i++) {
    layer_t *l = n->layers[i];
    if (l->dead) continue;
    l->id = kept;
    n->layers[kept++] = l;
  }
  n->n_layers = kept;

  for (int i = 0; i < n->n_inputs; i++) n->inputs[i]->id = -2;  // inputs stay, read or not
  kept = 0;
  for (int i = 0; i < n->n_tensors; i++) {
    net_tensor_t *t = n->tensors[i];
    bool made = t->producer && !t->producer->dead;  // unread outputs of a live layer stay
    if (t->n_readers || made || t->id == -2) {
      t->id = kept;
      n->tensors[kept++] = t;
    } else {
      tensor_unref(&t->value);
      tensor_unref(&t->unrounded);
    }
  }
  n->n_tensors = kept;
}
