"""SystemRDL to `model.Register`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from systemrdl.compiler import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, Node, RegfileNode, RegNode
from systemrdl.rdltypes.builtin_enums import OnReadType, OnWriteType

from vnic.errors import VnicError
from vnic.nic.regmap.model import Access, EnumValue, Field, Register


def compile_rdl(source: Path) -> AddrmapNode:
    """The elaborated address map in `source`.

    Raises systemrdl.messages.RDLCompileError, after the compiler has printed what is wrong and where.
    """
    compiler = RDLCompiler()
    compiler.compile_file(str(source))
    return compiler.elaborate().top


def read_registers(top: AddrmapNode) -> tuple[Register, ...]:
    """Every register of the map by ascending offset; arrays stay one entry."""
    return tuple(sorted(_registers(top, base=0, count=1, stride=4), key=lambda register: register.offset))


def _registers(parent: AddrmapNode | RegfileNode, base: int, count: int, stride: int) -> Iterator[Register]:
    for node in parent.children():
        if isinstance(node, RegfileNode):
            if not node.is_array:
                raise VnicError(f"{node.get_path()}: a regfile here is an array of register groups; drop it")
            dimensions, step = node.array_dimensions or [], node.array_stride or 0
            yield from _registers(node, base + node.raw_address_offset, dimensions[0], step)
        elif isinstance(node, RegNode):
            yield _register(node, base, count, stride)


def _register(node: RegNode, base: int, count: int, stride: int) -> Register:
    if node.is_array:
        count, stride = (node.array_dimensions or [1])[0], node.array_stride or 4
    fields = tuple(_field(field) for field in node.fields())
    section = node.get_property("section", default=None)
    return Register(
        name=node.inst_name,
        title=node.get_property("name"),
        offset=base + node.raw_address_offset,
        count=count,
        stride=stride,
        access=_access(node),
        section="13.7" if section is None else section,
        description=_text(node),
        fields=fields,
    )


def _access(node: RegNode) -> Access:
    """What software may do, from the access properties of the fields."""
    fields = list(node.fields())
    readable = any(field.is_sw_readable for field in fields)
    writable = any(field.is_sw_writable for field in fields)
    clears = any(field.get_property("onread") == OnReadType.rclr for field in fields)
    on_write = {field.get_property("onwrite") for field in fields}
    if clears:
        return "rc_w1c" if OnWriteType.woclr in on_write else "rc"
    if not readable:
        return "wo"
    if not writable:
        return "ro"
    return "w1s" if OnWriteType.woset in on_write else "rw"


def _field(node: FieldNode) -> Field:
    reset = node.get_property("reset", default=0)
    if not isinstance(reset, int):
        raise VnicError(f"{node.get_path()}: the reset value is no number; give it one")
    encoding = node.get_property("encode", default=None)
    values = tuple(EnumValue(_value_name(m.name), m.value, m.rdl_desc or "") for m in encoding or ())
    return Field(
        name=node.inst_name,
        msb=node.msb,
        lsb=node.lsb,
        reset=reset,
        description=_text(node),
        writable=bool(node.is_sw_writable),
        pulse=bool(node.get_property("singlepulse")),
        values=values,
    )


def _value_name(name: str) -> str:
    """SystemRDL names start with a letter: S2048 and B47_36 there are 2048 and 47_36 here."""
    return name[1:] if name[0] in "SB" and name[1:2].isdigit() else name


def _text(node: Node) -> str:
    """The description on one line."""
    return " ".join((node.get_property("desc", default="") or "").split())
