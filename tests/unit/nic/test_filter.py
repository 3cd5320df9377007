"""The address filter: exact, multicast hash, broadcast and promiscuous, and what PIF says of each."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import BROADCAST, MAC, OTHER, Bench, frame
from vnic.nic.descriptors import RxStatus
from vnic.nic.filter import MEMO_ENTRIES, AddressFilter, multicast_hash
from vnic.nic.regfile import RegisterFile
from vnic.nic.registers import MTA_STRIDE, RAH, RAH_STRIDE, RAL_STRIDE, RCTL, Reg

GROUP = bytes.fromhex("01005e7fff12")

NOT_FOR_US = None
EXACT = False
INEXACT = True  # PIF


def outcome(bench: Bench, destination: bytes) -> bool | None:
    """What happens to a frame: None if it is dropped, else whether PIF is set."""
    head = bench[Reg.RDH]
    bench.receive(frame(64, destination))
    if bench[Reg.RDH] == head:
        return None
    return bool(bench.rx(head).status & RxStatus.PIF)


def set_address(bench: Bench, index: int, address: bytes, flags: int = RAH.AV) -> None:
    bench[Reg.RAL + index * RAL_STRIDE] = int.from_bytes(address[:4], "little")
    bench[Reg.RAH + index * RAH_STRIDE] = int.from_bytes(address[4:], "little") | flags


@pytest.mark.parametrize(
    ("rctl", "destination", "expected"),
    [
        (0, MAC, EXACT),
        (0, OTHER, NOT_FOR_US),
        (0, GROUP, NOT_FOR_US),
        (0, BROADCAST, NOT_FOR_US),
        (RCTL.UPE, MAC, EXACT),
        (RCTL.UPE, OTHER, INEXACT),
        (RCTL.UPE, GROUP, NOT_FOR_US),
        (RCTL.UPE, BROADCAST, NOT_FOR_US),
        (RCTL.MPE, OTHER, NOT_FOR_US),
        (RCTL.MPE, GROUP, INEXACT),
        (RCTL.MPE, BROADCAST, INEXACT),
        (RCTL.BAM, BROADCAST, EXACT),
        (RCTL.BAM | RCTL.MPE, BROADCAST, EXACT),
        (RCTL.BAM, GROUP, NOT_FOR_US),
    ],
)
def test_modes(bench: Bench, rctl: int, destination: bytes, expected: bool | None) -> None:
    bench.open_rx(RCTL.EN | rctl)
    assert outcome(bench, destination) is expected


@pytest.mark.parametrize("index", range(16))
def test_each_exact_entry_works(bench: Bench, index: int) -> None:
    bench.open_rx()
    assert outcome(bench, OTHER) is NOT_FOR_US
    set_address(bench, index, OTHER)
    assert outcome(bench, OTHER) is EXACT
    set_address(bench, index, OTHER, 0)
    assert outcome(bench, OTHER) is NOT_FOR_US


def test_an_entry_for_source_addresses_never_matches(bench: Bench) -> None:
    bench.open_rx()
    set_address(bench, 3, OTHER, RAH.AV | 1 << RAH.ASEL_SHIFT)
    assert outcome(bench, OTHER) is NOT_FOR_US


@pytest.mark.parametrize("address", [GROUP, BROADCAST], ids=["multicast", "broadcast"])
def test_an_exact_entry_may_hold_a_group(bench: Bench, address: bytes) -> None:
    """Linux keeps its first multicast addresses in RA; they must not be marked inexact."""
    bench.open_rx(RCTL.EN | RCTL.MPE)
    set_address(bench, 1, address)
    assert outcome(bench, address) is EXACT


@pytest.mark.parametrize(("offset", "hashed"), [(0, 0x12F), (1, 0x25F), (2, 0x4BF), (3, 0x2FF)])
def test_multicast_hash_takes_the_bits_that_mo_names(offset: int, hashed: int) -> None:
    """8254x SDM 13.5.1: bits 47:36, 46:35, 45:34 or 43:32, the last byte on the wire being bits 47:40."""
    assert multicast_hash(GROUP, offset) == hashed


@pytest.mark.parametrize("offset", range(4))
def test_multicast_table(bench: Bench, offset: int) -> None:
    bench.open_rx(RCTL.EN | offset << RCTL.MO_SHIFT)
    hashed = multicast_hash(GROUP, offset)
    word = Reg.MTA + (hashed >> 5) * MTA_STRIDE
    bench[word] = 0xFFFF_FFFF & ~(1 << (hashed & 31))
    assert outcome(bench, GROUP) is NOT_FOR_US
    bench[word] = 1 << (hashed & 31)
    assert outcome(bench, GROUP) is INEXACT


def test_broadcast_and_unicast_do_not_look_at_the_table(bench: Bench) -> None:
    bench.open_rx()
    for index in range(128):
        bench[Reg.MTA + index * MTA_STRIDE] = 0xFFFF_FFFF
    assert outcome(bench, BROADCAST) is NOT_FOR_US
    assert outcome(bench, OTHER) is NOT_FOR_US
    assert outcome(bench, GROUP) is INEXACT


def test_verdicts_are_forgotten_when_a_register_changes(bench: Bench) -> None:
    bench.open_rx()
    assert outcome(bench, OTHER) is NOT_FOR_US
    bench[Reg.RCTL] = RCTL.EN | RCTL.UPE
    assert outcome(bench, OTHER) is INEXACT
    set_address(bench, 0, OTHER)
    assert outcome(bench, OTHER) is EXACT


def test_a_flood_of_addresses_does_not_fill_memory() -> None:
    judge = AddressFilter(RegisterFile().values)
    for number in range(3 * MEMO_ENTRIES):
        assert not judge.judge(number.to_bytes(6, "big")).accept
    assert len(judge._memo) <= MEMO_ENTRIES
