"""802.1Q: insertion by VLE, filter by VFTA, stripping by CTRL.VME."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.nic.bench import BROADCAST, MAC, OTHER, POISON, Bench, frame
from vnic.nic.descriptors import RxStatus, TxCommand, TxDescriptor
from vnic.nic.model import fcs
from vnic.nic.registers import CTRL, RCTL, TCTL, VFTA_STRIDE, Reg

VME = CTRL.SLU | CTRL.VME
DONE = RxStatus.DD | RxStatus.EOP | RxStatus.IXSM


def tagged(control: int, size: int = 100, ether_type: int = 0x8100, destination: bytes = MAC) -> bytes:
    """A frame with a tag, of ``size`` bytes with it and the FCS."""
    start = destination + OTHER + ether_type.to_bytes(2, "big") + control.to_bytes(2, "big") + b"\x08\x06"
    body = start + bytes(index & 0xFF for index in range(size - 4 - len(start)))
    return body + fcs(body)


def allow(bench: Bench, identifier: int) -> None:
    bench[Reg.VFTA + (identifier >> 5) * VFTA_STRIDE] = 1 << (identifier & 31)


# ---- transmit


def send(bench: Bench, length: int, command: int, tctl: int = 0) -> bytes:
    content = (MAC + OTHER + bytes(range(200)))[:length]
    bench.memory.write(0x4_0000, content)
    bench.open_tx(TCTL.EN | tctl)
    bench.put_tx(0, TxDescriptor(0x4_0000, length, 0, command | TxCommand.EOP, 0, 0, 0xA123))
    bench[Reg.TDT] = 1
    return bench.sent[0]


@pytest.mark.parametrize(("ctrl", "command"), [(VME, 0), (CTRL.SLU, TxCommand.VLE)], ids=["VLE 0", "VME 0"])
def test_no_tag_without_vle_and_vme(bench: Bench, ctrl: int, command: int) -> None:
    bench[Reg.CTRL] = ctrl
    assert send(bench, 100, command) == (MAC + OTHER + bytes(range(200)))[:100]


def test_insertion(bench: Bench) -> None:
    """SDM 9.2.1: the type comes from VET, the rest from the descriptor."""
    bench[Reg.CTRL] = VME
    bench[Reg.VET] = 0x88A8
    assert send(bench, 100, TxCommand.VLE | TxCommand.IFCS) == MAC + OTHER + b"\x88\xa8\xa1\x23" + bytes(
        range(88)
    )
    assert bench.counters([Reg.TOTL, Reg.PTC127, Reg.TPT]) == {"TOTL": 108, "PTC127": 1, "TPT": 1}


@pytest.mark.parametrize(("length", "sent"), [(11, 60), (12, 60), (40, 60), (56, 60), (57, 61)])
def test_padding_comes_after_the_tag(bench: Bench, length: int, sent: int) -> None:
    bench[Reg.CTRL] = VME
    out = send(bench, length, TxCommand.VLE | TxCommand.IFCS, TCTL.PSP)
    assert len(out) == sent
    assert (out[12:14] == b"\x81\0") is (length >= 12)


@pytest.mark.parametrize("data_descriptor", [False, True])
def test_the_last_descriptor_has_the_tag(bench: Bench, data_descriptor: bool) -> None:
    """SDM 9.1 and 3.3.7: outside a segmentation, VLE and SPECIAL count where EOP is."""
    bench[Reg.CTRL] = VME
    bench.memory.write(0x4_0000, bytes(100))
    bench.open_tx()
    cso, more = (0x10, TxCommand.DEXT) if data_descriptor else (0, 0)
    bench.put_tx(0, TxDescriptor(0x4_0000, 50, cso, more | TxCommand.VLE, 0, 0, 0x1111))
    bench.put_tx(1, TxDescriptor(0x4_0032, 50, cso, more | TxCommand.VLE | TxCommand.EOP, 0, 0, 0x2222))
    bench[Reg.TDT] = 2
    assert bench.sent == [bytes(12) + b"\x81\0\x22\x22" + bytes(88)]


def test_a_looped_frame_comes_back_as_it_went(bench: Bench) -> None:
    bench[Reg.CTRL] = VME
    bench.open_rx(RCTL.EN | RCTL.LBM_MAC | RCTL.SECRC)
    out_of_the_loop = MAC + OTHER + bytes(range(88))
    bench.memory.write(0x4_0000, out_of_the_loop)
    bench.open_tx()
    bench.put_tx(0, TxDescriptor(0x4_0000, 100, 0, TxCommand.EOP | TxCommand.VLE, 0, 0, 0xA123))
    bench[Reg.TDT] = 1
    assert bench.buffer(0, 100) == out_of_the_loop
    assert bench.rx(0)[1:] == (100, 0, DONE | RxStatus.VP, 0, 0xA123)


# ---- receive


def test_stripping(bench: Bench) -> None:
    bench[Reg.CTRL] = VME
    bench.open_rx()
    whole = tagged(0xE123)
    plain = frame(80)
    bench.receive(whole, plain)
    assert bench.buffer(0, 97) == whole[:12] + whole[16:] + bytes([POISON])
    assert bench.rx(0)[1:] == (96, 0, DONE | RxStatus.VP, 0, 0xE123)
    assert bench.rx(1)[1:] == (80, 0, DONE, 0, 0)
    assert bench.counters([Reg.GORCL, Reg.PRC127]) == {"GORCL": 180, "PRC127": 2}


def test_without_vme_the_tag_stays(bench: Bench) -> None:
    bench.open_rx()
    whole = tagged(0xE123)
    bench.receive(whole)
    assert bench.buffer(0, 100) == whole
    assert bench.rx(0)[1:] == (100, 0, DONE, 0, 0)


def test_only_the_type_in_vet_is_a_tag(bench: Bench) -> None:
    bench[Reg.CTRL] = VME
    bench.open_rx()
    bench.receive(tagged(5, ether_type=0x88A8))
    bench[Reg.VET] = 0x88A8
    bench.receive(tagged(5, ether_type=0x88A8), tagged(5))
    assert [bench.rx(index).length for index in range(3)] == [100, 96, 100]


def test_tag_and_fcs_are_stripped_and_the_last_descriptor_says_so(bench: Bench) -> None:
    bench[Reg.CTRL] = VME
    bench.open_rx(RCTL.EN | RCTL.SECRC | RCTL.BSIZE_256)
    whole = tagged(0x0FFF, 528)
    bench.receive(whole)
    assert bench.rx(0)[1:] == (256, 0, RxStatus.DD, 0, 0)
    assert bench.rx(1)[1:] == (256, 0, RxStatus.DD, 0, 0)
    assert bench.rx(2)[1:] == (8, 0, DONE | RxStatus.VP, 0, 0x0FFF)
    assert bench.buffer(0, 256) + bench.buffer(1, 256) + bench.buffer(2, 8) == whole[:12] + whole[16:-4]


@pytest.mark.parametrize(("size", "stored"), [(19, 19), (20, 16), (40, 36)])
def test_stripping_of_what_sbp_stores(bench: Bench, size: int, stored: int) -> None:
    bench[Reg.CTRL] = VME
    bench.open_rx(RCTL.EN | RCTL.SBP)
    bench.receive(tagged(7, 100)[:size], bad_fcs=True)
    assert bench.rx(0).length == stored


@settings(max_examples=40, deadline=None)
@given(identifier=st.integers(0, 4095), priority=st.integers(0, 7), other=st.integers(0, 4095))
def test_filter(identifier: int, priority: int, other: int) -> None:
    with Bench() as bench:
        bench.open_rx(RCTL.EN | RCTL.VFE)
        allow(bench, identifier)
        bench.receive(tagged(priority << 13 | identifier), tagged(other), frame(64))
        assert bench[Reg.GPRC] == (3 if other == identifier else 2)
        assert bench[Reg.TPR] == 3
        assert bench[Reg.MPC] == 0


@pytest.mark.parametrize(
    ("rctl", "accepted"),
    [(RCTL.VFE, {0, 1}), (RCTL.VFE | RCTL.CFI, {0, 1}), (RCTL.VFE | RCTL.CFIEN, {0}),
     (RCTL.VFE | RCTL.CFIEN | RCTL.CFI, {1}), (RCTL.CFIEN | RCTL.CFI, {0, 1})],
)  # fmt: skip
def test_canonical_form_indicator(bench: Bench, rctl: int, accepted: set[int]) -> None:
    bench.open_rx(RCTL.EN | rctl)
    allow(bench, 9)
    for indicator in (0, 1):
        bench.receive(tagged(indicator << 12 | 9))
        assert bench[Reg.GPRC] == (indicator in accepted)


@pytest.mark.parametrize("destination", [MAC, BROADCAST, OTHER], ids=["exact", "broadcast", "promiscuous"])
def test_the_filter_holds_for_every_kind_of_address(bench: Bench, destination: bytes) -> None:
    bench.open_rx(RCTL.EN | RCTL.VFE | RCTL.BAM | RCTL.UPE | RCTL.SBP)
    allow(bench, 1)
    bench.receive(tagged(2, destination=destination))
    bench.receive(tagged(2, destination=destination), bad_fcs=True)
    assert bench.untouched(0)
    bench.receive(tagged(1, destination=destination))
    assert bench.rx(0).status & RxStatus.DD


def test_a_tag_does_not_help_an_address(bench: Bench) -> None:
    bench.open_rx(RCTL.EN | RCTL.VFE)
    allow(bench, 1)
    bench.receive(tagged(1, destination=OTHER))
    assert bench.untouched(0)


def test_a_reset_ends_it(bench: Bench) -> None:
    bench[Reg.CTRL] = VME
    bench[Reg.CTRL] = CTRL.RST
    bench[Reg.CTRL] = CTRL.SLU
    bench.open_rx()
    bench.receive(tagged(1))
    assert bench.rx(0).length == 100
    assert send(bench, 100, TxCommand.VLE)[12:14] == b"\0\1"
