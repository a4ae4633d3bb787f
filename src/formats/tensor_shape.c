#include "formats/tensor_shape.h"

#include "formats/tf_fields.h"

status_t tensor_shape_parse(wire_t w, shape_t *out) {
  *out = SHAPE_SCALAR;
  wire_field_t f;
  status_t st;
  bool unknown = false;
  while (wire_next(&w, &f, &st)) {
    if (f.number == TF_SHAPE_UNKNOWN_RANK) {
      TRY(wire_get_bool(&f, &unknown));
    } else if (f.number == TF_SHAPE_DIM) {
      wire_t dim;
      wire_field_t x;
      int64_t size = 0;
      TRY(wire_get_message(&f, &dim));
      while (wire_next(&dim, &x, &st))
        if (x.number == TF_DIM_SIZE) TRY(wire_get_i64(&x, &size));
      TRY(st);
      if (out->rank == SHAPE_MAX_RANK)
        return FAIL(INVALID_ARGUMENT, "a shape has more than %d dimensions", SHAPE_MAX_RANK);
      out->d[out->rank++] = size < 0 ? -1 : size;
    }
  }
  if (unknown) *out = SHAPE_UNKNOWN;
  return st;
}

void tensor_shape_write(wire_out_t *w, uint32_t field, const shape_t *s) {
  size_t at = wire_begin(w, field);
  if (s->rank < 0) wire_put_i64(w, TF_SHAPE_UNKNOWN_RANK, 1);
  for (int i = 0; i < s->rank; i++) {
    size_t dim = wire_begin(w, TF_SHAPE_DIM);
    if (s->d[i]) wire_put_i64(w, TF_DIM_SIZE, s->d[i] < 0 ? -1 : s->d[i]);
    wire_end(w, dim);
  }
  wire_end(w, at);
}
