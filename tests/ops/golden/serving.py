"""Golden cases of the ops of serving signatures: ragged tensors, text, examples. Usage: as generate.py."""
import sys

import numpy as np
import tensorflow as tf

from generate import File

F, I, L = np.float32, np.int32, np.int64


def s(*v):
    return np.array([x if isinstance(x, bytes) else x.encode() for x in v], object)


def ragged():
    f = File('ragged')
    values, splits = np.arange(1, 8, dtype=I), np.array([0, 2, 2, 5, 7], L)
    for shape in (np.int32(-1), np.array([-1, -1], I), np.array([3, 2], I), np.array([6, 4], L), np.array([-1, 1], I)):
        f.case('RaggedTensorToTensor', [shape, values, np.int32(-9), [splits]], row_partition_types=['ROW_SPLITS'])
        f.case('RaggedTensorToTensor', [shape, values, np.int32(0), [np.int64(5), np.array([0, 0, 2, 2, 2, 4, 4], L)]],
               row_partition_types=['FIRST_DIM_SIZE', 'VALUE_ROWIDS'])
    v = np.arange(12, dtype=F).reshape(6, 2)
    outer, inner = np.array([0, 1, 3, 3], I), np.array([0, 2, 3, 6], I)
    for d in (F(-1), np.array([7, 8], F), np.array([5], F)):
        f.case('RaggedTensorToTensor', [np.int32(-1), v, d, [outer, inner]], row_partition_types=['ROW_SPLITS'] * 2)
    f.case('RaggedTensorToTensor', [np.array([2, 3, 1, 2], I), v, F(-1), [outer, inner]], row_partition_types=['ROW_SPLITS'] * 2)
    f.case('RaggedTensorToTensor', [np.int32(-1), s('a', 'bc', 'd'), b'?', [np.array([0, 0, 3], L)]], row_partition_types=['ROW_SPLITS'])
    f.case('RaggedTensorToSparse', [[splits], values])
    f.case('RaggedTensorToSparse', [[outer, inner], v])
    f.case('RaggedTensorToSparse', [[np.array([0, 0], L)], np.array([], F)])
    f.case('RaggedGather', [[splits], values, np.array([2, 0, 1, 2], I)], OUTPUT_RAGGED_RANK=1)
    f.case('RaggedGather', [[outer, inner], v, np.array([1, 0], L)], OUTPUT_RAGGED_RANK=2)
    f.case('RaggedGather', [[splits], values, np.array([[3, 0], [1, 1], [2, 0]], I)], OUTPUT_RAGGED_RANK=2)
    f.case('RaggedGather', [[splits], values, np.int32(2)], OUTPUT_RAGGED_RANK=0)
    f.case('RaggedRange', [np.array([0, 3, 5], I), np.array([3, 3, -1], I), np.array([1, 1, -2], I)])
    f.case('RaggedRange', [F(0.5), np.array([2, 0.5], F), F(0.4)], Tsplits=tf.int32)
    f.case('RaggedRange', [np.int64(0), np.array([2, 0, 3], L), np.int64(1)])
    f.case('RaggedFillEmptyRows', [np.array([0, 0, 2], L), np.array([4, 5, 6], F), np.int64(5), F(-1)])
    f.case('RaggedBincount', [splits, values, np.int32(6), np.array([], F)])
    f.case('RaggedBincount', [splits, values, np.int32(9), np.array([], F)], binary_output=True)
    f.case('RaggedBincount', [splits, values, np.int32(9), np.arange(7).astype(F)])
    counts = np.array([[3, 1, 1], [0, 3, 3]], I)
    for kw in (dict(binary_output=False), dict(binary_output=True), dict(binary_output=False, minlength=6), dict(binary_output=False, maxlength=3)):
        f.case('DenseCountSparseOutput', [counts, np.array([], F)], **kw)
        f.case('DenseCountSparseOutput', [counts[0], np.array([], I)], **kw)
        f.case('RaggedCountSparseOutput', [splits, values, np.array([], F)], **kw)
        f.case('SparseCountSparseOutput', [np.array([[0, 1], [2, 0], [2, 3]], L), np.array([4, 1, 1], L), np.array([3, 5], L), np.array([], L)], **kw)
    f.case('DenseCountSparseOutput', [counts, np.arange(6).reshape(2, 3).astype(F)], binary_output=False)
    f.case('SparseBincount', [np.array([[0, 1], [2, 0], [2, 3]], L), np.array([4, 1, 1], L), np.array([3, 5], L), np.int64(5), np.array([], F)])
    f.case('SparseBincount', [np.array([[0], [2], [4]], L), np.array([4, 1, 1], L), np.array([5], L), np.int64(4), np.array([1, 2, 3], F)])
    f.case('SparseBincount', [np.array([[0], [2], [4]], L), np.array([2, 1, 1], L), np.array([5], L), np.int64(4), np.array([], F)], binary_output=True)


def unicode():
    f = File('unicode')
    bad = s('aé€😀', b'\xff\xe2\x82z\xc3', '', b'\xed\xa0\x80x', b'\xf0\x9f\x98', 'a\tb\x01', b'\xc0\x80\xe0\x80\x80')
    for op in ('UnicodeDecode', 'UnicodeDecodeWithOffsets'):
        for e in ('replace', 'ignore'):
            f.case(op, [bad], input_encoding='UTF-8', errors=e)
        f.case(op, [bad.reshape(7, 1)], input_encoding='UTF-8', replacement_char=63, replace_control_characters=True)
        f.case(op, [s('aé'.encode('utf-16-be'), '😀'.encode('utf-16-be'), b'\xd8\x00')], input_encoding='UTF-16-BE')
        f.case(op, [s(b'ab\xe9')], input_encoding='ISO-8859-1')
        f.case(op, [s(b'ab\xe9')], input_encoding='US-ASCII')
    for e in ('UTF-8', 'UTF-16-BE', 'UTF-32-BE'):
        f.case('UnicodeEncode', [np.array([72, 0x20AC, 0x1F600, 0xD800, -1, 0x110000, 65], I), np.array([0, 3, 3, 7], L)], output_encoding=e)
        f.case('UnicodeEncode', [np.array([72, 0xD800], I), np.array([0, 2], I)], output_encoding=e, errors='ignore')
        f.case('UnicodeTranscode', [bad], input_encoding='UTF-8', output_encoding=e)
    f.case('UnicodeTranscode', [s('é€'.encode('utf-16-le'))], input_encoding='UTF-16LE', output_encoding='UTF-8')


def feature(v):
    if v and isinstance(v[0], (str, bytes)):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[x.encode() if isinstance(x, str) else x for x in v]))
    if v and isinstance(v[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=v))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=v)) if v else tf.train.Feature()


def record(**features):
    return tf.train.Example(features=tf.train.Features(feature={k: feature(v) for k, v in features.items()})).SerializeToString()


def unpacked(key, values):
    """A record whose floats come one by one, as old writers had them, after the same key with other values."""
    def field(n, b):
        return bytes([n << 3 | 2, len(b)]) + b
    plain = b''.join(b'\x0d' + np.float32(v).tobytes() for v in values)
    one = lambda b: field(1, field(1, field(1, key) + field(2, field(2, b))))
    return one(b'\x0d' + np.float32(9).tobytes()) + one(plain)


def example():
    f = File('example')
    a = record(x=[1.0, 2.0], n=[7], w=['u', 'vw'], ids=[1, 2, 3], empty=[])
    b = record(x=[3.0, 4.0], w=[], ids=[], n=[])
    c = record(x=[5.0, 6.0], ids=[9], extra=['z'])
    none = np.array([], object)
    batch = s(a, b, c)
    scalar = np.array(a, object)
    empty = lambda t: np.array([], t)
    for serialized in (batch, scalar, s()):
        f.case('ParseExampleV2', [serialized, none, s('ids', 'w'), s('n', 'x'), s('ids2', 'w2'), [np.array([-1], L)[0], empty(F)]], num_sparse=2, sparse_types=[tf.int64, tf.string],
               ragged_value_types=[tf.int64, tf.string], ragged_split_types=[tf.int32, tf.int64], dense_shapes=[[], [2]])
        f.case('ParseExampleV2', [serialized, none, s(), s('ids', 'x', 'w'), s('ids2'), [np.array([5], L), np.array([0], F), s('??')]], num_sparse=0, sparse_types=[], ragged_value_types=[tf.int64], ragged_split_types=[tf.int64],
               dense_shapes=[[None], [None, 2], [None]])
    f.case('ParseExampleV2', [s(unpacked(b'x', [1, 2])), none, s(), s('x'), s(), [np.array([9, 9], F)]], num_sparse=0, sparse_types=[], ragged_value_types=[], ragged_split_types=[], dense_shapes=[[2]])
    f.case('ParseExample', [batch, none, [np.array(b'w', object), np.array(b'ids', object)], [np.array(b'x', object)], [empty(F)]], sparse_types=[tf.string, tf.int64], dense_shapes=[[2, 1]])
    f.case('ParseSingleExample', [scalar, [np.array([0], L), empty(F)]], num_sparse=1, sparse_keys=['w'], dense_keys=['n', 'x'], sparse_types=[tf.string], dense_shapes=[[1], [2]])


def serialized():
    f = File('serialized')
    for v in (np.arange(6, dtype=F).reshape(2, 3), np.array([[1, -2]], L), s('a', '', 'bcd'), np.float16([1, 2]), np.array([True, False]), np.zeros([0, 3], F), np.array(3, np.uint8)):
        t = tf.io.serialize_tensor(v).numpy()
        f.case('SerializeTensor', [v])
        f.case('ParseTensor', [np.array(t, object)], out_type=tf.as_dtype(tf.constant(v).dtype))
    lines = s('1.5,2,"a ""b"", c",4', ',3,,NA', '-2e3,-4,x y,5', ' 7 , 8 ,q,9')
    f.case('DecodeCSV', [lines, [np.array([0.5], F), np.array([], I), s('none'), np.array([7], L)]], na_value='NA')
    f.case('DecodeCSV', [s('a;b;"c;d"', ';;'), [s(''), s('y')]], field_delim=';', select_cols=[0, 2])
    f.case('DecodeCSV', [s('"a",b'), [s(''), s('y')]], use_quote_delim=False)
    f.case('DecodePaddedRaw', [s('abcdefgh', 'ij', ''), np.int32(8)], out_type=tf.int32)
    f.case('DecodePaddedRaw', [s('abcdefgh', 'ij'), np.int32(4)], out_type=tf.int16, little_endian=False)
    f.case('DecodePaddedRaw', [s('abcdefgh', 'ij'), np.int32(3)], out_type=tf.uint8)


def sparse_math():
    f = File('sparse_math')
    i, v, n = np.array([[0, 1], [0, 5], [1, 3], [3, 2]], L), np.array([1, -2, 3, 0.5], F), np.array([4, 6], L)
    i2, v2 = np.array([[0, 0], [0, 5], [2, 2], [3, 2]], L), np.array([4, 2, -1, -3], F)
    dense = (np.arange(24).reshape(4, 6) - 7.5).astype(F)
    for op in ('SparseReduceSum', 'SparseReduceMax'):
        for a in ([0], [1], [-1, 0], []):
            f.case(op, [i, v, n, np.array(a, I)])
        f.case(op, [i, v, n, np.array([1], I)], keep_dims=True)
        f.case(op, [i, -np.abs(v).astype(np.float64), n, np.array([1], I)])
    f.case('SparseSoftmax', [i, v, n])
    for op in ('SparseDenseCwiseAdd', 'SparseDenseCwiseMul', 'SparseDenseCwiseDiv'):
        for d in (dense, dense[:1], dense[0], dense[:, :1]):
            f.case(op, [i, v, n, d])
    f.case('SparseDenseCwiseDiv', [i, np.array([7, -7, 9, 1], I), n, np.array([2, 2, 2, 2, 2, 3], I)])
    f.case('SparseTensorDenseAdd', [i, v, n, dense])
    for op in ('SparseSparseMaximum', 'SparseSparseMinimum'):
        f.case(op, [i, v, n, i2, v2, n])
    for t in (0, 0.4, 3):
        f.case('SparseAdd', [i, v, n, i2, v2, n, F(t)])
    f.case('SparseSplit', [np.int64(1), i, v, n], num_split=2)
    f.case('SparseSplit', [np.int64(0), i, s('a', 'b', 'c', 'd'), n], num_split=3)
    a, b = np.array([[0, 0], [0, 1], [2, 0]], L), np.array([[0, 0], [1, 0], [2, 0], [2, 1]], L)
    shape = [np.array([3, 2], L)] * 2
    words, numbers = s('x', 'y', 'z'), np.array([5, -6, 7, 1 << 40], L)
    many = s('p', 'q', 'r').reshape(3, 1)
    also = ['N int 2', 'dense_types types string', 'sparse_types types string int64']
    kw = dict(also=also, hash_key=956888297470, internal_type=tf.int64, out_type=tf.int64, hashed_output=True)
    for buckets in (0, 10):
        f.case('SparseCross', [[a, b], [words, numbers], shape, [many]], num_buckets=buckets, **kw)
    texts = s('5', '-6', '7', '88')
    f.case('SparseCross', [[a, b], [words, texts], shape, [many]], num_buckets=0, hash_key=1, internal_type=tf.string, out_type=tf.string, hashed_output=False, also=also[:2] + ['sparse_types types string string'])
    f.case('SparseCrossV2', [[a, b], [words, texts], shape, [many], np.array(b'__', object)], also=also[:2] + ['sparse_types types string string'])
    f.case('SparseBincount', [i, np.array([1, 1, 2, 0], L), n, np.int64(3), np.array([], F)])


def audio():
    f = File('audio')
    rng = np.random.RandomState(4)
    x = np.round(rng.randn(70, 2), 2).astype(F)
    for kw in (dict(window_size=16, stride=8), dict(window_size=20, stride=30, magnitude_squared=True), dict(window_size=71, stride=1)):
        f.case('AudioSpectrogram', [x], tol=2e-6, **kw)
    p = np.abs(np.round(rng.randn(1, 2, 65), 2)).astype(F)
    f.case('Mfcc', [p, np.int32(8000)], tol=2e-6)
    f.case('Mfcc', [p, np.int32(16000)], tol=2e-6, upper_frequency_limit=7000.0, lower_frequency_limit=100.0, filterbank_channel_count=20, dct_coefficient_count=5)
    wav = np.array(tf.audio.encode_wav(np.round(rng.uniform(-1, 1, [6, 2]), 3).astype(F), 8000).numpy(), object)
    for kw in (dict(), dict(desired_channels=1), dict(desired_channels=2, desired_samples=9), dict(desired_samples=3)):
        f.case('DecodeWav', [wav], **kw)


def cells():
    f = File('cells')
    rng = np.random.RandomState(5)
    r = lambda *n: np.round(rng.randn(*n), 2).astype(F)
    x, h, cs = r(3, 2, 3), r(2, 4), r(2, 4)
    w, b, p = r(7, 16), r(16), [r(4) for _ in range(3)]
    for kw in (dict(), dict(forget_bias=0.5, cell_clip=0.3), dict(use_peephole=True, cell_clip=-1.0)):
        f.case('LSTMBlockCell', [x[0], cs, h, w, *p, b], tol=2e-6, **kw)
        f.case('BlockLSTM', [np.int64(3), x, cs, h, w, *p, b], tol=2e-6, **kw)
        kw.pop('forget_bias', 0)
        f.case('BlockLSTMV2', [np.int64(3), x, cs, h, w, *p, b], tol=2e-6, **kw)
    f.case('GRUBlockCell', [x[0], h, r(7, 8), r(7, 4), r(8), r(4)], tol=2e-6)
    y = np.round(rng.randn(6, 2, 4) * 2).astype(F)
    for kw in (dict(), dict(merge_repeated=True), dict(blank_index=0, merge_repeated=True)):
        f.case('CTCGreedyDecoder', [y, np.array([6, 4], I)], **kw)


def grads():
    f = File('grads')
    rng = np.random.RandomState(6)
    x, dy = np.round(3 * rng.randn(2, 7), 2), np.round(rng.randn(2, 7), 2)
    for t in (F, np.float64, np.float16):
        for op in ('ReluGrad', 'Relu6Grad', 'EluGrad', 'SeluGrad', 'SoftplusGrad', 'SoftsignGrad'):
            f.case(op, [dy.astype(t), x.astype(t)])
        for op in ('SigmoidGrad', 'TanhGrad', 'SqrtGrad', 'RsqrtGrad', 'ReciprocalGrad', 'InvGrad'):
            f.case(op, [(np.abs(x) + 0.5).astype(t), dy.astype(t)], tol=None if t != np.float16 else 4e-3)
        f.case('SoftmaxCrossEntropyWithLogits', [x.astype(t), np.abs(dy).astype(t)], tol=None if t != F else 2e-6)
        f.case('SparseSoftmaxCrossEntropyWithLogits', [x.astype(t), np.array([6, 0], I)], tol=None if t != F else 2e-6)
    image = np.round(rng.randn(2, 5, 6, 2), 2).astype(F)
    for pad in ('SAME', 'VALID'):
        for k, s in ((2, 2), (3, 2), (3, 1)):
            y = tf.nn.max_pool2d(image, k, s, pad)
            f.case('MaxPoolGrad', [image, y, np.round(rng.randn(*y.shape), 2).astype(F)], ksize=[1, k, k, 1], strides=[1, s, s, 1], padding=pad)


if __name__ == '__main__':
    names = sys.argv[1:] or ['ragged', 'unicode', 'example', 'serialized', 'sparse_math', 'audio', 'cells', 'grads']
    for name in names:
        globals()[name]()
