"""The DMA API: every call is an event, coherent memory is aligned, failures are None."""

from __future__ import annotations

import pytest

from tests.unit.linux.support import KernelMaker, must
from vnic.linux.dma import MapEvent
from vnic.linux.pages import BadFree


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
