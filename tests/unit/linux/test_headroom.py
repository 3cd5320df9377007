"""Transmit headroom: LL_RESERVED_SPACE, the 32-byte rule, and what encapsulation costs by kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vnic.errors import UsageError
from vnic.linux.cpu_cost import header_cost
from vnic.linux.headroom import ENCAPSULATIONS, largest_growth, ll_reserved_space, transmit_path
from vnic.linux.profile import load_profile


@pytest.mark.parametrize(("needed", "space"), [(0, 16), (1, 16), (2, 32), (17, 32), (18, 48)])
def test_ll_reserved_space(needed: int, space: int) -> None:
    assert ll_reserved_space(load_profile("6.1/x86_64"), needed_headroom=needed) == space
    assert ll_reserved_space(load_profile("6.1/x86_64"), extra=needed) == space


def test_needed_headroom_did_not_count_before_2_6_26() -> None:
    assert ll_reserved_space(load_profile("2.6.24/x86_64"), needed_headroom=18) == 16
    assert ll_reserved_space(load_profile("2.6.32/x86_64"), needed_headroom=18) == 48


@pytest.mark.parametrize(
    "name", ["2.6.32/x86_64", "2.6.34/x86_64", "2.6.32/i386-686", "6.1/s390", "4.19/mips"]
)
def test_the_32_byte_rule_is_exact_with_32_of_pad_and_2_of_alignment(name: str) -> None:
    profile = load_profile(name)
    assert largest_growth(profile) == 32
    assert transmit_path(profile, growth=32).expands == 0
    assert transmit_path(profile, growth=33).expands > 0


@pytest.mark.parametrize(
    ("name", "growth"),
    [
        ("2.6.18/x86_64-generic", 16),  # 16 + 2 + 14 less 16: the rule did not hold yet
        ("2.6.35/x86_64", 64),
        ("2.6.36/x86_64", 49),  # without NET_IP_ALIGN, and in units of 16
        ("6.1/x86_64", 49),
        ("6.1/arm64", 49),
        ("4.4/arm64", 128),
    ],
)
def test_where_the_32_byte_rule_ends(name: str, growth: int) -> None:
    assert largest_growth(load_profile(name)) == growth


@pytest.mark.parametrize(
    ("headers", "expands"),
    [
        ((), 0),
        (("vlan",), 0),
        (("mpls",), 0),
        (("ipip",), 0),
        (("gre",), 0),
        (("gre", "vlan"), 0),
        (("vxlan",), 1),
    ],
)
def test_what_6_1_copies_for(headers: tuple[str, ...], expands: int) -> None:
    cost = transmit_path(load_profile("6.1/x86_64"), headers)
    assert cost.expands == expands
    assert cost.copied == expands * (64 + 14 + 1500)


@pytest.mark.parametrize("headers", [("gre",), ("vxlan",), ("gre", "vlan")])
def test_2_6_18_copies_for_every_tunnel(headers: tuple[str, ...]) -> None:
    cost = transmit_path(load_profile("2.6.18/x86_64-generic"), headers)
    assert cost.expands >= 1
    assert cost.allocated >= 1514


@pytest.mark.parametrize(("name", "calls"), [("3.3/x86_64", 1), ("3.5/x86_64", 1), ("3.10/x86_64", 2)])
def test_ip_tunnels_ask_skb_cow_head_since_3_10(name: str, calls: int) -> None:
    """Up to then ip_forward alone does: ipip.c had skb_realloc_headroom of its own."""
    assert transmit_path(load_profile(name), ["ipip"]).cow_calls == calls


def test_2_6_18_copies_twice_for_gre_over_vlan() -> None:
    """ip_forward makes 48 bytes of room for the tunnel, and the tunnel then asks for 24 + 32."""
    steps = {
        step.name: step
        for step in transmit_path(load_profile("2.6.18/x86_64-generic"), ["gre", "vlan"]).steps
    }
    assert (steps["forward"].wanted, steps["forward"].expanded) == (48, True)
    assert (steps["gre"].wanted, steps["gre"].headroom, steps["gre"].expanded) == (56, 48, True)
    assert not steps["vlan"].expanded


def test_a_hardware_header_that_is_not_announced_costs_a_second_copy() -> None:
    profile = load_profile("2.6.32/x86_64")
    told = transmit_path(profile, ["vxlan"], hardware_header=32)
    silent = transmit_path(profile, ["vxlan"], hardware_header=32, announced=False)
    assert (told.expands, silent.expands) == (1, 2)
    assert told.copied < silent.copied


@pytest.mark.parametrize("name", ENCAPSULATIONS)
def test_every_header_is_pushed_whole(name: str) -> None:
    for kernel in ("linux-2.4/i386-P4", "3.3/x86_64", "6.18/x86_64"):
        steps = transmit_path(load_profile(kernel), [name], hardware_header=8).steps
        assert [step.pushed for step in steps] == [0, 0, ENCAPSULATIONS[name].length, 14, 8]
        assert steps[-1].headroom >= 8


def test_bad_paths() -> None:
    profile = load_profile("6.1/x86_64")
    with pytest.raises(UsageError, match="vlan, mpls, ipip, gre, vxlan"):
        transmit_path(profile, ["ppp"])
    with pytest.raises(UsageError, match="60 to 9014"):
        transmit_path(profile, frame=59)
    with pytest.raises(UsageError, match="up to 256"):
        transmit_path(profile, hardware_header=257)


@pytest.mark.parametrize(
    ("name", "ip_misaligned", "misaligned", "rps_lines", "trapped"),
    [
        ("2.6.18/x86_64-k8", 0, 0, 2, False),
        ("2.6.34/x86_64", 0, 0, 2, False),
        ("2.6.35/x86_64", 0, 0, 1, False),  # 64 of pad and 2: the hash reads one line
        ("6.1/x86_64", 2, 10, 1, False),
        ("6.1/arm64", 2, 10, 1, False),
        ("6.1/riscv64", 0, 0, 1, False),
        ("6.1/s390", 0, 0, 1, False),
    ],
)
def test_header_cost(name: str, ip_misaligned: int, misaligned: int, rps_lines: int, trapped: bool) -> None:
    cost = header_cost(load_profile(name))
    assert (cost.ip_misaligned, cost.misaligned) == (ip_misaligned, misaligned)
    assert (cost.rps_lines, cost.trapped) == (rps_lines, trapped)


def test_a_load_may_lie_on_two_lines() -> None:
    """A SLOB head starts 8 bytes into its page; with 40 of pad IP is at 62, and its first word ends at 66."""
    slob = load_profile("3.3/x86_64-slob")
    cost = header_cost(slob)
    assert (cost.frame_offset, cost.split, cost.header_lines) == (8, 0, 1)
    cost = header_cost(replace(slob, net_skb_pad=40))
    assert (cost.frame_offset, cost.split, cost.header_lines) == (48, 1, 2)


def test_misaligned_loads_trap_where_the_cpu_cannot() -> None:
    riscv = replace(load_profile("6.1/riscv64"), net_ip_align=0)
    assert header_cost(riscv).trapped
    assert header_cost(riscv).misaligned == 10
