"""GraphDefs, as bytes: TF-TRT's conversion of them, without TensorFlow."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from ._feed import InputFunction
from ._library import CConverterOptions, InputFn, lib, options, text_list
from ._progress import Progress
from .converter import Converter
from .params import DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES, TrtConversionParams, TrtPrecisionMode, check_precision_mode


class GraphDefConverter(Converter):
    """Converts a serialised GraphDef, in implicit batch mode: convert(), calibrate() for INT8 with calibration, then graph_def(). The
    converted GraphDef is whole: all weights are in it. As function: inputs and outputs are named "name:port".

    Args:
      graph_def: tensorflow.GraphDef, serialised.
      kept_nodes: "name" or "name:port", at least one: nodes that keep their names and outputs; what none of them needs goes.
      fed_nodes: nodes that are fed in the place of being computed; Placeholders are anyway.
      static_batch: 0: engines are built by runs; else the batch that convert() builds engines for, which are in the GraphDef.
      others: as of `Converter`; op_set and compat are TensorFlow 2.17's.
    """

    _default_op_set, _default_compat = "tf-trt", "2.17"

    def __init__(
        self,
        graph_def: bytes,
        kept_nodes: Sequence[str],
        fed_nodes: Sequence[str] = (),
        *,
        max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
        precision_mode: str = TrtPrecisionMode.FP32,
        minimum_segment_size: int = 3,
        maximum_cached_engines: int = 1,
        use_calibration: bool = True,
        allow_build_at_runtime: bool = True,
        static_batch: int = 0,
        op_set: str | None = None,
        backend: str = "cpu",
        compat: str | None = None,
        threads: int = 0,
        progress: Progress = None,
    ):
        params = TrtConversionParams(max_workspace_size_bytes, precision_mode, minimum_segment_size, maximum_cached_engines,
                                     use_calibration, allow_build_at_runtime)  # fmt: skip
        check_precision_mode(precision_mode)
        o = options(CConverterOptions, lib.tftrt_converter_options_init_sized)
        self._set_params(o, params, op_set)
        self._graph_def = graph_def  # the library borrows it
        kept, fed = list(kept_nodes), list(fed_nodes)
        o.graph_def, o.graph_def_size = graph_def, len(graph_def)
        o.kept_nodes, o.n_kept_nodes = text_list(kept), len(kept)
        o.fed_nodes, o.n_fed_nodes = text_list(fed), len(fed)
        o.static_batch = static_batch
        self._create(lib.tftrt_converter_create, o, params, None, None, None, None, False, backend, compat, threads,
                     progress)  # fmt: skip

    def _convert(self, _calibration_input_fn: InputFunction | None) -> None:
        self._run(lib.tftrt_converter_convert, InputFn(), None)

    def calibrate(self, input_fn: InputFunction) -> None:
        """INT8 with calibration: runs it, after convert().

        Raises:
          FailedPreconditionError: calibration is not needed, or done already.
        """
        feed = self._feed(input_fn, None)
        self._run(lib.tftrt_converter_calibrate, feed.callback(), None, feed=feed)

    def graph_def(self) -> bytes:
        """The converted GraphDef, serialised; after convert()."""
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        self._run(lib.tftrt_converter_graph_def, ctypes.byref(data), ctypes.byref(size))
        try:
            return ctypes.string_at(data, size.value)
        finally:
            lib.tftrt_free(data)
