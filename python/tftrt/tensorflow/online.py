"""Online conversion: sessions whose configuration has TF-TRT's optimizer (`get_tensorrt_rewriter_config`) run converted graphs.

TensorFlow without TF-TRT passes over an optimizer that it does not know. The plug-in has one of its own (tensorflow/online.h), which
sees graphs, but no configuration: sessions that ask for TF-TRT tell it theirs while a call of theirs may optimize a graph."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import tensorflow as tf

from .._feed import log
from .._library import CConverterOptions, lib, options
from ..errors import Error, check, new_error
from .rewriter_config import tensorrt_parameters

_CALLS = ("run", "make_callable", "_make_callable_from_options", "partial_run_setup")


def _to_options(told: dict[str, Any]) -> CConverterOptions:
    o = options(CConverterOptions, lib.tftrt_converter_options_init_sized)
    o.op_set, o.compat = b"tf-trt", b"2.17"
    o.precision_mode = told.get("precision_mode", b"FP32").upper()
    dynamic = told.get("is_dynamic_op", True) or (o.precision_mode == b"INT8" and told.get("use_calibration", True))
    o.static_batch = 0 if dynamic else told.get("max_batch_size", 1)
    for name in ("minimum_segment_size", "max_workspace_size_bytes", "maximum_cached_engines", "use_calibration",
                 "allow_build_at_runtime"):  # fmt: skip
        if name in told:
            setattr(o, name, told[name])
    if not told.get("use_implicit_batch", True):
        o.use_dynamic_shape = 1
        o.dynamic_shape_profile_strategy = told.get("profile_strategy", b"range")
    return o


class _Plugin:
    """The plug-in's functions. Its optimizer is registered when a session first asks for it, and stays."""

    def __init__(self, file: str):
        self._functions = ctypes.CDLL(file)
        self._functions.tftrt_tensorflow_enable_online.argtypes = [ctypes.c_void_p]
        self.convert_online = self._functions.tftrt_tensorflow_convert_online
        self.convert_online.argtypes, self.convert_online.restype = [ctypes.c_void_p], ctypes.c_void_p

    def enable(self) -> None:
        error = new_error()
        check(self._functions.tftrt_tensorflow_enable_online(ctypes.byref(error)), error)


def _with_conversion(plugin: _Plugin, method):
    @functools.wraps(method)
    def call(self, *args, **kwargs):
        asked = getattr(self, "_tftrt_online", None)
        if asked is None:
            return method(self, *args, **kwargs)
        before = plugin.convert_online(ctypes.addressof(asked))
        try:
            return method(self, *args, **kwargs)
        finally:
            plugin.convert_online(before)

    return call


def enable_sessions(plugin_file: str) -> None:
    """From now on sessions whose configuration asks for TF-TRT convert their graphs."""
    plugin = _Plugin(plugin_file)
    kind = next(c for c in tf.compat.v1.Session.__mro__ if "run" in vars(c))  # that InteractiveSession has in common with it
    create = kind.__init__

    @functools.wraps(create)
    def __init__(self, target="", graph=None, config=None):
        create(self, target, graph, config)
        told = tensorrt_parameters(config)
        if told is None:
            return
        try:
            plugin.enable()
            self._tftrt_online = _to_options(told)
        except Error as e:
            log.warning("the graphs of a session are not converted: %s", e)

    kind.__init__ = __init__
    for name in _CALLS:
        if hasattr(kind, name):
            setattr(kind, name, _with_conversion(plugin, getattr(kind, name)))
