/* How far a model's outputs are from those of another: what a reduced precision costs.
 * Conventions as in tftrt.h. */
#ifndef TFTRT_COMPARE_H
#define TFTRT_COMPARE_H

#include "tftrt/tftrt.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tftrt_compare_options {
  uint32_t struct_size;
  const char *const *tags; /* of the meta graphs; NULL: {"serve"}, or a model's only one */
  int n_tags;
  const char *signature_key; /* NULL: "serving_default" */
  int threads;               /* CPUs that one run may use; 0: all that the process may use */
  const char *backend;       /* "cpu" (default), "ref": engines of converted models */
  /* Sets of inputs, in the order of tftrt_model_input for the first of the two that is a model;
   * each is run by both. NULL for two files of recorded outputs. */
  tftrt_input_fn inputs;
  void *user;
  /* 1: observe every layer of b's engines, which run as they are; 0: do not. For each set of inputs
   * they run in FP32 too. FAILED_PRECONDITION when no engine serves. */
  int per_layer;
  int reserved; /* 0 */
} tftrt_compare_options;
/* Writes struct_size bytes: the defaults, zeros beyond those that the library knows. */
TFTRT_API void tftrt_compare_options_init_sized(tftrt_compare_options *o, uint32_t struct_size);
static inline void tftrt_compare_options_init(tftrt_compare_options *o) {
  tftrt_compare_options_init_sized(o, (uint32_t)sizeof *o);
}

/* The result. Any thread may read it. */
typedef struct tftrt_comparison tftrt_comparison;

/* Compares b with a, which counts as right. Each is the directory of a SavedModel, converted or
 * not, or an .npz file of recorded outputs, named as the signature's (bfloat16 as uint16 bits); of
 * several sets of inputs a file has the rows of all, one set after the other. INVALID_ARGUMENT
 * names the output that one of them does not have, or of which dtypes or shapes differ. */
TFTRT_API tftrt_code tftrt_compare(const char *a, const char *b, const tftrt_compare_options *o,
                                   tftrt_comparison **out, tftrt_error *err);
TFTRT_API void tftrt_comparison_destroy(tftrt_comparison *c);

/* Absolute errors are counted by decade: bin 0 errors of 0; bin 1 those below 1e-8; bin k those
 * from 10^(k-10) to below 10^(k-9); the last one those from 100 on. */
enum { TFTRT_ERROR_BINS = 13 };

/* Of one output, over all elements of all sets of inputs. bool counts as 0 and 1, a complex number
 * as two. NaN equals NaN and an infinity itself; other pairs that are not both finite, and strings
 * that differ, make max_abs, mean_abs and relative_l2 infinite and the cosine 0. */
typedef struct tftrt_difference { /* start with TFTRT_DIFFERENCE_INIT */
  uint32_t struct_size;
  const char *name; /* lives as long as the comparison */
  tftrt_dtype dtype;
  int64_t count, unequal, not_finite; /* elements; not the same; not both finite and not the same */
  double max_abs, mean_abs;           /* of |b - a| */
  double relative_l2;                 /* |b - a| / |a|; 0 for 0 / 0 */
  double cosine;                      /* of b and a as vectors; 1 when both are 0 throughout */
  /* Of float outputs of rank 2 and 3 with more than one element along the last axis, taken as
   * scores of classes: rows, and the shares of them whose best class (the first of equals) is the
   * same, and whose best class of a is among the five best of b. classes 0: another output; top5 is
   * -1 for fewer than 6 classes. */
  int64_t classes, rows;
  double top1, top5;
  int64_t histogram[TFTRT_ERROR_BINS];
} tftrt_difference;
#define TFTRT_DIFFERENCE_INIT                                                                \
  {                                                                                          \
    sizeof(tftrt_difference), 0, TFTRT_INVALID_DTYPE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } \
  }

TFTRT_API int tftrt_comparison_output_count(const tftrt_comparison *c);
/* In alphabetical order of the names. */
TFTRT_API tftrt_code tftrt_comparison_output(const tftrt_comparison *c, int i,
                                             tftrt_difference *out, tftrt_error *err);
/* A layer of one of b's engines, compared with the same network in FP32, over all sets of inputs.
 * The own error is that of the layer alone, on the FP32 network's tensors rounded to the types that
 * it reads; the accumulated one that of the engine up to it. Both are of what it makes, as real
 * numbers. */
typedef struct tftrt_layer_error { /* start with TFTRT_LAYER_ERROR_INIT */
  uint32_t struct_size;
  int32_t n_nodes;
  const char *engine;       /* the TRTEngineOp; texts live as long as the comparison */
  const char *name, *type;  /* of the layer; the type is TensorRT's where it has one */
  const char *precision;    /* what it computes on: "int8", "fp16", "bf16", "fp32", ... */
  const char *kernel;       /* how it is run; "" where the backend does not tell */
  const char *why;          /* why it has more bits than the mode allows; "" */
  const char *const *nodes; /* the n_nodes TensorFlow nodes that it computes */
  int64_t count;            /* elements compared */
  double own_max_abs, own_mean_abs, own_relative_l2, own_cosine;
  double max_abs, mean_abs, relative_l2, cosine; /* accumulated */
} tftrt_layer_error;
#define TFTRT_LAYER_ERROR_INIT \
  { sizeof(tftrt_layer_error), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

TFTRT_API int tftrt_comparison_layer_count(const tftrt_comparison *c); /* 0: not observed */
/* Ranked: the largest own relative L2 first. Layers that only move numbers, or whose tensors the
 * FP32 network does not have, are left out. */
TFTRT_API tftrt_code tftrt_comparison_layer(const tftrt_comparison *c, int i,
                                            tftrt_layer_error *out, tftrt_error *err);
/* Sentences on engines that did not serve inputs, so that their native segments were compared. Live
 * as long as the comparison; NULL when there is no i-th. */
TFTRT_API int tftrt_comparison_warning_count(const tftrt_comparison *c);
TFTRT_API const char *tftrt_comparison_warning(const tftrt_comparison *c, int i);
/* All of it as one JSON object, "schema": "tftrt.report/1"; numbers that are not finite are null.
 */
TFTRT_API tftrt_code tftrt_comparison_json(const tftrt_comparison *c, char **out, tftrt_error *err);

#ifdef __cplusplus
}
#endif
#endif
