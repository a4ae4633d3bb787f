#!/usr/bin/env python3
"""TF-TRT's own test harness over tftrt: TensorFlow's wheels still ship the base class of its integration tests.

  tf_trt_base.py [name ...]      after PYTHONPATH=python TFTRT_LIBRARY=build/lib/libtftrt.so

`import tftrt.tensorflow` is all that is swapped in. The base class saves a model, runs it, converts it by
TrtGraphConverterV2 in every precision and shape mode, checks engines, their nodes and attributes, saves, loads, runs twice
and compares. The graphs are our counterparts of TF-TRT's test classes (tests/models/make_tf_trt_tests.py), the engines to be
built what real TF-TRT 2.17 answered (tests/models/tf_trt_tests/answers). Ends with "N passed, N failed, N skipped".
"""
import json
import os
import re
import sys
import unittest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TFTRT_CACHE", "off")
import tftrt.tensorflow  # noqa: F401, E402
import tensorflow as tf  # noqa: E402
from tensorflow.python.compiler.tensorrt.test import tf_trt_integration_test_base as base  # noqa: E402

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../models")
sys.path.insert(0, MODELS)
import make_tf_trt_tests as counterparts  # noqa: E402

# What the base class cannot make or run, on any machine.
LEFT_OUT = {
    "twin": "TensorFlow has no CPU kernel for one of its ops, so there is no reference",
    "variables": "its variables are made once, the base class calls the function twice",
    "function_attributes": "attributes are written into the saved model afterwards",
}


def reason_to_leave_out(c):
    for fact, reason in LEFT_OUT.items():
        if c.get(fact) or c["facts"].get(fact):
            return reason
    if any(not all(s) for run in c["shapes"] for s in run):
        return "the base class takes no empty shapes"
    if c["facts"].get("names", []) != sorted(c["facts"].get("names", [])):
        return "the base class gives inputs by position, a signature's are in alphabetical order"
    if c["values"] or [] in [s for run in c["shapes"] for s in run]:
        return "the base class makes inputs of its own, which its graph is not for"
    return None


def answer(name, run_params):
    mode = "dynamic" if run_params.dynamic_shape else "implicit"
    path = os.path.join(MODELS, "tf_trt_tests/answers", f"{name}.{run_params.precision_mode.lower()}-{mode}.json")
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return json.load(f)


def make_class(name, c):
    class Case(base.TfTrtIntegrationTestBase):
        def setUp(self):
            super().setUp()
            if c["facts"].get("fallback"):
                os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"] = "True"

        def graph(self, *args):
            out = c["fn"](counterparts.Ops(tf, counterparts.seed_of(name)), *args)
            return out if isinstance(out, dict) else {"output_0": out}

        def GetParams(self):
            names = c["facts"].get("names") or [f"input_{k}" for k in range(len(c["inputs"]))]
            specs = [tf.TensorSpec(s, d, name=n) for n, s, d in zip(names, c["inputs"], c["dtypes"])]
            outputs = []
            for run in c["shapes"]:
                made = self.graph(*[tf.cast(tf.ones(s), d) for s, d in zip(run, c["dtypes"])])
                outputs.append([made[k].shape.as_list() for k in sorted(made)])
            return base.TfTrtIntegrationTestParams(self.graph, specs, [], c["shapes"], outputs)

        def ShouldRunTest(self, run_params):
            known = answer(name, run_params)
            mode = "dynamic" if run_params.dynamic_shape else "implicit"
            if mode not in c["modes"] or known is None or not known["engines"]:
                return False, "TF-TRT's class does not run, or builds nothing, in this mode"
            if run_params.precision_mode == "INT8" and len(c["shapes"]) > 1:
                return False, "the base class calibrates with inputs of one shape"
            return super().ShouldRunTest(run_params)

        def GetConversionParams(self, run_params):
            return super().GetConversionParams(run_params)._replace(maximum_cached_engines=c["facts"].get("engines_kept", 1))

        def ExpectedEnginesToBuild(self, run_params):
            known = answer(name, run_params)  # constants may be inside and outside
            return {re.sub(r"_\d{3,}(?=_\d{3,}$)", "", e["name"]):
                    [n.rpartition("PartitionedCall/")[2] for n in e["nodes"] if n not in known["rest"]] for e in known["engines"]}

        def testIdempotence(self):
            self.skipTest("it is the base class's own")

        def test_session(self):
            self.skipTest("it is TensorFlow's own")

    Case.__name__ = Case.__qualname__ = name
    base._AddTests(Case)
    return Case


def main():
    wanted = sys.argv[1:] or list(counterparts.CASES)
    suite, left_out = unittest.TestSuite(), 0
    for name in wanted:
        reason = reason_to_leave_out(counterparts.CASES[name])
        if reason:
            left_out += 1
            print(f"left out: {name}: {reason}")
            continue
        for method in unittest.defaultTestLoader.getTestCaseNames(made := make_class(name, counterparts.CASES[name])):
            if method.startswith("testTfTrtV2"):  # the others are TF1's, and skip themselves
                suite.addTest(made(method))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, buffer=True).run(suite)
    failed = len(result.failures) + len(result.errors)
    for case, _ in result.failures + result.errors:
        print("FAILED", case.id())
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(failed != 0 or not result.testsRun)


if __name__ == "__main__":
    main()
