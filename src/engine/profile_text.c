// Profiles told to people, to programs, and in plans.
#include <inttypes.h>
#include <stdio.h>

#include "engine/profile.h"

static const char *name_of(const char *const *names, int i, char *buf, size_t n) {
  if (names && names[i]) return names[i];
  snprintf(buf, n, "TensorRTInputPH_%d", i);
  return buf;
}

static void put_numbers(text_t *t, const int64_t *v, int n, const char *between) {
  text_add(t, "[");
  for (int i = 0; i < n; i++) text_printf(t, "%s%" PRId64, i ? between : "", v[i]);
  text_add(t, "]");
}

void profiles_text(const profiles_t *p, const char *const *names, text_t *out) {
  char buf[40];
  for (size_t k = 0; k < p->list.n; k++) {
    const shape_set_t *sets[] = {&p->list.v[k].min, &p->list.v[k].opt, &p->list.v[k].max};
    static const char *const words[] = {"min", "opt", "max"};
    for (int i = 0; i < p->n_inputs; i++) {
      text_printf(out, "profile %zu: %s", k, name_of(names, i, buf, sizeof buf));
      for (int s = 0; s < 3 && !p->ignored[i]; s++) {
        text_printf(out, " %s ", words[s]);
        put_numbers(out, sets[s]->shapes[i].d, sets[s]->shapes[i].rank, ",");
        const shape_values_t *v = &sets[s]->values[i];
        if (!v->v) continue;
        text_add(out, " of ");
        put_numbers(out, v->v, v->n, ",");
      }
      text_add(out, p->ignored[i] ? " any\n" : "\n");
    }
  }
}

static void put_input(text_t *t, const profile_t *q, int i) {
  const shape_set_t *sets[] = {&q->min, &q->opt, &q->max};
  static const char *const words[] = {"min", "opt", "max"};
  for (int s = 0; s < 3; s++) {
    text_printf(t, ", \"%s\": ", words[s]);
    put_numbers(t, sets[s]->shapes[i].d, sets[s]->shapes[i].rank, ", ");
  }
  if (!q->min.values[i].v) return;
  text_add(t, ", \"values\": {");
  for (int s = 0; s < 3; s++) {
    text_printf(t, "%s\"%s\": ", s ? ", " : "", words[s]);
    put_numbers(t, sets[s]->values[i].v, sets[s]->values[i].n, ", ");
  }
  text_add(t, "}");
}

void profiles_json(const profiles_t *p, const char *const *names, text_t *out) {
  char buf[40];
  text_add(out, "[");
  for (size_t k = 0; k < p->list.n; k++) {
    text_add(out, k ? ", {\"inputs\": [" : "{\"inputs\": [");
    for (int i = 0; i < p->n_inputs; i++) {
      text_add(out, i ? ", {\"name\": " : "{\"name\": ");
      text_quoted(out, name_of(names, i, buf, sizeof buf));
      if (!p->ignored[i]) put_input(out, &p->list.v[k], i);
      text_add(out, "}");
    }
    text_add(out, "]}");
  }
  text_add(out, "]");
}

// ---------------------------------------------------------------- in plans

enum { PROFILE_INPUT = 1 };
enum { INPUT_MIN = 1, INPUT_OPT = 2, INPUT_MAX = 3, INPUT_MIN_VALUES = 4, INPUT_OPT_VALUES = 5 };
enum { INPUT_MAX_VALUES = 6, INPUT_IGNORED = 7 };

void profiles_write(const profiles_t *p, uint16_t tag, plan_writer_t *w) {
  for (size_t k = 0; p && k < p->list.n; k++) {
    const shape_set_t *sets[] = {&p->list.v[k].min, &p->list.v[k].opt, &p->list.v[k].max};
    plan_writer_t profile = {0};
    for (int i = 0; i < p->n_inputs; i++) {
      plan_writer_t input = {0};
      for (int s = 0; s < 3; s++) {
        const shape_t *shape = &sets[s]->shapes[i];
        const shape_values_t *v = &sets[s]->values[i];
        plan_put_ints(&input, (uint16_t)(INPUT_MIN + s), shape->d, (size_t)shape->rank);
        if (v->v) plan_put_ints(&input, (uint16_t)(INPUT_MIN_VALUES + s), v->v, (size_t)v->n);
      }
      if (p->ignored[i]) plan_put_ints(&input, INPUT_IGNORED, (int64_t[]){1}, 1);
      plan_put_bytes(&profile, PROFILE_INPUT, input.v, input.n);
      vec_free(&input);
    }
    plan_put_bytes(w, tag, profile.v, profile.n);
    vec_free(&profile);
  }
}

static bool read_shape(const plan_field_t *f, shape_t *out) {
  size_t rank = f->size / 8;
  if (f->size % 8 || rank > SHAPE_MAX_RANK) return false;
  out->rank = (int)rank;
  return plan_ints(f, out->d, rank);
}

static bool read_values(arena_t *a, const plan_field_t *f, shape_values_t *out) {
  size_t n = f->size / 8;
  if (f->size % 8 || n > SHAPE_VALUES_MAX) return false;
  int64_t *v = arena_alloc(a, (n + 1) * sizeof *v);
  *out = (shape_values_t){(int)n, v};
  return plan_ints(f, v, n);
}

static bool read_input(profiles_t *p, const plan_field_t *field, profile_t *q, int i) {
  shape_set_t *sets[] = {&q->min, &q->opt, &q->max};
  plan_reader_t r = {field->data, field->data + field->size, false};
  plan_field_t f;
  int64_t ignored = 0;
  bool ok = true;
  while (ok && plan_next(&r, &f)) {
    if (f.tag >= INPUT_MIN && f.tag <= INPUT_MAX)
      ok = read_shape(&f, &sets[f.tag - INPUT_MIN]->shapes[i]);
    else if (f.tag >= INPUT_MIN_VALUES && f.tag <= INPUT_MAX_VALUES)
      ok = read_values(p->arena, &f, &sets[f.tag - INPUT_MIN_VALUES]->values[i]);
    else if (f.tag == INPUT_IGNORED)
      ok = plan_ints(&f, &ignored, 1);
  }
  const shape_values_t *u = &q->min.values[i], *v = &q->opt.values[i], *w = &q->max.values[i];
  ok = ok && !r.bad && q->min.shapes[i].rank == q->max.shapes[i].rank &&
       q->min.shapes[i].rank == q->opt.shapes[i].rank && !u->v == !v->v && !v->v == !w->v &&
       u->n == v->n && v->n == w->n;
  if (ignored) p->ignored[i] = true;
  return ok;
}

int profiles_inputs(const plan_field_t *field) {
  plan_reader_t r = {field->data, field->data + field->size, false};
  plan_field_t f;
  int n = 0;
  while (n < INT32_MAX && plan_next(&r, &f)) n += f.tag == PROFILE_INPUT;
  return n;
}

bool profiles_read(profiles_t *p, const plan_field_t *field) {
  if (profiles_inputs(field) != p->n_inputs) return false;
  plan_reader_t r = {field->data, field->data + field->size, false};
  plan_field_t f;
  profile_t q;
  shape_set_t *sets[] = {&q.min, &q.opt, &q.max};
  for (int s = 0; s < 3; s++)
    *sets[s] =
        (shape_set_t){arena_alloc(p->arena, ((size_t)p->n_inputs + 1) * sizeof(shape_t)),
                      arena_alloc(p->arena, ((size_t)p->n_inputs + 1) * sizeof(shape_values_t))};
  int i = 0;
  while (plan_next(&r, &f))
    if (f.tag == PROFILE_INPUT && (i >= p->n_inputs || !read_input(p, &f, &q, i++))) return false;
  if (r.bad || i != p->n_inputs) return false;
  vec_push(&p->list, q);
  return true;
}
