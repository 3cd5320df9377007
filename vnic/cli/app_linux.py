"""The commands about Linux itself: a buffer, a kernel's constants, a driver's structures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vnic.cli.options import DEFAULT_KERNEL, Json, Kernel

kernel_app = typer.Typer(help="Profiles from real kernels.", no_args_is_help=True)
abi_app = typer.Typer(
    help="A driver's structures in memory, as its compiler laid them out.", no_args_is_help=True
)


def buffer(
    mtu: Annotated[int | None, typer.Option(help="The buffer that the driver takes for this MTU.")] = None,
    size: Annotated[int | None, typer.Option(help="A buffer of so many bytes: 64 to 16384.")] = None,
    kernel: Kernel = DEFAULT_KERNEL,
    driver: Annotated[
        str | None,
        typer.Option(metavar="e1000|e1000e", help="Whose rules choose the size; e1000 if not given."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="skb|build_skb|jumbo|packet-split",
            help="How it is allocated; by the kernel's era if not given.",
        ),
    ] = None,
    mapping: Annotated[
        str,
        typer.Option(metavar="direct|swiotlb|iommu", help="What stands between the device and memory."),
    ] = "direct",
    path: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="One way out, step by step: plain, or of vlan, mpls, ipip, gre, vxlan, as gre,vlan.",
        ),
    ] = None,
    hardware_header: Annotated[
        int, typer.Option(metavar="N", help="Bytes that the NIC wants before the Ethernet header.")
    ] = 0,
    compare: Annotated[
        str | None, typer.Option(metavar="K1,K2,…", help="Several kernels side by side.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it as SVG too, to scale; replaces FILE.")
    ] = None,
    json: Json = False,
) -> int:
    """Draw one receive buffer to scale: what was allocated, who has which byte, and whether it spilled.

    Below it: what a received frame pays in headroom when it is sent on, what the CPU pays for where the
    headers lie, and the largest buffer that fits each size class.

    Examples:

    - `vnic buffer`: MTU 1500 on 2.6.9, where 2048 bytes cost 4096

    - `vnic buffer --driver e1000 --kernel 2.6.32 --mtu 1400`

    - `vnic buffer --driver e1000e --kernel 6.1 --mtu 9000 --mapping swiotlb`

    - `vnic buffer --kernel 2.6.18/x86_64-k8 --path gre,vlan`

    - `vnic buffer --compare 2.6.9,2.6.32,3.5,6.1 --svg buffers.svg`
    """
    from vnic.cli.buffer import Request, buffer_command

    request = Request(kernel, mtu, size, driver, strategy, mapping, path, hardware_header, compare, svg)
    return buffer_command(request, as_json=json)


@kernel_app.command("import")
def kernel_import(
    image: Annotated[
        Path, typer.Argument(help="vmlinuz, vmlinux, or raw BTF such as /sys/kernel/btf/vmlinux.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The kernel's .config; config-… beside a vmlinuz-… if not given."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="The profile; RELEASE.toml here if not given.")
    ] = None,
    arch: Annotated[
        str | None, typer.Option(metavar="NAME", help="What raw BTF does not tell: x86_64, arm64 …")
    ] = None,
    release: Annotated[
        str | None, typer.Option(metavar="VERSION", help="What raw BTF does not tell: 6.1.192.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an older profile.")] = False,
    json: Json = False,
) -> int:
    """Write the profile of a real kernel: sizes from its BTF, switches from its configuration.

    Every constant says where it was read, and which come from the rules of its version instead.

    Examples:

    - `vnic kernel import /boot/vmlinuz-6.1.0-56-amd64 --out mine.toml`, then `vnic buffer --kernel mine.toml`

    - `vnic kernel import /sys/kernel/btf/vmlinux`: the running kernel
    """
    from vnic.cli.kernel_import import ImportRequest, import_command

    return import_command(ImportRequest(image, config, out, arch, release, force), as_json=json)


@abi_app.command("check")
def abi_check(
    driver: Annotated[Path, typer.Argument(help="An ELF object with DWARF (gcc -g) or BTF: .ko, .o, …")],
    struct: Annotated[
        str,
        typer.Option(metavar="NAME", help="Its struct, union or typedef; NAME.MEMBER for one of a union."),
    ],
    against: Annotated[
        str,
        typer.Option(
            metavar="DESCRIPTION",
            help="rx_legacy, tx_legacy, FILE.py:NAME (construct) or FILE.rdl:NAME (SystemRDL).",
        ),
    ],
    base: Annotated[
        Path | None,
        typer.Option(
            metavar="VMLINUX", help="The kernel that a module's BTF refers to; its own in /boot if not given."
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Compare a driver's structure with what the hardware expects: offset, size, byte order, padding, total.

    If they differ, both layouts are drawn side by side and the exit code is 1.

    Examples:

    - `vnic abi check e1000.ko --struct e1000_rx_desc --against rx_legacy`

    - `vnic abi check my_nic.o --struct my_desc --against my_nic.rdl:descriptor`
    """
    from vnic.cli.abi import AbiRequest, abi_command

    return abi_command(AbiRequest(driver, struct, against, base), as_json=json)
