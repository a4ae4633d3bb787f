"""Loaded SavedModels, converted or not, that run without TensorFlow."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import _notebook
from ._library import CModelOptions, lib, options, path_bytes, text_list
from .errors import InvalidArgumentError, NotFoundError, check, new_error, told
from .function import Function, specs

_POLICIES = ("native", "build", "fail")  # tftrt_fallback


class _Opened:
    """The library's model, which goes with the last that needs it: the Model or one of its signatures."""

    def __init__(self, directory: str):
        self.directory = directory
        self.value: ctypes.c_void_p | None = ctypes.c_void_p()

    def get(self) -> ctypes.c_void_p:
        if self.value is None:
            raise InvalidArgumentError(f"{self.directory}: the model is closed")
        return self.value

    def close(self) -> None:
        value, self.value = self.value, None
        if value:
            lib.tftrt_model_close(value)

    def __del__(self):
        self.close()


class Signature(Function):
    """One signature of a model: call it with arrays, positional in alphabetical order of the inputs' names or by keyword; it
    returns a dict of NumPy arrays by output name. Any number of threads may call it at the same time."""

    def __init__(self, opened: _Opened, key: str):
        self._opened, self.key = opened, key
        k, m = key.encode(), opened.get()
        self.inputs = specs(lib.tftrt_model_input_count(m, k), lambda i, info, e: lib.tftrt_model_input(m, k, i, info, e))
        self.outputs = specs(lib.tftrt_model_output_count(m, k), lambda i, info, e: lib.tftrt_model_output(m, k, i, info, e))

    def _title(self) -> str:
        return f"signature '{self.key}'"

    def _call(self, *arguments) -> int:
        return lib.tftrt_model_run(self._opened.get(), self.key.encode(), *arguments)

    def prepare(self) -> None:
        """What the first call would otherwise do: schedule the graph, load the engines."""
        error = new_error()
        check(lib.tftrt_model_prepare(self._opened.get(), self.key.encode(), ctypes.byref(error)), error)

    def __repr__(self) -> str:
        return f"<Signature {self.key}{self._signature_text()}>"


class Model(Mapping):
    """A loaded SavedModel: a mapping from signature keys to `Signature`s. Made by `load`."""

    def __init__(self, directory: str | os.PathLike, tags: Sequence[str] | None = None, *, threads: int = 0,
                 backend: str | None = None, fail_on_fallback: bool = False, on_fallback: str = "native",
                 compat: str | None = None, engine_cache_dir: str | os.PathLike | None = None):  # fmt: skip
        self.directory = os.fspath(directory)
        self._tags = list(tags or [])
        o = options(CModelOptions, lib.tftrt_model_options_init_sized)
        if tags:
            kept = text_list(self._tags)
            o.tags, o.n_tags = kept, len(self._tags)
        o.threads = threads
        if backend:
            o.backend = backend.encode()
        o.fail_on_fallback = int(fail_on_fallback)
        if on_fallback not in _POLICIES:
            raise InvalidArgumentError(f"on_fallback is one of {', '.join(_POLICIES)}, not '{on_fallback}'")
        o.on_fallback = _POLICIES.index(on_fallback)
        if compat is not None:
            o.compat = compat.encode()
        if engine_cache_dir is not None:
            o.engine_cache_dir = path_bytes(engine_cache_dir)
        self._opened = _Opened(self.directory)
        handle, error = self._opened.get(), new_error()
        check(lib.tftrt_model_open(path_bytes(directory), ctypes.byref(o), ctypes.byref(handle), ctypes.byref(error)), error)
        keys = [lib.tftrt_model_signature(handle, i).decode() for i in range(lib.tftrt_model_signature_count(handle))]
        # The initialisers' signature is TensorFlow's own affair; opening has run it.
        self._signatures = {key: Signature(self._opened, key) for key in keys if key != "__saved_model_init_op"}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Signature keys and their signatures, as `tf.saved_model.load(...).signatures`."""
        return self

    def __getitem__(self, key: str) -> Signature:
        return self._signatures[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._signatures)

    def __len__(self) -> int:
        return len(self._signatures)

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, np.ndarray]:
        """Runs `default_signature`."""
        return self.default_signature(*args, **kwargs)

    @property
    def default_signature(self) -> Signature:
        """ "serving_default", or the only one. NotFoundError lists the keys when it is neither."""
        if "serving_default" in self._signatures:
            return self._signatures["serving_default"]
        if len(self._signatures) == 1:
            return next(iter(self._signatures.values()))
        raise NotFoundError(f"{self.directory}: no signature 'serving_default'; it has {', '.join(self._signatures)}")

    def engine_stats(self) -> list[dict]:
        """What each TRTEngineOp of the signatures used so far did: name, runs, cache_hits, builds, fallbacks, their reasons and
        counts, and what it holds: engines, profiles, contexts."""
        handle = self._opened.get()
        return json.loads(told(lambda out, e: lib.tftrt_model_stats_json(handle, out, e)))["engines"]

    def engine_profile(self, i: int = 0) -> list[dict]:
        """Times per layer of the i-th engine of `engine_stats`: [{"layer", "type", "tactic", "us", "least_us"}, ...], us being
        the mean and least_us the least of the runs since the first call, which starts the measuring. FailedPreconditionError before the engine has run."""
        handle = self._opened.get()
        return json.loads(told(lambda out, e: lib.tftrt_model_engine_profile(handle, i, out, e)))

    def close(self) -> None:
        """Frees the model. No call may be going on; later ones raise. Also done by `with` and at the end of its life."""
        self._opened.close()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<tftrt.Model {self.directory!r}: {', '.join(repr(s) for s in self._signatures.values())}>"

    def _repr_html_(self) -> str:
        """For notebooks: signatures and segments."""
        return _notebook.model(self)


def load(directory: str | os.PathLike, tags: Sequence[str] | None = None, *, threads: int = 0, backend: str | None = None,
         fail_on_fallback: bool = False, on_fallback: str = "native", compat: str | None = None,
         engine_cache_dir: str | os.PathLike | None = None) -> Model:  # fmt: skip
    """Loads a SavedModel.

    Args:
      directory: the SavedModel's.
      tags: of the meta graph; None: ["serve"], or the only one.
      threads: CPUs that one run may use; 0: all that the process may use.
      backend: of the engines: "cpu" (default) or "ref".
      fail_on_fallback: the same as on_fallback="fail".
      on_fallback: where no engine serves a shape: "native", the ops run one by one; "build", an engine is made to serve it;
        "fail", an error that says why. Models that TF-TRT itself converted get engines under "build" alone; in ours, where
        allow_build_at_runtime was on, one is made wherever there is room for it.
      compat: "2.17": a full engine cache gives up its oldest engine, as in TF 2.17, whatever the model was converted for.
      engine_cache_dir: where engines that runs build are kept and found; None: TFTRT_CACHE or the user's cache; "off".

    Raises:
      NotFoundError, DataLossError, UnimplementedError (which lists every op that cannot be run): all are `tftrt.Error`.
    """
    return Model(directory, tags, threads=threads, backend=backend, fail_on_fallback=fail_on_fallback,
                 on_fallback=on_fallback, compat=compat, engine_cache_dir=engine_cache_dir)  # fmt: skip
