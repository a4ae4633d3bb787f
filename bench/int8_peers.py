"""INT8 models of OpenVINO (NNCF) and ONNX Runtime from the calibration samples in a folder of bench/int8_accuracy.py, with
each peer's defaults: int8.xml, int8.onnx; and what they make of measured.npz: <peer>_int8.npz.

  int8_peers.py WORK OUTPUT...
"""
import glob, json, os, sys

import numpy as np

WORK, ORDER = sys.argv[1], sys.argv[2:]
IO = json.load(open(os.path.join(WORK, "io.json")))


def sample(path):
    with np.load(path) as z:
        return {i["tensor"]: z[i["name"]] for i in IO["inputs"]}


def calibration():
    return [sample(p) for p in sorted(glob.glob(os.path.join(WORK, "calibration.*.npz")))]


def openvino():
    import nncf
    import openvino as ov
    model = ov.Core().read_model(os.path.join(WORK, "frozen.pb"))

    def positions(x):
        found = {}
        for at, p in enumerate(model.inputs):
            names = set(p.get_names()) | {p.get_node().get_friendly_name()}
            for tensor, v in x.items():
                if {tensor, tensor.split(":")[0]} & names:
                    found[at] = v
        return found

    kind = {"model_type": nncf.ModelType.TRANSFORMER} if "bert" in WORK else {}
    data = nncf.Dataset(calibration(), positions)
    quantized = nncf.quantize(model, data, subset_size=20, **kind)
    ov.save_model(quantized, os.path.join(WORK, "int8.xml"))
    compiled = ov.Core().compile_model(quantized, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    out = compiled(positions(sample(os.path.join(WORK, "measured.npz"))))
    return [out[i] for i in range(len(ORDER))]


def onnxruntime():
    import onnxruntime as ort
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    source, ready, target = (os.path.join(WORK, f) for f in ("model.onnx", "model_ready.onnx", "int8.onnx"))
    quant_pre_process(source, ready, skip_symbolic_shape=True)

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rest = iter(calibration())

        def get_next(self):
            return next(self.rest, None)

    quantize_static(ready, target, Reader(), per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    s = ort.InferenceSession(target, providers=["CPUExecutionProvider"])
    return s.run(None, sample(os.path.join(WORK, "measured.npz")))


for peer in (openvino, onnxruntime):
    target = os.path.join(WORK, f"{peer.__name__}_int8.npz")
    try:
        np.savez(target, **dict(zip(ORDER, peer())))
    except Exception as e:  # a peer that cannot is left out
        print(f"{peer.__name__}: {type(e).__name__}: {e}", file=sys.stderr)
