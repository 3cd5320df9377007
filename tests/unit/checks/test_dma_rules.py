"""Rules over single bus accesses and over where data goes: each catches its fault, and no other does."""

from __future__ import annotations

import pytest

from tests.unit.checks.stream import POOL, RX_RING, TX_RING, Stream, found, frame
from vnic.checks.verdict import Verdict
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.nic.events import DescriptorWord, Master


def verdict_of(stream: Stream, rule: str) -> Verdict:
    """The only verdict of the run beyond notes, which must be ``rule``'s."""
    verdicts = stream.close()
    assert found(verdicts) == [rule]
    return verdicts[0]


@pytest.mark.parametrize("lengths", [[60], [60] * 40, [1514, 60, 300] * 10])
def test_a_correct_run_has_only_the_note_on_the_buffer_size(lengths: list[int]) -> None:
    stream = Stream()
    stream.open()
    for number, length in enumerate(lengths):
        stream.receive(frame(length, number))
        stream.transmit(frame(length, number + 1))
    assert [(v.rule, v.severity) for v in stream.close()] == [("rctl-bsize", "note")]


def test_a_write_past_the_mapping_is_out_of_bounds() -> None:
    class Short(Stream):
        """The driver maps less than it told the NIC."""

        def map_buffer(self, buffer: RxBufferEvent) -> None:
            self.map("map", buffer.address, 1000)

        def unmap_buffer(self, address: int) -> None:
            self.map("unmap", address, 1000)

    stream = Short()
    stream.open()
    stream.receive(frame(1200))
    verdict = verdict_of(stream, "dma-bounds")
    assert verdict.numbers["over"] == 1204 - 1000
    assert verdict.where == "rx descriptor 0"


def test_a_burst_into_the_headroom_is_out_of_bounds() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DATA, stream.buffers[0] - 16, 16)
    verdict = verdict_of(stream, "dma-bounds")
    assert "-16 from the data of a page_frag" in verdict.detail


def test_a_write_nowhere_near_a_buffer_is_out_of_bounds() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DATA, 0x3000, 64)
    assert verdict_of(stream, "dma-bounds").numbers["address"] == 0x3000


def test_a_frame_over_skb_shared_info() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DATA, stream.buffers[0], 1600)  # data area: 1920 - 64 - 320 = 1536
    assert verdict_of(stream, "dma-shared-info").numbers["over"] == 1600 - 1536


def test_bursts_that_run_on_over_skb_shared_info() -> None:
    """RTL writes a frame in several bursts: one crosses the end, the next lie beyond it altogether."""
    stream = Stream()
    stream.open()
    start = stream.buffers[0]
    for at in range(320, 1856, 256):
        stream.dma(Master.RX_DATA, start + at, 256, width=8)
    verdicts = stream.close()
    assert found(verdicts) == ["dma-shared-info"]
    assert (
        verdicts[0].count == 2
    )  # 1344 to 1599 crosses into it, which starts at 1536; 1600 to 1855 lies in it


def test_a_frame_over_the_next_object() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DATA, stream.buffers[0], 2048)  # the object has 1920 - 64 behind the data's start
    verdict = verdict_of(stream, "dma-neighbour")
    assert verdict.numbers["over"] == 2048 - (1920 - 64)
    assert "page_frag" in verdict.detail


def test_a_buffer_used_again_before_it_is_given_back() -> None:
    class Twice(Stream):
        """The NIC puts the same frame there again, after the write-back."""

        def write_back(self, index: int, length: int, status: int = 7) -> DescriptorWord:
            word = super().write_back(index, length, status)
            self.dma(Master.RX_DATA, word.address, length)
            return word

    stream = Twice()
    stream.open()
    stream.receive(frame(60))
    verdicts = stream.close()
    assert found(verdicts) == ["desc-reuse"]


def test_a_buffer_unmapped_while_the_nic_still_has_its_descriptor() -> None:
    """The driver forgets one buffer too many; the NIC fills it afterwards."""
    stream = Stream()
    stream.open()
    victim = stream.buffers[0]
    stream.write(0x100, 0)  # receiver off: unmapping is in order ...
    stream.map("unmap", victim, 1522)
    stream.write(0x100, stream.rctl)  # ... but then it is switched on again with the descriptor in place
    stream.dma(Master.RX_DATA, victim, 64)
    stream.map("map", victim, 1522)
    verdict = verdict_of(stream, "map-use-after-unmap")
    assert verdict.where == "rx descriptor 0"


def test_a_transmit_read_past_the_mapping() -> None:
    class Greedy(Stream):
        def send(self, index: int, address: int, data: bytes) -> None:
            super().send(index, address, data + b"\0\0")
            self.checker.on_transmit(data)

    stream = Greedy()
    stream.open()
    stream.transmit(frame(100))
    verdicts = stream.close()
    assert "dma-bounds" in found(verdicts)
    assert next(v for v in verdicts if v.rule == "dma-bounds").numbers["over"] == 2


@pytest.mark.parametrize(("beyond", "told"), [(0, []), (6, []), (7, ["dma-bounds"])])
def test_a_bus_may_read_the_rest_of_a_beat(beyond: int, told: list[str]) -> None:
    """100 bytes from an address at 2 modulo 8 end 6 bytes before a word of 8 does."""

    class Wide(Stream):
        def send(self, index: int, address: int, data: bytes) -> None:
            self.dma(Master.TX_DATA, address, len(data) + beyond, write=False, width=8)
            self.memory.write(TX_RING + index * 16 + 12, b"\x01")
            self.dma(Master.TX_WRITEBACK, TX_RING + index * 16, 16)
            self.checker.on_collect([data])

    stream = Wide()
    stream.open()
    stream.transmit(frame(96))
    assert found(stream.close()) == told


def test_a_descriptor_read_outside_the_ring() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DESC, RX_RING + 8 * 16, 16, write=False)
    assert "outside the rx ring" in verdict_of(stream, "dma-bounds").detail


def test_an_access_where_there_is_no_memory() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DATA, 1 << 40, 64, ok=False)
    verdict = verdict_of(stream, "dma-memory")
    assert verdict.numbers == {"address": 1 << 40, "length": 64}


@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_bursts_at_every_offset_keep_the_bus_rules(width: int) -> None:
    stream = Stream()
    stream.open()
    start = stream.buffers[0]
    for offset in range(64):
        stream.dma(Master.RX_DATA, start + offset, 100, width=width)
        stream.dma(Master.RX_DATA, start + 1100, 100, width=width)
    assert found(stream.close()) == []


def test_a_burst_over_4_kib() -> None:
    """Inside one buffer, so that nothing else is wrong."""
    stream = Stream()
    stream.open()
    page = next(
        a for a in range(POOL, POOL + 8 * 1920, 4096) if any(b < a < b + 1400 for b in stream.buffers)
    )
    stream.dma(Master.RX_DATA, page - 16, 32, width=8)
    verdict = verdict_of(stream, "axi-4k")
    assert f"{page:#x}" in verdict.detail
    assert verdict.numbers["beats"] == 4


def test_a_burst_that_crosses_4_kib_without_strobes() -> None:
    """The strobed bytes stay below the boundary; the burst does not."""
    stream = Stream()
    stream.open()
    page = next(
        a for a in range(POOL, POOL + 8 * 1920, 4096) if any(b < a < b + 1400 for b in stream.buffers)
    )
    stream.dma(Master.RX_DATA, page - 16, 16, width=8, beats=3)
    assert found(stream.close()) == ["axi-4k", "align-bus"]


def test_a_hole_in_the_strobes() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DATA, stream.buffers[0], 64, strobes=60, width=8)
    verdict = verdict_of(stream, "axi-strobes")
    assert "4 stay stale" in verdict.detail


def test_a_frame_cut_inside_a_bus_word() -> None:
    stream = Stream()
    stream.open()
    start = stream.buffers[0]
    stream.dma(Master.RX_DATA, start, 100, width=8)
    stream.dma(Master.RX_DATA, start + 100, 100, width=8)
    verdict = verdict_of(stream, "align-bus")
    assert verdict.severity == "warning"
    assert verdict.numbers["offset"] == 4


def test_more_beats_than_the_bytes_span() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_DATA, stream.buffers[0], 64, width=64, beats=2)
    assert verdict_of(stream, "align-bus").numbers["needed"] == 1
