"""The kernel inside a vmlinuz: finds and unpacks the ELF image of an x86 bzImage.

Documentation/arch/x86/boot.rst: the header `HdrS` at 0x202 gives the place of the compressed payload
(protocol 2.08).
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Final

from vnic.errors import UsageError

BOOT_SIGNATURE: Final = 0x202
SETUP_SECTORS: Final = 0x1F1
PROTOCOL: Final = 0x206
KERNEL_VERSION: Final = 0x20E
PAYLOAD: Final = 0x248
LZ4_BLOCK: Final = 8 << 20  # the legacy format that the kernel uses: blocks of so many bytes unpacked
LARGEST: Final = 400 << 20


class BadKernelImage(UsageError):
    """A file that is not a kernel we can read; the message names it and what is wrong."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"kernel image {where}: {what}")


def is_bzimage(data: bytes) -> bool:
    """Whether the bytes begin like a vmlinuz."""
    return data[BOOT_SIGNATURE : BOOT_SIGNATURE + 4] == b"HdrS"


def release(data: bytes, where: str) -> str:
    """What a bzImage says it is, such as `6.1.0-56-amd64 (debian@…) #1 …`. Raises BadKernelImage."""
    at = struct.unpack_from("<H", data, KERNEL_VERSION)[0] + 0x200
    end = data.find(b"\0", at, at + 512)
    if end < 0:
        raise BadKernelImage(where, "its header names no kernel version; is it truncated?")
    return data[at:end].decode("ascii", "replace")


def unpack(data: bytes, where: str) -> bytes:
    """The ELF image (vmlinux without symbols) inside a bzImage.

    Raises:
        BadKernelImage: no bzImage, older than boot protocol 2.08, truncated, or packed in an unknown way.
    """
    if not is_bzimage(data):
        raise BadKernelImage(
            where, "has no HdrS header: give an x86 vmlinuz, a vmlinux, or /sys/kernel/btf/vmlinux"
        )
    if len(data) < PAYLOAD + 8 or struct.unpack_from("<H", data, PROTOCOL)[0] < 0x208:
        raise BadKernelImage(where, "boot protocol is older than 2.08 (Linux 2.6.26); give the vmlinux")
    offset, length = struct.unpack_from("<II", data, PAYLOAD)
    start = ((data[SETUP_SECTORS] or 4) + 1) * 512 + offset
    payload = data[start : start + length]
    if len(payload) < length or length < 16:
        raise BadKernelImage(where, f"is truncated: {length} bytes of kernel announced, {len(payload)} there")
    decompress = next((unpacker for magic, unpacker in _FORMATS if payload.startswith(magic)), None)
    if decompress is None:
        raise BadKernelImage(where, f"is packed in an unknown way (begins {payload[:4].hex()})")
    # Every packer but gzip is followed by the unpacked size; gzip ends with it anyway (scripts/Makefile.lib).
    size = struct.unpack_from("<I", payload, length - 4)[0]
    if not 0 < size <= LARGEST:
        raise BadKernelImage(where, f"announces {size} bytes of kernel, which cannot be")
    try:
        image = decompress(payload, size)
    except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BadKernelImage(where, f"does not unpack: {error}") from error
    if not image.startswith(b"\x7fELF"):
        raise BadKernelImage(where, "holds no ELF image")
    return image


def _gzip(payload: bytes, size: int) -> bytes:
    return zlib.decompressobj(31).decompress(payload, size)


def _xz(payload: bytes, size: int) -> bytes:
    return lzma.LZMADecompressor().decompress(payload, size)


def _bzip2(payload: bytes, size: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(payload, size)


def _zstd(payload: bytes, size: int) -> bytes:
    # Not at the top: only this command needs it, and it takes longer to load than a layout to compute.
    import pyarrow

    return bytes(pyarrow.Codec("zstd").decompress(payload[:-4], size, asbytes=True))


def _lz4(payload: bytes, size: int) -> bytes:
    """The legacy frame: a magic, then blocks, each behind its packed size."""
    import pyarrow

    codec = pyarrow.Codec("lz4_raw")
    blocks, at, left = [], 4, size
    while left > 0:
        packed = struct.unpack_from("<I", payload, at)[0]
        if at + 4 + packed > len(payload):
            raise ValueError("an LZ4 block is longer than the file")
        block = min(left, LZ4_BLOCK)
        blocks.append(codec.decompress(payload[at + 4 : at + 4 + packed], block, asbytes=True))
        at, left = at + 4 + packed, left - block
    return b"".join(blocks)


_FORMATS: Final[tuple[tuple[bytes, Callable[[bytes, int], bytes]], ...]] = (
    (b"\x1f\x8b\x08", _gzip),
    (b"\xfd7zXZ\0", _xz),
    (b"\x5d\0\0", _xz),
    (b"BZh", _bzip2),
    (b"\x28\xb5\x2f\xfd", _zstd),
    (b"\x02\x21\x4c\x18", _lz4),
)
