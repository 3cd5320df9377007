"""Where QEMU's NICs are known to differ from the 8254x manual, one rule each.

A difference between QEMU and another NIC that is listed here is told as a note; any other is an error of one
of them. Each entry says what was seen, in QEMU 7.2 (hw/net/e1000.c, e1000x_common.c), and which bits of which
value it excuses; the tests play all captures against QEMU and fail when an entry is not needed any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from vnic.checks.rule import Rule

ALL: Final = 0xFFFFFFFF
_SOURCE: Final = "QEMU 7.2 hw/net/e1000.c"


class Difference(NamedTuple):
    """One known difference.

    Attributes:
        rule: how it is named and told.
        fields: what it excuses, by name (register, counter, column of the record), and which bits of it.
    """

    rule: Rule
    fields: Mapping[str, int]


def _difference(name: str, title: str, doc: str, fields: Mapping[str, int]) -> Difference:
    return Difference(Rule(f"qemu-{name}", title, doc, _SOURCE, "note"), fields)


DIFFERENCES: Final = (
    _difference(
        "fcs",
        "QEMU counts an FCS that it does not write",
        "Without RCTL.SECRC the length in the descriptor includes four bytes of FCS; in memory they keep "
        "what the buffer held before. Found by guard bytes.",
        {"tail": ALL},
    ),
    _difference(
        "memory",
        "Memory and DMA writes are not compared with QEMU's",
        "Guard bytes fill the buffers of the run on QEMU, and the FCS is missing there, so the images cannot "
        "be equal; and what QEMU writes is known only from its descriptors. Frames, descriptors and guard "
        "bytes are compared instead.",
        {"memory": ALL},
    ),
    _difference(
        "bprc",
        "QEMU counts received broadcasts as multicasts",
        "BPRC stays 0 and MPRC counts both. Packets sent are counted as the manual says.",
        {"BPRC": ALL, "MPRC": ALL},
    ),
    _difference(
        "pif",
        "QEMU never sets PIF",
        "RDESC.STA.PIF says that a frame passed by hash or promiscuous mode only; QEMU leaves it clear.",
        {"status": 0x80},
    ),
    _difference(
        "reset-values",
        "QEMU starts some registers with other values",
        "CTRL: FD clear, SWDPIN0 and SWDPIN2 set. STATUS: bits 8, 10, 19 and 31, which the 82540EM does not "
        "have or reads otherwise. LEDCTL: the value of a later part. MANC: bits that firmware would have "
        "set. None of them changes what the driver does.",
        {"CTRL": 0x00140001, "STATUS": 0x80080500, "LEDCTL": ALL, "MANC": ALL},
    ),
    _difference(
        "not-implemented",
        "QEMU does not have, or does not return, some registers",
        "TIPG, RXDCTL and TSPMT read 0 whatever was written; PBA does not take the transmitter's share from "
        "the receiver's.",
        {"TIPG": ALL, "RXDCTL": ALL, "TSPMT": ALL, "PBA": 0xFFFF0000},
    ),
    _difference(
        "eeprom",
        "QEMU's EEPROM holds other words, and EECD keeps nothing",
        "The checksum word, read last by EERD, differs with the content. EECD always grants (GNT), and "
        "neither FWE nor DO read back as the manual has them.",
        {"EERD": 0xFFFF0000, "EECD": 0x00000098},
    ),
    _difference(
        "wrap",
        "QEMU drops a long frame when RDT has wrapped and RDH has not",
        "The first frame after a write to RDT that needs more than one descriptor is counted in MPC and "
        "lost if RDT is below RDH then: the free descriptors are computed as RDT - RDH, which is negative "
        "(e1000_has_rxbufs while check_rxov is 0). Nothing excuses the missing frame in a comparison; keep "
        "frames within one buffer, or the ring larger than the run.",
        {},
    ),
)
RULES: Final = tuple(difference.rule for difference in DIFFERENCES)


def unwatched(target: str) -> bool:
    """Whether the NIC's DMA cannot be watched, so that its events only repeat what its descriptors say."""
    return target == "qemu"


def known(target: str, field: str, left: int | None, right: int | None) -> Rule | None:
    """The rule that excuses two values of `field` from differing when `target` is one of the NICs."""
    if not unwatched(target):
        return None
    for difference in DIFFERENCES:
        mask = difference.fields.get(field)
        if mask is not None and (mask == ALL or ((left or 0) ^ (right or 0)) & ~mask == 0):
            return difference.rule
    return None
