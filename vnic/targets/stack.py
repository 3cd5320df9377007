"""The network stack round the driver, as far as a session needs one: it makes skbs to send, and takes those
received.
"""

from __future__ import annotations

from typing import Final

from vnic.linux.eras import Era, Rule
from vnic.linux.kernel import Kernel
from vnic.linux.profile import KernelProfile
from vnic.linux.skbuff import SkBuff
from vnic.nic.events import FrameEvent

ETH_HLEN: Final = 14
# Both trees were seen; which version between them began it was not.
NEEDED_HEADROOM: Rule[bool] = Rule(
    "LL_RESERVED_SPACE counts netdev->needed_headroom",
    [
        Era((2, 4), False, "include/linux/netdevice.h 2.6.24"),
        Era((2, 6, 32), True, "include/linux/netdevice.h 2.6.32"),
    ],
)


def ll_reserved_space(profile: KernelProfile, needed_headroom: int) -> int:
    """LL_RESERVED_SPACE: headroom the stack leaves for an Ethernet header, in bytes."""
    needed = needed_headroom if NEEDED_HEADROOM.at(profile.version) else 0
    mod = profile.hh_data_mod
    return (ETH_HLEN + needed) // mod * mod + mod


class Stack:
    """Takes received skbs and frees them, or keeps them to be sent back.

    Args:
        kernel: whose memory it is.
        needed_headroom: of the driver, for the skbs made here.
        keep: received skbs wait in `received`.

    Attributes:
        received: skbs kept, oldest first.
    """

    def __init__(self, kernel: Kernel, needed_headroom: int, *, keep: bool) -> None:
        self.received: list[SkBuff] = []
        self._kernel = kernel
        self._headroom = ll_reserved_space(kernel.profile, needed_headroom)
        self._keep = keep

    def deliver(self, skb: SkBuff, _event: FrameEvent) -> None:
        """A frame from the driver."""
        if self._keep:
            self.received.append(skb)
        else:
            self._kernel.consume_skb(skb)

    def take_received(self) -> list[SkBuff]:
        """The skbs kept; the caller owns them."""
        received, self.received = self.received, []
        return received

    def skb_for(self, frame: bytes) -> SkBuff | None:
        """An skb with `frame`, as the stack makes one: LL_RESERVED_SPACE of headroom, of which the header
        then takes its 14 bytes. None without memory.
        """
        header, payload = frame[:ETH_HLEN], frame[ETH_HLEN:]
        skb = self._kernel.alloc_skb(self._headroom + len(payload))
        if skb is None:
            return None
        skb.reserve(self._headroom)
        skb.put_data(payload)
        self._kernel.memory.write(skb.push(len(header)), header)
        return skb
