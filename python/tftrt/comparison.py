"""How far a model's outputs are from those of another: what a reduced precision costs."""

from __future__ import annotations

import ctypes
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Union

import numpy as np

from ._feed import Feed, log
from ._library import CCompareOptions, lib, options, text_list
from .errors import check, new_error, told
from .model import load

_Path = Union[str, "os.PathLike[str]"]
_INFINITE = ("max_abs", "mean_abs", "relative_l2")  # of what is not finite, JSON has no number


def _made_up(specs, rng: np.random.Generator) -> dict:
    """Small numbers for the inputs of a signature; dims that are not known are 1."""
    arrays = {}
    for spec in specs:
        shape = [d or 1 for d in spec.shape or ()]
        want = spec.numpy_dtype
        if want == object:
            arrays[spec.name] = np.full(shape, b"", dtype=object)
        elif want.kind in "iub":
            arrays[spec.name] = rng.integers(0, 2, shape).astype(want)
        else:
            arrays[spec.name] = (rng.random(shape) - 0.5).astype(want)
    return arrays


def _sets(inputs: Any) -> Iterator:
    """Sets of inputs: an .npz file, a dict, a single array, or any number of files, dicts, lists or tuples."""
    if isinstance(inputs, (str, bytes, os.PathLike, Mapping, np.ndarray)):
        inputs = [inputs]
    for item in inputs:
        if isinstance(item, (str, bytes, os.PathLike)):
            with np.load(os.fspath(item)) as file:
                yield dict(file)
        else:
            yield item


def compare(a: _Path | Mapping, b: _Path | Mapping, inputs: _Path | Mapping | Iterable | None = None, *,
            per_layer: bool = False, signature: str | None = None, tags: Sequence[str] | None = None, threads: int = 0,
            backend: str | None = None) -> dict:
    """Runs two models over the same inputs and tells how far the outputs of the second are from those of the first.

    Args:
      a, b: each the directory of a SavedModel, converted or not, an .npz file of recorded outputs, or a dict of them by name. Of
        several sets of inputs, recorded outputs have the rows of all, one set after the other.
      inputs: an .npz file or a dict of arrays by name, or an iterable of such sets (lists and tuples in alphabetical order of the
        names are sets too). None: one set is made up, of numbers in [-0.5, 0.5), with 1 for dims that are not known.
      per_layer: also observe every layer of b's engines, which run as they are: the result has "layers".
      signature: its key; None: "serving_default".
      tags, threads, backend: as of `load`.

    Returns:
      {"input_sets": n, "outputs": {name: {...}}}, per output: dtype, count, unequal, not_finite, max_abs, mean_abs, relative_l2,
      cosine, histogram (13 counts by decade: 0, below 1e-8, from 1e-8 on, ..., from 100 on), and of class scores classes, rows,
      top1, top5. "layers" is a list, the layer that adds the largest error first: engine, layer, type, precision, kernel, nodes (of
      TensorFlow), count, why (it has more bits than the mode allows), and max_abs, mean_abs, relative_l2, cosine of its "own" error, on
      the tensors of the same network in FP32, and of the "accumulated" one.

    Engines that did not serve inputs, so that their native segments were compared, are warned about (logger `tftrt`).

    Raises:
      InvalidArgumentError: outputs, shapes or dtypes of the two are not the same; the message names the output.
    """
    o = options(CCompareOptions, lib.tftrt_compare_options_init_sized)
    if tags:
        kept_tags = text_list(tags)
        o.tags, o.n_tags = kept_tags, len(tags)
    if signature is not None:
        o.signature_key = signature.encode()
    o.threads, o.per_layer = threads, int(per_layer)
    if backend:
        o.backend = backend.encode()
    with tempfile.TemporaryDirectory() as folder:
        paths = [_path(x, os.path.join(folder, f"{i}.npz")) for i, x in enumerate((a, b))]
        models = [p for p in paths if not os.path.isfile(p)]
        feed = None
        if models:
            model = load(models[0], tags)
            specs = model[signature or "serving_default"].inputs
            model.close()
            given = (_made_up(specs, np.random.default_rng(0)),) if inputs is None else inputs
            feed = Feed(lambda: _sets(given), lambda: specs)
            o.inputs = feed.callback()  # which the struct keeps
        handle, error = ctypes.c_void_p(), new_error()
        code = lib.tftrt_compare(*map(os.fsencode, paths), ctypes.byref(o), ctypes.byref(handle), ctypes.byref(error))
        if feed:
            feed.check()
        check(code, error)
    return _result(handle)


def _path(given: _Path | Mapping, spare: str) -> str:
    if not isinstance(given, Mapping):
        return os.fspath(given)
    np.savez(spare, **given)
    return spare


def _result(handle: ctypes.c_void_p) -> dict:
    try:
        facts = json.loads(told(lambda out, e: lib.tftrt_comparison_json(handle, out, e)))
    finally:
        lib.tftrt_comparison_destroy(handle)
    layers = facts.get("layers", [])
    for item in facts["outputs"] + [layer[kind] for layer in layers for kind in ("own", "accumulated")]:
        item.update({key: math.inf for key in _INFINITE if item[key] is None})
    result = {"input_sets": facts["input_sets"], "outputs": {item.pop("name"): item for item in facts["outputs"]}}
    for text in facts["warnings"]:
        log.warning(text)
    if "layers" in facts:
        result["layers"] = layers
    return result
