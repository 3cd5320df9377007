"""The behavioural NIC as a guest's card: interrupts no more often than ITR allows, and no loop that spins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vnic.guests import nic as module
from vnic.guests.memory import GuestMemory
from vnic.guests.nic import ITR_UNIT_NS, SLOWER, ModelNic
from vnic.nic.port import run
from vnic.nic.registers import ICR, Reg

ITR = 1000  # 256 us


class Clock:
    """This machine's clock, which stands until it is told."""

    ns = 10**9

    def monotonic_ns(self) -> int:
        return self.ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def nic(clock: Clock) -> Iterator[ModelNic]:
    memory = GuestMemory()
    made = ModelNic(memory, mac=bytes.fromhex("525400123456"))
    run(made.write32(Reg.ITR, ITR))
    run(made.write32(Reg.IMS, ICR.LSC))
    yield made
    memory.close()


def level(nic: ModelNic) -> bool:
    return nic.irq


def raise_and_answer(nic: ModelNic) -> list[bool]:
    """The line's level after a cause has come, and after it was read."""
    run(nic.write32(Reg.ICS, ICR.LSC))
    levels = [nic.irq]
    run(nic.read32(Reg.ICR))
    return [*levels, nic.irq]


def test_the_first_comes_at_once_the_second_after_itr(nic: ModelNic, clock: Clock) -> None:
    interval_ns = ITR * ITR_UNIT_NS * SLOWER
    assert raise_and_answer(nic) == [True, False]
    clock.ns += interval_ns // 4
    run(nic.write32(Reg.ICS, ICR.LSC))
    assert not level(nic)
    assert run(nic.work()) == pytest.approx(0.75 * interval_ns * 1e-9)
    clock.ns += interval_ns * 3 // 4 - SLOWER
    assert not level(nic)
    clock.ns += SLOWER
    assert level(nic)
    assert run(nic.work()) is None


def test_what_is_up_stays_up_and_what_falls_in_the_interval_is_forgotten(nic: ModelNic, clock: Clock) -> None:
    run(nic.write32(Reg.ICS, ICR.LSC))
    for _ in range(5):
        assert level(nic)
        clock.ns += ITR * ITR_UNIT_NS  # an eighth of the interval
    run(nic.read32(Reg.ICR))
    assert not level(nic)
    assert raise_and_answer(nic) == [False, False]
    assert run(nic.work()) is None
    clock.ns += 10**9
    assert not level(nic)


def test_a_new_interval_begins_anew(nic: ModelNic) -> None:
    assert raise_and_answer(nic) == [True, False]
    run(nic.write32(Reg.ITR, 5 * ITR))
    assert raise_and_answer(nic) == [True, False]
