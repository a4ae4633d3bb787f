"""GraphDefs of TF-TRT until TensorFlow 1.14, whose TRTEngineOps name their native segment in a string: TensorFlow drops functions that
only a string names wherever it makes a function of such a graph. They get today's attribute."""

from __future__ import annotations

import functools
from typing import Any

from tensorflow.python.framework import importer
from tensorflow.python.saved_model import loader_impl


def _name_segments(graph_def: Any) -> None:
    unnamed = [n for n in graph_def.node if n.op == "TRTEngineOp" and not n.attr["segment_func"].func.name]
    functions = {f.signature.name for f in graph_def.library.function} if unnamed else {}
    for node in unnamed:
        name = node.attr["segment_funcdef_name"].s.decode()
        if name in functions:
            node.attr["segment_func"].func.name = name
        else:
            del node.attr["segment_func"]  # TensorFlow looks for a function without a name


def adapt_import() -> None:
    """What tf.import_graph_def is given, and what the loaders of SavedModels read."""
    process = importer._ProcessGraphDefParam
    create = loader_impl.SavedModelLoader.__init__

    @functools.wraps(process)
    def _ProcessGraphDefParam(graph_def: Any) -> Any:
        graph_def = process(graph_def)
        _name_segments(graph_def)
        return graph_def

    @functools.wraps(create)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        for meta_graph in self._saved_model.meta_graphs:
            _name_segments(meta_graph.graph_def)

    importer._ProcessGraphDefParam = _ProcessGraphDefParam
    loader_impl.SavedModelLoader.__init__ = __init__
