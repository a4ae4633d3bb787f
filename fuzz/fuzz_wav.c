// WAV files: every sample is read.
#include "formats/wav.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  wav_t w;
  status_t st = wav_parse(data, size, &w);
  volatile float sum = 0;
  for (int64_t i = 0; !st && i < w.count; i++)
    for (int c = 0; c < w.channels; c++) sum += wav_sample(&w, i, c);
  status_free(st);
  return 0;
}
