#!/usr/bin/env python3
"""Makes tests/python/data/strings: a SavedModel with strings in and out, and TensorFlow's answers (run with TensorFlow 2.21)."""
import json
import os
import shutil

import tensorflow as tf

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "strings")


class Strings(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.string, name="words"), tf.TensorSpec([], tf.string, name="tail")])
    def serve(self, words, tail):
        joined = tf.strings.reduce_join(tf.strings.lower(words), axis=1, separator="-") + tail
        return {"joined": joined, "bytes": tf.strings.length(joined)}


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    module = Strings()
    tf.saved_model.save(module, os.path.join(HERE, "saved_model"), signatures=module.serve)
    words, tail = [["Ab", ""], ["\u00c4pfel", "ZWEI"], ["x\0y", "z"]], "!"
    got = module.serve(tf.constant([[w.encode() for w in row] for row in words]), tf.constant(tail))
    golden = {"words": words, "tail": tail, "joined": [s.decode() for s in got["joined"].numpy().tolist()],
              "bytes": got["bytes"].numpy().tolist()}
    json.dump(golden, open(os.path.join(HERE, "golden.json"), "w"), indent=1)
