#!/usr/bin/env python
"""One small seeded SavedModel for each black-box test class of TF-TRT, with golden outputs of TensorFlow.

  make_tf_trt_tests.py [name ...]              writes tf_trt_tests/<name>/ (venv with tensorflow 2.21)
  make_tf_trt_tests.py jobs DIR [name ...]     prints the job list for the oracle, whose answers go to DIR:
                                               tf_trt_oracle.py --jobs LIST (venv with the CUDA build of tensorflow 2.17.1)
  make_tf_trt_tests.py check DIR               node counts of the answers in DIR beside those of TF-TRT's own classes

The graphs are our own, made from what the classes are said to assert. `sizes` are the node counts of the engines that
the class itself gives, implicit batch mode / dynamic shapes (None: not known, or not run in that mode).
"""
import json, os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "tf_trt_tests")
CASES = {}
f32, f16, i32, boolean = "float32", "float16", "int32", "bool"


def case(inputs, shapes, sizes=(None, None), modes=("implicit", "dynamic"), dtype=f32, cls=None, values=None, twin=None,
         **facts):
    """inputs: a signature shape for each argument. shapes: a list of runs, each a shape for each argument. values: how an
    argument's array is made. twin: what computes the golden where TensorFlow has no CPU kernel for the model's own ops."""
    def keep(f):
        dtypes = dtype if isinstance(dtype, (list, tuple)) else [dtype] * len(inputs)
        CASES[f.__name__] = dict(fn=f, inputs=inputs, shapes=shapes, sizes=sizes, modes=list(modes), dtypes=list(dtypes),
                                 cls=cls or f.__doc__.split(":")[0], values=values or {}, twin=twin, facts=facts)
        return f
    return keep


class Ops:
    """What the graphs use, over one seeded generator."""
    def __init__(self, tf, seed):
        self.tf, self.rng = tf, np.random.default_rng(seed)

    def const(self, value, name=None, dtype=f32):
        return self.tf.constant(value, dtype=dtype, name=name)

    def weights(self, *shape, name=None, dtype=f32):
        return self.tf.constant(self.rng.standard_normal(shape), dtype=dtype, name=name)

    def alone(self, x, name=None):  # no engine takes it
        return self.tf.math.erfc(x, name=name)

    def filt(self, *shape, name=None):
        shape = [int(d) for d in shape]  # of TensorFlow 1 too
        return self.tf.constant(self.rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1])), dtype=f32, name=name)


# ---------------------------------------------------------------- base_test

@case([[None, 24, 24, 2]], [[[10, 24, 24, 2]]], ([6], [6]))
def simple_single_engine(o, x):
    """SimpleSingleEngineTest: convolution to pooling in one engine, the squeeze outside."""
    tf = o.tf
    x = tf.nn.conv2d(x, o.filt(1, 2, 2, 6, name="weights"), 2, "SAME", name="conv")
    x = tf.nn.bias_add(x, o.weights(6, name="bias"), name="biasadd")
    x = tf.identity(tf.nn.relu(x, name="relu"), name="between")
    x = tf.nn.max_pool2d(x, 2, 2, "VALID", name="pool")
    return tf.squeeze(x, name="out")


@case([[None, 24, 24, 2]], [[[6, 24, 24, 2]]], ([10, 5], [10, 5]), own_optimizers_off=True)
def simple_multi_engines(o, x):
    """SimpleMultiEnginesTest: two engines around an op that is not converted."""
    tf = o.tf
    conv = tf.nn.conv2d(x, o.filt(1, 1, 2, 6, name="weights"), 2, "SAME", name="conv")
    left = tf.multiply(conv, o.weights(12, 12, 6, name="c1"), name="mul")
    right = tf.divide(conv, o.const(1.5 + o.rng.random((12, 12, 6)), name="c2"), name="div")
    one = o.const(1.0, name="one")
    edge = tf.divide(tf.subtract(one, o.alone(right, name="incompatible"), name="one_sub"), one, name="div1")
    s = tf.add(tf.subtract(left, edge, name="sub"), tf.multiply(right, edge, name="mul1"), name="add")
    return tf.squeeze(tf.subtract(s, tf.add(edge, edge, name="add1"), name="sub1"), name="out")


def two_of_each(o, x, first):
    tf = o.tf
    for i in (first, first + 1):
        x = tf.add(x, o.const(1.0 + i, name=f"c{i}"), name=f"add{i}")
        x = tf.multiply(x, x, name=f"mul{i}")
    return x


@case([[None, 8, 8, 3]], [[[2, 8, 8, 3]]], ([6, 6], [6, 6]), values={0: lambda r, s: 0.1 * r.random(s)})
def simple_multi_engines2(o, x):
    """SimpleMultiEnginesTest2: two chains of two constants each, an op in between."""
    return o.tf.squeeze(two_of_each(o, o.alone(two_of_each(o, x, 0), name="between"), 2), name="out")


def add_mul_add(o, x, c, tag=""):
    tf = o.tf
    x = tf.add(x, c, name="add" + tag)
    x = tf.multiply(x, x, name="mul" + tag)
    return tf.add(x, x, name="plus" + tag)


@case([[None, 8, 8, 3]], [[[2, 8, 8, 3]]], ([4, 4], [4, 4]))
def const_input(o, x):
    """ConstInputTest: a Const that also waits before an op that is not converted stays in the graph."""
    tf = o.tf
    c = o.const(1.0, name="c")
    with tf.control_dependencies([c]):
        d = o.alone(x, name="before")
    with tf.control_dependencies([d]):
        x = add_mul_add(o, x, c)
    x = o.alone(x, name="between")
    with tf.control_dependencies([d]):
        x = add_mul_add(o, x, c, "1")
    return tf.squeeze(x, name="out")


@case([[None, 8, 8, 3]], [[[2, 8, 8, 3]]], ([4], [4]))
def const_data_input_single_engine(o, x):
    """ConstDataInputSingleEngineTest: a Const inside the engine."""
    return o.tf.squeeze(add_mul_add(o, x, o.const(1.0, name="c")), name="out")


@case([[None, 8, 8, 3]], [[[2, 8, 8, 3]]], ([4, 4], [4, 4]))
def const_data_input_multiple_engines(o, x):
    """ConstDataInputMultipleEnginesTest: a Const of two engines; the downstream one is number 000."""
    c = o.const(1.0, name="c")
    x = o.alone(add_mul_add(o, x, c), name="between")
    return o.tf.squeeze(add_mul_add(o, x, c, "1"), name="out")


@case([[None, 8, 8, 3]], [[[2, 8, 8, 3]]], ([4, 4], [4, 4]))
def control_dependency(o, x):
    """ControlDependencyTest: engines keep the control inputs of their nodes."""
    tf = o.tf
    c1, c2 = o.const(1.0, name="c1"), o.const(2.0, name="c2")
    d1, d2 = o.alone(x, name="d1"), o.alone(x, name="d2")
    with tf.control_dependencies([d1]):
        a = tf.add(x, c1, name="add")
    with tf.control_dependencies([d1]):
        m = tf.multiply(a, a, name="mul")
    with tf.control_dependencies([d1]):
        p = tf.add(m, m, name="add1")
    e = o.alone(p, name="between")
    with tf.control_dependencies([d1, d2, a, m]):
        a2 = tf.add(e, c2, name="add2")
    with tf.control_dependencies([d1, d2, p]):
        m2 = tf.multiply(a2, a2, name="mul1")
    with tf.control_dependencies([d1, d2, a, m, p]):
        p2 = tf.add(m2, m2, name="add3")
    return tf.squeeze(p2, name="out")


# ---------------------------------------------------------------- matmul

@case([[3, 5, 8, 12], [3, 5, 12, 7]], [[[3, 5, 8, 12], [3, 5, 12, 7]]], ([2], [2]))
def batch_matmul_two_tensor(o, a, b):
    """BatchMatMulTwoTensorTest: two tensors multiplied."""
    return o.tf.identity(o.tf.nn.relu(o.tf.matmul(a, b, name="matmul"), name="relu"), name="out")


@case([[None, 9, 5]], [[[12, 9, 5]]], ([2], [2]))
def batch_matmul_weight_broadcast(o, a):
    """BatchMatMulWeightBroadcastTest: a constant of shape [1,5,7]."""
    return o.tf.identity(o.tf.matmul(a, o.weights(1, 5, 7, name="kernel"), name="matmul"), name="out")


@case([[None, 9, 5]], [[[12, 9, 5]]], ([2], [2]))
def batch_matmul_weight_broadcast_dims2(o, a):
    """BatchMatMulWeightBroadcastDims2Test: a constant of shape [5,7]."""
    return o.tf.identity(o.tf.matmul(a, o.weights(5, 7, name="kernel"), name="matmul"), name="out")


@case([[None, 144]], [[[4, 144]]], ([48], [51, 4, 4]))
def biasadd_matmul(o, x):
    """BiasaddMatMulTest: thirteen ways to multiply and to add a bias."""
    tf = o.tf
    rows = [4, -1]
    x1 = tf.add(tf.matmul(x, o.filt(144, 4), name="m1"), o.weights(1, 4), name="a1")
    x2 = tf.add(tf.matmul(x, o.filt(4, 144), transpose_b=True, name="m2"), o.weights(1, 4), name="a2")
    x3 = tf.matmul(o.filt(4, 4), x, transpose_a=True, name="m3")
    x3 = o.alone(tf.add(x3, o.weights(4, 1), name="a3"), name="n3")
    x4 = tf.matmul(o.filt(144, 4), x, transpose_a=True, transpose_b=True, name="m4")
    x4 = o.alone(tf.add(x4, o.weights(4, 1), name="a4"), name="n4")
    parts = [x1, x2, x3, x4]
    parts.append(tf.nn.bias_add(x, o.weights(144), name="b5"))
    parts.append(tf.reshape(tf.matmul(x, o.filt(4, 3), transpose_a=True, name="m12"), rows, name="s12"))
    for k, (shape, n, form) in enumerate([([4, 24, 6], 6, "N...C"), ([4, 12, 4, 3], 3, "N...C"), ([4, 4, 3, 2, 6], 6, "N...C"),
                                          ([4, 12, 3, 2, 2], 12, "NC..."), ([4, 3, 4, 12], 3, "NC..."), ([4, 12, 12], 12, "NC..."),
                                          ([4, 2, 72], 2, "NC...")]):
        y = tf.reshape(x, shape, name=f"r{k + 6}")
        y = tf.raw_ops.BiasAdd(value=y, bias=o.weights(n), data_format="NHWC" if form == "N...C" else "NCHW", name=f"b{k + 6}")
        parts.append(tf.reshape(y, rows, name=f"s{k + 6}"))
    return tf.squeeze(tf.concat(parts, -1, name="concat"), name="out")


@case([[None, 6, 6, 5]], [[[4, 6, 6, 5]]], ([2] * 16, [2] * 17), fallback=True,
      values={0: lambda r, s: r.standard_normal(s)})
def binary_tensor_weight_broadcast(o, x):
    """BinaryTensorWeightBroadcastTest: eight shapes of constants, added from the left and from the right."""
    tf = o.tf
    for i, s in enumerate([(1,), (6, 1, 1), (6, 6, 5), (5,), (1, 6, 1, 1), (1, 6, 6, 1), (1, 6, 6, 5), (6, 5)]):
        x = o.alone(tf.add(x, o.weights(*s, name=f"a{i}"), name=f"right{i}"))
        x = o.alone(tf.add(o.weights(*s, name=f"b{i}"), x, name=f"left{i}"))
    return tf.identity(tf.reshape(x, [2, -1], name="flat"), name="out")


@case([[None, 5], [None, 5]], [[[6, 5], [6, 5]]], (None, [2]), modes=["dynamic"], dtype=boolean)
def bool_ops(o, a, b):
    """BoolTest: LogicalAnd and LogicalOr in an engine, NotEqual not, LogicalNot too small."""
    tf = o.tf
    x = tf.logical_or(tf.logical_and(a, b, name="and"), b, name="or")
    return tf.identity(tf.logical_not(tf.not_equal(x, b, name="differ"), name="not"), name="out")


@case([[None, 10]], [[[1, 10]]], ([6], [6]), half_inside=True)
def cast_half(o, x):
    """CastInt32ToFp32Test: to half and back in one engine."""
    tf = o.tf
    h = tf.multiply(tf.cast(x, f16, name="to_half"), o.weights(1, 10, dtype=f16, name="b16"), name="mul16")
    return tf.identity(tf.multiply(tf.cast(h, f32, name="to_float"), o.weights(1, 10, name="b32"), name="mul32"), name="out")


def boxes(r, s):
    c, w = r.random(s[:-1] + (2,)), 0.05 + 0.3 * r.random(s[:-1] + (2,))
    return np.concatenate([c - w / 2, c + w / 2], -1)


def nms(o, b, s, per_class, total):
    tf = o.tf
    r = tf.raw_ops.CombinedNonMaxSuppression(
        boxes=b, scores=s, max_output_size_per_class=o.const(per_class, dtype=i32, name="per_class"),
        max_total_size=o.const(total, dtype=i32, name="total"), iou_threshold=o.const(0.5, name="iou"),
        score_threshold=o.const(0.1, name="score"), name="nms")
    return dict(boxes=tf.identity(r[0]), scores=tf.identity(r[1]), classes=tf.identity(r[2]), valid=tf.identity(r[3]))


NMS = dict(values={0: boxes})


@case([[None, 200, 1, 4], [None, 200, 2]], [[[1, 200, 1, 4], [1, 200, 2]]], ([], [4]), **NMS)
def combined_nms(o, b, s):
    """CombinedNmsTest: boxes, scores, classes and counts out of one engine."""
    return nms(o, b, s, 3, 3)


@case([[None, 300, 1, 4], [None, 300, 2]], [[[1, 300, 1, 4], [1, 300, 2]]], ([], [5]), **NMS)
def combined_nms_top_k(o, b, s):
    """CombinedNmsTestTopK: more per class than in all."""
    return nms(o, b, s, 60, 20)


@case([[None, 3, 3, 1]], [[[2, 3, 3, 1]]], ([28], [30]))
def concatenation(o, x):
    """ConcatenationTest: twelve results of binary ops, concatenated."""
    tf = o.tf
    def const(s):
        return o.const(1.5 + o.rng.random(s))
    ops = (tf.divide, tf.add, tf.subtract, tf.multiply)
    r = [ops[k % 4](x, const([(3, 1, 1), (1,), (3, 3, 1)][k % 3]), name=f"r{k}") for k in range(6)]
    r += [ops[k % 4](const([(3, 1, 1), (1,), (3, 3, 1)][k % 3]), x, name=f"l{k}") for k in range(1, 6)]
    r.append(tf.minimum(x, const((3, 1, 1)), name="low"))
    one, two = tf.concat(r[:6], -1, name="one"), tf.concat(r[6:], 3, name="two")
    return tf.identity(tf.reshape(tf.concat([one, two], -1, name="all"), [1, -1], name="flat"), name="out")


@case([[None, 12, 12, 2]], [[[5, 12, 12, 2]]], ([8], [8]))
def const_broadcast(o, x):
    """ConstBroadcastTest: three convolutions with filters of one repeated value."""
    tf = o.tf
    y = tf.nn.relu(tf.nn.conv2d(x, tf.constant(0.3, shape=[3, 3, 2, 1], name="f1"), 1, "SAME", name="y1"), name="z1")
    y = tf.nn.relu(tf.nn.conv2d(y, tf.constant(0.3, shape=[3, 3, 1, 1], name="f2"), 1, "SAME", name="y2"), name="z2")
    return tf.identity(tf.nn.conv2d(y, tf.constant(0.2, shape=[3, 3, 1, 1], name="f3"), 1, "SAME", name="y3"), name="out")


# ---------------------------------------------------------------- convolution

def convs(o, x, form):
    tf = o.tf
    c = x.shape[1 if form == "NCHW" else 3]
    r = [tf.nn.conv2d(x, o.filt(kh, kw, c, 5), 1, "SAME", data_format=form, dilations=list(d), name=f"conv{kh}{kw}_{d[0]}{d[1]}")
         for kh, kw in ((3, 3), (3, 2)) for d in ((1, 1), (2, 3))]
    y = r[0]
    for k, z in enumerate(r[1:]):
        y = tf.add(y, z, name=f"sum{k}")
    return tf.identity(y, name="out")


def channels_last(f):
    """The same graph on the transposed input: TensorFlow has no NCHW convolution on CPUs."""
    def twin(o, x):
        return o.tf.transpose(f(o, o.tf.transpose(x, [0, 2, 3, 1]), "NHWC"), [0, 3, 1, 2])
    return twin


@case([[None, 3, 7, 11]], [[[13, 3, 7, 11]]], ([11], [11]), twin=channels_last(convs))
def conv2d_nchw(o, x):
    """Conv2DNCHWTest: kernels and dilations, channels first."""
    return convs(o, x, "NCHW")


@case([[None, 7, 11, 3]], [[[13, 7, 11, 3]]], ([11], [11]))
def conv2d_nhwc(o, x):
    """Conv2DNHWCTest: kernels and dilations, channels last."""
    return convs(o, x, "NHWC")


def strided(o, x, form):
    tf = o.tf
    c = x.shape[1 if form == "NCHW" else 3]
    y = tf.nn.conv2d(x, o.filt(3, 2, c, 5), 2, "SAME", data_format=form, name="conv")
    return tf.identity(tf.nn.conv2d(y, o.filt(3, 2, 5, 5), 1, "SAME", data_format=form, dilations=[2, 3], name="dilated"), name="out")


@case([[None, 3, 7, 11]], [[[13, 3, 7, 11]]], ([4], [4]), twin=channels_last(strided))
def conv2d_strided_nchw(o, x):
    """Conv2DStridedNCHWTest: strides, then dilation."""
    return strided(o, x, "NCHW")


def transposed(o, x, form):
    shape = [13, 6, 14, 22] if form == "NCHW" else [13, 14, 22, 6]
    c = x.shape[1 if form == "NCHW" else 3]
    return o.tf.identity(o.tf.nn.conv2d_transpose(x, o.filt(2, 2, 6, c), shape, 2, "SAME", data_format=form, name="up"), name="out")


@case([[None, 3, 7, 11]], [[[13, 3, 7, 11]]], ([3], [3]), twin=channels_last(transposed))
def conv2d_transpose(o, x):
    """Conv2DTranposeTest: channels first."""
    return transposed(o, x, "NCHW")


# ---------------------------------------------------------------- shapes

@case([[None, None]], [[[3, 4]], [[2, 5]], [[3, 4]]], (None, [10, 3]), modes=["dynamic"], fallback=True,
      values={0: lambda r, s: r.integers(0, 5, s)})
def data_dependent_shape(o, x):
    """DataDependentShapeTest: how long Unique's output is depends on values."""
    tf = o.tf
    y = tf.add(tf.multiply(x, o.const(2.0, name="two"), name="double"), o.const(1.0, name="one"), name="odd")
    y = tf.add(tf.abs(y, name="abs"), o.const(1.5, name="more"), name="even")
    y = tf.reshape(tf.nn.relu(y, name="relu"), [-1], name="flat")
    u, _ = tf.unique(y, name="unique")
    return tf.identity(tf.add(tf.multiply(u, u, name="square"), o.const(3.0, name="three"), name="shift"), name="out")


@case([[None, None, None, 1]], [[[1, 5, 5, 1]], [[10, 7, 7, 1]], [[1, 5, 5, 1]], [[8, 9, 6, 1]], [[10, 7, 7, 1]], [[3, 4, 9, 1]],
                                [[1, 5, 5, 1]], [[2, 6, 6, 1]]], ([13], [13]), engines_kept=8)
def dynamic_input_shapes(o, x):
    """DynamicInputShapesTest: one engine node for eight shapes, some of them repeated."""
    tf = o.tf
    for k, (ci, co) in enumerate([(1, 8), (8, 8)]):
        x = tf.nn.conv2d(x, o.filt(3, 3, ci, co, name=f"w{k}"), 1, "SAME", name=f"conv{k}")
        x = tf.nn.relu(tf.nn.bias_add(x, o.weights(co, name=f"b{k}"), name=f"bias{k}"), name=f"relu{k}")
    x = tf.nn.relu(tf.nn.conv2d(x, o.filt(3, 3, 8, 1, name="w2"), 1, "SAME", name="conv2"), name="relu2")
    return tf.identity(x, name="out")


@case([[None, 32]], [[[20, 32]]], ([2], [2]))
def identity_output(o, x):
    """IdentityOutputTest: one tensor is three outputs."""
    tf = o.tf
    y = tf.matmul(x, o.filt(32, 4, name="kernel"), name="matmul")
    first = tf.identity(y, name="first")
    return dict(output_0=first, output_1=tf.identity(first, name="second"), output_2=tf.identity(y, name="third"))


@case([[None, 4]], [[[10, 4]]], ([], []), dtype=i32, values={0: lambda r, s: r.integers(-9, 9, s)})
def exclude_unsupported_int32(o, x):
    """ExcludeUnsupportedInt32Test: products and biases of integers stay native."""
    tf = o.tf
    y = tf.matmul(x, tf.constant(o.rng.integers(-9, 9, (4, 10)), i32), name="matmul")
    return tf.identity(tf.nn.bias_add(y, tf.constant(o.rng.integers(-9, 9, 10), i32), name="bias"), name="out")


@case([[None, 4, 6]], [[[3, 4, 6]]], (None, [2]), modes=["dynamic"], dtype=i32, values={0: lambda r, s: r.integers(-9, 9, s)})
def calibration_int32(o, x):
    """CalibrationInt32Support: integers through an engine that is calibrated."""
    return o.tf.identity(o.tf.transpose(x, [0, 2, 1], name="turn"), name="out")


@case([[None, 10, 10, 2]], [[[1, 10, 10, 2]], [[2, 10, 10, 2]], [[4, 10, 10, 2]], [[2, 10, 10, 2]]], ([3], [3]),
      values={0: lambda r, s: r.random(s)})
def lru_cache(o, x):
    """LRUCacheTest: batches 1, 2, 4, 2 through a cache of one engine."""
    return o.tf.identity(o.tf.nn.relu(o.tf.nn.conv2d(x, o.filt(3, 3, 2, 1, name="filter"), 1, "SAME", name="conv"), name="relu"), name="out")


@case([[None, 15, 15, 3]], [[[2, 15, 15, 3]]], ([4], [4]))
def memory_alignment(o, x):
    """MemoryAlignmentTest: two 1x1 convolutions."""
    tf = o.tf
    x = tf.nn.conv2d(x, o.filt(1, 1, 3, 5, name="e1"), 1, "VALID", name="conv1")
    return tf.identity(tf.nn.conv2d(x, o.filt(1, 1, 5, 10, name="e2"), 1, "VALID", name="conv2"), name="out")


def multi_connection(o, x, form):
    tf = o.tf
    one = (1, 4, 1, 1) if form == "NCHW" else (1, 1, 1, 4)
    conv = tf.nn.conv2d(x, o.filt(3, 2, 3, 4, name="weights"), 1, "VALID", data_format=form, name="conv")
    t = tf.add(conv, o.weights(*one, name="b1"), name="add")
    q = tf.subtract(conv, o.weights(*one, name="b2"), name="sub")
    d = tf.add(o.weights(*one, name="b3"), conv, name="add1")
    d = o.alone(d, name="n1")
    q = o.alone(q, name="n2")
    t = tf.subtract(t, q, name="sub1")
    t = tf.add(t, d, name="add2")
    t = tf.multiply(t, conv, name="mul")
    t = tf.subtract(t, d, name="sub2")
    t = tf.add(t, q, name="add3")
    return tf.squeeze(t, name="out")


@case([[None, 3, 7, 5]], [[[2, 3, 7, 5]]], ([7, 6], [7, 6]), twin=channels_last(multi_connection))
def multi_connection_neighbor_engine(o, x):
    """MultiConnectionNeighborEngineTest: several edges between two engines and native ops."""
    return multi_connection(o, x, "NCHW")


def neighboring(o, x, form):
    tf = o.tf
    conv = tf.nn.conv2d(x, o.filt(3, 2, 3, 4, name="weights"), 1, "VALID", data_format=form, name="conv")
    b = o.const(np.random.default_rng(5).standard_normal(4).reshape((4, 1, 1) if form == "NCHW" else (4,)), name="bias")
    return tf.squeeze(tf.subtract(tf.multiply(conv, b, name="mul"), o.alone(conv, name="between"), name="sub"), name="out")


@case([[None, 3, 7, 5]], [[[2, 3, 7, 5]]], ([3, 2], [3, 2]), twin=channels_last(neighboring))
def neighboring_engine(o, x):
    """NeighboringEngineTest: 000 is what comes behind, 001 the convolution."""
    return neighboring(o, x, "NCHW")


# ---------------------------------------------------------------- quantization

def fake(o, x, r, k):
    return o.tf.quantization.fake_quant_with_min_max_vars(x, o.const(-r), o.const(r), name=f"q{k}")


@case([[None, 8]], [[[8, 8]]], (None, None), sizes_int8=([18], [18]), sizes_other=([2, 2], [2, 2]), quantized=True)
def quantization_with_ranges(o, x):
    """QuantizationWithRangesTest, NonQuantizedPrecisionsWithRangesTest: a fake quantization around every op."""
    tf = o.tf
    x = fake(o, x, 10.0, 0)
    x = fake(o, tf.add(x, o.const(5.0, name="five"), name="up"), 15.0, 1)
    x = fake(o, tf.subtract(x, o.const(5.0, name="five_too"), name="down"), 10.0, 2)
    x = fake(o, tf.multiply(x, o.const(0.1, name="tenth"), name="scale"), 1.0, 3)
    x = fake(o, tf.matmul(x, tf.constant(np.ones((8, 1)), f32, name="ones"), name="matmul"), 10.0, 4)
    return tf.identity(x, name="out")


@case([[None, 8]], [[[8, 8]]], (None, None))
def quantization_without_ranges(o, x):
    """QuantizationMissingAllRangesTest: INT8, and nothing says how large the values are."""
    tf = o.tf
    x = tf.add(x, o.const(5.0, name="five"), name="up")
    x = tf.multiply(x, o.const(0.1, name="tenth"), name="scale")
    return tf.identity(tf.matmul(x, tf.constant(np.ones((8, 1)), f32, name="ones"), name="matmul"), name="out")


# ---------------------------------------------------------------- ranks

def rank_path(o, x, k):
    tf = o.tf
    for j, v in enumerate((1.0, 2.2, 3.0)):
        x = tf.abs(tf.add(x, o.const(v + k, name=f"c{k}_{j}"), name=f"add{k}_{j}"), name=f"abs{k}_{j}")
    return x


@case([[None, 5], [None, 5, 2, 2]], [[[12, 5], [12, 5, 2, 2]]], ([11, 8, 2], [11, 11]))
def rank_two(o, a, b):
    """RankTwoTest: inputs of rank 2 and 4."""
    tf = o.tf
    p = tf.abs(tf.add(a, o.const(1.0, name="p_c1"), name="p_add1"), name="p_abs1")
    p = tf.abs(tf.add(p, o.const(2.2, name="p_c2"), name="p_add2"), name="p_abs2")
    p = tf.add(p, o.const(3.0, name="p_c3"), name="p_add3")
    p = tf.matmul(p, p, transpose_a=True, name="p_square")  # no product with a batch
    p = tf.math.reciprocal(tf.sqrt(p, name="p_sqrt"), name="p_inverse")
    q = tf.negative(tf.math.reciprocal(rank_path(o, b, 1), name="inverse"), name="negative")
    return dict(output_0=tf.identity(p, name="out_0"), output_1=tf.identity(q, name="out_1"))


@case([[None, 5], [None, 5, 2, 2]], [[[12, 5], [12, 5, 2, 2]]], cls="RankTwoTest")
def rank_two_sum(o, a, b):
    """RankTwoTest: two ranks meet in a sum."""
    tf = o.tf
    p, q = rank_path(o, a, 0), rank_path(o, b, 1)
    p = tf.expand_dims(p, -1, name="e1")
    p = tf.math.reciprocal(tf.expand_dims(p, -1, name="e2"), name="r0")
    return tf.squeeze(tf.add(p, tf.math.reciprocal(q, name="r1"), name="sum"), name="out")


@case([[None, 12, 5]], [[[1, 12, 5]]], ([5, 3], [9]))
def trt_mode_static(o, x):
    """TrtModeTestBase, StaticInputTest: the batch is squeezed away in the middle."""
    return mode(o, x)


def mode(o, x):
    tf = o.tf
    x = tf.add(tf.abs(x, name="a_abs"), o.const(1.0, name="a_one"), name="a_add")
    x = tf.squeeze(tf.multiply(x, o.const(3.0, name="a_three"), name="a_mul"), 0, name="squeeze")
    return tf.identity(tf.add(tf.abs(x, name="b_abs"), o.const(5.0, name="b_five"), name="b_add"), name="out")


@case([[None, None, None]], [[[1, 12, 5]], [[1, 2, 3]], [[1, 4, 6]]], ([5, 3], [9]), engines_kept=3)
def trt_mode_dynamic(o, x):
    """DynamicInputTest: the same graph with three shapes."""
    return mode(o, x)


@case([[None, 5, 8, 1, 12, 1, 1], [None, 8, 12]], [[[12, 5, 8, 1, 12, 1, 1], [5, 8, 12]]], ([19, 22], [43]),
      values={0: lambda r, s: r.random(s) * 0.8 - 0.4, 1: lambda r, s: r.random(s) * 0.8 - 0.4})
def unary(o, x, y):
    """UnaryTest: chains of unary ops, one of them with another batch size."""
    tf = o.tf
    q = tf.math.log(tf.exp(tf.add(tf.abs(x), o.const(1.0))))
    q = tf.squeeze(q, -2)
    q = tf.math.rsqrt(tf.sqrt(tf.add(tf.abs(q), o.const(2.2))))
    q = tf.squeeze(tf.negative(q), 3)
    q = tf.squeeze(tf.abs(q), -1)
    q = tf.sigmoid(tf.math.reciprocal(tf.add(q, o.const(3.0))))
    for f in ("Asin", "Acos", "Sin", "Cos", "Tan", "Atan", "Sinh", "Asinh", "Cosh", "Acosh", "Tanh", "Atanh", "Ceil", "Neg", "Exp",
              "Floor", "Sigmoid", "Rsqrt"):
        y = getattr(tf.raw_ops, f)(x=y)
    y = tf.math.reciprocal(tf.add(tf.abs(y), o.const(3.5)))
    return tf.squeeze(tf.abs(tf.multiply(q, y, name="product"), name="size"), name="out")


def vgg(o, x, form):
    tf = o.tf
    two = [1.0, 1.0]
    x = tf.raw_ops.FusedBatchNormV3(x=x, scale=o.const(two, name="scale"), offset=o.const([0.1, -0.2], name="offset"),
                                    mean=o.const([0.5, 0.5], name="mean"), variance=o.const(two, name="variance"), epsilon=1e-3,
                                    data_format=form, is_training=False, name="norm")[0]
    x = tf.nn.conv2d(x, o.filt(3, 3, 2, 6, name="weights"), 2, "SAME", data_format=form, name="conv")
    x = tf.nn.relu(tf.nn.bias_add(x, o.weights(6, name="bias"), data_format=form, name="biasadd"), name="relu")
    x = tf.identity(x, name="between")
    return tf.squeeze(tf.nn.max_pool2d(x, 2, 2, "VALID", data_format=form, name="pool"), name="out")


def vgg_last(o, x):
    y = vgg(o, o.tf.transpose(x, [0, 2, 3, 1]), "NHWC")
    return o.tf.transpose(y, [0, 3, 1, 2])


@case([[None, 8, 8, 2]], [[[5, 8, 8, 2]]], ([10], [10]), fallback=True)
def vgg_block(o, x):
    """VGGBlockTest: normalization to pooling, channels last."""
    return vgg(o, x, "NHWC")


@case([[None, 2, 8, 8]], [[[5, 2, 8, 8]]], ([10], [10]), fallback=True, twin=vgg_last)
def vgg_block_nchw(o, x):
    """VGGBlockNCHWTest: normalization to pooling, channels first."""
    return vgg(o, x, "NCHW")


# ---------------------------------------------------------------- shape tensors

def double_plus_one(o, x, tag="a_"):
    tf = o.tf
    x = tf.multiply(x, o.const(2.0, name=tag + "two"), name=tag + "double")
    return tf.add(x, o.const(1.0, name=tag + "one"), name=tag + "odd")


def after_shape(o, q):
    """What the tests do with a shape: cast it, which stays native, and compute on."""
    tf = o.tf
    q = tf.cast(q, f32, name="cast")
    q = tf.negative(tf.nn.relu(double_plus_one(o, q, "b_"), name="b_relu"), name="b_negative")
    return tf.identity(tf.multiply(q, q, name="b_last"), name="out")


@case([[None, None, 5, 3]], [[[2, 2, 5, 3]], [[8, 2, 5, 3]]], (None, [6, 7]), modes=["dynamic"], engines_kept=2)
def shape_output(o, x):
    """ShapeOutputTest: a shape is an output of the engine."""
    return after_shape(o, o.tf.shape(o.tf.abs(double_plus_one(o, x), name="a_abs"), name="a_shape"))


@case([[None, None, 5, 3]], [[[2, 2, 5, 3]]], (None, [6, 7]), modes=["dynamic"])
def shape_output_single_profile(o, x):
    """ShapeOutputWithSingleInputProfile: one shape only."""
    return after_shape(o, o.tf.shape(o.tf.abs(double_plus_one(o, x), name="a_abs"), name="a_shape"))


@case([[None, None, 5, 3]], [[[2, 2, 5, 3]]], ([5, 7], [8, 7]))
def shape_output_reshape(o, x):
    """ShapeOutputWithSingleInputAndReshape: the shape becomes two by two."""
    tf = o.tf
    q = tf.shape(tf.abs(double_plus_one(o, x), name="a_abs"), name="a_shape")
    return after_shape(o, tf.reshape(q, [2, 2], name="a_square"))


@case([[None, None], [None, None]], [[[3, 4], [6, 2]], [[6, 5], [3, 10]]], (None, [9]), modes=["dynamic"], engines_kept=2)
def pruned_input(o, x, y):
    """PrunedInputTest: only the shape of an input is used."""
    tf = o.tf
    z = tf.reshape(double_plus_one(o, x), tf.shape(y, name="shape"), name="again")
    return tf.identity(tf.nn.relu(tf.add(z, o.const(0.25, name="quarter"), name="add"), name="relu"), name="out")


@case([[None, None], [None, None, 5], [None, 5]], [[[3, 5], [3, 2, 5], [2, 5]], [[6, 5], [6, 4, 5], [7, 5]]], (None, [12]), modes=["dynamic"],
      engines_kept=2)
def pruned_input2(o, x, y, z):
    """PrunedInputTest2: of two inputs only the shapes are used."""
    tf = o.tf
    s = tf.concat([tf.slice(tf.shape(y, name="shape_y"), [0], [1], name="rows"), tf.slice(tf.shape(z, name="shape_z"), [1], [1], name="columns")], 0,
                  name="both")
    return tf.identity(tf.reshape(tf.abs(tf.multiply(x, o.const(2.0, name="two"), name="double"), name="abs"), s, name="again"), name="out")


@case([[None], []], [[[4], []]], (None, [3]), modes=["dynamic"], dtype=f16, half_inside=True)
def shape_value_mask(o, x, y):
    """ShapeValueMaskTest: halves of rank 0 and 1 are no shape tensors."""
    tf = o.tf
    return tf.identity(tf.abs(tf.add(tf.multiply(x, y, name="mul"), y, name="add"), name="abs"), name="out")


@case([[None]], [[[4]], [[5]], [[10]]], (None, [8]), modes=["dynamic"], dtype=i32, values={0: lambda r, s: r.integers(0, 20, s)}, engines_kept=3)
def input_profile(o, x):
    """InputProfile: integers of rank 1 that are data, not a shape."""
    tf = o.tf
    q = tf.multiply(x, tf.constant(2, i32, name="two"), name="double")
    q = tf.add(tf.add(q, tf.constant(3, i32, name="three"), name="plus"), x, name="more")
    return tf.identity(tf.subtract(tf.multiply(q, x, name="times"), tf.constant(7, i32, name="seven"), name="less"), name="out")


# ---------------------------------------------------------------- the rest

@case([[None, 20]], [[[10, 20]]], ([2], [2]))
def top_k(o, x):
    """TopKTest: values and indices."""
    v, i = o.tf.math.top_k(x, 5, name="topk")
    return dict(output_0=o.tf.identity(v, name="values"), output_1=o.tf.identity(i, name="indices"))


@case([[None, 20]], [[[10, 20]]], ([4], [4]))
def top_k_output_type(o, x):
    """TopKOutputTypeTest: integers are reshaped in the engine."""
    tf = o.tf
    v, i = tf.math.top_k(x, 5, name="topk")
    i = tf.reshape(i, [10, 1, 5], name="columns")
    return dict(output_0=tf.identity(v, name="values"), output_1=tf.identity(i, name="indices"))


@case([[None, 2, 1, 4]], [[[3, 2, 1, 4]]], ([3], [5]))
def trt_engine_op_shape(o, x):
    """TRTEngineOpInputOutputShapeTest: the loaded signature knows the shapes."""
    tf = o.tf
    b = tf.squeeze(x, 2, name="squeeze")
    c = tf.nn.relu(b, name="relu")
    d1, d2 = tf.add(b, c, name="sum"), tf.reduce_sum(c, name="total")
    return dict(output_0=tf.identity(d1, name="matrix"), output_1=tf.identity(d2, name="scalar"))


TF_TRT_FUNCTION = dict(_tftrt_convert_function=True, _tftrt_trt_logger_name=b"DefaultLogger", _tftrt_max_batch_size=10,
                       _tftrt_max_workspace_size_bytes=1 << 25, _tftrt_precision_mode=b"FP16", _tftrt_minimum_segment_size=2,
                       _tftrt_is_dyn_op=True, _tftrt_max_cached_engines=1, _tftrt_use_calibration=False,
                       _tftrt_use_implicit_batch=False, _tftrt_profile_strategy=b"Range", _tftrt_allow_build_at_runtime=True,
                       _noinline=True)


TF_TRT_FUNCTION_IMPLICIT = dict(TF_TRT_FUNCTION, _tftrt_precision_mode=b"INT8", _tftrt_use_implicit_batch=True,
                                _tftrt_minimum_segment_size=3, _tftrt_max_batch_size=4, _tftrt_max_cached_engines=2)


@case([[None, 4, 5]], [[[3, 4, 5]]], (None, None), function_attributes=TF_TRT_FUNCTION)
def tf_function(o, x):
    """TfFunctionTest: a tf.function that asks for a conversion of its own."""
    tf = o.tf

    @tf.function
    def inner(y):
        return tf.nn.relu(tf.add(tf.multiply(y, y), o.const(2.0)))
    return tf.identity(inner(x), name="out")


@case([[None, 4, 5]], [[[3, 4, 5]]], (None, None), cls="TfFunctionTest", function_attributes=TF_TRT_FUNCTION)
def tf_function_nested(o, x):
    """TfFunctionTest: one asks, and calls another that asks and one that does not; engines in all."""
    tf = o.tf

    @tf.function
    def outside(y):
        return tf.sqrt(tf.exp(tf.tanh(y)))

    @tf.function
    def inner_leaf(y):
        return tf.tanh(tf.multiply(tf.nn.relu(y), o.const(0.5)))

    @tf.function
    def inner(y):
        return tf.exp(outside(inner_leaf(tf.nn.relu(tf.add(tf.multiply(y, y), o.const(2.0))))))
    return tf.identity(inner(tf.abs(tf.multiply(x, o.const(0.5)))), name="out")


@case([[None, 4, 5]], [[[3, 4, 5]], [[4, 4, 5]]], (None, None), cls="TfFunctionTest", function_attributes=TF_TRT_FUNCTION_IMPLICIT, engines_kept=2)
def tf_function_twice(o, x):
    """TfFunctionTest: called twice, in implicit batch mode and INT8 without ranges, which is FP16."""
    tf = o.tf

    @tf.function
    def inner(y):
        return tf.nn.relu(tf.add(tf.multiply(y, y), o.const(2.0)))
    return tf.identity(tf.sqrt(tf.abs(inner(o.alone(inner(x))))), name="out")


@case([[None, 4, 5]], [[[3, 4, 5]]], (None, None), cls="TfFunctionTest", function_attributes={
    k: v for k, v in TF_TRT_FUNCTION.items() if k != "_noinline"})
def tf_function_inlined(o, x):
    """TfFunctionTest: one that may be inlined, which it is before TF-TRT sees it (but not in TensorFlow 1)."""
    tf = o.tf

    @tf.function
    def inner(y):
        return tf.nn.relu(tf.add(tf.multiply(y, y), o.const(2.0)))
    return tf.identity(inner(tf.abs(tf.multiply(x, o.const(0.5)))), name="out")


@case([[None, 4, 5]], [[[3, 4, 5]]], (None, None), cls="TfFunctionTest", function_attributes={
    k: v for k, v in TF_TRT_FUNCTION.items() if k != "_tftrt_is_dyn_op"})
def tf_function_incomplete(o, x):
    """TfFunctionTest: an attribute is missing: the function stays as it is."""
    tf = o.tf

    @tf.function
    def inner(y):
        return tf.nn.relu(tf.add(tf.multiply(y, y), o.const(2.0)))
    return tf.identity(inner(tf.abs(tf.multiply(x, o.const(0.5, name="a_half"), name="half"), name="positive")), name="out")


@case([[None, 4, 5], []], [[[3, 4, 5], []], [[3, 4, 5], []]], (None, None), cls="TfFunctionTest", function_attributes=TF_TRT_FUNCTION,
      dtype=[f32, boolean])
def tf_function_branch(o, x, p):
    """TfFunctionTest: called in a branch."""
    tf = o.tf

    @tf.function
    def inner(y):
        return tf.nn.relu(tf.add(tf.multiply(y, y), o.const(2.0)))
    return tf.identity(tf.cond(p, lambda: inner(x), lambda: tf.exp(x)), name="out")


@case([[None, 6]], [[[3, 6]]], (None, None), cls="TfFunctionTest", function_attributes=TF_TRT_FUNCTION, variables=[
    [[0.5 - 0.1 * i + 0.05 * k for k in range(6)] for i in range(6)]])
def tf_function_weights(o, x):
    """TfFunctionTest: weights are variables, which the function gets as arguments."""
    tf = o.tf

    @tf.function
    def inner(y):
        return tf.nn.relu(tf.add(tf.matmul(y, o.variables[0]), o.const(0.25)))
    return tf.identity(inner(tf.abs(inner(x))), name="out")


# ---------------------------------------------------------------- trt_convert_test, and what its models become

@case([[None, 1, 1], [None, 1, 1]], [[[2, 1, 1], [2, 1, 1]], [[4, 1, 1], [4, 1, 1]]], (None, None), cls="TrtConvertTest", engines_kept=2)
def square_and_product(o, a, b):
    """TrtConvertTest: a*a + a*v + a + b + v."""
    tf = o.tf
    v = o.const([[[1.0]]], name="v")
    s = tf.add(tf.multiply(a, a, name="square"), tf.multiply(a, v, name="product"), name="s1")
    return tf.identity(tf.add(tf.add(tf.add(s, a, name="s2"), b, name="s3"), v, name="s4"), name="out")


@case([[None, None]], [[[2, 3]], [[4, 3]]], (None, [None, None]), modes=["dynamic"], cls="TrtConvertTest", engines_kept=2)
def shape_op_int32(o, x):
    """TrtConvertTest.ShapeOp_Int32InputOutput: a shape, an op that is not converted, integers into an engine."""
    tf = o.tf
    s = tf.shape(tf.add(x, o.const(1.0, name="one"), name="add"), name="shape")
    s = tf.cumsum(s, name="cumsum")
    return tf.identity(tf.multiply(s, tf.constant(2, i32, name="two"), name="double"), name="out")


@case([[None, 1, 1]], [[[2, 1, 1]], [[5, 1, 1]]], cls="TrtConvertTest.RetainSignatureInfo", names=["zeta"], engines_kept=2)
def signature_keys(o, x):
    """TrtConvertTest.RetainSignatureInfo: outputs with names of their own, out of order."""
    tf = o.tf
    y = add_mul_add(o, x, o.const(2.0, name="c"))
    return dict(second=tf.identity(y, name="y"), first=tf.identity(tf.nn.relu(y, name="relu"), name="z"))


@case([[None, 2], [None, 3]], [[[4, 2], [4, 3]]], cls="TrtConvertTest.RetainSignatureInfo", names=["right", "left"])
def signature_two_inputs(o, x, y):
    """TrtConvertTest.RetainSignatureInfo: two inputs, of which the second is first in the alphabet."""
    tf = o.tf
    return dict(sum=tf.identity(tf.nn.relu(tf.concat([tf.abs(x), tf.exp(y)], 1, name="both"), name="relu"), name="out"))


@case([], [[]], ([], []), cls="TrtConvertTest.RetainSignatureInfo")
def signature_no_inputs(o):
    """TrtConvertTest.RetainSignatureInfo: no inputs, so that nothing is left to convert."""
    return o.tf.identity(o.tf.add(o.const([1.0, 2.0]), o.const([3.0, 4.0])), name="out")


@case([[None, 1, 1]], [[[1, 1, 1]], [[3, 1, 1]]], cls="TrtConvertTest.ReadVariableOp", variables=[2.0, 40.0],
      values={0: lambda r, s: np.ones(s)}, engines_kept=2)
def read_variables(o, x):
    """TrtConvertTest.ReadVariableOp, TrtConverterTest of C++: variables are weights; ones in, 42 out."""
    tf = o.tf
    return tf.identity(tf.add(tf.multiply(x, o.variables[0], name="mul"), o.variables[1], name="add"), name="out")


# ---------------------------------------------------------------- segment_test, convert_graph_test

@case([[None, 4]], [[[3, 4]]], cls="SegmentTest.Simple", minimum=2)
def segment_union(o, x):
    """SegmentTest.Simple: all that touches is one segment."""
    tf = o.tf
    a = tf.add(x, x, name="a")
    b, c = tf.add(a, a, name="b"), tf.add(a, x, name="c")
    return tf.identity(tf.add(b, c, name="d"), name="out")


@case([[None, 4]], [[[3, 4]]], cls="SegmentTest.AvoidCycle", minimum=2)
def segment_avoid_cycle(o, x):
    """SegmentTest.AvoidCycle: a pair that surrounds an op may not become one segment."""
    tf = o.tf
    a = tf.add(x, x, name="a")
    return tf.identity(tf.add(a, o.alone(a, name="b"), name="c"), name="out")


@case([[None, 4]], [[[3, 4]]], cls="SegmentTest.Multiple", minimum=2)
def segment_multiple(o, x):
    """SegmentTest.Multiple: two segments around an op."""
    tf = o.tf
    a, b = tf.add(x, x, name="a"), tf.add(x, o.const(1.0, name="k"), name="b")
    c, d = tf.add(a, b, name="c"), tf.add(a, x, name="d")
    e = o.alone(c, name="e")
    g, h = tf.add(e, d, name="g"), tf.add(d, d, name="h")
    return tf.identity(tf.add(tf.add(g, e, name="i"), h, name="j"), name="out")


@case([[None, 4], []], [[[3, 4], []], [[3, 4], []]], cls="SegmentTest.BigIfElse", minimum=2, dtype=[f32, boolean])
def segment_big_if_else(o, x, p):
    """SegmentTest.BigIfElse: Switch and Merge around two branches."""
    tf = o.tf
    return tf.identity(tf.cond(p, lambda: tf.nn.relu(tf.add(x, x)) * o.const(2.0), lambda: tf.nn.relu(tf.multiply(x, x)) - o.const(1.0)), name="out")


@case([[None, 4]], [[[3, 4]]], ([], []), cls="SegmentTest.IdentityOps", minimum=2)
def segment_identity_ops(o, x):
    """SegmentTest.IdentityOps: nothing but Identity makes no segment."""
    tf = o.tf
    for k in range(4):
        x = tf.identity(x, name=f"i{k}")
    return x


@case([[None]], [[[5]]], ([], [4]), cls="SegmentTest.RankOneCannotUseImplicitBatch", minimum=2)
def segment_rank_one(o, x):
    """SegmentTest.RankOneCannotUseImplicitBatch: vectors have no batch."""
    return o.tf.identity(add_mul_add(o, x, o.const(1.0, name="c")), name="out")


@case([[None, 4], [None, 4]], [[[3, 4], [7, 4]]], cls="SegmentTest.TwoChainsDiffBatchSizes", minimum=2)
def segment_two_chains(o, x, y):
    """SegmentTest.TwoChainsDiffBatchSizes: chains of different batches share a Const."""
    tf = o.tf
    c = o.const([[0.5, -1.0, 2.0, 3.0]], name="c")
    a = tf.nn.relu(tf.add(x, c, name="a0"), name="a1")
    b = tf.nn.relu(tf.add(y, c, name="b0"), name="b1")
    return dict(a=tf.identity(a), b=tf.identity(b))


@case([[None, 2]], [[[3, 2]]], ([3], [3]), cls="SegmentTest.SameRankImplicitBroadcastingDynamicBatchSize", minimum=2)
def segment_same_rank_broadcast(o, x):
    """SegmentTest.SameRankImplicitBroadcastingDynamicBatchSize: [-1,2] with a constant [1,1]."""
    return o.tf.identity(o.tf.add(o.tf.add(x, o.const([[1.5]], name="c"), name="a"), x, name="b"), name="out")


@case([[None, 2]], [[[2, 2]]], cls="SegmentTest.IncompatibleBatchSizes", minimum=2)
def segment_incompatible_batch(o, x):
    """SegmentTest.IncompatibleBatchSizes: [-1,2] with a constant [2,2]."""
    return o.tf.identity(o.tf.add(o.tf.add(x, o.const([[1.5, 1], [2, 3]], name="c"), name="a"), x, name="b"), name="out")


@case([[None, 4, 3]], [[[3, 4, 3]]], cls="ConvertGraphTest.DirectlyConnectedEngines", minimum=2, values={0: lambda r, s: r.random(s)})
def directly_connected(o, x):
    """ConvertGraphTest.DirectlyConnectedEngines: an engine that reads another one."""
    tf = o.tf
    a = tf.multiply(tf.add(x, x, name="a1"), x, name="a2")
    c = tf.add(o.alone(a, name="b"), a, name="c")
    return tf.identity(tf.add(c, a, name="d"), name="out")


# ---------------------------------------------------------------- quantization_ops_test: explicit precision

def qdq(o, x, r, k):
    return o.tf.raw_ops.QuantizeAndDequantizeV2(input=x, input_min=-r, input_max=r, range_given=True, name=f"qdq{k}")


@case([[None, 8, 8, 3]], [[[2, 8, 8, 3]]], cls="QDQExplicitTest", explicit=True)
def qdq_conv(o, x):
    """QDQExplicitTest.Conv2D: quantized input and filter."""
    tf = o.tf
    y = tf.nn.conv2d(qdq(o, x, 3.0, 0), qdq(o, o.filt(3, 3, 3, 4, name="w"), 1.0, 1), 1, "SAME", name="conv")
    return tf.identity(tf.nn.relu(y, name="relu"), name="out")


@case([[None, 8]], [[[4, 8]]], cls="QDQExplicitTest", explicit=True)
def qdq_matmul(o, x):
    """QDQExplicitTest.MatMul: quantized input and kernel."""
    tf = o.tf
    y = tf.matmul(qdq(o, x, 3.0, 0), qdq(o, o.filt(8, 5, name="w"), 1.0, 1), name="matmul")
    return tf.identity(tf.nn.relu(y, name="relu"), name="out")


@case([[None, 8, 8, 3]], [[[2, 8, 8, 3]]], cls="QDQExplicitTest", explicit=True)
def qdq_residual(o, x):
    """QDQExplicitTest.ResidualAdd, Conv2D with pooling: a quantized sum, then a pool."""
    tf = o.tf
    q = qdq(o, x, 3.0, 0)
    y = tf.nn.conv2d(q, qdq(o, o.filt(3, 3, 3, 3, name="w"), 1.0, 1), 1, "SAME", name="conv")
    y = tf.add(qdq(o, y, 4.0, 2), q, name="residual")
    return tf.identity(tf.nn.max_pool2d(qdq(o, y, 6.0, 3), 2, 2, "VALID", name="pool"), name="out")


EXPLICIT = dict(cls="QDQExplicitTest", explicit=True)
ROOM = [[[2, 6, 6, 3]]]


@case([[None, 6, 6, 3]], ROOM, **EXPLICIT)
def qdq_depthwise(o, x):
    """QDQExplicitTest: a depthwise convolution."""
    tf = o.tf
    w = qdq(o, o.filt(3, 3, 3, 1, name="w"), 1.0, 1)
    return tf.identity(tf.nn.relu(tf.nn.depthwise_conv2d(qdq(o, x, 3.0, 0), w, [1, 1, 1, 1], "SAME")), name="out")


@case([[None, 6, 6, 3]], ROOM, **EXPLICIT)
def qdq_transpose(o, x):
    """QDQExplicitTest: a transposed convolution."""
    tf = o.tf
    w = qdq(o, o.filt(2, 2, 4, 3, name="w"), 1.0, 1)
    return tf.identity(tf.nn.relu(tf.nn.conv2d_transpose(qdq(o, x, 3.0, 0), w, [2, 12, 12, 4], 2, "SAME", name="up")), name="out")


@case([[None, 6, 6, 3], [3, 3, 3, 4]], [[[2, 6, 6, 3], [3, 3, 3, 4]]], **EXPLICIT)
def qdq_given_filter(o, x, w):
    """QDQExplicitTest: the filter is an input, not quantized."""
    tf = o.tf
    return tf.identity(tf.nn.relu(tf.nn.conv2d(qdq(o, x, 3.0, 0), tf.multiply(w, o.const(2.0)), 1, "SAME", name="conv")), name="out")


@case([[None, 6, 6, 3]], ROOM, **EXPLICIT)
def qdq_plain_filter(o, x):
    """QDQExplicitTest: the filter is a constant, which keeps the convolution out."""
    tf = o.tf
    return tf.identity(tf.nn.relu(tf.nn.conv2d(qdq(o, x, 3.0, 0), o.filt(3, 3, 3, 4, name="w"), 1, "SAME", name="conv")), name="out")


@case([[None, 5, 5, 5, 3]], [[[2, 5, 5, 5, 3]]], **EXPLICIT)
def qdq_conv3d(o, x):
    """QDQExplicitTest: in three dimensions filters have to be constants."""
    tf = o.tf
    w = qdq(o, o.filt(3, 3, 3, 3, 4, name="w"), 1.0, 1)
    return tf.identity(tf.nn.relu(tf.nn.conv3d(qdq(o, x, 3.0, 0), w, [1] * 5, "SAME", name="conv")), name="out")


# ---------------------------------------------------------------- what Grappler does to constants, beside the classes

@case([[None, None, 5]], [[[3, 5, 5]], [[2, 4, 5]]], cls="constants pushed down", engines_kept=2)
def push_minus(o, x):
    """Constants pushed down: out of (a - b) - c."""
    tf = o.tf
    y = tf.subtract(tf.multiply(x, x, name="square"), tf.abs(x, name="size"), name="inner")
    return tf.identity(tf.abs(tf.subtract(y, o.const([1.0, 2.0, 3.0, 4.0, 5.0], name="c"), name="outer"), name="last"), name="out")


@case([[None, None, 5], [5]], [[[3, 5, 5], [5]]], cls="constants pushed down")
def push_wide(o, x, y):
    """Constants pushed down: a constant that is larger than what it meets then."""
    tf = o.tf
    z = tf.add(y, tf.abs(x, name="size"), name="inner")
    return tf.identity(tf.abs(tf.add(z, o.weights(5, 5, name="c"), name="outer"), name="last"), name="out")


@case([[None, 4, 5], [None, 4, 5]], [[[3, 4, 5], [3, 4, 5]]], cls="constants pushed down")
def push_two_batches(o, x, y):
    """Constants pushed down: two batches and a constant with a third."""
    tf = o.tf
    z = tf.divide(tf.sin(y, name="sine"), tf.add(tf.abs(x, name="size"), o.const(1.0, name="one"), name="above"), name="inner")
    return tf.identity(tf.abs(tf.multiply(z, o.weights(3, 4, 5, name="c"), name="outer"), name="last"), name="out")


@case([[None, 4], [None, 4]], [[[3, 4], [3, 4]]], cls="operands sorted by name")
def operand_order(o, x, y):
    """Operands sorted by name: which of two batches counts."""
    tf = o.tf
    a = tf.nn.relu(tf.maximum(x, o.const(0.5, name="half"), name="larger"), name="relu")
    z = tf.sigmoid(tf.multiply(y, a, name="product"), name="last")
    return dict(output_0=tf.identity(z, name="out"), output_1=tf.identity(a, name="out1"))


@case([[None, 4], [None, 3]], [[[3, 4], [3, 3]]], cls="concatenations merged")
def concat_twice(o, x, y):
    """Concatenations merged: one that the next one reads twice."""
    tf = o.tf
    inner = tf.concat([tf.abs(x, name="size"), y], -1, name="inner")
    return tf.identity(tf.nn.relu(tf.concat([inner, inner], -1, name="outer"), name="relu"), name="out")


# ---------------------------------------------------------------- writing

def seed_of(name):
    return sum(ord(c) * (k + 1) for k, c in enumerate(name))


def graph_of_tensorflow_1(c, name, tf):
    """Builds a case in the default graph of a TensorFlow 1 program: the outputs by their keys' order, and the largest batch."""
    names = c["facts"].get("names") or [f"input_{k}" for k in range(len(c["inputs"]))]
    inputs = [tf.compat.v1.placeholder(d, s, n) for n, s, d in zip(names, c["inputs"], c["dtypes"])]
    out = c["fn"](Ops(tf, seed_of(name)), *inputs)
    batches = [s[0] for run in c["shapes"] for s in run if s]
    return [out[k] for k in sorted(out)] if isinstance(out, dict) else [out], max(batches, default=1)


def graphs_of_tensorflow_1():
    """Of all cases, and of those for static engines, but those of variables and of functions that ask for a conversion."""
    import functools
    import static_graphs
    return {name: functools.partial(graph_of_tensorflow_1, c, name) for name, c in {**CASES, **static_graphs.CASES}.items()
            if not c["facts"].get("variables") and "function_attributes" not in c["facts"] and c["inputs"]}


def mark_functions(graph_def, attributes):
    """Those named inner...: tf.function takes no such attributes from users any more."""
    for f in graph_def.library.function:
        if f.signature.name.startswith("__inference_inner"):
            for k, v in attributes.items():
                setattr(f.attr[k], "b" if isinstance(v, bool) else "i" if isinstance(v, int) else "s", v)


def mark_saved_functions(path, attributes):
    from tensorflow.core.protobuf import saved_model_pb2
    file = os.path.join(path, "saved_model.pb")
    with open(file, "rb") as f:
        m = saved_model_pb2.SavedModel.FromString(f.read())
    mark_functions(m.meta_graphs[0].graph_def, attributes)
    with open(file, "wb") as f:
        f.write(m.SerializeToString(deterministic=True))


def write(name):
    import shutil
    import tensorflow as tf
    # Grappler fuses a product and an Add of a bias of shape [1,n] into an op that then refuses that shape.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    c = CASES[name]
    base = os.path.join(TARGET, name)
    path = os.path.join(base, "saved_model")
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(os.path.join(base, "golden"))

    names = c["facts"].get("names") or [f"input_{k}" for k in range(len(c["inputs"]))]

    def function(build):
        specs = [tf.TensorSpec(s, d, name=n) for n, s, d in zip(names, c["inputs"], c["dtypes"])]

        def run(*args):
            o = Ops(tf, seed_of(name))
            o.variables = m.v
            out = build(o, *args)
            return out if isinstance(out, dict) else {"output_0": out}
        return tf.function(run, input_signature=specs, autograph=False)
    m = tf.Module()
    m.v = [tf.Variable(v) for v in c["facts"].get("variables", [])]
    m.run = function(c["fn"])
    tf.saved_model.save(m, path, signatures={"serving_default": m.run})
    if "function_attributes" in c["facts"]:
        mark_saved_functions(path, c["facts"]["function_attributes"])
    loaded = tf.saved_model.load(path)  # has the variables
    golden = function(c["twin"]) if c["twin"] else loaded.run
    rng = np.random.default_rng(seed_of(name) + 1)
    cases = []
    for k, shapes in enumerate(c["shapes"]):
        args = []
        for i, (s, d) in enumerate(zip(shapes, c["dtypes"])):
            make = c["values"].get(i) or ((lambda r, s: r.random(s) > 0.5) if d == boolean else (lambda r, s: r.standard_normal(s)))
            args.append(np.asarray(make(rng, tuple(s))).astype(d))
        if c["dtypes"][-1:] == [boolean] and shapes[-1] == []:
            args[-1] = np.asarray(k == 0)
        out = {n: v.numpy() for n, v in golden(*[tf.constant(a) for a in args]).items()}
        for n, v in out.items():
            assert v.dtype.kind != "f" or np.isfinite(v).all(), (name, n)
        file = f"serving_default.{k}.npz"
        np.savez(os.path.join(base, "golden", file), **{"in." + n: a for n, a in zip(names, args)}, **{"out." + n: v for n, v in out.items()})
        cases.append("golden/" + file)
    shutil.rmtree(os.path.join(path, "assets"), ignore_errors=True)
    manifest = dict(name=name, tf_trt=c["cls"], written_by="tensorflow " + tf.__version__, modes=c["modes"], cases=cases,
                    engines_kept=c["facts"].get("engines_kept", 1), **{k: v for k, v in c["facts"].items() if k in (
                        "fallback", "explicit", "quantized")})
    if c["facts"].get("half_inside"):
        manifest["features"] = ["fp16"]
    json.dump(manifest, open(os.path.join(base, "manifest.json"), "w"), indent=1)
    print(name, flush=True)


PRECISIONS = ("FP32", "FP16", "INT8")


def jobs(folder, names):
    for n in names:
        for p in PRECISIONS:
            for mode in ("implicit", "dynamic"):
                words = [os.path.join(TARGET, n, "saved_model"), os.path.join(folder, f"{n}.{p.lower()}-{mode}.json"), "--min-segment", "2",
                         "--precision", p]
                if mode == "dynamic":
                    words += ["--dynamic", "--profile-strategy", "ImplicitBatchModeCompatible"]
                print(" ".join(words))


def check(folder, names):
    for n in names:
        for k, mode in enumerate(("implicit", "dynamic")):
            for p in PRECISIONS:
                path = os.path.join(folder, f"{n}.{p.lower()}-{mode}.json")
                if not os.path.exists(path):
                    continue
                a = json.load(open(path))
                got = [len(e["nodes"]) for e in sorted(a.get("engines", []), key=lambda e: e["name"].split("_")[-1])]
                f = CASES[n]["facts"]
                want = f.get("sizes_int8" if p == "INT8" else "sizes_other", CASES[n]["sizes"])[k]
                bad = want is not None and None not in want and got != want
                if p == "FP32" or bad:
                    print(f"{n:36} {p} {mode:9} {got} {'WANT ' + str(want) if bad else ''} {a.get('error', '')[:90]}")


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["jobs"]:
        jobs(words[1], words[2:] or CASES)
    elif words[:1] == ["check"]:
        check(words[1], words[2:] or CASES)
    else:
        for n in words or CASES:
            write(n)
