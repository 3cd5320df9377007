"""Reads a structure out of a compiled object: from DWARF (`gcc -g`), or from BTF (kernel modules)."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from elftools.common.exceptions import ELFError
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from vnic.errors import UsageError
from vnic.linux.abi import Layout, Leaf
from vnic.linux.btf import Btf, UnknownType
from vnic.linux.kernel_import import kernel_btf

_STRUCTS: Final = {"DW_TAG_structure_type", "DW_TAG_union_type"}
_QUALIFIERS: Final = {
    "DW_TAG_const_type",
    "DW_TAG_volatile_type",
    "DW_TAG_restrict_type",
    "DW_TAG_atomic_type",
}
_LONGEST_ARRAY: Final = 64  # elements shown one by one; a longer array is one leaf


class BadObject(UsageError):
    """An object file whose types cannot be read; the message names it and what is wrong."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"object {where}: {what}")


def read_layout(path: Path, struct: str, base: Path | None = None) -> Layout:
    """The layout of `struct` (struct, union or typedef; `name.member` for a view of a union) in an object.

    Args:
        path: an ELF object with DWARF or BTF.
        struct: what to read.
        base: the vmlinux, vmlinuz-unpacked or raw BTF that a module's BTF refers to.

    Raises:
        BadObject: no ELF, or no debug information.
        UnknownType: the structure is not there; the message offers near ones.
    """
    where = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadObject(where, f"{error.strerror}; check the path") from error
    name, _, view = struct.partition(".")
    name = name.removeprefix("struct ").removeprefix("union ")
    try:
        elf = ELFFile(io.BytesIO(data))
        native = "<" if elf.little_endian else ">"
        if elf.get_section_by_name(".debug_info") is not None:
            dwarf = elf.get_dwarf_info(relocate_dwarf_sections=True)
            layout = _from_dwarf(dwarf, name, native, where)
        else:
            section = elf.get_section_by_name(".BTF")
            if section is None:
                raise BadObject(
                    where, "has no debug information: compile it with -g, or give a module with BTF"
                )
            layout = _from_btf(Btf(section.data(), where, _base(base)), name, native, where)
    except (ELFError, ValueError, KeyError, OverflowError) as error:
        raise BadObject(where, f"is no sound ELF object: {type(error).__name__} {error}") from error
    return _view(layout, view) if view else layout


def _base(path: Path | None) -> Btf | None:
    """The types of the kernel that a module was built for."""
    if path is None:
        return None
    return Btf(kernel_btf(path), str(path))


def _view(layout: Layout, view: str) -> Layout:
    """One member of a union, as a layout of its own."""
    leaves = [leaf for leaf in layout.leaves if leaf.name.startswith(f"{view}.")]
    if not leaves:
        names = sorted({leaf.name.split(".")[0] for leaf in layout.leaves})
        raise UnknownType(f"{layout.name} has no member {view}; it has {', '.join(names[:6])}")
    start = min(leaf.offset for leaf in leaves)
    moved = tuple(
        leaf._replace(name=leaf.name.removeprefix(f"{view}."), offset=leaf.offset - start) for leaf in leaves
    )
    return Layout(f"{layout.name}.{view}", max(leaf.end for leaf in moved), moved, layout.source)


def _order(names: list[str], size: int, native: str) -> str:
    """The byte order that a type's names promise (`__le32`, `__be16`), else the machine's."""
    if size <= 1:
        return ""
    for name in names:
        if name.startswith(("__le", "le")) and name.lstrip("_le").isdigit():
            return "<"
        if name.startswith(("__be", "be")) and name.lstrip("_be").isdigit():
            return ">"
    return native


def _from_btf(btf: Btf, name: str, native: str, where: str) -> Layout:
    try:
        type_id = btf.find(name)
    except UnknownType:
        type_id = btf.find(name, ("struct", "union", "typedef"))
    leaves = list(_btf_leaves(btf, type_id, "", 0, native, False))
    return Layout(name, btf.sizeof(type_id), _sorted(leaves), f"BTF of {where}")


def _btf_leaves(
    btf: Btf, type_id: int, path: str, offset: int, native: str, optional: bool
) -> Iterator[Leaf]:
    kind = btf.kind(type_id)
    if kind in ("struct", "union"):
        inside = optional or kind == "union"
        for member in btf.structure_of(type_id, path).members:
            name = ".".join(part for part in (path, member.name) if part)
            at = offset + member.offset
            if member.bits:
                yield Leaf(name, at, member.size, "", member.bits, inside)
            else:
                yield from _btf_leaves(btf, member.type_id, name, at, native, inside)
    elif kind == "array" and 0 < btf.array_length(type_id) <= _LONGEST_ARRAY:
        element = btf.array_element(type_id)
        step = btf.sizeof(element)
        for index in range(btf.array_length(type_id)):
            yield from _btf_leaves(btf, element, f"{path}[{index}]", offset + index * step, native, optional)
    else:
        size = btf.sizeof(type_id)
        if size:
            yield Leaf(path, offset, size, _order(btf.typedefs(type_id), size, native), 0, optional)


def _from_dwarf(dwarf: Any, name: str, native: str, where: str) -> Layout:
    found, names = _find_dwarf(dwarf, name)
    if found is None:
        near = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise UnknownType(f"{where} has no struct or union {name}{hint}")
    size, leaves = _dwarf_size(found), list(_dwarf_leaves(found, "", 0, native, False))
    return Layout(name, size, _sorted(leaves), f"DWARF of {where}")


def _find_dwarf(dwarf: Any, name: str) -> tuple[DIE | None, set[str]]:
    """The complete structure (or typedef of one) called `name`, else all names there are."""
    names: set[str] = set()
    for unit in dwarf.iter_CUs():
        for die in unit.iter_DIEs():
            if die.tag not in _STRUCTS and die.tag != "DW_TAG_typedef":
                continue
            own = _text(die)
            if own == name and "DW_AT_declaration" not in die.attributes:
                plain, _ = _plain(die)
                if plain is not None and plain.tag in _STRUCTS:
                    return plain, names
            if own:
                names.add(own)
    return None, names


def _text(die: DIE) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value.decode("utf-8", "replace") if attribute is not None else ""


def _plain(die: DIE | None) -> tuple[DIE | None, list[str]]:
    """The type behind typedefs and qualifiers, and the names of the typedefs."""
    names = []
    while die is not None and (die.tag in _QUALIFIERS or die.tag == "DW_TAG_typedef"):
        if die.tag == "DW_TAG_typedef":
            names.append(_text(die))
        die = die.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in die.attributes else None
    return die, names


def _number(die: DIE, attribute: str) -> int:
    found = die.attributes.get(attribute)
    return int(found.value) if found is not None and isinstance(found.value, int) else 0


def _dwarf_size(die: DIE | None) -> int:
    plain, _ = _plain(die)
    if plain is None:
        return 0
    if plain.tag == "DW_TAG_pointer_type":
        return int(plain.cu["address_size"])
    if plain.tag == "DW_TAG_array_type":
        return _count(plain) * _dwarf_size(plain.get_DIE_from_attribute("DW_AT_type"))
    return _number(plain, "DW_AT_byte_size")


def _count(array: DIE) -> int:
    """Elements of an array, all dimensions together; 0 for a flexible one."""
    count = 1
    for child in array.iter_children():
        if child.tag == "DW_TAG_subrange_type":
            has = child.attributes
            count *= (
                _number(child, "DW_AT_count")
                if "DW_AT_count" in has
                else _number(child, "DW_AT_upper_bound") + 1
                if "DW_AT_upper_bound" in has
                else 0
            )
    return count


def _dwarf_leaves(die: DIE | None, path: str, offset: int, native: str, optional: bool) -> Iterator[Leaf]:
    plain, names = _plain(die)
    if plain is None:
        return
    if plain.tag in _STRUCTS:
        inside = optional or plain.tag == "DW_TAG_union_type"
        for member in plain.iter_children():
            if member.tag != "DW_TAG_member":
                continue
            name = ".".join(part for part in (path, _text(member)) if part)
            at = offset + _number(member, "DW_AT_data_member_location")
            kind = member.get_DIE_from_attribute("DW_AT_type")
            bits = _number(member, "DW_AT_bit_size")
            if bits:
                at += _number(member, "DW_AT_data_bit_offset") // 8
                yield Leaf(name, at, _dwarf_size(kind), "", bits, inside)
            else:
                yield from _dwarf_leaves(kind, name, at, native, inside)
    elif plain.tag == "DW_TAG_array_type" and 0 < _count(plain) <= _LONGEST_ARRAY:
        element = plain.get_DIE_from_attribute("DW_AT_type")
        step = _dwarf_size(element)
        for index in range(_count(plain)):
            yield from _dwarf_leaves(element, f"{path}[{index}]", offset + index * step, native, optional)
    else:
        size = _dwarf_size(plain)
        if size:
            yield Leaf(path, offset, size, _order(names, size, native), 0, optional)


def _sorted(leaves: list[Leaf]) -> tuple[Leaf, ...]:
    return tuple(sorted(leaves, key=lambda leaf: leaf.offset))
