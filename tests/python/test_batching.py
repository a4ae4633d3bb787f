"""Examples into batches: what the Beam handler and the Ray example do with a signature, against TensorFlow's goldens."""
import numpy as np
import pytest
import tftrt
from conftest import cases, golden
from tftrt._batching import Batcher


def rows(arrays):
    """The examples of a batch."""
    (count,) = {len(v) for v in arrays.values()}
    return [{k: v[i] for k, v in arrays.items()} for i in range(count)]


def same(got, want):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.keys() == w.keys()
        for key in w:
            np.testing.assert_allclose(g[key], w[key], rtol=1e-4, atol=1e-5)


def test_examples_in_order(saved_model):
    inputs, outputs = golden("mnist_cnn")
    with tftrt.load(saved_model("mnist_cnn")) as model:
        batcher = Batcher(model.default_signature)
        same(batcher(rows(inputs)), rows(outputs))
        same(batcher([r["image"] for r in rows(inputs)]), rows(outputs))
        same(batcher([r["image"].tolist() for r in rows(inputs)]), rows(outputs))
        assert batcher([]) == []


def test_examples_of_several_shapes(saved_model):
    """Sequences of three lengths, mixed: each answer is that of its own length."""
    all_cases = [golden("bert_tiny", c) for c in cases("bert_tiny")]
    examples = [r for inputs, _ in all_cases for r in rows(inputs)]
    want = [r for _, outputs in all_cases for r in rows(outputs)]
    assert len({r["input_ids"].shape for r in examples}) > 1
    order = np.random.default_rng(0).permutation(len(examples))
    with tftrt.load(saved_model("bert_tiny")) as model:
        same(Batcher(model.default_signature)([examples[i] for i in order]), [want[i] for i in order])


@pytest.mark.parametrize("count", [1, 4, 7])
def test_a_fixed_batch_is_filled_up(saved_model, count):
    inputs, outputs = golden("densenet_tiny_fixed4")
    examples, want = rows(inputs), rows(outputs)
    with tftrt.load(saved_model("densenet_tiny_fixed4")) as model:
        same(Batcher(model.default_signature)((examples * 2)[:count]), (want * 2)[:count])


def test_inputs_for_the_whole_batch_and_chosen_outputs(saved_model):
    inputs, outputs = golden("multi_sig", "mix-v1.0.0")
    weight = inputs.pop("weight")
    with tftrt.load(saved_model("multi_sig")) as model:
        batcher = Batcher(model["mix-v1.0"], ["output_0"])
        same(batcher(rows(inputs), {"weight": weight}), rows({"output_0": outputs["output_0"]}))
        with pytest.raises(ValueError, match=r"output 'output_1' of shape \(2,\) is none per example"):
            Batcher(model["mix-v1.0"])(rows(inputs)[:2], {"weight": weight})
        with pytest.raises(ValueError, match="no output 'other'; there are output_0, output_1"):
            Batcher(model["mix-v1.0"], ["other"])
        with pytest.raises(ValueError, match="no input 'other'; there are a, b, weight"):
            batcher(rows(inputs), {"other": 1})
        with pytest.raises(ValueError, match="example 1: input 'b' is missing"):
            batcher([rows(inputs)[0], {"a": inputs["a"][0]}], {"weight": weight})
        with pytest.raises(ValueError, match="example 0: there is no input 'c'"):
            batcher([{**rows(inputs)[0], "c": 1}], {"weight": weight})
        with pytest.raises(ValueError, match="input 'weight' has no batch dim"):
            batcher([{**r, "weight": weight} for r in rows(inputs)])
        with pytest.raises(ValueError, match=r"dict of arrays by input name \(a, b\), got ndarray"):
            batcher([inputs["a"][0]], {"weight": weight})


def test_strings(saved_model):
    inputs, outputs = golden("vocab_asset")
    words = [[w.decode() for w in row] for row in inputs["words"].tolist()]
    with tftrt.load(saved_model("vocab_asset")) as model:
        same(Batcher(model.default_signature)(words), rows(outputs))


def test_an_input_of_fixed_shape_beside_a_batch_is_no_batch(saved_model):
    inputs, _ = golden("ops_image")
    with tftrt.load(saved_model("ops_image")) as model:
        batcher = Batcher(model.default_signature, ["gray"])
        with pytest.raises(ValueError, match="input 'size' has no batch dim"):
            batcher([{"image": inputs["image"][0], "size": inputs["size"]}])
        assert len(batcher(list(inputs["image"]), {"size": inputs["size"]})) == len(inputs["image"])
