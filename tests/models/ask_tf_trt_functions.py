#!/usr/bin/env python3
"""What TF-TRT 2.17.1 makes of the models of make_tf_trt_tests.py whose functions ask for a conversion of their own.

  ask_tf_trt_functions.py [--v1] [name ...]     (Python of a virtual environment with the CUDA build, tensorflow==2.17.1)

Writes tf_trt_tests/answers/<name>.<precision>-<mode>.json as the oracle does (README.md), with "functions" beside: for each that asks,
by the name that the model gives it, "engines" and "rest" as of the graph, and "attributes". With --v1 instead <name>.v1.json, of the
graph in TensorFlow 1 and TrtGraphConverter with is_dynamic_op, in FP32. No GPU and no TensorRT are needed (ask_tf_trt_v1.py).
"""
import json
import os
import re
import sys

import ask_tf_trt_v1
import make_tf_trt_tests as counterparts

ASKS = "_tftrt_convert_function"


def own_name(function):
    return re.sub(r"^__inference_(.*?)(_frozen)?_\d+$", r"\1", function)


def as_in_a_graph(tensor):
    return re.sub(r":\w+:", ":", tensor).removesuffix(":0")


def value(a):
    v = getattr(a, a.WhichOneof("value"))
    return v.decode("latin1") if isinstance(v, bytes) else v


def plain(attributes):
    return {k: value(a) for k, a in sorted(attributes.items()) if a.WhichOneof("value") in ("s", "i", "b", "f")}


def describe(nodes, functions):
    engines, rest = [], {}
    for n in nodes:
        if n.op != "TRTEngineOp":
            rest[n.name] = own_name(n.op) if n.op in functions else n.op
            continue
        segment = functions[n.attr["segment_func"].func.name]
        engines.append({"name": n.name, "inputs": [as_in_a_graph(i) for i in n.input], "attributes": plain(n.attr),
                        "nodes": {m.name: m.op for m in segment.node_def}})  # fmt: skip
    return {"engines": sorted(engines, key=lambda e: e["name"]), "rest": rest}


def describe_all(graph_def):
    functions = {f.signature.name: f for f in graph_def.library.function}
    answer = describe(graph_def.node, functions) | {"functions": {}}
    for name, f in functions.items():
        if ASKS in f.attr:
            answer["functions"][own_name(name)] = describe(f.node_def, functions) | {"attributes": plain(f.attr)}
    return answer


def ask(converter, path, precision, dynamic):
    c = converter(input_saved_model_dir=path, precision_mode=precision, minimum_segment_size=2, use_calibration=False,
                  use_dynamic_shape=dynamic or None, dynamic_shape_profile_strategy="ImplicitBatchModeCompatible" if dynamic else None)
    answer = describe_all(c.convert().graph.as_graph_def())
    lines = []
    c.summary(print_fn=lambda s="": lines.append(s))
    return answer | {"summary": "\n".join(lines)}


def ask_v1(tf, converter, name):
    c = counterparts.CASES[name]
    with tf.Graph().as_default() as graph:
        outputs, _ = counterparts.graph_of_tensorflow_1(c, name, tf)
    graph_def = graph.as_graph_def(add_shapes=True)
    counterparts.mark_functions(graph_def, c["facts"]["function_attributes"])
    return describe_all(converter(input_graph_def=graph_def, nodes_denylist=[t.op.name for t in outputs], minimum_segment_size=2,
                                  is_dynamic_op=True, max_batch_size=None).convert())


class WithGpu:
    """The converter asks where a new tensor lives."""

    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        return getattr(self.module, name)

    @staticmethod
    def zeros(_):
        return type("Tensor", (), {"device": "/job:localhost/replica:0/task:0/device:GPU:0"})


def keep(name, which, answer):
    with open(os.path.join(counterparts.TARGET, "answers", f"{name}.{which}.json"), "w") as f:
        json.dump(answer, f, indent=1, sort_keys=True)
    print(name, which, len(answer["engines"]), {k: len(v["engines"]) for k, v in answer["functions"].items()}, flush=True)


def main():
    if "TF_CPP_VMODULE" not in os.environ:
        ask_tf_trt_v1.with_stand_ins(__file__)
    import tensorflow as tf
    from tensorflow.python.compiler.tensorrt import trt_convert
    v1 = sys.argv[1:2] == ["--v1"]
    cases = {name: c for name, c in counterparts.CASES.items() if "function_attributes" in c["facts"]}
    if v1:
        tf.compat.v1.disable_v2_behavior()
        cases = {name: c for name, c in cases.items() if not c["facts"].get("variables")}
    trt_convert.array_ops = WithGpu(trt_convert.array_ops)
    for name in sys.argv[1 + v1:] or cases:
        if v1:
            keep(name, "v1", ask_v1(tf, trt_convert.TrtGraphConverter, name))
            continue
        path = os.path.join(counterparts.TARGET, name, "saved_model")
        for precision in counterparts.PRECISIONS:
            for mode in "implicit", "dynamic":
                keep(name, f"{precision.lower()}-{mode}", ask(trt_convert.TrtGraphConverterV2, path, precision, mode == "dynamic"))


if __name__ == "__main__":
    main()
