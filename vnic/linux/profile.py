"""Kernel profiles: the constants of one kernel build, each with where it was read.

A profile is a TOML file below `profiles/`, or one the user names by its path. It holds constants only; what a
kernel of that version does with them is in the rules of this room.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from vnic.errors import UsageError
from vnic.linux.eras import Version, parse_version, version_text
from vnic.linux.profile_ranges import POWERS, RANGES

PROFILES: Final = Path(__file__).parent / "profiles"
OLDEST: Final = (2, 4)
# First version with the allocator, and first without (slob.c gone in the 6.4 tree, slab.c in 6.8).
_LIFETIMES: Final[dict[str, tuple[Version, Version]]] = {
    "slab": ((2, 4), (6, 8)),
    "slub": ((2, 6, 22), (999,)),
    "slob": ((2, 6, 16), (6, 4)),
}
ALLOCATORS: Final = tuple(_LIFETIMES)


class UnknownProfile(UsageError):
    """No profile has this name; the message offers the nearest ones."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        near = _neighbours(name, known) or difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        near = near or list(known[-3:])
        super().__init__(
            f"unknown kernel {name!r}: did you mean {', '.join(near)}? (`vnic kernels` lists all)"
        )
        self.name = name
        self.near = tuple(near)


class AmbiguousProfile(UsageError):
    """A version alone names several profiles; the message lists them."""

    def __init__(self, name: str, found: tuple[str, ...]) -> None:
        super().__init__(f"kernel {name!r} is one of several: give {', '.join(found[:-1])} or {found[-1]}")
        self.found = found


class BadProfile(UsageError):
    """A profile file that cannot be used; the message names the file and the constant."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"kernel profile {where}: {what}")


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """The constants of one kernel build. Sizes in bytes; the field in upper case is the kernel's own name.

    Attributes:
        name: as the user writes it, `6.1/x86_64`.
        version: its version, compared by the rules.
        arch: the architecture's name as in `arch/`, or finer where the kernel's constants are (`ppc64`).
        word_size: sizeof(long).
        page_size: PAGE_SIZE.
        l1_cache_bytes: L1_CACHE_BYTES.
        smp_cache_bytes: SMP_CACHE_BYTES, what SKB_DATA_ALIGN rounds to.
        net_skb_pad: NET_SKB_PAD; the literal 16 of dev_alloc_skb before the macro existed.
        net_ip_align: NET_IP_ALIGN; the literal 2 of the drivers before the macro existed.
        max_skb_frags: MAX_SKB_FRAGS.
        sizeof_shinfo: sizeof(struct skb_shared_info).
        sizeof_sk_buff: sizeof(struct sk_buff).
        allocator: `slab`, `slub` or `slob`.
        kmalloc_min_size: KMALLOC_MIN_SIZE, the smallest kmalloc object and the alignment of all.
        arch_dma_minalign: ARCH_DMA_MINALIGN; 1 where the architecture sets none.
        sizeof_slab: sizeof(struct slab), the header that SLAB keeps on a slab of small objects; 0 otherwise.
        max_header: MAX_HEADER, what protocols below TCP may need; 0 where no rule of the version asks for it.
        hh_data_mod: HH_DATA_MOD, what a link-layer header is padded to on transmission.
        sources: where each constant was read.
        unestablished: constants whose value is a rule's or an inference, not seen in this very kernel.
    """

    name: str
    version: Version
    arch: str
    word_size: int
    page_size: int
    l1_cache_bytes: int
    smp_cache_bytes: int
    net_skb_pad: int
    net_ip_align: int
    max_skb_frags: int
    sizeof_shinfo: int
    sizeof_sk_buff: int
    allocator: str
    kmalloc_min_size: int
    arch_dma_minalign: int = 1
    sizeof_slab: int = 0
    max_header: int = 0
    hh_data_mod: int = 16
    summary: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    unestablished: tuple[str, ...] = ()

    def data_align(self, size: int) -> int:
        """SKB_DATA_ALIGN: `size` rounded up to SMP_CACHE_BYTES."""
        return -(-size // self.smp_cache_bytes) * self.smp_cache_bytes

    @property
    def release(self) -> str:
        """The version as it is written."""
        return version_text(self.version)


_KEYS: Final = {
    "PAGE_SIZE": "page_size",
    "L1_CACHE_BYTES": "l1_cache_bytes",
    "SMP_CACHE_BYTES": "smp_cache_bytes",
    "NET_SKB_PAD": "net_skb_pad",
    "NET_IP_ALIGN": "net_ip_align",
    "MAX_SKB_FRAGS": "max_skb_frags",
    "sizeof_skb_shared_info": "sizeof_shinfo",
    "sizeof_sk_buff": "sizeof_sk_buff",
    "sizeof_long": "word_size",
    "sizeof_slab": "sizeof_slab",
    "KMALLOC_MIN_SIZE": "kmalloc_min_size",
    "ARCH_DMA_MINALIGN": "arch_dma_minalign",
    "MAX_HEADER": "max_header",
    "HH_DATA_MOD": "hh_data_mod",
}
_OPTIONAL: Final = frozenset(
    key for key, name in _KEYS.items() if name in {f.name for f in fields(KernelProfile) if f.default == 0}
) | {"ARCH_DMA_MINALIGN", "HH_DATA_MOD", "SMP_CACHE_BYTES"}
_PLAIN: Final = re.compile(r"\w[\w.-]*", re.ASCII)
"""A folder's or a file's name that leads nowhere else."""


def profile_names() -> tuple[str, ...]:
    """The names of all profiles that come with vnic, oldest kernel first."""
    names = (path.relative_to(PROFILES).with_suffix("").as_posix() for path in PROFILES.rglob("*.toml"))
    return tuple(sorted(names, key=lambda name: (_order(name), name)))


def _order(name: str) -> Version:
    """The version that a profile's name begins with. Raises UsageError."""
    return parse_version(name.removeprefix("linux-"))


def _neighbours(name: str, known: tuple[str, ...]) -> list[str]:
    """The next older and the next newer kernel of that architecture; none where the version is known.

    A profile for one CPU (`x86_64-k8`) is offered where there is none for all.
    """
    try:
        wanted = _order(name)
    except UsageError:
        return []
    if any(_order(each) == wanted for each in known):
        return []
    arch = name.partition("/")[2] or "x86_64"
    same = [each for each in known if each.partition("/")[2] == arch] or known
    cpus = [each for each in known if each.partition("/")[2].startswith(f"{arch}-")]
    older, newer = (
        [each for each in same if (_order(each) > wanted) is later]
        or [each for each in cpus if (_order(each) > wanted) is later]
        for later in (False, True)
    )
    return [*older[-1:], *newer[:1]]


def resolve(name: str) -> str:
    """The full name of the profile that `name` stands for: itself, or a version without an architecture.

    A version alone is its `x86_64` profile where there is one, else its only one. A version without a profile
    is refused, with its neighbours' names: the constants of another kernel are not passed off as its own.

    Raises:
        UnknownProfile: there is none of that name.
        AmbiguousProfile: the version has several, and none is plain `x86_64`.
    """
    folder, _, file = name.partition("/")
    # Most calls: the name is whole, and none of the others need be looked at
    if _PLAIN.fullmatch(folder) and _PLAIN.fullmatch(file) and (PROFILES / f"{name}.toml").is_file():
        return name
    known = profile_names()
    version = name.removeprefix("linux-")
    found = tuple(each for each in known if each.partition("/")[0].removeprefix("linux-") == version)
    if f"{name}/x86_64" in found:
        return f"{name}/x86_64"
    if len(found) > 1:
        raise AmbiguousProfile(name, found)
    if not found:
        raise UnknownProfile(name, known)
    return found[0]


def load_profile(name: str) -> KernelProfile:
    """The profile that `name` stands for, or the one in the file `name` when that ends in `.toml`.

    Raises:
        UnknownProfile, AmbiguousProfile: as `resolve`.
        BadProfile: the file cannot be read, or a constant is missing, unknown or out of range.
    """
    if name.endswith(".toml"):
        return read_profile(Path(name), name)
    name = resolve(name)
    return read_profile(PROFILES / f"{name}.toml", name)


def read_profile(path: Path, name: str) -> KernelProfile:
    """Reads and checks one profile file. Raises BadProfile."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadProfile(str(path), f"{error.strerror}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadProfile(str(path), f"is not TOML: {error}") from error
    return _build(table, name, str(path))


def _build(table: dict[str, Any], name: str, where: str) -> KernelProfile:
    for key in ("version", "arch", "allocator"):
        if not isinstance(table.get(key), str):
            raise BadProfile(where, f'{key} is missing; write {key} = "..." above the constants')
    allocator = table["allocator"]
    if allocator not in ALLOCATORS:
        raise BadProfile(where, f"allocator is {allocator!r}; it must be one of {', '.join(ALLOCATORS)}")
    constants = table.get("constants")
    if not isinstance(constants, dict):
        raise BadProfile(where, "has no table [constants]")
    values: dict[str, int] = {}
    sources: dict[str, str] = {}
    doubtful: list[str] = []
    for key, entry in constants.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1, cutoff=0)[0]
            raise BadProfile(where, f"unknown constant {key}; did you mean {near}?")
        values[key], sources[key] = _constant(key, entry, where)
        if entry.get("established") is False:
            doubtful.append(key)
    missing = sorted(set(_KEYS) - set(values) - _OPTIONAL)
    if missing:
        raise BadProfile(where, f"constant {missing[0]} is missing; give its value and source")
    values.setdefault("SMP_CACHE_BYTES", values["L1_CACHE_BYTES"])
    version = _version(table["version"], allocator, where)
    if values["sizeof_skb_shared_info"] + values["NET_SKB_PAD"] >= values["PAGE_SIZE"]:
        raise BadProfile(where, "sizeof_skb_shared_info leaves no room for data in a page")
    return KernelProfile(
        name=name,
        version=version,
        arch=table["arch"],
        allocator=allocator,
        summary=str(table.get("summary", "")),
        sources=sources,
        unestablished=tuple(doubtful),
        **{_KEYS[key]: value for key, value in values.items()},
    )


def _version(text: str, allocator: str, where: str) -> Version:
    """The version, checked against what the rules know and when the allocator existed."""
    try:
        version = parse_version(text)
    except UsageError as error:
        raise BadProfile(where, str(error)) from error
    if version < OLDEST:
        raise BadProfile(where, f"version {text} is older than {version_text(OLDEST)}, the oldest known")
    since, until = _LIFETIMES[allocator]
    if not since <= version < until:
        raise BadProfile(
            where,
            f"{allocator} came with {version_text(since)} and was gone in {version_text(until)}; "
            f"this kernel is {text}",
        )
    return version


def _constant(key: str, entry: object, where: str) -> tuple[int, str]:
    """Value and source of one entry, checked."""
    # A TOML true is a Python int too; type() tells them apart.
    if not isinstance(entry, dict) or type(entry.get("value")) is not int:
        raise BadProfile(where, f"constant {key} has no whole number; write {{ value = ..., source = ... }}")
    value, source = entry["value"], entry.get("source")
    low, high = RANGES[key]
    if not low <= value <= high:
        raise BadProfile(where, f"constant {key} is {value}; it must be {low} to {high}")
    if key in POWERS and value & (value - 1):
        raise BadProfile(where, f"constant {key} is {value}; it must be a power of two")
    if not isinstance(source, str) or not source:
        raise BadProfile(where, f"constant {key} has no source; say where its value was read")
    return value, source
