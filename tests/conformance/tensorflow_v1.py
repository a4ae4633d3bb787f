#!/usr/bin/env python3
"""TensorFlow 1's TF-TRT through `import tftrt.tensorflow`: TrtGraphConverter, and sessions with TF-TRT's optimizer.

  tensorflow_v1.py --build build [--only offline,answers,saved_model,calibration,online,...]

In the TensorFlow of the Python that runs it. Outputs are compared with those of sessions that run the same graphs unconverted.
Ends with "N passed, N failed".
"""
import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TFTRT_CACHE", "off")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from checks import run_checks  # noqa: E402
from tensorflow.python.compiler.tensorrt import trt_convert as theirs  # noqa: E402

v1 = tf.compat.v1
their_rewriter_config = theirs._get_tensorrt_rewriter_config
SOFT = v1.ConfigProto(allow_soft_placement=True)


def some_graph(device=None, variable=False):
    """(left + 1) * left + (left + 1) + right, and what engines cannot take behind it."""
    graph = tf.Graph()
    with graph.as_default(), graph.device(device):
        left, right = (v1.placeholder(tf.float32, [None, 1, 3], name=n) for n in ("left", "right"))
        one = v1.get_variable("one", [1, 1, 3], initializer=v1.ones_initializer()) if variable else tf.ones([1, 1, 3])
        more = left + one
        tf.identity(left * more + more + right, name="output")
        v1.global_variables_initializer()
    return graph


def feeds(batch, seed=0):
    random = np.random.default_rng(seed)
    return {f"{name}:0": random.standard_normal((batch, 1, 3)).astype(np.float32) for name in ("left", "right")}


def run(graph_def, feed, fetch="output:0"):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with v1.Session(graph=graph, config=SOFT) as session:
            return session.run(fetch, feed)


def same(got, want, tolerance=1e-5):
    assert got.shape == want.shape and got.dtype == want.dtype, (got.shape, want.shape)
    off = float(np.max(np.abs(got - want)))
    assert off <= tolerance, f"differs by {off}"
    return off


def engines(graph_def):
    return [node for node in (graph_def.node_def if hasattr(graph_def, "node_def") else graph_def.node) if node.op == "TRTEngineOp"]


def converter(**arguments):
    from tftrt.tensorflow import trt_convert
    with tf.Graph().as_default():
        return trt_convert.TrtGraphConverter(**arguments)


def offline(_):
    """Graphs without devices, on a GPU, on a CPU, by minimum_segment_size: which engines, and the same outputs."""
    off = 0
    for device, size, wanted in (None, 3, 1), ("/GPU:0", 3, 1), ("/CPU:0", 3, 0), (None, 7, 0), (None, -1, 0):
        source = some_graph(device).as_graph_def()
        for dynamic in True, False:
            c = converter(input_graph_def=source, nodes_denylist=["output"], max_batch_size=None if dynamic else 4,
                          is_dynamic_op=dynamic, minimum_segment_size=size, maximum_cached_engines=2)
            converted = c.convert()
            assert isinstance(converted, v1.GraphDef)
            found = engines(converted)
            assert len(found) == wanted, f"{device} {size}: {len(found)} engines"
            ops = sorted(n.op for n in converted.node if n.op != "TRTEngineOp")
            if wanted:
                assert ops == ["Identity", "Placeholder", "Placeholder"], ops
                assert found[0].device == ("" if device is None else v1.DeviceSpec.from_string(device).to_string()), found[0].device
                assert found[0].attr["static_engine"].b is not dynamic
                assert bool(found[0].attr["serialized_segment"].s) is not dynamic
            else:
                assert {n.name for n in converted.node} <= {n.name for n in source.node}
            for batch in 1, 4, 2, 5:  # 5 is beyond the static engine
                off = max(off, same(run(converted, feeds(batch)), run(source, feeds(batch))))
    return f"{off:.1e}"


def answers(_):
    """Of graphs that are about engines of one batch each: engines, their nodes and batches are those of TF-TRT, in every mode."""
    sys.path.insert(0, os.path.join(ROOT, "tests/models"))
    import ask_tf_trt_v1 as ask
    import make_tf_trt_tests as counterparts
    import static_graphs
    with open(os.path.join(ROOT, "tests/models/tf_trt_tests/answers_v1.json")) as f:
        known = json.load(f)
    compared, graphs = 0, counterparts.graphs_of_tensorflow_1()
    for name in static_graphs.CASES:
        with tf.Graph().as_default() as graph:
            outputs, batch = graphs[name](tf)
        for answer in known[name]["engines"]:
            for mode in answer["modes"]:
                precision, _, kind = mode.rpartition("-")
                dynamic, (precision, calibrated) = kind == "dynamic", ask.MODES[precision]
                converted = converter(input_graph_def=graph.as_graph_def(), nodes_denylist=outputs, precision_mode=precision,
                                      is_dynamic_op=dynamic, max_batch_size=None if dynamic else batch, minimum_segment_size=2,
                                      use_calibration=calibrated).convert()
                got, batches = ask.dynamic_engines(converted)
                if not dynamic:  # the answer has no constants that others read too
                    constants = {n.name for f in converted.library.function for n in f.node_def if n.op == "Const"}
                    got = {e: [n for n in nodes if n not in constants or n in answer["engines"].get(e, ())] for e, nodes in got.items()}
                assert got == answer["engines"], f"{name} {mode}: {got}, not {answer['engines']}"
                for engine, size in batches.items():
                    want = known[name]["max_batch_sizes"].get(engine, -1) if len(known[name]["engines"]) == 1 or dynamic else None
                    assert want is None or size == (want if want > 0 or dynamic else batch), f"{name} {mode} {engine}: {size}, not {want}"
                compared += 1
    return f"{compared} conversions"


def names(_):
    """Outputs are told as tensors, names, or not at all; other nodes go; several outputs of one node stay."""
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 4, 6], name="x")
        parts = tf.split(tf.nn.relu(x * 2.0 - 1.0) + 0.5, 3, axis=2, name="parts")
        tf.identity(parts[0] * 3.0, name="unneeded")
        with tf.control_dependencies([v1.assert_equal(tf.rank(x), 3)]):
            tf.identity(parts[1] + parts[2], name="last")
    source, feed = graph.as_graph_def(), {"x:0": np.random.default_rng(1).standard_normal((2, 4, 6)).astype(np.float32)}
    fetches = [p.name for p in parts] + ["last:0"]
    for told in [parts[0], "last"], ["parts:2", b"last:0"], [graph.get_operation_by_name("parts"), "last"]:
        converted = converter(input_graph_def=source, nodes_denylist=told, is_dynamic_op=True, max_batch_size=None).convert()
        assert "unneeded" not in {n.name for n in converted.node}
        for got, want in zip(run(converted, feed, fetches), run(source, feed, fetches)):
            same(got, want)
    old = converter(input_graph_def=source, nodes_blacklist=["last"], session_config=SOFT, is_dynamic_op=True, max_batch_size=None)
    assert "unneeded" not in {n.name for n in old.convert().node}
    everything = converter(input_graph_def=source, is_dynamic_op=True, max_batch_size=None).convert()
    assert {"unneeded", "last"} <= {n.name for n in everything.node}
    return "all"


def functions(_):
    """Calls of functions, and control flow of TensorFlow 2, in a GraphDef."""
    @tf.function
    def inner(x):
        return tf.nn.relu(x * 2.0 + 1.0) - 0.25, x + 1.0

    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 4, 6], name="x")
        first, second = inner(x)
        looped = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.tanh(y * 1.5 + 0.5) * y), (0, second), name="loop")[1]
        outputs = [first.name, looped.name]
    source, feed = graph.as_graph_def(), {"x:0": np.random.default_rng(1).standard_normal((2, 4, 6)).astype(np.float32)}
    converted = converter(input_graph_def=source, nodes_denylist=outputs, is_dynamic_op=True, max_batch_size=None).convert()
    assert engines(converted)
    for got, want in zip(run(converted, feed, outputs), run(source, feed, outputs)):
        same(got, want)
    return f"{len(engines(converted))} engines"


def functions_beside_calls(_):
    """Functions that ask for engines, called here and named by ops that run them with other shapes and constants."""
    sys.path.insert(0, os.path.join(HERE, "../models"))
    from make_tf_trt_tests import TF_TRT_FUNCTION, mark_functions
    from tftrt.graph_def import GraphDefConverter

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32), tf.TensorSpec([1], tf.float32)])
    def inner(x, w):
        return tf.tanh(tf.nn.relu(x) + w) * tf.cast(tf.shape(x)[0], tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([3, 4], tf.float32), tf.TensorSpec([1], tf.float32)])
    def inner_alone(x, w):
        return tf.nn.relu(x * 2.0 + w) - 0.25

    remote = inner.get_concrete_function()
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [3, 4], name="x")
        items = tf.data.Dataset.from_tensor_slices([[1.0, 2.0, 3.0, 4.0, 5.0]]).map(lambda item: inner(item, tf.constant([7.0])))
        mapped = items.reduce(tf.zeros([5]), lambda total, item: total + item)
        device = "/job:localhost/replica:0/task:0/device:CPU:0"
        other = tf.raw_ops.RemoteCall(target=device, args=[tf.concat([x, x], 0), tf.constant([5.0])], Tout=[tf.float32], f=remote)[0]
        outputs = [t.name for t in (inner(x, tf.constant([3.0])), mapped, other, inner_alone(x, tf.constant([3.0])))]
    source, feed = graph.as_graph_def(), {"x:0": np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)}
    mark_functions(source, TF_TRT_FUNCTION)
    for function in source.library.function:
        if "inner_alone" in function.signature.name:  # as Grappler leaves functions
            for shape in [3, 4], [1]:
                function.attr["_input_shapes"].list.shape.add().CopyFrom(tf.TensorShape(shape).as_proto())
    for op_set in "all", "tf-trt":
        c = GraphDefConverter(source.SerializeToString(), outputs, minimum_segment_size=2, op_set=op_set)
        c.convert()
        converted = v1.GraphDef.FromString(c.graph_def())
        (alone,) = [f for f in converted.library.function if "inner_alone" in f.signature.name]
        assert engines(alone), alone
        for f in converted.library.function:
            n_shapes = len(f.attr["_input_shapes"].list.shape) if "_input_shapes" in f.attr else len(f.signature.input_arg)
            assert n_shapes == len(f.signature.input_arg), f.signature
        for got, want in zip(run(converted, feed, outputs), run(source, feed, outputs)):
            same(got, want)
    return "as TensorFlow has it"


def save_model(scratch, graph, key="predict"):
    target = tempfile.mkdtemp(dir=scratch) + "/model"
    builder = v1.saved_model.Builder(target)
    with graph.as_default(), v1.Session(graph=graph) as session:
        session.run("init")
        tensor = {n: v1.saved_model.build_tensor_info(graph.get_tensor_by_name(n + ":0")) for n in ("left", "right", "output")}
        signature = v1.saved_model.build_signature_def({"a": tensor["left"], "b": tensor["right"]}, {"y": tensor["output"]}, "m")
        builder.add_meta_graph_and_variables(session, ["one", "two"], {key: signature})
    builder.save()
    return target


def saved_model(scratch):
    """A SavedModel with variables, by tags and signature: frozen, converted, saved, loaded."""
    source = save_model(scratch, some_graph(variable=True))
    want = {b: run(some_graph().as_graph_def(), feeds(b)) for b in (1, 3)}
    for dynamic in True, False:
        c = converter(input_saved_model_dir=source, input_saved_model_tags=["one", "two"],
                      input_saved_model_signature_key="predict", is_dynamic_op=dynamic, max_batch_size=None if dynamic else 3)
        converted, target = c.convert(), tempfile.mkdtemp(dir=scratch) + "/converted"
        assert sorted(n.op for n in converted.node) == ["Identity", "Placeholder", "Placeholder", "TRTEngineOp"]
        c.save(target)
        with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
            meta = v1.saved_model.loader.load(session, ["one", "two"], target)
            signature = meta.signature_def["predict"]
            assert sorted(signature.inputs) == ["a", "b"] and signature.method_name == "m"
            assert len(engines(meta.graph_def)) == 1
            for batch, answer in want.items():
                same(session.run(signature.outputs["y"].name, feeds(batch)), answer)
    from tftrt.tensorflow import trt_convert
    with tf.Graph().as_default():
        made = trt_convert.create_inference_graph(some_graph().as_graph_def(), ["output"], is_dynamic_op=True, max_batch_size=None)
    same(run(made, feeds(3)), want[3])
    return "tags, signature"


def calibration(scratch):
    """INT8, calibrated by feeds and by tensors: data in the nodes, outputs within eight bits' reach; before: the same outputs."""
    random = np.random.default_rng(7)
    with tf.Graph().as_default() as graph:
        image = v1.placeholder(tf.float32, [None, 8, 8, 3], name="image")
        filters = tf.constant(random.standard_normal((3, 3, 3, 8)).astype(np.float32))
        tf.identity(tf.nn.relu(tf.nn.conv2d(image, filters, 1, "SAME") + 0.5), name="output")
    source, given = graph.as_graph_def(), [{"image:0": random.standard_normal((6, 8, 8, 3)).astype(np.float32)} for _ in range(4)]
    want, off = run(source, given[0]), 0
    for way in "feeds", "tensors":
        c = converter(input_graph_def=source, nodes_denylist=["output"], precision_mode="INT8", is_dynamic_op=True,
                      max_batch_size=None)
        same(run(c.convert(), given[0]), want)
        numbers = iter(given)
        if way == "feeds":
            converted = c.calibrate(["output:0"], 4, feed_dict_fn=lambda: next(numbers))
        else:
            def tensors():
                values = v1.data.make_one_shot_iterator(tf.data.Dataset.from_tensor_slices(
                    {k: np.stack([g[k] for g in given]) for k in given[0]})).get_next()
                return {k.split(":")[0]: v for k, v in values.items()}
            converted = c.calibrate(["output"], 4, input_map_fn=tensors)
        node, = engines(converted)
        assert node.attr["calibration_data"].s.startswith(b"TRT-") and node.attr["use_calibration"].b
        off = max(off, same(run(converted, given[0]), want, 0.02 * float(np.max(np.abs(want)))))
        assert off > 0, "nothing was computed in 8 bits"
    target = os.path.join(scratch, "int8")
    c = converter(input_saved_model_dir=save_model(scratch, some_graph(variable=True)), input_saved_model_tags=["one", "two"],
                  input_saved_model_signature_key="predict", precision_mode="int8", max_batch_size=None)
    c.convert()
    c.calibrate(["output:0"], 1, feed_dict_fn=lambda: feeds(2))
    c.save(target)
    return f"{off:.1e}"


def two_engines():
    """Convolutions around an op that TF-TRT does not take, and inputs for it."""
    random = np.random.default_rng(11)
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 8, 8, 3], name="image")
        for channels in (3, 8), (8, 4):
            filters = tf.constant(random.standard_normal((3, 3, *channels)).astype(np.float32))
            x = tf.math.erfc(tf.nn.relu(tf.nn.conv2d(x, filters, 1, "SAME") + 0.5) * 0.1)
        tf.identity(x, name="output")
    return graph.as_graph_def(), [{"image:0": random.standard_normal((6, 8, 8, 3)).astype(np.float32)} for _ in range(4)]


def calibration_in_sessions(_):
    """The graph itself is calibrated: a session runs it in float, GetCalibrationDataOp gives the table of calibrate() on the same
    samples, and with it the graph runs in INT8: in the session, in others, in eager mode."""
    from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops
    source, given = two_engines()
    want = [run(source, g) for g in given]
    arguments = dict(input_graph_def=source, nodes_denylist=["output"], precision_mode="INT8", is_dynamic_op=True,
                     max_batch_size=None)
    c = converter(**arguments)
    waiting, numbers = c.convert(), iter(given)
    tables = {n.name: n.attr["calibration_data"].s for n in engines(c.calibrate(["output:0"], 4, feed_dict_fn=lambda: next(numbers)))}
    bound, worst, told = 0.05 * float(np.max(np.abs(want[0]))), 0.0, v1.GraphDef()
    told.CopyFrom(waiting)
    assert len(tables) == 2 and all(tables.values())

    def in_int8(values):
        off = max(same(got, w, bound) for got, w in zip(values, want))
        assert off > 1e-4, f"{off}: nothing was computed in 8 bits"
        return off

    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=SOFT) as session:
        tf.import_graph_def(waiting, name="")
        for g, w in zip(given, want):
            same(session.run("output:0", g), w)
        for node in engines(told):
            node.attr["calibration_data"].s = session.run(gen_trt_ops.get_calibration_data_op(resource_name=node.name))
            assert node.attr["calibration_data"].s == tables[node.name]
        worst = max(worst, in_int8([session.run("output:0", g) for g in given]))
        worst = max(worst, in_int8([run(told, g) for g in given]))  # beside the session
    worst = max(worst, in_int8([run(told, g) for g in given]))

    eager = v1.wrap_function(lambda image: tf.graph_util.import_graph_def(waiting, {"image": image}, ["output:0"]),
                             [tf.TensorSpec([None, 8, 8, 3])])
    for g, w in zip(given, want):
        same(eager(tf.constant(g["image:0"]))[0].numpy(), w)
    for name, table in tables.items():
        assert gen_trt_ops.get_calibration_data_op(resource_name=name).numpy() == table
    worst = max(worst, in_int8([eager(tf.constant(g["image:0"]))[0].numpy() for g in given]))
    return f"{worst:.1e} of {bound:.1e}"


def contrib(_):
    """tensorflow.contrib.tensorrt: INT8 graphs are calibrated by a session, and converted when it is closed."""
    import tensorflow.contrib.tensorrt as trt
    from tensorflow.contrib import tensorrt
    assert trt is tensorrt and not hasattr(tf, "contrib")
    source, given = two_engines()
    want = [run(source, g) for g in given]
    same(run(trt.create_inference_graph(source, ["output"], 6, 1 << 25, "FP16", 2), given[0]), want[0], 1e-2)
    waiting = trt.create_inference_graph(input_graph_def=source, outputs=["output"], max_batch_size=6, precision_mode="INT8")
    try:
        trt.calib_graph_to_infer_graph(waiting)
        raise AssertionError("no ValueError")
    except ValueError as e:
        assert "run the calibration graph in a session first" in str(e) and "no sample has reached it" in str(e), e
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        tf.import_graph_def(waiting, name="")
        for g, w in zip(given, want):
            same(session.run("output:0", g), w)
    infer = trt.calib_graph_to_infer_graph(waiting)
    assert all(n.attr["calibration_data"].s for n in engines(infer)) and not any(n.attr["calibration_data"].s for n in engines(waiting))
    off = max(same(run(infer, g), w, 0.05 * float(np.max(np.abs(want[0])))) for g, w in zip(given, want))
    assert off > 1e-4, "nothing was computed in 8 bits"
    return f"{off:.1e}"


def resources(scratch):
    """Engine caches by name in a session: there after the model is loaded, destroyed by name."""
    import tftrt
    from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops
    small, target = os.path.join(HERE, "../models/small/mnist_cnn"), os.path.join(scratch, "resources")
    c = tftrt.Converter(os.path.join(small, "saved_model"))
    c.convert()
    c.build_default()
    c.save(target)
    golden = np.load(os.path.join(small, "golden/serving_default.0.npz"))
    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=SOFT) as session:
        meta = v1.saved_model.loader.load(session, ["serve"], target)
        signature = meta.signature_def["serving_default"]
        (node,) = [n for f in meta.graph_def.library.function for n in f.node_def if n.op == "TRTEngineOp"]
        handle = gen_trt_ops.create_trt_resource_handle(resource_name=node.name)
        destroy = tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=False)
        session.run(destroy)
        try:
            session.run(destroy)
            raise AssertionError("it is still there")
        except tf.errors.NotFoundError as e:
            assert "does not exist" in str(e), e
        feed = {signature.inputs[k[3:]].name: golden[k] for k in golden.files if k.startswith("in.")}
        for k in golden.files:
            if k.startswith("out."):
                same(session.run(signature.outputs[k[4:]].name, feed), golden[k])
        file = os.path.join(scratch, "written")
        session.run(gen_trt_ops.serialize_trt_resource(resource_name=node.name, filename=file))
        assert os.path.getsize(file) > 1000
    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=SOFT) as session:  # written and deleted
        v1.saved_model.loader.load(session, ["serve"], target)
        handle = gen_trt_ops.create_trt_resource_handle(resource_name=node.name)
        destroy = tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=False)
        delete = gen_trt_ops.serialize_trt_resource(resource_name=tf.constant(node.name), filename=file, delete_resource=True)
        session.run(list(signature.outputs.values())[0].name, feed)
        session.run(delete)
        assert os.path.getsize(file) > 1000
        for gone in destroy, delete:
            try:
                session.run(gone)
                raise AssertionError("it is still there")
            except tf.errors.NotFoundError as e:
                assert "does not exist" in str(e), e
    return node.name


def errors(scratch):
    """TF-TRT's exceptions and messages."""
    source = some_graph().as_graph_def()
    int8 = converter(input_graph_def=source, nodes_denylist=["output"], precision_mode="INT8", is_dynamic_op=True)
    int8.convert()
    plain = converter(input_graph_def=source, nodes_denylist=["output"])
    plain.convert()
    model = save_model(scratch, some_graph(variable=True))
    from tftrt.tensorflow import trt_convert
    params = trt_convert.DEFAULT_TRT_CONVERSION_PARAMS
    config = trt_convert.get_tensorrt_rewriter_config
    cases = [
        (lambda: trt_convert.TrtGraphConverter(input_graph_def=source), RuntimeError,
         "Please use tf.experimental.tensorrt.Converter in TF 2.0."),
        (lambda: converter(), ValueError, "Must specify one of input_graph_def and input_saved_model_dir"),
        (lambda: converter(input_graph_def=source, input_saved_model_dir="x"), ValueError,
         "Can only specify one of input_graph_def and input_saved_model_dir"),
        (lambda: converter(input_graph_def=source, max_batch_size=None), ValueError,
         "When is_dynamic_op==False max_batch_size should be an integer"),
        (lambda: converter(input_graph_def=source, precision_mode="int4"), ValueError, "precision mode 'int4' is not supported."),
        (lambda: converter(input_graph_def=source, minimum_segment_size=0), ValueError, "should be positive or -1"),
        (lambda: converter(input_graph_def=source, nodes_denylist=["none"]).convert(), tf.errors.NotFoundError, "none"),
        (lambda: converter(input_saved_model_dir=model, input_saved_model_tags=["one", "two"]).convert(), KeyError,
         "serving_default"),
        (lambda: plain.convert(), AssertionError, ""),
        (lambda: plain.save(os.path.join(scratch, "no")), ValueError, "Not able to save to a SavedModel since input is a GraphDef"),
        (lambda: plain.calibrate(["output"], 1, feed_dict_fn=lambda: feeds(1)), AssertionError, ""),
        (lambda: int8.save("/nowhere"), AssertionError, ""),
        (lambda: int8.calibrate(["output"], 1), ValueError, "Should specify one and only one of feed_dict_fn and input_map_fn."),
        (lambda: int8.calibrate(["none:0"], 1, feed_dict_fn=lambda: feeds(1)), ValueError, "none:0"),
        (lambda: int8.calibrate(["output"], 1, input_map_fn=lambda: {"left": 1}), ValueError, "must be of type tf.Tensor"),
        (lambda: config(params), ValueError, "is_dynamic_op can't be None for TF1"),
        (lambda: config(params, is_v2=True, is_dynamic_op=False), ValueError, "is_dynamic_op is either None or True for TF2"),
        (lambda: config(params, is_dynamic_op=True, max_batch_size=1), ValueError, "max_batch_size has to be None for TF2 or when"),
        (lambda: config(params, is_dynamic_op=False), ValueError, "has to be an integer for is_dynamic_op==False in TF1"),
    ]
    for what, kind, part in cases:
        try:
            what()
        except kind as e:
            assert part in str(e), f"{kind.__name__}: {e}"
        else:
            raise AssertionError(f"no {kind.__name__} {part}")
    return f"{len(cases)} of them"


def rewriter_config(_):
    """The RewriterConfig is TF-TRT's, field by field (TensorFlow 2.21's own function does not work with its protobuf)."""
    from tftrt.tensorflow import trt_convert
    params = trt_convert.TrtConversionParams(1 << 20, "FP16", 7, 3, False, False)
    compared = 0
    for arguments in (dict(is_dynamic_op=True), dict(is_dynamic_op=False, max_batch_size=5), dict(is_dynamic_op=True, is_v2=True),
                      dict(is_dynamic_op=True, disable_non_trt_optimizers=True)):
        ours = trt_convert.get_tensorrt_rewriter_config(params, **arguments)
        told = {o.name: o.parameter_map for o in ours.custom_optimizers}["TensorRTOptimizer"]
        assert told["minimum_segment_size"].i == 7 and told["precision_mode"].s == b"FP16" and told["maximum_cached_engines"].i == 3
        try:
            real = their_rewriter_config(params, **arguments)
        except TypeError as e:
            assert "remapping" in str(e), e
            continue
        assert ours == real, f"{ours}\nnot\n{real}"
        compared += 1
    return f"{compared} compared with TensorFlow's"


def ops_that_ran(session, fetches, feed):
    data = v1.RunMetadata()
    results = session.run(fetches, feed, options=v1.RunOptions(output_partition_graphs=True), run_metadata=data)
    return results, [n.op for g in data.partition_graphs for n in g.node]


def online_config(**arguments):
    from tftrt.tensorflow import trt_convert
    arguments = {"is_dynamic_op": True, **arguments}
    params = trt_convert.DEFAULT_TRT_CONVERSION_PARAMS._replace(maximum_cached_engines=4)
    config = v1.ConfigProto(allow_soft_placement=True)
    config.graph_options.rewrite_options.CopyFrom(trt_convert.get_tensorrt_rewriter_config(params, **arguments))
    return config


def online(_):
    """Sessions whose configuration has TF-TRT's optimizer run TRTEngineOps; others, also at the same time, do not."""
    off = 0
    for device in None, "/CPU:0":
        for resource in True, False:
            with v1.variable_scope(v1.VariableScope(reuse=False, use_resource=resource)):
                graph = some_graph(device, variable=True)
            for arguments in {}, dict(is_dynamic_op=False, max_batch_size=2), dict(disable_non_trt_optimizers=True):
                with v1.Session(graph=graph, config=online_config(**arguments)) as session, v1.Session(graph=graph) as plain:
                    for s in session, plain:
                        s.run("init")
                    for batch in 1, 2, 3:
                        got, ops = ops_that_ran(session, "output:0", feeds(batch))
                        want, plain_ops = ops_that_ran(plain, "output:0", feeds(batch))
                        assert "TRTEngineOp" in ops and "AddV2" not in ops, ops
                        assert "TRTEngineOp" not in plain_ops
                        off = max(off, same(got, want))
                    call = session.make_callable("output:0", ["left:0", "right:0"])
                    off = max(off, same(call(*feeds(5).values()), run_callable(plain, feeds(5))))
    return f"{off:.1e}"


def run_callable(session, feed):
    return session.make_callable("output:0", list(feed))(*feed.values())


def online_state(_):
    """Variables that runs change, targets without outputs, nodes that are fed in the place of being computed, functions."""
    @tf.function
    def inner(x):
        return tf.nn.relu(x * 2.0 + 1.0) - 0.25

    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 2, 3], name="x")
        keep = v1.placeholder_with_default(1.0, [], name="keep")
        v = v1.get_variable("v", [1, 2, 3], initializer=v1.zeros_initializer(), use_resource=True)
        middle = tf.nn.relu(x * 0.5 + 0.25) * (x - 1.0) + v
        with tf.control_dependencies([middle]):
            step = tf.group(v.assign_add(tf.reduce_mean(middle, 0, keepdims=True)), name="step")
        out = tf.identity(inner(middle) * keep - 1.0, name="out")
        init = v1.global_variables_initializer()
    random = np.random.default_rng(3)
    fed = [random.standard_normal((b, 2, 3)).astype(np.float32) for b in (2, 2, 4)]
    answers = []
    for config in online_config(), None:
        with v1.Session(graph=graph, config=config) as session:
            session.run(init)
            told = []
            for value in fed:
                told.append(session.run(out, {x: value}))
                assert session.run(step, {x: value}) is None
                told += session.run([out, v], {x: value, keep: 0.5})
                told.append(session.run(out, {middle: value}))
                ops = ops_that_ran(session, out, {x: value})[1]
            answers.append(told)
        if config is not None:
            assert "TRTEngineOp" in ops, ops
    return f"{max(same(a, b) for a, b in zip(*answers)):.1e} over {len(answers[0])}"


def main():
    checks = {f.__name__: f for f in (
        offline, answers, names, functions, functions_beside_calls, saved_model, calibration, calibration_in_sessions, contrib, resources,
        errors, rewriter_config, online, online_state)}
    run_checks(checks)


main()
