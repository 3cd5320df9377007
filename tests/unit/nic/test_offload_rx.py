"""Receive checksums: packet checksum, IPv4 header, TCP and UDP, judged by scapy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw
from scapy.utils import checksum

from tests.unit.nic.bench import Bench, frame
from tests.unit.nic.packets import HERE, MAC_TEXT, PEER, tcp, udp, wire
from vnic.nic.descriptors import RxErrors, RxStatus
from vnic.nic.model import fcs
from vnic.nic.registers import CTRL, RCTL, RXCSUM, Reg

IPOFLD, TUOFLD = RXCSUM.IPOFLD, RXCSUM.TUOFLD
SUMS = RxStatus.IPCS | RxStatus.TCPCS
BOTH = IPOFLD | TUOFLD
ETHER = Ether(dst=MAC_TEXT, src="02:00:00:00:00:01")


def verdict(bench: Bench, data: bytes, rxcsum: int = BOTH, rctl: int = 0) -> tuple[int, int]:
    """IXSM, IPCS, TCPCS of the status; and the errors."""
    bench[Reg.RXCSUM] = rxcsum
    bench.open_rx(RCTL.EN | rctl)
    bench.receive(data)
    assert bench.rx(0).status & RxStatus.DD
    return bench.rx(0).status & (SUMS | RxStatus.IXSM), bench.rx(0).errors


@settings(max_examples=60, deadline=None)
@given(
    payload=st.binary(max_size=1380),
    ip_options=st.integers(0, 10),
    tcp_options=st.integers(0, 10),
    tag=st.none() | st.integers(0, 0xFFFF),
    strip=st.booleans(),
    is_udp=st.booleans(),
    damage=st.none() | st.integers(0, 1500),
)
def test_checksums_are_checked(
    payload: bytes,
    ip_options: int,
    tcp_options: int,
    tag: int | None,
    strip: bool,
    is_udp: bool,
    damage: int | None,
) -> None:
    """One bit that flips anywhere in the IP header or behind it is found, and in the right half."""
    if is_udp:
        packet, ip_options = udp(payload, tag=tag), 0
    else:
        packet = tcp(payload, ip_options=ip_options, tcp_options=tcp_options, tag=tag)
    network = 14 if tag is None else 18
    transport = network + 20 + 4 * ip_options
    raw = bytearray(bytes(packet))
    status, errors = SUMS, 0
    if damage is not None:
        # Addresses are in both sums; version, lengths, fragment and protocol decide what is looked at.
        places = [network + 1, network + 8, *range(network + 10, network + 12), *range(transport, len(raw))]
        place = places[damage % len(places)]
        if is_udp and transport + 6 <= place < transport + 8:
            place = transport
        raw[place] ^= 1 << damage % 8
        errors = RxErrors.IPE if place < transport else RxErrors.TCPE
    with Bench() as bench:
        bench[Reg.CTRL] = CTRL.SLU | (CTRL.VME if strip else 0)
        assert verdict(bench, wire(bytes(raw))) == (status, errors)


@pytest.mark.parametrize(
    ("rxcsum", "status"),
    [
        (0, RxStatus.IXSM),
        (IPOFLD, RxStatus.IPCS),
        (TUOFLD, RxStatus.TCPCS),
        (BOTH, SUMS),
        (14, RxStatus.IXSM),
    ],
)
def test_each_check_has_its_switch(bench: Bench, rxcsum: int, status: int) -> None:
    assert verdict(bench, wire(tcp(b"abc")), rxcsum) == (status, 0)


@pytest.mark.parametrize(
    ("rxcsum", "errors"),
    [(IPOFLD, RxErrors.IPE), (TUOFLD, RxErrors.TCPE), (BOTH, RxErrors.IPE | RxErrors.TCPE), (0, 0)],
)
def test_errors_follow_the_switches(bench: Bench, rxcsum: int, errors: int) -> None:
    """An address is in both checksums."""
    raw = bytearray(bytes(tcp(b"abc")))
    raw[29] ^= 4
    assert verdict(bench, wire(bytes(raw)), rxcsum)[1] == errors
    assert bench[Reg.GPRC] == 1


def raw_ip(**fields: Any) -> Any:
    """A TCP packet whose IP header is as told, with a correct header checksum."""
    return ETHER / IP(src=HERE, dst=PEER, **fields) / TCP(sport=1, dport=2) / Raw(b"payload")


@pytest.mark.parametrize(
    ("packet", "status"),
    [
        (ETHER / IP(src=HERE, dst=PEER) / ICMP(), RxStatus.IPCS),
        (ETHER / IP(src=HERE, dst=PEER, flags="MF") / UDP() / Raw(bytes(64)), RxStatus.IPCS),
        (ETHER / IP(src=HERE, dst=PEER, frag=0x1FFF, proto=17) / Raw(bytes(64)), RxStatus.IPCS),
        (ETHER / IP(src=HERE, dst=PEER) / UDP(chksum=0) / Raw(b"x"), RxStatus.IPCS),
        (ETHER / IPv6(src="fe80::1", dst="fe80::2") / TCP(), RxStatus.IXSM),
        (ETHER / ARP(), RxStatus.IXSM),
        (raw_ip(version=5), RxStatus.IXSM),
        (raw_ip(ihl=4), RxStatus.IXSM),
        (raw_ip(len=19), RxStatus.IPCS),
        (raw_ip(len=39), RxStatus.IPCS),
        (raw_ip(len=1500), RxStatus.IPCS),
        (Ether(dst=MAC_TEXT, type=0x9000) / IP(src=HERE, dst=PEER) / TCP(), RxStatus.IXSM),
    ],
    ids=["ICMP", "first fragment", "last fragment", "UDP without", "IPv6", "ARP", "version 5", "IHL 4",
         "shorter than its header", "no room for TCP", "longer than the frame", "another type"],
)  # fmt: skip
def test_what_is_not_checked(bench: Bench, packet: Any, status: int) -> None:
    """SDM table 3-5, and lengths that do not fit."""
    assert verdict(bench, wire(packet))[0] == status


def test_padding_is_not_part_of_the_packet(bench: Bench) -> None:
    body = bytes(tcp(b"")).ljust(60, b"\xee")
    assert verdict(bench, body + fcs(body)) == (SUMS, 0)


def test_header_that_ends_with_the_frame(bench: Bench) -> None:
    packet = ETHER / IP(src=HERE, dst=PEER, ihl=15, len=60)
    body = bytearray(bytes(packet).ljust(60, b"\0"))
    assert verdict(bench, bytes(body) + fcs(bytes(body))) == (RxStatus.IXSM, 0)


def test_bad_frames_are_not_checked(bench: Bench) -> None:
    bench[Reg.RXCSUM] = BOTH
    bench.open_rx(RCTL.EN | RCTL.SBP)
    bench.receive(wire(tcp(b"abc")), bad_fcs=True)
    assert bench.rx(0).status & (SUMS | RxStatus.IXSM) == RxStatus.IXSM
    assert bench.rx(0).errors == RxErrors.CE
    assert bench.rx(0).checksum == checksum(wire(tcp(b"abc")))


# ---- packet checksum


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(64, 1522),
    start=st.integers(0, 255),
    secrc=st.booleans(),
    enable=st.sampled_from([0, BOTH]),
)
def test_packet_checksum(size: int, start: int, secrc: bool, enable: int) -> None:
    """SDM 13.4.47: from PCSS to the end of what is stored; in the first descriptor (3.2.3)."""
    data = frame(size, seed=size)
    with Bench() as bench:
        bench[Reg.RXCSUM] = start | enable
        bench.open_rx(RCTL.EN | RCTL.BSIZE_256 | (RCTL.SECRC if secrc else 0))
        bench.receive(data)
        stored = data[:-4] if secrc else data
        count = -(-len(stored) // 256)
        expected = checksum(stored[start:]) if start | enable else 0
        assert [bench.rx(index).checksum for index in range(count)] == [expected] + [0] * (count - 1)


def test_packet_checksum_is_taken_without_the_tag(bench: Bench) -> None:
    bench[Reg.CTRL] = CTRL.SLU | CTRL.VME
    bench[Reg.RXCSUM] = 14
    bench.open_rx(RCTL.EN | RCTL.SECRC)
    bench.receive(wire(tcp(b"abcdefgh", tag=0x7FFF)))
    assert bench.rx(0).checksum == checksum(bytes(tcp(b"abcdefgh"))[14:])


def test_packet_checksum_of_nothing(bench: Bench) -> None:
    bench[Reg.RXCSUM] = 64
    bench.open_rx()
    bench.receive(frame(64))
    assert bench.rx(0).checksum == 0xFFFF


def test_a_reset_ends_the_checks(bench: Bench) -> None:
    bench[Reg.RXCSUM] = BOTH
    bench[Reg.CTRL] = CTRL.RST
    bench[Reg.CTRL] = CTRL.SLU
    bench.open_rx()
    bench.receive(wire(tcp(b"abc")))
    assert bench.rx(0).status & (SUMS | RxStatus.IXSM) == RxStatus.IXSM
    assert bench.rx(0).checksum == 0
