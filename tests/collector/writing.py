"""Prometheus' own message of remote write 1.0, for the protobuf library to read ours."""

from __future__ import annotations

from typing import Any, Final

import cramjam
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_TYPES: Final = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
}

_MESSAGES: Final = {
    "WriteRequest": [("timeseries", 1, "*TimeSeries"), ("metadata", 3, "*MetricMetadata")],
    "TimeSeries": [("labels", 1, "*Label"), ("samples", 2, "*Sample")],
    "Label": [("name", 1, "string"), ("value", 2, "string")],
    "Sample": [("value", 1, "double"), ("timestamp", 2, "int64")],
    "MetricMetadata": [
        ("type", 1, "int32"),
        ("metric_family_name", 2, "string"),
        ("help", 4, "string"),
        ("unit", 5, "string"),
    ],
}


def _pool() -> DescriptorPool:
    file = FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")
    for message, fields in _MESSAGES.items():
        into = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = into.field.add(name=name, number=number)
            field.label = FieldDescriptorProto.LABEL_OPTIONAL
            if kind.startswith("*"):
                field.label = FieldDescriptorProto.LABEL_REPEATED
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".prometheus.{kind[1:]}"
            else:
                field.type = _TYPES[kind]
    pool = DescriptorPool()
    pool.Add(file)
    return pool


_REQUEST: Final = GetMessageClass(_pool().FindMessageTypeByName("prometheus.WriteRequest"))


def read(body: bytes) -> Any:
    """The message that a body is."""
    return _REQUEST.FromString(bytes(cramjam.snappy.decompress_raw(body)))
