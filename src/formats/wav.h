// RIFF WAVE files with 16-bit PCM samples, read in place.
#ifndef TFTRT_FORMATS_WAV_H
#define TFTRT_FORMATS_WAV_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct wav {
  uint32_t rate;
  uint16_t channels;
  const uint8_t *samples;  // [count, channels] of int16, little endian
  int64_t count;           // per channel
} wav_t;

// DATA_LOSS for bytes that are no such file, UNIMPLEMENTED for other encodings.
status_t wav_parse(const void *data, size_t size, wav_t *out);
// Sample i of channel c in [-1, 1).
float wav_sample(const wav_t *w, int64_t i, int c);

#endif
