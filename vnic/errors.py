"""The exceptions every room shares.

A message is one line that says what is wrong, where, and what to do about it; the command prints it as it is
and leaves with `exit_code`. Errors that only one room can raise live in that room and derive from
`VnicError`.
"""

from __future__ import annotations

from typing import ClassVar


class VnicError(Exception):
    """Something vnic cannot go on with; the message is fit for a user."""

    exit_code: ClassVar[int] = 1


class UsageError(VnicError):
    """The request itself is wrong (an option, a name, a range), before anything was run."""

    exit_code: ClassVar[int] = 2


class BadAddress(VnicError):
    """An access of `length` bytes at physical `address` that is not within one region of host memory."""

    def __init__(self, address: int, length: int) -> None:
        super().__init__(
            f"no memory at {address:#x} for {length} bytes: stay within one region of the host memory"
        )
        self.address = address
        self.length = length

    def __reduce__(self) -> tuple[type[BadAddress], tuple[int, int]]:
        return type(self), (self.address, self.length)
