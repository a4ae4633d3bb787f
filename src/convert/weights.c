// Large constants of native segments get a key: they are stored once, in the variable bundle, and
// neither saved_model.pb nor a plan holds their bytes.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "convert/state.h"

// Two hashes of different seeds, and the size: equal keys mean equal contents for all purposes.
static void content_key(const tensor_t *t, char *key, size_t n) {
  size_t bytes = tensor_bytes(t);
  snprintf(key, n, "tftrt/%s/%016" PRIx64 "%016" PRIx64, dtype_name(t->dtype),
           hash_bytes(t->data, bytes, bytes), hash_bytes(t->data, bytes, ~(uint64_t)bytes));
}

status_t key_weights(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    graph_t *body = c->engines.v[i].function->body;
    for (int k = 0; k < body->n_nodes; k++) {
      node_t *n = body->nodes[k];
      const tensor_t *value;
      if (n->dead || strcmp(n->op, "Const") != 0 || !node_attr(n, "value")) continue;
      TRY(attr_tensor(node_attr(n, "value"), &value));
      if (!dtype_is_plain(value->dtype) || tensor_bytes(value) < EXTERNAL_WEIGHT_BYTES) continue;
      char key[96];
      content_key(value, key, sizeof key);
      node_set_string(body, n, "_tftrt_weight", key, strlen(key));
    }
  }
  return NULL;
}
