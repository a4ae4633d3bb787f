"""What is told of models on disk, of this machine and of the library: the program's show, summary, explain, doctor, ops, cache.
Texts for people, or, with as_dict, the objects that the program's --json prints."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Sequence
from typing import Any, Callable, Literal, overload

from ._library import lib, path_bytes, text_list
from .converter import Converter, Printer
from .errors import check, new_error, told


def _text_or_dict(call, as_dict: bool):
    text = told(lambda out, e: call(int(as_dict), out, e))
    return json.loads(text) if as_dict else text


@overload
def show(directory: str | os.PathLike, *, as_dict: Literal[False] = False) -> str: ...
@overload
def show(directory: str | os.PathLike, *, as_dict: Literal[True]) -> dict: ...
def show(directory, *, as_dict=False):
    """What a SavedModel holds: tag sets, signatures, inputs, outputs, ops."""
    return _text_or_dict(lambda *a: lib.tftrt_show(path_bytes(directory), *a), as_dict)


@overload
def doctor(*, as_dict: Literal[False] = False) -> str: ...
@overload
def doctor(*, as_dict: Literal[True]) -> dict: ...
def doctor(*, as_dict=False):
    """Libraries found and tried, CPU features, backends, environment variables."""
    return _text_or_dict(lib.tftrt_doctor, as_dict)


@overload
def ops(*, as_dict: Literal[False] = False) -> str: ...
@overload
def ops(*, as_dict: Literal[True]) -> dict: ...
def ops(*, as_dict=False):
    """Every TensorFlow op that is known: whether it runs natively, becomes layers of an engine, was taken by TF-TRT."""
    return _text_or_dict(lib.tftrt_ops, as_dict)


@overload
def explain(saved_model_dir: str | os.PathLike, *, as_dict: Literal[False] = False, **arguments: Any) -> str: ...
@overload
def explain(saved_model_dir: str | os.PathLike, *, as_dict: Literal[True], **arguments: Any) -> dict: ...
def explain(saved_model_dir, *, as_dict=False, **arguments):
    """Every node: in which engine, or why not. Of a converted model what it has, of another what converting with `arguments`
    (the Converter's) would do."""
    converter = Converter(saved_model_dir, **arguments)
    return _text_or_dict(lambda *a: lib.tftrt_explain(ctypes.byref(converter._options), *a), as_dict)


def summary(saved_model_dir: str | os.PathLike, tags: Sequence[str] | None = None, signature_key: str | None = None, *,
            line_length: int = 160, detailed: bool = True,
            print_fn: Callable[..., object] | None = None) -> None:  # fmt: skip
    """`Converter.summary` of a converted model on disk. signature_key None: the default one."""
    printer, error = Printer(print_fn), new_error()
    key = signature_key.encode() if signature_key else None
    code = lib.tftrt_summary(path_bytes(saved_model_dir), *_tags(tags), key, line_length, int(bool(detailed)), printer.callback,
                             None, ctypes.byref(error))  # fmt: skip
    printer.check()
    check(code, error)


def summary_dict(saved_model_dir: str | os.PathLike, tags: Sequence[str] | None = None, signature_key: str | None = None) -> dict:
    """The facts of `summary`: engines with their inputs, outputs and op counts, and how many nodes they have taken."""
    key = signature_key.encode() if signature_key else None
    return json.loads(told(lambda *a: lib.tftrt_summary_json(path_bytes(saved_model_dir), *_tags(tags), key, *a)))


def engine_cache(directory: str | os.PathLike | None = None) -> dict:
    """The folder of finished engines that conversions take up again; None: the default one."""
    return json.loads(told(lambda *a: lib.tftrt_engine_cache_list(_optional_path(directory), 1, *a)))


def clear_engine_cache(directory: str | os.PathLike | None = None) -> tuple[int, int]:
    """Removes the finished engines; how many they were, and how many bytes."""
    engines, size, error = ctypes.c_int64(), ctypes.c_int64(), new_error()
    check(lib.tftrt_engine_cache_clear(_optional_path(directory), ctypes.byref(engines), ctypes.byref(size),
                                       ctypes.byref(error)), error)  # fmt: skip
    return engines.value, size.value


def _optional_path(directory: str | os.PathLike | None) -> bytes | None:
    return None if directory is None else path_bytes(directory)


def _tags(tags: Sequence[str] | None):
    return (text_list(tags), len(tags)) if tags else (None, 0)
