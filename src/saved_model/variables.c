// Values of variables by the names that graphs use.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tf_fields.h"
#include "saved_model/internal.h"

// "10 7 0,4:-": the whole shape, then start,length or "-" (all) for each dimension.
static status_t parse_slice(const char *spec, bundle_slice_t *out) {
  int64_t dims[SHAPE_MAX_RANK];
  int rank = 0;
  const char *p = spec;
  for (;; rank++) {
    char *end;
    long long v = strtoll(p, &end, 10);
    if (end == p || *end != ' ') break;
    if (rank == SHAPE_MAX_RANK || v < 0) goto bad;
    dims[rank] = v;
    p = end + 1;
  }
  for (int d = 0; d < rank; d++) {
    if (d && *p++ != ':') goto bad;
    if (*p == '-') {
      out->start[d] = 0;
      out->length[d] = dims[d];
      p++;
      continue;
    }
    char *end;
    out->start[d] = strtoll(p, &end, 10);
    if (end == p || *end != ',') goto bad;
    p = end + 1;
    out->length[d] = strtoll(p, &end, 10);
    if (end == p) goto bad;
    p = end;
  }
  if (rank && !*p) return NULL;
bad:
  return FAIL(INVALID_ARGUMENT, "bad slice \"%s\" in the restore operation", spec);
}

// The checkpoint's own object graph names each variable too; a name counts when it is there once.
static status_t key_by_full_name(const saved_model_t *m, const char *name, arena_t *arena,
                                 const char **key) {
  *key = NULL;
  tensor_t t;
  if (!bundle_find(m->bundle, "_CHECKPOINTABLE_OBJECT_GRAPH")) return NULL;
  TRY(bundle_read(m->bundle, "_CHECKPOINTABLE_OBJECT_GRAPH", &t));
  status_t st = NULL;
  int matches = 0;
  if (t.dtype == DT_STRING && tensor_elements(&t) == 1) {
    const str_t *s = TENSOR_DATA(str_t, &t);
    wire_t w = wire_open(s->p, s->n), node, attr;
    wire_field_t f, x, y;
    while (!st && wire_next(&w, &f, &st)) {
      if (f.number != TF_TRACKABLE_GRAPH_NODES) continue;
      st = wire_get_message(&f, &node);
      while (!st && wire_next(&node, &x, &st)) {
        if (x.number != TF_TRACKABLE_ATTRIBUTES) continue;
        const char *full_name = "", *its_key = "";
        st = wire_get_message(&x, &attr);
        while (!st && wire_next(&attr, &y, &st)) {
          if (y.number == TF_SERIALIZED_TENSOR_FULL_NAME)
            st = wire_get_string(&y, arena, &full_name);
          else if (y.number == TF_SERIALIZED_TENSOR_CHECKPOINT_KEY)
            st = wire_get_string(&y, arena, &its_key);
        }
        if (strcmp(full_name, name) == 0 && matches++ == 0) *key = its_key;
      }
    }
  }
  tensor_unref(&t);
  if (matches > 1) *key = NULL;
  return st;
}

static status_t read_by_other_names(const saved_model_t *m, const char *name, tensor_t *out) {
  if (bundle_find(m->bundle, name)) return bundle_read(m->bundle, name, out);
  arena_t *arena = arena_create();
  const char *key = arena_printf(arena, "%s/.ATTRIBUTES/VARIABLE_VALUE", name);
  status_t st = NULL;
  if (!bundle_find(m->bundle, key)) st = key_by_full_name(m, name, arena, &key);
  if (!st && key)
    st = bundle_read(m->bundle, key, out);
  else if (!st)
    st = FAIL(NOT_FOUND, "%s: the model has no variable \"%s\"", m->dir, name);
  arena_destroy(arena);
  return st;
}

status_t saved_model_variable(const saved_model_t *m, const meta_graph_t *g, const char *name,
                              tensor_t *out) {
  *out = (tensor_t){0};
  if (!m->bundle)
    return FAIL(NOT_FOUND, "%s: variable \"%s\" has no value, as there is no variables/ directory",
                m->dir, name);
  const restored_t *r = map_get(m->restored[g->index], name);
  if (!r) return read_by_other_names(m, name, out);
  if (!*r->slice) return status_prefix(bundle_read(m->bundle, r->key, out), "variable %s", name);
  bundle_slice_t box;
  status_t st = parse_slice(r->slice, &box);
  if (!st) st = bundle_read_slice(m->bundle, r->key, &box, out);
  return status_prefix(st, "variable %s", name);
}

static status_t read_variable(void *self, const char *key, tensor_t *out) {
  const saved_model_source_t *s = self;
  bool assigned;
  *out = (tensor_t){0};
  TRY(signatures_assign(s->model, s->graph, key, &assigned));
  if (assigned) return FAIL(NOT_FOUND, "variable \"%s\" changes while the model runs", key);
  return saved_model_variable(s->model, s->graph, key, out);
}

variable_source_t saved_model_variables(saved_model_source_t *s) {
  return (variable_source_t){read_variable, s};
}

status_t saved_model_bundle_tensor(const saved_model_t *m, const char *key, tensor_t *out) {
  *out = (tensor_t){0};
  if (!m->bundle)
    return FAIL(NOT_FOUND, "%s: no tensor \"%s\", as there is no variables/ directory", m->dir,
                key);
  return bundle_read(m->bundle, key, out);
}
