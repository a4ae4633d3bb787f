// INT8 calibration: the converted graph runs over the calibration inputs, each engine's network in
// float with an observer on every tensor, and the ranges go into calibration_data.
#ifndef TFTRT_CONVERT_CALIBRATE_H
#define TFTRT_CONVERT_CALIBRATE_H

#include "convert/state.h"

// TF-TRT's rules for the calibration argument of convert(), in its words.
status_t check_calibration(const converter_t *c, const input_source_t *calibration);
// The other half, once it is known whether the model has ranges of an earlier calibration.
status_t check_ranges_given(const converter_t *c, const input_source_t *calibration);
// After the engine nodes are made: calibrates, or keeps the source for build(), or reads the table;
// without calibration, checks that no range is missing.
status_t start_calibration(converter_t *c, const input_source_t *calibration);
// At build(), where calibration waits for it.
status_t finish_calibration(converter_t *c);
// save()'s check.
status_t check_calibrated(const converter_t *c);

#endif
