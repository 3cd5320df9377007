"""A timer of the kernel's as a file: poll() counts milliseconds, and a NIC's delays are microseconds."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_CLOCK_MONOTONIC: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)


class _Times(ctypes.Structure):
    """struct itimerspec: interval and first expiry."""

    _fields_ = (
        ("every_s", ctypes.c_long), ("every_ns", ctypes.c_long),
        ("first_s", ctypes.c_long), ("first_ns", ctypes.c_long),
    )  # fmt: skip


class Timer:
    """Becomes readable at the moment that `set` names (timerfd_create(2)). Raises OSError."""

    def __init__(self) -> None:
        self._fd = _checked(_libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        self._times = _Times()
        self._pointer = ctypes.byref(self._times)
        self._running = False

    def fileno(self) -> int:
        """For poll()."""
        return self._fd

    def set(self, seconds: float | None) -> None:
        """Be readable `seconds` from now and not before, whatever was set before; None or 0: never."""
        if seconds:
            # All zeros would stop it.
            self._times.first_s, self._times.first_ns = divmod(max(1, int(seconds * 1e9)), 1_000_000_000)
        elif self._running:
            self._times.first_s = self._times.first_ns = 0
        else:
            return
        self._running = bool(seconds)
        _checked(_libc.timerfd_settime(self._fd, 0, self._pointer, None))

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
