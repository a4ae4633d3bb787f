#define _GNU_SOURCE
#include "backend/cpu/onednn.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/openmp.h"
#include "base/cpu.h"
#include "base/environment.h"

static onednn_t lib;
static char tried[2048];  // why the library is not there; "" when it is
static char found_path[PATH_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void note(const char *path, const char *why) {
  size_t n = strlen(tried);
  snprintf(tried + n, sizeof tried - n, "%s%s: %s", n ? "; " : "", path, why);
}

// oneDNN's names for instruction sets (dnnl_cpu_isa_t), by cpu_isa_t. CPU_AMX: no limit.
static int isa_limit(cpu_isa_t isa) {
  static const int limits[] = {0x1, 0x7, 0xf, 0x27, 0x67, 0xe7, 0x1ef, 0x0};
  return limits[isa];
}

static bool resolve(void *handle, char *why, size_t n) {
  const struct {
    const char *name;
    void *slot;
  } symbols[] = {
#define X(result, name, args) {"dnnl_" #name, &lib.name},
      ONEDNN_FUNCTIONS(X)
#undef X
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *p = dlsym(handle, symbols[i].name);
    if (!p) {
      snprintf(why, n, "has no %s (oneDNN 3.1 or newer is needed)", symbols[i].name);
      return false;
    }
    memcpy(symbols[i].slot, &p, sizeof p);
  }
  return true;
}

static bool open_library(const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *why = dlerror();
    note(path, why ? why : "cannot be opened");
    return false;
  }
  char why[256];
  if (!resolve(handle, why, sizeof why)) goto refused;
  const dn_version_t *v = lib.version();
  if (v->major != 3 || v->minor < 1) {
    snprintf(why, sizeof why, "is oneDNN %d.%d.%d; 3.1 or a newer 3.x is needed", v->major,
             v->minor, v->patch);
    goto refused;
  }
  const char *unknown = openmp_bind(handle);
  if (unknown) {
    snprintf(why, sizeof why, "needs %.100s of OpenMP's runtime, which is not known here", unknown);
    goto refused;
  }
  lib.set_max_cpu_isa(isa_limit(cpu_isa()));
  if (lib.engine_create(&lib.engine, DN_CPU, 0) != DN_SUCCESS) {
    snprintf(why, sizeof why, "cannot make a CPU engine");
    goto refused;
  }
  Dl_info info;
  bool known = dladdr(*(void **)&lib.version, &info) && info.dli_fname;
  snprintf(found_path, sizeof found_path, "%s", known ? info.dli_fname : path);
  lib.path = found_path;
  tried[0] = 0;
  return true;
refused:
  note(path, why);
  dlclose(handle);
  return false;
}

static void open_once(void) {
  if (!env_flag("TFTRT_ONEDNN")) {
    note("oneDNN", "turned off by TFTRT_ONEDNN=0");
    return;
  }
  const char *path = env_text("TFTRT_ONEDNN_PATH");
  if (*path) {
    open_library(path);
    return;
  }
  Dl_info self;
  if (dladdr((void *)&tried, &self) && self.dli_fname && strchr(self.dli_fname, '/')) {
    int folder = (int)(strrchr(self.dli_fname, '/') - self.dli_fname);
    static const char *const places[] = {"", "/../lib"};
    for (int i = 0; i < 2; i++) {
      char candidate[PATH_MAX];
      snprintf(candidate, sizeof candidate, "%.*s%s/libdnnl.so.3", folder, self.dli_fname,
               places[i]);
      if (open_library(candidate)) return;
    }
  }
  open_library("libdnnl.so.3");
}

status_t onednn_get(const onednn_t **out) {
  pthread_once(&once, open_once);
  if (tried[0]) return FAIL(UNAVAILABLE, "no oneDNN: %s", tried);
  *out = &lib;
  return NULL;
}
