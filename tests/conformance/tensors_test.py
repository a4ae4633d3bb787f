"""TensorFlow's tensors into the Python package and its arrays back, in one process with TensorFlow (build/venv-tensorflow): no copies,
and the answers of the model that TensorFlow itself loads. Run by `make conformance`."""
import tempfile
import unittest
from pathlib import Path

import numpy as np
import tensorflow as tf
import tftrt
from tftrt import model as model_module
from tftrt import trt_convert

SMALL = Path(__file__).resolve().parents[1] / "models" / "small"


def source(name):
    return str(SMALL / name / "saved_model")


def inputs_of(name, case="serving_default.0"):
    with np.load(SMALL / name / "golden" / f"{case}.npz") as f:
        return {k[3:]: v for k, v in dict(f).items() if k.startswith("in.")}


class Addresses:
    """The library, with a note of where the inputs and outputs of the last run were."""

    def __init__(self, lib):
        self._lib = lib

    def __getattr__(self, name):
        return getattr(self._lib, name)

    def tftrt_model_run(self, handle, key, c_in, n_in, c_out, n_out, error):
        code = self._lib.tftrt_model_run(handle, key, c_in, n_in, c_out, n_out, error)
        self.inputs, self.outputs = [c_in[i].data for i in range(n_in)], [c_out[i].data for i in range(n_out)]
        return code


def address(tensor):
    """Where an eager tensor's memory is: NumPy's view through the buffer protocol has it."""
    return np.asarray(memoryview(tensor)).ctypes.data


class Tensors(unittest.TestCase):
    def setUp(self):
        self.lib = model_module.lib
        self.seen = model_module.lib = Addresses(self.lib)

    def tearDown(self):
        model_module.lib = self.lib

    def test_eager_tensors_are_not_copied(self):
        theirs = tf.saved_model.load(source("keras2_multi_io")).signatures["serving_default"]
        tensors = {k: tf.constant(v) for k, v in inputs_of("keras2_multi_io").items()}
        with tftrt.load(source("keras2_multi_io")) as model:
            got = model(**tensors)
            self.assertEqual(self.seen.inputs, [address(tensors[k]) for k in sorted(tensors)])
            for key, want in theirs(**tensors).items():
                np.testing.assert_allclose(got[key], want, rtol=1e-4, atol=1e-5)
            # And back: TensorFlow takes the library's memory.
            for key, at in zip(sorted(got), self.seen.outputs):
                back = tf.experimental.dlpack.from_dlpack(got[key].__dlpack__())
                self.assertEqual(address(back), at)
                np.testing.assert_array_equal(back, got[key])

    def test_strings_and_bfloat16(self):
        theirs = tf.saved_model.load(source("vocab_asset")).signatures["serving_default"]
        words = tf.constant(inputs_of("vocab_asset")["words"])
        with tftrt.load(source("vocab_asset")) as model:
            np.testing.assert_allclose(model(words)["y"], theirs(words=words)["y"], rtol=1e-5, atol=1e-6)
        theirs = tf.saved_model.load(source("bf16_mixed")).signatures["bf16_io"]
        x = tf.cast(tf.random.stateless_uniform([3, 16], [1, 2]), tf.bfloat16)
        with tftrt.load(source("bf16_mixed")) as model:
            got, want = model["bf16_io"](x), theirs(x=x)
            self.assertEqual(got["y"].dtype, want["y"].numpy().dtype)
            np.testing.assert_allclose(got["y"].astype(np.float32), tf.cast(want["y"], tf.float32), rtol=2e-2, atol=1e-2)

    def test_datasets_build_and_calibrate(self):
        """input_fn may be a dataset's iterator; its items are tensors, tuples or dicts of tensors."""
        image = np.random.default_rng(0).random((32, 28, 28, 1), np.float32)
        theirs = tf.saved_model.load(source("mnist_cnn")).signatures["serving_default"]
        (want,) = theirs(image=tf.constant(image)).values()
        batches = tf.data.Dataset.from_tensor_slices(image).batch(8)
        tuples = batches.map(lambda x: (x,))
        dicts = batches.map(lambda x: {"image": x})
        for precision, tolerance in ("FP32", 1e-4), ("INT8", 0.05):
            for dataset in batches, tuples, dicts:
                converter = trt_convert.TrtGraphConverterV2(source("mnist_cnn"), precision_mode=precision)
                converter.convert(*([lambda: iter(dataset)] if precision == "INT8" else []))
                converter.build(lambda: dataset)
                with tempfile.TemporaryDirectory() as out:
                    converter.save(out, options=tf.saved_model.SaveOptions())
                    with tftrt.load(out, on_fallback="fail") as model:
                        for i, batch in enumerate(batches):
                            (got,) = model(batch).values()
                            np.testing.assert_allclose(got, want[8 * i : 8 * i + 8], atol=tolerance)

    def test_a_wrong_tensor_is_told(self):
        with tftrt.load(source("mnist_cnn")) as model:
            with self.assertRaisesRegex(ValueError, "'image'.*float32.*float64"):
                model(tf.zeros([1, 28, 28, 1], tf.float64))
            with self.assertRaisesRegex(ValueError, "'image'.*float32"):
                model(tf.constant("text"))


if __name__ == "__main__":
    unittest.main()
