#include "tensor/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

shape_t shape_of(int rank, const int64_t *dims) {
  shape_t s = {.rank = rank};
  memcpy(s.d, dims, (size_t)rank * sizeof *dims);
  return s;
}

shape_t shape_unknown_dims(int rank) {
  shape_t s = {.rank = rank};
  for (int i = 0; i < rank; i++) s.d[i] = -1;
  return s;
}

bool shape_known(const shape_t *s) {
  for (int i = 0; i < s->rank; i++)
    if (s->d[i] < 0) return false;
  return s->rank >= 0;
}

bool shape_equal(const shape_t *a, const shape_t *b) {
  return a->rank == b->rank &&
         (a->rank <= 0 || memcmp(a->d, b->d, (size_t)a->rank * sizeof *a->d) == 0);
}

bool shape_compatible(const shape_t *a, const shape_t *b) {
  shape_t merged;
  return shape_merge(a, b, &merged);
}

bool dim_merge(int64_t a, int64_t b, int64_t *out) {
  if (a >= 0 && b >= 0 && a != b) return false;
  if (a >= 0 || b >= 0)
    *out = a >= 0 ? a : b;
  else
    *out = a <= -2 ? a : b;
  return true;
}

bool shape_merge(const shape_t *a, const shape_t *b, shape_t *out) {
  if (a->rank < 0 || b->rank < 0) {
    *out = a->rank < 0 ? *b : *a;
    return true;
  }
  if (a->rank != b->rank) return false;
  shape_t m = {.rank = a->rank};
  for (int i = 0; i < a->rank; i++)
    if (!dim_merge(a->d[i], b->d[i], &m.d[i])) return false;
  *out = m;
  return true;
}

int64_t shape_elements(const shape_t *s) {
  if (s->rank < 0) return -1;
  for (int i = 0; i < s->rank; i++)
    if (s->d[i] == 0) return 0;
  int64_t n = 1;
  for (int i = 0; i < s->rank; i++)
    if (s->d[i] < 0 || __builtin_mul_overflow(n, s->d[i], &n)) return -1;
  return n;
}

bool shape_broadcast(const shape_t *a, const shape_t *b, shape_t *out) {
  if (a->rank < 0 || b->rank < 0) {
    *out = SHAPE_UNKNOWN;
    return true;
  }
  int rank = a->rank > b->rank ? a->rank : b->rank;
  shape_t r = {.rank = rank};
  for (int i = 0; i < rank; i++) {
    int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
    int64_t da = ia < 0 ? 1 : a->d[ia], db = ib < 0 ? 1 : b->d[ib];
    if (da == 1)
      r.d[i] = db;
    else if (db == 1)
      r.d[i] = da;
    else if (da >= 0 && db >= 0) {
      if (da != db) return false;
      r.d[i] = da;
    } else if (da == db) {
      r.d[i] = da;
    } else {  // an unknown against a known dim > 1 must be that dim (or 1); two unlike unknowns
              // stay unknown
      r.d[i] = da >= 0 ? da : db >= 0 ? db : -1;
    }
  }
  *out = r;
  return true;
}

void shape_strides(const shape_t *s, int64_t *strides) {
  int64_t step = 1;
  for (int i = s->rank - 1; i >= 0; i--) {
    strides[i] = step;
    step *= s->d[i];
  }
}

char *shape_format(const shape_t *s, char *buf, size_t n) {
  if (s->rank < 0) {
    snprintf(buf, n, "<unknown>");
    return buf;
  }
  size_t at = 0;
  int w = snprintf(buf, n, "[");
  at += (size_t)w;
  for (int i = 0; i < s->rank && at < n; i++) {
    const char *comma = i ? "," : "";
    w = s->d[i] < 0 ? snprintf(buf + at, n - at, "%s?", comma)
                    : snprintf(buf + at, n - at, "%s%" PRId64, comma, s->d[i]);
    at += (size_t)w;
  }
  if (at < n) snprintf(buf + at, n - at, "]");
  return buf;
}
