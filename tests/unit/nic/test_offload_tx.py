"""Checksum insertion on transmission: legacy descriptors, contexts and data descriptors."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.nic.bench import TX_DATA, Bench
from tests.unit.nic.packets import context, data, data_descriptors, post, tcp, udp
from vnic.nic.checksum import ones_sum
from vnic.nic.descriptors import TxCommand, TxContextCommand, TxDescriptor, TxOptions, TxStatus
from vnic.nic.registers import TCTL, Reg

LAST = TxCommand.EOP | TxCommand.IFCS
BOTH = TxOptions.IXSM | TxOptions.TXSM


def partial(frame: bytes, place: int, start: int) -> bytes:
    """``frame`` as Linux hands it over: the pseudo header's sum in the place of the TCP or UDP checksum."""
    pseudo = frame[26:34] + bytes([0, frame[23]]) + (len(frame) - start).to_bytes(2, "big")
    return frame[:place] + ones_sum(pseudo).to_bytes(2, "big") + frame[place + 2 :]


def tcp_context(start: int = 34) -> bytes:
    return context(
        command=TxContextCommand.TCP, ipcss=14, ipcso=24, ipcse=start - 1, tucss=start, tucso=start + 16
    )


@settings(max_examples=60, deadline=None)
@given(
    payload=st.binary(max_size=1400),
    ip_options=st.integers(0, 10),
    tcp_options=st.integers(0, 10),
    cuts=st.lists(st.integers(0, 54), max_size=4).map(sorted),
)
def test_checksums_are_scapys(payload: bytes, ip_options: int, tcp_options: int, cuts: list[int]) -> None:
    whole = bytes(tcp(payload, ip_options=ip_options, tcp_options=tcp_options))
    start = 34 + 4 * ip_options
    frame = partial(whole, start + 16, start)
    frame = frame[:24] + b"\0\0" + frame[26:]
    with Bench() as bench:
        bench.open_tx(count=16)
        post(bench, [tcp_context(start), *data_descriptors(bench, frame, cuts, LAST & ~TxCommand.EOP, BOTH)])
        assert bench.sent == [whole]


def test_udp_with_odd_length(bench: Bench) -> None:
    whole = bytes(udp(b"abc"))
    bench.open_tx()
    ring = [
        context(tucss=34, tucso=40),
        *data_descriptors(bench, partial(whole, 40, 34), [], LAST, TxOptions.TXSM),
    ]
    post(bench, ring)
    assert bench.sent == [whole]


@pytest.mark.parametrize("options", [0, TxOptions.IXSM, TxOptions.TXSM])
def test_only_what_popts_asks_for(bench: Bench, options: int) -> None:
    whole = bytes(tcp(b"payload"))
    frame = bytearray(whole)
    frame[24:26] = b"\0\0"
    bench.open_tx()
    post(bench, [tcp_context(), *data_descriptors(bench, partial(bytes(frame), 50, 34), [], LAST, options)])
    (sent,) = bench.sent
    assert (sent[24:26] == whole[24:26]) is bool(options & TxOptions.IXSM)
    assert (sent[50:52] == whole[50:52]) is bool(options & TxOptions.TXSM)


def test_a_context_stays_until_the_next_one(bench: Bench) -> None:
    whole = bytes(tcp(b"x" * 99))
    ready = data_descriptors(bench, partial(whole, 50, 34), [], LAST, TxOptions.TXSM)
    bench.open_tx(count=16)
    post(bench, [tcp_context(), *ready, *ready])
    bench[Reg.TCTL] = 0
    bench[Reg.TDH] = 0
    bench[Reg.TDT] = 0
    bench[Reg.TCTL] = TCTL.EN
    post(bench, ready)
    assert bench.sent == [whole] * 3


def test_a_context_of_segmentation_is_another_one(bench: Bench) -> None:
    whole = bytes(tcp(b"x" * 99))
    other = context(command=TxContextCommand.TSE, tucss=1, tucso=2)
    bench.open_tx(count=16)
    ready = data_descriptors(bench, partial(whole, 50, 34), [], LAST, TxOptions.TXSM)
    post(bench, [tcp_context(), other, *ready])
    assert bench.sent == [whole]


def test_the_first_descriptor_decides_on_checksums_and_the_last_on_the_fcs(bench: Bench) -> None:
    """SDM 3.3.7: POPTS is looked at in the first descriptor only; IFCS where EOP is."""
    whole = bytes(tcp(b"x" * 9))
    frame = partial(whole, 50, 34)
    bench.memory.write(TX_DATA, frame)
    bench.open_tx(TCTL.EN | TCTL.PSP)
    post(bench, [
        tcp_context(),
        data(TX_DATA, 20, TxCommand.IFCS, TxOptions.TXSM),
        context(tucss=3, tucso=5),  # for the packets that follow
        data(TX_DATA + 20, len(frame) - 20, TxCommand.EOP, 0),
    ])  # fmt: skip
    assert len(whole) == 63
    assert bench.sent == [whole]
    assert bench[Reg.TOTL] == 63


def test_short_packets_are_padded_behind_their_checksum(bench: Bench) -> None:
    whole = bytes(tcp(b""))
    bench.open_tx(TCTL.EN | TCTL.PSP)
    post(bench, [tcp_context(), *data_descriptors(bench, partial(whole, 50, 34), [], LAST, TxOptions.TXSM)])
    assert bench.sent == [whole.ljust(60, b"\0")]


@pytest.mark.parametrize(("length", "sent"), [(16288, 1), (16289, 0), (0xFFFFF, 0), (0, 0)])
def test_length_of_a_data_descriptor_has_20_bits(bench: Bench, length: int, sent: int) -> None:
    bench.open_tx()
    post(bench, [data(TX_DATA, length, LAST | TxCommand.RS), data(TX_DATA, 60, LAST)])
    assert len(bench.sent) == sent + 1
    assert bench.tx(0).status == TxStatus.DD
    assert bench[Reg.TDH] == 2


@pytest.mark.parametrize("kind", [2, 7, 15])
def test_unknown_types_do_nothing(bench: Bench, kind: int) -> None:
    raw = bytearray(data(TX_DATA, 100, LAST | TxCommand.RS, TxOptions.TXSM))
    raw[10] |= kind << 4
    bench.open_tx()
    post(bench, [bytes(raw), data(TX_DATA, 60, LAST)])
    assert [len(frame) for frame in bench.sent] == [60]
    assert bench.tx(0).status == TxStatus.DD


def test_contexts_report_status(bench: Bench) -> None:
    bench.open_tx()
    post(bench, [context(command=TxCommand.RS, mss=0xABCD)])
    assert bench.tx(0).status == TxStatus.DD
    assert bench.tx(0).special == 0xABCD


# ---- legacy


def legacy(bench: Bench, frame: bytes, cso: int, css: int, command: int) -> bytes:
    bench.memory.write(TX_DATA, frame)
    bench.open_tx()
    bench.put_tx(0, TxDescriptor(TX_DATA, len(frame), cso, command, 0, css))
    bench[Reg.TDT] = 1
    return bench.sent[0]


def test_legacy_checksum(bench: Bench) -> None:
    whole = bytes(tcp(b"odd"))
    assert legacy(bench, partial(whole, 50, 34), 50, 34, LAST | TxCommand.IC) == whole


@pytest.mark.parametrize(
    ("cso", "css", "command"),
    [(50, 34, 0), (56, 34, TxCommand.IC), (50, 57, TxCommand.IC)],
    ids=["not asked for", "place beyond the frame", "start beyond the frame"],
)
def test_legacy_checksum_left_out(bench: Bench, cso: int, css: int, command: int) -> None:
    frame = bytes(tcp(b"odd", chksum=0))
    assert len(frame) == 57
    assert legacy(bench, frame, cso, css, LAST | command) == frame


def test_legacy_offsets_are_those_of_the_first_descriptor(bench: Bench) -> None:
    whole = bytes(tcp(b"odd"))
    bench.memory.write(TX_DATA, partial(whole, 50, 34))
    bench.open_tx()
    bench.put_tx(0, TxDescriptor(TX_DATA, 30, 50, 0, 0, 34))
    bench.put_tx(1, TxDescriptor(TX_DATA + 30, len(whole) - 30, 1, LAST | TxCommand.IC, 0, 2))
    bench[Reg.TDT] = 2
    assert bench.sent == [whole]


def test_bit_2_of_a_data_descriptor_is_not_ic(bench: Bench) -> None:
    frame = bytes(tcp(b"odd", chksum=0))
    bench.memory.write(TX_DATA, frame)
    bench.open_tx()
    bench.put_tx(0, TxDescriptor(TX_DATA, 30, 50, 0, 0, 34))
    bench.memory.write(0x2_0010, data(TX_DATA + 30, len(frame) - 30, LAST | TxCommand.IC))
    bench[Reg.TDT] = 2
    assert bench.sent == [frame]
