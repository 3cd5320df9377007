"""What a stock Linux e1000 driver asks of the device in ``ethtool -t eth0 offline``, and at probe.

Steps and masks follow Linux 6.1 drivers/net/ethernet/intel/e1000/e1000_ethtool.c and e1000_hw.c.
"""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import RX_RING, TX_RING, Bench
from vnic.nic.descriptors import RxDescriptor, RxStatus, TxCommand, TxDescriptor
from vnic.nic.registers import CTRL, ICR, MDIC, MTA_STRIDE, RAH_STRIDE, RCTL, STATUS, TCTL, Reg

PATTERNS = (0x5A5A5A5A, 0xA5A5A5A5, 0x00000000, 0xFFFFFFFF)

PATTERN_TESTS = [
    (Reg.FCAL, 0xFFFFFFFF, 0xFFFFFFFF),
    (Reg.FCAH, 0x0000FFFF, 0xFFFFFFFF),
    (Reg.FCT, 0x0000FFFF, 0xFFFFFFFF),
    (Reg.VET, 0x0000FFFF, 0xFFFFFFFF),
    (Reg.RDTR, 0x0000FFFF, 0xFFFFFFFF),
    (Reg.RDBAH, 0xFFFFFFFF, 0xFFFFFFFF),
    (Reg.RDLEN, 0x000FFF80, 0x000FFFFF),
    (Reg.RDH, 0x0000FFFF, 0x0000FFFF),
    (Reg.RDT, 0x0000FFFF, 0x0000FFFF),
    (Reg.FCRTH, 0x0000FFF8, 0x0000FFF8),
    (Reg.FCTTV, 0x0000FFFF, 0x0000FFFF),
    (Reg.TIPG, 0x3FFFFFFF, 0x3FFFFFFF),
    (Reg.TDBAH, 0xFFFFFFFF, 0xFFFFFFFF),
    (Reg.TDLEN, 0x000FFF80, 0x000FFFFF),
    (Reg.RDBAL, 0xFFFFFFF0, 0xFFFFFFFF),
    (Reg.TXCW, 0xC000FFFF, 0x0000FFFF),
    (Reg.TDBAL, 0xFFFFFFF0, 0xFFFFFFFF),
    (Reg.TIDV, 0x0000FFFF, 0x0000FFFF),
    *((Reg.RAH + index * RAH_STRIDE, 0x8003FFFF, 0xFFFFFFFF) for index in range(15)),
    *((Reg.MTA + index * MTA_STRIDE, 0xFFFFFFFF, 0xFFFFFFFF) for index in range(128)),
]


def test_registers(bench: Bench) -> None:
    bench[Reg.CTRL] = CTRL.RST
    before = bench[Reg.STATUS] & 0xFFFFF833
    bench[Reg.STATUS] = 0xFFFFF833
    assert bench[Reg.STATUS] & 0xFFFFF833 == before
    for register, mask, writable in PATTERN_TESTS:
        for pattern in PATTERNS:
            bench[register] = pattern & writable
            assert bench[register] & mask == pattern & writable & mask, hex(register)
    for register, mask, value in (
        (Reg.RCTL, 0xFFFFFFFF, 0x00000000),
        (Reg.RCTL, 0x06DFB3FE, 0x003FFFFB),
        (Reg.TCTL, 0xFFFFFFFF, 0x00000000),
        (Reg.RCTL, 0x06DFB3FE, 0xFFFFFFFF),
    ):
        bench[register] = value & mask
        assert bench[register] & mask == value & mask


@pytest.mark.parametrize("bit", range(10))
def test_interrupts(bench: Bench, bit: int) -> None:
    """Each of the ten lowest causes: masked it stays quiet, enabled it interrupts, others do not."""
    seen = 0

    def handler(level: bool) -> None:
        nonlocal seen
        if level:
            seen |= bench[Reg.ICR]

    bench.nic.on_irq = handler
    mask = 1 << bit
    bench[Reg.IMC] = 0xFFFFFFFF
    bench[Reg.IMC] = mask
    bench[Reg.ICS] = mask
    assert not seen
    bench[Reg.IMS] = mask
    bench[Reg.ICS] = mask
    assert seen & mask
    seen = 0
    bench[Reg.IMC] = ~mask & 0x7FFF
    bench[Reg.ICS] = ~mask & 0x7FFF
    assert not seen


def phy_write(bench: Bench, register: int, value: int) -> None:
    bench[Reg.MDIC] = value | register << 16 | 1 << 21 | MDIC.OP_WRITE
    assert bench[Reg.MDIC] & MDIC.READY


def lbtest_frame(size: int = 1024) -> bytes:
    data = bytearray(b"\xff" * size)
    data[size // 2 : size] = b"\xaa" * (size - size // 2)
    data[size // 2 + 10] = 0xBE
    data[size // 2 + 12] = 0xAF
    return bytes(data)


def test_phy_loopback_of_64_frame_bursts(bench: Bench) -> None:
    """Rings of 256, the PHY forced to 1000 Mb/s loopback, 64 frames a burst, each compared byte for byte."""
    count = 256
    buffers, sources = 0x20_0000, 0x10_0000
    data = lbtest_frame()
    for index in range(count):
        bench.memory.write(sources + index * 1024, data)
        command = TxCommand.EOP | TxCommand.IFCS | TxCommand.RPS
        source = TxDescriptor(sources + index * 1024, len(data), 0, command)
        bench.memory.write(TX_RING + index * 16, source.pack())
        bench.memory.write(RX_RING + index * 16, RxDescriptor(buffers + index * 2048).pack())

    bench[Reg.TDBAL], bench[Reg.TDBAH] = TX_RING, 0
    bench[Reg.TDLEN] = count * 16
    bench[Reg.TDH] = bench[Reg.TDT] = 0
    bench[Reg.TCTL] = TCTL.PSP | TCTL.EN | 0x0F << TCTL.CT_SHIFT | 0x40 << TCTL.COLD_SHIFT
    bench[Reg.RCTL] = 0
    bench[Reg.RDBAL], bench[Reg.RDBAH] = RX_RING, 0
    bench[Reg.RDLEN] = count * 16
    bench[Reg.RDH] = bench[Reg.RDT] = 0
    bench[Reg.RCTL] = RCTL.EN | RCTL.BAM | RCTL.BSIZE_2048
    for value in (0x9140, 0x8140, 0x4140):
        phy_write(bench, 0, value)
    bench[Reg.CTRL] = CTRL.SLU | CTRL.FRCSPD | CTRL.FRCDPLX | CTRL.FD | 2 << CTRL.SPEED_SHIFT | CTRL.ILOS
    bench[Reg.RDT] = count - 1

    sent = received = 0
    for _ in range(count // 64 * 2):  # twice round
        sent = (sent + 64) % count
        bench[Reg.TDT] = sent
        for _ in range(64):
            descriptor = bench.rx(received)
            assert descriptor.status & (RxStatus.DD | RxStatus.EOP) == RxStatus.DD | RxStatus.EOP
            assert descriptor.length == len(data) + 4
            assert bench.memory.read(buffers + received * 2048, len(data)) == data
            bench.memory.write(RX_RING + received * 16, RxDescriptor(buffers + received * 2048).pack())
            bench[Reg.RDT] = received
            received = (received + 1) % count
    assert bench.sent == []


def test_link(bench: Bench) -> None:
    bench[Reg.CTRL] = CTRL.RST
    assert not bench[Reg.STATUS] & STATUS.LU
    bench[Reg.CTRL] = CTRL.SLU | CTRL.ASDE
    assert bench[Reg.STATUS] & STATUS.LU
    assert bench[Reg.ICR] == ICR.LSC
    assert bench[Reg.STATUS] & STATUS.FD
    assert bench[Reg.STATUS] & STATUS.SPEED_MASK == STATUS.SPEED_1000
