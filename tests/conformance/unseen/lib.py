"""What the model files share: a registry, ways to save, goldens, comparison."""
import collections
import hashlib
import inspect
import os
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

S = tf.TensorSpec
MODELS = collections.OrderedDict()  # name -> dict(fn, v1, peak, modes)


def unseen(peak=None, v1=False, stateful=False, signature="serving_default", atol=1e-5, rtol=1e-4):
    """Registers a function (path, rng) -> cases. A case is a dict of inputs of serving_default, or (signature, dict).

    peak: compare relative to the largest golden value (deep networks) instead of element by element.
    stateful: cases run in order from a fresh load, in one process.
    """
    def deco(f):
        assert f.__name__ not in MODELS, f.__name__
        source = inspect.getsource(f) + inspect.getsource(sys.modules[f.__module__]).split("@unseen", 1)[0]
        MODELS[f.__name__] = dict(fn=f, peak=peak, v1=v1, stateful=stateful, signature=signature, atol=atol, rtol=rtol,
                                  hash=hashlib.sha256(source.encode()).hexdigest()[:16])
        return f
    return deco


def f32(rng, *s, scale=1.0):
    return (scale * rng.standard_normal(s)).astype(np.float32)


def strings(*v, shape=None):
    a = np.array([x if isinstance(x, bytes) else x.encode() for x in v], object)
    return a if shape is None else a.reshape(shape)


def save_function(path, specs, f, module=None, jit=False):
    """f(**inputs) -> dict, tensor or nested structure, as the serving_default of a tf.Module."""
    m = module or tf.Module()
    names = list(specs)
    scope = {"f": f}
    exec(f"def call({', '.join(names)}):\n  return f({', '.join(n + '=' + n for n in names)})\n", scope)

    def flat(*a):
        y = scope["call"](*a)
        if isinstance(y, dict):
            return y
        y = tf.nest.flatten(y)
        return {f"y{i}": v for i, v in enumerate(y)}
    flat.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])
    m.__call__ = tf.function(flat, autograph=False, jit_compile=jit or None,
                             input_signature=[S(v.shape, v.dtype, name=k) for k, v in specs.items()])
    tf.saved_model.save(m, path, signatures={"serving_default": m.__call__})
    return m


def stored(a):
    """As the program's npz files have it: bfloat16 as its bits, strings as bytes."""
    a = np.asarray(a)
    if a.dtype.name in ("bfloat16",):
        return a.view(np.uint16)
    return a.astype("S") if a.dtype == object else a


def run_golden(path, cases, e):
    """TensorFlow's own answers: a list of (signature, inputs, outputs)."""
    out = []
    if e["v1"]:
        with tf.Graph().as_default(), tf.compat.v1.Session() as s:
            meta = tf.compat.v1.saved_model.load(s, ["serve"], path)
            for sig, ins in cases:
                d = meta.signature_def[sig]
                keys = list(d.outputs)
                values = s.run([d.outputs[k].name for k in keys], {d.inputs[k].name: v for k, v in ins.items()})
                out.append((sig, ins, dict(zip(keys, values))))
        return out
    m = tf.saved_model.load(path)
    for sig, ins in cases:
        f = m.signatures[sig]
        kw = f.structured_input_signature[1]
        args = {k: tf.constant(v, kw[k].dtype) for k, v in ins.items()}
        out.append((sig, ins, {k: v.numpy() for k, v in f(**args).items()}))
    return out


def make(name, base):
    """Writes <base>/<name>/{saved_model,case.<k>.npz}, unless they are there already."""
    e = MODELS[name]
    at = os.path.join(base, name)
    done = os.path.join(at, "made")
    if os.path.exists(done) and open(done).read() == e["hash"]:
        return
    shutil.rmtree(at, ignore_errors=True)
    os.makedirs(at)
    path = os.path.join(at, "saved_model")
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(1234)
    cases = e["fn"](path, np.random.default_rng(1234))
    cases = [c if isinstance(c, tuple) else (e["signature"], c) for c in cases]
    for k, (sig, ins, outs) in enumerate(run_golden(path, cases, e)):
        np.savez(os.path.join(at, f"case.{k}.npz"), signature=sig, **{"in." + n: stored(v) for n, v in ins.items()},
                 **{"out." + n: stored(v) for n, v in outs.items()},
                 **{"bf16." + n: True for n, v in outs.items() if np.asarray(v).dtype.name == "bfloat16"})
    with open(done, "w") as f:
        f.write(e["hash"])


def number(a, bf16):
    if bf16:
        a = (a.astype(np.uint32) << 16).view(np.float32)
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def difference(got, want, e, bf16):
    """None when got is want as closely as the model allows, else what is wrong."""
    if got.shape != want.shape:
        return f"shape {list(got.shape)}, not {list(want.shape)}"
    if got.dtype.kind != want.dtype.kind or (want.dtype.kind != "S" and got.dtype != want.dtype):
        return f"dtype {got.dtype}, not {want.dtype}"
    if want.size == 0:
        return None
    if want.dtype.kind in "SUbiu" and not bf16:
        bad = np.flatnonzero((got != want).reshape(-1))
        if not bad.size:
            return None
        k = bad[0]
        return f"{bad.size} of {want.size} elements differ, [{k}] is {got.reshape(-1)[k]}, not {want.reshape(-1)[k]}"
    half = bf16 or want.dtype == np.float16
    a, b = number(got, bf16), number(want, bf16)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        d = np.where(same, 0, np.abs(a - b))
    finite = np.abs(b[np.isfinite(b)])
    top = float(finite.max()) if finite.size else 0.0
    if e["peak"]:
        limit = e["peak"] * top + 1e-9
    else:
        rtol = max(e["rtol"], 2e-2 if bf16 else 4e-3 if half else 0)
        limit = e["atol"] + rtol * np.abs(np.where(np.isfinite(b), b, 0)) + (rtol * 0.1 * top if half else 0)
    bad = np.flatnonzero(~(d <= limit).reshape(-1))
    if not bad.size:
        return None
    k = bad[0]
    return (f"{bad.size} of {want.size} elements differ, [{k}] is {got.reshape(-1)[k]}, not {want.reshape(-1)[k]}; "
            f"largest difference {float(np.nanmax(d)):.3g}, peak {top:.3g}")
