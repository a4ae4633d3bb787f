// Damaged models: each file of a converted model, and of its source, in turn absent, cut off or
// with a bit flipped at seeded places. Whatever is done with such a model ends in the right output
// or in one error that names what is damaged. (With sanitizers this is the test to run; more
// places: TFTRT_DAMAGE=500.)
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "convert/convert_corpus.h"
#include "formats/tfrecord.h"
#include "saved_model/writer.h"

static char scratch[64];
static int places = 12;  // per file and kind of damage
static uint64_t seed = 1;

static uint64_t draw(uint64_t below) {  // xorshift64*
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (seed * 2685821657736338717u >> 11) % below;
}

typedef struct victim {
  const golden_t *golden;
  corpus_model_t model;  // its saved: the directory that is damaged
  char *file;            // in it
  uint8_t *bytes;        // of the file before
  size_t size;
  bool checked;  // nothing in the file may go unnoticed: errors name the file
  const char *what;
  size_t at;
  int errors, right;
} victim_t;

static void remember(victim_t *v, const char *file) {
  file_map_t *m;
  v->file = file_join(v->model.saved, file);
  assert_ok(file_map_open(v->file, &m));
  v->size = m->size;
  v->bytes = mem_alloc(m->size + 1);
  if (m->size) memcpy(v->bytes, m->data, m->size);
  file_map_unref(m);
}

static void restore(victim_t *v) {
  assert_ok(file_write(v->file, v->bytes, v->size));
  mem_free(v->file);
  mem_free(v->bytes);
}

static const char *base_name(const char *path) { return strrchr(path, '/') + 1; }

// One line that names the file; damage that only the model's structure tells of names the model.
static void is_clear(victim_t *v, status_t st, const char *doing) {
  const char *text = status_message(st), *name = v->checked ? base_name(v->file) : "";
  // A shard is part of the bundle, whose index tells where bytes should be.
  if (strstr(name, "variables.data-")) name = "variables.";
  bool clear = *text && strlen(text) < 2000 && !strchr(text, '\n') && strstr(text, name);
  if (!clear)
    fail_msg("%s %s at %zu, %s: unclear error: %s", base_name(v->file), v->what, v->at, doing,
             text);
  v->errors++;
  status_free(st);
}

static void swallow(void *user, const char *line) {
  (void)user;
  (void)line;
}

static void runs(victim_t *v, const char *dir, const char *doing) {
  outcome_t o = {0};
  status_t st = run_golden(v->golden, dir, &o);
  if (st) {
    is_clear(v, st, doing);
    return;
  }
  if (o.score.worst > 1 && v->checked)
    fail_msg("%s %s at %zu, %s: silently wrong at %s (%g of what is allowed)", base_name(v->file),
             v->what, v->at, doing, o.score.where, o.score.worst);
  v->right++;
}

static void is_summarised(victim_t *v) {
  const golden_case_t *c = &v->golden->cases.v[0];
  tag_list_t tags;
  char *json = NULL;
  split_tags(c->tags, &tags);
  status_t st = summarize_saved_model(v->model.saved, tags.tag, tags.n, c->signature, 160, true,
                                      swallow, NULL);
  if (st) is_clear(v, st, "summary");
  st = summarize_saved_model_json(v->model.saved, tags.tag, tags.n, c->signature, &json);
  if (st) is_clear(v, st, "summary as JSON");
  mem_free(json);
}

static void is_converted(victim_t *v) {
  char *again = file_join(scratch, "again"), *text = NULL;
  converter_t *c = NULL;
  status_t st = converter_for(&v->model, &v->golden->cases.v[0], &(conversion_t){0}, &c);
  if (!st) st = converter_convert(c, NULL);
  if (!st) st = converter_explain(c, false, &text);
  if (!st) st = build_from(c, &v->golden->cases.v[0]);
  if (!st) st = converter_save(c, again, true);
  if (st)
    is_clear(v, st, "convert");
  else
    runs(v, again, "converted again");
  mem_free(text);
  converter_destroy(c);
  status_free(file_remove_tree(again));
  mem_free(again);
}

static void suffers(victim_t *v, const char *what, size_t at) {
  v->what = what;
  v->at = at;
  runs(v, v->model.saved, "run");
  is_summarised(v);
  is_converted(v);
}

static void damage(victim_t *v, const char *file, bool checked) {
  v->checked = checked;
  v->errors = v->right = 0;
  remember(v, file);
  assert_ok(file_remove_tree(v->file));
  suffers(v, "absent", 0);
  for (int i = 0; i < places && v->size; i++) {
    // The ends are where readers look first.
    size_t keep = i == 0 ? 0 : i == 1 ? v->size - 1 : draw(v->size);
    assert_ok(file_write(v->file, v->bytes, keep));
    suffers(v, "cut off", keep);
  }
  for (int i = 0; i < places && v->size; i++) {
    uint64_t bit = draw(v->size * 8);
    uint8_t *byte = &v->bytes[bit / 8], mask = (uint8_t)(1 << bit % 8);
    *byte ^= mask;
    assert_ok(file_write(v->file, v->bytes, v->size));
    suffers(v, "with a bit flipped", bit / 8);
    *byte ^= mask;
  }
  printf("    %-40s %4d errors, %4d right\n", file, v->errors, v->right);
  if (strcmp(file, "fingerprint.pb") != 0) assert_true(v->errors > places);
  restore(v);
}

// The plan inside a whole record: its own checksum finds what is wrong, and the native segment, or
// an engine that is built anew, serves.
static status_t keep_record(void *user, const shape_t *shapes, int n, const uint8_t *plan,
                            size_t size) {
  uint8_t *copy = mem_alloc(size);
  memcpy(copy, plan, size);
  copy[draw(size)] ^= (uint8_t)(1 << draw(8));
  saved_engine_record(shapes, n, copy, size, user);
  mem_free(copy);
  return NULL;
}

static void damage_plan(victim_t *v, const char *file) {
  remember(v, file);
  for (int i = 0; i < places; i++) {
    wire_out_t out = {0};
    outcome_t o = {0};
    assert_ok(saved_engine_records(v->bytes, v->size, file, keep_record, &out));
    assert_ok(file_write(v->file, out.data, out.size));
    wire_out_free(&out);
    assert_ok(run_golden(v->golden, v->model.saved, &o));
    assert_true(o.score.worst <= 1);
    assert_int_equal(o.hits, 0);
    if (!strstr(o.native, base_name(v->file)) || !strstr(o.native, "plan"))
      fail_msg("the reason for running natively is unclear: %s", o.native);
  }
  restore(v);
}

static void copy_model(const char *from, const char *to) {
  saved_model_t *m;
  saved_model_writer_t *w;
  assert_ok(saved_model_open(from, &m));
  assert_ok(saved_model_writer_create(m, to, &w));
  assert_ok(saved_model_writer_finish(w));
  saved_model_close(m);
}

static const char *first_data_file(const char *dir, char *out, size_t room) {
  char *variables = file_join(dir, "variables"), **names;
  size_t n;
  out[0] = 0;
  assert_ok(file_list_dir(variables, &names, &n));
  for (size_t i = 0; i < n; i++) {
    if (strstr(names[i], ".data-")) snprintf(out, room, "variables/%s", names[i]);
    mem_free(names[i]);
  }
  mem_free(names);
  mem_free(variables);
  return out;
}

static void both_are_damaged(void **state) {
  const corpus_model_t *cm = *state;
  golden_t g;
  char *dir = file_join(scratch, cm->name), data[256], engine[256] = "";
  golden_load(cm, &g);
  victim_t v = {.golden = &g, .model = {.name = cm->name, .saved = dir, .dir = cm->dir}};

  // A model of TensorFlow has no checksum of its saved_model.pb.
  copy_model(cm->saved, dir);
  damage(&v, "saved_model.pb", false);
  damage(&v, "variables/variables.index", true);
  damage(&v, first_data_file(dir, data, sizeof data), true);

  assert_ok(convert(cm, &g.cases.v[0], &(conversion_t){.no_runtime_build = true}, dir));
  char *assets = file_join(dir, "assets"), **names;
  size_t n;
  assert_ok(file_list_dir(assets, &names, &n));
  for (size_t i = 0; i < n; i++) {
    snprintf(engine, sizeof engine, "assets/%s", names[i]);
    mem_free(names[i]);
  }
  mem_free(names);
  mem_free(assets);
  assert_true(n > 0);
  damage(&v, "saved_model.pb", true);
  damage(&v, "fingerprint.pb", true);
  damage(&v, "variables/variables.index", true);
  damage(&v, first_data_file(dir, data, sizeof data), true);
  damage(&v, engine, true);
  damage_plan(&v, engine);
  outcome_t whole = {0};
  assert_ok(run_golden(&g, dir, &whole));
  assert_true(whole.score.worst <= 1);
  golden_free(&g);
  mem_free(dir);
}

int main(int argc, char **argv) {
  char *some[] = {"keras2_cnn", "v1_session", "sharded"};
  const char *more = getenv("TFTRT_DAMAGE");
  if (more) places = atoi(more);
  strcpy(scratch, "/tmp/tftrt_damaged_XXXXXX");
  if (!mkdtemp(scratch)) return 1;
  corpus_t corpus = {0};
  corpus_list(TESTS_DIR "/models/small", argc > 1 ? argc - 1 : 3, argc > 1 ? argv + 1 : some,
              &corpus);
  int failed = corpus_run("damaged", &corpus, both_are_damaged);
  corpus_free(&corpus);
  status_free(file_remove_tree(scratch));
  // Sizes that a damaged file tells are not believed.
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("    at most %ld MB of memory\n", usage.ru_maxrss / 1024);
  return failed || usage.ru_maxrss > 2 << 20;
}
