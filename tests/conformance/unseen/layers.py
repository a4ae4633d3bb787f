"""Keras layers: Keras 3 exports, and tf-keras where a model file of Keras 2 looks different."""
import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

from .lib import S, f32, save_function, strings, unseen


def export(path, m):
    m.export(path, verbose=False)
    keys = tf.saved_model.load(path).signatures["serving_default"].structured_input_signature[1]
    return sorted(keys, key=lambda k: int("0" + "".join(c for c in k if c.isdigit())))  # keras_tensor_99 before keras_tensor_100


def sequential(path, rng, shape, layers, sizes=(1, 3), scale=1.0, dtype="float32"):
    m = keras.Sequential([keras.Input(shape, dtype=dtype)] + layers)
    for w in m.weights:
        if w.name in ("bias", "beta", "gamma", "moving_mean"):
            w.assign(w + 0.1 * rng.standard_normal(w.shape))
    key, = export(path, m)
    return [{key: f32(rng, n, *[5 if d is None else d for d in shape], scale=scale)} for n in sizes]


@unseen()
def gru_masking(path, rng):
    return sequential(path, rng, (None, 6), [L.Masking(0.0), L.GRU(8, return_sequences=True), L.GRU(5)])


@unseen()
def embedding_mask_lstm(path, rng):
    m = keras.Sequential([keras.Input((None,), dtype="int32"), L.Embedding(20, 6, mask_zero=True),
                          L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Bidirectional(L.GRU(4)), L.Dense(3, "softmax")])
    key, = export(path, m)
    return [{key: np.array([[3, 4, 5, 0, 0], [1, 2, 0, 0, 0]], np.int32)}, {key: np.array([[7, 1, 19]], np.int32)}]


@unseen()
def simple_rnn_stacked(path, rng):
    cells = L.StackedRNNCells([L.SimpleRNNCell(5), L.LSTMCell(4), L.GRUCell(3, reset_after=False)])
    return sequential(path, rng, (7, 4), [L.RNN(cells, return_sequences=True, go_backwards=True), L.TimeDistributed(L.Dense(2))])


@unseen()
def conv_lstm(path, rng):
    return sequential(path, rng, (4, 8, 8, 2), [L.ConvLSTM2D(3, 3, padding="same", return_sequences=True), L.ConvLSTM2D(2, 3)])


@unseen()
def conv_lstm1d(path, rng):
    return sequential(path, rng, (5, 9, 2), [L.ConvLSTM1D(3, 3, padding="same", strides=2)])


@unseen()
def attention(path, rng):
    q, v = keras.Input((None, 8)), keras.Input((None, 8))
    x = L.MultiHeadAttention(2, 4, value_dim=3)(q, v, use_causal_mask=False)
    y = L.AdditiveAttention()([q, v])
    z = L.Attention(use_scale=True)([q, v])
    g = L.GroupQueryAttention(4, 4, 2)(q, v)
    a, b = export(path, keras.Model([q, v], [x, y, z, g]))
    return [{a: f32(rng, n, 5, 8), b: f32(rng, n, 7, 8)} for n in (1, 4)]


@unseen()
def causal_attention(path, rng):
    q = keras.Input((None, 8))
    x = L.MultiHeadAttention(2, 4)(q, q, use_causal_mask=True)
    x = L.LayerNormalization()(x + q)
    key, = export(path, keras.Model(q, x))
    return [{key: f32(rng, n, t, 8)} for n, t in ((1, 1), (2, 6))]


@unseen()
def gan_generator(path, rng):
    return sequential(path, rng, (16,), [L.Dense(4 * 4 * 8, use_bias=False), L.BatchNormalization(), L.LeakyReLU(), L.Reshape((4, 4, 8)),
                                         L.Conv2DTranspose(8, 5, padding="same", use_bias=False), L.BatchNormalization(), L.LeakyReLU(),
                                         L.Conv2DTranspose(4, 4, strides=2, padding="same"), L.PReLU(shared_axes=[1, 2]),
                                         L.Conv2DTranspose(3, 3, strides=3, padding="valid", output_padding=1, activation="tanh")])


@unseen()
def wavenet(path, rng):
    x = i = keras.Input((None, 1))
    x = L.Conv1D(6, 1)(x)
    skips = []
    for d in (1, 2, 4, 8):
        y = L.Multiply()([L.Conv1D(6, 2, dilation_rate=d, padding="causal", activation="tanh")(x),
                          L.Conv1D(6, 2, dilation_rate=d, padding="causal", activation="sigmoid")(x)])
        skips.append(L.Conv1D(6, 1)(y))
        x = L.Add()([x, skips[-1]])
    x = L.ReLU()(L.Add()(skips))
    key, = export(path, keras.Model(i, L.Conv1D(4, 1, activation="softmax")(x)))
    return [{key: f32(rng, n, t, 1)} for n, t in ((1, 20), (2, 33))]


@unseen()
def conv3d(path, rng):
    return sequential(path, rng, (6, 8, 8, 2), [L.Conv3D(4, 3, padding="same", activation="relu"), L.MaxPooling3D((1, 2, 2)), L.BatchNormalization(),
                                                L.Conv3D(3, (2, 3, 3), strides=2), L.AveragePooling3D((2, 1, 1)), L.Conv3DTranspose(2, 2, strides=2),
                                                L.UpSampling3D(2), L.ZeroPadding3D(1), L.Cropping3D(1), L.GlobalMaxPooling3D()])


@unseen()
def separable(path, rng):
    return sequential(path, rng, (12, 12, 3), [L.SeparableConv2D(6, 3, depth_multiplier=2, activation="gelu"), L.DepthwiseConv2D(3, strides=2, depth_multiplier=2),
                                               L.Reshape((16, 12)), L.SeparableConv1D(5, 3, dilation_rate=2), L.DepthwiseConv1D(3), L.GlobalAveragePooling1D()])


@unseen()
def normalisations(path, rng):
    return sequential(path, rng, (6, 6, 8), [L.GroupNormalization(4), L.LayerNormalization(axis=[1, 2, 3]), L.Conv2D(6, 1), L.UnitNormalization(),
                                             L.GroupNormalization(-1), L.SpectralNormalization(L.Conv2D(4, 3)), L.RMSNormalization(),
                                             L.BatchNormalization(axis=1), L.LayerNormalization(axis=1, epsilon=1e-2)])


@unseen()
def einsum_dense(path, rng):
    return sequential(path, rng, (5, 8), [L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="relu"),
                                          L.EinsumDense("abde,def->abf", (None, 4)), L.EinsumDense("...x,xy->...y", (3,))])


@unseen()
def activations(path, rng):
    x = i = keras.Input((10,))
    names = ["relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "hard_sigmoid", "hard_silu", "hard_tanh", "mish", "softplus",
             "softsign", "tanh", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus", "sparse_plus", "glu", "exponential", "softmax",
             "log_softmax", "log_sigmoid", "sparsemax", "sparse_sigmoid"]
    ys = [L.Activation(n)(x) for n in names if hasattr(keras.activations, n)]
    ys += [L.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.3)(x), L.ELU(0.5)(x), L.PReLU("uniform")(x), L.Softmax(axis=-1)(x)]
    key, = export(path, keras.Model(i, ys))
    return [{key: f32(rng, n, 10, scale=2)} for n in (1, 4)]


@unseen()
def pools_and_crops(path, rng):
    i = keras.Input((None, None, 3))
    ys = [L.MaxPooling2D(3, 2, "same")(i), L.AveragePooling2D(3, 2, "same")(i), L.GlobalMaxPooling2D()(i), L.GlobalAveragePooling2D(keepdims=True)(i),
          L.ZeroPadding2D(((1, 2), (0, 3)))(i), L.Cropping2D(((1, 0), (2, 1)))(i),
          L.Permute((3, 1, 2))(i)]
    key, = export(path, keras.Model(i, ys))
    return [{key: f32(rng, n, h, w, 3)} for n, h, w in ((1, 8, 9), (2, 7, 11))]


@unseen()
def merges(path, rng):
    a, b = keras.Input((4, 6)), keras.Input((4, 6))
    ys = [c()([a, b]) for c in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)]
    ys += [L.Concatenate(axis=1)([a, b]), L.Dot(axes=2)([a, b]), L.Dot(axes=(1, 1), normalize=True)([a, b]), L.RepeatVector(3)(L.Flatten()(a)),
           L.Lambda(lambda x: tf.reverse(x, [1]), output_shape=(4, 6))(a)]
    i, j = export(path, keras.Model([a, b], ys))
    return [{i: f32(rng, n, 4, 6), j: f32(rng, n, 4, 6)} for n in (1, 2, 7)]


# ---------------------------------------------------------------- preprocessing

@unseen()
def text_vectorization(path, rng):
    v = L.TextVectorization(max_tokens=30, output_sequence_length=6)
    v.adapt(tf.constant(["The quick brown fox, jumps!", "over the lazy dog.", "the fox"]))
    m = keras.Sequential([keras.Input((1,), dtype="string"), v, L.Embedding(30, 4), L.GlobalAveragePooling1D(), L.Dense(2)])
    key, = export(path, m)
    return [{key: strings("the FOX jumps", "a lazy cat", "", shape=(3, 1))}, {key: strings("dog!dog?", shape=(1, 1))}]


@unseen()
def text_vectorization_variants(path, rng):
    i = keras.Input((), dtype="string")
    texts = tf.constant(["the quick brown fox", "the lazy dog", "quick quick dog"])
    ys = []
    for kw in (dict(output_mode="multi_hot"), dict(output_mode="count", ngrams=2), dict(output_mode="tf_idf"), dict(split="character", output_mode="int"),
               dict(standardize="strip_punctuation", output_mode="int")):
        v = L.TextVectorization(**kw)
        v.adapt(texts)
        ys.append(v(i))
    key, = export(path, keras.Model(i, ys))
    return [{key: strings("the quick cat", "dog, dog")}, {key: strings("Fox")}]


@unseen()
def lookups(path, rng):
    s, n = keras.Input((2,), dtype="string"), keras.Input((2,), dtype="int64")
    up = L.StringLookup(vocabulary=["a", "b", "c"], num_oov_indices=2)
    ys = [up(s), L.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot", num_oov_indices=1)(s[:, 0]), L.IntegerLookup(vocabulary=[5, 9, 100])(n),
          L.IntegerLookup(vocabulary=[5, 9], output_mode="multi_hot", num_oov_indices=2)(n), L.StringLookup(vocabulary=["a", "b", "c"], invert=True)(n - 5),
          L.Hashing(7)(s), L.Hashing(5, salt=[11, 12])(s), L.HashedCrossing(9)((s[:, 0], n[:, 0])), L.CategoryEncoding(12, "multi_hot")(n)]
    a, b = export(path, keras.Model([s, n], ys))
    return [{a: strings("a", "zz", "c", "b", shape=(2, 2)), b: np.array([[5, 6], [9, 7]], np.int64)}, {a: strings("q", "b", shape=(1, 2)), b: np.array([[8, 5]], np.int64)}]


@unseen()
def numeric_preprocessing(path, rng):
    i = keras.Input((4,))
    norm = L.Normalization()
    norm.adapt(f32(rng, 50, 4) * 3 + 1)
    disc = L.Discretization(num_bins=4)
    disc.adapt(f32(rng, 100, 1))
    ys = [norm(i), L.Discretization(bin_boundaries=[-1.0, 0.0, 1.5])(i), disc(i), L.Discretization(bin_boundaries=[0.0], output_mode="one_hot")(i[:, :1]),
          L.Rescaling(1 / 127.5, offset=-1)(i), L.Normalization(mean=[1, 2, 3, 4], variance=[1, 4, 9, 16], invert=True)(i)]
    key, = export(path, keras.Model(i, ys))
    return [{key: f32(rng, n, 4)} for n in (1, 6)]


@unseen()
def image_preprocessing(path, rng):
    i = keras.Input((20, 24, 3))
    ys = [L.Resizing(13, 11)(i), L.Resizing(8, 8, interpolation="nearest")(i), L.Resizing(10, 10, crop_to_aspect_ratio=True)(i), L.Resizing(14, 18, pad_to_aspect_ratio=True)(i),
          L.CenterCrop(7, 9)(i), L.Rescaling(1 / 255.0)(i), L.RandomFlip()(i), L.RandomRotation(0.2)(i), L.RandomContrast(0.1)(i),
          L.RandomCrop(6, 6)(i), L.RandomTranslation(0.1, 0.1)(i), L.RandomBrightness(0.2)(i), L.GaussianNoise(0.1)(i), L.Dropout(0.5)(i)]
    key, = export(path, keras.Model(i, ys))
    return [{key: 255 * rng.random((3, 20, 24, 3)).astype(np.float32)}]  # the random layers have a state


@unseen()
def mel_spectrogram(path, rng):
    return sequential(path, rng, (2000,), [L.MelSpectrogram(fft_length=256, sequence_stride=100, sampling_rate=8000, num_mel_bins=20)])


# ---------------------------------------------------------------- tf-keras (Keras 2)

def keras2():
    import tf_keras
    return tf_keras


@unseen()
def keras2_rnn(path, rng):
    k = keras2()
    i = k.Input((None, 4), name="x")
    x = k.layers.Masking(0.0)(i)
    x = k.layers.Bidirectional(k.layers.LSTM(5, return_sequences=True))(x)
    x, h = k.layers.GRU(6, return_state=True)(x)
    tf.saved_model.save(k.Model(i, [k.layers.Dense(2, name="a")(x), h]), path)
    a = f32(rng, 2, 5, 4)
    a[0, 3:] = 0
    return [{"x": a}, {"x": f32(rng, 1, 3, 4)}]


@unseen()
def keras2_text(path, rng):
    k = keras2()
    v = k.layers.TextVectorization(max_tokens=30, output_sequence_length=5, ngrams=2)
    v.adapt(tf.constant(["The quick brown fox, jumps!", "over the lazy dog.", "the fox"]))
    i = k.Input((1,), dtype=tf.string, name="text")
    x = k.layers.Embedding(30, 4, mask_zero=True)(v(i))
    k.Model(i, k.layers.Dense(2)(k.layers.LSTM(3)(x))).save(path, save_format="tf")
    return [{"text": strings("the FOX jumps", "a lazy cat", shape=(2, 1))}, {"text": strings("dog", shape=(1, 1))}]


@unseen()
def keras2_preprocessing(path, rng):
    k = keras2()
    i, s = k.Input((3,), name="x"), k.Input((2,), dtype=tf.string, name="s")
    n = k.layers.Normalization()
    n.adapt(f32(rng, 20, 3))
    ys = {"n": n(i), "d": k.layers.Discretization([0.0, 1.0])(i), "h": k.layers.Hashing(9)(s), "l": k.layers.StringLookup(vocabulary=["u", "v"])(s),
          "m": k.layers.StringLookup(vocabulary=["u", "v"], output_mode="multi_hot")(s), "c": k.layers.CategoryEncoding(8, "count")(k.layers.Hashing(8)(s)),
          "x": k.layers.HashedCrossing(7)((s[:, :1], s[:, 1:])), "t": k.layers.StringLookup(vocabulary=["u", "v"], output_mode="tf_idf", idf_weights=[0.5, 0.7])(s)}
    k.Model([i, s], ys).save(path, save_format="tf")
    return [{"x": f32(rng, n, 3), "s": strings(*["u", "w", "v", "x y", "", "u"][:2 * n], shape=(n, 2))} for n in (1, 3)]


@unseen()
def keras2_image(path, rng):
    k = keras2()
    m = k.Sequential([k.Input((24, 24, 3), name="x"), k.layers.Rescaling(1 / 255.0), k.layers.RandomFlip(), k.layers.RandomRotation(0.1), k.layers.Resizing(16, 16),
                      k.layers.Conv2D(6, 3, activation="swish"), k.layers.BatchNormalization(), k.layers.SpatialDropout2D(0.3), k.layers.Conv2DTranspose(4, 3, 2),
                      k.layers.GlobalAveragePooling2D(), k.layers.Dense(3, activation="softmax")])
    m.compile("adam", "mse")
    m.fit(255 * rng.random((4, 24, 24, 3)), rng.random((4, 3)), verbose=0)
    m.save(path, save_format="tf")
    return [{"x": 255 * rng.random((n, 24, 24, 3)).astype(np.float32)} for n in (1, 2)]


@unseen()
def keras2_attention(path, rng):
    k = keras2()
    q = k.Input((None, 8), name="q")
    x = k.layers.MultiHeadAttention(2, 4)(q, q, use_causal_mask=True)
    x = k.layers.LayerNormalization()(x + q)
    k.Model(q, k.layers.GroupNormalization(2)(x)).export(path)
    return [{"q": f32(rng, n, 5, 8)} for n in (1, 2)]


@unseen()
def keras2_conv_lstm(path, rng):
    k = keras2()
    m = k.Sequential([k.Input((4, 8, 8, 2), name="x"), k.layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True), k.layers.TimeDistributed(k.layers.Conv2D(2, 3)),
                      k.layers.ConvLSTM2D(2, 3, dropout=0.2, recurrent_dropout=0.1), k.layers.LocallyConnected2D(2, 2)])
    m.save(path, save_format="tf")
    return [{"x": f32(rng, n, 4, 8, 8, 2)} for n in (1, 2)]
