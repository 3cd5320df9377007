"""Memory that is not there: any allocation may fail, and the driver goes on, leaks nothing, catches up."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.driver.conftest import MakeMachine
from tests.unit.driver.machine import MIB, Machine
from vnic.driver import DriverOptions, RingMemoryError
from vnic.linux.kernel import Kernel
from vnic.nic.port import WireFrame, run
from vnic.targets.lockstep import SessionStalled
from vnic.targets.model import ModelTarget
from vnic.targets.session import SessionOptions, run_session

KERNELS = ("2.6.18/x86_64-generic", "3.3/x86_64", "6.1/x86_64")
ALLOCATORS = ("alloc_pages", "kmalloc", "kmem_cache_alloc", "page_frag", "dma_map")


class Failing:
    """Fails the allocations that `wanted` says while it is switched on."""

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self.wanted = wanted
        self.on = False
        self.failed = 0

    def __call__(self, name: str) -> bool:
        fails = self.on and self.wanted(name)
        self.failed += fails
        return fails


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("mtu", [1500, 9000])
def test_an_empty_ring_is_counted_and_filled_when_memory_is_back(
    machine: MakeMachine, kernel: str, mtu: int
) -> None:
    failing = Failing(lambda name: name == "dma_map")
    failing.on = True
    here = machine(kernel, fail=failing, mtu=mtu).up()
    assert here.driver.rx_free == 0
    assert here.driver.stats.alloc_rx_buff_failed == 1
    failing.on = False
    run(here.driver.watchdog())
    assert run(here.target.interrupt(0))
    here.service()
    assert here.driver.rx_free == 254
    here.offer([bytes(1000)])
    assert here.service() == 1
    assert here.close() == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_ring_left_short_is_topped_up_at_the_next_poll(machine: MakeMachine, kernel: str) -> None:
    failing = Failing(lambda name: name in ("kmalloc", "page_frag"))  # without an sk_buff 6.1 takes no frame
    here = machine(kernel, fail=failing).up()
    failing.on = True
    here.offer([bytes(1000)] * 100)
    here.service()
    short = here.driver.rx_free
    assert short < 254
    assert here.driver.stats.alloc_rx_buff_failed > 0
    failing.on = False
    here.offer([bytes(1000)])
    here.service()
    assert len(here.received) == 101
    assert here.driver.rx_free == 254
    assert here.close() == []
    assert here.leaks == (0, 0)


def test_a_frame_without_an_sk_buff_waits_in_its_buffer(machine: MakeMachine) -> None:
    failing = Failing(lambda name: name == "kmem_cache_alloc")
    here = machine(fail=failing).up()
    failing.on = True
    here.offer([bytes(1000)])
    assert here.service() == 0
    assert here.driver.rx_waiting
    assert here.driver.rx_free == 253  # the NIC may not fill it again
    assert not here.driver.rx_overdue
    failing.on = False
    run(here.driver.watchdog())
    assert here.service() == 1
    assert here.close() == []


def test_a_jumbo_frame_without_a_head_is_lost_and_its_pages_are_used_again(machine: MakeMachine) -> None:
    failing = Failing(lambda name: name == "kmem_cache_alloc")
    here = machine(mtu=9000, fail=failing).up()
    failing.on = True
    here.offer([bytes(1000), bytes(9000)])
    assert here.service() == 2
    assert here.driver.stats.rx_dropped == 2
    failing.on = False
    here.offer([bytes(9001)])
    assert here.service() == 1
    assert here.received == [bytes(9001)]
    run(here.driver.remove())
    assert here.leaks == (0, 0)


def test_copybreak_without_memory_hands_the_buffer_itself_up(machine: MakeMachine) -> None:
    failing = Failing(lambda name: name == "kmalloc")
    here = machine("2.6.18/x86_64-generic", fail=failing).up()
    failing.on = True
    here.offer([bytes(range(100))])
    assert here.service() == 1
    assert here.driver.stats.rx_copybreak == 0
    assert here.received == [bytes(range(100))]
    assert here.close() == []


@pytest.mark.parametrize("which", [1, 2])
def test_an_interface_without_memory_for_a_ring_does_not_open(machine: MakeMachine, which: int) -> None:
    asked: list[str] = []

    def fail(name: str) -> bool:
        if name == "dma_alloc_coherent":
            asked.append(name)
        return len(asked) == which

    here = machine(fail=fail)
    run(here.driver.probe())
    with pytest.raises(RingMemoryError):
        run(here.driver.open())
    assert here.leaks == (0, 0)


def test_a_transmission_that_cannot_be_mapped_is_dropped_whole(machine: MakeMachine) -> None:
    calls: list[int] = []

    def third_mapping(name: str) -> bool:
        if name == "dma_map":
            calls.append(1)
        return name == "dma_map" and len(calls) == 3

    failing = Failing(third_mapping)
    here = machine(mtu=16110, fail=failing).up()
    failing.on = True
    skb = here.kernel.alloc_skb(16000)
    assert skb is not None
    skb.put_data(bytes(16000))
    mapped = here.kernel.dma.mapped
    assert run(here.driver.xmit(skb))
    assert here.driver.stats.tx_dropped == 1
    assert here.kernel.dma.mapped == mapped
    assert here.close() == []
    assert here.leaks == (0, 0)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KERNELS),
    st.sampled_from([{}, {"mtu": 9000}, {"buffer": 512}, {"buffer": 256, "strategy": "jumbo"}]),
    st.integers(0, 2**32),
    st.floats(0.0, 0.5),
    st.sampled_from(ALLOCATORS),
)
def test_failure_at_any_point_neither_leaks_nor_corrupts(
    kernel: str, options: dict[str, str | int], seed: int, share: float, allocator: str
) -> None:
    source = random.Random(seed)
    failing = Failing(lambda name: name == allocator and source.random() < share)
    here = Machine(kernel, fail=failing, rx_ring=32, **options)  # type: ignore[arg-type] # drawn by name
    here.up()
    largest = int(options.get("mtu", 1500)) + 14
    offered: list[bytes] = []
    for round_ in range(6):
        failing.on = round_ < 5
        batch: list[bytes] = []
        free = here.driver.rx_free
        while (frame := source.randbytes(source.randint(60, largest))) and len(batch) < 20:
            free -= here.driver.descriptors_for(len(frame))
            if free < 0:
                break
            batch.append(frame)
        offered += batch
        here.offer(batch)
        here.service()
        run(here.driver.watchdog())
        here.service()
    while here.service():  # what waited in the FIFO while the ring was short
        pass
    remaining = iter(offered)
    assert all(frame in remaining for frame in here.received), "in order, and none that was not sent"
    stats = here.driver.stats
    assert stats.rx_packets + stats.rx_dropped == len(offered)
    assert here.driver.rx_free == 30
    errors = [verdict for verdict in here.close() if verdict.rule != "frame-lost"]
    assert errors == []
    assert here.leaks == (0, 0)
    here.memory.close()


def test_a_session_goes_on_with_a_third_of_all_allocations_failing(machine: MakeMachine) -> None:
    source = random.Random(7)
    failing = Failing(lambda name: name == "page_frag" and source.random() < 0.3)
    here = machine(fail=failing)
    kernel = Kernel(here.profile, here.memory, base=32 * MIB, fail=failing)
    failing.on = True
    result = run(
        run_session(
            ModelTarget(here.memory),
            kernel,
            (WireFrame(source.randbytes(900)) for _ in range(2000)),
            SessionOptions(DriverOptions(promiscuous=True), "reflect"),
        )
    )
    assert result.received == 2000
    assert result.stats["alloc_rx_buff_failed"] > 20
    assert (kernel.live_skbs, kernel.dma.mapped) == (0, 0)


def test_a_session_without_any_memory_for_buffers_says_so(machine: MakeMachine) -> None:
    here = machine()
    kernel = Kernel(here.profile, here.memory, fail=lambda name: name == "page_frag")
    with pytest.raises(
        SessionStalled, match=r"receive ring stays empty after 64 tries .* give the kernel more"
    ):
        run(run_session(ModelTarget(here.memory), kernel, [WireFrame(bytes(60))]))
