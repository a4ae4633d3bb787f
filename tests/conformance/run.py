#!/usr/bin/env python3
"""Against real TensorFlow, on models too large to keep: makes them, converts them, runs both, compares.

  run.py --build build [--models resnet50,...] [--op-set all]

Each model is made by tests/models/make_models.py (seeded weights) with golden outputs of TensorFlow. The converted model
must have one engine (two at most), give every golden output within 1e-3 relative of its largest value, and be readable by
TensorFlow's own saved_model_cli. Ends with "N passed, N failed".
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["mobilenet_v2", "resnet50", "efficientnet_b0", "inception_v3", "densenet121", "bert_base"]


os.environ.setdefault("TFTRT_CACHE", "off")  # every engine is built here and now


def make(build, names):
    """The big models of the corpus, made once, in <build>/models/big."""
    root = os.path.abspath(os.path.join(build, "models"))
    os.makedirs(root, exist_ok=True)
    missing = [n for n in names if not os.path.isdir(os.path.join(root, "big", n, "golden"))]
    if missing:
        print("making", " ".join(missing), flush=True)
        log = open(os.path.join(root, "make.log"), "w")
        subprocess.run([sys.executable, os.path.join(HERE, "../models/make_models.py"), "big", *missing], check=True, stdout=log,
                       stderr=log, env={**os.environ, "TFTRT_CORPUS": root})
    return os.path.join(root, "big")


def relative_difference(a, b):
    """The largest difference from b, of b's largest finite value; infinite where they differ in more than numbers."""
    import numpy as np
    if a.shape != b.shape:
        return float("inf")
    if a.dtype.kind in "SUb" or a.size == 0:
        return 0.0 if (a == b).all() else float("inf")
    kind = np.complex128 if b.dtype.kind == "c" else np.float64
    a, b = a.astype(kind), b.astype(kind)
    finite = np.isfinite(b)
    if not np.isfinite(a[finite]).all() or not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return float("inf")
    return float(np.max(np.abs(a[finite] - b[finite]), initial=0) / max(np.max(np.abs(b[finite]), initial=0), 1e-30))


def check(tftrt, models, name, op_set, out):
    import numpy as np
    source = os.path.join(models, name, "saved_model")
    converted = os.path.join(out, name)
    said = subprocess.run([tftrt, "convert", source, converted, "--op-set", op_set, "--json"], capture_output=True, text=True)
    if said.returncode:
        return f"convert: {said.stderr.strip()}"
    engines = len(json.loads(said.stdout)["engines"])
    worst, cases = 0.0, 0
    for case in sorted(os.listdir(os.path.join(models, name, "golden"))):
        signature = case.split(".")[0]
        if signature != "serving_default":
            continue
        golden = dict(np.load(os.path.join(models, name, "golden", case)))
        inputs = {k[3:]: v for k, v in golden.items() if k.startswith("in.")}
        np.savez(os.path.join(out, "in.npz"), **inputs)
        ran = subprocess.run([tftrt, "run", converted, "--inputs", os.path.join(out, "in.npz"), "--outputs",
                              os.path.join(out, "out.npz")], capture_output=True, text=True)
        if ran.returncode:
            return f"run {case}: {ran.stderr.strip()}"
        got = np.load(os.path.join(out, "out.npz"))
        for key in (k[4:] for k in golden if k.startswith("out.")):
            worst = max(worst, relative_difference(got[key], golden["out." + key]))
        cases += 1
    cli = shutil.which("saved_model_cli", path=os.path.dirname(sys.executable))
    shown = subprocess.run([cli, "show", "--dir", converted, "--all"], capture_output=True, text=True)
    reads = shown.returncode == 0 and "serving_default" in shown.stdout
    print(f"{name:18} {engines} engine(s), {cases} cases, largest difference {worst:.2e} of the peak, "
          f"saved_model_cli {'reads it' if reads else 'FAILS'}", flush=True)
    if engines > 2 or engines < 1:
        return f"{engines} engines"
    if worst > 1e-3 or not cases:
        return f"difference {worst}"
    return None if reads else "saved_model_cli: " + shown.stderr[-300:]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--models", default=",".join(MODELS))
    p.add_argument("--op-set", default="all")
    a = p.parse_args()
    build = os.path.abspath(a.build)
    names = a.models.split(",")
    models = make(build, names)
    out = os.path.join(build, "conformance")
    os.makedirs(out, exist_ok=True)
    failed = 0
    for name in names:
        why = check(os.path.join(build, "bin/tftrt"), models, name, a.op_set, out)
        if why:
            failed += 1
            print(f"FAILED {name}: {why}", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
