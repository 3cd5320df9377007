"""A whole machine for one test: memory, kernel, behavioural NIC and driver, with all checks watching."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vnic.checks.checker import Checker
from vnic.checks.verdict import Verdict
from vnic.driver import E1000, DriverOptions, Hooks
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.linux.skbuff import SkBuff
from vnic.memory import HostMemory
from vnic.nic.events import FrameEvent
from vnic.nic.port import WireFrame, run
from vnic.targets.model import ModelTarget

MIB = 1 << 20


class Machine:
    """`received` holds the frames the stack got, `events` what the driver told of them."""

    def __init__(
        self,
        kernel: str = "6.1/x86_64",
        *,
        memory_bytes: int = 64 * MIB,
        fail: Callable[[str], bool] | None = None,
        target: Callable[[HostMemory], ModelTarget] = ModelTarget,
        mtu: int = 1500,
        rx_ring: int = 256,
        tx_ring: int = 256,
        buffer: int | None = None,
        strategy: str | None = None,
        copybreak: int = 256,
        needed_headroom: int = 0,
        mac: str | None = "82540EM",
        strip_fcs: bool | None = None,
        eeprom: str = "auto",
        promiscuous: bool = True,
    ) -> None:
        self.memory = HostMemory(memory_bytes)
        self.profile = load_profile(kernel)
        self.kernel = Kernel(self.profile, self.memory, fail=fail)
        self.target = target(self.memory)
        self.checker = Checker(self.profile, self.memory)
        self.target.on_dma = self.checker.on_dma
        self.target.on_register = self.checker.on_register
        self.kernel.dma.on_map = self.checker.on_map
        self.received: list[bytes] = []
        self.skbs: list[SkBuff] = []
        self.events: list[FrameEvent] = []
        self.keep = False
        self.options = DriverOptions(
            mtu=mtu,
            rx_ring=rx_ring,
            tx_ring=tx_ring,
            buffer=buffer,
            strategy=strategy,
            copybreak=copybreak,
            needed_headroom=needed_headroom,
            mac=mac,
            strip_fcs=strip_fcs,
            eeprom=eeprom,
            promiscuous=promiscuous,
        )
        hooks = Hooks(self._on_frame, self.checker.on_buffer)
        self.driver = E1000(self.target, self.kernel, self.options, hooks, self._deliver)

    def _on_frame(self, event: FrameEvent) -> None:
        self.events.append(event)
        self.checker.on_frame(event)

    def _deliver(self, skb: SkBuff, _event: FrameEvent) -> None:
        self.received.append(skb.bytes())
        if self.keep:
            self.skbs.append(skb)
        else:
            self.kernel.consume_skb(skb)

    def up(self) -> Machine:
        """Probe and open."""
        run(self.driver.probe())
        run(self.driver.open())
        return self

    def offer(self, frames: Sequence[bytes], *, bad_fcs: bool = False) -> None:
        """Frames come over the wire and the NIC comes to rest."""
        wire = [WireFrame(frame, bad_fcs) for frame in frames]
        self.checker.on_offer(wire)
        run(self.target.wire.offer(wire))
        run(self.target.settle())

    def service(self) -> int:
        """The driver's interrupt."""
        return run(self.driver.service())

    def send(self, skb: SkBuff) -> bool:
        """The stack sends `skb`."""
        data = skb.bytes()
        taken = run(self.driver.xmit(skb))
        if taken:
            self.checker.on_transmit(data)
        return taken

    def collect(self) -> list[bytes]:
        """What has left the NIC since the last time."""
        run(self.target.settle())
        sent = run(self.target.wire.collect())
        self.checker.on_collect(sent)
        return sent

    def close(self) -> list[Verdict]:
        """Remove the driver; the errors found."""
        run(self.driver.remove())
        return [verdict for verdict in self.checker.finish() if verdict.severity == "error"]

    @property
    def leaks(self) -> tuple[int, int]:
        """sk_buffs and mappings that nobody gave back."""
        return self.kernel.live_skbs, self.kernel.dma.mapped
