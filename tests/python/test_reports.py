"""What is told of models, of the machine and of the library."""
import pytest
import tftrt
from conftest import golden


@pytest.fixture
def converted(saved_model, tmp_path):
    converter = tftrt.Converter(saved_model("mnist_cnn"))
    converter.convert()
    converter.build(lambda: [golden("mnist_cnn")[0]])
    converter.save(tmp_path / "out")
    return converter, tmp_path / "out"


def test_show(saved_model):
    assert "serving_default" in tftrt.show(saved_model("mnist_cnn"))
    assert tftrt.show(saved_model("mnist_cnn"), as_dict=True)["command"] == "show"


def test_doctor_and_ops():
    assert "cpu" in tftrt.doctor() and tftrt.doctor(as_dict=True)["schema"] == "tftrt.report/1"
    told = {o["op"]: o for o in tftrt.ops(as_dict=True)["ops"]}
    assert told["Conv2D"]["engine"] and told["Conv2D"]["tf_trt"] and not told["HashTableV2"]["engine"]
    assert "Conv2D" in tftrt.ops()


def test_explain(saved_model, converted):
    _, directory = converted
    would = tftrt.explain(saved_model("mnist_cnn"), as_dict=True, minimum_segment_size=1000)
    assert would["engines"] == [] and all("reason" in n for n in would["nodes"])
    assert len(tftrt.explain(directory, as_dict=True)["engines"]) == 1
    assert "TRTEngineOp_" in tftrt.explain(directory)


def test_summary_of_a_model_on_disk(converted):
    converter, directory = converted
    lines, own = [], []
    tftrt.summary(directory, print_fn=lambda line="": lines.append(line))
    converter.summary(print_fn=lambda line="": own.append(line))
    (engine,) = tftrt.summary_dict(directory, ["serve"], "serving_default")["engines"]
    assert engine["ops"]["Conv2D"] == sum("Conv2D: " in line for line in own) + 1  # two of them
    assert [line for line in lines if line.startswith("\t- ")] == [line for line in own if line.startswith("\t- ")]
    with pytest.raises(ValueError, match="^Invalid `line_length` value has been received: 10. Minimum: 160.$"):
        tftrt.summary(directory, line_length=10)
    with pytest.raises(tftrt.Error):
        tftrt.summary_dict(directory, ["other"])


def test_times_per_layer(converted):
    _, directory = converted
    with tftrt.load(directory) as model:
        with pytest.raises(tftrt.Error):
            model.engine_profile(0)
        inputs, _ = golden("mnist_cnn")
        model(**inputs)
        model.engine_profile(0)
        model(**inputs)
        layers = model.engine_profile(0)
        assert any(layer["us"] > 0 for layer in layers) and all(layer["tactic"] for layer in layers)
        assert all(layer["least_us"] <= layer["us"] for layer in layers)


def test_notebooks_see_the_segments(saved_model, converted):
    converter, directory = converted
    assert "not converted" in tftrt.Converter(saved_model("mnist_cnn"))._repr_html_()
    page = converter._repr_html_()
    assert "TRTEngineOp_" in page and "Conv2D 2x" in page and page.count("<table>") == page.count("</table>") > 0
    with tftrt.load(directory) as model:
        inputs, _ = golden("mnist_cnn")
        model(**inputs)
        page = model._repr_html_()
        assert "TRTEngineOp_" in page and "Conv2D 2x" in page and "cache_hits" in page and "float32[?,28,28,1]" in page
    several = tftrt.Converter(saved_model("multi_sig"), all_signatures=True, minimum_segment_size=1)
    several.convert()
    assert "mix-v1.0" in several._repr_html_()
    native = tftrt.Converter(saved_model("has_unsupported_op"))
    native.convert()
    assert "<th>why</th>" in native._repr_html_()
