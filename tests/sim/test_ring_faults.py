"""Rings that no driver would make: the NIC does what it can, tells nobody lies, and goes on after a reset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sim import ring_faults
from tests.sim.helpers import icarus, unheard
from vnic.memory import HostMemory
from vnic.nic.port import run
from vnic.targets.model import ModelTarget

PAGE = 12
RX, TX, BUFFER, LAST = (
    address >> PAGE
    for address in (
        ring_faults.RX_RING,
        ring_faults.TX_RING,
        ring_faults.BUFFERS,
        ring_faults.OUT_OF_MEMORY - 1,
    )
)

EXPECTED: dict[str, dict[str, Any]] = {
    "nothing_to_send": {"sent": [70], "heads": [0, 3], "done": 3, "failed": [], "pages": [TX]},
    "too_much_to_send": {"sent": [60], "heads": [0, 3], "done": 3, "failed": [], "pages": [TX]},
    "a_transmit_ring_that_sends_itself": {
        "sent": [128] * 28,
        "heads": [0, 28 % 8],
        "done": 8,
        "failed": [],
        "pages": [TX],
    },
    "rdlen_0": {"sent": [], "heads": [0, 0], "done": 0, "failed": [], "pages": []},
    "rdt_beyond_the_ring": {"sent": [], "heads": [0, 0], "done": 0, "failed": [], "pages": []},
    "rdt_beyond_the_ring_and_back": {
        "sent": [],
        "heads": [6, 0],
        "done": 0,
        "failed": [],
        "pages": [RX, BUFFER],
    },
    "rdh_beyond_the_ring": {"sent": [], "heads": [9, 0], "done": 0, "failed": [], "pages": []},
    "rings_beyond_memory": {
        "sent": [],
        "heads": [6, 7],
        "done": 0,
        "failed": ["RX_DATA", "RX_DESC", "RX_WRITEBACK", "TX_DATA", "TX_DESC", "TX_WRITEBACK"],
        "pages": [LAST],
    },
    "buffers_beyond_memory": {
        "sent": [100] * 3,
        "heads": [4, 3],
        "done": 3,
        "failed": ["RX_DATA", "TX_DATA"],
        "pages": [RX, TX, LAST],
    },
    "tdt_and_tdlen": {"sent": [], "heads": [0, 0], "done": 0, "failed": [], "pages": []},
}


def on_the_model() -> dict[str, dict[str, Any]]:
    with HostMemory(ring_faults.SIZE, base=ring_faults.BASE) as memory:
        return run(ring_faults.faults(ModelTarget(memory), memory, {}, unheard))


def on_the_verilog_nic(out: Path, width: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = icarus(
        out,
        "ring_faults:faults",
        {},
        width,
        memory_size=ring_faults.SIZE,
        memory_base=ring_faults.BASE,
    ).value
    return found


@pytest.mark.parametrize("width", [0, 64, 512], ids=["model", "64 bits", "512 bits"])
def test_rude_rings(tmp_path: Path, width: int) -> None:
    found = on_the_verilog_nic(tmp_path, width) if width else on_the_model()
    assert [name for name, state in found.items() if not state.pop("useful")] == []
    for name, expected in EXPECTED.items():
        assert found[name] == expected, name
    # What frames make of a ring depends on how many descriptors the NIC has fetched before.
    assert set(found["a_receive_ring_that_fills_itself"]["pages"]) == {RX}
    assert set(found) == {*EXPECTED, "a_receive_ring_that_fills_itself"}
