// Regular expressions with RE2's syntax and leftmost-first meaning, on UTF-8 text, in time linear
// in the text.
//
// Known: literals, . [classes] [[:posix:]] \d \w \s \b \A \z \xHH, groups (also (?:), (?P<name>),
// flags i s m), | * + ? {m,n} and their lazy forms, ^ $. Letters are folded (flag i) in ASCII only.
// Refused with UNIMPLEMENTED: \p, \C, \Q. A source of the method: R. Cox, "Regular Expression
// Matching: the Virtual Machine Approach" (2009), backtracking with a bit per (instruction,
// position).
#ifndef TFTRT_KERNELS_REGEX_H
#define TFTRT_KERNELS_REGEX_H

#include <stdbool.h>

#include "base/status.h"

enum { REGEX_GROUPS = 10 };  // group 0 is the whole match

typedef struct regex regex_t;
// INVALID_ARGUMENT says what is wrong with the pattern.
status_t regex_compile(const char *pattern, size_t n, regex_t **out);
void regex_free(regex_t *r);         // NULL is fine
int regex_groups(const regex_t *r);  // without group 0

// What one thread needs to match; keeps its memory from call to call.
typedef struct regex_scratch regex_scratch_t;
regex_scratch_t *regex_scratch_create(void);
void regex_scratch_free(regex_scratch_t *s);

// Looks for a match in text[from, n); with `full` it must be all of the text. begin and end of the
// groups as offsets in the text, -1 for groups that took no part. RESOURCE_EXHAUSTED for a text
// that is too long for the pattern.
status_t regex_search(const regex_t *r, regex_scratch_t *s, const char *text, size_t n, size_t from,
                      bool full, bool *found, long begin[REGEX_GROUPS], long end[REGEX_GROUPS]);

#endif
