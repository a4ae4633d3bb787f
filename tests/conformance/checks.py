"""Runs the checks of a script by name: `--build BUILD [--only a,b]`. Ends with "N passed, N failed"."""
import argparse
import os
import shutil
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def run_checks(checks, need_build=()):
    """checks: by name, functions of a scratch folder (those in need_build: and of the build) that return a note, or raise. The
    folder is a check's own: weights are found wherever a loaded model has them."""
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--only", default=",".join(checks))
    a = p.parse_args()
    build, failed, wanted = os.path.abspath(a.build), 0, a.only.split(",")
    os.environ.setdefault("TFTRT_LIBRARY", os.path.join(build, "lib/libtftrt.so"))
    sys.path.insert(0, os.path.join(ROOT, "python"))
    import tftrt.tensorflow  # noqa: F401
    for name in wanted:
        scratch = tempfile.mkdtemp(prefix="tftrt_checks_")
        try:
            note = checks[name](scratch, build) if name in need_build else checks[name](scratch)
            print(f"ok     {name}: {note}", flush=True)
        except Exception as e:  # noqa: BLE001: whatever TensorFlow raises is the finding
            failed += 1
            print(f"FAILED {name}: {type(e).__name__}: {str(e)[:800]}", flush=True)
        shutil.rmtree(scratch)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    sys.exit(failed != 0)
