"""Which buffer the driver takes for an MTU, kernel by kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnic.driver import DriverOptions
from vnic.driver.buffers import RCTL_SIZE, crosses_64k, plan_rx
from vnic.errors import UsageError
from vnic.linux.profile import load_profile, profile_names
from vnic.nic.registers import RCTL

AUTO = DriverOptions()


@pytest.mark.parametrize(
    ("kernel", "mtu", "strategy", "buffer"),
    [
        ("linux-2.4/i386-P4", 576, "skb", 2048),
        ("linux-2.4/i386-P4", 1500, "skb", 2048),
        ("linux-2.4/i386-P4", 1501, "skb", 4096),
        ("2.6.9/i386-686", 4078, "skb", 4096),
        ("2.6.9/i386-686", 4079, "skb", 8192),
        ("2.6.9/i386-686", 9000, "skb", 16384),
        ("2.6.18/x86_64-generic", 200, "skb", 256),
        ("2.6.9/i386-686", 1501, "skb", 4096),
        ("2.6.18/x86_64-generic", 1400, "skb", 2048),
        ("2.6.18/x86_64-generic", 1500, "skb", 1522),
        ("2.6.18/x86_64-generic", 1504, "skb", 1522),
        ("2.6.18/x86_64-generic", 9000, "skb", 16384),
        ("2.6.36/x86_64", 200, "skb", 2048),
        ("2.6.36/x86_64", 1500, "skb", 1522),
        ("2.6.36/x86_64", 9000, "jumbo", 4096),
        ("3.3/x86_64", 1505, "jumbo", 2048),
        ("6.1/x86_64", 1400, "build_skb", 2048),
        ("6.1/x86_64", 1500, "build_skb", 1522),
        ("6.1/x86_64", 1504, "jumbo", 1522),
        ("6.1/x86_64", 2031, "jumbo", 4096),
    ],
)
def test_the_buffer_of_each_era(kernel: str, mtu: int, strategy: str, buffer: int) -> None:
    plan = plan_rx(load_profile(kernel), replace(AUTO, mtu=mtu), mtu)
    assert (plan.strategy, plan.buffer) == (strategy, buffer)
    assert plan.long_packets is (mtu > 1500)


@pytest.mark.parametrize(
    ("version", "mtu", "buffer"),
    [((2, 6, 11), 1501, 4096), ((2, 6, 12), 1501, 2048), ((2, 6, 17), 2030, 2048), ((2, 6, 17), 2031, 4096)],
)
def test_2048_bytes_hold_more_than_plain_ethernet_since_2_6_12(
    version: tuple[int, ...], mtu: int, buffer: int
) -> None:
    profile = replace(load_profile("2.6.9/i386-686"), version=version)
    assert plan_rx(profile, replace(AUTO, mtu=mtu), mtu).buffer == buffer


@given(st.sampled_from(profile_names()), st.integers(46, 16110))
def test_every_mtu_has_a_plan_that_the_controller_can_do(kernel: str, mtu: int) -> None:
    plan = plan_rx(load_profile(kernel), AUTO, mtu)
    assert plan.hw_buffer in RCTL_SIZE
    assert plan.buffer in (plan.hw_buffer, 1522)
    assert plan.spans or plan.descriptors(plan.max_frame) == 1
    assert plan.descriptors(plan.max_frame) * plan.hw_buffer >= plan.max_frame
    assert bool(plan.rctl & RCTL.LPE) is (mtu > 1500)


@pytest.mark.parametrize(
    ("size", "bits"),
    [(2048, 0), (1024, 1), (512, 2), (256, 3), (16384, 1 | 1 << 9), (8192, 2 | 1 << 9), (4096, 3 | 1 << 9)],
)
def test_rctl_holds_the_size_bits_of_the_manual(size: int, bits: int) -> None:
    plan = plan_rx(load_profile("2.6.18/x86_64-generic"), DriverOptions(buffer=size), 1500)
    assert plan.rctl >> 16 == bits


def test_a_buffer_by_name_that_is_smaller_than_the_frame_lets_frames_span() -> None:
    plan = plan_rx(load_profile("6.1/x86_64"), DriverOptions(buffer=512), 1500)
    assert plan.spans
    assert [plan.descriptors(length) for length in (64, 512, 513, 1518)] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("kernel", "options", "mtu", "says"),
    [
        ("3.3/x86_64", DriverOptions(strategy="build_skb"), 1500, "netdev_alloc_frag came with Linux 3.5"),
        ("6.1/x86_64", DriverOptions(strategy="jumbo", buffer=8192), 9000, "fills pages of 4096"),
        ("6.1/x86_64", DriverOptions(strategy="jumbo", buffer=256), 9000, "would take 64 fragments"),
        ("6.1/x86_64", DriverOptions(strategy="skb", buffer=1522), 9000, "RCTL has no such size"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(
    kernel: str, options: DriverOptions, mtu: int, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        plan_rx(load_profile(kernel), options, mtu)


def test_build_skb_is_refused_where_fragments_are_too_small() -> None:
    old = replace(load_profile("3.3/x86_64"), version=(3, 5))
    with pytest.raises(UsageError, match=r"needs a fragment of 4480, and .* cuts them from 4096"):
        plan_rx(old, DriverOptions(strategy="build_skb", buffer=4096), 1500)


@pytest.mark.parametrize(
    ("version", "limit", "largest_copied"),
    [
        ((2, 4, 22), 256, 0),
        ((2, 6, 9), 256, 0),
        ((2, 6, 18), 100, 259),  # 256 whatever is asked: length without FCS below it
        ((2, 6, 24), 100, 103),
        ((2, 6, 34), 256, 259),
        ((3, 3), 256, 260),
        ((6, 1), 256, 256),
        ((6, 1), 0, 0),
    ],
)
def test_copybreak_of_each_era(version: tuple[int, ...], limit: int, largest_copied: int) -> None:
    profile = replace(load_profile("2.6.36/x86_64"), version=version)
    assert plan_rx(profile, DriverOptions(copybreak=limit), 1500).copy_up_to == largest_copied


@given(st.integers(0, 1 << 20), st.integers(1, 1 << 17))
def test_errata_23_compares_first_and_last_byte(start: int, length: int) -> None:
    assert crosses_64k(start, length) is (start // 65536 != (start + length - 1) // 65536)
