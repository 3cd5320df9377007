"""Where QEMU's NICs are known to differ from the 8254x manual, one rule each.

A difference between QEMU and another NIC that is listed here is told as a note; any other is an error of one
of them. Each entry says what was seen, in QEMU 7.2 (hw/net/e1000.c, e1000e_core.c, e1000x_common.c), on which
of its NICs, and which bits of which value it excuses; the tests play all captures against QEMU and fail when
an entry is not needed any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from vnic.checks.rule import Rule

ALL: Final = 0xFFFFFFFF
_E1000: Final = ("qemu",)
_E1000E: Final = ("qemu-e1000e",)
_BOTH: Final = (*_E1000, *_E1000E)
_SOURCES: Final = {
    _E1000: "QEMU 7.2 hw/net/e1000.c",
    _E1000E: "QEMU 7.2 hw/net/e1000e_core.c; Intel 82574 datasheet",
    _BOTH: "QEMU 7.2 hw/net/e1000.c, e1000e_core.c",
}
_RECEIVED: Final = ("PRC64", "PRC127", "PRC255", "PRC511", "PRC1023", "PRC1522")
_SENT: Final = ("PTC64", "PTC127", "PTC255", "PTC511", "PTC1023", "PTC1522", "GOTC", "TOT")


class Difference(NamedTuple):
    """One known difference.

    Attributes:
        rule: how it is named and told.
        fields: what it excuses, by name (register, counter, column of the record), and which bits of it.
        targets: on which of QEMU's NICs.
        stripped: only with the FCS taken off (RCTL.SECRC), or only with it kept; None: either way.
    """

    rule: Rule
    fields: Mapping[str, int]
    targets: tuple[str, ...]
    stripped: bool | None

    def mask(self, targets: Sequence[str], field: str, *, stripped: bool) -> int:
        """The bits of a field that may differ when these NICs are compared."""
        if self.stripped not in (None, stripped) or not any(target in self.targets for target in targets):
            return 0
        return self.fields.get(field, 0)


def _difference(
    name: str,
    title: str,
    doc: str,
    fields: Mapping[str, int],
    targets: tuple[str, ...] = _E1000,
    *,
    stripped: bool | None = None,
) -> Difference:
    return Difference(Rule(name, title, doc, _SOURCES[targets], "note"), fields, targets, stripped)


DIFFERENCES: Final = (
    _difference(
        "qemu-fcs",
        "QEMU counts an FCS that it does not write",
        "Without RCTL.SECRC the length in the descriptor includes four bytes of FCS; in memory they keep "
        "what the buffer held before. Found by guard bytes.",
        {"tail": ALL},
        stripped=False,
    ),
    _difference(
        "qemu-memory",
        "Memory and DMA writes are not compared with QEMU's",
        "Guard bytes fill the buffers of the run on QEMU, and the FCS is missing there, so the images cannot "
        "be equal; and what QEMU writes is known only from its descriptors. Frames, descriptors and guard "
        "bytes are compared instead.",
        {"memory": ALL},
        _BOTH,
    ),
    _difference(
        "qemu-bprc",
        "QEMU counts received broadcasts as multicasts",
        "BPRC stays 0 and MPRC counts both. Packets sent are counted as the manual says.",
        {"BPRC": ALL, "MPRC": ALL},
    ),
    _difference(
        "qemu-pif",
        "QEMU never sets PIF",
        "RDESC.STA.PIF says that a frame passed by hash or promiscuous mode only; QEMU leaves it clear.",
        {"status": 0x80},
        _BOTH,
    ),
    _difference(
        "qemu-buckets",
        "QEMU counts frames by their length without FCS when it strips it",
        "PRC64 to PRC1522 take the length that reaches memory with RCTL.SECRC, so a frame of 64 bytes, 60 "
        "without FCS, is in none of them. The octets (GORC, TOR) do include the FCS.",
        dict.fromkeys(_RECEIVED, ALL),
        _BOTH,
        stripped=True,
    ),
    _difference(
        "qemu-reset-values",
        "QEMU starts some registers with other values",
        "CTRL: FD clear, SWDPIN0 and SWDPIN2 set. STATUS: bits 8, 10, 19 and 31, which the 82540EM does not "
        "have or reads otherwise. LEDCTL: the value of a later part. MANC: bits that firmware would have "
        "set. None of them changes what the driver does.",
        {"CTRL": 0x00140001, "STATUS": 0x80080500, "LEDCTL": ALL, "MANC": ALL},
    ),
    _difference(
        "qemu-not-implemented",
        "QEMU does not have, or does not return, some registers",
        "TIPG, RXDCTL and TSPMT read 0 whatever was written; PBA does not take the transmitter's share from "
        "the receiver's.",
        {"TIPG": ALL, "RXDCTL": ALL, "TSPMT": ALL, "PBA": 0xFFFF0000},
    ),
    _difference(
        "qemu-eeprom",
        "QEMU's EEPROM holds other words, and EECD keeps nothing",
        "The checksum word, read last by EERD, differs with the content. EECD always grants (GNT), and "
        "neither FWE nor DO read back as the manual has them.",
        {"EERD": 0xFFFF0000, "EECD": 0x00000098},
    ),
    _difference(
        "qemu-wrap",
        "QEMU drops a long frame when RDT has wrapped and RDH has not",
        "The first frame after a write to RDT that needs more than one descriptor is counted in MPC and "
        "lost if RDT is below RDH then: the free descriptors are computed as RDT - RDH, which is negative "
        "(e1000_has_rxbufs while check_rxov is 0). Nothing excuses the missing frame in a comparison; keep "
        "frames within one buffer, or the ring larger than the run.",
        {},
    ),
    _difference(
        "qemu-e1000e-fcs",
        "QEMU's e1000e gives the FCS a descriptor of its own",
        "Without RCTL.SECRC every frame ends in one more descriptor, of four bytes that are zero. Nothing "
        "excuses it in a comparison: the driver has the FCS stripped on this part, as Linux has, and so has "
        "whoever is compared with it.",
        {},
        _E1000E,
        stripped=False,
    ),
    _difference(
        "qemu-e1000e-ixsm",
        "QEMU's e1000e never sets IXSM",
        "RDESC.STA.IXSM says that the checksums were not looked at; with RXCSUM off QEMU leaves all of IXSM, "
        "IPCS and TCPCS clear.",
        {"status": 0x04},
        _E1000E,
    ),
    _difference(
        "qemu-e1000e-sent",
        "QEMU's e1000e counts what it sends without FCS",
        "PTC64 to PTC1522, GOTC and TOT take the length that the driver handed over.",
        dict.fromkeys(_SENT, ALL),
        _E1000E,
    ),
    _difference(
        "qemu-e1000e-ctrl",
        "QEMU's e1000e has bits of its own in CTRL",
        "SWDPIN0 and SWDPIN2 are set, as in its e1000. RFCE and TFCE follow what its PHY has negotiated.",
        {"CTRL": 0x18140000},
        _E1000E,
    ),
    _difference(
        "part-82574",
        "An 82574L has other registers than an 82540EM",
        "CTRL_EXT and TXDCTL: the driver sets bits that it must set on this part. PBA divides 40 KiB and not "
        "64. IMS has no RXSEQ, EERD another layout, EECD a serial flash behind it; there is no TSPMT. STATUS "
        "bit 19 says that PCI Express masters are on. LEDCTL and MANC start with other values.",
        {
            "CTRL_EXT": 0x08400000,
            "TXDCTL": 0x00400000,
            "PBA": ALL,
            "IMS": 0x00000008,
            "EERD": ALL,
            "EECD": ALL,
            "TSPMT": ALL,
            "STATUS": 0x00080000,
            "LEDCTL": ALL,
            "MANC": ALL,
        },
        _E1000E,
    ),
)
RULES: Final = tuple(difference.rule for difference in DIFFERENCES)


def unwatched(target: str) -> bool:
    """Whether the NIC's DMA cannot be watched, so that its events only repeat what its descriptors say."""
    return target in _BOTH


def known(
    targets: Sequence[str], field: str, left: int | None, right: int | None, *, stripped: bool
) -> list[Rule]:
    """The rules that together excuse two values of `field` from differing; none if they do not cover it.

    Args:
        targets: the NICs that are compared.
        field, left, right: what differs, and how.
        stripped: the FCS was taken off, by RCTL.SECRC.
    """
    differing, rules = (left or 0) ^ (right or 0), []
    for difference in DIFFERENCES:
        mask = difference.mask(targets, field, stripped=stripped)
        if mask == ALL:
            return [difference.rule]
        if mask & differing:
            rules.append(difference.rule)
            differing &= ~mask
    return [] if differing else rules
