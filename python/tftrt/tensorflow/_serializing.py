"""What `SerializeTRTResource` does besides, where Python calls it: with delete_resource the cache leaves TensorFlow's table of resources,
which a kernel in C cannot reach."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops

from ._loading import remove_resource


def adapt_serializing() -> None:
    serialize = gen_trt_ops.serialize_trt_resource

    @functools.wraps(serialize)
    def serialize_trt_resource(resource_name: Any, filename: Any, delete_resource: bool = False, *args: Any, **kwargs: Any) -> Any:
        resource_name = tf.convert_to_tensor(resource_name, tf.string)
        written = serialize(resource_name, filename, delete_resource, *args, **kwargs)
        engine = tf.get_static_value(resource_name) if delete_resource else None
        if engine is None:  # what a graph computes: a handle's name is an attribute
            return written
        with tf.control_dependencies([] if written is None else [written]):
            return remove_resource(np.asarray(engine).item().decode())

    gen_trt_ops.serialize_trt_resource = serialize_trt_resource
