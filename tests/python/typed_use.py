"""Not run: what mypy --strict makes of a program that uses the package (tools/lint). Every public name has types."""
from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import tftrt


def inputs() -> Iterator[dict[str, np.ndarray]]:
    yield {"x": np.zeros((1, 4), np.float32)}


def convert(source: os.PathLike[str], target: str) -> list[str]:
    params: tftrt.TrtConversionParams = tftrt.DEFAULT_TRT_CONVERSION_PARAMS._replace(precision_mode=tftrt.TrtPrecisionMode.INT8)
    converter = tftrt.Converter(
        input_saved_model_dir=source,
        conversion_params=params,
        dynamic_shape_profile_strategy=tftrt.ProfileStrategy.RANGE,
        progress=lambda stage, done, total: done > total,
    )
    function: tftrt.ConvertedFunction = converter.convert(calibration_input_fn=inputs)
    answer: np.ndarray = function(x=[1.0])["y"]
    converter.add_profile({"x": (1, 4)}, {"x": (2, 4)}, {"x": answer.shape})
    converter.build(inputs)
    converter.save(target, save_gpu_specific_engines=False)
    worst: float = tftrt.compare(source, target, [{"x": answer}], per_layer=True)["outputs"]["y"]["max_abs"]
    print(worst, converter.precision()["kept"])
    lines: list[str] = []
    converter.summary(print_fn=lines.append)
    return lines + converter.warnings + list(converter.signatures)


def run(directory: str) -> int:
    with tftrt.load(directory, on_fallback="fail") as model:
        key: str
        for key, signature in model.items():
            specs: tuple[tftrt.TensorSpec, ...] = signature.inputs
            shape: tuple[int | None, ...] | None = specs[0].shape
            result: dict[str, np.ndarray] = signature(np.zeros((1, 4), np.float32))
            print(key, shape, specs[0].numpy_dtype, result)
        try:
            model(x=1)
        except tftrt.InvalidArgumentError as e:
            return e.code
        return len(model.engine_stats())


def tell(directory: str) -> str:
    facts: dict[str, object] = tftrt.explain(directory, as_dict=True, op_set="tf-trt")
    text: str = tftrt.show(directory)
    engines, size = tftrt.clear_engine_cache("cache")
    return f"{facts} {text} {engines + size} {tftrt.__version__}"
