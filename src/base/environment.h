// The environment variables that tftrt looks at: one table of all of them, TF-TRT's too, and the
// only readers. They are read when they are needed, so a program may set them while it runs.
#ifndef TFTRT_BASE_ENVIRONMENT_H
#define TFTRT_BASE_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum env_kind { ENV_FLAG, ENV_NUMBER, ENV_TEXT } env_kind_t;

typedef struct env_var {
  const char *name;
  env_kind_t kind;
  const char *fallback;  // what counts when it is not set; "" for none
  const char *what;      // what it does here
  const char *ignored;   // NULL: honoured; else why it has no effect: setting it is warned about
} env_var_t;

const env_var_t *env_at(int i);  // NULL after the last

// The value of a variable of the table. What cannot be parsed counts as not set: env_check tells.
// Flags are 0, 1, true, false in any case, as in TensorFlow.
bool env_flag(const char *name);
int64_t env_number(const char *name);
const char *env_text(const char *name);  // "" when it is not set

// Is `item` in a comma list?
bool env_list_has(const char *list, const char *item);

// One sentence for each variable that is set without effect: those that are not honoured and those
// that cannot be parsed.
void env_check(void (*warn)(void *user, const char *sentence), void *user);

#endif
