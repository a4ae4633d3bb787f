"""What stands in front of and behind a net in a serving signature: examples, strings, ragged and sparse tensors, tables."""
import os

import numpy as np
import tensorflow as tf

from .lib import S, f32, save_function, strings, unseen

F, I, L = tf.float32, tf.int32, tf.int64


def example(**features):
    def feature(v):
        v = v if isinstance(v, list) else [v]
        if v and isinstance(v[0], (str, bytes)):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[s.encode() if isinstance(s, str) else s for s in v]))
        if v and isinstance(v[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=v))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=v)) if v else tf.train.Feature()
    e = tf.train.Example(features=tf.train.Features(feature={k: feature(v) for k, v in features.items()})).SerializeToString()
    return e + b"\x78\x01"  # a field that nobody knows, so that numpy's 'S' has no NULs to drop at the end


@unseen()
def parse_example_dense(path, rng):
    m = tf.Module()
    m.w = tf.Variable(f32(rng, 5, 3))

    def f(examples):
        p = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([4], F), "age": tf.io.FixedLenFeature([], L, default_value=30), "name": tf.io.FixedLenFeature([1], tf.string, default_value=[b"?"])})
        x = tf.concat([p["x"], tf.cast(p["age"], F)[:, None] / 100], 1)
        return dict(y=tf.nn.softmax(x @ m.w), name=p["name"], age=p["age"])
    save_function(path, {"examples": S([None], tf.string)}, f, m)
    e = [example(x=[1.0, 2.0, -1.0, 0.5], age=41, name="ann"), example(x=[0.1] * 4), example(x=[0.0, 0.0, 1.0, 1.0], age=[7], other=["ignored", "too"])]
    return [{"examples": strings(*e)}, {"examples": strings(e[1])}]


@unseen()
def parse_example_sparse(path, rng):
    m = tf.Module()
    m.emb = tf.Variable(f32(rng, 12, 4))

    def f(examples):
        p = tf.io.parse_example(examples, {"ids": tf.io.VarLenFeature(L), "words": tf.io.VarLenFeature(tf.string), "seq": tf.io.FixedLenSequenceFeature([2], F, allow_missing=True), "r": tf.io.RaggedFeature(L), "w2": tf.io.VarLenFeature(F),
                                           "rr": tf.io.RaggedFeature(F, value_key="w", partitions=[tf.io.RaggedFeature.UniformRowLength(2)]), "sp": tf.io.SparseFeature("ids2", "w2", F, 12)})
        e = tf.nn.safe_embedding_lookup_sparse(m.emb, p["ids"], combiner="sum")
        h = tf.strings.to_hash_bucket_fast(p["words"].values, 100)
        return dict(e=e, h=h, dense=tf.sparse.to_dense(p["words"], ""), seq=p["seq"], r=p["r"].to_tensor(-1), lens=p["r"].row_lengths(), wv=p["w2"].values, rr=p["rr"].to_tensor(), sp=tf.sparse.to_dense(p["sp"]))
    save_function(path, {"examples": S([None], tf.string)}, f, m)
    a = example(ids=[1, 5], words=["a", "b", "c"], seq=[1.0, 2.0, 3.0, 4.0], r=[9, 8, 7], w=[0.5, 0.25], ids2=[1, 5], w2=[2.0, 3.0])
    b = example(ids=[], words=[], r=[3], w=[])
    c = example(ids=[3, 11], w=[1.0, 2.0], seq=[7.0, 8.0], ids2=[0], w2=[4.0])
    return [{"examples": strings(a, b, c)}, {"examples": strings(c)}]


@unseen()
def parse_single_example(path, rng):
    def f(one):
        p = tf.io.parse_single_example(one, {"a": tf.io.FixedLenFeature([2, 2], F), "b": tf.io.VarLenFeature(L), "s": tf.io.FixedLenFeature([], tf.string, "none")})
        return dict(a=p["a"], b=tf.sparse.to_dense(p["b"]), s=p["s"])
    save_function(path, {"one": S([], tf.string)}, f)
    return [{"one": np.array(example(a=[1.0, 2.0, 3.0, 4.0], b=[4, 5]), object)}, {"one": np.array(example(a=[0.0] * 4, s="x"), object)}]


@unseen()
def bytes_in(path, rng):
    def f(raw, t):
        a = tf.io.decode_raw(raw, tf.int16)
        b = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [tf.shape(raw)[0], -1])
        c = tf.map_fn(lambda s: tf.ensure_shape(tf.io.parse_tensor(s, F), [2, 2]), t, fn_output_signature=F)
        d = tf.io.decode_raw(raw, F, little_endian=False)
        return dict(a=a, b=b, c=c, d=d, ser=tf.io.serialize_tensor(c[0]), num=tf.strings.to_number(tf.strings.as_string(a), F), pad=tf.io.decode_raw(raw, tf.int32, fixed_length=12), b64=tf.io.encode_base64(raw), back=tf.io.decode_base64(tf.io.encode_base64(raw, pad=True)))
    save_function(path, {"raw": S([None], tf.string), "t": S([None], tf.string)}, f)
    ser = tf.io.serialize_tensor(f32(rng, 2, 2)).numpy()
    return [{"raw": strings(b"\x01\x02\x03\x04\x05\x06\x07\x08", b"abcdefgh"), "t": strings(ser, ser)}, {"raw": strings(b"\x41\x01\x42\x02"), "t": strings(ser)}]


@unseen()
def csv_lines(path, rng):
    def f(lines):
        a, b, c, d = tf.io.decode_csv(lines, [tf.constant([0.5]), tf.constant([], I), tf.constant(["none"]), tf.constant([7], L)], na_value="NA")
        return dict(a=a, b=b, c=c, d=d)
    save_function(path, {"lines": S([None], tf.string)}, f)
    return [{"lines": strings('1.5,2,"a ""b"", c",4', ',3,,NA', '-2e3,-4,x y,5')}]


@unseen()
def string_ops(path, rng):
    def f(s):
        t = tf.strings
        sp = t.split(s)
        return dict(lower=t.lower(s), upper=t.upper(s), sub=t.substr(s, 1, 3), subu=t.substr(s, 0, 2, unit="UTF8_CHAR"), length=t.length(s), ulen=t.length(s, "UTF8_CHAR"), regex=t.regex_replace(s, r"([a-z])o", r"<\1>"), full=t.regex_full_match(s, r".*o.*"),
                    strip=t.strip(s), join=t.join([s, tf.constant("!")], "-"), rj=t.reduce_join(s, separator="|"), dense=sp.to_tensor(b""), lens=sp.row_lengths(), comma=t.split(s, ",").to_tensor(), chars=t.unicode_split(s, "UTF-8").to_tensor(), code=t.unicode_decode(s, "UTF-8").to_tensor(-1),
                    ngrams=t.ngrams(sp, 2).to_tensor(), hash=t.to_hash_bucket(s, 1000), fast=t.to_hash_bucket_fast(s, 1000), strong=t.to_hash_bucket_strong(s, 1000, [3, 4]), fmt=t.format("x={}", tf.range(3)), bytes=t.bytes_split(s).to_tensor(),
                    num=t.to_number(t.regex_replace(s, r".*", "12.5"), tf.float64), trans=t.unicode_transcode(s, "UTF-8", "UTF-16-BE"), enc=t.unicode_encode(tf.constant([[104, 233], [8364, 33]]), "UTF-8"), eq=s == "a", uniq=tf.unique(s)[1],
                    off=t.unicode_decode_with_offsets(s, "UTF-8")[1].to_tensor(-1), asn=t.as_string([1.5, -2.0], precision=3), joinr=t.reduce_join(sp, axis=-1, separator="_"), wild=tf.raw_ops.StaticRegexFullMatch(input=s, pattern="[A-Z].*"))
    save_function(path, {"s": S([None], tf.string)}, f)
    return [{"s": strings("Hello  World", "foo,bar oo", "é€ zß")}, {"s": strings("a")}]


@unseen()
def ragged_inside(path, rng):
    m = tf.Module()
    m.emb = tf.Variable(f32(rng, 20, 3))

    def f(values, lengths):
        r = tf.RaggedTensor.from_row_lengths(values, lengths)
        e = tf.gather(m.emb, r)
        pool = tf.reduce_mean(e, 1)
        two = tf.RaggedTensor.from_row_lengths(tf.cast(values, F), lengths)
        cat = tf.concat([r, r[:, :1]], 1)
        rng_ = tf.ragged.range(lengths)
        return dict(pool=pool, dense=r.to_tensor(-1), shaped=r.to_tensor(0, shape=[None, 3]), mx=tf.reduce_max(two, 1), sq=tf.ragged.map_flat_values(tf.square, two).to_tensor(), cat=cat.to_tensor(), sparse=tf.sparse.to_dense(r.to_sparse()), rr=rng_.to_tensor(-1), ids=r.value_rowids(),
                    gather=tf.gather(r, [1, 0]).to_tensor(-7), mask=tf.ragged.boolean_mask(two, two > 3).to_tensor(-1.0), sm=tf.nn.softmax(two.to_tensor(-1e9)), sumr=tf.reduce_sum(two, 0), rows=r.nrows(), bound=r.bounding_shape(), soft=tf.reduce_sum(e, 1), stack=tf.stack([r, r]).to_tensor(),
                    st=tf.ragged.stack([r, r]).to_tensor(), mapped=tf.map_fn(tf.reduce_sum, two, fn_output_signature=F), rev=tf.reverse(r, [1]).to_tensor() if hasattr(tf, "never") else r.flat_values, trunc=tf.RaggedTensor.from_tensor(r.to_tensor(0), padding=0).to_tensor(9), counts=tf.math.bincount(r, minlength=4, maxlength=8, axis=-1) if False else r.row_splits,
                    back=tf.RaggedTensor.from_sparse(r.to_sparse()).to_tensor(5), rmap=tf.map_fn(lambda x: tf.concat([x, x[:1]], 0), two, fn_output_signature=tf.RaggedTensorSpec([None], F)).to_tensor(-3.0))
    save_function(path, {"values": S([None], I), "lengths": S([None], L)}, f, m)
    return [{"values": np.array([1, 2, 3, 4, 5, 6], np.int32), "lengths": np.array([2, 1, 3], np.int64)}, {"values": np.array([7, 8, 9], np.int32), "lengths": np.array([1, 2], np.int64)}]


@unseen()
def sparse_ops(path, rng):
    m = tf.Module()
    m.emb = tf.Variable(f32(rng, 12, 4))
    m.w = tf.Variable(f32(rng, 6, 3))

    def f(idx, val, x):
        st = tf.sparse
        s = st.reorder(tf.SparseTensor(idx, val, [4, 6]))
        ids = tf.SparseTensor(s.indices, tf.cast(tf.abs(s.values) * 3, L) % 12, s.dense_shape)
        t = st.add(s, s)
        return dict(mm=st.sparse_dense_matmul(s, m.w), rs=st.reduce_sum(s, 1), rmax=st.reduce_max(s, 0), soft=st.to_dense(st.softmax(s)), sl=st.to_dense(st.slice(s, [1, 0], [2, 4])), tr=st.to_dense(st.transpose(s)), rsh=st.to_dense(st.reshape(s, [2, -1])), cat=st.to_dense(st.concat(1, [s, s])), mul=(s * x).values, add=st.to_dense(t),
                    dense=st.add(x, s), emb=tf.nn.embedding_lookup_sparse(m.emb, ids, s, combiner="mean"), sqrtn=tf.nn.embedding_lookup_sparse(m.emb, ids, None, combiner="sqrtn"), max=st.to_dense(st.maximum(s, t)), mask=st.mask(tf.IndexedSlices(x, [1, 2, 3, 4], [8, 6]), [2, 3]).values, ret=st.to_dense(st.retain(s, s.values > 0)), fill=st.fill_empty_rows(s, 9.0)[0].values,
                    bc=st.to_dense(st.bincount(tf.cast(x * 0 + 2, L), minlength=3)), split=st.to_dense(st.split(s, 2, 1)[1]), cross=st.to_dense(st.cross_hashed([ids, ids], 50)), exp=st.to_dense(st.expand_dims(s, 1)), frm=st.from_dense(tf.nn.relu(x)).indices, onehot=st.to_indicator(ids, 12), crossn=st.to_dense(st.cross([tf.strings.as_string(tf.cast(x, I)), ids]), ""), eye=st.to_dense(st.eye(3)),
                    div=(s / (tf.abs(x) + 1)).values)
    save_function(path, {"idx": S([None, 2], L), "val": S([None], F), "x": S([4, 6], F)}, f, m)
    return [{"idx": np.array([[0, 1], [1, 3], [0, 5], [3, 2]], np.int64), "val": f32(rng, 4), "x": f32(rng, 4, 6)}]


@unseen()
def segments(path, rng):
    def f(x, i):
        t = tf.math
        return dict(s=t.segment_sum(x, i), m=t.segment_mean(x, i), mx=t.segment_max(x, i), mn=t.segment_min(x, i), p=t.segment_prod(x, i), us=t.unsorted_segment_sum(x, i, 6), um=t.unsorted_segment_max(x, i, 6), sq=t.unsorted_segment_sqrt_n(x, i, 6), ss=tf.sparse.segment_sum(x, [0, 2, 1], [0, 0, 2]),
                    sn=tf.sparse.segment_sqrt_n(x, [0, 2, 1], [0, 0, 2]))
    save_function(path, {"x": S([None, 3], F), "i": S([None], I)}, f)
    return [{"x": f32(rng, 5, 3), "i": np.array([0, 0, 1, 3, 3], np.int32)}, {"x": f32(rng, 3, 3), "i": np.array([1, 1, 2], np.int32)}]


@unseen()
def asset_tables(path, rng):
    vocab = path + ".vocab.txt"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(vocab, "w") as f:
        f.write("the\nquick\nbrown\nfox\n")
    m = tf.Module()
    init = tf.lookup.TextFileInitializer(vocab, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, L, tf.lookup.TextFileIndex.LINE_NUMBER)
    m.static = tf.lookup.StaticHashTable(init, -1)
    m.vocab = tf.lookup.StaticVocabularyTable(init, 3)
    back = tf.lookup.TextFileInitializer(vocab, L, tf.lookup.TextFileIndex.LINE_NUMBER, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE)
    m.back = tf.lookup.StaticHashTable(back, "UNK")
    m.kv = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 2, 3], [0.5, 1.5, 2.5], L, F), 0.0)
    m.asset = tf.saved_model.Asset(vocab)

    def f(s, k):
        lines = tf.strings.split(tf.io.read_file(m.asset.asset_path), "\n")
        return dict(a=m.static.lookup(s), b=m.vocab.lookup(s), c=m.back.lookup(k), d=m.kv.lookup(k), size=m.static.size(), line=lines[1])
    save_function(path, {"s": S([None], tf.string), "k": S([None], L)}, f, m)
    return [{"s": strings("fox", "zzz", "the"), "k": np.array([1, 4, 9], np.int64)}, {"s": strings("abc"), "k": np.array([0], np.int64)}]


@unseen()
def feature_columns(path, rng):
    """What estimator-like serving did: hashed, bucketised and crossed features, a wide part and a deep one."""
    m = tf.Module()
    m.wide = tf.Variable(f32(rng, 50, 1))
    m.emb = tf.Variable(f32(rng, 10, 3))
    m.w = tf.Variable(f32(rng, 9, 1))

    def f(examples):
        p = tf.io.parse_example(examples, {"age": tf.io.FixedLenFeature([1], F), "city": tf.io.FixedLenFeature([1], tf.string, "none"), "tags": tf.io.VarLenFeature(tf.string)})
        b = tf.raw_ops.Bucketize(input=p["age"], boundaries=[18.0, 30.0, 65.0])
        cross = tf.sparse.cross_hashed([tf.strings.as_string(b), p["city"]], 50)
        wide = tf.nn.safe_embedding_lookup_sparse(m.wide, cross, combiner="sum")
        ids = tf.SparseTensor(p["tags"].indices, tf.strings.to_hash_bucket_fast(p["tags"].values, 10), p["tags"].dense_shape)
        deep = tf.concat([tf.nn.safe_embedding_lookup_sparse(m.emb, ids, combiner="mean"), tf.one_hot(b[:, 0], 4), p["age"] / 50, tf.nn.embedding_lookup(m.emb, tf.strings.to_hash_bucket_fast(p["city"][:, 0], 10))[:, :1]], 1)
        logit = wide + deep @ m.w
        return dict(logits=logit, probabilities=tf.concat([1 - tf.sigmoid(logit), tf.sigmoid(logit)], 1), classes=tf.strings.as_string(tf.cast(logit > 0, L)))
    save_function(path, {"examples": S([None], tf.string)}, f, m)
    return [{"examples": strings(example(age=25.0, city="rome", tags=["a", "b"]), example(age=70.0), example(age=12.0, city="oslo", tags=["c"]))}, {"examples": strings(example(age=30.0))}]


@unseen()
def audio_parse_tensor(path, rng):
    def f(t):
        x = tf.ensure_shape(tf.io.parse_tensor(t, F), [None, 3])
        return tf.nn.relu(x @ tf.ones([3, 2]))
    save_function(path, {"t": S([], tf.string)}, f)
    return [{"t": np.array(tf.io.serialize_tensor(f32(rng, n, 3)).numpy(), object)} for n in (1, 4)]
