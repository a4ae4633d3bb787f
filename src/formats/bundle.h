// Variable bundles ("checkpoints V2"): a table <prefix>.index that says where each tensor is in
// <prefix>.data-NNNNN-of-MMMMM. Source: tensorflow/core/protobuf/tensor_bundle.proto and the
// behaviour of TensorFlow's own files.
#ifndef TFTRT_FORMATS_BUNDLE_H
#define TFTRT_FORMATS_BUNDLE_H

#include "base/file.h"
#include "formats/sstable.h"
#include "tensor/tensor.h"

typedef struct bundle bundle_t;

typedef struct bundle_slice {  // a part of a partitioned variable
  int64_t start[SHAPE_MAX_RANK], length[SHAPE_MAX_RANK];
  unsigned whole;  // bit d: the file says "all" for dimension d. Not looked at in bundle_read_slice
} bundle_slice_t;

typedef struct bundle_entry {
  const char *key;
  dtype_t dtype;
  shape_t shape;  // of the whole tensor
  int shard;
  uint64_t offset, size;   // where its bytes are
  uint32_t crc;            // masked
  bundle_slice_t *slices;  // of a partitioned variable, which has no bytes itself
  int n_slices;
} bundle_entry_t;

// ---------------------------------------------------------------- reading
//
// Maps all files. NOT_FOUND when a file is absent, DATA_LOSS (file, key) when damaged. An open
// bundle is immutable; any thread may read.
status_t bundle_open(const char *prefix, bundle_t **out);
void bundle_close(bundle_t *b);  // NULL is fine; tensors that were read keep their maps alive
size_t bundle_count(const bundle_t *b);
const bundle_entry_t *bundle_entry(const bundle_t *b, size_t i);        // ascending by key
const bundle_entry_t *bundle_find(const bundle_t *b, const char *key);  // NULL when absent

// A tensor, by default without a copy: it borrows the map (and must not be written to). Copies are
// made of strings, of partitioned variables, and where the file does not align elements. The CRC is
// checked when an entry is first read. NOT_FOUND names the key.
status_t bundle_read(const bundle_t *b, const char *key, tensor_t *out);
// A box of a tensor: start and length for each dimension. A stored slice of exactly that box is
// not copied.
status_t bundle_read_slice(const bundle_t *b, const char *key, const bundle_slice_t *box,
                           tensor_t *out);

// ---------------------------------------------------------------- writing (bundle_writer.c)
//
// One data file; each tensor's bytes go to it as they are added, aligned to 64. Keys come in any
// order, each once. Equal contents are stored once: later keys point at the same bytes.
typedef struct bundle_writer bundle_writer_t;
status_t bundle_writer_create(const char *prefix, bundle_writer_t **out);
status_t bundle_writer_add(bundle_writer_t *w, const char *key, const tensor_t *t);
// Copies a tensor of another bundle with its slices, byte for byte.
status_t bundle_writer_copy(bundle_writer_t *w, const bundle_t *from, const char *key);
bool bundle_writer_has(const bundle_writer_t *w, const char *key);
uint64_t bundle_writer_bytes(const bundle_writer_t *w);  // of the data file so far
status_t bundle_writer_finish(bundle_writer_t *w);       // writes the index; frees w in any case
void bundle_writer_abandon(bundle_writer_t *w);          // leaves what is written; NULL is fine

#endif
