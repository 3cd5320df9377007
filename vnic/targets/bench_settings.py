"""What the bench can be told: its plusargs, set again in a running simulation, and its widths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vnic.errors import UsageError

DATA_WIDTHS: Final = (64, 128, 256, 512)
"""Bits of the DMA bus: parameter DATA_WIDTH of rtl/vnic.v."""

DEFAULTS: Final[Mapping[str, int]] = {
    "read_latency": 32,
    "write_latency": 16,
    "writeback_latency": 4,
    "line_penalty": 0,
    "stall": 0,
    "rx_stall": 0,
    "tx_stall": 0,
    "seed": 1,
}
"""What sim/hostmem.v, axis_source.v and axis_sink.v take where no plusarg says otherwise."""

# The initial blocks of axis_source.v and axis_sink.v add these, so that the three do not stall alike.
_SOURCE_SEED: Final = 7919
_SINK_SEED: Final = 104729
# hostmem.v: a delayed assignment lands after the edge it falls on, and its register takes one cycle more.
_LATENCY_TAKEN: Final = 2
_STALLS: Final = ("aw_stall", "w_stall", "b_stall", "ar_stall", "r_stall")


def check(settings: Mapping[str, int]) -> dict[str, int]:
    """All settings, defaults included. Raises UsageError for what the bench would stop at."""
    values = {**DEFAULTS, **settings}
    unknown = sorted(set(settings) - set(DEFAULTS))
    if unknown:
        raise UsageError(f"the bench has no {unknown[0]}: give some of {', '.join(DEFAULTS)}")
    for name in ("read_latency", "write_latency", "writeback_latency"):
        if not _LATENCY_TAKEN <= values[name] <= 100_000:
            raise UsageError(f"{name} of {values[name]} cycles: give {_LATENCY_TAKEN} to 100000")
    if not 0 <= values["line_penalty"] <= 10_000:
        raise UsageError(f"line_penalty of {values['line_penalty']} cycles: give 0 to 10000")
    for name in ("stall", "rx_stall", "tx_stall"):
        if not 0 <= values[name] <= 250:
            raise UsageError(f"{name} of {values[name]}: it is a chance of 256, give 0 to 250")
    if not 0 <= values["seed"] < 2**31:
        raise UsageError(f"seed {values['seed']}: give 0 to {2**31 - 1}")
    return values


def configure(dut: Any, settings: Mapping[str, int], clock_ns: int) -> None:
    """Put `settings` where the initial blocks of the bench put its plusargs. Raises UsageError."""
    # Only inside the simulator; the ranges above are asked for outside it, too.
    from cocotb.handle import Immediate

    def put(block: Any, name: str, value: int) -> None:
        getattr(block, name).value = Immediate(value)

    values = check(settings)
    memory, source, sink = dut.memory, dut.line_in, dut.line_out
    for name in ("read", "write", "writeback"):
        put(memory, f"{name}_ns", (values[f"{name}_latency"] - _LATENCY_TAKEN) * clock_ns)
    put(memory, "line_penalty", values["line_penalty"])
    blocks = ((memory, "stall", 0), (source, "rx_stall", _SOURCE_SEED), (sink, "tx_stall", _SINK_SEED))
    for block, stall, offset in blocks:
        put(block, stall, values[stall])
        put(block, "seed", values["seed"] + offset)
        put(block, "stalling", int(values[stall] != 0))
    # A channel held back when stalling ended would stay so: its flop has no clock any more.
    for name in _STALLS:
        put(memory, name, 0)
    put(source, "stall", 0)
    put(sink, "stall", 0)
