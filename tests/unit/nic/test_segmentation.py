"""TCP segmentation: what comes out is what scapy would have sent, whatever the descriptors look like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.nic.bench import TX_DATA, Bench
from tests.unit.nic.packets import context, data, data_descriptors, post, tcp
from vnic.nic.checksum import ones_sum
from vnic.nic.descriptors import TxCommand, TxContextCommand, TxDataCommand, TxDescriptor, TxOptions, TxStatus
from vnic.nic.events import Master
from vnic.nic.registers import CTRL, RCTL, TCTL, Reg

TSE = TxDataCommand.TSE | TxCommand.IFCS
BOTH = TxOptions.IXSM | TxOptions.TXSM
TCP4 = TxContextCommand.TCP | TxContextCommand.IP | TxContextCommand.TSE


def prototype(packet: Any) -> tuple[bytes, int]:
    """Header and payload as Linux hands them over (e1000_tso), and the header's length: the IP length and
    checksum are 0, the TCP checksum is the sum of the pseudo header without a length."""
    raw = bytearray(bytes(packet))
    start = 14 + 4 * (raw[14] & 15)
    raw[16:18] = raw[24:26] = b"\0\0"
    raw[start + 16 : start + 18] = ones_sum(bytes(raw[26:34]) + b"\0\x06").to_bytes(2, "big")
    return bytes(raw), start + 4 * (raw[start + 12] >> 4)


def tso_context(packet: bytes, header: int, mss: int, command: int = TCP4) -> bytes:
    """The context that e1000_tso makes."""
    start = 14 + 4 * (packet[14] & 15)
    return context(
        len(packet) - header, command, ipcss=14, ipcso=24, ipcse=start - 1, tucss=start, tucso=start + 16,
        tucse=0, hdrlen=header, mss=mss,
    )  # fmt: skip


def segments(payload: bytes, mss: int, flags: str, ident: int, seq: int, **fields: Any) -> list[bytes]:
    """The frames that ought to come out."""
    made = []
    for number, start in enumerate(range(0, len(payload), mss)):
        last = start + mss >= len(payload)
        made.append(bytes(tcp(
            payload[start : start + mss], id=(ident + number) & 0xFFFF, seq=(seq + start) & 0xFFFFFFFF,
            flags=flags if last else flags.replace("F", "").replace("P", ""), **fields,
        )))  # fmt: skip
    return made


def counted(bench: Bench) -> tuple[int, int]:
    """TSCTC and TSCTFC."""
    return bench[Reg.TSCTC], bench[Reg.TSCTFC]


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 4000),
    mss=st.integers(150, 1461),
    ip_options=st.integers(0, 10),
    tcp_options=st.integers(0, 10),
    flags=st.sampled_from(["A", "PA", "FPA", "PAUE", "FACU"]),
    ident=st.sampled_from([0, 1, 0xFFFE, 0xFFFF]),
    seq=st.sampled_from([0, 1, 0xFFFF_FF00, 0xFFFF_FFFF]),
    cuts=st.lists(st.integers(0, 4134), max_size=6),
)
def test_segments_are_scapys(
    size: int, mss: int, ip_options: int, tcp_options: int, flags: str, ident: int, seq: int, cuts: list[int]
) -> None:
    payload = bytes((7 * index) & 0xFF for index in range(size))
    options = {"ip_options": ip_options, "tcp_options": tcp_options}
    whole, header = prototype(tcp(payload, id=ident, seq=seq, flags=flags, **options))
    edges = sorted(cut for cut in cuts if cut <= len(whole))
    with Bench() as bench:
        bench.open_tx(count=16)
        post(bench, [tso_context(whole, header, mss), *data_descriptors(bench, whole, edges, TSE, BOTH)])
        assert bench.sent == segments(payload, mss, flags, ident, seq, **options)
        assert counted(bench) == (1, 0)
        assert bench[Reg.TPT] == -(-size // mss)


def test_frames_are_counted_one_by_one(bench: Bench) -> None:
    whole, header = prototype(tcp(b"x" * 2920))
    bench.open_tx(count=16)
    post(bench, [tso_context(whole, header, 1460), *data_descriptors(bench, whole, [], TSE, BOTH)])
    names = (Reg.TPT, Reg.GPTC, Reg.TOTL, Reg.PTC1522)
    assert bench.counters(names) == {"TPT": 2, "GPTC": 2, "TOTL": 3036, "PTC1522": 2}


def test_a_tail_write_in_the_middle(bench: Bench) -> None:
    """Segments leave as soon as they are complete; the rest waits for its descriptors."""
    payload = bytes(range(250)) * 8
    whole, header = prototype(tcp(payload, flags="PA"))
    ring = [tso_context(whole, header, 900), *data_descriptors(bench, whole, [30, 1000, 1100], TSE, BOTH)]
    expected = segments(payload, 900, "PA", 1, 0)
    bench.open_tx(count=16)
    seen = []
    for tail in range(1, len(ring) + 1):
        post(bench, ring[:tail])
        seen.append(len(bench.sent))
    assert seen == [0, 0, 1, 1, 3]
    assert bench.sent == expected


def test_padding_and_tag_of_every_segment(bench: Bench) -> None:
    whole, header = prototype(tcp(b"x" * 33))
    bench[Reg.CTRL] = CTRL.SLU | CTRL.VME
    bench.open_tx(TCTL.EN | TCTL.PSP)
    command = TSE | TxCommand.VLE
    post(bench, [tso_context(whole, header, 32), *data_descriptors(bench, whole, [], command, BOTH, 0x6123)])
    plain = segments(b"x" * 33, 32, "S", 1, 0)
    tagged = [frame[:12] + b"\x81\0\x61\x23" + frame[12:] for frame in plain]
    assert bench.sent == [frame.ljust(60, b"\0") for frame in tagged]


def test_the_first_descriptor_decides(bench: Bench) -> None:
    """SDM 3.3.7.1: POPTS, IFCS, VLE and the tag of a segmentation stand in its first descriptor, even in an
    empty one; what follows brings bytes, whatever its format."""
    whole, header = prototype(tcp(b"x" * 100))
    bench.memory.write(TX_DATA, whole)
    bench.open_tx()
    post(bench, [
        tso_context(whole, header, 100),
        data(TX_DATA, 0, TxDataCommand.TSE, BOTH),
        context(hdrlen=1, command=TxContextCommand.TSE),  # for the packets that follow
        data(TX_DATA, 60, TxCommand.IFCS | TxCommand.VLE),
        TxDescriptor(TX_DATA + 60, len(whole) - 60, 0, TxCommand.EOP | TxCommand.IC | TxCommand.RS).pack(),
    ])  # fmt: skip
    assert bench.sent == segments(b"x" * 100, 100, "S", 1, 0)
    assert bench[Reg.TOTL] == len(whole)  # no FCS was asked for
    assert bench.tx(4).status == TxStatus.DD


@pytest.mark.parametrize(
    "fields",
    [
        {"mss": 0},
        {"mss": 15},
        {"hdrlen": 0},
        {"hdrlen": 241},
        {"payload": 0},
        {"mss": 16288, "payload": 16288},
    ],
    ids=str,
)
def test_contexts_that_cannot_be(bench: Bench, fields: dict[str, int]) -> None:
    given_fields = {"payload": 1000, "command": TCP4, "hdrlen": 54, "mss": 500} | fields
    bench.open_tx()
    post(
        bench,
        [context(**given_fields), data(TX_DATA, 1054, TSE | TxCommand.EOP), data(TX_DATA, 60, TxCommand.EOP)],
    )
    assert [len(frame) for frame in bench.sent] == [60]
    assert counted(bench) == (0, 1)
    assert bench[Reg.TDH] == 3


def test_the_longest_header_and_segment(bench: Bench) -> None:
    bench.open_tx()
    ring = [context(0xFFFFF, TxContextCommand.TSE, hdrlen=240, mss=16048), data(TX_DATA, 16288, TSE)]
    post(bench, ring)
    assert [len(frame) for frame in bench.sent] == [16288]


@pytest.mark.parametrize(
    ("brought", "sent", "counts"),
    [
        (53, 0, (0, 1)),
        (54, 0, (0, 1)),
        (1053, 1, (0, 1)),
        (1054, 2, (1, 0)),
        (1055, 2, (0, 1)),
        (40000, 2, (0, 1)),
    ],
)
def test_lengths_that_do_not_match(bench: Bench, brought: int, sent: int, counts: tuple[int, int]) -> None:
    """SDM 3.3.7.1: an EOP elsewhere than at the payload's end is an abnormal termination."""
    bench.open_tx()
    post(bench, [context(1000, TCP4, hdrlen=54, mss=500), data(TX_DATA, brought, TSE | TxCommand.EOP)])
    assert len(bench.sent) == sent
    assert counted(bench) == counts
    assert sum(event.length for event in bench.seen(Master.TX_DATA)) == min(brought, 1054)


def test_fields_outside_the_header_stay(bench: Bench) -> None:
    """Length, identification, sequence number, flags and both checksums would lie in the payload."""
    content = bytes(range(1, 21)) + b"\xff" * 200
    bench.memory.write(TX_DATA, content)
    bench.open_tx()
    far = context(200, TCP4, ipcss=17, ipcso=19, tucss=13, tucso=19, hdrlen=20, mss=100)
    post(bench, [far, data(TX_DATA, 220, TSE | TxCommand.EOP, BOTH)])
    assert bench.sent == [content[:120]] * 2


def test_a_constant_header(bench: Bench) -> None:
    """SDM 3.3.6.1: without TCP and IP, blocks of data go out behind the same header."""
    content = bytes(range(30)) + bytes(200)
    bench.memory.write(TX_DATA, content)
    bench.open_tx()
    post(bench, [
        context(200, TxContextCommand.TSE, ipcss=0, tucss=4, hdrlen=30, mss=90),
        data(TX_DATA, 230, TSE | TxCommand.EOP),
    ])  # fmt: skip
    assert bench.sent == [content[:30] + bytes(size) for size in (90, 90, 20)]


def test_a_reset_forgets_contexts_and_what_was_gathered(bench: Bench) -> None:
    whole, header = prototype(tcp(b"x" * 1000))
    bench.open_tx()
    post(bench, [tso_context(whole, header, 600), data(TX_DATA, 300, TSE, BOTH)])
    bench[Reg.CTRL] = CTRL.RST
    bench[Reg.CTRL] = CTRL.SLU
    bench.open_tx()
    post(bench, data_descriptors(bench, whole, [], TSE, BOTH))
    assert bench.sent == []
    assert counted(bench) == (0, 1)


def test_a_new_head_drops_the_rest(bench: Bench) -> None:
    whole, header = prototype(tcp(b"x" * 1000))
    bench.open_tx()
    post(bench, [tso_context(whole, header, 600), data(TX_DATA, 300, TSE, BOTH)])
    bench[Reg.TCTL] = 0
    bench[Reg.TDH] = 0
    bench[Reg.TDT] = 0
    bench[Reg.TCTL] = TCTL.EN
    post(bench, data_descriptors(bench, whole, [], TSE, BOTH))
    assert bench.sent == segments(b"x" * 1000, 600, "S", 1, 0)
    assert counted(bench) == (1, 0)


def test_without_a_link_segments_are_lost_and_the_context_is_counted(bench: Bench) -> None:
    whole, header = prototype(tcp(b"x" * 1000))
    bench.nic.set_carrier(False)
    bench.open_tx()
    post(bench, [tso_context(whole, header, 600), *data_descriptors(bench, whole, [], TSE, BOTH)])
    assert bench.sent == []
    assert bench[Reg.TPT] == 0
    assert counted(bench) == (1, 0)


def test_looped_segments_pass_the_receive_checks(bench: Bench) -> None:
    """Transmit and receive side were written apart: each is the other's witness."""
    whole, header = prototype(tcp(b"odd" * 999, flags="PA"))
    bench[Reg.RXCSUM] = 0x300
    bench.open_rx(RCTL.EN | RCTL.LBM_MAC | RCTL.SECRC)
    bench.open_tx()
    post(bench, [tso_context(whole, header, 1001), *data_descriptors(bench, whole, [], TSE, BOTH)])
    for index, expected in enumerate(segments(b"odd" * 999, 1001, "PA", 1, 0)):
        assert bench.rx(index).status & 0x64 == 0x60
        assert bench.rx(index).errors == 0
        assert bench.buffer(index, bench.rx(index).length) == expected
