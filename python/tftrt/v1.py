"""TF-TRT's first converter, of TensorFlow 1 scripts: `TrtGraphConverter` and `create_inference_graph`, for SavedModels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._feed import log
from .converter import ConvertedFunction, Converter
from .errors import UnimplementedError
from .params import DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES, TrtPrecisionMode, check_precision_mode
from .reports import show


def _tensor_names(directory, tags: Sequence[str], key: str) -> dict[str, str]:
    """Input names of a signature by the names of their tensors in the graph ("x:0")."""
    for meta_graph in show(directory, as_dict=True)["meta_graphs"]:
        if sorted(meta_graph["tags"]) == sorted(tags):
            return {tensor["name"]: name for name, tensor in meta_graph["signatures"][key]["inputs"].items()}
    return {}


def check_arguments(
    input_graph_def: Any,
    input_saved_model_dir: Any,
    max_batch_size: Any,
    precision_mode: str,
    is_dynamic_op: bool,
    use_calibration: bool,
) -> tuple[bool, bool]:
    """TF-TRT's checks of `TrtGraphConverter`'s arguments: whether calibration is needed, and is_dynamic_op, which calibration
    implies. ValueError, with TF-TRT's message."""
    if input_graph_def and input_saved_model_dir:
        raise ValueError("Can only specify one of input_graph_def and input_saved_model_dir")
    if not input_graph_def and not input_saved_model_dir:
        raise ValueError("Must specify one of input_graph_def and input_saved_model_dir")
    need_calibration = precision_mode in ("INT8", "int8") and bool(use_calibration)
    if need_calibration and not is_dynamic_op:
        log.warning("INT8 precision mode with calibration is supported with dynamic TRT ops only. "
                    "Disregarding is_dynamic_op parameter.")  # fmt: skip
        is_dynamic_op = True
    elif is_dynamic_op and max_batch_size is not None:
        log.warning("When is_dynamic_op==True max_batch_size should be None")
    if not is_dynamic_op and not isinstance(max_batch_size, int):
        raise ValueError("When is_dynamic_op==False max_batch_size should be an integer")
    check_precision_mode(precision_mode)
    return need_calibration, is_dynamic_op


class TrtGraphConverter:
    """Converts a signature of a SavedModel in implicit batch mode. Arguments, checks and messages are TF-TRT's.

    A GraphDef is refused: outside TensorFlow there is no session to run one in.

    Args:
      input_saved_model_dir, input_saved_model_tags, input_saved_model_signature_key, max_workspace_size_bytes, precision_mode,
        minimum_segment_size, maximum_cached_engines, use_calibration: as of `Converter`.
      input_graph_def, nodes_denylist: of GraphDefs.
      max_batch_size: with is_dynamic_op=False, the batch that convert() builds engines for; smaller ones are served too.
      is_dynamic_op: False: engines are built in convert(); True: by the first runs. Calibration is for True alone.
    """

    def __init__(
        self,
        input_saved_model_dir: str | os.PathLike | None = None,
        input_saved_model_tags: Sequence[str] | None = None,
        input_saved_model_signature_key: str | None = None,
        input_graph_def: Any = None,
        nodes_denylist: Sequence[str] | None = None,
        max_batch_size: int | None = 1,
        max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
        precision_mode: str = TrtPrecisionMode.FP32,
        minimum_segment_size: int = 3,
        is_dynamic_op: bool = False,
        maximum_cached_engines: int = 1,
        use_calibration: bool = True,
    ):
        self._need_calibration, is_dynamic_op = check_arguments(
            input_graph_def, input_saved_model_dir, max_batch_size, precision_mode, is_dynamic_op, use_calibration
        )
        if input_graph_def:
            raise UnimplementedError("input_graph_def: without TensorFlow only SavedModels are converted")
        self._directory = input_saved_model_dir
        self._tags = list(input_saved_model_tags or ["serve"])
        self._key = input_saved_model_signature_key or "serving_default"
        self._static_batch = None if is_dynamic_op else max_batch_size
        self._converter = Converter(
            input_saved_model_dir, input_saved_model_tags, input_saved_model_signature_key,
            max_workspace_size_bytes=max_workspace_size_bytes, precision_mode=precision_mode,
            minimum_segment_size=minimum_segment_size, maximum_cached_engines=maximum_cached_engines,
            use_calibration=use_calibration, op_set="tf-trt", compat="2.17",
        )  # fmt: skip
        self._converted = False
        self._calibrated = False

    def convert(self) -> ConvertedFunction | None:
        """Converts the signature; its function, which TF-TRT's GraphDef stands for. None where calibration is needed: then
        calibrate() gives it. AssertionError when called twice."""
        assert not self._converted
        function = None
        if not self._need_calibration:
            function = self._converter.convert()
            if self._static_batch is not None:
                self._converter.build_default(self._static_batch)
        self._converted = True
        return function

    def calibrate(
        self,
        fetch_names: Sequence[str],
        num_runs: int,
        feed_dict_fn: Callable[[], Mapping[Any, Any]] | None = None,
        input_map_fn: Callable[[], Mapping[str, Any]] | None = None,
    ) -> ConvertedFunction:
        """Runs calibration, and builds an engine for the shapes of its first inputs.

        Args:
          fetch_names: outputs that TF-TRT's session fetches; all are computed here.
          num_runs: how often the function is called.
          feed_dict_fn, input_map_fn: one of them: gives arrays by the names of the inputs' tensors ("x:0", or "x").

        Raises:
          ValueError: both functions or none are given, or a name is not an input's.
          AssertionError: convert() was not called, calibration is not needed, or done already.
        """
        assert self._converted and self._need_calibration and not self._calibrated
        if bool(feed_dict_fn) == bool(input_map_fn):
            raise ValueError("Should specify one and only one of feed_dict_fn and input_map_fn.")
        given = feed_dict_fn or input_map_fn
        names = _tensor_names(self._directory, self._tags, self._key)

        def inputs():
            for _ in range(num_runs):
                yield {self._input_of(tensor, names): value for tensor, value in given().items()}

        function = self._converter.convert(inputs)
        self._calibrated = True
        return function

    @staticmethod
    def _input_of(tensor: Any, names: Mapping[str, str]) -> str:
        name = str(getattr(tensor, "name", tensor))
        for candidate in (name, name + ":0"):
            if candidate in names:
                return names[candidate]
        raise ValueError(f"'{name}' is no input of the signature; there are {', '.join(names)}")

    def save(self, output_saved_model_dir: str | os.PathLike) -> None:
        """Saves the converted SavedModel. AssertionError before convert(), or before a calibrate() that is needed."""
        assert self._converted and (self._calibrated or not self._need_calibration)
        self._converter.save(output_saved_model_dir)


def create_inference_graph(
    input_graph_def: Any,
    outputs: Sequence[str] | None,
    max_batch_size: int | None = 1,
    max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    precision_mode: str = TrtPrecisionMode.FP32,
    minimum_segment_size: int = 3,
    is_dynamic_op: bool = False,
    maximum_cached_engines: int = 1,
    input_saved_model_dir: str | os.PathLike | None = None,
    input_saved_model_tags: Sequence[str] | None = None,
    input_saved_model_signature_key: str | None = None,
    output_saved_model_dir: str | os.PathLike | None = None,
) -> ConvertedFunction | None:
    """`TrtGraphConverter` in one call, without calibration: converts, and saves where output_saved_model_dir says so."""
    converter = TrtGraphConverter(
        input_saved_model_dir, input_saved_model_tags, input_saved_model_signature_key, input_graph_def, outputs, max_batch_size,
        max_workspace_size_bytes, precision_mode, minimum_segment_size, is_dynamic_op, maximum_cached_engines,
        use_calibration=False,
    )  # fmt: skip
    function = converter.convert()
    if output_saved_model_dir:
        converter.save(output_saved_model_dir)
    return function
