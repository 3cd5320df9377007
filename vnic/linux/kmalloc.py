"""Which kmalloc size classes a kernel has, and how many objects a slab of each holds.

Pure arithmetic from a profile's constants; `slab.py` places the objects.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

from vnic.linux.eras import Era, Rule
from vnic.linux.pages import MAX_ORDER, get_order
from vnic.linux.profile import KernelProfile


class SizeClass(NamedTuple):
    """One kmalloc cache: its name in /proc/slabinfo, its object size, and its slabs.

    Attributes:
        first: bytes of the slab before the first object (SLAB keeps its header there for small objects).
    """

    name: str
    size: int
    order: int
    objects: int
    first: int


LARGEST_CLASS: Final = 32 << 20


class Top(Enum):
    """The largest kmalloc cache; what is larger comes from the page allocator or is refused."""

    BYTES_128K = auto()
    MAX_SIZE = auto()
    HALF_PAGE = auto()
    PAGE = auto()
    TWO_PAGES = auto()


SLAB_TOP: Rule[Top] = Rule(
    "the largest kmalloc cache of SLAB",
    [
        Era((2, 4), Top.BYTES_128K, "mm/slab.c 2.4.22, include/linux/kmalloc_sizes.h 2.6.18, 2.6.21"),
        Era(
            (2, 6, 22),
            Top.MAX_SIZE,
            "include/linux/kmalloc_sizes.h, slab.h 2.6.22, slab.h 6.0: KMALLOC_SHIFT_HIGH up to 25",
        ),
        Era((6, 1), Top.TWO_PAGES, "commit d6a71648dbc0 (6.1)"),
    ],
)
SLUB_TOP: Rule[Top] = Rule(
    "the largest kmalloc cache of SLUB",
    [
        Era((2, 6, 22), Top.MAX_SIZE, "include/linux/slub_def.h 2.6.22"),
        Era((2, 6, 24), Top.HALF_PAGE, "commit aadb4bc4a1f (2.6.24)"),
        Era((2, 6, 25), Top.PAGE, "commit 331dc558fa0 (2.6.25)"),
        Era((2, 6, 30), Top.TWO_PAGES, "commit ffadd4d0feb (2.6.30)"),
    ],
)


class OddClasses(Enum):
    """When the 96- and 192-byte caches exist."""

    NONE = auto()
    BY_L1 = auto()
    BY_MIN_SIZE = auto()


SLAB_ODD: Rule[OddClasses] = Rule(
    "the 96- and 192-byte caches of SLAB",
    [
        Era((2, 4), OddClasses.NONE, "mm/slab.c 2.4.22 cache_sizes"),
        Era((2, 6), OddClasses.BY_L1, "include/linux/kmalloc_sizes.h 2.6: 96 if L1 < 64, 192 if L1 < 128"),
        Era((3, 10), OddClasses.BY_MIN_SIZE, "include/linux/slab.h 3.10 kmalloc_index"),
    ],
)


class Naming(Enum):
    """What /proc/slabinfo calls a kmalloc cache."""

    SIZE = auto()  # size-2048
    KMALLOC = auto()  # kmalloc-2048
    KMALLOC_K = auto()  # kmalloc-2k


NAMING: dict[str, Rule[Naming]] = {
    "slab": Rule(
        "kmalloc cache names of SLAB",
        [
            Era((2, 4), Naming.SIZE, "mm/slab.c 2.4.22, include/linux/kmalloc_sizes.h 2.6"),
            Era((3, 10), Naming.KMALLOC, "mm/slab_common.c 3.10"),
            Era((4, 20), Naming.KMALLOC_K, "mm/slab_common.c 4.20 kmalloc_info"),
        ],
    ),
    "slub": Rule(
        "kmalloc cache names of SLUB",
        [
            Era((2, 6, 22), Naming.KMALLOC, "mm/slub.c 2.6.22"),
            Era((4, 20), Naming.KMALLOC_K, "mm/slab_common.c 4.20 kmalloc_info"),
        ],
    ),
}


class SlubOrder(NamedTuple):
    """How SLUB picks a slab's order.

    Attributes:
        max_order: the largest order tried for the sake of more objects.
        by_cpus: it wants 4 * (fls(cpus) + 1) objects, else 4; without it, pages above 4 KiB get twice the
        objects and one order more.
        fraction: the waste accepted first is 1/fraction of the slab.
        patient: it wants no more than the largest order holds, and lowers that by one; else it halves it.
    """

    max_order: int
    by_cpus: bool
    fraction: int
    patient: bool


SLUB_ORDER: Rule[SlubOrder] = Rule(
    "the order of a SLUB slab",
    [
        Era((2, 6, 22), SlubOrder(1, False, 8, False), "mm/slub.c 2.6.22, 2.6.25 calculate_order"),
        Era((2, 6, 26), SlubOrder(3, True, 16, False), "mm/slub.c 2.6.26, 2.6.29 calculate_order"),
        Era((2, 6, 30), SlubOrder(3, True, 16, True), "mm/slub.c 2.6.30, 2.6.35, 6.1 calculate_order"),
    ],
)

SLAB_BREAK: Rule[int] = Rule(
    "the order beyond which SLAB no longer minds waste, with more than 32 MiB of memory",
    [
        Era((2, 4), 2, "mm/slab.c 2.4.22 BREAK_GFP_ORDER_HI"),
        Era((2, 6), 1, "mm/slab.c 2.6.16, 2.6.18 BREAK_GFP_ORDER_HI"),
    ],
)


def kmalloc_max_size(profile: KernelProfile) -> int:
    """The largest class of `profile`, in bytes."""
    rule = SLAB_TOP if profile.allocator == "slab" else SLUB_TOP
    page = profile.page_size
    match rule.at(profile.version):
        case Top.BYTES_128K:
            return 131072
        case Top.MAX_SIZE:
            return min(page << MAX_ORDER, LARGEST_CLASS)
        case Top.HALF_PAGE:
            return page // 2
        case Top.PAGE:
            return page
        case Top.TWO_PAGES:
            return 2 * page


def kmalloc_sizes(profile: KernelProfile) -> tuple[int, ...]:
    """The object sizes of all kmalloc caches, ascending.

    SLAB 2.4 and 2.6: mm/slab.c, include/linux/kmalloc_sizes.h. SLUB: slub_def.h, later slab.h kmalloc_index.
    """
    smallest, top = profile.kmalloc_min_size, kmalloc_max_size(profile)
    sizes = {1 << shift for shift in range(smallest.bit_length() - 1, top.bit_length())}
    odd = OddClasses.BY_MIN_SIZE
    if profile.allocator == "slab":
        odd = SLAB_ODD.at(profile.version)
        if odd is OddClasses.BY_L1 and profile.page_size != 4096:
            sizes.discard(32)  # kmalloc_sizes.h has it for 4 KiB pages only
    limit = {
        OddClasses.NONE: 0,
        OddClasses.BY_L1: profile.l1_cache_bytes,
        OddClasses.BY_MIN_SIZE: smallest,
    }[odd]
    by_min = odd is OddClasses.BY_MIN_SIZE
    if odd is not OddClasses.NONE:
        if limit < 64 or (by_min and limit <= 32):
            sizes.add(96)
        if limit < 128 or (by_min and limit <= 64):
            sizes.add(192)
    return tuple(sorted(sizes))


def class_name(profile: KernelProfile, size: int) -> str:
    """What /proc/slabinfo calls the cache of `size`-byte objects."""
    match NAMING[profile.allocator].at(profile.version):
        case Naming.SIZE:
            return f"size-{size}"
        case Naming.KMALLOC:
            return f"kmalloc-{size}"
        case Naming.KMALLOC_K:
            if size >= 1 << 20:
                return f"kmalloc-{size >> 20}M"
            return f"kmalloc-{size >> 10}k" if size >= 1024 else f"kmalloc-{size}"


def size_classes(profile: KernelProfile, cpus: int) -> tuple[SizeClass, ...]:
    """All kmalloc caches of `profile` on a machine with `cpus` CPUs, smallest first; empty for SLOB."""
    if profile.allocator == "slob":
        return ()
    return tuple(
        slab_shape(profile, size, cpus, class_name(profile, size)) for size in kmalloc_sizes(profile)
    )


def slab_shape(profile: KernelProfile, size: int, cpus: int, name: str) -> SizeClass:
    """Order and objects of a slab of `size`-byte objects."""
    if profile.allocator == "slab":
        return _slab_shape(profile, size, name)
    order = _slub_order(size, profile.page_size, cpus, SLUB_ORDER.at(profile.version))
    return SizeClass(name, size, order, (profile.page_size << order) // size, 0)


def _slab_shape(profile: KernelProfile, size: int, name: str) -> SizeClass:
    """mm/slab.c calculate_slab_order and cache_estimate: the first order that wastes at most an eighth.

    Objects below an eighth of a page share the slab with its header and one kmem_bufctl_t each; for larger
    ones the header is off slab. From 3.13 on an object costs one or two bytes there instead of four, which
    is not modelled and moves only objects below 512 bytes. No order above 1 (2 in 2.4) is tried for less
    waste.
    """
    enough = SLAB_BREAK.at(profile.version)
    on_slab = size < profile.page_size // 8
    header = profile.sizeof_slab if on_slab else 0
    for order in range(MAX_ORDER + 1):
        room = profile.page_size << order
        objects = (room - header) // (size + (4 if on_slab else 0))
        first = 0
        while objects > 0 and on_slab:
            first = profile.data_align(header + 4 * objects)
            if first + objects * size <= room:
                break
            objects -= 1
        if objects == 0:
            continue
        waste = room - first - objects * size
        if order >= enough or waste * 8 <= room:
            return SizeClass(name, size, order, objects, first)
    raise ValueError(f"no slab order holds an object of {size} bytes")


def _slub_order(size: int, page_size: int, cpus: int, era: SlubOrder) -> int:
    """mm/slub.c calculate_order: many objects first, then little waste."""
    large = not era.by_cpus and page_size > 4096
    top = era.max_order + large
    wanted = 4 * (cpus.bit_length() + 1) if era.by_cpus else 4 << large
    if era.patient:
        wanted = min(wanted, (page_size << top) // size)
    while wanted > 1:
        fraction = era.fraction
        while fraction >= 4:
            for order in range(get_order(wanted * size, page_size), top + 1):
                room = page_size << order
                if room % size <= room // fraction:
                    return order
            fraction //= 2
        wanted = wanted - 1 if era.patient else wanted // 2
    return get_order(size, page_size)
