"""What the tests of runners of many examples share: clips, and make demo's model that hears them."""
import os
from pathlib import Path

import numpy as np
import pytest
import tftrt

BUILD = Path(os.environ.get("BUILD", "build"))
RATE, SAMPLES, CLIPS = 22050, 43844, 100


def clip(seed):
    """Two seconds of one to four plucked strings, as the model takes them: (SAMPLES, 1) between -1 and 1."""
    random = np.random.default_rng(seed)
    t = np.arange(SAMPLES) / RATE
    audio = np.zeros(SAMPLES)
    for key in random.choice(np.arange(40, 84), size=random.integers(1, 5), replace=False):
        start = t - random.uniform(0, 1)
        f0 = 440 * 2 ** ((key - 69) / 12)
        for h in range(1, 7):
            fading = 0.6 ** (h - 1) * np.exp(-np.maximum(start, 0) * (0.8 + 0.4 * h))
            audio += (start >= 0) * np.sin(2 * np.pi * f0 * h * start) * fading
    return (0.8 * audio / np.abs(audio).max()).astype(np.float32)[:, None]


@pytest.fixture(scope="session")
def clips():
    return [clip(seed) for seed in range(CLIPS)]


@pytest.fixture(scope="session")
def transcriber(tmp_path_factory):
    """make demo's model, converted, with an engine for batches of up to 16."""
    out = tmp_path_factory.mktemp("basic_pitch") / "converted"
    converter = tftrt.Converter(BUILD / "wheels/basic-pitch/basic_pitch/saved_models/icassp_2022/nmp")
    converter.convert()
    converter.build(lambda: [np.zeros((16, SAMPLES, 1), np.float32)])
    converter.save(out)
    return out


@pytest.fixture(scope="session")
def one_by_one(transcriber, clips):
    with tftrt.load(transcriber) as model:
        return [{k: v[0] for k, v in model(c[None]).items()} for c in clips]


def same(got, want):
    assert got.keys() == want.keys()
    for name in want:
        assert got[name].shape == want[name].shape
        np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-5)


def all_different(one_by_one):
    """The clips are not all alike to the model: answers that were mixed up would be seen."""
    notes = [one["note"].max(axis=0) > 0.5 for one in one_by_one]
    return len({n.tobytes() for n in notes}) > CLIPS // 2
