"""Profiles: all that ship are sound and agree with the rules; wrong ones are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from vnic.linux.eras import Era, Rule, parse_version
from vnic.linux.macros import max_skb_frags, net_ip_align, net_skb_pad
from vnic.linux.profile import AmbiguousProfile, BadProfile, UnknownProfile, load_profile, profile_names

GOOD = """
version = "6.1.0"
arch = "x86_64"
allocator = "slub"

[constants]
PAGE_SIZE = { value = 4096, source = "page.h" }
L1_CACHE_BYTES = { value = 64, source = "Kconfig" }
NET_SKB_PAD = { value = 64, source = "skbuff.h" }
NET_IP_ALIGN = { value = 0, source = "processor.h", established = false }
MAX_SKB_FRAGS = { value = 17, source = "skbuff.h" }
sizeof_skb_shared_info = { value = 320, source = "BTF" }
sizeof_sk_buff = { value = 232, source = "BTF" }
sizeof_long = { value = 8, source = "ABI" }
KMALLOC_MIN_SIZE = { value = 8, source = "slab.h" }
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_the_profiles_of_the_table_are_there() -> None:
    wanted = {
        "linux-2.4/i386-P4",
        "2.6.9/i386-686",
        "2.6.18/x86_64-generic",
        "2.6.18/x86_64-k8",
        "2.6.18/ppc64",
        "2.6.24/x86_64",
        "2.6.32/x86_64",
        "2.6.36/x86_64",
        "3.2/x86_64",
        "3.3/x86_64",
        "3.5/x86_64",
        "3.10/x86_64",
        "4.4/x86_64",
        "4.4/arm64",
        "5.15/x86_64",
        "6.1/x86_64",
        "6.3/x86_64",
        "6.12/x86_64",
        "6.18/x86_64",
        "6.1/arm64",
        "6.12/arm64",
        "6.1/s390",
    }
    assert wanted <= set(profile_names())


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_loads_and_says_its_sources(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.summary
    assert all(profile.sources.values())


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_agrees_with_the_kernels_macros(name: str) -> None:
    """The constants were read from each tree; the macros' rules give the same, so neither is mistyped."""
    p = load_profile(name)
    assert p.net_skb_pad == net_skb_pad(p.version, p.arch, p.l1_cache_bytes)
    assert p.net_ip_align == net_ip_align(p.version, p.arch)
    assert p.max_skb_frags == max_skb_frags(p.version, p.page_size)


def test_names_are_sorted_by_age() -> None:
    names = profile_names()
    assert names[0] == "linux-2.4/i386-P4"
    assert names.index("2.6.9/i386-686") < names.index("2.6.18/ppc64") < names.index("3.2/x86_64")


def test_a_wrong_name_offers_near_ones() -> None:
    with pytest.raises(UnknownProfile) as error:
        load_profile("6.1/x8664")
    assert error.value.near[0] == "6.1/x86_64"
    assert error.value.exit_code == 2
    with pytest.raises(UnknownProfile, match=r"did you mean 2\.6\.18/x86_64-k8, 2\.6\.24/x86_64\?"):
        load_profile("2.6.19")
    with pytest.raises(UnknownProfile, match="did you mean"):
        load_profile("\N{SNOWMAN}")


@pytest.mark.parametrize("name", ["../profiles/6.1/x86_64", "6.1/../6.1/x86_64", "../x86_64", "6.1/x86_64/"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(UnknownProfile):
        load_profile(name)


def test_a_profile_of_the_users_own(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, GOOD))
    assert profile.smp_cache_bytes == 64
    assert profile.unestablished == ("NET_IP_ALIGN",)
    assert profile.data_align(65) == 128


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value = 4096", "value = 4095", "PAGE_SIZE is 4095"),
        ("value = 4096", "value = 5000", "PAGE_SIZE is 5000; it must be a power of two"),
        ("value = 320", 'value = "320"', "sizeof_skb_shared_info has no whole number"),
        ("value = 17", "value = true", "MAX_SKB_FRAGS has no whole number"),
        ('sizeof_long = { value = 8, source = "ABI" }', "", "sizeof_long is missing"),
        ('source = "Kconfig"', 'source = ""', "L1_CACHE_BYTES has no source"),
        ("NET_SKB_PAD", "NET_SKB_PED", "unknown constant NET_SKB_PED; did you mean NET_SKB_PAD"),
        ('"slub"', '"slqb"', "'slqb'; it must be one of slab, slub, slob"),
        ("[constants]", "[const]", "has no table"),
        ('arch = "x86_64"', "", "arch is missing"),
        ("[constants]", "[constants", "is not TOML"),
        ('version = "6.1.0"', 'version = "six"', "'six' is not a number"),
        ('version = "6.1.0"', 'version = "2.2.26"', "older than 2.4"),
        ('version = "6.1.0"', 'version = "2.6.9"', "slub came with 2.6.22"),
        ("value = 320", "value = 4096", "leaves no room"),
    ],
)
def test_one_line_for_a_bad_profile(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(BadProfile) as error:
        load_profile(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadProfile, match="No such file"):
        load_profile("/nowhere/mine.toml")


def test_an_era_begins_in_a_stable_branch_too() -> None:
    rule = Rule("test", [Era((2, 4), "old", "a"), Era((6, 2), "new", "b", ((6, 1, 31),))])
    assert [rule.at(v) for v in ((2, 4), (6, 1, 30), (6, 1, 31), (6, 2), (5, 15, 200))] == [
        "old",
        "old",
        "new",
        "new",
        "old",
    ]


def test_a_version_with_a_distribution_suffix() -> None:
    assert parse_version("6.1.0-56-amd64") == (6, 1, 0)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("6.1", "6.1/x86_64"),
        ("2.6.32", "2.6.32/x86_64"),
        ("2.6.9", "2.6.9/i386-686"),
        ("4.19", "4.19/mips"),
        ("2.4", "linux-2.4/i386-P4"),
        ("linux-2.4", "linux-2.4/i386-P4"),
        ("6.1/riscv64", "6.1/riscv64"),
    ],
)
def test_a_version_alone_is_its_x86_64_or_its_only_profile(name: str, full: str) -> None:
    assert load_profile(name).name == full


def test_a_version_with_several_profiles_names_them() -> None:
    with pytest.raises(AmbiguousProfile) as error:
        load_profile("2.6.18")
    assert error.value.found == ("2.6.18/ppc64", "2.6.18/x86_64-generic", "2.6.18/x86_64-k8")
    assert str(error.value).endswith("2.6.18/ppc64, 2.6.18/x86_64-generic or 2.6.18/x86_64-k8")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("2.6.31", ("2.6.24/x86_64", "2.6.32/x86_64")),
        ("6.2/x86_64", ("6.1/x86_64", "6.3/x86_64")),
        ("6.2/arm64", ("6.1/arm64", "6.12/arm64")),
        ("7.0", ("6.18/x86_64",)),
    ],
)
def test_a_version_without_a_profile_offers_its_neighbours(name: str, near: tuple[str, ...]) -> None:
    with pytest.raises(UnknownProfile) as error:
        load_profile(name)
    assert error.value.near == near
