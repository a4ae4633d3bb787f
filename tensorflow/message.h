/* The few fields of TensorFlow's messages that the plug-in itself looks at. */
#ifndef TFTRT_TENSORFLOW_MESSAGE_H
#define TFTRT_TENSORFLOW_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bytes_view {
  const uint8_t *data; /* NULL: not there */
  size_t size;
} bytes_view_t;

/* The last length-delimited field of this number; not there in a damaged message either. */
bytes_view_t message_field(bytes_view_t message, uint32_t number);
/* Goes to the next one of this number: *m is what follows it. False: there is none. */
bool message_next(bytes_view_t *m, uint32_t number, bytes_view_t *out);
/* NodeDef.name */
bytes_view_t node_def_name(bytes_view_t node_def);
/* The string (or function name) that an attribute of a NodeDef holds. */
bytes_view_t node_def_string(bytes_view_t node_def, const char *attr);
/* The bool that it holds; `otherwise`: it has none. */
bool node_def_bool(bytes_view_t node_def, const char *attr, bool otherwise);
/* ResourceHandleProto.name */
bytes_view_t resource_handle_name(bytes_view_t proto);
/* Does an OpList have an op of this name? */
bool op_list_has(bytes_view_t op_list, const char *op);

#endif
