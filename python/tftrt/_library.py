"""The C library, found and declared. Everything here mirrors include/tftrt/tftrt.h; nothing else in the package knows ctypes
prototypes. Not declared is what Python has already: arrays in .npz files (NumPy), options from JSON files
(`Converter.from_json`), statistics one by one (they come as JSON), builds of the first signature alone."""

from __future__ import annotations

import ctypes as c
import os
import sys
from pathlib import Path

MAX_RANK = 12


class CError(c.Structure):
    """tftrt_error"""

    _fields_ = [
        ("struct_size", c.c_uint32),
        ("code", c.c_int),
        ("message", c.c_char * 1024),
        ("file", c.c_char_p),
        ("line", c.c_int),
    ]


class CTensor(c.Structure):
    """tftrt_tensor"""

    _fields_ = [
        ("dtype", c.c_int),
        ("rank", c.c_int32),
        ("dims", c.c_int64 * MAX_RANK),
        ("data", c.c_void_p),
        ("bytes", c.c_size_t),
        ("owner", c.c_void_p),
    ]


class CString(c.Structure):
    """tftrt_string"""

    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]


class CTensorInfo(c.Structure):
    """tftrt_tensor_info"""

    _fields_ = [
        ("struct_size", c.c_uint32),
        ("name", c.c_char_p),
        ("dtype", c.c_int),
        ("rank", c.c_int32),
        ("dims", c.c_int64 * MAX_RANK),
    ]

    def __init__(self):
        super().__init__(struct_size=c.sizeof(type(self)))


ProgressFn = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_char_p, c.c_int64, c.c_int64)
InputFn = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(CTensor), c.c_int)
PrintFn = c.CFUNCTYPE(None, c.c_void_p, c.c_char_p)


class CModelOptions(c.Structure):
    """tftrt_model_options"""

    _fields_ = [
        ("struct_size", c.c_uint32),
        ("tags", c.POINTER(c.c_char_p)),
        ("n_tags", c.c_int),
        ("threads", c.c_int),
        ("backend", c.c_char_p),
        ("fail_on_fallback", c.c_int),
        ("on_fallback", c.c_int),
        ("compat", c.c_char_p),
        ("engine_cache_dir", c.c_char_p),
    ]


class CConverterOptions(c.Structure):
    """tftrt_converter_options"""

    _fields_ = [
        ("struct_size", c.c_uint32),
        ("input_saved_model_dir", c.c_char_p),
        ("input_saved_model_tags", c.POINTER(c.c_char_p)),
        ("n_tags", c.c_int),
        ("input_saved_model_signature_key", c.c_char_p),
        ("use_dynamic_shape", c.c_int),
        ("dynamic_shape_profile_strategy", c.c_char_p),
        ("max_workspace_size_bytes", c.c_int64),
        ("precision_mode", c.c_char_p),
        ("minimum_segment_size", c.c_int),
        ("maximum_cached_engines", c.c_int),
        ("use_calibration", c.c_int),
        ("allow_build_at_runtime", c.c_int),
        ("op_set", c.c_char_p),
        ("backend", c.c_char_p),
        ("compat", c.c_char_p),
        ("threads", c.c_int),
        ("progress", ProgressFn),
        ("progress_user", c.c_void_p),
        ("conversion_params", c.c_void_p),
        ("signature_keys", c.POINTER(c.c_char_p)),
        ("n_signature_keys", c.c_int),
        ("all_signatures", c.c_int),
        ("calibrator", c.c_char_p),
        ("calibration_table", c.c_char_p),
        ("max_memory_bytes", c.c_int64),
        ("engine_cache_dir", c.c_char_p),
        ("timing_cache_file", c.c_char_p),
        ("max_error", c.c_double),
        ("min_cosine", c.c_double),
        ("graph_def", c.c_char_p),
        ("graph_def_size", c.c_size_t),
        ("kept_nodes", c.POINTER(c.c_char_p)),
        ("n_kept_nodes", c.c_int),
        ("fed_nodes", c.POINTER(c.c_char_p)),
        ("n_fed_nodes", c.c_int),
        ("library_stays", c.c_int),
        ("device_type", c.c_char_p),
        ("static_batch", c.c_int64),
        ("keep_variables", c.c_int),
        ("reserved", c.c_int),
    ]


class CProfileInput(c.Structure):
    """tftrt_profile_input"""

    _fields_ = [
        ("name", c.c_char_p),
        ("rank", c.c_int32),
        ("min", c.c_int64 * MAX_RANK),
        ("opt", c.c_int64 * MAX_RANK),
        ("max", c.c_int64 * MAX_RANK),
    ]


class CCompareOptions(c.Structure):
    """tftrt_compare_options"""

    _fields_ = [
        ("struct_size", c.c_uint32),
        ("tags", c.POINTER(c.c_char_p)),
        ("n_tags", c.c_int),
        ("signature_key", c.c_char_p),
        ("threads", c.c_int),
        ("backend", c.c_char_p),
        ("inputs", InputFn),
        ("user", c.c_void_p),
        ("per_layer", c.c_int),
        ("reserved", c.c_int),
    ]


_P, _I, _S, _E = c.c_void_p, c.c_int, c.c_char_p, c.POINTER(CError)
_TEXTS = c.POINTER(c.c_char_p)

# name: (result, arguments)
_PROTOTYPES = {
    "tftrt_version": (_S, []),
    "tftrt_free": (None, [_P]),
    "tftrt_dtype_name": (_S, [_I]),
    "tftrt_tensor_release": (None, [c.POINTER(CTensor)]),
    "tftrt_model_options_init_sized": (None, [_P, c.c_uint32]),
    "tftrt_model_open": (_I, [_S, _P, c.POINTER(_P), _E]),
    "tftrt_model_close": (None, [_P]),
    "tftrt_model_signature_count": (_I, [_P]),
    "tftrt_model_signature": (_S, [_P, _I]),
    "tftrt_model_input_count": (_I, [_P, _S]),
    "tftrt_model_output_count": (_I, [_P, _S]),
    "tftrt_model_input": (_I, [_P, _S, _I, c.POINTER(CTensorInfo), _E]),
    "tftrt_model_output": (_I, [_P, _S, _I, c.POINTER(CTensorInfo), _E]),
    "tftrt_model_run": (_I, [_P, _S, c.POINTER(CTensor), _I, c.POINTER(CTensor), _I, _E]),
    "tftrt_model_prepare": (_I, [_P, _S, _E]),
    "tftrt_model_engine_count": (_I, [_P]),
    "tftrt_model_stats_json": (_I, [_P, c.POINTER(_P), _E]),
    "tftrt_model_engine_profile": (_I, [_P, _I, c.POINTER(_P), _E]),
    "tftrt_show": (_I, [_S, _I, c.POINTER(_P), _E]),
    "tftrt_doctor": (_I, [_I, c.POINTER(_P), _E]),
    "tftrt_ops": (_I, [_I, c.POINTER(_P), _E]),
    "tftrt_converter_options_init_sized": (None, [_P, c.c_uint32]),
    "tftrt_converter_create": (_I, [_P, c.POINTER(_P), _E]),
    "tftrt_converter_open": (_I, [_P, c.POINTER(_P), _E]),
    "tftrt_converter_destroy": (None, [_P]),
    "tftrt_converter_convert": (_I, [_P, InputFn, _P, _E]),
    "tftrt_converter_calibrate_with": (_I, [_P, _S, InputFn, _P, _E]),
    "tftrt_converter_signature_count": (_I, [_P]),
    "tftrt_converter_signature": (_S, [_P, _I]),
    "tftrt_converter_build_signature": (_I, [_P, _S, InputFn, _P, _E]),
    "tftrt_converter_build_profiles": (_I, [_P, _S, InputFn, _P, _E]),
    "tftrt_converter_add_profile": (_I, [_P, _S, c.POINTER(CProfileInput), _I, _E]),
    "tftrt_converter_build_default": (_I, [_P, c.c_int64, _E]),
    "tftrt_converter_warning_count": (_I, [_P]),
    "tftrt_converter_warning": (_S, [_P, _I]),
    "tftrt_converter_calibrate": (_I, [_P, InputFn, _P, _E]),
    "tftrt_converter_graph_def": (_I, [_P, c.POINTER(_P), c.POINTER(c.c_size_t), _E]),
    "tftrt_converter_save": (_I, [_P, _S, _I, _E]),
    "tftrt_converter_summary": (_I, [_P, _I, _I, PrintFn, _P, _E]),
    "tftrt_converter_explain": (_I, [_P, _I, c.POINTER(_P), _E]),
    "tftrt_converter_input_count": (_I, [_P, _S]),
    "tftrt_converter_output_count": (_I, [_P, _S]),
    "tftrt_converter_input": (_I, [_P, _S, _I, c.POINTER(CTensorInfo), _E]),
    "tftrt_converter_output": (_I, [_P, _S, _I, c.POINTER(CTensorInfo), _E]),
    "tftrt_converter_run": (_I, [_P, _S, c.POINTER(CTensor), _I, c.POINTER(CTensor), _I, _E]),
    "tftrt_converter_measure_with": (_I, [_P, _S, InputFn, _P, _E]),
    "tftrt_converter_precision": (_I, [_P, _S, _I, c.POINTER(_P), _E]),
    "tftrt_compare_options_init_sized": (None, [_P, c.c_uint32]),
    "tftrt_compare": (_I, [_S, _S, _P, c.POINTER(_P), _E]),
    "tftrt_comparison_json": (_I, [_P, c.POINTER(_P), _E]),
    "tftrt_comparison_destroy": (None, [_P]),
    "tftrt_summary": (_I, [_S, _TEXTS, _I, _S, _I, _I, PrintFn, _P, _E]),
    "tftrt_summary_json": (_I, [_S, _TEXTS, _I, _S, c.POINTER(_P), _E]),
    "tftrt_explain": (_I, [_P, _I, c.POINTER(_P), _E]),
    "tftrt_engine_cache_list": (_I, [_S, _I, c.POINTER(_P), _E]),
    "tftrt_engine_cache_clear": (_I, [_S, c.POINTER(c.c_int64), c.POINTER(c.c_int64), _E]),
}


def _candidates():
    """Where the library may be: told, inside the package (wheel), the build folder of a checkout, the system's."""
    told = os.environ.get("TFTRT_LIBRARY")
    if told:
        yield told
        return
    name = {"darwin": "libtftrt.dylib", "win32": "tftrt.dll"}.get(sys.platform, "libtftrt.so")
    here = Path(__file__).resolve().parent
    for folder in (here / "lib", here, here.parents[1] / "build" / "lib"):
        for file in sorted(folder.glob(name + "*")):
            yield str(file)
    yield name if sys.platform != "linux" else "libtftrt.so.0"


def _open():
    tried = []
    for path in _candidates():
        try:
            return c.CDLL(path)
        except OSError as e:
            tried.append(str(e))
    raise ImportError("tftrt: the library libtftrt cannot be opened: " + "; ".join(tried))


def _declare(library):
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


lib = _declare(_open())


def options(kind, init):
    """An options struct with the library's defaults; init is its tftrt_..._init_sized. The library may be older or newer."""
    value = kind()
    init(c.byref(value), c.sizeof(kind))
    return value


def path_bytes(path) -> bytes:
    """A path as the library takes it."""
    return os.fsencode(os.fspath(path))


def text_list(items):
    """A char *const * that keeps its texts."""
    encoded = [os.fsencode(i) for i in items]
    return (c.c_char_p * max(1, len(encoded)))(*encoded)


def take_text(p):
    """The text that a function gave through a char **, freed."""
    text = c.cast(p, c.c_char_p).value.decode("utf-8", "replace")
    lib.tftrt_free(p)
    return text
