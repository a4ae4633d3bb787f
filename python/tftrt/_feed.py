"""Input functions: what generators of the user's yield, for build() and calibration, as tftrt_input_fn."""

from __future__ import annotations

import logging
from typing import Callable, Iterable, Iterator

from ._library import InputFn
from ._tensors import fill
from .function import arrange

log = logging.getLogger("tftrt")

# Called without arguments; gives inputs as list or tuple (in alphabetical order of the names), dict, or a single array.
InputFunction = Callable[[], Iterable]

_WHO = "the converted function"


def arrays_of(item, inputs) -> list:
    """The arrays of one item, in the order of the inputs."""
    if isinstance(item, (list, tuple)):
        return arrange(item, {}, inputs, _WHO)  # whose own exception TF-TRT lets through
    try:
        if isinstance(item, dict):
            return arrange((), item, inputs, _WHO)
        return arrange((item,), {}, inputs, _WHO)
    except Exception as e:
        log.error(str(e))
        raise RuntimeError("Failed to convert input to tensor.") from e


class Feed:
    """An input function for the library, through `callback`. It is called when the first inputs are asked for, and again after it
    has ended or failed. Exceptions do not pass through C: they are kept, and `check` raises them."""

    def __init__(self, input_fn: InputFunction, inputs: Callable[[], tuple]):
        """inputs(): the TensorSpecs of the signature, known when inputs are asked for."""
        self._input_fn, self._get_inputs = input_fn, inputs
        self._items: Iterator | None = None
        self._inputs: tuple = ()
        self._kept: list = []
        self.failure: BaseException | None = None

    def callback(self):
        """A tftrt_input_fn. Who passes it to the library keeps it as long as it may be called, and not in the feed: nothing that
        holds a converter is in a cycle, so that its memory goes with the last reference."""
        return InputFn(self._next)

    def _next(self, _user, tensors, n: int) -> int:
        try:
            if self._items is None:
                self._inputs = self._get_inputs()
                self._items = iter(self._input_fn())
            try:
                item = next(self._items)
            except StopIteration:
                self._items, self._kept = None, []
                return 0
            arrays = arrays_of(item, self._inputs)
            self._kept = [fill(tensors[i], arrays[i], self._inputs[i]) for i in range(n)]
            return 1
        except BaseException as e:  # also KeyboardInterrupt: it must not be lost in C
            self._items, self._kept, self.failure = None, [], e
            return -1

    def check(self) -> None:
        """Raises what the function raised during the call that has ended."""
        self._items, self._kept = None, []
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure


def in_threes(input_fn: InputFunction) -> InputFunction:
    """Of a function that yields (min, opt, max), one that yields the three after each other."""

    def flat():
        for item in input_fn():
            if not isinstance(item, (list, tuple)) or len(item) != 3:
                raise ValueError("the inputs of a profile come as (min, opt, max), each a list, tuple, dict or array")
            yield from item

    return flat
