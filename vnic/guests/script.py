"""What a guest is asked to do, the init script that does it, and what it reports."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Self

from vnic.checks.verdict import Verdict
from vnic.errors import UsageError
from vnic.guests.initramfs import add_files, base_files, cpio_newc, put
from vnic.guests.kernel import GuestKernel
from vnic.targets.bench_settings import DATA_WIDTHS

NicName = Literal["model", "icarus", "qemu"]

MARK: Final = "vnic: "
LINK_UP, PING_ANSWERED, EXIT = "link up", "ping answered", "exit"
REPLAY: Final = "replay"
GUEST_ADDRESS, HOST_ADDRESS = "10.0.2.15/24", "10.0.2.2"  # QEMU's user network
MTU_RANGE: Final = (46, 16110)  # Linux e1000: min_mtu, max_mtu
IO_APIC_INPUTS: Final = range(24)
LEAST_MEMORY_MIB: Final = 96  # Debian's 6.1 panics with 64

_SCRIPT: Final = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
mount -t tracefs tracefs /sys/kernel/tracing
{modules}
status=0
run() {{ sh -c "$1"; code=$?; [ $status = 0 ] && status=$code; }}
ip link set lo up
ip link set eth0 mtu {mtu}
ip link set eth0 up
ip addr add {address} dev eth0
ip route add default via {host}
until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do usleep 20000; done
echo "{mark}{link_up}"
{ping}
{commands}
echo "{mark}{exit} $status"
poweroff -f
"""


@dataclass(frozen=True)
class BootOptions:
    """What to boot, on what.

    Attributes:
        nic: "model", "icarus" or "qemu".
        profile: the kernel whose alignment is expected of receive buffers.
        commands: for the guest's shell, one after the other, once the wire answers. add: files for the guest.
        modules: kernel modules besides e1000. mtu: of eth0.
        netdev: the other end of the wire as QEMU's -netdev takes it, without an id; "none" for nobody.
        replay: capture whose frames come in over the wire once the link is up, and each time that the guest
            prints the mark `REPLAY`. capture: what goes over the wire to and from the far end is recorded.
        memory_mib, slot: of the machine. gsi: input of the I/O APIC if not what the slot says.
        data_width: of the Verilog NIC, in bits. timeout_s: for the whole run.
        verify: the commands are those of `vnic.guests.verify`; the NIC's side is written down too.

    Raises:
        UsageError: a number that cannot be.
    """

    nic: NicName = "model"
    profile: str = "6.1/x86_64"
    commands: tuple[str, ...] = ()
    add: tuple[Path, ...] = ()
    modules: tuple[str, ...] = ()
    mtu: int = 1500
    netdev: str = "user"
    replay: Path | None = None
    memory_mib: int = 256
    slot: int = 2
    gsi: int | None = None
    data_width: int = 64
    timeout_s: float = 300.0
    verify: bool = False
    capture: bool = False

    def __post_init__(self) -> None:
        if self.data_width not in DATA_WIDTHS:
            raise UsageError(f"data width of {self.data_width} bits: give one of 64, 128, 256, 512")
        if self.gsi is not None and self.gsi not in IO_APIC_INPUTS:
            raise UsageError(
                f"--gsi {self.gsi}: the I/O APIC has inputs {IO_APIC_INPUTS[0]} to {IO_APIC_INPUTS[-1]}"
            )
        if self.memory_mib < LEAST_MEMORY_MIB:
            raise UsageError(
                f"--memory {self.memory_mib}: a Debian kernel needs at least {LEAST_MEMORY_MIB} MiB"
            )
        if self.timeout_s <= 0:
            raise UsageError(f"--timeout {self.timeout_s:g}: give more than 0 seconds")

    def as_json(self) -> str:
        """The options as text, for another process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `as_json` made."""
        raw = json.loads(text)
        raw["add"] = tuple(Path(path) for path in raw["add"])
        raw["replay"] = None if raw["replay"] is None else Path(raw["replay"])
        raw["commands"], raw["modules"] = tuple(raw["commands"]), tuple(raw["modules"])
        return cls(**raw)


@dataclass(frozen=True)
class BootResult:
    """What came of it.

    Attributes:
        marks: what the guest's script reported, with seconds since QEMU started.
        figures: counts of the run as JSON values; empty with QEMU's own NIC, which cannot be watched.
        notes: what the user should know. verdicts: of the rules.
    """

    marks: tuple[tuple[str, float], ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    def seconds(self, mark: str) -> float | None:
        """When the guest reported `mark`."""
        return next((seconds for text, seconds in self.marks if text == mark), None)

    @property
    def status(self) -> int | None:
        """Exit code of the first command that failed, 0 if none did, None if the guest did not get there."""
        codes = [text.split()[1] for text, _ in self.marks if text.startswith(f"{EXIT} ")]
        return int(codes[-1]) if codes else None


def initramfs(options: BootOptions, kernel: GuestKernel) -> bytes:
    """The archive that the guest starts from. Raises UsageError for what cannot go into it."""
    low, high = MTU_RANGE
    if not low <= options.mtu <= high:
        raise UsageError(f"MTU {options.mtu}: the e1000 of Linux takes {low} to {high}")
    loaded = kernel.module_files(("e1000", *options.modules))
    pings = options.netdev.partition(",")[0] == "user"
    script = _SCRIPT.format(
        modules="\n".join(f"insmod /modules/{name}.ko" for name in loaded),
        mtu=options.mtu,
        address=GUEST_ADDRESS,
        host=HOST_ADDRESS,
        mark=MARK,
        link_up=LINK_UP,
        exit=EXIT,
        ping=_ping() if pings else "",
        commands="\n".join(f"run {shlex.quote(command)}" for command in options.commands),
    )
    files = base_files(script)
    for name, content in loaded.items():
        put(files, f"modules/{name}.ko", content)
    add_files(files, options.add)
    return cpio_newc(files)


def _ping() -> str:
    """Who else is on the wire may have no address; QEMU's user network always answers."""
    return f'until ping -c 1 -W 1 {HOST_ADDRESS} > /dev/null; do :; done\necho "{MARK}{PING_ANSWERED}"'
