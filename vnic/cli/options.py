"""Options that several commands share, and what they are when not given."""

from __future__ import annotations

from typing import Annotated, Final

import typer

DEFAULT_KERNEL: Final = "2.6.9/i386-686"
"""The era of the drivers' comment: buffers of 2048 bytes for MTU 1500, from kmalloc."""

DEFAULT_MTU: Final = 1500

Kernel = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Kernel profile (`vnic kernels` lists them), its version alone, or a TOML file."
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        metavar="skb|jumbo|build_skb", help="How a buffer is allocated; by the kernel's era if not given."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys (docs/commands.md).")]
