"""Guard bytes find what no DMA event tells of."""

from __future__ import annotations

import pytest

from tests.unit.checks.real import MIXED, judged
from tests.unit.checks.spoil import Spoil, plant
from vnic.checks.state import CheckOptions
from vnic.nic.rx import Receiver

GUARDED = CheckOptions(guards=True)
DATA = "self._bus.write(Master.RX_DATA, address, part)"


@pytest.mark.parametrize("kernel", ["2.6.18/x86_64-generic", "3.3/x86_64", "6.1/x86_64"])
@pytest.mark.parametrize("mode", ["receive", "reflect"])
def test_silent_on_a_correct_nic(kernel: str, mode: str) -> None:
    """Copied frames leave their buffer with the NIC, others do not; both kinds come back as they went."""
    verdicts = judged(kernel, MIXED * 4, mode=mode, check=GUARDED)  # type: ignore[arg-type]  # a literal
    assert [verdict for verdict in verdicts if verdict.severity == "error"] == []


@pytest.mark.parametrize("where", ["address - 1", "address + len(part)", "address + 1600"])
def test_a_stray_write_that_nobody_saw(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the headroom, behind the frame, in skb_shared_info: past the bus, so that no other rule can know."""
    plant(monkeypatch, Spoil(Receiver, "drain", DATA, f"{DATA}; self._bus.memory.write({where}, b'!')"))
    verdicts = judged(lengths=(700,) * 6, check=GUARDED)
    assert [verdict.rule for verdict in verdicts if verdict.severity == "error"] == ["guard-bytes"]
    assert verdicts[0].count == 6
