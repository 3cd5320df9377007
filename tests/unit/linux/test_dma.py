"""The DMA API: every call is an event, coherent memory is aligned, failures are None."""

from __future__ import annotations

import pytest

from tests.unit.linux.support import KernelMaker, must
from vnic.errors import UsageError
from vnic.linux.dma import MapEvent
from vnic.linux.dma_mapping import Iommu, Swiotlb
from vnic.linux.kernel import Kernel
from vnic.linux.layout import rx_layout
from vnic.linux.pages import BadFree
from vnic.linux.profile import load_profile


def test_calls_become_events_in_order(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    seen: list[MapEvent] = []
    kernel.dma.on_map = seen.append
    ring = must(kernel.dma_alloc_coherent(4096))
    dma = must(kernel.dma.map_single(0x12340, 1522, "from_device"))
    kernel.dma.sync_for_cpu(dma, 1522, "from_device")
    kernel.dma.sync_for_device(dma, 1522, "from_device")
    kernel.dma.unmap_single(dma, 1522, "from_device")
    page = must(kernel.dma.map_page(0x20000, 64, 100, "to_device"))
    kernel.dma.unmap_page(page, 100, "to_device")
    kernel.dma_free_coherent(ring, 4096)
    assert [tuple(event) for event in seen] == [
        (0, "alloc_coherent", ring, 4096, "bidirectional"),
        (1, "map", 0x12340, 1522, "from_device"),
        (2, "sync_for_cpu", 0x12340, 1522, "from_device"),
        (3, "sync_for_device", 0x12340, 1522, "from_device"),
        (4, "unmap", 0x12340, 1522, "from_device"),
        (5, "map", 0x20040, 100, "to_device"),
        (6, "unmap", 0x20040, 100, "to_device"),
        (7, "free_coherent", ring, 4096, "bidirectional"),
    ]
    assert kernel.dma.mapped == 0


@pytest.mark.parametrize("size", [1, 4096, 4097, 16384])
def test_coherent_memory_is_naturally_aligned(kernel_of: KernelMaker, size: int) -> None:
    kernel = kernel_of("6.1/x86_64")
    address = must(kernel.dma_alloc_coherent(size))
    assert address % max(4096, size if size & (size - 1) == 0 else 4096) == 0


def test_failures_are_none(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64", fail=lambda where: where.startswith("dma_"))
    assert kernel.dma.map_single(0x1000, 64, "from_device") is None
    assert kernel.dma_alloc_coherent(4096) is None
    assert kernel.dma.mapped == 0


def test_freeing_coherent_memory_twice(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    ring = must(kernel.dma_alloc_coherent(4096))
    kernel.dma_free_coherent(ring, 4096)
    with pytest.raises(BadFree):
        kernel.dma_free_coherent(ring, 4096)


def bouncing(kernel: Kernel, **options: int | bool) -> Swiotlb:
    pool = must(kernel.pages.alloc(6))
    kernel.dma.mapping = Swiotlb(kernel.memory, pool, **options)  # type: ignore[arg-type]  # any Swiotlb option
    return kernel.dma.mapping


def test_swiotlb_leaves_reachable_buffers_alone(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    bounce = bouncing(kernel)
    assert kernel.dma.map_single(0x12345, 100, "from_device") == 0x12345
    assert bounce.bounces == 0


def test_swiotlb_bounces_what_ends_above_the_mask(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    bounce = bouncing(kernel, mask=0x1FFFFF)
    assert kernel.dma.map_single(0x1FF000, 4096, "from_device") == 0x1FF000
    dma = must(kernel.dma.map_single(0x1FF001, 4096, "from_device"))
    assert dma != 0x1FF001
    assert bounce.bounces == 1


def test_a_bounced_frame_comes_back_at_unmap_and_at_sync(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    bouncing(kernel, force=True)
    buffer = must(kernel.kmalloc(2048))
    kernel.memory.write(buffer, b"old data")
    dma = must(kernel.dma.map_single(buffer, 1522, "from_device"))
    assert dma % 2048 == 0
    assert kernel.memory.read(dma, 8) == b"old data"
    kernel.memory.write(dma, b"first")
    kernel.dma.sync_for_cpu(dma, 1522, "from_device")
    assert kernel.memory.read(buffer, 8) == b"firstata"
    kernel.memory.write(dma, b"second")
    assert kernel.memory.read(buffer, 6) == b"firsta"
    kernel.dma.unmap_single(dma, 1522, "from_device")
    assert kernel.memory.read(buffer, 6) == b"second"


def test_a_bounced_transmit_buffer_is_copied_towards_the_device_only(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    bouncing(kernel, force=True)
    buffer = must(kernel.kmalloc(2048))
    dma = must(kernel.dma.map_single(buffer, 64, "to_device"))
    kernel.memory.write(buffer, b"changed")
    kernel.dma.sync_for_device(dma, 64, "to_device")
    assert kernel.memory.read(dma, 7) == b"changed"
    kernel.memory.write(dma, b"garbage")
    kernel.dma.unmap_single(dma, 64, "to_device")
    assert kernel.memory.read(buffer, 7) == b"changed"


@pytest.mark.parametrize(("size", "fits"), [(1522, 128), (2048, 128), (4096, 64), (256 << 10, 1)])
def test_slots_of_a_256_kib_pool(kernel_of: KernelMaker, size: int, fits: int) -> None:
    """1522 and 2048 bytes take one slot, a page takes two."""
    kernel = kernel_of("6.1/x86_64")
    bouncing(kernel, force=True)
    address = must(kernel.pages.alloc(6)).address
    mapped = [kernel.dma.map_single(address, size, "from_device") for _ in range(fits + 1)]
    assert None not in mapped[:fits]
    assert mapped[fits] is None
    kernel.dma.unmap_single(must(mapped[0]), size, "from_device")
    assert kernel.dma.map_single(address, size, "from_device") == mapped[0]


def test_swiotlb_refuses_more_than_a_segment(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    bouncing(kernel, force=True)
    assert kernel.dma.map_single(0x10000, (256 << 10) + 1, "from_device") is None


def test_min_align_mask_keeps_the_low_bits(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    bouncing(kernel, force=True, min_align_mask=0xFFF)
    assert must(kernel.dma.map_single(0x12345, 100, "from_device")) % 2048 == 0x345


def test_iommu_keeps_the_offset_and_maps_pages(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    iommu = Iommu(4096)
    kernel.dma.mapping = iommu
    one = must(kernel.dma.map_single(0x12040, 1522, "from_device"))
    two = must(kernel.dma.map_single(0x12780, 1522, "from_device"))
    assert (one % 4096, two % 4096) == (0x040, 0x780)
    assert one // 4096 != two // 4096, "two fragments of one page get two device pages"
    assert iommu.translate(one + 100) == 0x12040 + 100
    assert iommu.translate(two + 0x100) == 0x12780 + 0x100
    long = must(kernel.dma.map_single(0x12F00, 0x2200, "from_device"))
    assert [iommu.translate(long + at) for at in (0, 0x100, 0x2100)] == [0x12F00, 0x13000, 0x15000]
    assert iommu.translate(long - 0xF00 + 0x4000) != 0x16000
    kernel.dma.unmap_single(two, 1522, "from_device")
    assert iommu.translate(two) is None
    with pytest.raises(BadFree):
        kernel.dma.unmap_single(two, 1522, "from_device")
    assert kernel.dma.map_single(0x12780, 1522, "from_device") == two


def test_iommu_runs_out() -> None:
    iommu = Iommu(4096, mask=0x3FFF)
    found = [iommu.map(0, 4096) for _ in range(5)]
    assert found == [0x3000, 0x2000, 0x1000, None, None]
    with pytest.raises(UsageError):
        Iommu(4096, mask=0xFF)


@pytest.mark.parametrize(("mapping", "offset"), [("direct", 18), ("swiotlb", 0), ("iommu", 18)])
def test_what_bouncing_does_to_the_alignment(mapping: str, offset: int) -> None:
    layout = rx_layout(load_profile("2.6.18/x86_64-generic"), 1522, mapping=mapping)
    assert layout.dma_offset == offset


def test_an_unknown_mapping() -> None:
    with pytest.raises(UsageError, match="direct, swiotlb, iommu"):
        rx_layout(load_profile("6.1/x86_64"), 1522, mapping="vfio")
