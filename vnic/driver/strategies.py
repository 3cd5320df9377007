"""What e1000 and e1000e of any kernel allocate for an MTU: buffer size, strategy, layout.

e1000's rules are those the driver model runs by (`buffers.py`); e1000e's, whose controller is not modelled,
are here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vnic.driver.buffers import BUFFER_SIZE, ETH_FRAME, ETH_VLAN_FRAME, RX_PATH
from vnic.driver.options import ETH_FCS_LEN, ETH_HLEN, MTU_MAX, MTU_MIN, VLAN_HLEN
from vnic.errors import UsageError
from vnic.linux.eras import Era, Rule, version_text
from vnic.linux.layout import RxLayout, rx_layout
from vnic.linux.profile import KernelProfile
from vnic.linux.skb_alloc import Gfp

NETDEV_C: Final = "drivers/net/e1000e/netdev.c"
SINCE: Final = {"e1000": (2, 4), "e1000e": (2, 6, 24)}
ETH_DATA_LEN: Final = 1500  # up to this MTU RCTL.LPE is off, and packet split with it
PS_PAGES: Final = 3  # packet split fills up to three pages behind the header buffer
PS_PAGE_LIMIT: Final = 16384


def _seven_sizes(mtu: int) -> int:
    """256 to 4096, and 1522 for plain and tagged Ethernet: 2.6.24 to 2.6.32."""
    max_frame = mtu + ETH_HLEN + ETH_FCS_LEN
    if max_frame in (ETH_FRAME, ETH_VLAN_FRAME):
        return ETH_VLAN_FRAME
    return next((size for size in (256, 512, 1024, 2048) if max_frame <= size), 4096)


def _two_sizes(mtu: int) -> int:
    """2048 and 4096, and 1522 as before: 2.6.33 to 3.x."""
    max_frame = mtu + ETH_HLEN + ETH_FCS_LEN
    if max_frame in (ETH_FRAME, ETH_VLAN_FRAME):
        return ETH_VLAN_FRAME
    return 2048 if max_frame <= 2048 else 4096


def _every_small_mtu(mtu: int) -> int:
    """A VLAN header counts, and every MTU up to 1500 gets 1522: seen from 4.4 on."""
    max_frame = mtu + VLAN_HLEN + ETH_HLEN + ETH_FCS_LEN
    if max_frame <= ETH_VLAN_FRAME:
        return ETH_VLAN_FRAME
    return 2048 if max_frame <= 2048 else 4096


class MtuRange(NamedTuple):
    """The smallest and the largest MTU that a driver takes."""

    least: int
    most: int


# A controller of 9234-byte frames, as the 82571, 82572 and 82574 are.
MTU_RANGE: Final[dict[str, Rule[MtuRange]]] = {
    "e1000": Rule(
        "the MTU of e1000",
        [Era((2, 4), MtuRange(MTU_MIN, MTU_MAX), "e1000_main.c 2.4.22, 2.6.31, 6.1: 64 to 16128 of frame")],
    ),
    "e1000e": Rule(
        "the MTU of e1000e",
        [
            Era((2, 6, 24), MtuRange(46, 9216), f"{NETDEV_C} 2.6.24, 2.6.26: 64 to 9234 of frame"),
            Era((2, 6, 27), MtuRange(68, 9216), f"{NETDEV_C} 2.6.27, 3.6.5"),
            Era((4, 4), MtuRange(68, 9212), f"{NETDEV_C} 4.9, 6.1: a VLAN header counts"),
        ],
    ),
}

E1000E_LONG: Rule[str] = Rule(
    "e1000e's receive path for a long MTU that packet split does not take",
    [
        Era((2, 6, 24), "skb", f"{NETDEV_C} 2.6.24, 2.6.25 e1000_configure_rx"),
        Era((2, 6, 26), "jumbo", f"{NETDEV_C} 2.6.26, 6.1 e1000_configure_rx"),
    ],
)

E1000E_BUFFER_SIZE: Rule[Callable[[int], int]] = Rule(
    "e1000e's rx_buffer_len",
    [
        Era((2, 6, 24), _seven_sizes, f"{NETDEV_C} 2.6.24, 2.6.32 e1000_change_mtu"),
        Era((2, 6, 33), _two_sizes, f"{NETDEV_C} 2.6.33, 3.2 e1000_change_mtu"),
        Era((4, 4), _every_small_mtu, f"{NETDEV_C} 4.4, 6.1, 6.19 e1000_change_mtu"),
    ],
)


class DriverBuffer(NamedTuple):
    """The receive buffers of one driver at one MTU.

    Attributes:
        driver, mtu: as asked for.
        rx_buffer_len: what the driver tells the controller of, before it is rounded to a size RCTL has.
        strategy: `skb`, `build_skb`, `jumbo` or `packet-split`.
        layout: a buffer of the ring as it is refilled in interrupt context.
        first_fill: a buffer of the first fill, where that differs: e1000e may sleep then and gets kmalloc;
        else None.
    """

    driver: str
    mtu: int
    rx_buffer_len: int
    strategy: str
    layout: RxLayout
    first_fill: RxLayout | None


def driver_buffer(
    profile: KernelProfile, driver: str, mtu: int, *, cpus: int = 2, mapping: str = "direct"
) -> DriverBuffer:
    """What `driver` (`e1000` on an 82540EM, or `e1000e`) of the profile's kernel allocates for `mtu`.

    Raises:
        UsageError: the driver is not known or not in this kernel, or the MTU is out of its range.
    """
    if driver not in SINCE:
        raise UsageError(f"unknown driver {driver!r}: give one of {', '.join(SINCE)}")
    if profile.version < SINCE[driver]:
        since = version_text(SINCE[driver])
        raise UsageError(f"{driver} is not in Linux {profile.release} ({profile.name}); it came with {since}")
    least, most = MTU_RANGE[driver].at(profile.version)
    if not least <= mtu <= most:
        raise UsageError(f"mtu {mtu}: {driver} takes {least} to {most} in Linux {profile.release}")
    if driver == "e1000":
        size = BUFFER_SIZE.at(profile.version)(mtu + ETH_HLEN + ETH_FCS_LEN, profile.page_size)
        path = RX_PATH.at(profile.version)
        strategy = path.jumbo if mtu > 1500 else path.standard
        return DriverBuffer(
            driver, mtu, size, strategy, rx_layout(profile, size, strategy, cpus=cpus, mapping=mapping), None
        )
    size = E1000E_BUFFER_SIZE.at(profile.version)(mtu)
    strategy = _e1000e_strategy(profile, mtu)
    nominal = mtu if strategy == "packet-split" else size
    layout = rx_layout(profile, nominal, strategy, cpus=cpus, mapping=mapping)
    first = rx_layout(profile, nominal, strategy, cpus=cpus, mapping=mapping, gfp=Gfp.KERNEL)
    return DriverBuffer(driver, mtu, size, strategy, layout, None if first == layout else first)


def _e1000e_strategy(profile: KernelProfile, mtu: int) -> str:
    """Packet split for what lies in up to three pages: netdev.c e1000_setup_rctl. Else whole pages.

    Those only above 1518: e1000_configure_rx compares the MTU with the length of a frame.
    """
    if mtu <= ETH_DATA_LEN:
        return "skb"
    pages = -(-mtu // profile.page_size)
    if pages <= PS_PAGES and profile.page_size <= PS_PAGE_LIMIT:
        return "packet-split"
    return E1000E_LONG.at(profile.version) if mtu > ETH_FRAME else "skb"
