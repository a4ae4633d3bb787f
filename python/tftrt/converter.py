"""The Converter: `tf.experimental.tensorrt.Converter`'s arguments, defaults, errors and results, without TensorFlow."""

from __future__ import annotations

import ctypes
import json
import os
import re
import warnings
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from . import _notebook
from ._feed import Feed, InputFunction, in_threes, log
from ._library import (
    MAX_RANK,
    CConverterOptions,
    CProfileInput,
    InputFn,
    PrintFn,
    lib,
    options,
    path_bytes,
    text_list,
)
from ._progress import Progress, Reporter
from ._tensors import TensorSpec
from .errors import InvalidArgumentError, NotFoundError, check, new_error, told
from .function import Function, specs
from .params import (
    DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    TrtConversionParams,
    TrtPrecisionMode,
    check_precision_mode,
)


def _inputs(handle: ctypes.c_void_p | None, key: str | None) -> tuple[TensorSpec, ...]:
    """Of a signature that is being converted; None: the first."""
    k = key.encode() if key else None
    return specs(lib.tftrt_converter_input_count(handle, k), lambda *a: lib.tftrt_converter_input(handle, k, *a))


class ConvertedFunction(Function):
    """A converted signature as a function of arrays, which runs the engines built so far and builds as a loaded model does. It
    keeps the converter alive. One thread at a time, as the Converter itself."""

    def __init__(self, converter: "Converter", key: str):
        self._converter, self.key = converter, key
        handle, k = converter._handle, key.encode()
        self.inputs = _inputs(handle, key)
        self.outputs = specs(lib.tftrt_converter_output_count(handle, k), lambda *a: lib.tftrt_converter_output(handle, k, *a))

    def _title(self) -> str:
        return "the converted function"

    def _call(self, *arguments) -> int:
        return lib.tftrt_converter_run(self._converter._handle, self.key.encode(), *arguments)

    def __repr__(self) -> str:
        return f"<ConvertedFunction {self.key}{self._signature_text()}>"


class Converter:
    """Converts signatures of a SavedModel: what an engine can run becomes engines, the rest stays as it is.

    The positional arguments are those of `tf.experimental.tensorrt.Converter`, the keyword arguments after them are our own.
    One thread at a time. Ctrl-C ends a call that goes on, and leaves no files.

    Args:
      input_saved_model_dir: directory of the SavedModel. Required.
      input_saved_model_tags: list of its tags; None: ["serve"].
      input_saved_model_signature_key: the signature; None: "serving_default".
      use_dynamic_shape: dynamic shapes with optimization profiles; None: False, implicit batch mode.
      dynamic_shape_profile_strategy: one of supported_profile_strategies(); None: ImplicitBatchModeCompatible.
      max_workspace_size_bytes: scratch memory that a tactic may take.
      precision_mode: one of TrtPrecisionMode.supported_precision_modes(), or ours: "BF16", and "AUTO": the fastest precisions
        within max_error and min_cosine, INT8 among them when convert() gets calibration inputs or the graph has quantization nodes.
      minimum_segment_size: fewest nodes of an engine; -1: convert nothing.
      maximum_cached_engines: engines kept per TRTEngineOp.
      use_calibration: INT8 ranges come from calibration; ignored in other modes.
      allow_build_at_runtime: a run may build an engine that it misses.
      conversion_params: a TrtConversionParams (deprecated); takes the place of the six arguments before.
      signature_keys: more signatures to convert after the first (which is the first of these where
        input_saved_model_signature_key is None).
      all_signatures: convert every signature of the meta graph.
      op_set: "all" (None): what our engines take; "tf-trt": exactly what TF-TRT took.
      backend: "cpu" or "ref".
      compat: "2.17": as TensorFlow 2.17 did where its documentation says otherwise.
      threads: CPUs to use; 0: all.
      max_error, min_cosine: precision mode "AUTO": bounds on the outputs' largest absolute error and least cosine.
      calibrator: how calibration chooses a range: "entropy", "minmax", "percentile" (99.99 %), "mse".
      calibration_table: a file of ranges (TensorRT's calibration cache): written by calibration; read instead of calibrating when
        convert() gets no calibration_input_fn. A signature with several engines has "<file>.000", "<file>.001", ...
      max_memory_bytes: memory to hold at a time beside mapped weights; 0: no limit.
      engine_cache_dir: where finished engines are kept, to be taken up again; None: TFTRT_CACHE or the user's cache; "off".
      timing_cache_file: times of tactics, read when it is there and written after build.
      keep_variables: variables stay variables (TF-TRT's experimental feature disable_graph_freezing). Engines hold their values, and
        are given up when a run finds others in the variables; with use_dynamic_shape only.
      progress: None: drawn with tqdm where that is installed, on a terminal or in a notebook; True: drawn anyway; False: not;
        or a function of (stage, done, total), called about 20 times a second: a true result cancels (CancelledError).

    Raises:
      ValueError: an argument, or a combination, that is not possible.
    """

    _default_op_set, _default_compat = "all", ""

    def __init__(
        self,
        input_saved_model_dir: str | os.PathLike | None = None,
        input_saved_model_tags: Sequence[str] | None = None,
        input_saved_model_signature_key: str | None = None,
        use_dynamic_shape: bool | None = None,
        dynamic_shape_profile_strategy: str | None = None,
        max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
        precision_mode: str = TrtPrecisionMode.FP32,
        minimum_segment_size: int = 3,
        maximum_cached_engines: int = 1,
        use_calibration: bool = True,
        allow_build_at_runtime: bool = True,
        conversion_params: TrtConversionParams | None = None,
        *,
        signature_keys: Sequence[str] | None = None,
        all_signatures: bool = False,
        op_set: str | None = None,
        backend: str = "cpu",
        compat: str | None = None,
        threads: int = 0,
        calibrator: str | None = None,
        calibration_table: str | os.PathLike | None = None,
        max_memory_bytes: int = 0,
        engine_cache_dir: str | os.PathLike | None = None,
        timing_cache_file: str | os.PathLike | None = None,
        max_error: float | None = None,
        min_cosine: float | None = None,
        keep_variables: bool = False,
        progress: Progress = None,
    ):
        params = TrtConversionParams(max_workspace_size_bytes, precision_mode, minimum_segment_size, maximum_cached_engines,
                                     use_calibration, allow_build_at_runtime)  # fmt: skip
        if isinstance(use_dynamic_shape, TrtConversionParams):  # the fourth argument in TensorFlow 2.0 to 2.4
            use_dynamic_shape, conversion_params = None, use_dynamic_shape
        if conversion_params is not None:
            warnings.warn("conversion_params is deprecated. Use individual converter parameters instead", DeprecationWarning,
                          stacklevel=2)  # fmt: skip
            params = conversion_params
        check_precision_mode(params.precision_mode)
        o = options(CConverterOptions, lib.tftrt_converter_options_init_sized)
        o.use_dynamic_shape = int(bool(use_dynamic_shape))
        if dynamic_shape_profile_strategy is not None:
            o.dynamic_shape_profile_strategy = str(dynamic_shape_profile_strategy).encode()
        self._set_params(o, params, op_set)
        if calibrator is not None:
            o.calibrator = calibrator.encode()
        if calibration_table is not None:
            o.calibration_table = path_bytes(calibration_table)
        o.max_memory_bytes = max_memory_bytes
        if engine_cache_dir is not None:
            o.engine_cache_dir = path_bytes(engine_cache_dir)
        if timing_cache_file is not None:
            o.timing_cache_file = path_bytes(timing_cache_file)
        if max_error is not None:
            o.max_error = max_error
        if min_cosine is not None:
            o.min_cosine = min_cosine
        o.keep_variables = int(bool(keep_variables))
        if use_dynamic_shape and "disable_graph_freezing" in os.environ.get("TF_TRT_EXPERIMENTAL_FEATURES", "").split(","):
            o.keep_variables = 1
        self.freeze = not o.keep_variables
        self._create(lib.tftrt_converter_create, o, params, input_saved_model_dir, input_saved_model_tags,
                     input_saved_model_signature_key, signature_keys, all_signatures, backend, compat, threads,
                     progress)  # fmt: skip

    @classmethod
    def open(
        cls,
        saved_model_dir: str | os.PathLike,
        tags: Sequence[str] | None = None,
        *,
        signature_keys: Sequence[str] | None = None,
        all_signatures: bool = False,
        backend: str = "cpu",
        compat: str | None = None,
        threads: int = 0,
        progress: Progress = None,
    ) -> "Converter":
        """A converter of a model that is converted already, ours or TF-TRT's, in the state after convert(): build() adds engines
        to those that it has (with dynamic shapes the new one takes the place of the old), save() writes the model with them, in
        place or elsewhere. Arguments as the constructor's; all else is taken from the model.

        Raises:
          FailedPreconditionError: no signature that is asked for has a TRTEngineOp. NotFoundError: one has neither an engine nor
          a native segment.
        """
        self = cls.__new__(cls)
        self._create(lib.tftrt_converter_open, options(CConverterOptions, lib.tftrt_converter_options_init_sized),
                     TrtConversionParams(), saved_model_dir, tags, None, signature_keys, all_signatures, backend, compat,
                     threads, progress)  # fmt: skip
        self._finish_convert()
        return self

    @classmethod
    def from_json(cls, path: str | os.PathLike, **arguments: Any) -> "Converter":
        """A converter of the arguments in a JSON file, one object of their names, as `tftrt convert --params` reads it.
        `arguments` go before those of the file.

        Raises:
          ValueError: the file is no such object. TypeError: there is no argument of a name.
        """
        with open(path, "rb") as f:
            told = json.load(f)
        if not isinstance(told, dict):
            raise ValueError(f"{os.fspath(path)}: expected one JSON object")
        told = {name: value for name, value in told.items() if value is not None}
        if "conversion_params" in told:
            told["conversion_params"] = TrtConversionParams(**told["conversion_params"])
        return cls(**{**told, **arguments})

    def _set_params(self, o: CConverterOptions, params: TrtConversionParams, op_set: str | None) -> None:
        o.max_workspace_size_bytes = params.max_workspace_size_bytes
        o.precision_mode = params.precision_mode.encode()
        o.minimum_segment_size = params.minimum_segment_size
        o.maximum_cached_engines = params.maximum_cached_engines
        o.use_calibration = int(bool(params.use_calibration))
        o.allow_build_at_runtime = int(bool(params.allow_build_at_runtime))
        o.op_set = (op_set or self._default_op_set).encode()

    def _create(self, create, o: CConverterOptions, params, directory, tags, key, keys, all_signatures, backend, compat,
                threads, progress) -> None:  # fmt: skip
        self._handle = None
        self._params = params
        self._directory = directory
        self._keys: list[str] = []  # of the signatures that are converted
        self._functions: weakref.WeakValueDictionary[str, ConvertedFunction] = weakref.WeakValueDictionary()  # they hold us
        self._feeds: list[tuple[Feed, Any]] = []  # those that calibration uses, until build() is done
        self._progress = Reporter(progress)
        self._warned = 0
        tags = list(tags or ["serve"])
        tag_list, keys = text_list(tags), list(keys or [])
        key_list = text_list(keys)
        # A directory of None fails in convert(), as in TF-TRT; the library refuses it when it is created.
        if not o.graph_def_size:
            o.input_saved_model_dir = path_bytes(directory) if directory is not None else b"None"
        o.input_saved_model_tags, o.n_tags = tag_list, len(tags)
        if key:
            o.input_saved_model_signature_key = key.encode()
        if keys:
            o.signature_keys, o.n_signature_keys = key_list, len(keys)
        o.all_signatures = int(bool(all_signatures))
        o.backend, o.threads = backend.encode(), threads
        if compat or self._default_compat:
            o.compat = (compat or self._default_compat).encode()
        o.progress = self._progress.callback()  # which the struct keeps
        self._options = o
        handle = ctypes.c_void_p()
        error = new_error()
        check(create(ctypes.byref(o), ctypes.byref(handle), ctypes.byref(error)), error)
        self._handle = handle

    # -------------------------------------------------------------------------------------------- the work

    def convert(self, calibration_input_fn: InputFunction | None = None) -> ConvertedFunction:
        """Converts the signatures.

        Args:
          calibration_input_fn: a generator function that yields inputs of the first signature as list or tuple (in alphabetical
            order of the names), dict, or a single array; needed for INT8 with calibration (unless calibration_table is there) and
            refused otherwise. All its inputs should have the same shape. Where the graph has unknown input shapes in dynamic
            shape mode it is kept, and calibration happens in build().

        Returns:
          The converted function of the first signature; `signatures` has all.

        Raises:
          ValueError: calibration_input_fn is missing or not wanted. KeyError: there is no such signature.
          AssertionError: it is converted already. tftrt.Error: the model cannot be read or converted.
        """
        assert not self._keys, "convert() is called once"
        self._convert(calibration_input_fn)
        self._finish_convert()
        return self._function(self._keys[0])

    def calibrate_with(self, signature_key: str, input_fn: InputFunction) -> None:
        """INT8 with calibration of several signatures: the inputs of each but the first, before convert()."""
        callback, error = self._kept_callback(input_fn, signature_key), new_error()
        check(lib.tftrt_converter_calibrate_with(self._handle, signature_key.encode(), callback, None,
                                                 ctypes.byref(error)), error)  # fmt: skip

    def measure_with(self, input_fn: InputFunction, *, signature_key: str | None = None) -> None:
        """Precision mode AUTO: inputs of a signature (None: the first) that errors are measured over, before convert(). Without
        them those of calibration serve, else those of build()."""
        callback, error = self._kept_callback(input_fn, signature_key), new_error()
        key = signature_key.encode() if signature_key else None
        check(lib.tftrt_converter_measure_with(self._handle, key, callback, None, ctypes.byref(error)), error)

    def precision(self, signature_key: str | None = None) -> dict:
        """What precision mode AUTO chose for a signature (None: the first): the "bound", errors and times of the "fastest"
        assignment, of what was "chosen" and of "fp32", and the layers "kept" in higher precision, the worst first.

        Raises:
          FailedPreconditionError: it has not chosen yet.
        """
        key = signature_key.encode() if signature_key else None
        return json.loads(told(lambda out, e: lib.tftrt_converter_precision(self._handle, key, 1, out, e)))

    def build(self, input_fn: InputFunction | None, *, signature_key: str | None = None) -> None:
        """Builds engines for the shapes of the inputs that input_fn yields (as list, tuple, dict or a single array): one per
        unique shape of each TRTEngineOp, or profiles by the strategy in dynamic shape mode. Calibrates first where convert()
        left that to it.

        Args:
          input_fn: a generator function; None only after `add_profile`.
          signature_key: whose inputs they are; None: the first signature.

        Raises:
          NotImplementedError: build() is called again. RuntimeError: input_fn is None, convert() was not called, or an input
          cannot be converted to a tensor. After an exception build() may be tried again.
        """
        self._build(lib.tftrt_converter_build_signature, input_fn, signature_key)

    def build_profiles(self, input_fn: InputFunction, *, signature_key: str | None = None) -> None:
        """Builds with optimization profiles given, in dynamic shape mode: each item is (min, opt, max), three inputs whose shapes
        (and values that shapes depend on) are the least, the best and the greatest of a profile. Once, in the place of build()."""
        self._build(lib.tftrt_converter_build_profiles, in_threes(input_fn), signature_key)

    def add_profile(
        self,
        min: Mapping[str, Sequence[int]],
        opt: Mapping[str, Sequence[int]],
        max: Mapping[str, Sequence[int]],
        *,
        signature_key: str | None = None,
    ) -> None:
        """Adds an optimization profile, in dynamic shape mode, after convert() and before build(None) or build_default().

        Args:
          min, opt, max: the least, best and greatest shapes by input name. Inputs left out have static shapes.
        """
        if not min.keys() == opt.keys() == max.keys():
            raise InvalidArgumentError("min, opt and max of a profile name the same inputs")
        table = (CProfileInput * (len(min) or 1))()
        for slot, name in zip(table, min):
            slot.name, slot.rank = name.encode(), len(min[name])
            for field, shape in ("min", min[name]), ("opt", opt[name]), ("max", max[name]):
                if len(shape) != slot.rank or slot.rank > MAX_RANK:
                    raise InvalidArgumentError(f"profile of input '{name}': min, opt and max have one rank, at most {MAX_RANK}")
                for i, dim in enumerate(shape):
                    getattr(slot, field)[i] = dim
        error = new_error()
        key = signature_key.encode() if signature_key else None
        check(lib.tftrt_converter_add_profile(self._handle, key, table, len(min), ctypes.byref(error)), error)

    def build_default(self, batch: int = 1) -> None:
        """Builds engines for the signatures' own shapes, `batch` for an unknown first dim; other unknown dims are tried small and
        larger. The engines serve all shapes that the graph admits. Where the model does not run on zeros of such shapes no engine
        is built, and `warnings` says so."""
        self._run(lib.tftrt_converter_build_default, batch)

    def save(self, output_saved_model_dir: str | os.PathLike, save_gpu_specific_engines: bool = True, options: Any = None) -> None:
        """Saves the converted SavedModel; the directory is replaced as a whole or not touched.

        Args:
          output_saved_model_dir: where to.
          save_gpu_specific_engines: False: engines are not saved and are rebuilt at inference time; calibration is kept.
          options: tf.saved_model.SaveOptions; nothing in it is used here (inside TensorFlow: `tftrt.tensorflow.Converter.save`).

        Raises:
          AssertionError: convert() was not called. RuntimeError: the needed calibration has not been done.
        """
        assert self._keys, "convert() comes before save()"
        self._run(lib.tftrt_converter_save, path_bytes(output_saved_model_dir), int(bool(save_gpu_specific_engines)))

    # -------------------------------------------------------------------------------------------- what came of it

    @property
    def signatures(self) -> Mapping[str, ConvertedFunction]:
        """The converted signatures by key, the first one first; empty before convert()."""
        return {key: self._function(key) for key in self._keys}

    def summary(self, line_length: int = 160, detailed: bool = True, print_fn: Callable[..., object] | None = None) -> None:
        """Describes the conversion: per engine its name, device, node counts, dtypes and shapes.

        Args:
          line_length: at least 160.
          detailed: also the op counts of every engine.
          print_fn: called once per line; None: print.

        Raises:
          RuntimeError: the graph is not converted. ValueError: line_length is below 160.
        """
        printer = Printer(print_fn)
        error = new_error()
        code = lib.tftrt_converter_summary(self._handle, line_length, int(bool(detailed)), printer.callback, None,
                                           ctypes.byref(error))  # fmt: skip
        printer.check()
        check(code, error)

    def explain(self) -> dict:
        """Every node: in which engine, or why not; the object of `tftrt explain --json`."""
        return json.loads(told(lambda *a: lib.tftrt_converter_explain(self._handle, 1, *a)))

    @property
    def warnings(self) -> list[str]:
        """What did not go as asked although nothing failed, in sentences. They are also logged, by the logger "tftrt"."""
        return [lib.tftrt_converter_warning(self._handle, i).decode()
                for i in range(lib.tftrt_converter_warning_count(self._handle))]  # fmt: skip

    # -------------------------------------------------------------------------------------------- inside

    # Names that TF-TRT's own tests and scripts look at.
    freeze = True  # variables become constants
    _build_called_once = False

    @property
    def _conversion_params(self) -> TrtConversionParams:
        return self._params

    @property
    def _converted(self) -> bool:
        return bool(self._keys)

    @property
    def _calibrated(self) -> bool:
        return self._need_calibration and (self._build_called_once or (self._converted and not self._options.use_dynamic_shape))

    @property
    def _converted_func(self) -> ConvertedFunction | None:
        return self._function(self._keys[0]) if self._keys else None

    @property
    def _automatic(self) -> bool:
        return self._params.precision_mode.upper() == "AUTO"

    @property
    def _need_calibration(self) -> bool:
        return self._params.precision_mode.upper() == TrtPrecisionMode.INT8 and bool(self._params.use_calibration)

    def _feed(self, input_fn: InputFunction, key: str | None) -> Feed:
        handle = self._handle  # not self: feeds do not hold the converter
        return Feed(input_fn, lambda: _inputs(handle, key))

    def _kept_callback(self, input_fn: InputFunction, key: str | None):
        """A callback that the library may call until build() is done."""
        feed = self._feed(input_fn, key)
        self._feeds.append((feed, feed.callback()))
        return self._feeds[-1][1]

    def _function(self, key: str) -> ConvertedFunction:
        made = self._functions.get(key)
        if made is None:
            made = self._functions[key] = ConvertedFunction(self, key)
        return made

    def _convert(self, calibration_input_fn: InputFunction | None) -> None:
        if self._need_calibration and not calibration_input_fn and not self._options.calibration_table:
            raise ValueError("Should specify calibration_input_fn because INT8 calibration is needed")
        if not self._need_calibration and not self._automatic and calibration_input_fn:
            raise ValueError("Should not specify calibration_input_fn because INT8 calibration is not needed")
        if self._directory is None:
            raise TypeError("Expected binary or unicode string, got None")
        callback = InputFn()
        if calibration_input_fn:
            callback = self._kept_callback(calibration_input_fn, None)
        try:
            self._run(lib.tftrt_converter_convert, callback, None)
        except NotFoundError as e:
            missing = re.search(r'no signature "(.*?)"', str(e))
            if missing:
                raise KeyError(missing[1]) from e
            raise

    def _finish_convert(self) -> None:
        self._keys = [lib.tftrt_converter_signature(self._handle, i).decode()
                      for i in range(lib.tftrt_converter_signature_count(self._handle))]  # fmt: skip

    def _build(self, function, input_fn: InputFunction | None, key: str | None) -> None:
        feed = self._feed(input_fn, key) if input_fn else None
        callback = feed.callback() if feed else InputFn()
        self._run(function, key.encode() if key else None, callback, None, feed=feed)
        self._build_called_once = True

    def _run(self, function, *arguments, feed: Feed | None = None) -> None:
        """Calls a function of the library with the converter, the arguments and an error. What functions of the user's raised
        meanwhile goes before what the library says of it."""
        error = new_error()
        code = function(self._handle, *arguments, ctypes.byref(error))
        for text in self.warnings[self._warned :]:
            log.warning(text)
            self._warned += 1
        for source in (self._progress, feed, *(kept for kept, _ in self._feeds)):
            if source is not None:
                source.check()
        check(code, error)

    def __del__(self):
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            lib.tftrt_converter_destroy(handle)

    def __repr__(self) -> str:
        state = f"converted {', '.join(self._keys)}" if self._keys else "not converted"
        return f"<tftrt.Converter {os.fspath(self._directory or '')!r}: {state}>"

    def _repr_html_(self) -> str:
        """For notebooks: the segments."""
        return _notebook.converter(self)


class Printer:
    """A print function of the user's as a tftrt_print_fn."""

    def __init__(self, print_fn: Callable[..., object] | None):
        self._print = print_fn or print
        self._failure: BaseException | None = None
        self.callback = PrintFn(self._line)

    def _line(self, _user, line: bytes | None) -> None:
        if self._failure is not None:
            return
        try:
            self._print(line.decode()) if line else self._print()
        except BaseException as e:  # it must not be lost in C
            self._failure = e

    def check(self) -> None:
        """Raises what the function raised."""
        if self._failure is not None:
            raise self._failure


ConversionParams = TrtConversionParams
