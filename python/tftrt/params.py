"""What a conversion is asked for: `TrtConversionParams`, `TrtPrecisionMode`, `ProfileStrategy`, with TF-TRT's names and defaults."""

from __future__ import annotations

import sys
from typing import NamedTuple

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


class TrtConversionParams(NamedTuple):
    """Parameters of a conversion, each as the Converter's argument of its name. Deprecated as in TF-TRT: pass the arguments
    themselves."""

    max_workspace_size_bytes: int = DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES
    precision_mode: str = TrtPrecisionMode.FP32
    minimum_segment_size: int = 3
    maximum_cached_engines: int = 1
    use_calibration: bool = True
    allow_build_at_runtime: bool = True


DEFAULT_TRT_CONVERSION_PARAMS = TrtConversionParams()


def check_precision_mode(mode: object) -> None:
    """Raises TF-TRT's ValueError when the mode is none of the supported ones, nor ours, BF16 and AUTO."""
    supported = TrtPrecisionMode.supported_precision_modes()
    if mode not in supported + ["AUTO", "auto", "BF16", "bf16"]:
        raise ValueError(f"precision mode '{mode}' is not supported.It should be one of {supported}")
