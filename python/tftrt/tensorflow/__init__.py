"""tftrt inside TensorFlow 2.17 to 2.21: `import tftrt.tensorflow`, and

* `tf.saved_model.load` (and TF1's loader) opens converted models, ours and TF-TRT's: their TRTEngineOps run by our engines;
* `tf.experimental.tensorrt.Converter` works again, as do the names in `tensorflow.python.compiler.tensorrt`, TensorFlow 1's
  converter and its sessions with TF-TRT's optimizer among them: scripts written for TF-TRT run unchanged. `from tftrt.tensorflow import trt_convert` is the module of that name there.

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
from ._loading import adapt_session_loader as _adapt_session_loader
from ._names import has_tensorrt as _has_tensorrt
from ._names import restore_names as _restore_names
from ._old_segments import adapt_import as _adapt_import
from ._plugin import load as _load
from ._saving import adapt_saver as _adapt_saver
from ._serializing import adapt_serializing as _adapt_serializing
from .converter import Converter, TrtGraphConverterV2
from .function import ConvertedFunction
from .online import enable_sessions as _enable_sessions
from .rewriter_config import get_tensorrt_rewriter_config
from .v1 import TrtGraphConverter, create_inference_graph

ConversionParams = TrtConversionParams
plugin_file = _load()
_adapt_loader()
_adapt_session_loader()
_adapt_saver()
_adapt_serializing()
_adapt_import()
if not _has_tensorrt():  # TF-TRT's own optimizer sees to its sessions
    _enable_sessions(plugin_file)
_restore_names()
trt_convert = _importlib.import_module("tensorflow.python.compiler.tensorrt.trt_convert")

__all__ = [
    "ConversionParams", "ConvertedFunction", "Converter", "DEFAULT_TRT_CONVERSION_PARAMS",
    "DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES", "ProfileStrategy", "TrtConversionParams", "TrtGraphConverter", "TrtGraphConverterV2",
    "TrtPrecisionMode", "create_inference_graph", "get_tensorrt_rewriter_config", "plugin_file", "supported_profile_strategies",
    "trt_convert",
]  # fmt: skip
