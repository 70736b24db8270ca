"""Message classes made from our own .proto files when they are first needed, in some milliseconds.

No generated code is kept: what protoc writes demands a runtime of its own release or later, and two packages that
both register ``inference.*`` in the process's pool exclude each other. Here the .proto file that callers compile is the
only source, and the classes live in a pool of their own. The reader takes the part of proto3 that the two files use.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
INFERENCE, HEALTH = "open_inference.proto", "health.proto"
WORD = re.compile(r'//[^\n]*|"[^"]*"|[\w.]+|[{}()<>=;,]')
SCALARS = ("double", "float", "int64", "uint64", "int32", "bool", "string", "bytes", "uint32")


class Messages:
    """The messages of one .proto file by their name without the package, and its methods: path -> (takes, gives)."""

    def __init__(self, name: str) -> None:
        from google.protobuf import descriptor_pool, message_factory

        file = described(name, (HERE / name).read_text("utf-8"))
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(file.SerializeToString())
        made = pool.FindFileByName(name)
        self.of: dict[str, Any] = {m: message_factory.GetMessageClass(d) for m, d in made.message_types_by_name.items()}
        self.methods: dict[str, tuple[Any, Any]] = {
            f"/{s.full_name}/{m.name}": (self.of[m.input_type.name], self.of[m.output_type.name])
            for s in made.services_by_name.values()
            for m in s.methods
        }


@lru_cache(2)
def messages(name: str) -> Messages:
    return Messages(name)


def described(name: str, text: str) -> Any:
    """The FileDescriptorProto of a .proto file."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name=name, syntax="proto3")
    words = [w for w in WORD.findall(text) if not w.startswith("//")]
    at = 0
    while at < len(words):
        word = words[at]
        if word == "package":
            file.package = words[at + 1]
        if word == "message":
            at = _message(words, at + 1, file.message_type.add())
        elif word == "service":
            at = _service(words, at + 1, file.service.add())
        else:
            at = words.index(";", at) + 1
    _resolve(file)
    return file


def _service(words: list[str], at: int, made: Any) -> int:
    """Read from the name on; gives the place after the closing bracket. A method is
    ``rpc Name ( Takes ) returns ( Gives ) { }``."""
    made.name = words[at]
    at += 2
    while words[at] != "}":
        made.method.add(name=words[at + 1], input_type=words[at + 3], output_type=words[at + 7])
        at += 11
    return at + 1


def _message(words: list[str], at: int, made: Any, choice: bool = False) -> int:
    if not choice:
        made.name = words[at]
    at += 2
    while (word := words[at]) != "}":
        if word == "message":
            at = _message(words, at + 1, made.nested_type.add())
        elif word == "enum":
            at = _enum(words, at + 1, made.enum_type.add())
        elif word == "oneof":
            made.oneof_decl.add(name=words[at + 1])
            at = _message(words, at + 1, made, choice=True)
        elif word == "map":  # map < string , Value > name = number ;
            _map(made, words[at + 4], words[at + 6], int(words[at + 8]))
            at += 10
        else:
            many = word == "repeated"
            kind, name, _, number, _ = words[at + many : at + many + 5]
            one = made.field.add(name=name, number=int(number), label=3 if many else 1)
            _typed(one, kind)
            if choice:
                one.oneof_index = len(made.oneof_decl) - 1
            at += many + 5
    return at + 1


def _enum(words: list[str], at: int, made: Any) -> int:
    made.name = words[at]
    at += 2
    while words[at] != "}":
        made.value.add(name=words[at], number=int(words[at + 2]))
        at += 4
    return at + 1


def _typed(field: Any, kind: str) -> None:
    if kind in SCALARS:
        field.type = field.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type_name = kind


def _map(made: Any, kind: str, name: str, number: int) -> None:
    """A map is a repeated message of key and value."""
    entry = made.nested_type.add(name="".join(p.title() for p in name.split("_")) + "Entry")
    entry.options.map_entry = True
    _typed(entry.field.add(name="key", number=1, label=1), "string")
    _typed(entry.field.add(name="value", number=2, label=1), kind)
    made.field.add(name=name, number=number, label=3, type_name=entry.name)


def _resolve(file: Any) -> None:
    """Give every type its full name and kind: the innermost scope that has it."""
    known: dict[str, int] = {}

    def learn(prefix: str, message: Any) -> None:
        known[f"{prefix}.{message.name}"] = 11
        known.update({f"{prefix}.{message.name}.{e.name}": 14 for e in message.enum_type})
        for nested in message.nested_type:
            learn(f"{prefix}.{message.name}", nested)

    def name(scope: str, word: str) -> str:
        while f"{scope}.{word}" not in known:
            scope = scope.rpartition(".")[0]
        return f"{scope}.{word}"

    def settle(scope: str, message: Any) -> None:
        scope = f"{scope}.{message.name}"
        for field in message.field:
            if field.type_name:
                field.type_name = name(scope, field.type_name)
                field.type = known[field.type_name]
        for nested in message.nested_type:
            settle(scope, nested)

    root = f".{file.package}"
    for message in file.message_type:
        learn(root, message)
    for message in file.message_type:
        settle(root, message)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = (name(root, t) for t in (method.input_type, method.output_type))
