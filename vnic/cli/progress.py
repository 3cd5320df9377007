"""A progress bar for what takes longer than a moment, and none for what does not."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

PATIENCE_S: Final = 2.0


class Bar:
    """Shows itself on stderr once two seconds have gone by, if that is a terminal, and leaves no trace."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._timer = threading.Timer(PATIENCE_S, self._progress.start)
        self._timer.daemon = True

    def __call__(self, name: str, done: int, total: int) -> None:
        """Frames done of frames in all, for one NIC."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done)

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer.is_alive():
            self._timer.cancel()
            self._timer.join()
        # Stopping one that never started would print an empty line.
        if self._progress.live.is_started:
            self._progress.stop()
