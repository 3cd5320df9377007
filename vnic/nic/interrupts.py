"""Interrupt causes, mask, line and delay timers: ICR, ICS, IMS, IMC, RDTR, RADV, TIDV, TADV.

8254x SDM 13.4.17 to 13.4.21 (causes), 13.4.30/31 and 13.4.41/44 (delays). Interrupt throttling (ITR) is
left to whoever owns the line: the model has no time in which to throttle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TICK_NS: Final = 1024
"""Unit of the delay registers."""


def ignore_level(level: bool) -> None:
    """The default listener: nobody is at the interrupt line."""


class Interrupts:
    """The cause register, its mask, and the line, which is up while a cause is enabled.

    ``on_level`` is called with the new level at each change.
    """

    __slots__ = ("_writable", "causes", "level", "mask", "on_level")

    def __init__(self, writable: int) -> None:
        self._writable = writable
        self.on_level: Callable[[bool], None] = ignore_level
        self.level = False
        self.causes = 0
        self.mask = 0

    def raise_causes(self, bits: int) -> None:
        """Something happened, or ICS was written."""
        self.causes |= bits & self._writable
        self._update()

    def read_and_clear(self) -> int:
        """ICR is read: all causes, masked or not, and then none."""
        causes = self.causes
        self.causes = 0
        self._update()
        return causes

    def clear_causes(self, bits: int) -> None:
        """ICR is written."""
        self.causes &= ~bits
        self._update()

    def enable(self, bits: int) -> None:
        """IMS is written."""
        self.mask |= bits & self._writable
        self._update()

    def disable(self, bits: int) -> None:
        """IMC is written."""
        self.mask &= ~bits
        self._update()

    def reset(self) -> None:
        """No cause, nothing enabled."""
        self.causes = 0
        self.mask = 0
        self._update()

    def _update(self) -> None:
        level = (self.causes & self.mask) != 0
        if level != self.level:
            self.level = level
            self.on_level(level)


class DelayedCause:
    """A cause that waits: a packet timer which every event restarts, bounded by one which none restarts.

    ``delay`` and ``absolute`` are the two registers, in units of 1024 ns; delay 0 means at once, absolute 0
    means no bound. ``deadline`` is when the cause is due (None: no timer runs).
    """

    __slots__ = ("_bound", "_cause", "_interrupts", "absolute", "deadline", "delay")

    def __init__(self, interrupts: Interrupts, cause: int) -> None:
        self._interrupts = interrupts
        self._cause = cause
        self.reset()

    def reset(self) -> None:
        """Both registers 0, no timer running."""
        self.delay = 0
        self.absolute = 0
        self.deadline: int | None = None
        self._bound: int | None = None

    def event(self, now_ns: int) -> None:
        """What the cause stands for has happened."""
        if self.delay == 0:
            self.fire()
            return
        if self.deadline is None:
            self._bound = now_ns + self.absolute * TICK_NS if self.absolute else None
        due = now_ns + self.delay * TICK_NS
        self.deadline = due if self._bound is None else min(due, self._bound)

    def fire(self) -> None:
        """Raise the cause now and stop the timers."""
        self.deadline = self._bound = None
        self._interrupts.raise_causes(self._cause)

    def flush(self) -> None:
        """RDTR.FPD is written: a running timer expires now."""
        if self.deadline is not None:
            self.fire()

    def advance(self, now_ns: int) -> None:
        """Time has come to ``now_ns``."""
        if self.deadline is not None and self.deadline <= now_ns:
            self.fire()
