"""tftrt inside TensorFlow 2.17 to 2.21: `import tftrt.tensorflow`, and

* `tf.saved_model.load` (and TF1's loader) opens converted models, ours and TF-TRT's: their TRTEngineOps run by our engines;
* `tf.experimental.tensorrt.Converter` works again, as do the names in `tensorflow.python.compiler.tensorrt`: scripts written for
  TF-TRT run unchanged. `from tftrt.tensorflow import trt_convert` is the module of that name there.

docs/tensorflow.md tells more.
"""

import importlib as _importlib

from ..params import (
    DEFAULT_TRT_CONVERSION_PARAMS,
    DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
    ProfileStrategy,
    TrtConversionParams,
    TrtPrecisionMode,
    supported_profile_strategies,
)
from ._loading import adapt_loader as _adapt_loader
from ._names import restore_names as _restore_names
from ._plugin import load as _load
from .converter import Converter, TrtGraphConverterV2
from .function import ConvertedFunction

ConversionParams = TrtConversionParams
plugin_file = _load()
_adapt_loader()
_restore_names()
trt_convert = _importlib.import_module("tensorflow.python.compiler.tensorrt.trt_convert")

__all__ = [
    "ConversionParams", "ConvertedFunction", "Converter", "DEFAULT_TRT_CONVERSION_PARAMS",
    "DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES", "ProfileStrategy", "TrtConversionParams", "TrtGraphConverterV2", "TrtPrecisionMode",
    "plugin_file", "supported_profile_strategies", "trt_convert",
]  # fmt: skip
