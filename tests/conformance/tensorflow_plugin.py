#!/usr/bin/env python3
"""The op plug-in in real TensorFlow: converted models load and run there as SavedModels do.

  tensorflow_plugin.py --build build [--only corpus,unbuilt,moved,names,session,gpu,saved,dropped,without_segments,large,threads,overhead,c]

One TensorFlow process runs everything. Outputs are compared with golden outputs that TensorFlow gave of the unconverted
models (tests/models). Ends with "N passed, N failed".
"""
import argparse
import ctypes
import gc
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TFTRT_CACHE", "off")
HERE = os.path.dirname(os.path.abspath(__file__))
SMALL = os.path.join(HERE, "../models/small")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from run import make, relative_difference  # noqa: E402

# Quantised activations flip by a whole step where a float sum differs in its last bit.
TOLERANCE = {"qat_cnn": 5e-2, "qdq_mlp": 5e-2, "fp16_io": 5e-3, "fp16_mixed": 5e-3, "bf16_mixed": 2e-2}
STATEFUL = {"stateful_counter", "stateful_pair"}  # golden outputs are of one session from its start


class Checks:
    def __init__(self, build):
        self.build, self.tftrt = build, os.path.join(build, "bin/tftrt")
        self.scratch = tempfile.mkdtemp(prefix="tftrt_plugin_")
        self.passed = self.failed = 0

    def tell(self, name, wrong, note=""):
        if wrong:
            self.failed += 1
            print(f"FAILED {name}: {wrong}", flush=True)
        else:
            self.passed += 1
            print(f"ok     {name} {note}", flush=True)

    def convert(self, source, name, *options):
        target = os.path.join(self.scratch, name)
        ran = subprocess.run([self.tftrt, "convert", source, target, "-q", "--all-signatures", *options], capture_output=True,
                             text=True)
        if ran.returncode:
            raise RuntimeError(f"tftrt convert: {ran.stderr.strip()}")
        return target


def arrays(npz, kind):
    with np.load(npz) as z:
        return {k[len(kind) + 1:]: z[k] for k in z.files if k.startswith(kind + ".")}


def as_tensor(array, spec):
    if spec.dtype == tf.bfloat16:  # npz holds its bits
        return tf.bitcast(tf.constant(array), tf.bfloat16)
    return tf.constant(array, dtype=spec.dtype)


def as_array(tensor):
    return tf.bitcast(tensor, tf.uint16).numpy() if tensor.dtype == tf.bfloat16 else tensor.numpy()


def widened(array, tensor):
    return np.frombuffer((array.astype(np.uint32) << 16).tobytes(), np.float32).reshape(array.shape) \
        if tensor.dtype == tf.bfloat16 else array


def compare(function, golden):
    """The largest relative difference over the outputs of one golden case."""
    specs = function.structured_input_signature[1]
    inputs = {k: as_tensor(v, specs[k]) for k, v in arrays(golden, "in").items()}
    outputs, worst = function(**inputs), 0.0
    for key, want in arrays(golden, "out").items():
        got = as_array(outputs[key])
        if got.dtype.kind in "OSU":
            got, want = got.astype("S"), want.astype("S")
        worst = max(worst, relative_difference(widened(got, outputs[key]), widened(want, outputs[key])))
    return worst


def run_goldens(model, folder):
    worst, cases = 0.0, 0
    for golden in sorted(glob.glob(os.path.join(folder, "golden", "*.npz"))):
        key = os.path.basename(golden).rsplit(".", 2)[0]
        if key in model.signatures:
            worst, cases = max(worst, compare(model.signatures[key], golden)), cases + 1
    return worst, cases


def check_model(c, label, name, folder, target):
    try:
        worst, cases = run_goldens(tf.saved_model.load(target), folder)
    except Exception as e:  # noqa: BLE001: whatever TensorFlow raises is the finding
        return c.tell(label, f"{type(e).__name__}: {str(e)[:400]}")
    bound = TOLERANCE.get(name, 1e-3)
    c.tell(label, f"differs by {worst:.2e}" if worst > bound or not cases else "", f"{cases} cases, {worst:.1e}")


def small_models():
    for name in sorted(os.listdir(SMALL)):
        folder = os.path.join(SMALL, name)
        if os.path.isdir(os.path.join(folder, "saved_model")) and name not in STATEFUL | {"multi_tags"}:
            yield name, folder


def corpus(c):
    """Every small model, converted in both shape modes, in one process: engines of one name in many models."""
    for mode, options in {"implicit": [], "dynamic": ["--dynamic-shape"]}.items():
        for name, folder in small_models():
            target = c.convert(os.path.join(folder, "saved_model"), f"{name}.{mode}", *options)
            check_model(c, f"{name} {mode}", name, folder, target)


def unbuilt(c):
    """Without engines on disk: built by the first run, weights found all the same."""
    for name in ("bert_tiny", "mnist_cnn", "resnet_tiny", "dlrm_tiny"):
        folder = os.path.join(SMALL, name)
        for label, option in {"unbuilt": "--no-build", "unsaved": "--no-save-engines"}.items():
            check_model(c, f"{name} {label}", name, folder, c.convert(os.path.join(folder, "saved_model"), f"{name}.{label}", option))


def moved(c):
    """A model is where it is loaded from, not where it was written."""
    folder = os.path.join(SMALL, "bert_tiny")
    target = c.convert(os.path.join(folder, "saved_model"), "to_be_moved")
    os.makedirs(os.path.join(c.scratch, "elsewhere"))
    place = shutil.move(target, os.path.join(c.scratch, "elsewhere", "model"))
    check_model(c, "moved", "bert_tiny", folder, place)


def names(c):
    """Two models whose engines have one name, loaded at the same time, and run in turn."""
    folders = [os.path.join(SMALL, n) for n in ("mnist_cnn", "bert_tiny")]
    targets = [c.convert(os.path.join(f, "saved_model"), f"names{i}") for i, f in enumerate(folders)]
    models = [tf.saved_model.load(t) for t in targets]
    worst = max(run_goldens(m, f)[0] for _ in range(2) for m, f in zip(models, folders))
    c.tell("two models with one name of engines", f"differs by {worst:.2e}" if worst > 1e-3 else "", f"{worst:.1e}")


def session(c):
    """TF1: the loader and two sessions, each of which runs the model's initialising operation."""
    folder = os.path.join(SMALL, "mnist_cnn")
    target = c.convert(os.path.join(folder, "saved_model"), "session")
    golden = os.path.join(folder, "golden/serving_default.1.npz")
    worst, opened = 0.0, []
    for _ in range(2):
        graph = tf.Graph()
        s = tf.compat.v1.Session(graph=graph)
        with graph.as_default():
            meta = tf.compat.v1.saved_model.loader.load(s, ["serve"], target)
        opened.append((s, meta.signature_def["serving_default"]))
    for s, signature in opened * 2:
        feed = {signature.inputs[k].name: v for k, v in arrays(golden, "in").items()}
        for k, want in arrays(golden, "out").items():
            worst = max(worst, relative_difference(s.run(signature.outputs[k].name, feed), want))
    for s, _ in opened:
        s.close()
    c.tell("sessions", f"differs by {worst:.2e}" if worst > 1e-3 else "", f"{worst:.1e}")


def tf_trts_model(c, change):
    """A copy of a model that TF-TRT saved, its GraphDef changed."""
    from tensorflow.core.protobuf import saved_model_pb2
    target = shutil.copytree(os.path.join(HERE, "../models/tf-trt-saved/resnet_tiny"), tempfile.mkdtemp(dir=c.scratch) + "/model")
    proto, path = saved_model_pb2.SavedModel(), os.path.join(target, "saved_model.pb")
    with open(path, "rb") as f:
        proto.ParseFromString(f.read())
    change(proto.meta_graphs[0].graph_def)
    with open(path, "wb") as f:
        f.write(proto.SerializeToString())
    return target


def gpu(c):
    """What TF-TRT saved with a GPU names it: it runs here wherever ops are placed softly, and nowhere else."""
    def name_gpu(graph_def):
        for node in (n for f in graph_def.library.function for n in f.node_def if n.op == "TRTEngineOp"):
            node.device = "/job:localhost/replica:0/task:0/device:GPU:0"

    folder, target = os.path.join(SMALL, "resnet_tiny"), tf_trts_model(c, name_gpu)
    check_model(c, "a GPU's model", "resnet_tiny", folder, target)
    golden = os.path.join(folder, "golden/serving_default.0.npz")
    for soft in True, False:
        label = f"a GPU's model, a session that places {'softly' if soft else 'as told'}"
        with tf.Graph().as_default() as graph, \
                tf.compat.v1.Session(graph=graph, config=tf.compat.v1.ConfigProto(allow_soft_placement=soft)) as s:
            signature = tf.compat.v1.saved_model.loader.load(s, ["serve"], target).signature_def["serving_default"]
            feed = {signature.inputs[k].name: v for k, v in arrays(golden, "in").items()}
            try:
                worst = max(relative_difference(s.run(signature.outputs[k].name, feed), v) for k, v in arrays(golden, "out").items())
                c.tell(label, "" if soft and worst <= 1e-3 else f"ran, differs by {worst:.2e}", f"{worst:.1e}")
            except tf.errors.InvalidArgumentError as e:
                c.tell(label, str(e)[:400] if soft or "Cannot assign a device" not in str(e) else "")


def saved(c):
    """What TF-TRT itself saved: native segments run, and engines when they are asked for."""
    root = os.path.join(HERE, "../models/tf-trt-saved")
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        for target in sorted(glob.glob(os.path.join(root, name, "**/saved_model.pb"), recursive=True)):
            target, label = os.path.dirname(target), f"TF-TRT's {name}"
            check_model(c, label, name, os.path.join(SMALL, name), target)
            os.environ["TFTRT_ON_FALLBACK"] = "build"
            check_model(c, f"{label}, engines built", name, os.path.join(SMALL, name), target)
            os.environ["TFTRT_ON_FALLBACK"] = "fail"
            try:
                run_goldens(tf.saved_model.load(target), os.path.join(SMALL, name))
                c.tell(f"{label}, neither", "ran")
            except tf.errors.AbortedError as e:
                c.tell(f"{label}, neither", "" if "TRTEngineOp_" in str(e) else str(e)[:300])
            del os.environ["TFTRT_ON_FALLBACK"]


def without_segments(c):
    """What remove_native_segments leaves of a model whose engines are TensorRT's: one error, which names node and reason."""
    def remove_segments(graph_def):
        kept = [f for f in graph_def.library.function if "native_segment" not in f.signature.name]
        for node in (n for f in kept for n in f.node_def if n.op == "TRTEngineOp"):
            del node.attr["segment_func"]
        del graph_def.library.function[:]
        graph_def.library.function.extend(kept)

    target = tf_trts_model(c, remove_segments)
    try:
        run_goldens(tf.saved_model.load(target), os.path.join(SMALL, "resnet_tiny"))
        c.tell("without native segments", "ran")
    except tf.errors.OpError as e:
        told = "native segment is not found in the graph" in str(e) and "TRTEngineOp_" in str(e)
        c.tell("without native segments", "" if told else str(e)[:400])


def resident():
    """Bytes of this process in memory, without what malloc keeps for later."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def dropped(c):
    """A model that is loaded, run and dropped leaves nothing: 20 times, after some to warm up."""
    use_package(c)
    from tensorflow.python.framework.func_graph import FuncGraph
    folder = os.path.join(SMALL, "bert_tiny")
    ours = c.convert(os.path.join(folder, "saved_model"), "dropped")
    for label, target in {"ours": ours, "TF-TRT's": os.path.join(HERE, "../models/tf-trt-saved/bert_tiny")}.items():
        held, graphs = [], []
        for _ in range(25):
            run_goldens(tf.saved_model.load(target), folder)
            gc.collect()
            held.append(resident())
            graphs.append(sum(isinstance(o, FuncGraph) for o in gc.get_objects()))
        each = (held[-1] - held[4]) / 20
        wrong = f"{graphs[-1] - graphs[4]} graphs" if graphs[-1] != graphs[4] else f"{each:.0f} bytes each" if each > 1e6 else ""
        c.tell(f"loaded and dropped, {label}", wrong, f"{each / 1e3:.0f} KB each")


def use_package(c):
    sys.path.insert(0, os.path.join(HERE, "../../python"))
    os.environ["TFTRT_LIBRARY"] = os.path.join(c.build, "lib/libtftrt.so")
    import tftrt.tensorflow  # noqa: F401


def convert_here(c, source, name, inputs):
    """By tf.experimental.tensorrt.Converter, in this process; the engine is built for the inputs."""
    use_package(c)
    target = os.path.join(c.scratch, name)
    converter = tf.experimental.tensorrt.Converter(input_saved_model_dir=source, maximum_cached_engines=16)
    converter.convert()
    converter.build(input_fn=lambda: [{k: tf.constant(v) for k, v in inputs.items()}])
    converter.save(target)
    return target


def basic_pitch(c):
    source = os.path.join(c.build, "wheels/basic-pitch/basic_pitch/saved_models/icassp_2022/nmp")
    audio = np.random.default_rng(5).standard_normal((2, 43844, 1)).astype(np.float32) * 0.1
    original = tf.saved_model.load(source)
    first = next(iter(original.signatures["serving_default"].structured_input_signature[1]))
    converted = tf.saved_model.load(convert_here(c, source, "basic_pitch", {first: audio}))
    worst = 0.0
    for key, f in converted.signatures.items():
        name = next(iter(f.structured_input_signature[1]))
        want, got = original.signatures[key](**{name: tf.constant(audio)}), f(**{name: tf.constant(audio)})
        worst = max([worst] + [relative_difference(got[k].numpy(), want[k].numpy()) for k in want])
    c.tell("basic_pitch", f"differs by {worst:.2e}" if worst > 1e-3 else "", f"{worst:.1e}")


def large(c):
    """Converted, saved and loaded in this process."""
    wanted = ["resnet50", "bert_base"]
    root = make(c.build, wanted)
    for name in wanted:
        folder = os.path.join(root, name)
        first = sorted(glob.glob(os.path.join(folder, "golden/serving_default.*.npz")))[0]
        target = convert_here(c, os.path.join(folder, "saved_model"), name, arrays(first, "in"))
        check_model(c, name, name, folder, target)
    basic_pitch(c)


def threads(c):
    """8 threads, 1000 calls, batches of several sizes."""
    folder = os.path.join(SMALL, "bert_tiny")
    f = tf.saved_model.load(c.convert(os.path.join(folder, "saved_model"), "threads", "--dynamic-shape")).signatures["serving_default"]
    goldens = sorted(glob.glob(os.path.join(folder, "golden/serving_default.*.npz")))
    worst, errors = [0.0] * 8, []

    def work(i):
        try:
            for k in range(125):
                worst[i] = max(worst[i], compare(f, goldens[(i + k) % len(goldens)]))
        except Exception as e:  # noqa: BLE001
            errors.append(str(e))

    all_threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in all_threads:
        t.start()
    for t in all_threads:
        t.join()
    wrong = errors[0] if errors else f"differs by {max(worst):.2e}" if max(worst) > 1e-3 else ""
    c.tell("8 threads, 1000 calls", wrong, f"{max(worst):.1e}")


class Chain(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="x")])
    def step(self, x):
        return {"y": tf.nn.relu(tf.tanh(x * 0.5 + 0.25) - 0.1)}


def overhead(c):
    """What the op costs over the engine: graphs of 1 and of 101 engines in a row, against the same engine run directly
    through the library (python/tftrt's own calls would cost more than that, so: the program's benchmark)."""
    source = os.path.join(c.scratch, "chain")
    tf.saved_model.save(Chain(), source, signatures=Chain().step)
    target = c.convert(source, "chain.converted", "-t", "1")
    os.environ["TFTRT_THREADS"] = "1"
    step = tf.saved_model.load(target).signatures["serving_default"]

    nodes = [n for f in step.graph.as_graph_def().library.function for n in f.node_def if n.op == "TRTEngineOp"]
    if len(nodes) != 1:
        return c.tell("overhead", f"{len(nodes)} TRTEngineOps in the model, not 1")

    def chain(n):
        @tf.function
        def f(x):
            for _ in range(n):
                x = step(x=x)["y"]
            return x
        return f

    x = tf.constant(np.random.default_rng(1).standard_normal((1, 64)).astype(np.float32))
    few, many, best = chain(1), chain(101), [1e9, 1e9]
    for f in (few, many):
        f(x)
    for _ in range(300):
        for i, f in enumerate((few, many)):
            start = time.perf_counter()
            f(x)
            best[i] = min(best[i], time.perf_counter() - start)
    del os.environ["TFTRT_THREADS"]
    each = (best[1] - best[0]) / 100 * 1e6
    ran = subprocess.run([c.tftrt, "bench", target, "-t", "1", "--shape", "x=1x64", "--json"], capture_output=True, text=True)
    if ran.returncode:
        return c.tell("overhead", ran.stderr)
    alone = json.loads(ran.stdout)["min_ms"] * 1e3
    c.tell("overhead", f"{each - alone:.1f} us" if each - alone > 20 else "",
           f"{each:.1f} us an op, {alone:.1f} us the model run directly: {each - alone:.1f} us")


def c(checks):
    """A C program over TensorFlow's C API alone (examples/tensorflow_run.c)."""
    folder = os.path.join(SMALL, "mnist_cnn")
    target = checks.convert(os.path.join(folder, "saved_model"), "for_c")
    libraries = os.path.dirname(tf.sysconfig.get_lib() + "/x")
    program = os.path.join(checks.scratch, "tensorflow_run")
    built = subprocess.run(["cc", "-o", program, os.path.join(HERE, "../../examples/tensorflow/run.c"), "-I", tf.sysconfig.get_include(),
                            "-L", libraries, "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", f"-Wl,-rpath,{libraries}"],
                           capture_output=True, text=True)
    if built.returncode:
        return checks.tell("C program", built.stderr)
    plugin = os.path.join(checks.build, "lib/libtftrt_tensorflow.so")
    image = np.full((1, 28, 28, 1), 0.5, np.float32)
    want = tf.saved_model.load(os.path.join(folder, "saved_model")).signatures["serving_default"](image=tf.constant(image))["output_0"].numpy()
    ran = subprocess.run([program, plugin, target, "1x28x28x1", "0.5"], capture_output=True, text=True)
    if ran.returncode:
        return checks.tell("C program", ran.stderr[-500:])
    got = np.array([float(v) for v in ran.stdout.split()], np.float32).reshape(want.shape)
    worst = relative_difference(got, want)
    checks.tell("C program", f"differs by {worst:.2e}" if worst > 1e-3 else "", f"{worst:.1e}")


CHECKS = {f.__name__: f for f in (corpus, unbuilt, moved, names, session, gpu, saved, dropped, without_segments, large, threads, overhead, c)}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--only", default=",".join(CHECKS))
    a = p.parse_args()
    checks = Checks(os.path.abspath(a.build))
    tf.load_op_library(os.path.join(checks.build, "lib/libtftrt_tensorflow.so"))
    for name in a.only.split(","):
        try:
            CHECKS[name](checks)
        except Exception as e:  # noqa: BLE001
            checks.tell(name, f"{type(e).__name__}: {e}")
    shutil.rmtree(checks.scratch)
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(checks.failed != 0)


main()
