"""The charts of a report, as Vega-Lite that Altair made. Their data is named, and given to them in the
page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from vnic.lab.report_words import Row, label
from vnic.lab.results_columns import BY_NAME

POINTS: Final = "points"
CURVES: Final = "curves"
_MOST_COLOURS: Final = 16
# An empty string is no tunnel, and null is left to kernel or driver.
_LABEL: Final = "datum.label === '' ? 'none' : datum.label === 'null' ? 'default' : datum.label"


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        title: its heading. text: what it shows, for those who do not see it, and what to look for.
        spec: Vega-Lite without data. source: POINTS or CURVES.
    """

    title: str
    text: str
    spec: dict[str, Any]
    source: str


def vega_lite_version(there: Sequence[str]) -> str:
    """Of the versions that are there, the one Altair writes for, or else the latest."""
    import altair as alt

    wanted = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    return wanted if wanted in there else there[-1]


def charts(rows: Sequence[Row], varied: Sequence[str], curves: Sequence[Row]) -> list[Chart]:
    """The charts for which the results have something to show."""
    found: list[Chart] = []
    cost = next(
        (name for name in ("steady_cycles_per_frame", "cycles_per_frame") if len(_values(rows, name)) > 1),
        None,
    )
    if cost:
        for x, title in (
            ("dma_offset", "Cost by alignment"),
            ("data_width", "Cost by width of the bus"),
            ("frame_bytes_mean", "Cost by frame size"),
            ("line_penalty", "Cost by price of a partial line"),
            ("read_latency", "Cost by read latency"),
            ("max_burst_beats", "Cost by longest burst"),
        ):
            if len(_values(rows, x)) > 1:
                found.append(_line(rows, varied, x, cost, title))
    if len(_values(rows, "waste_bytes")) > 1:
        x = next(
            (name for name in ("mtu", "buffer", "net_skb_pad", "kernel") if name in varied), "buffer_bytes"
        )
        found.append(_line(rows, varied, x, "waste_bytes", "Waste"))
    if len(_values(rows, "waste_share")) > 1 and {"kernel", "mtu"} <= set(varied):
        found.append(_map(rows, "mtu", "kernel", "waste_share", "Waste of every kernel at every MTU"))
    if len(_values(rows, "headroom_reallocs")) > 1:
        found.append(_line(rows, varied, "net_skb_pad", "headroom_reallocs", "Copies for want of headroom"))
    if curves:
        found.append(_cliffs(curves))
    return found


def _values(rows: Sequence[Row], name: str) -> set[Any]:
    return {row[name] for row in rows if row[name] is not None}


def _series(rows: Sequence[Row], varied: Sequence[str], x: str, y: str) -> str | None:
    """What tells the lines apart: a varied parameter other than x, that y depends on, and with few enough
    values for colours."""
    bound = {"dma_offset": ("net_ip_align", "net_skb_pad"), "frame_bytes_mean": ("frame_bytes", "mtu")}.get(
        x, ()
    )
    preferred = ("net_ip_align", "data_width", "encapsulation", "kernel", "line_penalty")
    names = [name for name in (*preferred, *varied) if name in varied and name != x and name not in bound]
    few = [name for name in names if len(_values(rows, name)) <= _MOST_COLOURS]
    return next((name for name in few if _matters(rows, name, y)), None)


def _matters(rows: Sequence[Row], name: str, y: str) -> bool:
    """Whether the mean of y differs between the values of a parameter."""
    values: dict[Any, list[float]] = {}
    for row in rows:
        if row[y] is not None:
            values.setdefault(row[name], []).append(row[y])
    return len({f"{fmean(found):.9g}" for found in values.values()}) > 1


def _line(rows: Sequence[Row], varied: Sequence[str], x: str, y: str, title: str) -> Chart:
    import altair as alt

    series = _series(rows, varied, x, y)
    ordinal = BY_NAME[x].type != "float" and len(_values(rows, x)) <= _MOST_COLOURS
    shown = f"mean({y})"
    tooltip = [
        alt.Tooltip(x, type="nominal", title=label(x)),
        alt.Tooltip(shown, type="quantitative", title=f"mean {label(y)}", format=",.4~g"),
        alt.Tooltip(f"min({y})", type="quantitative", title="least", format=",.4~g"),
        alt.Tooltip(f"max({y})", type="quantitative", title="most", format=",.4~g"),
        alt.Tooltip("count()", type="quantitative", title="points"),
    ]
    encoding: dict[str, Any] = {
        "x": alt.X(x, type="ordinal" if ordinal else "quantitative", title=label(x)),
        "y": alt.Y(shown, type="quantitative", title=f"mean {label(y)}"),
        "tooltip": tooltip,
    }
    by = ""
    if series is not None:
        tooltip.insert(0, alt.Tooltip(series, type="nominal", title=label(series)))
        encoding["color"] = alt.Color(
            series, type="nominal", title=label(series), legend=alt.Legend(columns=3, labelExpr=_LABEL)
        )
        encoding["shape"] = alt.Shape(series, type="nominal", legend=None)
        by = f", a line for each {series}"
    chart = alt.Chart(alt.NamedData(POINTS)).mark_line(point=alt.OverlayMarkDef(size=60, filled=True))
    text = f"Mean {label(y)} over {label(x)}{by}; the mean is over all points that the filters leave."
    return Chart(title, text, _finish(chart.encode(**encoding)), POINTS)


def _map(rows: Sequence[Row], x: str, y: str, value: str, title: str) -> Chart:
    import altair as alt

    tooltip = [
        alt.Tooltip(name, type="nominal", title=label(name)) for name in (y, x, "buffer_bytes", "size_class")
    ]
    tooltip += [
        alt.Tooltip(name, type="quantitative", title=label(name), format=",.3~g")
        for name in (value, "waste_bytes")
    ]
    chart = (
        alt.Chart(alt.NamedData(POINTS))
        .mark_rect()
        .encode(
            x=alt.X(x, type="ordinal", title=label(x)),
            y=alt.Y(y, type="nominal", title=None, sort=None),
            color=alt.Color(
                value,
                type="quantitative",
                title=label(value),
                scale=alt.Scale(scheme="viridis", domain=[0, 1]),
                legend=alt.Legend(format="~%"),
            ),
            tooltip=tooltip,
        )
    )
    spec = _finish(chart)
    spec["height"] = 18 * len(_values(rows, y))
    text = (
        f"{label(value)} for each {y} and {x}: the brighter, the more of what was allocated is not for data."
    )
    return Chart(title, text.capitalize(), spec, POINTS)


def _cliffs(curves: Sequence[Row]) -> Chart:
    import altair as alt

    base = alt.Chart(alt.NamedData(CURVES))
    line = base.mark_line(interpolate="step-after").encode(
        x=alt.X("size", type="quantitative", title="receive buffer (bytes)"),
        y=alt.Y("waste", type="quantitative", title="waste (bytes)"),
        color=alt.Color("kernel", type="nominal", title="kernel", legend=alt.Legend(columns=2)),
        tooltip=[
            alt.Tooltip(name, type="nominal")
            for name in ("kernel", "size", "waste", "allocated", "size_class")
        ],
    )
    cliffs = (
        base.transform_filter("datum.cliff")
        .mark_point(shape="triangle-up", size=120, filled=True)
        .encode(
            x=alt.X("size", type="quantitative"),
            y=alt.Y("waste", type="quantitative"),
            color=alt.Color("kernel", type="nominal"),
            tooltip=[
                alt.Tooltip(name, type="nominal") for name in ("kernel", "size", "size_class", "allocated")
            ],
        )
    )
    steps = [f"{row['kernel']} at {row['size']} to {row['size_class']}" for row in curves if row["cliff"]]
    text = (
        "Bytes of an skb's buffer that are not for data, over the buffer's size. Triangles mark the cliffs, "
        "the first size that takes the next size class: "
        f"{', '.join(steps) or 'none, fragments are cut to measure'}."
    )
    return Chart("Waste by buffer size, and the cliffs", text, _finish(alt.layer(line, cliffs)), CURVES)


def _finish(chart: Any) -> dict[str, Any]:
    spec: dict[str, Any] = chart.properties(width="container", height=280).to_dict(validate=True)
    # Theme and background are the page's, which knows whether it is dark.
    spec.pop("config", None)
    # The page brings its own Vega-Lite, which need not be told of a patch release.
    spec.pop("$schema")
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec
