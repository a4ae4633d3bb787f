// What all kernels have in common: the NodeDef that they are made from.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines.h"
#include "kernels.h"

static node_t *make(TF_OpKernelConstruction *c, TF_Status *s) {
  TF_Buffer *b = tf.TF_OpKernelConstruction_GetNodeDef(c, s);
  if (tf.TF_GetCode(s)) return NULL;
  node_t *n = calloc(1, sizeof *n);
  uint8_t *copy = malloc(b->length + 1);
  if (!n || !copy) abort();
  memcpy(copy, b->data, b->length);
  n->node_def = (bytes_view_t){copy, b->length};
  tf.TF_DeleteBuffer(b);
  return n;
}

static void *create(TF_OpKernelConstruction *c, bool named) {
  TF_Status *s = tf.TF_NewStatus();
  node_t *n = make(c, s);
  if (n)
    n->key = engine_key(n->node_def, named ? node_def_string(n->node_def, "resource_name")
                                           : node_def_name(n->node_def));
  else
    tf.TF_OpKernelConstruction_Failure(c, s);
  tf.TF_DeleteStatus(s);
  return n;
}

void *node_create(TF_OpKernelConstruction *c) { return create(c, false); }

void *named_node_create(TF_OpKernelConstruction *c) { return create(c, true); }

void node_destroy(void *node) {
  node_t *n = node;
  if (!n) return;
  free((void *)(uintptr_t)n->node_def.data);
  free(n->key);
  free(n);
}

void fail(TF_OpKernelContext *c, int code, const char *format, ...) {
  char message[1200];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  TF_Status *s = tf.TF_NewStatus();
  tf.TF_SetStatus(s, code, message);
  tf.TF_OpKernelContext_Failure(c, s);
  tf.TF_DeleteStatus(s);
}
