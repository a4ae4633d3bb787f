#!/usr/bin/env python3
"""Holds docs/tf-trt-compatibility.md to the tests that it names: `folder/file: text` is tests/folder/file(.c), which must
hold the text. A row without a test must say n/a, or better with a reason that no test can show."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ("same", "better", "n/a", "open", "remove_native_segments: same")


def find(name):
    for path in (ROOT / "tests" / name, ROOT / "tests" / (name + ".c")):
        if path.is_file():
            return path.read_text(errors="replace")
    return None


def main():
    rows = bad = 0
    for number, line in enumerate((ROOT / "docs/tf-trt-compatibility.md").read_text().splitlines(), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 3 or set(cells[0]) <= set("-") or cells[2] == "Test":
            continue
        rows += 1
        tests = re.findall(r"`([^`]+)`", cells[2])
        problems = []
        if not cells[1].startswith(KINDS):
            problems.append("the second cell begins with same, better, n/a or open")
        if not tests and cells[1].startswith(("same", "remove")):
            problems.append("no test is named")
        for test in tests:
            name, _, text = test.partition(": ")
            content = find(name)
            if content is None:
                problems.append(f"there is no tests/{name}")
            elif text and text not in content:
                problems.append(f'tests/{name} has no "{text}"')
        for p in problems:
            print(f"docs/tf-trt-compatibility.md:{number}: {p}")
        bad += bool(problems)
    print(f"{rows} rows, {bad} wrong")
    return bad > 0 or rows < 100


if __name__ == "__main__":
    sys.exit(main())
