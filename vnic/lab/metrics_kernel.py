"""What a point costs in the kernel's memory and caches: figures of the kernel model, no simulation in
them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from vnic.lab.cost import layout_for
from vnic.lab.metrics import Metrics
from vnic.linux.cpu_cost import HeaderCost, header_cost
from vnic.linux.headroom import PathCost, transmit_path
from vnic.linux.layout import RxLayout
from vnic.linux.profile import KernelProfile

SHORTEST_PATH: Final = 60
LONGEST_PATH: Final = 9014


class KernelCosts:
    """Costs of one kernel, computed once for each buffer: a sweep asks for the same ones over and over."""

    def __init__(self, profile: KernelProfile) -> None:
        self._profile = profile
        self.layout = lru_cache(self._layout)
        self._headers = lru_cache(self._header_cost)
        self._path = lru_cache(self._transmit_path)

    def _layout(self, mtu: int, buffer: int | None, strategy: str | None) -> RxLayout:
        return layout_for(self._profile, mtu, buffer, strategy)

    def _header_cost(self, size: int, strategy: str) -> HeaderCost:
        return header_cost(self._profile, size, strategy)

    def _transmit_path(self, encapsulations: Sequence[str], frame: int) -> PathCost:
        return transmit_path(self._profile, encapsulations, frame=frame)

    def metrics(
        self,
        mtu: int,
        buffer: int | None,
        strategy: str | None,
        encapsulations: tuple[str, ...],
        frame: int,
    ) -> Metrics:
        """Buffer, headroom and CPU costs, under the names of `vnic.lab.results`.

        Args:
            mtu, buffer, strategy: as given to the driver.
            encapsulations: put in front when a frame is forwarded.
            frame: bytes of a typical frame without FCS.

        Raises:
            UsageError: this kernel cannot have such a buffer.
        """
        layout = self.layout(mtu, buffer, strategy)
        headers = self._headers(layout.size, layout.strategy)
        path = self._path(encapsulations, min(max(frame, SHORTEST_PATH), LONGEST_PATH))
        buffers = -(-(frame + 4) // layout.size)
        return {
            "buffer_bytes": layout.size,
            "buffer_strategy": layout.strategy,
            "size_class": layout.size_class,
            "home_class": layout.home_class,
            "spill": layout.spill,
            "allocated_bytes": layout.allocated,
            "waste_bytes": layout.waste,
            "waste_share": layout.waste / layout.allocated,
            "truesize_bytes": layout.truesize,
            "truesize_to_payload": buffers * layout.truesize / frame,
            "pages_per_1000_frames": 1000 * buffers * max(layout.pages, 1) * 2**layout.order / layout.objects,
            "headroom_bytes": layout.headroom,
            "headroom_reallocs": path.expands,
            "headroom_copied_bytes": path.copied,
            "cpu_header_lines": headers.header_lines,
            "cpu_rps_lines": headers.rps_lines,
            "cpu_misaligned_loads": headers.misaligned,
            "cpu_split_loads": headers.split,
            "cpu_trapped": headers.trapped,
            "decides": layout.decides,
        }
