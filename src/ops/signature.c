#include "ops/signature.h"

#include <stdlib.h>
#include <string.h>

typedef struct cursor {
  arena_t *arena;
  const char *p;
  const op_signature_t *sig;
} cursor_t;

static void skip(cursor_t *c) {
  while (*c->p == ' ' || *c->p == '\n') c->p++;
}

static bool accept(cursor_t *c, const char *token) {
  skip(c);
  size_t n = strlen(token);
  if (strncmp(c->p, token, n) != 0) return false;
  c->p += n;
  return true;
}

static status_t expect(cursor_t *c, const char *token) {
  return accept(c, token) ? NULL : FAIL(INVALID_ARGUMENT, "expected '%s' at '%s'", token, c->p);
}

static status_t word(cursor_t *c, const char **out) {
  skip(c);
  size_t n = strspn(c->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
  if (!n) return FAIL(INVALID_ARGUMENT, "expected a name at '%s'", c->p);
  *out = arena_strndup(c->arena, c->p, n);
  c->p += n;
  return NULL;
}

// ---------------------------------------------------------------- attributes

static const struct {
  const char *name;
  attr_kind_t kind;
} kinds[] = {
    {"string", ATTR_STRING}, {"int", ATTR_INT},     {"float", ATTR_FLOAT},   {"bool", ATTR_BOOL},
    {"type", ATTR_TYPE},     {"shape", ATTR_SHAPE}, {"tensor", ATTR_TENSOR}, {"func", ATTR_FUNC},
};

static attr_kind_t kind_of(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].name, name) == 0) return kinds[i].kind;
  return ATTR_NONE;
}

static status_t parse_shape(cursor_t *c, shape_t *out) {
  if (accept(c, "unknown")) {
    *out = SHAPE_UNKNOWN;
    return NULL;
  }
  *out = SHAPE_SCALAR;
  TRY(expect(c, "["));
  while (!accept(c, "]")) {
    if (out->rank == SHAPE_MAX_RANK) return FAIL(INVALID_ARGUMENT, "too many dims at '%s'", c->p);
    char *end = NULL;
    if (accept(c, "?")) {
      out->d[out->rank++] = -1;
    } else {
      out->d[out->rank++] = strtoll(c->p, &end, 10);
      if (end == c->p) return FAIL(INVALID_ARGUMENT, "expected a dim at '%s'", c->p);
      c->p = end;
    }
    if (!accept(c, ",")) {
      TRY(expect(c, "]"));
      break;
    }
  }
  return NULL;
}

static status_t parse_scalar(cursor_t *c, attr_kind_t kind, attr_value_t *v) {
  char *end = NULL;
  const char *name = NULL;
  v->kind = kind;
  skip(c);
  switch (kind) {
    case ATTR_STRING: {
      TRY(expect(c, "'"));
      v->s.n = strcspn(c->p, "'");
      v->s.p = arena_strndup(c->arena, c->p, v->s.n);
      c->p += v->s.n;
      return expect(c, "'");
    }
    case ATTR_INT: v->i = strtoll(c->p, &end, 10); break;
    case ATTR_FLOAT: v->f = strtof(c->p, &end); break;
    case ATTR_BOOL:
      v->b = accept(c, "true");
      return v->b || accept(c, "false") ? NULL
                                        : FAIL(INVALID_ARGUMENT, "expected a bool at '%s'", c->p);
    case ATTR_TYPE:
      TRY(word(c, &name));
      v->type = dtype_from_name(name);
      return v->type ? NULL : FAIL(INVALID_ARGUMENT, "'%s' is no dtype", name);
    case ATTR_SHAPE: return parse_shape(c, &v->shape);
    default: return FAIL(INVALID_ARGUMENT, "no default can be given here: '%s'", c->p);
  }
  if (end == c->p) return FAIL(INVALID_ARGUMENT, "expected a number at '%s'", c->p);
  c->p = end;
  return NULL;
}

static status_t parse_list(cursor_t *c, attr_kind_t kind, attr_value_t *v) {
  attr_value_t items[32];
  memset(items, 0, sizeof items);
  v->kind = ATTR_LIST;
  v->list_kind = kind;
  TRY(expect(c, "["));
  while (!accept(c, "]")) {
    if (v->n_list == 32) return FAIL(INVALID_ARGUMENT, "a default with too many items: '%s'", c->p);
    TRY(parse_scalar(c, kind, &items[v->n_list++]));
    if (!accept(c, ",")) {
      TRY(expect(c, "]"));
      break;
    }
  }
  attr_pack_list(c->arena, v, items);
  return NULL;
}

static status_t parse_attr(cursor_t *c, op_attr_def_t *a) {
  const char *kind = NULL;
  TRY(word(c, &a->name));
  TRY(expect(c, ":"));
  bool list = accept(c, "list(");
  TRY(word(c, &kind));
  if (list) TRY(expect(c, ")"));
  if (!kind_of(kind)) return FAIL(INVALID_ARGUMENT, "'%s' is no kind of attribute", kind);
  a->type = list ? arena_printf(c->arena, "list(%s)", kind) : kind;
  if (!accept(c, "=")) return NULL;
  attr_value_t *v = arena_alloc(c->arena, sizeof *v);
  a->fallback = v;
  return list ? parse_list(c, kind_of(kind), v) : parse_scalar(c, kind_of(kind), v);
}

// ---------------------------------------------------------------- arguments

static const op_attr_def_t *find_attr(const op_signature_t *s, const char *name) {
  for (int i = 0; i < s->n_attrs; i++)
    if (strcmp(s->attrs[i].name, name) == 0) return &s->attrs[i];
  return NULL;
}

static status_t parse_arg(cursor_t *c, op_arg_t *a) {
  const char *type = NULL;
  TRY(word(c, &a->name));
  TRY(expect(c, ":"));
  bool ref = accept(c, "Ref(");
  TRY(word(c, &type));
  if (accept(c, "*")) {
    a->number_attr = type;
    const op_attr_def_t *number = find_attr(c->sig, type);
    if (!number || strcmp(number->type, "int") != 0)
      return FAIL(INVALID_ARGUMENT, "'%s' is no int attribute", type);
    TRY(word(c, &type));
  }
  if (ref) TRY(expect(c, ")"));
  const op_attr_def_t *attr = find_attr(c->sig, type);
  if (attr && strcmp(attr->type, "type") == 0)
    a->type_attr = type;
  else if (attr && strcmp(attr->type, "list(type)") == 0 && !a->number_attr)
    a->list_attr = type;
  else if (!attr && (a->dtype = dtype_from_name(type)) != DT_INVALID)
    return NULL;
  else
    return FAIL(INVALID_ARGUMENT, "'%s' is neither a dtype nor a type attribute", type);
  return NULL;
}

static int count(const char *s, char what) {
  int n = 0;
  for (; *s; s++) n += *s == what;
  return n;
}

static status_t parse_args(cursor_t *c, bool in, op_arg_t *args, int *n) {
  skip(c);
  for (;;) {
    skip(c);
    if (in ? strncmp(c->p, "->", 2) == 0 : !*c->p) return NULL;
    if (*n) TRY(expect(c, ","));
    TRY(parse_arg(c, &args[(*n)++]));
  }
}

status_t signature_parse(arena_t *arena, const char *sig, const char *attrs,
                         const op_signature_t **out) {
  *out = NULL;
  if (!sig || !attrs) return FAIL(INVALID_ARGUMENT, "an op without sig or attrs");
  op_signature_t *s = arena_alloc(arena, sizeof *s);
  cursor_t c = {.arena = arena, .p = attrs, .sig = s};
  s->attrs = arena_alloc(arena, (size_t)(count(attrs, ';') + 1) * sizeof *s->attrs);
  for (skip(&c); *c.p; skip(&c)) {
    if (s->n_attrs) TRY(expect(&c, ";"));
    TRY(parse_attr(&c, &s->attrs[s->n_attrs]));
    s->n_attrs++;
  }
  size_t most = (size_t)count(sig, ':') * sizeof(op_arg_t);
  s->in = arena_alloc(arena, most);
  s->out = arena_alloc(arena, most);
  c.p = sig;
  TRY(parse_args(&c, true, s->in, &s->n_in));
  TRY(expect(&c, "->"));
  TRY(parse_args(&c, false, s->out, &s->n_out));
  *out = s;
  return NULL;
}

// ---------------------------------------------------------------- a signature and a node

const attr_value_t *signature_default(const op_def_t *d, const char *attr) {
  const op_signature_t *s = op_signature(d);
  const op_attr_def_t *a = s ? find_attr(s, attr) : NULL;
  return a ? a->fallback : NULL;
}

const op_signature_t *node_signature(const node_t *n) {
  const op_signature_t *s = op_signature(n->def);
  return s ? s : n->foreign;
}

const attr_value_t *signature_node_default(const node_t *n, const char *attr) {
  const op_signature_t *s = node_signature(n);
  const op_attr_def_t *a = s ? find_attr(s, attr) : NULL;
  return a ? a->fallback : NULL;
}

int64_t signature_arg_count(const node_t *n, const op_arg_t *a) {
  const dtype_t *types = NULL;
  int64_t items = 1;
  if (a->number_attr)
    items = node_int(n, a->number_attr, -1);
  else if (a->list_attr)
    items = node_attr(n, a->list_attr) || signature_node_default(n, a->list_attr)
                ? node_types(n, a->list_attr, &types)
                : -1;
  return items < 0 || items > 1 << 20 ? -1 : items;
}

dtype_t signature_arg_dtype(const node_t *n, const op_arg_t *a, int i) {
  if (a->dtype) return a->dtype;
  if (a->type_attr) return node_type(n, a->type_attr);
  const dtype_t *types = NULL;
  int items = node_types(n, a->list_attr, &types);
  return i < items ? types[i] : DT_INVALID;
}

int op_output_index(const node_t *n, const char *out_name, int i) {
  const op_signature_t *s = node_signature(n);
  if (!s || i < 0) return -1;
  int64_t base = 0;
  for (int a = 0; a < s->n_out; a++) {
    int64_t items = signature_arg_count(n, &s->out[a]);
    if (items < 0) return -1;
    if (strcmp(s->out[a].name, out_name) == 0) return i < items ? (int)(base + i) : -1;
    base += items;
  }
  return -1;
}

void op_output_name(const node_t *n, int port, const char **name, int *i) {
  const op_signature_t *s = node_signature(n);
  int64_t base = 0;
  for (int a = 0; s && a < s->n_out; a++) {
    int64_t items = signature_arg_count(n, &s->out[a]);
    if (port >= base && port < base + items) {
      *name = s->out[a].name;
      *i = (int)(port - base);
      return;
    }
    base += items > 0 ? items : 0;
  }
  *i = n->n_unknown_outs > 1 ? 0 : port;
  *name = port < n->n_unknown_outs ? n->unknown_outs[port]
          : n->n_unknown_outs      ? n->unknown_outs[0]
                                   : "output";
}
