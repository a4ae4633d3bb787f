"""INT8's calibration inputs: what is wrong with them is said once and clearly; batches of all sizes count, for each engine."""
from pathlib import Path

import numpy as np
import pytest
import tftrt
from conftest import cases, golden

IMAGE = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)


def with_value(value):
    image = IMAGE.copy()
    image[1, 3, 4, 0] = value
    return image


NOT_FINITE = "inputs 2: tensor 'TensorRTInputPH_0' has a value that is NaN or infinite"
BAD = {
    "nothing": ([], ValueError, "^calibration_input_fn gave no inputs: there is nothing to calibrate with$"),
    "too many": ([(IMAGE, IMAGE)], TypeError, r"takes 1 inputs \(image\), got 2"),
    "none": ([()], TypeError, "needs input 'image'"),
    "shape": ([IMAGE[:, :27]], ValueError, r"input 'image': the signature wants float32 \[\?,28,28,1\], got float32 \[2,27,28,1\]"),
    "rank": ([IMAGE[0]], ValueError, r"input 'image': the signature wants float32 \[\?,28,28,1\], got float32 \[28,28,1\]"),
    "dtype": ([(IMAGE.astype(np.int32),)], ValueError, "input 'image': the signature wants float32, got int32"),
    "double": ([(IMAGE.astype(np.float64),)], ValueError, "input 'image': the signature wants float32, got float64"),
    "strings": ([[np.array(["a"])]], ValueError, "input 'image': the signature wants float32"),
    "later": ([IMAGE, IMAGE[0]], ValueError, r"got float32 \[28,28,1\]"),
    "empty": ([IMAGE[:0]], ValueError, "all calibration inputs are empty"),
    "NaN": ([IMAGE, with_value(np.nan)], ValueError, NOT_FINITE),
    "infinite": ([IMAGE, with_value(-np.inf)], ValueError, NOT_FINITE),
}


def calibrate(converter, inputs, dynamic):
    converter.convert(lambda: iter(inputs))
    if dynamic:
        converter.build(lambda: iter([IMAGE]))


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("which", BAD)
def test_wrong_inputs(saved_model, tmp_path, which, dynamic):
    inputs, error, message = BAD[which]
    converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", use_dynamic_shape=dynamic)
    with pytest.raises(error, match=message):
        calibrate(converter, inputs, dynamic)
    with pytest.raises((AssertionError, RuntimeError), match="has to be built before saving it" if dynamic else None):
        converter.save(tmp_path / "never")
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("names", [{"picture": IMAGE}, {"image": IMAGE, "mask": IMAGE}, {}])
def test_wrong_names(saved_model, names):
    converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8")
    with pytest.raises(RuntimeError, match="^Failed to convert input to tensor.$") as e:  # TF-TRT's words; the cause is ours
        converter.convert(lambda: iter([names]))
    assert "image" in str(e.value.__cause__)


def test_what_the_function_raises_comes_out(saved_model):
    def broken():
        yield IMAGE
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8").convert(broken)


def test_saving_waits_for_calibration(saved_model, tmp_path):
    converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", use_dynamic_shape=True)
    converter.convert(lambda: iter([IMAGE]))
    with pytest.raises(RuntimeError, match=r"^A model that requires INT8 calibration has to be built before saving it. Call build\(\) to "
                                           "build and calibrate the TensorRT engines.$"):
        converter.save(tmp_path / "model")
    converter.build(lambda: iter([IMAGE]))
    converter.save(tmp_path / "model")
    assert (tmp_path / "model" / "saved_model.pb").exists()


@pytest.mark.parametrize("dynamic", [False, True])
def test_all_of_many_batches_count(saved_model, tmp_path, dynamic):
    """Batches of 1 to 5, 40 of them, and the largest value in the last but one: 127 steps reach it."""
    asked = []

    def batches():
        for i in range(40):
            asked.append(i)
            yield (np.full((1 + i % 5, 28, 28, 1), 7.0 if i == 38 else i / 100, np.float32),)

    table = tmp_path / "table"
    converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", use_dynamic_shape=dynamic, calibrator="minmax",
                                calibration_table=table)  # fmt: skip
    converter.convert(batches)
    assert asked == ([] if dynamic else list(range(40)))
    converter.build(lambda: iter([IMAGE, IMAGE[:1]]))
    assert asked == list(range(40))
    (line,) = [line for line in table.read_text().splitlines() if line.startswith("TensorRTInputPH_0: ")]
    assert np.frombuffer(bytes.fromhex(line.split()[1]), ">f4")[0] == pytest.approx(7 / 127, rel=1e-6)


def test_every_engine_has_a_table(saved_model, tmp_path):
    """Of a model of two engines each is calibrated on what reaches it; the tables alone make such engines, but for
    what timing chose."""
    model, inputs = saved_model("has_unsupported_op"), [golden("has_unsupported_op", c)[0] for c in cases("has_unsupported_op")]
    arguments = dict(precision_mode="INT8", maximum_cached_engines=4, calibration_table=tmp_path / "table")
    first = tftrt.Converter(model, **arguments)
    first.convert(lambda: iter(inputs))
    tables = sorted(p.name for p in tmp_path.iterdir())
    assert tables == ["table.000", "table.001"]
    assert (tmp_path / tables[0]).read_text() != (tmp_path / tables[1]).read_text()
    second = tftrt.Converter(model, **arguments)
    second.convert()
    (signature,) = first.signatures
    for given in inputs:
        one, two = first.signatures[signature](**given), second.signatures[signature](**given)
        for name in one:
            np.testing.assert_allclose(one[name], two[name], atol=5e-3)
    (tmp_path / "table.001").unlink()
    with pytest.raises(tftrt.Error, match="table.001"):
        tftrt.Converter(model, **arguments).convert()


def test_channels_of_very_different_sizes(tmp_path):
    """The channels of what a depthwise convolution reads are equalised. With the steps of the largest the small ones would be lost,
    which count as much for what comes out; so it is with a table that says nothing of channels."""
    data, table, answers = Path(__file__).parent / "data" / "unequal", tmp_path / "table", []
    with np.load(data / "golden.npz") as f:
        image, want = f["image"], f["y"].astype(np.float64)
    images = np.random.default_rng(5).standard_normal((8, 16, 16, 3)).astype(np.float32)

    def error(calibration_input_fn):
        converter = tftrt.Converter(data / "saved_model", precision_mode="INT8", calibration_table=table)
        converter.convert(calibration_input_fn)
        (signature,) = converter.signatures
        answers.append(converter.signatures[signature](image=image)["y"])
        converter.save(tmp_path / "int8")
        return np.linalg.norm(answers[-1] - want) / np.linalg.norm(want)

    calibrated = error(lambda: iter([images]))
    assert "/Relu#channels " in table.read_text()
    assert calibrated < 0.02
    layers = tftrt.compare(data / "saved_model", tmp_path / "int8", {"image": image}, per_layer=True)["layers"]
    assert sum(layer["type"] == "CONVOLUTION" for layer in layers) == 3
    assert max(layer["accumulated"]["relative_l2"] for layer in layers) < 0.02  # values as TensorFlow has them
    assert error(None) == calibrated  # the table is all that there is to know
    np.testing.assert_array_equal(answers[0], answers[1])
    table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if "#channels" not in line))
    assert error(None) > 5 * calibrated
