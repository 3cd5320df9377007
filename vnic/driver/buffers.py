"""How large a receive buffer is, and what is done with it: the rules of e1000_main.c from 2.4 to 6.x.

Everything here is arithmetic on an MTU and a kernel profile. A plan is made once, at open and at change_mtu.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from vnic.driver.options import ETH_FCS_LEN, ETH_HLEN, VLAN_HLEN, DriverOptions
from vnic.errors import UsageError
from vnic.linux.eras import Era, Rule
from vnic.linux.profile import KernelProfile
from vnic.linux.rules import HELPERS, PAGE_FRAG
from vnic.nic.registers import RCTL

MAIN_C: Final = "e1000_main.c"
ETH_FRAME: Final = 1518  # MAXIMUM_ETHERNET_FRAME_SIZE: 1500 + header + FCS
LONGEST_FRAME: Final = 16384  # what the controller accepts with LPE: SDM 13.4.22
ETH_VLAN_FRAME: Final = ETH_FRAME + VLAN_HLEN  # MAXIMUM_ETHERNET_VLAN_SIZE

SizeRule = Callable[[int, int], int]


def _2k_for_ethernet(max_frame: int, _page_size: int) -> int:
    """Four sizes, of which the first serves plain Ethernet only: 2.4 to 2.6.11."""
    if max_frame <= ETH_FRAME:
        return 2048
    return next(size for size in (4096, 8192, 16384) if max_frame <= size)


def _powers_from_2k(max_frame: int, _page_size: int) -> int:
    """The same four, each for what it holds: 2.6.12 to 2.6.17, on a controller that is not PCI Express."""
    return next(size for size in (2048, 4096, 8192, 16384) if max_frame <= size)


def _powers_from_256(max_frame: int, _page_size: int) -> int:
    """All seven sizes, and 1522 for plain and tagged Ethernet: 2.6.18 to 2.6.31."""
    if max_frame in (ETH_FRAME, ETH_VLAN_FRAME):
        return ETH_VLAN_FRAME
    return next(size for size in (256, 512, 1024, 2048, 4096, 8192, 16384) if max_frame <= size)


def _small_or_page(max_frame: int, page_size: int) -> int:
    """Above 2048 a page, since jumbo frames go into pages: 2.6.32."""
    if max_frame in (ETH_FRAME, ETH_VLAN_FRAME):
        return ETH_VLAN_FRAME
    return next((size for size in (256, 512, 1024, 2048) if max_frame <= size), min(page_size, 16384))


def _2k_or_page(max_frame: int, page_size: int) -> int:
    """The small sizes are gone: from 2.6.33 on."""
    if max_frame in (ETH_FRAME, ETH_VLAN_FRAME):
        return ETH_VLAN_FRAME
    return 2048 if max_frame <= 2048 else min(page_size, 16384)


BUFFER_SIZE: Rule[SizeRule] = Rule(
    "e1000's rx_buffer_len",
    [
        Era((2, 4), _2k_for_ethernet, f"{MAIN_C} 2.4.22, 2.6.10, 2.6.11 e1000_change_mtu"),
        Era((2, 6, 12), _powers_from_2k, f"{MAIN_C} 2.6.12, 2.6.17 e1000_change_mtu; not in 2.6.12-rc2"),
        Era((2, 6, 18), _powers_from_256, f"{MAIN_C} 2.6.18 e1000_change_mtu"),
        Era((2, 6, 32), _small_or_page, "commit edbbb3ca107 (2.6.32-rc1)"),
        Era((2, 6, 33), _2k_or_page, "commit 9926146b15f (2.6.33-rc6)"),
    ],
)


class RxPath(NamedTuple):
    """The strategies of an era: for MTU up to 1500, and above."""

    standard: str
    jumbo: str


RX_PATH: Rule[RxPath] = Rule(
    "e1000's receive path",
    [
        Era((2, 4), RxPath("skb", "skb"), f"{MAIN_C} 2.4.22 e1000_alloc_rx_buffers"),
        Era((2, 6, 32), RxPath("skb", "jumbo"), "commit edbbb3ca107 (2.6.32-rc1)"),
        Era((3, 18), RxPath("build_skb", "jumbo"), f"{MAIN_C}: not in 3.16, in 3.18"),
    ],
)


class Copybreak(NamedTuple):
    """Which frames are copied: length `below` the limit (or up to it), with the FCS counted or not."""

    below: bool
    with_fcs: bool
    fixed: bool


COPYBREAK: Rule[Copybreak | None] = Rule(
    "e1000's copybreak",
    [
        Era((2, 4), None, f"{MAIN_C} up to 2.6.15"),
        Era((2, 6, 16), Copybreak(True, False, True), "commit a292ca6efbc (2.6.16-rc2), 256 fixed"),
        Era(
            (2, 6, 20), Copybreak(True, False, False), "commit 1f753861d27 (2.6.20-rc3), a parameter; 2.6.34"
        ),
        Era((2, 6, 36), Copybreak(False, False, False), f"{MAIN_C} 3.x e1000_check_copybreak"),
        Era((3, 18), Copybreak(False, True, False), f"{MAIN_C} 6.1 e1000_copybreak"),
    ],
)

JUMBO_HEAD: Rule[int | None] = Rule(
    "the head that a frame in pages gets, in bytes; None asks napi_get_frags",
    [
        Era((2, 4), 240, f"{MAIN_C} 2.6.32 e1000_alloc_jumbo_rx_buffers: 256 less 16 for skb_reserve"),
        Era((3, 18), None, f"{MAIN_C} 6.1 e1000_clean_jumbo_rx_irq"),
    ],
)

# BSIZE and BSEX by buffer size: 8254x SDM 13.4.22. What is not among them is received as 2048.
RCTL_SIZE: Final = {
    256: RCTL.BSIZE_256,
    512: RCTL.BSIZE_512,
    1024: RCTL.BSIZE_1024,
    2048: RCTL.BSIZE_2048,
    4096: RCTL.BSIZE_256 | RCTL.BSEX,
    8192: RCTL.BSIZE_512 | RCTL.BSEX,
    16384: RCTL.BSIZE_1024 | RCTL.BSEX,
}


@dataclass(frozen=True, slots=True)
class RxPlan:
    """What the driver decided for one MTU.

    Attributes:
        mtu: bytes of payload.
        max_frame: bytes of the largest frame, with header and FCS.
        buffer: bytes of a buffer as the driver maps it (rx_buffer_len).
        hw_buffer: bytes the NIC believes a buffer to have (RCTL.BSIZE and BSEX).
        strategy: `skb`, `jumbo` or `build_skb`.
        long_packets: RCTL.LPE.
        spans: a frame may lie in several buffers; if not, one that does is thrown away, as Linux does.
        copy_up_to: the largest DMA length that is copied; 0 copies none.
        fcs: bytes of FCS that the controller writes behind a frame: 4, or 0 with RCTL.SECRC.
    """

    mtu: int
    max_frame: int
    buffer: int
    hw_buffer: int
    strategy: str
    long_packets: bool
    spans: bool
    copy_up_to: int
    fcs: int

    @property
    def rctl(self) -> int:
        """The bits of RCTL that follow from the plan."""
        bits = RCTL_SIZE[self.hw_buffer]
        return bits | (RCTL.LPE if self.long_packets else 0) | (0 if self.fcs else RCTL.SECRC)

    def descriptors(self, length: int) -> int:
        """Descriptors that `length` bytes in memory occupy."""
        return max(1, -(-length // self.hw_buffer))


def plan_rx(profile: KernelProfile, options: DriverOptions, mtu: int) -> RxPlan:
    """Decides buffer size and strategy for `mtu` as the profile's kernel does, unless the options decide.

    Raises:
        UsageError: the kernel has not what the strategy needs, or the buffer does not go with it.
    """
    max_frame = mtu + ETH_HLEN + ETH_FCS_LEN
    fcs = 0 if options.strip_fcs else ETH_FCS_LEN
    path = RX_PATH.at(profile.version)
    jumbo = mtu > 1500
    strategy = options.strategy or (path.jumbo if jumbo else path.standard)
    nominal = options.buffer or BUFFER_SIZE.at(profile.version)(max_frame, profile.page_size)
    page = min(profile.page_size, 16384)
    if strategy == "jumbo" and options.buffer is None:
        nominal = min(nominal, page)  # a driver that knew no pages may ask for more than one
    if strategy == "jumbo" and nominal > page:
        raise UsageError(
            f"buffer of {nominal} bytes: strategy jumbo fills pages of {page}; give at most that"
        )
    if strategy == "build_skb":
        _check_build_skb(profile, nominal)
    hw_buffer = nominal if nominal in RCTL_SIZE else 2048
    if options.buffer is not None and hw_buffer > nominal and jumbo:
        raise UsageError(
            f"buffer of {nominal} bytes with mtu {mtu}: RCTL has no such size, so the NIC would write "
            f"{hw_buffer} bytes of a long frame into it; give 1024 or 2048"
        )
    if strategy == "jumbo":
        _check_fragments(profile, hw_buffer, jumbo=jumbo)
    # 1522 under a BSIZE of 2048 is safe only while LPE and SBP are off, and Linux itself breaks that above
    # MTU 1500: with 1504 it maps 1522 bytes of a page for a NIC that may write 2048. The checks show it.
    spans = strategy == "jumbo" or max_frame > hw_buffer
    return RxPlan(
        mtu=mtu,
        max_frame=max_frame,
        buffer=nominal,
        hw_buffer=hw_buffer,
        strategy=strategy,
        long_packets=jumbo,
        spans=spans,
        copy_up_to=_copy_up_to(profile, options.copybreak, fcs),
        fcs=fcs,
    )


def _check_fragments(profile: KernelProfile, hw_buffer: int, *, jumbo: bool) -> None:
    """The longest frame that the NIC lets through must fit the fragments of one skb."""
    longest = LONGEST_FRAME if jumbo else ETH_VLAN_FRAME
    fragments = -(-longest // hw_buffer)
    if fragments > profile.max_skb_frags:
        raise UsageError(
            f"buffer of {hw_buffer} bytes: a frame of {longest} would take {fragments} fragments, and an skb "
            f"of {profile.name} has {profile.max_skb_frags}; give a larger buffer or another strategy"
        )


def _check_build_skb(profile: KernelProfile, nominal: int) -> None:
    needed = HELPERS["netdev_alloc_frag"]
    frags = PAGE_FRAG.at(profile.version)
    if profile.version < needed or frags is None:
        raise UsageError(
            f"strategy build_skb: {profile.name} has no page fragments (netdev_alloc_frag came with Linux "
            "3.5); give skb or jumbo, or a later kernel"
        )
    room = max(frags.max_bytes, profile.page_size)
    wanted = build_skb_size(profile, nominal)
    if wanted > room:
        raise UsageError(
            f"buffer of {nominal} bytes: build_skb needs a fragment of {wanted}, and {profile.name} "
            f"cuts them from {room}; give a smaller buffer or strategy jumbo"
        )


def build_skb_size(profile: KernelProfile, nominal: int) -> int:
    """Bytes of the fragment round which an skb is built: headroom, data, skb_shared_info (e1000_frag_len,
    6.1).
    """
    headroom = profile.net_skb_pad + profile.net_ip_align
    return profile.data_align(nominal + headroom) + profile.data_align(profile.sizeof_shinfo)


def _copy_up_to(profile: KernelProfile, limit: int, fcs: int) -> int:
    rule = COPYBREAK.at(profile.version)
    if rule is None or limit == 0:
        return 0
    if rule.fixed:
        limit = 256
    return limit - rule.below + (0 if rule.with_fcs else fcs)


def crosses_64k(start: int, length: int) -> bool:
    """Whether `length` bytes from `start` lie on both sides of a 64 KiB boundary: errata 23 of the
    82545/82546, e1000_check_64k_bound.
    """
    return bool((start ^ (start + length - 1)) >> 16)
