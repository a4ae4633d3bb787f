#include "ops/elements.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

status_t elements_copy(tensor_t *dst, int64_t to, const tensor_t *src, int64_t from, int64_t n) {
  if (n <= 0) return NULL;
  if (dst->dtype == DT_STRING) {
    str_t *d = TENSOR_DATA(str_t, dst) + to;
    const str_t *s = TENSOR_DATA(str_t, src) + from;
    for (int64_t i = 0; i < n; i++) TRY(str_set(&d[i], s[i].p, s[i].n));
  } else if (!dtype_is_plain(dst->dtype)) {
    object_t **d = TENSOR_DATA(object_t *, dst) + to, **s = TENSOR_DATA(object_t *, src) + from;
    for (int64_t i = 0; i < n; i++) {
      object_t *old = d[i];
      d[i] = object_ref(s[i]);
      object_unref(old);
    }
  } else {
    size_t e = dtype_size(dst->dtype);
    memcpy((char *)dst->data + (size_t)to * e, (const char *)src->data + (size_t)from * e,
           (size_t)n * e);
  }
  return NULL;
}

void elements_zero(tensor_t *t, int64_t from, int64_t n) {
  if (n <= 0) return;
  if (t->dtype == DT_STRING) {
    for (int64_t i = from; i < from + n; i++) {
      str_t *s = TENSOR_DATA(str_t, t) + i;
      mem_free(s->p);
      *s = (str_t){0};
    }
  } else if (!dtype_is_plain(t->dtype)) {
    for (int64_t i = from; i < from + n; i++) {
      object_unref(TENSOR_DATA(object_t *, t)[i]);
      TENSOR_DATA(object_t *, t)[i] = NULL;
    }
  } else {
    size_t e = dtype_size(t->dtype);
    memset((char *)t->data + (size_t)from * e, 0, (size_t)n * e);
  }
}

static shape_t row_shape(const tensor_t *t) { return shape_of(t->shape.rank - 1, t->shape.d + 1); }

status_t elements_next_rows(op_ctx_t *c, const tensor_t *t, const tensor_t *lengths, int64_t i,
                            int64_t *at, tensor_t *out) {
  shape_t s = t->shape;
  TRY(tensor_int_at(lengths, i, &s.d[0]));
  if (s.d[0] < 0 || s.d[0] > t->shape.d[0] - *at)
    return OP_FAIL(c, INVALID_ARGUMENT, "the lengths do not add up to %lld rows",
                   (long long)t->shape.d[0]);
  *out = tensor_reshaped(t, &s);
  out->data = (char *)t->data + (size_t)(*at * elements_per_row(t)) * dtype_size(t->dtype);
  *at += s.d[0];
  return NULL;
}

int64_t elements_per_row(const tensor_t *t) {
  shape_t row = row_shape(t);
  return shape_elements(&row);
}

tensor_t elements_row(const tensor_t *t, int64_t i) {
  shape_t row = row_shape(t);
  tensor_t r = tensor_reshaped(t, &row);
  r.data = (char *)t->data + (size_t)(i * shape_elements(&row)) * dtype_size(t->dtype);
  return r;
}

typedef VEC(char) text_t;

static void put(text_t *o, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) vec_push(o, s[i]);
}

static void put_element(text_t *o, const tensor_t *t, int64_t i) {
  char buf[64] = "?";
  int64_t v = 0;
  switch (t->dtype) {
    case DT_STRING: {
      const str_t *s = TENSOR_DATA(str_t, t) + i;
      put(o, s->p, s->n);
      return;
    }
    case DT_BOOL: snprintf(buf, sizeof buf, "%d", TENSOR_DATA(uint8_t, t)[i]); break;
    case DT_FLOAT:
    case DT_HALF:
    case DT_BFLOAT16:
    case DT_DOUBLE: snprintf(buf, sizeof buf, "%.9g", tensor_number_at(t, i)); break;
    default: {
      status_t s = tensor_int_at(t, i, &v);
      if (!s) snprintf(buf, sizeof buf, "%lld", (long long)v);
      status_free(s);
    }
  }
  put(o, buf, strlen(buf));
}

static void put_dim(text_t *o, const tensor_t *t, int d, int64_t *at, int64_t most) {
  if (d == t->shape.rank) {
    put_element(o, t, (*at)++);
    return;
  }
  put(o, "[", 1);
  for (int64_t i = 0; i < t->shape.d[d]; i++) {
    if (most >= 0 && *at >= most) {
      put(o, "...", 3);
      break;
    }
    if (i && d == t->shape.rank - 1) put(o, " ", 1);
    put_dim(o, t, d + 1, at, most);
  }
  put(o, "]", 1);
}

char *elements_text(const tensor_t *t, int64_t most) {
  text_t o = {0};
  int64_t at = 0;
  put_dim(&o, t, 0, &at, most);
  vec_push(&o, '\0');
  return o.v;
}
