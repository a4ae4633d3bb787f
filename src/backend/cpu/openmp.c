// Source of the interface: GCC's libgomp ABI (libgomp.map, "Implementing the ... construct"). Of
// the ELF tables: System V ABI, chapters 4 and 5.
#define _GNU_SOURCE
#include "backend/cpu/openmp.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/parallel.h"

#if defined(__linux__) && defined(__LP64__)
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

// ---------------------------------------------------------------- the functions

typedef parallel_region_fn region_fn;

static void parallel(region_fn fn, void *data, unsigned threads, unsigned flags) {
  (void)flags;  // where threads are bound to
  parallel_begin((int)threads, fn, data);
  fn(data);
  parallel_end();
}

static void parallel_start(region_fn fn, void *data, unsigned threads) {
  parallel_begin((int)threads, fn, data);
}

static int in_parallel(void) { return parallel_inside(); }
static void set_threads(int threads) { parallel_set_threads(threads); }

// Iterations of a loop that are this thread's. With a chunk they are dealt out in turns; without,
// everyone has one piece.
static _Thread_local struct { long next, end, step, chunk; } loop;

static bool loop_next(long *begin, long *end) {
  long left = loop.step > 0 ? loop.end - loop.next : loop.next - loop.end;
  if (left <= 0) return false;
  long size = loop.step > 0 ? loop.step : -loop.step, count = (left + size - 1) / size;
  if (count > loop.chunk) count = loop.chunk;
  *begin = loop.next;
  *end = loop.next + count * loop.step;
  loop.next += loop.chunk * loop.step * parallel_team();
  return true;
}

static bool loop_start(long from, long to, long step, long chunk, long *begin, long *end) {
  long distance = step > 0 ? to - from : from - to, size = step > 0 ? step : -step;
  long count = distance > 0 ? (distance + size - 1) / size : 0;
  long team = parallel_team(), number = parallel_number();
  if (chunk <= 0) {
    long each = count / team, more = count % team;
    long first = number * each + (number < more ? number : more);
    loop.next = from + first * step;
    loop.end = loop.next + (each + (number < more)) * step;
    loop.chunk = each + 1;
  } else {
    loop.next = from + number * chunk * step;
    loop.end = to;
    loop.chunk = chunk;
  }
  loop.step = step;
  return loop_next(begin, end);
}

static void nothing(void) {}

static const struct {
  const char *name;
  void (*function)(void);
} functions[] = {
#define AS(name, function) \
  { name, (void (*)(void))(function) }
    AS("GOMP_parallel", parallel),
    AS("GOMP_parallel_start", parallel_start),
    AS("GOMP_parallel_end", parallel_end),
    AS("GOMP_barrier", parallel_barrier),
    AS("GOMP_loop_static_start", loop_start),
    AS("GOMP_loop_static_next", loop_next),
    AS("GOMP_loop_end", parallel_barrier),
    AS("GOMP_loop_end_nowait", nothing),
    AS("omp_get_max_threads", parallel_threads),
    AS("omp_set_num_threads", set_threads),
    AS("omp_get_num_threads", parallel_team),
    AS("omp_get_thread_num", parallel_number),
    AS("omp_in_parallel", in_parallel),
#undef AS
};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

// ---------------------------------------------------------------- binding

typedef struct tables {
  uintptr_t base;
  const ElfW(Sym) * symbols;
  const char *names;
  const ElfW(Rela) * rela[2];  // of data, and of calls
  size_t n_rela[2];
  uintptr_t relro, relro_end;  // what is read-only after relocation
} tables_t;

// The loader may have made an address of what the file has as an offset.
static const void *address(const tables_t *t, ElfW(Addr) a) {
  return (const void *)(a < t->base ? t->base + a : a);
}

static int note_relro(struct dl_phdr_info *info, size_t size, void *arg) {
  tables_t *t = arg;
  (void)size;
  if (info->dlpi_addr != t->base) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *h = &info->dlpi_phdr[i];
    if (h->p_type != PT_GNU_RELRO) continue;
    t->relro = t->base + h->p_vaddr;
    t->relro_end = t->relro + h->p_memsz;
  }
  return 1;
}

static bool read_tables(void *handle, tables_t *t) {
  struct link_map *map = NULL;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) || !map || !map->l_ld) return false;
  *t = (tables_t){.base = map->l_addr};
  for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
    switch (d->d_tag) {
      case DT_SYMTAB: t->symbols = address(t, d->d_un.d_ptr); break;
      case DT_STRTAB: t->names = address(t, d->d_un.d_ptr); break;
      case DT_RELA: t->rela[0] = address(t, d->d_un.d_ptr); break;
      case DT_RELASZ: t->n_rela[0] = d->d_un.d_val / sizeof(ElfW(Rela)); break;
      case DT_JMPREL: t->rela[1] = address(t, d->d_un.d_ptr); break;
      case DT_PLTRELSZ: t->n_rela[1] = d->d_un.d_val / sizeof(ElfW(Rela)); break;
      case DT_PLTREL:
        if (d->d_un.d_val != DT_RELA) return false;
        break;
      default: break;
    }
  }
  dl_iterate_phdr(note_relro, t);
  return t->symbols && t->names && t->rela[1];
}

static bool is_openmp(const char *name) {
  return strncmp(name, "GOMP_", 5) == 0 || strncmp(name, "omp_", 4) == 0 ||
         strncmp(name, "__kmpc_", 7) == 0;
}

static void (*function_named(const char *name))(void) {
  for (int i = 0; i < N_FUNCTIONS; i++)
    if (strcmp(name, functions[i].name) == 0) return functions[i].function;
  return NULL;
}

static bool set_slot(const tables_t *t, uintptr_t slot, void (*function)(void)) {
  bool sealed = slot >= t->relro && slot < t->relro_end;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *at = (void *)(slot / page * page);
  if (sealed && mprotect(at, page, PROT_READ | PROT_WRITE)) return false;
  memcpy((void *)slot, &function, sizeof function);
  if (sealed) mprotect(at, page, PROT_READ);
  return true;
}

// Binds the imports, or only looks whether all can be; the first one that cannot.
static const char *walk(const tables_t *t, bool bind) {
  for (int k = 0; k < 2; k++) {
    for (size_t i = 0; i < t->n_rela[k]; i++) {
      const ElfW(Rela) *r = &t->rela[k][i];
      const ElfW(Sym) *s = &t->symbols[ELF64_R_SYM(r->r_info)];
      const char *name = t->names + s->st_name;
      if (s->st_shndx != SHN_UNDEF || !is_openmp(name)) continue;
      void (*function)(void) = function_named(name);
      if (!function || r->r_addend) return name;
      if (bind && !set_slot(t, t->base + r->r_offset, function)) return name;
    }
  }
  return NULL;
}

const char *openmp_bind(void *handle) {
  tables_t t;
  if (!read_tables(handle, &t)) return NULL;
  const char *unknown = walk(&t, false);
  return unknown ? unknown : walk(&t, true);
}

#else
const char *openmp_bind(void *handle) {
  (void)handle;
  return NULL;
}
#endif
