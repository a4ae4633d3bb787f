#!/usr/bin/env python3
"""FP16 and BF16 against real TensorFlow: converts the large models in both modes and compares with their golden outputs.

  precision.py --build build [--models resnet50,...]

The relative L2 error of each output is to be within what rounding to the type costs such a model: MODELS has bounds for
FP16's 11 bits and BF16's 8: about twice what was measured. FP16 mode takes BF16 where that is timed to be clearly faster (with AMX),
and FP32 where nothing is; the bound is that of the type that the engine says it took. Random weights make classifiers sensitive: which
layers are timed to be faster in 16 bits moves their errors by half, EfficientNetB0's, whose hundred roundings may cancel out, by ten
times: 0.0009 to 0.012 in 16 builds, where ONNX Runtime's FP16, which rounds all tensors, is 0.0064 off. Trained models lose far less
(trained.py). Ends with "N passed, N failed".
"""
import argparse, importlib.util, json, os, subprocess, sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = {"resnet50": (0.15, 0.3), "mobilenet_v2": (0.05, 0.3), "efficientnet_b0": (0.015, 0.04), "bert_base": (1.2e-3, 8e-3)}

os.environ.setdefault("TFTRT_CACHE", "off")  # every engine is built here and now


def has_bfloat16(tftrt, converted):
    """Do layers of its engines compute in BF16?"""
    told = subprocess.run([tftrt, "summary", converted, "--json"], check=True, capture_output=True)
    return any("bf16" in e["layers_by_precision"] for node in json.loads(told.stdout)["engines"] for e in node["engines"])


def errors(tftrt, source, case, mode, out):
    """Relative L2 error of each golden output; whether that is in BF16."""
    golden = np.load(case)
    inputs, outputs = os.path.join(out, "inputs.npz"), os.path.join(out, "outputs.npz")
    np.savez(inputs, **{k[3:]: golden[k] for k in golden if k.startswith("in.")})
    converted = os.path.join(out, "converted")
    subprocess.run([tftrt, "convert", source, converted, "--quiet", "--precision", mode, "--build-inputs", inputs], check=True)
    subprocess.run([tftrt, "run", converted, "--inputs", inputs, "--outputs", outputs], check=True, stdout=subprocess.DEVNULL)
    got = np.load(outputs)
    found = {k: float(np.linalg.norm(got[k[4:]].astype(np.float64) - golden[k]) / np.linalg.norm(golden[k].astype(np.float64)))
             for k in golden if k.startswith("out.")}
    return found, has_bfloat16(tftrt, converted)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--models", default=",".join(MODELS))
    o = a.parse_args()
    build, names = os.path.abspath(o.build), o.models.split(",")
    spec = importlib.util.spec_from_file_location("conformance", os.path.join(HERE, "run.py"))
    conformance = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conformance)
    models, out = conformance.make(build, names), os.path.join(build, "conformance", "precision")
    os.makedirs(out, exist_ok=True)
    counts = [0, 0]
    for name in names:
        for mode in ("fp16", "bf16"):
            for case in ("0", "1"):
                found, bfloat16 = errors(os.path.join(build, "bin/tftrt"), os.path.join(models, name, "saved_model"),
                                         os.path.join(models, name, "golden", "serving_default.%s.npz" % case), mode, out)
                bound = MODELS[name][bfloat16]
                good = all(e <= bound for e in found.values())
                counts[not good] += 1
                print("%-16s %s case %s: %s, bound %g%s%s" % (name, mode, case, ", ".join("%s %.2g" % (k[4:], e) for k, e in
                                                            found.items()), bound, " (BF16's)" if bfloat16 else "",
                                                            "" if good else "  FAILED"), flush=True)
    print("%d passed, %d failed" % tuple(counts))
    sys.exit(counts[1] > 0)


if __name__ == "__main__":
    main()
