"""Receive offloads: VLAN filter and stripping, packet checksum, IPv4 and TCP/UDP checksums.

8254x SDM 3.2.9 (receive checksums), 9.2 and 9.3 (VLAN), 13.4.47 (RXCSUM). IPv4 in Ethernet II frames, with or
without one tag; IPv6 is not checked on this controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from vnic.nic import vlan
from vnic.nic.checksum import ALL_ONES, add, ones_sum
from vnic.nic.descriptors import RxErrors, RxStatus
from vnic.nic.registers import CTRL, RCTL, RXCSUM, Reg

ETHERNET_HEADER: Final = 14
TCP: Final = 6
UDP: Final = 17
FRAGMENT: Final = 0x3FFF
"""More fragments, or an offset."""
_MIN_TRANSPORT: Final = {TCP: 20, UDP: 8}
_IXSM: Final = int(RxStatus.IXSM)
_IPV4: Final = b"\x08\x00"


class Stored(NamedTuple):
    """A frame on its way to memory, and what its descriptors say of it."""

    data: bytes
    """What is stored, FCS included."""
    status: int
    errors: int
    checksum: int
    """Packet checksum, for the first descriptor."""
    special: int
    """For the last descriptor."""


class ReceiveOffload:
    """The offloads that the register ``values`` ask for; made anew when CTRL, RCTL, VET or RXCSUM change."""

    __slots__ = ("_control", "_filtering", "_stripping", "_type", "_values", "_with_fcs")

    def __init__(self, values: Mapping[int, int]) -> None:
        self._values = values
        self._type = values[Reg.VET].to_bytes(2, "big")
        self._stripping = bool(values[Reg.CTRL] & CTRL.VME)
        self._filtering = bool(values[Reg.RCTL] & RCTL.VFE)
        self._with_fcs = not values[Reg.RCTL] & RCTL.SECRC
        self._control = values[Reg.RXCSUM]

    @property
    def wanted(self) -> bool:
        """Whether any offload is on."""
        return self._stripping or self._filtering or self._control != 0

    def passes(self, frame: bytes) -> bool:
        """The VLAN filter's verdict on ``frame`` (with FCS)."""
        if not self._filtering:
            return True
        control = vlan.tag_control(frame, self._type)
        return control is None or vlan.passes(control, self._values)

    def apply(self, frame: bytes, status: int, errors: int, good: bool) -> Stored:
        """What is stored of ``frame`` (with FCS), whose last descriptor has ``status`` and ``errors`` so far.

        Protocol checksums are looked at in ``good`` frames only. The packet checksum has no enable in the
        manual; here it is reported when RXCSUM is not 0, so that who uses no offload sees none.
        """
        tag = vlan.tag_control(frame, self._type)
        if good and self._control & (RXCSUM.IPOFLD | RXCSUM.TUOFLD):
            more, wrong = self._protocols(frame, ETHERNET_HEADER + (vlan.TAG_BYTES if tag is not None else 0))
            errors |= wrong
            if more:
                status = status & ~_IXSM | more
        special = 0
        if tag is not None and self._stripping:
            frame = vlan.strip_tag(frame)
            status |= RxStatus.VP
            special = tag
        checksum = self._packet_checksum(frame) if self._control else 0
        return Stored(frame, status, errors, checksum, special)

    def _packet_checksum(self, frame: bytes) -> int:
        """Over what goes to memory, from byte RXCSUM.PCSS on."""
        size = len(frame) if self._with_fcs else len(frame) - vlan.FCS_BYTES
        return ALL_ONES ^ ones_sum(frame[self._control & RXCSUM.PCSS_MASK : max(size, 0)])

    def _protocols(self, frame: bytes, network: int) -> tuple[int, int]:
        """Status and error bits for an IP header that would start at ``network``."""
        size = len(frame) - vlan.FCS_BYTES
        if frame[network - 2 : network] != _IPV4 or network + 20 > size or frame[network] >> 4 != 4:
            return 0, 0
        header = 4 * (frame[network] & 15)
        if header < 20 or network + header > size:
            return 0, 0
        status = errors = 0
        if self._control & RXCSUM.IPOFLD:
            status |= RxStatus.IPCS
            if ones_sum(frame[network : network + header]) != ALL_ONES:
                errors |= RxErrors.IPE
        total = int.from_bytes(frame[network + 2 : network + 4], "big")
        if self._control & RXCSUM.TUOFLD and header <= total <= size - network:
            wrong = _transport_wrong(frame[network : network + total], header)
            if wrong is not None:
                status |= RxStatus.TCPCS
                if wrong:
                    errors |= RxErrors.TCPE
        return status, errors


def _transport_wrong(packet: bytes, header: int) -> bool | None:
    """Whether the TCP or UDP checksum of an IPv4 packet is wrong; None if there is none to be checked.

    ``header`` is the length of the IP header in bytes.
    """
    protocol = packet[9]
    length = len(packet) - header
    if int.from_bytes(packet[6:8], "big") & FRAGMENT or length < _MIN_TRANSPORT.get(protocol, 1 << 16):
        return None
    if protocol == UDP and packet[header + 6 : header + 8] == b"\0\0":
        return None  # the sender made none (RFC 768)
    return add(ones_sum(packet[12:20]), protocol, length, ones_sum(packet[header:])) != ALL_ONES


def receive_offload(values: Mapping[int, int]) -> ReceiveOffload | None:
    """The offloads under the register ``values``; None if all are off."""
    offload = ReceiveOffload(values)
    return offload if offload.wanted else None
