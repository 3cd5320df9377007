"""Frames under way: how they look, and where two of them differ."""

from __future__ import annotations

from typing import Final, NamedTuple

MIN_DATA: Final = 60
"""Bytes that the wire pads a frame to, without FCS: IEEE 802.3 4.2.3.3."""


def first_difference(left: bytes, right: bytes) -> int:
    """Where two unequal frames begin to differ; the shorter one's length if that is where."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))


class Expected(NamedTuple):
    """A frame that the receiver is to deliver."""

    data: bytes  # without FCS
    bad_fcs: bool
    sure: bool  # it must arrive; else it may
