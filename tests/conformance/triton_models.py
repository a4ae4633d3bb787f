#!/usr/bin/env python3
"""Models and TensorFlow's answers for triton_test.py that the corpus does not have: `triton_models.py OUT BASIC_PITCH`.
Each is OUT/<name>/saved_model and OUT/<name>/golden/serving_default.<k>.npz, as in the corpus."""
import os
import sys

import numpy as np
import tensorflow as tf


def keep(out, name, module, function, cases):
    at = os.path.join(out, name)
    tf.saved_model.save(module, os.path.join(at, "saved_model"), signatures=function)
    golden(at, os.path.join(at, "saved_model"), cases)


def golden(at, saved_model, cases):
    os.makedirs(os.path.join(at, "golden"), exist_ok=True)
    model = tf.saved_model.load(saved_model)
    call = model.signatures["serving_default"]
    for k, case in enumerate(cases):
        answer = call(**{n: tf.constant(v) for n, v in case.items()})
        arrays = {"in." + n: v for n, v in case.items()}
        arrays.update({"out." + n: v.numpy() for n, v in answer.items()})
        for n, v in arrays.items():
            if v.dtype == object:
                arrays[n] = v.astype("S")
        np.savez(os.path.join(at, f"golden/serving_default.{k}.npz"), **arrays)


def text(out):
    """Strings in and out."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.string, name="words")])
    def f(words):
        return {"joined": tf.strings.join([tf.strings.upper(words[:, 0]), words[:, 1]], separator="+"),
                "lengths": tf.strings.length(words), "words": tf.strings.lower(words)}

    first = np.array([[b"one", b"", b"Two"], [b"", b"three \xff\x01", b"a" * 300]])
    rest = np.array([[b"word%d" % (3 * i + j) for j in range(3)] for i in range(16)])
    keep(out, "text", module, f, [{"words": first}, {"words": rest}])


def table(out):
    """Rows of a table; an id that it does not have fails the run."""
    module = tf.Module()
    module.table = tf.Variable(np.arange(40, dtype=np.float32).reshape(10, 4))

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.int32, name="ids")])
    def f(ids):
        return {"rows": tf.gather(module.table, ids[:, 0])}

    keep(out, "table", module, f, [{"ids": np.arange(8, dtype=np.int32).reshape(8, 1)}])


def main():
    out, basic_pitch = sys.argv[1], sys.argv[2]
    text(out)
    table(out)
    windows = np.random.default_rng(7).uniform(-0.5, 0.5, [3, 43844, 1]).astype(np.float32)
    golden(os.path.join(out, "basic_pitch"), basic_pitch, [{"input_2": windows}, {"input_2": windows[:1]}])


if __name__ == "__main__":
    main()
