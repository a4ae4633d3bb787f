// What the files of the bundle share.
#ifndef TFTRT_FORMATS_BUNDLE_INTERNAL_H
#define TFTRT_FORMATS_BUNDLE_INTERNAL_H

#include "formats/bundle.h"

// The key under which a slice of a partitioned variable is stored (bundle_slice.c).
void bundle_slice_key(const char *name, int rank, const bundle_slice_t *s, wire_out_t *key);
// An entry by a key of any bytes.
const bundle_entry_t *bundle_find_n(const bundle_t *b, const char *key, size_t n);
status_t bundle_read_entry(const bundle_t *b, const bundle_entry_t *e, tensor_t *out);
// The stored bytes, CRC checked. `entry` has no slices.
status_t bundle_bytes(const bundle_t *b, const bundle_entry_t *e, const uint8_t **data);
// The same without the check, whether it is still to be made, and making it with the CRC computed.
const uint8_t *bundle_place(const bundle_t *b, const bundle_entry_t *e);
bool bundle_needs_check(const bundle_t *b, const bundle_entry_t *e);
status_t bundle_check(const bundle_t *b, const bundle_entry_t *e, uint32_t crc);
const char *bundle_name(const bundle_t *b);  // the index file's path

// Strings in a data file (bundle_strings.c): varint lengths, a CRC, the characters.
status_t bundle_strings_parse(const uint8_t *data, const bundle_entry_t *e, tensor_t *out,
                              uint32_t *crc);
void bundle_strings_encode(const tensor_t *t, wire_out_t *out, uint32_t *crc);

#endif
