#!/usr/bin/env python3
"""Makes tests/python/data, of each model a SavedModel and TensorFlow's answers (run with TensorFlow 2.21):

strings: strings in and out.
unequal: a depthwise convolution between two others, whose input has channels of very different sizes.
"""
import json
import os
import shutil

import numpy as np
import tensorflow as tf

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


class Strings(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.string, name="words"), tf.TensorSpec([], tf.string, name="tail")])
    def serve(self, words, tail):
        joined = tf.strings.reduce_join(tf.strings.lower(words), axis=1, separator="-") + tail
        return {"joined": joined, "bytes": tf.strings.length(joined)}


class Unequal(tf.Module):
    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(3)
        gain = np.exp2(-rng.permutation(24) / 3).astype(np.float32)  # down to 1 / 203
        self.first = tf.constant(rng.standard_normal((3, 3, 3, 24)).astype(np.float32) * gain)
        self.bias = tf.constant(rng.standard_normal(24).astype(np.float32) * gain)
        self.depthwise = tf.constant(rng.standard_normal((3, 3, 24, 1)).astype(np.float32) / gain[:, None])
        self.last = tf.constant(rng.standard_normal((1, 1, 24, 8)).astype(np.float32) / 16)

    @tf.function(input_signature=[tf.TensorSpec([None, 16, 16, 3], tf.float32, name="image")])
    def serve(self, image):
        x = tf.nn.relu(tf.nn.conv2d(image, self.first, 1, "SAME") + self.bias)
        x = tf.nn.relu(tf.nn.depthwise_conv2d(x, self.depthwise, [1, 2, 2, 1], "SAME"))
        return {"y": tf.nn.conv2d(x, self.last, 1, "SAME")}


def begin(name, module):
    path = os.path.join(DATA, name)
    shutil.rmtree(path, ignore_errors=True)
    tf.saved_model.save(module, os.path.join(path, "saved_model"), signatures=module.serve)
    return path


def make_strings():
    module = Strings()
    path = begin("strings", module)
    words, tail = [["Ab", ""], ["\u00c4pfel", "ZWEI"], ["x\0y", "z"]], "!"
    got = module.serve(tf.constant([[w.encode() for w in row] for row in words]), tf.constant(tail))
    golden = {"words": words, "tail": tail, "joined": [s.decode() for s in got["joined"].numpy().tolist()],
              "bytes": got["bytes"].numpy().tolist()}
    json.dump(golden, open(os.path.join(path, "golden.json"), "w"), indent=1)


def make_unequal():
    module = Unequal()
    path = begin("unequal", module)
    image = np.random.default_rng(4).standard_normal((4, 16, 16, 3)).astype(np.float32)
    np.savez(os.path.join(path, "golden.npz"), image=image, y=module.serve(tf.constant(image))["y"].numpy())


if __name__ == "__main__":
    make_strings()
    make_unequal()
