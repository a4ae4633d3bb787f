// What the sub-commands of the program share. The program is a client of the public header alone.
#ifndef TFTRT_CLI_CLI_H
#define TFTRT_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "tftrt/tftrt.h"

// Exit codes of the program.
enum {
  EXIT_DONE = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
  EXIT_MODEL = 3,    // model unreadable or not supported
  EXIT_GATE = 4,     // below a --min-... or above a --max-... gate
  EXIT_MISSING = 5,  // an engine or library is missing
  EXIT_INTERRUPTED = 130,
};

// One option of a sub-command. `value` names its argument in the help, NULL for a flag.
typedef enum option_kind {
  OPTION_FLAG,
  OPTION_STRING,
  OPTION_INT,
  OPTION_NUMBER,  // a double
  OPTION_SIZE,
  OPTION_LIST,
  OPTION_FILES,   // a list; further words ending in .npz belong to it too
  OPTION_SHAPES,  // a list of NAME:1x3x224x224, which may be separated by commas
} option_kind_t;
enum { LIST_MAX = 256 };
typedef struct list {
  const char *v[LIST_MAX];
  int n;
} list_t;
// One without help is another spelling of one before it, and not listed.
typedef struct option_def {
  const char *name;  // "signature"
  char letter;       // 0: none
  option_kind_t kind;
  void *target;       // bool *, const char **, int64_t *, double *, list_t *
  const char *value;  // "KEY"
  const char *help;
} option_def_t;

// The options every sub-command has.
typedef struct common {
  bool json, quiet, verbose, no_progress, help;
} common_t;
extern common_t common;

typedef struct command {
  const char *name, *usage, *summary;
  int (*run)(int argc, char **argv);
} command_t;
extern const command_t commands[];

// Parses argv[1..]; positional arguments go to words, which must be between min and max many.
// Returns -1 to go on, else the exit code (help or a usage error, both already printed). defs ends
// with an empty one.
int parse_options(const command_t *c, const option_def_t *defs, int argc, char **argv, int min,
                  int max, const char **words, int *n_words);
const command_t *find_command(const char *name);

// Prints "tftrt: <message>" to stderr and returns the exit code that fits.
int report_error(const tftrt_error *e);
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// Splits "a,b" in place of a copy: fills list.
void split_list(const char *text, char separator, list_t *out);
// "NAME=1x224x224x3" or "NAME:1x3x224x224"; false when it is not of that form.
bool parse_shape(const char *text, char *name, size_t name_size, int64_t *dims, int *rank);

// A progress callback for stderr (cli/progress.c), which also stops what goes on after Ctrl-C.
tftrt_progress_fn progress_printer(void);
void progress_end(void);  // nothing of it is left on the terminal
// True after Ctrl-C.
bool interrupted(void);
void catch_interrupts(void);

double now_seconds(void);  // monotonic

#endif
