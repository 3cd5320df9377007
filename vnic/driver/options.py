"""What a user may ask of the driver, what it counts, whom it tells, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vnic.errors import UsageError, VnicError
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.nic.events import FrameEvent

ETH_HLEN: Final = 14
ETH_FCS_LEN: Final = 4
VLAN_HLEN: Final = 4
MTU_MIN: Final = 46  # ETH_ZLEN - ETH_HLEN: e1000_main.c 6.1 e1000_probe
MTU_MAX: Final = 16110  # MAX_JUMBO_FRAME_SIZE 0x3F00 less header and FCS: e1000_hw.h 2.6.18 .. 6.1
RING_MIN: Final = 8  # RDLEN counts 128 bytes, that is 8 descriptors: 8254x SDM 13.4.27
RING_MAX: Final = 4096  # E1000_MAX_82544_RXD, e1000.h
BUFFER_SIZES: Final = (256, 512, 1024, 1522, 2048, 4096, 8192, 16384)
STRATEGIES: Final = ("skb", "jumbo", "build_skb")
MACS: Final = ("82540EM", "82545EM", "82546EB", "82574L")  # of part.py
EEPROM_ACCESS: Final = ("auto", "eerd", "microwire")


class ProbeError(VnicError):
    """The controller is not what the driver can drive; the message says what was found."""


class NicTimeout(VnicError):
    """The controller did not do within its time what the manual promises."""


@dataclass(frozen=True, slots=True)
class DriverOptions:
    """The driver's parameters; `None` leaves the choice to the rules of the kernel's era.

    Attributes:
        mtu: bytes of payload a frame may have, 46 to 16110.
        rx_ring: receive descriptors, 8 to 4096, a multiple of 8.
        tx_ring: transmit descriptors, likewise.
        buffer: bytes of a receive buffer, one of `BUFFER_SIZES`; one smaller than a frame makes frames span
            descriptors.
        strategy: `skb` (an skb for each descriptor), `jumbo` (a page for each) or `build_skb` (a page
            fragment round which the skb is built on arrival).
        copybreak: frames up to about this many bytes are copied and their buffer used again; 0 never copies.
        napi_budget: descriptors a poll may take.
        needed_headroom: bytes of headroom an skb must have to be transmitted (netdev->needed_headroom).
        promiscuous: take every frame (RCTL.UPE, RCTL.MPE).
        loopback: what is sent comes back, at the MAC (RCTL.LBM); nothing comes or goes over the wire.
        strip_fcs: the controller takes the FCS off (RCTL.SECRC); `None`: as Linux does on this controller.
        mac: the controller the driver takes its NIC for; `None`: what the PCI device id says.
        eeprom: `microwire` (bits through EECD, as Linux does on an 82540EM), `eerd`, or `auto`: EERD for all
            words, and the address once more through EECD where that can be.

    Raises:
        UsageError: a value is out of its range.
    """

    mtu: int = 1500
    rx_ring: int = 256
    tx_ring: int = 256
    buffer: int | None = None
    strategy: str | None = None
    copybreak: int = 256
    napi_budget: int = 64
    needed_headroom: int = 0
    promiscuous: bool = False
    loopback: bool = False
    strip_fcs: bool | None = None
    mac: str | None = None
    eeprom: str = "auto"

    def __post_init__(self) -> None:
        check_mtu(self.mtu)
        for name, count in (("rx_ring", self.rx_ring), ("tx_ring", self.tx_ring)):
            if not RING_MIN <= count <= RING_MAX or count % 8:
                raise UsageError(
                    f"{name} of {count} descriptors: RDLEN and TDLEN are multiples of 128 bytes, so give a "
                    f"multiple of 8 from {RING_MIN} to {RING_MAX}"
                )
        if self.buffer is not None and self.buffer not in BUFFER_SIZES:
            raise UsageError(f"buffer of {self.buffer} bytes: give one of {_words(BUFFER_SIZES)}")
        if self.strategy == "packet-split":
            raise UsageError(
                "strategy packet-split: the 82540EM has no packet-split descriptors; "
                f"give one of {_words(STRATEGIES)}"
            )
        if self.strategy is not None and self.strategy not in STRATEGIES:
            raise UsageError(f"strategy {self.strategy}: give one of {_words(STRATEGIES)}")
        if not 0 <= self.copybreak <= 16384:
            raise UsageError(f"copybreak of {self.copybreak} bytes: give 0 to 16384")
        if not 1 <= self.napi_budget <= 4096:
            raise UsageError(f"napi_budget of {self.napi_budget} descriptors: give 1 to 4096")
        if not 0 <= self.needed_headroom <= 1024:
            raise UsageError(f"needed_headroom of {self.needed_headroom} bytes: give 0 to 1024")
        if self.mac is not None and self.mac not in MACS:
            raise UsageError(f"mac {self.mac}: give one of {_words(MACS)}")
        if self.eeprom not in EEPROM_ACCESS:
            raise UsageError(f"eeprom {self.eeprom}: give one of {_words(EEPROM_ACCESS)}")


def check_mtu(mtu: int) -> None:
    """Raises UsageError unless a frame with `mtu` bytes of payload is one the driver can be asked for."""
    if not MTU_MIN <= mtu <= MTU_MAX:
        raise UsageError(f"mtu {mtu}: the e1000 driver takes {MTU_MIN} to {MTU_MAX} bytes")


def _words(names: tuple[object, ...]) -> str:
    return ", ".join(map(str, names))


@dataclass(slots=True)
class DriverStats:
    """What the driver counts, by the names of `struct net_device_stats` and of e1000's ethtool statistics.

    `rx_errors` and `rx_missed` come from the controller's registers at `update_stats()`. `rx_dropped` counts
    frames that reached memory and were thrown away by the driver (a span of buffers where none is expected,
    an error in the descriptor, no memory for the head); Linux 6.1 lets them go uncounted, here each frame is
    accounted for.
    """

    rx_packets: int = 0
    rx_bytes: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    rx_missed: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_dropped: int = 0
    tx_busy: int = 0
    alloc_rx_buff_failed: int = 0
    rx_copybreak: int = 0
    rx_descriptors: int = 0
    rx_64k_rejected: int = 0
    tx_headroom_reallocs: int = 0
    restarts: int = 0


def _ignore(_event: object) -> None:
    """A hook nobody set."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom the driver tells: of each received frame, and of each buffer it hands to the NIC."""

    on_frame: Callable[[FrameEvent], None] = _ignore
    on_buffer: Callable[[RxBufferEvent], None] = _ignore
