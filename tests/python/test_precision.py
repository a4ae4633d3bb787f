"""Precision mode AUTO: bounds hold when they are measured by compare, and what was kept is told."""
import struct

import pytest
import tftrt
from conftest import golden

INPUTS = [golden("mnist_cnn")[0]]


@pytest.fixture
def spoiled(saved_model, spoil, tmp_path):
    """A model whose second convolution cannot be computed in 8 bits."""
    spoil(saved_model("mnist_cnn"), tmp_path / "spoiled")
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


def scales_of(table):
    """TensorRT's calibration cache: the hex of a float32 for each tensor."""
    lines = [line.rsplit(": ", 1) for line in table.read_text().splitlines()[1:]]
    return {name: struct.unpack(">f", bytes.fromhex(value))[0] for name, value in lines}


def test_the_summary_tells_dtypes_and_scales(saved_model, tmp_path):
    converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", calibration_table=tmp_path / "table")
    converter.convert(lambda: iter(INPUTS))
    converter.save(tmp_path / "int8")
    (node,) = tftrt.summary_dict(tmp_path / "int8")["engines"]
    (engine,) = node["engines"]
    scales = scales_of(tmp_path / "table")
    assert node["precision_mode"] == "INT8"
    assert engine["layers_by_precision"]["int8"] >= 5 and engine["layers_by_precision"]["fp32"] >= 1
    quantize = next(layer for layer in engine["layers"] if layer["type"] == "QUANTIZE")
    assert quantize["outputs"][0]["dtype"] == "int8"
    assert quantize["outputs"][0]["scale"] == pytest.approx(scales["TensorRTInputPH_0"], rel=1e-6)
    conv = [layer for layer in engine["layers"] if layer["type"] == "CONVOLUTION"]
    for layer, channels in zip(conv, (16, 32)):
        x, w = layer["inputs"][:2]
        assert layer["precision"] == "int8" and w["constant"] and w["channel_scales"]["count"] == channels
        assert w["channel_scales"]["min"] <= w["channel_scales"]["max"] and x["scale"] > 0
    # Behind a Relu there are 255 steps: the range of 127 of them is the table's.
    (relu,) = [o for o in conv[0]["outputs"]]
    name = next(n for n in scales if n.endswith("conv2d_1/Relu"))
    pooled = next(n for n in scales if n.endswith("max_pooling2d_1/MaxPool2d"))
    assert relu["dtype"] == "uint8"
    assert relu["scale"] * 255 / 127 == pytest.approx(scales[pooled], rel=1e-5) or \
        relu["scale"] * 255 / 127 == pytest.approx(scales[name], rel=1e-5)


def test_the_summary_tells_why_a_layer_has_more_bits(spoiled, saved_model, tmp_path):
    automatic(spoiled, tmp_path / "auto", max_error=0.02)
    (node,) = tftrt.summary_dict(tmp_path / "auto")["engines"]
    why = {layer["name"].split("functional_1/")[-1]: layer.get("why") for layer in node["engines"][0]["layers"]}
    assert why["conv2d_1_2/Relu"] == "it is kept in higher precision"
    converter = tftrt.Converter(saved_model("bert_tiny"), precision_mode="INT8")
    converter.convert(lambda: iter([golden("bert_tiny")[0]]))
    converter.save(tmp_path / "bert")
    (node,) = tftrt.summary_dict(tmp_path / "bert")["engines"]
    weighs = [layer for layer in node["engines"][0]["layers"] if "it weighs by a softmax" in (layer.get("why") or "")]
    assert weighs and all("mha" in layer["name"] and layer["precision"] != "int8" for layer in weighs)
