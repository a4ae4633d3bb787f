#!/usr/bin/env python3
"""Models as old versions of TF-TRT wrote them (old_forms.py): SavedModels of TensorFlow 2.0 to 2.4, GraphDefs of 1.12 to 1.15.

  old_models.py --build build [--only saved_models,with_engines,graph_defs,eager_mode,one_name,...]

In the TensorFlow of the Python that runs it, by `tftrt run` and by the Python package. Outputs are compared with those that
TensorFlow gave of the unconverted models. Ends with "N passed, N failed".
"""
import contextlib
import os
import shutil
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TFTRT_CACHE", "off")
HERE = os.path.dirname(os.path.abspath(__file__))
SAVED = os.path.join(HERE, "../models/tf-trt-saved")
SMALL = os.path.join(HERE, "../models/small")

import numpy as np  # noqa: E402
import old_forms  # noqa: E402
import tensorflow as tf  # noqa: E402
from checks import run_checks  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402

v1 = tf.compat.v1
SOFT = v1.ConfigProto(allow_soft_placement=True)
MODELS = ("resnet_tiny", "lstm_text", "bert_tiny", "dynamic_shapes")  # the last two in explicit batch mode
BOUND = 1e-3


def goldens(name):
    for file in sorted(os.listdir(os.path.join(SMALL, name, "golden"))):
        if file.startswith("serving_default."):
            path = os.path.join(SMALL, name, "golden", file)
            with np.load(path) as z:
                yield (path, {k[3:]: z[k] for k in z.files if k.startswith("in.")}, {k[4:]: z[k] for k in z.files if k.startswith("out.")})


def difference(got, want):
    assert set(got) == set(want), f"outputs {sorted(got)}, not {sorted(want)}"
    off = max(float(np.max(np.abs(np.asarray(got[k], np.float64) - want[k]) / (1 + np.abs(want[k])), initial=0)) for k in want)
    assert off <= BOUND, f"differs by {off:.2e}"
    return off


@contextlib.contextmanager
def on_fallback(policy):
    os.environ["TFTRT_ON_FALLBACK"] = policy
    try:
        yield
    finally:
        del os.environ["TFTRT_ON_FALLBACK"]


def in_tensorflow(name, folder):
    """By tf.saved_model.load: native segments, then engines that runs build."""
    off = 0
    for policy in "native", "build":
        with on_fallback(policy):
            f = tf.saved_model.load(folder).signatures["serving_default"]
            for _, inputs, want in goldens(name):
                off = max(off, difference({k: v.numpy() for k, v in f(**{k: tf.constant(v) for k, v in inputs.items()}).items()}, want))
    return off


def in_session(name, folder):
    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=SOFT) as session:
        signature = v1.saved_model.loader.load(session, ["serve"], folder).signature_def["serving_default"]
        fetches = {k: t.name for k, t in signature.outputs.items()}
        return max(difference(session.run(fetches, {signature.inputs[k].name: v for k, v in inputs.items()}), want)
                   for _, inputs, want in goldens(name))


def in_program(build, name, folder, scratch):
    off = 0
    for path, _, want in goldens(name):
        for option in "native", "build":
            given, out = os.path.join(scratch, "in.npz"), os.path.join(scratch, "out.npz")
            with np.load(path) as z:
                np.savez(given, **{k[3:]: z[k] for k in z.files if k.startswith("in.")})
            ran = subprocess.run([os.path.join(build, "bin/tftrt"), "run", folder, "--inputs", given, "--outputs", out, "--on-fallback", option],
                                 capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr
            with np.load(out) as z:
                off = max(off, difference({k: z[k] for k in z.files}, want))
    return off


def in_package(name, folder):
    import tftrt
    off = 0
    for policy in "native", "build":
        model = tftrt.load(folder, on_fallback=policy)
        for _, inputs, want in goldens(name):
            off = max(off, difference(model(**inputs), want))
        ran, hits = (sum(e[k] for e in model.engine_stats()) for k in ("runs", "cache_hits"))
        assert ran and (hits > 0) == (policy == "build"), model.engine_stats()
    return off


def everywhere(build, name, folder, scratch):
    return max(in_tensorflow(name, folder), in_session(name, folder), in_program(build, name, folder, scratch), in_package(name, folder))


def saved_models(scratch, build):
    """Without engines, as each version of TensorFlow 2 saved them; and converted anew, and given engines, afterwards."""
    import tftrt
    off, count = 0, 0
    for version in old_forms.V2_FORMS:
        for name in MODELS:
            explicit = name in ("bert_tiny", "dynamic_shapes")
            if explicit and version in ("2.0", "2.1"):  # had implicit batch mode alone
                continue
            folder = os.path.join(scratch, f"{version}-{name}")
            old_forms.save_v2(os.path.join(SAVED, name), version, folder)
            off = max(off, everywhere(build, name, folder, scratch))
            c = tftrt.Converter(folder)
            c.convert()
            c.build(lambda: [inputs for _, inputs, _ in goldens(name)])
            c.save(folder + "-anew")
            model = tftrt.load(folder + "-anew")
            off, count = max(off, *(difference(model(**inputs), want) for _, inputs, want in goldens(name))), count + 1
            assert any(e["cache_hits"] for e in model.engine_stats()), model.engine_stats()
    return f"{count} models, {off:.1e}"


def instance(node):
    """A record of trt-serialized-engine.<name>, for a batch of 1."""
    from tensorflow.compiler.tf2tensorrt.utils.trt_engine_instance_pb2 import TRTEngineInstance
    record = TRTEngineInstance(serialized_engine=old_forms.TENSORRT_PLAN)
    for shape in node.attr["input_shapes"].list.shape:
        record.input_shapes.add().dim.extend([type(d)(size=abs(d.size)) for d in shape.dim])
    return record.SerializeToString()


def with_engines(scratch, build):
    """With TensorRT's plans in assets, and the functions and objects that bring them: loaded, run, destroyed by name."""
    from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops
    off = 0
    for version in old_forms.V2_FORMS:
        folder = os.path.join(scratch, version)
        old_forms.save_v2(os.path.join(SAVED, "resnet_tiny"), version, folder, instance)
        (engine,) = old_forms.engines(old_forms.read_saved_model(folder).meta_graphs[0].graph_def)
        assert os.listdir(os.path.join(folder, "assets")) == [f"trt-serialized-engine.{engine.name}"]
        off = max(off, everywhere(build, "resnet_tiny", folder, scratch))
        model = tf.saved_model.load(folder)
        handle = gen_trt_ops.create_trt_resource_handle(resource_name=engine.name)
        tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=False)
        try:
            tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=False)
            raise AssertionError("destroyed twice")
        except tf.errors.NotFoundError:
            pass
        del model
    return f"{off:.1e}"


def run_graph(graph_def, inputs, outputs, name):
    off = 0
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with v1.Session(graph=graph, config=SOFT) as session:
            for _, given, want in goldens(name):
                off = max(off, difference(session.run(outputs, {inputs[k]: v for k, v in given.items()}), want))
    return off


def in_eager_mode(graph_def, inputs, outputs, name):
    """As a frozen graph is used in TensorFlow 2."""
    keys = sorted(inputs)
    f = v1.wrap_function(lambda: tf.import_graph_def(graph_def, name="within"), []).prune(
        [f"within/{inputs[k]}" for k in keys], {k: f"within/{n}" for k, n in outputs.items()})
    return max(difference({k: v.numpy() for k, v in f(*(tf.constant(given[k]) for k in keys)).items()}, want)
               for _, given, want in goldens(name))


def forms_of_graphs():
    for version in old_forms.V1_FORMS:
        yield version, dict(static=True)
        yield version, dict(static=False)
        if version != "1.15":
            yield version, dict(static=False, function=False)


def graph_defs(scratch, build):
    """Static engines, segments as functions, segments as GraphDefs in their nodes: in sessions, in eager mode, in SavedModels."""
    off, count = 0, 0
    for version, form in forms_of_graphs():
        for name in "resnet_tiny", "lstm_text":
            try:
                graph_def, inputs, outputs = old_forms.graph_def_v1(os.path.join(SAVED, name), version, **form)
                folder = os.path.join(scratch, f"{version}-{name}-{count}")
                old_forms.save_v1(graph_def, inputs, outputs, folder)
                off = max(off, run_graph(graph_def, inputs, outputs, name))
                with on_fallback("build"):
                    off = max(off, run_graph(graph_def, inputs, outputs, name))
                off, count = max(off, everywhere(build, name, folder, scratch)), count + 1
            except Exception as e:
                raise AssertionError(f"{version} {form} {name}: {type(e).__name__}: {str(e)[:600]}") from e
    return f"{count} graphs, {off:.1e}"


def eager_mode(_):
    """Eagerly; functions of one name are one there, so: an engine of each name."""
    off = 0
    for version, name, form in (("1.12", "resnet_tiny", {}), ("1.13", "resnet_tiny", dict(static=True)), ("1.14", "lstm_text", dict(function=False))):
        off = max(off, in_eager_mode(*old_forms.graph_def_v1(os.path.join(SAVED, name), version, **form), name))
    return f"{off:.1e}"


def one_name(_):
    """Two graphs with engines of one name, whose segments are in their nodes, run in turn."""
    off, opened = 0, []
    for name in "resnet_tiny", "lstm_text":
        graph_def, inputs, outputs = old_forms.graph_def_v1(os.path.join(SAVED, name), "1.13", static=False, function=False)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
            opened.append((name, v1.Session(graph=graph, config=SOFT), inputs, outputs))
    for name, session, inputs, outputs in opened * 2:
        for _, given, want in goldens(name):
            off = max(off, difference(session.run(outputs, {inputs[k]: v for k, v in given.items()}), want))
    for _, session, _, _ in opened:
        session.close()
    return f"{off:.1e}"


def with_twice_the_weights(source, target):
    """A model of TF-TRT's with the same names, whose last product has twice the weights."""
    shutil.copytree(source, target)
    path = os.path.join(target, "saved_model.pb")
    model = saved_model_pb2.SavedModel()
    with open(path, "rb") as f:
        model.ParseFromString(f.read())
    (segment,) = [f for f in model.meta_graphs[0].graph_def.library.function if "native_segment" in f.signature.name]
    nodes = {n.name: n for n in segment.node_def}
    product = nodes[next(iter(segment.ret.values())).split(":")[0]]
    assert product.op == "MatMul", product.op
    value = nodes[product.input[1].split(":")[0]].attr["value"].tensor
    value.CopyFrom(tf.make_tensor_proto(2 * tf.make_ndarray(value)))
    with open(path, "wb") as f:
        f.write(model.SerializeToString())


def built_beside(scratch, build):
    """TF-TRT's models have engines of one name and no ids. One that `tftrt build` gives engines, and one without, in one process."""
    source = os.path.join(SAVED, "resnet_tiny")
    built, other = os.path.join(scratch, "built"), os.path.join(scratch, "other")
    subprocess.run([os.path.join(build, "bin/tftrt"), "build", source, "-o", built, "-q"], check=True)
    with_twice_the_weights(source, other)
    off = 0
    for order in (built, other), (other, built):
        models = {folder: tf.saved_model.load(folder) for folder in order}
        biases = []
        for _, given, want in goldens("resnet_tiny"):
            got = {f: m.signatures["serving_default"](**{k: tf.constant(v) for k, v in given.items()}) for f, m in models.items()}
            off = max(off, difference(got[built], want))
            ((key, logits),) = want.items()
            biases.append(2 * logits - got[other][key].numpy())  # logits = product + bias: the bias, which is the same in every row
        rows = np.concatenate(biases)
        assert np.ptp(rows, axis=0).max() <= BOUND * (1 + np.abs(rows).max()), "the other model's engine ran"
        del models
    return f"{off:.1e}"


def calibration(_):
    """Of 1.13: a session runs the graph over samples, calib_graph_to_infer_graph makes one of it that runs in INT8."""
    import tensorflow.contrib.tensorrt as trt
    off, name = 0, "resnet_tiny"
    for function in True, False:
        waiting, inputs, outputs = old_forms.graph_def_v1(os.path.join(SAVED, name), "1.13", precision="INT8", function=function)
        assert run_graph(waiting, inputs, outputs, name) <= BOUND
        infer = trt.calib_graph_to_infer_graph(waiting)
        assert all(n.attr["calibration_data"].s.startswith(b"TRT-") for n in old_forms.engines(infer))
        with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=SOFT) as session, on_fallback("build"):
            tf.import_graph_def(infer, name="")
            for _, given, want in goldens(name):
                got = session.run(outputs, {inputs[k]: v for k, v in given.items()})
                off = max(off, *(float(np.max(np.abs(got[k] - want[k])) / np.max(np.abs(want[k]))) for k in want))
        assert 1e-4 < off < 0.1, off
    waiting, inputs, outputs = old_forms.graph_def_v1(os.path.join(SAVED, name), "1.15", precision="INT8")  # which tells no shapes
    run_graph(waiting, inputs, outputs, name)
    (node,) = old_forms.engines(trt.calib_graph_to_infer_graph(waiting))
    assert node.attr["calibration_data"].s.startswith(b"TRT-")
    return f"{off:.1e} of the largest value"


def nothing_to_run(scratch, build):
    """A static engine of TensorRT's without the function: one error, which names the node and the reason."""
    graph_def, inputs, outputs = old_forms.graph_def_v1(os.path.join(SAVED, "resnet_tiny"), "1.13", static=True, function=False)
    old_forms.save_v1(graph_def, inputs, outputs, os.path.join(scratch, "static"))
    why = "TRTEngineOp_0 cannot serve: Engine creation for TRTEngineOp_0 failed. Reason: the engine in the node cannot be loaded"
    try:
        run_graph(graph_def, inputs, outputs, "resnet_tiny")
        raise AssertionError("it ran")
    except tf.errors.AbortedError as e:
        assert why in str(e), e
    path = os.path.join(scratch, "in.npz")
    np.savez(path, image=np.zeros((1, 32, 32, 3), np.float32))
    ran = subprocess.run([os.path.join(build, "bin/tftrt"), "run", os.path.join(scratch, "static"), "--inputs", path],
                         capture_output=True, text=True)
    assert ran.returncode and why in ran.stderr, ran.stderr
    return "all"


def main():
    run_checks({"saved_models": saved_models, "with_engines": with_engines, "graph_defs": graph_defs, "eager_mode": eager_mode, "one_name": one_name,
                "built_beside": built_beside,
                "calibration": calibration, "nothing_to_run": nothing_to_run},
               ("saved_models", "with_engines", "graph_defs", "built_beside", "nothing_to_run"))


main()
