"""One peer of bench/run.py or bench/precision.py: loads a model, says "ready", then for every line on stdin runs it once and
prints the milliseconds; for "save FILE" it writes the outputs of a run. A kind may name a precision: tftrt:bf16 (what
WORK/converted-bf16 holds), openvino:bf16; openvino:int8 and onnxruntime:int8 run what bench/int8_peers.py made. What OpenVINO
has not in 8 bits is in the 16 that it prefers here; in float for openvino:int8/f32. `worker.py prepare SOURCE WORK CASE`
writes what the peers read (needs TensorFlow)."""
import ctypes, json, os, sys, time

import numpy as np


def tftrt(work, inputs, threads, build, precision):
    lib = ctypes.CDLL(os.path.join(build, "lib/libtftrt.so"))

    class Tensor(ctypes.Structure):
        _fields_ = [("dtype", ctypes.c_int), ("rank", ctypes.c_int32), ("dims", ctypes.c_int64 * 12),
                    ("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t), ("owner", ctypes.c_void_p)]

    class Options(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_uint32), ("tags", ctypes.c_void_p), ("n_tags", ctypes.c_int),
                    ("threads", ctypes.c_int), ("backend", ctypes.c_char_p), ("fail_on_fallback", ctypes.c_int)]

    class Error(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char * 1024),
                    ("file", ctypes.c_char_p), ("line", ctypes.c_int)]

    error = Error(struct_size=ctypes.sizeof(Error))

    def check(code):
        if code:
            sys.exit("tftrt: " + error.message.decode())

    options = Options()
    lib.tftrt_model_options_init_sized(ctypes.byref(options), ctypes.sizeof(options))
    options.threads, options.fail_on_fallback = threads, 1
    model = ctypes.c_void_p()
    check(lib.tftrt_model_open(os.path.join(work, "converted-" + precision if precision else "converted").encode(), ctypes.byref(options), ctypes.byref(model),
                               ctypes.byref(error)))
    numbers = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10}
    names = sorted(inputs)
    args = (Tensor * len(names))()
    for t, name in zip(args, names):
        x = inputs[name]
        t.dtype, t.rank, t.data, t.bytes = numbers[x.dtype.name], x.ndim, x.ctypes.data, x.nbytes
        t.dims[: x.ndim] = x.shape
    n_out = lib.tftrt_model_output_count(model, None)
    out = (Tensor * n_out)()

    def array(t):
        if t.dtype != numbers["float32"]:
            return np.zeros(0)
        n = t.bytes // 4
        return np.ctypeslib.as_array(ctypes.cast(t.data, ctypes.POINTER(ctypes.c_float)), (n,)).reshape(t.dims[: t.rank]).copy()

    def run(copy=False):
        check(lib.tftrt_model_run(model, None, args, len(names), out, n_out, ctypes.byref(error)))
        arrays = [array(t) for t in out] if copy else None
        for t in out:
            lib.tftrt_tensor_release(ctypes.byref(t))
        return arrays

    return run


def tensorflow(work, inputs, threads, build, precision):
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1 if threads == 1 else 2)
    model = tf.saved_model.load(json.load(open(os.path.join(work, "io.json")))["saved_model"])
    f = model.signatures["serving_default"]
    args = {k: tf.constant(v) for k, v in inputs.items()}
    return lambda copy=False, keep=model: [v.numpy() for v in f(**args).values()]


def onnxruntime(work, inputs, threads, build, precision):
    import onnxruntime as ort
    o = ort.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
    s = ort.InferenceSession(os.path.join(work, "int8.onnx" if precision else "model.onnx"), o, providers=["CPUExecutionProvider"])
    io = json.load(open(os.path.join(work, "io.json")))
    args = {i["tensor"]: inputs[i["name"]] for i in io["inputs"]}
    return lambda copy=False: s.run(None, args)


def openvino(work, inputs, threads, build, precision):
    import openvino as ov
    core = ov.Core()
    io = json.load(open(os.path.join(work, "io.json")))
    quantized, _, rest = precision.partition("/")
    model = core.read_model(os.path.join(work, "int8.xml" if quantized == "int8" else "frozen.pb"))
    by_name = {}
    for p in model.inputs:
        for i in io["inputs"]:
            if {i["tensor"], i["tensor"].split(":")[0]} & (set(p.get_names()) | {p.get_node().get_friendly_name()}):
                by_name[i["name"]] = p
    model.reshape({p: list(inputs[k].shape) for k, p in by_name.items()})
    config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    hint = rest if quantized == "int8" else precision or "f32"
    if hint:
        config["INFERENCE_PRECISION_HINT"] = hint
    compiled = core.compile_model(model, "CPU", config)
    request = compiled.create_infer_request()
    args = {model.inputs.index(p): inputs[k] for k, p in by_name.items()}
    return lambda copy=False: list(request.infer(args).values()) if copy else request.infer(args)


def prepare(source, work, case):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    path = os.path.abspath(os.path.join(source, "saved_model"))
    model = tf.saved_model.load(path)  # must outlive its functions
    f = model.signatures["serving_default"]
    golden = np.load(os.path.join(source, "golden/serving_default.%s.npz" % case))
    np.savez(os.path.join(work, "inputs.npz"), **{k[3:]: golden[k] for k in golden if k.startswith("in.")})
    kwargs = f.structured_input_signature[1]
    frozen = convert_variables_to_constants_v2(f)
    tensors = [t for t in frozen.inputs if t.dtype != tf.resource]
    # The frozen function's inputs are the signature's, in the order of their names.
    io = {"saved_model": path,
          "inputs": [{"name": k, "tensor": t.name} for k, t in zip(sorted(kwargs), tensors)],
          "outputs": [{"tensor": t.name} for t in frozen.outputs]}
    tf.io.write_graph(frozen.graph, work, "frozen.pb", as_text=False)
    json.dump(io, open(os.path.join(work, "io.json"), "w"))


def main():
    if sys.argv[1] == "prepare":
        return prepare(sys.argv[2], sys.argv[3], sys.argv[4])
    kind, work, threads, build = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    with np.load(os.path.join(work, "inputs.npz")) as z:
        inputs = {k: np.ascontiguousarray(z[k]) for k in z}
    kind, _, precision = kind.partition(":")
    run = {"tftrt": tftrt, "tensorflow": tensorflow, "onnxruntime": onnxruntime, "openvino": openvino}[kind](
        work, inputs, threads, build, precision)
    run()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("save "):
            np.savez(line[5:].strip(), *run(True))
        start = time.perf_counter()
        run()
        print(1e3 * (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
