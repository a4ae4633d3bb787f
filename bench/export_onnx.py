"""The frozen graph of a folder of bench/run.py as ONNX, for ONNX Runtime: frozen.pb, io.json -> model.onnx. Run by
<build>/venv-onnx's Python.

  export_onnx.py WORK
"""
import json, os, subprocess, sys

import numpy as np
import onnx

WORK = sys.argv[1]
IO = json.load(open(os.path.join(WORK, "io.json")))
TARGET = os.path.join(WORK, "model.onnx")


def replace_erfc(graph):
    """ONNX has no Erfc, which tf2onnx writes all the same: 1 - Erf."""
    nodes = []
    for n in graph.node:
        if n.op_type != "Erfc":
            nodes.append(n)
            continue
        erf, one = n.name + "/erf", n.name + "/one"
        graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), one))
        nodes += [onnx.helper.make_node("Erf", n.input, [erf], erf),
                  onnx.helper.make_node("Sub", [one, erf], n.output, n.name)]
    del graph.node[:]
    graph.node.extend(nodes)


part = TARGET + ".part"
names = [",".join(t["tensor"] for t in IO[k]) for k in ("inputs", "outputs")]
subprocess.run([sys.executable, "-m", "tf2onnx.convert", "--graphdef", os.path.join(WORK, "frozen.pb"), "--inputs", names[0],
                "--outputs", names[1], "--opset", "17", "--output", part], check=True)
model = onnx.load(part)
replace_erfc(model.graph)
onnx.save(model, TARGET)
os.remove(part)
