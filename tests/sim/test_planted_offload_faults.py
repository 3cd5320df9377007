"""Faults of transmit offloads, planted in a copy of the Verilog NIC: the behavioural NIC shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sim import offload_tx
from tests.sim.helpers import MIB, icarus, model
from tests.sim.test_planted_rtl_faults import Fault, spoilt

MEMORY = 2 * MIB
# Bytes of a frame: what follows a tag stands four bytes later
IDENT, IP_SUM, SEQUENCE, FLAGS, SUM = {18, 19}, {24, 25}, {38, 39, 40, 41}, {47}, {50, 51}
TAGGED = 4

FAULTS = {
    "FIN and PSH stay in every segment": (
        Fault("vnic_tx_header.v", "is_last ? flags[7:0] : flags[7:0] & ~FIN_PSH", "flags[7:0]"),
        {0: FLAGS | SUM, 1: FLAGS | SUM, 6: FLAGS | SUM, 7: FLAGS | SUM},
    ),
    "the pseudo-header has no length": (
        Fault("vnic_tx_csum.v", "tso ? {2'd0, frame_len} - {8'd0, transport_start} : 16'd0", "16'd0"),
        {0: SUM, 1: SUM, 2: SUM, 6: SUM, 7: SUM},
    ),
    "the tag is counted in the checksum's offset": (
        Fault(
            "vnic_tx_edit.v",
            "index, transport_place, transport_value)",
            "index, transport_place + (tag ? 8'd4 : 8'd0), transport_value)",
        ),
        {3: {54, 55, 58, 59}},
    ),
    "every segment has the first one's identification": (
        Fault("vnic_tx_header.v", " + number_reg;", ";"),
        {1: IDENT | IP_SUM, 2: IDENT | IP_SUM, 7: IDENT | IP_SUM},
    ),
    "every segment has the first one's sequence number": (
        Fault("vnic_tx_header.v", "swap(base_seq) + {12'd0, sent_reg}", "swap(base_seq)"),
        {1: SEQUENCE | SUM, 2: SEQUENCE | SUM, 7: SEQUENCE | SUM},
    ),
    "a range that starts at an odd byte is summed as an even one": (
        Fault("vnic_tx_csum.v", "a_ip_odd ? ip_folded : ", ""),
        {4: {51 + TAGGED, 52 + TAGGED}},
    ),
    "carries out of 16 bits are lost": (
        Fault("vnic_tx_csum.v", "once = {1'b0, number[31:16]} + {1'b0,", "once = {1'b0,"),
        {
            0: IP_SUM | SUM,
            1: IP_SUM | SUM,
            2: IP_SUM | SUM,
            3: {28, 29, 54, 55},
            4: {55, 56},
            6: IP_SUM | SUM,
            7: IP_SUM | SUM,
        },
    ),
    "the tag's bytes are swapped": (
        Fault("vnic_tx_edit.v", "{special[7:0], special[15:8], vet", "{special, vet"),
        {3: {14, 15}, 4: {14, 15}},
    ),
}


def simulated(out: Path, fault: Fault | None, width: int) -> dict[str, Any]:
    job = icarus(
        out, "offload_tx:packets", {}, width, memory_size=MEMORY, rtl_dir=spoilt(out, fault), silence_s=30.0
    )
    value: dict[str, Any] = job.value
    return value


def differences(expected: dict[str, Any], actual: dict[str, Any]) -> dict[int, set[int]]:
    """Offsets of bytes that differ, by frame; all frames have the lengths that they should have."""
    found = {}
    for number, pair in enumerate(zip(expected["frames"], actual["frames"], strict=True)):
        want, got = map(bytes.fromhex, pair)
        assert len(want) == len(got)
        if want != got:
            found[number] = {
                at for at, (left, right) in enumerate(zip(want, got, strict=True)) if left != right
            }
    return found


@pytest.mark.parametrize("width", [64, 512])
def test_the_untouched_copy_agrees(tmp_path: Path, width: int) -> None:
    expected = model(offload_tx.packets, {}, memory_size=MEMORY)
    assert expected == simulated(tmp_path, None, width)
    assert expected["segmented"] == [1, 1]
    assert len(expected["frames"]) == 8


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows_where_it_is(tmp_path: Path, name: str) -> None:
    fault, places = FAULTS[name]
    width = (64, 128, 256, 512)[list(FAULTS).index(name) % 4]
    found = differences(model(offload_tx.packets, {}, memory_size=MEMORY), simulated(tmp_path, fault, width))
    assert found.keys() == places.keys()
    for number, offsets in found.items():
        assert offsets <= places[number]


def test_a_segmentation_that_is_short_counts_as_good(tmp_path: Path) -> None:
    fault = Fault("vnic_tx_cut.v", "ev_tsctc = over && complete;", "ev_tsctc = over;")
    expected = model(offload_tx.packets, {}, memory_size=MEMORY)
    actual = simulated(tmp_path, fault, 64)
    assert actual["segmented"] == [2, 1]
    assert actual["frames"] == expected["frames"]
