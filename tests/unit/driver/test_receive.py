"""Reception by each strategy: copies, spans, frames that are thrown away, budget, and what the checks see."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from tests.unit.driver.conftest import MakeMachine
from vnic.linux.dma_mapping import Swiotlb
from vnic.linux.pages import Page
from vnic.nic.port import run
from vnic.nic.registers import RCTL, Reg

RANDOM = random.Random(2)


def frames(*sizes: int) -> list[bytes]:
    return [RANDOM.randbytes(size) for size in sizes]


@pytest.mark.parametrize(
    ("kernel", "copied"),
    [
        ("2.6.9/i386-686", 0),
        ("2.6.18/x86_64-generic", 3),  # less than 256 bytes without FCS
        ("3.3/x86_64", 4),  # up to 256 without FCS
        ("6.1/x86_64", 2),  # up to 256 with FCS
    ],
)
def test_copybreak_copies_what_its_era_copies(machine: MakeMachine, kernel: str, copied: int) -> None:
    here = machine(kernel).up()
    sent = frames(60, 252, 255, 256, 257)
    here.offer(sent)
    assert here.service() == 5
    assert here.received == sent
    assert here.driver.stats.rx_copybreak == copied
    assert here.close() == []


@pytest.mark.parametrize("kernel", ["2.6.18/x86_64-generic", "6.1/x86_64"])
def test_a_copied_frame_leaves_its_buffer_in_the_ring(machine: MakeMachine, kernel: str) -> None:
    here = machine(kernel, rx_ring=8).up()
    for _ in range(4):
        here.offer(frames(60, 60))
        here.service()
    used = [event.descriptors[0].address for event in here.events]
    assert len(used) == 8
    assert used[:1] == used[8:9] or len(set(used)) == 8
    here.offer(frames(60))
    here.service()
    assert here.events[8].descriptors[0].address == used[0]
    assert here.close() == []


def test_a_frame_above_copybreak_takes_its_buffer_along(machine: MakeMachine) -> None:
    here = machine(rx_ring=8).up()
    for _ in range(9):
        here.offer(frames(1000))
        here.service()
    first, last = here.events[0].descriptors[0], here.events[8].descriptors[0]
    assert first.index == last.index
    assert first.address != last.address


def test_fragments_of_a_build_skb_ring_are_1920_bytes_apart_and_line_aligned(machine: MakeMachine) -> None:
    here = machine().up()
    here.offer(frames(*[1500] * 16))
    here.service()
    addresses = [event.descriptors[0].address for event in here.events]
    assert all(address % 64 == 0 for address in addresses)
    assert 1920 in {abs(b - a) for a, b in pairwise(addresses)}
    assert here.close() == []


@pytest.mark.parametrize(
    ("kernel", "strategy"),
    [
        ("2.6.18/x86_64-generic", "skb"),
        ("2.6.18/x86_64-generic", "jumbo"),
        ("3.3/x86_64", "skb"),
        ("3.3/x86_64", "jumbo"),
        ("6.1/x86_64", "skb"),
        ("6.1/x86_64", "jumbo"),
        ("6.1/x86_64", "build_skb"),
    ],
)
@pytest.mark.parametrize("buffer", [256, 1024])
def test_frames_larger_than_the_buffer_are_put_together(
    machine: MakeMachine, kernel: str, strategy: str, buffer: int
) -> None:
    here = machine(kernel, strategy=strategy, buffer=buffer, rx_ring=64).up()
    # One byte of FCS alone in the last buffer is the case that a driver gets wrong.
    sent = frames(
        60, buffer - 4, buffer - 3, buffer, buffer + 1, 2 * buffer - 3 if buffer < 700 else 1400, 1514
    )
    here.offer(sent)
    assert here.service() == len(sent)
    assert here.received == sent
    spans = [len(event.descriptors) for event in here.events]
    assert spans == [-(-(len(frame) + 4) // buffer) for frame in sent]
    assert here.close() == []
    assert here.leaks == (0, 0)


def test_a_jumbo_frame_is_pages_behind_a_head_with_the_ethernet_header(machine: MakeMachine) -> None:
    here = machine(mtu=9000).up()
    here.keep = True
    [frame] = frames(9014)
    here.offer([frame])
    here.service()
    [skb] = here.skbs
    assert skb.headlen() == 14
    assert [frag.size for frag in skb.frags] == [4082, 4096, 822]
    assert skb.truesize == 1280 + 3 * 4096  # a NAPI slice of 1 KiB with its sk_buff, and three pages
    assert skb.bytes() == frame
    here.kernel.consume_skb(skb)
    assert here.close() == []


@pytest.mark.parametrize(("kernel", "truesize"), [("6.1/x86_64", 1280), ("4.4/x86_64", 704 + 256 + 4096)])
def test_a_small_frame_of_a_jumbo_ring_ends_in_its_head(
    machine: MakeMachine, kernel: str, truesize: int
) -> None:
    """A byte more than copybreak: its page goes back when the FCS is trimmed off (4.14 on)."""
    here = machine(kernel, mtu=9000).up()
    here.keep = True
    [frame] = frames(253)
    here.offer([frame])
    here.service()
    [skb] = here.skbs
    assert skb.truesize == truesize
    assert skb.bytes() == frame
    here.kernel.consume_skb(skb)
    assert here.close() == []
    run(here.driver.remove())
    assert here.leaks == (0, 0)


def test_one_buffer_holds_any_frame_so_one_that_spans_is_dropped(machine: MakeMachine) -> None:
    # Linux 2.4 with MTU 4000 has buffers of 4096, and LPE lets longer frames in.
    here = machine("linux-2.4/i386-P4", mtu=4000).up()
    before, after = frames(100, 4000)
    here.offer([before, bytes(9000), after])
    here.service()
    assert here.received == [before, after]
    assert here.driver.stats.rx_dropped == 1
    run(here.driver.remove())
    assert here.leaks == (0, 0)


@pytest.mark.parametrize("kernel", ["2.6.18/x86_64-generic", "6.1/x86_64"])
@pytest.mark.parametrize("options", [{}, {"buffer": 512}, {"mtu": 9000}])
def test_a_descriptor_with_an_error_is_dropped_with_all_that_belongs_to_it(
    machine: MakeMachine, kernel: str, options: dict[str, int]
) -> None:
    here = machine(kernel, **options).up()
    # Somebody has set SBP behind the driver's back: bad frames reach memory.
    run(here.target.write32(Reg.RCTL, run(here.target.read32(Reg.RCTL)) | RCTL.SBP))
    good, bad, better = frames(1400, 1400, 700)
    here.offer([good])
    here.offer([bad], bad_fcs=True)
    here.offer([better])
    assert here.service() == 3
    assert here.received == [good, better]
    assert here.driver.stats.rx_dropped == 1
    run(here.driver.update_stats())
    assert here.driver.stats.rx_errors == 1
    run(here.driver.remove())
    assert here.leaks == (0, 0)


def test_statistics_add_up_over_a_change_of_mtu(machine: MakeMachine) -> None:
    here = machine().up()
    here.offer(frames(100, 200))
    here.service()
    run(here.driver.change_mtu(9000))
    here.offer(frames(3000))
    here.service()
    assert here.close() == []
    stats, hardware = here.driver.stats, here.driver.hw_stats
    assert (stats.rx_packets, stats.rx_bytes, stats.restarts) == (3, 3300, 1)
    assert (hardware["GPRC"], hardware["GORC"], hardware["TPR"]) == (3, 3312, 3)


def test_a_poll_takes_its_budget_and_the_driver_polls_again(machine: MakeMachine) -> None:
    here = machine(rx_ring=256).up()
    here.offer(frames(*[60] * 200))
    assert here.service() == 200
    assert run(here.target.interrupt(0)) is False
    assert here.driver.rx_free == 254


def test_the_ring_is_polled_round_its_end_in_one_interrupt(machine: MakeMachine) -> None:
    here = machine(rx_ring=24).up()
    for count in (10, 22, 22, 22, 5):
        here.offer(frames(*[60] * count))
        assert here.service() == count
    assert here.close() == []


def test_without_a_cause_the_driver_does_nothing(machine: MakeMachine) -> None:
    here = machine().up()
    here.service()
    before = len(here.events)
    assert here.service() == 0
    assert len(here.events) == before


@pytest.mark.parametrize("mac", ["82545EM", "82546EB"])
@pytest.mark.parametrize("kernel", ["2.6.18/x86_64-generic", "6.1/x86_64"])
def test_naturally_aligned_buffers_never_cross_64_kib(machine: MakeMachine, mac: str, kernel: str) -> None:
    here = machine(kernel, mac=mac).up()
    here.offer(frames(*[1514] * 250))
    assert here.service() == 250
    assert here.driver.stats.rx_64k_rejected == 0
    assert here.close() == []


@pytest.mark.parametrize(("crossing", "failed"), [(1, 0), (2, 1)])
def test_a_buffer_across_64_kib_is_exchanged_once_and_then_given_up(
    machine: MakeMachine, monkeypatch: pytest.MonkeyPatch, crossing: int, failed: int
) -> None:
    here = machine(mac="82545EM", rx_ring=8)
    proper = here.kernel.netdev_alloc_frag
    blocks: list[Page] = []

    def unlucky(size: int) -> int | None:
        """The first `crossing` fragments lie across the middle of a block of 128 KiB."""
        if len(blocks) == crossing:
            return proper(size)
        block = here.kernel.pages.alloc(5)
        assert block is not None
        blocks.append(block)
        return block.address + 65536 - 960

    monkeypatch.setattr(here.kernel, "netdev_alloc_frag", unlucky)
    here.up()
    assert here.driver.stats.rx_64k_rejected == here.driver.stats.alloc_rx_buff_failed == failed
    assert here.driver.rx_free == (0 if failed else 6)
    assert all(block.refs == 0 for block in blocks)
    assert here.close() == []
    assert here.leaks == (0, 0)


@pytest.mark.parametrize("kernel", ["2.6.18/x86_64-generic", "6.1/x86_64"])
@pytest.mark.parametrize("options", [{}, {"mtu": 9000}, {"buffer": 512}])
def test_frames_cross_bounce_buffers_both_ways(
    machine: MakeMachine, kernel: str, options: dict[str, int]
) -> None:
    here = machine(kernel, **options)
    here.target.on_dma = lambda _: None  # the rules know buffers by their own address
    pool = here.kernel.pages.alloc(10)
    assert pool is not None
    here.kernel.dma.mapping = bounce = Swiotlb(here.memory, pool, force=True)
    here.up()
    here.keep = True
    sent = frames(60, 200, 700, 1514, 61)
    here.offer(sent)
    here.service()
    assert here.received == sent
    for skb in here.skbs:
        run(here.driver.xmit(skb))
    run(here.target.settle())
    assert run(here.target.wire.collect()) == sent
    assert bounce.bounces > 255
    run(here.driver.remove())
    assert here.leaks == (0, 0)
