"""Small kernel files made by hand: BTF, an ELF round it, a bzImage round that."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable, Sequence

import pyarrow

INT, PTR, ARRAY, STRUCT, UNION, TYPEDEF, CONST = 1, 2, 3, 4, 5, 8, 10


class BtfMaker:
    """Builds BTF type by type; each call returns the number of the type."""

    def __init__(self, order: str = "<", first: int = 1, string_base: int = 0) -> None:
        self.order = order
        self._next = first
        self._string_base = string_base
        self._types = b""
        self._strings = b"\0" if not string_base else b""

    def _name(self, name: str) -> int:
        if not name:
            return 0
        at = len(self._strings) + self._string_base
        self._strings += name.encode() + b"\0"
        return at

    def add(self, kind: int, name: str, size: int, *extra: int, vlen: int = 0, flag: int = 0) -> int:
        info = flag << 31 | kind << 24 | vlen
        self._types += struct.pack(f"{self.order}III", self._name(name), info, size)
        self._types += struct.pack(f"{self.order}{len(extra)}I", *extra)
        self._next += 1
        return self._next - 1

    def integer(self, name: str, size: int) -> int:
        return self.add(INT, name, size, size * 8)

    def array(self, element: int, count: int) -> int:
        return self.add(ARRAY, "", 0, element, 1, count)

    def structure(
        self, name: str, size: int, members: Sequence[tuple[str, int, int]], kind: int = STRUCT
    ) -> int:
        words = [
            word for member, type_id, offset in members for word in (self._name(member), type_id, offset * 8)
        ]
        return self.add(kind, name, size, *words, vlen=len(members))

    def bytes(self) -> bytes:
        sizes = (24, 0, len(self._types), len(self._types), len(self._strings))
        return struct.pack(f"{self.order}HBBIIIII", 0xEB9F, 1, 0, *sizes) + self._types + self._strings


def kernel_btf(order: str = "<", *, long_size: int = 8, frags: int = 17, skb: int = 232) -> BtfMaker:
    """The types that an import needs."""
    maker = BtfMaker(order)
    long_id = maker.integer("long unsigned int", long_size)
    byte = maker.integer("unsigned char", 1)
    pointer = maker.add(PTR, "", byte)
    frag = maker.structure("skb_frag", 16, [("page", pointer, 0), ("len", long_id, 8)])
    alias = maker.add(TYPEDEF, "skb_frag_t", frag)
    many = maker.array(alias, frags)
    maker.structure("skb_shared_info", 48 + 16 * frags, [("flags", byte, 0), ("frags", many, 48)])
    maker.structure("sk_buff", skb, [("tail", long_id, 188), ("head", pointer, 200)])
    return maker


def elf(btf: bytes | None, *, machine: int = 62, text: bytes = b"", order: str = "<") -> bytes:
    """A 64-bit ELF file with a .BTF section (unless None) and some text in .rodata."""
    sections = [(".rodata", text)] + ([(".BTF", btf)] if btf is not None else [])
    names = b"\0" + b"".join(name.encode() + b"\0" for name, _ in sections) + b".shstrtab\0"
    body, headers = b"", [struct.pack(f"{order}IIQQQQIIQQ", *[0] * 10)]
    for name, content in [*sections, (".shstrtab", names)]:
        kind = 3 if name == ".shstrtab" else 1
        at = names.find(name.encode() + b"\0")
        header = struct.pack(f"{order}IIQQQQIIQQ", at, kind, 0, 0, 64 + len(body), len(content), 0, 0, 1, 0)
        headers.append(header)
        body += content
    ident = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    fixed = (2, machine, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, len(headers), len(headers) - 1)
    return ident + struct.pack(f"{order}HHIQQQIHHHHHH", *fixed) + body + b"".join(headers)


def bzimage(kernel: bytes, packer: str = "gzip", release: str = "6.1.0-9-amd64 (me@here) #1 SMP") -> bytes:
    """An x86 vmlinuz with `kernel` packed in it."""
    payload = PACKERS[packer](kernel)
    setup = bytearray(2 * 512)
    setup[0x1F1] = 1
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, 0x20F)
    struct.pack_into("<H", setup, 0x20E, 0x100)
    setup[0x300 : 0x300 + len(release) + 1] = release.encode() + b"\0"
    struct.pack_into("<II", setup, 0x248, 32, len(payload))
    return bytes(setup) + bytes(32) + payload + bytes(100)


def _sized(packed: bytes, kernel: bytes) -> bytes:
    return packed + struct.pack("<I", len(kernel))


def _lz4(kernel: bytes) -> bytes:
    codec = pyarrow.Codec("lz4_raw")
    packed = b"\x02\x21\x4c\x18"
    for at in range(0, len(kernel), 8 << 20):
        block = codec.compress(kernel[at : at + (8 << 20)], asbytes=True)
        packed += struct.pack("<I", len(block)) + block
    return _sized(packed, kernel)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda kernel: gzip.compress(kernel),
    "xz": lambda kernel: _sized(lzma.compress(kernel), kernel),
    "lzma": lambda kernel: _sized(lzma.compress(kernel, lzma.FORMAT_ALONE), kernel),
    "bzip2": lambda kernel: _sized(bz2.compress(kernel), kernel),
    "zstd": lambda kernel: _sized(pyarrow.Codec("zstd").compress(kernel, asbytes=True), kernel),
    "lz4": _lz4,
}
