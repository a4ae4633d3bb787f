// Plans from anywhere, with a right checksum: each backend either refuses them with one clear error
// or loads them, makes a context for small shapes, and runs.
#include <jansson.h>

#include "convert/precisions.h"
#include "engine/backend.h"
#include "engine/plan.h"
#include "engine/specialize.h"
#include "fuzz.h"
#include "tensor/tensor.h"

enum { MAX_TENSORS = 8, MAX_ELEMENTS = 20000 };

static bool is_small(const shape_t *s) {
  int64_t n = shape_elements(s);
  return n >= 0 && n <= MAX_ELEMENTS;
}

// Concrete shapes for the inputs: what is unknown or large becomes 2.
static bool choose_shapes(const network_t *n, shape_t *shapes) {
  if (n->n_inputs > MAX_TENSORS || n->n_outputs > MAX_TENSORS) return false;
  for (int i = 0; i < n->n_inputs; i++) {
    shapes[i] = n->inputs[i]->shape;
    if (shapes[i].rank < 0) shapes[i] = SHAPE(2, 2);
    for (int d = 0; d < shapes[i].rank; d++)
      if (shapes[i].d[d] < 0 || shapes[i].d[d] > 64) shapes[i].d[d] = 2;
    if (!is_small(&shapes[i])) return false;
  }
  return true;
}

// Whether the run will be short: a valid plan may well describe years of work.
static bool is_short(const network_t *n, const shape_t *shapes) {
  specialized_t *s = NULL;
  status_t st = specialize(n, shapes, NULL, &s);
  bool ok = st || n->n_layers < 200;
  for (int i = 0; s && i < s->n_layers && ok; i++) {
    const layer_t *l = s->layers[i];
    for (int k = 0; k < l->n_in && ok; k++) ok = is_small(spec_shape(s, l->in[k]));
    for (int k = 0; k < l->n_out && ok; k++) ok = is_small(spec_shape(s, l->out[k]));
  }
  status_free(st);
  specialized_free(s);
  return ok;
}

static bool make_tensors(net_tensor_t *const *t, const shape_t *shapes, int n, tensor_t *out) {
  bool ok = true;
  for (int i = 0; i < n && ok; i++) {
    if (!is_small(&shapes[i])) return false;
    status_t st = tensor_alloc(t[i]->dtype, &shapes[i], &out[i]);
    ok = !st;
    status_free(st);
    if (ok && tensor_bytes(&out[i])) memset(out[i].data, 0, tensor_bytes(&out[i]));
  }
  return ok;
}

static void run(const backend_t *b, backend_engine_t *e) {
  const network_t *n = b->network(e);
  shape_t shapes[MAX_TENSORS];
  tensor_t in[MAX_TENSORS] = {0}, out[MAX_TENSORS] = {0};
  backend_context_t *c = NULL;
  if (!choose_shapes(n, shapes) || !is_short(n, shapes)) return;
  // All inputs' values are offered: which ones shapes depend on is the backend's to know.
  if (!make_tensors(n->inputs, shapes, n->n_inputs, in)) return;
  status_t st = b->context_create(e, shapes, in, 1, &c);
  if (!st && make_tensors(n->outputs, b->output_shapes(c), n->n_outputs, out))
    st = b->run(c, in, out);
  status_free(st);
  b->context_destroy(c);
  for (int i = 0; i < MAX_TENSORS; i++) {
    tensor_unref(&in[i]);
    tensor_unref(&out[i]);
  }
}

// What it says of its layers, without weights.
static void tell_precisions(uint8_t *data, size_t size) {
  json_t *counts = NULL;
  status_free(plan_precisions_json(&(bytes_t){data, size}, &counts));
  json_decref(counts);
}

// Profiles: told, and asked for one that has small shapes.
static void read_profiles(const uint8_t *data, size_t size) {
  profiles_t *p = NULL;
  status_free(plan_profiles(data, size, &p));
  if (p && p->n_inputs <= MAX_TENSORS) {
    tensor_t in[MAX_TENSORS] = {0};
    shape_t small = SHAPE(2, 2);
    status_t st = NULL;
    for (int i = 0; i < p->n_inputs && !st; i++) st = tensor_alloc(DT_INT64, &small, &in[i]);
    for (int i = 0; i < p->n_inputs && !st; i++) memset(in[i].data, 0, tensor_bytes(&in[i]));
    if (!st) profiles_find_tensors(p, in);
    status_free(st);
    for (int i = 0; i < MAX_TENSORS; i++) tensor_unref(&in[i]);
    text_t t = {0};
    profiles_text(p, NULL, &t);
    profiles_json(p, NULL, &t);
    text_free(&t);
  }
  profiles_destroy(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *copy = aligned_alloc(64, (size + 63) / 64 * 64 + 64);
  if (!copy) return 0;
  if (size) memcpy(copy, data, size);
  fuzz_seal_plan(copy, size);
  char name[16];
  status_free(plan_backend(copy, size, name, sizeof name));
  read_profiles(copy, size);
  tell_precisions(copy, size);
  static const char *const names[] = {"ref", "cpu"};
  for (int i = 0; i < 2; i++) {
    const backend_t *b = backend_find(names[i]);
    backend_engine_t *e = NULL;
    status_t st = b->load(copy, size, NULL, &e);
    if (!st) {
      run(b, e);
      b->unload(e);
    }
    status_free(st);
  }
  free(copy);
  return 0;
}
