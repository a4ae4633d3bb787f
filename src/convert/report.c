// TF_TRT_SHOW_DETAILED_REPORT: which ops stay native, how many, and why; as a message and as CSV.
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/text.h"
#include "convert/state.h"

typedef struct line {
  const char *op, *reason;
  int count;     // of this op for this reason
  int op_count;  // of this op
} line_t;
typedef VEC(line_t) lines_t;

static int by_op_and_reason(const void *a, const void *b) {
  const line_t *x = a, *y = b;
  int order = strcmp(x->op, y->op);
  return order ? order : strcmp(x->reason, y->reason);
}

// The op with most nodes first; of an op, the reason with most.
static int by_count(const void *a, const void *b) {
  const line_t *x = a, *y = b;
  if (x->op_count != y->op_count) return x->op_count < y->op_count ? 1 : -1;
  int order = strcmp(x->op, y->op);
  if (order) return order;
  return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->reason, y->reason);
}

static void count_ops(lines_t *lines) {
  for (size_t i = 0, next; i < lines->n; i = next) {
    int count = 0;
    for (next = i; next < lines->n && strcmp(lines->v[next].op, lines->v[i].op) == 0; next++)
      count += lines->v[next].count;
    for (size_t k = i; k < next; k++) lines->v[k].op_count = count;
  }
}

static lines_t gather(const converter_t *c) {
  lines_t all = {0}, lines = {0};
  for (size_t k = 0; k < c->parts.n; k++) {
    const segmentation_t *s = c->parts.v[k]->segmentation;
    for (int i = 0; i < s->n_refusals; i++) {
      if (strcmp(s->refusals[i].node->op, "Const") == 0) continue;  // engines have copies
      line_t l = {s->refusals[i].node->op, s->refusals[i].reason, 1, 0};
      vec_push(&all, l);
    }
  }
  if (all.n) qsort(all.v, all.n, sizeof *all.v, by_op_and_reason);
  for (size_t i = 0; i < all.n; i++) {
    if (i && by_op_and_reason(&all.v[i], &all.v[i - 1]) == 0)
      lines.v[lines.n - 1].count++;
    else
      vec_push(&lines, all.v[i]);
  }
  vec_free(&all);
  count_ops(&lines);
  return lines;
}

static status_t write_csv(const lines_t *lines, const char *path) {
  text_t t = {0};
  text_add(&t, "OP Name|Reason|Count\n");
  for (size_t i = 0; i < lines->n; i++)
    text_printf(&t, "%s|%s|%d\n", lines->v[i].op, lines->v[i].reason, lines->v[i].count);
  status_t st = file_write(path, t.v, t.n);
  text_free(&t);
  return st;
}

static char *as_text(lines_t *lines) {
  text_t t = {0};
  int nodes = 0, ops = 0;
  if (lines->n) qsort(lines->v, lines->n, sizeof *lines->v, by_count);
  text_add(&t, "TensorRT unsupported/non-converted OP Report:");
  for (size_t i = 0; i < lines->n; i++) {
    const line_t *l = &lines->v[i];
    if (!i || strcmp(l->op, l[-1].op) != 0) {
      text_printf(&t, "\n\t- %s -> %dx", l->op, l->op_count);
      nodes += l->op_count;
      ops++;
    }
    text_printf(&t, "\n\t\t- [Count: %dx] %s", l->count, l->reason);
  }
  text_printf(&t, "\n\t- Total nonconverted OPs: %d\n\t- Total nonconverted OP Types: %d", nodes,
              ops);
  return text_take(&t);
}

void report_refusals(converter_t *c) {
  const char *wish = env_text("TF_TRT_SHOW_DETAILED_REPORT");
  bool number = strspn(wish, "-0123456789") == strlen(wish);
  if (!*wish || (number && atoi(wish) < 1)) return;
  lines_t lines = gather(c);
  status_t st = number ? NULL : write_csv(&lines, wish);
  if (st) converter_warn(c, "TF_TRT_SHOW_DETAILED_REPORT: %s", status_message(st));
  status_free(st);
  char *text = as_text(&lines);
  converter_t *to = c->owner ? c->owner : c;
  vec_push(&to->warnings, arena_strdup(to->own, text));
  mem_free(text);
  vec_free(&lines);
}
