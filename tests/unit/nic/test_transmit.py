"""Transmission: gathering, padding, counting, write-back, and what is lost."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import BROADCAST, MAC, TX_RING, Bench
from vnic.nic.descriptors import TxCommand, TxDescriptor, TxStatus
from vnic.nic.events import Master
from vnic.nic.registers import CTRL, ICR, RCTL, TCTL, Reg

TX_COUNTERS = (
    Reg.TPT, Reg.TOTL, Reg.GPTC, Reg.GOTCL, Reg.PTC64, Reg.PTC127, Reg.PTC255, Reg.PTC511, Reg.PTC1023,
    Reg.PTC1522, Reg.BPTC, Reg.MPTC,
)  # fmt: skip


def payload(length: int, destination: bytes = MAC) -> bytes:
    return (destination + bytes(index & 0xFF for index in range(length)))[:length]


def test_one_descriptor_one_frame(bench: Bench) -> None:
    bench.open_tx()
    data = payload(100)
    bench[Reg.TDT] = bench.put_frame(0, [data])
    assert bench.sent == [data]
    assert bench[Reg.TDH] == 1
    assert bench.tx(0).status == TxStatus.DD
    assert bench.counters(TX_COUNTERS) == {"TPT": 1, "TOTL": 104, "GPTC": 1, "GOTCL": 104, "PTC127": 1}
    assert bench[Reg.ICR] == ICR.TXDW | ICR.TXQE


def test_parts_are_concatenated_up_to_eop(bench: Bench) -> None:
    bench.open_tx()
    data = payload(1000)
    behind = bench.put_frame(0, [data[:1], data[1:77], b"", data[77:]])
    bench[Reg.TDT] = bench.put_frame(behind, [payload(60)])
    assert bench.sent == [data, payload(60)]
    assert bench[Reg.TDH] == 5


def test_a_frame_may_come_in_several_tail_writes(bench: Bench) -> None:
    bench.open_tx()
    data = payload(200)
    bench.put_frame(0, [data[:50], data[50:]])
    bench[Reg.TDT] = 1
    assert bench.sent == []
    assert bench[Reg.TDH] == 1
    bench[Reg.TDT] = 2
    assert bench.sent == [data]


@pytest.mark.parametrize(
    ("length", "tctl", "command", "sent", "counted"),
    [
        (40, TCTL.PSP, TxCommand.IFCS, 60, 64),
        (60, TCTL.PSP, TxCommand.IFCS, 60, 64),
        (61, TCTL.PSP, TxCommand.IFCS, 61, 65),
        (40, TCTL.PSP, 0, 40, 40),
        (40, 0, TxCommand.IFCS, 40, 44),
        (64, 0, 0, 64, 64),
    ],
)
def test_padding_and_fcs(bench: Bench, length: int, tctl: int, command: int, sent: int, counted: int) -> None:
    """PSP pads only where the controller inserts the FCS; otherwise the FCS is part of the driver's data."""
    bench.open_tx(TCTL.EN | tctl)
    bench[Reg.TDT] = bench.put_frame(0, [payload(length)], TxCommand.EOP | command)
    assert bench.sent == [payload(length).ljust(sent, b"\0")]
    assert bench.counters([Reg.TPT, Reg.TOTL]) == {"TPT": 1, "TOTL": counted}


@pytest.mark.parametrize(
    ("length", "counter"),
    [(59, None), (60, "PTC64"), (61, "PTC127"), (123, "PTC127"), (124, "PTC255"), (252, "PTC511"),
     (508, "PTC1023"), (1019, "PTC1023"), (1020, "PTC1522"), (9000, "PTC1522")],
)  # fmt: skip
def test_sizes(bench: Bench, length: int, counter: str | None) -> None:
    bench.open_tx()
    bench[Reg.TDT] = bench.put_frame(0, [payload(length)])
    sizes = bench.counters(register for register in TX_COUNTERS if register.name.startswith("PTC"))
    assert sizes == ({counter: 1} if counter else {})


def test_kinds_of_address(bench: Bench) -> None:
    bench.open_tx()
    behind = bench.put_frame(0, [payload(60, BROADCAST)])
    behind = bench.put_frame(behind, [payload(60, b"\x33\x33\x00\x00\x00\x01")])
    bench[Reg.TDT] = bench.put_frame(behind, [payload(60)])
    assert bench.counters([Reg.BPTC, Reg.MPTC, Reg.GPTC]) == {"BPTC": 1, "MPTC": 1, "GPTC": 3}


@pytest.mark.parametrize(("length", "sent"), [(16288, True), (16289, False)])
def test_the_longest_frame(bench: Bench, length: int, sent: bool) -> None:
    bench.open_tx()
    data = payload(length)
    behind = bench.put_frame(0, [data[:9000], data[9000:]], other=TxCommand.RS)
    bench[Reg.TDT] = bench.put_frame(behind, [payload(60)])
    assert bench.sent == ([data] if sent else []) + [payload(60)]
    assert [bench.tx(index).status for index in range(3)] == [TxStatus.DD] * 3
    assert bench[Reg.TPT] == 1 + sent
    assert len(bench.seen(Master.TX_DATA)) == 2 + sent  # what makes it too long is not read


def test_nothing_to_send_sends_nothing(bench: Bench) -> None:
    bench.open_tx()
    bench[Reg.TDT] = bench.put_frame(0, [b""])
    assert bench.sent == []
    assert bench.counters(TX_COUNTERS) == {}
    assert bench.tx(0).status == TxStatus.DD
    assert bench.seen(Master.TX_DATA) == []


def test_extended_descriptors_are_consumed_without_data(bench: Bench) -> None:
    """Their EOP does not end the frame that is being gathered."""
    bench.open_tx()
    data = payload(120)
    bench.put_frame(0, [data[:60]], last=0)
    bench.put_tx(1, TxDescriptor(0x9999, 500, 0, TxCommand.DEXT | TxCommand.EOP | TxCommand.RS))
    bench.put_frame(2, [data[60:]])
    bench[Reg.TDT] = 3
    assert bench.sent == [data]
    assert bench.tx(1) == (0x9999, 500, 0, TxCommand.DEXT | TxCommand.EOP | TxCommand.RS, TxStatus.DD, 0, 0)


@pytest.mark.parametrize("why", ["SLU", "carrier"])
def test_without_link_frames_are_lost_and_descriptors_complete(bench: Bench, why: str) -> None:
    bench.open_tx()
    if why == "SLU":
        bench[Reg.CTRL] = 0
    else:
        bench.nic.set_carrier(False)
    bench[Reg.TDT] = bench.put_frame(0, [payload(60)])
    assert bench.sent == []
    assert bench.counters(TX_COUNTERS) == {}
    assert bench.tx(0).status == TxStatus.DD
    assert bench[Reg.TDH] == 1


# ---- write-back


def test_only_rs_descriptors_are_written_back(bench: Bench) -> None:
    bench.open_tx()
    for index, command in enumerate((TxCommand.RS, 0, TxCommand.RS, TxCommand.RS, TxCommand.RS, 0)):
        bench.put_frame(index, [payload(60)], TxCommand.EOP | TxCommand.IFCS | command)
    bench[Reg.TDT] = 6
    assert [bench.tx(index).status for index in range(6)] == [1, 0, 1, 1, 1, 0]
    lines = [(event.address - TX_RING, event.length) for event in bench.seen(Master.TX_WRITEBACK)]
    assert lines == [(0, 16), (32, 32), (64, 16)]


def test_write_back_keeps_every_other_bit(bench: Bench) -> None:
    bench.open_tx()
    descriptor = TxDescriptor(0x4_0000, 60, 0xC0, 0x1F, 0xF0, 0x55, 0xABCD)
    bench.put_tx(0, descriptor)
    bench[Reg.TDT] = 1
    assert bench.tx(0) == descriptor._replace(status=0xF1)


def test_without_rs_there_is_only_txqe(bench: Bench) -> None:
    bench.open_tx()
    bench[Reg.TDT] = bench.put_frame(0, [payload(60)], TxCommand.EOP)
    assert bench[Reg.ICR] == ICR.TXQE


# ---- ring and enable


@pytest.mark.parametrize(("length", "head", "tail"), [(0, 0, 1), (128, 8, 1), (128, 0, 8), (128, 0, 0xFFFF)])
def test_a_ring_that_cannot_run(bench: Bench, length: int, head: int, tail: int) -> None:
    bench.put_frame(0, [payload(60)])
    bench.open_tx()
    bench[Reg.TDLEN], bench[Reg.TDH], bench[Reg.TDT] = length, head, tail
    assert bench.dma == []
    assert bench[Reg.ICR] == 0
    bench[Reg.TDT] = 0
    bench[Reg.TDLEN], bench[Reg.TDH] = 128, 0
    bench[Reg.TDT] = 1
    assert bench.sent == [payload(60)]


def test_the_ring_wraps(bench: Bench) -> None:
    bench.open_tx()
    for number in range(30):
        data = payload(60 + number)
        bench.put_frame(number % 8, [data])
        bench[Reg.TDT] = (number + 1) % 8
        assert bench.sent.pop() == data
    assert bench[Reg.TDH] == 30 % 8


def test_disabled_transmitter_waits(bench: Bench) -> None:
    bench.open_tx(0)
    bench[Reg.TDT] = bench.put_frame(0, [payload(60)])
    assert bench.dma == []
    bench[Reg.TCTL] = TCTL.EN
    assert bench.sent == [payload(60)]


def test_a_partial_frame_survives_disabling_and_a_new_ring_place(bench: Bench) -> None:
    bench.open_tx()
    data = payload(150)
    bench.put_frame(0, [data[:70], data[70:]])
    bench[Reg.TDT] = 1
    bench[Reg.TCTL] = 0
    bench[Reg.TDT] = 2
    bench[Reg.TCTL] = TCTL.EN
    assert bench.sent == [data]


@pytest.mark.parametrize("how", ["TDH", "RST"])
def test_a_partial_frame_goes_with_head_or_reset(bench: Bench, how: str) -> None:
    bench.open_tx()
    bench.put_frame(0, [payload(70)], last=0)
    bench[Reg.TDT] = 1
    if how == "TDH":
        bench[Reg.TDT] = 0
        bench[Reg.TDH] = 0
    else:
        bench[Reg.CTRL] = CTRL.RST
        bench[Reg.CTRL] = CTRL.SLU
        bench.open_tx()
    bench.put_frame(0, [payload(80)])
    bench[Reg.TDT] = 1
    assert bench.sent == [payload(80)]


def test_data_outside_memory_is_all_ones(bench: Bench) -> None:
    bench.open_tx()
    start = bench.memory.size - 10
    bench.memory.write(start, payload(10))
    bench.put_tx(0, TxDescriptor(start, 60, 0, TxCommand.EOP | TxCommand.IFCS))
    bench[Reg.TDT] = 1
    assert bench.sent == [payload(10) + b"\xff" * 50]
    assert [event.ok for event in bench.seen(Master.TX_DATA)] == [True, False]


def test_descriptors_outside_memory_are_consumed(bench: Bench) -> None:
    """All ones has DEXT, RS and IDE set: no data, a write-back that vanishes, a delayed interrupt."""
    bench.open_tx()
    bench[Reg.TDBAH] = 1
    bench[Reg.TDT] = 1
    assert bench.sent == []
    assert bench[Reg.TDH] == 1
    assert [event.ok for event in bench.seen(Master.TX_WRITEBACK)] == [False]
    assert bench[Reg.ICR] == ICR.TXDW | ICR.TXQE


# ---- loopback


@pytest.mark.parametrize("how", ["MAC", "PHY"])
def test_loopback_brings_frames_back_with_their_fcs(bench: Bench, how: str) -> None:
    bench.nic.set_carrier(False)
    bench.open_rx(RCTL.EN | (RCTL.LBM_MAC if how == "MAC" else 0))
    if how == "PHY":
        bench[Reg.MDIC] = 0x4140 | 1 << 21 | 1 << 26
    bench.open_tx()
    data = payload(100)
    bench[Reg.TDT] = bench.put_frame(0, [data])
    assert bench.sent == []
    assert bench.rx(0).length == 104
    assert bench.buffer(0, 100) == data
    assert bench.counters([Reg.GPTC, Reg.GPRC, Reg.CRCERRS]) == {"GPTC": 1, "GPRC": 1}
    bench.receive(payload(100) + bytes(4))  # the wire is not listened to
    assert bench[Reg.TPR] == 1


def test_loopback_always_appends_the_fcs(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.LBM_MAC)
    bench.open_tx()
    bench[Reg.TDT] = bench.put_frame(0, [payload(60)], TxCommand.EOP)
    assert bench.rx(0).length == 64
    assert bench.counters([Reg.TOTL, Reg.TORL]) == {"TOTL": 64, "TORL": 64}


def test_the_longest_frame_comes_back(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.LBM_MAC | RCTL.LPE | RCTL.BSEX | RCTL.BSIZE_1024)
    bench.open_tx()
    data = payload(16288)
    bench[Reg.TDT] = bench.put_frame(0, [data])
    assert bench.rx(0).length == 16292
    assert bench.buffer(0, 16288) == data
