#include "api/profiles.h"

#include <string.h>

enum { LEAST, BEST, GREATEST, BOUNDS };
static const char *const words[BOUNDS] = {"min", "opt", "max"};

static const tftrt_profile_input *find(const tftrt_profile_input *inputs, int n, const char *key) {
  for (int i = 0; i < n; i++)
    if (inputs[i].name && strcmp(inputs[i].name, key) == 0) return &inputs[i];
  return NULL;
}

static status_t check_names(const signature_t *s, const tftrt_profile_input *inputs, int n) {
  for (int i = 0; i < n; i++) {
    const char *name = inputs[i].name ? inputs[i].name : "";
    bool known = false;
    for (int k = 0; k < s->n_inputs; k++) known |= strcmp(s->inputs[k].key, name) == 0;
    if (!known) return FAIL(INVALID_ARGUMENT, "signature '%s' has no input '%s'", s->key, name);
    if (find(inputs, i, name))
      return FAIL(INVALID_ARGUMENT, "input '%s' is in the profile twice", name);
  }
  return NULL;
}

static status_t take_shape(const tensor_info_t *want, const tftrt_profile_input *given, int bound,
                           shape_t *out) {
  const int64_t *dims[BOUNDS] = {given->min, given->opt, given->max};
  char a[160], b[160];
  if (given->rank < 0 || given->rank > SHAPE_MAX_RANK)
    return FAIL(INVALID_ARGUMENT, "input '%s': rank %d is not in 0..%d", want->key, given->rank,
                SHAPE_MAX_RANK);
  *out = (shape_t){.rank = given->rank};
  for (int d = 0; d < given->rank; d++) {
    out->d[d] = dims[bound][d];
    if (out->d[d] < 1)
      return FAIL(INVALID_ARGUMENT, "input '%s': dim %d of its %s shape is %lld", want->key, d,
                  words[bound], (long long)out->d[d]);
    if (bound && out->d[d] < dims[bound - 1][d])
      return FAIL(INVALID_ARGUMENT, "input '%s': dim %d is %lld in its %s shape, %lld in its %s",
                  want->key, d, (long long)dims[bound - 1][d], words[bound - 1],
                  (long long)out->d[d], words[bound]);
  }
  if (!shape_compatible(&want->shape, out))
    return FAIL(INVALID_ARGUMENT, "input '%s': the signature wants shape %s, its %s shape is %s",
                want->key, shape_format(&want->shape, a, sizeof a), words[bound],
                shape_format(out, b, sizeof b));
  return NULL;
}

static status_t take_shapes(const signature_t *s, const tftrt_profile_input *inputs, int n,
                            shape_t *shapes) {
  char text[160];
  for (int i = 0; i < s->n_inputs; i++) {
    const tensor_info_t *want = &s->inputs[i];
    const tftrt_profile_input *given = find(inputs, n, want->key);
    for (int bound = 0; bound < BOUNDS; bound++) {
      shape_t *shape = &shapes[bound * s->n_inputs + i];
      if (given)
        TRY(take_shape(want, given, bound, shape));
      else if (shape_known(&want->shape))
        *shape = want->shape;
      else
        return FAIL(INVALID_ARGUMENT, "the profile needs shapes for input '%s', which is %s",
                    want->key, shape_format(&want->shape, text, sizeof text));
    }
  }
  return NULL;
}

status_t added_profiles_add(added_profiles_t *p, const signature_t *s,
                            const tftrt_profile_input *inputs, int n) {
  if (n < 0 || (n && !inputs)) return FAIL(INVALID_ARGUMENT, "the profile's inputs are NULL");
  TRY(check_names(s, inputs, n));
  added_profile_t x = {s, mem_calloc((size_t)s->n_inputs * BOUNDS + 1, sizeof *x.shapes)};
  status_t st = take_shapes(s, inputs, n, x.shapes);
  if (st)
    mem_free(x.shapes);
  else
    vec_push(p, x);
  return st;
}

bool added_profiles_of(const added_profiles_t *p, const signature_t *s) {
  for (size_t i = 0; i < p->n; i++)
    if (p->v[i].signature == s) return true;
  return false;
}

void added_profiles_free(added_profiles_t *p) {
  for (size_t i = 0; i < p->n; i++) mem_free(p->v[i].shapes);
  vec_free(p);
}

// ---------------------------------------------------------------- building

typedef struct zeros {
  const added_profiles_t *profiles;
  const signature_t *signature;
  size_t profile;
  int bound;
  tensor_t *tensors;
} zeros_t;

static void drop(zeros_t *z) {
  for (int i = 0; i < z->signature->n_inputs; i++) tensor_unref(&z->tensors[i]);
}

static status_t next_zeros(void *self, const tensor_t **inputs, bool *end) {
  zeros_t *z = self;
  const signature_t *s = z->signature;
  drop(z);
  while (z->profile < z->profiles->n && z->profiles->v[z->profile].signature != s) z->profile++;
  *end = z->profile == z->profiles->n;
  *inputs = z->tensors;
  if (*end) return NULL;
  const shape_t *shapes = z->profiles->v[z->profile].shapes + z->bound * s->n_inputs;
  for (int i = 0; i < s->n_inputs; i++) {
    tensor_t *t = &z->tensors[i];
    TRY(status_prefix(tensor_alloc(s->inputs[i].dtype, &shapes[i], t), "input '%s'",
                      s->inputs[i].key));
    if (dtype_is_plain(t->dtype)) memset(t->data, 0, tensor_bytes(t));
  }
  z->bound = (z->bound + 1) % BOUNDS;
  z->profile += z->bound == 0;
  return NULL;
}

status_t added_profiles_build(const added_profiles_t *p, const signature_t *s, converter_t *c) {
  zeros_t z = {.profiles = p, .signature = s};
  z.tensors = mem_calloc((size_t)s->n_inputs + 1, sizeof *z.tensors);
  status_t st = converter_build_profiles(c, s->key, &(input_source_t){next_zeros, &z});
  drop(&z);
  mem_free(z.tensors);
  return status_prefix(st, "building with the profiles added");
}
