// The parser behind tftrt_params_load, for its fuzz target.
#ifndef TFTRT_API_PARAMS_H
#define TFTRT_API_PARAMS_H

#include "api/api.h"

status_t params_parse(const void *text, size_t size, tftrt_params **out);

#endif
