"""The names of `tensorflow.python.compiler.tensorrt.trt_convert`, so that scripts and tests change one import:

    from tftrt import trt_convert

`TrtGraphConverterV2` here is TensorFlow 2.17's in behaviour too: engines take the ops that TF-TRT took, a full cache gives up its
oldest engine, the default profile strategy is Range. `tftrt.Converter` is what TensorFlow's page says, and its engines take all
that they can."""

from __future__ import annotations

from .converter import Converter
from .params import (
    DEFAULT_TRT_CONVERSION_PARAMS,
    DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE,
    PROFILE_STRATEGY_OPTIMAL,
    PROFILE_STRATEGY_RANGE,
    PROFILE_STRATEGY_RANGE_OPTIMAL,
    TrtConversionParams,
    TrtPrecisionMode,
    supported_profile_strategies,
)
from .v1 import TrtGraphConverter, create_inference_graph

__all__ = [
    "DEFAULT_TRT_CONVERSION_PARAMS", "DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES", "PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE",
    "PROFILE_STRATEGY_OPTIMAL", "PROFILE_STRATEGY_RANGE", "PROFILE_STRATEGY_RANGE_OPTIMAL", "TrtConversionParams",
    "TrtGraphConverter", "TrtGraphConverterV2", "TrtPrecisionMode", "create_inference_graph", "supported_profile_strategies",
]  # fmt: skip

_TRT_ENGINE_OP_NAME = "TRTEngineOp"


class TrtGraphConverterV2(Converter):
    """`Converter` with TensorFlow 2.17's behaviour: op_set "tf-trt" and compat "2.17", unless told otherwise."""

    _default_op_set, _default_compat = "tf-trt", "2.17"


def _get_canonical_engine_name(name: str) -> str:
    """The name by which an engine's asset is called."""
    return name.split("/")[-1]


def _check_trt_version_compatibility() -> None:
    """Nothing to check: engines are this library's own, of one version with it."""
