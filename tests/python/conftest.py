"""What the tests of the Python package share: the corpus, and its golden outputs of TensorFlow."""
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

SMALL = Path(__file__).resolve().parents[1] / "models" / "small"


def golden(name, case="serving_default.0"):
    """(inputs, outputs) of a case of a corpus model, by name."""
    with np.load(SMALL / name / "golden" / f"{case}.npz") as f:
        arrays = dict(f)
    return ({k[3:]: v for k, v in arrays.items() if k.startswith("in.")},
            {k[4:]: v for k, v in arrays.items() if k.startswith("out.")})


def cases(name, signature="serving_default"):
    return sorted(p.name[: -len(".npz")] for p in (SMALL / name / "golden").glob(f"{signature}.*.npz"))


def assert_golden(got, want):
    assert sorted(got) == sorted(want)
    for key in want:
        if want[key].dtype.kind == "S":
            assert got[key].astype("S").tolist() == want[key].tolist()
        elif want[key].dtype.kind == "f":
            np.testing.assert_allclose(got[key], want[key], rtol=1e-4, atol=1e-5, err_msg=key)
        else:
            np.testing.assert_array_equal(got[key], want[key], err_msg=key)


@pytest.fixture
def spoil():
    """Writes a copy of a model whose second convolution cannot be computed in 8 bits (tests/cli/spoil_model.c). The program is the
    build's, whatever library is tested."""
    tool = Path(os.environ["TFTRT_TEST_TOOLS"]) / "spoil_model"
    return lambda source, target: subprocess.run([tool, source, target], check=True)


@pytest.fixture
def saved_model():
    return lambda name: str(SMALL / name / "saved_model")
