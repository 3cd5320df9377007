"""The predictions of the kernel model against stock Debian kernels: every row of the table, a boot each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.qemu.guests import children, kernel
from tests.unit.linux.support import VMLINUZ
from vnic.cli.boot import BootRequest, boot_command
from vnic.guests.script import BootOptions, NicName
from vnic.guests.verify.plan import MTUS
from vnic.guests.verify.run import TABLE

NEWER = [image for image in VMLINUZ if image.name.startswith("vmlinuz-6.12.")]


def rows_of(
    out: Path, profile: str, image: Path | None = None, nic: NicName = "model"
) -> list[dict[str, Any]]:
    """The rows of `vnic boot --verify` for a kernel, the distribution's if none is given; all are equal."""
    modules = None if image is None else image.parents[1] / "lib/modules"
    request = BootRequest(kernel_image=image, modules=modules, out=out, force=False, quiet=True)
    options = BootOptions(nic=nic, profile=profile, verify=True, timeout_s=280)
    status = boot_command(request, options, as_json=False)
    found = json.loads((out / "result.json").read_text())["verify"]
    assert [row for row in found["rows"] if not row["equal"]] == []
    assert found["equal"]
    assert status == 0
    rows: list[dict[str, Any]] = found["rows"]
    return rows


@pytest.mark.slow
def test_every_prediction_for_6_1_equals_the_kernel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel()  # skips without one
    before = children()
    rows = rows_of(tmp_path / "out", "6.1/x86_64")
    assert f"{len(rows)} rows of prediction and kernel: all equal" in capsys.readouterr().out
    assert {row["where"] for row in rows} == {"kernel", "slab", *(f"MTU {mtu}" for mtu in MTUS)}
    seen = {(row["where"], row["what"]): row["kernel"] for row in rows}
    assert seen["kernel", "sizeof(struct sk_buff)"] == 232
    assert seen["MTU 1500", "stride"] == 1920
    assert seen["MTU 1500", "frames"] == 84
    table = pq.read_table(tmp_path / "out" / TABLE)
    assert table.num_rows == len(rows) > 150
    assert all(table["equal"].to_pylist())
    assert children() == before


@pytest.mark.slow
@pytest.mark.parametrize("image", NEWER, ids=lambda image: image.name)
def test_every_prediction_for_6_12_equals_the_kernel_on_qemus_nic(tmp_path: Path, image: Path) -> None:
    """QEMU's own e1000 cannot be listened to, so what the NIC is told has no rows."""
    rows = rows_of(tmp_path / "out", "6.12/x86_64", image, "qemu")
    assert len(rows) > 100
    assert "RDLEN" not in {row["what"] for row in rows}
    assert sum(row["what"] == "frames" for row in rows) == len(MTUS)
