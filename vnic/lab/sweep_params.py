"""The parameters of a point: their names, defaults and ranges, and what they make of kernel, driver and
bench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from vnic.driver import DriverOptions
from vnic.errors import UsageError
from vnic.linux.profile import KernelProfile, load_profile
from vnic.nic.port import WireFrame
from vnic.targets.bench_settings import DATA_WIDTHS, check
from vnic.targets.run import LINK_TIMEOUT_NS
from vnic.targets.session import MODES, SessionOptions

ETH_HLEN: Final = 14
MAX_DATA: Final = 16380
Value = int | str | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a point.

    Attributes:
        kind: `int` or `str`.
        default: its value where the experiment says nothing; None leaves it to kernel or driver.
        low, high: the range of an int.
        choices: the values of a str, where there are few.
        unit, doc: for the table's columns.
    """

    kind: type
    default: Value
    doc: str
    unit: str = ""
    low: int = 0
    high: int = 2**31 - 1
    choices: tuple[Value, ...] = ()


PARAMETERS: Final[Mapping[str, Parameter]] = {
    "target": Parameter(str, "icarus", "which NIC runs", choices=("model", "icarus", "qemu")),
    "kernel": Parameter(str, "6.1/x86_64", "kernel profile"),
    "net_skb_pad": Parameter(int, None, "NET_SKB_PAD instead of the profile's", "bytes", 16, 1024),
    "net_ip_align": Parameter(int, None, "NET_IP_ALIGN instead of the profile's", "bytes", 0, 2),
    "l1_cache_bytes": Parameter(
        int, None, "L1_CACHE_BYTES (and SMP_CACHE_BYTES) instead of the profile's", "bytes", 16, 256
    ),
    "mtu": Parameter(int, 1500, "MTU", "bytes", 46, 16110),
    "buffer": Parameter(int, None, "receive buffer; by the driver's rule if not given", "bytes", 256, 16384),
    "strategy": Parameter(
        str,
        None,
        "how a buffer is allocated; by the kernel's era if not given",
        choices=("skb", "jumbo", "build_skb"),
    ),
    "copybreak": Parameter(int, 256, "frames up to this are copied", "bytes", 0, 16384),
    "rx_ring": Parameter(int, 256, "receive descriptors", "", 8, 4096),
    "tx_ring": Parameter(int, 256, "transmit descriptors", "", 8, 4096),
    "mode": Parameter(str, "receive", "which way frames go", choices=MODES),
    "batch": Parameter(int, 256, "frames offered at once at most", "", 1, 4096),
    "capture": Parameter(str, None, "pcap or pcapng to play; frames are made up if not given"),
    "frames": Parameter(int, 50, "frames played; a shorter capture is played again", "", 1, 1_000_000),
    "frame_bytes": Parameter(
        int, None, "length of the made-up frames without FCS; MTU + 14 if not given", "bytes", 14, MAX_DATA
    ),
    "encapsulation": Parameter(
        str, "", "tunnels put in front on forwarding, innermost first, as in gre+vxlan"
    ),
    "data_width": Parameter(int, 64, "DMA bus of the Verilog NIC", "bits", choices=DATA_WIDTHS),
    "max_burst_beats": Parameter(int, 64, "longest AXI burst", "beats", 1, 256),
    "read_latency": Parameter(int, 32, "memory: AR to first R beat", "cycles", 2, 100_000),
    "write_latency": Parameter(int, 16, "memory: last W beat of data to B", "cycles", 2, 100_000),
    "writeback_latency": Parameter(int, 4, "memory: last W beat of a write-back to B", "cycles", 2, 100_000),
    "line_penalty": Parameter(int, 0, "memory: price of a partial cache line", "cycles", 0, 10_000),
    "stall": Parameter(int, 0, "memory: chance of 256 that a channel waits", "", 0, 250),
    "rx_stall": Parameter(int, 0, "line in: chance of 256 that a beat waits", "", 0, 250),
    "tx_stall": Parameter(int, 0, "line out: chance of 256 that a beat waits", "", 0, 250),
    "seed": Parameter(int, 1, "of everything random", "", 0, 2**31 - 1),
}
BUILD: Final = ("data_width", "max_burst_beats")
"""Parameters of the Verilog: two points that differ in another one run in the same simulator."""

_CONSTANTS: Final = ("net_skb_pad", "net_ip_align", "l1_cache_bytes")
BENCH: Final = (
    "read_latency", "write_latency", "writeback_latency", "line_penalty",
    "stall", "rx_stall", "tx_stall", "seed",
)  # fmt: skip


def check_value(name: str, value: object) -> Value:
    """`value` if parameter `name` may have it. Raises UsageError that names neither file nor point."""
    parameter = PARAMETERS[name]
    # TOML's true is a Python int too.
    if type(value) is not parameter.kind:
        wanted = "a whole number" if parameter.kind is int else "a string"
        raise UsageError(f"{name} = {value!r}: give {wanted}")
    assert isinstance(value, int | str)
    if parameter.choices and value not in parameter.choices:
        raise UsageError(f"{name} = {value!r}: give one of {', '.join(map(str, parameter.choices))}")
    if isinstance(value, int) and not parameter.low <= value <= parameter.high:
        raise UsageError(f"{name} = {value}: give {parameter.low} to {parameter.high}")
    return value


def check_point(values: Mapping[str, Value]) -> None:
    """Raises UsageError if the parameters of a point contradict each other; the message names no point."""
    options(values)
    if (values["target"], values["mode"]) == ("qemu", "loopback"):
        raise UsageError("target qemu and mode loopback: QEMU's e1000 has no MAC loopback")
    check(bench_settings(values))
    _profile(str(values["kernel"]), *(None for _ in _CONSTANTS))
    if values["capture"] is not None and values["frame_bytes"] is not None:
        raise UsageError("capture and frame_bytes: frames are either played or made up, give one")
    length = frame_length(values)
    assert isinstance(values["mtu"], int)
    if values["capture"] is None and length > values["mtu"] + ETH_HLEN:
        raise UsageError(
            f"frame_bytes {length} at mtu {values['mtu']}: the NIC drops frames longer than "
            f"{values['mtu'] + ETH_HLEN}"
        )
    line = values["l1_cache_bytes"]
    if isinstance(line, int) and line & (line - 1):
        raise UsageError(f"l1_cache_bytes {line}: give a power of two")
    encapsulations(values)


def encapsulations(values: Mapping[str, Value]) -> tuple[str, ...]:
    """The tunnels of a point. Raises UsageError."""
    from vnic.linux.headroom import ENCAPSULATIONS

    names = tuple(name for name in str(values["encapsulation"] or "").split("+") if name)
    for name in names:
        if name not in ENCAPSULATIONS:
            raise UsageError(f"encapsulation {name!r}: give some of {', '.join(ENCAPSULATIONS)}, joined by +")
    return names


def options(values: Mapping[str, Value]) -> SessionOptions:
    """Driver and session of a point. Raises UsageError."""
    names = ("mtu", "buffer", "strategy", "copybreak", "rx_ring", "tx_ring")
    fields: dict[str, Any] = {name: values[name] for name in names}
    loopback = values["mode"] == "loopback"
    session: dict[str, Any] = {"mode": values["mode"], "batch": values["batch"]}
    session["link_timeout_ns"] = LINK_TIMEOUT_NS
    # EERD alone: bits through EECD would take longer than many a point's frames, and say nothing of them.
    driver = DriverOptions(**fields, promiscuous=True, loopback=loopback, eeprom="eerd")
    return SessionOptions(driver, **session)


def bench_settings(values: Mapping[str, Value]) -> dict[str, int]:
    """The plusargs of a point."""
    return {name: value for name in BENCH if isinstance(value := values[name], int)}


def profile_for(values: Mapping[str, Value]) -> KernelProfile:
    """The kernel of a point, with what the experiment sets in place of its constants. Raises UsageError."""
    return _profile(str(values["kernel"]), *(values[name] for name in _CONSTANTS))


@cache
def _profile(name: str, *constants: Value) -> KernelProfile:
    # Read once: a sweep asks for the same few over and over, and a file of TOML takes milliseconds.
    changes: dict[str, Any] = {
        name: value for name, value in zip(_CONSTANTS, constants, strict=True) if value is not None
    }
    if "l1_cache_bytes" in changes:
        changes["smp_cache_bytes"] = changes["l1_cache_bytes"]
    return replace(load_profile(name), **changes)


def frame_length(values: Mapping[str, Value]) -> int:
    """Bytes of a made-up frame without FCS: full-sized if the experiment does not say."""
    length = values["frame_bytes"]
    if length is None:
        assert isinstance(values["mtu"], int)
        return values["mtu"] + ETH_HLEN
    assert isinstance(length, int)
    return length


def frames_for(values: Mapping[str, Value]) -> list[WireFrame]:
    """The frames of a point. Raises UsageError where the capture cannot be used."""
    count = values["frames"]
    assert isinstance(count, int)
    if values["capture"] is not None:
        from vnic.capture import read_capture

        recorded = read_capture(Path(str(values["capture"]))).frames
        return [WireFrame(recorded[index % len(recorded)].data) for index in range(count)]
    length = frame_length(values)
    # To the address that the EEPROM gives the NIC, and of an EtherType for experiments (IEEE 802, 0x88B5).
    header = bytes.fromhex("525400123456 02000000000a 88b5")
    filler = bytes(range(256)) * (length // 256 + 2)
    return [
        WireFrame((header + index.to_bytes(4, "big") + filler[index % 256 :])[:length])
        for index in range(count)
    ]
