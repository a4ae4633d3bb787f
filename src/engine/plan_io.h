// Tagged fields: tag (u16), length (u32), bytes; little-endian. A message is a run of fields; a
// reader skips tags that it does not know. Numbers are arrays of i64.
#ifndef TFTRT_ENGINE_PLAN_IO_H
#define TFTRT_ENGINE_PLAN_IO_H

#include <stddef.h>
#include <string.h>

#include "network/network.h"

typedef VEC(uint8_t) plan_writer_t;

typedef struct plan_reader {
  const uint8_t *p, *end;
  bool bad;  // a field reached past the end
} plan_reader_t;

typedef struct plan_field {
  uint16_t tag;
  const uint8_t *data;
  size_t size;
} plan_field_t;

static inline void plan_store(uint8_t *to, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t plan_fetch(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
  return v;
}

void plan_put_bytes(plan_writer_t *w, uint16_t tag, const void *data, size_t size);
void plan_put_ints(plan_writer_t *w, uint16_t tag, const int64_t *v, size_t n);
void plan_put_string(plan_writer_t *w, uint16_t tag, const char *s);
bool plan_next(plan_reader_t *r, plan_field_t *out);  // false at the end, or r->bad
// Up to n numbers of the field; fewer leave the rest as they are. false: not whole numbers.
bool plan_ints(const plan_field_t *f, int64_t *v, size_t n);

void plan_write_params(plan_writer_t *w, const layer_params_t *p);
bool plan_read_params(const uint8_t *data, size_t size, int n_in, layer_params_t *p);

#endif
