"""The largest buffer that fits a class is the last one that the allocator really puts there."""

from __future__ import annotations

import pytest

from vnic.linux.fits import largest_fits
from vnic.linux.layout import rx_layout
from vnic.linux.profile import load_profile, profile_names
from vnic.linux.skb_alloc import Gfp

KMALLOC = [name for name in profile_names() if "slob" not in name]


@pytest.mark.parametrize("name", KMALLOC)
def test_one_byte_more_spills(name: str) -> None:
    profile = load_profile(name)
    checked = 0
    for fit in largest_fits(profile):
        # The largest classes end at what the model lays out, the small ones hold no data at all.
        if not 0 < fit.largest < 30000:
            continue
        layout = rx_layout(profile, fit.largest, gfp=Gfp.KERNEL)
        if layout.size_class == "skbuff_small_head":
            continue
        assert (layout.size_class, layout.allocated) == (fit.size_class, fit.size)
        assert rx_layout(profile, fit.largest + 1, gfp=Gfp.KERNEL).allocated > fit.size
        checked += 1
    assert checked >= 2


def test_the_largest_buffer_in_2048() -> None:
    """2.6.18 generic: 2048 less 312 of shared info is 13 lines of 128, less 18; 6.1: 2048 - 320 - 64."""
    found = {name: {fit.size: fit.largest for fit in largest_fits(load_profile(name))}[2048] for name in (
        "2.6.18/x86_64-generic", "2.6.32/x86_64", "6.1/x86_64")}  # fmt: skip
    assert found == {"2.6.18/x86_64-generic": 1646, "2.6.32/x86_64": 1502, "6.1/x86_64": 1664}


def test_slob_has_no_classes() -> None:
    assert largest_fits(load_profile("3.3/x86_64-slob")) == ()
