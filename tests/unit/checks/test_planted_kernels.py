"""Kernels that give buffers of the wrong place or size, and right ones of every kind, under all rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks.real import MIXED, errors, judged
from vnic.checks.state import CheckOptions
from vnic.linux.dma_mapping import Swiotlb
from vnic.linux.kernel import Kernel
from vnic.linux.pages import Page
from vnic.linux.profile import KernelProfile, profile_names
from vnic.linux.skb_alloc import Gfp
from vnic.linux.skbuff import SkBuff
from vnic.memory import HostMemory


class NoIpAlign(Kernel):
    """Its drivers forget skb_reserve(skb, NET_IP_ALIGN)."""

    def rx_alloc_skb(self, length: int, gfp: Gfp = Gfp.ATOMIC) -> SkBuff | None:
        return self.dev_alloc_skb(length + self.profile.net_ip_align)


class OffTheLine(Kernel):
    """Its page fragments start 32 bytes too late."""

    def netdev_alloc_frag(self, size: int) -> int | None:
        head = super().netdev_alloc_frag(size + 64)
        return None if head is None else head + 32

    def free_frag(self, address: int) -> None:
        super().free_frag(address - 32)


def test_a_kernel_without_net_ip_align() -> None:
    verdicts = judged("2.6.18/x86_64-generic", kernel_class=NoIpAlign, copybreak=0)
    assert errors(verdicts) == {"align-ip"}
    assert verdicts[0].numbers["expected"] == 0
    assert verdicts[0].numbers["offset"] == 2


def test_an_allocator_that_misaligns() -> None:
    verdicts = judged(kernel_class=OffTheLine, lengths=(60, 200))
    assert errors(verdicts) == {"align-cache-line"}
    assert verdicts[0].numbers["offset"] == 32


class OneBigBlock(Kernel):
    """Its page fragments are cut from 256 KiB in a row, and so some cross 64 KiB."""

    block: Page | None = None
    place = 0

    def netdev_alloc_frag(self, size: int) -> int | None:
        if self.block is None or self.place + size > self.block.size:
            self.block, self.place = self.pages.alloc(6), 0
        assert self.block is not None
        self.block.refs += 1
        self.place += size
        return self.block.address + self.place - size


def test_a_driver_that_does_not_know_of_errata_23() -> None:
    check = CheckOptions(part="82546EB")
    assert errors(judged(kernel_class=OneBigBlock, check=check)) == {"dma-64k"}
    assert errors(judged(kernel_class=OneBigBlock, check=check, mac="82546EB")) == set()
    assert errors(judged(kernel_class=OneBigBlock)) == set()


def test_bounce_buffers_break_no_rule() -> None:
    """The device finds each buffer in a slot of 2 KiB, at another address than the CPU."""

    class Bounced(Kernel):
        def __init__(self, profile: KernelProfile, memory: HostMemory) -> None:
            super().__init__(profile, memory)
            pool = self.pages.alloc(9)
            assert pool is not None
            self.dma.mapping = Swiotlb(memory, pool, force=True)

    verdicts = judged(kernel_class=Bounced)
    assert errors(verdicts) == set()
    assert "slab-spill" not in {v.rule for v in verdicts}


def test_the_spill_of_the_drivers_comment() -> None:
    """RXBUFFER_2048 -> size-4096, as the comment in e1000 says; and no more than a warning."""
    verdicts = judged("2.6.18/x86_64-generic", buffer=2048)
    [spill] = [v for v in verdicts if v.severity != "note"]
    assert (spill.rule, spill.severity) == ("slab-spill", "warning")
    assert spill.numbers["size_class"] == "size-4096"
    assert spill.numbers["nominal_class"] == "size-2048"


CORRECT: list[dict[str, Any]] = [
    *({"kernel": kernel} for kernel in profile_names()),
    *({"kernel": "6.1/x86_64", "mtu": mtu} for mtu in (68, 1400, 1504, 3000, 9000, 16110)),
    *({"kernel": "2.6.9/i386-686", "mtu": mtu} for mtu in (1400, 3000, 9000)),
    *({"kernel": "6.1/x86_64", "buffer": size} for size in (256, 512, 1024, 2048)),
    *({"kernel": "6.1/x86_64", "strategy": strategy} for strategy in ("skb", "build_skb", "jumbo")),
    *({"kernel": "2.6.18/x86_64-generic", "mode": mode} for mode in ("reflect", "loopback")),
    *({"kernel": "6.1/x86_64", "mode": mode, "mtu": 9000} for mode in ("reflect", "loopback")),
    {"kernel": "6.1/x86_64", "copybreak": 0},
    {"kernel": "2.6.36/x86_64", "copybreak": 0, "promiscuous": True},
]


@pytest.mark.parametrize("options", CORRECT, ids=lambda options: " ".join(map(str, options.values())))
def test_a_correct_run_breaks_no_rule(options: dict[str, Any]) -> None:
    """A spill is a warning of a correct run, and so is MTU 1504, which maps 1522 bytes under LPE."""
    largest = options.get("mtu", 1500) + 14
    lengths = [min(length, largest) for length in (*MIXED, largest)]
    verdicts = judged(lengths=lengths, **options)
    spoken = {(v.rule, v.severity) for v in verdicts if v.severity != "note"}
    assert spoken <= {("slab-spill", "warning"), ("rctl-bsize", "warning")}
    assert ("rctl-bsize", "warning") not in spoken or options.get("mtu") == 1504
