"""Transmission: pieces, headroom, a full ring, short frames, and what is left when the interface closes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.driver.conftest import MakeMachine
from tests.unit.driver.machine import Machine
from vnic.driver.tx import TxPath
from vnic.errors import UsageError
from vnic.linux.skbuff import SkBuff
from vnic.nic.port import WireFrame, run
from vnic.targets.model import ModelTarget
from vnic.targets.session import SessionOptions, run_session
from vnic.targets.stack import Stack, ll_reserved_space

RANDOM = random.Random(3)


def an_skb(here: Machine, frame: bytes, *, headroom: int = 16, pages: int = 0) -> SkBuff:
    """An skb whose last `pages` pieces of the frame are in fragments."""
    linear = len(frame) // (pages + 1)
    skb = here.kernel.alloc_skb(headroom + linear)
    assert skb is not None
    skb.reserve(headroom)
    skb.put_data(frame[:linear])
    rest = frame[linear:]
    for left in range(pages, 0, -1):
        piece, rest = rest[: len(rest) // left], rest[len(rest) // left :]
        page = here.kernel.pages.alloc(2)
        assert page is not None
        here.memory.write(page.address + 100, piece)
        skb.add_rx_frag(page, 100, len(piece), page.size)
    assert skb.len == len(frame)
    return skb


@pytest.mark.parametrize("pages", [0, 1, 3])
@pytest.mark.parametrize("size", [60, 1514, 4096, 4097, 9014, 16110])
def test_a_frame_leaves_as_it_was_whatever_it_is_made_of(machine: MakeMachine, size: int, pages: int) -> None:
    here = machine(mtu=9000).up()
    frame = RANDOM.randbytes(size)
    assert here.send(an_skb(here, frame, pages=pages))
    assert here.collect() == [frame]
    here.service()
    assert here.driver.tx_pending == 0
    assert (here.driver.stats.tx_packets, here.driver.stats.tx_bytes) == (1, size)
    assert here.close() == []
    assert here.leaks == (0, 0)


def test_a_descriptor_carries_4096_bytes_and_the_last_one_reports(machine: MakeMachine) -> None:
    here = machine(mtu=9000).up()
    skb = an_skb(here, bytes(9014), pages=1)
    assert [length for _, length in TxPath.pieces(skb)] == [4096, 411, 4096, 411]
    here.send(skb)
    assert here.driver.tx_pending == 4
    here.kernel.pages.find(skb.frags[0].page.address)
    here.service()
    assert here.driver.tx_pending == 0


@pytest.mark.parametrize(
    ("kernel", "headroom", "needed", "reallocs"),
    [
        ("6.1/x86_64", 2, 0, 0),
        ("6.1/x86_64", 2, 2, 0),
        ("6.1/x86_64", 2, 3, 1),
        ("6.1/x86_64", 64, 16, 0),
        ("2.6.18/x86_64-generic", 8, 8, 1),  # before 3.5 skb_cow wants NET_SKB_PAD, asked for or not
        ("2.6.18/x86_64-generic", 16, 8, 0),
    ],
)
def test_headroom_that_is_missing_costs_a_reallocation(
    machine: MakeMachine, kernel: str, headroom: int, needed: int, reallocs: int
) -> None:
    here = machine(kernel, needed_headroom=needed).up()
    frame = RANDOM.randbytes(500)
    here.send(an_skb(here, frame, headroom=headroom))
    assert here.collect() == [frame]
    assert here.driver.stats.tx_headroom_reallocs == reallocs
    assert here.kernel.counts.expands == reallocs
    here.service()
    assert here.close() == []


def test_a_cloned_head_is_copied_before_it_is_written(machine: MakeMachine) -> None:
    here = machine(needed_headroom=2).up()
    skb = an_skb(here, bytes(range(200)))
    clone = here.kernel.skb_clone(skb)
    assert clone is not None
    here.send(skb)
    assert here.driver.stats.tx_headroom_reallocs == 1
    here.collect()
    here.service()
    assert clone.bytes() == bytes(range(200))
    here.kernel.kfree_skb(clone)
    assert here.close() == []
    assert here.leaks == (0, 0)


@pytest.mark.parametrize(
    ("kernel", "needed", "space"),
    [
        ("2.6.18/x86_64-generic", 0, 16),
        ("2.6.18/x86_64-generic", 8, 16),
        ("6.1/x86_64", 0, 16),
        ("6.1/x86_64", 8, 32),
    ],
)
def test_the_stack_leaves_what_ll_reserved_space_says(
    machine: MakeMachine, kernel: str, needed: int, space: int
) -> None:
    here = machine(kernel, needed_headroom=needed)
    assert ll_reserved_space(here.profile, needed) == space
    skb = Stack(here.kernel, needed, keep=False).skb_for(bytes(100))
    assert skb is not None
    assert (skb.headroom(), skb.len) == (space - 14, 100)


@pytest.mark.parametrize(("kernel", "padded_by_driver"), [("3.3/x86_64", False), ("6.1/x86_64", True)])
def test_a_short_frame_leaves_padded_with_zeros(
    machine: MakeMachine, kernel: str, padded_by_driver: bool
) -> None:
    here = machine(kernel).up()
    frame = RANDOM.randbytes(20)
    skb = an_skb(here, frame)
    here.send(skb)
    assert (skb.len == 60) is padded_by_driver
    assert here.collect() == [frame.ljust(60, b"\0")]
    here.service()
    assert here.close() == []


def test_a_full_ring_leaves_the_skb_with_the_caller(machine: MakeMachine) -> None:
    here = machine(tx_ring=8).up()
    frames = [RANDOM.randbytes(100) for _ in range(6)]
    skbs = [an_skb(here, frame) for frame in frames]
    taken = [run(here.driver.xmit(skb, more=True)) for skb in skbs]
    assert taken == [True] * 4 + [False] * 2  # three of seven stay in reserve
    assert here.driver.stats.tx_busy == 2
    assert here.collect() == frames[:4]  # a refused skb rings the bell for those before it
    run(here.target.settle())
    here.service()
    assert all(run(here.driver.xmit(skb)) for skb in skbs[4:])
    assert run(here.target.wire.collect()) == frames[4:]


def test_descriptors_wait_for_the_doorbell(machine: MakeMachine) -> None:
    here = machine().up()
    assert run(here.driver.xmit(an_skb(here, bytes(60)), more=True))
    assert here.collect() == []
    run(here.driver.ring_doorbell())
    assert run(here.target.wire.collect()) == [bytes(60)]


@pytest.mark.parametrize("size", [0, 16289])
def test_what_cannot_be_sent_is_dropped_and_counted(machine: MakeMachine, size: int) -> None:
    here = machine().up()
    assert run(here.driver.xmit(an_skb(here, bytes(size))))
    assert here.driver.stats.tx_dropped == 1
    assert here.kernel.live_skbs == 0


def test_a_frame_of_more_pieces_than_the_ring_has_is_dropped(machine: MakeMachine) -> None:
    here = machine(tx_ring=8, mtu=16110).up()
    assert run(here.driver.xmit(an_skb(here, bytes(16124), pages=4)))
    assert here.driver.stats.tx_dropped == 1


def test_frames_not_sent_at_close_are_freed(machine: MakeMachine) -> None:
    here = machine().up()
    for _ in range(5):
        run(here.driver.xmit(an_skb(here, bytes(3000), pages=1), more=True))
    run(here.driver.remove())
    assert here.driver.stats.tx_dropped == 5
    assert here.leaks == (0, 0)


def test_a_closed_interface_sends_nothing(machine: MakeMachine) -> None:
    here = machine()
    run(here.driver.probe())
    with pytest.raises(UsageError, match="closed: call open"):
        run(here.driver.xmit(an_skb(here, bytes(60))))
    assert here.service() == 0
    run(here.driver.close())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(14, 9014), st.integers(0, 3), st.booleans()), max_size=60))
def test_any_sequence_of_frames_leaves_whole_and_in_order(
    frames: list[tuple[int, int, bool]],
) -> None:
    here = Machine(mtu=9000, tx_ring=32)
    here.up()
    wanted, sent = [], []
    for size, pages, rest in frames:
        frame = RANDOM.randbytes(size)
        skb = an_skb(here, frame, pages=pages if size > 100 else 0)
        while not here.send(skb):
            sent += here.collect()
            here.service()
        wanted.append(frame.ljust(60, b"\0"))
        if rest:
            sent += here.collect()
            here.service()
    sent += here.collect()
    assert sent == wanted
    assert here.close() == []
    assert here.leaks == (0, 0)
    here.memory.close()


@pytest.mark.parametrize("needed", [0, 8])
@pytest.mark.parametrize(("kernel", "counted"), [("2.6.18/x86_64-generic", True), ("6.1/x86_64", False)])
def test_needed_headroom_costs_only_where_the_stack_does_not_know_of_it(
    machine: MakeMachine, kernel: str, counted: bool, needed: int
) -> None:
    here = machine(kernel, needed_headroom=needed)
    options = SessionOptions(
        type(here.options)(needed_headroom=needed, loopback=True, promiscuous=True), "loopback"
    )
    result = run(run_session(ModelTarget(here.memory), here.kernel, [WireFrame(bytes(200))] * 50, options))
    assert result.received == 50
    assert result.stats["tx_headroom_reallocs"] == (50 if counted and needed else 0)
