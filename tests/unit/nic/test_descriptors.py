"""The struct packers of the hot path against the construct definitions that document the layout."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnic.nic.descriptors import (
    DESCRIPTOR_BYTES,
    RX_ADDRESS_STRUCT,
    RX_LEGACY,
    RX_STRUCT,
    TX_CONTEXT,
    TX_DATA,
    TX_LEGACY,
    TX_STRUCT,
    RxDescriptor,
    TxDescriptor,
)
from vnic.nic.offload_tx import Context

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u64 = st.integers(0, 0xFFFF_FFFF_FFFF_FFFF)
rx = st.builds(RxDescriptor, u64, u16, u16, u8, u8, u16)
tx = st.builds(TxDescriptor, u64, u16, u8, u8, u8, u8, u16)


def test_all_are_16_bytes() -> None:
    assert RX_LEGACY.sizeof() == TX_LEGACY.sizeof() == DESCRIPTOR_BYTES
    assert TX_CONTEXT.sizeof() == TX_DATA.sizeof() == DESCRIPTOR_BYTES
    assert RX_STRUCT.size == TX_STRUCT.size == RX_ADDRESS_STRUCT.size == DESCRIPTOR_BYTES


@given(rx)
def test_receive_round_trip_and_both_definitions_agree(descriptor: RxDescriptor) -> None:
    packed = descriptor.pack()
    assert packed == RX_LEGACY.build(descriptor._asdict())
    assert RxDescriptor.unpack(packed) == descriptor
    parsed = RX_LEGACY.parse(packed)
    assert {name: parsed[name] for name in descriptor._fields} == descriptor._asdict()
    assert RX_ADDRESS_STRUCT.unpack(packed) == (descriptor.address,)


@given(tx)
def test_transmit_round_trip_and_both_definitions_agree(descriptor: TxDescriptor) -> None:
    packed = descriptor.pack()
    assert packed == TX_LEGACY.build(descriptor._asdict())
    assert TxDescriptor.unpack(b"x" * 16 + packed, 16) == descriptor
    parsed = TX_LEGACY.parse(packed)
    assert {name: parsed[name] for name in descriptor._fields} == descriptor._asdict()


def test_a_context_is_read_as_the_definition_has_it() -> None:
    """8254x SDM table 3-13, written out byte by byte."""
    raw = bytes.fromhex("0e 18 2100 22 32 4400 3412 05 27 00 36 b405".replace(" ", ""))
    parsed = TX_CONTEXT.parse(raw)
    assert (parsed.ipcss, parsed.ipcso, parsed.ipcse) == (14, 24, 33)
    assert (parsed.tucss, parsed.tucso, parsed.tucse) == (34, 50, 68)
    assert (parsed.lower, parsed.hdrlen, parsed.mss) == (0x27051234, 54, 1460)
    address, length, cso, command, _status, css, special = TX_STRUCT.unpack(raw)
    context = Context.of(address, length | (cso & 15) << 16, command, css, special)
    assert context.ip[:3] == (14, 24, 33)
    assert context.transport[:3] == (34, 50, 68)
    assert context[2:] == (0x27, 0x51234, 54, 1460)


@given(u64, st.integers(0, 0xFFFF_FFFF), u8, u8, u16)
def test_a_data_descriptor_stands_where_the_legacy_one_does(
    address: int, lower: int, status: int, popts: int, special: int
) -> None:
    """The hot path unpacks all kinds alike: DTALEN is the length and half of CSO, POPTS is CSS."""
    fields = {"address": address, "lower": lower, "status": status, "popts": popts, "special": special}
    descriptor = TxDescriptor.unpack(TX_DATA.build(fields))
    assert descriptor.length | descriptor.cso << 16 | descriptor.command << 24 == lower
    assert (descriptor.address, descriptor.status, descriptor.css, descriptor.special) == (
        address, status, popts, special,
    )  # fmt: skip


def test_where_the_fields_are() -> None:
    """8254x SDM 3.2.3 and 3.3.3: bytes 8-9 length, 11 CMD and 12 STA (transmit), 12 status, 13 errors."""
    received = RxDescriptor(0x0102030405060708, 0x1122, 0x3344, 0x55, 0x66, 0x7788).pack()
    assert received.hex() == "0807060504030201" + "2211" + "4433" + "55" + "66" + "8877"
    sent = TxDescriptor(0x0102030405060708, 0x1122, 0x33, 0x44, 0x55, 0x66, 0x7788).pack()
    assert sent.hex() == "0807060504030201" + "2211" + "33" + "44" + "55" + "66" + "8877"


def test_a_field_that_does_not_fit_is_refused() -> None:
    with pytest.raises(struct.error):
        RxDescriptor(length=0x10000).pack()
    with pytest.raises(struct.error):
        TxDescriptor.unpack(bytes(15))
