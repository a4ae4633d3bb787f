#define _GNU_SOURCE
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

typedef struct {
  file_map_t pub;
  atomic_int refs;
} map_impl_t;

static status_t from_errno(const char *what, const char *path) {
  int e = errno;
  if (e == ENOENT || e == ENOTDIR) return FAIL(NOT_FOUND, "%s %s: %s", what, path, strerror(e));
  if (e == EACCES || e == EPERM || e == EROFS)
    return FAIL(PERMISSION_DENIED, "%s %s: %s", what, path, strerror(e));
  if (e == ENOSPC || e == ENOMEM || e == EMFILE || e == ENFILE || e == EDQUOT)
    return FAIL(RESOURCE_EXHAUSTED, "%s %s: %s", what, path, strerror(e));
  return FAIL(UNKNOWN, "%s %s: %s", what, path, strerror(e));
}

status_t file_map_open(const char *path, file_map_t **out) {
  *out = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe is refused, not waited for
  if (fd < 0) return from_errno("cannot open", path);
  struct stat st;
  if (fstat(fd, &st) != 0) {
    status_t s = from_errno("cannot stat", path);
    close(fd);
    return s;
  }
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    return FAIL(INVALID_ARGUMENT, "%s is not a regular file", path);
  }
  void *data = NULL;
  if (st.st_size > 0) {
    data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      status_t s = from_errno("cannot map", path);
      close(fd);
      return s;
    }
  }
  close(fd);
  map_impl_t *m = mem_calloc(1, sizeof *m);
  m->pub = (file_map_t){.data = data, .size = (size_t)st.st_size, .path = mem_strdup(path)};
  atomic_init(&m->refs, 1);
  *out = &m->pub;
  return NULL;
}

file_map_t *file_map_ref(file_map_t *m) {
  atomic_fetch_add_explicit(&((map_impl_t *)m)->refs, 1, memory_order_relaxed);
  return m;
}

void file_map_unref(file_map_t *m) {
  if (!m) return;
  map_impl_t *impl = (map_impl_t *)m;
  if (atomic_fetch_sub_explicit(&impl->refs, 1, memory_order_acq_rel) != 1) return;
  if (m->size) munmap((void *)(uintptr_t)m->data, m->size);
  mem_free((void *)(uintptr_t)m->path);
  mem_free(impl);
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

bool file_is_dir(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct file_out {
  int fd;
  char *path;
};

status_t file_out_create(const char *path, file_out_t **out) {
  *out = NULL;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return from_errno("cannot create", path);
  *out = mem_alloc(sizeof **out);
  **out = (file_out_t){fd, mem_strdup(path)};
  return NULL;
}

status_t file_out_put(file_out_t *f, const void *data, size_t size) {
  const char *p = data;
  while (size) {
    ssize_t n = write(f->fd, p, size > (1u << 30) ? (1u << 30) : size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return from_errno("cannot write", f->path);
    p += n;
    size -= (size_t)n;
  }
  return NULL;
}

status_t file_out_finish(file_out_t *f) {
  status_t s = NULL;
  if (fsync(f->fd) != 0 && errno != EINVAL) s = from_errno("cannot sync", f->path);
  int fd = f->fd;
  f->fd = -1;
  if (close(fd) != 0 && !s) s = from_errno("cannot close", f->path);
  file_out_abandon(f);
  return s;
}

void file_out_abandon(file_out_t *f) {
  if (!f) return;
  if (f->fd >= 0) close(f->fd);
  mem_free(f->path);
  mem_free(f);
}

status_t file_write(const char *path, const void *data, size_t size) {
  file_out_t *f;
  TRY(file_out_create(path, &f));
  status_t s = file_out_put(f, data, size);
  if (!s) return file_out_finish(f);
  file_out_abandon(f);
  return s;
}

status_t file_replace(const char *path, const void *data, size_t size) {
  static atomic_uint count;
  char *aside = mem_printf("%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&count, 1));
  status_t s = file_write(aside, data, size);
  if (!s && rename(aside, path) != 0) s = from_errno("cannot replace", path);
  if (s) unlink(aside);
  mem_free(aside);
  return s;
}

status_t file_make_dirs(const char *path) {
  char *copy = mem_strdup(path);
  status_t s = NULL;
  for (char *p = copy + 1; !s; p++) {
    if (*p && *p != '/') continue;
    char end = *p;
    *p = 0;
    if (mkdir(copy, 0755) != 0 && (errno != EEXIST || !file_is_dir(copy)))
      s = from_errno("cannot make directory", copy);
    *p = end;
    if (!end) break;
  }
  mem_free(copy);
  return s;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

status_t file_remove_tree(const char *path) {
  struct stat st;
  if (lstat(path, &st) != 0) return errno == ENOENT ? NULL : from_errno("cannot stat", path);
  if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) != 0)
    return from_errno("cannot remove", path);
  return NULL;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

status_t file_list_dir(const char *path, char ***out_names, size_t *out_n) {
  *out_names = NULL;
  *out_n = 0;
  DIR *d = opendir(path);
  if (!d) return from_errno("cannot list", path);
  VEC(char *) names = {0};
  for (struct dirent *e; (e = readdir(d));)
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
      vec_push(&names, mem_strdup(e->d_name));
  closedir(d);
  if (names.n) qsort(names.v, names.n, sizeof *names.v, by_name);
  *out_names = names.v;
  *out_n = names.n;
  return NULL;
}

char *file_join(const char *dir, const char *name) {
  size_t n = strlen(dir);
  return mem_printf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

struct staged_dir {
  char *target, *path;
};

status_t staged_dir_create(const char *target, staged_dir_t **out) {
  *out = NULL;
  size_t n = strlen(target);
  while (n > 1 && target[n - 1] == '/') n--;
  if (!n) return FAIL(INVALID_ARGUMENT, "output directory name is empty");
  char *clean = mem_strndup(target, n);
  char *slash = strrchr(clean, '/');
  if (slash && slash != clean) {
    *slash = 0;
    status_t s = file_make_dirs(clean);
    *slash = '/';
    if (s) {
      mem_free(clean);
      return s;
    }
  }
  char *path = mem_printf("%s.tmp-XXXXXX", clean);
  if (!mkdtemp(path)) {
    status_t s = from_errno("cannot make a directory beside", clean);
    mem_free(path);
    mem_free(clean);
    return s;
  }
  chmod(path, 0755);
  staged_dir_t *d = mem_alloc(sizeof *d);
  *d = (staged_dir_t){clean, path};
  *out = d;
  return NULL;
}

const char *staged_dir_path(const staged_dir_t *d) { return d->path; }

static void staged_dir_free(staged_dir_t *d) {
  mem_free(d->target);
  mem_free(d->path);
  mem_free(d);
}

static int sync_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int rc = fsync(fd);
  close(fd);
  return rc != 0 && errno != EINVAL ? -1 : 0;
}

status_t staged_dir_commit(staged_dir_t *d) {
  if (nftw(d->path, sync_one, 32, FTW_DEPTH | FTW_PHYS) != 0) {
    status_t s = from_errno("cannot sync", d->path);
    staged_dir_abandon(d);
    return s;
  }
  char *old = NULL;
  if (file_exists(d->target)) {
    old = mem_printf("%s.old", d->path);
    if (rename(d->target, old) != 0) {
      status_t s = from_errno("cannot replace", d->target);
      mem_free(old);
      staged_dir_abandon(d);
      return s;
    }
  }
  if (rename(d->path, d->target) != 0) {
    status_t s = from_errno("cannot rename to", d->target);
    if (old) (void)!rename(old, d->target);
    mem_free(old);
    staged_dir_abandon(d);
    return s;
  }
  if (old) status_free(file_remove_tree(old));
  mem_free(old);
  char *slash = strrchr(d->target, '/');
  if (slash) *slash = 0;
  int fd = open(!slash ? "." : *d->target ? d->target : "/", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  staged_dir_free(d);
  return NULL;
}

void staged_dir_abandon(staged_dir_t *d) {
  if (!d) return;
  status_free(file_remove_tree(d->path));
  staged_dir_free(d);
}
