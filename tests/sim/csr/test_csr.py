"""Runs the tests of the register block (`cases_*.py`, inside the simulator), each as one pytest case."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from cocotb_tools.runner import get_runner

HERE = Path(__file__).parent
CASES = (
    "cases_registers",
    "cases_devices",
    "cases_interrupts",
    "cases_statistics",
    "cases_offload",
    "cases_lockstep",
)


@pytest.fixture(scope="module")
def build_dir(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled bench."""
    folder = tmp_path_factory.mktemp("csr")
    names = (
        "csr",
        "csr_bus",
        "csr_ctrl",
        "csr_ring",
        "csr_filter",
        "csr_hold",
        "csr_offload",
        "irq",
        "irq_delay",
        "stats",
        "eeprom",
        "mdio",
    )
    sources = [HERE / "csr_bench.v", *(repo / "rtl" / f"vnic_{name}.v" for name in names)]
    get_runner("icarus").build(
        sources=sources,
        hdl_toplevel="csr_bench",
        build_args=["-g2005", "-Wall", "-I", str(repo / "rtl")],
        timescale=("1ns", "1ps"),
        build_dir=folder,
        log_file=folder / "build.log",
    )
    return folder


@pytest.mark.parametrize("module", CASES)
def test_csr(module: str, build_dir: Path, tmp_path: Path, repo: Path) -> None:
    log = tmp_path / "run.log"
    results = get_runner("icarus").test(
        hdl_toplevel="csr_bench",
        hdl_toplevel_lang="verilog",
        test_module=f"tests.sim.csr.{module}",
        build_dir=build_dir,
        test_dir=tmp_path,
        results_xml=str(tmp_path / "results.xml"),
        extra_env={"PYTHONPATH": str(repo)},
        log_file=log,
    )
    cases = ElementTree.parse(results).findall(".//testcase")
    failed = [
        case.get("name")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    assert cases, f"no test ran: {log.read_text()[-3000:]}"
    assert not failed, f"{failed}: {log.read_text()[-6000:]}"
