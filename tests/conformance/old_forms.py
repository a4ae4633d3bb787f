"""Models that TF-TRT 2.17 saved, as older versions wrote them: SavedModels of TensorFlow 2.0 to 2.4, GraphDefs of 1.12 to 1.15.

What those versions wrote is told by their op definitions and by what their converters set (tensorflow/compiler/tf2tensorrt and
tensorflow/contrib/tensorrt in TensorFlow's history).
"""
import os
import re
import tempfile

import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.compiler.tensorrt import trt_convert
from tensorflow.python.framework import function_def_to_graph

TENSORRT_PLAN = b"ptrt\0\0\0\0 a TensorRT plan, as far as can be told here"
GPU = "/job:localhost/replica:0/task:0/device:GPU:0"
V2_FORMS = ("2.0", "2.1", "2.3", "2.4")
V1_FORMS = ("1.12", "1.13", "1.14", "1.15")


def read_saved_model(folder):
    with open(os.path.join(folder, "saved_model.pb"), "rb") as f:
        return saved_model_pb2.SavedModel.FromString(f.read())


def _write(folder, proto):
    with open(os.path.join(folder, "saved_model.pb"), "wb") as f:
        f.write(proto.SerializeToString())
    fingerprint = os.path.join(folder, "fingerprint.pb")  # which came with 2.12
    if os.path.exists(fingerprint):
        os.remove(fingerprint)


def engines(graph_def):
    nodes = list(graph_def.node) + [n for f in graph_def.library.function for n in f.node_def]
    return [n for n in nodes if n.op == "TRTEngineOp"]


def _old_name(version):
    """Of TRTEngineOp_149_001."""
    def name(match):
        graph, segment = int(match[1]), int(match[2])
        return {"1.12": f"my_trt_op_{segment}", "2.3": f"TRTEngineOp_{graph}_{segment}", "2.4": f"TRTEngineOp_{graph}_{segment}"}.get(
            version, f"TRTEngineOp_{segment}")
    return name


def _renamed(proto, version):
    text = re.sub(r"(?i)TRTEngineOp_(\d{3})_(\d{3})", _old_name(version), text_format.MessageToString(proto))
    return text_format.Parse(text, type(proto)())


def _as_v2(node, version):
    """Attributes of a TRTEngineOp as a converter of TensorFlow 2 wrote them, those that are as by default included."""
    attr = node.attr
    later = ["_output_shapes", "use_explicit_precision", "_has_manual_control_dependencies", "_profile_generation_mode", "output_shapes"]
    if version in ("2.0", "2.1"):
        later += ["_use_implicit_batch", "_allow_build_at_runtime", "max_batch_size", "profile_strategy"]
    if version == "2.0":
        later += ["input_shapes"]
    if version == "2.3":  # which had no strategies yet
        later += ["profile_strategy"]
    for name in later:
        if name in attr:
            del attr[name]
    attr["segment_funcdef_name"].s = attr["calibration_data"].s = b""
    attr["fixed_input_size"].b = True
    attr["max_cached_engines_count"].i = 1
    for name in ("cached_engine_batches", "output_shapes", "input_shapes"):
        attr[name].list.SetInParent()
    node.device = GPU


def save_v2(source, version, target, engine_file=None):
    """A SavedModel of TF-TRT's as `version` had it. engine_file: what TF-TRT would have saved of each engine."""
    if engine_file is None:
        os.makedirs(target)
        for folder, _, files in os.walk(source):
            for name in files:
                to = os.path.join(target, os.path.relpath(os.path.join(folder, name), source))
                os.makedirs(os.path.dirname(to), exist_ok=True)
                with open(os.path.join(folder, name), "rb") as a, open(to, "wb") as b:
                    b.write(a.read())
    else:
        model, temporary = tf.saved_model.load(source), tempfile.mkdtemp()
        root = tf.Module()
        root.trt_engine_resources = {}
        for node in engines(read_saved_model(source).meta_graphs[0].graph_def):
            path = os.path.join(temporary, f"trt-serialized-engine.{node.name}")
            with tf.io.TFRecordWriter(path) as w:
                w.write(engine_file(node))
            root.trt_engine_resources[node.name] = trt_convert._TRTEngineResource(node.name, path, 1)
        root.function = model.signatures["serving_default"]
        tf.saved_model.save(root, target, {"serving_default": root.function})
    proto = _renamed(read_saved_model(target), version)
    for old in os.listdir(os.path.join(target, "assets")) if engine_file else ():
        new = re.sub(r"TRTEngineOp_(\d{3})_(\d{3})", _old_name(version), old)
        os.rename(os.path.join(target, "assets", old), os.path.join(target, "assets", new))
    library = proto.meta_graphs[0].graph_def.library
    for node in engines(proto.meta_graphs[0].graph_def):
        _as_v2(node, version)
    for f in library.function:
        if version in ("2.0", "2.1") and f.signature.name.endswith("_native_segment"):
            f.attr["experimental_ints_on_device"].b = True
    _write(target, proto)


def _segment_as_graph(function):
    """The segment as it stood in serialized_segment: inputs are Placeholders, outputs Identities, numbered."""
    graph_def, tensors = function_def_to_graph.function_def_to_graph_def(function)
    new = {a.name: f"TensorRTInputPH_{i}" for i, a in enumerate(function.signature.input_arg)}
    for node in graph_def.node:
        node.name = new.get(node.name, node.name)
        for i, name in enumerate(node.input):
            base, colon, port = name.partition(":")
            node.input[i] = new.get(base, base) + colon + port
    for i, result in enumerate(function.signature.output_arg):
        base, colon, port = tensors[function.ret[result.name]].partition(":")
        out = graph_def.node.add(name=f"TensorRTOutputPH_{i}", op="Identity", input=[new.get(base, base) + colon + port])
        out.attr["T"].type = result.type
    graph_def.ClearField("library")
    return graph_def


def graph_def_v1(source, version, *, static=False, function=True, precision="FP32", plan=TENSORRT_PLAN):
    """The frozen GraphDef that create_inference_graph gave: engines in static nodes, or their segments as GraphDefs. Without
    function: use_function_backup=False. Returns it with the names of its inputs and outputs."""
    meta = _renamed(read_saved_model(source), version).meta_graphs[0]
    library = {f.signature.name: f for f in meta.graph_def.library.function}
    (main,) = [f for f in library.values() if any(n.op == "TRTEngineOp" for n in f.node_def)]
    for f in library.values():  # as TensorFlow 1 named them
        if f.signature.name.endswith("_native_segment") and version != "1.15":
            _rename_arguments(f)
    for node in (n for n in main.node_def if n.op == "TRTEngineOp"):
        del node.attr["segment_func"]
    graph_def, tensors = function_def_to_graph.function_def_to_graph_def(main)
    graph_def.library.Clear()
    for node in engines(graph_def):
        shapes = {k: node.attr[k].list.shape for k in ("input_shapes", "output_shapes")}
        shapes = {k: [type(s).FromString(s.SerializeToString()) for s in v] for k, v in shapes.items()}
        _as_v2(node, "2.0")
        attr, segment = node.attr, library[f"{node.name}_native_segment"]
        attr["static_engine"].b, attr["precision_mode"].s = static, precision.encode()
        attr["use_calibration"].b = precision == "INT8"
        graph = _segment_as_graph(segment)
        attr["serialized_segment"].s = plan if static else b"" if version == "1.15" else graph.SerializeToString()
        if version == "1.15":
            attr["segment_func"].func.name = segment.signature.name
        else:
            attr["segment_funcdef_name"].s = f"{node.name}_native_segment".encode() if function else b""
            attr["cached_engine_batches"].list.i.append(8)
            for k, v in shapes.items():
                attr[k].list.shape.extend([type(s)(unknown_rank=True) for s in v] if version == "1.12" else v)
        if version == "1.12":
            del attr["use_calibration"]
        if function:
            copy = graph_def.library.function.add()
            copy.CopyFrom(segment)
            copy.attr["experimental_ints_on_device"].b = True
    results = [tensors[main.ret[r.name]] for r in main.signature.output_arg]
    outputs = {k: results[int(t.name.partition(":")[2])] for k, t in meta.signature_def["serving_default"].outputs.items()}
    return graph_def, {a.name: f"{a.name}:0" for a in main.signature.input_arg}, outputs


def save_v1(graph_def, inputs, outputs, target):
    """The SavedModel of such a GraphDef."""
    proto = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta = proto.meta_graphs.add()
    meta.meta_info_def.tags.append("serve")
    meta.graph_def.CopyFrom(graph_def)  # before TensorFlow adds today's defaults
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        info = [{k: tf.compat.v1.saved_model.build_tensor_info(graph.get_tensor_by_name(n)) for k, n in names.items()}
                for names in (inputs, outputs)]
    meta.signature_def["serving_default"].CopyFrom(
        tf.compat.v1.saved_model.build_signature_def(*info, "tensorflow/serving/predict"))
    os.makedirs(target)
    _write(target, proto)


def _rename_arguments(function):
    """tensorrtinputph_0_arg, tensorrtoutputph_0_ret."""
    new = {a.name: f"{a.name}_arg" for a in function.signature.input_arg}
    for a in function.signature.input_arg:
        a.name = new[a.name]
    for node in function.node_def:
        for i, name in enumerate(node.input):
            node.input[i] = new.get(name, name)
    for r in function.signature.output_arg:
        source = function.ret.pop(r.name)
        r.name += "_ret"
        function.ret[r.name] = new.get(source, source)
