"""`tf.experimental.tensorrt.Converter`, over ours: functions and exceptions are TensorFlow's."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
import weakref
from typing import Any, Callable

import tensorflow as tf

try:
    from tensorflow.python.eager.polymorphic_function.concrete_function import ConcreteFunction as _ConcreteFunction
except ImportError:  # not in a place that TensorFlow promises
    from tensorflow.types.experimental import ConcreteFunction as _ConcreteFunction

from .. import converter as _base
from .. import errors as _errors
from .._feed import InputFunction


@functools.lru_cache(maxsize=None)
def _both(ours: type[_errors.Error]) -> type:
    """An exception that is ours, with the built-in one that TF-TRT raised, and that of tf.errors with the same name."""
    theirs = getattr(tf.errors, ours.__name__, tf.errors.UnknownError)

    def __init__(self, message: str):
        theirs.__init__(self, None, None, message)

    return type(ours.__name__, (ours, theirs), {"__init__": __init__, "__str__": theirs.__str__, "__module__": __name__})


@contextlib.contextmanager
def _tensorflow_errors():
    try:
        yield
    except _errors.Error as e:
        if isinstance(e, tf.errors.OpError):
            raise
        raise _both(type(e))(str(e)) from None


class ConvertedFunction:
    """The converted function: a `tf.ConcreteFunction` (isinstance says so, and it has all that one has) that TensorFlow loads when
    it is first called or looked at, from the model saved to a temporary directory. After build() it is loaded anew, with the
    engines. Arguments are positional, in alphabetical order of the inputs' names, or by name."""

    def __init__(self, converter: "Converter", key: str):
        self._tftrt = (converter, key)
        self._loaded: Any = None

    @property  # type: ignore[misc]
    def __class__(self):
        return _ConcreteFunction

    def _forget(self) -> None:
        self._loaded = None

    def _function(self):
        if self._loaded is None:
            converter, key = self._tftrt
            directory = tempfile.mkdtemp(prefix="tftrt-converted-")
            try:
                _base.Converter.save(converter, directory)
                model = tf.saved_model.load(directory)
            except BaseException:
                shutil.rmtree(directory, ignore_errors=True)
                raise
            function = model.signatures[key]
            weakref.finalize(model, shutil.rmtree, directory, True)
            self._loaded = (function, model)
        return self._loaded[0]

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, tf.Tensor]:
        function = self._function()
        specs = function.structured_input_signature[1]
        names = sorted(specs)
        if len(args) > len(names):
            raise TypeError(f"the converted function takes {len(names)} inputs ({', '.join(names)}), got {len(args)}")
        given = dict(zip(names, args))
        for name in kwargs:
            if name in given:
                raise TypeError(f"the converted function got input '{name}' twice")
        given.update(kwargs)
        return function(**{n: tf.convert_to_tensor(v, specs[n].dtype) if n in specs else v for n, v in given.items()})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_tftrt") or name == "_loaded":
            raise AttributeError(name)
        return getattr(self._function(), name)

    def __repr__(self) -> str:
        return f"<converted function of {self._tftrt[1]}>"


def _in_tensorflow(method: Callable) -> Callable:
    @functools.wraps(method)
    def call(self, *args, **kwargs):
        with _tensorflow_errors():
            return method(self, *args, **kwargs)

    return call


class Converter(_base.Converter):
    """`tf.experimental.tensorrt.Converter`: arguments and methods are those of `tftrt.Converter`, where they are told; inputs may be
    tensors; convert() returns a ConcreteFunction; what the library reports is raised as `tf.errors` and as the built-in
    exception that TF-TRT raised, both in one. Eager mode only."""

    def __init__(self, *args: Any, **kwargs: Any):
        assert tf.executing_eagerly()
        self._tensorflow_functions: dict[str, ConvertedFunction] = {}
        with _tensorflow_errors():
            super().__init__(*args, **kwargs)

    def convert(self, calibration_input_fn: InputFunction | None = None):
        with _tensorflow_errors():
            super().convert(calibration_input_fn)
        return self._converted_func

    build = _in_tensorflow(_base.Converter.build)
    build_profiles = _in_tensorflow(_base.Converter.build_profiles)
    build_default = _in_tensorflow(_base.Converter.build_default)
    save = _in_tensorflow(_base.Converter.save)
    summary = _in_tensorflow(_base.Converter.summary)
    calibrate_with = _in_tensorflow(_base.Converter.calibrate_with)
    measure_with = _in_tensorflow(_base.Converter.measure_with)
    add_profile = _in_tensorflow(_base.Converter.add_profile)

    @property
    def signatures(self):
        """The converted signatures by key, as ConcreteFunctions; empty before convert()."""
        return dict(self._tensorflow_functions)

    @property
    def _converted_func(self):
        return next(iter(self._tensorflow_functions.values()), None)

    @property
    def _converted_graph_def(self):
        function = self._converted_func
        return function.graph.as_graph_def() if function is not None else None

    def _finish_convert(self) -> None:
        super()._finish_convert()
        self._tensorflow_functions = {key: ConvertedFunction(self, key) for key in self._keys}

    def _build(self, *args: Any) -> None:
        super()._build(*args)
        for function in self._tensorflow_functions.values():
            function._forget()


class TrtGraphConverterV2(Converter):
    """`Converter` with TensorFlow 2.17's behaviour, as `tftrt.trt_convert` has it: TF-TRT's tests count on which ops engines take."""

    _default_op_set, _default_compat = "tf-trt", "2.17"
