"""The model's side: our driver on our NIC under a profile's kernel, taken through the same MTUs and frames.

Nothing here knows an answer. The rules of `vnic.linux` and `vnic.driver` run, and what they did is written
down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from vnic.driver import E1000, DriverOptions, Hooks
from vnic.errors import VnicError
from vnic.guests.verify.facts import Facts, FrameFacts, Phase, Stage
from vnic.guests.verify.plan import BURST, FIRST_MTU, MTUS, frames
from vnic.guests.verify.ring import RingLog
from vnic.linux.dma import MapEvent
from vnic.linux.kernel import Gfp, Kernel
from vnic.linux.kmalloc import size_classes, slab_shape
from vnic.linux.profile import KernelProfile
from vnic.linux.rx_buffer import PAGE, RxBufferEvent
from vnic.linux.skbuff import SkBuff
from vnic.memory import HostMemory
from vnic.nic.descriptors import RX_LEGACY, TX_LEGACY
from vnic.nic.events import FrameEvent
from vnic.nic.port import WireFrame, run
from vnic.targets.model import ModelTarget

MEMORY: Final = 64 << 20
LINK_NS: Final = 1_000_000
RX_DESC, TX_DESC = "sizeof(struct e1000_rx_desc)", "sizeof(struct e1000_tx_desc)"
SK_BUFF, SHINFO = "sizeof(struct sk_buff)", "sizeof(struct skb_shared_info)"
MAX_SKB_FRAGS, OBJECT_SIZE = "MAX_SKB_FRAGS", "object_size of skbuff_head_cache"


class _Kernel(Kernel):
    """A kernel that writes down what its driver asks for."""

    phase = Phase()
    stage = Stage()

    def netdev_alloc_frag(self, size: int) -> int | None:
        """See Kernel."""
        self.stage.fragments[self.profile.data_align(size)] += 1
        return super().netdev_alloc_frag(size)

    def napi_alloc_skb(self, length: int, gfp: Gfp = Gfp.ATOMIC) -> SkBuff | None:
        """See Kernel."""
        self.phase.napi.add(length)
        return super().napi_alloc_skb(length, gfp)

    def mapped(self, event: MapEvent) -> None:
        """The driver has called the DMA API."""
        if event.action == "map" and event.direction == "from_device":
            self.phase.mapped.add(event.length)

    def pages_taken(self) -> tuple[int, int]:
        """Pages that fragments and 1 KiB heads were cut from since the start."""
        frag, slices = self.page_frag, self.napi_slices
        return (0 if frag is None else frag.refills, 0 if slices is None else slices.refills)


class _Run:
    """One driver from open to close, MTU after MTU."""

    def __init__(self, kernel: _Kernel) -> None:
        self._kernel = kernel
        self._target = ModelTarget(kernel.memory)
        self._log = RingLog(kernel.memory.read)
        self._target.on_register = self._log.on_register
        kernel.dma.on_map = kernel.mapped
        hooks = Hooks(on_buffer=self._on_buffer)
        self._driver = E1000(self._target, kernel, DriverOptions(mtu=FIRST_MTU), hooks, self._deliver)
        self._told: dict[int, RxBufferEvent] = {}

    def _on_buffer(self, event: RxBufferEvent) -> None:
        """A buffer is given; one that stayed behind a copied frame is told of again, as the same event."""
        if event.size_class == PAGE and id(event) not in self._told:
            self._told[id(event)] = event
            self._kernel.stage.ring_pages += 1

    def _deliver(self, skb: SkBuff, _event: FrameEvent) -> None:
        facts = FrameFacts(skb.truesize, skb.headroom(), skb.end - skb.head, skb.data_len, len(skb.frags))
        self._kernel.phase.seen(skb.len, facts)
        self._kernel.consume_skb(skb)

    async def phases(self) -> dict[int, Phase]:
        """Raises VnicError when the driver does not get its frames."""
        driver = self._driver
        await driver.probe()
        await driver.open()
        return {mtu: await self._phase(mtu) for mtu in MTUS}

    async def _phase(self, mtu: int) -> Phase:
        kernel, driver, target = self._kernel, self._driver, self._target
        phase = kernel.phase = Phase()
        await driver.close()
        await driver.change_mtu(mtu)
        with _Counting(kernel, phase.opened):
            await driver.open()
            await driver.wait_link(LINK_NS)
        with _Counting(kernel, phase.running):
            todo = [WireFrame(frame) for frame in frames(mtu)]
            for start in range(0, len(todo), BURST):
                await target.wire.offer(todo[start : start + BURST])
                await target.settle()
                await driver.service()
            if driver.rx_waiting:
                raise VnicError(f"the driver model left frames on its ring at MTU {mtu}")
        phase.ring = self._log.openings[-1]
        return phase


class _Counting:
    """What is allocated in its block goes to `stage`."""

    def __init__(self, kernel: _Kernel, stage: Stage) -> None:
        self._kernel, self._stage = kernel, stage
        self._before = kernel.pages_taken()

    def __enter__(self) -> None:
        self._kernel.stage = self._stage

    def __exit__(self, *_: object) -> None:
        fragments, slices = self._kernel.pages_taken()
        frag, stage = self._kernel.page_frag, self._stage
        if frag is not None and frag.page is not None:
            stage.fragment_pages = +Counter({frag.page.order: fragments - self._before[0]})
        stage.slice_pages = slices - self._before[1]


def predict(profile: KernelProfile, cpus: int, asked: Iterable[int]) -> Facts:
    """What the model says of a kernel.

    Args:
        profile: its constants. cpus: of its machine.
        asked: sizes for alloc_skb, to say what kmalloc gives.

    Raises:
        VnicError: the driver model got stuck, or has no such kernel.
    """
    with HostMemory(MEMORY) as memory:
        kernel = _Kernel(profile, memory, cpus=cpus)
        phases = run(_Run(kernel).phases())
        heads = {}
        for size in asked:
            skb = kernel.alloc_skb(size)
            if skb is not None:
                heads[size] = kernel.slab.ksize(skb.head)
    sizes = {
        SK_BUFF: profile.sizeof_sk_buff,
        SHINFO: profile.sizeof_shinfo,
        MAX_SKB_FRAGS: profile.max_skb_frags,
        RX_DESC: RX_LEGACY.sizeof(),
        TX_DESC: TX_LEGACY.sizeof(),
        OBJECT_SIZE: profile.sizeof_sk_buff,
    }
    skbs = slab_shape(profile, profile.data_align(profile.sizeof_sk_buff), cpus, "skbuff_head_cache")
    shapes = (skbs, *size_classes(profile, cpus))
    slabs = {each.name: (each.size, each.objects, 1 << each.order) for each in shapes}
    return Facts(sizes, slabs, heads, phases)
