"""Context and data descriptors, and packets made by scapy: an independent judge of checksums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from scapy.layers.inet import IP, TCP, UDP, IPOption
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from tests.unit.nic.bench import MAC, TX_DATA, TX_RING, Bench
from vnic.nic.descriptors import TX_CONTEXT, TxCommand, TxType
from vnic.nic.descriptors import TX_DATA as DATA_STRUCT
from vnic.nic.model import fcs
from vnic.nic.registers import Reg

PEER = "10.1.2.3"
HERE = "10.200.255.254"
MAC_TEXT = MAC.hex(":")
CONTEXT_FIELDS = ("ipcss", "ipcso", "ipcse", "tucss", "tucso", "tucse", "hdrlen", "mss")


def context(payload: int = 0, command: int = 0, **fields: int) -> bytes:
    """A context descriptor; fields that are not named are 0."""
    values: dict[str, Any] = dict.fromkeys(CONTEXT_FIELDS, 0) | fields
    lower = payload | TxType.CONTEXT << 20 | (command | TxCommand.DEXT) << 24
    return bytes(TX_CONTEXT.build(values | {"lower": lower, "status": 0}))


def data(address: int, length: int, command: int, options: int = 0, special: int = 0) -> bytes:
    """A data descriptor."""
    lower = length | TxType.DATA << 20 | (command | TxCommand.DEXT) << 24
    values = {"address": address, "lower": lower, "status": 0, "popts": options, "special": special}
    return bytes(DATA_STRUCT.build(values))


def post(bench: Bench, descriptors: Sequence[bytes]) -> None:
    """Put descriptors into the ring from its start, and tell the controller."""
    bench.memory.write(TX_RING, b"".join(descriptors))
    bench[Reg.TDT] = len(descriptors)


def data_descriptors(
    bench: Bench, packet: bytes, cuts: Sequence[int], command: int, options: int = 0, special: int = 0
) -> list[bytes]:
    """``packet`` in memory, cut at ``cuts``, and its data descriptors; the last one has EOP."""
    address = TX_DATA + 3
    bench.memory.write(address, packet)
    made: list[bytes] = []
    edges = [0, *cuts, len(packet)]
    for start, end in pairwise(edges):
        last = TxCommand.EOP if end == len(packet) and len(made) == len(edges) - 2 else 0
        made.append(data(address + start, end - start, command | last, options, special))
    return made


def tcp(
    payload: bytes, *, ip_options: int = 0, tcp_options: int = 0, tag: int | None = None, **fields: Any
) -> Any:
    """An Ethernet frame with TCP; options in words of 4 bytes; ``fields``: IP's ``id``, TCP's others."""
    network = IP(
        src=HERE, dst=PEER, id=fields.pop("id", 1), flags="DF", options=[IPOption(b"\x01")] * (4 * ip_options)
    )
    transport = TCP(sport=1025, dport=5001, options=[("NOP", None)] * (4 * tcp_options), **fields)
    return _frame(network / transport / Raw(payload), tag)


def udp(payload: bytes, *, tag: int | None = None) -> Any:
    """An Ethernet frame with UDP."""
    return _frame(IP(src=HERE, dst=PEER) / UDP(sport=53, dport=1025) / Raw(payload), tag)


def _frame(packet: Any, tag: int | None) -> Any:
    if tag is None:
        return Ether(dst=MAC_TEXT, src="02:00:00:00:00:01") / packet
    tagged = Dot1Q(vlan=tag & 0xFFF, prio=tag >> 13, dei=tag >> 12 & 1)
    return Ether(dst=MAC_TEXT, src="02:00:00:00:00:01") / tagged / packet


def wire(packet: Any) -> bytes:
    """The frame as it comes over the wire: padded, with FCS."""
    body = bytes(packet).ljust(60, b"\0")
    return body + fcs(body)
