// Attributes of nodes: reading with defaults, writing.
#include <string.h>

#include "graph/graph.h"
#include "ops/signature.h"

attr_value_t *node_attr(const node_t *n, const char *name) {
  for (attr_t *a = n->attrs; a; a = a->next)
    if (strcmp(a->name, name) == 0) return a->value;
  return NULL;
}

// The attribute when it has this kind, else the op's default when that has, else NULL.
static const attr_value_t *get(const node_t *n, const char *name, attr_kind_t kind) {
  const attr_value_t *v = node_attr(n, name);
  if (!v) v = signature_node_default(n, name);
  return v && v->kind == kind ? v : NULL;
}

int64_t node_int(const node_t *n, const char *name, int64_t fallback) {
  const attr_value_t *v = get(n, name, ATTR_INT);
  return v ? v->i : fallback;
}

float node_float(const node_t *n, const char *name, float fallback) {
  const attr_value_t *v = get(n, name, ATTR_FLOAT);
  return v ? v->f : fallback;
}

bool node_bool(const node_t *n, const char *name, bool fallback) {
  const attr_value_t *v = get(n, name, ATTR_BOOL);
  return v ? v->b : fallback;
}

dtype_t node_type(const node_t *n, const char *name) {
  const attr_value_t *v = get(n, name, ATTR_TYPE);
  return v ? v->type : DT_INVALID;
}

const char *node_string(const node_t *n, const char *name) {
  const attr_value_t *v = get(n, name, ATTR_STRING);
  return v && v->s.p ? v->s.p : "";
}

bool node_string_is(const node_t *n, const char *name, const char *value) {
  return strcmp(node_string(n, name), value) == 0;
}

shape_t node_shape(const node_t *n, const char *name) {
  const attr_value_t *v = get(n, name, ATTR_SHAPE);
  return v ? v->shape : SHAPE_UNKNOWN;
}

static int get_list(const node_t *n, const char *name, attr_kind_t kind, const void **out) {
  const attr_value_t *v = get(n, name, ATTR_LIST);
  bool fits = v && v->list_kind == kind;
  *out = fits ? v->packed : NULL;
  return fits ? (int)v->n_list : 0;
}

int node_ints(const node_t *n, const char *name, const int64_t **v) {
  const void *p;
  int count = get_list(n, name, ATTR_INT, &p);
  *v = p;
  return count;
}

int node_floats(const node_t *n, const char *name, const float **v) {
  const void *p;
  int count = get_list(n, name, ATTR_FLOAT, &p);
  *v = p;
  return count;
}

int node_types(const node_t *n, const char *name, const dtype_t **v) {
  const void *p;
  int count = get_list(n, name, ATTR_TYPE, &p);
  *v = p;
  return count;
}

const func_ref_t *node_func(const node_t *n, const char *name) {
  const attr_value_t *v = get(n, name, ATTR_FUNC);
  return v ? &v->func : NULL;
}

static const attr_value_t *list_of(const node_t *n, const char *name, attr_kind_t kind) {
  const attr_value_t *v = get(n, name, ATTR_LIST);
  return v && v->n_list && v->list_kind == kind ? v : NULL;
}

const attr_value_t *node_shapes(const node_t *n, const char *name) {
  return list_of(n, name, ATTR_SHAPE);
}

const attr_value_t *node_strings(const node_t *n, const char *name) {
  return list_of(n, name, ATTR_STRING);
}

// ---------------------------------------------------------------- writing

// The tensors of list(tensor) attributes are never parsed, so there is only one to let go.
static void release(attr_value_t *v) {
  if (atomic_fetch_sub(&v->more_owners, 1) == 0) tensor_unref(&v->tensor);
}

void attrs_release(attr_t *attrs) {
  for (attr_t *a = attrs; a; a = a->next) release(a->value);
}

attr_t *attrs_copy(arena_t *arena, const attr_t *attrs) {
  attr_t *first = NULL, **link = &first;
  for (; attrs; attrs = attrs->next, link = &(*link)->next) {
    *link = arena_alloc(arena, sizeof **link);
    **link = (attr_t){attrs->name, attrs->value, NULL};
    atomic_fetch_add(&attrs->value->more_owners, 1);
  }
  return first;
}

attr_value_t *node_set_attr(graph_t *g, node_t *n, const char *name) {
  attr_t **link = &n->attrs;
  while (*link && strcmp((*link)->name, name) != 0) link = &(*link)->next;
  n->raw = NULL;
  if (*link) {
    release((*link)->value);
  } else {
    *link = arena_alloc(g->arena, sizeof **link);
    (*link)->name = arena_strdup(g->arena, name);
  }
  return (*link)->value = arena_alloc(g->arena, sizeof(attr_value_t));
}

bool attrs_remove(attr_t **attrs, const char *name) {
  for (attr_t **link = attrs; *link; link = &(*link)->next) {
    if (strcmp((*link)->name, name) != 0) continue;
    release((*link)->value);
    *link = (*link)->next;
    return true;
  }
  return false;
}

void node_remove_attr(node_t *n, const char *name) {
  if (attrs_remove(&n->attrs, name)) n->raw = NULL;
}

#define SETTER(function, ctype, attr_kind, field)                   \
  void function(graph_t *g, node_t *n, const char *name, ctype v) { \
    attr_value_t *a = node_set_attr(g, n, name);                    \
    a->kind = attr_kind;                                            \
    a->field = v;                                                   \
  }
SETTER(node_set_int, int64_t, ATTR_INT, i)
SETTER(node_set_float, float, ATTR_FLOAT, f)
SETTER(node_set_bool, bool, ATTR_BOOL, b)
SETTER(node_set_type, dtype_t, ATTR_TYPE, type)

void node_set_string(graph_t *g, node_t *n, const char *name, const char *v, size_t len) {
  attr_value_t *a = node_set_attr(g, n, name);
  a->kind = ATTR_STRING;
  a->s.p = arena_strndup(g->arena, v, len);
  a->s.n = len;
}

void node_set_shape(graph_t *g, node_t *n, const char *name, const shape_t *v) {
  attr_value_t *a = node_set_attr(g, n, name);
  a->kind = ATTR_SHAPE;
  a->shape = *v;
}

void node_set_tensor(graph_t *g, node_t *n, const char *name, const tensor_t *v) {
  tensor_t t = tensor_ref(v);  // before the old value goes: it may be the same
  attr_value_t *a = node_set_attr(g, n, name);
  a->kind = ATTR_TENSOR;
  a->tensor = t;
}

void node_set_func(graph_t *g, node_t *n, const char *name, const char *function) {
  attr_value_t *a = node_set_attr(g, n, name);
  a->kind = ATTR_FUNC;
  a->func.name = arena_strdup(g->arena, function);
}

static const size_t packed_size[] = {
    [ATTR_INT] = sizeof(int64_t),
    [ATTR_FLOAT] = sizeof(float),
    [ATTR_BOOL] = sizeof(bool),
    [ATTR_TYPE] = sizeof(dtype_t),
    [ATTR_LIST] = 0,
};

void attr_pack_list(arena_t *arena, attr_value_t *v, const attr_value_t *items) {
  v->kind = ATTR_LIST;
  v->list = NULL;
  v->packed = NULL;
  size_t size = packed_size[v->list_kind], n = v->n_list;
  if (!size) {
    if (n) v->list = memcpy(arena_alloc(arena, n * sizeof *items), items, n * sizeof *items);
    return;
  }
  char *p = arena_alloc(arena, n * size + 1);
  v->packed = p;
  for (size_t i = 0; i < n; i++, p += size) {
    const attr_value_t *a = &items[i];
    const void *from = v->list_kind == ATTR_INT     ? (const void *)&a->i
                       : v->list_kind == ATTR_FLOAT ? (const void *)&a->f
                       : v->list_kind == ATTR_BOOL  ? (const void *)&a->b
                                                    : (const void *)&a->type;
    memcpy(p, from, size);
  }
}

attr_value_t attr_item(const attr_value_t *list, size_t i) {
  if (list->list) return list->list[i];
  attr_value_t v = {.kind = list->list_kind};
  switch (list->list_kind) {
    case ATTR_INT: v.i = ((const int64_t *)list->packed)[i]; break;
    case ATTR_FLOAT: v.f = ((const float *)list->packed)[i]; break;
    case ATTR_BOOL: v.b = ((const bool *)list->packed)[i]; break;
    default: v.type = ((const dtype_t *)list->packed)[i]; break;
  }
  return v;
}

static void set_packed(graph_t *g, node_t *n, const char *name, attr_kind_t kind, const void *v,
                       int count) {
  attr_value_t *a = node_set_attr(g, n, name);
  size_t bytes = (size_t)count * packed_size[kind];
  void *copy = arena_alloc(g->arena, bytes + 1);
  if (bytes) memcpy(copy, v, bytes);
  a->kind = ATTR_LIST;
  a->list_kind = kind;
  a->packed = copy;
  a->n_list = (size_t)count;
}

void node_set_ints(graph_t *g, node_t *n, const char *name, const int64_t *v, int count) {
  set_packed(g, n, name, ATTR_INT, v, count);
}

void node_set_floats(graph_t *g, node_t *n, const char *name, const float *v, int count) {
  set_packed(g, n, name, ATTR_FLOAT, v, count);
}

void node_set_types(graph_t *g, node_t *n, const char *name, const dtype_t *v, int count) {
  set_packed(g, n, name, ATTR_TYPE, v, count);
}

void node_set_strings(graph_t *g, node_t *n, const char *name, const char *const *v, int count) {
  attr_value_t *a = node_set_attr(g, n, name);
  a->kind = ATTR_LIST;
  a->list_kind = ATTR_STRING;
  a->n_list = (size_t)count;
  a->list = arena_alloc(g->arena, (size_t)count * sizeof *a->list + 1);
  for (int i = 0; i < count; i++) {
    a->list[i].kind = ATTR_STRING;
    a->list[i].s.p = arena_strdup(g->arena, v[i]);
    a->list[i].s.n = strlen(v[i]);
  }
}

void node_set_shapes(graph_t *g, node_t *n, const char *name, const shape_t *v, int count) {
  attr_value_t *a = node_set_attr(g, n, name);
  a->kind = ATTR_LIST;
  a->list_kind = ATTR_SHAPE;
  a->n_list = (size_t)count;
  a->list = arena_alloc(g->arena, (size_t)count * sizeof *a->list);
  for (int i = 0; i < count; i++) {
    a->list[i].kind = ATTR_SHAPE;
    a->list[i].shape = v[i];
  }
}
