// How far tensors are from those that they should equal, summed up over any number of pairs.
#ifndef TFTRT_ACCURACY_DIFFERENCE_H
#define TFTRT_ACCURACY_DIFFERENCE_H

#include "base/status.h"
#include "tensor/tensor.h"

// Absolute errors by decade: bin 0 those that are 0, bin 1 those below 1e-8, bin k from 10^(k-10)
// on, the last one everything from 100 on.
enum { DIFFERENCE_BINS = 13 };

typedef struct difference {
  int64_t count;       // elements
  int64_t unequal;     // of them, those that are not the same
  int64_t not_finite;  // where one is NaN or infinite and the other is something else
  double max_abs;
  double sum_abs, sum_square_error, sum_square_want, sum_square_got, sum_product;
  int64_t histogram[DIFFERENCE_BINS];
  int64_t rows, top1, top5;  // see difference_add; rows 0: no classes
  int64_t classes;
} difference_t;

// Adds a pair of tensors of one dtype and shape; INVALID_ARGUMENT tells both where they are not.
// Numbers count as such (bool as 0 and 1, a complex one as two). NaN equals NaN, and an infinity
// itself; other pairs that are not finite, and strings that differ, are in no sum, and the error is
// infinite.
//
// Floats of rank 2 or 3 with more than one element along the last axis are taken as scores of
// classes: top1 counts rows whose largest element (the first of equals) is at the same place, top5
// those where the wanted one is among the five largest.
status_t difference_add(difference_t *d, const tensor_t *want, const tensor_t *got);

double difference_mean_abs(const difference_t *d);
double difference_relative_l2(const difference_t *d);  // |got - want| / |want|; 0 for 0 / 0
double difference_cosine(const difference_t *d);       // 1 when both are 0 throughout

#endif
