"""The op plug-in (tensorflow/ in the repository), found and loaded."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops

from .._library import lib


OPS = ("create_trt_resource_handle", "get_calibration_data_op", "initialize_trt_resource", "serialize_trt_resource", "trt_engine_op")


def load() -> str:
    """Loads the plug-in into TensorFlow, and gives `gen_trt_ops` there the ops' functions; its path. TensorFlow keeps a file that is loaded already.

    Raises:
      ImportError: it is not beside the library, or TensorFlow cannot load it.
    """
    beside = Path(lib._name).resolve().parent  # as given when there is no folder in it: then the loader searches
    path = beside / "libtftrt_tensorflow.so"
    name = str(path) if path.exists() else path.name
    try:
        made = tf.load_op_library(name)
    except (tf.errors.NotFoundError, RuntimeError) as e:
        raise ImportError(f"tftrt.tensorflow: the op plug-in {name} cannot be loaded: {e}") from e
    for function in OPS:  # where TensorFlow's own build has none
        if hasattr(made, function) and not hasattr(gen_trt_ops, function):
            setattr(gen_trt_ops, function, getattr(made, function))
    return name
