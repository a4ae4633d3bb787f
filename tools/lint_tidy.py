#!/usr/bin/env python3
"""clang-tidy over C files, in parallel, each again only when it, what it includes, its flags or the checks changed.

    tools/lint_tidy.py BUILD FILE...      files that were found clean are remembered in BUILD/lint
"""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)


def flags_by_file(build):
    """The compiler's arguments for each source file, without the paths of objects."""
    with open(os.path.join(build, "compile_commands.json")) as f:
        entries = json.load(f)
    flags = {}
    for e in entries:
        flags.setdefault(os.path.realpath(os.path.join(e["directory"], e["file"])), e["command"])
    return flags


class Contents:
    """What files hold, and what they include (in quotes: the tree's own headers)."""

    def __init__(self, root):
        self.roots = [os.path.join(root, d) for d in ("src", "include", "tests", "cli", "fuzz")]
        self.known = {}

    def read(self, path):
        if path not in self.known:
            with open(path, "rb") as f:
                data = f.read()
            found = []
            for name in INCLUDE.findall(data):
                for folder in [os.path.dirname(path)] + self.roots:
                    header = os.path.realpath(os.path.join(folder, name.decode()))
                    if os.path.isfile(header):
                        found.append(header)
                        break
            self.known[path] = (hashlib.sha256(data).digest(), found)
        return self.known[path]

    def closure(self, path):
        seen, todo = set(), [path]
        while todo:
            p = todo.pop()
            if p not in seen:
                seen.add(p)
                todo += self.read(p)[1]
        return sorted(seen)


def main():
    build, names = sys.argv[1], sys.argv[2:]
    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    with open(os.path.join(root, ".clang-tidy"), "rb") as f:
        checks = b"".join(line for line in f if not line.startswith(b"#"))
    common = checks + subprocess.run(["clang-tidy", "--version"], capture_output=True).stdout
    flags, contents = flags_by_file(build), Contents(root)
    cache = os.path.join(build, "lint")
    os.makedirs(cache, exist_ok=True)

    def key_of(path):
        h = hashlib.sha256(common + flags[path].encode())
        for p in contents.closure(path):
            h.update(contents.read(p)[0])
        return os.path.join(cache, h.hexdigest())

    todo = []
    for name in names:
        path = os.path.realpath(name)
        if path not in flags:
            sys.exit(f"{name} is not in {build}/compile_commands.json: configure with all of the tests")
        key = key_of(path)
        if not os.path.exists(key):
            todo.append((name, key))

    def tidy(item):
        r = subprocess.run(["clang-tidy", "-p", build, "--quiet", item[0]], capture_output=True, text=True)
        return item, r

    bad = done = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        for (name, key), r in pool.map(tidy, todo):
            done += 1
            if sys.stderr.isatty():
                print(f"\r{done}/{len(todo)} ", end="", file=sys.stderr, flush=True)
            if r.returncode == 0:
                open(key, "w").close()
                continue
            bad += 1
            print(r.stdout.strip() or r.stderr.strip(), flush=True)
    print(f"{len(names) - bad} files clean ({len(names) - len(todo)} as before), {bad} with findings")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
