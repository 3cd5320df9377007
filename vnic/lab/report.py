"""`vnic report`: one page that holds everything, and asks no network for anything."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

from vnic.errors import UsageError
from vnic.lab.report_charts import Chart, charts, vega_lite_version
from vnic.lab.report_layouts import curves, drawing, layouts, legend
from vnic.lab.report_words import answer, changing, choices, label
from vnic.lab.results import Results
from vnic.lab.results_columns import BY_NAME

PAGE: Final = Path(__file__).parent / "report_page"
MOST_ROWS: Final = 200
_MOST_VERDICTS: Final = 10
# What the charts draw over, besides the parameters that were varied.
_CHARTED: Final = (
    "dma_offset", "frame_bytes_mean", "steady_cycles_per_frame", "cycles_per_frame", "efficiency",
    "partial_lines_per_frame", "waste_bytes", "waste_share", "buffer_bytes", "size_class",
    "headroom_reallocs", "status",
)  # fmt: skip


def report(results: Results) -> str:
    """The page. The same results give the same page.

    Raises:
        UsageError: nothing was measured, or the packages of `vnic[lab]` are not installed.
    """
    rows = results.finished
    if not rows:
        raise UsageError(f"{results.path}: all {len(results.rows)} points failed, there is nothing to report")
    try:
        waste = curves(rows)
        drawn = charts(rows, results.varied, waste)
        library = _library()
    except ImportError as error:
        raise UsageError(f"vnic report needs {error.name}: pip install 'vnic[lab]'") from error
    names = list(dict.fromkeys((*results.varied, *changing(rows), *_CHARTED)))
    names = [name for name in names if name in results.varied or any(row[name] is not None for row in rows)]
    table = [name for name in names if name != "status"]
    data = {
        "columns": [_column(name, rows) for name in names],
        "choices": choices(rows, results.varied),
        "charts": [{"spec": chart.spec, "source": chart.source} for chart in drawn],
        "curves": waste,
        "table": table,
        "text": [name for name in table if BY_NAME[name].type in ("str", "bool")],
        "mostRows": MOST_ROWS,
    }
    return _page(results, drawn, table, data, library)


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script; putting them together takes seconds."""
    import vl_convert

    version = vega_lite_version(vl_convert.get_vegalite_versions())
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A column as its distinct values and where each stands; figures to six digits, which no chart
    exceeds."""
    found = [float(f"{row[name]:.6g}") if isinstance(row[name], float) else row[name] for row in rows]
    places: dict[Any, int] = {}
    index = [places.setdefault(value, len(places)) for value in found]
    return {"name": name, "values": list(places), "index": index}


def _json(data: Mapping[str, Any]) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _script(text: str) -> str:
    """JavaScript that may stand in a script element: what would end it can only be in a string or a regex."""
    return re.sub(r"<(/script|!--)", r"<\\\1", text, flags=re.IGNORECASE)


def _page(
    results: Results, drawn: Sequence[Chart], table: Sequence[str], data: Mapping[str, Any], library: str
) -> str:
    meta, rows = results.meta, results.finished
    title = escape(meta["title"])
    figures = "".join(
        f'<figure><h3 id="h-{place}">{escape(chart.title)}</h3><figcaption>{escape(chart.text)}</figcaption>'
        f'<div class="chart" id="chart-{place}" role="group" aria-labelledby="h-{place}"></div></figure>'
        for place, chart in enumerate(drawn)
    )
    sections = (
        ("Question", _prose(meta["question"]) or "<p>The experiment file asks none.</p>"),
        ("Answer", _prose(meta["discussion"]) + _list(answer(rows, results.varied))),
        ("Method", _prose(meta["method"]) + f"<p>{_counts(results)}</p>"),
        ("Charts", _filters(data["choices"]) + figures),
        ("Points", _table(table)),
        ("Buffers, drawn to scale", _layouts(rows)),
        ("Verdicts", _verdicts(results)),
        ("Provenance", _provenance(meta)),
    )
    anchors = "".join(f'<li><a href="#s{place}">{name}</a></li>' for place, (name, _) in enumerate(sections))
    body = "".join(
        f'<section id="s{place}" aria-labelledby="t{place}"><h2 id="t{place}">{name}</h2>{text}</section>'
        for place, (name, text) in enumerate(sections)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<style>{(PAGE / 'page.css').read_text(encoding='utf-8')}</style></head><body>"
        f'<a class="skip" href="#main">To the content</a><header><h1>{title}</h1>'
        f'<nav aria-label="Sections"><ul>{anchors}</ul></nav></header><main id="main">{body}</main>'
        f'<script type="application/json" id="data">{_json(data)}</script>'
        f"<script>{_script(library)}</script>"
        f"<script>{_script((PAGE / 'page.js').read_text(encoding='utf-8'))}</script></body></html>\n"
    )


def _prose(text: str) -> str:
    """Paragraphs as the experiment file has them."""
    return "".join(f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip())


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _counts(results: Results) -> str:
    failed = len(results.rows) - len(results.finished)
    varied = ", ".join(results.varied) or "nothing"
    text = f"{len(results.finished)} points measured, {failed} failed; varied: {varied}."
    frames = sum(row["frames_received"] or 0 for row in results.finished)
    return escape(f"{text} {frames:,} frames were received and judged by every rule.")


def _filters(values: Mapping[str, Sequence[Any]]) -> str:
    selects = "".join(
        f'<label>{escape(label(name))}<select name="{name}"><option value="">all</option>'
        + "".join(
            f'<option value="{at}">{escape(_shown(value))}</option>' for at, value in enumerate(options)
        )
        + "</select></label>"
        for name, options in values.items()
    )
    return (
        f'<form id="filters" aria-label="Filter the points">{selects}'
        '<button type="reset">Show all</button></form>'
        '<p id="status" role="status" aria-live="polite"></p>'
    )


def _shown(value: object) -> str:
    return "default" if value is None else str(value) or "none"


def _table(names: Sequence[str]) -> str:
    def kind(name: str) -> str:
        return ' class="text"' if BY_NAME[name].type in ("str", "bool") else ""

    heads = "".join(f'<th scope="col"{kind(name)}>{escape(label(name))}</th>' for name in names)
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of points"><table id="points">'
        f"<thead><tr>{heads}</tr></thead><tbody></tbody></table></div>"
        "<p>The filters above the charts act here, too. The results file has all columns of all points.</p>"
    )


def _layouts(rows: Sequence[Mapping[str, Any]]) -> str:
    found = layouts(rows)
    largest = max(layout.allocated for layout, _ in found)
    figures = "".join(
        f"<figure><figcaption>{escape(layout.kernel)}, {layout.size} bytes by {escape(layout.strategy)} "
        f"({count} points): {layout.allocated} allocated from {escape(layout.size_class)}, {layout.waste} "
        f"not for data. {escape(layout.decides)}.</figcaption>{drawing(layout, largest)}</figure>"
        for layout, count in found
    )
    return f"<p>{legend()}</p>{figures}"


def _verdicts(results: Results) -> str:
    worst = Counter(row["worst_verdict"] for row in results.finished if row["worst_verdict"])
    reasons = Counter(row["reason"] for row in results.rows if row["status"] != "ok")
    errors = sum(bool(row["errors"]) for row in results.finished)
    text = f"<p>{errors} points broke a rule.</p>"
    if worst:
        text += _list([f"{count} points: {verdict}" for verdict, count in worst.most_common(_MOST_VERDICTS)])
        if len(worst) > _MOST_VERDICTS:
            text += (
                f"<p>And {len(worst) - _MOST_VERDICTS} more, of fewer points; the results file has them.</p>"
            )
    if reasons:
        text += "<h3>Points that failed</h3>"
        text += _list([f"{count} points: {reason}" for reason, count in reasons.most_common(_MOST_VERDICTS)])
    return text


def _provenance(meta: Mapping[str, Any]) -> str:
    sources = ", ".join(f"{name} {version}" for name, version in meta["sources"].items())
    facts = {
        "Command": meta["command"],
        "vnic": meta["vnic"],
        "Sources (SHA-256)": sources,
        "Seeds": ", ".join(map(str, meta["seeds"])),
        "Python": meta["python"],
        "Machine": meta["machine"],
        "Run by": meta["executor"],
        "Started": meta["started"],
        "Took": f"{meta['seconds']} s, {meta['reused']} of {meta['points']} points kept from earlier runs",
    }
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(fact))}</dd>" for name, fact in facts.items())
    return f'<dl>{terms}</dl><h3>Experiment file</h3><pre tabindex="0">{escape(meta["experiment"])}</pre>'
