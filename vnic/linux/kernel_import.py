"""A profile from a real kernel: sizes from its BTF, switches from its configuration, the rest from the rules.

Every constant says where it comes from, and those that no file of this kernel states are marked as not
established.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from vnic.errors import UsageError, VnicError
from vnic.linux.arch import L1_BYTES, dma_minalign, kmalloc_min_size
from vnic.linux.btf import BadBtf, Btf
from vnic.linux.bzimage import BadKernelImage, release, unpack
from vnic.linux.eras import Version, parse_version
from vnic.linux.macros import net_ip_align, net_skb_pad
from vnic.linux.profile import KernelProfile, read_profile

ARCHES: Final = {
    "EM_X86_64": "x86_64",
    "EM_386": "i386",
    "EM_AARCH64": "arm64",
    "EM_PPC64": "ppc64",
    "EM_S390": "s390",
    "EM_RISCV": "riscv64",
    "EM_ARM": "arm",
    "EM_MIPS": "mips",
    "EM_LOONGARCH": "loongarch",
}
# Of the architectures that have but one.
BYTE_ORDER: Final = {
    "x86_64": "little",
    "i386": "little",
    "riscv64": "little",
    "loongarch": "little",
    "s390": "big",
}
RUNNING: Final = Path("/sys/kernel/btf/vmlinux")
# os.uname().machine where it is not the name used here.
MACHINES: Final = {"aarch64": "arm64", "ppc64le": "ppc64", "s390x": "s390", "i686": "i386", "armv7l": "arm"}
_L1_SHIFTS: Final = {
    "x86_64": "CONFIG_X86_L1_CACHE_SHIFT",
    "i386": "CONFIG_X86_L1_CACHE_SHIFT",
    "arm": "CONFIG_ARM_L1_CACHE_SHIFT",
    "mips": "CONFIG_MIPS_L1_CACHE_SHIFT",
}
_LARGE_PAGES: Final = {
    "CONFIG_ARM64_64K_PAGES": 65536,
    "CONFIG_ARM64_16K_PAGES": 16384,
    "CONFIG_PPC_64K_PAGES": 65536,
    "CONFIG_PAGE_SIZE_64KB": 65536,
    "CONFIG_PAGE_SIZE_16KB": 16384,
}
_TUNNELS: Final = ("CONFIG_NET_IPIP", "CONFIG_NET_IPGRE", "CONFIG_IPV6_SIT", "CONFIG_IPV6_TUNNEL")


@dataclass(slots=True)
class _Constants:
    """The constants found so far, as TOML lines."""

    lines: list[str] = field(default_factory=list)

    def add(self, key: str, value: int, source: str, *, established: bool = True) -> int:
        mark = "" if established else ", established = false"
        self.lines.append(f'{key} = {{ value = {value}{mark}, source = "{_quoted(source)}" }}')
        return value


def import_kernel(
    image: Path,
    target: Path,
    *,
    config: Path | None = None,
    arch: str | None = None,
    version: str | None = None,
) -> KernelProfile:
    """Reads the kernel in `image`, writes its profile to `target` and gives it back.

    Args:
        image: a vmlinuz, a vmlinux, or raw BTF such as /sys/kernel/btf/vmlinux.
        target: the TOML file to write; its folder must exist.
        config: the kernel's configuration; by default `config-…` beside a `vmlinuz-…`.
        arch, version: what raw BTF does not tell.

    Raises:
        BadKernelImage, BadBtf: the file is not what it should be.
        UsageError: something is missing that only the user knows, or the result is no sound profile.
        VnicError: the profile cannot be written.
    """
    where = str(image)
    data = _read(image)
    text, found_arch, banner = _btf(data, where)
    if image == RUNNING:
        # Raw BTF tells neither, but this is the kernel we run on.
        machine = os.uname().machine
        found_arch, banner = MACHINES.get(machine, machine), os.uname().release
    arch = arch or found_arch
    if arch is None:
        raise UsageError(f"{where} does not tell its architecture: give --arch, such as x86_64")
    _check_order(text, arch, where)
    release_text = version or banner
    if release_text is None:
        raise UsageError(f"{where} does not tell its version: give --release, such as 6.1.192")
    settings, config_name = _config(image, config)
    number = _version(release_text)
    table = _Constants()
    allocator = _allocator(settings, number)
    _fill(table, Btf(text, where), arch, number, allocator, settings, image.name, config_name)
    number_text = ".".join(map(str, number))
    summary = f"Imported from {image.name}, {release_text.split(' (')[0]}"
    head = [
        f'version = "{number_text}"',
        f'arch = "{_quoted(arch)}"',
        f'allocator = "{allocator}"',
        f'summary = "{_quoted(summary)}"',
        "",
        "[constants]",
    ]
    return _write(target, "\n".join([*head, *table.lines, ""]))


def _check_order(text: bytes, arch: str, where: str) -> None:
    """Raises BadBtf where the types are those of another machine than `arch`."""
    order = "big" if text.startswith(b"\xeb\x9f") else "little"
    if BYTE_ORDER.get(arch, order) != order:
        raise BadBtf(where, f"is of a {order} endian machine, which {arch} is not; give its own --arch")


def _write(target: Path, text: str) -> KernelProfile:
    """Writes the profile beside its name first, so that no half of one is ever left."""
    partial = target.with_name(target.name + ".partial.toml")
    try:
        partial.write_text(text, encoding="utf-8")
        profile = read_profile(partial, str(target))
        partial.replace(target)
    except OSError as error:
        raise VnicError(f"cannot write {target}: {error.strerror}; give another --out") from error
    finally:
        partial.unlink(missing_ok=True)
    return profile


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadKernelImage(str(path), f"{error.strerror}; check the path") from error


def kernel_btf(path: Path) -> bytes:
    """The BTF of a vmlinuz, a vmlinux or a raw BTF file. Raises BadKernelImage."""
    return _btf(_read(path), str(path))[0]


def _btf(data: bytes, where: str) -> tuple[bytes, str | None, str | None]:
    """The BTF in a kernel file, its architecture and its release, as far as the file tells."""
    if data[:2] in (b"\x9f\xeb", b"\xeb\x9f"):
        return data, None, None
    banner = None
    if not data.startswith(b"\x7fELF"):
        data, banner = unpack(data, where), release(data, where)
    try:
        elf = ELFFile(io.BytesIO(data))
        section = elf.get_section_by_name(".BTF")
        machine = elf["e_machine"]
        text = None if section is None else section.data()
    except (ELFError, ValueError, OverflowError) as error:
        raise BadKernelImage(where, f"is a damaged ELF file: {error}") from error
    if text is None:
        raise BadKernelImage(where, "has no .BTF section: its kernel was built without CONFIG_DEBUG_INFO_BTF")
    if banner is None:
        found = re.search(rb"Linux version (\d[\w.+~-]*)", data)
        banner = found[1].decode() if found else None
    return text, ARCHES.get(machine), banner


def _config(image: Path, config: Path | None) -> tuple[dict[str, str], str]:
    """The kernel's configuration, and its name; empty when there is none."""
    if config is None:
        beside = image.with_name(image.name.replace("vmlinuz", "config", 1))
        if not image.name.startswith("vmlinuz") or not beside.is_file():
            return {}, ""
        config = beside
    try:
        text = config.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"kernel configuration {config}: {error.strerror}; check the path") from error
    found = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.MULTILINE))
    if not found:
        raise UsageError(f"{config} has no CONFIG_ line: give the kernel's .config")
    return found, config.name


def _version(text: str) -> Version:
    """The version; Debian writes the stable release behind its own, `6.1.0-56-amd64 … Debian 6.1.192-2`."""
    debian = re.search(r"Debian (\d+\.\d+\.\d+)", text)
    return parse_version(debian[1] if debian else text)


def _allocator(settings: dict[str, str], version: Version) -> str:
    for name in ("slab", "slub", "slob"):
        if settings.get(f"CONFIG_{name.upper()}") == "y":
            return name
    return "slub" if version >= (2, 6, 22) else "slab"


def _fill(
    table: _Constants,
    btf: Btf,
    arch: str,
    version: Version,
    allocator: str,
    settings: dict[str, str],
    image: str,
    config: str,
) -> None:
    """All constants of a profile, each with where it is from."""
    shinfo = btf.structure("skb_shared_info")
    source = f"BTF of {image}"
    table.add("sizeof_sk_buff", btf.structure("sk_buff").size, source)
    table.add("sizeof_skb_shared_info", shinfo.size, source)
    table.add("MAX_SKB_FRAGS", btf.array_length(shinfo.member("frags").type_id), source)
    table.add("sizeof_long", btf.pointer_size(), source)
    page, page_source, known = _page_size(arch, settings, config)
    table.add("PAGE_SIZE", page, page_source, established=known)
    l1, l1_source, known = _l1(arch, version, settings, config)
    table.add("L1_CACHE_BYTES", l1, l1_source, established=known)
    rule = f"rule for {arch} of this version"
    pad = net_skb_pad(version, arch, l1)
    table.add("NET_SKB_PAD", pad, f"{rule}: include/linux/skbuff.h", established=False)
    table.add("NET_IP_ALIGN", net_ip_align(version, arch), f"{rule}: NET_IP_ALIGN", established=False)
    smallest = kmalloc_min_size(version, arch, l1, allocator)
    table.add("KMALLOC_MIN_SIZE", smallest, f"{rule}: ARCH_KMALLOC_MINALIGN", established=False)
    table.add(
        "ARCH_DMA_MINALIGN", dma_minalign(version, arch, l1), f"{rule}: ARCH_DMA_MINALIGN", established=False
    )
    header, header_source = _max_header(settings, config)
    table.add("MAX_HEADER", header, header_source, established=bool(settings))


def _page_size(arch: str, settings: dict[str, str], config: str) -> tuple[int, str, bool]:
    for key, size in _LARGE_PAGES.items():
        if settings.get(key) == "y":
            return size, f"{key} in {config}", True
    if arch in ("x86_64", "i386", "s390"):
        return 4096, f"the only base page of {arch}", True
    if settings:
        return 4096, f"no larger page chosen in {config}", True
    return 4096, "assumed: no configuration was given", False


def _l1(arch: str, version: Version, settings: dict[str, str], config: str) -> tuple[int, str, bool]:
    key = _L1_SHIFTS.get(arch)
    if key is not None and settings.get(key, "").isdigit():
        return 1 << int(settings[key]), f"{key}={settings[key]} in {config}", True
    if arch in L1_BYTES:
        era = L1_BYTES[arch].era(version)
        return era.value, era.source, True
    return 64, "assumed: no configuration was given", False


def _max_header(settings: dict[str, str], config: str) -> tuple[int, str]:
    """MAX_HEADER: include/linux/netdevice.h LL_MAX_HEADER, and 48 more where a tunnel is built."""
    if not settings:
        return 176, "assumed a distribution's: WLAN mesh and tunnels; no configuration was given"
    if settings.get("CONFIG_HYPERV_NET") == "y":
        base = 128
    elif settings.get("CONFIG_WLAN") == "y" or "CONFIG_AX25" in settings:
        base = 128 if settings.get("CONFIG_MAC80211_MESH") == "y" else 96
    else:
        base = 32
    tunnels = 48 if any(key in settings for key in _TUNNELS) else 0
    return base + tunnels, f"include/linux/netdevice.h with WLAN, mesh and tunnels of {config}"


def _quoted(text: str) -> str:
    """Fit for a TOML basic string: no quotes, backslashes or control characters."""
    return re.sub(r'["\\\x00-\x1f\x7f]', "?", text)
