"""A stock Linux on a NIC of ours: kernel and initramfs in, console, DMA table and verdicts out.

The behavioural NIC runs in this process. The Verilog NIC runs in the simulator, and QEMU is the simulator's
child then: RAM, which the simulator maps, is made there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from vnic.capture import CapturedFrame, read_capture, write_capture
from vnic.checks.verdict import Verdict
from vnic.errors import UsageError
from vnic.guests.bridge import Bridge, Card, GuestTimeout
from vnic.guests.console import Console
from vnic.guests.device import PciNic
from vnic.guests.kernel import GuestKernel
from vnic.guests.machine import MIB, Machine, MachineSpec, find_qemu
from vnic.guests.memory import GuestMemory
from vnic.guests.nic import GuestNic, IcarusNic, ModelNic
from vnic.guests.pci import gsi_of_slot
from vnic.guests.script import MARK, REPLAY, BootOptions, BootResult, initramfs
from vnic.guests.table import DmaTable
from vnic.guests.verify.watch import Sender, Watch
from vnic.guests.watch import GuestChecker
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.eeprom import DEFAULT_MAC
from vnic.nic.events import DmaEvent
from vnic.nic.port import run
from vnic.targets.icarus import IcarusJob, run_icarus
from vnic.targets.icarus_target import IcarusTarget

CONSOLE: Final = "console.log"
INITRD: Final = "initramfs"
DMA: Final = "dma.parquet"
WIRE: Final = "wire.pcap"
# Where other programs keep the machine busy, a kernel under TCG finds its timer dead and panics.
APPEND: Final = "console=ttyS0 quiet panic=-1 no_timer_check"
SILENCE_S: Final = 60.0
"""The simulator reports once a second; it hangs if it does not for this long."""

Show = Callable[[bytes], object]


def boot(options: BootOptions, kernel: GuestKernel, out: Path, show: Show | None = None) -> BootResult:
    """Boot a guest and wait for its end.

    Args:
        options: what to boot.
        kernel: image and modules.
        out: an existing folder, for console, initramfs and DMA table.
        show: gets the console as it comes.

    Raises:
        UsageError: a file, module, MTU or slot that cannot be.
        VnicError: QEMU or the simulator failed, or the guest took too long.
    """
    find_qemu()
    load_profile(options.profile)
    gsi_of_slot(options.slot)
    if options.replay is not None:
        if options.nic == "qemu":
            raise UsageError("a capture is replayed to a NIC of ours: take --nic model or icarus")
        read_capture(options.replay)
    if options.capture and options.nic == "qemu" and options.netdev == "none":
        raise UsageError("--capture records between QEMU's e1000 and its other end: give --netdev")
    image = kernel.image.resolve()
    (out / INITRD).write_bytes(initramfs(options, kernel))
    if options.nic == "icarus":
        return _in_simulator(options, image, out, show)
    with (out / CONSOLE).open("wb", buffering=0) as log:

        def sink(data: bytes) -> None:
            log.write(data)
            if show is not None:
                show(data)

        make = None if options.nic == "qemu" else _model
        return run(_guest(options, image, out, Console(sink, MARK), None, make, lambda: None))


def _model(memory: GuestMemory) -> ModelNic:
    return ModelNic(memory, mac=DEFAULT_MAC)


async def _guest(
    options: BootOptions,
    image: Path,
    out: Path,
    console: Console,
    ram: HostMemory | None,
    make: Callable[[GuestMemory], GuestNic] | None,
    on_tick: Callable[[], None],
) -> BootResult:
    """The machine and what serves it; `make` builds the NIC, None leaves QEMU its own."""
    spec = MachineSpec(
        kernel=image,
        initrd=out / INITRD,
        append=APPEND,
        own_nic=make is None,
        mac=DEFAULT_MAC,
        netdev=None if options.netdev == "none" else options.netdev,
        memory_mib=options.memory_mib,
        slot=options.slot,
        wired=options.verify,
        capture=out / WIRE if options.capture and make is None else None,
    )
    with Machine(spec, ram) as machine:
        if make is None:
            if machine.wire is not None:
                console.on_mark = Sender(machine.wire).on_mark
            await Bridge(machine, console, on_tick, options.timeout_s).run(None)
            return BootResult(tuple(console.marks))
        memory = GuestMemory()
        try:
            return await _on_our_nic(options, out, console, machine, memory, make(memory), on_tick)
        finally:
            memory.close()


async def _on_our_nic(
    options: BootOptions,
    out: Path,
    console: Console,
    machine: Machine,
    memory: GuestMemory,
    nic: GuestNic,
    on_tick: Callable[[], None],
) -> BootResult:
    checker = GuestChecker(load_profile(options.profile), memory)
    table = DmaTable(out / DMA)

    def on_dma(event: DmaEvent) -> None:
        table.add(event)
        checker.on_dma(event)

    nic.on_dma = on_dma
    device = PciNic(nic, memory)
    device.on_register = checker.on_register
    frames = [] if options.replay is None else [frame.data for frame in read_capture(options.replay).frames]
    gsi = gsi_of_slot(options.slot) if options.gsi is None else options.gsi
    card = Card(machine, device, nic, gsi, frames)
    watch = Watch(device, memory, card, console) if options.verify else None
    if options.replay is not None:
        console.on_mark = lambda text: card.play(frames) if text == REPLAY else None
    recorded: list[CapturedFrame] = []
    if options.capture:
        card.on_frames = lambda some: recorded.extend(CapturedFrame(time.time_ns(), each) for each in some)
    notes: list[str] = []

    def tick() -> None:
        complaint = card.complaint()
        if complaint is not None and not notes:
            notes.append(complaint)
        on_tick()

    try:
        await Bridge(machine, console, tick, options.timeout_s).run(card)
    except GuestTimeout as error:
        raise GuestTimeout("; ".join((str(error), *notes))) from error
    finally:
        card.close()
        table.close()
        if options.capture:
            write_capture(out / WIRE, recorded)
    figures = {
        "register_accesses": card.accesses,
        "interrupts": card.interrupts,
        "frames_to_guest": card.received,
        "frames_from_guest": card.sent,
        "frames_lost_on_the_wire": card.lost,
        "dma_accesses": table.count,
        "rx_buffers": checker.receive_buffers(),
        "nic_time_ns": nic.now_ns,
        **nic.figures(),
    }
    if watch is not None:
        figures["rings"] = watch.openings()
    return BootResult(tuple(console.marks), figures, tuple(notes), tuple(checker.finish()))


def _in_simulator(options: BootOptions, image: Path, out: Path, show: Show | None) -> BootResult:
    """The same inside vvp; the console comes by way of its file."""
    job = IcarusJob(
        entry="vnic.guests.boot:inside",
        spec={"options": options.as_json(), "image": str(image), "out": str(out.resolve())},
        out=out.resolve(),
        parameters={"DATA_WIDTH": options.data_width},
        memory_size=options.memory_mib * MIB,
        silence_s=SILENCE_S,
    )
    path = out / CONSOLE
    path.write_bytes(b"")
    with path.open("rb") as console:

        def progress(_done: int, _total: int) -> None:
            data = console.read()
            if data and show is not None:
                show(data)

        value = run_icarus(job, progress).value
        progress(0, 0)
    verdicts = tuple(Verdict(**{**each, "examples": tuple(each["examples"])}) for each in value["verdicts"])
    marks = tuple((text, seconds) for text, seconds in value["marks"])
    return BootResult(marks, value["figures"], tuple(value["notes"]), verdicts)


async def inside(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """What runs in the simulator (`vnic.targets.icarus.IcarusJob.entry`)."""
    options = BootOptions.from_json(spec["options"])
    out = Path(spec["out"])
    with (out / CONSOLE).open("wb", buffering=0) as log:
        console = Console(log.write, MARK)
        result = await _guest(
            options,
            Path(spec["image"]),
            out,
            console,
            memory,
            lambda guest: IcarusNic(target, guest),
            lambda: progress(console.bytes, 0),
        )
    return {**asdict(result), "verdicts": [asdict(each) for each in result.verdicts]}
