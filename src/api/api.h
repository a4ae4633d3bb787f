// From the rooms' statuses and tensors to those of the public header.
#ifndef TFTRT_API_API_H
#define TFTRT_API_API_H

#include "base/status.h"
#include "saved_model/saved_model.h"
#include "tensor/tensor.h"
#include "tftrt/tftrt.h"

// Fills err (may be NULL), frees s and returns its code; TFTRT_OK for NULL.
tftrt_code api_report(status_t s, tftrt_error *err);

// Options structs may be older (shorter) than ours: copies what the caller has over our defaults.
void api_copy_options(void *to, size_t to_size, const void *from, uint32_t from_size);

// A tensor over the caller's memory, valid as long as that. INVALID_ARGUMENT when rank, dims and
// bytes disagree. Strings are copied, all else is borrowed; tensor_unref it.
status_t api_tensor_in(const tftrt_tensor *t, const char *name, tensor_t *out);
void api_tensor_info(const tensor_info_t *t, tftrt_tensor_info *out);
// Gives t's reference away. Strings become an array of tftrt_string.
void api_tensor_out(tensor_t *t, tftrt_tensor *out);

// Runs a signature: checks inputs against it, calls, hands outputs out. outputs[] is empty before,
// and after an error.
typedef struct api_run_fn {
  status_t (*call)(void *self, const signature_t *s, const tensor_t *in, tensor_t *out);
  void *self;
} api_run_fn;
status_t api_run(const signature_t *s, api_run_fn run, const tftrt_tensor *inputs, int n_inputs,
                 tftrt_tensor *outputs, int n_outputs);

// The six fields that the params share with the options.
void api_take_conversion_params(const tftrt_conversion_params *p, tftrt_converter_options *o);

#endif
