#!/usr/bin/env python3
"""What 16 bits cost in accuracy: ours, OpenVINO's and (FP16) ONNX Runtime's.

  half_accuracy.py --build build [--models resnet50,...] [--modes fp16,bf16] [--batches 6]

The batches of 8 that bench/int8_accuracy.py measures on, and its figures: of each output the relative L2 error against
TensorFlow in float32, the mean over the batches, and ours over the better peer's: 1 or less means that nobody is nearer.
OpenVINO's are those of its inference precisions f16 and bf16, ONNX Runtime's those of the model that its own converter puts in
FP16 (its CPU kernels widen: weights and what lies between layers are rounded). Needs `tools/setup bench`.
"""
import argparse, os, subprocess

import run
from int8_accuracy import HERE, MODELS, error, make_samples, measured_files, peers, run_all, tensorflow

MODES = ["fp16", "bf16"]


def ours(build, work, source, mode, log):
    tftrt, target, measured = os.path.join(build, "bin/tftrt"), os.path.join(work, mode), measured_files(work)
    subprocess.run([tftrt, "convert", source, target, "-q", "-p", mode, "--threads", "1", "--dynamic-shape",
                    "--build-inputs", measured[0]], check=True, stdout=log, stderr=log)
    return run_all(tftrt, target, measured, os.path.join(work, mode + ".npz"), log)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--models", default=",".join(MODELS))
    a.add_argument("--modes", default=",".join(MODES))
    a.add_argument("--batches", type=int, default=6)
    o = a.parse_args()
    build, modes, names = os.path.abspath(o.build), o.modes.split(","), o.models.split(",")
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    python = run.pythons(build)
    with open(os.path.join(build, "bench/half.log"), "w") as log:
        models = run.make_models(build, names)
        print("%-16s %-18s %5s %10s %10s %10s %6s" % ("model", "output", "mode", "OpenVINO", "ORT", "ours", "/best"))
        for name in names:
            work = run.prepare(build, models, name, log)
            make_samples(work, name, o.batches)
            want = tensorflow(work)
            order = sorted(want[0])  # the frozen graph's outputs
            if "openvino" in python:
                subprocess.run([python["openvino"], os.path.join(HERE, "half_peers.py"), work, ",".join(modes), *order],
                               check=True, stdout=log, stderr=log)
            for mode in modes:
                mine = ours(build, work, os.path.join(models, name, "saved_model"), mode, log)
                theirs = [peers(work, peer, mode) for peer in ("openvino", "onnxruntime")]
                for k in order:
                    errors = [error(t, want, k) if t else None for t in theirs]
                    best = min((e for e in errors if e is not None), default=float("inf"))
                    cells = ["%10s" % ("-" if e is None else "%.3g" % e) for e in errors]
                    e = error(mine, want, k)
                    print("%-16s %-18s %5s %s %10.3g %6.2f" % (name, k, mode, " ".join(cells), e, e / best), flush=True)


if __name__ == "__main__":
    main()
