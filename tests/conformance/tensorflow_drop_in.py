#!/usr/bin/env python3
"""`import tftrt.tensorflow`: TF-TRT's API in TensorFlow that lacks it.

  tensorflow_drop_in.py --build build [--only CHECK,...]

Checks are names, functions, inputs, errors, calibration, devices, engines, drawing, resources, engine_ops, saved, saved_again, threads,
options, variables, old_arguments, asking_functions, constants, freed, scripts.

In the TensorFlow of the Python that runs it. Outputs are compared with golden outputs that TensorFlow gave of the unconverted
models. `scripts` runs examples/tensorflow/convert.py, which is written for TF-TRT, unchanged in TensorFlow 2.17 and 2.21, in this
one, and with the package of the wheel. Ends with "N passed, N failed".
"""
import gc
import glob
import inspect
import os
import re
import shutil
import subprocess
import sys
import weakref
from concurrent import futures

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TFTRT_CACHE", "off")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
SMALL = os.path.join(HERE, "../models/small")
MODEL = os.path.join(SMALL, "resnet_tiny")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from checks import run_checks  # noqa: E402


def golden(model, i=0):
    arrays = np.load(os.path.join(model, f"golden/serving_default.{i}.npz"))
    return ({k[3:]: arrays[k] for k in arrays.files if k.startswith("in.")},
            {k[4:]: arrays[k] for k in arrays.files if k.startswith("out.")})


def worst(got, want):
    assert set(got) == set(want), f"outputs {sorted(got)}, not {sorted(want)}"
    return max(float(np.max(np.abs(got[k].numpy() - want[k]))) for k in want)


def converter(model=MODEL, **arguments):
    return tf.experimental.tensorrt.Converter(input_saved_model_dir=os.path.join(model, "saved_model"), **arguments)


def names(_):
    """TF-TRT's names are ours, also where they were imported before."""
    import tftrt
    import tftrt.tensorflow
    from tensorflow.python.compiler.tensorrt import trt_convert
    assert tf.experimental.tensorrt.Converter is tftrt.tensorflow.Converter
    assert tf.experimental.tensorrt.ConversionParams is tftrt.TrtConversionParams
    assert tf.compat.v2.experimental.tensorrt.Converter is tftrt.tensorflow.Converter
    assert trt_convert.TrtGraphConverterV2 is tftrt.tensorflow.TrtGraphConverterV2
    assert trt_convert is tftrt.tensorflow.trt_convert
    from tensorflow.compiler.tf2tensorrt.utils.trt_engine_instance_pb2 import TRTEngineInstance
    assert hasattr(TRTEngineInstance(), "serialized_engine")
    # TF-TRT's tests have Erfc between two engines; ours can take it.
    for kind, engines in (trt_convert.TrtGraphConverterV2, 2), (tf.experimental.tensorrt.Converter, 1):
        c = kind(os.path.join(ROOT, "tests/models/tf_trt_tests/simple_multi_engines/saved_model"), minimum_segment_size=2)
        c.convert()
        assert sum(n.op == "TRTEngineOp" for n in c._converted_graph_def.node) == engines
        assert c._converted and c.freeze and not c._build_called_once and not c._calibrated and not c._need_calibration
        assert c._conversion_params == trt_convert.DEFAULT_TRT_CONVERSION_PARAMS._replace(minimum_segment_size=2)
    arguments = list(inspect.signature(trt_convert.TrtGraphConverterV2.__init__).parameters)
    assert arguments[1:5] == ["input_saved_model_dir", "input_saved_model_tags", "input_saved_model_signature_key", "use_dynamic_shape"]
    assert trt_convert.TrtPrecisionMode.INT8 == "INT8"
    assert trt_convert.DEFAULT_TRT_CONVERSION_PARAMS._replace(precision_mode="FP16").precision_mode == "FP16"
    return "all"


def functions(_):
    """convert() returns a ConcreteFunction; after build() it has the engines; a module can be saved with it."""
    inputs, want = golden(MODEL)
    c = converter()
    f = c.convert()
    off = [worst(f(*[tf.constant(inputs[k]) for k in sorted(inputs)]), want), worst(f(**inputs), want)]
    assert isinstance(f, type(tf.function(lambda: 1).get_concrete_function())), type(f)
    assert set(f.structured_outputs) == set(want)
    ops = [n.op for n in f.graph.as_graph_def().node]
    assert "TRTEngineOp" in ops, "no TRTEngineOp in the function"
    assert ops.count("Placeholder") == len(f.inputs) == len(inputs), ops
    c.build(lambda: [inputs])
    off.append(worst(f(**inputs), want))
    assert max(off) < 1e-3, off

    @tf.function
    def twice(**x):
        return {k: v * 2 for k, v in f(**x).items()}

    assert worst(twice(**{k: tf.constant(v) for k, v in inputs.items()}), {k: v * 2 for k, v in want.items()}) < 1e-3
    (key, answer), = want.items()
    x = tf.keras.Input(next(iter(inputs.values())).shape[1:])
    keras = tf.keras.Model(x, tf.keras.layers.Lambda(lambda t: f(t)[key], output_shape=answer.shape[1:])(x))
    off.append(float(np.max(np.abs(keras(next(iter(inputs.values()))) - answer))))
    assert max(off) < 1e-3, off
    return f"{max(off):.1e}"


def drawing(scratch):
    """TF_TRT_EXPORT_GRAPH_VIZ_PATH: what is drawn has the nodes and edges of the function that is saved."""
    from tensorflow.core.protobuf import saved_model_pb2
    os.environ["TF_TRT_EXPORT_GRAPH_VIZ_PATH"] = path = os.path.join(scratch, "graph.dot")
    try:
        c = tf.experimental.tensorrt.Converter(os.path.join(SMALL, "lstm_text/saved_model"), op_set="tf-trt")
        c.convert()
    finally:
        del os.environ["TF_TRT_EXPORT_GRAPH_VIZ_PATH"]
    c.save(os.path.join(scratch, "saved"))
    with open(os.path.join(scratch, "saved/saved_model.pb"), "rb") as f:
        library = saved_model_pb2.SavedModel.FromString(f.read()).meta_graphs[0].graph_def.library
    (function,) = [f for f in library.function if any(n.op == "TRTEngineOp" for n in f.node_def)]
    with open(path) as f:
        text = f.read()
    drawn = dict(re.findall(r'^  "([^"]+)" \[label="([^"]*)"', text, re.M))
    edges = sorted((a, b, "dashed" in how) for a, b, how in re.findall(r'^  "([^"]+)" -> "([^"]+)"(.*);$', text, re.M))
    arguments = {a.name: next(n for n, label in drawn.items() if "input " in label and a.name.startswith(n))
                 for a in function.signature.input_arg}
    want = []
    for n in function.node_def:
        assert n.op in drawn[n.name], (n, drawn[n.name])
        for i in n.input:
            source = i.lstrip("^").partition(":")[0]
            want.append((arguments.get(source, source), n.name, i.startswith("^")))
    returned = [e for e in edges if e[1].startswith("output ")]
    assert len(returned) == len(function.ret), returned
    assert len(drawn) == len(function.node_def) + len(arguments) + len(returned)
    assert sorted(want) == [e for e in edges if e not in returned]
    return f"{len(drawn)} nodes, {len(edges)} edges"


def engines_of_build(_):
    """What build() made is what the function runs, which may neither build nor run natively here."""
    inputs, want = golden(MODEL)
    os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"] = "False"
    try:
        c = converter(allow_build_at_runtime=False)
        f = c.convert()
        try:
            f(**inputs)
        except tf.errors.AbortedError as e:
            assert "User disallowed engine native segment execution" in str(e)
        else:
            raise AssertionError("it ran without engines")
        c.build(lambda: [inputs])
        off = worst(f(**inputs), want)
    finally:
        del os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"]
    assert off < 1e-3, off
    return f"{off:.1e}"


def resources(scratch):
    """Engine caches are destroyed by name: gone after save(), made by loading, gone with the loaded model
    (testTrtGraphConverter_DestroyEngineCache)."""
    from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops
    inputs, want = golden(MODEL)
    c, target = converter(), os.path.join(scratch, "resources")
    f = c.convert()
    c.build(lambda: [inputs])
    f(**inputs)
    (name,) = [n.name.rpartition("/")[2] for n in f.graph.as_graph_def().node if n.op == "TRTEngineOp"]

    def destroy():
        handle = gen_trt_ops.create_trt_resource_handle(resource_name=name)
        tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=False)

    def is_gone():
        try:
            destroy()
        except tf.errors.NotFoundError as e:
            return re.search("Resource .* does not exist.", str(e)) is not None
        return False

    destroy()  # the function's
    assert is_gone()
    f(**inputs)
    del f
    c.save(target)
    assert is_gone(), "after save()"
    model = tf.saved_model.load(target)
    destroy()
    assert is_gone(), "twice"
    loaded = model.signatures["serving_default"]
    assert all(t.shape.as_list() == [None, *want[k].shape[1:]] for k, t in zip(sorted(want), loaded.outputs)), loaded.outputs
    assert worst(loaded(**{k: tf.constant(v) for k, v in inputs.items()}), want) < 1e-3
    del model, loaded
    gc.collect()
    model = tf.saved_model.load(target)
    del model
    gc.collect()
    assert is_gone(), "after the model"
    return name


def engine_ops(scratch):
    """SerializeTRTResource writes what runs built, GetCalibrationDataOp tells the node's table; both know what has run."""
    from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops
    inputs, _ = golden(MODEL)
    c, target = converter(precision_mode="INT8"), os.path.join(scratch, "engine_ops")
    c.convert(calibration_input_fn=lambda: [inputs])
    c.save(target, save_gpu_specific_engines=False)
    model, file = tf.saved_model.load(target), os.path.join(scratch, "written")
    f = model.signatures["serving_default"]
    (node,) = [n for g in f.graph.as_graph_def().library.function for n in g.node_def if n.op == "TRTEngineOp"]
    name = node.name.rpartition("/")[2]

    def serialize(**options):
        gen_trt_ops.serialize_trt_resource(resource_name=name, filename=file, **options)
        return os.path.getsize(file)

    for op in serialize, lambda: gen_trt_ops.get_calibration_data_op(resource_name=name):
        try:
            op()
        except tf.errors.NotFoundError as e:
            assert f"{name} does not exist." in str(e)
        else:
            raise AssertionError("there is an engine before the first run")
    f(**{k: tf.constant(v) for k, v in inputs.items()})
    assert gen_trt_ops.get_calibration_data_op(resource_name=name).numpy() == node.attr["calibration_data"].s != b""
    assert serialize(save_gpu_specific_engines=False) == 0
    size = serialize(delete_resource=True)
    assert size > 1000
    handle = gen_trt_ops.create_trt_resource_handle(resource_name=name)
    for gone in serialize, lambda: tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=False):
        try:
            gone()
        except tf.errors.NotFoundError as e:
            assert re.search("Resource .* does not exist.", str(e)), e
        else:
            raise AssertionError("the resource is there after delete_resource")
    f(**{k: tf.constant(v) for k, v in inputs.items()})
    assert serialize() == size
    return f"{size} bytes"


class Holder(tf.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    @tf.function
    def halved(self, **inputs):
        return {k: v / 2 for k, v in self.f(**inputs).items()}


RUN_SAVED = """
import sys
import numpy as np, tensorflow as tf
tf.load_op_library(sys.argv[1])
model, arrays = tf.saved_model.load(sys.argv[2]), np.load(sys.argv[3])
for name, f in {**model.signatures, **({"f": model.f} if hasattr(model, "f") else {})}.items():
    got = f(**{k[3:]: tf.constant(arrays[k]) for k in arrays.files if k.startswith("in.")})
    want, factor = {k[4:]: arrays[k] for k in arrays.files if k.startswith("out.")}, 0.5 if name == "halved" else 1
    assert set(got) == set(want), (name, sorted(got))
    print(max(float(np.max(np.abs(got[k].numpy() - factor * want[k]))) for k in want))
"""


def saved_by_tensorflow(scratch, build):
    """tf.saved_model.save of a converted function, alone and in a module, which then runs in another process; with the engines that
    build(), or a run, has built, where none may be built and nothing runs natively."""
    off, forbidding = [], {"TF_TRT_ABORT_CUDA_ENGINE_BUILD": "True", "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION": "False"}
    for name, arguments in (("resnet_tiny", {}), ("bert_tiny", {}), ("resnet_tiny", {"minimum_segment_size": 1000})):
        model = os.path.join(SMALL, name)
        c = converter(model, **arguments)
        f = c.convert()
        inputs, _ = golden(model)
        for when in "converted", "run", "built":
            if when == "built" and not arguments:
                c.build(lambda: [inputs])
            if when == "run":
                f(**inputs)
            alone, module = (os.path.join(scratch, f"{name} {when} {len(arguments)} {kind}") for kind in ("alone", "module"))
            tf.saved_model.save(tf.Module(), alone, f)
            holder = Holder(f)
            specs = {k: tf.TensorSpec(v.shape, v.dtype, k) for k, v in inputs.items()}
            tf.saved_model.save(holder, module, {"serving_default": f, "halved": holder.halved.get_concrete_function(**specs)})
            for target, functions in (alone, 1), (module, 3):
                engines = glob.glob(os.path.join(target, "assets/*"))
                if when != "run":  # whose engines are in the files that say that there are none
                    assert any("trt-serialized-engine" in e for e in engines) == (when == "built" and not arguments), engines
                environment = {**os.environ, **({} if when == "converted" else forbidding)}
                ran = subprocess.run([sys.executable, "-c", RUN_SAVED, os.path.join(build, "lib/libtftrt_tensorflow.so"), target,
                                      os.path.join(model, "golden/serving_default.0.npz")],
                                     capture_output=True, text=True, env=environment)
                assert ran.returncode == 0, f"{target}: {ran.stderr[-800:]}"
                off += [float(line) for line in ran.stdout.split()]
                assert len(ran.stdout.split()) == functions, ran.stdout
                if when == "converted" and not arguments:
                    ran = subprocess.run(ran.args, capture_output=True, text=True, env={**os.environ, **forbidding})
                    assert "User disallowed engine native segment execution" in ran.stderr, "it needs no engines"
    assert max(off) < 1e-3, off
    return f"{len(off)} functions, {max(off):.1e}"


def save_options(scratch, build):
    """save() with SaveOptions is TensorFlow's writer's: called once, with them; what they ask for is done; the model, in another
    process that may neither build engines nor run natively, has its engines."""
    from unittest import mock
    from tensorflow.compiler.tf2tensorrt.utils.trt_engine_instance_pb2 import TRTEngineInstance
    from tensorflow.python.saved_model import save as writer
    off = []
    for name in "resnet_tiny", "bert_tiny":
        model, options = os.path.join(SMALL, name), tf.saved_model.SaveOptions(save_debug_info=True)
        inputs, _ = golden(model)
        c, target = converter(model, allow_build_at_runtime=False), os.path.join(scratch, f"{name} by options")
        c.convert()
        c.build(lambda: [inputs])
        with mock.patch.object(writer, "save") as called:
            c.save(target, options=options)
        called.assert_called_once_with(mock.ANY, target, mock.ANY, options=options)
        assert list(called.call_args[0][2]) == ["serving_default"] and not os.path.exists(target)
        c.save(target, options=options)
        assert os.path.exists(os.path.join(target, "debug/saved_model_debug_info.pb"))
        assets = glob.glob(os.path.join(target, "assets/trt-serialized-engine.TRTEngineOp_*"))
        assert assets
        for asset in assets:
            engine, = [TRTEngineInstance.FromString(r.numpy()) for r in tf.data.TFRecordDataset(asset)]
            assert engine.serialized_engine and engine.input_shapes
        told = dict(os.environ, TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION="False")
        ran = subprocess.run([sys.executable, "-c", RUN_SAVED, os.path.join(build, "lib/libtftrt_tensorflow.so"), target,
                              os.path.join(model, "golden/serving_default.0.npz")], capture_output=True, text=True, env=told)
        assert ran.returncode == 0, f"{target}: {ran.stderr[-1500:]}"
        off.append(float(ran.stdout))
        c.save(target + " without", save_gpu_specific_engines=False, options=options)
        for asset in assets:
            assert os.path.getsize(asset.replace(target, target + " without")) == 0
    int8 = converter(precision_mode="INT8", use_dynamic_shape=True)
    int8.convert(lambda: [golden(MODEL)[0]])
    try:
        int8.save(os.path.join(scratch, "not calibrated"), options=tf.saved_model.SaveOptions())
    except RuntimeError as e:
        assert "has to be built before saving it" in str(e), e
    else:
        raise AssertionError("saved without calibration")
    assert max(off) < 1e-3, off
    return f"{max(off):.1e}"


def constants_of_native_nodes(scratch, build):
    """A large constant of a native node, which the converted model has as a variable, is saved with the function."""
    weight = np.random.default_rng(3).standard_normal((600, 600)).astype(np.float32)
    source = os.path.join(scratch, "large")
    module = tf.Module()
    module.w = tf.Variable(weight)
    module.f = tf.function(lambda x: {"y": tf.linalg.matmul(x, module.w)}, input_signature=[tf.TensorSpec([None, 600], name="x")])
    tf.saved_model.save(module, source, module.f)
    c = tf.experimental.tensorrt.Converter(source, minimum_segment_size=1000)
    f = c.convert()
    target = os.path.join(scratch, "large.saved")
    tf.saved_model.save(tf.Module(), target, f)
    x = np.random.default_rng(4).standard_normal((2, 600)).astype(np.float32)
    np.savez(os.path.join(scratch, "large.npz"), **{"in.x": x, "out.y": x @ weight})
    ran = subprocess.run([sys.executable, "-c", RUN_SAVED, os.path.join(build, "lib/libtftrt_tensorflow.so"), target,
                          os.path.join(scratch, "large.npz")], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-800:]
    assert float(ran.stdout) < 1e-2, ran.stdout
    return ran.stdout.strip()


def freed(_):
    """Converter and function are in no cycle: the last of them frees the converter and its engines, without a collection."""
    inputs, _ = golden(MODEL)
    gc.collect()
    gc.disable()
    try:
        for first in "function", "converter":
            c = converter()
            f = c.convert()
            c.build(lambda: [inputs])
            f(**inputs)
            of_f, of_c = weakref.ref(f), weakref.ref(c)
            if first == "function":
                del f
                assert of_f() is None and of_c() is not None
                c._converted_func(**inputs)
                del c
            else:
                del c
                assert of_c() is not None
                f(**inputs)
                del f
            assert of_f() is None and of_c() is None, first
    finally:
        gc.enable()
    return "both ways"


def inputs_of_all_forms(_):
    """Tensors and arrays, in tuples, lists, dicts and alone."""
    inputs, want = golden(MODEL)
    (name, array), = inputs.items()
    tensor, off = tf.constant(array), []
    for item in ((tensor,), [tensor], {name: tensor}, tensor, array, [array], tensor.numpy().tolist()):
        c = converter()
        f = c.convert()
        c.build(lambda item=item: iter([item] if not isinstance(item, list) or hasattr(item[0], "shape") else [(item,)]))
        off.append(worst(f(tensor), want))
    assert max(off) < 1e-3, off
    return f"{max(off):.1e}"


ERRORS = [  # what, exception, part of its message
    (lambda: converter(precision_mode="int4"), ValueError, "precision mode 'int4' is not supported.It should be one of"),
    (lambda: converter(minimum_segment_size=0), ValueError, "minimum segment size should be positive or -1"),
    (lambda: converter(use_dynamic_shape=True, dynamic_shape_profile_strategy="best"), ValueError,
     "profile_strategy 'best' is not supported. It should be one of ['Range', 'Optimal', 'Range+Optimal', "),
    (lambda: converter(precision_mode="INT8").convert(), ValueError, "Should specify calibration_input_fn because INT8"),
    (lambda: converter().convert(lambda: []), ValueError, "Should not specify calibration_input_fn because INT8"),
    (lambda: converter(input_saved_model_signature_key="none").convert(), KeyError, "none"),
    (lambda: tf.experimental.tensorrt.Converter().convert(), TypeError, "Expected binary or unicode string, got None"),
    (lambda: tf.experimental.tensorrt.Converter("/nowhere").convert(), tf.errors.NotFoundError, "/nowhere"),
    (lambda: converter().save("/nowhere"), AssertionError, ""),
    (lambda: converter().summary(), RuntimeError, "before calling TrtGraphConverterV2.convert()"),
    (lambda: converter().build(lambda: []), RuntimeError, "Need to call convert() before build()"),
    (lambda: converted().build(None), RuntimeError, "input_fn is None. Method build() needs input_fn"),
    (lambda: converted().build(lambda: iter(())), RuntimeError, "Failed to convert input to tensor."),
    (lambda: converted().convert(), AssertionError, ""),
    (lambda: converted().summary(line_length=100), ValueError, "Minimum: 160."),
    (lambda: built().build(lambda: [golden(MODEL)[0]]), NotImplementedError, "build() is already called."),
]


def converted():
    c = converter()
    c.convert()
    return c


def built():
    c = converted()
    c.build(lambda: [golden(MODEL)[0]])
    return c


def errors(_):
    """TF-TRT's exceptions and messages; aborted builds are tf.errors' (as testTrtGraphConverter_AllowEngineNativeSegmentExecution)."""
    for what, kind, part in ERRORS:
        try:
            what()
        except kind as e:
            assert part in str(e), f"{kind.__name__}: {e}"
        else:
            raise AssertionError(f"no {kind.__name__} {part}")
    os.environ.update(TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION="False", TF_TRT_ABORT_CUDA_ENGINE_BUILD="True")
    c = converted()
    try:
        c.build(lambda: [golden(MODEL)[0]])
    except tf.errors.AbortedError as e:
        assert "User disallowed engine native segment execution" in str(e)
    else:
        raise AssertionError("no AbortedError")
    finally:
        del os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"], os.environ["TF_TRT_ABORT_CUDA_ENGINE_BUILD"]
    c.build(lambda: [golden(MODEL)[0]])
    with tf.Graph().as_default():
        try:
            converter()
        except AssertionError:
            return f"{len(ERRORS) + 2} of them"
    raise AssertionError("no AssertionError in graph mode")


def devices(_):
    """convert() under a tf.device that names a CPU fails as in TF-TRT, unless that is meant; without one no GPU is asked for."""
    inputs, want = golden(MODEL)
    with tf.device("CPU"):
        try:
            converter().convert()
        except ValueError as e:
            assert "Specified device is not a GPU: /job:" in str(e) and "CPU:0" in str(e), e
        else:
            raise AssertionError("no ValueError")
        off = [worst(converter(allow_cpu_device=True).convert()(**inputs), want)]
    off.append(worst(converter().convert()(**inputs), want))
    assert max(off) < 1e-3, off
    return f"{max(off):.1e}"


def calibration(scratch):
    """INT8 with calibration by tensors, saved without engines, loaded: the table is in the nodes."""
    inputs, want = golden(MODEL)
    c = converter(precision_mode="INT8")
    c.convert(calibration_input_fn=lambda: ({k: tf.constant(v) for k, v in golden(MODEL, i)[0].items()} for i in range(2)))
    target = os.path.join(scratch, "int8")
    c.save(target, save_gpu_specific_engines=False)
    model = tf.saved_model.load(target)
    nodes = [n for f in model.signatures["serving_default"].graph.as_graph_def().library.function for n in f.node_def]
    assert any(n.op == "TRTEngineOp" and n.attr["calibration_data"].s for n in nodes)
    got = model.signatures["serving_default"](**{k: tf.constant(v) for k, v in inputs.items()})
    scale = max(float(np.max(np.abs(v))) for v in want.values())
    off = worst(got, want) / scale
    assert off < 0.1, off
    return f"{off:.1e} of the largest output"


def scripts(scratch, build):
    """One script, in TensorFlow 2.17, 2.21 and this one, and with the wheel's package: the same output."""
    script, outputs = os.path.join(ROOT, "examples/tensorflow/convert.py"), {}
    checkout = dict(os.environ, PYTHONPATH=os.path.join(ROOT, "python"), TFTRT_LIBRARY=os.path.join(build, "lib/libtftrt.so"),
                    TF_CPP_MIN_LOG_LEVEL="3")
    ways = {"2.17": (os.path.join(build, "venv-tensorflow217/bin/python"), checkout),
            "2.21": (os.path.join(build, "venv-tensorflow/bin/python"), checkout)}
    ways.setdefault(".".join(tf.__version__.split(".")[:2]), (sys.executable, checkout))
    for wheel in glob.glob(os.path.join(build, "wheelhouse/tftrt-*.whl")):
        installed = os.path.join(scratch, "wheel")
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target",
                        installed, wheel], check=True)
        env = {k: v for k, v in checkout.items() if k != "TFTRT_LIBRARY"}
        ways["2.21, the wheel"] = (ways["2.21"][0], dict(env, PYTHONPATH=installed))
    runner = "import runpy, sys, tftrt.tensorflow; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    for model in ("resnet_tiny", "bert_tiny"):
        folder = os.path.join(SMALL, model)
        for way, (python, env) in ways.items():
            if not os.path.exists(python):
                raise AssertionError(f"{python} is not there: tools/setup conformance")
            ran = subprocess.run([python, "-c", runner, script, os.path.join(folder, "saved_model"),
                                  os.path.join(scratch, f"{model} {way}"), os.path.join(folder, "golden/serving_default.0.npz")],
                                 capture_output=True, text=True, env=env)
            assert ran.returncode == 0, f"{model}, {way}: {ran.stderr[-800:]}"
            outputs[model, way] = ran.stdout
            assert "as expected: True" in ran.stdout and "False" not in ran.stdout, f"{model}, {way}: {ran.stdout}"
        different = [way for way in ways if outputs[model, way] != outputs[model, "2.21"]]
        assert not different, f"{model}: {different} print something else"
    return ", ".join(ways)


class Served(tf.Module):
    def __init__(self, model, specs):
        super().__init__()
        self.model, self.serve = model, tf.function(self.run, input_signature=[specs])

    def run(self, inputs):
        return {k: v / 2 for k, v in self.model.signatures["serving_default"](**inputs).items()}


def saved_again(scratch, build):
    """A converted model that is loaded, alone and within a module that uses it, and saved by TensorFlow: weights and engines are in
    what it writes, whatever becomes of the model that was loaded."""
    off, environment = [], {**os.environ, "TF_TRT_ABORT_CUDA_ENGINE_BUILD": "True", "TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION": "False"}
    for name in "resnet_tiny", "bert_tiny":
        model, first, inputs = os.path.join(SMALL, name), os.path.join(scratch, f"{name} first"), golden(os.path.join(SMALL, name))[0]
        c = converter(model)
        c.convert()
        c.build(lambda: [inputs])
        c.save(first)
        again, module = os.path.join(scratch, f"{name} again"), os.path.join(scratch, f"{name} module")
        loaded = tf.saved_model.load(first)
        tf.saved_model.save(loaded, again, signatures=loaded.signatures)
        served = Served(loaded, {k: tf.TensorSpec(v.shape, v.dtype, k) for k, v in inputs.items()})
        specs = {k: tf.TensorSpec(v.shape, v.dtype, k) for k, v in inputs.items()}
        halved = tf.function(lambda **x: served.run(x)).get_concrete_function(**specs)
        tf.saved_model.save(served, module, {"halved": halved})
        shutil.rmtree(first)
        try:
            tf.saved_model.save(loaded, os.path.join(scratch, "no"), signatures=loaded.signatures)
        except tf.errors.FailedPreconditionError as e:
            assert "the model that it was loaded from is gone" in str(e), e
        else:
            raise AssertionError("saved without weights")
        del loaded, served, halved
        gc.collect()
        for target in again, module:
            ran = subprocess.run([sys.executable, "-c", RUN_SAVED, os.path.join(build, "lib/libtftrt_tensorflow.so"), target,
                                  os.path.join(model, "golden/serving_default.0.npz")], capture_output=True, text=True, env=environment)
            assert ran.returncode == 0, f"{target}: {ran.stderr[-800:]}"
            off += [float(line) for line in ran.stdout.split()]
    assert len(off) >= 4 and max(off) < 1e-3, off
    return f"{max(off):.1e}"


def noted_by_threads(scratch):
    """What is noted of models that come and go in several threads at once."""
    from tftrt.tensorflow import _weights
    node = tf.compat.v1.NodeDef(name="weight", op="Const")
    node.attr["dtype"].type = node.attr["value"].tensor.dtype = tf.float32.as_datatype_enum
    node.attr["_tftrt_weight"].s = b"key"
    library = type(tf.compat.v1.GraphDef().library)()
    library.function.add().node_def.append(node)

    def come_and_go(thread):
        for i in range(400):
            directory = os.path.join(scratch, f"{thread} {i}")
            os.mkdir(directory)
            _weights.note_model(library, directory)
            os.rmdir(directory)

    with futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(come_and_go, range(6)))
    return "2400 models"


def resource_variables(directory):
    """A model of x * v1 + y * v2 + x, squared."""
    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.v1, self.v2 = tf.Variable([[[1.0], [2.0]]]), tf.Variable([[[3.0]]])

        @tf.function(input_signature=[tf.TensorSpec([None, 2, 1], name="x"), tf.TensorSpec([None, 2, 1], name="y")])
        def run(self, x, y):
            return tf.square(x * self.v1 + y * self.v2 + x)

    model = Model()
    tf.saved_model.save(model, directory, signatures=model.run)


def reference_variables(directory):
    """The same, of TensorFlow 1."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x, y = v1.placeholder(tf.float32, [None, 2, 1], name="x"), v1.placeholder(tf.float32, [None, 2, 1], name="y")
        a = v1.get_variable("a", initializer=tf.constant([[[1.0], [2.0]]]), use_resource=False)
        b = v1.get_variable("b", initializer=tf.constant([[[3.0]]]), use_resource=False)
        out = tf.square(x * a + y * b + x)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, directory, {"x": x, "y": y}, {"output_0": out})


def native_variables(directory):
    """Of variables that engines do not take, float64 and those of a shape that may change, assignments are seen, too."""
    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.v = tf.Variable([1.0, 2.0], dtype=tf.float64)
            self.u = tf.Variable([[1.0, 2.0, 3.0]], shape=tf.TensorShape(None))

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float64, name="x")])
        def run(self, x):
            return {"y": x * self.v + tf.cast(tf.reduce_sum(self.u * 2), tf.float64)}

    model = Model()
    tf.saved_model.save(model, directory, signatures=model.run)
    f = tf.experimental.tensorrt.Converter(directory, keep_variables=True, use_dynamic_shape=True, op_set="tf-trt",
                                           minimum_segment_size=1).convert()  # fmt: skip
    x = tf.ones([3, 2], tf.float64)
    before = f(x)["y"] - model.run(x)["y"]
    for v in f.model.v, model.v:
        v.assign(v * 3)
    for u in f.model.u, model.u:
        u.assign([4.0, 5.0])
    return max(np.abs(off).max() for off in (before, f(x)["y"] - model.run(x)["y"]))


def results_of_assignments(directory, inputs):
    """What a session gives before and after it assigns reference variables, whose memory an assignment writes to."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], directory).signature_def["serving_default"]
        feed = {signature.inputs[k].name: v.numpy() for k, v in inputs.items()}
        out = signature.outputs["output_0"].name
        double = v1.assign(graph.get_tensor_by_name("a:0"), graph.get_tensor_by_name("a:0") * 2)
        results = [session.run(out, feed)]
        for _ in range(2):
            session.run(double)
            results += [session.run(out, feed) for _ in range(2)]
    return results


def segments_ops(function):
    library = function.graph.as_graph_def().library.function
    return [[n.op for n in f.node_def] for f in library if "_native_segment" in f.signature.name]


def variables(scratch):
    """disable_graph_freezing: segments read the variables, which stay the model's; engines follow assignments."""
    import tftrt
    random = np.random.default_rng(0)
    inputs = {k: tf.constant(random.standard_normal((4, 2, 1), np.float32)) for k in "xy"}
    os.environ.update(TF_TRT_EXPERIMENTAL_FEATURES="disable_graph_freezing", TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION="False")
    off = []
    try:
        for make, op in (resource_variables, "ReadVariableOp"), (reference_variables, "VariableV2"):
            source, target = os.path.join(scratch, op), os.path.join(scratch, op + "-converted")
            make(source)
            original = tf.saved_model.load(source)
            want = {k: v.numpy() for k, v in original.signatures["serving_default"](**inputs).items()}
            from tensorflow.python.compiler.tensorrt import trt_convert
            c = trt_convert.TrtGraphConverterV2(source, precision_mode="FP16", use_dynamic_shape=True,
                                                dynamic_shape_profile_strategy="Optimal")  # fmt: skip
            f = c.convert()
            c.build(lambda: [[inputs[k] for k in "xy"]])
            off.append(worst(f(**inputs), want))
            (ops,), nodes = segments_ops(f), [n.op for n in f.graph.as_graph_def().node]
            assert ops.count(op) == 2 and nodes.count("TRTEngineOp") == 1, (ops, nodes)
            c.save(target)
            loaded = tf.saved_model.load(target)
            g = loaded.signatures["serving_default"]
            off.append(worst(g(**inputs), want))
            (ops,) = segments_ops(g)
            assert ops.count(op) == 2, ops
            if op == "VariableV2":
                for got, expected in zip(results_of_assignments(target, inputs), results_of_assignments(source, inputs), strict=True):
                    off.append(np.abs(got - expected).max() / np.abs(expected).max())
                continue
            for v, m in (loaded.v2, original.v2), (loaded.v1, original.v1):
                for change in (lambda t: t.assign(t * 2), lambda t: t.assign_add(t)):  # noqa: E731
                    for t in v, m:
                        change(t)
                    want = {k: t.numpy() for k, t in original.signatures["serving_default"](**inputs).items()}
                    off += [worst(g(**inputs), want) / np.abs(want["output_0"]).max() for _ in range(2)]
            again = os.path.join(scratch, "again")
            tf.saved_model.save(loaded, again, signatures=loaded.signatures)
            without = tftrt.load(again, on_fallback="build")(**{k: v.numpy() for k, v in inputs.items()})  # without TensorFlow
            within = tf.saved_model.load(again).signatures["serving_default"](**inputs)
            for outputs in within, {k: tf.constant(v) for k, v in without.items()}:
                off.append(worst(outputs, want) / np.abs(want["output_0"]).max())
    finally:
        del os.environ["TF_TRT_EXPERIMENTAL_FEATURES"], os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"]
    off.append(native_variables(os.path.join(scratch, "native")))
    # What real TF-TRT made of a model in this way: its engine op has the handles alone.
    for policy in "native", "build":
        os.environ["TFTRT_ON_FALLBACK"] = policy
        model = tf.saved_model.load(os.path.join(HERE, "../models/tf_trt_tests/read_variables/tf_trt_saved"))
        (out,) = model.signatures["serving_default"](tf.ones([1, 1, 1])).values()
        off.append(abs(out.numpy().item() - 42))
        del os.environ["TFTRT_ON_FALLBACK"]
    assert max(off) < 1e-3, off
    return f"{max(off):.1e}"


def old_arguments(_):
    """Of TensorFlow 2.0 to 2.4."""
    from tftrt.tensorflow import trt_convert
    inputs, want = golden(MODEL)
    params = trt_convert.TrtConversionParams(rewriter_config_template=None, precision_mode="FP32", is_dynamic_op=True,
                                             maximum_cached_engines=3, max_batch_size=1)
    assert params == trt_convert.DEFAULT_TRT_CONVERSION_PARAMS._replace(maximum_cached_engines=3, is_dynamic_op=True)
    c = trt_convert.TrtGraphConverterV2(os.path.join(MODEL, "saved_model"), None, None, params)
    off = worst(c.convert()(**inputs), want)
    (node,) = [n for n in c._converted_graph_def.node if n.op == "TRTEngineOp"]
    assert node.attr["_use_implicit_batch"].b and node.attr["max_cached_engines_count"].i == 3
    return f"{off:.1e}"


def asking_functions(scratch):
    """Engines are in the function that asks for them, whose attributes stay, however often it is saved and loaded."""
    sys.path.insert(0, os.path.join(HERE, "../models"))
    from make_tf_trt_tests import TF_TRT_FUNCTION_IMPLICIT
    model = os.path.join(HERE, "../models/tf_trt_tests/tf_function_twice")
    inputs, want = golden(model)
    worst_of_all = 0

    def check(signature):
        nonlocal worst_of_all
        library = signature.graph.as_graph_def().library.function
        (function,) = [f for f in library if "_tftrt_convert_function" in f.attr]
        for name, value in TF_TRT_FUNCTION_IMPLICIT.items():
            attr = function.attr[name]
            assert getattr(attr, attr.WhichOneof("value")) == value, name
        (engine,) = [n for n in function.node_def if n.op == "TRTEngineOp"]
        assert re.fullmatch(r"TRTEngineOp_\d{3}_000", engine.name) and engine.attr["max_cached_engines_count"].i == 2
        off = worst(signature(**{k: tf.constant(v) for k, v in inputs.items()}), want)
        assert off < 1e-4, off
        worst_of_all = max(worst_of_all, off)

    os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"] = "False"
    try:
        c = converter(model, conversion_params=tf.experimental.tensorrt.ConversionParams(minimum_segment_size=2))
        check(c.convert())
        library = c._converted_graph_def.library.function
        assert {f.signature.name.startswith("TRTEngineOp_") for f in library if "_tftrt_convert_function" not in f.attr} == {True}
        segments = {n.attr["segment_func"].func.name for f in library for n in f.node_def if n.op == "TRTEngineOp"}
        assert segments and segments < {f.signature.name for f in library}
        c.build(lambda: [list(inputs.values())])
        c.save(os.path.join(scratch, "converted"))
        loaded = tf.saved_model.load(os.path.join(scratch, "converted"))
        check(loaded.signatures["serving_default"])
        tf.saved_model.save(loaded, os.path.join(scratch, "again"), signatures=loaded.signatures)
        again = tf.saved_model.load(os.path.join(scratch, "again"))
        check(again.signatures["serving_default"])
        assert len(os.listdir(os.path.join(scratch, "again/assets"))) == 2
    finally:
        del os.environ["TF_TRT_ALLOW_ENGINE_NATIVE_SEGMENT_EXECUTION"]
    return f"{worst_of_all:.1e}"


def main():
    checks = {"names": names, "functions": functions, "inputs": inputs_of_all_forms, "errors": errors, "calibration": calibration,
              "devices": devices, "engines": engines_of_build, "drawing": drawing, "resources": resources,
              "engine_ops": engine_ops,
              "saved": saved_by_tensorflow, "saved_again": saved_again, "threads": noted_by_threads, "options": save_options,
              "variables": variables, "old_arguments": old_arguments, "asking_functions": asking_functions, "constants": constants_of_native_nodes,
              "freed": freed, "scripts": scripts}
    need_build = ("scripts", "saved", "saved_again", "options", "constants")
    run_checks(checks, need_build)


main()
