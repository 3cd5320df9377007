"""Where receive DMA really started, read off a run's record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vnic.checks.records import FRAMES
from vnic.linux.layout import RxLayout
from vnic.linux.profile import KernelProfile

ETH_HLEN = 14


@dataclass(frozen=True, slots=True)
class Alignment:
    """DMA start addresses of one run, modulo the cache line; lengths in bytes.

    Attributes:
        line: L1_CACHE_BYTES of the kernel.
        predicted: the offset that the kernel's rules give.
        offsets: buffers filled, by the offset their address had.
    """

    line: int
    predicted: int
    offsets: dict[int, int]

    @property
    def as_predicted(self) -> bool:
        """Every buffer started where the rules say."""
        return set(self.offsets) <= {self.predicted}

    def as_json(self) -> dict[str, object]:
        """Under the documented keys of ``vnic sim --json``."""
        return {
            "cache_line": self.line,
            "predicted_offset": self.predicted,
            "offsets": {str(offset): count for offset, count in sorted(self.offsets.items())},
            "ip_header_mod_4": sorted({(offset + ETH_HLEN) % 4 for offset in self.offsets}),
            "partial_first_line": any(self.offsets),
        }

    def sentence(self) -> str:
        """One line for a reader."""
        if not self.offsets:
            return "no buffer was filled"
        total = sum(self.offsets.values())
        if not self.as_predicted:
            odd = sorted(offset for offset in self.offsets if offset != self.predicted)
            count = total - self.offsets.get(self.predicted, 0)
            where = f"at {odd} of a {self.line}-byte line, not at {self.predicted}"
            return f"{count} of {total} buffers start {where}"
        ip = (self.predicted + ETH_HLEN) % 4
        first = "each frame begins inside a line" if self.predicted else "each frame begins a line"
        return (
            f"all {total} buffers start at byte {self.predicted} of a {self.line}-byte cache line, "
            f"as predicted: {first}, the IP header is {f'{ip} mod 4' if ip else '4-byte aligned'}"
        )


def measure(record: Path, profile: KernelProfile, layout: RxLayout) -> Alignment:
    """Count the buffer addresses in the descriptors of every frame of the record. Streams the file."""
    import pyarrow.parquet as pq

    offsets: Counter[int] = Counter()
    with pq.ParquetFile(record / FRAMES) as file:
        for batch in file.iter_batches(columns=["address"]):
            addresses = batch.column("address").flatten().to_pylist()
            offsets.update(address % profile.l1_cache_bytes for address in addresses)
    return Alignment(profile.l1_cache_bytes, layout.dma_offset, dict(offsets))
