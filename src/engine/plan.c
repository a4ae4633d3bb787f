// The container and the network in it. docs/plan-format.md has the layout.
#include "engine/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cpu.h"
#include "base/map.h"
#include "base/stream.h"
#include "engine/plan_io.h"
#include "kernels/convert.h"
#include "network/known.h"
#include "network/weight_scale.h"

static const char magic[8] = {'T', 'F', 'T', 'R', 'T', 'P', 'L', 'N'};
enum { HEADER = 64, ALIGN = 64 };
// Where the header's numbers are.
enum { AT_VERSION = 8, AT_SIZE = 16, AT_HASH = 24, AT_META = 32, AT_NETWORK = 40, AT_WEIGHTS = 48 };
enum { META_BACKEND = 1, META_ISA = 2, META_BLOB = 3, META_PROFILE = 4 };
enum { BLOB_NAME = 1, BLOB_RANGE = 2 };
enum { NET_NAME = 1, NET_TENSOR = 2, NET_LAYER = 3, NET_INPUTS = 4, NET_OUTPUTS = 5 };
enum {
  TENSOR_NAME = 1,
  TENSOR_NUMBERS = 2,
  TENSOR_DIMS = 3,
  TENSOR_WEIGHT = 4,
  TENSOR_UNROUNDED = 12,  // beside it
  TENSOR_KEY = 5,
  TENSOR_FACTORS = 6,
  TENSOR_FACTOR_RUN = 7,
  TENSOR_ZERO_POINT = 8,
  TENSOR_CHANNEL_SCALES = 9,
  TENSOR_BOUNDS = 10,
  TENSOR_CHANNEL_FACTORS = 11
};
enum {
  LAYER_TYPE = 1,
  LAYER_NAME = 2,
  LAYER_TF_NODE = 3,
  LAYER_IN = 4,
  LAYER_OUT = 5,
  LAYER_P = 6,
  LAYER_WHY = 7
};

// ---- writing --------------------------------------------------------------------------------

typedef struct weights {  // where each distinct constant goes, relative to the weights' start
  VEC(const tensor_t *) values;
  VEC(size_t) offsets;
  map_t *by_hash;
  size_t size;
} weights_t;

static size_t align_up(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

static size_t place_weight(weights_t *w, const tensor_t *t) {
  size_t bytes = tensor_bytes(t);
  char key[40];
  snprintf(key, sizeof key, "%016" PRIx64 "-%zx", hash_bytes(t->data, bytes, 0), bytes);
  size_t known = (size_t)(uintptr_t)map_get(w->by_hash, key);
  if (known && (bytes == 0 || memcmp(w->values.v[known - 1]->data, t->data, bytes) == 0))
    return w->offsets.v[known - 1];
  vec_push(&w->values, t);
  vec_push(&w->offsets, w->size);
  map_put(w->by_hash, key, (void *)(uintptr_t)w->values.n);
  size_t at = w->size;
  w->size = align_up(w->size + bytes);
  return at;
}

static void put_ids(plan_writer_t *w, uint16_t tag, net_tensor_t *const *t, int n) {
  int64_t *ids = mem_alloc((size_t)n * sizeof *ids + 1);
  for (int i = 0; i < n; i++) ids[i] = t[i]->id;
  plan_put_ints(w, tag, ids, (size_t)n);
  mem_free(ids);
}

static int64_t float_bits(float f) {
  int32_t v;
  memcpy(&v, &f, sizeof v);
  return v;
}

static float bits_float(int64_t bits) {
  int32_t v = (int32_t)bits;
  float f;
  memcpy(&f, &v, sizeof f);
  return f;
}

static void put_range(plan_writer_t *w, uint16_t tag, const tensor_t *t, weights_t *weights) {
  int64_t range[] = {(int64_t)place_weight(weights, t), (int64_t)tensor_bytes(t)};
  plan_put_ints(w, tag, range, 2);
}

static void put_tensor(plan_writer_t *w, const net_tensor_t *t, weights_t *weights) {
  plan_writer_t m = {0};
  plan_put_string(&m, TENSOR_NAME, t->name);
  int64_t numbers[] = {t->dtype, t->is_const, float_bits(t->scale), t->shape.rank};
  plan_put_ints(&m, TENSOR_NUMBERS, numbers, 4);
  if (t->shape.rank > 0) plan_put_ints(&m, TENSOR_DIMS, t->shape.d, (size_t)t->shape.rank);
  if (t->least < 0 || t->most > 0)
    plan_put_ints(&m, TENSOR_BOUNDS, (int64_t[]){float_bits(t->least), float_bits(t->most)}, 2);
  if (t->zero_point) plan_put_ints(&m, TENSOR_ZERO_POINT, (int64_t[]){t->zero_point}, 1);
  if (t->n_channel_scales)
    plan_put_bytes(&m, TENSOR_CHANNEL_SCALES, t->channel_scale,
                   (size_t)t->n_channel_scales * sizeof *t->channel_scale);
  if (t->n_channel_factors)
    plan_put_bytes(&m, TENSOR_CHANNEL_FACTORS, t->channel_factor,
                   (size_t)t->n_channel_factors * sizeof *t->channel_factor);
  if (t->is_const && t->weight_key) {
    plan_put_string(&m, TENSOR_KEY, t->weight_key);
    if (t->weight_scale.n) {
      plan_put_bytes(&m, TENSOR_FACTORS, t->weight_scale.factor,
                     (size_t)t->weight_scale.n * sizeof(double));
      plan_put_ints(&m, TENSOR_FACTOR_RUN, &t->weight_scale.inner, 1);
    }
  } else if (t->is_const) {
    put_range(&m, TENSOR_WEIGHT, &t->value, weights);
    if (t->unrounded.buf) put_range(&m, TENSOR_UNROUNDED, &t->unrounded, weights);
  }
  plan_put_bytes(w, NET_TENSOR, m.v, m.n);
  vec_free(&m);
}

static void put_layer(plan_writer_t *w, const layer_t *l) {
  plan_writer_t m = {0}, params = {0};
  plan_put_ints(&m, LAYER_TYPE, (int64_t[]){l->type}, 1);
  plan_put_string(&m, LAYER_NAME, l->name);
  for (int i = 0; i < l->n_tf_nodes; i++) plan_put_string(&m, LAYER_TF_NODE, l->tf_nodes[i]);
  put_ids(&m, LAYER_IN, l->in, l->n_in);
  put_ids(&m, LAYER_OUT, l->out, l->n_out);
  plan_write_params(&params, &l->p);
  plan_put_bytes(&m, LAYER_P, params.v, params.n);
  if (l->why) plan_put_string(&m, LAYER_WHY, l->why);
  plan_put_bytes(w, NET_LAYER, m.v, m.n);
  vec_free(&params);
  vec_free(&m);
}

static status_t check_ids(const network_t *n) {
  for (int i = 0; i < n->n_tensors; i++)
    if (n->tensors[i]->id != i)
      return FAIL(INTERNAL, "network %s: tensor %s is not at its id; compact it first", n->name,
                  n->tensors[i]->name);
  return NULL;
}

status_t plan_write(const network_t *n, const char *backend, const plan_blob_t *blobs, int n_blobs,
                    const profiles_t *profiles, bytes_t *out) {
  TRY(check_ids(n));
  weights_t weights = {.by_hash = map_create()};
  plan_writer_t net = {0}, meta = {0};
  plan_put_string(&net, NET_NAME, n->name);
  for (int i = 0; i < n->n_tensors; i++) put_tensor(&net, n->tensors[i], &weights);
  for (int i = 0; i < n->n_layers; i++)
    if (!n->layers[i]->dead) put_layer(&net, n->layers[i]);
  put_ids(&net, NET_INPUTS, n->inputs, n->n_inputs);
  put_ids(&net, NET_OUTPUTS, n->outputs, n->n_outputs);

  size_t net_at = HEADER, weights_at = align_up(net_at + net.n),
         blob_at = weights_at + weights.size;
  plan_put_string(&meta, META_BACKEND, backend);
  plan_put_string(&meta, META_ISA, cpu_isa_name(cpu_isa()));
  size_t at = blob_at;
  for (int i = 0; i < n_blobs; i++) {
    plan_writer_t b = {0};
    plan_put_string(&b, BLOB_NAME, blobs[i].name);
    plan_put_ints(&b, BLOB_RANGE, (int64_t[]){(int64_t)at, (int64_t)blobs[i].size}, 2);
    plan_put_bytes(&meta, META_BLOB, b.v, b.n);
    vec_free(&b);
    at += align_up(blobs[i].size);
  }
  profiles_write(profiles, META_PROFILE, &meta);
  size_t meta_at = at, total = meta_at + meta.n;
  uint8_t *data = net.n > UINT32_MAX ? NULL : mem_try_alloc(total);
  status_t st = data ? NULL : FAIL(RESOURCE_EXHAUSTED, "a plan of %zu bytes does not fit", total);
  if (data) {
    memset(data, 0, weights_at);
    memcpy(data, magic, sizeof magic);
    plan_store(data + AT_VERSION, PLAN_VERSION, 8);
    plan_store(data + AT_SIZE, total, 8);
    plan_store(data + AT_META, meta_at, 8);
    plan_store(data + AT_NETWORK, net_at, 8);
    plan_store(data + AT_WEIGHTS, weights_at, 8);
    plan_store(data + AT_WEIGHTS + 8, net.n, 8);
    memcpy(data + net_at, net.v, net.n);
    if (meta_at > weights_at) memset(data + weights_at, 0, meta_at - weights_at);
    for (size_t i = 0; i < weights.values.n; i++)
      if (tensor_bytes(weights.values.v[i]))
        memcpy(data + weights_at + weights.offsets.v[i], weights.values.v[i]->data,
               tensor_bytes(weights.values.v[i]));
    at = blob_at;
    for (int i = 0; i < n_blobs; at += align_up(blobs[i++].size))
      if (blobs[i].size) memcpy(data + at, blobs[i].data, blobs[i].size);
    memcpy(data + meta_at, meta.v, meta.n);
    plan_store(data + AT_HASH, hash_bytes(data + AT_META, total - AT_META, PLAN_VERSION), 8);
    *out = (bytes_t){data, total};
  }
  vec_free(&net);
  vec_free(&meta);
  vec_free(&weights.values);
  vec_free(&weights.offsets);
  map_destroy(weights.by_hash);
  return st;
}

// ---- reading --------------------------------------------------------------------------------

#define DAMAGED(what) FAIL(DATA_LOSS, "not a whole plan: %s", what)

typedef struct sections {
  size_t network, network_size, weights, meta;
} sections_t;

static status_t read_header(const uint8_t *data, size_t size, sections_t *s) {
  if (size < HEADER || memcmp(data, magic, sizeof magic) != 0)
    return DAMAGED("it does not begin as a plan does");
  uint64_t version = plan_fetch(data + AT_VERSION, 8);
  if (version > PLAN_VERSION)
    return FAIL(UNIMPLEMENTED, "plan of version %" PRIu64 ", newer than %d", version, PLAN_VERSION);
  if (plan_fetch(data + AT_SIZE, 8) != size)
    return DAMAGED("it is cut short or has bytes too many");
  *s = (sections_t){plan_fetch(data + AT_NETWORK, 8), plan_fetch(data + AT_WEIGHTS + 8, 8),
                    plan_fetch(data + AT_WEIGHTS, 8), plan_fetch(data + AT_META, 8)};
  if (s->network < HEADER || s->network > s->weights || s->weights > s->meta || s->meta > size ||
      s->network_size > s->weights - s->network || s->weights % ALIGN)
    return DAMAGED("its sections lie outside");
  return NULL;
}

typedef struct loader {
  const uint8_t *data;
  size_t size;
  sections_t at;
  const weight_source_t *source;
  network_t *net;
  const char *what;  // is damaged
} loader_t;

static bool damaged(loader_t *ld, const char *what) {
  ld->what = what;
  return false;
}

static const char *string_of(arena_t *a, const plan_field_t *f) {
  return arena_strndup(a, (const char *)f->data, f->size);
}

static bool dtype_ok(int64_t t) {
  return t > 0 && t < DT_MAX && dtype_is_plain((dtype_t)t) && !dtype_is_complex((dtype_t)t);
}

static bool read_factors(arena_t *a, const plan_field_t *f, weight_scale_t *out) {
  double *v = arena_alloc(a, f->size + 1);
  memcpy(v, f->data, f->size);
  *out = (weight_scale_t){.factor = v, .n = (int64_t)(f->size / sizeof *v), .inner = 1};
  return f->size && f->size % sizeof *v == 0;
}

static bool read_floats(arena_t *a, const plan_field_t *f, const float **out, int64_t *n) {
  float *v = arena_alloc(a, f->size + 1);
  memcpy(v, f->data, f->size);
  *out = v;
  *n = (int64_t)(f->size / sizeof *v);
  return f->size && f->size % sizeof *v == 0;
}

typedef struct places {  // of a constant in the plan: offsets and sizes; -1: there is none
  int64_t value[2], unrounded[2];
} places_t;

static bool read_tensor(loader_t *ld, const plan_field_t *field, places_t *at) {
  network_t *n = ld->net;
  net_tensor_t *t = arena_alloc(n->arena, sizeof *t);
  plan_reader_t r = {field->data, field->data + field->size, false};
  plan_field_t f;
  int64_t numbers[4] = {0}, bounds[2] = {0}, zero_point = 0;
  t->name = "";
  *at = (places_t){{-1, -1}, {-1, -1}};
  while (plan_next(&r, &f)) {
    bool ok = true;
    switch (f.tag) {
      case TENSOR_NAME: t->name = string_of(n->arena, &f); break;
      case TENSOR_NUMBERS: ok = plan_ints(&f, numbers, 4); break;
      case TENSOR_DIMS: ok = plan_ints(&f, t->shape.d, SHAPE_MAX_RANK); break;
      case TENSOR_WEIGHT: ok = plan_ints(&f, at->value, 2); break;
      case TENSOR_UNROUNDED: ok = plan_ints(&f, at->unrounded, 2); break;
      case TENSOR_KEY: t->weight_key = string_of(n->arena, &f); break;
      case TENSOR_FACTORS: ok = read_factors(n->arena, &f, &t->weight_scale); break;
      case TENSOR_FACTOR_RUN: ok = plan_ints(&f, &t->weight_scale.inner, 1); break;
      case TENSOR_BOUNDS: ok = plan_ints(&f, bounds, 2); break;
      case TENSOR_ZERO_POINT: ok = plan_ints(&f, &zero_point, 1); break;
      case TENSOR_CHANNEL_SCALES:
        ok = read_floats(n->arena, &f, &t->channel_scale, &t->n_channel_scales);
        break;
      case TENSOR_CHANNEL_FACTORS:
        ok = read_floats(n->arena, &f, &t->channel_factor, &t->n_channel_factors);
        break;
      default: break;
    }
    if (!ok) return damaged(ld, "a tensor's field");
  }
  if (r.bad || !dtype_ok(numbers[0]) || zero_point < -255 || zero_point > 255 || numbers[3] < -1 ||
      numbers[3] > SHAPE_MAX_RANK)
    return damaged(ld, "a tensor");
  t->dtype = (dtype_t)numbers[0];
  t->is_const = numbers[1] != 0;
  t->scale = bits_float(numbers[2]);
  t->least = bits_float(bounds[0]);
  t->most = bits_float(bounds[1]);
  t->zero_point = (int)zero_point;
  t->shape.rank = (int)numbers[3];
  t->id = n->n_tensors;
  if (n->n_tensors == n->cap_tensors) {
    n->cap_tensors = n->cap_tensors ? 2 * n->cap_tensors : 64;
    n->tensors = mem_realloc(n->tensors, (size_t)n->cap_tensors * sizeof(net_tensor_t *));
  }
  n->tensors[n->n_tensors++] = t;
  return true;
}

static bool find_values(loader_t *ld, const net_tensor_t *t, dtype_t dtype, const int64_t *range,
                        tensor_t *out) {
  size_t bytes = dtype_size(dtype), room = ld->at.meta - ld->at.weights;
  int64_t n = shape_elements(&t->shape);
  if (!shape_known(&t->shape) || n < 0 || !size_mul(bytes, (size_t)n, &bytes))
    return damaged(ld, "a constant's shape");
  if (range[0] < 0 || range[1] < 0 || (uint64_t)range[0] > room ||
      (uint64_t)range[1] > room - (size_t)range[0] || (size_t)range[1] != bytes)
    return damaged(ld, "a constant's place");
  uint8_t *at = (uint8_t *)(uintptr_t)(ld->data + ld->at.weights + range[0]);
  tensor_t borrowed = tensor_borrow(dtype, &t->shape, at, bytes, NULL, NULL);
  if ((uintptr_t)at % ALIGN == 0) {
    *out = borrowed;
    return true;
  }
  status_t st = tensor_copy(&borrowed, out);
  tensor_unref(&borrowed);
  status_free(st);
  return st ? damaged(ld, "a constant that does not fit in memory") : true;
}

static bool find_weight(loader_t *ld, net_tensor_t *t, const places_t *at) {
  if (!find_values(ld, t, t->dtype, at->value, &t->value)) return false;
  if (t->dtype != DT_HALF || at->unrounded[1] < 0) return true;
  return find_values(ld, t, DT_FLOAT, at->unrounded, &t->unrounded);
}

static bool read_ids(loader_t *ld, const plan_field_t *f, net_tensor_t ***out, int *count) {
  size_t n = f->size / 8;
  if (f->size % 8 || n > INT32_MAX / 8) return damaged(ld, "a list of tensors");
  int64_t *ids = mem_alloc(f->size + 1);
  plan_ints(f, ids, n);
  bool ok = true;
  net_tensor_t **list = mem_alloc(n * sizeof *list + 1);
  for (size_t i = 0; i < n && ok; i++) {
    ok = ids[i] >= 0 && ids[i] < ld->net->n_tensors;
    if (ok) list[i] = ld->net->tensors[ids[i]];
  }
  mem_free(ids);
  if (!ok) {
    mem_free(list);
    return damaged(ld, "the number of a tensor");
  }
  mem_free(*out);
  *out = list;
  *count = (int)n;
  return true;
}

static bool layer_fields(loader_t *ld, const plan_field_t *field, layer_t *l, net_tensor_t ***in,
                         net_tensor_t ***out) {
  network_t *n = ld->net;
  plan_reader_t r = {field->data, field->data + field->size, false};
  plan_field_t f, params = {0};
  int64_t type = -1;
  int cap = 0;
  while (plan_next(&r, &f)) {
    bool ok = true;
    switch (f.tag) {
      case LAYER_TYPE: ok = plan_ints(&f, &type, 1); break;
      case LAYER_NAME: l->name = string_of(n->arena, &f); break;
      case LAYER_TF_NODE:
        if (l->n_tf_nodes == cap) {
          const char **grown = arena_alloc(n->arena, (size_t)(cap = 2 * cap + 4) * sizeof *grown);
          if (l->n_tf_nodes) memcpy(grown, l->tf_nodes, (size_t)l->n_tf_nodes * sizeof *grown);
          l->tf_nodes = grown;
        }
        l->tf_nodes[l->n_tf_nodes++] = string_of(n->arena, &f);
        break;
      case LAYER_IN: ok = read_ids(ld, &f, in, &l->n_in); break;
      case LAYER_OUT: ok = read_ids(ld, &f, out, &l->n_out); break;
      case LAYER_P: params = f; break;
      case LAYER_WHY: l->why = string_of(n->arena, &f); break;
      default: break;
    }
    if (!ok) return damaged(ld, "a layer's field");
  }
  if (r.bad || type < 0 || type >= LAYER_TYPE_COUNT || l->n_out < 1) return damaged(ld, "a layer");
  l->type = (layer_type_t)type;
  return (params.size == 0 || plan_read_params(params.data, params.size, l->n_in, &l->p)) ||
         damaged(ld, "a layer's parameters");
}

// ready[id]: the tensor is an input, a constant, or made by a layer before.
static bool read_layer(loader_t *ld, const plan_field_t *field, uint8_t *ready) {
  network_t *n = ld->net;
  layer_t *l = arena_alloc(n->arena, sizeof *l);
  net_tensor_t **in = NULL, **out = NULL;
  l->name = "";
  bool ok = layer_fields(ld, field, l, &in, &out);
  if (ok) {
    l->in = arena_alloc(n->arena, (size_t)l->n_in * sizeof *in + 1);
    l->out = arena_alloc(n->arena, (size_t)l->n_out * sizeof *out + 1);
    if (l->n_in) memcpy(l->in, in, (size_t)l->n_in * sizeof *in);
    memcpy(l->out, out, (size_t)l->n_out * sizeof *out);
  }
  mem_free(in);
  mem_free(out);
  if (!ok) return false;
  for (int i = 0; i < l->n_in; i++) {
    if (!ready[l->in[i]->id]) return damaged(ld, "a layer that reads what is not made yet");
    l->in[i]->n_readers++;
  }
  for (int i = 0; i < l->n_out; i++) {
    if (ready[l->out[i]->id]) return damaged(ld, "a tensor that is made twice");
    ready[l->out[i]->id] = 1;
    l->out[i]->producer = l;
    l->out[i]->port = i;
  }
  l->id = n->n_layers;
  if (n->n_layers == n->cap_layers) {
    n->cap_layers = n->cap_layers ? 2 * n->cap_layers : 64;
    n->layers = mem_realloc(n->layers, (size_t)n->cap_layers * sizeof(layer_t *));
  }
  n->layers[n->n_layers++] = l;
  return true;
}

// Of t, whose value is float32 and times the factors.
static status_t round_weight(net_tensor_t *t, const tensor_t *stored) {
  tensor_t v;
  TRY(status_prefix(tensor_alloc(t->dtype, &t->shape, &v), "weight %s", t->weight_key));
  convert(DT_FLOAT, t->dtype, t->value.data, v.data, tensor_elements(&v), false, cpu_threads(0));
  if (t->value.buf->mapped) stream_forget(t->value.data, tensor_bytes(&t->value));
  tensor_unref(&t->value);
  t->value = v;
  if (t->dtype != DT_HALF) return NULL;
  t->unrounded = tensor_ref(stored);  // which is mapped, mostly
  t->stored_weight = true;
  return NULL;
}

static status_t no_weight(void *self, const char *key, tensor_t *out) {
  (void)self;
  *out = (tensor_t){0};
  return FAIL(NOT_FOUND, "weight %s was not to be read", key);
}

const weight_source_t plan_no_weights = {no_weight, NULL};

static status_t read_external(loader_t *ld, net_tensor_t *t) {
  if (ld->source == &plan_no_weights) return NULL;
  if (!ld->source)
    return FAIL(FAILED_PRECONDITION, "the plan needs weight %s, and no weights were given",
                t->weight_key);
  TRY(ld->source->read(ld->source->self, t->weight_key, &t->value));
  bool rounded = t->value.dtype == DT_FLOAT && dtype_is_16bit_float(t->dtype);
  // The same bytes may serve under another shape.
  if ((t->value.dtype != t->dtype && !rounded) ||
      tensor_elements(&t->value) != shape_elements(&t->shape)) {
    char a[160], b[160];
    return FAIL(DATA_LOSS, "weight %s is %s%s, the plan was made with %s%s", t->weight_key,
                dtype_name(t->value.dtype), shape_format(&t->value.shape, a, sizeof a),
                dtype_name(t->dtype), shape_format(&t->shape, b, sizeof b));
  }
  t->value.shape = t->shape;
  tensor_t stored = tensor_ref(&t->value);
  status_t st = NULL;
  if (t->weight_scale.n) {
    tensor_unref(&t->value);
    st = weight_scale_apply(&stored, &t->weight_scale, &t->value);
    st = status_prefix(st, "weight %s", t->weight_key);
  }
  if (!st && rounded) st = round_weight(t, &stored);
  tensor_unref(&stored);
  return st;
}

// Tensors and layers; two walks over the fields, as layers refer to inputs that come after them.
static status_t read_network(loader_t *ld) {
  network_t *n = ld->net;
  const uint8_t *from = ld->data + ld->at.network, *to = from + ld->at.network_size;
  plan_field_t f;
  plan_reader_t r = {from, to, false};
  bool ok = true;
  while (ok && plan_next(&r, &f)) {
    places_t at;
    if (f.tag == NET_NAME) n->name = string_of(n->arena, &f);
    if (f.tag == NET_TENSOR) {
      ok = read_tensor(ld, &f, &at);
      net_tensor_t *t = ok ? n->tensors[n->n_tensors - 1] : NULL;
      if (ok && t->is_const && !t->weight_key) ok = find_weight(ld, t, &at);
      if (ok && t->is_const && t->weight_key) TRY(read_external(ld, t));
      if (t)
        t->known =
            t->is_const && ok && t->value.buf ? known_from_tensor(n->arena, &t->value) : NULL;
    }
    if (f.tag == NET_INPUTS) ok = read_ids(ld, &f, &n->inputs, &n->n_inputs);
    if (f.tag == NET_OUTPUTS) ok = read_ids(ld, &f, &n->outputs, &n->n_outputs);
  }
  if (!ok || r.bad) return DAMAGED(ld->what ? ld->what : "the network");
  uint8_t *ready = mem_calloc((size_t)n->n_tensors + 1, 1);
  for (int i = 0; i < n->n_tensors; i++) ready[i] = n->tensors[i]->is_const;
  for (int i = 0; i < n->n_inputs && ok; i++) {
    ok = !ready[n->inputs[i]->id];
    ready[n->inputs[i]->id] = 1;
  }
  if (!ok) ld->what = "an input that is something else too";
  r = (plan_reader_t){from, to, false};
  while (ok && plan_next(&r, &f))
    if (f.tag == NET_LAYER) ok = read_layer(ld, &f, ready);
  for (int i = 0; i < n->n_outputs && ok; i++) {
    n->outputs[i]->n_readers++;
    if (!ready[n->outputs[i]->id]) ok = damaged(ld, "an output that nothing makes");
  }
  mem_free(ready);
  return ok ? NULL : DAMAGED(ld->what ? ld->what : "the network");
}

static bool read_meta(const uint8_t *data, size_t size, const sections_t *at, arena_t *a,
                      plan_t *p) {
  plan_reader_t r = {data + at->meta, data + size, false};
  plan_field_t f;
  p->backend = p->isa = "";
  while (plan_next(&r, &f)) {
    if (f.tag == META_BACKEND) p->backend = string_of(a, &f);
    if (f.tag == META_ISA) p->isa = string_of(a, &f);
    if (f.tag != META_BLOB) continue;
    plan_reader_t b = {f.data, f.data + f.size, false};
    plan_field_t g;
    int64_t range[2] = {-1, -1};
    const char *name = "";
    while (plan_next(&b, &g)) {
      if (g.tag == BLOB_NAME) name = string_of(a, &g);
      if (g.tag == BLOB_RANGE && !plan_ints(&g, range, 2)) return false;
    }
    if (b.bad || range[0] < (int64_t)at->weights || range[1] < 0 || (uint64_t)range[0] > at->meta ||
        (uint64_t)range[1] > at->meta - (size_t)range[0])
      return false;
    plan_blob_t *grown = arena_alloc(a, (size_t)(p->n_blobs + 1) * sizeof *grown);
    if (p->n_blobs) memcpy(grown, p->blobs, (size_t)p->n_blobs * sizeof *grown);
    grown[p->n_blobs++] = (plan_blob_t){name, data + range[0], (size_t)range[1]};
    p->blobs = grown;
  }
  return !r.bad;
}

// *out stays NULL when there are none.
static bool read_profiles(const uint8_t *data, size_t size, const sections_t *at,
                          profiles_t **out) {
  plan_reader_t r = {data + at->meta, data + size, false};
  plan_field_t f;
  *out = NULL;
  while (plan_next(&r, &f)) {
    if (f.tag != META_PROFILE) continue;
    if (!*out) *out = profiles_create(profiles_inputs(&f));
    if (!profiles_read(*out, &f)) return false;
  }
  return !r.bad;
}

status_t plan_read(const uint8_t *data, size_t size, const weight_source_t *weights, plan_t **out) {
  sections_t at;
  TRY(read_header(data, size, &at));
  uint64_t version = plan_fetch(data + AT_VERSION, 8);
  if (hash_bytes(data + AT_META, size - AT_META, version) != plan_fetch(data + AT_HASH, 8))
    return DAMAGED("its checksum is wrong");
  network_t *net = network_create("");
  plan_t *p = arena_alloc(net->arena, sizeof *p);
  p->net = net;
  loader_t ld = {.data = data, .size = size, .at = at, .source = weights, .net = net};
  status_t st = read_meta(data, size, &at, net->arena, p) ? NULL : DAMAGED("its metadata");
  if (!st) st = read_network(&ld);
  if (!st && (!read_profiles(data, size, &at, &p->profiles) ||
              (p->profiles && p->profiles->n_inputs != net->n_inputs)))
    st = DAMAGED("its profiles");
  // Symbols that inference makes must be other ones than those of the plan.
  for (int i = 0; i < net->n_tensors && !st; i++)
    for (int d = 0; d < net->tensors[i]->shape.rank; d++) {
      int64_t dim = net->tensors[i]->shape.d[d];
      if (dim > -((int64_t)1 << 37) && dim <= net->next_symbol) net->next_symbol = dim - 1;
    }
  if (!st && (st = network_infer(net))) {
    status_t why = FAIL(DATA_LOSS, "not a whole plan: %s", status_message(st));
    status_free(st);
    st = why;
  }
  if (st) {
    plan_free(p);
    return st;
  }
  *out = p;
  return NULL;
}

void plan_free(plan_t *p) {
  if (!p) return;
  profiles_destroy(p->profiles);
  network_destroy(p->net);
}

const plan_blob_t *plan_blob(const plan_t *p, const char *name) {
  for (int i = 0; i < p->n_blobs; i++)
    if (strcmp(p->blobs[i].name, name) == 0) return &p->blobs[i];
  return NULL;
}

status_t plan_backend(const uint8_t *data, size_t size, char *out, size_t n) {
  sections_t at;
  TRY(read_header(data, size, &at));
  plan_reader_t r = {data + at.meta, data + size, false};
  plan_field_t f;
  out[0] = 0;
  while (plan_next(&r, &f))
    if (f.tag == META_BACKEND && f.size < n) {
      memcpy(out, f.data, f.size);
      out[f.size] = 0;
    }
  return r.bad || !out[0] ? DAMAGED("its metadata") : NULL;
}

status_t plan_profiles(const uint8_t *data, size_t size, profiles_t **out) {
  sections_t at;
  *out = NULL;
  TRY(read_header(data, size, &at));
  if (read_profiles(data, size, &at, out)) return NULL;
  profiles_destroy(*out);
  *out = NULL;
  return DAMAGED("its profiles");
}
