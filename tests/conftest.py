"""Markers by folder, and what every test may ask for.

``tests/unit`` needs no simulator, ``tests/sim`` needs Icarus Verilog, ``tests/qemu`` needs QEMU. A missing
program skips its folder with the program's name, and so does one that a test says it needs, except where
VNIC_REQUIRE_TOOLS is set (``make test``): there it fails, so that a green run cannot hide what never ran.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# Hypothesis would fail a test of which one example took 200 ms: that is the machine's load, not a fault.
settings.register_profile("vnic", deadline=None)
settings.load_profile("vnic")

TESTS = Path(__file__).parent
NEEDS = {"unit": (), "sim": ("iverilog", "vvp", "gcc"), "qemu": ("qemu-system-x86_64",)}


def _tier(path: Path) -> str | None:
    parts = path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ()
    return parts[0] if parts and parts[0] in NEEDS else None


def pytest_configure() -> None:
    """Let builds made by tests go to a cache beside the sources, never to the user's own; and no colour."""
    os.environ["XDG_CACHE_HOME"] = str(TESTS.parent / "build" / "cache")
    os.environ["NO_COLOR"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder's tier, and skip the tiers whose programs are not here."""
    for item in items:
        tier = _tier(item.path)
        if tier is None:
            continue
        item.add_marker(getattr(pytest.mark, tier))
        own = [program for mark in item.iter_markers("needs") for program in mark.args]
        missing = [program for program in (*NEEDS[tier], *own) if shutil.which(program) is None]
        if missing and not os.environ.get("VNIC_REQUIRE_TOOLS"):
            item.add_marker(pytest.mark.skip(reason=f"{', '.join(missing)} not installed"))


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout that the tests run in."""
    return TESTS.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the captures of real traffic."""
    return TESTS / "data"
