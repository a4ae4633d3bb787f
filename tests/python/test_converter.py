"""tftrt.Converter: arguments, states, errors and results of tf.experimental.tensorrt.Converter (messages as TF-TRT 2.17 gives
them), outputs against TensorFlow's goldens."""
import gc
import inspect
import logging
import weakref

import numpy as np
import pytest
import tftrt
from conftest import assert_golden, cases, golden


def converted(saved_model, name="mnist_cnn", **arguments):
    converter = tftrt.Converter(input_saved_model_dir=saved_model(name), **arguments)
    return converter, converter.convert()


def test_signature_of_the_constructor():
    want = ["input_saved_model_dir", "input_saved_model_tags", "input_saved_model_signature_key", "use_dynamic_shape",
            "dynamic_shape_profile_strategy", "max_workspace_size_bytes", "precision_mode", "minimum_segment_size",
            "maximum_cached_engines", "use_calibration", "allow_build_at_runtime", "conversion_params"]
    parameters = list(inspect.signature(tftrt.Converter).parameters.values())
    assert [p.name for p in parameters[:12]] == want
    assert all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in parameters[:12])
    assert [p.default for p in parameters[:12]] == [None] * 5 + [9223372036854775295, "FP32", 3, 1, True, True, None]


def test_conversion_params_are_a_namedtuple():
    p = tftrt.TrtConversionParams()
    assert p._fields == ("max_workspace_size_bytes", "precision_mode", "minimum_segment_size", "maximum_cached_engines",
                         "use_calibration", "allow_build_at_runtime")
    assert tuple(p) == (9223372036854775295, "FP32", 3, 1, True, True)
    assert p._replace(precision_mode="FP16").precision_mode == "FP16"
    assert tftrt.DEFAULT_TRT_CONVERSION_PARAMS == p
    assert tftrt.TrtPrecisionMode.supported_precision_modes() == ["FP32", "FP16", "INT8", "fp32", "fp16", "int8"]
    assert tftrt.supported_profile_strategies() == ["Range", "Optimal", "Range+Optimal", "ImplicitBatchModeCompatible"]


def test_conversion_params_of_tensorflow_2_0(saved_model):
    old = dict(rewriter_config_template=None, is_dynamic_op=True, max_batch_size=8)
    with pytest.warns(DeprecationWarning, match="is_dynamic_op, max_batch_size of TensorFlow 2.3"):
        params = tftrt.TrtConversionParams(precision_mode="FP16", **old)
    with pytest.warns(DeprecationWarning):
        assert tftrt.DEFAULT_TRT_CONVERSION_PARAMS._replace(precision_mode="FP16", **old) == params
    assert params == tftrt.TrtConversionParams(precision_mode="FP16") and type(params) is tftrt.TrtConversionParams
    for wrong in dict(is_dynamic_op=False), dict(rewriter_config_template=object()):
        with pytest.raises(ValueError, match="is not supported"):
            tftrt.TrtConversionParams(**wrong)
    with pytest.raises(TypeError, match="max_batch"):
        tftrt.TrtConversionParams(max_batch=8)
    params = tftrt.TrtConversionParams(minimum_segment_size=1000)
    with pytest.warns(DeprecationWarning, match="Use individual converter parameters instead"):  # as the fourth argument
        converter = tftrt.Converter(saved_model("mnist_cnn"), None, None, params)
    converter.convert()
    assert converter.explain()["engines"] == []


def test_conversion_params_take_the_place_of_six_arguments(saved_model):
    params = tftrt.TrtConversionParams(minimum_segment_size=1000)
    with pytest.warns(DeprecationWarning, match="Use individual converter parameters instead"):
        converter = tftrt.Converter(input_saved_model_dir=saved_model("mnist_cnn"), minimum_segment_size=3,
                                    conversion_params=params)
    converter.convert()
    assert converter.explain()["engines"] == []


@pytest.mark.parametrize("arguments, message", [
    (dict(precision_mode="FP64"), "precision mode 'FP64' is not supported.It should be one of "
                                  "['FP32', 'FP16', 'INT8', 'fp32', 'fp16', 'int8']"),
    (dict(precision_mode="Fp32"), "precision mode 'Fp32' is not supported.It should be one of "
                                  "['FP32', 'FP16', 'INT8', 'fp32', 'fp16', 'int8']"),
    (dict(minimum_segment_size=0), "minimum segment size should be positive or -1 (to disable main graph conversion)."),
    (dict(minimum_segment_size=-2), "minimum segment size should be positive or -1 (to disable main graph conversion)."),
    (dict(use_dynamic_shape=True, dynamic_shape_profile_strategy="Best"),
     "profile_strategy 'Best' is not supported. It should be one of ['Range', 'Optimal', 'Range+Optimal', "
     "'ImplicitBatchModeCompatible']"),
])  # fmt: skip
def test_value_errors_of_the_constructor(saved_model, arguments, message):
    with pytest.raises(ValueError) as e:
        tftrt.Converter(input_saved_model_dir=saved_model("mnist_cnn"), **arguments)
    assert str(e.value) == message


def test_the_strategy_is_not_looked_at_in_implicit_batch_mode(saved_model):
    tftrt.Converter(input_saved_model_dir=saved_model("mnist_cnn"), dynamic_shape_profile_strategy="Best")


def test_convert_returns_a_function(saved_model):
    converter, function = converted(saved_model)
    for case in cases("mnist_cnn"):
        inputs, outputs = golden("mnist_cnn", case)
        assert_golden(function(**inputs), outputs)
        assert_golden(function(*inputs.values()), outputs)
    assert list(function.structured_outputs) == list(outputs)
    assert function.structured_input_signature[1].keys() == inputs.keys()


def test_convert_without_a_directory_is_a_type_error():
    with pytest.raises(TypeError, match="Expected binary or unicode string, got None"):
        tftrt.Converter().convert()


def test_an_unknown_signature_is_a_key_error(saved_model):
    with pytest.raises(KeyError, match="other"):
        tftrt.Converter(saved_model("mnist_cnn"), input_saved_model_signature_key="other").convert()


def test_convert_twice_is_an_assertion_error(saved_model):
    converter, _ = converted(saved_model)
    with pytest.raises(AssertionError):
        converter.convert()


def test_calibration_input_fn_is_asked_for_and_refused(saved_model):
    def fn():
        yield (np.zeros((1, 28, 28, 1), np.float32),)

    with pytest.raises(ValueError, match="^Should specify calibration_input_fn because INT8 calibration is needed$"):
        tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8").convert()
    with pytest.raises(ValueError, match="^Should not specify calibration_input_fn because INT8 calibration is not needed$"):
        tftrt.Converter(saved_model("mnist_cnn")).convert(fn)


def test_build_errors(saved_model):
    converter = tftrt.Converter(saved_model("mnist_cnn"))
    image = np.zeros((1, 28, 28, 1), np.float32)
    with pytest.raises(RuntimeError, match="^input_fn is None. Method build\\(\\) needs input_fn to be specified in order to build "
                                           "TensorRT engines$"):
        converter.build(None)
    with pytest.raises(RuntimeError, match=r"^Need to call convert\(\) before build\(\)$"):
        converter.build(lambda: iter([image]))
    converter.convert()
    with pytest.raises(RuntimeError, match="^Failed to convert input to tensor.$"):
        converter.build(lambda: iter(()))
    with pytest.raises(RuntimeError, match="^Failed to convert input to tensor.$"):
        converter.build(lambda: iter([{"image": "no number"}]))
    with pytest.raises((TypeError, ValueError)) as e:  # of a list the exception itself
        converter.build(lambda: iter([["no number"]]))
    assert "Failed to convert" not in str(e.value)

    def broken():
        yield image
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        converter.build(broken)
    converter.build(lambda: iter([image]))  # may be tried again after an exception
    with pytest.raises(NotImplementedError, match=r"^build\(\) is already called. It is not supported to call build\(\) more than "
                                                  r"once.$"):
        converter.build(lambda: iter([image]))


def items(image, name):
    return {"tuple": (image,), "list": [image], "dict": {name: image}, "array": image}


@pytest.mark.parametrize("form", ["tuple", "list", "dict", "array"])
def test_build_takes_every_form_of_input(saved_model, tmp_path, form):
    converter, function = converted(saved_model, maximum_cached_engines=4)
    inputs, outputs = golden("mnist_cnn")
    (name, image), = inputs.items()
    converter.build(lambda: iter([items(image, name)[form], items(image[:1], name)[form]]))
    assert_golden(function(**inputs), outputs)
    converter.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out", fail_on_fallback=True) as model:
        assert_golden(model(**inputs), outputs)
        (stats,) = model.engine_stats()
        assert (stats["runs"], stats["builds"], stats["fallbacks"]) == (1, 0, 0)


def test_assets_are_absent_before_build_and_there_after(saved_model, tmp_path):
    converter, _ = converted(saved_model)
    converter.save(tmp_path / "before")
    converter.build(lambda: iter([np.zeros((1, 28, 28, 1), np.float32)]))
    converter.save(tmp_path / "after")
    converter.save(tmp_path / "again")
    converter.save(tmp_path / "without", save_gpu_specific_engines=False)
    def sizes(d):
        return [f.stat().st_size for f in (tmp_path / d / "assets").glob("trt-serialized-engine.*")]
    assert not (tmp_path / "before" / "assets").exists() or sizes("before") == []
    assert len(sizes("after")) == 1 and sizes("after")[0] > 0 and sizes("again") == sizes("after")
    assert sizes("without") == [0]


def test_save_before_convert_is_an_assertion_error(saved_model, tmp_path):
    with pytest.raises(AssertionError):
        tftrt.Converter(saved_model("mnist_cnn")).save(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_summary(saved_model, capsys):
    converter = tftrt.Converter(saved_model("mnist_cnn"))
    with pytest.raises(RuntimeError, match=r"^Impossible to call `TrtGraphConverterV2.summary\(\)` before calling "
                                           r"TrtGraphConverterV2.convert\(\)`.$"):
        converter.summary()
    converter.convert()
    with pytest.raises(ValueError, match="^Invalid `line_length` value has been received: 159. Minimum: 160.$"):
        converter.summary(line_length=159)
    converter.summary(detailed=False)
    printed = capsys.readouterr().out
    lines = []
    converter.summary(detailed=False, print_fn=lines.append)
    assert "\n".join(lines) + "\n" == printed
    # Columns end at 32, 46, 54, ...: int(160 * fraction), added up.
    assert lines[0][:64] == "TRTEngineOP Name".ljust(32) + " Device".ljust(14) + " # Nodes" + " # Inputs "
    assert lines[1] == "=" * 160
    assert "[*] Total number of TensorRT engines: 1" in lines
    calls = []
    converter.summary(print_fn=lambda *a: calls.append(a))
    assert calls.count(()) == 1  # before the op counts of the only engine
    assert any(a and a[0].startswith("\t- Conv2D: ") for a in calls)


def test_what_print_fn_raises_comes_out(saved_model):
    converter, _ = converted(saved_model)

    def print_fn(*_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        converter.summary(print_fn=print_fn)


def test_dynamic_shapes(saved_model, tmp_path):
    converter, function = converted(saved_model, "bert_tiny", use_dynamic_shape=True, dynamic_shape_profile_strategy="Range")
    all_cases = [golden("bert_tiny", c) for c in cases("bert_tiny")]
    converter.build(lambda: (inputs for inputs, _ in all_cases))
    converter.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out", fail_on_fallback=True) as model:
        for inputs, outputs in all_cases:
            assert_golden(function(**inputs), outputs)
            assert_golden(model(**inputs), outputs)


def test_tables_are_filled_before_the_converted_function_runs(saved_model):
    converter, function = converted(saved_model, "vocab_asset")
    for case in cases("vocab_asset"):
        inputs, outputs = golden("vocab_asset", case)
        assert_golden(function(**inputs), outputs)
    converter.build(lambda: (golden("vocab_asset", case)[0] for case in cases("vocab_asset")))
    assert_golden(function(**inputs), outputs)


def test_memory_goes_with_the_last_reference(saved_model):
    """No cycles: a converter may hold gigabytes, and Python's collector does not know."""
    gc.disable()
    try:
        image = np.zeros((1, 28, 28, 1), np.float32)
        converter = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", progress=lambda *_: None)
        function = converter.convert(lambda: [image])
        converter.build(lambda: [image])
        converter.summary(print_fn=lambda *_: None)
        gone = weakref.ref(converter)
        del converter
        assert gone() is not None and function(image)  # the function keeps it
        del function
        assert gone() is None
        model = tftrt.load(saved_model("mnist_cnn"))
        signature = model["serving_default"]
        gone, opened = weakref.ref(model), weakref.ref(model._opened)
        del model
        assert gone() is None and signature(image)  # it keeps what it needs of the model
        del signature
        assert opened() is None
    finally:
        gc.enable()


def test_warnings_are_logged_once(saved_model, caplog, monkeypatch):
    monkeypatch.setenv("TF_TRT_SPARSE_MODE", "0")
    with caplog.at_level(logging.WARNING, logger="tftrt"):
        converter, _ = converted(saved_model)
        converter.build(lambda: iter([np.zeros((1, 28, 28, 1), np.float32)]))
    assert sum("TF_TRT_SPARSE_MODE" in r.message for r in caplog.records) == 1
