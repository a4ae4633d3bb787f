"""The op plug-in (tensorflow/ in the repository), found and loaded."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from .._library import lib


def load() -> str:
    """Loads the plug-in into TensorFlow; its path. TensorFlow keeps a file that is loaded already.

    Raises:
      ImportError: it is not beside the library, or TensorFlow cannot load it.
    """
    beside = Path(lib._name).resolve().parent  # as given when there is no folder in it: then the loader searches
    path = beside / "libtftrt_tensorflow.so"
    name = str(path) if path.exists() else path.name
    try:
        tf.load_op_library(name)
    except (tf.errors.NotFoundError, RuntimeError) as e:
        raise ImportError(f"tftrt.tensorflow: the op plug-in {name} cannot be loaded: {e}") from e
    return name
