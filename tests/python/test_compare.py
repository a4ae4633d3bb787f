"""tftrt.compare against NumPy's figures on the same arrays."""
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import tftrt
from conftest import golden


def figures(a, b):
    a, b = (x.astype(np.complex128).view(np.float64) if x.dtype.kind == "c" else x.astype(np.float64) for x in (a, b))
    error = np.abs(b - a)
    histogram = np.histogram(error[error > 0], [0] + [10.0 ** k for k in range(-8, 3)] + [math.inf])[0].tolist()
    return {"max_abs": error.max(), "mean_abs": error.mean(), "relative_l2": np.linalg.norm(b - a) / np.linalg.norm(a),
            "cosine": np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b), "unequal": int((a != b).sum()),
            "count": a.size, "histogram": [int((error == 0).sum())] + histogram}  # fmt: skip


def assert_figures(got, want):
    for key in ("count", "unequal", "histogram"):
        assert got[key] == want[key], key
    for key in ("max_abs", "mean_abs", "relative_l2", "cosine"):
        assert got[key] == pytest.approx(want[key], rel=1e-9, abs=1e-300), key


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "i8", "u1", "b1", "c8", "c16"])
def test_figures_are_numpys(dtype):
    rng = np.random.default_rng(7)
    a = rng.normal(size=(5, 7, 3, 11, 3)) * 10 ** rng.uniform(-3, 3, size=(5, 7, 3, 11, 3))
    b = a + rng.normal(size=a.shape) * 10 ** rng.uniform(-12, 3, size=a.shape)
    b[0] = a[0]
    if dtype == "b1":
        a, b = a > 0, b > 0.1
    elif dtype[0] == "c":
        a, b = a + 1j * a[::-1], b + 1j * a[::-1]
    elif dtype == "u1":
        a, b = a.clip(0, 255), b.clip(0, 255)
    a, b = a.astype(dtype), b.astype(dtype)
    got = tftrt.compare({"y": a}, {"y": b})["outputs"]["y"]
    assert_figures(got, figures(a, b))
    assert "classes" not in got and got["dtype"].startswith(("complex", "float", "int", "uint", "bool"))


@pytest.mark.parametrize("shape", [(200, 10), (20, 9, 30), (40, 4)])
def test_top_k_agreement(shape):
    rng = np.random.default_rng(3)
    a = rng.normal(size=shape).astype("f4")
    b = a + rng.normal(size=shape).astype("f4") * 0.7
    got = tftrt.compare({"y": a}, {"y": b})["outputs"]["y"]
    x, y = a.reshape(-1, shape[-1]), b.reshape(-1, shape[-1])
    best = x.argmax(1)
    assert got["classes"] == shape[-1] and got["rows"] == len(x)
    assert got["top1"] == pytest.approx((y.argmax(1) == best).mean())
    assert 0 < got["top1"] < 1
    if shape[-1] > 5:
        five = np.argsort(-y, axis=1)[:, :5]
        assert got["top5"] == pytest.approx((five == best[:, None]).any(1).mean())
    else:
        assert "top5" not in got


def test_not_finite():
    a = np.array([1, np.nan, np.inf, -np.inf, 2], "f4")
    assert tftrt.compare({"y": a}, {"y": a})["outputs"]["y"]["max_abs"] == 0
    got = tftrt.compare({"y": a}, {"y": np.array([1, np.nan, 3, -np.inf, np.nan], "f4")})["outputs"]["y"]
    assert got["not_finite"] == got["unequal"] == 2
    assert got["max_abs"] == got["mean_abs"] == got["relative_l2"] == math.inf and got["cosine"] == 0
    assert got["histogram"][-1] == 2


def test_strings_are_equal_or_not():
    a = np.array([b"one", b"two", b"three"])
    assert tftrt.compare({"s": a}, {"s": a})["outputs"]["s"]["unequal"] == 0
    got = tftrt.compare({"s": a}, {"s": np.array([b"one", b"to", b"three"])})["outputs"]["s"]
    assert got["unequal"] == 1 and got["max_abs"] == math.inf


def test_zeros():
    z, one = np.zeros(4, "f4"), np.ones(4, "f4")
    got = tftrt.compare({"y": z}, {"y": z})["outputs"]["y"]
    assert (got["max_abs"], got["relative_l2"], got["cosine"]) == (0, 0, 1)
    got = tftrt.compare({"y": z}, {"y": one})["outputs"]["y"]
    assert (got["max_abs"], got["relative_l2"], got["cosine"]) == (1, math.inf, 0)


@pytest.mark.parametrize("a, b, message", [
    ({"x": np.zeros(2)}, {"y": np.zeros(2)}, r"output 'x' of .* is not in .*, which has y"),
    ({"x": np.zeros(2), "y": np.zeros(2)}, {"y": np.zeros(2)}, "output 'x' of"),
    ({"x": np.zeros(2)}, {"x": np.zeros(3)}, r"output 'x': its shapes are \[2\] and \[3\]"),
    ({"x": np.zeros(2)}, {"x": np.zeros(2, "f4")}, "output 'x': its dtypes are float64 and float32"),
])  # fmt: skip
def test_what_does_not_match(a, b, message):
    with pytest.raises(tftrt.InvalidArgumentError, match=message):
        tftrt.compare(a, b)


def int8_model(saved_model, tmp_path, name="mnist_cnn"):
    inputs = golden(name)[0]
    converter = tftrt.Converter(saved_model(name), precision_mode="INT8")
    converter.convert(lambda: iter([inputs]))
    converter.save(tmp_path / "int8")
    return str(tmp_path / "int8")


def test_models(saved_model, tmp_path):
    inputs = [golden("mnist_cnn", f"serving_default.{i}")[0] for i in range(3)]
    source, int8 = saved_model("mnist_cnn"), int8_model(saved_model, tmp_path)
    got = tftrt.compare(source, int8, inputs)
    a, b = (np.concatenate([tftrt.load(m)(**i)["output_0"] for i in inputs]) for m in (source, int8))
    assert got["input_sets"] == 3
    assert_figures(got["outputs"]["output_0"], figures(a, b))
    assert 0 < got["outputs"]["output_0"]["max_abs"]
    # The same of what was recorded, on either side, and from files.
    for i, item in enumerate(inputs):
        np.savez(tmp_path / f"{i}.npz", **item)
    np.savez(tmp_path / "recorded.npz", output_0=a)
    files = [tmp_path / f"{i}.npz" for i in range(3)]
    assert tftrt.compare(tmp_path / "recorded.npz", int8, files) == got
    assert tftrt.compare({"output_0": a}, {"output_0": b})["outputs"] == got["outputs"]
    assert tftrt.compare(int8, {"output_0": a}, inputs)["outputs"]["output_0"]["max_abs"] == got["outputs"]["output_0"]["max_abs"]
    with pytest.raises(tftrt.InvalidArgumentError, match="has .* rows, the inputs give"):
        tftrt.compare(tmp_path / "recorded.npz", int8, files[:2])
    with pytest.raises(tftrt.InvalidArgumentError, match="has .* rows, the inputs give more"):
        tftrt.compare(tmp_path / "recorded.npz", int8, files + files)


def test_what_ran_natively_is_told(saved_model, tmp_path, caplog):
    inputs = [golden("mnist_cnn", f"serving_default.{i}")[0] for i in range(3)]
    converter = tftrt.Converter(saved_model("mnist_cnn"), allow_build_at_runtime=False)
    converter.convert()
    converter.build(lambda: iter(inputs[:1]))
    converter.save(tmp_path / "small")
    tftrt.compare(saved_model("mnist_cnn"), tmp_path / "small", inputs)
    assert "did not serve 2 of 3 runs, its native segment ran:" in caplog.text


def test_made_up_inputs(saved_model, tmp_path):
    source = saved_model("mnist_cnn")
    got = tftrt.compare(source, source)
    assert got["input_sets"] == 1 and got["outputs"]["output_0"]["unequal"] == 0


def test_errors(saved_model):
    source, inputs = saved_model("mnist_cnn"), golden("mnist_cnn")[0]
    with pytest.raises(tftrt.InvalidArgumentError, match="do not take the same inputs"):
        tftrt.compare(source, saved_model("bigru"), inputs)
    with pytest.raises(KeyError):
        tftrt.compare(source, source, inputs, signature="nothing")
    with pytest.raises(tftrt.InvalidArgumentError, match="there are no inputs"):
        tftrt.compare(source, source, [])
    with pytest.raises(RuntimeError, match="Failed to convert input to tensor."):
        tftrt.compare(source, source, {})


@pytest.fixture
def spoiled(saved_model, spoil, tmp_path):
    """A model whose second convolution cannot be computed in 8 bits, and its INT8 form."""
    spoil(saved_model("mnist_cnn"), tmp_path / "spoiled")
    converter = tftrt.Converter(tmp_path / "spoiled", precision_mode="INT8", maximum_cached_engines=3)
    converter.convert(lambda: iter([golden("mnist_cnn", f"serving_default.{i}")[0] for i in range(3)]))
    converter.build(lambda: iter([golden("mnist_cnn", f"serving_default.{i}")[0] for i in range(3)]))
    converter.save(tmp_path / "int8")
    return tmp_path / "spoiled", tmp_path / "int8"


def test_the_worst_layer_is_first(spoiled):
    inputs = [golden("mnist_cnn", f"serving_default.{i}")[0] for i in range(3)]
    got = tftrt.compare(*spoiled, inputs, per_layer=True)
    layers = got["layers"]
    assert got["outputs"] == tftrt.compare(*spoiled, inputs)["outputs"]  # they run as they are
    assert layers[0]["type"] == "CONVOLUTION" and layers[0]["precision"] == "int8"
    assert any(n.endswith("conv2d_1_2/convolution") for n in layers[0]["nodes"]), layers[0]["nodes"]
    assert layers[0]["own"]["relative_l2"] > 0.5
    assert all(layer["own"]["relative_l2"] < 0.05 for layer in layers[1:])
    by_name = {layer["layer"].split("functional_1/")[-1]: layer for layer in layers}
    # What comes after it has its error, and adds none; what comes before has not.
    assert by_name["logits_1/BiasAdd"]["accumulated"]["relative_l2"] > 0.5
    assert by_name["conv2d_1/Relu"]["accumulated"]["relative_l2"] < 0.05
    for layer in layers:
        assert layer["kernel"] and layer["count"] > 0
        if layer["precision"] == "fp32":
            assert layer["own"]["max_abs"] == 0
    want = got["outputs"]["output_0"]
    assert by_name["probs_1/Softmax"]["accumulated"] == pytest.approx(
        {k: want[k] for k in ("max_abs", "mean_abs", "relative_l2", "cosine")}, rel=1e-4)


def test_no_layer_of_an_fp32_engine_adds_an_error(saved_model, tmp_path):
    for name in ("resnet_tiny", "bert_tiny"):
        converter = tftrt.Converter(saved_model(name))
        converter.convert()
        converter.build(lambda: iter([golden(name)[0]]))
        converter.save(tmp_path / name)
        layers = tftrt.compare(saved_model(name), tmp_path / name, golden(name)[0], per_layer=True)["layers"]
        assert len(layers) > 10
        assert all(layer["precision"] in ("fp32", "int32", "int64") for layer in layers)
        assert max(layer["own"]["relative_l2"] for layer in layers) < 1e-5
        assert max(layer["accumulated"]["relative_l2"] for layer in layers) < 1e-5


def test_nothing_to_observe(saved_model):
    source, inputs = saved_model("mnist_cnn"), golden("mnist_cnn")[0]
    with pytest.raises(tftrt.FailedPreconditionError, match="has no engines whose layers could be observed"):
        tftrt.compare(source, source, inputs, per_layer=True)
    with pytest.raises(tftrt.InvalidArgumentError, match="it has no layers to observe"):
        tftrt.compare(source, {"output_0": np.zeros((1, 10), "f4")}, inputs, per_layer=True)


def test_a_layers_own_error_is_numpys(saved_model, tmp_path):
    """The first convolution of mnist_cnn in 8 bits, simulated: its input rounded to the calibrated steps, its weights to 127 steps of
    each output channel as SQuant does, what it makes to the steps of the next layer."""
    table = tmp_path / "table"
    converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", calibration_table=table)
    converter.convert(lambda: iter([golden("mnist_cnn")[0]]))
    table.write_text("".join(s for s in table.read_text().splitlines(keepends=True) if "#channels" not in s))
    converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", calibration_table=table)
    converter.convert()  # not equalised
    converter.build(lambda: iter([golden("mnist_cnn")[0]]))
    converter.save(tmp_path / "int8")
    values = np.fromfile(Path(saved_model("mnist_cnn")) / "variables/variables.data-00000-of-00001", "<f4")
    weights, bias = values[:144].reshape(9, 16).astype("f8"), values[144:160].astype("f8")  # variables/0 and /1: [3,3,1,16], [16]
    x = golden("mnist_cnn")[0]["image"][0, :, :, 0].astype("f8")

    def conv(x, w):
        return np.maximum(np.lib.stride_tricks.sliding_window_view(x, (3, 3)).reshape(26, 26, 9) @ w + bias, 0)

    def squant(w):
        """Whole steps of one kernel, whose errors sum up to half a step at most (docs/int8.md)."""
        q = np.rint(w)
        while abs((q - w).sum()) > 0.5:
            sign = np.sign((q - w).sum())
            q[np.argmax(sign * (q - w))] -= sign
        return q

    line = next(s for s in table.read_text().splitlines() if s.startswith("TensorRTInputPH_0: "))
    step = struct.unpack(">f", bytes.fromhex(line.split(": ")[1]))[0]
    channel = np.abs(weights).max(0) / 127
    y = conv(np.clip(np.rint(x / step), -128, 127) * step, np.apply_along_axis(squant, 0, weights / channel) * channel)
    (node,) = tftrt.summary_dict(tmp_path / "int8")["engines"]
    told = next(layer for layer in node["engines"][0]["layers"] if layer["name"].endswith("conv2d_1/Relu"))["outputs"][0]
    assert told["dtype"] == "uint8"
    y = np.clip(np.rint(y / told["scale"]), 0, 255) * told["scale"]
    want = conv(x, weights)
    layers = tftrt.compare(saved_model("mnist_cnn"), tmp_path / "int8", golden("mnist_cnn")[0], per_layer=True)["layers"]
    got = next(layer for layer in layers if layer["layer"].endswith("conv2d_1/Relu"))
    assert got["count"] == want.size
    assert got["own"]["relative_l2"] == pytest.approx(np.linalg.norm(y - want) / np.linalg.norm(want), rel=1e-3)
    assert got["own"]["max_abs"] == pytest.approx(np.abs(y - want).max(), rel=1e-3)
    assert got["own"]["mean_abs"] == pytest.approx(np.abs(y - want).mean(), rel=1e-3)
    assert got["accumulated"] == pytest.approx(got["own"], rel=1e-3)  # nothing comes before it but the same rounding


@pytest.mark.parametrize("arguments", [dict(), dict(use_dynamic_shape=True)])
def test_every_product_is_observed(saved_model, tmp_path, arguments):
    """Also where shapes are not known when the engine is built: the FP32 network is fused as the planned one."""
    inputs = golden("bert_tiny")[0]
    converter = tftrt.Converter(saved_model("bert_tiny"), precision_mode="INT8", **arguments)
    converter.convert(lambda: iter([inputs]))
    converter.build(lambda: iter([inputs]))
    converter.save(tmp_path / "bert")
    layers = tftrt.compare(saved_model("bert_tiny"), tmp_path / "bert", inputs, per_layer=True)["layers"]
    seen = sorted(layer["layer"] for layer in layers if layer["type"] == "MATRIX_MULTIPLY")
    (node,) = tftrt.summary_dict(tmp_path / "bert")["engines"]
    assert seen == sorted(layer["name"] for layer in node["engines"][0]["layers"] if layer["type"] == "MATRIX_MULTIPLY")
    assert all(0 < layer["own"]["relative_l2"] < 0.1 for layer in layers if layer["precision"] == "int8")
