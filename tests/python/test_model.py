"""tftrt.load: models as functions of arrays, against TensorFlow's goldens."""
import gc
import json
import threading
from pathlib import Path

import numpy as np
import pytest
import tftrt
from conftest import assert_golden, cases, golden


@pytest.mark.parametrize("name", ["resnet_tiny", "bert_tiny", "has_unsupported_op", "int_only", "preproc_classifier", "v1_session"])
def test_signatures_give_tensorflows_answers(saved_model, name):
    with tftrt.load(saved_model(name)) as model:
        key = "serving_default" if "serving_default" in model else next(iter(model))
        assert cases(name, key)
        for case in cases(name, key):
            inputs, outputs = golden(name, case)
            assert_golden(model[key](**inputs), outputs)


def test_positional_arguments_are_in_alphabetical_order(saved_model):
    with tftrt.load(saved_model("keras2_multi_io")) as model:
        inputs, outputs = golden("keras2_multi_io")
        assert [s.name for s in model["serving_default"].inputs] == sorted(inputs)
        assert_golden(model(*(inputs[k] for k in sorted(inputs))), outputs)


def test_outputs_are_views_that_keep_their_memory(saved_model):
    model = tftrt.load(saved_model("mnist_cnn"))
    inputs, outputs = golden("mnist_cnn")
    got = model(**inputs)
    row = {k: v[0] for k, v in got.items()}
    assert all(not v.flags.owndata for v in got.values())
    del got
    model.close()
    gc.collect()
    for key, value in row.items():
        np.testing.assert_allclose(value, outputs[key][0], rtol=1e-4, atol=1e-5)


def test_inputs_through_dlpack_are_not_copied(saved_model):
    class Foreign:  # another library's tensor
        def __init__(self, array):
            self.array, self.asked = array, 0

        def __dlpack__(self, **kwargs):
            self.asked += 1
            return self.array.__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    with tftrt.load(saved_model("mnist_cnn")) as model:
        inputs, outputs = golden("mnist_cnn")
        foreign = {k: Foreign(v) for k, v in inputs.items()}
        assert_golden(model(**foreign), outputs)
        assert all(f.asked == 1 for f in foreign.values())
        again = {k: np.from_dlpack(v) for k, v in model(**inputs).items()}
        assert_golden(again, outputs)


def test_strided_inputs(saved_model):
    with tftrt.load(saved_model("mnist_cnn")) as model:
        inputs, outputs = golden("mnist_cnn")
        assert_golden(model(**{k: np.asfortranarray(v) for k, v in inputs.items()}), outputs)


def test_errors_name_what_is_wrong(saved_model, tmp_path):
    with pytest.raises(tftrt.NotFoundError, match="nowhere"):
        tftrt.load(tmp_path / "nowhere")
    with tftrt.load(saved_model("mnist_cnn")) as model:
        inputs, _ = golden("mnist_cnn")
        (name, array), = inputs.items()
        with pytest.raises(TypeError, match=f"needs input '{name}'"):
            model()
        with pytest.raises(TypeError, match="no input 'other'"):
            model(other=array)
        with pytest.raises(ValueError, match=f"'{name}'.*float32.*float64"):
            model(**{name: array.astype(np.float64)})
        with pytest.raises(tftrt.InvalidArgumentError, match=f"'{name}'.*shape"):
            model(**{name: array[0]})
        with pytest.raises(KeyError):
            model["other"]
    with pytest.raises(tftrt.InvalidArgumentError, match="closed"):
        model(**inputs)


def test_many_threads_run_one_model(saved_model):
    with tftrt.load(saved_model("resnet_tiny"), threads=1) as model:
        work = [golden("resnet_tiny", c) for c in cases("resnet_tiny")]
        failures = []

        def worker(k):
            try:
                for i in range(20):
                    inputs, outputs = work[(i + k) % len(work)]
                    assert_golden(model(**inputs), outputs)
            except BaseException as e:
                failures.append(e)

        threads = [threading.Thread(target=worker, args=(k,)) for k in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert not failures


def test_strings_in_and_out():
    data = Path(__file__).parent / "data" / "strings"  # made by make_data.py
    golden = json.loads((data / "golden.json").read_text())
    with tftrt.load(data / "saved_model") as model:
        assert [s.numpy_dtype for s in model["serving_default"].inputs] == [np.dtype(object)] * 2
        for words in (golden["words"], np.array([[w.encode() for w in row] for row in golden["words"]], dtype=object)):
            got = model(words=words, tail=golden["tail"])
            assert [s.decode() for s in got["joined"]] == golden["joined"]
            assert got["bytes"].tolist() == golden["bytes"]
        with pytest.raises(ValueError, match="'words'.*string.*int64"):
            model(words=np.zeros((1, 2), np.int64), tail="")
        with pytest.raises(ValueError, match="'words'.*bytes or str, got int"):
            model(words=[["a", 1]], tail="")


def test_repr_tells_the_signatures(saved_model):
    with tftrt.load(saved_model("mnist_cnn")) as model:
        assert "serving_default(" in repr(model) and "float32[?,28,28,1]" in repr(model)


@pytest.fixture
def one_engine(saved_model, tmp_path):
    """mnist_cnn with one engine, for batches of up to 2."""
    converter = tftrt.Converter(saved_model("mnist_cnn"))
    converter.convert()
    converter.build(lambda: iter([np.zeros((2, 28, 28, 1), np.float32)]))
    converter.save(tmp_path / "one")
    return tmp_path / "one"


def test_on_fallback(one_engine, tmp_path):
    image = np.zeros((3, 28, 28, 1), np.float32)
    with tftrt.load(one_engine) as model:
        model(image[:2])
        model(image)
        (stats,) = model.engine_stats()
        assert (stats["cache_hits"], stats["builds"], stats["fallbacks"], stats["engines"]) == (1, 0, 1, 1)
        assert stats["fallback_reasons"] == [{"reason": stats["last_fallback_reason"], "count": 1}]
    for how in ({"on_fallback": "build", "engine_cache_dir": tmp_path}, {"compat": "2.17", "engine_cache_dir": "off"}):
        with tftrt.load(one_engine, **how) as model:
            model(image)
            (stats,) = model.engine_stats()
            assert (stats["cache_hits"], stats["builds"], stats["fallbacks"], stats["engines"]) == (1, 1, 0, 1)
    assert len(list(tmp_path.glob("*.engine"))) == 1
    for how in ({"on_fallback": "fail"}, {"fail_on_fallback": True}):
        with tftrt.load(one_engine, **how) as model:
            model(image[:1])
            with pytest.raises(tftrt.Error, match="the cache is full"):
                model(image)
    with pytest.raises(ValueError, match="^on_fallback is one of native, build, fail, not 'never'$"):
        tftrt.load(one_engine, on_fallback="never")
