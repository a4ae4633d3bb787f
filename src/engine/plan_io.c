#include "engine/plan_io.h"

void plan_put_bytes(plan_writer_t *w, uint16_t tag, const void *data, size_t size) {
  vec_reserve(w, w->n + 6 + size > w->cap ? 2 * (w->n + 6 + size) : w->cap);
  plan_store(w->v + w->n, tag, 2);
  plan_store(w->v + w->n + 2, size, 4);
  if (size) memcpy(w->v + w->n + 6, data, size);
  w->n += 6 + size;
}

void plan_put_ints(plan_writer_t *w, uint16_t tag, const int64_t *v, size_t n) {
  uint8_t *bytes = mem_alloc(8 * n + 1);
  for (size_t i = 0; i < n; i++) plan_store(bytes + 8 * i, (uint64_t)v[i], 8);
  plan_put_bytes(w, tag, bytes, 8 * n);
  mem_free(bytes);
}

void plan_put_string(plan_writer_t *w, uint16_t tag, const char *s) {
  plan_put_bytes(w, tag, s, strlen(s));
}

bool plan_next(plan_reader_t *r, plan_field_t *out) {
  size_t left = (size_t)(r->end - r->p);
  if (left == 0 || r->bad) return false;
  if (left < 6 || plan_fetch(r->p + 2, 4) > left - 6) {
    r->bad = true;
    return false;
  }
  *out = (plan_field_t){(uint16_t)plan_fetch(r->p, 2), r->p + 6, plan_fetch(r->p + 2, 4)};
  r->p += 6 + out->size;
  return true;
}

bool plan_ints(const plan_field_t *f, int64_t *v, size_t n) {
  if (f->size % 8) return false;
  for (size_t i = 0; i < n && i < f->size / 8; i++) v[i] = (int64_t)plan_fetch(f->data + 8 * i, 8);
  return true;
}
