"""What the NIC believes of the receive buffers: RCTL's buffer size against what is really there."""

from __future__ import annotations

from typing import Final

from vnic.checks.rule import Rule, Severity
from vnic.checks.state import State
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.nic.registers import RCTL, Reg

ETH_VLAN_FRAME: Final = 1522
"""Bytes of the longest frame that is received without RCTL.LPE: 8254x SDM 13.4.22."""

RCTL_BSIZE: Final = Rule(
    "rctl-bsize",
    "RCTL.BSIZE is not larger than the buffer that is mapped",
    "The NIC knows one buffer size, and only powers of two. A driver that maps 1522 bytes under a BSIZE of "
    "2048 relies on RCTL.LPE and RCTL.SBP being off, for then no frame is longer: a note. With either of "
    "them on, or with a buffer below 1522 bytes, any host on the wire can have the NIC write past the "
    "mapping: an error where that reaches skb_shared_info or the next object, else a warning (e1000 since "
    "2.6.32 at an MTU of 1504: 1522 bytes of a page are mapped, with LPE on).",
    "8254x SDM 13.4.22 (RCTL); Linux e1000_main.c (e1000_change_mtu, MAXIMUM_ETHERNET_VLAN_SIZE), since "
    "2.6.18",
)
RULES: Final = (RCTL_BSIZE,)

_BSIZE: Final = (2048, 1024, 512, 256)


def rctl_buffer_size(rctl: int) -> int:
    """Bytes that the NIC takes a receive buffer to have: RCTL.BSIZE and BSEX, 8254x SDM 13.4.22."""
    code = (rctl & RCTL.BSIZE_MASK) >> RCTL.BSIZE_SHIFT
    return _BSIZE[code] * 16 if rctl & RCTL.BSEX and code else _BSIZE[code]


class SizeRules:
    """Judges each kind of buffer under each setting of RCTL once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger = state.ledger
        self._current: set[int] = set()
        self._known: set[tuple[int, int, int]] = set()

    def buffer(self, event: RxBufferEvent) -> None:
        """Judge one buffer as it is posted."""
        if event.nominal not in self._current:
            self._current.add(event.nominal)
            if self._state.rx.enabled:
                self._judge(event)

    def reception_changed(self) -> None:
        """RCTL was written: judge the buffers mapped now, and each length again when it is next posted."""
        self._current.clear()
        if self._state.rx.enabled:
            for mapping in self._state.mappings.values():
                if mapping.buffer is not None:
                    self._judge(mapping.buffer)

    def _judge(self, event: RxBufferEvent) -> None:
        rctl = self._state.registers.get(Reg.RCTL, 0)
        size, nominal = rctl_buffer_size(rctl), event.nominal
        reasons = rctl & (RCTL.LPE | RCTL.SBP)
        if size <= nominal or (size, nominal, reasons) in self._known:
            return
        self._known.add((size, nominal, reasons))
        short = nominal < ETH_VLAN_FRAME
        room = (event.shinfo or event.head + event.allocated) - event.address
        if reasons or short:
            severity: Severity = "error" if size > room else "warning"
            why = " and ".join(
                text
                for on, text in (
                    (rctl & RCTL.LPE, "RCTL.LPE lets longer frames in"),
                    (rctl & RCTL.SBP, "RCTL.SBP stores bad ones of any length"),
                    (short, f"frames without LPE have up to {ETH_VLAN_FRAME} bytes"),
                )
                if on
            )
        else:
            severity = "note"
            why = "safe only while RCTL.LPE and RCTL.SBP are off, as they are"
        self._ledger.report(
            RCTL_BSIZE,
            f"buffer of {nominal} bytes",
            f"the NIC is told {size}: {why}",
            severity=severity,
            nominal=nominal,
            bsize=size,
            room=room,
            allocated=event.allocated,
        )
