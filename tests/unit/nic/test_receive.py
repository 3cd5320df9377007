"""Which frames are stored and which counters move: reception on, lengths, FCS, SBP, LPE."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import BROADCAST, MAC, OTHER, POISON, Bench, frame
from vnic.nic.descriptors import RxErrors, RxStatus
from vnic.nic.events import Master
from vnic.nic.registers import CTRL, ICR, RCTL, Reg

RX_COUNTERS = (
    Reg.CRCERRS, Reg.MPC, Reg.PRC64, Reg.PRC127, Reg.PRC255, Reg.PRC511, Reg.PRC1023, Reg.PRC1522, Reg.GPRC,
    Reg.BPRC, Reg.MPRC, Reg.GORCL, Reg.RNBC, Reg.RUC, Reg.RFC, Reg.ROC, Reg.RJC, Reg.TORL, Reg.TPR,
)  # fmt: skip
DONE = RxStatus.DD | RxStatus.EOP | RxStatus.IXSM


def test_a_frame_arrives_with_its_fcs(bench: Bench) -> None:
    bench.open_rx()
    data = frame(64)
    bench.receive(data)
    assert bench.buffer(0, 65) == data + bytes([POISON])
    assert bench.rx(0) == (bench.buffer_address(0), 64, 0, DONE, 0, 0)
    assert bench[Reg.RDH] == 1
    assert bench.untouched(1)


def test_secrc_strips_the_fcs(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.SECRC)
    data = frame(100)
    bench.receive(data)
    assert bench.buffer(0, 97) == data[:96] + bytes([POISON])
    assert bench.rx(0).length == 96
    assert bench.counters([Reg.GORCL, Reg.TORL]) == {"GORCL": 100, "TORL": 100}


@pytest.mark.parametrize(
    ("rctl", "ctrl"),
    [(0, CTRL.SLU), (RCTL.EN, 0), (RCTL.SBP | RCTL.UPE, CTRL.SLU)],
    ids=["disabled", "link down", "disabled, promiscuous"],
)
def test_without_reception_a_frame_vanishes_uncounted(bench: Bench, rctl: int, ctrl: int) -> None:
    bench.open_rx(rctl)
    bench[Reg.CTRL] = ctrl
    bench.receive(frame(64))
    assert bench.counters(RX_COUNTERS) == {}
    assert bench.untouched(0)


def test_pulled_cable_stops_reception(bench: Bench) -> None:
    bench.open_rx()
    bench.nic.set_carrier(False)
    bench.receive(frame(64))
    bench.nic.set_carrier(True)
    bench.receive(frame(65))
    assert bench[Reg.TPR] == 1
    assert bench.rx(0).length == 65


Case = tuple[int, bool, int, dict[str, int], int | None]
"""Length, bad FCS, RCTL bits, counters beside TPR/TORL, errors of the stored frame (None: dropped)."""

CASES: dict[str, Case] = {
    "64 good": (64, False, 0, {"GPRC": 1, "GORCL": 64, "PRC64": 1}, 0),
    "65 good": (65, False, 0, {"GPRC": 1, "GORCL": 65, "PRC127": 1}, 0),
    "127 good": (127, False, 0, {"GPRC": 1, "GORCL": 127, "PRC127": 1}, 0),
    "128 good": (128, False, 0, {"GPRC": 1, "GORCL": 128, "PRC255": 1}, 0),
    "256 good": (256, False, 0, {"GPRC": 1, "GORCL": 256, "PRC511": 1}, 0),
    "512 good": (512, False, 0, {"GPRC": 1, "GORCL": 512, "PRC1023": 1}, 0),
    "1023 good": (1023, False, 0, {"GPRC": 1, "GORCL": 1023, "PRC1023": 1}, 0),
    "1024 good": (1024, False, 0, {"GPRC": 1, "GORCL": 1024, "PRC1522": 1}, 0),
    "1522 good": (1522, False, 0, {"GPRC": 1, "GORCL": 1522, "PRC1522": 1}, 0),
    "1523 oversize": (1523, False, 0, {"ROC": 1}, None),
    "1523 SBP": (1523, False, RCTL.SBP, {"ROC": 1}, 0),
    "1523 LPE": (1523, False, RCTL.LPE, {"GPRC": 1, "GORCL": 1523, "PRC1522": 1}, 0),
    "16384 LPE": (16384, False, RCTL.LPE, {"GPRC": 1, "GORCL": 16384, "PRC1522": 1}, 0),
    "16385 LPE SBP": (16385, False, RCTL.LPE | RCTL.SBP, {"ROC": 1}, None),
    "16385 bad": (16385, True, RCTL.LPE | RCTL.SBP, {"RJC": 1}, None),
    "63 undersize": (63, False, 0, {"RUC": 1}, None),
    "63 SBP": (63, False, RCTL.SBP, {"RUC": 1}, 0),
    "63 bad: fragment": (63, True, 0, {"RFC": 1}, None),
    "63 bad SBP": (63, True, RCTL.SBP, {"RFC": 1}, RxErrors.CE),
    "64 bad": (64, True, 0, {"CRCERRS": 1}, None),
    "64 bad SBP": (64, True, RCTL.SBP, {"CRCERRS": 1}, RxErrors.CE),
    "1523 bad: jabber": (1523, True, 0, {"CRCERRS": 1, "RJC": 1}, None),
    "1523 bad SBP": (1523, True, RCTL.SBP, {"CRCERRS": 1, "RJC": 1}, RxErrors.CE),
    "1523 bad LPE": (1523, True, RCTL.LPE, {"CRCERRS": 1}, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_lengths_and_errors(bench: Bench, case: Case) -> None:
    length, bad_fcs, rctl, counters, errors = case
    bench.open_rx(RCTL.EN | RCTL.BSEX | RCTL.BSIZE_1024 | rctl)
    data = frame(length)
    bench.receive(data, bad_fcs=bad_fcs)
    assert bench.counters(RX_COUNTERS) == {"TPR": 1, "TORL": length, **counters}
    if errors is None:
        assert bench.untouched(0)
        assert bench[Reg.ICR] == 0
    else:
        assert bench.rx(0) == (bench.buffer_address(0), length, 0, DONE, errors, 0)
        assert bench.buffer(0, length) == data


def test_a_bad_frame_for_someone_else_is_counted_and_not_stored(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.SBP)
    bench.receive(frame(64, OTHER), bad_fcs=True)
    assert bench.counters(RX_COUNTERS) == {"TPR": 1, "TORL": 64, "CRCERRS": 1}
    assert bench.untouched(0)


def test_a_frame_without_a_whole_destination_matches_nothing(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.SBP | RCTL.UPE | RCTL.MPE | RCTL.BAM)
    bench.receive(b"\xff\xff\xff\xff\xff")
    assert bench.counters(RX_COUNTERS) == {"TPR": 1, "TORL": 5, "RUC": 1}
    assert bench.untouched(0)


def test_a_stripped_runt_may_leave_no_byte(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.SBP | RCTL.SECRC | RCTL.UPE)
    bench.receive(bytes(6))
    assert bench.rx(0) == (bench.buffer_address(0), 2, 0, DONE | RxStatus.PIF, 0, 0)


def test_kinds_of_address_are_counted_once_stored(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.BAM | RCTL.MPE | RCTL.SBP)
    bench.receive(frame(64, BROADCAST), frame(64, b"\x01\x00\x5e\x00\x00\x01"), frame(64, MAC))
    bench.receive(frame(64, BROADCAST), bad_fcs=True)
    counters = bench.counters([Reg.BPRC, Reg.MPRC, Reg.GPRC, Reg.TPR])
    assert counters == {"BPRC": 1, "MPRC": 1, "GPRC": 3, "TPR": 4}


@pytest.mark.parametrize(
    ("bits", "size"),
    [
        (RCTL.BSIZE_2048, 2048),
        (RCTL.BSIZE_1024, 1024),
        (RCTL.BSIZE_512, 512),
        (RCTL.BSIZE_256, 256),
        (RCTL.BSEX | RCTL.BSIZE_1024, 16384),
        (RCTL.BSEX | RCTL.BSIZE_512, 8192),
        (RCTL.BSEX | RCTL.BSIZE_256, 4096),
        (RCTL.BSEX | RCTL.BSIZE_2048, 2048),
    ],
)
@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_buffer_sizes(bench: Bench, bits: int, size: int, excess: int) -> None:
    """A frame of exactly the buffer's size needs one descriptor, one byte more needs two."""
    length = min(size + excess, 16384)
    bench.open_rx(RCTL.EN | RCTL.LPE | bits)
    data = frame(length)
    bench.receive(data)
    if length <= size:
        assert bench.rx(0)[1:] == (length, 0, DONE, 0, 0)
        assert bench.buffer(0, length + 1) == data + bytes([POISON])
        assert bench.untouched(1)
    else:
        assert bench.rx(0)[1:] == (size, 0, RxStatus.DD, 0, 0)
        assert bench.rx(1)[1:] == (1, 0, DONE, 0, 0)
        assert bench.buffer(0, size + 1) == data[:size] + bytes([POISON])
        assert bench.buffer(1, 2) == data[size:] + bytes([POISON])
        assert bench.untouched(2)


def test_errors_and_pif_stand_in_the_last_descriptor_only(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.BSIZE_256 | RCTL.SBP | RCTL.UPE)
    bench.receive(frame(600, OTHER), bad_fcs=True)
    assert [bench.rx(index)[1:] for index in range(3)] == [
        (256, 0, RxStatus.DD, 0, 0),
        (256, 0, RxStatus.DD, 0, 0),
        (88, 0, DONE | RxStatus.PIF, RxErrors.CE, 0),
    ]


def test_any_buffer_alignment(bench: Bench) -> None:
    for offset in range(64):
        bench.open_rx(stride=2048 + 65, count=16, tail=15)
        bench.receive(*(frame(64 + offset, seed=index) for index in range(15)))
        for index in range(15):
            assert bench.buffer(index, 64 + offset) == frame(64 + offset, seed=index)


def test_received_frames_raise_rxt0(bench: Bench) -> None:
    bench[Reg.IMS] = ICR.RXT0
    bench.open_rx()
    bench.receive(frame(64))
    assert bench.levels == [True]
    assert bench[Reg.ICR] == ICR.RXT0
    assert bench.levels == [True, False]


def test_dma_is_reported_in_order(bench: Bench) -> None:
    """Data before the descriptor that announces it; one event per buffer, one per line of descriptors."""
    bench.open_rx(RCTL.EN | RCTL.BSIZE_256)
    bench.receive(frame(300), frame(64))
    shape = [(event.master, event.write, event.address, event.length) for event in bench.dma]
    ring = 0x1_0000
    assert shape == [
        (Master.RX_DESC, False, ring, 7 * 16),
        (Master.RX_DATA, True, bench.buffer_address(0), 256),
        (Master.RX_DATA, True, bench.buffer_address(1), 44),
        (Master.RX_DATA, True, bench.buffer_address(2), 64),
        (Master.RX_WRITEBACK, True, ring, 48),
    ]
    assert all(event.ok and event.strobes == event.length for event in bench.dma)
    assert all((event.beats, event.beat_bytes) == (0, 0) for event in bench.dma)
