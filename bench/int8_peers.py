"""INT8 models of OpenVINO (NNCF) and ONNX Runtime from the calibration samples in a folder of bench/int8_accuracy.py, with
each peer's defaults: int8.xml, int8.onnx, made again when samples, model or peer have changed. With OUTPUTs also what they
make of each measured.<i>.npz: <peer>_int8.<i>.npz.

  int8_peers.py WORK [OUTPUT...]
"""
import glob, hashlib, json, os, sys

import numpy as np

WORK, ORDER = sys.argv[1], sys.argv[2:]
IO = json.load(open(os.path.join(WORK, "io.json")))
SAMPLES = sorted(glob.glob(os.path.join(WORK, "calibration.*.npz")))
MEASURED = sorted(glob.glob(os.path.join(WORK, "measured.*.npz")))


def sample(path):
    with np.load(path) as z:
        return {i["tensor"]: z[i["name"]] for i in IO["inputs"]}


def made_of(source, *packages):
    """Of what a quantized model is made."""
    h = hashlib.sha256(" ".join("%s %s" % (p.__name__, p.__version__) for p in packages).encode())
    for path in [source] + SAMPLES:
        with open(path, "rb") as f:
            h.update(hashlib.file_digest(f, "sha256").digest())
    return h.hexdigest()


def once(target, source, packages, make):
    """Makes the file when it is not there, or was made of something else."""
    key, stamp = made_of(source, *packages), target + ".made_of"
    if os.path.exists(target) and os.path.exists(stamp) and open(stamp).read() == key:
        return
    make()
    with open(stamp, "w") as f:
        f.write(key)


def openvino():
    import nncf
    import openvino as ov
    source, target = (os.path.join(WORK, f) for f in ("frozen.pb", "int8.xml"))

    def positions(model, x):
        found = {}
        for at, p in enumerate(model.inputs):
            names = set(p.get_names()) | {p.get_node().get_friendly_name()}
            for tensor, v in x.items():
                if {tensor, tensor.split(":")[0]} & names:
                    found[at] = v
        return found

    def quantize():
        model = ov.Core().read_model(source)
        kind = {"model_type": nncf.ModelType.TRANSFORMER} if "bert" in WORK else {}
        data = nncf.Dataset([sample(p) for p in SAMPLES], lambda x: positions(model, x))
        ov.save_model(nncf.quantize(model, data, subset_size=20, **kind), target)

    once(target, source, (ov, nncf), quantize)
    if not ORDER:
        return []
    compiled = ov.Core().compile_model(target, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = []
    for path in MEASURED:
        out = compiled(positions(compiled, sample(path)))
        results.append([out[i].copy() for i in range(len(ORDER))])
    return results


def onnxruntime():
    import onnxruntime as ort
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    source, ready, target = (os.path.join(WORK, f) for f in ("model.onnx", "model_ready.onnx", "int8.onnx"))

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rest = iter(sample(p) for p in SAMPLES)

        def get_next(self):
            return next(self.rest, None)

    def quantize():
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        quantize_static(ready, target, Reader(), per_channel=True, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8)
        os.remove(ready)

    once(target, source, (ort,), quantize)
    if not ORDER:
        return []
    s = ort.InferenceSession(target, providers=["CPUExecutionProvider"])
    return [s.run(None, sample(path)) for path in MEASURED]


for peer in (openvino, onnxruntime):
    if ORDER:
        for old in glob.glob(os.path.join(WORK, f"{peer.__name__}_int8.*.npz")):
            os.remove(old)
    try:
        for i, made in enumerate(peer()):
            np.savez(os.path.join(WORK, f"{peer.__name__}_int8.{i}.npz"), **dict(zip(ORDER, made)))
    except Exception as e:  # a peer that cannot is left out
        print(f"{peer.__name__}: {type(e).__name__}: {e}", file=sys.stderr)
