// tftrt_arrays: named arrays in npz files.
#include <string.h>

#include "api/api.h"
#include "base/mem.h"
#include "base/text.h"
#include "formats/npz.h"

typedef struct item {
  char *name;
  tensor_t value;
} item_t;

struct tftrt_arrays {
  VEC(item_t) items;
};

static void put(tftrt_arrays *a, const char *name, tensor_t value) {
  for (size_t i = 0; i < a->items.n; i++) {
    if (strcmp(a->items.v[i].name, name) != 0) continue;
    tensor_unref(&a->items.v[i].value);
    a->items.v[i].value = value;
    return;
  }
  item_t fresh = {mem_strdup(name), value};
  vec_push(&a->items, fresh);
}

tftrt_code tftrt_arrays_create(tftrt_arrays **out, tftrt_error *err) {
  (void)err;
  *out = mem_calloc(1, sizeof **out);
  return TFTRT_OK;
}

void tftrt_arrays_destroy(tftrt_arrays *a) {
  if (!a) return;
  for (size_t i = 0; i < a->items.n; i++) {
    mem_free(a->items.v[i].name);
    tensor_unref(&a->items.v[i].value);
  }
  vec_free(&a->items);
  mem_free(a);
}

static status_t load(tftrt_arrays *a, const char *path) {
  npz_t *z;
  TRY(npz_open(path, &z));
  status_t st = NULL;
  for (size_t i = 0; i < npz_count(z) && !st; i++) {
    tensor_t t;
    st = npz_read(z, i, &t);
    if (!st) put(a, npz_name(z, i), t);
  }
  npz_close(z);
  return st;
}

tftrt_code tftrt_arrays_load(const char *path, tftrt_arrays **out, tftrt_error *err) {
  *out = NULL;
  if (!path) return api_report(FAIL(INVALID_ARGUMENT, "the npz file's path is NULL"), err);
  tftrt_arrays *a = mem_calloc(1, sizeof *a);
  status_t st = load(a, path);
  if (st) {
    tftrt_arrays_destroy(a);
    return api_report(st, err);
  }
  *out = a;
  return TFTRT_OK;
}

tftrt_code tftrt_arrays_save(const tftrt_arrays *a, const char *path, tftrt_error *err) {
  npz_writer_t *w;
  status_t st = npz_create(path, &w);
  if (st) return api_report(st, err);
  for (size_t i = 0; i < a->items.n && !st; i++)
    st = npz_add(w, a->items.v[i].name, &a->items.v[i].value);
  status_t end = npz_finish(w);
  if (st)
    status_free(end);
  else
    st = end;
  return api_report(st, err);
}

int tftrt_arrays_count(const tftrt_arrays *a) { return (int)a->items.n; }

const char *tftrt_arrays_name(const tftrt_arrays *a, int i) {
  return i >= 0 && (size_t)i < a->items.n ? a->items.v[i].name : NULL;
}

tftrt_code tftrt_arrays_get(const tftrt_arrays *a, const char *name, tftrt_tensor *out,
                            tftrt_error *err) {
  *out = (tftrt_tensor){0};
  text_t names = {0};
  for (size_t i = 0; i < a->items.n; i++) {
    const tensor_t *t = &a->items.v[i].value;
    text_printf(&names, "%s%s", i ? ", " : "", a->items.v[i].name);
    if (strcmp(a->items.v[i].name, name) != 0) continue;
    out->dtype = (tftrt_dtype)t->dtype;
    out->rank = t->shape.rank;
    for (int d = 0; d < t->shape.rank; d++) out->dims[d] = t->shape.d[d];
    out->data = t->data;
    out->bytes = tensor_bytes(t);
    text_free(&names);
    return TFTRT_OK;
  }
  status_t st =
      FAIL(NOT_FOUND, "there is no array '%s'; there are: %s", name, names.v ? names.v : "none");
  text_free(&names);
  return api_report(st, err);
}

tftrt_code tftrt_arrays_put(tftrt_arrays *a, const char *name, const tftrt_tensor *t,
                            tftrt_error *err) {
  tensor_t borrowed, copy;
  status_t st = api_tensor_in(t, name, &borrowed);
  if (st) return api_report(st, err);
  st = tensor_copy(&borrowed, &copy);
  tensor_unref(&borrowed);
  if (st) return api_report(st, err);
  put(a, name, copy);
  return TFTRT_OK;
}
