// Cases of single ops with the results that TensorFlow gave, read from tests/ops/golden/<name>.txt
// (written by generate.py beside them). A case:
//
//   case <op>
//   attr <name> <bool|int|float|type|string|ints|floats> <value>...
//   in <dtype> <rank> <dims>... <values>...        complex values are pairs
//   out <dtype> <tolerance> <rank> <dims>... <values>...
//   skip                                           an output without a meaning
//   end
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
    if (dtype == DT_COMPLEX64) {
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
  } else {
    bool floats = strcmp(kind, "floats") == 0;
    attr_value_t *v = node_set_attr(c->g, c->node, name);
    v->kind = ATTR_LIST;
    v->list_kind = floats ? ATTR_FLOAT : ATTR_INT;
    v->list = arena_alloc(c->arena, 64 * sizeof *v->list);
    for (; *w; w = golden_word(at)) {
      attr_value_t *item = &v->list[v->n_list++];
      item->kind = v->list_kind;
      if (floats)
        item->f = strtof(w, NULL);
      else
        item->i = atoll(w);
    }
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
