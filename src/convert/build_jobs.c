#include "convert/build_jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/environment.h"
#include "base/mem.h"
#include "engine/turns.h"

enum { SHARE = 1000, TELL_EVERY_NS = 50 * 1000 * 1000 };  // units of progress per engine

struct build_queue {
  converter_t *c;
  status_t (*build)(converter_t *, engine_node_t *);
  pthread_mutex_t lock;  // guards what follows
  pthread_cond_t changed;
  size_t next;       // engine to begin
  int workers;       // that have not ended
  int building;      // engines that are being built, but for those that wait to be alone
  bool alone;        // one of them is not to be joined
  int finished;      // engines that were built
  int told;          // of which the callback was told: it may stop what comes after each
  bool failed;       // nothing more is begun
  size_t refused;    // bytes that the limit did not allow
  status_t *result;  // [n engines]
  // Bodies of functions share an arena: they are lowered one at a time.
  pthread_mutex_t lowering;
};

void engine_warn(engine_node_t *e, const char *fmt, ...) {
  char text[2048];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  vec_push(&e->said, mem_strdup(text));
}

// ---- one engine ------------------------------------------------------------------------------

// Waits until nothing else is built, and keeps it so.
static void be_alone(struct build_queue *q) {
  pthread_mutex_lock(&q->lock);
  q->building--;
  pthread_cond_broadcast(&q->changed);
  while (q->building || q->alone) pthread_cond_wait(&q->changed, &q->lock);
  q->alone = true;
  q->building++;
  pthread_mutex_unlock(&q->lock);
}

static void be_together(struct build_queue *q) {
  pthread_mutex_lock(&q->lock);
  q->alone = false;
  pthread_cond_broadcast(&q->changed);
  pthread_mutex_unlock(&q->lock);
}

static bool over_limit(const converter_t *c, status_t st) {
  return c->o.max_memory_bytes && status_code(st) == CODE_RESOURCE_EXHAUSTED && mem_refused();
}

static bool has_company(struct build_queue *q) {
  pthread_mutex_lock(&q->lock);
  bool others = q->building > 1 || q->workers > 1;
  pthread_mutex_unlock(&q->lock);
  return others;
}

typedef struct limited_build {
  converter_t *c;
  bool *beyond_limit;
} limited_build_t;

static status_t build_in_memory(void *self, const network_t *net, const build_options_t *o,
                                bytes_t *plan) {
  converter_t *c = ((limited_build_t *)self)->c;
  const backend_t *backend = backend_find(c->o.backend);
  mem_set_refused(0);
  status_t st = turns_build(backend, net, o, plan);
  if (!over_limit(c, st)) return st;
  if (has_company(c->queue)) {
    status_free(st);
    be_alone(c->queue);
    mem_set_refused(0);
    st = turns_build(backend, net, o, plan);
    be_together(c->queue);
  }
  *((limited_build_t *)self)->beyond_limit = over_limit(c, st);
  return st;
}

static status_t lower_and_build(converter_t *c, const engine_node_t *e, graph_t *body,
                                const segment_precision_t *precision, const build_options_t *o,
                                limited_build_t *build, bytes_t *plan) {
  network_t *net;
  pthread_mutex_lock(&c->queue->lowering);
  status_t st = segment_lower(body, e->node->name, precision, &net);
  pthread_mutex_unlock(&c->queue->lowering);
  TRY(st);
  net->name = "TRTEngineOp";  // engines' numbers differ from conversion to conversion
  st = build_cache_provide(converter_top(c)->cache, net, o, backend_find(c->o.backend),
                           (plan_builder_t){build_in_memory, build}, plan);
  network_destroy(net);
  return status_prefix(st, "%s", e->node->name);
}

status_t build_segment(converter_t *c, engine_node_t *e, const shape_t *shapes,
                       const segment_precision_t *precision, const build_options_t *o,
                       bytes_t *plan, bool *beyond_limit) {
  limited_build_t build = {c, beyond_limit};
  *plan = (bytes_t){0};
  *beyond_limit = false;
  if (env_flag("TF_TRT_ABORT_CUDA_ENGINE_BUILD"))
    return FAIL(ABORTED, "Engine creation aborted by TF_TRT_ABORT_CUDA_ENGINE_BUILD variable");
  if (!c->reopened) return lower_and_build(c, e, e->function->body, precision, o, &build, plan);
  arena_t *scratch = arena_create();
  graph_t *body = segment_copy(e->function->body, e->node, shapes, scratch);
  status_t st = lower_and_build(c, e, body, precision, o, &build, plan);
  graph_destroy(body);
  arena_destroy(scratch);
  return st;
}

// ---- all engines -----------------------------------------------------------------------------

// The next engine to build, NULL when there is none.
static engine_node_t *take(struct build_queue *q, size_t *index) {
  converter_t *c = q->c;
  engine_node_t *e = NULL;
  pthread_mutex_lock(&q->lock);
  while (q->alone) pthread_cond_wait(&q->changed, &q->lock);
  while (!e && !q->failed && q->next < c->engines.n) {
    *index = q->next++;
    if (c->engines.v[*index].wanted.n) e = &c->engines.v[*index];
  }
  if (e)
    q->building++;
  else
    q->workers--;
  pthread_cond_broadcast(&q->changed);
  pthread_mutex_unlock(&q->lock);
  return e;
}

static void done(struct build_queue *q, size_t index, status_t st) {
  pthread_mutex_lock(&q->lock);
  q->result[index] = st;
  if (st && mem_refused()) q->refused = mem_refused();
  q->failed |= st != NULL;
  q->building--;
  int mine = ++q->finished;
  pthread_cond_broadcast(&q->changed);
  while (q->told < mine) pthread_cond_wait(&q->changed, &q->lock);
  pthread_mutex_unlock(&q->lock);
}

static void *work(void *arg) {
  struct build_queue *q = arg;
  engine_node_t *e;
  for (size_t i; (e = take(q, &i));) {
    work_place_t before = work_enter(&converter_top(q->c)->work, SHARE);
    status_t st = work_check();
    if (!st) st = q->build(q->c, e);
    if (!st) work_fraction(1);
    work_leave(&before);
    done(q, i, st);
  }
  return NULL;
}

// While the workers work: tells how far they are, and they see when it is to stop.
static status_t watch(struct build_queue *q) {
  status_t st = NULL;
  pthread_mutex_lock(&q->lock);
  while (q->workers) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += TELL_EVERY_NS;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    int rc = 0, finished;
    while (rc != ETIMEDOUT && q->workers && q->told == q->finished)
      rc = pthread_cond_timedwait(&q->changed, &q->lock, &t);
    finished = q->finished;
    pthread_mutex_unlock(&q->lock);
    if (!st) st = work_tell_again(&converter_top(q->c)->work);
    pthread_mutex_lock(&q->lock);
    q->told = finished;
    pthread_cond_broadcast(&q->changed);
  }
  pthread_mutex_unlock(&q->lock);
  return st;
}

static status_t run_workers(struct build_queue *q, int most) {
  pthread_t *threads = mem_alloc((size_t)most * sizeof *threads);
  int n = 0;
  q->workers = most;
  while (n < most && pthread_create(&threads[n], NULL, work, q) == 0) n++;
  if (n < most) {  // threads that could not be had
    pthread_mutex_lock(&q->lock);
    q->workers -= most - n;
    pthread_mutex_unlock(&q->lock);
  }
  status_t st = n ? watch(q) : FAIL(RESOURCE_EXHAUSTED, "no thread could be started to build in");
  for (int i = 0; i < n; i++) pthread_join(threads[i], NULL);
  mem_free(threads);
  return st;
}

static void pass_warnings_on(converter_t *c) {
  for (size_t i = 0; i < c->engines.n; i++) {
    engine_node_t *e = &c->engines.v[i];
    for (size_t k = 0; k < e->said.n; k++) {
      converter_warn(c, "%s", e->said.v[k]);
      mem_free(e->said.v[k]);
    }
    vec_free(&e->said);
  }
}

status_t build_all(converter_t *c, status_t (*build)(converter_t *, engine_node_t *)) {
  static const char stage[] = "building engines";
  int jobs = 0, threads = c->o.threads > 0 ? c->o.threads : 1;
  for (size_t i = 0; i < c->engines.n; i++) jobs += c->engines.v[i].wanted.n > 0;
  struct build_queue q = {.c = c, .build = build};
  q.result = mem_calloc(c->engines.n + 1, sizeof *q.result);
  pthread_mutex_init(&q.lock, NULL);
  pthread_mutex_init(&q.lowering, NULL);
  pthread_cond_init(&q.changed, NULL);
  c->queue = &q;
  status_t st = work_tell(&converter_top(c)->work, stage, 0, (int64_t)jobs * SHARE);
  if (!st && jobs) st = run_workers(&q, jobs < threads ? jobs : threads);
  for (size_t i = 0; i < c->engines.n; i++) {
    if (st)
      status_free(q.result[i]);
    else
      st = q.result[i];
  }
  c->queue = NULL;
  // What was measured is kept, however it ended.
  converter_t *top = converter_top(c);
  if (top->timing && top->o.timing_cache)
    status_free(timing_cache_save(top->timing, top->o.timing_cache));
  if (q.refused) mem_set_refused(q.refused);
  pass_warnings_on(c);
  pthread_cond_destroy(&q.changed);
  pthread_mutex_destroy(&q.lowering);
  pthread_mutex_destroy(&q.lock);
  mem_free(q.result);
  return st ? st
            : work_tell(&converter_top(c)->work, stage, (int64_t)jobs * SHARE,
                        (int64_t)jobs * SHARE);
}
