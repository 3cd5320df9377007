"""The behavioural 82540EM: registers in, frames in, DMA and frames out, all at once and in one thread.

It has no bus and no clock edge; every call returns when the controller has nothing left that it could do.
What the Verilog NIC does over cycles, this does inside one register access, with the same outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from zlib import crc32

from vnic.nic.bus import DmaBus, PhysicalMemory, ignore_frame
from vnic.nic.eeprom import DEFAULT_MAC, Eeprom
from vnic.nic.events import DmaEvent
from vnic.nic.filter import FILTER_TABLES, AddressFilter
from vnic.nic.interrupts import Interrupts
from vnic.nic.offload_rx import receive_offload
from vnic.nic.phy import Phy
from vnic.nic.regfile import WRITE_MASKS, RegisterFile
from vnic.nic.registers import CTRL, CTRL_EXT, EERD, ICR, MDIC, PBA, RAH, RCTL, RDTR, STATUS, Reg
from vnic.nic.ring import RingRegisters
from vnic.nic.rx import FIFO_BYTES, Receiver
from vnic.nic.stats import Statistics
from vnic.nic.tx import Transmitter
from vnic.nic.vlan import tag_type


def fcs(frame: bytes) -> bytes:
    """The frame check sequence of ``frame`` as it goes over the wire (IEEE 802.3 clause 3.2.9)."""
    return crc32(frame).to_bytes(4, "little")


class Controller:
    """An 82540EM that masters ``memory``.

    ``on_transmit`` gets each frame that leaves, without the FCS that the controller appends. ``on_irq`` gets
    the interrupt line's level at each change, ``on_dma`` every access to memory. ``rx_fifo_bytes`` is a
    multiple of 64. ITR is held but does not throttle.
    """

    def __init__(
        self, memory: PhysicalMemory, *, mac: bytes = DEFAULT_MAC, rx_fifo_bytes: int = FIFO_BYTES
    ) -> None:
        self._bus = DmaBus(memory)
        self._registers = RegisterFile()
        self._values = self._registers.values
        self._eeprom = Eeprom(mac)
        self._phy = Phy()
        self._interrupts = Interrupts(WRITE_MASKS[Reg.ICR])
        self._statistics = Statistics()
        self._filter = AddressFilter(self._values)
        self._rx = Receiver(self._bus, self._interrupts, self._statistics, self._filter, rx_fifo_bytes)
        self._tx = Transmitter(self._bus, self._interrupts, self._statistics, self._send)
        self.on_transmit: Callable[[bytes], None] = ignore_frame
        self._hook_reads()
        self._hook_writes()
        self._reset()

    # ---- what stands round the controller

    @property
    def on_dma(self) -> Callable[[DmaEvent], None]:
        """Listener for accesses to memory."""
        return self._bus.on_dma

    @on_dma.setter
    def on_dma(self, listener: Callable[[DmaEvent], None]) -> None:
        self._bus.on_dma = listener

    @property
    def on_irq(self) -> Callable[[bool], None]:
        """Listener for changes of the interrupt line."""
        return self._interrupts.on_level

    @on_irq.setter
    def on_irq(self, listener: Callable[[bool], None]) -> None:
        self._interrupts.on_level = listener

    @property
    def irq(self) -> bool:
        """Level of the interrupt line."""
        return self._interrupts.level

    @property
    def now_ns(self) -> int:
        """The time that ``advance`` set last, in nanoseconds."""
        return self._bus.now_ns

    @property
    def deadline_ns(self) -> int | None:
        """When the next interrupt delay timer runs out; None if none runs."""
        due = [timer.deadline for timer in (self._rx.delay, self._tx.delay) if timer.deadline is not None]
        return min(due, default=None)

    def advance(self, now_ns: int) -> None:
        """Time has come to ``now_ns``: timers due by then run out."""
        self._bus.now_ns = now_ns
        self._rx.delay.advance(now_ns)
        self._tx.delay.advance(now_ns)

    def set_carrier(self, up: bool) -> None:
        """Plug the cable in or pull it."""
        self._phy.carrier = up
        self._update_link()

    def receive(self, frame: bytes, bad_fcs: bool = False) -> None:
        """A frame, FCS included, has come over the wire; ``bad_fcs`` if the MAC found its FCS wrong."""
        self.receive_burst(((frame, bad_fcs),))

    def receive_burst(self, frames: Iterable[tuple[bytes, bool]]) -> None:
        """Frames have come back to back: their descriptors are written back together. As ``receive``."""
        if self._tx.loopback:
            return  # the MAC listens to itself
        receive = self._rx.receive
        for frame, bad_fcs in frames:
            receive(frame, bad_fcs)
        self._rx.flush()

    def read(self, offset: int) -> int:
        """The register at byte ``offset`` of BAR0; 0 where there is none."""
        return self._registers.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write 32 bits to the register at byte ``offset`` of BAR0; ignored where there is none."""
        self._registers.write(offset, value)

    # ---- registers that do something

    def _hook_reads(self) -> None:
        hook = self._registers.on_read
        hook(Reg.EECD, self._eeprom.read_eecd)
        hook(Reg.ICR, self._interrupts.read_and_clear)
        hook(Reg.ICS, _zero)
        hook(Reg.IMS, lambda: self._interrupts.mask)
        hook(Reg.IMC, _zero)
        hook(Reg.PBA, self._read_pba)
        for offset in self._statistics.offsets():
            hook(offset, partial(self._statistics.read, offset))

    def _hook_writes(self) -> None:
        hook = self._registers.on_write
        hook(Reg.CTRL, self._write_ctrl)
        hook(Reg.CTRL_EXT, self._write_ctrl_ext)
        hook(Reg.EECD, self._eeprom.write_eecd)
        hook(Reg.EERD, self._write_eerd)
        hook(Reg.MDIC, self._write_mdic)
        hook(Reg.ICR, self._interrupts.clear_causes)
        hook(Reg.ICS, self._interrupts.raise_causes)
        hook(Reg.IMS, self._interrupts.enable)
        hook(Reg.IMC, self._interrupts.disable)
        hook(Reg.RCTL, self._write_rctl)
        hook(FILTER_TABLES, self._forget_filter)
        hook(Reg.RDTR, self._write_rdtr)
        hook((Reg.RADV, Reg.TIDV, Reg.TADV), self._write_delays)
        hook(Reg.TCTL, self._write_tctl)
        hook((Reg.VET, Reg.RXCSUM), self._write_offloads)
        RingRegisters(self._registers, Reg.RDBAL, self._rx.ring, self._run_rx)
        RingRegisters(self._registers, Reg.TDBAL, self._tx.ring, self._run_tx, self._tx.drop_partial)

    def _read_pba(self) -> int:
        """The transmitter has what the receiver leaves of 64 KiB (SDM 13.4.16)."""
        kib = self._values[Reg.PBA] & PBA.RXA_MASK
        return max(0, 64 - kib) << PBA.TXA_SHIFT | kib

    def _write_ctrl(self, value: int) -> None:
        if value & CTRL.PHY_RST:
            self._phy.reset()
        if value & CTRL.RST:
            self._reset()
        else:
            self._update_link()
            self._update_offloads()

    def _reset(self) -> None:
        """CTRL.RST, and power-on: everything but PHY and EEPROM, and PBA, which takes effect by it."""
        allocation = self._values[Reg.PBA]
        self._interrupts.reset()
        self._registers.reset()
        self._values[Reg.PBA] = allocation
        self._eeprom.reset_interface()
        self._statistics.reset()
        self._rx.reset()
        self._tx.reset()
        self._load_mac()
        # STATUS says "no link" already, so that the link going down with SLU is no event.
        self._update_link()

    def _load_mac(self) -> None:
        """RA[0] takes the address in the EEPROM, and is valid."""
        mac = self._eeprom.mac
        self._values[Reg.RAL] = int.from_bytes(mac[:4], "little")
        self._values[Reg.RAH] = int.from_bytes(mac[4:], "little") | RAH.AV
        self._filter.forget()

    def _write_ctrl_ext(self, value: int) -> None:
        if value & CTRL_EXT.EE_RST:
            self._load_mac()

    def _write_eerd(self, value: int) -> None:
        if value & EERD.START:
            self._values[Reg.EERD] = self._eeprom.read_eerd(value)

    def _write_mdic(self, value: int) -> None:
        self._values[Reg.MDIC] = self._phy.command(self._values[Reg.MDIC])
        self._update_link()
        if value & MDIC.INT_EN:
            self._interrupts.raise_causes(ICR.MDAC)

    def _write_rctl(self, _value: int) -> None:
        self._filter.forget()
        self._rx.configure(self._values[Reg.RCTL])
        self._update_offloads()
        self._update_paths()
        self._run_rx()

    def _write_tctl(self, _value: int) -> None:
        self._tx.configure(self._values[Reg.TCTL])
        self._run_tx()

    def _write_rdtr(self, value: int) -> None:
        self._write_delays(value)
        if value & RDTR.FPD:
            self._rx.delay.flush()

    def _write_delays(self, _value: int) -> None:
        values = self._values
        self._rx.delay.delay, self._rx.delay.absolute = values[Reg.RDTR], values[Reg.RADV]
        self._tx.delay.delay, self._tx.delay.absolute = values[Reg.TIDV], values[Reg.TADV]

    def _write_offloads(self, _value: int) -> None:
        self._update_offloads()

    def _forget_filter(self, _value: int) -> None:
        self._filter.forget()

    # ---- what moves

    def _run_rx(self) -> None:
        self._rx.drain()
        self._rx.flush()

    def _run_tx(self) -> None:
        self._tx.run()
        self._rx.flush()  # what came back by loopback

    def _send(self, frame: bytes) -> None:
        """The MAC has a frame to send. In loopback it always appends the FCS, whoever was to provide it."""
        if self._tx.loopback:
            self._rx.receive(frame + fcs(frame), False)
        else:
            self.on_transmit(frame)

    def _update_link(self) -> None:
        """STATUS.LU follows CTRL.SLU and the PHY."""
        status = self._values[Reg.STATUS]
        up = bool(self._values[Reg.CTRL] & CTRL.SLU) and self._phy.link
        if up != bool(status & STATUS.LU):
            self._values[Reg.STATUS] = status ^ STATUS.LU
            self._interrupts.raise_causes(ICR.LSC)
        self._update_paths()

    def _update_offloads(self) -> None:
        """CTRL.VME, VET, RCTL.VFE and SECRC, RXCSUM."""
        self._rx.offload = receive_offload(self._values)
        self._tx.tag_type = tag_type(self._values)

    def _update_paths(self) -> None:
        """Where frames come from and go to, by link and loopback."""
        rctl = self._values[Reg.RCTL]
        loopback = self._phy.loopback or rctl & RCTL.LBM_MASK == RCTL.LBM_MAC
        online = loopback or bool(self._values[Reg.STATUS] & STATUS.LU)
        self._rx.on = online and bool(rctl & RCTL.EN)
        self._tx.online = online
        self._tx.loopback = loopback


def _zero() -> int:
    """What a write-only register reads."""
    return 0
