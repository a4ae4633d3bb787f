"""Graphs for engines of one batch size each (is_dynamic_op=False, TensorFlow 1): what is known of a batch, how large it may be, and
ops that change it. As cases of make_tf_trt_tests.py; tf_trt_tests/answers_v1.json has what TF-TRT makes of them."""
import contextlib

CASES = {}


def case(inputs, shapes, cls, **facts):
    def keep(f):
        CASES[f.__name__] = dict(fn=f, inputs=inputs, shapes=[shapes], dtypes=["float32"] * len(inputs), modes=["static"], cls=cls,
                                 values={}, twin=None, facts=facts)
        return f
    return keep


@contextlib.contextmanager
def largest_batch(o, size):
    """TF-TRT's annotation of nodes."""
    value = o.tf.compat.v1.AttrValue(i=size)
    with o.tf.compat.v1.get_default_graph()._attr_scope({"_tftrt_op_max_batch_size": value}):
        yield


def chain(o, x, name, constant=None):
    """Three nodes and a constant."""
    tf = o.tf
    x = tf.add(x, o.const(1.5, name=f"{name}_c") if constant is None else constant, name=f"{name}_add")
    return tf.add(tf.multiply(x, x, name=f"{name}_mul"), x, name=f"{name}_last")


def out(o, *tensors):
    return {f"output_{k}": o.tf.identity(t, name=f"out_{k}") for k, t in enumerate(tensors)}


# ---------------------------------------------------------------- AnnotateMaxBatchSizesTest

@case([[None, 8, 8, 2]] * 4, [[n, 8, 8, 2] for n in (3, 5, 2, 1)], "AnnotateMaxBatchSizesTest", max_batch_sizes=[64, 16, 32, 5])
def annotated_chains(o, a, b, c, d):
    """Four chains, three of them with the largest batch of their own."""
    results = []
    for x, name, size in (a, "a", 64), (b, "b", 16), (c, "c", 32), (d, "d", None):
        with largest_batch(o, size) if size else contextlib.nullcontext():
            results.append(chain(o, x, name))
    return out(o, *results)


@case([[None, 8, 2]], [[4, 8, 2]], "AnnotateMaxBatchSizesTest")
def annotated_in_turn(o, x):
    """One chain, whose annotation changes on the way; what has none is apart from both."""
    c = o.const(1.5, name="c")
    with largest_batch(o, 16):
        x = chain(o, x, "a", c)
    x = chain(o, x, "b", c)
    with largest_batch(o, 8):
        x = chain(o, x, "c", c)
    return out(o, chain(o, x, "d", c))


@case([[None, 8, 2]], [[4, 8, 2]], "AnnotateMaxBatchSizesTest")
def annotated_in_part(o, x):
    """A single node that is annotated parts a chain."""
    x = chain(o, x, "a")
    with largest_batch(o, 32):
        x = o.tf.nn.relu(x, name="middle")
    return out(o, chain(o, x, "b"))


@case([[8, 8, 2], [None, 8, 2]], [[8, 8, 2], [6, 8, 2]], "AnnotateMaxBatchSizesTest")
def annotated_known_batch(o, a, b):
    """An annotation on what has a static batch."""
    with largest_batch(o, 32):
        return out(o, chain(o, a, "a"), chain(o, b, "b"))


@case([[None, 8, 2]], [[4, 8, 2]], "AnnotateMaxBatchSizesTest")
def annotated_constants(o, x):
    """Constants are annotated too; a native op is between."""
    with largest_batch(o, 16):
        x = o.tf.multiply(x, o.weights(8, 2, name="w"), name="a_mul")
        x = o.alone(o.tf.nn.relu(x, name="a_relu"), name="between")
    with largest_batch(o, 4):
        return out(o, chain(o, x, "b"))


@case([[None, 8, 2], [None, 8, 2]], [[4, 8, 2], [3, 8, 2]], "AnnotateMaxBatchSizesTest", mixed=True)
def annotated_constant_alone(o, x, y):
    """A constant's annotation counts for nothing; equal ops and constants whose annotations differ are not one."""
    tf = o.tf
    with largest_batch(o, 16):
        w = o.weights(8, 2, name="w")
        one = tf.nn.relu(x, name="one")
        a = o.const(2.0, name="a_two")
    two = tf.nn.relu(x, name="two")
    b, c = o.const(2.0, name="b_two"), o.const(2.0, name="c_two")
    z = tf.add(tf.multiply(y, w, name="z_mul"), b, name="z_add")
    return out(o, tf.add(two, tf.multiply(two, c, name="two_mul"), name="two_add"), tf.multiply(one, a, name="one_mul"), z)


# ---------------------------------------------------------------- StaticBatchSizeTest

@case([[1, 8, 8, 2], [64, 8, 8, 2], [32, 8, 8, 2], [16, 8, 8, 2]], [[n, 8, 8, 2] for n in (1, 64, 32, 16)], "StaticBatchSizeTest",
      max_batch_sizes=[1, 64, 32, 16])
def static_batches(o, *inputs):
    """An engine for each batch that is known."""
    return out(o, *[chain(o, x, name) for x, name in zip(inputs, "abcd")])


@case([[6, 4, 3], [6, 4, 3], [3, 4, 3]], [[6, 4, 3], [6, 4, 3], [3, 4, 3]], "StaticBatchSizeTest")
def static_batches_meet(o, a, b, c):
    """Equal batches go together, others do not, a batch of one is broadcast."""
    tf = o.tf
    x = tf.add(chain(o, a, "a"), tf.nn.relu(b, name="b_relu"), name="sum")
    y = tf.multiply(tf.nn.relu(x, name="relu"), tf.constant(o.rng.standard_normal((1, 4, 3)), "float32", name="w"), name="product")
    return out(o, y, chain(o, c, "c"))


# ---------------------------------------------------------------- ReshapeTest

@case([[None, 24, 24, 2]], [[100, 24, 24, 2]], "ReshapeTest")
def static_reshape(o, x):
    """Reshapes that keep a batch of -1, and reshapes that may not."""
    tf, results = o.tf, []
    for k, shape in enumerate(([-1, 24 * 24, 2], [-1, 24 * 24 * 2], [100, 24, 48], [-1, 24, 2, 24], [-1, 24, 1], [50, 24, 24, 4])):
        y = tf.nn.relu(tf.add(x, o.const(1.0 + k, name=f"c{k}"), name=f"add{k}"), name=f"before{k}")
        y = tf.reshape(y, shape, name=f"reshape{k}")
        results.append(tf.nn.relu(tf.multiply(y, y, name=f"mul{k}"), name=f"after{k}"))
    return out(o, *results)


@case([[10, 6, 4]], [[10, 6, 4]], "ReshapeTest")
def static_reshape_known(o, x):
    """The same, of a batch that is known."""
    tf, results = o.tf, []
    for k, shape in enumerate(([-1, 24], [10, 4, 6], [10, -1], [5, 2, 24], [-1, 6, 8], [10, 2, 3, 4], [20, 12], [-1, 5, 24])):
        y = tf.nn.relu(tf.add(x, o.const(1.0 + k, name=f"c{k}"), name=f"add{k}"), name=f"before{k}")
        y = tf.reshape(y, shape, name=f"reshape{k}")
        results.append(tf.nn.relu(tf.multiply(y, y, name=f"mul{k}"), name=f"after{k}"))
    return out(o, *results)


@case([[None, 6, 4]], [[10, 6, 4]], "ReshapeTest")
def static_reshape_from_shape(o, x):
    """A reshape whose shape is computed."""
    tf = o.tf
    y = tf.nn.relu(tf.add(x, o.const(1.0, name="c"), name="add"), name="before")
    rows = tf.shape(y, name="shape")[0]
    y = tf.reshape(y, tf.stack([rows, 24], name="pack"), name="reshape")
    return out(o, tf.nn.relu(tf.multiply(y, y, name="mul"), name="after"))


# ---------------------------------------------------------------- TransposeTest, IncompatibleTransposeTest

@case([[None, 24, 24, 2]], [[12, 24, 24, 2]], "TransposeTest")
def static_transpose(o, x):
    """Transposes that keep the batch first."""
    tf = o.tf
    y = tf.nn.conv2d(x, o.filt(3, 1, 2, 4, name="w"), 1, "VALID", name="conv")
    y = tf.transpose(y, [0, 3, 1, 2], name="to_first")
    y = tf.transpose(tf.nn.relu(y, name="relu"), [0, 2, 3, 1], name="back")
    return out(o, tf.identity(tf.multiply(y, y, name="mul")))


@case([[12, 5, 12, 2]], [[12, 5, 12, 2]], "IncompatibleTransposeTest")
def static_transpose_of_batch(o, x):
    """Transposes that move the batch."""
    tf = o.tf
    y = tf.transpose(chain(o, x, "a"), [2, 1, 0, 3], name="swap")
    y = tf.nn.relu(tf.multiply(y, y, name="mul"), name="relu")
    z = tf.transpose(chain(o, x, "b"), [1, 2, 3, 0], name="turn")
    return out(o, y, tf.nn.relu(tf.multiply(z, z, name="mul_z"), name="relu_z"))


@case([[None, 5, 12, 2]], [[12, 5, 12, 2]], "IncompatibleTransposeTest")
def static_transpose_of_unknown_batch(o, x):
    """The same with a batch that is not known: beside the first dim nothing may be unknown."""
    tf = o.tf
    y = tf.transpose(chain(o, x, "a"), [2, 1, 0, 3], name="swap")
    y = tf.nn.relu(tf.multiply(y, y, name="mul"), name="relu")
    return out(o, tf.transpose(tf.nn.relu(tf.add(y, y, name="sum"), name="relu2"), [2, 1, 0, 3], name="swap_back"))


# ---------------------------------------------------------------- SegmentTest of dims that are not known

@case([[None, None, 4]], [[3, 5, 4]], "SegmentTest.ExcludeAddWithDynamicNonBatchDimension")
def static_unknown_dims(o, x):
    """What has an unknown dim beside the batch stays out; behind a reshape to known ones engines begin."""
    tf = o.tf
    y = tf.nn.relu(tf.add(x, o.const(1.0, name="c"), name="add"), name="relu")
    y = tf.reshape(y, [-1, 5, 4], name="known")
    y = tf.nn.relu(tf.multiply(y, y, name="mul"), name="after")
    z = tf.reshape(tf.nn.relu(tf.add(y, y, name="sum"), name="relu2"), [3, -1, 2], name="counted")
    return out(o, y, tf.nn.relu(tf.multiply(z, z, name="mul_z"), name="after_z"))
