"""The pages say what is so: examples of `vnic buffer` print what they show, and links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

REPO = Path(__file__).resolve().parents[3]
PAGES = (REPO / "README.md", REPO / "CHANGELOG.md", *sorted((REPO / "docs").rglob("*.md")))
EXAMPLE = re.compile(r"```\n\$ vnic (buffer[^\n]*)\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """Arguments and output of each example that needs nothing but vnic itself."""
    pages = (REPO / "README.md", REPO / "docs/commands.md")
    return [(match[1], match[2]) for page in pages for match in EXAMPLE.finditer(page.read_text())]


def anchors(page: Path) -> set[str]:
    """What a Markdown page's headings can be reached by."""
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(page.read_text()))
    return {title.replace(" ", "-") for title in plain}


def test_there_are_examples() -> None:
    assert len(examples()) >= 3


@pytest.mark.parametrize(("arguments", "shown"), examples())
def test_an_example_prints_what_its_page_shows(vnic: Run, tmp_path: Path, arguments: str, shown: str) -> None:
    done = vnic(*shlex.split(arguments), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    wanted = shown.splitlines()
    if wanted[-1] == "…":
        wanted.pop()
        printed = printed[: len(wanted)]
    assert printed == wanted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{link}: there is no such file"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: there is no such heading"
