"""All rules in one place, and the page of the manual that is made from them.

``python -m vnic.checks.catalogue docs/checks.md`` writes that page.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from vnic.checks import (
    alignment,
    bounds,
    bsize,
    buffers,
    bus,
    control,
    differences,
    frames,
    giving,
    guards,
    mapping,
    scoreboard,
    sending,
    writeback,
)
from vnic.checks.rule import Rule

GROUPS: Final[Mapping[str, tuple[Rule, ...]]] = MappingProxyType(
    {
        "Where the NIC writes and reads": (*bounds.RULES, *guards.RULES),
        "Descriptors and rings": (*giving.RULES, *writeback.RULES, *control.RULES),
        "DMA mappings": mapping.RULES,
        "Alignment": alignment.RULES,
        "The bus": bus.RULES,
        "What a buffer costs": (*buffers.RULES, *bsize.RULES),
        "Frames": (*frames.RULES, *sending.RULES),
        "Agreement between NICs": scoreboard.RULES,
        "Known differences of QEMU's NICs": differences.RULES,
    }
)
RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.id: rule for group in GROUPS.values() for rule in group}
)
"""Every rule by its id."""

_HEAD: Final = """\
# The checks

Every run is judged by these rules; `vnic sim` prints a verdict for each one that was broken and leaves with
exit code 1 if an *error* is among them. A *warning* is a cost or a loss that the run survives; a *note* is
something to know. A fault that occurs a million times is one verdict, with its count and first occurrences.

This page is made from `vnic/checks/` by `python -m vnic.checks.catalogue docs/checks.md`.
"""


def markdown() -> str:
    """The page ``docs/checks.md``."""
    parts = [_HEAD]
    for title, rules in GROUPS.items():
        parts.append(f"\n## {title}\n")
        for rule in rules:
            parts.append(
                f"\n### `{rule.id}`\n\n**{rule.title}.** ({rule.severity})\n\n{rule.doc}\n\nSource: "
                f"{rule.source}.\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
