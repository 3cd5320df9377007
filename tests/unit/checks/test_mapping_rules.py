"""The order of map, sync and unmap."""

from __future__ import annotations

from collections.abc import Sequence

from tests.unit.checks.stream import RX_RING, Stream, found, frame
from vnic.nic.events import DescriptorWord, FrameEvent


class Copying(Stream):
    """A driver that copies small frames: the buffer stays mapped and is synced, as e1000_copybreak does."""

    def deliver(self, words: Sequence[DescriptorWord], data: bytes) -> None:
        self.sync(words[0])
        self.checker.on_frame(FrameEvent(self.now, data, tuple(words)))
        self.repost(words[0])

    def sync(self, word: DescriptorWord) -> None:
        self.map("sync_for_cpu", word.address, word.length)

    def repost(self, word: DescriptorWord) -> None:
        self.buffers[self.tail] = word.address
        self.memory.write(RX_RING + self.tail * 16, word.address.to_bytes(16, "little"))
        self.tail = (self.tail + 1) % self.count
        self.write(0x2818, self.tail)


def test_copying_with_sync_is_in_order() -> None:
    stream = Copying()
    stream.open()
    for number in range(30):
        stream.receive(frame(60, number))
    assert found(stream.close()) == []


def test_reading_without_sync() -> None:
    class Forgetful(Copying):
        def sync(self, word: DescriptorWord) -> None:
            """Forgets to."""

    stream = Forgetful()
    stream.open()
    stream.receive(frame(60))
    verdicts = stream.close()
    assert found(verdicts) == ["map-sync-missing"]
    assert verdicts[0].where == "rx descriptor 0"


def test_a_sync_of_a_part_only() -> None:
    class Stingy(Copying):
        def sync(self, word: DescriptorWord) -> None:
            self.map("sync_for_cpu", word.address, 32)

    stream = Stingy()
    stream.open()
    stream.receive(frame(60))
    assert found(stream.close()) == ["map-sync-missing"]


def test_a_sync_after_unmap() -> None:
    class Late(Stream):
        def unmap_buffer(self, address: int) -> None:
            super().unmap_buffer(address)
            self.map("sync_for_cpu", address, 64)

    stream = Late()
    stream.open()
    stream.receive(frame(60))
    verdicts = stream.close()
    assert found(verdicts) == ["map-sync-unmapped"]
    assert verdicts[0].count == 8  # the frame's buffer, and seven at close


def test_a_buffer_mapped_twice() -> None:
    stream = Stream()
    stream.open()
    stream.map("map", stream.buffers[3], 1522)
    verdicts = stream.close()
    assert found(verdicts) == ["map-double"]
    assert f"{stream.buffers[3]:#x}" in verdicts[0].where


def test_a_buffer_unmapped_twice() -> None:
    class Eager(Stream):
        def unmap_buffer(self, address: int) -> None:
            super().unmap_buffer(address)
            super().unmap_buffer(address)

    stream = Eager()
    stream.open()
    stream.receive(frame(60))
    assert found(stream.close()) == ["map-double-unmap"]


def test_coherent_memory_freed_twice() -> None:
    stream = Stream()
    stream.open()
    stream.receive(frame(60))
    stream.map("free_coherent", RX_RING, 128, "bidirectional")
    assert found(stream.close()) == ["map-double-unmap"]


def test_an_unmap_with_another_length() -> None:
    class Sloppy(Stream):
        def unmap_buffer(self, address: int) -> None:
            self.map("unmap", address, 2048)

    stream = Sloppy()
    stream.open()
    verdicts = stream.close()
    assert found(verdicts) == ["map-mismatch"]
    assert verdicts[0].numbers["mapped"] == 1522
    assert verdicts[0].numbers["unmapped"] == 2048


def test_an_unmap_while_the_nic_owns_the_descriptor() -> None:
    stream = Stream()
    stream.open()
    stream.unmap_buffer(stream.buffers[5])
    stream.write(0x100, 0)
    stream.map("map", stream.buffers[5], 1522)
    verdicts = stream.close()
    assert found(verdicts) == ["map-owned"]
    assert verdicts[0].where == "rx descriptor 5"


def test_what_is_left_at_close() -> None:
    class Leaky(Stream):
        def unmap_buffer(self, address: int) -> None:
            if address != self.buffers[6]:
                super().unmap_buffer(address)

    stream = Leaky()
    stream.open()
    verdicts = stream.close()
    assert found(verdicts) == ["map-leak"]
    assert "1522 bytes still mapped" in verdicts[0].detail


def test_a_ring_left_at_close() -> None:
    stream = Stream()
    stream.map("alloc_coherent", RX_RING, 4096, "bidirectional")
    assert found(stream.checker.finish()) == ["map-leak"]
