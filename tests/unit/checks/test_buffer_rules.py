"""What a buffer costs and where it starts. Buffers come from the kernel model wherever they can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.checks.stream import Stream, found
from vnic.checks.bsize import rctl_buffer_size
from vnic.checks.checker import Checker
from vnic.checks.state import CheckOptions
from vnic.checks.verdict import Verdict
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.linux.rx_buffer import RxBufferEvent, frag_buffer, page_buffer, skb_buffer
from vnic.memory import HostMemory
from vnic.nic.events import RegisterEvent
from vnic.nic.registers import RCTL, Reg


@pytest.fixture
def memory() -> Iterator[HostMemory]:
    with HostMemory(16 << 20) as memory:
        yield memory


def posted(
    kernel: str, buffers: list[RxBufferEvent], memory: HostMemory, rctl: int = RCTL.EN
) -> list[Verdict]:
    """The verdicts on buffers that a driver posts under ``rctl``."""
    checker = Checker(load_profile(kernel), memory)
    checker.on_register(RegisterEvent(0, True, Reg.RCTL, rctl))
    for buffer in buffers:
        checker.on_buffer(buffer)
    return checker.finish()


def skbs(kernel: str, length: int, memory: HostMemory, count: int = 20) -> list[RxBufferEvent]:
    """Buffers as the kernel's own skb allocation gives them."""
    machine = Kernel(load_profile(kernel), memory)
    events = []
    for _ in range(count):
        skb = machine.rx_alloc_skb(length)
        assert skb is not None
        events.append(skb_buffer(machine, skb, length))
    return events


KERNELS = ("linux-2.4/i386-P4", "2.6.9/i386-686", "2.6.18/x86_64-generic", "2.6.18/ppc64", "2.6.36/x86_64")


@pytest.mark.parametrize("kernel", KERNELS)
def test_2048_spills_in_every_kernel_that_uses_kmalloc(kernel: str, memory: HostMemory) -> None:
    verdicts = posted(kernel, skbs(kernel, 2048, memory), memory)
    spill = next(v for v in verdicts if v.rule == "slab-spill")
    assert spill.severity == "warning"
    assert spill.numbers["allocated"] == 4096
    assert spill.numbers["waste"] == 2048
    assert spill.numbers["waste_percent"] == 50.0
    assert "4096" in str(spill.numbers["size_class"]) or "4k" in str(spill.numbers["size_class"])
    assert found(verdicts) == ["slab-spill"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_1522_stays_in_its_class(kernel: str, memory: HostMemory) -> None:
    verdicts = posted(kernel, skbs(kernel, 1522, memory), memory)
    assert found(verdicts) == []
    assert {v.rule for v in verdicts} <= {"rctl-bsize", "truesize"}


def test_fragments_and_pages_have_no_class_to_spill_from(memory: HostMemory) -> None:
    kernel = Kernel(load_profile("6.1/x86_64"), memory)
    head = kernel.netdev_alloc_frag(2432)
    assert head is not None
    page = kernel.pages.alloc(0)
    assert page is not None
    buffers = [frag_buffer(kernel, head, 2432, 2048), page_buffer(page, 2048)]
    assert posted("6.1/x86_64", buffers, memory) == []


def test_a_spill_beyond_the_last_class_is_told_too(memory: HostMemory) -> None:
    verdicts = posted(
        "3.3/x86_64", skbs("3.3/x86_64", 16384, memory, 2), memory, RCTL.EN | 1 << 16 | RCTL.BSEX
    )
    assert found(verdicts) == ["slab-spill"]
    assert verdicts[0].numbers["nominal_class"] == "pages-order-2"


def test_an_object_smaller_than_asked_for(memory: HostMemory) -> None:
    good = skbs("2.6.18/x86_64-generic", 1522, memory, 1)[0]
    verdicts = posted("2.6.18/x86_64-generic", [good._replace(allocated=1024, truesize=4096)], memory)
    assert found(verdicts) == ["buffer-room"]


def test_shared_info_that_does_not_fit_its_object(memory: HostMemory) -> None:
    good = skbs("2.6.18/x86_64-generic", 1522, memory, 1)[0]
    moved = good._replace(shinfo=good.head + good.allocated - 64)
    assert found(posted("2.6.18/x86_64-generic", [moved], memory)) == ["buffer-room"]


def test_data_that_reaches_into_shared_info(memory: HostMemory) -> None:
    good = skbs("2.6.18/x86_64-generic", 1522, memory, 1)[0]
    moved = good._replace(shinfo=good.address + 1500)
    assert found(posted("2.6.18/x86_64-generic", [moved], memory)) == ["buffer-room"]


@pytest.mark.parametrize(
    ("nominal", "room", "rctl", "severity"),
    [
        (1522, 1536, 0, "note"),
        (1522, 1536, RCTL.LPE, "error"),
        (1522, 1536, RCTL.SBP, "error"),
        (1522, 1536, RCTL.LPE | RCTL.SBP, "error"),
        (1522, 8192, RCTL.LPE, "warning"),
        (1500, 1536, 0, "error"),
        (2048, 2048, RCTL.LPE | RCTL.SBP, None),
        (4096, 4096, RCTL.LPE, None),
        (4096, 4096, 3 << 16 | RCTL.BSEX | RCTL.LPE, None),
        (2048, 2048, 3 << 16 | RCTL.BSEX, "note"),
    ],
)
def test_what_the_nic_is_told_of_the_buffer(
    nominal: int, room: int, rctl: int, severity: str | None, memory: HostMemory
) -> None:
    buffer = RxBufferEvent(0x10000, nominal, 0x10000, room, room, "page", 0, room, "jumbo")
    verdicts = posted("6.1/x86_64", [buffer], memory, RCTL.EN | rctl)
    found_severity = [v.severity for v in verdicts if v.rule == "rctl-bsize"]
    assert found_severity == ([] if severity is None else [severity])


def test_long_packets_switched_on_under_posted_buffers() -> None:
    """The buffers were fine when they were posted; one bit in RCTL makes them too short."""
    stream = Stream()
    stream.open()
    stream.write(Reg.RCTL, stream.rctl | RCTL.LPE)
    verdicts = stream.close()
    assert found(verdicts) == ["rctl-bsize"]
    assert "LPE" in verdicts[0].detail


@pytest.mark.parametrize(("bits", "size"), [(0, 2048), (1 << 16, 1024), (2 << 16, 512), (3 << 16, 256)])
def test_buffer_sizes_of_rctl(bits: int, size: int) -> None:
    assert rctl_buffer_size(bits) == size
    extended = rctl_buffer_size(bits | RCTL.BSEX)
    assert extended == (2048 if bits == 0 else size * 16)


def test_truesize_below_the_payload(memory: HostMemory) -> None:
    good = skbs("3.3/x86_64", 2048, memory, 1)[0]
    verdicts = posted("3.3/x86_64", [good._replace(truesize=1000)], memory)
    assert [(v.rule, v.severity) for v in verdicts if v.rule == "truesize"] == [("truesize", "error")]


def test_truesize_of_old_kernels_leaves_the_slack_out(memory: HostMemory) -> None:
    verdicts = posted("2.6.18/x86_64-generic", skbs("2.6.18/x86_64-generic", 2048, memory), memory)
    note = next(v for v in verdicts if v.rule == "truesize")
    assert note.severity == "note"
    assert note.numbers["allocated"] == 4096
    assert int(note.numbers["truesize"]) < 4096


def test_truesize_of_a_page_for_a_small_buffer(memory: HostMemory) -> None:
    kernel = Kernel(load_profile("6.1/x86_64"), memory)
    page = kernel.pages.alloc(1)
    assert page is not None
    verdicts = posted("6.1/x86_64", [page_buffer(page, 2048)], memory)
    assert [(v.rule, v.severity) for v in verdicts] == [("truesize", "note")]


def test_truesize_since_3_2_is_told_nothing_about(memory: HostMemory) -> None:
    verdicts = posted("3.3/x86_64", skbs("3.3/x86_64", 1522, memory), memory)
    assert "truesize" not in {v.rule for v in verdicts}


@pytest.mark.parametrize("kernel", [*KERNELS, "3.3/x86_64", "3.3/x86_64-slob", "6.1/x86_64"])
@pytest.mark.parametrize("nominal", [256, 512, 1024, 1522, 2048])
def test_every_kernel_aligns_as_its_constants_predict(kernel: str, nominal: int, memory: HostMemory) -> None:
    verdicts = posted(kernel, skbs(kernel, nominal, memory, 40), memory)
    assert not {v.rule for v in verdicts} & {"align-cache-line", "align-ip", "dma-64k"}


def test_a_buffer_without_net_ip_align(memory: HostMemory) -> None:
    """The driver forgets skb_reserve(skb, NET_IP_ALIGN)."""
    good = skbs("2.6.18/x86_64-generic", 2048, memory, 1)[0]
    verdicts = posted("2.6.18/x86_64-generic", [good._replace(address=good.address - 2)], memory)
    assert found(verdicts) == ["align-ip", "slab-spill"]
    assert verdicts[0].numbers == {"address": good.address - 2, "offset": 2, "expected": 0}


def test_a_head_off_its_cache_line(memory: HostMemory) -> None:
    """The allocator hands out a head in the middle of a line."""
    good = skbs("3.3/x86_64", 1522, memory, 1)[0]
    verdicts = posted("3.3/x86_64", [good._replace(address=good.address + 32, head=good.head + 32)], memory)
    assert found(verdicts) == ["align-cache-line"]
    assert verdicts[0].numbers["offset"] == 32


@pytest.mark.parametrize(("part", "severity"), [("82540EM", "note"), ("82546EB", "error")])
def test_a_buffer_over_64_kib(part: str, severity: str, memory: HostMemory) -> None:
    options = CheckOptions(part="82546EB") if part == "82546EB" else CheckOptions()
    checker = Checker(load_profile("6.1/x86_64"), memory, options)
    head = 0x1FC00
    checker.on_buffer(RxBufferEvent(head, 2048, head, 4096, 4096, "page", 0, 4096, "jumbo"))
    verdicts = checker.finish()
    assert [(v.rule, v.severity) for v in verdicts] == [("dma-64k", severity)]
