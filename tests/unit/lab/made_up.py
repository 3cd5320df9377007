"""Results of a sweep that was never run: as many points as wanted, for what is made from a results file."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vnic.lab.results import Results, read_results, write_results
from vnic.lab.results_columns import COLUMNS
from vnic.lab.sweep_params import PARAMETERS
from vnic.lab.sweep_point import run_point

DEFAULTS = {name: parameter.default for name, parameter in PARAMETERS.items()}
EMPTY = dict.fromkeys(column.name for column in COLUMNS)
META: dict[str, Any] = {
    "title": "Two <bytes> & a line",
    "question": "What do two bytes cost?\n\nAnd where? </script>",
    "method": "Counted.",
    "discussion": "",
    "experiment": "[parameters]\n",
    "varied": ["data_width", "line_penalty", "net_ip_align", "seed"],
    "command": "vnic sweep e.toml",
    "vnic": "0",
    "sources": {"icarus": "abc"},
    "seeds": [1],
    "python": "3",
    "machine": "m",
    "executor": "2 processes",
    "started": "now",
    "seconds": 1.0,
    "points": 1,
    "failed": 0,
    "reused": 0,
}


def measured() -> Mapping[str, Any]:
    """A point as the behavioural NIC measures it; cycles are made up by `results`."""
    return {**EMPTY, **DEFAULTS, **run_point(DEFAULTS | {"target": "model", "frames": 2})}


def results(path: Path, base: Mapping[str, Any], seeds: int) -> Results:
    """Eight points for each seed, all of them `base` but for what is varied and what it costs, and one that
    failed."""
    rows = [
        {
            **base,
            "data_width": width,
            "line_penalty": penalty,
            "net_ip_align": align,
            "seed": seed,
            "dma_offset": align,
            "steady_cycles_per_frame": 1518 * 8 / width + penalty * (1 + (align == 2)) + seed / 1e4,
        }
        for width, penalty, align, seed in itertools.product((64, 512), (0, 20), (0, 2), range(seeds))
    ]
    rows.append({**EMPTY, **DEFAULTS, "status": "failed", "reason": "no <memory>"})
    write_results(path, rows, META)
    return read_results(path)
