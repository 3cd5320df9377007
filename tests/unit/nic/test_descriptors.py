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
    TX_LEGACY,
    TX_STRUCT,
    RxDescriptor,
    TxDescriptor,
)

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u64 = st.integers(0, 0xFFFF_FFFF_FFFF_FFFF)
rx = st.builds(RxDescriptor, u64, u16, u16, u8, u8, u16)
tx = st.builds(TxDescriptor, u64, u16, u8, u8, u8, u8, u16)


def test_all_are_16_bytes() -> None:
    assert RX_LEGACY.sizeof() == TX_LEGACY.sizeof() == DESCRIPTOR_BYTES
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
