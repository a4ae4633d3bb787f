"""Functions of arrays: what a signature of a loaded model and a converted signature have in common."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ._library import CTensor, CTensorInfo
from ._tensors import TensorSpec, fill, from_tensor, to_array
from .errors import check, new_error


def arrange(args, kwargs, specs, what: str) -> list[np.ndarray]:
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


def specs(count: int, get) -> tuple[TensorSpec, ...]:
    """TensorSpecs of `count` inputs or outputs; get(i, info, error) is a function of the library."""
    found = []
    for i in range(max(0, count)):
        info, error = CTensorInfo(), new_error()
        check(get(i, ctypes.byref(info), ctypes.byref(error)), error)
        found.append(TensorSpec(info))
    return tuple(found)


class Function:
    """Inputs and outputs by name. Call it with arrays, positional in alphabetical order of the inputs' names or by keyword; it
    returns a dict of NumPy arrays by output name, in alphabetical order.

    Attributes:
      inputs, outputs: `TensorSpec`s in that order.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def structured_outputs(self) -> dict[str, TensorSpec]:
        """Output names and their specs, as of TensorFlow's ConcreteFunction."""
        return {s.name: s for s in self.outputs}

    @property
    def structured_input_signature(self) -> tuple[tuple, dict[str, TensorSpec]]:
        """((), {name: spec}), as of TensorFlow's ConcreteFunction."""
        return (), {s.name: s for s in self.inputs}

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, np.ndarray]:
        arrays = arrange(args, kwargs, self.inputs, self._title())
        c_in = (CTensor * max(1, len(self.inputs)))()
        c_out = (CTensor * max(1, len(self.outputs)))()
        kept = [fill(c, a, s) for c, a, s in zip(c_in, arrays, self.inputs)]
        error = new_error()
        code = self._call(c_in, len(self.inputs), c_out, len(self.outputs), ctypes.byref(error))
        del kept
        check(code, error)
        return {s.name: from_tensor(c) for s, c in zip(self.outputs, c_out)}

    def _title(self) -> str:
        raise NotImplementedError

    def _call(self, inputs, n_inputs, outputs, n_outputs, error) -> int:
        """The library's function; ctypes releases the GIL meanwhile."""
        raise NotImplementedError

    def _signature_text(self) -> str:
        arguments = ", ".join(f"{s.name}: {s.dtype}{_dims(s.shape)}" for s in self.inputs)
        results = ", ".join(f"{s.name}: {s.dtype}{_dims(s.shape)}" for s in self.outputs)
        return f"({arguments}) -> {{{results}}}"


def _dims(shape) -> str:
    return "" if shape is None else "[" + ",".join("?" if d is None else str(d) for d in shape) + "]"
