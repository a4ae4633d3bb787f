"""Models whose variables TF-TRT kept (its experimental feature disable_graph_freezing). A kernel in C cannot read TensorFlow's
variables: TRTEngineOps get the values beside the handles, as those have them that tftrt converts."""

from __future__ import annotations

from typing import Any

_NAMES = "_tftrt_variables"  # of a TRTEngineOp: the nodes of its segment whose values its last inputs are
_READ = "ReadVariableOp"


def _reads(segment: Any) -> dict[str, int]:
    """Nodes of a segment that read a variable: which of its arguments is the handle."""
    arguments = {a.name: i for i, a in enumerate(segment.signature.input_arg)}
    return {n.name: arguments[n.input[0]] for n in segment.node_def if n.op == _READ and n.input[0] in arguments}


def _pass_values(function: Any, engine: Any, segment: Any, reads: dict[str, int]) -> None:
    """Reads of the same variables before the engine, as inputs behind all others."""
    data = [x for x in engine.input if not x.startswith("^")]
    after = [x for x in engine.input if x.startswith("^")]
    inside = {n.name: n for n in segment.node_def}
    for k, (name, argument) in enumerate(reads.items()):
        dtype = inside[name].attr["dtype"]
        value = function.node_def.add(name=f"{engine.name}/variable_{k}", op=_READ, device=engine.device, input=[data[argument]])
        value.attr["dtype"].CopyFrom(dtype)
        data.append(f"{value.name}:value:0")
        if len(segment.signature.input_arg) < len(data):  # another engine may have the segment too
            segment.signature.input_arg.add(name=f"tensorrtinputph_{len(data) - 1}", type=dtype.type)
        engine.attr["InT"].list.type.append(dtype.type)
        engine.attr["input_shapes"].list.shape.append(inside[name].attr["_shape"].shape)
        engine.attr[_NAMES].list.s.append(name.encode())
    engine.input[:] = data + after


def pass_variables(library: Any) -> None:
    """Where engines of a function library do not have the values yet."""
    functions = {f.signature.name: f for f in library.function}
    for function in library.function:
        for engine in [n for n in function.node_def if n.op == "TRTEngineOp" and _NAMES not in n.attr]:
            segment = functions.get(engine.attr["segment_func"].func.name)
            reads = _reads(segment) if segment is not None else {}
            if reads:
                _pass_values(function, engine, segment, reads)
