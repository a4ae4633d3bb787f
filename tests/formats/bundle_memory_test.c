// Copying and checking a bundle takes a few pieces' memory, however large it is; and what it is
// stopped in the middle of is noticed.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/work.h"
#include "formats/bundle.h"
#include "test.h"

enum { MIB = 1 << 20, SIZE = 96 * MIB };
static char scratch[64], prefix[96], copy[96];

static int make(void **state) {
  (void)state;
  strcpy(scratch, "/tmp/tftrt_bundle_XXXXXX");
  if (!mkdtemp(scratch)) return -1;
  snprintf(prefix, sizeof prefix, "%s/big", scratch);
  snprintf(copy, sizeof copy, "%s/copy", scratch);
  bundle_writer_t *w;
  tensor_t t;
  shape_t shape = {.rank = 1, .d = {SIZE / 4}};
  assert_ok(tensor_alloc(DT_FLOAT, &shape, &t));
  for (int64_t i = 0; i < SIZE / 4; i++) TENSOR_DATA(int32_t, &t)[i] = (int32_t)(i * 2654435761u);
  assert_ok(bundle_writer_create(prefix, &w));
  assert_ok(bundle_writer_add(w, "table", &t));
  assert_ok(bundle_writer_add(w, "again", &t));
  assert_int_equal(bundle_writer_bytes(w), SIZE);
  assert_ok(bundle_writer_finish(w));
  tensor_unref(&t);
  return 0;
}

static int clean(void **state) {
  (void)state;
  status_free(file_remove_tree(scratch));
  return 0;
}

static long peak_kib(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_maxrss;
}

static void copy_all(void) {
  bundle_t *b;
  bundle_writer_t *w;
  tensor_t t;
  assert_ok(bundle_open(prefix, &b));
  assert_ok(bundle_read(b, "table", &t));
  assert_ok(bundle_writer_create(copy, &w));
  assert_ok(bundle_writer_copy(w, b, "table"));
  assert_ok(bundle_writer_copy(w, b, "again"));
  assert_ok(bundle_writer_add(w, "tftrt/the same", &t));
  assert_int_equal(bundle_writer_bytes(w), SIZE);
  assert_ok(bundle_writer_finish(w));
  tensor_unref(&t);
  bundle_close(b);
}

// The peak of a process of its own, over what it is in the beginning.
static void copying_takes_little_memory(void **state) {
  (void)state;
  fflush(NULL);
  pid_t child = fork();
  if (!child) {
    // A program anew starts with a peak of its own; a child has its parent's.
    execl("/proc/self/exe", "bundle_memory_test", prefix, copy, (char *)NULL);
    _exit(99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status)) fail_msg("copying took %d MiB", WEXITSTATUS(status));
  bundle_t *b, *c;
  tensor_t x, y;
  assert_ok(bundle_open(prefix, &b));
  assert_ok(bundle_open(copy, &c));
  assert_ok(bundle_read(b, "again", &x));
  assert_ok(bundle_read(c, "tftrt/the same", &y));
  assert_memory_equal(x.data, y.data, SIZE);
  tensor_unref(&x);
  tensor_unref(&y);
  bundle_close(b);
  bundle_close(c);
}

static int measure(void) {
  long before = peak_kib();
  copy_all();
  long more = (peak_kib() - before) / 1024;
  return more < 40 ? 0 : more > 250 ? 250 : (int)more;
}

static int stop_at_third(void *user, const char *stage, int64_t done, int64_t total) {
  (void)stage, (void)done, (void)total;
  return ++*(int *)user == 3;
}

static void copying_is_cancelled(void **state) {
  (void)state;
  bundle_t *b;
  bundle_writer_t *w;
  work_t work;
  int calls = 0;
  work_init(&work, stop_at_third, &calls, 0);
  assert_ok(bundle_open(prefix, &b));
  assert_ok(bundle_writer_create(copy, &w));
  work_place_t before = work_enter(&work, 0);
  assert_ok(work_tell(&work, "saving", 0, SIZE));
  status_t st = NULL;
  // As many copies as it takes for the callback to be asked again.
  for (int i = 0; !st && i < 1000; i++) {
    bundle_writer_abandon(w);
    assert_ok(bundle_writer_create(copy, &w));
    st = bundle_writer_copy(w, b, "table");
  }
  work_leave(&before);
  assert_int_equal(status_code(st), CODE_CANCELLED);
  status_free(st);
  bundle_writer_abandon(w);
  bundle_close(b);
}

// One wrong byte in the middle: the copy's own pass over the bytes finds it.
static void damage_is_found_while_copying(void **state) {
  (void)state;
  char path[160];
  snprintf(path, sizeof path, "%s.data-00000-of-00001", prefix);
  int fd = open(path, O_RDWR);
  assert_true(fd >= 0);
  uint8_t byte;
  assert_int_equal(pread(fd, &byte, 1, SIZE / 2), 1);
  byte ^= 1;
  assert_int_equal(pwrite(fd, &byte, 1, SIZE / 2), 1);
  close(fd);
  bundle_t *b;
  bundle_writer_t *w;
  assert_ok(bundle_open(prefix, &b));
  assert_ok(bundle_writer_create(copy, &w));
  assert_fails(bundle_writer_copy(w, b, "table"), DATA_LOSS,
               "checksum of tensor \"table\" is wrong");
  bundle_writer_abandon(w);
  bundle_close(b);
}

int main(int argc, char **argv) {
  if (argc == 3) {
    snprintf(prefix, sizeof prefix, "%s", argv[1]);
    snprintf(copy, sizeof copy, "%s", argv[2]);
    return measure();
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(copying_takes_little_memory),
                                     cmocka_unit_test(copying_is_cancelled),
                                     cmocka_unit_test(damage_is_found_while_copying)};
  return cmocka_run_group_tests(tests, make, clean);
}
