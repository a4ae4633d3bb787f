// What the readers and writers of TensorFlow's messages share inside graph/.
#ifndef TFTRT_GRAPH_PROTO_H
#define TFTRT_GRAPH_PROTO_H

#include "formats/wire.h"
#include "graph/graph.h"

status_t shape_parse_proto(wire_t w, shape_t *out);  // TensorShapeProto
void shape_write_proto(const shape_t *s, wire_out_t *w, uint32_t field);

status_t attr_parse_value(arena_t *arena, wire_t w, attr_value_t *v);  // AttrValue

// The attr entries of a NodeDef, FunctionDef or NameAttrList: one map entry appended to *link.
status_t attr_parse_entry(arena_t *arena, const wire_field_t *entry, attr_t ***link);
// Those that differ from the op's defaults (all, when def is NULL).
status_t attr_write_entries(const attr_t *attrs, const struct op_def *def, wire_out_t *w,
                            uint32_t field);

// One NodeDef added to the graph, without its edges: they are connected when all nodes are there.
status_t node_parse(graph_t *g, const wire_field_t *f, node_t **out);
// Finds what one input of a NodeDef refers to ("^" is already cut off).
typedef status_t (*find_input_fn)(graph_t *g, const char *ref, size_t n, input_t *out);
// Resolves the outputs of all nodes, then connects their edges from the NodeDefs' inputs, of which
// every known op must have as many as it is defined with.
status_t graph_connect(graph_t *g, find_input_fn find);
// How a NodeDef names one of its inputs; mem_free it.
typedef char *(*name_input_fn)(const graph_t *g, const input_t *in);
status_t node_write(const graph_t *g, const node_t *n, name_input_fn name_input, wire_out_t *w,
                    uint32_t field);
// A FunctionDef's signature; its body waits for library_body.
status_t function_parse(library_t *l, const wire_field_t *f);

#endif
