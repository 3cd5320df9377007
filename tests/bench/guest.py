"""A stock Linux on each NIC: how soon it answers, how fast TCP is, and where the Verilog NIC's time goes.

`python -m tests.bench.guest NIC GIVE TAKE PLAIN` boots one guest, which fetches bytes from port GIVE and
sends them to TAKE (0: it only pings), and prints what came of it as JSON. It is a process of its own, because
the TCP host runs in the one that asks, and shall not share an interpreter's lock with the bridge.

Seconds are those of the clock: several processes share the work.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

from tests.bench.measure import Row
from tests.qemu.guests import Host, ethtool, kernel
from vnic.guests.boot import CONSOLE, boot
from vnic.guests.script import HOST_ADDRESS, MARK, PING_ANSWERED, BootOptions, NicName

REPO = Path(__file__).resolve().parents[2]
PLAIN = "ethtool -K eth0 tx off tso off gso off rx off"
BASH = Path("/bin/bash")
BEGIN, MIDDLE, END = "begin", "middle", "end"
MB = 1_000_000
_OURS: Final[tuple[tuple[NicName, str, float], ...]] = (
    ("model", "behavioural NIC", 1.3),
    ("icarus", "Verilog NIC", 2.5),
)


def one_boot(nic: NicName, give: int = 0, take: int = 0, *, plain: bool = False) -> dict[str, Any]:
    """What `boot_here` found, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.guest", nic, str(give), str(take), str(int(plain))]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def transfer(nic: NicName, size: int, *, plain: bool) -> dict[str, Any]:
    """`size` bytes into the guest and out again, the same at both ends; "in" and "out" in Mbit/s as well."""
    host = Host(size)
    result = one_boot(nic, *host.ports, plain=plain)
    host.close()
    assert result["sha256"] == host.taken == host.sha256
    marks = result["marks"]
    result["in"] = 8e-6 * size / (marks[MIDDLE] - marks[BEGIN])
    result["out"] = 8e-6 * size / (marks[END] - marks[MIDDLE])
    return result


def boot_here(nic: NicName, give: int, take: int, plain: bool) -> dict[str, Any]:
    """Marks with their seconds, the guest's checksum, and the figures of the run."""
    # Not nc: busybox's moves 1 KB at a time, and a guest under TCG is busy with that alone.
    commands = (
        f"echo '{MARK}{BEGIN}'",
        f"bash -c 'cat < /dev/tcp/{HOST_ADDRESS}/{give} > /tmp/bytes'",
        f"echo '{MARK}{MIDDLE}'",
        f"bash -c 'exec 3<>/dev/tcp/{HOST_ADDRESS}/{take}; cat /tmp/bytes >&3; read -u 3 || :'",
        f"echo '{MARK}{END}'",
        "sha256sum /tmp/bytes",
    )
    options = BootOptions(
        nic=nic,
        add=(ethtool(), BASH),
        commands=(*((PLAIN,) if plain else ()), *(commands if give else ())),
        timeout_s=600,
    )
    with tempfile.TemporaryDirectory() as out:
        result = boot(options, kernel(), Path(out))
        found = re.search(r"\b[0-9a-f]{64}\b", (Path(out) / CONSOLE).read_text(errors="replace"))
    assert result.status == 0
    assert not [verdict for verdict in result.verdicts if verdict.severity == "error"]
    return {
        "marks": dict(result.marks), "sha256": found and found[0], "figures": dict(result.figures),
    }  # fmt: skip


def guest_rows() -> Iterator[Row]:
    """Start to ping, TCP, shares of time."""
    own = one_boot("qemu")["marks"][PING_ANSWERED]
    yield Row("guest on QEMU's e1000, start to ping answered", f"{own:.1f} s")
    idle = {}
    for nic, name, limit in _OURS:
        idle = one_boot(nic)
        seconds = idle["marks"][PING_ANSWERED]
        measured = f"{seconds:.1f} s = {seconds / own:.2f} x QEMU's"
        yield Row(f"  on the {name}", measured, f"<= {limit} x", seconds <= limit * own)
    for plain in (False, True):
        runs = [transfer("model", 16 * MB, plain=plain) for _ in range(2)]
        way_in, way_out = (max(run[way] for run in runs) for way in ("in", "out"))
        what = f"TCP, behavioural NIC, {'without' if plain else 'with'} offloads"
        measured = f"{way_in:.0f} Mbit/s in, {way_out:.0f} out"
        yield Row(what, measured, ">= 20 both", min(way_in, way_out) >= 20)
    busy = transfer("icarus", MB, plain=True)
    yield Row("TCP, Verilog NIC, without offloads", f"{busy['in']:.2f} Mbit/s in, {busy['out']:.2f} out")
    yield from _shares(idle, busy)


def _shares(idle: dict[str, Any], busy: dict[str, Any]) -> Iterator[Row]:
    """Where a transfer's time goes: what the run with it has more than the one without."""

    def more(*names: str) -> float:
        figures = [run["figures"] for run in (busy, idle)]
        return float(sum(figures[0][name] - figures[1][name] for name in names))

    frames = more("frames_to_guest", "frames_from_guest")
    yield Row("  cycles a frame", f"{more('nic_cycles') / frames:,.0f} ({frames:,.0f} frames)")
    spent = {name: more(f"cpu_s_{name}") for name in ("simulator", "checks", "bridge")}
    total = sum(spent.values())
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.items())
    yield Row(f"  processor time: {1000 * total / frames:.1f} ms a frame", shares)


if __name__ == "__main__":
    name, give_port, take_port, is_plain = sys.argv[1:]
    (chosen,) = (each for each in get_args(NicName) if each == name)
    print(json.dumps(boot_here(chosen, int(give_port), int(take_port), bool(int(is_plain)))))
