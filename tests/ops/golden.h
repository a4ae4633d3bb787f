// Cases of single ops with the results that TensorFlow gave, read from tests/ops/golden/<name>.txt
// (written by generate.py beside them). A case:
//
//   case <op>
//   attr <name> <bool|int|float|type|string|text|ints|floats|types|shapes|texts> <value>...
//   in <dtype> <rank> <dims>... <values>...        complex values are pairs
//   out <dtype> <tolerance> <rank> <dims>... <values>...
//   skip                                           an output without a meaning
//   end
//
// Strings are written in hexadecimal after an x ("text" attributes, elements of string tensors).
//
// Floats must satisfy |got - want| <= tolerance * (1 + |want|), other dtypes must be equal.
#ifndef TFTRT_TESTS_OPS_GOLDEN_H
#define TFTRT_TESTS_OPS_GOLDEN_H

#include <inttypes.h>
#include <stdlib.h>

#include "ops/op_case.h"

static inline char *golden_word(char **at) {
  char *w = strtok_r(NULL, " \n", at);
  return w ? w : "";
}

// "x6869" -> "hi"; returns the number of bytes.
static inline size_t golden_bytes(const char *w, char *out, size_t room) {
  size_t n = strlen(w) / 2;
  if (*w != 'x' || n > room) fail_msg("'%s' is no hexadecimal string", w);
  for (size_t i = 0; i < n; i++) {
    const char two[3] = {w[1 + 2 * i], w[2 + 2 * i], 0};
    out[i] = (char)strtol(two, NULL, 16);
  }
  return n;
}

static inline shape_t golden_shape(char **at) {
  shape_t s = {.rank = atoi(golden_word(at))};
  for (int i = 0; i < s.rank; i++) s.d[i] = atoll(golden_word(at));
  return s;
}

static inline tensor_t golden_tensor(dtype_t dtype, char **at) {
  shape_t s = golden_shape(at);
  tensor_t t;
  assert_ok(tensor_alloc(dtype, &s, &t));
  int64_t n = tensor_elements(&t);
  for (int64_t i = 0; i < n; i++) {
    if (dtype == DT_STRING) {
      const char *w = golden_word(at);
      char *bytes = malloc(strlen(w) + 1);
      size_t size = golden_bytes(w, bytes, strlen(w));
      assert_ok(str_set(TENSOR_DATA(str_t, &t) + i, bytes, size));
      free(bytes);
    } else if (dtype == DT_COMPLEX64) {
      for (int k = 0; k < 2; k++) TENSOR_DATA(float, &t)[2 * i + k] = strtof(golden_word(at), NULL);
    } else if (dtype == DT_COMPLEX128) {
      for (int k = 0; k < 2; k++)
        TENSOR_DATA(double, &t)[2 * i + k] = strtod(golden_word(at), NULL);
    } else if (dtype == DT_INT64) {
      TENSOR_DATA(int64_t, &t)[i] = strtoll(golden_word(at), NULL, 10);
    } else if (dtype == DT_UINT64) {
      TENSOR_DATA(uint64_t, &t)[i] = strtoull(golden_word(at), NULL, 10);
    } else {
      tensor_set_number(&t, i, strtod(golden_word(at), NULL));
    }
  }
  return t;
}

// Lists of numbers are packed, as in graphs that were read.
static inline void golden_list(op_case_t *c, const char *name, const char *kind, char *w,
                               char **at) {
  enum { MOST = 64 };
  int64_t ints[MOST];
  float floats[MOST];
  dtype_t types[MOST];
  shape_t shapes[MOST];
  attr_value_t *v = NULL;
  int n = 0;
  if (strcmp(kind, "texts") == 0) {
    v = node_set_attr(c->g, c->node, name);
    v->kind = ATTR_LIST;
    v->list_kind = ATTR_STRING;
    v->list = arena_alloc(c->arena, MOST * sizeof *v->list);
    memset(v->list, 0, MOST * sizeof *v->list);
  }
  for (; *w; w = golden_word(at), n++) {
    assert_true(n < MOST);
    if (v) {
      char *bytes = arena_alloc(c->arena, strlen(w) + 1);
      memset(bytes, 0, strlen(w) + 1);
      v->list[n].kind = ATTR_STRING;
      v->list[n].s.n = golden_bytes(w, bytes, strlen(w));
      v->list[n].s.p = bytes;
      v->n_list++;
    } else if (strcmp(kind, "floats") == 0) {
      floats[n] = strtof(w, NULL);
    } else if (strcmp(kind, "types") == 0) {
      types[n] = dtype_from_name(w);
    } else if (strcmp(kind, "shapes") == 0) {  // "[2,3]" is written "2x3", a scalar "-"
      shapes[n] = (shape_t){0};
      for (char *d = w; *w != '-' || w[1]; d++) {
        shapes[n].d[shapes[n].rank++] = strtoll(d, &d, 10);
        if (!*d) break;
      }
    } else {
      ints[n] = atoll(w);
    }
  }
  if (v) return;
  if (strcmp(kind, "floats") == 0)
    node_set_floats(c->g, c->node, name, floats, n);
  else if (strcmp(kind, "types") == 0)
    node_set_types(c->g, c->node, name, types, n);
  else if (strcmp(kind, "shapes") == 0)
    node_set_shapes(c->g, c->node, name, shapes, n);
  else
    node_set_ints(c->g, c->node, name, ints, n);
}

static inline void golden_attr(op_case_t *c, char **at) {
  const char *name = golden_word(at), *kind = golden_word(at);
  char *w = golden_word(at);
  if (strcmp(kind, "bool") == 0) {
    node_set_bool(c->g, c->node, name, atoi(w));
  } else if (strcmp(kind, "int") == 0) {
    node_set_int(c->g, c->node, name, atoll(w));
  } else if (strcmp(kind, "float") == 0) {
    node_set_float(c->g, c->node, name, strtof(w, NULL));
  } else if (strcmp(kind, "type") == 0) {
    node_set_type(c->g, c->node, name, dtype_from_name(w));
  } else if (strcmp(kind, "string") == 0) {
    node_set_string(c->g, c->node, name, w, strlen(w));
  } else if (strcmp(kind, "text") == 0) {  // a string in hexadecimal
    char bytes[4096];
    size_t n = golden_bytes(w, bytes, sizeof bytes);
    node_set_string(c->g, c->node, name, bytes, n);
  } else {
    golden_list(c, name, kind, w, at);
  }
}

static inline bool golden_near(double got, double want, double tol) {
  return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= tol * (1 + fabs(want));
}

static inline void golden_compare(const tensor_t *got, const tensor_t *want, double tol,
                                  const char *op, int line) {
  char a[128], b[128];
  if (got->dtype != want->dtype || !shape_equal(&got->shape, &want->shape))
    fail_msg("line %d: %s gives %s %s, expected %s %s", line, op, dtype_name(got->dtype),
             shape_format(&got->shape, a, sizeof a), dtype_name(want->dtype),
             shape_format(&want->shape, b, sizeof b));
  int64_t n = tensor_elements(want);
  for (int64_t i = 0; want->dtype == DT_STRING && i < n; i++) {
    const str_t *g = TENSOR_DATA(str_t, got) + i, *w = TENSOR_DATA(str_t, want) + i;
    if (g->n != w->n || (g->n && memcmp(g->p, w->p, g->n) != 0))
      fail_msg("line %d: %s element %" PRId64 " is '%.*s', expected '%.*s'", line, op, i, (int)g->n,
               g->p, (int)w->n, w->p);
  }
  if (want->dtype == DT_STRING) return;
  int parts = dtype_is_complex(want->dtype) ? 2 : 1;
  for (int64_t i = 0; i < n * parts; i++) {
    double g, w;
    if (want->dtype == DT_COMPLEX64) {
      g = (double)TENSOR_DATA(float, got)[i], w = (double)TENSOR_DATA(float, want)[i];
    } else if (want->dtype == DT_COMPLEX128) {
      g = TENSOR_DATA(double, got)[i], w = TENSOR_DATA(double, want)[i];
    } else {
      g = tensor_number_at(got, i), w = tensor_number_at(want, i);
    }
    bool same = golden_near(g, w, tol);
    if (dtype_size(want->dtype) == 8 && dtype_is_int(want->dtype))
      same = TENSOR_DATA(int64_t, got)[i] == TENSOR_DATA(int64_t, want)[i];
    if (!same)
      fail_msg("line %d: %s (%s) element %" PRId64 " is %.9g, expected %.9g", line, op,
               dtype_name(want->dtype), i, g, w);
  }
}

// Runs every case of the file, and then `also` on it; a case that fails ends the test and names its
// line.
static inline void golden_run_also(const char *name, void (*also)(op_case_t *c)) {
  char path[512];
  snprintf(path, sizeof path, "%s/ops/golden/%s.txt", TESTS_DIR, name);
  FILE *f = fopen(path, "r");
  if (!f) fail_msg("cannot open %s", path);
  char *text = NULL;
  size_t room = 0;
  op_case_t c = {0};
  int line = 0, cases = 0, outs = 0;
  while (getline(&text, &room, f) > 0) {
    char *at;
    char *w = strtok_r(text, " \n", &at);
    line++;
    if (!w || *w == '#') continue;
    if (strcmp(w, "case") == 0) {
      c = op_case(golden_word(&at));
      outs = 0;
    } else if (strcmp(w, "attr") == 0) {
      golden_attr(&c, &at);
    } else if (strcmp(w, "in") == 0) {
      case_in_tensor(&c, golden_tensor(dtype_from_name(golden_word(&at)), &at));
    } else if (strcmp(w, "out") == 0) {
      if (!outs) case_run(&c, path, line);
      dtype_t dtype = dtype_from_name(golden_word(&at));
      double tol = strtod(golden_word(&at), NULL);
      tensor_t want = golden_tensor(dtype, &at);
      golden_compare(&c.out[outs++], &want, tol, c.node->op, line);
      tensor_unref(&want);
    } else if (strcmp(w, "skip") == 0) {
      outs++;
    } else if (strcmp(w, "end") == 0) {
      assert_int_equal(outs, c.n_out);
      if (also) also(&c);
      op_case_end(&c);
      cases++;
    } else {
      fail_msg("line %d: unknown word '%s'", line, w);
    }
  }
  free(text);
  fclose(f);
  assert_true(cases > 0);
}
static inline void golden_run(const char *name) { golden_run_also(name, NULL); }

#endif
