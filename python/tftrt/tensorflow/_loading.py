"""What `tf.saved_model.load` does besides, for models with TRTEngineOps: it leaves nothing of them behind, their engine caches are
in TensorFlow's table of resources (in sessions too), and it is known where their weights are."""

from __future__ import annotations

import functools
import os
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops
from tensorflow.python.framework import ops
from tensorflow.python.saved_model import function_deserialization, load, loader_impl

from ._variables import pass_variables
from ._weights import note_model


_HANDLE = "CreateTRTResourceHandle"
_PLACE = "/place"


def _node(function: Any, like: Any, suffix: str, op: str, inputs: list[str], **attrs: Any) -> Any:
    node = function.node_def.add(name=like.name + suffix, op=op, device=like.device, input=inputs)
    for name, value in attrs.items():
        node.attr[name].CopyFrom(value)
    return node


def _place_resources(library: Any) -> None:
    """Engines are in the plug-in's own tables, as a kernel in C cannot reach TensorFlow's. What scripts see of those is whether
    a cache is there by its engine's name: functions that initialise one get an op that puts a variable of that name there, functions
    that destroy it one that takes it out."""
    uint8 = tf.compat.v1.AttrValue(type=tf.uint8.as_datatype_enum)
    zero = tf.compat.v1.AttrValue(tensor=tf.make_tensor_proto(0, tf.uint8))
    for function in library.function:
        named = {n.name: n for n in function.node_def if n.op == _HANDLE}
        if any(name.endswith(_PLACE) for name in named):  # the model was loaded before, and saved again
            continue
        for node in [n for n in function.node_def if n.op in ("InitializeTRTResource", "DestroyResourceOp")]:
            handle = named.get(node.input[0].split(":")[0])
            if handle is None:
                continue
            mine = _node(function, handle, _PLACE, _HANDLE, [], resource_name=handle.attr["resource_name"])
            inputs, after = [f"{mine.name}:resource_handle:0"], f"^{node.name}"
            if node.op == "DestroyResourceOp":
                done = _node(function, node, "/take", node.op, [*inputs, after], ignore_lookup_error=node.attr["ignore_lookup_error"])
            else:
                value = _node(function, node, "/value", "Const", [], dtype=uint8, value=zero)
                done = _node(function, node, "/put", "AssignVariableOp", [*inputs, f"{value.name}:output:0", after], dtype=uint8)
            function.signature.control_output.append(done.name)
            function.control_ret[done.name] = done.name


def remove_resource(engine: str) -> Any:
    """The cache of this name, if it is there, from TensorFlow's table. In a graph: the operation that does so."""
    handle = gen_trt_ops.create_trt_resource_handle(resource_name=engine)
    return tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=True)


def adapt_loader() -> None:
    """TensorFlow's loader adds functions that contain TRTEngineOps to the default graph too, which goes with the process
    (function_deserialization.py tells of bug compatibility), and each holds all functions of its model. In eager
    mode nothing runs in that graph, so they are taken out of it when the model is loaded. Graphs that are being built keep them.
    """
    load_library = function_deserialization.load_function_def_library

    @functools.wraps(load_library)
    def load_function_def_library(library: Any, *args: Any, **kwargs: Any) -> Any:
        graph = ops.get_default_graph()
        before = set(graph._functions)
        _place_resources(library)
        pass_variables(library)
        try:
            return load_library(library, *args, **kwargs)
        finally:
            if ops.executing_eagerly_outside_functions() and not graph.building_function:
                for name in set(graph._functions) - before:
                    graph._remove_function(name)

    function_deserialization.load_function_def_library = load_function_def_library
    create = load.Loader.__init__

    @functools.wraps(create)
    def __init__(self: Any, object_graph_proto: Any, saved_model_proto: Any, export_dir: Any, *args: Any, **kwargs: Any) -> None:
        note_model(saved_model_proto.meta_graphs[0].graph_def.library, os.fspath(export_dir))
        create(self, object_graph_proto, saved_model_proto, export_dir, *args, **kwargs)

    load.Loader.__init__ = __init__


def adapt_session_loader() -> None:
    """TensorFlow 1's: engine caches are in the session's table of resources."""
    loader = loader_impl.SavedModelLoader
    get = loader.get_meta_graph_def_from_tags

    @functools.wraps(get)
    def get_meta_graph_def_from_tags(self: Any, tags: Any) -> Any:
        meta_graph = get(self, tags)
        if not ops.executing_eagerly_outside_functions():  # there nothing would take them out again
            _place_resources(meta_graph.graph_def.library)
        pass_variables(meta_graph.graph_def.library)
        return meta_graph

    loader.get_meta_graph_def_from_tags = get_meta_graph_def_from_tags
