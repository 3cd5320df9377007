"""The generator: what is checked in is fresh, and what is stale is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("systemrdl", reason="dependency group `registers` is not installed")
pytest.importorskip("peakrdl_html", reason="dependency group `registers` is not installed")

from vnic.nic.regmap.__main__ import PROJECT, SOURCE, generated, main
from vnic.nic.regmap.read import compile_rdl, read_registers
from vnic.nic.regmap.verilog import verilog_header


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the map's source with everything freshly generated from it."""
    (tmp_path / "rtl").mkdir()
    (tmp_path / "vnic/nic").mkdir(parents=True)
    shutil.copy(PROJECT / SOURCE, tmp_path / SOURCE)
    assert main([], tmp_path) == 0
    return tmp_path


def test_checked_in_files_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_two_runs_write_the_same(project: Path) -> None:
    assert generated(project) == generated(PROJECT)


@pytest.mark.parametrize("name", ["rtl/vnic_regs.vh", "vnic/nic/registers.py", "docs/registers/index.html"])
def test_check_names_a_file_that_was_edited(
    project: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (project / name).open("a") as file:
        file.write(" ")
    assert main(["--check"], project) == 1
    assert capsys.readouterr().err.startswith(f"{name}: stale")
    assert main([], project) == 0
    assert main(["--check"], project) == 0


def test_check_names_a_missing_file_and_a_page_too_many(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "rtl/vnic_regs.vh").unlink()
    (project / "docs/registers/content/old.html").write_text("")
    assert main(["--check"], project) == 1
    assert "rtl/vnic_regs.vh: stale" in (text := capsys.readouterr().err)
    assert "docs/registers/content/old.html: stale" in text
    assert main([], project) == 0
    assert not (project / "docs/registers/content/old.html").exists()


def test_a_change_of_the_source_makes_all_three_outputs_stale(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = project / SOURCE
    source.write_text(source.read_text().replace("VET[15:0] = 0x8100", "VET[15:0] = 0x88A8"))
    assert main(["--check"], project) == 1
    text = capsys.readouterr().err
    assert "rtl/vnic_regs.vh" in text
    assert "vnic/nic/registers.py" in text
    assert "docs/registers/" in text


def test_verilog_header_indexes_bits_and_ranges() -> None:
    text = verilog_header(read_registers(compile_rdl(PROJECT / SOURCE)))
    for line in (
        "`define VNIC_RCTL 17'h00100",
        "`define VNIC_RCTL_WMASK 32'h06DFB3FE",
        "`define VNIC_RCTL__BSIZE 17:16",
        "`define VNIC_RCTL__SECRC 26",
        "`define VNIC_PBA_RESET 32'h00100030",
        "`define VNIC_RAH_STRIDE 8",
        "`define VNIC_MTA_COUNT 128",
    ):
        assert line in text.splitlines()
