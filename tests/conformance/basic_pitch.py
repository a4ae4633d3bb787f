#!/usr/bin/env python3
"""basic-pitch, the model of `make demo`, in FP32, FP16, BF16 and INT8: it hears the notes that are played, as in TensorFlow.

  basic_pitch.py --build build

Clips of plucked strings are synthesised: chords of one to four notes. INT8 is calibrated, with each calibrator, on others than those that
are heard. A note is heard when its probability, over the second behind its attack, is above one half in the mean. Each mode is to hear
what TensorFlow hears of every clip, and its outputs, all of them probabilities, are to be within BOUNDS of TensorFlow's: mean and
largest absolute difference. FP16 rounds to 11 bits, BF16 to 8, and six layers are one behind the other; a step of INT8 is 1/255, and in
the mean it may cost one. Onsets are steep: there a difference is many times that of what the last layer reads. Ends with
"N passed, N failed".
"""
import argparse
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TFTRT_CACHE", "off")  # every engine is built here and now
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

RATE, SAMPLES, LOWEST = 22050, 43844, 21
HEARD, CALIBRATED = 16, 16  # clips
CALIBRATORS = ["entropy", "minmax", "percentile", "mse"]
BOUNDS = {"fp32": (1e-5, 1e-3), "fp16": (5e-4, 0.02), "bf16": (2e-3, 0.05), "int8": (4e-3, 0.3)}


def clip(seed):
    """Two seconds of one to four plucked strings, at least two semitones apart: (SAMPLES, 1), and the MIDI numbers of the notes."""
    random = np.random.default_rng(seed)
    keys = []
    for key in random.permutation(np.arange(48, 76)):
        if len(keys) < 1 + seed % 4 and all(abs(key - k) not in (0, 1, 12, 19, 24) for k in keys):
            keys.append(key)
    t = np.arange(SAMPLES) / RATE
    audio = np.zeros(SAMPLES)
    for key in keys:
        f0 = 440 * 2 ** ((key - 69) / 12)
        for h in range(1, 7):
            audio += np.sin(2 * np.pi * f0 * h * t) * 0.6 ** (h - 1) * np.exp(-t * (0.8 + 0.4 * h))
    audio *= np.minimum(1, t / 0.01)
    return (0.8 * audio / np.abs(audio).max()).astype(np.float32)[:, None], sorted(int(k) for k in keys)


def heard(note):
    """MIDI numbers of what sounds: note is (frames, 88), some 86 frames to a second."""
    return [int(k) + LOWEST for k in np.flatnonzero(note[8:94].mean(0) > 0.5)]


def run(*command):
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])}: {said.stderr.strip()}")
    return said.stdout


def modes(calibration):
    for mode in ("fp32", "fp16", "bf16"):
        yield mode, ["--precision", mode]
    for calibrator in CALIBRATORS:
        yield "int8 " + calibrator, ["--precision", "int8", "--calibrator", calibrator, "--calibration-inputs", *calibration]


def converted_says(tftrt, model, arguments, batches, folder):
    target, told = os.path.join(folder, "converted"), os.path.join(folder, "told.npz")
    run(tftrt, "convert", model, target, "-q", "--build-inputs", batches[0], *arguments)
    layers = run(tftrt, "summary", target, "--detailed").split("layers ")
    print("   ", " ".join(layers[0].split()[-1:] + layers[1].splitlines()[:1]) if len(layers) > 1 else "no layers")
    out = {}
    for batch in batches:
        run(tftrt, "run", target, "--inputs", batch, "--outputs", told, "--on-fallback", "fail")
        with np.load(told) as f:
            for key in f:
                out.setdefault(key, []).append(f[key])
    return {k: np.concatenate(v) for k, v in out.items()}


def judge(mode, got, want, notes):
    """What is wrong; ''. Prints the errors of all outputs."""
    wrong = []
    mean_most, max_most = BOUNDS[mode.split()[0]]
    for key in sorted(want):
        d = np.abs(got[key].astype(np.float64) - want[key])
        print(f"    {mode:16} {key:8} mean {d.mean():.2e} of {mean_most:g}, largest {d.max():.2e} of {max_most:g}", flush=True)
        if not d.mean() <= mean_most or not d.max() <= max_most:
            wrong.append(f"{key}: mean {d.mean():.3g}, largest {d.max():.3g}")
    same = [heard(g) == heard(w) for g, w in zip(got["note"], want["note"])]
    played = sum(heard(g) == n for g, n in zip(got["note"], notes))
    print(f"    {mode:16} hears what TensorFlow hears in {sum(same)} of {len(same)} clips, what is played in {played}", flush=True)
    if not all(same):
        wrong.append(f"other notes in {len(same) - sum(same)} clips")
    return "; ".join(wrong)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    a = p.parse_args()
    build = os.path.abspath(a.build)
    tftrt, model = os.path.join(build, "bin/tftrt"), os.path.join(build, "wheels/basic-pitch/basic_pitch/saved_models/icassp_2022/nmp")
    import tensorflow as tf

    function = tf.saved_model.load(model).signatures["serving_default"]
    (name,) = function.structured_input_signature[1]
    counts = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        def files(first, n):
            clips, made = [clip(s) for s in range(first, first + n)], []
            for i in range(0, n, 8):
                made.append(os.path.join(folder, f"{first}.{i}.npz"))
                np.savez(made[-1], **{name: np.stack([c for c, _ in clips[i : i + 8]])})
            return made, [n for _, n in clips]

        batches, notes = files(0, HEARD)
        calibration, _ = files(1000, CALIBRATED)
        want = {}
        for batch in batches:
            with np.load(batch) as f:
                for key, value in function(**{name: tf.constant(f[name])}).items():
                    want.setdefault(key, []).append(value.numpy())
        want = {k: np.concatenate(v) for k, v in want.items()}
        played = sum(heard(w) == n for w, n in zip(want["note"], notes))
        print(f"TensorFlow hears what is played in {played} of {HEARD} clips", flush=True)
        if played < 0.8 * HEARD:  # then notes would tell nothing
            counts[1] += 1
            print("FAILED: TensorFlow does not hear the clips")
        for mode, arguments in modes(calibration):
            try:
                wrong = judge(mode, converted_says(tftrt, model, arguments, batches, folder), want, notes)
            except RuntimeError as e:
                wrong = str(e)
            counts[bool(wrong)] += 1
            if wrong:
                print(f"FAILED {mode}: {wrong}", flush=True)
    print(f"{counts[0]} passed, {counts[1]} failed")
    return counts[1] > 0


if __name__ == "__main__":
    sys.exit(main())
