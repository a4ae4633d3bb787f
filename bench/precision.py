#!/usr/bin/env python3
"""Reduced precision: our modes against our own FP32 and against OpenVINO's of the same type, on this machine, now.

  precision.py --build build [--precision fp16,bf16] [--models resnet50,bert_base,...] [--threads 1,2] [--rounds 20] [--case 0]

As bench/run.py: warm peers in processes of their own take turns. Prints for each mode our median latency, how many times
faster that is than our FP32, the ratio to OpenVINO's median with the same inference precision (below 1: we are ahead), and
both relative L2 errors to the golden outputs (TensorFlow's, float32); of several outputs the largest. --case: which golden
file's inputs (they differ in batch).
"""
import argparse, importlib.util, os, statistics, subprocess

import numpy as np

# Under another name than run: it imports a module of that name itself.
spec = importlib.util.spec_from_file_location("bench_run", os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py"))
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)

HINTS = {"fp16": "f16", "bf16": "bf16"}  # OpenVINO's names


def relative_error(got, golden):
    """The largest relative L2 error of the golden outputs, each against the array of its shape; None: there is none."""
    worst = None
    for key in golden:
        want = golden[key].astype(np.float64)
        same = [a for a in got if key.startswith("out.") and a.shape == want.shape]
        if len(same) == 1:
            worst = max(worst or 0, float(np.linalg.norm(same[0] - want) / np.linalg.norm(want)))
    return worst


def prepare(build, models, name, case, modes, log):
    """The converted models in <work>/converted-<mode> for the case's inputs; returns work and the golden arrays."""
    work = bench.prepare(build, models, name, log, case, onnx=False)
    golden = dict(np.load(os.path.join(models, name, "golden", "serving_default.%d.npz" % case)))
    inputs = os.path.join(work, "inputs.npz")
    for mode in modes:
        subprocess.run([os.path.join(build, "bin/tftrt"), "convert", os.path.join(models, name, "saved_model"),
                        os.path.join(work, "converted-" + mode), "--quiet", "--precision", mode, "--build-inputs", inputs],
                       check=True, stdout=log, stderr=log)
    return work, golden


def measure(python, work, kinds, threads, rounds, golden, log, build):
    """kind -> (median ms, relative error)."""
    workers, result = {}, {}
    for kind in kinds:
        program = python.get(kind.partition(":")[0])
        try:
            if program:
                workers[kind] = bench.Worker(program, kind, work, threads, log, build)
        except RuntimeError as e:
            print("  " + str(e), file=log, flush=True)
    for kind, w in workers.items():
        saved = os.path.join(work, "outputs-" + kind.replace(":", "-") + ".npz")
        w.save(saved)
        with np.load(saved) as z:
            result[kind] = [[], relative_error([z[k] for k in z], golden)]
    for _ in range(rounds):
        for kind, w in workers.items():
            result[kind][0].append(w.run())
    for w in workers.values():
        w.close()
    return {k: (statistics.median(t), error) for k, (t, error) in result.items()}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--precision", default="fp16,bf16")
    a.add_argument("--models", default="resnet50,bert_base,mobilenet_v2,efficientnet_b0")
    a.add_argument("--threads", default="1,2")
    a.add_argument("--rounds", type=int, default=20)
    a.add_argument("--case", type=int, default=0)
    o = a.parse_args()
    build, modes, names = os.path.abspath(o.build), o.precision.split(","), o.models.split(",")
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    python = bench.pythons(build)
    with open(os.path.join(build, "bench/log"), "w") as log:
        models = bench.make_models(build, names)
        print("%-16s %7s %5s %9s %9s %9s %9s %9s" % ("model", "threads", "mode", "ours ms", "x fp32", "/ ov", "error", "ov error"))
        for name in names:
            work, golden = prepare(build, models, name, o.case, ["fp32"] + modes, log)
            for threads in map(int, o.threads.split(",")):
                kinds = ["tftrt:" + m for m in ["fp32"] + modes] + ["openvino:" + HINTS[m] for m in modes]
                t = measure(python, work, kinds, threads, o.rounds, golden, log, build)
                for mode in ["fp32"] + modes:
                    ours, peer = t["tftrt:" + mode], t.get("openvino:" + HINTS.get(mode, "f32"))
                    print("%-16s %7d %5s %9.2f %9.2f %9s %9.2g %9s" % (
                        name, threads, mode, ours[0], t["tftrt:fp32"][0] / ours[0], "%.2f" % (ours[0] / peer[0]) if peer else "-",
                        ours[1], "%.2g" % peer[1] if peer else "-"), flush=True)


if __name__ == "__main__":
    main()
