"""TF-TRT's converter of TensorFlow 1: `TrtGraphConverter`, `create_inference_graph`. GraphDefs, and SavedModels that a session
loads and freezes, become GraphDefs with TRTEngineOps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..graph_def import GraphDefConverter
from ..params import DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES, TrtPrecisionMode
from ..v1 import check_arguments
from ._errors import tensorflow_errors

_v1 = tf.compat.v1
# Of variables and of training: they are not in a frozen graph.
_COLLECTIONS_LEFT = {
    "variables", "trainable_variables", "moving_average_variables", "local_variables", "model_variables", "metric_variables",
    "global_step", "concatenated_variables", "streaming_model_ports", "train_op", "while_context", "cond_context",
}  # fmt: skip


def _name(told: Any) -> str:
    """Of a tensor, operation or name."""
    name = getattr(told, "name", told)
    return name.decode() if isinstance(name, bytes) else str(name)


def _tensor_name(told: Any) -> str:
    name = _name(told)
    return name if ":" in name else name + ":0"


def _sinks(graph_def: Any) -> list[str]:
    """Nodes that nothing reads."""
    read = {i.lstrip("^").split(":")[0] for node in graph_def.node for i in node.input}
    return [node.name for node in graph_def.node if node.name not in read]


class _Source:
    """What is converted: a frozen graph, and which nodes of it are kept."""

    def __init__(self, graph_def: Any, kept: list[str], meta_graph: Any = None):
        self.graph_def, self.kept, self.meta_graph = graph_def, kept, meta_graph


def _read_saved_model(directory, tags: Sequence[str], key: str) -> _Source:
    graph = tf.Graph()
    with graph.as_default(), _v1.Session(graph=graph) as session:
        meta_graph = _v1.saved_model.loader.load(session, tags, directory)
        signature = meta_graph.signature_def[key] if key in meta_graph.signature_def else None
        if signature is None:
            raise KeyError(key)
        kept = [info.name.split(":")[0] for infos in (signature.inputs, signature.outputs) for info in infos.values()]
        for collection in sorted(set(meta_graph.collection_def) - _COLLECTIONS_LEFT):
            kept += [op.name for op in graph.get_collection(collection) if isinstance(op, tf.Operation)]
        kept = list(dict.fromkeys(kept))
        frozen = _v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(add_shapes=True), kept)
    return _Source(frozen, kept, meta_graph)


class TrtGraphConverter:
    """Converts a GraphDef, or a signature of a SavedModel, in implicit batch mode. Arguments, checks and messages are TF-TRT's; graph
    mode only. One thread at a time.

    Args:
      input_saved_model_dir, input_saved_model_tags, input_saved_model_signature_key: a SavedModel, its tags (None: ["serve"]) and
        signature (None: "serving_default").
      input_graph_def: a GraphDef, in the place of a SavedModel. Its variables stay variables.
      nodes_denylist: tensors, or names of nodes, that are kept and in no engine: the outputs. What none of them needs goes. None or
        empty for a GraphDef: the nodes that nothing reads.
      max_batch_size: with is_dynamic_op=False, the batch that engines are built for; larger ones run natively.
      is_dynamic_op: False: convert() builds engines, which are in the nodes; True: runs build them.
      maximum_cached_engines, max_workspace_size_bytes, precision_mode, minimum_segment_size, use_calibration: as of `Converter`.
        Calibration is for is_dynamic_op=True alone, which it implies.
      nodes_blacklist, session_config: by keyword, as TensorFlow 1.14 to 2.3 had them: nodes_denylist by its old name; not used.
    """

    def __init__(
        self,
        input_saved_model_dir: str | None = None,
        input_saved_model_tags: Sequence[str] | None = None,
        input_saved_model_signature_key: str | None = None,
        input_graph_def: Any = None,
        nodes_denylist: Sequence[Any] | None = None,
        max_batch_size: int | None = 1,
        max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
        precision_mode: str = TrtPrecisionMode.FP32,
        minimum_segment_size: int = 3,
        is_dynamic_op: bool = False,
        maximum_cached_engines: int = 1,
        use_calibration: bool = True,
        *,
        nodes_blacklist: Sequence[Any] | None = None,
        session_config: Any = None,
    ):
        if tf.executing_eagerly():
            raise RuntimeError("Please use tf.experimental.tensorrt.Converter in TF 2.0.")
        self._need_calibration, is_dynamic_op = check_arguments(
            input_graph_def, input_saved_model_dir, max_batch_size, precision_mode, is_dynamic_op, use_calibration
        )
        if minimum_segment_size <= 0 and minimum_segment_size != -1:
            raise ValueError("minimum segment size should be positive or -1 (to disable main graph conversion).")
        self._input_graph_def = input_graph_def
        self._nodes_denylist = [_name(n) for n in nodes_denylist or nodes_blacklist or ()]
        self._input_saved_model_dir = input_saved_model_dir
        self._input_saved_model_tags = list(input_saved_model_tags or ["serve"])
        self._input_saved_model_signature_key = input_saved_model_signature_key or "serving_default"
        self._arguments: dict[str, Any] = dict(
            max_workspace_size_bytes=max_workspace_size_bytes, precision_mode=precision_mode,
            minimum_segment_size=minimum_segment_size, maximum_cached_engines=maximum_cached_engines,
            use_calibration=use_calibration, static_batch=0 if is_dynamic_op else max_batch_size,
        )  # fmt: skip
        self._source: _Source | None = None
        self._converter: GraphDefConverter | None = None
        self._converted_graph_def: Any = None
        self._calibrated = False

    def convert(self) -> Any:
        """Converts.

        Returns:
          The converted GraphDef. Where calibration is needed its engines run natively until calibrate() has been called.

        Raises:
          AssertionError: it is called again. KeyError: there is no such signature. tf.errors: a node is not in the graph, the graph
          cannot be read or converted.
        """
        assert self._converted_graph_def is None, "convert() is called once"
        if self._input_graph_def:
            source = _Source(self._input_graph_def, self._nodes_denylist or _sinks(self._input_graph_def))
        else:
            source = _read_saved_model(self._input_saved_model_dir, self._input_saved_model_tags,
                                       self._input_saved_model_signature_key)  # fmt: skip
            source.kept += self._nodes_denylist
        with tensorflow_errors():
            self._converter = GraphDefConverter(source.graph_def.SerializeToString(), source.kept, **self._arguments)
            self._converter.convert()
        self._source = source
        return self._take_graph_def(self._converter)

    def calibrate(
        self,
        fetch_names: Sequence[str],
        num_runs: int,
        feed_dict_fn: Callable[[], Mapping[Any, Any]] | None = None,
        input_map_fn: Callable[[], Mapping[str, Any]] | None = None,
    ) -> Any:
        """Runs INT8 calibration, by our kernels.

        Args:
          fetch_names: tensors that TF-TRT's session fetches; all that the graph is kept for is computed here.
          num_runs: how many sets of inputs there are.
          feed_dict_fn: gives a set of inputs by the names of the tensors that are fed ("x:0").
          input_map_fn: called once, in a graph of its own: gives tensors by such names; a session runs them for each set.

        Returns:
          The GraphDef with calibration data in its engines.

        Raises:
          ValueError: both functions or none are given; they give no str, or no tensor; a fetch is not in the graph.
          AssertionError: convert() was not called, calibration is not needed, or done already.
        """
        assert self._converter and self._converted_graph_def is not None and self._need_calibration and not self._calibrated
        if feed_dict_fn and not input_map_fn:
            inputs = _fed(feed_dict_fn, num_runs)
        elif input_map_fn and not feed_dict_fn:
            inputs = _mapped(input_map_fn, num_runs)
        else:
            raise ValueError("Should specify one and only one of feed_dict_fn and input_map_fn.")
        nodes = {node.name for node in self._converted_graph_def.node}
        for name in map(_name, fetch_names):
            if name.split(":")[0] not in nodes:
                raise ValueError(f"fetch_names: the converted graph has no '{name}'")
        with tensorflow_errors():
            self._converter.calibrate(lambda: inputs)
        self._calibrated = True
        return self._take_graph_def(self._converter)

    def save(self, output_saved_model_dir: str) -> None:
        """Saves the converted graph as a SavedModel with the source's tags and signature.

        Raises:
          AssertionError: before convert(), or before a calibrate() that is needed. ValueError: the source is a GraphDef.
        """
        assert self._source and self._converted_graph_def is not None and (self._calibrated or not self._need_calibration)
        meta_graph = self._source.meta_graph
        if meta_graph is None:
            raise ValueError("Not able to save to a SavedModel since input is a GraphDef")
        key = self._input_saved_model_signature_key
        builder = _v1.saved_model.Builder(output_saved_model_dir)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(self._converted_graph_def, name="")
            _restore_collections(graph, meta_graph)
            with _v1.Session(graph=graph) as session:
                builder.add_meta_graph_and_variables(session, self._input_saved_model_tags,
                                                     signature_def_map={key: meta_graph.signature_def[key]})  # fmt: skip
        builder.save()

    def _take_graph_def(self, converter: GraphDefConverter) -> Any:
        with tensorflow_errors():
            self._converted_graph_def = _v1.GraphDef.FromString(converter.graph_def())
        return self._converted_graph_def


def _fed(feed_dict_fn: Callable[[], Mapping[Any, Any]], num_runs: int) -> Iterator[dict[str, Any]]:
    for _ in range(num_runs):
        yield {_tensor_name(tensor): value for tensor, value in feed_dict_fn().items()}


def _mapped(input_map_fn: Callable[[], Mapping[str, Any]], num_runs: int) -> Iterator[dict[str, Any]]:
    with tf.Graph().as_default() as graph:
        tensors = dict(input_map_fn())
        for name, tensor in tensors.items():
            if not isinstance(name, str):
                raise ValueError("Keys of input_map_fn must be of type str")
            if not tf.is_tensor(tensor):
                raise ValueError("Values of input_map_fn must be of type tf.Tensor")
        with _v1.Session(graph=graph) as session:
            for _ in range(num_runs):
                yield {_tensor_name(name): value for name, value in session.run(tensors).items()}


def _restore_collections(graph: tf.Graph, meta_graph: Any) -> None:
    """Nodes that collections name, where they are still there, and what is no node."""
    for name in set(meta_graph.collection_def) - _COLLECTIONS_LEFT:
        collection = meta_graph.collection_def[name]
        kind = collection.WhichOneof("kind")
        for value in getattr(collection, kind).value if kind else ():
            if kind == "node_list":
                try:
                    value = graph.as_graph_element(value)
                except (KeyError, TypeError, ValueError):
                    continue
            elif kind == "bytes_list":  # of TensorFlow's own objects
                continue
            graph.add_to_collection(name, value)


def create_inference_graph(
    input_graph_def: Any,
    outputs: Sequence[Any] | None,
    max_batch_size: int | None = 1,
    max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    precision_mode: str = TrtPrecisionMode.FP32,
    minimum_segment_size: int = 3,
    is_dynamic_op: bool = False,
    maximum_cached_engines: int = 1,
    input_saved_model_dir: str | None = None,
    input_saved_model_tags: Sequence[str] | None = None,
    input_saved_model_signature_key: str | None = None,
    output_saved_model_dir: str | None = None,
) -> Any:
    """`TrtGraphConverter` in one call, without calibration: the converted GraphDef; it is saved too where output_saved_model_dir
    says so."""
    converter = TrtGraphConverter(
        input_saved_model_dir, input_saved_model_tags, input_saved_model_signature_key, input_graph_def, outputs, max_batch_size,
        max_workspace_size_bytes, precision_mode, minimum_segment_size, is_dynamic_op, maximum_cached_engines,
        use_calibration=False,
    )  # fmt: skip
    converted = converter.convert()
    if output_saved_model_dir:
        converter.save(output_saved_model_dir)
    return converted
