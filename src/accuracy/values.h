// What a network's tensors stand for as real numbers, and the other way.
#ifndef TFTRT_ACCURACY_VALUES_H
#define TFTRT_ACCURACY_VALUES_H

#include "network/network.h"

// Does it stand for real numbers: a float tensor, or an 8-bit one with a scale?
bool tensor_is_real(const net_tensor_t *t);
// The numbers of a tensor like t as float32, as TensorFlow has them where t is equalised; *out is
// owned.
status_t real_values(const net_tensor_t *t, const tensor_t *value, tensor_t *out);
// The other way: rounded to what a tensor like t holds; *out is owned.
status_t rounded_values(const net_tensor_t *t, const tensor_t *real, tensor_t *out);

#endif
