"""The register map as plain facts, read once from the elaborated SystemRDL and handed to every writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Access = Literal["rw", "ro", "wo", "rc", "rc_w1c", "w1s"]


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One named value of a field."""

    name: str
    value: int
    description: str


@dataclass(frozen=True, slots=True)
class Field:
    """Bits `msb`..`lsb` of a register."""

    name: str
    msb: int
    lsb: int
    reset: int
    description: str
    writable: bool
    pulse: bool  #: a self-clearing command bit
    values: tuple[EnumValue, ...]

    @property
    def width(self) -> int:
        """Number of bits."""
        return self.msb - self.lsb + 1

    @property
    def mask(self) -> int:
        """The field's bits, in place."""
        return ((1 << self.width) - 1) << self.lsb


@dataclass(frozen=True, slots=True)
class Register:
    """A 32-bit register, or an array of `count` equal ones `stride` bytes apart."""

    name: str
    title: str
    offset: int
    count: int
    stride: int
    access: Access
    section: str
    description: str
    fields: tuple[Field, ...]  #: least significant first

    @property
    def reset(self) -> int:
        """Value after CTRL.RST."""
        return sum(field.reset << field.lsb for field in self.fields)

    @property
    def write_mask(self) -> int:
        """Bits that a write affects, command bits left out."""
        return sum(field.mask for field in self.fields if field.writable and not field.pulse)

    @property
    def pulse_mask(self) -> int:
        """Self-clearing command bits."""
        return sum(field.mask for field in self.fields if field.pulse)

    @property
    def whole(self) -> bool:
        """True when the register is one nameless 32-bit value, so that bit names would say nothing."""
        return len(self.fields) == 1 and self.fields[0].width == 32
