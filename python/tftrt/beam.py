"""Models in Apache Beam pipelines: a handler for RunInference. Needs apache-beam.

    import apache_beam as beam
    from apache_beam.ml.inference.base import RunInference
    import tftrt.beam

    handler = tftrt.beam.ModelHandler("converted", max_batch_size=32)
    scored = clips | RunInference(handler)  # PredictionResult: example, inference (a dict of arrays by output name), model_id
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from apache_beam.io.filesystems import FileSystems
from apache_beam.ml.inference import base
from apache_beam.ml.inference.base import PredictionResult

from ._batching import Batcher
from .errors import InvalidArgumentError
from .model import Model, load

__all__ = ["ModelHandler", "Scorer"]

_SIGNATURE_KEY = "signature_key"  # in inference_args; all else there is an input


def _local(uri: str) -> str:
    """A directory of this machine with the model of `uri`, which may be on any of Beam's filesystems; a copy goes with the
    process."""
    if FileSystems.get_scheme(uri) is None:
        return uri
    root = uri.rstrip("/")
    copy = tempfile.mkdtemp(prefix="tftrt-model-")
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    found = FileSystems.match([root + "/**"])[0].metadata_list
    if not found:
        raise FileNotFoundError(f"{uri}: there is no SavedModel")
    for file in found:
        target = os.path.join(copy, *file.path[len(root) + 1 :].split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with FileSystems.open(file.path) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
    return copy


class Scorer:
    """What a worker holds: the loaded model. A handler that shares it between processes calls it through a proxy, so that
    arguments and results are what can be pickled."""

    def __init__(self, model: Model, signature_key: str | None, outputs: Sequence[str] | None):
        self._model, self._outputs = model, outputs
        self._batchers: dict[str, Batcher] = {}
        self._default = signature_key or model.default_signature.key
        self._batcher(self._default)
        model[self._default].prepare()

    def _batcher(self, key: str) -> Batcher:
        if key not in self._model:
            raise InvalidArgumentError(f"{self._model.directory}: no signature '{key}'; it has {', '.join(self._model)}")
        if key not in self._batchers:
            self._batchers[key] = Batcher(self._model[key], self._outputs)
        return self._batchers[key]

    def score(self, batch: Sequence[Any], inference_args: Mapping[str, Any]) -> list[dict[str, np.ndarray]]:
        """The outputs of every example, in order."""
        shared = dict(inference_args)
        return self._batcher(shared.pop(_SIGNATURE_KEY, self._default))(batch, shared)

    def engine_stats(self) -> list[dict]:
        """`Model.engine_stats` of this worker."""
        return self._model.engine_stats()


class ModelHandler(base.ModelHandler[Any, PredictionResult, Scorer]):
    """Scores elements with a SavedModel, converted or not.

    An element is an example without the batch dim: an array (or what becomes one) where the signature has one input, else a dict
    of arrays by input name. Examples of a batch need not have equal shapes; those that have run together. Beam's wrappers apply:
    `KeyedModelHandler` for (key, example), `with_preprocess_fn`, `with_postprocess_fn`, `with_no_batching`.

    `RunInference(handler, inference_args={...})`: "signature_key" chooses another signature; every other name is an input that
    is one for the whole batch, and is not looked for in the examples.

    Args:
      model_uri: the SavedModel's directory, on any of Beam's filesystems; a remote one is copied once per worker.
      signature_key: None: "serving_default", or the only one.
      outputs: names of the outputs to give; None: all. Each must have the batch as its first dim.
      tags, threads, backend, on_fallback, compat: as of `tftrt.load`. Where a runner has several workers on a machine, give each
        its share of the CPUs by `threads`.
      min_batch_size, max_batch_size, max_batch_duration_secs, max_batch_weight, element_size_fn: of Beam's batching.
      large_model: one copy of the model per machine, shared by its processes.
      model_copies: so many copies per machine, shared likewise.
      kwargs: what Beam's own handler takes besides, such as env_vars.

    A worker that loads the model, or a batch that does not fit the signature, raises `tftrt.Error`, which names the input or
    file; `RunInference(handler).with_exception_handling()` sets such batches aside.
    """

    def __init__(
        self,
        model_uri: str | os.PathLike,
        *,
        signature_key: str | None = None,
        outputs: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        threads: int = 0,
        backend: str | None = None,
        on_fallback: str = "native",
        compat: str | None = None,
        min_batch_size: int | None = None,
        max_batch_size: int | None = None,
        max_batch_duration_secs: int | None = None,
        max_batch_weight: int | None = None,
        element_size_fn: Callable[[Any], int] | None = None,
        large_model: bool = False,
        model_copies: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            min_batch_size=min_batch_size,
            max_batch_size=max_batch_size,
            max_batch_duration_secs=max_batch_duration_secs,
            max_batch_weight=max_batch_weight,
            element_size_fn=element_size_fn,
            large_model=large_model,
            model_copies=model_copies,
            **kwargs,
        )
        self._model_uri = os.fspath(model_uri)
        self._signature_key, self._outputs = signature_key, outputs
        self._load_args: dict[str, Any] = {"tags": tags, "threads": threads, "backend": backend, "on_fallback": on_fallback, "compat": compat}

    def load_model(self) -> Scorer:
        """Loads the model and readies its signature, so that no batch has to wait for that."""
        return Scorer(load(_local(self._model_uri), **self._load_args), self._signature_key, self._outputs)

    def run_inference(self, batch: Sequence[Any], model: Scorer,
                      inference_args: dict[str, Any] | None = None) -> Iterable[PredictionResult]:  # fmt: skip
        """A PredictionResult for every example: `inference` is a dict of arrays by output name, `model_id` the model's URI."""
        scored = model.score(list(batch), inference_args or {})
        return [PredictionResult(example, outputs, self._model_uri) for example, outputs in zip(batch, scored)]

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        """Bytes of the batch's arrays."""

        def size(value: Any) -> int:
            return sum(size(v) for v in value.values()) if isinstance(value, Mapping) else np.asarray(value).nbytes

        return sum(size(example) for example in batch)

    def get_metrics_namespace(self) -> str:
        """Where Beam's metrics of this handler are found."""
        return "BeamML_TFTRT"

    def validate_inference_args(self, inference_args: dict[str, Any] | None) -> None:
        """inference_args is a dict of texts to inputs, or "signature_key" to a text."""
        key = (inference_args or {}).get(_SIGNATURE_KEY, "")
        if not isinstance(key, str):
            raise InvalidArgumentError(f"inference_args: '{_SIGNATURE_KEY}' is a text, got {type(key).__name__}")

    def update_model_path(self, model_path: str | None = None) -> None:
        """The model to load from now on: Beam's automatic model refresh."""
        self._model_uri = model_path or self._model_uri
