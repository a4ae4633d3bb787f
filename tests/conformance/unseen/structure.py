"""Models whose files are unusual: TF1 builders, several signatures, state, defaults, init ops, optional ops."""
import os

import numpy as np
import tensorflow as tf

from .lib import S, f32, save_function, strings, unseen

F, I, L = tf.float32, tf.int32, tf.int64
v1 = tf.compat.v1


@unseen(v1=True)
def v1_simple_save(path, rng):
    with tf.Graph().as_default(), v1.Session() as s:
        x = v1.placeholder(F, [None, 6], "x")
        w = v1.get_variable("w", initializer=tf.constant(f32(rng, 6, 4)), use_resource=False)
        b = v1.get_variable("b", initializer=tf.constant(f32(rng, 4)), use_resource=True)
        y = v1.nn.relu_layer(x, w, b)
        m = v1.nn.batch_normalization(y, 0.1, 1.2, None, None, 1e-3)
        s.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(s, path, {"x": x}, {"y": y, "m": m})
    return [{"x": f32(rng, n, 6)} for n in (1, 3)]


@unseen(v1=True)
def v1_no_variables(path, rng):
    """A frozen graph wrapped by the builder: constants only, no variables folder."""
    with tf.Graph().as_default(), v1.Session() as s:
        x = v1.placeholder(F, [None, 8, 8, 3], "image")
        y = v1.nn.conv2d(x, tf.constant(f32(rng, 3, 3, 3, 4)), [1, 1, 1, 1], "SAME")
        y = v1.nn.max_pool(v1.nn.relu6(y), [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
        y = v1.nn.xw_plus_b(tf.reshape(y, [-1, 64]), tf.constant(f32(rng, 64, 5)), tf.constant(f32(rng, 5)), name="logits")
        info = v1.saved_model.build_tensor_info
        sig = v1.saved_model.build_signature_def({"image": info(x)}, {"scores": info(v1.nn.softmax(y))}, "tensorflow/serving/predict")
        b = v1.saved_model.Builder(path)
        b.add_meta_graph_and_variables(s, ["serve"], {"serving_default": sig}, clear_devices=True)
        b.save()
    return [{"image": f32(rng, n, 8, 8, 3)} for n in (1, 2)]


@unseen(v1=True)
def v1_table_and_rnn(path, rng):
    vocab = path + ".vocab"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(vocab, "w").write("a\nb\nc\n")
    with tf.Graph().as_default(), v1.Session() as s:
        t = v1.placeholder(tf.string, [None, None], "text")
        table = tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(vocab, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, L, tf.lookup.TextFileIndex.LINE_NUMBER), 2)
        ids = table.lookup(t)
        emb = v1.get_variable("emb", initializer=tf.constant(f32(rng, 5, 4)), use_resource=False, partitioner=None)
        x = v1.nn.embedding_lookup(emb, ids)
        w = v1.get_variable("w", initializer=tf.constant(f32(rng, 4, 4, scale=0.4)))
        h = v1.while_loop(lambda i, h: i < tf.shape(x)[1], lambda i, h: (i + 1, tf.tanh(h @ w + x[:, i])), (0, tf.zeros_like(x[:, 0])))[1]
        s.run([v1.global_variables_initializer(), v1.tables_initializer()])
        info = v1.saved_model.build_tensor_info
        sig = v1.saved_model.build_signature_def({"text": info(t)}, {"ids": info(ids), "h": info(h)}, "tensorflow/serving/predict")
        b = v1.saved_model.Builder(path)
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, tf.constant(vocab))
        b.add_meta_graph_and_variables(s, ["serve"], {"serving_default": sig}, main_op=v1.tables_initializer(), assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS))
        b.save()
    return [{"text": strings("a", "z", "c", "b", shape=(2, 2))}, {"text": strings("b", "b", "q", shape=(1, 3))}]


@unseen(v1=True)
def v1_block_cells(path, rng):
    """The fused recurrent cells of TF1, as frozen seq2seq models have them."""
    with tf.Graph().as_default(), v1.Session() as s:
        x = v1.placeholder(F, [5, None, 3], "x")
        n = tf.shape(x)[1]
        r = tf.raw_ops
        w = tf.constant(f32(rng, 7, 16, scale=0.5))
        z = tf.zeros([n, 4])
        common = dict(w=w, wci=tf.zeros([4]), wcf=tf.zeros([4]), wco=tf.zeros([4]), b=tf.constant(f32(rng, 16)))
        block = r.BlockLSTM(seq_len_max=tf.constant(5, L), x=x, cs_prev=z, h_prev=z, forget_bias=1.0, cell_clip=3.0, **common)
        v2 = r.BlockLSTMV2(seq_len_max=tf.constant(5, L), x=x, cs_prev=z, h_prev=z, **common)
        cell = r.LSTMBlockCell(x=x[0], cs_prev=z, h_prev=z + 0.1, forget_bias=1.0, cell_clip=-1.0, use_peephole=True, **dict(common, wci=tf.constant(f32(rng, 4)), wcf=tf.constant(f32(rng, 4)), wco=tf.constant(f32(rng, 4))))
        gru = r.GRUBlockCell(x=x[0], h_prev=z + 0.2, w_ru=tf.constant(f32(rng, 7, 8)), w_c=tf.constant(f32(rng, 7, 4)), b_ru=tf.constant(f32(rng, 8)), b_c=tf.constant(f32(rng, 4)))
        v1.saved_model.simple_save(s, path, {"x": x}, {"h": block.h, "cs": block.cs, "h2": v2.h, "ch": cell.h, "cc": cell.cs, "g": gru.h})
    return [{"x": f32(rng, 5, n, 3)} for n in (1, 2)]


@unseen()
def shared_signatures(path, rng):
    class M(tf.Module):
        def __init__(self):
            self.w = tf.Variable(f32(rng, 4, 8))
            self.v = tf.Variable(f32(rng, 8, 4))

        @tf.function(input_signature=[S([None, 4], F, name="x")])
        def encode(self, x):
            return {"z": tf.tanh(x @ self.w)}

        @tf.function(input_signature=[S([None, 8], F, name="z")])
        def decode(self, z):
            return {"x": z @ self.v}

        @tf.function(input_signature=[S([None, 4], F, name="x")])
        def both(self, x):
            return {"y": self.decode(self.encode(x)["z"])["x"], "x": x}
    m = M()
    tf.saved_model.save(m, path, signatures={"serving_default": m.both, "encode": m.encode, "decode": m.decode})
    return [{"x": f32(rng, 2, 4)}, ("encode", {"x": f32(rng, 3, 4)}), ("decode", {"z": f32(rng, 1, 8)}), {"x": f32(rng, 5, 4)}]


@unseen()
def state(path, rng):
    """A signature that changes variables: from a fresh load, one call."""
    m = tf.Module()
    m.n = tf.Variable(5, dtype=L)
    m.buf = tf.Variable(f32(rng, 6, 3))
    m.s = tf.Variable(["a", "b"])

    def f(x, i):
        m.n.assign_add(2)
        m.buf.scatter_add(tf.IndexedSlices(x, i))
        return m.n.read_value(), m.buf.read_value(), m.s.read_value(), m.buf.sparse_read([2, 0]), m.buf.gather_nd([[1, 2]])
    save_function(path, {"x": S([None, 3], F), "i": S([None], I)}, f, m)
    return [{"x": f32(rng, 2, 3), "i": np.array([4, 0], np.int32)}]


@unseen()
def batch_function(path, rng):
    m = tf.Module()
    m.w = tf.Variable(f32(rng, 4, 3))

    @tf.nondifferentiable_batch_function(1, 8, 10)
    def inner(x):
        return tf.nn.relu(x @ m.w)
    save_function(path, {"x": S([None, 4], F)}, lambda x: inner(x) + 1, m)
    return [{"x": f32(rng, n, 4)} for n in (1, 3)]


@unseen()
def structured_outputs(path, rng):
    def f(a, b):
        nest = {"p": [a, (b, {"q": a + b})], "r": {"s": tf.reduce_sum(a)}}
        flat = tf.nest.flatten_with_joined_string_paths(nest) if hasattr(tf.nest, "flatten_with_joined_string_paths") else [(f"o{i}", v) for i, v in enumerate(tf.nest.flatten(nest))]
        return {k.replace("/", "_"): v for k, v in flat} | {"with.dots-and_dash": a * 2, "Upper": b, "const": tf.constant([1, 2, 3]), "same": a}
    save_function(path, {"a": S([None, 2], F), "b": S([None, 2], F)}, f)
    return [{"a": f32(rng, 2, 2), "b": f32(rng, 2, 2)}]


@unseen()
def small_ops(path, rng):
    def f(x):
        r = tf.raw_ops
        return dict(bc=r.BroadcastArgs(s0=[2, 1], s1=[1, 3]), snap=r.Snapshot(input=x), norm=r.EuclideanNorm(input=x, axis=[1]), fill=r.Fill(dims=tf.shape(x), value=2.5), empty=tf.zeros_like(r.Empty(shape=[2, 3], dtype=F)))
    save_function(path, {"x": S([None, 4], F)}, f)
    return [{"x": f32(rng, n, 4)} for n in (2, 3)]


@unseen()
def init_of_unused_table(path, rng):
    """A second signature has a table whose initialiser is big; the default one does without."""
    class M(tf.Module):
        def __init__(self):
            self.t = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.strings.as_string(tf.range(100)), tf.range(100, dtype=L)), -1)

        @tf.function(input_signature=[S([None, 3], F, name="x")])
        def f(self, x):
            return {"y": tf.nn.relu(x) + 1}

        @tf.function(input_signature=[S([None], tf.string, name="s")])
        def g(self, s):
            return {"i": self.t.lookup(s)}
    m = M()
    tf.saved_model.save(m, path, signatures={"serving_default": m.f, "lookup": m.g})
    return [{"x": f32(rng, 2, 3)}, ("lookup", {"s": strings("17", "x")})]


@unseen(v1=True)
def v1_init_needs_unknown_op(path, rng):
    """A table is filled with what an op gives that we do not have; the signature that is wanted does without the table."""
    with tf.Graph().as_default(), v1.Session() as s:
        x, k = v1.placeholder(F, [None, 3], "x"), v1.placeholder(I, [None], "k")
        values = tf.raw_ops.UnicodeScript(input=[97, 945, 1080])
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant([1, 2, 3]), values), -1)
        y, z = tf.nn.relu(x) + 1, table.lookup(k)
        info = v1.saved_model.build_tensor_info
        sigs = {"serving_default": v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict"),
                "lookup": v1.saved_model.build_signature_def({"k": info(k)}, {"z": info(z)}, "tensorflow/serving/predict")}
        b = v1.saved_model.Builder(path)
        b.add_meta_graph_and_variables(s, ["serve"], sigs, main_op=v1.tables_initializer())
        b.save()
    return [{"x": f32(rng, n, 3)} for n in (1, 2)]


@unseen()
def gradient_in_signature(path, rng):
    """A serving function that differentiates: saliency maps do."""
    m = tf.Module()
    m.k = tf.Variable(f32(rng, 3, 3, 2, 4, scale=0.4))
    m.w = tf.Variable(f32(rng, 4, 3))

    def f(x):
        with tf.GradientTape() as t:
            t.watch(x)
            h = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, m.k, 1, "SAME")), 2, 2, "VALID")
            y = tf.reduce_max(tf.nn.softmax(tf.reduce_mean(h, [1, 2]) @ m.w), 1)
        return dict(y=y, g=t.gradient(y, x))
    save_function(path, {"x": S([None, 6, 6, 2], F)}, f, m)
    return [{"x": f32(rng, n, 6, 6, 2)} for n in (1, 2)]


@unseen()
def custom_gradient_and_names(path, rng):
    @tf.custom_gradient
    def clip(x):
        return tf.clip_by_value(x, -1, 1), lambda d: d

    def f(x):
        with tf.name_scope("a.b/c"):
            y = clip(x)
        tf.debugging.assert_greater(tf.shape(x)[0], 0, message="empty")
        tf.debugging.check_numerics(x, "nan")
        return tf.stop_gradient(y) + tf.recompute_grad(lambda t: tf.sin(t))(x), tf.grad_pass_through(tf.round)(x), tf.identity_n([x, y])[1]
    save_function(path, {"x": S([None, 3], F)}, f)
    return [{"x": f32(rng, n, 3)} for n in (1, 2)]


@unseen()
def jit_compiled(path, rng):
    m = tf.Module()
    m.w = tf.Variable(f32(rng, 4, 4))
    save_function(path, {"x": S([None, 4], F)}, lambda x: tf.nn.gelu(x @ m.w), m, jit=True)
    return [{"x": f32(rng, n, 4)} for n in (1, 2)]


@unseen()
def keras_mixed_precision(path, rng):
    import keras
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        m = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Flatten(), keras.layers.Dense(3, dtype="float32")])
        m.export(path, verbose=False)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    key = list(tf.saved_model.load(path).signatures["serving_default"].structured_input_signature[1])[0]
    return [{key: f32(rng, n, 8, 8, 3)} for n in (1, 2)]


from .lib import MODELS  # noqa: E402
MODELS["keras_mixed_precision"].update(rtol=2e-2, atol=2e-2)
