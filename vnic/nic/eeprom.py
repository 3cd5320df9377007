"""The serial EEPROM: 64 words, read through EERD or bit by bit through EECD.

8254x SDM 5.3 (EEPROM access), 5.6 (map of words), 13.4.3 and 13.4.4 (registers). The part is a 93C46 type:
after chip select a start bit, two bits of opcode, six of address, then 16 of data, most significant first,
each taken at the rising edge of the clock.
"""

from __future__ import annotations

from typing import Final

from vnic.nic.registers import EECD, EERD

WORDS: Final = 64
CHECKSUM: Final = 0xBABA
"""Words 0 to 63 add up to this, modulo 2^16 (SDM 5.6.35)."""

DEFAULT_MAC: Final = bytes.fromhex("525400123456")
DEVICE_ID: Final = 0x100E
"""Of the 82540EM, in PCI configuration space (SDM 5.6.13)."""

_IDENTITY: Final = {
    0x0A: 0x400B,  # initialization control 1: valid signature, PM on, load both pairs of ids
    0x0B: 0x001E,  # subsystem id: PRO/1000 MT Desktop
    0x0C: 0x8086,  # subsystem vendor
    0x0D: DEVICE_ID,
    0x0E: 0x8086,  # vendor
}
_CHECKSUM_WORD: Final = 63

_HEADER_BITS: Final = 9  # start, two of opcode, six of address
_OPCODE_EXTENDED: Final = 0
_OPCODE_WRITE: Final = 1
_OPCODE_READ: Final = 2
_EWDS: Final = 0  # top two address bits of the extended opcode: write disable,
_EWEN: Final = 3  # write enable
_SELECTED: Final = EECD.CS | EECD.EE_REQ
_HELD: Final = EECD.SK | EECD.CS | EECD.DI | EECD.FWE_MASK | EECD.EE_REQ
_RESET: Final = 1 << EECD.FWE_SHIFT  # FWE 01b: flash writes disabled


def default_contents(mac: bytes) -> list[int]:
    """The words of an 82540EM with MAC address ``mac`` (6 bytes), checksum included."""
    words = [0] * WORDS
    for index in range(3):
        words[index] = mac[2 * index] | mac[2 * index + 1] << 8
    for index, word in _IDENTITY.items():
        words[index] = word
    words[_CHECKSUM_WORD] = (CHECKSUM - sum(words)) & 0xFFFF
    return words


class Eeprom:
    """The words, and the serial interface that shifts them in and out. A controller reset keeps the words."""

    __slots__ = ("_bits", "_command", "_data", "_eecd", "_output", "_writable", "words")

    def __init__(self, mac: bytes = DEFAULT_MAC) -> None:
        self.words = default_contents(mac)
        self._writable = False
        self._eecd = _RESET
        self._deselect()

    @property
    def mac(self) -> bytes:
        """The MAC address in words 0 to 2."""
        return b"".join(word.to_bytes(2, "little") for word in self.words[:3])

    def reset_interface(self) -> None:
        """EECD takes its reset value, which deselects the part. The words and the write enable stay."""
        self.write_eecd(_RESET)

    def _deselect(self) -> None:
        self._bits = 0  # clock edges since the start bit, which is the first
        self._command = 0  # the header, as a number
        self._data = 0  # what a write command shifts in
        self._output = 1  # the line is pulled up while nobody drives it

    def read_eecd(self) -> int:
        """EECD: what software set, the data line, and a grant that follows the request at once."""
        value = self._eecd | EECD.EE_PRES | self._output * EECD.DO
        return value | EECD.EE_GNT if self._eecd & EECD.EE_REQ else value

    def write_eecd(self, value: int) -> None:
        """Software moves the lines. Without the request bit the part does not see them."""
        rising = value & ~self._eecd & EECD.SK
        self._eecd = value & _HELD
        if value & _SELECTED != _SELECTED:
            self._finish_write()
            self._deselect()
        elif rising:
            self._clock(1 if value & EECD.DI else 0)

    def _clock(self, bit: int) -> None:
        """One rising edge of SK while selected."""
        if self._bits == 0 and bit == 0:
            return  # no start bit yet
        place = self._bits - _HEADER_BITS  # of this bit in the data
        self._bits += 1
        if place < 0:
            self._command = self._command << 1 | bit
            if place == -1:
                self._decode()
            return
        opcode = self._command >> 6 & 3
        if opcode == _OPCODE_READ:
            # After a word the next one follows without another command.
            word = self.words[(self._command + place // 16) % WORDS]
            self._output = word >> (15 - place % 16) & 1
        elif opcode == _OPCODE_WRITE and place < 16:
            self._data = self._data << 1 | bit

    def _decode(self) -> None:
        """The last address bit is in: what the command does before any data."""
        opcode = self._command >> 6 & 3
        if opcode == _OPCODE_READ:
            self._output = 0  # the dummy bit
        elif opcode == _OPCODE_EXTENDED:
            extension = self._command >> 4 & 3
            if extension in (_EWEN, _EWDS):
                self._writable = extension == _EWEN

    def _finish_write(self) -> None:
        """A write command takes effect when the part is deselected after all of its bits."""
        complete = self._bits >= _HEADER_BITS + 16
        if complete and self._writable and self._command >> 6 & 3 == _OPCODE_WRITE:
            self.words[self._command % WORDS] = self._data

    def read_eerd(self, eerd: int) -> int:
        """EERD after a write of ``eerd`` with START: the word asked for, and DONE."""
        address = eerd & EERD.ADDR_MASK
        word = self.words[(address >> EERD.ADDR_SHIFT) % WORDS]
        return word << EERD.DATA_SHIFT | address | EERD.DONE
