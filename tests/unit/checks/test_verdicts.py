"""The ledger, and the catalogue with its page in the manual."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vnic.checks import catalogue
from vnic.checks.rule import Rule
from vnic.checks.verdict import EXAMPLES, Ledger

RULE = Rule("a-rule", "Title", "Doc.", "Source")
OTHER = Rule("b-rule", "Title", "Doc.", "Source", "note")


def test_a_million_occurrences_are_one_verdict() -> None:
    ledger = Ledger()
    for number in range(1_000_000):
        ledger.report(RULE, f"frame {number}", "wrong", number=number)
    [verdict] = ledger.verdicts()
    assert verdict.count == 1_000_000
    assert verdict.where == "frame 0"
    assert verdict.numbers == {"number": 0}
    assert verdict.examples == tuple(f"frame {n}: wrong" for n in range(1, EXAMPLES + 1))


def test_errors_come_first() -> None:
    ledger = Ledger()
    ledger.report(OTHER, "x", "y")
    ledger.report(RULE, "x", "y", severity="warning")
    ledger.report(RULE, "x", "y")
    assert [v.severity for v in ledger.verdicts()] == ["error", "warning", "note"]


def test_a_verdict_as_json_has_the_documented_keys() -> None:
    ledger = Ledger()
    ledger.report(RULE, "here", "this", address=5)
    keys = json.loads(json.dumps(ledger.verdicts()[0].as_json()))
    assert keys == {
        "id": "a-rule",
        "severity": "error",
        "where": "here",
        "detail": "this",
        "count": 1,
        "numbers": {"address": 5},
        "examples": [],
    }


@pytest.mark.parametrize("rule", catalogue.RULES.values(), ids=lambda rule: str(rule.id))
def test_each_rule_is_documented(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|truesize", rule.id)
    assert rule.title
    assert not rule.title.endswith(".")
    assert len(rule.doc) > 40
    assert rule.doc.endswith(".")
    assert rule.source
    assert not rule.source.endswith(".")
    assert "  " not in rule.doc + rule.title + rule.source


def test_no_id_is_used_twice() -> None:
    assert len(catalogue.RULES) == sum(len(rules) for rules in catalogue.GROUPS.values())


def test_the_page_is_not_stale(repo: Path) -> None:
    """Remake it with: python -m vnic.checks.catalogue docs/checks.md."""
    assert (repo / "docs" / "checks.md").read_text(encoding="utf-8") == catalogue.markdown()


def test_each_rule_has_a_test(repo: Path) -> None:
    """Every id is asked for by name in some test; that it is caught, and alone, is what those tests say."""
    files = [*(repo / "tests" / "unit" / "checks").glob("*.py"), *(repo / "tests" / "sim").glob("*.py")]
    files += (repo / "tests" / "qemu").glob("test_qemu_*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [rule for rule in catalogue.RULES if f'"{rule}"' not in text] == []
