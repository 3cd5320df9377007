"""The EEPROM by both ways in: EERD, and bit by bit through EECD as drivers without EERD do."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import MAC, Bench
from vnic.nic.registers import CTRL, CTRL_EXT, EECD, EERD, RAH, Reg

READ, WRITE, EXTENDED, ERASE = 0b110, 0b101, 0b100, 0b111
EWEN, EWDS = 0b110000, 0b000000
CHECKSUM = 0xBABA


def by_eerd(bench: Bench, address: int) -> int:
    bench[Reg.EERD] = address << EERD.ADDR_SHIFT | EERD.START
    value = bench[Reg.EERD]
    assert value & (EERD.DONE | EERD.START) == EERD.DONE
    return value >> EERD.DATA_SHIFT


class Microwire:
    """A driver's side of the four lines."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.lines = EECD.EE_REQ
        self.put(0)

    def put(self, lines: int) -> None:
        self.lines = lines | EECD.EE_REQ
        self.bench[Reg.EECD] = self.lines

    def select(self) -> None:
        self.put(0)
        self.put(EECD.CS)

    def deselect(self) -> None:
        self.put(0)

    def clock(self, bit: int = 0) -> int:
        data = EECD.DI if bit else 0
        self.put(EECD.CS | data)
        self.put(EECD.CS | data | EECD.SK)
        output = self.output
        self.put(EECD.CS | data)
        return output

    @property
    def output(self) -> int:
        return int(bool(self.bench[Reg.EECD] & EECD.DO))

    def shift_out(self, value: int, bits: int) -> None:
        for place in reversed(range(bits)):
            self.clock(value >> place & 1)

    def shift_in(self, bits: int = 16) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self.clock()
        return value

    def command(self, opcode: int, address: int) -> None:
        self.select()
        self.shift_out(opcode, 3)
        self.shift_out(address, 6)

    def read(self, address: int) -> int:
        self.command(READ, address)
        value = self.shift_in()
        self.deselect()
        return value

    def write(self, address: int, value: int) -> None:
        self.command(WRITE, address)
        self.shift_out(value, 16)
        self.deselect()

    def extended(self, address: int) -> None:
        self.command(EXTENDED, address)
        self.deselect()


@pytest.fixture
def wire(bench: Bench) -> Microwire:
    return Microwire(bench)


def test_both_ways_read_the_same_words_which_add_up(bench: Bench, wire: Microwire) -> None:
    words = [by_eerd(bench, address) for address in range(64)]
    assert [wire.read(address) for address in range(64)] == words
    assert sum(words) & 0xFFFF == CHECKSUM
    assert b"".join(word.to_bytes(2, "little") for word in words[:3]) == MAC
    assert (words[0x0D], words[0x0E]) == (0x100E, 0x8086)


def test_eerd_address_is_kept_and_wraps_at_64(bench: Bench) -> None:
    assert by_eerd(bench, 0x40 + 0x0D) == 0x100E
    assert (bench[Reg.EERD] & EERD.ADDR_MASK) >> EERD.ADDR_SHIFT == 0x4D
    bench[Reg.EERD] = 0x0E << EERD.ADDR_SHIFT  # no START: nothing is read
    assert bench[Reg.EERD] == 0x100E << EERD.DATA_SHIFT | 0x0E << EERD.ADDR_SHIFT | EERD.DONE


def test_present_and_granted_on_request(bench: Bench) -> None:
    assert bench[Reg.EECD] == EECD.EE_PRES | EECD.DO | 1 << EECD.FWE_SHIFT
    bench[Reg.EECD] = EECD.EE_REQ
    assert bench[Reg.EECD] & EECD.EE_GNT
    bench[Reg.EECD] = 0
    assert not bench[Reg.EECD] & EECD.EE_GNT


def test_a_dummy_bit_then_words_in_sequence(wire: Microwire) -> None:
    wire.command(READ, 62)
    assert wire.output == 0
    first, second, third = wire.shift_in(), wire.shift_in(), wire.shift_in()
    wire.deselect()
    assert wire.output == 1
    assert [first, second, third] == [wire.read(62), wire.read(63), wire.read(0)]


def test_zeros_before_the_start_bit_do_not_count(wire: Microwire) -> None:
    wire.select()
    wire.shift_out(0, 7)
    wire.shift_out(READ, 3)
    wire.shift_out(0x0D, 6)
    assert wire.shift_in() == 0x100E


def test_without_the_request_bit_the_lines_are_not_seen(bench: Bench, wire: Microwire) -> None:
    wire.command(READ, 0x0D)
    bench[Reg.EECD] = EECD.CS  # the grant is given back: the part is deselected
    bench[Reg.EECD] = EECD.CS | EECD.SK
    assert bench[Reg.EECD] & EECD.DO
    wire.put(EECD.CS)
    assert wire.shift_in() == 0xFFFF


def test_deselecting_forgets_a_command(wire: Microwire) -> None:
    wire.select()
    wire.shift_out(READ, 3)
    wire.deselect()
    assert wire.read(0x0E) == 0x8086


def test_writing_needs_enabling(bench: Bench, wire: Microwire) -> None:
    wire.write(5, 0x1234)
    assert wire.read(5) == 0
    wire.extended(EWEN)
    wire.write(5, 0x1234)
    assert wire.read(5) == by_eerd(bench, 5) == 0x1234
    wire.extended(EWDS)
    wire.write(5, 0x4321)
    assert wire.read(5) == 0x1234


def test_a_write_takes_16_bits_and_the_end_of_select(wire: Microwire) -> None:
    wire.extended(EWEN)
    wire.command(WRITE, 6)
    wire.shift_out(0x7FFF, 15)
    wire.deselect()
    assert wire.read(6) == 0
    wire.command(WRITE, 6)
    wire.shift_out(0xABCD, 16)
    wire.shift_out(0b101, 3)  # ignored
    wire.deselect()
    assert wire.output == 1  # ready
    assert wire.read(6) == 0xABCD


def test_other_commands_do_nothing(wire: Microwire) -> None:
    wire.extended(EWEN)
    for opcode, address in ((ERASE, 0x0D), (EXTENDED, 0b100000), (EXTENDED, 0b010000)):
        wire.command(opcode, address)
        wire.shift_out(0xFFFF, 16)
        wire.deselect()
    assert wire.read(0x0D) == 0x100E


def test_content_and_write_enable_survive_a_reset(bench: Bench, wire: Microwire) -> None:
    wire.extended(EWEN)
    wire.write(5, 0x1234)
    wire.command(WRITE, 6)
    wire.shift_out(0x5678, 16)
    bench[Reg.CTRL] = CTRL.RST  # deselects, which ends the write
    assert bench[Reg.EECD] == EECD.EE_PRES | EECD.DO | 1 << EECD.FWE_SHIFT
    wire.write(7, 0x9ABC)
    assert [wire.read(5), wire.read(6), wire.read(7)] == [0x1234, 0x5678, 0x9ABC]


def test_a_reset_ends_a_read(bench: Bench, wire: Microwire) -> None:
    wire.command(READ, 0x0D)
    assert wire.output == 0
    bench[Reg.CTRL] = CTRL.RST
    assert wire.output == 1
    wire.put(EECD.CS)
    assert wire.shift_in() == 0xFFFF


@pytest.mark.parametrize("how", ["RST", "EE_RST"])
def test_the_mac_address_comes_from_the_words(bench: Bench, wire: Microwire, how: str) -> None:
    wire.extended(EWEN)
    for address, word in enumerate((0x1102, 0x3322, 0x5544)):
        wire.write(address, word)
    if how == "RST":
        bench[Reg.CTRL] = CTRL.RST
    else:
        bench[Reg.CTRL_EXT] = CTRL_EXT.EE_RST
        assert bench[Reg.CTRL_EXT] == 0
    assert bench[Reg.RAL] == 0x33221102
    assert bench[Reg.RAH] == RAH.AV | 0x5544
