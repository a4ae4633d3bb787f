#!/usr/bin/env python3
"""Many small models of all kinds that users have, against real TensorFlow: none of them is in the corpus.

  unseen_models.py --build build [--models a,b] [--modes native,implicit,dynamic,tf-trt] [--list]

Models and TensorFlow's answers are made once, in <build>/unseen. Every model must run as it is, converted with implicit batch,
with dynamic shapes and in TF-TRT's op set, and give TensorFlow's answers in every case. Ends with "N passed, N failed".
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
MODES = {"native": None, "implicit": [], "dynamic": ["--dynamic-shape"], "tf-trt": ["--op-set", "tf-trt"]}
FILES = ["layers", "functions", "serving", "structure", "applications"]


def registered():
    import importlib
    from unseen import lib
    for f in FILES:
        importlib.import_module("unseen." + f)
    return lib


def call(*args):
    r = subprocess.run(args, capture_output=True, text=True, timeout=600)
    if not r.returncode:
        return r.stdout, None
    said = r.stderr.strip().splitlines()
    return r.stdout, (said[-1] if said else f"exit code {r.returncode}")


def check(lib, tftrt, base, name, mode):
    """(what is wrong or None, engines)"""
    import numpy as np
    at = os.path.join(base, name)
    model, engines = os.path.join(at, "saved_model"), 0
    if mode != "native":
        source, model = model, os.path.join(at, mode)
        shutil.rmtree(model, ignore_errors=True)
        first = str(np.load(os.path.join(at, "case.0.npz"))["signature"])
        out, why = call(tftrt, "convert", source, model, "--signature", first, "--json", "--quiet", *MODES[mode])
        if why:
            return "convert: " + why, 0
        engines = len(json.loads(out)["engines"])
    k = 0
    while os.path.exists(os.path.join(at, f"case.{k}.npz")):
        golden = dict(np.load(os.path.join(at, f"case.{k}.npz")))
        np.savez(os.path.join(at, "in.npz"), **{n[3:]: v for n, v in golden.items() if n.startswith("in.")})
        _, why = call(tftrt, "run", model, "--signature", str(golden["signature"]), "--inputs", os.path.join(at, "in.npz"), "--outputs",
                      os.path.join(at, "out.npz"))
        if why:
            return f"run {k}: {why}", engines
        got = np.load(os.path.join(at, "out.npz"))
        for n in (n[4:] for n in golden if n.startswith("out.")):
            if n not in got:
                return f"case {k}: output {n} is absent", engines
            why = lib.difference(got[n], golden["out." + n], lib.MODELS[name], "bf16." + n in golden)
            if why:
                return f"case {k}, {n}: {why}", engines
        k += 1
    if mode != "native":
        shutil.rmtree(model, ignore_errors=True)
    return None if k else "no cases", engines


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--models", default="")
    p.add_argument("--modes", default=",".join(MODES))
    p.add_argument("--list", action="store_true")
    a = p.parse_args()
    lib = registered()
    names = a.models.split(",") if a.models else list(lib.MODELS)
    if a.list:
        print("\n".join(names))
        return 0
    base = os.path.join(os.path.abspath(a.build), "unseen")
    tftrt = os.path.join(os.path.abspath(a.build), "bin/tftrt")
    os.makedirs(base, exist_ok=True)
    failed = 0
    for name in names:
        try:
            lib.make(name, base)
        except Exception as e:
            traceback.print_exc(limit=-3)
            print(f"FAILED {name}: not made: {type(e).__name__}: {str(e)[:300]}", flush=True)
            failed += 1
            continue
        wrong, count = [], []
        for mode in a.modes.split(","):
            why, engines = check(lib, tftrt, base, name, mode)
            count += [] if mode == "native" else [f"{engines} {mode}"]
            if why:
                wrong.append(f"{mode}: {why}")
                if mode == "native" and "no kernel" in why:
                    break
        failed += bool(wrong)
        print(f"{name:32} engines: {', '.join(count)}" if not wrong else f"FAILED {name}: " + "\n    ".join(wrong), flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
