"""The register file: a value per offset, reset values and write masks from the register map, and hooks.

The one source of offsets, reset values and masks is ``rtl/vnic_regs.rdl``, through ``registers.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from vnic.nic.registers import REGISTERS

OFFSET_MASK: Final = 0x1FFFC
"""128 KiB of BAR0, accessed in aligned words."""
WORD: Final = 0xFFFF_FFFF

RESET_VALUES: Final = {
    info.offset + index * info.stride: info.reset
    for info in REGISTERS.values()
    for index in range(info.count)
}
WRITE_MASKS: Final = {
    info.offset + index * info.stride: info.write_mask
    for info in REGISTERS.values()
    for index in range(info.count)
}


class RegisterFile:
    """``values`` holds what software wrote, under the write masks. A hook makes a register do something:
    a read hook answers in the place of the value, a write hook is called with all 32 bits that were written,
    after they were stored."""

    __slots__ = ("_read_hooks", "_write_hooks", "values")

    def __init__(self) -> None:
        self.values = dict(RESET_VALUES)
        self._read_hooks: dict[int, Callable[[], int]] = {}
        self._write_hooks: dict[int, Callable[[int], None]] = {}

    def on_read(self, offset: int, hook: Callable[[], int]) -> None:
        """Let ``hook`` answer reads of ``offset``."""
        self._read_hooks[offset] = hook

    def on_write(self, offsets: int | Iterable[int], hook: Callable[[int], None]) -> None:
        """Tell ``hook`` of writes to ``offsets``."""
        for offset in (offsets,) if isinstance(offsets, int) else offsets:
            self._write_hooks[offset] = hook

    def reset(self) -> None:
        """All values as after CTRL.RST."""
        self.values.update(RESET_VALUES)

    def read(self, offset: int) -> int:
        """The register at byte ``offset``; 0 where there is none."""
        offset &= OFFSET_MASK
        hook = self._read_hooks.get(offset)
        return hook() if hook else self.values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write 32 bits at byte ``offset``; ignored where there is no register."""
        offset &= OFFSET_MASK
        mask = WRITE_MASKS.get(offset)
        if mask is None:
            return
        self.values[offset] = self.values[offset] & ~mask | value & mask
        hook = self._write_hooks.get(offset)
        if hook:
            hook(value & WORD)
