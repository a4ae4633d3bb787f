"""Progress of long calls: to a function of the user's, or drawn with tqdm. Also what lets Ctrl-C end such a call: signal handlers
of Python's run only when Python code does."""

from __future__ import annotations

import ctypes
import sys
from typing import Callable, Union

from ._library import ProgressFn

# Called with the stage's name, units done and units in all; a true result cancels the call.
Progress = Union[bool, None, Callable[[str, int, int], object]]

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"  # units differ from stage to stage


def _watched() -> bool:
    """Is somebody looking, on a terminal or in a notebook?"""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class _Bars:
    """One bar of tqdm for the stage that is going on."""

    def __init__(self, tqdm):
        self._tqdm, self._stage, self._bar = tqdm, None, None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.close()
            self._stage, self._bar = stage, self._tqdm(total=total, desc=stage, leave=False, bar_format=_FORMAT)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._stage = self._bar = None


def _teller(progress: Progress):
    if callable(progress):
        return progress
    if progress is False or (progress is None and not _watched()):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            raise
        return None
    return _Bars(tqdm)


class Reporter:
    """A user's wish about progress as a tftrt_progress_fn. What the function raises cancels the call, and `check` raises it."""

    def __init__(self, progress: Progress):
        self._tell = _teller(progress)
        self.failure: BaseException | None = None

    def callback(self):
        """A tftrt_progress_fn, to be kept as long as it may be called."""
        return ProgressFn(self._called)

    def _called(self, _user: ctypes.c_void_p, stage: bytes, done: int, total: int) -> int:
        try:
            return 1 if self._tell is not None and self._tell(stage.decode(), done, total) else 0
        except BaseException as e:  # also KeyboardInterrupt: it must not be lost in C
            self.failure = e
            return 1

    def check(self) -> None:
        """Raises what the function raised during the call that has ended."""
        failure, self.failure = self.failure, None
        if isinstance(self._tell, _Bars):
            self._tell.close()
        if failure is not None:
            raise failure
