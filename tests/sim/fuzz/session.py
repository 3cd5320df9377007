"""Starting a walk from outside the simulator, and what its failure says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.sim.fuzz import traffic
from tests.sim.fuzz.pair import JOURNAL
from tests.sim.helpers import icarus
from vnic.errors import VnicError
from vnic.targets.icarus import IcarusResult

SETTINGS: Final[Mapping[str, Mapping[str, int]]] = {
    "plain": {},
    "stalls": {"stall": 60, "rx_stall": 40, "tx_stall": 60},
    "slow": {"read_latency": 90, "write_latency": 60, "writeback_latency": 2},
}
"""Of the bench: memory and lines."""
SILENCE_S: Final = 60.0
"""A hundred operations take a tenth of a second; a NIC or model that loops for ever takes longer."""


class WalkFailed(VnicError):
    """The message says where the walk ended, why, and how to repeat it."""


def run_walk(
    out: Path,
    seed: int,
    width: int,
    operations: int,
    settings: str = "plain",
    *,
    rtl_dir: Path | None = None,
    waves: bool = False,
) -> IcarusResult:
    """One walk of `operations`. Raises WalkFailed."""
    repeat = f"python -m tests.sim.fuzz --seed {seed} --width {width}"
    if operations != 10_000:
        repeat += f" --operations {operations}"
    if settings != "plain":
        repeat += f" --settings {settings}"
    try:
        return icarus(
            out,
            "fuzz.walk:walk",
            {"seed": seed, "operations": operations},
            width,
            memory_size=traffic.MEMORY_SIZE,
            memory_base=traffic.MEMORY_BASE,
            memory_holes=(traffic.HOLE,),
            seed=seed,
            plusargs=SETTINGS[settings],
            rtl_dir=rtl_dir,
            waves=waves,
            silence_s=SILENCE_S,
        )
    except VnicError as error:
        journal = out / JOURNAL
        last = journal.read_text().strip() if journal.exists() else "none"
        raise WalkFailed(
            f"seed {seed}, {width} bits, settings {settings}, last operation {last}\n"
            f"{error}\nrepeat: {repeat}"
        ) from error
