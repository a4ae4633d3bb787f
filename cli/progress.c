// Progress of long work: on a terminal one line that is drawn over, with the time that is left; in
// a file or a pipe one line for each stage.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static volatile sig_atomic_t stop;

static void on_interrupt(int signal_number) {
  if (stop) {  // a second Ctrl-C ends at once
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
  stop = 1;
}

void catch_interrupts(void) { signal(SIGINT, on_interrupt); }
bool interrupted(void) { return stop; }

static char last[64];  // stage
static double started;

static bool begins(const char *stage) {
  if (strcmp(last, stage) == 0) return false;
  snprintf(last, sizeof last, "%s", stage);
  started = now_seconds();
  return true;
}

static int draw(void *user, const char *stage, int64_t done, int64_t total) {
  (void)user;
  begins(stage);
  double spent = now_seconds() - started, part = total > 0 ? (double)done / (double)total : 0;
  char left[32] = "";
  if (done > 0 && done < total && spent > 0.5)
    snprintf(left, sizeof left, ", %.0f s left", spent * (1 - part) / part);
  fprintf(stderr, "\r\033[K%s %.0f%%%s", stage, 100 * part, left);
  if (done >= total) fputs("\r\033[K", stderr);
  fflush(stderr);
  return stop;
}

static int print_stages(void *user, const char *stage, int64_t done, int64_t total) {
  (void)user, (void)done, (void)total;
  if (begins(stage)) fprintf(stderr, "tftrt: %s\n", stage);
  return stop;
}

static int only_watch(void *user, const char *stage, int64_t done, int64_t total) {
  (void)user, (void)stage, (void)done, (void)total;
  return stop;
}

tftrt_progress_fn progress_printer(void) {
  if (common.quiet || common.no_progress) return only_watch;
  return isatty(STDERR_FILENO) ? draw : print_stages;
}

void progress_end(void) {
  if (*last && progress_printer() == draw) fputs("\r\033[K", stderr);
  last[0] = 0;
}
