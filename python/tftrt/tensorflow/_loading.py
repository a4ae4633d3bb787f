"""Loading, without what TensorFlow keeps of each model that was loaded."""

from __future__ import annotations

import functools
from typing import Any

from tensorflow.python.framework import ops
from tensorflow.python.saved_model import function_deserialization


def keep_nothing() -> None:
    """TensorFlow's loader adds functions that contain TRTEngineOps to the default graph too, which goes with the process
    (function_deserialization.py tells of bug compatibility), and each holds all functions of its model. In eager
    mode nothing runs in that graph, so they are taken out of it when the model is loaded. Graphs that are being built keep them.
    """
    load = function_deserialization.load_function_def_library

    @functools.wraps(load)
    def load_function_def_library(*args: Any, **kwargs: Any) -> Any:
        graph = ops.get_default_graph()
        before = set(graph._functions)
        try:
            return load(*args, **kwargs)
        finally:
            if ops.executing_eagerly_outside_functions() and not graph.building_function:
                for name in set(graph._functions) - before:
                    graph._remove_function(name)

    function_deserialization.load_function_def_library = load_function_def_library
