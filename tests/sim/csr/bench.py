"""Python's side of `csr_bench.v`: its commands, and the events of one cycle packed as it unpacks them."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import ClockCycles, ValueChange

_READ, _WRITE, _EVENTS, _LOOKUP, _WAIT, _IDLE, _TAG = range(7)

#: Bit of each one-bit event in the bench's operand.
EVENT_BITS = {
    name: 56 + index
    for index, name in enumerate(
        (
            "rx_ev_valid", "rx_ev_crcerrs", "rx_ev_rfc", "rx_ev_rjc", "rx_ev_ruc", "rx_ev_roc", "rx_ev_good",
            "rx_ev_bcast", "rx_ev_mcast", "rx_ev_missed", "rx_int_eop", "rx_int_dmt0", "tx_ev_valid",
            "tx_ev_bcast", "tx_ev_mcast", "tx_int_dw", "tx_int_dw_ide", "tx_int_qe", "tx_ev_tsctc",
            "tx_ev_tsctfc",
        )
    )
}  # fmt: skip


def pack(*names: str, rx_len: int = 0, tx_len: int = 0, rnbc: int = 0) -> int:
    """The bench's operand for one cycle with these events."""
    return rx_len | tx_len << 20 | rnbc << 40 | sum(1 << EVENT_BITS[name] for name in names)


class Csr:
    """Registers and events of the block under test."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    async def power_up(self) -> None:
        """Hold `rst` for some cycles, with carrier, and let the memories be cleared."""
        self.dut.phy_link.value = 1
        self.dut.with_read.value = 0
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 1)
        await self.idle()

    async def read(self, offset: int) -> int:
        """Read a register."""
        return await self._run(_READ, offset)

    async def write(self, offset: int, value: int, strobes: int = 0xF) -> None:
        """Write a register."""
        await self._run(_WRITE, offset, value | strobes << 32)

    async def events(self, *names: str, rx_len: int = 0, tx_len: int = 0, rnbc: int = 0) -> None:
        """Let these events happen in one cycle."""
        await self._run(_EVENTS, 0, pack(*names, rx_len=rx_len, tx_len=tx_len, rnbc=rnbc))

    async def read_during(
        self, offset: int, *names: str, rx_len: int = 0, tx_len: int = 0, rnbc: int = 0
    ) -> int:
        """Read a register while these events happen, in the very same cycle."""
        self.dut.with_read.value = 1
        value = await self._run(_READ, offset, pack(*names, rx_len=rx_len, tx_len=tx_len, rnbc=rnbc))
        self.dut.with_read.value = 0
        return value

    async def lookup(self, address: bytes) -> int:
        """What the filter says of a destination address: accept, PIF, broadcast, multicast in bits 0 to 3."""
        return await self._run(_LOOKUP, 0, int.from_bytes(address, "little"))

    async def tag_passes(self, control: int) -> bool:
        """What the VLAN filter says of a tag's control information."""
        return bool(await self._run(_TAG, 0, control))

    async def wait(self, cycles: int) -> None:
        """Let time pass."""
        await self._run(_WAIT, 0, cycles)

    async def idle(self) -> int:
        """Wait until the block says that nothing will happen by itself; returns clock cycles."""
        return await self._run(_IDLE, 0)

    async def _run(self, op: int, address: int, operand: int = 0) -> int:
        dut = self.dut
        dut.op.value = op
        dut.address.value = address
        dut.operand.value = operand
        dut.go.value = 1 - int(dut.done.value)
        await ValueChange(dut.done)
        return int(dut.data.value)
