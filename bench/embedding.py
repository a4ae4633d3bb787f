#!/usr/bin/env python3
"""A model that is nearly all table: an embedding of --gib GiB, looked up, averaged, and three dense layers behind it.

  embedding.py DIR [--gib 3] [--shards 1] [--dim 256]

Writes DIR/saved_model with TensorFlow, and DIR/inputs.npz and DIR/expected.npz (what TensorFlow answers). With --shards N
the table is N partitioned variables, as tf.compat.v1.fixed_size_partitioner makes them in a TF1 graph: one tensor of the
bundle in N slices. The table's rows are a formula of their number, so that writing it takes no generator's time.
"""
import argparse, os, shutil

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import tensorflow as tf


def rows(begin, end, dim):
    i = tf.cast(tf.range(begin, end), tf.float32)[:, None]
    k = tf.range(dim, dtype=tf.float32)[None, :]
    return tf.sin(i * 0.37 + k * 1.1) * 0.5


def fill(variable, dim, begin, count):
    step = 1 << 16
    for at in range(0, count, step):
        end = min(at + step, count)
        variable[at:end].assign(rows(begin + at, begin + end, dim))


def head(dim):
    w = [np.random.default_rng(i).standard_normal(s).astype(np.float32) * 0.1 for i, s in enumerate(((dim, 128), (128, 64), (64, 8)))]
    return w


class Model(tf.Module):
    def __init__(self, count, dim):
        super().__init__()
        self.table = tf.Variable(tf.zeros((count, dim)), name="table")
        fill(self.table, dim, 0, count)
        self.w = [tf.Variable(w, name="w%d" % i) for i, w in enumerate(head(dim))]

    @tf.function(input_signature=[tf.TensorSpec((None, 16), tf.int32, "ids")])
    def serve(self, ids):
        x = tf.reduce_mean(tf.gather(self.table, ids), axis=1)
        for w in self.w[:2]:
            x = tf.nn.relu(tf.matmul(x, w))
        return {"scores": tf.nn.softmax(tf.matmul(x, self.w[2]))}


def save_v1(path, count, dim, shards):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as s:
        ids = v1.placeholder(tf.int32, (None, 16), "ids")
        rows_of = lambda shape, dtype=None, partition_info=None: rows(
            partition_info.var_offset[0] if partition_info else 0,
            (partition_info.var_offset[0] if partition_info else 0) + int(shape[0]), dim)
        table = v1.get_variable("table", (count, dim), initializer=rows_of, partitioner=v1.fixed_size_partitioner(shards),
                                use_resource=True)
        x = tf.reduce_mean(v1.nn.embedding_lookup(table, ids, partition_strategy="div"), axis=1)
        w = [v1.get_variable("w%d" % i, initializer=w, use_resource=True) for i, w in enumerate(head(dim))]
        for v in w[:2]:
            x = tf.nn.relu(tf.matmul(x, v))
        y = tf.nn.softmax(tf.matmul(x, w[2]))
        s.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(s, path, {"ids": ids}, {"scores": y})
        return lambda i: {"scores": s.run(y, {ids: i})}, s


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir")
    p.add_argument("--gib", type=float, default=3)
    p.add_argument("--dim", type=int, default=256)
    p.add_argument("--shards", type=int, default=1)
    a = p.parse_args()
    count = int(a.gib * (1 << 30) / 4 / a.dim)
    path = os.path.join(a.dir, "saved_model")
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(a.dir, exist_ok=True)
    ids = np.random.default_rng(7).integers(0, count, (4, 16)).astype(np.int32)
    if a.shards == 1:
        m = Model(count, a.dim)
        tf.saved_model.save(m, path, signatures={"serving_default": m.serve})
        expected = {k: v.numpy() for k, v in m.serve(tf.constant(ids)).items()}
    else:
        v1 = tf.compat.v1
        with tf.Graph().as_default():
            pass
        run, session = save_v1(path, count, a.dim, a.shards)
        with tf.Graph().as_default(), v1.Session() as s:
            g = v1.saved_model.load(s, ["serve"], path)
            sig = g.signature_def["serving_default"]
            expected = {k: s.run(v.name, {sig.inputs["ids"].name: ids}) for k, v in sig.outputs.items()}
    np.savez(os.path.join(a.dir, "inputs.npz"), ids=ids)
    np.savez(os.path.join(a.dir, "expected.npz"), **expected)


if __name__ == "__main__":
    main()
