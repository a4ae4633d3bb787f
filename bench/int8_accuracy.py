#!/usr/bin/env python3
"""What INT8 costs in accuracy: ours, OpenVINO's (NNCF) and ONNX Runtime's, after calibration on the same samples.

  int8_accuracy.py --build build [--models resnet50,...] [--calibrators entropy,minmax]

20 calibration samples and 8 others to measure on, all seeded, of the kind that the corpus makes its golden files from. Prints
the relative L2 error of each output against TensorFlow in float32, and OURS over the better peer: 1 or less means that
nobody is nearer. Needs `tools/setup bench`.
"""
import argparse, json, os, subprocess, sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["resnet50", "mobilenet_v2", "efficientnet_b0", "bert_base"]
SAMPLES, MEASURED = 20, 8
RANGE = {"resnet50": (-120, 130), "mobilenet_v2": (-1, 1), "efficientnet_b0": (0, 255)}

os.environ.setdefault("TFTRT_CACHE", "off")


def samples(name, n, seed):
    sys.path.insert(0, os.path.join(HERE, "../tests/models"))
    from corpuslib import images
    rng = np.random.default_rng(seed)
    if name == "bert_base":
        length = rng.integers(64, 129, (n, 1))
        mask = (np.arange(128)[None] < length).astype(np.int32)
        return {"input_ids": rng.integers(1, 30522, (n, 128)).astype(np.int32) * mask, "attention_mask": mask}
    lo, hi = RANGE[name]
    return {"image": images(rng, n, 224, 224, lo=lo, hi=hi)}


def calibration_files(work):
    return [os.path.join(work, f"calibration.{i}.npz") for i in range(SAMPLES)]


def make_samples(work, name):
    calibration = samples(name, SAMPLES, 11)
    for i, path in enumerate(calibration_files(work)):
        np.savez(path, **{k: v[i:i + 1] for k, v in calibration.items()})
    np.savez(os.path.join(work, "measured.npz"), **samples(name, MEASURED, 12))


def quantize_peers(python, work, outputs, log):
    """int8.xml and int8.onnx, and of measured.npz the outputs that are named."""
    if "openvino" in python:
        subprocess.run([python["openvino"], os.path.join(HERE, "int8_peers.py"), work, *outputs], check=True, stdout=log,
                       stderr=log)


def tensorflow(work):
    import tensorflow as tf
    model = tf.saved_model.load(json.load(open(os.path.join(work, "io.json")))["saved_model"])
    inputs = {k: tf.constant(v) for k, v in np.load(os.path.join(work, "measured.npz")).items()}
    return {k: v.numpy() for k, v in model.signatures["serving_default"](**inputs).items()}


def ours(build, work, source, calibrator, log):
    tftrt = os.path.join(build, "bin/tftrt")
    target, measured, out = (os.path.join(work, f) for f in ("int8", "measured.npz", "int8.npz"))
    subprocess.run([tftrt, "convert", source, target, "-q", "-p", "int8", "--calibrator", calibrator, "--dynamic-shape",
                    "--calibration-inputs", *calibration_files(work), "--build-inputs", measured], check=True, stdout=log, stderr=log)
    subprocess.run([tftrt, "run", target, "--inputs", measured, "--outputs", out], check=True, stdout=log, stderr=log)
    return dict(np.load(out).items())


def error(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--models", default=",".join(MODELS))
    a.add_argument("--calibrators", default="entropy")
    o = a.parse_args()
    build, calibrators = os.path.abspath(o.build), o.calibrators.split(",")
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    import run
    with open(os.path.join(build, "bench/int8.log"), "w") as log:
        models = run.make_models(build, o.models.split(","))
        print("%-16s %-18s %10s %10s" % ("model", "output", "OpenVINO", "ORT"), *("%10s %6s" % (c, "/best") for c in calibrators))
        for name in o.models.split(","):
            work = run.prepare(build, models, name, log)
            make_samples(work, name)
            want = tensorflow(work)
            order = sorted(want)  # the frozen graph's outputs
            quantize_peers(run.pythons(build), work, order, log)
            source = os.path.join(models, name, "saved_model")
            mine = {c: ours(build, work, source, c, log) for c in calibrators}
            for k in order:
                best, cells = float("inf"), []
                for peer in ("openvino", "onnxruntime"):
                    file = os.path.join(work, f"{peer}_int8.npz")
                    e = error(np.load(file)[k], want[k]) if os.path.exists(file) else None
                    best = best if e is None else min(best, e)
                    cells.append("%10s" % "-" if e is None else "%10.4f" % e)
                cells += ["%10.4f %6.2f" % (e, e / best) for e in (error(mine[c][k], want[k]) for c in calibrators)]
                print("%-16s %-18s %s" % (name, k, " ".join(cells)), flush=True)


if __name__ == "__main__":
    main()
