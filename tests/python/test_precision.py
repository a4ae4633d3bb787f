"""Precision mode AUTO: bounds hold when they are measured by compare, and what was kept is told."""
import os
import subprocess
from pathlib import Path

import pytest
import tftrt
from conftest import golden

INPUTS = [golden("mnist_cnn")[0]]


@pytest.fixture
def spoiled(saved_model, tmp_path):
    """A model whose second convolution cannot be computed in 8 bits."""
    tool = Path(os.environ["TFTRT_LIBRARY"]).parents[1] / "tests" / "spoil_model"
    subprocess.run([tool, saved_model("mnist_cnn"), tmp_path / "spoiled"], check=True)
    return tmp_path / "spoiled"


def automatic(model, target, **arguments):
    converter = tftrt.Converter(model, precision_mode="AUTO", **arguments)
    converter.convert(lambda: iter(INPUTS))
    converter.save(target)
    return converter


@pytest.mark.parametrize("bound", [dict(max_error=0.02), dict(min_cosine=0.999), dict(max_error=0.5, min_cosine=0.9999)])
def test_the_bound_holds(spoiled, tmp_path, bound):
    choice = automatic(spoiled, tmp_path / "auto", **bound).precision()
    got = tftrt.compare(spoiled, tmp_path / "auto", INPUTS)["outputs"]["output_0"]
    assert got["max_abs"] <= bound.get("max_error", 1) and got["cosine"] >= bound.get("min_cosine", 0)
    assert choice["bound"] == bound
    assert choice["chosen"]["max_error"] == pytest.approx(got["max_abs"], abs=1e-6)
    assert choice["fastest"]["max_error"] > 0.1 and choice["fp32"]["max_error"] < 1e-5
    assert all(choice[which]["ms"] > 0 for which in ("fastest", "chosen", "fp32"))
    first = choice["kept"][0]
    assert first["layer"].endswith("conv2d_1_2/Relu") and first["was"] == "int8" and first["is"] != "int8"
    assert first["own_error_before"] > 0.5 > first["own_error_after"]


def test_nothing_is_kept_where_all_is_allowed(spoiled, tmp_path):
    choice = automatic(spoiled, tmp_path / "auto", max_error=10).precision()
    assert choice["kept"] == [] or choice["because"] == "FP32 is faster here"


def test_errors(spoiled, tmp_path):
    with pytest.raises(tftrt.InvalidArgumentError, match="precision mode AUTO needs a bound"):
        tftrt.Converter(spoiled, precision_mode="AUTO")
    with pytest.raises(tftrt.InvalidArgumentError, match="are bounds of precision mode AUTO, not of FP32"):
        tftrt.Converter(spoiled, max_error=1)
    with pytest.raises(tftrt.FailedPreconditionError, match="a largest error of 0 cannot be met: with all layers in FP32"):
        automatic(spoiled, tmp_path / "auto", max_error=0)
    converter = tftrt.Converter(spoiled)
    converter.convert()
    with pytest.raises(tftrt.FailedPreconditionError, match="the precision mode is not AUTO"):
        converter.precision()


def test_other_inputs_to_measure_over(spoiled, tmp_path):
    converter = tftrt.Converter(spoiled, precision_mode="auto", min_cosine=0.99, use_dynamic_shape=True)
    converter.measure_with(lambda: iter([golden("mnist_cnn", f"serving_default.{i}")[0] for i in range(3)]))
    converter.convert(lambda: iter(INPUTS))
    converter.build(lambda: iter([golden("mnist_cnn", f"serving_default.{i}")[0] for i in range(3)]))
    choice = converter.precision()
    assert choice["input_sets"] == 3 and choice["chosen"]["cosine"] >= 0.99
