"""The Converter: `tf.experimental.tensorrt.Converter`'s arguments, defaults, errors and results, without TensorFlow."""

from __future__ import annotations

import collections
import ctypes
import html
import json
import logging
import os
import sys
import warnings

from ._library import CConverterOptions, InputFn, PrintFn, ProgressFn, lib, options, take_text, text_list
from ._tensors import fill
from .errors import NotFoundError, check, new_error
from .model import arrange, run, specs

DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES = sys.maxsize - 512

PROFILE_STRATEGY_RANGE = "Range"
PROFILE_STRATEGY_OPTIMAL = "Optimal"
PROFILE_STRATEGY_RANGE_OPTIMAL = "Range+Optimal"
PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE = "ImplicitBatchModeCompatible"

_log = logging.getLogger("tftrt")


def supported_profile_strategies() -> list[str]:
    """The values of `dynamic_shape_profile_strategy`."""
    return [PROFILE_STRATEGY_RANGE, PROFILE_STRATEGY_OPTIMAL, PROFILE_STRATEGY_RANGE_OPTIMAL,
            PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE]  # fmt: skip


class ProfileStrategy:
    """How optimization profiles are made of the inputs that `build()` gets."""

    RANGE = PROFILE_STRATEGY_RANGE
    OPTIMAL = PROFILE_STRATEGY_OPTIMAL
    RANGE_OPTIMAL = PROFILE_STRATEGY_RANGE_OPTIMAL
    IMPLICIT_BATCH_MODE_COMPATIBLE = PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE
    supported_profile_strategies = staticmethod(supported_profile_strategies)


class TrtPrecisionMode:
    """What engines may compute in."""

    FP32 = "FP32"
    FP16 = "FP16"
    INT8 = "INT8"

    @staticmethod
    def supported_precision_modes() -> list[str]:
        modes = [TrtPrecisionMode.FP32, TrtPrecisionMode.FP16, TrtPrecisionMode.INT8]
        return modes + [mode.lower() for mode in modes]


TrtConversionParams = collections.namedtuple(
    "TrtConversionParams",
    ["max_workspace_size_bytes", "precision_mode", "minimum_segment_size", "maximum_cached_engines", "use_calibration",
     "allow_build_at_runtime"],
    defaults=(DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES, TrtPrecisionMode.FP32, 3, 1, True, True),
)  # fmt: skip
TrtConversionParams.__doc__ = """Parameters of a conversion, each as the Converter's argument of its name. Deprecated as in TF-TRT:
pass the arguments themselves."""
DEFAULT_TRT_CONVERSION_PARAMS = TrtConversionParams()


class ConvertedFunction:
    """What `Converter.convert()` returns: the converted signature as a function of arrays (see `Signature`), which runs the
    engines built so far. It keeps the converter alive. One thread at a time, as the Converter itself."""

    def __init__(self, converter: "Converter"):
        self._converter = converter
        handle = converter._handle
        self.inputs = specs(lib.tftrt_converter_input_count(handle, None), lambda *a: lib.tftrt_converter_input(handle, None, *a))
        self.outputs = specs(lib.tftrt_converter_output_count(handle, None), lambda *a: lib.tftrt_converter_output(handle, None, *a))

    @property
    def structured_outputs(self) -> dict:
        """Output names and their specs, as of TensorFlow's ConcreteFunction."""
        return {s.name: s for s in self.outputs}

    @property
    def structured_input_signature(self) -> tuple:
        """((), {name: spec}), as of TensorFlow's ConcreteFunction."""
        return (), {s.name: s for s in self.inputs}

    def __call__(self, *args, **kwargs) -> dict:
        arrays = arrange(args, kwargs, self.inputs, "the converted function")
        handle = self._converter._handle
        return run(lambda *a: lib.tftrt_converter_run(handle, None, *a), arrays, self.inputs, self.outputs)

    def __repr__(self) -> str:
        return f"<ConvertedFunction ({', '.join(s.name for s in self.inputs)}) -> {{{', '.join(s.name for s in self.outputs)}}}>"


class _Feed:
    """An input function of the user's as a tftrt_input_fn. Exceptions do not pass through C: they are kept and raised after."""

    def __init__(self, items, inputs):
        self._items, self._inputs = iter(items), inputs
        self._kept: list = []
        self.failure: BaseException | None = None
        self.callback = InputFn(self._next)

    def _next(self, _user, tensors, n) -> int:
        try:
            try:
                item = next(self._items)
            except StopIteration:
                return 0
            arrays = self._arrays(item)
            self._kept = [fill(tensors[i], arrays[i], self._inputs[i]) for i in range(n)]
            return 1
        except BaseException as e:  # also KeyboardInterrupt: it must not be lost in C
            self.failure = e
            return -1

    def _arrays(self, item) -> list:
        if isinstance(item, (list, tuple)):
            return arrange(item, {}, self._inputs, "the converted function")
        try:
            if isinstance(item, dict):
                return arrange((), item, self._inputs, "the converted function")
            return arrange((item,), {}, self._inputs, "the converted function")
        except Exception as e:
            _log.error(str(e))
            raise RuntimeError("Failed to convert input to tensor.") from e

    def check(self, code, error) -> None:
        if self.failure is not None:
            raise self.failure
        check(code, error)


def _progress():
    """A tftrt_progress_fn that draws with tqdm where that is installed and stderr is a terminal; else an empty one."""
    if not sys.stderr.isatty():
        return ProgressFn()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return ProgressFn()
    bars: dict = {}

    def show(_user, stage, done, total) -> int:
        name = stage.decode()
        if name not in bars:
            for bar in bars.values():
                bar.close()
            bars.clear()
            bars[name] = tqdm(total=total, desc=name, leave=False)
        bar = bars[name]
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
        return 0

    return ProgressFn(show)


class Converter:
    """Converts one signature of a SavedModel: what an engine can run becomes engines, the rest stays as it is.

    Args:
      input_saved_model_dir: directory of the SavedModel. Required.
      input_saved_model_tags: list of its tags; None: ["serve"].
      input_saved_model_signature_key: the signature; None: "serving_default".
      use_dynamic_shape: dynamic shapes with optimization profiles; None: False, implicit batch mode.
      dynamic_shape_profile_strategy: one of supported_profile_strategies(); None: ImplicitBatchModeCompatible.
      max_workspace_size_bytes: scratch memory that a tactic may take.
      precision_mode: one of TrtPrecisionMode.supported_precision_modes().
      minimum_segment_size: fewest nodes of an engine; -1: convert nothing.
      maximum_cached_engines: engines kept per TRTEngineOp.
      use_calibration: INT8 ranges come from calibration; ignored in other modes.
      allow_build_at_runtime: a run may build an engine that it misses.
      conversion_params: a TrtConversionParams (deprecated); takes the place of the six arguments before.
      op_set: "all": what our engines take; "tf-trt": exactly what TF-TRT took.
      backend: "cpu" or "ref".
      compat: "2.17": as TensorFlow 2.17 did where its documentation says otherwise.
      threads: CPUs to use; 0: all.

    Raises:
      ValueError: an argument, or a combination, that is not possible.
    """

    def __init__(self, input_saved_model_dir=None, input_saved_model_tags=None, input_saved_model_signature_key=None,
                 use_dynamic_shape=None, dynamic_shape_profile_strategy=None,
                 max_workspace_size_bytes=DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES, precision_mode=TrtPrecisionMode.FP32,
                 minimum_segment_size=3, maximum_cached_engines=1, use_calibration=True, allow_build_at_runtime=True,
                 conversion_params=None, *, op_set="all", backend="cpu", compat=None, threads=0):
        params = TrtConversionParams(max_workspace_size_bytes, precision_mode, minimum_segment_size, maximum_cached_engines,
                                     use_calibration, allow_build_at_runtime)
        if conversion_params is not None:
            warnings.warn("conversion_params is deprecated. Use individual converter parameters instead", DeprecationWarning,
                          stacklevel=2)
            params = conversion_params
        if params.precision_mode not in TrtPrecisionMode.supported_precision_modes():
            raise ValueError(f"precision mode '{params.precision_mode}' is not supported."
                             f"It should be one of {TrtPrecisionMode.supported_precision_modes()}")
        self._params = params
        self._handle = None
        self._func = None
        self._built = False
        self._signature_key = input_saved_model_signature_key or "serving_default"
        self._directory = input_saved_model_dir
        self._progress = _progress()
        o = options(CConverterOptions, lib.tftrt_converter_options_init_sized)
        tags = input_saved_model_tags or ["serve"]
        tag_list = text_list(tags)
        # A directory of None fails in convert(), as in TF-TRT; the library refuses it when it is created.
        o.input_saved_model_dir = os.fsencode(os.fspath(input_saved_model_dir)) if input_saved_model_dir is not None else b"None"
        o.input_saved_model_tags, o.n_tags = tag_list, len(tags)
        o.input_saved_model_signature_key = self._signature_key.encode()
        o.use_dynamic_shape = int(bool(use_dynamic_shape))
        if dynamic_shape_profile_strategy is not None:
            o.dynamic_shape_profile_strategy = str(dynamic_shape_profile_strategy).encode()
        o.max_workspace_size_bytes = params.max_workspace_size_bytes
        o.precision_mode = params.precision_mode.encode()
        o.minimum_segment_size = params.minimum_segment_size
        o.maximum_cached_engines = params.maximum_cached_engines
        o.use_calibration = int(bool(params.use_calibration))
        o.allow_build_at_runtime = int(bool(params.allow_build_at_runtime))
        o.op_set, o.backend = op_set.encode(), backend.encode()
        if compat is not None:
            o.compat = compat.encode()
        o.threads = threads
        o.progress = self._progress
        handle, error = ctypes.c_void_p(), new_error()
        check(lib.tftrt_converter_create(ctypes.byref(o), ctypes.byref(handle), ctypes.byref(error)), error)
        self._handle = handle
        self._warned = 0

    @property
    def _need_calibration(self) -> bool:
        return self._params.precision_mode.upper() == TrtPrecisionMode.INT8 and bool(self._params.use_calibration)

    def convert(self, calibration_input_fn=None) -> ConvertedFunction:
        """Converts the signature.

        Args:
          calibration_input_fn: a generator function that yields inputs as list, tuple, dict or a single array; needed for INT8
            with calibration and refused otherwise. All its inputs should have the same shape. Where the graph has unknown
            input shapes in dynamic shape mode it is kept, and calibration happens in build().

        Returns:
          The converted function.

        Raises:
          ValueError: calibration_input_fn is missing or not wanted. KeyError: there is no such signature.
          AssertionError: it is converted already. tftrt.Error: the model cannot be read or converted.
        """
        assert self._func is None
        if self._need_calibration and not calibration_input_fn:
            raise ValueError("Should specify calibration_input_fn because INT8 calibration is needed")
        if not self._need_calibration and calibration_input_fn:
            raise ValueError("Should not specify calibration_input_fn because INT8 calibration is not needed")
        if self._directory is None:
            raise TypeError("Expected binary or unicode string, got None")
        error, feed, callback = new_error(), None, InputFn()
        if calibration_input_fn:
            feed = self._calibration = _LazyFeed(calibration_input_fn, self)
            callback = feed.callback
        code = lib.tftrt_converter_convert(self._handle, callback, None, ctypes.byref(error))
        self._tell_warnings()
        try:
            feed.check(code, error) if feed else check(code, error)
        except NotFoundError as e:
            if self._signature_key in str(e) and "signature" in str(e):
                raise KeyError(self._signature_key) from e
            raise
        self._func = ConvertedFunction(self)
        return self._func

    def build(self, input_fn) -> None:
        """Builds engines for the shapes of the inputs that input_fn yields (as list, tuple, dict or a single array): one per
        unique shape of each TRTEngineOp, or profiles by the strategy in dynamic shape mode. Calibrates first where convert()
        left that to it.

        Raises:
          NotImplementedError: build() is called again. RuntimeError: input_fn is None, convert() was not called, or an input
          cannot be converted to a tensor. After an exception build() may be tried again.
        """
        if self._built:
            raise NotImplementedError("build() is already called. It is not supported to call build() more than once.")
        if not input_fn:
            raise RuntimeError("input_fn is None. Method build() needs input_fn to be specified in order to build TensorRT "
                               "engines")
        if self._func is None:
            raise RuntimeError("Need to call convert() before build()")
        feed, error = _Feed(input_fn(), self._func.inputs), new_error()
        code = lib.tftrt_converter_build(self._handle, feed.callback, None, ctypes.byref(error))
        self._tell_warnings()
        feed.check(code, error)
        self._built = True

    def save(self, output_saved_model_dir, save_gpu_specific_engines=True, options=None) -> None:
        """Saves the converted SavedModel; the directory is replaced as a whole or not touched.

        Args:
          output_saved_model_dir: where to.
          save_gpu_specific_engines: False: engines are not saved and are rebuilt at inference time; calibration is kept.
          options: tf.saved_model.SaveOptions; nothing in it is used.

        Raises:
          AssertionError: convert() was not called. RuntimeError: the needed calibration has not been done.
        """
        assert self._func is not None
        error = new_error()
        path = os.fsencode(os.fspath(output_saved_model_dir))
        code = lib.tftrt_converter_save(self._handle, path, int(bool(save_gpu_specific_engines)), ctypes.byref(error))
        self._tell_warnings()
        check(code, error)

    def summary(self, line_length=160, detailed=True, print_fn=None) -> None:
        """Describes the conversion: per engine its name, device, node counts, dtypes and shapes.

        Args:
          line_length: at least 160.
          detailed: also the op counts of every engine.
          print_fn: called once per line; None: print.

        Raises:
          RuntimeError: the graph is not converted. ValueError: line_length is below 160.
        """
        if self._func is None:
            raise RuntimeError("Impossible to call `TrtGraphConverterV2.summary()` before calling "
                               "TrtGraphConverterV2.convert()`.")
        if line_length < 160:
            raise ValueError(f"Invalid `line_length` value has been received: {line_length}. Minimum: 160.")
        print_fn = print_fn or print
        failure: list = []

        def show(_user, line):
            try:
                print_fn(line.decode()) if line else print_fn()
            except BaseException as e:
                failure.append(e)

        callback, error = PrintFn(show), new_error()
        code = lib.tftrt_converter_summary(self._handle, line_length, int(bool(detailed)), callback, None, ctypes.byref(error))
        if failure:
            raise failure[0]
        check(code, error)

    def explain(self) -> dict:
        """Every node: in which engine, or why not; the object of `tftrt explain --json`."""
        out, error = ctypes.c_void_p(), new_error()
        check(lib.tftrt_converter_explain(self._handle, 1, ctypes.byref(out), ctypes.byref(error)), error)
        return json.loads(take_text(out))

    @property
    def warnings(self) -> list[str]:
        """What did not go as asked although nothing failed, in sentences."""
        return [lib.tftrt_converter_warning(self._handle, i).decode()
                for i in range(lib.tftrt_converter_warning_count(self._handle))]

    def _tell_warnings(self) -> None:
        for text in self.warnings[self._warned:]:
            _log.warning(text)
            self._warned += 1

    def __del__(self):
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            lib.tftrt_converter_destroy(handle)

    def __repr__(self) -> str:
        state = "not converted" if self._func is None else "converted, built" if self._built else "converted"
        return f"<tftrt.Converter {os.fspath(self._directory or '')!r} [{self._signature_key}]: {state}>"

    def _repr_html_(self) -> str:
        """For notebooks: the segments."""
        if self._func is None:
            return html.escape(repr(self))
        rows = []
        facts = self.explain()
        for e in facts["engines"]:
            counts = collections.Counter(n["op"] for n in facts["nodes"] if n.get("engine") == e["name"])
            ops = ", ".join(f"{op} {count}x" for op, count in sorted(counts.items()))
            rows.append(f"<tr><td>{html.escape(e['name'])}</td><td>{sum(counts.values())}</td><td>{html.escape(ops)}</td></tr>")
        return (f"<p>{html.escape(repr(self))}</p><table><tr><th>engine</th><th>nodes</th><th>ops</th></tr>{''.join(rows)}"
                "</table>")


class _LazyFeed(_Feed):
    """The calibration inputs: asked for when the library wants the first, by which time it knows the signature."""

    def __init__(self, fn, converter: Converter):
        super().__init__((), ())
        self._fn, self._converter, self._started = fn, converter, False

    def _next(self, user, tensors, n) -> int:
        if not self._started:
            self._started = True
            handle = self._converter._handle
            try:
                self._inputs = specs(n, lambda *a: lib.tftrt_converter_input(handle, None, *a))
                self._items = iter(self._fn())
            except BaseException as e:
                self.failure = e
                return -1
        return super()._next(user, tensors, n)


TrtGraphConverterV2 = Converter
ConversionParams = TrtConversionParams
