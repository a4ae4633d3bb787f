"""python/tftrt/_library.py against the header that it mirrors."""
import ctypes
import inspect
import re
from pathlib import Path

import pytest
import tftrt
from tftrt import _library as library

HEADER = "".join(re.sub(r"/\*.*?\*/", "", (Path(__file__).parents[2] / "include/tftrt" / name).read_text(), flags=re.S)
                 for name in ("tftrt.h", "compare.h"))

# What Python has otherwise (see the module's docstring).
ELSEWHERE = {
    "tftrt_arrays_create", "tftrt_arrays_load", "tftrt_arrays_save", "tftrt_arrays_destroy", "tftrt_arrays_count",
    "tftrt_arrays_name", "tftrt_arrays_get", "tftrt_arrays_put",  # numpy.load, numpy.savez
    "tftrt_params_load", "tftrt_params_apply", "tftrt_params_destroy", "tftrt_conversion_params_init_sized",  # from_json
    "tftrt_model_engine_stats", "tftrt_model_engine_fallback",  # engine_stats, from tftrt_model_stats_json
    "tftrt_converter_build",  # tftrt_converter_build_signature
    "tftrt_precision_summary",  # summary_dict
    "tftrt_comparison_warning_count", "tftrt_comparison_warning", "tftrt_comparison_layer_count", "tftrt_comparison_layer", "tftrt_comparison_output_count", "tftrt_comparison_output",  # compare, from tftrt_comparison_json
    "tftrt_code_name", "tftrt_dtype_size",  # classes of exceptions; NumPy's dtypes
}  # fmt: skip


def test_every_function_is_declared_or_elsewhere():
    functions = set(re.findall(r"TFTRT_API [^;(]*?\b(tftrt_\w+)\s*\(", HEADER))
    assert len(functions) > 50
    assert functions == set(library._PROTOTYPES) | ELSEWHERE
    assert not set(library._PROTOTYPES) & ELSEWHERE


@pytest.mark.parametrize("kind", [library.CError, library.CTensor, library.CString, library.CTensorInfo, library.CModelOptions,
                                  library.CConverterOptions, library.CProfileInput, library.CCompareOptions], ids=lambda k: k.__doc__)  # fmt: skip
def test_structs_have_the_headers_fields_in_order(kind):
    body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (kind.__doc__, kind.__doc__), HEADER, re.S)[1]
    fields = [name for line in body.split(";") for name in re.findall(r"(\w+)(?:\[\w+\])?\s*(?:,|$)", line.strip())]
    assert [name for name, _ in kind._fields_] == fields


def test_converter_takes_every_parameter_of_a_json_file(tmp_path):
    library.lib.tftrt_params_load.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
    (tmp_path / "p.json").write_text('{"what": 1}')
    error, out = library.CError(ctypes.sizeof(library.CError)), ctypes.c_void_p()
    assert library.lib.tftrt_params_load(str(tmp_path / "p.json").encode(), ctypes.byref(out), ctypes.byref(error)) == 3
    known = set(error.message.decode().split("there are: ")[1].split(", "))
    assert "timing_cache_file" in known and known <= set(inspect.signature(tftrt.Converter).parameters)
