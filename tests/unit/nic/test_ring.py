"""Ring arithmetic against a plain list of descriptors, for any length, place and pace."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.nic.bench import BUFFERS, RX_RING, Bench, frame
from vnic.memory import HostMemory
from vnic.nic.bus import DmaBus
from vnic.nic.descriptors import RX_ADDRESS_STRUCT, RxDescriptor, RxStatus
from vnic.nic.events import DmaEvent, Master
from vnic.nic.registers import RCTL, Reg
from vnic.nic.ring import PREFETCH, Ring

LENGTHS = st.integers(1, 24).map(lambda eights: eights * 8)


def make_ring(count: int, base: int = 0x1000) -> tuple[Ring, list[DmaEvent], HostMemory]:
    memory = HostMemory(1 << 16)
    bus = DmaBus(memory)
    events: list[DmaEvent] = []
    bus.on_dma = events.append
    for index in range(count):
        memory.write(base + index * 16, RxDescriptor(index).pack())
    ring = Ring(bus, RX_ADDRESS_STRUCT, Master.RX_DESC, Master.RX_WRITEBACK)
    ring.place(base, count * 16)
    return ring, events, memory


@given(LENGTHS, st.data())
def test_free_is_tail_minus_head_modulo_the_ring(count: int, data: st.DataObject) -> None:
    ring, _, memory = make_ring(count)
    with memory:
        head = data.draw(st.integers(0, 2 * count))
        tail = data.draw(st.integers(0, 2 * count))
        ring.move_head(head)
        ring.tail = tail
        if head >= count or tail >= count:
            assert ring.free == 0
        else:
            walked = 0
            while head != tail:
                head = (head + 1) % count
                walked += 1
            assert ring.free == walked


@given(LENGTHS, st.integers(0, 3), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=12))
def test_each_descriptor_is_fetched_and_written_once_in_order(
    count: int, shift: int, steps: list[tuple[int, int]]
) -> None:
    """``steps``: how far the tail moves, then how many descriptors are used. The base is any 16 bytes."""
    base = 0x1000 + 16 * shift
    ring, events, memory = make_ring(count, base)
    with memory:
        given_away = used = 0
        for more, want in steps:
            given_away = min(given_away + more, used + count - 1)
            ring.tail = given_away % count
            for _ in range(want):
                if not ring.ready and not ring.fetch():
                    assert used == given_away
                    break
                (address,) = ring.ready.pop()
                assert address == used % count
                used += 1
                if ring.done(RxDescriptor(address).pack()):
                    ring.flush()
            ring.flush()
            assert ring.head == ring.next == used % count
            assert ring.free == given_away - used
        written = []
        for event in events:
            first = (event.address - base) // 16
            indices = range(first, first + event.length // 16)
            assert 0 < len(indices) <= PREFETCH
            assert 0 <= indices[0] <= indices[-1] < count
            if event.write:
                assert event.address // 64 == (event.address + event.length - 1) // 64
                written += list(indices)
        assert written == [index % count for index in range(used)]


@given(
    st.sampled_from([RCTL.BSIZE_256, RCTL.BSIZE_512, RCTL.BSIZE_2048]),
    st.booleans(),
    st.lists(st.tuples(st.lists(st.integers(64, 1522), max_size=6), st.integers(0, 30)), max_size=8),
)
def test_every_byte_arrives_in_order_at_any_pace(
    bits: int, strip: bool, steps: list[tuple[list[int], int]]
) -> None:
    """``steps``: frames that come, then descriptors that the driver gives. What the ring holds at each moment
    is a prefix of what a patient driver would read in the end."""
    bsize = {RCTL.BSIZE_256: 256, RCTL.BSIZE_512: 512, RCTL.BSIZE_2048: 2048}[bits]
    count = 16
    with Bench() as bench:
        bench.open_rx(RCTL.EN | bits | (RCTL.SECRC if strip else 0), count=count, tail=0, stride=2048)
        expected: list[bytes] = []
        for number, length in enumerate(length for lengths, _ in steps for length in lengths):
            data = frame(length, seed=number)
            whole = data[:-4] if strip else data
            expected += [whole[start : start + bsize] for start in range(0, len(whole), bsize)]
        taken = given_away = sent = 0
        for lengths, more in [*steps, *(([], 15),) * (len(expected) // 15 + 1)]:
            for length in lengths:
                bench.receive(frame(length, seed=sent))
                sent += 1
            given_away = min(given_away + more, taken + count - 1)
            bench[Reg.RDT] = given_away % count
            while bench.rx(taken % count).status & RxStatus.DD:
                descriptor = bench.rx(taken % count)
                assert bench.memory.read(descriptor.address, descriptor.length) == expected[taken]
                bench.memory.write(RX_RING + taken % count * 16, RxDescriptor(descriptor.address).pack())
                assert descriptor.address == BUFFERS + taken % count * 2048
                taken += 1
            assert bench[Reg.RDH] == taken % count
        assert taken == len(expected)
        assert bench[Reg.MPC] == 0
        assert bench[Reg.GPRC] == sent
