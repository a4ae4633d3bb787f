"""What a conversion is asked for: `TrtConversionParams`, `TrtPrecisionMode`, `ProfileStrategy`, with TF-TRT's names and defaults."""

from __future__ import annotations

import sys
import warnings
from typing import Any, NamedTuple

# TF-TRT's, linked with TensorRT 8.4 or newer: no limit but the machine's.
DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES = sys.maxsize - 512

PROFILE_STRATEGY_RANGE = "Range"
PROFILE_STRATEGY_OPTIMAL = "Optimal"
PROFILE_STRATEGY_RANGE_OPTIMAL = "Range+Optimal"
PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE = "ImplicitBatchModeCompatible"


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
        """All in upper case, all in lower case; nothing between."""
        modes = [TrtPrecisionMode.FP32, TrtPrecisionMode.FP16, TrtPrecisionMode.INT8]
        return modes + [mode.lower() for mode in modes]


class _Fields(NamedTuple):
    max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES
    precision_mode: str = TrtPrecisionMode.FP32
    minimum_segment_size: int = 3
    maximum_cached_engines: int = 1
    use_calibration: bool = True
    allow_build_at_runtime: bool = True


def _without_old(told: dict[str, Any]) -> dict[str, Any]:
    """Without what TensorFlow 2.0 to 2.3 had besides."""
    old = {name: told[name] for name in ("rewriter_config_template", "is_dynamic_op", "max_batch_size") if name in told}
    if old.get("is_dynamic_op", True) is False:
        raise ValueError("Option is_dynamic_op=False is not supported in TF 2.0, please set it to True instead.")
    if old.get("rewriter_config_template") is not None:
        raise ValueError("rewriter_config_template is not supported: conversion has one way of simplifying graphs")
    if any(value is not None for value in old.values()):
        warnings.warn(f"TrtConversionParams: {', '.join(old)} of TensorFlow 2.3 and older: engines are built for the batches that come",
                      DeprecationWarning, stacklevel=3)  # fmt: skip
    return {name: value for name, value in told.items() if name not in old}


class TrtConversionParams(_Fields):
    """Parameters of a conversion, each as the Converter's argument of its name. Deprecated as in TF-TRT: pass the arguments
    themselves. is_dynamic_op=True, max_batch_size and rewriter_config_template=None, which TensorFlow 2.0 to 2.3 had, are taken by
    keyword and have no effect."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> TrtConversionParams:
        return super().__new__(cls, *args, **_without_old(kwargs))

    def _replace(self, **kwargs: Any) -> TrtConversionParams:
        return super()._replace(**_without_old(kwargs))


DEFAULT_TRT_CONVERSION_PARAMS = TrtConversionParams()


def check_precision_mode(mode: object) -> None:
    """Raises TF-TRT's ValueError when the mode is none of the supported ones, nor ours, BF16 and AUTO."""
    supported = TrtPrecisionMode.supported_precision_modes()
    if mode not in supported + ["AUTO", "auto", "BF16", "bf16"]:
        raise ValueError(f"precision mode '{mode}' is not supported.It should be one of {supported}")
