"""Arrays into the library and out of it, without copies where memory allows it."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np

from ._library import MAX_RANK, CString, CTensor, CTensorInfo, lib
from .errors import InvalidArgumentError

_STRING, _BFLOAT16 = 7, 14
# TensorFlow's DataType numbers; quantized types are held in the integers of their size.
_NUMPY: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.float32), 2: np.dtype(np.float64), 3: np.dtype(np.int32), 4: np.dtype(np.uint8),
    5: np.dtype(np.int16), 6: np.dtype(np.int8), 8: np.dtype(np.complex64), 9: np.dtype(np.int64),
    10: np.dtype(np.bool_), 11: np.dtype(np.int8), 12: np.dtype(np.uint8), 13: np.dtype(np.int32),
    15: np.dtype(np.int16), 16: np.dtype(np.uint16), 17: np.dtype(np.uint16), 18: np.dtype(np.complex128),
    19: np.dtype(np.float16), 22: np.dtype(np.uint32), 23: np.dtype(np.uint64),
}  # fmt: skip


def _bfloat16() -> np.dtype[Any]:
    """ml_dtypes' bfloat16 where it is installed; else the bits, as uint16."""
    try:
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    except ImportError:
        return np.dtype(np.uint16)


class TensorSpec:
    """Name, dtype and shape of an input or output. `dtype` is TensorFlow's name ("float32", "string"), a shape's `None` is a dim
    that only the run tells; `shape` is None where even the rank is unknown."""

    __slots__ = ("name", "dtype", "shape", "_number")

    def __init__(self, info: CTensorInfo):
        self.name: str = info.name.decode()
        self.dtype: str = lib.tftrt_dtype_name(info.dtype).decode()
        self.shape = None if info.rank < 0 else tuple(d if d >= 0 else None for d in info.dims[: info.rank])
        self._number: int = info.dtype

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """What its arrays are of in NumPy: `object` (bytes) for strings, ml_dtypes.bfloat16 or its bits for bfloat16."""
        if self._number == _STRING:
            return np.dtype(object)
        return _bfloat16() if self._number == _BFLOAT16 else _NUMPY[self._number]

    def __repr__(self) -> str:
        return f"TensorSpec(name={self.name!r}, dtype={self.dtype!r}, shape={self.shape})"


def _foreign(value):
    """Another library's array as NumPy's: over the same memory through DLPack or the buffer protocol, where it has dtype and
    layout for that; else as the library itself makes it one."""
    # TensorFlow ends the process when asked for the DLPack of what has none.
    numeric = not any(kind in str(getattr(value, "dtype", "")) for kind in ("string", "variant", "resource"))
    if numeric and hasattr(value, "__dlpack__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError):  # strings, bfloat16, memory of another device
            pass
    if hasattr(value, "__array__"):
        return np.asarray(value)
    return value.numpy() if hasattr(value, "numpy") else value


def to_array(value, spec: TensorSpec) -> np.ndarray:
    """An array of the input's dtype: arrays of any library without a copy; Python numbers and lists become the dtype that is
    wanted. An array of another dtype is refused, not converted."""
    want = spec.numpy_dtype
    if not isinstance(value, (np.ndarray, np.generic, int, float, complex, str, bytes, list, tuple)):
        value = _foreign(value)
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
    elif want == object:
        array = np.array(value, dtype=object)
    else:
        array = np.asarray(value, dtype=want)
    same = array.dtype.newbyteorder("=") == want or (spec._number == _BFLOAT16 and array.dtype == np.uint16)
    if want == object:
        same = array.dtype.kind in "OSU"
    if not same:
        raise InvalidArgumentError(f"input '{spec.name}': the signature wants {spec.dtype}, got {array.dtype.name}")
    if array.ndim > MAX_RANK:
        raise InvalidArgumentError(f"input '{spec.name}': rank {array.ndim} is more than {MAX_RANK}")
    return array if array.dtype.isnative else array.astype(want)


def _strings(array: np.ndarray, name: str):
    flat = []
    for item in array.ravel():
        if isinstance(item, str):
            item = item.encode()
        if not isinstance(item, bytes):
            raise InvalidArgumentError(f"input '{name}': strings are bytes or str, got {type(item).__name__}")
        flat.append(item)
    table = (CString * max(1, len(flat)))()
    for slot, item in zip(table, flat):
        slot.data = ctypes.cast(ctypes.c_char_p(item), ctypes.c_void_p)
        slot.size = len(item)
    return table, flat


def fill(out: CTensor, array: np.ndarray, spec: TensorSpec) -> list:
    """Makes *out refer to the array's memory. What is returned must live as long as *out is used."""
    ctypes.memset(ctypes.byref(out), 0, ctypes.sizeof(CTensor))
    out.dtype = spec._number
    out.rank = array.ndim
    for i, d in enumerate(array.shape):
        out.dims[i] = d
    if spec._number == _STRING:
        table, items = _strings(array, spec.name)
        out.data = ctypes.addressof(table)
        out.bytes = array.size * ctypes.sizeof(CString)
        return [table, items]
    array = np.ascontiguousarray(array)
    out.data = array.ctypes.data
    out.bytes = array.nbytes
    return [array]


def from_tensor(t: CTensor) -> np.ndarray:
    """An array over the tensor's memory, which is released with the last view of it. Strings are copied to bytes objects."""
    shape = tuple(t.dims[: t.rank])
    if t.dtype == _STRING:
        count = t.bytes // ctypes.sizeof(CString)
        table = ctypes.cast(t.data, ctypes.POINTER(CString))
        array = np.empty(count, dtype=object)
        for i in range(count):
            array[i] = ctypes.string_at(table[i].data, table[i].size) if table[i].size else b""
        lib.tftrt_tensor_release(ctypes.byref(t))
        return array.reshape(shape)
    dtype = _bfloat16() if t.dtype == _BFLOAT16 else _NUMPY[t.dtype]
    if not t.bytes:
        lib.tftrt_tensor_release(ctypes.byref(t))
        return np.empty(shape, dtype)
    kept = CTensor()
    ctypes.memmove(ctypes.byref(kept), ctypes.byref(t), ctypes.sizeof(CTensor))
    memory = (ctypes.c_char * t.bytes).from_address(t.data)
    # The array's base keeps `memory`; when that goes, so does the tensor.
    weakref.finalize(memory, lib.tftrt_tensor_release, kept).atexit = False
    return np.frombuffer(memory, dtype).reshape(shape)
