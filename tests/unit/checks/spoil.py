"""Plants a fault: replaces a method by a copy of its source in which some text reads otherwise."""

from __future__ import annotations

import inspect
import textwrap
from types import FunctionType
from typing import Any, NamedTuple

import pytest


class Spoil(NamedTuple):
    """In ``owner.name`` (a method of a class, or a function of a module) ``old`` becomes ``new``."""

    owner: Any
    name: str
    old: str
    new: str


def plant(monkeypatch: pytest.MonkeyPatch, *spoils: Spoil) -> None:
    """Plants the faults until the test ends; a text that is not there exactly once fails the test."""
    sources: dict[tuple[Any, str], str] = {}
    for owner, name, old, new in spoils:
        source = sources.get((owner, name)) or textwrap.dedent(inspect.getsource(_function(owner, name)))
        assert source.count(old) == 1, f"{owner.__name__}.{name} does not hold {old!r} once"
        sources[owner, name] = source.replace(old, new)
    for (owner, name), source in sources.items():
        names: dict[str, Any] = {}
        code = compile("from __future__ import annotations\n" + source, f"<spoilt {name}>", "exec")
        exec(code, _function(owner, name).__globals__, names)
        monkeypatch.setattr(owner, name, names[name])


def _function(owner: Any, name: str) -> FunctionType:
    found = inspect.getattr_static(owner, name)
    function = found.fget if isinstance(found, property) else found
    assert isinstance(function, FunctionType)
    return function
