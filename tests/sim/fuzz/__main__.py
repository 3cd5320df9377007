"""Repeat one walk: `python -m tests.sim.fuzz --seed 3 --width 64`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.sim.fuzz.session import SETTINGS, WalkFailed, run_walk


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--width", type=int, default=64, choices=(64, 128, 256, 512))
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--settings", choices=sorted(SETTINGS), default="plain", help="of the bench")
    parser.add_argument("--rtl", type=Path, help="read the NIC from here instead of rtl/")
    parser.add_argument("--waves", action="store_true", help="leave an FST and print its path")
    options = parser.parse_args()
    out = Path(tempfile.mkdtemp(prefix="fuzz-"))
    place = (out, options.seed, options.width, options.operations, options.settings)
    try:
        result = run_walk(*place, rtl_dir=options.rtl, waves=options.waves)
    except WalkFailed as error:
        print(f"{error}\nlog and waves, if any: {out}", file=sys.stderr)
        return 1
    if options.waves:
        print(result.waves)
    else:
        shutil.rmtree(out)
    print(f"{result.cpu_s:.1f} CPU s")
    for name, counts in result.value.items():
        print(f"{name}: {', '.join(f'{what} {count}' for what, count in sorted(counts.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
