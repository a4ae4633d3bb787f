"""`tensorflow.contrib.tensorrt`, where TensorFlow 1.7 to 1.15 had TF-TRT: `create_inference_graph`, whose INT8 graphs calibrate while a
session runs them, and `calib_graph_to_infer_graph`, which makes graphs of them that run in INT8."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2tensorrt.ops import gen_trt_ops

from .._feed import log
from ..params import TrtPrecisionMode
from .v1 import TrtGraphConverter

_v1 = tf.compat.v1


def create_inference_graph(
    input_graph_def: Any,
    outputs: Sequence[Any] | None,
    max_batch_size: int | None = 1,
    max_workspace_size_bytes: int = 2 << 20,
    precision_mode: str = TrtPrecisionMode.FP32,
    minimum_segment_size: int = 3,
    is_dynamic_op: bool = False,
    maximum_cached_engines: int = 1,
    cached_engine_batches: Sequence[int] | None = None,
    use_calibration: bool = True,
    input_saved_model_dir: str | None = None,
    input_saved_model_tags: Sequence[str] | None = None,
    output_saved_model_dir: str | None = None,
    session_config: Any = None,
) -> Any:
    """`TrtGraphConverter` in one call, with the arguments that TensorFlow 1.13 had; in eager mode too.

    Args:
      input_graph_def: a frozen GraphDef; None: input_saved_model_dir has the model.
      outputs: names or tensors that are kept, and in no engine.
      max_batch_size, max_workspace_size_bytes, precision_mode, minimum_segment_size, is_dynamic_op, maximum_cached_engines,
        use_calibration, input_saved_model_dir, input_saved_model_tags: as of `TrtGraphConverter`.
      cached_engine_batches, session_config: not used.
      output_saved_model_dir: where the converted model is saved too; not in INT8 with calibration.

    Returns:
      The converted GraphDef. In INT8 with calibration it runs in float and collects ranges, for `calib_graph_to_infer_graph`.

    Raises:
      ValueError, RuntimeError, tf.errors: as `TrtGraphConverter` and its convert().
    """
    if output_saved_model_dir and use_calibration and precision_mode.upper() == TrtPrecisionMode.INT8:
        raise ValueError("output_saved_model_dir: an INT8 graph that is not calibrated yet is not saved")
    with tf.Graph().as_default():  # in eager mode too
        converter = TrtGraphConverter(
            input_saved_model_dir, input_saved_model_tags, None, input_graph_def, outputs, max_batch_size,
            max_workspace_size_bytes, precision_mode, minimum_segment_size, is_dynamic_op, maximum_cached_engines, use_calibration,
        )  # fmt: skip
        converted = converter.convert()
        if output_saved_model_dir:
            converter.save(output_saved_model_dir)
    return converted


def _waiting(graph_def: Any) -> Iterator[Any]:
    """Nodes that wait for calibration."""
    for nodes in (graph_def.node, *(function.node_def for function in graph_def.library.function)):
        for node in nodes:
            told = node.attr
            if (node.op == "TRTEngineOp" and told["precision_mode"].s.upper() == b"INT8" and not told["calibration_data"].s
                    and ("use_calibration" not in told or told["use_calibration"].b)):  # fmt: skip
                yield node


def calib_graph_to_infer_graph(calibration_graph_def: Any, is_dynamic_op: bool = True) -> Any:
    """The graph that runs in INT8, after a session of this process has run the calibration graph over samples; the session may be
    closed.

    Args:
      calibration_graph_def: what `create_inference_graph` (INT8) or `TrtGraphConverter.convert` returned.
      is_dynamic_op: not used: runs build the engines.

    Returns:
      A GraphDef with calibration data in its engines. One that no sample reached has none, and runs in float.

    Raises:
      ValueError: no engine of the graph was calibrated.
    """
    converted, done, failures = _v1.GraphDef(), 0, []
    converted.CopyFrom(calibration_graph_def)
    waiting = list(_waiting(converted))
    with tf.Graph().as_default(), _v1.Session() as session:
        for node in waiting:
            try:
                table = gen_trt_ops.get_calibration_data_op(resource_name=node.name.split("/")[-1])
                node.attr["calibration_data"].s = session.run(table)
                done += 1
            except tf.errors.NotFoundError:
                failures.append(f"{node.name}: no sample has reached it")
            except tf.errors.UnknownError as e:
                reason = re.search("Calibration table.*", e.message)
                failures.append(f"{node.name}: {reason[0] if reason else e.message}")
    if waiting and not done:
        raise ValueError("nothing was calibrated: run the calibration graph in a session first. " + "; ".join(failures))
    for failure in failures:
        log.warning("Warning calibration error for %s", failure)
    return converted
