"""The spillover table: request and class of a receive buffer, by era."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vnic.errors import UsageError
from vnic.linux.kmalloc import kmalloc_sizes
from vnic.linux.layout import rx_layout
from vnic.linux.profile import load_profile
from vnic.linux.skb_alloc import Gfp

NOMINALS = (256, 512, 1024, 1522, 2048, 4096, 8192, 16384)


def row(text: str) -> list[tuple[int, int]]:
    """`"444>512 700>1k ..."` as pairs of request and object size."""
    pairs = (cell.split(">") for cell in text.split())
    return [(int(need), int(size.removesuffix("k")) << 10 * size.endswith("k")) for need, size in pairs]


TABLE = {
    "linux-2.4/i386-P4": "444>512 700>1k 1212>2k 1724>2k 2236>4k 4284>8k 8380>16k 16572>32k",
    "2.6.9/i386-686": "448>512 704>1k 1216>2k 1728>2k 2240>4k 4288>8k 8384>16k 16576>32k",
    "2.6.18/x86_64-generic": "696>1k 952>1k 1464>2k 1976>2k 2488>4k 4536>8k 8632>16k 16824>32k",
    "2.6.18/x86_64-k8": "632>1k 888>1k 1400>2k 1912>2k 2424>4k 4472>8k 8568>16k 16760>32k",
    "2.6.18/ppc64": "696>1k 952>1k 1464>2k 1976>2k 2488>4k 4536>8k 8632>16k 16824>32k",
    "2.6.35/x86_64": "728>1k 984>1k 1496>2k 1944>2k 2520>4k 4568>8k 8664>16k 16856>32k",
    "2.6.36/x86_64": "664>1k 920>1k 1432>2k 1944>2k 2456>4k 4504>8k 8600>16k 16792>32k",
    "3.2/x86_64": "704>1k 960>1k 1472>2k 1984>2k 2496>4k 4544>8k 8640>16k 16832>32k",
    "3.3/x86_64": "640>1k 896>1k 1408>2k 1920>2k 2432>4k 4480>8k 8576>16k 16768>32k",
}
CASES = [
    pytest.param(name, nominal, *want, id=f"{name}-{nominal}")
    for name, cells in TABLE.items()
    for nominal, want in zip(NOMINALS, row(cells), strict=True)
]
CASES += [
    pytest.param("2.6.34/x86_64", 1522, 1944, 2048, id="2.6.34-1522"),
    pytest.param("2.6.34/x86_64", 2048, 2456, 4096, id="2.6.34-2048"),
]


@pytest.mark.parametrize(("name", "nominal", "request_", "allocated"), CASES)
def test_request_and_object(name: str, nominal: int, request_: int, allocated: int) -> None:
    layout = rx_layout(load_profile(name), nominal)
    assert (layout.request, layout.allocated) == (request_, allocated)


@pytest.mark.parametrize(("nominal", "cell"), list(zip(NOMINALS, row(TABLE["3.3/x86_64"]), strict=True)))
@pytest.mark.parametrize("name", ["4.4/x86_64", "5.15/x86_64", "6.1/x86_64"])
def test_a_sleeping_caller_still_gets_the_kmalloc_row(name: str, nominal: int, cell: tuple[int, int]) -> None:
    layout = rx_layout(load_profile(name), nominal, gfp=Gfp.KERNEL)
    assert (layout.request, layout.allocated) == cell


def test_pages_beyond_the_largest_class_are_named() -> None:
    profile = load_profile("2.6.36/x86_64")
    assert rx_layout(profile, 8192).size_class == "pages-order-2"
    assert rx_layout(profile, 16384).size_class == "pages-order-3"


def test_the_drivers_comment_on_a_2_6_kernel() -> None:
    """e1000_main.c: RXBUFFER_2048 --> size-4096 slab."""
    layout = rx_layout(load_profile("2.6.18/x86_64-generic"), 2048)
    assert layout.size_class == "size-4096"
    assert layout.home_class == "size-2048"
    assert layout.spill
    assert layout.waste == 2048


@pytest.mark.parametrize("name", list(TABLE))
def test_shared_info_alone_makes_2048_spill(name: str) -> None:
    layout = rx_layout(load_profile(name), 2048)
    assert layout.without_headroom == layout.size_class
    assert "even with no headroom" in layout.decides


def test_2_6_32_spills_even_at_1522() -> None:
    """The 496 bytes of shared info of 2.6.32 and 33 are too many for the small buffer."""
    layout = rx_layout(load_profile("2.6.32/x86_64"), 1522)
    assert (layout.request, layout.size_class, layout.spill) == (2096, "kmalloc-4096", True)
    assert layout.without_headroom == "kmalloc-2048"
    assert layout.without_shared_info == "kmalloc-2048"
    assert "the two together" in layout.decides


def test_fragments_do_not_spill() -> None:
    layout = rx_layout(load_profile("6.1/x86_64"), 2048)
    assert (layout.size_class, layout.allocated, layout.spill) == ("page_frag", 2432, False)


DMA_OFFSETS = {
    "linux-2.4/i386-P4": 18,
    "2.6.9/i386-686": 18,
    "2.6.18/x86_64-generic": 18,
    "2.6.32/x86_64": 34,
    "2.6.35/x86_64": 2,
    "2.6.36/x86_64": 0,
    "2.6.18/ppc64": 0,
    "6.1/x86_64": 0,
    "6.1/arm64": 0,
    "6.1/s390": 34,
    "6.1/riscv64": 2,
    "4.19/mips": 2,
    "4.4/arm64": 2,
}


@pytest.mark.parametrize(("name", "offset"), list(DMA_OFFSETS.items()))
@pytest.mark.parametrize("nominal", [1522, 2048])
def test_dma_offset(name: str, offset: int, nominal: int) -> None:
    assert rx_layout(load_profile(name), nominal).dma_offset == offset


CLASSES = {
    "linux-2.4/i386-P4": [2**n for n in range(5, 18)],
    "2.6.9/i386-686": [32, 64, 96, 128, 192] + [2**n for n in range(8, 18)],
    "2.6.18/x86_64-generic": [2**n for n in range(5, 18)],
    "2.6.18/x86_64-k8": [32, 64, 128, 192] + [2**n for n in range(8, 18)],
    "2.6.24/x86_64": [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048],
    "2.6.36/x86_64": [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192],
    "6.1/x86_64": [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192],
    "6.1/arm64": [128, 256, 512, 1024, 2048, 4096, 8192],
    "6.12/arm64": [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192],
    "6.1/riscv64": [64, 128, 192, 256, 512, 1024, 2048, 4096, 8192],
}


def test_the_largest_class_of_slab_by_era() -> None:
    profile = load_profile("2.6.18/x86_64-k8")
    tops = {
        version: kmalloc_sizes(replace(profile, version=version))[-1]
        for version in ((2, 6, 21), (2, 6, 22), (6, 0), (6, 1))
    }
    assert tops == {(2, 6, 21): 128 << 10, (2, 6, 22): 4 << 20, (6, 0): 4 << 20, (6, 1): 8192}
    assert kmalloc_sizes(replace(profile, version=(3, 10), page_size=65536))[-1] == 32 << 20


@pytest.mark.parametrize(("name", "sizes"), list(CLASSES.items()))
def test_kmalloc_classes(name: str, sizes: list[int]) -> None:
    assert list(kmalloc_sizes(load_profile(name))) == sizes


@pytest.mark.parametrize("strategy", ["skb", "build_skb", "jumbo", "packet-split"])
@pytest.mark.parametrize("name", [*TABLE, "3.3/x86_64-slob", "6.1/x86_64", "6.18/x86_64", "6.1/s390"])
def test_segments_cover_what_was_allocated(name: str, strategy: str) -> None:
    if strategy == "build_skb" and load_profile(name).version < (3, 5):
        with pytest.raises(UsageError, match="netdev_alloc_frag"):
            rx_layout(load_profile(name), 1522, strategy)
        return
    layout = rx_layout(load_profile(name), 1522, strategy)
    end = 0
    for segment in layout.segments:
        assert segment.offset == end
        assert segment.length >= 0
        end += segment.length
    assert end == layout.allocated
    assert layout.waste == layout.allocated - layout.size


@pytest.mark.parametrize("size", [0, -1, 65537])
def test_sizes_out_of_range(size: int) -> None:
    with pytest.raises(UsageError, match="1 to 65536"):
        rx_layout(load_profile("6.1/x86_64"), size)


def test_unknown_strategy_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="skb, build_skb, jumbo, packet-split"):
        rx_layout(load_profile("6.1/x86_64"), 2048, "magic")


def test_what_a_fragment_page_cannot_hold() -> None:
    with pytest.raises(UsageError, match="does not fit"):
        rx_layout(load_profile("3.5/x86_64"), 4096, "build_skb")
