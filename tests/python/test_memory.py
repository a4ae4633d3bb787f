"""No copies between NumPy and the library; the GIL is released; dtypes that NumPy does not have."""
import os
import sys
import threading

import ml_dtypes
import numpy as np
import pytest
import tftrt
from conftest import assert_golden, cases, golden
from tftrt import function, model as model_module


class Recorder:
    """The library, with a note of the addresses that a run was given and gave."""

    def __init__(self, lib):
        self._lib, self.inputs, self.outputs, self.running, self.most = lib, [], [], 0, 0

    def __getattr__(self, name):
        return getattr(self._lib, name)

    def tftrt_model_run(self, handle, key, c_in, n_in, c_out, n_out, error):
        self.running += 1
        self.most = max(self.most, self.running)
        code = self._lib.tftrt_model_run(handle, key, c_in, n_in, c_out, n_out, error)
        self.running -= 1
        self.inputs = [c_in[i].data for i in range(n_in)]
        self.outputs = [c_out[i].data for i in range(n_out)]
        return code


@pytest.fixture
def recorder(monkeypatch):
    made = Recorder(model_module.lib)
    monkeypatch.setattr(model_module, "lib", made)
    return made


class Foreign:
    """Another library's tensor."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_the_library_reads_and_gives_the_very_memory(saved_model, recorder):
    inputs, outputs = golden("keras2_multi_io")
    names = sorted(inputs)
    with tftrt.load(saved_model("keras2_multi_io")) as model:
        for kind in (lambda a: a), Foreign, memoryview:
            got = model(**{k: kind(v) for k, v in inputs.items()})
            assert_golden(got, outputs)
            assert recorder.inputs == [inputs[k].ctypes.data for k in names]
            assert recorder.outputs == [got[k].ctypes.data for k in sorted(got)]
            again = {k: np.from_dlpack(v) for k, v in got.items()}
            assert [again[k].ctypes.data for k in sorted(got)] == recorder.outputs
        # What has another layout is copied once, by NumPy.
        model(**{k: np.asfortranarray(v) for k, v in inputs.items()})
        assert all(a != inputs[k].ctypes.data for a, k in zip(recorder.inputs, names))


def test_views_into_larger_arrays_are_not_copied(saved_model, recorder):
    inputs, outputs = golden("mnist_cnn")
    (image,) = inputs.values()
    many = np.concatenate([image, image])
    with tftrt.load(saved_model("mnist_cnn")) as model:
        got = model(many[len(image):])
        assert recorder.inputs == [many[len(image):].ctypes.data]
        assert_golden(got, outputs)


def test_two_runs_overlap(saved_model, recorder):
    """Python switches threads only where one lets go; so that two are inside the library at a time is the library's call
    having let go."""
    interval = sys.getswitchinterval()
    inputs, _ = golden("resnet_tiny")
    with tftrt.load(saved_model("resnet_tiny"), threads=1) as model:
        model(**inputs)
        sys.setswitchinterval(1e6)
        try:
            for _ in range(1000):
                start = threading.Barrier(2)

                def work():
                    start.wait()
                    for _ in range(10):
                        model(**inputs)

                threads = [threading.Thread(target=work) for _ in range(2)]
                [t.start() for t in threads]
                [t.join() for t in threads]
                if recorder.most == 2:
                    break
        finally:
            sys.setswitchinterval(interval)
    assert recorder.most == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's own, of forking with threads
def test_a_forked_process_runs_its_parents_model(saved_model):
    """As multiprocessing's workers do where they are forked."""
    inputs, outputs = golden("resnet_tiny")
    with tftrt.load(saved_model("resnet_tiny")) as model:
        assert_golden(model(**inputs), outputs)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                assert_golden(model(**inputs), outputs)
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0) == (pid, 0)
        assert_golden(model(**inputs), outputs)


def test_bfloat16(saved_model):
    with tftrt.load(saved_model("bf16_mixed")) as model:
        run = model["bf16_io"]
        assert [s.numpy_dtype for s in run.inputs] == [np.dtype(ml_dtypes.bfloat16)]
        for case in cases("bf16_mixed", "bf16_io"):
            inputs, outputs = golden("bf16_mixed", case)
            bits = inputs["x"].view(np.uint16)
            for x in (bits, bits.view(ml_dtypes.bfloat16)):
                got = run(x)
                assert got["y"].dtype == ml_dtypes.bfloat16
                np.testing.assert_allclose(got["y"].astype(np.float32),
                                           outputs["y"].view(ml_dtypes.bfloat16).astype(np.float32), rtol=2e-2)  # fmt: skip
                np.testing.assert_allclose(got["s"], outputs["s"], rtol=1e-5)
        with pytest.raises(ValueError, match="'x'.*bfloat16.*float32"):
            run(np.zeros((1, 16), np.float32))


def test_bfloat16_without_ml_dtypes_is_its_bits(saved_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    inputs, outputs = golden("bf16_mixed", "bf16_io.0")
    with tftrt.load(saved_model("bf16_mixed")) as model:
        got = model["bf16_io"](inputs["x"].view(np.uint16))
        assert got["y"].dtype == np.uint16
        np.testing.assert_array_equal(got["y"] >> 4, outputs["y"].view(np.uint16) >> 4)


def test_half_and_complex(saved_model):
    for name, key in ("fp16_io", "serving_default"), ("audio_stft", "complex"):
        with tftrt.load(saved_model(name)) as model:
            for case in cases(name, key):
                inputs, outputs = golden(name, case)
                got = model[key](**inputs)
                for k in outputs:
                    assert got[k].dtype == outputs[k].dtype
                    np.testing.assert_allclose(got[k], outputs[k], rtol=2e-3, atol=2e-3)


def test_other_byte_orders_become_this_machines(saved_model):
    inputs, outputs = golden("mnist_cnn")
    with tftrt.load(saved_model("mnist_cnn")) as model:
        assert_golden(model(**{k: v.astype(v.dtype.newbyteorder(">")) for k, v in inputs.items()}), outputs)


def test_arrays_of_other_libraries(saved_model):
    class Array:  # only __array__
        def __init__(self, a):
            self.a = a

        def __array__(self, dtype=None, copy=None):
            return self.a

    class Eager:  # only numpy(), and a __dlpack__ that cannot
        def __init__(self, a):
            self.a = a

        def __dlpack__(self, **_):
            raise BufferError("not here")

        def __dlpack_device__(self):
            return (1, 0)

        def numpy(self):
            return self.a

    inputs, outputs = golden("mnist_cnn")
    with tftrt.load(saved_model("mnist_cnn")) as model:
        for kind in Array, Eager, np.ndarray.tolist:
            assert_golden(model(**{k: kind(v) for k, v in inputs.items()}), outputs)


def test_strings_of_other_libraries_are_not_asked_for_dlpack(saved_model):
    class Tensor:  # TensorFlow's ends the process then
        dtype = "<dtype: 'string'>"

        def __init__(self, a):
            self.a = a

        def __dlpack__(self, **_):
            raise SystemExit

        def numpy(self):
            return self.a

    inputs, outputs = golden("vocab_asset")
    with tftrt.load(saved_model("vocab_asset")) as model:
        assert_golden(model(Tensor(inputs["words"])), outputs)


def test_functions_tell_their_specs(saved_model):
    with tftrt.load(saved_model("multi_sig")) as model:
        f = model["mix-v1.0"]
        assert isinstance(f, function.Function)
        assert {k: (s.dtype, s.shape) for k, s in f.structured_input_signature[1].items()} == {
            "a": ("float32", (None, 6)), "b": ("float32", (None, 6)), "weight": ("float32", ())}  # fmt: skip
        assert list(f.structured_outputs) == ["output_0", "output_1"]
