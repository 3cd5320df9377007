"""Rules that hold from one kernel version to another.

A `Rule` is one question about the kernel (how is an skb head sized? which way do page fragments grow?) with
the answer of each era in order. It is the only place that compares kernel versions, so everything a version
decides can be found by looking for `Rule(`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from vnic.errors import UsageError

Version = tuple[int, ...]
T = TypeVar("T")


class Era(NamedTuple, Generic[T]):
    """From version `since` on the answer is `value`.

    `stable` names releases of older branches that took the change over: (6, 1, 31) stands for 6.1.31 and the
    later 6.1.y. `source` is the file, commit or tree that shows it.
    """

    since: Version
    value: T
    source: str
    stable: tuple[Version, ...] = ()

    def holds(self, version: Version) -> bool:
        """Whether this era has begun for `version`, in mainline or by a stable backport."""
        if version >= self.since:
            return True
        return any(version[: len(fix) - 1] == fix[:-1] and version >= fix for fix in self.stable)


class Rule(Generic[T]):
    """The eras of one rule, oldest first; the newest that has begun is in force."""

    def __init__(self, name: str, eras: Sequence[Era[T]]) -> None:
        self.name = name
        self.eras = tuple(eras)

    def era(self, version: Version) -> Era[T]:
        """The era of `version`. Raises UsageError for a kernel older than the first one."""
        for era in reversed(self.eras):
            if era.holds(version):
                return era
        oldest = version_text(self.eras[0].since)
        raise UsageError(
            f"no rule for {self.name} in Linux {version_text(version)}: the oldest kernel known is {oldest}"
        )

    def at(self, version: Version) -> T:
        """The answer for `version`. Raises UsageError for a kernel older than the first one."""
        return self.era(version).value


def parse_version(text: str) -> Version:
    """`"6.1.192"` or `"6.1.0-56-amd64"` as a tuple of its leading numbers. Raises UsageError."""
    found = re.match(r"\d+\.\d+(\.\d+)*", text)
    if found is None:
        raise UsageError(f"kernel version {text!r} is not a number like 6.1.192")
    return tuple(int(part) for part in found[0].split("."))


def version_text(version: Version) -> str:
    """The version as it is written, `6.1.192`."""
    return ".".join(str(part) for part in version)
