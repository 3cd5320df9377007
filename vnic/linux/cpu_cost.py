"""What the CPU pays for where a frame starts: cache lines touched and loads that are not aligned."""

from __future__ import annotations

from typing import Final, NamedTuple

from vnic.linux.layout import rx_layout
from vnic.linux.profile import KernelProfile
from vnic.linux.skbuff import ETH_HLEN

RPS_BYTES: Final = (
    ETH_HLEN + 40 + 8
)  # get_rps_cpu reads Ethernet, IPv6 and the ports: what NET_SKB_PAD 64 is for
IPV4_WORDS: Final = 5
TCP_WORDS: Final = 5

# HAVE_EFFICIENT_UNALIGNED_ACCESS in arch/*/Kconfig of 6.1: where it is not set, a misaligned load may trap
# and be emulated. 32-bit ARM sets it for v6 and v7 with an MMU, which the arm profile is.
EFFICIENT_UNALIGNED: Final = frozenset({"x86_64", "i386", "arm64", "ppc64", "s390", "arm"})


class HeaderCost(NamedTuple):
    """The headers of one TCP over IPv4 frame, as the profile's rx buffer places them.

    Attributes:
        frame_offset: where the frame starts in its cache line.
        ip_misaligned: address of the IP header modulo 4; 0 is aligned.
        words: 32-bit loads that read the IP and TCP headers once.
        misaligned: how many of them are not on a multiple of 4.
        split: how many of them lie on two cache lines.
        rps_lines: cache lines that get_rps_cpu touches to hash the flow.
        header_lines: cache lines that Ethernet, IP and TCP header lie on.
        trapped: the architecture may trap on the misaligned ones, so they cost a handler each.
    """

    frame_offset: int
    ip_misaligned: int
    words: int
    misaligned: int
    split: int
    rps_lines: int
    header_lines: int
    trapped: bool


def header_cost(profile: KernelProfile, nominal: int = 1522, strategy: str = "skb") -> HeaderCost:
    """The cost of the headers in a buffer of `nominal` bytes. Raises UsageError as rx_layout."""
    line = profile.l1_cache_bytes
    start = rx_layout(profile, nominal, strategy).dma_offset
    network = start + ETH_HLEN
    words = [network + 4 * index for index in range(IPV4_WORDS + TCP_WORDS)]
    misaligned = sum(address % 4 != 0 for address in words)
    return HeaderCost(
        frame_offset=start,
        ip_misaligned=network % 4,
        words=len(words),
        misaligned=misaligned,
        split=sum(address // line != (address + 3) // line for address in words),
        rps_lines=_lines(start, RPS_BYTES, line),
        header_lines=_lines(start, ETH_HLEN + 4 * len(words), line),
        trapped=bool(misaligned) and profile.arch not in EFFICIENT_UNALIGNED,
    )


def _lines(start: int, length: int, line: int) -> int:
    return (start + length - 1) // line - start // line + 1
