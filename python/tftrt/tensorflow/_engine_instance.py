"""`TRTEngineInstance`, the protocol buffer of a record in an engine's asset, which wheels of TensorFlow leave out."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_shape_pb2

_FILE = "tensorflow/compiler/tf2tensorrt/utils/trt_engine_instance.proto"
_NAME = "tensorflow.tensorrt.TRTEngineInstance"


def engine_instance_class() -> Any:
    """The message's class: input_shapes are the key that a cache has the engine by, serialized_engine is the plan."""
    pool = descriptor_pool.Default()
    try:
        found = pool.FindMessageTypeByName(_NAME)
    except KeyError:
        shape = tensor_shape_pb2.TensorShapeProto.DESCRIPTOR
        file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_NAME.rpartition(".")[0], syntax="proto3",
                                                  dependency=[shape.file.name])  # fmt: skip
        field = descriptor_pb2.FieldDescriptorProto
        message = file.message_type.add(name=_NAME.rpartition(".")[2])
        message.field.add(name="input_shapes", number=1, label=field.LABEL_REPEATED, type=field.TYPE_MESSAGE,
                          type_name="." + shape.full_name)  # fmt: skip
        message.field.add(name="serialized_engine", number=2, label=field.LABEL_OPTIONAL, type=field.TYPE_BYTES)
        pool.AddSerializedFile(file.SerializeToString())
        found = pool.FindMessageTypeByName(_NAME)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)  # protobuf before 4.22
