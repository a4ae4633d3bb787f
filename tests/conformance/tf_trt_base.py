#!/usr/bin/env python3
"""TF-TRT's own test harness over tftrt: TensorFlow's wheels still ship the base class of its integration tests.

  tf_trt_base.py [--tensorflow 1|2] [--jobs N] [name ...]      after PYTHONPATH=python TFTRT_LIBRARY=build/lib/libtftrt.so

`import tftrt.tensorflow` is all that is swapped in. The base class saves a model, runs it, converts it in every precision and
mode, checks engines, their nodes and attributes, saves, loads, runs twice and compares: by TrtGraphConverterV2 in implicit batch mode
and with dynamic shapes, and, in a program with TensorFlow 1's behaviour, by TrtGraphConverter and in sessions with TF-TRT's
optimizer, engines being built by runs and by the conversion. The graphs are our counterparts of TF-TRT's test classes
(tests/models/make_tf_trt_tests.py, static_graphs.py), the engines to be built what real TF-TRT 2.17 answered
(tests/models/tf_trt_tests/answers, answers_v1.json). Ends with "N passed, N failed, N skipped".
"""
import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import re
import subprocess
import sys
import unittest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TFTRT_CACHE", "off")
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../models")
sys.path.insert(0, MODELS)
import make_tf_trt_tests as counterparts  # noqa: E402
import numpy as np  # noqa: E402
import static_graphs  # noqa: E402

CASES = {**counterparts.CASES, **static_graphs.CASES}
LEFT_OUT = {
    "mixed": "the base class wants constants to be annotated as their engine is, which TF-TRT itself does not see to",
    "variables": "the base class saves a function without what it captures",
}


def reason_to_leave_out(name, tensorflow):
    c = CASES[name]
    for fact, reason in LEFT_OUT.items():
        if c["facts"].get(fact):
            return reason
    if name in static_graphs.CASES and tensorflow == 2:
        return "static engines are TensorFlow 1's"
    if not c["inputs"]:
        return "the base class takes no graph without inputs"
    if name == "tf_function_nested" and tensorflow == 1:
        return "a function that does not ask for a conversion is inlined here, and makes another engine than the answer has"
    if name == "segment_big_if_else" and tensorflow == 1:
        return "with TensorFlow 1's behaviour tf.cond makes another graph than the answer is of"
    return None


def without_graph_number(engine):
    return re.sub(r"_\d{3,}(?=_\d{3,}$)", "", engine)


def function_answer(name, run_params):
    """Of a graph with functions that ask for a conversion of their own: what TF-TRT made of both."""
    which = "v1"
    if run_params.is_v2:
        which = f"{run_params.precision_mode.lower()}-{'dynamic' if run_params.dynamic_shape else 'implicit'}"
    with open(os.path.join(MODELS, "tf_trt_tests/answers", f"{name}.{which}.json")) as f:
        return json.load(f)


def check_functions(test, known, graph_def, v2):
    """Engines are in the functions that asked for them, which have their attributes still."""
    named = {re.sub(r"^(__inference_)?(.*?)(_frozen)?[_\d]*$", r"\2", f.signature.name): f for f in graph_def.library.function
             if "_tftrt_convert_function" in f.attr}
    test.assertCountEqual(named, known["functions"])
    parts = [(f.node_def, f, known["functions"][name]) for name, f in named.items()]
    segments = {f.signature.name: [n.name for n in f.node_def] for f in graph_def.library.function}
    for nodes, function, expected in parts if v2 else [(graph_def.node, None, known), *parts]:
        engines = {without_graph_number(n.name): n for n in nodes if n.op == "TRTEngineOp"}
        test.assertCountEqual(engines, [without_graph_number(e["name"]) for e in expected["engines"]])
        for e in expected["engines"]:
            engine = engines[without_graph_number(e["name"])]
            test.assertCountEqual(segments[engine.attr["segment_func"].func.name], e["nodes"])
            for key, value in e["attributes"].items() if function else ():
                field = engine.attr[key].WhichOneof("value")  # defaults are stripped when a model is saved
                if field:
                    found = getattr(engine.attr[key], field)
                    test.assertEqual(found.decode() if isinstance(found, bytes) else found, value, key)
        for key, value in expected.get("attributes", {}).items():
            field = "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "s"
            found = getattr(function.attr[key], field)
            test.assertEqual(found.decode() if field == "s" else found, value, key)


def answer(name, run_params):
    """Engines with their nodes, what TF-TRT left outside, and largest batches. None: not asked."""
    if "function_attributes" in CASES[name]["facts"]:
        known, engines = function_answer(name, run_params), collections.defaultdict(list)
        for part in (known, *known["functions"].values()):
            for e in part["engines"]:
                engines[without_graph_number(e["name"])] += e["nodes"]
        return engines, known["rest"], {}
    if run_params.is_v2:
        mode = "dynamic" if run_params.dynamic_shape else "implicit"
        path = os.path.join(MODELS, "tf_trt_tests/answers", f"{name}.{run_params.precision_mode.lower()}-{mode}.json")
        if mode not in CASES[name]["modes"] or not os.path.exists(path):
            return None
        with open(path) as f:
            known = json.load(f)
        engines = {without_graph_number(e["name"]): list(e["nodes"]) for e in known["engines"]}
        return engines, known["rest"], {}
    with open(os.path.join(MODELS, "tf_trt_tests/answers_v1.json")) as f:
        known = json.load(f)[name]
    mode = run_params.precision_mode.lower() + ("-calibrated" if run_params.use_calibration else "")
    mode += "-dynamic" if run_params.dynamic_engine else "-static"
    engines = next(a["engines"] for a in known["engines"] if mode in a["modes"])
    # A constant that several engines have is in the graph too.
    times = collections.Counter(n for nodes in engines.values() for n in nodes)
    return engines, [n for n, k in times.items() if k > 1], known["max_batch_sizes"]


def make_class(base, tf, name, tensorflow):
    c = CASES[name]
    names = c["facts"].get("names") or [f"input_{k}" for k in range(len(c["inputs"]))]
    # The base class gives inputs by position, which for a signature of TensorFlow 2 is the order of their names.
    order = sorted(range(len(names)), key=names.__getitem__)

    def values(runs):
        """The inputs that the graph is for, in the place of what the base class makes up."""
        random = np.random.default_rng(counterparts.seed_of(name) + 1)
        for run in runs:
            for at, i in enumerate(order):
                if i in c["values"]:
                    value = np.asarray(c["values"][i](random, tuple(run[at].shape))).astype(c["dtypes"][i])
                    run[at] = tf.constant(value) if tf.is_tensor(run[at]) else value

    asks = c["facts"].get("function_attributes")

    class Case(base.TfTrtIntegrationTestBase):
        twin = False  # whether what gives the reference is saved

        def setUp(self):
            super().setUp()
            if asks:
                self._profile_strategy = asks["_tftrt_profile_strategy"].decode()
            if c["facts"].get("fallback"):
                os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"] = "True"
            if c["facts"].get("own_optimizers_off"):
                self.DisableNonTrtOptimizers()

        def graph(self, *args):
            given, o = dict(zip(order, args)), counterparts.Ops(tf, counterparts.seed_of(name))
            with tf.name_scope("twin") if self.twin else contextlib.nullcontext():
                out = c["twin" if self.twin else "fn"](o, *[given[i] for i in range(len(args))])
            out = out if isinstance(out, dict) else {"output_0": out}
            if self.twin:
                out = {k: tf.identity(v, name="out") for k, v in out.items()}
            return out if tensorflow == 2 else [out[k] for k in sorted(out)]

        def GetParams(self):
            specs = [tf.TensorSpec(c["inputs"][i], c["dtypes"][i], name=names[i]) for i in order]
            made = []
            if tensorflow == 1:
                with tf.Graph().as_default():
                    out = self.graph(*[tf.compat.v1.placeholder(s.dtype, s.shape, s.name) for s in specs])
                    made = [tf.TensorSpec(t.shape, t.dtype, name=t.op.name) for t in out]
            given = [[run[i] for i in order] for run in c["shapes"]]
            return base.TfTrtIntegrationTestParams(self.graph, specs, made, given, list(self.output_shapes()))

        def output_shapes(self):
            runs = [[np.zeros(run[i], c["dtypes"][i]) for i in order] for run in c["shapes"]]
            values(runs)
            for run in runs:
                with tf.Graph().as_default(), tf.compat.v1.Session() as session:
                    out = self.graph(*[tf.constant(x) for x in run])
                    out = [out[k] for k in sorted(out)] if isinstance(out, dict) else out
                    if not all(t.shape.is_fully_defined() for t in out):
                        out = session.run(out)
                    yield [list(t.shape) for t in out]

        def ShouldRunTest(self, run_params):
            if asks and run_params.dynamic_shape and asks["_tftrt_use_implicit_batch"]:
                return False, "the base class wants one profile strategy in all engines"
            known = answer(name, run_params)
            if known is None or not known[0]:
                return False, "TF-TRT's class does not run, or builds nothing, in this mode"
            if run_params.precision_mode == "INT8" and len(c["shapes"]) > 1:
                return False, "the base class calibrates with inputs of one shape"
            if not run_params.is_v2 and c["facts"].get("explicit"):
                return False, "explicit precision is INT8 whatever is asked for, which the base class takes for an error"
            if name.startswith("quantization") and not run_params.use_calibration:
                return True, "with ranges in the graph, or none at all"
            return super().ShouldRunTest(run_params)

        def GetConversionParams(self, run_params):
            return super().GetConversionParams(run_params)._replace(maximum_cached_engines=c["facts"].get("engines_kept", 1))

        def ExpectedEnginesToBuild(self, run_params):
            engines, outside, _ = answer(name, run_params)  # constants may be inside and outside
            return {e: [n.rpartition("PartitionedCall/")[2] for n in nodes if n not in outside] for e, nodes in engines.items()}

        def GetMaxBatchSize(self, run_params):
            return None if run_params.dynamic_engine else max((s[0] for run in c["shapes"] for s in run if s), default=1)

        def ExpectedMaxBatchSizes(self, run_params):
            return c["facts"].get("max_batch_sizes") if not run_params.is_v2 and not run_params.dynamic_engine else None

        def _GetSavedModelDir(self, *args):
            return super()._GetSavedModelDir(*args) + ("-twin" if self.twin else "")

        def save_twin(self, run_params):
            self.twin = True
            try:
                return self._MakeSavedModel(run_params)
            finally:
                self.twin = False

        def _MakeSavedModel(self, run_params):
            path = super()._MakeSavedModel(run_params)
            if asks:
                counterparts.mark_saved_functions(path, asks)
            return path

        def _VerifyGraphDefV1(self, run_params, original_gdef, gdef_to_verify, graph_state):
            if not asks:
                return super()._VerifyGraphDefV1(run_params, original_gdef, gdef_to_verify, graph_state)
            if graph_state != base.GraphState.ORIGINAL:  # the base class counts the engines of the main graph
                check_functions(self, function_answer(name, run_params), gdef_to_verify, False)

        def _VerifyGraphDefV2(self, run_params, original_gdef, gdef_to_verify, graph_state):
            super()._VerifyGraphDefV2(run_params, original_gdef, gdef_to_verify, graph_state)
            if asks and graph_state != base.GraphState.ORIGINAL:
                check_functions(self, function_answer(name, run_params), gdef_to_verify, True)

        def _RunGraph(self, run_params, saved_model_dir, inputs_data, graph_state, *args, **kwargs):
            values(inputs_data)
            if graph_state == base.GraphState.ORIGINAL and c["twin"]:
                saved_model_dir = self.save_twin(run_params)
            return super()._RunGraph(run_params, saved_model_dir, inputs_data, graph_state, *args, **kwargs)

        def _GetCalibratedInferGraph(self, run_params, saved_model_dir, inputs_data):
            values(inputs_data)
            return super()._GetCalibratedInferGraph(run_params, saved_model_dir, inputs_data)

        def testIdempotence(self):
            self.skipTest("it is the base class's own")

        def test_session(self):
            self.skipTest("it is TensorFlow's own")

    Case.__name__ = Case.__qualname__ = name
    base._AddTests(Case)
    return Case


def run_here(tensorflow, names):
    import tftrt.tensorflow  # noqa: F401
    import tensorflow as tf
    from tensorflow.python.compiler.tensorrt.test import tf_trt_integration_test_base as base
    if tensorflow == 1:
        tf.compat.v1.disable_v2_behavior()
    else:
        tf.config.list_logical_devices()  # made inside a graph, where a tf.function is called, they have no soft placement
    suite = unittest.TestSuite()
    for name in names:
        reason = reason_to_leave_out(name, tensorflow)
        if reason:
            print(f"left out of TensorFlow {tensorflow}'s: {name}: {reason}")
            continue
        made = make_class(base, tf, name, tensorflow)
        for method in unittest.defaultTestLoader.getTestCaseNames(made):
            if method.startswith("testTfTrtV2" if tensorflow == 2 else "testTfTrt_"):
                suite.addTest(made(method))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, buffer=True).run(suite)
    failed = len(result.failures) + len(result.errors)
    for case, _ in result.failures + result.errors:
        print("FAILED", case.id())
    for reason, n in collections.Counter(reason for _, reason in result.skipped).items():
        print(f"skipped, {n} of TensorFlow {tensorflow}'s: {reason}")
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")


def run_there(tensorflow, names):
    """A program for it, as a behaviour is a program's. What it prints."""
    command = [sys.executable, os.path.abspath(__file__), "--here", "--tensorflow", str(tensorflow), *names]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tensorflow", type=int, choices=(1, 2))
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--here", action="store_true", help="in this program")
    p.add_argument("name", nargs="*", default=list(CASES))
    a = p.parse_args()
    if a.here:
        return run_here(a.tensorflow, a.name)
    jobs = min(a.jobs, len(a.name))
    parts = [(t, a.name[k::jobs]) for t in ([a.tensorflow] if a.tensorflow else (2, 1)) for k in range(jobs)]
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (tensorflow, names), text in zip(parts, pool.map(lambda part: run_there(*part), parts)):
            print(text, flush=True)
            counts = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped\n$", text)
            if not counts:
                print(f"FAILED: TensorFlow {tensorflow}'s did not end: {' '.join(names)}")
            total = [n + int(m) for n, m in zip(total, counts.groups() if counts else (0, 1, 0))]
    print("{} passed, {} failed, {} skipped".format(*total))
    sys.exit(total[1] != 0 or not total[0])


if __name__ == "__main__":
    main()
