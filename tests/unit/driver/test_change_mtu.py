"""Another MTU while frames flow: the interface goes down and up, and nothing is left behind."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.driver.conftest import MakeMachine
from tests.unit.driver.machine import Machine
from vnic.errors import UsageError
from vnic.nic.port import run
from vnic.nic.registers import CTRL, RCTL, Reg

KERNELS = ("linux-2.4/i386-P4", "2.6.18/x86_64-generic", "2.6.36/x86_64", "6.1/x86_64")


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(KERNELS),
    st.lists(st.tuples(st.integers(46, 16110), st.integers(0, 12), st.booleans()), min_size=1, max_size=6),
    st.integers(0, 2**32),
)
def test_any_sequence_of_mtus_under_load_leaks_nothing(
    kernel: str, steps: list[tuple[int, int, bool]], seed: int
) -> None:
    source = random.Random(seed)
    here = Machine(kernel, rx_ring=64)
    here.up()
    offered = received_before = 0
    for mtu, count, polled in steps:
        run(here.driver.change_mtu(mtu))
        frames = [source.randbytes(source.randint(60, max(60, mtu + 14))) for _ in range(count)]
        here.offer(frames)
        offered += count
        if polled:
            here.service()
            assert here.received[received_before:] == frames
        received_before = len(here.received)
    run(here.driver.remove())
    stats = here.driver.stats
    assert stats.rx_packets + stats.rx_dropped == offered
    assert stats.restarts == len(steps)
    errors = [verdict for verdict in here.checker.finish() if verdict.severity == "error"]
    assert [verdict for verdict in errors if verdict.rule != "frame-lost"] == []
    assert here.leaks == (0, 0)
    here.memory.close()


def test_size_bits_follow_the_mtu(machine: MakeMachine) -> None:
    here = machine("2.6.18/x86_64-generic").up()
    for mtu, wanted in ((1500, 0), (4000, RCTL.BSEX | RCTL.BSIZE_256 | RCTL.LPE), (200, RCTL.BSIZE_256)):
        run(here.driver.change_mtu(mtu))
        rctl = here.target.controller.read(Reg.RCTL)
        assert rctl & (RCTL.BSEX | RCTL.BSIZE_MASK | RCTL.LPE) == wanted
    assert here.close() == []


@pytest.mark.parametrize(("mtu", "kib"), [(1500, 48), (8174, 48), (8175, 40)])
def test_the_packet_buffer_is_divided_before_the_reset(machine: MakeMachine, mtu: int, kib: int) -> None:
    here = machine().up()
    written: list[tuple[int, int]] = []
    here.target.on_register = lambda event: (
        written.append((event.offset, event.value)) if event.write else None
    )
    run(here.driver.change_mtu(mtu))
    reset = next(at for at, (offset, value) in enumerate(written) if offset == Reg.CTRL and value & CTRL.RST)
    assert (Reg.PBA, kib) in written[:reset]


def test_an_mtu_that_cannot_be_leaves_everything_as_it_was(machine: MakeMachine) -> None:
    here = machine(buffer=1522).up()
    for mtu in (45, 16111, 3000):
        with pytest.raises(UsageError):
            run(here.driver.change_mtu(mtu))
    assert here.driver.mtu == 1500
    here.offer([bytes(1000)])
    assert here.service() == 1
    assert here.close() == []


def test_an_interface_that_is_down_takes_the_mtu_for_later(machine: MakeMachine) -> None:
    here = machine()
    run(here.driver.probe())
    run(here.driver.change_mtu(9000))
    run(here.driver.open())
    here.offer([bytes(9000)])
    assert here.service() == 1
    assert here.close() == []


def test_it_can_be_opened_and_closed_many_times(machine: MakeMachine) -> None:
    here = machine("2.6.36/x86_64", memory_bytes=8 << 20)
    run(here.driver.probe())
    for _ in range(20):
        run(here.driver.open())
        here.offer([bytes(300)] * 5)
        here.service()
        run(here.driver.close())
        assert here.leaks == (0, 0)
    assert len(here.received) == 100
