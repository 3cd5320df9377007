"""Transmit headroom: what a packet pays on its way from one NIC through tunnels to another.

Each header that is put in front takes headroom; where it is short the head is copied into a larger one. Here
a real skb walks the path through the kernel's own skb_cow and pskb_expand_head, and the copies are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from vnic.errors import UsageError
from vnic.linux.eras import Era, Rule
from vnic.linux.kernel import Kernel
from vnic.linux.profile import KernelProfile
from vnic.linux.skbuff import ETH_HLEN, SkBuff
from vnic.memory import HostMemory

LL_COUNTS_NEEDED: Rule[bool] = Rule(
    "LL_RESERVED_SPACE counts needed_headroom",
    [
        Era((2, 4), False, "include/linux/netdevice.h 2.6.18, 2.6.25"),
        Era((2, 6, 26), True, "include/linux/netdevice.h 2.6.26, 2.6.32, 6.1"),
    ],
)
TUNNEL_COPIES: Rule[bool] = Rule(
    "an IP tunnel makes room by skb_realloc_headroom, a copy into a second skb, instead of skb_cow_head",
    [
        Era((2, 4), True, "net/ipv4/ipip.c 2.6.18, 2.6.35, 3.6.5"),
        Era((3, 10), False, "net/ipv4/ip_tunnel.c 4.9, 6.1; not in 3.6.5"),
    ],
)


class Encapsulation(NamedTuple):
    """A header put in front of a packet.

    Attributes:
        name: as the user writes it.
        length: its bytes.
        looks_below: it makes room for the device below too (LL_RESERVED_SPACE), not only for itself.
        tunnel: it is an IP tunnel, subject to TUNNEL_COPIES.
        source: where its length and its request for room are.
    """

    name: str
    length: int
    looks_below: bool
    tunnel: bool
    source: str


ENCAPSULATIONS: Final = {
    header.name: header
    for header in (
        Encapsulation("vlan", 4, False, False, "include/linux/if_vlan.h __vlan_insert_tag: VLAN_HLEN"),
        Encapsulation("mpls", 4, True, False, "net/mpls/mpls_iptunnel.c mpls_xmit, one label"),
        Encapsulation("ipip", 20, True, True, "net/ipv4/ipip.c, ip_tunnel.c"),
        Encapsulation("gre", 24, True, True, "net/ipv4/ip_gre.c, without key, checksum and sequence"),
        Encapsulation("vxlan", 50, True, False, "drivers/net/vxlan/vxlan_core.c vxlan_build_skb, IPv4"),
    )
}


class Step(NamedTuple):
    """One stage of the path.

    Attributes:
        name: `rx`, `forward`, an encapsulation, `ethernet` or `hardware`.
        pushed: bytes put in front by it.
        wanted: headroom it asked for.
        headroom: bytes there were before.
        expanded: the head was copied to make room.
    """

    name: str
    pushed: int
    wanted: int
    headroom: int
    expanded: bool


class PathCost(NamedTuple):
    """What one packet paid.

    Attributes:
        steps: stage by stage.
        cow_calls, expands: calls of skb_cow(_head), and of pskb_expand_head by anybody.
        copied, allocated: bytes moved, and bytes of new head objects.
    """

    steps: tuple[Step, ...]
    cow_calls: int
    expands: int
    copied: int
    allocated: int


def ll_reserved_space(
    profile: KernelProfile, hard_header_len: int = ETH_HLEN, needed_headroom: int = 0, extra: int = 0
) -> int:
    """LL_RESERVED_SPACE(_EXTRA) of a device: its header in units of HH_DATA_MOD, and one unit more."""
    needed = needed_headroom if LL_COUNTS_NEEDED.at(profile.version) else 0
    mod = profile.hh_data_mod
    return (hard_header_len + needed + extra) // mod * mod + mod


def transmit_path(
    profile: KernelProfile,
    encapsulations: Sequence[str] = (),
    *,
    hardware_header: int = 0,
    announced: bool = True,
    frame: int = 1514,
    growth: int = 0,
) -> PathCost:
    """A received frame of `frame` bytes is forwarded, encapsulated (innermost first) and sent by Ethernet.

    Args:
        profile: the kernel.
        encapsulations: names from ENCAPSULATIONS.
        hardware_header: bytes that the sending driver puts in front of the Ethernet header.
        announced: the devices say what they add (needed_headroom, hard_header_len), so that ip_forward makes
        room
            for all at once; else each finds out by itself.
        frame: bytes with the Ethernet header, 60 to 9014.
        growth: one more header of so many bytes, innermost, that asks for nothing but itself.

    Raises:
        UsageError: an encapsulation or a size that is not known.
    """
    headers = [Encapsulation("growth", growth, True, False, "")] if growth else []
    for name in encapsulations:
        if name not in ENCAPSULATIONS:
            raise UsageError(f"unknown encapsulation {name!r}: give some of {', '.join(ENCAPSULATIONS)}")
        headers.append(ENCAPSULATIONS[name])
    if not 60 <= frame <= 9014 or not 0 <= hardware_header <= 256 or not 0 <= growth <= 1024:
        raise UsageError(
            "a path takes frames of 60 to 9014 bytes, hardware headers up to 256, growth up to 1024"
        )
    with HostMemory(4 << 20) as memory:
        kernel = Kernel(profile, memory)
        skb = kernel.rx_alloc_skb(frame)
        if skb is None:
            raise UsageError(f"{profile.name} cannot allocate a frame of {frame} bytes")
        skb.put(frame)
        skb.eth_type_trans()
        return _Walk(kernel, skb, headers, hardware_header, announced).run()


class _Walk:
    """One packet on its way down."""

    def __init__(
        self, kernel: Kernel, skb: SkBuff, headers: list[Encapsulation], hardware: int, announced: bool
    ) -> None:
        self._kernel = kernel
        self._skb = skb
        self._headers = headers
        self._hardware = hardware
        self._announced = announced
        self._steps: list[Step] = [Step("rx", 0, 0, skb.headroom(), False)]

    def run(self) -> PathCost:
        """Walks the path and tells what it cost."""
        profile = self._kernel.profile
        self._step("forward", 0, self._reserved(0) if self._announced else ll_reserved_space(profile))
        for index, header in enumerate(self._headers):
            below = self._reserved(index + 1) if header.looks_below else 0
            self._step(header.name, header.length, header.length + below, tunnel=header.tunnel)
        # neigh_hh_output copies a whole HH_DATA_MOD unit in front, of which 14 bytes become part of the
        # frame.
        self._step("ethernet", ETH_HLEN, profile.hh_data_mod, ask=False)
        if self._hardware:
            self._step("hardware", self._hardware, self._hardware)
        counts = self._kernel.counts
        return PathCost(tuple(self._steps), counts.cow_calls, counts.expands, counts.copied, counts.allocated)

    def _reserved(self, index: int) -> int:
        """LL_RESERVED_SPACE of the device that header number `index` goes to."""
        deeper = sum(header.length for header in self._headers[index:])
        if not self._announced:
            return ll_reserved_space(self._kernel.profile)
        # Tunnels announce in hard_header_len or needed_headroom, by version; both are there for every
        # version.
        return ll_reserved_space(self._kernel.profile, ETH_HLEN + deeper + self._hardware)

    def _step(self, name: str, length: int, wanted: int, *, tunnel: bool = False, ask: bool = True) -> None:
        kernel, skb = self._kernel, self._skb
        before, expands = skb.headroom(), kernel.counts.expands
        if tunnel and TUNNEL_COPIES.at(kernel.profile.version):
            if before < wanted:
                copy = kernel.skb_realloc_headroom(skb, wanted)
                kernel.kfree_skb(skb)
                skb = self._skb = self._have(copy)
        elif ask and not kernel.skb_cow_head(skb, wanted):
            self._have(None)
        skb.push(length)
        self._steps.append(Step(name, length, wanted, before, kernel.counts.expands > expands))

    def _have(self, skb: SkBuff | None) -> SkBuff:
        if skb is None:
            raise UsageError("the packet's headers outgrow the memory of the path model; give fewer")
        return skb


def largest_growth(profile: KernelProfile) -> int:
    """The most bytes that forwarding can put in front of a received Ethernet frame without copying it.

    The comment at NET_SKB_PAD promises 32. It was written for 32 bytes of pad and 2 of NET_IP_ALIGN, and
    there it is exact: what the pad, the alignment and the 14 bytes of the old Ethernet header leave beside
    the 16 that LL_RESERVED_SPACE wants for the new one.
    """
    low, high = 0, 1024
    while low < high:
        middle = (low + high + 1) // 2
        if transmit_path(profile, growth=middle).expands:
            high = middle - 1
        else:
            low = middle
    return low
