"""The `vnic` command: the only place that prints.

Nothing is imported here that a command may not need: `vnic buffer` has to answer at once.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType
from typing import Final

from vnic.errors import UsageError, VnicError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WORDS: Final = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Stopped(BaseException):
    """SIGINT or SIGTERM, raised wherever the program is, so that what it opened is closed on the way out.

    Not KeyboardInterrupt: the command-line library would turn that into an exit without a word. A command
    that keeps what it had says so in `kept`.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.kept = "nothing was kept"


def _stop(number: int, _frame: FrameType | None) -> None:
    # One is enough: an impatient second Ctrl-C must not interrupt the cleaning up.
    for each in _WORDS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def main() -> None:
    """Run the command line and leave with its exit code: 0 done, 1 failed (a check too), 2 wrong request."""
    for each in _WORDS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, _stop)
    try:
        code = _run()
        sys.stdout.flush()
    except VnicError as error:
        code = _complain(str(error), error.exit_code)
    except Stopped as stopped:
        code = _complain(f"{_WORDS[signal.Signals(stopped.number)]}; {stopped.kept}", 128 + stopped.number)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does.
        _silence()
        code = 128 + signal.SIGPIPE
    except OSError as error:
        # Errors of the files that a command writes are VnicErrors by now: a full disk without a name is ours.
        if error.errno not in _FULL or error.filename is not None:
            raise
        _silence()
        code = _complain(f"standard output: {error.strerror}", VnicError.exit_code)
    sys.exit(code)


def _silence() -> None:
    """Nobody takes our output any more; Python would complain of it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> int:
    from vnic.cli import lab_commands
    from vnic.cli.app import only, usage_error

    app = only(sys.argv[1]) if len(sys.argv) > 1 else lab_commands.app
    try:
        result = app(standalone_mode=False, prog_name="vnic")
    except usage_error as error:
        what = error.format_message().rstrip(".")
        if not what:
            return UsageError.exit_code  # nothing was asked: the help is printed already
        context = getattr(error, "ctx", None)
        command = "vnic" if context is None else context.command_path
        return _complain(f"{what}; see `{command} --help`", UsageError.exit_code)
    return result if isinstance(result, int) else 0


def _complain(text: str, code: int) -> int:
    """One line on stderr, whatever the text holds."""
    sys.stderr.write(f"vnic: {' '.join(text.split())}\n")
    return code
