"""What OpenVINO and ONNX Runtime make in 16 bits of each measured.<i>.npz in a folder of bench/half_accuracy.py:
<peer>_<mode>.<i>.npz.

  half_peers.py WORK MODE[,MODE] OUTPUT...
"""
import glob, json, os, sys

import numpy as np

WORK, MODES, ORDER = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
IO = json.load(open(os.path.join(WORK, "io.json")))
MEASURED = sorted(glob.glob(os.path.join(WORK, "measured.*.npz")))


def sample(path):
    with np.load(path) as z:
        return {i["tensor"]: z[i["name"]] for i in IO["inputs"]}


def openvino(mode):
    import openvino as ov
    compiled = ov.Core().compile_model(os.path.join(WORK, "frozen.pb"), "CPU",
                                       {"INFERENCE_PRECISION_HINT": {"fp16": "f16", "bf16": "bf16"}[mode]})
    at = {}
    for i, p in enumerate(compiled.inputs):
        names = set(p.get_names()) | {p.get_node().get_friendly_name()}
        at.update({i: e["tensor"] for e in IO["inputs"] if {e["tensor"], e["tensor"].split(":")[0]} & names})
    for path in MEASURED:
        x = sample(path)
        out = compiled({i: x[tensor] for i, tensor in at.items()})
        yield [out[i].copy() for i in range(len(ORDER))]


def onnxruntime(mode):
    import onnx
    import onnxruntime as ort
    from onnxruntime.transformers.float16 import convert_float_to_float16
    if mode != "fp16":
        raise ValueError("its CPU kernels have no " + mode)
    model = convert_float_to_float16(onnx.load(os.path.join(WORK, "model.onnx")), keep_io_types=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for path in MEASURED:
        yield session.run(None, sample(path))


for peer in (openvino, onnxruntime):
    for mode in MODES:
        name = os.path.join(WORK, f"{peer.__name__}_{mode}")
        for old in glob.glob(f"{name}.*.npz"):
            os.remove(old)
        try:
            for i, made in enumerate(peer(mode)):
                np.savez(f"{name}.{i}.npz", **dict(zip(ORDER, made)))
        except Exception as e:  # a peer that cannot is left out
            print(f"{name}: {type(e).__name__}: {e}", file=sys.stderr)
