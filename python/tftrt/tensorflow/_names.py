"""TF-TRT's names in TensorFlow's packages. Newer builds of TensorFlow keep them as shells that always fail, or not at all."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import tensorflow as tf

from .. import params, reports
from . import contrib
from ._engine_instance import engine_instance_class
from .converter import Converter, TrtGraphConverterV2
from .rewriter_config import get_tensorrt_rewriter_config, make_rewriter_config
from .v1 import TrtGraphConverter, create_inference_graph

_PUBLIC: dict[str, Any] = {"Converter": Converter, "ConversionParams": params.TrtConversionParams}
_TRT_CONVERT: dict[str, Any] = {
    "TrtGraphConverter": TrtGraphConverter,
    "TrtGraphConverterV2": TrtGraphConverterV2,
    "create_inference_graph": create_inference_graph,
    "get_tensorrt_rewriter_config": get_tensorrt_rewriter_config,
    "calib_graph_to_infer_graph": contrib.calib_graph_to_infer_graph,
    "_get_tensorrt_rewriter_config": make_rewriter_config,
    "TrtConversionParams": params.TrtConversionParams,
    "TrtPrecisionMode": params.TrtPrecisionMode,
    "DEFAULT_TRT_CONVERSION_PARAMS": params.DEFAULT_TRT_CONVERSION_PARAMS,
    "DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES": params.DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    "PROFILE_STRATEGY_RANGE": params.PROFILE_STRATEGY_RANGE,
    "PROFILE_STRATEGY_OPTIMAL": params.PROFILE_STRATEGY_OPTIMAL,
    "PROFILE_STRATEGY_RANGE_OPTIMAL": params.PROFILE_STRATEGY_RANGE_OPTIMAL,
    "PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE": params.PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE,
    "supported_profile_strategies": params.supported_profile_strategies,
}
_CONTRIB: dict[str, Any] = {
    "create_inference_graph": contrib.create_inference_graph,
    "calib_graph_to_infer_graph": contrib.calib_graph_to_infer_graph,
    "get_tensorrt_rewriter_config": get_tensorrt_rewriter_config,
}
# What TF 2.17 was linked with: scripts and tests ask whether there is TensorRT at all, and which.
_TENSORRT = (8, 6, 1)
_LIBRARY: dict[str, Any] = {
    "is_tensorrt_enabled": lambda: True,
    "get_linked_tensorrt_version": lambda: _TENSORRT,
    "get_loaded_tensorrt_version": lambda: _TENSORRT,
    "get_registered_op_converters": lambda: [op["op"] for op in reports.ops(as_dict=True)["ops"] if op["tf_trt"]],
}
_MODULES = {
    "tensorflow.compiler.tf2tensorrt._pywrap_py_utils": _LIBRARY,
    "tensorflow.compiler.tf2tensorrt.utils.trt_engine_instance_pb2": {"TRTEngineInstance": engine_instance_class()},
    "tensorflow.experimental.tensorrt": _PUBLIC,
    "tensorflow._api.v2.experimental.tensorrt": _PUBLIC,
    "tensorflow._api.v2.compat.v2.experimental.tensorrt": _PUBLIC,
    "tensorflow.python.compiler.tensorrt.trt_convert": _TRT_CONVERT,
    "tensorflow.contrib.tensorrt": _CONTRIB,
    "tensorflow.contrib.tensorrt.python.trt_convert": _CONTRIB,
}


def _module(name: str) -> Any:
    """The module of this name, made where only the last part of the name is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pass
    parent_name, _, last = name.rpartition(".")
    parent = sys.modules.get(parent_name) or _module(parent_name)
    if parent is None:
        return None
    made = getattr(parent, last, None)
    if not isinstance(made, types.ModuleType):
        made = types.ModuleType(name)
        if parent is not tf:  # scripts look for tf.contrib to know TensorFlow 1
            setattr(parent, last, made)
    sys.modules[name] = made
    return made


def has_tensorrt() -> bool:
    """Whether this TensorFlow has a TF-TRT of its own. Before `restore_names`."""
    library = _module("tensorflow.compiler.tf2tensorrt._pywrap_py_utils")
    return bool(getattr(library, "is_tensorrt_enabled", bool)())


def restore_names() -> None:
    """Makes the names ours, in place, so that what is imported already has them too. `tf.experimental` is a module of
    its own beside those in `tensorflow._api`."""
    for name, members in _MODULES.items():
        parts = name.split(".")
        if parts[1] == "experimental":
            module = getattr(tf.experimental, "tensorrt", None)
            if module is None:
                module = types.ModuleType(name)
                tf.experimental.tensorrt = module
            sys.modules.setdefault(name, module)
        else:
            module = _module(name)
        for member, value in members.items() if module is not None else ():
            setattr(module, member, value)
