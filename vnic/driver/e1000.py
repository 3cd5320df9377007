"""The driver as the rest of vnic sees it: the life of one interface, from probe to remove.

The methods follow e1000_main.c in order and name (e1000_probe, e1000_open, e1000_configure_tx, …); sections
are those of the 8254x Software Developer's Manual (317453).
"""

from __future__ import annotations

from typing import Final

from vnic.driver import stats as hw_stats
from vnic.driver.buffers import RxPlan, plan_rx
from vnic.driver.hw import POLL_NS, Hardware, rctl_filter
from vnic.driver.options import DriverOptions, DriverStats, Hooks
from vnic.driver.part import ALL_ONES, part_for
from vnic.driver.ring import STA_EOP
from vnic.driver.rx import Deliver, RxPath
from vnic.driver.tx import TxPath
from vnic.errors import UsageError
from vnic.linux.kernel import Kernel
from vnic.linux.skbuff import SkBuff
from vnic.nic.port import Nic
from vnic.nic.registers import ICR, RCTL, STATUS, TCTL, TIPG, Reg

ETH_ZLEN: Final = 60
# e1000_phy_setup_autoneg and e1000_configure_tx, copper: gaps of 96 bit times, collision rules of full
# duplex.
TIPG_COPPER: Final = 8 | 8 << TIPG.IPGR1_SHIFT | 6 << TIPG.IPGR2_SHIFT
TCTL_UP: Final = TCTL.EN | TCTL.PSP | TCTL.RTLC | 15 << TCTL.CT_SHIFT | 64 << TCTL.COLD_SHIFT
IMS_ENABLE: Final = ICR.RXT0 | ICR.TXDW | ICR.RXDMT0 | ICR.RXSEQ | ICR.LSC


class E1000:
    """Linux's e1000 on one 82540EM, or on another controller that `part.py` knows.

    Args:
        nic: the controller.
        kernel: whose memory rules hold, and whose version decides how the driver goes about it.
        options: the driver's parameters.
        hooks: whom to tell of frames and buffers.
        deliver: the stack: takes each received skb (its data starting at the destination address, without
            FCS) and owns it from then on.

    Attributes:
        stats: what the driver counts.
        hw_stats: the controller's statistics by register name, added up over all `update_stats()`.
        mtu: bytes of payload.
        carrier: whether there is link.
        plan: receive buffer size and strategy for the MTU.

    Raises:
        ProbeError: the driver does not know the controller.
        UsageError: the options do not go with this kernel or this controller.
    """

    def __init__(
        self, nic: Nic, kernel: Kernel, options: DriverOptions, hooks: Hooks, deliver: Deliver
    ) -> None:
        self.nic = nic
        self.kernel = kernel
        self.stats = DriverStats()
        self.hw_stats: dict[str, int] = {}
        self.mtu = options.mtu
        self.carrier = False
        self.hw = Hardware(nic, part_for(options, nic.device_id), options.eeprom)
        self.options = self.hw.part.complete(options)
        self.plan: RxPlan = plan_rx(kernel.profile, self.options, options.mtu)
        self.hw.max_frame = self.plan.max_frame
        self._hooks = hooks
        self._deliver = deliver
        self._rx: RxPath | None = None
        self._tx: TxPath | None = None

    # The life of the interface

    async def probe(self) -> None:
        """Finds the controller, its address and its PHY (e1000_probe). Raises ProbeError, NicTimeout."""
        await self.hw.probe()

    async def open(self) -> None:
        """Makes the rings and starts the controller (e1000_open). Raises RingMemoryError, ProbeError,
        NicTimeout.
        """
        self._tx = TxPath(self.kernel, self.options, self.stats)
        try:
            self._rx = RxPath(
                self.hw, self.kernel, self.options, self.plan, self.stats, self._hooks, self._deliver
            )
        except BaseException:
            self._tx.ring.free()
            self._tx = None
            raise
        await self._up()

    async def close(self) -> None:
        """Stops the controller and gives all memory back (e1000_close). Does nothing when it is not open."""
        if self._rx is None or self._tx is None:
            return
        await self._down()
        self._rx.ring.free()
        self._tx.ring.free()
        self._rx = self._tx = None

    async def remove(self) -> None:
        """Closes the interface and leaves the controller in reset (e1000_remove). Raises NicTimeout."""
        await self.close()
        await self.hw.reset()

    async def change_mtu(self, mtu: int) -> None:
        """Another MTU: another buffer size, so the interface goes down and up again (e1000_change_mtu).

        Raises:
            UsageError: the MTU is out of range, or buffer and strategy of the options do not go with it.
        """
        self.hw.part.check(self.options, mtu)
        plan = plan_rx(self.kernel.profile, self.options, mtu)
        self.hw.max_frame = plan.max_frame
        if self._rx is not None:
            await self._down()
            self._rx.use_plan(plan)
        self.plan, self.mtu = plan, mtu
        if self._rx is not None:
            await self._up()
            self.stats.restarts += 1

    async def _up(self) -> None:
        """Programs the controller from scratch and starts it (e1000_up, e1000_configure): 14.3 to 14.5."""
        await self.hw.apply_settings()
        await self.hw.init_filters()
        await self.hw.setup_link()
        await self._configure_tx()
        await self._configure_rx()
        await self._rx_path.refill()
        await self.nic.write32(Reg.IMS, IMS_ENABLE)
        await self.hw.flush()
        self.carrier = await self.hw.link_is_up()
        # Linux fires a link interrupt here to start its watchdog (e1000_open: ICS = LSC); what became of the
        # link is read above instead, and later changes come as LSC.

    async def _down(self) -> None:
        """Stops the controller and takes everything off the rings (e1000_down)."""
        await self.nic.write32(Reg.RCTL, await self.nic.read32(Reg.RCTL) & ~RCTL.EN)
        await self.nic.write32(Reg.TCTL, await self.nic.read32(Reg.TCTL) & ~TCTL.EN)
        await self.nic.write32(Reg.IMC, ALL_ONES)
        await self.hw.flush()
        await self.hw.delay(POLL_NS)  # DMA that was under way ends
        await self.update_stats()  # the reset clears them
        await self.hw.reset()
        self._tx_path.reset()
        self._rx_path.reset()
        self.carrier = False

    async def _configure_tx(self) -> None:
        """14.5: ring, gaps, transmitter on."""
        nic, ring = self.nic, self._tx_path.ring
        ring.restart()
        await nic.write32(Reg.TDLEN, ring.size)
        await nic.write32(Reg.TDBAH, ring.base >> 32)
        await nic.write32(Reg.TDBAL, ring.base & ALL_ONES)
        await nic.write32(Reg.TDT, 0)
        await nic.write32(Reg.TDH, 0)
        await nic.write32(Reg.TIPG, TIPG_COPPER)
        await nic.write32(Reg.TIDV, 0)  # an interrupt for each frame: delay is not what is studied here
        await nic.write32(Reg.TCTL, TCTL_UP)

    async def _configure_rx(self) -> None:
        """14.4: buffer size and filter, ring, receiver on. Descriptors follow by RDT."""
        nic, ring = self.nic, self._rx_path.ring
        ring.restart()
        options = self.options
        rctl = self.plan.rctl | RCTL.RDMTS_HALF
        rctl |= rctl_filter(promiscuous=options.promiscuous, loopback=options.loopback)
        await nic.write32(Reg.RCTL, rctl)
        await nic.write32(Reg.RDTR, 0)  # as TIDV
        await nic.write32(Reg.RADV, 0)
        await nic.write32(Reg.ITR, 0)
        await nic.write32(Reg.RDLEN, ring.size)
        await nic.write32(Reg.RDBAH, ring.base >> 32)
        await nic.write32(Reg.RDBAL, ring.base & ALL_ONES)
        await nic.write32(Reg.RDT, 0)
        await nic.write32(Reg.RDH, 0)
        await nic.write32(Reg.RCTL, rctl | RCTL.EN)

    # Frames

    async def service(self) -> int:
        """The interrupt and the polls that follow it (e1000_intr, e1000_clean); returns the frames received.

        Does nothing when the controller has no cause to interrupt.
        """
        nic, rx, tx = self.nic, self._rx, self._tx
        if rx is None or tx is None:
            return 0
        causes = await nic.read32(Reg.ICR)
        if not causes:
            return 0
        if causes & (ICR.LSC | ICR.RXSEQ):
            self.carrier = bool(await nic.read32(Reg.STATUS) & STATUS.LU)
        await nic.write32(Reg.IMC, ALL_ONES)
        await self.hw.flush()
        before = self.stats.rx_packets + self.stats.rx_dropped
        budget = self.options.napi_budget
        while True:
            tx.clean()
            if await rx.poll(budget) < budget:
                break
        await nic.write32(Reg.IMS, IMS_ENABLE)
        return self.stats.rx_packets + self.stats.rx_dropped - before

    async def xmit(self, skb: SkBuff, *, more: bool = False) -> bool:
        """Sends `skb` (e1000_xmit_frame); it belongs to the driver then.

        Args:
            skb: data from the destination address on, without FCS.
            more: another frame follows at once, so TDT may wait for it (netdev_xmit_more).

        Returns:
            False when the ring is full: the skb stays with the caller, who tries again after `service()`.

        Raises:
            UsageError: the interface is not open.
        """
        tx = self._tx_path
        taken = tx.queue(skb)
        if tx.doorbell and not (more and taken):
            await self.ring_doorbell()
        return taken

    async def ring_doorbell(self) -> None:
        """Tells the controller of all descriptors queued so far."""
        tx = self._tx_path
        if tx.doorbell:
            tx.doorbell = False
            tx.ring.tail = tx.ring.next_to_use
            await self.nic.write32(Reg.TDT, tx.ring.tail)

    # What Linux does every two seconds, and what a session asks

    async def watchdog(self) -> None:
        """Raises the interrupt by hand, so that a ring left short for want of memory is filled and a frame
        left on it is taken (e1000_watchdog: ICS = RXDMT0).
        """
        await self.nic.write32(Reg.ICS, ICR.RXDMT0)

    async def wait_link(self, timeout_ns: int) -> bool:
        """Waits until there is link, at most `timeout_ns`; returns whether there is. Raises NicTimeout,
        ProbeError.
        """
        pause, end = POLL_NS, self.nic.now_ns + timeout_ns
        self.carrier = await self.hw.link_is_up()
        while not self.carrier and self.nic.now_ns < end:
            if await self.nic.interrupt(pause):
                await self.service()  # LSC, or the line would stay up and nothing would be waited for
            pause = min(2 * pause, timeout_ns)
            self.carrier = await self.hw.link_is_up()
        return self.carrier

    async def update_stats(self) -> None:
        """Adds the controller's statistics, which a read clears, to ours (e1000_update_stats)."""
        await hw_stats.collect(self.nic, self.hw_stats)
        hw_stats.fold(self.hw_stats, self.stats)

    @property
    def rx_free(self) -> int:
        """Receive descriptors the NIC may still fill."""
        return self._rx.free() if self._rx else 0

    @property
    def rx_waiting(self) -> bool:
        """Whether a finished receive descriptor has not been taken off the ring."""
        return self._rx is not None and bool(self._rx.waiting())

    @property
    def rx_overdue(self) -> bool:
        """Whether a whole frame waits that the NIC ought to have raised an interrupt for."""
        return self._rx is not None and bool(self._rx.waiting() & STA_EOP) and not self._rx.stuck

    @property
    def tx_pending(self) -> int:
        """Transmit descriptors not yet taken back."""
        return self._tx.ring.pending() if self._tx else 0

    def descriptors_for(self, frame_len: int) -> int:
        """Receive descriptors that a frame of `frame_len` bytes (without FCS, padded by the sender if short)
        takes.
        """
        return self.plan.descriptors(max(frame_len, ETH_ZLEN) + self.plan.fcs)

    @property
    def _rx_path(self) -> RxPath:
        if self._rx is None:
            raise UsageError("the interface is closed: call open() first")
        return self._rx

    @property
    def _tx_path(self) -> TxPath:
        if self._tx is None:
            raise UsageError("the interface is closed: call open() first")
        return self._tx
