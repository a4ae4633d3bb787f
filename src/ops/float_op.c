#include "ops/float_op.h"

status_t op_floats(op_ctx_t *c, int i, tensor_t *out) {
  const tensor_t *t = &c->in[i];
  if (t->dtype == DT_FLOAT) {
    *out = tensor_ref(t);
    return NULL;
  }
  TRY(op_temp(c, DT_FLOAT, &t->shape, out));
  if (floats_from(t->dtype, t->data, tensor_elements(t), out->data)) return NULL;
  tensor_unref(out);
  return OP_FAIL(c, UNIMPLEMENTED, "input %d of %s is not supported", i, dtype_name(t->dtype));
}

status_t op_out_floats(op_ctx_t *c, int i, const shape_t *s, tensor_t *work) {
  tensor_t *out;
  TRY(op_out(c, i, s, &out));
  if (out->dtype != DT_FLOAT) return op_temp(c, DT_FLOAT, s, work);
  *work = tensor_ref(out);
  return NULL;
}

void op_floats_done(op_ctx_t *c, int i, tensor_t *work) {
  tensor_t *out = &c->out[i];
  if (out->dtype != DT_FLOAT)
    floats_to(out->dtype, TENSOR_DATA(float, work), tensor_elements(work), out->data);
  tensor_unref(work);
}
