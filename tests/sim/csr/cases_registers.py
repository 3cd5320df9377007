"""Every register of the map in the RTL: reset value, write mask, access; and the decoded configuration."""

from __future__ import annotations

from typing import Any

import cocotb

from tests.sim.csr.bench import Csr
from vnic.nic.registers import CTRL, RCTL, REGISTERS, TCTL, Reg, RegisterInfo

PATTERNS = (0x5A5A5A5A, 0xA5A5A5A5, 0xFFFFFFFF, 0x00000000)
#: A write to these does something; they have tests of their own.
SPECIAL = {Reg.CTRL, Reg.EECD, Reg.EERD, Reg.CTRL_EXT, Reg.MDIC, Reg.ICR, Reg.ICS, Reg.IMS, Reg.IMC}
MAC = bytes.fromhex("525400123456")


def elements() -> list[tuple[int, RegisterInfo]]:
    """Offset and facts of every register; of long arrays the first, the last and some between."""
    found = []
    for info in REGISTERS.values():
        indices = range(info.count) if info.count <= 16 else (0, 1, 31, 64, info.count - 1)
        found += [(info.offset + index * info.stride, info) for index in indices]
    return found


def reset_value(offset: int, info: RegisterInfo) -> int:
    """What the register holds after a reset, RA[0] included."""
    if offset == Reg.RAL:
        return int.from_bytes(MAC[:4], "little")
    if offset == Reg.RAH:
        return int.from_bytes(MAC[4:], "little") | 1 << 31
    return info.reset


async def check_reset_values(csr: Csr) -> None:
    for offset, info in elements():
        value = await csr.read(offset)
        assert value == reset_value(offset, info), f"{info.name} at {offset:#x}: {value:#010x} after reset"


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_register_has_its_reset_value_after_power_up(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await check_reset_values(csr)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_register_keeps_what_its_write_mask_says(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    for offset, info in elements():
        if offset in SPECIAL | {Reg.PBA}:
            continue
        for pattern in PATTERNS:
            pattern &= ~info.pulse_mask
            await csr.write(offset, pattern)
            fixed = reset_value(offset, info) & ~info.write_mask
            expected = fixed | pattern & info.write_mask
            value = await csr.read(offset)
            assert value == expected, f"{info.name} at {offset:#x}: wrote {pattern:#010x}, read {value:#010x}"


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def ctrl_rst_restores_every_register(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    for offset, info in elements():
        if offset not in (Reg.CTRL, Reg.PBA):
            await csr.write(offset, 0xFFFFFFFF & ~info.pulse_mask)
    assert await csr.read(Reg.RAL) == 0xFFFFFFFF
    await csr.write(Reg.CTRL, CTRL.RST)
    await check_reset_values(csr)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def pba_shares_64_kib_and_survives_ctrl_rst(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    for received, sent in ((0x30, 0x10), (0x28, 0x18), (0, 64), (64, 0), (65, 0), (127, 0)):
        await csr.write(Reg.PBA, 0xFFFFFF80 | received)
        assert await csr.read(Reg.PBA) == sent << 16 | received
    await csr.write(Reg.PBA, 0x28)
    await csr.write(Reg.CTRL, CTRL.RST)
    assert await csr.read(Reg.PBA) == 0x00180028


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def elements_of_an_array_are_apart(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    arrays = [info for info in REGISTERS.values() if info.count > 1]
    offsets = [info.offset + index * info.stride for info in arrays for index in range(info.count)]
    masks = {info.offset + i * info.stride: info.write_mask for info in arrays for i in range(info.count)}
    for number, offset in enumerate(offsets):
        await csr.write(offset, 0x9E3779B1 * (number + 1) & 0xFFFFFFFF)
    for number, offset in enumerate(offsets):
        assert await csr.read(offset) == 0x9E3779B1 * (number + 1) & masks[offset], hex(offset)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def nothing_lies_between_the_registers(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    known = {info.offset + index * info.stride for info in REGISTERS.values() for index in range(info.count)}
    around = {offset + delta for offset in known for delta in (-4, 4, 0x100, 0x400, 0x8000, 0x10000)}
    for offset in sorted(offset for offset in around - known if 0 <= offset < 0x20000):
        await csr.write(offset, 0xFFFFFFFF)
        assert await csr.read(offset) == 0, hex(offset)
    await check_reset_values(csr)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_write_with_missing_strobes_is_ignored(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await csr.write(Reg.FCAL, 0x12345678, strobes=0x7)
    assert await csr.read(Reg.FCAL) == 0
    await csr.write(Reg.CTRL, CTRL.SLU, strobes=0x1)
    assert await csr.read(Reg.CTRL) == REGISTERS[Reg.CTRL].reset


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def buffer_sizes(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    plain = {RCTL.BSIZE_2048: 2048, RCTL.BSIZE_1024: 1024, RCTL.BSIZE_512: 512, RCTL.BSIZE_256: 256}
    for code, size in plain.items():
        await csr.write(Reg.RCTL, code)
        assert int(dut.rx_bsize.value) == size
        await csr.write(Reg.RCTL, code | RCTL.BSEX)
        assert int(dut.rx_bsize.value) == (2048 if size == 2048 else 16 * size)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def ring_registers_reach_the_data_path(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    for ring, base in (("rx", Reg.RDBAL), ("tx", Reg.TDBAL)):
        flushes = int(getattr(dut, f"{ring}_flushes").value)
        for place, value in ((0, 0x89ABCDEF), (4, 0x01234567), (8, 0x1080), (0x10, 0x77)):
            await csr.write(base + place, value)
            flushes += 1
            assert int(getattr(dut, f"{ring}_flushes").value) == flushes
        await csr.write(base + 0x18, 0x55)
        assert int(getattr(dut, f"{ring}_flushes").value) == flushes
        assert int(getattr(dut, f"{ring}_ring_base").value) == 0x0123456789ABCDE0
        assert int(getattr(dut, f"{ring}_ring_len").value) == 0x1080
        assert int(getattr(dut, f"{ring}_head").value) == 0x77
        assert int(getattr(dut, f"{ring}_tail").value) == 0x55


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def switching_an_engine_off_waits_until_it_is_quiet(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    dut.engine_delay.value = 15
    for register, enable, count in (
        (Reg.RCTL, RCTL.EN, dut.rx_quiet_count),
        (Reg.TCTL, TCTL.EN, dut.tx_quiet_count),
    ):
        await csr.write(register, enable)
        await csr.wait(2)
        assert int(count.value) == 15
        await csr.write(register, 0)
        assert int(count.value) == 0
    dut.engine_delay.value = 5


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def the_register_test_of_linux_passes(dut: Any) -> None:
    """The order and masks of e1000_reg_test, Linux 6.1 drivers/net/ethernet/intel/e1000/e1000_ethtool.c."""
    csr = Csr(dut)
    await csr.power_up()

    async def pattern(register: int, mask: int, write: int) -> None:
        for bits in PATTERNS:
            await csr.write(register, write & bits)
            assert await csr.read(register) == write & bits & mask, hex(register)

    async def set_and_check(register: int, mask: int, write: int) -> None:
        await csr.write(register, write & mask)
        assert await csr.read(register) & mask == write & mask, hex(register)

    before = await csr.read(Reg.STATUS)
    await csr.write(Reg.STATUS, 0xFFFFF833)
    assert await csr.read(Reg.STATUS) & 0xFFFFF833 == before & 0xFFFFF833
    full, half = 0xFFFFFFFF, 0x0000FFFF
    for register, mask, write in (
        (Reg.FCAL, full, full), (Reg.FCAH, half, full), (Reg.FCT, half, full), (Reg.VET, half, full),
        (Reg.RDTR, half, full), (Reg.RDBAH, full, full), (Reg.RDLEN, 0x000FFF80, 0x000FFFFF),
        (Reg.RDH, half, half), (Reg.RDT, half, half), (Reg.FCRTH, 0x0000FFF8, 0x0000FFF8),
        (Reg.FCTTV, half, half), (Reg.TIPG, 0x3FFFFFFF, 0x3FFFFFFF), (Reg.TDBAH, full, full),
        (Reg.TDLEN, 0x000FFF80, 0x000FFFFF),
    ):  # fmt: skip
        await pattern(register, mask, write)
    await set_and_check(Reg.RCTL, 0xFFFFFFFF, 0x00000000)
    await set_and_check(Reg.RCTL, 0x06DFB3FE, 0x003FFFFB)
    await set_and_check(Reg.TCTL, 0xFFFFFFFF, 0x00000000)
    await set_and_check(Reg.RCTL, 0x06DFB3FE, 0xFFFFFFFF)
    await pattern(Reg.RDBAL, 0xFFFFFFF0, 0xFFFFFFFF)
    await pattern(Reg.TXCW, 0xC000FFFF, 0x0000FFFF)
    await pattern(Reg.TDBAL, 0xFFFFFFF0, 0xFFFFFFFF)
    await pattern(Reg.TIDV, 0x0000FFFF, 0x0000FFFF)
    for entry in range(15):
        await pattern(Reg.RAH + 8 * entry, 0x8003FFFF, 0xFFFFFFFF)
    for word in range(128):
        await pattern(Reg.MTA + 4 * word, 0xFFFFFFFF, 0xFFFFFFFF)
