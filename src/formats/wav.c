#include "formats/wav.h"

#include <string.h>

static uint32_t u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static status_t read_format(const uint8_t *p, size_t size, wav_t *out) {
  if (size < 16) return FAIL(DATA_LOSS, "a WAV format chunk of %zu bytes", size);
  uint16_t format = u16(p), bits = u16(p + 14), bytes = u16(p + 12);
  out->channels = u16(p + 2);
  out->rate = u32(p + 4);
  if (format != 1 || bits != 16)
    return FAIL(UNIMPLEMENTED, "a WAV file of format %u with %u bits; only 16-bit PCM can be read",
                format, bits);
  if (!out->channels || !out->rate || bytes != 2 * out->channels)
    return FAIL(DATA_LOSS, "a WAV file with %u channels at %u Hz, %u bytes a sample", out->channels,
                out->rate, bytes);
  return NULL;
}

status_t wav_parse(const void *data, size_t size, wav_t *out) {
  const uint8_t *p = data;
  *out = (wav_t){0};
  if (size < 12 || memcmp(p, "RIFF", 4) != 0 || memcmp(p + 8, "WAVE", 4) != 0)
    return FAIL(DATA_LOSS, "%zu bytes that do not start as a WAV file", size);
  for (size_t at = 12; size - at >= 8;) {
    const uint8_t *chunk = p + at + 8;
    size_t length = u32(p + at + 4), rest = size - at - 8;
    if (memcmp(p + at, "data", 4) == 0) {
      if (!out->channels) return FAIL(DATA_LOSS, "a WAV file without a format before its data");
      if (length > rest)
        return FAIL(DATA_LOSS, "WAV data of %zu bytes, of which %zu are there", length, rest);
      out->samples = chunk;
      out->count = (int64_t)(length / (2 * (size_t)out->channels));
      return NULL;
    }
    if (length > rest) break;
    if (memcmp(p + at, "fmt ", 4) == 0) TRY(read_format(chunk, length, out));
    at += 8 + length;
  }
  return FAIL(DATA_LOSS, "a WAV file without a data chunk");
}

float wav_sample(const wav_t *w, int64_t i, int c) {
  const uint8_t *p = w->samples + 2 * (i * w->channels + c);
  return (float)(int16_t)u16(p) / 32768.0f;
}
