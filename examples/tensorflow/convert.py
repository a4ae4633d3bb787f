"""Converts a SavedModel as scripts for TF-TRT do: convert.py DIR OUT [GOLDEN.npz].

Nothing in it is tftrt's. `import tftrt.tensorflow` before it makes it run in a TensorFlow without TF-TRT:

    python -c 'import runpy, sys, tftrt.tensorflow; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name="__main__")' \
        examples/tensorflow/convert.py model converted inputs.npz

The arrays "in.<name>" in the file are the inputs; "out.<name>", where it has them, what is expected.
"""
import sys

import numpy as np
import tensorflow as tf
from tensorflow.python.compiler.tensorrt import trt_convert as trt


def main(source, target, golden):
    arrays = np.load(golden)
    inputs = {k[3:]: tf.constant(arrays[k]) for k in arrays.files if k.startswith("in.")}

    params = trt.DEFAULT_TRT_CONVERSION_PARAMS._replace(precision_mode=trt.TrtPrecisionMode.FP32)
    converter = tf.experimental.tensorrt.Converter(input_saved_model_dir=source, conversion_params=params)
    function = converter.convert()

    def input_fn():
        yield inputs

    converter.build(input_fn=input_fn)
    converter.summary(detailed=False)
    converter.save(target)

    loaded = tf.saved_model.load(target, tags=[tf.saved_model.SERVING])
    signature = loaded.signatures[tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY]
    for name, value in sorted(signature(**inputs).items()):
        same = np.allclose(value.numpy(), function(**inputs)[name].numpy(), rtol=1e-5, atol=1e-6)
        print(name, value.dtype.name, value.shape, np.round(value.numpy().ravel()[:6].astype(float), 4), same)
        if "out." + name in arrays.files:
            print(name, "as expected:", np.allclose(value.numpy(), arrays["out." + name], rtol=1e-4, atol=1e-5))


main(*sys.argv[1:4])
