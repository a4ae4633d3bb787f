"""Writes expected.inc: what TensorFlow computes for the cases of cases.h, same names, same inputs.

Run with TensorFlow installed: python make_expected.py > expected.inc
"""
import numpy as np
import tensorflow as tf


def unit(seed, n):
    i = np.arange(n, dtype=np.uint64)
    h = ((i + 1) * 2654435761 + seed * 40503) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    h = (h * 2246822519) & 0xFFFFFFFF
    h ^= h >> np.uint64(13)
    return (h >> np.uint64(8)).astype(np.float64) / 16777216.0


def rand(seed, shape, lo, hi, dtype=np.float32):
    v = lo + unit(seed, int(np.prod(shape))) * (hi - lo)
    v = v if np.dtype(dtype).kind == "f" else np.floor(v)
    return tf.constant(v.reshape(shape).astype(dtype))


def f(i, *shape, lo=-2, hi=2, dtype=np.float32):
    return rand(i, shape, lo, hi, dtype)


def k(seed, *shape):
    return rand(seed, shape, -1, 1)


I32, I64 = np.int32, np.int64
nn, m = tf.nn, tf.math
cases = {}
for name, fn, lo, hi in [
    ("abs", tf.abs, -2, 2), ("exp", tf.exp, -2, 2), ("log", m.log, 0.1, 3), ("log1p", m.log1p, -0.5, 3),
    ("expm1", m.expm1, -1, 1), ("sqrt", tf.sqrt, 0, 3), ("rsqrt", m.rsqrt, 0.1, 3), ("sin", tf.sin, -5, 5),
    ("atan", tf.atan, -5, 5), ("asinh", tf.asinh, -5, 5), ("erf", m.erf, -3, 3), ("erfc", m.erfc, -3, 3),
    ("floor", tf.floor, -5, 5), ("round", tf.round, -5, 5), ("sign", tf.sign, -5, 5), ("relu", nn.relu, -2, 2),
    ("relu6", nn.relu6, -4, 12), ("sigmoid", tf.sigmoid, -9, 9), ("tanh", tf.tanh, -4, 4), ("elu", nn.elu, -4, 4),
    ("selu", nn.selu, -4, 4), ("softsign", nn.softsign, -4, 4), ("softplus", nn.softplus, -9, 9),
    ("swish", nn.silu, -9, 9), ("gelu_erf", lambda x: nn.gelu(x, approximate=False), -4, 4),
    ("gelu_tanh", lambda x: nn.gelu(x, approximate=True), -4, 4),
    ("hard_swish", lambda x: x * nn.relu6(x + 3) / 6, -5, 5),
    ("mish", lambda x: x * tf.tanh(nn.softplus(x)), -5, 5),
]:
    cases["u_" + name] = fn(f(1, 3, 7, lo=lo, hi=hi))
cases["u_leaky"] = nn.leaky_relu(f(1, 33), 0.2)
cases["u_clip"] = tf.clip_by_value(f(1, 33), -0.5, 1.25)
cases["b_add"] = f(1, 2, 3, 5) + f(2, 5)
cases["b_mul_both"] = f(1, 2, 1, 5) * f(2, 3, 1)
cases["b_div"] = f(1, 4, 4) / f(2, 4, 4, lo=0.5)
cases["b_pow"] = tf.pow(f(1, 9, lo=0.2), f(2, 9))
cases["b_floormod"] = m.floormod(f(1, 9, lo=-20, hi=20, dtype=I32), f(2, 9, lo=1, hi=5, dtype=I32))
cases["b_floordiv"] = m.floordiv(f(1, 9, lo=-20, hi=20, dtype=I64), f(2, 9, lo=1, hi=5, dtype=I64))
cases["b_squared_difference"] = m.squared_difference(f(1, 2, 6), f(2, 2, 1))
cases["b_greater"] = f(1, 4, 3) > f(2, 4, 3)
x, y = f(1, 4, 3), f(2, 3)
cases["select_"] = tf.where(x < y, x, y)
cases["cast_int"] = tf.cast(f(1, 12, lo=-9, hi=9), tf.int32)
cases["cast_bool"] = tf.cast(f(1, 12, lo=0, hi=3, dtype=I32), tf.bool)
cases["cast_float"] = tf.cast(f(1, 12, lo=-9, hi=9, dtype=I64), tf.float32)
cases["conv_same"] = nn.conv2d(f(1, 2, 7, 6, 3), k(50, 3, 3, 3, 5), 2, "SAME")
cases["conv_valid_dilated"] = nn.conv2d(f(1, 1, 8, 9, 2), k(51, 3, 2, 2, 4), 1, "VALID", dilations=2)
cases["conv_1x1"] = nn.conv2d(f(1, 3, 5, 5, 16), k(52, 1, 1, 16, 17), 1, "VALID")
x, w = f(1, 1, 5, 4, 6), k(53, 3, 3, 2, 9)
cases["conv_grouped"] = tf.concat(
    [nn.conv2d(x[..., 2 * g:2 * g + 2], w[..., 3 * g:3 * g + 3], 1, "SAME") for g in range(3)], -1)
cases["conv_depthwise"] = nn.depthwise_conv2d(f(1, 2, 6, 7, 4), k(54, 3, 3, 4, 2), [1, 2, 2, 1], "SAME")
cases["conv_fused"] = nn.relu(nn.conv2d(f(1, 1, 5, 5, 3), k(55, 3, 3, 3, 8), 1, "SAME") + k(56, 8) + f(2, 1, 5, 5, 8))
x = tf.transpose(f(1, 2, 3, 6, 5), [0, 2, 3, 1])
x = nn.conv2d(x, k(57, 3, 3, 3, 4), 1, [[0, 0], [1, 1], [0, 1], [0, 0]])
cases["conv_nchw"] = tf.transpose(x, [0, 3, 1, 2])
cases["conv_1d"] = nn.conv1d(f(1, 2, 11, 3), k(58, 4, 3, 5), 2, "SAME")
cases["conv_3d"] = nn.conv3d(f(1, 1, 4, 3, 5, 2), k(59, 3, 3, 3, 2, 3), [1] * 5, "SAME")
cases["deconv_same"] = nn.conv2d_transpose(f(1, 2, 4, 3, 5), k(60, 3, 3, 2, 5), [2, 8, 6, 2], 2, "SAME")
cases["deconv_valid"] = nn.conv2d_transpose(f(1, 1, 3, 4, 2), k(61, 2, 3, 4, 2), [1, 6, 9, 4], 2, "VALID")
cases["matmul_plain"] = f(1, 5, 7) @ k(62, 7, 3)
cases["matmul_transposed"] = tf.matmul(f(1, 7, 5), f(2, 3, 7), True, True)
cases["matmul_batched"] = tf.matmul(f(1, 2, 1, 4, 6), f(2, 3, 5, 6), transpose_b=True)
cases["matmul_fused"] = nn.gelu(f(1, 2, 3, 8) @ k(63, 8, 6) + k(64, 6) + f(2, 2, 3, 6), approximate=False)
cases["matmul_vector"] = f(1, 1, 33) @ k(65, 33, 1)
cases["pool_max"] = nn.max_pool2d(f(1, 2, 7, 6, 3), 3, 2, "SAME")
cases["pool_avg"] = nn.avg_pool2d(f(1, 2, 7, 6, 3), 3, 2, "SAME")
cases["pool_avg_valid"] = nn.avg_pool2d(f(1, 1, 7, 6, 17), 2, 2, "VALID")
cases["softmax_last"] = nn.softmax(f(1, 3, 11))
cases["log_softmax"] = nn.log_softmax(f(1, 3, 11))
cases["reduce_mean"] = tf.reduce_mean(f(1, 2, 5, 3, 4), [1, 2])
cases["reduce_max"] = tf.reduce_max(f(1, 2, 5, 3), [0, -1], keepdims=True)
cases["reduce_sum_int"] = tf.reduce_sum(f(1, 4, 5, lo=-9, hi=9, dtype=I32), 0)
cases["reduce_prod"] = tf.reduce_prod(f(1, 4, 5), 1)
cases["reduce_l2"] = m.reduce_euclidean_norm(f(1, 4, 5), -1)
x = f(1, 2, 3, 9)
mean, var = nn.moments(x, [-1], keepdims=True)
cases["norm_last"] = nn.batch_normalization(x, mean, var, k(67, 9), k(66, 9), 1e-3)
cases["concat"] = tf.concat([f(1, 2, 3, 2), f(2, 2, 3, 1), f(3, 2, 3, 4)], -1)
cases["split_sizes"] = tf.split(f(1, 3, 5), [2, -1], 1)[1]
cases["slice_strided"] = f(1, 5, 6, 4)[1::2, 5:0:-2, -2]
cases["pad_constant"] = tf.pad(f(1, 2, 3), [[1, 2], [0, 3]], constant_values=0.5)
cases["pad_reflect"] = tf.pad(f(1, 3, 4), [[1, 2], [0, 3]], "REFLECT")
cases["gather"] = tf.gather(f(1, 2, 5, 3), f(2, 2, 2, lo=0, hi=5, dtype=I32), axis=1)
cases["gather_batch"] = tf.gather(f(1, 2, 5, 3), f(2, 2, 4, lo=0, hi=5, dtype=I64), axis=1, batch_dims=1)
cases["gather_nd"] = tf.gather_nd(f(1, 4, 4, 2), f(2, 3, 2, lo=0, hi=4, dtype=I32))
cases["transpose"] = tf.transpose(f(1, 2, 3, 4, 5), [0, 2, 3, 1])
cases["tile"] = tf.tile(f(1, 2, 3), [2, 3])
cases["broadcast_to"] = tf.broadcast_to(f(1, 3, 1), [2, 3, 4])
cases["pack"] = tf.stack([f(1, 2, 3), f(2, 2, 3)], 1)
raw = tf.raw_ops
cases["resize_nearest"] = raw.ResizeNearestNeighbor(images=f(1, 1, 3, 4, 2), size=[7, 6], half_pixel_centers=True)
cases["resize_bilinear"] = raw.ResizeBilinear(images=f(1, 1, 3, 4, 2), size=[7, 6], half_pixel_centers=True)
cases["resize_bilinear_corners"] = raw.ResizeBilinear(images=f(1, 2, 5, 4, 1), size=[3, 9], align_corners=True)
cases["resize_bicubic"] = raw.ResizeBicubic(images=f(1, 1, 5, 4, 2), size=[7, 9], half_pixel_centers=True)
cases["topk"] = list(m.top_k(f(1, 3, 9), 4))
cases["argmax"] = tf.argmax(f(1, 3, 5, 2), 1)
cases["cumsum"] = m.cumsum(f(1, 3, 5), 1, exclusive=True, reverse=True)
cases["one_hot"] = tf.one_hot(f(1, 2, 3, lo=-1, hi=5, dtype=I32), 4, 2.0, -1.0)
cases["reverse"] = tf.reverse(f(1, 3, 2, 4), [0, -1])
cases["depth_to_space"] = nn.depth_to_space(f(1, 1, 2, 3, 8), 2)
cases["space_to_depth"] = nn.space_to_depth(f(1, 2, 4, 2, 3), 2)
cases["space_to_batch"] = tf.space_to_batch(f(1, 2, 4, 4, 1), [2, 3], [[1, 1], [0, 2]])
cases["batch_to_space"] = raw.BatchToSpaceND(input=f(1, 6, 3, 2, 2), block_shape=[2, 3], crops=[[1, 0], [0, 2]])
cases["lrn"] = nn.lrn(f(1, 1, 2, 2, 7), 2, 1.0, 0.5, 0.75)
cases["nms"] = list(tf.image.combined_non_max_suppression(
    f(1, 2, 8, 1, 4, lo=0, hi=1.2), f(2, 2, 8, 3, lo=0, hi=1), 3, 6, 0.3, 0.2, clip_boxes=True))
cases["range_fill"] = tf.range(4) + 7
x, y = f(1, 2, 3, 5), f(2, 3, 1)
cases["fused_chain"] = tf.tanh(x * y + x)

for name, outputs in cases.items():
    for port, t in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        a = t.numpy()
        numbers = ", ".join(f"{float(v):.9g}" for v in a.ravel())
        shape = ", ".join(str(d) for d in a.shape)
        print(f'EXPECTED("{name}", {port}, DIMS({shape}), NUMBERS({numbers}))')
