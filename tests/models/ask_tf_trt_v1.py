#!/usr/bin/env python3
"""What TF-TRT 2.17.1's converter of TensorFlow 1 makes of the graphs of make_tf_trt_tests.py and static_graphs.py.

  ask_tf_trt_v1.py FILE [name ...]     (Python of a virtual environment with the CUDA build, tensorflow==2.17.1)

FILE (tf_trt_tests/answers_v1.json) gets, for each graph, "engines": [{"modes": [...], "engines": {engine: [node, ...]}}], a mode
being a precision and "dynamic" (is_dynamic_op) or "static", and "max_batch_sizes": {engine: n}, -1 where nothing says one. No GPU
and no TensorRT are needed: two stand-in libraries tell a version and refuse to build. So dynamic engines are read from the converted
graph; static ones fail when they are built, and the log says which nodes they would have had, constants that others read too left out.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STAND_IN = """
int getInferLibVersion(void) { return 8601; }
static void *nothing(void) { return 0; }
static void *methods[64] = {[0 ... 63] = (void *)nothing};
static struct { void **methods; } inside = {methods};
static struct { void **methods; void *inside; } object = {methods, &inside};
void *createInferBuilder_INTERNAL(void *logger, int version) { return &object; }
void *createInferRuntime_INTERNAL(void *logger, int version) { return &object; }
void *getPluginRegistry(void) { return &object; }
_Bool initLibNvInferPlugins(void *logger, const char *name_space) { return 1; }
"""
MODES = {"fp32": ("FP32", False), "fp16": ("FP16", False), "int8": ("INT8", False), "int8-calibrated": ("INT8", True)}


def with_stand_ins(program=__file__):
    folder = tempfile.mkdtemp()
    for library in "libnvinfer", "libnvinfer_plugin":
        subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-x", "c", "-", f"-Wl,-soname,{library}.so.8.6.1", "-o",
                        f"{folder}/{library}.so.8"], input=STAND_IN.encode(), check=True)
        os.symlink(f"{library}.so.8", f"{folder}/{library}.so.8.6.1")
    told = dict(LD_LIBRARY_PATH=folder, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="0", TF_CPP_VMODULE="convert_graph=1,segment=2")
    os.execve(sys.executable, [sys.executable, os.path.abspath(program), *sys.argv[1:]], dict(os.environ, **told))


class Log:
    """What C++ writes to stderr."""

    def __enter__(self):
        self.file, self.before = tempfile.TemporaryFile(), os.dup(2)
        os.dup2(self.file.fileno(), 2)
        return self

    def __exit__(self, *_):
        os.dup2(self.before, 2)
        os.close(self.before)
        self.file.seek(0)
        self.text = self.file.read().decode(errors="replace")


def without_graph_number(engine):
    return re.sub(r"_\d+(?=_\d+$)", "", engine)


def dynamic_engines(graph_def):
    """Nodes and the attribute max_batch_size."""
    functions = {f.signature.name: f for f in graph_def.library.function}
    found = sorted((without_graph_number(n.name), n) for n in graph_def.node if n.op == "TRTEngineOp")
    return ({name: sorted(m.name for m in functions[n.attr["segment_func"].func.name].node_def) for name, n in found},
            {name: n.attr["max_batch_size"].i for name, n in found})


def static_engines(log):
    """Every engine is refused in two lines: which, then its nodes."""
    refused = re.findall(r"nodes by (TRTEngineOp_\d+_\d+) reason: (.*?) \(keeping original segment\)\..*?"
                         r"Segment consists of nodes: (.*?), $", log, re.S | re.M)
    assert log.count("Cannot replace segment") == len(refused), log[-2000:]
    return {without_graph_number(engine): sorted(nodes.split(", ")) for engine, reason, nodes in sorted(refused)
            if "create TensorRT network" in reason}


def ask(tf, converter, make_graph):
    with tf.Graph().as_default() as graph:
        outputs, batch = make_graph(tf)
    answers, batches = [], {}
    for mode, (precision, calibrated) in MODES.items():
        for dynamic in (True,) if calibrated else (True, False):
            with Log() as log, tf.Graph().as_default():
                converted = converter(input_graph_def=graph.as_graph_def(add_shapes=True), nodes_denylist=[t.op.name for t in outputs],
                                      precision_mode=precision, is_dynamic_op=dynamic, max_batch_size=None if dynamic else batch,
                                      minimum_segment_size=2, use_calibration=calibrated).convert()
            if dynamic:
                engines, found = dynamic_engines(converted)
                batches.update(found)
            else:
                engines = static_engines(log.text)
            same = next((a for a in answers if a["engines"] == engines), None)
            if same is None:
                answers.append(same := {"modes": [], "engines": engines})
            same["modes"].append(mode + ("-dynamic" if dynamic else "-static"))
    return {"engines": answers, "max_batch_sizes": batches}


def main():
    if "TF_CPP_VMODULE" not in os.environ:
        with_stand_ins()
    sys.path.insert(0, HERE)
    import make_tf_trt_tests as counterparts
    import tensorflow as tf
    from tensorflow.python.compiler.tensorrt.trt_convert import TrtGraphConverter
    known = {}
    if os.path.exists(sys.argv[1]):
        with open(sys.argv[1]) as f:
            known = json.load(f)
    graphs = counterparts.graphs_of_tensorflow_1()
    for name in sys.argv[2:] or graphs:
        known[name] = ask(tf, TrtGraphConverter, graphs[name])
        print(name, *[f"{a['modes']}: {[len(n) for n in a['engines'].values()]}" for a in known[name]["engines"]], flush=True)
    with open(sys.argv[1], "w") as f:
        f.write("{\n" + ",\n".join(f'"{name}": {json.dumps(known[name], sort_keys=True)}' for name in sorted(known)) + "\n}\n")


if __name__ == "__main__":
    main()
