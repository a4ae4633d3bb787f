"""tftrt.trt_convert in the place of TensorFlow's module: what TF-TRT's own tests do with it, on models of the same form
(tests/models/tf_trt_tests, with TensorFlow's outputs, and the engines that real TF-TRT 2.17.1 made of them in answers/)."""
import inspect
import json
import logging

import numpy as np
import pytest
import tftrt
from conftest import assert_golden, cases as small_cases, golden as small_golden
from conftest import SMALL
from tftrt import trt_convert

ROOT = SMALL.parent / "tf_trt_tests"
NATIVE = "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"
ABORT = "TF_TRT_ABORT_CUDA_ENGINE_BUILD"


def model(name):
    return str(ROOT / name / "saved_model")


def all_cases(name):
    """(inputs, outputs) of every case, by name."""
    found = []
    for path in sorted((ROOT / name / "golden").glob("serving_default.*.npz")):
        with np.load(path) as f:
            arrays = dict(f)
        found.append(({k[3:]: v for k, v in arrays.items() if k.startswith("in.")},
                      {k[4:]: v for k, v in arrays.items() if k.startswith("out.")}))  # fmt: skip
    assert found
    return found


def converter_of(name, **arguments):
    return trt_convert.TrtGraphConverterV2(input_saved_model_dir=model(name), **{"minimum_segment_size": 2, **arguments})


def sets_of_nodes(engines, nodes_of):
    """"001": the nodes, without constants and without the number of the graph."""
    return {e["name"].split("_")[-1]: nodes_of(e) for e in engines}


def assets(directory):
    return {p.name: p.stat().st_size for p in (directory / "assets").glob("trt-serialized-engine.*")}


# ------------------------------------------------------------------ the module


def test_the_module_has_tensorflows_names():
    v2 = inspect.signature(trt_convert.TrtGraphConverterV2).parameters
    assert list(v2)[:12] == ["input_saved_model_dir", "input_saved_model_tags", "input_saved_model_signature_key",
                             "use_dynamic_shape", "dynamic_shape_profile_strategy", "max_workspace_size_bytes", "precision_mode",
                             "minimum_segment_size", "maximum_cached_engines", "use_calibration", "allow_build_at_runtime",
                             "conversion_params"]  # fmt: skip
    v1 = {n: p.default for n, p in inspect.signature(trt_convert.TrtGraphConverter).parameters.items()}
    assert list(v1.items()) == [
        ("input_saved_model_dir", None), ("input_saved_model_tags", None), ("input_saved_model_signature_key", None),
        ("input_graph_def", None), ("nodes_denylist", None), ("max_batch_size", 1),
        ("max_workspace_size_bytes", trt_convert.DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES), ("precision_mode", "FP32"),
        ("minimum_segment_size", 3), ("is_dynamic_op", False), ("maximum_cached_engines", 1), ("use_calibration", True)]  # fmt: skip
    assert trt_convert.TrtPrecisionMode.supported_precision_modes()[:3] == ["FP32", "FP16", "INT8"]
    assert trt_convert._get_canonical_engine_name("a/b/TRTEngineOp_000_001") == "TRTEngineOp_000_001"
    assert trt_convert._TRT_ENGINE_OP_NAME == "TRTEngineOp" and trt_convert._check_trt_version_compatibility() is None
    params = trt_convert.DEFAULT_TRT_CONVERSION_PARAMS._replace(maximum_cached_engines=7)
    assert trt_convert.TrtConversionParams(*params) == params and tftrt.ConversionParams is trt_convert.TrtConversionParams


def test_its_converter_is_tensorflow_2_17s():
    """Erfc is an op that TF-TRT did not take, and its tests count on that."""
    converter = converter_of("simple_multi_engines")
    converter.convert()
    assert len(converter.explain()["engines"]) == 2
    wide = tftrt.Converter(model("simple_multi_engines"), minimum_segment_size=2)
    wide.convert()
    assert len(wide.explain()["engines"]) == 1
    converter = converter_of("simple_multi_engines", op_set="all")
    converter.convert()
    assert len(converter.explain()["engines"]) == 1


# ------------------------------------------------------------------ tests/*.py: the base class

MODELS = ["simple_single_engine", "simple_multi_engines2", "neighboring_engine", "const_input", "multi_connection_neighbor_engine",
          "lru_cache", "dynamic_input_shapes", "identity_output", "trt_engine_op_shape", "vgg_block"]  # fmt: skip
TOLERANCES = {"FP32": dict(rtol=1e-4, atol=1e-5), "FP16": dict(rtol=1e-2, atol=2e-2), "INT8": dict(rtol=1e-1, atol=3e-1)}


@pytest.mark.parametrize("mode", ["implicit", "dynamic"])
@pytest.mark.parametrize("precision", list(TOLERANCES))
@pytest.mark.parametrize("name", MODELS)
def test_as_the_integration_tests_do(name, precision, mode, tmp_path, monkeypatch):
    dynamic = mode == "dynamic"
    told = json.loads((ROOT / name / "manifest.json").read_text())
    if mode not in told["modes"]:
        pytest.fail(f"{name} is not for {mode}")
    converter = converter_of(name, precision_mode=precision, use_dynamic_shape=dynamic, use_calibration=precision == "INT8",
                             dynamic_shape_profile_strategy="ImplicitBatchModeCompatible")  # fmt: skip
    calibration = {"calibration_input_fn": lambda: (inputs for inputs, _ in all_cases(name))} if precision == "INT8" else {}
    converter.convert(**calibration)
    lines = []
    converter.summary(print_fn=lambda line="": lines.append(line))
    if dynamic:
        converter.build(lambda: ([np.zeros_like(inputs[k]) for k in sorted(inputs)] for inputs, _ in all_cases(name)))
    converter.save(tmp_path / "out")

    answer = json.loads((ROOT / "answers" / f"{name}.{precision.lower()}-{mode}.json").read_text())
    facts = converter.explain()
    ours = sets_of_nodes(facts["engines"],
                         lambda e: {n["name"] for n in facts["nodes"] if n.get("engine") == e["name"] and n["op"] != "Const"})  # fmt: skip
    assert ours == sets_of_nodes(answer["engines"], lambda e: {n for n, op in e["nodes"].items() if op != "Const"})
    assert f"[*] Total number of TensorRT engines: {len(ours)}" in lines

    monkeypatch.setenv(NATIVE, str(told.get("fallback", False)))
    with tftrt.load(tmp_path / "out") as loaded:
        for _ in range(2):
            for inputs, outputs in all_cases(name):
                got = loaded(**inputs)
                for key in outputs:
                    np.testing.assert_allclose(got[key], outputs[key], **TOLERANCES[precision])
        assert {s["name"].split("_")[-1] for s in loaded.engine_stats()} == set(ours)


# ------------------------------------------------------------------ trt_convert_test.py


@pytest.mark.parametrize("form", ["tuple", "list", "array", "dict", "mixed"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_build(tmp_path, form, dynamic):
    """testTrtGraphBuild: every form of input, several shapes; the asset is absent before build() and not empty after it."""
    name = "shape_op_int32" if dynamic else "square_and_product"
    given = [inputs for inputs, _ in all_cases(name)]

    def in_form(inputs, how):
        ordered = [inputs[k] for k in sorted(inputs)]
        if how == "array":
            return ordered[0]
        return {"tuple": tuple(ordered), "list": ordered, "dict": inputs}[how]

    forms = ["tuple", "dict", "list"] if form == "mixed" else [form]
    if form == "array" and len(given[0]) > 1:
        with pytest.raises(RuntimeError, match="^Failed to convert input to tensor.$"):
            converter = converter_of(name)
            converter.convert()
            converter.build(lambda: [in_form(given[0], "array")])
        return
    converter = converter_of(name, use_dynamic_shape=dynamic, dynamic_shape_profile_strategy="Range", maximum_cached_engines=4)
    converter.convert()
    converter.save(tmp_path / "before")
    assert assets(tmp_path / "before") == {}
    converter.build(lambda: (in_form(inputs, forms[i % len(forms)]) for i, inputs in enumerate(given * 3)))
    converter.save(tmp_path / "after")
    sizes = assets(tmp_path / "after")
    assert sizes and all(size > 0 for size in sizes.values())


def test_dynamic_conversion(tmp_path):
    """testTrtGraphConverter_DynamicConversion_v2."""
    converter = converter_of("square_and_product", minimum_segment_size=3)
    function = converter.convert()
    assert converter._converted and converter._converted_func is function
    assert len(converter.explain()["engines"]) == 1
    converter.save(tmp_path / "out")
    assert assets(tmp_path / "out") == {}
    one = np.ones((4, 1, 1), np.float32)
    np.testing.assert_allclose(function(one, one)["output_0"], np.full((4, 1, 1), 5.0), rtol=1e-6)
    converter.build(lambda: [(one, one)])
    converter.save(tmp_path / "out")
    assert list(assets(tmp_path / "out").values()) > [0]
    with tftrt.load(tmp_path / "out") as loaded:
        np.testing.assert_allclose(loaded(input_0=one, input_1=one)["output_0"], np.full((4, 1, 1), 5.0), rtol=1e-6)
        assert loaded.engine_stats()[0]["cache_hits"] == 1


def test_shape_op_gives_two_engines_with_integers_between(tmp_path):
    """testTrtGraphConverter_ShapeOp_Int32InputOutput_v2."""
    converter = converter_of("shape_op_int32", use_dynamic_shape=True)
    converter.convert()
    converter.build(lambda: (inputs for inputs, _ in all_cases("shape_op_int32")))
    converter.save(tmp_path / "out")
    engines = tftrt.summary_dict(tmp_path / "out")["engines"]
    assert len(engines) == 2 and any(t["dtype"] == "int32" for e in engines for t in e["outputs"])
    with tftrt.load(tmp_path / "out") as loaded:
        for inputs, outputs in all_cases("shape_op_int32"):
            np.testing.assert_array_equal(loaded(**inputs)["output_0"], outputs["output_0"])


def test_int8_conversion(tmp_path):
    """testTrtGraphConverter_Int8Conversion_v2: calibrated in convert(), another batch built, saved, a third one run."""
    rng = np.random.default_rng(0)

    def calibration():
        for _ in range(3):
            yield rng.random((4, 1, 1), np.float32), rng.random((4, 1, 1), np.float32)

    converter = converter_of("square_and_product", precision_mode="INT8", maximum_cached_engines=3)
    converter.convert(calibration_input_fn=calibration)
    assert len(converter.explain()["engines"][0]["engines"]) == 1
    small, large = np.full((2, 1, 1), 0.5, np.float32), np.full((8, 1, 1), 0.5, np.float32)
    converter.build(lambda: [(large, large)])
    converter.save(tmp_path / "out")
    for saved in (True, False):
        converter.save(tmp_path / f"out{saved}", save_gpu_specific_engines=saved)
        (size,) = assets(tmp_path / f"out{saved}").values()
        assert (size > 0) == saved  # testTrtGraphConverter_SaveGPUSpecificEngine
        with tftrt.load(tmp_path / f"out{saved}", on_fallback="build") as loaded:
            for x in small, large, np.concatenate([large] * 2):
                want = x * x + x * 1 + x + x + 1
                np.testing.assert_allclose(loaded(x, x)["output_0"], want, atol=0.05)


@pytest.mark.parametrize("name", ["signature_keys", "signature_two_inputs", "signature_no_inputs", "square_and_product"])
def test_retain_signature_info(name, tmp_path):
    """testRetainSignatureInfo_*."""
    converter = converter_of(name, minimum_segment_size=1)
    converter.convert()
    converter.save(tmp_path / "out")

    def told(directory):
        (meta_graph,) = tftrt.show(directory, as_dict=True)["meta_graphs"]
        s = meta_graph["signatures"]["serving_default"]
        return s["method_name"], [{k: (t["dtype"], t["shape"]) for k, t in s[what].items()} for what in ("inputs", "outputs")]

    assert told(tmp_path / "out") == told(model(name))
    with tftrt.load(tmp_path / "out") as loaded:
        for inputs, outputs in all_cases(name):
            assert_golden(loaded(**inputs), outputs)


def test_native_segments_may_be_disallowed(monkeypatch, tmp_path):
    """testTrtGraphConverter_AllowEngineNativeSegmentExecution."""
    one = np.ones((4, 1, 1), np.float32)
    monkeypatch.setenv(NATIVE, "False")
    monkeypatch.setenv(ABORT, "True")
    converter = converter_of("square_and_product")
    converter.convert()
    with pytest.raises(tftrt.AbortedError, match="User disallowed engine native segment execution"):
        converter.build(lambda: [(one, one)])
    monkeypatch.setenv(NATIVE, "True")
    monkeypatch.delenv(ABORT)
    converter.build(lambda: [(one, one)])
    converter.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out") as loaded:
        np.testing.assert_allclose(loaded(one, one)["output_0"], np.full((4, 1, 1), 5.0))


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("allowed", [False, True])
def test_allow_build_at_runtime(monkeypatch, tmp_path, built, allowed):
    """testTrtGraphConverter_AllowBuildAtRuntime."""
    one = np.ones((4, 1, 1), np.float32)
    converter = converter_of("square_and_product", allow_build_at_runtime=allowed)
    converter.convert()
    if built:
        converter.build(lambda: [(one, one)])
    converter.save(tmp_path / "out")
    monkeypatch.setenv(NATIVE, "False")
    with tftrt.load(tmp_path / "out") as loaded:
        if built or allowed:
            np.testing.assert_allclose(loaded(one, one)["output_0"], np.full((4, 1, 1), 5.0))
        else:
            with pytest.raises(tftrt.AbortedError, match="User disallowed engine native segment execution"):
                loaded(one, one)


def test_remove_native_segments(monkeypatch, tmp_path):
    """testTrtGraphConverter_RemoveNativeSegments."""
    monkeypatch.setenv("TF_TRT_EXPERIMENTAL_FEATURES", "remove_native_segments")
    one = np.ones((4, 1, 1), np.float32)
    converter = converter_of("square_and_product", minimum_segment_size=1, allow_build_at_runtime=False)
    converter.convert()
    converter.build(lambda: [(one, one)])
    converter.save(tmp_path / "out")
    assert b"_native_segment" not in (tmp_path / "out" / "saved_model.pb").read_bytes()
    with tftrt.load(tmp_path / "out") as loaded:
        np.testing.assert_allclose(loaded(one, one)["output_0"], np.full((4, 1, 1), 5.0))


@pytest.mark.parametrize("size, engines", [(-1, 0), (7, 0), (5, 1)])
def test_minimum_segment_size(size, engines):
    """testTrtGraphConverter_MinimumSegmentSize: the model's segment has fewer than seven nodes."""
    converter = converter_of("square_and_product", minimum_segment_size=size)
    function = converter.convert()
    assert len(converter.explain()["engines"]) == engines
    one = np.ones((2, 1, 1), np.float32)
    np.testing.assert_allclose(function(one, one)["output_0"], np.full((2, 1, 1), 5.0))


def test_a_full_cache_gives_up_its_oldest_engine(tmp_path):
    """testTrtGraphConverter_DynamicOp: capacity 2, batches 1, 2, 3."""
    converter = converter_of("square_and_product", maximum_cached_engines=2)
    converter.convert()
    converter.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out") as loaded:
        for batch in 1, 2, 3:
            one = np.ones((batch, 1, 1), np.float32)
            np.testing.assert_allclose(loaded(one, one)["output_0"], np.full((batch, 1, 1), 5.0))
        (stats,) = loaded.engine_stats()
        assert (stats["builds"], stats["engines"], stats["fallbacks"]) == (3, 2, 0)


def test_variables_are_weights_of_the_engine(tmp_path):
    """testReadVariableOp and testVariableV2: 42 for ones, from one engine that holds two variables."""
    inputs, outputs = all_cases("read_variables")[0]
    converter = converter_of("read_variables", precision_mode="FP16", use_dynamic_shape=True,
                             dynamic_shape_profile_strategy="Optimal")  # fmt: skip
    converter.convert()
    converter.build(lambda: [inputs])
    converter.save(tmp_path / "out")
    assert len(tftrt.summary_dict(tmp_path / "out")["engines"]) == 1
    with tftrt.load(tmp_path / "out", on_fallback="fail") as loaded:
        np.testing.assert_allclose(loaded(**inputs)["output_0"], outputs["output_0"], rtol=1e-2)


def test_save_options_are_taken(tmp_path):
    converter = converter_of("square_and_product")
    converter.convert()
    converter.save(str(tmp_path / "out"), True, options=object())
    assert (tmp_path / "out" / "saved_model.pb").exists()


def test_a_model_of_tensorflow_1(tmp_path):
    """Signatures of a session's graph, by their own names and another's."""
    for key in "serving_default", "logits_only":
        converter = trt_convert.TrtGraphConverterV2(str(SMALL / "v1_session" / "saved_model"), ["serve"], key)
        converter.convert()
        converter.save(tmp_path / key)
        with tftrt.load(tmp_path / key) as loaded:
            for case in small_cases("v1_session", key):
                inputs, outputs = small_golden("v1_session", case)
                assert_golden(loaded[key](**inputs), outputs)


@pytest.mark.parametrize("name", ["resnet_tiny", "bert_tiny"])
def test_models_that_tf_trt_saved(name):
    """testBackwardCompatibility, with models of the real converter."""
    folders = sorted(p for p in (SMALL.parent / "tf-trt-saved" / name).rglob("saved_model.pb"))
    assert folders
    for folder, on_fallback in [(f, p) for f in folders for p in ("native", "build")]:
        with tftrt.load(folder.parent, on_fallback=on_fallback) as loaded:
            for case in small_cases(name):
                inputs, outputs = small_golden(name, case)
                got = loaded(**inputs)
                for key in outputs:
                    np.testing.assert_allclose(got[key], outputs[key], rtol=2e-2, atol=2e-2)
            stats = loaded.engine_stats()
            assert sum(s["runs"] for s in stats) > 0
            assert (sum(s["cache_hits"] for s in stats) > 0) == (on_fallback == "build")


# ------------------------------------------------------------------ TrtGraphConverter


def v1(**arguments):
    return trt_convert.TrtGraphConverter(**{"input_saved_model_dir": model("square_and_product"), **arguments})


@pytest.mark.parametrize("arguments, message", [
    (dict(input_graph_def=b"x"), "Can only specify one of input_graph_def and input_saved_model_dir"),
    (dict(input_saved_model_dir=None), "Must specify one of input_graph_def and input_saved_model_dir"),
    (dict(max_batch_size=None), "When is_dynamic_op==False max_batch_size should be an integer"),
    (dict(precision_mode="FP8"), "precision mode 'FP8' is not supported.It should be one of "
                                 "['FP32', 'FP16', 'INT8', 'fp32', 'fp16', 'int8']"),
    (dict(minimum_segment_size=0), "minimum segment size should be positive or -1 (to disable main graph conversion)."),
])  # fmt: skip
def test_v1_value_errors(arguments, message):
    with pytest.raises(ValueError) as e:
        v1(**arguments)
    assert str(e.value) == message


def test_v1_refuses_graph_defs():
    with pytest.raises(NotImplementedError, match="only SavedModels"):
        v1(input_saved_model_dir=None, input_graph_def=b"x")


@pytest.mark.parametrize("dynamic_op", [False, True])
def test_v1_offline_conversion(tmp_path, dynamic_op):
    """testTrtGraphConverter_OfflineConversion, StaticOp, DynamicOp."""
    converter = v1(is_dynamic_op=dynamic_op, max_batch_size=None if dynamic_op else 4)
    with pytest.raises(AssertionError):
        converter.save(tmp_path / "out")
    function = converter.convert()
    one = np.ones((4, 1, 1), np.float32)
    np.testing.assert_allclose(function(one, one)["output_0"], np.full((4, 1, 1), 5.0))
    with pytest.raises(AssertionError):
        converter.convert()
    converter.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out") as loaded:
        loaded(one[:3], one[:3])
        (stats,) = loaded.engine_stats()
        assert (stats["builds"] == 0) == (not dynamic_op)  # a static engine is there already


def test_v1_calibration(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="tftrt"):
        converter = v1(precision_mode="INT8", max_batch_size=None)
    assert "Disregarding is_dynamic_op parameter." in caplog.text
    with pytest.raises(AssertionError):
        converter.calibrate(["PartitionedCall:0"], 1, feed_dict_fn=dict)
    assert converter.convert() is None
    with pytest.raises(AssertionError):
        converter.save(tmp_path / "out")
    for both in ({}, {"feed_dict_fn": dict, "input_map_fn": dict}):
        with pytest.raises(ValueError, match="^Should specify one and only one of feed_dict_fn and input_map_fn.$"):
            converter.calibrate(["PartitionedCall:0"], 1, **both)
    with pytest.raises(ValueError, match="'x' is no input of the signature"):
        converter.calibrate(["PartitionedCall:0"], 1, feed_dict_fn=lambda: {"x": 1})
    (meta_graph,) = tftrt.show(model("square_and_product"), as_dict=True)["meta_graphs"]
    tensors = {k: t["name"] for k, t in meta_graph["signatures"]["serving_default"]["inputs"].items()}
    called = []

    def feed():
        called.append(1)
        value = np.full((4, 1, 1), len(called) / 10, np.float32)
        return {tensors["input_0"]: value, tensors["input_1"].split(":")[0]: value}

    function = converter.calibrate(["PartitionedCall:0"], 10, feed_dict_fn=feed)
    assert len(called) == 10
    one = np.ones((4, 1, 1), np.float32)
    np.testing.assert_allclose(function(one, one)["output_0"], np.full((4, 1, 1), 5.0), atol=0.1)
    converter.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out", on_fallback="fail") as loaded:
        np.testing.assert_allclose(loaded(one, one)["output_0"], np.full((4, 1, 1), 5.0), atol=0.1)


def test_create_inference_graph(tmp_path):
    function = trt_convert.create_inference_graph(None, None, input_saved_model_dir=model("square_and_product"),
                                                  output_saved_model_dir=tmp_path / "out")  # fmt: skip
    one = np.ones((1, 1, 1), np.float32)
    np.testing.assert_allclose(function(one, one)["output_0"], [[[5.0]]])
    assert len(tftrt.summary_dict(tmp_path / "out")["engines"]) == 1
