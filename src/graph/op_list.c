// OpDefs that a model carries along: what ops that are not in our table give, and in which order.
#include <string.h>

#include "formats/tf_fields.h"
#include "formats/wire.h"
#include "graph/proto.h"
#include "ops/op.h"

static const char *or_null(const char *s) { return s && *s ? s : NULL; }

static status_t parse_output(arena_t *arena, const wire_field_t *f, op_arg_t *out) {
  wire_t w;
  wire_field_t x;
  status_t st = NULL;
  int64_t type = 0;
  TRY(wire_get_message(f, &w));
  out->name = "";
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_ARG_DEF_NAME) TRY(wire_get_string(&x, arena, &out->name));
    if (x.number == TF_ARG_DEF_TYPE) TRY(wire_get_i64(&x, &type));
    if (x.number == TF_ARG_DEF_TYPE_ATTR) TRY(wire_get_string(&x, arena, &out->type_attr));
    if (x.number == TF_ARG_DEF_NUMBER_ATTR) TRY(wire_get_string(&x, arena, &out->number_attr));
    if (x.number == TF_ARG_DEF_TYPE_LIST_ATTR) TRY(wire_get_string(&x, arena, &out->list_attr));
  }
  out->type_attr = or_null(out->type_attr);
  out->number_attr = or_null(out->number_attr);
  out->list_attr = or_null(out->list_attr);
  out->dtype = type > 0 && type < DT_MAX ? (dtype_t)type : DT_INVALID;
  return st;
}

// An attribute's default: nodes leave it out.
static status_t parse_attr(arena_t *arena, const wire_field_t *f, op_attr_def_t *out) {
  wire_t w, value;
  wire_field_t x;
  status_t st = NULL;
  TRY(wire_get_message(f, &w));
  out->name = out->type = "";
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_ATTR_DEF_NAME) TRY(wire_get_string(&x, arena, &out->name));
    if (x.number == TF_ATTR_DEF_TYPE) TRY(wire_get_string(&x, arena, &out->type));
    if (x.number != TF_ATTR_DEF_DEFAULT_VALUE) continue;
    attr_value_t *v = arena_alloc(arena, sizeof *v);
    memset(v, 0, sizeof *v);
    TRY(wire_get_message(&x, &value));
    TRY(attr_parse_value(arena, value, v));
    out->fallback = v;
  }
  return st;
}

static status_t learn_op(library_t *l, const wire_field_t *f) {
  wire_t w;
  wire_field_t x;
  status_t st = NULL;
  const char *name = "";
  int n = 0, n_attrs = 0;
  TRY(wire_get_message(f, &w));
  wire_t again = w;
  while (wire_next(&w, &x, &st)) {
    if (x.number == TF_OP_DEF_NAME) TRY(wire_get_string(&x, l->arena, &name));
    n += x.number == TF_OP_DEF_OUTPUT_ARG;
    n_attrs += x.number == TF_OP_DEF_ATTR;
  }
  TRY(st);
  if (op_find(name) || map_has(l->foreign, name)) return NULL;
  op_signature_t *s = arena_alloc(l->arena, sizeof *s);
  memset(s, 0, sizeof *s);
  s->out = arena_alloc(l->arena, ((size_t)n + 1) * sizeof *s->out);
  memset(s->out, 0, ((size_t)n + 1) * sizeof *s->out);
  s->attrs = arena_alloc(l->arena, ((size_t)n_attrs + 1) * sizeof *s->attrs);
  memset(s->attrs, 0, ((size_t)n_attrs + 1) * sizeof *s->attrs);
  while (wire_next(&again, &x, &st)) {
    if (x.number == TF_OP_DEF_OUTPUT_ARG) TRY(parse_output(l->arena, &x, &s->out[s->n_out++]));
    if (x.number == TF_OP_DEF_ATTR) TRY(parse_attr(l->arena, &x, &s->attrs[s->n_attrs++]));
  }
  map_put(l->foreign, name, s);
  return st;
}

status_t library_learn_ops(library_t *l, const uint8_t *op_list, size_t size) {
  wire_t w = wire_open(op_list, size);
  wire_field_t f;
  status_t st = NULL;
  while (wire_next(&w, &f, &st))
    if (f.number == TF_OP_LIST_OP) TRY(learn_op(l, &f));
  return st;
}
