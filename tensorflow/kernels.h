/* The kernels that the plug-in registers: create, compute, destroy, in the form of
 * TF_NewKernelBuilder. */
#ifndef TFTRT_TENSORFLOW_KERNELS_H
#define TFTRT_TENSORFLOW_KERNELS_H

#include "c_api.h"
#include "message.h"

/* What every kernel keeps: its node. */
typedef struct node {
  bytes_view_t node_def;
  char *key; /* of its engine (engines.h); NULL where the node does not tell */
  void *engine;
} node_t;

void *node_create(TF_OpKernelConstruction *c);       /* NULL, and c is told, when it fails */
void *named_node_create(TF_OpKernelConstruction *c); /* the key from attribute resource_name */
void node_destroy(void *node);

void engine_compute(void *node, TF_OpKernelContext *c);
void engine_destroy(void *node);
void create_handle_compute(void *node, TF_OpKernelContext *c);
void initialize_compute(void *node, TF_OpKernelContext *c);
void serialize_compute(void *node, TF_OpKernelContext *c);
void calibration_compute(void *node, TF_OpKernelContext *c);

/* The run fails with this code of TensorFlow's (tftrt's are the same). */
void fail(TF_OpKernelContext *c, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
