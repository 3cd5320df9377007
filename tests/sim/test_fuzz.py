"""100,000 random operations on behavioural NIC and RTL side by side: none diverges, none hangs, no access
outside what was given; and the fuzz finds what is planted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.sim.fuzz.session import SETTINGS, WalkFailed, run_walk

OPERATIONS = 10_000
WALKS = [
    (1, 64, "plain"),
    (2, 128, "plain"),
    (3, 256, "plain"),
    (4, 512, "plain"),
    (5, 64, "stalls"),
    (6, 128, "slow"),
    (7, 256, "stalls"),
    (8, 512, "stalls"),
    (9, 64, "slow"),
    (10, 512, "slow"),
]


def test_a_hundred_thousand_operations() -> None:
    assert len(WALKS) * OPERATIONS >= 100_000
    assert {settings for _, _, settings in WALKS} == set(SETTINGS)


@pytest.mark.parametrize(("seed", "width", "settings"), WALKS)
def test_nothing_diverges_hangs_or_strays(tmp_path: Path, seed: int, width: int, settings: str) -> None:
    done = run_walk(tmp_path, seed, width, OPERATIONS, settings).value
    assert sum(done["operations"].values()) >= OPERATIONS
    # A walk that does nothing finds nothing.
    operations, accesses = done["operations"], done["accesses"]
    assert operations["frame"] > 1000 < operations["descriptor"], operations
    assert operations["register read"] > 400, operations
    assert operations["cable"] > 5, operations
    for master in ("RX_DATA", "RX_WRITEBACK", "TX_DATA", "TX_WRITEBACK"):
        assert accesses[master] > 200, accesses
        assert accesses[f"{master} outside"] > 0, accesses
    for counter in (
        "CRCERRS",
        "RUC",
        "RFC",
        "ROC",
        "MPC",
        "RNBC",
        "GPRC",
        "BPRC",
        "MPRC",
        "GPTC",
        "TSCTC",
        "TSCTFC",
    ):
        assert done["counted"][counter] > 0, done["counted"]
    for bit in ("PIF", "CE", "VP", "IXSM", "IPCS", "TCPCS", "TCPE"):
        assert done["received"][bit] > 0, done["received"]


FAULTS = {
    "a reset that takes the ring's base away from write-backs on their way": (
        "vnic_csr.v",
        "(in_reset && soft_rst_done)",
        "in_reset",
        r"[RT]X_WRITEBACK write of .* is outside everything that was given",
    ),
    "more data into a buffer than RCTL.BSIZE says": (
        "vnic_csr_ctrl.v",
        "bsize = 15'd256",
        "bsize = 15'd288",
        r"RX_DATA write of .* is outside everything that was given",
    ),
    "a NIC that never comes to rest": (
        "vnic.v",
        "assign busy = csr_busy ||",
        "assign busy = tx_head == 16'd11 || csr_busy ||",
        r"the NIC is not at rest after 65536 cycles: busy 1",
    ),
    "a write that is never answered": (
        "vnic_csr_bus.v",
        "if ((rx_en || rx_quiet) &&",
        "if (addr_reg != `VNIC_LEDCTL && (rx_en || rx_quiet) &&",
        r"write LEDCTL .*\n.*a register write is not answered",
    ),
    "an address that runs on at 0": (
        "vnic_axi_split.v",
        "addr_reg[63:12] <= {52{1'b1}};",
        "addr_reg[63:12] <= 52'd0;",
        r"(RX_DATA write|TX_DATA read) of \d+ bytes at 0x0 is outside everything that was given",
    ),
    "FIN and PSH in every segment": (
        "vnic_tx_header.v",
        "is_last ? flags[7:0] : flags[7:0] & ~FIN_PSH",
        "flags[7:0]",
        r"frames sent: frame \d+ of \d+, from byte \d+ on \w+ by the behavioural NIC",
    ),
    "a TCP checksum that is wrong and not told of": (
        "vnic_rx_offload.v",
        "{1'b0, ipe, tcpe, 5'd0}",
        "{1'b0, ipe, 6'd0}",
        r"RX_WRITEBACK wrote \d+ bytes at \w+: from byte \d+ on \w+ by the behavioural NIC",
    ),
    "a counter that misses a kind of frame": (
        "vnic_rx_filter.v",
        "assign ev_rfc = b_bad && is_short;",
        "assign ev_rfc = b_bad && is_short && !lpe;",
        r"RFC reads 0x\w+ on the behavioural NIC, 0x\w+ on the Verilog NIC",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, repo: Path, fault: str) -> None:
    name, old, new, message = FAULTS[fault]
    rtl = tmp_path / "rtl"
    shutil.copytree(repo / "rtl", rtl)
    source = (rtl / name).read_text()
    assert source.count(old) == 1, f"{name} has changed: {old!r}"
    (rtl / name).write_text(source.replace(old, new))
    with pytest.raises(WalkFailed, match=message) as failed:
        run_walk(tmp_path, 1, 64, OPERATIONS, rtl_dir=rtl)
    assert str(failed.value).startswith("seed 1, 64 bits, settings plain, last operation ")
    assert str(failed.value).endswith("\nrepeat: python -m tests.sim.fuzz --seed 1 --width 64")
