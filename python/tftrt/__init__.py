"""tftrt: SavedModels of TensorFlow with inference engines in them, converted and run without TensorFlow.

    converter = tftrt.Converter(input_saved_model_dir="model")
    converter.convert()
    converter.save("converted")
    answer = tftrt.load("converted")(image=array)

`Converter` is `tf.experimental.tensorrt.Converter`; `load` gives a model whose signatures are functions of NumPy arrays. Only
NumPy is needed. docs/python.md tells more.
"""

from ._library import lib as _lib
from .conversion import (
    DEFAULT_TRT_CONVERSION_PARAMS,
    DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    PROFILE_STRATEGY_IMPLICIT_BATCH_MODE_COMPATIBLE,
    PROFILE_STRATEGY_OPTIMAL,
    PROFILE_STRATEGY_RANGE,
    PROFILE_STRATEGY_RANGE_OPTIMAL,
    ConversionParams,
    ConvertedFunction,
    Converter,
    ProfileStrategy,
    TrtConversionParams,
    TrtGraphConverterV2,
    TrtPrecisionMode,
    supported_profile_strategies,
)
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
from .model import Model, Signature, TensorSpec, doctor, load, show

__version__ = _lib.tftrt_version().decode()
