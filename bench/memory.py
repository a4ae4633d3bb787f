#!/usr/bin/env python3
"""Peak memory and time of large models: converted, loaded and run, beside TensorFlow's own load of them.

  memory.py --build build [--models bert_base,embedding] [--gib 3] [--shards 1] [--rounds 3] [--keep] [--json FILE]

Every step is a process of its own, and they take turns, round by round; medians are printed. `convert` writes the converted
model with its engines; its peak must stay below 1.3 times the variables and 200 MiB. `load + run` opens the converted model
and runs it once. TensorFlow's time is without its import, its memory with it (what importing takes alone is in the last
column). The embedding model (bench/embedding.py) is made for this, and removed after.
"""
import argparse, json, os, shutil, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["TFTRT_CACHE"] = "off"  # engines are built here and now

TENSORFLOW = """
import json, os, resource, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
imported = peak()
start = time.perf_counter()
model = tf.saved_model.load(sys.argv[1])
f = model.signatures["serving_default"]
loaded = time.perf_counter() - start
f(**{k: tf.constant(v) for k, v in np.load(sys.argv[2]).items()})
print(json.dumps({"load": loaded, "run": time.perf_counter() - start, "peak": peak(), "imported": imported}))
"""


def measured(command, **more):
    """Seconds and peak MiB of a process; what it printed."""
    start = time.monotonic()
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more)
    said = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise RuntimeError("%s failed: %d" % (" ".join(command[:2]), p.returncode))
    return time.monotonic() - start, usage.ru_maxrss / 1024, said


def variables_mib(model):
    folder = os.path.join(model, "variables")
    return sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder) if ".data-" in f) / 2**20


def models(build, names, gib, shards):
    """(name, SavedModel, inputs file), made when they are not there; names of folders to remove after."""
    made, out = [], []
    for name in names:
        if name == "embedding":
            folder = os.path.join(build, "bench", "embedding")
            if not os.path.exists(os.path.join(folder, "expected.npz")):
                subprocess.run([sys.executable, os.path.join(HERE, "embedding.py"), folder, "--gib", str(gib), "--shards",
                                str(shards)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            made.append(folder)
            out.append((name, os.path.join(folder, "saved_model"), os.path.join(folder, "inputs.npz")))
            continue
        sys.path.insert(0, os.path.join(HERE, "../tests/conformance"))
        import run as conformance
        folder = os.path.join(conformance.make(build, [name]), name)
        import numpy as np
        golden = next(f for f in sorted(os.listdir(os.path.join(folder, "golden"))) if f.startswith("serving_default"))
        inputs = os.path.join(build, "bench", name + "_inputs.npz")
        with np.load(os.path.join(folder, "golden", golden)) as z:
            np.savez(inputs, **{k[3:]: z[k] for k in z if k.startswith("in.")})
        out.append((name, os.path.join(folder, "saved_model"), inputs))
    return out, made


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--models", default="bert_base,embedding")
    a.add_argument("--gib", type=float, default=3)
    a.add_argument("--shards", type=int, default=1)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--keep", action="store_true", help="leave the embedding model there")
    a.add_argument("--json", help="write the numbers to this file")
    o = a.parse_args()
    build = os.path.abspath(o.build)
    tftrt = os.path.join(build, "bin/tftrt")
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    rows, over = [], 0
    found, made = models(build, o.models.split(","), o.gib, o.shards)
    print("%-11s %-10s %8s %8s %7s %9s %9s %7s   %s" % ("model", "step", "ours s", "tf s", "/ tf", "ours MiB", "tf MiB", "/ tf", ""))
    try:
        for name, source, inputs in found:
            target = os.path.join(build, "bench", name + "_converted")
            times = {k: [] for k in ("convert", "load + run", "tf")}
            for _ in range(o.rounds):
                shutil.rmtree(target, ignore_errors=True)
                times["convert"].append(measured([tftrt, "convert", source, target, "-q", "--build-inputs", inputs])[:2])
                times["load + run"].append(measured([tftrt, "run", target, "--inputs", inputs, "--outputs",
                                                     os.path.join(build, "bench/out.npz"), "-q"])[:2])
                tf = json.loads(measured([sys.executable, "-c", TENSORFLOW, source, inputs],
                                         env=dict(os.environ, CUDA_VISIBLE_DEVICES=""))[2])
                times["tf"].append((tf["run"], tf["peak"], tf["load"], tf["imported"]))
            shutil.rmtree(target, ignore_errors=True)
            variables = variables_mib(source)
            middle = {k: [statistics.median(t[i] for t in v) for i in range(len(v[0]))] for k, v in times.items()}
            tf_s, tf_mib, tf_load, tf_import = middle["tf"]
            bound = 1.3 * variables + 200
            s, mib = middle["convert"]
            over += mib > bound
            print("%-11s %-10s %8.2f %8.2f %7.2f %9.0f %9.0f %7.3f   variables %.0f MiB, bound %.0f%s" % (
                name, "convert", s, tf_load, s / tf_load, mib, tf_mib, mib / tf_mib, variables, bound,
                "" if mib <= bound else ": EXCEEDED"))
            s, mib = middle["load + run"]
            print("%-11s %-10s %8.2f %8.2f %7.2f %9.0f %9.0f %7.3f   tf's import alone %.0f MiB" % (
                name, "load + run", s, tf_s, s / tf_s, mib, tf_mib, mib / tf_mib, tf_import), flush=True)
            rows.append({"model": name, "variables_mib": variables, "convert": middle["convert"],
                         "load_run": middle["load + run"], "tensorflow": middle["tf"]})
    finally:
        for folder in [] if o.keep else made:
            shutil.rmtree(folder, ignore_errors=True)
    if o.json:
        json.dump({"schema": "tftrt.bench/1", "rows": rows}, open(o.json, "w"), indent=1)
    return over > 0


if __name__ == "__main__":
    sys.exit(main())
