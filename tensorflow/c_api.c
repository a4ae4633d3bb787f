#define _GNU_SOURCE  // RTLD_DEFAULT, RTLD_NOLOAD
#include "c_api.h"

#include <dlfcn.h>
#include <string.h>

tf_functions_t tf;

// A C or C++ program has them in its global scope; Python loads TensorFlow's libraries without
// that.
void *tf_find(const char *name) {
  static const char *const libraries[] = {"libtensorflow_framework.so.2", "libtensorflow_cc.so.2",
                                          "libtensorflow.so.2"};
  void *at = dlsym(RTLD_DEFAULT, name);
  for (size_t i = 0; !at && i < sizeof libraries / sizeof *libraries; i++) {
    void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
    if (!library) continue;
    at = dlsym(library, name);
    dlclose(library);  // it stays: the process has it loaded
  }
  return at;
}

const char *tf_resolve(void) {
  void *at;
#define TF_FIND(type, name, args)           \
  if (!(at = tf_find(#name))) return #name; \
  memcpy(&tf.name, &at, sizeof at);
  TF_FUNCTIONS(TF_FIND)
#undef TF_FIND
  return NULL;
}
