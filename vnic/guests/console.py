"""What a guest prints on its serial port, and the lines in it by which its script reports."""

from __future__ import annotations

import time
from collections.abc import Callable


class Console:
    """The guest's serial port.

    Args:
        sink: gets every byte.
        mark: lines beginning so are kept in `marks`, without it, with seconds since the start of QEMU; and
            `on_mark` hears of each if it is set.
    """

    def __init__(self, sink: Callable[[bytes], object], mark: str) -> None:
        self._sink = sink
        self._mark = mark.encode()
        self._line = b""
        self._start = time.monotonic()
        self.marks: list[tuple[str, float]] = []
        self.on_mark: Callable[[str], None] | None = None
        self.bytes = 0

    def take(self, data: bytes) -> None:
        """Bytes have come."""
        self._sink(data)
        self.bytes += len(data)
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if line.startswith(self._mark):
                text = line[len(self._mark) :].decode(errors="replace").strip()
                self.marks.append((text, time.monotonic() - self._start))
                if self.on_mark is not None:
                    self.on_mark(text)

    def when(self, text: str) -> float | None:
        """Seconds from the start to the mark `text`; None if it has not come."""
        return next((seconds for mark, seconds in self.marks if mark == text), None)
