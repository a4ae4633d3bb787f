"""HTML for notebooks: the segments of what was converted."""

from __future__ import annotations

import collections
import html
from typing import Iterable

from .errors import Error


def _table(head: Iterable[str], rows: Iterable[Iterable]) -> str:
    def row(kind, cells):
        return "<tr>" + "".join(f"<{kind}>{html.escape(str(c))}</{kind}>" for c in cells) + "</tr>"

    return f"<table>{row('th', head)}{''.join(row('td', cells) for cells in rows)}</table>"


def _counts(ops: dict) -> str:
    return ", ".join(f"{op} {count}x" for op, count in sorted(ops.items()))


def converter(c) -> str:
    """Segments, and the ops that stay native with their reasons, per signature."""
    if not c._keys:
        return f"<p>{html.escape(repr(c))}</p>"
    facts = c.explain()
    parts = [f"<p>{html.escape(repr(c))}</p>"]
    for signature in facts.get("signatures", [facts]):
        in_engine: dict = collections.defaultdict(collections.Counter)
        native: collections.Counter = collections.Counter()
        for node in signature["nodes"]:
            if "engine" in node:
                in_engine[node["engine"]][node["op"]] += 1
            else:
                native[node["op"], node["reason"]] += 1
        parts.append(f"<p>{html.escape(signature['signature'])}</p>")
        parts.append(_table(["engine", "nodes", "built", "ops"],
                            ([e["name"], sum(in_engine[e["name"]].values()), len(e["engines"]), _counts(in_engine[e["name"]])]
                             for e in signature["engines"])))  # fmt: skip
        if native:
            parts.append(_table(["native", "count", "why"],
                                ([op, count, reason] for (op, reason), count in sorted(native.items()))))  # fmt: skip
    return "".join(parts)


def model(m) -> str:
    """Signatures with their segments, and what the engines did so far."""
    from .reports import summary_dict

    parts = [f"<p>tftrt.Model {html.escape(repr(m.directory))}</p>",
             _table(["signature", "inputs and outputs"], ([key, s._signature_text()] for key, s in m.items()))]  # fmt: skip
    for key in m:
        try:
            engines = summary_dict(m.directory, m._tags or None, key)["engines"]
        except Error:  # the files may have gone since it was loaded
            continue
        if engines:
            parts.append(f"<p>{html.escape(key)}</p>")
            parts.append(_table(["engine", "nodes", "inputs", "outputs", "ops"],
                                ([e["name"], e["nodes"], _shapes(e["inputs"]), _shapes(e["outputs"]), _counts(e["ops"])]
                                 for e in engines)))  # fmt: skip
    stats = m.engine_stats() if m._opened.value else []
    if stats:
        fields = ["name", "runs", "cache_hits", "builds", "fallbacks", "engines", "profiles"]
        parts.append(_table(fields, ([s[f] if isinstance(s[f], (str, int)) else len(s[f]) for f in fields] for s in stats)))
    return "".join(parts)


def _shapes(tensors: list) -> str:
    def text(shape):
        return "?" if shape is None else ",".join("?" if d < 0 else str(d) for d in shape)

    return "; ".join(f"{t['dtype']}[{text(t['shape'])}]" for t in tensors)
