"""Receive offloads of the Verilog NIC: what each frame's descriptors say, and faults planted in a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sim import offload_rx
from tests.sim.helpers import MIB, icarus, model
from tests.sim.offload_rx import EVERYTHING, FRAMES, LISTED
from tests.sim.test_planted_rtl_faults import Fault, spoilt
from vnic.nic.descriptors import RxErrors, RxStatus
from vnic.nic.registers import RCTL

MEMORY = 2 * MIB
Found = dict[str, list[dict[str, Any]]]
IP, BOTH = RxStatus.IPCS, RxStatus.IPCS | RxStatus.TCPCS

VERDICTS = {
    "tcp": (BOTH, 0),
    "tcp in several descriptors": (BOTH, 0),
    "tcp with options of ip": (BOTH, 0),
    "tcp with padding": (BOTH, 0),
    "tcp that is wrong": (BOTH, RxErrors.TCPE),
    "tcp whose last byte is wrong": (BOTH, RxErrors.TCPE),
    "ip header that is wrong": (BOTH, RxErrors.IPE),
    "tcp fragment": (IP, 0),
    "udp": (BOTH, 0),
    "udp without a checksum": (IP, 0),
    "udp that is wrong": (BOTH, RxErrors.TCPE),
    "icmp": (IP, 0),
    "arp": (RxStatus.IXSM, 0),
    "tag": (BOTH | RxStatus.VP, 0),
    "tag of a short frame": (BOTH | RxStatus.VP, 0),
}
"""Of the last descriptor, beside DD and EOP; frames that are not here do not pass the VLAN filter."""


def expected(spec: dict[str, Any]) -> Found:
    found: Found = model(offload_rx.reception, spec, memory_size=MEMORY)
    return found


def simulated(
    out: Path, spec: dict[str, Any], width: int, fault: Fault | None = None, **plusargs: int
) -> Found:
    found: Found = icarus(
        out,
        "offload_rx:reception",
        spec,
        width,
        memory_size=MEMORY,
        rtl_dir=None if fault is None else spoilt(out, fault),
        plusargs=plusargs,
        silence_s=30.0,
    ).value
    return found


@pytest.mark.parametrize("width", [64, 128, 256, 512])
def test_every_frame_gets_its_verdict(tmp_path: Path, width: int) -> None:
    found = simulated(tmp_path, EVERYTHING, width)
    assert found == expected(EVERYTHING)
    assert {name for name in FRAMES if found[name]} == set(VERDICTS)
    for name, (status, errors) in VERDICTS.items():
        *firsts, last = found[name]
        assert last["status"] == status | RxStatus.DD | RxStatus.EOP, name
        assert last["errors"] == errors, name
        assert all(row["status"] == RxStatus.DD and not row["errors"] for row in firsts), name
        assert found[name][0]["checksum"] != 0, name
        assert all(row["checksum"] == 0 for row in found[name][1:]), name
    assert found["tag"][-1]["special"] == 0xA000 | LISTED
    assert "".join(row["data"] for row in found["tag"])[:-8] == FRAMES["tcp"].hex()


@pytest.mark.parametrize("width", [64, 512])
def test_frames_that_follow_each_other_closely_or_in_pieces(tmp_path: Path, width: int) -> None:
    spec = EVERYTHING | {"apart": False, "rctl": int(RCTL.SECRC)}
    want = expected(spec)
    assert simulated(tmp_path / "close", spec, width) == want
    assert simulated(tmp_path / "pieces", spec, width, rx_stall=200) == want


TAGGED = ("tag", "tag of a short frame")
RIGHT = [
    name
    for name, (status, errors) in VERDICTS.items()
    if status & RxStatus.TCPCS and not errors & RxErrors.TCPE
]
LONG = (
    "tcp",
    "tcp in several descriptors",
    "tcp that is wrong",
    "tcp whose last byte is wrong",
    "ip header that is wrong",
    "tag",
)
"""Of more than one descriptor."""
FAULTS: dict[str, tuple[Fault, dict[str, set[str]]]] = {
    "the tag is not stripped": (
        Fault(
            "vnic_rx_tag.v",
            "assign word = cut_reg && !ends_next ? without : b_data;",
            "assign word = b_data;",
        ),
        {key: {"data", "checksum", "status"} for key in TAGGED},
    ),
    "the tag goes, and what is before it moves": (
        Fault("vnic_rx_tag.v", "without = place_reg ? ", "without = 1'b0 ? "),
        {key: {"data"} for key in TAGGED},
    ),
    "padding is counted in a checksum": (
        Fault("vnic_rx_offload.v", ".upto2(ip_end)", ".upto2(NEVER)"),
        {key: {"errors"} for key in RIGHT},
    ),
    "the FCS is counted in the packet checksum": (
        Fault("vnic_rx_offload.v", "len > 15'd4 ? len - 15'd4 : 15'd0", "len"),
        {key: {"checksum"} for key in VERDICTS},
    ),
    "VFTA is ignored": (
        Fault("vnic_csr_offload.v", "listed(vlan_tci[11:0]) && ", ""),
        {"tag not in VFTA": {"passes"}},
    ),
    "CFI is ignored": (
        Fault("vnic_csr_offload.v", "!cfien || vlan_tci[12] == cfi", "1'b1"),
        {"tag with CFI": {"passes"}},
    ),
    "a fragment is checked": (
        Fault("vnic_rx_offload.v", " && has_body && whole\n", " && has_body\n"),
        {"tcp fragment": {"status"}},
    ),
    "a UDP checksum of 0 is checked": (
        Fault("vnic_rx_offload.v", " && (udp_here ? given(udp_at[LB-1:0]) : udp_reg)", ""),
        {"udp without a checksum": {"errors", "status"}},
    ),
    "options of IP are summed as data": (
        Fault(
            "vnic_rx_offload.v",
            "{1'b0, ip[19:16], 2'd0};\n    wire [15:0]  total",
            "7'd20;\n    wire [15:0]  total",
        ),
        {"tcp with options of ip": {"errors"}},
    ),
    "the verdict is in the first descriptor too": (
        Fault(
            "vnic_rx_engine.v",
            "entry_result && entry_eop ? {entry_pif, 7'h03}",
            "entry_result ? {entry_pif, 7'h03}",
        ),
        {key: {"status"} for key in LONG},
    ),
    "the packet checksum is in the last descriptor": (
        Fault("vnic_rx_engine.v", "entry_result && entry_first ?", "entry_result && entry_eop ?"),
        {key: {"checksum"} for key in LONG},
    ),
}


def differences(want: Found, got: Found) -> dict[str, set[str]]:
    """Names of the fields that differ, by frame; `passes` if one of both did not store it."""
    found: dict[str, set[str]] = {}
    for name, rows in want.items():
        if len(rows) != len(got[name]):
            found[name] = {"passes"}
            continue
        fields = {
            key for row, other in zip(rows, got[name], strict=True) for key in row if row[key] != other[key]
        }
        if fields:
            found[name] = fields
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows_where_it_is(tmp_path: Path, name: str) -> None:
    fault, wanted = FAULTS[name]
    spec = EVERYTHING | {"rctl": int(RCTL.VFE | RCTL.CFIEN | RCTL.SECRC)}
    width = (64, 128, 256, 512)[list(FAULTS).index(name) % 4]
    assert differences(expected(spec), simulated(tmp_path, spec, width, fault)) == wanted
