#define _GNU_SOURCE
#include "base/parallel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/cpu.h"
#include "base/gate.h"
#include "base/mem.h"

typedef struct worker {
  gate_t go;  // the number of the region to run
  struct pool *pool;
  pthread_t thread;
  int number;
} worker_t;

typedef struct pool {
  gate_t done;     // the number of the last region that all workers are through
  gate_t barrier;  // how many barriers all threads of the region came to
  atomic_int arrived, left;
  worker_t **workers;
  int n_workers;
  unsigned region;  // its number
  // What the region is. The workers see it through their gates.
  parallel_region_fn fn;
  void *data;
  int team;
  unsigned float_mode;
  bool ending;
} pool_t;

// Of this thread. serial: how many regions of one thread it is in.
static _Thread_local struct {
  pool_t *pool;  // a worker: its master's
  int asked, number, team, serial;
  bool inside, lacked;
} me = {.team = 1};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

// ---------------------------------------------------------------- pools

static void end_pool(void *p) {
  pool_t *pool = p;
  pool->ending = true;
  for (int i = 0; i < pool->n_workers; i++) {
    worker_t *w = pool->workers[i];
    gate_open(&w->go, pool->region + 1);
    pthread_join(w->thread, NULL);
    mem_aligned_free(w);
  }
  mem_free(pool->workers);
  mem_aligned_free(pool);
  me.pool = NULL;
}

// The child of a fork has the pool's bookkeeping but none of its threads, and would wait for them
// for ever: it starts others.
static void in_child(void) {
  if (!me.pool) return;
  me.pool = NULL;
  pthread_setspecific(key, NULL);
}

static void set_up(void) {
  pthread_key_create(&key, end_pool);
  pthread_atfork(NULL, NULL, in_child);
  // Threads run this code for as long as the thread lives that they work for: it must not go
  // before.
  Dl_info self;
  if (dladdr(&once, &self) && self.dli_fname)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

static void *work(void *arg) {
  worker_t *w = arg;
  pool_t *p = w->pool;
  me.pool = p;
  me.number = w->number;
  me.inside = true;
  for (unsigned region = 0;;) {
    region = gate_wait(&w->go, region);
    if (p->ending) return NULL;
    me.team = p->team;
    cpu_set_float_mode(p->float_mode);
    p->fn(p->data);
    if (atomic_fetch_sub(&p->left, 1) == 1) gate_open(&p->done, region);
  }
}

static bool add_worker(pool_t *p) {
  worker_t *w = mem_try_alloc(sizeof *w);
  if (!w) return false;
  *w = (worker_t){.pool = p, .number = p->n_workers + 1};
  sigset_t all, before;  // signals are the program's own threads'
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&w->thread, NULL, work, w) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!started) {
    mem_aligned_free(w);
    return false;
  }
  p->workers = mem_realloc(p->workers, (size_t)(p->n_workers + 1) * sizeof *p->workers);
  p->workers[p->n_workers++] = w;
  return true;
}

// This thread's pool with so many threads, itself included; fewer where there are no more to be
// had.
static int ready(int threads) {
  if (threads <= 1) return 1;
  pool_t *p = me.pool;
  if (!p) {
    pthread_once(&once, set_up);
    p = mem_try_alloc(sizeof *p);
    if (!p) return 1;
    *p = (pool_t){.n_workers = 0};
    me.pool = p;
    pthread_setspecific(key, p);
  }
  while (p->n_workers < threads - 1 && add_worker(p)) continue;
  return p->n_workers < threads - 1 ? p->n_workers + 1 : threads;
}

// ---------------------------------------------------------------- regions

void parallel_begin(int threads, parallel_region_fn fn, void *data) {
  bool serial = me.inside || me.serial > 0;
  const int asked = threads > 0 ? threads : parallel_threads();
  const int team = serial ? 1 : ready(asked);
  if (!serial && team < asked) me.lacked = true;
  if (team <= 1) {
    me.serial++;
    return;
  }
  pool_t *p = me.pool;
  me.inside = true;
  me.team = p->team = team;
  p->fn = fn;
  p->data = data;
  p->float_mode = cpu_float_mode();
  p->region++;
  atomic_store(&p->left, team - 1);
  for (int i = 0; i < team - 1; i++) gate_open(&p->workers[i]->go, p->region);
}

void parallel_end(void) {
  if (me.serial > 0) {
    me.serial--;
    return;
  }
  gate_wait(&me.pool->done, me.pool->region - 1);
  me.inside = false;
  me.team = 1;
}

int parallel_team(void) { return me.serial ? 1 : me.team; }
int parallel_number(void) { return me.serial ? 0 : me.number; }
bool parallel_inside(void) { return me.inside || me.serial > 0; }

void parallel_barrier(void) {
  if (parallel_team() == 1) return;
  pool_t *p = me.pool;
  unsigned round = atomic_load(&p->barrier.value);
  if (atomic_fetch_add(&p->arrived, 1) == me.team - 1) {
    atomic_store(&p->arrived, 0);
    gate_open(&p->barrier, round + 1);
  } else {
    gate_wait(&p->barrier, round);
  }
}

bool parallel_lacked(void) {
  bool lacked = me.lacked;
  me.lacked = false;
  return lacked;
}

int parallel_threads(void) { return me.asked > 0 ? me.asked : cpu_count(); }

int parallel_set_threads(int threads) {
  int before = parallel_threads();
  if (threads > 0) me.asked = threads;
  return before;
}

// ---------------------------------------------------------------- loops

typedef struct loop {
  parallel_fn fn;
  void *ctx;
  int64_t n;
} loop_t;

static void piece(void *data) {
  const loop_t *l = data;
  int t = parallel_number(), count = parallel_team();
  int64_t begin = l->n * t / count, end = l->n * (t + 1) / count;
  if (begin < end) l->fn(l->ctx, begin, end, t);
}

void parallel_for(int threads, int64_t n, int64_t grain, parallel_fn fn, void *ctx) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  int64_t pieces = n / grain;
  if (pieces > threads) pieces = threads;
  if (pieces <= 1) {
    fn(ctx, 0, n, 0);
    return;
  }
  loop_t l = {fn, ctx, n};
  parallel_begin((int)pieces, piece, &l);
  piece(&l);
  parallel_end();
}
