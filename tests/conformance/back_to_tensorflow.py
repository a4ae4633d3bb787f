#!/usr/bin/env python3
"""Models of the corpus converted, and converted again without engines: TensorFlow, which has no TRTEngineOp, must load what comes
out and give its own answers. `back_to_tensorflow.py --build build [--models a,b]` ends with "N passed, N failed"."""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TFTRT_CACHE", "off")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../models/small")
# Not given to TensorFlow by this script: calls depend on each other; several meta graphs; names that NumPy's archive changes.
LEFT_OUT = {"stateful_counter", "stateful_pair", "multi_tags", "odd_nodes"}


def difference(got, want):
    import numpy as np
    if got.shape != want.shape:
        return float("inf")
    if want.dtype.kind not in "fc" or not want.size:
        return 0.0 if (got == want).all() else float("inf")
    kind = np.complex128 if want.dtype.kind == "c" else np.float64
    a, b = got.astype(kind), want.astype(kind)
    finite = np.isfinite(b)
    if (np.isfinite(a) != finite).any():
        return float("inf")
    return float(np.max(np.abs(a - b)[finite], initial=0) / max(np.max(np.abs(b)[finite], initial=0), 1e-30))


def check(tftrt, name, work):
    import numpy as np
    import tensorflow as tf
    source, converted, back = os.path.join(CORPUS, name), os.path.join(work, name), os.path.join(work, name + ".back")
    for command in ([os.path.join(source, "saved_model"), converted], [converted, back, "--min-segment-size", "-1"]):
        said = subprocess.run([tftrt, "convert", *command, "--quiet"], capture_output=True, text=True)
        if said.returncode:
            return "convert: " + said.stderr.strip()
    left = glob.glob(os.path.join(back, "assets/trt-serialized-engine.*"))
    if left:
        return f"{left} are left"
    model = tf.saved_model.load(back)
    for case in sorted(glob.glob(os.path.join(source, "golden/serving_default.*.npz"))):
        golden = dict(np.load(case))
        got = model.signatures["serving_default"](**{k[3:]: tf.constant(v) for k, v in golden.items() if k.startswith("in.")})
        for key in (k[4:] for k in golden if k.startswith("out.")):
            far = difference(got[key].numpy(), golden["out." + key])
            if far > 1e-3:
                return f"{os.path.basename(case)}: {key} differs by {far:.1e} of its peak"
    return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--models", default="")
    a = p.parse_args()
    names = [n for n in sorted(os.listdir(CORPUS)) if n not in LEFT_OUT and
             glob.glob(os.path.join(CORPUS, n, "golden/serving_default.*.npz"))]
    if a.models:
        names = a.models.split(",")
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        for name in names:
            try:
                why = check(os.path.join(os.path.abspath(a.build), "bin/tftrt"), name, work)
            except Exception as e:  # TensorFlow's are of many kinds
                why = str(e).strip().splitlines()[0][:300]
            if why:
                failed += 1
                print(f"FAILED {name}: {why}", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
