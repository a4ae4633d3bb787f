"""Keras applications that the corpus does not have, at small sizes."""
import keras
import numpy as np
import tensorflow as tf

from .lib import f32, unseen


def prepared(m, rng):
    """Seeded weights whose activations neither vanish nor grow: batch statistics from one batch."""
    x = f32(rng, 4, *m.input_shape[1:], scale=0.5)
    norms = [l for l in m._flatten_layers() if isinstance(l, keras.layers.BatchNormalization)]
    old = [l.momentum for l in norms]
    for l in norms:
        l.momentum = 0.0
    if norms:
        m(x, training=True)
    for l, o in zip(norms, old):
        l.momentum = o
        l.moving_variance.assign(np.maximum(l.moving_variance, 1e-2))
    return m


def export(path, rng, m, how="export", sizes=(1, 2, 5)):
    prepared(m, rng)
    if how == "export":
        m.export(path, verbose=False)
    else:
        tf.saved_model.save(m, path)
    key = list(tf.saved_model.load(path).signatures["serving_default"].structured_input_signature[1])[0]
    return [{key: f32(rng, n, *m.input_shape[1:], scale=0.5)} for n in sizes]


def application(name, shape, how="export", **kw):
    def build(path, rng):
        m = getattr(keras.applications, name)(weights=None, input_shape=shape, classes=10, classifier_activation=None, **kw)  # a softmax of large logits would amplify
        return export(path, rng, m, how)
    build.__name__ = "app_" + name.lower()
    e = unseen(peak=1e-3)(build)
    from .lib import MODELS
    MODELS[build.__name__]["hash"] += f"{name}{shape}{how}{kw}"
    return e


application("Xception", (71, 71, 3))
application("NASNetMobile", (64, 64, 3))
application("EfficientNetV2B0", (128, 128, 3))
application("MobileNetV3Small", (64, 64, 3))
application("MobileNetV3Large", (48, 48, 3), minimalistic=True, how="save")
application("ConvNeXtTiny", (48, 48, 3))
application("VGG11" if hasattr(keras.applications, "VGG11") else "VGG16", (32, 32, 3), how="save")
application("ResNet50V2", (48, 48, 3))
application("InceptionResNetV2", (80, 80, 3))
application("MobileNet", (48, 48, 3), alpha=0.5)
