"""The drawing of several buffers: well-formed, to scale, and nothing left out."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from vnic.errors import UsageError
from vnic.linux.layout import rx_layout
from vnic.linux.profile import load_profile
from vnic.linux.svg import BAR, LEFT, WIDTH, draw

SVG = "{http://www.w3.org/2000/svg}"
KERNELS = [
    "linux-2.4/i386-P4",
    "2.6.18/x86_64-generic",
    "2.6.32/x86_64",
    "2.6.36/x86_64",
    "3.3/x86_64",
    "6.1/x86_64",
]


def test_rows_are_drawn_to_one_scale() -> None:
    layouts = [rx_layout(load_profile(name), 2048) for name in KERNELS]
    root = ElementTree.fromstring(draw(layouts))
    groups = root.findall(f"{SVG}g")
    assert len(groups) == len(layouts)
    scale = WIDTH / 4096
    for group, layout in zip(groups, layouts, strict=True):
        bars = [bar for bar in group.findall(f"{SVG}rect") if bar.get("height") == str(BAR)]
        segments = sorted((s for s in layout.segments if s.length), key=lambda segment: -segment.length)
        assert len(bars) == len(segments)
        for bar, segment in zip(bars, segments, strict=True):
            assert float(bar.get("x", "")) == pytest.approx(LEFT + segment.offset * scale, abs=0.1)
            assert float(bar.get("width", "")) == pytest.approx(max(3, segment.length * scale), abs=0.1)
            title = bar.find(f"{SVG}title")
            assert title is not None
            assert (
                title.text == f"{segment.name.replace('_', ' ')}: {segment.length} bytes at {segment.offset}"
            )
        text = "".join(group.itertext())
        assert layout.kernel in text
        assert ("SPILLS" in text) is layout.spill


def test_a_profile_with_a_strange_name_stays_well_formed() -> None:
    layout = replace(rx_layout(load_profile("6.1/x86_64"), 2048), kernel="<a & b>")
    assert "<a & b>" in "".join(ElementTree.fromstring(draw([layout])).itertext())


@pytest.mark.parametrize("strategy", ["jumbo", "packet-split"])
def test_pages_are_drawn_too(strategy: str) -> None:
    ElementTree.fromstring(draw([rx_layout(load_profile("6.1/x86_64"), 9000, strategy)]))


def test_nothing_to_draw() -> None:
    with pytest.raises(UsageError, match="at least one kernel"):
        draw([])
