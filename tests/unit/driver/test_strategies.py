"""Buffer sizes and strategies of e1000 and e1000e by kernel, and the layouts that follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vnic.driver.strategies import driver_buffer
from vnic.errors import UsageError
from vnic.linux.profile import load_profile

CASES = [
    # kernel, driver, mtu, rx_buffer_len, strategy, size class, truesize
    ("linux-2.4/i386-P4", "e1000", 1500, 2048, "skb", "size-4096", 2340),
    ("linux-2.4/i386-P4", "e1000", 9000, 16384, "skb", "size-32768", 16676),
    ("2.6.18/x86_64-generic", "e1000", 1500, 1522, "skb", "size-2048", 1912),
    ("2.6.18/x86_64-generic", "e1000", 1400, 2048, "skb", "size-4096", 2424),
    ("2.6.18/x86_64-generic", "e1000", 200, 256, "skb", "size-1024", 632),
    ("2.6.32/x86_64", "e1000", 1400, 2048, "skb", "kmalloc-4096", 2344),
    ("2.6.32/x86_64", "e1000", 9000, 4096, "jumbo", "page", 4096),
    ("2.6.32/x86_64", "e1000e", 400, 512, "skb", "kmalloc-2048", 808),
    ("2.6.36/x86_64", "e1000e", 400, 2048, "skb", "kmalloc-4096", 2352),
    ("3.3/x86_64", "e1000e", 1400, 2048, "skb", "kmalloc-4096", 4352),
    ("4.4/x86_64", "e1000e", 1400, 1522, "skb", "page_frag", 2176),
    ("6.1/x86_64", "e1000", 1500, 1522, "build_skb", "page_frag", 2176),
    ("6.1/x86_64", "e1000", 1400, 2048, "build_skb", "page_frag", 2688),
    ("6.1/x86_64", "e1000e", 1400, 1522, "skb", "page_frag", 2176),
    ("6.1/x86_64", "e1000e", 9000, 4096, "packet-split", "kmalloc-512", 13056),
    ("2.6.32/x86_64", "e1000e", 9216, 4096, "packet-split", "kmalloc-1024", 12712),
    ("6.1/arm64-64k", "e1000e", 9000, 4096, "jumbo", "page", 65536),
    ("6.1/arm64-64k", "e1000e", 1518, 2048, "skb", "page_frag", 2688),
    ("6.1/arm64-64k", "e1000e", 1519, 2048, "jumbo", "page", 65536),
]


@pytest.mark.parametrize(("kernel", "driver", "mtu", "size", "strategy", "size_class", "truesize"), CASES)
def test_buffer_of_a_driver(
    kernel: str, driver: str, mtu: int, size: int, strategy: str, size_class: str, truesize: int
) -> None:
    found = driver_buffer(load_profile(kernel), driver, mtu)
    assert (found.rx_buffer_len, found.strategy) == (size, strategy)
    assert (found.layout.size_class, found.layout.truesize) == (size_class, truesize)


def test_the_first_e1000e_had_no_pages_for_what_it_does_not_split() -> None:
    large = replace(load_profile("2.6.24/x86_64"), page_size=65536)
    assert driver_buffer(large, "e1000e", 9000).strategy == "skb"
    assert driver_buffer(replace(large, version=(2, 6, 26)), "e1000e", 9000).strategy == "jumbo"


def test_the_first_fill_of_e1000e_is_kmalloc() -> None:
    """Both kinds stand in one ring: the first ring may sleep, refills may not."""
    found = driver_buffer(load_profile("6.1/x86_64"), "e1000e", 1500)
    assert found.first_fill is not None
    assert (found.first_fill.size_class, found.first_fill.truesize) == ("kmalloc-2k", 2304)
    assert (found.layout.size_class, found.layout.truesize) == ("page_frag", 2176)
    assert driver_buffer(load_profile("3.3/x86_64"), "e1000e", 1500).first_fill is None


@pytest.mark.parametrize(
    ("kernel", "driver", "mtu", "message"),
    [
        ("6.1/x86_64", "e100", 1500, "e1000, e1000e"),
        ("2.6.18/ppc64", "e1000e", 1500, "came with 2.6.24"),
        ("6.1/x86_64", "e1000", 45, "46 to 16110"),
        ("6.1/x86_64", "e1000e", 9213, "68 to 9212"),
        ("6.1/x86_64", "e1000e", 67, "68 to 9212"),
        ("2.6.24/x86_64", "e1000e", 45, "46 to 9216"),
        ("2.6.32/x86_64", "e1000e", 9217, "68 to 9216"),
    ],
)
def test_what_is_refused(kernel: str, driver: str, mtu: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        driver_buffer(load_profile(kernel), driver, mtu)
