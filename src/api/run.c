// Calls with the public header's tensors.
#include "api/api.h"
#include "base/mem.h"

static status_t check_input(const tensor_info_t *want, const tensor_t *got) {
  char a[160], b[160];
  if (want->dtype != got->dtype)
    return FAIL(INVALID_ARGUMENT, "input '%s': the signature wants %s, got %s", want->key,
                dtype_name(want->dtype), dtype_name(got->dtype));
  if (!shape_compatible(&want->shape, &got->shape))
    return FAIL(INVALID_ARGUMENT, "input '%s': the signature wants shape %s, got %s", want->key,
                shape_format(&want->shape, a, sizeof a), shape_format(&got->shape, b, sizeof b));
  return NULL;
}

// An output may be an input passed through: the caller's memory must not be handed back as ours.
static status_t own_output(tensor_t *t, const tensor_t *in, int n_in) {
  for (int k = 0; k < n_in; k++) {
    if (t->buf != in[k].buf || !t->buf) continue;
    tensor_t copy;
    TRY(tensor_copy(t, &copy));
    tensor_unref(t);
    *t = copy;
  }
  return NULL;
}

status_t api_run(const signature_t *s, api_run_fn run, const tftrt_tensor *inputs, int n_inputs,
                 tftrt_tensor *outputs, int n_outputs) {
  enum { FEW = 16 };
  if (n_inputs != s->n_inputs || n_outputs != s->n_outputs)
    return FAIL(INVALID_ARGUMENT,
                "signature '%s' has %d inputs and %d outputs, called with %d and %d", s->key,
                s->n_inputs, s->n_outputs, n_inputs, n_outputs);
  tensor_t few_in[FEW] = {0}, few_out[FEW];
  tensor_t *in = n_inputs <= FEW ? few_in : mem_alloc((size_t)n_inputs * sizeof *in);
  tensor_t *out = n_outputs <= FEW ? few_out : mem_alloc((size_t)n_outputs * sizeof *out);
  status_t st = NULL;
  int ready = 0;
  for (; ready < n_inputs && !st; ready++) {
    in[ready] = (tensor_t){0};
    st = api_tensor_in(&inputs[ready], s->inputs[ready].key, &in[ready]);
    if (!st) st = check_input(&s->inputs[ready], &in[ready]);
  }
  for (int i = 0; i < n_outputs; i++) out[i] = (tensor_t){0};
  if (!st) st = run.call(run.self, s, in, out);
  for (int i = 0; !st && i < n_outputs; i++) {
    st = own_output(&out[i], in, n_inputs);
    if (!st) api_tensor_out(&out[i], &outputs[i]);
  }
  if (st) {
    for (int i = 0; i < n_outputs; i++) {
      tftrt_tensor_release(&outputs[i]);
      tensor_unref(&out[i]);
    }
  }
  for (int i = 0; i < ready; i++) tensor_unref(&in[i]);
  if (in != few_in) mem_free(in);
  if (out != few_out) mem_free(out);
  return st;
}
