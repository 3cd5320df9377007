"""802.1Q tags: insertion on transmission, filter and stripping on reception.

8254x SDM 9.1 to 9.3, 13.4.11 (VET), 13.5.4 (VFTA).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vnic.nic.registers import CTRL, RCTL, VFTA_STRIDE, Reg

ADDRESSES_BYTES: Final = 12
"""The tag stands behind destination and source address."""
TAG_BYTES: Final = 4
FCS_BYTES: Final = 4
CFI: Final = 0x1000
MIN_TAGGED: Final = ADDRESSES_BYTES + TAG_BYTES + FCS_BYTES
"""Addresses, tag and FCS: what is shorter has no tag."""


def tag_type(values: Mapping[int, int]) -> bytes | None:
    """The two bytes of VET if CTRL.VME is set, by the register ``values``."""
    return values[Reg.VET].to_bytes(2, "big") if values[Reg.CTRL] & CTRL.VME else None


def insert_tag(frame: bytes, ether_type: bytes, control: int) -> bytes:
    """``frame`` with a tag of ``ether_type`` (2 bytes) and tag control information ``control`` (16 bits).

    A frame without both addresses stays as it is.
    """
    if len(frame) < ADDRESSES_BYTES:
        return frame
    tag = ether_type + control.to_bytes(2, "big")
    return frame[:ADDRESSES_BYTES] + tag + frame[ADDRESSES_BYTES:]


def tag_control(frame: bytes, ether_type: bytes) -> int | None:
    """Tag control information of ``frame`` (with FCS), None if it is not tagged."""
    if len(frame) >= MIN_TAGGED and frame[12:14] == ether_type:
        return frame[14] << 8 | frame[15]
    return None


def strip_tag(frame: bytes) -> bytes:
    """``frame``, which is tagged, without its tag."""
    return frame[:ADDRESSES_BYTES] + frame[ADDRESSES_BYTES + TAG_BYTES :]


def passes(control: int, values: Mapping[int, int]) -> bool:
    """Whether a tag passes RCTL's VLAN filter, which is on (VFE): its identifier is in VFTA, its CFI fits."""
    rctl = values[Reg.RCTL]
    if rctl & RCTL.CFIEN and bool(control & CFI) != bool(rctl & RCTL.CFI):
        return False
    return bool(values[Reg.VFTA + (control >> 5 & 0x7F) * VFTA_STRIDE] >> (control & 31) & 1)
