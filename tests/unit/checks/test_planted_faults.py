"""Each rule against a fault planted in the real driver, allocator or behavioural NIC, and against none.

A fault is a broken copy of one method (see ``spoil.py``). Where one fault is several wrong deeds, all its
verdicts are named; where it is one, exactly one rule may speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks.real import MIXED, frames, judged
from tests.unit.checks.spoil import Spoil, plant
from vnic.checks.scoreboard import compare
from vnic.checks.state import CheckOptions
from vnic.checks.verdict import Verdict
from vnic.driver import E1000, linear
from vnic.driver.buffers import RxPlan
from vnic.driver.linear import FragBuffers
from vnic.driver.refill import Buffers
from vnic.driver.rx import RxPath
from vnic.linux.dma_mapping import Swiotlb
from vnic.linux.kernel import Kernel
from vnic.linux.pages import Page
from vnic.linux.profile import KernelProfile, profile_names
from vnic.linux.skb_alloc import Gfp
from vnic.linux.skbuff import SkBuff
from vnic.memory import HostMemory
from vnic.nic.filter import AddressFilter
from vnic.nic.ring import Ring
from vnic.nic.rx import Receiver
from vnic.nic.tx import Transmitter
from vnic.targets.record import RunRecord

LARGE = (1514,) * 20
SMALL = (60,) * 20
DATA = "self._bus.write(Master.RX_DATA, address, part)"


def errors(verdicts: Sequence[Verdict]) -> set[str]:
    return {verdict.rule for verdict in verdicts if verdict.severity == "error"}


def padded(count: int) -> Spoil:
    """The NIC writes ``count`` bytes behind each frame."""
    return Spoil(Receiver, "drain", DATA, f"self._bus.write(Master.RX_DATA, address, part + bytes({count}))")


IN_THE_NIC: dict[str, tuple[Spoil, Sequence[int], dict[str, Any]]] = {
    "dma-bounds": (padded(16), LARGE, {}),
    "dma-shared-info": (padded(64), LARGE, {}),
    "dma-neighbour": (padded(400), LARGE, {}),
    "dma-memory": (
        Spoil(Ring, "fetch", "block = ", "self._bus.read(self._fetch_master, 1 << 45, 16); block = "),
        MIXED,
        {},
    ),
    "desc-reuse": (
        Spoil(Receiver, "drain", "self.flush()", "self.flush(); " + DATA),
        MIXED,
        {},
    ),
    "desc-ownership": (
        Spoil(
            Ring,
            "flush",
            "pending.clear()",
            "pending.clear(); self._bus.write(self._write_master, self.base + self._first * 16, data)",
        ),
        MIXED,
        {},
    ),
    "desc-content": (
        Spoil(
            Receiver,
            "drain",
            "_pack(address, len(part), checksum, status",
            "_pack(address + 1, len(part), checksum, status",
        ),
        MIXED,
        {},
    ),
    "frame-data": (
        Spoil(Receiver, "drain", DATA, DATA.replace("part)", "part[:40] + b'!' + part[41:])")),
        MIXED,
        {},
    ),
    "frame-lost": (
        Spoil(Receiver, "receive", "if not self.on:", "if not self.on or len(frame) == 304:"),
        MIXED,
        {},
    ),
    "frame-tx": (
        Spoil(Transmitter, "_transmit", "self._send(frame)", "self._send(frame[:-1] + b'!')"),
        MIXED,
        {"mode": "reflect"},
    ),
}


@pytest.mark.parametrize("rule", IN_THE_NIC)
def test_a_fault_in_the_nic(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, lengths, options = IN_THE_NIC[rule]
    plant(monkeypatch, spoil)
    assert errors(judged(lengths=lengths, **options)) == {rule}


def test_a_write_back_before_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data of the frame that completes a line of descriptors goes out after their write-back."""
    plant(
        monkeypatch,
        Spoil(Receiver, "drain", DATA, "pass"),
        Spoil(Receiver, "drain", "    self.flush()", "    self.flush()\n        " + DATA),
    )
    verdicts = judged(lengths=(300,) * 8)
    assert errors(verdicts) == {"writeback-order"}
    assert verdicts[0].count == 2
    assert verdicts[0].where == "rx descriptor 3"
    assert verdicts[0].numbers["visible"] == 0
    assert verdicts[0].numbers["length"] == 304


def test_a_transmit_read_past_the_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch,
        Spoil(
            Transmitter,
            "_gather",
            "self._bus.read(Master.TX_DATA, address, length)",
            "self._bus.read(Master.TX_DATA, address, length + 2)[:length]",
        ),
    )
    assert errors(judged(mode="reflect")) == {"dma-bounds"}


def test_a_frame_for_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Spoil(AddressFilter, "_decide", "bool(rctl & RCTL.UPE), 0)", "True, 0)"))
    offered = [*frames(SMALL), *frames(SMALL, "020000000077")]
    assert errors(judged(offered=offered)) == {"frame-unwanted"}


MAP_CALL = "self.dma.map_single(address, length, FROM_DEVICE)"
UNMAP_CALL = "self.dma.unmap_single(slot.dma, self.length, FROM_DEVICE)"
PUT = "ring.put_rx(index, slot.dma)"
GIVE = "await self._nic.write32(Reg.RDT, ring.tail)"

IN_THE_DRIVER: dict[str, tuple[tuple[Spoil, ...], Sequence[int]]] = {
    "dma-bounds": (
        (
            Spoil(Buffers, "map", MAP_CALL, MAP_CALL.replace("length", "length - 600")),
            Spoil(Buffers, "unmap", UNMAP_CALL, UNMAP_CALL.replace("self.length", "self.length - 600")),
        ),
        MIXED,
    ),
    "map-missing": (
        (Spoil(Buffers, "map", MAP_CALL, "address"), Spoil(Buffers, "unmap", UNMAP_CALL, "pass")),
        LARGE,
    ),
    "desc-double": ((Spoil(RxPath, "refill", PUT, PUT.replace("slot", "ring.slots[index & ~1]")),), ()),
    "ring-overrun": ((Spoil(RxPath, "refill", GIVE, f"{GIVE}; await self._nic.write32(Reg.RDT, 5)"),), ()),
    "ring-base": (
        (Spoil(E1000, "_configure_rx", "ring.base & ALL_ONES", "ring.base & ALL_ONES | 8"),),
        MIXED,
    ),
    "ring-length": (
        (Spoil(E1000, "_configure_tx", "Reg.TDLEN, ring.size", "Reg.TDLEN, ring.size + 16"),),
        MIXED,
    ),
    "map-double": ((Spoil(Buffers, "map", MAP_CALL, f"{MAP_CALL} and {MAP_CALL}"),), MIXED),
    "map-double-unmap": ((Spoil(Buffers, "unmap", UNMAP_CALL, f"{UNMAP_CALL}; {UNMAP_CALL}"),), MIXED),
    "map-mismatch": (
        (Spoil(Buffers, "unmap", UNMAP_CALL, UNMAP_CALL.replace("self.length", "self.length - 4")),),
        MIXED,
    ),
    "map-sync-unmapped": (
        (
            Spoil(
                Buffers,
                "unmap",
                UNMAP_CALL,
                f"{UNMAP_CALL}; self.dma.sync_for_cpu(slot.dma, 64, FROM_DEVICE)",
            ),
        ),
        MIXED,
    ),
    "map-sync-missing": (
        (Spoil(FragBuffers, "receive", "self.dma.sync_for_cpu(slot.dma, length, FROM_DEVICE)", "pass"),),
        SMALL,
    ),
    "map-owned": (
        (
            Spoil(
                E1000,
                "_down",
                "    await self.nic.write32(Reg.RCTL",
                "    self._rx_path.reset()\n    await self.nic.write32(Reg.RCTL",
            ),
        ),
        MIXED,
    ),
    "map-leak": ((Spoil(FragBuffers, "drop", "self.unmap(slot)", "slot.dma = 0"),), MIXED),
    "rctl-bsize": ((Spoil(RxPlan, "rctl", "if self.long_packets else 0", "if True else 0"),), MIXED),
    "buffer-room": ((Spoil(linear, "build_skb_size", "nominal + headroom", "nominal"),), (60, 700, 1400)),
    "truesize": (
        (Spoil(linear, "frag_buffer", "truesize = frag_size + sizes.skb", "truesize = 512"),),
        MIXED,
    ),
}


@pytest.mark.parametrize("rule", IN_THE_DRIVER)
def test_a_fault_in_the_driver(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoils, lengths = IN_THE_DRIVER[rule]
    plant(monkeypatch, *spoils)
    assert errors(judged(lengths=lengths)) == {rule}


def test_a_buffer_unmapped_behind_the_back_of_the_nic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three wrong deeds: unmapped while the NIC owns it, written by the NIC, unmapped once more."""
    early = "; self._buffers.dma.unmap_single(ring.slots[start].dma, self.plan.buffer, 'from_device')"
    plant(monkeypatch, Spoil(RxPath, "refill", GIVE, GIVE + early))
    assert errors(judged(lengths=LARGE)) == {"map-owned", "map-use-after-unmap", "map-double-unmap"}


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


def recorded(directory: Path, target: str) -> Path:
    with RunRecord(directory, target) as record:
        judged(record=record)
    return directory


def test_two_runs_of_the_same_nic_agree(tmp_path: Path) -> None:
    assert compare([recorded(tmp_path / name, name) for name in ("a", "b", "c")]) == []


@pytest.mark.parametrize(
    ("spoil", "rules"),
    [
        (
            Spoil(Receiver, "drain", DATA, DATA.replace("part)", "part[:40] + b'!' + part[41:])")),
            {"scoreboard-frame", "scoreboard-memory"},
        ),
        (
            Spoil(Receiver, "drain", "len(part), checksum, status", "len(part), 7, status"),
            {"scoreboard-descriptor", "scoreboard-memory"},
        ),
        (Spoil(Receiver, "receive", "counts[_GPRC] += 1", "counts[_GPRC] += 2"), {"scoreboard-stat"}),
        (padded(2), {"scoreboard-dma"}),
        (
            Spoil(E1000, "_configure_tx", "Reg.TIDV, 0", "Reg.TIDV, 5"),
            {"scoreboard-register"},
        ),
    ],
    ids=["frame", "descriptor", "stat", "dma", "register"],
)
def test_a_fault_in_one_of_two_runs(
    spoil: Spoil, rules: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = recorded(tmp_path / "good", "good")
    plant(monkeypatch, spoil)
    right = recorded(tmp_path / "bad", "bad")
    assert {verdict.rule for verdict in compare([left, right])} == rules
