"""Exceptions. Each has the library's code (TensorFlow's numbers) and is also the built-in exception that fits, which for the
Converter is the one that TF-TRT raised."""

from __future__ import annotations

import ctypes

from ._library import CError, take_text


class Error(Exception):
    """What the library reports: `code` is TensorFlow's status code, the text names file, node, argument or shape."""

    code = 2


class CancelledError(Error):
    code = 1


class UnknownError(Error, RuntimeError):
    code = 2


class InvalidArgumentError(Error, ValueError):
    code = 3


class DeadlineExceededError(Error, TimeoutError):
    code = 4


class NotFoundError(Error, FileNotFoundError):
    code = 5


class AlreadyExistsError(Error, FileExistsError):
    code = 6


class PermissionDeniedError(Error, PermissionError):
    code = 7


class ResourceExhaustedError(Error, MemoryError):
    code = 8


class FailedPreconditionError(Error, RuntimeError):
    code = 9


class AbortedError(Error, RuntimeError):
    code = 10


class OutOfRangeError(Error, IndexError):
    code = 11


class UnimplementedError(Error, NotImplementedError):
    code = 12


class InternalError(Error, RuntimeError):
    code = 13


class UnavailableError(Error, RuntimeError):
    code = 14


class DataLossError(Error, OSError):
    code = 15


class UnauthenticatedError(Error, PermissionError):
    code = 16


_BY_CODE = {kind.code: kind for kind in Error.__subclasses__()}


def new_error() -> CError:
    """A tftrt_error to pass as the last argument."""
    error = CError()
    error.struct_size = ctypes.sizeof(CError)
    return error


def check(code: int, error: CError) -> None:
    """Raises what a function of the library reported."""
    if code:
        kind = _BY_CODE.get(code, UnknownError)
        raise kind(error.message.decode("utf-8", "replace"))


def told(call) -> str:
    """The text that call(out, error), a function of the library, gives through a char **."""
    out, error = ctypes.c_void_p(), new_error()
    check(call(ctypes.byref(out), ctypes.byref(error)), error)
    return take_text(out)
