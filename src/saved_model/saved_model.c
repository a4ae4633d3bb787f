#include "saved_model/saved_model.h"

#include <string.h>

#include "formats/tf_fields.h"
#include "saved_model/internal.h"

static status_t parse_graphs(saved_model_t *m) {
  wire_field_t f;
  status_t st;
  int n = 0;
  for (wire_t w = wire_open(m->pb->data, m->pb->size); wire_next(&w, &f, &st);)
    n += f.number == TF_SAVED_MODEL_META_GRAPHS;
  TRY(st);
  if (!n) return FAIL(DATA_LOSS, "there is no meta graph in it: not a SavedModel, or cut off");
  m->graphs = arena_alloc(m->arena, (size_t)n * sizeof *m->graphs);
  m->restored = arena_alloc(m->arena, (size_t)n * sizeof *m->restored);
  m->assigned = arena_alloc(m->arena, (size_t)n * sizeof *m->assigned);
  wire_t w = wire_open(m->pb->data, m->pb->size);
  while (wire_next(&w, &f, &st)) {
    if (f.number != TF_SAVED_MODEL_META_GRAPHS) continue;
    const uint8_t *data;
    size_t size;
    meta_graph_t *g = &m->graphs[m->n_graphs];
    TRY(wire_get_bytes(&f, &data, &size));
    st = meta_graph_parse(data, size, m->arena, g);
    g->index = m->n_graphs;
    m->restored[m->n_graphs++] = map_create();
    if (!st) st = restore_map(g, m->arena, m->restored[g->index]);
    // Offsets in messages count from the meta graph's start.
    if (st) return status_prefix(st, "meta graph %d (at byte %td)", g->index, data - m->pb->data);
  }
  return st;
}

static status_t open_pb(saved_model_t *m) {
  char *path = file_join(m->dir, "saved_model.pb"), *text = file_join(m->dir, "saved_model.pbtxt");
  status_t st;
  if (!file_is_dir(m->dir))
    st = FAIL(NOT_FOUND, "%s is not a directory (a SavedModel is one)", m->dir);
  else if (!file_exists(path) && file_exists(text))
    st = FAIL(UNIMPLEMENTED, "%s is in text format; only saved_model.pb is read", text);
  else
    st = file_map_open(path, &m->pb);
  if (!st) st = fingerprint_check(m->dir, m->pb);
  if (!st) st = status_prefix(parse_graphs(m), "%s", path);
  mem_free(path);
  mem_free(text);
  return st;
}

// No index and no data file: a model without variables. One without the other is damage.
static status_t open_bundle(saved_model_t *m) {
  char *dir = file_join(m->dir, "variables"), *prefix = file_join(dir, "variables");
  char *index = mem_printf("%s.index", prefix);
  bool wanted = file_exists(index);
  if (!wanted && file_is_dir(dir)) {
    char **names;
    size_t n;
    status_t st = file_list_dir(dir, &names, &n);
    for (size_t i = 0; i < n; i++) {
      wanted |= strncmp(names[i], "variables.data-", 15) == 0;
      mem_free(names[i]);
    }
    mem_free(names);
    status_free(st);
  }
  status_t st = wanted ? bundle_open(prefix, &m->bundle) : NULL;
  mem_free(dir);
  mem_free(prefix);
  mem_free(index);
  return st;
}

static bool stays_inside(const char *filename) {
  if (!*filename || *filename == '/') return false;
  for (const char *p = filename; p; p = strchr(p, '/')) {
    if (*p == '/') p++;
    if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2])) return false;
  }
  return true;
}

static status_t check_assets(const saved_model_t *m) {
  for (int i = 0; i < m->n_graphs; i++)
    for (int k = 0; k < m->graphs[i].n_assets; k++) {
      const char *filename = m->graphs[i].assets[k].filename;
      if (!stays_inside(filename))
        return FAIL(INVALID_ARGUMENT, "%s: asset file name \"%s\" leaves assets/", m->dir,
                    filename);
      char *path = mem_printf("%s/assets/%s", m->dir, filename);
      bool there = file_exists(path);
      mem_free(path);
      if (!there) return FAIL(NOT_FOUND, "%s: asset file assets/%s is missing", m->dir, filename);
    }
  return NULL;
}

status_t saved_model_open(const char *dir, saved_model_t **out) {
  *out = NULL;
  saved_model_t *m = mem_calloc(1, sizeof *m);
  m->dir = mem_strdup(dir);
  m->arena = arena_create();
  pthread_mutex_init(&m->lock, NULL);
  status_t st = open_pb(m);
  if (!st) st = open_bundle(m);
  if (!st) st = check_assets(m);
  if (st) {
    saved_model_close(m);
    return st;
  }
  *out = m;
  return NULL;
}

void saved_model_close(saved_model_t *m) {
  if (!m) return;
  for (int i = 0; i < m->n_graphs; i++) {
    map_destroy(m->restored[i]);
    map_destroy(m->assigned[i]);
  }
  pthread_mutex_destroy(&m->lock);
  bundle_close(m->bundle);
  file_map_unref(m->pb);
  arena_destroy(m->arena);
  mem_free(m->dir);
  mem_free(m);
}

const char *saved_model_dir(const saved_model_t *m) { return m->dir; }
int saved_model_n_meta_graphs(const saved_model_t *m) { return m->n_graphs; }
const meta_graph_t *saved_model_meta_graph(const saved_model_t *m, int i) { return &m->graphs[i]; }

static bool has_tag(const char *const *tags, int n, const char *tag) {
  for (int i = 0; i < n; i++)
    if (strcmp(tags[i], tag) == 0) return true;
  return false;
}

static bool same_tags(const meta_graph_t *g, const char *const *tags, int n) {
  for (int i = 0; i < n; i++)
    if (!has_tag((const char *const *)g->tags, g->n_tags, tags[i])) return false;
  for (int i = 0; i < g->n_tags; i++)
    if (!has_tag(tags, n, g->tags[i])) return false;
  return true;
}

static const char *join(arena_t *a, const char *const *words, int n, const char *between) {
  const char *text = "";
  for (int i = 0; i < n; i++) text = arena_printf(a, "%s%s%s", text, i ? between : "", words[i]);
  return text;
}

status_t saved_model_find(const saved_model_t *m, const char *const *tags, int n_tags,
                          const meta_graph_t **out) {
  const char *const serve[] = {"serve"};
  const char *const *wanted = n_tags ? tags : serve;
  int n = n_tags ? n_tags : 1;
  *out = NULL;
  for (int i = 0; i < m->n_graphs && !*out; i++)
    if (same_tags(&m->graphs[i], wanted, n)) *out = &m->graphs[i];
  if (!*out && !n_tags && m->n_graphs == 1) *out = &m->graphs[0];
  if (*out) return NULL;
  arena_t *a = arena_create();
  const char *there = "";
  for (int i = 0; i < m->n_graphs; i++)
    there =
        arena_printf(a, "%s%s{%s}", there, i ? ", " : "",
                     join(a, (const char *const *)m->graphs[i].tags, m->graphs[i].n_tags, ", "));
  status_t st = FAIL(NOT_FOUND, "%s has no meta graph with the tags {%s}; there are %s", m->dir,
                     join(a, wanted, n, ", "), there);
  arena_destroy(a);
  return st;
}

static bool is_init(const signature_t *s) { return strcmp(s->key, "__saved_model_init_op") == 0; }

status_t meta_graph_signature(const meta_graph_t *g, const char *key, const signature_t **out) {
  *out = NULL;
  const char *wanted = key ? key : "serving_default";
  int others = 0;
  const signature_t *other = NULL;
  for (int i = 0; i < g->n_signatures; i++) {
    const signature_t *s = &g->signatures[i];
    if (strcmp(s->key, wanted) == 0) *out = s;
    if (!is_init(s)) {
      other = s;
      others++;
    }
  }
  if (!*out && !key && others == 1) *out = other;
  if (*out) return NULL;
  arena_t *a = arena_create();
  const char *there = others ? "there are" : "there are none";
  for (int i = 0, n = 0; i < g->n_signatures; i++)
    if (!is_init(&g->signatures[i]))
      there = arena_printf(a, "%s%s \"%s\"", there, n++ ? "," : "", g->signatures[i].key);
  status_t st = FAIL(NOT_FOUND, "the model has no signature \"%s\"; %s", wanted, there);
  arena_destroy(a);
  return st;
}
