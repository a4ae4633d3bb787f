#include "profiles.h"

#include <stdio.h>
#include <string.h>

#include "inputs.h"

void profile_options(profile_flags_t *f, option_def_t *defs) {
  *f = (profile_flags_t){0};
  const option_def_t table[PROFILE_OPTIONS + 1] = {
      {"min-shapes", 0, OPTION_SHAPES, &f->min, "IN:1x3x224x224",
       "least shapes of a profile (more after commas)"},
      {"opt-shapes", 0, OPTION_SHAPES, &f->opt, "IN:8x3x224x224",
       "the shapes that it should be best for"},
      {"max-shapes", 0, OPTION_SHAPES, &f->max, "IN:64x3x224x224", "its greatest shapes"},
      {"minShapes", 0, OPTION_SHAPES, &f->min, "", NULL},
      {"optShapes", 0, OPTION_SHAPES, &f->opt, "", NULL},
      {"maxShapes", 0, OPTION_SHAPES, &f->max, "", NULL},
      {0}};
  memcpy(defs, table, sizeof table);
}

bool profile_flags_given(const profile_flags_t *f) { return f->min.n || f->opt.n || f->max.n; }

static tftrt_code refuse(tftrt_error *e, const char *format, const char *a, const char *b) {
  e->code = TFTRT_INVALID_ARGUMENT;
  snprintf(e->message, sizeof e->message, format, a, b);
  return e->code;
}

typedef struct shape {
  char name[256];
  int64_t dims[TFTRT_MAX_RANK];
  int rank;
} shape_t;

static bool parse(const char *text, shape_t *out) {
  return parse_shape(text, out->name, sizeof out->name, out->dims, &out->rank);
}

// The k-th shape of a name in a list, or its last one; how often it is there.
static int find(const list_t *l, const char *name, int k, shape_t *out) {
  int n = 0;
  shape_t s;
  for (int i = 0; i < l->n; i++)
    if (parse(l->v[i], &s) && strcmp(s.name, name) == 0 && n++ <= k) *out = s;
  return n;
}

typedef struct names {
  char v[MAX_INPUTS][256];
  int n, profiles;
} names_t;

static tftrt_code list_names(const profile_flags_t *f, names_t *names, tftrt_error *e) {
  const list_t *lists[] = {&f->min, &f->opt, &f->max};
  shape_t s;
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < lists[i]->n; k++) {
      int at = 0, often;
      if (!parse(lists[i]->v[k], &s))
        return refuse(e, "a shape is written NAME:1x3x224x224, not '%s'%s", lists[i]->v[k], "");
      while (at < names->n && strcmp(names->v[at], s.name) != 0) at++;
      if (at == MAX_INPUTS) return refuse(e, "too many names of inputs%s%s", "", "");
      if (at == names->n) snprintf(names->v[names->n++], sizeof *names->v, "%s", s.name);
      often = find(lists[i], s.name, 0, &s);
      if (often > names->profiles) names->profiles = often;
    }
  return TFTRT_OK;
}

// What is not given is taken from what is: opt from max, else min; min and max from opt.
static tftrt_code fill(const profile_flags_t *f, const char *name, int k, tftrt_profile_input *out,
                       tftrt_error *e) {
  shape_t min, opt, max;
  bool has_min = find(&f->min, name, k, &min) > 0, has_opt = find(&f->opt, name, k, &opt) > 0,
       has_max = find(&f->max, name, k, &max) > 0;
  if (!has_opt) opt = has_max ? max : min;
  if (!has_min) min = opt;
  if (!has_max) max = opt;
  if (min.rank != opt.rank || opt.rank != max.rank)
    return refuse(e, "the shapes of input '%s' are of different ranks%s", name, "");
  out->name = name;
  out->rank = opt.rank;
  memcpy(out->min, min.dims, sizeof min.dims);
  memcpy(out->opt, opt.dims, sizeof opt.dims);
  memcpy(out->max, max.dims, sizeof max.dims);
  return TFTRT_OK;
}

static bool has_inputs(tftrt_converter *c, const char *key, const names_t *names) {
  for (int i = 0; i < names->n; i++) {
    bool found = false;
    for (int k = 0; k < tftrt_converter_input_count(c, key) && !found; k++) {
      tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
      found = !tftrt_converter_input(c, key, k, &info, NULL) && strcmp(info.name, names->v[i]) == 0;
    }
    if (!found) return false;
  }
  return true;
}

tftrt_code profile_flags_add(const profile_flags_t *f, tftrt_converter *c, tftrt_error *e) {
  static names_t names;
  static tftrt_profile_input inputs[MAX_INPUTS];
  int signatures = tftrt_converter_signature_count(c);
  tftrt_code code = list_names(f, &names, e);
  for (int k = 0; k < names.profiles && !code; k++) {
    for (int i = 0; i < names.n && !code; i++) code = fill(f, names.v[i], k, &inputs[i], e);
    for (int i = 0; i < signatures && !code; i++) {
      const char *key = tftrt_converter_signature(c, i);
      if (signatures == 1 || has_inputs(c, key, &names))
        code = tftrt_converter_add_profile(c, key, inputs, names.n, e);
    }
  }
  return code;
}
