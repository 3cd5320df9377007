"""Each rule against a fault planted in the real driver, allocator or behavioural NIC, and against none.

A fault is a broken copy of one method (see ``spoil.py``). Where one fault is several wrong deeds, all its
verdicts are named; where it is one, exactly one rule may speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.checks.real import MIXED, errors, frames, judged
from tests.unit.checks.spoil import Spoil, plant
from vnic.driver import E1000, linear
from vnic.driver.buffers import RxPlan
from vnic.driver.linear import FragBuffers
from vnic.driver.refill import Buffers
from vnic.driver.ring import Ring as DriverRing
from vnic.driver.rx import RxPath
from vnic.nic.filter import AddressFilter
from vnic.nic.ring import Ring
from vnic.nic.rx import Receiver
from vnic.nic.tx import Transmitter

LARGE = (1514,) * 20
SMALL = (60,) * 20
DATA = "self._bus.write(Master.RX_DATA, address, part)"


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
    "desc-ownership (tx)": (
        Spoil(
            Ring,
            "flush",
            "pending.clear()",
            "pending.clear(); self._write_master is Master.TX_WRITEBACK and "
            "self._bus.write(self._write_master, self.base + self._first * 16, data)",
        ),
        MIXED,
        {"mode": "reflect"},
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


@pytest.mark.parametrize("fault", IN_THE_NIC)
def test_a_fault_in_the_nic(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, lengths, options = IN_THE_NIC[fault]
    plant(monkeypatch, spoil)
    rule, _, ring = fault.partition(" ")
    verdicts = judged(lengths=lengths, **options)
    assert errors(verdicts) == {rule}
    assert not ring or verdicts[0].where.startswith("tx descriptor ")


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


def test_a_ring_freed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """In between its page went to somebody else, so that the allocator has nothing to complain of."""
    free = "self._kernel.dma_free_coherent(self.base, self.size)"
    plant(monkeypatch, Spoil(DriverRing, "free", free, f"{free}; self._kernel.alloc_page(); {free}"))
    verdicts = judged()
    assert errors(verdicts) == {"map-double-unmap"}
    assert verdicts[0].where.startswith("coherent ")
    assert verdicts[0].count == 2
