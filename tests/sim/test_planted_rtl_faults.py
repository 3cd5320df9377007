"""Faults that only hardware can make, planted in a copy of the Verilog NIC: each is caught by its rule."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vnic.checks.scoreboard import compare
from vnic.nic.port import WireFrame
from vnic.targets.icarus import IcarusResult
from vnic.targets.run import RunSpec, run_on_icarus, run_on_model, write_frames

RTL = Path(__file__).resolve().parents[2] / "rtl"
MEMORY = 16 << 20


class Fault(NamedTuple):
    """In ``file`` the text ``old``, which must be there exactly once, becomes ``new``."""

    file: str
    old: str
    new: str


def spoilt(folder: Path, fault: Fault | None) -> Path:
    """A copy of rtl/ with the fault in it."""
    copy = Path(shutil.copytree(RTL, folder / "rtl"))
    if fault is not None:
        path = copy / fault.file
        text = path.read_text()
        assert text.count(fault.old) == 1, f"{fault.file} does not hold {fault.old!r} once"
        path.write_text(text.replace(fault.old, fault.new))
    return copy


def spec_for(out: Path, mode: str = "receive") -> RunSpec:
    """A dozen frames, short and long, with a few zero bytes in each."""
    rng = random.Random(7)
    sizes = (60, 61, 128, 300, 1514, 1514, 64, 700, 1514, 60, 60, 1000)
    frames = [
        WireFrame(
            rng.randbytes(12) + b"\x08\x00" + bytes(rng.choice((0, 0x5A, 0xA5)) for _ in range(size - 14))
        )
        for size in sizes
    ]
    write_frames(out / "frames", frames)
    return RunSpec(
        "6.1/x86_64", str(out / "frames"), len(frames), {"rx_ring": 64}, mode, memory_size=MEMORY, checks=True
    )


def simulated(out: Path, spec: RunSpec, fault: Fault | None, width: int, **plusargs: int) -> IcarusResult:
    return run_on_icarus(
        spec,
        out,
        rtl_dir=spoilt(out, fault),
        parameters={"DATA_WIDTH": width},
        plusargs=plusargs,
        silence_s=30,
    )


def errors(value: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The verdicts beyond notes, by rule."""
    return {verdict["id"]: verdict for verdict in value["verdicts"] if verdict["severity"] != "note"}


@pytest.mark.parametrize("width", [64, 512])
def test_the_untouched_copy_breaks_no_rule(tmp_path: Path, width: int) -> None:
    """Under back-pressure too, where responses come late and out of step."""
    result = simulated(tmp_path, spec_for(tmp_path, "reflect"), None, width, stall=100, write_latency=60)
    assert result.value["received"] == 12
    assert errors(result.value) == {}


@pytest.mark.parametrize("width", [64, 256])
def test_bursts_that_cross_4_kib(tmp_path: Path, width: int) -> None:
    """Page fragments of 1,920 bytes straddle pages; a splitter with an 8 KiB page does not mind."""
    fault = Fault("vnic_axi_split.v", "PAGE_BEATS = 13'd4096 >> LB", "PAGE_BEATS = 13'd4096 >> (LB - 1)")
    found = errors(simulated(tmp_path, spec_for(tmp_path), fault, width).value)
    assert set(found) == {"axi-4k"}
    numbers = found["axi-4k"]["numbers"]
    assert numbers["address"] // 4096 != (numbers["address"] + numbers["beats"] * width // 8 - 1) // 4096


def test_a_hole_in_the_strobes(tmp_path: Path) -> None:
    """Lane 4 stays off where it would write a zero over the zero of fresh memory: nobody else can see it."""
    fault = Fault(
        "vnic_axi_wdata.v",
        "wstrb_reg} <= data_strobes;",
        "wstrb_reg} <= data_strobes"
        " & ~{4'd0, (((src_data << up) | (prev_reg >> down)) & 64'h000000FF00000000) == 64'd0, 4'd0};",
    )
    found = errors(simulated(tmp_path, spec_for(tmp_path), fault, 64).value)
    assert set(found) == {"axi-strobes"}
    assert found["axi-strobes"]["numbers"]["strobes"] < found["axi-strobes"]["numbers"]["length"]


def test_a_write_back_that_does_not_wait_for_the_data(tmp_path: Path) -> None:
    """In lock-step the driver looks late enough to receive every frame intact; the rule sees it anyway."""
    fault = Fault(
        "vnic_rx_engine.v",
        "assign wb_valid = !entry_empty && (entry_empty_frame || done_reg != 6'd0)",
        "assign wb_valid = !entry_empty",
    )
    result = simulated(tmp_path, spec_for(tmp_path), fault, 64, write_latency=100, writeback_latency=2)
    assert result.value["received"] == 12
    found = errors(result.value)
    assert set(found) == {"writeback-order"}
    assert found["writeback-order"]["numbers"]["visible"] < found["writeback-order"]["numbers"]["length"]


def test_a_descriptor_with_another_buffer_address(tmp_path: Path) -> None:
    fault = Fault("vnic_rx_engine.v", "entry_len, entry_addr};", "entry_len, entry_addr ^ 64'd1};")
    assert set(errors(simulated(tmp_path, spec_for(tmp_path), fault, 128).value)) == {"desc-content"}


def test_a_write_back_that_takes_a_beat_too_many(tmp_path: Path) -> None:
    """A line that is not full brings its next descriptor along, no strobe set: bandwidth lost, no byte."""
    fault = Fault(
        "vnic_desc_wb.v",
        "wire [2:0] span = {1'b0, high - low} + 3'd1;",
        "wire [2:0] span = {1'b0, high - low} + (high == 2'd3 ? 3'd1 : 3'd2);",
    )
    spec = spec_for(tmp_path)
    write_frames(tmp_path / "frames", [WireFrame(b"\xff" * 6 + bytes(80))] * 5)
    found = errors(simulated(tmp_path, dataclasses.replace(spec, count=5), fault, 64).value)
    assert set(found) == {"align-bus"}
    assert found["align-bus"]["where"].startswith("RX_WRITEBACK")
    assert (found["align-bus"]["numbers"]["beats"], found["align-bus"]["numbers"]["needed"]) == (4, 2)


def test_a_transmit_ring_written_back_one_place_too_far(tmp_path: Path) -> None:
    """Two wrong deeds: the last one was never given, and the others come back before their data was read."""
    fault = Fault(
        "vnic_tx_path.v",
        ".load_head_data(load_head_data),\n        .in_valid",
        ".load_head_data(load_head_data + 16'd1),\n        .in_valid",
    )
    found = errors(simulated(tmp_path, spec_for(tmp_path, "reflect"), fault, 64).value)
    assert set(found) == {"desc-ownership", "desc-reuse"}
    assert found["desc-ownership"]["where"] == "tx descriptor 12"
    assert found["desc-reuse"]["where"].startswith("TX_DATA")


def test_the_scoreboard_sees_a_status_bit(tmp_path: Path) -> None:
    """IXSM is missing: no rule over one NIC minds, but the two NICs do not agree."""
    fault = Fault("vnic_rx_engine.v", "4'd0, entry_eop, entry_eop, 1'b1}", "4'd0, 1'b0, entry_eop, 1'b1}")
    spec = spec_for(tmp_path)
    run_on_model(dataclasses.replace(spec, record=str(tmp_path / "model")))
    result = simulated(tmp_path, dataclasses.replace(spec, record=str(tmp_path / "icarus")), fault, 64)
    assert errors(result.value) == {}
    verdicts = {verdict.rule: verdict for verdict in compare([tmp_path / "model", tmp_path / "icarus"])}
    assert set(verdicts) == {"scoreboard-descriptor", "scoreboard-memory"}
    assert verdicts["scoreboard-descriptor"].where == "frame 0 descriptor 0 status (model and icarus)"
    assert verdicts["scoreboard-descriptor"].count == 12
