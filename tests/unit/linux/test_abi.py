"""A driver's structures against the hardware's: agreement is silent, each planted mistake is found."""

from __future__ import annotations

import subprocess
from pathlib import Path

import construct as c
import pytest

from tests.unit.linux.kernel_files import UNION, BtfMaker, elf
from tests.unit.linux.support import VMLINUZ
from vnic.errors import UsageError, VnicError
from vnic.linux.abi import Layout, Leaf, compare, from_construct, side_by_side
from vnic.linux.abi_base import module_kernel
from vnic.linux.abi_object import BadObject, read_layout
from vnic.linux.abi_user import load_description
from vnic.linux.btf import UnknownType

RX = c.Struct(
    "address" / c.Int64ul,
    "length" / c.Int16ul,
    "checksum" / c.Int16ul,
    "status" / c.Int8ul,
    "errors" / c.Int8ul,
    "special" / c.Int16ul,
)
TYPES = """typedef unsigned long long __le64; typedef unsigned int __le32; typedef unsigned short __le16;
typedef unsigned short __be16; typedef unsigned char u8;
"""
GOOD = """struct e1000_rx_desc {
 __le64 buffer_addr; __le16 length; __le16 csum; u8 status; u8 errors; __le16 special; };
struct e1000_rx_desc d;"""
UNIONS = """struct e1000_rx_desc { __le64 buffer_addr;
 union { __le32 data; struct { __le16 length; __le16 csum; } flags; } lower;
 union { __le32 data; struct { u8 status; u8 errors; __le16 special; } fields; } upper; };
struct e1000_rx_desc d;"""

needs_gcc = pytest.mark.needs("gcc")
WIDTHS = [pytest.param("-m64", id="64-bit"), pytest.param("-m32", id="32-bit")]


def compiled(folder: Path, text: str, *flags: str) -> Path:
    source, target = folder / "d.c", folder / "d.o"
    source.write_text(TYPES + text)
    subprocess.run(["gcc", "-g", "-c", *flags, str(source), "-o", str(target)], check=True)
    return target


@needs_gcc
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("text", [GOOD, UNIONS])
def test_what_agrees_is_silent(tmp_path: Path, text: str, width: str) -> None:
    found = read_layout(compiled(tmp_path, text, width), "e1000_rx_desc")
    assert compare(from_construct("rx_legacy", RX), found) == []
    assert all(row.agrees for row in side_by_side(from_construct("rx_legacy", RX), found))


MISTAKES = [
    ("__le16 length; __le16 csum;", "__le32 length;", {("shape", 8), ("shape", 10)}),
    ("__le16 csum;", "__be16 csum;", {("endianness", 10)}),
    ("u8 status; u8 errors;", "u8 errors; u8 status;", {("moved", 12), ("moved", 13)}),
    ("u8 errors; ", "", {("missing", 13), ("padding", 13)}),
    ("__le16 special;", "", {("missing", 14), ("padding", 14)}),
    ("__le64 buffer_addr;", "__le32 buffer_addr;", {("size", 12), ("shape", 0)}),
    ("__le16 special;", "__le16 special; __le64 more;", {("size", 16), ("extra", 16)}),
    (
        "u8 errors; __le16 special;",
        "__le16 special; u8 errors;",
        {("missing", 13), ("padding", 13), ("extra", 16)},
    ),
    ("u8 status; u8 errors;", "__le16 status : 9; __le16 errors : 7;", {("shape", 12), ("shape", 13)}),
]


@needs_gcc
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES)
def test_planted_mistakes(
    tmp_path: Path, old: str, new: str, expected: set[tuple[str, int]], width: str
) -> None:
    assert old in GOOD
    found = read_layout(compiled(tmp_path, GOOD.replace(old, new), width), "e1000_rx_desc")
    differences = compare(from_construct("rx_legacy", RX), found)
    assert expected <= {(difference.kind, difference.offset) for difference in differences}, differences
    assert not all(row.agrees for row in side_by_side(from_construct("rx_legacy", RX), found))


@needs_gcc
def test_a_structure_that_only_32_bit_breaks(tmp_path: Path) -> None:
    """A pointer in a descriptor is 8 bytes for one kernel and 4 for another."""
    text = GOOD.replace("__le64 buffer_addr", "void *buffer_addr")
    expected = from_construct("rx_legacy", RX)
    assert compare(expected, read_layout(compiled(tmp_path, text, "-m64"), "e1000_rx_desc")) == []
    found = read_layout(compiled(tmp_path, text, "-m32"), "e1000_rx_desc")
    assert {"size", "shape"} <= {difference.kind for difference in compare(expected, found)}


@needs_gcc
def test_names_that_are_not_there(tmp_path: Path) -> None:
    path = compiled(tmp_path, GOOD)
    with pytest.raises(UnknownType, match="did you mean e1000_rx_desc"):
        read_layout(path, "e1000_rx_dsc")
    with pytest.raises(UnknownType, match="no member wb; it has buffer_addr"):
        read_layout(path, "e1000_rx_desc.wb")
    plain = tmp_path / "plain.o"
    subprocess.run(["gcc", "-c", str(tmp_path / "d.c"), "-o", str(plain)], check=True)
    with pytest.raises(BadObject, match="compile it with -g"):
        read_layout(plain, "e1000_rx_desc")


@needs_gcc
def test_arrays_and_typedefs(tmp_path: Path) -> None:
    path = compiled(tmp_path, "typedef struct { __le64 buffer_addr[4]; u8 pad[200]; } ring_t; ring_t r;")
    leaves = read_layout(path, "ring_t").leaves
    assert [leaf.offset for leaf in leaves] == [0, 8, 16, 24, 32]
    assert leaves[4].size == 200
    assert leaves[3] == Leaf("buffer_addr[3]", 24, 8, "<")


def module(order: str = "<") -> bytes:
    """A kernel module with e1000_rx_desc_extended in its BTF."""
    maker = BtfMaker(order)
    word, half = maker.integer("unsigned int", 4), maker.integer("unsigned short", 2)
    le32 = maker.add(8, "__le32", word)
    le16 = maker.add(8, "__le16", half)
    maker.integer("long unsigned int", 8)
    back = maker.structure("", 8, [("status_error", le32, 0), ("length", le16, 4), ("vlan", le16, 6)])
    maker.structure("extended", 8, [("read", le32, 0), ("wb", back, 0)], UNION)
    return elf(maker.bytes(), order=order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_view_of_a_union_in_btf(tmp_path: Path, order: str) -> None:
    path = tmp_path / "m.ko"
    path.write_bytes(module(order))
    expected = from_construct("wb", c.Struct("status" / c.Int32ul, "length" / c.Int16ul, "vlan" / c.Int16ul))
    assert compare(expected, read_layout(path, "extended.wb")) == []
    wrong = from_construct("wb", c.Struct("status" / c.Int32ub, "length" / c.Int16ul, "vlan" / c.Int16ul))
    assert [difference.kind for difference in compare(wrong, read_layout(path, "extended"))] == ["endianness"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ELF"),
        (b"\x7fELF" + bytes(5), "ELF"),
        (elf(None), "no debug information"),
        (elf(b"\x9f\xeb"), "truncated"),
    ],
)
def test_objects_that_cannot_be_read(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.o"
    path.write_bytes(data)
    with pytest.raises(VnicError, match=message) as error:
        read_layout(path, "sk_buff")
    assert "\n" not in str(error.value)
    with pytest.raises(BadObject, match="No such file"):
        read_layout(tmp_path / "nothing.o", "sk_buff")


def test_a_users_own_construct(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import construct as c\nD = c.Struct('a' / c.Int32ub, c.Padding(4), 'b' / c.Int16ul[2])\nX = 1\n"
    )
    assert load_description(f"{path}:D") == Layout(
        "D", 12, (Leaf("a", 0, 4, ">"), Leaf("b[0]", 8, 2, "<"), Leaf("b[1]", 10, 2, "<")), str(path)
    )
    for reference, message in (
        (f"{path}:E", "defines no E"),
        (f"{path}:X", "no construct"),
        ("mine", "file.py:NAME"),
        ("nowhere.py:D", "no such file"),
    ):
        with pytest.raises(UsageError, match=message):
            load_description(reference)
    path.write_text("1 / 0")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        load_description(f"{path}:D")
    path.write_text("import construct as c\nD = c.Struct('a' / c.GreedyBytes)\n")
    with pytest.raises(UsageError, match="fixed size"):
        load_description(f"{path}:D")


RDL = """addrmap desc {
  reg word { regwidth = 64; field {} v[63:0]; };
  reg back { regwidth = 64; field {} length[15:0]; field {} checksum[31:16]; field {} status[39:32];
             field {} errors[47:40]; field {} special[63:48]; };
  word address @ 0x0;
  back done @ 0x8;
};
"""


def test_a_users_own_rdl(tmp_path: Path) -> None:
    pytest.importorskip("systemrdl")
    path = tmp_path / "mine.rdl"
    path.write_text(RDL)
    found = load_description(f"{path}:desc")
    mine = from_construct("rx_legacy", RX)
    assert (found.size, [leaf[1:4] for leaf in found.leaves]) == (16, [leaf[1:4] for leaf in mine.leaves])
    path.write_text("addrmap desc { nonsense")
    with pytest.raises(UsageError, match=r"mine\.rdl"):
        load_description(f"{path}:desc")


TX = c.Struct(
    "address" / c.Int64ul,
    "length" / c.Int16ul,
    "cso" / c.Int8ul,
    "command" / c.Int8ul,
    "status" / c.Int8ul,
    "css" / c.Int8ul,
    "special" / c.Int16ul,
)
WRITE_BACK = c.Struct(
    "mrq" / c.Int32ul, "rss" / c.Int32ul, "status_error" / c.Int32ul, "length" / c.Int16ul, "vlan" / c.Int16ul
)


def module_of(vmlinuz: Path, name: str) -> Path:
    release = vmlinuz.name.removeprefix("vmlinuz-")
    folder = vmlinuz.parent.parent / "lib/modules" / release / "kernel/drivers/net/ethernet/intel"
    return folder / name / f"{name}.ko"


@pytest.mark.parametrize(
    "image", [image for image in VMLINUZ if module_of(image, "e1000").exists()], ids=lambda image: image.name
)
def test_the_drivers_of_a_real_kernel(image: Path) -> None:
    e1000, e1000e = module_of(image, "e1000"), module_of(image, "e1000e")
    assert module_kernel(e1000) == image
    rx, tx = read_layout(e1000, "e1000_rx_desc", image), read_layout(e1000, "e1000_tx_desc", image)
    assert compare(from_construct("rx_legacy", RX), rx) == []
    assert compare(from_construct("tx_legacy", TX), tx) == []
    back = read_layout(e1000e, "e1000_rx_desc_extended.wb", image)
    assert compare(from_construct("write-back", WRITE_BACK), back) == []
    assert compare(from_construct("rx_legacy", RX), back) != []
    assert read_layout(e1000e, "e1000_rx_desc_packet_split", image).size == 32
