#!/usr/bin/env python3
"""What INT8 costs in accuracy: ours, OpenVINO's (NNCF) and ONNX Runtime's, after calibration on the same samples.

  int8_accuracy.py --build build [--models resnet50,...] [--calibrators entropy,minmax] [--batches 12]

20 calibration samples and some batches of 8 others to measure on, all seeded, of the kind that the corpus makes its golden
files from. Prints the relative L2 error of each output against TensorFlow in float32, the mean over the batches, and ours over
the better peer's: 1 or less means that nobody is nearer. A single batch is mostly luck: with random weights OpenVINO's errors
on one lie between 0.38 and 0.62 for MobileNetV2. Needs `tools/setup bench`.
"""
import argparse, glob, json, os, subprocess, sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["resnet50", "mobilenet_v2", "efficientnet_b0", "bert_base"]
SAMPLES, BATCH = 20, 8
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


def measured_files(work):
    return sorted(glob.glob(os.path.join(work, "measured.*.npz")))


def make_samples(work, name, batches=1):
    calibration = samples(name, SAMPLES, 11)
    for i, path in enumerate(calibration_files(work)):
        np.savez(path, **{k: v[i:i + 1] for k, v in calibration.items()})
    for path in measured_files(work):
        os.remove(path)
    for i in range(batches):
        np.savez(os.path.join(work, f"measured.{i}.npz"), **samples(name, BATCH, 12 + i))


def quantize_peers(python, work, outputs, log):
    """int8.xml and int8.onnx, and of each measured.<i>.npz the outputs that are named."""
    if "openvino" in python:
        subprocess.run([python["openvino"], os.path.join(HERE, "int8_peers.py"), work, *outputs], check=True, stdout=log,
                       stderr=log)


def tensorflow(work):
    """Of each batch, its outputs."""
    import tensorflow as tf
    model = tf.saved_model.load(json.load(open(os.path.join(work, "io.json")))["saved_model"])
    run = model.signatures["serving_default"]
    return [{k: v.numpy() for k, v in run(**{k: tf.constant(v) for k, v in np.load(path).items()}).items()}
            for path in measured_files(work)]


def run_all(tftrt, target, measured, out, log):
    """Of each batch, the outputs of the model in `target`; `out` is written over."""
    results = []
    for inputs in measured:
        subprocess.run([tftrt, "run", target, "--inputs", inputs, "--outputs", out], check=True, stdout=log, stderr=log)
        results.append(dict(np.load(out).items()))
    return results


def ours(build, work, source, calibrator, log):
    tftrt = os.path.join(build, "bin/tftrt")
    target, measured = os.path.join(work, "int8"), measured_files(work)
    subprocess.run([tftrt, "convert", source, target, "-q", "-p", "int8", "--calibrator", calibrator, "--dynamic-shape",
                    "--calibration-inputs", *calibration_files(work), "--build-inputs", measured[0]], check=True, stdout=log,
                   stderr=log)
    return run_all(tftrt, target, measured, os.path.join(work, "int8.npz"), log)


def peers(work, peer, mode="int8"):
    files = [os.path.join(work, f"{peer}_{mode}.{i}.npz") for i in range(len(measured_files(work)))]
    return [dict(np.load(f).items()) for f in files] if all(map(os.path.exists, files)) else None


def error(got, want, output):
    """The mean relative L2 error over the batches."""
    pairs = [(g[output].astype(np.float64), w[output].astype(np.float64)) for g, w in zip(got, want, strict=True)]
    return float(np.mean([np.linalg.norm(g - w) / np.linalg.norm(w) for g, w in pairs]))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--models", default=",".join(MODELS))
    a.add_argument("--calibrators", default="entropy")
    a.add_argument("--batches", type=int, default=12)
    o = a.parse_args()
    build, calibrators = os.path.abspath(o.build), o.calibrators.split(",")
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    import run
    with open(os.path.join(build, "bench/int8.log"), "w") as log:
        models = run.make_models(build, o.models.split(","))
        print("%-16s %-18s %10s %10s" % ("model", "output", "OpenVINO", "ORT"), *("%10s %6s" % (c, "/best") for c in calibrators))
        for name in o.models.split(","):
            work = run.prepare(build, models, name, log)
            make_samples(work, name, o.batches)
            want = tensorflow(work)
            order = sorted(want[0])  # the frozen graph's outputs
            quantize_peers(run.pythons(build), work, order, log)
            source = os.path.join(models, name, "saved_model")
            mine = {c: ours(build, work, source, c, log) for c in calibrators}
            for k in order:
                best, cells = float("inf"), []
                for peer in ("openvino", "onnxruntime"):
                    answers = peers(work, peer)
                    e = error(answers, want, k) if answers else None
                    best = best if e is None else min(best, e)
                    cells.append("%10s" % "-" if e is None else "%10.4f" % e)
                cells += ["%10.4f %6.2f" % (e, e / best) for e in (error(mine[c], want, k) for c in calibrators)]
                print("%-16s %-18s %s" % (name, k, " ".join(cells)), flush=True)


if __name__ == "__main__":
    main()
