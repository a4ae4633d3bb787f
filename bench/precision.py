#!/usr/bin/env python3
"""Reduced precision: our modes against our own FP32 and against the peers', on this machine, now.

  precision.py --build build [--modes fp16,bf16,int8] [--models resnet50,bert_base,...] [--threads 1,2] [--rounds 20] [--case 0]

As bench/run.py: warm peers in processes of their own take turns. Prints for each mode our least latency, how many times
FP32's speed that is, the ratio to the best peer's least (below 1: we are ahead) and which that is, and both relative L2 errors
to the golden outputs (TensorFlow's, float32); of several outputs the largest. Peers: OpenVINO with the same inference
precision; of INT8 what OpenVINO (NNCF) and ONNX Runtime made of the samples that ours is calibrated on
(bench/int8_peers.py; kept in <build>/bench). --case: which golden file's inputs (they differ in batch).
"""
import argparse, importlib.util, json, os, subprocess

import numpy as np

import int8_accuracy

# Not as "run": that is what it calls tests/conformance/run.py.
spec = importlib.util.spec_from_file_location("latency", os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py"))
latency = importlib.util.module_from_spec(spec)
spec.loader.exec_module(latency)

PEERS = {"fp32": ["openvino:f32"], "fp16": ["openvino:f16"], "bf16": ["openvino:bf16"],
         "int8": ["openvino:int8", "openvino:int8/f32", "onnxruntime:int8"]}


def relative_error(got, golden):
    """The largest relative L2 error of the golden outputs, each against the array of its shape; None: there is none."""
    worst = None
    for key in golden:
        want = golden[key].astype(np.float64)
        same = [a for a in got if key.startswith("out.") and a.shape == want.shape]
        if len(same) == 1:
            worst = max(worst or 0, float(np.linalg.norm(same[0] - want) / np.linalg.norm(want)))
    return worst


def convert(build, models, name, work, mode, threads, log):
    """The model in <work>/converted-<mode>, its kernels chosen for these inputs and threads."""
    inputs, samples = os.path.join(work, "inputs.npz"), int8_accuracy.calibration_files(work)
    subprocess.run([os.path.join(build, "bin/tftrt"), "convert", os.path.join(models, name, "saved_model"),
                    os.path.join(work, "converted-" + mode), "--quiet", "--precision", mode, "--threads", str(threads),
                    "--build-inputs", inputs, *(["--calibration-inputs", *samples] if mode == "int8" else [])],
                   check=True, stdout=log, stderr=log)


def measure(python, work, kinds, threads, rounds, golden, log, build):
    """kind -> (least ms, relative error)."""
    workers, result = {}, {}
    for kind in kinds:
        program = python.get(kind.partition(":")[0])
        try:
            if program:
                workers[kind] = latency.Worker(program, kind, work, threads, log, build)
        except RuntimeError as e:
            print("  " + str(e), file=log, flush=True)
    for kind, w in workers.items():
        saved = os.path.join(work, "outputs-" + kind.replace(":", "-").replace("/", "-") + ".npz")
        w.save(saved)
        with np.load(saved) as z:
            result[kind] = [[], relative_error([z[k] for k in z], golden)]
    for _ in range(rounds):
        for kind, w in workers.items():
            result[kind][0].append(w.run())
    for w in workers.values():
        w.close()
    return {k: (min(t), error) for k, (t, error) in result.items()}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--modes", default="fp16,bf16,int8")
    a.add_argument("--models", default="resnet50,bert_base,mobilenet_v2,efficientnet_b0")
    a.add_argument("--threads", default="1,2")
    a.add_argument("--rounds", type=int, default=20)
    a.add_argument("--case", type=int, default=0)
    a.add_argument("--json", help="write the numbers to this file")
    o = a.parse_args()
    build, modes, names, rows = os.path.abspath(o.build), ["fp32"] + o.modes.split(","), o.models.split(","), []
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    python = latency.pythons(build)
    kinds = ["tftrt:" + m for m in modes] + [p for m in modes for p in PEERS.get(m, [])]
    with open(os.path.join(build, "bench/precision.log"), "w") as log:
        models = latency.make_models(build, names)
        print("%-16s %7s %5s %9s %9s %9s %9s %9s  %s" % ("model", "threads", "mode", "ours ms", "x fp32", "/ peer", "error",
                                                     "peer's", "peer"))
        for name in names:
            work = latency.prepare(build, models, name, log, o.case, onnx="int8" in modes)
            if "int8" in modes:
                int8_accuracy.make_samples(work, name)
                int8_accuracy.quantize_peers(python, work, [], log)
            golden = dict(np.load(os.path.join(models, name, "golden", "serving_default.%d.npz" % o.case)))
            for threads in map(int, o.threads.split(",")):
                for mode in modes:
                    convert(build, models, name, work, mode, threads, log)
                t = measure(python, work, kinds, threads, o.rounds, golden, log, build)
                for mode in modes:
                    ours, error = t["tftrt:" + mode]
                    peers = sorted((t[p], p) for p in PEERS.get(mode, []) if p in t)
                    (peer, peers_error), which = peers[0] if peers else ((0, None), "-")
                    print("%-16s %7d %5s %9.2f %9.2f %9s %9.2g %9s  %s" % (
                        name, threads, mode, ours, t["tftrt:fp32"][0] / ours, "%.2f" % (ours / peer) if peer else "-", error,
                        "%.2g" % peers_error if peers_error is not None else "-", which), flush=True)
                rows.append({"model": name, "case": o.case, "threads": threads, "least_ms": {k: v[0] for k, v in t.items()},
                             "error": {k: v[1] for k, v in t.items()}})
    if o.json:
        json.dump({"schema": "tftrt.precision/1", "rows": rows}, open(o.json, "w"), indent=1)


if __name__ == "__main__":
    main()
