// From the rooms' statuses and tensors to those of the public header.
#ifndef TFTRT_API_API_H
#define TFTRT_API_API_H

#include "base/status.h"
#include "runtime/runtime.h"
#include "tensor/tensor.h"
#include "tftrt/tftrt.h"

// Fills err (may be NULL), frees s and returns its code; TFTRT_OK for NULL.
tftrt_code api_report(status_t s, tftrt_error *err);

// The caller's structs that begin with struct_size may be older (shorter) or newer (longer) than
// ours, which has `known` bytes. `type` is the struct's name, for messages.
//
// Writes size bytes: the defaults, zeros after them, and struct_size.
void api_init_options(void *out, uint32_t size, const void *defaults, size_t known);
// Copies what the caller has over the defaults in *to. INVALID_ARGUMENT: a struct_size that no
// struct has, or something set beyond what is known here.
status_t api_read_options(const void *from, const char *type, void *to, size_t known);
// The other way: as much of *from as the caller has room for. INVALID_ARGUMENT: such a struct_size.
status_t api_write_struct(const void *from, size_t known, const char *type, void *to);

// The folder that an engine_cache_dir option says; NULL: engines are not kept. mem_free it.
char *api_engine_cache_dir(const char *option);

// A tensor over the caller's memory, valid as long as that. INVALID_ARGUMENT when rank, dims and
// bytes disagree. Strings are copied, all else is borrowed; tensor_unref it.
status_t api_tensor_in(const tftrt_tensor *t, const char *name, tensor_t *out);
// t NULL: all zero. INVALID_ARGUMENT when *out was not initialised.
status_t api_tensor_info(const tensor_info_t *t, tftrt_tensor_info *out);
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

// INVALID_ARGUMENT: there is no such policy.
status_t api_fallback_policy(tftrt_fallback asked, fallback_policy_t *out);

// The six fields that the params share with the options.
status_t api_take_conversion_params(const tftrt_conversion_params *p, tftrt_converter_options *o);
// The caller's options over the defaults.
status_t api_read_converter_options(const tftrt_converter_options *options,
                                    tftrt_converter_options *o);

#endif
