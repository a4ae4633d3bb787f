// Shapes. A dim is >= 0 when known. -1 is unknown. A number <= -2 is unknown too, but symbolic: two
// dims with the same number are known to be equal (as Grappler's shape inference keeps them). rank
// -1 means that the rank is unknown.
#ifndef TFTRT_TENSOR_SHAPE_H
#define TFTRT_TENSOR_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHAPE_MAX_RANK = 12 };

typedef struct shape {
  int rank;
  int64_t d[SHAPE_MAX_RANK];
} shape_t;

#define SHAPE_UNKNOWN ((shape_t){.rank = -1})
#define SHAPE_SCALAR ((shape_t){.rank = 0})
// SHAPE(2, 3, -1)
#define SHAPE(...)                                                    \
  shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
           (const int64_t[]){__VA_ARGS__})

shape_t shape_of(int rank, const int64_t *dims);
shape_t shape_unknown_dims(int rank);                       // all -1
bool shape_known(const shape_t *s);                         // rank and every dim known
bool shape_equal(const shape_t *a, const shape_t *b);       // exactly, symbols too
bool shape_compatible(const shape_t *a, const shape_t *b);  // could be the same at run time
// What both say together: false when they contradict each other. Known wins over symbol wins over
// -1.
bool shape_merge(const shape_t *a, const shape_t *b, shape_t *out);
bool dim_merge(int64_t a, int64_t b, int64_t *out);
// Elements; -1 when a dim is unknown (and none is 0) or the product overflows. Checked.
int64_t shape_elements(const shape_t *s);
// numpy broadcasting of two shapes, unknown dims allowed; false when infeasible.
bool shape_broadcast(const shape_t *a, const shape_t *b, shape_t *out);
void shape_strides(const shape_t *s,
                   int64_t *strides);  // row-major, in elements; the shape must be known
// "[2,3,?]", "<unknown>", "[]" into buf (always terminated); returns buf.
char *shape_format(const shape_t *s, char *buf, size_t n);

#endif
