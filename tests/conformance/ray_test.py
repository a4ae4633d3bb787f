"""examples/ray_batch_inference.py under Ray. Run by pytest in build/venv-ray (`make conformance`), with BUILD naming the build
folder: 100 synthesised clips through make demo's model, against the same clips one by one."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from transcriber import CLIPS, all_different, clips, one_by_one, same, transcriber  # noqa: F401

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ray_batch_inference.py"


def test_a_hundred_clips_as_one_by_one(tmp_path, transcriber, clips, one_by_one):  # noqa: F811
    np.save(tmp_path / "clips.npy", np.stack(clips))
    subprocess.run([sys.executable, EXAMPLE, transcriber, tmp_path / "clips.npy", tmp_path / "out.npz"], check=True,
                   env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"})  # fmt: skip
    got = np.load(tmp_path / "out.npz")
    assert len(got["note"]) == CLIPS
    for i, want in enumerate(one_by_one):
        same({name: got[name][i] for name in got.files}, want)
    assert all_different(one_by_one)
