"""The behavioural NIC as a target: wire, virtual clock, interrupt, events; and memory over a long run."""

from __future__ import annotations

import tracemalloc
from collections.abc import Generator, Iterator
from zlib import crc32

import pytest

from vnic.memory import HostMemory
from vnic.nic.descriptors import RxDescriptor, TxCommand, TxDescriptor
from vnic.nic.events import DmaEvent, RegisterEvent
from vnic.nic.port import WireFrame, run
from vnic.nic.registers import CTRL, ICR, RCTL, STATUS, TCTL, Reg
from vnic.targets.base import Target
from vnic.targets.model import SETTLE_NS, ModelTarget, on_the_wire

RING, BUFFERS = 0x1000, 0x10_0000
COUNT = 128


@pytest.fixture
def memory() -> Iterator[HostMemory]:
    with HostMemory(4 << 20) as made:
        yield made


@pytest.fixture
def target(memory: HostMemory) -> Target:
    made = ModelTarget(memory)
    for index in range(COUNT):
        memory.write(RING + index * 16, RxDescriptor(BUFFERS + index * 2048).pack())
    run(made.write32(Reg.CTRL, CTRL.SLU))
    run(made.read32(Reg.ICR))
    run(made.write32(Reg.RDBAL, RING))
    run(made.write32(Reg.RDLEN, COUNT * 16))
    run(made.write32(Reg.RDT, COUNT - 1))
    run(made.write32(Reg.RCTL, RCTL.EN | RCTL.BAM | RCTL.UPE | RCTL.SBP))
    return made


def test_the_wire_pads_and_appends_the_fcs() -> None:
    short, raw, bad = (bytes(14), b"\x01" * 20, b"\x02" * 70)
    frames = list(on_the_wire([WireFrame(short), WireFrame(raw, raw=True), WireFrame(bad, bad_fcs=True)]))
    assert frames[0] == (bytes(60) + crc32(bytes(60)).to_bytes(4, "little"), False)
    assert frames[1] == (raw + crc32(raw).to_bytes(4, "little"), False)
    assert frames[2] == (bad + (crc32(bad) ^ 0xFFFF_FFFF).to_bytes(4, "little"), True)


def test_offered_frames_wait_for_settle(target: Target, memory: HostMemory) -> None:
    run(target.wire.offer([WireFrame(b"\xff" * 6 + bytes(54))]))
    assert run(target.read32(Reg.RDH)) == 0
    run(target.settle())
    assert run(target.read32(Reg.RDH)) == 1
    assert memory.read(BUFFERS, 6) == b"\xff" * 6


def test_waiting_for_an_interrupt_takes_what_is_offered(target: Target) -> None:
    run(target.write32(Reg.IMS, ICR.RXT0))
    before = target.now_ns
    assert not run(target.interrupt(500))
    assert target.now_ns == before + 500
    run(target.wire.offer([WireFrame(b"\xff" * 6 + bytes(54))]))
    assert run(target.interrupt(500))
    assert target.now_ns == before + 500


def test_an_interrupt_delay_passes_on_the_virtual_clock(target: Target) -> None:
    run(target.write32(Reg.IMS, ICR.RXT0))
    run(target.write32(Reg.RDTR, 100))
    run(target.wire.offer([WireFrame(b"\xff" * 6 + bytes(54))]))
    before = target.now_ns
    assert not run(target.interrupt(100 * 1024 - 1))
    assert run(target.interrupt(1_000_000))
    assert target.now_ns == before + 100 * 1024


def test_settle_lets_delays_run_out(target: Target) -> None:
    run(target.write32(Reg.RDTR, 100))
    run(target.wire.offer([WireFrame(b"\xff" * 6 + bytes(54))]))
    run(target.settle())
    assert run(target.read32(Reg.ICR)) & ICR.RXT0
    before = target.now_ns
    run(target.settle())
    assert target.now_ns == before + SETTLE_NS
    assert target.cycles == 0


def test_sent_frames_are_collected_once(target: Target, memory: HostMemory) -> None:
    memory.write(0x8000, bytes(range(60)))
    memory.write(0x4000, TxDescriptor(0x8000, 60, 0, TxCommand.EOP | TxCommand.IFCS).pack())
    run(target.write32(Reg.TDBAL, 0x4000))
    run(target.write32(Reg.TDLEN, 128))
    run(target.write32(Reg.TCTL, TCTL.EN))
    run(target.write32(Reg.TDT, 1))
    run(target.settle())
    assert run(target.wire.collect()) == [bytes(range(60))]
    assert run(target.wire.collect()) == []


def test_link(target: Target) -> None:
    run(target.set_link(False))
    assert not run(target.read32(Reg.STATUS)) & STATUS.LU
    run(target.set_link(True))
    assert run(target.read32(Reg.STATUS)) & STATUS.LU
    assert run(target.read32(Reg.ICR)) == ICR.LSC


def test_events_come_in_order_and_before_the_call_returns(target: Target) -> None:
    seen: list[DmaEvent | RegisterEvent] = []
    target.on_dma = seen.append
    target.on_register = seen.append
    run(target.wire.offer([WireFrame(b"\xff" * 6 + bytes(54))]))
    run(target.settle())
    run(target.write32(Reg.RDT, 5))
    assert run(target.read32(Reg.RDT)) == 5
    kinds = [type(event) for event in seen]
    assert kinds == [DmaEvent] * 3 + [RegisterEvent] * 2
    assert seen[3][1:] == (True, Reg.RDT, 5)
    assert seen[4][1:] == (False, Reg.RDT, 5)


def test_run_refuses_a_coroutine_that_waits_for_a_simulator() -> None:
    class Suspends:
        def __await__(self) -> Generator[None, None, None]:
            yield

    async def waits() -> None:
        await Suspends()

    with pytest.raises(RuntimeError, match="suspended"):
        run(waits())


def test_memory_stays_flat(target: Target) -> None:
    """Good frames and bad, three thousand addresses: nothing of them may stay behind."""

    def burst(start: int) -> None:
        frames = [
            WireFrame((number % 3000).to_bytes(6, "big") + bytes(54), bad_fcs=number % 7 == 0)
            for number in range(start, start + 64)
        ]
        run(target.wire.offer(frames))
        run(target.settle())
        head = run(target.read32(Reg.RDH))
        run(target.write32(Reg.RDT, (head - 1) % COUNT))
        run(target.wire.collect())

    for number in range(100):
        burst(number * 64)
    tracemalloc.start()
    try:
        for number in range(100, 200):
            burst(number * 64)
        first, _ = tracemalloc.get_traced_memory()
        for number in range(200, 400):
            burst(number * 64)
        second, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert second - first < 50_000  # 12,800 frames of 64 bytes are 800,000
