#!/usr/bin/env python3
"""The Triton backend in a real tritonserver, over HTTP and gRPC, against TensorFlow's answers.

  triton_test.py --build build [--only NAME,...]

Runs in $BUILD/venv-triton, with the server in $BUILD/wheels/nvidia-pytriton; TensorFlow's answers are those of the corpus, and what
triton_models.py makes with $BUILD/venv-tensorflow. Ends with "N passed, N failed".
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from triton_server import Server, parameter, put

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "../models/small")
PROTOCOLS = {"http": tritonclient.http, "grpc": tritonclient.grpc}
LEFT_OUT = {"stateful_counter": "what a call gives depends on those before it", "stateful_pair": "the same",
            "multi_tags": "two cases of one name are of different tags",
            "odd_nodes": "NumPy's archive cannot have its names", "unknown_rank": "Triton knows no tensors of any rank"}
# Not a batch although the first dims of all inputs and outputs are unknown: told by listing an input in full.
NO_BATCH = {"ops_binary": 'input [{ name: "x" data_type: TYPE_FP32 dims: [-1, -1] }]\n'}


class Place:
    """Where things are."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.made = os.path.join(self.build, "triton_models")
        self.basic_pitch = os.path.join(self.build, "wheels/basic-pitch/basic_pitch/saved_models/icassp_2022/nmp")
        self.work = os.path.join(self.build, "triton_test")

    def model(self, name):
        if name == "basic_pitch":
            return self.basic_pitch
        at = os.path.join(CORPUS, name, "saved_model")
        return at if os.path.isdir(at) else os.path.join(self.made, name, "saved_model")

    def cases(self, name):
        for base in (CORPUS, self.made):
            found = sorted(glob.glob(os.path.join(base, name, "golden/serving_default.*.npz")))
            if found:
                return [Case(name, f) for f in found]
        raise AssertionError(f"{name} has no cases")

    def repository(self, name):
        at = os.path.join(self.work, name)
        shutil.rmtree(at, ignore_errors=True)
        os.makedirs(at)
        return at

    def server(self, repository, *arguments, tmp=None):
        return Server(self.build, repository, repository + ".log", *arguments, tmp=tmp)


class Case:
    """Inputs and TensorFlow's answers."""

    def __init__(self, name, file=None, inputs=None, outputs=None):
        self.name, self.inputs, self.outputs = name, inputs, outputs
        if file:
            golden = dict(np.load(file))
            self.inputs = {k[3:]: v for k, v in golden.items() if k.startswith("in.")}
            self.outputs = {k[4:]: v for k, v in golden.items() if k.startswith("out.")}

    def rows(self, first, n):
        """A part of the batch."""
        return Case(self.name, inputs={k: v[first : first + n] for k, v in self.inputs.items()},
                    outputs={k: v[first : first + n] for k, v in self.outputs.items()})

    def batch(self):
        return next(iter(self.inputs.values())).shape[0]


def as_triton_has_it(v, shape):
    """Triton has no scalars, alone or for a row of a batch: they are [1]."""
    return v.reshape([*v.shape, 1]) if len(shape) == v.ndim + 1 else v


class Shapes:
    """Of a model's inputs and outputs, as Triton has them."""

    def __init__(self, client, name):
        meta = client.get_model_metadata(name)
        self.inputs = {t["name"]: t["shape"] for t in meta["inputs"]}
        self.outputs = {t["name"]: t["shape"] for t in meta["outputs"]}


def arguments(module, inputs, shapes=None):
    made = []
    for name, v in inputs.items():
        v = as_triton_has_it(v, shapes.inputs.get(name, [])) if shapes else v
        v = v.astype(object) if v.dtype.kind == "S" else np.ascontiguousarray(v)
        made.append(module.InferInput(name, list(v.shape), np_to_triton_dtype(v.dtype)))
        made[-1].set_data_from_numpy(v)
    return made


def compare(case, result, shapes=None):
    worst = 0.0
    for name, want in case.outputs.items():
        if shapes and name not in shapes.outputs:
            continue
        got = result.as_numpy(name)
        want = as_triton_has_it(want, shapes.outputs[name]) if shapes else want
        assert got is not None and got.shape == want.shape, f"{name}: {got} is not of shape {want.shape}"
        if want.dtype.kind == "S":
            assert [bytes(x) for x in got.reshape(-1)] == [bytes(x) for x in want.reshape(-1)], f"{name}: other strings"
        elif want.dtype.kind in "biu":
            assert (got == want).all(), f"{name}: {got} not {want}"
        elif want.size:
            a, b = got.astype(np.float64), want.astype(np.float64)
            assert (np.isfinite(a) == np.isfinite(b)).all(), f"{name}: not finite elsewhere"
            finite = np.isfinite(b)
            peak = max(np.max(np.abs(b[finite]), initial=0), 1e-30)
            difference = float(np.max(np.abs(a - b)[finite], initial=0) / peak)
            assert difference <= 1e-3, f"{name}: differs by {difference:.2e} of its peak"
            worst = max(worst, difference)
    return worst


def infer(client, module, case, shapes=None, **how):
    return client.infer(case.name, arguments(module, case.inputs, shapes), **how)


def refused(call, *parts):
    """The message of the one clear error that a call must give."""
    try:
        call()
    except InferenceServerException as e:
        missing = [p for p in parts if p not in e.message()]
        assert not missing, f"'{e.message()}' does not say {missing}"
        return e.message()
    raise AssertionError("was not refused")


def statistics(client, name):
    s = client.get_inference_statistics(name)["model_stats"][0]
    batches = {b["batch_size"]: b["compute_infer"]["count"] for b in s.get("batch_stats", [])}
    return s, batches


def in_parallel(threads, calls):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda c: c(), calls))


# ---------------------------------------------------------------------- checks


def goldens(place):
    """Models of the corpus as they are: TensorFlow's answers over both protocols, the configuration completed from the signature."""
    repository = place.repository("goldens")
    names = [n for n in sorted(os.listdir(CORPUS)) if os.path.isdir(os.path.join(CORPUS, n, "golden")) and n not in LEFT_OUT and
             glob.glob(os.path.join(CORPUS, n, "golden/serving_default.*.npz"))] + ["text", "table"]
    for n in names:
        put(repository, n, place.model(n), NO_BATCH.get(n, ""))
    worst, compared, failed = 0.0, 0, []
    with place.server(repository, "--backend-config=default-max-batch-size=64") as server:
        shapes = {n: Shapes(server.client("http"), n) for n in names}
        for protocol, module in PROTOCOLS.items():
            client = server.client(protocol)
            for n in names:
                for case in place.cases(n):
                    try:
                        worst = max(worst, compare(case, infer(client, module, case, shapes[n]), shapes[n]))
                        compared += 1
                    except (AssertionError, InferenceServerException) as e:
                        failed.append(f"{n} over {protocol}: {e}")
    assert not failed, "\n".join(failed)
    return f"{len(names)} models, {compared} cases, largest difference {worst:.1e} of the peak"


def converted(place):
    """Converted when loading, and before by the program: engines run, nothing falls back, nothing is left in TMPDIR."""
    repository = place.repository("converted")
    names = ["basic_pitch", "bert_tiny", "mnist_cnn", "mobilenet_tiny", "resnet_tiny", "vocab_asset"]
    for n in names:
        put(repository, n, place.model(n), "max_batch_size: 16\n" + parameter("precision_mode", "FP32"))
    before = os.path.join(place.work, "dlrm_tiny.converted")
    shutil.rmtree(before, ignore_errors=True)
    subprocess.run([os.path.join(place.build, "bin/tftrt"), "convert", place.model("dlrm_tiny"), before, "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    put(repository, "dlrm_tiny", before, parameter("on_fallback", "fail") + parameter("threads", "1"))
    names.append("dlrm_tiny")
    scratch = place.repository("scratch")
    worst, compared = 0.0, 0
    with place.server(repository, "--backend-config=default-max-batch-size=64", tmp=scratch) as server:
        for n in names:
            shapes = Shapes(server.client("http"), n)
            for protocol, module in PROTOCOLS.items():
                for case in place.cases(n):
                    worst = max(worst, compare(case, infer(server.client(protocol), module, case, shapes), shapes))
                    compared += 1
        assert len(os.listdir(scratch)) == len(names) - 1, os.listdir(scratch)
    said = server.said()
    for n in names:
        assert re.search(rf"{n}/1: signature 'serving_default', [1-9][0-9]* engines", said), f"{n} has no engine"
    assert "ran natively" not in said, said[said.index("ran natively") - 200 :][:400]
    assert not os.listdir(scratch), os.listdir(scratch)
    return f"{compared} cases, largest difference {worst:.1e} of the peak"


def together(server, name, parts, shapes, module=tritonclient.grpc):
    """All parts as requests of their own at the same time: what each gave, its result or its error."""
    client = server.client("grpc")

    def call(part):
        try:
            return infer(client, module, part, shapes)
        except InferenceServerException as e:
            return e

    client.is_model_ready(name)
    return in_parallel(len(parts), [lambda part=part: call(part) for part in parts])


BATCHING = "max_batch_size: 16\ndynamic_batching { preferred_batch_size: [16] max_queue_delay_microseconds: 3000000 }\n"


def batching(place):
    """Requests of one to four rows sent at once are run together, by Triton's own count, and each gets its own rows."""
    repository = place.repository("batching")
    names = ["mnist_cnn", "text", "dlrm_tiny", "basic_pitch"]
    for n in names:
        put(repository, n, place.model(n), BATCHING + parameter("precision_mode", "FP32") if n != "text" else BATCHING)
    said = []
    with place.server(repository) as server:
        http = server.client("http")
        for n in names:
            shapes = Shapes(http, n)
            case = max(place.cases(n), key=Case.batch)
            assert case.batch() > 1
            parts = [case.rows(k % (case.batch() - size + 1), size)
                     for k, size in enumerate([1, 3, 1, 2, 1, 1, 3, 4] * 3) if size <= case.batch()]
            for part, result in zip(parts, together(server, n, parts, shapes)):
                if isinstance(result, Exception):
                    raise result
                compare(part, result, shapes)
            s, batches = statistics(http, n)
            rows = sum(p.batch() for p in parts)
            runs = int(s["execution_count"])
            assert int(s["inference_count"]) == rows, s
            assert int(s["inference_stats"]["success"]["count"]) == len(parts) and "fail" in s["inference_stats"], s
            assert runs < len(parts), f"{n}: {runs} runs for {len(parts)} requests"
            assert sum(size * count for size, count in batches.items()) == rows, batches
            assert max(batches) > 4, batches
            for part in ("compute_input", "compute_infer", "compute_output"):
                assert int(s["inference_stats"][part]["ns"]) > 0, s
            said.append(f"{n} {len(parts)} requests in {runs} runs of {', '.join(map(str, sorted(batches)))}")
    assert "ran natively" not in server.said()
    return "; ".join(said)


def ragged(place):
    """Sequences of several lengths that Triton puts into one batch: those of equal length are run together."""
    repository = place.repository("ragged")
    inputs = "".join(f'input [{{ name: "{n}" data_type: TYPE_INT32 dims: [-1] allow_ragged_batch: true }}]\n'
                     for n in ("input_ids", "attention_mask"))
    put(repository, "bert_tiny", place.model("bert_tiny"), BATCHING + inputs + parameter("precision_mode", "FP32"))
    with place.server(repository) as server:
        http = server.client("http")
        shapes = Shapes(http, "bert_tiny")
        parts = [case.rows(k, 1) for case in place.cases("bert_tiny") for k in range(case.batch())] * 3
        lengths = {p.inputs["input_ids"].shape[1] for p in parts}
        assert len(lengths) > 1, lengths
        for part, result in zip(parts, together(server, "bert_tiny", parts, shapes)):
            if isinstance(result, Exception):
                raise result
            compare(part, result, shapes)
        s, batches = statistics(http, "bert_tiny")
        assert int(s["execution_count"]) < len(parts) and max(batches) > 1, s
        return f"{len(parts)} requests of lengths {sorted(lengths)} in {s['execution_count']} runs"


def no_batch(place):
    """A model whose first dim is no batch although it is configured so: every request gets its own answer, and the log says why
    they are not run together."""
    repository = place.repository("no_batch")
    put(repository, "nms_gather", place.model("nms_gather"),
        BATCHING + 'output [{ name: "selected" data_type: TYPE_INT32 dims: [1] reshape { shape: [] } }]\n')
    with place.server(repository) as server:
        shapes = Shapes(server.client("http"), "nms_gather")
        parts = [c for c in place.cases("nms_gather") if c.batch() <= 16] * 3
        for part, result in zip(parts, together(server, "nms_gather", parts, shapes)):
            if isinstance(result, Exception):
                raise result
            compare(part, result, shapes)
    assert server.said().count("is not the batch: requests are run one by one") == 1
    return f"{len(parts)} requests"


def errors(place):
    """What is wrong with a request is told in one message, and is the answer of that request alone."""
    repository = place.repository("errors")
    put(repository, "mnist_cnn", place.model("mnist_cnn"))
    put(repository, "table", place.model("table"), BATCHING)
    told = []
    with place.server(repository) as server:
        for protocol, module in PROTOCOLS.items():
            client = server.client(protocol)
            image = np.zeros([1, 28, 28, 1], np.float32)

            def ask(inputs, name="mnist_cnn", outputs=None):
                wanted = [module.InferRequestedOutput(o) for o in outputs] if outputs else None
                return lambda: client.infer(name, arguments(module, inputs), outputs=wanted)

            told += [refused(ask({"image": image[:, :27]}), "image", "27", "28"),
                     refused(ask({"image": image.astype(np.float64)}), "image", "FP64", "FP32"),
                     refused(ask({"picture": image}), "picture"),
                     refused(ask({"image": np.zeros([5, 28, 28, 1], np.float32)}), "batch-size", "4"),
                     refused(ask({"image": image}, outputs=["nothing"]), "nothing"),
                     refused(ask({"image": image}, name="nobody"), "nobody")]
            compare(place.cases("mnist_cnn")[0], infer(client, module, place.cases("mnist_cnn")[0]))
        shapes = Shapes(server.client("http"), "table")
        case = place.cases("table")[0]
        parts = [case.rows(k % 8, 1) for k in range(16)]
        parts[5] = Case("table", inputs={"ids": np.array([[77]], np.int32)}, outputs={})
        results = together(server, "table", parts, shapes)
        for k, (part, result) in enumerate(zip(parts, results)):
            if k == 5:
                assert isinstance(result, InferenceServerException) and "77" in result.message(), result
                told.append(result.message())
            elif isinstance(result, Exception):
                raise result
            else:
                compare(part, result, shapes)
        for _ in range(100):  # Triton counts a request after it has answered it
            s, _ = statistics(server.client("http"), "table")
            if int(s["inference_stats"]["success"]["count"]) == 15:
                break
            time.sleep(0.1)
        assert int(s["inference_stats"]["fail"]["count"]) == 1 and int(s["inference_stats"]["success"]["count"]) == 15, s
    return f"{len(told)} messages, such as: {told[-1]}"


def instances(place):
    """Three instances over one loaded model, eight clients at once over both protocols."""
    repository = place.repository("instances")
    names = ["mnist_cnn", "bert_tiny"]
    for n in names:
        put(repository, n, place.model(n), "max_batch_size: 16\ninstance_group [{ count: 3 kind: KIND_CPU }]\n" +
            parameter("precision_mode", "FP32"))
    with place.server(repository, "--log-verbose=1") as server:
        shapes = {n: Shapes(server.client("http"), n) for n in names}

        def work(k):
            protocol = ["http", "grpc"][k % 2]
            client = server.client(protocol)
            calls = 0
            for _ in range(10):
                for n in names:
                    for case in place.cases(n):
                        compare(case, infer(client, PROTOCOLS[protocol], case, shapes[n]), shapes[n])
                        calls += 1
            return calls

        calls = sum(in_parallel(8, [lambda k=k: work(k) for k in range(8)]))
        for n in names:
            assert server.client("http").get_model_config(n)["instance_group"][0]["count"] == 3
    said = server.said()
    for n in names:
        assert f"{n}/1: signature 'serving_default', " in said and "3 instances" in said
        assert said.count(f"{n}/1: signature") == 1, "the model was loaded more than once"
        assert all(f"{n}_0_{k}" in said for k in range(3)), "an instance is missing"
    return f"{calls} calls"


def reload(place):
    """A model is loaded again, again and again, converted anew and with other numbers of instances, while clients call it: no
    call fails, every answer is one of TensorFlow's."""
    repository = place.repository("reload")
    put(repository, "mnist_cnn", place.model("mnist_cnn"), parameter("precision_mode", "FP32"))
    put(repository, "text", place.model("text"))
    with place.server(repository, "--model-control-mode=explicit", "--load-model=*") as server:
        http = server.client("http")
        names = ["mnist_cnn", "text"]
        shapes = {n: Shapes(http, n) for n in names}
        stop = threading.Event()

        def work(k):
            protocol = ["http", "grpc"][k % 2]
            client = server.client(protocol)
            calls = 0
            while not stop.is_set():
                for n in names:
                    case = place.cases(n)[0]
                    compare(case, infer(client, PROTOCOLS[protocol], case, shapes[n]), shapes[n])
                    calls += 1
            return calls

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            workers = [pool.submit(work, k) for k in range(6)]
            try:
                for k in range(8):
                    for n in names:
                        config = http.get_model_config(n)
                        config["instance_group"] = [{"count": 1 + k % 3, "kind": "KIND_CPU"}]
                        config["parameters"]["threads"] = {"string_value": str(1 + k % 2)}
                        http.load_model(n, config=json.dumps(config))
                        assert http.get_model_config(n)["instance_group"][0]["count"] == 1 + k % 3
            finally:
                stop.set()
            calls = [w.result() for w in workers]
        assert min(calls) > 0
        for n in names:
            http.unload_model(n)
        for _ in range(600):
            if "successfully unloaded 'text'" in server.said() and "successfully unloaded 'mnist_cnn'" in server.said():
                break
            time.sleep(0.1)
        refused(lambda: infer(http, tritonclient.http, place.cases("text")[0]), "text")
        http.load_model("text")
        compare(place.cases("text")[0], infer(http, tritonclient.http, place.cases("text")[0], shapes["text"]), shapes["text"])
    loads = server.said().count("successfully loaded")
    assert loads >= 2 + 16 + 1, loads
    return f"{sum(calls)} calls during {loads} loads"


def configurations(place):
    """What is wrong with a configuration is told in one message when the model is loaded; what is right serves."""
    repository = place.repository("configurations")
    io = 'input [{{ name: "{}" data_type: {} dims: [{}] }}]\n'
    wrong = {
        "no_signature": ("multi_sig", parameter("signature", "nothing"), ["no signature 'nothing'", "encode", "decode"]),
        "no_parameter": ("multi_sig", parameter("sgnature", "encode"), ["no parameter 'sgnature'", "signature"]),
        "threads": ("multi_sig", parameter("threads", "many"), ["threads", "many"]),
        "policy": ("multi_sig", parameter("on_fallback", "maybe"), ["on_fallback", "native, build or fail"]),
        "mode": ("multi_sig", parameter("precision_mode", "FP7"), ["FP7"]),
        "tags": ("multi_tags", parameter("tags", "serve,tpu"), ["tpu"]),
        "type": ("mnist_cnn", io.format("image", "TYPE_INT32", "28, 28, 1"), ["image", "TYPE_INT32", "TYPE_FP32"]),
        "dims": ("mnist_cnn", "max_batch_size: 2\n" + io.format("image", "TYPE_FP32", "28, 27, 1"), ["image", "[-1,28,27,1]"]),
        "rank": ("mnist_cnn", io.format("image", "TYPE_FP32", "28"), ["image", "[-1,28,28,1]"]),
        "name": ("mnist_cnn", io.format("picture", "TYPE_FP32", "28, 28, 1"), ["no input 'picture'"]),
        "fixed": ("densenet_tiny_fixed4", "max_batch_size: 4\n", ["image", "[4,32,32,3]"]),
        "any_rank": ("unknown_rank", "", ["does not tell the rank of 'x'"]),
        "gpu": ("mnist_cnn", "instance_group [{ count: 1 kind: KIND_GPU gpus: [0] }]\n", ["GPU"]),
        "nothing": ("mnist_cnn", 'default_model_filename: "elsewhere"\n', ["elsewhere"]),
    }
    for name, (model, config, _) in wrong.items():
        put(repository, name, place.model(model), config)
    put(repository, "encode", place.model("multi_sig"), parameter("signature", "encode"))
    put(repository, "gpu_tags", place.model("multi_tags"), parameter("tags", "serve,gpu"))
    told = []
    with place.server(repository, "--model-control-mode=explicit") as server:
        http = server.client("http")
        for name, (_, _, parts) in wrong.items():
            told.append(refused(lambda name=name: http.load_model(name), *parts))
        http.load_model("encode")
        assert list(Shapes(http, "encode").outputs) == ["code"]
        http.load_model("gpu_tags")
        assert sorted(Shapes(http, "gpu_tags").outputs) == ["extra", "y"]
    return f"{len(told)} messages"


CHECKS = [goldens, converted, batching, ragged, no_batch, errors, instances, reload, configurations]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--only", default="")
    a = p.parse_args()
    place = Place(a.build)
    if not os.path.isdir(os.path.join(place.made, "basic_pitch/golden")):
        python = os.path.join(place.build, "venv-tensorflow/bin/python")
        subprocess.run([python, os.path.join(HERE, "triton_models.py"), place.made, place.basic_pitch], check=True,
                       stderr=subprocess.DEVNULL)
    checks = [c for c in CHECKS if not a.only or c.__name__ in a.only.split(",")]
    failed = 0
    for check in checks:
        try:
            print(f"ok      {check.__name__}: {check(place)}", flush=True)
        except Exception as e:  # whatever it is, the others are still to be run
            failed += 1
            if not isinstance(e, AssertionError):
                traceback.print_exc()
            print(f"FAILED  {check.__name__}: {e}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
