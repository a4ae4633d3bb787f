#include <stdlib.h>
#include <string.h>

#include "formats/tensor_shape.h"
#include "formats/tf_fields.h"
#include "saved_model/internal.h"

// An entry of a map<string, message>.
static status_t map_item(const wire_field_t *f, arena_t *arena, const char **key, wire_t *value) {
  wire_t entry;
  wire_field_t x;
  status_t st;
  TRY(wire_get_message(f, &entry));
  *key = "";
  *value = wire_open(NULL, 0);
  while (wire_next(&entry, &x, &st)) {
    if (x.number == TF_MAP_KEY) TRY(wire_get_string(&x, arena, key));
    if (x.number == TF_MAP_VALUE) TRY(wire_get_message(&x, value));
  }
  return st;
}

static status_t parse_tensor_info(wire_t w, arena_t *arena, tensor_info_t *out) {
  wire_field_t f;
  wire_t sub;
  status_t st;
  int32_t dtype = 0;
  out->tensor = "";  // stays so for sparse and composite tensors
  out->shape = SHAPE_SCALAR;
  while (wire_next(&w, &f, &st)) {
    switch (f.number) {
      case TF_TENSOR_INFO_NAME: TRY(wire_get_string(&f, arena, &out->tensor)); break;
      case TF_TENSOR_INFO_DTYPE: TRY(wire_get_i32(&f, &dtype)); break;
      case TF_TENSOR_INFO_TENSOR_SHAPE:
        TRY(wire_get_message(&f, &sub));
        TRY(tensor_shape_parse(sub, &out->shape));
        break;
      default: break;
    }
  }
  out->dtype = dtype > 0 && dtype < DT_MAX ? (dtype_t)dtype : DT_INVALID;
  return st;
}

static int by_info_key(const void *a, const void *b) {
  return strcmp(((const tensor_info_t *)a)->key, ((const tensor_info_t *)b)->key);
}

static status_t add_info(const wire_field_t *f, arena_t *arena, tensor_info_t *infos, int *n) {
  wire_t value;
  tensor_info_t *info = &infos[*n];
  TRY(map_item(f, arena, &info->key, &value));
  TRY(parse_tensor_info(value, arena, info));
  ++*n;
  return NULL;
}

static status_t count_field(wire_t w, uint32_t number, int *n) {
  wire_field_t f;
  status_t st;
  *n = 0;
  while (wire_next(&w, &f, &st)) *n += f.number == number;
  return st;
}

static status_t parse_signature(wire_t w, arena_t *arena, signature_t *s) {
  int n_in, n_out;
  TRY(count_field(w, TF_SIGNATURE_INPUTS, &n_in));
  TRY(count_field(w, TF_SIGNATURE_OUTPUTS, &n_out));
  s->inputs = arena_alloc(arena, (size_t)n_in * sizeof *s->inputs);
  s->outputs = arena_alloc(arena, (size_t)n_out * sizeof *s->outputs);
  s->method = "";
  wire_field_t f;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    switch (f.number) {
      case TF_SIGNATURE_INPUTS: TRY(add_info(&f, arena, s->inputs, &s->n_inputs)); break;
      case TF_SIGNATURE_OUTPUTS: TRY(add_info(&f, arena, s->outputs, &s->n_outputs)); break;
      case TF_SIGNATURE_METHOD_NAME: TRY(wire_get_string(&f, arena, &s->method)); break;
      default: break;
    }
  }
  TRY(st);
  qsort(s->inputs, (size_t)s->n_inputs, sizeof *s->inputs, by_info_key);
  qsort(s->outputs, (size_t)s->n_outputs, sizeof *s->outputs, by_info_key);
  return NULL;
}

static status_t parse_meta_info(wire_t w, arena_t *arena, meta_graph_t *g) {
  int n;
  TRY(count_field(w, TF_META_INFO_TAGS, &n));
  g->tags = arena_alloc(arena, (size_t)n * sizeof *g->tags);
  wire_field_t f;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.number == TF_META_INFO_TAGS) TRY(wire_get_string(&f, arena, &g->tags[g->n_tags++]));
    if (f.number == TF_META_INFO_TENSORFLOW_VERSION)
      TRY(wire_get_string(&f, arena, &g->tf_version));
    if (f.number == TF_META_INFO_STRIPPED_OP_LIST)
      TRY(wire_get_bytes(&f, &g->op_list, &g->op_list_size));
  }
  return st;
}

static const char *without_port(arena_t *arena, const char *tensor) {
  const char *colon = strrchr(tensor, ':');
  return colon ? arena_strndup(arena, tensor, (size_t)(colon - tensor)) : tensor;
}

static status_t parse_asset(wire_t w, arena_t *arena, asset_t *a) {
  *a = (asset_t){.tensor = "", .filename = ""};
  wire_field_t f;
  wire_t sub;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.number == TF_ASSET_FILE_TENSOR_INFO) {
      tensor_info_t info;
      TRY(wire_get_message(&f, &sub));
      TRY(parse_tensor_info(sub, arena, &info));
      a->tensor = info.tensor;
    } else if (f.number == TF_ASSET_FILE_FILENAME) {
      TRY(wire_get_string(&f, arena, &a->filename));
    }
  }
  return st;
}

// The initialising operation in a collection: a list with one node name.
static status_t parse_init_collection(wire_t w, arena_t *arena, const char **name) {
  wire_field_t f, x;
  wire_t list;
  status_t st;
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_COLLECTION_NODE_LIST) continue;
    TRY(wire_get_message(&f, &list));
    while (wire_next(&list, &x, &st))  // NodeList.value is field 1
      if (x.number == 1) TRY(wire_get_string(&x, arena, name));
    TRY(st);
  }
  return st;
}

static status_t parse_collection(const wire_field_t *f, arena_t *arena, meta_graph_t *g) {
  const char *key, *name = NULL;
  wire_t value;
  TRY(map_item(f, arena, &key, &value));
  bool main_op = strcmp(key, "saved_model_main_op") == 0;
  if (!main_op && strcmp(key, "legacy_init_op") != 0) return NULL;
  TRY(parse_init_collection(value, arena, &name));
  if (name && *name && (main_op || !g->init_op)) g->init_op = without_port(arena, name);
  return NULL;
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const signature_t *)a)->key, ((const signature_t *)b)->key);
}

static status_t parse_field(const wire_field_t *f, arena_t *arena, meta_graph_t *g) {
  wire_t sub;
  wire_field_t x;
  status_t st = NULL;
  switch (f->number) {
    case TF_META_GRAPH_DEF_META_INFO_DEF:
      TRY(wire_get_message(f, &sub));
      return parse_meta_info(sub, arena, g);
    case TF_META_GRAPH_DEF_GRAPH_DEF: return wire_get_bytes(f, &g->graph_def, &g->graph_def_size);
    case TF_META_GRAPH_DEF_SAVER_DEF:
      TRY(wire_get_message(f, &sub));
      while (wire_next(&sub, &x, &st))
        if (x.number == TF_SAVER_RESTORE_OP_NAME) TRY(wire_get_string(&x, arena, &g->restore_op));
      return st;
    case TF_META_GRAPH_DEF_COLLECTION_DEF: return parse_collection(f, arena, g);
    case TF_META_GRAPH_DEF_SIGNATURE_DEF: {
      signature_t *s = &g->signatures[g->n_signatures++];
      TRY(map_item(f, arena, &s->key, &sub));
      return status_prefix(parse_signature(sub, arena, s), "signature \"%s\"", s->key);
    }
    case TF_META_GRAPH_DEF_ASSET_FILE_DEF:
      TRY(wire_get_message(f, &sub));
      return parse_asset(sub, arena, &g->assets[g->n_assets++]);
    default: return NULL;
  }
}

status_t meta_graph_parse(const uint8_t *data, size_t size, arena_t *arena, meta_graph_t *g) {
  wire_t w = wire_open(data, size);
  int n_signatures, n_assets;
  TRY(count_field(w, TF_META_GRAPH_DEF_SIGNATURE_DEF, &n_signatures));
  TRY(count_field(w, TF_META_GRAPH_DEF_ASSET_FILE_DEF, &n_assets));
  *g = (meta_graph_t){.raw = data, .raw_size = size, .tf_version = ""};
  g->signatures = arena_alloc(arena, (size_t)n_signatures * sizeof *g->signatures);
  g->assets = arena_alloc(arena, (size_t)n_assets * sizeof *g->assets);
  wire_field_t f;
  status_t st;
  while (wire_next(&w, &f, &st)) TRY(parse_field(&f, arena, g));
  TRY(st);
  if (g->restore_op && !*g->restore_op) g->restore_op = NULL;
  if (g->restore_op) g->restore_op = without_port(arena, g->restore_op);
  qsort(g->signatures, (size_t)g->n_signatures, sizeof *g->signatures, by_key);
  // Newer models name the initialising operation in a signature of its own.
  for (int i = 0; i < g->n_signatures; i++) {
    const signature_t *s = &g->signatures[i];
    if (strcmp(s->key, "__saved_model_init_op") == 0 && s->n_outputs == 1)
      g->init_op = without_port(arena, s->outputs[0].tensor);
  }
  return NULL;
}
