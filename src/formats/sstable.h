// LevelDB tables, as a variable bundle's index is one. Source: LevelDB's doc/table_format.md.
#ifndef TFTRT_FORMATS_SSTABLE_H
#define TFTRT_FORMATS_SSTABLE_H

#include "formats/wire.h"

typedef struct sstable_entry {
  const char *key;  // any bytes; a NUL follows
  size_t key_size;
  const uint8_t *value;
  size_t value_size;
} sstable_entry_t;

// All entries in ascending order of keys. Values point into the bytes that were read, or, from a
// compressed block, into the table's own.
typedef struct sstable {
  sstable_entry_t *entries;
  size_t n;
  arena_t *arena;         // keys
  VEC(uint8_t *) blocks;  // decompressed
} sstable_t;

// DATA_LOSS with file and offset when the table is damaged (each block's CRC is checked). The
// bytes must outlive the table. `name` is for messages.
status_t sstable_read(const uint8_t *data, size_t size, const char *name, sstable_t *out);
void sstable_free(sstable_t *t);
const sstable_entry_t *sstable_find(const sstable_t *t, const char *key, size_t key_size);

// Writes a table of these entries (uncompressed blocks) into out. Keys must ascend strictly:
// INVALID_ARGUMENT otherwise.
status_t sstable_write(const sstable_entry_t *entries, size_t n, wire_out_t *out);

#endif
