"""Registers as software sees them: reset values, write masks, CTRL.RST, statistics."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import MAC, Bench, frame
from vnic.memory import HostMemory
from vnic.nic.model import Controller
from vnic.nic.registers import CTRL, MTA_STRIDE, RAH, RAL_STRIDE, REGISTERS, STATUS, Reg
from vnic.nic.stats import RX_SIZES, Statistics, size_class

INSTANCES = [
    (info.offset + index * info.stride, info) for info in REGISTERS.values() for index in range(info.count)
]
# Their value is not what was written last: see the tests of their own.
LIVE = {
    Reg.STATUS, Reg.EECD, Reg.EERD, Reg.MDIC, Reg.ICR, Reg.ICS, Reg.IMS, Reg.IMC, Reg.RAL, Reg.RAH,
    Reg.PBA,
}  # fmt: skip


def test_reset_values_are_those_of_the_map(bench: Bench) -> None:
    bench[Reg.CTRL] = CTRL.RST
    for offset, info in INSTANCES:
        if offset not in (Reg.RAL, Reg.RAH, Reg.EECD):
            assert bench[offset] == info.reset, info.name
    assert bench[Reg.RAL] == int.from_bytes(MAC[:4], "little")
    assert bench[Reg.RAH] == RAH.AV | int.from_bytes(MAC[4:], "little")


def test_power_on_is_reset_without_link() -> None:
    with HostMemory(1 << 20) as memory:
        nic = Controller(memory)
        assert nic.read(Reg.STATUS) & STATUS.LU == 0
        assert nic.read(Reg.CTRL) == REGISTERS[Reg.CTRL].reset
        assert nic.read(Reg.ICR) == 0


@pytest.mark.parametrize("pattern", [0xFFFF_FFFF, 0x5A5A_5A5A, 0xA5A5_A5A5, 0])
def test_write_masks_are_those_of_the_map(bench: Bench, pattern: int) -> None:
    for offset, info in INSTANCES:
        if info.offset in LIVE or info.access in ("rc", "rc_w1c"):
            continue
        bench[offset] = pattern & ~info.pulse_mask
        expected = 0 if info.access in ("wo",) else info.reset & ~info.write_mask | pattern & info.write_mask
        assert bench[offset] == expected, info.name
        bench[offset] = info.reset


@pytest.mark.parametrize(("received", "sent"), [(0x30, 0x10), (0x28, 0x18), (0, 64), (127, 0)])
def test_pba_shares_64_kib_and_survives_ctrl_rst(bench: Bench, received: int, sent: int) -> None:
    bench[Reg.PBA] = 0xFFFF_FF80 | received
    assert bench[Reg.PBA] == sent << 16 | received
    bench[Reg.CTRL] = CTRL.RST
    assert bench[Reg.PBA] == sent << 16 | received


def test_what_is_not_in_the_map_reads_0_and_takes_nothing(bench: Bench) -> None:
    known = {offset for offset, _ in INSTANCES}
    for offset in (0x0004, 0x0110, 0x2540, 0x3600, 0x5A00, 0xFFFC, 0x1FFFC):
        assert offset not in known
        bench[offset] = 0xFFFF_FFFF
        assert bench[offset] == 0


def test_reset_clears_tables_and_statistics(bench: Bench) -> None:
    bench.open_rx()
    bench.receive(frame(64))
    bench[Reg.MTA + 5 * MTA_STRIDE] = 1
    bench[Reg.RAL + 3 * RAL_STRIDE] = 1
    bench[Reg.CTRL] = CTRL.RST | CTRL.SLU
    assert bench[Reg.CTRL] == REGISTERS[Reg.CTRL].reset
    assert bench[Reg.MTA + 5 * MTA_STRIDE] == bench[Reg.RAL + 3 * RAL_STRIDE] == 0
    assert bench[Reg.TPR] == bench[Reg.GPRC] == bench[Reg.TORL] == 0


# ---- statistics


def test_statistics_clear_on_read_and_ignore_writes(bench: Bench) -> None:
    bench.open_rx()
    bench.receive(frame(64), frame(64))
    bench[Reg.GPRC] = 77
    assert bench[Reg.GPRC] == 2
    assert bench[Reg.GPRC] == 0


def test_the_high_half_of_a_pair_clears_both() -> None:
    statistics = Statistics()
    statistics.counts[Reg.TORL] = 0x1_2345_6789
    assert statistics.read(Reg.TORL) == 0x2345_6789
    assert statistics.read(Reg.TORL) == 0x2345_6789
    assert statistics.read(Reg.TORH) == 1
    assert statistics.read(Reg.TORL) == statistics.read(Reg.TORH) == 0


def test_counters_stop_at_all_ones() -> None:
    statistics = Statistics()
    statistics.counts[Reg.TPR] = 0xFFFF_FFFF + 5
    statistics.counts[Reg.GORCL] = (1 << 64) + 5
    assert statistics.read(Reg.TPR) == 0xFFFF_FFFF
    assert statistics.read(Reg.GORCL) == 0xFFFF_FFFF
    assert statistics.read(Reg.GORCH) == 0xFFFF_FFFF


def test_every_counter_of_the_map_answers() -> None:
    counters = {offset for offset, info in REGISTERS.items() if info.access == "rc"}
    assert set(Statistics().offsets()) == counters


def test_size_classes() -> None:
    names = [
        Reg(RX_SIZES[size_class(length)]).name
        for length in (64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024)
    ]
    assert names == [
        "PRC64", "PRC127", "PRC127", "PRC255", "PRC255", "PRC511", "PRC511", "PRC1023", "PRC1023", "PRC1522",
    ]  # fmt: skip
