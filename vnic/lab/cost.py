"""What a receive buffer costs under one kernel: the driver's rule for its size, then the allocator's."""

from __future__ import annotations

from vnic.driver.buffers import plan_rx
from vnic.driver.options import DriverOptions
from vnic.linux.layout import RxLayout, rx_layout
from vnic.linux.profile import KernelProfile


def layout_for(
    profile: KernelProfile, mtu: int, buffer: int | None = None, strategy: str | None = None
) -> RxLayout:
    """The receive buffer that the profile's e1000 takes for `mtu`. Raises UsageError."""
    plan = plan_rx(profile, DriverOptions(mtu=mtu, buffer=buffer, strategy=strategy), mtu)
    return rx_layout(profile, plan.buffer, plan.strategy)
