"""Frames offered against frames received, and handed over against sent."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import pytest

from tests.unit.checks.stream import Stream, found, frame
from vnic.checks.frames import REMEMBERED
from vnic.nic.events import DescriptorWord, FrameEvent
from vnic.nic.port import WireFrame
from vnic.nic.registers import MDIC, RCTL, Reg


def beyond_notes(stream: Stream) -> list[tuple[str, str]]:
    return [(v.rule, v.severity) for v in stream.close() if v.severity != "note"]


def with_fcs(data: bytes) -> bytes:
    data = data.ljust(60, b"\0")
    return data + zlib.crc32(data).to_bytes(4, "little")


@pytest.mark.parametrize("at", [0, 13, 59, 700])
def test_one_byte_that_differs(at: int) -> None:
    class Corrupting(Stream):
        def deliver(self, words: Sequence[DescriptorWord], data: bytes) -> None:
            spoilt = bytearray(data)
            spoilt[at] ^= 0x40
            super().deliver(words, bytes(spoilt))

    stream = Corrupting()
    stream.open()
    stream.receive(frame(1000))
    verdicts = stream.close()
    assert found(verdicts) == ["frame-data"]
    assert verdicts[0].numbers["offset"] == at


def test_an_fcs_that_differs() -> None:
    class Corrupting(Stream):
        def deliver(self, words: Sequence[DescriptorWord], data: bytes) -> None:
            super().deliver(words, data[:-1] + bytes((data[-1] ^ 1,)))

    stream = Corrupting()
    stream.open()
    stream.receive(frame(100))
    verdicts = stream.close()
    assert found(verdicts) == ["frame-data"]
    assert "FCS" in verdicts[0].detail


def test_a_frame_cut_short() -> None:
    class Short(Stream):
        def deliver(self, words: Sequence[DescriptorWord], data: bytes) -> None:
            super().deliver(words, data[:-8])

    stream = Short()
    stream.open()
    stream.receive(frame(100))
    assert found(stream.close()) == ["frame-data"]


def test_a_frame_out_of_nowhere() -> None:
    stream = Stream()
    stream.open()
    stream.checker.on_frame(FrameEvent(0, with_fcs(frame(60)), ()))
    verdicts = stream.close()
    assert found(verdicts) == ["frame-data"]
    assert "no frame was under way" in verdicts[0].detail


def test_a_frame_received_twice() -> None:
    class Twice(Stream):
        def deliver(self, words: Sequence[DescriptorWord], data: bytes) -> None:
            super().deliver(words, data)
            self.checker.on_frame(FrameEvent(self.now, data, ()))

    stream = Twice()
    stream.open()
    stream.receive(frame(60))
    assert found(stream.close()) == ["frame-data"]


def test_a_frame_lost_in_the_middle() -> None:
    stream = Stream()
    stream.open()
    stream.receive(frame(60, 1))
    stream.checker.on_offer([WireFrame(frame(60, 2)), WireFrame(frame(60, 3))])
    stream.receive(frame(60, 4))
    verdicts = stream.close()
    assert [(v.rule, v.severity) for v in verdicts if v.severity != "note"] == [("frame-lost", "error")]
    assert verdicts[0].numbers["lost"] == 2


def test_a_frame_lost_at_the_end() -> None:
    stream = Stream()
    stream.open()
    stream.receive(frame(60, 1))
    stream.checker.on_offer([WireFrame(frame(60, 2))])
    verdicts = stream.close()
    assert found(verdicts) == ["frame-lost"]
    assert "after 1 received" in verdicts[0].detail


def test_a_loss_that_the_nic_counted_is_a_warning() -> None:
    stream = Stream()
    stream.open()
    stream.checker.on_offer([WireFrame(frame(60, 2)), WireFrame(frame(60, 3))])
    stream.read(Reg.MPC, 2)
    assert beyond_notes(stream) == [("frame-lost", "warning")]


def test_a_loss_that_the_nic_counted_in_part_is_an_error() -> None:
    stream = Stream()
    stream.open()
    stream.checker.on_offer([WireFrame(frame(60, 2)), WireFrame(frame(60, 3))])
    stream.read(Reg.MPC, 1)
    assert beyond_notes(stream) == [("frame-lost", "error")]


def test_a_frame_that_the_driver_drops_is_a_warning() -> None:
    class Dropping(Stream):
        def deliver(self, words: Sequence[DescriptorWord], data: bytes) -> None:
            for word in words:
                self.unmap_buffer(word.address)
            self.post(len(words))

    stream = Dropping()
    stream.open()
    stream.receive(frame(60))
    assert beyond_notes(stream) == [("frame-lost", "warning")]


OTHER = bytes.fromhex("020000000099") + frame(60)[6:]
GROUP = bytes.fromhex("01005e000001") + frame(60)[6:]
EVERYONE = b"\xff" * 6 + frame(60)[6:]


@pytest.mark.parametrize(
    ("offered", "bits", "wanted"),
    [
        (WireFrame(frame(60)), 0, True),
        (WireFrame(OTHER), 0, False),
        (WireFrame(OTHER), RCTL.UPE, True),
        (WireFrame(GROUP), RCTL.UPE, False),
        (WireFrame(GROUP), RCTL.MPE, True),
        (WireFrame(EVERYONE), 0, False),
        (WireFrame(EVERYONE), RCTL.BAM, True),
        (WireFrame(frame(1518)), 0, True),
        (WireFrame(frame(1519)), 0, False),
        (WireFrame(frame(1519)), RCTL.LPE, True),
        (WireFrame(frame(30), raw=True), 0, False),
        (WireFrame(frame(30)), 0, True),
        (WireFrame(frame(16381)), RCTL.LPE | RCTL.SBP, False),
        (WireFrame(frame(60), bad_fcs=True), 0, False),
    ],
)
def test_what_the_filter_lets_in(offered: WireFrame, bits: int, wanted: bool) -> None:
    """A wanted frame that does not come is lost; an unwanted one that comes is told of."""
    data = offered.data if offered.raw else offered.data.ljust(60, b"\0")
    for comes in (False, True):
        stream = Stream()
        stream.rctl = RCTL.EN | bits
        stream.open()
        stream.checker.on_offer([offered])
        if comes:
            stream.checker.on_frame(FrameEvent(0, data + zlib.crc32(data).to_bytes(4, "little"), ()))
        ids = [rule for rule in found(stream.close()) if rule != "rctl-bsize"]
        expected = [] if wanted == comes else ["frame-lost" if wanted else "frame-unwanted"]
        assert ids == expected, f"comes={comes}"


def test_a_multicast_group_in_the_hash_table() -> None:
    """01:00:5e:00:00:01 with MO 0: bits 47:36 of the address are 0x010, word 0 bit 16 (SDM 13.5.1)."""
    stream = Stream()
    stream.rctl = RCTL.EN
    stream.open()
    stream.write(Reg.MTA, 1 << 16)
    stream.checker.on_offer([WireFrame(GROUP)])
    assert found(stream.close()) == ["frame-lost"]


def test_nothing_is_expected_with_the_receiver_off() -> None:
    stream = Stream()
    stream.open()
    stream.write(Reg.RCTL, 0)
    stream.checker.on_offer([WireFrame(frame(60))])
    assert found(stream.close()) == []


def test_a_frame_without_link_may_or_may_not_come() -> None:
    for comes in (False, True):
        stream = Stream()
        stream.open()
        stream.checker.on_link(False)
        stream.checker.on_offer([WireFrame(frame(60))])
        if comes:
            stream.checker.on_frame(FrameEvent(0, with_fcs(frame(60)), ()))
        assert found(stream.close()) == []


def test_a_bad_frame_stored_by_sbp_may_be_dropped_by_the_driver() -> None:
    data = frame(60)
    bad = data + (zlib.crc32(data) ^ 0xFFFFFFFF).to_bytes(4, "little")
    for comes in (False, True):
        stream = Stream()
        stream.rctl |= RCTL.SBP
        stream.open()
        stream.checker.on_offer([WireFrame(data, bad_fcs=True)])
        if comes:
            stream.checker.on_frame(FrameEvent(0, bad, ()))
        assert [rule for rule in found(stream.close()) if rule != "rctl-bsize"] == []


@pytest.mark.parametrize("phy", [False, True])
def test_in_loopback_what_is_sent_comes_back(phy: bool) -> None:
    stream = Stream()
    stream.open()
    if phy:
        stream.write(Reg.MDIC, MDIC.OP_WRITE | 1 << MDIC.PHYADD_SHIFT | 1 << 14)
    else:
        stream.write(Reg.RCTL, stream.rctl | RCTL.LBM_MAC)
    stream.checker.on_offer([WireFrame(frame(60, 9))])  # the wire is not heard
    stream.checker.on_transmit(frame(60, 1))
    stream.checker.on_frame(FrameEvent(0, with_fcs(frame(60, 1)), ()))
    stream.checker.on_transmit(frame(60, 2))
    verdicts = stream.close()
    assert found(verdicts) == ["frame-lost"]
    assert verdicts[0].numbers["lost"] == 1


def test_a_sent_byte_that_differs() -> None:
    stream = Stream()
    stream.open()
    stream.checker.on_transmit(frame(100))
    stream.checker.on_collect([frame(100)[:50] + b"\xee" + frame(100)[51:]])
    verdicts = stream.close()
    assert found(verdicts) == ["frame-tx"]
    assert "byte 50" in verdicts[0].detail


def test_a_frame_that_does_not_leave() -> None:
    stream = Stream()
    stream.open()
    stream.checker.on_transmit(frame(100))
    assert found(stream.close()) == ["frame-tx"]


def test_a_frame_that_nobody_handed_over() -> None:
    stream = Stream()
    stream.open()
    stream.checker.on_collect([frame(100)])
    assert found(stream.close()) == ["frame-tx"]


def test_memory_stays_flat_when_nothing_is_received() -> None:
    stream = Stream()
    stream.open()
    for number in range(REMEMBERED * 2):
        stream.checker.on_offer([WireFrame(frame(60, number))])
    rules = stream.checker._frames
    assert len(rules._expected) == REMEMBERED
    assert stream.close()[0].numbers["lost"] == REMEMBERED * 2
