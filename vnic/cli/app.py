"""The commands and their options. What they do is in the module of each, imported when it is called."""

from __future__ import annotations

from copy import copy
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import vnic
from vnic.cli.app_linux import abi_app, buffer, kernel_app
from vnic.cli.options import DEFAULT_KERNEL, DEFAULT_MTU, Json, Kernel, Strategy

# The command-line library's own base of what a user can get wrong; it exports no name for it.
usage_error: type[typer.BadParameter] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)


class ModeName(StrEnum):
    """Which way the frames go."""

    RECEIVE = "receive"
    REFLECT = "reflect"
    LOOPBACK = "loopback"


class NicName(StrEnum):
    """Which NIC a guest gets."""

    MODEL = "model"
    ICARUS = "icarus"
    QEMU = "qemu"


app = typer.Typer(
    help="An Intel 8254x network card in Python and in Verilog, under a model of Linux's driver and memory.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def only(name: str) -> typer.Typer:
    """The command line with the command `name` alone, where there is one: the options of all of them take
    longer to set up than most of them to run.
    """
    commands = [
        each
        for each in app.registered_commands
        if name == (each.name or getattr(each.callback, "__name__", None))
    ]
    groups = [each for each in app.registered_groups if name == each.name]
    if not commands and not groups:
        return app
    chosen = copy(app)
    chosen.registered_commands, chosen.registered_groups = commands, groups
    return chosen


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vnic {vnic.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    del version


@app.command()
def sim(
    capture: Annotated[
        Path | None,
        typer.Argument(help="pcap or pcapng of Ethernet frames; a recording of ours if not given."),
    ] = None,
    kernel: Kernel = DEFAULT_KERNEL,
    mtu: Annotated[
        int, typer.Option(help="46 to 16110 bytes; longer frames are dropped by the NIC.")
    ] = DEFAULT_MTU,
    buffer: Annotated[
        int | None,
        typer.Option(help="Receive buffer: 256 … 16384 bytes; the driver's own rule if not given."),
    ] = None,
    strategy: Strategy = None,
    target: Annotated[
        str,
        typer.Option(
            metavar="NIC[,NIC]",
            help="model (Python), icarus (Verilog), qemu, qemu-e1000e; both: the first two; all: three.",
        ),
    ] = "both",
    data_width: Annotated[
        int, typer.Option(help="Bits of the Verilog NIC's DMA bus: 64, 128, 256, 512.")
    ] = 64,
    rx_ring: Annotated[int, typer.Option(help="Receive descriptors: 8 to 4096, a multiple of 8.")] = 256,
    tx_ring: Annotated[int, typer.Option(help="Transmit descriptors: 8 to 4096, a multiple of 8.")] = 256,
    strip_fcs: Annotated[
        bool, typer.Option("--strip-fcs", help="The NIC takes the FCS off; always so with qemu-e1000e.")
    ] = False,
    mode: Annotated[
        ModeName, typer.Option(help="receive; reflect: send back what came; loopback: send through the MAC.")
    ] = ModeName.RECEIVE,
    seed: Annotated[int, typer.Option(help="Of everything random; the same seed gives the same cycles.")] = 1,
    waves: Annotated[
        bool, typer.Option("--waves", envvar="WAVES", help="Write an FST of the Verilog NIC.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Result directory; out/sim-DATE-TIME if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an older result in --out.")] = False,
    json: Json = False,
) -> int:
    """Play a capture through driver, NIC and memory, and judge what the NIC wrote.

    The frames go to the behavioural NIC and to the Verilog NIC in Icarus, under the same driver model on the
    same kernel's memory. Every frame, descriptor, DMA write, counter and register is compared, and every rule
    of docs/checks.md looked at. Exit code 1 if one of them failed.

    Examples:

    - `vnic sim`: a recorded capture, on the kernel of the comment "RXBUFFER_2048 --> size-4096"

    - `vnic sim my.pcapng --kernel 6.1/x86_64 --target model`: no simulator needed

    - `vnic sim jumbo.pcap --mtu 9000 --data-width 256 --out result`

    - `vnic sim --buffer 512 --json | jq .verdicts`

    - `vnic sim --target all`: QEMU's e1000 as the third witness

    - `vnic sim --target model,qemu-e1000e`: the same driver on an 82574L
    """
    from vnic.cli.sim import Request, sim_command

    return sim_command(
        Request(
            capture=capture,
            kernel=kernel,
            mtu=mtu,
            buffer=buffer,
            strategy=strategy,
            targets=target,
            mode=mode.value,
            data_width=data_width,
            rx_ring=rx_ring,
            tx_ring=tx_ring,
            strip_fcs=strip_fcs,
            seed=seed,
            waves=waves,
            out=out,
            force=force,
        ),
        as_json=json,
    )


app.command()(buffer)


@app.command()
def kernels(
    name: Annotated[
        str | None, typer.Argument(help="Show this one with the source of every constant.")
    ] = None,
    json: Json = False,
) -> int:
    """List the kernel profiles, or show one with the source of each constant.

    Examples:

    - `vnic kernels`

    - `vnic kernels 6.1/x86_64`
    """
    from vnic.cli.kernels import kernels_command

    return kernels_command(name, as_json=json)


@app.command()
def boot(
    nic: Annotated[
        NicName, typer.Option(help="The Python NIC, the Verilog NIC, or QEMU's own.")
    ] = NicName.MODEL,
    run: Annotated[
        list[str] | None, typer.Option(metavar="CMD", help="For the guest's shell; may be repeated.")
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="For the guest: a program with its libraries into /bin, or a file into /."
        ),
    ] = None,
    module: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A kernel module to load besides e1000.")
    ] = None,
    kernel_image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="bzImage or vmlinuz; the distribution's if not given.")
    ] = None,
    modules: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The image's /lib/modules/VERSION.")
    ] = None,
    kernel: Kernel = "6.1/x86_64",
    mtu: Annotated[int, typer.Option(help="MTU of eth0.")] = DEFAULT_MTU,
    netdev: Annotated[
        str, typer.Option(metavar="SPEC", help="The wire's other end as QEMU's -netdev takes it, or none.")
    ] = "user",
    replay: Annotated[
        Path | None, typer.Option(metavar="CAPTURE", help="Frames that come in once the link is up.")
    ] = None,
    capture: Annotated[
        bool, typer.Option("--capture", help="Record the wire into wire.pcap of the result.")
    ] = False,
    memory: Annotated[int, typer.Option(metavar="MIB", help="RAM of the guest.")] = 256,
    slot: Annotated[int, typer.Option(help="PCI slot of the NIC.")] = 2,
    gsi: Annotated[int | None, typer.Option(help="Its interrupt, if not what the slot says.")] = None,
    data_width: Annotated[int, typer.Option(help="DMA width of the Verilog NIC in bits.")] = 64,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For the whole run.")] = 300.0,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare our prediction of its receive buffers with the kernel."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Result; out/boot-DATE if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the result in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show the guest's console.")] = False,
    json: Json = False,
) -> int:
    """Boot a stock Linux in QEMU with its own e1000 driver on one of our NICs, or on QEMU's.

    The guest brings eth0 up, pings the other end, runs the commands and powers off. Each of its DMA accesses
    is judged and written down. Exit code 1 if a rule was broken, a command failed or a prediction was wrong.

    Examples:

    - `vnic boot --run 'ping -c 3 10.0.2.2'`

    - `vnic boot --nic icarus --add /usr/sbin/ethtool --run 'ethtool -t eth0 offline'`

    - `vnic boot --verify`
    """
    from vnic.cli.boot import BootRequest, boot_command
    from vnic.guests.script import BootOptions

    options = BootOptions(
        nic=nic.value,
        profile=kernel,
        commands=tuple(run or ()),
        add=tuple(add or ()),
        modules=tuple(module or ()),
        mtu=mtu,
        netdev=netdev,
        replay=replay,
        memory_mib=memory,
        slot=slot,
        gsi=gsi,
        data_width=data_width,
        timeout_s=timeout,
        verify=verify,
        capture=capture,
    )
    return boot_command(BootRequest(kernel_image, modules, out, force, quiet), options, as_json=json)


app.add_typer(kernel_app, name="kernel")
app.add_typer(abi_app, name="abi")


@app.command()
def doctor(json: Json = False) -> int:
    """Say what is installed, what is missing and how to get it. Exit code 1 if `vnic sim` lacks something.

    Examples:

    - `vnic doctor`

    - `vnic doctor --json`
    """
    from vnic.cli.doctor import doctor_command

    return doctor_command(as_json=json)
