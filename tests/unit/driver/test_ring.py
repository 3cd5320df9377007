"""Ring arithmetic: what is free, what the NIC may use, and the wrap at the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnic.driver import RingMemoryError
from vnic.driver.ring import DESC_SIZE, RX_DESC, STA_DD, STA_EOP, Ring
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory


def a_ring(memory: HostMemory, count: int) -> Ring[None]:
    return Ring(Kernel(load_profile("6.1/x86_64"), memory), count, [None] * count, "receive")


@given(st.sampled_from([8, 16, 80, 256]), st.data())
def test_used_and_unused_descriptors_always_add_up(count: int, data: st.DataObject) -> None:
    with HostMemory(1 << 20) as memory:
        ring = a_ring(memory, count)
        used = 0
        for _ in range(data.draw(st.integers(0, 40))):
            if data.draw(st.booleans()):
                step = data.draw(st.integers(0, ring.unused()))
                ring.next_to_use = (ring.next_to_use + step) % count
                used += step
            else:
                step = data.draw(st.integers(0, used))
                ring.next_to_clean = (ring.next_to_clean + step) % count
                used -= step
            assert ring.pending() == used
            assert ring.unused() == count - 1 - used


@given(st.sampled_from([8, 80, 256]), st.integers(0, 255), st.integers(0, 255), st.integers(1, 64))
def test_finished_descriptors_end_at_the_first_open_one_or_at_the_end_of_the_ring(
    count: int, start: int, finished: int, limit: int
) -> None:
    start, finished = start % count, finished % count
    with HostMemory(1 << 20) as memory:
        ring = a_ring(memory, count)
        ring.restart()
        for step in range(finished):
            at = ring.base + (start + step) % count * DESC_SIZE
            memory.write(at, RX_DESC.pack(step, 60, 0, STA_DD | STA_EOP, 0, 0))
        ring.next_to_clean = start
        found = ring.finished_rx(limit)
        assert [fields[0] for fields in found] == list(range(min(finished, limit, count - start)))


def test_a_restarted_ring_has_no_finished_descriptor() -> None:
    with HostMemory(1 << 20) as memory:
        ring = a_ring(memory, 8)
        memory.fill(ring.base, ring.size, 0xFF)
        ring.restart()
        assert ring.finished_rx(8) == []
        assert ring.status(3) == 0


def test_a_ring_without_memory_says_what_it_wanted() -> None:
    with HostMemory(1 << 20) as memory:
        kernel = Kernel(load_profile("6.1/x86_64"), memory, fail=lambda name: name == "dma_alloc_coherent")
        with pytest.raises(RingMemoryError, match="4096 bytes of the transmit ring"):
            Ring(kernel, 256, [None] * 256, "transmit")
