#!/usr/bin/env python3
"""Holds every #include to the table "Rooms, and what each may include" in docs/architecture.md."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def table():
    rooms, known = {}, []
    for line in (ROOT / "docs/architecture.md").read_text().splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) != 2 or not re.match(r"`[a-z_/*`, ]+$", cells[0]):
            continue
        for room in re.findall(r"`([a-z_/*]+)`", cells[0]):
            rooms[room] = "all" if cells[1].startswith(("everything", "the public")) else cells[1].split()
            known.append(room)
    return rooms


def main():
    rooms = table()
    if len(rooms) < 10:
        sys.exit("docs/architecture.md: the table of rooms was not found")
    bad = 0
    files = sorted(p for d in ("src", "cli", "examples", "tensorflow", "triton") for p in (ROOT / d).rglob("*.[ch]"))
    for path in files:
        inside = path.relative_to(ROOT).parts
        room = "/".join(inside[1:3]) if inside[:2] == ("src", "backend") else inside[1] if inside[0] == "src" else inside[0]
        allowed = rooms.get(room, rooms.get("backend/*" if room.startswith("backend/") else room))
        if allowed is None:
            print(f"{path.relative_to(ROOT)}: the room {room} is not in the table")
            bad += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m or "/" not in m.group(1):
                continue
            target = m.group(1).split("/")
            other = "/".join(target[:2]) if target[0] == "backend" else target[0]
            if inside[0] in ("cli", "examples", "tensorflow", "triton"):
                ok = other in ("tftrt", inside[0])
            elif other == "tftrt":
                ok = room in ("api", "convert")
            else:
                ok = other == room or allowed == "all" or other in allowed
            if not ok:
                print(f"{path.relative_to(ROOT)}:{number}: {room} may not include {m.group(1)}")
                bad += 1
    print(f"{len(files)} files, {bad} forbidden includes")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
