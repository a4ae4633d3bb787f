#define _GNU_SOURCE
#include "base/parallel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cpu.h"

// Turns of a waiting thread before it sleeps: some tens of microseconds, which bridges the gap
// between two layers. (A pause instruction takes up to 0.2 us in a virtual machine.)
static const char spin_count[] = "100";

// ThreadSanitizer does not see what libgomp, which it did not build, orders: that a loop's pieces
// come after what was before it, and before what follows.
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *at);
void __tsan_release(void *at);
#define COMES_AFTER(at) __tsan_acquire(at)
#define COMES_BEFORE(at) __tsan_release(at)
#else
#define COMES_AFTER(at) ((void)(at))
#define COMES_BEFORE(at) ((void)(at))
#endif

static struct {
  void (*parallel)(void (*fn)(void *), void *data, unsigned threads, unsigned flags);
  int (*thread_num)(void);
  int (*num_threads)(void);
  int (*max_threads)(void);
  void (*set_num_threads)(int);
} gomp;

static pthread_once_t once = PTHREAD_ONCE_INIT;

// libgomp keeps a pool of threads for each thread that called it. After a fork the child has the
// pool's bookkeeping but none of its threads, and would wait for them for ever: the thread that
// forked computes alone from then on. Other threads of the child get pools of their own.
static _Thread_local bool has_pool, lost_pool;

static void in_child(void) {
  if (!has_pool) return;
  lost_pool = true;
  gomp.set_num_threads(1);
}

static void *open_gomp(void) {
  static const char name[] = "libgomp.so.1";
  void *h = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
  if (h) return h;
  bool ours = !getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY");
  if (ours) setenv("GOMP_SPINCOUNT", spin_count, 1);
  h = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (ours) unsetenv("GOMP_SPINCOUNT");
  return h;
}

static void load(void) {
  void *h = open_gomp();
  if (!h) return;
  *(void **)&gomp.thread_num = dlsym(h, "omp_get_thread_num");
  *(void **)&gomp.num_threads = dlsym(h, "omp_get_num_threads");
  *(void **)&gomp.max_threads = dlsym(h, "omp_get_max_threads");
  *(void **)&gomp.set_num_threads = dlsym(h, "omp_set_num_threads");
  if (gomp.thread_num && gomp.num_threads && gomp.max_threads && gomp.set_num_threads)
    *(void **)&gomp.parallel = dlsym(h, "GOMP_parallel");
  if (gomp.parallel) pthread_atfork(NULL, NULL, in_child);
}

bool parallel_init(void) {
  pthread_once(&once, load);
  return gomp.parallel != NULL;
}

int parallel_set_threads(int threads) {
  if (!parallel_init()) return 1;
  int before = gomp.max_threads();
  if (lost_pool) threads = 1;
  has_pool |= threads > 1;
  if (before != threads && threads > 0) gomp.set_num_threads(threads);
  return before;
}

typedef struct loop {
  parallel_fn fn;
  void *ctx;
  int64_t n;
  unsigned float_mode;  // workers compute as the caller does
} loop_t;

static void piece(void *data) {
  COMES_AFTER(data);
  const loop_t *l = data;
  cpu_set_float_mode(l->float_mode);
  int t = gomp.thread_num(), count = gomp.num_threads();
  int64_t begin = l->n * t / count, end = l->n * (t + 1) / count;
  if (begin < end) l->fn(l->ctx, begin, end, t);
  COMES_BEFORE(data);
}

void parallel_for(int threads, int64_t n, int64_t grain, parallel_fn fn, void *ctx) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  int64_t pieces = n / grain;
  if (pieces > threads) pieces = threads;
  if (pieces > 1 && !lost_pool && parallel_init()) {
    has_pool = true;
    loop_t l = {fn, ctx, n, cpu_float_mode()};
    COMES_BEFORE(&l);
    gomp.parallel(piece, &l, (unsigned)pieces, 0);
    COMES_AFTER(&l);
    return;
  }
  fn(ctx, 0, n, 0);
}
