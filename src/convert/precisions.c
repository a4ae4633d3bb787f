#include "convert/precisions.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "convert/restore.h"
#include "engine/plan.h"
#include "saved_model/writer.h"

// In which layers are counted, those of few bits first.
static const char *const known[] = {"int8", "fp16", "bf16", "fp32", "fp64"};
enum { KNOWN = sizeof known / sizeof *known };

// -1: work on integers has no precision to speak of, nor have layers that only look at a shape or
// give their input another one.
static int precision_of(const layer_t *l) {
  switch (l->type) {
    case LAYER_IDENTITY:
    case LAYER_RESHAPE:
    case LAYER_SQUEEZE:
    case LAYER_EXPAND_DIMS:
    case LAYER_SHAPE:
    case LAYER_SIZE:
    case LAYER_RANK: return -1;
    default: break;
  }
  for (int i = 0; i < KNOWN && !l->dead; i++)
    if (strcmp(layer_precision(l), known[i]) == 0) return i;
  return -1;
}

static void count_layers(const network_t *n, int counts[KNOWN]) {
  memset(counts, 0, KNOWN * sizeof *counts);
  for (int i = 0; i < n->n_layers; i++) {
    int p = precision_of(n->layers[i]);
    if (p >= 0) counts[p]++;
  }
}

static void scale_range(const net_tensor_t *t, float *least, float *most) {
  *least = *most = t->channel_scale[0];
  for (int64_t i = 1; i < t->n_channel_scales; i++) {
    if (t->channel_scale[i] < *least) *least = t->channel_scale[i];
    if (t->channel_scale[i] > *most) *most = t->channel_scale[i];
  }
}

// A float tensor's scale is a range that was not used.
static bool has_scale(const net_tensor_t *t) { return t->scale > 0 && dtype_is_8bit_int(t->dtype); }

// ---- text ------------------------------------------------------------------------------------

static void put_tensor(text_t *t, const net_tensor_t *x) {
  text_add(t, dtype_name(x->dtype));
  if (x->n_channel_scales) {
    float least, most;
    scale_range(x, &least, &most);
    text_printf(t, " (%" PRId64 " scales %.3g..%.3g)", x->n_channel_scales, (double)least,
                (double)most);
  } else if (has_scale(x)) {
    text_printf(t, " (scale %.3g", (double)x->scale);
    if (x->zero_point) text_printf(t, ", zero %d", x->zero_point);
    text_add(t, ")");
  }
}

static void put_layer(text_t *t, const layer_t *l) {
  text_printf(t, "    %-5s %s %s: ", layer_precision(l), layer_type_name(l->type), l->name);
  for (int i = 0; i < l->n_in; i++) {
    if (i) text_add(t, ", ");
    put_tensor(t, l->in[i]);
  }
  text_add(t, " -> ");
  for (int i = 0; i < l->n_out; i++) {
    if (i) text_add(t, ", ");
    put_tensor(t, l->out[i]);
  }
  if (l->why) text_printf(t, "; %s", l->why);
  text_add(t, "\n");
}

typedef struct request {
  const node_t *engine;
  bool detailed;
  text_t *text;
  json_t *list;
} request_t;

static void put_counts(text_t *t, const network_t *n) {
  int counts[KNOWN];
  count_layers(n, counts);
  bool any = false;
  for (int i = 0; i < KNOWN; i++) {
    if (!counts[i]) continue;
    text_printf(t, "%s %d%s %s", any ? "," : "", counts[i], any ? "" : " layers", known[i]);
    any = true;
  }
  text_add(t, any ? "\n" : " no layers on floats\n");
}

static void put_engine(const request_t *r, const shape_t *shapes, int n, const network_t *net) {
  char buf[160];
  text_printf(r->text, "[*] %s, engine for", r->engine->name);
  for (int i = 0; i < n; i++)
    text_printf(r->text, " %s", shape_format(&shapes[i], buf, sizeof buf));
  text_add(r->text, ":");
  put_counts(r->text, net);
  for (int i = 0; i < net->n_layers && r->detailed; i++)
    if (precision_of(net->layers[i]) >= 0) put_layer(r->text, net->layers[i]);
}

// ---- JSON ------------------------------------------------------------------------------------

static json_t *counts_json(const network_t *n) {
  int counts[KNOWN];
  json_t *o = json_object();
  count_layers(n, counts);
  for (int i = 0; i < KNOWN; i++)
    if (counts[i]) json_object_set_new(o, known[i], json_integer(counts[i]));
  return o;
}

static json_t *tensor_json(const net_tensor_t *t) {
  json_t *o = json_pack("{s:s, s:s, s:b}", "name", t->name, "dtype", dtype_name(t->dtype),
                        "constant", t->is_const);
  if (t->n_channel_scales) {
    float least, most;
    scale_range(t, &least, &most);
    json_object_set_new(o, "channel_scales",
                        json_pack("{s:I, s:f, s:f}", "count", (json_int_t)t->n_channel_scales,
                                  "min", (double)least, "max", (double)most));
  } else if (has_scale(t)) {
    json_object_set_new(o, "scale", json_real((double)t->scale));
    json_object_set_new(o, "zero_point", json_integer(t->zero_point));
  }
  return o;
}

static json_t *tensors_json(net_tensor_t *const *list, int n) {
  json_t *out = json_array();
  for (int i = 0; i < n; i++) json_array_append_new(out, tensor_json(list[i]));
  return out;
}

static json_t *layer_json(const layer_t *l) {
  json_t *nodes = json_array();
  for (int i = 0; i < l->n_tf_nodes; i++) json_array_append_new(nodes, json_string(l->tf_nodes[i]));
  json_t *o =
      json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "name", l->name, "type", layer_type_name(l->type),
                "precision", layer_precision(l), "nodes", nodes, "inputs",
                tensors_json(l->in, l->n_in), "outputs", tensors_json(l->out, l->n_out));
  if (l->why) json_object_set_new(o, "why", json_string(l->why));
  return o;
}

static json_t *shapes_json(const shape_t *shapes, int n) {
  json_t *list = json_array();
  for (int i = 0; i < n; i++) {
    json_t *dims = json_array();
    for (int d = 0; d < shapes[i].rank; d++)
      json_array_append_new(dims, json_integer(shapes[i].d[d] < 0 ? -1 : shapes[i].d[d]));
    json_array_append_new(list, dims);
  }
  return list;
}

static json_t *engine_json(const shape_t *shapes, int n, const network_t *net) {
  json_t *layers = json_array();
  for (int i = 0; i < net->n_layers; i++)
    if (!net->layers[i]->dead) json_array_append_new(layers, layer_json(net->layers[i]));
  return json_pack("{s:o, s:o, s:o}", "input_shapes", shapes_json(shapes, n), "layers_by_precision",
                   counts_json(net), "layers", layers);
}

status_t plan_precisions_json(const bytes_t *plan, json_t **out) {
  plan_t *p;
  TRY(plan_read(plan->data, plan->size, &plan_no_weights, &p));
  *out = counts_json(p->net);
  plan_free(p);
  return NULL;
}

// ---- the engines of a model ------------------------------------------------------------------

static status_t see_engine(void *user, const shape_t *shapes, int n, const uint8_t *data,
                           size_t size) {
  const request_t *r = user;
  plan_t *p;
  status_t st = plan_read(data, size, &plan_no_weights, &p);
  if (st) {  // TensorRT's, or of a newer version
    if (r->text)
      text_printf(r->text, "[*] %s has an engine that is none of ours: %s\n", r->engine->name,
                  status_message(st));
    status_free(st);
    return NULL;
  }
  if (r->text) put_engine(r, shapes, n, p->net);
  if (r->list) json_array_append_new(r->list, engine_json(shapes, n, p->net));
  plan_free(p);
  return NULL;
}

status_t precisions_text(const char *dir, const node_t *engine, bool detailed, text_t *out) {
  request_t r = {.engine = engine, .detailed = detailed, .text = out};
  size_t before = out->n;
  TRY(saved_engines(dir, canonical_name(engine->name), see_engine, &r));
  if (out->n == before)
    text_printf(out, "[*] %s: no engine is saved; the first run builds one in %s\n", engine->name,
                node_string(engine, "precision_mode"));
  return NULL;
}

status_t precisions_json(const char *dir, const node_t *engine, json_t **out) {
  request_t r = {.engine = engine, .list = json_array()};
  *out = r.list;
  return saved_engines(dir, canonical_name(engine->name), see_engine, &r);
}
