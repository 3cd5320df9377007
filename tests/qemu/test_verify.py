"""The predictions for Linux 6.1 against a stock Debian 6.1: every row of the table, in one boot."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.qemu.guests import children, kernel
from vnic.cli.boot import BootRequest, boot_command
from vnic.guests.script import BootOptions
from vnic.guests.verify.plan import MTUS
from vnic.guests.verify.run import TABLE


@pytest.mark.slow
def test_every_prediction_equals_the_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel()  # skips without one
    before = children()
    out = tmp_path / "out"
    request = BootRequest(kernel_image=None, modules=None, out=out, force=False, quiet=True)
    assert boot_command(request, BootOptions(verify=True, timeout_s=280), as_json=False) == 0
    assert "rows of prediction and kernel: all equal" in capsys.readouterr().out
    rows = json.loads((out / "result.json").read_text())["verify"]["rows"]
    assert [row for row in rows if not row["equal"]] == []
    places = {row["where"] for row in rows}
    assert places == {"kernel", "slab", *(f"MTU {mtu}" for mtu in MTUS)}
    kernels = {(row["where"], row["what"]): row["kernel"] for row in rows}
    assert kernels["kernel", "sizeof(struct sk_buff)"] == 232
    assert kernels["MTU 1500", "stride"] == 1920
    assert kernels["MTU 1500", "frames"] == 84
    table = pq.read_table(out / TABLE)
    assert table.num_rows == len(rows) > 150
    assert all(table["equal"].to_pylist())
    assert children() == before
