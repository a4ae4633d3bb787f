// Runs files, and the files of directories, through a fuzz target: to reproduce a finding, or as a
// test without libFuzzer.
#include <dirent.h>

#include "fuzz.h"

static int n_files;

static bool replay_file(const char *path) {
  file_map_t *m;
  status_t st = file_map_open(path, &m);
  if (st) {
    fprintf(stderr, "%s\n", status_message(st));
    status_free(st);
    return false;
  }
  // A copy of just this size, so that reading beyond it is noticed.
  uint8_t *bytes = malloc(m->size ? m->size : 1);
  if (m->size) memcpy(bytes, m->data, m->size);
  LLVMFuzzerTestOneInput(bytes, m->size);
  free(bytes);
  file_map_unref(m);
  n_files++;
  return true;
}

static bool replay(const char *path) {
  DIR *d = opendir(path);
  if (!d) return replay_file(path);
  bool ok = true;
  for (const struct dirent *e; (e = readdir(d));) {
    char inside[4096];
    if (e->d_name[0] == '.') continue;
    snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
    ok = replay_file(inside) && ok;
  }
  closedir(d);
  return ok;
}

int main(int argc, char **argv) {
  bool ok = true;
  for (int i = 1; i < argc; i++) ok = replay(argv[i]) && ok;
  printf("%d files\n", n_files);
  return !ok;
}
