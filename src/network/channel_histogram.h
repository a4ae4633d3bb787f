// What values the channels of a tensor, its last axis, take: observers of calibration for
// equalisation. Coarser than histogram.h, as there are thousands of channels.
#ifndef TFTRT_NETWORK_CHANNEL_HISTOGRAM_H
#define TFTRT_NETWORK_CHANNEL_HISTOGRAM_H

#include "network/histogram.h"
#include "network/network.h"

typedef struct channel_histogram channel_histogram_t;

size_t channel_histogram_bytes(int64_t channels);
// NULL: no memory. channels > 0.
channel_histogram_t *channel_histogram_create(int64_t channels);
void channel_histogram_destroy(channel_histogram_t *h);  // NULL is fine
int64_t channel_histogram_count(const channel_histogram_t *h);
// t: finite float32. One whose last dim is another number of channels is left out.
void channel_histogram_add(channel_histogram_t *h, const tensor_t *t);
// out: [channels]. Ranges as the calibrator chooses them, of each channel by itself.
void channel_histogram_ranges(const channel_histogram_t *h, calibrator_t how, channel_range_t *out);

#endif
