// The ranges of a network's tensors by TensorFlow's names, and their text form: TensorRT's
// calibration cache. First line "TRT-<version>-EntropyCalibration2", then a line
// "<tensor>: <hex>" each, hex being the eight digits of the float32 scale, most significant first.
// Ours has lines "<tensor>#least: <hex>" and "<tensor>#most: <hex>" behind it where the values do
// not fill 127 steps to that side; no TensorFlow tensor has such a name. What is known of channels
// is a line "<tensor>#channels <hex>: 00000000", six digits each: two for least, most and rms (as
// channel_range_t); 00 is 0, k is 4 * 127 * scale * 2^((k - 255) / 24). To other readers that is a
// tensor that was 0 throughout.
#ifndef TFTRT_NETWORK_RANGES_H
#define TFTRT_NETWORK_RANGES_H

#include "network/network.h"

typedef struct ranges ranges_t;

// scale: a positive, finite step; the tensor takes values to 127 steps. least <= 0, most >= 0: what
// they lie between inside that range; both 0: all of it.
// channels: [n_channels] what the channels of the last axis take, or NULL.
typedef struct range {
  float scale, least, most;
  const channel_range_t *channels;
  int64_t n_channels;
} range_t;

ranges_t *ranges_create(void);
void ranges_destroy(ranges_t *r);  // NULL is fine
// The last one counts. Channels are copied, rounded as in the text; ranges_find and ranges_next
// give the table's.
void ranges_put(ranges_t *r, const char *tensor, range_t range);
range_t ranges_find(const ranges_t *r, const char *tensor);  // scale 0: none
int ranges_count(const ranges_t *r);
// One after the other, in the order in which they were put; *at begins as 0. False at the end.
bool ranges_next(const ranges_t *r, size_t *at, const char **tensor, range_t *range);

// INVALID_ARGUMENT, naming `what` and the line, when it is no such text. Any calibrator's name is
// taken. Scales of 0, which tensors that are 0 throughout get, are left out, and so are bounds of
// tensors that no line before them has.
status_t ranges_parse(const char *text, size_t size, const char *what, ranges_t **out);
// mem_free it. In the order in which the tensors were put.
char *ranges_format(const ranges_t *r);

// Gives every named tensor of a lowered network its range, unless a node gave it one. A tensor with
// several names takes the first that the table has; outputs also go by TensorRTOutputPH_<i>.
void network_apply_ranges(network_t *n, const ranges_t *r);
// FAILED_PRECONDITION naming the tensors that an 8-bit layer would read and that have no range.
// Tensors without a TensorFlow name need none: who reads them stays float.
status_t network_check_ranges(const network_t *n);
// The range of t, also where it follows from a tensor that only moves into t; scale 0: none. Its
// bounds are always told, 0 among what is between them; without channels.
range_t network_range_of(const net_tensor_t *t);
// What a convolution or product would read in 8 bits: its weights do not depend on the run.
bool layer_takes_int8(const layer_t *l);

#endif
