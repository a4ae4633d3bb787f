"""What the library reports, as TensorFlow's exceptions."""

from __future__ import annotations

import contextlib
import functools

import tensorflow as tf

from .. import errors


@functools.lru_cache(maxsize=None)
def _both(ours: type[errors.Error]) -> type:
    """An exception that is ours, with the built-in one that TF-TRT raised, and that of tf.errors with the same name."""
    theirs = getattr(tf.errors, ours.__name__, tf.errors.UnknownError)

    def __init__(self, message: str):
        theirs.__init__(self, None, None, message)

    return type(ours.__name__, (ours, theirs), {"__init__": __init__, "__str__": theirs.__str__, "__module__": __name__})


@contextlib.contextmanager
def tensorflow_errors():
    try:
        yield
    except errors.Error as e:
        if isinstance(e, tf.errors.OpError):
            raise
        raise _both(type(e))(str(e)) from None
