#!/usr/bin/env python3
"""Graphs with quantization nodes, for tests/convert/quantized_test.c: each op, and each way from a quantized tensor to a layer that
computes in 8 bits, with TensorFlow's outputs.

  make_quantized.py      writes quantized/paths/ (venv with tensorflow 2.21)

One SavedModel with a signature for each graph, from x to y. y is quantized, and manifest.json has its step: of simulated quantization
TensorFlow gives multiples of it. Ranges are no powers of two, so that no sum lies in the middle between two steps but by chance.
"""
import json, os, shutil
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "quantized", "paths")
IMAGE = [2, 9, 9, 8]
GRAPHS = {}
rng = np.random.default_rng(3)
nn, raw = tf.nn, tf.raw_ops


def graph(*shape):
    def keep(f):
        GRAPHS[f.__name__] = (f, list(shape) or IMAGE)
        return f
    return keep


def filt(*shape):
    return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)


def vars_(x, low, high, **how):
    return tf.quantization.fake_quant_with_min_max_vars(x, low, high, **how)


def act(x, r=2.9):  # activations, signed
    return vars_(x, -r, r * 127 / 128)


def pos(x, r=3.1):  # activations from 0 on
    return vars_(x, 0.0, r)


def weight(*shape):
    w = filt(*shape)
    most = np.abs(w).max(tuple(range(len(shape) - 1)))
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(w, -most, most, narrow_range=True)


def conv(x, c_in=8, c_out=8, k=3, **how):
    return nn.conv2d(x, weight(k, k, c_in, c_out), how.get("stride", 1), how.get("padding", "SAME"))


# ---------------------------------------------------------------- ops

@graph()
def fake_quant_args(x):
    args = tf.quantization.fake_quant_with_min_max_args
    y = nn.relu(nn.conv2d(args(x, -2.9, 2.9), args(filt(3, 3, 8, 8), -0.4, 0.4, narrow_range=True), 1, "SAME"))
    return args(y, 0.0, 3.1)


@graph()
def fake_quant_vars(x):
    y = nn.conv2d(act(x), vars_(filt(3, 3, 8, 8), -0.4, 0.4, narrow_range=True), 1, "SAME")
    return act(y + filt(8))


@graph()
def fake_quant_vars_per_channel(x):
    return pos(nn.relu(conv(act(x))))


@graph()
def quantize_and_dequantize_v2(x):
    qd = lambda x, r, **how: raw.QuantizeAndDequantizeV2(input=x, input_min=-r, input_max=r, range_given=True, **how)
    y = nn.relu(nn.conv2d(qd(x, 2.9), qd(filt(3, 3, 8, 8), 0.4, narrow_range=True), 1, "SAME"))
    return raw.QuantizeAndDequantizeV2(input=y, input_min=0.0, input_max=3.1, range_given=True, signed_input=False)


@graph()
def quantize_and_dequantize_v3(x):
    qd = lambda x, low, high, **how: raw.QuantizeAndDequantizeV3(input=x, input_min=low, input_max=high, num_bits=8, range_given=True, **how)
    w = filt(3, 3, 8, 8)
    most = np.abs(w).max((0, 1, 2))
    y = nn.conv2d(qd(x, -2.9, 2.9), qd(w, -most, most, axis=3, narrow_range=True), 1, "SAME")
    return qd(y, -2.7, 2.7)


@graph()
def quantize_and_dequantize_v4(x):
    qd = tf.quantization.quantize_and_dequantize_v2  # of which TensorFlow makes V4
    w = qd(filt(3, 3, 8, 8), -0.4, 0.4, range_given=True, narrow_range=True)
    y = nn.relu(nn.conv2d(qd(x, -2.9, 2.9, range_given=True, round_mode="HALF_UP"), w, 1, "SAME"))
    return qd(y, 0.0, 3.1, signed_input=False, range_given=True)


def pair(x, low, high, dtype, mode):
    q = tf.quantization.quantize(x, low, high, dtype, mode=mode, narrow_range=False)
    return tf.quantization.dequantize(q.output, q.output_min, q.output_max, mode=mode)


@graph()
def quantize_dequantize_scaled(x):
    w = pair(filt(3, 3, 8, 8), -0.4, 0.4, tf.qint8, "SCALED")
    return pair(nn.relu(nn.conv2d(pair(x, -2.9, 2.9, tf.qint8, "SCALED"), w, 1, "SAME")), 0.0, 3.1, tf.quint8, "SCALED")


@graph()
def quantize_dequantize_min_first(x):
    w = pair(filt(3, 3, 8, 8), -0.4, 0.4, tf.qint8, "SCALED")
    return pair(nn.conv2d(pair(x, -1.7, 2.9, tf.quint8, "MIN_FIRST"), w, 1, "SAME"), -2.2, 3.1, tf.quint8, "MIN_FIRST")


@graph()
def quantize_dequantize_min_combined(x):
    w = pair(filt(3, 3, 8, 8), -0.4, 0.4, tf.qint8, "SCALED")
    return pair(nn.conv2d(pair(x, -1.7, 2.9, tf.quint8, "MIN_COMBINED"), w, 1, "SAME"), -2.2, 3.1, tf.quint8, "MIN_COMBINED")


# ---------------------------------------------------------------- layers

@graph(4, 24)
def matmul(x):
    y = pos(nn.relu(tf.matmul(act(x), weight(24, 32)) + filt(32)))
    return act(tf.matmul(y, weight(32, 8)))


@graph(3, 5, 24)
def tensordot(x):
    return act(tf.tensordot(act(x), weight(24, 16), 1))


@graph()
def depthwise(x):
    w = vars_(filt(3, 3, 8, 1), -1.2, 1.2, narrow_range=True)
    y = pos(nn.relu6(nn.depthwise_conv2d(act(x), w, [1, 1, 1, 1], "SAME")), 6.0)
    return act(conv(y, k=1), 4.3)


@graph()
def transposed(x):
    w = vars_(filt(3, 3, 6, 8), -0.5, 0.5, narrow_range=True)
    return act(nn.conv2d_transpose(act(x), w, [2, 18, 18, 6], 2, "SAME"))


@graph()
def below_zero(x):  # steps that are not around 0
    y = vars_(nn.leaky_relu(conv(vars_(x, -1.3, 2.9))), -0.7, 3.1)
    return vars_(conv(y), -1.9, 2.3)


@graph()
def four_bits(x):
    y = vars_(nn.relu(conv(vars_(x, -2.9, 2.9, num_bits=4))), 0.0, 3.1, num_bits=4)
    return vars_(conv(y), -2.9, 2.9, num_bits=4)


@graph()
def sixteen_bits(x):  # too many for 8-bit layers
    qd = lambda x, r, **how: raw.QuantizeAndDequantizeV2(input=x, input_min=-r, input_max=r, range_given=True, **how)
    return qd(nn.conv2d(qd(x, 2.9, num_bits=16), weight(3, 3, 8, 8), 1, "SAME"), 2.7)


# ---------------------------------------------------------------- ways between layers

@graph()
def reshape(x):
    return act(tf.matmul(tf.reshape(pos(nn.relu(conv(act(x)))), [-1, 72]), weight(72, 6)))


@graph()
def transpose(x):
    return act(conv(tf.transpose(pos(nn.relu(conv(act(x)))), [0, 2, 1, 3])))


@graph()
def slice(x):
    return act(conv(pos(nn.relu(conv(act(x))))[:, 1:8:2, :-2, 2:6], c_in=4))


@graph()
def pad(x):
    return act(conv(tf.pad(pos(nn.relu(conv(act(x)))), [[0, 0], [1, 2], [2, 1], [0, 0]]), padding="VALID", stride=2))


@graph()
def pad_below_zero(x):  # zeros are no zero bits here
    return act(conv(tf.pad(vars_(conv(act(x)), -1.3, 2.9), [[0, 0], [3, 2], [2, 3], [0, 0]]), padding="VALID"))


@graph()
def moves(x):  # one after the other
    y = tf.transpose(pos(nn.relu(conv(act(x)))), [0, 3, 1, 2])
    y = tf.pad(tf.reshape(y, [-1, 8, 81])[:, ::2], [[0, 0], [0, 0], [0, 3]])
    return act(tf.tensordot(tf.squeeze(tf.expand_dims(y, 1), 1), weight(84, 6), 1))


@graph()
def residual(x):
    q = act(x)
    y = act(conv(pos(nn.relu(conv(q)))))
    return act(conv(pos(nn.relu(y + q), 4.7)))


@graph()
def residual_of_two(x):  # with steps of their own
    a, b = act(conv(act(x)), 2.3), vars_(conv(act(x)), -3.7, 3.6)
    return pos(nn.relu(a + b), 5.3)


@graph()
def concat(x):  # of tensors with one range
    q = act(x)
    return act(conv(tf.concat([pos(nn.relu(conv(q))), pos(nn.relu(conv(q, k=1)))], 3), c_in=16))


@graph()
def concat_of_ranges(x):
    q = act(x)
    y = tf.concat([pos(nn.relu(conv(q)), 2.3), act(conv(q, k=1)), q], 3)
    return act(conv(act(y, 3.3), c_in=24))


@graph()
def max_pool(x):
    return act(conv(nn.max_pool2d(pos(nn.relu(conv(act(x)))), 3, 2, "SAME")))


@graph()
def avg_pool(x):
    return act(conv(pos(nn.avg_pool2d(pos(nn.relu(conv(act(x)))), 3, 2, "SAME"), 2.2)))


@graph()
def global_pool(x):
    y = tf.reduce_mean(pos(nn.relu(conv(act(x)))), [1, 2])
    return act(tf.matmul(pos(y, 1.9), weight(8, 6)))


@graph()
def split(x):
    a, b = tf.split(pos(nn.relu(conv(act(x)))), 2, 3)
    return act(conv(a, c_in=4) + conv(b, c_in=4))


@graph()
def two_readers(x):  # one of which is not in 8 bits
    q = pos(nn.relu(conv(act(x))))
    return act(conv(q) + tf.exp(-q))


# ---------------------------------------------------------------- more layers and ways

def per_map(*shape):  # a transposed convolution's weights, with a range for each output channel
    w = filt(*shape)
    most = np.abs(w).max(tuple(i for i in range(len(shape)) if i != len(shape) - 2))
    return raw.QuantizeAndDequantizeV3(input=w, input_min=-most, input_max=most, num_bits=8, range_given=True, narrow_range=True,
                                       axis=len(shape) - 2)


@graph()
def transposed_valid(x):  # some outputs see one tap a dimension, others two
    y = nn.conv2d_transpose(act(x), per_map(4, 4, 6, 8), [2, 28, 28, 6], 3, "VALID")
    return act(conv(pos(nn.relu(y + filt(6))), c_in=6, stride=2))


@graph()
def transposed_below_zero(x):  # every output sees all taps that are inside
    y = nn.conv2d_transpose(vars_(x, -1.3, 2.9), per_map(3, 3, 6, 8), [2, 9, 9, 6], 1, "SAME")
    return vars_(y, -1.9, 2.3)


@graph()
def transposed_apart(x):  # some outputs see none
    y = nn.conv2d_transpose(act(x), per_map(2, 2, 70, 8), [2, 27, 26, 70], 3, "SAME")
    return act(y + filt(70), 3.3)


@graph(2, 11, 8)
def transposed_line(x):
    return act(nn.conv1d_transpose(act(x), per_map(5, 6, 8), [2, 22, 6], 2, "SAME"), 3.3)


@graph(1, 4, 5, 3, 8)
def transposed_volume(x):
    return act(nn.conv3d_transpose(act(x), per_map(3, 3, 3, 6, 8), [1, 8, 10, 6, 6], 2, "SAME"), 3.3)


@graph()
def avg_pool_below_zero(x):  # padding is not counted
    y = nn.avg_pool2d(vars_(conv(act(x), c_out=80), -1.3, 2.9), 3, 1, "SAME")
    return vars_(conv(vars_(y, -0.8, 1.437), c_in=80), -1.9, 2.3)


@graph()
def avg_pool_of_zeros(x):  # padding that is counted
    y = nn.avg_pool2d(tf.pad(vars_(conv(act(x)), -1.3, 2.9), [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")
    return act(conv(act(y, 1.7)))


@graph()
def branches(x):  # one tensor pooled both ways, and all of it in one
    q = pos(nn.relu(conv(act(x), c_out=16)))
    a, b = pos(nn.avg_pool2d(q, 3, 1, "SAME"), 2.2), nn.max_pool2d(q, 3, 1, "SAME")
    a = pos(nn.relu(conv(a, c_in=16)))
    return act(conv(tf.concat([a, b, pos(nn.relu(conv(q, c_in=16, k=1)))], 3), c_in=32))


@graph()
def mean_channels_first(x):
    y = tf.transpose(pos(nn.relu(conv(act(x)))), [0, 3, 1, 2])
    return act(tf.matmul(pos(tf.reduce_mean(y, [2, 3]), 1.9), weight(8, 6)))


@graph()
def squeeze_excite(x):
    q = pos(nn.relu(conv(act(x))))
    s = pos(tf.sigmoid(conv(pos(tf.reduce_mean(q, [1, 2], keepdims=True), 1.9), k=1)), 1.1)
    return act(conv(pos(q * s, 2.7)))


@graph(2, 10, 24)
def attention(x):
    q, k, v = (act(tf.tensordot(act(x), weight(24, 16), 1), r) for r in (3.1, 2.7, 3.3))
    scores = act(tf.matmul(q, k, transpose_b=True) * 0.25, 2.3)
    return act(tf.matmul(pos(nn.softmax(scores), 1.0), v), 2.1)


@graph(2, 10, 24)
def attention_heads(x):
    heads = lambda y: tf.transpose(tf.reshape(y, [-1, 10, 4, 6]), [0, 2, 1, 3])
    q, k, v = (heads(act(tf.tensordot(act(x), weight(24, 24), 1), r)) for r in (3.1, 2.7, 3.3))
    y = tf.matmul(pos(nn.softmax(tf.matmul(q, k, transpose_b=True) * 0.4), 1.0), v)
    y = tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [-1, 10, 24])
    return act(tf.tensordot(act(y, 2.1), weight(24, 12), 1))


@graph(3, 7, 24)
def products(x):  # the first operand transposed, with steps that are not around 0
    y = vars_(tf.tensordot(act(x), weight(24, 20), 1), -1.3, 2.9)
    return act(tf.matmul(y, act(x), transpose_a=True), 6.1)


@graph()
def resize_nearest(x):
    y = tf.image.resize(pos(nn.relu(conv(act(x)))), [14, 18], "nearest")
    return act(conv(y))


@graph(2, 11, 8)
def line(x):
    return act(nn.conv1d(pos(nn.relu(nn.conv1d(act(x), weight(3, 8, 6), 1, "SAME"))), weight(5, 6, 4), 2, "VALID"), 3.3)


@graph()
def pad_mirror(x):
    return act(conv(tf.pad(vars_(conv(act(x)), -1.3, 2.9), [[0, 0], [3, 2], [2, 3], [0, 0]], "REFLECT"), padding="VALID"))


@graph(4, 24)
def stack(x):  # of tensors with one range
    q = act(x)
    y = tf.stack([pos(nn.relu(tf.matmul(q, weight(24, 8)))), pos(nn.relu(tf.matmul(q, weight(24, 8))))], 1)
    return act(tf.tensordot(y, weight(8, 6), 1))


# ---------------------------------------------------------------- writing

def step_of(y):
    """The step of what is quantized: the greatest of which all outputs are multiples, to float32's last bits."""
    values = np.unique(y.astype(np.float64))
    return float(np.diff(values)[np.diff(values) > 1e-5].min())


def main():
    module, signatures, cases = tf.Module(), {}, {}
    for name, (f, shape) in GRAPHS.items():
        spec = tf.TensorSpec([None] + shape[1:], tf.float32, "x")
        if name.startswith("transposed"):  # whose batch is a constant here
            spec = tf.TensorSpec(shape, tf.float32, "x")
        signatures[name] = tf.function(lambda x, f=f: {"y": f(x)}).get_concrete_function(spec)
        cases[name] = (1.1 * rng.standard_normal(shape)).astype(np.float32)
    shutil.rmtree(TARGET, ignore_errors=True)
    os.makedirs(os.path.join(TARGET, "golden"))
    tf.saved_model.save(module, os.path.join(TARGET, "saved_model"), signatures=signatures)
    loaded = tf.saved_model.load(os.path.join(TARGET, "saved_model"))
    steps = {}
    for name, x in cases.items():
        y = loaded.signatures[name](x=tf.constant(x))["y"].numpy()
        steps[name] = step_of(y)
        np.savez(os.path.join(TARGET, "golden", f"{name}.0.npz"), **{"in.x": x, "out.y": y})
    with open(os.path.join(TARGET, "manifest.json"), "w") as f:
        json.dump({"name": "paths", "written_by": "tensorflow " + tf.__version__, "steps": steps}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
