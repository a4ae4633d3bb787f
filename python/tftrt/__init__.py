"""tftrt: SavedModels of TensorFlow with inference engines in them, converted and run without TensorFlow.

    converter = tftrt.Converter(input_saved_model_dir="model")
    converter.convert()
    converter.save("converted")
    answer = tftrt.load("converted")(image=array)

`Converter` is `tf.experimental.tensorrt.Converter`; `load` gives a model whose signatures are functions of NumPy arrays. Only
NumPy is needed. docs/python.md tells more.
"""

from ._library import lib as _lib
from ._tensors import TensorSpec
from .comparison import compare
from .converter import ConversionParams, ConvertedFunction, Converter
from .errors import (
    AbortedError,
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    DeadlineExceededError,
    Error,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UnknownError,
)
from .function import Function
from .model import Model, Signature, load
from .params import (
    DEFAULT_TRT_CONVERSION_PARAMS,
    DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE,
    PROFILE_STRATEGY_OPTIMAL,
    PROFILE_STRATEGY_RANGE,
    PROFILE_STRATEGY_RANGE_OPTIMAL,
    ProfileStrategy,
    TrtConversionParams,
    TrtPrecisionMode,
    supported_profile_strategies,
)
from .reports import clear_engine_cache, doctor, engine_cache, explain, ops, show, summary, summary_dict
from .trt_convert import TrtGraphConverter, TrtGraphConverterV2, create_inference_graph

__version__ = _lib.tftrt_version().decode()
__all__ = [
    "AbortedError", "AlreadyExistsError", "CancelledError", "ConversionParams", "ConvertedFunction", "Converter",
    "DEFAULT_TRT_CONVERSION_PARAMS", "DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES", "DataLossError", "DeadlineExceededError", "Error",
    "FailedPreconditionError", "Function", "InternalError", "InvalidArgumentError", "Model", "NotFoundError", "OutOfRangeError",
    "PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE", "PROFILE_STRATEGY_OPTIMAL", "PROFILE_STRATEGY_RANGE",
    "PROFILE_STRATEGY_RANGE_OPTIMAL", "PermissionDeniedError", "ProfileStrategy", "ResourceExhaustedError", "Signature",
    "TensorSpec", "TrtConversionParams", "TrtGraphConverter", "TrtGraphConverterV2", "TrtPrecisionMode", "UnauthenticatedError",
    "UnavailableError", "UnimplementedError", "UnknownError", "clear_engine_cache", "compare", "create_inference_graph",
    "doctor", "engine_cache", "explain", "load", "ops", "show", "summary", "summary_dict", "supported_profile_strategies",
]  # fmt: skip
