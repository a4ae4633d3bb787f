"""Converted signatures as ConcreteFunctions, with their TRTEngineOps in the function's own graph as TF-TRT has them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.eager.polymorphic_function.concrete_function import ConcreteFunction
from tensorflow.python.framework import ops
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def
from tensorflow.python.saved_model import function_deserialization

from ._weights import put_weights_in

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_REFERENCE = "VariableV2"
_BESIDE_A_CALL = (_REFERENCE, "Placeholder", "Identity", "NoOp")
_ASSIGNING = ("Assign", "ResourceApply", "ResourceScatter", "ResourceStridedSliceAssign")
RESOURCES = "trt_engine_resources"  # the attribute of a model that has its engines, in TF-TRT's models too


def _take_library(graph_def: Any) -> list:
    """Its functions as TensorFlow's, which go with the last graph that has them, under names that no other has."""
    functions = function_deserialization.load_function_def_library(graph_def.library)
    for attr in (attr for node in graph_def.node for attr in node.attr.values()):
        for called in [attr.func] if attr.HasField("func") else attr.list.func if attr.HasField("list") else ():
            if called.name in functions:
                called.name = functions[called.name].name
    graph_def.ClearField("library")
    return list(functions.values())


def with_segments_names(graph_def: Any) -> Any:
    """Native segments have their engines' names, as in the graph that TF-TRT's converter keeps, not the loader's."""
    names = {f.signature.name: m[1] for f in graph_def.library.function
             if (m := re.fullmatch(r"__inference_(TRTEngineOp_\d+_\d+_native_segment)_\d+", f.signature.name))}  # fmt: skip
    for function in graph_def.library.function:
        function.signature.name = names.get(function.signature.name, function.signature.name)
    for nodes in (graph_def.node, *(f.node_def for f in graph_def.library.function)):
        for node in nodes:
            if node.op == "TRTEngineOp":
                called = node.attr["segment_func"].func
                called.name = names.get(called.name, called.name)
    return graph_def


def _assigns(directory: str) -> bool:
    """Whether functions of the model assign variables, beside those that load it."""
    model = saved_model_pb2.SavedModel()
    with open(os.path.join(directory, "saved_model.pb"), "rb") as f:
        model.ParseFromString(f.read())
    loading = ("__inference__traced_restore", "__inference__initializer")
    return any(n.op.startswith(_ASSIGNING) for graph in model.meta_graphs for function in graph.graph_def.library.function
               if not function.signature.name.startswith(loading) for n in function.node_def)  # fmt: skip


def _read_reference(argument: Any, variable: Any) -> None:
    """The node of an argument becomes the reference variable whose value is passed."""
    read = type(variable)(name=argument.name, op=variable.op, attr=variable.attr)
    if not read.attr["shared_name"].s:
        read.attr["shared_name"].s = variable.name.encode()
    argument.CopyFrom(read)


class _Body:
    """The graph of a signature: a GraphDef, the names of its arguments' tensors (None: it has not that one), and of its results'.
    captures: the values of the arguments behind the signature's own."""

    def __init__(self, signature: Any):
        outer = signature.graph
        self.graph_def = outer.as_graph_def()
        self.captures = list(signature.captured_inputs)
        self.arguments: list[str | None] = [t.name for t in outer.inputs]
        self.results = [t.name for t in outer.outputs]
        # Where it is one call, as signatures that tftrt writes are, it is the graph of what is called.
        while self._enter():
            pass

    def _enter(self) -> bool:
        nodes = {n.name: n for n in self.graph_def.node}
        calls = [n for n in nodes.values() if n.op in _CALLS]
        if len(calls) != 1 or {n.op for n in nodes.values()} - {*_CALLS, *_BESIDE_A_CALL}:
            return False

        def source(tensor: str) -> str:
            while nodes[tensor.partition(":")[0]].op == "Identity":
                tensor = nodes[tensor.partition(":")[0]].input[0]
            return tensor if ":" in tensor else tensor + ":0"

        library = {f.signature.name: f for f in self.graph_def.library.function}
        function = library.pop(calls[0].attr["f"].func.name)
        graph_def, names = function_def_to_graph_def(function)
        graph_def.library.function.extend(library.values())
        inside = {source(x): arg.name + ":0" for x, arg in zip(calls[0].input, function.signature.input_arg)}
        made = {f"{calls[0].name}:{k}": names[function.ret[arg.name]] for k, arg in enumerate(function.signature.output_arg)}
        made.update(inside)  # a result may be an argument
        arguments = {n.name: n for n in graph_def.node}
        for tensor, argument in inside.items():
            passed = nodes[tensor.partition(":")[0]]
            if passed.op == _REFERENCE:
                _read_reference(arguments[argument.partition(":")[0]], passed)
        self.results = [made[source(t)] for t in self.results]
        self.arguments = [inside.get(t or "") for t in self.arguments]
        self.graph_def = graph_def
        return True

    def freeze(self) -> None:
        """Variables are constants: native nodes read them where large constants of the source were."""
        first = len(self.arguments) - len(self.captures)
        for i, capture in enumerate(self.captures, first):
            argument = (self.arguments[i] or "").partition(":")[0]
            readers = [n for n in self.graph_def.node if argument and argument in (x.split(":")[0] for x in n.input)]
            if not readers or any(n.op != "ReadVariableOp" for n in readers):
                continue
            for node in readers:
                dtype = node.attr["dtype"].type
                value = tf.raw_ops.ReadVariableOp(resource=capture, dtype=dtype).numpy()
                constant = type(node)(name=node.name, op="Const", input=list(node.input)[1:])
                constant.attr["dtype"].type = dtype
                constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
                node.CopyFrom(constant)
            self.arguments[i] = None

    def drop_arguments(self) -> None:
        """The nodes of arguments, whose readers will read what the function is given."""
        read = {x.lstrip("^").split(":")[0] for node in self.graph_def.node for x in node.input}
        returned = {x.split(":")[0] for x in self.results}
        named = {x.split(":")[0]: i for i, x in enumerate(self.arguments) if x}
        for name, i in named.items():
            if name not in read and name not in returned:
                self.arguments[i] = None
        kept = [n for n in self.graph_def.node if n.name not in named or n.name in returned]
        del self.graph_def.node[:]
        self.graph_def.node.extend(kept)


def _concrete(signature: Any, body: _Body) -> ConcreteFunction:
    specs = signature.structured_input_signature[1]
    # A signature's inputs and results are flattened in the order of their names.
    names, keys = sorted(specs), sorted(signature.structured_outputs)
    functions = _take_library(body.graph_def)
    body.drop_arguments()

    def run(**inputs: Any) -> dict[str, Any]:
        graph = ops.get_default_graph()
        values = [*(inputs[n] for n in names), *body.captures]
        given = {argument: graph.capture(value) for argument, value in zip(body.arguments, values) if argument}
        for function in functions:
            function.add_to_graph(graph)
        results = tf.graph_util.import_graph_def(body.graph_def, given, body.results, name="")
        for key, result in zip(keys, results):
            result.set_shape(signature.structured_outputs[key].shape)
        return dict(zip(keys, results))

    return tf.function(run, autograph=False).get_concrete_function(**specs)


def load_signature(save: Callable[[str], None], key: str, freeze: bool) -> ConcreteFunction:
    """Signature `key` of the model that `save` writes to a directory, as a function that holds all of its weights, or, without
    freeze, has the model's variables. Engines are read from the directory, which goes with the function.
    """
    directory = tempfile.mkdtemp(prefix="tftrt-converted-")
    try:
        save(directory)
        model = tf.saved_model.load(directory)
        signature = model.signatures[key]
        body = _Body(signature)
        with contextlib.suppress(tf.errors.ResourceExhaustedError):  # then runs read them from the directory
            put_weights_in(body.graph_def)
        if freeze and body.captures and not _assigns(directory):
            body.freeze()
        function = _concrete(signature, body)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    weakref.finalize(function.graph, shutil.rmtree, directory, True)
    function.model = model  # whose resources the function may have captured
    return function


class ConvertedFunction(ConcreteFunction):
    """A converted signature, which TensorFlow loads when it is first called or looked at, and again after build(), with the
    engines. It keeps the converter alive. Arguments are positional, in alphabetical order of the inputs' names, or by name.

    It is used as any other ConcreteFunction: called in eager mode, in a tf.function or a Keras layer, kept in a tf.Module, given to
    `tf.saved_model.save` as a signature. A model that is saved so holds the weights in saved_model.pb, at most 2 GiB, and the engines,
    those that runs built too, as assets. `model` is the loaded model; where a model's signatures assign variables, keep them or use
    tables, what is saved must track it.
    """

    def __init__(self, make: Callable[[], ConcreteFunction], key: str, saves_engines: bool = True):
        self.__dict__["_tftrt"] = (make, key, saves_engines)  # the base's state comes later

    def forget(self) -> None:
        kept = self.__dict__["_tftrt"]
        self.__dict__.clear()
        self.__dict__["_tftrt"] = kept

    def __getattr__(self, name: str) -> Any:  # of what is not there, so: the first time
        if "_func_graph" in self.__dict__ or name == "_tftrt":
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        self.__dict__.update(vars(self._tftrt[0]()))
        return getattr(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, tf.Tensor]:
        specs = self.structured_input_signature[1]
        names = sorted(specs)
        if len(args) > len(names):
            raise TypeError(f"the converted function takes {len(names)} inputs ({', '.join(names)}), got {len(args)}")
        given = dict(zip(names, args))
        for name in kwargs:
            if name in given:
                raise TypeError(f"the converted function got input '{name}' twice")
        given.update(kwargs)
        return super().__call__(**{n: tf.convert_to_tensor(v, specs[n].dtype) if n in specs else v for n, v in given.items()})

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        children = super()._trackable_children(save_type, **kwargs)
        resources = self.engine_resources() if save_type == "savedmodel" else None
        if resources:
            children[RESOURCES] = resources
        return children

    def engine_resources(self) -> Any:
        """The engines' resources by name, as TF-TRT's converter keeps them in what it saves; empty: there are none. Their assets are
        files of ours, where the engines are written that runs have built meanwhile."""
        resources = getattr(self.model, RESOURCES, {})
        for engine, resource in resources.items():
            file = resource._serialized_trt_resource_filename.asset_path.numpy()
            with contextlib.suppress(tf.errors.NotFoundError, tf.errors.FailedPreconditionError):  # not run; not alone in its name
                gen_trt_ops.serialize_trt_resource(resource_name=engine, filename=file, save_gpu_specific_engines=self._tftrt[2])
        return resources

    def __repr__(self) -> str:
        return f"<converted function of {self._tftrt[1]}>"
