"""tf.function bodies: control flow, tensors of all kinds, maths."""
import numpy as np
import tensorflow as tf

from .lib import S, f32, save_function, strings, unseen

F, I = tf.float32, tf.int32


# ---------------------------------------------------------------- loops, branches, arrays

@unseen()
def greedy_decoder(path, rng):
    """A transformer step with a key-value cache in a while loop."""
    d, vocab = 8, 11
    m = tf.Module()
    m.emb = tf.Variable(f32(rng, vocab, d))
    m.wq, m.wk, m.wv, m.wo = (tf.Variable(f32(rng, d, d, scale=0.4)) for _ in range(4))

    def f(start, steps):
        b = tf.shape(start)[0]
        k = tf.zeros([b, 0, d])
        v = tf.zeros([b, 0, d])
        tokens = tf.TensorArray(tf.int32, size=0, dynamic_size=True, clear_after_read=False)

        def body(i, tok, k, v, tokens):
            x = tf.gather(m.emb, tok)
            k = tf.concat([k, (x @ m.wk)[:, None]], 1)
            v = tf.concat([v, (x @ m.wv)[:, None]], 1)
            a = tf.nn.softmax(tf.einsum("bd,btd->bt", x @ m.wq, k) / 2.8)
            y = tf.einsum("bt,btd->bd", a, v) @ m.wo + x
            tok = tf.argmax(y @ tf.transpose(m.emb), -1, tf.int32)
            return i + 1, tok, k, v, tokens.write(i, tok)
        _, tok, k, v, tokens = tf.while_loop(lambda i, *_: i < steps, body, (0, start, k, v, tokens), shape_invariants=(
            tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape([None, None, d]), tf.TensorShape([None, None, d]), tf.TensorShape(None)))
        return {"tokens": tf.transpose(tokens.stack()), "keys": k}
    save_function(path, {"start": S([None], I), "steps": S([], I)}, f, m)
    return [{"start": np.array([1, 5], np.int32), "steps": np.int32(6)}, {"start": np.array([3], np.int32), "steps": np.int32(1)}]


@unseen()
def cache_update_decoder(path, rng):
    """A cache of fixed size, written by tensor_scatter_nd_update and one-hot masks."""
    d, n = 6, 5
    m = tf.Module()
    m.w = tf.Variable(f32(rng, d, d, scale=0.5))

    def f(x):
        b = tf.shape(x)[0]
        cache = tf.zeros([n, b, d])
        for i in range(n):
            cache = tf.tensor_scatter_nd_update(cache, [[i]], [x @ m.w])
            mask = tf.sequence_mask(i + 1, n, F)[:, None]
            s = tf.reduce_sum(cache * x, -1) + (1 - mask) * -1e9
            x = tf.reduce_sum(tf.nn.softmax(s, 0)[..., None] * cache, 0)
        return x, cache
    save_function(path, {"x": S([None, d], F)}, f, m)
    return [{"x": f32(rng, b, d)} for b in (1, 3)]


@unseen()
def maps_and_scans(path, rng):
    def f(x):
        a = tf.map_fn(lambda r: tf.reduce_max(r) * r, x)
        b = tf.scan(lambda c, r: 0.5 * c + r, x)
        c = tf.scan(lambda c, r: (c[0] + r, c[1] * 2), x, initializer=(tf.zeros([4]), tf.constant(1.0)), reverse=True)
        d = tf.vectorized_map(lambda r: tf.linalg.matvec(tf.linalg.diag(r), r), x)
        e = tf.foldl(lambda u, v: u + tf.sin(v), x)
        g = tf.map_fn(lambda t: (t[0] + t[1], tf.cast(t[0], tf.int32)), (x, 2 * x), fn_output_signature=(F, I))
        h = tf.foldr(lambda u, v: u * 0.5 + v, x)
        return a, b, c, d, e, g, h
    save_function(path, {"x": S([None, 4], F)}, f)
    return [{"x": f32(rng, n, 4)} for n in (1, 5)]


@unseen()
def while_captured_variables(path, rng):
    m = tf.Module()
    m.w = tf.Variable(f32(rng, 5, 5, scale=0.3))
    m.b = tf.Variable(f32(rng, 5))

    def f(x, n):
        def step(i, x):
            y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.nn.relu(x @ m.w + m.b), lambda: tf.tanh(x @ m.w) - m.b)
            return i + 1, y
        return tf.while_loop(lambda i, x: i < n, step, (tf.constant(0, tf.int64), x), maximum_iterations=20)[1]
    save_function(path, {"x": S([None, 5], F), "n": S([], tf.int64)}, f, m)
    return [{"x": f32(rng, b, 5), "n": np.int64(n)} for b, n in ((1, 0), (2, 3), (4, 50))]


@unseen()
def switch_cases(path, rng):
    m = tf.Module()
    m.w = [tf.Variable(f32(rng, 4, 4)) for _ in range(3)]

    def f(x, which):
        a = tf.switch_case(which, [lambda w=w: x @ w for w in m.w], default=lambda: -x)
        b = tf.case([(which < 1, lambda: x + 1), (which < 2, lambda: x * 2)], default=lambda: x - 5, exclusive=False)
        return a, b
    save_function(path, {"x": S([None, 4], F), "which": S([], I)}, f, m)
    return [{"x": f32(rng, 2, 4), "which": np.int32(k)} for k in (0, 2, 7)]


@unseen()
def autograph_loops(path, rng):
    @tf.function(input_signature=[S([None, 3], F), S([], I)])
    def f(x, n):
        y = tf.zeros_like(x)
        ta = tf.TensorArray(F, size=n, element_shape=[])
        for i in tf.range(n):
            if tf.reduce_sum(y) > 3.0:
                break
            if i % 2 == 0:
                y += x
                continue
            y = y * 1.5
            ta = ta.write(i, tf.reduce_mean(y))
        z = 0.0
        for row in x:
            if row[0] > 0:
                z += tf.reduce_sum(row)
        return {"y": y, "ta": ta.stack(), "z": z}
    m = tf.Module()
    m.f = f
    tf.saved_model.save(m, path, signatures=f)
    return [{"x": f32(rng, 2, 3), "n": np.int32(n)} for n in (0, 3, 9)]


@unseen()
def deep_nesting(path, rng):
    m = tf.Module()
    m.w = tf.Variable(f32(rng, 4, 4, scale=0.5))

    def level(k):
        if k == 0:
            return tf.function(lambda x: tf.nn.relu(x @ m.w))
        inner = level(k - 1)
        return tf.function(lambda x: inner(x) + inner(x * 0.5) if k % 8 == 0 else inner(x) + 0.1)
    save_function(path, {"x": S([None, 4], F)}, level(40), m)
    return [{"x": f32(rng, n, 4)} for n in (1, 3)]


@unseen()
def tensor_arrays(path, rng):
    def f(x):
        t = tf.TensorArray(F, size=3, infer_shape=False).write(0, x).write(1, x[:1]).write(2, x[:, :2])
        u = tf.TensorArray(F, size=0, dynamic_size=True, element_shape=[None]).unstack(x)
        v = tf.TensorArray(F, size=2, infer_shape=False).split(tf.reshape(x, [-1]), [2, tf.size(x) - 2])
        return t.read(1), u.gather([1, 0]), v.concat(), u.size(), t.read(2)
    save_function(path, {"x": S([None, 4], F)}, f)
    return [{"x": f32(rng, n, 4)} for n in (2, 3)]


# ---------------------------------------------------------------- dtypes and shapes

@unseen(rtol=1e-3)
def dtypes(path, rng):
    def f(h, b, d, u, k, q, c):
        return {"h": tf.nn.softmax(h @ tf.cast(tf.transpose(h), tf.float16)), "b": tf.nn.relu(b) * 3, "d": tf.linalg.matmul(d, d, transpose_b=True),
                "u": tf.cast(u, tf.int32) * 2 - 7, "u8": tf.bitwise.bitwise_xor(u, tf.constant(0x5A, tf.uint8)), "k": k // 3 + k % 5, "q": tf.logical_not(q),
                "any": tf.reduce_any(q, -1), "c": tf.math.conj(c) * c + tf.cast(1.0, tf.complex64), "i16": tf.saturate_cast(d * 1e5, tf.int16),
                "u16": tf.cast(u, tf.uint16) + 65000, "i8": tf.cast(tf.clip_by_value(d, -1, 1) * 127, tf.int8)}
    save_function(path, {"h": S([None, 4], tf.float16), "b": S([None, 4], tf.bfloat16), "d": S([None, 4], tf.float64), "u": S([None], tf.uint8), "k": S([None], tf.int64),
                         "q": S([None, 2], tf.bool), "c": S([None], tf.complex64)}, f)
    return [{"h": f32(rng, n, 4).astype(np.float16), "b": tf.cast(f32(rng, n, 4), tf.bfloat16).numpy(), "d": rng.standard_normal((n, 4)),
             "u": rng.integers(0, 255, n).astype(np.uint8), "k": rng.integers(-10**12, 10**12, n), "q": rng.random((n, 2)) > 0.5,
             "c": (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(np.complex64)} for n in (1, 3)]


@unseen()
def scalars_and_empty(path, rng):
    def f(a, x):
        y = x * a
        return {"sum": tf.reduce_sum(y), "max": tf.reduce_max(tf.concat([y, [[0.0] * 3]], 0), 0), "mm": y @ tf.ones([3, 2]), 
                "soft": tf.nn.softmax(y), "shape": tf.shape(y), "top": tf.math.top_k(tf.reshape(y, [-1]), 0).values, "where": tf.where(y > 0), "cat": tf.concat([y, y], 1)}
    save_function(path, {"a": S([], F), "x": S([None, 3], F)}, f)
    return [{"a": np.float32(2), "x": f32(rng, n, 3)} for n in (0, 1, 2)]


@unseen()
def unknown_ranks(path, rng):
    def f(x):
        r = tf.rank(x)
        y = tf.reshape(x, tf.concat([tf.shape(x)[:1], [-1]], 0))
        return tf.nn.relu(x) * 2, r, tf.reduce_sum(y, 1), tf.transpose(x), tf.reduce_mean(x, tf.range(1, r)), tf.squeeze(x[..., :1], -1)
    save_function(path, {"x": S(None, F)}, f)
    return [{"x": f32(rng, *s)} for s in ((3,), (2, 3), (2, 1, 3, 2))]


@unseen()
def shape_arithmetic(path, rng):
    def f(x):
        b, h, w = tf.unstack(tf.shape(x))
        y = tf.reshape(x, [b, h // 2, 2, w])
        y = tf.transpose(y, [0, 2, 1, 3])
        z = tf.reshape(y, tf.stack([b * 2, -1]))
        t = tf.tile(x[:, :1], [1, tf.maximum(h, 3), 1])
        p = tf.pad(x, tf.convert_to_tensor([[0, 0], [0, tf.math.floormod(-h, 4)], [1, 1]]), constant_values=2.0)
        g = tf.meshgrid(tf.range(h), tf.range(w), indexing="ij")
        bc = tf.broadcast_to(x[:, :1, :1], tf.shape(x)) + tf.fill([b, h, w], 0.5)
        return z, t, p, g, bc, tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(x[:1])), tf.zeros([b, 0]), tf.eye(h, batch_shape=[b]), tf.linspace(0.0, 1.0, h)
    save_function(path, {"x": S([None, None, None], F)}, f)
    return [{"x": f32(rng, *s)} for s in ((1, 2, 3), (2, 4, 5))]


@unseen()
def indexing(path, rng):
    def f(x, i):
        y = x[:, ::-1, 1:-1:2, tf.newaxis]
        z = x[..., -2:, :]
        g = tf.gather(x, i, axis=1, batch_dims=1)
        n = tf.gather_nd(x, tf.stack([tf.zeros_like(i), i], -1))
        return (y, z, g, n, tf.boolean_mask(x, x[:, :, 0] > 0), tf.unique_with_counts(i[:, 0]), tf.roll(x, [1, -1], [0, 1]), tf.reverse_sequence(x, i[:, 0] + 1, 1),
                tf.one_hot(i, 4, 2.0, -1.0, axis=1), tf.sort(x, 1, "DESCENDING"), tf.argsort(x, -1, stable=True), tf.searchsorted(tf.sort(x[:, :, 0]), x[:, :2, 1]),
                tf.dynamic_partition(x, tf.cast(x[:, :, 0] > 0, I), 2), tf.scatter_nd(tf.reshape(i, [-1, 1]), tf.reshape(tf.cast(i, F), [-1]), [9]),
                tf.math.in_top_k(i[:, 0], x[:, :, 0], 2), tf.repeat(x, [1, 0, 2, 1, 1], axis=1), tf.split(x, [1, 3, 1], 1), tf.unstack(x, axis=2), tf.space_to_batch(x[..., None], [2, 2], [[0, 1], [0, 0]]))
    save_function(path, {"x": S([None, 5, 4], F), "i": S([None, 2], I)}, f)
    return [{"x": f32(rng, n, 5, 4), "i": rng.integers(0, 4, (n, 2)).astype(np.int32)} for n in (1, 3)]


# ---------------------------------------------------------------- maths

@unseen()
def math_breadth(path, rng):
    def f(x, y):
        p = tf.abs(x) + 0.1
        m = tf.math
        return {n: v for n, v in dict(
            lgamma=m.lgamma(p), digamma=m.digamma(p), erf=m.erf(x), erfc=m.erfc(x), erfinv=m.erfinv(tf.tanh(x)), ndtri=m.ndtri(tf.sigmoid(x)), igamma=m.igamma(p, p + 0.3),
            igammac=m.igammac(p, p + 0.3), betainc=m.betainc(p, p + 1, tf.sigmoid(x)), zeta=m.zeta(p + 1.5, p), polygamma=m.polygamma(tf.floor(p) + 1, p),
            lse=tf.reduce_logsumexp(x, 1), lcse=m.cumulative_logsumexp(x, 1), cumsum=tf.cumsum(x, 1, exclusive=True, reverse=True), cumprod=m.cumprod(x, 1),
            atan2=m.atan2(x, y), xlogy=m.xlogy(p, p), xdivy=m.xdivy(x, y), xlog1py=m.xlog1py(p, p), nextafter=m.nextafter(x, y), floormod=m.floormod(x, y), fmod=tf.truncatemod(x, y),
            pow=tf.pow(p, y), sqdiff=m.squared_difference(x, y), rint=m.rint(3 * x), divnn=m.divide_no_nan(x, tf.nn.relu(y)), mulnn=m.multiply_no_nan(x, tf.nn.relu(y)),
            std=m.reduce_std(x, 1), var=m.reduce_variance(x, 0), norm=tf.norm(x, axis=1), enorm=m.reduce_euclidean_norm(x, 1), l2=m.l2_normalize(x, 1), cosh=m.cosh(x), asinh=m.asinh(x),
            acosh=m.acosh(p + 1), atanh=m.atanh(tf.tanh(x) * 0.9), sinc=m.sin(x) / p, softplus=m.softplus(30 * x), logsig=m.log_sigmoid(x), expm1=m.expm1(x), log1p=m.log1p(p),
            i0e=m.bessel_i0e(x), i1e=m.bessel_i1e(x),
            counts=m.bincount(tf.cast(p * 3, I), minlength=4, maxlength=8), confusion=m.confusion_matrix(tf.cast(p[0] * 2, I) % 3, tf.cast(p[1 - tf.shape(x)[0] + tf.shape(x)[0] - 1] * 2, I) % 3, 3),
            hist=tf.histogram_fixed_width(x, [-1.0, 1.0], 5), histbins=tf.histogram_fixed_width_bins(x, [-1.0, 1.0], 5), segment=m.unsorted_segment_mean(x, tf.range(tf.shape(x)[0]) % 2, 2),
            cross=tf.linalg.cross(x[:, :3], y[:, :3]), accn=m.accumulate_n([x, y, x]), clipn=tf.clip_by_norm(x, 1.0), gclip=tf.clip_by_global_norm([x, y], 2.0)[1],
            zero=m.zero_fraction(tf.nn.relu(x)), count=m.count_nonzero(tf.nn.relu(x), 1), reciprocal=m.reciprocal_no_nan(tf.nn.relu(x)), argmin=tf.argmin(x, 1), normals=tf.nn.moments(x, [0])[1],
            invperm=m.invert_permutation([2, 0, 1])).items()}
    save_function(path, {"x": S([None, 5], F), "y": S([None, 5], F)}, f)
    return [{"x": f32(rng, n, 5), "y": f32(rng, n, 5)} for n in (2, 3)]


@unseen(rtol=1e-3, atol=1e-4)
def linear_algebra(path, rng):
    def f(x):
        l = tf.linalg
        s = x @ tf.transpose(x, [0, 2, 1]) + 2 * tf.eye(4)
        e, v = l.eigh(s)
        sv = l.svd(x, compute_uv=False)
        q, r = l.qr(x)
        return dict(chol=l.cholesky(s), inv=l.inv(s), det=l.det(s), logdet=l.slogdet(s)[1], solve=l.solve(s, x), tri=l.triangular_solve(l.cholesky(s), x), eig=e, vv=tf.abs(v), sv=sv, qr=q @ r,
                    lstsq=l.lstsq(s, x), trace=l.trace(x), band=l.band_part(x, 1, 0), diag=l.diag(x[:, 0]), part=l.diag_part(x, k=1), set=l.set_diag(x, x[:, 0]), adj=l.adjoint(x), matvec=l.matvec(x, x[:, 0]),
                    cs=l.cholesky_solve(l.cholesky(s), x), tensordot=l.tensordot(x, x, [[1], [2]]), pinv=l.pinv(x), expm=l.expm(x * 0.3), normf=l.norm(x, "fro", [1, 2]),
                    gs=l.global_norm([x, s]), eyes=l.eye(3, 4))
    save_function(path, {"x": S([None, 4, 4], F)}, f)
    return [{"x": f32(rng, n, 4, 4)} for n in (1, 3)]


@unseen(atol=1e-4)
def signal(path, rng):
    def f(x):
        s = tf.signal.stft(x, 64, 32, 64)
        p = tf.abs(s)
        mel = tf.tensordot(p, tf.signal.linear_to_mel_weight_matrix(12, 33, 8000, 80.0, 3600.0), 1)
        return dict(stft=s, mel=mel, mfcc=tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(mel + 1e-3))[..., :8], istft=tf.signal.inverse_stft(s, 64, 32, window_fn=tf.signal.inverse_stft_window_fn(32)),
                    frames=tf.signal.frame(x, 50, 20, pad_end=True), add=tf.signal.overlap_and_add(tf.signal.frame(x, 40, 20), 20), dct=tf.signal.dct(x[:, :32], 2, norm="ortho"), idct=tf.signal.idct(x[:, :32]),
                    rfft=tf.signal.rfft(x), irfft=tf.signal.irfft(tf.signal.rfft(x[:, :64])), fft2=tf.signal.fft2d(tf.cast(tf.reshape(x[:, :64], [-1, 8, 8]), tf.complex64)), hann=tf.signal.hamming_window(20),
                    mdct=tf.signal.mdct(x, 64), kaiser=tf.signal.kaiser_window(16), shift=tf.signal.fftshift(x), spectrogram=tf.raw_ops.AudioSpectrogram(input=tf.transpose(x), window_size=64, stride=32, magnitude_squared=True))
    save_function(path, {"x": S([None, 400], F)}, f)
    return [{"x": f32(rng, n, 400)} for n in (1, 2)]


@unseen(atol=1e-4, rtol=1e-3)
def speech_commands(path, rng):
    """The TF1 audio front end: wav bytes, spectrogram, MFCC, a small net."""
    m = tf.Module()
    m.w = tf.Variable(f32(rng, 10, 4, scale=0.1))

    def f(wav):
        audio, rate = tf.audio.decode_wav(wav, desired_channels=1, desired_samples=1600)
        s = tf.raw_ops.AudioSpectrogram(input=audio, window_size=320, stride=160, magnitude_squared=True)
        c = tf.raw_ops.Mfcc(spectrogram=s, sample_rate=rate, dct_coefficient_count=10)
        return dict(audio=audio, rate=rate, spectrogram=s, mfcc=c, label=tf.nn.softmax(tf.reduce_mean(c, 1) @ m.w))
    save_function(path, {"wav": S([], tf.string)}, f, m)

    def wav(n, channels):
        t = np.arange(n) / 16000
        a = np.stack([0.4 * np.sin(2 * np.pi * (440 + 200 * c) * t) for c in range(channels)], -1).astype(np.float32)
        return tf.audio.encode_wav(a, 16000).numpy()
    return [{"wav": np.array(wav(1600, 1), object)}, {"wav": np.array(wav(1200, 2), object)}]


# ---------------------------------------------------------------- images

@unseen(atol=1e-4)
def image_resizes(path, rng):
    def f(x):
        r = tf.image.resize
        ys = {n: r(x, [13, 9], method=n) for n in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")}
        ys |= {n + "_aa": r(x, [5, 6], method=n, antialias=True) for n in ("bilinear", "bicubic", "lanczos3")}
        v1 = tf.compat.v1.image
        ys |= {"v1": v1.resize_bilinear(x, [9, 20]), "v1a": v1.resize_bilinear(x, [9, 20], align_corners=True), "v1n": v1.resize_nearest_neighbor(x, [5, 20], align_corners=True), "v1c": v1.resize_bicubic(x, [9, 20]),
               "pad": tf.image.resize_with_pad(x, 15, 15), "crop": tf.image.resize_with_crop_or_pad(x, 9, 20), "keep": r(x, [20, 20], preserve_aspect_ratio=True), "central": tf.image.central_crop(x, 0.5),
               "boxes": tf.image.crop_and_resize(x, [[0.1, 0.2, 0.9, 1.1], [0.0, 0.0, 1.0, 1.0], [0.9, 0.9, 0.1, 0.2]], [0, 0, 0], [4, 5]), "near": tf.image.crop_and_resize(x, [[0.1, 0.2, 0.9, 0.7]], [0], [4, 4], "nearest"),
               "patches": tf.image.extract_patches(x, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME")}
        return ys
    save_function(path, {"x": S([None, 12, 16, 3], F)}, f)
    return [{"x": f32(rng, n, 12, 16, 3)} for n in (1, 2)]


@unseen(atol=1e-4)
def image_adjustments(path, rng):
    def f(x, u):
        t = tf.image
        return dict(b=t.adjust_brightness(x, 0.2), c=t.adjust_contrast(x, 1.5), h=t.adjust_hue(x, 0.1), s=t.adjust_saturation(x, 0.4), g=t.adjust_gamma(x, 1.3), gray=t.rgb_to_grayscale(x), rgb=t.grayscale_to_rgb(x[..., :1]),
                    hsv=t.rgb_to_hsv(x), back=t.hsv_to_rgb(x), yuv=t.rgb_to_yuv(x), yiq=t.rgb_to_yiq(x), std=t.per_image_standardization(x), flip=t.flip_left_right(x), rot=t.rot90(x, 3), sobel=t.sobel_edges(x), tv=t.total_variation(x),
                    u8=t.convert_image_dtype(x, tf.uint8), f32=t.convert_image_dtype(u, F), psnr=t.psnr(x, x * 0.9, 1.0), pyramid=tf.nn.avg_pool2d(x, 2, 2, "SAME"), uc=t.adjust_contrast(u, 0.5),
                    ssim=t.ssim(x, tf.clip_by_value(x * 0.8, 0, 1), 1.0, filter_size=7), dil=tf.nn.dilation2d(x, tf.zeros([3, 3, 3]), [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]))
    save_function(path, {"x": S([None, 10, 12, 3], F), "u": S([None, 6, 6, 3], tf.uint8)}, f)
    return [{"x": rng.random((n, 10, 12, 3)).astype(np.float32), "u": rng.integers(0, 255, (n, 6, 6, 3)).astype(np.uint8)} for n in (1, 2)]


@unseen()
def detection_tail(path, rng):
    def f(boxes, scores):
        b = tf.concat([boxes[..., :2], boxes[..., :2] + 0.1 + tf.abs(boxes[..., 2:])], -1)
        c = tf.image.combined_non_max_suppression(b[:, :, None], tf.sigmoid(scores), 5, 10, 0.5, 0.3)
        k = tf.image.non_max_suppression(b[0], scores[0, :, 0], 6, 0.4, 0.0)
        kp, n = tf.image.non_max_suppression_padded(b[0], scores[0, :, 1], 6, 0.4, pad_to_max_output_size=True)
        ks, ss = tf.image.non_max_suppression_with_scores(b[0], scores[0, :, 1], 6, 0.4, 0.1, 0.5)
        return {"boxes": c[0], "scores": c[1], "classes": c[2], "n": c[3], "k": k, "picked": tf.gather(b[0], k), "kp": kp, "kn": n, "ks": ks, "ss": ss}
    save_function(path, {"boxes": S([None, 20, 4], F), "scores": S([None, 20, 3], F)}, f)
    return [{"boxes": rng.random((n, 20, 4)).astype(np.float32), "scores": f32(rng, n, 20, 3)} for n in (1, 2)]


@unseen()
def nn_breadth(path, rng):
    def f(x, lab):
        n = tf.nn
        k = tf.constant(np.linspace(-1, 1, 2 * 2 * 4 * 3).reshape(2, 2, 4, 3), F)
        d = tf.constant(np.linspace(-1, 1, 2 * 2 * 4 * 2).reshape(2, 2, 4, 2), F)
        flat = tf.reduce_mean(x, [1, 2])
        return dict(c=n.conv2d(x, k, [1, 2, 1, 1], "VALID"), e=n.conv2d(x, k, 1, [[0, 0], [1, 2], [0, 1], [0, 0]]), a=n.atrous_conv2d(x, k, 2, "SAME"), t=n.conv2d_transpose(x, tf.transpose(k, [0, 1, 3, 2]), [tf.shape(x)[0], 12, 16, 3], 2), d=n.depthwise_conv2d(x, d, [1, 1, 1, 1], "SAME", dilations=[2, 2]),
                    s=n.separable_conv2d(x, d, tf.ones([1, 1, 8, 2]) / 8, [1, 1, 1, 1], "SAME"), mp=n.max_pool_with_argmax(x, 2, 2, "SAME")[0], arg=n.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)[1], lrn=n.local_response_normalization(x, 2),
                    d2s=n.depth_to_space(x, 2), s2d=n.space_to_depth(x, 2), xent=n.softmax_cross_entropy_with_logits(tf.one_hot(lab, 4), flat), sxent=n.sparse_softmax_cross_entropy_with_logits(lab, flat), sig=n.sigmoid_cross_entropy_with_logits(tf.one_hot(lab, 4), flat),
                    bn=n.batch_normalization(x, flat[0], flat[0] ** 2 + 0.1, None, None, 1e-3), fused=tf.raw_ops.FusedBatchNormV3(x=x, scale=tf.ones(4), offset=tf.zeros(4), mean=flat[0], variance=flat[0] ** 2 + 0.1, is_training=False)[0],
                    train=tf.raw_ops.FusedBatchNormV3(x=x, scale=tf.ones(4), offset=tf.zeros(4), mean=[], variance=[], is_training=True)[0], crelu=n.crelu(flat), emb=n.embedding_lookup(tf.reshape(x, [-1, 4]), lab), topk=n.top_k(flat, 2)[1], frac=n.moments(x, [1, 2])[1],
                    swish=n.swish(x), ctc=n.ctc_greedy_decoder(tf.transpose(tf.reshape(x, [tf.shape(x)[0], -1, 4]), [1, 0, 2]), tf.fill([tf.shape(x)[0]], 48))[0][0].values,
                    l2=n.l2_loss(x), bias=n.bias_add(tf.transpose(x, [0, 3, 1, 2]), [1.0, 2, 3, 4], "NCHW"), er=n.erosion2d(x, tf.zeros([2, 2, 4]), [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]), w=n.weighted_moments(x, [1, 2], tf.ones_like(x))[0])
    save_function(path, {"x": S([None, 6, 8, 4], F), "lab": S([None], I)}, f)
    return [{"x": f32(rng, n, 6, 8, 4), "lab": np.arange(n, dtype=np.int32)} for n in (1, 3)]


# ---------------------------------------------------------------- random numbers

@unseen()
def stateless_random(path, rng):
    def f(seed):
        r = tf.random
        return dict(u=r.stateless_uniform([5], seed), n=r.stateless_normal([2, 3], seed), t=r.stateless_truncated_normal([40], seed), i=r.stateless_uniform([6], seed, 3, 40, I), full=r.stateless_uniform([4], seed, None, None, tf.int64),
                    c=r.stateless_categorical(tf.math.log([[0.1, 0.5, 0.4]]), 8, seed), split=r.split(seed, 3), fold=r.fold_in(seed, 7), dbl=r.stateless_normal([3], seed, dtype=tf.float64),
                                        crop=tf.image.stateless_random_crop(tf.reshape(tf.range(60), [5, 4, 3]), [2, 2, 3], seed), flip=tf.image.stateless_random_flip_left_right(tf.reshape(tf.range(12), [2, 2, 3]), seed))
    save_function(path, {"seed": S([2], I)}, f)
    return [{"seed": np.array(s, np.int32)} for s in ([1, 2], [123456, -7])]


@unseen()
def seeded_random(path, rng):
    """Stateful ops with both seeds set give the same numbers from a fresh load."""
    def f(x):
        r = tf.raw_ops
        kw = dict(seed=11, seed2=22)
        return dict(n=r.RandomStandardNormal(shape=[4], dtype=F, **kw), u=r.RandomUniform(shape=[4], dtype=F, **kw), i=r.RandomUniformInt(shape=[5], minval=2, maxval=60, **kw), t=r.TruncatedNormal(shape=[30], dtype=F, **kw),
                    s=r.RandomShuffle(value=x, **kw), m=r.Multinomial(logits=tf.math.log([[0.2, 0.5, 0.3]]), num_samples=9, **kw))
    save_function(path, {"x": S([None], F)}, f)
    return [{"x": np.arange(7, dtype=np.float32)}]
