"""Writes tests/ops/golden/*.txt: single ops with TensorFlow's own results (format: ../golden.h).

Usage: python generate.py [name ...]     (needs TensorFlow; the files are checked in)
"""
import inspect
import os
import sys

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

HERE = os.path.dirname(os.path.abspath(__file__))
BF16 = tf.bfloat16.as_numpy_dtype
FLOATS = [np.float32, np.float64, np.float16, BF16]
SIGNED = [np.int8, np.int16, np.int32, np.int64]
UNSIGNED = [np.uint8, np.uint16, np.uint32, np.uint64]
INTS = SIGNED + UNSIGNED
COMPLEX = [np.complex64, np.complex128]
TOLERANCE = {'float32': 1e-6, 'float64': 1e-12, 'float16': 1e-3, 'bfloat16': 8e-3,
             'complex64': 2e-6, 'complex128': 1e-12}


def hexadecimal(s):
    return 'x' + (s.encode() if isinstance(s, str) else bytes(s)).hex()


def dims(s):
    return '-' if not len(s) else 'x'.join(str(-1 if d is None else d) for d in s)


def number(x):
    if isinstance(x, (bytes, str)):
        return hexadecimal(x)
    if isinstance(x, (bool, np.bool_, int, np.integer)):
        return str(int(x))
    return str(x).removesuffix('.0')  # the shortest text that reads back as the same number


def text(a):
    a = np.array(a, object) if isinstance(a, bytes) else np.asarray(a)  # numpy's 'S' drops NULs
    out = [str(a.ndim)] + [str(d) for d in a.shape]
    for x in a.reshape(-1):
        if np.iscomplexobj(a):
            out += [number(x.real), number(x.imag)]
        else:
            out.append(number(x))
    return ' '.join(out)


class File:
    def __init__(self, name):
        self.f = open(os.path.join(HERE, name + '.txt'), 'w')

    def case(self, op, inputs, tol=None, only=None, also=(), **attrs):
        """Runs one op on numpy inputs (or lists of them) and writes it with its results.

        also: attributes that Python deduces and the test cannot, as lines: 'N int 2'.
        """
        definition = op_def_registry.get(op)
        args = {}
        flat = []
        function = getattr(tf.raw_ops, op)
        # Inputs come first, in order, though sometimes under other names than the OpDef's.
        for name, value in zip(inspect.signature(function).parameters, inputs):
            if isinstance(value, list):
                args[name] = [tf.constant(v) for v in value]
                flat += args[name]
            else:
                args[name] = value if isinstance(value, tf.Tensor) else tf.constant(value)
                flat.append(args[name])
        result = function(**args, **attrs)
        results = tf.nest.flatten(result)
        kinds = {a.name: a.type for a in definition.attr}
        w = self.f.write
        w('case %s\n' % op)
        for k, v in attrs.items():
            kind = kinds[k].replace('list(', '').replace(')', 's') if 'list' in kinds[k] else kinds[k]
            if kinds[k] == 'list(string)':
                kind, v = 'texts', [hexadecimal(x) for x in v]
            elif kinds[k] == 'list(shape)':
                v = [dims(x) for x in v]
            elif kinds[k] == 'string' and (not v or ' ' in v or '\n' in v):
                kind, v = 'text', hexadecimal(v)
            if isinstance(v, tf.DType):
                v = v.name
            elif isinstance(v, bool):
                v = int(v)
            elif isinstance(v, (list, tuple)):
                v = ' '.join(x.name if isinstance(x, tf.DType) else str(x) for x in v)
            w('attr %s %s %s\n' % (k, kind, v))
        for line in also:
            w('attr %s\n' % line)
        for t in flat:
            name = t.dtype.name
            t = tf.bitcast(t, storage(t.dtype)) if t.dtype.is_quantized else t
            w('in %s %s\n' % (name, text(t.numpy())))
        for t in results[:only]:
            name = t.dtype.name
            if t.dtype.is_quantized:
                t = tf.bitcast(t, storage(t.dtype))
            w('out %s %g %s\n' % (name, tol if tol is not None else TOLERANCE.get(name, 0),
                                  text(t.numpy())))
        w('skip\n' * (len(results) - len(results[:only])))
        w('end\n')


def storage(t):
    return {tf.qint8: tf.int8, tf.quint8: tf.uint8, tf.qint16: tf.int16, tf.quint16: tf.uint16,
            tf.qint32: tf.int32}[t]


INF, NAN = np.inf, np.nan
EDGE = [0.0, -0.0, 1, -1, 0.5, -0.5, 2.5, -2.5, 3.5, 7.25, -7.25, 0.1, -0.1, 30, -30, 100, -100,
        INF, -INF, NAN]


def unary():
    f = File('unary')
    general = np.array(EDGE)
    bounded = np.array([0.0, -0.0, 1, -1, 0.5, -0.5, 0.9, -0.9, 0.001, 1.5, NAN])
    positive = np.array([0.0, 0.001, 0.5, 1, 1.5, 2, 10, 1000, -1, -0.5, -2.5, INF, NAN])
    above_one = np.array([1, 1.0001, 1.5, 2, 10, 1000, 0.5, INF, NAN])
    unit = np.array([0.0, 0.001, 0.1, 0.4, 0.5, 0.6, 0.9, 0.999, 1, NAN])
    domain = {'Log': positive, 'Log1p': positive, 'Sqrt': positive, 'Rsqrt': positive,
              'Asin': bounded, 'Acos': bounded, 'Atanh': bounded, 'Acosh': above_one,
              'Erfinv': bounded[[0, 2, 3, 4, 5, 6, 7, 8, 10]], 'Ndtri': unit,
              'Lgamma': positive[:-1][positive[:-1] != -1], 'Digamma': np.array([0.001, 0.5, 1, 1.5, 2, 10, 1000, -0.5, -2.5, -7.25]),
              'BesselI0e': np.array([0.0, 0.5, -0.5, 3, 7.9, 8.1, -19, 21, 100]),
              'BesselI1e': np.array([0.0, 0.5, -0.5, 3, 7.9, 8.1, -19, 21, 100])}
    loose = {'Erfinv': 3e-6, 'Ndtri': 3e-6, 'Lgamma': 3e-6, 'Digamma': 3e-6, 'Acosh': 2e-6, 'Tan': 2e-6}
    every = ('Abs Neg Exp Expm1 Log Log1p Sqrt Rsqrt Reciprocal Inv Square Sin Cos Tan Asin Acos '
             'Atan Sinh Cosh Asinh Acosh Atanh Erf Erfc Ceil Floor Round Sign IsNan IsInf IsFinite '
             'Relu Relu6 LeakyRelu Elu Selu Sigmoid Tanh Softsign Softplus').split()
    for op in every:
        for t in FLOATS:
            x = domain.get(op, general)
            if op in ('Exp', 'Expm1', 'Sinh', 'Cosh') and t == np.float16:
                x = x[np.abs(np.nan_to_num(x, nan=0)) != 30]
            if op == 'Erf' and t == np.float64:
                x = x[~np.isinf(x)]  # TensorFlow 2.21 says erf(inf) is NaN there
            f.case(op, [x.astype(t)], tol=loose.get(op) if t == np.float32 else None)
    for op in 'Erfinv Ndtri Rint'.split():
        for t in FLOATS[:2]:
            f.case(op, [domain.get(op, general).astype(t)],
                   tol=3e-6 if t == np.float32 else 1e-9)
    for op in 'Lgamma Digamma BesselI0e BesselI1e'.split():
        for t in FLOATS[:3]:
            tol = {np.float32: 3e-6, np.float64: 1e-9, np.float16: 2e-3}[t]
            f.case(op, [domain[op].astype(t)], tol=tol)
    # Round of integers is left out: TensorFlow 2.21 gives zeros there (it should be the identity).
    for t in SIGNED:
        i = np.iinfo(t)
        x = np.array([0, 1, -1, 5, -7, i.max, i.min + 1, i.min], t)
        for op in 'Abs Neg Square Sign Invert Relu Relu6'.split():
            f.case(op, [x])
    for t in UNSIGNED:
        x = np.array([0, 1, 5, 7, 200, np.iinfo(t).max], t)
        for op in 'Square Invert Relu Relu6'.split():
            f.case(op, [x])
    f.case('LeakyRelu', [np.array([-3.0, 0, 2], np.float32)], alpha=0.3)
    f.case('LogicalNot', [np.array([True, False])])
    z = np.array([0.5 + 0.25j, -1.5 + 2j, 1 - 1j, -0.3 - 0.7j, 2 + 0j])
    for t in COMPLEX:
        for op in ('Neg Exp Expm1 Log Log1p Sqrt Rsqrt Reciprocal Square Sin Cos Tan Asin Acos '
                   'Atan Sinh Cosh Asinh Acosh Atanh Sign Sigmoid Tanh Conj').split():
            f.case(op, [z.astype(t)], tol=5e-6 if t == np.complex64 else 1e-11)
        out = tf.float32 if t == np.complex64 else tf.float64
        for op in 'Real Imag ComplexAbs Angle'.split():
            f.case(op, [z.astype(t)], Tout=out)
    for t in FLOATS[:2]:
        f.case('Complex', [np.array([1, 2, 3], t), np.array([4, 5, -6], t)],
               Tout=tf.complex64 if t == np.float32 else tf.complex128)
    long = np.linspace(-9, 9, 1000).astype(np.float32)
    for op in 'Exp Sigmoid Tanh Erf Sin Softplus'.split():
        f.case(op, [long[::7]])
    for t in FLOATS + SIGNED + [np.uint8, np.uint16]:
        x = np.array([[1, 2, 3], [4, 5, 6]], t)
        f.case('ClipByValue', [x, np.array(2, t), np.array(5, t)])
        f.case('ClipByValue', [x, np.full((2, 3), 3, t), np.array([[4, 5, 6], [4, 4, 4]], t)])
    f.case('ClipByValue', [np.array([NAN, -INF, INF, 0.5], np.float32), np.float32(-1), np.float32(1)])


def binary():
    f = File('binary')
    a = np.array([[1, -2, 3.5, 0, 7.25], [-0.5, 4, 0, 2, -6]])
    b = np.array([[2, 3, -1.5, 0, 0.5], [4, -0.5, 1, -3, 2]])
    arithmetic = 'AddV2 Sub Mul Div FloorDiv FloorMod Minimum Maximum TruncateDiv'.split()
    floats = arithmetic + ('Add RealDiv Pow SquaredDifference Atan2 DivNoNan MulNoNan Xdivy Xlogy '
                           'Xlog1py').split()
    compare = 'Greater Less GreaterEqual LessEqual Equal NotEqual'.split()
    for t in FLOATS:
        for op in floats + compare:
            f.case(op, [a.astype(t), b.astype(t)], tol=4e-6 if t == np.float32 and op == 'Pow' else None)
        for op in 'AddV2 FloorMod Greater Maximum'.split():
            f.case(op, [a.astype(t), b[0].astype(t)])
            f.case(op, [a[:, :1].astype(t), b[0].astype(t)])
            f.case(op, [t(2), b.astype(t)])
    for t in FLOATS[:2]:
        for op in 'Mod TruncateMod NextAfter'.split():
            f.case(op, [a.astype(t), b.astype(t)])
        f.case('ApproximateEqual', [a.astype(t), (a + 1e-3).astype(t)], tolerance=2e-3)
        f.case('ApproximateEqual', [a.astype(t), (a + 1e-3).astype(t)])
    e = np.array(EDGE, np.float32)
    for op in floats + compare:
        if op != 'Atan2':
            f.case(op, [e[:, None], e[None, ::3]], tol=4e-6 if op == 'Pow' else None)
    f.case('Atan2', [e[:, None], e[None, ::3]])
    for t in INTS:
        i = np.iinfo(t)
        x = np.array([7, 0, 100, i.max, 1, 5, i.min, i.min], t)
        y = np.array([2, 3, 7, 2, 9, 5, 2, 1], t)
        if t in SIGNED:
            x = np.append(x, np.array([-7, -7, 7, -8, i.min], t))
            y = np.append(y, np.array([2, -2, -2, 4, -1], t))
        # TensorFlow itself overflows on the smallest value over -1; the others are compared.
        safe = len(x) - 1 if t in SIGNED else len(x)
        for op in 'AddV2 Sub Mul Minimum Maximum'.split() + compare:
            f.case(op, [x, y])
        for op in 'Div FloorDiv FloorMod TruncateDiv'.split():
            f.case(op, [x[:safe], y[:safe]])
        for op in 'BitwiseAnd BitwiseOr BitwiseXor'.split():
            f.case(op, [x, y])
        shift = np.array([0, 1, 2, 3, 5, 7, 1, 2], t)
        for op in 'LeftShift RightShift'.split():
            f.case(op, [x[:8], shift])
        if t in (np.int32, np.int64):
            for op in 'Mod TruncateMod'.split():
                f.case(op, [x[:safe], y[:safe]])
            f.case('SquaredDifference', [x, y])
        if t in SIGNED:
            f.case('Pow', [np.array([2, -3, 0, 1, 5], t), np.array([3, 3, 0, 9, 1], t)])
        f.case('AddV2', [np.arange(6).reshape(2, 3).astype(t), np.array([1, 2, 3], t)])
    z = np.array([0.5 + 0.25j, -1.5 + 2j, 1 - 1j, 0j])
    w = np.array([1 + 1j, 0.5 - 2j, 0j, -1 + 0.5j])
    for t in COMPLEX:
        for op in ('AddV2 Sub Mul Div RealDiv Pow SquaredDifference DivNoNan MulNoNan Xdivy Xlogy '
                   'Xlog1py Equal NotEqual').split():
            keep = slice(0, 2) if op in ('Div', 'RealDiv', 'Pow', 'Xdivy', 'Xlogy') else slice(0, 4)
            f.case(op, [z[keep].astype(t), w[keep].astype(t)])
    p, q = np.array([True, True, False, False]), np.array([True, False, True, False])
    for op in 'LogicalAnd LogicalOr Equal NotEqual'.split():
        f.case(op, [p, q])
    f.case('Equal', [np.array([1, 2], np.int32), np.array([1, 2, 3], np.int32)],
           incompatible_shape_error=False)
    f.case('NotEqual', [np.array([1, 2], np.int32), np.array([1, 2, 3], np.int32)],
           incompatible_shape_error=False)
    s = np.array([0.5, 1, 2, 5, 20], np.float64)
    x = np.array([0.1, 1, 3, 4.5, 25])
    for t in FLOATS[:2]:
        tol = 4e-6 if t == np.float32 else 1e-9
        f.case('Igamma', [s.astype(t), x.astype(t)], tol=tol)
        f.case('Igammac', [s.astype(t), x.astype(t)], tol=tol)
        f.case('Betainc', [s.astype(t), s[::-1].astype(t), np.array([0, 0.3, 0.5, 0.9, 1], t)], tol=tol)
        f.case('Betainc', [t(2), t(3), np.array([[0.25, 0.75]], t)], tol=tol)
        f.case('Zeta', [np.array([1.5, 2, 3, 7, 20], t), np.array([1, 0.5, 2.5, 10, 1], t)], tol=tol)
        f.case('Polygamma', [np.array([0, 1, 2, 3, 5], t), np.array([1, 0.5, 2.5, 10, 1], t)], tol=tol)
    for t in FLOATS + INTS:
        i = np.array([[1, 2], [3, 4]], t)
        f.case('AddN', [[i, i + i, i]])
    f.case('AddN', [[np.array([1.5], np.float32)]])
    big = np.arange(300 * 3).reshape(20, 15, 3)
    for t in (np.float32, np.uint8, np.float16):
        f.case('Sub', [big.astype(t), np.array([1, 2, 3], t)])
        f.case('Sub', [np.array([1, 2, 3], t), big.astype(t)])
    for t in FLOATS + INTS + COMPLEX + [np.bool_]:
        u, v = np.arange(6).reshape(3, 2).astype(t), (np.arange(6).reshape(3, 2) + 50).astype(t)
        m = np.array([[True, False], [False, True], [True, True]])
        f.case('Select', [m, u, v])
        f.case('Select', [m[:, 0], u, v])
        f.case('Select', [np.bool_(False), u, v])
        f.case('SelectV2', [m, u, v[0]])
        f.case('SelectV2', [m[0], u[:, :1], v])


def cast():
    f = File('cast')
    values = np.array([0, 1, 2, 100, 127])
    every = FLOATS + INTS + [np.bool_] + COMPLEX
    for a in every:
        for b in every:
            if a == b:
                continue
            f.case('Cast', [values.astype(a)], DstT=tf.as_dtype(b))
    frac = np.array([0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 126.9, -127.9, 200.7])
    for a in FLOATS:
        for b in [np.int8, np.int16, np.int32, np.int64, np.uint8, np.bool_]:
            f.case('Cast', [(frac[:-1] if b == np.int8 else np.abs(frac) if b == np.uint8 else frac).astype(a)], DstT=tf.as_dtype(b))
    for b in [np.int32, np.int64]:
        f.case('Cast', [np.array([NAN, INF, -INF, 1e20, -1e20], np.float32)], DstT=tf.as_dtype(b))
    for a in [np.int16, np.int32, np.int64]:
        for b in INTS:
            f.case('Cast', [np.array([-1, -129, 300, 32767, -32768], a)], DstT=tf.as_dtype(b))
    r = np.array([1.0009765625 + 1e-4, 3.14159265358979, -2.71828, 65519, 1e-6])
    for a, b in [(np.float64, np.float32), (np.float64, np.float16), (np.float64, BF16),
                 (np.float32, np.float16), (np.float32, BF16)]:
        for truncate in (False, True):
            f.case('Cast', [r.astype(a)], DstT=tf.as_dtype(b), Truncate=truncate)
    x = np.array([[1, 2], [3, 4]], np.int32)
    f.case('Bitcast', [x], type=tf.float32)
    f.case('Bitcast', [x], type=tf.int64)
    f.case('Bitcast', [x], type=tf.uint8)
    f.case('Bitcast', [x.astype(np.float32)], type=tf.int16)


def reduce():
    f = File('reduce')
    rng = np.random.RandomState(1)
    x = np.round(rng.randn(2, 3, 2, 5), 2)
    axes = [[], [0], [1], [3], [-1], [0, 1], [2, 3], [0, 2], [1, 3], [0, 1, 2, 3]]
    for op in 'Sum Mean Max Prod'.split():
        for a in axes:
            f.case(op, [x.astype(np.float32), np.array(a, np.int32)], tol=3e-6)
    small = np.array([[1, 2, 3], [4, 0, 2]])
    for op in 'Sum Prod Max Min Mean EuclideanNorm'.split():
        for t in FLOATS + INTS:
            f.case(op, [small.astype(t), np.array([1], np.int64)], keep_dims=True)
        for t in FLOATS + [np.int32]:
            f.case(op, [x.astype(t), np.array([0, 2], np.int32)],
                   tol={np.float16: 4e-3, BF16: 4e-2, np.float32: 3e-6}.get(t))
        f.case(op, [np.array([1, NAN, -INF, 2], np.float32), np.int32(0)])
        f.case(op, [np.zeros((3, 0), np.float32), np.array([1], np.int32)])
    for op in 'Sum Prod Mean EuclideanNorm'.split():
        for t in COMPLEX:
            f.case(op, [(small + 0.5j * small[::-1]).astype(t), np.array([0], np.int32)])
    for t in [np.int8, np.uint8, np.int32]:
        big = np.array([[100, 100, 100], [np.iinfo(t).max, 1, 2]], t)
        for op in 'Sum Prod Mean'.split():
            f.case(op, [big, np.array([1], np.int32)])
    f.case('Mean', [np.array([[-7, 2], [-8, 1]], np.int32), np.array([1], np.int32)])
    f.case('Sum', [np.ones(3, np.float32) * 5, np.array([], np.int32)])
    f.case('Sum', [np.float32(4), np.array([], np.int32)])
    f.case('EuclideanNorm', [np.array([-3.0, 4], np.float32), np.array([], np.int32)])
    long = np.round(rng.randn(3, 301), 2)
    for op in 'Sum Mean Max Min EuclideanNorm'.split():
        for a in ([0], [1]):
            f.case(op, [long.astype(np.float32)[:, :60 if a == [0] else None], np.array(a, np.int32)],
                   tol=1e-5)
    b = np.array([[True, False], [True, True]])
    for op in ('All', 'Any'):
        for a in ([], [0], [1], [0, 1]):
            f.case(op, [b, np.array(a, np.int32)])
    for op in ('ArgMax', 'ArgMin'):
        for t in FLOATS + INTS:
            f.case(op, [(x * 10).astype(t) if t not in UNSIGNED else np.abs(x * 10).astype(t), np.int32(2)],
                   output_type=tf.int64)
        f.case(op, [x.astype(np.float32), np.int64(-1)], output_type=tf.int32)
        f.case(op, [x.astype(np.float32), np.int32(0)], output_type=tf.int32)
        f.case(op, [b, np.int32(1)], output_type=tf.int32)
        f.case(op, [np.array([1, 3, 3, 1], np.float32), np.int32(0)], output_type=tf.int64)
    f.case('ArgMax', [np.array([[1, NAN, 3], [NAN, 1, 2]], np.float32), np.int32(1)], output_type=tf.int64)
    f.case('ArgMax', [np.array([1, 5, 3], np.float32), np.int32(0)], output_type=tf.uint16)
    for op in ('Cumsum', 'Cumprod'):
        for t in FLOATS + INTS + COMPLEX:
            f.case(op, [small.astype(t), np.int32(1)])
        for e in (False, True):
            for r in (False, True):
                f.case(op, [x[0].astype(np.float32), np.int32(1)], exclusive=e, reverse=r)
                f.case(op, [x[0].astype(np.int32), np.int64(-1)], exclusive=e, reverse=r)
    for t in FLOATS:
        for e in (False, True):
            f.case('CumulativeLogsumexp', [x[0, 0].astype(t), np.int32(0)], exclusive=e, reverse=e)
        f.case('L2Loss', [small.astype(t)])


def segment():
    f = File('segment')
    rng = np.random.RandomState(2)
    x = np.round(rng.randn(6, 3) * 4)
    sorted_ids = np.array([0, 0, 1, 3, 3, 3])
    ids = np.array([2, 0, -1, 4, 2, 0])
    for t in FLOATS + INTS:
        v = (np.abs(x) if t in UNSIGNED else x).astype(t)
        for op in 'SegmentSum SegmentMean SegmentMax SegmentMin SegmentProd'.split():
            f.case(op, [v, sorted_ids.astype(np.int32)])
        for op in 'UnsortedSegmentSum UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd'.split():
            f.case(op, [v, ids.astype(np.int64), np.int32(6)])
    for op in 'SegmentSum SegmentMean UnsortedSegmentSum UnsortedSegmentProd'.split():
        for t in COMPLEX:
            v = (x + 1j).astype(t)
            f.case(op, [v, sorted_ids.astype(np.int32)] + ([np.int32(5)] if 'Uns' in op else []))
    f.case('SegmentSum', [np.array([1, 2, 3], np.float32), np.array([0, 1, 1], np.int64)])
    f.case('UnsortedSegmentSum', [x.reshape(2, 3, 3).astype(np.float32),
                                  np.array([[0, 1, 0], [2, 1, 1]], np.int32), np.int32(3)])
    for t in FLOATS:
        for op in 'SparseSegmentSum SparseSegmentMean SparseSegmentSqrtN'.split():
            f.case(op, [x.astype(t), np.array([5, 0, 0, 2], np.int32), np.array([0, 0, 1, 3], np.int32)])
    f.case('SparseSegmentSum', [x.astype(np.int32), np.array([5, 0, 0, 2], np.int64), np.array([0, 0, 1, 3], np.int64)])
    arr = np.array([1, 3, 3, 0, 7, 9], np.int32)
    for t in [np.int32, np.int64, np.float32, np.float64]:
        f.case('Bincount', [arr, np.int32(8), np.array([], t)])
        f.case('Bincount', [arr, np.int32(8), np.arange(6).astype(t)])
        f.case('DenseBincount', [arr, np.int32(8), np.array([], t)])
        f.case('DenseBincount', [arr.reshape(2, 3), np.int32(8), np.arange(6).reshape(2, 3).astype(t)])
        f.case('DenseBincount', [arr.reshape(2, 3), np.int32(8), np.array([], t)], binary_output=True)
        f.case('Bucketize', [np.array([[-5, 10000], [150, 10], [5, 100]], t)], boundaries=[0.0, 10.0, 100.0])
        for d in (tf.int32, tf.int64):
            f.case('HistogramFixedWidth', [np.array([-1, 0, 1, 2, 5, 15], t), np.array([0, 5], t), np.int32(5)], dtype=d)


def fft():
    f = File('fft')
    rng = np.random.RandomState(3)
    for n in [1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 31, 37, 49, 60, 64, 74, 97]:
        z = np.round(rng.randn(2, n), 2) + 1j * np.round(rng.randn(2, n), 2)
        for op in ('FFT', 'IFFT'):
            f.case(op, [z.astype(np.complex64)[:1]], tol=5e-6)
        f.case('RFFT', [z.real.astype(np.float32)[:1], np.array([n], np.int32)], tol=5e-6, Tcomplex=tf.complex64)
        f.case('IRFFT', [z.astype(np.complex64)[:1, :n // 2 + 1], np.array([n], np.int32)], tol=5e-6, Treal=tf.float32)
    z = np.round(rng.randn(2, 3, 4, 6), 2) + 1j * np.round(rng.randn(2, 3, 4, 6), 2)
    for d in ('2D', '3D'):
        k = int(d[0])
        n = np.array([3, 4, 6][3 - k:], np.int32)
        for op in ('FFT', 'IFFT'):
            f.case(op + d, [z[0].astype(np.complex128)])
            f.case(op + d, [z[0].astype(np.complex64)], tol=5e-6)
        f.case('RFFT' + d, [z.real[0].astype(np.float32), n], tol=5e-6, Tcomplex=tf.complex64)
        f.case('IRFFT' + d, [z[0, ..., :4].astype(np.complex64), n], tol=5e-6, Treal=tf.float32)
        f.case('RFFT' + d, [z.real[0].astype(np.float64), n - 1], Tcomplex=tf.complex128)
    x = np.round(rng.randn(3, 20), 2)
    f.case('RFFT', [x.astype(np.float32), np.array([15], np.int32)], tol=5e-6, Tcomplex=tf.complex64)
    f.case('IRFFT', [(x + 1j * x[::-1]).astype(np.complex64), np.array([9], np.int32)], tol=5e-6, Treal=tf.float32)


def quantize():
    f = File('quantize')
    x = np.array([[-10, -6, -3.3, -0.01, 0, 0.02], [0.5, 1.7, 2.2, 5.99, 6, 9]], np.float32)
    for bits, narrow in ((8, False), (8, True), (4, False), (16, True)):
        for lo, hi in ((-6, 6), (0, 6), (-0.1, 5.9), (0.5, 3.0), (-3, -0.5)):
            f.case('FakeQuantWithMinMaxArgs', [x], min=float(lo), max=float(hi), num_bits=bits, narrow_range=narrow)
            f.case('FakeQuantWithMinMaxVars', [x, np.float32(lo), np.float32(hi)], num_bits=bits, narrow_range=narrow)
    f.case('FakeQuantWithMinMaxVarsPerChannel', [x, np.array([-6, -1, 0, -3, -2, 0], np.float32), np.array([6, 1, 4, 3, 7, 9], np.float32)])
    f.case('FakeQuantWithMinMaxVarsPerChannel', [x[0], np.array([-6, -1, 0, -3, -2, 0], np.float32), np.array([6, 1, 4, 3, 7, 9], np.float32)], narrow_range=True)
    for t in FLOATS[:2]:
        y = x.astype(t)
        for signed in (True, False):
            for mode in ('HALF_TO_EVEN', 'HALF_UP'):
                for op in ('QuantizeAndDequantizeV2', 'QuantizeAndDequantizeV4'):
                    f.case(op, [y, t(-5), t(4)], signed_input=signed, round_mode=mode, range_given=True)
                f.case('QuantizeAndDequantizeV2', [y, t(0), t(0)], signed_input=signed, round_mode=mode, narrow_range=True)
            f.case('QuantizeAndDequantizeV3', [y, t(-5), t(4), np.int32(6)], signed_input=signed, range_given=True)
        f.case('QuantizeAndDequantizeV2', [y, np.zeros(2, t), np.zeros(2, t)], axis=0)
    for q in (tf.qint8, tf.quint8, tf.qint16, tf.quint16):
        for mode in ('MIN_COMBINED', 'MIN_FIRST', 'SCALED'):
            if mode == 'MIN_FIRST' and q in (tf.qint16, tf.quint16):
                continue
            for lo, hi in ((-6, 6), (-2, 9), (0, 6)):
                f.case('QuantizeV2', [x, np.float32(lo), np.float32(hi)], T=q, mode=mode)
        f.case('QuantizeV2', [x, np.float32(-6), np.float32(6)], T=q, mode='SCALED', round_mode='HALF_TO_EVEN', narrow_range=True)
        f.case('QuantizeV2', [x, np.array([-6, 0], np.float32), np.array([4, 8], np.float32)], T=q, mode='SCALED', axis=0)
        raw = np.array([[-128, -7, 0], [1, 100, 127]], np.int8)
        if q in (tf.quint8, tf.quint16):
            raw = np.array([[0, 7, 128], [1, 100, 255]], np.uint8)
        wide = {tf.qint16: np.int16, tf.quint16: np.uint16}.get(q, raw.dtype)
        v = tf.bitcast(tf.constant(raw.astype(wide)), q)
        for mode in ('MIN_COMBINED', 'MIN_FIRST', 'SCALED'):
            if mode == 'MIN_FIRST' and q in (tf.qint16, tf.quint16):
                continue
            f.case('Dequantize', [v, np.float32(-2), np.float32(9)], mode=mode, tol=2e-6)
        f.case('Dequantize', [v, np.float32(-2), np.float32(9)], mode='SCALED', narrow_range=True, tol=2e-6)
        f.case('Dequantize', [v, np.array([-2, -1], np.float32), np.array([9, 4], np.float32)], mode='SCALED', axis=0, tol=2e-6)
    for t in FLOATS:
        f.case('CheckNumerics', [np.array([1, 2], t)], message='fine')


def matrix_diag():
    f = File('matrix_diag')
    m = np.arange(1, 25).reshape(2, 3, 4)
    for t in (np.float32, np.int32, np.complex64):
        x = m.astype(t)
        for lower, upper in ((0, 0), (1, -1), (-1, 1), (1, 2), (-1, -1)):
            f.case('MatrixBandPart', [x, np.int64(lower), np.int64(upper)])
        f.case('MatrixDiag', [x[0]])
        f.case('MatrixDiagPart', [x])
        f.case('MatrixSetDiag', [x, x[:, 0, :3] * 10])
        for align in ('LEFT_RIGHT', 'RIGHT_LEFT', 'LEFT_LEFT', 'RIGHT_RIGHT'):
            f.case('MatrixDiagPartV3', [x, np.array([-1, 2], np.int32), t(9)], align=align)
            f.case('MatrixDiagV3', [x[0], np.array([-1, 1], np.int32), np.int32(-1), np.int32(-1), t(7)], align=align)
            f.case('MatrixSetDiagV3', [x, np.concatenate([x * 2, x[:, :1]], 1)[:, :4, :3], np.array([-1, 2], np.int32)], align=align)
        f.case('MatrixDiagPartV2', [x, np.array([-1, 2], np.int32), t(9)])
        f.case('MatrixDiagPartV2', [x, np.int32(-1), t(9)])
        f.case('MatrixDiagV2', [x[0], np.int32(2), np.int32(-1), np.int32(-1), t(7)])
        f.case('MatrixDiagV3', [x[0], np.int32(-1), np.int32(5), np.int32(6), t(7)])
        f.case('MatrixSetDiagV2', [x, x[:, 0, :2], np.int32(-1)])
    for t in FLOATS + INTS:
        f.case('Cross', [np.array([[1, 2, 3], [4, 5, 6]], t), np.array([[3, 1, 2], [0, 1, 1]], t)])


def linalg():
    """Eigen and singular vectors are left out: their signs are anybody's choice."""
    f = File('linalg')
    rng = np.random.RandomState(4)
    for t in FLOATS[:2] + COMPLEX:
        tol = 2e-5 if t in (np.float32, np.complex64) else 1e-10
        a = np.round(rng.randn(2, 4, 4), 1)
        if t in COMPLEX:
            a = a + 1j * np.round(rng.randn(2, 4, 4), 1)
        rhs = np.round(rng.randn(2, 4, 3), 1).astype(t)
        good = (a @ np.conj(np.swapaxes(a, 1, 2)) + 2 * np.eye(4)).astype(t)
        a = a.astype(t)
        f.case('Cholesky', [good], tol=tol)
        for adjoint in (False, True):
            f.case('MatrixInverse', [a], tol=10 * tol, adjoint=adjoint)
            f.case('MatrixSolve', [a, rhs], tol=10 * tol, adjoint=adjoint)
            for lower in (False, True):
                f.case('MatrixTriangularSolve', [good, rhs], tol=tol, adjoint=adjoint, lower=lower)
        f.case('MatrixTriangularSolve', [good[:1], rhs], tol=tol)
        f.case('MatrixTriangularSolve', [good[0], rhs], tol=tol)
        f.case('MatrixDeterminant', [a], tol=tol)
        f.case('LogMatrixDeterminant', [a], tol=tol)
        f.case('SelfAdjointEigV2', [good], tol=tol, only=1, compute_v=False)
        for m in (a, a[:, :, :2], a[:, :3]):
            f.case('Svd', [m], tol=tol, only=1, compute_uv=False)
            for full in (False, True):
                if not full or t in FLOATS:
                    f.case('Qr', [m], tol=10 * tol, full_matrices=full)


def random():
    f = File('random')
    for seed in ([1, 2], [-7, 1 << 40]):
        seed = np.array(seed, np.int64)
        f.case('StatelessRandomGetKeyCounter', [seed])
        for t in (tf.float32, tf.float64):
            f.case('StatelessRandomUniform', [np.array([3, 5], np.int32), seed], dtype=t)
            f.case('StatelessRandomNormal', [np.array([7], np.int32), seed], dtype=t, tol=2e-6)
            for op in ('StatelessRandomUniformV2', 'StatelessRandomNormalV2'):
                f.case(op, [np.array([2, 3], np.int64), np.array([0x123456789abcdef], np.uint64),
                            np.array([(1 << 64) - 1, 5], np.uint64), np.int32(1)], dtype=t, tol=2e-6)
        for t in (tf.float32, tf.float64, tf.float16, tf.bfloat16):
            f.case('StatelessTruncatedNormal', [np.array([50], np.int32), seed], dtype=t, tol=1e-2 if t.size == 2 else 2e-6)
            f.case('StatelessTruncatedNormalV2', [np.array([9], np.int32), np.array([5], np.uint64), np.array([1, 2], np.uint64), np.int32(1)], dtype=t,
                   tol=1e-2 if t.size == 2 else 2e-6)
        for t in (tf.float16, tf.bfloat16):
            f.case('StatelessRandomUniform', [np.array([9], np.int32), seed], dtype=t)
            f.case('StatelessRandomNormal', [np.array([9], np.int32), seed], dtype=t, tol=1e-2)
        for t in (np.int32, np.int64, np.uint32, np.uint64):
            f.case('StatelessRandomUniformFullInt', [np.array([7], np.int32), seed], dtype=tf.as_dtype(t))
        for t in (np.int32, np.int64):
            f.case('StatelessRandomUniformInt', [np.array([7], np.int32), seed, t(-3), t(1000)])
            f.case('StatelessRandomUniformIntV2', [np.array([7], np.int32), np.array([9], np.uint64), np.array([1, 2], np.uint64), np.int32(1), t(5), t(60)])
        f.case('StatelessMultinomial', [np.log(np.array([[0.1, 0.6, 0.3], [0.5, 0.4, 0.1]], np.float32)), np.int32(5), seed])
        f.case('StatelessRandomGetKeyCounterAlg', [seed])
    f.case('StatelessRandomUniform', [np.array([4], np.int32), np.array([3, 4], np.int32)], dtype=tf.float32)


if __name__ == '__main__':
    for name in sys.argv[1:] or ['unary', 'binary', 'cast', 'reduce', 'segment', 'fft', 'quantize', 'matrix_diag', 'linalg',
                                'random']:
        globals()[name]()
