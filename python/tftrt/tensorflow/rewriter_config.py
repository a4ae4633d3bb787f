"""`get_tensorrt_rewriter_config`: the configuration of Grappler that asks for TF-TRT in a session of TensorFlow 1, and what such a
configuration says."""

from __future__ import annotations

import warnings
from typing import Any

import tensorflow as tf

from ..params import PROFILE_STRATEGY_RANGE, TrtConversionParams, TrtPrecisionMode

OPTIMIZER = "TensorRTOptimizer"
_OPTIMIZERS = ("pruning", "debug_stripper", "layout", "dependency", "constfold", "common_subgraph_elimination")
_SWITCHED_OFF = (
    "arithmetic_optimization", "auto_mixed_precision", "constant_folding", "debug_stripper", "dependency_optimization",
    "function_optimization", "implementation_selector", "layout_optimizer", "loop_optimization", "pin_to_host_optimization",
    "remapping", "scoped_allocator_optimization", "shape_optimization",
)  # fmt: skip


def _check(params: TrtConversionParams, is_dynamic_op: bool | None, max_batch_size: int | None, is_v2: bool) -> None:
    supported = TrtPrecisionMode.supported_precision_modes()
    if params.precision_mode not in supported:
        raise ValueError(f"precision mode '{params.precision_mode}' is not supported.It should be one of {supported}")
    if params.minimum_segment_size <= 0 and params.minimum_segment_size != -1:
        raise ValueError("minimum segment size should be positive or -1 (to disable main graph conversion).")
    if is_v2 and is_dynamic_op is not None and not is_dynamic_op:
        raise ValueError("is_dynamic_op is either None or True for TF2")
    if not is_v2 and is_dynamic_op is None:
        raise ValueError("is_dynamic_op can't be None for TF1")
    if (is_dynamic_op is None or is_dynamic_op) and max_batch_size is not None:
        raise ValueError("max_batch_size has to be None for TF2 or when is_dynamic_op == True in TF1")
    if is_dynamic_op is not None and not is_dynamic_op and not isinstance(max_batch_size, int):
        raise ValueError("max_batch_size has to be an integer for is_dynamic_op==False in TF1")


def _switch_off(config: Any) -> None:
    for name in _SWITCHED_OFF:
        setattr(config, name, config.OFF)
    config.auto_parallel.enable = False
    config.memory_optimization = config.NO_MEM_OPT
    config.disable_meta_optimizer = False  # which runs TF-TRT
    config.disable_model_pruning = True
    config.min_graph_nodes = -1


def make_rewriter_config(
    conversion_params: TrtConversionParams,
    is_dynamic_op: bool | None = None,
    max_batch_size: int | None = None,
    is_v2: bool = False,
    disable_non_trt_optimizers: bool = False,
    use_implicit_batch: bool = True,
    profile_strategy: str = PROFILE_STRATEGY_RANGE,
) -> Any:
    """As `get_tensorrt_rewriter_config`; use_implicit_batch=False: dynamic shapes, by this strategy."""
    _check(conversion_params, is_dynamic_op, max_batch_size, is_v2)
    config = type(tf.compat.v1.GraphOptions().rewrite_options)()
    config.experimental_disable_folding_quantization_emulation = True
    config.meta_optimizer_iterations = config.ONE
    optimizer = config.custom_optimizers.add(name=OPTIMIZER)
    if not disable_non_trt_optimizers:
        config.optimizers.extend(_OPTIMIZERS)
        config.custom_optimizers.add(name="constfold")  # for Consts without users
    told = optimizer.parameter_map
    told["minimum_segment_size"].i = conversion_params.minimum_segment_size
    told["max_workspace_size_bytes"].i = conversion_params.max_workspace_size_bytes
    told["precision_mode"].s = conversion_params.precision_mode.encode()
    told["maximum_cached_engines"].i = conversion_params.maximum_cached_engines
    told["use_calibration"].b = conversion_params.use_calibration
    told["is_dynamic_op"].b = is_dynamic_op is None or bool(is_dynamic_op)
    told["allow_build_at_runtime"].b = conversion_params.allow_build_at_runtime
    if max_batch_size is not None:
        told["max_batch_size"].i = max_batch_size
    told["use_implicit_batch"].b = use_implicit_batch
    if not use_implicit_batch:
        told["profile_strategy"].s = profile_strategy.lower().encode()
    if disable_non_trt_optimizers:
        _switch_off(config)
    return config


def get_tensorrt_rewriter_config(
    conversion_params: TrtConversionParams,
    is_dynamic_op: bool | None = None,
    max_batch_size: int | None = None,
    is_v2: bool = False,
    disable_non_trt_optimizers: bool = False,
) -> Any:
    """A RewriterConfig that has TF-TRT convert the graphs of a session (deprecated as in TF-TRT): for
    `ConfigProto.graph_options.rewrite_options`.

    Args:
      conversion_params: a TrtConversionParams.
      is_dynamic_op: engines are built by runs; False: by the conversion.
      max_batch_size: the batch of engines that the conversion builds.
      is_v2: check arguments as for TensorFlow 2.
      disable_non_trt_optimizers: switch Grappler's other optimizers off.

    Raises:
      ValueError: an argument, or a combination, that is not possible.
    """
    warnings.warn("get_tensorrt_rewriter_config is deprecated. You shouldn't need a rewriter_config with the current TF-TRT APIs.",
                  DeprecationWarning, stacklevel=2)  # fmt: skip
    return make_rewriter_config(conversion_params, is_dynamic_op, max_batch_size, is_v2, disable_non_trt_optimizers)


def tensorrt_parameters(config: Any) -> dict[str, Any] | None:
    """What a session's ConfigProto says of TF-TRT, by name; None: it does not ask for it."""
    if config is None or not config.HasField("graph_options"):
        return None
    for optimizer in config.graph_options.rewrite_options.custom_optimizers:
        if optimizer.name == OPTIMIZER:
            return {name: getattr(value, value.WhichOneof("value")) for name, value in optimizer.parameter_map.items()}
    return None
