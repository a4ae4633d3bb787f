"""Loaded SavedModels, converted or not, that run without TensorFlow."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Mapping, Sequence

from ._library import CModelOptions, CTensor, CTensorInfo, lib, options, take_text, text_list
from ._tensors import TensorSpec, fill, from_tensor, to_array
from .errors import InvalidArgumentError, NotFoundError, check, new_error


_POLICIES = ("native", "build", "fail")  # tftrt_fallback


def _path(directory) -> bytes:
    return os.fsencode(os.fspath(directory))


def arrange(args, kwargs, specs, what: str) -> list:
    """Arguments in the order of the specs: positional ones are in that order, keywords go by name."""
    names = [s.name for s in specs]
    if len(args) > len(specs):
        raise TypeError(f"{what} takes {len(specs)} inputs ({', '.join(names)}), got {len(args)}")
    given = dict(zip(names, args))
    for name, value in kwargs.items():
        if name not in names:
            raise TypeError(f"{what} has no input '{name}'; it has {', '.join(names)}")
        if name in given:
            raise TypeError(f"{what} got input '{name}' twice")
        given[name] = value
    missing = [n for n in names if n not in given]
    if missing:
        raise TypeError(f"{what} needs input {', '.join(repr(m) for m in missing)}")
    return [to_array(given[s.name], s) for s in specs]


def run(call, arrays, inputs, outputs) -> dict:
    """Calls call(in, n_in, out, n_out, error), which is a function of the library; the GIL is released meanwhile."""
    c_in = (CTensor * max(1, len(inputs)))()
    c_out = (CTensor * max(1, len(outputs)))()
    kept = [fill(c, a, s) for c, a, s in zip(c_in, arrays, inputs)]
    error = new_error()
    code = call(c_in, len(inputs), c_out, len(outputs), ctypes.byref(error))
    del kept
    check(code, error)
    return {s.name: from_tensor(c) for s, c in zip(outputs, c_out)}


def specs(count: int, get) -> tuple:
    """TensorSpecs of `count` inputs or outputs; get(i, info, error) is a function of the library."""
    found = []
    for i in range(max(0, count)):
        info, error = CTensorInfo(), new_error()
        check(get(i, ctypes.byref(info), ctypes.byref(error)), error)
        found.append(TensorSpec(info))
    return tuple(found)


class Signature:
    """One signature of a model: call it with arrays, positional in alphabetical order of the inputs' names or by keyword; it
    returns a dict of NumPy arrays by output name. Any number of threads may call it at the same time."""

    def __init__(self, model: "Model", key: str):
        self._model, self.key = model, key
        k, m = key.encode(), model._handle
        self.inputs = specs(lib.tftrt_model_input_count(m, k), lambda i, info, e: lib.tftrt_model_input(m, k, i, info, e))
        self.outputs = specs(lib.tftrt_model_output_count(m, k), lambda i, info, e: lib.tftrt_model_output(m, k, i, info, e))

    def __call__(self, *args, **kwargs) -> dict:
        arrays = arrange(args, kwargs, self.inputs, f"signature '{self.key}'")
        handle = self._model._open_handle()
        return run(lambda *a: lib.tftrt_model_run(handle, self.key.encode(), *a), arrays, self.inputs, self.outputs)

    def prepare(self) -> None:
        """What the first call would otherwise do: schedule the graph, load the engines."""
        error = new_error()
        check(lib.tftrt_model_prepare(self._model._open_handle(), self.key.encode(), ctypes.byref(error)), error)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{s.name}: {s.dtype}{_dims(s.shape)}" for s in self.inputs)
        results = ", ".join(f"{s.name}: {s.dtype}{_dims(s.shape)}" for s in self.outputs)
        return f"<Signature {self.key}({arguments}) -> {{{results}}}>"


def _dims(shape) -> str:
    return "" if shape is None else "[" + ",".join("?" if d is None else str(d) for d in shape) + "]"


class Model(Mapping):
    """A loaded SavedModel: a mapping from signature keys to `Signature`s. Made by `load`."""

    def __init__(self, directory, tags: Sequence[str] | None = None, *, threads: int = 0, backend: str | None = None,
                 fail_on_fallback: bool = False, on_fallback: str = "native", compat: str | None = None):
        self.directory = os.fspath(directory)
        o = options(CModelOptions, lib.tftrt_model_options_init_sized)
        if tags:
            kept = text_list(tags)
            o.tags, o.n_tags = kept, len(tags)
        o.threads = threads
        if backend:
            o.backend = backend.encode()
        o.fail_on_fallback = int(fail_on_fallback)
        if on_fallback not in _POLICIES:
            raise InvalidArgumentError(f"on_fallback is one of {', '.join(_POLICIES)}, not '{on_fallback}'")
        o.on_fallback = _POLICIES.index(on_fallback)
        if compat is not None:
            o.compat = compat.encode()
        self._handle = ctypes.c_void_p()
        error = new_error()
        check(lib.tftrt_model_open(_path(directory), ctypes.byref(o), ctypes.byref(self._handle), ctypes.byref(error)), error)
        keys = [lib.tftrt_model_signature(self._handle, i).decode()
                for i in range(lib.tftrt_model_signature_count(self._handle))]
        # The initialisers' signature is TensorFlow's own affair; opening has run it.
        self._signatures = {key: Signature(self, key) for key in keys if key != "__saved_model_init_op"}

    @property
    def signatures(self) -> Mapping:
        """Signature keys and their signatures, as `tf.saved_model.load(...).signatures`."""
        return self

    def __getitem__(self, key: str) -> Signature:
        return self._signatures[key]

    def __iter__(self):
        return iter(self._signatures)

    def __len__(self) -> int:
        return len(self._signatures)

    def __call__(self, *args, **kwargs) -> dict:
        """Runs "serving_default", or the only signature."""
        if "serving_default" in self._signatures:
            return self._signatures["serving_default"](*args, **kwargs)
        if len(self._signatures) == 1:
            return next(iter(self._signatures.values()))(*args, **kwargs)
        raise NotFoundError(f"{self.directory}: no signature 'serving_default'; it has {', '.join(self._signatures)}")

    def engine_stats(self) -> list[dict]:
        """What each TRTEngineOp of the signatures used so far did: name, runs, cache_hits, builds, fallbacks, their reasons and
        counts, and what it holds: engines, profiles, contexts."""
        handle = self._open_handle()
        return json.loads(_told(lambda out, e: lib.tftrt_model_stats_json(handle, out, e)))["engines"]

    def close(self) -> None:
        """Frees the model. No call may be going on; later ones raise. Also done by `with` and at the end of its life."""
        handle, self._handle = self._handle, None
        if handle:
            lib.tftrt_model_close(handle)

    def _open_handle(self):
        if self._handle is None:
            raise InvalidArgumentError(f"{self.directory}: the model is closed")
        return self._handle

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self.close()

    def __repr__(self) -> str:
        return f"<tftrt.Model {self.directory!r}: {', '.join(repr(s) for s in self._signatures.values())}>"


def load(directory, tags: Sequence[str] | None = None, *, threads: int = 0, backend: str | None = None,
         fail_on_fallback: bool = False, on_fallback: str = "native", compat: str | None = None) -> Model:
    """Loads a SavedModel.

    Args:
      directory: the SavedModel's.
      tags: of the meta graph; None: ["serve"], or the only one.
      threads: CPUs that one run may use; 0: all that the process may use.
      backend: of the engines: "cpu" (default) or "ref".
      fail_on_fallback: the same as on_fallback="fail".
      on_fallback: where no engine serves a shape: "native", the ops run one by one; "build", an engine is made to serve it;
        "fail", an error that says why.
      compat: "2.17": a full engine cache gives up its oldest engine, as in TF 2.17, whatever the model was converted for.

    Raises:
      NotFoundError, DataLossError, UnimplementedError (which lists every op that cannot be run): all are `tftrt.Error`.
    """
    return Model(directory, tags, threads=threads, backend=backend, fail_on_fallback=fail_on_fallback,
                 on_fallback=on_fallback, compat=compat)


def show(directory) -> str:
    """What a SavedModel holds, as text: tag sets, signatures, inputs, outputs, ops."""
    return _told(lambda out, e: lib.tftrt_show(_path(directory), 0, out, e))


def doctor() -> str:
    """Libraries found and tried, CPU features, backends, environment variables."""
    return _told(lambda out, e: lib.tftrt_doctor(0, out, e))


def _told(call) -> str:
    out, error = ctypes.c_void_p(), new_error()
    check(call(ctypes.byref(out), ctypes.byref(error)), error)
    return take_text(out)


