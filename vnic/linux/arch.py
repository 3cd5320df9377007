"""Constants that follow from an architecture and a version: cache lines, DMA alignment, smallest kmalloc.

Used when a kernel is imported, and to check the profiles. Sources: arch/*/include/asm/cache.h of the trees
named.
"""

from __future__ import annotations

from vnic.linux.eras import Era, Rule, Version

# L1_CACHE_BYTES where the architecture has one value; the others are configured.
L1_BYTES: dict[str, Rule[int]] = {
    "arm64": Rule(
        "L1_CACHE_BYTES of arm64",
        [
            Era((3, 8), 64, "arch/arm64/include/asm/cache.h 3.8.13, 4.1.15"),
            Era((4, 4), 128, "arch/arm64/include/asm/cache.h 4.4.155, 4.14.177"),
            Era((4, 19), 64, "arch/arm64/include/asm/cache.h 4.19.0, 6.1"),
        ],
    ),
    "ppc64": Rule("L1_CACHE_BYTES of ppc64", [Era((2, 4), 128, "arch/powerpc/include/asm/cache.h")]),
    "s390": Rule("L1_CACHE_BYTES of s390", [Era((2, 4), 256, "arch/s390/include/asm/cache.h")]),
    "riscv64": Rule("L1_CACHE_BYTES of riscv", [Era((4, 15), 64, "arch/riscv/include/asm/cache.h")]),
    "loongarch": Rule(
        "L1_CACHE_BYTES of loongarch", [Era((5, 19), 64, "arch/loongarch/include/asm/cache.h")]
    ),
}

# ARCH_DMA_MINALIGN: "l1" stands for L1_CACHE_BYTES. Architectures that are not here have none.
DMA_MINALIGN: dict[str, Rule[int | str]] = {
    "arm64": Rule(
        "ARCH_DMA_MINALIGN of arm64",
        [
            Era((3, 8), "l1", "arch/arm64/include/asm/cache.h up to 4.14.177"),
            Era((4, 19), 128, "arch/arm64/include/asm/cache.h 4.19.0, 6.1"),
        ],
    ),
    "riscv64": Rule(
        "ARCH_DMA_MINALIGN of riscv",
        [
            Era((4, 15), 1, "arch/riscv/include/asm/cache.h up to 5.17"),
            Era((6, 1), "l1", "arch/riscv/include/asm/cache.h 6.1: non-coherent devices"),
        ],
    ),
    "arm": Rule("ARCH_DMA_MINALIGN of arm", [Era((2, 6), "l1", "arch/arm/include/asm/cache.h")]),
    "mips": Rule(
        "ARCH_DMA_MINALIGN of mips", [Era((2, 6), 128, "arch/mips/include/asm/mach-generic/kmalloc.h")]
    ),
    "loongarch": Rule(
        "ARCH_DMA_MINALIGN of loongarch", [Era((5, 19), 16, "arch/loongarch/include/asm/cache.h")]
    ),
}

SMALL_KMALLOC: Rule[frozenset[str]] = Rule(
    "architectures whose kmalloc objects may be smaller than ARCH_DMA_MINALIGN, bounced by the DMA API",
    [
        Era((2, 4), frozenset(), "include/linux/slab.h 6.4"),
        Era((6, 6), frozenset({"arm64", "riscv64"}), "ARCH_KMALLOC_MINALIGN 8 in the 6.6 and 6.12 trees"),
    ],
)


def dma_minalign(version: Version, arch: str, l1: int) -> int:
    """ARCH_DMA_MINALIGN, 1 where there is none."""
    rule = DMA_MINALIGN.get(arch)
    found = 1 if rule is None else rule.at(version)
    return l1 if isinstance(found, str) else found


def kmalloc_min_size(version: Version, arch: str, l1: int, allocator: str) -> int:
    """KMALLOC_MIN_SIZE: ARCH_DMA_MINALIGN where devices are not coherent, else 8, and 32 for SLAB."""
    smallest = 32 if allocator == "slab" else 8
    if arch in SMALL_KMALLOC.at(version):
        return smallest
    return max(smallest, dma_minalign(version, arch, l1))
