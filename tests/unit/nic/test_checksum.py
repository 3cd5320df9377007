"""The one's complement sum, and where a checksum is inserted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import checksum

from vnic.nic.checksum import ALL_ONES, Insertion, add, insert, ones_sum


@given(st.binary(max_size=300))
def test_sum_is_scapys(content: bytes) -> None:
    # Between 0 and 0xFFFF, which are the same number, scapy and an adder choose alike as well.
    assert ALL_ONES ^ ones_sum(content) == checksum(content)


@given(st.binary(max_size=100).filter(lambda head: len(head) % 2 == 0), st.binary(max_size=100))
def test_sums_of_parts_add_up(head: bytes, tail: bytes) -> None:
    assert add(ones_sum(head), ones_sum(tail)) == ones_sum(head + tail)


@pytest.mark.parametrize(
    ("content", "total"),
    [(b"", 0), (b"\0\0\0", 0), (b"\xff\xff", 0xFFFF), (b"\xff\xfe\0\1", 0xFFFF), (b"\x12", 0x1200),
     (b"\xff\xff\0\1", 1)],
)  # fmt: skip
def test_zero_is_only_for_zeros(content: bytes, total: int) -> None:
    assert ones_sum(content) == total


@given(st.binary(min_size=2, max_size=80), st.integers(0, 90), st.integers(0, 90), st.integers(0, 90))
def test_insertion_touches_two_bytes_or_none(frame: bytes, start: int, place: int, end: int) -> None:
    """Against the rule spelled out byte by byte: SDM 3.6, with ranges that do not fit left alone."""
    changed = insert(frame, (Insertion(start, place, end, False),))
    stop = end if 0 < end < len(frame) else len(frame) - 1
    if start >= len(frame) or place > len(frame) - 2 or (end and end < start):
        assert changed == frame
        return
    covered = frame[start : stop + 1]
    assert changed[place : place + 2] == checksum(covered).to_bytes(2, "big")
    assert changed[:place] + changed[place + 2 :] == frame[:place] + frame[place + 2 :]


@pytest.mark.parametrize(("transport", "expected"), [(True, b"\xff\xff"), (False, b"\0\0")])
def test_transport_checksum_is_never_zero(transport: bool, expected: bytes) -> None:
    """0 in UDP says that there is no checksum (RFC 768)."""
    assert insert(b"\xff\xff\0\0", (Insertion(0, 2, 0, transport),))[2:] == expected


def test_all_sums_are_taken_before_the_first_is_inserted() -> None:
    both = insert(bytes(range(20)), (Insertion(0, 2, 0, False), Insertion(0, 6, 0, False)))
    assert both[2:4] == both[6:8]
