"""Weights that a converted model has outside of its graph: in `variables/`, by keys that are hashes of their contents, which Consts
without content name. TensorFlow saves graphs, so it is they that get them then."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

_KEY = "_tftrt_weight"  # of a Const: its key
_MOST_BYTES = 2**31 - 2**26  # of weights in a GraphDef: protocol buffers end at 2 GiB
_models: dict[str, frozenset[str]] = {}  # the keys that models name which this process has loaded, by directory
_lock = threading.Lock()  # for _models


def _outside(graph_def: Any) -> list[Any]:
    """Consts without content."""
    functions = graph_def.library.function if hasattr(graph_def, "library") else graph_def.function
    nodes = [*getattr(graph_def, "node", ()), *(n for f in functions for n in f.node_def)]
    return [n for n in nodes if n.op == "Const" and _KEY in n.attr and not _has_content(n.attr["value"].tensor)]


def _has_content(tensor: Any) -> bool:
    return any(field.name not in ("dtype", "tensor_shape") for field, _ in tensor.ListFields())


def _key(node: Any) -> str:
    return node.attr[_KEY].s.decode()


def note_model(library: Any, directory: str) -> None:
    """A model with this function library was loaded from there."""
    keys = frozenset(map(_key, _outside(library)))
    with _lock:
        for gone in [d for d in _models if not os.path.isdir(d)]:
            del _models[gone]
        if keys:
            _models[os.path.abspath(directory)] = keys


def _read(keys: set[str]) -> Iterator[tuple[str, Any]]:
    with _lock:
        models = list(_models.items())
    for directory, has in models:
        found = keys & has
        if found and os.path.isdir(directory):
            variables = tf.train.load_checkpoint(os.path.join(directory, "variables", "variables"))
            yield from ((key, variables.get_tensor(key)) for key in sorted(found))
            keys = keys - found
    if keys:
        raise tf.errors.FailedPreconditionError(
            None, None, f"{len(keys)} weights of a converted model cannot be had any more: the model that it was loaded from is gone")


def put_weights_in(graph_def: Any) -> None:
    """Gives the Consts of a GraphDef their contents.

    Raises:
      tf.errors.ResourceExhaustedError: they are too many for a GraphDef, and none was given. tf.errors.FailedPreconditionError: the
        model was deleted.
    """
    nodes: dict[str, list[Any]] = {}
    for node in _outside(graph_def):
        nodes.setdefault(_key(node), []).append(node)
    size = sum(tf.TensorShape(n.attr["value"].tensor.tensor_shape).num_elements() * tf.as_dtype(n.attr["dtype"].type).size
               for same in nodes.values() for n in same)  # fmt: skip
    if size > _MOST_BYTES:
        raise tf.errors.ResourceExhaustedError(
            None, None, f"{size} bytes of weights are more than saved_model.pb can hold: the converter's save() writes them beside it")
    for key, value in _read(set(nodes)) if nodes else ():
        content = tf.make_tensor_proto(value)
        for node in nodes[key]:
            node.attr["value"].tensor.CopyFrom(content)
