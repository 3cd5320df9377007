"""The receive ring and the FIFO before it: running dry, overrun, frames over several
descriptors, write-back, resets."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import BUFFERS, RX_RING, Bench, frame
from vnic.nic.descriptors import RxDescriptor, RxStatus
from vnic.nic.events import Master
from vnic.nic.registers import CTRL, ICR, RCTL, Reg

DONE = RxStatus.DD | RxStatus.EOP | RxStatus.IXSM


# ---- no descriptor: RNBC


def test_head_equal_to_tail_is_an_empty_ring(bench: Bench) -> None:
    bench.open_rx(tail=0)
    bench.receive(frame(64))
    assert bench.untouched(0)
    assert bench.counters([Reg.RNBC, Reg.MPC, Reg.GPRC]) == {"RNBC": 1, "GPRC": 1}
    assert bench.dma == []


def test_waiting_frames_come_once_there_are_descriptors(bench: Bench) -> None:
    bench.open_rx(tail=2)
    frames = [frame(64 + index, seed=index) for index in range(5)]
    bench.receive(*frames)
    assert bench[Reg.RDH] == 2
    assert bench[Reg.RNBC] == 3
    bench[Reg.RDT] = 5
    assert [bench.buffer(index, 64 + index) for index in range(5)] == frames
    assert bench.untouched(5)
    assert bench[Reg.RDH] == 5
    assert bench[Reg.RNBC] == 0


def test_a_frame_is_counted_in_rnbc_once(bench: Bench) -> None:
    bench.open_rx(tail=1)
    bench.receive(frame(64), frame(65), frame(66))  # the first is stored; two wait
    assert bench[Reg.RNBC] == 2
    bench[Reg.RDT] = 2  # one of them goes, the other goes on waiting
    assert bench[Reg.RNBC] == 0
    bench.receive(frame(67))
    assert bench[Reg.RNBC] == 1
    bench[Reg.RDT] = 4
    bench.receive(frame(68))
    assert bench[Reg.RNBC] == 1


def test_a_frame_that_runs_dry_in_the_middle(bench: Bench) -> None:
    """What there is room for is written and shown at once, without EOP; the rest follows the new tail."""
    bench.open_rx(RCTL.EN | RCTL.BSIZE_256, tail=1)
    data = frame(600)
    bench.receive(data)
    assert bench.rx(0)[1:] == (256, 0, RxStatus.DD, 0, 0)
    assert bench[Reg.RDH] == 1
    assert bench[Reg.RNBC] == 1
    assert bench[Reg.ICR] & ICR.RXT0 == 0
    bench[Reg.RDT] = 2
    assert bench.rx(1)[1:] == (256, 0, RxStatus.DD, 0, 0)
    assert bench[Reg.RNBC] == 0
    bench[Reg.RDT] = 3
    assert bench.rx(2)[1:] == (88, 0, DONE, 0, 0)
    assert b"".join(bench.buffer(index, size) for index, size in enumerate((256, 256, 88))) == data
    assert bench[Reg.ICR] & ICR.RXT0


@pytest.mark.parametrize(
    ("length", "head", "tail"),
    [(0, 0, 5), (128, 8, 5), (128, 9, 5), (128, 0, 8), (128, 0, 0xFFFF), (128, 0xFFFF, 5)],
)
def test_a_ring_that_cannot_run(bench: Bench, length: int, head: int, tail: int) -> None:
    """RDLEN 0, or a pointer outside: no descriptor is fetched, nothing is written, frames wait."""
    bench.open_rx(0)
    bench[Reg.RDLEN], bench[Reg.RDH], bench[Reg.RDT] = length, head, tail
    bench[Reg.RCTL] = RCTL.EN
    bench.receive(frame(64))
    assert bench.dma == []
    assert bench[Reg.RNBC] == 1
    bench[Reg.RDLEN], bench[Reg.RDH], bench[Reg.RDT] = 128, 0, 7
    assert bench.buffer(0, 64) == frame(64)


def test_rdlen_counts_in_eights_of_descriptors(bench: Bench) -> None:
    bench[Reg.RDLEN] = 0xFFFF_FFFF
    assert bench[Reg.RDLEN] == 0xFFF80
    bench[Reg.RDLEN] = 127
    assert bench[Reg.RDLEN] == 0


def test_the_ring_wraps(bench: Bench) -> None:
    bench.open_rx()
    for number in range(40):
        bench.receive(frame(64 + number, seed=number))
        index = number % 8
        assert bench.buffer(index, 64 + number) == frame(64 + number, seed=number)
        assert bench[Reg.RDH] == (number + 1) % 8
        bench[Reg.RDT] = index
    assert bench[Reg.GPRC] == 40


# ---- no room: MPC


def test_fifo_is_handed_out_in_blocks(bench: Bench) -> None:
    """768 blocks of 64 bytes; a frame of 65 bytes takes two; the one that does not fit is missed."""
    bench.open_rx(tail=0)
    bench.receive(*(frame(65) for _ in range(383)))  # 766 blocks
    assert bench[Reg.MPC] == 0
    bench.receive(frame(129))  # wants 3
    assert bench[Reg.MPC] == 1
    assert bench[Reg.ICR] & ICR.RXO
    bench.receive(frame(64), frame(64), frame(64))  # two fit
    assert bench.counters([Reg.MPC, Reg.GPRC, Reg.RNBC, Reg.TPR]) == {
        "MPC": 1, "GPRC": 385, "RNBC": 385, "TPR": 387,
    }  # fmt: skip
    bench[Reg.RDT] = 1  # the first frame goes: 2 blocks are free
    bench.receive(frame(129), frame(128), frame(64))
    assert bench.counters([Reg.MPC, Reg.GPRC]) == {"MPC": 2, "GPRC": 1}


def test_blocks_of_a_frame_come_back_with_its_last_byte() -> None:
    with Bench(rx_fifo_bytes=640) as bench:
        bench.open_rx(RCTL.EN | RCTL.BSIZE_256, tail=2)
        bench.receive(frame(600))  # all ten blocks, two of three parts written
        bench.receive(frame(64))
        assert bench[Reg.MPC] == 1
        bench[Reg.RDT] = 3
        bench.receive(frame(64))
        assert bench[Reg.MPC] == 0


def test_a_missed_frame_is_in_no_good_counter(bench: Bench) -> None:
    with Bench(rx_fifo_bytes=64) as small:
        small.open_rx()
        small.receive(frame(65))
        counters = small.counters([Reg.MPC, Reg.GPRC, Reg.GORCL, Reg.PRC127, Reg.RNBC, Reg.TPR, Reg.TORL])
        assert counters == {"MPC": 1, "TPR": 1, "TORL": 65}


# ---- write-back


def test_write_back_in_lines_of_four(bench: Bench) -> None:
    bench.open_rx(count=16)
    bench[Reg.RDH] = 2
    bench.receive(*(frame(64) for _ in range(9)))
    lines = [(event.address - RX_RING, event.length) for event in bench.seen(Master.RX_WRITEBACK)]
    assert lines == [(2 * 16, 2 * 16), (4 * 16, 4 * 16), (8 * 16, 3 * 16)]


def test_lines_are_of_memory_not_of_the_ring(bench: Bench) -> None:
    bench.open_rx()
    base = RX_RING + 0x1010
    for index in range(8):
        bench.memory.write(base + index * 16, RxDescriptor(BUFFERS + index * 2048).pack())
    bench[Reg.RDBAL] = base + 15  # the low four bits do not exist
    assert bench[Reg.RDBAL] == base
    bench.receive(*(frame(64) for _ in range(7)))
    lines = [(event.address - base, event.length) for event in bench.seen(Master.RX_WRITEBACK)]
    assert lines == [(0, 48), (48, 64)]


def test_write_back_stops_at_the_ring_end(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RDH], bench[Reg.RDT] = 6, 5
    bench.receive(*(frame(64) for _ in range(4)))
    lines = [(event.address - RX_RING, event.length) for event in bench.seen(Master.RX_WRITEBACK)]
    assert lines == [(6 * 16, 2 * 16), (0, 2 * 16)]
    assert bench[Reg.RDH] == 2


def test_data_is_in_memory_before_its_descriptor(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.BSIZE_256, count=16)
    bench.receive(*(frame(300) for _ in range(7)))
    written: set[int] = set()
    for event in bench.dma:
        if event.master is Master.RX_DATA:
            written.add((event.address - BUFFERS) // bench.stride)
        elif event.master is Master.RX_WRITEBACK:
            first = (event.address - RX_RING) // 16
            assert set(range(first, first + event.length // 16)) <= written


def test_rxdmt0_when_the_threshold_is_crossed_by_a_write_back(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.RDMTS_QUARTER)  # 8 descriptors: threshold 2
    bench.receive(*(frame(64) for _ in range(4)))
    assert bench[Reg.ICR] & ICR.RXDMT0 == 0  # 3 free
    bench.receive(frame(64))
    assert bench[Reg.ICR] & ICR.RXDMT0  # 2 free
    bench.receive(frame(64))
    assert bench[Reg.ICR] & ICR.RXDMT0 == 0  # below already
    bench[Reg.RDT] = 0
    bench[Reg.RDT] = 7  # moving the tail is no write-back
    assert bench[Reg.ICR] & ICR.RXDMT0 == 0


@pytest.mark.parametrize(
    ("bits", "free"), [(RCTL.RDMTS_HALF, 4), (RCTL.RDMTS_QUARTER, 2), (RCTL.RDMTS_EIGHTH, 1)]
)
def test_rdmts(bench: Bench, bits: int, free: int) -> None:
    bench.open_rx(RCTL.EN | bits)
    bench[Reg.IMS] = ICR.RXDMT0
    for _ in range(7 - free - 1):
        bench.receive(frame(64))
    assert not bench.nic.irq
    bench.receive(frame(64))
    assert bench.nic.irq


# ---- prefetched descriptors


@pytest.mark.parametrize("register", [Reg.RDBAL, Reg.RDBAH, Reg.RDLEN, Reg.RDH, Reg.RCTL])
def test_ring_registers_and_disabling_discard_what_was_fetched_ahead(bench: Bench, register: Reg) -> None:
    bench.open_rx()
    bench.receive(frame(64))
    moved = BUFFERS + 7 * bench.stride + 512
    bench.memory.write(RX_RING + 16, RxDescriptor(moved).pack())
    value = bench[register]
    if register is Reg.RCTL:
        bench[register] = 0
    bench[register] = value
    bench.receive(frame(64, seed=9))
    assert bench.memory.read(moved, 64) == frame(64, seed=9)


def test_a_new_ring_is_used_from_its_head(bench: Bench) -> None:
    bench.open_rx()
    bench.receive(frame(64))
    bench.memory.write(RX_RING + 0x800, RxDescriptor(BUFFERS + 0x4000).pack())
    bench[Reg.RDBAL], bench[Reg.RDH] = RX_RING + 0x800, 0
    bench.receive(frame(64, seed=3))
    assert bench.memory.read(BUFFERS + 0x4000, 64) == frame(64, seed=3)
    assert bench[Reg.RDH] == 1


# ---- disabling and resetting


def test_disabling_empties_the_fifo_uncounted(bench: Bench) -> None:
    bench.open_rx(tail=0)
    bench.receive(frame(64), frame(65))
    bench.counters([Reg.RNBC])
    bench[Reg.RCTL] = 0
    bench[Reg.RDT] = 7
    assert bench.dma == []
    bench[Reg.RCTL] = RCTL.EN
    assert bench.dma == []
    assert bench.counters([Reg.MPC, Reg.RNBC, Reg.RUC, Reg.CRCERRS]) == {}
    bench.receive(frame(66))
    assert bench.buffer(0, 66) == frame(66)


def test_disabling_stops_a_frame_between_descriptors(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.BSIZE_256, tail=1)
    bench.receive(frame(600))
    bench[Reg.RCTL] = 0
    bench[Reg.RDT] = 7
    bench[Reg.RCTL] = RCTL.EN | RCTL.BSIZE_256
    assert bench.untouched(1)
    bench.receive(frame(64, seed=5))
    assert bench.rx(1)[1:] == (64, 0, DONE, 0, 0)
    assert bench.buffer(1, 64) == frame(64, seed=5)


def test_disabled_fifo_gives_all_its_room_back(bench: Bench) -> None:
    bench.open_rx(tail=0)
    bench.receive(*(frame(64) for _ in range(768)))
    bench[Reg.RCTL] = 0
    bench[Reg.RCTL] = RCTL.EN
    bench.receive(*(frame(64) for _ in range(769)))
    assert bench[Reg.MPC] == 1


def test_reset_forgets_ring_and_fifo(bench: Bench) -> None:
    bench.open_rx(tail=0)
    bench.receive(frame(64))
    bench[Reg.CTRL] = CTRL.RST
    assert bench.counters([Reg.RDBAL, Reg.RDLEN, Reg.RDH, Reg.RDT, Reg.RCTL, Reg.GPRC, Reg.ICR]) == {}
    bench[Reg.CTRL] = CTRL.SLU
    bench[Reg.RDBAL], bench[Reg.RDLEN], bench[Reg.RDT] = RX_RING, 128, 7
    bench[Reg.RCTL] = RCTL.EN
    assert bench.untouched(0)
    bench.receive(frame(70))
    assert bench.buffer(0, 70) == frame(70)


# ---- outside memory


def test_a_buffer_outside_memory_is_lost_and_the_nic_goes_on(bench: Bench) -> None:
    bench.open_rx()
    bench.memory.write(RX_RING, RxDescriptor(bench.memory.size + 0x1000).pack())
    bench.receive(frame(64), frame(64, seed=1))
    assert [event.ok for event in bench.seen(Master.RX_DATA)] == [False, True]
    assert bench.rx(0)[1:] == (64, 0, DONE, 0, 0)
    assert bench.buffer(1, 64) == frame(64, seed=1)


def test_a_buffer_across_the_end_of_memory_gets_what_lies_inside(bench: Bench) -> None:
    bench.open_rx()
    start = bench.memory.size - 30
    bench.memory.write(RX_RING, RxDescriptor(start).pack())
    bench.receive(frame(64))
    assert bench.memory.read(start, 30) == frame(64)[:30]
    assert [(event.address, event.length, event.ok) for event in bench.seen(Master.RX_DATA)] == [
        (start, 30, True),
        (bench.memory.size, 34, False),
    ]


def test_descriptors_outside_memory_are_all_ones(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RDBAH] = 1
    bench.receive(frame(64))
    data = bench.seen(Master.RX_DATA)
    assert (data[0].address, data[0].length, data[0].ok) == (0xFFFF_FFFF_FFFF_FFFF, 1, False)
    # The address does not run on at 0, where memory is.
    assert (data[1].address, data[1].length, data[1].ok) == (0xFFFF_FFFF_FFFF_F000, 63, False)
    assert bench.memory.read(0, 64) == bytes(64)
    assert [event.ok for event in bench.seen(Master.RX_WRITEBACK)] == [False]
    assert bench[Reg.RDH] == 1
