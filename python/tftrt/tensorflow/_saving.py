"""What `tf.saved_model.save` does besides, for models with TRTEngineOps: their weights and engines are in what it writes."""

from __future__ import annotations

import functools
from typing import Any

from tensorflow.python.saved_model import save

from ._weights import put_weights_in
from .function import RESOURCES, ConvertedFunction


def _keep_engines() -> None:
    """What is given as a signature is saved under another name, without what belongs to it: the root gets a converted function's
    engines. Functions that the root holds bring theirs."""
    view = save._AugmentedGraphView
    set_signature = view.set_signature

    @functools.wraps(set_signature)
    def adapted(self: Any, signature_map: Any, wrapped_functions: Any) -> Any:
        result = set_signature(self, signature_map, wrapped_functions)
        children = self._children_cache[self.root]
        for i, function in enumerate(f for f in wrapped_functions if isinstance(f, ConvertedFunction)):
            resources = function.engine_resources()
            if resources:
                children[f"{RESOURCES}_{i}" if RESOURCES in children else RESOURCES] = resources
        return result

    view.set_signature = adapted


def _keep_weights() -> None:
    """Functions of a loaded model that are saved again."""
    build = save._build_meta_graph

    @functools.wraps(build)
    def adapted(*args: Any, **kwargs: Any) -> Any:
        result = build(*args, **kwargs)
        put_weights_in(result[0].graph_def)
        return result

    save._build_meta_graph = adapted


def adapt_saver() -> None:
    _keep_engines()
    _keep_weights()
