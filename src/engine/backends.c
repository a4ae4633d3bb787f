// The list of backends. To add one: its table here, its code in backend/<name>.
#include <string.h>

#include "engine/backend.h"

// Backends are linked by name only: this room does not include their headers.
extern const backend_t backend_ref;
extern const backend_t backend_cpu;

const backend_t *backend_at(int i) {
  const backend_t *all[] = {&backend_cpu, &backend_ref};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    if (i-- == 0) return all[k];
  return NULL;
}

const backend_t *backend_find(const char *name) {
  const backend_t *b;
  for (int i = 0; (b = backend_at(i)); i++)
    if (strcmp(b->name, name) == 0) return b;
  return NULL;
}
