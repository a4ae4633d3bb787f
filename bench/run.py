#!/usr/bin/env python3
"""Latency against TensorFlow, ONNX Runtime and OpenVINO, on this machine, now.

  run.py --build build [--models resnet50,...] [--threads 1,2] [--rounds 20]

Every peer is warm in a process of its own (bench/worker.py); the processes take turns, one run each per round, and are
stopped while it is not their turn, so that no pool spins into another's time. Batch 1, the inputs of the models' golden
files. Prints our median latency, and over each peer's: below 1 means that we are ahead. Also the time to load a
converted model and run it once in a fresh process, and its peak memory. A peer that cannot read a model is left out
with the reason in <build>/bench/log.
"""
import argparse, importlib.util, json, os, signal, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["resnet50", "mobilenet_v2", "efficientnet_b0", "inception_v3", "densenet121", "bert_base", "basic_pitch"]
PEERS = ["tftrt", "tensorflow", "onnxruntime", "openvino"]


os.environ.setdefault("TFTRT_CACHE", "off")  # every engine is built here and now


class Worker:
    """A peer with one model, stopped between runs."""

    def __init__(self, python, kind, model, threads, log, build):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
        cpus = set(sorted(os.sched_getaffinity(0))[:threads])
        self.p = subprocess.Popen([python, os.path.join(HERE, "worker.py"), kind, model, str(threads), build],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=env,
                                  preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        if self.p.stdout.readline().strip() != "ready":
            self.p.kill()
            raise RuntimeError(kind + " could not load the model")
        self.stop()

    def stop(self):
        os.kill(self.p.pid, signal.SIGSTOP)

    def run(self):
        os.kill(self.p.pid, signal.SIGCONT)
        self.p.stdin.write("run\n")
        self.p.stdin.flush()
        answer = self.p.stdout.readline()
        self.stop()
        return float(answer)

    def save(self, path):
        """Outputs of a run, as arr_0, arr_1, ... of an npz file."""
        os.kill(self.p.pid, signal.SIGCONT)
        self.p.stdin.write("save %s\n" % path)
        self.p.stdin.flush()
        self.p.stdout.readline()
        self.stop()

    def close(self):
        os.kill(self.p.pid, signal.SIGCONT)
        self.p.stdin.close()
        self.p.wait()


def pythons(build):
    """The interpreter of each peer; those that are not installed are left out."""
    peers = os.path.join(build, "venv-peers/bin/python")
    found = {"tftrt": sys.executable, "tensorflow": sys.executable, "onnxruntime": peers, "openvino": peers}
    return {k: v for k, v in found.items() if os.path.exists(v)}


def make_models(build, names):
    """The corpus's big models in <build>/models/big, as `make conformance` makes them."""
    spec = importlib.util.spec_from_file_location("conformance", os.path.join(HERE, "../tests/conformance/run.py"))
    conformance = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conformance)
    conformance.make(build, names)
    return os.path.join(build, "models", "big")


def prepare(build, models, name, log, case=0, onnx=True):
    """What each peer reads, in <build>/bench/<name>: the converted model, a frozen graph, an ONNX file. case: of the golden
    files, whose inputs they get; others than the first have folders of their own."""
    work = os.path.join(build, "bench", name if case == 0 else "%s.%d" % (name, case))
    os.makedirs(work, exist_ok=True)
    source = os.path.join(models, name)
    if not os.path.exists(os.path.join(work, "io.json")):
        subprocess.run([sys.executable, os.path.join(HERE, "worker.py"), "prepare", source, work, str(case)],
                       check=True, stdout=log, stderr=log)
    inputs = os.path.join(work, "inputs.npz")
    subprocess.run([os.path.join(build, "bin/tftrt"), "convert", os.path.join(source, "saved_model"),
                    os.path.join(work, "converted"), "--quiet", "--build-inputs", inputs], check=True, stdout=log, stderr=log)
    exporter = os.path.join(build, "venv-onnx/bin/python")
    if onnx and os.path.exists(exporter) and not os.path.exists(os.path.join(work, "model.onnx")):
        subprocess.run([exporter, os.path.join(HERE, "export_onnx.py"), work], stdout=log, stderr=log)
    return work


def first_run(build, work):
    """Seconds of a fresh process that loads the converted model and runs it once, and its peak memory in MiB."""
    best, peak = None, 0
    for _ in range(5):
        start = time.monotonic()
        p = subprocess.Popen([os.path.join(build, "bin/tftrt"), "run", os.path.join(work, "converted"), "--inputs",
                              os.path.join(work, "inputs.npz"), "--outputs", os.path.join(work, "outputs.npz")],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - start
        best, peak = took if best is None else min(best, took), max(peak, usage.ru_maxrss / 1024)
        if status:
            raise RuntimeError("tftrt run failed")
    return best, peak


def measure(python, work, threads, rounds, log, build):
    """Median milliseconds per peer."""
    workers = {}
    for kind in PEERS:
        if kind not in python:
            continue
        try:
            workers[kind] = Worker(python[kind], kind, work, threads, log, build)
        except RuntimeError as e:
            print("  " + str(e), file=log, flush=True)
    times = {k: [] for k in workers}
    for w in workers.values():
        for _ in range(3):
            w.run()
    for _ in range(rounds):
        for k, w in workers.items():
            times[k].append(w.run())
    for w in workers.values():
        w.close()
    return {k: statistics.median(t) for k, t in times.items()}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default="build")
    a.add_argument("--models", default=",".join(MODELS))
    a.add_argument("--threads", default="1,2")
    a.add_argument("--rounds", type=int, default=20)
    a.add_argument("--json", help="write the numbers to this file")
    o = a.parse_args()
    build = os.path.abspath(o.build)
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    names = o.models.split(",")
    python = pythons(build)
    rows = []
    with open(os.path.join(build, "bench/log"), "w") as log:
        models = make_models(build, names)
        print("%-16s %7s %9s %9s %9s %9s %9s %9s" % ("model", "threads", "ours ms", "/ tf", "/ ort", "/ ov", "load+1 s",
                                                   "peak MiB"))
        for name in names:
            try:
                work = prepare(build, models, name, log)
                load, peak = first_run(build, work)
            except (subprocess.CalledProcessError, RuntimeError) as e:
                print("%-16s failed: %s (see %s)" % (name, e, log.name))
                continue
            for threads in map(int, o.threads.split(",")):
                t = measure(python, work, threads, o.rounds, log, build)
                if "tftrt" not in t:
                    print("%-16s %7d failed: see %s" % (name, threads, log.name))
                    continue
                ratio = ["%9.3f" % (t["tftrt"] / t[k]) if k in t else "%9s" % "-" for k in PEERS[1:]]
                print("%-16s %7d %9.2f %s %9.3f %9.0f" % (name, threads, t["tftrt"], " ".join(ratio), load, peak),
                      flush=True)
                rows.append({"model": name, "threads": threads, "median_ms": t, "load_first_s": load, "peak_mib": peak})
    if o.json:
        json.dump({"schema": "tftrt.bench/1", "rows": rows}, open(o.json, "w"), indent=1)
    sys.exit(len(rows) != len(names) * len(o.threads.split(",")))


if __name__ == "__main__":
    main()
