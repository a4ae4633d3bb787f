"""Examples into batches and out of them: what runners that work example by example (Beam, Ray) need around a signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._tensors import TensorSpec, to_array
from .errors import InvalidArgumentError
from .function import Function


def _named(example: Any, inputs: Sequence[TensorSpec]) -> Mapping[str, Any]:
    """An example by input name; of a signature with one input it may be the array itself."""
    if isinstance(example, Mapping):
        return example
    if len(inputs) != 1:
        names = ", ".join(s.name for s in inputs)
        raise InvalidArgumentError(f"an example is a dict of arrays by input name ({names}), got {type(example).__name__}")
    return {inputs[0].name: example}


def _fixed_batch(inputs: Sequence[TensorSpec]) -> int | None:
    """The batch size when the signature takes only one. Raises where an input has no batch dim."""
    sizes = [None if s.shape is None else s.shape[0] if s.shape else 0 for s in inputs]
    batch = None if None in sizes else sizes[0] if sizes else None
    for s, size in zip(inputs, sizes):
        if s.shape is not None and (size != batch or not s.shape):
            raise InvalidArgumentError(f"input '{s.name}' has no batch dim: it is one for the whole batch")
    return batch


def _per_example(spec: TensorSpec, value: np.ndarray, count: int, fixed: int | None) -> bool:
    """Is the first dim of an output the batch? A dim that the signature states is so only where the batch is stated too."""
    if value.ndim == 0 or value.shape[0] != count:
        return False
    return spec.shape is None or (spec.shape[0] is None if fixed is None else spec.shape[0] == fixed)


class Batcher:
    """Runs a signature over lists of examples, which have no batch dim. Thread-safe where the function is.

    Args:
      function: whose inputs and outputs begin with the batch dim.
      outputs: names of the outputs to give; None: all.
    """

    def __init__(self, function: Function, outputs: Sequence[str] | None = None):
        self._function = function
        known = [s.name for s in function.outputs]
        unknown = [name for name in outputs or [] if name not in known]
        if unknown:
            raise InvalidArgumentError(f"there is no output {unknown[0]!r}; there are {', '.join(known)}")
        self._outputs = [s for s in function.outputs if outputs is None or s.name in outputs]

    def __call__(self, examples: Sequence[Any], shared: Mapping[str, Any] | None = None) -> list[dict[str, np.ndarray]]:
        """The outputs of each example, in order. Examples of equal shapes run together; where the signature has one batch size,
        as many at a time, the last ones filled up with copies whose outputs are dropped.

        Args:
          examples: dicts of arrays by input name, or arrays for the only input.
          shared: inputs that are one for the whole batch, by name, passed as they are.
        """
        shared = dict(shared or {})
        inputs = self._function.inputs
        unknown = [name for name in shared if name not in [s.name for s in inputs]]
        if unknown:
            raise InvalidArgumentError(f"there is no input {unknown[0]!r}; there are {', '.join(s.name for s in inputs)}")
        batched = [s for s in inputs if s.name not in shared]
        fixed = _fixed_batch(batched)
        groups: dict[tuple, list[int]] = {}
        rows = []
        for i, example in enumerate(examples):
            given = _named(example, batched)
            for name in given:
                if name not in [s.name for s in batched]:
                    raise InvalidArgumentError(f"example {i}: there is no input {name!r}; there are "
                                               f"{', '.join(s.name for s in batched)}")  # fmt: skip
            missing = [s.name for s in batched if s.name not in given]
            if missing:
                raise InvalidArgumentError(f"example {i}: input {missing[0]!r} is missing")
            rows.append([to_array(given[s.name], s) for s in batched])
            groups.setdefault(tuple(a.shape for a in rows[-1]), []).append(i)
        results: list[dict[str, np.ndarray]] = [{} for _ in rows]
        for members in groups.values():
            step = fixed or len(members)
            for start in range(0, len(members), step):
                part = members[start : start + step]
                filled = part + part[-1:] * (step - len(part))
                arrays = {s.name: np.stack([rows[i][k] for i in filled]) for k, s in enumerate(batched)}
                self._share_out(self._function(**arrays, **shared), len(filled), fixed, part, results)
        return results

    def _share_out(self, got, count, fixed, part, results) -> None:
        for spec in self._outputs:
            value = got[spec.name]
            if not _per_example(spec, value, count, fixed):
                raise InvalidArgumentError(f"output '{spec.name}' of shape {value.shape} is none per example of a batch of {count}; "
                                           "leave it out by naming the outputs that are wanted")  # fmt: skip
            for row, i in enumerate(part):
                results[i][spec.name] = value[row]
