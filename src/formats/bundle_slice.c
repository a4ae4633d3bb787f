// Partitioned variables: the stored slices of a tensor, and boxes cut from them.
#include <string.h>

#include "formats/bundle_internal.h"

// ---------------------------------------------------------------- keys of slices
//
// The key is a tuple in an order-preserving code: 0, the name, the rank, then start and length of
// each dimension (0 and -1 for a whole dimension).
//  * an unsigned number: how many bytes, then those bytes, big-endian;
//  * a string: its bytes with 00 as 00 FF and FF as FF 00, then 00 01;
//  * a signed number in n bytes: big-endian two's complement of 7n-1 value bits, with n leading one
//    bits and a zero after them xor'ed over the top (n-1 of them for negative numbers, by the xor).

static void put_byte(wire_out_t *w, unsigned b) {
  uint8_t byte = (uint8_t)b;
  wire_put_raw(w, &byte, 1);
}

static void put_unsigned(wire_out_t *w, uint64_t v) {
  int n = 0;
  while (n < 8 && v >> (8 * n)) n++;
  put_byte(w, (unsigned)n);
  while (n--) put_byte(w, (unsigned)(v >> (8 * n)) & 0xff);
}

static void put_signed(wire_out_t *w, int64_t v) {
  uint64_t magnitude = v < 0 ? ~(uint64_t)v : (uint64_t)v;
  int n = 1;
  while (n < 10 && magnitude >> (7 * n - 1 < 63 ? 7 * n - 1 : 63)) n++;
  uint8_t bytes[10];
  for (int i = 0; i < 10; i++) {  // sign-extended, big-endian; the last n count
    int shift = 8 * (9 - i);
    bytes[i] = shift >= 64 ? (uint8_t)(v < 0 ? 0xff : 0) : (uint8_t)((uint64_t)v >> shift);
  }
  uint8_t *p = bytes + 10 - n;
  unsigned header = 0xffff0000u >> n;  // n ones in the top bits of 16
  p[0] ^= (uint8_t)(header >> 8);
  if (n > 1) p[1] ^= (uint8_t)header;
  wire_put_raw(w, p, (size_t)n);
}

void bundle_slice_key(const char *name, int rank, const bundle_slice_t *s, wire_out_t *key) {
  put_unsigned(key, 0);
  for (const char *p = name; *p; p++) {
    put_byte(key, (unsigned char)*p);
    if ((unsigned char)*p == 0xff) put_byte(key, 0);
  }
  put_byte(key, 0);
  put_byte(key, 1);
  put_unsigned(key, (uint64_t)rank);
  for (int d = 0; d < rank; d++) {
    put_signed(key, s->start[d]);
    put_signed(key, s->whole >> d & 1 ? -1 : s->length[d]);
  }
}

// ---------------------------------------------------------------- boxes

static bool same_box(int rank, const bundle_slice_t *a, const bundle_slice_t *b) {
  return memcmp(a->start, b->start, (size_t)rank * sizeof *a->start) == 0 &&
         memcmp(a->length, b->length, (size_t)rank * sizeof *a->length) == 0;
}

static status_t read_stored_slice(const bundle_t *b, const bundle_entry_t *e,
                                  const bundle_slice_t *s, tensor_t *out) {
  wire_out_t key = {0};
  bundle_slice_key(e->key, e->shape.rank, s, &key);
  const bundle_entry_t *part =
      key.failed ? NULL : bundle_find_n(b, (const char *)key.data, key.size);
  wire_out_free(&key);
  shape_t shape = shape_of(e->shape.rank, s->length);
  if (!part || part->n_slices || part->dtype != e->dtype || !shape_equal(&part->shape, &shape))
    return FAIL(DATA_LOSS, "%s: a slice of \"%s\" is missing or of another shape", bundle_name(b),
                e->key);
  return status_prefix(bundle_read_entry(b, part, out), "slice of \"%s\"", e->key);
}

// Copies what `from` (a box with data src) and `to` (a box with data dst) have in common, run by
// run of the last dimension; counts the elements.
static int64_t copy_common(int rank, const bundle_slice_t *from, const uint8_t *src,
                           const bundle_slice_t *to, uint8_t *dst, size_t unit) {
  int64_t low[SHAPE_MAX_RANK], n[SHAPE_MAX_RANK], at[SHAPE_MAX_RANK] = {0}, count = 1;
  for (int d = 0; d < rank; d++) {
    int64_t from_end = from->start[d] + from->length[d], to_end = to->start[d] + to->length[d];
    low[d] = from->start[d] > to->start[d] ? from->start[d] : to->start[d];
    n[d] = (from_end < to_end ? from_end : to_end) - low[d];
    if (n[d] <= 0) return 0;
    count *= n[d];
  }
  if (!rank) return 0;
  for (;;) {
    int64_t s = 0, t = 0;
    for (int d = 0; d < rank; d++) {
      s = s * from->length[d] + low[d] + at[d] - from->start[d];
      t = t * to->length[d] + low[d] + at[d] - to->start[d];
    }
    memcpy(dst + (size_t)t * unit, src + (size_t)s * unit, (size_t)n[rank - 1] * unit);
    int d = rank - 2;
    while (d >= 0 && ++at[d] == n[d]) at[d--] = 0;
    if (d < 0) return count;
  }
}

status_t bundle_read_slice(const bundle_t *b, const char *key, const bundle_slice_t *box,
                           tensor_t *out) {
  *out = (tensor_t){0};
  const bundle_entry_t *e = bundle_find(b, key);
  if (!e) return bundle_read(b, key, out);  // for its message
  int rank = e->shape.rank;
  for (int d = 0; d < rank; d++)
    if (box->start[d] < 0 || box->length[d] < 0 || box->start[d] > e->shape.d[d] ||
        box->length[d] > e->shape.d[d] - box->start[d])
      return FAIL(INVALID_ARGUMENT, "%s: a slice is outside of tensor \"%s\"", bundle_name(b), key);
  bundle_slice_t all = {0};
  for (int d = 0; d < rank; d++) all.length[d] = e->shape.d[d];
  const bundle_slice_t *stored = e->n_slices ? e->slices : &all;
  int n_stored = e->n_slices ? e->n_slices : 1;
  for (int i = 0; i < n_stored; i++)
    if (same_box(rank, &stored[i], box))
      return e->n_slices ? read_stored_slice(b, e, &stored[i], out) : bundle_read_entry(b, e, out);
  if (!dtype_is_plain(e->dtype))
    return FAIL(UNIMPLEMENTED, "%s: cannot cut a slice of \"%s\", a %s tensor", bundle_name(b), key,
                dtype_name(e->dtype));
  shape_t shape = shape_of(rank, box->length);
  TRY(tensor_alloc(e->dtype, &shape, out));
  int64_t filled = 0;
  status_t st = NULL;
  for (int i = 0; i < n_stored && !st; i++) {
    tensor_t part = {0};
    st = e->n_slices ? read_stored_slice(b, e, &stored[i], &part) : bundle_read_entry(b, e, &part);
    if (!st)
      filled += copy_common(rank, &stored[i], part.data, box, out->data, dtype_size(e->dtype));
    tensor_unref(&part);
  }
  if (!st && filled != tensor_elements(out))
    st = FAIL(DATA_LOSS, "%s: the slices of \"%s\" do not cover what is read", bundle_name(b), key);
  if (st) tensor_unref(out);
  return st;
}
