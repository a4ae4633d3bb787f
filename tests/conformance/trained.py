#!/usr/bin/env python3
"""Accuracy of trained models in each precision, against TensorFlow's own: real weights, real decisions.

  trained.py --build build [--models digits,text] [--keep DIR]

Two models are trained here, seeded: a small residual CNN on scikit-learn's digits (moved, stretched in contrast and with noise; the
images that it is tested on are others than those it is trained on), and a small transformer on sentences of a made-up language, whose class
depends on counts and on order, some of them mislabelled. Each is converted in every mode that the program has; INT8 is calibrated on samples
of the training set, once with each calibrator. FP16 may lose 0.1 points of accuracy, other reduced modes 0.5. Ends with
"N passed, N failed".
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

os.environ.setdefault("TFTRT_CACHE", "off")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BATCH = 1000  # of a run, and of calibration
CALIBRATION_BATCHES = 2
ALLOWED = {"fp32": 0.1, "fp16": 0.1}  # points; others: 0.5


# ------------------------------------------------------------------------------------------------ data


def moved(images, labels, times, rng):
    """Each image `times` times: moved by up to a pixel, with another contrast, with noise."""
    out = []
    for image in np.repeat(images, times, axis=0):
        dy, dx = rng.integers(-1, 2, 2)
        image = np.roll(np.pad(image, 1), (dy, dx), (0, 1))[1:-1, 1:-1]
        out.append(image * rng.uniform(0.5, 1.2) + rng.normal(0, 0.15, image.shape))
    return np.array(out, np.float32)[..., None], np.repeat(labels, times).astype(np.int64)


def digits(rng):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8) / 16
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.5, random_state=1, stratify=y)
    return moved(train_x, train_y, 12, rng), moved(test_x, test_y, 9, rng)


def sentences(n, rng):
    """Class 2 * (more 1s than 2s) + (the first 3 comes before the first 4), of 24 words out of 30; one in 30 is mislabelled."""
    x = rng.integers(1, 30, (n, 24))
    common = rng.random((n, 24)) < 0.35
    x[common] = rng.integers(1, 5, common.sum())
    first = [np.where((x == w).any(1), (x == w).argmax(1), 24) for w in (3, 4)]
    y = 2 * ((x == 1).sum(1) > (x == 2).sum(1)) + (first[0] < first[1])
    wrong = rng.random(n) < 1 / 30
    y[wrong] = rng.integers(0, 4, wrong.sum())
    return x.astype(np.int32), y.astype(np.int64)


def text(rng):
    return sentences(16000, rng), sentences(8000, rng)


# ------------------------------------------------------------------------------------------------ models


def digits_model(keras):
    layers = keras.layers
    x = inputs = keras.Input((8, 8, 1), name="x")

    def conv(x, n, activation="relu"):
        x = layers.BatchNormalization()(layers.Conv2D(n, 3, padding="same", use_bias=False)(x))
        return layers.Activation(activation)(x) if activation else x

    x = layers.MaxPooling2D()(conv(x, 24))
    x = conv(x, 48)
    x = layers.Activation("relu")(layers.Add()([x, conv(conv(x, 48), 48, None)]))
    x = layers.GlobalAveragePooling2D()(layers.DepthwiseConv2D(3, padding="same", activation="relu")(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="probs")(x))


def text_model(keras):
    layers, tf = keras.layers, keras.ops
    inputs = keras.Input((24,), dtype="int32", name="x")
    x = layers.Embedding(30, 48)(inputs) + layers.Embedding(24, 48)(tf.arange(24))
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 12)(y, y)
        y = layers.LayerNormalization()(x)
        x = x + layers.Dense(48)(layers.Dense(96, activation="gelu")(y))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="probs")(x))


MODELS = {"digits": (digits, digits_model, 12, 3e-3), "text": (text, text_model, 12, 2e-3)}


def train(name, folder):
    """Trains and saves; the test set and what TensorFlow makes of it."""
    import keras

    keras.utils.set_random_seed(5)
    make_data, make_model, epochs, rate = MODELS[name]
    (x, y), test = make_data(np.random.default_rng(11))
    model = make_model(keras)
    steps = epochs * (len(x) // 64)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    model.fit(x, y, 64, epochs, verbose=0)
    saved = os.path.join(folder, name)
    model.export(saved, verbose=False)
    return saved, x, test


def tensorflow_says(saved, x):
    import tensorflow as tf

    function = tf.saved_model.load(saved).signatures["serving_default"]
    batches = [function(x=tf.constant(x[i : i + BATCH])) for i in range(0, len(x), BATCH)]
    (key,) = batches[0]
    return np.concatenate([b[key].numpy() for b in batches])


# ------------------------------------------------------------------------------------------------ modes


def run(*command):
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])}: {said.stderr.strip()}")
    return said.stdout


def modes(tftrt, calibration):
    """Names and arguments of convert."""
    known = run(tftrt, "convert", "--help")
    yield "fp32", ["--precision", "fp32"]
    yield "fp16", ["--precision", "fp16"]
    if "bf16" in known:
        yield "bf16", ["--precision", "bf16"]
    for calibrator in ("entropy", "minmax", "percentile", "mse"):
        yield f"int8 {calibrator}", ["--precision", "int8", "--calibrator", calibrator, "--calibration-inputs", *calibration]
    yield "auto", ["--precision", "auto", "--min-cosine", "0.9999", "--inputs", *calibration]


def converted_says(tftrt, saved, arguments, x, folder):
    target, given, told = (os.path.join(folder, n) for n in ("converted", "in.npz", "out.npz"))
    np.savez(given, x=x[:BATCH])
    run(tftrt, "convert", saved, target, "-q", "--build-inputs", given, *arguments)
    out = []
    for i in range(0, len(x), BATCH):
        np.savez(given, x=x[i : i + BATCH])
        run(tftrt, "run", target, "--inputs", given, "--outputs", told, "--on-fallback", "fail")
        with np.load(told) as f:
            (key,) = f
            out.append(f[key])
    return np.concatenate(out)


def accuracy(scores, y):
    return 100 * float((scores.argmax(1) == y).mean())


def check_model(tftrt, name, folder):
    saved, x, (test_x, test_y) = train(name, folder)
    right = accuracy(tensorflow_says(saved, test_x), test_y)
    calibration = []
    for i in range(CALIBRATION_BATCHES):
        calibration.append(os.path.join(folder, f"calibration{i}.npz"))
        np.savez(calibration[-1], x=x[i * BATCH : (i + 1) * BATCH])
    print(f"{name}: {len(test_y)} samples, TensorFlow {right:.3f} %", flush=True)
    failed = passed = 0
    if not 80 < right < 99.9:
        print(f"{name}: an accuracy of {right:.3f} % tells nothing of what precision costs")
        failed += 1
    for mode, arguments in modes(tftrt, calibration):
        try:
            got = accuracy(converted_says(tftrt, saved, arguments, test_x, folder), test_y)
        except RuntimeError as e:
            print(f"{name} {mode}: {e}", flush=True)
            failed += 1
            continue
        allowed = ALLOWED.get(mode, 0.5)
        good = right - got <= allowed + 1e-9
        print(f"{name:8} {mode:16} {got:.3f} %, loses {right - got:+.3f} of at most {allowed} points"
              f"{'' if good else '  TOO MUCH'}", flush=True)
        passed, failed = passed + good, failed + (not good)
    return passed, failed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--models", default=",".join(MODELS))
    p.add_argument("--keep", help="where models stay; else they go")
    a = p.parse_args()
    tftrt = os.path.join(os.path.abspath(a.build), "bin", "tftrt")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in a.models.split(","):
            good, bad = check_model(tftrt, name, a.keep or folder)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
