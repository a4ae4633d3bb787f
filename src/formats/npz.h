// numpy's files: .npy (one array) and .npz (a zip archive of them). Sources: numpy.lib.format's
// description of the format, and PKWARE's APPNOTE for zip.
//
//   numpy   bool i1..i8 u1..u8 f2 f4 f8 c8 c16   ->  the dtype of the same kind
//   S<n>    -> strings without the padding of NULs;   U<n> -> strings in UTF-8
// Big-endian arrays and Fortran order are converted. Numpy has no bfloat16: it is written as uint16
// bits (and as "<V2", what ml_dtypes writes, it is read as uint16).
#ifndef TFTRT_FORMATS_NPZ_H
#define TFTRT_FORMATS_NPZ_H

#include "formats/wire.h"
#include "tensor/tensor.h"

// A .npy file in memory. DATA_LOSS when damaged, UNIMPLEMENTED for dtypes that no tensor has
// (objects, dates, records). The tensor is a copy. `name` is for messages.
status_t npy_parse(const uint8_t *data, size_t size, const char *name, tensor_t *out);
// The same from a file.
status_t npy_read(const char *path, tensor_t *out);
// Appends a .npy file. Strings become S<longest>. UNIMPLEMENTED for resources and variants.
status_t npy_write(const tensor_t *t, wire_out_t *out);

// A .npz for reading: stored and deflated members, zip64 too.
typedef struct npz npz_t;
status_t npz_open(const char *path, npz_t **out);
// The same over bytes that stay valid as long as the npz.
status_t npz_open_bytes(const uint8_t *data, size_t size, const char *name, npz_t **out);
void npz_close(npz_t *z);  // NULL is fine
size_t npz_count(const npz_t *z);
const char *npz_name(const npz_t *z, size_t i);  // without ".npy"
status_t npz_read(const npz_t *z, size_t i, tensor_t *out);
// NOT_FOUND lists what there is.
status_t npz_get(const npz_t *z, const char *name, tensor_t *out);

// A .npz for writing, members stored. Each member goes to the file when it is added.
typedef struct npz_writer npz_writer_t;
status_t npz_create(const char *path, npz_writer_t **out);
status_t npz_add(npz_writer_t *w, const char *name, const tensor_t *t);
status_t npz_finish(npz_writer_t *w);  // frees w in any case

#endif
