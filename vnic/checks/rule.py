"""What a rule is: a stable id, words for the user, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold on every run.

    Attributes:
        id: stable name, as printed, documented and used as a key in JSON.
        title: what must hold, in one line.
        doc: what breaking it does in a machine, and how the check sees it.
        source: the specification it comes from (8254x manual section, Linux file and version, AXI chapter).
        severity: what a verdict of it weighs unless the rule's own text says otherwise.
    """

    id: str
    title: str
    doc: str
    source: str
    severity: Severity = "error"
