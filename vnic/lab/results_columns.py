"""The columns of a results file: types, units and meanings. `vnic results --columns` prints this table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from vnic.lab.metrics_pcie import MPS
from vnic.lab.metrics_timing import PLACES
from vnic.lab.sweep_params import PARAMETERS

SCHEMA: Final = 1
"""Version of the columns; a reader refuses another one."""


class ResultColumn(NamedTuple):
    """One column: name, type in the file, unit (empty for counts), and meaning."""

    name: str
    type: str
    unit: str
    doc: str


_POINT: Final = (
    ResultColumn("point", "str", "", "SHA-256 of the point's inputs and of the version that ran, 32 digits"),
    ResultColumn("status", "str", "", "ok, or failed"),
    ResultColumn("reason", "str", "", "why it failed; empty otherwise"),
    ResultColumn("wall_s", "float", "s", "time the point took, a simulator's start not included"),
)
_MEASURED: Final = (
    ResultColumn("frames_offered", "int", "frames", "put on the wire, or given to the driver in loopback"),
    ResultColumn("frames_received", "int", "frames", "the driver got"),
    ResultColumn("frames_sent", "int", "frames", "left the NIC on the wire"),
    ResultColumn("frame_bytes_mean", "float", "bytes", "mean length received, with FCS"),
    ResultColumn("dma_offset", "int", "bytes", "address of most buffers modulo L1_CACHE_BYTES"),
    ResultColumn(
        "cycles_per_frame", "float", "cycles", "whole session: register accesses and waits included"
    ),
    ResultColumn("steady_cycles_per_frame", "float", "cycles", "from frame to frame within a batch"),
    ResultColumn("efficiency", "float", "ratio", "fewest data beats and write-back beats by steady cycles"),
    ResultColumn("beats_per_frame", "float", "beats", "all beats, read and written"),
    ResultColumn("data_beats_per_frame", "float", "beats", "beats of frame data"),
    ResultColumn("partial_beats_share", "float", "ratio", "written beats that are not written whole"),
    ResultColumn("partial_lines_per_frame", "float", "lines", "cache lines a write burst covers in part"),
    ResultColumn("bursts_per_frame", "float", "bursts", "all bursts, read and written"),
    ResultColumn(
        "splits_4k_per_frame", "float", "splits", "data bursts that begin where a 4 KiB border cut one"
    ),
    ResultColumn("descriptor_bytes_share", "float", "ratio", "bytes moved that are descriptors"),
    ResultColumn("descriptor_beats_share", "float", "ratio", "beats that are of descriptors"),
    *(
        ResultColumn(
            f"latency_{name}_cycles", "float", "cycles", f"{name} of: last beat in to write-back visible"
        )
        for name in PLACES
    ),
)
_DERIVED: Final = (
    ResultColumn(
        "dram_rmw_per_frame", "float", "lines", "64-byte lines written in part, bursts in a row merged"
    ),
    *(
        column
        for mps in MPS
        for column in (
            ResultColumn(
                f"pcie_tlps_per_frame_mps{mps}", "float", "packets", f"both directions, MPS {mps}, RCB 64"
            ),
            ResultColumn(
                f"pcie_efficiency_mps{mps}", "float", "ratio", f"frame bytes by wire bytes to memory, {mps}"
            ),
        )
    ),
)
_KERNEL: Final = (
    ResultColumn("buffer_bytes", "int", "bytes", "receive buffer, what the NIC may fill"),
    ResultColumn("buffer_strategy", "str", "", "how it was allocated"),
    ResultColumn("size_class", "str", "", "where it came from"),
    ResultColumn("home_class", "str", "", "the kmalloc cache that its nominal size alone would fit"),
    ResultColumn("spill", "bool", "", "a larger class than home_class"),
    ResultColumn("allocated_bytes", "int", "bytes", "what the allocator took"),
    ResultColumn("waste_bytes", "int", "bytes", "allocated and not for received bytes"),
    ResultColumn("waste_share", "float", "ratio", "waste_bytes by allocated_bytes"),
    ResultColumn("truesize_bytes", "int", "bytes", "what one buffer charges to a socket"),
    ResultColumn(
        "truesize_to_payload", "float", "ratio", "truesize of a frame's buffers by its bytes without FCS"
    ),
    ResultColumn("pages_per_1000_frames", "float", "pages", "pages under 1000 waiting frames"),
    ResultColumn("headroom_bytes", "int", "bytes", "in front of the data"),
    ResultColumn(
        "headroom_reallocs", "int", "copies", "pskb_expand_head for one frame forwarded with encapsulation"
    ),
    ResultColumn("headroom_copied_bytes", "int", "bytes", "moved by them"),
    ResultColumn("cpu_header_lines", "int", "lines", "cache lines under Ethernet, IPv4 and TCP header"),
    ResultColumn("cpu_rps_lines", "int", "lines", "cache lines that get_rps_cpu touches"),
    ResultColumn("cpu_misaligned_loads", "int", "loads", "of the 10 that read the IPv4 and TCP header"),
    ResultColumn("cpu_split_loads", "int", "loads", "of the 10, lying on two cache lines"),
    ResultColumn("cpu_trapped", "bool", "", "the architecture may trap on misaligned loads"),
    ResultColumn("decides", "str", "", "why the buffer has the class it has"),
)
_VERDICTS: Final = (
    ResultColumn("errors", "int", "verdicts", "rules broken"),
    ResultColumn("warnings", "int", "verdicts", "rules that warn"),
    ResultColumn("notes", "int", "verdicts", "rules that note something"),
    ResultColumn("worst_verdict", "str", "", "the weightiest error or warning in words"),
)


def _parameters() -> Iterator[ResultColumn]:
    for name, parameter in PARAMETERS.items():
        kind = "int" if parameter.kind is int else "str"
        yield ResultColumn(name, kind, parameter.unit, parameter.doc)


PARAMETER_COLUMNS: Final = tuple(_parameters())
METRIC_COLUMNS: Final = (*_MEASURED, *_DERIVED, *_KERNEL, *_VERDICTS)
COLUMNS: Final = (*_POINT, *PARAMETER_COLUMNS, *METRIC_COLUMNS)
BY_NAME: Final = {column.name: column for column in COLUMNS}
