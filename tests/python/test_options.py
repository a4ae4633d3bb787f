"""The Converter's own keyword arguments and methods beyond TF-TRT's: signatures, profiles, tables, caches, limits, progress."""
import json
import signal
import sys

import numpy as np
import pytest
import tftrt
from conftest import assert_golden, cases, golden


def all_golden(converter):
    for key, function in converter.signatures.items():
        for case in cases("multi_sig", key):
            inputs, outputs = golden("multi_sig", case)
            assert_golden(function(**inputs), outputs)


def test_several_signatures(saved_model, tmp_path):
    converter = tftrt.Converter(saved_model("multi_sig"), signature_keys=["encode", "decode"], minimum_segment_size=1,
                                maximum_cached_engines=4)  # fmt: skip
    assert converter.convert().key == "encode" and list(converter.signatures) == ["encode", "decode"]
    for key in "encode", "decode":
        converter.build(lambda: (golden("multi_sig", c)[0] for c in cases("multi_sig", key)), signature_key=key)
        with pytest.raises(NotImplementedError, match=r"^build\(\) is already called"):
            converter.build(lambda: [], signature_key=key)
    all_golden(converter)
    converter.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out", on_fallback="fail") as model:
        for key in "encode", "decode":
            for case in cases("multi_sig", key):
                inputs, outputs = golden("multi_sig", case)
                assert_golden(model[key](**inputs), outputs)
        stats = model.engine_stats()
        assert len(stats) == 2 and all(s["cache_hits"] == s["runs"] > 0 for s in stats)


def test_all_signatures(saved_model):
    converter = tftrt.Converter(saved_model("multi_sig"), all_signatures=True, minimum_segment_size=1)
    converter.convert()
    assert sorted(converter.signatures) == ["decode", "encode", "mix-v1.0", "serving_default"]
    converter.build_default(batch=4)
    all_golden(converter)
    with pytest.raises(KeyError, match="other"):
        tftrt.Converter(saved_model("multi_sig"), signature_keys=["encode", "other"]).convert()


def test_every_signature_is_calibrated_with_its_own_inputs(saved_model, tmp_path):
    def inputs(key):
        return lambda: (golden("multi_sig", c)[0] for c in cases("multi_sig", key))

    converter = tftrt.Converter(saved_model("multi_sig"), precision_mode="INT8", signature_keys=["encode", "decode"],
                                minimum_segment_size=1, calibration_table=tmp_path / "ranges")  # fmt: skip
    converter.calibrate_with("decode", inputs("decode"))
    converter.convert(inputs("encode"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ranges.decode", "ranges.encode"]
    for key in "encode", "decode":
        for case in cases("multi_sig", key):
            given, want = golden("multi_sig", case)
            for name, value in converter.signatures[key](**given).items():
                np.testing.assert_allclose(value, want[name], atol=0.05 * np.abs(want[name]).max())


def test_a_calibration_table_takes_the_place_of_calibrating(saved_model, tmp_path):
    table = tmp_path / "ranges"
    inputs, outputs = golden("mnist_cnn")
    first = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", calibrator="minmax", calibration_table=table)
    one = first.convert(lambda: [inputs])(**inputs)
    assert table.read_text().startswith("TRT-")
    second = tftrt.Converter(saved_model("mnist_cnn"), precision_mode="INT8", calibration_table=table)
    two = second.convert()(**inputs)
    for name in outputs:
        np.testing.assert_array_equal(one[name], two[name])
        np.testing.assert_allclose(one[name], outputs[name], atol=0.05)
    with pytest.raises(ValueError, match="calibrator"):
        tftrt.Converter(saved_model("mnist_cnn"), calibrator="guess")


def dynamic(saved_model, **arguments):
    converter = tftrt.Converter(saved_model("bert_tiny"), use_dynamic_shape=True, allow_build_at_runtime=False, **arguments)
    converter.convert()
    return converter


def served(directory, batch, length):
    """What the engine says to ids and mask of (batch, length): served, or why not."""
    ids = np.ones((batch, length), np.int32)
    with tftrt.load(directory, on_fallback="fail") as model:
        try:
            model(input_ids=ids, attention_mask=ids)
        except tftrt.Error as e:
            return str(e)
        return "served"


def profile(*shapes):
    return [{name: shape for name in ("input_ids", "attention_mask")} for shape in shapes]


def test_profiles_given_as_shapes(saved_model, tmp_path):
    converter = dynamic(saved_model)
    with pytest.raises(ValueError, match="name the same inputs"):
        converter.add_profile({"input_ids": (1, 4)}, {}, {})
    with pytest.raises(ValueError, match="'input_ids'.*one rank"):
        converter.add_profile({"input_ids": (1, 4)}, {"input_ids": (1, 4)}, {"input_ids": (4,)})
    with pytest.raises(ValueError, match="other"):
        converter.add_profile({"other": (1, 4)}, {"other": (1, 4)}, {"other": (1, 4)})
    converter.add_profile(*profile((1, 4), (2, 8), (4, 16)))
    converter.add_profile(*profile((8, 20), (8, 20), (8, 20)))
    converter.build(None)
    converter.save(tmp_path / "out")
    assert [served(tmp_path / "out", *s) for s in ((1, 4), (4, 16), (3, 7), (8, 20))] == ["served"] * 4
    assert served(tmp_path / "out", 5, 16) != "served" and served(tmp_path / "out", 8, 19) != "served"


def test_profiles_given_as_inputs(saved_model, tmp_path):
    def inputs(batch, length):
        ids = np.ones((batch, length), np.int32)
        return {"input_ids": ids, "attention_mask": ids}

    converter = dynamic(saved_model)
    with pytest.raises(ValueError, match=r"\(min, opt, max\)"):
        converter.build_profiles(lambda: [inputs(1, 4)])
    converter.build_profiles(lambda: [(inputs(1, 4), inputs(2, 8), inputs(4, 16))])
    converter.save(tmp_path / "out")
    assert served(tmp_path / "out", 3, 9) == "served" and served(tmp_path / "out", 5, 9) != "served"


def test_build_default_serves_all_shapes(saved_model, tmp_path):
    converter = dynamic(saved_model)
    converter.build_default()
    converter.save(tmp_path / "out")
    assert [served(tmp_path / "out", *s) for s in ((1, 1), (7, 31))] == ["served"] * 2
    with pytest.raises(ValueError, match="batch"):
        dynamic(saved_model).build_default(batch=0)


def test_open_adds_engines_to_a_converted_model(saved_model, tmp_path):
    inputs, outputs = golden("mnist_cnn")
    (name, image), = inputs.items()
    first = tftrt.Converter(saved_model("mnist_cnn"), maximum_cached_engines=4)
    first.convert()
    first.build(lambda: [image[:1]])
    first.save(tmp_path / "out")
    again = tftrt.Converter.open(tmp_path / "out")
    again.build(lambda: [np.concatenate([image] * 4)])
    assert_golden(again.signatures["serving_default"](image), outputs)
    again.save(tmp_path / "out")
    with tftrt.load(tmp_path / "out", on_fallback="fail") as model:
        model(np.concatenate([image] * 4))
        assert_golden(model(**inputs), outputs)
        assert model.engine_stats()[0]["engines"] == 2
    with pytest.raises(tftrt.FailedPreconditionError, match="TRTEngineOp"):
        tftrt.Converter.open(saved_model("mnist_cnn"))


def test_finished_engines_and_times_are_kept(saved_model, tmp_path):
    inputs, outputs = golden("mnist_cnn")
    for _ in range(2):
        converter = tftrt.Converter(saved_model("mnist_cnn"), engine_cache_dir=tmp_path / "cache",
                                    timing_cache_file=tmp_path / "times")  # fmt: skip
        function = converter.convert()
        converter.build(lambda: [inputs])
        assert_golden(function(**inputs), outputs)
        kept = tftrt.engine_cache(tmp_path / "cache")
        assert len(kept["engines"]) == 1  # the second time it is taken up again
    assert (tmp_path / "times").stat().st_size > 0
    size = sum(p.stat().st_size for p in (tmp_path / "cache").rglob("*") if p.is_file())
    engines, freed = tftrt.clear_engine_cache(tmp_path / "cache")
    assert engines == 1 and 0 < freed <= size
    assert tftrt.engine_cache(tmp_path / "cache")["engines"] == [] and tftrt.clear_engine_cache(tmp_path / "none") == (0, 0)


def test_variables_stay_variables(saved_model, tmp_path, monkeypatch):
    inputs, outputs = golden("mnist_cnn")
    with pytest.raises(ValueError, match="only with use_dynamic_shape"):
        tftrt.Converter(saved_model("mnist_cnn"), keep_variables=True)
    monkeypatch.setenv("TF_TRT_EXPERIMENTAL_FEATURES", "disable_graph_freezing")
    assert not tftrt.Converter(saved_model("mnist_cnn"), use_dynamic_shape=True).freeze
    assert tftrt.Converter(saved_model("mnist_cnn")).freeze
    monkeypatch.delenv("TF_TRT_EXPERIMENTAL_FEATURES")
    converter = tftrt.Converter(saved_model("mnist_cnn"), use_dynamic_shape=True, keep_variables=True)
    function = converter.convert()
    assert not converter.freeze
    converter.build(lambda: [inputs])
    assert_golden(function(**inputs), outputs)
    converter.save(tmp_path / "saved")
    with tftrt.load(tmp_path / "saved", on_fallback="fail") as model:
        assert_golden(model(**inputs), outputs)


def test_the_limit_on_memory(saved_model):
    converter = tftrt.Converter(saved_model("resnet_tiny"), max_memory_bytes=20000)
    with pytest.raises(MemoryError, match="20000|memory"):
        converter.convert()
        converter.build(lambda: [golden("resnet_tiny")[0]])


def test_progress_is_told_in_order(saved_model, tmp_path):
    told = []
    converter = tftrt.Converter(saved_model("mnist_cnn"), progress=lambda *a: told.append(a))
    converter.convert()
    converter.build(lambda: [golden("mnist_cnn")[0]])
    converter.save(tmp_path / "out")
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["reading", "freezing", "simplifying", "converting", "collecting shapes", "building engines", "saving"]
    assert all(0 <= done <= total for _, done, total in told)


def test_progress_can_cancel(saved_model):
    converter = tftrt.Converter(saved_model("mnist_cnn"), progress=lambda stage, done, total: stage == "simplifying")
    with pytest.raises(tftrt.CancelledError):
        converter.convert()


def test_what_progress_raises_comes_out(saved_model):
    def progress(stage, done, total):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        tftrt.Converter(saved_model("mnist_cnn"), progress=progress).convert()


@pytest.fixture
def interrupts():
    """Python leaves SIGINT ignored where it was started so, as scripts start what is in their background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_ends_a_conversion(saved_model, tmp_path):
    def progress(stage, done, total):  # as if Ctrl-C were hit
        if stage == "saving":
            signal.raise_signal(signal.SIGINT)

    converter = tftrt.Converter(saved_model("mnist_cnn"), progress=progress)
    converter.convert()
    with pytest.raises(KeyboardInterrupt):
        converter.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_progress_bars(saved_model, capsys, monkeypatch):
    tftrt.Converter(saved_model("mnist_cnn")).convert()
    assert capsys.readouterr().err == ""  # nobody is watching
    tftrt.Converter(saved_model("mnist_cnn"), progress=True).convert()
    drawn = capsys.readouterr().err
    assert "freezing:   0%|" in drawn and "converting" in drawn
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # as if tqdm were not installed
    tftrt.Converter(saved_model("mnist_cnn")).convert()
    with pytest.raises(ImportError):
        tftrt.Converter(saved_model("mnist_cnn"), progress=True)


def test_arguments_from_a_json_file(saved_model, tmp_path):
    file = tmp_path / "params.json"
    file.write_text(json.dumps({"input_saved_model_dir": saved_model("mnist_cnn"), "minimum_segment_size": 1000, "compat": None}))
    converter = tftrt.Converter.from_json(file)
    converter.convert()
    assert converter.explain()["engines"] == []
    converter = tftrt.Converter.from_json(file, minimum_segment_size=3)
    converter.convert()
    assert len(converter.explain()["engines"]) == 1
    file.write_text(json.dumps({"conversion_params": {"minimum_segment_size": 1000}}))
    with pytest.warns(DeprecationWarning):
        assert tftrt.Converter.from_json(file, input_saved_model_dir=saved_model("mnist_cnn"))._params.minimum_segment_size == 1000
    file.write_text('{"minimum": 3}')
    with pytest.raises(TypeError, match="minimum"):
        tftrt.Converter.from_json(file)
    file.write_text("[]")
    with pytest.raises(ValueError, match="one JSON object"):
        tftrt.Converter.from_json(file)
