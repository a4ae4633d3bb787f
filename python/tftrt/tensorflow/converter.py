"""`tf.experimental.tensorrt.Converter`, over ours: functions and exceptions are TensorFlow's."""

from __future__ import annotations

import functools
import inspect
import os
from typing import Any, Callable

import tensorflow as tf
from tensorflow.python.eager.context import context as _context
from tensorflow.python.saved_model import save

from .. import converter as _base
from .._feed import InputFunction
from ._errors import tensorflow_errors
from ._loading import remove_resource
from .function import RESOURCES, ConvertedFunction, load_signature, with_segments_names


def _in_tensorflow(method: Callable) -> Callable:
    @functools.wraps(method)
    def call(self, *args, **kwargs):
        with tensorflow_errors():
            return method(self, *args, **kwargs)

    return call


def _check_device() -> None:
    """TF-TRT converts for the GPU that a new tensor is on. Here that is refused where the caller has named a CPU."""
    asked = _context().device_name or ""
    if "cpu" in asked.lower():
        raise ValueError(f"Specified device is not a GPU: {tf.zeros([]).device}")


class Converter(_base.Converter):
    """`tf.experimental.tensorrt.Converter`: arguments and methods are those of `tftrt.Converter`, where they are told; inputs may be
    tensors; convert() returns a ConcreteFunction; what the library reports is raised as `tf.errors` and as the built-in
    exception that TF-TRT raised, both in one. Eager mode only.

    Args:
      allow_cpu_device: by keyword; True: convert() under `tf.device("CPU")` is meant, and no ValueError as in TF-TRT. Without a
        tf.device around it convert() asks for no GPU.
    """

    _functions: Any  # the functions here are TensorFlow's

    def __init__(self, *args: Any, allow_cpu_device: bool = False, **kwargs: Any):
        assert tf.executing_eagerly()
        self._allow_cpu_device = allow_cpu_device
        with tensorflow_errors():
            super().__init__(*args, **kwargs)

    def convert(self, calibration_input_fn: InputFunction | None = None):
        assert not self._keys, "convert() is called once"
        if not self._allow_cpu_device:
            _check_device()
        with tensorflow_errors():
            super().convert(calibration_input_fn)
        return self._function(self._keys[0])

    @staticmethod
    def _signature() -> inspect.Signature:
        told = inspect.signature(_base.Converter.__init__)
        added = inspect.Parameter("allow_cpu_device", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool)
        return told.replace(parameters=[*told.parameters.values(), added])

    build = _in_tensorflow(_base.Converter.build)
    build_profiles = _in_tensorflow(_base.Converter.build_profiles)
    build_default = _in_tensorflow(_base.Converter.build_default)
    summary = _in_tensorflow(_base.Converter.summary)
    calibrate_with = _in_tensorflow(_base.Converter.calibrate_with)
    measure_with = _in_tensorflow(_base.Converter.measure_with)
    add_profile = _in_tensorflow(_base.Converter.add_profile)

    @_in_tensorflow
    def save(self, output_saved_model_dir: str | os.PathLike, save_gpu_specific_engines: bool = True, options: Any = None) -> None:
        """As `tftrt.Converter.save`; options: tf.saved_model.SaveOptions, with which TensorFlow's own writer saves: the converted
        signatures with their engines, all weights in saved_model.pb (at most 2 GiB)."""
        if options is None:
            super().save(output_saved_model_dir, save_gpu_specific_engines)
        else:
            self._save_by_tensorflow(output_saved_model_dir, save_gpu_specific_engines, options)
        for function in self._loaded.values():  # as TF-TRT, whose save() takes the caches with it
            for engine in getattr(function.model, RESOURCES, {}):
                remove_resource(engine)

    def _save_by_tensorflow(self, directory: str | os.PathLike, with_engines: bool, options: Any) -> None:
        assert self._keys, "convert() comes before save()"
        functions, root = self.signatures, tf.Module()
        if not with_engines:
            functions = {key: ConvertedFunction(functools.partial(_load_without_engines, self, key), key, False) for key in self._keys}
        root.models = [f.model for f in functions.values() if f.captured_inputs]
        save.save(root, directory, functions, options=options)

    @property
    def signatures(self):
        """The converted signatures by key, as ConcreteFunctions; empty before convert()."""
        return {key: self._function(key) for key in self._keys}

    @property
    def _converted_func(self):
        return self._function(self._keys[0]) if self._keys else None

    @property
    def _converted_graph_def(self):
        function = self._converted_func
        return with_segments_names(function.graph.as_graph_def()) if function is not None else None

    def _function(self, key: str) -> ConvertedFunction:
        made = self._functions.get(key)
        if made is None:
            made = self._functions[key] = ConvertedFunction(functools.partial(_load, self, key), key)
        return made

    def _finish_convert(self) -> None:
        super()._finish_convert()
        self._loaded: dict[str, Any] = {}  # what TensorFlow has loaded, by key

    def _build(self, *args: Any) -> None:
        super()._build(*args)
        self._loaded.clear()
        for function in self._functions.values():
            function.forget()


def _load(converter: Converter, key: str) -> Any:
    if key not in converter._loaded:
        converter._loaded[key] = load_signature(lambda directory: _base.Converter.save(converter, directory), key, converter.freeze)
    return converter._loaded[key]


Converter.__init__.__signature__ = Converter._signature()  # type: ignore[attr-defined]


def _load_without_engines(converter: Converter, key: str) -> Any:
    return load_signature(lambda directory: _base.Converter.save(converter, directory, False), key, converter.freeze)


class TrtGraphConverterV2(Converter):
    """`Converter` with TensorFlow 2.17's behaviour, as `tftrt.trt_convert` has it: TF-TRT's tests count on which ops engines take."""

    _default_op_set, _default_compat = "tf-trt", "2.17"
