// Files: read-only memory maps, small reads, and directories that are written aside and renamed
// into place.
#ifndef TFTRT_BASE_FILE_H
#define TFTRT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// A read-only map of a whole file, shared by reference count; safe from any thread.
typedef struct file_map {
  const uint8_t *data;  // NULL when size is 0
  size_t size;
  const char *path;  // owned by the map
} file_map_t;

// NOT_FOUND when absent, INVALID_ARGUMENT when not a regular file. The message names the path.
status_t file_map_open(const char *path, file_map_t **out);
file_map_t *file_map_ref(file_map_t *m);
void file_map_unref(file_map_t *m);  // NULL is fine

bool file_exists(const char *path);
bool file_is_dir(const char *path);
status_t file_write(const char *path, const void *data,
                    size_t size);  // creates or truncates, fsyncs
// Writes a file aside and renames it to `path`, so that it is there as a whole or as it was.
status_t file_replace(const char *path, const void *data, size_t size);
// A file written in pieces: created or truncated; finish fsyncs. finish and abandon free it; what
// is abandoned stays as far as it came.
typedef struct file_out file_out_t;
status_t file_out_create(const char *path, file_out_t **out);
status_t file_out_put(file_out_t *f, const void *data, size_t size);
status_t file_out_finish(file_out_t *f);
void file_out_abandon(file_out_t *f);         // NULL is fine
status_t file_make_dirs(const char *path);    // like mkdir -p
status_t file_remove_tree(const char *path);  // like rm -rf; absent is fine
// Sorted names of the entries of a directory, without "." and ".."; free each and the array with
// mem_free.
status_t file_list_dir(const char *path, char ***out_names, size_t *out_n);
char *file_join(const char *dir, const char *name);  // mem_free the result

// A directory written aside: create gives a fresh sibling of `target`; commit fsyncs everything
// below it and renames it to `target` (an existing target directory is moved away first and removed
// after, so it is never half there); abandon removes it. After commit or abandon the object is
// gone.
typedef struct staged_dir staged_dir_t;
status_t staged_dir_create(const char *target, staged_dir_t **out);
const char *staged_dir_path(const staged_dir_t *d);
status_t staged_dir_commit(staged_dir_t *d);
void staged_dir_abandon(staged_dir_t *d);  // NULL is fine

#endif
