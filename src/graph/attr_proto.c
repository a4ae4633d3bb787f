// AttrValue and NameAttrList <-> attributes.
#include <string.h>

#include "formats/tf_fields.h"
#include "graph/proto.h"
#include "ops/signature.h"

static status_t parse_bytes(arena_t *arena, const wire_field_t *f, attr_value_t *v) {
  const uint8_t *p;
  TRY(wire_get_bytes(f, &p, &v->s.n));
  v->s.p = arena_strndup(arena, (const char *)p, v->s.n);
  return NULL;
}

// arena_strndup stops at no NUL: bytes are kept whole. (Strings of attributes may hold anything.)
static status_t parse_func(arena_t *arena, const wire_field_t *f, func_ref_t *out) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  attr_t **link = &out->attrs;
  out->name = "";
  wire_field_t x;
  status_t st = NULL;
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_NAME_ATTR_LIST_NAME)
      TRY(wire_get_string(&x, arena, &out->name));
    else if (x.number == TF_NAME_ATTR_LIST_ATTR)
      TRY(attr_parse_entry(arena, &x, &link));
  }
  return st;
}

static status_t parse_type(uint64_t raw, dtype_t *out) {
  // Reference types are the plain ones plus 100.
  if (raw > 100) raw -= 100;
  *out = raw < DT_MAX ? (dtype_t)raw : DT_INVALID;
  return NULL;
}

// One scalar of the kinds that AttrValue and its ListValue share.
static status_t parse_item(arena_t *arena, const wire_field_t *f, attr_kind_t kind,
                           attr_value_t *v) {
  v->kind = kind;
  uint64_t raw = 0;
  wire_t sub;
  switch (kind) {
    case ATTR_STRING: return parse_bytes(arena, f, v);
    case ATTR_INT: return wire_get_i64(f, &v->i);
    case ATTR_FLOAT: return wire_get_float(f, &v->f);
    case ATTR_BOOL: return wire_get_bool(f, &v->b);
    case ATTR_TYPE: TRY(wire_get_u64(f, &raw)); return parse_type(raw, &v->type);
    case ATTR_SHAPE: TRY(wire_get_message(f, &sub)); return shape_parse_proto(sub, &v->shape);
    case ATTR_TENSOR: return wire_get_bytes(f, &v->tensor_raw, &v->tensor_size);
    case ATTR_FUNC: return parse_func(arena, f, &v->func);
    default: return NULL;
  }
}

static const struct {
  uint32_t field;
  attr_kind_t kind;
} list_kinds[] = {
    {TF_ATTR_LIST_S, ATTR_STRING},      {TF_ATTR_LIST_I, ATTR_INT},
    {TF_ATTR_LIST_F, ATTR_FLOAT},       {TF_ATTR_LIST_B, ATTR_BOOL},
    {TF_ATTR_LIST_TYPE, ATTR_TYPE},     {TF_ATTR_LIST_SHAPE, ATTR_SHAPE},
    {TF_ATTR_LIST_TENSOR, ATTR_TENSOR}, {TF_ATTR_LIST_FUNC, ATTR_FUNC},
};

typedef VEC(attr_value_t) items_t;
typedef VEC(uint64_t) numbers_t;

// The numbers of one field record, packed or not, as their bits.
static status_t parse_numbers(const wire_field_t *f, attr_kind_t kind, numbers_t *out) {
  wire_t items;
  status_t st = NULL;
  TRY(wire_get_repeated(f, kind == ATTR_FLOAT ? WIRE_FIXED32 : WIRE_VARINT, &items));
  uint64_t v;
  uint32_t bits;
  if (kind == ATTR_FLOAT)
    while (wire_item_fixed32(&items, &bits, &st)) vec_push(out, bits);
  else
    while (wire_item_varint(&items, &v, &st)) vec_push(out, v);
  return st;
}

static void pack_numbers(arena_t *arena, attr_value_t *v, const numbers_t *numbers) {
  size_t n = numbers->n;
  v->n_list = n;
  void *p = arena_alloc(arena, (n + 1) * sizeof(int64_t));
  v->packed = p;
  for (size_t i = 0; i < n; i++) {
    uint64_t bits = numbers->v[i];
    uint32_t low = (uint32_t)bits;
    switch (v->list_kind) {
      case ATTR_INT: ((int64_t *)p)[i] = (int64_t)bits; break;
      case ATTR_BOOL: ((bool *)p)[i] = bits != 0; break;
      case ATTR_FLOAT: memcpy((float *)p + i, &low, sizeof low); break;
      default: status_free(parse_type(bits, (dtype_t *)p + i)); break;
    }
  }
}

static status_t parse_list_into(arena_t *arena, wire_t w, attr_value_t *v, items_t *items,
                                numbers_t *numbers) {
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
    attr_kind_t kind = ATTR_NONE;
    for (size_t i = 0; i < sizeof list_kinds / sizeof *list_kinds; i++)
      if (list_kinds[i].field == f.number) kind = list_kinds[i].kind;
    if (!kind) continue;
    if (v->list_kind && v->list_kind != kind)
      return FAIL(INVALID_ARGUMENT, "a list with items of two kinds");
    v->list_kind = kind;
    if (kind == ATTR_INT || kind == ATTR_FLOAT || kind == ATTR_BOOL || kind == ATTR_TYPE) {
      TRY(parse_numbers(&f, kind, numbers));
    } else {
      attr_value_t item = {0};
      TRY(parse_item(arena, &f, kind, &item));
      vec_push(items, item);
    }
  }
  if (st) return st;
  v->n_list = items->n;
  if (items->n)
    attr_pack_list(arena, v, items->v);
  else
    pack_numbers(arena, v, numbers);
  return NULL;
}

static status_t parse_list(arena_t *arena, const wire_field_t *f, attr_value_t *v) {
  wire_t w;
  TRY(wire_get_message(f, &w));
  items_t items = {0};
  numbers_t numbers = {0};
  v->kind = ATTR_LIST;
  status_t st = parse_list_into(arena, w, v, &items, &numbers);
  vec_free(&items);
  vec_free(&numbers);
  return st;
}

status_t attr_parse_value(arena_t *arena, wire_t w, attr_value_t *v) {
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
    switch (f.number) {
      case TF_ATTR_VALUE_S: TRY(parse_item(arena, &f, ATTR_STRING, v)); break;
      case TF_ATTR_VALUE_I: TRY(parse_item(arena, &f, ATTR_INT, v)); break;
      case TF_ATTR_VALUE_F: TRY(parse_item(arena, &f, ATTR_FLOAT, v)); break;
      case TF_ATTR_VALUE_B: TRY(parse_item(arena, &f, ATTR_BOOL, v)); break;
      case TF_ATTR_VALUE_TYPE: TRY(parse_item(arena, &f, ATTR_TYPE, v)); break;
      case TF_ATTR_VALUE_SHAPE: TRY(parse_item(arena, &f, ATTR_SHAPE, v)); break;
      case TF_ATTR_VALUE_TENSOR: TRY(parse_item(arena, &f, ATTR_TENSOR, v)); break;
      case TF_ATTR_VALUE_FUNC: TRY(parse_item(arena, &f, ATTR_FUNC, v)); break;
      case TF_ATTR_VALUE_LIST: TRY(parse_list(arena, &f, v)); break;
      case TF_ATTR_VALUE_PLACEHOLDER:
        v->kind = ATTR_PLACEHOLDER;
        TRY(parse_bytes(arena, &f, v));
        break;
    }
  }
  return st;
}

status_t attr_parse_entry(arena_t *arena, const wire_field_t *entry, attr_t ***link) {
  wire_t w;
  TRY(wire_get_message(entry, &w));
  attr_t *a = arena_alloc(arena, sizeof *a);
  a->value = arena_alloc(arena, sizeof *a->value);
  a->name = "";
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st)) {
    if (f.number == TF_MAP_KEY) TRY(wire_get_string(&f, arena, &a->name));
    if (f.number != TF_MAP_VALUE) continue;
    wire_t sub;
    TRY(wire_get_bytes(&f, &a->value->raw, &a->value->raw_size));
    TRY(wire_get_message(&f, &sub));
    TRY(status_prefix(attr_parse_value(arena, sub, a->value), "attribute '%s'", a->name));
  }
  if (st) return st;
  **link = a;
  *link = &a->next;
  return NULL;
}

// ---------------------------------------------------------------- comparing

static bool shapes_equal(const attr_value_t *a, const attr_value_t *b) {
  return shape_equal(&a->shape, &b->shape);
}

static bool funcs_equal(const func_ref_t *a, const func_ref_t *b) {
  return strcmp(a->name, b->name) == 0 && attrs_equal(a->attrs, b->attrs);
}

static bool tensors_equal(attr_value_t *a, attr_value_t *b) {
  const tensor_t *x, *y;
  status_t bad = attr_tensor(a, &x);
  if (!bad) bad = attr_tensor(b, &y);
  status_free(bad);
  return !bad && tensor_equal(x, y);
}

bool tensor_equal(const tensor_t *a, const tensor_t *b) {
  if (a->dtype != b->dtype || !shape_equal(&a->shape, &b->shape)) return false;
  if (a->data == b->data) return true;
  if (dtype_is_plain(a->dtype)) return memcmp(a->data, b->data, tensor_bytes(a)) == 0;
  if (a->dtype != DT_STRING) return false;
  const str_t *s = a->data, *t = b->data;
  for (int64_t i = 0; i < tensor_elements(a); i++)
    if (s[i].n != t[i].n || (s[i].n && memcmp(s[i].p, t[i].p, s[i].n) != 0)) return false;
  return true;
}

bool attr_equal(attr_value_t *a, attr_value_t *b) {
  if (a == b) return true;
  if (a->raw && b->raw && a->raw_size == b->raw_size && memcmp(a->raw, b->raw, a->raw_size) == 0)
    return true;
  if (a->kind != b->kind) return false;
  switch (a->kind) {
    case ATTR_NONE: return true;
    case ATTR_STRING:
    case ATTR_PLACEHOLDER:
      return a->s.n == b->s.n && (!a->s.n || memcmp(a->s.p, b->s.p, a->s.n) == 0);
    case ATTR_INT: return a->i == b->i;
    case ATTR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ATTR_BOOL: return a->b == b->b;
    case ATTR_TYPE: return a->type == b->type;
    case ATTR_SHAPE: return shapes_equal(a, b);
    case ATTR_TENSOR: return tensors_equal(a, b);
    case ATTR_FUNC: return funcs_equal(&a->func, &b->func);
    case ATTR_LIST: break;
  }
  if (a->n_list != b->n_list) return false;
  if (!a->n_list) return true;
  if (a->list_kind != b->list_kind) return false;
  for (size_t i = 0; i < a->n_list; i++) {
    attr_value_t x = attr_item(a, i), y = attr_item(b, i);
    if (!attr_equal(&x, &y)) return false;
  }
  return true;
}

static attr_value_t *find_attr(const attr_t *attrs, const char *name) {
  for (; attrs; attrs = attrs->next)
    if (strcmp(attrs->name, name) == 0) return attrs->value;
  return NULL;
}

bool attrs_equal(const attr_t *a, const attr_t *b) {
  size_t n = 0;
  for (const attr_t *x = a; x; x = x->next, n++) {
    attr_value_t *v = find_attr(b, x->name);
    if (!v || !attr_equal(x->value, v)) return false;
  }
  for (; b; b = b->next) n--;
  return n == 0;
}

// ---------------------------------------------------------------- writing

static status_t write_func(const func_ref_t *f, wire_out_t *w, uint32_t field) {
  size_t at = wire_begin(w, field);
  wire_put_string(w, TF_NAME_ATTR_LIST_NAME, f->name);
  TRY(attr_write_entries(f->attrs, NULL, w, TF_NAME_ATTR_LIST_ATTR));
  wire_end(w, at);
  return NULL;
}

static status_t write_item(const attr_value_t *v, wire_out_t *w, uint32_t field) {
  switch (v->kind) {
    case ATTR_STRING:
    case ATTR_PLACEHOLDER: wire_put_bytes(w, field, v->s.p, v->s.n); break;
    case ATTR_INT: wire_put_i64(w, field, v->i); break;
    case ATTR_FLOAT: wire_put_float(w, field, v->f); break;
    case ATTR_BOOL: wire_put_u64(w, field, v->b); break;
    case ATTR_TYPE: wire_put_i64(w, field, v->type); break;
    case ATTR_SHAPE: shape_write_proto(&v->shape, w, field); break;
    case ATTR_FUNC: return write_func(&v->func, w, field);
    case ATTR_TENSOR:
      if (v->tensor_raw)
        wire_put_bytes(w, field, v->tensor_raw, v->tensor_size);
      else
        return tensor_write_proto(&v->tensor, w, field);
      break;
    default: break;
  }
  return NULL;
}

static const uint32_t value_fields[] = {
    [ATTR_STRING] = TF_ATTR_VALUE_S,  [ATTR_INT] = TF_ATTR_VALUE_I,
    [ATTR_FLOAT] = TF_ATTR_VALUE_F,   [ATTR_BOOL] = TF_ATTR_VALUE_B,
    [ATTR_TYPE] = TF_ATTR_VALUE_TYPE, [ATTR_SHAPE] = TF_ATTR_VALUE_SHAPE,
    [ATTR_FUNC] = TF_ATTR_VALUE_FUNC, [ATTR_TENSOR] = TF_ATTR_VALUE_TENSOR,
    [ATTR_LIST] = TF_ATTR_VALUE_LIST, [ATTR_PLACEHOLDER] = TF_ATTR_VALUE_PLACEHOLDER,
};

static status_t write_list(const attr_value_t *v, wire_out_t *w) {
  size_t at = wire_begin(w, TF_ATTR_VALUE_LIST), packed = 0;
  uint32_t field = 0;
  for (size_t i = 0; i < sizeof list_kinds / sizeof *list_kinds; i++)
    if (list_kinds[i].kind == v->list_kind) field = list_kinds[i].field;
  bool numbers = v->n_list && !v->list;
  if (numbers) packed = wire_begin(w, field);
  for (size_t i = 0; i < v->n_list; i++) {
    attr_value_t item = attr_item(v, i);
    uint32_t bits;
    switch (numbers ? v->list_kind : ATTR_NONE) {
      case ATTR_NONE: TRY(write_item(&item, w, field)); break;
      case ATTR_FLOAT:
        memcpy(&bits, &item.f, sizeof bits);
        wire_put_raw(w, &bits, sizeof bits);
        break;
      case ATTR_INT: wire_put_varint(w, (uint64_t)item.i); break;
      case ATTR_BOOL: wire_put_varint(w, item.b); break;
      default: wire_put_varint(w, (uint64_t)item.type); break;
    }
  }
  if (numbers) wire_end(w, packed);
  wire_end(w, at);
  return NULL;
}

status_t attr_write_entries(const attr_t *attrs, const struct op_def *def, wire_out_t *w,
                            uint32_t field) {
  for (const attr_t *a = attrs; a; a = a->next) {
    const attr_value_t *fallback = def ? signature_default(def, a->name) : NULL;
    if (fallback) {
      attr_value_t same = *fallback;
      if (attr_equal(a->value, &same)) continue;
    }
    size_t entry = wire_begin(w, field);
    wire_put_string(w, TF_MAP_KEY, a->name);
    size_t at = wire_begin(w, TF_MAP_VALUE);
    if (a->value->raw)
      wire_put_raw(w, a->value->raw, a->value->raw_size);
    else if (a->value->kind == ATTR_LIST)
      TRY(write_list(a->value, w));
    else
      TRY(write_item(a->value, w, value_fields[a->value->kind]));
    wire_end(w, at);
    wire_end(w, entry);
  }
  return NULL;
}
