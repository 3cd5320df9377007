"""Verdicts, and the ledger that folds a million repetitions of one fault into one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vnic.checks.rule import Rule, Severity

Number = int | float | str

EXAMPLES: Final = 3
"""How many further occurrences of a verdict are kept in words; the rest is only counted."""

_WEIGHT: Final[Mapping[Severity, int]] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found.

    Attributes:
        rule: id of the rule in the catalogue.
        severity: "error" (the run failed), "warning" or "note".
        where: the place of the first occurrence: descriptor, address, register or target.
        detail: the first occurrence in one line.
        numbers: its figures by name; addresses and lengths in bytes.
        count: how often it occurred.
        examples: the next few occurrences, "where: detail".
    """

    rule: str
    severity: Severity
    where: str
    detail: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    count: int = 1
    examples: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The verdict under the documented keys of ``vnic sim --json``."""
        return {
            "id": self.rule,
            "severity": self.severity,
            "where": self.where,
            "detail": self.detail,
            "count": self.count,
            "numbers": dict(self.numbers),
            "examples": list(self.examples),
        }


def by_weight(verdict: Verdict) -> int:
    """Sort key: errors first, then warnings, then notes."""
    return _WEIGHT[verdict.severity]


class _Entry:
    """The occurrences of one rule at one severity."""

    __slots__ = ("count", "detail", "examples", "numbers", "where")

    def __init__(self, where: str, detail: str, numbers: Mapping[str, Number]) -> None:
        self.where, self.detail, self.numbers = where, detail, numbers
        self.count = 1
        self.examples: list[str] = []


class Ledger:
    """Collects occurrences; its size depends on the number of rules, never on the length of a run."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[tuple[str, Severity], _Entry] = {}

    def report(
        self, rule: Rule, where: str, detail: str, *, severity: Severity | None = None, **numbers: Number
    ) -> None:
        """Book one occurrence of ``rule``; ``severity`` overrides the one in the catalogue."""
        key = (rule.id, severity or rule.severity)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(where, detail, numbers)
            return
        entry.count += 1
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(f"{where}: {detail}")

    def verdicts(self) -> list[Verdict]:
        """One verdict per rule and severity, errors first, otherwise in order of first occurrence."""
        found = [
            Verdict(rule, severity, e.where, e.detail, e.numbers, e.count, tuple(e.examples))
            for (rule, severity), e in self._entries.items()
        ]
        return sorted(found, key=by_weight)
