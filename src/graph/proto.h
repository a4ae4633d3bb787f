// What the readers and writers of TensorFlow's messages share inside graph/.
#ifndef TFTRT_GRAPH_PROTO_H
#define TFTRT_GRAPH_PROTO_H

#include "formats/wire.h"
#include "graph/graph.h"

status_t shape_parse_proto(wire_t w, shape_t *out);  // TensorShapeProto
void shape_write_proto(const shape_t *s, wire_out_t *w, uint32_t field);

// The attr entries of a NodeDef, FunctionDef or NameAttrList: one map entry appended to *link.
status_t attr_parse_entry(arena_t *arena, const wire_field_t *entry, attr_t ***link);
status_t attr_write_entries(const attr_t *attrs, const struct op_def *def, wire_out_t *w,
                            uint32_t field);

// One NodeDef, without its inputs (they are resolved when all nodes are there).
status_t node_parse(graph_t *g, const uint8_t *data, size_t size, node_t **out);

#endif
