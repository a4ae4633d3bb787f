// Optimization profiles from the command line: --min-shapes, --opt-shapes, --max-shapes.
#ifndef TFTRT_CLI_PROFILES_H
#define TFTRT_CLI_PROFILES_H

#include "cli.h"

typedef struct profile_flags {
  list_t min, opt, max;  // of "NAME:1x3x224x224"
} profile_flags_t;

enum { PROFILE_OPTIONS = 6 };
// Appends PROFILE_OPTIONS options and an empty one.
void profile_options(profile_flags_t *f, option_def_t *defs);
bool profile_flags_given(const profile_flags_t *f);
// Adds profiles to those signatures that have all inputs named. A name that is given k times makes
// k profiles; what is missing of a profile is taken from what is there, as trtexec does.
tftrt_code profile_flags_add(const profile_flags_t *f, tftrt_converter *c, tftrt_error *e);

#endif
