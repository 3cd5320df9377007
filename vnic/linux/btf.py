"""BTF, the type information that a kernel carries: the sizes of its structures as they were compiled.

Documentation/bpf/btf.rst. The formats are declared with construct; only the walk over all types, of which a
kernel has more than a hundred thousand, reads its three words directly.
"""

from __future__ import annotations

import difflib
import struct
from array import array
from typing import Any, Final, NamedTuple

import construct as c

from vnic.errors import UsageError

MAGIC: Final = 0xEB9F
KINDS: Final = [
    "void",
    "int",
    "ptr",
    "array",
    "struct",
    "union",
    "enum",
    "fwd",
    "typedef",
    "volatile",
    "const",
    "restrict",
    "func",
    "func_proto",
    "var",
    "datasec",
    "float",
    "decl_tag",
    "type_tag",
    "enum64",
]
# Bytes behind the three words of a type: fixed, and for each of its `vlen` members.
EXTRA: Final = {
    "int": (4, 0),
    "array": (12, 0),
    "struct": (0, 12),
    "union": (0, 12),
    "enum": (0, 8),
    "func_proto": (0, 8),
    "var": (4, 0),
    "datasec": (0, 12),
    "decl_tag": (4, 0),
    "enum64": (0, 12),
}
_MODIFIERS: Final = frozenset({"typedef", "volatile", "const", "restrict", "type_tag"})


class BadBtf(UsageError):
    """Type information that cannot be read; the message names the file and what is wrong."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"BTF of {where}: {what}")


class UnknownType(UsageError):
    """No structure of this name; the message offers the nearest ones."""


class Member(NamedTuple):
    """A member of a structure: `offset` and `size` in bytes, `bits` where it is a bit field, its type."""

    name: str
    offset: int
    size: int
    bits: int
    type_id: int


class Structure(NamedTuple):
    """A structure or union as it was compiled; sizes in bytes."""

    name: str
    size: int
    members: tuple[Member, ...]

    def member(self, name: str) -> Member:
        """The member called `name`. Raises UnknownType."""
        for found in self.members:
            if found.name == name:
                return found
        near = difflib.get_close_matches(name, [m.name for m in self.members], n=3, cutoff=0.3)
        raise UnknownType(
            f"struct {self.name} has no member {name}; it has {', '.join(near) or 'no similar one'}"
        )


class _Formats:
    """The records of BTF in one byte order."""

    def __init__(self, order: str) -> None:
        word = c.Int32ul if order == "<" else c.Int32ub
        half = c.Int16ul if order == "<" else c.Int16ub
        self.header = c.Struct(
            "magic" / half,
            "version" / c.Int8ub,
            "flags" / c.Int8ub,
            "hdr_len" / word,
            "type_off" / word,
            "type_len" / word,
            "str_off" / word,
            "str_len" / word,
        )
        self.type = c.Struct("name_off" / word, "info" / word, "size" / word)
        self.member = c.Struct("name_off" / word, "type" / word, "offset" / word)
        self.array = c.Struct("type" / word, "index_type" / word, "nelems" / word)


class Btf:
    """All types of one kernel, or of a module over its kernel's types (`base`).

    Raises:
        BadBtf: the bytes are no BTF, or end too early.
    """

    def __init__(self, data: bytes, where: str, base: Btf | None = None) -> None:
        self._where = where
        self._base = base
        order = {b"\x9f\xeb": "<", b"\xeb\x9f": ">"}.get(data[:2])
        if order is None:
            raise BadBtf(where, f"begins with {data[:2].hex() or 'nothing'}, not with the magic 9feb or eb9f")
        self._order = order
        self._formats = _Formats(order)
        try:
            header = self._formats.header.parse(data)
        except c.StreamError as error:
            raise BadBtf(where, "ends within its header; the file is truncated") from error
        types, strings = header.hdr_len + header.type_off, header.hdr_len + header.str_off
        if len(data) < types + header.type_len or len(data) < strings + header.str_len:
            raise BadBtf(
                where, f"ends at {len(data)} bytes, before its types and strings; the file is truncated"
            )
        if header.version != 1:
            raise BadBtf(where, f"has version {header.version}; only 1 is known")
        self._types = data[types : types + header.type_len]
        self._strings = data[strings : strings + header.str_len]
        self._first: int = base.count if base is not None else 1
        self._string_base: int = base.string_end if base is not None else 0
        self.string_end: int = self._string_base + int(header.str_len)
        self._at = self._index()
        self.count: int = self._first + len(self._at)

    def _index(self) -> array[int]:
        """Where each type starts."""
        word = struct.Struct(f"{self._order}III")
        extra = [EXTRA.get(kind, (0, 0)) for kind in KINDS]
        found = array("I")
        at, end, data = 0, len(self._types), self._types
        try:
            while at < end:
                _, info, _ = word.unpack_from(data, at)
                fixed, each = extra[info >> 24 & 0x1F]
                found.append(at)
                at += 12 + fixed + each * (info & 0xFFFF)
        except (struct.error, IndexError) as error:
            raise BadBtf(self._where, f"type {len(found) + 1} is broken; the file is damaged") from error
        return found

    def string(self, offset: int) -> str:
        """The string at `offset` of the string table."""
        if self._base is not None and offset < self._string_base:
            return self._base.string(offset)
        start = offset - self._string_base
        return self._strings[start : self._strings.find(b"\0", start)].decode("utf-8", "replace")

    def _record(self, type_id: int) -> tuple[Any, str, int]:
        """The three words of a type, its kind, and where what follows them starts in `_types`."""
        start = self._at[type_id - self._first]
        record = self._formats.type.parse(self._types[start : start + 12])
        return record, KINDS[record.info >> 24 & 0x1F], start + 12

    def _owner(self, type_id: int) -> Btf:
        return self._base if self._base is not None and type_id < self._first else self

    def find(self, name: str, kinds: tuple[str, ...] = ("struct", "union")) -> int:
        """The number of the type called `name`. Raises UnknownType with the nearest names."""
        word = struct.Struct(f"{self._order}II")
        numbers = {KINDS.index(kind) for kind in kinds}
        wanted = self._offset_of(name)
        for index, at in enumerate(self._at):
            name_off, info = word.unpack_from(self._types, at)
            if name_off == wanted and (info >> 24 & 0x1F) in numbers:
                return self._first + index
        if self._base is not None:
            try:
                return self._base.find(name, kinds)
            except UnknownType:
                pass  # the message below offers the names of both
        near = difflib.get_close_matches(name, sorted(self.names(kinds)), n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UnknownType(f"{self._where} has no {' or '.join(kinds)} {name}{hint}")

    def _offset_of(self, name: str) -> int:
        """Where `name` is in the string tables, -1 where it is not: BTF holds each string once."""
        if self._base is not None:
            found = self._base._offset_of(name)
            if found >= 0:
                return found
        at = self._strings.find(b"\0" + name.encode() + b"\0")
        if at >= 0:
            return at + 1 + self._string_base
        return self._string_base if self._strings.startswith(name.encode() + b"\0") else -1

    def names(self, kinds: tuple[str, ...]) -> set[str]:
        """The names of all types of these kinds."""
        word = struct.Struct(f"{self._order}II")
        numbers = {KINDS.index(kind) for kind in kinds}
        heads = (word.unpack_from(self._types, at) for at in self._at)
        found = {self.string(name) for name, info in heads if name and (info >> 24 & 0x1F) in numbers}
        return found | self._base.names(kinds) if self._base is not None else found

    def structure(self, name: str) -> Structure:
        """The structure or union called `name`. Raises UnknownType."""
        return self.structure_of(self.find(name), name)

    def structure_of(self, type_id: int, name: str) -> Structure:
        """The structure or union with this number (modifiers are looked through). Raises UnknownType."""
        owner, type_id = self._plain(type_id)
        record, kind, at = owner._record(type_id)
        if kind not in ("struct", "union"):
            raise UnknownType(f"{name} is {kind}, not a struct or union")
        members = []
        for index in range(record.info & 0xFFFF):
            raw = self._formats.member.parse(owner._types[at + 12 * index : at + 12 * index + 12])
            # With kind_flag set, the upper byte of the offset is the width of a bit field.
            bits = raw.offset >> 24 if record.info >> 31 else 0
            offset = raw.offset & 0xFFFFFF if record.info >> 31 else raw.offset
            members.append(
                Member(owner.string(raw.name_off), offset // 8, owner.sizeof(raw.type), bits, raw.type)
            )
        return Structure(name, record.size, tuple(members))

    def _plain(self, type_id: int) -> tuple[Btf, int]:
        """The type behind typedefs and qualifiers, and the table it is in."""
        while True:
            owner = self._owner(type_id)
            if type_id == 0:
                return owner, 0
            record, kind, _ = owner._record(type_id)
            if kind not in _MODIFIERS:
                return owner, type_id
            type_id = record.size  # this word is the number of the type meant

    def kind(self, type_id: int) -> str:
        """What a type is, behind typedefs and qualifiers."""
        owner, plain = self._plain(type_id)
        return owner._record(plain)[1] if plain else "void"

    def typedefs(self, type_id: int) -> list[str]:
        """The names of the typedefs that a type goes through, `["__le16", "__u16", …]`."""
        names = []
        while type_id and (found := self._owner(type_id)._record(type_id))[1] in _MODIFIERS:
            if found[1] == "typedef":
                names.append(self.string(found[0].name_off))
            type_id = found[0].size
        return names

    def array_element(self, type_id: int) -> int:
        """The number of an array's element type."""
        owner, plain = self._plain(type_id)
        at = owner._record(plain)[2]
        return int(self._formats.array.parse(owner._types[at : at + 12]).type)

    def array_length(self, type_id: int) -> int:
        """Elements of an array type. Raises UnknownType for another type."""
        owner, plain = self._plain(type_id)
        _, kind, at = owner._record(plain)
        if kind != "array":
            raise UnknownType(f"type {type_id} of {self._where} is {kind}, not an array")
        return int(self._formats.array.parse(owner._types[at : at + 12]).nelems)

    def sizeof(self, type_id: int) -> int:
        """Bytes of a type."""
        owner, plain = self._plain(type_id)
        if plain == 0:
            return 0
        record, kind, at = owner._record(plain)
        if kind == "ptr":
            return self.pointer_size()
        if kind == "array":
            raw = self._formats.array.parse(owner._types[at : at + 12])
            return int(raw.nelems) * self.sizeof(raw.type)
        return 0 if kind in ("func", "func_proto", "fwd") else int(record.size)

    def pointer_size(self) -> int:
        """Bytes of a pointer, which in Linux are those of a long."""
        root = self._base or self
        return root.sizeof(root.find("long unsigned int", ("int",)))
